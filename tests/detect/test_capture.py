"""Capture: a trigger notes arrivals by the database's clock, whatever the application writes."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
import pytest

from tests.detect.bot import WATCH_FOR, Bot, minutes
from tests.support.database import Database


@pytest.fixture
def bot(database: Database) -> Bot:
    """A bot whose application never tells a sensible time of birth."""
    bot = Bot.create(database)
    database.execute("DROP INDEX user_created_at; ALTER TABLE \"user\" ALTER created_at SET DEFAULT '1970-01-01Z'")
    bot.declare(capture=True)
    return bot


def insert(bot: Bot, *keys: int) -> None:
    """Users sign up, the application's clock having stopped."""
    for key in keys:
        bot.database.execute('INSERT INTO "user" (id) VALUES (%s)', key)


def arrivals(bot: Bot) -> list[str]:
    """The keys of all arrivals that are recorded."""
    return [key for (key,) in bot.database.rows("SELECT subject_key FROM ghostwatch.arrival ORDER BY 1")]


@pytest.mark.both_kinds
def test_birth_is_the_arrival(bot: Bot) -> None:
    """Who arrived is judged by when that was."""
    insert(bot, 1, 2)
    bot.get_meme(2)
    bot.run_every_minute(minutes(3))
    assert bot.states() == {"1": "warn"}
    assert bot.summary()[:4] == (1, 0, 1, ["1"])

    bot.run_every_minute(minutes(3))
    assert bot.states() == {"1": "error"}
    assert bot.counts() == (2, 1)
    assert bot.database.value("SELECT due_at FROM ghostwatch.check_subject('onboarding', '1')") == bot.now - minutes(5)

    bot.run_every_minute(WATCH_FOR)
    assert bot.states() == {"1": "expired"}


@pytest.mark.parametrize(("skew", "told"), [(3, "00:03:00 after"), (-3, "00:03:00 before")])
def test_clocks_that_differ_are_told_and_do_no_harm(bot: Bot, skew: int, told: str) -> None:
    """The doctor compares what was written with the arrival."""
    finding = "SELECT finding FROM ghostwatch.doctor() WHERE check_name = 'clocks' AND verdict = 'ok'"
    bot.sign_up(1, minutes(0.05))
    assert bot.database.value(finding) == "No clock is seen to differ."
    bot.sign_up(2, -minutes(skew))
    assert told in bot.database.value(finding)
    bot.run_every_minute(minutes(2))
    assert bot.states() == {"1": "warn", "2": "warn"}


@pytest.mark.parametrize(
    "statement",
    [
        'INSERT INTO "user" SELECT g FROM generate_series(1, 3) AS g',
        'INSERT INTO "user" VALUES (1), (2), (3), (9) ON CONFLICT (id) DO NOTHING',
        'INSERT INTO "user" VALUES (1), (2), (3), (9) ON CONFLICT (id) DO UPDATE SET type = excluded.type',
    ],
)
def test_every_way_to_insert(bot: Bot, statement: LiteralString) -> None:
    """Many rows at once, and only those that were really inserted."""
    insert(bot, 9)
    bot.database.execute(statement)
    assert arrivals(bot) == ["1", "2", "3", "9"]


def test_copy(bot: Bot) -> None:
    """COPY is recorded too."""
    with bot.database.connection.cursor().copy('COPY "user" (id) FROM STDIN') as copy:
        for key in range(1, 4):
            copy.write_row((key,))
    assert arrivals(bot) == ["1", "2", "3"]


def test_replica_role(bot: Bot) -> None:
    """What a replica or a restore applies is no arrival."""
    bot.database.execute("SET session_replication_role = replica")
    insert(bot, 1)
    assert arrivals(bot) == []


def test_in_the_transactions_of_strangers(bot: Bot) -> None:
    """Who may insert users needs no rights on ghostwatch."""
    bot.database.execute('CREATE ROLE capture_stranger LOGIN; GRANT INSERT ON "user" TO capture_stranger')
    try:
        with bot.database.connect("capture_stranger") as stranger:
            stranger.execute("SELECT set_config('search_path', 'pg_temp', false)")
            stranger.execute('INSERT INTO public."user" (id) VALUES (1)')
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                stranger.execute("SELECT FROM ghostwatch.arrival")
        assert arrivals(bot) == ["1"]
    finally:
        bot.database.execute("DROP OWNED BY capture_stranger; DROP ROLE capture_stranger")


def test_names_of_strangers_are_not_used(bot: Bot) -> None:
    """Whatever the search path of who inserts, nothing of theirs runs with the rights of the contract's owner."""
    bot.database.execute(
        """
        CREATE SCHEMA trap;
        CREATE FUNCTION trap.spring(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'sprung'; END $$;
        CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.spring);
        CREATE DOMAIN trap.text AS integer; CREATE DOMAIN trap.timestamptz AS integer;
        CREATE FUNCTION trap.clock_timestamp() RETURNS pg_catalog.timestamptz
            LANGUAGE sql RETURN NULL::pg_catalog.timestamptz;
        """
    )
    with bot.database.connect() as stranger:
        stranger.execute("SET search_path = trap, pg_catalog")
        stranger.execute('INSERT INTO public."user" (id) VALUES (1)')
    assert bot.database.value("SELECT arrived_at FROM ghostwatch.arrival") is not None


def test_a_backtest_reads_the_birth_times_that_the_rows_carry(bot: Bot) -> None:
    """Arrivals are forgotten too soon for it."""
    bot.declare(capture=True, related_at_column="reacted_at")
    bot.sign_up(1, minutes(30))
    bot.pass_time(minutes(30))
    assert bot.database.rows(
        "SELECT severity, violations, due FROM ghostwatch.backtest('onboarding', 'first_meme')"
    ) == [("error", 1, 1)]


