CREATE FUNCTION ghostwatch.page_alerts(
    contract text DEFAULT NULL,
    invariant text DEFAULT NULL,
    since timestamptz DEFAULT '-infinity',
    most integer DEFAULT 50
)
RETURNS TABLE (
    alert_id bigint,
    kind text,
    contract_name text,
    invariant_name text,
    rule text,
    state text,
    severity text,
    opened_at timestamptz,
    escalated_at timestamptz,
    resolved_at timestamptz,
    reopened_count integer,
    warn_count integer,
    error_count integer,
    peak_count integer,
    first_branch text,
    acknowledged_at timestamptz,
    acknowledged_by text,
    silenced boolean
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 50
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_alerts$
    -- The alerts that were firing since a moment, the youngest first; of one contract or invariant, or of all.
    SELECT
        a.alert_id,
        a.kind,
        a.contract,
        a.invariant,
        a.rule,
        a.state,
        a.severity,
        a.opened_at,
        a.escalated_at,
        a.resolved_at,
        a.reopened_count,
        a.warn_count,
        a.error_count,
        a.peak_count,
        a.branches -> 0 ->> 'family',
        a.acknowledged_at,
        a.acknowledged_by,
        a.silence_id IS NOT NULL
    FROM ghostwatch.alert AS a
    WHERE a.kind <> 'drill'
        AND (page_alerts.contract IS NULL OR a.contract = page_alerts.contract)
        AND (page_alerts.invariant IS NULL OR a.invariant = page_alerts.invariant)
        AND (a.resolved_at >= page_alerts.since OR a.resolved_at IS NULL)
    ORDER BY a.alert_id DESC
    LIMIT least(greatest(page_alerts.most, 1), 1000)
$page_alerts$;

COMMENT ON FUNCTION ghostwatch.page_alerts(text, text, timestamptz, integer) IS
'The alerts that were firing since a moment, the youngest first, for the page. first_branch: the branch family with the
largest excess of violations.';
