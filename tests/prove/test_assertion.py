"""assert_contract and its fixture: which database they look in, what they say, and what they refuse."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ghostwatch.errors import CommandError
from ghostwatch.testing import ClauseNotJudged, assert_contract
from ghostwatch.testing.plugin import AssertContract
from tests.support.cluster import free_port
from tests.support.database import Database


def url(database: Database, scheme: str) -> str:
    """The database as a URL."""
    environment = database.server.environment(database.name)
    return f"{scheme}://{environment['PGUSER']}@{environment['PGHOST']}:{environment['PGPORT']}/{database.name}"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg", "postgresql+psycopg2"])
def test_the_address_of_the_database(application: Database, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """As an application writes it for SQLAlchemy, too; in the environment and as an argument."""
    with pytest.raises(AssertionError, match="greeting: Does not have a greeting"):
        assert_contract("welcome", 2, dsn=url(application, scheme))
    monkeypatch.setenv("GHOSTWATCH_DSN", url(application, scheme))
    assert_contract("welcome", 1)


def test_parameters_of_a_driver(application: Database) -> None:
    """What libpq does not know of SQLAlchemy's address is left out; the driver asyncpg calls sslmode ssl."""
    address = url(application, "postgresql+asyncpg") + "?prepared_statement_cache_size=0&application_name=a%20b&ssl="
    assert_contract("welcome", 1, dsn=address + "prefer")
    with pytest.raises(CommandError, match="server does not support SSL"):
        assert_contract("welcome", 1, dsn=address + "require")
    with pytest.raises(CommandError, match="cannot be read"):
        assert_contract("welcome", 1, dsn=address.replace("+asyncpg", ""))
    with pytest.raises(CommandError, match="cannot be read"):
        assert_contract("welcome", 1, dsn="postgresql+asyncpg://[")


