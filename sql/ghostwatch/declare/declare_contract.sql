CREATE FUNCTION ghostwatch.declare_contract(
    name text,
    subject regclass DEFAULT NULL,
    key_column text DEFAULT NULL,
    born_at_column name DEFAULT NULL,
    branch_expression text DEFAULT NULL,
    exempt_predicate text DEFAULT NULL,
    exempt_branches text[] DEFAULT NULL,
    time_zone text DEFAULT NULL,
    lateness interval DEFAULT NULL,
    description text DEFAULT NULL,
    subject_label text DEFAULT NULL,
    capture boolean DEFAULT NULL,
    look_up_in name[] DEFAULT NULL::name || current_schemas(false),
    reset text[] DEFAULT '{}',
    unique_key boolean DEFAULT NULL,
    born_at_expression text DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $declare_contract$
-- The search path of the session that first declares is kept with the contract, so that names in its expressions keep
-- their meaning. It comes as a default, which is evaluated before this function's own path is set; a NULL at its
-- beginning distinguishes it from schemas that were given.
DECLARE
    given constant json := json_build_object(
        'subject', subject,
        'key_column', ghostwatch._column_list(key_column),
        'unique_key', unique_key,
        'born_at_column', born_at_column,
        'born_at_expression', born_at_expression,
        'branch_expression', branch_expression,
        'exempt_predicate', exempt_predicate,
        'exempt_branches', exempt_branches,
        'time_zone', time_zone,
        'lateness', lateness,
        'description', description,
        'subject_label', subject_label,
        'capture', capture
    );
    before ghostwatch.contract;
    after ghostwatch.contract;
    key_type text;
    born_at_type text;
    from_item text;
    statement text;
    problem text;
BEGIN
    IF coalesce(declare_contract.name, '') = '' THEN
        RAISE EXCEPTION 'a contract needs a name'
            USING ERRCODE = 'GW016',
                  HINT = format('SELECT ghostwatch.declare_contract(''my_contract'', %L)', coalesce(subject::text, 'your_table'));
    END IF;

    before := ghostwatch._lock_contract(declare_contract.name);
    after := ghostwatch._apply_declaration(
        before,
        given::jsonb,
        reset,
        others => '{look_up_in}'
    );

    SELECT string_agg(ghostwatch._column_type(after.subject, k.name), ', ' ORDER BY k.place)
    INTO key_type
    FROM unnest(after.key_column) WITH ORDINALITY AS k (name, place);
    PERFORM ghostwatch._require_readable(after.subject);
    from_item := format('%s AS s', after.subject);
    statement := format('SELECT ghostwatch.declare_contract(%L', declare_contract.name) || coalesce(format(', %L', subject), '');

    IF before.search_path IS NULL OR look_up_in[1] IS NOT NULL OR 'look_up_in' = ANY (reset) THEN
        SELECT string_agg(quote_ident(p.schema_name), ', ' ORDER BY p.position) || ', pg_temp'
        INTO after.search_path
        FROM unnest('pg_catalog'::name || array_remove(look_up_in, NULL)) WITH ORDINALITY AS p (schema_name, position)
        WHERE p.schema_name NOT LIKE 'pg\_temp%';
    END IF;

    -- Keys are stored as text, looked up by their own type, and compared.
    BEGIN
        PERFORM ghostwatch._enter_search_path(after.search_path);
        EXECUTE format(
            'SELECT FROM %s, %s AS r WHERE %s LIMIT 0',
            from_item, after.subject, ghostwatch._key_match(after.subject, after.key_column, after.subject, after.key_column)
        );
        PERFORM ghostwatch._leave_search_path();
    EXCEPTION WHEN undefined_function THEN
        RAISE EXCEPTION 'column % of % cannot be a key: values of type % cannot be compared', ghostwatch._column_names(after.key_column), after.subject, key_type
            USING ERRCODE = 'GW009',
                  HINT = statement || ghostwatch._other_arguments(given, '{subject,key_column}') || ', key_column => ''its_primary_key'')';
    END;

    -- Where a key comes twice, one subject would hide what another lacks.
    IF NOT (after.unique_key OR ghostwatch._key_is_unique(after.subject, after.key_column)) THEN
        RAISE EXCEPTION 'the key % of % is not known to be unique', ghostwatch._column_names(after.key_column), after.subject
            USING ERRCODE = 'GW019',
                  DETAIL = format(
                      'No unique index of %s has only columns of the key; a view and a foreign table have none. '
                      'A key of several columns is named as an array: {tenant_id,id}.', after.subject
                  ),
                  HINT = format('If it is unique all the same: %s%s, unique_key => true)', statement, ghostwatch._other_arguments(given, '{subject,unique_key}'));
    END IF;

    IF EXISTS (
        SELECT FROM ghostwatch.invariant AS i
        WHERE i.contract_id = before.contract_id AND i.subject_column IS NULL AND cardinality(i.related_key_column) <> cardinality(after.key_column)
    ) THEN
        RAISE EXCEPTION 'the invariants of contract % have related keys of another number of columns', quote_literal(declare_contract.name)
            USING ERRCODE = 'GW009',
                  DETAIL = format('The key would be %s.', ghostwatch._column_names(after.key_column)),
                  HINT = format('SELECT ghostwatch.drop_contract(%L); and declare it again with its invariants.', declare_contract.name);
    END IF;

    IF after.born_at_expression IS NULL THEN
        born_at_type := ghostwatch._column_type(after.subject, after.born_at_column);
    ELSE
        born_at_type := ghostwatch._check_expression(
            'the birth', after.born_at_expression, from_item, NULL, statement || ghostwatch._other_arguments(given, '{subject,born_at_expression}') || ', born_at_expression => ...)', after.search_path
        );
    END IF;
    IF born_at_type NOT IN ('timestamp with time zone', 'timestamp without time zone') THEN
        RAISE EXCEPTION '% of % is no time of birth: it is of type %',
            coalesce(after.born_at_expression, 'column ' || quote_ident(after.born_at_column)), after.subject, born_at_type
            USING ERRCODE = 'GW010',
                  DETAIL = 'A birth time is a timestamp with or without time zone.',
                  HINT = statement || ghostwatch._other_arguments(given, '{subject,born_at_column,born_at_expression}') || ', born_at_column => ''created_at'')';
    END IF;

    BEGIN
        PERFORM now() AT TIME ZONE after.time_zone;
    EXCEPTION WHEN invalid_parameter_value THEN
        RAISE EXCEPTION 'there is no time zone %', quote_literal(after.time_zone)
            USING ERRCODE = 'GW011',
                  HINT = 'SELECT name FROM pg_timezone_names lists those that this server knows.';
    END;

    -- A timestamp without time zone means nothing until somebody says in which zone it was written.
    IF born_at_type = 'timestamp with time zone' THEN
        after.time_zone := NULL;
    ELSIF after.time_zone IS NULL THEN
        after.time_zone := current_setting('TimeZone');
        RAISE NOTICE '% of % has no time zone; it is read as %',
            coalesce(after.born_at_expression, 'column ' || quote_ident(after.born_at_column)), after.subject, after.time_zone
            USING HINT = format('If it is written in another zone: SELECT ghostwatch.declare_contract(%L, time_zone => %L)', declare_contract.name, 'Europe/Berlin');
    END IF;

    IF (after.lateness >= '0' AND after.lateness <= '1000 years') IS NOT TRUE THEN
        RAISE EXCEPTION 'the lateness of contract % is %, not a length of time', quote_literal(declare_contract.name), after.lateness
            USING ERRCODE = 'GW012',
                  HINT = statement || ghostwatch._other_arguments(given, '{subject,lateness}') || ', lateness => ''2 minutes'')';
    END IF;

    IF EXISTS (SELECT FROM unnest(after.exempt_branches) AS p (pattern) WHERE (p.pattern ~ '^([^\\]|\\.)*$') IS NOT TRUE) THEN
        RAISE EXCEPTION 'the exempt branches of contract % are not all patterns', quote_literal(declare_contract.name)
            USING ERRCODE = 'GW016',
                  DETAIL = format('They are %s. A backslash in a pattern stands before the character that it quotes.', after.exempt_branches),
                  HINT = statement || ghostwatch._other_arguments(given, '{subject,exempt_branches}') || ', exempt_branches => ''{giveaway\\_%}'')';
    END IF;

    PERFORM ghostwatch._check_expression('the branch expression', after.branch_expression, from_item, NULL, statement || ghostwatch._other_arguments(given, '{subject,branch_expression}') || ', branch_expression => ...)', after.search_path);
    PERFORM ghostwatch._check_expression('the exempt predicate', after.exempt_predicate, from_item, 'boolean', statement || ghostwatch._other_arguments(given, '{subject,exempt_predicate}') || ', exempt_predicate => ...)', after.search_path);

    after.lateness := ghostwatch._fixed_length(after.lateness);
    IF after.subject_label IN ('', 'new rows of ' || before.subject_name) THEN
        after.subject_label := 'new rows of ' || after.subject;
    END IF;

    after.name := declare_contract.name;
    after := ghostwatch._save_contract(after);

    IF before.capture AND (NOT after.capture OR (before.subject, before.key_column) <> (after.subject, after.key_column)) THEN
        PERFORM ghostwatch._remove_capture(after.contract_id);
    END IF;
    IF after.capture THEN
        PERFORM ghostwatch._install_capture(after.contract_id);
    END IF;
    PERFORM ghostwatch._enforcement_follows_contract(before, after);

    IF (before.subject, before.born_at_column, before.time_zone) IS DISTINCT FROM (after.subject, after.born_at_column, after.time_zone) THEN
        problem := ghostwatch._birth_problem(after);
        IF problem IS NOT NULL THEN
            RAISE WARNING '%', problem
                USING HINT = CASE
                    WHEN after.time_zone IS NULL THEN 'Set the clocks of the servers that write these births, or let the database note arrivals: '
                        || format('SELECT ghostwatch.declare_contract(%L, capture => true);', declare_contract.name)
                    ELSE format('SELECT ghostwatch.declare_contract(%L, time_zone => ''Europe/Berlin'');', declare_contract.name)
                END;
        END IF;
    END IF;

    -- Where other rows are read, or are read or judged otherwise, what was found before means nothing.
    IF (before.subject, before.key_column, before.born_at_column, before.born_at_expression, before.time_zone, before.capture, before.branch_expression,
        before.exempt_predicate, before.exempt_branches)
       IS DISTINCT FROM
       (after.subject, after.key_column, after.born_at_column, after.born_at_expression, after.time_zone, after.capture, after.branch_expression,
        after.exempt_predicate, after.exempt_branches) THEN
        PERFORM ghostwatch._restart_checks(i.invariant_id)
        FROM ghostwatch.invariant AS i
        WHERE i.contract_id = after.contract_id;
    END IF;
END
$declare_contract$;

COMMENT ON FUNCTION ghostwatch.declare_contract(text, regclass, text, name, text, text, text[], text, interval, text, text, boolean, name[], text[], boolean, text) IS
'Declares what every row of a subject table must come to have; declaring again changes what is given and keeps the rest.
name: of the contract. subject: the table whose rows are watched. key_column: its key (default: id), several columns as an array: {tenant_id,id}. born_at_column: its time of birth, timestamptz or timestamp (default: created_at).
branch_expression: SQL over the alias s giving the path the subject came by. exempt_predicate: boolean SQL over s; such subjects are not judged.
exempt_branches: LIKE patterns of branches that are not judged. time_zone: in which a timestamp without time zone is read (default: this session''s).
lateness: how far a birth time may lie before the start of its transaction, where clocks differ (default: 2 minutes). subject_label: what messages call the subjects, in the plural.
capture: a trigger notes arrivals by the database''s clock, so that neither an index on the birth time nor the application''s clocks matter (default: false).
look_up_in: the schemas in which names in the expressions are looked up (default: the search path of the session that first declares).
reset: names of arguments to set back to their defaults.
unique_key: the key is unique although no unique index makes it so (default: false).
born_at_expression: SQL over s for the time of birth, instead of a column: coalesce(s.confirmed_at, s.created_at); or the moment from which deadlines count: s.due_at; or, under capture, where the rows carry no time: NULL::timestamptz. Index the same expression.
Warns where the newest births differ from the database''s clock as by a wrong time zone.
Raises GW002 (not a table), GW003 (no such column), GW004 to GW006 (an expression is not valid, or the table not readable), GW008 (belongs to another role), GW009 (key cannot be compared, with the related keys either), GW010 (no time of birth), GW011 (no such time zone), GW012 (lateness), GW016 (no name, or an exempt branch that is no pattern), GW017 (capture on what is no table), GW018 (an argument that cannot be reset), GW019 (a key not known to be unique).';
