"""`ghostwatch notify` as a process of its own, for the demo."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Final, Self

from ghostwatch.demo.server import free_port
from ghostwatch.errors import CommandError

# pg_cron runs once a minute; the rest is for a slow machine.
PATIENCE: Final = timedelta(seconds=100)
# Where the messages go instead of to the terminal, if a token stands beside it.
CHAT_VARIABLE: Final = "GHOSTWATCH_TELEGRAM_CHAT_ID"
PID_FILE: Final = "sidecar.pid"


def telegram_chat() -> int | None:
    """The chat to send to, where the environment names one and a token."""
    chat = os.environ.get(CHAT_VARIABLE)
    if not chat or not {"GHOSTWATCH_TELEGRAM_TOKEN", "GHOSTWATCH_TELEGRAM_TOKEN_FILE"} & os.environ.keys():
        return None
    try:
        return int(chat)
    except ValueError:
        raise CommandError(f"{CHAT_VARIABLE} is no number: {chat}") from None


class Sidecar:
    """The process, whose output and log lie in a directory; settings are its environment beside that of the demo."""

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        self._output = directory / "sidecar.out"
        self._log = directory / "sidecar.log"
        self._pid_file = directory / PID_FILE
        # The chat is the demo's own variable: the sidecar refuses settings that it does not know.
        inherited = {name: value for name, value in os.environ.items() if name != CHAT_VARIABLE}
        self._port = free_port()
        self.address = f"http://127.0.0.1:{self._port}/"
        self.page_token = secrets.token_hex(8)
        self._environment = {
            **inherited,
            **settings,
            "GHOSTWATCH_HTTP_PORT": str(self._port),
            "GHOSTWATCH_PAGE_TOKEN": self.page_token,
        }
        self._shown = 0
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        with self._output.open("wb") as output, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ghostwatch", "notify", *([] if telegram_chat() else ["--terminal"])],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                # Ctrl-C is for the demo, which then stops the sidecar itself.
                start_new_session=True,
            )
        self._pid_file.write_text(str(self._process.pid))
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def serves(self) -> bool:
        """Whether its page shows something, which comes after its first heartbeat."""
        page = urllib.request.Request(self.address, headers={"Authorization": f"Bearer {self.page_token}"})
        with contextlib.suppress(OSError), urllib.request.urlopen(page, timeout=5) as answer:
            return bool(answer.status == HTTPStatus.OK)
        return False

    def wait_until(self, happened: Callable[[], bool], progress: Callable[[], None]) -> None:
        """Waits for something the sidecar does; fails when it ends, or when that takes too long."""
        deadline = time.monotonic() + PATIENCE.total_seconds()
        while not happened():
            if self._process.poll() is not None:
                raise CommandError(f"the sidecar ended with {self._process.returncode}:\n{self._log.read_text()}")
            if time.monotonic() > deadline:
                raise CommandError(f"nothing came in {PATIENCE.seconds} s. The sidecar's log:\n{self._log.read_text()}")
            progress()
            time.sleep(0.2)

    def show_new_messages(self) -> None:
        """Prints what it printed since the last time, set off like a message in a chat."""
        if telegram_chat():
            print(f"\n    sent to Telegram, chat {telegram_chat()}\n")
            return
        text = self._output.read_text(encoding="utf-8")
        new, self._shown = text[self._shown :], len(text)
        print()
        for line in new.strip().splitlines():
            print(f"    │ {line}")
        print()
