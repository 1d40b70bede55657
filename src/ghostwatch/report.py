"""What `ghostwatch status`, `doctor`, `why` and `check` print. The database says it; this only lays it out."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ghostwatch import proof
from ghostwatch.errors import CommandError, explain, is_not_installed
from ghostwatch.settings import Database

Row = dict[str, Any]

# What a reader wants to know of times is how long ago, by the database's own clock.
STATUS: Final[LiteralString] = """
    SELECT
        to_jsonb(s),
        date_trunc('second', s.watermark_lag)::text,
        coalesce(date_trunc('second', clock_timestamp() - s.last_success_at) || ' ago', 'never')
    FROM ghostwatch.status AS s
    ORDER BY s.contract, s.invariant
"""
DOCTOR: Final[LiteralString] = "SELECT to_jsonb(d) FROM ghostwatch.doctor() AS d"
WHY_ALERT: Final[LiteralString] = "SELECT to_jsonb(w) FROM ghostwatch.why(%(alert)s) AS w"
WHY_INVARIANT: Final[LiteralString] = "SELECT to_jsonb(w) FROM ghostwatch.why(%(contract)s, %(invariant)s) AS w"

STYLES: Final = {
    "ok": "green",
    "warn": "yellow",
    "warning": "yellow",
    "catching up": "yellow",
    "paused": "yellow",
    "never checked": "yellow",
    "holds": "green",
    "not due yet": "yellow",
    "checked": "green",
    "firing": "yellow",
    "resolved": "green",
    "sent": "green",
    "filter": "yellow",
    "due": "yellow",
    "claimed": "yellow",
    "pace": "yellow",
}
# Below this many columns a table of invariants would be mostly line breaks.
NARROW: Final = 64
# A database of a fleet that is away must not keep the others from the screen.
CONNECT_TIMEOUT: Final = 5
MOST_AT_ONCE: Final = 20


def status(dsn: str, *, as_json: bool) -> int:
    """Prints how every invariant stands. Returns the exit code."""
    rows = _read(dsn, STATUS)
    if as_json:
        _print_json([row for row, *_ in rows])
        return 0
    invariants = [Invariant.of(*row) for row in rows]
    console = _console()
    if not invariants:
        console.print("No invariant is declared.")
        _print_advice(console, "SELECT ghostwatch.declare_contract('onboarding', 'your_table');")
    elif console.width < NARROW:
        _print_blocks(console, invariants)
    else:
        _print_table(console, invariants)
    return 0


def doctor(dsn: str, *, as_json: bool) -> int:
    """Prints what the doctor finds, the worst first. Returns the exit code: 1 if there is an error."""
    findings: list[Row] = [row for (row,) in _read(dsn, DOCTOR)]
    if as_json:
        _print_json(findings)
    else:
        _print_findings(_console(), findings)
    return int(any(finding["verdict"] == "error" for finding in findings))


def fleet_status(fleet: Sequence[Database], *, as_json: bool) -> int:
    """Prints how every invariant of every database stands. Returns the exit code: 1 if a database cannot be read."""
    answers = _read_each(fleet, STATUS)
    if as_json:
        _print_json(
            [{"database": one.name, "error": one.error, "status": [row for row, *_ in one.rows]} for one in answers]
        )
    else:
        console = _console()
        table = _table("database", "invariant", "state", "warn", "error", "behind", "checked")
        for one in answers:
            for row in one.rows:
                its = Invariant.of(*row)
                table.add_row(one.name, its.name, _styled(its.state), its.warn, its.error, its.behind, its.checked)
            if one.error:
                table.add_row(one.name, "", _styled("unknown"), "", "", "", "")
            elif not one.rows:
                table.add_row(one.name, "none is declared", "", "", "", "", "")
        console.print(table)
        _print_errors(console, answers)
    return int(any(one.error for one in answers))


def fleet_doctor(fleet: Sequence[Database], *, as_json: bool) -> int:
    """Prints what the doctor finds wrong in each database. Returns the exit code: 1 if there is an error in one."""
    answers = _read_each(fleet, DOCTOR)
    verdicts = {one.name: Counter(finding["verdict"] for (finding,) in one.rows) for one in answers}
    if as_json:
        _print_json(
            [{"database": one.name, "error": one.error, "findings": [row for (row,) in one.rows]} for one in answers]
        )
    else:
        console = _console()
        table = _table("database", "verdict", "errors", "warnings", "ok")
        for one in answers:
            count = verdicts[one.name]
            worst = "unknown" if one.error else next((v for v in ("error", "warning") if count[v]), "ok")
            numbers = ("", "", "") if one.error else (str(count["error"]), str(count["warning"]), str(count["ok"]))
            table.add_row(one.name, _styled(worst), *numbers)
        console.print(table)
        for one in answers:
            for (finding,) in one.rows:
                if finding["verdict"] != "ok":
                    console.print(f"\n{one.name}:", _styled(finding["verdict"]), finding["check_name"])
                    _print_indented(console, finding["finding"])
                    if finding["advice"]:
                        _print_advice(console, finding["advice"])
        _print_errors(console, answers)
    return int(any(one.error or verdicts[one.name]["error"] for one in answers))


def why(dsn: str, asked: dict[str, Any], *, as_json: bool) -> int:
    """Prints where messages about an alert, or about an invariant, are on their way. Returns the exit code."""
    steps: list[Row] = [row for (row,) in _read(dsn, WHY_INVARIANT if asked["alert"] is None else WHY_ALERT, asked)]
    if as_json:
        _print_json(steps)
        return 0
    console = _console()
    for step in steps:
        where = f"channel {step['channel']}" if step["channel"] else step["step"]
        console.print(_styled(step["cause"]), where)
        _print_indented(console, step["finding"])
        if step["advice"]:
            _print_advice(console, step["advice"])
    return 0


def check(dsn: str, asked: dict[str, str | None], *, as_json: bool) -> int:
    """Prints whether a contract holds for a subject. Returns the exit code: 1 if it does not."""
    ((answer,),) = _read(dsn, proof.NAMED_QUERY, asked)
    found = proof.findings(answer)
    holds = proof.holds(found)
    contract, key = asked["contract"], asked["subject_key"]
    if as_json:
        _print_json({"contract": contract, "key": key, "holds": holds, "findings": [vars(one) for one in found]})
    else:
        console = _console()
        for one in found:
            console.print(_styled(one.state), one.invariant or "")
            _print_indented(console, one.explanation)
        console.print(f"\ncontract {contract} {'holds' if holds else 'does not hold'} for {key}")
    return 0 if holds else 1


@dataclass(frozen=True)
class Invariant:
    """One line of the status, in words."""

    name: str
    state: str
    warn: str
    error: str
    behind: str
    checked: str
    remark: str

    @classmethod
    def of(cls, row: Row, behind: str, checked: str) -> Invariant:
        """From what the database says."""
        name = f"{row['contract']}.{row['invariant']}"
        return cls(name, row["state"], str(row["warn_count"]), str(row["error_count"]), behind, checked, row["remark"])


@dataclass(frozen=True)
class Answer:
    """What one database of a fleet says, or why it says nothing."""

    name: str
    rows: Sequence[tuple[Any, ...]]
    error: str | None = None


def _read_each(fleet: Sequence[Database], query: LiteralString) -> list[Answer]:
    """Asks all databases at once, so that those that do not answer cost their time-out together."""

    def ask(database: Database) -> Answer:
        name = database.name or ""
        try:
            return Answer(name, _read(database.dsn, query))
        except CommandError as error:
            return Answer(name, (), " ".join(str(error).split()))

    with ThreadPoolExecutor(MOST_AT_ONCE) as threads:
        return list(threads.map(ask, fleet))


def _read(dsn: str, query: LiteralString, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    database = "this database"
    try:
        patience = conninfo_to_dict(dsn).get("connect_timeout") or CONNECT_TIMEOUT
        with psycopg.connect(dsn, application_name="ghostwatch", connect_timeout=patience) as connection:
            database = f"database {connection.info.dbname}"
            connection.read_only = True
            return connection.execute(query, values).fetchall()
    except psycopg.errors.InsufficientPrivilege as error:
        hint = "  Connect as the installer, or as a role given to SELECT ghostwatch.grant_operator('role');"
        raise CommandError(f"{explain(error)}\n{hint}") from error
    except psycopg.Error as error:
        if is_not_installed(error):
            raise CommandError(f"ghostwatch is not installed in {database}; run: ghostwatch install") from None
        raise CommandError(explain(error)) from error


def _print_json(rows: Row | list[Row]) -> None:
    json.dump(rows, sys.stdout, ensure_ascii=False, indent=2)
    print()


def _console() -> Console:
    """Lines are only broken for a terminal; whatever reads a pipe wants them whole."""
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 1000)


def _styled(word: str) -> Text:
    return Text(word, STYLES.get(word, "bold red"))


def _table(*headings: str) -> Table:
    """Words stand on the left, and numbers, which are those that follow a state or verdict, on the right."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    numbers_follow = False
    for heading in headings:
        is_state = heading in ("state", "verdict")
        wraps = not is_state and not numbers_follow
        table.add_column(
            heading,
            justify="right" if numbers_follow else "left",
            no_wrap=not wraps,
            overflow="fold" if wraps else "ellipsis",
        )
        numbers_follow = numbers_follow or is_state
    return table


