-- What ghostwatch consists of, in load order.
\ir guard.sql
\ir schema.sql

-- tables: what is declared, found, decided and still to be sent
\ir tables/installation.sql
\ir tables/setting.sql
\ir tables/contract.sql
\ir tables/invariant.sql
\ir tables/branch_family.sql
\ir tables/check_progress.sql
\ir tables/judged.sql
\ir tables/violation.sql
\ir tables/branch_minute.sql
\ir tables/check_run.sql
\ir tables/alert.sql
\ir tables/channel.sql
\ir tables/silence.sql
\ir tables/notification.sql
\ir tables/event.sql
\ir tables/sidecar.sql

-- operate: schedule, look after and explain the system
\ir operate/clock.sql

\ir grants.sql
