"""Servers that a test has to itself, of the kind under test."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager

from scripts.cluster import Cluster
from tests.container import ContainerServer, container_server

OwnServer = Cluster | ContainerServer


def own_server(
    *, cron_database: str = "postgres", settings: Mapping[str, str] | None = None
) -> AbstractContextManager[OwnServer]:
    """A container of GHOSTWATCH_TEST_IMAGE, else a throw-away server; it ends with the context.

    cron_database: the database in which pg_cron lives, where the server has it.
    settings: parameters beside those of a throw-away server.
    """
    image = os.environ.get("GHOSTWATCH_TEST_IMAGE")
    if image is None:
        return Cluster(cron_database=cron_database, settings=settings)
    return container_server(image, cron_database=cron_database, settings=settings)
