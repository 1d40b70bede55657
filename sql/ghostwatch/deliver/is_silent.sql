CREATE FUNCTION ghostwatch._is_silent(
    channel ghostwatch.channel,
    reason text,
    alert jsonb,
    covered jsonb,
    is_quiet boolean
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_is_silent$
    -- Sounds are for what somebody must act on: an error that fires, and a channel that gets nothing any more. The rest
    -- is read when somebody looks. In quiet hours only errors make a sound, and only where they do not wait.
    SELECT
        CASE
            WHEN _is_silent.reason = 'updated' OR _is_silent.channel.sound = 'none' THEN true
            WHEN is_quiet AND _is_silent.channel.quiet_errors THEN true
            WHEN is_quiet OR _is_silent.channel.sound = 'errors' THEN NOT (
                _is_silent.reason IN ('channel_closed', 'unacknowledged')
                OR (_is_silent.reason NOT IN ('details', 'repaired') AND coalesce(_is_silent.alert @> '{"state": "firing", "severity": "error"}', false))
                OR coalesce(_is_silent.covered @> '[{"state": "firing", "severity": "error"}]', false)
            )
            ELSE false
        END
$_is_silent$;

COMMENT ON FUNCTION ghostwatch._is_silent(ghostwatch.channel, text, jsonb, jsonb, boolean) IS
'Whether a message arrives without a sound: edits always, the rest by severity, as the channel says.
reason, alert, covered: of the notification; alert and covered may be NULL. Takes the channel, the reason, the alert
and the alerts that a digest covers, and whether these are quiet hours.';
