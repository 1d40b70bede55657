"""`make demo`: an incident from the first lost user to the all-clear in the chat, on a throw-away server.

Everything in it is the real thing: pg_cron starts the checks, the sidecar delivers. With
GHOSTWATCH_TELEGRAM_TOKEN and GHOSTWATCH_TELEGRAM_CHAT_ID in the environment the messages go to that
chat; otherwise the sidecar prints them as they would appear.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any, LiteralString, NoReturn, Self

import psycopg

from scripts.build import build
from tests.support.cluster import Cluster, ClusterError, free_port

BOT = "bot"
GHOSTWATCH = Path(sys.executable).with_name("ghostwatch")
# pg_cron runs once a minute; the rest is for a slow machine.
PATIENCE = timedelta(seconds=100)
# Where the messages go instead of to the terminal, if a token stands beside it.
CHAT_VARIABLE = "GHOSTWATCH_TELEGRAM_CHAT_ID"

# The bot's last half hour: where users come from, how often, and since when that way in is broken.
SIGNUPS_PER_MINUTE = 5
BRANCHES = {None: 45, "s_12345_678": 20, "giveaway_77": 10, "wrapped": 5, "kitchen": 20}
DROP_OFF = 0.09
LEAKING_BRANCH = "kitchen"
LEAKING_FOR = timedelta(minutes=27)
# Above this share of lost users it is an incident: some people always leave at the language picker.
TOLERATED = 0.15


class DemoError(RuntimeError):
    """A step did not do what it should; the message says why."""


def main() -> int:
    """Runs the demo; returns 0 when the alert came and went."""
    options = _arguments()
    if options.stop:
        _stop(options.stop)
        return 0

    # Also where a shell started the demo in the background, with Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminated)
    signal.signal(signal.SIGHUP, _terminated)
    try:
        with ExitStack() as stack:
            cluster, sidecar = _play(stack)
            if options.keep:
                stack.pop_all()
                _say_how_to_go_on(cluster, sidecar)
            else:
                print("\nEverything is removed. To keep it and look around: make demo KEEP=1")
            return 0
    except KeyboardInterrupt:
        print("\ninterrupted; the server and everything else is removed", file=sys.stderr)
        return 130
    except (DemoError, ClusterError, psycopg.Error) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the server and the sidecar running")
    parser.add_argument("--stop", type=Path, metavar="DIRECTORY", help="stop and remove what --keep left")
    return parser.parse_args()


def _terminated(number: int, _: FrameType | None) -> NoReturn:
    # Leaves through every context manager, so that nothing stays behind.
    raise SystemExit(128 + number)


def _play(stack: ExitStack) -> tuple[Cluster, Sidecar]:
    build()
    with step("start a throw-away PostgreSQL with pg_cron"):
        cluster = stack.enter_context(Cluster(cron_database=BOT))
        if not cluster.has_cron:
            raise DemoError("this PostgreSQL has no pg_cron; run: make setup")
    with step("install ghostwatch, create the bot's tables, declare their contract"):
        connection = stack.enter_context(_install(cluster))
    with step(f"replay half an hour of signups; {LEAKING_BRANCH} leaks since {minutes(LEAKING_FOR)}"):
        _replay_signups(connection)
    _print_branches(connection)
    with step("start the sidecar") as progress:
        sidecar = stack.enter_context(Sidecar(cluster))
        sidecar.wait_until(sidecar.serves, progress)
    print(f"      the page: {sidecar.address}  (its token: {sidecar.page_token})")

    connection.execute("SET ROLE ghostwatch_owner")
    connection.execute("SELECT ghostwatch.schedule()")
    connection.execute("RESET ROLE")
    with step("wait for pg_cron's own run, at the next full minute") as progress:
        sidecar.wait_until(lambda: _sent(connection, "opened"), progress)
    sidecar.show_new_messages()

    with step(f"repair {LEAKING_BRANCH}: its users get their first meme"):
        _serve_leaked_users(connection)
    with step("wait for pg_cron's next run") as progress:
        sidecar.wait_until(lambda: _sent(connection, "resolved"), progress)
    sidecar.show_new_messages()
    _print_summary(connection)
    return cluster, sidecar


def _install(cluster: Cluster) -> psycopg.Connection[Any]:
    cluster.create_database(BOT)
    connection = cluster.connect(BOT)
    connection.execute("CREATE EXTENSION pg_cron")
    # A role with no more rights than it takes owns everything, as docs/operating.md says.
    connection.execute("CREATE ROLE ghostwatch_owner LOGIN")
    connection.execute(f"GRANT CREATE ON DATABASE {BOT} TO ghostwatch_owner")
    connection.execute("GRANT CREATE ON SCHEMA public TO ghostwatch_owner")
    connection.execute("GRANT USAGE ON SCHEMA cron TO ghostwatch_owner")
    connection.execute("GRANT pg_read_all_stats TO ghostwatch_owner")
    connection.execute("SET ROLE ghostwatch_owner")
    connection.execute("CREATE EXTENSION ghostwatch")
    connection.execute("CREATE EXTENSION ghostwatch_onboarding")
    connection.execute("SELECT FROM onboarding.adopt()")
    connection.execute("SELECT ghostwatch.declare_invariant('onboarding', 'first_meme', min_rate => %s)", [TOLERATED])
    # Nobody wants to watch a demo wait for its all-clear.
    connection.execute("SELECT ghostwatch.set_setting('resolve_after', '0')")
    connection.execute(
        "SELECT ghostwatch.add_channel('admins', %s)",
        [_telegram_chat() or -1],
    )
    connection.execute("RESET ROLE")
    return connection


def _telegram_chat() -> int | None:
    """The chat to send to, where the environment names one and a token."""
    chat = os.environ.get(CHAT_VARIABLE)
    if not chat or not {"GHOSTWATCH_TELEGRAM_TOKEN", "GHOSTWATCH_TELEGRAM_TOKEN_FILE"} & os.environ.keys():
        return None
    try:
        return int(chat)
    except ValueError:
        raise DemoError(f"{CHAT_VARIABLE} is no number: {chat}") from None


def _replay_signups(connection: psycopg.Connection[Any]) -> None:
    """Every user starts the bot through onboarding.start(); some then get no meme."""
    chance = random.Random(1)
    now = datetime.now(UTC)
    connection.execute("SELECT ghostwatch.enable_test_clock()")
    links, weights = list(BRANCHES), list(BRANCHES.values())
    for number in range(30 * SIGNUPS_PER_MINUTE):
        born_at = now - timedelta(minutes=30) + number * timedelta(minutes=1) / SIGNUPS_PER_MINUTE
        user_id = 6_000_000 + number
        link = chance.choices(links, weights)[0]
        leaks = link == LEAKING_BRANCH and born_at > now - LEAKING_FOR
        connection.execute("SELECT set_config('ghostwatch.clock', %s, false)", [born_at.isoformat()])
        connection.execute(
            "SELECT FROM onboarding.start(%s, %s, language_code => 'en', deep_link => %s)",
            [user_id, f"User {number}", link],
        )
        if not leaks and chance.random() > DROP_OFF:
            connection.execute(
                "INSERT INTO public.user_meme_reaction (user_id, meme_id, sent_at) VALUES (%s, 1, %s)",
                [user_id, born_at + timedelta(seconds=20)],
            )
    connection.execute("RESET ghostwatch.clock")
    connection.execute("SELECT ghostwatch.disable_test_clock()")


def _serve_leaked_users(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        """
        INSERT INTO public.user_meme_reaction (user_id, meme_id)
        SELECT t.id, 1
        FROM public.user_tg AS t
        WHERE t.deep_link = %s
        ON CONFLICT DO NOTHING
        """,
        [LEAKING_BRANCH],
    )


def _print_branches(connection: psycopg.Connection[Any]) -> None:
    rows = connection.execute(
        """
        SELECT coalesce(t.deep_link, '(no link)'), count(*), count(*) FILTER (WHERE r.user_id IS NULL)
        FROM public.user_tg AS t
        LEFT JOIN public.user_meme_reaction AS r ON r.user_id = t.id
        GROUP BY 1
        ORDER BY 2 DESC
        """
    )
    for branch, users, ghosts in rows:
        print(f"      {branch:<12} {users:>4} users, {ghosts:>2} without a first meme")


def _sent(connection: psycopg.Connection[Any], reason: LiteralString) -> bool:
    return _exists(connection, "SELECT FROM ghostwatch.notification WHERE state = 'sent' AND reason = %s", reason)


def _exists(connection: psycopg.Connection[Any], query: LiteralString, *values: Any) -> bool:
    return connection.execute(query, values).fetchone() is not None


def _print_summary(connection: psycopg.Connection[Any]) -> None:
    print("What happened")
    for alert_id, opened_at, resolved_at in connection.execute(
        "SELECT alert_id, opened_at, resolved_at FROM ghostwatch.alert ORDER BY alert_id"
    ):
        print(f"  alert {alert_id} was open from {opened_at:%H:%M:%S} to {resolved_at:%H:%M:%S} UTC")
    row = connection.execute(
        """
        SELECT count(*) FILTER (WHERE v.state = 'recovered'), count(*) FILTER (WHERE v.state IN ('warn', 'error'))
        FROM ghostwatch.violation AS v
        """
    ).fetchone()
    assert row is not None
    print(f"  {row[0]} users were lost and got their first meme late")
    print(f"  {row[1]} others left at the language picker, as some always do: less than {TOLERATED:.0%}, so no alert")


def _say_how_to_go_on(cluster: Cluster, sidecar: Sidecar) -> None:
    print("\nThe server and the sidecar go on running.")
    print(f"  look:     {sidecar.address}  (the token of the page: {sidecar.page_token})")
    print(f"  connect:  psql '{cluster.dsn(BOT)}'")
    print("            SELECT * FROM ghostwatch.status;  SELECT * FROM ghostwatch.doctor();")
    print(f"  stop:     .venv/bin/python -m scripts.demo --stop {cluster.directory}")


def _stop(directory: Path) -> None:
    pid_file = directory / "sidecar.pid"
    if not pid_file.exists():
        raise SystemExit(f"demo: {directory} is no directory of a demo that was kept")
    os.kill(int(pid_file.read_text()), signal.SIGTERM)
    Cluster(directory=directory).destroy()


class Sidecar:
    """`ghostwatch notify` as a process of its own."""

    def __init__(self, cluster: Cluster) -> None:
        self._output = cluster.directory / "sidecar.out"
        self._log = cluster.directory / "sidecar.log"
        self._pid_file = cluster.directory / "sidecar.pid"
        # The chat is the demo's own variable: the sidecar refuses settings that it does not know.
        inherited = {name: value for name, value in os.environ.items() if name != CHAT_VARIABLE}
        self._port = free_port()
        self.address = f"http://127.0.0.1:{self._port}/"
        self.page_token = secrets.token_hex(8)
        self._environment = inherited | {
            "GHOSTWATCH_DSN": cluster.dsn(BOT),
            "GHOSTWATCH_HTTP_PORT": str(self._port),
            "GHOSTWATCH_PAGE_TOKEN": self.page_token,
        }
        self._shown = 0
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        with self._output.open("wb") as output, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [GHOSTWATCH, "notify", *([] if _telegram_chat() else ["--dry-run"])],
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
        """Whether its page can be asked for, which comes after its first heartbeat."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
            return True
        return False

    def wait_until(self, happened: Callable[[], bool], progress: Callable[[], None]) -> None:
        """Waits for something the sidecar does; fails when it ends, or when that takes too long."""
        deadline = time.monotonic() + PATIENCE.total_seconds()
        while not happened():
            if self._process.poll() is not None:
                raise DemoError(f"the sidecar ended with {self._process.returncode}:\n{self._log.read_text()}")
            if time.monotonic() > deadline:
                raise DemoError(f"nothing came in {PATIENCE.seconds} s. The sidecar's log:\n{self._log.read_text()}")
            progress()
            time.sleep(0.2)

    def show_new_messages(self) -> None:
        """Prints what it printed since the last time, set off like a message in a chat."""
        if _telegram_chat():
            print(f"\n    sent to Telegram, chat {_telegram_chat()}\n")
            return
        text = self._output.read_text(encoding="utf-8")
        new, self._shown = text[self._shown :], len(text)
        print()
        for line in new.strip().splitlines():
            print(f"    │ {line}")
        print()


@contextmanager
def step(what: str) -> Iterator[Callable[[], None]]:
    """Says what is being done and, on a terminal, for how long already; on failure which step it was.

    Yields a function that a long step calls from time to time.
    """
    began = time.monotonic()
    on_terminal = sys.stdout.isatty()

    def say(mark: str, end: str) -> None:
        start = "\r  " if on_terminal else "  "
        print(f"{start}{mark} {what} ({time.monotonic() - began:.0f} s)", end=end, flush=True)

    def progress() -> None:
        if on_terminal:
            say("…", "")

    progress()
    try:
        yield progress
    except BaseException:
        say("✗", "\n")
        raise
    say("✓", "\n")


def minutes(duration: timedelta) -> str:
    """A duration in words."""
    return f"{duration // timedelta(minutes=1)} minutes"


if __name__ == "__main__":
    sys.exit(main())
