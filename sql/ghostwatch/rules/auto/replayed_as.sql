CREATE FUNCTION ghostwatch._replayed_as(
    rule ghostwatch.invariant,
    trials ghostwatch._trials,
    begin_at timestamptz
)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_replayed_as$
-- The choice is made once, by the subjects born before begin_at; checks make it again with every baseline.
DECLARE
    known constant integer := coalesce(width_bucket(begin_at, trials.born_at), 0);
BEGIN
    IF rule.rule <> 'auto' THEN
        RETURN rule.rule;
    END IF;

    RETURN ghostwatch._auto_choice(ghostwatch._baseline(
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
    ));
END
$_replayed_as$;

COMMENT ON FUNCTION ghostwatch._replayed_as(ghostwatch.invariant, ghostwatch._trials, timestamptz) IS
'The rule that decides in a replay: of auto, the one that it would have followed at begin_at, given the subjects of the time before.';
