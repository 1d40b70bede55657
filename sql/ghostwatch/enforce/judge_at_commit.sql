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
-- Refuses or records a subject that lacks what is due at once, unless the contract does not judge it.
-- Called at COMMIT with the rights of the contract's owner, and only where something is missing.
-- Raises GW079 where the contract is enforced by 'reject'.
-- The query gives a ghostwatch._judgement, which no static check can tell: @plpgsql_check_options: other_warnings = false
DECLARE
    as_of timestamptz := ghostwatch._clock();
    enforced ghostwatch.contract;
    clause ghostwatch._clause;
    found ghostwatch._judgement;
    missing text[] := ARRAY[]::text[];
BEGIN
    SELECT c.* INTO enforced FROM ghostwatch.contract AS c WHERE c.contract_id = _judge_at_commit.contract_id;

    FOR clause IN
        SELECT c.* FROM ghostwatch._enforced_clauses(_judge_at_commit.contract_id) AS c
    LOOP
        PERFORM set_config('search_path', clause.search_path, true);
        -- Under capture the arrival was noted in this very transaction.
        EXECUTE ghostwatch._subject_query(clause, format('(%s) AS s', ghostwatch._subject_by_key(
            clause,
            quote_literal(_judge_at_commit.subject_key),
            format(
                '(SELECT coalesce(max(a.arrived_at), %3$L) FROM ghostwatch.arrival AS a '
                'WHERE a.contract_id = %1$s AND a.subject_key = %2$L AND a.arrived_at >= %4$L)',
                clause.contract_id, _judge_at_commit.subject_key, as_of, least(as_of, transaction_timestamp())
            )
        )))
        INTO found;
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);

        CONTINUE WHEN found.satisfied OR found.exempt_by_branch OR found.exempt_by_predicate;

        missing := array_append(missing, clause.invariant);

        -- The next check run finds it recorded already, and only counts it.
        IF enforced.enforcement = 'warn' THEN
            INSERT INTO ghostwatch.violation (
                invariant_id, subject_key, born_at, branch_family, state, opened_at, escalated_at
            )
            VALUES (
                clause.invariant_id, _judge_at_commit.subject_key, found.born_at, found.branch_family, 'error', as_of, as_of
            )
            ON CONFLICT DO NOTHING;
        END IF;
    END LOOP;

    IF enforced.enforcement = 'reject' AND missing <> '{}' THEN
        RAISE EXCEPTION '% % cannot be committed without %',
            enforced.subject, _judge_at_commit.subject_key,
            (
                SELECT string_agg(i.noun, ', ' ORDER BY i.invariant_id)
                FROM ghostwatch.invariant AS i
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
