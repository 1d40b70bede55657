CREATE FUNCTION ghostwatch._quiet_until(
    channel ghostwatch.channel,
    as_of timestamptz
)
RETURNS timestamptz
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_quiet_until$
    SELECT
        CASE
            -- Hours that go over midnight: late in the evening they end tomorrow.
            WHEN channel.quiet_from > channel.quiet_until AND local.at::time >= channel.quiet_from
                THEN (local.at::date + 1 + channel.quiet_until) AT TIME ZONE channel.quiet_time_zone
            WHEN local.at::time < channel.quiet_until
                AND (channel.quiet_from > channel.quiet_until OR local.at::time >= channel.quiet_from)
                THEN (local.at::date + channel.quiet_until) AT TIME ZONE channel.quiet_time_zone
        END
    FROM (VALUES (as_of AT TIME ZONE channel.quiet_time_zone)) AS local (at)
$_quiet_until$;

COMMENT ON FUNCTION ghostwatch._quiet_until(ghostwatch.channel, timestamptz) IS
'When the quiet hours of a channel end that a moment falls into; NULL if it falls into none. Takes the channel and the
time; returns NULL outside of quiet hours.';
