CREATE FUNCTION ghostwatch._end_repair_request(
    alert_id bigint,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_end_repair_request$
BEGIN
    PERFORM ghostwatch._require_own_invariant(a.invariant_id, credential)
    FROM ghostwatch.alert AS a
    WHERE a.alert_id = _end_repair_request.alert_id;

    UPDATE ghostwatch.alert AS a
    SET repair_requested_at = NULL
    WHERE a.alert_id = _end_repair_request.alert_id;
END
$_end_repair_request$;

COMMENT ON FUNCTION ghostwatch._end_repair_request(bigint, uuid) IS
'Records that a repair which was asked for has been performed. Raises GW008, GW061.';
