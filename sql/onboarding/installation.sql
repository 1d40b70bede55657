-- Which version of the onboarding contract this database has.
CREATE TABLE onboarding.installation (LIKE ghostwatch.installation INCLUDING ALL);

COMMENT ON TABLE onboarding.installation IS 'Which version of ghostwatch_onboarding is installed here, and how.';

INSERT INTO onboarding.installation (version, kind)
SELECT
    '@version@',
    CASE
        WHEN EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'ghostwatch_onboarding') THEN 'extension'
        ELSE 'plain'
    END;
