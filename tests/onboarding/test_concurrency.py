"""The same person presses start ten times at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ghostwatch.testing.onboarding import each_branch
from ghostwatch.testing.plugin import AssertContract
from tests.support.database import Database

PRESSES = 10


def press_start_at_once(bot: Database, user_id: int, deep_links: list[str | None]) -> list[bool]:
    """Starts the bot for one user from as many sessions as there are links; returns what each was told."""
    together = threading.Barrier(len(deep_links))

    def press(deep_link: str | None) -> bool:
        with bot.connect() as session:
            together.wait()
            row = session.execute(
                "SELECT created FROM onboarding.start(%s, 'Anna', language_code => 'de', deep_link => %s)",
                [user_id, deep_link],
            ).fetchone()
            assert row is not None
            return bool(row[0])

    with ThreadPoolExecutor(len(deep_links)) as sessions:
        return list(sessions.map(press, deep_links))


@each_branch
def test_ten_starts_at_once(bot: Database, assert_contract: AssertContract, deep_link: str | None) -> None:
    """One is told that the user is new, there is one set of rows, and each start is logged."""
    for user_id in range(1, 6):
        told = press_start_at_once(bot, user_id, [deep_link] * PRESSES)

        assert told.count(True) == 1
        assert bot.rows("SELECT count(*) FROM public.user_tg WHERE id = %s", user_id) == [(1,)]
        assert bot.rows("SELECT language_code FROM public.user_language WHERE user_id = %s ORDER BY 1", user_id) == [
            ("de",),
            ("en",),
        ]
        assert bot.rows("SELECT count(*) FROM public.user_deep_link_log WHERE user_id = %s", user_id) == [(PRESSES,)]
        assert bot.rows("SELECT count(*) FROM ghostwatch.event WHERE subject_key = %s::text", user_id) == [(PRESSES,)]
        assert_contract("onboarding", user_id, connection=bot.connection, leave_out=["first_meme"])


def test_ten_links_at_once(bot: Database, assert_contract: AssertContract) -> None:
    """Whichever shares a meme and came first is kept, and the contract agrees with what start() kept."""
    links = [None, "kitchen", "s_1_1", "giveaway_77", "m_2_2", "wrapped", "s_3_3", None, "ir_x", "sc_x"]
    for user_id in range(1, 11):
        press_start_at_once(bot, user_id, list(links))
        assert_contract("onboarding", user_id, connection=bot.connection, leave_out=["first_meme"])


@pytest.mark.parametrize("mode", ["warn", "reject"])
def test_ten_starts_of_an_enforced_contract(bot: Database, mode: str) -> None:
    """Enforcement neither refuses them nor finds anything."""
    bot.rows("SELECT * FROM ghostwatch.enforce('onboarding', %s)", mode)
    for user_id in range(1, 6):
        assert press_start_at_once(bot, user_id, ["kitchen"] * PRESSES).count(True) == 1
    assert bot.value("SELECT count(*) FROM ghostwatch.violation") == 0
