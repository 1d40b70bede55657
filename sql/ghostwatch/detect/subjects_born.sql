CREATE FUNCTION ghostwatch._subjects_born(
    clause ghostwatch._clause,
    after timestamptz,
    up_to timestamptz
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_subjects_born$
-- SQL that yields the subjects s born after one moment and up to another: read from the table by its birth time,
-- or, under capture, from the arrivals that were noted. Whoever was born since, whoever asks, comes from here.
SELECT CASE
    WHEN (clause).capture THEN format(
        E'SELECT s.*, a.arrived_at AS _arrived_at FROM ghostwatch.arrival AS a\n'
        '    INNER JOIN %s AS s ON s.%I = a.subject_key::%s\n'
        '    WHERE a.contract_id = %s AND a.arrived_at > %L AND a.arrived_at <= %L',
        (clause).subject,
        (clause).key_column,
        ghostwatch._column_type((clause).subject, (clause).key_column),
        (clause).contract_id,
        after,
        up_to
    )
    ELSE format('SELECT s.* FROM %s AS s WHERE %s', (clause).subject, ghostwatch._born_between(clause, after, up_to))
END
$_subjects_born$;

COMMENT ON FUNCTION ghostwatch._subjects_born(ghostwatch._clause, timestamptz, timestamptz) IS
'SQL that yields the subjects s born after one moment (excluded) and up to another (included), by index.';
