CREATE FUNCTION ghostwatch._merge_events(
    one jsonb,
    other jsonb
)
RETURNS jsonb
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- Its size stays bounded however many branches come; whole events are of use only while a message can list them.
    WITH counted AS (
        SELECT
            counts.kind,
            counts.branch,
            counts.new,
            sum(counts.count) AS count,
            row_number() OVER (ORDER BY sum(counts.count) DESC, counts.kind, counts.branch, counts.new) AS place
        FROM jsonb_array_elements(jsonb_build_array(_merge_events.one, _merge_events.other)) AS part (gathering)
        CROSS JOIN
            jsonb_to_recordset(part.gathering -> 'counts')
                AS counts (kind text, branch text, new boolean, count bigint)
        GROUP BY counts.kind, counts.branch, counts.new
    ),

    bounded AS (
        SELECT
            counted.kind,
            CASE WHEN counted.place <= 50 THEN counted.branch ELSE 'other' END AS branch,
            counted.new,
            sum(counted.count) AS count
        FROM counted
        GROUP BY counted.kind, CASE WHEN counted.place <= 50 THEN counted.branch ELSE 'other' END, counted.new
    )

    SELECT
        jsonb_build_object(
            'count', sum(bounded.count),
            'first_at', coalesce(_merge_events.one ->> 'first_at', _merge_events.other ->> 'first_at'),
            'last_at', _merge_events.other ->> 'last_at',
            'counts', jsonb_agg(to_jsonb(bounded) ORDER BY bounded.count DESC, bounded.kind, bounded.branch, bounded.new),
            'events',
            CASE
                WHEN sum(bounded.count) <= 10
                    THEN coalesce(_merge_events.one -> 'events', '[]') || (_merge_events.other -> 'events')
                ELSE '[]'
            END
        )
    FROM bounded;
END;

COMMENT ON FUNCTION ghostwatch._merge_events(jsonb, jsonb) IS
'One gathering of events out of two, of which the first is the older or empty (''{}''): counts by kind, branch and newcomers, and
the events themselves while they are ten or fewer.';
