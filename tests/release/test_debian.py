"""The Debian package: built from the source as Debian builds it, its files on a server, and itself in a Debian."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from scripts.build import ROOT, version
from tests.support.cluster import Cluster, ServerTree
from tests.support.database import PARTS

pytestmark = [
    pytest.mark.once,
    pytest.mark.machine,
    pytest.mark.skipif(
        not all(map(shutil.which, ("dpkg-buildpackage", "dh", "pg_buildext"))),
        reason="building takes the packages debhelper, dpkg-dev and postgresql-server-dev-all",
    ),
]


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Runs a program, which has to succeed, and returns what it prints."""
    finished = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-3000:]
    return finished.stdout


@pytest.fixture(scope="module")
def major() -> str:
    """The major version of the distribution's server."""
    tree = ServerTree.of_distribution()
    assert tree is not None
    return tree.share.name


@pytest.fixture(scope="module")
def package(major: str) -> Iterator[Path]:
    """The package for that server, in a directory beside the source that it was built from."""
    # pytest's own temporary directories are closed to the server's account.
    with TemporaryDirectory(prefix="ghostwatch-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        source = directory / "source"
        for file in run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines():
            if (ROOT / file).is_file():
                (source / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / file, source / file)
        run("dpkg-buildpackage", "--build=binary", "--unsigned-changes", cwd=source)
        (package,) = directory.glob(f"postgresql-{major}-ghostwatch_{version()}-*_all.deb")
        yield package


@pytest.mark.timeout(300)
def test_the_package_has_what_a_server_needs(package: Path, major: str) -> None:
    """Each server that is supported here gets a package, with which both extensions are created."""
    unpacked = package.parent / "unpacked"
    run("dpkg-deb", "--extract", package, unpacked)
    with Cluster(dist=unpacked / "usr" / "share" / "postgresql" / major / "extension") as server:
        for part in PARTS:
            server.execute(f"CREATE EXTENSION {part}")
        with server.connect() as connection:
            found = connection.execute("SELECT version, kind FROM onboarding.installation").fetchall()
    assert found == [(version(), "extension")]


class Debian:
    """A Debian of its own below a directory, without anything of the machine but its network."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        run("debootstrap", "--variant=minbase", platform.freedesktop_os_release()["VERSION_CODENAME"], directory)
        # No package starts a service by itself.
        policy = directory / "usr" / "sbin" / "policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
        policy.chmod(0o755)
        self.run("apt-get", "update", "--quiet=2")

    def run(self, *command: str) -> str:
        """Runs a program as root of that Debian."""
        return run("chroot", self.directory, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", *command)

    def install(self, *packages: str) -> None:
        """Installs packages with what they depend on."""
        self.run("apt-get", "install", "--quiet=2", "--yes", "--no-install-recommends", *packages)

    def as_postgres(self, command: str) -> str:
        """Runs a shell's command as the account of the server."""
        return self.run("su", "postgres", "--shell", "/bin/sh", "--command", command)


@pytest.mark.chroot
@pytest.mark.timeout(1800)
def test_it_is_installed_and_passes_installcheck(package: Path, major: str) -> None:
    """Where nothing was before: apt installs it and its server, the pgTAP files run, and removing it removes it."""
    with TemporaryDirectory(prefix="ghostwatch-debian-") as name:
        debian = Debian(Path(name))
        debian.directory.chmod(0o755)
        shutil.copy(package, debian.directory / "root")
        debian.install(f"/root/{package.name}")
        # What runs the tests, not the extension.
        debian.install("make", f"postgresql-{major}-pgtap", "libtap-parser-sourcehandler-pgtap-perl")
        shutil.copytree(package.parent / "source", debian.directory / "srv" / "source")
        # The network is the machine's: no port of it is taken.
        debian.run("pg_conftool", major, "main", "set", "listen_addresses", "")
        debian.run("pg_ctlcluster", major, "main", "start")
        try:
            tested = debian.as_postgres("cd /srv/source && make installcheck")
        finally:
            # pg_ctlcluster looks for the process in /proc, which is not there.
            debian.as_postgres(
                f"/usr/lib/postgresql/{major}/bin/pg_ctl stop --mode fast -D /var/lib/postgresql/{major}/main"
            )
        assert "Result: PASS" in tested
        extensions = debian.directory / "usr" / "share" / "postgresql" / major / "extension"
        assert list(extensions.glob("ghostwatch--*.sql"))
        debian.run("apt-get", "remove", "--quiet=2", "--yes", f"postgresql-{major}-ghostwatch")
        assert not list(extensions.glob("ghostwatch*"))
