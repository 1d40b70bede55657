CREATE FUNCTION ghostwatch._installed_version_is(
    version text
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_installed_version_is$
-- For what commits and goes on: an upgrade waits for the transaction that asks, and whoever asks during an upgrade waits
-- for the upgrade. So no run that began with the functions of one version goes on with those of another. An upgrade that
-- waits for this transaction has taken no other lock yet, so nobody waits behind it but check runs.
BEGIN
    LOCK TABLE ghostwatch.installation IN ACCESS SHARE MODE;
    RETURN EXISTS (SELECT FROM ghostwatch.installation AS i WHERE i.version = _installed_version_is.version);
END
$_installed_version_is$;

COMMENT ON FUNCTION ghostwatch._installed_version_is(text) IS
'Whether this version is the installed one; keeps it so until the end of the transaction. Takes the version that the
caller was built with; returns false when it is no longer the installed one.';
