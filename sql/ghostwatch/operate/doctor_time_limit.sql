CREATE FUNCTION ghostwatch._doctor_time_limit()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_time_limit$
-- A check that hangs holds up the others of its owner.
DECLARE
    advised constant text := extract(epoch FROM ghostwatch._setting('run_budget')::interval + '15 seconds')::integer || 's';
BEGIN
    RETURN QUERY
    SELECT
        'time limit',
        'warning',
        format('Check runs as %s have no statement_timeout: a check that hangs holds up the others.', o.rolname),
        format('ALTER ROLE %I IN DATABASE %I SET statement_timeout = %L;', o.rolname, current_database(), advised)
    FROM (SELECT DISTINCT c.owner FROM ghostwatch.contract AS c) AS c
    INNER JOIN pg_roles AS o
        ON o.oid = c.owner
    -- The setting for role and database wins over that for the role, that over the database's, and that over the server's.
    LEFT JOIN LATERAL (
        SELECT split_part(item, '=', 2) AS value
        FROM pg_db_role_setting AS s
        CROSS JOIN LATERAL unnest(s.setconfig) AS item
        WHERE s.setrole IN (0, c.owner)
            AND s.setdatabase IN (0, (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()))
            AND item LIKE 'statement\_timeout=%'
        ORDER BY
            s.setrole DESC,
            s.setdatabase DESC
        LIMIT 1
    ) AS set_for
        ON true
    CROSS JOIN (SELECT g.reset_val FROM pg_settings AS g WHERE g.name = 'statement_timeout') AS of_server
    WHERE coalesce(set_for.value, of_server.reset_val) ~ '^ *0+ *[a-z]* *$'
    ORDER BY o.rolname;

    IF NOT FOUND THEN
        RETURN QUERY
        SELECT 'time limit', 'ok', 'A check that hangs is cut off by statement_timeout.', NULL::text;
    END IF;
END
$_doctor_time_limit$;

COMMENT ON FUNCTION ghostwatch._doctor_time_limit() IS
'The doctor on statement_timeout, which ends a check that hangs: each owner''s setting in this database.';
