CREATE FUNCTION ghostwatch.end_maintenance(
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $end_maintenance$
    -- No error where the window has ended by itself: the last line of a deploy script should not fail.
    UPDATE ghostwatch.maintenance AS m
    SET ends_at = greatest(ghostwatch._clock(), m.started_at)
    WHERE m.owner = ghostwatch._caller(credential)
        AND m.ends_at > ghostwatch._clock()
$end_maintenance$;

COMMENT ON FUNCTION ghostwatch.end_maintenance(uuid) IS
'Ends this role''s maintenance window early; the next check run decides the alerts and sends the summary.';
