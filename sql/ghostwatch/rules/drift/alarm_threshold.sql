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
    -- How high a statistic must climb for an alarm: by chance, one trial in e^h begins such a climb.
    -- Takes how many streams are watched with how many detectors each, their volume, and the accepted days per false alarm.
    -- Returns the threshold h in nats. One trial an hour is assumed at least, so that a trickle does not lower it to nothing.
    SELECT ln(streams * detectors * greatest(trials_per_day, 24) * days_per_false_alarm);
END;

COMMENT ON FUNCTION ghostwatch._alarm_threshold(integer, integer, double precision, double precision) IS
'The threshold h of a CUSUM, in nats, that keeps false alarms to one in so many days over all streams and detectors.';
