CREATE FUNCTION ghostwatch._drift_result(
    invariant_id integer,
    as_of timestamptz
)
RETURNS ghostwatch._rule_result
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_drift_result$
-- A detector that was raised and cleared by the same run, which caught up with a backlog, is reported as well.
DECLARE
    baseline ghostwatch.drift_baseline;
    detector ghostwatch.drift_detector;
    usual_rate double precision;
    baseline_rate double precision;
    since timestamptz;
    counted record;
    result ghostwatch._rule_result;
BEGIN
    SELECT
        (count(*) FILTER (WHERE v.state = 'warn'))::integer,
        (count(*) FILTER (WHERE v.state = 'error'))::integer
    INTO result.warn_count, result.error_count
    FROM ghostwatch.violation AS v
    WHERE v.invariant_id = _drift_result.invariant_id AND v.closed_at IS NULL AND v.state <> 'exempt';

    -- The detectors that see all trials say more than those of a branch; among equals, the first to be raised.
    SELECT a.*
    INTO detector
    FROM ghostwatch.drift_detector AS a
    WHERE a.invariant_id = _drift_result.invariant_id
        AND a.raised_at IS NOT NULL
        AND (a.recovered_at IS NULL OR a.raised_at = as_of)
    ORDER BY a.branch_family <> '', a.raised_at, a.raised_evidence DESC, a.branch_family
    LIMIT 1;

    -- Recovery rests on evidence, so the alert need not stay clear for a while first.
    result.firing := detector.invariant_id IS NOT NULL;
    result.clear_for := '0';
    result.rule := 'drift';
    IF NOT result.firing THEN
        RETURN result;
    END IF;

    SELECT ghostwatch._loss_severity(max(a.raised_loss))
    INTO result.severity
    FROM ghostwatch.drift_detector AS a
    WHERE a.invariant_id = _drift_result.invariant_id
        AND a.raised_at IS NOT NULL
        AND (a.recovered_at IS NULL OR a.raised_at = as_of);

    SELECT b.* INTO baseline
    FROM ghostwatch.drift_baseline AS b
    WHERE b.invariant_id = _drift_result.invariant_id
    ORDER BY b.version DESC
    LIMIT 1;

    usual_rate := ghostwatch._usual_rate(baseline, detector.branch_family);
    baseline_rate := coalesce(
        (SELECT f.baseline_rate FROM unnest(baseline.families) AS f WHERE f.branch_family = detector.branch_family),
        baseline.baseline_rate
    );
    since := date_trunc('minute', detector.raised_since);

    -- From the recorded counts, so that anybody can count again.
    SELECT
        jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
            'family', f.branch_family, 'violations', f.violated, 'due', f.trials,
            'excess', round(f.excess::numeric, 1), 'p', f.p,
            -- An alarm of a branch's own detector is about that branch, unless the others are as bad.
            'named', f.named OR (f.branch_family = detector.branch_family AND coalesce(f.p < 0.001, true))
        ))) AS branches,
        sum(f.trials) FILTER (WHERE detector.branch_family IN ('', f.branch_family)) AS due,
        sum(f.violated) FILTER (WHERE detector.branch_family IN ('', f.branch_family)) AS violations
    INTO counted
    FROM (
        SELECT array_agg(b.branch_family) AS families, array_agg(b.due) AS due, array_agg(b.violations) AS violations
        FROM (
            SELECT b.branch_family, sum(b.due)::bigint AS due, sum(b.violations)::bigint AS violations
            FROM ghostwatch.branch_minute AS b
            WHERE b.invariant_id = _drift_result.invariant_id AND b.minute >= since
            GROUP BY b.branch_family
        ) AS b
    ) AS b
    CROSS JOIN LATERAL ghostwatch._attribute(b.families, b.due, b.violations, baseline.baseline_rate) AS f;

    SELECT coalesce((array_agg(v.subject_key ORDER BY v.born_at, v.subject_key))[1:5], '{}')
    INTO result.sample_keys
    FROM ghostwatch.violation AS v
    WHERE v.invariant_id = _drift_result.invariant_id
        AND v.closed_at IS NULL AND v.state <> 'exempt'
        AND v.born_at >= detector.raised_since
        AND detector.branch_family IN ('', v.branch_family);

    -- There are no counts where signups stopped so long ago that their minutes were pruned.
    result.branches := coalesce(counted.branches, '[]');
    result.evidence := jsonb_strip_nulls(jsonb_build_object(
        'rate', counted.violations::double precision / counted.due,
        'baseline_rate', baseline_rate,
        'tolerance', ghostwatch._tolerance(usual_rate),
        'since', detector.raised_since,
        'due', counted.due,
        'violations', counted.violations,
        'days_per_false_alarm', baseline.days_per_false_alarm,
        'family', nullif(detector.branch_family, ''),
        'p0', usual_rate,
        'loss', detector.raised_loss,
        'statistic', detector.raised_evidence,
        'threshold', baseline.threshold,
        'baseline', jsonb_build_object(
            'version', baseline.version,
            'from', baseline.history_from,
            'until', baseline.history_until,
            'due', baseline.due,
            'violations', baseline.violations
        ),
        -- With too little history, the baseline is mostly the declared rate.
        'expected_rate', CASE WHEN baseline.due < 100 THEN baseline.expected_rate END,
        'query', format(
            E'SELECT b.branch_family, sum(b.due) AS due, sum(b.violations) AS violations\n'
            'FROM ghostwatch.branch_minute AS b\n'
            'WHERE b.invariant_id = %s AND b.minute >= %L\n'
            'GROUP BY ROLLUP (b.branch_family)\n'
            'ORDER BY b.branch_family',
            invariant_id, since
        )
    ));
    RETURN result;
END
$_drift_result$;

COMMENT ON FUNCTION ghostwatch._drift_result(integer, timestamptz) IS
'The rule "drift": something is wrong from an alarm of one of its detectors until the evidence says that the rate is back to its baseline.';
