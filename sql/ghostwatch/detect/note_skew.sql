CREATE FUNCTION ghostwatch._note_skew(
    clause ghostwatch._clause,
    progress ghostwatch.check_progress,
    born_at timestamptz,
    as_of timestamptz
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_note_skew$
-- A subject was due in the last run already, but could not be seen then. If it was born before any transaction that was
-- running by that time, its birth was written by a clock that is slow: that is noted for the doctor.
-- Takes how far the checks had come by then, the birth and the time of the run. Only who sees when the transactions
-- of others began can tell; see ghostwatch._settled_up_to() for what the watermark says of them.
UPDATE ghostwatch.check_progress AS p
SET skew = slow.skew, skew_seen_at = as_of
FROM (SELECT progress.watermark + clause.lateness + '1 microsecond'::interval - born_at AS skew) AS slow
WHERE p.invariant_id = clause.invariant_id
  AND slow.skew > '0'
  AND pg_has_role('pg_read_all_stats', 'USAGE')
$_note_skew$;

COMMENT ON FUNCTION ghostwatch._note_skew(ghostwatch._clause, ghostwatch.check_progress, timestamptz, timestamptz) IS
'Notes a clock that is slow, seen by a subject that was born before the transaction that inserted it.';
