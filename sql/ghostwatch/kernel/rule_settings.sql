CREATE FUNCTION ghostwatch._rule_settings()
RETURNS text[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN '{rule,warn_after,error_after,watch_for,min_count,min_rate,days_per_false_alarm,expected_rate,branch_ceiling}'::text[];

COMMENT ON FUNCTION ghostwatch._rule_settings() IS
'The arguments of ghostwatch.declare_invariant() that decide when an alert fires, and that a backtest can change.';
