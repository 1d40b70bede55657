"""Whatever happens around the checks, nobody is missed and nobody is counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from tests.detect.bot import MILLISECOND, Bot, minutes


def stop_clock_now(bot: Bot) -> None:
    """Lets the stopped clock show the machine's time, so that it can be compared with that of transactions."""
    bot.now = bot.database.value("SELECT clock_timestamp()")
    bot.database.set_clock(bot.now)
    bot.declare()
    bot.database.execute("DELETE FROM ghostwatch.check_progress; SELECT ghostwatch._restart_checks(1)")


# Downtime


def test_a_day_without_runs(bot: Bot) -> None:
    """Everybody who became a ghost meanwhile is found, in batches, oldest first, or recorded as expired."""
    bot.run()
    for key in range(100):
        bot.sign_up(key, -minutes(14.5 * key))
    bot.pass_time(minutes(24 * 60))
    bot.database.execute("SELECT ghostwatch.set_setting('batch_size', '10')")
    bot.run()

    states = bot.states()
    assert len(states) == 100
    assert {key for key, state in states.items() if state != "expired"} == {"98", "99"}
    assert bot.counts() == (100, 100)
    assert bot.database.value("SELECT judged FROM ghostwatch.check_run ORDER BY check_run_id DESC LIMIT 1") == 100
    assert bot.database.value("SELECT max(checks) FROM ghostwatch.check_run") == 11
    assert bot.progress("catching_up_since") is None


def test_catching_up_oldest_first(bot: Bot) -> None:
    """A run whose budget is used up leaves the youngest to the next, and the alert says so."""
    start = bot.now
    bot.run()
    for key in range(30):
        bot.sign_up(key, -timedelta(seconds=key))
    bot.pass_time(minutes(10))
    bot.database.execute("SELECT ghostwatch.set_setting('batch_size', '10')")
    invariant_id = bot.progress("invariant_id")

    bot.database.execute("SELECT ghostwatch._check_invariant(%s, true)", invariant_id)

    assert sorted(map(int, bot.states())) == list(range(10))
    assert bot.progress("catching_up_since") == start - minutes(1)
    assert bot.database.value("SELECT evidence ->> 'catching_up_since' FROM ghostwatch.alert") is not None

    bot.run()
    assert len(bot.states()) == 30
    assert bot.database.value("SELECT evidence ->> 'catching_up_since' FROM ghostwatch.alert") is None


def test_many_with_one_birth_time(bot: Bot) -> None:
    """An import of thousands with the same birth time comes in one batch, so that the watermark stays a moment."""
    bot.database.execute("SELECT ghostwatch.set_setting('batch_size', '10')")
    bot.database.execute(
        'INSERT INTO "user" (id, created_at) SELECT g, %s FROM generate_series(1, 25) AS g', bot.now - minutes(4)
    )
    bot.sign_up(26, minutes(1.5))
    bot.run()
    assert bot.counts() == (26, 26)


# Late commits


def test_a_signup_that_is_open_for_ten_minutes(bot: Bot) -> None:
    """It is found, though its birth time is long past when it becomes visible; those around it are counted once."""
    stop_clock_now(bot)
    late = bot.database.connect(autocommit=False)
    late.execute('INSERT INTO "user" (id) VALUES (1)')
    bot.sign_up(2)
    bot.run_every_minute(minutes(10))
    assert bot.states() == {"2": "error"}

    late.commit()
    bot.run()
    assert bot.states() == {"1": "error", "2": "error"}
    bot.run_every_minute(minutes(3))
    assert bot.counts() == (2, 2)
    assert bot.database.value("SELECT count(*) FROM ghostwatch.checked_ahead") == 0


def test_no_lateness(bot: Bot) -> None:
    """Where clocks are the database's own, none is needed: the oldest running transaction is all that counts."""
    stop_clock_now(bot)
    bot.declare_contract(lateness=timedelta(0))
    late = bot.database.connect(autocommit=False)
    late.execute('INSERT INTO "user" (id) VALUES (1)')
    bot.run_every_minute(minutes(10))
    late.commit()
    bot.run()
    assert bot.states() == {"1": "error"}


