CREATE FUNCTION ghostwatch._successor(
    owner regrole,
    name text
)
RETURNS regclass
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_successor$
    -- Reading a table runs its owner's code (policies, views) with the rights of the contract's owner. So what anybody
    -- may put in the place of a dropped table counts for nothing.
    SELECT r.oid::regclass
    FROM pg_class AS r
    INNER JOIN pg_namespace AS n
        ON n.oid = r.relnamespace
    INNER JOIN pg_roles AS o
        ON o.oid = r.relowner
    WHERE r.oid = to_regclass(_successor.name)
        AND r.relkind IN ('r', 'p', 'f', 'v', 'm')
        AND (
            o.rolsuper
            OR r.relowner = n.nspowner
            OR pg_has_role(_successor.owner, r.relowner, 'USAGE')
        )
$_successor$;

COMMENT ON FUNCTION ghostwatch._successor(regrole, text) IS
'The table that took the name of a dropped one, if it belongs to a superuser, the owner of its schema, or a role of which the contract''s owner is a member.';
