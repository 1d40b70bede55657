CREATE FUNCTION ghostwatch.end_maintenance()
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $end_maintenance$
    -- No error where the window has ended by itself: the last line of a deploy script should not fail.
    UPDATE ghostwatch.maintenance AS m
    SET ends_at = greatest(ghostwatch._clock(), m.started_at)
    WHERE m.owner = quote_ident(current_user)::regrole
        AND m.ends_at > ghostwatch._clock()
$end_maintenance$;

COMMENT ON FUNCTION ghostwatch.end_maintenance() IS
'Ends this role''s maintenance window early; the next check run decides the alerts and sends the summary.';
