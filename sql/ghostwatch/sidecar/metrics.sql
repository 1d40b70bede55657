-- There are no labels but the names of contracts, invariants, branch families and channels, and a closed set of states:
-- nothing of a user becomes a label, and there are no more rows than names were declared or given.
CREATE FUNCTION ghostwatch.metrics()
RETURNS TABLE (
    name text,
    labels jsonb,
    value double precision
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 100
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $metrics$
    SELECT
        counted.name,
        jsonb_build_object('contract', c.name, 'invariant', i.name, 'branch_family', left(t.branch_family, 100)),
        counted.value
    FROM ghostwatch.judged_total AS t
    INNER JOIN ghostwatch.invariant AS i
        ON i.invariant_id = t.invariant_id
    INNER JOIN ghostwatch.contract AS c
        ON c.contract_id = i.contract_id
    CROSS JOIN LATERAL (
        VALUES ('subjects_due_total', t.due), ('subjects_violated_total', t.violations)
    ) AS counted (name, value)
    UNION ALL
    SELECT 'outbox_notifications', jsonb_build_object('state', s.state), coalesce(held.count, 0)
    FROM unnest('{pending,claimed,failed}'::text[]) AS s (state)
    LEFT JOIN (
        SELECT n.state, count(*) AS count
        FROM ghostwatch.notification AS n
        WHERE n.state IN ('pending', 'claimed', 'failed')
        GROUP BY n.state
    ) AS held
        ON held.state = s.state
    UNION ALL
    SELECT 'channel_open', jsonb_build_object('channel', c.name), (c.disabled_at IS NULL)::integer
    FROM ghostwatch.channel AS c
$metrics$;

COMMENT ON FUNCTION ghostwatch.metrics() IS
'What monitoring systems are shown by name, a row for each sample: the metric without its prefix, its labels and its value.
subjects_due_total and subjects_violated_total count subjects, outbox_notifications notifications by state; channel_open is 1 or 0.';