def test_a_prepared_signup(bot: Bot) -> None:
    """A prepared transaction no longer tells when it began; while one holds the table, nothing is passed for good."""
    stop_clock_now(bot)
    with psycopg.connect(bot.database.dsn, autocommit=True) as late:
        late.execute("BEGIN")
        late.execute('INSERT INTO "user" (id) VALUES (1)')
        late.execute("PREPARE TRANSACTION 'signup'")
    try:
        bot.run_every_minute(minutes(10))
        assert bot.states() == {}
    finally:
        bot.database.execute("COMMIT PREPARED 'signup'")
    bot.run()
    assert bot.states() == {"1": "error"}


@pytest.fixture
def watcher(bot: Bot) -> Iterator[psycopg.Connection[object]]:
    """A session of a role that may watch the bot but not see the transactions of others."""
    with bot.database.server.connect() as administrator:
        administrator.execute("DROP ROLE IF EXISTS detection_watcher")
        administrator.execute("CREATE ROLE detection_watcher LOGIN")
    bot.database.execute("SELECT ghostwatch.drop_contract('onboarding')")
    bot.database.execute("SELECT ghostwatch.grant_operator('detection_watcher')")
    bot.database.execute('GRANT SELECT ON "user", user_tg, user_meme_reaction TO detection_watcher')
    connection = bot.database.connect("detection_watcher")
    yield connection
    connection.close()
    bot.database.execute("DROP OWNED BY detection_watcher CASCADE; DROP ROLE detection_watcher")


DECLARATION = """
    SELECT ghostwatch.declare_contract('watched', '"user"');
    SELECT ghostwatch.declare_invariant('watched', 'meme', 'user_meme_reaction', 'user_id', warn_after => '1 minute');
"""


def test_without_the_right_to_see_others(bot: Bot, watcher: psycopg.Connection[object]) -> None:
    """Then lateness is what late commits are allowed; exactly that far, and the doctor says so."""
    bot.now = bot.database.value("SELECT clock_timestamp()")
    bot.database.set_clock(bot.now)
    watcher.execute(DECLARATION)
    late = bot.database.connect(autocommit=False)
    late.execute('INSERT INTO "user" (id, created_at) VALUES (1, %s), (2, %s)', (bot.now, bot.now + minutes(3)))
    bot.pass_time(minutes(5))
    watcher.execute("CALL ghostwatch.run_checks()")
    late.commit()
    watcher.execute("CALL ghostwatch.run_checks()")

    assert bot.states() == {"2": "warn"}
    warnings = bot.database.rows("SELECT finding FROM ghostwatch.doctor() WHERE check_name = 'late commits'")
    assert any("watched" in finding for (finding,) in warnings)


# Clocks


@pytest.mark.parametrize("skew", [minutes(2), -minutes(2)])
def test_clocks_that_differ(bot: Bot, skew: timedelta) -> None:
    """Application servers whose clocks are two minutes ahead or behind: judged by what they wrote, nobody missed."""
    bot.run()
    for minute in range(10):
        bot.sign_up(minute, -skew)
        bot.pass_time(minutes(1))
        bot.run()
    bot.run_every_minute(minutes(4))

    assert bot.counts() == (10, 10)
    assert len(bot.states()) == 10


def warning(bot: Bot, check_name: str) -> str | None:
    """What the doctor has to say against one thing."""
    found = bot.database.rows(
        "SELECT finding, advice FROM ghostwatch.doctor() WHERE check_name = %s AND verdict = 'warning'", check_name
    )
    assert all("capture => true" in advice for _, advice in found)
    return "; ".join(finding for finding, _ in found) or None


