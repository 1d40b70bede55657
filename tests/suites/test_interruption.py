"""A run of the suite on other servers that is interrupted leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.build import ROOT
from tests.support.engine import Engine

pytestmark = pytest.mark.once

RUN_SUITES = """
import sys
from scripts.suites import end_orderly_on_signals, run_suites
end_orderly_on_signals()
sys.exit(run_suites({"first": {}, "second": {}}, sys.argv[1:]))
"""
START_ENGINE = """
import signal
from tests.support.engine import Engine
from scripts.suites import end_orderly_on_signals
end_orderly_on_signals()
with Engine.at_hand() as engine:
    print(engine.environment["DOCKER_HOST"], flush=True)
    signal.pause()
"""
SLOW_TEST = """
import time
from pathlib import Path
import pytest

HERE = Path(__file__).parent

@pytest.fixture
def server():
    (HERE / "started").touch()
    yield
    (HERE / "cleared").touch()

def test_slow(server):
    time.sleep(60)
"""


@contextmanager
def program(code: str, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Runs some lines of Python in the repository."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("number", "code", "options"), [(signal.SIGINT, 130, "--numprocesses 1"), (signal.SIGTERM, 143, "")]
)
def test_tests_clear_up(tmp_path: Path, number: signal.Signals, code: int, options: str) -> None:
    """The test that runs is interrupted, its fixtures end, and no further suite begins."""
    (tmp_path / "test_slow.py").write_text(SLOW_TEST, encoding="utf-8")
    arguments = ("--config-file=/dev/null", f"--rootdir={tmp_path}", str(tmp_path))
    with program(RUN_SUITES, *arguments, PYTEST_ADDOPTS=options) as process:
        while not (tmp_path / "started").exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        output, _ = process.communicate()
    assert process.returncode == code
    assert (tmp_path / "cleared").exists(), output
    assert "==== second" not in output


@pytest.mark.container
def test_what_carries_the_label_is_removed() -> None:
    """A container that nobody removed goes, even while it runs, and its volume with it."""
    engine = Engine()
    with engine.label() as label:
        mount = f"--mount=type=volume,source={label},target=/data,volume-label={label}"
        image = os.environ["GHOSTWATCH_TEST_SIDECAR_IMAGE"]
        engine.docker("run", "--detach", "--network=none", f"--label={label}", mount, "--entrypoint=sleep", image, "60")
        assert label in engine.docker("volume", "ls")
    assert engine.docker("container", "ls", "--all", "--quiet", f"--filter=label={label}") == ""
    assert label not in engine.docker("volume", "ls")


@pytest.mark.container
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("dockerd") is None, reason="only root can start an engine")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_private_engine_ends(number: signal.Signals, code: int) -> None:
    """No process and no file of it stays."""
    with program(START_ENGINE, DOCKER_HOST="unix:///nonexistent") as process:
        assert process.stdout is not None
        directory = Path(process.stdout.readline().strip().removeprefix("unix://")).parent
        assert directory.is_dir()
        process.send_signal(number)
        output, _ = process.communicate()
    assert (process.returncode, output) == (code, "")
    assert not directory.exists()
    assert subprocess.run(["pgrep", "--full", directory], stdout=subprocess.DEVNULL, check=False).returncode == 1
