"""What messages say, and that they can always be sent."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostwatch.notifier.messages import Renderer, between, clock, duration, essentials, percent, singular, through
from ghostwatch.notifier.messenger import Notification
from tests.support.fake_telegram import parse_html

NOW = datetime(2026, 1, 2, 14, 30, tzinfo=UTC)
BRANCHES = [
    {"family": "kitchen", "violations": 12, "due": 12},
    {"family": "none", "violations": 1, "due": 60},
    {"family": "s_*", "violations": 1, "due": 36},
]


def notification(reason: str = "opened", payload: dict[str, Any] | None = None, **alert: Any) -> Notification:
    """What is to be told of an alert."""
    known = {
        "alert_id": 42,
        "kind": "violations",
        "contract": "onboarding",
        "invariant": "first_meme",
        "rule": "threshold",
        "state": "firing",
        "severity": "error",
        "opened_at": "2026-01-02T14:02:00+00:00",
        "resolved_at": None,
        "reopened_count": 0,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "acknowledge_comment": None,
        "warn_count": 3,
        "error_count": 14,
        "peak_count": 17,
        "sample_keys": ["6001480", "6002980", "6002990"],
        "branches": BRANCHES,
        "evidence": {},
        "subject_label": "new users",
        "missing_label": "a first meme",
        "lack": "without a first meme",
        "warn_after": 60,
        "error_after": 300,
        "watch_for": 1500,
        "runbook_url": None,
        "clear_since": None,
        "silence": None,
    }
    return row(reason, payload, known | alert)


def row(
    reason: str, payload: dict[str, Any] | None, alert: dict[str, Any] | None = None, time_zone: str = "UTC"
) -> Notification:
    """A row of claim_notifications(), as JSON brings it."""
    return Notification(
        notification_id=1,
        channel="admins",
        chat_id=-1001,
        thread_id=None,
        reason=reason,
        alert=alert,
        payload=payload or {},
        edit_message_id=None,
        reply_to_message_id=None,
        attempts=0,
        buttons=False,
        as_of=NOW,
        time_zone=time_zone,
        silent=False,
        wait=0.0,
    )


def told(claimed: Notification, templates: Path | None = None) -> str:
    """The message as the reader sees it; its HTML is such that Telegram takes it."""
    text = Renderer(templates).render(claimed)
    assert parse_html(text.html) == text.plain
    return text.plain


def test_threshold() -> None:
    """What happened, how much, through which branches, for example whom, since when, and which alert."""
    assert told(notification()).splitlines() == [
        "🔴 👻 onboarding · first_meme · ERROR",
        "14 new users without a first meme for over 5 min, 3 more for 1–5 min",
        "through kitchen: 12 of 12 · all others: 2 of 96",
        "sample: 6001480, 6002980, 6002990",
        "since 14:02 UTC · alert 42",
    ]


@pytest.mark.parametrize(("after", "said"), [(725.4, "12 min"), (59.6, "1 min"), (5.2, "5 s")])
def test_what_was_released_before(after: float, said: str) -> None:
    """A deploy marker, by the minute."""
    marked = told(notification(mark={"label": "release <214>", "after": after})).splitlines()
    assert marked[-2] == f"🚀 {said} after: release <214>"


def test_warn() -> None:
    """Nobody is over the deadline of errors yet."""
    assert told(notification(severity="warn", error_count=0)).splitlines()[:2] == [
        "🟡 👻 onboarding · first_meme · WARN",
        "3 new users without a first meme for 1–5 min",
    ]


@pytest.mark.parametrize("errors", [0, 1])
def test_a_single_one(errors: int) -> None:
    """Only the plural is declared, and "1 new users" is nobody's language."""
    claimed = notification(error_count=errors, warn_count=1 - errors)
    assert told(claimed).splitlines()[1].startswith("1 new user without a first meme for")


