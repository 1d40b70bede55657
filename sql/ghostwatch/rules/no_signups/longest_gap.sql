CREATE FUNCTION ghostwatch._longest_gap(
    subjects_by_hour double precision[],
    after timestamptz,
    expected double precision
)
RETURNS interval
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_longest_gap$
    -- Signups differ by the hour of the day.
    WITH stretch AS (
        SELECT
            greatest(hour.at, after) AS begins_at,
            subjects_by_hour[extract(HOUR FROM hour.at AT TIME ZONE 'UTC')::integer + 1] AS per_hour,
            extract(EPOCH FROM hour.at + '1 hour'::interval - greatest(hour.at, after)) / 3600 AS hours
        FROM generate_series(date_trunc('hour', after), after + '30 days'::interval, '1 hour'::interval) AS hour (at)
    ),
    sum_so_far AS (
        SELECT
            s.begins_at,
            s.per_hour,
            sum(s.per_hour * s.hours) OVER (ORDER BY s.begins_at) AS by_its_end,
            sum(s.per_hour * s.hours) OVER (ORDER BY s.begins_at) - s.per_hour * s.hours AS by_its_begin
        FROM stretch AS s
    )
    SELECT coalesce(
        (
            SELECT s.begins_at + (expected - s.by_its_begin) / s.per_hour * '1 hour'::interval - after
            FROM sum_so_far AS s
            WHERE s.by_its_end >= expected
            ORDER BY s.begins_at
            LIMIT 1
        ),
        '30 days'::interval
    )
$_longest_gap$;

COMMENT ON FUNCTION ghostwatch._longest_gap(double precision[], timestamptz, double precision) IS
'How long it takes from a moment until so many subjects are to be expected, by the number in each hour of the day (UTC); at most 30 days.';
