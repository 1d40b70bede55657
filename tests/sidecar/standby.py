"""A streaming replica of a server under test."""

from __future__ import annotations

import shutil
import time
from contextlib import AbstractContextManager

from tests.support.cluster import Cluster
from tests.support.container import container_server
from tests.support.own_server import OwnServer


class Standby(Cluster):
    """Follows a primary until it is promoted; a context manager like any other cluster."""

    def __init__(self, primary: Cluster) -> None:
        super().__init__(tree=primary.tree)
        self._primary = primary

    def create(self) -> None:
        """Copies the primary while it is down for a moment, which needs no tool of the primary's version."""
        self._place_programs()
        self._give_to_server(self.directory)
        self._primary.stop()
        shutil.copytree(self._primary.data, self.data)
        self._primary.start()
        (self.data / "standby.signal").touch()
        self._settings["primary_conninfo"] = self._primary.dsn().replace("'", "''")
        self._configure()
        for path in (self.data, *self.data.rglob("*")):
            self._give_to_server(path)


def standby_of(primary: OwnServer) -> AbstractContextManager[OwnServer]:
    """A streaming replica, which ends with the context."""
    if isinstance(primary, Cluster):
        return Standby(primary)
    return container_server(primary.image, standby_of=primary)


def wait_until_it_has_replayed_all(standby: OwnServer, primary: OwnServer) -> None:
    """Waits until the standby has what the primary has."""
    with primary.connect() as there, standby.connect() as here:
        (position,) = there.execute("SELECT pg_current_wal_lsn()").fetchone() or ("",)
        for _ in range(200):
            (caught_up,) = here.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [position]).fetchone() or (
                False,
            )
            if caught_up:
                return
            time.sleep(0.05)
    raise AssertionError("the standby does not follow")
