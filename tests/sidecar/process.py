"""The sidecar as a process, and what tests give it to deliver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.database import Database
from tests.support.fake_telegram import TOKEN, FakeTelegram

GHOSTWATCH = Path(sys.executable).with_name("ghostwatch")


class Sidecar:
    """A running `ghostwatch notify`; a context manager that stops it."""

    def __init__(self, dsn: str, log: Path, environment: Mapping[str, str], *arguments: str) -> None:
        self.log = log
        # Nothing of the caller's own settings, and polls so rare that a test of wake-ups means something.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GHOSTWATCH_", "PG"))}
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [GHOSTWATCH, "notify", *arguments],
                env=inherited | {"GHOSTWATCH_DSN": dsn, "GHOSTWATCH_LOG_FORMAT": "text", **environment},
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert TOKEN.partition(":")[2] not in self.output, "the token leaked"

    @property
    def output(self) -> str:
        """All that it has printed."""
        return self.log.read_text(encoding="utf-8")

    def wait_until_it_says(self, text: str, times: int = 1, seconds: float = 60) -> None:
        """Waits for a log line."""
        self.wait_until(lambda: self.output.count(text) >= times, seconds)

    def wait_until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Waits until a condition holds, while the process lives."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.02)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=40)


class Outbox:
    """A database whose outbox a test fills and reads."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def prepare(self) -> None:
        """A contract to have alerts about, and no pace, so that tests need not wait."""
        self.database.execute("CREATE TABLE public.account (id bigint PRIMARY KEY, created_at timestamptz NOT NULL)")
        self.database.execute("CREATE TABLE public.greeting (account_id bigint NOT NULL)")
        self.database.execute(
            "SELECT ghostwatch.declare_contract('onboarding', 'public.account', subject_label => 'new users')"
        )
        self.set_pace()

    def add_channel(self, name: str = "admins", chat_id: int = -1001, thread_id: int | None = None) -> None:
        """A channel."""
        self.database.execute("SELECT ghostwatch.add_channel(%s, %s, %s)", name, chat_id, thread_id)

    def open_alert(self, invariant: str = "first_meme", severity: str = "error") -> int:
        """An alert that its channels are to be told of; returns its number."""
        self.database.execute(
            """
            SELECT ghostwatch.declare_invariant('onboarding', %s, 'public.greeting', 'account_id',
                warn_after => '1 minute', missing_label => 'a first meme')
            """,
            invariant,
        )
        alert_id: int = self.database.value(
            """
            INSERT INTO ghostwatch.alert (
                kind, invariant_id, contract, invariant, rule, severity, opened_at, changed_at,
                warn_count, error_count, sample_keys, branches
            )
            SELECT
                'violations', i.invariant_id, 'onboarding', i.name, 'threshold', %s,
                ghostwatch._clock(), ghostwatch._clock(), 3, 14, '{6001480,6002980}',
                '[{"family": "kitchen", "violations": 12, "due": 12}, {"family": "none", "violations": 2, "due": 96}]'
            FROM ghostwatch.invariant AS i
            WHERE i.name = %s
            RETURNING alert_id
            """,
            severity,
            invariant,
        )
        self.tell(alert_id, "opened")
        return alert_id

    def tell(self, alert_id: int, reason: str) -> None:
        """Puts a step of an incident into the outbox, as a check run does, and wakes the sidecars."""
        self.database.execute("SELECT ghostwatch._enqueue(%s, %s, ghostwatch._clock())", alert_id, reason)
        self.wake()

    def resolve(self, alert_id: int) -> None:
        """Ends an incident."""
        self.database.execute(
            "UPDATE ghostwatch.alert SET state = 'resolved', resolved_at = ghostwatch._clock(), "
            "warn_count = 0, error_count = 0 WHERE alert_id = %s",
            alert_id,
        )
        self.tell(alert_id, "resolved")

    def wake(self) -> None:
        """What a check run does at its end."""
        self.database.execute("SELECT pg_notify('ghostwatch', '')")

    def set_pace(self, chat_interval: str = "0", per_minute: int = 1000, per_second: int = 1000) -> None:
        """Changes how fast messages may follow each other."""
        for name, value in (
            ("chat_interval", chat_interval),
            ("group_messages_per_minute", str(per_minute)),
            ("messages_per_second", str(per_second)),
        ):
            self.database.execute("SELECT ghostwatch.set_setting(%s, %s)", name, value)

    def states(self) -> list[str]:
        """The states of all notifications, in order."""
        rows = self.database.rows("SELECT state FROM ghostwatch.notification ORDER BY notification_id")
        return [state for (state,) in rows]

    def waiting(self) -> int:
        """How many notifications are still to be sent."""
        count: int = self.database.value(
            "SELECT count(*) FROM ghostwatch.notification WHERE state IN ('pending', 'claimed')"
        )
        return count


StartSidecar = Callable[..., Sidecar]


def environment_for(telegram: FakeTelegram, **more: str) -> dict[str, str]:
    """Settings of a sidecar under test; keyword arguments are GHOSTWATCH_ settings in lower case."""
    settings = {f"GHOSTWATCH_{name.upper()}": value for name, value in more.items()}
    return telegram.environment | {"GHOSTWATCH_POLL_EVERY": "1s"} | settings
