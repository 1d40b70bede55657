CREATE FUNCTION ghostwatch._credential()
RETURNS uuid
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_credential$
-- The default of an argument is evaluated with the rights of the caller. So a function that is a definer, and has
-- an argument with this default, learns who calls it; whoever passes another value needs the secret of that role.
DECLARE
    its_secret uuid := (SELECT s.secret FROM ghostwatch.role_secret AS s WHERE s.role = quote_ident(current_user)::regrole);
BEGIN
    IF its_secret IS NULL THEN
        INSERT INTO ghostwatch.role_secret (made_at)
        VALUES (clock_timestamp())
        ON CONFLICT DO NOTHING;

        its_secret := (SELECT s.secret FROM ghostwatch.role_secret AS s WHERE s.role = quote_ident(current_user)::regrole);
    END IF;

    RETURN its_secret;
END
$_credential$;

COMMENT ON FUNCTION ghostwatch._credential() IS
'What proves to the functions of ghostwatch that the current role calls them.';
