"""A real browser: Debian's Chromium, driven by Playwright, and axe-core to look for barriers."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from playwright.sync_api import Browser, Page

from tests.page.reader import TOKEN, Reader
from tests.support.cache import cache_directory

AXE_VERSION = "4.14.1"
Scheme = Literal["light", "dark"]


@dataclass(frozen=True)
class Screen:
    """A size, and light or dark."""

    name: str
    width: int
    height: int
    scheme: Scheme


PHONE = Screen("phone", 390, 844, "light")
DARK_PHONE = Screen("phone in the dark", 390, 844, "dark")
DESKTOP = Screen("desktop", 1280, 900, "light")
WALL = Screen("wall", 1920, 1080, "dark")
SCREENS = (PHONE, DARK_PHONE, DESKTOP, WALL)


@contextmanager
def visiting(browser: Browser, reader: Reader, screen: Screen, *, logged_in: bool = True) -> Iterator[Page]:
    """A visitor of the page, who fails where the browser reports an error, such as a breach of the policy."""
    context = browser.new_context(
        base_url=reader.address,
        viewport={"width": screen.width, "height": screen.height},
        color_scheme=screen.scheme,
        extra_http_headers={"Authorization": f"Bearer {TOKEN}"} if logged_in else {},
    )
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("requestfailed", lambda request: errors.append(f"{request.url}: {request.failure}"))
    try:
        yield page
        # What a visitor breaks off by leaving is no failure, nor is what a test asks for though it is not there.
        unexpected = [error for error in errors if not re.search("net::ERR_ABORTED|with a status of 40[34]", error)]
        assert unexpected == [], unexpected
    finally:
        context.close()


def barriers(page: Page) -> list[str]:
    """What axe-core finds that keeps somebody from using the page."""
    package = cache_directory("axe") / AXE_VERSION
    script = package / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        subprocess.run(
            ["npm", "install", "--silent", "--no-save", "--prefix", package, f"axe-core@{AXE_VERSION}"], check=True
        )
    # Evaluated by the debugger: the policy of the page lets no script in.
    page.evaluate(script.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("axe.run()")
    return [
        f"{violation['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
