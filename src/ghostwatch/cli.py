"""The command `ghostwatch`.

Each subcommand is one function that declares its arguments and one that runs it. The latter imports
what it needs when it runs: the sidecar should not hold the installer's memory, nor the reverse.
"""

from __future__ import annotations

import argparse
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
