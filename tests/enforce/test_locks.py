"""Turning enforcement on and off beside transactions that are running."""

from __future__ import annotations

import threading

import psycopg
import pytest

from tests.enforce.conftest import Shop

TRIGGERS = "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'ghostwatch\\_enforce%%'"


def hurry(shop: Shop) -> None:
    """Two short attempts are enough to see what happens."""
    shop.database.execute("SELECT ghostwatch.set_setting('lock_timeout', '20 milliseconds')")
    shop.database.execute("SELECT ghostwatch.set_setting('lock_attempts', '2')")


def test_turning_it_off_waits_for_nobody(shop: Shop) -> None:
    """While a signup is open: no lock on the table is taken, and the signup itself is no longer judged."""
    shop.as_owner("SELECT * FROM ghostwatch.enforce('welcome', 'reject')")
    open_signup = shop.database.connect(autocommit=False)
    open_signup.execute("INSERT INTO shop.account VALUES (1)")

    with shop.database.connect(shop.owner, autocommit=False) as session:
        session.execute("SET LOCAL lock_timeout = '100ms'")
        session.execute("SELECT * FROM ghostwatch.enforce('welcome', 'observe')")
        modes = session.execute(
            "SELECT DISTINCT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'shop.account'::regclass"
        ).fetchall()
    assert modes in ([], [("AccessShareLock",)])

    open_signup.commit()
    assert shop.sign_up(2) is None


def test_the_triggers_go_when_the_table_is_not_busy(shop: Shop) -> None:
    """The doctor names them; they are removed on request, or that request says whom it waited for."""
    shop.as_owner("SELECT * FROM ghostwatch.enforce('welcome', 'reject')")
    assert shop.as_owner("SELECT ghostwatch.remove_idle_triggers()") == []
    shop.as_owner("SELECT * FROM ghostwatch.enforce('welcome', 'observe')")
    ((finding, advice),) = shop.findings("triggers", "warning")
    assert "shop.account" in finding
    assert "do nothing" in finding
    assert "ghostwatch.remove_idle_triggers()" in advice

    hurry(shop)
    reader = shop.database.connect(autocommit=False)
    reader.execute("SELECT FROM shop.account")
    with pytest.raises(psycopg.Error, match=f"in use by pid {reader.info.backend_pid}, SELECT") as refused:
        shop.as_owner("SELECT ghostwatch.remove_idle_triggers()")
    assert refused.value.sqlstate == "GW075"
    reader.rollback()

    assert shop.as_owner("SELECT ghostwatch.remove_idle_triggers()::text") == [("shop.account",)]
    assert shop.database.rows(TRIGGERS) == []
    assert shop.findings("triggers", "warning") == []


def test_turning_it_on_again_uses_the_triggers_that_are_there(shop: Shop) -> None:
    """So no lock is taken then either."""
    shop.as_owner("SELECT * FROM ghostwatch.enforce('welcome', 'reject')")
    shop.as_owner("SELECT * FROM ghostwatch.enforce('welcome', 'observe')")
    open_signup = shop.database.connect(autocommit=False)
    open_signup.execute("INSERT INTO shop.account VALUES (1)")
    shop.as_owner("SET lock_timeout = '100ms'; SELECT * FROM ghostwatch.enforce('welcome', 'reject')")
    open_signup.rollback()
    assert shop.sign_up(2) == "GW079"


