"""The servers and databases that every test uses."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis
import pytest
from psycopg import sql

from scripts.build import build
from tests.support.cluster import Server, ServerTree
from tests.support.database import KINDS, Database, install, make_templates
from tests.support.earlier import RELEASED, Migrations, make_trees
from tests.support.own_server import OwnServer, own_server

_numbers = itertools.count(1)
# Whether tests run on installations that were upgraded from the release before instead of fresh ones.
UPGRADED = os.environ.get("GHOSTWATCH_TEST_UPGRADED") == "1"

# No test asserts how long anything takes: the machine may be busy.
hypothesis.settings.register_profile("ghostwatch", deadline=None)
hypothesis.settings.load_profile("ghostwatch")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs what is marked both_kinds on an installation of each kind, the rest on the extension."""
    if "kind" in metafunc.fixturenames:
        marked = metafunc.definition.get_closest_marker("both_kinds")
        metafunc.parametrize("kind", KINDS if marked else KINDS[:1], scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves out, saying so, what the server under test cannot do."""
    in_container = "GHOSTWATCH_TEST_IMAGE" in os.environ
    obstacles = {
        "pg_cron": not (in_container or ServerTree.find().has_module("pg_cron"))
        and "the server under test has no pg_cron",
        "pg_dump": not (in_container or ServerTree.find().can_dump())
        and "no pg_dump here that knows the server under test",
        "machine": in_container and "it runs on the machine's own server, never in the container under test",
        "browser": not (shutil.which("chromium") and shutil.which("npm"))
        and "no browser here; as root: apt-get install --no-install-recommends chromium npm",
        "chroot": os.environ.get("GHOSTWATCH_TEST_CHROOT") != "1"
        and "make test-debian runs it: it needs root, debootstrap, the network and minutes",
        "container": not in_container and "make test-containers builds the images and runs it",
    }
    for item in items:
        for marker, obstacle in obstacles.items():
            if obstacle and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=obstacle))


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    """Whichever test runs first, it is the present source that is tested."""
    build()


@pytest.fixture(scope="session")
def trees(built: None) -> Iterator[tuple[Path, Path]]:
    """The source of an earlier version, and the present one that can be upgraded to from there."""
    # pytest's own temporary directories are closed to the server's account.
    with TemporaryDirectory(prefix="ghostwatch-") as name:
        yield make_trees(Path(name))


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server under test."""
    with own_server() as started:
        yield started


@pytest.fixture(scope="session")
def templates(server: Server) -> Iterator[dict[str, str]]:
    """The template database of each kind of installation, both extensions in it."""

    def install_and_upgrade(server: Server, database: str, kind: str) -> None:
        migrations = Migrations.released(server, RELEASED[-1])
        migrations.install_before(database, kind)
        with server.connect(database) as connection:
            migrations.upgrade(connection, kind)

    with make_templates(server, install_and_upgrade if UPGRADED else install) as names:
        yield names


@pytest.fixture
def database(server: Server, templates: dict[str, str], kind: str) -> Iterator[Database]:
    """A fresh database with both parts installed; mark the test both_kinds to run it on either kind."""
    with Database.create(server, f"test_{os.getpid()}_{next(_numbers)}", templates[kind], kind) as made:
        yield made


@pytest.fixture
def empty_database(server: Server) -> Iterator[Database]:
    """A fresh database with nothing installed."""
    with Database.create(server, f"test_{os.getpid()}_{next(_numbers)}", "template1", "none") as made:
        yield made


@contextmanager
def _database_in(server: Server, encoding: str) -> Iterator[Database]:
    name = f"test_{os.getpid()}_{next(_numbers)}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    database = Database(server, name, "extension")
    try:
        database.execute("SET client_encoding TO UTF8")
        yield database
    finally:
        database.connection.close()
        server.drop_database(name)


@pytest.fixture
def database_without_encoding(server: Server) -> Iterator[Database]:
    """A fresh database of bytes, as Debian makes it where no locale is set."""
    with _database_in(server, "SQL_ASCII") as made:
        yield made


@pytest.fixture
def latin1_database(server: Server) -> Iterator[Database]:
    """A fresh database whose encoding knows the letters of Western Europe only."""
    with _database_in(server, "LATIN1") as made:
        yield made


@pytest.fixture(scope="session")
def make_role(server: Server) -> Iterator[Callable[[], str]]:
    """Makes login roles without any privilege, and drops them after the databases that knew them."""
    made: list[str] = []

    def make() -> str:
        # In need of quotes, so that a forgotten one shows.
        name = f"Role {os.getpid()} {next(_numbers)}"
        server.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        made.append(name)
        return name

    yield make
    for name in made:
        server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture
def cron_server() -> Iterator[OwnServer]:
    """A server of its own, whose pg_cron lives in the database 'bot' with both extensions."""
    with own_server(cron_database="bot") as started:
        started.create_database("bot")
        for extension in ("pg_cron", "ghostwatch", "ghostwatch_onboarding"):
            started.execute(f"CREATE EXTENSION {extension}", "bot")
        yield started


@pytest.fixture
def cron_home(server: Server, make_role: Callable[[], str]) -> Iterator[Database]:
    """The database in which the server's pg_cron lives, with ghostwatch installed for the test."""
    with server.connect() as connection:
        found = connection.execute("SHOW cron.database_name").fetchone()
    assert found is not None
    home = Database(server, found[0], "extension")
    home.execute("CREATE EXTENSION IF NOT EXISTS pg_cron")
    home.execute("CREATE EXTENSION ghostwatch")
    try:
        yield home
    finally:
        home.execute("SELECT cron.unschedule(jobid) FROM cron.job")
        home.execute("DROP EXTENSION ghostwatch CASCADE")
        home.execute(
            """
            DO $$
            DECLARE
                role name;
            BEGIN
                FOR role IN SELECT rolname FROM pg_roles WHERE rolname LIKE 'Role %' LOOP
                    EXECUTE format('DROP OWNED BY %I', role);
                END LOOP;
            END
            $$
            """
        )
        home.connection.close()
