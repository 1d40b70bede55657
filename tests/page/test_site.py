"""The page over HTTP: who may look, what is answered, and what is known while the database is away."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from psycopg import sql

from tests.page.incident import Incident
from tests.page.reader import TOKEN, Answer, Reader
from tests.sidecar.process import StartSidecar
from tests.support.cluster import free_port
from tests.support.database import Database

HTML = "text/html,*/*"
CLAUSE = "/clause/onboarding/first_meme"
PAGES = (
    "/",
    "/alerts",
    "/health",
    "/alert/4",
    *(f"{CLAUSE}?range={length}" for length in ("6h", "24h", "7d", "90d")),
)
API = (
    "/api/status.json",
    "/api/clause/onboarding/first_meme.json",
    "/api/alerts.json",
    "/api/alert/4.json",
    "/api/health.json",
)
PICTURES = ("/badge/onboarding/first_meme.svg", "/chart/onboarding/first_meme.svg?range=7d")
LARGEST = 150 * 1024


def test_every_page_is_whole_and_small(incident: Incident, reader: Reader) -> None:
    """With its style, script and icon, and even where nothing is compressed."""
    for path in (*PAGES, *API, *PICTURES):
        answer = reader.get(path)
        assert answer.status == 200, answer.text
        assert len(answer.body) < LARGEST, path
        assert answer.headers["content-security-policy"].startswith("default-src 'none'"), path
        assert answer.headers["x-content-type-options"] == "nosniff", path
        compressed = reader.get(path, Accept_Encoding="gzip, br")
        assert compressed.headers.get("content-encoding") == "gzip" or len(answer.body) < 1024, path
    page = reader.get("/").text
    parts = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert {part.partition("?")[0] for part in parts} == {"/static/page.css", "/static/page.js", "/static/icon.svg"}
    assert len(page) + sum(len(reader.get(part, token=None).body) for part in set(parts)) < LARGEST
    # Nothing comes from elsewhere, and nothing is run that stands in the page.
    assert not re.findall(r'(?:href|src)="(?:https?:)?//', page)
    assert not re.findall(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=", page)


@pytest.mark.both_kinds
@pytest.mark.attack(
    "finding the key of a user on any page, picture or JSON",
    role="who knows the token",
    result="there is none, unless the operator shows samples",
)
def test_no_answer_has_the_key_of_a_user(incident: Incident, reader: Reader) -> None:
    """Unless the operator switches sample keys on, and then only the alert's samples."""
    key = re.compile(r"\b60000\d\d|\b60001\d\d|\b60002\d\d")
    samples = incident.database.value("SELECT sample_keys FROM ghostwatch.alert WHERE alert_id = 4")
    assert key.search(str(samples))
    for path in (*PAGES, *API, *PICTURES):
        assert not key.search(reader.get(path).text), path
    incident.database.execute("SELECT ghostwatch.set_setting('page_sample_keys', 'true')")
    reader.sidecar.wait_until(lambda: samples[0] in reader.get("/alert/4").text)


@pytest.mark.both_kinds
@pytest.mark.attack(
    "asking for every address of the page without the token, or with another one",
    role="anyone who reaches the HTTP port",
    result="refused; no name of a contract is told",
)
def test_nothing_is_shown_without_the_token(incident: Incident, reader: Reader) -> None:
    """A program is told what to send, and a browser is led to the form."""
    for path in (*PAGES, *API, *PICTURES, "/events", "/api/openapi.json"):
        for token in (None, "", "another-token-of-16", TOKEN[:-1], f"{TOKEN}x"):
            answer = reader.get(path, token)
            assert answer.status == 401, path
            assert "onboarding" not in answer.text, path
    answer = reader.get("/", None, Accept=HTML)
    assert (answer.status, answer.headers["location"]) == (303, "/login")
    assert reader.get("/login", None).status == 200
    # Those who look after the sidecar itself need none.
    assert reader.get("/healthz", None).status == 200


def log_in(reader: Reader, token: str) -> Answer:
    """Sends the form."""
    return reader.ask("POST", "/login", urlencode({"token": token}), None)


