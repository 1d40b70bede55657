CREATE FUNCTION ghostwatch._explain_state(
    invariant_id integer,
    state text,
    due_at timestamptz,
    row_count bigint DEFAULT NULL
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_explain_state$
-- In words that support staff understand.
SELECT CASE _explain_state.state
        WHEN 'holds' THEN format('Fine: %s.', CASE WHEN i.no_row THEN 'does not have ' || i.missing_label ELSE coalesce(k.count, 'has ' || i.missing_label) END)
        WHEN 'exempt' THEN CASE
            WHEN k.finding IS NULL THEN format('Does not have %s, and need not: this one is exempt from the contract.', i.missing_label)
            ELSE format('It %s, but this one is exempt from the contract.', k.finding)
        END
        WHEN 'not due yet' THEN format(
            CASE WHEN k.finding IS NULL THEN 'Does not have %s yet; it is due by %s UTC.' ELSE 'It %s; the contract demands otherwise by %s UTC.' END,
            coalesce(k.finding, i.missing_label), k.due
        )
        ELSE format('Broken: %s; it was due by %s UTC.', coalesce(k.finding, 'does not have ' || i.missing_label), k.due)
    END || CASE WHEN _explain_state.state = 'broken' AND i.description IS NOT NULL THEN ' ' || i.description ELSE '' END
FROM ghostwatch.invariant AS i
CROSS JOIN LATERAL (
    SELECT
        c.count,
        CASE WHEN i.no_row THEN format('has %s that must not be', i.missing_label) ELSE c.count END AS finding,
        to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS due
    FROM (
        SELECT CASE
            WHEN i.exactly IS NOT NULL AND row_count <> i.exactly
                THEN format('has %s %s and must have %s', row_count, i.missing_label, i.exactly)
            WHEN i.exactly IS NOT NULL THEN format('has %s %s', row_count, i.missing_label)
            WHEN i.at_least > 1 THEN format('has %s of %s %s', row_count, i.at_least, i.missing_label)
        END AS count
    ) AS c
) AS k
WHERE i.invariant_id = _explain_state.invariant_id
$_explain_state$;

COMMENT ON FUNCTION ghostwatch._explain_state(integer, text, timestamptz, bigint) IS
'One clause''s state for one subject in plain words. row_count: how many related rows there are, where that is what the clause is about.';
