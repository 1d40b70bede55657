CREATE FUNCTION ghostwatch._compare_rules(
    before ghostwatch.invariant,
    after ghostwatch.invariant
) RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_compare_rules$
-- Says, as a notice, what a change of rule or thresholds would have meant over the last 30 days.
-- Takes the invariant as it was (NULL where it is new) and as it is.
DECLARE
    end_at   constant timestamptz := ghostwatch._clock();
    begin_at constant timestamptz := end_at - interval '30 days';
BEGIN
    IF before.invariant_id IS NULL OR (
        before.rule, before.warn_after, before.error_after, before.watch_for, before.min_count, before.min_rate,
        before.days_per_false_alarm, before.expected_rate, before.branch_ceiling
    ) IS NOT DISTINCT FROM (
        after.rule, after.warn_after, after.error_after, after.watch_for, after.min_count, after.min_rate,
        after.days_per_false_alarm, after.expected_rate, after.branch_ceiling
    ) THEN
        RETURN;
    END IF;

    -- To replay is to run what the contract's owner wrote, which nobody else does with rights of their own.
    IF NOT EXISTS (
        SELECT FROM ghostwatch.contract AS c
        WHERE c.contract_id = after.contract_id AND c.owner = quote_ident(current_user)::regrole
    ) THEN
        RETURN;
    END IF;

    -- Both are looked for in the same rows.
    before.related_at_column := after.related_at_column;
    RAISE NOTICE 'invariant %, the last 30 days by the old settings: %; by the new ones: %',
        quote_literal(after.name),
        ghostwatch._replay_total(before, begin_at, end_at),
        ghostwatch._replay_total(after, begin_at, end_at);
EXCEPTION
    -- What cannot be replayed, for whatever reason, can be changed all the same.
    WHEN OTHERS THEN
        RAISE NOTICE 'invariant %: old and new settings are not compared (%: %)', quote_literal(after.name), SQLSTATE, SQLERRM;
END
$_compare_rules$;

COMMENT ON FUNCTION ghostwatch._compare_rules(ghostwatch.invariant, ghostwatch.invariant) IS
'Says, as a notice, what a change of rule or thresholds would have meant over the last 30 days.';
