"""Sidecars of the version before and of the present one, as processes, before, during and after an upgrade."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghostwatch.migrate import migrate
from scripts.build import ROOT, version
from tests.sidecar.process import Sidecar, environment_for
from tests.support.database import Database
from tests.support.earlier import Migrations
from tests.support.fake_telegram import FakeTelegram

pytestmark = [pytest.mark.machine, pytest.mark.once, pytest.mark.timeout(300)]


@pytest.fixture
def package(release: Migrations, tmp_path: Path) -> Path:
    """The Python package of the version before, built from the commit that froze it."""
    frozen = f"migrations/released/{release.before}/SHA256SUMS"
    commits = _run("git", "log", "--format=%H", "--diff-filter=A", "--", frozen).split()
    if not commits:
        pytest.skip("the history of the repository is not here")
    archive, source, package = tmp_path / "source.zip", tmp_path / "source", tmp_path / "package"
    _run("git", "archive", "--format=zip", f"--output={archive}", commits[-1])
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(source)
    _run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(tmp_path), str(source))
    (wheel,) = tmp_path.glob(f"ghostwatch-{release.before}-*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(package)
    return package


def _run(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def role(release: Migrations, released: Database) -> Iterator[str]:
    """The sidecars' role."""
    name = f"sidecar_{os.getpid()}"
    release.server.execute(f"CREATE ROLE {name} LOGIN")
    released.execute("SELECT ghostwatch.grant_sidecar(%s)", name)
    yield name
    released.connection.execute(f"DROP OWNED BY {name}".encode())
    release.server.execute(f"DROP ROLE {name}")


@pytest.mark.both_kinds
def test_either_delivers_on_either(
    released: Database, release: Migrations, package: Path, role: str, tmp_path: Path
) -> None:
    """Both deliver, whichever version the database has; the newer sidecar and the doctor say that they differ."""
    released.execute("SELECT ghostwatch.add_channel('admins', -100)")
    for name in ("chat_interval", "events_every"):
        if released.rows("SELECT FROM ghostwatch.settings WHERE name = %s", name):
            released.execute("SELECT ghostwatch.set_setting(%s, '0')", name)
    dsn = released.server.dsn(released.name, role)

    with FakeTelegram() as telegram:

        def start(worker: str, **more: str) -> Sidecar:
            sidecar = Sidecar(dsn, tmp_path / f"{worker}.log", environment_for(telegram, worker=worker) | more)
            sidecar.wait_until_it_says("delivering")
            return sidecar

        def deliver() -> None:
            before = len(telegram.sent())
            released.execute("SELECT ghostwatch.post_event('user_started', '1', '{}')")
            telegram.wait_for_messages(before + 1)

        def doctor_says() -> list[str]:
            return [
                finding
                for (finding,) in released.rows(
                    "SELECT finding FROM ghostwatch.doctor() WHERE check_name = 'sidecar' AND verdict = 'warning'"
                )
            ]

        # The newer one alone, on the version before.
        with start("newer") as newer:
            newer.wait_until_it_says(f"this sidecar is of version {version()}, ghostwatch in the database of")
            deliver()
            with start("older", PYTHONPATH=str(package)) as older:
                migrate(released.dsn)
                deliver()
                newer.stop()
                # The older one alone, on the present version.
                deliver()
                older.wait_until(lambda: bool(doctor_says()))
                assert doctor_says() == [
                    f"Sidecar older is of version {release.before}, and ghostwatch of version {version()}. "
                    "Both go on working."
                ]
                migrate(released.dsn, to=release.before)
                deliver()
                assert older.stop() == 0
            for sidecar in (older, newer):
                assert "died" not in sidecar.output and "Traceback" not in sidecar.output
