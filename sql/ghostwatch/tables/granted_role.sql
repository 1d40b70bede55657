-- ghostwatch grants by its own functions only, so whatever else the catalogs show was granted by somebody else.
CREATE TABLE ghostwatch.granted_role (
    role regrole NOT NULL,
    kind text NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT granted_role_pkey PRIMARY KEY (role, kind),
    CONSTRAINT granted_role_kind_check CHECK (kind IN ('operator', 'sidecar', 'viewer', 'app'))
);

COMMENT ON TABLE ghostwatch.granted_role IS 'The roles that ghostwatch granted privileges to; the doctor reports every other grantee.';
COMMENT ON COLUMN ghostwatch.granted_role.role IS 'The role.';
COMMENT ON COLUMN ghostwatch.granted_role.kind IS 'operator (grant_operator), sidecar (grant_sidecar), viewer (grant_viewer) or app (onboarding.grant_app).';
COMMENT ON COLUMN ghostwatch.granted_role.granted_at IS 'When it was granted first.';
