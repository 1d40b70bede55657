"""`make demo` shows a whole incident and leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.build import ROOT
from tests.support.fake_telegram import FakeTelegram

pytestmark = [pytest.mark.pg_cron, pytest.mark.machine]


@pytest.fixture
def directory() -> Iterator[Path]:
    """Where the demo puts its server: below /tmp, since the server's account must be able to go there."""
    made = Path(tempfile.mkdtemp(prefix="demo-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def _start(directory: Path, **more: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GHOSTWATCH_TELEGRAM")}
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.demo"],
        cwd=ROOT,
        env=environment | {"TMPDIR": str(directory)} | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _processes_in(directory: Path) -> list[str]:
    """The command lines of the processes that have to do with the directory."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_text() + (path / "environ").read_text()
        except (OSError, UnicodeDecodeError):
            continue
        if str(directory) in command and path.name != str(os.getpid()):
            found.append(command)
    return found


@pytest.mark.timeout(300)
def test_an_alert_arrives_and_resolves(directory: Path) -> None:
    """Both messages are shown, the exit code is 0, and no file or process stays."""
    demo = _start(directory)
    output, errors = demo.communicate()
    assert (demo.returncode, errors) == (0, ""), output
    assert "onboarding · first_meme · ERROR" in output
    assert "through kitchen" in output
    assert output.index("ERROR") < output.index("RESOLVED")
    assert list(directory.iterdir()) == []
    assert _processes_in(directory) == []


@pytest.mark.timeout(200)
def test_messages_go_to_the_chat_that_the_environment_names(directory: Path) -> None:
    """With a token and a chat id the alert arrives at the Bot API instead of on the terminal."""
    with FakeTelegram() as telegram:
        demo = _start(directory, GHOSTWATCH_TELEGRAM_CHAT_ID="-100", **telegram.environment)
        events, alert = telegram.wait_for_messages(2, chat_id=-100, seconds=120)
        demo.terminate()
        output, _ = demo.communicate()
    assert "user started" in events.text
    assert "first_meme" in alert.text
    assert "first_meme" not in output


def test_a_chat_id_that_is_no_number_is_refused(directory: Path) -> None:
    """A mistake in the environment is one clear line."""
    demo = _start(directory, GHOSTWATCH_TELEGRAM_CHAT_ID="@admins", GHOSTWATCH_TELEGRAM_TOKEN="1:secret")
    _, errors = demo.communicate()
    assert (demo.returncode, errors) == (1, "demo: GHOSTWATCH_TELEGRAM_CHAT_ID is no number: @admins\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_demo_leaves_nothing(directory: Path, number: signal.Signals, code: int) -> None:
    """Ctrl-C while it waits for pg_cron removes the server and the sidecar."""
    demo = _start(directory)
    assert demo.stdout is not None
    for line in demo.stdout:
        if "start the sidecar" in line:
            break
    demo.send_signal(number)
    demo.communicate()
    assert demo.returncode == code
    assert list(directory.iterdir()) == []
    assert _processes_in(directory) == []


def test_the_page_can_be_looked_at_meanwhile(directory: Path) -> None:
    """Its address and token are printed while the demo waits for pg_cron."""
    demo = _start(directory)
    assert demo.stdout is not None
    found = next(
        match
        for line in demo.stdout
        if (match := re.search(r"the page: (http://127\.0\.0\.1:\d+/)  \(its token: (\w+)\)", line))
    )
    request = urllib.request.Request(found[1], headers={"Authorization": f"Bearer {found[2]}"})
    with urllib.request.urlopen(request, timeout=20) as response:
        assert "first_meme" in response.read().decode()
    demo.send_signal(signal.SIGINT)
    demo.communicate()


def test_a_failing_step_is_named(directory: Path) -> None:
    """Where the server cannot be made, the demo says which step failed and why, and exits 1."""
    demo = _start(directory, GHOSTWATCH_TEST_SERVER=str(directory))
    output, errors = demo.communicate()
    assert demo.returncode == 1
    assert "✗ start a throw-away PostgreSQL" in output
    assert errors.startswith("demo: ")
