CREATE FUNCTION ghostwatch._replay_drift(
    rule ghostwatch.invariant,
    trials ghostwatch._trials,
    begin_at timestamptz,
    end_at timestamptz
)
RETURNS SETOF ghostwatch._firing
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_replay_drift$
-- Subjects born before begin_at are history only. Runs the same detectors and computes the same baselines as check runs do,
-- but for a day at a time.
-- Every replay takes when it ends: @plpgsql_check_options: extra_warnings = false
DECLARE
    deadline constant interval := coalesce(rule.warn_after, rule.error_after);
    -- Taken out of the record, which would be copied whole at each access.
    births constant timestamptz[] := trials.born_at;
    families constant text[] := trials.branch_families;
    ones constant integer[] := array_fill(1, ARRAY[coalesce(cardinality(trials.born_at), 0)]);
    violated boolean[];
    violations integer[];
    history ghostwatch._hour_count[];
    incidents tstzrange[] := '{}'::tstzrange[];
    baseline ghostwatch.drift_baseline;
    detectors ghostwatch.drift_detector[] := '{}'::ghostwatch.drift_detector[];
    walks ghostwatch._walk[];
    raised integer := 0;
    scored integer := coalesce(width_bucket(begin_at, births), 0);
    first integer;
    gap record;
    turn record;
    firing ghostwatch._firing;
BEGIN
    SELECT
        array_agg(t.came_at > t.born_at + deadline ORDER BY t.place),
        array_agg((t.came_at > t.born_at + deadline)::integer ORDER BY t.place)
    INTO violated, violations
    FROM ROWS FROM (unnest(births), unnest(trials.came_at)) WITH ORDINALITY AS t (born_at, came_at, place);

    history := ghostwatch._hour_counts(births[1:scored], ones[1:scored], violations[1:scored], families[1:scored], incidents);

    WHILE scored < cardinality(births) LOOP
        first := scored + 1;
        scored := width_bucket(
            -- With little history, the baseline is computed more often than once a day.
            births[first] + CASE WHEN baseline.due >= 1000 THEN '1 day'::interval ELSE '6 hours'::interval END,
            births
        );

        IF ghostwatch._baseline_is_due(baseline, detectors, rule, births[first]) THEN
            SELECT coalesce(array_agg(h), '{}') INTO history
            FROM unnest(history) AS h
            WHERE h.hour >= births[first] - '28 days'::interval;

            baseline := ghostwatch._baseline(rule, history, births[1], births[first]);
            baseline.version := 1;
            baseline.made_at := births[first];
            baseline.trials_seen := (SELECT coalesce(max(a.trials_seen), 0) FROM unnest(detectors) AS a);
        END IF;

        -- Missing signups: gaps between one birth and the next that are too long.
        FOR gap IN
            SELECT g.begins_at, g.ends_at, g.begins_at + ghostwatch._longest_gap(baseline.subjects_by_hour, g.begins_at, g.expected) AS overdue_at
            FROM (
                SELECT
                    lag(t.born_at) OVER (ORDER BY t.born_at) AS begins_at,
                    t.born_at AS ends_at,
                    ghostwatch._subjects_before_alarm(baseline) AS expected,
                    (SELECT max(h.signups) FROM unnest(baseline.subjects_by_hour) AS h (signups)) AS most_per_hour
                FROM unnest(births[greatest(first - 1, 1) : scored]) AS t (born_at)
            ) AS g
            WHERE g.ends_at - g.begins_at > g.expected / g.most_per_hour * '1 hour'::interval
        LOOP
            CONTINUE WHEN gap.ends_at <= gap.overdue_at;
            RETURN NEXT ROW('no_signups', 'error', ghostwatch._next_run(gap.overdue_at + deadline),
                            ghostwatch._next_run(gap.ends_at + deadline), gap.begins_at)::ghostwatch._firing;
        END LOOP;

        SELECT array_agg(w) INTO walks
        FROM ghostwatch._walk_detectors(
            detectors, baseline, births[first:scored], violated[first:scored], families[first:scored],
            births[scored]
        ) AS w;

        -- An alert lasts from the first detector that is raised until the last one is lowered.
        FOR turn IN
            SELECT
                t.born_at,
                (a.raised_at IS NOT NULL AND a.recovered_at IS NULL) = (t.place % 2 = 0) AS is_raised,
                t.since,
                ghostwatch._loss_severity(t.loss) AS severity
            FROM unnest(walks) AS w
            LEFT JOIN unnest(detectors) AS a
                ON a.branch_family = (w.detector).branch_family
            CROSS JOIN LATERAL ROWS FROM (
                unnest(w.turns), unnest(w.change_points), unnest(w.losses)
            ) WITH ORDINALITY AS t (born_at, since, loss, place)
            ORDER BY t.born_at, is_raised DESC
        LOOP
            raised := raised + CASE WHEN turn.is_raised THEN 1 ELSE -1 END;
            firing.ends_at := ghostwatch._next_run(turn.born_at + deadline);

            IF turn.is_raised AND raised = 1 THEN
                firing := ROW('violations', 'warn', firing.ends_at, NULL, turn.since);
            END IF;
            IF turn.is_raised AND turn.severity = 'error' AND firing.severity = 'warn' THEN
                IF firing.begins_at < firing.ends_at THEN
                    RETURN NEXT firing;
                END IF;
                firing := ROW('violations', 'error', ghostwatch._next_run(turn.born_at + deadline), NULL, firing.since);
            END IF;
            IF raised = 0 THEN
                RETURN NEXT firing;
                incidents := incidents || tstzrange(firing.since, turn.born_at, '[]');
                firing := NULL;
            END IF;
        END LOOP;

        SELECT array_agg(standing.detector) INTO detectors
        FROM (
            SELECT w.detector FROM unnest(walks) AS w
            UNION ALL
            SELECT a
            FROM unnest(detectors) AS a
            WHERE a.branch_family NOT IN (SELECT (w.detector).branch_family FROM unnest(walks) AS w)
        ) AS standing (detector);

        history := history || ghostwatch._hour_counts(
            births[first:scored], ones[first:scored], violations[first:scored], families[first:scored],
            CASE WHEN raised > 0 THEN incidents || tstzrange(firing.since, NULL) ELSE incidents END
        );
    END LOOP;

    IF raised > 0 THEN
        firing.ends_at := NULL;
        RETURN NEXT firing;
    END IF;
END
$_replay_drift$;

COMMENT ON FUNCTION ghostwatch._replay_drift(ghostwatch.invariant, ghostwatch._trials, timestamptz, timestamptz) IS
'When the rule drift, and its watch for missing signups, would have found something wrong.';
