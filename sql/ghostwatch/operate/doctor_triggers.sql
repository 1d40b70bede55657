CREATE FUNCTION ghostwatch._doctor_triggers()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_triggers$
-- An outdated function still enforces, one clause after the other: slowly, and wrongly once another table takes the old name.
DECLARE
    found_any boolean := false;
BEGIN
    RETURN QUERY
    SELECT
        'triggers',
        'error',
        p.finding,
        p.advice
    FROM ghostwatch.contract AS c
    CROSS JOIN LATERAL ghostwatch._trigger_problems(c.contract_id) AS p
    ORDER BY c.name;
    found_any := FOUND;

    RETURN QUERY
    SELECT
        'triggers',
        'warning',
        CASE c.enforcement
            WHEN 'observe' THEN format('Contract %s is not enforced any more; the triggers that remain on %s do nothing.', c.name, c.subject)
            ELSE format('The function that enforces contract %s uses old names: a table or column was renamed since it was written.', c.name)
        END,
        CASE c.enforcement
            WHEN 'observe' THEN 'SELECT ghostwatch.remove_idle_triggers(); -- when the table is not busy'
            ELSE concat(
                CASE WHEN c.owner <> quote_ident(current_user)::regrole THEN format('SET ROLE %s; ', c.owner) END,
                format('SELECT * FROM ghostwatch.enforce(%L, %L);', c.name, c.enforcement)
            )
        END
    FROM ghostwatch.contract AS c
    INNER JOIN pg_trigger AS t
        ON t.tgrelid = c.subject
        AND t.tgname = ghostwatch._enforcement_name(c.contract_id)
    INNER JOIN pg_proc AS p
        ON p.oid = t.tgfoid
    WHERE c.enforcement = 'observe'
        OR p.prosrc <> ghostwatch._enforcement_body(c.contract_id)
    ORDER BY c.name;
    found_any := found_any OR FOUND;

    RETURN QUERY
    SELECT
        'triggers',
        'warning',
        format(
            'In the last day, the arrival of %s of contract %s could not be recorded at once, last at %s: %s. The check runs recorded it.',
            ghostwatch._pluralize(sum(cardinality(f.subject_keys))::bigint, 'subject'),
            c.name,
            max(f.failed_at)::timestamptz(0),
            (array_agg(f.error_message ORDER BY f.failed_at DESC))[1]
        ),
        'SELECT * FROM ghostwatch.capture_failure;'
    FROM ghostwatch.capture_failure AS f
    INNER JOIN ghostwatch.contract AS c
        ON c.contract_id = f.contract_id
    GROUP BY c.name
    ORDER BY c.name;
    found_any := found_any OR FOUND;

    IF NOT found_any THEN
        RETURN QUERY
        SELECT 'triggers', 'ok', 'Every trigger that a contract needs is where it must be.', NULL::text;
    END IF;
END
$_doctor_triggers$;

COMMENT ON FUNCTION ghostwatch._doctor_triggers() IS
'The doctor on the triggers that capture arrivals and enforce contracts.';