def test_drift() -> None:
    """The rate, since when, what is usual, below which no alert fires, and how often this is a false alarm."""
    evidence = {
        "rate": 44 / 142,
        "since": "2026-01-02T13:48:00+00:00",
        "baseline_rate": 0.09,
        "tolerance": 0.155,
        "violations": 44,
        "due": 142,
        "days_per_false_alarm": 90,
    }
    branches = [
        {"family": "kitchen", "violations": 36, "due": 36, "named": True},
        {"family": "none", "violations": 8, "due": 106, "named": False},
    ]
    row = notification(rule="drift", evidence=evidence, branches=branches, sample_keys=[])
    assert told(row).splitlines() == [
        "🔴 👻 onboarding · first_meme · DRIFT",
        "31 % without a first meme since 13:48 UTC, usually 9 % (no alert below 15.5 %)",
        "44 of 142 new users; kitchen: 36 of 36, all others: 8 of 106",
        "expected false alarms at this setting: one in 90 days · alert 42",
    ]
    for branch in branches:
        branch["named"] = False
    assert "spread over all branches" in told(row)
    for pruned in ("rate", "violations", "due"):
        del evidence[pruned]
    assert "since 13:48 UTC; no new users have arrived for so long" in told(row)


@pytest.mark.parametrize(
    ("reason", "alert", "says"),
    [
        ("escalated", {}, "it was a warning, now it is an error"),
        ("reopened", {"reopened_count": 1}, "it is back\n"),
        ("reopened", {"reopened_count": 21}, "it is back, 21× by now"),
        ("repeated", {}, "still firing after 28 min"),
        ("unacknowledged", {}, "not acknowledged in admins for 15 min"),
        ("passed_on", {}, "not acknowledged for 15 min: now also sent to admins"),
        ("silence_ended", {}, "the silence has ended, and it is still firing"),
        ("updated", {"clear_since": "2026-01-02T14:20:00+00:00"}, "nothing wrong since 14:20 UTC"),
        (
            "updated",
            {"silence": {"ends_at": "2026-01-02T15:00:00+00:00", "created_by": "anna", "comment": "deploying"}},
            "silenced until 15:00 UTC by anna: deploying",
        ),
        ("opened", {"runbook_url": "https://wiki/ghosts"}, "what to do"),
        (
            "opened",
            {"evidence": {"catching_up_since": "2026-01-02T11:00:00+00:00"}},
            "checks have come as far as 11:00",
        ),
        (
            "updated",
            {
                "acknowledged_by": "anna",
                "acknowledged_at": "2026-01-02T14:10:00+00:00",
                "acknowledge_comment": "on it",
            },
            "acknowledged by anna at 14:10 UTC: on it",
        ),
    ],
)
def test_steps_of_an_incident(reason: str, alert: dict[str, Any], says: str) -> None:
    """Each says what is new."""
    assert says in told(notification(reason, {"channel": "admins", "after": 900}, **alert))


def test_mention() -> None:
    """A name stands as it is, a user id becomes a link, and neither becomes markup."""
    row = notification("opened", {"mention": ["@anna_b", "123456789", "@<b>"]})
    last = Renderer().render(row).html.splitlines()[-1]
    assert last == '@anna_b <a href="tg://user?id=123456789">123456789</a> @&lt;b&gt;'


def test_resolved() -> None:
    """How it ended, how long it lasted, and how often it came back; whatever message shows it."""
    alert: dict[str, Any] = {
        "state": "resolved",
        "resolved_at": "2026-01-02T14:31:00+00:00",
        "reopened_count": 2,
        "evidence": {"closure_counts": {"row_came": 12, "expired": 5}},
    }
    for reason in ("resolved", "updated", "opened"):
        assert told(notification(reason, **alert)).splitlines() == [
            "✅ onboarding · first_meme · RESOLVED",
            "12 got a first meme late · 5 never did",
            "14:02–14:31 UTC (29 min) · came back 2× · alert 42",
        ]


