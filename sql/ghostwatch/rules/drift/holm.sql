CREATE FUNCTION ghostwatch._holm(
    p double precision[]
)
RETURNS double precision[]
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_holm$
    -- The smallest of several p-values is small by chance more often than one alone.
    SELECT coalesce(array_agg(corrected.p ORDER BY corrected.place), '{}')
    FROM (
        SELECT
            ranked.place,
            max(least(1, ranked.p * (cardinality(_holm.p) - ranked.rank + 1))) OVER (ORDER BY ranked.rank) AS p
        FROM (
            SELECT
                given.place,
                given.p,
                row_number() OVER (ORDER BY given.p, given.place) AS rank
            FROM unnest(_holm.p) WITH ORDINALITY AS given (p, place)
        ) AS ranked
    ) AS corrected
$_holm$;

COMMENT ON FUNCTION ghostwatch._holm(double precision[]) IS
'P-values after Holm''s correction for their number, in the order given.';
