"""What the images promise."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from scripts.build import ROOT

pytestmark = pytest.mark.container
LABEL = os.environ.get("GHOSTWATCH_TEST_LABEL", "")
OPTIONS = ("--rm", f"--label={LABEL}", "--network=none", "--read-only", "--cap-drop=ALL")
WRITABLE = ("--tmpfs=/tmp", "--tmpfs=/var/run/postgresql")


def run(image: str, *arguments: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Runs the image once, on a read-only file system and without any capability."""
    return subprocess.run(
        ["docker", "run", *OPTIONS, *options, image, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def sidecar() -> str:
    """The sidecar's image."""
    return os.environ["GHOSTWATCH_TEST_SIDECAR_IMAGE"]


@pytest.fixture
def postgres() -> str:
    """The server's image."""
    return os.environ["GHOSTWATCH_TEST_IMAGE"]


def test_sidecar_runs_as_nobody_special_and_needs_no_writable_file(sidecar: str) -> None:
    assert run(sidecar, "-u", options=("--entrypoint=id",)).stdout == "10001\n"
    assert run(sidecar, "--version").stdout.startswith("ghostwatch ")


def test_sidecar_has_a_bill_of_its_materials(sidecar: str) -> None:
    """It names each Python package of the image, and the image holds no other."""
    program = (
        "import importlib.metadata as m, json, pathlib; "
        "made = json.loads(pathlib.Path('/opt/ghostwatch/share/ghostwatch.cdx.json').read_text()); "
        "print(json.dumps([sorted({c['name'] for c in made['components']}), "
        "sorted({d.name for d in m.distributions()} - {'ghostwatch'})]))"
    )
    finished = run(sidecar, "-c", program, options=("--entrypoint=/opt/ghostwatch/bin/python",))
    named, present = json.loads(finished.stdout)
    assert "psycopg" in named
    assert named == present


def test_sidecar_says_what_it_lacks(sidecar: str) -> None:
    finished = run(sidecar)
    assert finished.returncode == 1
    assert "GHOSTWATCH_TELEGRAM_TOKEN_FILE" in finished.stderr


def test_postgres_runs_as_its_own_user(postgres: str) -> None:
    assert run(postgres, "id", "-un").stdout == "postgres\n"


def test_postgres_wants_a_password(postgres: str) -> None:
    finished = run(postgres)
    assert finished.returncode == 1
    assert "POSTGRES_PASSWORD_FILE" in finished.stderr


def test_postgres_names_a_password_that_it_cannot_read(postgres: str) -> None:
    finished = run(postgres, options=("--env=POSTGRES_PASSWORD_FILE=/nonexistent",))
    assert finished.returncode == 1
    assert finished.stderr == "entrypoint: POSTGRES_PASSWORD_FILE=/nonexistent cannot be read by postgres\n"


def test_the_stack_does_not_start_without_the_sidecars_password(postgres: str) -> None:
    """Else its role would be made without one, and never come in."""
    options = (
        f"--volume={ROOT}/deploy/postgres/first-start.sql:/docker-entrypoint-initdb.d/first-start.sql:ro",
        *WRITABLE,
        "--env=POSTGRES_PASSWORD=unused",
    )
    finished = run(postgres, options=options)
    assert finished.returncode != 0
    assert "sidecar_password is empty" in finished.stderr


def test_a_first_start_that_fails_is_not_taken_for_a_finished_one(postgres: str) -> None:
    """The second start begins anew instead of running a server that is half set up."""
    volume = f"ghostwatch-test-{os.getpid()}"
    options = (
        f"--mount=type=volume,source={volume},target=/var/lib/postgresql/data,volume-label={LABEL}",
        *WRITABLE,
        "--env=POSTGRES_PASSWORD=unused",
        "--env=POSTGRES_DB=not;a\"name'",
    )
    try:
        assert run(postgres, options=options).returncode != 0
        assert run(postgres, "find", "/var/lib/postgresql/data", "-mindepth", "1", options=options).stdout == ""
    finally:
        subprocess.run(["docker", "volume", "rm", "--force", volume], capture_output=True, check=True)
