CREATE FUNCTION ghostwatch._capture_body(
    contract_id integer
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_capture_body$
    -- The table that fired comes first, before any value of a row is looked at.
    SELECT format(
        $body$
-- Written by ghostwatch.declare_contract() for contract %1$s. A definer: those who insert need no rights on ghostwatch.
-- No SET search_path, which would cost more than all the rest: every name and every operator is qualified.
DECLARE
    noted_at pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    problem_state pg_catalog.text;
    problem pg_catalog.text;
BEGIN
    IF NOT EXISTS (
        SELECT FROM ghostwatch.contract AS c
        WHERE c.contract_id OPERATOR(pg_catalog.=) %1$s
            AND (c.subject::pg_catalog.oid OPERATOR(pg_catalog.=) TG_RELID
                OR EXISTS (
                    SELECT FROM pg_catalog.pg_partition_ancestors(TG_RELID) AS a
                    WHERE a.relid::pg_catalog.oid OPERATOR(pg_catalog.=) c.subject::pg_catalog.oid
                ))
    ) THEN
        RETURN NULL;
    END IF;

    noted_at := ghostwatch._clock();
    INSERT INTO ghostwatch.arrival (contract_id, arrived_at, subject_key)
    SELECT %1$s, noted_at, %2$s FROM newcomer AS n WHERE %3$s
    ON CONFLICT DO NOTHING;
    RETURN NULL;
EXCEPTION
    WHEN OTHERS THEN
        -- A signup goes through whatever is wrong here; a check run notes it later and reports the error.
        GET STACKED DIAGNOSTICS problem_state = RETURNED_SQLSTATE, problem = MESSAGE_TEXT;
        BEGIN
            INSERT INTO ghostwatch.capture_failure (contract_id, failed_at, subject_keys, error_state, error_message)
            SELECT c.contract_id, noted_at, k.subject_keys, problem_state, problem
            FROM ghostwatch.contract AS c
            CROSS JOIN (SELECT pg_catalog.array_agg(%2$s) AS subject_keys FROM newcomer AS n WHERE %3$s) AS k
            WHERE c.contract_id OPERATOR(pg_catalog.=) %1$s
                AND c.capture
                AND k.subject_keys IS NOT NULL;
        EXCEPTION
            WHEN OTHERS THEN
                RAISE WARNING 'an arrival for contract %% could not be recorded: %%', %4$L, problem USING ERRCODE = problem_state;
        END;
        RETURN NULL;
END
$body$,
        c.contract_id,
        ghostwatch._key_text(c.subject, 'n', c.key_column),
        ghostwatch._key_is_there('n', c.key_column),
        c.name
    )
    FROM ghostwatch.contract AS c
    WHERE c.contract_id = _capture_body.contract_id
$_capture_body$;

COMMENT ON FUNCTION ghostwatch._capture_body(integer) IS
'The body of the trigger function that notes a contract''s arrivals.';
