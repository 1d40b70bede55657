CREATE FUNCTION ghostwatch._record_progress(
    invariant_id integer,
    as_of timestamptz,
    new_watermark timestamptz,
    judged_up_to timestamptz,
    backlog boolean,
    batch ghostwatch._batch,
    skew interval,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_record_progress$
-- The watermark never goes back, and never passes the present.
BEGIN
    PERFORM ghostwatch._require_own_invariant(invariant_id, credential);

    UPDATE ghostwatch.check_progress AS p
    SET watermark = greatest(p.watermark, least(new_watermark, as_of)),
        checked_up_to = greatest(p.checked_up_to, judged_up_to),
        catching_up_since = CASE WHEN backlog THEN coalesce(p.catching_up_since, p.checked_up_to) END,
        skew = coalesce(_record_progress.skew, p.skew),
        skew_seen_at = CASE WHEN _record_progress.skew IS NULL THEN p.skew_seen_at ELSE as_of END
    WHERE p.invariant_id = _record_progress.invariant_id;

    IF batch.unsafe_keys IS NOT NULL THEN
        INSERT INTO ghostwatch.checked_ahead (invariant_id, born_up_to, subject_keys, births)
        VALUES (_record_progress.invariant_id, batch.unsafe_up_to, batch.unsafe_keys, batch.unsafe_births);
    END IF;
    DELETE FROM ghostwatch.checked_ahead AS j
    WHERE j.invariant_id = _record_progress.invariant_id AND j.born_up_to <= new_watermark;

    IF batch.trial_born_at IS NOT NULL THEN
        PERFORM ghostwatch._score_trials(
            invariant_id, as_of, batch.trial_born_at, batch.trial_violated, batch.trial_family
        );
    END IF;
END
$_record_progress$;

COMMENT ON FUNCTION ghostwatch._record_progress(integer, timestamptz, timestamptz, timestamptz, boolean, ghostwatch._batch, interval, uuid) IS
'Records how far the checks of an invariant have come, and what they counted on the way. Raises GW008 (belongs to another role).';
