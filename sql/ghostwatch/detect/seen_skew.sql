CREATE FUNCTION ghostwatch._seen_skew(
    clause ghostwatch._clause,
    progress ghostwatch.check_progress,
    born_at timestamptz
)
RETURNS interval
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_seen_skew$
    -- A subject was due in the last run already, but could not be seen then. If it was born before any transaction that
    -- was running by that time, its birth was written by a clock that is slow: that is recorded for the doctor. Only who
    -- sees when the transactions of others began can say so; see ghostwatch._settled_up_to() for what the watermark says
    -- of them.
    SELECT slow.skew
    FROM (SELECT progress.watermark + clause.lateness + '1 microsecond'::interval - born_at AS skew) AS slow
    WHERE slow.skew > '0'
        AND pg_has_role('pg_read_all_stats', 'USAGE')
$_seen_skew$;

COMMENT ON FUNCTION ghostwatch._seen_skew(ghostwatch._clause, ghostwatch.check_progress, timestamptz) IS
'How far, at least, a subject was born before the transaction that inserted it: by a clock that is slow. NULL where
that is unknown. Takes how far the checks had come by then, and the birth.';
