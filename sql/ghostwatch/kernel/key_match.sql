CREATE FUNCTION ghostwatch._key_match(
    subject regclass,
    key_columns name[],
    related regclass,
    related_key_columns name[]
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_key_match$
    -- Logs and queues often keep keys of any type as text, and such a column can only be compared with text.
    SELECT string_agg(
        format(
            'r.%I = s.%I%s',
            k.related_column,
            k.subject_column,
            CASE
                WHEN ghostwatch._column_type(related, k.related_column) IN ('text', 'character varying')
                    AND ghostwatch._column_type(subject, k.subject_column) NOT IN ('text', 'character varying') THEN '::text'
            END
        ),
        ' AND '
        ORDER BY k.place
    )
    FROM ROWS FROM (unnest(key_columns), unnest(related_key_columns)) WITH ORDINALITY AS k (subject_column, related_column, place)
$_key_match$;

COMMENT ON FUNCTION ghostwatch._key_match(regclass, name[], regclass, name[]) IS
'SQL condition for the related rows r that carry the key of the subject s. Raises GW002, GW003.';
