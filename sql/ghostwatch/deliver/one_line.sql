CREATE FUNCTION ghostwatch._one_line(
    words text,
    longest integer DEFAULT 200
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_one_line$
    -- (Character classes are written with colons, which some drivers take for the beginning of a parameter's name.)
    SELECT left(regexp_replace(left(words, 4 * longest), replace('[[#cntrl#][#space#]]+', '#', ':'), ' ', 'g'), longest)
$_one_line$;

COMMENT ON FUNCTION ghostwatch._one_line(text, integer) IS
'A text as one line without control characters, cut to so many characters.';
