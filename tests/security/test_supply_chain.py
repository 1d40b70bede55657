"""What is installed is what was tested: versions are pinned, and every file is compared with its hash."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scripts.build import ROOT

SCRIPTS = ROOT / "scripts"
LOCKED = ["requirements.txt", "requirements-build.txt", "requirements-sbom.txt", "requirements-sidecar.txt"]


def name_of(requirement: str) -> str:
    """The name of a package, as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[=<>;\[ ]", requirement, maxsplit=1)[0]).lower()


def pins(name: str) -> dict[str, str]:
    """The version of each package in a file of requirements."""
    found = re.findall(r"^([A-Za-z][\w.-]*)==(\S+)", (SCRIPTS / name).read_text(encoding="utf-8"), re.M)
    return {name_of(package): version for package, version in found}


@pytest.mark.parametrize("name", LOCKED)
def test_every_package_has_a_version_and_hashes(name: str) -> None:
    text = (SCRIPTS / name).read_text(encoding="utf-8")
    packages = [line for line in text.replace("\\\n", "").splitlines() if line and not line.startswith("#")]
    assert packages
    assert [
        line for line in packages if not re.fullmatch(r"[\w.-]+==\S+[^#]*?( +--hash=sha256:[0-9a-f]{64})+", line)
    ] == []


@pytest.mark.parametrize("name", LOCKED)
def test_versions_agree(name: str) -> None:
    """run: make requirements"""
    tested, locked = pins("requirements.in"), pins(name)
    if name == "requirements.txt":
        assert locked == tested
    assert {package: version for package, version in locked.items() if tested.get(package, version) != version} == {}


def test_the_sidecar_has_all_that_it_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["sidecar"]
    assert {name_of(requirement) for requirement in needed} <= set(pins("requirements-sidecar.txt"))
    (build,) = project["build-system"]["requires"]
    assert build == f"hatchling=={pins('requirements-build.txt')['hatchling']}"


def test_nothing_is_installed_without_hashes() -> None:
    for path in (
        SCRIPTS / "setup",
        SCRIPTS / "install_sidecar",
        SCRIPTS / "write_sbom",
        ROOT / "deploy" / "Dockerfile",
    ):
        text = path.read_text(encoding="utf-8").replace("\\\n", "")
        for line in text.splitlines():
            assert "--requirement" not in line or "--require-hashes" in line, path
            assert "--constraint" not in line, path


def test_no_port_of_the_compose_stack_is_published() -> None:
    """Its connections have no TLS, since they stay on the host; and the network asks for passwords as SCRAM."""
    stack = (ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
    assert re.findall(r"^\s*(?:ports|network_mode|driver):", stack, re.M) == []
    entrypoint = (ROOT / "deploy" / "postgres" / "entrypoint").read_text(encoding="utf-8")
    assert "authentication=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" in entrypoint
    assert "POSTGRES_HOST_AUTH_METHOD" not in stack


@pytest.mark.attack("a file of a package that was replaced", role="the package index", result="refused by its hash")
def test_a_replaced_file_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "prey-1.0-py3-none-any.whl"
    archive.write_bytes(b"not what was tested")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"prey==1.0 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--no-deps", "--no-index", "--no-cache-dir"),
            *(
                "--dest",
                tmp_path / "taken",
                "--find-links",
                tmp_path,
                "--require-hashes",
                "--requirement",
                requirements,
            ),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode != 0
    assert "DO NOT MATCH THE HASHES" in finished.stderr
