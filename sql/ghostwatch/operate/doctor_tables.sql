CREATE FUNCTION ghostwatch._doctor_tables()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_tables$
-- The owner of a contract must see every row of its tables.
BEGIN
    RETURN QUERY
    WITH watched AS (
        SELECT c.contract, c.owner, c.subject AS relation FROM ghostwatch._clause AS c
        UNION
        SELECT c.contract, c.owner, c.related FROM ghostwatch._clause AS c
    ),

    seen AS (
        SELECT
            w.contract,
            w.owner,
            w.relation,
            r.oid IS NULL AS is_gone,
            NOT has_schema_privilege(w.owner, r.relnamespace, 'USAGE') AS is_out_of_reach,
            NOT has_any_column_privilege(w.owner, w.relation, 'SELECT') AS is_unreadable,
            r.relrowsecurity
            AND NOT (o.rolsuper OR o.rolbypassrls OR (pg_has_role(w.owner, r.relowner, 'USAGE') AND NOT r.relforcerowsecurity)) AS is_filtered,
            r.relnamespace::regnamespace AS schema
        FROM watched AS w
        INNER JOIN pg_roles AS o
            ON o.oid = w.owner
        LEFT JOIN pg_class AS r
            ON r.oid = w.relation
    )

    SELECT
        'tables',
        CASE WHEN s.is_gone OR s.is_out_of_reach OR s.is_unreadable THEN 'error' ELSE 'warning' END,
        CASE
            WHEN s.is_gone THEN format('Table %s of contract %s was dropped.', ghostwatch._relation_name(s.relation), s.contract)
            WHEN s.is_out_of_reach OR s.is_unreadable THEN format('%s, which owns contract %s, may not read %s.', s.owner, s.contract, s.relation)
            ELSE format('Row level security hides rows of %s from %s, which owns contract %s: hidden subjects are not checked.', s.relation, s.owner, s.contract)
        END,
        CASE
            WHEN s.is_gone THEN format('Declare the contract again with a table that exists, or: SELECT ghostwatch.drop_contract(%L);', s.contract)
            WHEN s.is_out_of_reach THEN format('GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT ON %s TO %2$s;', s.schema, s.owner, s.relation)
            WHEN s.is_unreadable THEN format('GRANT SELECT ON %s TO %s;', s.relation, s.owner)
            ELSE format('ALTER ROLE %s BYPASSRLS; or a policy that shows it every row.', s.owner)
        END
    FROM seen AS s
    WHERE s.is_gone OR s.is_out_of_reach OR s.is_unreadable OR s.is_filtered
    ORDER BY s.contract;

    IF NOT FOUND THEN
        RETURN QUERY
        SELECT 'tables', 'ok', 'Every table of every contract is there, and its rows can be read.', NULL::text;
    END IF;
END
$_doctor_tables$;

COMMENT ON FUNCTION ghostwatch._doctor_tables() IS
'The doctor on whether the tables of the contracts exist, and whether the owners of the contracts can read every row of them.';
