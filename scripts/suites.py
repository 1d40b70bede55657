"""Runs the test suite on several servers, one after the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import NoReturn

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Long enough for the tests that run to be interrupted and their servers to be removed.
END_SECONDS = 60


def end_orderly_on_signals() -> None:
    """Makes a signal to end leave every context manager, so that nothing stays behind."""
    for number in ENDING_SIGNALS:
        signal.signal(number, _end)


def _end(number: int, _: FrameType | None) -> NoReturn:
    # Whoever is impatient does not interrupt the clearing up.
    for other in ENDING_SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)


def run_suites(suites: Mapping[str, Mapping[str, str]], arguments: Sequence[str]) -> int:
    """Runs pytest once with the environment of each server; returns 1 if a test failed on one."""
    failed = []
    for server, environment in suites.items():
        print(f"==== {server}", flush=True)
        if _run_pytest(environment, arguments) != 0:
            failed.append(server)
    for server in failed:
        print(f"==== failed: {server}")
    return 1 if failed else 0


def _run_pytest(environment: Mapping[str, str], arguments: Sequence[str]) -> int:
    """Runs pytest; if this process is to end, pytest is interrupted first and clears up."""
    command = [sys.executable, "-m", "pytest", *arguments]
    # In a group of its own, so that Ctrl-C reaches it and its workers once, from here.
    with subprocess.Popen(command, env={**os.environ, **environment}, process_group=0) as pytest:
        try:
            return pytest.wait()
        except BaseException:
            os.killpg(pytest.pid, signal.SIGINT)
            try:
                pytest.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                pytest.kill()
            raise
