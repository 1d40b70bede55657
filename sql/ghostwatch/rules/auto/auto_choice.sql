CREATE FUNCTION ghostwatch._auto_choice(
    baseline ghostwatch.drift_baseline
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_auto_choice$
    -- An alert for each violation is right where little is known, and where violations are so rare that each of them is
    -- news: at most one a week. Otherwise only a change of their rate is.
    SELECT CASE
        WHEN ghostwatch._usual_rate_is_known(baseline)
            AND (baseline).violations > greatest(3, extract(EPOCH FROM (baseline).history_until - (baseline).history_from) / (7 * 86400))
        THEN 'drift'
        ELSE 'threshold'
    END
$_auto_choice$;

COMMENT ON FUNCTION ghostwatch._auto_choice(ghostwatch.drift_baseline) IS
'The rule that auto follows, given the latest baseline (NULL: none): threshold or drift.';
