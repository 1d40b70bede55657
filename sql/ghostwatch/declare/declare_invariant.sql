CREATE FUNCTION ghostwatch.declare_invariant(
    contract text,
    name text,
    related regclass,
    related_key_column name,
    predicate text DEFAULT NULL,
    related_at_column name DEFAULT NULL,
    warn_after interval DEFAULT NULL,
    error_after interval DEFAULT '5 minutes',
    watch_for interval DEFAULT '25 minutes',
    rule text DEFAULT 'threshold',
    runbook_url text DEFAULT NULL,
    description text DEFAULT NULL,
    missing_label text DEFAULT NULL,
    min_count integer DEFAULT 1,
    min_rate double precision DEFAULT 0,
    days_per_false_alarm double precision DEFAULT 90,
    expected_rate double precision DEFAULT 0.10,
    branch_ceiling double precision DEFAULT 0.80
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $declare_invariant$
-- Declares one clause of a contract: a row of related with the subject's key exists in time; idempotent.
-- Raises GW001 to GW009 and GW012 to GW016.
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
DECLARE
    -- As an assignment: a query would be planned with the snapshot of the caller's statement, which does not see a
    -- contract that the same statement has just declared.
    its_contract_id constant integer := ghostwatch._contract_id(contract);
    its_contract ghostwatch.contract;
    its_invariant_id integer;
    before ghostwatch.invariant;
    after ghostwatch.invariant;
    statement text := format('SELECT ghostwatch.declare_invariant(%L, %L, %L, %L', contract, declare_invariant.name, related, related_key_column);
BEGIN
    SELECT c.* INTO its_contract FROM ghostwatch.contract AS c
    WHERE c.contract_id = its_contract_id;

    PERFORM ghostwatch._require_contract_owner(its_contract.contract_id, declaring => true);

    IF coalesce(declare_invariant.name, '') = '' THEN
        RAISE EXCEPTION 'an invariant of contract % needs a name', quote_literal(contract)
            USING ERRCODE = 'GW016',
                  HINT = format('SELECT ghostwatch.declare_invariant(%L, ''first_meme'', %L, %L)', contract, related, related_key_column);
    END IF;

    PERFORM ghostwatch._column_type(related, related_key_column);
    IF related_at_column IS NOT NULL
       AND ghostwatch._column_type(related, related_at_column) NOT IN ('timestamp with time zone', 'timestamp without time zone') THEN
        RAISE EXCEPTION 'column % of % is no time: it is of type %',
            quote_ident(related_at_column), related, ghostwatch._column_type(related, related_at_column)
            USING ERRCODE = 'GW010',
                  HINT = statement || ', related_at_column => ''created_at'')';
    END IF;

    -- The subjects' table may have been dropped since.
    PERFORM ghostwatch._column_type(its_contract.subject, its_contract.key_column);
    PERFORM ghostwatch._require_readable(its_contract.subject);
    PERFORM ghostwatch._require_readable(related);

    BEGIN
        PERFORM set_config('search_path', its_contract.search_path, true);
        EXECUTE format(
            'SELECT FROM %s AS s JOIN %s AS r ON r.%I = s.%I%s LIMIT 0',
            its_contract.subject, related, related_key_column, its_contract.key_column,
            ghostwatch._key_cast(its_contract.subject, its_contract.key_column, related, related_key_column)
        );
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    EXCEPTION WHEN undefined_function THEN
        RAISE EXCEPTION 'column % of % cannot be compared with the key of %', quote_ident(related_key_column), related, its_contract.subject
            USING ERRCODE = 'GW009',
                  DETAIL = format('They are of the types %s and %s.', ghostwatch._column_type(related, related_key_column),
                                  ghostwatch._column_type(its_contract.subject, its_contract.key_column)),
                  HINT = format('SELECT ghostwatch.declare_invariant(%L, %L, %L, ''the_column_that_holds_the_key'')', contract, declare_invariant.name, related);
    END;

    PERFORM ghostwatch._check_expression(
        'the predicate', predicate, format('%s AS s, %s AS r', its_contract.subject, related), 'boolean', statement || ', ...)',
        its_contract.search_path
    );

    IF error_after IS NULL OR error_after < '0' OR warn_after < '0' OR warn_after >= error_after THEN
        RAISE EXCEPTION 'warn_after (%) of invariant % must be shorter than error_after (%), and neither negative',
            coalesce(warn_after::text, 'none'), quote_literal(declare_invariant.name), coalesce(error_after::text, 'none')
            USING ERRCODE = 'GW012',
                  HINT = statement || ', warn_after => ''1 minute'', error_after => ''5 minutes'')';
    END IF;

    IF (watch_for > error_after AND watch_for <= '1000 years') IS NOT TRUE THEN
        RAISE EXCEPTION 'watch_for (%) of invariant % must be longer than error_after (%), and not endless',
            coalesce(watch_for::text, 'none'), quote_literal(declare_invariant.name), error_after
            USING ERRCODE = 'GW013',
                  DETAIL = 'A violation turns into an error at error_after and is watched until watch_for.',
                  HINT = format('%s, error_after => %L, watch_for => %L)', statement, error_after, error_after + '20 minutes');
    END IF;

    IF rule IS NULL OR rule NOT IN ('threshold', 'drift') THEN
        RAISE EXCEPTION 'there is no rule %', coalesce(quote_literal(rule), 'NULL')
            USING ERRCODE = 'GW014',
                  DETAIL = 'threshold: an alert while a violation is open. drift: an alert when the rate of violations has moved.',
                  HINT = statement || ', rule => ''threshold'')';
    END IF;

    IF (min_count >= 1 AND min_rate BETWEEN 0 AND 1 AND days_per_false_alarm > 0 AND days_per_false_alarm < 'infinity'
        AND expected_rate > 0 AND expected_rate < 1 AND branch_ceiling > 0 AND branch_ceiling <= 1) IS NOT TRUE THEN
        RAISE EXCEPTION 'a threshold of invariant % is out of its range', quote_literal(declare_invariant.name)
            USING ERRCODE = 'GW015',
                  DETAIL = format('min_count %s (1 or more), min_rate %s (0 to 1), days_per_false_alarm %s (above 0, not infinite), expected_rate %s (between 0 and 1), branch_ceiling %s (above 0, at most 1).',
                                  min_count, min_rate, days_per_false_alarm, expected_rate, branch_ceiling),
                  HINT = statement || ', min_count => 1, min_rate => 0, days_per_false_alarm => 90, expected_rate => 0.1, branch_ceiling => 0.8)';
    END IF;

    SELECT i.* INTO before FROM ghostwatch.invariant AS i
    WHERE i.contract_id = its_contract.contract_id AND i.name = declare_invariant.name;

    INSERT INTO ghostwatch.invariant AS i (
        contract_id, name, related, related_key_column, predicate, related_at_column, warn_after, error_after, watch_for,
        rule, min_count, min_rate, days_per_false_alarm, expected_rate, branch_ceiling, missing_label, runbook_url, description
    )
    VALUES (
        its_contract.contract_id, declare_invariant.name, declare_invariant.related, declare_invariant.related_key_column,
        declare_invariant.predicate, declare_invariant.related_at_column, ghostwatch._fixed_length(declare_invariant.warn_after),
        ghostwatch._fixed_length(declare_invariant.error_after), ghostwatch._fixed_length(declare_invariant.watch_for),
        declare_invariant.rule, declare_invariant.min_count, declare_invariant.min_rate, declare_invariant.days_per_false_alarm,
        declare_invariant.expected_rate, declare_invariant.branch_ceiling,
        coalesce(nullif(declare_invariant.missing_label, ''), replace(declare_invariant.name, '_', ' ')), declare_invariant.runbook_url, declare_invariant.description
    )
    ON CONFLICT ON CONSTRAINT invariant_contract_id_name_key DO UPDATE
    SET related = excluded.related,
        related_key_column = excluded.related_key_column,
        predicate = excluded.predicate,
        related_at_column = excluded.related_at_column,
        warn_after = excluded.warn_after,
        error_after = excluded.error_after,
        watch_for = excluded.watch_for,
        rule = excluded.rule,
        min_count = excluded.min_count,
        min_rate = excluded.min_rate,
        days_per_false_alarm = excluded.days_per_false_alarm,
        expected_rate = excluded.expected_rate,
        branch_ceiling = excluded.branch_ceiling,
        missing_label = excluded.missing_label,
        runbook_url = excluded.runbook_url,
        description = excluded.description
    RETURNING i.invariant_id INTO its_invariant_id;

    SELECT i.* INTO after FROM ghostwatch.invariant AS i WHERE i.invariant_id = its_invariant_id;
    PERFORM ghostwatch._suggest_backtest(before, after);

    -- The deadline is part of what a judgement means; another one calls for judging anew.
    IF (before.related, before.related_key_column, before.predicate, coalesce(before.warn_after, before.error_after), before.watch_for)
       IS DISTINCT FROM
       (after.related, after.related_key_column, after.predicate, coalesce(after.warn_after, after.error_after), after.watch_for) THEN
        PERFORM ghostwatch._restart_checks(its_invariant_id);
    END IF;
END
$declare_invariant$;

COMMENT ON FUNCTION ghostwatch.declare_invariant(
    text, text, regclass, name, text, name, interval, interval, interval, text, text, text, text,
    integer, double precision, double precision, double precision, double precision
) IS
'Declares one clause of a contract: a row of related with the subject''s key (and predicate) exists in time; declaring again changes it.
related_key_column: the column of related that holds the subject''s key. predicate: boolean SQL over the aliases s (subject) and r (related).
related_at_column: when the related row came, for backtests. warn_after, error_after: age of the subject at which a missing row is a warning, an error; an error_after of 0 means due in the transaction of the subject.
watch_for: age past which an open violation expires. rule: threshold (an alert while a violation is open) or drift (when their rate has moved).
missing_label: what a message says is missing. min_count, min_rate: below these the rule threshold keeps quiet (violations; share of subjects).
days_per_false_alarm (days), expected_rate (share), branch_ceiling (share): settings of the rule drift.
Raises GW001 (no such contract), GW002, GW003 (no such table or column), GW004 to GW006 (the predicate is not valid, or a table not readable), GW008 (belongs to another role), GW009 (keys cannot be compared), GW010 (no time), GW012, GW013 (thresholds), GW014 (no such rule), GW015 (out of range), GW016 (no name).';
