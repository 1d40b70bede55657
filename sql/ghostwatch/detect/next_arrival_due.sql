CREATE FUNCTION ghostwatch._next_arrival_due(
    clause ghostwatch._clause,
    checked_up_to timestamptz,
    as_of timestamptz,
    everybody boolean
)
RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_next_arrival_due$
-- Most subjects have their row long before they are due, and a check that finds so changes nothing but counts. So the
-- subjects that come next are looked at, only so many that a look stays cheap, and the first that lacks its row decides.
DECLARE
    looks_at constant integer := 100;
    watched ghostwatch._clause := clause;
    due_up_to constant timestamptz := ghostwatch._due_up_to(clause, as_of);
    next_birth timestamptz;
BEGIN
    -- The branch costs a look-up, and matters only where some are exempt.
    IF clause.exempt_branches = '{}' THEN
        watched.branch_expression := NULL;
    END IF;

    SELECT coalesce(
        min(j.born_at) FILTER (WHERE everybody OR NOT (j.satisfied OR j.exempt_by_branch)),
        CASE WHEN count(*) >= looks_at THEN max(j.born_at) END
    )
    INTO next_birth
    FROM unnest(ghostwatch._judge_born(watched, checked_up_to, as_of + '1 year'::interval, looks_at)) AS j;

    -- The distance from a birth to its deadline, as the checks reckon it.
    RETURN next_birth + (as_of - due_up_to);
END
$_next_arrival_due$;

COMMENT ON FUNCTION ghostwatch._next_arrival_due(ghostwatch._clause, timestamptz, timestamptz, boolean) IS
'When the next subject that lacks its row reaches its deadline, of those that came and were not judged; NULL where there is none.
Never too late, and too early only to look further.
checked_up_to: up to which birth subjects were judged. everybody: subjects that have their row count as well.';
