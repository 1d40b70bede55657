CREATE FUNCTION ghostwatch.check_subject(
    contract text,
    subject_key text
)
RETURNS TABLE (
    invariant text,
    satisfied boolean,
    state text,
    born_at timestamptz,
    due_at timestamptz,
    explanation text
)
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $check_subject$
-- Read from the application's own tables, not from what the checks wrote down.
-- The condition on the key is put into a query, from the catalog: @plpgsql_check_options: security_warnings = false
DECLARE
    as_of constant timestamptz := ghostwatch._clock();
    its_contract_id constant integer := ghostwatch._contract_id(contract);
    its_contract ghostwatch.contract;
    clause ghostwatch._clause;
    judgement ghostwatch._judgement;
    is_there boolean;
BEGIN
    PERFORM ghostwatch._require_runnable(contract);
    SELECT c.* INTO its_contract FROM ghostwatch.contract AS c WHERE c.contract_id = its_contract_id;

    -- Asked for by itself, so that an error of a declared expression is not taken for a key that cannot be.
    BEGIN
        EXECUTE format(
            'SELECT EXISTS (SELECT FROM %s AS s WHERE %s)',
            its_contract.subject, ghostwatch._key_is_among(its_contract.subject, its_contract.key_column)
        )
        INTO is_there
        USING ARRAY[check_subject.subject_key];
    EXCEPTION WHEN data_exception THEN
        is_there := false;
    END;
    IF NOT is_there THEN
        RAISE EXCEPTION '% has no row with the key %', its_contract.subject, coalesce(quote_literal(check_subject.subject_key), 'NULL')
            USING ERRCODE = 'GW021',
                  DETAIL = format('The key is %s.', ghostwatch._column_names(its_contract.key_column)),
                  HINT = format(
                      'SELECT %s FROM %s AS s ORDER BY s.%I DESC LIMIT 5',
                      ghostwatch._key_text(its_contract.subject, 's', its_contract.key_column), its_contract.subject,
                      CASE WHEN its_contract.born_at_expression IS NULL THEN its_contract.born_at_column ELSE its_contract.key_column[1] END
                  );
    END IF;

    FOR clause IN SELECT c.* FROM ghostwatch._clause AS c WHERE c.contract_id = its_contract_id ORDER BY c.invariant_id LOOP
        SELECT j.* INTO judgement FROM unnest(ghostwatch._judge_keys(clause, ARRAY[check_subject.subject_key])) AS j LIMIT 1;
        -- An arrival is forgotten once nobody judges it any more.
        IF clause.capture THEN
            judgement.born_at := coalesce(
                (
                    SELECT max(a.arrived_at)
                    FROM ghostwatch.arrival AS a
                    WHERE a.contract_id = clause.contract_id
                        AND a.subject_key = judgement.subject_key
                ),
                judgement.born_at
            );
        END IF;

        invariant := clause.invariant;
        satisfied := judgement.satisfied;
        born_at := judgement.born_at;
        due_at := judgement.born_at + clause.deadline;
        state := CASE
            WHEN judgement.satisfied THEN 'holds'
            WHEN judgement.exempt_by_branch OR judgement.exempt_by_predicate THEN 'exempt'
            WHEN as_of - judgement.born_at < clause.deadline THEN 'not due yet'
            ELSE 'broken'
        END;
        explanation := ghostwatch._explain_state(
            clause.invariant_id, state, due_at,
            CASE WHEN clause.at_least > 1 OR clause.exactly IS NOT NULL THEN ghostwatch._row_count(clause, check_subject.subject_key) END
        );
        RETURN NEXT;
    END LOOP;
END
$check_subject$;

COMMENT ON FUNCTION ghostwatch.check_subject(text, text) IS
'Every clause of a contract for one subject, as of now, read from the application''s tables.
satisfied: whether the row is there. state: holds, broken, not due yet, or exempt. born_at: its birth, as check runs take it. due_at: when the row is or was due. explanation: the same in words.
Raises GW001 (no such contract), GW020 (belongs to another role), GW021 (no such subject).';

CREATE FUNCTION ghostwatch.check_subject(
    contract text,
    subject_key bigint
)
RETURNS TABLE (
    invariant text,
    satisfied boolean,
    state text,
    born_at timestamptz,
    due_at timestamptz,
    explanation text
)
LANGUAGE sql
STABLE
PARALLEL RESTRICTED
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $check_subject$
    -- A number does not become text by itself, so a key that is one would find no function.
    SELECT v.*
    FROM ghostwatch.check_subject(check_subject.contract, check_subject.subject_key::text) AS v
$check_subject$;

COMMENT ON FUNCTION ghostwatch.check_subject(text, bigint) IS
'Every clause of a contract for one subject whose key is a number; see ghostwatch.check_subject(text, text).';
