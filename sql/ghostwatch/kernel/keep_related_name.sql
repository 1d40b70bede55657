CREATE FUNCTION ghostwatch._keep_related_name()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_keep_related_name$
-- A regclass follows renames, but after DROP TABLE it is only a number.
BEGIN
    NEW.related_name := coalesce((SELECT r.oid::regclass::text FROM pg_class AS r WHERE r.oid = NEW.related), NEW.related_name);
    RETURN NEW;
END
$_keep_related_name$;

COMMENT ON FUNCTION ghostwatch._keep_related_name() IS
'Keeps the name of the related table beside its object identifier.';

CREATE TRIGGER keep_related_name
BEFORE INSERT OR UPDATE ON ghostwatch.invariant
FOR EACH ROW EXECUTE FUNCTION ghostwatch._keep_related_name();
