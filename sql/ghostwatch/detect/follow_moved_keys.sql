CREATE FUNCTION ghostwatch._follow_moved_keys(
    clause ghostwatch._clause,
    as_of timestamptz,
    births_of_the_gone timestamptz[]
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_follow_moved_keys$
-- A subject that is gone may only have changed its key: then one born at the same moment lacks the row, and would be
-- missed, for the watermark has passed it. It gets a violation under its new key; counted it is already.
DECLARE
    judgements ghostwatch._judgement[];
BEGIN
    -- An arrival is recorded under the key that it came with.
    IF clause.capture THEN
        RETURN;
    END IF;

    judgements := ghostwatch._judge_all(clause, 'births', births => births_of_the_gone, only_violated => true);

    PERFORM ghostwatch._record_moved_keys(clause, as_of, judgements);
END
$_follow_moved_keys$;

COMMENT ON FUNCTION ghostwatch._follow_moved_keys(ghostwatch._clause, timestamptz, timestamptz[]) IS
'Opens violations for subjects that changed their key while their violation was open, found by their birth times.';
