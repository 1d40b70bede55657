CREATE FUNCTION ghostwatch._drift_condition(
    invariant_id integer,
    as_of timestamptz
) RETURNS ghostwatch._condition
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_drift_condition$
-- The rule "drift": something is wrong from the moment that an arm is raised until evidence lets all of them down.
-- Takes an invariant and the time of the run; returns the condition.
DECLARE
    baseline   ghostwatch.drift_baseline;
    arm        ghostwatch.drift_arm;
    rates      record;
    usual_rate double precision;
    since      timestamptz;
    counted    record;
    condition  ghostwatch._condition;
BEGIN
    SELECT
        (count(*) FILTER (WHERE v.state = 'warn'))::integer,
        (count(*) FILTER (WHERE v.state = 'error'))::integer
    INTO condition.warn_count, condition.error_count
    FROM ghostwatch.violation AS v
    WHERE v.invariant_id = _drift_condition.invariant_id AND v.closed_at IS NULL AND v.state <> 'exempt';

    -- The arms that see all trials say more than those of a branch; among equals, the first to be raised.
    -- One that was raised and let down by the same run, catching up, is told as well.
    SELECT a.*
    INTO arm
    FROM ghostwatch.drift_arm AS a
    WHERE a.invariant_id = _drift_condition.invariant_id
        AND a.raised_at IS NOT NULL
        AND (a.recovered_at IS NULL OR a.raised_at = as_of)
    ORDER BY a.branch_family <> '', a.raised_at, a.arm, a.raised_score DESC, a.branch_family
    LIMIT 1;

    -- Calm is said by evidence, so that no quiet time need be waited for.
    condition.firing := arm.arm IS NOT NULL;
    condition.quiet_time := '0';
    IF NOT condition.firing THEN
        RETURN condition;
    END IF;

    SELECT CASE WHEN bool_or(a.arm <> 'slow') THEN 'error' ELSE 'warn' END
    INTO condition.severity
    FROM ghostwatch.drift_arm AS a
    WHERE a.invariant_id = _drift_condition.invariant_id
        AND a.raised_at IS NOT NULL
        AND (a.recovered_at IS NULL OR a.raised_at = as_of);

    SELECT b.* INTO baseline
    FROM ghostwatch.drift_baseline AS b
    WHERE b.invariant_id = _drift_condition.invariant_id
    ORDER BY b.version DESC
    LIMIT 1;

    SELECT r.* INTO rates FROM ghostwatch._arm_rates(baseline, arm.arm, arm.branch_family) AS r;
    usual_rate := coalesce(
        (SELECT f.usual_rate FROM unnest(baseline.families) AS f WHERE f.branch_family = arm.branch_family),
        baseline.usual_rate
    );
    since := date_trunc('minute', arm.raised_since);

    -- Counted from what checks wrote down, so that anybody can count again.
    SELECT
        jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
            'family', f.branch_family, 'ghosts', f.violated, 'matured', f.trials,
            'excess', round(f.excess::numeric, 1), 'p', f.p,
            -- An alarm of a branch's own is about that branch, unless the others turn out to be as bad.
            'named', f.named OR (arm.arm = 'branch' AND f.branch_family = arm.branch_family AND coalesce(f.p < 0.001, true))
        ))) AS branches,
        sum(f.trials) FILTER (WHERE arm.branch_family IN ('', f.branch_family)) AS matured,
        sum(f.violated) FILTER (WHERE arm.branch_family IN ('', f.branch_family)) AS ghosts
    INTO counted
    FROM (
        SELECT array_agg(b.branch_family) AS families, array_agg(b.matured) AS matured, array_agg(b.ghosts) AS ghosts
        FROM (
            SELECT b.branch_family, sum(b.matured)::bigint AS matured, sum(b.ghosts)::bigint AS ghosts
            FROM ghostwatch.branch_minute AS b
            WHERE b.invariant_id = _drift_condition.invariant_id AND b.minute >= since
            GROUP BY b.branch_family
        ) AS b
    ) AS b
    CROSS JOIN LATERAL ghostwatch._attribute(b.families, b.matured, b.ghosts, baseline.usual_rate) AS f;

    SELECT coalesce((array_agg(v.subject_key ORDER BY v.born_at, v.subject_key))[1:5], '{}')
    INTO condition.sample_keys
    FROM ghostwatch.violation AS v
    WHERE v.invariant_id = _drift_condition.invariant_id
        AND v.closed_at IS NULL AND v.state <> 'exempt'
        AND v.born_at >= arm.raised_since
        AND arm.branch_family IN ('', v.branch_family);

    -- Nothing is counted any more where signups stopped so long ago that their minutes were pruned.
    condition.branches := coalesce(counted.branches, '[]');
    condition.evidence := jsonb_strip_nulls(jsonb_build_object(
        'rate', counted.ghosts::double precision / counted.matured,
        'usual_rate', usual_rate,
        -- Of all trials people want to know what the more sensitive arm lets pass.
        'tolerance', CASE
            WHEN arm.arm = 'outage' THEN (ghostwatch._arm_rates(baseline, 'slow', '')).tolerance
            ELSE rates.tolerance
        END,
        'since', arm.raised_since,
        'matured', counted.matured,
        'ghosts', counted.ghosts,
        'days_per_false_alarm', baseline.days_per_false_alarm,
        'arm', arm.arm,
        'family', nullif(arm.branch_family, ''),
        'p0', rates.usual,
        'p1', rates.sought,
        'h', baseline.threshold,
        's', arm.raised_score,
        'baseline', jsonb_build_object(
            'version', baseline.version,
            'from', baseline.history_from,
            'until', baseline.history_until,
            'matured', baseline.matured,
            'ghosts', baseline.ghosts
        ),
        -- Too little history of its own: then the rate that was declared is most of what is known.
        'expected_rate', CASE WHEN baseline.matured < 100 THEN baseline.expected_rate END,
        'query', format(
            E'SELECT b.branch_family, sum(b.matured) AS matured, sum(b.ghosts) AS ghosts\n'
            'FROM ghostwatch.branch_minute AS b\n'
            'WHERE b.invariant_id = %s AND b.minute >= %L\n'
            'GROUP BY ROLLUP (b.branch_family)\n'
            'ORDER BY b.branch_family',
            invariant_id, since
        )
    ));
    RETURN condition;
END
$_drift_condition$;

COMMENT ON FUNCTION ghostwatch._drift_condition(integer, timestamptz) IS
'The rule "drift": something is wrong from an alarm of one of its arms until the evidence says that the rate is usual again.';
