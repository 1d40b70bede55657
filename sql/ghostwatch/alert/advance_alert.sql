CREATE FUNCTION ghostwatch._advance_alert(
    kind text,
    invariant_id integer,
    result ghostwatch._rule_result,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_advance_alert$
-- The same for every rule. The caller holds the lock that keeps overlapping runs apart.
DECLARE
    latest ghostwatch.alert;
BEGIN
    SELECT a.* INTO latest
    FROM ghostwatch.alert AS a
    WHERE a.kind = _advance_alert.kind
        AND coalesce(a.invariant_id, 0) = coalesce(_advance_alert.invariant_id, 0)
    ORDER BY a.resolved_at DESC NULLS FIRST
    LIMIT 1;

    IF latest.state = 'firing' AND result.firing THEN
        PERFORM ghostwatch._keep_firing(latest, result, as_of);
    ELSIF latest.state = 'firing' THEN
        PERFORM ghostwatch._clear_alert(latest, result, as_of);
    ELSIF NOT result.firing THEN
        RETURN;
    ELSIF latest.resolved_at >= as_of - ghostwatch._setting('reopen_within')::interval THEN
        PERFORM ghostwatch._reopen_alert(latest, result, as_of);
    ELSE
        PERFORM ghostwatch._open_alert(kind, invariant_id, result, as_of);
    END IF;
END
$_advance_alert$;

COMMENT ON FUNCTION ghostwatch._advance_alert(text, integer, ghostwatch._rule_result, timestamptz) IS
'Opens, updates, resolves or reopens an alert by what its rule found. kind: as in ghostwatch.alert; invariant_id: NULL for checks_stopped.';
