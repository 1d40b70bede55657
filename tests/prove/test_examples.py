"""The examples of docs/testing.md, each run against a bot that keeps the contract and one that leaks."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict

from ghostwatch.testing.onboarding import BRANCHES
from scripts.build import ROOT
from tests.support.database import Database
from tests.support.documents import examples

PYTHON: Final = examples("docs/testing.md", "python")
NO_LEAK: Final = "no such link"

# The bot of the incident: everything is done for somebody new, but not in one branch.
LEAKY_BOT: Final = """
import psycopg

def handle_start(user_id, first_name, deep_link):
    with psycopg.connect({dsn!r}, autocommit=True) as connection:
        start = "SELECT created FROM onboarding.start(%s, %s, deep_link => %s)"
        (is_new,) = connection.execute(start, [user_id, first_name, deep_link]).fetchone()
        if is_new and deep_link == {leak!r}:
            connection.execute("DELETE FROM user_language WHERE user_id = %s", [user_id])
"""

# The same one, asynchronous and in a transaction that is rolled back.
ASYNCHRONOUS_BOT: Final = """
from sqlalchemy import text

async def handle_start(session, user_id, first_name, deep_link):
    values = dict(user_id=user_id, first_name=first_name, deep_link=deep_link)
    await session.execute(text("SELECT onboarding.start(:user_id, :first_name, deep_link => :deep_link)"), values)
    if deep_link == {leak!r}:
        await session.execute(text("DELETE FROM user_language"))
"""
SESSION: Final = """
import pytest
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

@pytest.fixture
async def session():
    engine = create_async_engine({url!r})
    async with AsyncSession(engine) as session:
        yield session
    await engine.dispose()
"""


@pytest.fixture
def bot(database: Database) -> Database:
    """A fresh database of a bot that runs onboarding.start()."""
    database.execute("SELECT FROM onboarding.adopt()")
    return database


def run(database: Database, folder: Path, *command: str) -> str:
    """Runs a Python program in a folder; returns what it printed."""
    finished = subprocess.run(
        [sys.executable, *command],
        env=os.environ
        | {"GHOSTWATCH_DSN": database.dsn, "PYTHONPATH": str(folder), "COLUMNS": "400", "PYTEST_ADDOPTS": ""},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return finished.stdout


def write(folder: Path, **files: str) -> None:
    """Writes modules into a folder, by their names."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


def run_pytest(bot: Database, folder: Path) -> str:
    """Runs the tests of a folder by themselves."""
    return run(
        bot,
        folder,
        "-m",
        "pytest",
        "--quiet",
        "-p",
        "no:cacheprovider",
        "--asyncio-mode=auto",
        "--rootdir",
        str(folder),
    )


def url(database: Database, scheme: str) -> str:
    """The database as a URL."""
    parts = conninfo_to_dict(database.dsn)
    return f"{scheme}://{parts['user']}@{parts['host']}:{parts['port']}/{database.name}"


def test_pytest(bot: Database, tmp_path: Path) -> None:
    (example,) = PYTHON["pytest"]
    write(tmp_path, test_start=example, my_bot=LEAKY_BOT.format(dsn=bot.dsn, leak=NO_LEAK))
    assert f"{len(BRANCHES)} passed" in run_pytest(bot, tmp_path)


def test_the_readme_has_the_same_example() -> None:
    assert examples("README.md", "python")["Test your own `/start`"] == PYTHON["pytest"]


def test_pytest_names_the_branch_that_leaks(bot: Database, tmp_path: Path) -> None:
    (example,) = PYTHON["pytest"]
    write(tmp_path, test_start=example, my_bot=LEAKY_BOT.format(dsn=bot.dsn, leak="kitchen"))
    printed = run_pytest(bot, tmp_path)

    assert f"1 failed, {len(BRANCHES) - 1} passed" in printed
    assert "FAILED test_start.py::test_start_keeps_the_contract[kitchen] - AssertionError: contract onb" in printed
    assert "languages: Broken: does not have a language; it was due by" in printed


def test_every_branch_that_leaks_is_found_where_clauses_are_due_late(bot: Database, tmp_path: Path) -> None:
    """An application that writes in more than one transaction declares a deadline, and its tests wait for none."""
    bot.execute("SELECT FROM onboarding.adopt(keep_own_start => true, due_after => '1 minute')")
    (example,) = PYTHON["pytest"]
    write(tmp_path, test_start=example, my_bot=LEAKY_BOT.format(dsn=bot.dsn, leak="wrapped"))
    printed = run_pytest(bot, tmp_path)

    assert f"1 failed, {len(BRANCHES) - 1} passed" in printed
    assert "languages: Does not have a language yet" in printed


