CREATE FUNCTION ghostwatch._reproducing_query(
    its_alert ghostwatch.alert
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_reproducing_query$
    -- From what is recorded about each subject, so it gives the same numbers later.
    SELECT CASE
        WHEN its_alert.evidence ? 'query' THEN its_alert.evidence ->> 'query'
        WHEN its_alert.kind <> 'violations' OR its_alert.invariant_id IS NULL THEN NULL
        WHEN its_alert.state = 'firing' THEN format(
            E'SELECT v.branch_family,\n'
            '       count(*) FILTER (WHERE coalesce(v.escalated_at > %1$L, true)) AS warn_count,\n'
            '       count(*) FILTER (WHERE v.escalated_at <= %1$L) AS error_count\n'
            'FROM ghostwatch.violation AS v\n'
            'WHERE v.invariant_id = %2$s\n'
            '    AND v.opened_at <= %1$L\n'
            '    AND coalesce(v.closed_at > %1$L, true)\n'
            '    AND v.state <> ''exempt''\n'
            'GROUP BY ROLLUP (v.branch_family)',
            its_alert.changed_at, its_alert.invariant_id
        )
        ELSE format(
            E'SELECT v.branch_family, v.close_reason, count(*)\n'
            'FROM ghostwatch.violation AS v\n'
            'WHERE v.invariant_id = %s\n'
            '    AND v.opened_at <= %L\n'
            '    AND v.closed_at >= %L\n'
            'GROUP BY ROLLUP (v.branch_family, v.close_reason)',
            its_alert.invariant_id, its_alert.resolved_at, its_alert.opened_at
        )
    END
$_reproducing_query$;

COMMENT ON FUNCTION ghostwatch._reproducing_query(ghostwatch.alert) IS
'SQL that reproduces an alert''s numbers: the query of its rule, else one over the violations that were open when the counts were taken or, of a resolved alert,
over all of the incident; NULL where there is nothing to count.';
