CREATE FUNCTION ghostwatch._few_are_open(
    invariant_id integer
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_few_are_open$
-- (plpgsql, so that a session that runs checks again and again plans this once.)
BEGIN
    RETURN NOT EXISTS (
        SELECT
        FROM ghostwatch.violation AS v
        WHERE v.invariant_id = _few_are_open.invariant_id
            AND v.closed_at IS NULL
        OFFSET 100
    );
END
$_few_are_open$;

COMMENT ON FUNCTION ghostwatch._few_are_open(integer) IS
'Whether at most 100 violations of an invariant are open, so that looking at all of them again costs little.';
