CREATE FUNCTION onboarding._birth_time(
    moment timestamptz
)
RETURNS timestamptz
LANGUAGE sql
STABLE
PARALLEL SAFE
AS $_birth_time$
    -- The moment, moved so that a column without time zone, which takes the session's wall clock,
    -- gets the wall clock that the contract reads it by. A session elsewhere would else make users
    -- who seem born hours ago, past any deadline, or hours ahead.
    SELECT coalesce(
        (
            SELECT (moment AT TIME ZONE contract.time_zone) AT TIME ZONE current_setting('TimeZone')
            FROM ghostwatch.contract
            WHERE contract.name = 'onboarding'
        ),
        moment
    )
$_birth_time$;

COMMENT ON FUNCTION onboarding._birth_time(timestamptz) IS
'What to store as a user''s birth time so that the contract reads the given moment, whatever the session''s time zone.';
