CREATE FUNCTION ghostwatch._verify_repairs(
    clause ghostwatch._clause,
    OUT repaired integer,
    OUT still_broken integer
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_verify_repairs$
-- One statement judges many: to plan it costs more than to judge one subject. Those of a session that ended before it could ask are
-- among them. A subject that is gone lacks nothing.
DECLARE
    called_keys constant text[] := ARRAY(
        SELECT a.subject_key
        FROM ghostwatch.repair_attempt AS a
        WHERE a.invariant_id = clause.invariant_id
            AND a.outcome = 'unverified'
        LIMIT 1000
    );
    broken_keys text[];
BEGIN
    repaired := 0;
    still_broken := 0;
    IF called_keys = '{}' THEN
        RETURN;
    END IF;

    broken_keys := ARRAY(
        SELECT j.subject_key
        FROM unnest(ghostwatch._judge_all(clause, 'keys', keys => called_keys)) AS j
        WHERE NOT j.satisfied
    );
    still_broken := ghostwatch._record_repairs(clause.invariant_id, broken_keys, 'still broken');
    repaired := ghostwatch._record_repairs(
        clause.invariant_id, ARRAY(SELECT unnest(called_keys) EXCEPT SELECT unnest(broken_keys)), 'repaired'
    );
END
$_verify_repairs$;

COMMENT ON FUNCTION ghostwatch._verify_repairs(ghostwatch._clause) IS
'Asks the clause about the repairs that returned, and records what it says: how many subjects are repaired, and how many lack what they lacked.
Raises GW024 (an expression fails for many).';
