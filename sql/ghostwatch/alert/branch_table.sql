CREATE FUNCTION ghostwatch._branch_table(
    invariant_id integer,
    severity text,
    open_violations jsonb,
    as_of timestamptz
) RETURNS jsonb
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_branch_table$
    -- How the open violations spread over the branch families.
    -- Takes an invariant, what to count (error: errors only; warn: all that are open), how many are open per family
    -- ({"kitchen": {"warn": 3, "error": 1}, ...}) and the time of the run.
    -- Returns [{"family", "ghosts", "matured"}, ...]: of the subjects under watch that reached that deadline,
    -- how many came this way and how many of them are in violation; the family with the largest excess over
    -- the common rate first.
    WITH rule AS (
        SELECT
            i.watch_for,
            CASE WHEN severity = 'error' THEN i.error_after ELSE coalesce(i.warn_after, i.error_after) END AS deadline
        FROM ghostwatch.invariant AS i
        WHERE i.invariant_id = _branch_table.invariant_id
    ),
    counted AS (
        SELECT
            o.key AS branch_family,
            (o.value ->> 'error')::bigint + CASE WHEN severity = 'error' THEN 0 ELSE (o.value ->> 'warn')::bigint END AS ghosts
        FROM jsonb_each(open_violations) AS o
    ),
    under_watch AS (
        SELECT b.branch_family, sum(b.matured) AS matured
        FROM ghostwatch.branch_minute AS b
        CROSS JOIN rule AS r
        WHERE b.invariant_id = _branch_table.invariant_id
            AND b.minute >= date_trunc('minute', as_of - r.watch_for)
            AND b.minute <= as_of - r.deadline
        GROUP BY b.branch_family
    ),
    family AS (
        SELECT
            branch_family AS name,
            coalesce(c.ghosts, 0) AS ghosts,
            -- A violation that was recorded at COMMIT is open before it is counted as matured.
            greatest(u.matured, c.ghosts) AS matured
        FROM counted AS c
        FULL JOIN under_watch AS u USING (branch_family)
    ),
    pool AS (
        SELECT sum(f.ghosts) / nullif(sum(f.matured), 0) AS rate FROM family AS f
    )
    SELECT coalesce(
        jsonb_agg(
            jsonb_build_object('family', f.name, 'ghosts', f.ghosts, 'matured', f.matured)
            ORDER BY f.ghosts - f.matured * p.rate DESC, f.ghosts DESC, f.name
        ),
        '[]'
    )
    FROM family AS f
    CROSS JOIN pool AS p
    WHERE f.matured > 0
$_branch_table$;

COMMENT ON FUNCTION ghostwatch._branch_table(integer, text, jsonb, timestamptz) IS
'How the open violations of an invariant, of one severity, spread over the branch families under watch.';
