"""Repairs: with the rights of the contract's owner, each in its own transaction, once, and judged by the clause."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from ghostwatch.notifier.messages import Renderer
from ghostwatch.notifier.messenger import ButtonsFor, Notification
from ghostwatch.notifier.telegram import _keyboard
from tests.support.cluster import Server
from tests.support.database import Database


@pytest.fixture(scope="module")
def roles(server: Server) -> Iterator[None]:
    """Who owns the contract, and who does not."""
    server.execute("CREATE ROLE repairer LOGIN")
    server.execute("CREATE ROLE repair_stranger LOGIN")
    yield
    server.execute("DROP ROLE repairer")
    server.execute("DROP ROLE repair_stranger")


@pytest.fixture
def broken(roles: None, database: Database) -> Database:
    """Five users without languages, found by a check run, and a repair that works for some of them."""
    for statement in (
        "SELECT ghostwatch.grant_operator('repairer')",
        "GRANT CREATE ON SCHEMA public TO repairer",
        "GRANT USAGE ON SCHEMA public TO repair_stranger",
    ):
        database.execute(statement)
    with database.connect("repairer") as bot:
        bot.execute("CREATE TABLE person (id bigint PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now())")
        bot.execute(
            "CREATE TABLE language (person_id bigint REFERENCES person DEFERRABLE INITIALLY DEFERRED, code text)"
        )
        bot.execute(
            """
            CREATE FUNCTION seed(person_id bigint) RETURNS void LANGUAGE plpgsql AS $$
            BEGIN
                IF person_id = 2 THEN RETURN; END IF;
                INSERT INTO language VALUES (person_id, 'en');
                IF person_id = 3 THEN RAISE EXCEPTION 'no language for %', person_id; END IF;
                IF person_id = 4 THEN INSERT INTO language VALUES (-1, 'en'); END IF;
            END $$
            """
        )
        bot.execute("SELECT ghostwatch.declare_contract('people', 'person')")
        bot.execute(
            "SELECT ghostwatch.declare_invariant('people', 'languages', 'language', 'person_id', "
            "repair => 'seed(bigint)')"
        )
        bot.execute("INSERT INTO person SELECT n, now() - interval '10 minutes' FROM generate_series(1, 6) AS n")
        bot.execute("INSERT INTO language VALUES (6, 'en')")
        bot.execute("CALL ghostwatch.run_checks()")
    return database


REPAIR_WITH = "SELECT ghostwatch.declare_invariant('people', 'languages', repair => "
HISTORY = "SELECT subject_key, outcome, error_state FROM ghostwatch.repair_history ORDER BY subject_key"


def test_each_is_repaired_once_and_judged(broken: Database) -> None:
    """A failure undoes only itself, also one that would have come at COMMIT; the clause says what is repaired."""
    bot = broken.connect("repairer")
    assert bot.execute("CALL ghostwatch.repair('people', 'languages')").fetchone() == (2, 1, 2)
    assert bot.execute(HISTORY).fetchall() == [
        ("1", "repaired", None),
        ("2", "still broken", None),
        ("3", "failed", "P0001"),
        ("4", "failed", "23503"),
        ("5", "repaired", None),
    ]
    assert bot.execute("SELECT person_id FROM language ORDER BY 1").fetchall() == [(1,), (5,), (6,)]
    assert bot.execute("CALL ghostwatch.repair('people', 'languages')").fetchone() == (0, 0, 0)

    bot.execute("CALL ghostwatch.run_checks()")
    assert bot.execute("SELECT state, count(*) FROM ghostwatch.repair_history GROUP BY 1 ORDER BY 1").fetchall() == [
        ("error", 3),
        ("recovered", 2),
    ]


def test_what_the_application_restored_meanwhile_is_left_alone(broken: Database) -> None:
    """The clause is asked before a repair is called, too."""
    bot = broken.connect("repairer")
    bot.execute("INSERT INTO language VALUES (1, 'de')")
    assert bot.execute("CALL ghostwatch.repair('people', 'languages')").fetchone() == (1, 1, 2)
    assert bot.execute("SELECT code FROM language WHERE person_id = 1").fetchall() == [("de",)]


def test_a_dry_run_changes_nothing(broken: Database) -> None:
    """It lists whom a repair would be called for, also in a transaction block."""
    bot = broken.connect("repairer", autocommit=False)
    bot.execute("INSERT INTO language VALUES (1, 'de')")
    assert bot.execute(
        "SELECT subject_key, state FROM ghostwatch.repair('people', 'languages', dry_run => true)"
    ).fetchall() == [(str(key), "error") for key in range(2, 6)]
    assert bot.execute(HISTORY).fetchall() == []
    assert bot.execute("SELECT count(*) FROM language").fetchone() == (2,)


@pytest.mark.parametrize(
    ("user", "statement", "sqlstate"),
    [
        ("postgres", "CALL ghostwatch.repair('people', 'languages')", "GW020"),
        ("repairer", "CALL ghostwatch.repair('people', 'first_meme')", "GW007"),
        ("repairer", "SELECT * FROM ghostwatch.repair('people', 'languages', dry_run => false)", "GW068"),
        ("postgres", "SELECT * FROM ghostwatch.repair('people', 'languages', dry_run => true)", "GW020"),
        ("repairer", "SELECT ghostwatch.declare_invariant('people', 'languages', repair_limit => -1)", "GW015"),
        (
            "repairer",
            "SELECT ghostwatch.declare_invariant('people', 'languages', repair => 'nothing(bigint)')",
            "GW066",
        ),
        ("repairer", REPAIR_WITH + "'nothing(')", "GW066"),
        (
            "repairer",
            "SELECT ghostwatch.declare_invariant('people', 'languages', repair => 'pg_sleep(float8)')",
            "GW066",
        ),
        ("repairer", REPAIR_WITH + "'seed()')", "GW066"),
    ],
)
def test_refused(broken: Database, user: str, statement: str, sqlstate: str) -> None:
    """Only the owner repairs, and only with a function of its own."""
    with pytest.raises(psycopg.Error) as refused:
        broken.connect(user).execute(statement)
    assert refused.value.sqlstate == sqlstate


@pytest.mark.both_kinds
@pytest.mark.attack("a repair that belongs to another role", role="operator", result="refused (GW066)")
def test_a_function_that_now_belongs_to_another_role_is_not_called(broken: Database) -> None:
    """It would run with rights that its owner does not have."""
    broken.execute("GRANT CREATE ON SCHEMA public TO repair_stranger")
    broken.execute("ALTER FUNCTION seed(bigint) OWNER TO repair_stranger")
    with pytest.raises(psycopg.Error) as refused:
        broken.connect("repairer").execute("CALL ghostwatch.repair('people', 'languages')")
    assert refused.value.sqlstate == "GW066"


def test_without_a_repair_and_in_a_transaction_block(broken: Database) -> None:
    """The errors say what to type."""
    bot = broken.connect("repairer", autocommit=False)
    with pytest.raises(psycopg.Error) as refused:
        bot.execute("CALL ghostwatch.repair('people', 'languages')")
    assert refused.value.sqlstate == "GW022"
    assert "CALL ghostwatch.repair('people', 'languages');" in str(refused.value.diag.message_hint)
    bot = broken.connect("repairer")
    bot.execute("SELECT ghostwatch.declare_invariant('people', 'languages', reset => '{repair}')")
    with pytest.raises(psycopg.Error) as refused:
        bot.execute("CALL ghostwatch.repair('people', 'languages')")
    assert refused.value.sqlstate == "GW067"


def test_a_superusers_contract_is_not_repaired(database: Database) -> None:
    """Nothing would limit what its function does."""
    database.execute("CREATE TABLE app_user (id bigint PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now())")
    database.execute("CREATE TABLE greeting (user_id bigint)")
    database.execute("CREATE FUNCTION greet(bigint) RETURNS void LANGUAGE sql AS 'INSERT INTO greeting VALUES ($1)'")
    database.execute("SELECT ghostwatch.declare_contract('people', 'app_user')")
    database.execute(
        "SELECT ghostwatch.declare_invariant('people', 'greeted', 'greeting', 'user_id', "
        "repair => 'greet(bigint)', repair_limit => 5)"
    )
    with pytest.raises(psycopg.Error) as refused:
        database.execute("CALL ghostwatch.repair('people', 'greeted')")
    assert refused.value.sqlstate == "GW069"
    database.execute("INSERT INTO app_user SELECT 1, now() - interval '10 minutes'")
    database.execute("CALL ghostwatch.run_checks()")
    assert database.rows("SELECT count(*) FROM greeting") == [(0,)]


def test_a_key_of_several_columns(broken: Database) -> None:
    """Each column goes to the function as its own type."""
    bot = broken.connect("repairer")
    for statement in (
        "CREATE TABLE member (tenant text, number integer, created_at timestamptz NOT NULL, "
        "PRIMARY KEY (number, tenant))",
        "CREATE TABLE badge (tenant text, number integer)",
        "CREATE FUNCTION give(tenant text, number bigint) RETURNS void LANGUAGE sql "
        "AS 'INSERT INTO badge VALUES ($1, $2)'",
        "SELECT ghostwatch.declare_contract('members', 'member', '{tenant,number}')",
        "SELECT ghostwatch.declare_invariant('members', 'badges', 'badge', '{tenant,number}', "
        "repair => 'give(text, bigint)')",
        "INSERT INTO member VALUES ('a,b', 1, now() - interval '10 minutes'), "
        "('c''d', 2, now() - interval '9 minutes')",
        "CALL ghostwatch.run_checks('members')",
    ):
        bot.execute(statement.encode())
    assert bot.execute("CALL ghostwatch.repair('members', 'badges')").fetchone() == (2, 0, 0)
    assert bot.execute("SELECT * FROM badge ORDER BY number").fetchall() == [("a,b", 1), ("c'd", 2)]


def test_check_runs_repair_up_to_the_limit(broken: Database) -> None:
    """Off by default; all repairs of the last hour count."""
    bot = broken.connect("repairer")
    bot.execute("CALL ghostwatch.run_checks()")
    assert bot.execute(HISTORY).fetchall() == []
    bot.execute("SELECT ghostwatch.declare_invariant('people', 'languages', repair_limit => 2)")
    bot.execute("CALL ghostwatch.run_checks()")
    assert bot.execute(HISTORY).fetchall() == [("1", "repaired", None), ("2", "still broken", None)]
    bot.execute("CALL ghostwatch.run_checks()")
    assert bot.execute("SELECT count(*) FROM ghostwatch.repair_history").fetchone() == (2,)
    bot.execute("SELECT ghostwatch.declare_invariant('people', 'languages', repair_limit => 3)")
    bot.execute("CALL ghostwatch.run_checks()")
    assert bot.execute("SELECT count(*) FROM ghostwatch.repair_history").fetchone() == (3,)


def test_a_run_goes_on_where_the_function_is_gone(broken: Database) -> None:
    """The check itself succeeded; the doctor says what is wrong."""
    bot = broken.connect("repairer")
    bot.execute("SELECT ghostwatch.declare_invariant('people', 'languages', repair_limit => 2)")
    bot.execute("DROP FUNCTION seed(bigint)")
    bot.execute("CALL ghostwatch.run_checks()")
    assert bot.execute("SELECT failures FROM ghostwatch.check_run ORDER BY started_at DESC LIMIT 1").fetchone() == (0,)
    assert broken.rows(
        "SELECT verdict, finding LIKE '%seed(bigint)%' FROM ghostwatch.doctor() WHERE check_name = 'repairs'"
    ) == [("error", True)]


def test_a_lock_of_the_application_is_waited_for_and_tried_again(broken: Database) -> None:
    """The subject is left to the next repair; nothing is recorded."""
    broken.execute("SELECT ghostwatch.set_setting('lock_wait', '50 milliseconds')")
    bot = broken.connect("repairer")
    bot.execute(
        "CREATE OR REPLACE FUNCTION seed(person_id bigint) RETURNS void LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM FROM person WHERE id = $1 FOR UPDATE; INSERT INTO language VALUES ($1, 'en'); END $$"
    )
    application = broken.connect("repairer", autocommit=False)
    application.execute("SELECT FROM person WHERE id = 3 FOR UPDATE")
    assert bot.execute("CALL ghostwatch.repair('people', 'languages')").fetchone() == (4, 0, 0)
    application.rollback()
    assert bot.execute("CALL ghostwatch.repair('people', 'languages')").fetchone() == (1, 0, 0)


def test_repairs_of_a_session_that_ended_are_verified_later(broken: Database) -> None:
    """What was called is never called again, and never stays without a verdict."""
    bot = broken.connect("repairer")
    bot.execute(
        "SELECT ghostwatch._repair_subject(c, ghostwatch._repairing_query(c), v.subject_key, v.opened_at) "
        "FROM ghostwatch._clause AS c JOIN ghostwatch.violation AS v USING (invariant_id) WHERE v.subject_key = '1'"
    )
    assert bot.execute(HISTORY).fetchall() == [("1", "unverified", None)]
    assert bot.execute("CALL ghostwatch.repair('people', 'languages')").fetchone() == (2, 1, 2)
    assert bot.execute("SELECT count(*) FROM language WHERE person_id = 1").fetchone() == (1,)


def test_the_thread_of_the_alert_is_told(broken: Database) -> None:
    """How many, and errors by SQLSTATE, without their text; a repair that found nothing tells nothing."""
    broken.execute("SELECT ghostwatch.add_channel('admins', -100)")
    bot = broken.connect("repairer")
    bot.execute("INSERT INTO person VALUES (7, now() - interval '10 minutes')")
    bot.execute("SELECT ghostwatch.declare_invariant('people', 'languages', missing_label => 'a language')")
    broken.execute(
        "INSERT INTO ghostwatch.notification (channel_id, alert_id, reason, created_at, next_attempt_at) "
        "SELECT channel_id, alert_id, 'opened', now(), now() FROM ghostwatch.channel, ghostwatch.alert"
    )
    told = (
        "SELECT payload - 'error_states', payload ->> 'error_states' "
        "FROM ghostwatch.notification WHERE reason = 'repaired'"
    )
    for _ in range(2):
        bot.execute("CALL ghostwatch.repair('people', 'languages')")
        assert broken.rows(told) == [
            ({"repaired": 2, "still_broken": 1, "failed": 2}, '["23503", "P0001"]'),
        ]
    assert broken.rows(
        "SELECT what, detail LIKE '%2 repaired%' FROM ghostwatch.alert AS a, "
        "ghostwatch.page_alert_timeline(a.alert_id) WHERE what = 'repaired'"
    ) == [("repaired", True)]


@pytest.mark.both_kinds
@pytest.mark.attack(
    "a repair that raises any error, commits, takes other rights or the records of ghostwatch",
    role="operator",
    result="fails alone; what it did is undone",
)
@pytest.mark.parametrize(
    ("body", "sqlstate"),
    [
        ("BEGIN COMMIT; END", "2D000"),
        ("BEGIN CALL sneaky(); END", "2D000"),
        ("BEGIN ASSERT false; END", "P0004"),
        ("BEGIN RAISE EXCEPTION USING ERRCODE = 'GW008', MESSAGE = repeat('x', 100000); END", "GW008"),
        ("BEGIN DELETE FROM ghostwatch.violation; END", "42501"),
        ("BEGIN SET ROLE postgres; END", "42501"),
        (
            "BEGIN PERFORM set_config('search_path', 'trap', false); PERFORM set_config('role', 'none', false); END",
            None,
        ),
    ],
)
def test_a_hostile_function(broken: Database, body: str, sqlstate: str | None) -> None:
    """Whatever it does fails as its own call, with the rights of the contract's owner."""
    bot = broken.connect("repairer")
    bot.execute("CREATE PROCEDURE sneaky() LANGUAGE plpgsql AS 'BEGIN ROLLBACK; END'")
    bot.execute(
        f"CREATE OR REPLACE FUNCTION seed(person_id bigint) RETURNS void LANGUAGE plpgsql AS $$ {body} $$".encode()
    )
    counts = (0, 5, 0) if sqlstate is None else (0, 0, 5)
    assert bot.execute("CALL ghostwatch.repair('people', 'languages')").fetchone() == counts
    assert bot.execute(
        "SELECT DISTINCT error_state, length(error_message) <= 1000 FROM ghostwatch.repair_attempt"
    ).fetchall() == [(sqlstate, None if sqlstate is None else True)]


