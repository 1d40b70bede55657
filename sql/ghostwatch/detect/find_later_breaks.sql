CREATE FUNCTION ghostwatch._find_later_breaks(
    clause ghostwatch._clause,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_find_later_breaks$
-- A row that must not be may come at any time, so whoever is under watch is judged in every run, and counted once only.
DECLARE
    checked_up_to constant timestamptz := (SELECT p.checked_up_to FROM ghostwatch.check_progress AS p WHERE p.invariant_id = clause.invariant_id);
BEGIN
    PERFORM ghostwatch._record_moved_keys(
        clause, as_of, ghostwatch._judge_born(clause, as_of - clause.watch_for, checked_up_to, only_violated => true)
    );
END
$_find_later_breaks$;

COMMENT ON FUNCTION ghostwatch._find_later_breaks(ghostwatch._clause, timestamptz) IS
'Opens violations for subjects under watch that have been judged before and break a clause since.';
