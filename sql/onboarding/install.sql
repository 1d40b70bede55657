-- What the onboarding contract consists of, in load order.
\ir guard.sql
\ir schema.sql
\ir installation.sql

-- rules: what start() decides by, kept as data
\ir rules/blocked_branch.sql
\ir rules/regional_language.sql
\ir rules/language_rule.sql
\ir rules/ship_rules.sql

-- contract: what every new user must get, and why
\ir contract/outlasts_the_log.sql
\ir contract/clauses.sql
\ir contract/declare_contract.sql

-- start: the one place where all of it is done
\ir start/user_info.sql
\ir start/refresh_user_info.sql
\ir start/get_user_info.sql
\ir start/first_languages.sql
\ir start/start.sql
\ir start/grant_app.sql

-- repair: restore what start() would have written
\ir repair/restore_languages.sql
\ir repair/restore_start_log.sql
\ir repair/restore_last_activity.sql
\ir repair/restore_deep_link.sql

-- adopt: make the bot's own tables, or find out whether they fit
\ir adopt/adoption.sql
\ir adopt/needed_columns.sql
\ir adopt/obstacles.sql
\ir adopt/create_missing_tables.sql
\ir adopt/findings.sql
\ir adopt/adopt.sql

\ir grants.sql
