CREATE FUNCTION ghostwatch._broken_keys(
    clause ghostwatch._clause,
    after_key text,
    how_many integer
)
RETURNS TABLE (
    last_key text,
    subject_keys text[],
    opened_at timestamptz[]
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_broken_keys$
-- The next violations that a repair is for: found by a check run, open or expired, not repaired before, and still broken and not
-- exempt, as the clause itself says now.
-- last_key: the last that was looked at; NULL: there are no more.
DECLARE
    found_keys text[];
    found_openings timestamptz[];
BEGIN
    SELECT max(n.subject_key), array_agg(n.subject_key ORDER BY n.subject_key), array_agg(n.opened_at ORDER BY n.subject_key)
    INTO last_key, found_keys, found_openings
    FROM (
        SELECT v.subject_key, v.opened_at
        FROM ghostwatch.violation AS v
        WHERE v.invariant_id = clause.invariant_id
            AND v.subject_key > after_key
            AND v.state IN ('warn', 'error', 'expired')
            AND v.opened_at IS NOT NULL
            AND NOT EXISTS (
                SELECT
                FROM ghostwatch.repair_attempt AS a
                WHERE a.invariant_id = v.invariant_id AND a.subject_key = v.subject_key AND a.opened_at = v.opened_at
            )
        ORDER BY v.subject_key
        LIMIT how_many
    ) AS n;

    IF last_key IS NOT NULL THEN
        SELECT
            coalesce(array_agg(f.subject_key ORDER BY f.subject_key), '{}'),
            coalesce(array_agg(f.opened_at ORDER BY f.subject_key), '{}')
        INTO subject_keys, opened_at
        FROM unnest(found_keys, found_openings) AS f (subject_key, opened_at)
        INNER JOIN unnest(ghostwatch._judge_keys(clause, found_keys)) AS j
            ON j.subject_key = f.subject_key
        WHERE j.violated;
        RETURN NEXT;
    END IF;
END
$_broken_keys$;

COMMENT ON FUNCTION ghostwatch._broken_keys(ghostwatch._clause, text, integer) IS
'The next violations that a repair is for, of those whose key comes after one, as the clause judges them now; no row when there are no more.
last_key: the last that was looked at. subject_keys, opened_at: those that are broken. Raises whatever a declared expression raises.';
