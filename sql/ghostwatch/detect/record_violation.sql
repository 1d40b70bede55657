CREATE FUNCTION ghostwatch._record_violation(
    invariant_id integer,
    subject_key text,
    born_at timestamptz,
    branch_family text,
    as_of timestamptz,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_record_violation$
    -- The next check run finds it recorded already, and only counts it.
    SELECT ghostwatch._require_own_invariant(_record_violation.invariant_id, _record_violation.credential);

    INSERT INTO ghostwatch.violation (
        invariant_id, subject_key, born_at, branch_family, state, opened_at, escalated_at
    )
    VALUES (
        invariant_id, subject_key, born_at, branch_family, 'error', as_of, as_of
    )
    ON CONFLICT DO NOTHING
$_record_violation$;

COMMENT ON FUNCTION ghostwatch._record_violation(integer, text, timestamptz, text, timestamptz, uuid) IS
'Records a violation that was found outside a check run, as an error from now on.';
