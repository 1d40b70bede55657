-- Functions that run with the rights of ghostwatch's owner must know which role calls them, and PostgreSQL does not say:
-- current_user is the owner there, session_user another role than the one that acts. So a caller shows its secret,
-- which only a session that acts as the role can read (row level security).
CREATE TABLE ghostwatch.role_secret (
    role regrole NOT NULL DEFAULT quote_ident(current_user)::regrole,
    secret uuid NOT NULL DEFAULT gen_random_uuid(),
    made_at timestamptz NOT NULL,
    CONSTRAINT role_secret_pkey PRIMARY KEY (role),
    CONSTRAINT role_secret_secret_key UNIQUE (secret)
);

COMMENT ON TABLE ghostwatch.role_secret IS 'By what the functions of ghostwatch know which role calls them; a role sees its own row only.';
COMMENT ON COLUMN ghostwatch.role_secret.role IS 'The role: the default, which no operator may replace.';
COMMENT ON COLUMN ghostwatch.role_secret.secret IS 'What the role shows; it is good for this database only.';
COMMENT ON COLUMN ghostwatch.role_secret.made_at IS 'When the role first called such a function.';
