CREATE FUNCTION ghostwatch._keep_relation_name()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_keep_relation_name$
-- A regclass follows renames, but after DROP TABLE it is a number that says nothing to anybody.
BEGIN
    IF TG_RELID = 'ghostwatch.contract'::regclass THEN
        NEW.subject_name := coalesce(ghostwatch._relation_name(NEW.subject), NEW.subject_name);
    ELSE
        NEW.related_name := coalesce(ghostwatch._relation_name(NEW.related), NEW.related_name);
    END IF;
    RETURN NEW;
END
$_keep_relation_name$;

COMMENT ON FUNCTION ghostwatch._keep_relation_name() IS
'Keeps the name of a contract''s table beside its object identifier.';

CREATE TRIGGER keep_relation_name
BEFORE INSERT OR UPDATE ON ghostwatch.contract
FOR EACH ROW EXECUTE FUNCTION ghostwatch._keep_relation_name();

CREATE TRIGGER keep_relation_name
BEFORE INSERT OR UPDATE ON ghostwatch.invariant
FOR EACH ROW EXECUTE FUNCTION ghostwatch._keep_relation_name();
