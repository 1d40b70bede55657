CREATE FUNCTION ghostwatch._repairable(
    its_alert ghostwatch.alert
)
RETURNS integer
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_repairable$
-- Whether the clause is still broken is asked when they are repaired: that takes the rights of the contract's owner.
BEGIN
    IF its_alert.kind <> 'violations'
        OR its_alert.state <> 'firing'
        OR its_alert.repair_requested_at IS NOT NULL
        OR NOT EXISTS (SELECT FROM ghostwatch.invariant AS i WHERE i.invariant_id = its_alert.invariant_id AND i.repair IS NOT NULL)
    THEN
        RETURN 0;
    END IF;

    RETURN (
        SELECT cardinality(b.subject_keys)
        FROM ghostwatch._broken_violations(its_alert.invariant_id, its_alert.opened_at, false, 10000) AS b
    );
END
$_repairable$;

COMMENT ON FUNCTION ghostwatch._repairable(ghostwatch.alert) IS
'For how many subjects a button under an alert can ask for a repair, at most 10,000; 0 where there is no repair, or where it was asked for.';
