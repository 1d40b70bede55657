"""An upgraded installation is what a fresh one would be, with all that was recorded."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from scripts.build import version
from tests.install.inventory import inventory
from tests.support.cluster import Server
from tests.support.database import Database, install_as
from tests.support.earlier import Migrations

pytestmark = [pytest.mark.both_kinds, pytest.mark.machine]

ROLES = ("operator", "sidecar", "viewer", "app", "stranger")


@pytest.fixture
def roles(server: Server, migrations: Migrations) -> Iterator[None]:
    """One role of each kind that is granted something, on both servers."""
    for role in ROLES:
        for one in (server, migrations.server):
            one.execute(f"CREATE ROLE a_{role} LOGIN")
    yield
    for role in ROLES:
        for one in (server, migrations.server):
            one.execute(f"DROP ROLE a_{role}")


def grant(database: Database) -> None:
    """Every grant there is, and one by the owner's own hand."""
    database.execute("SELECT ghostwatch.grant_operator('a_operator'), ghostwatch.grant_sidecar('a_sidecar')")
    database.execute("SELECT ghostwatch.grant_viewer('a_viewer'), onboarding.grant_app('a_app')")
    database.execute("GRANT USAGE ON SCHEMA ghostwatch TO a_stranger")
    database.execute("GRANT SELECT ON ghostwatch.status TO a_stranger")


def assert_same(one: Database, other: Database) -> None:
    """Nothing differs between two installations, object by object."""
    of_one, of_other = inventory(one.connection), inventory(other.connection)
    for what, found in of_one.items():
        assert set(found) ^ set(of_other[what]) == set(), what
        assert found == of_other[what], what


def walk(roles: None, before: Database, fresh: Database, migrations: Migrations) -> None:
    """From the version before to the present one, back, and up again; from a fresh installation too."""
    number = before.value("SELECT version FROM ghostwatch.installation")
    assert number == migrations.before != version()
    grant(before)
    unchanged = inventory(before.connection)
    migrations.upgrade(before.connection, before.kind)
    grant(fresh)
    assert_same(before, fresh)
    for schema in ("ghostwatch", "onboarding"):
        installed = f"SELECT version FROM {schema}.installation".encode()
        assert before.connection.execute(installed).fetchone() == (version(),)

    for database in (before, fresh):
        migrations.upgrade(database.connection, database.kind, undo=True)
        undone = inventory(database.connection)
        for what, found in unchanged.items():
            assert set(undone[what]) ^ set(found) == set(), what
        migrations.upgrade(database.connection, database.kind)
    assert_same(before, fresh)


def test_a_released_version(roles: None, released: Database, database: Database, release: Migrations) -> None:
    """Upgraded, it is what a fresh installation is; undone, what it was."""
    walk(roles, released, database, release)


def test_every_difference(roles: None, earlier: Database, fresh: Database, migrations: Migrations) -> None:
    """The same from a version from which everything differs that may differ."""
    walk(roles, earlier, fresh, migrations)


def test_owner_without_other_rights(empty: Database, migrations: Migrations, kind: str) -> None:
    """Upgrading takes no more rights than installing did."""
    server = migrations.server
    server.execute("CREATE ROLE owner_of_all LOGIN")
    try:
        server.execute(f"GRANT CREATE ON DATABASE {empty.name} TO owner_of_all")
        install_as(empty.connect("owner_of_all"), kind, migrations.scripts, migrations.before)

        with pytest.raises(psycopg.Error, match="belongs to role owner_of_all") as refused:
            superuser = Database(server, empty.name, kind)
            migrations.upgrade(superuser.connection, kind)
        superuser.connection.close()
        assert refused.value.sqlstate == "GW905"

        migrations.upgrade(empty.connection, kind)
        assert empty.value("SELECT version FROM onboarding.installation") == version()
    finally:
        server.drop_database(empty.name)
        server.execute("DROP ROLE owner_of_all")
