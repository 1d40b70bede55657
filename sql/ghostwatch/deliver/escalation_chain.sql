CREATE FUNCTION ghostwatch._escalation_chain(
    first_channel text
)
RETURNS TABLE (
    step bigint,
    channel text
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 3
SET search_path = pg_catalog, pg_temp
AS $_escalation_chain$
    -- A chain that became a loop, by two statements at once, ends where it comes back.
    WITH RECURSIVE chain AS (
        SELECT 1::bigint AS step, c.name, c.escalate_to
        FROM ghostwatch.channel AS c
        WHERE c.name = _escalation_chain.first_channel
        UNION ALL
        SELECT chain.step + 1, c.name, c.escalate_to
        FROM chain
        INNER JOIN ghostwatch.channel AS c ON c.name = chain.escalate_to
    ) CYCLE name SET is_cycle USING path

    SELECT chain.step, chain.name
    FROM chain
    WHERE NOT chain.is_cycle
    ORDER BY chain.step
$_escalation_chain$;

COMMENT ON FUNCTION ghostwatch._escalation_chain(text) IS
'A channel, the one that gets its unacknowledged alerts, the one after that, and so on; step counts from 1.';
