"""A throw-away PostgreSQL server, for the demo, the tests, the lint and the benchmarks.

The server is a private copy of the machine's own: PostgreSQL finds its share directory relative
to where its binary really lies, so a copied binary beside a directory of links sees our extension
files without anything being installed on the machine. Several checkouts can run at once.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from scripts.build import DIST

# What initdb and the server execute of their own directory; clients are used from where they are.
SERVER_PROGRAMS = ("initdb", "pg_ctl", "postgres")
SUPERUSER = "postgres"
# pgTAP is plain SQL: a server that comes without it can use Debian's.
PGTAP_SOURCE = next(iter(sorted(Path("/usr/share/postgresql").glob("*/extension"))), Path("/nonexistent"))
THROW_AWAY_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "on",
    "jit": "off",
    "max_connections": "150",
    "max_prepared_transactions": "10",
    "shared_buffers": "128MB",
    "log_min_messages": "warning",
    "timezone": "UTC",
}


class ClusterError(RuntimeError):
    """The throw-away server could not be made; the message says why and what to do."""


@dataclass(frozen=True)
class ServerTree:
    """Where one PostgreSQL version lies."""

    bin: Path
    lib: Path
    share: Path

    @classmethod
    def find(cls) -> ServerTree:
        """Finds the server to test: GHOSTWATCH_TEST_SERVER, else the newest of the distribution."""
        chosen = os.environ.get("GHOSTWATCH_TEST_SERVER")
        if chosen:
            return cls.of_prefix(Path(chosen))
        debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
        if not debian:
            raise ClusterError("no PostgreSQL server found in /usr/lib/postgresql; run: make setup")
        version = debian[-1].parts[-3]
        prefix = debian[-1].parent.parent
        return cls(prefix / "bin", prefix / "lib", Path("/usr/share/postgresql") / version)

    @classmethod
    def of_prefix(cls, prefix: Path) -> ServerTree:
        """A self-contained tree with bin, lib and share, as embedded servers have it."""
        if not (prefix / "bin" / "postgres").exists():
            raise ClusterError(f"no PostgreSQL server in {prefix}: bin/postgres is missing")
        share = prefix / "share" / "postgresql"
        return cls(prefix / "bin", prefix / "lib", share if share.is_dir() else prefix / "share")

    @property
    def module_directory(self) -> Path:
        """Where the server's loadable modules are."""
        nested = self.lib / "postgresql"
        return nested if nested.is_dir() else self.lib

    def has_module(self, name: str) -> bool:
        """Whether a loadable module, such as pg_cron, is there."""
        return (self.module_directory / f"{name}.so").exists()

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


class Cluster(Server):
    """A throw-away server of our own; a context manager that leaves nothing behind.

    cron_database: the database in which pg_cron lives, where the server has it.
    settings: parameters of postgresql.conf beside those of a throw-away server.
    dist: where the extension files are that it takes.
    """

    def __init__(
        self,
        *,
        tree: ServerTree | None = None,
        cron_database: str = "postgres",
        settings: Mapping[str, str] | None = None,
        directory: Path | None = None,
        dist: Path = DIST,
    ) -> None:
        tree = tree or ServerTree.find()
        self.directory = directory or Path(tempfile.mkdtemp(prefix="ghostwatch-"))
        self.data = self.directory / "data"
        self.log = self.directory / "server.log"
        self.port = free_port()
        self._cron_database = cron_database
        self._dist = dist
        self._settings = dict(settings or {})
        self._account = _server_account()
        # Laid out as the original is, for PostgreSQL's relative paths to lead here.
        home = Path(os.path.commonpath([tree.bin, tree.lib, tree.share]))
        self._programs, self._libraries, self._share = (
            self.directory / "server" / path.relative_to(home) for path in (tree.bin, tree.lib, tree.share)
        )
        super().__init__(make_conninfo(host="127.0.0.1", port=self.port, user=SUPERUSER), tree)

    @property
    def has_cron(self) -> bool:
        """Whether pg_cron is loaded."""
        return self.tree.has_module("pg_cron")

    def __enter__(self) -> Self:
        try:
            self.create()
            self.start()
        except BaseException:
            self.destroy()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.destroy()

    def create(self) -> None:
        """Copies the server and initialises its data directory."""
        self.directory.mkdir(exist_ok=True)
        self.directory.chmod(0o755)
        self._copy_tree()
        self._give_to_server(self.directory)
        self._run(
            "initdb",
            *("--pgdata", str(self.data), "--username", SUPERUSER, "--auth", "trust"),
            *("--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
        )
        self._configure()

    def start(self) -> None:
        """Starts the server and waits until it takes connections."""
        self._run("pg_ctl", "start", "--pgdata", str(self.data), "--log", str(self.log), "--wait", "--silent")

    def stop(self, mode: str = "fast") -> None:
        """Stops the server: 'smart', 'fast', or 'immediate' for a crash."""
        self._run("pg_ctl", "stop", "--pgdata", str(self.data), "--mode", mode, "--wait", "--silent")

    def restart(self, mode: str = "fast") -> None:
        """Stops and starts the server on the same port."""
        self.stop(mode)
        self.start()

    def destroy(self) -> None:
        """Stops the server if it runs and removes everything."""
        if (self.data / "postmaster.pid").exists():
            with contextlib.suppress(ClusterError):
                self.stop("immediate")
        shutil.rmtree(self.directory, ignore_errors=True)

    def _copy_tree(self) -> None:
        tree = self.tree
        self._programs.mkdir(parents=True)
        for program in SERVER_PROGRAMS:
            shutil.copy2(tree.bin / program, self._programs / program)
        _link_all(tree.lib, self._libraries)
        _link_all(tree.share, self._share, leave_out="extension")
        extensions = self._share / "extension"
        extensions.mkdir()
        # Copied, so that this server goes on working while another build is made; and before the links to what
        # the machine has, which may be an installed ghostwatch.
        for path in self._dist.glob("ghostwatch*"):
            shutil.copy2(path, extensions)
        _link_all(tree.share / "extension", extensions)
        _link_all(PGTAP_SOURCE, extensions, pattern="pgtap*")

    def _configure(self) -> None:
        settings = {
            **THROW_AWAY_SETTINGS,
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.directory),
        }
        if self.has_cron:
            settings |= {
                "shared_preload_libraries": "pg_cron",
                "cron.database_name": self._cron_database,
                "cron.host": str(self.directory),
            }
        settings |= self._settings
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as configuration:
            configuration.writelines(lines)

    def _give_to_server(self, path: Path) -> None:
        if self._account is not None:
            shutil.chown(path, self._account.pw_uid, self._account.pw_gid)

    def _run(self, program: str, *arguments: str) -> None:
        """Runs a program of the private copy as the server's account, never as root."""
        account = self._account
        # The server holds its standard output open for ever: a pipe would never come to its end.
        with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
            finished = subprocess.run(
                [str(self._programs / program), *arguments],
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
                cwd=self.directory,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
            if finished.returncode != 0:
                output.seek(0)
                log = self.log.read_text(encoding="utf-8")[-2000:] if self.log.exists() else ""
                raise ClusterError(f"{program} failed:\n{output.read()}{log}")


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


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _server_account() -> pwd.struct_passwd | None:
    """The account that the server runs as where we are root, which PostgreSQL refuses to be."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
