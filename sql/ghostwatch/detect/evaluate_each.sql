CREATE FUNCTION ghostwatch._evaluate_each(
    clause ghostwatch._clause,
    subjects ghostwatch._judgement[]
)
RETURNS ghostwatch._judgement[]
LANGUAGE plpgsql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_evaluate_each$
-- An expression that fails for one subject fails the whole query. The subjects are halved until those are found, each
-- try in a subtransaction: twenty or so for each of them. Where there are many, the expression is wrong, not a subject.
DECLARE
    most constant integer := 50;
    query constant text := ghostwatch._subject_query(clause, 'keys');
    waiting int4range[] := ARRAY[int4range(1, cardinality(subjects), '[]')];
    low integer;
    high integer;
    found ghostwatch._judgement[] := '{}'::ghostwatch._judgement[];
    failing ghostwatch._judgement[] := '{}'::ghostwatch._judgement[];
    failed ghostwatch._judgement;
BEGIN
    WHILE waiting <> '{}' LOOP
        low := lower(waiting[cardinality(waiting)]);
        high := upper(waiting[cardinality(waiting)]) - 1;
        waiting := waiting[1:cardinality(waiting) - 1];

        BEGIN
            found := found || ghostwatch._evaluate(clause, query, ARRAY(SELECT s.subject_key FROM unnest(subjects[low:high]) AS s));
        EXCEPTION
            WHEN data_exception OR cardinality_violation OR raise_exception THEN
                IF low < high THEN
                    waiting := waiting
                        || int4range((low + high) / 2 + 1, high, '[]')
                        || int4range(low, (low + high) / 2, '[]');
                ELSE
                    failed := subjects[low];
                    failed.exempt_by_predicate := true;
                    failed.satisfied := false;
                    failed.violated := false;
                    failed.error_state := SQLSTATE;
                    failing := failing || failed;
                END IF;
        END;

        IF cardinality(failing) > most THEN
            RAISE EXCEPTION 'an expression fails for more than % subjects, among them %',
                most, (SELECT string_agg(s.subject_key, ', ') FROM unnest(failing[1:5]) AS s)
            USING
                ERRCODE = 'GW024',
                DETAIL = format('The last one failed with SQLSTATE %s.', failed.error_state),
                HINT = format('SELECT * FROM ghostwatch.check_subject(%L, %L); shows the error.', clause.contract, failed.subject_key);
        END IF;
    END LOOP;

    RETURN found || failing;
END
$_evaluate_each$;

COMMENT ON FUNCTION ghostwatch._evaluate_each(ghostwatch._clause, ghostwatch._judgement[]) IS
'Judges subjects of whom some cannot be: those come back with error_state, as if they were exempt. Raises GW024 (too many).';
