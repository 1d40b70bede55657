CREATE FUNCTION ghostwatch._enforcement_body(
    contract_id integer
)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_enforcement_body$
-- The body stands as plain SQL, so that a session plans it once: a complete subject costs one query of index
-- look-ups, and only an incomplete one is judged in full. Names in it are those of the day it was written. Where
-- that fails, say after a rename, every clause is judged by itself and by object identifiers, which follow renames.
-- A body that does nothing turns enforcement off without a lock on the table: replacing a function takes none.
DECLARE
    enforced ghostwatch.contract;
    conditions text;
    root regclass;
BEGIN
    SELECT c.* INTO enforced FROM ghostwatch.contract AS c WHERE c.contract_id = _enforcement_body.contract_id;

    -- Not as EXISTS, which Postgres may answer by hashing a whole table.
    SELECT string_agg(format('(%s) IS NOT TRUE', ghostwatch._related_query(c)), E'\nOR ' ORDER BY c.invariant_id)
    INTO conditions
    FROM ghostwatch._enforced_clauses(enforced.contract_id) AS c
    -- A clause that asks for any row of a table holds where one that asks for a certain row of it does.
    WHERE
        NOT (
            c.predicate IS NULL
            AND c.at_least = 1
            AND NOT c.breaks_later
            AND EXISTS (
                SELECT
                FROM ghostwatch._enforced_clauses(enforced.contract_id) AS stricter
                WHERE stricter.related = c.related
                    AND stricter.related_key_columns = c.related_key_columns
                    AND stricter.subject_columns = c.subject_columns
                    AND NOT stricter.no_row
                    AND stricter.predicate IS NOT NULL
            )
        );

    IF enforced.enforcement = 'observe' OR conditions IS NULL THEN
        RETURN format(
            $body$
-- Written by ghostwatch.enforce() for contract %1$s, which is not enforced at present. To remove this function and
-- its triggers when the table is not busy: SELECT ghostwatch.remove_idle_triggers();
BEGIN
    RETURN NULL;
END
$body$,
            enforced.contract_id
        );
    END IF;

    root := coalesce(pg_partition_root(enforced.subject), enforced.subject);
    RETURN format(
        $body$
-- Written by ghostwatch.enforce() for contract %4$s; written anew whenever that changes.
#variable_conflict use_column
BEGIN
    IF %6$s THEN
        IF ghostwatch._is_subject(%4$s, TG_RELID) THEN
            PERFORM ghostwatch._judge_at_commit(%4$s, %7$s);
        END IF;
    ELSIF EXISTS (
        SELECT FROM %1$s AS s
        WHERE %2$s
            AND (%3$s)
    ) THEN
        PERFORM ghostwatch._judge_at_commit(%4$s, %7$s);
    END IF;
    RETURN NULL;
EXCEPTION
    WHEN SQLSTATE 'GW079' THEN
        RAISE;
    WHEN OTHERS THEN
        BEGIN
            IF ghostwatch._is_subject(%4$s, TG_RELID) THEN
                PERFORM ghostwatch._judge_at_commit(%4$s, %7$s);
            END IF;
        EXCEPTION
            WHEN SQLSTATE 'GW079' THEN
                RAISE;
            WHEN OTHERS THEN
                RAISE WARNING 'contract %% could not be enforced: %%', %5$L, SQLERRM USING ERRCODE = SQLSTATE;
        END;
        RETURN NULL;
END
$body$,
        enforced.subject,
        ghostwatch._key_equals(enforced.subject, enforced.key_column),
        conditions,
        enforced.contract_id,
        enforced.name,
        CASE
            WHEN root <> enforced.subject THEN
                format(
                    '%L::pg_catalog.regclass OPERATOR(pg_catalog.<>) ALL (SELECT a.relid FROM pg_catalog.pg_partition_ancestors(TG_RELID) AS a)',
                    enforced.subject
                )
            WHEN (SELECT r.relkind FROM pg_class AS r WHERE r.oid = root) = 'p' THEN
                format('coalesce(pg_catalog.pg_partition_root(TG_RELID)::pg_catalog.oid, TG_RELID) OPERATOR(pg_catalog.<>) %L::pg_catalog.regclass::pg_catalog.oid', root)
            ELSE format('TG_RELID OPERATOR(pg_catalog.<>) %L::pg_catalog.regclass::pg_catalog.oid', root)
        END,
        ghostwatch._key_text(enforced.subject, 'NEW', enforced.key_column)
    );
END
$_enforcement_body$;

COMMENT ON FUNCTION ghostwatch._enforcement_body(integer) IS
'The body of the trigger function that enforces a contract, as it must read now.';
