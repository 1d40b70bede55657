"""What migrations/README.md says that an upgrade locks is what it locks."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

from scripts.build import SOURCES, upgrade_locks, version
from scripts.upgrade import Locks, Step, Version
from tests.support.database import Database
from tests.support.earlier import Migrations
from tests.support.incident import live_through_an_incident

pytestmark = pytest.mark.machine

# Modes that keep a signup, or anybody else who writes, waiting.
LOCKED = """
    SELECT DISTINCT l.relation::regclass::text
    FROM pg_locks AS l
    JOIN pg_class AS c ON c.oid = l.relation AND c.relkind = 'r'
    WHERE l.pid = pg_backend_pid() AND c.oid = ANY(%s)
        AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
"""
FILES = """
    SELECT c.oid, pg_relation_filenode(c.oid)
    FROM pg_class AS c
    WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text IN ('ghostwatch', 'onboarding', 'public')
"""
WITH_POLICIES = "SELECT DISTINCT schemaname || '.' || tablename FROM pg_policies"


def names(connection: Connection[Any], query: str, *values: object) -> set[str]:
    """The only column of a query."""
    return {name for (name,) in connection.execute(query.encode(), values or None)}


@pytest.mark.both_kinds
def test_an_upgrade_locks_what_the_page_says(released: Database, release: Migrations) -> None:
    """And no table of the application, and it rewrites none."""
    live_through_an_incident(released)
    upgrader = released.connect(autocommit=False)
    files = dict(upgrader.execute(FILES).fetchall())
    said = [upgrade_locks(name)[version()] for name in SOURCES]
    expected = set().union(*(lock.tables for lock in said)) | {"ghostwatch.installation", "onboarding.installation"}
    at_the_end = names(upgrader, WITH_POLICIES) if any(lock.policies for lock in said) else set()
    upgrader.rollback()
    release.upgrade(upgrader, released.kind)
    locked = names(upgrader, LOCKED, list(files))
    assert expected <= locked <= expected | at_the_end
    after = dict(upgrader.execute(FILES).fetchall())
    assert {oid: file for oid, file in after.items() if oid in files} == files


def test_what_is_read_from_a_step() -> None:
    """A new table keeps nobody waiting; a foreign key locks the table that it refers to."""
    before = Version("1.0.0", ("CREATE TABLE a.b ();", "CREATE TABLE a.c ();", "CREATE TABLE a.d ();"))
    change = """
        ALTER TABLE a.b ADD COLUMN n integer;
        CREATE TABLE a.new (n integer REFERENCES a.c);
        CREATE INDEX new_n ON a.new (n);
        CREATE INDEX d_n
        ON a.d (n);
        ALTER TABLE ONLY a.b ADD CONSTRAINT b_check CHECK (n > 0);
    """
    locks = Locks.of(before, before, [Step("step", change, None, ())])
    assert locks == Locks(frozenset({"a.b", "a.c", "a.d"}), frozenset({"a.b", "a.d"}), False)
