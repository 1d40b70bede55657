CREATE PROCEDURE ghostwatch.repair(
    contract text,
    invariant text,
    dry_run boolean DEFAULT false,
    INOUT healed integer DEFAULT 0,
    INOUT still_broken integer DEFAULT 0,
    INOUT failed integer DEFAULT 0
)
LANGUAGE plpgsql
AS $repair$
-- Commits after each subject, so that a repair that fails undoes only itself, and one that is slow holds the locks of one subject.
-- Any number may run at once.
-- (No SET clause and no definer's rights: either would forbid the commits. So every name is qualified here.)
DECLARE
    its_invariant_id integer;
    clause ghostwatch._clause;
    declared pg_catalog.text;
    repairing pg_catalog.text;
    judging pg_catalog.text;
    batch record;
    looked_at pg_catalog.text := '';
    broken pg_catalog.int4 := 0;
    sample pg_catalog.text[] := ARRAY[]::pg_catalog.text[];
    outcome pg_catalog.text;
BEGIN
    healed := 0;
    still_broken := 0;
    failed := 0;

    IF NOT coalesce(dry_run, false) THEN
        CALL ghostwatch._require_committing(pg_catalog.format('ghostwatch.repair(%L, %L)', contract, invariant), 'repairs');
    END IF;
    PERFORM ghostwatch._require_runnable(contract);
    its_invariant_id := ghostwatch._invariant_id(contract, invariant);
    SELECT c.* INTO clause FROM ghostwatch._clause AS c WHERE c.invariant_id OPERATOR(pg_catalog.=) its_invariant_id;
    SELECT i.repair INTO declared FROM ghostwatch.invariant AS i WHERE i.invariant_id OPERATOR(pg_catalog.=) its_invariant_id;
    IF declared IS NULL THEN
        RAISE EXCEPTION 'invariant % of contract % has no repair', pg_catalog.quote_literal(invariant), pg_catalog.quote_literal(contract)
            USING ERRCODE = 'GW067',
                  DETAIL = 'Only the application knows how what is missing is restored.',
                  HINT = pg_catalog.format(
                      'SELECT ghostwatch.declare_invariant(%L, %L, repair => ''app.restore(bigint)'')', contract, invariant
                  );
    END IF;
    repairing := pg_catalog.format(
        'SELECT %s FROM %s AS s WHERE %s',
        ghostwatch._repair_call(clause.contract_id, invariant, declared),
        clause.subject, ghostwatch._key_is_among(clause.subject, clause.key_columns)
    );
    judging := ghostwatch._subject_query(clause, 'keys');

    LOOP
        SELECT k.* INTO batch FROM ghostwatch._broken_keys(clause, looked_at, 100) AS k;
        EXIT WHEN batch.last_key IS NULL;
        looked_at := batch.last_key;

        FOR place IN 1 .. pg_catalog.cardinality(batch.subject_keys) LOOP
            IF coalesce(dry_run, false) THEN
                broken := broken OPERATOR(pg_catalog.+) 1;
                sample := (sample OPERATOR(pg_catalog.||) batch.subject_keys[place])[1:5];
                CONTINUE;
            END IF;

            outcome := ghostwatch._repair_subject(clause, repairing, judging, batch.subject_keys[place], batch.opened_at[place]);
            PERFORM ghostwatch._relax_commit();
            COMMIT;
            healed := healed OPERATOR(pg_catalog.+) (outcome IS NOT DISTINCT FROM 'healed')::integer;
            still_broken := still_broken OPERATOR(pg_catalog.+) (outcome IS NOT DISTINCT FROM 'still broken')::integer;
            failed := failed OPERATOR(pg_catalog.+) (outcome IS NOT DISTINCT FROM 'failed')::integer;
        END LOOP;
    END LOOP;

    IF coalesce(dry_run, false) THEN
        RAISE NOTICE '% would be repaired by %', broken, declared
            USING DETAIL = pg_catalog.format('The first: %s.', coalesce(nullif(pg_catalog.array_to_string(sample, ', '), ''), 'none'));
    ELSE
        RAISE NOTICE '% healed, verified; % still broken; % failed', healed, still_broken, failed
            USING HINT = 'SELECT * FROM ghostwatch.repair_history WHERE outcome <> ''healed''';
    END IF;
END
$repair$;

COMMENT ON PROCEDURE ghostwatch.repair (text, text, boolean, integer, integer, integer) IS
'Repairs the violations of an invariant, open or expired, with the function that was declared for it.
Each is repaired once, in a transaction of its own, with the rights of the contract''s owner, and judged again by the clause.
To be called outside a transaction block by the owner of the contract. dry_run: only counts what would be repaired.
Returns how many are healed, which the clause says; how many are still broken although the repair returned; and how many repairs failed. ghostwatch.repair_history lists them.
Raises GW001 (no such contract), GW007 (no such invariant), GW020 (it belongs to another role), GW022 (in a transaction block), GW023 (on a standby, or in a read-only transaction), GW066 (the function is gone or not fit), GW067 (no repair was declared).';
