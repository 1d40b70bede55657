CREATE FUNCTION ghostwatch._current_baseline(
    invariant_id integer,
    as_of timestamptz,
    history_until timestamptz
)
RETURNS ghostwatch.drift_baseline
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_current_baseline$
-- The caller has locked the invariant's row of check_progress, so no other check computes a baseline meanwhile.
DECLARE
    longest_history constant interval := '28 days'::interval;
    kept_for constant interval := ghostwatch._setting('keep_branch_minutes')::interval;
    rule ghostwatch.invariant;
    latest ghostwatch.drift_baseline;
    baseline ghostwatch.drift_baseline;
    detectors ghostwatch.drift_detector[] := ghostwatch._detectors(invariant_id);
    start_at timestamptz;
BEGIN
    SELECT i.* INTO STRICT rule
    FROM ghostwatch.invariant AS i
    WHERE i.invariant_id = _current_baseline.invariant_id;

    SELECT b.* INTO latest
    FROM ghostwatch.drift_baseline AS b
    WHERE b.invariant_id = rule.invariant_id
    ORDER BY b.version DESC
    LIMIT 1;

    IF NOT ghostwatch._baseline_is_due(latest, detectors, rule, as_of) THEN
        RETURN latest;
    END IF;

    start_at := greatest(
        as_of - longest_history,
        (SELECT h.begins_at FROM ghostwatch.drift_history AS h WHERE h.invariant_id = rule.invariant_id)
    );

    baseline := ghostwatch._baseline(
        rule,
        ghostwatch._history(rule.invariant_id, start_at, date_trunc('minute', history_until)),
        start_at,
        date_trunc('minute', history_until)
    );
    baseline.version := coalesce(latest.version, 0) + 1;
    baseline.made_at := as_of;
    baseline.trials_seen := (SELECT coalesce(max(a.trials_seen), 0) FROM unnest(detectors) AS a);

    INSERT INTO ghostwatch.drift_baseline VALUES (baseline.*);
    PERFORM ghostwatch._announce_usual_rate(rule, latest, baseline);
    DELETE FROM ghostwatch.drift_baseline AS b
    WHERE b.invariant_id = rule.invariant_id
        AND b.made_at < as_of - kept_for;

    RETURN baseline;
END
$_current_baseline$;

COMMENT ON FUNCTION ghostwatch._current_baseline(integer, timestamptz, timestamptz) IS
'The baseline in force of an invariant under the rule drift, computed again where that is due. Trials born from history_until on are not part of it: they are yet to be scored.';
