"""Reports to systemd that the sidecar is ready, alive or stopping, where systemd asked for it."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> None:
    """Sends READY=1, WATCHDOG=1 or STOPPING=1; does nothing without a supervisor."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
        # A name that begins with @ is in the abstract namespace.
        connection.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
        connection.sendall(state.encode())


def watchdog_interval() -> float | None:
    """How often systemd expects a sign of life, in seconds (half of what it allows); None if it does not."""
    microseconds = os.environ.get("WATCHDOG_USEC")
    return int(microseconds) / 2_000_000 if microseconds else None
