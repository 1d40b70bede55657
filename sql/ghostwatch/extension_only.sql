-- A dump carries the rows of every table but of those that restoring fills anew: branch_sum by its triggers.
DO $configuration$
DECLARE
    relation regclass;
BEGIN
    FOR relation IN
        SELECT c.oid
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = 'ghostwatch'::regnamespace
            AND c.relkind IN ('r', 'S')
            AND c.relname NOT IN ('branch_sum', 'installation', 'exclusive_task', 'role_secret')
        ORDER BY c.oid
    LOOP
        PERFORM pg_catalog.pg_extension_config_dump(relation, '');
    END LOOP;
END
$configuration$;
