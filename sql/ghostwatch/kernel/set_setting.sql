CREATE FUNCTION ghostwatch.set_setting(
    name text,
    value text
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change settings by this function only, which knows their bounds.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $set_setting$
-- Check runs and sidecars read the new value when they next need it.
DECLARE
    setting      record;
    out_of_range boolean;
    problem      text;
BEGIN
    PERFORM ghostwatch._setting(set_setting.name);

    SELECT d.*
    INTO STRICT setting
    FROM ghostwatch._setting_defaults() AS d
    WHERE d.name = set_setting.name;

    -- The type's own input function decides, so that what is stored can always be cast back.
    BEGIN
        EXECUTE format('SELECT $1::%1$s NOT BETWEEN coalesce($2::%1$s, $1::%1$s) AND coalesce($3::%1$s, $1::%1$s)', setting.value_type)
        INTO out_of_range
        USING set_setting.value, setting.minimum, setting.maximum;
        IF set_setting.value IS NULL THEN
            problem := 'It is NULL.';
        ELSIF out_of_range THEN
            problem := concat_ws(' ', format('It is at least %s', setting.minimum), 'and at most ' || setting.maximum) || '.';
        END IF;
    EXCEPTION
        WHEN data_exception THEN
            problem := format('%s: %s.', SQLSTATE, SQLERRM);
    END;

    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'setting % needs a value of type %, not %',
            set_setting.name, setting.value_type, quote_nullable(set_setting.value)
        USING
            ERRCODE = 'GW051',
            DETAIL = problem,
            HINT = format('For example: SELECT ghostwatch.set_setting(%L, %L);', set_setting.name, setting.default_value);
    END IF;

    INSERT INTO ghostwatch.changed_setting AS s (name, value, changed_at, changed_by)
    VALUES (set_setting.name, set_setting.value, ghostwatch._clock(), session_user)
    ON CONFLICT ON CONSTRAINT changed_setting_pkey DO UPDATE
    SET
        value = excluded.value,
        changed_at = excluded.changed_at,
        changed_by = excluded.changed_by
    WHERE s.value <> excluded.value;
END
$set_setting$;

COMMENT ON FUNCTION ghostwatch.set_setting(text, text) IS
'Changes a setting (see the view ghostwatch.settings). Raises GW050 for a name that is no setting, GW051 for a malformed value.';
