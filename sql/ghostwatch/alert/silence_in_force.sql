CREATE FUNCTION ghostwatch._silence_in_force(
    contract text,
    invariant text,
    branches jsonb,
    as_of timestamptz
)
RETURNS bigint
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_silence_in_force$
    -- A silence of branch families counts only if every family that the alert is about is silenced: those that the rule named, else all
    -- with violations.
    WITH matching AS (
        SELECT s.silence_id, s.branch, s.ends_at
        FROM ghostwatch.silence AS s
        WHERE s.contract = _silence_in_force.contract
            AND coalesce(s.invariant = _silence_in_force.invariant, s.invariant IS NULL)
            AND s.starts_at <= as_of
            AND s.ends_at > as_of
    ),
    family AS (
        SELECT b.family, bool_or(b.named) OVER () AS any_named, coalesce(b.named, false) AS named
        FROM jsonb_to_recordset(branches) AS b (family text, violations bigint, named boolean)
        WHERE b.violations > 0
    ),
    deciding AS (
        SELECT d.family FROM family AS d WHERE d.named OR d.any_named IS NOT TRUE
    )
    SELECT m.silence_id
    FROM matching AS m
    WHERE m.branch IS NULL
        OR (
            m.branch IN (SELECT t.family FROM deciding AS t)
            AND NOT EXISTS (
                SELECT FROM deciding AS t
                WHERE t.family NOT IN (SELECT o.branch FROM matching AS o WHERE o.branch IS NOT NULL)
            )
        )
    ORDER BY m.ends_at DESC, m.silence_id
    LIMIT 1
$_silence_in_force$;

COMMENT ON FUNCTION ghostwatch._silence_in_force(text, text, jsonb, timestamptz) IS
'The silence that suppresses messages about an alert at a moment, of several the one that lasts longest; NULL if there is none.';
