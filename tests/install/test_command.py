"""`ghostwatch install`, the wheel that carries it, and `make install`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from ghostwatch.settings import Settings
from scripts.build import DIST, ROOT, version
from tests.support.cluster import Server
from tests.support.database import Database

COMMAND = Path(sys.executable).with_name("ghostwatch")


def ghostwatch(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command as a person would."""
    return subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, check=False, env=os.environ | environment
    )


def test_install(empty_database: Database) -> None:
    """The command installs the plain kind and says where, and to whom it belongs."""
    finished = ghostwatch("install", "--dsn", empty_database.dsn)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout == (
        f"ghostwatch {version()} installed in database {empty_database.name}, owned by postgres\n"
    )
    assert empty_database.value("SELECT kind FROM ghostwatch.installation") == "plain"
    assert empty_database.value("SELECT to_regnamespace('onboarding') IS NULL")


def test_install_finds_the_database_as_psql_does(empty_database: Database) -> None:
    """Without --dsn the PG* variables count."""
    finished = ghostwatch("install", **empty_database.server.environment(empty_database.name))
    assert (finished.returncode, finished.stderr) == (0, "")
    assert empty_database.value("SELECT count(*) FROM ghostwatch.installation") == 1


def test_install_with_onboarding(empty_database: Database) -> None:
    """Both parts arrive in one transaction, the bot's tables are there, and their contract is declared."""
    finished = ghostwatch("install", "--onboarding", "--dsn", empty_database.dsn)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert 'public."user": created' in finished.stdout
    assert "None" not in finished.stdout
    assert empty_database.value("SELECT kind FROM onboarding.installation") == "plain"
    assert empty_database.value("SELECT count(*) FROM ghostwatch.contract WHERE name = 'onboarding'") == 1
    assert empty_database.value("SELECT count(*) FROM public.user") == 0


def test_onboarding_can_be_added_later(empty_database: Database) -> None:
    """Where ghostwatch is there already, as whichever kind, only the second part is installed."""
    empty_database.execute("CREATE EXTENSION ghostwatch")
    finished = ghostwatch("install", "--onboarding", "--dsn", empty_database.dsn)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert empty_database.value("SELECT kind FROM ghostwatch.installation") == "extension"
    assert empty_database.value("SELECT kind FROM onboarding.installation") == "plain"


def test_tables_that_cannot_be_adopted_stop_the_whole_installation(empty_database: Database) -> None:
    """Nothing is installed where onboarding refuses the tables it finds; the error lists what is wrong."""
    empty_database.execute('CREATE TABLE public."user" (id bigint PRIMARY KEY)')
    finished = ghostwatch("install", "--onboarding", "--dsn", empty_database.dsn)
    assert finished.returncode == 1
    assert "GW103" in finished.stderr
    assert empty_database.value("SELECT to_regnamespace('ghostwatch') IS NULL")


def test_install_twice_is_refused(database: Database) -> None:
    """The database's message, detail and hint reach the user, without a traceback."""
    finished = ghostwatch("install", "--dsn", database.dsn)
    assert finished.returncode == 1
    assert f"ghostwatch is already installed in database {database.name} (GW901)" in finished.stderr
    assert "SELECT * FROM ghostwatch.installation" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_role_that_may_create_nothing(empty_database: Database, make_role: Callable[[], str]) -> None:
    """It is told which right it needs, and with that installs."""
    dsn = empty_database.server.dsn(empty_database.name, make_role())
    finished = ghostwatch("install", "--dsn", dsn)
    assert finished.returncode == 1
    assert f"may not create a schema in database {empty_database.name} (GW904)" in finished.stderr
    (statement,) = re.findall("GRANT CREATE ON DATABASE .*;", finished.stderr)
    empty_database.connection.execute(statement.encode())
    assert ghostwatch("install", "--dsn", dsn).returncode == 0


def test_unreachable_server(empty_database: Database) -> None:
    """A server that does not answer is one clear line."""
    finished = ghostwatch("install", "--dsn", "host=127.0.0.1 port=1 connect_timeout=2")
    assert finished.returncode == 1
    assert finished.stderr.startswith("ghostwatch: connection failed")
    assert "Traceback" not in finished.stderr


def test_wrong_usage() -> None:
    """A wrong argument is told apart from a failure by its exit code."""
    assert ghostwatch("install", "--nonsense").returncode == 2
    assert ghostwatch().returncode == 2


def test_version() -> None:
    """The command and the SQL are of one version."""
    assert ghostwatch("--version").stdout == f"ghostwatch {version()}\n"


