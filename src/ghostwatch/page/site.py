"""The addresses of the page, and what is answered at each."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, tzinfo
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final
from urllib.parse import parse_qs, quote, unquote

import jinja2

from ghostwatch.notifier import messages
from ghostwatch.notifier.http import Request, Response, Stream, plain
from ghostwatch.page import charts, views, words
from ghostwatch.page.access import Access
from ghostwatch.page.source import Known, Loader, NotFound, Source

HTML: Final = "text/html; charset=utf-8"
JSON: Final = "application/json"
SVG: Final = "image/svg+xml"
STATIC: Final = {"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8", "icon.svg": SVG}
# Nothing but our own files, and nothing that stands in the page itself: no script or style can be slipped in.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
SECURITY: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Site:
    """Answers requests for the page, its JSON and its pictures."""

    def __init__(
        self,
        source: Source,
        access: Access,
        time_zone: str,
        public_url: str | None = None,
        instance: str | None = None,
        base: str = "",
    ) -> None:
        """With a base, the page of one database of a fleet, whose addresses begin with it."""
        self.source = self._source = source
        self.instance = instance
        self.base = base
        self._access = access
        self._public_url = public_url
        self._overview = views.overview(time_zone)
        self._static = _static_files()
        self._templates, self._picture_style = _templates(time_zone)
        self._api = (files("ghostwatch.page") / "openapi.json").read_bytes()

    async def answer(self, request: Request) -> Response | Stream:
        """Answers a request."""
        path, _, query = request.target.partition("?")
        parts = [unquote(part) for part in path.removeprefix("/").split("/")]
        if parts[0] == "static" and len(parts) == 2 and parts[1] in self._static and request.method != "POST":
            kept = {**SECURITY, "Cache-Control": "public, max-age=31536000, immutable"}
            return Response(200, STATIC[parts[1]], self._static[parts[1]], kept)
        if path == "/login":
            return self._login(request)
        if request.method not in ("GET", "HEAD"):
            return plain(405, "GET")
        is_picture = parts[0] in ("badge", "chart")
        if not self._access.allows(request) and not (
            is_picture and self._access.allows_picture(self.base + path, query)
        ):
            return self._refuse(request, parts)
        try:
            return await self._route(request, path, parts, parse_qs(query))
        except NotFound as error:
            return self._not_found(parts, str(error))

    def refusal(self, request: Request) -> Response | None:
        """What is answered to a request that shows neither token nor header; None if it may be answered."""
        if request.method not in ("GET", "HEAD"):
            return plain(405, "GET")
        return None if self._access.allows(request) else self._refuse(request, [""])

    async def answer_outside(self, request: Request) -> Response | Stream:
        """Answers where the address names no database of the fleet: with files, the form, or that nothing is there."""
        path = request.target.partition("?")[0]
        if path == "/login" or path.startswith("/static/"):
            return await self.answer(request)
        return self.refusal(request) or self._not_found([""], "There is nothing at this address.")

    async def _route(
        self, request: Request, path: str, parts: list[str], query: Mapping[str, list[str]]
    ) -> Response | Stream:
        match parts:
            case [""]:
                return await self._overview_page()
            case ["events"]:
                return Stream(self._source.changes(), SECURITY)
            case ["alerts"]:
                return await self._page("alerts.html", "alerts", views.alerts)
            case ["health"]:
                return await self._page("health.html", "health", views.health)
            case ["alert", number] if _is_number(number):
                return await self._page("alert.html", f"alert {number}", views.alert(int(number)))
            case ["clause", contract, invariant]:
                return await self._clause_page(contract, invariant, _range(query))
            case ["badge" | "chart" as kind, contract, name] if name.endswith(".svg"):
                picture = self._badge if kind == "badge" else self._chart
                return await picture(contract, name.removesuffix(".svg"), _range(query))
            case ["api", "openapi.json"]:
                return Response(200, JSON, self._api, SECURITY)
            case ["api", "status.json"]:
                return _json(await self._source.overview())
            case ["api", "health.json"]:
                return _json(await self._source.view("health", views.health))
            case ["api", "alerts.json"]:
                return _json(await self._source.view("alerts", views.alerts))
            case ["api", "alert", name] if _is_number(name.removesuffix(".json")):
                number = name.removesuffix(".json")
                return _json(await self._source.view(f"alert {number}", views.alert(int(number))))
            case ["api", "clause", contract, name] if name.endswith(".json"):
                chosen, invariant = _range(query), name.removesuffix(".json")
                return _json(await self._source.view(*_clause(contract, invariant, chosen)))
        return self._not_found(parts, "There is nothing at this address.")

    async def _overview_page(self) -> Response:
        known = await self._source.overview()
        return self._render("overview.html", known, verdict=words.verdict(known))

    async def _page(self, template: str, name: str, load: Loader) -> Response:
        return self._render(template, await self._source.view(name, load))

    async def _clause_page(self, contract: str, invariant: str, chosen: views.Range) -> Response:
        known = await self._source.view(*_clause(contract, invariant, chosen))
        path = f"{quote(contract, safe='')}/{quote(invariant, safe='')}.svg"
        return self._render(
            "clause.html",
            known,
            chosen=chosen,
            embed={
                kind: f"{self._public_url or self.base}/{kind}/{path}?key="
                + self._access.picture_key(f"{self.base}/{kind}/{path}")
                for kind in ("badge", "chart")
            },
        )

    async def _badge(self, contract: str, invariant: str, _: views.Range) -> Response:
        known = await self._source.overview()
        clauses = known.facts["clauses"] if known.facts else []
        found = [one for one in clauses if (one["contract"], one["invariant"]) == (contract, invariant)]
        if known.facts is not None and not found:
            raise NotFound(f"contract {contract!r} has no invariant {invariant!r}")
        state = "unknown" if known.trouble is not None or not found else str(found[0]["state"])
        return self._picture("badge.svg", name=invariant, state=words.label(state), kind=words.kind(state))

    async def _chart(self, contract: str, invariant: str, chosen: views.Range) -> Response:
        known = await self._source.view(*_clause(contract, invariant, chosen))
        return self._picture("chart.svg", known=known, facts=known.facts, name=invariant, chosen=chosen)

    def _picture(self, template: str, **values: Any) -> Response:
        """A picture that stands alone, and is embedded elsewhere: its style is in it, and named by its digest."""
        style, policy = self._picture_style
        body = self.draw(template, style=style, **values)
        headers = {
            **SECURITY,
            "Content-Security-Policy": policy,
            "Cross-Origin-Resource-Policy": "cross-origin",
            "Cache-Control": "no-cache, max-age=0",
        }
        return Response(200, SVG, body, headers)

    def _render(self, template: str, known: Known, **values: Any) -> Response:
        """A page; 503 where nothing is known, so that whoever checks the address from outside notices."""
        if known.facts is None:
            template = "unknown.html"
        body = self.draw(template, known=known, facts=known.facts, **values)
        return Response(503 if known.facts is None else 200, HTML, body, SECURITY)

    def draw(self, template: str, **values: Any) -> bytes:
        """Renders a template of the page."""
        names = {"base": self.base, "instance": self.instance}
        if values.pop("outside", False):
            # A page of the whole fleet, of no database.
            names = {"base": "", "instance": None}
        return self._templates.get_template(template).render(**names, **values).encode()

    def _login(self, request: Request) -> Response:
        if request.method == "POST":
            cookie = self._access.logs_in(request)
            if cookie is not None:
                return Response(303, HTML, b"", {**SECURITY, "Location": "/", "Set-Cookie": cookie})
        elif self._access.allows(request):
            return Response(303, HTML, b"", {**SECURITY, "Location": "/"})
        wrong = request.method == "POST"
        body = self.draw("login.html", wrong=wrong, known=None)
        return Response(403 if wrong else 200, HTML, body, SECURITY)

    def _refuse(self, request: Request, parts: list[str]) -> Response:
        """A browser is led to the form; a program is told."""
        if "text/html" in request.headers.get("accept", "") and parts[0] != "api":
            return Response(303, HTML, b"", {**SECURITY, "Location": "/login"})
        return Response(
            401,
            "text/plain; charset=utf-8",
            b"send the token of the page: Authorization: Bearer ...\n",
            {**SECURITY, "WWW-Authenticate": "Bearer"},
        )

    def _not_found(self, parts: list[str], reason: str) -> Response:
        if parts[0] in ("api", "badge", "chart", "static"):
            return plain(404, reason)
        body = self.draw("missing.html", known=None, reason=reason)
        return Response(404, HTML, body, SECURITY)


def _clause(contract: str, invariant: str, chosen: views.Range) -> tuple[str, Loader]:
    """The name of the view of a clause, and what loads it."""
    return f"clause {contract}/{invariant} {chosen.name}", views.clause(contract, invariant, chosen)


def _range(query: Mapping[str, list[str]]) -> views.Range:
    return views.RANGES.get(query.get("range", [""])[0], views.RANGES[views.DEFAULT_RANGE])


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


def _json(known: Known) -> Response:
    """The facts, with their age; what the database said last where it does not answer."""
    content = {
        "taken_at": known.taken_at,
        "trouble": known.trouble,
        "trouble_since": known.trouble_since,
        "facts": known.facts,
    }
    body = json.dumps(content, default=_plain, ensure_ascii=False).encode()
    return Response(503 if known.facts is None else 200, JSON, body, SECURITY)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value)


@functools.cache
def _static_files() -> Mapping[str, bytes]:
    package = files("ghostwatch.page")
    return {name: (package / "static" / name).read_bytes() for name in STATIC}


@functools.cache
def _templates(time_zone: str) -> tuple[jinja2.Environment, tuple[str, str]]:
    """The templates, compiled once for all databases of the process, and the style of pictures with its policy."""
    addresses = {name: _address(name, body) for name, body in _static_files().items()}
    return _environment(views.zone_of(time_zone), addresses), _picture_style(files("ghostwatch.page"))


def _address(name: str, body: bytes) -> str:
    """An address that changes with the content, so that browsers may keep the file for ever."""
    return f"/static/{name}?{hashlib.sha256(body).hexdigest()[:12]}"


def _picture_style(package: Traversable) -> tuple[str, str]:
    style = (package / "static" / "picture.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return style, f"default-src 'none'; style-src 'sha256-{digest}'"


def _environment(zone: tzinfo, addresses: Mapping[str, str]) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ghostwatch.page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )

    def clock(moment: datetime, now: datetime | None = None) -> str:
        local = moment.astimezone(zone)
        same_day = now is not None and now.astimezone(zone).date() == local.date()
        return f"{local:%H:%M}" if same_day else f"{local:%-d %b %H:%M}"

    def tick(moment: datetime, length: timedelta) -> str:
        local = moment.astimezone(zone)
        return f"{local:%H:%M}" if length <= timedelta(days=1) else f"{local:%-d %b}"

    def full(moment: datetime) -> str:
        return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"

    filters: dict[str, Callable[..., Any]] = {
        "clock": clock,
        "full": full,
        "tick": tick,
        "ago": words.ago,
        "duration": messages.duration,
        "family": messages.family,
        "label": words.label,
        "kind": words.kind,
        "segment": lambda text: quote(str(text), safe=""),
    }
    environment.filters |= filters
    environment.globals |= {"charts": charts, "words": words, "static": addresses, "zone": zone, "ranges": views.RANGES}
    # Compiled before somebody waits for it.
    for name in environment.list_templates():
        environment.get_template(name)
    return environment