@pytest.mark.both_kinds
@pytest.mark.attack(
    "guessing or changing the cookie of the page",
    role="anyone who reaches the HTTP port",
    result="refused; the cookie does not contain the token",
)
def test_the_form_gives_a_cookie_that_does_not_tell_the_token(incident: Incident, reader: Reader) -> None:
    """It opens the page; no script reads it."""
    assert log_in(reader, "wrong").status == 403
    assert "set-cookie" not in log_in(reader, "wrong").headers
    answer = log_in(reader, TOKEN)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie, *attributes = answer.headers["set-cookie"].split("; ")
    assert TOKEN not in cookie
    assert {"HttpOnly", "SameSite=Lax"} <= set(attributes)
    assert reader.get("/", None, Cookie=f"other=1; {cookie}").status == 200
    assert reader.get("/", None, Cookie=f"{cookie}0").status == 401
    assert reader.get("/", None, Cookie="ghostwatch_page=é; \x01").status in (400, 401)


@pytest.mark.both_kinds
@pytest.mark.attack(
    "using the key of an embedded picture for other addresses",
    role="whoever sees an embedded picture",
    result="refused",
)
def test_the_key_of_a_picture_opens_this_picture_only(incident: Incident, reader: Reader) -> None:
    """So that it can be embedded where others look."""
    badge = re.search(r"(/badge/onboarding/first_meme\.svg\?key=\w+)", reader.get(CLAUSE).text)
    assert badge
    answer = reader.get(badge[1], None)
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "Error" in answer.text
    for path in ("/", "/api/status.json", "/badge/onboarding/language.svg", "/chart/onboarding/first_meme.svg"):
        assert reader.get(f"{path}?{badge[1].partition('?')[2]}", None).status == 401, path


def test_a_proxy_may_let_people_in(incident: Incident, database: Database, start_sidecar: StartSidecar) -> None:
    """By a header that it sets."""
    port = free_port()
    reader = Reader(port, start_sidecar(http_port=str(port), page_proxy_header="X-Forwarded-User"))
    assert reader.get("/", None).status == 401
    assert reader.get("/", None, X_Forwarded_User="").status == 401
    assert reader.get("/", "", Authorization="Bearer ").status == 401
    assert reader.get("/", None, X_Forwarded_User="anna").status == 200


def test_without_a_token_there_is_no_page(database: Database, start_sidecar: StartSidecar) -> None:
    """The port then has what it always had."""
    port = free_port()
    reader = Reader(port, start_sidecar(http_port=str(port)))
    assert reader.get("/").status == 404
    assert reader.get("/readyz").status == 200


@pytest.mark.both_kinds
@pytest.mark.attack(
    "paths that lead out of the static files, other methods, large bodies",
    role="anyone who reaches the HTTP port",
    result="refused",
)
def test_what_is_not_there(incident: Incident, reader: Reader) -> None:
    """Is said so; nothing else is read or changed."""
    for path in (
        "/nothing",
        "/clause/onboarding/nothing",
        "/clause/nothing/first_meme",
        "/alert/999",
        "/alert/999999999999999999999",
        "/alert/-1",
        "/badge/onboarding/nothing.svg",
        "/api/alert/999.json",
        "/static/../site.py",
        "/static/%2e%2e%2fsite.py",
        "/clause/onboarding/first_meme/more",
        "//",
    ):
        assert reader.get(path).status == 404, path
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
        assert reader.ask(method, "/", "x" if method != "TRACE" else None).status == 405, method
    assert reader.ask("POST", "/login", "x" * 5000).status == 413
    assert reader.ask("HEAD", "/", None).body == b""


def test_the_api_says_what_the_page_says(incident: Incident, reader: Reader) -> None:
    """With the age of what it says."""
    known = reader.get("/api/status.json").json
    assert known["trouble"] is None
    assert known["taken_at"]
    states = {one["invariant"]: one["state"] for one in known["facts"]["clauses"]}
    assert states == {"first_meme": "error", "language": "ok"}
    first_meme, language = known["facts"]["clauses"]
    assert len(first_meme["days"]) == 90
    assert [day["errors"] for day in first_meme["days"]].count(1) == 3
    assert (language["alerts"], language["alerts_lasted"]) == (0, 0)
    assert first_meme["alerts"] == 4
    clause = reader.get("/api/clause/onboarding/first_meme.json?range=24h").json["facts"]
    assert clause["branches"][0]["branch_family"] == "kitchen"
    assert sum(rate["violations"] for rate in clause["rates"]) == sum(one["violations"] for one in clause["branches"])
    assert [step["what"] for step in reader.get("/api/alert/4.json").json["facts"]["timeline"]][:2] == [
        "opened",
        "escalated",
    ]


