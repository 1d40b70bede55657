CREATE FUNCTION ghostwatch._adapt_to_digest(
    digest_id bigint,
    channel_id integer
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_adapt_to_digest$
    -- A digest that is being sent shows its alerts as they are now. Of what waits behind it, a resolution is already in
    -- the digest, and so is the severity of an alert that escalated: what remains to be sent is that it still fires.
    UPDATE ghostwatch.notification AS behind
    SET
        reason = CASE behind.reason WHEN 'escalated' THEN 'repeated' ELSE behind.reason END,
        state = CASE behind.reason WHEN 'resolved' THEN 'superseded' ELSE behind.state END,
        state_reason = CASE behind.reason WHEN 'resolved' THEN 'covered by a digest' ELSE behind.state_reason END,
        covered_by = CASE behind.reason WHEN 'resolved' THEN _adapt_to_digest.digest_id ELSE behind.covered_by END
    WHERE behind.channel_id = _adapt_to_digest.channel_id
        AND behind.state = 'pending'
        AND behind.reason IN ('escalated', 'resolved')
        AND behind.alert_id IN (
            SELECT (covered.alert ->> 'alert_id')::bigint
            FROM jsonb_array_elements(ghostwatch._covered_alerts(_adapt_to_digest.digest_id)) AS covered (alert)
        )
$_adapt_to_digest$;

COMMENT ON FUNCTION ghostwatch._adapt_to_digest(bigint, integer) IS
'Adapts what waits behind a digest that is being sent to the content of the digest.';
