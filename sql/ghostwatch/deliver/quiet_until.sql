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
        greatest(
            CASE
                -- Hours that go over midnight: late in the evening they end tomorrow.
                WHEN channel.quiet_from > channel.quiet_until AND local.at::time >= channel.quiet_from
                    THEN (local.at::date + 1 + channel.quiet_until) AT TIME ZONE channel.quiet_time_zone
                WHEN local.at::time < channel.quiet_until
                    AND (channel.quiet_from > channel.quiet_until OR local.at::time >= channel.quiet_from)
                    THEN (local.at::date + channel.quiet_until) AT TIME ZONE channel.quiet_time_zone
            END,
            -- Windows of up to a week; their length is time that passes, whatever the clocks do.
            (
                SELECT max(began.at + w.lasts)
                FROM ghostwatch._quiet_windows(channel.quiet_windows) AS w
                CROSS JOIN generate_series(0, 7) AS ago (days)
                CROSS JOIN LATERAL (
                    SELECT (local.at::date - ago.days + w.starts_at) AT TIME ZONE channel.quiet_time_zone
                ) AS began (at)
                WHERE extract(ISODOW FROM local.at::date - ago.days) = w.weekday
                    AND began.at <= as_of
                    AND began.at + w.lasts > as_of
            )
        )
    FROM (VALUES (as_of AT TIME ZONE channel.quiet_time_zone)) AS local (at)
$_quiet_until$;

COMMENT ON FUNCTION ghostwatch._quiet_until(ghostwatch.channel, timestamptz) IS
'When the quiet hours or quiet windows of a channel end that a moment falls into, the latest of them; NULL if it falls into none.';
