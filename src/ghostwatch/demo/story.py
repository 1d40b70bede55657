"""The incident: half an hour of signups, a branch that leaks, its alert, its repair and the all-clear.

Everything in it is the real thing. pg_cron starts the checks where the server has it, otherwise the sidecar does; the
sidecar delivers. With GHOSTWATCH_TELEGRAM_TOKEN and GHOSTWATCH_TELEGRAM_CHAT_ID in the environment the messages go to
that chat; otherwise the sidecar prints them as they would appear.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any, Final, LiteralString, NoReturn

import psycopg

from ghostwatch.demo.server import ServerError, ServerTree, ThrowAwayServer
from ghostwatch.demo.sidecar import PID_FILE, Sidecar, telegram_chat
from ghostwatch.demo.steps import step
from ghostwatch.errors import CommandError, explain
from ghostwatch.installer import install

BOT: Final = "bot"
OWNER: Final = "ghostwatch_owner"

# The bot's last half hour: where users come from, how often, and since when that way in is broken.
SIGNUPS_PER_MINUTE: Final = 5
BRANCHES: Final = {None: 45, "s_12345_678": 20, "giveaway_77": 10, "wrapped": 5, "kitchen": 20}
DROP_OFF: Final = 0.09
LEAKING_BRANCH: Final = "kitchen"
LEAKING_FOR: Final = timedelta(minutes=27)
# Above this share of lost users it is an incident: some people always leave at the language picker.
TOLERATED: Final = 0.15
# How often the sidecar runs the checks where no pg_cron does: nobody wants to watch a demo wait.
SIDECAR_PERIOD: Final = "5s"


def demo(*, embedded: bool, keep: bool) -> None:
    """Plays the incident, on the embedded server or on the best one that there is."""
    # Also where a shell started the demo in the background, with Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminated)
    signal.signal(signal.SIGHUP, _terminated)
    try:
        telegram_chat()
        with ExitStack() as stack:
            server, sidecar = _play(stack, _tree(embedded=embedded))
            if keep:
                stack.pop_all()
                _say_how_to_go_on(server, sidecar)
            else:
                print("\nEverything is removed. To keep it and look around: ghostwatch demo --keep")
    except KeyboardInterrupt:
        print("\ninterrupted; the server and everything else is removed", file=sys.stderr)
        raise
    except ServerError as error:
        raise CommandError(str(error)) from error
    except psycopg.Error as error:
        raise CommandError(explain(error)) from error


def stop(directory: Path) -> None:
    """Ends and removes what demo() kept."""
    pid_file = directory / PID_FILE
    if not pid_file.exists():
        raise CommandError(f"{directory} is no directory of a demo that was kept")
    os.kill(int(pid_file.read_text()), signal.SIGTERM)
    ThrowAwayServer.kept_in(directory).destroy()


def _tree(*, embedded: bool) -> ServerTree:
    """The server of the distribution where it has pg_cron, else the one of the Python package, else any."""
    package, distribution = ServerTree.of_package(), ServerTree.of_distribution()
    if embedded:
        distribution = None
    if distribution and (package is None or distribution.has_module("pg_cron")):
        return distribution
    if package is None:
        raise CommandError("there is no PostgreSQL server to demonstrate on\n  pip install 'ghostwatch[demo]'")
    return package


def _terminated(number: int, _: FrameType | None) -> NoReturn:
    # Leaves through every context manager, so that nothing stays behind.
    raise SystemExit(128 + number)


def _play(stack: ExitStack, tree: ServerTree) -> tuple[ThrowAwayServer, Sidecar]:
    starter = "pg_cron" if tree.has_module("pg_cron") else "the sidecar"
    with step(f"start a throw-away PostgreSQL, on which {starter} will run the checks"):
        server = stack.enter_context(ThrowAwayServer(tree, cron_database=BOT))
    with step("install ghostwatch, create the bot's tables, declare their contract"):
        connection = stack.enter_context(_install(server))
    with step(f"replay half an hour of signups; {LEAKING_BRANCH} leaks since {_minutes(LEAKING_FOR)}"):
        _replay_signups(connection)
    _print_branches(connection)
    with step("start the sidecar") as progress:
        sidecar = stack.enter_context(Sidecar(server.directory, _sidecar_settings(server)))
        sidecar.wait_until(sidecar.serves, progress)
    print(f"      the page: {sidecar.address}  (its token: {sidecar.page_token})")

    if server.has_cron:
        connection.execute(f"SET ROLE {OWNER}")
        connection.execute("SELECT ghostwatch.schedule()")
        connection.execute("RESET ROLE")
    with step(f"wait for {_next_run(server)}") as progress:
        sidecar.wait_until(lambda: _sent(connection, "opened"), progress)
    sidecar.show_new_messages()

    with step(f"repair {LEAKING_BRANCH}: its users get their first meme"):
        _serve_leaked_users(connection)
    with step(f"wait for {_next_run(server)}") as progress:
        sidecar.wait_until(lambda: _sent(connection, "resolved"), progress)
    sidecar.show_new_messages()
    _print_summary(connection)
    return server, sidecar


def _next_run(server: ThrowAwayServer) -> str:
    return "pg_cron's own check runs" if server.has_cron else "the sidecar's check runs"


def _sidecar_settings(server: ThrowAwayServer) -> dict[str, str]:
    settings = {"GHOSTWATCH_DSN": server.dsn(BOT)}
    if not server.has_cron:
        settings["GHOSTWATCH_RUN_CHECKS_EVERY"] = SIDECAR_PERIOD
        settings["GHOSTWATCH_RUN_CHECKS_DSN"] = server.dsn(BOT, OWNER)
    return settings


def _install(server: ThrowAwayServer) -> psycopg.Connection[Any]:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {BOT}")
    connection = psycopg.connect(server.dsn(BOT), autocommit=True)
    # A role with no more rights than it takes owns everything, as docs/operating.md says.
    connection.execute(f"CREATE ROLE {OWNER} LOGIN")
    connection.execute(f"GRANT CREATE ON DATABASE {BOT} TO {OWNER}")
    connection.execute(f"GRANT CREATE ON SCHEMA public TO {OWNER}")
    connection.execute(f"GRANT pg_read_all_stats TO {OWNER}")
    if server.has_cron:
        connection.execute("CREATE EXTENSION pg_cron")
        connection.execute(f"GRANT USAGE ON SCHEMA cron TO {OWNER}")
    install(server.dsn(BOT, OWNER), onboarding=True)
    connection.execute(f"SET ROLE {OWNER}")
    connection.execute("SELECT ghostwatch.declare_invariant('onboarding', 'first_meme', min_rate => %s)", [TOLERATED])
    # Nobody wants to watch a demo wait for its all-clear.
    connection.execute("SELECT ghostwatch.set_setting('resolve_after', '0')")
    connection.execute("SELECT ghostwatch.add_channel('admins', %s)", [telegram_chat() or -1])
    connection.execute("RESET ROLE")
    return connection


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


def _say_how_to_go_on(server: ThrowAwayServer, sidecar: Sidecar) -> None:
    print("\nThe server and the sidecar go on running.")
    print(f"  look:     {sidecar.address}  (the token of the page: {sidecar.page_token})")
    print(f"  connect:  psql '{server.dsn(BOT)}'")
    print("            SELECT * FROM ghostwatch.status;  SELECT * FROM ghostwatch.doctor();")
    print(f"  stop:     {sys.executable} -m ghostwatch demo --stop {server.directory}")


def _minutes(duration: timedelta) -> str:
    return f"{duration // timedelta(minutes=1)} minutes"
