CREATE FUNCTION ghostwatch._alerts_follow_invariant()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_alerts_follow_invariant$
-- A dropped invariant is not checked any more, so nothing else could resolve its alerts. Before the row is deleted: the
-- end of an alert counts how its violations were closed.
DECLARE
    firing ghostwatch.alert;
BEGIN
    FOR firing IN
        UPDATE ghostwatch.alert AS a
        SET evidence = a.evidence || '{"dropped": true}'
        WHERE coalesce(a.invariant_id, 0) = OLD.invariant_id
            AND a.state = 'firing'
        RETURNING a.*
    LOOP
        PERFORM ghostwatch._resolve_alert(firing, ghostwatch._clock());
    END LOOP;

    RETURN OLD;
END
$_alerts_follow_invariant$;

COMMENT ON FUNCTION ghostwatch._alerts_follow_invariant() IS
'Resolves the alerts of an invariant that is dropped.';

CREATE TRIGGER alerts_follow
BEFORE DELETE ON ghostwatch.invariant
FOR EACH ROW EXECUTE FUNCTION ghostwatch._alerts_follow_invariant();