def test_a_slow_clock_is_reported(bot: Bot) -> None:
    """Who was due in the last run already, but came since, was born before any transaction that could explain it."""
    bot.sign_up(1)
    bot.run_every_minute(minutes(3))
    assert warning(bot, "clocks") is None

    bot.sign_up(2, minutes(1.5))
    bot.pass_time(minutes(1))
    bot.run()
    assert bot.counts() == (2, 2)
    assert '"user" are born 00:01:30 or more before' in (warning(bot, "clocks") or "")

    bot.pass_time(minutes(60 * 24))
    assert warning(bot, "clocks") is None


def test_a_late_commit_is_no_slow_clock(bot: Bot) -> None:
    """Its transaction was running."""
    bot.now = bot.database.value("SELECT clock_timestamp()")
    bot.database.set_clock(bot.now)
    late = bot.database.connect(autocommit=False)
    late.execute('INSERT INTO "user" (id) VALUES (1)')
    bot.run_every_minute(minutes(3))
    late.commit()
    bot.run()
    assert bot.counts() == (1, 1)
    assert bot.progress("skew") is None
    assert warning(bot, "clocks") is None


def test_who_cannot_see_transactions_suspects_no_clock(bot: Bot, watcher: psycopg.Connection[object]) -> None:
    """It may as well have been a transaction that was open."""
    watcher.execute(DECLARATION)
    bot.pass_time(minutes(5))
    watcher.execute("CALL ghostwatch.run_checks()")
    bot.sign_up(1, minutes(1.5))
    bot.pass_time(minutes(1))
    watcher.execute("CALL ghostwatch.run_checks()")
    assert bot.states() == {"1": "warn"}
    assert bot.progress("max(skew)") is None


def test_who_was_missed_is_reported(bot: Bot) -> None:
    """A clock that is slower than the lateness allows: the doctor finds whom no check could see."""
    bot.sign_up(1)
    bot.sign_up(2, type="banned")
    bot.run_every_minute(minutes(3))
    assert warning(bot, "missed") is None

    bot.sign_up(3, minutes(3))
    bot.sign_up(4, minutes(3))
    bot.get_meme(4)
    bot.run_every_minute(minutes(3))
    assert bot.counts() == (1, 1)
    assert 'onboarding.first_meme: 1 of public."user" without the row' in (warning(bot, "missed") or "")

    bot.declare_contract(capture=True)
    bot.run()
    assert bot.counts() == (3, 2)
    assert warning(bot, "missed") is None


def test_a_look_for_the_missed_that_fails(bot: Bot) -> None:
    """Costs the doctor nothing else."""
    bot.database.execute("CREATE TABLE divisor AS SELECT 2 AS value")
    bot.declare_contract(exempt_predicate="(SELECT 1 / value FROM divisor) = 1")
    bot.sign_up(1)
    bot.run_every_minute(minutes(4))
    bot.database.execute("DROP TABLE divisor")
    found = bot.database.value("SELECT finding FROM ghostwatch.doctor() WHERE check_name = 'missed'")
    assert "onboarding.first_meme miss subjects could not be examined (42P01: " in found


def test_born_in_the_future(bot: Bot) -> None:
    """Judged when it comes, and the doctor reports it."""
    bot.sign_up(1, -minutes(30))
    bot.run_every_minute(minutes(10))
    assert bot.states() == {}
    assert "was born 00:20:00 from now" in (warning(bot, "clocks") or "")

    bot.pass_time(minutes(21))
    bot.run()
    assert bot.states() == {"1": "warn"}


@pytest.fixture
def berlin(bot: Bot) -> Bot:
    """A bot that writes local time without saying so."""
    bot.database.execute("ALTER TABLE \"user\" ALTER created_at TYPE timestamp USING created_at AT TIME ZONE 'UTC'")
    bot.declare(time_zone="Europe/Berlin")
    return bot


def sign_up_by_local_clock(bot: Bot, key: int) -> None:
    """The birth time is what the clock on the wall shows."""
    bot.database.execute(
        "INSERT INTO \"user\" (id, created_at) VALUES (%s, %s::timestamptz AT TIME ZONE 'Europe/Berlin')", key, bot.now
    )


