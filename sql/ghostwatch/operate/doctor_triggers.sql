CREATE FUNCTION ghostwatch._doctor_triggers()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_triggers$
-- Whether the triggers that capture arrivals and enforce contracts are on every table and partition that they must be on.
BEGIN
    RETURN QUERY
    WITH wanted AS (
        SELECT
            c.name AS contract,
            t.relid AS relation,
            k.trigger_name,
            k.consequence,
            k.advice
        FROM ghostwatch.contract AS c
        CROSS JOIN LATERAL (
            SELECT c.subject AS relid
            UNION
            SELECT p.relid FROM pg_partition_tree(c.subject) AS p
        ) AS t
        CROSS JOIN LATERAL (
            SELECT
                ghostwatch._capture_name(c.contract_id) AS trigger_name,
                'whoever is inserted there is never judged' AS consequence,
                format('SELECT ghostwatch.declare_contract(%L, %L, capture => true, …);', c.name, c.subject) AS advice
            WHERE c.capture
            UNION ALL
            SELECT
                ghostwatch._enforcement_name(c.contract_id),
                'nothing is refused there at COMMIT',
                format('SELECT * FROM ghostwatch.enforce(%L, %L);', c.name, c.enforcement)
            WHERE c.enforcement <> 'observe'
        ) AS k
    )

    SELECT
        'triggers',
        'error',
        format(
            '%s has %s trigger %I, which contract %s needs: %s.',
            w.relation::regclass,
            CASE WHEN t.oid IS NULL THEN 'no' ELSE 'a disabled' END,
            w.trigger_name,
            w.contract,
            w.consequence
        ),
        CASE
            WHEN t.oid IS NULL THEN w.advice
            ELSE format('ALTER TABLE %s ENABLE TRIGGER %I;', w.relation::regclass, w.trigger_name)
        END
    FROM wanted AS w
    INNER JOIN pg_class AS r
        ON r.oid = w.relation
    LEFT JOIN pg_trigger AS t
        ON t.tgrelid = w.relation
        AND t.tgname = w.trigger_name
    WHERE t.oid IS NULL
        OR t.tgenabled NOT IN ('O', 'A')
    ORDER BY
        w.contract,
        w.relation::text;

    IF NOT FOUND THEN
        RETURN QUERY
        SELECT 'triggers', 'ok', 'Every trigger that a contract needs is where it must be.', NULL::text;
    END IF;
END
$_doctor_triggers$;

COMMENT ON FUNCTION ghostwatch._doctor_triggers() IS
'The doctor on the triggers that capture arrivals and enforce contracts.';
