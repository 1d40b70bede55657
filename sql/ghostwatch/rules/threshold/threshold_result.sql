CREATE FUNCTION ghostwatch._threshold_result(
    invariant_id integer,
    as_of timestamptz
)
RETURNS ghostwatch._rule_result
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_threshold_result$
-- Reads the open violations and, only if there are enough, the minutes under watch.
DECLARE
    rule ghostwatch.invariant;
    catching_up timestamptz;
    open_violations jsonb;
    due bigint;
    error_due bigint;
    result ghostwatch._rule_result;
BEGIN
    SELECT i.* INTO STRICT rule
    FROM ghostwatch.invariant AS i
    WHERE i.invariant_id = _threshold_result.invariant_id;

    SELECT p.catching_up_since INTO catching_up
    FROM ghostwatch.check_progress AS p
    WHERE p.invariant_id = rule.invariant_id;

    -- All open violations are read once: at worst a share of the subjects under watch.
    SELECT
        coalesce(sum(f.warns), 0)::integer,
        coalesce(sum(f.errors), 0)::integer,
        coalesce(jsonb_object_agg(f.branch_family, f.warns + f.errors), '{}')
    INTO result.warn_count, result.error_count, open_violations
    FROM (
        SELECT
            v.branch_family,
            count(*) FILTER (WHERE v.state = 'warn') AS warns,
            count(*) FILTER (WHERE v.state = 'error') AS errors
        FROM ghostwatch.violation AS v
        WHERE v.invariant_id = rule.invariant_id AND v.closed_at IS NULL AND v.state <> 'exempt'
        GROUP BY v.branch_family
    ) AS f;

    -- While a backlog is processed, oldest first, no violation only means that the present was not checked yet.
    result.clear_for := CASE WHEN catching_up IS NULL THEN ghostwatch._setting('resolve_after')::interval END;
    result.firing := false;
    result.rule := 'threshold';
    -- First without the subjects due, which are counted only where there are enough violations.
    IF ghostwatch._threshold_severity(rule, result.warn_count + result.error_count, 0, result.error_count, 0) IS NULL THEN
        RETURN result;
    END IF;

    SELECT
        coalesce(sum(b.due), 0),
        coalesce(sum(b.due) FILTER (WHERE b.minute <= as_of - rule.error_after), 0)
    INTO due, error_due
    FROM ghostwatch.branch_minute AS b
    WHERE b.invariant_id = rule.invariant_id
        AND b.minute >= date_trunc('minute', as_of - rule.watch_for);

    result.severity := ghostwatch._threshold_severity(
        rule, result.warn_count + result.error_count, due, result.error_count, error_due
    );
    result.firing := result.severity IS NOT NULL;
    result.sample_keys := ARRAY(
        SELECT v.subject_key
        FROM ghostwatch.violation AS v
        WHERE v.invariant_id = rule.invariant_id AND v.closed_at IS NULL AND v.state <> 'exempt'
        ORDER BY v.born_at, v.subject_key
        LIMIT 5
    );
    result.branches := ghostwatch._branch_table(rule.invariant_id, open_violations, as_of);
    result.evidence := jsonb_strip_nulls(jsonb_build_object(
        'warn_after', rule.warn_after,
        'error_after', rule.error_after,
        'watch_for', rule.watch_for,
        'min_count', rule.min_count,
        'min_rate', rule.min_rate,
        'catching_up_since', catching_up
    ));
    RETURN result;
END
$_threshold_result$;

COMMENT ON FUNCTION ghostwatch._threshold_result(integer, timestamptz) IS
'The rule "threshold": something is wrong while at least min_count violations, and at least the share min_rate of the subjects under watch, are open.';
