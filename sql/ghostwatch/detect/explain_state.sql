CREATE FUNCTION ghostwatch._explain_state(
    invariant_id integer,
    state text,
    due_at timestamptz
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_explain_state$
-- In words that support staff understand.
SELECT CASE _explain_state.state
        WHEN 'holds' THEN format('Fine: has %s.', i.missing_label)
        WHEN 'exempt' THEN format('Does not have %s, and need not: this one is exempt from the contract.', i.missing_label)
        WHEN 'not due yet' THEN format('Does not have %s yet; it is due by %s UTC.', i.missing_label,
                                       to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'))
        ELSE format('Broken: does not have %s; it was due by %s UTC.', i.missing_label,
                    to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'))
    END || CASE WHEN _explain_state.state = 'broken' AND i.description IS NOT NULL THEN ' ' || i.description ELSE '' END
FROM ghostwatch.invariant AS i
WHERE i.invariant_id = _explain_state.invariant_id
$_explain_state$;

COMMENT ON FUNCTION ghostwatch._explain_state(integer, text, timestamptz) IS
'One clause''s state for one subject in plain words.';
