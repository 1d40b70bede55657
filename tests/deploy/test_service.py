"""The systemd unit: understood by systemd, and tight."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.build import ROOT

UNIT = ROOT / "deploy" / "ghostwatch.service"
pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """Verified with the command where this environment has it, since systemd looks whether it can be executed."""
    unit = tmp_path / UNIT.name
    command = str(Path(sys.executable).with_name("ghostwatch"))
    unit.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/ghostwatch/bin/ghostwatch", command), "utf-8")
    finished = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (0, "")


def test_the_service_is_exposed_to_little() -> None:
    """systemd's own measure runs from 0 to 10; what is left is mostly that the service uses the network."""
    finished = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=15", UNIT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