def test_late_commit(bot: Bot) -> None:
    """Who was recorded early and committed late is found."""
    bot.now = bot.database.value("SELECT clock_timestamp()")
    bot.database.set_clock(bot.now)
    bot.declare(capture=True)
    late = bot.database.connect(autocommit=False)
    late.execute('INSERT INTO "user" (id) VALUES (1)')
    bot.run_every_minute(minutes(10))
    assert bot.states() == {}

    late.commit()
    bot.run()
    assert bot.states() == {"1": "error"}


def test_turning_it_on(bot: Bot) -> None:
    """Who came before the trigger is taken over by the birth time they carry, and judged once."""
    bot.declare_contract(capture=False)
    bot.sign_up(1, minutes(3))
    bot.sign_up(2, minutes(90))
    bot.run()
    bot.declare_contract(capture=True)
    assert arrivals(bot) == ["1"]

    insert(bot, 3)
    bot.run_every_minute(minutes(2))
    assert bot.states() == {"1": "warn", "3": "warn"}
    assert bot.counts() == (2, 2)


def test_turning_it_off(bot: Bot) -> None:
    """Neither trigger nor function nor arrivals stay behind."""
    insert(bot, 1)
    bot.declare_contract(capture=False)
    assert arrivals(bot) == []
    assert triggers(bot) == []
    insert(bot, 2)

    bot.declare_contract(capture=True)
    bot.database.execute("SELECT ghostwatch.drop_contract('onboarding')")
    assert triggers(bot) == []
    assert bot.database.value("SELECT count(*) FROM pg_proc WHERE proname LIKE 'ghostwatch%%'") == 0


def test_declaring_again_takes_no_lock(bot: Bot) -> None:
    """A migration that declares again does not wait for those who are signing up."""
    open_signup = bot.database.connect(autocommit=False)
    open_signup.execute('INSERT INTO "user" (id) VALUES (1)')
    bot.database.execute("SET lock_timeout = '100ms'")
    bot.declare(capture=True)
    open_signup.rollback()


def test_another_table(bot: Bot) -> None:
    """The trigger follows the contract to another table and another key."""
    bot.database.execute("CREATE TABLE person (number uuid PRIMARY KEY, created_at timestamptz NOT NULL)")
    bot.declare_contract(
        subject="person", key_column="number", capture=True, branch_expression=None, exempt_predicate=None
    )
    assert triggers(bot) == ["person"]
    bot.database.execute("INSERT INTO person VALUES ('00000000-0000-0000-0000-000000000001', now())")
    assert arrivals(bot) == ["00000000-0000-0000-0000-000000000001"]


def test_partitions(database: Database) -> None:
    """Rows are recorded once, inserted through the parent or into a partition."""
    bot = Bot.create(database)
    database.execute(
        """
        CREATE TABLE person (id bigint PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now())
        PARTITION BY LIST (id);
        CREATE TABLE person_1 PARTITION OF person FOR VALUES IN (1, 3);
        """
    )
    arguments: dict[str, Any] = {
        "subject": "person",
        "branch_expression": None,
        "exempt_predicate": None,
        "exempt_branches": [],
    }
    bot.declare(capture=True, **arguments)
    database.execute("INSERT INTO person VALUES (1)")
    database.execute("INSERT INTO person_1 VALUES (3)")
    assert arrivals(bot) == ["1", "3"]

    database.execute("CREATE TABLE person_2 PARTITION OF person FOR VALUES IN (2, 4)")
    bot.declare(capture=True, **arguments)
    database.execute("INSERT INTO person_2 VALUES (2)")
    database.execute("INSERT INTO person VALUES (4)")
    assert arrivals(bot) == ["1", "2", "3", "4"]
    assert triggers(bot) == ["person", "person_1", "person_2"]


def test_arrivals_are_forgotten(bot: Bot) -> None:
    """Once every invariant has judged them and none watches them."""
    insert(bot, 1)
    bot.database.execute(
        "SELECT ghostwatch.declare_invariant('onboarding', 'language', 'user_meme_reaction', 'user_id',"
        " error_after => '40 minutes', watch_for => '41 minutes')"
    )
    bot.run_every_minute(minutes(30))
    assert arrivals(bot) == ["1"]

    bot.run_every_minute(minutes(20))
    assert arrivals(bot) == []


def test_a_key_that_came_twice(bot: Bot) -> None:
    """Deleted and signed up again within a minute: one violation, of the later life."""
    insert(bot, 1)
    bot.delete(1)
    insert(bot, 1)
    bot.run_every_minute(minutes(2))
    assert bot.states() == {"1": "warn"}


def test_removing_ghostwatch_removes_the_trigger(bot: Bot) -> None:
    """No table stays behind that nobody can write."""
    bot.database.execute("SET client_min_messages = error; DROP EXTENSION ghostwatch CASCADE")
    insert(bot, 1)
    assert triggers(bot) == []


def test_views_cannot_be_captured(bot: Bot) -> None:
    """GW017."""
    bot.database.execute('CREATE VIEW person AS SELECT * FROM "user"')
    with pytest.raises(psycopg.Error, match=r"arrivals in public\.person cannot be captured") as caught:
        bot.declare_contract(subject="person", capture=True, unique_key=True)
    assert caught.value.sqlstate == "GW017"


def triggers(bot: Bot) -> list[str]:
    """The tables on which there is a trigger of ours."""
    return [
        table
        for (table,) in bot.database.rows(
            "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE 'ghostwatch%%' ORDER BY 1"
        )
    ]
