CREATE FUNCTION ghostwatch._next_run(
    moment timestamptz
)
RETURNS timestamptz
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- Replays assume a check run on every full minute.
    SELECT CASE
        WHEN isfinite(moment) THEN date_trunc('minute', moment - '1 microsecond'::interval) + '1 minute'::interval
        ELSE moment
    END;
END;

COMMENT ON FUNCTION ghostwatch._next_run(timestamptz) IS
'The first full minute at or after a moment.';
