CREATE FUNCTION ghostwatch._summarize_maintenance(
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: the window of a superuser ends with the check runs of the contracts' owner, who may not write it.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_summarize_maintenance$
-- Waits until every covered invariant was checked after the end of the window, or three periods have passed: the summary covers
-- the alerts that those checks open.
DECLARE
    past ghostwatch.maintenance;
    covered text[];
BEGIN
    FOR past IN
        SELECT m.*
        FROM ghostwatch.maintenance AS m
        WHERE m.summarized_at IS NULL
            AND m.ends_at <= as_of
        ORDER BY m.maintenance_id
        FOR UPDATE SKIP LOCKED
    LOOP
        CONTINUE WHEN as_of < past.ends_at + 3 * ghostwatch._setting('check_period')::interval
            AND EXISTS (
                SELECT
                FROM ghostwatch._clause AS c
                INNER JOIN ghostwatch.check_progress AS p ON p.invariant_id = c.invariant_id
                WHERE pg_has_role(past.owner, c.owner, 'USAGE')
                    AND p.failing_since IS NULL
                    AND coalesce(p.last_success_at < past.ends_at, true)
            );

        SELECT array_agg(DISTINCT c.contract)
        INTO covered
        FROM ghostwatch._clause AS c
        WHERE pg_has_role(past.owner, c.owner, 'USAGE');

        UPDATE ghostwatch.maintenance AS m SET summarized_at = as_of WHERE m.maintenance_id = past.maintenance_id;
        PERFORM ghostwatch._queue_summary(
            covered,
            jsonb_build_object(
                'comment', past.comment,
                'started_at', past.started_at,
                'ends_at', past.ends_at,
                'found', ghostwatch._outage_summary(past.started_at)
            ),
            as_of
        );
    END LOOP;
END
$_summarize_maintenance$;

COMMENT ON FUNCTION ghostwatch._summarize_maintenance(timestamptz) IS
'Queues the summary of each maintenance window that is over.';
