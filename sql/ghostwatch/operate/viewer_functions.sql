CREATE FUNCTION ghostwatch._viewer_functions()
RETURNS SETOF regprocedure
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_viewer_functions$
    -- The public functions in the folder page/: all that the page asks for.
    SELECT p.oid::regprocedure
    FROM pg_proc AS p
    WHERE p.pronamespace = 'ghostwatch'::regnamespace
        AND p.proname IN (
            'page_alert',
            'page_alert_delivery',
            'page_alert_timeline',
            'page_alerts',
            'page_branches',
            'page_changes',
            'page_clauses',
            'page_cohort',
            'page_days',
            'page_findings',
            'page_health',
            'page_marks',
            'page_rates'
        )
$_viewer_functions$;

COMMENT ON FUNCTION ghostwatch._viewer_functions() IS
'The functions that the page asks for: all that a viewer may call.';
