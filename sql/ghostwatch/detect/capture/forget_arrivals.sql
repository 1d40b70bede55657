CREATE FUNCTION ghostwatch._forget_arrivals(
    contract_id integer,
    as_of timestamptz
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer: whoever may delete from a table may lock it, and signups write this one.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_forget_arrivals$
DELETE FROM ghostwatch.arrival AS d
WHERE d.ctid = ANY (ARRAY(
    SELECT a.ctid
    FROM ghostwatch.arrival AS a
    WHERE a.contract_id = _forget_arrivals.contract_id
      AND a.arrived_at <= (
          SELECT min(least(p.watermark, least(as_of, ghostwatch._clock()) - c.watch_for))
          FROM ghostwatch._clause AS c
          INNER JOIN ghostwatch.check_progress AS p ON p.invariant_id = c.invariant_id
          WHERE c.contract_id = _forget_arrivals.contract_id
      )
    LIMIT ghostwatch._setting('batch_size')::integer
    FOR UPDATE OF a SKIP LOCKED
))
$_forget_arrivals$;

COMMENT ON FUNCTION ghostwatch._forget_arrivals(integer, timestamptz) IS
'Removes arrivals that every invariant of the contract has judged and none watches any more, at most batch_size of them.';
