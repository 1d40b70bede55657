CREATE FUNCTION ghostwatch._drill_result(
    severity text
)
RETURNS ghostwatch._rule_result
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_drill_result$
    -- What a rule would have found, had anything been wrong; nothing is, so nothing is counted.
    SELECT ROW(severity IS NOT NULL, severity, 0, 0, '{}', '[]', '{}', '0', 'drill')::ghostwatch._rule_result
$_drill_result$;

COMMENT ON FUNCTION ghostwatch._drill_result(text) IS
'What a drill pretends that a rule found. severity: warn or error; NULL for nothing any more.';