@pytest.mark.parametrize(
    ("alert_kind", "evidence", "says"),
    [
        ("check_failing", {"last_error": "division by <zero>"}, "last error: division by <zero>"),
        ("checks_stopped", {"last_success_at": "2026-01-02T13:00:00+00:00"}, "has succeeded since 13:00 UTC"),
        ("no_signups", {"last_born_at": "2026-01-02T13:00:00+00:00"}, "no new users since 13:00 UTC"),
    ],
)
def test_other_kinds(alert_kind: str, evidence: dict[str, Any], says: str) -> None:
    """Each in its own words, and each has an end."""
    assert says in told(notification(kind=alert_kind, rule=None, evidence=evidence))
    over = told(
        notification("resolved", kind=alert_kind, rule=None, state="resolved", resolved_at="2026-01-02T14:20:00+00:00")
    )
    assert "RESOLVED" in over
    assert len(over.splitlines()) == 3


def test_few_events_are_listed_one_by_one() -> None:
    """Who, what, new or not, type, branch, language."""
    event = {
        "kind": "user_started",
        "subject_key": "42",
        "payload": {
            "name": "Anna <3",
            "username": "anna",
            "user_type": "user",
            "branch": "kitchen",
            "language": "ru",
            "new": True,
        },
    }
    payload = {
        "events": [event],
        "counts": [],
        "first_at": "2026-01-02T14:02:00+00:00",
        "last_at": "2026-01-02T14:02:30+00:00",
    }
    assert told(row("events", payload)).splitlines() == [
        "👋 Anna <3 @anna (42) · user started · new · user · kitchen · ru",
        "14:02 UTC",
    ]


def test_many_events_are_counted() -> None:
    """How many, how many of them new, and which branch, the largest first."""
    counts = [
        {"kind": "user_started", "branch": "none", "new": True, "count": 9000},
        {"kind": "user_started", "branch": "none", "new": False, "count": 100},
        {"kind": "user_started", "branch": "kitchen", "new": True, "count": 900},
    ]
    payload = {
        "events": [],
        "counts": counts,
        "first_at": "2026-01-02T14:02:00+00:00",
        "last_at": "2026-01-02T14:03:30+00:00",
    }
    assert told(row("events", payload)).splitlines() == [
        "👋 user started: 10,000, 9,900 of them new",
        "no link: 9,100",
        "kitchen: 900",
        "14:02–14:03 UTC",
    ]


def test_the_usual_rate_says_what_follows_from_it() -> None:
    """How many never get the row, and whether each of them remains an alert."""
    facts = {
        "contract": "onboarding",
        "invariant": "first_meme",
        "subject_label": "new users",
        "lack": "without a first meme",
        "due": 480,
        "rate": 0.09,
        "tolerance": 0.155,
        "choice": "drift",
    }
    assert told(row("usual_rate", facts)).splitlines() == [
        "📈 onboarding · first_meme: the usual rate is known",
        "480 new users seen: 9 % remain without a first meme",
        "from now on an alert is sent when that changes (not below 15.5 %)",
        "for an alert on each of them: "
        "SELECT ghostwatch.declare_invariant('onboarding', 'first_meme', rule => 'threshold');",
    ]
    assert told(row("usual_rate", facts | {"rate": 0, "choice": "threshold"})).splitlines()[1:] == [
        "480 new users seen: 0 % remain without a first meme",
        "that is so few that an alert is still sent for each",
    ]


def test_a_digest_names_every_alert_and_how_it_stands() -> None:
    """What was kept back in the quiet hours."""
    firing = dict(notification().alert or {})
    resolved = firing | {"alert_id": 43, "state": "resolved", "resolved_at": "2026-01-02T14:20:00+00:00"}
    lines = told(row("digest", {"alerts": [firing, resolved]})).splitlines()
    assert lines[0] == "🌙 alerts of the quiet hours"
    assert lines[1].startswith("🔴 👻 onboarding · first_meme · ERROR")
    assert lines[2].startswith("✅ onboarding · first_meme · RESOLVED")
    assert lines[3] == "2 alerts, 1 still firing"


