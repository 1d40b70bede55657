CREATE FUNCTION ghostwatch._other_arguments(
    given json,
    corrected text[]
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_other_arguments$
    -- A declaration that is refused changes nothing, so a hint that left out the other arguments would lose them.
    SELECT coalesce(
        string_agg(
            format(
                ', %s => %s',
                g.key,
                CASE json_typeof(g.value)
                    WHEN 'array' THEN quote_literal(ARRAY(SELECT e.element FROM json_array_elements_text(g.value) AS e (element))::text)
                    WHEN 'string' THEN quote_literal(g.value #>> '{}')
                    ELSE g.value::text
                END
            ),
            ''
            ORDER BY g.place
        ),
        ''
    )
    FROM json_each(given) WITH ORDINALITY AS g (key, value, place)
    WHERE json_typeof(g.value) <> 'null'
        AND g.key <> ALL (corrected)
$_other_arguments$;

COMMENT ON FUNCTION ghostwatch._other_arguments(json, text[]) IS
'The arguments of a call as they are typed, each after a comma, for a hint: all that are given but those that the hint corrects.';
