CREATE FUNCTION ghostwatch._doctor_rules()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_doctor_rules$
-- An alert that fires most of the time is not read any more. The recommendation comes with a backtest as evidence.
DECLARE
    as_of constant timestamptz := ghostwatch._clock();
    frequent    record;
    rule     ghostwatch.invariant;
    replayed text;
BEGIN
    FOR frequent IN
        SELECT i.invariant_id, c.name AS contract, fired.share
        FROM ghostwatch.invariant AS i
        INNER JOIN ghostwatch.contract AS c USING (contract_id)
        CROSS JOIN LATERAL (
            SELECT
                sum(extract(EPOCH FROM coalesce(a.resolved_at, as_of) - greatest(a.opened_at, as_of - '7 days'::interval)))
                / extract(EPOCH FROM '7 days'::interval) AS share
            FROM ghostwatch.alert AS a
            WHERE a.kind = 'violations'
                AND coalesce(a.invariant_id, 0) = i.invariant_id
                AND coalesce(a.resolved_at, as_of) > as_of - '7 days'::interval
        ) AS fired
        WHERE i.rule = 'threshold'
            AND c.owner = quote_ident(current_user)::regrole
            AND fired.share > 0.5
        ORDER BY c.name, i.name
    LOOP
        rule := ghostwatch._replayed_rule(frequent.invariant_id, '{"rule": "drift"}');
        BEGIN
            replayed := format(
                'With the rule drift, the last 30 days would have had: %s.',
                ghostwatch._replay_total(rule, as_of - '30 days'::interval, as_of)
            );
        EXCEPTION
            -- An invariant that cannot be replayed must not keep the doctor from the others.
            WHEN OTHERS THEN
                replayed := format('The rule drift could not be replayed over the past (%s: %s).', SQLSTATE, SQLERRM);
        END;

        RETURN NEXT ROW(
            'rules',
            'warning',
            format(
                'The alert of %s/%s has been firing for %s %% of the last 7 days. %s',
                frequent.contract, rule.name, round((frequent.share * 100)::numeric), replayed
            ),
            format('SELECT ghostwatch.declare_invariant(%L, %L, rule => ''drift'');', frequent.contract, rule.name)
        )::ghostwatch._finding;
    END LOOP;
END
$_doctor_rules$;

COMMENT ON FUNCTION ghostwatch._doctor_rules() IS
'Recommends the rule drift, with a backtest of the last 30 days, where an alert of the rule threshold has been firing most of the last week.';
