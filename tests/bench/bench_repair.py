"""How long ten thousand repairs take, each in its own transaction and judged by the clause.

Sizes: SUBJECTS (10000).
"""

from __future__ import annotations

import os
import time

from scripts.build import build
from tests.support.cluster import Cluster

SUBJECTS = int(os.environ.get("SUBJECTS", "10000"))
AIM = 60


def main() -> None:
    """Durable commits, one session."""
    build()
    with Cluster(settings={"fsync": "on", "full_page_writes": "on"}) as cluster, cluster.connect("postgres") as bot:
        bot.execute("CREATE EXTENSION ghostwatch")
        bot.execute("CREATE TABLE person (id bigint PRIMARY KEY, created_at timestamptz NOT NULL)")
        bot.execute("CREATE INDEX ON person (created_at)")
        bot.execute(
            "CREATE TABLE language (person_id bigint REFERENCES person, code text, PRIMARY KEY (person_id, code))"
        )
        bot.execute(
            "CREATE FUNCTION seed(bigint) RETURNS void LANGUAGE sql "
            "AS 'INSERT INTO language VALUES ($1, ''en'') ON CONFLICT DO NOTHING'"
        )
        bot.execute("SELECT ghostwatch.declare_contract('people', 'person')")
        bot.execute(
            "SELECT ghostwatch.declare_invariant('people', 'languages', 'language', 'person_id', "
            "repair => 'seed(bigint)')"
        )
        bot.execute(
            "INSERT INTO person SELECT n, now() - interval '10 minutes' FROM generate_series(1, %s::integer) AS n",
            [SUBJECTS],
        )
        bot.execute("CALL ghostwatch.run_checks()")
        began = time.perf_counter()
        healed, still_broken, failed = bot.execute("CALL ghostwatch.repair('people', 'languages')").fetchone() or (
            0,
            0,
            0,
        )
        took = time.perf_counter() - began
    print(
        f"{healed} healed, {still_broken} still broken, {failed} failed in {took:.1f} s: "
        f"{took / SUBJECTS * 1000:.2f} ms each (aim: 10,000 in {AIM} s)"
    )


if __name__ == "__main__":
    main()
