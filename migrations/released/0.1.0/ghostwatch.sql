-- ghostwatch 0.1.0, for servers where no extension file can be placed.
-- Run it as the role that is to own it: psql --no-psqlrc --set ON_ERROR_STOP=1 --file ghostwatch.sql
DO $install$
DECLARE
    _search_path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
BEGIN
SET LOCAL search_path = pg_catalog, pg_temp;
-- What ghostwatch consists of, in load order.
-- Decides by the catalogs alone: whatever stands in a schema of this name may be somebody's view, or a table whose
-- defaults, rules or policies run code with the rights of the role that reads it.
-- Raises GW901 over an installation of ghostwatch of either kind, GW902 over a foreign schema of that name,
-- GW904 for a role that may not create a schema.
DO $guard$
DECLARE
    schema_owner name;
    is_extension boolean;
    has_record   boolean;
BEGIN
    SELECT pg_catalog.pg_get_userbyid(n.nspowner)
    INTO schema_owner
    FROM pg_catalog.pg_namespace AS n
    WHERE n.nspname = 'ghostwatch';

    IF schema_owner IS NULL THEN
        IF NOT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') THEN
            RAISE EXCEPTION 'role % may not create a schema in database %', current_user, pg_catalog.current_database()
                USING ERRCODE = 'GW904',
                      DETAIL  = 'What is installed belongs to the role that installs it, which needs no other right.',
                      HINT    = pg_catalog.format('GRANT CREATE ON DATABASE %I TO %I;', pg_catalog.current_database(), current_user);
        END IF;
        RETURN;
    END IF;

    -- While CREATE EXTENSION runs this script, the extension exists already and has no member yet.
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_extension AS e
        INNER JOIN pg_catalog.pg_depend AS d ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.refobjid = e.oid
        WHERE e.extname = 'ghostwatch' AND d.deptype = 'e'
    )
    INTO is_extension;

    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_class AS c
        INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = 'ghostwatch'
            AND c.relname = 'installation'
            AND c.relkind = 'r'
            AND c.relowner = n.nspowner
            AND NOT c.relrowsecurity
            AND NOT c.relhastriggers
            AND NOT c.relhasrules
    )
    INTO has_record;

    IF NOT is_extension AND NOT has_record THEN
        RAISE EXCEPTION 'schema ghostwatch exists and does not belong to an installation of ghostwatch'
            USING ERRCODE = 'GW902',
                  DETAIL  = pg_catalog.format('It belongs to role %I and has no table ghostwatch.installation as ghostwatch creates it.', schema_owner),
                  HINT    = 'ALTER SCHEMA ghostwatch RENAME TO another_name;';
    END IF;

    RAISE EXCEPTION 'ghostwatch is already installed in database %', pg_catalog.current_database()
        USING ERRCODE = 'GW901',
              DETAIL  = pg_catalog.format('It is installed as %s and belongs to role %I.', CASE WHEN is_extension THEN 'extension' ELSE 'plain' END, schema_owner),
              HINT    = pg_catalog.format('As its owner: SET ROLE %I; SELECT * FROM ghostwatch.installation; to remove it with all that it recorded: ', schema_owner)
                        || CASE
                               WHEN is_extension THEN 'DROP EXTENSION ghostwatch CASCADE;'
                               ELSE 'DROP SCHEMA ghostwatch CASCADE; to make it an extension: ghostwatch migrate --to-extension'
                           END;
END
$guard$;
CREATE SCHEMA ghostwatch;

COMMENT ON SCHEMA ghostwatch IS
'Contracts about what new rows must come to have, and the record of which were broken. Names that begin with _ are private.';

-- what the tables check
CREATE FUNCTION ghostwatch._rule_problem(
    rule text,
    warn_after interval,
    error_after interval,
    watch_for interval,
    min_count integer,
    min_rate double precision,
    days_per_false_alarm double precision,
    expected_rate double precision,
    branch_ceiling double precision
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_rule_problem$
    -- The only place that knows the rules and the ranges of their settings: a CHECK of the table of invariants,
    -- declarations and backtests ask it.
    SELECT format('%s is %s; it must be %s.', s.name, coalesce(s.given, 'NULL'), s.range)
    FROM (
        VALUES
            (1, 'rule', rule, rule IN ('auto', 'threshold', 'drift'), 'auto, threshold or drift'),
            (2, 'error_after', error_after::text, error_after >= '0', 'at least 0'),
            (3, 'warn_after', warn_after::text, coalesce(warn_after >= '0' AND warn_after < error_after, true), 'at least 0 and shorter than error_after'),
            (4, 'watch_for', watch_for::text, watch_for > error_after AND watch_for <= '1000 years', 'longer than error_after and at most 1000 years'),
            (5, 'min_count', min_count::text, min_count >= 1, 'at least 1'),
            (6, 'min_rate', min_rate::text, min_rate BETWEEN 0 AND 1, 'from 0 to 1'),
            (7, 'days_per_false_alarm', days_per_false_alarm::text, days_per_false_alarm > 0 AND days_per_false_alarm < 'infinity', 'greater than 0 and finite'),
            (8, 'expected_rate', expected_rate::text, expected_rate > 0 AND expected_rate < 1, 'greater than 0 and less than 1'),
            (9, 'branch_ceiling', branch_ceiling::text, branch_ceiling > 0 AND branch_ceiling <= 1, 'greater than 0 and at most 1')
    ) AS s (place, name, given, holds, range)
    WHERE s.holds IS NOT TRUE
    ORDER BY s.place
    LIMIT 1
$_rule_problem$;

COMMENT ON FUNCTION ghostwatch._rule_problem(
    text, interval, interval, interval, integer, double precision, double precision, double precision, double precision
) IS
'The first of the settings of an invariant''s rule that is out of its range, in words; NULL if all are valid.';

-- tables: what is declared, found, decided and still to be sent
-- Which ghostwatch this database has. Not an extension's configuration table:
-- restoring a dump installs anew and so writes its own row.
CREATE TABLE ghostwatch.installation (
    only_row boolean NOT NULL DEFAULT true,
    version text NOT NULL,
    kind text NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    installed_by name NOT NULL DEFAULT current_user,
    CONSTRAINT installation_pkey PRIMARY KEY (only_row),
    CONSTRAINT installation_only_row_check CHECK (only_row),
    CONSTRAINT installation_kind_check CHECK (kind IN ('extension', 'plain'))
);

COMMENT ON TABLE ghostwatch.installation IS 'Which version of ghostwatch is installed here, and how.';
COMMENT ON COLUMN ghostwatch.installation.only_row IS 'Always true: the table has one row.';
COMMENT ON COLUMN ghostwatch.installation.version IS 'The installed version.';
COMMENT ON COLUMN ghostwatch.installation.kind IS '''extension'' (CREATE EXTENSION) or ''plain'' (SQL script).';
COMMENT ON COLUMN ghostwatch.installation.installed_at IS 'When it was installed or restored.';
COMMENT ON COLUMN ghostwatch.installation.installed_by IS 'The role that installed it and owns it.';

INSERT INTO ghostwatch.installation (version, kind)
SELECT
    '0.1.0',
    CASE
        WHEN EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'ghostwatch') THEN 'extension'
        ELSE 'plain'
    END;
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
CREATE TABLE ghostwatch.contract (
    contract_id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    owner regrole NOT NULL DEFAULT quote_ident(current_user)::regrole,
    subject regclass NOT NULL,
    subject_name text NOT NULL,
    key_column name[] NOT NULL DEFAULT '{id}' CHECK (cardinality(key_column) >= 1),
    unique_key boolean NOT NULL DEFAULT false,
    born_at_column name NOT NULL DEFAULT 'created_at',
    born_at_expression text,
    branch_expression text,
    exempt_predicate text,
    exempt_branches text[] NOT NULL DEFAULT '{}',
    time_zone text,
    lateness interval NOT NULL DEFAULT '2 minutes' CHECK (lateness >= '0'),
    capture boolean NOT NULL DEFAULT false,
    enforcement text NOT NULL DEFAULT 'observe' CHECK (enforcement IN ('observe', 'warn', 'reject')),
    search_path text NOT NULL,
    subject_label text NOT NULL DEFAULT '',
    description text
);

COMMENT ON TABLE ghostwatch.contract IS
'What every row of a subject table must come to have; written by ghostwatch.declare_contract(). The defaults of the columns are those of its arguments.';
COMMENT ON COLUMN ghostwatch.contract.owner IS
'The role that declared the contract. Its expressions are run with this role''s rights and no others.';
COMMENT ON COLUMN ghostwatch.contract.lateness IS
'How far a birth time may lie before the moment its transaction began: clocks that differ, and, where other sessions cannot be seen, long transactions.';
COMMENT ON COLUMN ghostwatch.contract.subject_name IS
'The name of the subject table when a check run last saw it; by it a table that is created anew is found.';
COMMENT ON COLUMN ghostwatch.contract.born_at_expression IS
'The time of birth where no column holds it, or where deadlines count from another moment; born_at_column is then ignored.';
COMMENT ON COLUMN ghostwatch.contract.unique_key IS
'Its owner says that the key is unique although no index makes it so; the doctor looks for duplicates.';
COMMENT ON COLUMN ghostwatch.contract.search_path IS
'The search path of the declaring session: names in expressions mean what they meant when they were declared.';
COMMENT ON COLUMN ghostwatch.contract.subject_label IS
'What a message calls the subjects, in the plural: new users.';
CREATE TABLE ghostwatch.invariant (
    invariant_id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    contract_id integer NOT NULL REFERENCES ghostwatch.contract ON DELETE CASCADE,
    name text NOT NULL,
    related regclass NOT NULL,
    related_name text NOT NULL,
    related_key_column name[] NOT NULL,
    subject_column name[],
    predicate text,
    at_least integer NOT NULL DEFAULT 1 CHECK (at_least >= 1),
    exactly integer CHECK (exactly >= 1),
    no_row boolean NOT NULL DEFAULT false,
    related_at_column name,
    warn_after interval,
    error_after interval NOT NULL DEFAULT '5 minutes',
    watch_for interval NOT NULL DEFAULT '25 minutes',
    rule text NOT NULL DEFAULT 'auto',
    min_count integer NOT NULL DEFAULT 1,
    min_rate double precision NOT NULL DEFAULT 0,
    days_per_false_alarm double precision NOT NULL DEFAULT 90,
    expected_rate double precision NOT NULL DEFAULT 0.10,
    branch_ceiling double precision NOT NULL DEFAULT 0.80,
    missing_label text NOT NULL DEFAULT '',
    runbook_url text,
    description text,
    UNIQUE (contract_id, name),
    CONSTRAINT invariant_counts CHECK ((at_least > 1)::integer + (exactly IS NOT NULL)::integer + no_row::integer <= 1),
    CONSTRAINT invariant_rule CHECK (
        ghostwatch._rule_problem(
            rule, warn_after, error_after, watch_for, min_count, min_rate, days_per_false_alarm, expected_rate, branch_ceiling
        ) IS NULL
    )
);

COMMENT ON TABLE ghostwatch.invariant IS
'One clause of a contract: a related row with the subject''s key exists within a deadline; written by ghostwatch.declare_invariant().
The defaults of the columns are those of its arguments.';
COMMENT ON COLUMN ghostwatch.invariant.related_name IS
'The name of the related table when a check run last saw it; by it a table that is created anew is found.';
COMMENT ON COLUMN ghostwatch.invariant.subject_column IS
'The columns of the subject that the related key is compared with; NULL: its key.';
COMMENT ON COLUMN ghostwatch.invariant.no_row IS
'A related row is the violation, not its absence.';
COMMENT ON COLUMN ghostwatch.invariant.min_count IS
'An alert of the rule "threshold" is held back while fewer violations than this are open.';
COMMENT ON COLUMN ghostwatch.invariant.min_rate IS
'An alert of the rule "threshold" is held back while a smaller share of the subjects under watch is in violation.';
COMMENT ON COLUMN ghostwatch.invariant.missing_label IS
'What a message says the subject lacks: a first meme.';
CREATE TABLE ghostwatch.branch_family (
    contract_id integer NOT NULL REFERENCES ghostwatch.contract ON DELETE CASCADE,
    -- A backslash stands before the character that it quotes: LIKE raises an error where nothing follows.
    pattern text NOT NULL CHECK (pattern ~ '^([^\\]|\\.)+$'),
    family text NOT NULL CHECK (family <> ''),
    PRIMARY KEY (contract_id, pattern)
);

COMMENT ON TABLE ghostwatch.branch_family IS
'Groups the unbounded values of a contract''s branch by LIKE pattern; written by ghostwatch.declare_branch_family().';
CREATE TABLE ghostwatch.branch_value (
    contract_id integer NOT NULL REFERENCES ghostwatch.contract ON DELETE CASCADE,
    branch text NOT NULL,
    PRIMARY KEY (contract_id, branch)
);

COMMENT ON TABLE ghostwatch.branch_value IS
'The first branches of a contract that came and that no pattern groups: each is a family of its own, and later ones are the family other.';
CREATE TABLE ghostwatch.check_progress (
    invariant_id integer PRIMARY KEY REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    watermark timestamptz NOT NULL,
    checked_up_to timestamptz NOT NULL,
    catching_up_since timestamptz,
    last_attempt_at timestamptz,
    last_success_at timestamptz,
    failing_since timestamptz,
    last_error text,
    last_error_state text,
    skew interval,
    skew_seen_at timestamptz
) WITH (fillfactor = 50);

COMMENT ON TABLE ghostwatch.check_progress IS
'How far the checks of each invariant have come; the row is the lock that keeps overlapping runs apart.';
COMMENT ON COLUMN ghostwatch.check_progress.watermark IS
'Every subject born up to this moment has been judged, and none can appear there any more.';
COMMENT ON COLUMN ghostwatch.check_progress.checked_up_to IS
'Subjects born up to this moment have been judged if they were visible; between watermark and checked_up_to, ghostwatch.checked_ahead holds their keys.';
COMMENT ON COLUMN ghostwatch.check_progress.catching_up_since IS
'When the checks were last up to date, while a backlog is being worked off; otherwise NULL.';
COMMENT ON COLUMN ghostwatch.check_progress.skew IS
'How far, at least, the birth of a subject lay before the start of its transaction when a check last saw that: a clock that is slow.';
-- One row per batch, its keys packed in an array: ten thousand keys cost a hundred buffers rather than ten thousand.
CREATE TABLE ghostwatch.checked_ahead (
    judged_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    invariant_id integer NOT NULL REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    born_up_to timestamptz NOT NULL,
    subject_keys text[] NOT NULL,
    births timestamptz[] NOT NULL
);

CREATE INDEX checked_ahead_invariant_id ON ghostwatch.checked_ahead (invariant_id, born_up_to);

COMMENT ON TABLE ghostwatch.checked_ahead IS
'Subjects that were judged but were born after the watermark, so that reading that stretch again counts nobody twice.';
COMMENT ON COLUMN ghostwatch.checked_ahead.births IS
'Their birth times, in the same order: a key that is deleted and used again begins another life.';
-- Written in the transactions of others: one index, at whose end rows come in. A conflict is no error there, and its
-- primary key is the replica identity, without which a publication of all tables would refuse to delete arrivals.
CREATE TABLE ghostwatch.arrival (
    contract_id integer NOT NULL,
    arrived_at timestamptz NOT NULL,
    subject_key text NOT NULL,
    PRIMARY KEY (contract_id, arrived_at, subject_key)
);

COMMENT ON TABLE ghostwatch.arrival IS
'Subjects of contracts with capture, recorded by a trigger as they came, until nobody judges them any more.';
COMMENT ON COLUMN ghostwatch.arrival.arrived_at IS
'By the database''s own clock; it counts as the birth time.';
-- Written in the transactions of others where their arrival could not be: so another table, and one row a statement.
CREATE TABLE ghostwatch.capture_failure (
    capture_failure_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    contract_id integer NOT NULL,
    failed_at timestamptz NOT NULL,
    subject_keys text[] NOT NULL,
    error_state text NOT NULL,
    error_message text NOT NULL,
    taken_up_at timestamptz
);

CREATE INDEX capture_failure_waiting ON ghostwatch.capture_failure (contract_id)
WHERE taken_up_at IS NULL;

COMMENT ON TABLE ghostwatch.capture_failure IS
'Arrivals that capture could not note in ghostwatch.arrival; the next check run does. Kept for a day.';
COMMENT ON COLUMN ghostwatch.capture_failure.taken_up_at IS
'When a check run recorded these arrivals.';
CREATE TABLE ghostwatch.violation (
    invariant_id integer NOT NULL REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    subject_key text NOT NULL,
    born_at timestamptz NOT NULL,
    branch_family text NOT NULL,
    state text NOT NULL CHECK (state IN ('warn', 'error', 'exempt', 'recovered', 'expired')),
    opened_at timestamptz,
    escalated_at timestamptz,
    closed_at timestamptz,
    close_reason text CHECK (close_reason IN ('row_came', 'exempt', 'deleted', 'expired')),
    PRIMARY KEY (invariant_id, subject_key),
    CHECK ((closed_at IS NULL) = (state IN ('warn', 'error', 'exempt')))
) WITH (fillfactor = 80);

-- Every run reads the open ones; closed ones, by far the most, stay out of the index.
-- (Not by state: then no escalation could be a heap-only update.)
CREATE INDEX violation_open ON ghostwatch.violation (invariant_id, born_at)
WHERE closed_at IS NULL;
CREATE INDEX violation_closed_at ON ghostwatch.violation (closed_at)
WHERE closed_at IS NOT NULL;

COMMENT ON TABLE ghostwatch.violation IS
'One subject breaking one invariant, and the life of that: warn, error, then recovered or expired.';
COMMENT ON COLUMN ghostwatch.violation.state IS
'warn, error: open. exempt: without its row but not judged for the moment; opens if the subject stops being exempt in time. recovered, expired: closed.';
COMMENT ON COLUMN ghostwatch.violation.opened_at IS
'When a check run first found it; NULL for one that was exempt from the start.';
CREATE TABLE ghostwatch.branch_minute (
    invariant_id integer NOT NULL REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    minute timestamptz NOT NULL,
    branch_family text NOT NULL,
    due integer NOT NULL,
    violations integer NOT NULL,
    PRIMARY KEY (invariant_id, minute, branch_family)
);

COMMENT ON TABLE ghostwatch.branch_minute IS
'Per invariant, minute of birth (UTC) and branch family: how many subjects reached their deadline, and how many of them in violation.';
CREATE TABLE ghostwatch.branch_sum (
    invariant_id integer NOT NULL REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    step text NOT NULL CHECK (step IN ('hour', 'day')),
    branch_family text NOT NULL,
    starts_at timestamptz NOT NULL,
    due bigint NOT NULL,
    violations bigint NOT NULL,
    PRIMARY KEY (invariant_id, step, branch_family, starts_at)
) WITH (fillfactor = 80);

-- For a look at all families since a moment.
CREATE INDEX branch_sum_starts_at ON ghostwatch.branch_sum (invariant_id, step, starts_at);

COMMENT ON TABLE ghostwatch.branch_sum IS
'ghostwatch.branch_minute summed up per hour and per day (UTC), for the page; kept up by triggers on that table.';
COMMENT ON COLUMN ghostwatch.branch_sum.branch_family IS
'The family; empty for all families together.';
CREATE TYPE ghostwatch._family_rate AS (
    branch_family text,
    due bigint,                 -- trials counted, violations among them
    violations bigint,
    baseline_rate double precision,
    upper_rate double precision     -- Wilson's upper bound, which the branch is compared with
);

COMMENT ON TYPE ghostwatch._family_rate IS
'The usual rate of one branch family, as part of a baseline of the rule drift.';
CREATE TABLE ghostwatch.drift_baseline (
    invariant_id integer NOT NULL REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    version integer NOT NULL,
    made_at timestamptz NOT NULL,
    trials_seen bigint NOT NULL,
    history_from timestamptz NOT NULL,
    history_until timestamptz NOT NULL,
    due bigint NOT NULL,
    violations bigint NOT NULL,
    baseline_rate double precision NOT NULL,
    upper_rate double precision NOT NULL,
    hour_deviation double precision NOT NULL,
    worst_hour_excess double precision NOT NULL,
    subjects_per_day double precision NOT NULL,
    subjects_by_hour double precision[] NOT NULL,
    expected_rate double precision NOT NULL,
    days_per_false_alarm double precision NOT NULL,
    branch_ceiling double precision NOT NULL,
    threshold double precision NOT NULL,
    families ghostwatch._family_rate[] NOT NULL,
    PRIMARY KEY (invariant_id, version)
);

COMMENT ON TABLE ghostwatch.drift_baseline IS
'The baselines of an invariant under the rule drift: the rate of violations that is usual, by version; an alert names the version that decided it.';
COMMENT ON COLUMN ghostwatch.drift_baseline.trials_seen IS
'How many trials had been scored in all when this version was computed.';
COMMENT ON COLUMN ghostwatch.drift_baseline.due IS
'Trials counted in the history, leaving out minutes inside alerts; violations: those of them in violation.';
COMMENT ON COLUMN ghostwatch.drift_baseline.baseline_rate IS
'Their rate, shrunk towards the declared expected_rate, which weighs as much as a hundred trials.';
COMMENT ON COLUMN ghostwatch.drift_baseline.upper_rate IS
'Wilson''s upper 90 % bound of it: the p0 that new trials are compared with.';
COMMENT ON COLUMN ghostwatch.drift_baseline.hour_deviation IS
'Standard deviation of the rate between hours, as far as it exceeds chance.';
COMMENT ON COLUMN ghostwatch.drift_baseline.worst_hour_excess IS
'How far the rate of the worst hour of the day lies above the average, as far as that exceeds chance.';
COMMENT ON COLUMN ghostwatch.drift_baseline.subjects_by_hour IS
'Trials expected in each hour of the day (UTC, from midnight).';
COMMENT ON COLUMN ghostwatch.drift_baseline.threshold IS
'The mean of R at which a detector alarms: at most one false alarm in so many trials, halved between all trials and the branches.';
CREATE TABLE ghostwatch.drift_detector (
    invariant_id integer NOT NULL REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    branch_family text NOT NULL,
    trials_seen bigint NOT NULL DEFAULT 0,
    evidence double precision[] NOT NULL,
    climb double precision[] NOT NULL,
    since timestamptz[] NOT NULL,
    raised_at timestamptz,
    raised_since timestamptz,
    raised_evidence double precision,
    raised_loss double precision,
    recovery double precision NOT NULL DEFAULT 0,
    recovered_at timestamptz,
    PRIMARY KEY (invariant_id, branch_family)
) WITH (fillfactor = 50);

COMMENT ON TABLE ghostwatch.drift_detector IS
'The evidence of the rule drift: the state of a Shiryaev-Roberts e-detector over the trials of one invariant, or of one branch family of it.';
COMMENT ON COLUMN ghostwatch.drift_detector.branch_family IS
'The family whose trials it sees; empty for the detector that sees all.';
COMMENT ON COLUMN ghostwatch.drift_detector.evidence IS
'The statistic R of each alternative loss, in the order of ghostwatch._alternative_losses(). It stays 0 while the detector is raised.';
COMMENT ON COLUMN ghostwatch.drift_detector.climb IS
'The CUSUM of each alternative, in nats; it dates the change.';
COMMENT ON COLUMN ghostwatch.drift_detector.since IS
'For each alternative, the birth of the trial at which the CUSUM last left 0: the change-point, if there was a change.';
COMMENT ON COLUMN ghostwatch.drift_detector.raised_at IS
'The check run that last found the mean of R at the threshold; raised_since and raised_evidence are its change-point and that mean.';
COMMENT ON COLUMN ghostwatch.drift_detector.raised_loss IS
'The alternative that carried most of the evidence: the share of subjects lost who would otherwise have had their row.';
COMMENT ON COLUMN ghostwatch.drift_detector.recovery IS
'The statistic R of the reverse test since then: evidence that nobody is lost any more.';
COMMENT ON COLUMN ghostwatch.drift_detector.recovered_at IS
'The check run that lowered the detector; NULL while it is raised.';
CREATE TABLE ghostwatch.drift_history (
    invariant_id integer PRIMARY KEY REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    begins_at timestamptz NOT NULL,
    is_complete boolean NOT NULL DEFAULT false
);

COMMENT ON TABLE ghostwatch.drift_history IS
'From when on the counts of an invariant are part of its baseline: earlier ones were made by another definition, or declared not to be usual.';
COMMENT ON COLUMN ghostwatch.drift_history.is_complete IS
'Whether nothing earlier is to be read from the application''s own rows: it was read, or is declared not to be usual.';
CREATE TABLE ghostwatch.check_run (
    check_run_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    owner regrole NOT NULL DEFAULT quote_ident(current_user)::regrole,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    checks integer NOT NULL,
    failures integer NOT NULL,
    judged integer NOT NULL,
    opened integer NOT NULL,
    backlog boolean NOT NULL
);

CREATE INDEX check_run_started_at ON ghostwatch.check_run (started_at);

COMMENT ON TABLE ghostwatch.check_run IS
'History of the check runs, pruned by the setting keep_check_runs.';
CREATE TABLE ghostwatch.silence (
    silence_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    contract text NOT NULL,
    invariant text,
    branch text,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at >= starts_at),
    created_by text NOT NULL,
    comment text NOT NULL,
    ended_by text
);

COMMENT ON TABLE ghostwatch.silence IS
'No new messages about these alerts until ends_at (edits, which make no sound, go on); made by ghostwatch.silence(), ended early by ghostwatch.unsilence().';
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
CREATE TABLE ghostwatch.alert (
    alert_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('violations', 'check_failing', 'checks_stopped', 'no_signups', 'drill')),
    invariant_id integer REFERENCES ghostwatch.invariant ON DELETE SET NULL,
    contract text,
    invariant text,
    rule text,
    state text NOT NULL DEFAULT 'firing' CHECK (state IN ('firing', 'resolved')),
    severity text NOT NULL CHECK (severity IN ('warn', 'error')),
    opened_at timestamptz NOT NULL,
    escalated_at timestamptz,
    clear_since timestamptz,
    resolved_at timestamptz,
    reopened_at timestamptz,
    reopened_count integer NOT NULL DEFAULT 0,
    acknowledged_at timestamptz,
    acknowledged_by text,
    acknowledge_comment text,
    silence_id bigint REFERENCES ghostwatch.silence ON DELETE SET NULL,
    warn_count integer NOT NULL DEFAULT 0,
    error_count integer NOT NULL DEFAULT 0,
    peak_count integer NOT NULL DEFAULT 0,
    sample_keys text[] NOT NULL DEFAULT '{}',
    branches jsonb NOT NULL DEFAULT '[]',
    evidence jsonb NOT NULL DEFAULT '{}',
    changed_at timestamptz NOT NULL,
    last_notified_at timestamptz
) WITH (fillfactor = 70);

-- checks_stopped belongs to no invariant; NULLs would not exclude each other.
CREATE UNIQUE INDEX alert_firing ON ghostwatch.alert (kind, coalesce(invariant_id, 0))
WHERE state = 'firing';
-- The firing one, or else the one resolved last: all that the life of an alert asks for, in one look-up.
CREATE INDEX alert_latest ON ghostwatch.alert (kind, coalesce(invariant_id, 0), resolved_at DESC NULLS FIRST);
CREATE INDEX alert_resolved_at ON ghostwatch.alert (resolved_at)
WHERE state = 'resolved';

COMMENT ON TABLE ghostwatch.alert IS
'One incident of one invariant, from firing to resolved.';
COMMENT ON COLUMN ghostwatch.alert.severity IS
'The highest since the incident opened or reopened: an error does not become a warning again.';
COMMENT ON COLUMN ghostwatch.alert.clear_since IS
'Since when nothing has been wrong while the alert is still firing; it resolves when that has lasted.';
COMMENT ON COLUMN ghostwatch.alert.silence_id IS
'The silence that suppressed its new messages when it was last decided.';
COMMENT ON COLUMN ghostwatch.alert.peak_count IS
'The most violations that were open at once.';
COMMENT ON COLUMN ghostwatch.alert.sample_keys IS
'Up to five subjects, oldest first, as they were when something was last wrong; likewise branches and evidence.';
COMMENT ON COLUMN ghostwatch.alert.changed_at IS
'When its counts were last taken and found to differ.';
COMMENT ON COLUMN ghostwatch.alert.last_notified_at IS
'When a new message about it was last due, sent or suppressed; repeats count from here.';
CREATE TABLE ghostwatch.mark (
    mark_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    marked_at timestamptz NOT NULL,
    owner regrole NOT NULL,
    label text NOT NULL
);

CREATE INDEX mark_marked_at ON ghostwatch.mark (marked_at);

COMMENT ON TABLE ghostwatch.mark IS
'Deploy markers: when something was released, for the alerts that follow; written by ghostwatch.mark().';
COMMENT ON COLUMN ghostwatch.mark.owner IS
'The role that set the marker; alerts show it if they are about contracts of this role or of roles of which it is a member.';
CREATE TABLE ghostwatch.dispatch (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    next_send_at timestamptz NOT NULL DEFAULT '-infinity',
    held_until timestamptz NOT NULL DEFAULT '-infinity',
    buttons_reader text,
    buttons_reader_until timestamptz
) WITH (fillfactor = 50);

COMMENT ON TABLE ghostwatch.dispatch IS
'What all sidecars of one bot share, in one row, which is also the lock under which they claim.';
COMMENT ON COLUMN ghostwatch.dispatch.next_send_at IS
'When the next message may go out, so that all sidecars together keep to messages_per_second.';
COMMENT ON COLUMN ghostwatch.dispatch.held_until IS
'Until when Telegram wants no message at all from this bot.';
COMMENT ON COLUMN ghostwatch.dispatch.buttons_reader IS
'The sidecar that reads which buttons are pressed; another one takes over after buttons_reader_until.';
CREATE TABLE ghostwatch.chat (
    chat_id bigint PRIMARY KEY,
    next_send_at timestamptz NOT NULL DEFAULT '-infinity',
    held_until timestamptz,
    recent_sends timestamptz[] NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);

COMMENT ON TABLE ghostwatch.chat IS
'The pace of each Telegram chat. Telegram counts by chat, so the channels that are topics of one group share it.';
COMMENT ON COLUMN ghostwatch.chat.next_send_at IS
'No sidecar sends to this chat before this moment: pace, and what the server asked for.';
COMMENT ON COLUMN ghostwatch.chat.held_until IS
'Until when the server asked for nothing to be sent; it may be past.';
COMMENT ON COLUMN ghostwatch.chat.recent_sends IS
'When the last messages went out, oldest first; as many as the longest window needs.';
CREATE TABLE ghostwatch.channel (
    channel_id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    chat_id bigint NOT NULL,
    thread_id integer,
    min_severity text NOT NULL DEFAULT 'warn' CHECK (min_severity IN ('warn', 'error')),
    events boolean NOT NULL DEFAULT true,
    contracts text[],
    quiet_from time,
    quiet_until time,
    quiet_time_zone text NOT NULL DEFAULT 'UTC',
    quiet_errors boolean NOT NULL DEFAULT false,
    button_user_ids bigint[] NOT NULL DEFAULT '{}',
    disabled_at timestamptz,
    disabled_reason text,
    topic_lost_at timestamptz,
    topic_state text CHECK (topic_state IN ('gone', 'closed')),
    migrated_at timestamptz,
    migrated_from bigint,
    sound text NOT NULL DEFAULT 'errors' CHECK (sound IN ('errors', 'all', 'none'))
);

COMMENT ON TABLE ghostwatch.channel IS
'Where messages go: a Telegram chat, optionally a topic in it; written by ghostwatch.add_channel(). The defaults of the columns are those of its arguments.';
COMMENT ON COLUMN ghostwatch.channel.contracts IS
'Only alerts of these contracts; NULL for all.';
COMMENT ON COLUMN ghostwatch.channel.disabled_reason IS
'Why nothing can be sent there, in the words of the Bot API; what is meant for it waits.';
COMMENT ON COLUMN ghostwatch.channel.topic_lost_at IS
'Since when the topic thread_id is gone, so that messages go to the chat itself; NULL while it is there.';
COMMENT ON COLUMN ghostwatch.channel.topic_state IS
'Whether the topic was found gone or closed at topic_lost_at.';
COMMENT ON COLUMN ghostwatch.channel.migrated_from IS
'The chat id before the group became a supergroup, as the Bot API said at migrated_at; add_channel() with that id goes back to it.';
COMMENT ON COLUMN ghostwatch.channel.sound IS
'Which new messages make a sound: those about errors that fire, all, or none; edits never do.';
CREATE TABLE ghostwatch.notification (
    notification_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    channel_id integer NOT NULL REFERENCES ghostwatch.channel ON DELETE CASCADE,
    alert_id bigint REFERENCES ghostwatch.alert ON DELETE CASCADE,
    reason text NOT NULL CHECK (reason IN (
        'opened', 'escalated', 'reopened', 'repeated', 'resolved', 'updated',
        'events', 'digest', 'outage_summary', 'maintenance', 'silence_ended', 'details', 'channel_closed', 'usual_rate', 'test'
    )),
    payload jsonb NOT NULL DEFAULT '{}',
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'claimed', 'sent', 'failed', 'suppressed', 'superseded')),
    state_reason text,
    covered_by bigint REFERENCES ghostwatch.notification ON DELETE SET NULL,
    created_at timestamptz NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    waits_for text CHECK (waits_for IN ('messenger', 'token', 'chat')),
    unconfirmed_sends integer NOT NULL DEFAULT 0,
    unconfirmed_at timestamptz,
    claimed_by text,
    lease_until timestamptz,
    rendered_at timestamptz,
    message_id bigint,
    sent_at timestamptz
) WITH (fillfactor = 70);

CREATE INDEX notification_waiting ON ghostwatch.notification (channel_id, next_attempt_at)
WHERE state IN ('pending', 'claimed');
CREATE INDEX notification_alert_id ON ghostwatch.notification (alert_id, channel_id);
CREATE INDEX notification_covered_by ON ghostwatch.notification (covered_by)
WHERE covered_by IS NOT NULL;
-- Runs that keep something back for the same morning share one digest.
CREATE UNIQUE INDEX notification_digest ON ghostwatch.notification (channel_id)
WHERE reason = 'digest' AND state = 'pending';
CREATE INDEX notification_waits_for ON ghostwatch.notification (waits_for)
WHERE waits_for IS NOT NULL AND state = 'pending';
CREATE INDEX notification_created_at ON ghostwatch.notification (created_at);

COMMENT ON TABLE ghostwatch.notification IS
'The outbox: one message to one channel. Rendered when it is sent, from the state of its alert at that time.';
COMMENT ON COLUMN ghostwatch.notification.waits_for IS
'What the next attempt waits for: that Telegram answers, that it takes the token, or the time that the chat was asked to be left alone; NULL if nothing of it.';
COMMENT ON COLUMN ghostwatch.notification.unconfirmed_sends IS
'How often it was sent without an answer, so that it may have arrived; not more than twice.';
COMMENT ON COLUMN ghostwatch.notification.unconfirmed_at IS
'When it was first claimed and may have arrived although no sidecar reported that it did; NULL if that never happened.';
COMMENT ON COLUMN ghostwatch.notification.rendered_at IS
'When it was last claimed: it says, or would have said, what was true at that time.';
COMMENT ON COLUMN ghostwatch.notification.covered_by IS
'The later notification that contains this one: of one superseded, or suppressed for a digest or outage summary.';
CREATE TABLE ghostwatch.event (
    event_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    subject_key text NOT NULL,
    payload jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    gathered_at timestamptz
);

-- Finds those that wait, in order, and those that were kept long enough.
CREATE INDEX event_gathered_at ON ghostwatch.event (gathered_at, event_id);
-- A contract may require that an event was posted.
CREATE INDEX event_subject_key ON ghostwatch.event (subject_key);

COMMENT ON TABLE ghostwatch.event IS
'Something that admins want to know and that is no alert (a user started the bot). Written without NOTIFY; found by polling.';
COMMENT ON COLUMN ghostwatch.event.gathered_at IS
'When it went into a notification; NULL while it waits. Kept a while longer, so that it can be shown that it was posted.';
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
CREATE TABLE ghostwatch.button_press (
    press_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    pressed_at timestamptz NOT NULL,
    chat_id bigint NOT NULL,
    user_id bigint NOT NULL,
    user_name text NOT NULL,
    action text NOT NULL,
    alert_id bigint NOT NULL,
    allowed boolean NOT NULL,
    answer text NOT NULL
);

CREATE INDEX button_press_pressed_at ON ghostwatch.button_press (pressed_at);
CREATE INDEX button_press_refused ON ghostwatch.button_press (press_id)
WHERE NOT allowed;

COMMENT ON TABLE ghostwatch.button_press IS
'Who pressed which button under an alert, and the answer; also presses that were not allowed.';
COMMENT ON COLUMN ghostwatch.button_press.alert_id IS
'The alert that was meant; no foreign key, since the number came from outside.';
-- What only one session at a time may do locks its row. An advisory lock would be open to everybody who can connect;
-- these rows can be locked only by the owner of ghostwatch, whose functions do it.
CREATE TABLE ghostwatch.exclusive_task (
    name text NOT NULL,
    CONSTRAINT exclusive_task_pkey PRIMARY KEY (name)
);

COMMENT ON TABLE ghostwatch.exclusive_task IS 'Tasks that one session at a time performs; it holds a lock on the row.';
COMMENT ON COLUMN ghostwatch.exclusive_task.name IS 'The task.';

INSERT INTO ghostwatch.exclusive_task (name)
VALUES ('decide checks_stopped');
-- ghostwatch grants by its own functions only, so whatever else the catalogs show was granted by somebody else.
CREATE TABLE ghostwatch.granted_role (
    role regrole NOT NULL,
    kind text NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT granted_role_pkey PRIMARY KEY (role, kind),
    CONSTRAINT granted_role_kind_check CHECK (kind IN ('operator', 'sidecar', 'viewer', 'app'))
);

COMMENT ON TABLE ghostwatch.granted_role IS 'The roles that ghostwatch granted privileges to; the doctor reports every other grantee.';
COMMENT ON COLUMN ghostwatch.granted_role.role IS 'The role.';
COMMENT ON COLUMN ghostwatch.granted_role.kind IS 'operator (grant_operator), sidecar (grant_sidecar), viewer (grant_viewer) or app (onboarding.grant_app).';
COMMENT ON COLUMN ghostwatch.granted_role.granted_at IS 'When it was granted first.';
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

-- what every room needs: the time, the settings, and the clauses of contracts
CREATE FUNCTION ghostwatch._clock()
RETURNS timestamptz
LANGUAGE sql
VOLATILE
PARALLEL SAFE
-- No session can set it: a session that could move the time could mute a chat or escape a check.
-- Parsed when it is created, since it may be called under any search path; a SET clause would cost more than the rest.
RETURN clock_timestamp();

COMMENT ON FUNCTION ghostwatch._clock() IS
'The present time. ghostwatch reads it nowhere else.';
CREATE FUNCTION ghostwatch._installed_version_is(
    version text
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_installed_version_is$
-- For what commits and goes on: an upgrade waits for the transaction that asks, and whoever asks during an upgrade
-- waits for the upgrade. So no run that began with the functions of one version goes on with those of another.
-- Takes the version that the caller was built with; returns false when it is no longer the installed one.
-- An upgrade that waits for this transaction has taken no other lock yet, so nobody waits behind it but check runs.
BEGIN
    LOCK TABLE ghostwatch.installation IN ACCESS SHARE MODE;
    RETURN EXISTS (SELECT FROM ghostwatch.installation AS i WHERE i.version = _installed_version_is.version);
END
$_installed_version_is$;

COMMENT ON FUNCTION ghostwatch._installed_version_is(text) IS
'Whether this version is the installed one; keeps it so until the end of the transaction.';
CREATE FUNCTION ghostwatch._enter_search_path(
    path text
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL RESTRICTED
-- No SET clause, at whose end the path would be restored. It lasts until the calling function, which has one, returns.
BEGIN ATOMIC
    SELECT set_config('search_path', path, true);
END;

COMMENT ON FUNCTION ghostwatch._enter_search_path(text) IS
'Has the names in declared expressions looked up along the path of their contract, until ghostwatch._leave_search_path() or the end of the calling function.';
CREATE FUNCTION ghostwatch._leave_search_path()
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL RESTRICTED
-- No SET clause, at whose end the path would be restored.
BEGIN ATOMIC
    SELECT set_config('search_path', 'pg_catalog, pg_temp', true);
END;

COMMENT ON FUNCTION ghostwatch._leave_search_path() IS
'Has names looked up in pg_catalog again, after ghostwatch._enter_search_path().';
CREATE FUNCTION ghostwatch._take_task(
    name text
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: check runs call it as operators, who cannot lock the row themselves.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_take_task$
-- Never waits: if the row is locked, another session performs the task.
BEGIN
    PERFORM
    FROM ghostwatch.exclusive_task AS t
    WHERE t.name = _take_task.name
    FOR NO KEY UPDATE SKIP LOCKED;

    RETURN FOUND;
END
$_take_task$;

COMMENT ON FUNCTION ghostwatch._take_task(text) IS
'Takes a task for this transaction; returns false where another session performs it.';
CREATE FUNCTION ghostwatch._is_own(
    owner regrole
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
-- Parsed when it is created, and without a SET clause, so that PostgreSQL puts it in the place of the call.
RETURN pg_has_role(owner, 'USAGE') OR pg_has_role((SELECT n.nspowner FROM pg_namespace AS n WHERE n.nspname = 'ghostwatch'), 'USAGE');

COMMENT ON FUNCTION ghostwatch._is_own(regrole) IS
'Whether the current role acts for the role that owns something, or for the owner of ghostwatch.';
CREATE FUNCTION ghostwatch._credential()
RETURNS uuid
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_credential$
-- The default of an argument is evaluated with the rights of the caller. So a function that is a definer, and has
-- an argument with this default, learns who calls it; whoever passes another value needs the secret of that role.
DECLARE
    its_secret uuid := (SELECT s.secret FROM ghostwatch.role_secret AS s WHERE s.role = quote_ident(current_user)::regrole);
BEGIN
    IF its_secret IS NULL THEN
        INSERT INTO ghostwatch.role_secret (made_at)
        VALUES (clock_timestamp())
        ON CONFLICT DO NOTHING;

        its_secret := (SELECT s.secret FROM ghostwatch.role_secret AS s WHERE s.role = quote_ident(current_user)::regrole);
    END IF;

    RETURN its_secret;
END
$_credential$;

COMMENT ON FUNCTION ghostwatch._credential() IS
'What proves to the functions of ghostwatch that the current role calls them.';
CREATE FUNCTION ghostwatch._caller(
    credential uuid
)
RETURNS regrole
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_caller$
-- The role that calls a definer, by what ghostwatch._credential() gave it. Volatile, so that it sees a credential that was
-- made for this very call: @plpgsql_check_options: performance_warnings = false
DECLARE
    its_role regrole := (SELECT s.role FROM ghostwatch.role_secret AS s WHERE s.secret = _caller.credential);
BEGIN
    IF its_role IS NULL THEN
        RAISE EXCEPTION 'this credential is no role''s'
        USING
            ERRCODE = 'GW061',
            DETAIL = 'A function that changes records of contracts learns from its argument "credential" which role calls it.',
            HINT = 'Leave the argument out: its default is the credential of the current role.';
    END IF;

    RETURN its_role;
END
$_caller$;

COMMENT ON FUNCTION ghostwatch._caller(uuid) IS
'The role that a credential belongs to. Raises GW061 (no role has it).';
-- A view reads with the rights of its owner, whom row level security does not bind: so it says itself who sees what.
CREATE VIEW ghostwatch._clause AS
SELECT
    i.invariant_id,
    i.contract_id,
    c.name AS contract,
    i.name AS invariant,
    c.owner,
    c.subject,
    c.key_column AS key_columns,
    c.born_at_column,
    c.born_at_expression,
    c.branch_expression,
    c.exempt_predicate,
    c.exempt_branches,
    c.time_zone,
    c.lateness,
    c.capture,
    c.search_path,
    i.related,
    i.related_key_column AS related_key_columns,
    coalesce(i.subject_column, c.key_column) AS subject_columns,
    i.predicate,
    i.at_least,
    i.exactly,
    i.no_row,
    i.no_row OR i.exactly IS NOT NULL AS breaks_later,
    i.related_at_column,
    i.warn_after,
    i.error_after,
    i.watch_for,
    coalesce(i.warn_after, i.error_after) AS deadline,
    i.rule
FROM ghostwatch.invariant AS i
INNER JOIN ghostwatch.contract AS c ON i.contract_id = c.contract_id
WHERE ghostwatch._is_own(c.owner);

-- So that a condition of whoever reads it is not shown the rows that it hides.
ALTER VIEW ghostwatch._clause SET (security_barrier);

COMMENT ON VIEW ghostwatch._clause IS
'One row per invariant with what its contract says: all that a check needs to know.';
CREATE FUNCTION ghostwatch._setting_defaults()
RETURNS TABLE (
    name text,
    value_type regtype,
    default_value text,
    minimum text,
    maximum text,
    description text
)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 20
SET search_path = pg_catalog, pg_temp
AS $_setting_defaults$
    -- A thousand years stands for no limit: such a moment is still a valid timestamp.
    VALUES
        ('paused', 'boolean'::regtype, 'false', NULL, NULL,
            'While true, check runs do nothing. Changed by ghostwatch.pause() and ghostwatch.resume().'),
        ('check_period', 'interval', '1 minute', '1 second', '1000 years',
            'How often check runs are expected; after three periods without success they count as stopped. Changed by ghostwatch.schedule().'),
        ('batch_size', 'integer', '10000', '1', NULL,
            'How many subjects a check judges in one statement, and how many old rows of a table a run removes.'),
        ('run_budget', 'interval', '45 seconds', '1 second', '1000 years',
            'A check run starts no further check after this time; the next run continues.'),
        ('lock_wait', 'interval', '5 seconds', '1 millisecond', '1 hour',
            'How long a check waits for a lock on a table before it gives up until the next run.'),
        ('lock_timeout', 'interval', '200 milliseconds', '1 millisecond', '1 hour',
            'How long a statement that locks an application''s table waits each time; writers of the table wait behind it.'),
        ('lock_attempts', 'integer', '10', '1', '1000',
            'How often such a statement is tried, with growing pauses, before it fails.'),
        ('update_interval', 'interval', '1 minute', '0', '1000 years',
            'A message in the chat is edited at most this often.'),
        ('repeat_interval', 'interval', '4 hours', '1 second', '1000 years',
            'An alert that keeps firing and is not acknowledged is repeated this often.'),
        ('resolve_after', 'interval', '5 minutes', '0', '1000 years',
            'An alert of the rule threshold resolves after nothing was wrong for this long.'),
        ('reopen_within', 'interval', '30 minutes', '0', '1000 years',
            'An alert that fires again this soon after it was resolved continues the same incident.'),
        ('event_interval', 'interval', '15 seconds', '0', '1000 years',
            'Events that occur sooner after the last message about events are collected in the next one.'),
        ('chat_interval', 'interval', '1 second', '0', '1000 years',
            'Two messages to one chat are at least this far apart.'),
        ('group_messages_per_minute', 'integer', '20', '1', NULL,
            'A group gets at most this many messages a minute, at most half of them edits; Telegram allows 20.'),
        ('messages_per_second', 'integer', '30', '1', NULL,
            'All chats together get at most this many messages a second; Telegram allows a bot 30.'),
        ('keep_check_runs', 'interval', '7 days', '1 hour', '1000 years',
            'How long the history of check runs is kept.'),
        ('keep_branch_minutes', 'interval', '90 days', '1 day', '1000 years',
            'How long the counts per minute and branch family are kept; baselines and backtests read them.'),
        ('keep_closed_violations', 'interval', '90 days', '1 hour', '1000 years',
            'How long violations are kept after they recovered or expired.'),
        ('keep_events', 'interval', '1 day', '1 hour', '1000 years',
            'How long events are kept after they went into a notification; no less than contracts that require one watch for it.'),
        ('keep_notifications', 'interval', '30 days', '1 hour', '1000 years',
            'How long notifications are kept after they were sent, suppressed or given up.'),
        ('keep_alerts', 'interval', '1 year', '1 day', '1000 years',
            'How long alerts are kept after they were resolved, silences after they ended, and deploy markers.'),
        ('keep_sidecars', 'interval', '1 day', '5 minutes', '1000 years',
            'How long a sidecar that reports no longer stays in the list.'),
        ('page_sample_keys', 'boolean', 'false', NULL, NULL,
            'While true, the page and the roles of grant_viewer() see sample keys of subjects, and errors of checks in full.')
$_setting_defaults$;

COMMENT ON FUNCTION ghostwatch._setting_defaults() IS
'Every setting, in the order in which the settings are shown, with its type, default, minimum and maximum (NULL: none).';
CREATE FUNCTION ghostwatch._setting(
    name text
)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_setting$
-- A function with its own search path is planned once in a session, whoever calls it.
DECLARE
    setting_value text;
BEGIN
    SELECT coalesce(s.value, d.default_value)
    INTO setting_value
    FROM ghostwatch._setting_defaults() AS d
    LEFT JOIN ghostwatch.changed_setting AS s
        ON s.name = d.name
    WHERE d.name = _setting.name;

    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no setting %', quote_nullable(_setting.name)
        USING
            ERRCODE = 'GW050',
            DETAIL = 'No setting of ghostwatch has this name.',
            HINT = 'To see them all: SELECT * FROM ghostwatch.settings;';
    END IF;

    RETURN setting_value;
END
$_setting$;

COMMENT ON FUNCTION ghostwatch._setting(text) IS
'The value of a setting in force, as text. Raises GW050 for a name that is no setting.';
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
CREATE FUNCTION ghostwatch.set_setting(
    name text,
    value text
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change settings by this function only, which knows their bounds.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $set_setting$
-- Check runs and sidecars read the new value when they next need it.
DECLARE
    setting      record;
    out_of_range boolean;
    problem      text;
BEGIN
    PERFORM ghostwatch._setting(set_setting.name);

    SELECT d.*
    INTO STRICT setting
    FROM ghostwatch._setting_defaults() AS d
    WHERE d.name = set_setting.name;

    -- The type's own input function decides, so that what is stored can always be cast back.
    BEGIN
        EXECUTE format('SELECT $1::%1$s NOT BETWEEN coalesce($2::%1$s, $1::%1$s) AND coalesce($3::%1$s, $1::%1$s)', setting.value_type)
        INTO out_of_range
        USING set_setting.value, setting.minimum, setting.maximum;
        IF set_setting.value IS NULL THEN
            problem := 'It is NULL.';
        ELSIF out_of_range THEN
            problem := concat_ws(' ', format('It is at least %s', setting.minimum), 'and at most ' || setting.maximum) || '.';
        END IF;
    EXCEPTION
        WHEN data_exception THEN
            problem := format('%s: %s.', SQLSTATE, SQLERRM);
    END;

    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'setting % needs a value of type %, not %',
            set_setting.name, setting.value_type, quote_nullable(set_setting.value)
        USING
            ERRCODE = 'GW051',
            DETAIL = problem,
            HINT = format('For example: SELECT ghostwatch.set_setting(%L, %L);', set_setting.name, setting.default_value);
    END IF;

    INSERT INTO ghostwatch.changed_setting AS s (name, value, changed_at, changed_by)
    VALUES (set_setting.name, set_setting.value, ghostwatch._clock(), session_user)
    ON CONFLICT ON CONSTRAINT changed_setting_pkey DO UPDATE
    SET
        value = excluded.value,
        changed_at = excluded.changed_at,
        changed_by = excluded.changed_by
    WHERE s.value <> excluded.value;
END
$set_setting$;

COMMENT ON FUNCTION ghostwatch.set_setting(text, text) IS
'Changes a setting (see the view ghostwatch.settings). Raises GW050 for a name that is no setting, GW051 for a malformed value.';
CREATE FUNCTION ghostwatch.reset_setting(
    name text
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change settings by this function only.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $reset_setting$
-- Operators have no rights on the table of changed settings.
BEGIN
    PERFORM ghostwatch._setting(reset_setting.name);

    DELETE FROM ghostwatch.changed_setting AS s
    WHERE s.name = reset_setting.name;
END
$reset_setting$;

COMMENT ON FUNCTION ghostwatch.reset_setting(text) IS
'Gives a setting its default value again. Raises GW050 for a name that is no setting.';
CREATE FUNCTION ghostwatch._overdue_after()
RETURNS interval
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_overdue_after$
    -- Three periods, and at least half a minute, so that one slow run among runs every second is no alarm.
    SELECT greatest(3 * ghostwatch._setting('check_period')::interval, '30 seconds'::interval)
$_overdue_after$;

COMMENT ON FUNCTION ghostwatch._overdue_after() IS
'How long no check may succeed before the checks count as stopped.';
CREATE FUNCTION ghostwatch._pluralize(
    count bigint,
    word text
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN format('%s %s', count, CASE WHEN count = 1 THEN word ELSE word || 's' END);

COMMENT ON FUNCTION ghostwatch._pluralize(bigint, text) IS
'A number and a noun in English: 1 alert, 2 alerts.';
CREATE FUNCTION ghostwatch._wake_sidecars()
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_wake_sidecars$
-- Called where a row enters the outbox, so that no caller has to report that it did. Never called in the transaction of a signup:
-- commits that notify wait for each other. PostgreSQL removes duplicates within a transaction.
BEGIN
    PERFORM pg_notify('ghostwatch', '');

    -- Read by ghostwatch._relax_commit(). Rolled back with the row, if a savepoint is.
    PERFORM set_config('ghostwatch.has_notified', 'on', true);
END
$_wake_sidecars$;

COMMENT ON FUNCTION ghostwatch._wake_sidecars() IS
'Wakes the sidecars when this transaction commits.';
CREATE FUNCTION ghostwatch._relax_commit()
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_relax_commit$
-- A crash may cost the results of a check, which the next run finds again, but not a message that was announced.
BEGIN
    IF current_setting('ghostwatch.has_notified', true) IS DISTINCT FROM 'on' THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
END
$_relax_commit$;

COMMENT ON FUNCTION ghostwatch._relax_commit() IS
'Lets this transaction commit without waiting for the disk, unless it wakes the sidecars.';
CREATE FUNCTION ghostwatch._rule_settings()
RETURNS text[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN '{rule,warn_after,error_after,watch_for,min_count,min_rate,days_per_false_alarm,expected_rate,branch_ceiling}'::text[];

COMMENT ON FUNCTION ghostwatch._rule_settings() IS
'The arguments of ghostwatch.declare_invariant() that decide when an alert fires, and that a backtest can change.';
CREATE FUNCTION ghostwatch._lack(
    invariant ghostwatch.invariant
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN format(
    CASE
        WHEN (invariant).no_row THEN 'with %2$s that must not be'
        WHEN (invariant).exactly IS NOT NULL THEN 'without exactly %1$s %2$s'
        WHEN (invariant).at_least > 1 THEN 'without %1$s %2$s'
        ELSE 'without %2$s'
    END,
    coalesce((invariant).exactly, (invariant).at_least),
    (invariant).missing_label
);

COMMENT ON FUNCTION ghostwatch._lack(ghostwatch.invariant) IS
'What is wrong with a subject that breaks an invariant, to stand behind it in a sentence: without a first meme.';
-- Every rule is a function
--     ghostwatch._<rule>_result(invariant_id integer, as_of timestamptz) RETURNS ghostwatch._rule_result
-- that only reads; ghostwatch._advance_alert() makes the life of an alert from its results.
--     firing       something is wrong (for drift: until the evidence says that it is over)
--     severity     warn or error, while firing
--     warn_count, error_count  open violations, as messages show them
--     sample_keys  up to five, oldest first
--     branches     [{"family": text, "violations": n, "due": n, "named": true}, ...], the most important first;
--                  "named" by rules that attribute: then only silences of those families silence the alert
--     evidence     thresholds, baseline, statistic; "query", if the rule has one, is SQL that reproduces its numbers
--     rule         the rule whose finding it is: auto follows another one
--     clear_for    how long nothing must be wrong before the alert resolves: 0 for at once; NULL while that is unknown
CREATE TYPE ghostwatch._rule_result AS (
    firing boolean,
    severity text,
    warn_count integer,
    error_count integer,
    sample_keys text[],
    branches jsonb,
    evidence jsonb,
    clear_for interval,
    rule text
);

COMMENT ON TYPE ghostwatch._rule_result IS
'What a rule finds for an invariant: whether something is wrong, how severe, how many violations, by which branches, and the evidence.';
CREATE FUNCTION ghostwatch._apply_declaration(
    declared anyelement,
    given jsonb,
    reset text[],
    others text[] DEFAULT '{}'
)
RETURNS anyelement
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_apply_declaration$
-- Every declaration changes what is given and keeps the rest, so that no statement reverts another. The defaults stand in
-- one place, the DEFAULT clauses of the table, and a column is set to its default only by its name in reset.
-- declared: the row as it was declared before, or NULL for a new one. given: every argument with its value, null where it
-- was left out; named as the columns. Columns without a default that must not be null cannot be reset.
-- others: arguments without a column of their name, which the caller resets.
-- Raises GW018.
-- Defaults of this schema's own tables are evaluated, and no other text: @plpgsql_check_options: security_warnings = false
DECLARE
    relation constant regclass := (SELECT t.typrelid FROM pg_type AS t WHERE t.oid = pg_typeof(declared));
    names text[];
    default_list text;
    defaults jsonb;
BEGIN
    SELECT
        array_agg(a.attname ORDER BY a.attnum),
        string_agg(format('%L, %s', a.attname, coalesce(pg_get_expr(d.adbin, d.adrelid), 'NULL')), ', ')
    INTO names, default_list
    FROM pg_attribute AS a
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = relation AND given ? a.attname::text AND (d.oid IS NOT NULL OR NOT a.attnotnull);

    names := names || others;
    IF NOT coalesce(reset, '{}') <@ names THEN
        RAISE EXCEPTION '% cannot be reset', (
                SELECT string_agg(quote_nullable(r.name), ', ') FROM unnest(reset) AS r (name) WHERE (r.name = ANY (names)) IS NOT TRUE
            )
            USING ERRCODE = 'GW018',
                  DETAIL = format('Arguments that can be reset to their defaults: %s.', array_to_string(names, ', ')),
                  HINT = format('For example: reset => %L', names[1:1]);
    END IF;

    IF reset && ARRAY(SELECT g.key FROM jsonb_each(given) AS g WHERE g.value <> 'null') THEN
        RAISE EXCEPTION 'an argument is both given and reset'
            USING ERRCODE = 'GW018',
                  DETAIL = format('reset is %s, and values are given for %s.', reset,
                                  (SELECT string_agg(g.key, ', ') FROM jsonb_each(given) AS g WHERE g.value <> 'null' AND g.key = ANY (reset))),
                  HINT = 'Give its value, or name it in reset.';
    END IF;

    EXECUTE format('SELECT jsonb_build_object(%s)', default_list) INTO defaults;
    IF NOT (declared IS NULL) THEN
        defaults := (SELECT coalesce(jsonb_object_agg(d.key, d.value), '{}') FROM jsonb_each(defaults) AS d WHERE d.key = ANY (reset));
    END IF;

    RETURN jsonb_populate_record(
        declared,
        defaults || (SELECT coalesce(jsonb_object_agg(g.key, g.value), '{}') FROM jsonb_each(given) AS g WHERE g.value <> 'null')
    );
END
$_apply_declaration$;

COMMENT ON FUNCTION ghostwatch._apply_declaration(anyelement, jsonb, text[], text[]) IS
'A declared row with what is given changed, what is reset set to the default of its column, and the rest kept. Raises GW018 (reset names no such argument, or one that is given).';
CREATE FUNCTION ghostwatch._mark_before(
    its_alert ghostwatch.alert
)
RETURNS jsonb
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_mark_before$
    -- What was released last before an alert began, within an hour: often the cause. The rule drift says since when the
    -- rate has changed; every other alert begins when it opens or comes back.
    -- Takes the alert; returns label, marked_at and after (in seconds), or NULL. That the checks stopped concerns every contract.
    SELECT
        jsonb_build_object(
            'label', m.label,
            'marked_at', m.marked_at,
            'after', extract(EPOCH FROM began.at - m.marked_at)
        )
    FROM (
        SELECT
            coalesce(
                (_mark_before.its_alert.evidence ->> 'since')::timestamptz,
                greatest(_mark_before.its_alert.opened_at, _mark_before.its_alert.reopened_at)
            )
    ) AS began (at)
    INNER JOIN ghostwatch.mark AS m
        ON m.marked_at <= began.at
        AND m.marked_at > began.at - '1 hour'::interval
    WHERE _mark_before.its_alert.contract IS NULL
        OR EXISTS (
            SELECT
            FROM ghostwatch.contract AS c
            WHERE c.name = _mark_before.its_alert.contract
                AND pg_has_role(m.owner, c.owner, 'USAGE')
        )
    ORDER BY m.marked_at DESC, m.mark_id DESC
    LIMIT 1
$_mark_before$;

COMMENT ON FUNCTION ghostwatch._mark_before(ghostwatch.alert) IS
'The deploy marker that an alert followed within an hour, with the seconds between them; NULL if there is none.';

-- declare: what must hold
CREATE FUNCTION ghostwatch._contract_id(
    contract text
)
RETURNS integer
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
-- A definer: names are unique over all roles, and no secret.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_contract_id$
-- The message names the contracts that exist.
DECLARE
    found_id integer := (SELECT c.contract_id FROM ghostwatch.contract AS c WHERE c.name = contract);
    names text;
BEGIN
    IF found_id IS NULL THEN
        SELECT string_agg(quote_literal(c.name), ', ' ORDER BY c.name) INTO names FROM ghostwatch.contract AS c;

        RAISE EXCEPTION 'there is no contract %', coalesce(quote_literal(contract), 'NULL')
            USING ERRCODE = 'GW001',
                  DETAIL = coalesce('Declared contracts: ' || names || '.', 'No contract is declared in this database.'),
                  HINT = format('SELECT ghostwatch.declare_contract(%L, ''your_table'')', coalesce(contract, 'name'));
    END IF;

    RETURN found_id;
END
$_contract_id$;

COMMENT ON FUNCTION ghostwatch._contract_id(text) IS
'The id of a contract that must exist. Raises GW001 (no such contract).';
CREATE FUNCTION ghostwatch._invariant_id(
    contract text,
    invariant text
)
RETURNS integer
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
-- A definer: names are unique over all roles, and no secret.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_invariant_id$
-- The message names the invariants that exist.
DECLARE
    its_contract_id integer := ghostwatch._contract_id(contract);
    found_id integer;
    names text;
BEGIN
    SELECT i.invariant_id
    INTO found_id
    FROM ghostwatch.invariant AS i
    WHERE i.contract_id = its_contract_id AND i.name = invariant;

    IF found_id IS NULL THEN
        SELECT string_agg(quote_literal(i.name), ', ' ORDER BY i.name)
        INTO names
        FROM ghostwatch.invariant AS i
        WHERE i.contract_id = its_contract_id;

        RAISE EXCEPTION 'contract % has no invariant %', quote_literal(contract), coalesce(quote_literal(invariant), 'NULL')
            USING ERRCODE = 'GW007',
                  DETAIL = coalesce('Its invariants: ' || names || '.', 'It has no invariant yet.'),
                  HINT = format('SELECT ghostwatch.declare_invariant(%L, %L, ''related_table'', ''subject_id'')', contract, coalesce(invariant, 'name'));
    END IF;

    RETURN found_id;
END
$_invariant_id$;

COMMENT ON FUNCTION ghostwatch._invariant_id(text, text) IS
'The id of an invariant that must exist. Raises GW001 (no such contract), GW007 (no such invariant).';
CREATE FUNCTION ghostwatch._contract_owner(
    contract_id integer
)
RETURNS regrole
LANGUAGE sql
STABLE
PARALLEL SAFE
-- A definer: an error says whose contract it is, though row level security hides the contract.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_contract_owner$
    -- Who owns a contract is no secret; what it says is.
    SELECT c.owner FROM ghostwatch.contract AS c WHERE c.contract_id = _contract_owner.contract_id
$_contract_owner$;

COMMENT ON FUNCTION ghostwatch._contract_owner(integer) IS
'The role that declared a contract; NULL where there is no such contract.';
CREATE FUNCTION ghostwatch._require_contract_owner(
    contract_id integer,
    declaring boolean DEFAULT false,
    role regrole DEFAULT quote_ident(current_user)::regrole
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
-- A definer: row level security hides the contracts of others, and then their owner could not be named.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_require_contract_owner$
-- Checking an expression plans it, which runs functions that its owner wrote. A superuser, or a member of the owner,
-- would run them with more rights than the owner has, so only the owner itself declares. Raises GW008.
DECLARE
    its_contract ghostwatch.contract;
BEGIN
    SELECT c.* INTO its_contract FROM ghostwatch.contract AS c
    WHERE c.contract_id = _require_contract_owner.contract_id;

    IF NOT (
            pg_has_role(role, its_contract.owner, 'USAGE')
            -- Whoever owns the tables may change them anyway; and buttons are pressed with these rights.
            OR pg_has_role(role, (SELECT n.nspowner FROM pg_namespace AS n WHERE n.nspname = 'ghostwatch'), 'USAGE')
        )
        OR (declaring AND its_contract.owner <> role) THEN
        RAISE EXCEPTION 'contract % belongs to role %', quote_literal(its_contract.name), its_contract.owner
            USING ERRCODE = 'GW008',
                  DETAIL = 'Its expressions run with the rights of the role that declared it, so only that role may change it.',
                  HINT = format('SET ROLE %s;', its_contract.owner);
    END IF;
END
$_require_contract_owner$;

COMMENT ON FUNCTION ghostwatch._require_contract_owner(integer, boolean, regrole) IS
'Refuses roles that are no member of the one that declared the contract and, where expressions are checked (declaring), every other role. Raises GW008.';
CREATE FUNCTION ghostwatch._require_own_invariant(
    invariant_id integer,
    credential uuid
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_require_own_invariant$
    -- What is recorded about an invariant is recorded by the role whose contract it belongs to.
    SELECT ghostwatch._require_contract_owner(
        (SELECT i.contract_id FROM ghostwatch.invariant AS i WHERE i.invariant_id = _require_own_invariant.invariant_id),
        role => ghostwatch._caller(_require_own_invariant.credential)
    )
$_require_own_invariant$;

COMMENT ON FUNCTION ghostwatch._require_own_invariant(integer, uuid) IS
'Refuses a role that is no member of the one that declared the invariant''s contract. Raises GW008, GW061.';
CREATE FUNCTION ghostwatch._relation_name(
    relation regclass
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_relation_name$
    -- A dropped table has no other name than the one that was kept.
    SELECT coalesce(
        (SELECT r.oid::regclass::text FROM pg_class AS r WHERE r.oid = relation),
        (SELECT c.subject_name FROM ghostwatch.contract AS c WHERE c.subject = relation LIMIT 1),
        (SELECT i.related_name FROM ghostwatch.invariant AS i WHERE i.related = relation LIMIT 1)
    )
$_relation_name$;

COMMENT ON FUNCTION ghostwatch._relation_name(regclass) IS
'The name of a table of a contract; after it was dropped, its last one.';
CREATE FUNCTION ghostwatch._keep_relation_name()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_keep_relation_name$
-- A regclass follows renames, but after DROP TABLE it is a number that says nothing to anybody.
BEGIN
    IF TG_RELID = 'ghostwatch.contract'::regclass THEN
        NEW.subject_name := coalesce(ghostwatch._relation_name(NEW.subject), NEW.subject_name);
    ELSE
        NEW.related_name := coalesce(ghostwatch._relation_name(NEW.related), NEW.related_name);
    END IF;
    RETURN NEW;
END
$_keep_relation_name$;

COMMENT ON FUNCTION ghostwatch._keep_relation_name() IS
'Keeps the name of a contract''s table beside its object identifier.';

CREATE TRIGGER keep_relation_name
BEFORE INSERT OR UPDATE ON ghostwatch.contract
FOR EACH ROW EXECUTE FUNCTION ghostwatch._keep_relation_name();

CREATE TRIGGER keep_relation_name
BEFORE INSERT OR UPDATE ON ghostwatch.invariant
FOR EACH ROW EXECUTE FUNCTION ghostwatch._keep_relation_name();
CREATE FUNCTION ghostwatch._successor(
    owner regrole,
    name text
)
RETURNS regclass
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_successor$
    -- Reading a table runs its owner's code (policies, views) with the rights of the contract's owner. So what anybody
    -- may put in the place of a dropped table counts for nothing.
    SELECT r.oid::regclass
    FROM pg_class AS r
    INNER JOIN pg_namespace AS n
        ON n.oid = r.relnamespace
    INNER JOIN pg_roles AS o
        ON o.oid = r.relowner
    WHERE r.oid = to_regclass(_successor.name)
        AND r.relkind IN ('r', 'p', 'f', 'v', 'm')
        AND (
            o.rolsuper
            OR r.relowner = n.nspowner
            OR pg_has_role(_successor.owner, r.relowner, 'USAGE')
        )
$_successor$;

COMMENT ON FUNCTION ghostwatch._successor(regrole, text) IS
'The table that took the name of a dropped one, if it belongs to a superuser, the owner of its schema, or a role of which the contract''s owner is a member.';
CREATE FUNCTION ghostwatch._capture_name(
    contract_id integer
)
RETURNS name
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN format('ghostwatch_capture_%s', contract_id)::name;

COMMENT ON FUNCTION ghostwatch._capture_name(integer) IS
'What the trigger that notes a contract''s arrivals, and the function of that trigger, are called.';
CREATE FUNCTION ghostwatch._enforcement_name(
    contract_id integer
)
RETURNS name
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- By number, since a contract's name may be longer than a name in Postgres.
    SELECT format('ghostwatch_enforce_%s', _enforcement_name.contract_id)::name;
END;

COMMENT ON FUNCTION ghostwatch._enforcement_name(integer) IS
'What the trigger that enforces a contract, and the function of that trigger, are called.';
CREATE FUNCTION ghostwatch._partitions(
    relation oid
)
RETURNS SETOF oid
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_partitions$
    -- From the catalog: pg_partition_tree() locks what it lists, and would wait for the very session that is looked for.
    WITH RECURSIVE tree AS (
        SELECT _partitions.relation AS relid
        UNION
        SELECT i.inhrelid
        FROM tree AS t
        INNER JOIN pg_inherits AS i
            ON i.inhparent = t.relid
    )

    SELECT t.relid
    FROM tree AS t
$_partitions$;

COMMENT ON FUNCTION ghostwatch._partitions(oid) IS
'A table and all its partitions, without a lock on any of them.';
CREATE FUNCTION ghostwatch._lock_holders(
    relations regclass[],
    wanted_mode text
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_lock_holders$
-- Asked after a lock timeout, when pg_blocking_pids() has nothing to report any more.
-- Of a statement only the command and the object are shown: values of an application must not reach a chat.
DECLARE
    holders text;
BEGIN
    -- Otherwise a transaction sees the sessions as they were when it first looked.
    PERFORM pg_stat_clear_snapshot();

    WITH tables AS (
        SELECT t.relid
        FROM unnest(_lock_holders.relations) AS w (relid)
        CROSS JOIN LATERAL ghostwatch._partitions(w.relid) AS t (relid)
    ),

    holding AS (
        SELECT DISTINCT
            l.pid,
            a.xact_start,
            a.state,
            regexp_replace(split_part(a.query, '''', 1), '\s+', ' ', 'g') AS query
        FROM pg_locks AS l
        LEFT JOIN pg_stat_activity AS a
            ON a.pid = l.pid
        WHERE l.locktype = 'relation'
            AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
            AND l.relation IN (SELECT t.relid FROM tables AS t)
            AND l.pid IS DISTINCT FROM pg_backend_pid()
            AND CASE wanted_mode
                WHEN 'AccessShareLock' THEN l.mode = 'AccessExclusiveLock'
                WHEN 'ShareRowExclusiveLock' THEN l.mode NOT IN ('AccessShareLock', 'RowShareLock')
                ELSE true
            END
    )

    SELECT string_agg(
        CASE
            WHEN h.pid IS NULL THEN 'a prepared transaction'
            ELSE concat_ws(
                ', ',
                'pid ' || h.pid,
                CASE
                    WHEN h.query ~* '^\s*(ALTER|CREATE|DROP|TRUNCATE|VACUUM|CLUSTER|REINDEX|REFRESH|LOCK|ANALYZE)\M' THEN rtrim(left(h.query, 60))
                    ELSE upper(substring(h.query FROM '^\s*(\w+)'))
                END,
                CASE WHEN h.state LIKE 'idle in transaction%' THEN 'idle in transaction' END,
                'since ' || to_char(h.xact_start, 'HH24:MI:SS')
            )
        END,
        '; '
        ORDER BY h.xact_start, h.pid
    )
    INTO holders
    FROM holding AS h;

    RETURN holders;
END
$_lock_holders$;

COMMENT ON FUNCTION ghostwatch._lock_holders(regclass[], text) IS
'The sessions that hold a lock on one of the tables that excludes the wanted mode, as text; NULL where none is seen.';
CREATE FUNCTION ghostwatch._execute_locking(
    relation regclass,
    wanted_mode text,
    statement text
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_execute_locking$
-- While a statement waits for a lock on a busy table, all later statements wait behind it. So each attempt waits only
-- for a short time, and lets the others pass before the next one.
-- The statement is built by ghostwatch from catalog names: @plpgsql_check_options: security_warnings = false
DECLARE
    attempts constant integer := ghostwatch._setting('lock_attempts')::integer;
    timeout_of_caller constant text := current_setting('lock_timeout');
    timeout constant interval := least(ghostwatch._setting('lock_timeout')::interval, nullif(timeout_of_caller, '0')::interval);
    pause interval := '100 milliseconds'::interval;
    holders text;
BEGIN
    FOR attempt IN 1..attempts LOOP
        BEGIN
            PERFORM set_config('lock_timeout', ceil(extract(epoch FROM timeout) * 1000) || 'ms', true);
            EXECUTE statement;
            PERFORM set_config('lock_timeout', timeout_of_caller, true);
            RETURN;
        EXCEPTION
            WHEN lock_not_available THEN
                holders := coalesce(
                    ghostwatch._lock_holders(ARRAY[relation], wanted_mode),
                    'a session that this role cannot see'
                );
        END;

        EXIT WHEN attempt = attempts;
        RAISE NOTICE 'waiting for a lock on %: %', relation, holders;
        PERFORM pg_sleep(extract(epoch FROM pause));
        pause := least(pause * 2, '5 seconds'::interval);
    END LOOP;

    RAISE EXCEPTION '% could not be locked: it is in use by %', relation, holders
    USING
        ERRCODE = 'GW075',
        DETAIL = format('Tried %s times, for %s each. The statement is: %s', attempts, timeout, statement),
        HINT = 'Try again when these transactions have ended, or allow more attempts: SELECT ghostwatch.set_setting(''lock_attempts'', ''20'');';
END
$_execute_locking$;

COMMENT ON FUNCTION ghostwatch._execute_locking(regclass, text, text) IS
'Executes a statement that locks a table of an application: with a short lock_timeout, again after growing pauses, naming the sessions waited for.
Raises GW075 (the table stays locked).';
CREATE FUNCTION ghostwatch._is_subject(
    contract_id integer,
    relation oid
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
-- A definer: the doctor of another role would take a trigger for one of no contract.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_is_subject$
    -- Whoever may execute a trigger's function can put it on a table of their own, where it would run as its owner.
    SELECT EXISTS (
        SELECT
        FROM ghostwatch.contract AS c
        WHERE c.contract_id = _is_subject.contract_id
            AND (c.subject = relation OR c.subject IN (SELECT a.relid FROM pg_partition_ancestors(relation) AS a))
    )
$_is_subject$;

COMMENT ON FUNCTION ghostwatch._is_subject(integer, oid) IS
'Whether a table is the subject of a contract, or a partition of it.';
CREATE FUNCTION ghostwatch._is_built_in_column(
    relation regclass,
    column_name name
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_is_built_in_column$
    -- A type that is not built in may bring casts and operators that are anybody's functions.
    SELECT coalesce(bool_or(b.typnamespace = 'pg_catalog'::regnamespace), false)
    FROM pg_attribute AS a
    INNER JOIN pg_type AS t
        ON t.oid = a.atttypid
    INNER JOIN pg_type AS b
        ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
    WHERE a.attrelid = relation
        AND a.attname = column_name
$_is_built_in_column$;

COMMENT ON FUNCTION ghostwatch._is_built_in_column(regclass, name) IS
'Whether a column is of a built-in type, or of a domain over one.';
CREATE FUNCTION ghostwatch._key_text(
    relation regclass,
    row_name text,
    key_columns name[]
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_key_text$
    -- A cast of a type that is not built in may be anybody's function; its output function is not. Everywhere the same,
    -- for keys are compared as text.
    SELECT format(
        CASE WHEN count(*) = 1 THEN '%s' ELSE 'ARRAY[%s]::pg_catalog.text' END,
        string_agg(
            format(
                CASE WHEN ghostwatch._is_built_in_column(relation, k.name) THEN '%s.%I::pg_catalog.text' ELSE 'pg_catalog.format(''%%s'', %s.%I)' END,
                row_name,
                k.name
            ),
            ', '
            ORDER BY k.place
        )
    )
    FROM unnest(key_columns) WITH ORDINALITY AS k (name, place)
$_key_text$;

COMMENT ON FUNCTION ghostwatch._key_text(regclass, text, name[]) IS
'SQL for a key as text: of one column its value, of several an array of their values. It uses no cast that is not built in.';
CREATE FUNCTION ghostwatch._key_equals(
    relation regclass,
    key_columns name[]
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_key_equals$
    -- A type that is not built in has its operator in a schema of the search path, as its owner declared it.
    SELECT string_agg(
        format(
            's.%1$I %2$s NEW.%1$I',
            k.name,
            CASE WHEN ghostwatch._is_built_in_column(relation, k.name) THEN 'OPERATOR(pg_catalog.=)' ELSE '=' END
        ),
        ' AND '
        ORDER BY k.place
    )
    FROM unnest(key_columns) WITH ORDINALITY AS k (name, place)
$_key_equals$;

COMMENT ON FUNCTION ghostwatch._key_equals(regclass, name[]) IS
'SQL condition for the subject s with the key of NEW, in a function that runs in the transactions of others.';
CREATE FUNCTION ghostwatch._write_contract_function(
    contract_id integer,
    function_schema name,
    function_name name,
    options text,
    body text,
    description text
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_write_contract_function$
-- CREATE OR REPLACE keeps the owner and the grants of a function that somebody else put there, and default
-- privileges add grants of their own. So a function is replaced only where it is the contract's own, and
-- afterwards nobody but its owner may execute it.
-- The statements are built from catalog names: @plpgsql_check_options: security_warnings = false
DECLARE
    its_owner constant regrole := (SELECT c.owner FROM ghostwatch.contract AS c WHERE c.contract_id = _write_contract_function.contract_id);
    signature constant text := format('%I.%I()', function_schema, function_name);
    present pg_proc;
    grantee text;
BEGIN
    SELECT p.*
    INTO present
    FROM pg_proc AS p
    WHERE p.pronamespace = quote_ident(function_schema)::regnamespace
        AND p.proname = function_name
        AND p.pronargs = 0;

    IF present.oid IS NOT NULL THEN
        IF present.proowner <> its_owner THEN
            RAISE EXCEPTION 'function % belongs to role %, not to %', signature, present.proowner::regrole, its_owner
            USING
                ERRCODE = 'GW076',
                DETAIL = 'ghostwatch does not replace a function of another role: its grants would remain.',
                HINT = format(
                    'If it came with a dump: ALTER FUNCTION %1$s OWNER TO %2$s; otherwise: DROP FUNCTION %1$s CASCADE; then declare again.',
                    signature, its_owner
                );
        END IF;

        IF NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgfoid = present.oid) THEN
            EXECUTE format('DROP FUNCTION %s', signature);
        END IF;
    END IF;

    EXECUTE format(
        'CREATE OR REPLACE FUNCTION %s RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER %s AS %L',
        signature, options, body
    );
    EXECUTE format('ALTER FUNCTION %s OWNER TO %s', signature, its_owner);
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC CASCADE', signature);
    FOR grantee IN
        SELECT DISTINCT a.grantee::regrole::text
        FROM pg_proc AS p
        CROSS JOIN LATERAL aclexplode(p.proacl) AS a
        WHERE p.oid = signature::regprocedure
            AND a.grantee NOT IN (0, p.proowner)
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s CASCADE', signature, grantee);
    END LOOP;
    EXECUTE format('COMMENT ON FUNCTION %s IS %L', signature, description);
END
$_write_contract_function$;

COMMENT ON FUNCTION ghostwatch._write_contract_function(integer, name, name, text, text, text) IS
'Writes the function of a trigger that serves a contract: owned by the contract''s owner, executable by nobody else.
Raises GW076 (a function of that name belongs to another role).';
CREATE FUNCTION ghostwatch._contract_trigger_schema(
    contract_id integer,
    trigger_name name
)
RETURNS name
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_contract_trigger_schema$
    -- The table, and the function with it, may have been moved to another schema.
    SELECT n.nspname
    FROM pg_proc AS p
    INNER JOIN pg_namespace AS n
        ON n.oid = p.pronamespace
    INNER JOIN ghostwatch.contract AS c
        ON p.proowner = c.owner
    WHERE c.contract_id = _contract_trigger_schema.contract_id
        AND p.proname = _contract_trigger_schema.trigger_name
        AND p.prorettype = 'trigger'::regtype
$_contract_trigger_schema$;

COMMENT ON FUNCTION ghostwatch._contract_trigger_schema(integer, name) IS
'The schema of the function, of the same name, of a trigger that serves a contract; NULL where there is none.';
CREATE FUNCTION ghostwatch._remove_contract_trigger(
    contract_id integer,
    trigger_name name
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_remove_contract_trigger$
-- Through the function, which the contract's owner owns: only the owner of the table may drop a trigger itself. The lock excludes
-- all others from the table for a moment.
DECLARE
    function_schema constant name := ghostwatch._contract_trigger_schema(contract_id, trigger_name);
    relation regclass;
BEGIN
    IF function_schema IS NULL THEN
        RETURN;
    END IF;

    SELECT t.tgrelid
    INTO relation
    FROM pg_trigger AS t
    WHERE t.tgfoid = format('%I.%I()', function_schema, trigger_name)::regprocedure
    ORDER BY t.tgparentid, t.tgrelid
    LIMIT 1;

    PERFORM ghostwatch._execute_locking(
        relation,
        'AccessExclusiveLock',
        -- A notice that the triggers are dropped with the function would only distract.
        format(
            'SET LOCAL client_min_messages = warning; DROP FUNCTION %I.%I() CASCADE; SET LOCAL client_min_messages = %s',
            function_schema, trigger_name, current_setting('client_min_messages')
        )
    );
END
$_remove_contract_trigger$;

COMMENT ON FUNCTION ghostwatch._remove_contract_trigger(integer, name) IS
'Removes the triggers that call a function which serves a contract, together with the function, if it is there. Raises GW075.';
CREATE FUNCTION ghostwatch._column_type(
    relation regclass,
    column_name name
)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_column_type$
-- Names the table and its columns in the message: a query on a dropped table would report only a number.
DECLARE
    relation_kind "char" := (SELECT c.relkind FROM pg_class AS c WHERE c.oid = relation);
    column_type text;
    column_list text;
    last_name text;
    successor text;
BEGIN
    IF relation_kind IS NULL OR relation_kind NOT IN ('r', 'p', 'f', 'v', 'm') THEN
        IF relation_kind IS NULL THEN
            last_name := ghostwatch._relation_name(relation);
            SELECT format(', and the table of that name belongs to role %s', r.relowner::regrole)
            INTO successor
            FROM pg_class AS r
            WHERE r.oid = to_regclass(last_name);
        END IF;

        RAISE EXCEPTION '%', CASE
                WHEN relation IS NULL THEN 'no table is named'
                WHEN relation_kind IS NULL THEN format('table %s was dropped%s', coalesce(last_name, relation::text), successor)
                ELSE format('%s is not a table', relation)
            END
            USING ERRCODE = 'GW002',
                  DETAIL = CASE WHEN relation IS NULL THEN 'What is declared for the first time needs a table.'
                                WHEN relation_kind IS NULL THEN 'There is no such relation in this database.'
                                ELSE 'Only tables, partitioned tables, foreign tables and views have rows.' END,
                  HINT = 'Name an existing table; SELECT oid::regclass FROM pg_class WHERE relkind IN (''r'', ''p'') lists them.';
    END IF;

    SELECT format_type(a.atttypid, NULL)
    INTO column_type
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;

    IF column_type IS NULL THEN
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
        INTO column_list
        FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;

        RAISE EXCEPTION '%', coalesce('column ' || quote_ident(column_name) || format(' of %s does not exist', relation), format('no column of %s is named', relation))
            USING ERRCODE = 'GW003',
                  DETAIL = format('%s has the columns %s.', relation, column_list),
                  HINT = 'Declare again with the name of one of these columns.';
    END IF;

    RETURN column_type;
END
$_column_type$;

COMMENT ON FUNCTION ghostwatch._column_type(regclass, name) IS
'The type of a column as it is written in a cast. Raises GW002 (not a table), GW003 (no such column).';
CREATE FUNCTION ghostwatch._require_readable(
    relation regclass
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_require_readable$
-- Refuses a table that this role may not read; asked of Postgres itself, which knows of columns and schemas too.
-- Raises GW005.
BEGIN
    EXECUTE format('SELECT FROM %s LIMIT 0', relation);
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'role % may not read %', current_user, relation
            USING ERRCODE = 'GW005',
                  DETAIL = format('Postgres says: %s.', SQLERRM),
                  HINT = format(
                      'GRANT USAGE ON SCHEMA %s TO %I; GRANT SELECT ON %s TO %2$I;',
                      (SELECT c.relnamespace::regnamespace FROM pg_class AS c WHERE c.oid = relation), current_user, relation
                  );
END
$_require_readable$;

COMMENT ON FUNCTION ghostwatch._require_readable(regclass) IS
'Refuses a table that this role may not read. Raises GW005.';
CREATE FUNCTION ghostwatch._column_list(
    columns text
)
RETURNS name[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_column_list$
    -- An argument that takes one name as it is, or several as PostgreSQL writes an array. Only what looks like a plain
    -- array is read as one, so that every other text is the name of a column that is not there.
    SELECT CASE
        WHEN columns IS NULL THEN NULL
        WHEN columns ~ '^\{("([^"\\]|\\.)+"|[^"\\{},]+)(,("([^"\\]|\\.)+"|[^"\\{},]+))*\}$' THEN columns::name[]
        ELSE ARRAY[columns::name]
    END
$_column_list$;

COMMENT ON FUNCTION ghostwatch._column_list(text) IS
'The columns that an argument names: one name (user_id), or several as an array ({tenant_id,user_id}).';
CREATE FUNCTION ghostwatch._column_names(
    columns name[]
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_column_names$
    -- Fit for a message as well as for SQL.
    SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.place)
    FROM unnest(columns) WITH ORDINALITY AS c (name, place)
$_column_names$;

COMMENT ON FUNCTION ghostwatch._column_names(name[]) IS
'The names of columns as a list of identifiers: tenant_id, user_id.';
CREATE FUNCTION ghostwatch._index_advice(
    relation regclass,
    columns name[],
    methods name[],
    partial boolean
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_index_advice$
    -- A partitioned table can be indexed concurrently only partition by partition.
    SELECT CASE
        WHEN r.relkind = 'p' THEN
            coalesce((
                SELECT string_agg(format('CREATE INDEX CONCURRENTLY ON %s (%s); ', leaf.oid::regclass, ghostwatch._column_names(columns)), '' ORDER BY leaf.oid)
                FROM ghostwatch._partitions(relation) AS t (relid)
                INNER JOIN pg_class AS leaf
                    ON leaf.oid = t.relid
                WHERE leaf.relkind <> 'p'
            ), '') || format('CREATE INDEX ON %s (%s);', relation, ghostwatch._column_names(columns))
        ELSE format('CREATE INDEX CONCURRENTLY ON %s (%s);', relation, ghostwatch._column_names(columns))
    END
    FROM pg_class AS r
    WHERE r.oid = relation
        AND r.relkind IN ('r', 'p', 'm')
        AND NOT EXISTS (
            SELECT
            FROM pg_index AS i
            INNER JOIN pg_class AS x
                ON x.oid = i.indexrelid
            INNER JOIN pg_am AS m
                ON m.oid = x.relam
            WHERE i.indrelid = r.oid
                AND i.indisvalid
                -- It leads on the columns in any order, or on some of them and is unique.
                AND (
                    SELECT CASE WHEN i.indisunique THEN array_agg(a.attname) <@ columns ELSE array_agg(a.attname) @> columns END
                    FROM generate_series(0, least(i.indnkeyatts, cardinality(columns)) - 1) AS place
                    INNER JOIN pg_attribute AS a
                        ON a.attrelid = i.indrelid
                        AND a.attnum = i.indkey[place]
                )
                AND m.amname = ANY (methods)
                AND (partial OR i.indpred IS NULL)
        )
$_index_advice$;

COMMENT ON FUNCTION ghostwatch._index_advice(regclass, name[], name[], boolean) IS
'The statement that creates an index by which rows of a table are found by columns; NULL where there is one, or where the relation can have none (views, foreign tables).';
CREATE FUNCTION ghostwatch._key_match(
    subject regclass,
    key_columns name[],
    related regclass,
    related_key_columns name[]
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_key_match$
    -- Logs and queues often keep keys of any type as text, and such a column can only be compared with text.
    SELECT string_agg(
        format(
            'r.%I = s.%I%s',
            k.related_column,
            k.subject_column,
            CASE
                WHEN ghostwatch._column_type(related, k.related_column) IN ('text', 'character varying')
                    AND ghostwatch._column_type(subject, k.subject_column) NOT IN ('text', 'character varying') THEN '::text'
            END
        ),
        ' AND '
        ORDER BY k.place
    )
    FROM ROWS FROM (unnest(key_columns), unnest(related_key_columns)) WITH ORDINALITY AS k (subject_column, related_column, place)
$_key_match$;

COMMENT ON FUNCTION ghostwatch._key_match(regclass, name[], regclass, name[]) IS
'SQL condition for the related rows r that carry the key of the subject s. Raises GW002, GW003.';
CREATE FUNCTION ghostwatch._key_is_among(
    subject regclass,
    key_columns name[]
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_key_is_among$
    -- One array of the key's own type: an index serves it, and it is sent to a foreign server. A key of several
    -- columns is joined, for two arrays would find every combination.
    SELECT CASE
        WHEN cardinality(key_columns) = 1 THEN format('s.%I = ANY ($1::%s[])', key_columns[1], ghostwatch._column_type(subject, key_columns[1]))
        ELSE (
            SELECT format(
                '(%s) IN (SELECT %s FROM unnest($1) AS k (subject_key))',
                string_agg(format('s.%I', k.name), ', ' ORDER BY k.place),
                string_agg(format('(k.subject_key::text[])[%s]::%s', k.place, ghostwatch._column_type(subject, k.name)), ', ' ORDER BY k.place)
            )
            FROM unnest(key_columns) WITH ORDINALITY AS k (name, place)
        )
    END
$_key_is_among$;

COMMENT ON FUNCTION ghostwatch._key_is_among(regclass, name[]) IS
'SQL condition for the subjects s whose keys, as text, are in the array $1. Raises GW002, GW003.';
CREATE FUNCTION ghostwatch._key_is_there(
    row_name text,
    key_columns name[]
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_key_is_there$
    -- A row without a key cannot be found again, so it is not judged; the doctor reports it.
    SELECT string_agg(format('%s.%I IS NOT NULL', row_name, k.name), ' AND ' ORDER BY k.place)
    FROM unnest(key_columns) WITH ORDINALITY AS k (name, place)
$_key_is_there$;

COMMENT ON FUNCTION ghostwatch._key_is_there(text, name[]) IS
'SQL condition for the rows that have a key: no column of it is NULL.';
CREATE FUNCTION ghostwatch._key_is_unique(
    relation regclass,
    key_columns name[]
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_key_is_unique$
    -- A unique index over some of the columns covers them all.
    SELECT EXISTS (
        SELECT
        FROM pg_index AS i
        WHERE i.indrelid = relation
            AND i.indisunique
            AND i.indisvalid
            AND i.indpred IS NULL
            AND i.indexprs IS NULL
            AND NOT EXISTS (
                SELECT
                FROM generate_series(0, i.indnkeyatts - 1) AS place
                INNER JOIN pg_attribute AS a
                    ON a.attrelid = i.indrelid
                    AND a.attnum = i.indkey[place]
                WHERE a.attname <> ALL (key_columns)
            )
    )
$_key_is_unique$;

COMMENT ON FUNCTION ghostwatch._key_is_unique(regclass, name[]) IS
'Whether a unique index makes sure that no two rows of a table have the same values in these columns.';
CREATE FUNCTION ghostwatch._check_expression(
    what text,
    expression text,
    from_item text,
    expected_type text,
    statement text,
    expression_path text
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_check_expression$
-- Parses and plans a declared expression without running it on any row.
-- what: how messages call it; from_item: what its aliases stand for; expected_type: 'boolean', or NULL for any;
-- statement: what to type to declare it again.
-- expression_path: the search path that the expression will be run with.
-- Raises GW004 (does not parse), GW005 (refers to what is not there), GW006 (wrong type).
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
DECLARE
    found_type text;
    problem text;
BEGIN
    IF expression IS NULL THEN
        RETURN NULL;
    END IF;

    PERFORM ghostwatch._enter_search_path(expression_path);

    -- In WHERE, since it is asked row by row: no place for aggregates, windows or sets of rows.
    EXECUTE format(E'SELECT FROM %s WHERE (\n%s\n) IS NULL LIMIT 0', from_item, expression);
    -- In brackets of another kind, so that no text can close one, add something of its own and open it again.
    EXECUTE format(E'SELECT ARRAY[\n%s\n] FROM %s LIMIT 0', expression, from_item);
    EXECUTE format(E'SELECT pg_catalog.pg_typeof((SELECT (\n%s\n) FROM %s LIMIT 0))::text', expression, from_item)
    INTO found_type;
    PERFORM ghostwatch._leave_search_path();

    IF found_type IS DISTINCT FROM coalesce(expected_type, found_type) THEN
        RAISE EXCEPTION '% is of type %, not %', what, found_type, expected_type
            USING ERRCODE = 'GW006',
                  DETAIL = format('The expression is: %s', expression),
                  HINT = format('Make it a condition, for instance with IS NOT NULL, and declare again: %s', statement);
    END IF;

    RETURN found_type;
EXCEPTION
    WHEN undefined_column OR undefined_table OR undefined_function OR undefined_object OR undefined_parameter
      OR invalid_schema_name OR insufficient_privilege THEN
        GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT;
        RAISE EXCEPTION '% refers to something that is not there or not permitted: %', what, problem
            USING ERRCODE = 'GW005',
                  DETAIL = format('The expression is: %s', expression),
                  HINT = format('The subject''s row is s, the related row r; correct the name and declare again: %s', statement);
    WHEN syntax_error OR grouping_error OR windowing_error OR feature_not_supported OR cardinality_violation
      OR datatype_mismatch OR ambiguous_column OR ambiguous_function OR data_exception THEN
        GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT;
        RAISE EXCEPTION '% is not one valid SQL expression: %', what, problem
            USING ERRCODE = 'GW004',
                  DETAIL = format('The expression is: %s', expression),
                  HINT = format('Correct it and declare again: %s', statement);
END
$_check_expression$;

COMMENT ON FUNCTION ghostwatch._check_expression(text, text, text, text, text, text) IS
'Parses and plans a declared expression without running it on a row. Raises GW004 (does not parse), GW005 (refers to what is not there), GW006 (wrong type).';
CREATE FUNCTION ghostwatch._fixed_length(
    duration interval
)
RETURNS interval
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
-- A day is 24 hours here, whatever the session's time zone does that night.
RETURN pg_catalog.make_interval(secs => extract(EPOCH FROM duration)::double precision);

COMMENT ON FUNCTION ghostwatch._fixed_length(interval) IS
'The same duration without days and months, so that adding it to a moment does not depend on a time zone.';
CREATE FUNCTION ghostwatch._lock_contract(
    name text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS ghostwatch.contract
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators lock no row themselves, and a name may be taken by a contract that they do not see.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_lock_contract$
-- Whoever declares the same contract at the same time waits. Raises GW008.
DECLARE
    present ghostwatch.contract;
BEGIN
    PERFORM ghostwatch._require_contract_owner(c.contract_id, declaring => true, role => ghostwatch._caller(credential))
    FROM ghostwatch.contract AS c
    WHERE c.name = _lock_contract.name;

    SELECT c.* INTO present FROM ghostwatch.contract AS c WHERE c.name = _lock_contract.name FOR UPDATE;
    RETURN present;
END
$_lock_contract$;

COMMENT ON FUNCTION ghostwatch._lock_contract(text, uuid) IS
'The contract of a name as it is declared now, locked for the caller; NULL where there is none. Raises GW008 (belongs to another role).';
CREATE FUNCTION ghostwatch._save_contract(
    saved ghostwatch.contract,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS ghostwatch.contract
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_save_contract$
-- Its expressions run with the rights of its owner only, so whoever calls this without having them checked harms nobody
-- else. What is enforced is not declared and stays as it is. Raises GW008.
DECLARE
    its_owner constant regrole := ghostwatch._caller(credential);
    present ghostwatch.contract;
BEGIN
    PERFORM ghostwatch._require_contract_owner(c.contract_id, declaring => true, role => its_owner)
    FROM ghostwatch.contract AS c
    WHERE c.name = saved.name;

    INSERT INTO ghostwatch.contract AS c (
        name, owner, subject, key_column, unique_key, born_at_column, born_at_expression, branch_expression, exempt_predicate,
        exempt_branches,
        time_zone, lateness, capture, search_path, subject_label, description
    )
    VALUES (
        saved.name, its_owner, saved.subject, saved.key_column, saved.unique_key, saved.born_at_column, saved.born_at_expression,
        saved.branch_expression, saved.exempt_predicate, saved.exempt_branches, saved.time_zone, saved.lateness, saved.capture,
        saved.search_path, saved.subject_label, saved.description
    )
    ON CONFLICT ON CONSTRAINT contract_name_key DO UPDATE
    SET subject = excluded.subject,
        key_column = excluded.key_column,
        unique_key = excluded.unique_key,
        born_at_column = excluded.born_at_column,
        born_at_expression = excluded.born_at_expression,
        branch_expression = excluded.branch_expression,
        exempt_predicate = excluded.exempt_predicate,
        exempt_branches = excluded.exempt_branches,
        time_zone = excluded.time_zone,
        lateness = excluded.lateness,
        capture = excluded.capture,
        search_path = excluded.search_path,
        subject_label = excluded.subject_label,
        description = excluded.description
    -- Somebody else may have taken the name meanwhile.
    WHERE c.owner = excluded.owner
    RETURNING c.* INTO present;

    IF present.contract_id IS NULL THEN
        PERFORM ghostwatch._require_contract_owner(ghostwatch._contract_id(saved.name), declaring => true, role => its_owner);
    END IF;

    RETURN present;
END
$_save_contract$;

COMMENT ON FUNCTION ghostwatch._save_contract(ghostwatch.contract, uuid) IS
'Writes a contract of the calling role, as ghostwatch.declare_contract() found it valid; returns the row. Raises GW008 (belongs to another role).';
CREATE FUNCTION ghostwatch.declare_contract(
    name text,
    subject regclass DEFAULT NULL,
    key_column text DEFAULT NULL,
    born_at_column name DEFAULT NULL,
    branch_expression text DEFAULT NULL,
    exempt_predicate text DEFAULT NULL,
    exempt_branches text[] DEFAULT NULL,
    time_zone text DEFAULT NULL,
    lateness interval DEFAULT NULL,
    description text DEFAULT NULL,
    subject_label text DEFAULT NULL,
    capture boolean DEFAULT NULL,
    look_up_in name[] DEFAULT NULL::name || current_schemas(false),
    reset text[] DEFAULT '{}',
    unique_key boolean DEFAULT NULL,
    born_at_expression text DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $declare_contract$
-- Declares what every row of a table must come to have, or changes such a declaration; idempotent.
-- The search path of the session that first declares is kept with the contract, so that names in its expressions keep
-- their meaning. It comes as a default, which is evaluated before this function's own path is set; a NULL at its
-- beginning distinguishes it from schemas that were given.
-- Raises GW002 to GW006, GW008 to GW012 and GW016 to GW019.
DECLARE
    before ghostwatch.contract;
    after ghostwatch.contract;
    key_type text;
    born_at_type text;
    from_item text;
    statement text;
    problem text;
BEGIN
    IF coalesce(declare_contract.name, '') = '' THEN
        RAISE EXCEPTION 'a contract needs a name'
            USING ERRCODE = 'GW016',
                  HINT = format('SELECT ghostwatch.declare_contract(''my_contract'', %L)', coalesce(subject::text, 'your_table'));
    END IF;

    before := ghostwatch._lock_contract(declare_contract.name);
    after := ghostwatch._apply_declaration(
        before,
        jsonb_build_object(
            'subject', subject,
            'key_column', ghostwatch._column_list(key_column),
            'unique_key', unique_key,
            'born_at_column', born_at_column,
            'born_at_expression', born_at_expression,
            'branch_expression', branch_expression,
            'exempt_predicate', exempt_predicate,
            'exempt_branches', exempt_branches,
            'time_zone', time_zone,
            'lateness', lateness,
            'description', description,
            'subject_label', subject_label,
            'capture', capture
        ),
        reset,
        others => '{look_up_in}'
    );

    SELECT string_agg(ghostwatch._column_type(after.subject, k.name), ', ' ORDER BY k.place)
    INTO key_type
    FROM unnest(after.key_column) WITH ORDINALITY AS k (name, place);
    PERFORM ghostwatch._require_readable(after.subject);
    from_item := format('%s AS s', after.subject);
    statement := CASE
        WHEN before IS NULL THEN format('SELECT ghostwatch.declare_contract(%L, %L', declare_contract.name, after.subject)
        ELSE format('SELECT ghostwatch.declare_contract(%L', declare_contract.name)
    END;

    IF before.search_path IS NULL OR look_up_in[1] IS NOT NULL OR 'look_up_in' = ANY (reset) THEN
        SELECT string_agg(quote_ident(p.schema_name), ', ' ORDER BY p.position) || ', pg_temp'
        INTO after.search_path
        FROM unnest('pg_catalog'::name || array_remove(look_up_in, NULL)) WITH ORDINALITY AS p (schema_name, position)
        WHERE p.schema_name NOT LIKE 'pg\_temp%';
    END IF;

    -- Keys are stored as text, looked up by their own type, and compared.
    BEGIN
        PERFORM ghostwatch._enter_search_path(after.search_path);
        EXECUTE format(
            'SELECT FROM %s, %s AS r WHERE %s LIMIT 0',
            from_item, after.subject, ghostwatch._key_match(after.subject, after.key_column, after.subject, after.key_column)
        );
        PERFORM ghostwatch._leave_search_path();
    EXCEPTION WHEN undefined_function THEN
        RAISE EXCEPTION 'column % of % cannot be a key: values of type % cannot be compared', ghostwatch._column_names(after.key_column), after.subject, key_type
            USING ERRCODE = 'GW009',
                  HINT = statement || ', key_column => ''its_primary_key'')';
    END;

    -- Where a key comes twice, one subject would hide what another lacks.
    IF NOT (after.unique_key OR ghostwatch._key_is_unique(after.subject, after.key_column)) THEN
        RAISE EXCEPTION 'the key % of % is not known to be unique', ghostwatch._column_names(after.key_column), after.subject
            USING ERRCODE = 'GW019',
                  DETAIL = format(
                      'No unique index of %s has only columns of the key; a view and a foreign table have none. '
                      'A key of several columns is named as an array: {tenant_id,id}.', after.subject
                  ),
                  HINT = format(
                      'If it is unique all the same: %s, key_column => %L, born_at_column => %L, unique_key => true)',
                      statement, after.key_column, after.born_at_column
                  );
    END IF;

    IF EXISTS (
        SELECT FROM ghostwatch.invariant AS i
        WHERE i.contract_id = before.contract_id AND i.subject_column IS NULL AND cardinality(i.related_key_column) <> cardinality(after.key_column)
    ) THEN
        RAISE EXCEPTION 'the invariants of contract % have related keys of another number of columns', quote_literal(declare_contract.name)
            USING ERRCODE = 'GW009',
                  DETAIL = format('The key would be %s.', ghostwatch._column_names(after.key_column)),
                  HINT = format('SELECT ghostwatch.drop_contract(%L); and declare it again with its invariants.', declare_contract.name);
    END IF;

    IF after.born_at_expression IS NULL THEN
        born_at_type := ghostwatch._column_type(after.subject, after.born_at_column);
    ELSE
        born_at_type := ghostwatch._check_expression(
            'the birth', after.born_at_expression, from_item, NULL, statement || ', born_at_expression => ...)', after.search_path
        );
    END IF;
    IF born_at_type NOT IN ('timestamp with time zone', 'timestamp without time zone') THEN
        RAISE EXCEPTION '% of % is no time of birth: it is of type %',
            coalesce(after.born_at_expression, 'column ' || quote_ident(after.born_at_column)), after.subject, born_at_type
            USING ERRCODE = 'GW010',
                  DETAIL = 'A birth time is a timestamp with or without time zone.',
                  HINT = statement || ', born_at_column => ''created_at'')';
    END IF;

    BEGIN
        PERFORM now() AT TIME ZONE after.time_zone;
    EXCEPTION WHEN invalid_parameter_value THEN
        RAISE EXCEPTION 'there is no time zone %', quote_literal(after.time_zone)
            USING ERRCODE = 'GW011',
                  HINT = 'SELECT name FROM pg_timezone_names lists those that this server knows.';
    END;

    -- A timestamp without time zone means nothing until somebody says in which zone it was written.
    IF born_at_type = 'timestamp with time zone' THEN
        after.time_zone := NULL;
    ELSIF after.time_zone IS NULL THEN
        after.time_zone := current_setting('TimeZone');
        RAISE NOTICE '% of % has no time zone; it is read as %',
            coalesce(after.born_at_expression, 'column ' || quote_ident(after.born_at_column)), after.subject, after.time_zone
            USING HINT = format('If it is written in another zone: SELECT ghostwatch.declare_contract(%L, time_zone => %L)', declare_contract.name, 'Europe/Berlin');
    END IF;

    IF (after.lateness >= '0' AND after.lateness <= '1000 years') IS NOT TRUE THEN
        RAISE EXCEPTION 'the lateness of contract % is %, not a length of time', quote_literal(declare_contract.name), after.lateness
            USING ERRCODE = 'GW012',
                  HINT = statement || ', lateness => ''2 minutes'')';
    END IF;

    IF EXISTS (SELECT FROM unnest(after.exempt_branches) AS p (pattern) WHERE (p.pattern ~ '^([^\\]|\\.)*$') IS NOT TRUE) THEN
        RAISE EXCEPTION 'the exempt branches of contract % are not all patterns', quote_literal(declare_contract.name)
            USING ERRCODE = 'GW016',
                  DETAIL = format('They are %s. A backslash in a pattern stands before the character that it quotes.', after.exempt_branches),
                  HINT = statement || ', exempt_branches => ''{giveaway\\_%}'')';
    END IF;

    PERFORM ghostwatch._check_expression('the branch expression', after.branch_expression, from_item, NULL, statement || ', branch_expression => ...)', after.search_path);
    PERFORM ghostwatch._check_expression('the exempt predicate', after.exempt_predicate, from_item, 'boolean', statement || ', exempt_predicate => ...)', after.search_path);

    after.lateness := ghostwatch._fixed_length(after.lateness);
    IF after.subject_label IN ('', 'new rows of ' || before.subject_name) THEN
        after.subject_label := 'new rows of ' || after.subject;
    END IF;

    after.name := declare_contract.name;
    after := ghostwatch._save_contract(after);

    IF before.capture AND (NOT after.capture OR (before.subject, before.key_column) <> (after.subject, after.key_column)) THEN
        PERFORM ghostwatch._remove_capture(after.contract_id);
    END IF;
    IF after.capture THEN
        PERFORM ghostwatch._install_capture(after.contract_id);
    END IF;
    PERFORM ghostwatch._enforcement_follows_contract(before, after);

    IF (before.subject, before.born_at_column, before.time_zone) IS DISTINCT FROM (after.subject, after.born_at_column, after.time_zone) THEN
        problem := ghostwatch._birth_problem(after);
        IF problem IS NOT NULL THEN
            RAISE WARNING '%', problem
                USING HINT = CASE
                    WHEN after.time_zone IS NULL THEN 'Set the clocks of the servers that write these births, or let the database note arrivals: '
                        || format('SELECT ghostwatch.declare_contract(%L, capture => true);', declare_contract.name)
                    ELSE format('SELECT ghostwatch.declare_contract(%L, time_zone => ''Europe/Berlin'');', declare_contract.name)
                END;
        END IF;
    END IF;

    -- Where other rows are read, or are read or judged otherwise, what was found before means nothing.
    IF (before.subject, before.key_column, before.born_at_column, before.born_at_expression, before.time_zone, before.capture, before.branch_expression,
        before.exempt_predicate, before.exempt_branches)
       IS DISTINCT FROM
       (after.subject, after.key_column, after.born_at_column, after.born_at_expression, after.time_zone, after.capture, after.branch_expression,
        after.exempt_predicate, after.exempt_branches) THEN
        PERFORM ghostwatch._restart_checks(i.invariant_id)
        FROM ghostwatch.invariant AS i
        WHERE i.contract_id = after.contract_id;
    END IF;
END
$declare_contract$;

COMMENT ON FUNCTION ghostwatch.declare_contract(text, regclass, text, name, text, text, text[], text, interval, text, text, boolean, name[], text[], boolean, text) IS
'Declares what every row of a subject table must come to have; declaring again changes what is given and keeps the rest.
name: of the contract. subject: the table whose rows are watched. key_column: its key (default: id), several columns as an array: {tenant_id,id}. born_at_column: its time of birth, timestamptz or timestamp (default: created_at).
branch_expression: SQL over the alias s giving the path the subject came by. exempt_predicate: boolean SQL over s; such subjects are not judged.
exempt_branches: LIKE patterns of branches that are not judged. time_zone: in which a timestamp without time zone is read (default: this session''s).
lateness: how far a birth time may lie before the start of its transaction, where clocks differ (default: 2 minutes). subject_label: what messages call the subjects, in the plural.
capture: a trigger notes arrivals by the database''s clock, so that neither an index on the birth time nor the application''s clocks matter (default: false).
look_up_in: the schemas in which names in the expressions are looked up (default: the search path of the session that first declares).
reset: names of arguments to set back to their defaults.
unique_key: the key is unique although no unique index makes it so (default: false).
born_at_expression: SQL over s for the time of birth, instead of a column: coalesce(s.confirmed_at, s.created_at); or the moment from which deadlines count: s.due_at; or, under capture, where the rows carry no time: NULL::timestamptz. Index the same expression.
Warns where the newest births differ from the database''s clock as by a wrong time zone.
Raises GW002 (not a table), GW003 (no such column), GW004 to GW006 (an expression is not valid, or the table not readable), GW008 (belongs to another role), GW009 (key cannot be compared, with the related keys either), GW010 (no time of birth), GW011 (no such time zone), GW012 (lateness), GW016 (no name, or an exempt branch that is no pattern), GW017 (capture on what is no table), GW018 (an argument that cannot be reset), GW019 (a key not known to be unique).';
CREATE FUNCTION ghostwatch._suggest_backtest(
    before ghostwatch.invariant,
    after ghostwatch.invariant
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_suggest_backtest$
-- A declaration runs no backtest itself: on a big table that takes longer than the statement_timeout of a migration.
DECLARE
    contract constant text := (SELECT c.name FROM ghostwatch.contract AS c WHERE c.contract_id = after.contract_id);
    previous jsonb;
BEGIN
    SELECT jsonb_object_agg(setting.key, setting.value) INTO previous
    FROM jsonb_each(to_jsonb(before)) AS setting
    WHERE setting.key = ANY (ghostwatch._rule_settings())
        AND setting.value IS DISTINCT FROM to_jsonb(after) -> setting.key;

    IF before.invariant_id IS NULL OR previous IS NULL THEN
        RETURN;
    END IF;

    RAISE NOTICE 'the settings of invariant % of contract % have changed', quote_literal(after.name), quote_literal(contract)
        USING HINT = format(
            'To compare the alerts of the last 30 days: SELECT * FROM ghostwatch.backtest(%1$L, %2$L); '
            'and with the previous settings: SELECT * FROM ghostwatch.backtest(%1$L, %2$L, settings => %3$L);',
            contract, after.name, previous
        );
END
$_suggest_backtest$;

COMMENT ON FUNCTION ghostwatch._suggest_backtest(ghostwatch.invariant, ghostwatch.invariant) IS
'Names, in a notice, the backtests that compare the previous settings of an invariant with the new ones.';
CREATE FUNCTION ghostwatch._save_invariant(
    saved ghostwatch.invariant,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS ghostwatch.invariant
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_save_invariant$
-- Its predicate runs with the rights of the contract's owner only. Raises GW008.
DECLARE
    present ghostwatch.invariant;
BEGIN
    PERFORM ghostwatch._require_contract_owner(saved.contract_id, declaring => true, role => ghostwatch._caller(credential));

    INSERT INTO ghostwatch.invariant AS i (
        contract_id, name, related, related_key_column, subject_column, predicate, at_least, exactly, no_row, related_at_column, warn_after, error_after, watch_for,
        rule, min_count, min_rate, days_per_false_alarm, expected_rate, branch_ceiling, missing_label, runbook_url, description
    )
    VALUES (
        saved.contract_id, saved.name, saved.related, saved.related_key_column, saved.subject_column, saved.predicate,
        saved.at_least, saved.exactly, saved.no_row, saved.related_at_column,
        saved.warn_after, saved.error_after, saved.watch_for, saved.rule, saved.min_count, saved.min_rate,
        saved.days_per_false_alarm, saved.expected_rate, saved.branch_ceiling, saved.missing_label, saved.runbook_url,
        saved.description
    )
    ON CONFLICT ON CONSTRAINT invariant_contract_id_name_key DO UPDATE
    SET related = excluded.related,
        related_key_column = excluded.related_key_column,
        subject_column = excluded.subject_column,
        predicate = excluded.predicate,
        at_least = excluded.at_least,
        exactly = excluded.exactly,
        no_row = excluded.no_row,
        related_at_column = excluded.related_at_column,
        warn_after = excluded.warn_after,
        error_after = excluded.error_after,
        watch_for = excluded.watch_for,
        rule = excluded.rule,
        min_count = excluded.min_count,
        min_rate = excluded.min_rate,
        days_per_false_alarm = excluded.days_per_false_alarm,
        expected_rate = excluded.expected_rate,
        branch_ceiling = excluded.branch_ceiling,
        missing_label = excluded.missing_label,
        runbook_url = excluded.runbook_url,
        description = excluded.description
    RETURNING i.* INTO present;

    RETURN present;
END
$_save_invariant$;

COMMENT ON FUNCTION ghostwatch._save_invariant(ghostwatch.invariant, uuid) IS
'Writes an invariant, as ghostwatch.declare_invariant() found it valid; returns the row. Raises GW008 (belongs to another role).';
CREATE FUNCTION ghostwatch.declare_invariant(
    contract text,
    name text,
    related regclass DEFAULT NULL,
    related_key_column text DEFAULT NULL,
    predicate text DEFAULT NULL,
    related_at_column name DEFAULT NULL,
    warn_after interval DEFAULT NULL,
    error_after interval DEFAULT NULL,
    watch_for interval DEFAULT NULL,
    rule text DEFAULT NULL,
    runbook_url text DEFAULT NULL,
    description text DEFAULT NULL,
    missing_label text DEFAULT NULL,
    min_count integer DEFAULT NULL,
    min_rate double precision DEFAULT NULL,
    days_per_false_alarm double precision DEFAULT NULL,
    expected_rate double precision DEFAULT NULL,
    branch_ceiling double precision DEFAULT NULL,
    reset text[] DEFAULT '{}',
    at_least integer DEFAULT NULL,
    exactly integer DEFAULT NULL,
    no_row boolean DEFAULT NULL,
    subject_column text DEFAULT NULL,
    set_column name DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $declare_invariant$
-- Declares one clause of a contract, or changes it: a row of related with the subject's key exists in time; idempotent.
-- Raises GW001 to GW006, GW008 to GW010, GW015, GW016 and GW018.
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
DECLARE
    -- As an assignment: a query would be planned with the snapshot of the caller's statement, which does not see a
    -- contract that the same statement has just declared.
    its_contract_id constant integer := ghostwatch._contract_id(contract);
    its_contract ghostwatch.contract;
    before ghostwatch.invariant;
    after ghostwatch.invariant;
    key_type text;
    subject_key_type text;
    related_at_type text;
    problem text;
    statement text;
BEGIN
    its_contract := ghostwatch._lock_contract(contract);

    IF coalesce(declare_invariant.name, '') = '' THEN
        RAISE EXCEPTION 'an invariant of contract % needs a name', quote_literal(contract)
            USING ERRCODE = 'GW016',
                  HINT = format(
                      'SELECT ghostwatch.declare_invariant(%L, ''its_name'', %L, %L)',
                      contract, coalesce(related::text, 'related_table'), coalesce(related_key_column, 'subject_id')
                  );
    END IF;

    -- The row itself is the one that must be there, with a value in the column.
    IF set_column IS NOT NULL THEN
        PERFORM ghostwatch._column_type(its_contract.subject, set_column);
        related := coalesce(related, its_contract.subject);
        related_key_column := coalesce(related_key_column, its_contract.key_column::text);
        predicate := concat_ws(' AND ', format('r.%I IS NOT NULL', set_column), '(' || predicate || ')');
    END IF;

    SELECT i.* INTO before FROM ghostwatch.invariant AS i
    WHERE i.contract_id = its_contract.contract_id AND i.name = declare_invariant.name;

    after := ghostwatch._apply_declaration(
        before,
        jsonb_build_object(
            'related', related,
            'related_key_column', ghostwatch._column_list(related_key_column),
            'subject_column', ghostwatch._column_list(subject_column),
            'predicate', predicate,
            'at_least', at_least,
            'exactly', exactly,
            'no_row', no_row,
            'related_at_column', related_at_column,
            'warn_after', warn_after,
            'error_after', error_after,
            'watch_for', watch_for,
            'rule', rule,
            'min_count', min_count,
            'min_rate', min_rate,
            'days_per_false_alarm', days_per_false_alarm,
            'expected_rate', expected_rate,
            'branch_ceiling', branch_ceiling,
            'missing_label', missing_label,
            'runbook_url', runbook_url,
            'description', description
        ),
        reset
    );
    statement := CASE
        WHEN before IS NULL
            THEN format('SELECT ghostwatch.declare_invariant(%L, %L, %L, %L', contract, declare_invariant.name, after.related, related_key_column)
        ELSE format('SELECT ghostwatch.declare_invariant(%L, %L', contract, declare_invariant.name)
    END;

    SELECT string_agg(ghostwatch._column_type(after.related, k.name), ', ' ORDER BY k.place)
    INTO key_type
    FROM unnest(coalesce(after.related_key_column, ARRAY[NULL]::name[])) WITH ORDINALITY AS k (name, place);
    IF after.related_at_column IS NOT NULL THEN
        related_at_type := ghostwatch._column_type(after.related, after.related_at_column);
        IF related_at_type NOT IN ('timestamp with time zone', 'timestamp without time zone') THEN
            RAISE EXCEPTION 'column % of % is no time: it is of type %', quote_ident(after.related_at_column), after.related, related_at_type
                USING ERRCODE = 'GW010',
                      HINT = statement || ', reset => ''{related_at_column}'')';
        END IF;
    END IF;

    -- The subjects' table may have been dropped since.
    SELECT string_agg(ghostwatch._column_type(its_contract.subject, k.name), ', ' ORDER BY k.place)
    INTO subject_key_type
    FROM unnest(coalesce(after.subject_column, its_contract.key_column)) WITH ORDINALITY AS k (name, place);
    PERFORM ghostwatch._require_readable(its_contract.subject);
    PERFORM ghostwatch._require_readable(after.related);

    BEGIN
        IF cardinality(after.related_key_column) <> cardinality(coalesce(after.subject_column, its_contract.key_column)) THEN
            RAISE undefined_function;
        END IF;

        PERFORM ghostwatch._enter_search_path(its_contract.search_path);
        EXECUTE format(
            'SELECT FROM %s AS s JOIN %s AS r ON %s LIMIT 0',
            its_contract.subject, after.related,
            ghostwatch._key_match(
                its_contract.subject, coalesce(after.subject_column, its_contract.key_column), after.related, after.related_key_column
            )
        );
        PERFORM ghostwatch._leave_search_path();
    EXCEPTION WHEN undefined_function THEN
        RAISE EXCEPTION 'column % of % cannot be compared with the key of %', ghostwatch._column_names(after.related_key_column), after.related, its_contract.subject
            USING ERRCODE = 'GW009',
                  DETAIL = format('They are of the types %s and %s.', key_type, subject_key_type),
                  HINT = format('SELECT ghostwatch.declare_invariant(%L, %L, %L, ''the_column_that_holds_the_key'')', contract, declare_invariant.name, after.related);
    END;

    PERFORM ghostwatch._check_expression(
        'the predicate', after.predicate, format('%s AS s, %s AS r', its_contract.subject, after.related), 'boolean',
        statement || ', predicate => ...)', its_contract.search_path
    );

    problem := ghostwatch._rule_problem(
        after.rule, after.warn_after, after.error_after, after.watch_for, after.min_count, after.min_rate,
        after.days_per_false_alarm, after.expected_rate, after.branch_ceiling
    );
    IF (after.at_least >= 1 AND coalesce(after.exactly, 1) >= 1) IS NOT TRUE THEN
        problem := format('at_least is %s and exactly %s; both must be at least 1.', after.at_least, coalesce(after.exactly::text, 'not given'));
    ELSIF (after.at_least > 1)::integer + (after.exactly IS NOT NULL)::integer + after.no_row::integer > 1 THEN
        problem := 'Only one of at_least, exactly and no_row can be given.';
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'a setting of invariant % is out of its range', quote_literal(declare_invariant.name)
            USING ERRCODE = 'GW015',
                  DETAIL = problem,
                  HINT = format('The defaults fit together: %s, reset => %L)', statement, ghostwatch._rule_settings() || '{at_least,exactly,no_row}'::text[]);
    END IF;

    after.warn_after := ghostwatch._fixed_length(after.warn_after);
    after.error_after := ghostwatch._fixed_length(after.error_after);
    after.watch_for := ghostwatch._fixed_length(after.watch_for);
    IF after.missing_label = '' THEN
        after.missing_label := replace(declare_invariant.name, '_', ' ');
    END IF;

    after.contract_id := its_contract_id;
    after.name := declare_invariant.name;
    after := ghostwatch._save_invariant(after);
    PERFORM ghostwatch._enforcement_follows_invariant(its_contract_id);
    PERFORM ghostwatch._suggest_backtest(before, after);

    -- The deadline is part of what a judgement means; another one calls for judging anew.
    IF (before.related, before.related_key_column, before.subject_column, before.predicate, before.at_least, before.exactly, before.no_row, coalesce(before.warn_after, before.error_after), before.watch_for)
       IS DISTINCT FROM
       (after.related, after.related_key_column, after.subject_column, after.predicate, after.at_least, after.exactly, after.no_row, coalesce(after.warn_after, after.error_after), after.watch_for) THEN
        PERFORM ghostwatch._restart_checks(after.invariant_id);
    END IF;
END
$declare_invariant$;

COMMENT ON FUNCTION ghostwatch.declare_invariant(
    text, text, regclass, text, text, name, interval, interval, interval, text, text, text, text,
    integer, double precision, double precision, double precision, double precision, text[],
    integer, integer, boolean, text, name
) IS
'Declares one clause of a contract: a row of related with the subject''s key (and predicate) exists in time; declaring again changes what is given and keeps the rest.
related: the table of that row. related_key_column: its column that holds the subject''s key, several as an array: {tenant_id,user_id}. predicate: boolean SQL over the aliases s (subject) and r (related).
related_at_column: when the related row came, for backtests. warn_after, error_after: age of the subject at which a missing row is a warning (default: never), an error (default: 5 minutes); an error_after of 0 means due in the transaction of the subject.
watch_for: age past which an open violation expires (default: 25 minutes). rule: threshold (an alert while a violation is open), drift (when their rate has moved) or auto (the default: drift once it is known that more than one violation a week is usual, before that threshold).
missing_label: what a message says is missing. min_count (default: 1), min_rate (share of subjects, default: 0): while there are fewer violations, the rule threshold gives no alert.
days_per_false_alarm (days, default: 90), expected_rate (share, default: 0.1), branch_ceiling (share, default: 0.8): settings of the rule drift.
runbook_url: a link that messages show. description: for people. reset: names of arguments to set back to their defaults.
at_least, exactly: how many such rows (default: at least 1). no_row: no such row may be there, judged for as long as the subject is watched.
subject_column: the column of the subject that related_key_column is compared with, several as an array (default: its key). set_column: a column of the subject itself that must not be NULL; then neither related nor related_key_column need be given.
Raises GW001 (no such contract), GW002, GW003 (no such table or column), GW004 to GW006 (the predicate is not valid, or a table not readable), GW008 (belongs to another role), GW009 (keys cannot be compared), GW010 (no time), GW015 (a setting of the rule is out of its range), GW016 (no name), GW018 (an argument that cannot be reset).';
CREATE FUNCTION ghostwatch._set_subject(
    contract_id integer,
    subject regclass,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS ghostwatch.contract
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_set_subject$
-- A trigger keeps the name beside the number.
DECLARE
    changed ghostwatch.contract;
BEGIN
    PERFORM ghostwatch._require_contract_owner(contract_id, declaring => true, role => ghostwatch._caller(credential));

    UPDATE ghostwatch.contract AS c
    SET subject = _set_subject.subject
    WHERE c.contract_id = _set_subject.contract_id
    RETURNING c.* INTO changed;

    RETURN changed;
END
$_set_subject$;

COMMENT ON FUNCTION ghostwatch._set_subject(integer, regclass, uuid) IS
'Records where the subjects of a contract are, and what their table is called; returns the changed row. Raises GW008 (belongs to another role).';
CREATE FUNCTION ghostwatch._set_related(
    invariant_id integer,
    related regclass,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_set_related$
-- A trigger keeps the name beside the number.
BEGIN
    PERFORM ghostwatch._require_own_invariant(invariant_id, credential);

    UPDATE ghostwatch.invariant AS i
    SET related = _set_related.related
    WHERE i.invariant_id = _set_related.invariant_id;
END
$_set_related$;

COMMENT ON FUNCTION ghostwatch._set_related(integer, regclass, uuid) IS
'Records where the related rows of an invariant are, and what their table is called. Raises GW008 (belongs to another role).';
CREATE FUNCTION ghostwatch.declare_branch_family(
    contract text,
    pattern text,
    family text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $declare_branch_family$
-- Groups branches by a LIKE pattern; where several match, the longest pattern wins. Idempotent.
-- Raises GW001, GW008 and GW016.
DECLARE
    its_contract_id integer := ghostwatch._contract_id(contract);
BEGIN
    PERFORM ghostwatch._require_contract_owner(its_contract_id, role => ghostwatch._caller(credential));

    IF (pattern ~ '^([^\\]|\\.)+$') IS NOT TRUE OR coalesce(family, '') = '' THEN
        RAISE EXCEPTION 'a branch family of contract % needs a pattern and a name', quote_literal(contract)
            USING ERRCODE = 'GW016',
                  DETAIL = format('The pattern is %L, the name %L. A backslash in a pattern stands before the character that it quotes.', pattern, family),
                  HINT = format('SELECT ghostwatch.declare_branch_family(%L, %L, %L)', contract, 'giveaway\_%', 'giveaway_*');
    END IF;

    INSERT INTO ghostwatch.branch_family AS b (contract_id, pattern, family)
    VALUES (its_contract_id, declare_branch_family.pattern, declare_branch_family.family)
    ON CONFLICT ON CONSTRAINT branch_family_pkey DO UPDATE SET family = excluded.family;
END
$declare_branch_family$;

COMMENT ON FUNCTION ghostwatch.declare_branch_family(text, text, text, uuid) IS
'Groups the branches of a contract that match a LIKE pattern under one name; the longest matching pattern wins.
Subjects without a branch are in the family none, those that match no pattern in other.
Raises GW001 (no such contract), GW008 (belongs to another role), GW016 (no pattern or no name).';
CREATE FUNCTION ghostwatch.drop_branch_family(
    contract text,
    pattern text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $drop_branch_family$
-- Forgets one pattern; true if it was there. Raises GW001 and GW008.
DECLARE
    its_contract_id integer := ghostwatch._contract_id(contract);
BEGIN
    PERFORM ghostwatch._require_contract_owner(its_contract_id, role => ghostwatch._caller(credential));

    DELETE FROM ghostwatch.branch_family AS b
    WHERE b.contract_id = its_contract_id AND b.pattern = drop_branch_family.pattern;

    RETURN FOUND;
END
$drop_branch_family$;

COMMENT ON FUNCTION ghostwatch.drop_branch_family(text, text, uuid) IS
'Forgets one pattern of a contract''s branch families; true if it was declared.
Raises GW001 (no such contract), GW008 (belongs to another role).';
CREATE FUNCTION ghostwatch._delete_invariant(
    invariant_id integer,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_delete_invariant$
-- Waits for a check of it that is under way.
BEGIN
    PERFORM ghostwatch._require_own_invariant(invariant_id, credential);
    PERFORM FROM ghostwatch.check_progress AS p WHERE p.invariant_id = _delete_invariant.invariant_id FOR UPDATE;
    DELETE FROM ghostwatch.invariant AS i WHERE i.invariant_id = _delete_invariant.invariant_id;
END
$_delete_invariant$;

COMMENT ON FUNCTION ghostwatch._delete_invariant(integer, uuid) IS
'Deletes an invariant and what was found about it. Raises GW008 (belongs to another role).';
CREATE FUNCTION ghostwatch.drop_invariant(
    contract text,
    invariant text
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $drop_invariant$
-- Drops an invariant and what was found about it; waits for a check of it that is under way.
-- Raises GW001, GW007 and GW008.
DECLARE
    its_invariant_id integer := ghostwatch._invariant_id(contract, invariant);
BEGIN
    PERFORM ghostwatch._delete_invariant(its_invariant_id);
    PERFORM ghostwatch._enforcement_follows_invariant(ghostwatch._contract_id(contract));
END
$drop_invariant$;

COMMENT ON FUNCTION ghostwatch.drop_invariant(text, text) IS
'Drops an invariant and what was found about it; its alerts are resolved and stay in the history.
Raises GW001 (no such contract), GW007 (no such invariant), GW008 (belongs to another role).';
CREATE FUNCTION ghostwatch._delete_contract(
    contract_id integer,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_delete_contract$
-- The triggers on its table, which belong to its owner, are removed by the caller.
BEGIN
    PERFORM ghostwatch._require_contract_owner(contract_id, role => ghostwatch._caller(credential));
    DELETE FROM ghostwatch.contract AS c WHERE c.contract_id = _delete_contract.contract_id;
END
$_delete_contract$;

COMMENT ON FUNCTION ghostwatch._delete_contract(integer, uuid) IS
'Deletes a contract. Raises GW008 (belongs to another role).';
CREATE FUNCTION ghostwatch.drop_contract(
    name text
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $drop_contract$
-- Drops a contract with its invariants and what was found about them; alerts stay in the history.
-- Raises GW001 and GW008.
DECLARE
    its_contract_id integer := ghostwatch._contract_id(drop_contract.name);
    its_invariant text;
BEGIN
    PERFORM ghostwatch._require_contract_owner(its_contract_id);

    FOR its_invariant IN SELECT i.name FROM ghostwatch.invariant AS i WHERE i.contract_id = its_contract_id LOOP
        PERFORM ghostwatch.drop_invariant(drop_contract.name, its_invariant);
    END LOOP;

    -- Before the row is gone: it says who owns the functions of the triggers.
    PERFORM ghostwatch._remove_capture(its_contract_id);
    PERFORM ghostwatch._remove_contract_trigger(its_contract_id, ghostwatch._enforcement_name(its_contract_id));
    PERFORM ghostwatch._delete_contract(its_contract_id);
END
$drop_contract$;

COMMENT ON FUNCTION ghostwatch.drop_contract(text) IS
'Drops a contract with its invariants and what was found about them; its alerts are resolved and stay in the history.
Raises GW001 (no such contract), GW008 (belongs to another role).';

-- detect: who breaks it
CREATE FUNCTION ghostwatch._forget_findings(
    invariant_id integer,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_forget_findings$
-- Returns from when on the checks begin anew. Waits for a check that is under way.
DECLARE
    start_at timestamptz;
BEGIN
    PERFORM ghostwatch._require_own_invariant(invariant_id, credential);
    start_at := ghostwatch._clock() - (SELECT i.watch_for FROM ghostwatch.invariant AS i WHERE i.invariant_id = _forget_findings.invariant_id);

    INSERT INTO ghostwatch.check_progress AS p (invariant_id, watermark, checked_up_to)
    VALUES (_forget_findings.invariant_id, start_at, start_at)
    ON CONFLICT ON CONSTRAINT check_progress_pkey DO UPDATE
    SET watermark = excluded.watermark,
        checked_up_to = excluded.checked_up_to,
        catching_up_since = NULL,
        skew = NULL,
        skew_seen_at = NULL;

    -- What was found under the old definition says nothing about the new one.
    DELETE FROM ghostwatch.checked_ahead AS j WHERE j.invariant_id = _forget_findings.invariant_id;
    DELETE FROM ghostwatch.violation AS v
    WHERE v.invariant_id = _forget_findings.invariant_id
      AND (v.closed_at IS NULL OR v.born_at >= start_at);
    DELETE FROM ghostwatch.branch_minute AS b
    WHERE b.invariant_id = _forget_findings.invariant_id
      AND b.minute >= date_trunc('minute', start_at);
    DELETE FROM ghostwatch.branch_value AS b
    USING ghostwatch.invariant AS i
    WHERE i.invariant_id = _forget_findings.invariant_id
        AND b.contract_id = i.contract_id;
    PERFORM ghostwatch._restart_drift(invariant_id, start_at);

    RETURN start_at;
END
$_forget_findings$;

COMMENT ON FUNCTION ghostwatch._forget_findings(integer, uuid) IS
'Sets the checks of an invariant back by watch_for, forgets what was found of that time and returns its beginning. Raises GW008 (belongs to another role).';
CREATE FUNCTION ghostwatch._restart_checks(
    invariant_id integer
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_restart_checks$
-- Begins the checks of an invariant anew, watch_for back, so that declaring shows the present at once.
-- Waits for a check of it that is under way.
DECLARE
    clause ghostwatch._clause;
    start_at timestamptz;
BEGIN
    start_at := ghostwatch._forget_findings(invariant_id);
    SELECT c.* INTO clause FROM ghostwatch._clause AS c WHERE c.invariant_id = _restart_checks.invariant_id;

    IF clause.capture THEN
        PERFORM ghostwatch._seed_arrivals(clause, start_at);
    END IF;
END
$_restart_checks$;

COMMENT ON FUNCTION ghostwatch._restart_checks(integer) IS
'Begins the checks of an invariant anew, watch_for before now, and forgets what was found of that time.';
CREATE FUNCTION ghostwatch._clock_changes(
    moment timestamptz,
    margin interval,
    time_zone text
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN ((moment + margin) AT TIME ZONE time_zone) - ((moment - margin) AT TIME ZONE time_zone) <> margin * 2;

COMMENT ON FUNCTION ghostwatch._clock_changes(timestamptz, interval, text) IS
'True if the wall clock of the time zone is set back or forward within the margin around the moment.';
CREATE FUNCTION ghostwatch._due_up_to(
    clause ghostwatch._clause,
    as_of timestamptz
)
RETURNS timestamptz
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
-- A warning is due at warn_after, an error only past error_after.
RETURN as_of - (clause).deadline - CASE WHEN (clause).warn_after IS NULL THEN '1 microsecond'::interval ELSE '0'::interval END;

COMMENT ON FUNCTION ghostwatch._due_up_to(ghostwatch._clause, timestamptz) IS
'The latest birth time whose deadline has come.';
CREATE FUNCTION ghostwatch._plain_birth(
    clause ghostwatch._clause
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
-- The line ends keep a comment in the expression from hiding what follows it.
RETURN CASE
    WHEN (clause).born_at_expression IS NULL THEN format('s.%I', (clause).born_at_column)
    ELSE format(E'(\n%s\n)', (clause).born_at_expression)
END;

COMMENT ON FUNCTION ghostwatch._plain_birth(ghostwatch._clause) IS
'SQL for the birth time of the subject s as it was written: the column or the expression that an index may lead on.';
CREATE FUNCTION ghostwatch._written_birth(
    clause ghostwatch._clause
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN CASE
    WHEN (clause).time_zone IS NULL THEN ghostwatch._plain_birth(clause)
    ELSE format('(%s AT TIME ZONE %L)', ghostwatch._plain_birth(clause), (clause).time_zone)
END;

COMMENT ON FUNCTION ghostwatch._written_birth(ghostwatch._clause) IS
'SQL for the birth time that the subject s itself carries, as a timestamptz.';
CREATE FUNCTION ghostwatch._birth_is_indexed(
    clause ghostwatch._clause
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $_birth_is_indexed$
-- Of an expression only the planner knows which index leads to it: without one, it sorts.
-- Declared SQL is planned here, for who declared it: @plpgsql_check_options: security_warnings = false
DECLARE
    plan json;
BEGIN
    IF clause.born_at_expression IS NULL THEN
        RETURN ghostwatch._index_advice(clause.subject, ARRAY[clause.born_at_column], ARRAY['btree']::name[], false) IS NULL;
    END IF;

    PERFORM ghostwatch._enter_search_path(clause.search_path);
    EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM %s AS s ORDER BY %s DESC LIMIT 1', clause.subject, ghostwatch._plain_birth(clause))
    INTO plan;
    PERFORM ghostwatch._leave_search_path();
    RETURN plan::text NOT LIKE '%"Node Type": "Sort"%';
END
$_birth_is_indexed$;

COMMENT ON FUNCTION ghostwatch._birth_is_indexed(ghostwatch._clause) IS
'Whether an index leads to the subjects by their birth time. For an expression, the role must own the contract.
True for what can have no index (views, foreign tables).';
CREATE FUNCTION ghostwatch._birth_problem(
    contract ghostwatch.contract
)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_birth_problem$
-- A wrong time zone makes every check look past the subjects: births hours ahead are not due yet, births hours behind are
-- older than watch_for when they come. So the newest ones are compared with the database's clock, however old they are.
-- Behind means something only where subjects came one after the other, and then none for much longer.
-- Looks only where an index leads to the newest ones.
-- Names of columns and tables only are put into the query: @plpgsql_check_options: security_warnings = false
DECLARE
    clause constant ghostwatch._clause := jsonb_populate_record(NULL::ghostwatch._clause, to_jsonb(contract));
    as_of constant timestamptz := ghostwatch._clock();
    enough constant integer := 20;
    births timestamptz[];
    time_ahead interval;
    time_behind interval;
BEGIN
    IF contract.capture
        OR contract.born_at_expression IS NOT NULL
        OR NOT EXISTS (SELECT FROM pg_class AS r WHERE r.oid = contract.subject AND r.relkind IN ('r', 'p'))
        OR ghostwatch._index_advice(contract.subject, ARRAY[contract.born_at_column], '{btree}', false) IS NOT NULL THEN
        RETURN NULL;
    END IF;

    EXECUTE format(
        'SELECT ARRAY(SELECT %1$s FROM %2$s AS s WHERE s.%3$I < ''infinity'' AND s.%3$I > ''-infinity'' ORDER BY s.%3$I DESC LIMIT %4$s)',
        ghostwatch._written_birth(clause), contract.subject, contract.born_at_column, enough
    )
    INTO births;
    time_ahead := births[1] - as_of;
    time_behind := as_of - births[1];

    IF time_ahead >= '25 minutes' OR (
        time_behind BETWEEN '25 minutes' AND '15 hours'
        AND births[1] > births[enough]
        AND time_behind > 10 * (births[1] - births[enough])
    ) THEN
        RETURN format(
            'Births in %s look %s hours %s: time zone? The newest is %s, the database''s clock says %s, and births %s.',
            contract.subject,
            (round(extract(EPOCH FROM greatest(time_ahead, time_behind)) / 900) / 4)::double precision,
            CASE WHEN time_ahead > '0' THEN 'ahead' ELSE 'behind' END,
            births[1]::timestamptz(0),
            as_of::timestamptz(0),
            coalesce('are read in the time zone ' || contract.time_zone, 'carry their time zone')
        );
    END IF;

    RETURN NULL;
END
$_birth_problem$;

COMMENT ON FUNCTION ghostwatch._birth_problem(ghostwatch.contract) IS
'In words, by how much the newest births of a contract differ from the database''s clock; NULL where they do not, or cannot be looked at cheaply.';
CREATE FUNCTION ghostwatch._born_between(
    clause ghostwatch._clause,
    after timestamptz,
    up_to timestamptz
)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_born_between$
-- SQL condition for the subjects s born after one moment and up to another, in a form that an index
-- on the plain column can serve.
DECLARE
    -- Where a clock was set back or forward within these hours, local times repeat or never happen;
    -- then the index reads a little more, and the exact condition sorts it out.
    margin constant interval := '3 hours'::interval;
    exact constant text := format('%1$s > %2$L AND %1$s <= %3$L', ghostwatch._written_birth(clause), after, up_to);
BEGIN
    IF clause.time_zone IS NULL THEN
        RETURN exact;
    END IF;

    RETURN format(
        '%1$s > %2$L AND %1$s <= %3$L AND %4$s',
        ghostwatch._plain_birth(clause),
        (after AT TIME ZONE clause.time_zone)
        - CASE WHEN ghostwatch._clock_changes(after, margin, clause.time_zone) THEN margin ELSE '0'::interval END,
        (up_to AT TIME ZONE clause.time_zone)
        + CASE WHEN ghostwatch._clock_changes(up_to, margin, clause.time_zone) THEN margin ELSE '0'::interval END,
        exact
    );
END
$_born_between$;

COMMENT ON FUNCTION ghostwatch._born_between(ghostwatch._clause, timestamptz, timestamptz) IS
'SQL condition for the subjects s born after one moment (excluded) and up to another (included), fit for an index on the birth column.';
CREATE FUNCTION ghostwatch._capture_body(
    contract_id integer
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_capture_body$
    -- The table that fired comes first, before any value of a row is looked at.
    SELECT format(
        $body$
-- Written by ghostwatch.declare_contract() for contract %1$s. A definer: those who insert need no rights on ghostwatch.
-- No SET search_path, which would cost more than all the rest: every name and every operator is qualified.
DECLARE
    noted_at pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    problem_state pg_catalog.text;
    problem pg_catalog.text;
BEGIN
    IF NOT EXISTS (
        SELECT FROM ghostwatch.contract AS c
        WHERE c.contract_id OPERATOR(pg_catalog.=) %1$s
            AND (c.subject::pg_catalog.oid OPERATOR(pg_catalog.=) TG_RELID
                OR EXISTS (
                    SELECT FROM pg_catalog.pg_partition_ancestors(TG_RELID) AS a
                    WHERE a.relid::pg_catalog.oid OPERATOR(pg_catalog.=) c.subject::pg_catalog.oid
                ))
    ) THEN
        RETURN NULL;
    END IF;

    noted_at := ghostwatch._clock();
    INSERT INTO ghostwatch.arrival (contract_id, arrived_at, subject_key)
    SELECT %1$s, noted_at, %2$s FROM newcomer AS n WHERE %3$s
    ON CONFLICT DO NOTHING;
    RETURN NULL;
EXCEPTION
    WHEN OTHERS THEN
        -- A signup goes through whatever is wrong here; a check run notes it later and reports the error.
        GET STACKED DIAGNOSTICS problem_state = RETURNED_SQLSTATE, problem = MESSAGE_TEXT;
        BEGIN
            INSERT INTO ghostwatch.capture_failure (contract_id, failed_at, subject_keys, error_state, error_message)
            SELECT c.contract_id, noted_at, k.subject_keys, problem_state, problem
            FROM ghostwatch.contract AS c
            CROSS JOIN (SELECT pg_catalog.array_agg(%2$s) AS subject_keys FROM newcomer AS n WHERE %3$s) AS k
            WHERE c.contract_id OPERATOR(pg_catalog.=) %1$s
                AND c.capture
                AND k.subject_keys IS NOT NULL;
        EXCEPTION
            WHEN OTHERS THEN
                RAISE WARNING 'an arrival for contract %% could not be recorded: %%', %4$L, problem USING ERRCODE = problem_state;
        END;
        RETURN NULL;
END
$body$,
        c.contract_id,
        ghostwatch._key_text(c.subject, 'n', c.key_column),
        ghostwatch._key_is_there('n', c.key_column),
        c.name
    )
    FROM ghostwatch.contract AS c
    WHERE c.contract_id = _capture_body.contract_id
$_capture_body$;

COMMENT ON FUNCTION ghostwatch._capture_body(integer) IS
'The body of the trigger function that notes a contract''s arrivals.';
CREATE FUNCTION ghostwatch._install_capture(
    contract_id integer
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_install_capture$
-- Puts the trigger that notes arrivals on the table of the subjects and on each of its partitions that has none yet;
-- its function, which belongs to the contract's owner, stands beside the table.
-- Waits for running transactions that write the table: whoever is not recorded is visible afterwards.
DECLARE
    captured ghostwatch.contract;
    trigger_name constant name := ghostwatch._capture_name(contract_id);
    function_schema name;
    subject_kind "char";
    relation regclass;
BEGIN
    SELECT c.* INTO captured FROM ghostwatch.contract AS c WHERE c.contract_id = _install_capture.contract_id;
    SELECT n.nspname, c.relkind
    INTO function_schema, subject_kind
    FROM pg_class AS c
    INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = captured.subject;

    IF subject_kind NOT IN ('r', 'p') THEN
        RAISE EXCEPTION 'arrivals in % cannot be captured', captured.subject
            USING ERRCODE = 'GW017',
                  DETAIL = 'Only tables and partitioned tables take the trigger that notes arrivals.',
                  HINT = format(
                      'SELECT ghostwatch.declare_contract(%L, %L, capture => false%s)',
                      captured.name, captured.subject, CASE WHEN captured.unique_key THEN ', unique_key => true' END
                  );
    END IF;

    function_schema := coalesce(ghostwatch._contract_trigger_schema(contract_id, trigger_name), function_schema);
    -- The time limit is for a lock on ghostwatch.arrival: nobody who signs up waits for that.
    PERFORM ghostwatch._write_contract_function(
        contract_id,
        function_schema,
        trigger_name,
        'SET lock_timeout = ''100ms''',
        ghostwatch._capture_body(contract_id),
        format(
            'Notes arrivals for the ghostwatch contract %L. To turn that off, declare it with capture => false.',
            captured.name
        )
    );

    FOR relation IN
        SELECT captured.subject
        UNION
        SELECT t.relid FROM pg_partition_tree(captured.subject) AS t
        EXCEPT
        SELECT t.tgrelid FROM pg_trigger AS t WHERE t.tgname = trigger_name
    LOOP
        -- The condition is always true. It makes the trigger depend on ghostwatch, so that
        -- removing ghostwatch removes it too and leaves no table that nobody can write.
        PERFORM ghostwatch._execute_locking(
            relation,
            'ShareRowExclusiveLock',
            format(
                'CREATE TRIGGER %1$I AFTER INSERT ON %2$s REFERENCING NEW TABLE AS newcomer '
                'FOR EACH STATEMENT WHEN (NULL::ghostwatch.contract IS NULL) EXECUTE FUNCTION %3$I.%1$I()',
                trigger_name, relation, function_schema
            )
        );
    END LOOP;
END
$_install_capture$;

COMMENT ON FUNCTION ghostwatch._install_capture(integer) IS
'Puts the trigger that notes arrivals on the table of a contract''s subjects.
Raises GW017 (not a table), GW075 (a table stays locked), GW076 (a function of another role is in the way).';
CREATE FUNCTION ghostwatch._delete_arrivals(
    contract_id integer
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer: whoever may delete from a table may lock it, and signups write this one.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_delete_arrivals$
    -- Where the trigger is in place, arrivals are needed, whoever asks.
    DELETE FROM ghostwatch.arrival AS a
    WHERE a.contract_id = _delete_arrivals.contract_id
        AND ghostwatch._contract_trigger_schema(
            _delete_arrivals.contract_id,
            ghostwatch._capture_name(_delete_arrivals.contract_id)
        ) IS NULL
$_delete_arrivals$;

COMMENT ON FUNCTION ghostwatch._delete_arrivals(integer) IS
'Deletes the arrivals of a contract whose capture trigger is gone.';
CREATE FUNCTION ghostwatch._remove_capture(
    contract_id integer
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_remove_capture$
-- Removes the trigger that notes arrivals, and what it recorded.
BEGIN
    PERFORM ghostwatch._remove_contract_trigger(contract_id, ghostwatch._capture_name(contract_id));
    PERFORM ghostwatch._delete_arrivals(contract_id);
END
$_remove_capture$;

COMMENT ON FUNCTION ghostwatch._remove_capture(integer) IS
'Removes the trigger that notes a contract''s arrivals, if there is one, and what it recorded.';
CREATE FUNCTION ghostwatch._seed_arrivals(
    clause ghostwatch._clause,
    since timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_seed_arrivals$
-- Notes those who came since a moment but before the trigger did: for them, what they carry as birth time must do.
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
BEGIN
    PERFORM ghostwatch._enter_search_path(clause.search_path);
    EXECUTE format(
        'INSERT INTO ghostwatch.arrival (contract_id, arrived_at, subject_key) '
        'SELECT $1, least(%1$s, $3), %2$s FROM %3$s AS s '
        'WHERE %1$s > $2 AND %4$s AND NOT EXISTS ('
        '    SELECT FROM ghostwatch.arrival AS a WHERE a.contract_id = $1 AND a.subject_key = %2$s'
        ') ON CONFLICT DO NOTHING',
        ghostwatch._written_birth(clause),
        ghostwatch._key_text(clause.subject, 's', clause.key_columns),
        clause.subject,
        ghostwatch._key_is_there('s', clause.key_columns)
    )
    USING clause.contract_id, since, ghostwatch._clock();
    PERFORM ghostwatch._leave_search_path();
END
$_seed_arrivals$;

COMMENT ON FUNCTION ghostwatch._seed_arrivals(ghostwatch._clause, timestamptz) IS
'Notes the arrival of subjects that came since a moment, but before their arrival was recorded by itself.';
CREATE FUNCTION ghostwatch._forget_arrivals(
    contract_id integer,
    as_of timestamptz
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer: whoever may delete from a table may lock it, and signups write this one.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_forget_arrivals$
-- Removes arrivals that every invariant has judged and none watches any more; at most a batch, as they come.
DELETE FROM ghostwatch.arrival AS d
WHERE d.ctid = ANY (ARRAY(
    SELECT a.ctid
    FROM ghostwatch.arrival AS a
    WHERE a.contract_id = _forget_arrivals.contract_id
      AND a.arrived_at <= (
          SELECT min(least(p.watermark, least(as_of, ghostwatch._clock()) - c.watch_for))
          FROM ghostwatch._clause AS c
          INNER JOIN ghostwatch.check_progress AS p ON p.invariant_id = c.invariant_id
          WHERE c.contract_id = _forget_arrivals.contract_id
      )
    LIMIT ghostwatch._setting('batch_size')::integer
    FOR UPDATE OF a SKIP LOCKED
))
$_forget_arrivals$;

COMMENT ON FUNCTION ghostwatch._forget_arrivals(integer, timestamptz) IS
'Removes arrivals that every invariant of the contract has judged and none watches any more, at most batch_size of them.';
CREATE FUNCTION ghostwatch._take_up_failures(
    contract_id integer,
    as_of timestamptz,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_take_up_failures$
    -- A failure is committed with the subjects that it names, so no watermark has passed them yet.
    SELECT ghostwatch._require_contract_owner(_take_up_failures.contract_id, role => ghostwatch._caller(_take_up_failures.credential));

    WITH forgotten AS (
        DELETE FROM ghostwatch.capture_failure AS f
        WHERE f.contract_id = _take_up_failures.contract_id
            AND f.taken_up_at < as_of - '1 day'::interval
    ),

    taken AS (
        UPDATE ghostwatch.capture_failure AS f
        SET taken_up_at = as_of
        WHERE f.contract_id = _take_up_failures.contract_id
            AND f.taken_up_at IS NULL
        RETURNING f.contract_id, f.failed_at, f.subject_keys
    )

    INSERT INTO ghostwatch.arrival (contract_id, arrived_at, subject_key)
    SELECT
        t.contract_id,
        t.failed_at,
        k.subject_key
    FROM taken AS t
    CROSS JOIN LATERAL unnest(t.subject_keys) AS k (subject_key)
    ON CONFLICT DO NOTHING
$_take_up_failures$;

COMMENT ON FUNCTION ghostwatch._take_up_failures(integer, timestamptz, uuid) IS
'Notes the arrivals that capture could not note when they came.';
CREATE FUNCTION ghostwatch._trigger_problems(
    contract_id integer
)
RETURNS TABLE (
    finding text,
    advice text
)
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
ROWS 5
SET search_path = pg_catalog, pg_temp
AS $_trigger_problems$
-- Capture and enforcement let signups pass where they do not work. So their triggers are looked at by every check
-- run and by the doctor: a restore by another role, a lost grant or a disabled trigger is found in the catalogs.
DECLARE
    watched ghostwatch.contract;
    -- Only the owner may declare and enforce; the doctor may be asked by anybody.
    as_owner text := '';
BEGIN
    SELECT c.* INTO watched FROM ghostwatch.contract AS c WHERE c.contract_id = _trigger_problems.contract_id;
    IF watched.owner <> quote_ident(current_user)::regrole THEN
        as_owner := format('SET ROLE %s; ', watched.owner);
    END IF;

    RETURN QUERY
    WITH wanted AS (
        SELECT
            k.*,
            t.relid AS relation
        FROM (
            SELECT
                ghostwatch._capture_name(watched.contract_id) AS function_name,
                ghostwatch._capture_name(watched.contract_id)::text AS trigger_name,
                'no arrival is recorded there' AS consequence,
                as_owner || format('SELECT ghostwatch.declare_contract(%L, capture => true);', watched.name) AS advice
            WHERE watched.capture
            UNION ALL
            SELECT
                ghostwatch._enforcement_name(watched.contract_id),
                ghostwatch._enforcement_name(watched.contract_id) || suffix.name,
                'not every commit is checked there',
                as_owner || format('SELECT * FROM ghostwatch.enforce(%L, %L);', watched.name, watched.enforcement)
            FROM unnest(ARRAY['', '_key']) AS suffix (name)
            WHERE watched.enforcement <> 'observe'
        ) AS k
        CROSS JOIN ghostwatch._partitions(watched.subject) AS t (relid)
        INNER JOIN pg_class AS r
            ON r.oid = t.relid
    )

    SELECT
        format(
            '%s has %s trigger %I, which contract %s needs: %s.',
            w.relation::regclass,
            CASE WHEN t.oid IS NULL THEN 'no' ELSE 'a disabled' END,
            w.trigger_name,
            watched.name,
            w.consequence
        ),
        CASE
            WHEN t.oid IS NULL THEN w.advice
            ELSE format('ALTER TABLE %s ENABLE TRIGGER %I;', w.relation::regclass, w.trigger_name)
        END
    FROM wanted AS w
    LEFT JOIN pg_trigger AS t
        ON t.tgrelid = w.relation
        AND t.tgname = w.trigger_name
    WHERE t.oid IS NULL
        OR t.tgenabled NOT IN ('O', 'A')
    ORDER BY w.relation::text, w.trigger_name;

    RETURN QUERY
    SELECT
        format(
            'Function %s works for contract %s, which belongs to %s, but is owned by %s: it lacks the rights that it needs.',
            p.oid::regprocedure, watched.name, watched.owner, p.proowner::regrole
        ),
        format('ALTER FUNCTION %s OWNER TO %s;', p.oid::regprocedure, watched.owner)
    FROM pg_trigger AS t
    INNER JOIN pg_proc AS p
        ON p.oid = t.tgfoid
    WHERE t.tgrelid = watched.subject
        AND t.tgname IN (ghostwatch._capture_name(watched.contract_id), ghostwatch._enforcement_name(watched.contract_id))
        AND p.proowner <> watched.owner;

    RETURN QUERY
    SELECT
        format('%s, which owns contract %s, lacks rights on ghostwatch: %s.', watched.owner, watched.name, string_agg(w.lost, ', ' ORDER BY w.lost)),
        format('SELECT ghostwatch.grant_operator(%L);', (SELECT r.rolname FROM pg_roles AS r WHERE r.oid = watched.owner))
    FROM (
        SELECT
            'ghostwatch.arrival' AS lost,
            watched.capture AS is_needed,
            has_schema_privilege(watched.owner, 'ghostwatch', 'USAGE')
            AND has_any_column_privilege(watched.owner, 'ghostwatch.arrival', 'INSERT') AS is_there
        UNION ALL
        SELECT
            'ghostwatch.capture_failure',
            watched.capture,
            has_any_column_privilege(watched.owner, 'ghostwatch.capture_failure', 'INSERT')
        UNION ALL
        SELECT
            'ghostwatch._judge_at_commit',
            watched.enforcement <> 'observe',
            has_schema_privilege(watched.owner, 'ghostwatch', 'USAGE')
            AND has_function_privilege(watched.owner, 'ghostwatch._judge_at_commit(integer, text)', 'EXECUTE')
    ) AS w
    WHERE w.is_needed
        AND NOT w.is_there
    HAVING count(*) > 0;
END
$_trigger_problems$;

COMMENT ON FUNCTION ghostwatch._trigger_problems(integer) IS
'Why capture or enforcement of a contract does not work, with the statement to type.';
CREATE FUNCTION ghostwatch._require_triggers(
    contract_id integer,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_require_triggers$
-- An alert of a failing check reports to the chat what the doctor would report.
DECLARE
    watched ghostwatch.contract;
    problem record;
BEGIN
    SELECT c.* INTO watched FROM ghostwatch.contract AS c WHERE c.contract_id = _require_triggers.contract_id;
    IF NOT watched.capture AND watched.enforcement = 'observe' THEN
        RETURN;
    END IF;

    SELECT p.* INTO problem FROM ghostwatch._trigger_problems(contract_id) AS p LIMIT 1;
    IF NOT FOUND AND watched.capture THEN
        SELECT
            format(
                'In the last 5 minutes, the arrival of %s in %s could not be recorded at once: %s. The check run recorded it.',
                ghostwatch._pluralize(sum(cardinality(f.subject_keys))::bigint, 'subject'), watched.subject, min(f.error_message)
            ) AS finding,
            'SELECT * FROM ghostwatch.capture_failure;' AS advice
        INTO problem
        FROM ghostwatch.capture_failure AS f
        WHERE f.contract_id = _require_triggers.contract_id
            AND f.failed_at > as_of - '5 minutes'::interval
        HAVING count(*) > 0;
    END IF;

    IF problem.finding IS NOT NULL THEN
        RAISE EXCEPTION '%', problem.finding
        USING
            ERRCODE = 'GW077',
            DETAIL = 'Signups go through meanwhile, and the checks go on.',
            HINT = problem.advice;
    END IF;
END
$_require_triggers$;

COMMENT ON FUNCTION ghostwatch._require_triggers(integer, timestamptz) IS
'Raises GW077 where capture or enforcement of a contract does not work, or arrivals could not be recorded lately.';
CREATE FUNCTION ghostwatch._family_expression(
    contract_id integer,
    branch text
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_family_expression$
-- SQL that turns the SQL expression branch into its family. Patterns are few and branches many,
-- so they stand in the query as a CASE instead of being joined for every subject.
SELECT format('CASE WHEN %1$s IS NULL THEN ''none''', branch)
    || coalesce(string_agg(
        format(' WHEN %s LIKE %L THEN %L', branch, f.pattern, f.family),
        '' ORDER BY length(f.pattern) DESC, f.pattern
    ), '')
    || coalesce((
        SELECT format(' WHEN %1$s = ANY (%2$L::text[]) THEN %1$s', _family_expression.branch, array_agg(b.branch))
        FROM ghostwatch.branch_value AS b
        WHERE b.contract_id = _family_expression.contract_id
        HAVING count(*) > 0
    ), '')
    || ' ELSE ''other'' END'
FROM ghostwatch.branch_family AS f
WHERE f.contract_id = _family_expression.contract_id
$_family_expression$;

COMMENT ON FUNCTION ghostwatch._family_expression(integer, text) IS
'SQL that turns a branch, given as an SQL expression, into its family: none without a branch, itself where no pattern matches and it was among the first, otherwise other.';
CREATE TYPE ghostwatch._judgement AS (
    subject_key text,
    born_at timestamptz,
    branch_family text,
    exempt_by_branch boolean,
    exempt_by_predicate boolean,
    satisfied boolean,
    violated boolean,             -- neither satisfied nor exempt
    branch text,
    error_state text              -- SQLSTATE of the error that kept it from being judged
);

COMMENT ON TYPE ghostwatch._judgement IS
'What ghostwatch._subject_query() finds out about one subject.';
CREATE FUNCTION ghostwatch._related_rows(
    clause ghostwatch._clause
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_related_rows$
    -- The line ends keep a comment in the predicate from hiding what follows it.
    SELECT format(
        E'%s AS r WHERE %s AND (\n%s\n)',
        (clause).related,
        ghostwatch._key_match((clause).subject, (clause).subject_columns, (clause).related, (clause).related_key_columns),
        coalesce((clause).predicate, 'true')
    )
$_related_rows$;

COMMENT ON FUNCTION ghostwatch._related_rows(ghostwatch._clause) IS
'SQL for the related rows r of the subject s, to stand behind FROM.';
CREATE FUNCTION ghostwatch._related_query(
    clause ghostwatch._clause
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_related_query$
    -- LIMIT makes it an index look-up per subject, never a hash of the whole table, and bounds what is counted.
    SELECT CASE
        WHEN (clause).no_row THEN format('SELECT count(*) = 0 FROM (SELECT FROM %s LIMIT 1) AS found', f.related_rows)
        WHEN (clause).exactly IS NOT NULL
            THEN format('SELECT count(*) = %s FROM (SELECT FROM %s LIMIT %s) AS found', (clause).exactly, f.related_rows, (clause).exactly::bigint + 1)
        WHEN (clause).at_least > 1 THEN format('SELECT count(*) = %1$s FROM (SELECT FROM %2$s LIMIT %1$s) AS found', (clause).at_least, f.related_rows)
        ELSE format('SELECT true FROM %s LIMIT 1', f.related_rows)
    END
    FROM ghostwatch._related_rows(clause) AS f (related_rows)
$_related_query$;

COMMENT ON FUNCTION ghostwatch._related_query(ghostwatch._clause) IS
'The query that says whether the subject s has the related rows that a clause demands; no row or NULL means that it does not.';
CREATE FUNCTION ghostwatch._came_at(
    clause ghostwatch._clause
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_came_at$
    -- A time without a zone is read in the zone of the births.
    SELECT format(
        'SELECT %1$s FROM %2$s ORDER BY 1 OFFSET %3$s LIMIT 1',
        CASE ghostwatch._column_type((clause).related, (clause).related_at_column)
            WHEN 'timestamp without time zone' THEN format('r.%I AT TIME ZONE %L', (clause).related_at_column, coalesce((clause).time_zone, 'UTC'))
            ELSE format('r.%I', (clause).related_at_column)
        END,
        ghostwatch._related_rows(clause),
        (clause).at_least - 1
    )
$_came_at$;

COMMENT ON FUNCTION ghostwatch._came_at(ghostwatch._clause) IS
'SQL for the moment when the last of the rows came that the subject s must have; NULL if it never did.';
CREATE FUNCTION ghostwatch._written_together(
    clause ghostwatch._clause
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_written_together$
    -- Only tables have xmin. A savepoint has a transaction identifier of its own, and a row that was updated that of the
    -- last update: there, equal times of DEFAULT now() decide.
    SELECT CASE WHEN (clause).no_row THEN 'SELECT ''together''' ELSE format(
        E'SELECT CASE WHEN pg_catalog.bool_or(%1$s) THEN ''together'' WHEN pg_catalog.bool_and(%2$s) THEN %4$L ELSE ''unknown'' END '
        'FROM %3$s',
        concat_ws(
            ' OR ',
            CASE WHEN k.is_table THEN 'r.xmin::pg_catalog.text OPERATOR(pg_catalog.=) s.xmin::pg_catalog.text' END,
            (
                SELECT string_agg(format('r.%I::pg_catalog.text OPERATOR(pg_catalog.=) s.%I::pg_catalog.text', a.attname, b.attname), ' OR ')
                FROM pg_attribute AS a
                INNER JOIN pg_attribute AS b
                    ON b.atttypid = a.atttypid
                LEFT JOIN pg_attrdef AS d
                    ON d.adrelid = a.attrelid
                    AND d.adnum = a.attnum
                WHERE a.attrelid = i.related
                    AND a.attnum > 0
                    AND NOT a.attisdropped
                    AND b.attrelid = (clause).subject
                    AND b.attname = (clause).born_at_column
                    AND (clause).born_at_expression IS NULL
                    AND (
                        a.attname = i.related_at_column
                        OR pg_get_expr(d.adbin, d.adrelid) ~ '(now|transaction_timestamp)\(\)|CURRENT_TIMESTAMP'
                    )
            ),
            'false'
        ),
        CASE
            WHEN k.is_table THEN 'pg_catalog.age(r.xmin) OPERATOR(pg_catalog.<) pg_catalog.age(s.xmin)'
            WHEN i.related_at_column IS NOT NULL THEN 'true'
            ELSE 'false'
        END,
        ghostwatch._related_rows(clause),
        CASE WHEN k.is_updated THEN 'updated' ELSE 'separate' END
    ) END
    FROM ghostwatch.invariant AS i
    CROSS JOIN LATERAL (
        SELECT
            r.relkind IN ('r', 'p') AS is_table,
            (
                SELECT coalesce(sum(pg_stat_get_tuples_updated(t.relid)), 0) > 0
                FROM ghostwatch._partitions(r.oid) AS t (relid)
            ) AS is_updated
        FROM pg_class AS r
        WHERE r.oid = i.related
    ) AS k
    WHERE i.invariant_id = (clause).invariant_id
$_written_together$;

COMMENT ON FUNCTION ghostwatch._written_together(ghostwatch._clause) IS
'SQL that says of a subject s whether its row of a clause was written in one transaction with it: together, separate, updated (separate, or written anew since) or unknown.';
CREATE FUNCTION ghostwatch._subject_condition(
    clause ghostwatch._clause,
    source text,
    after timestamptz DEFAULT NULL,
    up_to timestamptz DEFAULT NULL
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_subject_condition$
    -- An index on the key or the birth time serves each of these.
    SELECT CASE source
        WHEN 'keys' THEN ghostwatch._key_is_among((clause).subject, (clause).key_columns)
        WHEN 'births' THEN format(
            '%s = ANY (ARRAY(SELECT b%s FROM unnest($2) AS b)) AND %s',
            ghostwatch._plain_birth(clause),
            ' AT TIME ZONE ' || quote_literal((clause).time_zone),
            ghostwatch._key_is_there('s', (clause).key_columns)
        )
        ELSE format(
            '%s AND %s%s',
            ghostwatch._born_between(clause, after, up_to),
            ghostwatch._key_is_there('s', (clause).key_columns),
            CASE source
                WHEN 'unseen' THEN format(
                    ' AND (%s, %s) NOT IN (SELECT k.subject_key, k.born_at FROM unnest($1, $2) AS k (subject_key, born_at))',
                    ghostwatch._key_text((clause).subject, 's', (clause).key_columns),
                    ghostwatch._written_birth(clause)
                )
            END
        )
    END
$_subject_condition$;

COMMENT ON FUNCTION ghostwatch._subject_condition(ghostwatch._clause, text, timestamptz, timestamptz) IS
'SQL condition that chooses subjects s. source: keys (those with the keys $1, an array of text), births (those with the birth times $2),
born (those born after a moment and up to another), unseen (the same without those that have a key of $1 and the birth time of the same place in $2).';
CREATE FUNCTION ghostwatch._subject_query(
    clause ghostwatch._clause,
    source text,
    after timestamptz DEFAULT NULL,
    up_to timestamptz DEFAULT NULL,
    at_most integer DEFAULT NULL,
    detail text DEFAULT NULL
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_subject_query$
-- The only query over subjects and their related rows. What is looked up for a subject stands as scalar sub-selects
-- in one target list, and the subjects come from one table by one condition: a planner that spreads tables over
-- servers can take that as it is. The families stand a level above: they name the branch many times, and it is
-- looked up once.
SELECT format(
    E'SELECT\n'
    '    q.subject_key,\n'
    '    q.born_at,\n'
    '    %1$s AS branch_family,\n'
    '    coalesce(q.branch LIKE ANY (%2$L::text[]), false) AS exempt_by_branch,\n'
    '    q.exempt_by_predicate,\n'
    '    q.satisfied,\n'
    '    NOT (q.satisfied OR q.exempt_by_predicate OR coalesce(q.branch LIKE ANY (%2$L::text[]), false)) AS violated,\n'
    '    q.branch%3$s\n'
    'FROM (\n'
    '    SELECT\n'
    '        %4$s AS subject_key,\n'
    '        %5$s AS born_at,\n'
    '        (\n%6$s\n)::text AS branch,\n'
    '        coalesce((\n%7$s\n), false) AS exempt_by_predicate,\n'
    '        coalesce((%8$s), false) AS satisfied%9$s\n'
    '    FROM %10$s AS s\n'
    '    WHERE %11$s\n'
    '    %12$s\n'
    ') AS q',
    ghostwatch._family_expression((clause).contract_id, 'q.branch'),
    (clause).exempt_branches,
    ', q.' || detail,
    ghostwatch._key_text((clause).subject, 's', (clause).key_columns),
    ghostwatch._written_birth(clause),
    coalesce((clause).branch_expression, 'NULL'),
    coalesce((clause).exempt_predicate, 'false'),
    ghostwatch._related_query(clause),
    CASE detail
        WHEN 'row_count' THEN format(E',\n        (SELECT count(*) FROM %s) AS row_count', ghostwatch._related_rows(clause))
        WHEN 'came_at' THEN format(E',\n        (%s) AS came_at', ghostwatch._came_at(clause))
        WHEN 'written' THEN format(E',\n        (%s) AS written', ghostwatch._written_together(clause))
    END,
    (clause).subject,
    ghostwatch._subject_condition(clause, source, after, up_to),
    -- All subjects with one birth time come together, so that a watermark is a moment and nothing else.
    CASE
        WHEN at_most IS NULL THEN 'OFFSET 0'
        ELSE format('ORDER BY %s FETCH FIRST %s ROWS WITH TIES', ghostwatch._plain_birth(clause), at_most)
    END
)
$_subject_query$;

COMMENT ON FUNCTION ghostwatch._subject_query(ghostwatch._clause, text, timestamptz, timestamptz, integer, text) IS
'The query that judges subjects of one invariant, to be run under the search path of the contract: the columns of ghostwatch._judgement.
source, after, up_to: which subjects, see ghostwatch._subject_condition(). at_most: the oldest so many, and all that are as old as the last of them.
detail: one more column: row_count (how many related rows there are), came_at (when the last one came that is needed) or written (see ghostwatch._written_together()).';
CREATE FUNCTION ghostwatch._evaluate(
    clause ghostwatch._clause,
    query text,
    keys text[] DEFAULT NULL,
    births timestamptz[] DEFAULT NULL,
    only_violated boolean DEFAULT false
)
RETURNS ghostwatch._judgement[]
LANGUAGE plpgsql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_evaluate$
-- What is found is kept in an array, so that whatever is written of it is another statement, over tables of
-- ghostwatch only. Each judgement is cast to its type here: the query's columns cannot be checked beforehand.
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
DECLARE
    judgements ghostwatch._judgement[];
BEGIN
    PERFORM ghostwatch._enter_search_path(clause.search_path);
    EXECUTE format('SELECT array_agg(ROW(j.*, NULL)::ghostwatch._judgement) FROM (%s) AS j WHERE j.violated OR NOT $3', query)
    INTO judgements
    USING keys, births, only_violated;
    PERFORM ghostwatch._leave_search_path();

    RETURN coalesce(judgements, '{}');
END
$_evaluate$;

COMMENT ON FUNCTION ghostwatch._evaluate(ghostwatch._clause, text, text[], timestamptz[], boolean) IS
'Runs a query of ghostwatch._subject_query() with its parameters, under the search path of the contract.
only_violated: leaves out the subjects that satisfy the clause or are exempt.';
CREATE FUNCTION ghostwatch._evaluate_each(
    clause ghostwatch._clause,
    subjects ghostwatch._judgement[]
)
RETURNS ghostwatch._judgement[]
LANGUAGE plpgsql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_evaluate_each$
-- An expression that fails for one subject fails the whole query. The subjects are halved until those are found, each
-- try in a subtransaction: twenty or so for each of them. Where there are many, the expression is wrong, not a subject.
-- Raises GW024, without the message of the error, which may show values of a row.
DECLARE
    most constant integer := 50;
    query constant text := ghostwatch._subject_query(clause, 'keys');
    waiting int4range[] := ARRAY[int4range(1, cardinality(subjects), '[]')];
    low integer;
    high integer;
    found ghostwatch._judgement[] := '{}'::ghostwatch._judgement[];
    failing ghostwatch._judgement[] := '{}'::ghostwatch._judgement[];
    failed ghostwatch._judgement;
BEGIN
    WHILE waiting <> '{}' LOOP
        low := lower(waiting[cardinality(waiting)]);
        high := upper(waiting[cardinality(waiting)]) - 1;
        waiting := waiting[1:cardinality(waiting) - 1];

        BEGIN
            found := found || ghostwatch._evaluate(clause, query, ARRAY(SELECT s.subject_key FROM unnest(subjects[low:high]) AS s));
        EXCEPTION
            WHEN data_exception OR cardinality_violation OR raise_exception THEN
                IF low < high THEN
                    waiting := waiting
                        || int4range((low + high) / 2 + 1, high, '[]')
                        || int4range(low, (low + high) / 2, '[]');
                ELSE
                    failed := subjects[low];
                    failed.exempt_by_predicate := true;
                    failed.satisfied := false;
                    failed.violated := false;
                    failed.error_state := SQLSTATE;
                    failing := failing || failed;
                END IF;
        END;

        IF cardinality(failing) > most THEN
            RAISE EXCEPTION 'an expression fails for more than % subjects, among them %',
                most, (SELECT string_agg(s.subject_key, ', ') FROM unnest(failing[1:5]) AS s)
            USING
                ERRCODE = 'GW024',
                DETAIL = format('The last one failed with SQLSTATE %s.', failed.error_state),
                HINT = format('SELECT * FROM ghostwatch.check_subject(%L, %L); shows the error.', clause.contract, failed.subject_key);
        END IF;
    END LOOP;

    RETURN found || failing;
END
$_evaluate_each$;

COMMENT ON FUNCTION ghostwatch._evaluate_each(ghostwatch._clause, ghostwatch._judgement[]) IS
'Judges subjects of whom some cannot be: those come back with error_state, as if they were exempt. Raises GW024 (too many).';
CREATE FUNCTION ghostwatch._judge_all(
    clause ghostwatch._clause,
    source text,
    after timestamptz DEFAULT NULL,
    up_to timestamptz DEFAULT NULL,
    at_most integer DEFAULT NULL,
    keys text[] DEFAULT NULL,
    births timestamptz[] DEFAULT NULL,
    only_violated boolean DEFAULT false
)
RETURNS ghostwatch._judgement[]
LANGUAGE plpgsql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_judge_all$
-- Where an expression fails, the subjects are read again without the declared expressions, and each is judged by its key.
DECLARE
    bare ghostwatch._clause := clause;
BEGIN
    RETURN ghostwatch._evaluate(
        clause, ghostwatch._subject_query(clause, source, after, up_to, at_most), keys, births, only_violated
    );
EXCEPTION
    WHEN data_exception OR cardinality_violation OR raise_exception THEN
        bare.branch_expression := NULL;
        bare.exempt_predicate := NULL;
        bare.predicate := 'false';
        RETURN ARRAY(
            SELECT j
            FROM unnest(ghostwatch._evaluate_each(
                clause,
                ghostwatch._evaluate(bare, ghostwatch._subject_query(bare, source, after, up_to, at_most), keys, births)
            )) AS j
            WHERE j.violated
                OR NOT only_violated
            ORDER BY j.born_at
        );
END
$_judge_all$;

COMMENT ON FUNCTION ghostwatch._judge_all(ghostwatch._clause, text, timestamptz, timestamptz, integer, text[], timestamptz[], boolean) IS
'Judges the subjects of a source, see ghostwatch._subject_query(). One for whom a declared expression fails comes back with error_state, as if it were exempt.
only_violated: leaves out the subjects that satisfy the clause or are exempt. Raises GW024 (an expression fails for many).';
CREATE FUNCTION ghostwatch._judge_keys(
    clause ghostwatch._clause,
    keys text[]
)
RETURNS ghostwatch._judgement[]
LANGUAGE sql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_judge_keys$
    -- The birth is the one that the subject carries, also under capture.
    SELECT ghostwatch._evaluate(clause, ghostwatch._subject_query(clause, 'keys'), keys)
$_judge_keys$;

COMMENT ON FUNCTION ghostwatch._judge_keys(ghostwatch._clause, text[]) IS
'Judges the subjects that have one of these keys. Raises whatever a declared expression raises.';
CREATE FUNCTION ghostwatch._judge_born(
    clause ghostwatch._clause,
    after timestamptz,
    up_to timestamptz,
    at_most integer DEFAULT NULL,
    seen_keys text[] DEFAULT NULL,
    seen_births timestamptz[] DEFAULT NULL,
    only_violated boolean DEFAULT false
)
RETURNS ghostwatch._judgement[]
LANGUAGE plpgsql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_judge_born$
-- Names of columns and tables only are put into the first query: @plpgsql_check_options: security_warnings = false
DECLARE
    source constant text := CASE WHEN seen_keys IS NULL THEN 'born' ELSE 'unseen' END;
    is_anybody_there boolean;
    arrival_keys text[];
    arrival_births timestamptz[];
BEGIN
    IF clause.capture THEN
        SELECT
            array_agg(n.subject_key),
            array_agg(n.arrived_at)
        INTO arrival_keys, arrival_births
        FROM (
            SELECT
                a.subject_key,
                a.arrived_at
            FROM ghostwatch.arrival AS a
            WHERE a.contract_id = clause.contract_id
                AND a.arrived_at > after
                AND a.arrived_at <= up_to
                AND (a.subject_key, a.arrived_at) NOT IN (SELECT k.subject_key, k.born_at FROM unnest(seen_keys, seen_births) AS k (subject_key, born_at))
            ORDER BY a.arrived_at
            FETCH FIRST coalesce(at_most, 2147483647) ROWS WITH TIES
        ) AS n;

        IF arrival_keys IS NULL THEN
            RETURN '{}'::ghostwatch._judgement[];
        END IF;
        -- A key that was deleted and used again has arrived twice.
        RETURN ARRAY(
            SELECT ROW(j.subject_key, a.born_at, j.branch_family, j.exempt_by_branch, j.exempt_by_predicate, j.satisfied, j.violated, j.branch, j.error_state)::ghostwatch._judgement
            FROM unnest(ghostwatch._judge_all(clause, 'keys', keys => arrival_keys)) AS j
            INNER JOIN unnest(arrival_keys, arrival_births) AS a (subject_key, born_at)
                ON a.subject_key = j.subject_key
            WHERE j.violated OR NOT only_violated
            ORDER BY a.born_at
        );
    END IF;

    -- On an idle bot nothing of what follows need be planned. Ordered, so that the index on the birth time is asked.
    PERFORM ghostwatch._enter_search_path(clause.search_path);
    EXECUTE format(
        'SELECT true FROM %s AS s WHERE %s ORDER BY %s LIMIT 1',
        clause.subject, ghostwatch._subject_condition(clause, source, after, up_to), ghostwatch._plain_birth(clause)
    )
    INTO is_anybody_there
    USING seen_keys, seen_births;
    PERFORM ghostwatch._leave_search_path();
    IF is_anybody_there IS NULL THEN
        RETURN '{}'::ghostwatch._judgement[];
    END IF;

    RETURN ghostwatch._judge_all(clause, source, after, up_to, at_most, seen_keys, seen_births, only_violated);
END
$_judge_born$;

COMMENT ON FUNCTION ghostwatch._judge_born(ghostwatch._clause, timestamptz, timestamptz, integer, text[], timestamptz[], boolean) IS
'Judges the subjects born after one moment (excluded) and up to another (included), oldest first: read by birth time or, under capture, from their arrivals.
at_most: the oldest so many, and all that are as old as the last of them. seen_keys, seen_births: the subjects to leave out. only_violated: leaves out those that satisfy the clause or are exempt.';
CREATE FUNCTION ghostwatch._missed_keys(
    clause ghostwatch._clause,
    after timestamptz,
    up_to timestamptz
)
RETURNS text[]
LANGUAGE plpgsql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_missed_keys$
-- Reads subjects by the birth time that they carry, under capture too: an arrival that could not be recorded is in the table only.
-- Under capture a subject that has arrived is due when its arrival is, whatever birth time it carries.
DECLARE
    written ghostwatch._clause := clause;
BEGIN
    written.capture := false;
    RETURN ARRAY(
        SELECT j.subject_key
        FROM unnest(ghostwatch._judge_born(written, after, up_to, only_violated => true)) AS j
        WHERE NOT EXISTS (
                SELECT FROM ghostwatch.violation AS v
                WHERE v.invariant_id = clause.invariant_id
                    AND v.subject_key = j.subject_key
            )
            AND NOT EXISTS (
                SELECT FROM ghostwatch.arrival AS a
                WHERE a.contract_id = clause.contract_id
                    AND a.subject_key = j.subject_key
            )
    );
END
$_missed_keys$;

COMMENT ON FUNCTION ghostwatch._missed_keys(ghostwatch._clause, timestamptz, timestamptz) IS
'The keys of subjects born after one moment (excluded) and up to another (included) that lack what the clause asks for, without a violation or an arrival.';
CREATE FUNCTION ghostwatch._report_uncaptured(
    clause ghostwatch._clause,
    as_of timestamptz,
    after timestamptz,
    up_to timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_report_uncaptured$
-- Where every table of ghostwatch that the trigger writes is locked, an arrival leaves no record. The next check takes
-- up the failure that is recorded here. Only where an index leads to the births: each check asks.
DECLARE
    uncaptured text[];
BEGIN
    IF after >= up_to OR NOT ghostwatch._birth_is_indexed(clause) THEN
        RETURN;
    END IF;

    uncaptured := ghostwatch._missed_keys(clause, after, up_to);
    IF uncaptured <> '{}' THEN
        INSERT INTO ghostwatch.capture_failure (contract_id, failed_at, subject_keys, error_state, error_message)
        VALUES (clause.contract_id, as_of, uncaptured, 'GW077', 'nothing was recorded when they came, and a check found them in the table');
    END IF;
END
$_report_uncaptured$;

COMMENT ON FUNCTION ghostwatch._report_uncaptured(ghostwatch._clause, timestamptz, timestamptz, timestamptz) IS
'Records as a failure of capture the subjects born after one moment (excluded) and up to another (included) that lack what they need and never arrived.';
CREATE FUNCTION ghostwatch._life_state(
    exempt boolean,
    age interval,
    error_after interval,
    watch_for interval
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE
    WHEN age > watch_for THEN 'expired'
    WHEN exempt THEN 'exempt'
    WHEN age > error_after THEN 'error'
    ELSE 'warn'
END;

COMMENT ON FUNCTION ghostwatch._life_state(boolean, interval, interval, interval) IS
'The state of a subject that lacks its row, by its age: warn up to and including error_after, error up to and including watch_for, then expired.';
CREATE FUNCTION ghostwatch._record_violation(
    invariant_id integer,
    subject_key text,
    born_at timestamptz,
    branch_family text,
    as_of timestamptz,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_record_violation$
    -- The next check run finds it recorded already, and only counts it.
    SELECT ghostwatch._require_own_invariant(_record_violation.invariant_id, _record_violation.credential);

    INSERT INTO ghostwatch.violation (
        invariant_id, subject_key, born_at, branch_family, state, opened_at, escalated_at
    )
    VALUES (
        invariant_id, subject_key, born_at, branch_family, 'error', as_of, as_of
    )
    ON CONFLICT DO NOTHING
$_record_violation$;

COMMENT ON FUNCTION ghostwatch._record_violation(integer, text, timestamptz, text, timestamptz, uuid) IS
'Records a violation that was found outside a check run, as an error from now on.';
CREATE FUNCTION ghostwatch._settled_up_to(
    clause ghostwatch._clause,
    as_of timestamptz
)
RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_settled_up_to$
-- Up to which birth time every subject is visible that ever will be. A birth time is the start of its transaction
-- (DEFAULT now()), give or take the lateness; so no subject can still appear that was born before the
-- oldest transaction began, where this role may see when that was.
-- (plpgsql, so that a session that runs checks again and again plans this once.)
DECLARE
    oldest_start timestamptz;
BEGIN
    SELECT min(a.xact_start)
    INTO oldest_start
    FROM pg_stat_activity AS a
    WHERE a.datname = current_database()
      AND a.pid <> pg_backend_pid()
      AND a.backend_type NOT IN ('autovacuum worker', 'walsender');

    -- When a prepared transaction began is not recorded: while one holds a lock on the subjects, nothing is settled.
    -- Looked at last, so that one that was running above and is prepared by now is not overlooked.
    IF EXISTS (SELECT FROM pg_prepared_xacts AS x WHERE x.database = current_database())
       AND EXISTS (
           SELECT
           FROM pg_locks AS l
           WHERE l.pid IS NULL
             AND l.locktype = 'relation'
             AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
             AND (l.relation = clause.subject
                  OR l.relation IN (SELECT t.relid FROM ghostwatch._partitions(clause.subject) AS t (relid)))
             AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
       ) THEN
        RETURN timestamptz '-infinity';
    END IF;

    -- Excluding that moment itself, which is the birth time of what the oldest transaction inserts.
    RETURN least(as_of, oldest_start) - clause.lateness - '1 microsecond'::interval;
END
$_settled_up_to$;

COMMENT ON FUNCTION ghostwatch._settled_up_to(ghostwatch._clause, timestamptz) IS
'Up to which birth time every subject is visible that ever will be. Sees other roles'' transactions only with pg_read_all_stats.';
CREATE TYPE ghostwatch._batch AS (
    judged integer,
    opened integer,
    born_from timestamptz,
    born_up_to timestamptz,
    unsafe_keys text[],          -- of those born after the watermark, which may be read again
    unsafe_births timestamptz[],
    unsafe_up_to timestamptz,
    trial_born_at timestamptz[], -- the trials in order of birth, for rules that count them
    trial_violated boolean[],
    trial_family text[]
);

COMMENT ON TYPE ghostwatch._batch IS
'What ghostwatch._record_judgements() returns of one batch of subjects.';
CREATE FUNCTION ghostwatch._record_judgements(
    clause ghostwatch._clause,
    as_of timestamptz,
    judgements ghostwatch._judgement[],
    read_again_after timestamptz,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS ghostwatch._batch
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_record_judgements$
-- read_again_after: subjects born later may be read again, so their keys are returned.
DECLARE
    needs_trials constant boolean := ghostwatch._needs_trials(clause.rule);
    batch ghostwatch._batch;
BEGIN
    PERFORM ghostwatch._require_own_invariant(clause.invariant_id, credential);

    IF judgements = '{}' THEN
        batch.judged := 0;
        batch.opened := 0;
        RETURN batch;
    END IF;

    WITH arrival AS MATERIALIZED (
        SELECT
            j.*,
            NOT (j.exempt_by_branch OR j.exempt_by_predicate) AS is_trial
        FROM unnest(judgements) AS j
    ),

    opened AS (
        INSERT INTO ghostwatch.violation AS v (
            invariant_id, subject_key, born_at, branch_family, state, opened_at, escalated_at, closed_at, close_reason
        )
        -- A key that came twice at once, deleted in between, has one violation: of its later life.
        SELECT DISTINCT ON (a.subject_key)
            clause.invariant_id,
            a.subject_key,
            a.born_at,
            a.branch_family,
            life.state,
            CASE WHEN a.violated THEN as_of END,
            CASE WHEN life.state = 'error' THEN as_of END,
            CASE WHEN life.state = 'expired' THEN as_of END,
            CASE WHEN life.state = 'expired' THEN 'expired' END
        FROM arrival AS a
        CROSS JOIN LATERAL (
            SELECT ghostwatch._life_state(a.exempt_by_predicate, as_of - a.born_at, clause.error_after, clause.watch_for) AS state
        ) AS life
        WHERE a.violated
            OR (a.exempt_by_predicate AND NOT a.exempt_by_branch AND NOT a.satisfied AND life.state = 'exempt')
        ORDER BY a.subject_key, a.born_at DESC
        ON CONFLICT ON CONSTRAINT violation_pkey DO UPDATE
        SET
            born_at = excluded.born_at,
            branch_family = excluded.branch_family,
            state = excluded.state,
            opened_at = excluded.opened_at,
            escalated_at = excluded.escalated_at,
            closed_at = excluded.closed_at,
            close_reason = excluded.close_reason
        WHERE v.born_at <> excluded.born_at
        RETURNING v.state
    ),

    counted AS (
        INSERT INTO ghostwatch.branch_minute AS m (invariant_id, minute, branch_family, due, violations)
        SELECT
            clause.invariant_id,
            date_trunc('minute', a.born_at),
            a.branch_family,
            count(*),
            count(*) FILTER (WHERE a.violated)
        FROM arrival AS a
        WHERE a.is_trial
        GROUP BY date_trunc('minute', a.born_at), a.branch_family
        ON CONFLICT ON CONSTRAINT branch_minute_pkey DO UPDATE
        SET due = m.due + excluded.due, violations = m.violations + excluded.violations
    )

    SELECT
        count(*)::integer AS judged,
        (SELECT count(*) FROM opened AS o WHERE o.state <> 'exempt')::integer AS opened,
        min(a.born_at) AS born_from,
        max(a.born_at) AS born_up_to,
        array_agg(a.subject_key) FILTER (WHERE a.born_at > read_again_after) AS unsafe_keys,
        array_agg(a.born_at) FILTER (WHERE a.born_at > read_again_after) AS unsafe_births,
        max(a.born_at) FILTER (WHERE a.born_at > read_again_after) AS unsafe_up_to,
        array_agg(a.born_at ORDER BY a.born_at, a.subject_key) FILTER (WHERE needs_trials AND a.is_trial) AS trial_born_at,
        array_agg(a.violated ORDER BY a.born_at, a.subject_key) FILTER (WHERE needs_trials AND a.is_trial) AS trial_violated,
        array_agg(a.branch_family ORDER BY a.born_at, a.subject_key) FILTER (WHERE needs_trials AND a.is_trial) AS trial_family
    INTO batch
    FROM arrival AS a;

    RETURN batch;
END
$_record_judgements$;

COMMENT ON FUNCTION ghostwatch._record_judgements(ghostwatch._clause, timestamptz, ghostwatch._judgement[], timestamptz, uuid) IS
'Records a batch of subjects that were judged for the first time: opens violations, and counts per minute and branch family.
read_again_after: subjects born later may be read again, so their keys are returned.';
CREATE FUNCTION ghostwatch._seen_skew(
    clause ghostwatch._clause,
    progress ghostwatch.check_progress,
    born_at timestamptz
)
RETURNS interval
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_seen_skew$
    -- A subject was due in the last run already, but could not be seen then. If it was born before any transaction that
    -- was running by that time, its birth was written by a clock that is slow: that is recorded for the doctor.
    -- Takes how far the checks had come by then, and the birth. Only who sees when the transactions of others began
    -- can say so; see ghostwatch._settled_up_to() for what the watermark says of them.
    SELECT slow.skew
    FROM (SELECT progress.watermark + clause.lateness + '1 microsecond'::interval - born_at AS skew) AS slow
    WHERE slow.skew > '0'
        AND pg_has_role('pg_read_all_stats', 'USAGE')
$_seen_skew$;

COMMENT ON FUNCTION ghostwatch._seen_skew(ghostwatch._clause, ghostwatch.check_progress, timestamptz) IS
'How far, at least, a subject was born before the transaction that inserted it: by a clock that is slow. NULL where that cannot be said.';
CREATE FUNCTION ghostwatch._record_progress(
    invariant_id integer,
    as_of timestamptz,
    new_watermark timestamptz,
    judged_up_to timestamptz,
    backlog boolean,
    batch ghostwatch._batch,
    skew interval,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_record_progress$
-- The watermark never goes back, and never passes the present.
BEGIN
    PERFORM ghostwatch._require_own_invariant(invariant_id, credential);

    UPDATE ghostwatch.check_progress AS p
    SET watermark = greatest(p.watermark, least(new_watermark, as_of)),
        checked_up_to = greatest(p.checked_up_to, judged_up_to),
        catching_up_since = CASE WHEN backlog THEN coalesce(p.catching_up_since, p.checked_up_to) END,
        skew = coalesce(_record_progress.skew, p.skew),
        skew_seen_at = CASE WHEN _record_progress.skew IS NULL THEN p.skew_seen_at ELSE as_of END
    WHERE p.invariant_id = _record_progress.invariant_id;

    IF batch.unsafe_keys IS NOT NULL THEN
        INSERT INTO ghostwatch.checked_ahead (invariant_id, born_up_to, subject_keys, births)
        VALUES (_record_progress.invariant_id, batch.unsafe_up_to, batch.unsafe_keys, batch.unsafe_births);
    END IF;
    DELETE FROM ghostwatch.checked_ahead AS j
    WHERE j.invariant_id = _record_progress.invariant_id AND j.born_up_to <= new_watermark;

    IF batch.trial_born_at IS NOT NULL THEN
        PERFORM ghostwatch._score_trials(
            invariant_id, as_of, batch.trial_born_at, batch.trial_violated, batch.trial_family
        );
    END IF;
END
$_record_progress$;

COMMENT ON FUNCTION ghostwatch._record_progress(integer, timestamptz, timestamptz, timestamptz, boolean, ghostwatch._batch, interval, uuid) IS
'Records how far the checks of an invariant have come, and what they counted on the way. Raises GW008 (belongs to another role).';
CREATE FUNCTION ghostwatch._record_history(
    invariant_id integer,
    begins_at timestamptz,
    minutes timestamptz[],
    branch_families text[],
    due integer[],
    violations integer[],
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_record_history$
-- What a check counted itself stays.
BEGIN
    PERFORM ghostwatch._require_own_invariant(invariant_id, credential);

    INSERT INTO ghostwatch.branch_minute (invariant_id, minute, branch_family, due, violations)
    SELECT _record_history.invariant_id, m.minute, m.branch_family, m.due, m.violations
    FROM ROWS FROM (
        unnest(minutes), unnest(branch_families), unnest(due), unnest(violations)
    ) AS m (minute, branch_family, due, violations)
    ON CONFLICT DO NOTHING;

    PERFORM ghostwatch._complete_history(invariant_id, begins_at);
END
$_record_history$;

COMMENT ON FUNCTION ghostwatch._record_history(integer, timestamptz, timestamptz[], text[], integer[], integer[], uuid) IS
'Records what ghostwatch._fill_history() counted, from begins_at on. Raises GW008 (belongs to another role).';
CREATE FUNCTION ghostwatch._fill_history(
    clause ghostwatch._clause,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_fill_history$
-- So that a rule that compares with the usual rate knows it from its first check on. A busy application says as much in an
-- hour as a small one in four weeks, so that the longest stretch is read that has at most so many subjects.
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
DECLARE
    at_most constant integer := 20000;
    ends_at constant timestamptz := ghostwatch._history_to_fill(clause.invariant_id);
    begins_at timestamptz := ends_at;
    stretch interval;
    minutes timestamptz[];
    branch_families text[];
    due integer[];
    violations integer[];
BEGIN
    IF ends_at IS NULL THEN
        RETURN;
    END IF;

    IF clause.related_at_column IS NOT NULL AND NOT clause.capture AND NOT clause.breaks_later THEN
        BEGIN
            PERFORM ghostwatch._enter_search_path(clause.search_path);
            FOREACH stretch IN ARRAY '{28 days,4 days,12 hours,2 hours}'::interval[] LOOP
                begins_at := least(ends_at, as_of - stretch);
                EXECUTE format(
                    'SELECT
                        array_agg(m.minute), array_agg(m.branch_family), array_agg(m.due), array_agg(m.violations)
                    FROM (
                        SELECT
                            date_trunc(''minute'', q.born_at) AS minute,
                            q.branch_family,
                            count(*)::integer AS due,
                            (count(*) FILTER (WHERE coalesce(q.came_at > q.born_at + $1, true)))::integer AS violations
                        FROM (%s) AS q
                        WHERE NOT (q.exempt_by_branch OR q.exempt_by_predicate)
                        GROUP BY date_trunc(''minute'', q.born_at), q.branch_family
                    ) AS m',
                    ghostwatch._subject_query(clause, 'born', begins_at, ends_at, at_most + 1, 'came_at')
                )
                INTO minutes, branch_families, due, violations
                USING clause.deadline;
                EXIT WHEN coalesce((SELECT sum(d) FROM unnest(due) AS d), 0) <= at_most;
            END LOOP;
            PERFORM ghostwatch._leave_search_path();
        EXCEPTION
            WHEN lock_not_available THEN
                RAISE;
            -- A row of the past that no expression can evaluate costs the history, not the check.
            WHEN OTHERS THEN
                begins_at := ends_at;
                minutes := NULL;
        END;
    END IF;

    PERFORM ghostwatch._record_history(clause.invariant_id, begins_at, minutes, branch_families, due, violations);
END
$_fill_history$;

COMMENT ON FUNCTION ghostwatch._fill_history(ghostwatch._clause, timestamptz) IS
'Counts the subjects of the four weeks before the first check, as checks would have, from the application''s own rows.
Does so once, and only where related_at_column says when each row came.';
CREATE FUNCTION ghostwatch._add_branch_values(
    contract_id integer,
    fresh text[],
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS text[]
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_add_branch_values$
-- Where two checks of a contract add some at once, there may be a few more than 30.
BEGIN
    PERFORM ghostwatch._require_contract_owner(contract_id, declaring => true, role => ghostwatch._caller(credential));

    INSERT INTO ghostwatch.branch_value (contract_id, branch)
    SELECT _add_branch_values.contract_id, f.branch
    FROM unnest(fresh) WITH ORDINALITY AS f (branch, place)
    ORDER BY f.place
    LIMIT greatest(30 - (SELECT count(*) FROM ghostwatch.branch_value AS b WHERE b.contract_id = _add_branch_values.contract_id), 0)
    ON CONFLICT DO NOTHING;

    RETURN ARRAY(SELECT b.branch FROM ghostwatch.branch_value AS b WHERE b.contract_id = _add_branch_values.contract_id);
END
$_add_branch_values$;

COMMENT ON FUNCTION ghostwatch._add_branch_values(integer, text[], uuid) IS
'Adds branches that have a family of their own, up to 30, and returns all of them. Raises GW008 (belongs to another role).';
CREATE FUNCTION ghostwatch._name_branches(
    clause ghostwatch._clause,
    judgements ghostwatch._judgement[]
)
RETURNS ghostwatch._judgement[]
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_name_branches$
-- An alert that names a branch says more than one about "other". But branches can be any number, and every family is
-- counted by the minute and watched by itself: so only the first ones that come have a family of their own.
DECLARE
    fresh text[];
    named text[];
BEGIN
    -- Asked first, since it is so in every run of a busy contract.
    IF (SELECT count(*) >= 30 FROM ghostwatch.branch_value AS b WHERE b.contract_id = clause.contract_id) THEN
        RETURN judgements;
    END IF;

    fresh := ARRAY(
        SELECT j.branch
        FROM unnest(judgements) AS j
        WHERE j.branch_family = 'other'
            AND NOT j.exempt_by_branch
            AND j.branch ~ '^[^\x01-\x1f\x7f]{1,60}$'
        GROUP BY j.branch
        ORDER BY min(j.born_at), j.branch
        LIMIT 30
    );
    IF fresh = '{}' THEN
        RETURN judgements;
    END IF;

    named := ghostwatch._add_branch_values(clause.contract_id, fresh);
    RETURN ARRAY(
        SELECT ROW(
            j.subject_key,
            j.born_at,
            CASE WHEN j.branch_family = 'other' AND j.branch = ANY (named) THEN j.branch ELSE j.branch_family END,
            j.exempt_by_branch,
            j.exempt_by_predicate,
            j.satisfied,
            j.violated,
            j.branch,
            j.error_state
        )::ghostwatch._judgement
        FROM unnest(judgements) AS j
    );
END
$_name_branches$;

COMMENT ON FUNCTION ghostwatch._name_branches(ghostwatch._clause, ghostwatch._judgement[]) IS
'Makes families of branches that no pattern groups, as long as a contract has few of them (30).';
CREATE FUNCTION ghostwatch._judge_arrivals(
    clause ghostwatch._clause,
    as_of timestamptz,
    OUT judged integer,
    OUT opened integer,
    OUT backlog boolean,
    OUT failing_keys text[]
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_judge_arrivals$
-- Judges, once each, the subjects that have crossed their deadline since the last run: oldest first, at most one batch;
-- then moves the watermark. Returns how many were judged, how many of them opened a violation, whether more are waiting,
-- and the keys of those that cannot be judged.
DECLARE
    progress ghostwatch.check_progress;
    batch_size constant integer := ghostwatch._setting('batch_size')::integer;
    due_up_to constant timestamptz := ghostwatch._due_up_to(clause, as_of);
    settled_up_to timestamptz;
    judged_up_to timestamptz;
    new_watermark timestamptz;
    seen_keys text[];
    seen_births timestamptz[];
    judgements ghostwatch._judgement[];
    batch ghostwatch._batch;
BEGIN
    SELECT p.* INTO progress FROM ghostwatch.check_progress AS p WHERE p.invariant_id = clause.invariant_id;

    -- Asked before the subjects are read: whoever ends in between is seen below.
    settled_up_to := ghostwatch._settled_up_to(clause, as_of);

    SELECT
        array_agg(k.subject_key),
        array_agg(k.born_at)
    INTO seen_keys, seen_births
    FROM ghostwatch.checked_ahead AS j
    CROSS JOIN LATERAL unnest(j.subject_keys, j.births) AS k (subject_key, born_at)
    WHERE j.invariant_id = clause.invariant_id;

    judgements := ghostwatch._name_branches(
        clause, ghostwatch._judge_born(clause, progress.watermark, due_up_to, batch_size, seen_keys, seen_births)
    );
    IF judgements <> '{}' AND ghostwatch._needs_trials(clause.rule) THEN
        PERFORM ghostwatch._fill_history(clause, as_of);
    END IF;
    batch := ghostwatch._record_judgements(clause, as_of, judgements, greatest(progress.watermark, settled_up_to));

    failing_keys := ARRAY(SELECT j.subject_key FROM unnest(judgements) AS j WHERE j.error_state IS NOT NULL);
    judged := batch.judged;
    opened := batch.opened;
    backlog := judged >= batch_size;

    -- The watermark stops where an unseen subject may still appear, and never goes back.
    judged_up_to := CASE WHEN backlog THEN batch.born_up_to ELSE due_up_to END;
    new_watermark := greatest(progress.watermark, least(judged_up_to, settled_up_to));

    PERFORM ghostwatch._record_progress(
        clause.invariant_id, as_of, new_watermark, judged_up_to, backlog, batch,
        CASE WHEN batch.born_from <= progress.checked_up_to THEN ghostwatch._seen_skew(clause, progress, batch.born_from) END
    );

    IF clause.capture THEN
        PERFORM ghostwatch._report_uncaptured(clause, as_of, progress.watermark, new_watermark);
        PERFORM ghostwatch._forget_arrivals(clause.contract_id, as_of);
    END IF;
END
$_judge_arrivals$;

COMMENT ON FUNCTION ghostwatch._judge_arrivals(ghostwatch._clause, timestamptz) IS
'Judges, once each, the subjects that have crossed their deadline since the last run, at most batch_size of them and oldest first.';
CREATE FUNCTION ghostwatch._record_moved_keys(
    clause ghostwatch._clause,
    as_of timestamptz,
    judgements ghostwatch._judgement[],
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_record_moved_keys$
-- A key that has a violation already keeps it, but a clause that held again can be broken again.
BEGIN
    PERFORM ghostwatch._require_own_invariant(clause.invariant_id, credential);

    INSERT INTO ghostwatch.violation AS v (invariant_id, subject_key, born_at, branch_family, state, opened_at, escalated_at)
    SELECT
        clause.invariant_id,
        j.subject_key,
        j.born_at,
        j.branch_family,
        life.state,
        as_of,
        CASE WHEN life.state = 'error' THEN as_of END
    FROM unnest(judgements) AS j
    CROSS JOIN LATERAL (
        SELECT ghostwatch._life_state(false, as_of - j.born_at, clause.error_after, clause.watch_for) AS state
    ) AS life
    WHERE life.state <> 'expired'
    ON CONFLICT ON CONSTRAINT violation_pkey DO UPDATE
    SET
        state = excluded.state,
        born_at = excluded.born_at,
        opened_at = excluded.opened_at,
        escalated_at = excluded.escalated_at,
        closed_at = NULL,
        close_reason = NULL
    WHERE v.closed_at IS NOT NULL
        AND clause.breaks_later;
END
$_record_moved_keys$;

COMMENT ON FUNCTION ghostwatch._record_moved_keys(ghostwatch._clause, timestamptz, ghostwatch._judgement[], uuid) IS
'Opens violations for subjects that were counted under another key. Raises GW008 (belongs to another role).';
CREATE FUNCTION ghostwatch._follow_moved_keys(
    clause ghostwatch._clause,
    as_of timestamptz,
    births_of_the_gone timestamptz[]
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_follow_moved_keys$
-- A subject that is gone may only have changed its key: then one born at the same moment lacks the row, and would be
-- missed, for the watermark has passed it. It gets a violation under its new key; counted it is already.
DECLARE
    judgements ghostwatch._judgement[];
BEGIN
    -- An arrival is recorded under the key that it came with.
    IF clause.capture THEN
        RETURN;
    END IF;

    judgements := ghostwatch._judge_all(clause, 'births', births => births_of_the_gone, only_violated => true);

    PERFORM ghostwatch._record_moved_keys(clause, as_of, judgements);
END
$_follow_moved_keys$;

COMMENT ON FUNCTION ghostwatch._follow_moved_keys(ghostwatch._clause, timestamptz, timestamptz[]) IS
'Opens violations for subjects that changed their key while their violation was open, found by their birth times.';
CREATE FUNCTION ghostwatch._record_rechecks(
    clause ghostwatch._clause,
    as_of timestamptz,
    judgements ghostwatch._judgement[],
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS timestamptz[]
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_record_rechecks$
-- Returns the births of the subjects that are gone; NULL where none is.
DECLARE
    checked_up_to constant timestamptz := (SELECT p.checked_up_to FROM ghostwatch.check_progress AS p WHERE p.invariant_id = clause.invariant_id);
    births_of_the_gone timestamptz[];
BEGIN
    PERFORM ghostwatch._require_own_invariant(clause.invariant_id, credential);

    WITH found AS (
        SELECT
            v.ctid AS place,
            v.state,
            v.opened_at,
            life.born_at,
            CASE
                WHEN f.subject_key IS NULL THEN 'deleted'
                WHEN f.satisfied THEN 'row_came'
                WHEN as_of - life.born_at <= clause.watch_for THEN NULL
                WHEN f.exempt_by_predicate THEN 'exempt'
                ELSE 'expired'
            END AS close_reason,
            ghostwatch._life_state(f.exempt_by_predicate, as_of - life.born_at, clause.error_after, clause.watch_for) AS open_state
        FROM ghostwatch.violation AS v
        LEFT JOIN (
            -- Where a key is not unique, one subject that lacks the row is enough.
            SELECT DISTINCT ON (j.subject_key) j.*
            FROM unnest(judgements) AS j
            ORDER BY j.subject_key, j.satisfied, j.born_at
        ) AS f
            ON f.subject_key = v.subject_key
            AND (clause.capture OR f.born_at <= checked_up_to OR f.born_at = v.born_at)
        CROSS JOIN LATERAL (
            SELECT CASE WHEN clause.capture THEN v.born_at ELSE coalesce(f.born_at, v.born_at) END AS born_at
        ) AS life
        WHERE v.invariant_id = clause.invariant_id
            AND v.closed_at IS NULL
    ),

    outcome AS (
        SELECT
            f.*,
            CASE
                WHEN f.close_reason IS NULL OR f.close_reason = 'expired' THEN f.open_state
                WHEN f.opened_at IS NOT NULL THEN 'recovered'
            END AS new_state
        FROM found AS f
    ),

    -- Exempt for as long as it was watched: this never was a violation.
    forgotten AS (
        DELETE FROM ghostwatch.violation AS v
        USING outcome AS o
        WHERE v.ctid = o.place
            AND o.new_state IS NULL
    ),

    changed AS (
        UPDATE ghostwatch.violation AS v
        SET
            state = o.new_state,
            born_at = o.born_at,
            opened_at = CASE WHEN o.new_state = 'exempt' THEN v.opened_at ELSE coalesce(v.opened_at, as_of) END,
            escalated_at = CASE WHEN o.new_state = 'error' THEN coalesce(v.escalated_at, as_of) ELSE v.escalated_at END,
            closed_at = CASE WHEN o.close_reason IS NOT NULL THEN as_of END,
            close_reason = o.close_reason
        FROM outcome AS o
        WHERE v.ctid = o.place
            AND o.new_state <> o.state
        RETURNING v.born_at, v.close_reason
    )

    SELECT array_agg(DISTINCT c.born_at)
    INTO births_of_the_gone
    FROM changed AS c
    WHERE c.close_reason = 'deleted';

    RETURN births_of_the_gone;
END
$_record_rechecks$;

COMMENT ON FUNCTION ghostwatch._record_rechecks(ghostwatch._clause, timestamptz, ghostwatch._judgement[], uuid) IS
'Records what has become of the open violations of an invariant; returns the births of the subjects that are gone. Raises GW008 (belongs to another role).';
CREATE FUNCTION ghostwatch._find_later_breaks(
    clause ghostwatch._clause,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_find_later_breaks$
-- A row that must not be may come at any time, so whoever is under watch is judged in every run, and counted once only.
DECLARE
    checked_up_to constant timestamptz := (SELECT p.checked_up_to FROM ghostwatch.check_progress AS p WHERE p.invariant_id = clause.invariant_id);
BEGIN
    PERFORM ghostwatch._record_moved_keys(
        clause, as_of, ghostwatch._judge_born(clause, as_of - clause.watch_for, checked_up_to, only_violated => true)
    );
END
$_find_later_breaks$;

COMMENT ON FUNCTION ghostwatch._find_later_breaks(ghostwatch._clause, timestamptz) IS
'Opens violations for subjects under watch that have been judged before and break a clause since.';
CREATE FUNCTION ghostwatch._recheck_violations(
    clause ghostwatch._clause,
    as_of timestamptz
)
RETURNS text[]
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_recheck_violations$
-- A subject that is born anew under the same key, and not yet due, counts as deleted: its new life is judged when it
-- is due.
DECLARE
    open_keys constant text[] := ARRAY(
        SELECT v.subject_key
        FROM ghostwatch.violation AS v
        WHERE v.invariant_id = clause.invariant_id
            AND v.closed_at IS NULL
    );
    watched ghostwatch._clause := clause;
    judgements ghostwatch._judgement[];
    births_of_the_gone timestamptz[];
BEGIN
    IF open_keys <> '{}' THEN
        -- The branch stays what it was at birth, and costs a look-up.
        watched.branch_expression := NULL;
        judgements := ghostwatch._judge_all(watched, 'keys', keys => open_keys);

        births_of_the_gone := ghostwatch._record_rechecks(watched, as_of, judgements);
        IF births_of_the_gone IS NOT NULL THEN
            PERFORM ghostwatch._follow_moved_keys(clause, as_of, births_of_the_gone);
        END IF;
    END IF;

    IF clause.breaks_later THEN
        PERFORM ghostwatch._find_later_breaks(clause, as_of);
    END IF;

    RETURN ARRAY(SELECT j.subject_key FROM unnest(judgements) AS j WHERE j.error_state IS NOT NULL);
END
$_recheck_violations$;

COMMENT ON FUNCTION ghostwatch._recheck_violations(ghostwatch._clause, timestamptz) IS
'Looks at every open violation again, by key: it recovers, escalates, expires, or stays. Returns the keys of those that cannot be judged.';
CREATE TYPE ghostwatch._check_outcome AS (
    judged integer,       -- subjects judged
    opened integer,       -- violations opened
    backlog boolean,      -- more subjects are waiting to be judged
    error_state text,     -- SQLSTATE of what went wrong, or NULL
    error_message text
);

COMMENT ON TYPE ghostwatch._check_outcome IS
'What became of one check of one invariant.';
CREATE FUNCTION ghostwatch._record_success(
    invariant_id integer,
    as_of timestamptz,
    problem_state text,
    problem text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_record_success$
-- The check went through; a trigger that does not work, or a subject that cannot be judged, is a problem all the same.
BEGIN
    PERFORM ghostwatch._require_own_invariant(invariant_id, credential);

    UPDATE ghostwatch.check_progress AS p
    SET last_success_at = as_of,
        failing_since = CASE WHEN problem_state IS NOT NULL THEN coalesce(p.failing_since, as_of) END,
        last_error = problem,
        last_error_state = problem_state
    WHERE p.invariant_id = _record_success.invariant_id;
END
$_record_success$;

COMMENT ON FUNCTION ghostwatch._record_success(integer, timestamptz, text, text, uuid) IS
'Records that the check of an invariant succeeded, and the problem that it found with triggers or single subjects (or NULL). Raises GW008 (belongs to another role).';
CREATE FUNCTION ghostwatch._record_failure(
    invariant_id integer,
    as_of timestamptz,
    error_state text,
    error_message text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_record_failure$
-- Records that a check failed, and decides the alert about that.
-- Takes the invariant, the time of the run and the error.
BEGIN
    PERFORM ghostwatch._require_own_invariant(invariant_id, credential);

    UPDATE ghostwatch.check_progress AS p
    SET failing_since = coalesce(p.failing_since, as_of),
        last_error = error_message,
        last_error_state = error_state
    WHERE p.invariant_id = _record_failure.invariant_id;

    BEGIN
        PERFORM ghostwatch._decide_alerts(invariant_id, as_of);
    EXCEPTION
        -- Perhaps the alerts failed. Then the status and the doctor report it, and the run goes on.
        WHEN OTHERS THEN
            RAISE WARNING 'no alert could be made of the failing check of invariant %: %',
                (SELECT quote_literal(i.name) FROM ghostwatch.invariant AS i WHERE i.invariant_id = _record_failure.invariant_id),
                SQLERRM
                USING ERRCODE = SQLSTATE;
    END;
END
$_record_failure$;

COMMENT ON FUNCTION ghostwatch._record_failure(integer, timestamptz, text, text, uuid) IS
'Records that the check of an invariant failed, and decides the alert about that.';
CREATE FUNCTION ghostwatch._lock_progress(
    invariant_id integer,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS ghostwatch.check_progress
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators lock no row themselves.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_lock_progress$
-- The lock keeps overlapping runs apart; whoever finds the row locked has nothing to do.
DECLARE
    taken ghostwatch.check_progress;
BEGIN
    PERFORM ghostwatch._require_own_invariant(invariant_id, credential);

    SELECT p.* INTO taken FROM ghostwatch.check_progress AS p
    WHERE p.invariant_id = _lock_progress.invariant_id
    FOR UPDATE SKIP LOCKED;

    RETURN taken;
END
$_lock_progress$;

COMMENT ON FUNCTION ghostwatch._lock_progress(integer, uuid) IS
'Takes the check of an invariant for this transaction; NULL if somebody else is at it. Raises GW008 (belongs to another role).';
CREATE FUNCTION ghostwatch._next_invariant(
    contract text,
    done integer[],
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS integer
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators lock and change no row themselves.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_next_invariant$
-- Takes the invariant whose last attempt is oldest and records the attempt, before anything can go wrong with it.
-- Only the caller's own contracts: nobody's expressions are run with somebody else's rights.
-- The attempt has the time of the machine's clock, which orders what really happened.
-- (plpgsql, so that a session that runs checks again and again plans this once.)
DECLARE
    caller constant regrole := ghostwatch._caller(credential);
    taken integer;
BEGIN
    UPDATE ghostwatch.check_progress AS p
    SET last_attempt_at = clock_timestamp()
    WHERE p.invariant_id = (
        SELECT q.invariant_id
        FROM ghostwatch.check_progress AS q
        INNER JOIN ghostwatch._clause AS c ON q.invariant_id = c.invariant_id
        WHERE c.owner = caller
          AND (_next_invariant.contract IS NULL OR c.contract = _next_invariant.contract)
          AND q.invariant_id <> ALL (done)
        ORDER BY q.last_attempt_at NULLS FIRST, q.invariant_id
        LIMIT 1
        FOR UPDATE OF q SKIP LOCKED
    )
    RETURNING p.invariant_id INTO taken;

    RETURN taken;
END
$_next_invariant$;

COMMENT ON FUNCTION ghostwatch._next_invariant(text, integer[], uuid) IS
'Takes the invariant of this role''s contracts whose last attempt is oldest, records the attempt and returns its id; NULL when none is left that is not done or taken.';
CREATE FUNCTION ghostwatch._require_runnable(
    contract text,
    role regrole DEFAULT quote_ident(current_user)::regrole
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
-- A definer: row level security hides the contracts of others, and then their owner could not be named.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_require_runnable$
-- The expressions of a contract were written by its owner, and run only with the rights of that role.
DECLARE
    its_contract_id integer;
    its_owner regrole;
BEGIN
    IF contract IS NULL THEN
        RETURN;
    END IF;

    -- As an assignment: in a condition, it would be called while the query is planned, with an older snapshot.
    its_contract_id := ghostwatch._contract_id(contract);
    SELECT c.owner INTO its_owner FROM ghostwatch.contract AS c WHERE c.contract_id = its_contract_id;
    IF its_owner <> role THEN
        RAISE EXCEPTION 'contract % belongs to role % and is checked by that role only', quote_literal(contract), its_owner
            USING ERRCODE = 'GW020',
                  DETAIL = format('This session runs as %s; a check run lends its rights to nobody else''s expressions.', role),
                  HINT = format('SET ROLE %s', its_owner);
    END IF;
END
$_require_runnable$;

COMMENT ON FUNCTION ghostwatch._require_runnable(text, regrole) IS
'Refuses to check a contract that belongs to another role. Raises GW001 (no such contract), GW020 (belongs to another role).';
CREATE FUNCTION ghostwatch.ghost_summary(
    contract text,
    invariant text,
    OUT warn_count bigint,
    OUT error_count bigint,
    OUT total bigint,
    OUT sample_keys text[],
    OUT branches jsonb
)
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $ghost_summary$
-- Read from the application's own tables, not from what the checks wrote down.
DECLARE
    as_of constant timestamptz := ghostwatch._clock();
    its_invariant_id constant integer := ghostwatch._invariant_id(contract, invariant);
    clause ghostwatch._clause;
BEGIN
    SELECT c.* INTO clause FROM ghostwatch._clause AS c WHERE c.invariant_id = its_invariant_id;
    PERFORM ghostwatch._require_runnable(contract);

    WITH ghost AS (
        SELECT
            j.*,
            as_of - j.born_at > clause.error_after AS is_error
        FROM unnest(ghostwatch._judge_born(
            clause,
            as_of - clause.watch_for - '1 microsecond'::interval,
            ghostwatch._due_up_to(clause, as_of),
            only_violated => true
        )) AS j
    )

    SELECT
        count(*) FILTER (WHERE NOT g.is_error),
        count(*) FILTER (WHERE g.is_error),
        count(*),
        coalesce((array_agg(g.subject_key ORDER BY g.born_at, g.subject_key))[1:5], '{}'),
        coalesce(
            (
                SELECT jsonb_agg(jsonb_build_object('family', f.branch_family, 'violations', f.violations) ORDER BY f.violations DESC, f.branch_family)
                FROM (SELECT b.branch_family, count(*) AS violations FROM ghost AS b GROUP BY b.branch_family) AS f
            ),
            '[]'
        )
    INTO warn_count, error_count, total, sample_keys, branches
    FROM ghost AS g;
END
$ghost_summary$;

COMMENT ON FUNCTION ghostwatch.ghost_summary(text, text) IS
'Who lacks the row of an invariant right now; reads the application''s tables and writes nothing.
warn_count: not exempt, without the row, and between warn_after and error_after old (both included; none without warn_after). error_count: older, up to and including watch_for. total: both.
sample_keys: up to five keys, oldest first. branches: [{"family": text, "violations": n}, ...], most first.
Raises GW001 (no such contract), GW007 (no such invariant), GW020 (belongs to another role).';
CREATE FUNCTION ghostwatch._explain_state(
    invariant_id integer,
    state text,
    due_at timestamptz,
    row_count bigint DEFAULT NULL
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_explain_state$
-- In words that support staff understand.
SELECT CASE _explain_state.state
        WHEN 'holds' THEN format('Fine: %s.', CASE WHEN i.no_row THEN 'does not have ' || i.missing_label ELSE coalesce(k.count, 'has ' || i.missing_label) END)
        WHEN 'exempt' THEN CASE
            WHEN k.finding IS NULL THEN format('Does not have %s, and need not: this one is exempt from the contract.', i.missing_label)
            ELSE format('It %s, but this one is exempt from the contract.', k.finding)
        END
        WHEN 'not due yet' THEN format(
            CASE WHEN k.finding IS NULL THEN 'Does not have %s yet; it is due by %s UTC.' ELSE 'It %s; the contract demands otherwise by %s UTC.' END,
            coalesce(k.finding, i.missing_label), k.due
        )
        ELSE format('Broken: %s; it was due by %s UTC.', coalesce(k.finding, 'does not have ' || i.missing_label), k.due)
    END || CASE WHEN _explain_state.state = 'broken' AND i.description IS NOT NULL THEN ' ' || i.description ELSE '' END
FROM ghostwatch.invariant AS i
CROSS JOIN LATERAL (
    SELECT
        c.count,
        CASE WHEN i.no_row THEN format('has %s that must not be', i.missing_label) ELSE c.count END AS finding,
        to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS due
    FROM (
        SELECT CASE
            WHEN i.at_least > 1 OR i.exactly IS NOT NULL
                THEN format('has %s of %s %s', row_count, coalesce(i.exactly, i.at_least), i.missing_label)
        END AS count
    ) AS c
) AS k
WHERE i.invariant_id = _explain_state.invariant_id
$_explain_state$;

COMMENT ON FUNCTION ghostwatch._explain_state(integer, text, timestamptz, bigint) IS
'One clause''s state for one subject in plain words. row_count: how many related rows there are, where that is what the clause is about.';
CREATE FUNCTION ghostwatch._row_count(
    clause ghostwatch._clause,
    subject_key text
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_row_count$
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
DECLARE
    row_count bigint;
BEGIN
    PERFORM ghostwatch._enter_search_path(clause.search_path);
    EXECUTE format('SELECT q.row_count FROM (%s) AS q LIMIT 1', ghostwatch._subject_query(clause, 'keys', detail => 'row_count'))
    INTO row_count
    USING ARRAY[subject_key];
    PERFORM ghostwatch._leave_search_path();

    RETURN row_count;
END
$_row_count$;

COMMENT ON FUNCTION ghostwatch._row_count(ghostwatch._clause, text) IS
'How many related rows of a clause a subject has.';
CREATE FUNCTION ghostwatch.check_subject(
    contract text,
    subject_key text
)
RETURNS TABLE (
    invariant text,
    satisfied boolean,
    state text,
    born_at timestamptz,
    due_at timestamptz,
    explanation text
)
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $check_subject$
-- Read from the application's own tables, not from what the checks wrote down.
-- The condition on the key is put into a query, from the catalog: @plpgsql_check_options: security_warnings = false
DECLARE
    as_of constant timestamptz := ghostwatch._clock();
    its_contract_id constant integer := ghostwatch._contract_id(contract);
    its_contract ghostwatch.contract;
    clause ghostwatch._clause;
    judgement ghostwatch._judgement;
    is_there boolean;
BEGIN
    PERFORM ghostwatch._require_runnable(contract);
    SELECT c.* INTO its_contract FROM ghostwatch.contract AS c WHERE c.contract_id = its_contract_id;

    -- Asked for by itself, so that an error of a declared expression is not taken for a key that cannot be.
    BEGIN
        EXECUTE format(
            'SELECT EXISTS (SELECT FROM %s AS s WHERE %s)',
            its_contract.subject, ghostwatch._key_is_among(its_contract.subject, its_contract.key_column)
        )
        INTO is_there
        USING ARRAY[check_subject.subject_key];
    EXCEPTION WHEN data_exception THEN
        is_there := false;
    END;
    IF NOT is_there THEN
        RAISE EXCEPTION '% has no row with the key %', its_contract.subject, coalesce(quote_literal(check_subject.subject_key), 'NULL')
            USING ERRCODE = 'GW021',
                  DETAIL = format('The key is %s.', ghostwatch._column_names(its_contract.key_column)),
                  HINT = format(
                      'SELECT %s FROM %s AS s ORDER BY s.%I DESC LIMIT 5',
                      ghostwatch._key_text(its_contract.subject, 's', its_contract.key_column), its_contract.subject,
                      CASE WHEN its_contract.born_at_expression IS NULL THEN its_contract.born_at_column ELSE its_contract.key_column[1] END
                  );
    END IF;

    FOR clause IN SELECT c.* FROM ghostwatch._clause AS c WHERE c.contract_id = its_contract_id ORDER BY c.invariant_id LOOP
        SELECT j.* INTO judgement FROM unnest(ghostwatch._judge_keys(clause, ARRAY[check_subject.subject_key])) AS j LIMIT 1;
        -- An arrival is forgotten once nobody judges it any more.
        IF clause.capture THEN
            judgement.born_at := coalesce(
                (
                    SELECT max(a.arrived_at)
                    FROM ghostwatch.arrival AS a
                    WHERE a.contract_id = clause.contract_id
                        AND a.subject_key = judgement.subject_key
                ),
                judgement.born_at
            );
        END IF;

        invariant := clause.invariant;
        satisfied := judgement.satisfied;
        born_at := judgement.born_at;
        due_at := judgement.born_at + clause.deadline;
        state := CASE
            WHEN judgement.satisfied THEN 'holds'
            WHEN judgement.exempt_by_branch OR judgement.exempt_by_predicate THEN 'exempt'
            WHEN as_of - judgement.born_at < clause.deadline THEN 'not due yet'
            ELSE 'broken'
        END;
        explanation := ghostwatch._explain_state(
            clause.invariant_id, state, due_at,
            CASE WHEN clause.at_least > 1 OR clause.exactly IS NOT NULL THEN ghostwatch._row_count(clause, check_subject.subject_key) END
        );
        RETURN NEXT;
    END LOOP;
END
$check_subject$;

COMMENT ON FUNCTION ghostwatch.check_subject(text, text) IS
'Every clause of a contract for one subject, as of now, read from the application''s tables.
satisfied: whether the row is there. state: holds, broken, not due yet, or exempt. born_at: its birth, as check runs take it. due_at: when the row is or was due. explanation: the same in words.
Raises GW001 (no such contract), GW020 (belongs to another role), GW021 (no such subject).';

CREATE FUNCTION ghostwatch.check_subject(
    contract text,
    subject_key bigint
)
RETURNS TABLE (
    invariant text,
    satisfied boolean,
    state text,
    born_at timestamptz,
    due_at timestamptz,
    explanation text
)
LANGUAGE sql
STABLE
PARALLEL RESTRICTED
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $check_subject$
    -- A number does not become text by itself, so a key that is one would find no function.
    SELECT v.*
    FROM ghostwatch.check_subject(check_subject.contract, check_subject.subject_key::text) AS v
$check_subject$;

COMMENT ON FUNCTION ghostwatch.check_subject(text, bigint) IS
'Every clause of a contract for one subject whose key is a number; see ghostwatch.check_subject(text, text).';

-- alert: the life of an alert, and when it is announced
CREATE FUNCTION ghostwatch._in_maintenance(
    invariant_id integer,
    as_of timestamptz
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_in_maintenance$
    -- The alert that checks have stopped belongs to no invariant: it waits only where every contract is covered.
    SELECT EXISTS (
        SELECT
        FROM ghostwatch.maintenance AS m
        WHERE m.summarized_at IS NULL
            AND m.started_at <= as_of
            AND m.ends_at > as_of
    ) AND NOT EXISTS (
        SELECT
        FROM ghostwatch._clause AS c
        WHERE (_in_maintenance.invariant_id IS NULL OR c.invariant_id = _in_maintenance.invariant_id)
            AND NOT EXISTS (
                SELECT
                FROM ghostwatch.maintenance AS m
                WHERE m.summarized_at IS NULL
                    AND m.started_at <= as_of
                    AND m.ends_at > as_of
                    AND pg_has_role(m.owner, c.owner, 'USAGE')
            )
    )
$_in_maintenance$;

COMMENT ON FUNCTION ghostwatch._in_maintenance(integer, timestamptz) IS
'Whether a maintenance window covers an invariant, or (NULL) every contract.';
CREATE FUNCTION ghostwatch.maintenance(
    duration interval,
    comment text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $maintenance$
-- Detection goes on, so no subject is missed; only alerts wait for the end of the window. It ends by itself: a deploy script that
-- fails must not leave the alerts off.
DECLARE
    as_of constant timestamptz := ghostwatch._clock();
    new_end timestamptz;
BEGIN
    IF (duration > '0' AND duration <= '7 days') IS NOT TRUE OR coalesce(comment, '') = '' THEN
        RAISE EXCEPTION 'a maintenance window needs a duration of at most 7 days and a comment'
        USING
            ERRCODE = 'GW059',
            DETAIL = format('The duration given is %s, the comment %s.', coalesce(duration::text, 'NULL'), quote_nullable(comment)),
            HINT = 'SELECT ghostwatch.maintenance(''20 minutes'', ''release 2026-12-01'');';
    END IF;

    -- A second call moves the end of the window that is open, and there is still one summary.
    UPDATE ghostwatch.maintenance AS m
    SET
        ends_at = as_of + duration,
        comment = CASE WHEN m.comment = maintenance.comment THEN m.comment ELSE m.comment || '; ' || maintenance.comment END
    WHERE m.owner = ghostwatch._caller(credential)
        AND m.summarized_at IS NULL
        AND m.ends_at > as_of
    RETURNING m.ends_at INTO new_end;

    IF NOT FOUND THEN
        INSERT INTO ghostwatch.maintenance AS m (started_at, ends_at, owner, comment)
        VALUES (as_of, as_of + duration, ghostwatch._caller(credential), maintenance.comment)
        RETURNING m.ends_at INTO new_end;
    END IF;

    RETURN new_end;
END
$maintenance$;

COMMENT ON FUNCTION ghostwatch.maintenance(interval, text, uuid) IS
'Opens a maintenance window for the contracts of this role (and of roles of which it is a member), or moves its end: violations are recorded, alerts wait. Returns when it ends.
At the end, one message summarizes what was found. Raises GW059 (no duration, more than 7 days, or no comment).';
CREATE FUNCTION ghostwatch.end_maintenance(
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $end_maintenance$
    -- No error where the window has ended by itself: the last line of a deploy script should not fail.
    UPDATE ghostwatch.maintenance AS m
    SET ends_at = greatest(ghostwatch._clock(), m.started_at)
    WHERE m.owner = ghostwatch._caller(credential)
        AND m.ends_at > ghostwatch._clock()
$end_maintenance$;

COMMENT ON FUNCTION ghostwatch.end_maintenance(uuid) IS
'Ends this role''s maintenance window early; the next check run decides the alerts and sends the summary.';
CREATE FUNCTION ghostwatch._summarize_maintenance(
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: the window of a superuser ends with the check runs of the contracts' owner, who may not write it.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_summarize_maintenance$
-- Waits until every covered invariant was checked after the end of the window, or three periods have passed: the summary covers
-- the alerts that those checks open.
DECLARE
    past ghostwatch.maintenance;
    covered text[];
BEGIN
    FOR past IN
        SELECT m.*
        FROM ghostwatch.maintenance AS m
        WHERE m.summarized_at IS NULL
            AND m.ends_at <= as_of
        ORDER BY m.maintenance_id
        FOR UPDATE SKIP LOCKED
    LOOP
        CONTINUE WHEN as_of < past.ends_at + 3 * ghostwatch._setting('check_period')::interval
            AND EXISTS (
                SELECT
                FROM ghostwatch._clause AS c
                INNER JOIN ghostwatch.check_progress AS p ON p.invariant_id = c.invariant_id
                WHERE pg_has_role(past.owner, c.owner, 'USAGE')
                    AND p.failing_since IS NULL
                    AND coalesce(p.last_success_at < past.ends_at, true)
            );

        SELECT array_agg(DISTINCT c.contract)
        INTO covered
        FROM ghostwatch._clause AS c
        WHERE pg_has_role(past.owner, c.owner, 'USAGE');

        UPDATE ghostwatch.maintenance AS m SET summarized_at = as_of WHERE m.maintenance_id = past.maintenance_id;
        PERFORM ghostwatch._queue_summary(
            covered,
            jsonb_build_object(
                'comment', past.comment,
                'started_at', past.started_at,
                'ends_at', past.ends_at,
                'found', ghostwatch._outage_summary(past.started_at)
            ),
            as_of
        );
    END LOOP;
END
$_summarize_maintenance$;

COMMENT ON FUNCTION ghostwatch._summarize_maintenance(timestamptz) IS
'Queues the summary of each maintenance window that is over.';
CREATE FUNCTION ghostwatch._needs_trials(
    rule text
)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_needs_trials$
    -- Such a rule scores each subject once, in order of birth. So it knows how many subjects to expect, decides by
    -- evidence when an alert is over, and a replay of it begins with a history.
    SELECT _needs_trials.rule IN ('auto', 'drift')
$_needs_trials$;

COMMENT ON FUNCTION ghostwatch._needs_trials(text) IS
'Whether a rule scores every subject that a check judges.';
CREATE TYPE ghostwatch._trials AS (
    born_at timestamptz[],      -- in ascending order
    came_at timestamptz[],      -- when the related row came; infinity if it never did
    branch_families text[]
);

COMMENT ON TYPE ghostwatch._trials IS
'Subjects of the past, over which a rule is replayed.';
CREATE TYPE ghostwatch._firing AS (
    kind text,                  -- violations or no_signups
    severity text,
    begins_at timestamptz,
    ends_at timestamptz,        -- NULL if it goes on past the end of the replay
    since timestamptz           -- births from here on made it
);

COMMENT ON TYPE ghostwatch._firing IS
'A stretch of time in which a replayed rule found something wrong.';
CREATE FUNCTION ghostwatch._next_run(
    moment timestamptz
)
RETURNS timestamptz
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- Replays assume a check run on every full minute.
    SELECT CASE
        WHEN isfinite(moment) THEN date_trunc('minute', moment - '1 microsecond'::interval) + '1 minute'::interval
        ELSE moment
    END;
END;

COMMENT ON FUNCTION ghostwatch._next_run(timestamptz) IS
'The first full minute at or after a moment.';
CREATE FUNCTION ghostwatch._branch_table(
    invariant_id integer,
    open_violations jsonb,
    as_of timestamptz
)
RETURNS jsonb
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_branch_table$
    -- Both numbers are of the same subjects: those under watch that have reached the first deadline, warnings and errors alike.
    WITH watch AS (
        SELECT
            date_trunc('minute', as_of - i.watch_for) AS since,
            i.watch_for
        FROM ghostwatch.invariant AS i
        WHERE i.invariant_id = _branch_table.invariant_id
    ),
    -- The oldest minute is counted as a whole; those in it that have expired are not open any more.
    expired AS (
        SELECT v.branch_family, count(*) AS subjects
        FROM ghostwatch.violation AS v
        CROSS JOIN watch AS w
        WHERE v.invariant_id = _branch_table.invariant_id
            AND v.closed_at >= w.since + w.watch_for
            AND v.close_reason = 'expired'
            AND v.born_at >= w.since
        GROUP BY v.branch_family
    ),
    due AS (
        SELECT b.branch_family, sum(b.due) AS subjects
        FROM ghostwatch.branch_minute AS b
        CROSS JOIN watch AS w
        WHERE b.invariant_id = _branch_table.invariant_id
            AND b.minute >= w.since
        GROUP BY b.branch_family
    ),
    family AS (
        SELECT
            branch_family AS name,
            coalesce(o.value::bigint, 0) AS violations,
            -- A violation that was recorded at COMMIT is open before a check counts it as due.
            greatest(d.subjects - coalesce(e.subjects, 0), o.value::bigint) AS due
        FROM due AS d
        LEFT JOIN expired AS e USING (branch_family)
        FULL JOIN jsonb_each_text(open_violations) AS o (branch_family, value) USING (branch_family)
    ),
    pool AS (
        SELECT sum(f.violations) / nullif(sum(f.due), 0) AS rate FROM family AS f
    )
    SELECT coalesce(
        jsonb_agg(
            jsonb_build_object('family', f.name, 'violations', f.violations, 'due', f.due)
            ORDER BY f.violations - f.due * p.rate DESC, f.violations DESC, f.name
        ),
        '[]'
    )
    FROM family AS f
    CROSS JOIN pool AS p
    WHERE f.due > 0
$_branch_table$;

COMMENT ON FUNCTION ghostwatch._branch_table(integer, jsonb, timestamptz) IS
'How the open violations of an invariant are distributed over the branch families: [{"family", "violations", "due"}, ...], the largest excess over the common rate first.
open_violations: how many per family ({"kitchen": 4, ...}).';
CREATE FUNCTION ghostwatch._threshold_severity(
    rule ghostwatch.invariant,
    violations bigint,
    due bigint,
    errors bigint,
    error_due bigint
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_threshold_severity$
    -- One decision for check runs and replays.
    SELECT CASE
        WHEN violations < greatest((rule).min_count, (rule).min_rate * due) THEN NULL
        WHEN errors >= greatest((rule).min_count, (rule).min_rate * error_due) THEN 'error'
        ELSE 'warn'
    END
$_threshold_severity$;

COMMENT ON FUNCTION ghostwatch._threshold_severity(ghostwatch.invariant, bigint, bigint, bigint, bigint) IS
'The rule "threshold": error, warn or NULL (nothing is wrong), by how many of the subjects due are in violation, and how many of those past error_after are errors.';
CREATE FUNCTION ghostwatch._threshold_result(
    invariant_id integer,
    as_of timestamptz
)
RETURNS ghostwatch._rule_result
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_threshold_result$
-- Reads the open violations and, only if there are enough, the minutes under watch.
DECLARE
    rule ghostwatch.invariant;
    catching_up timestamptz;
    open_violations jsonb;
    due bigint;
    error_due bigint;
    result ghostwatch._rule_result;
BEGIN
    SELECT i.* INTO STRICT rule
    FROM ghostwatch.invariant AS i
    WHERE i.invariant_id = _threshold_result.invariant_id;

    SELECT p.catching_up_since INTO catching_up
    FROM ghostwatch.check_progress AS p
    WHERE p.invariant_id = rule.invariant_id;

    -- All open violations are read once: at worst a share of the subjects under watch.
    SELECT
        coalesce(sum(f.warns), 0)::integer,
        coalesce(sum(f.errors), 0)::integer,
        coalesce(jsonb_object_agg(f.branch_family, f.warns + f.errors), '{}')
    INTO result.warn_count, result.error_count, open_violations
    FROM (
        SELECT
            v.branch_family,
            count(*) FILTER (WHERE v.state = 'warn') AS warns,
            count(*) FILTER (WHERE v.state = 'error') AS errors
        FROM ghostwatch.violation AS v
        WHERE v.invariant_id = rule.invariant_id AND v.closed_at IS NULL AND v.state <> 'exempt'
        GROUP BY v.branch_family
    ) AS f;

    -- While a backlog is processed, oldest first, no violation only means that the present was not checked yet.
    result.clear_for := CASE WHEN catching_up IS NULL THEN ghostwatch._setting('resolve_after')::interval END;
    result.firing := false;
    result.rule := 'threshold';
    -- First without the subjects due, which are counted only where there are enough violations.
    IF ghostwatch._threshold_severity(rule, result.warn_count + result.error_count, 0, result.error_count, 0) IS NULL THEN
        RETURN result;
    END IF;

    SELECT
        coalesce(sum(b.due), 0),
        coalesce(sum(b.due) FILTER (WHERE b.minute <= as_of - rule.error_after), 0)
    INTO due, error_due
    FROM ghostwatch.branch_minute AS b
    WHERE b.invariant_id = rule.invariant_id
        AND b.minute >= date_trunc('minute', as_of - rule.watch_for);

    result.severity := ghostwatch._threshold_severity(
        rule, result.warn_count + result.error_count, due, result.error_count, error_due
    );
    result.firing := result.severity IS NOT NULL;
    result.sample_keys := ARRAY(
        SELECT v.subject_key
        FROM ghostwatch.violation AS v
        WHERE v.invariant_id = rule.invariant_id AND v.closed_at IS NULL AND v.state <> 'exempt'
        ORDER BY v.born_at, v.subject_key
        LIMIT 5
    );
    result.branches := ghostwatch._branch_table(rule.invariant_id, open_violations, as_of);
    result.evidence := jsonb_strip_nulls(jsonb_build_object(
        'warn_after', rule.warn_after,
        'error_after', rule.error_after,
        'watch_for', rule.watch_for,
        'min_count', rule.min_count,
        'min_rate', rule.min_rate,
        'catching_up_since', catching_up
    ));
    RETURN result;
END
$_threshold_result$;

COMMENT ON FUNCTION ghostwatch._threshold_result(integer, timestamptz) IS
'The rule "threshold": something is wrong while at least min_count violations, and at least the share min_rate of the subjects under watch, are open.';
CREATE FUNCTION ghostwatch._replay_threshold(
    rule ghostwatch.invariant,
    trials ghostwatch._trials,
    begin_at timestamptz,
    end_at timestamptz
)
RETURNS SETOF ghostwatch._firing
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $_replay_threshold$
    -- Every full minute counts as a check run.
    WITH trial AS (
        SELECT
            t.born_at,
            t.came_at > t.born_at + coalesce((rule).warn_after, (rule).error_after) AS violated,
            ghostwatch._next_run(t.born_at + coalesce((rule).warn_after, (rule).error_after)) AS opens_at,
            ghostwatch._next_run(t.born_at + (rule).error_after + '1 microsecond'::interval) AS escalates_at,
            ghostwatch._next_run(least(t.came_at, t.born_at + (rule).watch_for + '1 microsecond'::interval)) AS closes_at,
            ghostwatch._next_run(t.born_at + (rule).watch_for + '1 microsecond'::interval) AS leaves_at
        FROM ROWS FROM (unnest((trials).born_at), unnest((trials).came_at)) AS t (born_at, came_at)
    ),
    change AS (
        SELECT c.at, sum(c.violations) AS violations, sum(c.errors) AS errors, sum(c.due) AS due, sum(c.error_due) AS error_due
        FROM trial AS t
        CROSS JOIN LATERAL (
            VALUES
                (t.opens_at, (t.violated AND t.opens_at < t.closes_at)::integer, 0, 1, 0),
                (t.escalates_at, 0, (t.violated AND t.escalates_at < t.closes_at)::integer, 0, 1),
                (t.closes_at, -(t.violated AND t.opens_at < t.closes_at)::integer, -(t.violated AND t.escalates_at < t.closes_at)::integer, 0, 0),
                (t.leaves_at, 0, 0, -1, -1)
        ) AS c (at, violations, errors, due, error_due)
        -- Subjects that got their row in time matter only for the share.
        WHERE (t.violated OR (rule).min_rate > 0) AND isfinite(c.at) AND c.at <= end_at
        GROUP BY c.at
    ),
    total AS (
        SELECT
            c.at,
            (sum(c.violations) OVER so_far)::bigint AS violations,
            (sum(c.errors) OVER so_far)::bigint AS errors,
            (sum(c.due) OVER so_far)::bigint AS due,
            (sum(c.error_due) OVER so_far)::bigint AS error_due
        FROM change AS c
        WINDOW so_far AS (ORDER BY c.at)
    ),
    condition AS (
        SELECT
            greatest(t.at, begin_at) AS at,
            ghostwatch._threshold_severity(rule, t.violations, t.due, t.errors, t.error_due) AS severity,
            t.at AS ordering
        FROM total AS t
    ),
    turn AS (
        SELECT c.at, c.severity, c.ordering, c.severity IS DISTINCT FROM lag(c.severity) OVER (ORDER BY c.ordering) AS is_turn
        FROM condition AS c
    ),
    stretch AS (
        SELECT t.severity, t.at AS begins_at, lead(t.at) OVER (ORDER BY t.ordering) AS ends_at
        FROM turn AS t
        WHERE t.is_turn
    )
    SELECT
        'violations', s.severity, s.begins_at, s.ends_at, s.begins_at - coalesce((rule).warn_after, (rule).error_after) - '1 minute'::interval
    FROM stretch AS s
    WHERE s.severity IS NOT NULL AND s.begins_at IS DISTINCT FROM s.ends_at
    ORDER BY s.begins_at
$_replay_threshold$;

COMMENT ON FUNCTION ghostwatch._replay_threshold(ghostwatch.invariant, ghostwatch._trials, timestamptz, timestamptz) IS
'When the rule "threshold" would have found something wrong, with a check run every minute.';
CREATE FUNCTION ghostwatch._check_failing_result(
    invariant_id integer,
    as_of timestamptz
)
RETURNS ghostwatch._rule_result
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_check_failing_result$
    -- A warning at first, and an error once nothing was checked for three periods.
    SELECT
        -- A check that waits for a lock usually waits for a migration, which is worth an alert only if it lasts.
        p.failing_since IS NOT NULL
        AND (
            p.last_error_state <> '55P03'
            OR p.failing_since <= as_of - 3 * ghostwatch._setting('check_period')::interval
        ),
        CASE
            WHEN p.failing_since <= as_of - 3 * ghostwatch._setting('check_period')::interval THEN 'error'
            ELSE 'warn'
        END,
        0,
        0,
        '{}'::text[],
        '[]'::jsonb,
        jsonb_build_object(
            'failing_since', p.failing_since,
            'last_error', p.last_error,
            'last_error_state', p.last_error_state
        ),
        -- One check that succeeds is enough.
        '0'::interval,
        NULL
    FROM ghostwatch.check_progress AS p
    WHERE p.invariant_id = _check_failing_result.invariant_id
$_check_failing_result$;

COMMENT ON FUNCTION ghostwatch._check_failing_result(integer, timestamptz) IS
'Whether the check of an invariant fails, since when and with which error.';
CREATE FUNCTION ghostwatch._wilson_upper(
    events double precision,
    trials double precision
)
RETURNS double precision
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
BEGIN ATOMIC
    -- z is the 90th percentile of the normal distribution. events may be a fraction: a prior counts for a number of trials.
    SELECT
        CASE
            WHEN trials <= 0 THEN 1.0
            ELSE
                (
                    events / trials + z * z / (2 * trials)
                    + z * sqrt(events * (trials - events) / trials ^ 3 + z * z / (4 * trials * trials))
                ) / (1 + z * z / trials)
        END
    FROM (VALUES (1.2815515655446004::double precision)) AS percentile (z);
END;

COMMENT ON FUNCTION ghostwatch._wilson_upper(double precision, double precision) IS
'Wilson''s one-sided upper 90 % bound of a rate, from events among trials; 1 without trials.';
CREATE FUNCTION ghostwatch._log_gamma(
    x double precision
)
RETURNS double precision
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
BEGIN ATOMIC
    -- PostgreSQL has lgamma() only since version 18. Lanczos' approximation with g = 7 and nine terms: 15 digits.
    SELECT
        ln(2 * pi()) / 2 + (x - 0.5) * ln(x + 6.5) - (x + 6.5)
        + ln(
            0.99999999999980993
            + 676.5203681218851 / x
            - 1259.1392167224028 / (x + 1)
            + 771.32342877765313 / (x + 2)
            - 176.61502916214059 / (x + 3)
            + 12.507343278686905 / (x + 4)
            - 0.13857109526572012 / (x + 5)
            + 9.9843695780195716e-6 / (x + 6)
            + 1.5056327351493116e-7 / (x + 7)
        );
END;

COMMENT ON FUNCTION ghostwatch._log_gamma(double precision) IS
'The logarithm of the gamma function, for x > 0.';
CREATE FUNCTION ghostwatch._beta_binomial_upper(
    events bigint,
    trials bigint,
    alpha double precision,
    beta double precision
)
RETURNS double precision
LANGUAGE plpgsql
IMMUTABLE
STRICT
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_beta_binomial_upper$
-- Summed away from the mean, where the terms fall, so that small probabilities keep their digits.
DECLARE
    above_the_mean constant boolean := events > trials * alpha / (alpha + beta);
    k         bigint := CASE WHEN above_the_mean THEN events ELSE events - 1 END;
    log_first double precision;
    term      double precision := 1::double precision;
    total     double precision := 0::double precision;
    tail      double precision;
BEGIN
    IF events <= 0 THEN
        RETURN 1::double precision;
    END IF;

    -- The probability of exactly k, from which its neighbours follow by a ratio.
    log_first :=
        ghostwatch._log_gamma(trials + 1.0) - ghostwatch._log_gamma(k + 1.0) - ghostwatch._log_gamma(trials - k + 1.0)
        + ghostwatch._log_gamma(k + alpha) + ghostwatch._log_gamma(trials - k + beta) - ghostwatch._log_gamma(trials + alpha + beta)
        - ghostwatch._log_gamma(alpha) - ghostwatch._log_gamma(beta) + ghostwatch._log_gamma(alpha + beta);

    -- The tail that does not contain the mean is summed, until the terms are negligible.
    LOOP
        total := total + term;
        EXIT WHEN term < total * 1e-18 OR k = CASE WHEN above_the_mean THEN trials ELSE 0 END;
        IF above_the_mean THEN
            term := term * (trials - k) / (k + 1) * (k + alpha) / (trials - k - 1 + beta);
            k := k + 1;
        ELSE
            term := term * k / (trials - k + 1) * (trials - k + beta) / (k - 1 + alpha);
            k := k - 1;
        END IF;
    END LOOP;

    -- A tail too small for a double is 0.
    tail := CASE WHEN log_first + ln(total) < -700 THEN 0 ELSE least(exp(log_first + ln(total)), 1) END;
    RETURN CASE WHEN above_the_mean THEN tail ELSE 1 - tail END;
END
$_beta_binomial_upper$;

COMMENT ON FUNCTION ghostwatch._beta_binomial_upper(bigint, bigint, double precision, double precision) IS
'The upper tail P(X >= events) of the beta-binomial distribution:
the probability of at least so many events in so many trials whose rate has a beta distribution with the parameters alpha and beta (1 or more each).';
CREATE FUNCTION ghostwatch._holm(
    p double precision[]
)
RETURNS double precision[]
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_holm$
    -- The smallest of several p-values is small by chance more often than one alone.
    SELECT coalesce(array_agg(corrected.p ORDER BY corrected.place), '{}')
    FROM (
        SELECT
            ranked.place,
            max(least(1, ranked.p * (cardinality(_holm.p) - ranked.rank + 1))) OVER (ORDER BY ranked.rank) AS p
        FROM (
            SELECT
                given.place,
                given.p,
                row_number() OVER (ORDER BY given.p, given.place) AS rank
            FROM unnest(_holm.p) WITH ORDINALITY AS given (p, place)
        ) AS ranked
    ) AS corrected
$_holm$;

COMMENT ON FUNCTION ghostwatch._holm(double precision[]) IS
'P-values after Holm''s correction for their number, in the order given.';
CREATE FUNCTION ghostwatch._alternative_losses()
RETURNS double precision[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- A leak loses a share of those who would otherwise have had their row, whatever the usual rate is. Said this way, a
    -- healthy trial weighs the same in every branch. Five shares, about equally far apart on the logit scale, are enough: with
    -- eight, the simulation found no change sooner.
    SELECT '{0.06,0.12,0.25,0.5,0.9}'::double precision[];
END;

COMMENT ON FUNCTION ghostwatch._alternative_losses() IS
'The losses that the rule drift looks for: shares, above 0 and below 1, of the subjects who would otherwise have had their row.';
CREATE FUNCTION ghostwatch._loss_severity(
    loss double precision
)
RETURNS text
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
BEGIN ATOMIC
    -- An outage differs from a rate that has risen: a third of those who would have had their row, or more, are lost.
    SELECT CASE WHEN loss < 1 / 3.0 THEN 'warn' ELSE 'error' END;
END;

COMMENT ON FUNCTION ghostwatch._loss_severity(double precision) IS
'The severity of an alert of the rule drift, warn or error, by the share of subjects that is lost.';
CREATE FUNCTION ghostwatch._lossy_rate(
    usual_rate double precision,
    loss double precision
)
RETURNS double precision
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
BEGIN ATOMIC
    -- Who is not violated usually stays so only if not lost.
    SELECT 1 - (1 - usual_rate) * (1 - loss);
END;

COMMENT ON FUNCTION ghostwatch._lossy_rate(double precision, double precision) IS
'The rate of violations where, beyond the usual rate, a share of the other subjects is lost.';
CREATE FUNCTION ghostwatch._tolerance(
    usual_rate double precision
)
RETURNS double precision
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
BEGIN ATOMIC
    -- Where the smallest loss and none at all explain the trials equally well: the log-likelihood ratios of a violated and of a
    -- healthy trial balance.
    SELECT -weight.healthy / (weight.violated - weight.healthy)
    FROM (
        SELECT
            ln(1 - loss.smallest) AS healthy,
            ln(ghostwatch._lossy_rate(_tolerance.usual_rate, loss.smallest) / _tolerance.usual_rate) AS violated
        FROM (SELECT (ghostwatch._alternative_losses())[1] AS smallest) AS loss
    ) AS weight;
END;

COMMENT ON FUNCTION ghostwatch._tolerance(double precision) IS
'The rate below which the rule drift gathers no evidence, however long it lasts, given the usual rate (above 0, below 1).';
CREATE FUNCTION ghostwatch._after_healthy(
    evidence double precision,
    ratio double precision,
    trials integer
)
RETURNS double precision
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
BEGIN ATOMIC
    -- The recursion R -> (1 + R) * ratio over a stretch of trials with the same likelihood ratio, as a geometric series.
    -- Takes R, the ratio (above 0, not 1) and the length. The exponent stays where exp() neither underflows nor overflows.
    SELECT
        series.fixed_point
        + (_after_healthy.evidence - series.fixed_point) * exp(greatest(-600, least(600, _after_healthy.trials * ln(_after_healthy.ratio))))
    FROM (SELECT _after_healthy.ratio / (1 - _after_healthy.ratio) AS fixed_point) AS series;
END;

COMMENT ON FUNCTION ghostwatch._after_healthy(double precision, double precision, integer) IS
'The Shiryaev-Roberts statistic R after so many healthy trials, each of which multiplies 1 + R by the same likelihood ratio.';
CREATE FUNCTION ghostwatch._attribute(
    branch_families text[],
    due bigint[],
    violations bigint[],
    baseline_rate double precision
)
RETURNS TABLE (
    branch_family text,
    trials bigint,
    violated bigint,
    excess double precision,
    p double precision,
    named boolean
)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_attribute$
    -- The rate of the others is only known as well as their counts say, so the test is a beta-binomial one.
    WITH family AS (
        SELECT
            f.branch_family,
            f.trials,
            f.violated,
            f.violated - f.trials * baseline_rate AS excess,
            sum(f.trials) OVER () - f.trials AS other_trials,
            sum(f.violated) OVER () - f.violated AS other_violated
        FROM ROWS FROM (
            unnest(_attribute.branch_families), unnest(_attribute.due), unnest(_attribute.violations)
        ) AS f (branch_family, trials, violated)
    ),
    -- The prior of the others' rate is uniform.
    tested AS (
        SELECT
            array_agg(f.branch_family ORDER BY f.branch_family) AS branch_families,
            ghostwatch._holm(array_agg(
                ghostwatch._beta_binomial_upper(
                    f.violated, f.trials, 1 + f.other_violated::double precision, 1 + (f.other_trials - f.other_violated)::double precision
                )
                ORDER BY f.branch_family
            )) AS corrected
        FROM family AS f
        WHERE f.trials >= 5 AND f.other_trials >= 5
    )
    SELECT
        f.branch_family,
        f.trials,
        f.violated,
        f.excess,
        c.p,
        -- Strict, as the trials are not a random sample: something has just alarmed.
        coalesce(c.p < 0.001 AND f.excess > 0 AND f.excess >= 0.25 * sum(f.excess) OVER (), false)
    FROM family AS f
    LEFT JOIN LATERAL (
        SELECT t.corrected[array_position(t.branch_families, f.branch_family)] AS p FROM tested AS t
    ) AS c ON true
    ORDER BY f.excess DESC, f.violated DESC, f.branch_family
$_attribute$;

COMMENT ON FUNCTION ghostwatch._attribute(text[], bigint[], bigint[], double precision) IS
'Which branch families have more violations than baseline_rate gives and than the others have, the largest excess first.
excess: violations above the expected number. p: the probability that a family like the others has so many, after Holm (NULL where it or the others have fewer than five trials). named: whether messages name the family.';
CREATE TYPE ghostwatch._hour_count AS (
    hour timestamptz,
    branch_family text,
    arrived bigint,     -- trials born in this hour
    due bigint,         -- those outside alerts, violations among them
    violations bigint
);

COMMENT ON TYPE ghostwatch._hour_count IS
'The trials of one hour and branch family, of which a baseline is made.';
CREATE FUNCTION ghostwatch._hour_counts(
    births timestamptz[],
    due integer[],
    violations integer[],
    branch_families text[],
    incidents tstzrange[]
)
RETURNS ghostwatch._hour_count[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_hour_counts$
    -- Births inside incidents are no part of a baseline, but they did arrive.
    SELECT coalesce(array_agg(
        ROW(h.hour, h.branch_family, h.arrived, h.due, h.violations)::ghostwatch._hour_count
    ), '{}')
    FROM (
        SELECT
            date_bin('1 hour'::interval, t.born_at, timestamptz '2000-01-01 00:00+00') AS hour,
            t.branch_family,
            sum(t.due) AS arrived,
            coalesce(sum(t.due) FILTER (WHERE outside.is_so), 0) AS due,
            coalesce(sum(t.violations) FILTER (WHERE outside.is_so), 0) AS violations
        FROM ROWS FROM (
            unnest(_hour_counts.births), unnest(_hour_counts.due), unnest(_hour_counts.violations), unnest(_hour_counts.branch_families)
        ) AS t (born_at, due, violations, branch_family)
        CROSS JOIN LATERAL (SELECT NOT t.born_at <@ ANY (incidents) AS is_so) AS outside
        GROUP BY 1, 2
    ) AS h
$_hour_counts$;

COMMENT ON FUNCTION ghostwatch._hour_counts(timestamptz[], integer[], integer[], text[], tstzrange[]) IS
'Counts per hour and branch family for a baseline, from counts per birth time (due: subjects; violations: those of them in violation).
Births inside incidents count as arrived only.';
CREATE FUNCTION ghostwatch._history(
    invariant_id integer,
    history_from timestamptz,
    history_until timestamptz
)
RETURNS ghostwatch._hour_count[]
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_history$
    -- What an alert is about is no part of the usual rate, once that is known. An incident of the rule drift begins at its
    -- change-point, another one with the first subject that was found.
    SELECT ghostwatch._hour_counts(
        array_agg(b.minute),
        array_agg(b.due),
        array_agg(b.violations),
        array_agg(b.branch_family),
        ARRAY(
            SELECT tstzrange(
                date_trunc('minute', coalesce((a.evidence ->> 'since')::timestamptz, a.opened_at - coalesce(i.warn_after, i.error_after))),
                a.resolved_at
            )
            FROM ghostwatch.alert AS a
            INNER JOIN ghostwatch.invariant AS i
                ON i.invariant_id = a.invariant_id
            WHERE a.kind = 'violations'
                AND a.evidence ? 'baseline_rate'
                AND coalesce(a.invariant_id, 0) = _history.invariant_id
        )
    )
    FROM ghostwatch.branch_minute AS b
    WHERE b.invariant_id = _history.invariant_id
        AND b.minute >= _history.history_from
        AND b.minute < _history.history_until
$_history$;

COMMENT ON FUNCTION ghostwatch._history(integer, timestamptz, timestamptz) IS
'What checks have counted per hour and branch family between two moments, for a baseline.';
CREATE FUNCTION ghostwatch._baseline(
    rule ghostwatch.invariant,
    history ghostwatch._hour_count[],
    history_from timestamptz,
    history_until timestamptz
)
RETURNS ghostwatch.drift_baseline
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_baseline$
-- A prior stands in for missing history: a baseline of nothing but a few trials would follow chance.
DECLARE
    prior_weight constant double precision := 100.0::double precision;  -- how many trials the declared rate, or that of the other branches, counts for
    lowest_rate  constant double precision := 0.005::double precision;
    highest_rate constant double precision := 0.9::double precision;  -- leaves room for an alternative rate
    baseline ghostwatch.drift_baseline;
    arrived bigint;
    days double precision;
BEGIN
    SELECT
        coalesce(sum(h.arrived), 0)::bigint,
        coalesce(sum(h.due), 0)::bigint,
        coalesce(sum(h.violations), 0)::bigint,
        greatest(extract(EPOCH FROM _baseline.history_until - min(h.hour)) / 86400, 1 / 24.0)::double precision
    INTO arrived, baseline.due, baseline.violations, days
    FROM unnest(history) AS h;

    baseline.invariant_id := rule.invariant_id;
    baseline.history_from := history_from;
    baseline.history_until := history_until;
    baseline.expected_rate := rule.expected_rate;
    baseline.days_per_false_alarm := rule.days_per_false_alarm;
    baseline.branch_ceiling := rule.branch_ceiling;
    baseline.baseline_rate := (baseline.violations + prior_weight * rule.expected_rate) / (baseline.due + prior_weight);
    baseline.upper_rate := least(highest_rate, greatest(lowest_rate,
        ghostwatch._wilson_upper(baseline.violations + prior_weight * rule.expected_rate, baseline.due + prior_weight)));
    baseline.subjects_per_day := arrived / days;

    -- The promise is shared by the detector of all trials and those of the branch families, which see every trial once between
    -- them: their number costs nothing. One trial an hour is assumed at least, so that a trickle does not lower the threshold to nothing.
    baseline.threshold := 2 * greatest(baseline.subjects_per_day, 24) * rule.days_per_false_alarm;

    -- Only what exceeds chance counts: two standard errors of the variance are subtracted.
    baseline.hour_deviation := coalesce((
        SELECT sqrt(greatest(0,
            sum(h.due * (h.violations / h.due - average.rate) ^ 2) / sum(h.due)
            - count(*) * average.rate * (1 - average.rate) / sum(h.due) * (1 + 2 * sqrt(2.0 / count(*)))
        ))
        FROM (
            SELECT sum(h.due)::double precision AS due, sum(h.violations)::double precision AS violations
            FROM unnest(history) AS h
            GROUP BY h.hour
            HAVING sum(h.due) > 0
        ) AS h
        CROSS JOIN (SELECT baseline.violations / nullif(baseline.due, 0)::double precision AS rate) AS average
        GROUP BY average.rate
    ), 0);

    -- The worst hour of the day, shrunk towards the average as far as its own count is uncertain.
    baseline.worst_hour_excess := coalesce((
        SELECT max((h.violations / h.due - average.rate) * baseline.hour_deviation ^ 2
            / (baseline.hour_deviation ^ 2 + average.rate * (1 - average.rate) / h.due))
        FROM (
            SELECT sum(h.due)::double precision AS due, sum(h.violations)::double precision AS violations
            FROM unnest(history) AS h
            GROUP BY extract(HOUR FROM h.hour AT TIME ZONE 'UTC')
            HAVING sum(h.due) > 0
        ) AS h
        CROSS JOIN (SELECT baseline.violations / nullif(baseline.due, 0)::double precision AS rate) AS average
        WHERE baseline.hour_deviation > 0
    ), 0);

    -- Each hour of the day gets one day of the average hour as a prior.
    SELECT array_agg(
        (coalesce(h.arrived, 0) + baseline.subjects_per_day / 24) / (days + 1)
        ORDER BY hour_of_day
    )
    INTO baseline.subjects_by_hour
    FROM generate_series(0, 23) AS hour_of_day
    LEFT JOIN (
        SELECT extract(HOUR FROM h.hour AT TIME ZONE 'UTC') AS hour_of_day, sum(h.arrived) AS arrived
        FROM unnest(history) AS h
        GROUP BY 1
    ) AS h USING (hour_of_day);

    -- A branch is compared with all the others: a branch that was broken from its first day would be its own excuse.
    -- Its own history counts where it is worse, but only up to half the ceiling.
    SELECT coalesce(array_agg(
        ROW(
            family.branch_family,
            family.due,
            family.violations,
            greatest(pool.rate, least(own.rate, rule.branch_ceiling / 2)),
            least(highest_rate, greatest(lowest_rate, pool.upper_rate, least(own.upper_rate, rule.branch_ceiling / 2)))
        )::ghostwatch._family_rate
        ORDER BY family.branch_family
    ), '{}')
    INTO baseline.families
    FROM (
        SELECT h.branch_family, sum(h.due) AS due, sum(h.violations) AS violations
        FROM unnest(history) AS h
        GROUP BY h.branch_family
    ) AS family
    CROSS JOIN LATERAL (
        SELECT
            baseline.violations - family.violations + prior_weight * rule.expected_rate AS violations,
            baseline.due - family.due + prior_weight AS due
    ) AS others
    CROSS JOIN LATERAL (
        SELECT
            others.violations / others.due AS rate,
            ghostwatch._wilson_upper(others.violations, others.due) AS upper_rate
    ) AS pool
    CROSS JOIN LATERAL (
        SELECT
            (family.violations + prior_weight * pool.rate) / (family.due + prior_weight) AS rate,
            ghostwatch._wilson_upper(family.violations + prior_weight * pool.rate, family.due + prior_weight) AS upper_rate
    ) AS own;

    RETURN baseline;
END
$_baseline$;

COMMENT ON FUNCTION ghostwatch._baseline(ghostwatch.invariant, ghostwatch._hour_count[], timestamptz, timestamptz) IS
'The baseline of an invariant, without a version, from counts per hour and branch family between two moments.';
CREATE FUNCTION ghostwatch._detectors(
    invariant_id integer
)
RETURNS ghostwatch.drift_detector[]
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_detectors$
    -- As one array, which the replay has without a table.
    SELECT coalesce(array_agg(a), '{}')
    FROM ghostwatch.drift_detector AS a
    WHERE a.invariant_id = _detectors.invariant_id
$_detectors$;

COMMENT ON FUNCTION ghostwatch._detectors(integer) IS
'The detectors of an invariant under the rule drift, as they are recorded.';
CREATE FUNCTION ghostwatch._baseline_is_due(
    latest ghostwatch.drift_baseline,
    detectors ghostwatch.drift_detector[],
    rule ghostwatch.invariant,
    as_of timestamptz
)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_baseline_is_due$
    -- A possible change must not become part of the baseline: it is kept while a detector is raised or has climbed halfway.
    -- Otherwise it is computed once a day, sooner while there is little history, and at once when the settings have changed.
    SELECT
        (latest).version IS NULL
        OR (
            NOT coalesce(bool_or((a.raised_at IS NOT NULL AND a.recovered_at IS NULL) OR (SELECT avg(r) FROM unnest(a.evidence) AS r) > sqrt((latest).threshold)), false)
            AND (
                (latest).made_at <= as_of - '1 day'::interval
                OR coalesce(max(a.trials_seen), 0) >= 2 * (latest).trials_seen + 100
                OR ((latest).days_per_false_alarm, (latest).branch_ceiling)
                <> ((rule).days_per_false_alarm, (rule).branch_ceiling)
            )
        )
    FROM unnest(detectors) AS a
$_baseline_is_due$;

COMMENT ON FUNCTION ghostwatch._baseline_is_due(ghostwatch.drift_baseline, ghostwatch.drift_detector[], ghostwatch.invariant, timestamptz) IS
'Whether the baseline of the rule drift should be computed again. latest: NULL if there is none.';
CREATE FUNCTION ghostwatch._restart_drift(
    invariant_id integer,
    history_from timestamptz,
    is_complete boolean DEFAULT false
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_restart_drift$
-- Waits for a check of the invariant that is running: it has locked rows of the detectors.
BEGIN
    IF history_from IS NOT NULL THEN
        INSERT INTO ghostwatch.drift_history (invariant_id, begins_at, is_complete)
        VALUES (invariant_id, history_from, is_complete)
        ON CONFLICT ON CONSTRAINT drift_history_pkey DO UPDATE
        SET begins_at = excluded.begins_at, is_complete = excluded.is_complete;
    END IF;

    DELETE FROM ghostwatch.drift_detector AS a WHERE a.invariant_id = _restart_drift.invariant_id;
    DELETE FROM ghostwatch.drift_baseline AS b WHERE b.invariant_id = _restart_drift.invariant_id;
END
$_restart_drift$;

COMMENT ON FUNCTION ghostwatch._restart_drift(integer, timestamptz, boolean) IS
'Starts the rule drift of an invariant anew: without detectors and baselines, its history from history_from on (NULL: as before).
is_complete: earlier rows of the application are no part of the history.';
CREATE FUNCTION ghostwatch._drift_follows_invariant()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_drift_follows_invariant$
-- With another expected rate, the counts so far are declared not to be usual.
BEGIN
    PERFORM ghostwatch._restart_drift(
        NEW.invariant_id,
        CASE WHEN OLD.expected_rate <> NEW.expected_rate THEN ghostwatch._clock() END,
        true
    );
    RETURN NULL;
END
$_drift_follows_invariant$;

COMMENT ON FUNCTION ghostwatch._drift_follows_invariant() IS
'Starts the rule drift of an invariant anew when its rule or its expected rate changes.';

CREATE TRIGGER drift_follows
AFTER UPDATE ON ghostwatch.invariant
FOR EACH ROW
WHEN ((old.rule, old.expected_rate) IS DISTINCT FROM (new.rule, new.expected_rate))
EXECUTE FUNCTION ghostwatch._drift_follows_invariant();
CREATE FUNCTION ghostwatch._drift_follows_families()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_drift_follows_families$
-- A raised detector recovers by new trials of its family, and a family without a pattern never has any.
BEGIN
    DELETE FROM ghostwatch.drift_detector AS a
    USING ghostwatch.invariant AS i
    WHERE i.contract_id = OLD.contract_id
        AND a.invariant_id = i.invariant_id
        AND a.branch_family <> ''
        AND a.branch_family = OLD.family
        AND a.branch_family NOT IN ('none', 'other')
        AND NOT EXISTS (
            SELECT FROM ghostwatch.branch_family AS b
            WHERE b.contract_id = OLD.contract_id AND b.family = OLD.family
        );
    RETURN NULL;
END
$_drift_follows_families$;

COMMENT ON FUNCTION ghostwatch._drift_follows_families() IS
'Removes the detectors of a branch family to which no pattern leads any more.';

CREATE TRIGGER drift_follows
AFTER UPDATE OR DELETE ON ghostwatch.branch_family
FOR EACH ROW EXECUTE FUNCTION ghostwatch._drift_follows_families();
CREATE FUNCTION ghostwatch._usual_rate(
    baseline ghostwatch.drift_baseline,
    branch_family text
)
RETURNS double precision
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_usual_rate$
    -- The highest rate that is nothing new: the upper bound of the usual one, in the worst hour of the day. The promise about
    -- false alarms holds as long as the rate stays below it.
    -- Takes the baseline and a branch family (one without a history, or '' for all, is measured by all).
    SELECT least(
        0.9,
        coalesce(
            (SELECT f.upper_rate FROM unnest((baseline).families) AS f WHERE f.branch_family = _usual_rate.branch_family),
            (baseline).upper_rate
        ) + greatest(2 * (baseline).hour_deviation, (baseline).worst_hour_excess)
    )
$_usual_rate$;

COMMENT ON FUNCTION ghostwatch._usual_rate(ghostwatch.drift_baseline, text) IS
'The rate p0 that the rule drift takes to be usual at worst, for a branch family or, as an empty text, for all.';
CREATE FUNCTION ghostwatch._usual_rate_is_known(
    baseline ghostwatch.drift_baseline
)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_usual_rate_is_known$
    -- As many trials as the declared expected_rate is worth.
    SELECT coalesce((baseline).due >= 100, false)
$_usual_rate_is_known$;

COMMENT ON FUNCTION ghostwatch._usual_rate_is_known(ghostwatch.drift_baseline) IS
'Whether a baseline rests on enough trials to say what is usual; false for NULL.';
CREATE FUNCTION ghostwatch._history_to_fill(
    invariant_id integer
)
RETURNS timestamptz
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_history_to_fill$
    -- A check that has read them says so in the same row.
    SELECT h.begins_at
    FROM ghostwatch.drift_history AS h
    WHERE h.invariant_id = _history_to_fill.invariant_id AND NOT h.is_complete
$_history_to_fill$;

COMMENT ON FUNCTION ghostwatch._history_to_fill(integer) IS
'Before when the counts of an invariant are still to be read from the application''s own rows; NULL where they were, or must not be.';
CREATE FUNCTION ghostwatch._complete_history(
    invariant_id integer,
    begins_at timestamptz
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_complete_history$
    -- Only once, as it costs a look at every subject of that time.
    UPDATE ghostwatch.drift_history AS h
    SET begins_at = _complete_history.begins_at, is_complete = true
    WHERE h.invariant_id = _complete_history.invariant_id
$_complete_history$;

COMMENT ON FUNCTION ghostwatch._complete_history(integer, timestamptz) IS
'Says that the counts of an invariant now reach back to a moment.';
CREATE FUNCTION ghostwatch._auto_choice(
    baseline ghostwatch.drift_baseline
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_auto_choice$
    -- An alert for each violation is right where little is known, and where violations are so rare that each of them is
    -- news: at most one a week. Otherwise only a change of their rate is.
    SELECT CASE
        WHEN ghostwatch._usual_rate_is_known(baseline)
            AND (baseline).violations > greatest(3, extract(EPOCH FROM (baseline).history_until - (baseline).history_from) / (7 * 86400))
        THEN 'drift'
        ELSE 'threshold'
    END
$_auto_choice$;

COMMENT ON FUNCTION ghostwatch._auto_choice(ghostwatch.drift_baseline) IS
'The rule that auto follows, given the latest baseline (NULL: none): threshold or drift.';
CREATE FUNCTION ghostwatch._current_baseline(
    invariant_id integer,
    as_of timestamptz,
    history_until timestamptz
)
RETURNS ghostwatch.drift_baseline
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_current_baseline$
-- The caller has locked the invariant's row of check_progress, so no other check computes a baseline meanwhile.
DECLARE
    longest_history constant interval := '28 days'::interval;
    kept_for constant interval := ghostwatch._setting('keep_branch_minutes')::interval;
    rule ghostwatch.invariant;
    latest ghostwatch.drift_baseline;
    baseline ghostwatch.drift_baseline;
    detectors ghostwatch.drift_detector[] := ghostwatch._detectors(invariant_id);
    start_at timestamptz;
BEGIN
    SELECT i.* INTO STRICT rule
    FROM ghostwatch.invariant AS i
    WHERE i.invariant_id = _current_baseline.invariant_id;

    SELECT b.* INTO latest
    FROM ghostwatch.drift_baseline AS b
    WHERE b.invariant_id = rule.invariant_id
    ORDER BY b.version DESC
    LIMIT 1;

    IF NOT ghostwatch._baseline_is_due(latest, detectors, rule, as_of) THEN
        RETURN latest;
    END IF;

    start_at := greatest(
        as_of - longest_history,
        (SELECT h.begins_at FROM ghostwatch.drift_history AS h WHERE h.invariant_id = rule.invariant_id)
    );

    baseline := ghostwatch._baseline(
        rule,
        ghostwatch._history(rule.invariant_id, start_at, date_trunc('minute', history_until)),
        start_at,
        date_trunc('minute', history_until)
    );
    baseline.version := coalesce(latest.version, 0) + 1;
    baseline.made_at := as_of;
    baseline.trials_seen := (SELECT coalesce(max(a.trials_seen), 0) FROM unnest(detectors) AS a);

    INSERT INTO ghostwatch.drift_baseline VALUES (baseline.*);
    PERFORM ghostwatch._announce_usual_rate(rule, latest, baseline);
    DELETE FROM ghostwatch.drift_baseline AS b
    WHERE b.invariant_id = rule.invariant_id
        AND b.made_at < as_of - kept_for;

    RETURN baseline;
END
$_current_baseline$;

COMMENT ON FUNCTION ghostwatch._current_baseline(integer, timestamptz, timestamptz) IS
'The baseline in force of an invariant under the rule drift, computed again where that is due. Trials born from history_until on are not part of it: they are yet to be scored.';
CREATE FUNCTION ghostwatch._new_detector(
    invariant_id integer,
    branch_family text
)
RETURNS ghostwatch.drift_detector
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_new_detector$
    -- A detector as it begins, and as it stands while it is raised.
    SELECT ROW(
        _new_detector.invariant_id, _new_detector.branch_family, 0,
        array_fill(0::double precision, alternative.places), array_fill(0::double precision, alternative.places),
        array_fill(NULL::timestamptz, alternative.places),
        NULL, NULL, NULL, NULL, 0, NULL
    )::ghostwatch.drift_detector
    FROM (SELECT ARRAY[cardinality(ghostwatch._alternative_losses())] AS places) AS alternative
$_new_detector$;

COMMENT ON FUNCTION ghostwatch._new_detector(integer, text) IS
'A detector of the rule drift that has seen nothing yet.';
CREATE TYPE ghostwatch._walk AS (
    detector ghostwatch.drift_detector,
    turns timestamptz[],            -- births of the trials at which it was raised and recovered, in turn
    change_points timestamptz[],    -- since when, for each of these
    losses double precision[]       -- how many are lost, for each of these
);

COMMENT ON TYPE ghostwatch._walk IS
'What became of a detector of the rule drift over a batch of trials.';
CREATE FUNCTION ghostwatch._walk_detector(
    detector ghostwatch.drift_detector,
    baseline ghostwatch.drift_baseline,
    born_at timestamptz[],
    violated boolean[],
    usual_rates double precision[],
    as_of timestamptz
)
RETURNS ghostwatch._walk
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_walk_detector$
-- The mixture Shiryaev-Roberts e-detector (Shin, Ramdas, Rinaldo: "E-detectors: a nonparametric framework for sequential
-- change detection", 2024). For each alternative loss, R becomes (1 + R) * L with every trial, where L is the likelihood ratio
-- of the alternative to the usual rate; the detector is raised when the mean of R reaches the threshold. On average that takes
-- as many healthy trials as the threshold at least, however they depend on each other, unless their rate exceeds the usual one.
-- While the detector is raised, the same test with the roles of both rates exchanged says when it has recovered.
-- Takes the detector, the baseline, the trials in order of birth, the usual rate of each, and the time of the run.
-- A healthy trial weighs the same in every branch, so that the loop is over violated ones and takes the stretches between in one step.
DECLARE
    losses            constant double precision[] := ghostwatch._alternative_losses();
    nothing           constant ghostwatch.drift_detector := ghostwatch._new_detector(detector.invariant_id, detector.branch_family);
    -- By chance a detector recovers once in a day's trials at most.
    enough_to_recover constant double precision := greatest(100, baseline.subjects_per_day);
    evidence double precision[] := detector.evidence;
    climb    double precision[] := detector.climb;
    since    timestamptz[] := detector.since;
    is_raised    boolean := detector.raised_at IS NOT NULL AND detector.recovered_at IS NULL;
    trial    record;
    walk     ghostwatch._walk;
    passed   integer := 0;
    healthy  integer;
    needed   integer;
    ratio    double precision;
    mean     double precision;
    likeliest integer;
BEGIN
    FOR trial IN
        SELECT t.place::integer AS place, t.born_at, t.usual_rate
        FROM ROWS FROM (unnest(violated), unnest(born_at), unnest(usual_rates)) WITH ORDINALITY AS t (violated, born_at, usual_rate, place)
        WHERE t.violated
        UNION ALL
        SELECT cardinality(violated) + 1, NULL, NULL
        ORDER BY place
    LOOP
        -- Healthy trials while the detector is raised: all of them, or as many as are evidence enough.
        healthy := trial.place - passed - 1;
        IF is_raised AND healthy > 0 THEN
            ratio := 1 / (1 - detector.raised_loss);
            needed := greatest(1, ceil(
                ln((enough_to_recover + ratio / (ratio - 1)) / (detector.recovery + ratio / (ratio - 1))) / ln(ratio)
            )::integer);
            detector.recovery := ghostwatch._after_healthy(detector.recovery, ratio, least(needed, healthy));
            IF needed <= healthy THEN
                is_raised := false;
                detector.recovered_at := as_of;
                walk.turns := walk.turns || born_at[passed + needed];
                walk.change_points := walk.change_points || detector.raised_since;
                walk.losses := walk.losses || detector.raised_loss;
                healthy := healthy - needed;
            END IF;
        END IF;

        -- Healthy trials otherwise.
        IF NOT is_raised AND healthy > 0 THEN
            FOR k IN 1..cardinality(losses) LOOP
                evidence[k] := ghostwatch._after_healthy(evidence[k], 1 - losses[k], healthy);
                climb[k] := greatest(0, climb[k] + healthy * ln(1 - losses[k]));
            END LOOP;
        END IF;

        passed := trial.place;
        EXIT WHEN passed > cardinality(violated);

        -- A trial in violation is evidence against recovery,
        IF is_raised THEN
            detector.recovery := (1 + detector.recovery)
                * trial.usual_rate / ghostwatch._lossy_rate(trial.usual_rate, detector.raised_loss);
            CONTINUE;
        END IF;

        -- or for the alternatives.
        mean := 0;
        likeliest := 1;
        FOR k IN 1..cardinality(losses) LOOP
            IF climb[k] = 0 THEN
                since[k] := trial.born_at;
            END IF;
            ratio := ghostwatch._lossy_rate(trial.usual_rate, losses[k]) / trial.usual_rate;
            evidence[k] := (1 + evidence[k]) * ratio;
            climb[k] := climb[k] + ln(ratio);
            mean := mean + evidence[k] / cardinality(losses);
            IF evidence[k] > evidence[likeliest] THEN
                likeliest := k;
            END IF;
        END LOOP;
        CONTINUE WHEN mean < baseline.threshold;

        is_raised := true;
        detector.raised_at := as_of;
        detector.raised_since := since[likeliest];
        detector.raised_evidence := mean;
        detector.raised_loss := losses[likeliest];
        detector.recovery := 0;
        detector.recovered_at := NULL;
        evidence := nothing.evidence;
        climb := nothing.climb;
        since := nothing.since;
        walk.turns := walk.turns || trial.born_at;
        walk.change_points := walk.change_points || detector.raised_since;
        walk.losses := walk.losses || detector.raised_loss;
    END LOOP;

    detector.trials_seen := detector.trials_seen + cardinality(violated);
    detector.evidence := evidence;
    detector.climb := climb;
    detector.since := since;
    walk.detector := detector;
    RETURN walk;
END
$_walk_detector$;

COMMENT ON FUNCTION ghostwatch._walk_detector(
    ghostwatch.drift_detector, ghostwatch.drift_baseline, timestamptz[], boolean[], double precision[], timestamptz
) IS
'Runs a detector of the rule drift over a batch of trials in order of birth. Returns the detector, and the births at which it was raised and recovered, in turn.';
CREATE FUNCTION ghostwatch._walk_detectors(
    detectors ghostwatch.drift_detector[],
    baseline ghostwatch.drift_baseline,
    born_at timestamptz[],
    violated boolean[],
    branch_families text[],
    as_of timestamptz
)
RETURNS SETOF ghostwatch._walk
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_walk_detectors$
    -- One detector sees all trials; each branch family has one more, which sees only its own.
    -- A trial is measured by the usual rate of its own branch in both, so that more signups through a branch with a high
    -- usual rate are no evidence. A branch that reaches the ceiling is broken whatever is usual.
    WITH family AS (
        SELECT f.branch_family, ghostwatch._usual_rate(baseline, f.branch_family) AS usual_rate
        FROM (SELECT DISTINCT branch_family FROM unnest(_walk_detectors.branch_families) AS branch_family) AS f
    ),
    trial AS (
        SELECT t.born_at, t.violated, t.branch_family, t.place, f.usual_rate
        FROM ROWS FROM (
            unnest(_walk_detectors.born_at), unnest(_walk_detectors.violated), unnest(_walk_detectors.branch_families)
        ) WITH ORDINALITY AS t (born_at, violated, branch_family, place)
        JOIN family AS f
            ON f.branch_family = t.branch_family
    ),
    stream AS (
        SELECT
            '' AS branch_family,
            array_agg(t.born_at ORDER BY t.place) AS born_at,
            array_agg(t.violated ORDER BY t.place) AS violated,
            array_agg(t.usual_rate ORDER BY t.place) AS usual_rates
        FROM trial AS t
        UNION ALL
        SELECT
            t.branch_family,
            array_agg(t.born_at ORDER BY t.place),
            array_agg(t.violated ORDER BY t.place),
            array_agg(least(t.usual_rate, 0.75 * (baseline).branch_ceiling) ORDER BY t.place)
        FROM trial AS t
        GROUP BY t.branch_family
    )
    SELECT walk.*
    FROM stream AS s
    LEFT JOIN unnest(_walk_detectors.detectors) AS d
        ON d.branch_family = s.branch_family
    CROSS JOIN LATERAL ghostwatch._walk_detector(
        CASE WHEN d.branch_family IS NULL THEN ghostwatch._new_detector((baseline).invariant_id, s.branch_family) ELSE d END,
        baseline, s.born_at, s.violated, s.usual_rates, as_of
    ) AS walk
$_walk_detectors$;

COMMENT ON FUNCTION ghostwatch._walk_detectors(ghostwatch.drift_detector[], ghostwatch.drift_baseline, timestamptz[], boolean[], text[], timestamptz) IS
'Runs every detector of the rule drift that a batch of trials concerns over that batch; a detector that does not exist yet is created.';
CREATE FUNCTION ghostwatch._score_trials(
    invariant_id integer,
    as_of timestamptz,
    born_at timestamptz[],
    violated boolean[],
    branch_families text[]
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_score_trials$
-- The caller has locked the invariant's row of check_progress; every subject is scored once, at its deadline.
DECLARE
    baseline ghostwatch.drift_baseline := ghostwatch._current_baseline(invariant_id, as_of, born_at[1]);
BEGIN
    INSERT INTO ghostwatch.drift_detector
    SELECT (walk.detector).*
    FROM ghostwatch._walk_detectors(
        ghostwatch._detectors(_score_trials.invariant_id), baseline,
        _score_trials.born_at, _score_trials.violated, _score_trials.branch_families, as_of
    ) AS walk
    ON CONFLICT ON CONSTRAINT drift_detector_pkey DO UPDATE
    SET
        trials_seen = excluded.trials_seen,
        evidence = excluded.evidence,
        climb = excluded.climb,
        since = excluded.since,
        raised_at = excluded.raised_at,
        raised_since = excluded.raised_since,
        raised_evidence = excluded.raised_evidence,
        raised_loss = excluded.raised_loss,
        recovery = excluded.recovery,
        recovered_at = excluded.recovered_at;
END
$_score_trials$;

COMMENT ON FUNCTION ghostwatch._score_trials(integer, timestamptz, timestamptz[], boolean[], text[]) IS
'Scores the trials that a check has judged, in order of birth, for the rule drift.';
CREATE FUNCTION ghostwatch._drift_result(
    invariant_id integer,
    as_of timestamptz
)
RETURNS ghostwatch._rule_result
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_drift_result$
-- A detector that was raised and cleared by the same run, which caught up with a backlog, is reported as well.
DECLARE
    baseline ghostwatch.drift_baseline;
    detector ghostwatch.drift_detector;
    usual_rate double precision;
    baseline_rate double precision;
    since timestamptz;
    counted record;
    result ghostwatch._rule_result;
BEGIN
    SELECT
        (count(*) FILTER (WHERE v.state = 'warn'))::integer,
        (count(*) FILTER (WHERE v.state = 'error'))::integer
    INTO result.warn_count, result.error_count
    FROM ghostwatch.violation AS v
    WHERE v.invariant_id = _drift_result.invariant_id AND v.closed_at IS NULL AND v.state <> 'exempt';

    -- The detectors that see all trials say more than those of a branch; among equals, the first to be raised.
    SELECT a.*
    INTO detector
    FROM ghostwatch.drift_detector AS a
    WHERE a.invariant_id = _drift_result.invariant_id
        AND a.raised_at IS NOT NULL
        AND (a.recovered_at IS NULL OR a.raised_at = as_of)
    ORDER BY a.branch_family <> '', a.raised_at, a.raised_evidence DESC, a.branch_family
    LIMIT 1;

    -- Recovery rests on evidence, so the alert need not stay clear for a while first.
    result.firing := detector.invariant_id IS NOT NULL;
    result.clear_for := '0';
    result.rule := 'drift';
    IF NOT result.firing THEN
        RETURN result;
    END IF;

    SELECT ghostwatch._loss_severity(max(a.raised_loss))
    INTO result.severity
    FROM ghostwatch.drift_detector AS a
    WHERE a.invariant_id = _drift_result.invariant_id
        AND a.raised_at IS NOT NULL
        AND (a.recovered_at IS NULL OR a.raised_at = as_of);

    SELECT b.* INTO baseline
    FROM ghostwatch.drift_baseline AS b
    WHERE b.invariant_id = _drift_result.invariant_id
    ORDER BY b.version DESC
    LIMIT 1;

    usual_rate := ghostwatch._usual_rate(baseline, detector.branch_family);
    baseline_rate := coalesce(
        (SELECT f.baseline_rate FROM unnest(baseline.families) AS f WHERE f.branch_family = detector.branch_family),
        baseline.baseline_rate
    );
    since := date_trunc('minute', detector.raised_since);

    -- From the recorded counts, so that anybody can count again.
    SELECT
        jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
            'family', f.branch_family, 'violations', f.violated, 'due', f.trials,
            'excess', round(f.excess::numeric, 1), 'p', f.p,
            -- An alarm of a branch's own detector is about that branch, unless the others are as bad.
            'named', f.named OR (f.branch_family = detector.branch_family AND coalesce(f.p < 0.001, true))
        ))) AS branches,
        sum(f.trials) FILTER (WHERE detector.branch_family IN ('', f.branch_family)) AS due,
        sum(f.violated) FILTER (WHERE detector.branch_family IN ('', f.branch_family)) AS violations
    INTO counted
    FROM (
        SELECT array_agg(b.branch_family) AS families, array_agg(b.due) AS due, array_agg(b.violations) AS violations
        FROM (
            SELECT b.branch_family, sum(b.due)::bigint AS due, sum(b.violations)::bigint AS violations
            FROM ghostwatch.branch_minute AS b
            WHERE b.invariant_id = _drift_result.invariant_id AND b.minute >= since
            GROUP BY b.branch_family
        ) AS b
    ) AS b
    CROSS JOIN LATERAL ghostwatch._attribute(b.families, b.due, b.violations, baseline.baseline_rate) AS f;

    SELECT coalesce((array_agg(v.subject_key ORDER BY v.born_at, v.subject_key))[1:5], '{}')
    INTO result.sample_keys
    FROM ghostwatch.violation AS v
    WHERE v.invariant_id = _drift_result.invariant_id
        AND v.closed_at IS NULL AND v.state <> 'exempt'
        AND v.born_at >= detector.raised_since
        AND detector.branch_family IN ('', v.branch_family);

    -- There are no counts where signups stopped so long ago that their minutes were pruned.
    result.branches := coalesce(counted.branches, '[]');
    result.evidence := jsonb_strip_nulls(jsonb_build_object(
        'rate', counted.violations::double precision / counted.due,
        'baseline_rate', baseline_rate,
        'tolerance', ghostwatch._tolerance(usual_rate),
        'since', detector.raised_since,
        'due', counted.due,
        'violations', counted.violations,
        'days_per_false_alarm', baseline.days_per_false_alarm,
        'family', nullif(detector.branch_family, ''),
        'p0', usual_rate,
        'loss', detector.raised_loss,
        'statistic', detector.raised_evidence,
        'threshold', baseline.threshold,
        'baseline', jsonb_build_object(
            'version', baseline.version,
            'from', baseline.history_from,
            'until', baseline.history_until,
            'due', baseline.due,
            'violations', baseline.violations
        ),
        -- With too little history, the baseline is mostly the declared rate.
        'expected_rate', CASE WHEN baseline.due < 100 THEN baseline.expected_rate END,
        'query', format(
            E'SELECT b.branch_family, sum(b.due) AS due, sum(b.violations) AS violations\n'
            'FROM ghostwatch.branch_minute AS b\n'
            'WHERE b.invariant_id = %s AND b.minute >= %L\n'
            'GROUP BY ROLLUP (b.branch_family)\n'
            'ORDER BY b.branch_family',
            invariant_id, since
        )
    ));
    RETURN result;
END
$_drift_result$;

COMMENT ON FUNCTION ghostwatch._drift_result(integer, timestamptz) IS
'The rule "drift": something is wrong from an alarm of one of its detectors until the evidence says that the rate is back to its baseline.';
CREATE FUNCTION ghostwatch._longest_gap(
    subjects_by_hour double precision[],
    after timestamptz,
    expected double precision
)
RETURNS interval
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_longest_gap$
    -- Signups differ by the hour of the day.
    WITH stretch AS (
        SELECT
            greatest(hour.at, after) AS begins_at,
            subjects_by_hour[extract(HOUR FROM hour.at AT TIME ZONE 'UTC')::integer + 1] AS per_hour,
            extract(EPOCH FROM hour.at + '1 hour'::interval - greatest(hour.at, after)) / 3600 AS hours
        FROM generate_series(date_trunc('hour', after), after + '30 days'::interval, '1 hour'::interval) AS hour (at)
    ),
    sum_so_far AS (
        SELECT
            s.begins_at,
            s.per_hour,
            sum(s.per_hour * s.hours) OVER (ORDER BY s.begins_at) AS by_its_end,
            sum(s.per_hour * s.hours) OVER (ORDER BY s.begins_at) - s.per_hour * s.hours AS by_its_begin
        FROM stretch AS s
    )
    SELECT coalesce(
        (
            SELECT s.begins_at + (expected - s.by_its_begin) / s.per_hour * '1 hour'::interval - after
            FROM sum_so_far AS s
            WHERE s.by_its_end >= expected
            ORDER BY s.begins_at
            LIMIT 1
        ),
        '30 days'::interval
    )
$_longest_gap$;

COMMENT ON FUNCTION ghostwatch._longest_gap(double precision[], timestamptz, double precision) IS
'How long it takes from a moment until so many subjects are to be expected, by the number in each hour of the day (UTC); at most 30 days.';
CREATE FUNCTION ghostwatch._subjects_before_alarm(
    baseline ghostwatch.drift_baseline
)
RETURNS double precision
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_subjects_before_alarm$
    -- By chance, a signup is followed by a gap in which n were to be expected with a probability of e^-n.
    -- Within CASE: PostgreSQL 18 computes a constant beside a condition while it plans, also the logarithm of zero.
    SELECT CASE WHEN (baseline).due >= 100 THEN greatest(ln((baseline).subjects_per_day * (baseline).days_per_false_alarm), 1) END
$_subjects_before_alarm$;

COMMENT ON FUNCTION ghostwatch._subjects_before_alarm(ghostwatch.drift_baseline) IS
'How many subjects must fail to come before their absence is an alarm; NULL while there is too little history to expect any.';
CREATE FUNCTION ghostwatch._no_signups_result(
    invariant_id integer,
    as_of timestamptz
)
RETURNS ghostwatch._rule_result
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_no_signups_result$
-- Subjects that stop coming violate no invariant, so their absence is a rule of its own, for invariants whose rule needs trials.
DECLARE
    rule ghostwatch.invariant;
    baseline ghostwatch.drift_baseline;
    judged_up_to timestamptz;
    last_minute timestamptz;
    longest_gap interval;
    result ghostwatch._rule_result;
BEGIN
    result.firing := false;
    result.warn_count := 0;
    result.error_count := 0;
    result.clear_for := '0';
    result.rule := 'drift';

    -- All invariants of a contract have the same subjects, so only the first one is examined.
    SELECT i.* INTO rule
    FROM ghostwatch.invariant AS i
    WHERE i.invariant_id = _no_signups_result.invariant_id
        AND ghostwatch._needs_trials(i.rule)
        AND NOT EXISTS (
            SELECT FROM ghostwatch.invariant AS earlier
            WHERE earlier.contract_id = i.contract_id
                AND ghostwatch._needs_trials(earlier.rule)
                AND earlier.invariant_id < i.invariant_id
        );

    SELECT b.* INTO baseline
    FROM ghostwatch.drift_baseline AS b
    WHERE b.invariant_id = rule.invariant_id
        AND ghostwatch._subjects_before_alarm(b) IS NOT NULL
    ORDER BY b.version DESC
    LIMIT 1;
    IF baseline.version IS NULL THEN
        RETURN result;
    END IF;

    -- Signups may have come that no check has read yet.
    SELECT least(p.checked_up_to, as_of - coalesce(rule.warn_after, rule.error_after)) INTO judged_up_to
    FROM ghostwatch.check_progress AS p
    WHERE p.invariant_id = rule.invariant_id;

    SELECT max(b.minute) INTO last_minute
    FROM ghostwatch.branch_minute AS b
    WHERE b.invariant_id = rule.invariant_id;

    -- A gap that happens by chance once in so many days.
    longest_gap := ghostwatch._longest_gap(
        baseline.subjects_by_hour,
        last_minute + '1 minute'::interval,
        ghostwatch._subjects_before_alarm(baseline)
    );
    IF judged_up_to <= last_minute + '1 minute'::interval + longest_gap THEN
        RETURN result;
    END IF;

    result.firing := true;
    result.severity := 'error';
    result.sample_keys := '{}';
    result.branches := '[]';
    result.evidence := jsonb_build_object(
        'last_born_at', last_minute,
        'expected_gap', round(extract(EPOCH FROM longest_gap)),
        'subjects_per_day', round(baseline.subjects_per_day),
        'days_per_false_alarm', baseline.days_per_false_alarm
    );
    RETURN result;
END
$_no_signups_result$;

COMMENT ON FUNCTION ghostwatch._no_signups_result(integer, timestamptz) IS
'Something is wrong as long as subjects have not come for longer than happens by chance once in days_per_false_alarm.
Only for invariants whose rule needs trials, and for the first of a contract.';
CREATE FUNCTION ghostwatch._replay_drift(
    rule ghostwatch.invariant,
    trials ghostwatch._trials,
    begin_at timestamptz,
    end_at timestamptz
)
RETURNS SETOF ghostwatch._firing
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_replay_drift$
-- Subjects born before begin_at are history only. Runs the same detectors and computes the same baselines as check runs do,
-- but for a day at a time.
-- Every replay takes when it ends: @plpgsql_check_options: extra_warnings = false
DECLARE
    deadline constant interval := coalesce(rule.warn_after, rule.error_after);
    -- Taken out of the record, which would be copied whole at each access.
    births constant timestamptz[] := trials.born_at;
    families constant text[] := trials.branch_families;
    ones constant integer[] := array_fill(1, ARRAY[coalesce(cardinality(trials.born_at), 0)]);
    violated boolean[];
    violations integer[];
    history ghostwatch._hour_count[];
    incidents tstzrange[] := '{}'::tstzrange[];
    baseline ghostwatch.drift_baseline;
    detectors ghostwatch.drift_detector[] := '{}'::ghostwatch.drift_detector[];
    walks ghostwatch._walk[];
    raised integer := 0;
    scored integer := coalesce(width_bucket(begin_at, births), 0);
    first integer;
    gap record;
    turn record;
    firing ghostwatch._firing;
BEGIN
    SELECT
        array_agg(t.came_at > t.born_at + deadline ORDER BY t.place),
        array_agg((t.came_at > t.born_at + deadline)::integer ORDER BY t.place)
    INTO violated, violations
    FROM ROWS FROM (unnest(births), unnest(trials.came_at)) WITH ORDINALITY AS t (born_at, came_at, place);

    history := ghostwatch._hour_counts(births[1:scored], ones[1:scored], violations[1:scored], families[1:scored], incidents);

    WHILE scored < cardinality(births) LOOP
        first := scored + 1;
        scored := width_bucket(
            -- With little history, the baseline is computed more often than once a day.
            births[first] + CASE WHEN baseline.due >= 1000 THEN '1 day'::interval ELSE '6 hours'::interval END,
            births
        );

        IF ghostwatch._baseline_is_due(baseline, detectors, rule, births[first]) THEN
            SELECT coalesce(array_agg(h), '{}') INTO history
            FROM unnest(history) AS h
            WHERE h.hour >= births[first] - '28 days'::interval;

            baseline := ghostwatch._baseline(rule, history, births[1], births[first]);
            baseline.version := 1;
            baseline.made_at := births[first];
            baseline.trials_seen := (SELECT coalesce(max(a.trials_seen), 0) FROM unnest(detectors) AS a);
        END IF;

        -- Missing signups: gaps between one birth and the next that are too long.
        FOR gap IN
            SELECT g.begins_at, g.ends_at, g.begins_at + ghostwatch._longest_gap(baseline.subjects_by_hour, g.begins_at, g.expected) AS overdue_at
            FROM (
                SELECT
                    lag(t.born_at) OVER (ORDER BY t.born_at) AS begins_at,
                    t.born_at AS ends_at,
                    ghostwatch._subjects_before_alarm(baseline) AS expected,
                    (SELECT max(h.signups) FROM unnest(baseline.subjects_by_hour) AS h (signups)) AS most_per_hour
                FROM unnest(births[greatest(first - 1, 1) : scored]) AS t (born_at)
            ) AS g
            WHERE g.ends_at - g.begins_at > g.expected / g.most_per_hour * '1 hour'::interval
        LOOP
            CONTINUE WHEN gap.ends_at <= gap.overdue_at;
            RETURN NEXT ROW('no_signups', 'error', ghostwatch._next_run(gap.overdue_at + deadline),
                            ghostwatch._next_run(gap.ends_at + deadline), gap.begins_at)::ghostwatch._firing;
        END LOOP;

        SELECT array_agg(w) INTO walks
        FROM ghostwatch._walk_detectors(
            detectors, baseline, births[first:scored], violated[first:scored], families[first:scored],
            births[scored]
        ) AS w;

        -- An alert lasts from the first detector that is raised until the last one is lowered.
        FOR turn IN
            SELECT
                t.born_at,
                (a.raised_at IS NOT NULL AND a.recovered_at IS NULL) = (t.place % 2 = 0) AS is_raised,
                t.since,
                ghostwatch._loss_severity(t.loss) AS severity
            FROM unnest(walks) AS w
            LEFT JOIN unnest(detectors) AS a
                ON a.branch_family = (w.detector).branch_family
            CROSS JOIN LATERAL ROWS FROM (
                unnest(w.turns), unnest(w.change_points), unnest(w.losses)
            ) WITH ORDINALITY AS t (born_at, since, loss, place)
            ORDER BY t.born_at, is_raised DESC
        LOOP
            raised := raised + CASE WHEN turn.is_raised THEN 1 ELSE -1 END;
            firing.ends_at := ghostwatch._next_run(turn.born_at + deadline);

            IF turn.is_raised AND raised = 1 THEN
                firing := ROW('violations', 'warn', firing.ends_at, NULL, turn.since);
            END IF;
            IF turn.is_raised AND turn.severity = 'error' AND firing.severity = 'warn' THEN
                IF firing.begins_at < firing.ends_at THEN
                    RETURN NEXT firing;
                END IF;
                firing := ROW('violations', 'error', ghostwatch._next_run(turn.born_at + deadline), NULL, firing.since);
            END IF;
            IF raised = 0 THEN
                RETURN NEXT firing;
                incidents := incidents || tstzrange(firing.since, turn.born_at, '[]');
                firing := NULL;
            END IF;
        END LOOP;

        SELECT array_agg(standing.detector) INTO detectors
        FROM (
            SELECT w.detector FROM unnest(walks) AS w
            UNION ALL
            SELECT a
            FROM unnest(detectors) AS a
            WHERE a.branch_family NOT IN (SELECT (w.detector).branch_family FROM unnest(walks) AS w)
        ) AS standing (detector);

        history := history || ghostwatch._hour_counts(
            births[first:scored], ones[first:scored], violations[first:scored], families[first:scored],
            CASE WHEN raised > 0 THEN incidents || tstzrange(firing.since, NULL) ELSE incidents END
        );
    END LOOP;

    IF raised > 0 THEN
        firing.ends_at := NULL;
        RETURN NEXT firing;
    END IF;
END
$_replay_drift$;

COMMENT ON FUNCTION ghostwatch._replay_drift(ghostwatch.invariant, ghostwatch._trials, timestamptz, timestamptz) IS
'When the rule drift, and its watch for missing signups, would have found something wrong.';
CREATE FUNCTION ghostwatch._auto_result(
    invariant_id integer,
    as_of timestamptz
)
RETURNS ghostwatch._rule_result
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_auto_result$
-- An alert opened by one rule goes on, or resolves, by the other.
DECLARE
    baseline ghostwatch.drift_baseline;
    result ghostwatch._rule_result;
BEGIN
    SELECT b.* INTO baseline
    FROM ghostwatch.drift_baseline AS b
    WHERE b.invariant_id = _auto_result.invariant_id
    ORDER BY b.version DESC
    LIMIT 1;

    IF ghostwatch._auto_choice(baseline) = 'drift' THEN
        RETURN ghostwatch._drift_result(invariant_id, as_of);
    END IF;

    -- Once the usual rate is known, what an alert is about is no part of it.
    result := ghostwatch._threshold_result(invariant_id, as_of);
    IF ghostwatch._usual_rate_is_known(baseline) THEN
        result.evidence := result.evidence || jsonb_build_object('baseline_rate', baseline.violations::double precision / baseline.due);
    END IF;
    RETURN result;
END
$_auto_result$;

COMMENT ON FUNCTION ghostwatch._auto_result(integer, timestamptz) IS
'The rule "auto": that of the rule threshold until the usual rate is known and more than one violation a week is usual, then that of the rule drift.';
CREATE FUNCTION ghostwatch._replayed_as(
    rule ghostwatch.invariant,
    trials ghostwatch._trials,
    begin_at timestamptz
)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_replayed_as$
-- The choice is made once, by the subjects born before begin_at; checks make it again with every baseline.
DECLARE
    known constant integer := coalesce(width_bucket(begin_at, trials.born_at), 0);
BEGIN
    IF rule.rule <> 'auto' THEN
        RETURN rule.rule;
    END IF;

    RETURN ghostwatch._auto_choice(ghostwatch._baseline(
        rule,
        ghostwatch._hour_counts(
            trials.born_at[1:known],
            array_fill(1, ARRAY[known]),
            ARRAY(
                SELECT (t.came_at > t.born_at + coalesce(rule.warn_after, rule.error_after))::integer
                FROM ROWS FROM (unnest(trials.born_at[1:known]), unnest(trials.came_at[1:known])) WITH ORDINALITY AS t (born_at, came_at, place)
                ORDER BY t.place
            ),
            trials.branch_families[1:known],
            '{}'
        ),
        coalesce(trials.born_at[1], begin_at),
        begin_at
    ));
END
$_replayed_as$;

COMMENT ON FUNCTION ghostwatch._replayed_as(ghostwatch.invariant, ghostwatch._trials, timestamptz) IS
'The rule that decides in a replay: of auto, the one that it would have followed at begin_at, given the subjects of the time before.';
CREATE FUNCTION ghostwatch._silence_in_force(
    contract text,
    invariant text,
    branches jsonb,
    as_of timestamptz
)
RETURNS bigint
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_silence_in_force$
    -- A silence of branch families counts only if every family that the alert is about is silenced: those that the rule named, else all
    -- with violations.
    WITH matching AS (
        SELECT s.silence_id, s.branch, s.ends_at
        FROM ghostwatch.silence AS s
        WHERE s.contract = _silence_in_force.contract
            AND coalesce(s.invariant = _silence_in_force.invariant, s.invariant IS NULL)
            AND s.starts_at <= as_of
            AND s.ends_at > as_of
    ),
    family AS (
        SELECT b.family, bool_or(b.named) OVER () AS any_named, coalesce(b.named, false) AS named
        FROM jsonb_to_recordset(branches) AS b (family text, violations bigint, named boolean)
        WHERE b.violations > 0
    ),
    deciding AS (
        SELECT d.family FROM family AS d WHERE d.named OR d.any_named IS NOT TRUE
    )
    SELECT m.silence_id
    FROM matching AS m
    WHERE m.branch IS NULL
        OR (
            m.branch IN (SELECT t.family FROM deciding AS t)
            AND NOT EXISTS (
                SELECT FROM deciding AS t
                WHERE t.family NOT IN (SELECT o.branch FROM matching AS o WHERE o.branch IS NOT NULL)
            )
        )
    ORDER BY m.ends_at DESC, m.silence_id
    LIMIT 1
$_silence_in_force$;

COMMENT ON FUNCTION ghostwatch._silence_in_force(text, text, jsonb, timestamptz) IS
'The silence that suppresses messages about an alert at a moment, of several the one that lasts longest; NULL if there is none.';
CREATE FUNCTION ghostwatch._announce(
    alert_id bigint,
    reason text,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_announce$
-- The interval between repeats counts from every new message about an alert, so its time is recorded in one place.
BEGIN
    UPDATE ghostwatch.alert AS a
    SET last_notified_at = as_of
    WHERE a.alert_id = _announce.alert_id;

    PERFORM ghostwatch._enqueue(alert_id, reason, as_of);
END
$_announce$;

COMMENT ON FUNCTION ghostwatch._announce(bigint, text, timestamptz) IS
'Sends a new message about an alert to the channels concerned.';
CREATE FUNCTION ghostwatch._open_alert(
    kind text,
    invariant_id integer,
    result ghostwatch._rule_result,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_open_alert$
-- The names are copied: an alert outlives its contract.
DECLARE
    new_alert_id bigint;
BEGIN
    INSERT INTO ghostwatch.alert (
        kind, invariant_id, contract, invariant, rule, severity, opened_at, escalated_at, silence_id,
        warn_count, error_count, peak_count, sample_keys, branches, evidence, changed_at
    )
    SELECT
        kind,
        i.invariant_id,
        c.name,
        i.name,
        result.rule,
        result.severity,
        as_of,
        CASE WHEN result.severity = 'error' THEN as_of END,
        ghostwatch._silence_in_force(c.name, i.name, result.branches, as_of),
        result.warn_count,
        result.error_count,
        result.warn_count + result.error_count,
        result.sample_keys,
        result.branches,
        result.evidence,
        as_of
    FROM (VALUES (_open_alert.invariant_id)) AS named (invariant_id)
    LEFT JOIN ghostwatch.invariant AS i USING (invariant_id)
    LEFT JOIN ghostwatch.contract AS c USING (contract_id)
    RETURNING alert.alert_id INTO new_alert_id;

    PERFORM ghostwatch._announce(new_alert_id, 'opened', as_of);
END
$_open_alert$;

COMMENT ON FUNCTION ghostwatch._open_alert(text, integer, ghostwatch._rule_result, timestamptz) IS
'Opens an alert and announces it. invariant_id: NULL for checks_stopped.';
CREATE FUNCTION ghostwatch._record_result(
    alert_id bigint,
    result ghostwatch._rule_result,
    silence_id bigint,
    as_of timestamptz
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_record_result$
    -- The rule may have been changed meanwhile; messages and evidence are those of the present one.
    UPDATE ghostwatch.alert AS a
    SET
        rule = result.rule,
        clear_since = NULL,
        silence_id = _record_result.silence_id,
        warn_count = result.warn_count,
        error_count = result.error_count,
        peak_count = greatest(a.peak_count, result.warn_count + result.error_count),
        sample_keys = result.sample_keys,
        branches = result.branches,
        evidence = result.evidence,
        changed_at = as_of
    WHERE a.alert_id = _record_result.alert_id
$_record_result$;

COMMENT ON FUNCTION ghostwatch._record_result(bigint, ghostwatch._rule_result, bigint, timestamptz) IS
'Updates a firing alert to what its rule found.';
CREATE FUNCTION ghostwatch._reopen_alert(
    latest ghostwatch.alert,
    result ghostwatch._rule_result,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_reopen_alert$
-- An acknowledgement ends with the alert: the person may be elsewhere by now.
BEGIN
    UPDATE ghostwatch.alert AS a
    SET
        state = 'firing',
        severity = result.severity,
        escalated_at = CASE WHEN result.severity = 'error' THEN as_of END,
        resolved_at = NULL,
        reopened_at = as_of,
        reopened_count = a.reopened_count + 1,
        acknowledged_at = NULL,
        acknowledged_by = NULL,
        acknowledge_comment = NULL
    WHERE a.alert_id = latest.alert_id;

    PERFORM ghostwatch._record_result(
        latest.alert_id,
        result,
        ghostwatch._silence_in_force(latest.contract, latest.invariant, result.branches, as_of),
        as_of
    );

    PERFORM ghostwatch._announce(latest.alert_id, 'reopened', as_of);
END
$_reopen_alert$;

COMMENT ON FUNCTION ghostwatch._reopen_alert(ghostwatch.alert, ghostwatch._rule_result, timestamptz) IS
'Continues an incident that came back soon after it was resolved, and announces that.';
CREATE FUNCTION ghostwatch._shown_numbers(
    warn_count integer,
    error_count integer,
    sample_keys text[],
    branches jsonb,
    evidence jsonb
)
RETURNS jsonb
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_shown_numbers$
    -- With signups every second, the number of healthy subjects differs in every run; an edit for that would use up what a group may
    -- be sent in a minute.
    SELECT jsonb_build_object(
        'warn_count', warn_count,
        'error_count', error_count,
        'sample_keys', sample_keys,
        'branches', jsonb_path_query_array(branches, '$[*] ? (@.violations > 0).keyvalue() ? (@.key == "family" || @.key == "violations" || @.key == "named").value'),
        'evidence', evidence - '{rate,due,query}'::text[]
    )
$_shown_numbers$;

COMMENT ON FUNCTION ghostwatch._shown_numbers(integer, integer, text[], jsonb, jsonb) IS
'What a message about an alert shows, without denominators: two states of an alert that are equal in this need no edit.';
CREATE FUNCTION ghostwatch._keep_firing(
    latest ghostwatch.alert,
    result ghostwatch._rule_result,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_keep_firing$
-- A chat is not flooded: only what changes the picture is a new message or an edit.
DECLARE
    escalates boolean := result.severity = 'error' AND latest.severity = 'warn';
    silence_now bigint := ghostwatch._silence_in_force(latest.contract, latest.invariant, result.branches, as_of);
    silence_ended boolean := latest.silence_id IS NOT NULL AND silence_now IS NULL;
    repeats boolean := latest.acknowledged_at IS NULL
        AND as_of >= latest.last_notified_at + ghostwatch._setting('repeat_interval')::interval;
    differs boolean := latest.clear_since IS NOT NULL
        OR latest.silence_id IS DISTINCT FROM silence_now
        OR ROW(latest.warn_count, latest.error_count, latest.sample_keys, latest.branches, latest.evidence)
            IS DISTINCT FROM
            ROW(result.warn_count, result.error_count, result.sample_keys, result.branches, result.evidence);
    is_shown boolean := latest.clear_since IS NOT NULL
        OR latest.silence_id IS DISTINCT FROM silence_now
        OR ghostwatch._shown_numbers(latest.warn_count, latest.error_count, latest.sample_keys, latest.branches, latest.evidence)
        <> ghostwatch._shown_numbers(
            result.warn_count, result.error_count, result.sample_keys, result.branches, result.evidence
        );
BEGIN
    IF NOT (escalates OR repeats OR differs) THEN
        RETURN;
    END IF;

    PERFORM ghostwatch._record_result(latest.alert_id, result, silence_now, as_of);

    -- The severity only rises: an error includes the warnings before and after it.
    IF escalates THEN
        UPDATE ghostwatch.alert AS a
        SET severity = 'error', escalated_at = as_of
        WHERE a.alert_id = latest.alert_id;
    END IF;

    IF escalates OR silence_ended OR repeats THEN
        PERFORM ghostwatch._announce(
            latest.alert_id,
            CASE
                WHEN escalates THEN 'escalated'
                WHEN silence_ended THEN 'silence_ended'
                ELSE 'repeated'
            END,
            as_of
        );
    ELSIF is_shown THEN
        PERFORM ghostwatch._enqueue(latest.alert_id, 'updated', as_of);
    END IF;
END
$_keep_firing$;

COMMENT ON FUNCTION ghostwatch._keep_firing(ghostwatch.alert, ghostwatch._rule_result, timestamptz) IS
'Updates a firing alert: escalates it, repeats it, announces the end of a silence, or edits its message.';
CREATE FUNCTION ghostwatch._clear_alert(
    latest ghostwatch.alert,
    result ghostwatch._rule_result,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_clear_alert$
-- An alert resolves only after nothing was wrong for a while (clear_for), so that it does not flap.
DECLARE
    cleared_at timestamptz := coalesce(latest.clear_since, as_of);
    resolves boolean := coalesce(as_of - cleared_at >= result.clear_for, false);
BEGIN
    IF resolves THEN
        PERFORM ghostwatch._resolve_alert(latest, as_of);
        RETURN;
    END IF;

    IF latest.clear_since IS NOT NULL
        AND (latest.warn_count, latest.error_count) = (result.warn_count, result.error_count)
    THEN
        RETURN;
    END IF;

    -- Samples, branches and evidence keep their last values: history is read for what was wrong.
    UPDATE ghostwatch.alert AS a
    SET
        clear_since = cleared_at,
        warn_count = result.warn_count,
        error_count = result.error_count,
        changed_at = as_of
    WHERE a.alert_id = latest.alert_id;

    PERFORM ghostwatch._enqueue(latest.alert_id, 'updated', as_of);
END
$_clear_alert$;

COMMENT ON FUNCTION ghostwatch._clear_alert(ghostwatch.alert, ghostwatch._rule_result, timestamptz) IS
'Records that nothing is wrong any more with a firing alert, and resolves it once that has lasted.';
CREATE FUNCTION ghostwatch._closure_counts(
    invariant_id integer,
    since timestamptz
)
RETURNS jsonb
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_closure_counts$
    -- For the message that an incident is over.
    SELECT coalesce(jsonb_object_agg(closed.close_reason, closed.subjects), '{}')
    FROM (
        SELECT v.close_reason, count(*) AS subjects
        FROM ghostwatch.violation AS v
        WHERE v.invariant_id = _closure_counts.invariant_id
            AND v.closed_at >= since
            AND v.opened_at IS NOT NULL
        GROUP BY v.close_reason
    ) AS closed
$_closure_counts$;

COMMENT ON FUNCTION ghostwatch._closure_counts(integer, timestamptz) IS
'How the violations of an incident were closed since a moment: {"row_came": 6, "expired": 2, ...}.';
CREATE FUNCTION ghostwatch._outage_summary(
    since timestamptz
)
RETURNS jsonb
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_outage_summary$
    -- Every violation opened since the outage was noticed was found afterwards.
    SELECT coalesce(
        jsonb_agg(
            jsonb_build_object(
                'contract', c.name,
                'invariant', i.name,
                'found', found.subjects,
                'open', found.still_open,
                'expired', found.expired,
                'recovered', found.subjects - found.still_open - found.expired
            )
            ORDER BY found.subjects DESC, c.name, i.name
        ),
        '[]'
    )
    FROM (
        SELECT
            v.invariant_id,
            count(*) AS subjects,
            count(*) FILTER (WHERE v.closed_at IS NULL) AS still_open,
            count(*) FILTER (WHERE v.state = 'expired') AS expired
        FROM ghostwatch.violation AS v
        -- Both conditions by index; all closed violations may be a hundred times as many.
        WHERE (v.closed_at >= since OR (v.closed_at IS NULL AND v.state <> 'exempt'))
            AND v.opened_at >= since
        GROUP BY v.invariant_id
    ) AS found
    INNER JOIN ghostwatch.invariant AS i USING (invariant_id)
    INNER JOIN ghostwatch.contract AS c USING (contract_id)
$_outage_summary$;

COMMENT ON FUNCTION ghostwatch._outage_summary(timestamptz) IS
'What the checks found after an outage, per invariant where anything was found: [{"contract", "invariant", "found", "open", "expired", "recovered"}, ...].
since: when the outage was noticed. expired: no longer watched when found.';
CREATE FUNCTION ghostwatch._resolve_alert(
    latest ghostwatch.alert,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_resolve_alert$
-- The end of an outage of the checks is announced as a summary of what they found afterwards. During a drill, whatever
-- violations were closed have nothing to do with it.
DECLARE
    closure jsonb := '{}'::jsonb;
BEGIN
    IF latest.kind = 'checks_stopped' THEN
        closure := jsonb_build_object('outage_summary', ghostwatch._outage_summary(greatest(latest.opened_at, latest.reopened_at)));
    ELSIF latest.kind <> 'drill' THEN
        closure := jsonb_build_object('closure_counts', ghostwatch._closure_counts(latest.invariant_id, latest.opened_at));
    END IF;

    UPDATE ghostwatch.alert AS a
    SET
        state = 'resolved',
        clear_since = coalesce(a.clear_since, as_of),
        resolved_at = as_of,
        warn_count = 0,
        error_count = 0,
        evidence = a.evidence || closure,
        changed_at = as_of
    WHERE a.alert_id = latest.alert_id;

    PERFORM ghostwatch._announce(
        latest.alert_id,
        CASE latest.kind WHEN 'checks_stopped' THEN 'outage_summary' ELSE 'resolved' END,
        as_of
    );
END
$_resolve_alert$;

COMMENT ON FUNCTION ghostwatch._resolve_alert(ghostwatch.alert, timestamptz) IS
'Resolves an alert and announces it; the evidence keeps how the violations were closed.';
CREATE FUNCTION ghostwatch._alerts_follow_invariant()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_alerts_follow_invariant$
-- A dropped invariant is not checked any more, so nothing else could resolve its alerts. Before the row is deleted: the
-- end of an alert counts how its violations were closed.
DECLARE
    firing ghostwatch.alert;
BEGIN
    FOR firing IN
        UPDATE ghostwatch.alert AS a
        SET evidence = a.evidence || '{"dropped": true}'
        WHERE coalesce(a.invariant_id, 0) = OLD.invariant_id
            AND a.state = 'firing'
        RETURNING a.*
    LOOP
        PERFORM ghostwatch._resolve_alert(firing, ghostwatch._clock());
    END LOOP;

    RETURN OLD;
END
$_alerts_follow_invariant$;

COMMENT ON FUNCTION ghostwatch._alerts_follow_invariant() IS
'Resolves the alerts of an invariant that is dropped.';

CREATE TRIGGER alerts_follow
BEFORE DELETE ON ghostwatch.invariant
FOR EACH ROW EXECUTE FUNCTION ghostwatch._alerts_follow_invariant();
CREATE FUNCTION ghostwatch._advance_alert(
    kind text,
    invariant_id integer,
    result ghostwatch._rule_result,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_advance_alert$
-- The same for every rule. The caller holds the lock that keeps overlapping runs apart.
DECLARE
    latest ghostwatch.alert;
BEGIN
    SELECT a.* INTO latest
    FROM ghostwatch.alert AS a
    WHERE a.kind = _advance_alert.kind
        AND coalesce(a.invariant_id, 0) = coalesce(_advance_alert.invariant_id, 0)
    ORDER BY a.resolved_at DESC NULLS FIRST
    LIMIT 1;

    IF latest.state = 'firing' AND result.firing THEN
        PERFORM ghostwatch._keep_firing(latest, result, as_of);
    ELSIF latest.state = 'firing' THEN
        PERFORM ghostwatch._clear_alert(latest, result, as_of);
    ELSIF NOT result.firing THEN
        RETURN;
    ELSIF latest.resolved_at >= as_of - ghostwatch._setting('reopen_within')::interval THEN
        PERFORM ghostwatch._reopen_alert(latest, result, as_of);
    ELSE
        PERFORM ghostwatch._open_alert(kind, invariant_id, result, as_of);
    END IF;
END
$_advance_alert$;

COMMENT ON FUNCTION ghostwatch._advance_alert(text, integer, ghostwatch._rule_result, timestamptz) IS
'Opens, updates, resolves or reopens an alert by what its rule found. kind: as in ghostwatch.alert; invariant_id: NULL for checks_stopped.';
CREATE FUNCTION ghostwatch._baseline_remark(
    invariant_id integer,
    as_of timestamptz
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_baseline_remark$
    -- For the view ghostwatch.status.
    SELECT CASE
        WHEN i.rule = 'auto' AND NOT ghostwatch._usual_rate_is_known(b.baseline) THEN format(
            'an alert for each violation until there are 100 trials, %s so far', seen.trials
        )
        WHEN i.rule = 'auto' AND ghostwatch._auto_choice(b.baseline) = 'threshold' THEN format(
            'usually %s %%, an alert for each violation',
            round(((b.baseline).violations * 100.0 / (b.baseline).due)::numeric, 2)
        )
        WHEN seen.trials < 100 THEN format(
            'compared with the expected rate (%s %%) until there are 100 trials, %s so far',
            round((i.expected_rate * 100)::numeric, 1),
            seen.trials
        )
        ELSE format(
            'usually %s %%, no alert below %s %%',
            round(((b.baseline).baseline_rate * 100)::numeric, 1),
            round((ghostwatch._tolerance(ghostwatch._usual_rate(b.baseline, '')) * 100)::numeric, 1)
        )
    END
    FROM ghostwatch.invariant AS i
    LEFT JOIN LATERAL (
        SELECT latest AS baseline
        FROM ghostwatch.drift_baseline AS latest
        WHERE latest.invariant_id = i.invariant_id
        ORDER BY latest.version DESC
        LIMIT 1
    ) AS b
        ON true
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(recent.due), 0) AS trials
        FROM (
            -- Every recorded minute has at least one trial, so a hundred of them are enough.
            SELECT m.due
            FROM ghostwatch.branch_minute AS m
            WHERE m.invariant_id = i.invariant_id
                AND m.minute >= _baseline_remark.as_of - '28 days'::interval
            LIMIT 100
        ) AS recent
    ) AS seen
    WHERE i.invariant_id = _baseline_remark.invariant_id
        AND ghostwatch._needs_trials(i.rule)
$_baseline_remark$;

COMMENT ON FUNCTION ghostwatch._baseline_remark(integer, timestamptz) IS
'What a rule that needs trials compares with, in words; NULL for other rules.';
CREATE FUNCTION ghostwatch._decide_alerts(
    invariant_id integer,
    as_of timestamptz,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_decide_alerts$
-- The only place where the rule of an invariant is chosen: by the name of its function, so that a rule is added as a folder.
-- The last step of a check, and of a failed check.
-- The name of a rule is one of those that the table of invariants allows: @plpgsql_check_options: security_warnings = false, other_warnings = false
DECLARE
    its_rule constant text := (SELECT i.rule FROM ghostwatch.invariant AS i WHERE i.invariant_id = _decide_alerts.invariant_id);
    result ghostwatch._rule_result;
BEGIN
    PERFORM ghostwatch._require_own_invariant(invariant_id, credential);

    IF ghostwatch._in_maintenance(invariant_id, as_of) THEN
        RETURN;
    END IF;

    result := ghostwatch._check_failing_result(invariant_id, as_of);
    PERFORM ghostwatch._advance_alert('check_failing', invariant_id, result, as_of);

    -- A check that failed found out nothing; one that reports its triggers (GW077) did.
    IF result.evidence ->> 'failing_since' IS NOT NULL AND result.evidence ->> 'last_error_state' <> 'GW077' THEN
        RETURN;
    END IF;

    EXECUTE format('SELECT (q.result).* FROM (SELECT ghostwatch.%I($1, $2) AS result OFFSET 0) AS q', format('_%s_result', its_rule))
    INTO result
    USING invariant_id, as_of;
    PERFORM ghostwatch._advance_alert('violations', invariant_id, result, as_of);

    result := ghostwatch._no_signups_result(invariant_id, as_of);
    PERFORM ghostwatch._advance_alert('no_signups', invariant_id, result, as_of);
END
$_decide_alerts$;

COMMENT ON FUNCTION ghostwatch._decide_alerts(integer, timestamptz, uuid) IS
'Decides the alerts of one invariant after its check, or after its check failed.';
CREATE FUNCTION ghostwatch._stopped_checks(
    as_of timestamptz
)
RETURNS TABLE (
    contract text,
    last_success_at timestamptz,
    stopped boolean
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_stopped_checks$
    -- A run checks only the contracts of its own role, so the success of one role's runs says nothing about those of another. Only
    -- successes count, whatever the scheduler reports.
    SELECT
        c.name,
        max(p.last_success_at),
        bool_or(coalesce(
            CASE
                -- A check that fails does run, and has an alert of its own.
                WHEN p.failing_since IS NOT NULL THEN greatest(p.last_success_at, p.last_attempt_at)
                -- Before the first success there is nothing to compare with.
                ELSE p.last_success_at
            END < as_of - ghostwatch._overdue_after(),
            false
        ))
    FROM ghostwatch.check_progress AS p
    INNER JOIN ghostwatch.invariant AS i USING (invariant_id)
    INNER JOIN ghostwatch.contract AS c USING (contract_id)
    GROUP BY c.name
$_stopped_checks$;

COMMENT ON FUNCTION ghostwatch._stopped_checks(timestamptz) IS
'Per contract, whether checks of it have not succeeded for three periods, and when one last did.';
CREATE FUNCTION ghostwatch._checks_stopped_result(
    as_of timestamptz
)
RETURNS ghostwatch._rule_result
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_checks_stopped_result$
    -- The evidence names the contracts concerned where the checks of others succeed.
    SELECT
        coalesce(bool_or(s.stopped), false),
        'error',
        0,
        0,
        '{}'::text[],
        '[]'::jsonb,
        jsonb_build_object(
            'last_success_at', coalesce(max(s.last_success_at) FILTER (WHERE s.stopped), max(s.last_success_at)),
            'check_period', ghostwatch._setting('check_period')
        ) || CASE
            WHEN bool_or(s.stopped) AND NOT bool_and(s.stopped)
                THEN jsonb_build_object('contracts', jsonb_agg(s.contract ORDER BY s.contract) FILTER (WHERE s.stopped))
            ELSE '{}'
        END,
        -- Over when the checks are back and have processed the backlog; one that takes longer must not keep other
        -- alerts waiting for the outage summary.
        CASE
            WHEN EXISTS (
                SELECT FROM ghostwatch.check_progress AS p
                WHERE p.catching_up_since IS NOT NULL AND p.failing_since IS NULL
            ) THEN ghostwatch._setting('resolve_after')::interval
            ELSE '0'
        END,
        NULL
    FROM ghostwatch._stopped_checks(as_of) AS s
$_checks_stopped_result$;

COMMENT ON FUNCTION ghostwatch._checks_stopped_result(timestamptz) IS
'Whether the checks of some contract have not succeeded for three periods.';
CREATE FUNCTION ghostwatch._decide_checks_stopped(
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_decide_checks_stopped$
-- Called by the sidecars, and at both ends of every run, so that an outage of everything at once is noticed as well.
DECLARE
    result constant ghostwatch._rule_result := ghostwatch._checks_stopped_result(as_of);
BEGIN
    -- A pause is intended. And where another session decides this, there is nothing left to do.
    IF ghostwatch._setting('paused')::boolean
        OR ghostwatch._in_maintenance(NULL, as_of)
        OR NOT ghostwatch._take_task('decide checks_stopped')
    THEN
        RETURN;
    END IF;

    PERFORM ghostwatch._advance_alert('checks_stopped', NULL, result, as_of);

    IF result.evidence ? 'contracts' THEN
        PERFORM ghostwatch._release_kept_messages(
            ARRAY(SELECT c FROM jsonb_array_elements_text(result.evidence -> 'contracts') AS c), as_of
        );
    END IF;
END
$_decide_checks_stopped$;

COMMENT ON FUNCTION ghostwatch._decide_checks_stopped(timestamptz) IS
'Decides whether the checks have stopped, or run again.';
CREATE FUNCTION ghostwatch._decide_checks_stopped_now()
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer: check runs call it as operators, and it concerns the contracts of every role.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_decide_checks_stopped_now$
    -- Takes no time as an argument: a caller that could choose it could make the checks look stopped.
    SELECT ghostwatch._decide_checks_stopped(ghostwatch._clock())
$_decide_checks_stopped_now$;

COMMENT ON FUNCTION ghostwatch._decide_checks_stopped_now() IS
'Decides now whether the checks have stopped, or run again.';
CREATE FUNCTION ghostwatch._require_alert(
    alert_id bigint
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_require_alert$
-- One message for all functions that take the number of an alert.
BEGIN
    IF NOT EXISTS (SELECT FROM ghostwatch.alert AS a WHERE a.alert_id = _require_alert.alert_id) THEN
        RAISE EXCEPTION 'there is no alert %', coalesce(alert_id::text, 'NULL')
            USING ERRCODE = 'GW030',
                  DETAIL = 'It may never have existed, or was pruned after keep_alerts.',
                  HINT = 'SELECT * FROM ghostwatch.alert_history ORDER BY alert_id DESC';
    END IF;
END
$_require_alert$;

COMMENT ON FUNCTION ghostwatch._require_alert(bigint) IS
'Raises GW030 if no alert has this number.';
CREATE FUNCTION ghostwatch.acknowledge(
    alert_id bigint,
    by text,
    comment text DEFAULT NULL,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $acknowledge$
-- An escalation is still sent: whoever acknowledged a warning has not seen the error.
DECLARE
    its_state text := (SELECT a.state FROM ghostwatch.alert AS a WHERE a.alert_id = acknowledge.alert_id);
    is_first boolean;
BEGIN
    PERFORM ghostwatch._require_alert(alert_id);
    PERFORM ghostwatch._require_contract_owner(c.contract_id, role => ghostwatch._caller(credential))
    FROM ghostwatch.alert AS a
    INNER JOIN ghostwatch.contract AS c
        ON c.name = a.contract
    WHERE a.alert_id = acknowledge.alert_id;

    IF its_state = 'resolved' THEN
        RAISE EXCEPTION 'alert % is resolved', alert_id
            USING ERRCODE = 'GW031',
                  DETAIL = 'Only an alert that is firing can be acknowledged.',
                  HINT = format('SELECT * FROM ghostwatch.explain_alert(%s)', alert_id);
    END IF;

    IF coalesce(by, '') = '' THEN
        RAISE EXCEPTION 'acknowledging alert % needs a name', alert_id
            USING ERRCODE = 'GW032',
                  DETAIL = format('The name given is %s.', quote_nullable(by)),
                  HINT = format('SELECT ghostwatch.acknowledge(%s, %L)', alert_id, session_user);
    END IF;

    UPDATE ghostwatch.alert AS a
    SET
        acknowledged_at = ghostwatch._clock(),
        acknowledged_by = by,
        acknowledge_comment = comment
    WHERE a.alert_id = acknowledge.alert_id
        AND a.acknowledged_at IS NULL;
    is_first := FOUND;

    -- The message in the chat shows who it is.
    IF is_first THEN
        PERFORM ghostwatch._enqueue(alert_id, 'updated', ghostwatch._clock());
    END IF;

    RETURN is_first;
END
$acknowledge$;

COMMENT ON FUNCTION ghostwatch.acknowledge(bigint, text, text, uuid) IS
'Records who takes care of a firing alert; it is not repeated any more, an escalation is still sent. Returns false if somebody else was first.
Raises GW008 (the contract belongs to another role), GW030 (no such alert), GW031 (already resolved), GW032 (no name given).';
CREATE FUNCTION ghostwatch.silence(
    contract text,
    invariant text DEFAULT NULL,
    branch text DEFAULT NULL,
    duration interval DEFAULT '1 hour',
    by text DEFAULT current_user,
    comment text DEFAULT NULL,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $silence$
-- Messages are recorded as suppressed; when the silence ends, an alert that still fires is announced. A silence of a branch family
-- silences an alert only if every family that the alert is about is silenced.
DECLARE
    its_contract_id integer := ghostwatch._contract_id(contract);
    as_of constant timestamptz := ghostwatch._clock();
    families text[];
    new_silence_id bigint;
    silenced bigint;
BEGIN
    PERFORM ghostwatch._require_contract_owner(its_contract_id, role => ghostwatch._caller(credential));

    IF invariant IS NOT NULL THEN
        PERFORM ghostwatch._invariant_id(contract, invariant);
    END IF;

    SELECT array_agg(DISTINCT f.family ORDER BY f.family) INTO families
    FROM (
        VALUES ('none'), ('other')
        UNION ALL
        SELECT b.family FROM ghostwatch.branch_family AS b WHERE b.contract_id = its_contract_id
        UNION ALL
        SELECT v.branch FROM ghostwatch.branch_value AS v WHERE v.contract_id = its_contract_id
    ) AS f (family);

    IF branch <> ALL (families) THEN
        RAISE EXCEPTION 'contract % has no branch family %', quote_literal(contract), quote_literal(branch)
            USING ERRCODE = 'GW033',
                  DETAIL = format('Its families: %s.', array_to_string(families, ', ')),
                  HINT = format('SELECT ghostwatch.declare_branch_family(%L, ''pattern'', %L)', contract, branch);
    END IF;

    IF (duration > '0' AND duration <= '1000 years') IS NOT TRUE THEN
        RAISE EXCEPTION 'a silence of contract % needs an end', quote_literal(contract)
            USING ERRCODE = 'GW034',
                  DETAIL = format('The duration given is %s.', coalesce(duration::text, 'NULL')),
                  HINT = format('SELECT ghostwatch.silence(%L, duration => ''1 hour'')', contract);
    END IF;

    IF coalesce(by, '') = '' THEN
        RAISE EXCEPTION 'a silence of contract % needs an author', quote_literal(contract)
            USING ERRCODE = 'GW035',
                  DETAIL = format('The name given is %s.', quote_nullable(by)),
                  HINT = format('SELECT ghostwatch.silence(%L, by => %L)', contract, session_user);
    END IF;

    INSERT INTO ghostwatch.silence (contract, invariant, branch, starts_at, ends_at, created_by, comment)
    VALUES (contract, invariant, branch, as_of, as_of + duration, by, coalesce(nullif(comment, ''), 'no reason given'))
    RETURNING silence_id INTO new_silence_id;

    -- The messages of these alerts show the silence.
    FOR silenced IN
        UPDATE ghostwatch.alert AS a
        SET silence_id = new_silence_id
        WHERE a.state = 'firing'
            AND ghostwatch._silence_in_force(a.contract, a.invariant, a.branches, as_of) = new_silence_id
        RETURNING a.alert_id
    LOOP
        PERFORM ghostwatch._enqueue(silenced, 'updated', as_of);
    END LOOP;

    RETURN new_silence_id;
END
$silence$;

COMMENT ON FUNCTION ghostwatch.silence(text, text, text, interval, text, text, uuid) IS
'Suppresses new messages about the alerts of a contract, an invariant (NULL: all) or a branch family (NULL: all) until the duration is over. Returns the number of the silence.
Raises GW001 (no such contract), GW007 (no such invariant), GW008 (the contract belongs to another role), GW033 (no such branch family), GW034 (no valid duration), GW035 (no name given).';
CREATE FUNCTION ghostwatch.unsilence(
    silence_id bigint,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $unsilence$
-- The next check run announces the alerts that still fire.
BEGIN
    PERFORM ghostwatch._require_contract_owner(c.contract_id, role => ghostwatch._caller(credential))
    FROM ghostwatch.silence AS s
    INNER JOIN ghostwatch.contract AS c
        ON c.name = s.contract
    WHERE s.silence_id = unsilence.silence_id;

    UPDATE ghostwatch.silence AS s
    SET
        ends_at = ghostwatch._clock(),
        ended_by = session_user
    WHERE s.silence_id = unsilence.silence_id
        AND s.ends_at > ghostwatch._clock();

    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no silence % to end', coalesce(silence_id::text, 'NULL')
            USING ERRCODE = 'GW036',
                  DETAIL = coalesce(
                      (SELECT format('It ended at %s.', s.ends_at) FROM ghostwatch.silence AS s WHERE s.silence_id = unsilence.silence_id),
                      'No silence has this number.'
                  ),
                  HINT = 'SELECT * FROM ghostwatch.silence ORDER BY silence_id DESC';
    END IF;
END
$unsilence$;

COMMENT ON FUNCTION ghostwatch.unsilence(bigint, uuid) IS
'Ends a silence early; the next check run announces the alerts that still fire.
Raises GW008 (the contract belongs to another role), GW036 (no silence of this number is in force).';
CREATE FUNCTION ghostwatch.mark(
    label text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one records who called it.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $mark$
-- A deploy script must not fail because of a long label, so it is cut. A script that loops fills no table: of each role the
-- last thousand markers are kept.
DECLARE
    caller   constant regrole := ghostwatch._caller(credential);
    kept     constant text := btrim(ghostwatch._one_line(mark.label, 100));
    as_of    constant timestamptz := ghostwatch._clock();
BEGIN
    IF coalesce(kept, '') = '' THEN
        RAISE EXCEPTION 'a deploy marker needs a label'
        USING
            ERRCODE = 'GW080',
            DETAIL = format('The label given is %s.', quote_nullable(mark.label)),
            HINT = 'SELECT ghostwatch.mark(''release 214'');';
    END IF;

    INSERT INTO ghostwatch.mark (marked_at, owner, label)
    VALUES (as_of, caller, kept);

    DELETE FROM ghostwatch.mark AS m
    WHERE m.owner = caller
        AND m.mark_id <= (
            SELECT oldest.mark_id
            FROM ghostwatch.mark AS oldest
            WHERE oldest.owner = caller
            ORDER BY oldest.mark_id DESC
            OFFSET 1000
            LIMIT 1
        );

    RETURN as_of;
END
$mark$;

COMMENT ON FUNCTION ghostwatch.mark(text, uuid) IS
'Sets a deploy marker: alerts about contracts of this role (and of roles of which it is a member) that begin within an hour say how long after it that was. Returns its time.
label: what was released, cut at 100 characters. Raises GW080 (no label).';
CREATE FUNCTION ghostwatch._reproducing_query(
    its_alert ghostwatch.alert
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_reproducing_query$
    -- From what is recorded about each subject, so it gives the same numbers later.
    SELECT CASE
        WHEN its_alert.evidence ? 'query' THEN its_alert.evidence ->> 'query'
        WHEN its_alert.kind <> 'violations' OR its_alert.invariant_id IS NULL THEN NULL
        WHEN its_alert.state = 'firing' THEN format(
            E'SELECT v.branch_family,\n'
            '       count(*) FILTER (WHERE coalesce(v.escalated_at > %1$L, true)) AS warn_count,\n'
            '       count(*) FILTER (WHERE v.escalated_at <= %1$L) AS error_count\n'
            'FROM ghostwatch.violation AS v\n'
            'WHERE v.invariant_id = %2$s\n'
            '    AND v.opened_at <= %1$L\n'
            '    AND coalesce(v.closed_at > %1$L, true)\n'
            '    AND v.state <> ''exempt''\n'
            'GROUP BY ROLLUP (v.branch_family)',
            its_alert.changed_at, its_alert.invariant_id
        )
        ELSE format(
            E'SELECT v.branch_family, v.close_reason, count(*)\n'
            'FROM ghostwatch.violation AS v\n'
            'WHERE v.invariant_id = %s\n'
            '    AND v.opened_at <= %L\n'
            '    AND v.closed_at >= %L\n'
            'GROUP BY ROLLUP (v.branch_family, v.close_reason)',
            its_alert.invariant_id, its_alert.resolved_at, its_alert.opened_at
        )
    END
$_reproducing_query$;

COMMENT ON FUNCTION ghostwatch._reproducing_query(ghostwatch.alert) IS
'SQL that reproduces an alert''s numbers: the query of its rule, else one over the violations that were open when the counts were taken or, of a resolved alert,
over all of the incident; NULL where there is nothing to count.';
CREATE FUNCTION ghostwatch.explain_alert(
    alert_id bigint
)
RETURNS TABLE (
    topic text,
    item text,
    value text
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $explain_alert$
-- For an admin who wants to check an alert.
DECLARE
    its_alert ghostwatch.alert;
BEGIN
    PERFORM ghostwatch._require_alert(explain_alert.alert_id);
    SELECT a.* INTO its_alert FROM ghostwatch.alert AS a WHERE a.alert_id = explain_alert.alert_id;

    RETURN QUERY
    SELECT
        CASE
            WHEN field.key LIKE '%\_count' OR field.key = 'sample_keys' THEN 'counts'
            ELSE 'alert'
        END,
        field.key,
        field.value
    FROM jsonb_each_text(jsonb_strip_nulls(to_jsonb(its_alert)) - '{branches,evidence}'::text[]) WITH ORDINALITY AS field (key, value, position)
    ORDER BY 1, array_position('{alert_id,kind,contract,invariant,rule,state,severity,opened_at}', field.key), field.position;

    RETURN QUERY
    SELECT 'branches', b.family, format('%s of %s%s', b.violations, b.due, CASE WHEN b.named THEN ' (named)' ELSE '' END)
    FROM ROWS FROM (
        jsonb_to_recordset(its_alert.branches) AS (family text, violations bigint, due bigint, named boolean)
    ) WITH ORDINALITY AS b (family, violations, due, named, position)
    ORDER BY b.position;

    RETURN QUERY
    SELECT 'evidence', e.key, e.value
    FROM jsonb_each_text(its_alert.evidence - 'query') AS e
    ORDER BY e.key;

    RETURN QUERY
    SELECT
        'silences',
        s.silence_id::text,
        format(
            '%s to %s by %s, of %s: %s%s',
            s.starts_at, s.ends_at, s.created_by,
            concat_ws('/', s.contract, coalesce(s.invariant, '*'), s.branch), s.comment,
            ' (ended by ' || s.ended_by || ')'
        )
    FROM ghostwatch.silence AS s
    WHERE s.contract = its_alert.contract
        AND coalesce(s.invariant = its_alert.invariant, s.invariant IS NULL)
        AND s.starts_at <= coalesce(its_alert.resolved_at, ghostwatch._clock())
        AND s.ends_at >= its_alert.opened_at
    ORDER BY s.silence_id;

    RETURN QUERY
    SELECT
        'notifications',
        n.notification_id::text,
        format('%s to %s at %s: %s', n.reason, c.name, coalesce(n.sent_at, n.created_at), concat_ws(', ', n.state, n.state_reason))
    FROM ghostwatch.notification AS n
    INNER JOIN ghostwatch.channel AS c USING (channel_id)
    WHERE n.alert_id = its_alert.alert_id
    ORDER BY n.notification_id;

    RETURN QUERY
    SELECT 'channels', d.channel, d.outcome
    FROM ghostwatch._explain_delivery(its_alert) AS d;

    RETURN QUERY
    SELECT 'query', 'reproduces the numbers', q.query
    FROM ghostwatch._reproducing_query(its_alert) AS q (query)
    WHERE q.query IS NOT NULL;
END
$explain_alert$;

COMMENT ON FUNCTION ghostwatch.explain_alert(bigint) IS
'Everything that is known about one alert, and why each channel was sent it or not.
By topic: alert, counts, samples, branches, evidence (thresholds, baseline and statistic of its rule), silences, notifications, channels, and the query that reproduces its numbers.
Raises GW030 (no such alert).';
-- A view reads with the rights of its owner, whom row level security does not bind: so it says itself who sees what.
CREATE VIEW ghostwatch.alert_history AS
SELECT
    a.alert_id,
    a.kind,
    a.contract,
    a.invariant,
    a.rule,
    a.state,
    a.severity,
    a.opened_at,
    a.escalated_at,
    a.reopened_at,
    a.resolved_at,
    coalesce(a.resolved_at, ghostwatch._clock()) - a.opened_at AS lasted,
    a.reopened_count,
    a.warn_count,
    a.error_count,
    a.peak_count,
    a.sample_keys,
    a.branches -> 0 ->> 'family' AS first_branch,
    a.acknowledged_at,
    a.acknowledged_by,
    a.acknowledge_comment,
    a.silence_id,
    messages.sent AS messages_sent,
    messages.waiting AS messages_waiting,
    messages.suppressed AS messages_suppressed
FROM ghostwatch.alert AS a
CROSS JOIN
    LATERAL (
        SELECT
            count(*) FILTER (WHERE n.state = 'sent') AS sent,
            count(*) FILTER (WHERE n.state IN ('pending', 'claimed')) AS waiting,
            count(*) FILTER (WHERE n.state = 'suppressed') AS suppressed
        FROM ghostwatch.notification AS n
        WHERE
            n.alert_id = a.alert_id
            AND n.reason <> 'updated'
    ) AS messages
WHERE
    -- Whoever counts incidents counts no drills.
    a.kind <> 'drill'
    AND coalesce(
        (SELECT ghostwatch._is_own(c.owner) FROM ghostwatch.contract AS c WHERE c.name = a.contract),
        a.contract IS NULL OR ghostwatch._is_own(NULL)
    );

-- So that a condition of whoever reads it is not shown the rows that it hides.
ALTER VIEW ghostwatch.alert_history SET (security_barrier);

COMMENT ON VIEW ghostwatch.alert_history IS
'Every incident, firing or resolved: when, how many violations, by which branch mostly, who took care of it, and how many messages it made (edits not counted).
For the evidence of one: ghostwatch.explain_alert(). Drills are in ghostwatch.drill_history.';
CREATE FUNCTION ghostwatch._drill_result(
    severity text
)
RETURNS ghostwatch._rule_result
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_drill_result$
    -- What a rule would have found, had anything been wrong; nothing is, so nothing is counted.
    SELECT ROW(severity IS NOT NULL, severity, 0, 0, '{}', '[]', '{}', '0', 'drill')::ghostwatch._rule_result
$_drill_result$;

COMMENT ON FUNCTION ghostwatch._drill_result(text) IS
'What a drill pretends that a rule found. severity: warn or error; NULL for nothing any more.';
CREATE FUNCTION ghostwatch._advance_drill(
    alert_id bigint,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_advance_drill$
-- Called whenever a notification was sent or given up. The row of the alert is locked first: of two channels that finish at
-- once, the second one then sees that the first has.
DECLARE
    its_drill ghostwatch.alert;
BEGIN
    LOOP
        SELECT a.* INTO its_drill
        FROM ghostwatch.alert AS a
        WHERE a.alert_id = _advance_drill.alert_id AND a.kind = 'drill' AND a.state = 'firing'
        FOR UPDATE;
        EXIT WHEN NOT FOUND;

        -- A channel that is disabled would keep the others waiting.
        EXIT WHEN EXISTS (
            SELECT
            FROM ghostwatch.notification AS n
            INNER JOIN ghostwatch.channel AS c
                ON c.channel_id = n.channel_id
            WHERE n.alert_id = its_drill.alert_id
                AND n.state IN ('pending', 'claimed')
                AND n.reason NOT IN ('updated', 'details')
                AND c.disabled_at IS NULL
        );

        PERFORM ghostwatch._advance_alert(
            'drill', its_drill.invariant_id, ghostwatch._drill_result(CASE its_drill.severity WHEN 'warn' THEN 'error' END), as_of
        );
    END LOOP;
END
$_advance_drill$;

COMMENT ON FUNCTION ghostwatch._advance_drill(bigint, timestamptz) IS
'Takes the next step of a drill once the messages of the one before are delivered or given up. Does nothing for any other alert.';
CREATE FUNCTION ghostwatch.drill(
    contract text,
    invariant text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $drill$
-- Rehearses the way of an alert, from the outbox to the chat: a warning, an escalation, a resolution. It is an alert of a
-- kind of its own, so that nothing that counts, judges or shows alerts of violations takes it for one. Each step follows
-- when the sidecars have reported the one before, since only then is it known how long that took.
-- Raises GW001, GW007, GW008, and GW065 where no channel would get it.
DECLARE
    as_of constant timestamptz := ghostwatch._clock();
    its_invariant_id constant integer := ghostwatch._invariant_id(contract, invariant);
    earlier ghostwatch.alert;
    drill_id bigint;
    channels text[];
BEGIN
    PERFORM ghostwatch._require_own_invariant(its_invariant_id, credential);

    SELECT array_agg(c.name ORDER BY c.name) INTO channels
    FROM ghostwatch.channel AS c
    WHERE c.disabled_at IS NULL
        AND (c.contracts IS NULL OR drill.contract = ANY (c.contracts));
    IF channels IS NULL THEN
        RAISE EXCEPTION 'no channel would get a drill of contract %', quote_literal(contract)
            USING ERRCODE = 'GW065',
                  DETAIL = 'Every channel is disabled or gets other contracts only, so that an alert would reach nobody either.',
                  HINT = 'SELECT ghostwatch.add_channel(''admins'', chat_id => ...); or SELECT ghostwatch.enable_channel(...);';
    END IF;

    -- One that still waits for a sidecar ends first.
    FOR earlier IN
        SELECT a.*
        FROM ghostwatch.alert AS a
        WHERE a.kind = 'drill' AND coalesce(a.invariant_id, 0) = its_invariant_id AND a.state = 'firing'
        FOR UPDATE
    LOOP
        PERFORM ghostwatch._resolve_alert(earlier, as_of);
    END LOOP;

    PERFORM ghostwatch._open_alert('drill', its_invariant_id, ghostwatch._drill_result('warn'), as_of);
    drill_id := (
        SELECT a.alert_id
        FROM ghostwatch.alert AS a
        WHERE a.kind = 'drill' AND coalesce(a.invariant_id, 0) = its_invariant_id AND a.state = 'firing'
    );
    -- Where every channel is for errors only, nobody gets the warning.
    PERFORM ghostwatch._advance_drill(drill_id, as_of);

    RAISE NOTICE 'drill % goes to: %', drill_id, array_to_string(channels, ', ')
        USING DETAIL = 'Its messages begin with DRILL. Each step follows when the one before was delivered.',
              HINT = format('SELECT * FROM ghostwatch.drill_history WHERE alert_id = %s', drill_id);
    RETURN drill_id;
END
$drill$;

COMMENT ON FUNCTION ghostwatch.drill(text, text, uuid) IS
'Rehearses an alert of an invariant: a warning, an escalation and a resolution, marked as a drill, through the outbox and the sidecar.
Returns the number of its alert; ghostwatch.drill_history shows how long each step took.
It reads and writes none of the application''s tables, counts in no statistics, and waits for no silence, quiet hours or summary.
Raises GW001 (no such contract), GW007 (no such invariant), GW008 (the contract belongs to another role), GW065 (no channel would get it).';
-- A view reads with the rights of its owner, whom row level security does not bind: so it says itself who sees what.
CREATE VIEW ghostwatch.drill_history AS
SELECT
    a.alert_id,
    a.contract,
    a.invariant,
    CASE n.reason WHEN 'opened' THEN 'warning' WHEN 'escalated' THEN 'error' ELSE 'resolution' END AS step,
    c.name AS channel,
    n.state,
    n.state_reason,
    n.created_at AS at,
    n.rendered_at - n.created_at AS waited,
    n.sent_at - n.created_at AS took,
    n.sent_at - a.opened_at AS since_start
FROM ghostwatch.alert AS a
INNER JOIN ghostwatch.notification AS n
    ON n.alert_id = a.alert_id
INNER JOIN ghostwatch.channel AS c
    ON c.channel_id = n.channel_id
WHERE
    a.kind = 'drill'
    AND n.reason NOT IN ('updated', 'details')
    AND coalesce(
        (SELECT ghostwatch._is_own(k.owner) FROM ghostwatch.contract AS k WHERE k.name = a.contract),
        ghostwatch._is_own(NULL)
    )
ORDER BY a.alert_id, n.notification_id;

-- So that a condition of whoever reads it is not shown the rows that it hides.
ALTER VIEW ghostwatch.drill_history SET (security_barrier);

COMMENT ON VIEW ghostwatch.drill_history IS
'The messages of each drill, in order: step, channel, and state;
at: when the step was taken; waited: until a sidecar took the message up; took: until it was delivered; since_start: from the start of the drill to then.';

-- what other rules and settings would have made of the past
CREATE TYPE ghostwatch._incident AS (
    kind text,
    severity text,
    opened_at timestamptz,
    resolved_at timestamptz,    -- NULL if it goes on past the end of the replay
    since timestamptz,
    messages integer
);

COMMENT ON TYPE ghostwatch._incident IS
'An alert that a replayed rule would have made.';
CREATE TYPE ghostwatch._replayed_alert AS (
    kind text,
    opened_at timestamptz,
    resolved_at timestamptz,
    lasted interval,
    severity text,
    branch text,
    violations bigint,
    due bigint,
    messages integer
);

COMMENT ON TYPE ghostwatch._replayed_alert IS
'A row of a backtest: an alert that a rule would have made.';
CREATE FUNCTION ghostwatch._replayed_rule(
    invariant_id integer,
    settings jsonb
)
RETURNS ghostwatch.invariant
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_replayed_rule$
-- The settings are named as declare_invariant() names them.
DECLARE
    known constant text[] := ghostwatch._rule_settings();
    rule    ghostwatch.invariant;
    problem text;
BEGIN
    SELECT i.* INTO STRICT rule
    FROM ghostwatch.invariant AS i
    WHERE i.invariant_id = _replayed_rule.invariant_id;

    IF jsonb_typeof(settings) IS DISTINCT FROM 'object' THEN
        problem := 'The settings are not a JSON object of names and values.';
    ELSE
        SELECT format('%s is not a setting of a rule.', quote_literal(given.name)) INTO problem
        FROM jsonb_object_keys(settings) AS given (name)
        WHERE given.name <> ALL (known)
        LIMIT 1;
    END IF;

    IF problem IS NULL THEN
        BEGIN
            rule := jsonb_populate_record(rule, settings);
        EXCEPTION
            WHEN data_exception THEN
                problem := SQLERRM || '.';
        END;
    END IF;

    IF problem IS NULL THEN
        problem := ghostwatch._rule_problem(
            rule.rule, rule.warn_after, rule.error_after, rule.watch_for, rule.min_count, rule.min_rate,
            rule.days_per_false_alarm, rule.expected_rate, rule.branch_ceiling
        );
    END IF;

    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'invariant % cannot be replayed with the settings %', quote_literal(rule.name), coalesce(settings::text, 'NULL')
            USING ERRCODE = 'GW037',
                  DETAIL = problem,
                  HINT = format('Settings and ranges are those of ghostwatch.declare_invariant(): %s.', array_to_string(known, ', '));
    END IF;

    RETURN rule;
END
$_replayed_rule$;

COMMENT ON FUNCTION ghostwatch._replayed_rule(integer, jsonb) IS
'An invariant as it would be with other settings. Raises GW037 for a setting that does not exist, cannot be read or is out of its range.';
CREATE FUNCTION ghostwatch._trials_between(
    rule ghostwatch.invariant,
    after timestamptz,
    up_to timestamptz,
    most integer DEFAULT 5000000
)
RETURNS ghostwatch._trials
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_trials_between$
-- Where no column says when the related row came, from the recorded counts. Exempt subjects are those that are exempt now.
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
-- and it gives a ghostwatch._trials, which no static check can know: @plpgsql_check_options: other_warnings = false
DECLARE
    clause     ghostwatch._clause;
    trials     ghostwatch._trials;
BEGIN
    SELECT c.* INTO STRICT clause
    FROM ghostwatch._clause AS c
    WHERE c.invariant_id = rule.invariant_id;

    IF rule.related_at_column IS NULL AND coalesce(rule.warn_after, rule.error_after) <> clause.deadline THEN
        RAISE EXCEPTION 'invariant % cannot be replayed with another deadline', quote_literal(rule.name)
            USING ERRCODE = 'GW038',
                  DETAIL = 'No column is declared that says when the related row came, and checks have counted by the present deadline only.',
                  HINT = format('Declare it again with related_at_column => ''a column of %s''.', clause.related);
    END IF;

    IF rule.related_at_column IS NULL OR clause.breaks_later THEN
        -- Within its minute nobody knows the order any more: violations are spread evenly.
        SELECT
            array_agg(b.minute + (n - 0.5) / b.due * '1 minute'::interval ORDER BY b.minute, (n - 0.5) / b.due),
            array_agg(
                CASE WHEN n * b.violations / b.due > (n - 1) * b.violations / b.due THEN 'infinity' ELSE b.minute END
                ORDER BY b.minute, (n - 0.5) / b.due
            ),
            array_agg(b.branch_family ORDER BY b.minute, (n - 0.5) / b.due)
        INTO trials
        FROM ghostwatch.branch_minute AS b
        CROSS JOIN LATERAL generate_series(1, b.due::bigint) AS n
        WHERE b.invariant_id = rule.invariant_id
            AND b.minute > after
            AND b.minute <= up_to;
    ELSE
        PERFORM ghostwatch._enter_search_path(clause.search_path);
        EXECUTE format(
            'SELECT
                array_agg(q.born_at ORDER BY q.born_at),
                array_agg(coalesce(q.came_at, ''infinity'') ORDER BY q.born_at),
                array_agg(q.branch_family ORDER BY q.born_at)
            FROM (%s) AS q
            WHERE NOT (q.exempt_by_branch OR q.exempt_by_predicate)',
            ghostwatch._subject_query(clause, 'born', after, up_to, most + 1, 'came_at')
        )
        INTO trials;
        PERFORM ghostwatch._leave_search_path();
    END IF;

    IF cardinality(trials.born_at) > most THEN
        RAISE EXCEPTION 'there are too many % to replay between % and %', clause.subject, after, up_to
            USING ERRCODE = 'GW039',
                  DETAIL = format('At most %s are kept in memory.', most),
                  HINT = 'Choose a shorter time.';
    END IF;

    RETURN trials;
END
$_trials_between$;

COMMENT ON FUNCTION ghostwatch._trials_between(ghostwatch.invariant, timestamptz, timestamptz, integer) IS
'The subjects born in a stretch of time, and when each got its row, to replay a rule over.
Raises GW038 (a deadline that was not counted by), GW039 (too many to replay).';
CREATE FUNCTION ghostwatch._incidents(
    firings ghostwatch._firing[],
    clear_for interval,
    end_at timestamptz
)
RETURNS SETOF ghostwatch._incident
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 100
SET search_path = pg_catalog, pg_temp
AS $_incidents$
-- Nobody acknowledges anything in a replay.
DECLARE
    reopen_within constant interval := ghostwatch._setting('reopen_within')::interval;
    repeat_interval constant interval := ghostwatch._setting('repeat_interval')::interval;
    firing ghostwatch._firing;
    incident ghostwatch._incident;
    severity text;
    last_notified_at timestamptz;
BEGIN
    FOR firing IN
        SELECT f.* FROM unnest(firings) AS f ORDER BY f.kind, f.begins_at
    LOOP
        IF incident.kind = firing.kind AND firing.begins_at <= incident.resolved_at + clear_for THEN
            -- Not clear for long enough: it goes on, perhaps more severe.
            IF firing.severity = 'error' AND severity = 'warn' THEN
                incident.messages := incident.messages + 1;
                severity := 'error';
                last_notified_at := firing.begins_at;
            END IF;
        ELSIF incident.kind = firing.kind AND firing.begins_at <= incident.resolved_at + clear_for + reopen_within THEN
            -- It was resolved and is reopened.
            incident.messages := incident.messages + 2;
            severity := firing.severity;
            last_notified_at := firing.begins_at;
        ELSE
            IF incident.kind IS NOT NULL THEN
                incident.messages := incident.messages + 1;
                incident.resolved_at := incident.resolved_at + clear_for;
                RETURN NEXT incident;
            END IF;
            incident := ROW(firing.kind, firing.severity, firing.begins_at, NULL, firing.since, 1);
            severity := firing.severity;
            last_notified_at := firing.begins_at;
        END IF;

        IF severity = 'error' THEN
            incident.severity := 'error';
        END IF;
        incident.resolved_at := coalesce(firing.ends_at, 'infinity');

        -- A repetition that is due while nothing is wrong waits until something is.
        WHILE last_notified_at + repeat_interval < incident.resolved_at AND last_notified_at + repeat_interval <= end_at LOOP
            last_notified_at := greatest(last_notified_at + repeat_interval, firing.begins_at);
            incident.messages := incident.messages + 1;
        END LOOP;
    END LOOP;

    IF incident.kind IS NOT NULL THEN
        incident.resolved_at := incident.resolved_at + clear_for;
        IF incident.resolved_at <= end_at THEN
            incident.messages := incident.messages + 1;
        ELSE
            incident.resolved_at := NULL;
        END IF;
        RETURN NEXT incident;
    END IF;
END
$_incidents$;

COMMENT ON FUNCTION ghostwatch._incidents(ghostwatch._firing[], interval, timestamptz) IS
'The life that alerts would have had under the settings reopen_within and repeat_interval, with the number of messages.
clear_for: how long nothing must be wrong before an alert resolves; end_at: the end of the replay.';
CREATE FUNCTION ghostwatch._replay(
    rule ghostwatch.invariant,
    begin_at timestamptz,
    end_at timestamptz
)
RETURNS SETOF ghostwatch._replayed_alert
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
ROWS 100
SET search_path = pg_catalog, pg_temp
AS $_replay$
-- Each alert is about the subjects born from its change-point on, and is attributed as a live one is.
-- The name of a rule is one that was checked: @plpgsql_check_options: security_warnings = false
DECLARE
    deadline  constant interval := coalesce(rule.warn_after, rule.error_after);
    trials    ghostwatch._trials := ghostwatch._trials_between(
        rule, begin_at - CASE WHEN ghostwatch._needs_trials(rule.rule) THEN '28 days'::interval ELSE rule.watch_for END, end_at - deadline
    );
    firings   ghostwatch._firing[];
    incidents ghostwatch._incident[];
BEGIN
    rule.rule := ghostwatch._replayed_as(rule, trials, begin_at);

    -- Each rule has a replay of its own that calls what its check calls.
    EXECUTE format('SELECT array_agg(f) FROM ghostwatch.%I($1, $2, $3, $4) AS f', format('_replay_%s', rule.rule))
    INTO firings
    USING rule, trials, begin_at, end_at;

    incidents := ARRAY(
        SELECT i
        FROM ghostwatch._incidents(
            firings,
            CASE WHEN ghostwatch._needs_trials(rule.rule) THEN '0' ELSE ghostwatch._setting('resolve_after')::interval END,
            end_at
        ) AS i
    );

    RETURN QUERY
    WITH incident AS (
        SELECT i.*, row_number() OVER (ORDER BY i.since) AS number
        FROM unnest(incidents) AS i
        WHERE i.kind = 'violations'
    ),
    trial AS (
        SELECT
            t.born_at,
            t.branch_family,
            t.came_at > t.born_at + deadline AS violated,
            width_bucket(t.born_at, (SELECT array_agg(i.since ORDER BY i.since) FROM incident AS i)) AS number
        FROM ROWS FROM (unnest(trials.born_at), unnest(trials.came_at), unnest(trials.branch_families)) AS t (born_at, came_at, branch_family)
    ),
    overall AS (
        SELECT count(*) FILTER (WHERE t.violated)::double precision / nullif(count(*), 0) AS rate
        FROM trial AS t
    ),
    family AS (
        SELECT i.number, t.branch_family, count(*) AS due, count(*) FILTER (WHERE t.violated) AS violations
        FROM incident AS i
        INNER JOIN trial AS t
            ON t.number = i.number
            AND t.born_at + deadline <= coalesce(i.resolved_at, end_at)
        GROUP BY i.number, t.branch_family
    ),
    attributed AS (
        SELECT
            f.number,
            f.due,
            f.violations,
            (
                SELECT string_agg(a.branch_family, ', ' ORDER BY a.excess DESC)
                FROM ghostwatch._attribute(f.families, f.family_due, f.family_violations, (SELECT u.rate FROM overall AS u)) AS a
                WHERE a.named
            ) AS branch
        FROM (
            SELECT
                f.number,
                sum(f.due)::bigint AS due,
                sum(f.violations)::bigint AS violations,
                array_agg(f.branch_family) AS families,
                array_agg(f.due) AS family_due,
                array_agg(f.violations) AS family_violations
            FROM family AS f
            GROUP BY f.number
        ) AS f
    )
    SELECT
        i.kind, i.opened_at, i.resolved_at, coalesce(i.resolved_at, end_at) - i.opened_at, i.severity,
        a.branch, coalesce(a.violations, 0), coalesce(a.due, 0), i.messages
    FROM unnest(incidents) AS i
    LEFT JOIN incident AS numbered
        ON numbered.kind = i.kind
        AND numbered.opened_at = i.opened_at
    LEFT JOIN attributed AS a
        ON a.number = numbered.number
    ORDER BY i.opened_at, i.kind;
END
$_replay$;

COMMENT ON FUNCTION ghostwatch._replay(ghostwatch.invariant, timestamptz, timestamptz) IS
'The alerts that an invariant, with the settings given, would have made between two moments, oldest first. Raises GW038, GW039.';
CREATE FUNCTION ghostwatch.backtest(
    contract text,
    invariant text,
    from_time timestamptz DEFAULT NULL,
    to_time timestamptz DEFAULT NULL,
    settings jsonb DEFAULT '{}'
)
RETURNS SETOF ghostwatch._replayed_alert
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
ROWS 100
SET search_path = pg_catalog, pg_temp
AS $backtest$
-- Every moment that a replay computes from the given ones must be a valid timestamp.
DECLARE
    end_at   constant timestamptz := coalesce(to_time, ghostwatch._clock());
    begin_at timestamptz;
BEGIN
    PERFORM ghostwatch._require_runnable(contract);

    IF NOT end_at BETWEEN '0001-02-01 00:00+00' AND '9999-12-31 00:00+00' THEN
        begin_at := from_time;
    ELSE
        begin_at := coalesce(from_time, end_at - '30 days'::interval);
    END IF;
    IF (begin_at >= '0001-01-01 00:00+00' AND begin_at < end_at AND end_at <= '9999-12-31 00:00+00') IS NOT TRUE THEN
        RAISE EXCEPTION 'invalid time for a backtest of invariant %', quote_nullable(invariant)
            USING ERRCODE = 'GW029',
                  DETAIL = format(
                      'It would begin at %s and end at %s; the begin must come before the end, and both lie in the years 1 to 9999.',
                      coalesce(begin_at::text, 'NULL'), end_at
                  ),
                  HINT = format('SELECT * FROM ghostwatch.backtest(%L, %L, now() - ''7 days''::interval, now())', contract, invariant);
    END IF;

    RETURN QUERY
    SELECT r.*
    FROM ghostwatch._replay(
        ghostwatch._replayed_rule(ghostwatch._invariant_id(contract, invariant), settings),
        begin_at,
        end_at
    ) AS r;
END
$backtest$;

COMMENT ON FUNCTION ghostwatch.backtest(text, text, timestamptz, timestamptz, jsonb) IS
'The alerts that a rule would have made in the past (by default the last 30 days), with any of the settings of declare_invariant() changed:
SELECT * FROM ghostwatch.backtest(''onboarding'', ''first_meme'', settings => ''{"rule": "drift"}'').
It reads the application''s own rows where related_at_column is declared, otherwise the recorded counts. violations, due: subjects from the change-point to the end of the alert; exempt are those that are exempt now. messages: to one channel, none acknowledged. Writes nothing.
Raises GW001 (no such contract), GW007 (no such invariant), GW020 (belongs to another role), GW029 (invalid time), GW037 (settings), GW038 (a deadline for which nothing was counted), GW039 (too many subjects).';
CREATE FUNCTION ghostwatch._replay_total(
    rule ghostwatch.invariant,
    begin_at timestamptz,
    end_at timestamptz
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_replay_total$
    -- For the doctor, which recommends a rule with figures.
    SELECT format(
        '%s, %s, firing %s %% of the time',
        ghostwatch._pluralize(count(*), 'alert'),
        ghostwatch._pluralize(coalesce(sum(r.messages), 0), 'message'),
        round((100 * coalesce(sum(extract(EPOCH FROM r.lasted)), 0) / extract(EPOCH FROM end_at - begin_at))::numeric, 1)
    )
    FROM ghostwatch._replay(rule, begin_at, end_at) AS r
$_replay_total$;

COMMENT ON FUNCTION ghostwatch._replay_total(ghostwatch.invariant, timestamptz, timestamptz) IS
'What a rule would have made of the time between two moments, in a few words. Raises GW038, GW039.';

-- deliver: what is to be sent, to which channel, and what became of it
CREATE FUNCTION ghostwatch._quiet_until(
    channel ghostwatch.channel,
    as_of timestamptz
)
RETURNS timestamptz
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_quiet_until$
    -- The end of a channel's quiet hours.
    -- Takes the channel and the time; returns NULL outside of quiet hours.
    SELECT
        CASE
            -- Hours that go over midnight: late in the evening they end tomorrow.
            WHEN channel.quiet_from > channel.quiet_until AND local.at::time >= channel.quiet_from
                THEN (local.at::date + 1 + channel.quiet_until) AT TIME ZONE channel.quiet_time_zone
            WHEN local.at::time < channel.quiet_until
                AND (channel.quiet_from > channel.quiet_until OR local.at::time >= channel.quiet_from)
                THEN (local.at::date + channel.quiet_until) AT TIME ZONE channel.quiet_time_zone
        END
    FROM (VALUES (as_of AT TIME ZONE channel.quiet_time_zone)) AS local (at)
$_quiet_until$;

COMMENT ON FUNCTION ghostwatch._quiet_until(ghostwatch.channel, timestamptz) IS
'When the quiet hours of a channel end that a moment falls into; NULL if it falls into none.';
CREATE FUNCTION ghostwatch._digest_due(
    channel_id integer,
    due_at timestamptz,
    as_of timestamptz
)
RETURNS bigint
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_digest_due$
    -- The digest that waits for the end of a channel's quiet hours; makes it if there is none yet.
    -- Takes the channel, when it is due and the time. Returns the notification's id.
    -- One that still waits from the last night, since Telegram was unreachable, waits for this one's end as well.
    INSERT INTO ghostwatch.notification AS n (channel_id, reason, created_at, next_attempt_at)
    VALUES (_digest_due.channel_id, 'digest', as_of, due_at)
    ON CONFLICT (channel_id) WHERE reason = 'digest' AND state = 'pending' DO UPDATE
    SET next_attempt_at = greatest(n.next_attempt_at, excluded.next_attempt_at)
    RETURNING n.notification_id
$_digest_due$;

COMMENT ON FUNCTION ghostwatch._digest_due(integer, timestamptz, timestamptz) IS
'The digest that waits for the end of a channel''s quiet hours, made if need be.';
CREATE FUNCTION ghostwatch._covered_alerts(
    notification_id bigint
)
RETURNS jsonb
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_covered_alerts$
    -- The content of a digest or outage summary: the alerts whose messages were kept back for it, as they are now.
    -- Takes the digest or outage summary; returns an array of alerts (without the outage that an outage summary is itself about),
    -- those still firing first.
    WITH RECURSIVE kept AS (
        SELECT n.notification_id, n.alert_id
        FROM ghostwatch.notification AS n
        WHERE n.covered_by = _covered_alerts.notification_id
        UNION ALL
        -- A digest contains an outage summary of the night, and all that the summary would have contained.
        SELECT n.notification_id, n.alert_id
        FROM kept AS k
        INNER JOIN ghostwatch.notification AS n ON n.covered_by = k.notification_id
    )
    SELECT coalesce(
        jsonb_agg(to_jsonb(a) ORDER BY a.state, a.severity, a.alert_id),
        '[]'
    )
    FROM ghostwatch.alert AS a
    WHERE a.alert_id IN (SELECT k.alert_id FROM kept AS k)
        AND a.alert_id IS DISTINCT FROM (
            SELECT n.alert_id FROM ghostwatch.notification AS n WHERE n.notification_id = _covered_alerts.notification_id
        )
$_covered_alerts$;

COMMENT ON FUNCTION ghostwatch._covered_alerts(bigint) IS
'The alerts that a digest or outage summary contains, as they are now.';
CREATE FUNCTION ghostwatch._delivery_decision(
    its_alert ghostwatch.alert,
    channel ghostwatch.channel,
    as_of timestamptz,
    OUT state text,
    OUT state_reason text,
    OUT covered_by bigint,
    OUT next_attempt_at timestamptz
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_delivery_decision$
-- How a new message about an alert enters the outbox of a channel: at once, later, or not at all.
-- Takes the alert, the channel and the time.
-- Returns the state and, if it is not sent now, why not and which notification says it later.
DECLARE
    quiet_until timestamptz := ghostwatch._quiet_until(channel, as_of);
BEGIN
    state := 'pending';
    next_attempt_at := as_of;

    -- Somebody waits for it, and no digest or summary is to count it.
    IF its_alert.kind = 'drill' THEN
        RETURN;
    END IF;

    SELECT format('silence %s by %s until %s: %s', s.silence_id, s.created_by, s.ends_at, s.comment)
    INTO state_reason
    FROM ghostwatch.silence AS s
    WHERE s.silence_id = its_alert.silence_id
        AND s.ends_at > as_of;
    IF FOUND THEN
        state := 'suppressed';
        RETURN;
    END IF;

    -- Where a silence suppressed everything about an incident, its end is no news.
    IF its_alert.state = 'resolved' AND NOT EXISTS (
        SELECT
        FROM ghostwatch.notification AS n
        WHERE n.alert_id = its_alert.alert_id
            AND n.channel_id = channel.channel_id
            AND n.reason NOT IN ('updated', 'details')
            AND n.created_at >= greatest(its_alert.opened_at, its_alert.reopened_at)
            AND (n.state <> 'suppressed' OR n.covered_by IS NOT NULL)
    ) THEN
        state := 'suppressed';
        state_reason := 'a silence suppressed all messages about this incident';
        RETURN;
    END IF;

    IF quiet_until IS NOT NULL AND (its_alert.severity = 'warn' OR channel.quiet_errors) THEN
        state := 'suppressed';
        state_reason := format('quiet hours until %s', quiet_until);
        covered_by := ghostwatch._digest_due(channel.channel_id, quiet_until, as_of);
        RETURN;
    END IF;

    -- While the checks of a contract come back after an outage, what they find is kept for one outage summary.
    IF its_alert.kind <> 'checks_stopped' AND EXISTS (
        SELECT
        FROM ghostwatch.alert AS a
        WHERE a.kind = 'checks_stopped'
            AND a.state = 'firing'
            AND (a.evidence -> 'contracts' ? its_alert.contract) IS NOT FALSE
    ) THEN
        state_reason := 'kept for the outage summary';
        next_attempt_at := 'infinity';
    END IF;

    -- Likewise for the checks after a maintenance window.
    IF EXISTS (
        SELECT
        FROM ghostwatch.maintenance AS m
        INNER JOIN ghostwatch.contract AS c
            ON pg_has_role(m.owner, c.owner, 'USAGE')
        WHERE m.summarized_at IS NULL
            AND m.ends_at <= as_of
            AND c.name = its_alert.contract
    ) THEN
        state_reason := 'kept for the summary of a maintenance window';
        next_attempt_at := 'infinity';
    END IF;
END
$_delivery_decision$;

COMMENT ON FUNCTION ghostwatch._delivery_decision(ghostwatch.alert, ghostwatch.channel, timestamptz) IS
'How a new message about an alert enters the outbox of a channel: at once, later, or not at all, and why.';
CREATE FUNCTION ghostwatch._queue_message(
    its_alert ghostwatch.alert,
    channel ghostwatch.channel,
    reason text,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_queue_message$
-- Puts one new message about an alert into the outbox of one channel, or records why it is not sent.
-- Takes the alert, the channel, the reason and the time.
DECLARE
    entered    record;
    superseded text[];
BEGIN
    INSERT INTO ghostwatch.notification AS n (
        channel_id, alert_id, reason, state, state_reason, covered_by, created_at, next_attempt_at
    )
    SELECT channel.channel_id, its_alert.alert_id, reason, h.state, h.state_reason, h.covered_by, as_of, h.next_attempt_at
    FROM ghostwatch._delivery_decision(its_alert, channel, as_of) AS h
    RETURNING n.notification_id, n.state, n.next_attempt_at INTO entered;

    -- Messages are rendered from the state at sending time: what still waits (because Telegram was unreachable, for
    -- example) would show this same state. So this message, which has all the times, takes the place of them all, even
    -- if it is suppressed. An outage summary also takes the place of what was kept for it.
    WITH waiting AS (
        UPDATE ghostwatch.notification AS n
        SET
            state = 'superseded',
            state_reason = format('still waiting when %s was due', _queue_message.reason),
            covered_by = entered.notification_id
        WHERE (
                n.alert_id = its_alert.alert_id
                OR (_queue_message.reason = 'outage_summary' AND n.next_attempt_at = 'infinity')
            )
            AND n.channel_id = channel.channel_id
            AND n.state = 'pending'
            AND n.reason NOT IN ('updated', 'details')
            AND n.notification_id <> entered.notification_id
        RETURNING n.notification_id, n.alert_id, n.reason
    )
    SELECT array_agg(w.reason ORDER BY w.notification_id) INTO superseded
    FROM waiting AS w
    WHERE w.alert_id = its_alert.alert_id;

    IF superseded IS NOT NULL THEN
        UPDATE ghostwatch.notification AS n
        SET payload = n.payload || jsonb_build_object('superseded', superseded)
        WHERE n.notification_id = entered.notification_id;
    END IF;

    IF entered.state = 'pending' AND entered.next_attempt_at <= as_of THEN
        PERFORM ghostwatch._wake_sidecars();
    END IF;
END
$_queue_message$;

COMMENT ON FUNCTION ghostwatch._queue_message(ghostwatch.alert, ghostwatch.channel, text, timestamptz) IS
'Puts a new message about an alert into the outbox of a channel, or records why it is suppressed.';
CREATE FUNCTION ghostwatch._queue_summary(
    contracts text[],
    facts jsonb,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_queue_summary$
-- The summary takes the place of the messages that were kept for it.
DECLARE
    channel ghostwatch.channel;
    entered bigint;
BEGIN
    FOR channel IN
        SELECT c.*
        FROM ghostwatch.channel AS c
        WHERE c.contracts IS NULL
            OR c.contracts && _queue_summary.contracts
        ORDER BY c.channel_id
    LOOP
        INSERT INTO ghostwatch.notification AS n (channel_id, reason, payload, created_at, next_attempt_at)
        VALUES (
            channel.channel_id,
            'maintenance',
            facts || jsonb_build_object('found', (
                SELECT coalesce(jsonb_agg(f.item), '[]')
                FROM jsonb_array_elements(facts -> 'found') AS f (item)
                WHERE f.item ->> 'contract' = ANY (_queue_summary.contracts)
                    AND (channel.contracts IS NULL OR f.item ->> 'contract' = ANY (channel.contracts))
            )),
            as_of,
            as_of
        )
        RETURNING n.notification_id INTO entered;

        UPDATE ghostwatch.notification AS n
        SET
            state = 'superseded',
            state_reason = 'covered by the summary of a maintenance window',
            covered_by = entered
        WHERE n.channel_id = channel.channel_id
            AND n.state = 'pending'
            AND n.next_attempt_at = 'infinity'
            AND n.alert_id IN (SELECT a.alert_id FROM ghostwatch.alert AS a WHERE a.contract = ANY (_queue_summary.contracts));

        PERFORM ghostwatch._wake_sidecars();
    END LOOP;
END
$_queue_summary$;

COMMENT ON FUNCTION ghostwatch._queue_summary(text[], jsonb, timestamptz) IS
'Puts the summary of a maintenance window into the outbox of every channel that gets alerts of one of the contracts.';
CREATE FUNCTION ghostwatch._queue_notice(
    contract text,
    reason text,
    facts jsonb,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_queue_notice$
-- Such a message is about no alert, so that no severity and no silence keeps it back.
BEGIN
    INSERT INTO ghostwatch.notification (channel_id, reason, payload, created_at, next_attempt_at)
    SELECT c.channel_id, reason, facts, as_of, as_of
    FROM ghostwatch.channel AS c
    WHERE c.disabled_at IS NULL
        AND (c.contracts IS NULL OR _queue_notice.contract = ANY (c.contracts));

    IF FOUND THEN
        PERFORM ghostwatch._wake_sidecars();
    END IF;
END
$_queue_notice$;

COMMENT ON FUNCTION ghostwatch._queue_notice(text, text, jsonb, timestamptz) IS
'Puts a message that is about no alert into the outbox of every channel that gets alerts of a contract.
reason: as in ghostwatch.notification. facts: what its template shows.';
CREATE FUNCTION ghostwatch._announce_usual_rate(
    rule ghostwatch.invariant,
    latest ghostwatch.drift_baseline,
    baseline ghostwatch.drift_baseline
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_announce_usual_rate$
    -- From one day to the next alerts become rare: nobody must take that for a failure.
    SELECT ghostwatch._queue_notice(
        c.name,
        'usual_rate',
        jsonb_build_object(
            'contract', c.name,
            'invariant', (rule).name,
            'subject_label', c.subject_label,
            'lack', ghostwatch._lack(rule),
            'due', (baseline).due,
            -- Planning may fold it before the condition below is looked at.
            'rate', (baseline).violations::double precision / nullif((baseline).due, 0),
            'tolerance', ghostwatch._tolerance(ghostwatch._usual_rate(baseline, '')),
            'choice', ghostwatch._auto_choice(baseline)
        ),
        (baseline).made_at
    )
    FROM ghostwatch.contract AS c
    WHERE c.contract_id = (rule).contract_id
        AND (rule).rule = 'auto'
        -- Where it is known from the first check on, nothing changes.
        AND (latest).version IS NOT NULL
        AND NOT ghostwatch._usual_rate_is_known(latest)
        AND ghostwatch._usual_rate_is_known(baseline)
$_announce_usual_rate$;

COMMENT ON FUNCTION ghostwatch._announce_usual_rate(ghostwatch.invariant, ghostwatch.drift_baseline, ghostwatch.drift_baseline) IS
'Announces that the rule auto knows the usual rate of an invariant from now on, and which rule it follows.
latest: the baseline before this one.';
CREATE FUNCTION ghostwatch._queue_edit(
    alert_id bigint,
    channel_id integer,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_queue_edit$
-- Has the first message about an alert in a channel edited, unless an edit is waiting already.
-- Takes the alert, the channel and the time.
-- Edits make no sound, so neither silences nor quiet hours keep them back.
DECLARE
    interval_between constant interval := ghostwatch._setting('update_interval')::interval;
    first_sent       boolean;
    waiting          boolean;
    last_at          timestamptz;
    used_edit        bigint;
BEGIN
    SELECT
        bool_or(n.state IN ('sent', 'claimed') AND n.reason NOT IN ('updated', 'details')),
        bool_or(n.state = 'pending' AND n.reason = 'updated'),
        max(CASE n.state WHEN 'claimed' THEN as_of ELSE n.sent_at END),
        max(n.notification_id) FILTER (WHERE n.state IN ('sent', 'failed') AND n.reason = 'updated')
    INTO first_sent, waiting, last_at, used_edit
    FROM ghostwatch.notification AS n
    WHERE n.alert_id = _queue_edit.alert_id
        AND n.channel_id = _queue_edit.channel_id;

    -- A message that was not sent yet will show the present state by itself.
    IF waiting OR first_sent IS NOT TRUE THEN
        RETURN;
    END IF;

    -- An edit that is done is used again: an incident of weeks leaves one row, not one for every minute.
    IF used_edit IS NULL THEN
        INSERT INTO ghostwatch.notification (channel_id, alert_id, reason, created_at, next_attempt_at)
        VALUES (channel_id, alert_id, 'updated', as_of, greatest(as_of, last_at + interval_between));
    ELSE
        UPDATE ghostwatch.notification AS n
        SET
            state = 'pending',
            state_reason = NULL,
            created_at = as_of,
            next_attempt_at = greatest(as_of, last_at + interval_between),
            attempts = 0
        WHERE n.notification_id = used_edit;
    END IF;

    PERFORM ghostwatch._wake_sidecars();
END
$_queue_edit$;

COMMENT ON FUNCTION ghostwatch._queue_edit(bigint, integer, timestamptz) IS
'Has the first message about an alert in a channel edited, at most once per update_interval.';
CREATE FUNCTION ghostwatch._queue_details(
    channel_id integer,
    alert_id bigint,
    facts jsonb,
    as_of timestamptz
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_queue_details$
-- A person asked for it, so neither silences nor quiet hours hold it back. Asked again within a minute, it is the same
-- answer, which is there or waits.
-- Takes the channel, the alert, what is known about it, and the time. Returns whether it will be sent because of this.
BEGIN
    IF EXISTS (
        SELECT
        FROM ghostwatch.notification AS n
        WHERE n.alert_id = _queue_details.alert_id
            AND n.channel_id = _queue_details.channel_id
            AND n.reason = 'details'
            AND (n.state IN ('pending', 'claimed') OR n.sent_at > as_of - '1 minute'::interval)
    ) THEN
        RETURN false;
    END IF;

    INSERT INTO ghostwatch.notification (channel_id, alert_id, reason, payload, created_at, next_attempt_at)
    VALUES (channel_id, alert_id, 'details', jsonb_build_object('facts', facts), as_of, as_of);

    PERFORM ghostwatch._wake_sidecars();

    RETURN true;
END
$_queue_details$;

COMMENT ON FUNCTION ghostwatch._queue_details(integer, bigint, jsonb, timestamptz) IS
'Puts what is known about an alert into the outbox of the channel that asked for it, once a minute; false if it is there already.';
CREATE FUNCTION ghostwatch._is_following(
    alert_id bigint,
    channel_id integer
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_is_following$
    -- Whether a channel got, or will get, a message about an incident, and none yet about its end. A channel for errors
    -- only gets the rest of an incident that began there, even if it came back as a warning.
    SELECT coalesce(
        (
            SELECT step.reason <> 'resolved' OR step.state NOT IN ('sent', 'suppressed')
            FROM ghostwatch.notification AS step
            WHERE step.alert_id = _is_following.alert_id
                AND step.channel_id = _is_following.channel_id
                AND step.reason NOT IN ('updated', 'details')
            ORDER BY step.notification_id DESC
            LIMIT 1
        ),
        false
    )
$_is_following$;

COMMENT ON FUNCTION ghostwatch._is_following(bigint, integer) IS
'Whether a channel got a message about an incident, and none yet about its end.';
CREATE FUNCTION ghostwatch._enqueue(
    alert_id bigint,
    reason text,
    as_of timestamptz,
    only_channel_id integer DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_enqueue$
-- Puts a message about an alert, or an edit, into the outbox of every channel whose filters let it pass.
-- Takes the alert, the reason ('updated' for an edit, anything else for a new message), the time, and one channel if
-- only that one is meant.
DECLARE
    its_alert ghostwatch.alert;
    channel   ghostwatch.channel;
BEGIN
    SELECT a.* INTO STRICT its_alert FROM ghostwatch.alert AS a WHERE a.alert_id = _enqueue.alert_id;

    -- Disabled channels too: what is meant for them is sent when they are enabled again.
    FOR channel IN
        SELECT c.*
        FROM ghostwatch.channel AS c
        WHERE (only_channel_id IS NULL OR c.channel_id = only_channel_id)
            AND (c.contracts IS NULL OR its_alert.contract IS NULL OR its_alert.contract = ANY (c.contracts))
            AND (
                c.min_severity = 'warn'
                OR its_alert.severity = 'error'
                OR ghostwatch._is_following(its_alert.alert_id, c.channel_id)
            )
        ORDER BY c.channel_id
    LOOP
        IF reason <> 'updated' THEN
            PERFORM ghostwatch._queue_message(its_alert, channel, reason, as_of);
        END IF;

        -- The first message always shows where the incident stands.
        PERFORM ghostwatch._queue_edit(_enqueue.alert_id, channel.channel_id, as_of);
    END LOOP;
END
$_enqueue$;

COMMENT ON FUNCTION ghostwatch._enqueue(bigint, text, timestamptz, integer) IS
'Puts a message about an alert, or an edit, into the outbox, channel by channel.';
CREATE FUNCTION ghostwatch._release_kept_messages(
    stopped_contracts text[],
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_release_kept_messages$
-- The checks of one contract may be back long before those of another: its alerts do not wait for the outage summary.
BEGIN
    UPDATE ghostwatch.notification AS n
    SET
        next_attempt_at = as_of,
        state_reason = NULL
    FROM ghostwatch.alert AS a
    WHERE n.alert_id = a.alert_id
        AND a.contract <> ALL (stopped_contracts)
        AND n.state = 'pending'
        AND n.next_attempt_at = 'infinity'
        AND n.state_reason = 'kept for the outage summary';

    IF FOUND THEN
        PERFORM ghostwatch._wake_sidecars();
    END IF;
END
$_release_kept_messages$;

COMMENT ON FUNCTION ghostwatch._release_kept_messages(text[], timestamptz) IS
'Sends what was kept for the outage summary about contracts whose checks are back.';
CREATE FUNCTION ghostwatch._enqueue_firing(
    channel_id integer,
    moved boolean,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_enqueue_firing$
-- Sends a channel the firing alerts that its chat does not know: the channel is new, or its filters let more pass.
-- Takes the channel, whether it has moved to another chat, and the time.
DECLARE
    firing bigint;
BEGIN
    FOR firing IN
        SELECT a.alert_id
        FROM ghostwatch.alert AS a
        WHERE a.state = 'firing'
            AND (moved OR NOT EXISTS (
                SELECT FROM ghostwatch.notification AS n
                WHERE n.alert_id = a.alert_id AND n.channel_id = _enqueue_firing.channel_id
            ))
        ORDER BY a.alert_id
    LOOP
        PERFORM ghostwatch._enqueue(firing, 'opened', as_of, channel_id);
    END LOOP;
END
$_enqueue_firing$;

COMMENT ON FUNCTION ghostwatch._enqueue_firing(integer, boolean, timestamptz) IS
'Sends a channel the firing alerts that its chat does not know.';
CREATE FUNCTION ghostwatch._forget_messages(
    channel_id integer
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_forget_messages$
    -- A channel leads to another chat from now on, where its messages are not: none of them can be edited or replied to.
    -- Takes the channel.
    UPDATE ghostwatch.notification
    SET message_id = NULL
    WHERE notification.channel_id = _forget_messages.channel_id
        AND notification.message_id IS NOT NULL
$_forget_messages$;

COMMENT ON FUNCTION ghostwatch._forget_messages(integer) IS
'Forgets which messages stand for incidents in a channel, as it leads to another chat from now on.';
CREATE FUNCTION ghostwatch._channel_id(
    channel text
)
RETURNS integer
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
-- A definer: names are unique over all roles, and no secret.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_channel_id$
-- The id of a channel that must exist. Raises GW049.
DECLARE
    found_id integer := (SELECT c.channel_id FROM ghostwatch.channel AS c WHERE c.name = channel);
BEGIN
    IF found_id IS NULL THEN
        RAISE EXCEPTION 'there is no channel %', quote_nullable(channel)
            USING ERRCODE = 'GW049',
                  DETAIL = coalesce(
                      (SELECT 'Channels: ' || string_agg(quote_literal(c.name), ', ' ORDER BY c.name) || '.' FROM ghostwatch.channel AS c),
                      'There is no channel yet.'
                  ),
                  HINT = format('SELECT ghostwatch.add_channel(%L, -1001234567890)', coalesce(channel, 'admins'));
    END IF;

    RETURN found_id;
END
$_channel_id$;

COMMENT ON FUNCTION ghostwatch._channel_id(text) IS
'The id of a channel that must exist. Raises GW049 (no such channel).';
CREATE FUNCTION ghostwatch._check_channel(
    channel ghostwatch.channel
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_check_channel$
-- Refuses a channel that could get no message, or not those that were meant.
-- Raises GW045 (no name or no chat), GW046 (severity or sound), GW047 (contract), GW048 (quiet hours).
DECLARE
    unknown_contract text;
BEGIN
    IF coalesce(channel.name, '') = '' OR coalesce(channel.chat_id, 0) = 0 THEN
        RAISE EXCEPTION 'a channel needs a name and the id of a chat'
            USING ERRCODE = 'GW045',
                  DETAIL = format('The name is %s, the chat id %s.', quote_nullable(channel.name), coalesce(channel.chat_id::text, 'NULL')),
                  HINT = 'SELECT ghostwatch.add_channel(''admins'', -1001234567890)';
    END IF;

    IF channel.min_severity NOT IN ('warn', 'error') THEN
        RAISE EXCEPTION 'channel % cannot get alerts of severity % and above', quote_literal(channel.name), quote_literal(channel.min_severity)
            USING ERRCODE = 'GW046',
                  DETAIL = 'Severities are ''warn'' and ''error''.',
                  HINT = format('SELECT ghostwatch.add_channel(%L, %s, min_severity => ''error'')', channel.name, channel.chat_id);
    END IF;

    IF channel.sound NOT IN ('errors', 'all', 'none') THEN
        RAISE EXCEPTION 'channel % cannot have sound %', quote_literal(channel.name), quote_literal(channel.sound)
            USING ERRCODE = 'GW046',
                  DETAIL = 'Which new messages make a sound is ''errors'', ''all'' or ''none''.',
                  HINT = format('SELECT ghostwatch.add_channel(%L, %s, sound => ''errors'')', channel.name, channel.chat_id);
    END IF;

    SELECT given.contract INTO unknown_contract
    FROM unnest(channel.contracts) AS given (contract)
    WHERE NOT EXISTS (SELECT FROM ghostwatch.contract AS c WHERE c.name = given.contract)
    LIMIT 1;

    IF FOUND THEN
        RAISE EXCEPTION 'channel % names contract %, which does not exist', quote_literal(channel.name), quote_nullable(unknown_contract)
            USING ERRCODE = 'GW047',
                  DETAIL = coalesce(
                      (SELECT 'Declared contracts: ' || string_agg(quote_literal(c.name), ', ' ORDER BY c.name) || '.' FROM ghostwatch.contract AS c),
                      'No contract is declared in this database.'
                  ),
                  HINT = format('For all contracts: SELECT ghostwatch.add_channel(%L, %s, reset => ''{contracts}'')', channel.name, channel.chat_id);
    END IF;

    IF (channel.quiet_from IS NULL) <> (channel.quiet_until IS NULL)
        OR channel.quiet_from = channel.quiet_until
        OR NOT EXISTS (SELECT FROM pg_timezone_names AS z WHERE z.name = channel.quiet_time_zone)
    THEN
        RAISE EXCEPTION 'invalid quiet hours for channel %', quote_literal(channel.name)
            USING ERRCODE = 'GW048',
                  DETAIL = format(
                      'They would go from %s to %s in time zone %s.',
                      coalesce(channel.quiet_from::text, 'NULL'), coalesce(channel.quiet_until::text, 'NULL'), quote_literal(channel.quiet_time_zone)
                  ),
                  HINT = format(
                      'SELECT ghostwatch.add_channel(%L, %s, quiet_from => ''22:00'', quiet_until => ''08:00'', quiet_time_zone => ''Europe/Berlin'')',
                      channel.name, channel.chat_id
                  );
    END IF;
END
$_check_channel$;

COMMENT ON FUNCTION ghostwatch._check_channel(ghostwatch.channel) IS
'Refuses a channel that could get no message, or not those that were meant.
Raises GW045 (no name or no chat), GW046 (severity or sound), GW047 (contract), GW048 (quiet hours).';
CREATE FUNCTION ghostwatch._require_own_channel(
    name text,
    contracts text[],
    events boolean,
    role regrole
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_require_own_channel$
-- A channel forwards alerts to a chat. The owner of ghostwatch may set up every channel.
-- Raises GW044.
DECLARE
    own       constant text[] := ARRAY(
        SELECT c.name FROM ghostwatch.contract AS c WHERE pg_has_role(role, c.owner, 'USAGE') ORDER BY c.name
    );
    installer constant name := (SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace AS n WHERE n.nspname = 'ghostwatch');
BEGIN
    IF pg_has_role(role, installer, 'USAGE') OR (NOT events AND contracts <@ own) THEN
        RETURN;
    END IF;

    RAISE EXCEPTION 'role % cannot set up channel % for what is not its own', role, quote_literal(name)
    USING
        ERRCODE = 'GW044',
        DETAIL = format(
            'It may have alerts of its own contracts sent there (%s), and no events, which carry users'' names.',
            coalesce(array_to_string(nullif(own, '{}'), ', '), 'it has none')
        ),
        HINT = format(
            'SELECT ghostwatch.add_channel(%L, chat_id => -1001234567890, contracts => %L, events => false); or as the owner of ghostwatch: SET ROLE %I;',
            name, own, installer
        );
END
$_require_own_channel$;

COMMENT ON FUNCTION ghostwatch._require_own_channel(text, text[], boolean, regrole) IS
'Refuses a channel that would copy alerts of others, or events. Raises GW044.';
CREATE FUNCTION ghostwatch._own_channel_id(
    channel text,
    role regrole
)
RETURNS integer
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_own_channel_id$
-- Called by definers: an operator sees only channels of its own.
DECLARE
    own_id constant integer := ghostwatch._channel_id(channel);
BEGIN
    PERFORM ghostwatch._require_own_channel(c.name, c.contracts, c.events, role)
    FROM ghostwatch.channel AS c
    WHERE c.channel_id = own_id;

    RETURN own_id;
END
$_own_channel_id$;

COMMENT ON FUNCTION ghostwatch._own_channel_id(text, regrole) IS
'The id of a channel that a role may set up. Raises GW049 (no such channel), GW044 (it is sent what is not the role''s own).';
CREATE FUNCTION ghostwatch.add_channel(
    name text,
    chat_id bigint DEFAULT NULL,
    thread_id integer DEFAULT NULL,
    min_severity text DEFAULT NULL,
    events boolean DEFAULT NULL,
    contracts text[] DEFAULT NULL,
    quiet_from time DEFAULT NULL,
    quiet_until time DEFAULT NULL,
    quiet_time_zone text DEFAULT NULL,
    quiet_errors boolean DEFAULT NULL,
    button_user_ids bigint[] DEFAULT NULL,
    sound text DEFAULT NULL,
    reset text[] DEFAULT '{}',
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $add_channel$
-- Adds a Telegram chat, or a topic in one, that gets alerts and events, or changes what is given of one; idempotent.
-- A chat that begins to get a firing alert is sent it at once.
-- Raises GW018 and GW044 to GW048.
DECLARE
    before ghostwatch.channel;
    after  ghostwatch.channel;
    moves  boolean;
BEGIN
    SELECT c.* INTO before FROM ghostwatch.channel AS c WHERE c.name = add_channel.name;

    after := ghostwatch._apply_declaration(
        before,
        jsonb_build_object(
            'chat_id', chat_id,
            'thread_id', thread_id,
            'min_severity', min_severity,
            'events', events,
            'contracts', contracts,
            'quiet_from', quiet_from,
            'quiet_until', quiet_until,
            'quiet_time_zone', quiet_time_zone,
            'quiet_errors', quiet_errors,
            'button_user_ids', button_user_ids,
            'sound', sound
        ),
        reset
    );
    after.name := add_channel.name;
    -- Topic 1 is General, which the Bot API knows only as "no topic".
    after.thread_id := nullif(after.thread_id, 1);
    moves := before.chat_id <> after.chat_id;

    PERFORM ghostwatch._check_channel(after);
    PERFORM ghostwatch._require_own_channel(after.name, after.contracts, after.events, role => ghostwatch._caller(credential));
    IF NOT (before IS NULL) THEN
        PERFORM ghostwatch._require_own_channel(before.name, before.contracts, before.events, role => ghostwatch._caller(credential));
    END IF;

    INSERT INTO ghostwatch.channel AS c (
        name, chat_id, thread_id, min_severity, events, contracts,
        quiet_from, quiet_until, quiet_time_zone, quiet_errors, button_user_ids, sound
    )
    VALUES (
        after.name, after.chat_id, after.thread_id, after.min_severity, after.events, after.contracts,
        after.quiet_from, after.quiet_until, after.quiet_time_zone, after.quiet_errors, after.button_user_ids, after.sound
    )
    ON CONFLICT ON CONSTRAINT channel_name_key DO UPDATE
    SET
        chat_id = excluded.chat_id,
        thread_id = excluded.thread_id,
        min_severity = excluded.min_severity,
        events = excluded.events,
        contracts = excluded.contracts,
        quiet_from = excluded.quiet_from,
        quiet_until = excluded.quiet_until,
        quiet_time_zone = excluded.quiet_time_zone,
        quiet_errors = excluded.quiet_errors,
        button_user_ids = excluded.button_user_ids,
        sound = excluded.sound,
        -- What the Bot API said about another chat or topic does not hold for this one.
        disabled_at = CASE WHEN c.chat_id = excluded.chat_id THEN c.disabled_at END,
        disabled_reason = CASE WHEN c.chat_id = excluded.chat_id THEN c.disabled_reason END,
        topic_lost_at = CASE
            WHEN (c.chat_id, c.thread_id) IS NOT DISTINCT FROM (excluded.chat_id, excluded.thread_id)
                THEN c.topic_lost_at
        END,
        migrated_at = CASE WHEN c.chat_id = excluded.chat_id THEN c.migrated_at END,
        migrated_from = CASE WHEN c.chat_id = excluded.chat_id THEN c.migrated_from END
    RETURNING c.* INTO after;

    IF moves THEN
        PERFORM ghostwatch._forget_messages(after.channel_id);
    END IF;

    PERFORM ghostwatch._enqueue_firing(after.channel_id, coalesce(moves, false), ghostwatch._clock());
END
$add_channel$;

COMMENT ON FUNCTION ghostwatch.add_channel(text, bigint, integer, text, boolean, text[], time, time, text, boolean, bigint[], text, text[], uuid) IS
'Adds a Telegram chat, or a topic in one, that gets alerts and events; adding a name again changes what is given and keeps the rest.
name: what the channel is called here. chat_id, thread_id: the chat, and the topic in it (default: none). min_severity: of its alerts, warn (the default) or error.
events: whether it gets events (default: true). contracts: only alerts of these (default: of all). quiet_from, quiet_until, quiet_time_zone (default: UTC): hours in which warnings wait.
quiet_errors: whether errors wait too (default: false). button_user_ids: the Telegram users who may press buttons there (default: nobody).
sound: which new messages make a sound: errors (the default: errors that fire), all or none.
reset: names of arguments to set back to their defaults.
Raises GW018 (an argument that cannot be reset), GW044 (alerts of others, or events), GW045 (no name or no chat), GW046 (not a severity, or not a sound), GW047 (no such contract), GW048 (invalid quiet hours).';
CREATE FUNCTION ghostwatch.remove_channel(
    name text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $remove_channel$
-- Removes a channel, with what waits for it and the record of what was sent there.
-- Takes its name. Raises GW049 if there is none of that name, GW044 if it is not the caller's.
DECLARE
    its_channel_id constant integer := ghostwatch._own_channel_id(remove_channel.name, ghostwatch._caller(credential));
BEGIN
    DELETE FROM ghostwatch.channel AS c
    WHERE c.channel_id = its_channel_id;
END
$remove_channel$;

COMMENT ON FUNCTION ghostwatch.remove_channel(text, uuid) IS
'Removes a channel, with what waits for it and the record of what was sent there. Raises GW049 (no such channel), GW044 (it is sent what is not the caller''s own).';
CREATE FUNCTION ghostwatch.enable_channel(
    name text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $enable_channel$
-- Lets a channel be sent to again, first of all what waited for it.
-- Takes its name. Raises GW049 if there is none of that name, GW044 if it is not the caller's.
DECLARE
    its_channel_id constant integer := ghostwatch._own_channel_id(enable_channel.name, ghostwatch._caller(credential));
BEGIN
    UPDATE ghostwatch.channel AS c
    SET
        disabled_at = NULL,
        disabled_reason = NULL,
        topic_lost_at = NULL
    WHERE c.channel_id = its_channel_id;

    -- What waited for the channel waits for nothing else, and what was given up there gets another chance.
    UPDATE ghostwatch.notification AS n
    SET
        next_attempt_at = ghostwatch._clock(),
        waits_for = NULL,
        unconfirmed_sends = 0
    WHERE n.channel_id = its_channel_id
        AND n.state = 'pending'
        AND n.attempts > 0
        AND isfinite(n.next_attempt_at);

    PERFORM ghostwatch._send_again(its_channel_id, ghostwatch._clock(), ghostwatch._caller(credential));

    UPDATE ghostwatch.chat AS held
    SET
        next_send_at = ghostwatch._clock(),
        held_until = NULL
    FROM ghostwatch.channel AS c
    WHERE c.channel_id = its_channel_id
        AND held.chat_id = c.chat_id;

    PERFORM ghostwatch._wake_sidecars();
END
$enable_channel$;

COMMENT ON FUNCTION ghostwatch.enable_channel(text, uuid) IS
'Lets a channel be sent to again; what waited for it goes out. Raises GW049 (no such channel), GW044 (it is sent what is not the caller''s own).';
CREATE FUNCTION ghostwatch.disable_channel(
    name text,
    reason text DEFAULT NULL,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $disable_channel$
-- Sends nothing to a channel until it is enabled again; what is meant for it waits.
-- Takes its name and the reason, which the doctor shows. Raises GW049 if there is none of that name, GW044 if it is not the caller's.
DECLARE
    its_channel_id constant integer := ghostwatch._own_channel_id(disable_channel.name, ghostwatch._caller(credential));
BEGIN
    UPDATE ghostwatch.channel AS c
    SET
        disabled_at = ghostwatch._clock(),
        disabled_reason = coalesce(nullif(disable_channel.reason, ''), 'disabled by hand')
    WHERE c.channel_id = its_channel_id;
END
$disable_channel$;

COMMENT ON FUNCTION ghostwatch.disable_channel(text, text, uuid) IS
'Sends nothing to a channel until ghostwatch.enable_channel(); what is meant for it waits. Raises GW049 (no such channel), GW044 (it is sent what is not the caller''s own).';
CREATE FUNCTION ghostwatch.post_event(
    kind text,
    subject_key text,
    payload jsonb
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that an application's role needs no right on the outbox.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $post_event$
-- Records an event for the admins, which is no alert, in the caller's transaction and without NOTIFY:
-- notifying commits take one lock of the whole database, which a signup must not wait for.
-- Returns the event's number. A key is cut at 500 characters: an index holds no longer one, and must refuse no signup.
-- Raises GW042 for an event without kind or subject, or whose payload is no object.
DECLARE
    kept   jsonb := post_event.payload;
    posted bigint;
BEGIN
    IF coalesce(post_event.kind, '') = ''
        OR coalesce(post_event.subject_key, '') = ''
        OR jsonb_typeof(post_event.payload) IS DISTINCT FROM 'object'
    THEN
        RAISE EXCEPTION 'event % cannot be recorded', quote_nullable(post_event.kind)
        USING
            ERRCODE = 'GW042',
            DETAIL = format('subject_key is %s, payload is %s.',
                quote_nullable(post_event.subject_key), coalesce(jsonb_typeof(post_event.payload), 'NULL')),
            HINT = 'For example: SELECT ghostwatch.post_event(''user_started'', ''42'', ''{"name": "Anna", "new": true}'');';
    END IF;

    -- A name may be megabytes long, and is kept, gathered and read several times. Most events are short.
    IF pg_column_size(kept) > 2000 THEN
        SELECT coalesce(jsonb_object_agg(left(part.key, 100), left(part.value, 300)), '{}')
        INTO kept
        FROM (
            SELECT each.key, each.value
            FROM jsonb_each_text(post_event.payload) AS each
            LIMIT 50
        ) AS part;

        -- Numbers, flags and NULL keep their types.
        kept := kept || coalesce(
            (
                SELECT jsonb_object_agg(plain.key, plain.value)
                FROM jsonb_each(post_event.payload) AS plain
                WHERE jsonb_typeof(plain.value) IN ('boolean', 'number', 'null')
                    AND kept ? plain.key
                    AND pg_column_size(plain.value) < 100
            ),
            '{}'
        );
    END IF;

    INSERT INTO ghostwatch.event (kind, subject_key, payload, created_at)
    VALUES (left(post_event.kind, 100), left(post_event.subject_key, 500), kept, ghostwatch._clock())
    RETURNING event.event_id
    INTO posted;

    RETURN posted;
END
$post_event$;

COMMENT ON FUNCTION ghostwatch.post_event(text, text, jsonb) IS
'Records an event for the admins, which is no alert; it is sent with others within seconds.
kind: what happened, such as user_started. subject_key: to whom. payload: an object with what messages show: name, username, user_type, branch, language, new.
Events are counted by branch, or by its family in the contract that payload names in contract.
Raises GW042 (a malformed event).';
CREATE FUNCTION ghostwatch._pace_chat(
    chat_id bigint,
    recent_sends timestamptz[],
    hold_until timestamptz DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_pace_chat$
-- Notes when messages went to a chat, and computes when the next one may.
-- Takes the times, oldest first, and the moment before which the server wants nothing, if it said one.
-- Only groups (negative numbers) have a limit per minute.
BEGIN
    UPDATE ghostwatch.chat
    SET
        recent_sends = recent.sends,
        next_send_at = greatest(
            _pace_chat.hold_until,
            recent.sends[cardinality(recent.sends)] + ghostwatch._setting('chat_interval')::interval,
            CASE
                WHEN chat.chat_id < 0
                    THEN recent.sends[cardinality(recent.sends) - allowed.per_minute + 1] + '1 minute'::interval
            END
        )
    FROM (SELECT ghostwatch._setting('group_messages_per_minute')::integer) AS allowed (per_minute)
    CROSS JOIN LATERAL (
        SELECT _pace_chat.recent_sends[greatest(cardinality(_pace_chat.recent_sends) - allowed.per_minute + 1, 1):]
    ) AS recent (sends)
    WHERE chat.chat_id = _pace_chat.chat_id;
END
$_pace_chat$;

COMMENT ON FUNCTION ghostwatch._pace_chat(bigint, timestamptz[], timestamptz) IS
'Notes when messages went to a chat, and computes when the next one may.';
CREATE FUNCTION ghostwatch._chat_answered(
    channel_id integer,
    as_of timestamptz,
    hold interval DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_chat_answered$
-- Corrects the time of a chat's last message from the claim to the answer: Telegram counts arrivals,
-- and a slow connection must not bring two of them closer together than was meant.
-- Takes the channel, the time, and how long the chat is to be left alone, if it said so.
BEGIN
    PERFORM ghostwatch._pace_chat(
        chat.chat_id,
        chat.recent_sends[1:cardinality(chat.recent_sends) - 1] || _chat_answered.as_of,
        _chat_answered.as_of + _chat_answered.hold
    )
    FROM ghostwatch.channel
    INNER JOIN ghostwatch.chat
        ON chat.chat_id = channel.chat_id
    WHERE channel.channel_id = _chat_answered.channel_id;
END
$_chat_answered$;

COMMENT ON FUNCTION ghostwatch._chat_answered(integer, timestamptz, interval) IS
'Corrects the time of a chat''s last message from the claim to the answer, and holds the chat for as long as was asked.';
CREATE FUNCTION ghostwatch._merge_events(
    one jsonb,
    other jsonb
)
RETURNS jsonb
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- Makes one gathering of events out of two, of which the first is the older or empty ('{}').
    -- A gathering counts its events by kind, branch and newcomers, and keeps them whole only while
    -- they are so few that a message can list them. Its size stays bounded however many branches come.
    WITH counted AS (
        SELECT
            counts.kind,
            counts.branch,
            counts.new,
            sum(counts.count) AS count,
            row_number() OVER (ORDER BY sum(counts.count) DESC, counts.kind, counts.branch, counts.new) AS place
        FROM jsonb_array_elements(jsonb_build_array(_merge_events.one, _merge_events.other)) AS part (gathering)
        CROSS JOIN
            jsonb_to_recordset(part.gathering -> 'counts')
                AS counts (kind text, branch text, new boolean, count bigint)
        GROUP BY counts.kind, counts.branch, counts.new
    ),

    bounded AS (
        SELECT
            counted.kind,
            CASE WHEN counted.place <= 50 THEN counted.branch ELSE 'other' END AS branch,
            counted.new,
            sum(counted.count) AS count
        FROM counted
        GROUP BY counted.kind, CASE WHEN counted.place <= 50 THEN counted.branch ELSE 'other' END, counted.new
    )

    SELECT
        jsonb_build_object(
            'count', sum(bounded.count),
            'first_at', coalesce(_merge_events.one ->> 'first_at', _merge_events.other ->> 'first_at'),
            'last_at', _merge_events.other ->> 'last_at',
            'counts', jsonb_agg(to_jsonb(bounded) ORDER BY bounded.count DESC, bounded.kind, bounded.branch, bounded.new),
            'events',
            CASE
                WHEN sum(bounded.count) <= 10
                    THEN coalesce(_merge_events.one -> 'events', '[]') || (_merge_events.other -> 'events')
                ELSE '[]'
            END
        )
    FROM bounded;
END;

COMMENT ON FUNCTION ghostwatch._merge_events(jsonb, jsonb) IS
'One gathering of events out of two: counts by kind, branch and newcomers, and the events themselves while they are ten or fewer.';
CREATE FUNCTION ghostwatch._event_branch(
    payload jsonb
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- Of branches without bound, such as links, one would count few events each. Found when events are gathered, so that it
    -- costs a signup nothing.
    SELECT left(
        CASE
            WHEN payload ->> 'branch' IS NULL THEN 'none'
            WHEN payload ->> 'contract' IS NULL THEN payload ->> 'branch'
            ELSE coalesce(
                (
                    SELECT declared.family
                    FROM ghostwatch.branch_family AS declared
                    INNER JOIN ghostwatch.contract ON declared.contract_id = contract.contract_id
                    WHERE
                        contract.name = payload ->> 'contract'
                        AND payload ->> 'branch' LIKE declared.pattern
                    ORDER BY length(declared.pattern) DESC, declared.pattern
                    LIMIT 1
                ),
                'other'
            )
        END,
        64
    );
END;

COMMENT ON FUNCTION ghostwatch._event_branch(jsonb) IS
'What an event is counted by: its branch, or the family of its branch in the contract that it names.';
CREATE FUNCTION ghostwatch._gather_events(
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_gather_events$
-- Turns the waiting events into one notification per channel that wants events.
-- Events that come while a channel's notification still waits are added to it, and between two such
-- messages lies the setting event_interval: a rush of signups becomes a handful of messages.
-- Takes the time; at most 10,000 events a call, so that no call takes long.
DECLARE
    gathering jsonb;
    target    record;
BEGIN
    -- Whoever calls this holds the lock under which sidecars claim.
    IF NOT EXISTS (SELECT FROM ghostwatch.event WHERE event.gathered_at IS NULL) THEN
        RETURN;
    END IF;

    WITH taken AS (
        UPDATE ghostwatch.event
        SET gathered_at = _gather_events.as_of
        WHERE event.event_id IN (
            SELECT waiting.event_id
            FROM ghostwatch.event AS waiting
            WHERE waiting.gathered_at IS NULL
            ORDER BY waiting.event_id
            LIMIT 10000
        )
        RETURNING event.*
    ),

    counted AS (
        SELECT
            taken.kind,
            ghostwatch._event_branch(taken.payload) AS branch,
            taken.payload @> '{"new": true}' AS new,
            count(*) AS count
        FROM taken
        GROUP BY 1, 2, 3
    ),

    told_whole AS (
        SELECT taken.*
        FROM taken
        ORDER BY taken.event_id
        LIMIT 10
    )

    SELECT jsonb_build_object(
        'first_at', (SELECT min(taken.created_at) FROM taken),
        'last_at', (SELECT max(taken.created_at) FROM taken),
        'counts', (SELECT jsonb_agg(to_jsonb(counted)) FROM counted),
        'events', (SELECT jsonb_agg(to_jsonb(told_whole) ORDER BY told_whole.event_id) FROM told_whole)
    )
    INTO gathering;

    -- A channel that is out of order keeps its events until it is enabled again.
    FOR target IN
        SELECT
            channel.channel_id,
            waiting.notification_id,
            (
                SELECT max(earlier.sent_at)
                FROM ghostwatch.notification AS earlier
                WHERE earlier.channel_id = channel.channel_id
                    AND earlier.reason = 'events'
                    AND earlier.state = 'sent'
                    AND earlier.created_at > _gather_events.as_of - '1 day'::interval
            ) AS last_notified_at
        FROM ghostwatch.channel
        LEFT JOIN LATERAL (
            SELECT pending.notification_id
            FROM ghostwatch.notification AS pending
            WHERE pending.channel_id = channel.channel_id
                AND pending.reason = 'events'
                AND pending.state = 'pending'
            ORDER BY pending.notification_id DESC
            LIMIT 1
            FOR UPDATE SKIP LOCKED
        ) AS waiting
            ON true
        WHERE channel.events
    LOOP
        IF target.notification_id IS NOT NULL THEN
            UPDATE ghostwatch.notification
            SET payload = ghostwatch._merge_events(notification.payload, gathering)
            WHERE notification.notification_id = target.notification_id;
        ELSE
            INSERT INTO ghostwatch.notification (channel_id, reason, payload, created_at, next_attempt_at)
            VALUES (
                target.channel_id,
                'events',
                ghostwatch._merge_events('{}', gathering),
                _gather_events.as_of,
                greatest(_gather_events.as_of, target.last_notified_at + ghostwatch._setting('event_interval')::interval)
            );
        END IF;
    END LOOP;
END
$_gather_events$;

COMMENT ON FUNCTION ghostwatch._gather_events(timestamptz) IS
'Turns the waiting events into one notification per channel that wants events.';
CREATE FUNCTION ghostwatch._is_silent(
    channel ghostwatch.channel,
    reason text,
    alert jsonb,
    covered jsonb,
    is_quiet boolean
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_is_silent$
    -- Sounds are for what somebody must act on: an error that fires, and a channel that gets nothing any more. The rest
    -- is read when somebody looks. In quiet hours only errors make a sound, and only where they do not wait.
    -- Takes the channel, the reason, the alert and the alerts that a digest covers, and whether these are quiet hours.
    SELECT
        CASE
            WHEN _is_silent.reason = 'updated' OR _is_silent.channel.sound = 'none' THEN true
            WHEN is_quiet AND _is_silent.channel.quiet_errors THEN true
            WHEN is_quiet OR _is_silent.channel.sound = 'errors' THEN NOT (
                _is_silent.reason = 'channel_closed'
                OR (_is_silent.reason <> 'details' AND coalesce(_is_silent.alert @> '{"state": "firing", "severity": "error"}', false))
                OR coalesce(_is_silent.covered @> '[{"state": "firing", "severity": "error"}]', false)
            )
            ELSE false
        END
$_is_silent$;

COMMENT ON FUNCTION ghostwatch._is_silent(ghostwatch.channel, text, jsonb, jsonb, boolean) IS
'Whether a message arrives without a sound: edits always, the rest by severity, as the channel says.
reason, alert, covered: of the notification; alert and covered may be NULL. is_quiet: whether the channel has quiet hours now.';
CREATE FUNCTION ghostwatch._send_priority(
    reason text,
    severity text
)
RETURNS integer
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- A chat may get so few messages that those which wait are sent by urgency, not by age.
    SELECT
        CASE
            WHEN _send_priority.reason IN ('opened', 'escalated', 'reopened', 'silence_ended') AND _send_priority.severity = 'error' THEN 0
            WHEN _send_priority.reason = 'resolved' THEN 2
            WHEN _send_priority.reason = 'updated' THEN 3
            WHEN _send_priority.reason = 'events' THEN 4
            ELSE 1
        END;
END;

COMMENT ON FUNCTION ghostwatch._send_priority(text, text) IS
'How urgent a notification is: 0 for a new error, 1 for any other new message, 2 for a resolution, 3 for an edit, 4 for events.
reason: as in ghostwatch.notification. severity: of its alert, NULL without one.';
CREATE FUNCTION ghostwatch._room_at(
    chat ghostwatch.chat,
    priority integer,
    per_minute integer
)
RETURNS timestamptz
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- Of what a group may get in a minute, edits take at most half, and whatever is no new error at most three quarters:
    -- a new error never waits because of what was less urgent. Events may take more than edits, so that a chat in which
    -- there is always something to edit gets events too; for the same reason edits have this limit in every chat.
    SELECT
        CASE
            WHEN _room_at.chat.chat_id < 0 OR _room_at.priority = 3
                THEN _room_at.chat.recent_sends[
                    cardinality(_room_at.chat.recent_sends) + 1
                    - ceil(_room_at.per_minute * (CASE _room_at.priority WHEN 0 THEN 1 WHEN 3 THEN 0.5 ELSE 0.75 END))::integer
                ] + '1 minute'::interval
        END;
END;

COMMENT ON FUNCTION ghostwatch._room_at(ghostwatch.chat, integer, integer) IS
'When a chat may get one more message of a priority within its messages per minute; NULL if it may at any time.
priority: as ghostwatch._send_priority() gives it. per_minute: the setting group_messages_per_minute.';
CREATE FUNCTION ghostwatch._next_notification(
    chat_id bigint,
    as_of timestamptz
)
RETURNS SETOF ghostwatch.notification
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $_next_notification$
    -- What is sent to a chat next: the most urgent first, of these the oldest, each incident in order.
    -- Takes the chat and the time; returns no row while one of its messages is in some sidecar's hands,
    -- since two at once could arrive in either order.
    SELECT candidate.*
    FROM ghostwatch.channel
    INNER JOIN ghostwatch.chat
        ON chat.chat_id = channel.chat_id
    INNER JOIN ghostwatch.notification AS candidate
        ON candidate.channel_id = channel.channel_id
    LEFT JOIN ghostwatch.alert
        ON alert.alert_id = candidate.alert_id
    CROSS JOIN LATERAL (SELECT ghostwatch._send_priority(candidate.reason, alert.severity)) AS its (priority)
    WHERE channel.chat_id = _next_notification.chat_id
        AND channel.disabled_at IS NULL
        AND candidate.state IN ('pending', 'claimed')
        AND candidate.next_attempt_at <= _next_notification.as_of
        AND coalesce(
            ghostwatch._room_at(chat, its.priority, (SELECT ghostwatch._setting('group_messages_per_minute')::integer))
            <= _next_notification.as_of,
            true
        )
        AND NOT EXISTS (
            SELECT
            FROM ghostwatch.notification AS earlier
            WHERE earlier.alert_id = candidate.alert_id
                AND earlier.channel_id = candidate.channel_id
                AND earlier.state IN ('pending', 'claimed')
                -- An edit is silent and shows the present whenever it comes: it waits for the rest, and nothing waits for it.
                -- Nothing waits for details either, which a person asked for.
                AND earlier.reason NOT IN ('updated', 'details')
                AND (earlier.notification_id < candidate.notification_id OR candidate.reason = 'updated')
        )
        AND NOT EXISTS (
            SELECT
            FROM ghostwatch.channel AS beside
            INNER JOIN ghostwatch.notification AS in_flight
                ON in_flight.channel_id = beside.channel_id
            WHERE beside.chat_id = _next_notification.chat_id
                AND in_flight.state = 'claimed'
                AND in_flight.lease_until > _next_notification.as_of
        )
    ORDER BY
        its.priority,
        candidate.created_at,
        candidate.notification_id
    LIMIT 1
$_next_notification$;

COMMENT ON FUNCTION ghostwatch._next_notification(bigint, timestamptz) IS
'What is sent to a chat next, if anything.';
CREATE FUNCTION ghostwatch._message_facts(
    alert_id bigint
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_message_facts$
-- An alert as it stands now, with what a message says about its invariant (durations in seconds).
BEGIN
    RETURN (
        SELECT
            to_jsonb(alert)
            || jsonb_build_object(
                'subject_label', contract.subject_label,
                'missing_label', invariant.missing_label,
                'lack', CASE WHEN invariant.invariant_id IS NOT NULL THEN ghostwatch._lack(invariant.*) END,
                'no_row', invariant.no_row,
                'warn_after', extract(EPOCH FROM invariant.warn_after),
                'error_after', extract(EPOCH FROM invariant.error_after),
                'watch_for', extract(EPOCH FROM invariant.watch_for),
                'runbook_url', invariant.runbook_url,
                'silence', to_jsonb(silence),
                'mark', ghostwatch._mark_before(alert)
            )
        FROM ghostwatch.alert
        LEFT JOIN ghostwatch.invariant
            ON invariant.invariant_id = alert.invariant_id
        LEFT JOIN ghostwatch.contract
            ON contract.contract_id = invariant.contract_id
        LEFT JOIN ghostwatch.silence
            ON silence.silence_id = alert.silence_id
        WHERE alert.alert_id = _message_facts.alert_id
    );
END
$_message_facts$;

COMMENT ON FUNCTION ghostwatch._message_facts(bigint) IS
'An alert as it stands now, as JSON, with what a message says about its invariant (durations in seconds).';
CREATE FUNCTION ghostwatch._adapt_to_digest(
    digest_id bigint,
    channel_id integer
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_adapt_to_digest$
    -- A digest that is being sent shows its alerts as they are now. Of what waits behind it, a resolution is already in
    -- the digest, and so is the severity of an alert that escalated: what remains to be sent is that it still fires.
    -- Takes the digest and its channel.
    UPDATE ghostwatch.notification AS behind
    SET
        reason = CASE behind.reason WHEN 'escalated' THEN 'repeated' ELSE behind.reason END,
        state = CASE behind.reason WHEN 'resolved' THEN 'superseded' ELSE behind.state END,
        state_reason = CASE behind.reason WHEN 'resolved' THEN 'covered by a digest' ELSE behind.state_reason END,
        covered_by = CASE behind.reason WHEN 'resolved' THEN _adapt_to_digest.digest_id ELSE behind.covered_by END
    WHERE behind.channel_id = _adapt_to_digest.channel_id
        AND behind.state = 'pending'
        AND behind.reason IN ('escalated', 'resolved')
        AND behind.alert_id IN (
            SELECT (covered.alert ->> 'alert_id')::bigint
            FROM jsonb_array_elements(ghostwatch._covered_alerts(_adapt_to_digest.digest_id)) AS covered (alert)
        )
$_adapt_to_digest$;

COMMENT ON FUNCTION ghostwatch._adapt_to_digest(bigint, integer) IS
'Adapts what waits behind a digest that is being sent to the content of the digest.';
CREATE FUNCTION ghostwatch._incident_message(
    alert_id bigint,
    channel_id integer
)
RETURNS bigint
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_incident_message$
-- The message that stands for an incident in a channel: edited as counts change, replied to by the rest.
-- It is the first one sent; where an edit had to become a new message, it is that one.
BEGIN
    RETURN (
        SELECT notification.message_id
        FROM ghostwatch.notification
        WHERE notification.alert_id = _incident_message.alert_id
            AND notification.channel_id = _incident_message.channel_id
            AND notification.message_id IS NOT NULL
        ORDER BY
            notification.reason = 'updated' DESC,
            CASE WHEN notification.reason = 'updated' THEN -notification.notification_id ELSE notification.notification_id END
        LIMIT 1
    );
END
$_incident_message$;

COMMENT ON FUNCTION ghostwatch._incident_message(bigint, integer) IS
'The Telegram message that stands for an incident in a channel, or NULL if none was sent yet.';
CREATE FUNCTION ghostwatch._later_message(
    notification ghostwatch.notification
)
RETURNS bigint
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_later_message$
    -- Messages are rendered from the state of the alert when they are sent, so one that a later step has overtaken
    -- would say what that step says, under a reason that holds no more. Any state of the later one counts: where it
    -- is suppressed, so is this one. A digest is overtaken by the next one of its channel.
    -- Takes a message; returns the id of the one that takes its place, NULL if there is none. Edits have no place.
    SELECT max(later.notification_id)
    FROM (
        SELECT step.notification_id
        FROM ghostwatch.notification AS step
        WHERE step.alert_id = notification.alert_id
            AND step.channel_id = notification.channel_id
            AND step.notification_id > notification.notification_id
            AND step.reason NOT IN ('updated', 'details')
            AND notification.reason NOT IN ('updated', 'details')
        UNION ALL
        SELECT digest.notification_id
        FROM ghostwatch.notification AS digest
        WHERE digest.channel_id = notification.channel_id
            AND digest.notification_id <> notification.notification_id
            AND digest.reason = 'digest'
            AND digest.state = 'pending'
            AND notification.reason = 'digest'
    ) AS later
$_later_message$;

COMMENT ON FUNCTION ghostwatch._later_message(ghostwatch.notification) IS
'The later message of its channel that takes the place of a notification which is not sent yet; NULL if there is none.';
CREATE FUNCTION ghostwatch._requeue(
    claimed ghostwatch.notification,
    error text,
    next_attempt_at timestamptz,
    attempts integer
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_requeue$
-- Puts a notification back among the waiting ones, unless a later one has taken its place.
-- Takes it, what went wrong, when to try again, and how many attempts count by now.
DECLARE
    later constant bigint := ghostwatch._later_message(claimed);
BEGIN
    -- The later digest takes over what was kept back for this one.
    UPDATE ghostwatch.notification
    SET covered_by = later
    WHERE notification.covered_by = claimed.notification_id
        AND later IS NOT NULL;

    UPDATE ghostwatch.notification
    SET
        state = CASE WHEN later IS NULL THEN 'pending' ELSE 'superseded' END,
        state_reason = _requeue.error,
        covered_by = later,
        claimed_by = NULL,
        lease_until = NULL,
        attempts = _requeue.attempts,
        next_attempt_at = _requeue.next_attempt_at
    WHERE notification.notification_id = claimed.notification_id;
END
$_requeue$;

COMMENT ON FUNCTION ghostwatch._requeue(ghostwatch.notification, text, timestamptz, integer) IS
'Puts a claimed notification back among the waiting ones, unless a later one has taken its place.';
CREATE FUNCTION ghostwatch._reclaim(
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_reclaim$
-- Takes back the claims of sidecars that died or lost the database. It is not known whether they sent the message.
-- Takes the time; at most 1,000 claims a call.
DECLARE
    expired ghostwatch.notification;
BEGIN
    FOR expired IN
        SELECT lost.*
        FROM ghostwatch.notification AS lost
        WHERE lost.state = 'claimed'
            AND lost.lease_until <= as_of
        ORDER BY lost.notification_id
        LIMIT 1000
        FOR UPDATE
    LOOP
        UPDATE ghostwatch.notification AS n
        SET unconfirmed_at = coalesce(n.unconfirmed_at, n.rendered_at)
        WHERE n.notification_id = expired.notification_id;

        PERFORM ghostwatch._requeue(expired, 'its sidecar did not report', as_of, expired.attempts);
    END LOOP;
END
$_reclaim$;

COMMENT ON FUNCTION ghostwatch._reclaim(timestamptz) IS
'Takes back what sidecars hold longer than their lease.';
CREATE FUNCTION ghostwatch._send_again(
    channel_id integer,
    as_of timestamptz,
    caller regrole
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_send_again$
-- Puts what was given up back among the waiting notifications, except where a later message has said it since.
-- Takes the channel, or NULL for all, the time, and the role whose alerts these are (the owner of ghostwatch: all). Returns how many wait again.
DECLARE
    failed   ghostwatch.notification;
    retried  bigint := 0;
BEGIN
    FOR failed IN
        SELECT n.*
        FROM ghostwatch.notification AS n
        WHERE n.state = 'failed'
            AND (_send_again.channel_id IS NULL OR n.channel_id = _send_again.channel_id)
            AND (
                pg_has_role(caller, (SELECT s.nspowner FROM pg_namespace AS s WHERE s.nspname = 'ghostwatch'), 'USAGE')
                OR n.alert_id IN (
                    SELECT a.alert_id
                    FROM ghostwatch.alert AS a
                    LEFT JOIN ghostwatch.contract AS c
                        ON c.name = a.contract
                    WHERE a.contract IS NULL
                        OR pg_has_role(caller, c.owner, 'USAGE')
                )
            )
        ORDER BY n.notification_id
        FOR UPDATE
    LOOP
        PERFORM ghostwatch._requeue(failed, failed.state_reason, as_of, 0);

        UPDATE ghostwatch.notification AS n
        SET
            waits_for = NULL,
            unconfirmed_sends = 0
        WHERE n.notification_id = failed.notification_id
            AND n.state = 'pending';
        retried := retried + CASE WHEN FOUND THEN 1 ELSE 0 END;
    END LOOP;

    RETURN retried;
END
$_send_again$;

COMMENT ON FUNCTION ghostwatch._send_again(integer, timestamptz, regrole) IS
'Puts what was given up in a channel, or in all, back among the waiting notifications. Returns how many wait again.';
CREATE FUNCTION ghostwatch._claimed_notification(
    notification_id bigint,
    worker text
)
RETURNS ghostwatch.notification
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_claimed_notification$
    -- The notification that a sidecar holds, locked; NULL if another one has taken over the claim.
    -- Takes the notification and the sidecar's name.
    SELECT held.*
    FROM ghostwatch.notification AS held
    WHERE held.notification_id = _claimed_notification.notification_id
        AND held.state = 'claimed'
        AND held.claimed_by = _claimed_notification.worker
    FOR UPDATE
$_claimed_notification$;

COMMENT ON FUNCTION ghostwatch._claimed_notification(bigint, text) IS
'The notification that a sidecar holds, locked; NULL if it does not hold it any more.';
CREATE FUNCTION ghostwatch._one_line(
    words text,
    longest integer DEFAULT 200
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_one_line$
    -- What was said elsewhere, as one line without control characters, cut to its first characters.
    -- (Character classes are written with colons, which some drivers take for the beginning of a parameter's name.)
    SELECT left(regexp_replace(left(words, 4 * longest), replace('[[#cntrl#][#space#]]+', '#', ':'), ' ', 'g'), longest)
$_one_line$;

COMMENT ON FUNCTION ghostwatch._one_line(text, integer) IS
'A text as one line without control characters, cut to so many characters.';
CREATE FUNCTION ghostwatch._give_up(
    claimed ghostwatch.notification,
    error text
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_give_up$
    -- Trying a claimed notification again would not help, or would send it once too often.
    UPDATE ghostwatch.notification
    SET
        state = 'failed',
        state_reason = error,
        claimed_by = NULL,
        lease_until = NULL,
        attempts = claimed.attempts + 1
    WHERE notification.notification_id = claimed.notification_id
$_give_up$;

COMMENT ON FUNCTION ghostwatch._give_up(ghostwatch.notification, text) IS
'Marks a claimed notification as failed.';
CREATE FUNCTION ghostwatch._hold_chat(
    channel_id integer,
    held_until timestamptz,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_hold_chat$
-- Sends nothing to a chat for as long as Telegram asked, and nothing to any chat where it asked the same for another one:
-- the limit of the whole bot ends at one moment for every chat that meets it, and the answer contains nothing else.
DECLARE
    its_chat_id constant bigint := (
        SELECT c.chat_id FROM ghostwatch.channel AS c WHERE c.channel_id = _hold_chat.channel_id
    );
BEGIN
    UPDATE ghostwatch.chat AS c
    SET held_until = _hold_chat.held_until
    WHERE c.chat_id = its_chat_id;

    UPDATE ghostwatch.dispatch AS d
    SET held_until = greatest(d.held_until, _hold_chat.held_until)
    WHERE EXISTS (
        SELECT
        FROM ghostwatch.chat AS other
        WHERE other.chat_id <> its_chat_id
            AND other.held_until > _hold_chat.as_of
            AND other.held_until BETWEEN _hold_chat.held_until - '3 seconds'::interval
                AND _hold_chat.held_until + '3 seconds'::interval
    );
END
$_hold_chat$;

COMMENT ON FUNCTION ghostwatch._hold_chat(integer, timestamptz, timestamptz) IS
'Sends nothing to a chat until a time, and nothing to any chat where another one has the same time.';
CREATE FUNCTION ghostwatch._due_again(
    waited_for text[],
    as_of timestamptz
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_due_again$
    -- What several notifications waited for has come: all of them are due, whatever back-off each is in.
    UPDATE ghostwatch.notification
    SET
        next_attempt_at = _due_again.as_of,
        waits_for = NULL
    WHERE notification.state = 'pending'
        AND notification.waits_for = ANY (_due_again.waited_for)
$_due_again$;

COMMENT ON FUNCTION ghostwatch._due_again(text[], timestamptz) IS
'Makes everything due that waited for Telegram or for the token.';
CREATE FUNCTION ghostwatch._announce_closed_channel(
    closed ghostwatch.channel,
    as_of timestamptz
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_announce_closed_channel$
    -- The readers of a closed channel get nothing there any more, but perhaps read another one.
    INSERT INTO ghostwatch.notification (channel_id, reason, payload, created_at, next_attempt_at)
    SELECT
        other.channel_id,
        'channel_closed',
        jsonb_build_object('channel', closed.name, 'error', closed.disabled_reason),
        as_of,
        as_of
    FROM ghostwatch.channel AS other
    WHERE other.channel_id <> closed.channel_id
        AND other.chat_id <> closed.chat_id
        AND other.disabled_at IS NULL
$_announce_closed_channel$;

COMMENT ON FUNCTION ghostwatch._announce_closed_channel(ghostwatch.channel, timestamptz) IS
'Puts a message about a closed channel into the outbox of the others.';
CREATE FUNCTION ghostwatch._reason_for_channel(
    notification ghostwatch.notification
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_reason_for_channel$
    -- Why a message is sent, given what its channel got about the alert before: a chat always reads a history that is
    -- possible. An alert about which nothing was sent there opens there, even if it escalates; one that came back since
    -- the last message comes back there, whatever else happened; and a second resolution says that it came back.
    -- A message that may have arrived counts only where it may have been a RESOLVED.
    -- Takes the notification; returns a reason of ghostwatch.notification, or 'resolved_again'.
    WITH RECURSIVE earlier AS (
        SELECT step.notification_id, step.state, coalesce(step.rendered_at, step.sent_at) AS rendered_at, step.unconfirmed_at, step.covered_by
        FROM ghostwatch.notification AS step
        WHERE step.alert_id = notification.alert_id
            AND step.channel_id = notification.channel_id
            AND step.reason NOT IN ('updated', 'details')
        UNION
        -- The digest or the later message that took its place.
        SELECT cover.notification_id, cover.state, coalesce(cover.rendered_at, cover.sent_at), cover.unconfirmed_at, cover.covered_by
        FROM earlier
        INNER JOIN ghostwatch.notification AS cover
            ON cover.notification_id = earlier.covered_by
    ),

    known AS (
        SELECT
            max(earlier.rendered_at) FILTER (WHERE earlier.state = 'sent') AS last_at,
            least(min(earlier.rendered_at) FILTER (WHERE earlier.state = 'sent'), min(earlier.unconfirmed_at)) AS first_at
        FROM earlier
        WHERE earlier.notification_id <> notification.notification_id
    )

    SELECT
        CASE
            WHEN notification.reason NOT IN ('escalated', 'reopened', 'repeated', 'silence_ended', 'resolved')
                THEN notification.reason
            WHEN alert.reopened_at > coalesce(known.last_at, '-infinity') AND known.first_at < alert.reopened_at
                THEN CASE notification.reason WHEN 'resolved' THEN 'resolved_again' ELSE 'reopened' END
            WHEN notification.reason <> 'resolved' AND (known.last_at IS NULL OR alert.reopened_at > known.last_at) THEN 'opened'
            ELSE notification.reason
        END
    FROM known
    LEFT JOIN ghostwatch.alert
        ON alert.alert_id = notification.alert_id
$_reason_for_channel$;

COMMENT ON FUNCTION ghostwatch._reason_for_channel(ghostwatch.notification) IS
'Why a message about an alert is sent, given what its channel got about the alert before.';
CREATE FUNCTION ghostwatch._overdue_since(
    as_of timestamptz
)
RETURNS timestamptz
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_overdue_since$
    -- Since when the oldest notification waits that should be in its chat by now: also one that waits for its next
    -- attempt, for a chat that is held, or for a channel that is closed. What has its own time (a digest, an outage summary, an
    -- edit) is not late before it.
    SELECT min(greatest(n.created_at, CASE WHEN n.attempts = 0 AND n.waits_for IS NULL THEN n.next_attempt_at END))
    FROM ghostwatch.notification AS n
    WHERE n.state IN ('pending', 'claimed')
        AND isfinite(n.next_attempt_at)
        AND (n.next_attempt_at <= _overdue_since.as_of OR n.attempts > 0 OR n.waits_for IS NOT NULL)
$_overdue_since$;

COMMENT ON FUNCTION ghostwatch._overdue_since(timestamptz) IS
'Since when the oldest notification waits that should have been sent by now; NULL if none does.';
CREATE FUNCTION ghostwatch._delivery_problems(
    as_of timestamptz
)
RETURNS SETOF text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_delivery_problems$
    -- What keeps alerts back at the moment, a sentence each; no row while all is well.
    -- A closed channel matters where no other channel gets the alert; a digest that waits there counts as one alert.
    SELECT format('Channel %s is closed (%s), and no other channel gets %s.', c.name, c.disabled_reason, ghostwatch._pluralize(count(DISTINCT coalesce(n.alert_id, -n.notification_id)), 'alert'))
    FROM ghostwatch.channel AS c
    INNER JOIN ghostwatch.notification AS n
        ON n.channel_id = c.channel_id
    WHERE c.disabled_at IS NOT NULL
        AND n.state = 'pending'
        AND n.reason NOT IN ('updated', 'events', 'details', 'channel_closed')
        AND NOT EXISTS (
            SELECT
            FROM ghostwatch.notification AS other
            INNER JOIN ghostwatch.channel AS reached
                ON reached.channel_id = other.channel_id
            WHERE other.alert_id = n.alert_id
                AND other.state <> 'failed'
                AND reached.disabled_at IS NULL
        )
    GROUP BY c.channel_id
    UNION ALL
    SELECT format('Telegram wants nothing sent to channel %s before %s.', c.name, held.held_until::timestamptz(0))
    FROM ghostwatch.chat AS held
    INNER JOIN ghostwatch.channel AS c
        ON c.chat_id = held.chat_id
    WHERE held.held_until > as_of + '1 minute'::interval
        AND EXISTS (
            SELECT
            FROM ghostwatch.notification AS n
            WHERE n.channel_id = c.channel_id
                AND n.state IN ('pending', 'claimed')
        )
    UNION ALL
    SELECT format('Telegram wants nothing sent by this bot before %s.', d.held_until::timestamptz(0))
    FROM ghostwatch.dispatch AS d
    WHERE d.held_until > as_of + '1 minute'::interval
        AND isfinite(d.held_until)
    UNION ALL
    SELECT format('The oldest notification that should have been sent waits since %s.', o.since::timestamptz(0))
    FROM ghostwatch._overdue_since(as_of) AS o (since)
    WHERE o.since < as_of - '5 minutes'::interval
$_delivery_problems$;

COMMENT ON FUNCTION ghostwatch._delivery_problems(timestamptz) IS
'What keeps alerts back at the moment, a sentence each.';
CREATE FUNCTION ghostwatch.retry_failed(
    channel text DEFAULT NULL,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $retry_failed$
-- Sends once more what was given up, of one channel or of all, except where a later message has said it since.
-- Takes the channel's name, or NULL for all. Returns how many notifications wait again. Raises GW049.
DECLARE
    its_channel_id constant integer := CASE
        WHEN retry_failed.channel IS NOT NULL THEN ghostwatch._channel_id(retry_failed.channel)
    END;
    retried        bigint;
BEGIN
    retried := ghostwatch._send_again(its_channel_id, ghostwatch._clock(), ghostwatch._caller(credential));

    IF retried > 0 THEN
        PERFORM ghostwatch._wake_sidecars();
    END IF;

    RETURN retried;
END
$retry_failed$;

COMMENT ON FUNCTION ghostwatch.retry_failed(text, uuid) IS
'Sends once more what was given up, of one channel or of all. Returns how many notifications wait again. Raises GW049 (no such channel).';
CREATE FUNCTION ghostwatch._explain_delivery(
    its_alert ghostwatch.alert
)
RETURNS TABLE (
    channel text,
    outcome text
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_explain_delivery$
    -- Every channel, and why it was or was not sent an alert.
    -- Takes the alert. The filters are those of now: what was sent before a change is listed as sent.
    SELECT
        c.name,
        concat_ws(
            '; ',
            CASE
                WHEN outbox.steps IS NOT NULL THEN outbox.steps
                WHEN its_alert.contract <> ALL (c.contracts)
                    THEN format('not sent: the channel gets %s only', array_to_string(c.contracts, ', '))
                WHEN c.min_severity = 'error' AND its_alert.severity = 'warn'
                    THEN 'not sent: the channel gets errors only, and this is a warning'
                ELSE 'not sent: the channel did not exist, or had another filter, when the messages were due'
            END,
            CASE
                WHEN c.disabled_at IS NOT NULL
                    THEN format('the channel is closed since %s: %s', c.disabled_at::timestamptz(0), c.disabled_reason)
            END
        )
    FROM ghostwatch.channel AS c
    CROSS JOIN LATERAL (
        SELECT
            string_agg(
                concat_ws(
                    ' ',
                    n.reason,
                    n.state,
                    'at ' || n.sent_at::timestamptz(0),
                    CASE
                        WHEN n.state = 'superseded' THEN format('by notification %s', coalesce(n.covered_by::text, 'none'))
                        ELSE '(' || n.state_reason || ')'
                    END
                ),
                ', '
                ORDER BY n.notification_id
            ) AS steps
        FROM ghostwatch.notification AS n
        WHERE n.alert_id = its_alert.alert_id
            AND n.channel_id = c.channel_id
            AND n.reason <> 'updated'
    ) AS outbox
    ORDER BY c.name
$_explain_delivery$;

COMMENT ON FUNCTION ghostwatch._explain_delivery(ghostwatch.alert) IS
'Every channel, and why it was or was not sent an alert.';
CREATE FUNCTION ghostwatch._explain_notification(
    notification ghostwatch.notification,
    as_of timestamptz,
    OUT cause text,
    OUT finding text,
    OUT advice text
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_explain_notification$
-- What became of a notification or, while it waits, the first thing on its way that it waits for.
-- Takes the notification, one that nothing covers, and the time. Returns one word for the cause, a sentence, and what
-- to type, if there is something.
DECLARE
    -- As long as the doctor gives a sidecar.
    alive_from  constant timestamptz := as_of - '2 minutes'::interval;
    its_channel ghostwatch.channel;
    its_chat    ghostwatch.chat;
    dispatch    ghostwatch.dispatch;
    problem     text;
    ahead       bigint;
BEGIN
    SELECT c.* INTO STRICT its_channel FROM ghostwatch.channel AS c WHERE c.channel_id = notification.channel_id;
    SELECT c.* INTO its_chat FROM ghostwatch.chat AS c WHERE c.chat_id = its_channel.chat_id;
    SELECT d.* INTO dispatch FROM ghostwatch.dispatch AS d;

    -- It has an end already.
    IF notification.state = 'sent' THEN
        cause := 'sent';
        finding := format(
            'Sent as message %s to chat %s at %s.',
            coalesce(notification.message_id::text, 'of unknown number'), its_channel.chat_id, notification.sent_at::timestamptz(0)
        );
        RETURN;
    ELSIF notification.state = 'failed' THEN
        cause := 'refused';
        finding := format('Given up: %s', notification.state_reason);
        advice := 'SELECT ghostwatch.retry_failed();';
        RETURN;
    ELSIF notification.state IN ('suppressed', 'superseded') THEN
        cause := CASE
            WHEN notification.state_reason LIKE '%silence%' THEN 'silence'
            WHEN notification.state_reason LIKE 'quiet hours%' THEN 'quiet_hours'
            ELSE notification.state
        END;
        finding := format('Not sent: %s.', notification.state_reason);
        RETURN;
    END IF;

    -- It is not due yet.
    IF NOT isfinite(notification.next_attempt_at) THEN
        cause := 'kept';
        finding := format('It waits, %s.', notification.state_reason);
        RETURN;
    ELSIF notification.reason = 'digest' AND notification.next_attempt_at > as_of AND notification.attempts = 0 THEN
        cause := 'quiet_hours';
        finding := format('It waits for the digest at the end of the quiet hours, at %s.', notification.next_attempt_at::timestamptz(0));
        RETURN;
    END IF;

    -- Its channel
    IF its_channel.disabled_at IS NOT NULL THEN
        cause := CASE WHEN its_channel.disabled_reason ILIKE '%chat not found%' THEN 'wrong_chat' ELSE 'channel_closed' END;
        finding := format(
            'It waits, since channel %s (chat %s) is closed since %s: %s',
            its_channel.name, its_channel.chat_id, its_channel.disabled_at::timestamptz(0), its_channel.disabled_reason
        );
        advice := CASE
            WHEN cause = 'wrong_chat' THEN format('SELECT ghostwatch.add_channel(%L, chat_id => ...);', its_channel.name)
            ELSE format('SELECT ghostwatch.enable_channel(%L); -- when it is put right', its_channel.name)
        END;
        RETURN;
    END IF;

    -- Who sends it
    SELECT s.problem INTO problem
    FROM ghostwatch.sidecar AS s
    WHERE s.seen_at >= alive_from
    ORDER BY s.cannot_send, s.seen_at DESC
    LIMIT 1;
    IF NOT FOUND THEN
        cause := 'sidecar_down';
        finding := concat_ws(
            ' ',
            'It waits, since no sidecar is running.',
            (SELECT format('The last one, %s, was seen at %s.', s.worker, s.seen_at::timestamptz(0)) FROM ghostwatch.sidecar AS s ORDER BY s.seen_at DESC LIMIT 1)
        );
        advice := 'ghostwatch notify';
        RETURN;
    END IF;

    -- What Telegram says about the bot, or about the chat
    IF notification.waits_for = 'token' OR problem LIKE 'the bot token%' THEN
        cause := 'token';
        finding := format('It waits, since Telegram refuses the bot token (%s).', coalesce(problem, notification.state_reason));
        advice := 'ghostwatch send-test ' || its_channel.name;
    ELSIF notification.waits_for = 'messenger' OR problem LIKE 'Telegram%' THEN
        cause := 'telegram';
        finding := format('It waits, since Telegram did not take it (%s).', coalesce(problem, notification.state_reason));
        advice := 'ghostwatch send-test ' || its_channel.name;
    ELSIF greatest(dispatch.held_until, its_chat.held_until) > as_of THEN
        cause := 'told_to_wait';
        finding := format(
            'It waits, since Telegram wants nothing sent %s before %s.',
            CASE WHEN dispatch.held_until > as_of THEN 'by this bot' ELSE format('to chat %s', its_channel.chat_id) END,
            greatest(dispatch.held_until, its_chat.held_until)::timestamptz(0)
        );
    ELSIF notification.state = 'claimed' AND notification.lease_until > as_of THEN
        cause := 'claimed';
        finding := format('Sidecar %s is sending it, until %s at most.', notification.claimed_by, notification.lease_until::timestamptz(0));
    ELSE
        SELECT count(*)
        INTO ahead
        FROM ghostwatch.notification AS n
        INNER JOIN ghostwatch.channel AS c USING (channel_id)
        WHERE c.chat_id = its_channel.chat_id
            AND n.state IN ('pending', 'claimed')
            AND n.next_attempt_at <= as_of
            AND n.reason NOT IN ('events', 'updated')
            AND n.notification_id < notification.notification_id;
        cause := CASE WHEN ahead > 0 OR its_chat.next_send_at > as_of THEN 'pace' ELSE 'due' END;
        finding := CASE cause
            WHEN 'pace' THEN format(
                'It waits for its turn: %s before it in chat %s, which gets the next message %s.',
                ghostwatch._pluralize(ahead, 'notification'), its_channel.chat_id,
                CASE WHEN its_chat.next_send_at > as_of THEN format('at %s', its_chat.next_send_at::timestamptz(0)) ELSE 'now' END
            )
            ELSE format('It is due since %s, and a sidecar takes it within seconds.', notification.next_attempt_at::timestamptz(0))
        END;
    END IF;
END
$_explain_notification$;

COMMENT ON FUNCTION ghostwatch._explain_notification(ghostwatch.notification, timestamptz) IS
'What became of a notification that no other covers, or what it waits for.
cause: sent, refused, silence, quiet_hours, suppressed, superseded, kept, wrong_chat, channel_closed, sidecar_down, token, telegram, told_to_wait, claimed, pace or due.';
CREATE FUNCTION ghostwatch._explain_messages(
    its_alert ghostwatch.alert,
    as_of timestamptz
)
RETURNS TABLE (
    channel text,
    messages text,
    cause text,
    finding text,
    advice text
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_explain_messages$
    -- Every channel, and what became of each message about an alert: of several that one message covers, only that one.
    WITH RECURSIVE step AS (
        SELECT n.notification_id AS first_id, n.reason, n.notification_id, n.covered_by
        FROM ghostwatch.notification AS n
        WHERE n.alert_id = its_alert.alert_id
            AND n.reason NOT IN ('updated', 'details')
        UNION
        SELECT step.first_id, step.reason, n.notification_id, n.covered_by
        FROM step
        INNER JOIN ghostwatch.notification AS n
            ON n.notification_id = step.covered_by
    ),

    outcome AS (
        SELECT n.channel_id, n AS notification, string_agg(step.reason, ', ' ORDER BY step.first_id) AS messages
        FROM step
        INNER JOIN ghostwatch.notification AS n USING (notification_id)
        WHERE step.covered_by IS NULL
        GROUP BY n.channel_id, n.notification_id, n
    )

    SELECT c.name, outcome.messages, told.cause, told.finding, told.advice
    FROM outcome
    INNER JOIN ghostwatch.channel AS c USING (channel_id)
    CROSS JOIN LATERAL ghostwatch._explain_notification(outcome.notification, as_of) AS told
    UNION ALL
    SELECT d.channel, NULL, 'filter', d.outcome, NULL
    FROM ghostwatch._explain_delivery(its_alert) AS d
    WHERE d.channel NOT IN (SELECT c.name FROM outcome INNER JOIN ghostwatch.channel AS c USING (channel_id))
    ORDER BY 1, 2
$_explain_messages$;

COMMENT ON FUNCTION ghostwatch._explain_messages(ghostwatch.alert, timestamptz) IS
'Every channel, and what became of each message about an alert.';

-- sidecar: what the sidecar may call; the folder is what grant_sidecar() grants
CREATE FUNCTION ghostwatch.claim_notifications(
    worker text,
    max_rows integer DEFAULT 10,
    lease interval DEFAULT '30 seconds'
)
RETURNS TABLE (
    notification_id bigint,
    channel text,
    chat_id bigint,
    thread_id integer,
    reason text,
    alert jsonb,
    payload jsonb,
    edit_message_id bigint,
    reply_to_message_id bigint,
    attempts integer,
    buttons boolean,
    as_of timestamptz,
    time_zone text,
    silent boolean,
    wait double precision
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $claim_notifications$
-- Gives a sidecar what it may send now, at most one notification per chat.
-- Takes the sidecar's name, how many it wants, and how long it may take: whatever it has neither reported nor
-- renewed by then, another sidecar gets. Returns where to, what, which message to edit or reply to, whether there
-- are buttons under it, the present time, the channel's time zone, whether it is to make no sound, and for how many
-- seconds to wait before it is sent.
-- One row is locked meanwhile, so that all sidecars together keep the bot's pace.
-- Raises GW040 for a nameless sidecar, or for a count or lease out of bounds.
#variable_conflict use_column
DECLARE
    present   timestamptz;
    dispatch  ghostwatch.dispatch;
    -- A tenth is left for messages that overtake each other on the way.
    spacing   constant interval := '1 second'::interval / greatest(ghostwatch._setting('messages_per_second')::integer * 0.9, 1);
    slot      timestamptz;
    allowance integer;
    ready     record;
    claimed   record;
BEGIN
    IF coalesce(worker, '') = ''
        OR length(worker) > 100
        OR coalesce(max_rows, 0) NOT BETWEEN 1 AND 100
        OR coalesce(lease, '0') NOT BETWEEN '3 seconds' AND '10 minutes'
    THEN
        RAISE EXCEPTION 'invalid claim of sidecar %', quote_nullable(left(worker, 100))
        USING
            ERRCODE = 'GW040',
            DETAIL = format(
                'max_rows is %s (from 1 to 100), lease is %s (from 3 seconds to 10 minutes).',
                coalesce(max_rows::text, 'NULL'), coalesce(lease::text, 'NULL')
            ),
            HINT = 'For example: SELECT * FROM ghostwatch.claim_notifications(''sidecar-1'', 10, ''30 seconds'');';
    END IF;

    -- A dump of an installation that never sent anything has no row.
    INSERT INTO ghostwatch.dispatch DEFAULT VALUES ON CONFLICT DO NOTHING;

    SELECT d.* INTO dispatch FROM ghostwatch.dispatch AS d FOR UPDATE;
    present := ghostwatch._clock();

    PERFORM ghostwatch._gather_events(present);

    PERFORM ghostwatch._reclaim(present);

    IF dispatch.held_until > present THEN
        RETURN;
    END IF;

    INSERT INTO ghostwatch.chat (chat_id)
    SELECT DISTINCT addressed.chat_id
    FROM ghostwatch.notification AS waiting
    INNER JOIN ghostwatch.channel AS addressed
        ON addressed.channel_id = waiting.channel_id
    WHERE waiting.state IN ('pending', 'claimed')
        AND NOT EXISTS (SELECT FROM ghostwatch.chat AS known WHERE known.chat_id = addressed.chat_id)
    ON CONFLICT DO NOTHING;

    -- Each message has its own time; no sidecar gets more than what is due within a second.
    slot := greatest(dispatch.next_send_at, present);
    allowance := ceil(extract(EPOCH FROM present + '1 second'::interval - slot) / extract(EPOCH FROM spacing));

    FOR ready IN
        SELECT open.chat_id
        FROM ghostwatch.chat AS open
        CROSS JOIN LATERAL ghostwatch._next_notification(open.chat_id, present) AS head
        LEFT JOIN ghostwatch.alert AS its_alert
            ON its_alert.alert_id = head.alert_id
        WHERE open.next_send_at <= present
            AND coalesce(open.held_until <= present, true)
            -- Most chats have nothing waiting most of the time.
            AND open.chat_id IN (
                SELECT addressed.chat_id
                FROM ghostwatch.notification AS waiting
                INNER JOIN ghostwatch.channel AS addressed
                    ON addressed.channel_id = waiting.channel_id
                WHERE waiting.state IN ('pending', 'claimed')
            )
        ORDER BY
            ghostwatch._send_priority(head.reason, its_alert.severity),
            head.created_at,
            head.notification_id
        LIMIT greatest(least(max_rows, allowance), 0)
        FOR UPDATE OF open
    LOOP
        UPDATE ghostwatch.notification AS taken
        SET
            state = 'claimed',
            claimed_by = worker,
            lease_until = present + lease,
            rendered_at = present,
            waits_for = NULL
        FROM ghostwatch._next_notification(ready.chat_id, present) AS head
        INNER JOIN ghostwatch.channel AS target
            ON target.channel_id = head.channel_id
        WHERE taken.notification_id = head.notification_id
        RETURNING
            taken AS notification,
            taken.*,
            target.name AS channel_name,
            target.chat_id,
            target.button_user_ids <> '{}' AS has_buttons,
            target.quiet_time_zone AS time_zone,
            target AS its_channel,
            ghostwatch._quiet_until(target, present) IS NOT NULL AS is_quiet,
            CASE WHEN target.topic_lost_at IS NULL THEN target.thread_id END AS thread_id,
            CASE
                WHEN target.topic_lost_at IS NOT NULL
                    THEN jsonb_build_object('strayed', jsonb_build_object('thread_id', target.thread_id, 'state', target.topic_state))
                ELSE '{}'
            END AS strayed,
            ghostwatch._incident_message(taken.alert_id, taken.channel_id) AS incident_message,
            EXISTS (
                SELECT
                FROM ghostwatch.notification AS sent
                WHERE sent.alert_id = taken.alert_id
                    AND sent.channel_id = taken.channel_id
                    AND sent.state = 'sent'
            ) AS is_known
        INTO claimed;
        CONTINUE WHEN NOT FOUND;

        -- What was to be edited was taken back: an edit must not become the first message about an alert.
        IF claimed.reason = 'updated' AND claimed.incident_message IS NULL AND NOT claimed.is_known THEN
            UPDATE ghostwatch.notification AS idle
            SET
                state = 'superseded',
                state_reason = 'there is no message to edit',
                claimed_by = NULL,
                lease_until = NULL,
                rendered_at = NULL
            WHERE idle.notification_id = claimed.notification_id;
            CONTINUE;
        END IF;

        IF claimed.reason = 'digest' THEN
            PERFORM ghostwatch._adapt_to_digest(claimed.notification_id, claimed.channel_id);
        END IF;

        PERFORM ghostwatch._pace_chat(ready.chat_id, used.recent_sends || slot)
        FROM ghostwatch.chat AS used
        WHERE used.chat_id = ready.chat_id;

        notification_id := claimed.notification_id;
        channel := claimed.channel_name;
        chat_id := claimed.chat_id;
        thread_id := claimed.thread_id;
        reason := ghostwatch._reason_for_channel(claimed.notification);
        alert := ghostwatch._message_facts(claimed.alert_id);
        payload := claimed.payload || claimed.strayed || CASE
            WHEN claimed.reason IN ('digest', 'outage_summary', 'maintenance')
                THEN jsonb_build_object('alerts', ghostwatch._covered_alerts(claimed.notification_id))
            ELSE '{}'
        END;
        edit_message_id := CASE WHEN claimed.reason = 'updated' THEN claimed.incident_message END;
        reply_to_message_id := CASE WHEN claimed.reason <> 'updated' THEN claimed.incident_message END;
        attempts := claimed.attempts;
        -- Only the message that is edited later can lose its buttons when the alert is over.
        buttons := claimed.has_buttons
            AND coalesce(alert ->> 'state' = 'firing' AND alert ->> 'kind' <> 'drill', false)
            AND (claimed.incident_message IS NULL OR claimed.reason = 'updated')
            AND claimed.reason <> 'details';
        silent := ghostwatch._is_silent(claimed.its_channel, claimed.reason, alert, payload -> 'alerts', claimed.is_quiet);
        as_of := present;
        time_zone := claimed.time_zone;
        wait := extract(EPOCH FROM slot - present);
        RETURN NEXT;

        slot := slot + spacing;
    END LOOP;

    -- The sidecar waits from when it is given them, which is later than the present by what all this has taken.
    UPDATE ghostwatch.dispatch
    SET next_send_at = slot + (ghostwatch._clock() - present)
    WHERE slot > present;
END
$claim_notifications$;

COMMENT ON FUNCTION ghostwatch.claim_notifications(text, integer, interval) IS
'Gives a sidecar what it may send now, at most one notification per chat, for the time of the lease. Raises GW040 (arguments out of bounds).';
CREATE FUNCTION ghostwatch.next_due_in()
RETURNS interval
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $next_due_in$
-- How long a sidecar that was given nothing may rest before it asks again.
-- Returns the time until some notification falls due and its chat may be written to; NULL while none waits.
DECLARE
    as_of      constant timestamptz := ghostwatch._clock();
    per_minute constant integer := ghostwatch._setting('group_messages_per_minute')::integer;
    due_at     timestamptz;
    dispatch   ghostwatch.dispatch;
BEGIN
    SELECT min(greatest(
        notification.next_attempt_at,
        chat.next_send_at,
        chat.held_until,
        notification.lease_until,
        ghostwatch._room_at(chat, ghostwatch._send_priority(notification.reason, alert.severity), per_minute)
    ))
    INTO due_at
    FROM ghostwatch.notification
    INNER JOIN ghostwatch.channel
        ON channel.channel_id = notification.channel_id
    LEFT JOIN ghostwatch.chat
        ON chat.chat_id = channel.chat_id
    LEFT JOIN ghostwatch.alert
        ON alert.alert_id = notification.alert_id
    WHERE notification.state IN ('pending', 'claimed')
        AND channel.disabled_at IS NULL
        -- What is kept for an outage summary has no time yet.
        AND isfinite(notification.next_attempt_at);

    SELECT d.* INTO dispatch FROM ghostwatch.dispatch AS d;

    -- Sidecars are given what is due within a second.
    RETURN greatest(
        due_at,
        CASE WHEN due_at IS NOT NULL AND isfinite(dispatch.held_until) THEN dispatch.held_until END,
        CASE WHEN due_at IS NOT NULL AND isfinite(dispatch.next_send_at) THEN dispatch.next_send_at - '1 second'::interval END
    ) - as_of;
END
$next_due_in$;

COMMENT ON FUNCTION ghostwatch.next_due_in() IS
'How long a sidecar that was given nothing may rest before it asks again; NULL while nothing waits.';
CREATE FUNCTION ghostwatch.renew_claims(
    notification_ids bigint[],
    worker text,
    lease interval
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $renew_claims$
    -- Keeps what a sidecar is still sending from being sent by another one as well.
    -- Takes the notifications, the sidecar's name, and how much longer it may take: ten minutes at most.
    UPDATE ghostwatch.notification
    SET lease_until = ghostwatch._clock() + least(greatest(renew_claims.lease, '3 seconds'), '10 minutes')
    WHERE notification.notification_id = ANY (renew_claims.notification_ids)
        AND notification.state = 'claimed'
        AND notification.claimed_by = renew_claims.worker
$renew_claims$;

COMMENT ON FUNCTION ghostwatch.renew_claims(bigint[], text, interval) IS
'Keeps what a sidecar is still sending from being sent by another one as well.';
CREATE FUNCTION ghostwatch.notification_sent(
    notification_id bigint,
    worker text,
    message_id bigint
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $notification_sent$
-- Records that a notification reached its chat.
-- Takes the notification, who sent it, and the message it became. Returns whether this was news.
-- What waited because Telegram did not answer is due now.
-- It counts even after the lease has ended: the message is there, whoever holds the claim by now, and even if a later
-- one was to take its place.
DECLARE
    as_of  constant timestamptz := ghostwatch._clock();
    target integer;
    drilled bigint;
BEGIN
    UPDATE ghostwatch.notification
    SET
        state = 'sent',
        state_reason = NULL,
        covered_by = NULL,
        claimed_by = notification_sent.worker,
        lease_until = NULL,
        waits_for = NULL,
        message_id = notification_sent.message_id,
        sent_at = as_of
    WHERE notification.notification_id = notification_sent.notification_id
        AND notification.state IN ('pending', 'claimed', 'superseded')
        AND notification.rendered_at IS NOT NULL
    RETURNING notification.channel_id, notification.alert_id
    INTO target, drilled;

    PERFORM ghostwatch._chat_answered(target, as_of);

    PERFORM ghostwatch._due_again('{messenger}', as_of);
    PERFORM ghostwatch._advance_drill(drilled, as_of);

    RETURN target IS NOT NULL;
END
$notification_sent$;

COMMENT ON FUNCTION ghostwatch.notification_sent(bigint, text, bigint) IS
'Records that a notification reached its chat, and as which message; false if that was known already.';
CREATE FUNCTION ghostwatch.notification_retry(
    notification_id bigint,
    worker text,
    error text,
    retry_after interval DEFAULT NULL,
    waits_for text DEFAULT NULL,
    unconfirmed boolean DEFAULT false
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $notification_retry$
-- Gives a claimed notification back, to be tried again.
-- Takes the notification, who held it, why, how long Telegram asked to wait, what else it waits for ('messenger' or
-- 'token'), and whether it may have arrived although no answer came.
-- If Telegram asked to wait, the whole chat is left alone for as long, an hour at most (then it is asked again), and
-- the attempt does not count. If not, it backs off with jitter, up to half a minute, and the rest goes on.
-- What may have arrived twice is not sent a third time: it is given up. The doctor reports it, retry_failed() sends it.
-- Returns false if another sidecar has taken over the claim.
DECLARE
    as_of   constant timestamptz := ghostwatch._clock();
    asked   constant interval := CASE
        WHEN notification_retry.retry_after IS NOT NULL THEN least(greatest(notification_retry.retry_after, '0'), '1 hour')
    END;
    said    constant text := ghostwatch._one_line(notification_retry.error);
    claimed constant ghostwatch.notification := ghostwatch._claimed_notification(notification_id, worker);
    attempt integer;
BEGIN
    IF claimed.notification_id IS NULL THEN
        RETURN false;
    END IF;

    IF notification_retry.unconfirmed AND claimed.unconfirmed_sends > 0 THEN
        PERFORM ghostwatch._give_up(claimed, format('sent twice without an answer, so it may have arrived (%s)', said));
        PERFORM ghostwatch._advance_drill(claimed.alert_id, as_of);
    ELSE
        attempt := claimed.attempts + CASE WHEN asked IS NULL THEN 1 ELSE 0 END;

        PERFORM ghostwatch._requeue(
            claimed,
            said,
            as_of + coalesce(asked, least(2 ^ least(attempt - 1, 5), 30) * (0.75 + random() / 2) * '1 second'::interval),
            attempt
        );

        UPDATE ghostwatch.notification AS n
        SET
            waits_for = CASE
                WHEN asked IS NOT NULL THEN 'chat'
                WHEN notification_retry.waits_for = 'token' THEN 'token'
                ELSE 'messenger'
            END,
            unconfirmed_sends = n.unconfirmed_sends + CASE WHEN notification_retry.unconfirmed THEN 1 ELSE 0 END
        WHERE n.notification_id = claimed.notification_id
            AND n.state = 'pending';
    END IF;

    IF notification_retry.unconfirmed THEN
        UPDATE ghostwatch.notification AS n
        SET unconfirmed_at = coalesce(n.unconfirmed_at, n.rendered_at)
        WHERE n.notification_id = claimed.notification_id;
    END IF;

    PERFORM ghostwatch._chat_answered(claimed.channel_id, as_of);

    IF asked IS NOT NULL THEN
        PERFORM ghostwatch._hold_chat(claimed.channel_id, as_of + asked, as_of);
    END IF;

    RETURN true;
END
$notification_retry$;

COMMENT ON FUNCTION ghostwatch.notification_retry(bigint, text, text, interval, text, boolean) IS
'Gives a claimed notification back, to be tried again after the time that Telegram asked for, or after a back-off.';
CREATE FUNCTION ghostwatch.notification_failed(
    notification_id bigint,
    worker text,
    error text,
    disable_channel boolean DEFAULT false
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $notification_failed$
-- Records that trying again would not help.
-- Takes the notification, who held it, why, and whether it is the channel's fault: then the channel is
-- disabled with the reason, the other channels get a message about that, and the notification waits until it is enabled.
-- Otherwise it is given up.
-- Returns false if another sidecar has taken over the claim.
DECLARE
    as_of   constant timestamptz := ghostwatch._clock();
    said    constant text := ghostwatch._one_line(notification_failed.error);
    claimed constant ghostwatch.notification := ghostwatch._claimed_notification(notification_id, worker);
    closed  ghostwatch.channel;
BEGIN
    IF claimed.notification_id IS NULL THEN
        RETURN false;
    END IF;

    IF notification_failed.disable_channel THEN
        UPDATE ghostwatch.channel
        SET
            disabled_at = as_of,
            disabled_reason = said
        WHERE channel.channel_id = claimed.channel_id
            AND channel.disabled_at IS NULL
        RETURNING channel.* INTO closed;

        PERFORM ghostwatch._requeue(claimed, said, as_of, claimed.attempts + 1);

        IF closed.channel_id IS NOT NULL THEN
            PERFORM ghostwatch._announce_closed_channel(closed, as_of);
        END IF;
    ELSE
        PERFORM ghostwatch._give_up(claimed, said);
    END IF;

    PERFORM ghostwatch._chat_answered(claimed.channel_id, as_of);
    PERFORM ghostwatch._advance_drill(claimed.alert_id, as_of);

    RETURN true;
END
$notification_failed$;

COMMENT ON FUNCTION ghostwatch.notification_failed(bigint, text, text, boolean) IS
'Records that trying again would not help; where it is the channel''s fault, disables the channel and lets the notification wait.';
CREATE FUNCTION ghostwatch.preview_notifications(
    max_rows integer DEFAULT 100
)
RETURNS SETOF jsonb
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
ROWS 10
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $preview_notifications$
-- What sidecars would be given to send from now on, each message as if those before it had been sent.
-- Takes how many at most. Returns rows of ghostwatch.claim_notifications(), in which a message of the preview has the
-- negative number of its notification. The pace is left out; chats that are held, and channels that are closed, get nothing.
-- It claims and reports as a sidecar does and undoes that: only what the variables hold remains.
DECLARE
    shown jsonb[] := '{}'::jsonb[];
    given jsonb;
    found boolean := true;
BEGIN
    BEGIN
        WHILE found AND cardinality(shown) < max_rows LOOP
            found := false;
            UPDATE ghostwatch.chat SET next_send_at = '-infinity', recent_sends = '{}';
            UPDATE ghostwatch.dispatch SET next_send_at = '-infinity';

            FOR given IN
                SELECT to_jsonb(c)
                FROM ghostwatch.claim_notifications('preview', least(max_rows - cardinality(shown), 100)) AS c
            LOOP
                found := true;
                shown := shown || given;
                PERFORM ghostwatch.notification_sent((given ->> 'notification_id')::bigint, 'preview', -(given ->> 'notification_id')::bigint);
            END LOOP;
        END LOOP;

        RAISE EXCEPTION SQLSTATE 'UNDO0';
    EXCEPTION
        WHEN SQLSTATE 'UNDO0' THEN
            NULL;
    END;

    RETURN QUERY SELECT s FROM unnest(shown) AS s;
END
$preview_notifications$;

COMMENT ON FUNCTION ghostwatch.preview_notifications(integer) IS
'What sidecars would send from now on, without sending or changing anything: rows of ghostwatch.claim_notifications() as JSON.';
CREATE FUNCTION ghostwatch.messenger_back()
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $messenger_back$
    -- Telegram answers again and takes the token: everything that waited for that is due.
    SELECT ghostwatch._due_again('{messenger,token}', ghostwatch._clock())
$messenger_back$;

COMMENT ON FUNCTION ghostwatch.messenger_back() IS
'Telegram answers again and takes the token: makes everything due that waited for that.';
CREATE FUNCTION ghostwatch.hold_all_chats(
    retry_after interval
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $hold_all_chats$
    -- Telegram asked the bot itself to wait, whatever the chat.
    -- Takes for how long; more than an hour counts as an hour, after which Telegram is asked again.
    INSERT INTO ghostwatch.dispatch AS d (held_until)
    VALUES (ghostwatch._clock() + least(greatest(hold_all_chats.retry_after, '0'), '1 hour'))
    ON CONFLICT ON CONSTRAINT dispatch_pkey DO UPDATE
    SET held_until = greatest(d.held_until, excluded.held_until)
$hold_all_chats$;

COMMENT ON FUNCTION ghostwatch.hold_all_chats(interval) IS
'Sends nothing to any chat for as long as Telegram asked the bot itself to wait, an hour at most.';
CREATE FUNCTION ghostwatch.channel_migrated(
    old_chat_id bigint,
    new_chat_id bigint
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $channel_migrated$
    -- Follows a group that became a supergroup, in every channel that led there, and notes where it came from.
    -- Takes the number that Telegram refused and the one it gave instead. Messages are numbered anew there.
    -- Only a chat that is being sent to can turn out to have moved, and only groups do.
    WITH migrated AS (
        UPDATE ghostwatch.channel
        SET
            chat_id = channel_migrated.new_chat_id,
            migrated_at = ghostwatch._clock(),
            migrated_from = channel_migrated.old_chat_id
        WHERE channel.chat_id = channel_migrated.old_chat_id
            AND channel_migrated.old_chat_id < 0
            AND channel_migrated.new_chat_id < 0
            AND EXISTS (
                SELECT
                FROM ghostwatch.channel AS beside
                INNER JOIN ghostwatch.notification AS in_flight
                    ON in_flight.channel_id = beside.channel_id
                WHERE beside.chat_id = channel_migrated.old_chat_id
                    AND in_flight.state = 'claimed'
            )
        RETURNING channel.channel_id
    )

    SELECT ghostwatch._forget_messages(migrated.channel_id)
    FROM migrated
$channel_migrated$;

COMMENT ON FUNCTION ghostwatch.channel_migrated(bigint, bigint) IS
'Follows a group that became a supergroup: its channels get the new chat id.';
CREATE FUNCTION ghostwatch.channel_topic_lost(
    channel text,
    thread_id integer,
    state text DEFAULT 'gone'
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $channel_topic_lost$
    -- Remembers that a channel's topic is gone or closed, so that messages go to the chat itself from now on.
    -- Takes the channel's name, the topic and which of the two: if it was given another one meanwhile, nothing is lost.
    UPDATE ghostwatch.channel
    SET
        topic_lost_at = ghostwatch._clock(),
        topic_state = CASE channel_topic_lost.state WHEN 'closed' THEN 'closed' ELSE 'gone' END
    WHERE channel.name = channel_topic_lost.channel
        AND channel.thread_id = channel_topic_lost.thread_id
        AND channel.topic_lost_at IS NULL
$channel_topic_lost$;

COMMENT ON FUNCTION ghostwatch.channel_topic_lost(text, integer, text) IS
'Remembers that a channel''s topic is gone or closed: its messages go to the chat itself from now on.';
CREATE FUNCTION ghostwatch.channel_address(
    channel text
)
RETURNS TABLE (
    chat_id bigint,
    thread_id integer
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 1
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $channel_address$
-- Where a channel leads, for a test message.
-- Takes the channel's name. Raises GW049 for a channel that does not exist.
DECLARE
    its_channel_id constant integer := ghostwatch._channel_id(channel);
BEGIN
    RETURN QUERY
    SELECT
        addressed.chat_id,
        addressed.thread_id
    FROM ghostwatch.channel AS addressed
    WHERE addressed.channel_id = its_channel_id;
END
$channel_address$;

COMMENT ON FUNCTION ghostwatch.channel_address(text) IS
'Where a channel leads: chat and topic. Raises GW049 (no such channel).';
CREATE FUNCTION ghostwatch.lead_buttons(
    worker text,
    lease interval
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $lead_buttons$
-- Whether this sidecar is the one that reads which buttons are pressed: two readers would take each other's updates.
-- Takes its name and for how long it wants to be, ten minutes at most; it asks again before that is over.
DECLARE
    as_of constant timestamptz := ghostwatch._clock();
BEGIN
    INSERT INTO ghostwatch.dispatch DEFAULT VALUES ON CONFLICT DO NOTHING;

    UPDATE ghostwatch.dispatch
    SET
        buttons_reader = left(lead_buttons.worker, 100),
        buttons_reader_until = as_of + least(greatest(lead_buttons.lease, '0'), '10 minutes')
    WHERE coalesce(dispatch.buttons_reader_until <= as_of, true)
        OR dispatch.buttons_reader = left(lead_buttons.worker, 100);

    RETURN FOUND;
END
$lead_buttons$;

COMMENT ON FUNCTION ghostwatch.lead_buttons(text, interval) IS
'Whether this sidecar is the one that reads which buttons are pressed, from now on for a while.';
CREATE FUNCTION ghostwatch.press_button(
    chat_id bigint,
    user_id bigint,
    user_name text,
    action text,
    alert_id bigint
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $press_button$
-- Does what a button under an alert asks for, and records the press in either case.
-- Takes the chat, who it is, what they pressed (acknowledge, silence, details) and the alert.
-- Only people on the list of a channel of this chat may, and only for alerts that were sent there: a client can send
-- data that no button has. Returns what to answer.
-- Twenty presses a minute of one person are carried out, a hundred of all together, and the last thousand that were
-- refused are kept, so that no number of people fills the table or the outbox.
DECLARE
    as_of          constant timestamptz := ghostwatch._clock();
    presser        constant text := coalesce(nullif(ghostwatch._one_line(press_button.user_name, 64), ''), 'unknown');
    pressed        ghostwatch.alert;
    its_channel_id integer;
    answer         text;
BEGIN
    IF (
        SELECT count(*) FILTER (WHERE recent.user_id = press_button.user_id) >= 20 OR count(*) >= 100
        FROM ghostwatch.button_press AS recent
        WHERE recent.pressed_at > as_of - '1 minute'::interval
    ) THEN
        RETURN 'Too many presses: please wait a minute.';
    END IF;

    SELECT channel.channel_id
    INTO its_channel_id
    FROM ghostwatch.channel
    INNER JOIN ghostwatch.notification
        ON notification.channel_id = channel.channel_id
    WHERE channel.chat_id = press_button.chat_id
        AND press_button.user_id = ANY (channel.button_user_ids)
        AND notification.alert_id = press_button.alert_id
    LIMIT 1;

    SELECT alert.* INTO pressed
    FROM ghostwatch.alert
    WHERE alert.alert_id = press_button.alert_id;

    IF its_channel_id IS NULL THEN
        answer := 'Sorry, only those on this channel''s list can do that.';
    ELSIF press_button.action = 'details' THEN
        SELECT
            CASE
                WHEN ghostwatch._queue_details(its_channel_id, pressed.alert_id, jsonb_agg(to_jsonb(fact)), as_of)
                    THEN 'Details are on their way.'
                ELSE 'Details were asked for a moment ago.'
            END
        INTO answer
        FROM ghostwatch.explain_alert(pressed.alert_id) AS fact
        WHERE fact.topic <> 'query';
    ELSIF pressed.state = 'resolved' THEN
        answer := format('Alert %s is resolved already.', pressed.alert_id);
    ELSIF press_button.action = 'acknowledge' THEN
        IF ghostwatch.acknowledge(pressed.alert_id, presser) THEN
            answer := 'Acknowledged: this alert is not repeated any more.';
        ELSE
            answer := format('%s has acknowledged it already.', pressed.acknowledged_by);
        END IF;
    ELSIF press_button.action = 'silence' AND pressed.contract IS NOT NULL THEN
        PERFORM ghostwatch.silence(
            pressed.contract,
            pressed.invariant,
            by => presser,
            comment => format('by button, alert %s', pressed.alert_id)
        );
        answer := 'Silenced for an hour.';
    ELSE
        answer := 'This alert has no such button.';
    END IF;

    INSERT INTO ghostwatch.button_press (pressed_at, chat_id, user_id, user_name, action, alert_id, allowed, answer)
    VALUES (
        as_of,
        coalesce(press_button.chat_id, 0),
        coalesce(press_button.user_id, 0),
        presser,
        coalesce(ghostwatch._one_line(press_button.action, 64), ''),
        coalesce(press_button.alert_id, 0),
        its_channel_id IS NOT NULL,
        answer
    );

    DELETE FROM ghostwatch.button_press AS refused
    WHERE NOT refused.allowed
        AND refused.press_id <= (
            SELECT oldest.press_id
            FROM ghostwatch.button_press AS oldest
            WHERE NOT oldest.allowed
            ORDER BY oldest.press_id DESC
            OFFSET 1000
            LIMIT 1
        );

    RETURN answer;
END
$press_button$;

COMMENT ON FUNCTION ghostwatch.press_button(bigint, bigint, text, text, bigint) IS
'Does what a button under an alert asks for (acknowledge, silence, details), if the person may, and records the press. Returns what to answer.';
CREATE FUNCTION ghostwatch.sidecar_heartbeat(
    worker text,
    version text,
    listening boolean,
    problem text DEFAULT NULL,
    cannot_send boolean DEFAULT false
)
RETURNS TABLE (
    notifications_waiting bigint,
    events_waiting bigint,
    oldest_waiting_seconds double precision,
    notifications_failed bigint,
    channels_disabled bigint,
    checks_succeeded_at timestamptz,
    checks_fresh boolean,
    problems text[]
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $sidecar_heartbeat$
-- The sidecar reports that it is running, and learns how outbox and checks are: each watches the other.
-- Takes its name, version, whether NOTIFY reaches it, what is wrong with it, if anything, and whether that keeps
-- every message. Returns one row: what waits and for how long, what was given up, since when and whether the checks
-- of every contract succeed in time (else ghostwatch.detect_stopped_checks() has raised an alert), and what keeps
-- alerts back. Checks that never ran so far do not count.
DECLARE
    as_of     constant timestamptz := ghostwatch._clock();
    its_name  constant text := ghostwatch._one_line(sidecar_heartbeat.worker, 100);
BEGIN
    -- Those that died, and run under another name now, are removed, and no role can fill the table.
    DELETE FROM ghostwatch.sidecar AS dead
    WHERE dead.worker <> its_name
        AND (
            dead.seen_at < as_of - ghostwatch._setting('keep_sidecars')::interval
            OR dead.worker IN (SELECT s.worker FROM ghostwatch.sidecar AS s ORDER BY s.seen_at DESC OFFSET 99)
        );

    INSERT INTO ghostwatch.sidecar AS known (worker, version, started_at, seen_at, listening, problem, cannot_send)
    VALUES (
        its_name,
        ghostwatch._one_line(coalesce(sidecar_heartbeat.version, ''), 50),
        as_of,
        as_of,
        coalesce(sidecar_heartbeat.listening, false),
        ghostwatch._one_line(sidecar_heartbeat.problem, 400),
        coalesce(sidecar_heartbeat.cannot_send, false)
    )
    ON CONFLICT ON CONSTRAINT sidecar_pkey DO UPDATE
    SET
        version = excluded.version,
        seen_at = excluded.seen_at,
        listening = excluded.listening,
        problem = excluded.problem,
        cannot_send = excluded.cannot_send;

    RETURN QUERY
    -- The contract that is furthest behind counts: the runs of one role say nothing about the contracts of another.
    WITH checks AS (
        SELECT
            min(c.last_success_at) AS succeeded_at,
            bool_and(NOT c.stopped) AND count(c.last_success_at) > 0 AS fresh
        FROM ghostwatch._stopped_checks(as_of) AS c
    )

    SELECT
        (SELECT count(*) FROM ghostwatch.notification WHERE notification.state IN ('pending', 'claimed')),
        (SELECT count(*) FROM ghostwatch.event WHERE event.gathered_at IS NULL),
        coalesce(greatest(extract(EPOCH FROM as_of - ghostwatch._overdue_since(as_of)), 0), 0)::double precision,
        (SELECT count(*) FROM ghostwatch.notification WHERE notification.state = 'failed'),
        (SELECT count(*) FROM ghostwatch.channel WHERE channel.disabled_at IS NOT NULL),
        checks.succeeded_at,
        coalesce(checks.fresh, false),
        ARRAY(SELECT p FROM ghostwatch._delivery_problems(as_of) AS p)
    FROM checks;
END
$sidecar_heartbeat$;

COMMENT ON FUNCTION ghostwatch.sidecar_heartbeat(text, text, boolean, text, boolean) IS
'A sidecar reports that it is running, and learns how the outbox and the checks are.';
CREATE FUNCTION ghostwatch.sidecar_stopped(
    worker text
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $sidecar_stopped$
    -- A sidecar that is stopped on purpose removes its row, so that the doctor does not report it as missing.
    -- Takes its name.
    UPDATE ghostwatch.dispatch
    SET buttons_reader_until = NULL
    WHERE dispatch.buttons_reader = sidecar_stopped.worker;

    DELETE FROM ghostwatch.sidecar
    WHERE sidecar.worker = sidecar_stopped.worker
$sidecar_stopped$;

COMMENT ON FUNCTION ghostwatch.sidecar_stopped(text) IS
'Removes a sidecar that is stopped on purpose, so that the doctor does not report it as missing.';
CREATE FUNCTION ghostwatch.detect_stopped_checks()
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $detect_stopped_checks$
-- Raises an alert when check runs have stopped succeeding; for the sidecar to call every few seconds,
-- since whoever has stopped cannot say so.
BEGIN
    PERFORM ghostwatch._decide_checks_stopped(ghostwatch._clock());
END
$detect_stopped_checks$;

COMMENT ON FUNCTION ghostwatch.detect_stopped_checks() IS
'Raises an alert when check runs have stopped succeeding; called by the sidecar every few seconds.';

-- operate: schedule, look after and explain the system
-- Whose rows these are, ghostwatch._clause says.
CREATE VIEW ghostwatch.status AS
WITH present AS (
    SELECT
        ghostwatch._clock() AS as_of,
        ghostwatch._overdue_after() AS overdue_after,
        ghostwatch._setting('paused')::boolean AS paused
),

open AS (
    SELECT
        v.invariant_id,
        count(*) FILTER (WHERE v.state = 'warn') AS warn_count,
        count(*) FILTER (WHERE v.state = 'error') AS error_count
    FROM ghostwatch.violation AS v
    WHERE v.closed_at IS NULL
    GROUP BY v.invariant_id
),

firing AS (
    SELECT DISTINCT ON (alert.invariant_id)
        alert.invariant_id,
        alert.alert_id,
        alert.kind,
        alert.severity
    FROM ghostwatch.alert
    WHERE alert.state = 'firing' AND alert.kind IN ('violations', 'no_signups')
    ORDER BY
        alert.invariant_id,
        array_position(ARRAY['error', 'warn'], alert.severity),
        alert.alert_id
)

SELECT
    c.contract,
    c.invariant,
    c.owner,
    c.rule,
    (SELECT k.enforcement FROM ghostwatch.contract AS k WHERE k.contract_id = c.contract_id) AS enforcement,
    CASE
        WHEN present.paused THEN 'paused'
        WHEN p.last_error_state = '55P03' THEN 'waiting'
        WHEN p.failing_since IS NOT NULL THEN 'failing'
        WHEN p.last_success_at IS NULL THEN 'never checked'
        WHEN p.last_success_at < present.as_of - present.overdue_after THEN 'stopped'
        WHEN p.catching_up_since IS NOT NULL THEN 'catching up'
        ELSE coalesce(firing.severity, 'ok')
    END AS state,
    coalesce(open.warn_count, 0) AS warn_count,
    coalesce(open.error_count, 0) AS error_count,
    firing.alert_id,
    greatest(present.as_of - c.deadline - p.watermark, '0'::interval) AS watermark_lag,
    p.last_success_at,
    p.last_attempt_at,
    present.paused,
    concat_ws(
        '; ',
        'failing since ' || date_trunc('second', p.failing_since) || ': ' || rtrim(p.last_error, '.'),
        'catching up with what became due since ' || date_trunc('second', p.catching_up_since + c.deadline),
        CASE WHEN firing.kind = 'no_signups' THEN 'nobody has come for unusually long' END,
        ghostwatch._baseline_remark(c.invariant_id, present.as_of)
    ) AS remark
FROM ghostwatch._clause AS c
INNER JOIN ghostwatch.check_progress AS p ON c.invariant_id = p.invariant_id
CROSS JOIN present
LEFT JOIN open ON c.invariant_id = open.invariant_id
LEFT JOIN firing ON c.invariant_id = firing.invariant_id;

-- So that a condition of whoever reads it is not shown the rows that it hides.
ALTER VIEW ghostwatch.status SET (security_barrier);

COMMENT ON VIEW ghostwatch.status IS
'One row per invariant. state: paused, waiting (for a lock on a table), failing, never checked, stopped (no success for three periods), '
'catching up, the severity of its firing alert, or ok. '
'watermark_lag: how far the checks are behind: up to so long before the present deadline, every subject has been checked.';
COMMENT ON COLUMN ghostwatch.status.enforcement IS 'What happens at COMMIT: observe (nothing), warn or reject; see ghostwatch.enforce().';
COMMENT ON COLUMN ghostwatch.status.warn_count IS 'Open violations between warn_after and error_after.';
COMMENT ON COLUMN ghostwatch.status.error_count IS 'Open violations past error_after.';
COMMENT ON COLUMN ghostwatch.status.remark IS 'What else there is to know, in words; empty when there is nothing.';
CREATE FUNCTION ghostwatch._prune(
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: check runs call it as operators, who delete nothing of others.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_prune$
-- At most batch_size rows of each table, so that no run takes long. What is open, firing or waiting to be sent is kept however old
-- it is.
DECLARE
    old record;
BEGIN
    FOR old IN
        SELECT
            o.relation,
            o.condition,
            -- A caller cannot make anything older than it is.
            least(as_of, ghostwatch._clock()) - ghostwatch._setting(o.setting)::interval AS before
        FROM (
            VALUES
                ('ghostwatch.check_run'::regclass, 'keep_check_runs', 'r.started_at < $1'),
                -- By each invariant, so that the primary key finds the oldest minutes.
                ('ghostwatch.branch_minute', 'keep_branch_minutes',
                    'r.invariant_id = ANY (ARRAY(SELECT i.invariant_id FROM ghostwatch.invariant AS i)) AND r.minute < $1'),
                ('ghostwatch.violation', 'keep_closed_violations', 'r.closed_at < $1'),
                ('ghostwatch.event', 'keep_events', 'r.gathered_at < $1'),
                -- Later messages of a firing alert edit its earlier ones or reply to them.
                ('ghostwatch.notification', 'keep_notifications',
                    'r.created_at < $1 AND r.state NOT IN (''pending'', ''claimed'') AND NOT EXISTS ('
                    'SELECT FROM ghostwatch.alert AS a WHERE a.alert_id = r.alert_id AND a.state = ''firing'')'),
                ('ghostwatch.alert', 'keep_alerts', 'r.state = ''resolved'' AND r.resolved_at < $1'),
                ('ghostwatch.silence', 'keep_alerts', 'r.ends_at < $1'),
                ('ghostwatch.maintenance', 'keep_alerts', 'r.summarized_at < $1'),
                ('ghostwatch.mark', 'keep_alerts', 'r.marked_at < $1'),
                ('ghostwatch.button_press', 'keep_alerts', 'r.pressed_at < $1'),
                ('ghostwatch.sidecar', 'keep_sidecars', 'r.seen_at < $1')
        ) AS o (relation, setting, condition)
    LOOP
        -- Rows that another run is removing are skipped.
        EXECUTE format(
            'DELETE FROM %1$s AS d WHERE d.ctid = ANY (ARRAY('
            'SELECT r.ctid FROM %1$s AS r WHERE %2$s LIMIT $2 FOR UPDATE OF r SKIP LOCKED))',
            old.relation,
            old.condition
        )
        USING old.before, ghostwatch._setting('batch_size')::integer;
    END LOOP;
END
$_prune$;

COMMENT ON FUNCTION ghostwatch._prune(timestamptz) IS
'Removes what is older than its retention setting, at most batch_size rows of each table.';
CREATE FUNCTION ghostwatch._cron(
    OUT loaded boolean,
    OUT database text,
    OUT here boolean
)
RETURNS record
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_cron$
-- The setting cron.database_name can be read only where pg_cron is loaded; a value alone does not prove that, since a configuration
-- file may contain it without effect.
BEGIN
    here := EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron');

    IF here THEN
        loaded := true;
        database := current_database()::text;
        RETURN;
    END IF;

    -- Only where pg_cron is loaded may this role be refused the setting.
    database := current_setting('cron.database_name', true);
    loaded := EXISTS (SELECT FROM pg_settings AS s WHERE s.name = 'cron.database_name');
EXCEPTION
    WHEN insufficient_privilege THEN
        loaded := true;
END
$_cron$;

COMMENT ON FUNCTION ghostwatch._cron() IS
'Whether pg_cron is loaded, in which database it is (NULL where this role may not know), and whether that is this one, with the extension created.';
CREATE FUNCTION ghostwatch._require_cron(
    statement text
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_require_cron$
-- statement: what does the same in the database of pg_cron when this role runs it, for the hint. It names no role: pg_cron
-- lets only a superuser name one, and managed servers have none.
DECLARE
    cron record;
BEGIN
    SELECT c.loaded, c.database, c.here
    INTO cron
    FROM ghostwatch._cron() AS c;

    IF NOT cron.loaded THEN
        RAISE EXCEPTION 'this server has no pg_cron'
        USING
            ERRCODE = 'GW054',
            DETAIL = 'pg_cron is not among the shared_preload_libraries.',
            HINT = 'Install pg_cron, or let the sidecar run the checks: GHOSTWATCH_RUN_CHECKS_EVERY=1m ghostwatch notify';
    END IF;

    IF NOT cron.here AND cron.database = current_database() THEN
        RAISE EXCEPTION 'pg_cron is loaded, but not created in database %', current_database()
        USING
            ERRCODE = 'GW054',
            DETAIL = format('cron.database_name is %s, and there is no extension pg_cron in it.', cron.database),
            HINT = 'As superuser: CREATE EXTENSION pg_cron;';
    END IF;

    IF NOT cron.here THEN
        RAISE EXCEPTION 'pg_cron is in another database than %', current_database()
        USING
            ERRCODE = 'GW055',
            DETAIL = 'Run the statement of the hint '
                || coalesce(
                    'in database ' || cron.database,
                    'where pg_cron lives (SHOW cron.database_name; if that is here: CREATE EXTENSION pg_cron)'
                )
                || format(', as role %I.', current_user)
                || CASE
                    WHEN NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN format(
                        ' An administrator allows that there: GRANT USAGE ON SCHEMA cron TO %1$I; '
                        'GRANT EXECUTE ON FUNCTION cron.schedule_in_database(text, text, text, text, text, boolean) TO %1$I;',
                        current_user
                    )
                    ELSE ''
                END,
            HINT = statement;
    END IF;

    IF NOT has_schema_privilege('cron', 'USAGE') THEN
        RAISE EXCEPTION 'role % may not use pg_cron', current_user
        USING
            ERRCODE = 'GW056',
            DETAIL = 'It has no USAGE on schema cron.',
            HINT = format('As superuser: GRANT USAGE ON SCHEMA cron TO %I;', current_user);
    END IF;
END
$_require_cron$;

COMMENT ON FUNCTION ghostwatch._require_cron(text) IS
'Raises GW054 where pg_cron is missing, GW055 where it is in another database, GW056 without the right to use it.';
CREATE FUNCTION ghostwatch._job_name(
    role name DEFAULT current_user
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_job_name$
    -- One pg_cron serves all databases of a server, and it truncates long names.
    SELECT CASE
        WHEN octet_length(readable.name) < 64 THEN readable.name
        ELSE 'ghostwatch ' || md5(readable.name)
    END
    FROM (VALUES (format('ghostwatch %s %s', current_database(), role))) AS readable (name)
$_job_name$;

COMMENT ON FUNCTION ghostwatch._job_name(name) IS
'The name of a role''s pg_cron job for this database.';
CREATE FUNCTION ghostwatch._find_relations(
    invariant_id integer
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_find_relations$
-- A downgrade and upgrade of an application's schema drops its tables and creates them anew. Whoever watches them
-- should not have to declare everything again.
DECLARE
    its_contract ghostwatch.contract;
    its_invariant ghostwatch.invariant;
    found_subject regclass;
    found_related regclass;
    moved ghostwatch.contract;
BEGIN
    SELECT i.* INTO its_invariant FROM ghostwatch.invariant AS i WHERE i.invariant_id = _find_relations.invariant_id;
    SELECT c.* INTO its_contract FROM ghostwatch.contract AS c WHERE c.contract_id = its_invariant.contract_id;

    -- The same where nothing has happened, which is nearly always.
    IF its_contract.subject::text = its_contract.subject_name AND its_invariant.related::text = its_invariant.related_name THEN
        RETURN;
    END IF;

    -- A table under another name is the same one, whose name is kept anew; NULL is one that nothing took the place of.
    found_subject := coalesce(
        (SELECT r.oid FROM pg_class AS r WHERE r.oid = its_contract.subject),
        ghostwatch._successor(its_contract.owner, its_contract.subject_name)
    );
    found_related := coalesce(
        (SELECT r.oid FROM pg_class AS r WHERE r.oid = its_invariant.related),
        ghostwatch._successor(its_contract.owner, its_invariant.related_name)
    );
    IF found_subject <> its_contract.subject OR found_subject::text <> its_contract.subject_name THEN
        moved := ghostwatch._set_subject(its_contract.contract_id, found_subject);
        PERFORM ghostwatch._enforcement_follows_contract(its_contract, moved);
    END IF;
    IF found_related <> its_invariant.related OR found_related::text <> its_invariant.related_name THEN
        PERFORM ghostwatch._set_related(its_invariant.invariant_id, found_related);
        PERFORM ghostwatch._enforcement_follows_invariant(its_contract.contract_id);
    END IF;

    IF found_subject <> its_contract.subject AND its_contract.capture THEN
        PERFORM ghostwatch._install_capture(its_contract.contract_id);
    END IF;
    -- What was found of a table that is gone says nothing of another.
    PERFORM ghostwatch._restart_checks(i.invariant_id)
    FROM ghostwatch.invariant AS i
    WHERE i.contract_id = its_contract.contract_id
        AND (
            found_subject <> its_contract.subject
            OR (i.invariant_id = its_invariant.invariant_id AND found_related <> its_invariant.related)
        );
END
$_find_relations$;

COMMENT ON FUNCTION ghostwatch._find_relations(integer) IS
'Finds the tables of an invariant again by name after they were dropped and created anew, and begins its checks anew; otherwise keeps the names up to date.';
CREATE FUNCTION ghostwatch._check_invariant(
    invariant_id integer,
    recheck boolean
)
RETURNS ghostwatch._check_outcome
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_check_invariant$
-- One check of one invariant, to be committed by the caller: look again at what is open (recheck), judge what has
-- become due, decide the alerts. Returns NULL if somebody else is at it. An error is recorded, not raised.
DECLARE
    as_of timestamptz;
    clause ghostwatch._clause;
    outcome ghostwatch._check_outcome;
    problem_state text;
    problem text;
    progress ghostwatch.check_progress;
    unjudged text[];
BEGIN
    progress := ghostwatch._lock_progress(invariant_id);
    IF progress.invariant_id IS NULL THEN
        RETURN NULL;
    END IF;

    -- Read after the lock was had, so that time never runs backwards from one check to the next.
    as_of := ghostwatch._clock();
    SELECT c.* INTO clause FROM ghostwatch._clause AS c WHERE c.invariant_id = _check_invariant.invariant_id;

    BEGIN
        PERFORM set_config('lock_timeout', extract(epoch FROM ghostwatch._setting('lock_wait')::interval) * 1000 || 'ms', true);

        PERFORM ghostwatch._find_relations(invariant_id);
        SELECT c.* INTO clause FROM ghostwatch._clause AS c WHERE c.invariant_id = _check_invariant.invariant_id;

        -- Says in plain words what a query on a dropped table would say with a number.
        PERFORM ghostwatch._column_type(
            clause.subject, CASE WHEN clause.born_at_expression IS NULL THEN clause.born_at_column ELSE clause.key_columns[1] END
        );
        PERFORM ghostwatch._column_type(clause.related, k.name) FROM unnest(clause.related_key_columns) AS k (name);

        IF clause.capture THEN
            PERFORM ghostwatch._take_up_failures(clause.contract_id, as_of);
        END IF;
        IF recheck THEN
            unjudged := ghostwatch._recheck_violations(clause, as_of);
        END IF;
        SELECT a.judged, a.opened, a.backlog, unjudged || a.failing_keys
        INTO outcome.judged, outcome.opened, outcome.backlog, unjudged
        FROM ghostwatch._judge_arrivals(clause, as_of) AS a;

        -- Reported once per contract: by its first invariant.
        IF invariant_id = (SELECT min(i.invariant_id) FROM ghostwatch.invariant AS i WHERE i.contract_id = clause.contract_id) THEN
            BEGIN
                PERFORM ghostwatch._require_triggers(clause.contract_id, as_of);
            EXCEPTION
                WHEN SQLSTATE 'GW077' THEN
                    problem_state := SQLSTATE;
                    problem := SQLERRM;
            END;
        END IF;

        IF unjudged <> '{}' THEN
            problem_state := 'GW024';
            problem := format(
                '%s cannot be judged, since an expression fails: %s',
                ghostwatch._pluralize(cardinality(unjudged), 'subject'), array_to_string(unjudged[1:5], ', ')
            );
        END IF;

        PERFORM ghostwatch._record_success(invariant_id, as_of, problem_state, problem);
        PERFORM ghostwatch._decide_alerts(invariant_id, as_of);
    EXCEPTION
        -- Whatever is wrong with this invariant must not cost the others their check.
        WHEN OTHERS OR query_canceled THEN
            outcome := NULL;
            GET STACKED DIAGNOSTICS
                outcome.error_state = RETURNED_SQLSTATE,
                outcome.error_message = MESSAGE_TEXT;
            -- A migration, most of the time: nothing is wrong with the data, and whoever waits wants to know for whom.
            IF outcome.error_state = '55P03' THEN
                outcome.error_message := 'waiting for '
                    || coalesce(ghostwatch._lock_holders(ARRAY[clause.subject, clause.related], 'AccessShareLock'), 'a lock on a table');
            END IF;
            PERFORM ghostwatch._record_failure(
                invariant_id, as_of, outcome.error_state, outcome.error_message
            );
    END;

    RETURN outcome;
END
$_check_invariant$;

COMMENT ON FUNCTION ghostwatch._check_invariant(integer, boolean) IS
'One check of one invariant: re-checks open violations if recheck is true, judges what has become due, decides the alerts.
NULL if somebody else is at it; an error is recorded, not raised.';
CREATE FUNCTION ghostwatch._finish_run(
    started_at timestamptz,
    checks integer,
    failures integer,
    judged integer,
    opened integer,
    backlog boolean,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_finish_run$
-- After the last invariant it is known whether the checks run again after an outage.
DECLARE
    as_of constant timestamptz := ghostwatch._clock();
BEGIN
    -- Once a minute is enough, however often checks run.
    IF NOT EXISTS (SELECT FROM ghostwatch.check_run AS r WHERE r.started_at >= date_trunc('minute', as_of)) THEN
        PERFORM ghostwatch._prune(as_of);
    END IF;

    INSERT INTO ghostwatch.check_run (owner, started_at, finished_at, checks, failures, judged, opened, backlog)
    VALUES (ghostwatch._caller(credential), started_at, as_of, checks, failures, judged, opened, backlog);

    PERFORM ghostwatch._summarize_maintenance(as_of);
    PERFORM ghostwatch._decide_checks_stopped_now();
    PERFORM ghostwatch._relax_commit();
END
$_finish_run$;

COMMENT ON FUNCTION ghostwatch._finish_run(timestamptz, integer, integer, integer, integer, boolean, uuid) IS
'Ends a check run: records it, prunes, and decides what concerns all contracts.';
CREATE PROCEDURE ghostwatch._require_committing()
LANGUAGE plpgsql
AS $_require_committing$
-- Without this, PostgreSQL reports the first write or the first COMMIT, and gives no hint.
-- (A procedure without a SET clause, which would forbid every COMMIT: so every name is qualified here.)
DECLARE
    on_commit pg_catalog.text;
    on_rollback pg_catalog.text;
BEGIN
    IF pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool THEN
        RAISE EXCEPTION 'checks cannot run %',
            CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'on a standby' ELSE 'in a read-only transaction' END
        USING
            ERRCODE = 'GW023',
            DETAIL = 'A check run records what it finds.',
            HINT = CASE
                WHEN pg_catalog.pg_is_in_recovery() THEN 'Connect to the primary: CALL ghostwatch.run_checks();'
                ELSE 'SET default_transaction_read_only = off; CALL ghostwatch.run_checks();'
            END;
    END IF;

    -- Neither statement can succeed inside a block with an exception handler. Where the procedure may end its
    -- transaction, each is refused with a message of its own; in a transaction block both get the same one.
    BEGIN
        COMMIT;
    EXCEPTION
        WHEN invalid_transaction_termination THEN
            on_commit := SQLERRM;
    END;
    BEGIN
        ROLLBACK;
    EXCEPTION
        WHEN invalid_transaction_termination THEN
            on_rollback := SQLERRM;
    END;

    IF on_commit OPERATOR(pg_catalog.=) on_rollback THEN
        RAISE EXCEPTION 'checks cannot run in a transaction block'
        USING
            ERRCODE = 'GW022',
            DETAIL = 'A check run commits after each invariant.',
            HINT = 'COMMIT; then, with autocommit on: CALL ghostwatch.run_checks();';
    END IF;
END
$_require_committing$;

COMMENT ON PROCEDURE ghostwatch._require_committing () IS
'Refuses to run checks where they cannot commit. Raises GW022 (in a transaction block), GW023 (on a standby, or in a read-only transaction).';
CREATE PROCEDURE ghostwatch.run_checks(
    contract text DEFAULT NULL
)
LANGUAGE plpgsql
AS $run_checks$
-- Commits after each invariant, so that a slow or broken one delays no other. A backlog is processed in rounds until the
-- run's budget is used up. Any number of runs may overlap.
-- (No SET clause and no definer's rights: either would forbid the commits. So every name is qualified here.)
DECLARE
    run ghostwatch.check_run;
    budget_ends_at pg_catalog.timestamptz;
    candidate integer;
    outcome ghostwatch._check_outcome;
    done integer[] := ARRAY[]::integer[];
    waiting integer[] := ARRAY[]::integer[];
    rechecked integer[] := ARRAY[]::integer[];
BEGIN
    CALL ghostwatch._require_committing();
    PERFORM ghostwatch._require_runnable(contract);
    IF NOT ghostwatch._installed_version_is('0.1.0') OR ghostwatch._setting('paused')::boolean THEN
        RETURN;
    END IF;

    run.started_at := ghostwatch._clock();
    run.checks := 0;
    run.failures := 0;
    run.judged := 0;
    run.opened := 0;

    -- Before anything is checked: afterwards nothing would show how long no check ran.
    PERFORM ghostwatch._decide_checks_stopped_now();
    budget_ends_at := pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) ghostwatch._setting('run_budget')::interval;

    LOOP
        -- An upgrade ends the run: the next one has the new functions from the start.
        IF NOT ghostwatch._installed_version_is('0.1.0') THEN
            RETURN;
        END IF;
        candidate := ghostwatch._next_invariant(contract, done OPERATOR(pg_catalog.||) waiting);
        IF candidate IS NULL THEN
            EXIT WHEN waiting OPERATOR(pg_catalog.=) '{}' OR pg_catalog.clock_timestamp() OPERATOR(pg_catalog.>) budget_ends_at;
            waiting := ARRAY[]::integer[];
            CONTINUE;
        END IF;

        PERFORM ghostwatch._relax_commit();
        COMMIT;

        IF NOT ghostwatch._installed_version_is('0.1.0') THEN
            RETURN;
        END IF;
        outcome := ghostwatch._check_invariant(candidate, recheck => candidate OPERATOR(pg_catalog.<>) ALL (rechecked));
        PERFORM ghostwatch._relax_commit();
        COMMIT;

        IF outcome.backlog THEN
            waiting := waiting OPERATOR(pg_catalog.||) candidate;
        ELSE
            done := done OPERATOR(pg_catalog.||) candidate;
        END IF;
        rechecked := rechecked OPERATOR(pg_catalog.||) candidate;
        run.checks := run.checks OPERATOR(pg_catalog.+) 1;
        run.failures := run.failures OPERATOR(pg_catalog.+) (outcome.error_state IS NOT NULL)::integer;
        run.judged := run.judged OPERATOR(pg_catalog.+) coalesce(outcome.judged, 0);
        run.opened := run.opened OPERATOR(pg_catalog.+) coalesce(outcome.opened, 0);

        -- A cancelled run ends here; the next one starts with the other invariants.
        EXIT WHEN outcome.error_state OPERATOR(pg_catalog.=) '57014';
    END LOOP;

    PERFORM ghostwatch._finish_run(
        run.started_at, run.checks, run.failures, run.judged, run.opened, waiting OPERATOR(pg_catalog.<>) '{}'
    );
    COMMIT;

    IF outcome.error_state OPERATOR(pg_catalog.=) '57014' THEN
        RAISE EXCEPTION USING ERRCODE = outcome.error_state, MESSAGE = outcome.error_message;
    END IF;
END
$run_checks$;

COMMENT ON PROCEDURE ghostwatch.run_checks (text) IS
'Checks the invariants of the calling role''s contracts (or of one of them), each in a transaction of its own.
To be called by pg_cron, the sidecar or by hand, outside a transaction block.
contract: NULL for all. Raises GW001 (no such contract), GW020 (it belongs to another role), GW022 (in a transaction block), GW023 (on a standby, or in a read-only transaction), 57014 (cancelled, after recording it).';
CREATE FUNCTION ghostwatch.schedule(
    every text DEFAULT '* * * * *'
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $schedule$
-- A second call changes the schedule. A superuser is warned.
DECLARE
    command constant text := 'CALL ghostwatch.run_checks()';
    job     constant text := ghostwatch._job_name();
    period           interval;
    job_id           bigint;
BEGIN
    -- Only regular schedules: otherwise nothing could decide when a run is overdue.
    period := CASE
        WHEN every = '* * * * *' THEN '1 minute'::interval
        WHEN every ~ '^\*/([1-9]|[1-5][0-9]) \* \* \* \*$' THEN substring(every FROM '\d+')::integer * '1 minute'::interval
        WHEN every ~ '^([1-9]|[1-5][0-9]) seconds?$' THEN substring(every FROM '\d+')::integer * '1 second'::interval
    END;

    IF period IS NULL THEN
        RAISE EXCEPTION 'check runs cannot be scheduled at %', quote_nullable(every)
        USING
            ERRCODE = 'GW052',
            DETAIL = 'A schedule is ''* * * * *'' (every minute), ''*/N * * * *'' (every N minutes) or ''N seconds''.',
            HINT = 'SELECT ghostwatch.schedule(''* * * * *'');';
    END IF;

    -- Whoever owns a table that the checks read can run code as the job's role.
    IF (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
        RAISE WARNING 'the checks will run as superuser %', current_user
        USING
            DETAIL = 'The owner of a table that they read can run code with the rights of this role.',
            HINT = 'Let a role without superuser own the contracts and schedule: SELECT ghostwatch.unschedule(); SET ROLE ghostwatch_owner; SELECT ghostwatch.schedule();';
    END IF;

    PERFORM ghostwatch._require_cron(
        format(
            'SELECT cron.schedule_in_database(%L, %L, %L, %L);',
            job, every, command, current_database()
        )
    );

    -- pg_cron does not activate a job that was deactivated.
    PERFORM cron.unschedule(j.jobid)
    FROM cron.job AS j
    WHERE j.jobname = job
        AND NOT j.active;

    BEGIN
        job_id := cron.schedule(job, every, command);
    EXCEPTION
        WHEN invalid_parameter_value THEN
            RAISE EXCEPTION 'this pg_cron cannot run checks every %', every
            USING
                ERRCODE = 'GW053',
                DETAIL = format('pg_cron says: %s. It counts seconds from version 1.5 on.', SQLERRM),
                HINT = 'Update pg_cron, or take whole minutes: SELECT ghostwatch.schedule(''* * * * *'');';
    END;

    PERFORM ghostwatch.set_setting('check_period', period::text);
    RETURN job_id;
END
$schedule$;

COMMENT ON FUNCTION ghostwatch.schedule(text) IS
'Lets pg_cron run the checks of this role''s contracts: ''* * * * *'', ''*/N * * * *'' (minutes), or ''N seconds'' with pg_cron 1.5 and later. '
'Returns the number of the job. '
'Raises GW052 for another schedule, GW053 where pg_cron cannot count seconds, GW054 where pg_cron is missing, '
'GW055 where it is in another database, GW056 without the right to use it.';
CREATE FUNCTION ghostwatch.unschedule()
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $unschedule$
-- Without pg_cron there can be no job.
DECLARE
    job constant text := ghostwatch._job_name();
BEGIN
    IF NOT (SELECT c.loaded FROM ghostwatch._cron() AS c) THEN
        RETURN false;
    END IF;

    PERFORM ghostwatch._require_cron(
        format('SELECT cron.unschedule(j.jobid) FROM cron.job AS j WHERE j.jobname = %L;', job)
    );

    PERFORM cron.unschedule(j.jobid)
    FROM cron.job AS j
    WHERE j.jobname = job;

    RETURN FOUND;
END
$unschedule$;

COMMENT ON FUNCTION ghostwatch.unschedule() IS
'Removes this role''s pg_cron job for this database; returns whether there was one. Raises GW055 where pg_cron is in another database, GW056 without the right to use it.';
CREATE FUNCTION ghostwatch.pause()
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $pause$
    -- No subject is missed: the runs after the pause catch up.
    SELECT ghostwatch.set_setting('paused', 'true');
$pause$;

COMMENT ON FUNCTION ghostwatch.pause() IS
'Makes every check run of this database do nothing, whoever starts it, until ghostwatch.resume(). No subject is missed: the runs after that catch up.';
CREATE FUNCTION ghostwatch.resume()
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $resume$
    -- The runs continue where they stopped.
    SELECT ghostwatch.reset_setting('paused');
$resume$;

COMMENT ON FUNCTION ghostwatch.resume() IS
'Lets check runs work again after ghostwatch.pause(); they catch up.';
CREATE TYPE ghostwatch._finding AS (
    check_name text,
    verdict text,
    finding text,
    advice text
);

COMMENT ON TYPE ghostwatch._finding IS
'What the doctor says about one thing: verdict is ok, warning or error; advice is what to type or do, NULL where all is well.';
CREATE FUNCTION ghostwatch.enable_test_clock()
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $enable_test_clock$
-- Only the owner of the function may replace it, so no grant can pass this right on. A dump of an extension has no function bodies,
-- so a restored database uses the server's time again.
DECLARE
    installer name;
    owner     name;
BEGIN
    SELECT
        pg_get_userbyid(n.nspowner),
        pg_get_userbyid(d.datdba)
    INTO installer, owner
    FROM pg_namespace AS n
    CROSS JOIN pg_database AS d
    WHERE n.nspname = 'ghostwatch'
        AND d.datname = current_database();

    IF NOT (pg_has_role(installer, 'USAGE') AND pg_has_role(owner, 'USAGE')) THEN
        RAISE EXCEPTION 'role % cannot enable a test clock in database %', current_user, current_database()
        USING
            ERRCODE = 'GW060',
            DETAIL = format('The database belongs to %I and ghostwatch to %I.', owner, installer),
            HINT = format('SET ROLE %I;', CASE WHEN pg_has_role(owner, 'USAGE') THEN installer ELSE owner END);
    END IF;

    CREATE OR REPLACE FUNCTION ghostwatch._clock()
    RETURNS timestamptz
    LANGUAGE sql
    VOLATILE
    PARALLEL SAFE
    RETURN coalesce(nullif(current_setting('ghostwatch.clock', true), '')::timestamptz, clock_timestamp());
END
$enable_test_clock$;

COMMENT ON FUNCTION ghostwatch.enable_test_clock() IS
'For test databases only: from now on every session may set the time that ghostwatch reads, by the setting ghostwatch.clock. '
'Needs the roles that own the database and ghostwatch. Raises GW060.';
CREATE FUNCTION ghostwatch.disable_test_clock()
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $disable_test_clock$
-- Only the owner of the function may replace it, as with enabling.
BEGIN
    CREATE OR REPLACE FUNCTION ghostwatch._clock()
    RETURNS timestamptz
    LANGUAGE sql
    VOLATILE
    PARALLEL SAFE
    RETURN clock_timestamp();
END
$disable_test_clock$;

COMMENT ON FUNCTION ghostwatch.disable_test_clock() IS
'Makes ghostwatch read the server''s time again after enable_test_clock().';
CREATE FUNCTION ghostwatch._test_clock_is_enabled()
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_test_clock_is_enabled$
    -- Read from the function itself, so that no other record can disagree with it.
    SELECT pg_get_function_sqlbody('ghostwatch._clock()'::regprocedure) LIKE '%current_setting%'
$_test_clock_is_enabled$;

COMMENT ON FUNCTION ghostwatch._test_clock_is_enabled() IS
'Whether sessions may set the time that ghostwatch reads (enable_test_clock).';
CREATE FUNCTION ghostwatch._foreign_grants(
    schema_name name
)
RETURNS TABLE (
    object text,
    grantee oid,
    grantee_name text,
    privileges text,
    revoke_statement text
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_foreign_grants$
    -- Includes the trigger functions that stand beside the tables of contracts: they run with the rights of their owners.
    WITH object AS (
        SELECT
            'SCHEMA' AS kind,
            format('%I', n.nspname) AS name,
            n.nspowner AS owner,
            coalesce(n.nspacl, acldefault('n', n.nspowner)) AS acl
        FROM pg_namespace AS n
        WHERE n.nspname = _foreign_grants.schema_name
        UNION ALL
        SELECT
            CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
            format('%I.%I', _foreign_grants.schema_name, c.relname),
            c.relowner,
            coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))
        FROM pg_class AS c
        INNER JOIN pg_namespace AS n
            ON n.oid = c.relnamespace
        WHERE n.nspname = _foreign_grants.schema_name
            AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        UNION ALL
        SELECT
            'ROUTINE',
            p.oid::regprocedure::text,
            p.proowner,
            coalesce(p.proacl, acldefault('f', p.proowner))
        FROM pg_proc AS p
        INNER JOIN pg_namespace AS n
            ON n.oid = p.pronamespace
        WHERE n.nspname = _foreign_grants.schema_name
            OR (
                _foreign_grants.schema_name = 'ghostwatch'
                AND p.prorettype = 'trigger'::regtype
                AND p.proname ~ '^ghostwatch_(capture|enforce)_[0-9]+$'
            )
    )
    SELECT
        lower(o.kind) || ' ' || o.name,
        a.grantee,
        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
        string_agg(DISTINCT a.privilege_type, ', '),
        format(
            'REVOKE ALL ON %s %s FROM %s CASCADE;',
            o.kind,
            o.name,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
        )
    FROM object AS o
    CROSS JOIN aclexplode(o.acl) AS a
    WHERE a.grantee <> o.owner
        AND NOT EXISTS (
            SELECT
            FROM ghostwatch.granted_role AS g
            WHERE g.role = a.grantee
        )
    GROUP BY o.kind, o.name, a.grantee
$_foreign_grants$;

COMMENT ON FUNCTION ghostwatch._foreign_grants(name) IS
'Every grantee on the objects of a schema of ghostwatch, and on its trigger functions, that ghostwatch did not grant, with the statement that revokes it.';
CREATE FUNCTION ghostwatch._doctor_privileges()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_privileges$
-- Reads the catalogs only, so that it runs nobody's code and waits for nobody's lock.
DECLARE
    finding ghostwatch._finding;
    is_well boolean := true;
BEGIN
    FOR finding IN
        SELECT
            'privileges',
            'error',
            'A test clock is enabled: every session may set the time that ghostwatch reads.',
            'SELECT ghostwatch.disable_test_clock();'
        WHERE ghostwatch._test_clock_is_enabled()
        UNION ALL
        -- Whoever owns a contract must reach ghostwatch; after a restore by another role it does not.
        SELECT
            'privileges',
            'error',
            format('Role %s owns contracts and has no privileges on ghostwatch: nothing checks them.', c.owner),
            format('SELECT ghostwatch.grant_operator(%L);', pg_get_userbyid(c.owner))
        FROM (SELECT DISTINCT contract.owner FROM ghostwatch.contract) AS c
        WHERE NOT has_schema_privilege(c.owner, 'ghostwatch', 'USAGE')
        UNION ALL
        SELECT
            'privileges',
            CASE f.grantee WHEN 0 THEN 'error' ELSE 'warning' END,
            format(
                '%s has privileges that ghostwatch did not grant, on %s.',
                f.grantee_name,
                CASE
                    WHEN count(*) > 3 THEN format('%s and %s other objects', min(f.object), count(*) - 1)
                    ELSE string_agg(f.object, ', ' ORDER BY f.object)
                END
            ),
            string_agg(DISTINCT f.revoke_statement, ' ' ORDER BY f.revoke_statement)
        FROM (
            SELECT * FROM ghostwatch._foreign_grants('ghostwatch')
            UNION ALL
            SELECT * FROM ghostwatch._foreign_grants('onboarding')
        ) AS f
        GROUP BY f.grantee, f.grantee_name
        UNION ALL
        -- Functions that ghostwatch creates later would be open to these roles for a moment, and others for good.
        SELECT DISTINCT
            'privileges',
            'warning',
            format(
                'Default privileges of %I give %s %s on new %s%s.',
                pg_get_userbyid(d.defaclrole),
                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                a.privilege_type,
                kind.name,
                coalesce(' in schema ' || quote_ident(n.nspname), '')
            ),
            format(
                'ALTER DEFAULT PRIVILEGES FOR ROLE %I%s REVOKE %s ON %s FROM %s;',
                pg_get_userbyid(d.defaclrole),
                coalesce(' IN SCHEMA ' || quote_ident(n.nspname), ''),
                a.privilege_type,
                kind.name,
                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
            )
        FROM pg_default_acl AS d
        LEFT JOIN pg_namespace AS n
            ON n.oid = d.defaclnamespace
        INNER JOIN (
            VALUES ('r'::"char", 'TABLES'), ('S', 'SEQUENCES'), ('f', 'ROUTINES')
        ) AS kind (type, name)
            ON kind.type = d.defaclobjtype
        CROSS JOIN aclexplode(d.defaclacl) AS a
        WHERE a.grantee <> d.defaclrole
            -- PUBLIC may execute new functions anyway, unless somebody says otherwise.
            AND NOT (d.defaclobjtype = 'f' AND a.grantee = 0)
            AND (
                d.defaclrole = (SELECT s.nspowner FROM pg_namespace AS s WHERE s.nspname = 'ghostwatch')
                OR d.defaclrole IN (SELECT c.owner FROM ghostwatch.contract AS c)
            )
        UNION ALL
        -- The owner of a table can run code as whoever reads it: policies, views, index expressions, triggers.
        SELECT
            'privileges',
            'warning',
            format(
                'Superuser %s owns contract %L and reads %s, which belongs to %s: that role can run code as superuser.',
                c.owner,
                c.name,
                string_agg(DISTINCT t.relation::text, ', '),
                string_agg(DISTINCT quote_ident(pg_get_userbyid(r.relowner)), ', ')
            ),
            format(
                'Drop it and declare it as a role without superuser: SELECT ghostwatch.drop_contract(%L); SET ROLE ghostwatch_owner;',
                c.name
            )
        FROM ghostwatch.contract AS c
        INNER JOIN pg_roles AS o
            ON o.oid = c.owner
            AND o.rolsuper
        CROSS JOIN LATERAL (
            SELECT c.subject
            UNION
            SELECT i.related FROM ghostwatch.invariant AS i WHERE i.contract_id = c.contract_id
        ) AS t (relation)
        INNER JOIN pg_class AS r
            ON r.oid = t.relation
        INNER JOIN pg_roles AS table_owner
            ON table_owner.oid = r.relowner
            AND NOT table_owner.rolsuper
        GROUP BY c.contract_id, c.owner, c.name
        UNION ALL
        SELECT
            'privileges',
            'warning',
            format(
                'Superuser %I owns %s and writes %s, which belongs to %s: that role can run code as superuser.',
                o.rolname,
                string_agg(DISTINCT p.oid::regprocedure::text, ', '),
                string_agg(DISTINCT r.oid::regclass::text, ', '),
                string_agg(DISTINCT quote_ident(table_owner.rolname), ', ')
            ),
            'ALTER FUNCTION ' || min(p.oid::regprocedure::text) || ' OWNER TO ghostwatch_owner; -- a role without superuser'
        FROM pg_proc AS p
        INNER JOIN pg_namespace AS n
            ON n.oid = p.pronamespace
            AND n.nspname = 'onboarding'
        INNER JOIN pg_roles AS o
            ON o.oid = p.proowner
            AND o.rolsuper
        INNER JOIN ghostwatch.contract AS c
            ON c.name = 'onboarding'
        LEFT JOIN ghostwatch.invariant AS i
            ON i.contract_id = c.contract_id
        INNER JOIN pg_class AS r
            ON r.oid IN (c.subject, i.related)
        INNER JOIN pg_roles AS table_owner
            ON table_owner.oid = r.relowner
            AND NOT table_owner.rolsuper
        WHERE p.prosecdef
        GROUP BY o.rolname
        UNION ALL
        -- Names in expressions, and operators above all, are looked up there.
        SELECT
            'privileges',
            'warning',
            format('Everybody may create objects in schema %I, which the expressions of contract %L look up names in.', n.nspname, c.name),
            format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC;', n.nspname)
        FROM ghostwatch.contract AS c
        INNER JOIN pg_namespace AS n
            ON quote_ident(n.nspname) = ANY (string_to_array(c.search_path, ', '))
        CROSS JOIN aclexplode(n.nspacl) AS a
        WHERE a.grantee = 0
            AND a.privilege_type = 'CREATE'
            AND n.nspname <> 'pg_catalog'
        UNION ALL
        SELECT
            'privileges',
            'error',
            format('Trigger %I runs a function of ghostwatch on %s, which is the table of no contract.', t.tgname, t.tgrelid::regclass),
            format('DROP TRIGGER %I ON %s;', t.tgname, t.tgrelid::regclass)
        FROM pg_trigger AS t
        INNER JOIN pg_proc AS p
            ON p.oid = t.tgfoid
            AND p.proname ~ '^ghostwatch_(capture|enforce)_[0-9]+$'
        WHERE NOT ghostwatch._is_subject(substring(p.proname FROM '[0-9]+$')::integer, t.tgrelid)
    LOOP
        is_well := false;
        RETURN NEXT finding;
    END LOOP;

    -- A job of a superuser runs the expressions and tables of the contracts that it owns.
    IF (SELECT c.here FROM ghostwatch._cron() AS c) AND has_schema_privilege('cron', 'USAGE') THEN
        FOR finding IN
            SELECT
                'privileges',
                'warning',
                format('Job %s runs the checks as superuser %I, while other roles own tables that it reads.', j.jobid, j.username),
                'SELECT ghostwatch.unschedule(); SET ROLE ghostwatch_owner; SELECT ghostwatch.schedule(); -- a role without superuser'
            FROM cron.job AS j
            INNER JOIN pg_roles AS o
                ON o.rolname = j.username
                AND o.rolsuper
            WHERE j.database = current_database()
                AND j.command ILIKE '%ghostwatch.run_checks%'
                AND EXISTS (
                    SELECT
                    FROM ghostwatch._clause AS c
                    INNER JOIN pg_class AS r
                        ON r.oid IN (c.subject, c.related)
                    INNER JOIN pg_roles AS table_owner
                        ON table_owner.oid = r.relowner
                        AND NOT table_owner.rolsuper
                    WHERE c.owner = o.oid
                )
        LOOP
            is_well := false;
            RETURN NEXT finding;
        END LOOP;
    END IF;

    IF is_well THEN
        RETURN QUERY
        SELECT 'privileges', 'ok', 'Nobody has a privilege through ghostwatch that was not granted by it.', NULL::text;
    END IF;
END
$_doctor_privileges$;

COMMENT ON FUNCTION ghostwatch._doctor_privileges() IS
'The doctor on privileges: grantees that ghostwatch did not grant, default privileges, superusers who own contracts, jobs or start(), '
'schemas open to everybody, triggers on tables of others, and the test clock.';
CREATE FUNCTION ghostwatch._doctor_schedule()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_schedule$
-- Whether anything starts check runs: the pause, pg_cron's jobs and what pg_cron says of their last run.
-- Where pg_cron cannot be seen, only the runs themselves are evidence; see _doctor_runs.
DECLARE
    cron record;
BEGIN
    RETURN QUERY
    SELECT
        'schedule',
        'warning',
        format('Check runs are paused since %s, by %s.', s.changed_at::timestamptz(0), s.changed_by),
        'SELECT ghostwatch.resume();'
    FROM ghostwatch.settings AS s
    WHERE s.name = 'paused'
        AND s.value::boolean;

    SELECT c.loaded, c.database, c.here
    INTO cron
    FROM ghostwatch._cron() AS c;

    IF NOT cron.loaded THEN
        RETURN QUERY
        SELECT
            'schedule',
            'ok',
            'There is no pg_cron on this server; the sidecar can run the checks.',
            'GHOSTWATCH_RUN_CHECKS_EVERY=1m ghostwatch notify';
    ELSIF NOT cron.here AND cron.database = current_database() THEN
        RETURN QUERY
        SELECT
            'schedule',
            'warning',
            format('pg_cron is loaded for database %s, but its extension was not created.', cron.database),
            'CREATE EXTENSION pg_cron; -- as superuser';
    ELSIF NOT cron.here THEN
        RETURN QUERY
        SELECT
            'schedule',
            'ok',
            format('pg_cron lives in %s; its jobs cannot be seen from here.', coalesce('database ' || cron.database, 'another database')),
            'SELECT ghostwatch.schedule(); -- says which statement to run there';
    ELSIF NOT has_schema_privilege('cron', 'USAGE') THEN
        RETURN QUERY
        SELECT
            'schedule',
            'warning',
            format('Role %s may not use pg_cron.', current_user),
            format('GRANT USAGE ON SCHEMA cron TO %I;', current_user);
    ELSE
        RETURN QUERY
        SELECT
            'schedule',
            CASE WHEN NOT j.active THEN 'warning' WHEN latest.status = 'failed' THEN 'error' ELSE 'ok' END,
            CASE
                WHEN NOT j.active THEN format('Job %s of role %s is switched off.', j.jobid, j.username)
                WHEN latest.status = 'failed' THEN format('Job %s of role %s failed at %s: %s', j.jobid, j.username, latest.start_time::timestamptz(0), latest.return_message)
                ELSE format('pg_cron runs the checks as %s at %s; %s.', j.username, j.schedule, coalesce('last at ' || latest.start_time::timestamptz(0), 'not yet'))
            END,
            CASE
                WHEN NOT j.active THEN format('SET ROLE %I; SELECT ghostwatch.schedule(%L);', j.username, j.schedule)
                WHEN latest.status = 'failed' AND latest.job_pid IS NULL AND workers.used THEN
                    'pg_cron could start no background worker: raise max_worker_processes, or see the log of the server.'
                WHEN latest.status = 'failed' AND latest.job_pid IS NULL THEN
                    'Let pg_cron connect as this role: cron.use_background_workers = on, or a line in pg_hba.conf or .pgpass for it.'
                WHEN latest.status = 'failed' THEN format('SET ROLE %I; CALL ghostwatch.run_checks();', j.username)
            END
        FROM cron.job AS j
        LEFT JOIN LATERAL (
            SELECT
                d.status,
                d.job_pid,
                d.start_time,
                trim(d.return_message, E'\n') AS return_message
            FROM cron.job_run_details AS d
            WHERE d.jobid = j.jobid
                AND d.start_time IS NOT NULL
            ORDER BY d.runid DESC
            LIMIT 1
        ) AS latest
            ON true
        -- No row where this role may not see the setting. A run without a process never began.
        LEFT JOIN (SELECT s.setting::boolean AS used FROM pg_settings AS s WHERE s.name = 'cron.use_background_workers') AS workers
            ON true
        WHERE j.database = current_database()
            AND j.command ILIKE '%ghostwatch.run_checks%';

        IF NOT FOUND THEN
            RETURN QUERY
            SELECT 'schedule', 'warning', 'No job of pg_cron that this role can see runs the checks.', 'SELECT ghostwatch.schedule();';
        END IF;

        -- pg_cron never removes what it notes of each run.
        RETURN QUERY
        SELECT
            'schedule',
            'warning',
            format('cron.job_run_details holds about %s rows and is never pruned.', c.reltuples::bigint),
            'SELECT cron.schedule(''forget old runs'', ''0 4 * * *'', $$DELETE FROM cron.job_run_details WHERE end_time < now() - interval ''7 days''$$);'
        FROM pg_class AS c
        WHERE c.oid = 'cron.job_run_details'::regclass
            AND c.reltuples > 1000000;
    END IF;
END
$_doctor_schedule$;

COMMENT ON FUNCTION ghostwatch._doctor_schedule() IS
'The doctor on what starts check runs: the pause, pg_cron''s jobs and their last run.';
CREATE FUNCTION ghostwatch._doctor_runs()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_runs$
-- Only successes count, whatever a scheduler reports.
DECLARE
    is_paused  constant boolean := ghostwatch._setting('paused')::boolean;
    fresh_from constant timestamptz := ghostwatch._clock() - ghostwatch._overdue_after();
    running_as text;
BEGIN
    SELECT string_agg(DISTINCT r.owner::text, ', ')
    INTO running_as
    FROM ghostwatch.check_run AS r
    WHERE r.started_at >= fresh_from;

    -- A run checks only the contracts of the role that it runs as.
    RETURN QUERY
    SELECT
        'check runs',
        'error',
        format('No run checks contract %s: it belongs to %s, and the last runs were made as %s.', c.name, c.owner, coalesce(running_as, 'nobody')),
        CASE
            WHEN r.rolname IS NULL THEN format('SELECT ghostwatch.drop_contract(%L); -- that role is gone; declare the contract again', c.name)
            ELSE format('SET ROLE %I; SELECT ghostwatch.schedule();', r.rolname)
        END
    FROM ghostwatch.contract AS c
    LEFT JOIN pg_roles AS r
        ON r.oid = c.owner
    WHERE NOT is_paused
        AND NOT EXISTS (
            SELECT
            FROM ghostwatch.check_run AS recent
            WHERE recent.owner = c.owner
                AND recent.started_at >= fresh_from
        )
    ORDER BY c.name;

    IF NOT FOUND THEN
        RETURN QUERY
        SELECT
            'check runs',
            'ok',
            CASE
                WHEN is_paused THEN 'Nothing is judged, as check runs are paused.'
                WHEN running_as IS NULL THEN 'There is no contract to be judged.'
                ELSE format('Every contract is checked; the last runs were made as %s.', running_as)
            END,
            NULL::text;
    END IF;

    RETURN QUERY
    SELECT
        'checks',
        CASE p.last_error_state WHEN '55P03' THEN 'warning' ELSE 'error' END,
        format(
            'The check of %s.%s %s since %s: %s',
            c.contract, c.invariant,
            CASE p.last_error_state WHEN '55P03' THEN 'waits for a lock' ELSE 'fails' END,
            p.failing_since::timestamptz(0), p.last_error
        ),
        CASE
            WHEN p.last_error_state = '55P03' THEN
                'It goes on when that transaction ends. For the next deploy: SELECT ghostwatch.maintenance(''20 minutes'', ''release'');'
            WHEN p.last_error_state = 'GW024' THEN
                format('This shows the error: SELECT * FROM ghostwatch.check_subject(%L, ''one of these keys'');', c.contract)
            WHEN p.last_error_state = 'GW077' THEN 'See the doctor on triggers.'
            WHEN p.last_error_state = '57014' THEN
                'It runs into statement_timeout. See the doctor on indexes, or give it more time.'
            WHEN p.last_error_state = '42501' THEN
                format('GRANT SELECT ON %s, %s TO %s; or whatever the message names.', c.subject, c.related, c.owner)
            WHEN p.last_error_state = 'GW002' THEN
                format('Declare it again, or: SELECT ghostwatch.drop_invariant(%L, %L);', c.contract, c.invariant)
            ELSE format('Correct the data or the declaration; this says whether it is valid: SELECT ghostwatch.declare_invariant(%L, %L);', c.contract, c.invariant)
        END
    FROM ghostwatch.check_progress AS p
    INNER JOIN ghostwatch._clause AS c
        ON c.invariant_id = p.invariant_id
    WHERE p.failing_since IS NOT NULL
    ORDER BY c.contract, c.invariant;

    IF NOT FOUND THEN
        RETURN QUERY
        SELECT 'checks', 'ok', 'No check fails.', NULL::text;
    END IF;

    RETURN QUERY
    SELECT
        'backlog',
        'warning',
        format('%s.%s is catching up: checked up to %s, %s behind.', s.contract, s.invariant, p.checked_up_to::timestamptz(0), date_trunc('second', s.watermark_lag)),
        'CALL ghostwatch.run_checks(); -- only to speed it up: every run processes a part'
    FROM ghostwatch.status AS s
    INNER JOIN ghostwatch._clause AS c
        ON c.contract = s.contract
        AND c.invariant = s.invariant
    INNER JOIN ghostwatch.check_progress AS p
        ON p.invariant_id = c.invariant_id
    WHERE p.catching_up_since IS NOT NULL
    ORDER BY s.contract, s.invariant;
END
$_doctor_runs$;

COMMENT ON FUNCTION ghostwatch._doctor_runs() IS
'The doctor on whether every contract is checked: runs, failing checks, backlog.';
CREATE FUNCTION ghostwatch._doctor_tables()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_tables$
-- The owner of a contract must see every row of its tables.
BEGIN
    RETURN QUERY
    WITH watched AS (
        SELECT c.contract, c.owner, c.subject AS relation FROM ghostwatch._clause AS c
        UNION
        SELECT c.contract, c.owner, c.related FROM ghostwatch._clause AS c
    ),

    seen AS (
        SELECT
            w.contract,
            w.owner,
            w.relation,
            r.oid IS NULL AS is_gone,
            NOT has_schema_privilege(w.owner, r.relnamespace, 'USAGE') AS is_out_of_reach,
            NOT has_any_column_privilege(w.owner, w.relation, 'SELECT') AS is_unreadable,
            r.relrowsecurity
            AND NOT (o.rolsuper OR o.rolbypassrls OR (pg_has_role(w.owner, r.relowner, 'USAGE') AND NOT r.relforcerowsecurity)) AS is_filtered,
            r.relnamespace::regnamespace AS schema
        FROM watched AS w
        INNER JOIN pg_roles AS o
            ON o.oid = w.owner
        LEFT JOIN pg_class AS r
            ON r.oid = w.relation
    )

    SELECT
        'tables',
        CASE WHEN s.is_gone OR s.is_out_of_reach OR s.is_unreadable THEN 'error' ELSE 'warning' END,
        CASE
            WHEN s.is_gone THEN format('Table %s of contract %s was dropped.', ghostwatch._relation_name(s.relation), s.contract)
            WHEN s.is_out_of_reach OR s.is_unreadable THEN format('%s, which owns contract %s, may not read %s.', s.owner, s.contract, s.relation)
            ELSE format('Row level security hides rows of %s from %s, which owns contract %s: hidden subjects are not checked.', s.relation, s.owner, s.contract)
        END,
        CASE
            WHEN s.is_gone THEN format('Declare the contract again with a table that exists, or: SELECT ghostwatch.drop_contract(%L);', s.contract)
            WHEN s.is_out_of_reach THEN format('GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT ON %s TO %2$s;', s.schema, s.owner, s.relation)
            WHEN s.is_unreadable THEN format('GRANT SELECT ON %s TO %s;', s.relation, s.owner)
            ELSE format('ALTER ROLE %s BYPASSRLS; or a policy that shows it every row.', s.owner)
        END
    FROM seen AS s
    WHERE s.is_gone OR s.is_out_of_reach OR s.is_unreadable OR s.is_filtered
    ORDER BY s.contract;

    IF NOT FOUND THEN
        RETURN QUERY
        SELECT 'tables', 'ok', 'Every table of every contract is there, and its rows can be read.', NULL::text;
    END IF;
END
$_doctor_tables$;

COMMENT ON FUNCTION ghostwatch._doctor_tables() IS
'The doctor on whether the tables of the contracts exist, and whether the owners of the contracts can read every row of them.';
CREATE FUNCTION ghostwatch._doctor_indexes()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_indexes$
-- Subjects are read by birth and by key, related rows by key. A column that is not there any more fails its check, which says so.
DECLARE
    clause  ghostwatch._clause;
    problem text;
    is_well boolean := true;
BEGIN
    RETURN QUERY
    WITH looked_up AS (
        SELECT DISTINCT
            c.subject AS relation,
            c.key_columns AS columns,
            ARRAY['btree', 'hash']::name[] AS methods,
            false AS partial,
            'Every open violation reads all of it.' AS consequence,
            NULL AS otherwise
        FROM ghostwatch._clause AS c
        UNION ALL
        SELECT DISTINCT
            c.related,
            c.related_key_columns,
            ARRAY['btree', 'hash']::name[],
            c.predicate IS NOT NULL,
            'Every new subject reads all of it.',
            NULL
        FROM ghostwatch._clause AS c
        UNION ALL
        SELECT
            c.subject,
            ARRAY[c.born_at_column],
            ARRAY['btree']::name[],
            false,
            'Every check reads all of it.',
            format('-- or let the database note arrivals: SELECT ghostwatch.declare_contract(%L, capture => true);', c.name)
        FROM ghostwatch.contract AS c
        WHERE NOT c.capture
            AND c.born_at_expression IS NULL
    )

    SELECT
        'indexes',
        'warning',
        format('%s has no index on %s. %s', l.relation, ghostwatch._column_names(l.columns), l.consequence),
        concat_ws(' ', advice.statement, l.otherwise)
    FROM looked_up AS l
    CROSS JOIN LATERAL ghostwatch._index_advice(l.relation, l.columns, l.methods, l.partial) AS advice (statement)
    WHERE advice.statement IS NOT NULL
        AND NOT EXISTS (
            SELECT FROM unnest(l.columns) AS k (name)
            WHERE NOT EXISTS (
                SELECT FROM pg_attribute AS a
                WHERE a.attrelid = l.relation
                    AND a.attname = k.name
                    AND NOT a.attisdropped
            )
        )
    ORDER BY l.relation::text, l.columns;
    is_well := NOT FOUND;

    -- To plan an expression may run functions that it names: so only those of this role are planned.
    FOR clause IN
        SELECT DISTINCT ON (c.contract) c.*
        FROM ghostwatch._clause AS c
        INNER JOIN pg_class AS r
            ON r.oid = c.subject
            AND r.relkind IN ('r', 'p', 'm')
        WHERE NOT c.capture
            AND c.born_at_expression IS NOT NULL
        ORDER BY c.contract
    LOOP
        problem := NULL;
        BEGIN
            IF clause.owner <> quote_ident(current_user)::regrole THEN
                problem := format('Whether %s has an index on %s was not examined: contract %s belongs to %s.', clause.subject, clause.born_at_expression, clause.contract, clause.owner);
            ELSIF NOT ghostwatch._birth_is_indexed(clause) THEN
                problem := format('%s has no index on %s. Every check reads all of it.', clause.subject, clause.born_at_expression);
            END IF;
        EXCEPTION
            WHEN OTHERS THEN
                problem := format('Whether %s has an index on %s was not examined (%s: %s).', clause.subject, clause.born_at_expression, SQLSTATE, SQLERRM);
        END;

        IF problem IS NOT NULL THEN
            is_well := false;
            RETURN NEXT ROW(
                'indexes',
                'warning',
                problem,
                'Create an index on that expression, written without the "s." of the subject.'
            )::ghostwatch._finding;
        END IF;
    END LOOP;

    IF is_well THEN
        RETURN QUERY
        SELECT 'indexes', 'ok', 'Every check finds its rows by index.', NULL::text;
    END IF;
END
$_doctor_indexes$;

COMMENT ON FUNCTION ghostwatch._doctor_indexes() IS
'The doctor on the indexes that checks need on subject and related tables.';
CREATE FUNCTION ghostwatch._doctor_keys()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_keys$
-- Examines only contracts of this role, and no view, which runs what its owner wrote, and no foreign table. Where no index on
-- a column leads to the newest rows, it takes any; without an index on the key, rows are compared with each other only.
-- Names of columns and tables only are put into the query: @plpgsql_check_options: security_warnings = false
DECLARE
    watched ghostwatch.contract;
    by_birth boolean;
    which text;
    examined bigint;
    without_key bigint;
    shared bigint;
    is_well boolean := true;
BEGIN
    FOR watched IN
        SELECT c.*
        FROM ghostwatch.contract AS c
        WHERE c.owner = quote_ident(current_user)::regrole
            -- A table that was dropped is reported by another section.
            AND EXISTS (SELECT FROM pg_class AS r WHERE r.oid = c.subject)
        ORDER BY c.name
    LOOP
        IF (SELECT r.relkind FROM pg_class AS r WHERE r.oid = watched.subject) NOT IN ('r', 'p', 'm') THEN
            is_well := false;
            RETURN NEXT ROW(
                'keys',
                'warning',
                format('The keys of %s were not examined: it is no table of this database.', watched.subject),
                format(
                    'SELECT %1$s, count(*) FROM %2$s GROUP BY %1$s HAVING count(*) > 1; -- must find none',
                    ghostwatch._column_names(watched.key_column), watched.subject
                )
            )::ghostwatch._finding;
            CONTINUE;
        END IF;

        BEGIN
            by_birth := watched.born_at_expression IS NULL
                AND ghostwatch._index_advice(watched.subject, ARRAY[watched.born_at_column], ARRAY['btree']::name[], false) IS NULL;
            PERFORM ghostwatch._enter_search_path(watched.search_path);
            EXECUTE format(
                'SELECT
                    count(*),
                    count(*) FILTER (WHERE NOT (%1$s)),
                    count(*) FILTER (WHERE %1$s AND (s._same_keys > 1 OR %3$s))
                FROM (
                    SELECT n.*, count(*) OVER (PARTITION BY %5$s) AS _same_keys
                    FROM (SELECT * FROM %2$s AS b%4$s LIMIT 1000) AS n
                ) AS s',
                ghostwatch._key_is_there('s', watched.key_column),
                watched.subject,
                CASE
                    WHEN ghostwatch._index_advice(watched.subject, watched.key_column, ARRAY['btree', 'hash']::name[], false) IS NULL
                        THEN format(
                            '(SELECT count(*) FROM (SELECT FROM %s AS r WHERE %s LIMIT 2) AS o) > 1',
                            watched.subject,
                            ghostwatch._key_match(watched.subject, watched.key_column, watched.subject, watched.key_column)
                        )
                    ELSE 'false'
                END,
                CASE WHEN by_birth THEN format(' WHERE b.%1$I < ''infinity'' ORDER BY b.%1$I DESC', watched.born_at_column) END,
                ghostwatch._key_text(watched.subject, 'n', watched.key_column)
            )
            INTO examined, without_key, shared;
            PERFORM ghostwatch._leave_search_path();
            which := concat(CASE WHEN by_birth THEN 'the newest ' END, examined);

            IF without_key > 0 THEN
                is_well := false;
                RETURN NEXT ROW(
                    'keys',
                    'warning',
                    format(
                        '%s of %s rows of %s have no key: NULL in %s. They are not judged.',
                        without_key, which, watched.subject, ghostwatch._column_names(watched.key_column)
                    ),
                    format(
                        'SELECT * FROM %s AS s WHERE (%s) IS NOT TRUE;',
                        watched.subject, ghostwatch._key_is_there('s', watched.key_column)
                    )
                )::ghostwatch._finding;
            END IF;

            IF shared > 0 THEN
                is_well := false;
                RETURN NEXT ROW(
                    'keys',
                    'error',
                    format(
                        'The key %s of %s is not unique: %s of %s rows share it with another row. One row hides what another lacks.',
                        ghostwatch._column_names(watched.key_column), watched.subject, shared, which
                    ),
                    format('SELECT ghostwatch.declare_contract(%L, key_column => ''{all,its,columns}'');', watched.name)
                )::ghostwatch._finding;
            END IF;
        EXCEPTION
            -- Say a table that is locked: it must not keep the doctor from the others.
            WHEN OTHERS THEN
                is_well := false;
                RETURN NEXT ROW(
                    'keys',
                    'warning',
                    format('The keys of %s were not examined: %s.', ghostwatch._relation_name(watched.subject), SQLERRM),
                    'SELECT * FROM ghostwatch.doctor();'
                )::ghostwatch._finding;
        END;
    END LOOP;

    IF is_well THEN
        RETURN QUERY
        SELECT 'keys', 'ok', 'No key is seen twice among the rows that were examined, and none is missing.', NULL::text;
    END IF;
END
$_doctor_keys$;

COMMENT ON FUNCTION ghostwatch._doctor_keys() IS
'The doctor on keys that are not unique or are NULL, among at most 1000 rows of each contract of this role.';
CREATE FUNCTION ghostwatch._doctor_clocks()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_clocks$
-- Clocks of application servers differ, or a time zone was declared wrongly. Examines only contracts of this role, and no view, which
-- runs its owner's code.
-- Names of columns and tables only are put into the queries: @plpgsql_check_options: security_warnings = false
DECLARE
    as_of     constant timestamptz := ghostwatch._clock();
    -- A smaller difference is the duration of a transaction, or usual between clocks synchronized by NTP.
    tolerance constant interval := '5 seconds'::interval;
    clause    ghostwatch._clause;
    newest    record;
    advice    text;
    problem   text;
    youngest  timestamptz;
    slow      interval;
    earliest  interval;
    latest    interval;
    is_well   boolean := true;
BEGIN
    FOR clause IN
        SELECT DISTINCT ON (c.contract) c.*
        FROM ghostwatch._clause AS c
        INNER JOIN pg_class AS r
            ON r.oid = c.subject
            AND r.relkind IN ('r', 'p')
        WHERE c.owner = quote_ident(current_user)::regrole
        ORDER BY c.contract
    LOOP
        advice := format(
            'SELECT ghostwatch.declare_contract(%L, capture => true); -- or set the clocks of the application''s servers%s',
            clause.contract, ', or the time_zone (now ' || clause.time_zone || ')'
        );

        BEGIN
            -- The database's own clock stands beside what was written: they are compared, and differ without harm.
            IF clause.capture THEN
                SELECT
                    array_agg(a.subject_key) AS subject_keys,
                    array_agg(a.arrived_at) AS arrivals
                INTO newest
                FROM (
                    SELECT n.*
                    FROM ghostwatch.arrival AS n
                    WHERE n.contract_id = clause.contract_id
                    ORDER BY n.arrived_at DESC
                    LIMIT 1000
                ) AS a;
                PERFORM ghostwatch._enter_search_path(clause.search_path);
                EXECUTE format(
                    'SELECT min(d.difference), max(d.difference)
                    FROM (
                        SELECT %1$s - a.arrived_at AS difference
                        FROM %2$s AS s
                        INNER JOIN unnest($1, $2) AS a (subject_key, arrived_at) ON a.subject_key = %3$s
                        WHERE %4$s AND isfinite(%1$s)
                    ) AS d',
                    ghostwatch._written_birth(clause),
                    clause.subject,
                    ghostwatch._key_text(clause.subject, 's', clause.key_columns),
                    ghostwatch._key_is_among(clause.subject, clause.key_columns)
                )
                INTO earliest, latest
                USING newest.subject_keys, newest.arrivals;
                PERFORM ghostwatch._leave_search_path();

                IF earliest < -tolerance OR latest > tolerance THEN
                    is_well := false;
                    RETURN NEXT ROW(
                        'clocks',
                        'ok',
                        format(
                            'Births written in %s lie up to %s before and %s after the arrival. With capture only the arrival counts.',
                            clause.subject, date_trunc('second', greatest(-earliest, '0')), date_trunc('second', greatest(latest, '0'))
                        ),
                        NULL
                    )::ghostwatch._finding;
                END IF;
                CONTINUE;
            END IF;

            -- Clocks and zones that are hours off: the newest births show it, however long ago they lie.
            problem := ghostwatch._birth_problem(c) FROM ghostwatch.contract AS c WHERE c.contract_id = clause.contract_id;
            IF problem IS NOT NULL THEN
                is_well := false;
                RETURN NEXT ROW('clocks', 'warning', problem, advice)::ghostwatch._finding;
                CONTINUE;
            END IF;

            -- Clocks that are fast: the youngest row shows it, where an index leads to it.
            IF clause.born_at_expression IS NULL AND ghostwatch._index_advice(clause.subject, ARRAY[clause.born_at_column], ARRAY['btree']::name[], false) IS NULL THEN
                EXECUTE format(
                    'SELECT %1$s FROM %2$s AS s WHERE s.%3$I < ''infinity'' ORDER BY s.%3$I DESC LIMIT 1',
                    ghostwatch._written_birth(clause),
                    clause.subject,
                    clause.born_at_column
                )
                INTO youngest;

                IF youngest > as_of + tolerance THEN
                    is_well := false;
                    RETURN NEXT ROW(
                        'clocks',
                        'warning',
                        format('The youngest row of %s was born %s from now. It is judged when that comes.', clause.subject, date_trunc('second', youngest - as_of)),
                        advice
                    )::ghostwatch._finding;
                END IF;
            END IF;

            -- Clocks that are slow: the checks saw it.
            SELECT max(p.skew)
            INTO slow
            FROM ghostwatch.check_progress AS p
            INNER JOIN ghostwatch.invariant AS i
                ON i.invariant_id = p.invariant_id
            WHERE i.contract_id = clause.contract_id
                AND p.skew > tolerance
                AND p.skew_seen_at > as_of - '1 day'::interval;

            IF slow IS NOT NULL THEN
                is_well := false;
                RETURN NEXT ROW(
                    'clocks',
                    'warning',
                    format(
                        'Rows of %s are born %s or more before their transaction begins. They are judged that much too soon, and missed if it is more than %s (the lateness).',
                        clause.subject, date_trunc('second', slow), clause.lateness
                    ),
                    advice
                )::ghostwatch._finding;
            END IF;
        EXCEPTION
            -- The doctor does not wait for locks.
            WHEN lock_not_available THEN
                is_well := false;
                RETURN NEXT ROW(
                    'clocks',
                    'warning',
                    format(
                        'The clocks of contract %s were not examined, as %s is locked by %s.',
                        clause.contract, clause.subject,
                        coalesce(ghostwatch._lock_holders(ARRAY[clause.subject], 'AccessShareLock'), 'a session that this role cannot see')
                    ),
                    'SELECT * FROM ghostwatch.doctor(); -- again when that transaction has ended'
                )::ghostwatch._finding;
        END;
    END LOOP;

    IF is_well THEN
        RETURN QUERY
        SELECT 'clocks', 'ok', 'No clock is seen to differ.', NULL::text;
    END IF;
END
$_doctor_clocks$;

COMMENT ON FUNCTION ghostwatch._doctor_clocks() IS
'The doctor on clocks that differ: birth times in the future, before their transaction, or apart from the arrival, in the contracts of this role.';
CREATE FUNCTION ghostwatch._doctor_missed()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_missed$
-- A birth time that is far too early, or a lock on the tables that capture writes, hides a subject from the checks. Examines only
-- contracts of this role, whose expressions it evaluates, and only where an index leads to the subjects; it names the others.
DECLARE
    as_of   constant timestamptz := ghostwatch._clock();
    clause  ghostwatch._clause;
    missed  integer;
    is_well boolean := true;
BEGIN
    FOR clause IN
        SELECT c.*
        FROM ghostwatch._clause AS c
        INNER JOIN ghostwatch.check_progress AS p
            ON p.invariant_id = c.invariant_id
        WHERE c.owner = quote_ident(current_user)::regrole
            AND p.failing_since IS NULL
            AND p.watermark > as_of - c.watch_for
        ORDER BY c.contract, c.invariant
    LOOP
        BEGIN
            IF NOT ghostwatch._birth_is_indexed(clause) THEN
                is_well := false;
                -- Capture is for such tables, and records each arrival: there is nothing to do.
                RETURN NEXT ROW(
                    'missed',
                    CASE WHEN clause.capture THEN 'ok' ELSE 'warning' END,
                    format(
                        'Whether the checks of %s.%s miss subjects was not examined: no index leads to the births in %s.',
                        clause.contract, clause.invariant, clause.subject
                    ),
                    NULL
                )::ghostwatch._finding;
                CONTINUE;
            END IF;

            missed := cardinality(ghostwatch._missed_keys(
                clause,
                as_of - clause.watch_for,
                (SELECT p.watermark FROM ghostwatch.check_progress AS p WHERE p.invariant_id = clause.invariant_id)
            ));

            IF missed > 0 THEN
                is_well := false;
                RETURN NEXT ROW(
                    'missed',
                    'warning',
                    format(
                        'Missed by the checks of %s.%s: %s of %s without the row, %s, or had it and lost it.',
                        clause.contract, clause.invariant, missed, clause.subject,
                        CASE
                            WHEN clause.capture THEN 'whose arrival was not recorded'
                            ELSE format('who came more than %s (the lateness) after their birth', clause.lateness)
                        END
                    ),
                    CASE
                        WHEN clause.capture THEN 'SELECT * FROM ghostwatch.capture_failure; -- the checks record and judge those that they find'
                        ELSE format('SELECT ghostwatch.declare_contract(%L, capture => true); -- or a longer lateness', clause.contract)
                    END
                )::ghostwatch._finding;
            END IF;
        EXCEPTION
            -- An invariant that cannot be examined must not keep the doctor from the others.
            WHEN OTHERS THEN
                is_well := false;
                RETURN NEXT ROW(
                    'missed',
                    'warning',
                    format('Whether the checks of %s.%s miss subjects could not be examined (%s: %s).', clause.contract, clause.invariant, SQLSTATE, SQLERRM),
                    'See whether the next check fails too.'
                )::ghostwatch._finding;
        END;
    END LOOP;

    IF is_well THEN
        RETURN QUERY
        SELECT 'missed', 'ok', 'No subject was missed lately.', NULL::text;
    END IF;
END
$_doctor_missed$;

COMMENT ON FUNCTION ghostwatch._doctor_missed() IS
'The doctor on missed subjects, in the contracts of this role: they lack their row, are due, and no check has seen them.';
CREATE FUNCTION ghostwatch._doctor_triggers()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_triggers$
-- An outdated function still enforces, one clause after the other: slowly, and wrongly once another table takes the old name.
DECLARE
    found_any boolean := false;
BEGIN
    RETURN QUERY
    SELECT
        'triggers',
        'error',
        p.finding,
        p.advice
    FROM ghostwatch.contract AS c
    CROSS JOIN LATERAL ghostwatch._trigger_problems(c.contract_id) AS p
    ORDER BY c.name;
    found_any := FOUND;

    RETURN QUERY
    SELECT
        'triggers',
        'warning',
        CASE c.enforcement
            WHEN 'observe' THEN format('Contract %s is not enforced any more; the triggers that remain on %s do nothing.', c.name, c.subject)
            ELSE format('The function that enforces contract %s uses old names: a table or column was renamed since it was written.', c.name)
        END,
        CASE c.enforcement
            WHEN 'observe' THEN 'SELECT ghostwatch.remove_idle_triggers(); -- when the table is not busy'
            ELSE concat(
                CASE WHEN c.owner <> quote_ident(current_user)::regrole THEN format('SET ROLE %s; ', c.owner) END,
                format('SELECT * FROM ghostwatch.enforce(%L, %L);', c.name, c.enforcement)
            )
        END
    FROM ghostwatch.contract AS c
    INNER JOIN pg_trigger AS t
        ON t.tgrelid = c.subject
        AND t.tgname = ghostwatch._enforcement_name(c.contract_id)
    INNER JOIN pg_proc AS p
        ON p.oid = t.tgfoid
    WHERE c.enforcement = 'observe'
        OR p.prosrc <> ghostwatch._enforcement_body(c.contract_id)
    ORDER BY c.name;
    found_any := found_any OR FOUND;

    RETURN QUERY
    SELECT
        'triggers',
        'warning',
        format(
            'In the last day, the arrival of %s of contract %s could not be recorded at once, last at %s: %s. The check runs recorded it.',
            ghostwatch._pluralize(sum(cardinality(f.subject_keys))::bigint, 'subject'),
            c.name,
            max(f.failed_at)::timestamptz(0),
            (array_agg(f.error_message ORDER BY f.failed_at DESC))[1]
        ),
        'SELECT * FROM ghostwatch.capture_failure;'
    FROM ghostwatch.capture_failure AS f
    INNER JOIN ghostwatch.contract AS c
        ON c.contract_id = f.contract_id
    GROUP BY c.name
    ORDER BY c.name;
    found_any := found_any OR FOUND;

    IF NOT found_any THEN
        RETURN QUERY
        SELECT 'triggers', 'ok', 'Every trigger that a contract needs is where it must be.', NULL::text;
    END IF;
END
$_doctor_triggers$;

COMMENT ON FUNCTION ghostwatch._doctor_triggers() IS
'The doctor on the triggers that capture arrivals and enforce contracts.';
CREATE FUNCTION ghostwatch._doctor_transactions()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_transactions$
-- A signup that is committed late is missed where its transaction cannot be seen.
DECLARE
    as_of   constant timestamptz := ghostwatch._clock();
    is_long constant interval := '5 minutes'::interval;
    is_well          boolean := true;
BEGIN
    -- pg_stat_activity hides the transactions of others from roles without pg_read_all_stats.
    RETURN QUERY
    SELECT
        'late commits',
        'warning',
        format(
            '%s cannot see how old the transactions of other roles are: in contract %s, a subject whose transaction is open '
            'for longer than %s (its lateness) before it commits is missed.',
            c.owner, c.name, c.lateness
        ),
        format('GRANT pg_read_all_stats TO %s;', c.owner)
    FROM ghostwatch.contract AS c
    INNER JOIN pg_roles AS o
        ON o.oid = c.owner
    WHERE NOT pg_has_role(c.owner, 'pg_read_all_stats', 'USAGE')
    ORDER BY c.name;
    is_well := is_well AND NOT FOUND;

    RETURN QUERY
    SELECT
        'late commits',
        'warning',
        format(
            'Process %s (%s, %s) has a transaction open since %s. The watermarks wait for it.',
            a.pid, a.usename, coalesce(nullif(a.application_name, ''), a.state), a.xact_start::timestamptz(0)
        ),
        format('SELECT pg_terminate_backend(%s);', a.pid)
    FROM pg_stat_activity AS a
    WHERE a.datname = current_database()
        AND a.pid <> pg_backend_pid()
        AND a.backend_type NOT IN ('autovacuum worker', 'walsender')
        AND a.xact_start < as_of - is_long
    ORDER BY a.xact_start;
    is_well := is_well AND NOT FOUND;

    RETURN QUERY
    SELECT
        'late commits',
        'warning',
        format('Transaction %L of %s is prepared since %s and neither committed nor rolled back. The watermarks wait for it.', p.gid, p.owner, p.prepared::timestamptz(0)),
        format('ROLLBACK PREPARED %1$L; -- or COMMIT PREPARED %1$L;', p.gid)
    FROM pg_prepared_xacts AS p
    WHERE p.database = current_database()
        AND p.prepared < as_of - is_long
    ORDER BY p.prepared;
    is_well := is_well AND NOT FOUND;

    IF is_well THEN
        RETURN QUERY
        SELECT 'late commits', 'ok', 'Transactions can be seen, and none is open for long.', NULL::text;
    END IF;
END
$_doctor_transactions$;

COMMENT ON FUNCTION ghostwatch._doctor_transactions() IS
'The doctor on signups that are committed late: which owners see other transactions, and which transactions have been open for long.';
CREATE FUNCTION ghostwatch._doctor_time_limit()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_time_limit$
-- A check that hangs holds up the others of its owner.
DECLARE
    advised constant text := extract(epoch FROM ghostwatch._setting('run_budget')::interval + '15 seconds')::integer || 's';
BEGIN
    RETURN QUERY
    SELECT
        'time limit',
        'warning',
        format('Check runs as %s have no statement_timeout: a check that hangs holds up the others.', o.rolname),
        format('ALTER ROLE %I IN DATABASE %I SET statement_timeout = %L;', o.rolname, current_database(), advised)
    FROM (SELECT DISTINCT c.owner FROM ghostwatch.contract AS c) AS c
    INNER JOIN pg_roles AS o
        ON o.oid = c.owner
    -- The setting for role and database wins over that for the role, that over the database's, and that over the server's.
    LEFT JOIN LATERAL (
        SELECT split_part(item, '=', 2) AS value
        FROM pg_db_role_setting AS s
        CROSS JOIN LATERAL unnest(s.setconfig) AS item
        WHERE s.setrole IN (0, c.owner)
            AND s.setdatabase IN (0, (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()))
            AND item LIKE 'statement\_timeout=%'
        ORDER BY
            s.setrole DESC,
            s.setdatabase DESC
        LIMIT 1
    ) AS set_for
        ON true
    CROSS JOIN (SELECT g.reset_val FROM pg_settings AS g WHERE g.name = 'statement_timeout') AS of_server
    WHERE coalesce(set_for.value, of_server.reset_val) ~ '^ *0+ *[a-z]* *$'
    ORDER BY o.rolname;

    IF NOT FOUND THEN
        RETURN QUERY
        SELECT 'time limit', 'ok', 'A check that hangs is cut off by statement_timeout.', NULL::text;
    END IF;
END
$_doctor_time_limit$;

COMMENT ON FUNCTION ghostwatch._doctor_time_limit() IS
'The doctor on statement_timeout, which ends a check that hangs: each owner''s setting in this database.';
CREATE FUNCTION ghostwatch._doctor_rules()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_doctor_rules$
-- An alert that fires most of the time is not read any more. The recommendation comes with a backtest as evidence.
DECLARE
    as_of constant timestamptz := ghostwatch._clock();
    frequent    record;
    rule     ghostwatch.invariant;
    replayed text;
BEGIN
    FOR frequent IN
        SELECT i.invariant_id, c.name AS contract, fired.share
        FROM ghostwatch.invariant AS i
        INNER JOIN ghostwatch.contract AS c USING (contract_id)
        CROSS JOIN LATERAL (
            SELECT
                sum(extract(EPOCH FROM coalesce(a.resolved_at, as_of) - greatest(a.opened_at, as_of - '7 days'::interval)))
                / extract(EPOCH FROM '7 days'::interval) AS share
            FROM ghostwatch.alert AS a
            WHERE a.kind = 'violations'
                AND coalesce(a.invariant_id, 0) = i.invariant_id
                AND coalesce(a.resolved_at, as_of) > as_of - '7 days'::interval
        ) AS fired
        WHERE i.rule = 'threshold'
            AND c.owner = quote_ident(current_user)::regrole
            AND fired.share > 0.5
        ORDER BY c.name, i.name
    LOOP
        rule := ghostwatch._replayed_rule(frequent.invariant_id, '{"rule": "drift"}');
        BEGIN
            replayed := format(
                'With the rule drift, the last 30 days would have had: %s.',
                ghostwatch._replay_total(rule, as_of - '30 days'::interval, as_of)
            );
        EXCEPTION
            -- An invariant that cannot be replayed must not keep the doctor from the others.
            WHEN OTHERS THEN
                replayed := format('The rule drift could not be replayed over the past (%s: %s).', SQLSTATE, SQLERRM);
        END;

        RETURN NEXT ROW(
            'rules',
            'warning',
            format(
                'The alert of %s/%s has been firing for %s %% of the last 7 days. %s',
                frequent.contract, rule.name, round((frequent.share * 100)::numeric), replayed
            ),
            format('SELECT ghostwatch.declare_invariant(%L, %L, rule => ''drift'');', frequent.contract, rule.name)
        )::ghostwatch._finding;
    END LOOP;
END
$_doctor_rules$;

COMMENT ON FUNCTION ghostwatch._doctor_rules() IS
'Recommends the rule drift, with a backtest of the last 30 days, where an alert of the rule threshold has been firing most of the last week.';
CREATE FUNCTION ghostwatch._doctor_delivery()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_delivery$
-- Whether alerts reach people: sidecars, channels and the outbox.
DECLARE
    as_of     constant timestamptz := ghostwatch._clock();
    alive_from constant timestamptz := as_of - '2 minutes'::interval;
    is_late   constant timestamptz := as_of - '5 minutes'::interval;
BEGIN
    -- Of one that was killed only the time when it was last seen is known, and a fresh one may not listen yet.
    RETURN QUERY
    SELECT
        'sidecar',
        CASE
            WHEN s.seen_at < alive_from THEN 'warning'
            WHEN s.cannot_send THEN 'error'
            WHEN s.problem IS NOT NULL OR (NOT s.listening AND s.started_at < alive_from) THEN 'warning'
            ELSE 'ok'
        END,
        CASE
            WHEN s.seen_at < alive_from THEN format('Sidecar %s was last seen at %s.', s.worker, s.seen_at::timestamptz(0))
            WHEN s.problem IS NOT NULL THEN format('Sidecar %s: %s', s.worker, s.problem)
            WHEN NOT s.listening AND s.started_at < alive_from THEN format('Sidecar %s receives no NOTIFY and finds its work by polling.', s.worker)
            ELSE format('Sidecar %s (version %s) has been running since %s.', s.worker, s.version, s.started_at::timestamptz(0))
        END,
        CASE
            WHEN s.seen_at < alive_from THEN 'Start it again, or ignore it if it was stopped on purpose.'
            WHEN s.problem IS NOT NULL THEN 'To see what Telegram says: ghostwatch send-test <channel>'
            WHEN NOT s.listening AND s.started_at < alive_from THEN 'Connect it to the database directly, not through a pooler in transaction mode.'
        END
    FROM ghostwatch.sidecar AS s
    -- A dead one is forgotten where another one is running.
    WHERE s.seen_at >= alive_from
        OR NOT EXISTS (SELECT FROM ghostwatch.sidecar AS alive WHERE alive.seen_at >= alive_from)
    ORDER BY s.seen_at DESC;

    IF NOT EXISTS (SELECT FROM ghostwatch.sidecar AS s WHERE s.seen_at >= alive_from) THEN
        RETURN QUERY
        SELECT 'sidecar', 'error', 'No sidecar is running: no alert reaches anybody.', 'ghostwatch notify';
    END IF;

    RETURN QUERY
    SELECT
        'channels',
        CASE
            WHEN c.disabled_at IS NOT NULL THEN 'error'
            WHEN c.topic_lost_at IS NOT NULL THEN 'warning'
            ELSE 'ok'
        END,
        CASE
            WHEN c.disabled_at IS NULL AND c.topic_lost_at IS NOT NULL
                THEN format('The topic of channel %s is %s since %s; its messages go to the main chat.', c.name, coalesce(c.topic_state, 'gone'), c.topic_lost_at::timestamptz(0))
            WHEN c.disabled_at IS NULL THEN format('Channel %s is open, from %s upwards.', c.name, c.min_severity)
            ELSE format('Channel %s is closed since %s: %s', c.name, c.disabled_at::timestamptz(0), c.disabled_reason)
        END,
        CASE
            WHEN c.disabled_at IS NULL AND c.topic_lost_at IS NOT NULL
                THEN format('Give it the thread_id of a topic that exists, or none: SELECT ghostwatch.add_channel(%L, reset => ''{thread_id}'');', c.name)
            WHEN c.disabled_at IS NOT NULL THEN format('Try it with: ghostwatch send-test %s; when it is put right: SELECT ghostwatch.enable_channel(%L);', c.name, c.name)
        END
    FROM ghostwatch.channel AS c
    ORDER BY c.name;

    IF NOT FOUND THEN
        RETURN QUERY
        SELECT 'channels', 'error', 'There is no channel: no alert reaches anybody.', 'SELECT ghostwatch.add_channel(''admins'', chat_id => -1001234567890);';
    END IF;

    -- What keeps alerts back on purpose.
    RETURN QUERY
    SELECT
        'filters',
        'ok',
        format('Channel %s is sent %s.', c.name, concat_ws(
            ', ',
            CASE c.min_severity WHEN 'error' THEN 'errors only' ELSE 'warnings and errors' END,
            CASE WHEN c.contracts IS NOT NULL THEN format('of contract %s only', array_to_string(c.contracts, ', ')) END,
            CASE
                WHEN c.quiet_from IS NOT NULL THEN format(
                    'and %s of %s to %s (%s) in one digest',
                    CASE WHEN c.quiet_errors THEN 'warnings and errors' ELSE 'warnings' END,
                    c.quiet_from, c.quiet_until, c.quiet_time_zone
                )
            END
        )),
        NULL::text
    FROM ghostwatch.channel AS c
    WHERE c.min_severity = 'error'
        OR c.contracts IS NOT NULL
        OR c.quiet_from IS NOT NULL
    ORDER BY c.name;

    RETURN QUERY
    SELECT
        'filters',
        'ok',
        format('Silence %s of %s by %s is in force until %s: %s', s.silence_id, concat_ws('.', s.contract, s.invariant, s.branch), s.created_by, s.ends_at::timestamptz(0), s.comment),
        format('SELECT ghostwatch.unsilence(%s); -- to end it early', s.silence_id)
    FROM ghostwatch.silence AS s
    WHERE s.starts_at <= as_of
        AND s.ends_at > as_of
    ORDER BY s.silence_id;

    RETURN QUERY
    SELECT 'delivery', 'warning', p, 'ghostwatch send-test <channel>'
    FROM ghostwatch._delivery_problems(as_of) AS p;

    RETURN QUERY
    SELECT
        'channels',
        'warning',
        format('Channel %s follows chat %s, which Telegram says became %s at %s.', c.name, c.migrated_from, c.chat_id, c.migrated_at::timestamptz(0)),
        format('If that is not so: SELECT ghostwatch.add_channel(%L, %s);', c.name, c.migrated_from)
    FROM ghostwatch.channel AS c
    WHERE c.migrated_at > as_of - '7 days'::interval;

    RETURN QUERY
    SELECT
        'outbox',
        CASE WHEN waiting.since < is_late OR waiting.events_since < is_late OR waiting.given_up > 0 THEN 'warning' ELSE 'ok' END,
        concat_ws(
            ' ',
            CASE
                WHEN waiting.total > 0 THEN format('Waiting: %s, %s%s.', ghostwatch._pluralize(waiting.total, 'notification'), coalesce('the oldest since ' || waiting.since::timestamptz(0), 'none is late'), ' (' || waiting.reason || ')')
                ELSE 'No notification waits.'
            END,
            CASE WHEN waiting.events > 0 THEN format('Waiting: %s, the oldest since %s.', ghostwatch._pluralize(waiting.events, 'event'), waiting.events_since::timestamptz(0)) END,
            CASE WHEN waiting.given_up > 0 THEN format('Given up: %s.', ghostwatch._pluralize(waiting.given_up, 'notification')) END
        ),
        CASE
            WHEN waiting.given_up > 0 THEN 'SELECT ghostwatch.retry_failed();'
            WHEN waiting.since < is_late OR waiting.events_since < is_late THEN 'See the doctor on sidecars and channels.'
        END
    FROM (
        SELECT
            count(*) FILTER (WHERE n.state IN ('pending', 'claimed')) AS total,
            ghostwatch._overdue_since(as_of) AS since,
            (array_agg(n.state_reason ORDER BY n.created_at) FILTER (WHERE n.state = 'pending' AND n.state_reason IS NOT NULL))[1] AS reason,
            count(*) FILTER (WHERE n.state = 'failed') AS given_up,
            (SELECT count(*) FROM ghostwatch.event AS e WHERE e.gathered_at IS NULL) AS events,
            (SELECT min(e.created_at) FROM ghostwatch.event AS e WHERE e.gathered_at IS NULL) AS events_since
        FROM ghostwatch.notification AS n
        WHERE n.state IN ('pending', 'claimed', 'failed')
    ) AS waiting;
END
$_doctor_delivery$;

COMMENT ON FUNCTION ghostwatch._doctor_delivery() IS
'The doctor on whether alerts reach people: sidecars, channels, outbox.';
CREATE FUNCTION ghostwatch._doctor_server()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_server$
-- What is special about the server, and what was changed around ghostwatch: its settings, and vacuum.
BEGIN
    RETURN QUERY
    SELECT
        'server',
        'warning',
        'This database is in recovery: it follows another server, and nothing is checked or sent from here.',
        'Ask the doctor on the primary.'
    WHERE pg_is_in_recovery();

    RETURN QUERY
    SELECT
        'settings',
        'ok',
        format('%s is %s (default %s), set by %s at %s.', s.name, s.value, s.default_value, s.changed_by, s.changed_at::timestamptz(0)),
        format('To undo: SELECT ghostwatch.reset_setting(%L);', s.name)
    FROM ghostwatch.settings AS s
    WHERE s.value <> s.default_value
        AND s.name <> 'paused';

    IF NOT FOUND THEN
        RETURN QUERY
        SELECT 'settings', 'ok', 'Every setting has its default.', NULL::text;
    END IF;

    RETURN QUERY
    SELECT
        'vacuum',
        'warning',
        'Autovacuum is off: tables that change all the time, as those of ghostwatch do, will bloat.',
        'ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf();'
    WHERE NOT current_setting('autovacuum')::boolean;
END
$_doctor_server$;

COMMENT ON FUNCTION ghostwatch._doctor_server() IS
'The doctor on the environment: changed settings, vacuum.';
CREATE FUNCTION ghostwatch.doctor()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
ROWS 30
SET search_path = pg_catalog, pg_temp
-- The doctor waits for no lock, whatever a section examines.
SET lock_timeout = '100ms'
AS $doctor$
-- A section that fails costs the others nothing.
DECLARE
    sections constant text[] := ARRAY[
        'ghostwatch._doctor_privileges',
        'ghostwatch._doctor_schedule',
        'ghostwatch._doctor_runs',
        'ghostwatch._doctor_tables',
        'ghostwatch._doctor_indexes',
        'ghostwatch._doctor_keys',
        'ghostwatch._doctor_clocks',
        'ghostwatch._doctor_missed',
        'ghostwatch._doctor_triggers',
        'ghostwatch._doctor_transactions',
        'ghostwatch._doctor_time_limit',
        'ghostwatch._doctor_rules',
        'ghostwatch._doctor_delivery',
        'ghostwatch._doctor_server'
    ];
    section  text;
    found    ghostwatch._finding[];
    findings ghostwatch._finding[] := '{}'::ghostwatch._finding[];
BEGIN
    FOREACH section IN ARRAY sections
    LOOP
        BEGIN
            EXECUTE format('SELECT array_agg(f) FROM %s() AS f', section) INTO found;
        EXCEPTION
            WHEN OTHERS THEN
                found := ARRAY[
                    ROW(
                        replace(split_part(section, '_doctor_', 2), '_', ' '),
                        'warning',
                        format('This could not be examined (%s: %s).', SQLSTATE, SQLERRM),
                        'SELECT * FROM ghostwatch.doctor(); -- again'
                    )::ghostwatch._finding
                ];
        END;
        findings := findings || found;
    END LOOP;

    -- Errors first, then warnings, then what is well.
    RETURN QUERY
    SELECT
        f.check_name,
        f.verdict,
        f.finding,
        f.advice
    FROM unnest(findings) WITH ORDINALITY AS f (check_name, verdict, finding, advice, place)
    ORDER BY
        array_position(ARRAY['error', 'warning', 'ok'], f.verdict),
        f.place;
END
$doctor$;

COMMENT ON FUNCTION ghostwatch.doctor() IS
'Examines the installation: what is wrong (error), could become wrong (warning) or is well (ok), and what to do about it. Changes nothing.';
CREATE FUNCTION ghostwatch._explain_run(
    invariant_id integer,
    as_of timestamptz,
    OUT cause text,
    OUT finding text,
    OUT advice text
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_explain_run$
-- Whether the checks of an invariant come as far as to decide its alerts.
-- Takes the invariant and the time. Returns one word for the cause, a sentence, and what to type, if there is something.
DECLARE
    progress ghostwatch.check_progress;
BEGIN
    SELECT p.* INTO STRICT progress
    FROM ghostwatch.check_progress AS p
    WHERE p.invariant_id = _explain_run.invariant_id;

    IF ghostwatch._setting('paused')::boolean THEN
        cause := 'paused';
        finding := 'Checks are paused.';
        advice := 'SELECT ghostwatch.resume();';
    ELSIF progress.failing_since IS NOT NULL THEN
        cause := 'check_failing';
        finding := format('Its check fails since %s: %s', progress.failing_since::timestamptz(0), progress.last_error);
        advice := 'SELECT * FROM ghostwatch.doctor();';
    ELSIF progress.last_success_at IS NULL OR progress.last_success_at < as_of - ghostwatch._overdue_after() THEN
        cause := 'no_run';
        finding := coalesce(
            format('No check has succeeded since %s, so nothing was decided since.', progress.last_success_at::timestamptz(0)),
            'It was never checked.'
        );
        advice := 'SELECT ghostwatch.schedule(); -- or see: ghostwatch doctor';
    ELSIF ghostwatch._in_maintenance(invariant_id, as_of) THEN
        cause := 'maintenance';
        finding := 'A maintenance window covers it, so no alert is decided.';
        advice := 'SELECT ghostwatch.end_maintenance();';
    ELSE
        cause := 'checked';
        finding := concat_ws(
            ' ',
            format('It was last checked at %s.', progress.last_success_at::timestamptz(0)),
            format('The checks are catching up with what became due since %s.', progress.catching_up_since::timestamptz(0))
        );
    END IF;
END
$_explain_run$;

COMMENT ON FUNCTION ghostwatch._explain_run(integer, timestamptz) IS
'Whether the checks of an invariant come as far as to decide its alerts.
cause: paused, check_failing, no_run, maintenance or checked.';
-- Of an invariant, whether it has an alert or not.
CREATE FUNCTION ghostwatch.why(
    contract text,
    invariant text
)
RETURNS TABLE (
    step text,
    channel text,
    cause text,
    finding text,
    advice text
)
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $why$
-- For an admin who expected a message: where on the way from the check run to the chat it is.
-- The name of a rule is one of those that the table of invariants allows: @plpgsql_check_options: security_warnings = false, other_warnings = false
DECLARE
    as_of         constant timestamptz := ghostwatch._clock();
    its_id        constant integer := ghostwatch._invariant_id(contract, invariant);
    its_invariant ghostwatch.invariant;
    latest_alert  bigint;
    result        ghostwatch._rule_result;
BEGIN
    SELECT a.alert_id INTO latest_alert
    FROM ghostwatch.alert AS a
    WHERE a.invariant_id = its_id
        AND a.state = 'firing'
    ORDER BY a.alert_id DESC
    LIMIT 1;
    IF FOUND THEN
        RETURN QUERY SELECT w.* FROM ghostwatch.why(latest_alert) AS w;
        RETURN;
    END IF;

    RETURN QUERY SELECT 'run', NULL::text, r.cause, r.finding, r.advice FROM ghostwatch._explain_run(its_id, as_of) AS r;

    SELECT i.* INTO its_invariant FROM ghostwatch.invariant AS i WHERE i.invariant_id = its_id;
    EXECUTE format('SELECT (q.result).* FROM (SELECT ghostwatch.%I($1, $2) AS result OFFSET 0) AS q', format('_%s_result', its_invariant.rule))
    INTO result
    USING its_id, as_of;
    RETURN QUERY
    SELECT
        'rule',
        NULL::text,
        CASE WHEN result.firing THEN 'next_run' ELSE 'rule' END,
        format(
            'No alert fires. Open: %s, %s of them older than %s. %s',
            ghostwatch._pluralize(result.warn_count + result.error_count, 'violation'),
            result.error_count, its_invariant.error_after,
            CASE
                WHEN result.firing THEN 'The next check run will open one.'
                ELSE concat_ws(
                    ' ',
                    format('The rule %s does not call that wrong', its_invariant.rule),
                    format('(min_count %s, min_rate %s).', its_invariant.min_count, its_invariant.min_rate),
                    ghostwatch._baseline_remark(its_id, as_of) || '.'
                )
            END
        ),
        format('SELECT * FROM ghostwatch.ghost_summary(%L, %L);', contract, invariant);
END
$why$;

COMMENT ON FUNCTION ghostwatch.why(text, text) IS
'Why an invariant has no message: what the last check run, its rule and, if an alert is firing, each channel made of it.
Raises GW001 (no such contract), GW007 (no such invariant).';

CREATE FUNCTION ghostwatch.why(
    alert_id bigint
)
RETURNS TABLE (
    step text,
    channel text,
    cause text,
    finding text,
    advice text
)
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $why$
-- For an admin who expected a message about an alert: where on the way from the check run to the chat it is.
DECLARE
    as_of     constant timestamptz := ghostwatch._clock();
    its_alert ghostwatch.alert;
BEGIN
    PERFORM ghostwatch._require_alert(why.alert_id);
    SELECT a.* INTO its_alert FROM ghostwatch.alert AS a WHERE a.alert_id = why.alert_id;

    IF its_alert.invariant_id IS NOT NULL AND its_alert.state = 'firing' THEN
        RETURN QUERY SELECT 'run', NULL::text, r.cause, r.finding, r.advice FROM ghostwatch._explain_run(its_alert.invariant_id, as_of) AS r;
    END IF;

    RETURN QUERY
    SELECT
        'rule',
        NULL::text,
        its_alert.state,
        concat_ws(
            ' ',
            format(
                'Alert %s (%s) opened at %s%s and is %s%s.',
                its_alert.alert_id,
                concat_ws(', ', its_alert.contract || '.' || its_alert.invariant, coalesce('rule ' || its_alert.rule, its_alert.kind)),
                its_alert.opened_at::timestamptz(0),
                ', escalated at ' || its_alert.escalated_at::timestamptz(0),
                its_alert.state,
                ' since ' || its_alert.resolved_at::timestamptz(0)
            ),
            format('%s acknowledged it, so it is not repeated.', its_alert.acknowledged_by)
        ),
        format('SELECT * FROM ghostwatch.explain_alert(%s);', its_alert.alert_id);

    RETURN QUERY
    SELECT 'message', m.channel, m.cause, concat_ws(': ', m.messages, m.finding), m.advice
    FROM ghostwatch._explain_messages(its_alert, as_of) AS m;

    IF NOT FOUND THEN
        RETURN QUERY
        SELECT 'message', NULL::text, 'no_channel', 'There is no channel that you may see.', 'SELECT ghostwatch.add_channel(''admins'', chat_id => -1001234567890);';
    END IF;
END
$why$;

COMMENT ON FUNCTION ghostwatch.why(bigint) IS
'Why a message about an alert arrived or not: a row for the check run, one for its rule, and one for each channel and message.
cause: one word, such as no_run, silence, quiet_hours, filter, channel_closed, wrong_chat, token, sidecar_down, pace or sent.
Raises GW030 (no such alert).';
CREATE FUNCTION ghostwatch._sidecar_functions()
RETURNS SETOF regprocedure
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_sidecar_functions$
    -- The functions in the folder sidecar/.
    SELECT p.oid::regprocedure
    FROM pg_proc AS p
    WHERE p.pronamespace = 'ghostwatch'::regnamespace
        AND p.proname IN (
            'channel_address',
            'channel_migrated',
            'channel_topic_lost',
            'claim_notifications',
            'detect_stopped_checks',
            'hold_all_chats',
            'lead_buttons',
            'messenger_back',
            'next_due_in',
            'notification_failed',
            'notification_retry',
            'notification_sent',
            'press_button',
            'preview_notifications',
            'renew_claims',
            'sidecar_heartbeat',
            'sidecar_stopped'
        )
$_sidecar_functions$;

COMMENT ON FUNCTION ghostwatch._sidecar_functions() IS
'The functions that a sidecar may call, and that no other role needs.';
CREATE FUNCTION ghostwatch._require_grantable(
    role name,
    in_schema name DEFAULT 'ghostwatch'
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_require_grantable$
-- GRANT itself would only warn.
DECLARE
    installer name;
BEGIN
    IF role = 'public' THEN
        RAISE EXCEPTION 'nothing of ghostwatch can be granted to PUBLIC'
        USING
            ERRCODE = 'GW057',
            DETAIL = 'PUBLIC stands for every role of the server.',
            HINT = 'Grant to a role of its own: CREATE ROLE ghostwatch_sidecar LOGIN;';
    END IF;

    IF to_regrole(quote_ident(role)) IS NULL THEN
        RAISE EXCEPTION 'there is no role %', quote_nullable(role)
        USING
            ERRCODE = 'GW057',
            DETAIL = 'Nothing can be granted to it.',
            HINT = format('CREATE ROLE %I LOGIN;', coalesce(role, 'ghostwatch_sidecar'));
    END IF;

    SELECT pg_get_userbyid(n.nspowner)
    INTO installer
    FROM pg_namespace AS n
    WHERE n.nspname = _require_grantable.in_schema;

    IF NOT pg_has_role(installer, 'USAGE') THEN
        RAISE EXCEPTION 'role % cannot grant privileges on %', current_user, in_schema
        USING
            ERRCODE = 'GW058',
            DETAIL = format('Everything in schema %I belongs to %s.', in_schema, installer),
            HINT = format('SET ROLE %I;', installer);
    END IF;
END
$_require_grantable$;

COMMENT ON FUNCTION ghostwatch._require_grantable(name, name) IS
'Raises GW057 where there is no such role, GW058 where this session cannot grant privileges on the schema.';
CREATE FUNCTION ghostwatch._note_grant(
    role name,
    kind text
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_note_grant$
    -- Roles that were dropped are removed: another role may get their number.
    DELETE FROM ghostwatch.granted_role AS g
    WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = g.role);

    INSERT INTO ghostwatch.granted_role (role, kind)
    VALUES (quote_ident(_note_grant.role)::regrole, _note_grant.kind)
    ON CONFLICT DO NOTHING
$_note_grant$;

COMMENT ON FUNCTION ghostwatch._note_grant(name, text) IS
'Records that ghostwatch grants privileges to a role.';
CREATE FUNCTION ghostwatch.grant_sidecar(
    role name
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $grant_sidecar$
-- Lets a role deliver: claim notifications and report what became of them. It can read no table.
-- Takes the role. An upgrade calls it again for each role that was granted so.
-- Raises GW057 where there is no such role, GW058 where this session cannot grant.
DECLARE
    delivering regprocedure;
BEGIN
    PERFORM ghostwatch._require_grantable(grant_sidecar.role);
    PERFORM ghostwatch._note_grant(grant_sidecar.role, 'sidecar');

    EXECUTE format('GRANT USAGE ON SCHEMA ghostwatch TO %I', grant_sidecar.role);

    FOR delivering IN
        SELECT f FROM ghostwatch._sidecar_functions() AS f
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', delivering, grant_sidecar.role);
    END LOOP;
END
$grant_sidecar$;

COMMENT ON FUNCTION ghostwatch.grant_sidecar(name) IS
'Lets a role claim notifications and report what became of them, and nothing else. '
'Raises GW057 where there is no such role, GW058 where this session cannot grant.';
CREATE FUNCTION ghostwatch.grant_operator(
    role name
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $grant_operator$
-- Lets a role declare contracts of its own, run their checks, look after alerts and change settings.
-- Takes the role. An upgrade calls it again for each role that was granted so.
-- It reads what concerns its own contracts (row level security), and changes that through functions only.
-- Privileges and names come from the catalog: @plpgsql_check_options: security_warnings = false
DECLARE
    relation record;
    routine  regprocedure;
BEGIN
    PERFORM ghostwatch._require_grantable(grant_operator.role);
    PERFORM ghostwatch._note_grant(grant_operator.role, 'operator');

    EXECUTE format('GRANT USAGE ON SCHEMA ghostwatch TO %I', grant_operator.role);

    -- Reading is bound by row level security, and changing by the functions that ask whose it is. What the trigger of a
    -- contract writes, it writes as the contract's owner; and a role makes itself a secret. By columns: a privilege to
    -- write a whole table is one to lock it, and nobody's signup waits.
    FOR relation IN
        SELECT
            c.oid::regclass AS name,
            CASE
                WHEN c.relname IN ('arrival', 'capture_failure') THEN format('SELECT, INSERT (%s)', k.columns)
                WHEN c.relname = 'role_secret' THEN 'SELECT, INSERT (made_at)'
                ELSE 'SELECT'
            END AS privileges
        FROM pg_class AS c
        CROSS JOIN LATERAL (
            SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
            FROM pg_attribute AS a
            WHERE a.attrelid = c.oid
                AND a.attnum > 0
                AND NOT a.attisdropped
        ) AS k
        WHERE c.relnamespace = 'ghostwatch'::regnamespace
            AND c.relkind IN ('r', 'v')
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %I', relation.name, grant_operator.role);
        EXECUTE format('GRANT %s ON %s TO %I', relation.privileges, relation.name, grant_operator.role);
    END LOOP;

    -- Delivering is the sidecar's, looking at every contract is a viewer's, and granting is the installer's.
    FOR routine IN
        SELECT p.oid::regprocedure
        FROM pg_proc AS p
        WHERE p.pronamespace = 'ghostwatch'::regnamespace
            AND p.proname NOT IN ('grant_sidecar', 'grant_operator', 'grant_viewer', 'enable_test_clock', 'disable_test_clock')
            AND p.oid NOT IN (SELECT f FROM ghostwatch._sidecar_functions() AS f)
            AND p.oid NOT IN (SELECT f FROM ghostwatch._viewer_functions() AS f)
    LOOP
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', routine, grant_operator.role);
    END LOOP;
END
$grant_operator$;

COMMENT ON FUNCTION ghostwatch.grant_operator(name) IS
'Lets a role declare contracts of its own, run their checks, look after alerts and change settings. '
'Raises GW057 where there is no such role, GW058 where this session cannot grant.';
CREATE FUNCTION ghostwatch._viewer_functions()
RETURNS SETOF regprocedure
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_viewer_functions$
    -- The public functions in the folder page/: all that the page asks for.
    SELECT p.oid::regprocedure
    FROM pg_proc AS p
    WHERE p.pronamespace = 'ghostwatch'::regnamespace
        AND p.proname IN (
            'page_alert',
            'page_alert_delivery',
            'page_alert_timeline',
            'page_alerts',
            'page_branches',
            'page_changes',
            'page_clauses',
            'page_cohort',
            'page_days',
            'page_findings',
            'page_health',
            'page_marks',
            'page_rates'
        )
$_viewer_functions$;

COMMENT ON FUNCTION ghostwatch._viewer_functions() IS
'The functions that the page asks for: all that a viewer may call.';
CREATE FUNCTION ghostwatch.grant_viewer(
    role name
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $grant_viewer$
-- Lets a role read what the page shows: counts, states and alerts of every contract. It can read no table, and no key of
-- a subject unless the setting page_sample_keys is on.
-- Takes the role; repeat after an upgrade, which may bring functions.
-- Raises GW057 where there is no such role, GW058 where this session cannot grant.
DECLARE
    viewing regprocedure;
BEGIN
    PERFORM ghostwatch._require_grantable(grant_viewer.role);
    PERFORM ghostwatch._note_grant(grant_viewer.role, 'viewer');

    EXECUTE format('GRANT USAGE ON SCHEMA ghostwatch TO %I', grant_viewer.role);

    FOR viewing IN
        SELECT f FROM ghostwatch._viewer_functions() AS f
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', viewing, grant_viewer.role);
    END LOOP;
END
$grant_viewer$;

COMMENT ON FUNCTION ghostwatch.grant_viewer(name) IS
'Lets a role read what the page shows, and nothing else. Repeat after an upgrade. '
'Raises GW057 where there is no such role, GW058 where this session cannot grant.';
-- Operators read what concerns their own contracts. They change it through functions, which ask whose it is; only what
-- the trigger of a contract notes is written with the rights of the contract's owner. The owner of ghostwatch is not
-- bound by any of this, and neither are the functions that run with its rights.
DO $row_security$
DECLARE
    own_contracts  constant text := '(SELECT c.contract_id FROM ghostwatch.contract AS c WHERE pg_has_role(c.owner, ''USAGE''))';
    own_invariants constant text := format('(SELECT i.invariant_id FROM ghostwatch.invariant AS i WHERE i.contract_id IN %s)', own_contracts);
    own_names      constant text := '(SELECT c.name FROM ghostwatch.contract AS c WHERE pg_has_role(c.owner, ''USAGE''))';
    own_alerts     constant text := format('(SELECT a.alert_id FROM ghostwatch.alert AS a WHERE a.contract IS NULL OR a.contract IN %s)', own_names);
    own_channels   constant text := format('contracts IS NULL OR contracts && ARRAY%s', own_names);
    policy         record;
BEGIN
    FOR policy IN
        SELECT
            p.relation,
            p.readable,
            p.insertable
        FROM (
            VALUES
                ('contract', 'pg_has_role(owner, ''USAGE'')', NULL),
                ('invariant', 'contract_id IN ' || own_contracts, NULL),
                ('branch_family', 'contract_id IN ' || own_contracts, NULL),
                ('branch_value', 'contract_id IN ' || own_contracts, NULL),
                ('arrival', 'contract_id IN ' || own_contracts, 'contract_id IN ' || own_contracts),
                ('capture_failure', 'contract_id IN ' || own_contracts, 'contract_id IN ' || own_contracts),
                ('checked_ahead', 'invariant_id IN ' || own_invariants, NULL),
                ('violation', 'invariant_id IN ' || own_invariants, NULL),
                ('check_progress', 'invariant_id IN ' || own_invariants, NULL),
                ('branch_minute', 'invariant_id IN ' || own_invariants, NULL),
                ('branch_sum', 'invariant_id IN ' || own_invariants, NULL),
                ('drift_baseline', 'invariant_id IN ' || own_invariants, NULL),
                ('drift_history', 'invariant_id IN ' || own_invariants, NULL),
                ('drift_detector', 'invariant_id IN ' || own_invariants, NULL),
                ('check_run', 'pg_has_role(owner, ''USAGE'')', NULL),
                ('maintenance', 'pg_has_role(owner, ''USAGE'')', NULL),
                ('mark', 'pg_has_role(owner, ''USAGE'')', NULL),
                -- That the checks stopped concerns every contract.
                ('alert', 'contract IS NULL OR contract IN ' || own_names, NULL),
                ('silence', 'contract IN ' || own_names, NULL),
                -- Other messages carry users' names, or counts of every contract.
                ('notification', 'alert_id IN ' || own_alerts, NULL),
                ('channel', own_channels, NULL),
                ('chat', format('chat_id IN (SELECT c.chat_id FROM ghostwatch.channel AS c WHERE %s)', own_channels), NULL),
                ('event', 'false', NULL),
                ('button_press', 'false', NULL),
                ('role_secret', 'role = quote_ident(current_user)::regrole', 'role = quote_ident(current_user)::regrole')
        ) AS p (relation, readable, insertable)
    LOOP
        EXECUTE format('ALTER TABLE ghostwatch.%I ENABLE ROW LEVEL SECURITY', policy.relation);
        EXECUTE format('CREATE POLICY %I ON ghostwatch.%I FOR SELECT USING (%s)', policy.relation || '_read', policy.relation, policy.readable);
        IF policy.insertable IS NOT NULL THEN
            EXECUTE format('CREATE POLICY %I ON ghostwatch.%I FOR INSERT WITH CHECK (%s)', policy.relation || '_insert', policy.relation, policy.insertable);
        END IF;
    END LOOP;
END
$row_security$;

-- page: what the web page shows; the public functions are what grant_viewer() grants
CREATE FUNCTION ghostwatch._sum_branches()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_sum_branches$
-- Ninety days of minutes are millions of rows, too many to sum up whenever somebody looks at a page.
-- Runs once a statement, under the names of three triggers: one that sees the changed rows is for one kind of statement.
-- Sums are written in the order of their key, so that two sessions cannot wait for each other.
BEGIN
    -- Whoever owns another table could have it run this.
    IF TG_RELID <> 'ghostwatch.branch_minute'::regclass THEN
        RETURN NULL;
    END IF;

    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        -- The sums of an invariant that is dropped may be gone already: nothing is inserted here.
        WITH gone AS (
            SELECT
                o.invariant_id,
                s.step,
                coalesce(o.branch_family, '') AS branch_family,
                date_trunc(s.step, o.minute, 'UTC') AS starts_at,
                sum(o.due) AS due,
                sum(o.violations) AS violations
            FROM old_minutes AS o
            CROSS JOIN (VALUES ('hour'), ('day')) AS s (step)
            GROUP BY o.invariant_id, s.step, date_trunc(s.step, o.minute, 'UTC'), ROLLUP (o.branch_family)
        ),
        locked AS MATERIALIZED (
            SELECT g.*
            FROM ghostwatch.branch_sum AS b
            INNER JOIN gone AS g USING (invariant_id, step, branch_family, starts_at)
            ORDER BY b.invariant_id, b.step, b.branch_family, b.starts_at
            FOR UPDATE OF b
        )
        UPDATE ghostwatch.branch_sum AS b
        SET due = b.due - l.due, violations = b.violations - l.violations
        FROM locked AS l
        WHERE b.invariant_id = l.invariant_id
            AND b.step = l.step
            AND b.branch_family = l.branch_family
            AND b.starts_at = l.starts_at;
    END IF;

    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        INSERT INTO ghostwatch.branch_sum AS b (invariant_id, step, branch_family, starts_at, due, violations)
        SELECT
            n.invariant_id,
            s.step,
            coalesce(n.branch_family, ''),
            date_trunc(s.step, n.minute, 'UTC'),
            sum(n.due),
            sum(n.violations)
        FROM new_minutes AS n
        CROSS JOIN (VALUES ('hour'), ('day')) AS s (step)
        GROUP BY n.invariant_id, s.step, date_trunc(s.step, n.minute, 'UTC'), ROLLUP (n.branch_family)
        ORDER BY 1, 2, 3, 4
        ON CONFLICT ON CONSTRAINT branch_sum_pkey DO UPDATE
        SET due = b.due + excluded.due, violations = b.violations + excluded.violations;
    END IF;

    IF TG_OP = 'DELETE' THEN
        DELETE FROM ghostwatch.branch_sum AS b
        USING (SELECT o.invariant_id, min(o.minute) AS earliest, max(o.minute) AS latest FROM old_minutes AS o GROUP BY o.invariant_id) AS gone
        WHERE b.invariant_id = gone.invariant_id
            AND b.step IN ('hour', 'day')
            AND b.starts_at BETWEEN date_trunc('day', gone.earliest, 'UTC') AND gone.latest
            AND b.due = 0;
    END IF;

    RETURN NULL;
END
$_sum_branches$;

COMMENT ON FUNCTION ghostwatch._sum_branches() IS
'Keeps ghostwatch.branch_sum as the hourly and daily sums of ghostwatch.branch_minute.';

CREATE TRIGGER sum_branches_insert
AFTER INSERT ON ghostwatch.branch_minute
REFERENCING NEW TABLE AS new_minutes
FOR EACH STATEMENT EXECUTE FUNCTION ghostwatch._sum_branches();

CREATE TRIGGER sum_branches_update
AFTER UPDATE ON ghostwatch.branch_minute
REFERENCING OLD TABLE AS old_minutes NEW TABLE AS new_minutes
FOR EACH STATEMENT EXECUTE FUNCTION ghostwatch._sum_branches();

CREATE TRIGGER sum_branches_delete
AFTER DELETE ON ghostwatch.branch_minute
REFERENCING OLD TABLE AS old_minutes
FOR EACH STATEMENT EXECUTE FUNCTION ghostwatch._sum_branches();
CREATE FUNCTION ghostwatch._branch_counts(
    invariant_id integer,
    since timestamptz,
    step interval,
    by_branch boolean
)
RETURNS TABLE (
    starts_at timestamptz,
    branch_family text,
    due bigint,
    violations bigint
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $_branch_counts$
-- What was counted since a moment, in steps that are counted from it: per branch family, or with an empty family in all.
-- Steps of whole hours or days come from the sums; a step without subjects has no row.
DECLARE
    summed text := CASE WHEN step >= '1 day'::interval THEN 'day' WHEN step >= '1 hour'::interval THEN 'hour' END;
BEGIN
    IF summed IS NULL AND by_branch THEN
        RETURN QUERY
        SELECT date_bin(_branch_counts.step, m.minute, since), m.branch_family, sum(m.due), sum(m.violations)
        FROM ghostwatch.branch_minute AS m
        WHERE m.invariant_id = _branch_counts.invariant_id
            AND m.minute >= since
        GROUP BY date_bin(_branch_counts.step, m.minute, since), m.branch_family;
    ELSIF summed IS NULL THEN
        RETURN QUERY
        SELECT date_bin(_branch_counts.step, m.minute, since), '', sum(m.due), sum(m.violations)
        FROM ghostwatch.branch_minute AS m
        WHERE m.invariant_id = _branch_counts.invariant_id
            AND m.minute >= since
        GROUP BY date_bin(_branch_counts.step, m.minute, since);
    ELSIF by_branch THEN
        RETURN QUERY
        SELECT date_bin(_branch_counts.step, b.starts_at, since), b.branch_family, sum(b.due)::bigint, sum(b.violations)::bigint
        FROM ghostwatch.branch_sum AS b
        WHERE b.invariant_id = _branch_counts.invariant_id
            AND b.step = summed
            AND b.starts_at >= since
            AND b.branch_family <> ''
        GROUP BY date_bin(_branch_counts.step, b.starts_at, since), b.branch_family;
    ELSE
        RETURN QUERY
        SELECT date_bin(_branch_counts.step, b.starts_at, since), '', sum(b.due)::bigint, sum(b.violations)::bigint
        FROM ghostwatch.branch_sum AS b
        WHERE b.invariant_id = _branch_counts.invariant_id
            AND b.step = summed
            AND b.starts_at >= since
            AND b.branch_family = ''
        GROUP BY date_bin(_branch_counts.step, b.starts_at, since);
    END IF;
END
$_branch_counts$;

COMMENT ON FUNCTION ghostwatch._branch_counts(integer, timestamptz, interval, boolean) IS
'What checks counted since a moment, in steps of some length, per branch family or in all.';
CREATE FUNCTION ghostwatch.page_clauses()
RETURNS TABLE (
    contract text,
    invariant text,
    subject_label text,
    missing_label text,
    description text,
    runbook_url text,
    rule text,
    enforcement text,
    state text,
    since timestamptz,
    warn_count bigint,
    error_count bigint,
    warn_after interval,
    error_after interval,
    watch_for interval,
    last_success_at timestamptz,
    watermark_lag interval,
    error_state text,
    failing_since timestamptz,
    alert_id bigint,
    alert_severity text,
    acknowledged_by text,
    silenced_until timestamptz,
    maintenance_until timestamptz,
    usual_rate double precision,
    tolerated_rate double precision
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 20
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_clauses$
    -- How every invariant stands, with what the page says beside it.
    -- since: of a firing alert, when it opened; of a check that fails, since when; else when the last alert was resolved
    -- (NULL if there was none). usual_rate and tolerated_rate: of the rule drift (or auto), what it takes to be usual, and what
    -- it tolerates; of the rule threshold, NULL and min_rate.
    SELECT
        s.contract,
        s.invariant,
        c.subject_label,
        i.missing_label,
        coalesce(i.description, c.description),
        i.runbook_url,
        s.rule,
        s.enforcement,
        s.state,
        CASE
            WHEN firing.alert_id IS NOT NULL THEN firing.opened_at
            WHEN p.failing_since IS NOT NULL THEN p.failing_since
            ELSE latest.resolved_at
        END,
        s.warn_count,
        s.error_count,
        i.warn_after,
        i.error_after,
        i.watch_for,
        s.last_success_at,
        s.watermark_lag,
        p.last_error_state,
        p.failing_since,
        s.alert_id,
        firing.severity,
        firing.acknowledged_by,
        silence.ends_at,
        (
            SELECT max(m.ends_at)
            FROM ghostwatch.maintenance AS m
            WHERE m.summarized_at IS NULL
                AND m.started_at <= present.as_of
                AND m.ends_at > present.as_of
                AND ghostwatch._in_maintenance(i.invariant_id, present.as_of)
        ),
        rates.usual,
        CASE i.rule WHEN 'threshold' THEN nullif(i.min_rate, 0) ELSE rates.tolerance END
    FROM ghostwatch.status AS s
    INNER JOIN ghostwatch.contract AS c
        ON c.name = s.contract
    INNER JOIN ghostwatch.invariant AS i
        ON i.contract_id = c.contract_id
        AND i.name = s.invariant
    INNER JOIN ghostwatch.check_progress AS p
        ON p.invariant_id = i.invariant_id
    CROSS JOIN (SELECT ghostwatch._clock() AS as_of) AS present
    LEFT JOIN ghostwatch.alert AS firing
        ON firing.alert_id = s.alert_id
    LEFT JOIN LATERAL (
        SELECT a.resolved_at
        FROM ghostwatch.alert AS a
        WHERE a.kind = 'violations'
            AND coalesce(a.invariant_id, 0) = i.invariant_id
            AND a.state = 'resolved'
        ORDER BY a.resolved_at DESC
        LIMIT 1
    ) AS latest
        ON true
    LEFT JOIN LATERAL (
        SELECT max(q.ends_at) AS ends_at
        FROM ghostwatch.silence AS q
        WHERE q.contract = s.contract
            AND coalesce(q.invariant = s.invariant, q.invariant IS NULL)
            AND q.starts_at <= present.as_of
            AND q.ends_at > present.as_of
            AND q.branch IS NULL
    ) AS silence
        ON true
    LEFT JOIN LATERAL (
        SELECT (b).baseline_rate AS usual, ghostwatch._tolerance(ghostwatch._usual_rate(b, '')) AS tolerance
        FROM (
            SELECT baseline AS b
            FROM ghostwatch.drift_baseline AS baseline
            WHERE baseline.invariant_id = i.invariant_id
            ORDER BY baseline.version DESC
            LIMIT 1
        ) AS latest_baseline
        WHERE i.rule <> 'threshold'
    ) AS rates
        ON true
    ORDER BY s.contract, i.invariant_id
$page_clauses$;

COMMENT ON FUNCTION ghostwatch.page_clauses() IS
'How every invariant stands, for the page: state and since when, open violations, last check, what fires, is silenced or in maintenance, and what is usual. '
'Counts only, no key of a subject.';
CREATE FUNCTION ghostwatch.page_days(
    time_zone text DEFAULT 'UTC',
    days integer DEFAULT 90
)
RETURNS TABLE (
    contract text,
    invariant text,
    day date,
    due bigint,
    violations bigint,
    warnings bigint,
    errors bigint
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 500
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_days$
    -- One row per invariant and day of the last so many, in a time zone, today included; days without subjects have one too.
    -- Returns how many subjects born that day came to their deadline, how many of them in violation, and how many alerts
    -- of either severity fired that day.
    WITH calendar AS (
        SELECT
            d.day::date AS day,
            d.day AT TIME ZONE page_days.time_zone AS begins,
            (d.day + '1 day'::interval) AT TIME ZONE page_days.time_zone AS ends
        FROM (SELECT date_trunc('day', ghostwatch._clock() AT TIME ZONE page_days.time_zone) AS today) AS present
        CROSS JOIN LATERAL generate_series(
            present.today - make_interval(days => least(greatest(page_days.days, 1), 366) - 1),
            present.today,
            '1 day'::interval
        ) AS d (day)
    )
    SELECT
        c.contract,
        c.invariant,
        k.day,
        counted.due,
        counted.violations,
        fired.warnings,
        fired.errors
    FROM ghostwatch._clause AS c
    CROSS JOIN calendar AS k
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(h.due), 0)::bigint AS due, coalesce(sum(h.violations), 0)::bigint AS violations
        FROM ghostwatch.branch_sum AS h
        WHERE h.invariant_id = c.invariant_id
            AND h.step = 'hour'
            AND h.branch_family = ''
            AND h.starts_at >= k.begins
            AND h.starts_at < k.ends
    ) AS counted
    CROSS JOIN LATERAL (
        SELECT
            count(*) FILTER (WHERE a.severity = 'warn') AS warnings,
            count(*) FILTER (WHERE a.severity = 'error') AS errors
        FROM ghostwatch.alert AS a
        WHERE a.kind = ANY ('{violations,check_failing,no_signups}'::text[])
            AND coalesce(a.invariant_id, 0) = c.invariant_id
            AND (a.resolved_at >= k.begins OR a.resolved_at IS NULL)
            AND a.opened_at < k.ends
    ) AS fired
    ORDER BY c.contract, c.invariant_id, k.day
$page_days$;

COMMENT ON FUNCTION ghostwatch.page_days(text, integer) IS
'Per invariant and day, for the page: subjects that reached their deadline, violations among them, and alerts that fired. Days are those of the time zone.';
CREATE FUNCTION ghostwatch.page_rates(
    contract text,
    invariant text,
    since timestamptz,
    step interval DEFAULT '1 hour'
)
RETURNS TABLE (
    starts_at timestamptz,
    due bigint,
    violations bigint
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 500
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_rates$
    -- How many subjects reached their deadline and how many of them in violation, over time.
    -- Takes the invariant, the moment to begin with and the length of a step, which counts from it. A step
    -- of hours needs a moment at a whole hour, and one of days midnight (UTC). Returns the steps in which anybody was due, by birth time.
    -- Raises GW001 (no such contract), GW007 (no such invariant).
    SELECT b.starts_at, b.due, b.violations
    FROM ghostwatch._branch_counts(ghostwatch._invariant_id(page_rates.contract, page_rates.invariant), page_rates.since, page_rates.step, false) AS b
    ORDER BY b.starts_at
$page_rates$;

COMMENT ON FUNCTION ghostwatch.page_rates(text, text, timestamptz, interval) IS
'Subjects that reached their deadline and violations among them over time, for the page. Raises GW001 (no such contract), GW007 (no such invariant).';
CREATE FUNCTION ghostwatch.page_branches(
    contract text,
    invariant text,
    since timestamptz,
    step interval DEFAULT '1 hour',
    most integer DEFAULT 50
)
RETURNS TABLE (
    branch_family text,
    starts_at timestamptz,
    due bigint,
    violations bigint
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 2500
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_branches$
    -- The same as ghostwatch.page_rates(), per branch family: those with the most violations beyond the common rate
    -- first, and at most so many.
    -- Raises GW001 (no such contract), GW007 (no such invariant).
    WITH counted AS MATERIALIZED (
        SELECT b.starts_at, b.branch_family, b.due, b.violations
        FROM ghostwatch._branch_counts(ghostwatch._invariant_id(page_branches.contract, page_branches.invariant), page_branches.since, page_branches.step, true) AS b
    ),
    family AS (
        SELECT
            f.branch_family,
            row_number() OVER (ORDER BY f.violations - f.due * (f.all_violations / nullif(f.all_due, 0)) DESC, f.due DESC, f.branch_family) AS place
        FROM (
            SELECT
                c.branch_family,
                sum(c.due) AS due,
                sum(c.violations) AS violations,
                sum(sum(c.due)) OVER () AS all_due,
                sum(sum(c.violations)) OVER () AS all_violations
            FROM counted AS c
            GROUP BY c.branch_family
        ) AS f
    )
    SELECT c.branch_family, c.starts_at, c.due, c.violations
    FROM counted AS c
    INNER JOIN family AS f
        ON f.branch_family = c.branch_family
    WHERE f.place <= page_branches.most
    ORDER BY f.place, c.starts_at
$page_branches$;

COMMENT ON FUNCTION ghostwatch.page_branches(text, text, timestamptz, interval, integer) IS
'Subjects that reached their deadline and violations among them per branch family over time, the most conspicuous family first, for the page. '
'Raises GW001 (no such contract), GW007 (no such invariant).';
CREATE FUNCTION ghostwatch.page_cohort(
    contract text,
    invariant text,
    since timestamptz,
    step interval DEFAULT '1 hour'
)
RETURNS TABLE (
    starts_at timestamptz,
    due bigint,
    in_time bigint,
    by_error_after bigint,
    by_watch_for bigint,
    never bigint,
    still_open bigint,
    excused bigint
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 100
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_cohort$
    -- Of those born in each step: how many had their row by the first deadline, by error_after, by watch_for, or never
    -- while they were watched; how many still lack it; and how many became exempt or were deleted instead.
    -- A row counts from when a check run saw it. Closed violations are kept as long as keep_closed_violations says.
    -- Raises GW001 (no such contract), GW007 (no such invariant).
    WITH clause AS MATERIALIZED (
        SELECT i.invariant_id, i.error_after
        FROM ghostwatch.invariant AS i
        WHERE i.invariant_id = ghostwatch._invariant_id(page_cohort.contract, page_cohort.invariant)
    ),
    life AS (
        SELECT
            v.born_at,
            v.closed_at - v.born_at AS age,
            v.close_reason,
            k.error_after
        FROM clause AS k
        INNER JOIN ghostwatch.violation AS v
            ON v.invariant_id = k.invariant_id
        -- Nobody's violation closes before the birth, so the index on closed_at finds them.
        WHERE v.closed_at >= page_cohort.since
            AND v.born_at >= page_cohort.since
            AND v.opened_at IS NOT NULL
        UNION ALL
        SELECT v.born_at, NULL, CASE v.state WHEN 'exempt' THEN 'exempt' END, NULL
        FROM clause AS k
        INNER JOIN ghostwatch.violation AS v
            ON v.invariant_id = k.invariant_id
        WHERE v.closed_at IS NULL
            AND v.born_at >= page_cohort.since
            AND v.opened_at IS NOT NULL
    ),
    late AS (
        SELECT
            date_bin(page_cohort.step, l.born_at, page_cohort.since) AS starts_at,
            count(*) FILTER (WHERE l.close_reason = 'row_came' AND l.age <= l.error_after) AS by_error_after,
            count(*) FILTER (WHERE l.close_reason = 'row_came' AND l.age > l.error_after) AS by_watch_for,
            count(*) FILTER (WHERE l.close_reason = 'expired') AS never,
            count(*) FILTER (WHERE l.close_reason IS NULL) AS still_open,
            count(*) FILTER (WHERE l.close_reason IN ('exempt', 'deleted')) AS excused
        FROM life AS l
        GROUP BY 1
    )
    SELECT
        b.starts_at,
        b.due,
        b.due - b.violations,
        coalesce(l.by_error_after, 0),
        coalesce(l.by_watch_for, 0),
        coalesce(l.never, 0),
        coalesce(l.still_open, 0),
        coalesce(l.excused, 0)
    FROM clause AS k
    CROSS JOIN LATERAL ghostwatch._branch_counts(k.invariant_id, page_cohort.since, page_cohort.step, false) AS b
    LEFT JOIN late AS l
        ON l.starts_at = b.starts_at
    ORDER BY b.starts_at
$page_cohort$;

COMMENT ON FUNCTION ghostwatch.page_cohort(text, text, timestamptz, interval) IS
'Of the subjects born in each step, how many had their row by each deadline, for the page. Raises GW001 (no such contract), GW007 (no such invariant).';
CREATE FUNCTION ghostwatch.page_alerts(
    contract text DEFAULT NULL,
    invariant text DEFAULT NULL,
    since timestamptz DEFAULT '-infinity',
    most integer DEFAULT 50
)
RETURNS TABLE (
    alert_id bigint,
    kind text,
    contract_name text,
    invariant_name text,
    rule text,
    state text,
    severity text,
    opened_at timestamptz,
    escalated_at timestamptz,
    resolved_at timestamptz,
    reopened_count integer,
    warn_count integer,
    error_count integer,
    peak_count integer,
    first_branch text,
    acknowledged_at timestamptz,
    acknowledged_by text,
    silenced boolean
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 50
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_alerts$
    -- The alerts that were firing since a moment, the youngest first; of one contract or invariant, or of all.
    -- first_branch: the branch family with the largest excess of violations.
    SELECT
        a.alert_id,
        a.kind,
        a.contract,
        a.invariant,
        a.rule,
        a.state,
        a.severity,
        a.opened_at,
        a.escalated_at,
        a.resolved_at,
        a.reopened_count,
        a.warn_count,
        a.error_count,
        a.peak_count,
        a.branches -> 0 ->> 'family',
        a.acknowledged_at,
        a.acknowledged_by,
        a.silence_id IS NOT NULL
    FROM ghostwatch.alert AS a
    WHERE a.kind <> 'drill'
        AND (page_alerts.contract IS NULL OR a.contract = page_alerts.contract)
        AND (page_alerts.invariant IS NULL OR a.invariant = page_alerts.invariant)
        AND (a.resolved_at >= page_alerts.since OR a.resolved_at IS NULL)
    ORDER BY a.alert_id DESC
    LIMIT least(greatest(page_alerts.most, 1), 1000)
$page_alerts$;

COMMENT ON FUNCTION ghostwatch.page_alerts(text, text, timestamptz, integer) IS
'The alerts that were firing since a moment, the youngest first, for the page.';
CREATE FUNCTION ghostwatch.page_alert(
    alert_id bigint
)
RETURNS TABLE (
    kind text,
    contract text,
    invariant text,
    subject_label text,
    missing_label text,
    runbook_url text,
    rule text,
    state text,
    severity text,
    opened_at timestamptz,
    resolved_at timestamptz,
    acknowledged_by text,
    warn_count integer,
    error_count integer,
    peak_count integer,
    warn_after interval,
    error_after interval,
    branches jsonb,
    evidence jsonb,
    sample_keys text[],
    query text
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 1
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_alert$
-- One alert, for the page: what it counted, what its rule decided by, and the query that shows its numbers again.
-- sample_keys is NULL, and an error of the application's tables, which may quote a row, is left out of the evidence,
-- unless the setting page_sample_keys is on.
-- Raises GW030 if there is no such alert.
DECLARE
    shows_samples constant boolean := ghostwatch._setting('page_sample_keys')::boolean;
BEGIN
    PERFORM ghostwatch._require_alert(page_alert.alert_id);

    RETURN QUERY
    SELECT
        a.kind,
        a.contract,
        a.invariant,
        c.subject_label,
        i.missing_label,
        i.runbook_url,
        a.rule,
        a.state,
        a.severity,
        a.opened_at,
        a.resolved_at,
        a.acknowledged_by,
        a.warn_count,
        a.error_count,
        a.peak_count,
        i.warn_after,
        i.error_after,
        a.branches,
        a.evidence - 'query' - CASE WHEN shows_samples THEN '' ELSE 'last_error' END,
        CASE WHEN shows_samples THEN a.sample_keys END,
        ghostwatch._reproducing_query(a)
    FROM ghostwatch.alert AS a
    LEFT JOIN ghostwatch.invariant AS i
        ON i.invariant_id = a.invariant_id
    LEFT JOIN ghostwatch.contract AS c
        ON c.contract_id = i.contract_id
    WHERE a.alert_id = page_alert.alert_id;
END
$page_alert$;

COMMENT ON FUNCTION ghostwatch.page_alert(bigint) IS
'One alert with its counts, branches, evidence and query, for the page; keys of subjects only where the setting page_sample_keys is on. Raises GW030 (no such alert).';
CREATE FUNCTION ghostwatch.page_alert_timeline(
    alert_id bigint
)
RETURNS TABLE (
    happened_at timestamptz,
    what text,
    detail text
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 20
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_alert_timeline$
-- What happened to an alert, and what was said about it, in order of time.
-- what: opened, escalated, reopened, acknowledged, silenced, resolved, or message. Edits of a message are left out.
-- Raises GW030 if there is no such alert.
BEGIN
    PERFORM ghostwatch._require_alert(page_alert_timeline.alert_id);

    RETURN QUERY
    SELECT e.happened_at, e.what, e.detail
    FROM (
        SELECT step.at, step.name, step.said, step.place
        FROM ghostwatch.alert AS a
        CROSS JOIN LATERAL (
            VALUES
                (a.opened_at, 'opened', NULL, 1),
                (a.escalated_at, 'escalated', NULL, 2),
                (a.reopened_at, 'reopened', NULL, 3),
                (a.acknowledged_at, 'acknowledged', concat_ws(': ', a.acknowledged_by, a.acknowledge_comment), 4),
                (a.resolved_at, 'resolved', NULL, 6)
        ) AS step (at, name, said, place)
        WHERE a.alert_id = page_alert_timeline.alert_id
            AND step.at IS NOT NULL
        UNION ALL
        SELECT
            s.starts_at,
            'silenced',
            format('until %s by %s: %s', to_char(s.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), s.created_by, s.comment),
            4
        FROM ghostwatch.alert AS a
        INNER JOIN ghostwatch.silence AS s
            ON s.contract = a.contract
            AND coalesce(s.invariant = a.invariant, s.invariant IS NULL)
            AND s.starts_at <= coalesce(a.resolved_at, ghostwatch._clock())
            AND s.ends_at >= a.opened_at
        WHERE a.alert_id = page_alert_timeline.alert_id
        UNION ALL
        SELECT
            coalesce(n.sent_at, n.created_at),
            'message',
            format('%s, to %s: %s', n.reason, c.name, CASE
                WHEN n.state = 'sent' THEN concat('sent', ' as message ' || n.message_id)
                ELSE concat_ws(', ', n.state, n.state_reason)
            END),
            7
        FROM ghostwatch.notification AS n
        INNER JOIN ghostwatch.channel AS c
            ON c.channel_id = n.channel_id
        WHERE n.alert_id = page_alert_timeline.alert_id
            AND n.reason NOT IN ('updated', 'details')
    ) AS e (happened_at, what, detail, place)
    ORDER BY e.happened_at, e.place;
END
$page_alert_timeline$;

COMMENT ON FUNCTION ghostwatch.page_alert_timeline(bigint) IS
'What happened to an alert and which messages were sent about it, in order of time, for the page. Raises GW030 (no such alert).';
CREATE FUNCTION ghostwatch.page_alert_delivery(
    alert_id bigint
)
RETURNS TABLE (
    channel text,
    outcome text
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 10
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_alert_delivery$
-- Why each channel was sent an alert or not, as ghostwatch.explain_alert() says.
BEGIN
    PERFORM ghostwatch._require_alert(page_alert_delivery.alert_id);

    RETURN QUERY
    SELECT d.channel, d.outcome
    FROM ghostwatch.alert AS a
    CROSS JOIN LATERAL ghostwatch._explain_delivery(a) AS d
    WHERE a.alert_id = page_alert_delivery.alert_id;
END
$page_alert_delivery$;

COMMENT ON FUNCTION ghostwatch.page_alert_delivery(bigint) IS
'Why each channel was sent an alert or not, for the page. Raises GW030 (no such alert).';
CREATE FUNCTION ghostwatch.page_marks(
    contract text,
    since timestamptz
)
RETURNS TABLE (
    kind text,
    starts_at timestamptz,
    ends_at timestamptz,
    invariant text,
    branch text,
    made_by text,
    comment text
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_marks$
    -- Maintenance windows (deploys) and silences that were in force since a moment; of one contract, or (NULL) of all.
    SELECT m.kind, m.starts_at, m.ends_at, m.invariant, m.branch, m.made_by, m.comment
    FROM (
        SELECT 'maintenance', w.started_at, w.ends_at, NULL, NULL, w.owner::text, w.comment
        FROM ghostwatch.maintenance AS w
        WHERE page_marks.contract IS NULL
            OR EXISTS (
                SELECT
                FROM ghostwatch.contract AS c
                WHERE c.name = page_marks.contract
                    AND pg_has_role(w.owner, c.owner, 'USAGE')
            )
        UNION ALL
        SELECT 'silence', s.starts_at, s.ends_at, s.invariant, s.branch, s.created_by, s.comment
        FROM ghostwatch.silence AS s
        WHERE page_marks.contract IS NULL
            OR s.contract = page_marks.contract
    ) AS m (kind, starts_at, ends_at, invariant, branch, made_by, comment)
    WHERE m.ends_at >= page_marks.since
    ORDER BY m.starts_at
$page_marks$;

COMMENT ON FUNCTION ghostwatch.page_marks(text, timestamptz) IS
'Maintenance windows and silences that were in force since a moment, for the page.';
CREATE FUNCTION ghostwatch.page_health()
RETURNS TABLE (
    as_of timestamptz,
    paused boolean,
    checks_succeeded_at timestamptz,
    checks_fresh boolean,
    notifications_waiting bigint,
    oldest_waiting_since timestamptz,
    notifications_failed bigint,
    channels bigint,
    channels_closed bigint,
    sidecars bigint,
    sidecars_seen_at timestamptz,
    problems text[]
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_health$
    -- Whether checks run and messages get through, in one row. sidecars: those seen in the last two minutes.
    SELECT
        present.as_of,
        ghostwatch._setting('paused')::boolean,
        checks.succeeded_at,
        coalesce(checks.succeeded_at > present.as_of - ghostwatch._overdue_after(), false),
        (SELECT count(*) FROM ghostwatch.notification AS n WHERE n.state IN ('pending', 'claimed')),
        ghostwatch._overdue_since(present.as_of),
        (SELECT count(*) FROM ghostwatch.notification AS n WHERE n.state = 'failed'),
        (SELECT count(*) FROM ghostwatch.channel AS c),
        (SELECT count(*) FROM ghostwatch.channel AS c WHERE c.disabled_at IS NOT NULL),
        (SELECT count(*) FROM ghostwatch.sidecar AS s WHERE s.seen_at >= present.as_of - '2 minutes'::interval),
        (SELECT max(s.seen_at) FROM ghostwatch.sidecar AS s),
        ARRAY(
            SELECT format('Sidecar %s: %s', s.worker, s.problem)
            FROM ghostwatch.sidecar AS s
            WHERE s.problem IS NOT NULL
                AND s.seen_at >= present.as_of - '2 minutes'::interval
            ORDER BY s.worker
        ) || ARRAY(SELECT p FROM ghostwatch._delivery_problems(present.as_of) AS p)
    FROM (SELECT ghostwatch._clock() AS as_of) AS present
    CROSS JOIN (SELECT max(p.last_success_at) AS succeeded_at FROM ghostwatch.check_progress AS p) AS checks
$page_health$;

COMMENT ON FUNCTION ghostwatch.page_health() IS
'Whether checks run and messages get through, in one row, for the page.';
CREATE FUNCTION ghostwatch.page_findings()
RETURNS SETOF ghostwatch._finding
LANGUAGE sql
STABLE
PARALLEL UNSAFE
ROWS 20
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_findings$
    -- What the doctor finds in ghostwatch's own tables and the catalogs: a viewer makes nothing run that the application
    -- declared, and reads no error that may quote a row. For the rest: SELECT * FROM ghostwatch.doctor().
    SELECT f.check_name, f.verdict, coalesce(hidden.finding, f.finding), f.advice
    FROM (
        SELECT * FROM ghostwatch._doctor_schedule()
        UNION ALL
        SELECT * FROM ghostwatch._doctor_runs()
        UNION ALL
        SELECT * FROM ghostwatch._doctor_rules()
        UNION ALL
        SELECT * FROM ghostwatch._doctor_delivery()
    ) AS f
    LEFT JOIN LATERAL (
        SELECT replace(f.finding, p.last_error, format('SQLSTATE %s', p.last_error_state)) AS finding
        FROM ghostwatch.check_progress AS p
        WHERE p.last_error <> ''
            AND right(f.finding, length(p.last_error)) = p.last_error
            AND NOT ghostwatch._setting('page_sample_keys')::boolean
        LIMIT 1
    ) AS hidden
        ON true
    ORDER BY array_position(ARRAY['error', 'warning', 'ok'], f.verdict), f.check_name, f.finding
$page_findings$;

COMMENT ON FUNCTION ghostwatch.page_findings() IS
'What the doctor says about schedule, check runs, rules and delivery, for the page. '
'An error of the application''s tables is named by its SQLSTATE only, unless the setting page_sample_keys is on.';
CREATE FUNCTION ghostwatch.page_changes()
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_changes$
    -- A text that differs from the one before when the page may look different: asked every second while somebody looks.
    SELECT concat_ws(
        ' ',
        (SELECT max(r.check_run_id) FROM ghostwatch.check_run AS r),
        (SELECT max(n.notification_id) FROM ghostwatch.notification AS n),
        (SELECT count(*) FROM ghostwatch.notification AS n WHERE n.state IN ('pending', 'claimed')),
        (SELECT max(s.silence_id::text || s.ends_at) FROM ghostwatch.silence AS s WHERE s.ends_at > ghostwatch._clock()),
        (SELECT max(m.maintenance_id::text || m.ends_at) FROM ghostwatch.maintenance AS m WHERE m.ends_at > ghostwatch._clock()),
        ghostwatch._setting('paused'),
        (SELECT count(*) FROM ghostwatch.channel AS c WHERE c.disabled_at IS NOT NULL),
        (SELECT count(*) FROM ghostwatch.sidecar AS s WHERE s.seen_at >= ghostwatch._clock() - '2 minutes'::interval),
        (SELECT count(*) FROM ghostwatch.invariant AS i),
        (
            SELECT md5(string_agg(ROW(a.alert_id, a.severity, a.changed_at, a.acknowledged_at, a.silence_id)::text, ' ' ORDER BY a.alert_id))
            FROM ghostwatch.alert AS a
            WHERE a.state = 'firing'
        )
    )
$page_changes$;

COMMENT ON FUNCTION ghostwatch.page_changes() IS
'A text that changes when the page may look different.';

-- enforce: refuse what breaks a contract at COMMIT
CREATE FUNCTION ghostwatch._enforced_clauses(
    contract_id integer
)
RETURNS SETOF ghostwatch._clause
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_enforced_clauses$
    -- What of a contract is checked at COMMIT, in the order in which it was declared: what is due at once.
    -- A clause that cannot be judged any more is reported by check runs; it neither keeps users from signing up
    -- nor the contract from being mended.
    SELECT c.*
    FROM ghostwatch._clause AS c
    WHERE c.contract_id = _enforced_clauses.contract_id
        AND c.error_after = '0'
        AND (
            SELECT count(*) = cardinality(c.related_key_columns)
            FROM pg_attribute AS k
            WHERE k.attrelid = c.related
                AND k.attname = ANY (c.related_key_columns)
                AND NOT k.attisdropped
        )
    ORDER BY c.invariant_id
$_enforced_clauses$;

COMMENT ON FUNCTION ghostwatch._enforced_clauses(integer) IS
'The clauses of a contract that are checked at COMMIT: those due at once whose related table is still there.';
CREATE FUNCTION ghostwatch._enforcement_body(
    contract_id integer
)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_enforcement_body$
-- The body stands as plain SQL, so that a session plans it once: a complete subject costs one query of index
-- look-ups, and only an incomplete one is judged in full. Names in it are those of the day it was written. Where
-- that fails, say after a rename, every clause is judged by itself and by object identifiers, which follow renames.
-- A body that does nothing turns enforcement off without a lock on the table: replacing a function takes none.
DECLARE
    enforced ghostwatch.contract;
    conditions text;
    root regclass;
BEGIN
    SELECT c.* INTO enforced FROM ghostwatch.contract AS c WHERE c.contract_id = _enforcement_body.contract_id;

    -- Not as EXISTS, which Postgres may answer by hashing a whole table.
    SELECT string_agg(format('(%s) IS NOT TRUE', ghostwatch._related_query(c)), E'\nOR ' ORDER BY c.invariant_id)
    INTO conditions
    FROM ghostwatch._enforced_clauses(enforced.contract_id) AS c
    -- A clause that asks for any row of a table holds where one that asks for a certain row of it does.
    WHERE
        NOT (
            c.predicate IS NULL
            AND c.at_least = 1
            AND NOT c.breaks_later
            AND EXISTS (
                SELECT
                FROM ghostwatch._enforced_clauses(enforced.contract_id) AS stricter
                WHERE stricter.related = c.related
                    AND stricter.related_key_columns = c.related_key_columns
                    AND stricter.subject_columns = c.subject_columns
                    AND NOT stricter.no_row
                    AND stricter.predicate IS NOT NULL
            )
        );

    IF enforced.enforcement = 'observe' OR conditions IS NULL THEN
        RETURN format(
            $body$
-- Written by ghostwatch.enforce() for contract %1$s, which is not enforced at present. To remove this function and
-- its triggers when the table is not busy: SELECT ghostwatch.remove_idle_triggers();
BEGIN
    RETURN NULL;
END
$body$,
            enforced.contract_id
        );
    END IF;

    root := coalesce(pg_partition_root(enforced.subject), enforced.subject);
    RETURN format(
        $body$
-- Written by ghostwatch.enforce() for contract %4$s; written anew whenever that changes.
#variable_conflict use_column
BEGIN
    IF %6$s THEN
        IF ghostwatch._is_subject(%4$s, TG_RELID) THEN
            PERFORM ghostwatch._judge_at_commit(%4$s, %7$s);
        END IF;
    ELSIF EXISTS (
        SELECT FROM %1$s AS s
        WHERE %2$s
            AND (%3$s)
    ) THEN
        PERFORM ghostwatch._judge_at_commit(%4$s, %7$s);
    END IF;
    RETURN NULL;
EXCEPTION
    WHEN SQLSTATE 'GW079' THEN
        RAISE;
    WHEN OTHERS THEN
        BEGIN
            IF ghostwatch._is_subject(%4$s, TG_RELID) THEN
                PERFORM ghostwatch._judge_at_commit(%4$s, %7$s);
            END IF;
        EXCEPTION
            WHEN SQLSTATE 'GW079' THEN
                RAISE;
            WHEN OTHERS THEN
                RAISE WARNING 'contract %% could not be enforced: %%', %5$L, SQLERRM USING ERRCODE = SQLSTATE;
        END;
        RETURN NULL;
END
$body$,
        enforced.subject,
        ghostwatch._key_equals(enforced.subject, enforced.key_column),
        conditions,
        enforced.contract_id,
        enforced.name,
        CASE
            WHEN root <> enforced.subject THEN
                format(
                    '%L::pg_catalog.regclass OPERATOR(pg_catalog.<>) ALL (SELECT a.relid FROM pg_catalog.pg_partition_ancestors(TG_RELID) AS a)',
                    enforced.subject
                )
            WHEN (SELECT r.relkind FROM pg_class AS r WHERE r.oid = root) = 'p' THEN
                format('coalesce(pg_catalog.pg_partition_root(TG_RELID)::pg_catalog.oid, TG_RELID) OPERATOR(pg_catalog.<>) %L::pg_catalog.regclass::pg_catalog.oid', root)
            ELSE format('TG_RELID OPERATOR(pg_catalog.<>) %L::pg_catalog.regclass::pg_catalog.oid', root)
        END,
        ghostwatch._key_text(enforced.subject, 'NEW', enforced.key_column)
    );
END
$_enforcement_body$;

COMMENT ON FUNCTION ghostwatch._enforcement_body(integer) IS
'The body of the trigger function that enforces a contract, as it must read now.';
CREATE FUNCTION ghostwatch._judge_at_commit(
    contract_id integer,
    subject_key text
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_judge_at_commit$
-- Runs with the rights of the contract's owner, and only where something is missing or could not be judged at once.
-- A clause that cannot be evaluated, say because a table that it names was renamed, keeps nobody from signing up and
-- does not protect the other clauses from being enforced; its check run reports the same error as an alert.
DECLARE
    as_of timestamptz := ghostwatch._clock();
    enforced ghostwatch.contract;
    clause ghostwatch._clause;
    found ghostwatch._judgement;
    missing text[] := ARRAY[]::text[];
BEGIN
    SELECT c.* INTO enforced FROM ghostwatch.contract AS c WHERE c.contract_id = _judge_at_commit.contract_id;
    IF enforced.enforcement = 'observe' THEN
        RETURN;
    END IF;

    FOR clause IN
        SELECT c.*
        FROM ghostwatch._clause AS c
        WHERE c.contract_id = _judge_at_commit.contract_id
            AND c.error_after = '0'
        ORDER BY c.invariant_id
    LOOP
        BEGIN
            -- Says in plain words what a query on a dropped table would say with a number.
            PERFORM ghostwatch._column_type(clause.related, k.name) FROM unnest(clause.related_key_columns) AS k (name);

            SELECT j.*
            INTO found
            FROM unnest(ghostwatch._judge_keys(clause, ARRAY[_judge_at_commit.subject_key])) AS j
            LIMIT 1;

            CONTINUE WHEN found.violated IS NOT TRUE;
            missing := array_append(missing, clause.invariant);

            IF enforced.enforcement = 'warn' THEN
                -- Under capture the arrival was recorded in this very transaction.
                IF clause.capture THEN
                    found.born_at := (
                        SELECT coalesce(max(a.arrived_at), as_of)
                        FROM ghostwatch.arrival AS a
                        WHERE a.contract_id = clause.contract_id
                            AND a.subject_key = _judge_at_commit.subject_key
                            AND a.arrived_at >= least(as_of, transaction_timestamp())
                    );
                END IF;
                PERFORM ghostwatch._record_violation(
                    clause.invariant_id, _judge_at_commit.subject_key, found.born_at, found.branch_family, as_of
                );
            END IF;
        EXCEPTION
            WHEN OTHERS THEN
                RAISE WARNING 'clause % of contract % could not be enforced: %', clause.invariant, enforced.name, SQLERRM
                USING ERRCODE = SQLSTATE;
        END;
    END LOOP;

    IF enforced.enforcement = 'reject' AND missing <> '{}' THEN
        RAISE EXCEPTION '% % cannot be committed %',
            enforced.subject, _judge_at_commit.subject_key,
            (
                SELECT concat_ws(
                    ', ',
                    'without ' || string_agg(i.missing_label, ', ' ORDER BY i.invariant_id) FILTER (WHERE k.is_plain),
                    string_agg(ghostwatch._lack(i), ', ' ORDER BY i.invariant_id) FILTER (WHERE NOT k.is_plain)
                )
                FROM ghostwatch.invariant AS i
                CROSS JOIN LATERAL (SELECT i.at_least = 1 AND i.exactly IS NULL AND NOT i.no_row AS is_plain) AS k
                WHERE i.contract_id = _judge_at_commit.contract_id
                    AND i.name = ANY (missing)
            )
        USING
            ERRCODE = 'GW079',
            SCHEMA = (SELECT n.nspname FROM pg_class AS c INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = enforced.subject),
            TABLE = (SELECT c.relname FROM pg_class AS c WHERE c.oid = enforced.subject),
            CONSTRAINT = format('%s.%s', enforced.name, missing[1]),
            DETAIL = format('Contract %L, key %s: broken is %s.', enforced.name, _judge_at_commit.subject_key, array_to_string(missing, ', ')),
            HINT = format(
                'Write the missing rows in the same transaction. To see what each clause asks for: '
                'SELECT name, description FROM ghostwatch.invariant WHERE name = ANY (%L); '
                'to let such rows pass and record them: SELECT * FROM ghostwatch.enforce(%L, %L);',
                missing, enforced.name, 'warn'
            );
    END IF;
END
$_judge_at_commit$;

COMMENT ON FUNCTION ghostwatch._judge_at_commit(integer, text) IS
'Refuses (GW079) or records a subject that lacks what is due at once. Called at COMMIT, with the rights of the contract''s owner.';
CREATE FUNCTION ghostwatch._write_enforcement_function(
    contract_id integer,
    function_schema name
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_write_enforcement_function$
-- The function belongs to the contract's owner and is a definer: in anybody's transaction the declared expressions
-- run with the rights of the role that declared them and no others.
DECLARE
    enforced ghostwatch.contract;
BEGIN
    SELECT c.* INTO enforced FROM ghostwatch.contract AS c WHERE c.contract_id = _write_enforcement_function.contract_id;

    -- The table is gone, and the trigger with it; what is left of the contract can still be changed and dropped.
    IF NOT EXISTS (SELECT FROM pg_class AS r WHERE r.oid = enforced.subject) THEN
        RETURN;
    END IF;

    PERFORM ghostwatch._write_contract_function(
        enforced.contract_id,
        function_schema,
        ghostwatch._enforcement_name(enforced.contract_id),
        format('SET search_path = %s SET plan_cache_mode = force_generic_plan', enforced.search_path),
        ghostwatch._enforcement_body(enforced.contract_id),
        format(
            'Enforces the ghostwatch contract %L at COMMIT. To turn that off: SELECT ghostwatch.enforce(%L, ''observe'');',
            enforced.name, enforced.name
        )
    );
END
$_write_enforcement_function$;

COMMENT ON FUNCTION ghostwatch._write_enforcement_function(integer, name) IS
'Writes the trigger function that enforces a contract, owned by the contract''s owner. Raises GW076.';
CREATE FUNCTION ghostwatch._install_enforcement(
    contract_id integer
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_install_enforcement$
-- Takes the rights TRIGGER on the table and CREATE on its schema. Where the triggers are there already, from an
-- earlier time of enforcement, the function is written anew and no table is locked.
DECLARE
    enforced ghostwatch.contract;
    function_name constant name := ghostwatch._enforcement_name(contract_id);
    function_schema name := ghostwatch._contract_trigger_schema(contract_id, ghostwatch._enforcement_name(contract_id));
    statements text;
BEGIN
    SELECT c.* INTO enforced FROM ghostwatch.contract AS c WHERE c.contract_id = _install_enforcement.contract_id;

    IF function_schema IS NULL THEN
        SELECT n.nspname
        INTO function_schema
        FROM pg_class AS c
        INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid = enforced.subject;
    END IF;

    PERFORM ghostwatch._write_enforcement_function(enforced.contract_id, function_schema);

    -- The condition of the first is always true. It makes the trigger depend on ghostwatch, so that
    -- removing ghostwatch removes it too and leaves no table that nobody can write.
    -- The second one judges a subject that takes another key in its transaction; it compares keys as
    -- text by their output functions, which no role can redefine and which a dump restores under any search path.
    SELECT string_agg(
        format(
            'CREATE CONSTRAINT TRIGGER %I AFTER %s ON %s DEFERRABLE INITIALLY DEFERRED '
            'FOR EACH ROW WHEN (NULL::ghostwatch.contract IS NULL%s) EXECUTE FUNCTION %I.%I()',
            w.trigger_name, w.event, enforced.subject, w.condition, function_schema, function_name
        ),
        '; '
    )
    INTO statements
    FROM (
        VALUES
            (function_name::text, 'INSERT', ''),
            (
                function_name || '_key',
                'UPDATE OF ' || ghostwatch._column_names(enforced.key_column),
                (
                    SELECT format(
                        ' AND (%s)',
                        string_agg(
                            format('pg_catalog.format(''%%s'', OLD.%1$I) OPERATOR(pg_catalog.<>) pg_catalog.format(''%%s'', NEW.%1$I)', k.name),
                            ' OR '
                        )
                    )
                    FROM unnest(enforced.key_column) AS k (name)
                )
            )
    ) AS w (trigger_name, event, condition)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_trigger AS t
        WHERE t.tgrelid = enforced.subject
            AND t.tgname = w.trigger_name
    );

    IF statements IS NOT NULL THEN
        PERFORM ghostwatch._execute_locking(enforced.subject, 'ShareRowExclusiveLock', statements);
    END IF;
END
$_install_enforcement$;

COMMENT ON FUNCTION ghostwatch._install_enforcement(integer) IS
'Puts the triggers that enforce a contract on the table of its subjects. Raises GW075, GW076.';
CREATE FUNCTION ghostwatch._set_enforcement(
    contract_id integer,
    mode text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS ghostwatch.contract
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_set_enforcement$
-- The triggers, which belong to the contract's owner, are brought up to date by the caller.
DECLARE
    changed ghostwatch.contract;
BEGIN
    PERFORM ghostwatch._require_contract_owner(contract_id, role => ghostwatch._caller(credential));

    UPDATE ghostwatch.contract AS c
    SET enforcement = mode
    WHERE c.contract_id = _set_enforcement.contract_id
    RETURNING c.* INTO changed;

    RETURN changed;
END
$_set_enforcement$;

COMMENT ON FUNCTION ghostwatch._set_enforcement(integer, text, uuid) IS
'Records how a contract is enforced; returns the changed row. Raises GW008 (belongs to another role).';
CREATE FUNCTION ghostwatch._enforcement_follows_contract(
    before ghostwatch.contract,
    after ghostwatch.contract
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_enforcement_follows_contract$
-- Only another table or key takes a lock on the table; all else is in the function. Called by whoever changes a
-- contract, with the rights of its owner, whose triggers they are.
DECLARE
    trigger_name constant name := ghostwatch._enforcement_name(after.contract_id);
    function_schema constant name := ghostwatch._contract_trigger_schema(after.contract_id, ghostwatch._enforcement_name(after.contract_id));
BEGIN
    IF before.contract_id IS NULL
        OR (before.enforcement <> 'observe', before.subject, before.key_column, before.search_path)
        IS NOT DISTINCT FROM (after.enforcement <> 'observe', after.subject, after.key_column, after.search_path)
    THEN
        RETURN;
    END IF;

    IF (before.subject, before.key_column) IS DISTINCT FROM (after.subject, after.key_column) THEN
        PERFORM ghostwatch._remove_contract_trigger(after.contract_id, trigger_name);
    ELSIF after.enforcement = 'observe' AND function_schema IS NOT NULL THEN
        PERFORM ghostwatch._write_enforcement_function(after.contract_id, function_schema);
    END IF;

    IF after.enforcement <> 'observe' THEN
        PERFORM ghostwatch._install_enforcement(after.contract_id);
    END IF;
END
$_enforcement_follows_contract$;

COMMENT ON FUNCTION ghostwatch._enforcement_follows_contract(ghostwatch.contract, ghostwatch.contract) IS
'Brings the triggers on a contract''s subjects, and their function, to what the contract says after a change. Raises GW075, GW076.';
CREATE FUNCTION ghostwatch._enforcement_follows_invariant(
    contract_id integer
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_enforcement_follows_invariant$
-- Called by whoever declares or drops an invariant, with the rights of its owner. Where nothing was ever enforced,
-- nothing happens.
DECLARE
    function_schema constant name := ghostwatch._contract_trigger_schema(contract_id, ghostwatch._enforcement_name(contract_id));
BEGIN
    IF function_schema IS NOT NULL THEN
        PERFORM ghostwatch._write_enforcement_function(contract_id, function_schema);
    END IF;
END
$_enforcement_follows_invariant$;

COMMENT ON FUNCTION ghostwatch._enforcement_follows_invariant(integer) IS
'Writes the function that enforces a contract anew when one of its invariants comes, changes or goes. Raises GW076.';
CREATE TYPE ghostwatch._enforcement_preview AS (
    invariant text,         -- all: those of every invariant together
    subjects bigint,
    refused bigint,         -- missing plus separate
    missing bigint,
    separate bigint,
    unknown bigint
);

COMMENT ON TYPE ghostwatch._enforcement_preview IS
'What enforcement of an invariant would have done to the subjects of a time.';
CREATE FUNCTION ghostwatch._preview(
    contract_id integer,
    as_of timestamptz
)
RETURNS SETOF ghostwatch._enforcement_preview
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_preview$
-- A row that is there now says nothing of COMMIT: an application that writes it in a later transaction would lose
-- every signup. The transaction that wrote a row is its xmin, until the row is written anew; so a related row older
-- than the subject's present version proves nothing (unknown). Rows that carry the very birth time of their subject
-- come from DEFAULT now() in one transaction, whatever has become of them since. A younger row of a table that is
-- updated may have been written anew: unknown, where another table shows that this subject came in one transaction.
-- By the birth times that the rows carry, also under capture: arrivals are not kept for a day.
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
-- and it gives the columns of the result, which no static check can know: @plpgsql_check_options: other_warnings = false, extra_warnings = false
DECLARE
    queries text;
    path text;
BEGIN
    SELECT
        string_agg(
            format(
                'SELECT %L::text AS invariant, %s AS place, %L::boolean AS is_elsewhere, q.subject_key, q.satisfied, q.written '
                'FROM (%s) AS q WHERE NOT (q.exempt_by_branch OR q.exempt_by_predicate)',
                c.invariant,
                c.invariant_id,
                c.related <> c.subject,
                ghostwatch._subject_query(c, 'born', as_of - '1 day'::interval, as_of, detail => 'written')
            ),
            E'\nUNION ALL\n'
        ),
        max(c.search_path)
    INTO queries, path
    FROM ghostwatch._enforced_clauses(contract_id) AS c;

    PERFORM ghostwatch._enter_search_path(path);
    RETURN QUERY EXECUTE format(
        $query$
        SELECT
            coalesce(k.invariant, 'all'),
            count(DISTINCT k.subject_key),
            count(DISTINCT k.subject_key) FILTER (WHERE k.verdict IN ('missing', 'separate')),
            count(DISTINCT k.subject_key) FILTER (WHERE k.verdict = 'missing'),
            count(DISTINCT k.subject_key) FILTER (WHERE k.verdict = 'separate'),
            count(DISTINCT k.subject_key) FILTER (WHERE k.verdict = 'unknown')
        FROM (
            SELECT
                j.*,
                CASE
                    WHEN NOT j.satisfied THEN 'missing'
                    WHEN j.written <> 'updated' THEN j.written
                    WHEN bool_or(j.is_elsewhere AND j.written = 'together') OVER (PARTITION BY j.subject_key) THEN 'unknown'
                    ELSE 'separate'
                END AS verdict
            FROM (%s) AS j
        ) AS k
        GROUP BY GROUPING SETS ((k.invariant, k.place), ())
        ORDER BY k.place
        $query$,
        queries
    );
    PERFORM ghostwatch._leave_search_path();
END
$_preview$;

COMMENT ON FUNCTION ghostwatch._preview(integer, timestamptz) IS
'What enforcement would have done to the subjects of the last day, per invariant and (all) in total: refused is missing plus separate.
missing: a row is not there now. separate: it came in a later transaction. unknown: it cannot be said, as the subject was updated since.';
CREATE FUNCTION ghostwatch.enforce(
    contract text,
    mode text,
    dry_run boolean DEFAULT false,
    force boolean DEFAULT false
)
RETURNS SETOF ghostwatch._enforcement_preview
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $enforce$
-- The subjects of the last day are counted first: turning enforcement on takes a lock that signups would wait for.
DECLARE
    as_of constant timestamptz := ghostwatch._clock();
    its_contract_id constant integer := ghostwatch._contract_id(contract);
    enforced ghostwatch.contract;
    total ghostwatch._enforcement_preview;
BEGIN
    SELECT c.* INTO enforced FROM ghostwatch.contract AS c WHERE c.contract_id = its_contract_id;

    IF mode IS NULL OR mode NOT IN ('observe', 'warn', 'reject') THEN
        RAISE EXCEPTION 'there is no mode %', quote_nullable(mode)
        USING
            ERRCODE = 'GW070',
            DETAIL = 'observe: check runs only. warn: record violations at COMMIT. reject: refuse them there.',
            HINT = format('SELECT * FROM ghostwatch.enforce(%L, %L);', contract, 'warn');
    END IF;

    -- Stricter than elsewhere: the trigger's function is to belong to the owner, not to a member of that role.
    IF ghostwatch._contract_owner(its_contract_id) <> quote_ident(current_user)::regrole THEN
        RAISE EXCEPTION 'contract % is enforced by role % only', quote_literal(contract), ghostwatch._contract_owner(its_contract_id)
        USING
            ERRCODE = 'GW073',
            DETAIL = format('This session runs as %I; enforcement runs in everybody''s transactions with the rights of the contract''s owner.', current_user),
            HINT = format('SET ROLE %s; SELECT * FROM ghostwatch.enforce(%L, %L);', ghostwatch._contract_owner(its_contract_id), contract, mode);
    END IF;

    IF mode = 'observe' THEN
        IF dry_run IS NOT TRUE THEN
            PERFORM ghostwatch._enforcement_follows_contract(enforced, ghostwatch._set_enforcement(its_contract_id, mode));
        END IF;
        RETURN;
    END IF;

    IF NOT EXISTS (SELECT FROM ghostwatch._clause AS c WHERE c.contract_id = its_contract_id AND c.error_after = '0') THEN
        RAISE EXCEPTION 'contract % has no invariant that is due at once', quote_literal(contract)
        USING
            ERRCODE = 'GW071',
            DETAIL = 'Only an invariant with error_after of 0 can be checked when a subject is committed.',
            HINT = format('SELECT ghostwatch.declare_invariant(%L, ''name'', ''related_table'', ''subject_id'', error_after => ''0'');', contract);
    END IF;

    IF (SELECT c.relkind FROM pg_class AS c WHERE c.oid = enforced.subject) NOT IN ('r', 'p') THEN
        RAISE EXCEPTION 'contract % cannot be enforced: % is not a table', quote_literal(contract), enforced.subject
        USING
            ERRCODE = 'GW072',
            DETAIL = 'Only tables and partitioned tables of this server have constraint triggers.',
            HINT = 'Enforce a contract over the table behind it.';
    END IF;

    FOR total IN
        SELECT p.* FROM ghostwatch._preview(its_contract_id, as_of) AS p
    LOOP
        RETURN NEXT total;
    END LOOP;

    IF dry_run THEN
        RETURN;
    END IF;

    -- The last row is that of all clauses together. Who is unknown counts neither way.
    IF total.refused * 2 > total.subjects - total.unknown THEN
        IF mode = 'reject' AND force IS NOT TRUE AND enforced.enforcement <> 'reject' THEN
            RAISE EXCEPTION 'contract % would refuse % of %', quote_literal(contract), total.refused, ghostwatch._pluralize(total.subjects, 'subject')
            USING
                ERRCODE = 'GW074',
                DETAIL = format(
                    'Of the last day, %s lack a row by now and %s got one in a later transaction than their own; of %s it cannot be said.',
                    total.missing, total.separate, total.unknown
                ),
                HINT = format(
                    'To see them by clause: SELECT * FROM ghostwatch.enforce(%1$L, ''reject'', dry_run => true); '
                    'once the application writes them in one transaction: SELECT * FROM ghostwatch.enforce(%1$L, ''reject'', force => true);',
                    contract
                );
        ELSIF mode = 'warn' THEN
            RAISE WARNING 'contract % would record a violation for % of %',
                quote_literal(contract), total.refused, ghostwatch._pluralize(total.subjects, 'subject')
            USING HINT = format('SELECT * FROM ghostwatch.enforce(%L, %L);', contract, 'observe');
        END IF;
    END IF;

    PERFORM ghostwatch._enforcement_follows_contract(enforced, ghostwatch._set_enforcement(its_contract_id, mode));

    -- Where it was on already, this mends it: a trigger that is gone, or names that have changed.
    IF enforced.enforcement <> 'observe' THEN
        PERFORM ghostwatch._install_enforcement(its_contract_id);
    END IF;
END
$enforce$;

COMMENT ON FUNCTION ghostwatch.enforce(text, text, boolean, boolean) IS
'Turns on or off that invariants with error_after 0 are checked at COMMIT.
mode: reject (refuse the transaction, GW079), warn (record a violation at once), observe (check runs only; the default). dry_run: count, and change nothing. force: reject although that would refuse most subjects.
Returns per invariant, and in the last row for all, how many subjects of the last day are judged and how many would be refused: those that lack a row now (missing) and those that got it in a later transaction (separate). unknown: it cannot be said.
Raises GW001 (no such contract), GW070 (no such mode), GW071 (nothing is due at once), GW072 (not a table), GW073 (another role''s contract), GW074 (most would be refused), GW075 (the table stays locked), GW076 (a function of another role is in the way).';
CREATE FUNCTION ghostwatch.remove_idle_triggers()
RETURNS SETOF regclass
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $remove_idle_triggers$
-- Turning enforcement off leaves triggers that do nothing, since dropping them excludes everybody from the table for
-- a moment. When that moment comes is for whoever runs the database to decide.
DECLARE
    idle ghostwatch.contract;
BEGIN
    FOR idle IN
        SELECT c.*
        FROM ghostwatch.contract AS c
        WHERE c.enforcement = 'observe'
            AND pg_has_role(c.owner, 'USAGE')
            AND ghostwatch._contract_trigger_schema(c.contract_id, ghostwatch._enforcement_name(c.contract_id)) IS NOT NULL
        ORDER BY c.contract_id
    LOOP
        PERFORM ghostwatch._remove_contract_trigger(idle.contract_id, ghostwatch._enforcement_name(idle.contract_id));
        RETURN NEXT idle.subject;
    END LOOP;
END
$remove_idle_triggers$;

COMMENT ON FUNCTION ghostwatch.remove_idle_triggers() IS
'Removes the triggers that enforcement left when it was turned off, from the tables of this role''s contracts; returns those tables.
Raises GW075 (a table stays locked).';

-- prove: assertions for the tests of an application, with pgTAP
CREATE FUNCTION ghostwatch._explain_future_birth(
    contract text,
    born_at timestamptz,
    now_is timestamptz
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_explain_future_birth$
-- A birth in the future comes from a wrong time zone or a wrong clock: both are named, with the statement that corrects it.
SELECT format(
    'Born in the future: %s is %s UTC%s, while the clock of the database says %s UTC. No check run judges it before then. %s',
    coalesce(c.born_at_expression, format('%s.%I', c.subject, c.born_at_column)),
    date_trunc('second', born_at AT TIME ZONE 'UTC'),
    ', read in the time zone ' || c.time_zone,
    date_trunc('second', now_is AT TIME ZONE 'UTC'),
    CASE
        WHEN c.born_at_expression IS NOT NULL THEN 'Where that is meant, as_of names a moment after it.'
        WHEN c.time_zone IS NULL THEN 'The application writes local time without its zone, or its clock is wrong.'
        ELSE format('The zone or the clock of the application is wrong: SELECT ghostwatch.declare_contract(%L, time_zone => ''...'');', c.name)
    END
)
FROM ghostwatch.contract AS c
WHERE c.contract_id = ghostwatch._contract_id(contract)
$_explain_future_birth$;

COMMENT ON FUNCTION ghostwatch._explain_future_birth(text, timestamptz, timestamptz) IS
'What a test reports of a subject that was born in the future: the time written, the zone it is read in, and the clock.';
CREATE FUNCTION ghostwatch.prove(
    contract text,
    subject_key text,
    as_of interval DEFAULT NULL,
    clauses text[] DEFAULT NULL,
    leave_out text[] DEFAULT NULL
)
RETURNS TABLE (
    invariant text,
    holds boolean,
    state text,
    explanation text
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $prove$
-- The one function that judges a subject for a test: pgTAP, pytest and the command line only lay out what it returns.
-- A deadline is for production. A test that waited for none would pass while nothing is due, so a clause counts as if it
-- were due, unless as_of says how much later the test means. A test passes if no row has holds = false.
-- A subject that is not there, a birth that no check run will ever reach, and a result that proves nothing are findings
-- too, in rows of their own.
-- Raises GW001, GW007 for a clause that is not there, and GW020.
DECLARE
    -- Less is what clocks differ by that are kept by NTP; the doctor allows the same.
    tolerance   constant interval := '5 seconds'::interval;
    now_is      constant timestamptz := ghostwatch._clock();
    -- An expression may count deadlines from a moment to come: then as_of says which moment the test means.
    as_of_birth constant timestamptz := (
        SELECT CASE WHEN c.born_at_expression IS NULL THEN now_is ELSE now_is + coalesce(as_of, '0') END
        FROM ghostwatch.contract AS c
        WHERE c.contract_id = ghostwatch._contract_id(prove.contract)
    );
    is_judged   boolean := false;
    finding     record;
    name        text;
BEGIN
    FOREACH name IN ARRAY coalesce(clauses, '{}') || coalesce(leave_out, '{}') LOOP
        PERFORM ghostwatch._invariant_id(contract, name);
    END LOOP;

    FOR finding IN
        SELECT v.*
        FROM ghostwatch.check_subject(prove.contract, prove.subject_key) AS v
        WHERE (clauses IS NULL OR v.invariant = ANY (clauses))
            AND v.invariant <> ALL (coalesce(leave_out, '{}'))
    LOOP
        -- Once for all clauses, and whatever rows there are: no check run judges such a subject when it should.
        IF NOT is_judged AND finding.born_at IS NULL THEN
            is_judged := true;
            RETURN QUERY SELECT NULL, false, 'no birth', 'It has no time of birth, so no check run ever judges it.';
        ELSIF NOT is_judged AND finding.born_at > as_of_birth + tolerance THEN
            is_judged := true;
            RETURN QUERY SELECT NULL, false, 'born in the future', ghostwatch._explain_future_birth(contract, finding.born_at, now_is);
        END IF;

        invariant := finding.invariant;
        state := finding.state;
        explanation := finding.explanation;
        IF finding.satisfied THEN
            holds := true;
        ELSIF finding.due_at > now_is + as_of THEN
            holds := NULL;
            explanation := format('Not judged. %s', explanation);
        ELSE
            holds := false;
            IF state = 'not due yet' AND as_of IS NULL AND clauses IS NULL THEN
                explanation := format('%s A test counts it as if it were due; leave_out names what a test is not about.', explanation);
            END IF;
        END IF;

        is_judged := is_judged OR holds IS NOT NULL;
        RETURN NEXT;
    END LOOP;

    IF NOT is_judged THEN
        RETURN QUERY SELECT NULL, false, 'nothing proved', CASE
            WHEN EXISTS (SELECT FROM ghostwatch.invariant AS i WHERE i.contract_id = ghostwatch._contract_id(contract))
                THEN 'No clause was judged, so nothing was proved.'
            ELSE 'The contract has no clause, so nothing was proved.'
        END;
    END IF;
EXCEPTION
    WHEN SQLSTATE 'GW021' THEN
        RETURN QUERY SELECT NULL, false, 'no subject', SQLERRM || '.';
END
$prove$;

COMMENT ON FUNCTION ghostwatch.prove(text, text, interval, text[], text[]) IS
'Judges every clause of a contract for one subject, as a test does: as if it were due.
as_of: judge only what is due this much later than now. clauses: only these; leave_out: all but these.
holds: whether the clause holds; NULL where as_of comes before it is due. state: as in ghostwatch.check_subject(), or no subject, no birth, born in the future, nothing proved.
A test passes if no row has holds = false. Raises GW001 (no such contract), GW007 (no such invariant), GW020 (belongs to another role).';
-- Without a pinned search path: pgTAP's own functions find each other through the caller's. Only pgTAP is looked up there.
CREATE FUNCTION ghostwatch._assert(
    holds boolean,
    description text,
    remarks text[]
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
AS $_assert$
-- One line of TAP through the pgTAP on the search path; ghostwatch installs without pgTAP, so it is looked for when needed.
-- holds: whether the test passes. remarks: the diagnostics, a line each, or NULL for none. Raises GW078 without pgTAP.
DECLARE
    outcome pg_catalog.text;
    diagnostics pg_catalog.text;
BEGIN
    IF pg_catalog.to_regprocedure('ok(boolean, pg_catalog.text)') IS NULL OR pg_catalog.to_regprocedure('diag(pg_catalog.text)') IS NULL THEN
        RAISE EXCEPTION 'pgTAP is not on the search path'
        USING
            ERRCODE = 'GW078',
            DETAIL = pg_catalog.format('The search path is: %s.', pg_catalog.current_setting('search_path')),
            HINT = 'CREATE EXTENSION pgtap; or add its schema to the search path.';
    END IF;

    EXECUTE 'SELECT ok($1, $2)' INTO outcome USING holds, description;
    IF remarks IS NOT NULL THEN
        EXECUTE 'SELECT diag($1)' INTO diagnostics USING pg_catalog.array_to_string(remarks, E'\n');
    END IF;
    RETURN pg_catalog.concat_ws(E'\n', outcome, diagnostics);
END
$_assert$;

COMMENT ON FUNCTION ghostwatch._assert(boolean, text, text[]) IS
'One line of TAP, with diagnostics where there are remarks. Raises GW078 (pgTAP is not there).';
CREATE FUNCTION ghostwatch.contract_holds(
    contract text,
    subject_key text,
    description text DEFAULT NULL,
    as_of interval DEFAULT NULL,
    clauses text[] DEFAULT NULL,
    leave_out text[] DEFAULT NULL
)
RETURNS text
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
BEGIN ATOMIC
    -- pgTAP: a contract holds for a subject, as ghostwatch.prove() judges it. A clause that is missing fails also where the
    -- subject is exempt, since then nothing was proved.
    -- Returns a line of TAP; its diagnostics name the clauses that are broken or were not judged. Raises what
    -- ghostwatch.prove() raises, and GW078.
    SELECT
        ghostwatch._assert(
            bool_and(p.holds),
            coalesce(contract_holds.description, format('contract %s holds for %s', contract_holds.contract, contract_holds.subject_key)),
            array_agg(concat_ws(': ', p.invariant, p.explanation)) FILTER (WHERE p.holds IS NOT true)
        )
    FROM ghostwatch.prove(
        contract_holds.contract, contract_holds.subject_key, contract_holds.as_of, contract_holds.clauses, contract_holds.leave_out
    ) AS p;
END;

COMMENT ON FUNCTION ghostwatch.contract_holds(text, text, text, interval, text[], text[]) IS
'pgTAP: a contract holds for a subject; every clause counts as if it were due.
as_of: only what is due this much later than now. clauses: only these; leave_out: all but these. The diagnostics name what is broken or was not judged.
A missing row fails the test also where the subject is exempt. Raises GW078 (pgTAP is not there) and what ghostwatch.prove() raises.';
CREATE FUNCTION ghostwatch.clause_holds(
    contract text,
    invariant text,
    subject_key text,
    description text DEFAULT NULL
)
RETURNS text
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
BEGIN ATOMIC
    -- pgTAP: one clause holds for a subject, due or not.
    -- Returns a line of TAP. Raises GW007 for an invariant that is not there, what ghostwatch.prove() raises, and GW078.
    SELECT
        ghostwatch.contract_holds(
            clause_holds.contract,
            clause_holds.subject_key,
            coalesce(
                clause_holds.description,
                format('%s of contract %s holds for %s', clause_holds.invariant, clause_holds.contract, clause_holds.subject_key)
            ),
            clauses => ARRAY[clause_holds.invariant]
        );
END;

COMMENT ON FUNCTION ghostwatch.clause_holds(text, text, text, text) IS
'pgTAP: one clause of a contract holds for a subject, due or not.
Raises GW007 (no such invariant), GW078 (pgTAP is not there) and what ghostwatch.prove() raises.';
CREATE FUNCTION ghostwatch.contract_exempts(
    contract text,
    subject_key text,
    description text DEFAULT NULL
)
RETURNS text
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
BEGIN ATOMIC
    -- pgTAP: a subject lacks something, and the contract does not hold that against it.
    -- Returns a line of TAP. Raises what ghostwatch.prove() raises, and GW078.
    SELECT
        ghostwatch._assert(
            coalesce(bool_and(p.state = 'exempt'), false),
            coalesce(contract_exempts.description, format('contract %s exempts %s', contract_exempts.contract, contract_exempts.subject_key)),
            CASE
                WHEN count(*) = 0 THEN ARRAY['Nothing is missing, so nothing shows whether it is exempt.']
                ELSE array_agg(concat_ws(': ', p.invariant, p.explanation)) FILTER (WHERE p.state <> 'exempt')
            END
        )
    FROM ghostwatch.prove(contract_exempts.contract, contract_exempts.subject_key) AS p
    WHERE NOT p.holds;
END;

COMMENT ON FUNCTION ghostwatch.contract_exempts(text, text, text) IS
'pgTAP: a subject lacks something, and the contract exempts it.
Raises GW078 (pgTAP is not there) and what ghostwatch.prove() raises.';

-- Default privileges of the installer, and objects that somebody created beforehand, may have let others in.
-- Only the owner keeps its rights; grant_sidecar() and grant_operator() give what a role needs.
DO $grants$
DECLARE
    foreign_grant record;
BEGIN
    FOR foreign_grant IN
        SELECT DISTINCT f.revoke_statement
        FROM ghostwatch._foreign_grants('ghostwatch') AS f
    LOOP
        EXECUTE foreign_grant.revoke_statement;
    END LOOP;
END
$grants$;
PERFORM pg_catalog.set_config('search_path', _search_path, true);
END
$install$;
