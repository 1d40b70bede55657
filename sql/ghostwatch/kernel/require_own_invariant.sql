CREATE FUNCTION ghostwatch._require_own_invariant(
    invariant_id integer,
    credential uuid
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_require_own_invariant$
-- What is recorded about an invariant is recorded by the role whose contract it belongs to.
-- (plpgsql, so that a session that runs checks again and again plans this once.)
BEGIN
    PERFORM ghostwatch._require_contract_owner(
        (SELECT i.contract_id FROM ghostwatch.invariant AS i WHERE i.invariant_id = _require_own_invariant.invariant_id),
        role => ghostwatch._caller(_require_own_invariant.credential)
    );
END
$_require_own_invariant$;

COMMENT ON FUNCTION ghostwatch._require_own_invariant(integer, uuid) IS
'Refuses a role that is no member of the one that declared the invariant''s contract. Raises GW008, GW061.';