def test_a_long_message_loses_whole_lines_and_says_how_many() -> None:
    """The last line, which names the alert, stays."""
    event = {"kind": "user_started", "subject_key": "42", "payload": {"name": "<x>" * 100, "new": True}}
    payload = {
        "events": [event] * 40,
        "counts": [],
        "first_at": "2026-01-02T14:02:00+00:00",
        "last_at": "2026-01-02T14:02:00+00:00",
    }
    text = told(row("events", payload))
    assert len(text) <= 3500
    *events, more, last = text.splitlines()
    assert more == f"+{40 - len(events)} more"
    assert last == "14:02 UTC"


# Templates are compiled at the first use, and machines may be busy.
@settings(deadline=None)
@given(
    name=st.text(max_size=2000),
    branches=st.lists(
        st.fixed_dictionaries(
            {"family": st.text(max_size=70), "violations": st.integers(0, 9), "due": st.integers(9, 99)}
        ),
        max_size=60,
    ),
    counts=st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)),
)
def test_whatever_users_call_themselves_it_can_be_sent(
    name: str, branches: list[dict[str, Any]], counts: tuple[int, int]
) -> None:
    """Valid HTML of bounded length."""
    claimed = notification(
        sample_keys=[name] * 5, branches=branches, warn_count=counts[0], error_count=counts[1], contract=name
    )
    text = Renderer().render(claimed)
    visible = parse_html(text.html)
    assert len(visible.encode("utf-16-le", "surrogatepass")) // 2 <= 4096
    assert len(text.html.encode("utf-8", "surrogatepass")) < 32768


def test_a_template_of_ones_own_replaces_the_built_in_one(tmp_path: Path) -> None:
    """Whole, or a block of it; values are escaped there too."""
    (tmp_path / "drift.html").write_text("<i>{{ alert.contract }}</i> is drifting")
    (tmp_path / "threshold.html").write_text(
        '{% extends "built-in/threshold.html" %}{% block foot %}ask {{ "<Anna>" }}{% endblock %}'
    )
    assert told(notification(rule="drift", contract="<a>"), tmp_path) == "<a> is drifting"
    assert told(notification(), tmp_path).splitlines()[-1] == "ask <Anna> · alert 42"
    assert told(notification(kind="check_failing", rule=None), tmp_path).startswith("🛠")


def test_a_template_that_says_too_much_in_one_line_is_cut(tmp_path: Path) -> None:
    """Rather than refused by Telegram."""
    (tmp_path / "threshold.html").write_text(
        "<b>{% for _ in range(1000) %}<i>👻 &amp; {{ alert.contract }}</i> {% endfor %}</b>"
    )
    text = told(notification(), tmp_path)
    assert len(text.encode("utf-16-le")) // 2 <= 3500
    assert text.endswith("…")


@pytest.mark.parametrize("broken", ["{% if %}", "{{ alert.error_count | nonsense }}", "{{ 1 / 0 }}"])
def test_a_template_that_fails_falls_back_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    """The alert is told in any case."""
    (tmp_path / "threshold.html").write_text(broken)
    renderer = Renderer(tmp_path)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert "14 new users" in renderer.render(notification()).plain
    assert [record.message.startswith("template threshold.html failed") for record in caplog.records] == [True]


def test_an_alert_without_the_facts_of_its_message_is_sent_all_the_same() -> None:
    """Only the essentials, but never nothing."""
    text = told(notification(rule="drift", evidence={}))
    assert "onboarding · first_meme · ERROR" in text
    assert "alert 42" in text