def test_the_variables_of_libpq(application: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """They count where no address is given."""
    for name, value in application.server.environment(application.name).items():
        monkeypatch.setenv(name, value)
    assert_contract("welcome", 1)


def test_a_failure_names_the_database(application: Database) -> None:
    """Most often it is the wrong one, or the rows were not committed."""
    with pytest.raises(AssertionError) as failed:
        assert_contract("welcome", 3, dsn=application.dsn)
    assert str(failed.value).splitlines() == [
        "contract welcome does not hold for 3",
        "  public.account has no row with the key '3'.",
        f"  This is database {application.name} at 127.0.0.1:{application.server.environment()['PGPORT']}, and only "
        "committed rows are seen. GHOSTWATCH_DSN, else the PG* variables, say which database; a test that does not "
        "commit gives its connection.",
    ]


def test_no_key(application: Database) -> None:
    """An application that returned None has no subject by the name of "None"."""
    with pytest.raises(AssertionError, match="has no row with the key NULL"):
        assert_contract("welcome", None, dsn=application.dsn)


def test_a_key_of_several_columns(application: Database) -> None:
    """As a tuple, whatever is in it."""
    odd = 'a,"b\\{}'
    application.execute(
        """
        CREATE TABLE page (site text, address text, created_at timestamptz DEFAULT now(), PRIMARY KEY (site, address));
        SELECT ghostwatch.declare_contract('pages', 'page', key_column => '{site,address}');
        SELECT ghostwatch.declare_invariant('pages', 'itself', 'page', '{site,address}');
        """
    )
    application.execute("INSERT INTO page VALUES (%s, %s)", odd, "")
    assert_contract("pages", (odd, ""), dsn=application.dsn)
    for other in (("a", ""), (odd, " "), "a", ("a",), ("a", "", "")):
        with pytest.raises(AssertionError, match="has no row with the key"):
            assert_contract("pages", other, dsn=application.dsn)


def test_what_is_not_judged_is_a_warning(application: Database) -> None:
    """Where something else was proved. Where nothing was, the test fails."""
    application.execute(
        """
        SELECT ghostwatch.declare_invariant('welcome', 'itself', 'account', 'id', error_after => '0',
            missing_label => 'itself');
        """
    )
    with pytest.warns(ClauseNotJudged, match="contract welcome: greeting: Not judged"):
        assert_contract("welcome", 2, dsn=application.dsn, as_of=timedelta())
    with pytest.raises(AssertionError, match="nothing was proved"):
        assert_contract("welcome", 2, dsn=application.dsn, as_of="4 minutes", clauses=["greeting"])


def test_a_time_is_passed_exactly(application: Database) -> None:
    """To the microsecond, forwards and back, and over many years."""
    application.set_clock(application.value("SELECT created_at FROM account WHERE id = 2"))
    due = timedelta(minutes=5)
    with pytest.raises(AssertionError, match="Not judged"):
        assert_contract("welcome", 2, dsn=application.dsn, as_of=due - timedelta(microseconds=1))
    with pytest.raises(AssertionError, match="greeting: Does not have a greeting yet"):
        assert_contract("welcome", 2, dsn=application.dsn, as_of=due)
    with pytest.raises(AssertionError, match="Not judged"):
        assert_contract("welcome", 2, dsn=application.dsn, as_of=-timedelta(microseconds=1))
    with pytest.raises(AssertionError, match="greeting: Does not have a greeting yet"):
        assert_contract("welcome", 2, dsn=application.dsn, as_of=timedelta(days=10_000))


def test_with_capture_the_arrival_is_the_birth(application: Database) -> None:
    """What the application's clock says then does no harm."""
    application.execute("SELECT ghostwatch.declare_contract('welcome', 'account', capture => true)")
    application.execute("INSERT INTO account VALUES (4, now() + interval '3 hours')")
    application.execute("INSERT INTO greeting VALUES (4)")
    assert_contract("welcome", 4, dsn=application.dsn)


def test_names_of_clauses_are_quoted(application: Database) -> None:
    """Whatever is in them."""
    name = 'a "quoted", {odd} \\ name'
    application.execute("SELECT ghostwatch.declare_invariant('welcome', %s, 'account', 'id', error_after => '0')", name)
    assert_contract("welcome", 2, dsn=application.dsn, clauses=[name])
    with pytest.raises(TypeError, match=r"write \['greeting'\]"):
        assert_contract("welcome", 1, dsn=application.dsn, clauses="greeting")


def test_errors_of_the_database_come_with_their_hint(application: Database) -> None:
    """And with the database."""
    with pytest.raises(CommandError) as failed:
        assert_contract("welcom", 1, dsn=application.dsn)
    assert "(GW001)" in str(failed.value)
    assert f"this is database {application.name} at 127.0.0.1" in str(failed.value)
    with pytest.raises(CommandError, match="GW007"):
        assert_contract("welcome", 1, dsn=application.dsn, leave_out=["greting"])


def test_a_role_that_may_not_judge(application: Database, make_role: Callable[[], str]) -> None:
    """A role without rights is told so; it is not taken for a database without ghostwatch."""
    with pytest.raises(CommandError, match="permission denied for schema ghostwatch"):
        assert_contract("welcome", 1, dsn=application.server.dsn(application.name, make_role()))


def test_an_operator_judges_contracts_of_its_own(application: Database, make_role: Callable[[], str]) -> None:
    """No superuser is needed in a test database; a contract of another role names its owner."""
    role = make_role()
    dsn = application.server.dsn(application.name, role)
    application.execute("SELECT ghostwatch.grant_operator(%s)", role)
    with pytest.raises(CommandError, match=r"GW020"):
        assert_contract("welcome", 1, dsn=dsn)

    application.execute("GRANT SELECT ON account, greeting TO PUBLIC")
    with application.connect(role) as session:
        session.execute("SELECT ghostwatch.declare_contract('of an operator', 'account')")
        session.execute(
            "SELECT ghostwatch.declare_invariant('of an operator', 'greeting', 'greeting', 'account_id', "
            "missing_label => 'a greeting')"
        )
    assert_contract("of an operator", 1, dsn=dsn)
    with pytest.raises(AssertionError, match="Does not have a greeting"):
        assert_contract("of an operator", 2, dsn=dsn)


def test_without_ghostwatch(empty_database: Database) -> None:
    with pytest.raises(CommandError) as failed:
        assert_contract("welcome", 1, dsn=empty_database.dsn)
    assert f"ghostwatch is not installed here; this is database {empty_database.name}" in str(failed.value)


def test_a_function_that_a_condition_misses_is_not_taken_for_ghostwatch(application: Database) -> None:
    """It is named as what it is."""
    application.execute(
        """
        CREATE FUNCTION public.is_warm(bigint) RETURNS boolean LANGUAGE sql RETURN true;
        SELECT ghostwatch.declare_invariant('welcome', 'warm', 'greeting', 'account_id',
            predicate => 'public.is_warm(r.account_id)');
        DROP FUNCTION public.is_warm;
        """
    )
    with pytest.raises(CommandError, match=r"function public\.is_warm\(bigint\) does not exist"):
        assert_contract("welcome", 1, dsn=application.dsn)


def test_no_server() -> None:
    with pytest.raises(CommandError, match="GHOSTWATCH_DSN"):
        assert_contract("welcome", 1, dsn=f"host=127.0.0.1 port={free_port()} user=nobody")


def test_what_is_imported() -> None:
    """Neither a framework of tests, nor a driver that the application does not use, nor what the sidecar needs."""
    modules = ("cli", "installer", "report", "settings", "testing", "testing.connections", "testing.onboarding")
    unwanted = {"asyncpg", "django", "h11", "httpx", "jinja2", "prometheus_client", "psycopg2", "pytest", "sqlalchemy"}
    imports = "\n".join(f"import ghostwatch.{module}" for module in modules)
    program = f"{imports}\nimport sys\nprint(*sys.modules.keys() & {unwanted})"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed == "\n"


def run_pytest(folder: Path, test: str, dsn: str) -> str:
    """Runs a file of tests by itself; returns what pytest printed."""
    (folder / "test_application.py").write_text(test, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", "--rootdir", folder, folder],
        env=os.environ | {"GHOSTWATCH_DSN": dsn, "COLUMNS": "400", "PYTEST_ADDOPTS": ""},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    ).stdout


def test_the_fixture_of_a_test_that_forgets_to_await(application: Database, tmp_path: Path) -> None:
    """It fails, for nothing was looked at."""
    test = """
import asyncio, os
import psycopg

async def ask(assert_contract, is_awaited):
    async with await psycopg.AsyncConnection.connect(os.environ["GHOSTWATCH_DSN"]) as connection:
        promise = assert_contract("welcome", 1, connection=connection)
        if is_awaited:
            await promise

def test_that_awaits(assert_contract):
    asyncio.run(ask(assert_contract, True))

def test_that_forgets(assert_contract):
    asyncio.run(ask(assert_contract, False))
"""
    printed = run_pytest(tmp_path, test, application.dsn)
    assert "assert_contract was not awaited, so nothing was proved: await it" in printed
    assert "ERROR test_application.py::test_that_forgets" in printed
    assert "2 passed" in printed
    assert "1 error" in printed


def test_the_fixture_of_a_database_of_ones_own(
    application: Database, assert_contract: AssertContract, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fixture ghostwatch_dsn of this module says where."""
    monkeypatch.delenv("GHOSTWATCH_DSN", raising=False)
    assert_contract("welcome", 1)


@pytest.fixture
def ghostwatch_dsn(application: Database) -> str:
    """Overrides the plugin's."""
    return application.dsn
