CREATE FUNCTION ghostwatch._judge_arrivals(
    clause ghostwatch._clause,
    as_of timestamptz,
    OUT judged integer,
    OUT opened integer,
    OUT backlog boolean
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_judge_arrivals$
-- Judges, once each, the subjects that have crossed their deadline since the last run: oldest first, at most one batch;
-- then moves the watermark. Returns how many were judged, how many of them opened a violation, and whether more are waiting.
DECLARE
    progress ghostwatch.check_progress;
    batch_size constant integer := ghostwatch._setting('batch_size')::integer;
    due_up_to constant timestamptz := ghostwatch._due_up_to(clause, as_of);
    settled_up_to timestamptz;
    judged_up_to timestamptz;
    new_watermark timestamptz;
    seen_keys text[];
    seen_births timestamptz[];
    batch ghostwatch._batch;
BEGIN
    SELECT p.* INTO progress FROM ghostwatch.check_progress AS p WHERE p.invariant_id = clause.invariant_id;

    -- Asked before the subjects are read: whoever ends in between is seen below.
    settled_up_to := ghostwatch._settled_up_to(clause, as_of);

    SELECT
        array_agg(k.subject_key),
        array_agg(k.born_at)
    INTO seen_keys, seen_births
    FROM ghostwatch.checked_ahead AS j
    CROSS JOIN LATERAL unnest(j.subject_keys, j.births) AS k (subject_key, born_at)
    WHERE j.invariant_id = clause.invariant_id;

    batch := ghostwatch._record_judgements(
        clause,
        as_of,
        ghostwatch._judge_born(clause, progress.watermark, due_up_to, batch_size, seen_keys, seen_births),
        greatest(progress.watermark, settled_up_to)
    );

    judged := batch.judged;
    opened := batch.opened;
    backlog := judged >= batch_size;

    -- The watermark stops where an unseen subject may still appear, and never goes back.
    judged_up_to := CASE WHEN backlog THEN batch.born_up_to ELSE due_up_to END;
    new_watermark := greatest(progress.watermark, least(judged_up_to, settled_up_to));

    UPDATE ghostwatch.check_progress AS p
    SET watermark = new_watermark,
        checked_up_to = greatest(p.checked_up_to, judged_up_to),
        catching_up_since = CASE WHEN backlog THEN coalesce(p.catching_up_since, p.checked_up_to) END
    WHERE p.invariant_id = clause.invariant_id;

    IF batch.born_from <= progress.checked_up_to THEN
        PERFORM ghostwatch._note_skew(clause, progress, batch.born_from, as_of);
    END IF;

    IF batch.unsafe_keys IS NOT NULL THEN
        INSERT INTO ghostwatch.checked_ahead (invariant_id, born_up_to, subject_keys, births)
        VALUES (clause.invariant_id, batch.unsafe_up_to, batch.unsafe_keys, batch.unsafe_births);
    END IF;
    DELETE FROM ghostwatch.checked_ahead AS j
    WHERE j.invariant_id = clause.invariant_id AND j.born_up_to <= new_watermark;

    IF batch.trial_born_at IS NOT NULL THEN
        PERFORM ghostwatch._score_trials(clause.invariant_id, as_of, batch.trial_born_at, batch.trial_violated, batch.trial_family);
    END IF;

    IF clause.capture THEN
        PERFORM ghostwatch._forget_arrivals(clause.contract_id, as_of);
    END IF;
END
$_judge_arrivals$;

COMMENT ON FUNCTION ghostwatch._judge_arrivals(ghostwatch._clause, timestamptz) IS
'Judges, once each, the subjects that have crossed their deadline since the last run, at most batch_size of them and oldest first.';
