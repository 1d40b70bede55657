CREATE FUNCTION ghostwatch._report_uncaptured(
    clause ghostwatch._clause,
    as_of timestamptz,
    after timestamptz,
    up_to timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_report_uncaptured$
-- Where every table of ghostwatch that the trigger writes is locked, an arrival leaves no record. The next check takes
-- up the failure that is recorded here. Only where an index leads to the births: each check asks.
DECLARE
    uncaptured text[];
BEGIN
    IF after >= up_to OR NOT ghostwatch._birth_is_indexed(clause) THEN
        RETURN;
    END IF;

    uncaptured := ghostwatch._missed_keys(clause, after, up_to);
    IF uncaptured <> '{}' THEN
        INSERT INTO ghostwatch.capture_failure (contract_id, failed_at, subject_keys, error_state, error_message)
        VALUES (clause.contract_id, as_of, uncaptured, 'GW077', 'nothing was recorded when they came, and a check found them in the table');
    END IF;
END
$_report_uncaptured$;

COMMENT ON FUNCTION ghostwatch._report_uncaptured(ghostwatch._clause, timestamptz, timestamptz, timestamptz) IS
'Records as a failure of capture the subjects born after one moment (excluded) and up to another (included) that lack what they need and never arrived.';
