CREATE FUNCTION ghostwatch.page_alert_delivery(
    alert_id bigint
)
RETURNS TABLE (
    channel text,
    outcome text
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 10
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_alert_delivery$
BEGIN
    PERFORM ghostwatch._require_alert(page_alert_delivery.alert_id);

    RETURN QUERY
    SELECT d.channel, d.outcome
    FROM ghostwatch.alert AS a
    CROSS JOIN LATERAL ghostwatch._explain_delivery(a) AS d
    WHERE a.alert_id = page_alert_delivery.alert_id;
END
$page_alert_delivery$;

COMMENT ON FUNCTION ghostwatch.page_alert_delivery(bigint) IS
'Why each channel was sent an alert or not, as ghostwatch.explain_alert() says. Raises GW030 (no such alert).';
