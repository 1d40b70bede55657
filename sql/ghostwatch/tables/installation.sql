-- Which ghostwatch this database has. Not an extension's configuration table:
-- restoring a dump installs anew and so writes its own row.
CREATE TABLE ghostwatch.installation (
    only_row boolean NOT NULL DEFAULT true,
    version text NOT NULL,
    kind text NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    installed_by name NOT NULL DEFAULT current_user,
    CONSTRAINT installation_pkey PRIMARY KEY (only_row),
    CONSTRAINT installation_only_row_check CHECK (only_row),
    CONSTRAINT installation_kind_check CHECK (kind IN ('extension', 'plain'))
);

COMMENT ON TABLE ghostwatch.installation IS 'Which version of ghostwatch is installed here, and how.';
COMMENT ON COLUMN ghostwatch.installation.only_row IS 'Always true: the table has one row.';
COMMENT ON COLUMN ghostwatch.installation.version IS 'The installed version.';
COMMENT ON COLUMN ghostwatch.installation.kind IS '''extension'' (CREATE EXTENSION) or ''plain'' (SQL script).';
COMMENT ON COLUMN ghostwatch.installation.installed_at IS 'When it was installed or restored.';
COMMENT ON COLUMN ghostwatch.installation.installed_by IS 'The role that installed it and owns it.';

INSERT INTO ghostwatch.installation (version, kind)
SELECT
    '@version@',
    CASE
        WHEN EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'ghostwatch') THEN 'extension'
        ELSE 'plain'
    END;
