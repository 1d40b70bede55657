CREATE FUNCTION ghostwatch.lead_buttons(
    worker text,
    lease interval
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $lead_buttons$
-- Whether this sidecar is the one that reads which buttons are pressed: two readers would take each other's updates.
DECLARE
    as_of constant timestamptz := ghostwatch._clock();
BEGIN
    INSERT INTO ghostwatch.dispatch DEFAULT VALUES ON CONFLICT DO NOTHING;

    UPDATE ghostwatch.dispatch
    SET
        buttons_reader = left(lead_buttons.worker, 100),
        buttons_reader_until = as_of + least(greatest(lead_buttons.lease, '0'), '10 minutes')
    WHERE coalesce(dispatch.buttons_reader_until <= as_of, true)
        OR dispatch.buttons_reader = left(lead_buttons.worker, 100);

    RETURN FOUND;
END
$lead_buttons$;

COMMENT ON FUNCTION ghostwatch.lead_buttons(text, interval) IS
'Whether this sidecar is the one that reads which buttons are pressed, from now on for a while. Takes its name and for
how long it wants to be, ten minutes at most; it asks again before that is over.';
