CREATE FUNCTION ghostwatch._in_maintenance(
    invariant_id integer,
    as_of timestamptz
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_in_maintenance$
-- The alert that checks have stopped belongs to no invariant: it waits only where every contract is covered.
-- (plpgsql, so that a session that runs checks again and again plans this once.)
BEGIN
    RETURN EXISTS (
        SELECT
        FROM ghostwatch.maintenance AS m
        WHERE m.summarized_at IS NULL
            AND m.started_at <= as_of
            AND m.ends_at > as_of
    ) AND NOT EXISTS (
        SELECT
        FROM ghostwatch._clause AS c
        WHERE (_in_maintenance.invariant_id IS NULL OR c.invariant_id = _in_maintenance.invariant_id)
            AND NOT EXISTS (
                SELECT
                FROM ghostwatch.maintenance AS m
                WHERE m.summarized_at IS NULL
                    AND m.started_at <= as_of
                    AND m.ends_at > as_of
                    AND pg_has_role(m.owner, c.owner, 'USAGE')
            )
    );
END
$_in_maintenance$;

COMMENT ON FUNCTION ghostwatch._in_maintenance(integer, timestamptz) IS
'Whether a maintenance window covers an invariant, or (NULL) every contract.';
