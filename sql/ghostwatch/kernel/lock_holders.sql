CREATE FUNCTION ghostwatch._lock_holders(
    relations regclass[],
    wanted_mode text
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_lock_holders$
-- Asked after a lock timeout, when pg_blocking_pids() has nothing to report any more.
-- Of a statement only the command and the object are shown: values of an application must not reach a chat.
DECLARE
    holders text;
BEGIN
    -- Otherwise a transaction sees the sessions as they were when it first looked.
    PERFORM pg_stat_clear_snapshot();

    WITH tables AS (
        SELECT t.relid
        FROM unnest(_lock_holders.relations) AS w (relid)
        CROSS JOIN LATERAL ghostwatch._partitions(w.relid) AS t (relid)
    ),

    holding AS (
        SELECT DISTINCT
            l.pid,
            a.xact_start,
            a.state,
            regexp_replace(split_part(a.query, '''', 1), '\s+', ' ', 'g') AS query
        FROM pg_locks AS l
        LEFT JOIN pg_stat_activity AS a
            ON a.pid = l.pid
        WHERE l.locktype = 'relation'
            AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
            AND l.relation IN (SELECT t.relid FROM tables AS t)
            AND l.pid IS DISTINCT FROM pg_backend_pid()
            AND CASE wanted_mode
                WHEN 'AccessShareLock' THEN l.mode = 'AccessExclusiveLock'
                WHEN 'ShareRowExclusiveLock' THEN l.mode NOT IN ('AccessShareLock', 'RowShareLock')
                ELSE true
            END
    )

    SELECT string_agg(
        CASE
            WHEN h.pid IS NULL THEN 'a prepared transaction'
            ELSE concat_ws(
                ', ',
                'pid ' || h.pid,
                CASE
                    WHEN h.query ~* '^\s*(ALTER|CREATE|DROP|TRUNCATE|VACUUM|CLUSTER|REINDEX|REFRESH|LOCK|ANALYZE)\M' THEN rtrim(left(h.query, 60))
                    ELSE upper(substring(h.query FROM '^\s*(\w+)'))
                END,
                CASE WHEN h.state LIKE 'idle in transaction%' THEN 'idle in transaction' END,
                'since ' || to_char(h.xact_start, 'HH24:MI:SS')
            )
        END,
        '; '
        ORDER BY h.xact_start, h.pid
    )
    INTO holders
    FROM holding AS h;

    RETURN holders;
END
$_lock_holders$;

COMMENT ON FUNCTION ghostwatch._lock_holders(regclass[], text) IS
'The sessions that hold a lock on one of the tables that excludes the wanted mode, as text; NULL where none is seen.';
