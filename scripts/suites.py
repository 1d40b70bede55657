"""Runs the test suite on several servers, one after the other."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence


def run_suites(suites: Mapping[str, Mapping[str, str]], arguments: Sequence[str]) -> int:
    """Runs pytest once with the environment of each server; returns 1 if a test failed on one."""
    failed = []
    for server, environment in suites.items():
        print(f"==== {server}", flush=True)
        finished = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments], env={**os.environ, **environment}, check=False
        )
        if finished.returncode != 0:
            failed.append(server)
    for server in failed:
        print(f"==== failed: {server}")
    return 1 if failed else 0
