"""Subjects that transactions of other servers write, which nobody here can see: none is missed up to a stated bound."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import LiteralString

import pytest

from scripts.build import build
from tests.detect.bot import MILLISECOND, Bot, minutes
from tests.detect.shards import declare
from tests.support.database import Database
from tests.support.own_server import OwnServer, own_server

BOUND = minutes(10)
LATENESS = minutes(2)

SUBJECTS: dict[str, LiteralString] = {
    "user_1": "SELECT",
    '"user"': "SELECT",
    "everybody": """
        CREATE VIEW visible AS SELECT * FROM "user";
        CREATE VIEW everybody AS SELECT * FROM visible WHERE id > 0
    """,
}


def late_commits(database: Database) -> list[tuple[str, str, str]]:
    """What the doctor says of transactions."""
    return database.rows(
        """
        SELECT verdict, finding, advice
        FROM ghostwatch.doctor()
        WHERE check_name = 'late commits' AND finding !~ '^Process'
        """
    )


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_late_commit_on_another_server_is_found(hub: Bot, shards: Database, subject: str) -> None:
    """A foreign table, foreign partitions, and views over them."""
    database = hub.database
    database.execute(SUBJECTS[subject])
    declare(hub, subject)
    hub.run()
    signup = shards.connect(autocommit=False)
    signup.execute("INSERT INTO user_1 VALUES (1, %s)", [hub.now])

    hub.pass_time(BOUND + LATENESS)
    hub.run()
    assert hub.states() == {}
    assert hub.progress("watermark") == hub.now - BOUND - LATENESS - MILLISECOND / 1000
    signup.commit()
    hub.run()
    assert hub.states() == {"1": "error"}

    [(verdict, finding, advice), *_] = late_commits(database)
    assert verdict == "warning"
    assert finding == (
        "Contract onboarding reads public.user_1, a foreign table. How old the transactions are that write it "
        "cannot be seen: a subject that appears more than 00:12:00 after its birth is missed."
    )
    assert (
        advice == "SELECT ghostwatch.set_setting('longest_unseen_transaction', '00:20:00'); -- if one may take longer"
    )
    database.execute("SELECT ghostwatch.set_setting('longest_unseen_transaction', '20 minutes')")
    assert "00:22:00" in late_commits(database)[0][1]
    hub.pass_time(minutes(1))
    hub.run()
    assert hub.states() == {"1": "error"}
    assert hub.counts() == (1, 1)


def test_a_materialized_view_is_refreshed_late(bot: Bot) -> None:
    """Its subjects appear when it is refreshed, long after they were born."""
    database = bot.database
    database.execute(
        """
        CREATE MATERIALIZED VIEW recent AS SELECT * FROM "user";
        CREATE UNIQUE INDEX ON recent (id);
        CREATE INDEX ON recent (created_at);
        CREATE VIEW everybody AS SELECT * FROM recent
        """
    )
    bot.declare(subject="everybody", unique_key=True)
    bot.run()
    bot.sign_up(1)
    bot.pass_time(BOUND)
    bot.run()
    database.execute("REFRESH MATERIALIZED VIEW recent")
    bot.run()

    assert bot.states() == {"1": "error"}
    [(verdict, finding, _)] = late_commits(database)
    assert verdict == "warning"
    assert finding.startswith("Contract onboarding reads public.recent, a materialized view. ")


def test_a_table_of_this_database_is_seen(bot: Bot) -> None:
    """Also through a view, with partitions and with children."""
    database = bot.database
    bot.run()
    assert bot.progress("watermark") == bot.now - LATENESS - MILLISECOND / 1000
    database.execute('CREATE TABLE child () INHERITS ("user"); CREATE VIEW everybody AS SELECT * FROM "user"')
    bot.declare(subject="everybody", unique_key=True)
    bot.run()
    assert bot.progress("watermark") == bot.now - LATENESS - MILLISECOND / 1000
    assert [verdict for verdict, _, _ in late_commits(database)] == ["ok"]


def test_a_prepared_transaction_behind_a_view(bot: Bot) -> None:
    """When it began is not recorded, so nothing is settled while it has written a table that the view reads."""
    database = bot.database
    database.execute('CREATE VIEW everybody AS SELECT * FROM "user"')
    bot.declare(subject="everybody", unique_key=True)
    bot.run()
    database.execute("BEGIN")
    bot.sign_up(1)
    database.execute("PREPARE TRANSACTION 'signup'")
    bot.pass_time(minutes(20))
    bot.run()
    database.execute("COMMIT PREPARED 'signup'")
    bot.run()

    assert bot.states() == {"1": "error"}


# A logical subscriber


@pytest.fixture
def logical_server() -> Iterator[OwnServer]:
    """A server that can publish, with a database that follows another one."""
    build()
    with own_server(settings={"wal_level": "logical"}) as started:
        for name in ("publisher", "subscriber"):
            started.create_database(name)
            started.execute(
                """CREATE TABLE "user" (id bigint PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now())""", name
            )
        started.execute("CREATE EXTENSION ghostwatch", "subscriber")
        yield started


def wait_until(reached: Callable[[], bool], what: str) -> None:
    """Waits for what another process does."""
    for _ in range(600):
        if reached():
            return
        time.sleep(0.05)
    raise AssertionError(what)


def test_a_subscriber_follows_the_publisher(logical_server: OwnServer) -> None:
    """Its late commits are found up to the bound; while the subscription is stopped, the watermark holds still."""
    publisher = Database(logical_server, "publisher", "none")
    bot = Bot(Database(logical_server, "subscriber", "extension"))
    database = bot.database
    try:
        publisher.execute("CREATE PUBLICATION everybody FOR ALL TABLES")
        publisher.execute("SELECT pg_create_logical_replication_slot('follower', 'pgoutput')")
        database.connection.execute(
            f"""
            CREATE SUBSCRIPTION follower CONNECTION '{logical_server.dsn("publisher")}'
            PUBLICATION everybody WITH (create_slot = false, slot_name = follower, copy_data = false)
            """.encode()
        )
        database.execute('CREATE TABLE reaction (user_id bigint PRIMARY KEY); CREATE INDEX ON "user" (created_at)')
        declare(bot)
        wait_until(lambda: database.value(SEEN_UP_TO) is not None, "the subscription is not at work")
        bot.now = database.value("SELECT clock_timestamp()")
        database.set_clock(bot.now)
        database.execute("SELECT ghostwatch._restart_checks(1)")
        bot.run()
        signup = publisher.connect(autocommit=False)
        signup.execute('INSERT INTO "user" VALUES (1, %s)', [bot.now])

        # The clock of ghostwatch passes; what the publisher reported, it reported before.
        bot.pass_time(BOUND + LATENESS)
        bot.run()
        assert bot.progress("watermark") <= database.value(SEEN_UP_TO) - BOUND - LATENESS
        signup.commit()
        wait_until(lambda: database.value('SELECT count(*) FROM "user"') == 1, "the signup did not arrive")
        bot.run()
        assert bot.states() == {"1": "error"}
        assert late_commits(database)[0][1].startswith(
            'Contract onboarding reads public."user", filled by subscription follower. How old'
        )

        # While nothing is applied, rows of any age may be missing.
        before = bot.progress("watermark")
        database.execute("ALTER SUBSCRIPTION follower DISABLE")
        wait_until(lambda: database.value(SEEN_UP_TO) is None, "the subscription still works")
        publisher.execute('INSERT INTO "user" VALUES (2, %s)', bot.now)
        bot.pass_time(timedelta(days=1))
        bot.run()
        assert bot.progress("watermark") == before
        assert late_commits(database)[0][1:] == (
            'Contract onboarding reads public."user", which subscription follower does not fill at present. '
            "Its watermarks stay where they are until that changes.",
            "SELECT * FROM pg_stat_subscription;",
        )
        database.execute("ALTER SUBSCRIPTION follower ENABLE")
        wait_until(lambda: database.value('SELECT count(*) FROM "user"') == 2, "the second did not arrive")
        bot.run()
        assert set(bot.states()) == {"1", "2"}
    finally:
        database.execute("ALTER SUBSCRIPTION follower DISABLE")
        database.execute("ALTER SUBSCRIPTION follower SET (slot_name = NONE)")
        database.execute("DROP SUBSCRIPTION follower")


SEEN_UP_TO: LiteralString = (
    "SELECT max(latest_end_time) FROM pg_stat_subscription WHERE relid IS NULL AND pid IS NOT NULL"
)
