"""What a test asks of a contract, and what ghostwatch.prove() answers. The database judges; nothing is decided here."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, LiteralString

ARGUMENTS: Final = ("contract", "subject_key", "as_of", "clauses", "leave_out")
# One text in, one text out: every driver can do that, whatever it makes of intervals, arrays and rows.
QUERY: Final[LiteralString] = (
    "SELECT CAST(json_agg(p) AS text) FROM ghostwatch.prove(CAST({} AS text), CAST({} AS text), "
    "CAST(CAST({} AS text) AS interval), CAST(CAST({} AS text) AS text[]), CAST(CAST({} AS text) AS text[])) AS p"
)
# For psycopg, psycopg2 and Django.
NAMED_QUERY: Final[LiteralString] = QUERY.format(
    "%(contract)s", "%(subject_key)s", "%(as_of)s", "%(clauses)s", "%(leave_out)s"
)


@dataclass(frozen=True)
class Finding:
    """What was found of one clause, or of the subject where invariant is None."""

    invariant: str | None
    holds: bool | None
    state: str
    explanation: str

    def __str__(self) -> str:
        """The line that people read."""
        return f"{self.invariant}: {self.explanation}" if self.invariant else self.explanation


def arguments(
    contract: str,
    subject_key: object,
    as_of: timedelta | str | None = None,
    clauses: Iterable[str] | None = None,
    leave_out: Iterable[str] | None = None,
) -> dict[str, str | None]:
    """The arguments of ghostwatch.prove() as texts, by name and in its order. A key of several columns is a tuple."""
    if isinstance(as_of, timedelta):
        # No days, which may have 23 hours; and in numbers that PostgreSQL 14 can read.
        seconds, rest = divmod(as_of, timedelta(seconds=1))
        as_of = f"{seconds} seconds {rest.microseconds} microseconds"
    if isinstance(subject_key, (tuple, list)):
        subject_key = _array(str(part) for part in subject_key)
    values = (
        contract,
        None if subject_key is None else str(subject_key),
        as_of,
        _array(clauses),
        _array(leave_out),
    )
    return dict(zip(ARGUMENTS, values, strict=True))


def findings(answer: str) -> list[Finding]:
    """What the text says that QUERY returns."""
    return [Finding(**finding) for finding in json.loads(answer)]


def holds(found: Iterable[Finding]) -> bool:
    """Whether a test passes. A result that proves nothing comes with a finding that does not hold."""
    return all(finding.holds is not False for finding in found)


def _array(names: Iterable[str] | None) -> str | None:
    if names is None:
        return None
    if isinstance(names, str):
        raise TypeError(f"a list of clauses is needed, not {names!r}: write [{names!r}]")
    quoted = ('"{}"'.format(name.replace("\\", r"\\").replace('"', r"\"")) for name in names)
    return "{" + ",".join(quoted) + "}"
