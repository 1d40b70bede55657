CREATE PROCEDURE ghostwatch._require_committing(
    statement text DEFAULT 'ghostwatch.run_checks()',
    what text DEFAULT 'checks'
)
LANGUAGE plpgsql
AS $_require_committing$
-- Without this, PostgreSQL reports the first write or the first COMMIT, and gives no hint.
-- (A procedure without a SET clause, which would forbid every COMMIT: so every name is qualified here.)
DECLARE
    on_commit pg_catalog.text;
    on_rollback pg_catalog.text;
BEGIN
    IF pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool THEN
        RAISE EXCEPTION '% cannot run %',
            what, CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'on a standby' ELSE 'in a read-only transaction' END
        USING
            ERRCODE = 'GW023',
            DETAIL = 'What is found is recorded.',
            HINT = CASE
                WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.format('Connect to the primary: CALL %s;', statement)
                ELSE pg_catalog.format('SET default_transaction_read_only = off; CALL %s;', statement)
            END;
    END IF;

    -- Neither statement can succeed inside a block with an exception handler. Where the procedure may end its
    -- transaction, each is refused with a message of its own; in a transaction block both get the same one.
    BEGIN
        COMMIT;
    EXCEPTION
        WHEN invalid_transaction_termination THEN
            on_commit := SQLERRM;
    END;
    BEGIN
        ROLLBACK;
    EXCEPTION
        WHEN invalid_transaction_termination THEN
            on_rollback := SQLERRM;
    END;

    IF on_commit OPERATOR(pg_catalog.=) on_rollback THEN
        RAISE EXCEPTION '% cannot run in a transaction block', what
        USING
            ERRCODE = 'GW022',
            DETAIL = 'They commit after each step.',
            HINT = pg_catalog.format('COMMIT; then, with autocommit on: CALL %s;', statement);
    END IF;
END
$_require_committing$;

COMMENT ON PROCEDURE ghostwatch._require_committing (text, text) IS
'Refuses to run checks, or whatever else is named, where they cannot commit. Raises GW022 (in a transaction block), GW023 (on a standby, or in a read-only transaction).';