@pytest.mark.once
@pytest.mark.timeout(300)
def test_wheel_is_enough(empty_database: Database, tmp_path: Path) -> None:
    """In an environment with nothing but the wheel all commands work, but those of the sidecar say what they miss."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    home = tmp_path / "environment"
    venv.create(home, with_pip=True)
    subprocess.run(
        [home / "bin" / "pip", "install", "--quiet", "--constraint", ROOT / "scripts" / "requirements.in", wheel],
        check=True,
        capture_output=True,
    )

    def run(*arguments: str, exit_code: int = 0) -> str:
        finished = subprocess.run(
            [home / "bin" / "ghostwatch", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert finished.returncode == exit_code, finished.stderr
        return finished.stdout + finished.stderr

    for command in ("notify", "install", "migrate", "status", "doctor", "check", "send-test"):
        assert command in run("--help")
        assert run(command, "--help").startswith(f"usage: ghostwatch {command} ")
    dsn = empty_database.dsn
    assert "contract onboarding" in run("install", "--onboarding", "--dsn", dsn)
    assert "onboarding.languages" in run("status", "--dsn", dsn)
    assert "error check runs" in run("doctor", "--dsn", dsn, exit_code=1)
    empty_database.execute("SELECT onboarding.start(1, 'Anna')")
    question = ("check", "--contract", "onboarding", "--key", "1", "--leave-out", "first_meme")
    assert "contract onboarding holds for 1" in run(*question, "--dsn", dsn)

    # A framework of tests is the application's own choice.
    assertion = (
        "from ghostwatch.testing import assert_contract; assert_contract('onboarding', 1, leave_out=['first_meme'])"
    )
    subprocess.run(
        [home / "bin" / "python", "-c", assertion], env=os.environ | {"GHOSTWATCH_DSN": dsn}, cwd=tmp_path, check=True
    )

    missing = (
        "ghostwatch: the sidecar needs packages that are not installed (h11, httpx, jinja2, prometheus-client, "
        "tzdata); install ghostwatch[sidecar], in a clone with: pip install '.[sidecar]'\n"
    )
    assert run("notify", "--dry-run", exit_code=1) == missing
    assert run("send-test", "admins", exit_code=1) == missing


def test_password_comes_from_a_file(empty_database: Database, tmp_path: Path) -> None:
    """The password is read where it is used, and a file that cannot be read is named."""
    path = tmp_path / "password"
    environment = {"GHOSTWATCH_DSN": empty_database.dsn, "GHOSTWATCH_PASSWORD_FILE": str(path)}

    finished = ghostwatch("install", **environment)
    assert finished.returncode == 1
    assert f"GHOSTWATCH_PASSWORD_FILE='{path}' cannot be read: No such file or directory" in finished.stderr

    path.write_text("a b'c\n", encoding="utf-8")
    settings = Settings.from_environment(environment, needs_token=False)
    expected = {**conninfo_to_dict(empty_database.dsn), "password": "a b'c", "client_encoding": "utf8"}
    assert conninfo_to_dict(settings.dsn) == expected


def test_make_install_stages_the_extension_files(tmp_path: Path) -> None:
    """Every extension file arrives in the extension directory of the chosen server, below DESTDIR."""
    servers = sorted(Path("/usr/share/postgresql").glob("*/extension"))
    finished = subprocess.run(
        [ROOT / "scripts" / "install_extension"],
        env=os.environ | {"DESTDIR": str(tmp_path), "PG_VERSION": servers[-1].parent.name},
        check=True,
        capture_output=True,
        text=True,
    )
    installed = tmp_path / servers[-1].relative_to("/")
    assert {path.name for path in installed.iterdir()} == {
        path.name for path in DIST.iterdir() if path.suffix == ".control" or "--" in path.name
    }
    assert "CREATE EXTENSION ghostwatch" in finished.stdout


def test_make_install_names_the_servers_there_are(tmp_path: Path) -> None:
    """A version that is not there is refused, and nothing is written."""
    finished = subprocess.run(
        [ROOT / "scripts" / "install_extension"],
        env=os.environ | {"DESTDIR": str(tmp_path), "PG_VERSION": "9.1"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 1
    assert "no PostgreSQL 9.1 here" in finished.stderr
    assert not list(tmp_path.iterdir())


def test_make_install_as_pgxs_does(tmp_path: Path) -> None:
    """Installers of PGXN say which server by its pg_config."""
    pg_config = tmp_path / "pg_config"
    pg_config.write_text('#!/bin/sh\n[ "$1" = --sharedir ] && echo /opt/postgres/share\n', encoding="utf-8")
    pg_config.chmod(0o755)
    subprocess.run(
        ["make", "all", "install", f"PG_CONFIG={pg_config}", f"DESTDIR={tmp_path}"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "PG_VERSION"},
        check=True,
        capture_output=True,
    )
    assert (tmp_path / "opt" / "postgres" / "share" / "extension" / "ghostwatch.control").is_file()


@pytest.mark.machine
def test_make_installcheck(server: Server) -> None:
    """The pgTAP files run on any server that has the extension, and a file that fails makes it fail."""

    def installcheck(tests: str) -> subprocess.CompletedProcess[str]:
        client = server.tree.client("psql").parent
        environment = os.environ | server.environment() | {"CONTRIB_TESTDB": "installcheck of ours"}
        return subprocess.run(
            ["make", "installcheck", f"TESTS={tests}"],
            cwd=ROOT,
            env=environment | {"PATH": f"{client}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )

    finished = installcheck("tests/operate/pause.sql tests/declare/errors.sql")
    assert finished.returncode == 0, finished.stderr
    assert "Result: PASS" in finished.stdout
    with server.connect() as connection:
        assert connection.execute("SELECT FROM pg_database WHERE datname LIKE 'installcheck%'").fetchall() == []
    assert installcheck("tests/nothing.sql").returncode != 0
    server.drop_database("installcheck of ours")
