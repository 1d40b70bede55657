CREATE FUNCTION ghostwatch._incidents(
    firings ghostwatch._firing[],
    clear_for interval,
    end_at timestamptz
)
RETURNS SETOF ghostwatch._incident
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 100
SET search_path = pg_catalog, pg_temp
AS $_incidents$
-- Nobody acknowledges anything in a replay.
DECLARE
    reopen_within constant interval := ghostwatch._setting('reopen_within')::interval;
    repeat_interval constant interval := ghostwatch._setting('repeat_interval')::interval;
    firing ghostwatch._firing;
    incident ghostwatch._incident;
    severity text;
    last_notified_at timestamptz;
BEGIN
    FOR firing IN
        SELECT f.* FROM unnest(firings) AS f ORDER BY f.kind, f.begins_at
    LOOP
        IF incident.kind = firing.kind AND firing.begins_at <= incident.resolved_at + clear_for THEN
            -- Not clear for long enough: it goes on, perhaps more severe.
            IF firing.severity = 'error' AND severity = 'warn' THEN
                incident.messages := incident.messages + 1;
                severity := 'error';
                last_notified_at := firing.begins_at;
            END IF;
        ELSIF incident.kind = firing.kind AND firing.begins_at <= incident.resolved_at + clear_for + reopen_within THEN
            -- It was resolved and is reopened.
            incident.messages := incident.messages + 2;
            severity := firing.severity;
            last_notified_at := firing.begins_at;
        ELSE
            IF incident.kind IS NOT NULL THEN
                incident.messages := incident.messages + 1;
                incident.resolved_at := incident.resolved_at + clear_for;
                RETURN NEXT incident;
            END IF;
            incident := ROW(firing.kind, firing.severity, firing.begins_at, NULL, firing.since, 1);
            severity := firing.severity;
            last_notified_at := firing.begins_at;
        END IF;

        IF severity = 'error' THEN
            incident.severity := 'error';
        END IF;
        incident.resolved_at := coalesce(firing.ends_at, 'infinity');

        -- A repetition that is due while nothing is wrong waits until something is.
        WHILE last_notified_at + repeat_interval < incident.resolved_at AND last_notified_at + repeat_interval <= end_at LOOP
            last_notified_at := greatest(last_notified_at + repeat_interval, firing.begins_at);
            incident.messages := incident.messages + 1;
        END LOOP;
    END LOOP;

    IF incident.kind IS NOT NULL THEN
        incident.resolved_at := incident.resolved_at + clear_for;
        IF incident.resolved_at <= end_at THEN
            incident.messages := incident.messages + 1;
        ELSE
            incident.resolved_at := NULL;
        END IF;
        RETURN NEXT incident;
    END IF;
END
$_incidents$;

COMMENT ON FUNCTION ghostwatch._incidents(ghostwatch._firing[], interval, timestamptz) IS
'The life that alerts would have had under the settings reopen_within and repeat_interval, with the number of messages.
clear_for: how long nothing must be wrong before an alert resolves; end_at: the end of the replay.';
