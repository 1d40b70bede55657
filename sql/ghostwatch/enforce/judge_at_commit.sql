CREATE FUNCTION ghostwatch._judge_at_commit(
    contract_id integer,
    subject_key text
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_judge_at_commit$
-- Runs with the rights of the contract's owner, and only where something is missing or could not be judged at once.
-- A clause that cannot be evaluated, say because a table that it names was renamed, keeps nobody from signing up and
-- does not protect the other clauses from being enforced; its check run reports the same error as an alert.
DECLARE
    as_of timestamptz := ghostwatch._clock();
    enforced ghostwatch.contract;
    clause ghostwatch._clause;
    found ghostwatch._judgement;
    missing text[] := ARRAY[]::text[];
BEGIN
    SELECT c.* INTO enforced FROM ghostwatch.contract AS c WHERE c.contract_id = _judge_at_commit.contract_id;
    IF enforced.enforcement = 'observe' THEN
        RETURN;
    END IF;

    FOR clause IN
        SELECT c.*
        FROM ghostwatch._clause AS c
        WHERE c.contract_id = _judge_at_commit.contract_id
            AND c.error_after = '0'
        ORDER BY c.invariant_id
    LOOP
        BEGIN
            -- Says in plain words what a query on a dropped table would say with a number.
            PERFORM ghostwatch._column_type(clause.related, k.name) FROM unnest(clause.related_key_columns) AS k (name);

            SELECT j.*
            INTO found
            FROM unnest(ghostwatch._judge_keys(clause, ARRAY[_judge_at_commit.subject_key])) AS j
            LIMIT 1;

            CONTINUE WHEN found.violated IS NOT TRUE;
            missing := array_append(missing, clause.invariant);

            IF enforced.enforcement = 'warn' THEN
                -- Under capture the arrival was recorded in this very transaction.
                IF clause.capture THEN
                    found.born_at := (
                        SELECT coalesce(max(a.arrived_at), as_of)
                        FROM ghostwatch.arrival AS a
                        WHERE a.contract_id = clause.contract_id
                            AND a.subject_key = _judge_at_commit.subject_key
                            AND a.arrived_at >= least(as_of, transaction_timestamp())
                    );
                END IF;
                PERFORM ghostwatch._record_violation(
                    clause.invariant_id, _judge_at_commit.subject_key, found.born_at, found.branch_family, as_of
                );
            END IF;
        EXCEPTION
            WHEN OTHERS THEN
                RAISE WARNING 'clause % of contract % could not be enforced: %', clause.invariant, enforced.name, SQLERRM
                USING ERRCODE = SQLSTATE;
        END;
    END LOOP;

    IF enforced.enforcement = 'reject' AND missing <> '{}' THEN
        RAISE EXCEPTION '% % cannot be committed %',
            enforced.subject, _judge_at_commit.subject_key,
            (
                SELECT concat_ws(
                    ', ',
                    'without ' || string_agg(i.missing_label, ', ' ORDER BY i.invariant_id) FILTER (WHERE k.is_plain),
                    string_agg(ghostwatch._lack(i), ', ' ORDER BY i.invariant_id) FILTER (WHERE NOT k.is_plain)
                )
                FROM ghostwatch.invariant AS i
                CROSS JOIN LATERAL (SELECT i.at_least = 1 AND i.exactly IS NULL AND NOT i.no_row AS is_plain) AS k
                WHERE i.contract_id = _judge_at_commit.contract_id
                    AND i.name = ANY (missing)
            )
        USING
            ERRCODE = 'GW079',
            SCHEMA = (SELECT n.nspname FROM pg_class AS c INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = enforced.subject),
            TABLE = (SELECT c.relname FROM pg_class AS c WHERE c.oid = enforced.subject),
            CONSTRAINT = format('%s.%s', enforced.name, missing[1]),
            DETAIL = format('Contract %L, key %s: broken is %s.', enforced.name, _judge_at_commit.subject_key, array_to_string(missing, ', ')),
            HINT = format(
                'Write the missing rows in the same transaction. To see what each clause asks for: '
                'SELECT name, description FROM ghostwatch.invariant WHERE name = ANY (%L); '
                'to let such rows pass and record them: SELECT * FROM ghostwatch.enforce(%L, %L);',
                missing, enforced.name, 'warn'
            );
    END IF;
END
$_judge_at_commit$;

COMMENT ON FUNCTION ghostwatch._judge_at_commit(integer, text) IS
'Refuses (GW079) or records a subject that lacks what is due at once. Called at COMMIT, with the rights of the contract''s owner.';
