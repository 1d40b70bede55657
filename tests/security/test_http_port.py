"""Whoever reaches the HTTP port takes neither the health pages from others nor a message from a chat."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest

from tests.sidecar.conftest import outbox, start_sidecar, telegram
from tests.sidecar.process import Outbox, StartSidecar
from tests.sidecar.test_service import get
from tests.support.cluster import free_port
from tests.support.fake_telegram import FakeTelegram

__all__ = ["outbox", "start_sidecar", "telegram"]

pytestmark = pytest.mark.both_kinds


@pytest.mark.attack(
    "a thousand connections that send a byte each",
    role="anyone who reaches the HTTP port",
    result="health pages and messages go on",
)
def test_a_thousand_trickling_connections(outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar) -> None:
    """Each sends a byte of a request that never ends."""
    port = free_port()
    outbox.add_channel()
    sidecar = start_sidecar(http_port=str(port))
    with ExitStack() as stack:
        for _ in range(1000):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            connection.sendall(b"GET /heal")
        for _ in range(5):
            assert get(port, "/healthz")[0] == 200
        outbox.open_alert()
        telegram.wait_for_messages(1)
        assert get(port, "/readyz")[0] == 200
    assert "Traceback" not in sidecar.output


@pytest.mark.attack(
    "malformed and oversized requests",
    role="anyone who reaches the HTTP port",
    result="refused, and nothing is logged about them",
)
@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\0\xff" * 100 + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
        b"GET /\x1b[2J HTTP/1.1\r\nHost: x\r\n\r\n",
        b"",
    ],
    ids=["binary", "version", "long header", "body", "control characters", "nothing"],
)
def test_malformed_requests(outbox: Outbox, start_sidecar: StartSidecar, request_bytes: bytes) -> None:
    """Are answered or not, and nothing is written about them."""
    port = free_port()
    sidecar = start_sidecar(http_port=str(port), log_level="debug")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request_bytes)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while part := connection.recv(4096):
                answer += part
        except ConnectionResetError:
            pass
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))
    assert get(port, "/healthz")[0] == 200
    assert "Traceback" not in sidecar.output
