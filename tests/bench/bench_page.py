"""What the page asks of the database, what goes over the wire, and what the sidecar that serves it costs.

Sizes: USERS (5000000), BRANCHES (50), ROUNDS (40), IDLE_SECONDS (60).
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg

from ghostwatch.page.source import FRESH_FOR
from scripts.build import build
from tests.page.reader import TOKEN, Reader
from tests.sidecar.process import Sidecar, environment_for
from tests.support.cluster import Cluster, free_port
from tests.support.fake_telegram import FakeTelegram

USERS = int(os.environ.get("USERS", "5000000"))
BRANCHES = int(os.environ.get("BRANCHES", "50"))
ROUNDS = int(os.environ.get("ROUNDS", "40"))
IDLE_SECONDS = float(os.environ.get("IDLE_SECONDS", "60"))
DAYS = 90
AIM = 0.050
DAY: Final = "date_trunc('day', now(), 'UTC')"
HOUR: Final = "date_trunc('hour', now())"

CALLS: Final[tuple[LiteralString, ...]] = (
    "page_clauses()",
    "page_days('Europe/Berlin', 90)",
    "page_rates('onboarding', 'greeting', " + DAY + " - interval '89 days', '1 day')",
    "page_branches('onboarding', 'greeting', " + DAY + " - interval '89 days', '1 day')",
    "page_branches('onboarding', 'greeting', " + HOUR + " - interval '7 days', '6 hours')",
    "page_branches('onboarding', 'greeting', " + HOUR + " - interval '23 hours', '1 hour')",
    "page_rates('onboarding', 'greeting', " + HOUR + " - interval '23 hours', '20 minutes')",
    "page_branches('onboarding', 'greeting', " + HOUR + " - interval '5 hours', '10 minutes')",
    "page_cohort('onboarding', 'greeting', " + HOUR + " - interval '47 hours')",
    "page_health()",
    "page_findings()",
    "page_changes()",
)
PATHS = ("/", *(f"/clause/onboarding/greeting?range={length}" for length in ("6h", "24h", "7d", "90d")), "/health")


def main() -> None:
    """One server; the calls, then the pages, then an idle sidecar."""
    build()
    with tempfile.TemporaryDirectory() as directory, Cluster() as cluster, FakeTelegram() as telegram:
        cluster.create_database("bot")
        with cluster.connect("bot") as connection:
            fill(connection)
            calls(connection)
            port = free_port()
            environment = environment_for(telegram, http_port=str(port), page_token=TOKEN)
            with Sidecar(cluster.dsn("bot"), Path(directory) / "log", environment) as sidecar:
                sidecar.wait_until_it_says("NOTIFY wakes")
                pages(Reader(port, sidecar))
                idle(sidecar)


def fill(connection: psycopg.Connection[Any]) -> None:
    """Counts of ninety days, and violations of a tenth of the users."""
    connection.execute(
        """
        CREATE EXTENSION ghostwatch;
        CREATE TABLE account (id bigint PRIMARY KEY, created_at timestamptz NOT NULL);
        CREATE INDEX ON account (created_at);
        CREATE TABLE greeting (account_id bigint PRIMARY KEY);
        SELECT ghostwatch.declare_contract('onboarding', 'account');
        SELECT ghostwatch.declare_invariant('onboarding', 'greeting', 'greeting', 'account_id',
            warn_after => '1 minute');
        """
    )
    began = time.monotonic()
    connection.execute(
        """
        INSERT INTO ghostwatch.branch_minute
        SELECT i.invariant_id, m.minute, 'family_' || m.branch, count(*), count(*) FILTER (WHERE m.late)
        FROM ghostwatch.invariant AS i
        CROSS JOIN (
            SELECT date_trunc('minute', now() - random() * interval '90 days') AS minute,
                ceil(random() * %(branches)s) AS branch, random() < 0.1 AS late
            FROM generate_series(1, %(users)s)
        ) AS m
        GROUP BY 1, 2, 3
        -- As they come in life.
        ORDER BY 2
        """,
        {"branches": BRANCHES, "users": USERS},
    )
    connection.execute(
        """
        INSERT INTO ghostwatch.violation (
            invariant_id, subject_key, born_at, branch_family, state, opened_at, closed_at, close_reason
        )
        SELECT i.invariant_id, g::text, v.born_at, 'family_1', 'recovered', v.born_at,
            v.born_at + interval '3 min', 'row_came'
        FROM ghostwatch.invariant AS i
        CROSS JOIN generate_series(1, %(users)s / 10) AS g
        CROSS JOIN LATERAL (SELECT now() - random() * interval '90 days' - g * interval '0' AS born_at) AS v
        """,
        {"users": USERS},
    )
    connection.execute("VACUUM (ANALYZE)")
    minutes, sums = connection.execute(
        "SELECT (SELECT count(*) FROM ghostwatch.branch_minute), (SELECT count(*) FROM ghostwatch.branch_sum)"
    ).fetchone() or (0, 0)
    print(f"{USERS:,} users of {DAYS} days and {BRANCHES} branches: {minutes:,} minutes, {sums:,} sums", end="")
    print(f" ({time.monotonic() - began:.0f} s to fill)")


def calls(connection: psycopg.Connection[Any]) -> None:
    """How long each call takes, planned anew in no session that asks again."""
    print(f"\n{'call':<104} {'rows':>6} {'median':>9} {'p95':>9}   (aim: p95 of {AIM * 1000:.0f} ms)")
    for call in CALLS:
        took = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            rows = len(connection.execute("SELECT * FROM ghostwatch." + call).fetchall())
            took.append(time.perf_counter() - began)
        p95 = statistics.quantiles(took, n=20)[-1]
        print(f"{call:<104} {rows:>6} {statistics.median(took) * 1000:6.1f} ms {p95 * 1000:6.1f} ms", flush=True)


def pages(reader: Reader) -> None:
    """How much goes over the wire, compressed and not, and how long an answer takes."""
    print(f"\n{'page':<50} {'whole':>9} {'gzip':>9} {'median':>9}")
    for path in PATHS:
        took = []
        for _ in range(5):
            # Within this time the answer before would be given again.
            time.sleep(FRESH_FOR + 0.05)
            began = time.perf_counter()
            whole = len(reader.get(path).body)
            took.append(time.perf_counter() - began)
        compressed = len(reader.get(path, Accept_Encoding="gzip").body)
        print(f"{path:<50} {whole / 1000:6.1f} kB {compressed / 1000:6.1f} kB {statistics.median(took) * 1000:6.1f} ms")
    static = sum(len(reader.get(f"/static/{name}", Accept_Encoding="gzip").body) for name in ("page.css", "page.js"))
    print(f"{'style and script, once':<50} {'':>9} {static / 1000:6.1f} kB")


def idle(sidecar: Sidecar) -> None:
    """Memory, and processor time while nobody looks."""
    before = processor_seconds(sidecar)
    time.sleep(IDLE_SECONDS)
    share = (processor_seconds(sidecar) - before) / IDLE_SECONDS
    status = Path(f"/proc/{sidecar.process.pid}/status").read_text()
    resident = int(status.split("VmRSS:")[1].split()[0]) / 1024
    print(f"\nthe sidecar, which served all this: {resident:.1f} MiB; idle, {share:.2%} of a core (aim: 60 MiB)")


def processor_seconds(sidecar: Sidecar) -> float:
    """What the process has used so far."""
    fields = Path(f"/proc/{sidecar.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
