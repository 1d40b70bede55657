"""Servers that a test has to itself, of the kind under test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from tests.support.cluster import Cluster
from tests.support.container import ContainerServer, container_server

OwnServer = Cluster | ContainerServer

MEMORY = Path("/dev/shm")
ENOUGH_MEMORY = 4 * 2**30


def own_server(
    *, cron_database: str = "postgres", settings: Mapping[str, str] | None = None
) -> AbstractContextManager[OwnServer]:
    """A container of GHOSTWATCH_TEST_IMAGE, else a throw-away server; it ends with the context.

    cron_database: the database in which pg_cron lives, where the server has it.
    settings: parameters beside those of a throw-away server.
    """
    image = os.environ.get("GHOSTWATCH_TEST_IMAGE")
    if image is None:
        return Cluster(cron_database=cron_database, settings=settings, directory=_directory_in_memory())
    return container_server(image, cron_database=cron_database, settings=settings)


def _directory_in_memory() -> Path | None:
    """A directory for what a server writes, or None where memory has no room or lets no program run.

    Tests make databases by the hundred, which takes a tenth of the time there.
    """
    if not os.access(MEMORY, os.W_OK):
        return None
    memory = os.statvfs(MEMORY)
    if memory.f_flag & os.ST_NOEXEC or memory.f_bavail * memory.f_frsize < ENOUGH_MEMORY:
        return None
    return Path(tempfile.mkdtemp(prefix="ghostwatch-", dir=MEMORY))
