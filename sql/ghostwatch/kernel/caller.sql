CREATE FUNCTION ghostwatch._caller(
    credential uuid
)
RETURNS regrole
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_caller$
-- The role that calls a definer, by what ghostwatch._credential() gave it. Volatile, so that it sees a credential that was
-- made for this very call: @plpgsql_check_options: performance_warnings = false
DECLARE
    its_role regrole := (SELECT s.role FROM ghostwatch.role_secret AS s WHERE s.secret = _caller.credential);
BEGIN
    IF its_role IS NULL THEN
        RAISE EXCEPTION 'this credential is no role''s'
        USING
            ERRCODE = 'GW061',
            DETAIL = 'A function that changes records of contracts learns from its argument "credential" which role calls it.',
            HINT = 'Leave the argument out: its default is the credential of the current role.';
    END IF;

    RETURN its_role;
END
$_caller$;

COMMENT ON FUNCTION ghostwatch._caller(uuid) IS
'The role that a credential belongs to. Raises GW061 (no role has it).';
