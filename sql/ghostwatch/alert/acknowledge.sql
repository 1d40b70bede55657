CREATE FUNCTION ghostwatch.acknowledge(
    alert_id bigint,
    by text,
    comment text DEFAULT NULL,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $acknowledge$
-- An escalation is still sent: whoever acknowledged a warning has not seen the error.
DECLARE
    its_state text := (SELECT a.state FROM ghostwatch.alert AS a WHERE a.alert_id = acknowledge.alert_id);
    is_first boolean;
BEGIN
    PERFORM ghostwatch._require_alert(alert_id);
    PERFORM ghostwatch._require_contract_owner(c.contract_id, role => ghostwatch._caller(credential))
    FROM ghostwatch.alert AS a
    INNER JOIN ghostwatch.contract AS c
        ON c.name = a.contract
    WHERE a.alert_id = acknowledge.alert_id;

    IF its_state = 'resolved' THEN
        RAISE EXCEPTION 'alert % is resolved', alert_id
            USING ERRCODE = 'GW031',
                  DETAIL = 'Only an alert that is firing can be acknowledged.',
                  HINT = format('SELECT * FROM ghostwatch.explain_alert(%s)', alert_id);
    END IF;

    IF coalesce(by, '') = '' THEN
        RAISE EXCEPTION 'acknowledging alert % needs a name', alert_id
            USING ERRCODE = 'GW032',
                  DETAIL = format('The name given is %s.', quote_nullable(by)),
                  HINT = format('SELECT ghostwatch.acknowledge(%s, %L)', alert_id, session_user);
    END IF;

    UPDATE ghostwatch.alert AS a
    SET
        acknowledged_at = ghostwatch._clock(),
        acknowledged_by = by,
        acknowledge_comment = comment
    WHERE a.alert_id = acknowledge.alert_id
        AND a.acknowledged_at IS NULL;
    is_first := FOUND;

    -- The message in the chat shows who it is.
    IF is_first THEN
        PERFORM ghostwatch._enqueue(alert_id, 'updated', ghostwatch._clock());
    END IF;

    RETURN is_first;
END
$acknowledge$;

COMMENT ON FUNCTION ghostwatch.acknowledge(bigint, text, text, uuid) IS
'Records who takes care of a firing alert; it is not repeated any more, an escalation is still sent. Returns false if somebody else was first.
Raises GW008 (the contract belongs to another role), GW030 (no such alert), GW031 (already resolved), GW032 (no name given).';
