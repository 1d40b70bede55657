CREATE FUNCTION ghostwatch.grant_operator(
    role name
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $grant_operator$
-- Lets a role declare contracts of its own, run their checks, look after alerts and change settings.
-- Takes the role; repeat after an upgrade, which may bring functions.
-- What belongs to contracts of others it can read in part but not change (row level security).
-- Raises GW057 where there is no such role, GW058 where this session cannot grant.
DECLARE
    relation record;
    routine  regprocedure;
BEGIN
    PERFORM ghostwatch._require_grantable(grant_operator.role);
    PERFORM ghostwatch._note_grant(grant_operator.role, 'operator');

    EXECUTE format('GRANT USAGE ON SCHEMA ghostwatch TO %I', grant_operator.role);

    -- Views are for reading: what is written through a view escapes row level security. A privilege to write a whole
    -- table is one to lock it, so columns are granted where rows are not to be deleted: nobody's signup waits.
    FOR relation IN
        SELECT
            c.oid::regclass AS name,
            CASE
                WHEN c.relkind = 'v' THEN '{SELECT}'
                WHEN c.relname IN (
                    'branch_family', 'branch_minute', 'capture_failure', 'channel', 'contract', 'drift_detector',
                    'drift_baseline', 'invariant', 'checked_ahead', 'violation'
                ) THEN '{SELECT,INSERT,UPDATE,DELETE}'
                WHEN c.relname IN ('arrival', 'check_run') THEN '{SELECT,INSERT}'
                WHEN c.relname IN ('alert', 'check_progress', 'drift_history', 'maintenance', 'notification', 'silence')
                    THEN format('{SELECT,"INSERT (%1$s)","UPDATE (%1$s)"}', k.columns)
                ELSE '{SELECT}'
            END::text[] AS privileges
        FROM pg_class AS c
        CROSS JOIN LATERAL (
            SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
            FROM pg_attribute AS a
            WHERE a.attrelid = c.oid
                AND a.attnum > 0
                AND NOT a.attisdropped
        ) AS k
        WHERE c.relnamespace = 'ghostwatch'::regnamespace
            AND c.relkind IN ('r', 'v')
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %I', relation.name, grant_operator.role);
        EXECUTE format('GRANT %s ON %s TO %I', array_to_string(relation.privileges, ', '), relation.name, grant_operator.role);
    END LOOP;

    -- Delivering is the sidecar's, and granting is the installer's.
    FOR routine IN
        SELECT p.oid::regprocedure
        FROM pg_proc AS p
        WHERE p.pronamespace = 'ghostwatch'::regnamespace
            AND p.proname NOT IN ('grant_sidecar', 'grant_operator', 'enable_test_clock', 'disable_test_clock')
            AND p.oid NOT IN (SELECT f FROM ghostwatch._sidecar_functions() AS f)
    LOOP
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', routine, grant_operator.role);
    END LOOP;
END
$grant_operator$;

COMMENT ON FUNCTION ghostwatch.grant_operator(name) IS
'Lets a role declare contracts of its own, run their checks, look after alerts and change settings. Repeat after an upgrade. '
'Raises GW057 where there is no such role, GW058 where this session cannot grant.';
