-- Default privileges of the installer, and objects that somebody created beforehand, may have let others in.
-- Only the owner keeps its rights; grant_sidecar() and grant_operator() give what a role needs.
DO $grants$
DECLARE
    foreign_grant record;
BEGIN
    FOR foreign_grant IN
        SELECT DISTINCT f.revoke_statement
        FROM ghostwatch._foreign_grants('ghostwatch') AS f
    LOOP
        EXECUTE foreign_grant.revoke_statement;
    END LOOP;
END
$grants$;
