CREATE FUNCTION ghostwatch._explain_future_birth(
    contract text,
    born_at timestamptz,
    now_is timestamptz
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_explain_future_birth$
-- A birth in the future comes from a wrong time zone or a wrong clock: both are named, with the statement that corrects it.
SELECT format(
    'Born in the future: %s is %s UTC%s, while the clock of the database says %s UTC. No check run judges it before then. %s',
    coalesce(c.born_at_expression, format('%s.%I', c.subject, c.born_at_column)),
    date_trunc('second', born_at AT TIME ZONE 'UTC'),
    ', read in the time zone ' || c.time_zone,
    date_trunc('second', now_is AT TIME ZONE 'UTC'),
    CASE
        WHEN c.born_at_expression IS NOT NULL THEN 'Where that is meant, as_of names a moment after it.'
        WHEN c.time_zone IS NULL THEN 'The application writes local time without its zone, or its clock is wrong.'
        ELSE format('The zone or the clock of the application is wrong: SELECT ghostwatch.declare_contract(%L, time_zone => ''...'');', c.name)
    END
)
FROM ghostwatch.contract AS c
WHERE c.contract_id = ghostwatch._contract_id(contract)
$_explain_future_birth$;

COMMENT ON FUNCTION ghostwatch._explain_future_birth(text, timestamptz, timestamptz) IS
'What a test reports of a subject that was born in the future: the time written, the zone it is read in, and the clock.';
