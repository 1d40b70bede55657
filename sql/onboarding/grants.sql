-- Default privileges of the installer may have let others in. Only the owner keeps its rights;
-- onboarding.grant_app() gives an application what it needs.
DO $grants$
DECLARE
    foreign_grant record;
BEGIN
    FOR foreign_grant IN
        SELECT DISTINCT f.revoke_statement
        FROM ghostwatch._foreign_grants('onboarding') AS f
    LOOP
        EXECUTE foreign_grant.revoke_statement;
    END LOOP;
END
$grants$;
