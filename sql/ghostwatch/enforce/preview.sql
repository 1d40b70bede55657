CREATE FUNCTION ghostwatch._preview(
    contract_id integer,
    as_of timestamptz
)
RETURNS SETOF ghostwatch._enforcement_preview
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_preview$
-- A row that is there now says nothing of COMMIT: an application that writes it in a later transaction would lose
-- every signup. The transaction that wrote a row is its xmin, until the row is written anew; so a related row older
-- than the subject's present version proves nothing (unknown). Rows that carry the very birth time of their subject
-- come from DEFAULT now() in one transaction, whatever has become of them since. A younger row of a table that is
-- updated may have been written anew: unknown, where another table shows that this subject came in one transaction.
-- By the birth times that the rows carry, also under capture: arrivals are not kept for a day.
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
-- and it gives the columns of the result, which no static check can know: @plpgsql_check_options: other_warnings = false, extra_warnings = false
DECLARE
    queries text;
    path text;
BEGIN
    -- A migration that holds a table would otherwise be waited for without a word.
    PERFORM ghostwatch._execute_locking(t.relation, 'AccessShareLock', format('SELECT FROM %s LIMIT 0', t.relation))
    FROM (
        SELECT c.subject AS relation FROM ghostwatch._enforced_clauses(contract_id) AS c
        UNION
        SELECT c.related FROM ghostwatch._enforced_clauses(contract_id) AS c
    ) AS t;

    SELECT
        string_agg(
            format(
                'SELECT %L::text AS invariant, %s AS place, %L::boolean AS is_elsewhere, q.subject_key, q.satisfied, q.written '
                'FROM (%s) AS q WHERE NOT (q.exempt_by_branch OR q.exempt_by_predicate)',
                c.invariant,
                c.invariant_id,
                c.related <> c.subject,
                ghostwatch._subject_query(c, 'born', as_of - '1 day'::interval, as_of, detail => 'written')
            ),
            E'\nUNION ALL\n'
        ),
        max(c.search_path)
    INTO queries, path
    FROM ghostwatch._enforced_clauses(contract_id) AS c;

    PERFORM ghostwatch._enter_search_path(path);
    RETURN QUERY EXECUTE format(
        $query$
        SELECT
            coalesce(k.invariant, 'all'),
            count(DISTINCT k.subject_key),
            count(DISTINCT k.subject_key) FILTER (WHERE k.verdict IN ('missing', 'separate')),
            count(DISTINCT k.subject_key) FILTER (WHERE k.verdict = 'missing'),
            count(DISTINCT k.subject_key) FILTER (WHERE k.verdict = 'separate'),
            count(DISTINCT k.subject_key) FILTER (WHERE k.verdict = 'unknown')
        FROM (
            SELECT
                j.*,
                CASE
                    WHEN NOT j.satisfied THEN 'missing'
                    WHEN j.written <> 'updated' THEN j.written
                    WHEN bool_or(j.is_elsewhere AND j.written = 'together') OVER (PARTITION BY j.subject_key) THEN 'unknown'
                    ELSE 'separate'
                END AS verdict
            FROM (%s) AS j
        ) AS k
        GROUP BY GROUPING SETS ((k.invariant, k.place), ())
        ORDER BY k.place
        $query$,
        queries
    );
    PERFORM ghostwatch._leave_search_path();
END
$_preview$;

COMMENT ON FUNCTION ghostwatch._preview(integer, timestamptz) IS
'What enforcement would have done to the subjects of the last day, per invariant and (all) in total: refused is missing plus separate.
missing: a row is not there now. separate: it came in a later transaction. unknown: it cannot be said, as the subject was updated since.
Raises GW075 (a table stays locked).';
