CREATE FUNCTION ghostwatch._setting(
    name text
)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_setting$
-- A function with its own search path is planned once in a session, whoever calls it.
DECLARE
    setting_value text;
BEGIN
    SELECT coalesce(s.value, d.default_value)
    INTO setting_value
    FROM ghostwatch._setting_defaults() AS d
    LEFT JOIN ghostwatch.changed_setting AS s
        ON s.name = d.name
    WHERE d.name = _setting.name;

    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no setting %', quote_nullable(_setting.name)
        USING
            ERRCODE = 'GW050',
            DETAIL = 'No setting of ghostwatch has this name.',
            HINT = 'To see them all: SELECT * FROM ghostwatch.settings;';
    END IF;

    RETURN setting_value;
END
$_setting$;

COMMENT ON FUNCTION ghostwatch._setting(text) IS
'The value of a setting in force, as text. Raises GW050 for a name that is no setting.';