@pytest.mark.both_kinds
@pytest.mark.attack(
    "a repair that never ends", role="operator", result="cut off by `statement_timeout`, not called again"
)
def test_an_endless_function_is_cut_off_and_not_called_again(broken: Database) -> None:
    """By statement_timeout; the run ends, and the next one checks as ever."""
    bot = broken.connect("repairer")
    bot.execute(
        "CREATE OR REPLACE FUNCTION seed(person_id bigint) RETURNS void LANGUAGE plpgsql AS $$ "
        "BEGIN IF person_id = 1 THEN PERFORM pg_sleep(600); END IF; INSERT INTO language VALUES ($1, 'en'); END $$"
    )
    bot.execute("SELECT ghostwatch.declare_invariant('people', 'languages', repair_limit => 50)")
    bot.execute("SET statement_timeout = '2s'")
    with pytest.raises(psycopg.errors.QueryCanceled):
        bot.execute("CALL ghostwatch.run_checks()")
    assert bot.execute(HISTORY).fetchall() == [("1", "failed", "57014")]
    bot.execute("CALL ghostwatch.run_checks()")
    assert bot.execute("SELECT outcome, count(*) FROM ghostwatch.repair_history GROUP BY 1 ORDER BY 1").fetchall() == [
        ("failed", 1),
        ("repaired", 4),
    ]


