CREATE FUNCTION ghostwatch._sum_branches()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_sum_branches$
-- Ninety days of minutes are millions of rows, too many to sum up whenever somebody looks at a page.
-- Runs once a statement, under the names of three triggers: one that sees the changed rows is for one kind of statement.
-- Sums are written in the order of their key, so that two sessions cannot wait for each other.
BEGIN
    -- Whoever owns another table could have it run this.
    IF TG_RELID <> 'ghostwatch.branch_minute'::regclass THEN
        RETURN NULL;
    END IF;

    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        -- The sums of an invariant that is dropped may be gone already: nothing is inserted here.
        WITH gone AS (
            SELECT
                o.invariant_id,
                s.step,
                coalesce(o.branch_family, '') AS branch_family,
                date_trunc(s.step, o.minute, 'UTC') AS starts_at,
                sum(o.due) AS due,
                sum(o.violations) AS violations
            FROM old_minutes AS o
            CROSS JOIN (VALUES ('hour'), ('day')) AS s (step)
            GROUP BY o.invariant_id, s.step, date_trunc(s.step, o.minute, 'UTC'), ROLLUP (o.branch_family)
        ),
        locked AS MATERIALIZED (
            SELECT g.*
            FROM ghostwatch.branch_sum AS b
            INNER JOIN gone AS g USING (invariant_id, step, branch_family, starts_at)
            ORDER BY b.invariant_id, b.step, b.branch_family, b.starts_at
            FOR UPDATE OF b
        )
        UPDATE ghostwatch.branch_sum AS b
        SET due = b.due - l.due, violations = b.violations - l.violations
        FROM locked AS l
        WHERE b.invariant_id = l.invariant_id
            AND b.step = l.step
            AND b.branch_family = l.branch_family
            AND b.starts_at = l.starts_at;
    END IF;

    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        INSERT INTO ghostwatch.branch_sum AS b (invariant_id, step, branch_family, starts_at, due, violations)
        SELECT
            n.invariant_id,
            s.step,
            coalesce(n.branch_family, ''),
            date_trunc(s.step, n.minute, 'UTC'),
            sum(n.due),
            sum(n.violations)
        FROM new_minutes AS n
        CROSS JOIN (VALUES ('hour'), ('day')) AS s (step)
        GROUP BY n.invariant_id, s.step, date_trunc(s.step, n.minute, 'UTC'), ROLLUP (n.branch_family)
        ORDER BY 1, 2, 3, 4
        ON CONFLICT ON CONSTRAINT branch_sum_pkey DO UPDATE
        SET due = b.due + excluded.due, violations = b.violations + excluded.violations;
    END IF;

    IF TG_OP = 'DELETE' THEN
        DELETE FROM ghostwatch.branch_sum AS b
        USING (SELECT o.invariant_id, min(o.minute) AS earliest, max(o.minute) AS latest FROM old_minutes AS o GROUP BY o.invariant_id) AS gone
        WHERE b.invariant_id = gone.invariant_id
            AND b.step IN ('hour', 'day')
            AND b.starts_at BETWEEN date_trunc('day', gone.earliest, 'UTC') AND gone.latest
            AND b.due = 0;
    END IF;

    RETURN NULL;
END
$_sum_branches$;

COMMENT ON FUNCTION ghostwatch._sum_branches() IS
'Keeps ghostwatch.branch_sum as the hourly and daily sums of ghostwatch.branch_minute.';

CREATE TRIGGER sum_branches_insert
AFTER INSERT ON ghostwatch.branch_minute
REFERENCING NEW TABLE AS new_minutes
FOR EACH STATEMENT EXECUTE FUNCTION ghostwatch._sum_branches();

CREATE TRIGGER sum_branches_update
AFTER UPDATE ON ghostwatch.branch_minute
REFERENCING OLD TABLE AS old_minutes NEW TABLE AS new_minutes
FOR EACH STATEMENT EXECUTE FUNCTION ghostwatch._sum_branches();

CREATE TRIGGER sum_branches_delete
AFTER DELETE ON ghostwatch.branch_minute
REFERENCING OLD TABLE AS old_minutes
FOR EACH STATEMENT EXECUTE FUNCTION ghostwatch._sum_branches();
