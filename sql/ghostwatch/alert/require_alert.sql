CREATE FUNCTION ghostwatch._require_alert(
    alert_id bigint
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_require_alert$
-- One message for all functions that take the number of an alert.
BEGIN
    IF NOT EXISTS (SELECT FROM ghostwatch.alert AS a WHERE a.alert_id = _require_alert.alert_id) THEN
        RAISE EXCEPTION 'there is no alert %', coalesce(alert_id::text, 'NULL')
            USING ERRCODE = 'GW030',
                  DETAIL = 'It may never have existed, or was pruned after keep_alerts.',
                  HINT = 'SELECT * FROM ghostwatch.alert_history ORDER BY alert_id DESC';
    END IF;
END
$_require_alert$;

COMMENT ON FUNCTION ghostwatch._require_alert(bigint) IS
'Raises GW030 if no alert has this number.';