def _print_errors(console: Console, answers: Sequence[Answer]) -> None:
    for one in answers:
        if one.error:
            console.print(f"\n{one.name}: {one.error}")


def _print_table(console: Console, invariants: list[Invariant]) -> None:
    table = _table("invariant", "state", "warn", "error", "behind", "checked")
    for one in invariants:
        table.add_row(one.name, _styled(one.state), one.warn, one.error, one.behind, one.checked)
    console.print(table)
    for one in invariants:
        if one.remark:
            console.print(f"\n{one.name}: {one.remark}")


def _print_blocks(console: Console, invariants: list[Invariant]) -> None:
    for one in invariants:
        console.print(one.name, _styled(one.state))
        _print_indented(console, f"{one.warn} warn, {one.error} error; {one.behind} behind, checked {one.checked}")
        if one.remark:
            _print_indented(console, one.remark)


def _print_findings(console: Console, findings: list[Row]) -> None:
    for finding in findings:
        console.print(_styled(finding["verdict"]), finding["check_name"])
        _print_indented(console, finding["finding"])
        if finding["advice"]:
            _print_advice(console, finding["advice"])
    count = Counter(finding["verdict"] for finding in findings)
    console.print(f"\nerrors: {count['error']}, warnings: {count['warning']}, ok: {count['ok']}")


def _print_indented(console: Console, line: str) -> None:
    console.print(Padding(line, (0, 0, 0, 2), expand=False))


def _print_advice(console: Console, advice: str) -> None:
    """Not broken into lines: what is to be typed must be there to be copied."""
    console.print(Text(f"  → {advice}", "cyan"), soft_wrap=True)
