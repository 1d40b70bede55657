"""The Debian package: built from the source as Debian builds it, and its files installed on a server."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from scripts.build import ROOT, version
from tests.support.cluster import Cluster, ServerTree
from tests.support.database import PARTS

pytestmark = [pytest.mark.once, pytest.mark.machine, pytest.mark.timeout(300)]


@pytest.mark.skipif(
    not all(map(shutil.which, ("dpkg-buildpackage", "dh", "pg_buildext"))),
    reason="building takes the packages debhelper, dpkg-dev and postgresql-server-dev-all",
)
def test_the_package_has_what_a_server_needs() -> None:
    """Each server that is supported here gets a package, with which both extensions are created."""
    # pytest's own temporary directories are closed to the server's account.
    with TemporaryDirectory(prefix="ghostwatch-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        source = directory / "source"
        files = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
        for file in files:
            if (ROOT / file).is_file():
                (source / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / file, source / file)
        built = subprocess.run(
            ["dpkg-buildpackage", "--build=binary", "--unsigned-changes"],
            cwd=source,
            check=False,
            capture_output=True,
            text=True,
        )
        assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]

        major = ServerTree.find().share.name
        (package,) = directory.glob(f"postgresql-{major}-ghostwatch_{version()}-*_all.deb")
        unpacked = directory / "unpacked"
        subprocess.run(["dpkg-deb", "--extract", package, unpacked], check=True)
        extensions = unpacked / "usr" / "share" / "postgresql" / major / "extension"
        with Cluster(dist=extensions) as server:
            for part in PARTS:
                server.execute(f"CREATE EXTENSION {part}")
            with server.connect() as connection:
                found = connection.execute("SELECT version, kind FROM onboarding.installation").fetchall()
        assert found == [(version(), "extension")]
