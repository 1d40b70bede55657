CREATE FUNCTION ghostwatch._judge_arrivals(
    clause ghostwatch._clause,
    as_of timestamptz,
    only_due boolean,
    OUT judged integer,
    OUT opened integer,
    OUT backlog boolean,
    OUT failing_keys text[]
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_judge_arrivals$
DECLARE
    progress ghostwatch.check_progress;
    batch_size constant integer := ghostwatch._setting('batch_size')::integer;
    due_up_to constant timestamptz := ghostwatch._due_up_to(clause, as_of);
    settled_up_to timestamptz;
    judged_up_to timestamptz;
    new_watermark timestamptz;
    seen_keys text[];
    seen_births timestamptz[];
    judgements ghostwatch._judgement[];
    batch ghostwatch._batch;
BEGIN
    SELECT p.* INTO progress FROM ghostwatch.check_progress AS p WHERE p.invariant_id = clause.invariant_id;

    IF only_due THEN
        settled_up_to := progress.watermark;
    ELSE
        -- Asked before the subjects are read: whoever ends in between is seen below.
        settled_up_to := ghostwatch._settled_up_to(clause, as_of);

        SELECT
            array_agg(k.subject_key),
            array_agg(k.born_at)
        INTO seen_keys, seen_births
        FROM ghostwatch.checked_ahead AS j
        CROSS JOIN LATERAL unnest(j.subject_keys, j.births) AS k (subject_key, born_at)
        WHERE j.invariant_id = clause.invariant_id;
    END IF;

    judgements := ghostwatch._name_branches(
        clause,
        ghostwatch._judge_born(
            clause,
            CASE WHEN only_due THEN progress.checked_up_to ELSE progress.watermark END,
            due_up_to, batch_size, seen_keys, seen_births
        )
    );
    IF judgements <> '{}' AND ghostwatch._needs_trials(clause.rule) THEN
        PERFORM ghostwatch._fill_history(clause, as_of);
    END IF;
    batch := ghostwatch._record_judgements(clause, as_of, judgements, greatest(progress.watermark, settled_up_to));

    failing_keys := ARRAY(SELECT j.subject_key FROM unnest(judgements) AS j WHERE j.error_state IS NOT NULL);
    judged := batch.judged;
    opened := batch.opened;
    backlog := judged >= batch_size;

    -- The watermark stops where an unseen subject may still appear, and never goes back.
    judged_up_to := CASE WHEN backlog THEN batch.born_up_to ELSE due_up_to END;
    new_watermark := greatest(progress.watermark, least(judged_up_to, settled_up_to));

    PERFORM ghostwatch._record_progress(
        clause.invariant_id, as_of, new_watermark, judged_up_to, backlog, batch,
        CASE WHEN batch.born_from <= progress.checked_up_to THEN ghostwatch._seen_skew(clause, progress, batch.born_from) END
    );

    IF clause.capture THEN
        PERFORM ghostwatch._report_uncaptured(clause, as_of, progress.watermark, new_watermark);
        -- Who came since the last check is looked for at once, not first when due. Whom a long transaction hid is found above.
        PERFORM ghostwatch._report_uncaptured(
            clause, as_of, greatest(new_watermark, progress.last_success_at - clause.lateness - '1 microsecond'::interval), settled_up_to
        );
        PERFORM ghostwatch._forget_arrivals(clause.contract_id, as_of);
    END IF;
END
$_judge_arrivals$;

COMMENT ON FUNCTION ghostwatch._judge_arrivals(ghostwatch._clause, timestamptz, boolean) IS
'Judges, once each, the subjects that have crossed their deadline since the last run, at most batch_size of them and
oldest first. Returns how many were judged, how many of them opened a violation, whether more are waiting, and the
keys of those that cannot be judged.
only_due: only those born after the subjects that the last run judged; then nothing is read twice, and the watermark stays.';
