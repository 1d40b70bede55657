CREATE PROCEDURE ghostwatch._repair_in_run(
    its_invariant_id integer,
    ends_at timestamptz,
    INOUT stopped boolean DEFAULT false
)
LANGUAGE plpgsql
AS $_repair_in_run$
-- After the check, in the same run, so with the rights of the contract's owner; not with those of the sidecar that reports the press.
-- (No SET clause and no definer's rights: either would forbid the commits. So every name is qualified here.)
DECLARE
    due record;
    repaired pg_catalog.int4 := 0;
    still_broken pg_catalog.int4 := 0;
    failed pg_catalog.int4 := 0;
BEGIN
    SELECT d.* INTO due FROM ghostwatch._due_repair(its_invariant_id, ghostwatch._clock()) AS d;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    CALL ghostwatch._perform_repairs(
        its_invariant_id, due.since, due.only_errors, due.at_most, ends_at, repaired, still_broken, failed, stopped
    );

    -- What the time of this run was too short for, the next one continues.
    IF due.alert_id IS NOT NULL AND (stopped OR pg_catalog.clock_timestamp() OPERATOR(pg_catalog.<=) ends_at) THEN
        PERFORM ghostwatch._end_repair_request(due.alert_id);
    END IF;
    PERFORM ghostwatch._announce_repairs(its_invariant_id, ghostwatch._clock(), at_most_hourly => due.alert_id IS NULL);
    PERFORM ghostwatch._relax_commit();
    COMMIT;
END
$_repair_in_run$;

COMMENT ON PROCEDURE ghostwatch._repair_in_run (integer, timestamptz, boolean) IS
'Repairs what is due of an invariant, see ghostwatch._due_repair(), until ends_at. Returns whether it was cancelled.';
