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
    -- The silence that keeps an alert quiet, if any.
    -- Takes the names the alert goes by, its branch table and the time; returns the silence that lasts longest.
    -- A silence of branches counts only if every door that makes the alert is silenced: the doors the rule
    -- named, or else all that violations came through.
    WITH matching AS (
        SELECT s.silence_id, s.branch, s.ends_at
        FROM ghostwatch.silence AS s
        WHERE s.contract = _silence_in_force.contract
            AND coalesce(s.invariant = _silence_in_force.invariant, s.invariant IS NULL)
            AND s.starts_at <= as_of
            AND s.ends_at > as_of
    ),
    door AS (
        SELECT b.family, bool_or(b.named) OVER () AS any_named, coalesce(b.named, false) AS named
        FROM jsonb_to_recordset(branches) AS b (family text, violations bigint, named boolean)
        WHERE b.violations > 0
    ),
    telling_door AS (
        SELECT d.family FROM door AS d WHERE d.named OR d.any_named IS NOT TRUE
    )
    SELECT m.silence_id
    FROM matching AS m
    WHERE m.branch IS NULL
        OR (
            m.branch IN (SELECT t.family FROM telling_door AS t)
            AND NOT EXISTS (
                SELECT FROM telling_door AS t
                WHERE t.family NOT IN (SELECT o.branch FROM matching AS o WHERE o.branch IS NOT NULL)
            )
        )
    ORDER BY m.ends_at DESC, m.silence_id
    LIMIT 1
$_silence_in_force$;

COMMENT ON FUNCTION ghostwatch._silence_in_force(text, text, jsonb, timestamptz) IS
'The silence that keeps an alert quiet at a moment, NULL if none does.';
