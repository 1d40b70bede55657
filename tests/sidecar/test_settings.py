"""Mistakes in the environment are all told at once, a line each, before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from ghostwatch.errors import CommandError
from ghostwatch.settings import Settings
from tests.support.fake_telegram import TOKEN

GOOD = {"GHOSTWATCH_TELEGRAM_TOKEN": TOKEN}


def mistakes(**environment: str) -> list[str]:
    """What is said of an environment that is good but for these."""
    with pytest.raises(CommandError) as raised:
        Settings.from_environment(GOOD | environment)
    return [line.strip() for line in str(raised.value).splitlines()]


def test_defaults() -> None:
    """A token is all that must be said."""
    settings = Settings.from_environment(GOOD)
    assert settings.api_url == "https://api.telegram.org"
    assert settings.run_checks_every is None
    assert settings.http_port is None
    assert not settings.buttons
    assert settings.send_timeout < settings.lease


def test_everything_said(tmp_path: Path) -> None:
    """Every setting is read."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    settings = Settings.from_environment(
        {
            "GHOSTWATCH_DSN": "dbname=bot host=db",
            "GHOSTWATCH_TELEGRAM_TOKEN_FILE": str(tmp_path / "token"),
            "GHOSTWATCH_TELEGRAM_API_URL": "http://telegram:8081/",
            "GHOSTWATCH_TELEGRAM_BUTTONS": "1",
            "GHOSTWATCH_RUN_CHECKS_EVERY": "500ms",
            "GHOSTWATCH_POLL_EVERY": "2",
            "GHOSTWATCH_LEASE": "1m",
            "GHOSTWATCH_TEMPLATES": str(tmp_path),
            "GHOSTWATCH_HTTP_HOST": "0.0.0.0",
            "GHOSTWATCH_HTTP_PORT": "9187",
            "GHOSTWATCH_PAGE_TOKEN": "a-token-of-the-page",
            "GHOSTWATCH_PAGE_PROXY_HEADER": "X-Forwarded-User",
            "GHOSTWATCH_PAGE_DSN": "host=db dbname=bot user=viewer",
            "GHOSTWATCH_PAGE_TIME_ZONE": "Europe/Berlin",
            "GHOSTWATCH_PUBLIC_URL": "https://watch.example/",
            "GHOSTWATCH_HEARTBEAT_URL": "https://hc/ping",
            "GHOSTWATCH_WORKER": "one",
            "GHOSTWATCH_LOG_LEVEL": "DEBUG",
            "GHOSTWATCH_LOG_FORMAT": "json",
        }
    )
    assert settings == Settings(
        instance=None,
        fleet=False,
        dsn="dbname=bot host=db client_encoding=utf8",
        token=TOKEN,
        api_url="http://telegram:8081",
        worker="one",
        poll_every=2.0,
        lease=60.0,
        send_timeout=15.0,
        run_checks_every=0.5,
        run_checks_dsn="dbname=bot host=db client_encoding=utf8",
        templates=tmp_path,
        http_host="0.0.0.0",
        http_port=9187,
        page_token="a-token-of-the-page",
        page_proxy_header="X-Forwarded-User",
        page_dsn="user=viewer dbname=bot host=db client_encoding=utf8",
        page_time_zone="Europe/Berlin",
        public_url="https://watch.example",
        heartbeat_url="https://hc/ping",
        buttons=True,
        log_level="debug",
        log_format="json",
    )


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("TELEGRAM_TOKEN", "nonsense", "the bot token is malformed"),
        ("PAGE_TOKEN", "too short", "the token of the page needs 16"),
        ("PAGE_PROXY_HEADER", "not: a header", "write the name of a header"),
        ("PAGE_TIME_ZONE", "Mars/Olympus", "write a time zone"),
        ("TELEGRAM_TOKEN", "", "no bot token: set GHOSTWATCH_TELEGRAM_TOKEN_FILE"),
        ("TELEGRAM_TOKEN_FILE", "/somewhere", "are both set"),
        ("TELEGRAM_API_URL", "api.telegram.org", "begins with http:// or https://"),
        ("TELEGRAM_BUTTONS", "yes", "write 1 for on or 0 for off"),
        ("RUN_CHECKS_EVERY", "often", "write a time above zero"),
        ("POLL_EVERY", "0s", "write a time above zero"),
        ("LEASE", "-3", "write a time above zero"),
        ("LEASE", "10ms", "write a time from 3s to 10m"),
        ("LEASE", "1h", "write a time from 3s to 10m"),
        ("WORKER", "a\x1b[2J", "write a name of at most 100 printable characters"),
        (
            "TELEGRAM_TOKN_FILE",
            "/x",
            "GHOSTWATCH_TELEGRAM_TOKN_FILE is not a setting: did you mean GHOSTWATCH_TELEGRAM_TOKEN_FILE?",
        ),
        ("COLOUR", "blue", "see ghostwatch notify --help"),
        ("TEMPLATES", "/nowhere", "no such directory"),
        ("HTTP_PORT", "70000", "write a port from 1 to 65535"),
        ("HEARTBEAT_URL", "ftp://x", "begins with http:// or https://"),
        ("HEARTBEAT_URL", "https://hc:99999/ping", "Port out of range"),
        ("LOG_LEVEL", "loud", "write one of debug, info, warning, error"),
        ("LOG_FORMAT", "xml", "write one of text, json"),
        ("DSN", "host=db password='se cret", "GHOSTWATCH_DSN cannot be read"),
    ],
)
def test_a_mistake(name: str, value: str, says: str) -> None:
    """Names the variable and what to write instead; never quotes a secret."""
    told = mistakes(**{f"GHOSTWATCH_{name}": value})
    assert says in told[0]
    assert TOKEN not in told[0]
    assert "se cret" not in told[0]