@pytest.mark.parametrize(
    ("reason", "severity", "state", "says"),
    [
        ("opened", "warn", "firing", "step 1 of 3: a warning would come like this"),
        ("escalated", "error", "firing", "step 2 of 3: a warning like this would be an error now"),
        ("resolved", "error", "resolved", "step 3 of 3: an alert like this would be over now, 6 s after it began"),
    ],
)
def test_a_drill_is_marked_on_its_first_line(tmp_path: Path, reason: str, severity: str, state: str, says: str) -> None:
    """Whatever templates of their own people have for alerts, and also where only the essentials are sent."""
    (tmp_path / "incident.html").write_text("🔴 all is lost")
    drilled = notification(
        reason,
        kind="drill",
        rule="drill",
        severity=severity,
        state=state,
        resolved_at="2026-01-02T14:02:06+00:00" if state == "resolved" else None,
    )
    heading, step, reassurance, *_ = told(drilled, tmp_path).splitlines()
    assert heading == "🧪 DRILL · onboarding · first_meme"
    assert step == says
    assert reassurance == "nothing is wrong: somebody tests whether alerts arrive"
    assert essentials(drilled).plain.splitlines() == ["DRILL · onboarding · first_meme", "nothing is wrong · drill 42"]


def test_words_for_numbers() -> None:
    """As people write them."""
    assert [duration(s) for s in (0, 45, 60, 90, 300, 4800, 90000, 86400 + 60)] == [
        "0 s", "45 s", "1 min", "1 min 30 s", "5 min", "1 h 20 min", "1 d 1 h", "1 d",
    ]  # fmt: skip
    assert duration(timedelta(minutes=29)) == "29 min"
    assert [percent(p) for p in (0.31, 0.155, 0.0904, 1, 0.004)] == ["31 %", "15.5 %", "9 %", "100 %", "0.4 %"]
    assert between(60, 300) == " for 1–5 min"
    assert between(60, 3600) == " for 1 min to 1 h"
    assert clock("2026-01-02T14:02:59.5+00:00", NOW) == "14:02"
    assert clock("2026-01-01T23:02:00+00:00", NOW) == "1 Jan 23:02"
    assert through(BRANCHES) == ["kitchen: 12 of 12", "all others: 2 of 96"]
    assert through([]) == []


def test_a_small_branch_in_which_everybody_is_lost_is_named() -> None:
    """One of one is hidden in no sum, and five such branches fit on a screen."""
    lost = [{"family": f"small {n}", "violations": 1, "due": 1} for n in range(7)]
    assert through([*BRANCHES, lost[0]]) == ["kitchen: 12 of 12", "small 0: 1 of 1", "all others: 2 of 96"]
    named = [BRANCHES[0] | {"named": True}, *BRANCHES[1:], lost[0]]
    assert through(named) == ["kitchen: 12 of 12", "small 0: 1 of 1", "all others: 2 of 96"]
    assert through([*BRANCHES, *lost])[-2:] == ["small 4: 1 of 1", "all others: 2 of 2"]


def test_the_end_of_an_outage_of_the_checks_is_a_summary() -> None:
    """From when to when, what was found for each invariant, and which alerts came of it."""
    found = {
        "contract": "onboarding",
        "invariant": "first_meme",
        "found": 34,
        "open": 4,
        "expired": 10,
        "recovered": 20,
    }
    found_now = notification(
        "outage_summary",
        {"alerts": [dict(notification().alert or {}) | {"alert_id": 43}]},
        kind="checks_stopped",
        state="resolved",
        resolved_at="2026-01-02T14:20:00+00:00",
        evidence={"last_success_at": "2026-01-02T13:00:00+00:00", "outage_summary": [found]},
    )
    lines = told(found_now).splitlines()
    assert lines[:2] == [
        "📋 while checks were off, 13:00–14:20 UTC",
        "onboarding · first_meme: 34 found now, 10 of them expired, 4 open",
    ]
    assert lines[2].startswith("🔴 👻 onboarding · first_meme · ERROR")
    assert lines[3:] == ["1 alert, 1 still firing · alert 42"]
    assert found_now.alert is not None
    found_now.alert["evidence"]["outage_summary"] = []
    assert "no violations were found" in told(found_now)


