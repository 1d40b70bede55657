"""What a visitor sees, on a phone and on a wall, in each state; with the keyboard, and while things happen."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FloatRect, Page, expect, sync_playwright

from tests.page.browser import DESKTOP, PHONE, SCREENS, Screen, barriers, visiting
from tests.page.incident import Incident
from tests.page.reader import TOKEN, Reader
from tests.page.test_site import CLAUSE, PAGES, cut_off
from tests.support.database import Database

pytestmark = [pytest.mark.browser, pytest.mark.machine, pytest.mark.once]

# A page is drawn anew so soon after a check run.
SOON = 2.0
README_PICTURE: FloatRect = {"x": 0, "y": 0, "width": 1280, "height": 800}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield started
        started.close()


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the screen."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("screen", [PHONE, DESKTOP], ids=lambda screen: screen.name)
def test_what_is_seen(incident: Incident, reader: Reader, browser: Browser, screen: Screen) -> None:
    """Is it well, since when, how often not; and where it leaks."""
    with visiting(browser, reader, screen) as page:
        page.goto("/")
        expect(page.get_by_role("heading", level=1)).to_have_text("1 of 2 clauses is broken")
        expect(page.get_by_text("new users without a first meme, for")).to_be_visible()
        expect(page.locator(".clause").first).to_contain_text("4 alerts")
        expect(page.get_by_role("img", name="Alerts on 4 of 90 days")).to_be_visible()
        expect(page.get_by_role("img", name="No alert in 90 days.")).to_be_visible()
        assert page.locator(".days").first.locator("rect").count() == 90
        assert page.locator(".days").first.locator("rect.error").count() == 3

        page.get_by_role("link", name="first_meme", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("first_meme")
        expect(page.locator(".rate .line")).to_be_attached()
        expect(page.locator(".rate .band")).to_be_attached()
        expect(page.locator(".rate .span-error")).to_have_count(1)
        expect(page.locator(".rate .span-maintenance")).to_have_count(1)
        expect(page.get_by_text("release 41")).to_be_visible()
        # The leaking branch stands first, and its last hour is the darkest.
        first = page.locator(".heat tbody tr").first
        expect(first.get_by_role("rowheader")).to_have_text("kitchen")
        assert first.locator("path.level5, path.level4").count() >= 1
        expect(page.get_by_role("img", name="The last 48 hours")).to_be_visible()
        for length in ("6 hours", "7 days", "90 days"):
            page.get_by_role("link", name=length).click()
            expect(page.get_by_role("link", name=length)).to_have_attribute("aria-current", "true")
            assert overflow(page) <= 0, length

        page.get_by_role("link", name="Alert 4").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Alert 4")
        expect(page.locator(".rate .line")).to_be_attached()
        expect(page.locator(".rate .span-error")).to_have_count(1)
        expect(page.locator(".timeline")).to_contain_text("anna: rolling back")
        expect(page.get_by_text("FROM ghostwatch.branch_minute")).to_be_visible()
        assert overflow(page) <= 0


def test_every_state_has_its_words(incident: Incident, reader: Reader, browser: Browser) -> None:
    """On the open page, which is drawn anew for each."""
    execute = incident.database.execute
    with visiting(browser, reader, DESKTOP) as page:
        page.goto("/")
        headline = page.get_by_role("heading", level=1)
        expect(headline).to_have_text("1 of 2 clauses is broken")

        execute("SELECT ghostwatch.silence('onboarding', 'first_meme', by => 'anna', comment => 'known')")
        expect(page.locator(".clause").first).to_contain_text("Silenced until")
        execute("SELECT ghostwatch.maintenance('20 minutes', 'release 42')")
        expect(page.locator(".clause").first).to_contain_text("In maintenance until")
        execute("SELECT ghostwatch.end_maintenance()")

        execute("SELECT ghostwatch.pause()")
        expect(headline).to_have_text("Checks are paused")
        execute("SELECT ghostwatch.resume()")
        expect(headline).to_have_text("1 of 2 clauses is broken")

        execute("ALTER TABLE public.meme RENAME COLUMN account_id TO somebody")
        incident.run()
        expect(page.locator(".clause").first).to_contain_text("The check fails since")
        execute("ALTER TABLE public.meme RENAME COLUMN somebody TO account_id")

        incident.serve()
        incident.run()
        execute(
            "UPDATE ghostwatch.alert SET state = 'resolved', resolved_at = clock_timestamp() WHERE state = 'firing'"
        )
        expect(headline).to_have_text("All is well", timeout=10_000)
        expect(page.locator(".verdict")).to_contain_text("5 alerts in 90 days")

        execute("UPDATE ghostwatch.check_progress SET last_success_at = last_success_at - interval '1 hour'")
        execute("SELECT ghostwatch.pause()")
        expect(headline).to_have_text("Checks are paused")
        execute("SELECT ghostwatch.resume()")
        expect(headline).to_have_text("Checks have stopped")


def test_a_run_is_seen_at_once(incident: Incident, reader: Reader, browser: Browser) -> None:
    """Without a reload, and within two seconds of the run."""
    with visiting(browser, reader, DESKTOP) as page:
        page.goto("/")
        checked = page.locator(".clause").first.locator("[data-since]")
        expect(checked).to_be_visible()
        page.wait_for_timeout(1500)
        took = []
        for _ in range(3):
            before = checked.get_attribute("data-since") or ""
            began = time.monotonic()
            incident.run()
            expect(checked).not_to_have_attribute("data-since", before, timeout=20_000)
            took.append(time.monotonic() - began)
        # The machine may be busy with something else for a while.
        assert min(took) < SOON, took


def test_the_reader_is_left_where_they_are(incident: Incident, reader: Reader, browser: Browser) -> None:
    """Focus and what was unfolded stay while the page is drawn anew."""
    with visiting(browser, reader, DESKTOP) as page:
        page.goto(CLAUSE)
        page.get_by_text("Embed").click()
        page.get_by_role("link", name="7 days").focus()
        stamp = page.locator("footer time").get_attribute("datetime") or ""
        incident.run()
        expect(page.locator("footer time")).not_to_have_attribute("datetime", stamp, timeout=10_000)
        expect(page.get_by_role("link", name="7 days")).to_be_focused()
        expect(page.locator("details")).to_have_attribute("open", "")
        expect(page.get_by_alt_text("State of first_meme")).to_be_visible()


def test_the_keyboard_is_enough(incident: Incident, reader: Reader, browser: Browser) -> None:
    """From the form to an alert and back."""
    with visiting(browser, reader, DESKTOP, logged_in=False) as page:
        page.goto("/")
        expect(page.get_by_label("Token of the page")).to_be_focused()
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("That is not the token.")
        page.keyboard.type(TOKEN)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("1 of 2 clauses is broken")
        assert TOKEN not in page.content() + page.url
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Alert 4")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Alert 4")
        page.get_by_role("link", name="Now").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("1 of 2 clauses is broken")


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_there_are_no_barriers(incident: Incident, reader: Reader, browser: Browser, screen: Screen) -> None:
    """As axe-core sees it, on every page."""
    with visiting(browser, reader, screen) as page:
        for path in PAGES:
            page.goto(path)
            page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            assert barriers(page) == [], path
            assert overflow(page) <= 0, path
        assert page.goto("/alert/99")
        assert barriers(page) == []
    with visiting(browser, reader, screen, logged_in=False) as page:
        page.goto("/login")
        assert barriers(page) == []


def test_an_empty_database_has_no_barriers(database: Database, reader: Reader, browser: Browser) -> None:
    """And says what to type."""
    with visiting(browser, reader, PHONE) as page:
        for path in ("/", "/alerts", "/health"):
            page.goto(path)
            assert barriers(page) == [], path
        page.goto("/")
        expect(page.get_by_text("declare_contract")).to_be_visible()


def test_what_is_seen_while_the_database_is_away(
    incident: Incident, database: Database, reader: Reader, browser: Browser
) -> None:
    """The open page says so by itself, keeps what it showed, and has no barrier."""
    with visiting(browser, reader, DESKTOP) as page:
        page.goto("/")
        expect(page.locator(".clause")).to_have_count(2)
        cut_off(database)
        expect(page.get_by_role("heading", level=1)).to_have_text("The database does not answer", timeout=20_000)
        expect(page.get_by_text("What stands here is of")).to_be_visible()
        expect(page.locator(".clause")).to_have_count(2)
        assert barriers(page) == []


def test_what_is_seen_while_the_sidecar_is_away(incident: Incident, reader: Reader, browser: Browser) -> None:
    """The open page says that it may be out of date."""
    context = browser.new_context(base_url=reader.address, extra_http_headers={"Authorization": f"Bearer {TOKEN}"})
    page = context.new_page()
    page.goto("/")
    page.wait_for_timeout(500)
    reader.sidecar.stop()
    expect(page.get_by_text("No connection to ghostwatch")).to_be_visible(timeout=20_000)
    context.close()


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_it_can_be_shown(incident: Incident, reader: Reader, browser: Browser, screen: Screen, tmp_path: Path) -> None:
    """Pictures for people: GHOSTWATCH_TEST_SCREENSHOTS names the directory that they go to."""
    folder = Path(os.environ.get("GHOSTWATCH_TEST_SCREENSHOTS", tmp_path))
    with visiting(browser, reader, screen) as page:
        for name, path in (("now", "/"), ("clause", CLAUSE), ("alert", "/alert/4")):
            page.goto(path)
            picture = folder / f"{screen.name.replace(' ', '-')}-{name}.png"
            page.screenshot(path=picture, full_page=True)
            assert 10_000 < picture.stat().st_size < 400_000
        # What the README shows.
        page.goto("/")
        page.screenshot(path=folder / f"{screen.name.replace(' ', '-')}.png", clip=README_PICTURE)
