CREATE FUNCTION ghostwatch._stays_until(
    stay_for interval
)
RETURNS timestamptz
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_stays_until$
-- Schedules count from full minutes, so that runs that start a little late do not drift. And half the time that a
-- statement may take is left to the last check.
BEGIN
    IF stay_for NOT BETWEEN '1 second'::interval AND '1 hour'::interval THEN
        RAISE EXCEPTION 'a run cannot stay for %', stay_for
        USING
            ERRCODE = 'GW062',
            DETAIL = 'It stays from one second to one hour: the period in which the next run is started.',
            HINT = 'CALL ghostwatch.run_checks(stay_for => ''1 minute'');';
    END IF;

    RETURN (
        SELECT least(
            date_bin(stay_for, clock_timestamp(), '2000-01-01 00:00:00+00') + stay_for,
            statement_timestamp() + nullif(s.setting::bigint, 0) * '1 millisecond'::interval / 2
        )
        FROM pg_settings AS s
        WHERE s.name = 'statement_timeout'
            AND stay_for IS NOT NULL
    );
END
$_stays_until$;

COMMENT ON FUNCTION ghostwatch._stays_until(interval) IS
'Until when a run stays that is started once in such a period: the end of the present one, or half of statement_timeout; NULL where it does not stay.
Raises GW062 (no such period).';
