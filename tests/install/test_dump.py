"""A dump carries configuration and history, whichever kind of installation it was made from."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg import sql

from tests.database import Database


@pytest.mark.both_kinds
@pytest.mark.pg_dump
def test_dump_and_restore_keep_every_row(database: Database, empty_database: Database, tmp_path: Path) -> None:
    """Every table of the restored database has the rows of the first, and identities go on counting."""
    database.execute('CREATE TABLE public."user" (id bigint PRIMARY KEY, created_at timestamptz NOT NULL)')
    database.execute("CREATE TABLE public.meme (user_id bigint NOT NULL)")
    database.execute(
        """
        INSERT INTO ghostwatch.contract (name, subject, key_column, born_at_column, search_path, noun)
        VALUES ('signup', 'public.user', 'id', 'created_at', 'public', 'new users')
        """
    )
    database.execute(
        """
        INSERT INTO ghostwatch.invariant
            (contract_id, name, related, related_key_column, error_after, watch_for, noun)
        SELECT c.contract_id, 'first_meme', 'public.meme', 'user_id', '5 minutes', '25 minutes', 'a first meme'
        FROM ghostwatch.contract AS c
        """
    )
    database.execute("SELECT ghostwatch.set_setting('resolve_after', '7 minutes')")
    database.execute("INSERT INTO ghostwatch.channel (name, chat_id) VALUES ('admins', -100)")

    dump = tmp_path / "dump.sql"
    dump.write_text(database.server.dump(database.name), encoding="utf-8")
    restored = database.server.psql_file(dump, empty_database.name)

    assert restored.stderr == ""
    for table in _tables(database):
        assert _rows(empty_database, table) == _rows(database, table), table
    assert _rows(empty_database, "contract")
    assert empty_database.value("SELECT kind FROM ghostwatch.installation") == database.kind
    assert database.value(
        "SELECT nextval(pg_get_serial_sequence('ghostwatch.contract', 'contract_id'))"
    ) == empty_database.value("SELECT nextval(pg_get_serial_sequence('ghostwatch.contract', 'contract_id'))")


def _tables(database: Database) -> list[str]:
    return [
        name
        for (name,) in database.rows(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'ghostwatch' AND tablename <> 'installation'"
        )
    ]


def _rows(database: Database, table: str) -> list[str]:
    query = sql.SQL("SELECT t::text FROM ghostwatch.{} AS t ORDER BY 1").format(sql.Identifier(table))
    return [row for (row,) in database.connection.execute(query)]