@pytest.mark.parametrize("change", ["2026-03-29 01:00+00", "2026-10-25 01:00+00"])
def test_daylight_saving(berlin: Bot, change: str) -> None:
    """Nobody is missed or counted twice while the wall clock is set forward or back; those of the hour that
    comes twice are read as of its second coming, and so judged at most an hour late."""
    berlin.now = berlin.database.value("SELECT %s::timestamptz - interval '90 minutes'", change)
    berlin.database.set_clock(berlin.now)
    berlin.declare(time_zone="Europe/Berlin", watch_for=minutes(24))
    berlin.database.execute("SELECT ghostwatch._restart_checks(1)")
    for key in range(36):
        sign_up_by_local_clock(berlin, key)
        berlin.pass_time(minutes(5))
        berlin.run()
    berlin.run_every_minute(minutes(65))

    assert berlin.counts() == (36, 36)
    assert len(berlin.states()) == 36


def test_another_time_zone(berlin: Bot) -> None:
    """Declaring another time zone reads the births anew."""
    berlin.database.execute(
        "INSERT INTO \"user\" (id, created_at) VALUES (1, %s::timestamptz AT TIME ZONE 'UTC')", berlin.now - minutes(2)
    )
    berlin.run()
    assert berlin.states() == {}

    berlin.declare(time_zone="UTC")
    berlin.run()
    assert berlin.states() == {"1": "warn"}


# Changes under way


def test_a_key_that_changes_while_it_is_watched(bot: Bot) -> None:
    """The violation goes on under the new key, and is counted once."""
    bot.sign_up(1)
    bot.run_every_minute(minutes(4))
    assert bot.states() == {"1": "warn"}

    bot.database.execute('UPDATE "user" SET id = 2 WHERE id = 1')
    bot.run()
    assert bot.states() == {"1": "recovered", "2": "warn"}
    bot.run_every_minute(minutes(3))
    assert bot.states() == {"1": "recovered", "2": "error"}
    assert bot.counts() == (1, 1)


def test_the_tables_are_renamed(bot: Bot) -> None:
    """A contract follows its tables and reads on."""
    bot.sign_up(1, minutes(2))
    bot.run()
    bot.database.execute('ALTER TABLE "user" RENAME TO person; ALTER TABLE user_meme_reaction RENAME TO "Reaction!"')
    bot.database.execute('CREATE SCHEMA elsewhere; ALTER TABLE "Reaction!" SET SCHEMA elsewhere')
    bot.pass_time(minutes(4))
    bot.run()
    assert bot.states() == {"1": "error"}

    bot.database.execute('INSERT INTO elsewhere."Reaction!" (user_id, meme_id) VALUES (1, 1)')
    bot.run()
    assert bot.states() == {"1": "recovered"}


def test_partitions_come_and_go(bot: Bot) -> None:
    """Rows of an attached partition are found; those of a detached one are gone."""
    bot.database.execute(
        """
        CREATE TABLE person (id bigint, created_at timestamptz NOT NULL, PRIMARY KEY (id, created_at))
        PARTITION BY RANGE (created_at);
        CREATE TABLE person_today PARTITION OF person FOR VALUES FROM ('2026-01-15') TO ('2026-01-16');
        """
    )
    bot.declare_contract(
        subject="person", unique_key=True, branch_expression=None, exempt_predicate=None, exempt_branches=[]
    )
    bot.database.execute("INSERT INTO person VALUES (1, %s)", bot.now)
    bot.run_every_minute(minutes(2))
    assert bot.states() == {"1": "warn"}

    bot.database.execute("ALTER TABLE person DETACH PARTITION person_today")
    bot.run()
    assert bot.close_reasons() == {"1": "deleted"}

    bot.database.execute("INSERT INTO person_today VALUES (2, %s)", bot.now)
    bot.database.execute(
        "ALTER TABLE person ATTACH PARTITION person_today FOR VALUES FROM ('2026-01-15') TO ('2026-01-16')"
    )
    bot.run_every_minute(minutes(2))
    assert bot.states() == {"1": "recovered", "2": "warn"}


