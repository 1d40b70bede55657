"""A Docker engine for the tests of the images: the one at hand, else a private one started for as long as needed.

Where no image can be pulled, the Debian base images are made with debootstrap, under the same tags.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.build import ROOT
from tests.support.cache import cache_directory

PACKAGES = ("docker.io", "docker-compose", "debootstrap")
# Which Debian has which PostgreSQL.
SUITES = {17: "trixie", 18: "sid"}
# No bridge and no firewall rules: the machine's network stays as it is, and containers use the host's.
DAEMON_OPTIONS = ("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false")
DAEMON_START_SECONDS = 60
# What tests leave when they are interrupted: how all of it is listed, and how it is removed.
LABELLED = {"container": (("--all",), ("--force", "--volumes")), "volume": ((), ("--force",))}
# How this machine reaches its packages; a base image that is made here has to know it too.
APT_OPTIONS = ("Acquire::Check-", "Acquire::http", "Acquire::https", "Acquire::Retries")
PIP_OPTIONS = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT")
CERTIFICATES = "etc/ghostwatch-certificates.pem"


class EngineError(RuntimeError):
    """The engine could not do its work; the message says why."""


class NoEngineError(EngineError):
    """There is no engine, and none can be had; the message says why."""


class Engine:
    """A Docker engine that answers."""

    def __init__(self, host: str | None = None) -> None:
        self.environment = {"DOCKER_HOST": host} if host else {}

    @classmethod
    @contextlib.contextmanager
    def at_hand(cls) -> Iterator[Engine]:
        """The engine that already runs, else a private one that ends with the context."""
        engine = cls()
        if engine.answers():
            yield engine
            return
        if os.geteuid() != 0:
            raise NoEngineError("no Docker engine answers, and only root can start one")
        _install_packages()
        with _private_daemon() as private:
            yield private

    def answers(self) -> bool:
        """Whether there is a client, and an engine behind it."""
        with contextlib.suppress(EngineError):
            self.docker("info")
            return True
        return False

    def build_postgres(self, major: int) -> str:
        """Builds the server's image for a major version and returns its tag."""
        base = f"{SUITES[major]}-slim"
        return self._build("postgres", f"ghostwatch-postgres:{major}", f"DEBIAN={base}", f"POSTGRES={major}")

    def build_sidecar(self) -> str:
        """Builds the sidecar's image and returns its tag."""
        return self._build("sidecar", "ghostwatch-sidecar")

    @contextlib.contextmanager
    def label(self) -> Iterator[str]:
        """A label for what tests make; what still carries it at the end, when they were interrupted, is removed."""
        label = f"ghostwatch-test-{os.getpid()}"
        try:
            yield label
        finally:
            for kind, (of_all, entirely) in LABELLED.items():
                left = self.docker(kind, "ls", "--quiet", *of_all, f"--filter=label={label}").split()
                if left:
                    self.docker(kind, "rm", *entirely, *left)

    def docker(self, *arguments: str | Path) -> str:
        """Runs a docker command and returns what it printed."""
        return _run("docker", *arguments, environment=self.environment)

    def _build(self, target: str, tag: str, *build_arguments: str) -> str:
        for suite in SUITES.values():
            self._provide_base(f"debian:{suite}-slim", suite)
        self.docker(
            "build",
            *("--file", ROOT / "deploy" / "Dockerfile", "--target", target, "--tag", tag, "--network", "host"),
            *(f"--build-arg={argument}" for argument in build_arguments),
            ROOT,
        )
        return tag

    def _provide_base(self, image: str, suite: str) -> None:
        """Has the base image at hand: found, pulled, or made here."""
        with contextlib.suppress(EngineError):
            self.docker("image", "inspect", image)
            return
        with contextlib.suppress(EngineError):
            self.docker("pull", "--quiet", image)
            return
        settings = [f"--change=ENV {name}={os.environ[name]}" for name in PIP_OPTIONS if name in os.environ]
        if "PIP_CERT" in os.environ:
            settings.append(f"--change=ENV PIP_CERT=/{CERTIFICATES}")
        self.docker("import", *settings, _base_archive(suite), image)


def _base_archive(suite: str) -> Path:
    """A minimal Debian as debootstrap makes it, kept for the next time."""
    archive = cache_directory("debian") / f"{suite}.tar"
    if archive.exists():
        return archive
    with tempfile.TemporaryDirectory(dir=archive.parent) as directory:
        root, finished = Path(directory) / "root", Path(directory) / "root.tar"
        # In namespaces of its own, so that when it is interrupted no process and no mount of it stays.
        _run("unshare", "--mount", "--pid", "--fork", "--kill-child", "debootstrap", "--variant=minbase", suite, root)
        options = [line for line in _run("apt-config", "dump").splitlines() if line.startswith(APT_OPTIONS)]
        (root / "etc/apt/apt.conf.d/99machine").write_text("\n".join(options) + "\n", encoding="utf-8")
        if "PIP_CERT" in os.environ:
            shutil.copyfile(os.environ["PIP_CERT"], root / CERTIFICATES)
        _run("tar", "--create", "--file", finished, "--directory", root, ".")
        finished.rename(archive)
    return archive


def _install_packages() -> None:
    if all(shutil.which(program) for program in ("docker", "dockerd", "docker-compose", "debootstrap")):
        return
    if shutil.which("apt-get") is None:
        raise NoEngineError("no Docker engine answers, and this is no Debian system to install one on")
    print("engine: installing with apt:", *PACKAGES, flush=True)
    apt_get = ("apt-get", "--quiet=2", "--option=DPkg::Lock::Timeout=300")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        _run(*apt_get, "update", environment=quiet)
        _run(*apt_get, "install", "--yes", "--no-install-recommends", *PACKAGES, environment=quiet)
    except EngineError as error:
        raise NoEngineError(f"no Docker engine answers, and none can be installed: {error}") from error


@contextlib.contextmanager
def _private_daemon() -> Iterator[Engine]:
    """Runs an engine of our own, with all it has below one directory."""
    with tempfile.TemporaryDirectory(prefix="ghostwatch-engine-", dir="/var/tmp", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        host = f"unix://{directory}/socket"
        with (directory / "log").open("w+", encoding="utf-8") as log:
            daemon = subprocess.Popen(
                [
                    "dockerd",
                    *("--host", host, "--pidfile", directory / "pid"),
                    *("--data-root", directory / "data", "--exec-root", directory / "run"),
                    *DAEMON_OPTIONS,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                engine = Engine(host)
                deadline = time.monotonic() + DAEMON_START_SECONDS
                while not engine.answers():
                    if daemon.poll() is not None or time.monotonic() > deadline:
                        log.seek(0)
                        raise NoEngineError(f"dockerd does not start here:\n{log.read()[-2000:]}")
                    time.sleep(0.5)
                yield engine
            finally:
                daemon.terminate()
                daemon.wait()
                # The network namespace of its containers stays mounted, and so could not be removed.
                namespace = directory / "run" / "netns" / "default"
                if namespace.exists():
                    _run("umount", namespace)


def _run(*command: str | Path, environment: dict[str, str] | None = None) -> str:
    """Runs a command and returns what it printed; how it failed, otherwise."""
    try:
        finished = subprocess.run(
            command,
            env=os.environ | (environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise EngineError(f"{command[0]} is not installed") from error
    if finished.returncode != 0:
        said = finished.stdout[-4000:]
        raise EngineError(f"{command[0]} {command[1]} failed:\n{said}")
    return finished.stdout
