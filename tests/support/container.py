"""The server of the image, run by testcontainers, as a server under test."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import psycopg
from psycopg.conninfo import make_conninfo
from testcontainers.core.container import DockerContainer

from ghostwatch.demo.server import SETTINGS, SUPERUSER, free_port
from tests.support.cluster import Server

START_SECONDS = 90
STOP_SIGNALS = {"fast": "SIGINT", "immediate": "SIGQUIT"}


class ContainerServer(Server):
    """A server in a container, which brings its own clients."""

    def __init__(self, container: DockerContainer, port: int) -> None:
        super().__init__(make_conninfo(host="127.0.0.1", port=port, user=SUPERUSER))
        self.port = port
        self.image = container.image
        self._container = container

    def start(self) -> None:
        """Starts the server that was stopped."""
        self._container.get_wrapped_container().start()
        self.wait_until_it_answers()

    def stop(self, mode: str = "fast") -> None:
        """Stops the server: 'fast', or 'immediate' for a crash."""
        wrapped = self._container.get_wrapped_container()
        wrapped.kill(STOP_SIGNALS[mode])
        wrapped.wait()

    def dump(self, database: str, *options: str) -> str:
        """The database as the container's pg_dump writes it: the machine's own may be too old."""
        finished = self._container.get_wrapped_container().exec_run(["pg_dump", *options, database], demux=True)
        written, said = finished.output
        assert finished.exit_code == 0, said
        return str(written, encoding="utf-8")

    def wait_until_it_answers(self) -> None:
        """Waits for the first connection; while it prepares a first start the server takes none by network."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            with suppress(psycopg.OperationalError), self.connect():
                return
            wrapped = self._container.get_wrapped_container()
            wrapped.reload()
            assert wrapped.status == "running" and time.monotonic() < deadline, wrapped.logs().decode()
            time.sleep(0.1)


@contextmanager
def container_server(
    image: str,
    *,
    cron_database: str = "postgres",
    settings: Mapping[str, str] | None = None,
    standby_of: ContainerServer | None = None,
) -> Iterator[ContainerServer]:
    """Runs the image on the host's network, on a free port of loopback."""
    port = free_port()
    parameters = {
        **SETTINGS,
        "listen_addresses": "127.0.0.1",
        "cron.database_name": cron_database,
        **(settings or {}),
    }
    container = (
        DockerContainer(image)
        .with_envs(PGPORT=str(port), POSTGRES_PASSWORD="unused", POSTGRES_HOST_AUTH_METHOD="trust")
        .with_command(["postgres", *(f"--{name}={value}" for name, value in parameters.items())])
    )
    options: dict[str, object] = {
        "network_mode": "host",
        "shm_size": "256m",
        "labels": {os.environ["GHOSTWATCH_TEST_LABEL"]: ""},
    }
    if standby_of is not None:
        copy = f"pg_basebackup --dbname='{standby_of.dsn()}' --pgdata=$PGDATA --write-recovery-conf --checkpoint=fast"
        options["entrypoint"] = ["bash", "-c", f'{copy} && exec "$@"', "standby"]
    with container.with_kwargs(**options):
        server = ContainerServer(container, port)
        server.wait_until_it_answers()
        yield server
