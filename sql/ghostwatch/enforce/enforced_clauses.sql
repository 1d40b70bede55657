CREATE FUNCTION ghostwatch._enforced_clauses(
    contract_id integer
)
RETURNS SETOF ghostwatch._clause
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_enforced_clauses$
    -- What of a contract is checked at COMMIT, in the order in which it was declared: what is due at once.
    -- A clause that cannot be judged any more is reported by check runs; it neither keeps users from signing up
    -- nor the contract from being mended.
    SELECT c.*
    FROM ghostwatch._clause AS c
    WHERE c.contract_id = _enforced_clauses.contract_id
        AND c.error_after = '0'
        AND (
            SELECT count(*) = cardinality(c.related_key_columns)
            FROM pg_attribute AS k
            WHERE k.attrelid = c.related
                AND k.attname = ANY (c.related_key_columns)
                AND NOT k.attisdropped
        )
    ORDER BY c.invariant_id
$_enforced_clauses$;

COMMENT ON FUNCTION ghostwatch._enforced_clauses(integer) IS
'The clauses of a contract that are checked at COMMIT: those due at once whose related table is still there.';
