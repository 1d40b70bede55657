-- A function of the procedure's name, so that one asks for what the other does.
CREATE FUNCTION ghostwatch.repair(
    contract text,
    invariant text,
    dry_run boolean
)
RETURNS TABLE (
    subject_key text,
    opened_at timestamptz,
    branch_family text,
    state text
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $repair$
DECLARE
    clause ghostwatch._clause;
BEGIN
    IF dry_run IS NOT TRUE THEN
        RAISE EXCEPTION 'a function cannot repair, since each repair is a transaction of its own'
            USING ERRCODE = 'GW068',
                  DETAIL = format('dry_run is %s.', coalesce(dry_run::text, 'NULL')),
                  HINT = format('CALL ghostwatch.repair(%L, %L)', contract, invariant);
    END IF;

    PERFORM ghostwatch._require_runnable(contract);
    SELECT c.* INTO clause FROM ghostwatch._clause AS c WHERE c.invariant_id = ghostwatch._invariant_id(repair.contract, repair.invariant);
    PERFORM ghostwatch._repairing_query(clause);

    RETURN QUERY
    SELECT b.subject_key, b.opened_at, v.branch_family, v.state
    FROM ghostwatch._broken_violations(clause.invariant_id, '-infinity', false, NULL) AS f
    CROSS JOIN LATERAL ghostwatch._still_broken(clause, f.subject_keys, f.opened_at) AS b
    INNER JOIN ghostwatch.violation AS v
        ON v.invariant_id = clause.invariant_id
            AND v.subject_key = b.subject_key;
END
$repair$;

COMMENT ON FUNCTION ghostwatch.repair(text, text, boolean) IS
'The subjects that the procedure ghostwatch.repair() would repair now; changes nothing. dry_run: must be true.
Raises GW001 (no such contract), GW007 (no such invariant), GW020 (it belongs to another role), GW066 (the function is gone or not fit), GW067 (no repair was declared), GW068 (dry_run is not true), GW069 (the owner is a superuser).';
