CREATE FUNCTION ghostwatch._mark_before(
    its_alert ghostwatch.alert
)
RETURNS jsonb
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_mark_before$
    -- What was released last before an alert began, within an hour: often the cause. The rule drift says since when the
    -- rate has changed; every other alert begins when it opens or comes back. That the checks stopped concerns every
    -- contract.
    SELECT
        jsonb_build_object(
            'label', m.label,
            'marked_at', m.marked_at,
            'after', extract(EPOCH FROM began.at - m.marked_at)
        )
    FROM (
        SELECT
            coalesce(
                (_mark_before.its_alert.evidence ->> 'since')::timestamptz,
                greatest(_mark_before.its_alert.opened_at, _mark_before.its_alert.reopened_at)
            )
    ) AS began (at)
    INNER JOIN ghostwatch.mark AS m
        ON m.marked_at <= began.at
        AND m.marked_at > began.at - '1 hour'::interval
    WHERE _mark_before.its_alert.contract IS NULL
        OR EXISTS (
            SELECT
            FROM ghostwatch.contract AS c
            WHERE c.name = _mark_before.its_alert.contract
                AND pg_has_role(m.owner, c.owner, 'USAGE')
        )
    ORDER BY m.marked_at DESC, m.mark_id DESC
    LIMIT 1
$_mark_before$;

COMMENT ON FUNCTION ghostwatch._mark_before(ghostwatch.alert) IS
'The deploy marker that an alert followed within an hour, with the seconds between them; NULL if there is none. Takes
the alert; returns label, marked_at and after (in seconds), or NULL.';