def test_details_say_what_is_behind_an_alert() -> None:
    """The message as it stands, why the clause is there, how far it went, and who was sent what."""
    messages = [
        {"reason": "opened", "sent_at": "2026-01-02T14:02:01+00:00", "channels": ["admins"]},
        {"reason": "silence_ended", "sent_at": "2026-01-02T14:06:00+00:00", "channels": ["admins", "on_call"]},
    ]
    firing = notification(
        "details", {"messages": messages}, description="They leave.", escalated_at="2026-01-02T14:06:00+00:00"
    )
    assert told(firing).splitlines() == [
        "🔎 🔴 👻 onboarding · first_meme · ERROR",
        "14 new users without a first meme for over 5 min, 3 more for 1–5 min",
        "through kitchen: 12 of 12 · all others: 2 of 96",
        "sample: 6001480, 6002980, 6002990",
        "💡 They leave.",
        "at most 17 new users at once",
        "an error since 14:06 UTC",
        "✉️ 14:02 UTC: opened, sent to admins",
        "✉️ 14:06 UTC: silence ended, sent to admins, on_call",
        "since 14:02 UTC · alert 42",
    ]
    over = {"state": "resolved", "resolved_at": "2026-01-02T14:30:00+00:00", "reopened_count": 2}
    assert told(notification("details", {"messages": messages[:1]}, **over)).splitlines() == [
        "🔎 ✅ onboarding · first_meme · RESOLVED",
        "nobody lacks a first meme any more",
        "at most 17 new users at once; came back 2×",
        "✉️ 14:02 UTC: opened, sent to admins",
        "14:02–14:30 UTC (28 min) · came back 2× · alert 42",
    ]


def test_stopped_checks_of_some_contracts() -> None:
    """Which ones, and when this outage began, not the one before it."""
    reopened = notification(
        "reopened",
        kind="checks_stopped",
        contract=None,
        reopened_at="2026-01-02T14:20:00+00:00",
        reopened_count=1,
        evidence={"contracts": ["club", "shop"], "last_success_at": "2026-01-02T14:17:00+00:00"},
    )
    lines = told(reopened).splitlines()
    assert "no check of club, shop has succeeded since 14:17 UTC: new violations are not found" in lines
    assert lines[-1] == "since 14:20 UTC · alert 42"


def test_times_are_those_of_the_channels_time_zone() -> None:
    """With its name; a zone without one has its distance from UTC; one that nobody knows is UTC."""
    alert = dict(notification().alert or {})
    for time_zone, last in (
        ("Europe/Berlin", "since 15:02 CET · alert 42"),
        ("Asia/Tbilisi", "since 18:02 UTC+04 · alert 42"),
        ("America/New_York", "since 09:02 EST · alert 42"),
        ("Pacific/Kiritimati", "since 04:02 UTC+14 · alert 42"),
        ("No/Where", "since 14:02 UTC · alert 42"),
    ):
        assert told(row("opened", None, alert, time_zone)).splitlines()[-1] == last


@pytest.mark.parametrize(
    ("plural", "single"),
    [
        ("new users", "new user"),
        ("people", "person"),
        ("entries", "entry"),
        ("boxes", "box"),
        ("accounts", "account"),
        ("staff", "staff"),
        ("sheep status", "sheep status"),
    ],
)
def test_one_of_several(plural: str, single: str) -> None:
    """As English forms most of them."""
    assert singular(plural) == single


def test_an_alert_leads_to_its_page() -> None:
    """Where the sidecar knows how the page is reached; the text that people read stays the same."""
    with_page, without = Renderer(page_url="https://watch.example/a&b"), Renderer()
    for message in (
        notification(),
        notification("resolved", state="resolved", resolved_at="2026-01-02T14:20:00+00:00"),
        notification("details"),
    ):
        rendered = with_page.render(message)
        assert '<a href="https://watch.example/a&amp;b/alert/42">alert 42</a>' in rendered.html
        assert rendered.plain == without.render(message).plain
        assert "/alert/" not in without.render(message).html
