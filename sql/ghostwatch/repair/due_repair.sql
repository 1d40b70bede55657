CREATE FUNCTION ghostwatch._due_repair(
    invariant_id integer,
    as_of timestamptz
)
RETURNS TABLE (
    alert_id bigint,
    since timestamptz,
    only_errors boolean,
    at_most integer
)
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_due_repair$
#variable_conflict use_column
DECLARE
    clause ghostwatch._clause;
BEGIN
    SELECT c.* INTO clause FROM ghostwatch._clause AS c WHERE c.invariant_id = _due_repair.invariant_id;
    IF clause.repair IS NULL THEN
        RETURN;
    END IF;

    SELECT a.alert_id, a.opened_at, false
    INTO alert_id, since, only_errors
    FROM ghostwatch.alert AS a
    WHERE a.kind = 'violations'
        AND coalesce(a.invariant_id, 0) = _due_repair.invariant_id
        AND a.state = 'firing'
        AND a.repair_requested_at IS NOT NULL;
    IF NOT FOUND THEN
        -- The application may still do by itself what is only late.
        since := 'infinity';
        only_errors := true;
        SELECT i.repair_limit INTO at_most FROM ghostwatch.invariant AS i WHERE i.invariant_id = _due_repair.invariant_id;
        IF at_most > 0 THEN
            at_most := at_most - (
                SELECT count(*)
                FROM ghostwatch.repair_attempt AS a
                WHERE a.invariant_id = _due_repair.invariant_id
                    AND a.attempted_at > as_of - '1 hour'::interval
            );
        END IF;
        IF (at_most > 0) IS NOT TRUE THEN
            RETURN;
        END IF;
    END IF;

    -- A function that is gone, or an owner who is a superuser, must not end the run; the doctor reports it.
    BEGIN
        PERFORM ghostwatch._repairing_query(clause);
    EXCEPTION
        WHEN SQLSTATE 'GW066' OR SQLSTATE 'GW069' THEN
            RETURN;
    END;

    RETURN NEXT;
END
$_due_repair$;

COMMENT ON FUNCTION ghostwatch._due_repair(integer, timestamptz) IS
'What a check run has to repair of an invariant: what a button asked for, or else what its repair_limit leaves of this hour; no row if nothing.
alert_id: the alert of the request. since, only_errors, at_most: see ghostwatch._broken_violations().';
