"""What the environment says, checked before anything is started.

One table, `SETTINGS`, says what each variable is called, how it is read, what it is if it is not set, and
what it does; reading, `--help` and the table in docs/deploy.md all come from it.
"""

from __future__ import annotations

import difflib
import os
import re
import socket
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from ghostwatch.errors import CommandError

PREFIX: Final = "GHOSTWATCH_"
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
# A sidecar that is stopped or frozen for a moment must not lose its claims.
SHORTEST_LEASE = 3.0
LONGEST_LEASE = 600.0
LONGEST_REQUEST = 15.0
# Nobody guesses as many in a lifetime.
SHORTEST_PAGE_TOKEN = 16


def _duration(text: str) -> float:
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(ms|s|m|h)?", text)
    seconds = float(match[1]) * UNITS[match[2] or "s"] if match else 0.0
    if seconds <= 0:
        raise ValueError("write a time above zero, such as 500ms, 5s, 1m or 1h")
    return seconds


def _lease(text: str) -> float:
    seconds = _duration(text)
    if not SHORTEST_LEASE <= seconds <= LONGEST_LEASE:
        raise ValueError(f"write a time from {SHORTEST_LEASE:g}s to {LONGEST_LEASE / 60:g}m")
    return seconds


def _url(text: str) -> str:
    parts = urlsplit(text)
    # Reading the port raises an error where it is out of range.
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("write a URL that begins with http:// or https://")
    return text.rstrip("/")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 65535:
        raise ValueError("write a port from 1 to 65535")
    return int(text)


