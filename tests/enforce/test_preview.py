"""What enforce() says before it refuses anybody: whether rows came in one transaction."""

from __future__ import annotations

import time

import psycopg
import pytest

from tests.enforce.conftest import Shop
from tests.support.database import Database


def sign_up_step_by_step(shop: Shop, key: int) -> None:
    """An application that commits after every statement."""
    for table in ("account", "greeting", "locker"):
        shop.database.connection.execute(f"INSERT INTO shop.{table} VALUES ({key})".encode())


def counts(shop: Shop, arguments: str = "dry_run => true") -> dict[str, tuple[int, ...]]:
    """What the preview counts, by clause."""
    rows = shop.database.connect(shop.owner).execute(
        f"SELECT * FROM ghostwatch.enforce('welcome', 'reject', {arguments})".encode()
    )
    return {row[0]: row[1:] for row in rows}


def test_an_application_that_commits_step_by_step_is_not_enforced(shop: Shop) -> None:
    """Every row is there, and every signup would have been refused."""
    for key in (1, 2, 3):
        sign_up_step_by_step(shop, key)
    assert counts(shop) == {"greeting": (3, 3, 0, 3, 0), "locker": (3, 3, 0, 3, 0), "all": (3, 3, 0, 3, 0)}

    with pytest.raises(psycopg.Error, match="contract 'welcome' would refuse 3 of 3 subjects") as refused:
        shop.as_owner("SELECT * FROM ghostwatch.enforce('welcome', 'reject')")
    assert refused.value.sqlstate == "GW074"
    assert "force => true" in (refused.value.diag.message_hint or "")
    assert shop.database.value("SELECT enforcement FROM ghostwatch.contract") == "observe"
    sign_up_step_by_step(shop, 4)

    assert counts(shop, "force => true")["all"] == (4, 4, 0, 4, 0)
    assert shop.sign_up(5) == "GW079"


def test_one_that_commits_once_is_enforced(shop: Shop) -> None:
    """A few that lack a row, or got it late, do not matter."""
    for key in range(1, 6):
        assert shop.sign_up(key, "greeting", "locker") is None
    shop.sign_up(6, "greeting")
    sign_up_step_by_step(shop, 7)
    assert counts(shop, "dry_run => false") == {
        "greeting": (7, 1, 0, 1, 0),
        "locker": (7, 2, 1, 1, 0),
        "all": (7, 2, 1, 1, 0),
    }
    assert shop.sign_up(8) == "GW079"


def test_rows_that_were_written_anew(shop: Shop) -> None:
    """An account that was updated hides its first transaction; equal times of DEFAULT now() still tell it."""
    assert shop.sign_up(1, "greeting", "locker") is None
    shop.database.execute("UPDATE shop.account SET trial = false")
    assert counts(shop) == {"greeting": (1, 0, 0, 0, 0), "locker": (1, 0, 0, 0, 1), "all": (1, 0, 0, 0, 1)}


def updates_are_counted(shop: Shop, table: str) -> None:
    """Waits until the server's statistics have the update."""
    for _ in range(600):
        if shop.database.value("SELECT pg_stat_get_tuples_updated(%s::regclass)", table):
            return
        time.sleep(0.1)
    raise AssertionError(f"no update of {table} is counted")


def test_a_related_row_that_was_updated(shop: Shop) -> None:
    """It is unknown where another table tells that the account came in one transaction, and separate elsewhere."""
    assert shop.sign_up(1, "greeting", "locker") is None
    sign_up_step_by_step(shop, 2)
    # A session reports its last counts when it ends.
    with shop.database.connect() as session:
        session.execute("UPDATE shop.locker SET account_id = account_id")
    updates_are_counted(shop, "shop.locker")
    assert counts(shop) == {"greeting": (2, 1, 0, 1, 0), "locker": (2, 1, 0, 1, 1), "all": (2, 1, 0, 1, 1)}


def test_users_of_the_bot(database: Database) -> None:
    """What onboarding.start() writes would not be refused, by whichever link they come."""
    database.execute("SELECT FROM onboarding.adopt()")
    for key, link in enumerate((None, "kitchen", "s_1_2", "wrapped"), 1):
        database.execute("SELECT FROM onboarding.start(%s, 'Anna', deep_link => %s)", key, link)
    (total,) = database.rows("SELECT * FROM ghostwatch.enforce('onboarding', 'reject') WHERE invariant = 'all'")
    assert total == ("all", 4, 0, 0, 0, 0)


def test_savepoints_are_no_other_transaction(shop: Shop) -> None:
    """Where both rows carry the time of their transaction."""
    shop.as_owner("SELECT ghostwatch.drop_invariant('welcome', 'locker')")
    with shop.database.connect(autocommit=False) as session:
        session.execute("INSERT INTO shop.account VALUES (1)")
        session.execute("SAVEPOINT inner_block")
        session.execute("INSERT INTO shop.greeting VALUES (1)")
        session.commit()
    assert counts(shop)["all"] == (1, 0, 0, 0, 0)


def test_a_view_has_no_transactions(shop: Shop) -> None:
    """Behind a view nothing can be said without times."""
    shop.as_owner(
        """
        CREATE VIEW shop.shown AS SELECT * FROM shop.greeting;
        SELECT ghostwatch.drop_invariant('welcome', 'locker');
        SELECT ghostwatch.declare_invariant('welcome', 'greeting', 'shop.shown', 'account_id', error_after => '0');
        """
    )
    sign_up_step_by_step(shop, 1)
    assert counts(shop)["all"] == (1, 0, 0, 0, 1)
    shop.as_owner(
        """
        SELECT ghostwatch.declare_invariant(
            'welcome', 'greeting', 'shop.shown', 'account_id', related_at_column => 'created_at', error_after => '0'
        )
        """
    )
    assert counts(shop)["all"] == (1, 1, 0, 1, 0)


def test_warn_says_so_too(shop: Shop) -> None:
    """It is turned on, with a warning about the violations that will be recorded."""
    sign_up_step_by_step(shop, 1)
    warnings: list[str] = []
    session = shop.database.connect(shop.owner)
    session.add_notice_handler(lambda diagnostic: warnings.append(diagnostic.message_primary or ""))
    session.execute("SELECT * FROM ghostwatch.enforce('welcome', 'warn')")
    assert warnings == ["contract 'welcome' would record a violation for 1 of 1 subject"]
    assert shop.database.value("SELECT enforcement FROM ghostwatch.contract") == "warn"


def test_a_dry_run_changes_nothing(shop: Shop) -> None:
    """Neither on nor off, and nothing stands on the table."""
    for mode in ("reject", "warn", "observe"):
        shop.as_owner("SELECT * FROM ghostwatch.enforce('welcome', %s, dry_run => true)", mode)
        assert shop.database.value("SELECT enforcement FROM ghostwatch.contract") == "observe"
    assert shop.database.rows("SELECT FROM pg_trigger WHERE tgname LIKE 'ghostwatch%'") == []
    shop.as_owner("SELECT * FROM ghostwatch.enforce('welcome', 'reject')")
    shop.as_owner("SELECT * FROM ghostwatch.enforce('welcome', 'observe', dry_run => true)")
    assert shop.sign_up(1) == "GW079"
