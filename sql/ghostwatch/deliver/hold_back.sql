CREATE FUNCTION ghostwatch._hold_back(
    told ghostwatch.alert,
    channel ghostwatch.channel,
    as_of timestamptz,
    OUT why text,
    OUT told_by bigint
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_hold_back$
-- Whether a new message about an alert must not go to a channel now.
-- Takes the alert, the channel and the time.
-- Returns why, in words (NULL: nothing speaks against it), and the notification that tells it later, if one does.
DECLARE
    quiet_until timestamptz := ghostwatch._quiet_until(channel, as_of);
BEGIN
    SELECT format('silence %s by %s until %s: %s', s.silence_id, s.created_by, s.ends_at, s.comment)
    INTO why
    FROM ghostwatch.silence AS s
    WHERE s.silence_id = told.silence_id;

    IF why IS NULL AND quiet_until IS NOT NULL AND (told.severity = 'warn' OR channel.quiet_errors) THEN
        why := format('quiet hours until %s', quiet_until);
        told_by := ghostwatch._digest_due(channel.channel_id, quiet_until, as_of);
    END IF;
END
$_hold_back$;

COMMENT ON FUNCTION ghostwatch._hold_back(ghostwatch.alert, ghostwatch.channel, timestamptz) IS
'Why a new message about an alert must not go to a channel now, and which notification tells it later.';
