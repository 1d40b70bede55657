-- Which version of the onboarding contract this database has.
-- Written out: LIKE ... INCLUDING ALL would copy whatever defaults the other table has.
CREATE TABLE onboarding.installation (
    only_row boolean NOT NULL DEFAULT true,
    version text NOT NULL,
    kind text NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    installed_by name NOT NULL DEFAULT current_user,
    CONSTRAINT installation_pkey PRIMARY KEY (only_row),
    CONSTRAINT installation_only_row_check CHECK (only_row),
    CONSTRAINT installation_kind_check CHECK (kind IN ('extension', 'plain'))
);

COMMENT ON TABLE onboarding.installation IS 'Which version of ghostwatch_onboarding is installed here, and how.';

INSERT INTO onboarding.installation (version, kind)
SELECT
    '@version@',
    CASE
        WHEN EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'ghostwatch_onboarding') THEN 'extension'
        ELSE 'plain'
    END;

COMMENT ON COLUMN onboarding.installation.only_row IS 'Always true: the table has one row.';
COMMENT ON COLUMN onboarding.installation.version IS 'The installed version.';
COMMENT ON COLUMN onboarding.installation.kind IS '''extension'' (CREATE EXTENSION) or ''plain'' (SQL script).';
COMMENT ON COLUMN onboarding.installation.installed_at IS 'When it was installed or restored.';
COMMENT ON COLUMN onboarding.installation.installed_by IS 'The role that installed it and owns it.';
