CREATE FUNCTION ghostwatch._replayed_rule(
    invariant_id integer,
    settings jsonb
)
RETURNS ghostwatch.invariant
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_replayed_rule$
-- The settings are named as declare_invariant() names them.
DECLARE
    known constant text[] := ghostwatch._rule_settings();
    rule    ghostwatch.invariant;
    problem text;
BEGIN
    SELECT i.* INTO STRICT rule
    FROM ghostwatch.invariant AS i
    WHERE i.invariant_id = _replayed_rule.invariant_id;

    IF jsonb_typeof(settings) IS DISTINCT FROM 'object' THEN
        problem := 'The settings are not a JSON object of names and values.';
    ELSE
        SELECT format('%s is not a setting of a rule.', quote_literal(given.name)) INTO problem
        FROM jsonb_object_keys(settings) AS given (name)
        WHERE given.name <> ALL (known)
        LIMIT 1;
    END IF;

    IF problem IS NULL THEN
        BEGIN
            rule := jsonb_populate_record(rule, settings);
        EXCEPTION
            WHEN data_exception THEN
                problem := SQLERRM || '.';
        END;
    END IF;

    IF problem IS NULL THEN
        problem := ghostwatch._rule_problem(
            rule.rule, rule.warn_after, rule.error_after, rule.watch_for, rule.min_count, rule.min_rate,
            rule.days_per_false_alarm, rule.expected_rate, rule.branch_ceiling
        );
    END IF;

    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'invariant % cannot be replayed with the settings %', quote_literal(rule.name), coalesce(settings::text, 'NULL')
            USING ERRCODE = 'GW037',
                  DETAIL = problem,
                  HINT = format('Settings and ranges are those of ghostwatch.declare_invariant(): %s.', array_to_string(known, ', '));
    END IF;

    RETURN rule;
END
$_replayed_rule$;

COMMENT ON FUNCTION ghostwatch._replayed_rule(integer, jsonb) IS
'An invariant as it would be with other settings. Raises GW037 for a setting that does not exist, cannot be read or is out of its range.';
