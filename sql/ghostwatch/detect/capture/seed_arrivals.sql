CREATE FUNCTION ghostwatch._seed_arrivals(
    clause ghostwatch._clause,
    since timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_seed_arrivals$
-- Notes those who came since a moment but before the trigger did: for them, what they carry as birth time must do.
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
BEGIN
    PERFORM ghostwatch._enter_search_path(clause.search_path);
    EXECUTE format(
        'INSERT INTO ghostwatch.arrival (contract_id, arrived_at, subject_key) '
        'SELECT $1, least(%1$s, $3), %2$s FROM %3$s AS s '
        'WHERE %1$s > $2 AND %4$s AND NOT EXISTS ('
        '    SELECT FROM ghostwatch.arrival AS a WHERE a.contract_id = $1 AND a.subject_key = %2$s'
        ') ON CONFLICT DO NOTHING',
        ghostwatch._written_birth(clause),
        ghostwatch._key_text(clause.subject, 's', clause.key_columns),
        clause.subject,
        ghostwatch._key_is_there('s', clause.key_columns)
    )
    USING clause.contract_id, since, ghostwatch._clock();
    PERFORM ghostwatch._leave_search_path();
END
$_seed_arrivals$;

COMMENT ON FUNCTION ghostwatch._seed_arrivals(ghostwatch._clause, timestamptz) IS
'Notes the arrival of subjects that came since a moment, but before their arrival was recorded by itself.';
