CREATE FUNCTION ghostwatch.prove(
    contract text,
    subject_key text,
    as_of interval DEFAULT NULL,
    clauses text[] DEFAULT NULL,
    leave_out text[] DEFAULT NULL
)
RETURNS TABLE (
    invariant text,
    holds boolean,
    state text,
    explanation text
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $prove$
-- The one function that judges a subject for a test: pgTAP, pytest and the command line only lay out what it returns. A
-- deadline is for production. A test that waited for none would pass while nothing is due, so a clause counts as if it
-- were due, unless as_of says how much later the test means. A subject that is not there, a birth that no check run will
-- ever reach, and a result that proves nothing are findings too, in rows of their own.
DECLARE
    -- Less is what clocks differ by that are kept by NTP; the doctor allows the same.
    tolerance   constant interval := '5 seconds'::interval;
    now_is      constant timestamptz := ghostwatch._clock();
    -- An expression may count deadlines from a moment to come: then as_of says which moment the test means.
    as_of_birth constant timestamptz := (
        SELECT CASE WHEN c.born_at_expression IS NULL THEN now_is ELSE now_is + coalesce(as_of, '0') END
        FROM ghostwatch.contract AS c
        WHERE c.contract_id = ghostwatch._contract_id(prove.contract)
    );
    is_judged   boolean := false;
    finding     record;
    name        text;
BEGIN
    FOREACH name IN ARRAY coalesce(clauses, '{}') || coalesce(leave_out, '{}') LOOP
        PERFORM ghostwatch._invariant_id(contract, name);
    END LOOP;

    FOR finding IN
        SELECT v.*
        FROM ghostwatch.check_subject(prove.contract, prove.subject_key) AS v
        WHERE (clauses IS NULL OR v.invariant = ANY (clauses))
            AND v.invariant <> ALL (coalesce(leave_out, '{}'))
    LOOP
        -- Once for all clauses, and whatever rows there are: no check run judges such a subject when it should.
        IF NOT is_judged AND finding.born_at IS NULL THEN
            is_judged := true;
            RETURN QUERY SELECT NULL, false, 'no birth', 'It has no time of birth, so no check run ever judges it.';
        ELSIF NOT is_judged AND finding.born_at > as_of_birth + tolerance THEN
            is_judged := true;
            RETURN QUERY SELECT NULL, false, 'born in the future', ghostwatch._explain_future_birth(contract, finding.born_at, now_is);
        END IF;

        invariant := finding.invariant;
        state := finding.state;
        explanation := finding.explanation;
        IF finding.satisfied THEN
            holds := true;
        ELSIF finding.due_at > now_is + as_of THEN
            holds := NULL;
            explanation := format('Not judged. %s', explanation);
        ELSE
            holds := false;
            IF state = 'not due yet' AND as_of IS NULL AND clauses IS NULL THEN
                explanation := format('%s A test counts it as if it were due; leave_out names what a test is not about.', explanation);
            END IF;
        END IF;

        is_judged := is_judged OR holds IS NOT NULL;
        RETURN NEXT;
    END LOOP;

    IF NOT is_judged THEN
        RETURN QUERY SELECT NULL, false, 'nothing proved', CASE
            WHEN EXISTS (SELECT FROM ghostwatch.invariant AS i WHERE i.contract_id = ghostwatch._contract_id(contract))
                THEN 'No clause was judged, so nothing was proved.'
            ELSE 'The contract has no clause, so nothing was proved.'
        END;
    END IF;
EXCEPTION
    WHEN SQLSTATE 'GW021' THEN
        RETURN QUERY SELECT NULL, false, 'no subject', SQLERRM || '.';
END
$prove$;

COMMENT ON FUNCTION ghostwatch.prove(text, text, interval, text[], text[]) IS
'Judges every clause of a contract for one subject, as a test does: as if it were due.
as_of: judge only what is due this much later than now. clauses: only these; leave_out: all but these.
holds: whether the clause holds; NULL where as_of comes before it is due. state: as in ghostwatch.check_subject(), or no subject, no birth, born in the future, nothing proved.
A test passes if no row has holds = false. Raises GW001 (no such contract), GW007 (no such invariant), GW020 (belongs to another role).';

CREATE FUNCTION ghostwatch.prove(
    contract text,
    subject_key bigint,
    as_of interval DEFAULT NULL,
    clauses text[] DEFAULT NULL,
    leave_out text[] DEFAULT NULL
)
RETURNS TABLE (
    invariant text,
    holds boolean,
    state text,
    explanation text
)
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $prove$
    -- A number does not become text by itself, so a key that is one would find no function.
    SELECT p.*
    FROM ghostwatch.prove(prove.contract, prove.subject_key::text, prove.as_of, prove.clauses, prove.leave_out) AS p
$prove$;

COMMENT ON FUNCTION ghostwatch.prove(text, bigint, interval, text[], text[]) IS
'Judges every clause of a contract for one subject whose key is a number; see ghostwatch.prove(text, text).';
