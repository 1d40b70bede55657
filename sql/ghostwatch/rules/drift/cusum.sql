CREATE FUNCTION ghostwatch._cusum(
    violated boolean[],
    violated_weight double precision,
    healthy_weight double precision,
    carried double precision,
    threshold double precision,
    OUT score double precision,
    OUT minimum_at integer,
    OUT alarm_at integer
)
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_cusum$
    -- S = max(0, S + weight), trial after trial, in closed form: the sum of the weights so far less its minimum. The sum is a
    -- function of two exact counts, so that no rounding errors add up.
    WITH walk AS (
        SELECT
            trial.place,
            carried + healthy_weight * trial.place
            + (violated_weight - healthy_weight) * count(*) FILTER (WHERE trial.violated) OVER so_far AS total
        FROM unnest(_cusum.violated) WITH ORDINALITY AS trial (violated, place)
        WINDOW so_far AS (ORDER BY trial.place ROWS UNBOUNDED PRECEDING)
    ),

    climb AS (
        SELECT
            walk.place,
            walk.total - least(0, min(walk.total) OVER so_far) AS score
        FROM walk
        WINDOW so_far AS (ORDER BY walk.place ROWS UNBOUNDED PRECEDING)
    ),

    stop AS (
        SELECT
            min(climb.place) FILTER (WHERE climb.score >= threshold) AS alarm_at,
            max(climb.place) AS last_place
        FROM climb
    )

    SELECT
        coalesce((array_agg(climb.score ORDER BY climb.place DESC))[1], carried),
        max(climb.place) FILTER (WHERE climb.score = 0)::integer,
        min(stop.alarm_at)::integer
    FROM stop
    LEFT JOIN climb
        ON climb.place <= coalesce(stop.alarm_at, stop.last_place)
$_cusum$;

COMMENT ON FUNCTION ghostwatch._cusum(boolean[], double precision, double precision, double precision, double precision) IS
'A CUSUM over a batch of trials in order of birth, as one query. carried: S at the end of the batch before.
Returns S at the end, or at the first trial where it reaches the threshold; the place of that trial (alarm_at, from 1; NULL if none); and how many trials had passed when S last was 0 (minimum_at, NULL if that was before the batch).';