def test_names_are_looked_up_along_the_contracts_path(broken: Database) -> None:
    """A caller's path leads the function nowhere."""
    bot = broken.connect("repairer")
    broken.execute("CREATE SCHEMA trap AUTHORIZATION repairer")
    bot.execute("CREATE TABLE trap.language (person_id bigint, code text)")
    bot.execute(
        "CREATE FUNCTION trap.seed(bigint) RETURNS void LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''trap''; END'"
    )
    bot.execute("SET search_path = trap, public")
    assert bot.execute("CALL ghostwatch.repair('people', 'languages')").fetchone() == (2, 1, 2)
    assert bot.execute("SELECT count(*) FROM trap.language").fetchone() == (0,)


def test_the_button_asks_and_the_next_run_repairs(broken: Database) -> None:
    """A second press within a minute confirms; the run has the rights of the contract's owner, not of the sidecar."""
    broken.execute("SELECT ghostwatch.add_channel('admins', -100, button_user_ids => '{11}')")
    broken.execute(
        "INSERT INTO ghostwatch.notification (channel_id, alert_id, reason, state, created_at, next_attempt_at) "
        "SELECT channel_id, alert_id, 'opened', 'sent', now(), now() FROM ghostwatch.channel, ghostwatch.alert"
    )
    press = "SELECT ghostwatch.press_button(-100, %s, '@anna', 'repair', alert_id) FROM ghostwatch.alert"
    left = "SELECT ghostwatch._message_facts(alert_id) -> 'repairable' FROM ghostwatch.alert"
    assert broken.value(press, 12).startswith("Sorry")
    assert broken.value(left) == 5
    assert broken.value(press, 11) == "Press again within a minute to repair 5 subjects."
    broken.execute("UPDATE ghostwatch.button_press SET pressed_at = pressed_at - interval '61 seconds'")
    assert broken.value(press, 11) == "Press again within a minute to repair 5 subjects."
    bot = broken.connect("repairer")
    bot.execute("CALL ghostwatch.run_checks()")
    assert bot.execute(HISTORY).fetchall() == []

    assert broken.value(press, 11).startswith("The next check run repairs them")
    assert broken.value(press, 11) == "@anna has asked for it already."
    assert broken.value(left) == 0
    bot.execute("CALL ghostwatch.run_checks()")
    assert bot.execute("SELECT outcome, count(*) FROM ghostwatch.repair_history GROUP BY 1 ORDER BY 1").fetchall() == [
        ("failed", 2),
        ("repaired", 2),
        ("still broken", 1),
    ]
    assert broken.value("SELECT repair_requested_at FROM ghostwatch.alert") is None
    assert broken.value("SELECT count(*) FROM ghostwatch.notification WHERE reason = 'repaired'") == 1
    assert broken.value(press, 11) == "There is nothing to repair."


