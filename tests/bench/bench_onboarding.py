"""onboarding.start() against the same seven effects one by one, and against one single-row insert and commit.

USERS (20000) fill the tables first; SECONDS (3) is how long each way runs in each of ROUNDS (5) rounds.
The ways take turns, forwards and backwards, on a server that writes to disk as one in production does.
Between start() and the single row stand the bare rows: what start() leaves, as constants, in one call that
asks, decides and checks nothing. No start() can be faster than those. What enforcement costs stands beside
what a trigger costs that somebody wrote by hand for these very tables, and that only looks whether each row is there.
"""

from __future__ import annotations

import itertools
import os
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from scripts.build import build
from tests.support.cluster import Cluster

USERS = int(os.environ.get("USERS", "20000"))
SECONDS = int(os.environ.get("SECONDS", "3"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
CLIENTS = (1, 8)
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "max_wal_size": "4GB"}

NEW_USER = "\\set id random(1, 8000000000000)\n"
START = "SELECT * FROM onboarding.start(:id, 'Anna', 'anna_b', NULL, NULL, 'de', 's_12345_678');\n"
FLOOR = "INSERT INTO public.floor (id) VALUES (:id);\n"
BARE = "SELECT public.bare_rows(:id);\n"
BARE_ROWS = """
CREATE FUNCTION public.bare_rows(id bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.user_tg (id, first_name, username, language_code, deep_link, updated_at)
    VALUES (bare_rows.id, 'Anna', 'anna_b', 'de', 's_12345_678', now());
    INSERT INTO public."user" (id, type, last_active_at) VALUES (bare_rows.id, 'user', now());
    INSERT INTO public.user_language (user_id, language_code) VALUES (bare_rows.id, 'de'), (bare_rows.id, 'en');
    INSERT INTO onboarding.user_info VALUES (bare_rows.id, 'user', 0, 0, 'de', now());
    INSERT INTO public.user_deep_link_log (user_id, deep_link) VALUES (bare_rows.id, 's_12345_678');
    INSERT INTO ghostwatch.event (kind, subject_key, payload, created_at)
    VALUES (
        'user_started', bare_rows.id::text, '{"name": "Anna", "username": "anna_b", "user_type": "user",
        "deep_link": "s_12345_678", "contract": "onboarding", "language": "de", "new": true}', now()
    );
END $$
"""
HANDMADE_TRIGGER = """
CREATE FUNCTION public.look_for_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public."user" WHERE id = NEW.id AND last_active_at IS NOT NULL)
        OR NOT EXISTS (SELECT FROM public.user_tg WHERE id = NEW.id)
        OR NOT EXISTS (SELECT FROM onboarding.user_info WHERE user_id = NEW.id)
        OR NOT EXISTS (SELECT FROM public.user_deep_link_log WHERE user_id = NEW.id)
        OR NOT EXISTS (SELECT FROM ghostwatch.event WHERE subject_key = NEW.id::text AND kind = 'user_started')
        OR NOT EXISTS (SELECT FROM public.user_language WHERE user_id = NEW.id)
    THEN
        RAISE EXCEPTION 'user % is not complete', NEW.id;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER look_for_rows AFTER INSERT ON public."user" DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION public.look_for_rows();
"""
# What a handler does that does not know start(): each effect as lean as can be, each in its own transaction.
ONE_BY_ONE = """
INSERT INTO public.user_tg AS known (id, first_name, username, language_code, updated_at)
VALUES (:id, 'Anna', 'anna_b', 'de', now())
ON CONFLICT (id) DO UPDATE SET first_name = excluded.first_name, username = coalesce(excluded.username, known.username),
    language_code = coalesce(excluded.language_code, known.language_code), updated_at = excluded.updated_at;

INSERT INTO public."user" AS known (id, type, last_active_at) VALUES (:id, 'user', now())
ON CONFLICT (id) DO UPDATE SET blocked_bot_at = NULL, last_active_at = excluded.last_active_at,
    type = CASE known.type WHEN 'blocked_bot' THEN 'user' ELSE known.type END;

UPDATE public.user_tg SET deep_link = 's_12345_678' WHERE id = :id AND (deep_link ~ '^[sm]_[0-9]+_[0-9]+$') IS NOT TRUE;

INSERT INTO public.user_language (user_id, language_code) SELECT :id, language_code
FROM (VALUES ('de'), ('en')) AS l (language_code)
WHERE NOT EXISTS (SELECT FROM public.user_language WHERE user_id = :id);

INSERT INTO onboarding.user_info (user_id, user_type, memes_sent, memes_watched_today, interface_language, refreshed_at)
SELECT u.id, u.type, count(r.user_id), count(*) FILTER (WHERE r.reacted_at >= date_trunc('day', now())), 'de', now()
FROM public."user" AS u LEFT JOIN public.user_meme_reaction AS r ON r.user_id = u.id
WHERE u.id = :id GROUP BY u.id
ON CONFLICT (user_id) DO UPDATE SET user_type = excluded.user_type, refreshed_at = excluded.refreshed_at;

INSERT INTO public.user_deep_link_log (user_id, deep_link) VALUES (:id, 's_12345_678');

SELECT ghostwatch.post_event('user_started', (:id)::text, jsonb_build_object(
    'name', 'Anna', 'username', 'anna_b', 'user_type', 'user', 'branch', 's_12345_678',
    'contract', 'onboarding', 'language', 'de', 'new', true));
"""
BULK_ROWS = 10000
# As many complete users in one transaction, table by table.
BULK = """
INSERT INTO public."user" (id, type, last_active_at) SELECT -i, 'user', now() FROM generate_series({0}, {1}) AS i;
INSERT INTO public.user_tg (id, first_name, deep_link) SELECT -i, 'Anna', 'kitchen' FROM generate_series({0}, {1}) AS i;
INSERT INTO public.user_language (user_id, language_code) SELECT -i, 'en' FROM generate_series({0}, {1}) AS i;
INSERT INTO public.user_deep_link_log (user_id, deep_link) SELECT -i, 'kitchen' FROM generate_series({0}, {1}) AS i;
INSERT INTO onboarding.user_info SELECT -i, 'user', 0, 0, 'en', now() FROM generate_series({0}, {1}) AS i;
INSERT INTO ghostwatch.event (kind, subject_key, created_at)
SELECT 'user_started', (-i)::text, now() FROM generate_series({0}, {1}) AS i;
"""
# A way, its script, and the database it runs in.
WAYS = {
    "one insert and commit": (FLOOR, "observed"),
    "one by one": (ONE_BY_ONE, "observed"),
    "bare rows": (BARE, "observed"),
    "start()": (START, "observed"),
    "start(), enforced": (START, "enforced"),
    "start(), by hand": (START, "by_hand"),
}


def main() -> None:
    """Prints, for 1 and 8 clients, how many users a second each way takes up, and the ratios."""
    build()
    with Cluster(settings=DURABLE) as cluster, tempfile.TemporaryDirectory() as folder:
        for database in ("observed", "enforced", "by_hand"):
            prepare(cluster, database)
        scripts = {way: Path(folder) / f"{number}.sql" for number, way in enumerate(WAYS)}
        for way, (script, _) in WAYS.items():
            scripts[way].write_text(NEW_USER + script, encoding="utf-8")

        print(f"{USERS} users before; {ROUNDS} rounds of {SECONDS} s for each way; medians of the rounds")
        print(f"{os.cpu_count()} processors, of which others used {os.getloadavg()[0]:.1f} just before")
        report_work(cluster)
        for clients in CLIENTS:
            rounds = [
                {
                    way: users_a_second(cluster, scripts[way], WAYS[way][1], clients)
                    for way in (reversed(WAYS) if number % 2 else WAYS)
                }
                for number in range(ROUNDS)
            ]
            report(clients, rounds)
        report_bulk(
            [(bulk_seconds(cluster, "observed", n), bulk_seconds(cluster, "enforced", n)) for n in range(ROUNDS)]
        )


def prepare(cluster: Cluster, database: str) -> None:
    """A bot's database with users in it, its statistics and its disk at rest."""
    cluster.create_database(database)
    with cluster.connect(database) as connection:
        connection.execute("CREATE EXTENSION ghostwatch")
        connection.execute("CREATE EXTENSION ghostwatch_onboarding")
        connection.execute("SELECT FROM onboarding.adopt()")
        connection.execute("CREATE TABLE public.floor (id bigint PRIMARY KEY)")
        connection.execute(BARE_ROWS.encode())
        connection.execute(
            "SELECT count(onboarding.start(-i, 'Anna', deep_link => 'kitchen')) FROM generate_series(1, %s) AS i",
            [USERS],
        )
        connection.execute("INSERT INTO public.floor SELECT -i FROM generate_series(1, %s) AS i", [USERS])
        if database == "enforced":
            connection.execute("SELECT FROM ghostwatch.enforce('onboarding', 'reject')")
        if database == "by_hand":
            connection.execute(HANDMADE_TRIGGER.encode())
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def users_a_second(cluster: Cluster, script: Path, database: str, clients: int) -> float:
    """Runs pgbench for a while; every transaction of its script is one user."""
    finished = subprocess.run(
        [
            *(str(cluster.tree.client("pgbench")), "--no-vacuum", "--protocol", "prepared", "--file", str(script)),
            *("--client", str(clients), "--jobs", "2", "--time", str(SECONDS)),
        ],
        env=os.environ | cluster.environment(database),
        capture_output=True,
        text=True,
        check=True,
    )
    rate = re.search(r"tps = ([0-9.]+)", finished.stdout)
    assert rate is not None, finished.stdout
    return float(rate[1])


def report_work(cluster: Cluster) -> None:
    """Prints what one user costs beside time: the same on every machine."""
    print("\none user                buffers touched   records of WAL   bytes of WAL")
    ids = itertools.count(10**13)
    with cluster.connect("observed") as connection:
        for way, statement in {"one insert and commit": FLOOR, "bare rows": BARE, "start()": START}.items():
            explain = "EXPLAIN (ANALYZE, BUFFERS, WAL, FORMAT JSON) " + statement.rstrip("; \n")
            # The last of some, when the session has planned its statements and knows its tables.
            for _ in range(10):
                row = connection.execute(explain.replace(":id", str(next(ids))).encode()).fetchone()
            assert row is not None
            plan = row[0][0]["Plan"]
            buffers = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
            print(f"  {way:22}{buffers:>15}{plan['WAL Records']:>17}{plan['WAL Bytes']:>15}")


def bulk_seconds(cluster: Cluster, database: str, round_number: int) -> float:
    """How long one transaction of many complete users takes."""
    first = USERS + 1 + round_number * BULK_ROWS
    with psycopg.connect(cluster.dsn(database)) as connection:
        begun = time.perf_counter()
        connection.execute(BULK.format(first, first + BULK_ROWS - 1).encode())
        connection.commit()
        return time.perf_counter() - begun


def report_bulk(rounds: list[tuple[float, float]]) -> None:
    """Prints the medians of the bulk loads, and what enforcement adds."""
    observed, enforced = (statistics.median(seconds) for seconds in zip(*rounds, strict=True))
    print(f"\n{BULK_ROWS} complete users in one transaction")
    print(f"  not enforced            {observed:>8.2f} s")
    print(f"  enforced                {enforced:>8.2f} s  (+{enforced / observed - 1:.0%})")


def report(clients: int, rounds: list[dict[str, float]]) -> None:
    """Prints the medians, and the median over the rounds of each ratio within a round."""

    def ratio(way: str, other: str) -> float:
        return statistics.median(one[way] / one[other] for one in rounds)

    print(f"\n{clients} client{'s' if clients > 1 else ''}")
    for way in WAYS:
        print(f"  {way:24}{statistics.median(one[way] for one in rounds):>8.0f} users/s")
    print(f"  start() : one by one             {ratio('start()', 'one by one'):>6.2f}  (aim: 2.5 or more)")
    print(f"  start() : bare rows              {ratio('start()', 'bare rows'):>6.2f}  (at best 1)")
    print(f"  bare rows : one insert and commit{ratio('bare rows', 'one insert and commit'):>6.2f}")
    print(f"  start() : one insert and commit  {ratio('start()', 'one insert and commit'):>6.2f}  (aim: 0.5 or more)")
    print(f"  enforcement costs                {1 - ratio('start(), enforced', 'start()'):>6.1%}  (aim: 10 % or less)")
    print(f"  a trigger made by hand costs     {1 - ratio('start(), by hand', 'start()'):>6.1%}")


if __name__ == "__main__":
    main()
