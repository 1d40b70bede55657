CREATE FUNCTION ghostwatch.drill(
    contract text,
    invariant text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $drill$
-- It is an alert of a kind of its own, so that nothing that counts, judges or shows alerts of violations takes it for
-- one. Each step follows when the sidecars have reported the one before, since only then is it known how long that took.
DECLARE
    as_of constant timestamptz := ghostwatch._clock();
    its_invariant_id constant integer := ghostwatch._invariant_id(contract, invariant);
    earlier ghostwatch.alert;
    drill_id bigint;
    channels text[];
BEGIN
    PERFORM ghostwatch._require_own_invariant(its_invariant_id, credential);

    SELECT array_agg(c.name ORDER BY c.name) INTO channels
    FROM ghostwatch.channel AS c
    WHERE c.disabled_at IS NULL
        AND (c.contracts IS NULL OR drill.contract = ANY (c.contracts));
    IF channels IS NULL THEN
        RAISE EXCEPTION 'no channel would get a drill of contract %', quote_literal(contract)
            USING ERRCODE = 'GW065',
                  DETAIL = 'Every channel is disabled or gets other contracts only, so that an alert would reach nobody either.',
                  HINT = 'SELECT ghostwatch.add_channel(''admins'', chat_id => ...); or SELECT ghostwatch.enable_channel(...);';
    END IF;

    -- One that still waits for a sidecar ends first.
    FOR earlier IN
        SELECT a.*
        FROM ghostwatch.alert AS a
        WHERE a.kind = 'drill' AND coalesce(a.invariant_id, 0) = its_invariant_id AND a.state = 'firing'
        FOR UPDATE
    LOOP
        PERFORM ghostwatch._resolve_alert(earlier, as_of);
    END LOOP;

    PERFORM ghostwatch._open_alert('drill', its_invariant_id, ghostwatch._drill_result('warn'), as_of);
    drill_id := (
        SELECT a.alert_id
        FROM ghostwatch.alert AS a
        WHERE a.kind = 'drill' AND coalesce(a.invariant_id, 0) = its_invariant_id AND a.state = 'firing'
    );
    -- Where every channel is for errors only, nobody gets the warning.
    PERFORM ghostwatch._advance_drill(drill_id, as_of);

    RAISE NOTICE 'drill % goes to: %', drill_id, array_to_string(channels, ', ')
        USING DETAIL = 'Its messages begin with DRILL. Each step follows when the one before was delivered.',
              HINT = format('SELECT * FROM ghostwatch.drill_history WHERE alert_id = %s', drill_id);
    RETURN drill_id;
END
$drill$;

COMMENT ON FUNCTION ghostwatch.drill(text, text, uuid) IS
'Rehearses an alert of an invariant: a warning, an escalation and a resolution, marked as a drill, through the outbox and the sidecar.
Returns the number of its alert; ghostwatch.drill_history shows how long each step took.
It reads and writes none of the application''s tables, counts in no statistics, and waits for no silence, quiet hours or summary.
Raises GW001 (no such contract), GW007 (no such invariant), GW008 (the contract belongs to another role), GW065 (no channel would get it).';
