CREATE FUNCTION ghostwatch._alarm_threshold(
    streams integer,
    detectors integer,
    trials_per_day double precision,
    days_per_false_alarm double precision
)
RETURNS double precision
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
BEGIN ATOMIC
    -- By chance, one trial in e^h starts a climb to h. At least one trial an hour is assumed, so that few signups do not lower the threshold
    -- to nothing.
    SELECT ln(streams * detectors * greatest(trials_per_day, 24) * days_per_false_alarm);
END;

COMMENT ON FUNCTION ghostwatch._alarm_threshold(integer, integer, double precision, double precision) IS
'The threshold h of a CUSUM, in nats, that allows one false alarm in days_per_false_alarm days over all streams, each seen by so many detectors.';