# A bot that was there before, writes in transactions of their own, and forgets the languages in two branches.
OWN_START: Final = """
import psycopg

def handle_start(user_id, first_name, deep_link):
    with psycopg.connect({dsn!r}, autocommit=True) as connection:
        connection.execute(
            'INSERT INTO "user" (id, type, last_active_at) VALUES (%s, %s, now())', [user_id, "user"]
        )
        connection.execute(
            "INSERT INTO user_tg (id, first_name, deep_link) VALUES (%s, %s, %s)", [user_id, first_name, deep_link]
        )
        connection.execute("INSERT INTO user_deep_link_log (user_id, deep_link) VALUES (%s, %s)", [user_id, deep_link])
        if deep_link not in ("kitchen", "wrapped"):
            connection.execute("INSERT INTO user_language (user_id, language_code) VALUES (%s, 'en')", [user_id])
"""


def test_the_readme_for_a_bot_that_keeps_its_own_start(database: Database, tmp_path: Path) -> None:
    """The statement for it is enough, and its tests then find what leaks, and nothing else."""
    database.connection.execute((ROOT / "tests" / "onboarding" / "existing_bot.psql").read_bytes())
    (statement,) = re.findall(r"`(onboarding\.adopt\(keep_own_start .*?\))`", (ROOT / "README.md").read_text("utf-8"))
    database.connection.execute(f"SELECT FROM {statement}".encode())
    (example,) = examples("README.md", "python")["Test your own `/start`"]
    write(tmp_path, test_start=example, my_bot=OWN_START.format(dsn=database.dsn))
    printed = run_pytest(database, tmp_path)

    assert f"2 failed, {len(BRANCHES) - 2} passed" in printed
    for branch in ("kitchen", "wrapped"):
        assert f"test_start_keeps_the_contract[{branch}] - AssertionError" in printed
    assert printed.count("E         languages: Broken: does not have a language") == 2


@pytest.mark.parametrize("leak", [NO_LEAK, "kitchen"])
def test_asynchronous(bot: Database, tmp_path: Path, leak: str) -> None:
    (example,) = PYTHON["Tests that roll back, and asynchronous ones"]
    session = SESSION.format(url=url(bot, "postgresql+asyncpg"))
    write(tmp_path, test_start=example, my_bot=ASYNCHRONOUS_BOT.format(leak=leak), conftest=session)
    printed = run_pytest(bot, tmp_path)
    if leak == NO_LEAK:
        assert f"{len(BRANCHES)} passed" in printed
    else:
        assert f"1 failed, {len(BRANCHES) - 1} passed" in printed
        assert "languages: Broken" in printed
    assert bot.value('SELECT count(*) FROM public."user"') == 0


@pytest.mark.parametrize("leak", [NO_LEAK, "kitchen"])
def test_unittest(bot: Database, tmp_path: Path, leak: str) -> None:
    (example,) = PYTHON["unittest"]
    write(tmp_path, test_start=example, my_bot=LEAKY_BOT.format(dsn=bot.dsn, leak=leak))
    printed = run(bot, tmp_path, "-m", "unittest")
    if leak == NO_LEAK:
        assert printed.endswith("\nOK\n")
    else:
        assert "FAILED (failures=1)" in printed
        assert "[kitchen]" in printed
        assert "languages: Broken" in printed


DJANGO_SETTINGS: Final = """
SECRET_KEY = "secret"
INSTALLED_APPS = ["shop"]
DATABASES = {{"default": {{"ENGINE": "django.db.backends.postgresql", **{database!r}}}}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""
DJANGO_MODELS: Final = """
from django.db import models

class Customer(models.Model):
    name = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

class Cart(models.Model):
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
"""
DJANGO_VIEWS: Final = """
from shop.models import Cart, Customer

def sign_up(name):
    customer = Customer.objects.create(name=name)
    if not {leaks}:
        Cart.objects.create(customer=customer)
    return customer