def test_declared_again_while_a_check_is_on(bot: Bot) -> None:
    """Declaring waits for the check and begins anew; the check leaves nothing of the old definition behind."""
    bot.sign_up(1, minutes(3))
    checking = bot.database.connect(autocommit=False)
    checking.execute("SELECT ghostwatch._check_invariant(1, true)")
    declaring = bot.database.connect()
    declaring.execute("SET lock_timeout = '100ms'")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        declaring.execute(
            "SELECT ghostwatch.declare_invariant('onboarding', 'first_meme', 'user_meme_reaction', 'user_id',"
            " warn_after => '4 minutes')"
        )
    with pytest.raises(psycopg.errors.LockNotAvailable):
        declaring.execute("SELECT ghostwatch.drop_contract('onboarding')")
    checking.commit()
    assert bot.states() == {"1": "warn"}

    bot.declare(warn_after=minutes(4))
    bot.run()
    assert bot.states() == {}


def test_a_run_meets_a_declaration(bot: Bot) -> None:
    """A run does not wait for a declaration that is not committed yet; the next one judges by it."""
    bot.sign_up(1, minutes(3))
    declaring = bot.database.connect(autocommit=False)
    declaring.execute("SELECT ghostwatch.drop_invariant('onboarding', 'first_meme')")
    bot.run()
    assert bot.states() == {}
    declaring.commit()
    bot.run()
    assert bot.database.rows("SELECT FROM ghostwatch.check_progress") == []


# Two kinds of subjects


def test_uuid_keys_and_names_in_need_of_quotes(bot: Bot) -> None:
    """Keys of any type, names of any kind, other schemas."""
    bot.database.execute(
        """
        CREATE SCHEMA "My Shop";
        CREATE TABLE "My Shop"."order" ("Order % No" uuid PRIMARY KEY, "when" timestamptz NOT NULL, "group" text);
        CREATE TABLE "My Shop"."select" ("from" uuid NOT NULL, "Paid" boolean);
        """
    )
    bot.declare_contract(
        name="it's",
        subject='"My Shop"."order"',
        key_column="Order % No",
        born_at_column="when",
        branch_expression='s."group"',
        exempt_predicate=None,
    )
    bot.declare_invariant(
        contract="it's", name='"paid"', related='"My Shop"."select"', related_key_column="from", predicate='r."Paid"'
    )
    key = "0190163d-8694-739b-aea5-966c26f8ad91"
    bot.database.execute('INSERT INTO "My Shop"."order" VALUES (%s, %s, %s)', key, bot.now - minutes(2), "tapps_1")
    other = "0190163d-8694-739b-aea5-966c26f8ad92"
    bot.database.execute('INSERT INTO "My Shop"."order" VALUES (%s, %s, %s)', other, bot.now - minutes(2), "it's")
    bot.database.execute('INSERT INTO "My Shop"."select" VALUES (%s, false)', other)
    bot.run()
    assert bot.states() == {other: "warn"}
    bot.run()

    bot.database.execute('UPDATE "My Shop"."select" SET "Paid" = true')
    bot.run()
    assert bot.states() == {other: "recovered"}


def test_names_mean_what_they_meant_when_declared(bot: Bot) -> None:
    """Expressions are read under the search path of the declaring session, whatever path a check runs with."""
    bot.database.execute(
        """
        CREATE SCHEMA shop; CREATE SCHEMA trap;
        CREATE TABLE shop.person (id bigint PRIMARY KEY, created_at timestamptz NOT NULL);
        CREATE TABLE shop.visit (person_id bigint);
        CREATE FUNCTION shop.is_test(id bigint) RETURNS boolean LANGUAGE sql AS 'SELECT id < 10';
        CREATE FUNCTION trap.is_test(id bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true';
        SET search_path = shop, public;
        """
    )
    bot.declare_contract(name="shop", subject="person", branch_expression=None, exempt_predicate="is_test(s.id)")
    bot.declare_invariant(contract="shop", name="visit", related="visit", related_key_column="person_id")
    bot.database.execute("INSERT INTO person VALUES (1, %s), (10, %s)", bot.now - minutes(2), bot.now - minutes(2))
    bot.database.execute("SET search_path = trap")
    bot.run()
    bot.run()
    assert bot.states() == {"1": "exempt", "10": "warn"}
    assert bot.database.value("SHOW search_path") == "trap"


