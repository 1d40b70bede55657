CREATE FUNCTION ghostwatch._enforcement_follows_contract()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_enforcement_follows_contract$
-- Keeps the trigger on the subjects as the contract says: there, on another table, or gone.
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM ghostwatch._remove_contract_trigger(OLD.contract_id, ghostwatch._enforcement_name(OLD.contract_id));
        RETURN OLD;
    END IF;

    PERFORM ghostwatch._remove_contract_trigger(NEW.contract_id, ghostwatch._enforcement_name(NEW.contract_id));
    IF NEW.enforcement <> 'observe' THEN
        PERFORM ghostwatch._install_enforcement(NEW.contract_id);
    END IF;
    RETURN NEW;
END
$_enforcement_follows_contract$;

COMMENT ON FUNCTION ghostwatch._enforcement_follows_contract() IS
'Keeps the trigger on a contract''s subjects as the contract says.';

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
