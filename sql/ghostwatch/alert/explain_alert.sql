CREATE FUNCTION ghostwatch.explain_alert(
    alert_id bigint
)
RETURNS TABLE (
    topic text,
    item text,
    value text
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $explain_alert$
-- For an admin who wants to check an alert.
DECLARE
    its_alert ghostwatch.alert;
BEGIN
    PERFORM ghostwatch._require_alert(explain_alert.alert_id);
    SELECT a.* INTO its_alert FROM ghostwatch.alert AS a WHERE a.alert_id = explain_alert.alert_id;

    RETURN QUERY
    SELECT
        CASE
            WHEN field.key LIKE '%\_count' OR field.key = 'sample_keys' THEN 'counts'
            ELSE 'alert'
        END,
        field.key,
        field.value
    FROM jsonb_each_text(jsonb_strip_nulls(to_jsonb(its_alert)) - '{branches,evidence}'::text[]) WITH ORDINALITY AS field (key, value, position)
    ORDER BY 1, array_position('{alert_id,kind,contract,invariant,rule,state,severity,opened_at}', field.key), field.position;

    RETURN QUERY
    SELECT 'branches', b.family, format('%s of %s%s', b.violations, b.due, CASE WHEN b.named THEN ' (named)' ELSE '' END)
    FROM ROWS FROM (
        jsonb_to_recordset(its_alert.branches) AS (family text, violations bigint, due bigint, named boolean)
    ) WITH ORDINALITY AS b (family, violations, due, named, position)
    ORDER BY b.position;

    RETURN QUERY
    SELECT 'evidence', e.key, e.value
    FROM jsonb_each_text(its_alert.evidence - 'query') AS e
    ORDER BY e.key;

    RETURN QUERY
    SELECT
        'silences',
        s.silence_id::text,
        format(
            '%s to %s by %s, of %s: %s%s',
            s.starts_at, s.ends_at, s.created_by,
            concat_ws('/', s.contract, coalesce(s.invariant, '*'), s.branch), s.comment,
            ' (ended by ' || s.ended_by || ')'
        )
    FROM ghostwatch.silence AS s
    WHERE s.contract = its_alert.contract
        AND coalesce(s.invariant = its_alert.invariant, s.invariant IS NULL)
        AND s.starts_at <= coalesce(its_alert.resolved_at, ghostwatch._clock())
        AND s.ends_at >= its_alert.opened_at
    ORDER BY s.silence_id;

    RETURN QUERY
    SELECT
        'notifications',
        n.notification_id::text,
        format('%s to %s at %s: %s', n.reason, c.name, coalesce(n.sent_at, n.created_at), concat_ws(', ', n.state, n.state_reason))
    FROM ghostwatch.notification AS n
    INNER JOIN ghostwatch.channel AS c USING (channel_id)
    WHERE n.alert_id = its_alert.alert_id
    ORDER BY n.notification_id;

    RETURN QUERY
    SELECT 'channels', d.channel, d.outcome
    FROM ghostwatch._explain_delivery(its_alert) AS d;

    RETURN QUERY
    SELECT 'query', 'reproduces the numbers', q.query
    FROM ghostwatch._reproducing_query(its_alert) AS q (query)
    WHERE q.query IS NOT NULL;
END
$explain_alert$;

COMMENT ON FUNCTION ghostwatch.explain_alert(bigint) IS
'Everything that is known about one alert, and why each channel was sent it or not.
By topic: alert, counts, samples, branches, evidence (thresholds, baseline and statistic of its rule), silences, notifications, channels, and the query that reproduces its numbers.
Raises GW030 (no such alert).';
