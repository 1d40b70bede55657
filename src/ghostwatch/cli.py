"""The command `ghostwatch`.

Each subcommand is one function that declares its arguments and one that runs it. The latter imports
what it needs when it runs: the sidecar should not hold the installer's memory, nor the reverse.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ghostwatch.errors import CommandError

if TYPE_CHECKING:
    Subcommands = argparse._SubParsersAction[argparse.ArgumentParser]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code: 0 done, 1 failed (with one clear line), 2 wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except CommandError as error:
        print(f"ghostwatch: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ghostwatch",
        description="Watches that every new user gets every row they must get.",
        epilog="Each command explains itself: ghostwatch COMMAND --help",
    )
    parser.add_argument("--version", action=_PrintVersion, nargs=0, help="print the version and stop")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_install(commands)
    _add_status(commands)
    _add_doctor(commands)
    _add_notify(commands)
    _add_send_test(commands)
    return parser


class _PrintVersion(argparse.Action):
    """Looks the version up only when it is asked for: importlib.metadata costs start-up time."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"ghostwatch {version('ghostwatch')}")
        parser.exit()


def _add_dsn(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dsn",
        help="database, as a URL or key=value pairs (default: GHOSTWATCH_DSN, else the PG* variables)",
    )


def _add_install(commands: Subcommands) -> None:
    parser = commands.add_parser(
        "install",
        help="install ghostwatch into a database",
        description="Installs ghostwatch as plain SQL, in one transaction, for servers where no extension "
        "file can be placed. What is installed belongs to the role that connects.",
    )
    _add_dsn(parser)
    parser.add_argument(
        "--onboarding",
        action="store_true",
        help="also install the onboarding contract, and create those of the bot's tables that are missing",
    )
    parser.set_defaults(run=_install)


def _install(options: argparse.Namespace) -> int:
    from ghostwatch.installer import install
    from ghostwatch.settings import dsn

    for line in install(dsn(options.dsn), onboarding=options.onboarding):
        print(line)
    return 0


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, as the database gives it")


def _add_status(commands: Subcommands) -> None:
    parser = commands.add_parser(
        "status",
        help="show how every invariant stands",
        description="Shows every invariant: its state, how many violations are open, how far behind its checks are, "
        "and when one last succeeded (SELECT * FROM ghostwatch.status).",
    )
    _add_dsn(parser)
    _add_json(parser)
    parser.set_defaults(run=_status)


def _status(options: argparse.Namespace) -> int:
    from ghostwatch.report import status
    from ghostwatch.settings import dsn

    return status(dsn(options.dsn), as_json=options.json)


def _add_doctor(commands: Subcommands) -> None:
    parser = commands.add_parser(
        "doctor",
        help="find what is wrong, or could become so, and what to type",
        description="Examines the installation: schedule, checks, tables, indexes, clocks, transactions, delivery and "
        "privileges (SELECT * FROM ghostwatch.doctor()). Changes nothing. Exits with 1 if it finds an error.",
    )
    _add_dsn(parser)
    _add_json(parser)
    parser.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    from ghostwatch.report import doctor
    from ghostwatch.settings import dsn

    return doctor(dsn(options.dsn), as_json=options.json)


def _add_notify(commands: Subcommands) -> None:
    from ghostwatch.settings import environment_help

    parser = commands.add_parser(
        "notify",
        help="deliver alerts and events to Telegram (the sidecar)",
        description="Delivers what the outbox holds to Telegram, until SIGTERM. Any number of these may run at once.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=environment_help(),
    )
    _add_dsn(parser)
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the messages instead of sending them; they count as sent",
    )
    parser.set_defaults(run=_notify)


def _notify(options: argparse.Namespace) -> int:
    from ghostwatch.notifier.service import notify
    from ghostwatch.settings import Settings

    settings = Settings.from_environment(os.environ, dsn=options.dsn, needs_token=not options.dry_run)
    return notify(settings, dry_run=options.dry_run)


def _add_send_test(commands: Subcommands) -> None:
    from ghostwatch.settings import environment_help

    parser = commands.add_parser(
        "send-test",
        help="prove token, chat and topic with one message",
        description="Sends one test message, and explains what is wrong if it does not arrive.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=environment_help(),
    )
    _add_dsn(parser)
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("channel", nargs="?", help="name of a channel (see ghostwatch.add_channel)")
    target.add_argument("--chat-id", type=int, help="a chat, without asking the database")
    parser.add_argument("--thread-id", type=int, help="topic in that chat")
    parser.set_defaults(run=_send_test)


def _send_test(options: argparse.Namespace) -> int:
    from ghostwatch.notifier.send_test import send_test
    from ghostwatch.settings import Settings

    settings = Settings.from_environment(os.environ, dsn=options.dsn)
    for line in send_test(settings, options.channel, options.chat_id, options.thread_id):
        print(line)
    return 0
