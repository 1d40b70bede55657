"""A throw-away PostgreSQL server, for the tests, the lint and the benchmarks.

The server is a private copy of the machine's own: PostgreSQL finds its share directory relative
to where its binary really lies, so a copied binary beside a directory of links sees our extension
files without anything being installed on the machine. Several checkouts can run at once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import ghostwatch.demo.server as throw_away
from ghostwatch.demo.server import SUPERUSER, ThrowAwayServer, free_port
from ghostwatch.demo.server import ServerError as ClusterError
from scripts.build import DIST

__all__ = ["SUPERUSER", "Cluster", "ClusterError", "Server", "ServerTree", "free_port"]

# What initdb and the server execute of their own directory; clients are used from where they are.
SERVER_PROGRAMS = ("initdb", "pg_ctl", "postgres")
# pgTAP is plain SQL: a server that comes without it can use Debian's.
PGTAP_SOURCE = next(iter(sorted(Path("/usr/share/postgresql").glob("*/extension"))), Path("/nonexistent"))


@dataclass(frozen=True)
class ServerTree(throw_away.ServerTree):
    """Where one PostgreSQL version lies, and the clients for it."""

    @classmethod
    def find(cls) -> ServerTree:
        """Finds the server to test: GHOSTWATCH_TEST_SERVER, else the newest of the distribution."""
        chosen = os.environ.get("GHOSTWATCH_TEST_SERVER")
        tree = cls.of_prefix(Path(chosen)) if chosen else cls.of_distribution()
        if tree is None:
            raise ClusterError("no PostgreSQL server found in /usr/lib/postgresql; run: make setup")
        return tree

    def client(self, program: str) -> Path:
        """A client program, preferably of the same version, never Debian's wrapper."""
        own = self.bin / program
        if own.exists():
            return own
        others = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
        if not others:
            raise ClusterError(f"{program} not found; run: make setup")
        return others[-1]

    def can_dump(self) -> bool:
        """Whether pg_dump is there and not older than the server, which it would refuse."""
        return _major_version(self.client("pg_dump")) >= _major_version(self.bin / "postgres")


class Server:
    """A running server that databases can be made on."""

    def __init__(self, conninfo: str, tree: ServerTree | None = None) -> None:
        self._conninfo = conninfo
        self.tree = tree or ServerTree.find()

    def dsn(self, database: str = "postgres", user: str | None = None, **more: Any) -> str:
        """A connection string for a database of this server."""
        if user is not None:
            more["user"] = user
        return make_conninfo(self._conninfo, dbname=database, **more)

    def environment(self, database: str = "postgres") -> dict[str, str]:
        """PG* variables that make libpq programs connect to the database."""
        names = {
            "host": "PGHOST",
            "port": "PGPORT",
            "user": "PGUSER",
            "password": "PGPASSWORD",
            "dbname": "PGDATABASE",
        }
        parameters = conninfo_to_dict(self.dsn(database))
        return {names[name]: str(value) for name, value in parameters.items() if name in names}

    def connect(self, database: str = "postgres", user: str | None = None) -> psycopg.Connection[Any]:
        """An autocommit connection."""
        return psycopg.connect(self.dsn(database, user), autocommit=True)

    def execute(self, statement: str | sql.Composed, database: str = "postgres") -> None:
        """Runs one statement as superuser."""
        with self.connect(database) as connection:
            connection.execute(statement.encode() if isinstance(statement, str) else statement)

    def create_database(self, name: str, template: str = "template1", owner: str = SUPERUSER) -> None:
        """Creates a database."""
        self.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                sql.Identifier(name), sql.Identifier(template), sql.Identifier(owner)
            )
        )

    def drop_database(self, name: str) -> None:
        """Drops a database with everyone who is connected to it."""
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def run_client(
        self, program: str, *arguments: str, database: str = "postgres", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Runs a client program such as psql or pg_dump against a database."""
        return subprocess.run(
            [str(self.tree.client(program)), *arguments],
            env=os.environ | self.environment(database),
            check=check,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    def dump(self, database: str, *options: str) -> str:
        """The database as pg_dump writes it."""
        return self.run_client("pg_dump", "--no-sync", *options, database=database).stdout

    def psql_file(self, script: Path, database: str) -> subprocess.CompletedProcess[str]:
        """Runs a script as a person would, with psql -f, until the first error."""
        options = ("--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", str(script))
        return self.run_client("psql", *options, database=database, check=False)


class Cluster(Server, ThrowAwayServer):
    """A throw-away server of our own, on a port of loopback; a context manager that leaves nothing behind.

    cron_database: the database in which pg_cron lives, where the server has it.
    settings: parameters of postgresql.conf beside those of a throw-away server.
    dist: where the extension files are that it takes.
    """

    tree: ServerTree

    def __init__(
        self,
        *,
        tree: ServerTree | None = None,
        cron_database: str = "postgres",
        settings: Mapping[str, str] | None = None,
        directory: Path | None = None,
        dist: Path = DIST,
    ) -> None:
        found = tree or ServerTree.find()
        ThrowAwayServer.__init__(
            self,
            found,
            cron_database=cron_database,
            settings={"listen_addresses": "127.0.0.1", **(settings or {})},
            directory=directory,
            locale="C.UTF-8",
        )
        Server.__init__(self, make_conninfo(host="127.0.0.1", port=self.port, user=SUPERUSER), found)
        self._dist = dist
        # Laid out as the original is, for PostgreSQL's relative paths to lead here.
        home = found.package.parent if found.package else Path(os.path.commonpath([found.bin, found.lib, found.share]))
        self._programs, self._libraries, self._share = (
            self.directory / "server" / path.relative_to(home) for path in (found.bin, found.lib, found.share)
        )

    def _place_programs(self) -> None:
        # Tests connect as other accounts too, and let clients write beside the server.
        self.directory.chmod(0o755)
        tree = self.tree
        self._programs.mkdir(parents=True)
        for program in SERVER_PROGRAMS:
            shutil.copy2(tree.bin / program, self._programs / program)
        _link_all(tree.lib, self._libraries)
        if tree.package:
            libraries = f"{tree.package.name}.libs"
            _link_all(tree.package.with_name(libraries), self.directory / "server" / libraries)
        _link_all(tree.share, self._share, leave_out="extension")
        extensions = self._share / "extension"
        extensions.mkdir()
        # Copied, so that this server goes on working while another build is made; and before the links to what
        # the machine has, which may be an installed ghostwatch.
        for path in self._dist.glob("ghostwatch*"):
            shutil.copy2(path, extensions)
        _link_all(tree.share / "extension", extensions)
        _link_all(PGTAP_SOURCE, extensions, pattern="pgtap*")


def _major_version(program: Path) -> int:
    """The 17 of "postgres (PostgreSQL) 17.10"."""
    said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    return int(said.split(")")[1].split(".")[0])


def _link_all(source: Path, target: Path, *, pattern: str = "*", leave_out: str = "") -> None:
    """Links every file of one directory into another; what is there already stays."""
    target.mkdir(parents=True, exist_ok=True)
    for path in source.glob(pattern):
        if path.name != leave_out and not (target / path.name).exists():
            (target / path.name).symlink_to(path)
