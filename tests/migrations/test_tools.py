"""The plain scripts in other people's migration tools: from nothing to installed, upgraded, undone and removed.

Each tool is its real program; where one is not installed, its test says so and is left out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from scripts.build import version
from tests.support.cache import cache_directory
from tests.support.database import PARTS, Database
from tests.support.earlier import Migrations

pytestmark = [pytest.mark.machine, pytest.mark.once]

REMOVE = "DROP SCHEMA IF EXISTS onboarding, ghostwatch CASCADE;\n"
DBMATE = "2.36.0"

# One step of a tool: what it does, and what undoes it.
Migration = tuple[list[str], list[str]]


def scripts(release: Migrations) -> dict[str, Migration]:
    """The two steps that an application has in its own migrations: installing, and an upgrade later."""

    def changing(before: str, after: str, parts: tuple[str, ...]) -> list[str]:
        return [(release.present / "dist" / f"{part}_{before}_to_{after}.sql").read_text("utf-8") for part in parts]

    install = [(release.scripts / f"{part}.sql").read_text("utf-8") for part in PARTS]
    return {
        "install_ghostwatch": (install, [REMOVE]),
        "upgrade_ghostwatch": (
            changing(release.before, version(), PARTS),
            changing(version(), release.before, PARTS[::-1]),
        ),
    }


def url(database: Database, scheme: str) -> str:
    """The database's address as tools take it."""
    parameters = conninfo_to_dict(database.dsn)
    return f"{scheme}://{parameters['user']}@{parameters['host']}:{parameters['port']}/{parameters['dbname']}"


def run(directory: Path, *command: str | Path, **environment: str) -> None:
    """Runs a program, which has to succeed."""
    finished = subprocess.run(
        command, cwd=directory, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-2000:]


def alembic(directory: Path, database: Database, steps: dict[str, Migration]) -> Callable[[str], None]:
    """Alembic, whose op.execute() takes every :name in a statement for a parameter."""
    versions = directory / "alembic" / "versions"
    versions.mkdir(parents=True)
    (directory / "alembic.ini").write_text(
        f"[alembic]\nscript_location = alembic\nsqlalchemy.url = {url(database, 'postgresql+psycopg')}\n", "utf-8"
    )
    (directory / "alembic" / "env.py").write_text(
        "from alembic import context\n"
        "from sqlalchemy import create_engine\n"
        "with create_engine(context.config.get_main_option('sqlalchemy.url')).connect() as connection:\n"
        "    context.configure(connection=connection)\n"
        "    with context.begin_transaction():\n"
        "        context.run_migrations()\n",
        "utf-8",
    )
    before = None
    for name, (up, down) in steps.items():
        (versions / f"{name}.py").write_text(
            f"from alembic import op\nrevision = {name!r}\ndown_revision = {before!r}\n"
            f"def upgrade():\n    for script in {up!r}:\n        op.execute(script)\n"
            f"def downgrade():\n    for script in {down!r}:\n        op.execute(script)\n",
            "utf-8",
        )
        before = name
    program = Path(sys.executable).with_name("alembic")
    arguments = {"up": ("upgrade", "+1"), "down": ("downgrade", "-1")}
    return lambda direction: run(directory, program, *arguments[direction])


def dbmate(directory: Path, database: Database, steps: dict[str, Migration]) -> Callable[[str], None]:
    """dbmate, a program written in Go."""
    if shutil.which("npm") is None:
        pytest.skip("npm, which has dbmate, is not installed")
    prefix = cache_directory("tools") / f"dbmate-{DBMATE}"
    program = prefix / "node_modules" / ".bin" / "dbmate"
    if not program.exists():
        run(directory, "npm", "install", "--silent", "--no-save", "--prefix", prefix, f"dbmate@{DBMATE}")
    folder = directory / "db" / "migrations"
    later = directory / "later"
    folder.mkdir(parents=True)
    later.mkdir()
    for number, (name, (up, down)) in enumerate(steps.items(), start=1):
        text = "\n".join(["-- migrate:up", *up, "-- migrate:down", *down])
        (later / f"2026010100000{number}_{name}.sql").write_text(text, "utf-8")

    def go(direction: str) -> None:
        # It applies whatever is there, so that a later migration comes later.
        if direction == "up":
            new = min(later.iterdir())
            new.rename(folder / new.name)
        environment = {"DATABASE_URL": url(database, "postgres") + "?sslmode=disable"}
        run(directory, program, "--no-dump-schema", "up" if direction == "up" else "down", **environment)

    return go


def sqitch(directory: Path, database: Database, steps: dict[str, Migration]) -> Callable[[str], None]:
    """Sqitch, which runs psql, and verifies."""
    if shutil.which("sqitch") is None:
        pytest.skip("sqitch is not installed")
    environment = {"SQITCH_FULLNAME": "A DBA", "SQITCH_EMAIL": "dba@example.com", "HOME": str(directory)}
    run(directory, "sqitch", "init", "app", "--engine", "pg", **environment)
    verify = {
        "install_ghostwatch": "SELECT 1 / count(*) FROM ghostwatch.installation;\n",
        "upgrade_ghostwatch": f"SELECT 1 / count(*) FROM ghostwatch.installation WHERE version = '{version()}';\n",
    }
    for name, (up, down) in steps.items():
        run(directory, "sqitch", "add", name, "--note", name, **environment)
        for folder, text in (("deploy", "\n".join(up)), ("revert", "\n".join(down)), ("verify", verify[name])):
            (directory / folder / f"{name}.sql").write_text(f"BEGIN;\n{text}\nCOMMIT;\n", "utf-8")
    target = url(database, "db:pg")
    names = list(steps)
    deployed = 0

    def go(direction: str) -> None:
        nonlocal deployed
        if direction == "up":
            run(directory, "sqitch", "deploy", "--verify", "--to-change", names[deployed], target, **environment)
            deployed += 1
        else:
            deployed -= 1
            to = ("--to-change", names[deployed - 1]) if deployed else ()
            run(directory, "sqitch", "revert", "-y", *to, target, **environment)

    return go


@pytest.mark.parametrize("tool", [alembic, dbmate, sqitch])
def test_there_and_back(
    empty_database: Database,
    release: Migrations,
    tmp_path: Path,
    tool: Callable[[Path, Database, dict[str, Migration]], Callable[[str], None]],
) -> None:
    go = tool(tmp_path, empty_database, scripts(release))
    installed = "SELECT version FROM onboarding.installation"
    go("up")
    assert empty_database.value(installed) == release.before
    go("up")
    assert empty_database.value(installed) == version()
    go("down")
    assert empty_database.value(installed) == release.before
    go("down")
    assert empty_database.value("SELECT to_regnamespace('ghostwatch') IS NULL")


def test_every_upgrade_is_one_neutral_statement(empty_database: Database, release: Migrations) -> None:
    """For drivers that send one statement at a time, and for those that look for parameters."""
    release.install_before(empty_database.name, "plain")
    for before, after, parts in ((release.before, version(), PARTS), (version(), release.before, PARTS[::-1])):
        for part in parts:
            script = (release.present / "dist" / f"{part}_{before}_to_{after}.sql").read_text("utf-8")
            assert re.findall(r"(?<![:\w\\]):(\w+)(?!:)", script) == []
            assert script.isascii()
            empty_database.connection.pgconn.exec_params(script.encode(), [])
            assert empty_database.value("SELECT version FROM ghostwatch.installation") is not None
    assert empty_database.value("SELECT version FROM ghostwatch.installation") == release.before
