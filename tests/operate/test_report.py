"""`ghostwatch status`, `doctor` and `why`, run as a person and as a script would."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.build import version
from tests.support.database import Database

COMMAND = Path(sys.executable).with_name("ghostwatch")


def ghostwatch(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command into a pipe."""
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=False)


def on_terminal(columns: int, *arguments: str) -> list[str]:
    """Runs the command on a terminal of that width; returns its lines, without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    with subprocess.Popen([COMMAND, *arguments], stdout=theirs, env=environment | {"TERM": "xterm"}):
        os.close(theirs)
        written = b""
        try:
            while part := os.read(ours, 65536):
                written += part
        except OSError:  # the other end is closed
            pass
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m", "", written.decode()).splitlines()


@pytest.fixture
def watched(database: Database) -> Database:
    """A database with one invariant that is in violation and one whose check fails."""
    database.execute("CREATE TABLE account (id bigint PRIMARY KEY, created_at timestamptz)")
    database.execute("CREATE TABLE greeting (account_id bigint PRIMARY KEY)")
    database.execute("CREATE TABLE letter (account_id bigint PRIMARY KEY)")
    database.execute("SELECT ghostwatch.declare_contract('welcome', 'account')")
    database.execute("SELECT ghostwatch.declare_invariant('welcome', 'greeting', 'greeting', 'account_id')")
    database.execute("SELECT ghostwatch.declare_invariant('welcome', 'letter', 'letter', 'account_id')")
    database.execute("DROP TABLE letter")
    database.execute("INSERT INTO account VALUES (1, clock_timestamp() - interval '10 minutes')")
    database.execute("CALL ghostwatch.run_checks()")
    return database


def test_status_without_invariants_says_how_to_begin(database: Database) -> None:
    finished = ghostwatch("status", "--dsn", database.dsn)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "No invariant is declared." in finished.stdout
    assert "SELECT ghostwatch.declare_contract(" in finished.stdout


def test_status_as_json_is_the_view(watched: Database) -> None:
    finished = ghostwatch("status", "--json", "--dsn", watched.dsn)
    assert finished.returncode == 0
    printed = json.loads(finished.stdout)
    assert [(row["invariant"], row["state"], row["error_count"]) for row in printed] == [
        ("greeting", "error", 1),
        ("letter", "failing", 0),
    ]
    columns = watched.rows(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'ghostwatch.status'::regclass AND attnum > 0"
    )
    assert set(printed[0]) == {name for (name,) in columns}


def test_status_is_a_table_where_there_is_room(watched: Database) -> None:
    heading, first, second, *_ = on_terminal(80, "status", "--dsn", watched.dsn)
    assert heading.split() == ["invariant", "state", "warn", "error", "behind", "checked"]
    assert first.split()[:4] == ["welcome.greeting", "error", "0", "1"]
    assert second.split()[:4] == ["welcome.letter", "failing", "0", "0"]


def test_status_is_blocks_where_there_is_none(watched: Database) -> None:
    lines = on_terminal(40, "status", "--dsn", watched.dsn)
    assert "welcome.greeting error" in lines
    assert "welcome.letter failing" in lines
    assert max(map(len, lines)) <= 40


def test_doctor_fails_where_there_is_an_error(watched: Database) -> None:
    finished = ghostwatch("doctor", "--dsn", watched.dsn)
    assert finished.returncode == 1
    assert finished.stdout.startswith("error ")
    assert "→ SELECT ghostwatch.add_channel('admins', chat_id => -1001234567890);\n" in finished.stdout

    printed = json.loads(ghostwatch("doctor", "--json", "--dsn", watched.dsn).stdout)
    assert {row["verdict"] for row in printed} == {"error", "warning", "ok"}
    assert set(printed[0]) == {"check_name", "verdict", "finding", "advice"}


def test_doctor_succeeds_where_there_is_none(database: Database) -> None:
    database.execute("SELECT ghostwatch.add_channel('admins', -1)")
    database.execute("SELECT * FROM ghostwatch.sidecar_heartbeat('me', %s, true)", version())
    finished = ghostwatch("doctor", "--dsn", database.dsn)
    assert finished.returncode == 0
    assert "\nerrors: 0, warnings: 0, ok: " in finished.stdout


def test_doctor_leaves_statements_whole_on_a_narrow_terminal(watched: Database) -> None:
    lines = on_terminal(40, "doctor", "--dsn", watched.dsn)
    assert "  → SELECT ghostwatch.add_channel('admins', chat_id => -1001234567890);" in lines
    assert all(len(line) <= 40 for line in lines if "→" not in line)


def test_why_follows_an_alert_to_each_chat(watched: Database) -> None:
    watched.execute("SELECT ghostwatch.add_channel('admins', -1)")
    watched.execute("CALL ghostwatch.run_checks()")
    alert_id = watched.value("SELECT alert_id FROM ghostwatch.alert WHERE kind = 'violations'")
    watched.execute("SELECT ghostwatch._enqueue(%s, 'opened', ghostwatch._clock())", alert_id)
    finished = ghostwatch("why", "--alert", str(alert_id), "--dsn", watched.dsn)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "\nfiring rule\n" in finished.stdout
    assert "\nsidecar_down channel admins\n" in finished.stdout
    assert "\n  → ghostwatch notify\n" in finished.stdout

    of_invariant = ("why", "--contract", "welcome", "--invariant", "greeting", "--dsn", watched.dsn)
    assert ghostwatch(*of_invariant).stdout == finished.stdout
    printed = json.loads(ghostwatch(*of_invariant, "--json").stdout)
    assert [step["step"] for step in printed] == ["run", "rule", "message"]


def test_why_of_an_alert_that_does_not_exist(watched: Database) -> None:
    finished = ghostwatch("why", "--alert", "999", "--dsn", watched.dsn)
    assert finished.returncode == 1
    assert finished.stderr.startswith("ghostwatch: there is no alert 999")


@pytest.mark.parametrize(
    "arguments", [(), ("--contract", "welcome"), ("--alert", "1", "--contract", "a", "--invariant", "b")]
)
def test_why_asks_for_one_thing(arguments: tuple[str, ...]) -> None:
    finished = ghostwatch("why", *arguments)
    assert finished.returncode == 2
    assert "name one thing" in finished.stderr


@pytest.mark.parametrize("command", ["status", "doctor"])
def test_a_database_without_ghostwatch_is_one_clear_line(empty_database: Database, command: str) -> None:
    finished = ghostwatch(command, "--dsn", empty_database.dsn)
    assert finished.returncode == 1
    assert finished.stderr == (
        f"ghostwatch: ghostwatch is not installed in database {empty_database.name}; run: ghostwatch install\n"
    )


@pytest.mark.parametrize("command", ["status", "doctor"])
def test_no_right_to_look_says_what_gives_it(database: Database, make_role: Callable[[], str], command: str) -> None:
    finished = ghostwatch(command, "--dsn", database.server.dsn(database.name, make_role()))
    assert finished.returncode == 1
    assert finished.stderr.startswith("ghostwatch: permission denied for schema ghostwatch (42501)\n")
    assert "SELECT ghostwatch.grant_operator('role');" in finished.stderr


def test_a_deploy_is_marked(database: Database) -> None:
    finished = ghostwatch("mark", "release 214", "--dsn", database.dsn)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert re.fullmatch(r"marked at 2\d{3}-.*: release 214\n", finished.stdout)
    assert database.value("SELECT label FROM ghostwatch.mark") == "release 214"


def test_a_marker_without_a_label_is_refused(database: Database) -> None:
    finished = ghostwatch("mark", " ", "--dsn", database.dsn)
    assert finished.returncode == 1
    assert "a deploy marker needs a label" in finished.stderr


@pytest.fixture
def fleet(watched: Database, empty_database: Database, tmp_path: Path) -> str:
    """A file that names a database that is watched, one without ghostwatch, and one that is not there."""
    file = tmp_path / "databases"
    file.write_text(
        f"# all of them\nname=kitchen {watched.dsn}\nname=bare {empty_database.dsn}\n"
        "name=away host=127.0.0.1 port=1 dbname=bot user=nobody\n"
    )
    return str(file)


def test_the_status_of_a_fleet_is_one_table(fleet: str) -> None:
    """Databases that cannot be read have a line too, and the reason below it."""
    finished = ghostwatch("status", "--dsn-file", fleet)
    assert (finished.returncode, finished.stderr) == (1, "")
    heading, *lines = finished.stdout.splitlines()
    assert heading.split() == ["database", "invariant", "state", "warn", "error", "behind", "checked"]
    assert [line.split()[:3] for line in lines[:4]] == [
        ["kitchen", "welcome.greeting", "error"],
        ["kitchen", "welcome.letter", "failing"],
        ["bare", "unknown"],
        ["away", "unknown"],
    ]
    assert "bare: ghostwatch is not installed" in finished.stdout
    assert "away: connection" in finished.stdout


def test_the_doctor_of_a_fleet_says_which_database_needs_what(fleet: str) -> None:
    finished = ghostwatch("doctor", "--dsn-file", fleet)
    assert (finished.returncode, finished.stderr) == (1, "")
    heading, *lines = finished.stdout.splitlines()
    assert heading.split() == ["database", "verdict", "errors", "warnings", "ok"]
    assert [line.split()[:2] for line in lines[:3]] == [["kitchen", "error"], ["bare", "unknown"], ["away", "unknown"]]
    assert "kitchen: error" in finished.stdout
    printed = json.loads(ghostwatch("doctor", "--json", "--dsn-file", fleet).stdout)
    assert [(one["database"], bool(one["findings"]), bool(one["error"])) for one in printed] == [
        ("kitchen", True, False),
        ("bare", False, True),
        ("away", False, True),
    ]


def test_commands_for_one_database_ask_which_one_of_a_fleet_is_meant(fleet: str) -> None:
    finished = subprocess.run(
        [COMMAND, "why", "--alert", "1"],
        env=os.environ | {"GHOSTWATCH_DSN_FILE": fleet},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert "GHOSTWATCH_DSN_FILE names 3 databases: say with --dsn which one is meant" in finished.stderr
