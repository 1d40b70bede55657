CREATE FUNCTION ghostwatch._drift_follows_families()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_drift_follows_families$
-- A raised detector recovers by new trials of its family, and a family without a pattern never has any.
BEGIN
    DELETE FROM ghostwatch.drift_detector AS a
    USING ghostwatch.invariant AS i
    WHERE i.contract_id = OLD.contract_id
        AND a.invariant_id = i.invariant_id
        AND a.branch_family <> ''
        AND a.branch_family = OLD.family
        AND a.branch_family NOT IN ('none', 'other')
        AND NOT EXISTS (
            SELECT FROM ghostwatch.branch_family AS b
            WHERE b.contract_id = OLD.contract_id AND b.family = OLD.family
        );
    RETURN NULL;
END
$_drift_follows_families$;

COMMENT ON FUNCTION ghostwatch._drift_follows_families() IS
'Removes the detectors of a branch family to which no pattern leads any more.';

CREATE TRIGGER drift_follows
AFTER UPDATE OR DELETE ON ghostwatch.branch_family
FOR EACH ROW EXECUTE FUNCTION ghostwatch._drift_follows_families();
