-- Only what differs from the defaults (see ghostwatch._setting_defaults) is stored,
-- so that a dump restores over a fresh installation without a conflict.
CREATE TABLE ghostwatch.setting (
    name text PRIMARY KEY,
    value text NOT NULL
);

COMMENT ON TABLE ghostwatch.setting IS
'Settings that differ from their defaults; changed through ghostwatch.set_setting(), read through the view ghostwatch.settings.';
