CREATE FUNCTION ghostwatch._subject_findings(
    contract text,
    subject_key text
)
RETURNS TABLE (
    invariant text,
    satisfied boolean,
    state text,
    is_due boolean,
    remark text
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_subject_findings$
-- Every clause of a contract for one subject, as ghostwatch.check_subject() sees it, with a line to tell a tester.
-- A subject that is not there is a finding too, since no clause of a contract can hold for it.
BEGIN
    RETURN QUERY
    SELECT
        v.invariant,
        v.satisfied,
        v.state,
        v.due_at <= ghostwatch._clock(),
        format('%s: %s', v.invariant, v.explanation)
    FROM ghostwatch.check_subject(_subject_findings.contract, _subject_findings.subject_key) AS v;
EXCEPTION
    WHEN SQLSTATE 'GW021' THEN
        RETURN QUERY SELECT NULL::text, false, 'no subject'::text, true, SQLERRM;
END
$_subject_findings$;

COMMENT ON FUNCTION ghostwatch._subject_findings(text, text) IS
'Every clause of a contract for one subject with a line to tell a tester; one row without a clause where there is no such subject.';
