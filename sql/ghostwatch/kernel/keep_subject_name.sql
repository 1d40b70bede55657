CREATE FUNCTION ghostwatch._keep_subject_name()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_keep_subject_name$
-- A regclass follows renames, but after DROP TABLE it is only a number.
BEGIN
    NEW.subject_name := coalesce((SELECT r.oid::regclass::text FROM pg_class AS r WHERE r.oid = NEW.subject), NEW.subject_name);
    RETURN NEW;
END
$_keep_subject_name$;

COMMENT ON FUNCTION ghostwatch._keep_subject_name() IS
'Keeps the name of the subject table beside its object identifier.';

CREATE TRIGGER keep_subject_name
BEFORE INSERT OR UPDATE ON ghostwatch.contract
FOR EACH ROW EXECUTE FUNCTION ghostwatch._keep_subject_name();
