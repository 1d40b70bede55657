CREATE FUNCTION ghostwatch._repairing_query(
    clause ghostwatch._clause
)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_repairing_query$
BEGIN
    IF clause.repair IS NULL THEN
        RAISE EXCEPTION 'invariant % of contract % has no repair', quote_literal(clause.invariant), quote_literal(clause.contract)
            USING ERRCODE = 'GW067',
                  DETAIL = 'Only the application knows how what is missing is restored.',
                  HINT = format(
                      'SELECT ghostwatch.declare_invariant(%L, %L, repair => ''app.restore(bigint)'')', clause.contract, clause.invariant
                  );
    END IF;

    IF (SELECT r.rolsuper FROM pg_roles AS r WHERE r.oid = clause.owner) THEN
        RAISE EXCEPTION 'contract % belongs to the superuser %, so nothing is repaired', quote_literal(clause.contract), clause.owner
            USING ERRCODE = 'GW069',
                  DETAIL = 'A repair runs with the rights of the contract''s owner, and those of a superuser have no limit.',
                  HINT = 'Declare the contract as a role that is made for it; docs/security.md says which rights it needs.';
    END IF;

    RETURN format(
        'SELECT %s FROM %s AS s WHERE %s',
        ghostwatch._repair_call(clause.contract_id, clause.invariant, clause.repair),
        clause.subject, ghostwatch._key_is_among(clause.subject, clause.key_columns)
    );
END
$_repairing_query$;

COMMENT ON FUNCTION ghostwatch._repairing_query(ghostwatch._clause) IS
'The call of the repair of an invariant for the subjects with the keys $1, as SQL.
Raises GW066 (the function is gone or not fit), GW067 (no repair was declared), GW069 (the owner is a superuser).';
