CREATE FUNCTION ghostwatch._still_broken(
    clause ghostwatch._clause,
    subject_keys text[],
    opened_at timestamptz[]
)
RETURNS TABLE (
    subject_key text,
    opened_at timestamptz
)
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_still_broken$
    -- What the application restored since the last check run is left alone.
    SELECT f.subject_key, f.opened_at
    FROM ROWS FROM (unnest(_still_broken.subject_keys), unnest(_still_broken.opened_at)) WITH ORDINALITY AS f (subject_key, opened_at, place)
    WHERE f.subject_key IN (
            SELECT j.subject_key
            FROM unnest(ghostwatch._judge_all(clause, 'keys', keys => _still_broken.subject_keys)) AS j
            WHERE j.violated
        )
    ORDER BY f.place
$_still_broken$;

COMMENT ON FUNCTION ghostwatch._still_broken(ghostwatch._clause, text[], timestamptz[]) IS
'Those of the given violations that break the clause now, and are not exempt. Raises GW024 (an expression fails for many).';
