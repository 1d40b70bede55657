"""Says what an application's migration would do to the contracts: `ghostwatch plan`.

The migration runs in a transaction that is rolled back, statement by statement, so that nothing in it can commit.
Contracts are then declared again as they are, each as its owner, which looks at everything that a check needs; what the
doctor finds and whom enforcement would refuse is compared with what it was before.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

from ghostwatch.errors import CommandError, explain
from ghostwatch.statements import statements

# A transaction of the script's own is left to us: ours is rolled back in the end.
FRAME: Final = re.compile(r"(BEGIN|START\s+TRANSACTION|COMMIT|END)\b[^;]*;?\s*\Z", re.I)
ENDING: Final = re.compile(r"(ROLLBACK(?!\s+TO)|ABORT|PREPARE\s+TRANSACTION|COMMIT\s+PREPARED)\b", re.I)
CONCURRENTLY: Final = re.compile(r"\A((?:CREATE\s+(?:UNIQUE\s+)?|DROP\s+|REINDEX\s+)\w+)\s+CONCURRENTLY\b", re.I)
# dbmate keeps both directions in one file.
DOWN: Final = re.compile(r"^-- migrate:down.*", re.M | re.S)

WATCHED: Final[LiteralString] = """
    SELECT DISTINCT w.relation::oid, n.nspname || '.' || c.relname
    FROM (SELECT k.subject FROM ghostwatch.contract AS k UNION SELECT i.related FROM ghostwatch.invariant AS i)
        AS w (relation)
    JOIN pg_catalog.pg_class AS c ON c.oid = w.relation
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
"""
LOCKS: Final[LiteralString] = """
    SELECT l.relation, l.mode
    FROM pg_catalog.pg_locks AS l
    WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted AND l.mode <> 'AccessShareLock'
        AND l.relation = ANY (%s::oid[])
        AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
    ORDER BY l.relation, l.mode
"""
CLAUSES: Final[LiteralString] = """
    SELECT c.name, c.owner::text, c.enforcement,
        array_agg(i.name ORDER BY i.invariant_id) FILTER (WHERE i.name IS NOT NULL)
    FROM ghostwatch.contract AS c
    LEFT JOIN ghostwatch.invariant AS i USING (contract_id)
    GROUP BY c.contract_id
    ORDER BY c.contract_id
"""


@dataclass
class State:
    """How the contracts stand at one moment of the transaction."""

    broken: dict[str, str] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    findings: set[tuple[str, str, str]] = field(default_factory=set)


@dataclass(frozen=True)
class Plan:
    """What a migration would do."""

    breaks: list[str]
    remarks: list[str]


def plan(dsn: str, script: str, *, statement_timeout: str = "60s", lock_timeout: str = "5s") -> Plan:
    """Runs the migration, rolls it back, and returns what it would break, and what else there is to know."""
    try:
        with psycopg.connect(dsn, application_name="ghostwatch plan") as connection:
            try:
                return _plan(connection, script, statement_timeout, lock_timeout)
            finally:
                connection.rollback()
    except psycopg.Error as error:
        raise CommandError(explain(error)) from error


def _plan(connection: psycopg.Connection[Any], script: str, statement_timeout: str, lock_timeout: str) -> Plan:
    for name, value in (("statement_timeout", statement_timeout), ("lock_timeout", lock_timeout)):
        connection.execute("SELECT set_config(%s, %s, true)", [name, value])
    before = _state(connection)
    watched = dict(connection.execute(WATCHED).fetchall())
    # Looking at the contracts may have locked something.
    ours = set(connection.execute(LOCKS, [list(watched)]).fetchall())

    remarks = []
    began = time.monotonic()
    for statement in _sendable(script):
        rewritten = CONCURRENTLY.sub(r"\1", statement)
        if rewritten != statement:
            remarks.append(
                f"run without CONCURRENTLY, which no transaction may hold: {' '.join(statement.split())[:70]}"
            )
        _send(connection, rewritten)
    took = time.monotonic() - began

    for relation, mode in connection.execute(LOCKS, [list(watched)]).fetchall():
        if (relation, mode) not in ours:
            remarks.append(f"{mode} on {watched[relation]}, for at most {took:.2f} s")
    after = _state(connection)

    breaks = [f"{what}: {why}" for what, why in after.broken.items() if what not in before.broken]
    for what, count in after.refused.items():
        if count > before.refused.get(what, 0):
            breaks.append(
                f"{what}: {count} of the signups of the last day would be refused, {before.refused.get(what, 0)} before"
            )
    for verdict, finding, advice in sorted(after.findings - before.findings):
        remarks.append(f"{verdict}: {finding}\n  {advice}" if advice else f"{verdict}: {finding}")
    return Plan(breaks, remarks)


def _sendable(script: str) -> Iterator[str]:
    for statement in statements(DOWN.sub("", script)):
        if ENDING.match(statement):
            raise CommandError(f"this would end the transaction that is to be rolled back: {statement.strip()}")
        if not FRAME.match(statement):
            yield statement


def _send(connection: psycopg.Connection[Any], statement: str) -> None:
    """Sends one statement; the protocol refuses a second one behind it, which might be a COMMIT."""
    result = connection.pgconn.exec_params(statement.encode(), [])
    if result.status == psycopg.pq.ExecStatus.FATAL_ERROR:
        raise CommandError(
            f"the migration fails: {result.error_message.decode().strip()}\n  in: {statement.strip()[:200]}"
        )


def _state(connection: psycopg.Connection[Any]) -> State:
    state = State()
    for contract, owner, enforcement, clauses in connection.execute(CLAUSES).fetchall():
        # Expressions are looked at with the rights of whoever declared them.
        as_owner = sql.SQL("SET LOCAL ROLE {}").format(sql.SQL(owner))
        declare: LiteralString = "SELECT ghostwatch.declare_contract(%s)"
        problem = _try(connection, as_owner, declare, contract)
        if problem:
            state.broken[f"contract {contract}"] = problem
            continue
        for clause in clauses or []:
            declare = "SELECT ghostwatch.declare_invariant(%s, %s)"
            if problem := _try(connection, as_owner, declare, contract, clause):
                state.broken[f"{contract}.{clause}"] = problem
        if enforcement == "reject":
            preview: LiteralString = "SELECT invariant, refused FROM ghostwatch.enforce(%s, 'reject', dry_run => true)"
            found: list[tuple[Any, ...]] = []
            if problem := _try(connection, as_owner, preview, contract, into=found):
                state.broken[f"{contract} (enforcement)"] = problem
            state.refused |= {f"{contract}.{clause}": refused for clause, refused in found if clause != "all"}
    state.findings = {
        (verdict, finding, advice or "")
        for verdict, finding, advice in connection.execute(
            "SELECT d.verdict, d.finding, d.advice FROM ghostwatch.doctor() AS d WHERE d.verdict <> 'ok'"
        )
    }
    return state


def _try(
    connection: psycopg.Connection[Any],
    as_owner: sql.Composed,
    statement: LiteralString,
    *values: str,
    into: list[tuple[Any, ...]] | None = None,
) -> str | None:
    """What is wrong with a statement, run as a role in a savepoint that is rolled back either way."""
    connection.execute("SAVEPOINT plan")
    try:
        connection.execute(as_owner)
        found = connection.execute(statement, values).fetchall()
        if into is not None:
            into += found
    except psycopg.Error as error:
        return explain(error)
    else:
        return None
    finally:
        connection.execute("ROLLBACK TO SAVEPOINT plan")
