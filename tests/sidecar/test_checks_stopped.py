"""The checks of one role stop while those of another go on: chat, metrics and heartbeat URL say whose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import sql

from ghostwatch.notifier import queries
from ghostwatch.notifier.messages import Renderer
from ghostwatch.notifier.messenger import Notification
from tests.support.database import Database

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)


class TwoOwners:
    """A bot and a shop in one database, each with a role that owns and checks its contract."""

    def __init__(self, database: Database, make_role: Callable[[], str]) -> None:
        self.database = database
        self.now = BEGIN
        self.database.set_clock(self.now)
        self._owners: dict[str, Any] = {}
        for contract in ("bot", "shop"):
            role = make_role()
            database.execute("SELECT ghostwatch.grant_operator(%s)", role)
            database.connection.execute(
                sql.SQL(
                    "CREATE TABLE public.{table} (id bigint PRIMARY KEY, created_at timestamptz NOT NULL);"
                    "ALTER TABLE public.{table} OWNER TO {role}"
                ).format(table=sql.Identifier(contract), role=sql.Identifier(role))
            )
            owner = self._owners[contract] = database.connect(role)
            its_table = f"public.{contract}"
            owner.execute("SELECT ghostwatch.declare_contract(%s, %s::regclass)", [contract, its_table])
            owner.execute(
                "SELECT ghostwatch.declare_invariant(%s, 'itself', %s::regclass, 'id')", [contract, its_table]
            )
        database.execute("SELECT ghostwatch.add_channel('admins', 5)")

    def run_checks(self, *contracts: str) -> None:
        """A check run of the owners of these contracts."""
        for contract in contracts:
            self._owners[contract].execute("CALL ghostwatch.run_checks()")

    def pass_time(self, minutes: int) -> None:
        """Moves the clock of every session."""
        self.now += timedelta(minutes=minutes)
        self.database.set_clock(self.now)

    def heartbeat(self) -> dict[str, Any]:
        """What a sidecar does every few seconds: it looks for stopped checks, and is told how they are."""
        self.database.execute(queries.DETECT_STOPPED_CHECKS)
        cursor = self.database.connection.execute(
            "SELECT to_jsonb(h) FROM ghostwatch.sidecar_heartbeat('w', '1', true) AS h"
        )
        (row,) = cursor.fetchone() or ({},)
        return dict(row)

    def messages(self) -> list[str]:
        """What the chat is sent now."""
        self.pass_time(1)
        sent = []
        for row in self.database.rows("SELECT to_jsonb(c) FROM ghostwatch.claim_notifications('w') AS c"):
            claimed = Notification(**row[0] | {"as_of": self.now})
            sent.append(Renderer().render(claimed).plain)
            self.database.execute("SELECT ghostwatch.notification_sent(%s, 'w', 1)", claimed.notification_id)
        return sent


@pytest.fixture
def two_owners(database: Database, make_role: Callable[[], str]) -> Iterator[TwoOwners]:
    """Both contracts were checked just now."""
    owners = TwoOwners(database, make_role)
    owners.run_checks("bot", "shop")
    yield owners


def test_the_checks_of_one_owner_stop(two_owners: TwoOwners) -> None:
    """The runs of the other do not hide it, neither in the chat nor in the metrics."""
    assert two_owners.heartbeat()["checks_fresh"] is True
    two_owners.pass_time(4)
    two_owners.run_checks("shop")
    health = two_owners.heartbeat()
    assert health["checks_fresh"] is False
    assert datetime.fromisoformat(health["checks_succeeded_at"]) == BEGIN
    (told,) = two_owners.messages()
    assert "no check of bot has succeeded since 12:00 UTC" in told

    two_owners.run_checks("bot", "shop")
    assert two_owners.heartbeat()["checks_fresh"] is True
    (told,) = two_owners.messages()
    assert "while checks were off" in told


def test_the_return_of_one_owner_is_no_return_of_the_other(two_owners: TwoOwners) -> None:
    """Both had stopped; the chat is not told that check runs succeed again before both do."""
    two_owners.pass_time(4)
    assert two_owners.heartbeat()["checks_fresh"] is False
    (told,) = two_owners.messages()
    assert "no check run has succeeded" in told

    two_owners.run_checks("shop")
    assert two_owners.heartbeat()["checks_fresh"] is False
    (told,) = two_owners.messages()
    assert "CHECKS STOPPED" in told
    assert "no check of bot has succeeded since 12:00 UTC" in told

    two_owners.run_checks("bot")
    assert two_owners.heartbeat()["checks_fresh"] is True
    assert any("while checks were off" in told for told in two_owners.messages())


def test_checks_that_never_ran_are_not_fresh(database: Database, make_role: Callable[[], str]) -> None:
    """Whoever waits for the heartbeat outside is not told that all is well before anything was checked."""
    two_owners = TwoOwners(database, make_role)
    assert two_owners.heartbeat()["checks_fresh"] is False
    two_owners.run_checks("bot")
    assert two_owners.heartbeat()["checks_fresh"] is True
