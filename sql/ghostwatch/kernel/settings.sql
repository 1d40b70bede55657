CREATE VIEW ghostwatch.settings AS
SELECT
    d.name,
    coalesce(s.value, d.default_value) AS value,
    d.default_value,
    d.value_type,
    s.changed_at,
    s.changed_by,
    d.description
FROM ghostwatch._setting_defaults() AS d
LEFT JOIN ghostwatch.changed_setting AS s
    ON s.name = d.name;

COMMENT ON VIEW ghostwatch.settings IS
'Every setting with its value and default; change one with ghostwatch.set_setting(name, value).';
