"""The wheel on every version of Python that is supported, as far as it is on this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scripts.build import ROOT, version
from tests.support.database import Database

pytestmark = [pytest.mark.once, pytest.mark.machine, pytest.mark.timeout(600)]

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SUPPORTED = [
    found[1]
    for classifier in PROJECT["classifiers"]
    if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", classifier))
]


def interpreter(number: str) -> Path | None:
    """A Python of this version: on the path, or made by pyenv."""
    made = sorted(Path.home().glob(f".pyenv/versions/{number}.*/bin/python{number}"))
    found = made[-1] if made else shutil.which(f"python{number}")
    return Path(found) if found else None


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    directory = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", directory, ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = directory.glob("*.whl")
    return wheel


def test_the_first_supported_is_required() -> None:
    assert PROJECT["requires-python"] == f">={SUPPORTED[0]}"


@pytest.mark.parametrize("number", SUPPORTED)
def test_it_installs_and_works(number: str, wheel: Path, empty_database: Database, tmp_path: Path) -> None:
    """With its dependencies for that Python, it installs both parts into a database and looks at them."""
    python = interpreter(number)
    if python is None:
        pytest.skip(f"no Python {number} here")
    subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True)
    programs = tmp_path / "venv" / "bin"
    sidecar = f"ghostwatch[sidecar] @ {wheel.as_uri()}"
    installed = subprocess.run(
        [programs / "pip", "install", "--quiet", sidecar], check=False, capture_output=True, text=True
    )
    assert installed.returncode == 0, installed.stderr

    def ghostwatch(*arguments: str) -> str:
        finished = subprocess.run(
            [programs / "ghostwatch", *arguments], check=False, capture_output=True, text=True, cwd=tmp_path
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    assert ghostwatch("--version") == f"ghostwatch {version()}\n"
    ghostwatch("migrate", "--onboarding", "--dsn", empty_database.dsn)
    ghostwatch("status", "--dsn", empty_database.dsn)
    ghostwatch("migrate", "--check", "--dsn", empty_database.dsn)
    subprocess.run([programs / "python", "-c", "import ghostwatch.notifier.service, ghostwatch.page"], check=True)
