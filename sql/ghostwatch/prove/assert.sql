-- Without a pinned search path: pgTAP's own functions find each other through the caller's.
CREATE FUNCTION ghostwatch._assert(
    holds boolean,
    description text,
    remarks text[]
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
AS $_assert$
-- One line of TAP through the pgTAP on the search path; ghostwatch installs without pgTAP, so it is looked for when needed.
-- holds: whether the test passes. remarks: what the diagnostics say if it does not. Raises GW078 without pgTAP.
DECLARE
    outcome text;
    diagnostics text;
BEGIN
    IF to_regprocedure('ok(boolean, text)') IS NULL OR to_regprocedure('diag(text)') IS NULL THEN
        RAISE EXCEPTION 'pgTAP is not on the search path'
        USING
            ERRCODE = 'GW078',
            DETAIL = format('The search path is: %s.', current_setting('search_path')),
            HINT = 'CREATE EXTENSION pgtap; or add its schema to the search path.';
    END IF;

    EXECUTE 'SELECT ok($1, $2)' INTO outcome USING holds, description;
    IF NOT holds THEN
        EXECUTE 'SELECT diag($1)' INTO diagnostics USING array_to_string(remarks, E'\n');
    END IF;
    RETURN concat_ws(E'\n', outcome, diagnostics);
END
$_assert$;

COMMENT ON FUNCTION ghostwatch._assert(boolean, text, text[]) IS
'One line of TAP, with diagnostics if the test fails. Raises GW078 (pgTAP is not there).';
