CREATE FUNCTION ghostwatch._replay_auto(
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
AS $_replay_auto$
-- The choice is made once, by the subjects born before begin_at; checks make it again with every baseline.
DECLARE
    known constant integer := coalesce(width_bucket(begin_at, trials.born_at), 0);
    baseline ghostwatch.drift_baseline;
BEGIN
    baseline := ghostwatch._baseline(
        rule,
        ghostwatch._hour_counts(
            trials.born_at[1:known],
            array_fill(1, ARRAY[known]),
            ARRAY(
                SELECT (t.came_at > t.born_at + coalesce(rule.warn_after, rule.error_after))::integer
                FROM ROWS FROM (unnest(trials.born_at[1:known]), unnest(trials.came_at[1:known])) WITH ORDINALITY AS t (born_at, came_at, place)
                ORDER BY t.place
            ),
            trials.branch_families[1:known],
            '{}'
        ),
        coalesce(trials.born_at[1], begin_at),
        begin_at
    );

    IF ghostwatch._auto_choice(baseline) = 'drift' THEN
        RETURN QUERY SELECT f.* FROM ghostwatch._replay_drift(rule, trials, begin_at, end_at) AS f;
    ELSE
        RETURN QUERY SELECT f.* FROM ghostwatch._replay_threshold(rule, trials, begin_at, end_at) AS f;
    END IF;
END
$_replay_auto$;

COMMENT ON FUNCTION ghostwatch._replay_auto(ghostwatch.invariant, ghostwatch._trials, timestamptz, timestamptz) IS
'When the rule "auto" would have found something wrong, by the rule that it would have followed at begin_at.';
