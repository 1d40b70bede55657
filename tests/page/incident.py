"""Ninety days of a bot, with incidents, and how the last of them goes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.support.database import Database, enable_test_clock

BRANCHES = ("none", "kitchen", "wrapped", "giveaway", "share", "instagram", "tiktok", "search", "friend", "other")
LEAKING = "kitchen"
LEAKS_FOR = timedelta(minutes=24)


@dataclass
class Incident:
    """A bot whose branch kitchen has leaked for half an hour."""

    database: Database
    now: datetime

    @classmethod
    def replay(cls, database: Database) -> Incident:
        """Counts of ninety days, three alerts that are over, a deploy, and one alert that fires."""
        database.execute(
            """
            CREATE TABLE public.account (id bigint PRIMARY KEY, created_at timestamptz NOT NULL, branch text);
            CREATE INDEX ON public.account (created_at);
            CREATE TABLE public.meme (account_id bigint PRIMARY KEY);
            CREATE TABLE public.language (account_id bigint PRIMARY KEY);
            SELECT ghostwatch.declare_contract('onboarding', 'public.account', subject_label => 'new users',
                branch_expression => 's.branch');
            SELECT ghostwatch.declare_branch_family('onboarding', f, f) FROM unnest('{kitchen,wrapped}'::text[]) AS f;
            SELECT ghostwatch.declare_invariant('onboarding', 'language', 'public.language', 'account_id',
                rule => 'threshold', missing_label => 'a language');
            SELECT ghostwatch.declare_invariant('onboarding', 'first_meme', 'public.meme', 'account_id',
                rule => 'drift', expected_rate => 0.06, warn_after => '1 minute', missing_label => 'a first meme',
                description => 'Every new user sees a first meme.', runbook_url => 'https://wiki.example/first-meme');
            SELECT ghostwatch.add_channel('admins', -1001);
            DELETE FROM ghostwatch.drift_history;
            """
        )
        incident = cls(database, database.value("SELECT date_trunc('minute', clock_timestamp())"))
        incident._count()
        incident._record()
        incident._sign_up()
        incident._check()
        return incident

    def serve(self) -> None:
        """Those who were lost get what they lack."""
        self.database.execute("INSERT INTO public.meme SELECT id FROM public.account ON CONFLICT DO NOTHING")

    def run(self) -> None:
        """A check run."""
        self.database.execute("CALL ghostwatch.run_checks()")

    def _count(self) -> None:
        """More signups by day than by night; the leaking branch leaked three times before."""
        self.database.execute(
            """
            INSERT INTO ghostwatch.branch_minute
            SELECT i.invariant_id, c.minute, c.branch, c.due,
                CASE
                    WHEN i.name = 'language' THEN 0
                    WHEN c.leaks THEN c.due
                    ELSE least(c.due, floor(c.due * 0.04 + c.chance * 1.05)::integer)
                END
            FROM ghostwatch.invariant AS i
            CROSS JOIN (
                SELECT m.minute, b.branch,
                    greatest(1, round((5 - sqrt(b.place)) * (1.2 + sin(extract(EPOCH FROM m.ago) / 13751))))::integer
                        AS due,
                    (abs(hashtext(b.branch || m.ago::text)) %% 1000) / 1000.0 AS chance,
                    b.branch = %s AND (
                        m.minute BETWEEN %s - interval '61 days 3 hours' AND %s - interval '61 days'
                        OR m.minute BETWEEN %s - interval '23 days 9 hours' AND %s - interval '23 days'
                        OR m.minute BETWEEN %s - interval '5 days 2 hours' AND %s - interval '5 days'
                    ) AS leaks
                FROM (
                    -- Drawn by the time that has passed since, so that a replay is the same at any time of the day.
                    SELECT %s - t.ago AS minute, t.ago
                    FROM (
                        SELECT interval '1 hour' * g AS ago FROM generate_series(50, 24 * 89) AS g
                        UNION ALL
                        SELECT interval '6 minutes' * g FROM generate_series(7, 495) AS g
                    ) AS t
                ) AS m
                CROSS JOIN unnest(%s::text[]) WITH ORDINALITY AS b (branch, place)
            ) AS c
            """,
            LEAKING,
            *([self.now] * 7),
            list(BRANCHES),
        )
        # What became of those of the last days.
        self.database.execute(
            """
            INSERT INTO ghostwatch.violation (
                invariant_id, subject_key, born_at, branch_family, state, opened_at, closed_at, close_reason
            )
            SELECT m.invariant_id, row_number() OVER (), m.minute, m.branch_family,
                CASE WHEN l.late THEN 'recovered' ELSE 'expired' END, m.minute + interval '1 minute',
                m.minute + CASE WHEN NOT l.late THEN interval '26 min' WHEN n %% 2 = 0 THEN '4 min' ELSE '12 min' END,
                CASE WHEN l.late THEN 'row_came' ELSE 'expired' END
            FROM ghostwatch.branch_minute AS m
            CROSS JOIN generate_series(1, m.violations) AS n
            CROSS JOIN LATERAL (SELECT hashtext(m.minute::text || m.branch_family) %% 3 <> 0 AS late) AS l
            WHERE m.minute > %s - interval '50 hours'
            """,
            self.now,
        )

    def _record(self) -> None:
        """What the alerts of that time would have been."""
        self.database.execute(
            """
            INSERT INTO ghostwatch.alert (kind, invariant_id, contract, invariant, rule, state, severity, opened_at,
                resolved_at, changed_at, peak_count, branches, acknowledged_at, acknowledged_by)
            SELECT 'violations', i.invariant_id, 'onboarding', i.name, i.rule, 'resolved', a.severity, a.opened_at,
                a.opened_at + a.lasted, a.opened_at + a.lasted, a.peak,
                '[{"family": "kitchen", "violations": 40, "due": 41, "named": true}]',
                a.opened_at + interval '9 minutes', 'anna'
            FROM ghostwatch.invariant AS i
            CROSS JOIN (
                VALUES
                    (%s::timestamptz - interval '61 days 3 hours', interval '3 hours', 'error', 212),
                    (%s - interval '23 days 9 hours', '9 hours 12 minutes', 'error', 871),
                    (%s - interval '5 days 2 hours', '1 hour 50 minutes', 'warn', 38)
            ) AS a (opened_at, lasted, severity, peak)
            WHERE i.name = 'first_meme'
            """,
            *([self.now] * 3),
        )

    def _sign_up(self) -> None:
        """Users of the last forty minutes; whoever came through the kitchen of late got nothing."""
        self.database.execute(
            """
            INSERT INTO public.account
            SELECT 6000000 + g, %s - interval '10 seconds' * g,
                (ARRAY['kitchen', 'wrapped', NULL, NULL, NULL])[1 + g %% 5]
            FROM generate_series(0, 240) AS g
            """,
            self.now,
        )
        self.database.execute("INSERT INTO public.language SELECT id FROM public.account")
        self.database.execute(
            """
            INSERT INTO public.meme
            SELECT id FROM public.account
            WHERE NOT (branch IS NOT DISTINCT FROM %s AND created_at > %s) AND id %% 23 > 0
            """,
            LEAKING,
            self.now - LEAKS_FOR,
        )

    def _check(self) -> None:
        """Check runs of the last half hour: the alert opens, somebody takes it, and a deploy went before it."""
        server, name = self.database.server, self.database.name
        enable_test_clock(server, name)
        for minutes in range(34, -1, -2):
            moment = str(self.now - timedelta(minutes=minutes))
            self.database.execute("SELECT set_config('ghostwatch.clock', %s, false)", moment)
            if minutes == 28:
                self.database.execute("SELECT ghostwatch.maintenance('4 minutes', 'release 41')")
            self.run()
            if minutes == 6:
                self.database.execute(
                    "SELECT ghostwatch.acknowledge(alert_id, 'anna', 'rolling back')"
                    " FROM ghostwatch.alert WHERE state = 'firing'"
                )
        self.database.execute("RESET ghostwatch.clock")
        self.database.execute("SELECT ghostwatch.disable_test_clock()")
        self.run()
