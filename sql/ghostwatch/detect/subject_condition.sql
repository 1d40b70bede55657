CREATE FUNCTION ghostwatch._subject_condition(
    clause ghostwatch._clause,
    source text,
    after timestamptz DEFAULT NULL,
    up_to timestamptz DEFAULT NULL
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_subject_condition$
    -- An index on the key or the birth time serves each of these.
    SELECT CASE source
        WHEN 'keys' THEN ghostwatch._key_is_among((clause).subject, (clause).key_columns)
        WHEN 'births' THEN format(
            '%s = ANY (ARRAY(SELECT b%s FROM unnest($2) AS b)) AND %s',
            ghostwatch._plain_birth(clause),
            ' AT TIME ZONE ' || quote_literal((clause).time_zone),
            ghostwatch._key_is_there('s', (clause).key_columns)
        )
        ELSE format(
            '%s AND %s%s',
            ghostwatch._born_between(clause, after, up_to),
            ghostwatch._key_is_there('s', (clause).key_columns),
            CASE source
                WHEN 'unseen' THEN format(
                    ' AND (%s, %s) NOT IN (SELECT k.subject_key, k.born_at FROM unnest($1, $2) AS k (subject_key, born_at))',
                    ghostwatch._key_text((clause).subject, 's', (clause).key_columns),
                    ghostwatch._written_birth(clause)
                )
            END
        )
    END
$_subject_condition$;

COMMENT ON FUNCTION ghostwatch._subject_condition(ghostwatch._clause, text, timestamptz, timestamptz) IS
'SQL condition that chooses subjects s. source: keys (those with the keys $1, an array of text), births (those with the birth times $2),
born (those born after a moment and up to another), unseen (the same without those that have a key of $1 and the birth time of the same place in $2).';
