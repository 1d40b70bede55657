CREATE FUNCTION ghostwatch._take_up_failures(
    contract_id integer,
    as_of timestamptz,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_take_up_failures$
    -- A failure is committed with the subjects that it names, so no watermark has passed them yet.
    SELECT ghostwatch._require_contract_owner(_take_up_failures.contract_id, role => ghostwatch._caller(_take_up_failures.credential));

    WITH forgotten AS (
        DELETE FROM ghostwatch.capture_failure AS f
        WHERE f.contract_id = _take_up_failures.contract_id
            AND f.taken_up_at < as_of - '1 day'::interval
    ),

    taken AS (
        UPDATE ghostwatch.capture_failure AS f
        SET taken_up_at = as_of
        WHERE f.contract_id = _take_up_failures.contract_id
            AND f.taken_up_at IS NULL
        RETURNING f.contract_id, f.failed_at, f.subject_keys
    )

    INSERT INTO ghostwatch.arrival (contract_id, arrived_at, subject_key)
    SELECT
        t.contract_id,
        t.failed_at,
        k.subject_key
    FROM taken AS t
    CROSS JOIN LATERAL unnest(t.subject_keys) AS k (subject_key)
    ON CONFLICT DO NOTHING
$_take_up_failures$;

COMMENT ON FUNCTION ghostwatch._take_up_failures(integer, timestamptz, uuid) IS
'Notes the arrivals that capture could not note when they came.';
