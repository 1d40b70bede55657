CREATE FUNCTION ghostwatch._missed_keys(
    clause ghostwatch._clause,
    after timestamptz,
    up_to timestamptz
)
RETURNS text[]
LANGUAGE plpgsql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_missed_keys$
-- Reads subjects by the birth time that they carry, under capture too: an arrival that could not be recorded is in the table only.
-- Under capture a subject that has arrived is due when its arrival is, whatever birth time it carries.
DECLARE
    written ghostwatch._clause := clause;
BEGIN
    written.capture := false;
    RETURN ARRAY(
        SELECT j.subject_key
        FROM unnest(ghostwatch._judge_born(written, after, up_to, only_violated => true)) AS j
        WHERE NOT EXISTS (
                SELECT FROM ghostwatch.violation AS v
                WHERE v.invariant_id = clause.invariant_id
                    AND v.subject_key = j.subject_key
            )
            AND NOT EXISTS (
                SELECT FROM ghostwatch.arrival AS a
                WHERE a.contract_id = clause.contract_id
                    AND a.subject_key = j.subject_key
            )
    );
END
$_missed_keys$;

COMMENT ON FUNCTION ghostwatch._missed_keys(ghostwatch._clause, timestamptz, timestamptz) IS
'The keys of subjects born after one moment (excluded) and up to another (included) that lack what the clause asks for, without a violation or an arrival.';
