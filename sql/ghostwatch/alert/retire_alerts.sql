CREATE FUNCTION ghostwatch._retire_alerts(
    invariant_id integer,
    as_of timestamptz
) RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_retire_alerts$
-- Resolves what is firing about an invariant that is about to be dropped: nobody will look at it again.
-- Takes the invariant, whose check_progress row the caller has locked, and the time.
DECLARE
    firing ghostwatch.alert;
BEGIN
    FOR firing IN
        UPDATE ghostwatch.alert AS a
        SET evidence = a.evidence || '{"dropped": true}'
        WHERE coalesce(a.invariant_id, 0) = _retire_alerts.invariant_id
            AND a.state = 'firing'
        RETURNING a.*
    LOOP
        PERFORM ghostwatch._resolve_alert(firing, as_of);
    END LOOP;
END
$_retire_alerts$;

COMMENT ON FUNCTION ghostwatch._retire_alerts(integer, timestamptz) IS
'Resolves the alerts of an invariant that is about to be dropped.';
