CREATE FUNCTION ghostwatch._judge_born(
    clause ghostwatch._clause,
    after timestamptz,
    up_to timestamptz,
    at_most integer DEFAULT NULL,
    seen_keys text[] DEFAULT NULL,
    seen_births timestamptz[] DEFAULT NULL,
    only_violated boolean DEFAULT false
)
RETURNS ghostwatch._judgement[]
LANGUAGE plpgsql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_judge_born$
-- Names of columns and tables only are put into the first query: @plpgsql_check_options: security_warnings = false
DECLARE
    source constant text := CASE WHEN seen_keys IS NULL THEN 'born' ELSE 'unseen' END;
    is_anybody_there boolean;
    arrival_keys text[];
    arrival_births timestamptz[];
BEGIN
    IF clause.capture THEN
        SELECT
            array_agg(n.subject_key),
            array_agg(n.arrived_at)
        INTO arrival_keys, arrival_births
        FROM (
            SELECT
                a.subject_key,
                a.arrived_at
            FROM ghostwatch.arrival AS a
            WHERE a.contract_id = clause.contract_id
                AND a.arrived_at > after
                AND a.arrived_at <= up_to
                AND (a.subject_key, a.arrived_at) NOT IN (SELECT k.subject_key, k.born_at FROM unnest(seen_keys, seen_births) AS k (subject_key, born_at))
            ORDER BY a.arrived_at
            FETCH FIRST coalesce(at_most, 2147483647) ROWS WITH TIES
        ) AS n;

        IF arrival_keys IS NULL THEN
            RETURN '{}'::ghostwatch._judgement[];
        END IF;
        -- A key that was deleted and used again has arrived twice.
        RETURN ARRAY(
            SELECT ROW(j.subject_key, a.born_at, j.branch_family, j.exempt_by_branch, j.exempt_by_predicate, j.satisfied, j.violated, j.branch, j.error_state)::ghostwatch._judgement
            FROM unnest(ghostwatch._judge_all(clause, 'keys', keys => arrival_keys)) AS j
            INNER JOIN unnest(arrival_keys, arrival_births) AS a (subject_key, born_at)
                ON a.subject_key = j.subject_key
            WHERE j.violated OR NOT only_violated
            ORDER BY a.born_at
        );
    END IF;

    -- On an idle bot nothing of what follows need be planned. Ordered, so that the index on the birth time is asked.
    PERFORM ghostwatch._enter_search_path(clause.search_path);
    EXECUTE format(
        'SELECT true FROM %s AS s WHERE %s ORDER BY %s LIMIT 1',
        clause.subject, ghostwatch._subject_condition(clause, source, after, up_to), ghostwatch._plain_birth(clause)
    )
    INTO is_anybody_there
    USING seen_keys, seen_births;
    PERFORM ghostwatch._leave_search_path();
    IF is_anybody_there IS NULL THEN
        RETURN '{}'::ghostwatch._judgement[];
    END IF;

    RETURN ghostwatch._judge_all(clause, source, after, up_to, at_most, seen_keys, seen_births, only_violated);
END
$_judge_born$;

COMMENT ON FUNCTION ghostwatch._judge_born(ghostwatch._clause, timestamptz, timestamptz, integer, text[], timestamptz[], boolean) IS
'Judges the subjects born after one moment (excluded) and up to another (included), oldest first: read by birth time or, under capture, from their arrivals.
at_most: the oldest so many, and all that are as old as the last of them. seen_keys, seen_births: the subjects to leave out. only_violated: leaves out those that satisfy the clause or are exempt.';
