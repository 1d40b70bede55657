"""An installation is the same whether made as extension or as plain SQL, and by whomever."""

from __future__ import annotations

import psycopg
import pytest

from scripts.build import ROOT, version
from tests.install.inventory import EXTENSION_ONLY, inventory
from tests.support.cluster import Server
from tests.support.database import PARTS, Database


def test_both_kinds_are_identical(server: Server, templates: dict[str, str]) -> None:
    """Routines, relations, constraints, grants and comments do not differ between the kinds."""
    with server.connect(templates["extension"]) as extension, server.connect(templates["plain"]) as plain:
        of_extension, of_plain = inventory(extension), inventory(plain)
    for what, found in of_extension.items():
        assert found, what
        assert of_plain[what] == ([] if what in EXTENSION_ONLY else found), what


@pytest.mark.both_kinds
def test_version_and_kind_are_recorded(database: Database) -> None:
    """Both parts record their version and how they were installed."""
    for schema in ("ghostwatch", "onboarding"):
        query = f"SELECT version, kind, installed_by FROM {schema}.installation"
        assert database.connection.execute(query.encode()).fetchall() == [(version(), database.kind, "postgres")]


@pytest.mark.both_kinds
def test_nothing_is_granted_to_everyone(database: Database) -> None:
    """PUBLIC may neither use a schema, nor read a relation, nor execute a routine."""
    assert (
        database.rows(
            """
            SELECT o.name, a.privilege_type
            FROM (
                SELECT n.nspname::text, coalesce(n.nspacl, acldefault('n', n.nspowner))
                FROM pg_namespace AS n
                WHERE n.nspname IN ('ghostwatch', 'onboarding')
                UNION ALL
                SELECT c.oid::regclass::text, coalesce(c.relacl, acldefault('r', c.relowner))
                FROM pg_class AS c
                WHERE c.relnamespace IN ('ghostwatch'::regnamespace, 'onboarding'::regnamespace)
                UNION ALL
                SELECT p.oid::regprocedure::text, coalesce(p.proacl, acldefault('f', p.proowner))
                FROM pg_proc AS p
                WHERE p.pronamespace IN ('ghostwatch'::regnamespace, 'onboarding'::regnamespace)
            ) AS o (name, acl)
            CROSS JOIN LATERAL aclexplode(o.acl) AS a
            WHERE a.grantee = 0
            """
        )
        == []
    )


def test_extension_needs_no_superuser(server: Server, empty_database: Database) -> None:
    """A role that may create schemas in the database installs both extensions and owns them."""
    owner = f"owner_of_{empty_database.name}"
    server.execute(f"CREATE ROLE {owner} LOGIN")
    try:
        server.execute(f"GRANT CREATE ON DATABASE {empty_database.name} TO {owner}")
        connection = empty_database.connect(owner)
        for part in PARTS:
            connection.execute(f"CREATE EXTENSION {part}".encode())
        assert empty_database.rows(
            """
            SELECT DISTINCT r.owner
            FROM (
                SELECT p.proowner::regrole::text FROM pg_proc AS p WHERE p.pronamespace = 'ghostwatch'::regnamespace
                UNION ALL
                SELECT c.relowner::regrole::text FROM pg_class AS c WHERE c.relnamespace = 'ghostwatch'::regnamespace
            ) AS r (owner)
            """
        ) == [(owner,)]
    finally:
        server.drop_database(empty_database.name)
        server.execute(f"DROP ROLE {owner}")


@pytest.mark.parametrize("part", PARTS)
def test_dropping_the_extension_drops_its_schema(database: Database, part: str) -> None:
    """And all in it."""
    database.connection.execute(f"DROP EXTENSION {part} CASCADE".encode())
    schema = "onboarding" if part == "ghostwatch_onboarding" else "ghostwatch"
    assert database.value("SELECT to_regnamespace(%s) IS NULL", schema)


@pytest.mark.both_kinds
def test_removing_it_as_documented_leaves_nothing_but_the_tables(database: Database) -> None:
    """No function and no trigger stays behind on them, and they can be written."""
    database.execute("SELECT FROM onboarding.adopt()")
    database.execute("SELECT FROM ghostwatch.enforce('onboarding', 'reject')")
    database.execute("SELECT ghostwatch.declare_contract('captured', 'public.user', capture => true)")
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    block = text.partition("To remove it")[2].partition("```sql\n")[2].partition("```")[0]
    schedule, *removal = block.strip().splitlines()
    assert "unschedule" in schedule
    for statement in removal:
        database.connection.execute(statement.encode())

    assert database.rows("SELECT oid::regprocedure FROM pg_proc WHERE proname LIKE 'ghostwatch%'") == []
    assert database.rows("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal") == []
    assert database.value("SELECT to_regnamespace('ghostwatch') IS NULL AND to_regnamespace('onboarding') IS NULL")
    database.execute("INSERT INTO public.user (id, type) VALUES (1, 'user')")


def test_no_schema_of_others_takes_the_extension_along(empty_database: Database) -> None:
    """Dropping a schema that somebody named in CREATE EXTENSION would drop everything that was recorded."""
    empty_database.execute("CREATE SCHEMA foo")
    for part in PARTS:
        with pytest.raises(psycopg.errors.FeatureNotSupported, match='must be installed in schema "pg_catalog"'):
            empty_database.connection.execute(f"CREATE EXTENSION {part} SCHEMA foo".encode())
        empty_database.connection.execute(f"CREATE EXTENSION {part}".encode())
    empty_database.execute("DROP SCHEMA foo CASCADE")
    assert empty_database.value("SELECT count(*) FROM pg_extension WHERE extname LIKE 'ghostwatch%%'") == 2
