"""The server of the image, run by testcontainers, as a server under test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.conninfo import make_conninfo
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HealthcheckWaitStrategy

from scripts.cluster import SUPERUSER, THROW_AWAY_SETTINGS, Server, free_port

START_SECONDS = 90


class ContainerServer(Server):
    """A server in a container, which brings its own clients."""

    def __init__(self, conninfo: str, container: DockerContainer) -> None:
        super().__init__(conninfo)
        self._container = container

    def dump(self, database: str) -> str:
        """The database as the container's pg_dump writes it: the machine's own may be too old."""
        finished = self._container.get_wrapped_container().exec_run(["pg_dump", database], demux=True)
        written, said = finished.output
        assert finished.exit_code == 0, said
        return str(written, encoding="utf-8")


@contextmanager
def container_server(image: str) -> Iterator[ContainerServer]:
    """Runs the image on the host's network, on a free port of loopback."""
    port = free_port()
    settings = THROW_AWAY_SETTINGS | {"listen_addresses": "127.0.0.1"}
    container = (
        DockerContainer(image)
        .with_kwargs(network_mode="host", shm_size="256m")
        .with_envs(PGPORT=str(port), POSTGRES_PASSWORD="unused", POSTGRES_HOST_AUTH_METHOD="trust")
        .with_command(["postgres", *(f"--{name}={value}" for name, value in settings.items())])
        .waiting_for(HealthcheckWaitStrategy().with_startup_timeout(START_SECONDS))
    )
    with container:
        yield ContainerServer(make_conninfo(host="127.0.0.1", port=port, user=SUPERUSER), container)
