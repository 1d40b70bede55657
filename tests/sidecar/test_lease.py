"""A sidecar sends nothing that is not its own any more."""

from __future__ import annotations

import time

import pytest

from ghostwatch.notifier.messages import Text
from ghostwatch.notifier.terminal import Terminal
from tests.sidecar.process import Outbox
from tests.sidecar.test_health import Sidecar
from tests.sidecar.test_messages import row


class Recording(Terminal):
    """Keeps what it sends."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    async def send(self, chat_id: int, thread_id: int | None, text: Text, *arguments: object, **more: object) -> int:
        """Takes the message."""
        self.sent.append(text.plain)
        return 1


@pytest.mark.parametrize("suspended_for", [0, 31])
async def test_what_was_claimed_before_a_suspension_is_not_sent_after_it(outbox: Outbox, suspended_for: float) -> None:
    """Another sidecar has it by then, and the alert may have gone on."""
    sidecar = Sidecar(outbox, outbox.database.dsn)
    messenger = Recording()
    sidecar.delivery._messenger = messenger
    claimed = row("channel_closed", {"channel": "admins", "error": "kicked"})
    await sidecar.delivery._deliver(claimed, time.monotonic() - suspended_for)
    assert len(messenger.sent) == (0 if suspended_for else 1)
    await sidecar.connection.close()
