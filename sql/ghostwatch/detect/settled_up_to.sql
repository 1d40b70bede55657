CREATE FUNCTION ghostwatch._settled_up_to(
    clause ghostwatch._clause,
    as_of timestamptz
)
RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_settled_up_to$
-- A birth time is the start of its transaction (DEFAULT now()), give or take the lateness; so no subject can still
-- appear that was born before the oldest transaction began, where this role may see when that was. (plpgsql, so that a
-- session that runs checks again and again plans this once.)
DECLARE
    oldest_start timestamptz;
    unseen_from timestamptz;
BEGIN
    -- Where the rows come by transactions that cannot be seen, how long they take is a setting.
    SELECT min(least(as_of, u.seen_up_to)) - ghostwatch._setting('longest_unseen_transaction')::interval
    INTO unseen_from
    FROM ghostwatch._unseen_sources(clause.subject) AS u;

    SELECT min(a.xact_start)
    INTO oldest_start
    FROM pg_stat_activity AS a
    WHERE a.datname = current_database()
      AND a.pid <> pg_backend_pid()
      AND a.backend_type NOT IN ('autovacuum worker', 'walsender');

    -- When a prepared transaction began is not recorded: while one holds a lock on the subjects, nothing is settled.
    -- Looked at last, so that one that was running above and is prepared by now is not overlooked.
    IF EXISTS (SELECT FROM pg_prepared_xacts AS x WHERE x.database = current_database())
       AND EXISTS (
           SELECT
           FROM pg_locks AS l
           WHERE l.pid IS NULL
             AND l.locktype = 'relation'
             AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
             AND l.relation IN (SELECT s.relid FROM ghostwatch._sources(clause.subject) AS s (relid))
             AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
       ) THEN
        RETURN timestamptz '-infinity';
    END IF;

    -- Excluding that moment itself, which is the birth time of what the oldest transaction inserts.
    RETURN least(as_of, oldest_start, unseen_from) - clause.lateness - '1 microsecond'::interval;
END
$_settled_up_to$;

COMMENT ON FUNCTION ghostwatch._settled_up_to(ghostwatch._clause, timestamptz) IS
'Up to which birth time every subject is visible that ever will be. Sees other roles'' transactions only with pg_read_all_stats,
and assumes that those of other servers take no longer than the setting longest_unseen_transaction.';
