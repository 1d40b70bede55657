CREATE FUNCTION ghostwatch._enforcement_follows_invariant()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_enforcement_follows_invariant$
-- Writes the function that enforces a contract anew when one of its invariants comes, changes or goes.
-- Where nothing is enforced, nothing happens: so it is while a dump is restored, whose last step are the triggers.
DECLARE
    its_contract_id constant integer := CASE TG_OP WHEN 'DELETE' THEN OLD.contract_id ELSE NEW.contract_id END;
    function_schema constant name := ghostwatch._contract_trigger_schema(its_contract_id, ghostwatch._enforcement_name(its_contract_id));
BEGIN
    IF function_schema IS NOT NULL THEN
        PERFORM ghostwatch._write_enforcement_function(its_contract_id, function_schema);
    END IF;
    RETURN NULL;
END
$_enforcement_follows_invariant$;

COMMENT ON FUNCTION ghostwatch._enforcement_follows_invariant() IS
'Writes the function that enforces a contract anew when one of its invariants comes, changes or goes.';

CREATE TRIGGER enforcement_follows
AFTER INSERT OR UPDATE OR DELETE ON ghostwatch.invariant
FOR EACH ROW EXECUTE FUNCTION ghostwatch._enforcement_follows_invariant();
