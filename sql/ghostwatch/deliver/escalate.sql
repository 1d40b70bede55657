CREATE FUNCTION ghostwatch._escalate(
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_escalate$
-- Whoever calls this holds the lock under which sidecars claim, so each step is taken once.
DECLARE
    step record;
    target ghostwatch.channel;
    after double precision;
BEGIN
    IF NOT EXISTS (SELECT FROM ghostwatch.channel AS c WHERE c.escalate_to IS NOT NULL) THEN
        RETURN;
    END IF;

    FOR step IN
        SELECT e.waited_since, a AS its_alert, c AS source
        FROM ghostwatch._escalations() AS e
        INNER JOIN ghostwatch.alert AS a ON a.alert_id = e.alert_id
        INNER JOIN ghostwatch.channel AS c ON c.channel_id = e.channel_id
        WHERE e.due_at <= as_of
        ORDER BY e.due_at, e.alert_id
    LOOP
        -- A closed channel is passed over if there is an open one behind it.
        SELECT c.* INTO target
        FROM ghostwatch._escalation_chain((step.source).escalate_to) AS chain
        INNER JOIN ghostwatch.channel AS c ON c.name = chain.channel
        WHERE c.channel_id <> (step.source).channel_id
        ORDER BY c.disabled_at IS NOT NULL, chain.step
        LIMIT 1;
        CONTINUE WHEN NOT FOUND;

        after := extract(EPOCH FROM greatest((step.source).escalate_after, date_trunc('minute', as_of - step.waited_since)));
        PERFORM ghostwatch._queue_message(
            step.its_alert, target, 'unacknowledged', as_of, jsonb_build_object('channel', (step.source).name, 'after', after)
        );
        PERFORM ghostwatch._queue_message(
            step.its_alert, step.source, 'passed_on', as_of, jsonb_build_object('channel', target.name, 'after', after)
        );
    END LOOP;
END
$_escalate$;

COMMENT ON FUNCTION ghostwatch._escalate(timestamptz) IS
'Sends alerts that nobody has acknowledged in time to the next channel of the chain, and says so where they were sent before.';