def test_turning_it_on_lets_signups_pass_and_says_whom_it_waits_for(shop: Shop) -> None:
    """One open signup delays it; no other signup waits for longer than one attempt."""
    hurry(shop)
    shop.database.execute("SELECT ghostwatch.set_setting('lock_attempts', '50')")
    open_signup = shop.database.connect(autocommit=False)
    open_signup.execute("INSERT INTO shop.account VALUES (1, true)")

    notices: list[str] = []
    waited = threading.Event()
    session = shop.database.connect(shop.owner)

    def recorded(diagnostic: psycopg.errors.Diagnostic) -> None:
        notices.append(diagnostic.message_primary or "")
        waited.set()

    session.add_notice_handler(recorded)
    turning_on = threading.Thread(
        target=session.execute, args=["SELECT * FROM ghostwatch.enforce('welcome', 'reject')"]
    )
    turning_on.start()
    assert waited.wait(60)
    assert shop.sign_up(2, "greeting", "locker") is None
    open_signup.commit()
    turning_on.join(60)

    assert f"waiting for a lock on shop.account: pid {open_signup.info.backend_pid}, INSERT, idle in" in notices[0]
    assert shop.sign_up(3) == "GW079"


def test_turning_it_on_gives_up(shop: Shop) -> None:
    """GW075, with what a prepared transaction or a session does; nothing is changed."""
    hurry(shop)
    open_signup = shop.database.connect(autocommit=False)
    open_signup.execute("INSERT INTO shop.account VALUES (1)")
    with pytest.raises(psycopg.Error, match="could not be locked") as refused:
        shop.as_owner("SELECT * FROM ghostwatch.enforce('welcome', 'reject', force => true)")
    assert refused.value.sqlstate == "GW075"
    assert "lock_attempts" in (refused.value.diag.message_hint or "")
    open_signup.rollback()
    assert shop.database.value("SELECT enforcement FROM ghostwatch.contract") == "observe"
    assert shop.sign_up(2) is None


@pytest.mark.parametrize("table", ["account", "greeting"])
def test_counting_first_gives_up(shop: Shop, table: str) -> None:
    """A migration that holds one of the tables is named before anything is counted, too."""
    hurry(shop)
    migration = shop.database.connect(autocommit=False)
    migration.execute(f"ALTER TABLE shop.{table} ADD COLUMN note text".encode())
    with pytest.raises(psycopg.Error, match=rf"shop\.{table} could not be locked.*ALTER TABLE") as refused:
        shop.as_owner("SET statement_timeout = '10s'; SELECT * FROM ghostwatch.enforce('welcome', 'reject')")
    assert refused.value.sqlstate == "GW075"
    migration.rollback()


def test_values_of_a_statement_are_not_shown(shop: Shop) -> None:
    """Of what another session does only the command, and the object of a definition."""
    hurry(shop)
    other = shop.database.connect(autocommit=False)
    other.execute("INSERT INTO shop.account (id) VALUES (777001)")
    with pytest.raises(psycopg.Error) as refused:
        shop.as_owner("SELECT * FROM ghostwatch.enforce('welcome', 'reject')")
    other.rollback()
    assert "777001" not in str(refused.value)

    other.execute("ALTER TABLE shop.account ADD word text DEFAULT 'hidden'")
    with pytest.raises(psycopg.Error, match=r"ALTER TABLE shop\.account ADD word text DEFAULT") as refused:
        shop.as_owner("SELECT ghostwatch._execute_locking('shop.account', 'AccessExclusiveLock', 'LOCK shop.account')")
    assert "hidden" not in str(refused.value)
    other.rollback()


def test_a_superusers_window_ends_with_the_owners_runs(shop: Shop) -> None:
    """A deploy by the superuser covers the contract of a weak role, whose check runs send the summary."""
    shop.database.execute("SELECT ghostwatch.add_channel('admins', -1001)")
    shop.database.execute("SELECT ghostwatch.maintenance('1 hour', 'release')")
    shop.database.execute("INSERT INTO shop.account VALUES (1)")
    shop.as_owner("CALL ghostwatch.run_checks()")
    assert shop.database.rows("SELECT FROM ghostwatch.alert") == []
    shop.database.execute("SELECT ghostwatch.end_maintenance()")
    shop.as_owner("CALL ghostwatch.run_checks()")
    assert shop.database.rows(
        "SELECT reason, state FROM ghostwatch.notification WHERE reason <> 'updated' ORDER BY notification_id"
    ) == [("opened", "superseded"), ("opened", "superseded"), ("maintenance", "pending")]
