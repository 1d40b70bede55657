-- A dump carries the rows of every table but the cache and the installation's own record, which restoring writes anew.
DO $configuration$
DECLARE
    relation regclass;
BEGIN
    FOR relation IN
        SELECT c.oid
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = 'onboarding'::regnamespace
            AND c.relkind IN ('r', 'S')
            AND c.relname NOT IN ('installation', 'user_info')
        ORDER BY c.oid
    LOOP
        PERFORM pg_catalog.pg_extension_config_dump(relation, '');
    END LOOP;
END
$configuration$;
