CREATE FUNCTION ghostwatch._record_history(
    invariant_id integer,
    begins_at timestamptz,
    minutes timestamptz[],
    branch_families text[],
    due integer[],
    violations integer[],
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_record_history$
-- What a check counted itself stays.
BEGIN
    PERFORM ghostwatch._require_own_invariant(invariant_id, credential);

    INSERT INTO ghostwatch.branch_minute (invariant_id, minute, branch_family, due, violations)
    SELECT _record_history.invariant_id, m.minute, m.branch_family, m.due, m.violations
    FROM ROWS FROM (
        unnest(minutes), unnest(branch_families), unnest(due), unnest(violations)
    ) AS m (minute, branch_family, due, violations)
    ON CONFLICT DO NOTHING;

    PERFORM ghostwatch._complete_history(invariant_id, begins_at);
END
$_record_history$;

COMMENT ON FUNCTION ghostwatch._record_history(integer, timestamptz, timestamptz[], text[], integer[], integer[], uuid) IS
'Records what ghostwatch._fill_history() counted, from begins_at on. Raises GW008 (belongs to another role).';
