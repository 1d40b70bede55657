-- Every decision looks here: so small a table is read faster without an index than with one.
CREATE TABLE ghostwatch.maintenance (
    maintenance_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at >= started_at),
    owner regrole NOT NULL,
    comment text NOT NULL,
    summarized_at timestamptz
);

COMMENT ON TABLE ghostwatch.maintenance IS
'Deploy windows: while one is open, check runs record violations but decide no alerts; written by ghostwatch.maintenance().';
COMMENT ON COLUMN ghostwatch.maintenance.owner IS
'The role that opened the window; it covers the contracts of this role and of roles of which it is a member.';
COMMENT ON COLUMN ghostwatch.maintenance.summarized_at IS
'When the window was over and its summary was queued.';
