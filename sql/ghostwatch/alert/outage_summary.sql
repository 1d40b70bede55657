CREATE FUNCTION ghostwatch._outage_summary(
    since timestamptz
)
RETURNS jsonb
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_outage_summary$
    SELECT coalesce(
        jsonb_agg(
            jsonb_build_object(
                'contract', c.name,
                'invariant', i.name,
                'found', found.subjects,
                'open', found.still_open,
                'expired', found.expired,
                'recovered', found.subjects - found.still_open - found.expired
            )
            ORDER BY found.subjects DESC, c.name, i.name
        ),
        '[]'
    )
    FROM (
        SELECT
            v.invariant_id,
            count(*) AS subjects,
            count(*) FILTER (WHERE v.closed_at IS NULL) AS still_open,
            count(*) FILTER (WHERE v.state = 'expired') AS expired
        FROM ghostwatch.violation AS v
        -- Both conditions by index; all closed violations may be a hundred times as many.
        WHERE (v.closed_at >= since OR (v.closed_at IS NULL AND v.state <> 'exempt'))
            AND v.opened_at >= since
        GROUP BY v.invariant_id
    ) AS found
    INNER JOIN ghostwatch.invariant AS i USING (invariant_id)
    INNER JOIN ghostwatch.contract AS c USING (contract_id)
$_outage_summary$;

COMMENT ON FUNCTION ghostwatch._outage_summary(timestamptz) IS
'What the checks found after an outage, per invariant where anything was found: [{"contract", "invariant", "found", "open", "expired", "recovered"}, ...].
Every violation opened since the outage was noticed was found afterwards. expired: no longer watched when found.';