def test_what_the_thread_shows() -> None:
    """Counts and SQLSTATEs; a button says how many."""
    alert = {
        "alert_id": 42,
        "kind": "violations",
        "contract": "people",
        "invariant": "languages",
        "lack": "without a language",
        "rule": "threshold",
        "state": "firing",
        "severity": "error",
    }
    payload = {"repaired": 14, "still_broken": 1, "failed": 2, "error_states": ["23503", "P0001"]}
    notification = Notification(
        notification_id=1,
        channel="admins",
        chat_id=-100,
        thread_id=None,
        reason="repaired",
        alert=alert,
        payload=payload,
        edit_message_id=None,
        reply_to_message_id=7,
        attempts=0,
        buttons=False,
        as_of=datetime(2026, 1, 1, 12, tzinfo=UTC),
        time_zone="UTC",
        silent=True,
        wait=0.0,
    )
    text = Renderer().render(notification).plain
    assert text.splitlines() == [
        "🔧 people · languages: 14 repaired, verified",
        "1 is still without a language, although the repair returned",
        "2 failed: 23503, P0001",
        "the list: SELECT * FROM ghostwatch.repair_history WHERE outcome <> 'repaired';",
        "alert 42",
    ]
    assert "🔧 Repair 14" in json.dumps(_keyboard(ButtonsFor(42, 14), ""), ensure_ascii=False)
    assert "Repair" not in json.dumps(_keyboard(ButtonsFor(42), ""))
