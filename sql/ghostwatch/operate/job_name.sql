CREATE FUNCTION ghostwatch._job_name(
    role name DEFAULT current_user
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_job_name$
    -- One pg_cron serves all databases of a server, and it truncates long names.
    SELECT CASE
        WHEN octet_length(readable.name) < 64 THEN readable.name
        ELSE 'ghostwatch ' || md5(readable.name)
    END
    FROM (VALUES (format('ghostwatch %s %s', current_database(), role))) AS readable (name)
$_job_name$;

COMMENT ON FUNCTION ghostwatch._job_name(name) IS
'The name of a role''s pg_cron job for this database.';
