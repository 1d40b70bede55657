CREATE FUNCTION ghostwatch._subjects_before_alarm(
    baseline ghostwatch.drift_baseline
)
RETURNS double precision
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_subjects_before_alarm$
    -- By chance, a signup is followed by a gap in which n were to be expected with a probability of e^-n.
    -- Within CASE: PostgreSQL 18 computes a constant beside a condition while it plans, also the logarithm of zero.
    SELECT CASE WHEN (baseline).due >= 100 THEN greatest(ln((baseline).subjects_per_day * (baseline).days_per_false_alarm), 1) END
$_subjects_before_alarm$;

COMMENT ON FUNCTION ghostwatch._subjects_before_alarm(ghostwatch.drift_baseline) IS
'How many subjects must fail to come before their absence is an alarm; NULL while there is too little history to expect any.';
