CREATE FUNCTION ghostwatch.maintenance(
    duration interval,
    comment text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $maintenance$
-- Detection goes on, so no subject is missed; only alerts wait for the end of the window. It ends by itself: a deploy script that
-- fails must not leave the alerts off.
DECLARE
    as_of constant timestamptz := ghostwatch._clock();
    new_end timestamptz;
BEGIN
    IF (duration > '0' AND duration <= '7 days') IS NOT TRUE OR coalesce(comment, '') = '' THEN
        RAISE EXCEPTION 'a maintenance window needs a duration of at most 7 days and a comment'
        USING
            ERRCODE = 'GW059',
            DETAIL = format('The duration given is %s, the comment %s.', coalesce(duration::text, 'NULL'), quote_nullable(comment)),
            HINT = 'SELECT ghostwatch.maintenance(''20 minutes'', ''release 2026-12-01'');';
    END IF;

    -- A second call moves the end of the window that is open, and there is still one summary.
    UPDATE ghostwatch.maintenance AS m
    SET
        ends_at = as_of + duration,
        comment = CASE WHEN m.comment = maintenance.comment THEN m.comment ELSE m.comment || '; ' || maintenance.comment END
    WHERE m.owner = ghostwatch._caller(credential)
        AND m.summarized_at IS NULL
        AND m.ends_at > as_of
    RETURNING m.ends_at INTO new_end;

    IF NOT FOUND THEN
        INSERT INTO ghostwatch.maintenance AS m (started_at, ends_at, owner, comment)
        VALUES (as_of, as_of + duration, ghostwatch._caller(credential), maintenance.comment)
        RETURNING m.ends_at INTO new_end;
    END IF;

    RETURN new_end;
END
$maintenance$;

COMMENT ON FUNCTION ghostwatch.maintenance(interval, text, uuid) IS
'Opens a maintenance window for the contracts of this role (and of roles of which it is a member), or moves its end: violations are recorded, alerts wait. Returns when it ends.
At the end, one message summarizes what was found. Raises GW059 (no duration, more than 7 days, or no comment).';
