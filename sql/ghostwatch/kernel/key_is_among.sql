CREATE FUNCTION ghostwatch._key_is_among(
    subject regclass,
    key_columns name[]
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_key_is_among$
    -- One array of the key's own type: an index serves it, and it is sent to a foreign server. A key of several
    -- columns is joined, for two arrays would find every combination.
    SELECT CASE
        WHEN cardinality(key_columns) = 1 THEN format('s.%I = ANY ($1::%s[])', key_columns[1], ghostwatch._column_type(subject, key_columns[1]))
        ELSE (
            SELECT format(
                '(%s) IN (SELECT %s FROM unnest($1) AS k (subject_key))',
                string_agg(format('s.%I', k.name), ', ' ORDER BY k.place),
                string_agg(format('(k.subject_key::text[])[%s]::%s', k.place, ghostwatch._column_type(subject, k.name)), ', ' ORDER BY k.place)
            )
            FROM unnest(key_columns) WITH ORDINALITY AS k (name, place)
        )
    END
$_key_is_among$;

COMMENT ON FUNCTION ghostwatch._key_is_among(regclass, name[]) IS
'SQL condition for the subjects s whose keys, as text, are in the array $1. Raises GW002, GW003.';