def test_an_alert_shows_the_rate_around_it(incident: Incident, reader: Reader) -> None:
    """From some time before it opened until now; nothing where it is too old, or about no clause that there is."""
    execute = incident.database.execute
    for alert_id, chosen in ((4, "6h"), (3, "90d"), (1, None)):
        if chosen is None:
            execute("UPDATE ghostwatch.alert SET opened_at = opened_at - interval '90 days' WHERE alert_id = 1")
        chart = reader.get(f"/api/alert/{alert_id}.json").json["facts"]["chart"]
        assert (chart["range"] if chart else None) == chosen
        assert ('class="line"' in reader.get(f"/alert/{alert_id}").text) == (chosen is not None)
    chart = reader.get("/api/alert/4.json").json["facts"]["chart"]
    assert chart["since"] < next(one["opened_at"] for one in chart["alerts"] if one["alert_id"] == 4)
    clause = reader.get("/api/clause/onboarding/first_meme.json?range=6h").json["facts"]
    assert sum(rate["violations"] for rate in chart["rates"]) == sum(rate["violations"] for rate in clause["rates"])
    execute("SELECT ghostwatch.drop_invariant('onboarding', 'first_meme')")
    reader.sidecar.wait_until(lambda: reader.get("/api/alert/4.json").json["facts"]["chart"] is None)
    assert reader.get("/alert/4").status == 200


def test_the_document_of_the_api_names_every_address(incident: Incident, reader: Reader) -> None:
    """And each that it names answers as it says."""
    document = reader.get("/api/openapi.json").json
    given = {"contract": "onboarding", "invariant": "first_meme", "alert_id": "4"}
    addresses = {re.sub(r"\{(\w+)\}", lambda name: given[name[1]], path): path for path in document["paths"]}
    assert set(addresses) - {"/events"} == {path.partition("?")[0] for path in (*API, *PICTURES)}
    for address, path in addresses.items():
        if address == "/events":
            continue
        answer = reader.get(address)
        assert answer.headers["content-type"] in document["paths"][path]["get"]["responses"]["200"]["content"]
        if address.startswith("/api/"):
            assert set(answer.json) == set(document["components"]["schemas"]["Known"]["required"])


def events(reader: Reader) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """A stream of events."""
    connection = http.client.HTTPConnection("127.0.0.1", reader.port, timeout=30)
    connection.request("GET", "/events", headers={"Authorization": f"Bearer {TOKEN}"})
    response = connection.getresponse()
    assert response.headers["content-type"] == "text/event-stream"
    return connection, response


def next_event(response: http.client.HTTPResponse) -> str:
    """The name of the next event."""
    while not (line := response.readline().decode()).startswith("event:"):
        assert line, "the stream has ended"
    return line.partition(":")[2].strip()


def test_a_run_is_told_to_whoever_watches(incident: Incident, reader: Reader) -> None:
    """Once to begin with, and again when something has changed."""
    connection, response = events(reader)
    with contextlib.closing(connection):
        assert next_event(response) == "change"
        assert next_event(response) == "change"
        incident.run()
        assert next_event(response) == "change"


@pytest.mark.both_kinds
@pytest.mark.attack(
    "opening more streams of events than there may be",
    role="who knows the token",
    result="refused; health pages go on",
)
def test_streams_are_bounded(incident: Incident, reader: Reader) -> None:
    """They keep nobody from the health pages, and end with the sidecar."""
    opened = [events(reader) for _ in range(64)]
    assert reader.get("/events").status == 503
    assert reader.get("/healthz").status == 200
    for connection, _ in opened[:10]:
        connection.close()
    reader.sidecar.wait_until(lambda: reader.get("/healthz").status == 200)
    assert reader.sidecar.stop() == 0
    for connection, _ in opened[10:]:
        connection.close()


def cut_off(database: Database) -> None:
    """Nobody reaches the database any more, and who was connected is thrown out."""
    database.server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(database.name)))
    database.server.execute(
        sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}").format(
            sql.Literal(database.name)
        )
    )


