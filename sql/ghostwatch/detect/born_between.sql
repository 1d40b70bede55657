CREATE FUNCTION ghostwatch._born_between(
    clause ghostwatch._clause,
    after timestamptz,
    up_to timestamptz
)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_born_between$
DECLARE
    -- Where a clock was set back or forward within these hours, local times repeat or never happen;
    -- then the index reads a little more, and the exact condition sorts it out.
    margin constant interval := '3 hours'::interval;
    exact constant text := format('%1$s > %2$L AND %1$s <= %3$L', ghostwatch._written_birth(clause), after, up_to);
BEGIN
    IF clause.time_zone IS NULL THEN
        RETURN exact;
    END IF;

    RETURN format(
        '%1$s > %2$L AND %1$s <= %3$L AND %4$s',
        ghostwatch._plain_birth(clause),
        (after AT TIME ZONE clause.time_zone)
        - CASE WHEN ghostwatch._clock_changes(after, margin, clause.time_zone) THEN margin ELSE '0'::interval END,
        (up_to AT TIME ZONE clause.time_zone)
        + CASE WHEN ghostwatch._clock_changes(up_to, margin, clause.time_zone) THEN margin ELSE '0'::interval END,
        exact
    );
END
$_born_between$;

COMMENT ON FUNCTION ghostwatch._born_between(ghostwatch._clause, timestamptz, timestamptz) IS
'SQL condition for the subjects s born after one moment (excluded) and up to another (included), fit for an index on the birth column.';
