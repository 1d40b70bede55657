CREATE FUNCTION ghostwatch.page_marks(
    contract text,
    since timestamptz
)
RETURNS TABLE (
    kind text,
    starts_at timestamptz,
    ends_at timestamptz,
    invariant text,
    branch text,
    made_by text,
    comment text
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_marks$
    SELECT m.kind, m.starts_at, m.ends_at, m.invariant, m.branch, m.made_by, m.comment
    FROM (
        SELECT 'maintenance', w.started_at, w.ends_at, NULL, NULL, w.owner::text, w.comment
        FROM ghostwatch.maintenance AS w
        WHERE page_marks.contract IS NULL
            OR EXISTS (
                SELECT
                FROM ghostwatch.contract AS c
                WHERE c.name = page_marks.contract
                    AND pg_has_role(w.owner, c.owner, 'USAGE')
            )
        UNION ALL
        SELECT 'silence', s.starts_at, s.ends_at, s.invariant, s.branch, s.created_by, s.comment
        FROM ghostwatch.silence AS s
        WHERE page_marks.contract IS NULL
            OR s.contract = page_marks.contract
    ) AS m (kind, starts_at, ends_at, invariant, branch, made_by, comment)
    WHERE m.ends_at >= page_marks.since
    ORDER BY m.starts_at
$page_marks$;

COMMENT ON FUNCTION ghostwatch.page_marks(text, timestamptz) IS
'Maintenance windows and silences that were in force since a moment, of one contract or (NULL) of all, for the page.';