def test_the_last_state_is_shown_while_the_database_is_away(
    incident: Incident, database: Database, reader: Reader
) -> None:
    """With its age, also to somebody who never looked before; what nobody asked for is not made up."""
    reader.get(CLAUSE)
    cut_off(database)
    reader.sidecar.wait_until(lambda: "The database does not answer" in reader.get("/").text)
    page = reader.get("/")
    assert page.status == 200
    assert "first_meme" in page.text
    reader.sidecar.wait_until(lambda: "What stands here is of" in reader.get(CLAUSE).text)
    known = reader.get("/api/status.json").json
    assert known["trouble"]
    assert known["trouble_since"] >= known["taken_at"]
    assert known["facts"]["clauses"][0]["state"] == "error"
    assert ">unknown<" in reader.get("/badge/onboarding/first_meme.svg").text.lower()
    unknown = reader.get("/alert/4")
    assert (unknown.status, "Nothing is known" in unknown.text) == (503, True)
    database.server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(database.name)))
    reader.sidecar.wait_until(lambda: reader.get("/api/status.json").json["trouble"] is None)


def test_a_reader_does_not_wait_for_a_database_that_hangs(incident: Incident, reader: Reader) -> None:
    """What was known last comes after a moment; messages do not wait for it either."""
    reader.get("/")
    with incident.database.connect(autocommit=False) as holder:
        holder.execute("LOCK TABLE ghostwatch.contract IN ACCESS EXCLUSIVE MODE")
        reader.sidecar.wait_until(lambda: "does not answer" in reader.get("/").text)
        assert reader.get("/healthz").status == 200
        holder.rollback()
    reader.sidecar.wait_until(lambda: "does not answer" not in reader.get("/").text)


def test_the_page_has_a_role_of_its_own(
    incident: Incident, database: Database, start_sidecar: StartSidecar, make_role: Callable[[], str]
) -> None:
    """The sidecar's role need not be a viewer; without the right it is said what to type."""
    role = make_role()
    port = free_port()
    sidecar = start_sidecar(http_port=str(port), page_token=TOKEN, page_dsn=database.server.dsn(database.name, role))
    reader = Reader(port, sidecar)
    assert "grant_viewer" in reader.get("/api/status.json").json["trouble"]
    database.execute("SELECT ghostwatch.grant_viewer(%s)", role)
    sidecar.wait_until(lambda: reader.get("/").status == 200)
    assert all(reader.get(path).status == 200 for path in (*PAGES, *API))


def test_an_empty_database(database: Database, reader: Reader) -> None:
    """Says what to type."""
    assert "declare_contract" in reader.get("/").text
    assert "There is no channel" in reader.get("/health").text
    assert "There was no alert" in reader.get("/alerts").text


@pytest.mark.both_kinds
@pytest.mark.attack(
    "markup and template code in names, labels and comments",
    role="operator",
    result="shown as text",
)
@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "a/b ?#%"]
)
def test_names_are_data(database: Database, reader: Reader, hostile: str) -> None:
    """Whatever a clause, a branch family, a comment or a person is called."""
    database.execute("CREATE TABLE account (id bigint PRIMARY KEY, created_at timestamptz NOT NULL)")
    database.execute(
        "SELECT ghostwatch.declare_contract(%s, 'account', subject_label => %s, description => %s)", *[hostile] * 3
    )
    database.execute(
        "SELECT ghostwatch.declare_invariant(%s, %s, 'account', 'id', rule => 'threshold', missing_label => %s)",
        *[hostile] * 3,
    )
    database.execute("SELECT ghostwatch.silence(%s, %s, by => %s, comment => %s)", *[hostile] * 4)
    database.execute("CALL ghostwatch.run_checks()")
    reader.sidecar.wait_until(lambda: "/clause/" in reader.get("/").text)
    link = re.search(r'href="(/clause/[^"]+)"', reader.get("/").text)
    assert link
    badge = link[1].replace("/clause/", "/badge/") + ".svg"
    for path in ("/", link[1], badge, link[1].replace("/clause/", "/chart/") + ".svg"):
        answer = reader.get(path)
        assert answer.status == 200, path
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
        assert ">49<" not in answer.text
    assert json.loads(reader.get("/api/status.json").body)["facts"]["clauses"][0]["invariant"] == hostile
