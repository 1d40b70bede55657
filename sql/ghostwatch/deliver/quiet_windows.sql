CREATE FUNCTION ghostwatch._quiet_windows(
    windows text[]
)
RETURNS TABLE (
    quiet_window text,
    weekday integer,
    starts_at time,
    lasts interval
)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 7
SET search_path = pg_catalog, pg_temp
AS $_quiet_windows$
    -- Cron could say no more about when and nothing about how long.
    SELECT
        given.quiet_window,
        numbered.weekday,
        part.of[2]::time,
        make_interval(mins => part.of[3]::integer * CASE part.of[4] WHEN 'minute' THEN 1 WHEN 'hour' THEN 60 ELSE 1440 END)
    FROM unnest(windows) AS given (quiet_window)
    CROSS JOIN LATERAL regexp_match(
        given.quiet_window,
        replace(
            '^(daily|DAY(?:-DAY)?(?:,DAY(?:-DAY)?)*) '
            '((?:[01][0-9]|2[0-3]):[0-5][0-9]) for ([1-9][0-9]{0,3}) (minute|hour|day)s?(?:: .{1,100})?$',
            -- A colon and a letter would look like a parameter to drivers.
            'DAY', '(?:[m]on|tue|wed|thu|fri|sat|sun)'
        ),
        'i'
    ) AS part (of)
    CROSS JOIN generate_series(1, 7) AS numbered (weekday)
    WHERE EXISTS (
        SELECT
        FROM string_to_table(replace(lower(part.of[1]), 'daily', 'mon-sun'), ',') AS listed (days)
        CROSS JOIN LATERAL (
            SELECT
                array_position('{mon,tue,wed,thu,fri,sat,sun}'::text[], split_part(listed.days, '-', 1)) AS first,
                array_position('{mon,tue,wed,thu,fri,sat,sun}'::text[], split_part(listed.days, '-', -1)) AS last
        ) AS span
        WHERE (numbered.weekday - span.first + 7) % 7 <= (span.last - span.first + 7) % 7
    )
$_quiet_windows$;

COMMENT ON FUNCTION ghostwatch._quiet_windows(text[]) IS
'When recurring quiet windows begin and how long they last, a row for each weekday (1 is Monday); no row for what cannot be read.
windows: each as ''Sun 02:00 for 2 hours: backups'', with days as Mon,Wed or Mon-Fri or daily, and an optional remark.';
