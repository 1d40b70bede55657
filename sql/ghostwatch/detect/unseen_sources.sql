CREATE FUNCTION ghostwatch._unseen_sources(
    subject oid
)
RETURNS TABLE (
    relation regclass,
    description text,
    seen_up_to timestamptz
)
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $_unseen_sources$
-- (plpgsql, so that a session that runs checks again and again plans this once.)
BEGIN
    RETURN QUERY
    SELECT
        c.oid::regclass,
        CASE c.relkind WHEN 'f' THEN 'a foreign table' ELSE 'a materialized view' END,
        timestamptz 'infinity'
    FROM ghostwatch._sources(subject) AS s (relid)
    INNER JOIN pg_class AS c
        ON c.oid = s.relid
    WHERE c.relkind IN ('f', 'm')
    UNION ALL
    -- All that the publisher had committed by the last message about its position has been applied here.
    SELECT
        t.srrelid::regclass,
        CASE
            WHEN w.position_reported_at IS NULL THEN format('which subscription %I does not fill at present', p.subname)
            ELSE format('filled by subscription %I', p.subname)
        END,
        coalesce(w.position_reported_at, '-infinity')
    FROM ghostwatch._sources(subject) AS s (relid)
    INNER JOIN pg_subscription_rel AS t
        ON t.srrelid = s.relid
    INNER JOIN pg_subscription AS p
        ON p.oid = t.srsubid
    CROSS JOIN LATERAL (
        SELECT max(a.latest_end_time) AS position_reported_at
        FROM pg_stat_subscription AS a
        WHERE a.subid = t.srsubid
            AND a.relid IS NULL
            AND a.pid IS NOT NULL
            AND t.srsubstate = 'r'
    ) AS w;
END
$_unseen_sources$;

COMMENT ON FUNCTION ghostwatch._unseen_sources(oid) IS
'The tables behind a subject whose rows come by transactions that this database does not see: of another server, or of the last refresh.
description: what the table is. seen_up_to: what was committed before is here (infinity: that is not known, and nothing says otherwise; -infinity: rows may be missing at present).';
