CREATE FUNCTION ghostwatch._rule_problem(
    rule text,
    warn_after interval,
    error_after interval,
    watch_for interval,
    min_count integer,
    min_rate double precision,
    days_per_false_alarm double precision,
    expected_rate double precision,
    branch_ceiling double precision
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_rule_problem$
    -- The only place that knows the rules and the ranges of their settings: a CHECK of the table of invariants,
    -- declarations and backtests ask it.
    SELECT format('%s is %s; it must be %s.', s.name, coalesce(s.given, 'NULL'), s.range)
    FROM (
        VALUES
            (1, 'rule', rule, rule IN ('auto', 'threshold', 'drift'), 'auto, threshold or drift'),
            (2, 'error_after', error_after::text, error_after >= '0', 'at least 0'),
            (3, 'warn_after', warn_after::text, coalesce(warn_after >= '0' AND warn_after < error_after, true), 'at least 0 and shorter than error_after'),
            (4, 'watch_for', watch_for::text, watch_for > error_after AND watch_for <= '1000 years', 'longer than error_after and at most 1000 years'),
            (5, 'min_count', min_count::text, min_count >= 1, 'at least 1'),
            (6, 'min_rate', min_rate::text, min_rate BETWEEN 0 AND 1, 'from 0 to 1'),
            (7, 'days_per_false_alarm', days_per_false_alarm::text, days_per_false_alarm > 0 AND days_per_false_alarm < 'infinity', 'greater than 0 and finite'),
            (8, 'expected_rate', expected_rate::text, expected_rate > 0 AND expected_rate < 1, 'greater than 0 and less than 1'),
            (9, 'branch_ceiling', branch_ceiling::text, branch_ceiling > 0 AND branch_ceiling <= 1, 'greater than 0 and at most 1')
    ) AS s (place, name, given, holds, range)
    WHERE s.holds IS NOT TRUE
    ORDER BY s.place
    LIMIT 1
$_rule_problem$;

COMMENT ON FUNCTION ghostwatch._rule_problem(
    text, interval, interval, interval, integer, double precision, double precision, double precision, double precision
) IS
'The first of the settings of an invariant''s rule that is out of its range, in words; NULL if all are valid.';