def _directory(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise ValueError("no such directory")
    return path


def _switch(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("write 1 for on or 0 for off")
    return text == "1"


def _name(text: str) -> str:
    if len(text) > 100 or not text.isprintable():
        raise ValueError("write a name of at most 100 printable characters")
    return text


def _header(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", text):
        raise ValueError("write the name of a header, such as X-Forwarded-User")
    return text


def _time_zone(text: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(text)
    except (KeyError, OSError, ValueError):
        raise ValueError("write a time zone such as UTC or Europe/Berlin") from None
    return text


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"write one of {', '.join(choices)}")
        return text.lower()

    return parse


@dataclass(frozen=True)
class Setting:
    """One variable: its name without the prefix, how its text is read, and what stands in --help and the docs."""

    name: str
    description: str
    read: Callable[[str], Any] = str
    default: Callable[[], Any] = lambda: None
    default_text: str = ""
    secret: bool = False

    @property
    def variable(self) -> str:
        """What it is called in the environment."""
        return PREFIX + self.name


SETTINGS: Final = (
    Setting("DSN", "database, unless the PG* variables say it", secret=True),
    Setting("DSN_FILE", "file with the databases of a fleet, one a line, instead of DSN: [name=NAME] DSN"),
    Setting("PASSWORD_FILE", "file with the password of the database role"),
    Setting("TELEGRAM_TOKEN_FILE", "file with the token of the bot"),
    Setting("TELEGRAM_TOKEN", "the token itself, instead of a file", secret=True),
    Setting("TELEGRAM_API_URL", "Bot API server", _url, lambda: "https://api.telegram.org", "https://api.telegram.org"),
    Setting(
        "TELEGRAM_BUTTONS",
        "1: buttons under firing alerts; nothing else may read the updates of this bot",
        _switch,
        lambda: False,
        "0",
    ),
    Setting("RUN_CHECKS_EVERY", "run the checks too, where there is no pg_cron: 1m, 5s", _duration, default_text="off"),
    Setting("RUN_CHECKS_DSN", "database, as the role that owns the contracts", secret=True, default_text="as DSN"),
    Setting("TEMPLATES", "directory with message templates of your own", _directory),
    Setting("HTTP_PORT", "serve /healthz, /readyz, /metrics and the page on this port", _port, default_text="off"),
    Setting("HTTP_HOST", "address to serve them on", str, lambda: "127.0.0.1", "127.0.0.1"),
    Setting("PAGE_TOKEN_FILE", "serve the page, to whoever knows the token in this file: 16 characters or more"),
    Setting("PAGE_TOKEN", "the token itself, instead of a file", secret=True),
    Setting(
        "PAGE_PROXY_HEADER",
        "serve the page to whoever comes with this header, which a proxy sets for those it lets through",
        _header,
    ),
    Setting("PAGE_DSN", "database, as a role that was given to grant_viewer()", secret=True, default_text="as DSN"),
    Setting("PAGE_TIME_ZONE", "time zone of the page", _time_zone, lambda: "UTC", "UTC"),
    Setting("PUBLIC_URL", "where the page is found from outside, for links", _url),
    Setting("HEARTBEAT_URL", "URL to fetch every minute while all is well", _url, secret=True),
    Setting("POLL_EVERY", "look for work this often even without a wake-up", _duration, lambda: 3.0, "3s"),
    Setting(
        "LEASE",
        f"another sidecar takes over what one has claimed and not renewed for so long: {SHORTEST_LEASE:g}s to "
        f"{LONGEST_LEASE / 60:g}m",
        _lease,
        lambda: 30.0,
        "30s",
    ),
    Setting(
        "WORKER", "name of this sidecar", _name, lambda: f"{socket.gethostname()}-{os.getpid()}", "host and process id"
    ),
    Setting(
        "LOG_LEVEL",
        "debug, info, warning or error",
        _one_of("debug", "info", "warning", "error"),
        lambda: "info",
        "info",
    ),
    Setting(
        "LOG_FORMAT",
        "text or json",
        _one_of("text", "json"),
        lambda: "text" if sys.stderr.isatty() else "json",
        "text on a terminal",
    ),
)
BY_NAME: Final = {setting.name: setting for setting in SETTINGS}
# Set by deploy/compose.yaml for itself, and by docs/deploy.md for docker compose.
OF_OTHERS: Final = ("CHAT_ID", "DEBIAN", "POSTGRES", "SECRETS")


def environment_help() -> str:
    """The settings, for --help."""
    lines = ["environment:"]
    for setting in SETTINGS:
        default = f" ({setting.default_text})" if setting.default_text else ""
        lines.append(f"  {setting.variable:<32} {setting.description}{default}")
    return "\n".join(lines) + "\n"


def environment_table() -> list[tuple[str, str, str]]:
    """The settings, for the docs: variable, default, description."""
    return [(f"`{setting.variable}`", setting.default_text, setting.description) for setting in SETTINGS]


def dsn(given: str | None = None) -> str:
    """The connection string: given, else what the environment says, else empty, for libpq to read the PG* variables.

    Raises CommandError where the environment names several databases.
    """
    reader = _Reader(os.environ)
    databases = reader.databases(given)
    reader.refuse_mistakes()
    return _only(databases).dsn


def databases(file: str | None = None) -> list[Database]:
    """The databases that a file names, or else the environment. Raises CommandError with a line for each mistake."""
    reader = _Reader({PREFIX + "DSN_FILE": file} if file else os.environ)
    found = reader.databases(None)
    reader.refuse_mistakes()
    return found


@dataclass(frozen=True)
class Database:
    """A database that is watched. name: what people call it; None where there is one and it has no name."""

    name: str | None
    dsn: str


def _only(found: Sequence[Database]) -> Database:
    if len(found) > 1:
        raise CommandError(f"{PREFIX}DSN_FILE names {len(found)} databases: say with --dsn which one is meant")
    return found[0]


@dataclass(frozen=True)
class Settings:
    """How the sidecar is to run for one database. Times are in seconds."""

    instance: str | None
    fleet: bool
    dsn: str
    token: str | None
    api_url: str
    worker: str
    poll_every: float
    lease: float
    send_timeout: float
    run_checks_every: float | None
    run_checks_dsn: str
    templates: Path | None
    http_host: str
    http_port: int | None
    page_token: str | None
    page_proxy_header: str | None
    page_dsn: str
    page_time_zone: str
    public_url: str | None
    heartbeat_url: str | None
    buttons: bool
    log_level: str
    log_format: str

    @property
    def has_page(self) -> bool:
        """Whether the page is served."""
        return self.http_port is not None and bool(self.page_token or self.page_proxy_header)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must appear in no output: both tokens, and the secret half of the bot's (URLs may quote the colon)."""
        of_the_bot = (self.token, self.token.partition(":")[2]) if self.token else ()
        return (*of_the_bot, self.page_token) if self.page_token else of_the_bot

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], *, dsn: str | None = None, needs_token: bool = True
    ) -> Settings:
        """Reads and checks all settings; raises one CommandError that names every mistake, a line each."""
        found = cls.fleet_from_environment(environment, dsn=dsn, needs_token=needs_token)
        _only([Database(settings.instance, settings.dsn) for settings in found])
        return found[0]

    @classmethod
    def fleet_from_environment(
        cls, environment: Mapping[str, str], *, dsn: str | None = None, needs_token: bool = True
    ) -> list[Settings]:
        """The settings for each database of the fleet; they differ in what concerns the database."""
        reader = _Reader(environment)
        reader.find_unknown()
        databases = reader.databases(dsn)
        lease: float = reader.read("LEASE")
        run_checks_dsn, page_dsn = reader.own_dsn("RUN_CHECKS_DSN"), reader.own_dsn("PAGE_DSN")
        public_url = reader.read("PUBLIC_URL")
        common = cls(
            instance=None,
            fleet=reader.names_fleet(dsn),
            dsn="",
            token=reader.token(needed=needs_token),
            api_url=reader.read("TELEGRAM_API_URL"),
            worker=reader.read("WORKER"),
            poll_every=reader.read("POLL_EVERY"),
            lease=lease,
            send_timeout=min(lease / 2, LONGEST_REQUEST),
            run_checks_every=reader.read("RUN_CHECKS_EVERY"),
            run_checks_dsn="",
            templates=reader.read("TEMPLATES"),
            http_host=reader.read("HTTP_HOST"),
            http_port=reader.read("HTTP_PORT"),
            page_token=reader.page_token(),
            page_proxy_header=reader.read("PAGE_PROXY_HEADER"),
            page_dsn="",
            page_time_zone=reader.read("PAGE_TIME_ZONE"),
            public_url=public_url,
            heartbeat_url=reader.read("HEARTBEAT_URL"),
            buttons=reader.read("TELEGRAM_BUTTONS"),
            log_level=reader.read("LOG_LEVEL"),
            log_format=reader.read("LOG_FORMAT"),
        )
        reader.refuse_mistakes()
        is_fleet = common.fleet
        return [
            replace(
                common,
                instance=database.name,
                dsn=database.dsn,
                run_checks_dsn=_with_role_of(run_checks_dsn, database.dsn)
                if is_fleet
                else run_checks_dsn or database.dsn,
                page_dsn=_with_role_of(page_dsn, database.dsn) if is_fleet else page_dsn or database.dsn,
                public_url=f"{public_url}{page_path(database.name)}" if is_fleet and public_url else public_url,
            )
            for database in databases
        ]


def page_path(name: str | None) -> str:
    """Where the page of one database of a fleet is found."""
    return f"/database/{quote(name or '', safe='')}"


def _with_role_of(own: str, dsn: str) -> str:
    """A connection string of the fleet, for the role that another one names, which says no database."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    role = {name: value for name, value in conninfo_to_dict(own).items() if name != "client_encoding"}
    if "user" in role:
        # The password of the one role is not that of the other.
        role = {"password": None, "passfile": None} | role
    kept = {name: value for name, value in conninfo_to_dict(dsn).items() if name not in role}
    return make_conninfo("", **kept | {name: value for name, value in role.items() if value is not None})


def clean_name(text: str) -> str:
    """A name as it stands in messages, labels and addresses: one line of at most 63 characters."""
    return "".join(character for character in text if character.isprintable())[:63].strip()


def _without_driver(address: str) -> str:
    """An address as libpq reads it: SQLAlchemy's (postgresql+asyncpg://) has a driver and parameters of that."""
    from psycopg.pq import Conninfo

    if not re.match(r"postgres(ql)?\+\w+://", address):
        return address
    parts = urlsplit(address)
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    given = (("sslmode" if name == "ssl" else name, value) for name, value in parse_qsl(parts.query))
    query = urlencode([(name, value) for name, value in given if name in known], quote_via=quote)
    return parts._replace(scheme=parts.scheme.partition("+")[0], query=query).geturl()


class _Reader:
    """Reads variables one by one and collects what is wrong with them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.mistakes: list[str] = []

    def refuse_mistakes(self) -> None:
        """Raises one CommandError that names them all, a line each."""
        if self.mistakes:
            raise CommandError("\n            ".join(self.mistakes))

    def find_unknown(self) -> None:
        """A misspelled variable would be ignored without a word."""
        for variable in sorted(self._environment):
            name = variable.removeprefix(PREFIX)
            if variable.startswith(PREFIX) and name not in BY_NAME and not name.startswith(("TEST_", *OF_OTHERS)):
                near = difflib.get_close_matches(name, BY_NAME, n=1)
                advice = f"did you mean {PREFIX}{near[0]}?" if near else "see ghostwatch notify --help"
                self.mistakes.append(f"{variable} is not a setting: {advice}")

    def read(self, name: str) -> Any:
        """The value of a setting: what its variable says, or its default where that is not set or empty."""
        setting = BY_NAME[name]
        text = self._text(name)
        if text:
            try:
                return setting.read(text)
            except ValueError as mistake:
                shown = "" if setting.secret else f"={text[:100]!r}"
                self.mistakes.append(f"{setting.variable}{shown}: {mistake}")
        return setting.default()

    def names_fleet(self, given: str | None) -> bool:
        """Whether a file names the databases."""
        return not given and bool(self._text("DSN_FILE"))

    def databases(self, given: str | None) -> list[Database]:
        """The databases, with the password from its file; one without a name where no file names them."""
        from psycopg.conninfo import conninfo_to_dict

        password = self._content_of("PASSWORD_FILE")
        if not self.names_fleet(given):
            name = "--dsn" if given else "GHOSTWATCH_DSN"
            dsn = self._connection_string(name, given or self._text("DSN"), password)
            application = "" if self.mistakes else conninfo_to_dict(dsn).get("application_name")
            return [Database(clean_name(str(application)) if application else None, dsn)]
        if self._text("DSN"):
            self.mistakes.append("GHOSTWATCH_DSN and GHOSTWATCH_DSN_FILE are both set: keep one of them")
        return self._fleet(self._content_of("DSN_FILE") or "", password)

    def _fleet(self, content: str, password: str | None) -> list[Database]:
        """The databases of a file, one a line; lines that begin with # are comments."""
        from psycopg.conninfo import conninfo_to_dict

        file = self._text("DSN_FILE")
        found: list[Database] = []
        for number, line in enumerate(content.splitlines(), start=1):
            match = re.fullmatch(r"\s*(?:name=(\S+)\s+)?([^#\s].*?)\s*", line)
            if match is None:
                continue
            before = len(self.mistakes)
            dsn = self._connection_string(f"{file}:{number}", match[2], None)
            if len(self.mistakes) > before:
                continue
            parts = conninfo_to_dict(dsn)
            if password and not parts.get("password"):
                dsn = self._connection_string(f"{file}:{number}", dsn, password)
            name = clean_name(str(match[1] or parts.get("application_name") or parts.get("dbname") or ""))
            if not name:
                self.mistakes.append(f"{file}:{number} has no name: write name=NAME before the connection string")
            elif name in [database.name for database in found]:
                self.mistakes.append(f"{file}:{number}: another line is called {name!r} too: write name=NAME before it")
            found.append(Database(name, dsn))
            if parts.get("password"):
                self._require_private(file)
        if not found and not self.mistakes:
            self.mistakes.append(f"{file} names no database: write a connection string a line")
        return found

    def _require_private(self, file: str) -> None:
        """A file with passwords is read by its owner and group only."""
        mistake = f"{file} contains passwords and other users can read it: chmod 600 {file}"
        if Path(file).stat().st_mode & (stat.S_IROTH | stat.S_IWOTH) and mistake not in self.mistakes:
            self.mistakes.append(mistake)

    def own_dsn(self, name: str) -> str:
        """The connection string of a part that may have a role of its own; empty if it has none.

        With a fleet it names a role only, as each database is named by its own line.
        """
        from psycopg.conninfo import conninfo_to_dict

        before = len(self.mistakes)
        text = self._text(name) and self._connection_string(PREFIX + name, self._text(name), None)
        if text and len(self.mistakes) == before and self._text("DSN_FILE"):
            given = {"host", "hostaddr", "port", "dbname", "service"} & set(conninfo_to_dict(text))
            if given:
                self.mistakes.append(
                    f"{PREFIX}{name} is for every database of {PREFIX}DSN_FILE: leave out {', '.join(sorted(given))}"
                )
        return text

    def token(self, *, needed: bool) -> str | None:
        """The bot's token, from the environment or from a file; never echoed."""
        token = self._secret("TELEGRAM_TOKEN")
        if not token:
            if needed and not self._text("TELEGRAM_TOKEN_FILE"):
                self.mistakes.append(
                    "no bot token: set GHOSTWATCH_TELEGRAM_TOKEN_FILE (or GHOSTWATCH_TELEGRAM_TOKEN) "
                    "to what @BotFather gave you, or use --terminal"
                )
            return None
        if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", token):
            self.mistakes.append("the bot token is malformed: it is a number, a colon, then letters, digits, _ and -")
            return None
        return token

    def page_token(self) -> str | None:
        """The token of the page, from the environment or from a file; never echoed."""
        token = self._secret("PAGE_TOKEN")
        if token and (len(token) < SHORTEST_PAGE_TOKEN or not token.isascii() or not token.isprintable()):
            self.mistakes.append(
                f"the token of the page needs {SHORTEST_PAGE_TOKEN} printable ASCII characters: openssl rand -hex 16"
            )
            return None
        return token or None

    def _secret(self, name: str) -> str | None:
        """What a variable says, or the file that its neighbour names."""
        secret = self._text(name)
        if not self._text(f"{name}_FILE"):
            return secret
        if secret:
            self.mistakes.append(f"{PREFIX}{name} and {PREFIX}{name}_FILE are both set: keep one of them")
        return self._content_of(f"{name}_FILE")

    def _text(self, name: str) -> str:
        return self._environment.get(BY_NAME[name].variable, "").strip()

    def _connection_string(self, name: str, text: str, password: str | None) -> str:
        from psycopg import ProgrammingError
        from psycopg.conninfo import make_conninfo

        try:
            # A database that does not know its own encoding (SQL_ASCII) would answer in bytes.
            return make_conninfo(_without_driver(text), password=password, client_encoding="utf8")
        except (ProgrammingError, ValueError):
            # What libpq says of it may quote a password.
            self.mistakes.append(
                f"{name} cannot be read: write postgresql://user@host:5432/database or host=… dbname=… user=…"
            )
        return text

    def _content_of(self, name: str) -> str | None:
        """What the file says that a setting names; None where it is not set or unreadable."""
        path = self._text(name)
        if not path:
            return None
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            self.mistakes.append(f"{PREFIX}{name}={path!r} cannot be read: {reason}")
            return None
