CREATE FUNCTION ghostwatch._lack(
    invariant ghostwatch.invariant
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN format(
    CASE
        WHEN (invariant).no_row THEN 'with %2$s that must not be'
        WHEN (invariant).exactly IS NOT NULL THEN 'without exactly %1$s %2$s'
        WHEN (invariant).at_least > 1 THEN 'without %1$s %2$s'
        ELSE 'without %2$s'
    END,
    coalesce((invariant).exactly, (invariant).at_least),
    (invariant).missing_label
);

COMMENT ON FUNCTION ghostwatch._lack(ghostwatch.invariant) IS
'What is wrong with a subject that breaks an invariant, to stand behind it in a sentence: without a first meme.';