def test_keys_of_a_type_from_another_schema(bot: Bot) -> None:
    """Its operators are found, too."""
    bot.database.execute(
        """
        CREATE SCHEMA types; CREATE EXTENSION citext SCHEMA types; SET search_path = public, types;
        CREATE TABLE person (name citext PRIMARY KEY, created_at timestamptz NOT NULL);
        CREATE TABLE visit (name citext);
        """
    )
    bot.declare_contract(name="p", subject="person", key_column="name", branch_expression=None, exempt_predicate=None)
    bot.declare_invariant(contract="p", name="visit", related="visit", related_key_column="name")
    bot.database.execute(
        "INSERT INTO person VALUES ('Ann', %s), ('Bob', %s)", bot.now - minutes(2), bot.now - minutes(2)
    )
    bot.database.execute("INSERT INTO visit VALUES ('ANN')")
    bot.run()
    assert bot.states() == {"Bob": "warn"}
    bot.pass_time(MILLISECOND)
    bot.database.execute("INSERT INTO visit VALUES ('BOB')")
    bot.run()
    assert bot.states() == {"Bob": "recovered"}


# Whose rights


def test_a_run_lends_its_rights_to_nobody(bot: Bot, watcher: psycopg.Connection[object]) -> None:
    """A run by a superuser judges nothing that another role declared; that role's own run does."""
    bot.database.set_clock(bot.now)
    watcher.execute(DECLARATION)
    bot.sign_up(1, minutes(2))
    bot.run()
    assert bot.states() == {}
    with pytest.raises(psycopg.Error, match=r"belongs to role detection_watcher") as refused:
        bot.database.execute("CALL ghostwatch.run_checks('watched')")
    assert refused.value.sqlstate == "GW020"

    watcher.execute("CALL ghostwatch.run_checks()")
    assert bot.states() == {"1": "warn"}


def test_row_security_binds_the_check(bot: Bot, watcher: psycopg.Connection[object]) -> None:
    """A contract judges the rows that its owner may see."""
    bot.database.set_clock(bot.now)
    watcher.execute(DECLARATION)
    bot.database.execute('ALTER TABLE "user" ENABLE ROW LEVEL SECURITY; CREATE POLICY odd ON "user" USING (id % 2 = 1)')
    for key in (1, 2):
        bot.sign_up(key, minutes(2))
    watcher.execute("CALL ghostwatch.run_checks()")
    assert bot.states() == {"1": "warn"}


def test_a_predicate_cannot_use_the_rights_of_a_superuser(bot: Bot, watcher: psycopg.Connection[object]) -> None:
    """Not even one that calls a function which looks who runs it."""
    bot.database.set_clock(bot.now)
    watcher.execute(
        """
        CREATE FUNCTION pg_temp.whoami() RETURNS text LANGUAGE sql AS 'SELECT current_user::text';
        """
    )
    watcher.execute(DECLARATION)
    name = bot.database.value("SELECT owner::text FROM ghostwatch.contract WHERE name = 'watched'")
    assert name == "detection_watcher"
    with bot.database.connect() as superuser:
        superuser.execute("SELECT set_config('ghostwatch.clock', %s, false)", [str(bot.now)])
        superuser.execute(sql.SQL("CALL ghostwatch.run_checks()"))
    assert bot.database.rows("SELECT FROM ghostwatch.check_progress WHERE last_attempt_at IS NOT NULL") == []