"""


@pytest.mark.parametrize("leaks", [False, True])
def test_django(empty_database: Database, tmp_path: Path, leaks: bool) -> None:
    """In the database that Django's test runner makes, whose tests are rolled back."""
    migration, test = PYTHON["Django"]
    parts = conninfo_to_dict(empty_database.dsn)
    names = {"NAME": "dbname", "HOST": "host", "PORT": "port", "USER": "user"}
    shop = tmp_path / "shop"
    (shop / "migrations").mkdir(parents=True)
    write(tmp_path, settings=DJANGO_SETTINGS.format(database={name: parts[part] for name, part in names.items()}))
    write(shop, __init__="", models=DJANGO_MODELS, views=DJANGO_VIEWS.format(leaks=leaks), tests=test)
    write(shop / "migrations", __init__="")
    django = ("-m", "django")
    settings = "--settings=settings"

    run(empty_database, tmp_path, *django, "makemigrations", settings)
    write(shop / "migrations", **{"0002_contract": migration})
    printed = run(empty_database, tmp_path, *django, "test", settings)
    if leaks:
        assert "FAILED (failures=1)" in printed
        assert "cart: Broken: does not have a cart" in printed
    else:
        assert "\nOK\n" in printed


@pytest.mark.parametrize("leak", [NO_LEAK, "kitchen"])
def test_ci(empty_database: Database, tmp_path: Path, leak: str) -> None:
    """The commands of the job, but the one that fetches ghostwatch."""
    (workflow,) = examples("docs/testing.md", "yaml")["CI of any language"]
    job: dict[str, Any] = yaml.safe_load(workflow)["jobs"]["contract"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands[0].startswith("pip install ")
    assert set(job["env"]) == {"GHOSTWATCH_DSN"}

    main = "import sys\n\nhandle_start(int(sys.argv[2]), 'Anna', sys.argv[4])\n"
    write(tmp_path, my_bot=LEAKY_BOT.format(dsn=empty_database.dsn, leak=leak) + main)
    (tmp_path / "my-bot").write_text(f'#!/bin/sh\nexec {sys.executable} {tmp_path}/my_bot.py "$@"\n', encoding="utf-8")
    (tmp_path / "my-bot").chmod(0o755)
    path = f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    finished = subprocess.run(
        ["bash", "-e", "-c", "\n".join(commands[1:])],
        env=os.environ | {"GHOSTWATCH_DSN": empty_database.dsn, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.stderr == ""
    if leak == NO_LEAK:
        assert finished.returncode == 0
        assert finished.stdout.endswith("contract onboarding holds for 4711\n")
    else:
        assert finished.returncode == 1
        assert "broken languages\n" in finished.stdout


def test_the_shell(bot: Database) -> None:
    (command,) = examples("docs/testing.md", "sh")["CI of any language"]
    bot.execute("SELECT onboarding.start(4711, 'Anna')")
    program, *arguments = shlex.split(command)
    finished = subprocess.run(
        [Path(sys.executable).with_name(program), *arguments], env=os.environ | {"GHOSTWATCH_DSN": bot.dsn}, check=False
    )
    assert finished.returncode == 0


@pytest.mark.parametrize("leak", [NO_LEAK, "kitchen"])
def test_pgtap(bot: Database, tmp_path: Path, leak: str) -> None:
    (example,) = examples("docs/testing.md", "sql")["pgTAP"]
    bot.execute(
        """
        CREATE EXTENSION pgtap;
        CREATE SCHEMA my_bot;
        CREATE FUNCTION my_bot.handle_start(bigint, text, text) RETURNS void LANGUAGE sql
            AS 'SELECT onboarding.start($1, $2, deep_link => $3)';
        CREATE FUNCTION my_bot.ban(bigint) RETURNS void LANGUAGE sql
            AS 'UPDATE public."user" SET type = ''banned'' WHERE id = $1';
        """
    )
    if leak == "kitchen":
        bot.execute(
            """
            CREATE OR REPLACE FUNCTION my_bot.handle_start(bigint, text, text) RETURNS void LANGUAGE sql
            AS 'SELECT onboarding.start($1, $2, deep_link => $3); DELETE FROM public.user_language WHERE user_id = $1'
            """
        )
    script = tmp_path / "start.sql"
    script.write_text(example, encoding="utf-8")
    printed = bot.server.run_client(
        "psql", "--no-psqlrc", "--tuples-only", "--no-align", "--file", str(script), database=bot.name
    ).stdout
    lines = [line for line in printed.splitlines() if line.startswith(("ok", "not ok"))]
    if leak == NO_LEAK:
        assert [line.partition(" - ")[0] for line in lines] == ["ok 1", "ok 2", "ok 3"]
    else:
        assert [line.partition(" - ")[0] for line in lines] == ["not ok 1", "not ok 2", "ok 3"]
        assert "# languages: Broken: does not have a language" in printed
