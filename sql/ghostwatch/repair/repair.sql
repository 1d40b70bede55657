CREATE PROCEDURE ghostwatch.repair(
    contract text,
    invariant text,
    INOUT repaired integer DEFAULT 0,
    INOUT still_broken integer DEFAULT 0,
    INOUT failed integer DEFAULT 0
)
LANGUAGE plpgsql
AS $repair$
-- (No SET clause and no definer's rights: either would forbid the commits. So every name is qualified here.)
DECLARE
    its_invariant_id integer;
    stopped pg_catalog.bool := false;
BEGIN
    repaired := 0;
    still_broken := 0;
    failed := 0;

    CALL ghostwatch._require_committing(pg_catalog.format('ghostwatch.repair(%L, %L)', contract, invariant), 'repairs');
    PERFORM ghostwatch._require_runnable(contract);
    its_invariant_id := ghostwatch._invariant_id(contract, invariant);

    CALL ghostwatch._perform_repairs(
        its_invariant_id, '-infinity', false, NULL, 'infinity', repaired, still_broken, failed, stopped
    );
    PERFORM ghostwatch._announce_repairs(its_invariant_id, ghostwatch._clock());
    COMMIT;

    IF stopped THEN
        RAISE EXCEPTION 'a repair was cancelled'
            USING ERRCODE = '57014',
                  HINT = 'SELECT * FROM ghostwatch.repair_history WHERE error_state = ''57014''';
    END IF;
END
$repair$;

COMMENT ON PROCEDURE ghostwatch.repair (text, text, integer, integer, integer) IS
'Repairs the violations of an invariant, open or expired, with the function that was declared for it.
Each is repaired once, in a transaction of its own, with the rights of the contract''s owner, and judged again by the clause.
To be called outside a transaction block by the owner of the contract.
Returns how many are repaired, which the clause says; how many still lack what they lacked although the repair returned; and how many repairs failed. ghostwatch.repair_history lists them.
Raises GW001 (no such contract), GW007 (no such invariant), GW020 (it belongs to another role), GW022 (in a transaction block), GW023 (on a standby, or in a read-only transaction), GW066 (the function is gone or not fit), GW067 (no repair was declared), GW069 (the owner is a superuser), 57014 (cancelled, after recording it).';
