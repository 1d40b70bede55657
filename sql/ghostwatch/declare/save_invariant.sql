CREATE FUNCTION ghostwatch._save_invariant(
    saved ghostwatch.invariant,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS ghostwatch.invariant
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_save_invariant$
-- Its predicate runs with the rights of the contract's owner only.
DECLARE
    present ghostwatch.invariant;
BEGIN
    PERFORM ghostwatch._require_contract_owner(saved.contract_id, declaring => true, role => ghostwatch._caller(credential));

    INSERT INTO ghostwatch.invariant AS i (
        contract_id, name, related, related_key_column, subject_column, predicate, at_least, exactly, no_row, related_at_column, warn_after, error_after, watch_for,
        rule, min_count, min_rate, days_per_false_alarm, expected_rate, branch_ceiling, missing_label, runbook_url, description, repair, repair_limit
    )
    VALUES (
        saved.contract_id, saved.name, saved.related, saved.related_key_column, saved.subject_column, saved.predicate,
        saved.at_least, saved.exactly, saved.no_row, saved.related_at_column,
        saved.warn_after, saved.error_after, saved.watch_for, saved.rule, saved.min_count, saved.min_rate,
        saved.days_per_false_alarm, saved.expected_rate, saved.branch_ceiling, saved.missing_label, saved.runbook_url,
        saved.description, saved.repair, saved.repair_limit
    )
    ON CONFLICT ON CONSTRAINT invariant_contract_id_name_key DO UPDATE
    SET related = excluded.related,
        related_key_column = excluded.related_key_column,
        subject_column = excluded.subject_column,
        predicate = excluded.predicate,
        at_least = excluded.at_least,
        exactly = excluded.exactly,
        no_row = excluded.no_row,
        related_at_column = excluded.related_at_column,
        warn_after = excluded.warn_after,
        error_after = excluded.error_after,
        watch_for = excluded.watch_for,
        rule = excluded.rule,
        min_count = excluded.min_count,
        min_rate = excluded.min_rate,
        days_per_false_alarm = excluded.days_per_false_alarm,
        expected_rate = excluded.expected_rate,
        branch_ceiling = excluded.branch_ceiling,
        missing_label = excluded.missing_label,
        runbook_url = excluded.runbook_url,
        description = excluded.description,
        repair = excluded.repair,
        repair_limit = excluded.repair_limit
    RETURNING i.* INTO present;

    RETURN present;
END
$_save_invariant$;

COMMENT ON FUNCTION ghostwatch._save_invariant(ghostwatch.invariant, uuid) IS
'Writes an invariant, as ghostwatch.declare_invariant() found it valid; returns the row. Raises GW008 (belongs to another role).';
