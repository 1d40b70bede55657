"""The compose stack from end to end: two containers in, a Bot API server outside."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from scripts.build import ROOT
from tests.support.cluster import free_port
from tests.support.fake_telegram import TOKEN, FakeTelegram

CHAT = -1001234567890
PASSWORDS = {"postgres_password": "the owner's: $'x y", "sidecar_password": "the sidecar's: @/:?"}
FILES = (ROOT / "deploy" / "compose.yaml", Path(__file__).parent / "host_network.yaml")
pytestmark = pytest.mark.container


@dataclass
class Stack:
    """The running stack."""

    project: str
    port: int
    environment: dict[str, str]

    def compose(self, *arguments: str) -> str:
        """Runs docker compose, whichever generation of it is there."""
        plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
        command = ["docker", "compose"] if plugin else ["docker-compose"]
        files = [f"--file={path}" for path in FILES]
        finished = subprocess.run(
            [*command, f"--project-name={self.project}", *files, *arguments],
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    def connect(self, user: str, password: str) -> psycopg.Connection[tuple[object, ...]]:
        """A connection from outside."""
        conninfo = make_conninfo(host="127.0.0.1", port=self.port, dbname="bot", user=user, password=password)
        return psycopg.connect(conninfo, autocommit=True)

    def health(self, service: str) -> str:
        """What the health check of a service's container found."""
        container = self.compose("ps", "--quiet", service).strip()
        shown = subprocess.run(
            ["docker", "inspect", "--format={{json .State.Health}}", container], capture_output=True, check=True
        )
        return str(json.loads(shown.stdout)["Status"])


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    """A Bot API server without limits."""
    with FakeTelegram() as server:
        yield server


@pytest.fixture
def stack(telegram: FakeTelegram, tmp_path: Path) -> Iterator[Stack]:
    """The stack as docs/deploy.md starts it, with secrets from files."""
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o700)
    for name, secret in (PASSWORDS | {"telegram_token": TOKEN}).items():
        (secrets / name).write_text(f"{secret}\n", encoding="utf-8")

    port = free_port()
    made = Stack(
        project=f"ghostwatch-test-{port}",
        port=port,
        environment={
            "GHOSTWATCH_CHAT_ID": str(CHAT),
            "GHOSTWATCH_SECRETS": str(secrets),
            "GHOSTWATCH_TELEGRAM_API_URL": telegram.url,
            "GHOSTWATCH_TEST_PORT": str(port),
            "GHOSTWATCH_TEST_HTTP_PORT": str(free_port()),
        },
    )
    try:
        made.compose("up", "--detach", "--no-build")
        yield made
    finally:
        made.compose("down", "--volumes", "--timeout=5")


@pytest.mark.timeout(300)
def test_a_ghost_in_the_database_becomes_a_message(stack: Stack, telegram: FakeTelegram) -> None:
    """The whole way through containers: a signup without a meme, pg_cron, the alert, the sidecar, Telegram."""
    with stack.connect("postgres", PASSWORDS["postgres_password"]) as connection:
        # The job that first-start.sql made runs every minute; the test does not wait that long.
        connection.execute("SET ROLE ghostwatch_owner")
        connection.execute("SELECT ghostwatch.schedule('1 second')")
        connection.execute("RESET ROLE")
        connection.execute("SELECT onboarding.start(4242, 'Ada', deep_link => 'kitchen')")
        connection.execute("""UPDATE public."user" SET created_at = created_at - interval '55 seconds'""")

        def told() -> bool:
            return any("first_meme" in request.text and "4242" in request.text for request in telegram.sent(CHAT))

        telegram.wait_for(told, seconds=60)

    deadline = time.monotonic() + 60
    while stack.health("sidecar") == "starting" and time.monotonic() < deadline:
        time.sleep(1)
    assert (stack.health("postgres"), stack.health("sidecar")) == ("healthy", "healthy")
    logs = stack.compose("logs", "--no-color")
    assert all(secret not in logs for secret in (*PASSWORDS.values(), TOKEN.partition(":")[2]))


def test_the_sidecar_comes_in_only_with_its_password(stack: Stack) -> None:
    """Its role has the password of the secret, and no right on the users."""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        stack.connect("ghostwatch_sidecar", "guessed")
    with (
        stack.connect("ghostwatch_sidecar", PASSWORDS["sidecar_password"]) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute('SELECT * FROM public."user"')


def test_a_missing_chat_is_named() -> None:
    """Without the chat's id nothing starts, and the message names the variable."""
    stack = Stack("ghostwatch-test-nothing", 0, {"GHOSTWATCH_CHAT_ID": ""})
    with pytest.raises(AssertionError, match="GHOSTWATCH_CHAT_ID"):
        stack.compose("up", "--detach", "--no-build")
