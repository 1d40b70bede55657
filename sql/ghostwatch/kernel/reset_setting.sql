CREATE FUNCTION ghostwatch.reset_setting(
    name text
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change settings by this function only.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $reset_setting$
-- Operators have no rights on the table of changed settings.
BEGIN
    PERFORM ghostwatch._setting(reset_setting.name);

    DELETE FROM ghostwatch.changed_setting AS s
    WHERE s.name = reset_setting.name;
END
$reset_setting$;

COMMENT ON FUNCTION ghostwatch.reset_setting(text) IS
'Gives a setting its default value again. Raises GW050 for a name that is no setting.';
