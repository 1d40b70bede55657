-- Of an invariant, whether it has an alert or not.
CREATE FUNCTION ghostwatch.why(
    contract text,
    invariant text
)
RETURNS TABLE (
    step text,
    channel text,
    cause text,
    finding text,
    advice text
)
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $why$
-- For an admin who expected a message: where on the way from the check run to the chat it is.
-- The name of a rule is one of those that the table of invariants allows: @plpgsql_check_options: security_warnings = false, other_warnings = false
DECLARE
    as_of         constant timestamptz := ghostwatch._clock();
    its_id        constant integer := ghostwatch._invariant_id(contract, invariant);
    its_invariant ghostwatch.invariant;
    latest_alert  bigint;
    result        ghostwatch._rule_result;
BEGIN
    -- Row level security hides all of it from others, who would learn nothing of the reason.
    PERFORM ghostwatch._require_contract_owner(ghostwatch._contract_id(contract));

    SELECT a.alert_id INTO latest_alert
    FROM ghostwatch.alert AS a
    WHERE a.invariant_id = its_id
        AND a.state = 'firing'
    ORDER BY a.alert_id DESC
    LIMIT 1;
    IF FOUND THEN
        RETURN QUERY SELECT w.* FROM ghostwatch.why(latest_alert) AS w;
        RETURN;
    END IF;

    RETURN QUERY SELECT 'run', NULL::text, r.cause, r.finding, r.advice FROM ghostwatch._explain_run(its_id, as_of) AS r;

    SELECT i.* INTO its_invariant FROM ghostwatch.invariant AS i WHERE i.invariant_id = its_id;
    EXECUTE format('SELECT (q.result).* FROM (SELECT ghostwatch.%I($1, $2) AS result OFFSET 0) AS q', format('_%s_result', its_invariant.rule))
    INTO result
    USING its_id, as_of;
    RETURN QUERY
    SELECT
        'rule',
        NULL::text,
        CASE WHEN result.firing THEN 'next_run' ELSE 'rule' END,
        format(
            'No alert fires. Open: %s, %s of them older than %s. %s',
            ghostwatch._pluralize(result.warn_count + result.error_count, 'violation'),
            result.error_count, its_invariant.error_after,
            CASE
                WHEN result.firing THEN 'The next check run will open one.'
                ELSE concat_ws(
                    ' ',
                    format('The rule %s does not call that wrong', its_invariant.rule),
                    format('(min_count %s, min_rate %s).', its_invariant.min_count, its_invariant.min_rate),
                    ghostwatch._baseline_remark(its_id, as_of) || '.'
                )
            END
        ),
        format('SELECT * FROM ghostwatch.ghost_summary(%L, %L);', contract, invariant);
END
$why$;

COMMENT ON FUNCTION ghostwatch.why(text, text) IS
'Why an invariant has no message: what the last check run, its rule and, if an alert is firing, each channel made of it.
Raises GW001 (no such contract), GW007 (no such invariant), GW008 (the contract belongs to another role).';

CREATE FUNCTION ghostwatch.why(
    alert_id bigint
)
RETURNS TABLE (
    step text,
    channel text,
    cause text,
    finding text,
    advice text
)
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $why$
-- For an admin who expected a message about an alert: where on the way from the check run to the chat it is.
DECLARE
    as_of     constant timestamptz := ghostwatch._clock();
    its_alert ghostwatch.alert;
BEGIN
    PERFORM ghostwatch._require_alert(why.alert_id);
    SELECT a.* INTO its_alert FROM ghostwatch.alert AS a WHERE a.alert_id = why.alert_id;

    IF its_alert.invariant_id IS NOT NULL AND its_alert.state = 'firing' THEN
        RETURN QUERY SELECT 'run', NULL::text, r.cause, r.finding, r.advice FROM ghostwatch._explain_run(its_alert.invariant_id, as_of) AS r;
    END IF;

    RETURN QUERY
    SELECT
        'rule',
        NULL::text,
        its_alert.state,
        concat_ws(
            ' ',
            format(
                'Alert %s (%s) opened at %s%s and is %s%s.',
                its_alert.alert_id,
                concat_ws(', ', its_alert.contract || '.' || its_alert.invariant, coalesce('rule ' || its_alert.rule, its_alert.kind)),
                its_alert.opened_at::timestamptz(0),
                ', escalated at ' || its_alert.escalated_at::timestamptz(0),
                its_alert.state,
                ' since ' || its_alert.resolved_at::timestamptz(0)
            ),
            format('%s acknowledged it, so it is not repeated.', its_alert.acknowledged_by)
        ),
        format('SELECT * FROM ghostwatch.explain_alert(%s);', its_alert.alert_id);

    RETURN QUERY
    SELECT 'message', m.channel, m.cause, concat_ws(': ', m.messages, m.finding), m.advice
    FROM ghostwatch._explain_messages(its_alert, as_of) AS m;

    IF NOT FOUND THEN
        RETURN QUERY
        SELECT 'message', NULL::text, 'no_channel', 'There is no channel that you may see.', 'SELECT ghostwatch.add_channel(''admins'', chat_id => -1001234567890);';
    END IF;

    RETURN QUERY
    SELECT
        'escalation',
        c.name,
        'unacknowledged',
        format('Channel %s gets it as well at %s, unless somebody acknowledges it before.', c.escalate_to, e.due_at::timestamptz(0)),
        format('SELECT ghostwatch.acknowledge(%s, ...);', its_alert.alert_id)
    FROM ghostwatch._escalations() AS e
    INNER JOIN ghostwatch.channel AS c ON c.channel_id = e.channel_id
    WHERE e.alert_id = its_alert.alert_id
    ORDER BY e.due_at;
END
$why$;

COMMENT ON FUNCTION ghostwatch.why(bigint) IS
'Why a message about an alert arrived or not: a row for the check run, for its rule, for each channel and message, and for each escalation.
An escalation is to come: another channel gets the alert as well, if nobody acknowledges it before.
cause: one word, such as no_run, silence, quiet_hours, filter, channel_closed, wrong_chat, token, sidecar_down, pace or sent.
Raises GW030 (no such alert).';
