-- Only what was changed from the defaults (see ghostwatch._setting_defaults) is stored,
-- so that a dump restores over a fresh installation without a conflict.
-- Not named "setting": its array type would then be called _setting, and hide the function of that name.
CREATE TABLE ghostwatch.changed_setting (
    name text PRIMARY KEY,
    value text NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by name NOT NULL
);

COMMENT ON TABLE ghostwatch.changed_setting IS
'Settings that were changed from their defaults by ghostwatch.set_setting(); read through the view ghostwatch.settings.';
