-- What the onboarding contract consists of, in load order.
\ir guard.sql
\ir schema.sql
\ir installation.sql

\ir grants.sql
