"""How many subjects a second are repaired, each in its own transaction and judged, beside the bare function.

Sizes: SUBJECTS (10000).
"""

from __future__ import annotations

import os
import time

from scripts.build import build
from tests.support.cluster import Cluster

SUBJECTS = int(os.environ.get("SUBJECTS", "10000"))
AIM = 60

BARE = """
    DO $$
    DECLARE
        key bigint;
    BEGIN
        FOR key IN SELECT id FROM other ORDER BY id LOOP
            PERFORM seed_other(key);
            SET LOCAL synchronous_commit = off;
            COMMIT;
        END LOOP;
    END $$
"""


def main() -> None:
    """One session; the same function once by repair() and once called alone, with a commit after each call."""
    build()
    with Cluster(settings={"fsync": "on", "full_page_writes": "on"}) as cluster:
        with cluster.connect("postgres") as admin:
            admin.execute("CREATE EXTENSION ghostwatch")
            admin.execute("CREATE ROLE bot LOGIN")
            admin.execute("SELECT ghostwatch.grant_operator('bot')")
            admin.execute("CREATE SCHEMA app AUTHORIZATION bot")
            admin.execute("ALTER ROLE bot SET search_path = app")
        with cluster.connect("postgres", user="bot") as bot:
            for name, seed in (("person", "seed"), ("other", "seed_other")):
                bot.execute(f"CREATE TABLE {name} (id bigint PRIMARY KEY, created_at timestamptz NOT NULL)")
                bot.execute(f"CREATE INDEX ON {name} (created_at)")
                bot.execute(
                    f"CREATE TABLE {name}_language ("
                    f"person_id bigint REFERENCES {name}, code text, PRIMARY KEY (person_id, code))"
                )
                bot.execute(
                    f"CREATE FUNCTION {seed}(bigint) RETURNS void LANGUAGE sql "
                    f"AS 'INSERT INTO {name}_language VALUES ($1, ''en'') ON CONFLICT DO NOTHING'"
                )
                bot.execute(
                    f"INSERT INTO {name} "
                    "SELECT n, now() - interval '10 minutes' FROM generate_series(1, %s::integer) AS n",
                    [SUBJECTS],
                )
            bot.execute("SELECT ghostwatch.declare_contract('people', 'person')")
            bot.execute(
                "SELECT ghostwatch.declare_invariant('people', 'languages', 'person_language', 'person_id', "
                "repair => 'seed(bigint)')"
            )
            bot.execute("CALL ghostwatch.run_checks()")
            bot.execute("ANALYZE")
            began = time.perf_counter()
            bot.execute(BARE)
            bare = time.perf_counter() - began
            began = time.perf_counter()
            counts = bot.execute("CALL ghostwatch.repair('people', 'languages')").fetchone()
            took = time.perf_counter() - began
    assert counts == (SUBJECTS, 0, 0), counts
    print(f"the function alone: {SUBJECTS / bare:,.0f} subjects a second")
    print(
        f"repaired and verified: {SUBJECTS / took:,.0f} subjects a second, "
        f"{SUBJECTS:,} in {took:.1f} s (aim: 10,000 in {AIM} s)"
    )


if __name__ == "__main__":
    main()
