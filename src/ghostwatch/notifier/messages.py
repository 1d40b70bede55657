"""Turns what a notification says into the text of a message.

The templates are Jinja2 with autoescape, so every value is escaped; it is also made one line, and cut. A
directory of the user's own comes first. It is sandboxed, so that a template reaches nothing but its values; one that
fails is replaced by the built-in one, and the log says so once.
"""

from __future__ import annotations

import copy
import html
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jinja2
import jinja2.sandbox
from markupsafe import Markup

from ghostwatch.notifier.messenger import Notification
from ghostwatch.notifier.text import LONGEST_VALUE, clean

VISIBLE_CHARACTERS = 3500
# A template of the user's own may loop as long as it likes over what it is given, but not longer.
LONGEST_RENDERED = 1_000_000

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Text:
    """What is sent: the same message as HTML and as the reader sees it."""

    html: str

    @property
    def plain(self) -> str:
        """Without markup: for a terminal, or for a server that does not understand the HTML."""
        return html.unescape(re.sub(r"<[^>]*>", "", self.html))

    def mentioning(self, people: Sequence[str]) -> Text:
        """The same with those people mentioned, by @name or by the number of the user."""
        return Text(f"{self.html}\n{' '.join(map(_mention, people))}")

    def strayed_from(self, thread_id: int | None, state: str) -> Text:
        """The same, for the main chat, as its topic is gone or closed."""
        return Text(f"{self.html}\n(topic {thread_id} is {state}, so this message comes to the main chat)")

    def of(self, instance: str | None) -> Text:
        """The same, with the name of the database in front of it, if it has one."""
        return self if instance is None else Text(f"<b>[{html.escape(clean(instance))}]</b> {self.html}")


class Renderer:
    """Renders notifications as they stand at this moment."""

    def __init__(self, templates: Path | None = None, page_url: str | None = None) -> None:
        built_in = jinja2.PackageLoader("ghostwatch.notifier")
        self._page_url = page_url
        self._instance: str | None = None
        self._built_in = _environment(built_in)
        self._own = (
            _environment(
                jinja2.ChoiceLoader(
                    [
                        jinja2.FileSystemLoader(templates),
                        built_in,
                        # So that a template of one's own can extend the one that it replaces.
                        jinja2.PrefixLoader({"built-in": built_in}),
                    ]
                )
            )
            if templates
            else self._built_in
        )
        self._complained: set[str] = set()
        # Compiled before the first message needs it: that would keep the messages behind it from their pace.
        for name in built_in.list_templates():
            self._built_in.get_template(name)

    def of(self, instance: str | None, page_url: str | None) -> Renderer:
        """One with the same templates, for the messages of one database of a fleet."""
        other = copy.copy(self)
        other._instance, other._page_url = instance, page_url
        return other

    def render(self, notification: Notification) -> Text:
        """The message, with the times that a reader there would see on a clock."""
        now = notification.as_of.astimezone(_zone(notification.time_zone))
        text = self._render(
            template_of(notification),
            {
                "reason": notification.reason,
                "channel": notification.channel,
                "alert": notification.alert,
                "payload": notification.payload,
                "edit_message_id": notification.edit_message_id,
                "now": now,
                "zone": _zone_label(now),
            },
            essentials(notification),
        )
        mention: Sequence[str] | None = notification.payload.get("mention")
        if mention:
            text = text.mentioning(mention)
        strayed: Mapping[str, Any] | None = notification.payload.get("strayed")
        text = text.of(self._instance)
        return text.strayed_from(strayed["thread_id"], strayed["state"]) if strayed else text

    def essentials(self, notification: Notification) -> Text:
        """What is sent where the whole message cannot be."""
        return essentials(notification).of(self._instance)

    def test_message(self) -> Text:
        """What send-test sends."""
        return self._render("test.html", {}, Text("ghostwatch can write here")).of(self._instance)

    def _render(self, name: str, values: Mapping[str, Any], otherwise: Text) -> Text:
        values = {**values, "page_url": self._page_url}
        if self._own is not self._built_in:
            try:
                return _fit(_rendered(self._own, name, values))
            except Exception as error:  # whatever a template of the user's own may do
                if name not in self._complained:
                    self._complained.add(name)
                    log.warning("template %s failed, the built-in one is used: %s", name, clean(str(error), 200))
        try:
            return _fit(_rendered(self._built_in, name, values))
        except Exception:  # an alert without a fact that its message needs is sent all the same
            log.exception("the built-in template %s failed, only the essentials are sent", name)
            return otherwise


def _rendered(environment: jinja2.Environment, name: str, values: Mapping[str, Any]) -> str:
    parts: list[str] = []
    length = 0
    for part in environment.get_template(name).generate(values):
        parts.append(part)
        length += len(part)
        if length > LONGEST_RENDERED:
            raise ValueError("the message grows without end")
    return "".join(parts)


def template_of(notification: Notification) -> str:
    """The name of the template that renders a notification."""
    alert = notification.alert
    if alert is None or notification.reason in ("digest", "outage_summary", "maintenance", "details", "repaired"):
        return f"{notification.reason}.html"
    return f"{alert['rule'] if alert['kind'] == 'violations' else alert['kind']}.html"


def essentials(notification: Notification) -> Text:
    """What is sent where the whole message cannot be."""
    alert = notification.alert
    if alert is None:
        return Text(html.escape(f"ghostwatch: {notification.reason.replace('_', ' ')}"))
    name = " · ".join(clean(str(alert[part]), 64) for part in ("contract", "invariant") if alert.get(part))
    if alert["kind"] == "drill":
        return Text(html.escape(f"DRILL · {name}\nnothing is wrong · drill {alert['alert_id']}"))
    return Text(
        html.escape(
            f"{name or 'ghostwatch'} · {str(alert['severity']).upper()}\n"
            f"{notification.reason.replace('_', ' ')}, {alert['state']} · alert {alert['alert_id']}"
        )
    )


