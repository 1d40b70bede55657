CREATE FUNCTION ghostwatch._enforcement_follows_contract()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_enforcement_follows_contract$
-- Only another table or key, and the end of the contract, take a lock on the table; all else is in the function.
DECLARE
    trigger_name constant name := ghostwatch._enforcement_name(OLD.contract_id);
    function_schema constant name := ghostwatch._contract_trigger_schema(OLD.contract_id, ghostwatch._enforcement_name(OLD.contract_id));
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM ghostwatch._remove_contract_trigger(OLD.contract_id, trigger_name);
        RETURN OLD;
    END IF;

    IF (OLD.subject, OLD.key_column) IS DISTINCT FROM (NEW.subject, NEW.key_column) THEN
        PERFORM ghostwatch._remove_contract_trigger(NEW.contract_id, trigger_name);
    ELSIF NEW.enforcement = 'observe' AND function_schema IS NOT NULL THEN
        PERFORM ghostwatch._write_enforcement_function(NEW.contract_id, function_schema);
    END IF;

    IF NEW.enforcement <> 'observe' THEN
        PERFORM ghostwatch._install_enforcement(NEW.contract_id);
    END IF;
    RETURN NEW;
END
$_enforcement_follows_contract$;

COMMENT ON FUNCTION ghostwatch._enforcement_follows_contract() IS
'Keeps the triggers on a contract''s subjects, and their function, as the contract says.';

-- Before the row is gone: it says who owns the function.
CREATE TRIGGER enforcement_ends
BEFORE DELETE ON ghostwatch.contract
FOR EACH ROW EXECUTE FUNCTION ghostwatch._enforcement_follows_contract();

CREATE TRIGGER enforcement_follows
AFTER UPDATE ON ghostwatch.contract
FOR EACH ROW
WHEN (
    (old.enforcement <> 'observe', old.subject, old.key_column, old.search_path)
    IS DISTINCT FROM (new.enforcement <> 'observe', new.subject, new.key_column, new.search_path)
)
EXECUTE FUNCTION ghostwatch._enforcement_follows_contract();
