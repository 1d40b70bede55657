CREATE FUNCTION ghostwatch._trigger_problems(
    contract_id integer
)
RETURNS TABLE (
    finding text,
    advice text
)
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
ROWS 5
SET search_path = pg_catalog, pg_temp
AS $_trigger_problems$
-- Capture and enforcement let signups pass where they do not work. So their triggers are looked at by every check
-- run and by the doctor: a restore by another role, a lost grant or a disabled trigger is found in the catalogs.
DECLARE
    watched ghostwatch.contract;
    -- Only the owner may declare and enforce; the doctor may be asked by anybody.
    as_owner text := '';
BEGIN
    SELECT c.* INTO watched FROM ghostwatch.contract AS c WHERE c.contract_id = _trigger_problems.contract_id;
    IF watched.owner <> quote_ident(current_user)::regrole THEN
        as_owner := format('SET ROLE %s; ', watched.owner);
    END IF;

    RETURN QUERY
    WITH wanted AS (
        SELECT
            k.*,
            t.relid AS relation
        FROM (
            SELECT
                ghostwatch._capture_name(watched.contract_id) AS function_name,
                ghostwatch._capture_name(watched.contract_id)::text AS trigger_name,
                'no arrival is recorded there' AS consequence,
                as_owner || format('SELECT ghostwatch.declare_contract(%L, capture => true);', watched.name) AS advice
            WHERE watched.capture
            UNION ALL
            SELECT
                ghostwatch._enforcement_name(watched.contract_id),
                ghostwatch._enforcement_name(watched.contract_id) || suffix.name,
                'not every commit is checked there',
                as_owner || format('SELECT * FROM ghostwatch.enforce(%L, %L);', watched.name, watched.enforcement)
            FROM unnest(ARRAY['', '_key']) AS suffix (name)
            WHERE watched.enforcement <> 'observe'
        ) AS k
        CROSS JOIN ghostwatch._partitions(watched.subject) AS t (relid)
        INNER JOIN pg_class AS r
            ON r.oid = t.relid
    )

    SELECT
        format(
            '%s has %s trigger %I, which contract %s needs: %s.',
            w.relation::regclass,
            CASE WHEN t.oid IS NULL THEN 'no' ELSE 'a disabled' END,
            w.trigger_name,
            watched.name,
            w.consequence
        ),
        CASE
            WHEN t.oid IS NULL THEN w.advice
            ELSE format('ALTER TABLE %s ENABLE TRIGGER %I;', w.relation::regclass, w.trigger_name)
        END
    FROM wanted AS w
    LEFT JOIN pg_trigger AS t
        ON t.tgrelid = w.relation
        AND t.tgname = w.trigger_name
    WHERE t.oid IS NULL
        OR t.tgenabled NOT IN ('O', 'A')
    ORDER BY w.relation::text, w.trigger_name;

    RETURN QUERY
    SELECT
        format(
            'Function %s works for contract %s, which belongs to %s, but is owned by %s: it lacks the rights that it needs.',
            p.oid::regprocedure, watched.name, watched.owner, p.proowner::regrole
        ),
        format('ALTER FUNCTION %s OWNER TO %s;', p.oid::regprocedure, watched.owner)
    FROM pg_trigger AS t
    INNER JOIN pg_proc AS p
        ON p.oid = t.tgfoid
    WHERE t.tgrelid = watched.subject
        AND t.tgname IN (ghostwatch._capture_name(watched.contract_id), ghostwatch._enforcement_name(watched.contract_id))
        AND p.proowner <> watched.owner;

    RETURN QUERY
    SELECT
        format('%s, which owns contract %s, lacks rights on ghostwatch: %s.', watched.owner, watched.name, string_agg(w.lost, ', ' ORDER BY w.lost)),
        format('SELECT ghostwatch.grant_operator(%L);', (SELECT r.rolname FROM pg_roles AS r WHERE r.oid = watched.owner))
    FROM (
        SELECT
            'ghostwatch.arrival' AS lost,
            watched.capture AS is_needed,
            has_schema_privilege(watched.owner, 'ghostwatch', 'USAGE')
            AND has_any_column_privilege(watched.owner, 'ghostwatch.arrival', 'INSERT') AS is_there
        UNION ALL
        SELECT
            'ghostwatch.capture_failure',
            watched.capture,
            has_any_column_privilege(watched.owner, 'ghostwatch.capture_failure', 'INSERT')
        UNION ALL
        SELECT
            'ghostwatch._judge_at_commit',
            watched.enforcement <> 'observe',
            has_schema_privilege(watched.owner, 'ghostwatch', 'USAGE')
            AND has_function_privilege(watched.owner, 'ghostwatch._judge_at_commit(integer, text)', 'EXECUTE')
    ) AS w
    WHERE w.is_needed
        AND NOT w.is_there
    HAVING count(*) > 0;
END
$_trigger_problems$;

COMMENT ON FUNCTION ghostwatch._trigger_problems(integer) IS
'Why capture or enforcement of a contract does not work, with the statement to type.';
