"""What tests of privileges share: an alert of the superuser, and code of a stranger that must not run for others."""

from __future__ import annotations

from typing import LiteralString

from psycopg import sql

from tests.support.database import Database


def alert_of_the_superuser(database: Database) -> None:
    """A contract of the superuser, an alert that fires, and a notification about it."""
    database.execute('CREATE TABLE "user" (id bigint PRIMARY KEY, created_at timestamptz)')
    database.execute("CREATE TABLE meme (user_id bigint PRIMARY KEY)")
    database.execute("SELECT ghostwatch.add_channel('admins', -1)")
    database.execute("""SELECT ghostwatch.declare_contract('mine', '"user"')""")
    database.execute("SELECT ghostwatch.declare_invariant('mine', 'meme', 'meme', 'user_id', rule => 'threshold')")
    database.execute("""INSERT INTO "user" VALUES (1, clock_timestamp() - interval '10 minutes')""")
    database.execute("CALL ghostwatch.run_checks()")


def roles_that_ran_a_hostile_cast(
    database: Database, stranger: str, trigger_function: str, fires: LiteralString
) -> list[tuple[str]]:
    """A stranger puts a trigger function of schema shop on a temporary table, whose key has a cast of theirs."""
    database.connection.execute(
        sql.SQL(
            "GRANT USAGE ON SCHEMA shop TO {0}; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA shop TO {0}; "
            "CREATE SCHEMA lair AUTHORIZATION {0}"
        ).format(sql.Identifier(stranger))
    )
    session = database.connect(stranger)
    session.execute(
        sql.SQL(
            """
            CREATE TABLE lair.loot (who text);
            CREATE TYPE lair.bait AS ENUM ('cheese');
            CREATE FUNCTION lair.spring(lair.bait) RETURNS text LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO lair.loot VALUES (current_user);
                RETURN 'cheese';
            END $$;
            GRANT USAGE ON SCHEMA lair TO PUBLIC;
            GRANT INSERT ON lair.loot TO PUBLIC;
            CREATE CAST (lair.bait AS text) WITH FUNCTION lair.spring(lair.bait);
            CREATE FUNCTION lair.same(bigint, lair.bait) RETURNS boolean LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO lair.loot VALUES (current_user);
                RETURN true;
            END $$;
            CREATE TEMPORARY TABLE account (id lair.bait);
            CREATE TRIGGER trap AFTER INSERT ON account {} EXECUTE FUNCTION {}();
            INSERT INTO account VALUES ('cheese');
            """
        ).format(sql.SQL(fires), sql.SQL(trigger_function))
    )
    return session.execute("SELECT who FROM lair.loot").fetchall()
