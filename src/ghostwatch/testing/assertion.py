"""assert_contract(), for tests of any framework."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Iterable
from datetime import timedelta
from typing import Any

from ghostwatch.errors import CommandError, explain, is_not_installed
from ghostwatch.proof import NAMED_QUERY, arguments, findings, holds
from ghostwatch.testing.connections import Arguments, ask


class ClauseNotJudged(UserWarning):
    """A test passed that could not judge a clause, since as_of comes before it is due."""


def assert_contract(
    contract: str,
    subject_key: object,
    *,
    connection: Any = None,
    dsn: str | None = None,
    as_of: timedelta | str | None = None,
    clauses: Iterable[str] | None = None,
    leave_out: Iterable[str] | None = None,
) -> Any:
    """Fails unless a subject, whatever code created it, has all that a contract asks for.

    A test waits for no deadline, so every clause counts as if it were due. as_of judges only what is
    due this much later than now (a timedelta or an interval such as "10 minutes"); clauses names the
    only ones to judge, leave_out those that the test is not about.

    It looks through a connection of its own at what was committed: to dsn, else to GHOSTWATCH_DSN, else
    where the PG* variables say. A test that does not commit gives the connection that it uses. An
    asynchronous connection makes the result something to await.

    Raises AssertionError with the clauses that do not hold. A missing row fails also where the subject
    is exempt, and so does a result in which nothing was proved.
    """
    __tracebackhide__ = True
    asked = arguments(contract, subject_key, as_of, clauses, leave_out)
    if connection is None:
        answer, place = _ask_database(dsn, asked)
        return _judge(asked, answer, place)
    given = ask(connection, asked)
    return _judge(asked, given) if isinstance(given, str) else _judge_later(asked, given)


async def _judge_later(asked: Arguments, answer: Awaitable[str]) -> None:
    __tracebackhide__ = True
    _judge(asked, await answer)


def _judge(asked: Arguments, answer: str, place: str = "") -> None:
    __tracebackhide__ = True
    found = findings(answer)
    subject = f"{asked['contract']} does not hold for {asked['subject_key']}"
    if not holds(found):
        lines = [f"contract {subject}", *(str(finding) for finding in found if not finding.holds), place]
        raise AssertionError("\n  ".join(filter(None, lines)))
    for finding in found:
        if finding.holds is None:
            warnings.warn(f"contract {asked['contract']}: {finding}", ClauseNotJudged, stacklevel=3)


def _ask_database(given: str | None, asked: Arguments) -> tuple[str, str]:
    """The answer, and a line that says where it comes from."""
    import psycopg

    from ghostwatch.settings import dsn

    place = "the database"
    try:
        with psycopg.connect(dsn(given), application_name="ghostwatch test") as connection:
            found = connection.info
            place = f"database {found.dbname} at {found.host or 'the local socket'}:{found.port}"
            row = connection.execute(NAMED_QUERY, asked).fetchone()
    except psycopg.OperationalError as error:
        raise CommandError(
            f"no connection to a database; GHOSTWATCH_DSN, else the PG* variables, say to which: {explain(error)}"
        ) from error
    except psycopg.Error as error:
        where = f"this is {place}; GHOSTWATCH_DSN, else the PG* variables, say which"
        if is_not_installed(error):
            raise CommandError(f"ghostwatch is not installed here; {where}") from error
        raise CommandError(f"{explain(error)}\n  {where}") from error
    assert row is not None
    (answer,) = row
    return answer, (
        f"This is {place}, and only committed rows are seen. GHOSTWATCH_DSN, else the PG* variables, say which "
        "database; a test that does not commit gives its connection."
    )
