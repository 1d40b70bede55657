"""The page of a fleet: first all databases, then the page of one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from ghostwatch.notifier.http import Request, Response, Stream, plain
from ghostwatch.page import words
from ghostwatch.page.site import HTML, JSON, SECURITY, Site

# A reader of the whole fleet is shown changes within this time; a reader of one database at once.
DRAW_EVERY = 5.0
WORDS: Final = {"error": "Error", "warn": "Warning", "none": "Unknown", "ok": "OK"}


async def answer(sites: Sequence[Site], request: Request) -> Response | Stream:
    """Answers a request for the page of a fleet, or passes it on to that of the database that the address names."""
    path, question, query = request.target.partition("?")
    for site in sites:
        if path.startswith(f"{site.base}/"):
            target = path.removeprefix(site.base) + question + query
            return await site.answer(Request(request.method, target, request.headers, request.body))
    if not sites:
        return plain(503, "no database is served yet")
    if path not in ("/", "/events", "/api/status.json"):
        # The files, the form for the token, and addresses that are not there.
        return await sites[0].answer_outside(request)
    if (refusal := sites[0].refusal(request)) is not None:
        return refusal
    if path == "/events":
        return Stream(_changes(), SECURITY)
    databases = await asyncio.gather(*map(_state, sites))
    # What is wrong comes first.
    databases.sort(key=lambda one: list(WORDS).index(one["kind"]))
    if path == "/api/status.json":
        return Response(200, JSON, json.dumps({"databases": databases}, default=str).encode(), SECURITY)
    wrong = [one for one in databases if one["kind"] != "ok"]
    headline = (
        f"{len(wrong)} of {words.count(len(databases), 'database')} not well" if wrong else "All databases are well"
    )
    kind = databases[0]["kind"]
    body = sites[0].draw("fleet.html", known=None, databases=databases, headline=headline, kind=kind, outside=True)
    return Response(200, HTML, body, SECURITY)


async def _state(site: Site) -> dict[str, Any]:
    known = site.source.noted()
    if known.trouble is None:
        # One that is known to be away must not keep the reader waiting.
        known = await site.source.overview()
    verdict = words.verdict(known)
    return {
        "name": site.instance,
        "path": site.base,
        "kind": verdict.kind,
        "word": WORDS[verdict.kind],
        "headline": verdict.headline,
        "detail": verdict.detail,
        "taken_at": known.taken_at,
    }


async def _changes() -> AsyncIterator[bytes]:
    yield b"retry: 2000\nevent: change\ndata: {}\n\n"
    while True:
        await asyncio.sleep(DRAW_EVERY)
        yield b"event: change\ndata: {}\n\n"
