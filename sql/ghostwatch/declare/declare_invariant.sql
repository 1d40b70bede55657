CREATE FUNCTION ghostwatch.declare_invariant(
    contract text,
    name text,
    related regclass DEFAULT NULL,
    related_key_column text DEFAULT NULL,
    predicate text DEFAULT NULL,
    related_at_column name DEFAULT NULL,
    warn_after interval DEFAULT NULL,
    error_after interval DEFAULT NULL,
    watch_for interval DEFAULT NULL,
    rule text DEFAULT NULL,
    runbook_url text DEFAULT NULL,
    description text DEFAULT NULL,
    missing_label text DEFAULT NULL,
    min_count integer DEFAULT NULL,
    min_rate double precision DEFAULT NULL,
    days_per_false_alarm double precision DEFAULT NULL,
    expected_rate double precision DEFAULT NULL,
    branch_ceiling double precision DEFAULT NULL,
    reset text[] DEFAULT '{}',
    at_least integer DEFAULT NULL,
    exactly integer DEFAULT NULL,
    no_row boolean DEFAULT NULL,
    subject_column text DEFAULT NULL,
    set_column name DEFAULT NULL,
    repair text DEFAULT NULL,
    repair_limit integer DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $declare_invariant$
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
DECLARE
    -- As an assignment: a query would be planned with the snapshot of the caller's statement, which does not see a
    -- contract that the same statement has just declared.
    its_contract_id constant integer := ghostwatch._contract_id(contract);
    its_contract ghostwatch.contract;
    -- As the caller wrote it, before set_column is put as the predicate that it stands for.
    given constant json := json_build_object(
        'set_column', set_column,
        'related', related,
        'related_key_column', ghostwatch._column_list(related_key_column),
        'subject_column', ghostwatch._column_list(subject_column),
        'predicate', predicate,
        'at_least', at_least,
        'exactly', exactly,
        'no_row', no_row,
        'related_at_column', related_at_column,
        'warn_after', warn_after,
        'error_after', error_after,
        'watch_for', watch_for,
        'rule', rule,
        'min_count', min_count,
        'min_rate', min_rate,
        'days_per_false_alarm', days_per_false_alarm,
        'expected_rate', expected_rate,
        'branch_ceiling', branch_ceiling,
        'missing_label', missing_label,
        'runbook_url', runbook_url,
        'description', description,
        'repair', repair,
        'repair_limit', repair_limit
    );
    before ghostwatch.invariant;
    after ghostwatch.invariant;
    key_type text;
    subject_key_type text;
    related_at_type text;
    problem text;
    -- Those that must fit together with the one that is out of its range.
    reset_by_hint text[];
    statement text;
BEGIN
    its_contract := ghostwatch._lock_contract(contract);

    IF coalesce(declare_invariant.name, '') = '' THEN
        RAISE EXCEPTION 'an invariant of contract % needs a name', quote_literal(contract)
            USING ERRCODE = 'GW016',
                  HINT = format(
                      'SELECT ghostwatch.declare_invariant(%L, ''its_name'', %L, %L)',
                      contract, coalesce(related::text, 'related_table'), coalesce(related_key_column, 'subject_id')
                  );
    END IF;

    -- The row itself is the one that must be there, with a value in the column.
    IF set_column IS NOT NULL THEN
        PERFORM ghostwatch._column_type(its_contract.subject, set_column);
        related := coalesce(related, its_contract.subject);
        related_key_column := coalesce(related_key_column, its_contract.key_column::text);
        predicate := concat_ws(' AND ', format('r.%I IS NOT NULL', set_column), '(' || predicate || ')');
    END IF;

    SELECT i.* INTO before FROM ghostwatch.invariant AS i
    WHERE i.contract_id = its_contract.contract_id AND i.name = declare_invariant.name;

    after := ghostwatch._apply_declaration(
        before,
        given::jsonb - 'set_column' || jsonb_build_object(
            'related', related,
            'related_key_column', ghostwatch._column_list(related_key_column),
            'predicate', predicate
        ),
        reset
    );
    statement := format('SELECT ghostwatch.declare_invariant(%L, %L', contract, declare_invariant.name);

    SELECT string_agg(ghostwatch._column_type(after.related, k.name), ', ' ORDER BY k.place)
    INTO key_type
    FROM unnest(coalesce(after.related_key_column, ARRAY[NULL]::name[])) WITH ORDINALITY AS k (name, place);
    IF after.related_at_column IS NOT NULL THEN
        related_at_type := ghostwatch._column_type(after.related, after.related_at_column);
        IF related_at_type NOT IN ('timestamp with time zone', 'timestamp without time zone') THEN
            RAISE EXCEPTION 'column % of % is no time: it is of type %', quote_ident(after.related_at_column), after.related, related_at_type
                USING ERRCODE = 'GW010',
                      HINT = statement || ghostwatch._other_arguments(given, '{related_at_column}') || ', reset => ''{related_at_column}'')';
        END IF;
    END IF;

    -- The subjects' table may have been dropped since.
    SELECT string_agg(ghostwatch._column_type(its_contract.subject, k.name), ', ' ORDER BY k.place)
    INTO subject_key_type
    FROM unnest(coalesce(after.subject_column, its_contract.key_column)) WITH ORDINALITY AS k (name, place);
    PERFORM ghostwatch._require_readable(its_contract.subject);
    PERFORM ghostwatch._require_readable(after.related);

    BEGIN
        IF cardinality(after.related_key_column) <> cardinality(coalesce(after.subject_column, its_contract.key_column)) THEN
            RAISE undefined_function;
        END IF;

        PERFORM ghostwatch._enter_search_path(its_contract.search_path);
        EXECUTE format(
            'SELECT FROM %s AS s JOIN %s AS r ON %s LIMIT 0',
            its_contract.subject, after.related,
            ghostwatch._key_match(
                its_contract.subject, coalesce(after.subject_column, its_contract.key_column), after.related, after.related_key_column
            )
        );
        PERFORM ghostwatch._leave_search_path();
    EXCEPTION WHEN undefined_function THEN
        RAISE EXCEPTION 'column % of % cannot be compared with the key of %', ghostwatch._column_names(after.related_key_column), after.related, its_contract.subject
            USING ERRCODE = 'GW009',
                  DETAIL = format('They are of the types %s and %s.', key_type, subject_key_type),
                  HINT = statement || ghostwatch._other_arguments(given, '{related_key_column}') || ', related_key_column => ''the_column_that_holds_the_key'')';
    END;

    PERFORM ghostwatch._check_expression(
        'the predicate', after.predicate, format('%s AS s, %s AS r', its_contract.subject, after.related), 'boolean',
        statement || ghostwatch._other_arguments(given, '{predicate}') || ', predicate => ...)', its_contract.search_path
    );

    problem := ghostwatch._rule_problem(
        after.rule, after.warn_after, after.error_after, after.watch_for, after.min_count, after.min_rate,
        after.days_per_false_alarm, after.expected_rate, after.branch_ceiling
    );
    reset_by_hint := ARRAY[split_part(problem, ' ', 1)];
    IF reset_by_hint <@ '{warn_after,error_after,watch_for}' THEN
        reset_by_hint := '{warn_after,error_after,watch_for}';
    END IF;
    IF (after.at_least >= 1 AND coalesce(after.exactly, 1) >= 1) IS NOT TRUE THEN
        problem := format('at_least is %s and exactly %s; both must be at least 1.', after.at_least, coalesce(after.exactly::text, 'not given'));
        reset_by_hint := '{at_least,exactly,no_row}';
    ELSIF after.repair_limit < 0 THEN
        problem := format('repair_limit is %s, and must not be negative.', after.repair_limit);
        reset_by_hint := '{repair_limit}';
    ELSIF (after.at_least > 1)::integer + (after.exactly IS NOT NULL)::integer + after.no_row::integer > 1 THEN
        problem := 'Only one of at_least, exactly and no_row can be given.';
        reset_by_hint := '{at_least,exactly,no_row}';
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'a setting of invariant % is out of its range', quote_literal(declare_invariant.name)
            USING ERRCODE = 'GW015',
                  DETAIL = problem,
                  HINT = format('The default is valid: %s%s, reset => %L)', statement, ghostwatch._other_arguments(given, reset_by_hint), reset_by_hint);
    END IF;

    IF after.repair IS NOT NULL THEN
        PERFORM ghostwatch._repair_call(its_contract.contract_id, declare_invariant.name, after.repair);
    END IF;

    after.warn_after := ghostwatch._fixed_length(after.warn_after);
    after.error_after := ghostwatch._fixed_length(after.error_after);
    after.watch_for := ghostwatch._fixed_length(after.watch_for);
    IF after.missing_label = '' THEN
        after.missing_label := replace(declare_invariant.name, '_', ' ');
    END IF;

    after.contract_id := its_contract_id;
    after.name := declare_invariant.name;
    after := ghostwatch._save_invariant(after);
    PERFORM ghostwatch._enforcement_follows_invariant(its_contract_id);
    PERFORM ghostwatch._suggest_backtest(before, after);

    -- The deadline is part of what a judgement means; another one calls for judging anew.
    IF (before.related, before.related_key_column, before.subject_column, before.predicate, before.at_least, before.exactly, before.no_row, coalesce(before.warn_after, before.error_after), before.watch_for)
       IS DISTINCT FROM
       (after.related, after.related_key_column, after.subject_column, after.predicate, after.at_least, after.exactly, after.no_row, coalesce(after.warn_after, after.error_after), after.watch_for) THEN
        PERFORM ghostwatch._restart_checks(after.invariant_id);
    END IF;
END
$declare_invariant$;

COMMENT ON FUNCTION ghostwatch.declare_invariant(
    text, text, regclass, text, text, name, interval, interval, interval, text, text, text, text,
    integer, double precision, double precision, double precision, double precision, text[],
    integer, integer, boolean, text, name, text, integer
) IS
'Declares one clause of a contract: a row of related with the subject''s key (and predicate) exists in time; declaring again changes what is given and keeps the rest.
related: the table of that row. related_key_column: its column that holds the subject''s key, several as an array: {tenant_id,user_id}. predicate: boolean SQL over the aliases s (subject) and r (related).
related_at_column: when the related row came, for backtests. warn_after, error_after: age of the subject at which a missing row is a warning (default: never), an error (default: 5 minutes); an error_after of 0 means due in the transaction of the subject.
watch_for: age past which an open violation expires (default: 25 minutes). rule: threshold (an alert while a violation is open), drift (when their rate has moved) or auto (the default: drift once it is known that more than one violation a week is usual, before that threshold).
missing_label: what a message says is missing. min_count (default: 1), min_rate (share of subjects, default: 0): while there are fewer violations, the rule threshold gives no alert.
days_per_false_alarm (days, default: 90), expected_rate (share, default: 0.1), branch_ceiling (share, default: 0.8): settings of the rule drift.
runbook_url: a link that messages show. description: for people. reset: names of arguments to set back to their defaults.
at_least, exactly: how many such rows (default: at least 1). no_row: no such row may be there, judged for as long as the subject is watched.
subject_column: the column of the subject that related_key_column is compared with, several as an array (default: its key). set_column: a column of the subject itself that must not be NULL; then neither related nor related_key_column need be given.
repair: the signature of a function of the contract''s owner that takes the key and restores what a subject lacks, for ghostwatch.repair(): app.seed_languages(bigint). repair_limit: how many subjects check runs repair in an hour without being asked (default: none).
Raises GW001 (no such contract), GW002, GW003 (no such table or column), GW004 to GW006 (the predicate is not valid, or a table not readable), GW008 (belongs to another role), GW009 (keys cannot be compared), GW010 (no time), GW015 (a setting of the rule is out of its range), GW016 (no name), GW018 (an argument that cannot be reset), GW066 (no function that can be its repair).';
