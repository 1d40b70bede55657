CREATE FUNCTION ghostwatch._drift_follows_invariant()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_drift_follows_invariant$
-- With another expected rate, the counts so far are declared not to be usual.
BEGIN
    PERFORM ghostwatch._restart_drift(
        NEW.invariant_id,
        CASE WHEN OLD.expected_rate <> NEW.expected_rate THEN ghostwatch._clock() END,
        true
    );
    RETURN NULL;
END
$_drift_follows_invariant$;

COMMENT ON FUNCTION ghostwatch._drift_follows_invariant() IS
'Starts the rule drift of an invariant anew when its rule or its expected rate changes.';

CREATE TRIGGER drift_follows
AFTER UPDATE ON ghostwatch.invariant
FOR EACH ROW
WHEN ((old.rule, old.expected_rate) IS DISTINCT FROM (new.rule, new.expected_rate))
EXECUTE FUNCTION ghostwatch._drift_follows_invariant();