def _mention(person: str) -> str:
    return f'<a href="tg://user?id={person}">{person}</a>' if person.isdecimal() else html.escape(person)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _zone_label(now: datetime) -> str:
    """CET, UTC, or UTC+04 where the zone has no letters of its own."""
    label = now.tzname() or "UTC"
    return label if label.isalpha() else f"UTC{label}"


def _environment(loader: jinja2.BaseLoader) -> jinja2.Environment:
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.ChainableUndefined,
        finalize=_tamed,
    )
    environment.filters |= {
        "duration": duration,
        "clock": clock,
        "percent": percent,
        "number": number,
        "of": of,
        "moment": moment,
        "over": over,
    }
    environment.globals |= {"through": through, "between": between}

    environment.filters["alert_link"] = alert_link
    return environment


@jinja2.pass_context
def alert_link(context: jinja2.runtime.Context, alert_id: int) -> str:
    """alert 42, which leads to its page where there is one."""
    text, page_url = f"alert {alert_id}", context.get("page_url")
    return Markup('<a href="{}/alert/{}">{}</a>').format(page_url, alert_id, text) if page_url else text


def _tamed(value: Any) -> Any:
    """A user's name may be as long as a book and hold anything; in a message it is a part of one line."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return clean(value, LONGEST_VALUE)
    return value


def _fit(rendered: str) -> Text:
    """Drops whole lines above the last, which names the alert, until the message is short enough."""
    lines = [line.strip() for line in rendered.splitlines() if line.strip()]
    dropped = 0
    while _visible_length(lines) > VISIBLE_CHARACTERS and len(lines) > 2 + (dropped > 0):
        if dropped:
            del lines[-2]
        dropped += 1
        lines[-2] = f"+{dropped} more"
    fitted = Text("\n".join(lines))
    if _visible_length(lines) > VISIBLE_CHARACTERS:
        # A template of the user's own that makes one endless line; each character may count as two.
        return Text(html.escape(fitted.plain[: VISIBLE_CHARACTERS // 2]) + "…")
    return fitted


def _visible_length(lines: list[str]) -> int:
    # Telegram counts as UTF-16 does: an emoji is two.
    return len(Text("\n".join(lines)).plain.encode("utf-16-le")) // 2


def moment(value: str | datetime) -> datetime:
    """A time as JSON has it, in UTC."""
    parsed = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return parsed.astimezone(UTC)


def clock(value: str | datetime, now: datetime) -> str:
    """14:02 where the reader is, with the day where it is not today."""
    at = moment(value).astimezone(now.tzinfo)
    return f"{at:%H:%M}" if at.date() == now.date() else f"{at.day} {at:%b %H:%M}"


def duration(value: float | timedelta) -> str:
    """5 min, 1 h 20 min, 45 s: at most two units, the large ones."""
    seconds = round(value.total_seconds() if isinstance(value, timedelta) else float(value))
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def over(seconds: float | None) -> str:
    """The time since a deadline; nothing where there is no deadline to name."""
    return f" for over {duration(seconds)}" if seconds else ""


def between(first: float | None, last: float | None) -> str:
    """The span between two deadlines; nothing where there is no deadline to name."""
    if not first or not last:
        return ""
    begin, end = duration(first), duration(last)
    amount, _, unit = begin.partition(" ")
    return f" for {amount}–{end}" if end.count(" ") == 1 and end.endswith(f" {unit}") else f" for {begin} to {end}"


def percent(value: float) -> str:
    """31 %, 15.5 %, 0.4 %: a digit behind the point only where it is not zero."""
    return f"{round(float(value) * 100, 1):g} %"


def number(value: float) -> str:
    """10,000."""
    return f"{value:,.0f}"


def of(count: int, plural: str) -> str:
    """14 new users; 1 new user."""
    return f"{number(count)} {singular(plural) if count == 1 else plural}"


def singular(plural: str) -> str:
    """One of what a label in the plural names, as English forms most of them."""
    head, space, last = plural.rpartition(" ")
    for ending, single in (("people", "person"), ("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("s", "")):
        if last.endswith(ending) and (len(last) > len(ending) or ending == "people") and not last.endswith("us"):
            return f"{head}{space}{last[: -len(ending)]}{single}"
    return plural


def through(branches: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which way the violations came: the families that explain most, and all others together.

    The families come in order, the one that explains most first. Those that the rule names are named; without
    names, as many as hold four fifths of the violations, at most three. Branches in which everybody is
    lost are always named, up to five more.
    """
    violations = sum(branch["violations"] for branch in branches)
    named = [branch for branch in branches if branch.get("named")]
    if not named:
        seen = 0
        for branch in branches[:3]:
            if seen >= 0.8 * violations or not branch["violations"]:
                break
            named.append(branch)
            seen += branch["violations"]
    # A branch in which everybody is lost is broken, however few came that way.
    named += [branch for branch in branches if 0 < branch["violations"] == branch["due"] and branch not in named][:5]
    others = [branch for branch in branches if branch not in named]
    parts = [f"{family(b['family'])}: {b['violations']:,} of {b['due']:,}" for b in named]
    if others:
        due = sum(branch["due"] for branch in others)
        parts.append(f"all others: {sum(branch['violations'] for branch in others):,} of {due:,}")
    return parts


def family(name: str) -> str:
    """A branch family in words."""
    return "no link" if name == "none" else name