def test_all_mistakes_at_once() -> None:
    """Nobody wants to hear of them one by one."""
    told = mistakes(GHOSTWATCH_LEASE="x", GHOSTWATCH_HTTP_PORT="x", GHOSTWATCH_TELEGRAM_TOKEN="x")
    assert len(told) == 3


def test_a_token_file_that_cannot_be_read(tmp_path: Path) -> None:
    """Says which and why."""
    environment = {"GHOSTWATCH_TELEGRAM_TOKEN_FILE": str(tmp_path / "missing")}
    with pytest.raises(CommandError, match="missing' cannot be read: No such file"):
        Settings.from_environment(environment)


def test_a_dry_run_needs_no_token() -> None:
    """It sends nothing."""
    assert Settings.from_environment({}, needs_token=False).token is None


def test_an_argument_is_called_what_it_is() -> None:
    """Whoever typed it looks for --dsn, not for a variable."""
    with pytest.raises(CommandError, match=r"^--dsn cannot be read"):
        Settings.from_environment(GOOD, dsn="nonsense")


def fleet_file(directory: Path, *lines: str) -> dict[str, str]:
    """The environment that names a file with these lines."""
    (directory / "databases").write_text("\n".join(lines), encoding="utf-8")
    return GOOD | {"GHOSTWATCH_DSN_FILE": str(directory / "databases")}


def test_a_fleet(tmp_path: Path) -> None:
    """A database a line; the name is given, or that of the application, or that of the database."""
    (tmp_path / "password").write_text("of-all\n")
    environment = fleet_file(
        tmp_path,
        "# all",
        "",
        "  name=kitchen postgresql://me@db1/bot",
        "host=db2 dbname=bot application_name=bakery",
        "host=db3 dbname=garden user=me",
    )
    (tmp_path / "databases").chmod(0o644)
    found = Settings.fleet_from_environment(
        environment
        | {
            "GHOSTWATCH_PASSWORD_FILE": str(tmp_path / "password"),
            "GHOSTWATCH_PAGE_DSN": "user=viewer password=other",
            "GHOSTWATCH_PUBLIC_URL": "https://watch.example",
        }
    )
    assert [settings.instance for settings in found] == ["kitchen", "bakery", "garden"]
    assert "password=of-all" in found[0].dsn
    page = conninfo_to_dict(found[2].page_dsn)
    assert (page["host"], page["dbname"], page["user"], page["password"]) == ("db3", "garden", "viewer", "other")
    assert found[0].public_url == "https://watch.example/database/kitchen"
    # What is said on the command line is meant alone.
    assert [one.instance for one in Settings.fleet_from_environment(environment, dsn="dbname=x")] == [None]


def test_mistakes_in_the_file_of_a_fleet(tmp_path: Path) -> None:
    """Each is told with its line, and no password is."""
    environment = fleet_file(
        tmp_path, "name=a dbname=bot password=secret", "name=a dbname=other", "nonsense", "host=db1 user=me"
    )
    (tmp_path / "databases").chmod(0o644)
    environment |= {"GHOSTWATCH_DSN": "dbname=bot", "GHOSTWATCH_PAGE_DSN": "host=db1 user=viewer"}
    file = environment["GHOSTWATCH_DSN_FILE"]
    assert mistakes(**environment) == [
        "GHOSTWATCH_DSN and GHOSTWATCH_DSN_FILE are both set: keep one of them",
        f"{file} contains passwords and other users can read it: chmod 600 {file}",
        f"{file}:2: another line is called 'a' too: write name=NAME before it",
        f"{file}:3 cannot be read: write postgresql://user@host:5432/database or host=… dbname=… user=…",
        f"{file}:4 has no name: write name=NAME before the connection string",
        "GHOSTWATCH_PAGE_DSN is for every database of GHOSTWATCH_DSN_FILE: leave out host",
    ]
    assert mistakes(**fleet_file(tmp_path, "# nothing")) == [
        f"{file} names no database: write a connection string a line"
    ]
