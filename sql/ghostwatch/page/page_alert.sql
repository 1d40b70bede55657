CREATE FUNCTION ghostwatch.page_alert(
    alert_id bigint
)
RETURNS TABLE (
    kind text,
    contract text,
    invariant text,
    subject_label text,
    missing_label text,
    runbook_url text,
    rule text,
    state text,
    severity text,
    opened_at timestamptz,
    resolved_at timestamptz,
    acknowledged_by text,
    warn_count integer,
    error_count integer,
    peak_count integer,
    warn_after interval,
    error_after interval,
    branches jsonb,
    evidence jsonb,
    sample_keys text[],
    query text
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 1
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_alert$
-- One alert, for the page: what it counted, what its rule decided by, and the query that shows its numbers again.
-- sample_keys is NULL, and an error of the application's tables, which may quote a row, is left out of the evidence,
-- unless the setting page_sample_keys is on.
DECLARE
    shows_samples constant boolean := ghostwatch._setting('page_sample_keys')::boolean;
BEGIN
    PERFORM ghostwatch._require_alert(page_alert.alert_id);

    RETURN QUERY
    SELECT
        a.kind,
        a.contract,
        a.invariant,
        c.subject_label,
        i.missing_label,
        i.runbook_url,
        a.rule,
        a.state,
        a.severity,
        a.opened_at,
        a.resolved_at,
        a.acknowledged_by,
        a.warn_count,
        a.error_count,
        a.peak_count,
        i.warn_after,
        i.error_after,
        a.branches,
        a.evidence - 'query' - CASE WHEN shows_samples THEN '' ELSE 'last_error' END,
        CASE WHEN shows_samples THEN a.sample_keys END,
        ghostwatch._reproducing_query(a)
    FROM ghostwatch.alert AS a
    LEFT JOIN ghostwatch.invariant AS i
        ON i.invariant_id = a.invariant_id
    LEFT JOIN ghostwatch.contract AS c
        ON c.contract_id = i.contract_id
    WHERE a.alert_id = page_alert.alert_id;
END
$page_alert$;

COMMENT ON FUNCTION ghostwatch.page_alert(bigint) IS
'One alert with its counts, branches, evidence and query, for the page; keys of subjects only where the setting page_sample_keys is on. Raises GW030 (no such alert).';
