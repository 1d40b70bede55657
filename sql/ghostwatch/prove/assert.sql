-- Without a pinned search path: pgTAP's own functions find each other through the caller's. Only pgTAP is looked up there.
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
-- One line of TAP through the pgTAP on the search path; ghostwatch installs without pgTAP, so it is looked for when
-- needed.
DECLARE
    outcome pg_catalog.text;
    diagnostics pg_catalog.text;
BEGIN
    IF pg_catalog.to_regprocedure('ok(boolean, pg_catalog.text)') IS NULL OR pg_catalog.to_regprocedure('diag(pg_catalog.text)') IS NULL THEN
        RAISE EXCEPTION 'pgTAP is not on the search path'
        USING
            ERRCODE = 'GW078',
            DETAIL = pg_catalog.format('The search path is: %s.', pg_catalog.current_setting('search_path')),
            HINT = 'CREATE EXTENSION pgtap; or add its schema to the search path.';
    END IF;

    EXECUTE 'SELECT ok($1, $2)' INTO outcome USING holds, description;
    IF remarks IS NOT NULL THEN
        EXECUTE 'SELECT diag($1)' INTO diagnostics USING pg_catalog.array_to_string(remarks, E'\n');
    END IF;
    RETURN pg_catalog.concat_ws(E'\n', outcome, diagnostics);
END
$_assert$;

COMMENT ON FUNCTION ghostwatch._assert(boolean, text, text[]) IS
'One line of TAP, with diagnostics where there are remarks. holds: whether the test passes. remarks: the diagnostics, a
line each, or NULL for none. Raises GW078 (pgTAP is not there).';
