"""An incident in a database, and everything that was recorded about it, to compare what became of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg import sql

from tests.support.database import Database

SCHEMAS = ["ghostwatch", "onboarding", "public"]

Columns = dict[tuple[str, str], list[str]]


def live_through_an_incident(database: Database) -> None:
    """Contracts with capture and enforcement, a channel, a setting, and a user who never got a meme: an alert fires."""
    database.execute("SELECT FROM onboarding.adopt()")
    database.execute("SELECT ghostwatch.declare_contract('captured', 'public.user', capture => true)")
    database.execute("SELECT FROM ghostwatch.enforce('onboarding', 'warn')")
    database.execute("SELECT ghostwatch.add_channel('admins', -100)")
    database.execute("SELECT ghostwatch.set_setting('resolve_after', '7 minutes')")
    # The time of now, since an upgrade switches the test clock off.
    now = datetime.now(UTC)
    database.set_clock(now - timedelta(minutes=10))
    database.execute("SELECT FROM onboarding.start(6001480, 'Anna', deep_link => 'kitchen')")
    database.set_clock(now)
    database.execute("CALL ghostwatch.run_checks()")


def go_on_with_the_incident(database: Database) -> None:
    """The same alert goes on firing, resolves once the user got a meme, and triggers on the application work."""
    before = database.rows("SELECT alert_id, state FROM ghostwatch.alert")
    opened_at = database.value("SELECT opened_at FROM ghostwatch.alert")
    assert [state for _, state in before] == ["firing"]
    database.set_clock(opened_at + timedelta(minutes=1))
    database.execute("CALL ghostwatch.run_checks()")
    assert database.rows("SELECT alert_id, state FROM ghostwatch.alert") == before
    database.execute("INSERT INTO public.user_meme_reaction (user_id, meme_id) VALUES (6001480, 1)")
    for minute in range(2, 12):
        database.set_clock(opened_at + timedelta(minutes=minute))
        database.execute("CALL ghostwatch.run_checks()")
    assert database.rows("SELECT alert_id, state FROM ghostwatch.alert") == [(before[0][0], "resolved")]
    arrivals = database.value("SELECT count(*) FROM ghostwatch.arrival")
    database.execute("SELECT FROM onboarding.start(6001481, 'Boris')")
    assert database.value("SELECT count(*) FROM ghostwatch.arrival") > arrivals


def columns(database: Database) -> Columns:
    """The columns of every table, but of the record of the installation, which names the version."""
    return {
        (schema, table): names
        for schema, table, names in database.rows(
            """
            SELECT c.relnamespace::regnamespace::text, c.relname::text, array_agg(a.attname::text ORDER BY a.attname)
            FROM pg_class AS c
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relnamespace::regnamespace::text = ANY(%s) AND c.relkind = 'r' AND c.relname <> 'installation'
            GROUP BY c.oid
            """,
            SCHEMAS,
        )
    }


def dumped(of: Columns) -> Columns:
    """Those tables without what a restored database makes anew: secrets of roles, and a cache."""
    anew = {("ghostwatch", "role_secret"), ("onboarding", "user_info")}
    return {table: names for table, names in of.items() if table not in anew}


def restore(source: Database, target: Database, directory: Path) -> None:
    """Restores a dump of one database in another one as superuser, without an error."""
    dump = directory / "dump.sql"
    dump.write_text(source.server.dump(source.name), encoding="utf-8")
    assert target.server.psql_file(dump, target.name).stderr == ""


def recorded(database: Database, of: Columns) -> dict[tuple[str, str], list[tuple[Any, ...]]]:
    """Every row of these tables, in these columns."""
    found = {}
    for table, names in of.items():
        query = sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(*table)
        )
        found[table] = sorted(database.connection.execute(query).fetchall(), key=repr)
    return found
