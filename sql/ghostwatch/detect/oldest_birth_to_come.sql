CREATE FUNCTION ghostwatch._oldest_birth_to_come(
    clause ghostwatch._clause,
    as_of timestamptz
) RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_oldest_birth_to_come$
-- The earliest birth time that a subject may have that nobody can see yet. A birth time is the start of its transaction
-- (DEFAULT now()), give or take the lateness; so no subject can still appear that was born before the
-- oldest transaction began, where this role may see when that was.
-- (plpgsql, so that a session that runs checks again and again plans this once.)
DECLARE
    oldest_start timestamptz;
BEGIN
    SELECT min(a.xact_start)
    INTO oldest_start
    FROM pg_stat_activity AS a
    WHERE a.datname = current_database()
      AND a.pid <> pg_backend_pid()
      AND a.backend_type NOT IN ('autovacuum worker', 'walsender');

    -- A prepared transaction no longer tells when it began: while one holds a lock on the subjects, nothing is certain.
    -- Looked at last, so that one that was running above and is prepared by now is not overlooked.
    IF EXISTS (SELECT FROM pg_prepared_xacts AS x WHERE x.database = current_database())
       AND EXISTS (
           SELECT
           FROM pg_locks AS l
           WHERE l.pid IS NULL
             AND l.locktype = 'relation'
             AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
             AND (l.relation = clause.subject
                  OR l.relation IN (SELECT t.relid FROM pg_partition_tree(clause.subject) AS t))
             AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
       ) THEN
        RETURN timestamptz '-infinity';
    END IF;

    RETURN least(as_of, oldest_start) - clause.lateness;
END
$_oldest_birth_to_come$;

COMMENT ON FUNCTION ghostwatch._oldest_birth_to_come(ghostwatch._clause, timestamptz) IS
'The earliest birth time that a subject may have that is not visible yet. Sees other roles'' transactions only with pg_read_all_stats.';
