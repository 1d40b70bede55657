CREATE FUNCTION ghostwatch._score_trials(
    invariant_id integer,
    as_of timestamptz,
    born_at timestamptz[],
    violated boolean[],
    branch_families text[]
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_score_trials$
-- The caller has locked the invariant's row of check_progress; every subject is scored once, at its deadline.
DECLARE
    baseline ghostwatch.drift_baseline := ghostwatch._current_baseline(invariant_id, as_of, born_at[1]);
BEGIN
    INSERT INTO ghostwatch.drift_detector
    SELECT (walk.detector).*
    FROM ghostwatch._walk_detectors(
        ghostwatch._detectors(_score_trials.invariant_id), baseline,
        _score_trials.born_at, _score_trials.violated, _score_trials.branch_families, as_of
    ) AS walk
    ON CONFLICT ON CONSTRAINT drift_detector_pkey DO UPDATE
    SET
        trials_seen = excluded.trials_seen,
        evidence = excluded.evidence,
        climb = excluded.climb,
        since = excluded.since,
        raised_at = excluded.raised_at,
        raised_since = excluded.raised_since,
        raised_evidence = excluded.raised_evidence,
        raised_loss = excluded.raised_loss,
        recovery = excluded.recovery,
        recovered_at = excluded.recovered_at;
END
$_score_trials$;

COMMENT ON FUNCTION ghostwatch._score_trials(integer, timestamptz, timestamptz[], boolean[], text[]) IS
'Scores the trials that a check has judged, in order of birth, for the rule drift.';
