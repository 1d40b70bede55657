CREATE FUNCTION ghostwatch._replay_total(
    rule ghostwatch.invariant,
    begin_at timestamptz,
    end_at timestamptz
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_replay_total$
    -- For the doctor, which recommends a rule with figures.
    SELECT format(
        '%s, %s, firing %s %% of the time',
        ghostwatch._pluralize(count(*), 'alert'),
        ghostwatch._pluralize(coalesce(sum(r.messages), 0), 'message'),
        round((100 * coalesce(sum(extract(EPOCH FROM r.lasted)), 0) / extract(EPOCH FROM end_at - begin_at))::numeric, 1)
    )
    FROM ghostwatch._replay(rule, begin_at, end_at) AS r
$_replay_total$;

COMMENT ON FUNCTION ghostwatch._replay_total(ghostwatch.invariant, timestamptz, timestamptz) IS
'What a rule would have made of the time between two moments, in a few words. Raises GW038, GW039.';
