CREATE FUNCTION ghostwatch._suggest_backtest(
    before ghostwatch.invariant,
    after ghostwatch.invariant
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_suggest_backtest$
-- A declaration runs no backtest itself: on a big table that takes longer than the statement_timeout of a migration.
DECLARE
    contract constant text := (SELECT c.name FROM ghostwatch.contract AS c WHERE c.contract_id = after.contract_id);
    previous jsonb;
BEGIN
    SELECT jsonb_object_agg(setting.key, setting.value) INTO previous
    FROM jsonb_each(to_jsonb(before)) AS setting
    WHERE setting.key = ANY (ghostwatch._rule_settings())
        AND setting.value IS DISTINCT FROM to_jsonb(after) -> setting.key;

    IF before.invariant_id IS NULL OR previous IS NULL THEN
        RETURN;
    END IF;

    RAISE NOTICE 'the settings of invariant % of contract % have changed', quote_literal(after.name), quote_literal(contract)
        USING HINT = format(
            'To compare the alerts of the last 30 days: SELECT * FROM ghostwatch.backtest(%1$L, %2$L); '
            'and with the previous settings: SELECT * FROM ghostwatch.backtest(%1$L, %2$L, settings => %3$L);',
            contract, after.name, previous
        );
END
$_suggest_backtest$;

COMMENT ON FUNCTION ghostwatch._suggest_backtest(ghostwatch.invariant, ghostwatch.invariant) IS
'Names, in a notice, the backtests that compare the previous settings of an invariant with the new ones.';
