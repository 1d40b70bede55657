"""An upgraded installation is what a fresh one would be, with all that was recorded."""

from __future__ import annotations

import psycopg
import pytest

from scripts.build import version
from tests.install.inventory import inventory
from tests.support.database import Database
from tests.support.earlier import EARLIER, Migrations

pytestmark = [pytest.mark.both_kinds, pytest.mark.machine]

ROLES = ("operator", "sidecar", "app", "stranger")


@pytest.fixture
def roles(migrations: Migrations) -> None:
    """One role of each kind that is granted something."""
    for role in ROLES:
        migrations.server.execute(
            f"DO $$ BEGIN IF to_regrole('a_{role}') IS NULL THEN CREATE ROLE a_{role} LOGIN; END IF; END $$"
        )


def grant(database: Database) -> None:
    """Every grant there is, and one by the owner's own hand."""
    database.execute("SELECT ghostwatch.grant_operator('a_operator'), ghostwatch.grant_sidecar('a_sidecar')")
    database.execute("SELECT onboarding.grant_app('a_app')")
    database.execute("GRANT USAGE ON SCHEMA ghostwatch TO a_stranger")
    database.execute("GRANT SELECT ON ghostwatch.status TO a_stranger")


def assert_same(one: Database, other: Database) -> None:
    """Nothing differs between two installations, object by object."""
    of_one, of_other = inventory(one.connection), inventory(other.connection)
    for what, found in of_one.items():
        assert set(found) ^ set(of_other[what]) == set(), what
        assert found == of_other[what], what


def test_upgraded_equals_fresh(earlier: Database, fresh: Database, migrations: Migrations, roles: None) -> None:
    grant(earlier)
    migrations.upgrade(earlier.connection, earlier.kind)
    grant(fresh)
    assert_same(earlier, fresh)
    for schema in ("ghostwatch", "onboarding"):
        assert earlier.connection.execute(f"SELECT version FROM {schema}.installation".encode()).fetchone() == (
            version(),
        )


def test_undone_equals_the_version_before(
    earlier: Database, fresh: Database, migrations: Migrations, roles: None
) -> None:
    """And what is undone can be upgraded again."""
    grant(earlier)
    grant(fresh)
    migrations.upgrade(fresh.connection, fresh.kind, undo=True)
    assert_same(earlier, fresh)
    migrations.upgrade(fresh.connection, fresh.kind)
    assert fresh.value("SELECT version FROM ghostwatch.installation") == version()
    assert version() != EARLIER


def test_owner_without_other_rights(empty: Database, migrations: Migrations, kind: str) -> None:
    """Upgrading takes no more rights than installing did."""
    server = migrations.server
    server.execute("CREATE ROLE owner_of_all LOGIN")
    try:
        server.execute(f"GRANT CREATE ON DATABASE {empty.name} TO owner_of_all")
        empty.connect("owner_of_all")
        if kind == "extension":
            for part in ("ghostwatch", "ghostwatch_onboarding"):
                empty.connection.execute(f"CREATE EXTENSION {part} VERSION '{EARLIER}'".encode())
        else:
            for part in ("ghostwatch", "ghostwatch_onboarding"):
                empty.connection.execute((migrations.earlier / "dist" / f"{part}.sql").read_bytes())

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
