CREATE TABLE ghostwatch.sidecar (
    worker text PRIMARY KEY,
    version text NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    listening boolean NOT NULL,
    problem text,
    cannot_send boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);

COMMENT ON TABLE ghostwatch.sidecar IS
'Heartbeats of the sidecars.';
COMMENT ON COLUMN ghostwatch.sidecar.listening IS
'Whether NOTIFY reaches it; if not, it finds its work by polling.';
COMMENT ON COLUMN ghostwatch.sidecar.problem IS
'What keeps it from delivering, in words; NULL when all is well.';
COMMENT ON COLUMN ghostwatch.sidecar.cannot_send IS
'Whether the problem keeps every message: the token is refused, or Telegram does not answer.';
