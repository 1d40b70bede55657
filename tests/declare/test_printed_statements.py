"""Every statement that the documents, the doctor or a hint prints changes what it says, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from scripts.build import ROOT
from tests.support.database import Database, enable_test_clock

DOCUMENTS = [ROOT / "README.md", ROOT / "migrations" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
STATEMENT = re.compile(
    r"(?:SELECT (?:\* FROM )?|CALL )(?:ghostwatch|onboarding)\.\w+\((?:[^()';]|'[^']*'|\([^()]*\))*\)"
)
# What an example names need not be there: an alert, a silence, a subject, a role, pg_cron, pgTAP, an owner who repairs.
EXAMPLES = {"GW001", "GW007", "GW021", "GW030", "GW036", "GW054", "GW055", "GW056", "GW057", "GW065", "GW069", "GW078"}
# The first arguments are seldom named.
POSITIONS = {
    "declare_contract": ["name", "subject", "key_column"],
    "declare_invariant": ["contract", "name", "related", "related_key_column"],
    "declare_branch_family": ["contract", "pattern", "family"],
    "add_channel": ["name", "chat_id"],
    "enforce": ["contract", "enforcement", "enforcement_dropped_at"],
    "enable_channel": ["disabled_at", "disabled_reason"],
}
# What follows from a change: a chat that is not disabled, or a topic that is not lost.
FOLLOWS = {
    "subject": {"subject_name"},
    "related": {"related_name"},
    "chat_id": {"disabled_at", "disabled_reason", "topic_lost_at", "migrated_at", "migrated_from"},
    "thread_id": {"topic_lost_at"},
    "look_up_in": {"search_path"},
    "due_after": {"error_after"},
}
DECLARED = """
    SELECT 'contract', name, to_jsonb(c) FROM ghostwatch.contract AS c
    UNION ALL
    SELECT 'invariant', c.name || '.' || i.name, to_jsonb(i)
    FROM ghostwatch.invariant AS i JOIN ghostwatch.contract AS c USING (contract_id)
    UNION ALL
    SELECT 'channel', name, to_jsonb(c) FROM ghostwatch.channel AS c
    UNION ALL
    SELECT 'family', pattern, to_jsonb(b) FROM ghostwatch.branch_family AS b
"""


@pytest.fixture
def declared(database: Database) -> Database:
    """The bot's contract and two channels, with no argument left at its default."""
    database.execute("SELECT FROM onboarding.adopt()")
    database.execute(
        """
        SELECT ghostwatch.declare_contract(
            'onboarding', exempt_branches => '{spam%}', lateness => '3 minutes',
            subject_label => 'newcomers', description => 'mine', look_up_in => '{public,onboarding}'
        );
        SELECT ghostwatch.declare_invariant(
            'onboarding', 'first_meme', predicate => 'r.meme_id > 0', warn_after => '2 minutes',
            error_after => '6 minutes', watch_for => '1 hour', rule => 'drift', runbook_url => 'https://example.org',
            description => 'mine', missing_label => 'my meme',
            min_count => 3, min_rate => 0.1, days_per_false_alarm => 30, expected_rate => 0.2, branch_ceiling => 0.7
        );
        SELECT ghostwatch.declare_branch_family('onboarding', 'wrapped', 'gifts');
        SELECT ghostwatch.add_channel(
            channel, -1001, 7, 'error', false, '{onboarding}', '22:00', '08:00', 'Europe/Berlin', true, '{42}'
        )
        FROM unnest(ARRAY['admins', 'on_call', 'growth', 'owner']) AS channel;
        CREATE TABLE public.member (id bigint PRIMARY KEY, created_at timestamptz NOT NULL, photo json);
        """
    )
    return database


def state(database: Database) -> dict[tuple[str, str], dict[str, Any]]:
    """Everything that is declared, by kind and name."""
    return {(kind, name): settings for kind, name, settings in database.rows(DECLARED)}


def said(statement: str) -> set[str]:
    """The columns that a statement speaks of."""
    function = re.search(r"\.(\w+)\(", statement)
    assert function is not None
    named = set(re.findall(r"(\w+) =>", statement)) | set(POSITIONS.get(function[1], []))
    for reset in re.findall(r"reset => '\{([\w,]+)\}'", statement):
        named |= set(reset.split(","))
    return named | {consequence for name in named for consequence in FOLLOWS.get(name, set())}


def changes_only_what_it_says(database: Database, statement: str) -> None:
    """Runs a statement; whatever existed before differs only in the columns it speaks of."""
    before = state(database)
    try:
        database.connection.execute(statement.encode())
    except psycopg.Error as error:
        assert error.sqlstate in EXAMPLES, (statement, error)
        assert not re.search(r"declare_|add_channel|adopt", statement), (statement, error)
    after = state(database)
    for declaration, settings in before.items():
        if declaration not in after:
            assert "leave_out" in said(statement)
            assert declaration[1].removeprefix("onboarding.") in statement
            continue
        changed = {name for name, value in after[declaration].items() if value != settings[name]}
        assert changed <= said(statement), f"{statement} changed {changed} of {declaration}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_statements_of_documents(declared: Database, document: Path) -> None:
    """Those about the bot's contract and its channels."""
    for statement in STATEMENT.findall(document.read_text(encoding="utf-8")):
        if "onboarding" in statement or not re.search(r"declare_|drop_", statement):
            declared.execute("CREATE TABLE IF NOT EXISTS public.user_cached (user_id bigint)")
            changes_only_what_it_says(declared, statement)


def test_statements_of_the_doctor(declared: Database) -> None:
    """Of a lost topic, a migrated chat, a failing check, births in the future, a missing index and the wrong rule."""
    enable_test_clock(declared.server, declared.name)
    declared.set_clock("2026-01-15 12:00+00")
    declared.execute(
        """
        SELECT ghostwatch.declare_invariant('onboarding', 'languages',
            related_at_column => 'created_at', rule => 'threshold');
        UPDATE ghostwatch.channel SET topic_lost_at = now(), topic_state = 'gone' WHERE name = 'admins';
        UPDATE ghostwatch.channel SET migrated_at = '2026-01-15 11:00+00', migrated_from = -77 WHERE name = 'growth';
        UPDATE ghostwatch.check_progress
        SET failing_since = '2026-01-15 11:00+00', last_error = 'an error', last_error_state = '22012';
        INSERT INTO public."user" (id, type, created_at) VALUES (1, 'user', '2026-01-15 15:00+00');
        INSERT INTO ghostwatch.alert (kind, contract, invariant_id, invariant, severity, opened_at, changed_at)
        SELECT 'violations', 'onboarding', i.invariant_id, i.name, 'error', '2026-01-01 12:00+00', '2026-01-15 12:00+00'
        FROM ghostwatch.invariant AS i WHERE i.name = 'languages';
        """
    )
    doctor = "SELECT check_name, advice FROM ghostwatch.doctor() WHERE advice IS NOT NULL"
    findings = declared.rows(doctor)
    declared.execute("DROP INDEX public.user_created_at")
    findings += declared.rows(doctor)
    statements = {(check, statement) for check, advice in findings for statement in STATEMENT.findall(advice)}
    assert {check for check, _ in statements} >= {"channels", "checks", "clocks", "indexes", "rules"}
    for _, statement in sorted(statements):
        changes_only_what_it_says(declared, statement)


@pytest.mark.parametrize(
    ("mistake", "sqlstate"),
    [
        ("SELECT ghostwatch.declare_contract('onboarding', 'public.member', key_column => 'photo')", "GW009"),
        ("SELECT ghostwatch.declare_contract('onboarding', born_at_column => 'type')", "GW010"),
        ("SELECT ghostwatch.declare_contract('onboarding', lateness => '-1')", "GW012"),
        (r"SELECT ghostwatch.declare_contract('onboarding', exempt_branches => '{k\\}')", "GW016"),
        ("SELECT ghostwatch.declare_invariant('onboarding', 'first_meme', related_at_column => 'meme_id')", "GW010"),
        ("SELECT ghostwatch.declare_invariant('onboarding', 'first_meme', watch_for => '1 minute')", "GW015"),
        ("SELECT ghostwatch.declare_invariant('onboarding', 'first_meme', rule => 'often')", "GW015"),
        ("SELECT ghostwatch.add_channel('admins', min_severity => 'info')", "GW046"),
        ("SELECT ghostwatch.add_channel('admins', contracts => '{none}')", "GW047"),
        ("SELECT ghostwatch.add_channel('admins', reset => '{quiet_from}')", "GW048"),
        ("SELECT ghostwatch.add_channel('admins', quiet_windows => '{Sunday}')", "GW048"),
        ("SELECT ghostwatch.add_channel('admins', mention => 'anna')", "GW041"),
        ("SELECT ghostwatch.add_channel('admins', escalate_after => '1 hour', escalate_to => 'admins')", "GW043"),
        ("SELECT * FROM ghostwatch.enforce('onboarding', 'refuse')", "GW070"),
        ("SELECT * FROM onboarding.adopt(leave_out => '{horoscope}')", "GW104"),
        ("SELECT * FROM onboarding.adopt(due_after => '1 day')", "GW105"),
    ],
)
def test_statements_of_hints(declared: Database, mistake: str, sqlstate: str) -> None:
    """The mistake changes nothing, and what the hint prints changes no more than it says."""
    before = state(declared)
    with pytest.raises(psycopg.Error) as made:
        declared.connection.execute(mistake.encode())
    assert made.value.sqlstate == sqlstate
    assert state(declared) == before
    for statement in STATEMENT.findall(made.value.diag.message_hint or ""):
        if "its_primary_key" not in statement:
            changes_only_what_it_says(declared, statement)


@pytest.mark.parametrize(
    ("mistake", "declaration", "kept"),
    [
        (
            """SELECT ghostwatch.declare_contract(
                'new', 'public.account', key_column => 'number', lateness => '-1', capture => true,
                born_at_column => 'born', exempt_branches => '{"a, b"}', exempt_predicate => $$s.note = 'it'$$
            )""",
            ("contract", "new"),
            {
                "key_column": ["number"],
                "capture": True,
                "born_at_column": "born",
                "exempt_branches": ["a, b"],
                "exempt_predicate": "s.note = 'it'",
            },
        ),
        (
            """SELECT ghostwatch.declare_invariant(
                'onboarding', 'noted', 'public.account', 'number', related_at_column => 'note',
                min_rate => 0.25, no_row => true, description => 'mine'
            )""",
            ("invariant", "onboarding.noted"),
            {"related_key_column": ["number"], "min_rate": 0.25, "no_row": True, "description": "mine"},
        ),
        (
            """SELECT ghostwatch.declare_invariant(
                'onboarding', 'told', set_column => 'type', at_least => 0, description => 'mine'
            )""",
            ("invariant", "onboarding.told"),
            {"predicate": "r.type IS NOT NULL", "description": "mine"},
        ),
    ],
)
def test_hints_keep_the_other_arguments(
    declared: Database, mistake: str, declaration: tuple[str, str], kept: dict[str, Any]
) -> None:
    """A declaration that is refused changes nothing, so what is right in it stands in the hint too."""
    declared.execute("CREATE TABLE public.account (number bigint PRIMARY KEY, born timestamptz NOT NULL, note text)")
    with pytest.raises(psycopg.Error) as made:
        declared.connection.execute(mistake.encode())
    (statement,) = STATEMENT.findall(made.value.diag.message_hint or "")
    declared.connection.execute(statement.encode())
    assert state(declared)[declaration].items() >= kept.items()


@pytest.mark.parametrize(
    ("mistake", "reset"),
    [
        ("min_rate => 2", {"min_rate"}),
        ("rule => 'often'", {"rule"}),
        ("error_after => '1 day'", {"warn_after", "error_after", "watch_for"}),
        ("at_least => 2, exactly => 1", {"at_least", "exactly", "no_row"}),
        ("repair_limit => -1", {"repair_limit"}),
    ],
)
def test_a_hint_resets_no_more_than_what_must_fit_together(declared: Database, mistake: str, reset: set[str]) -> None:
    """A mistake in a deadline is no reason to give up how many rows are demanded, or the rule."""
    declared.execute("SELECT ghostwatch.declare_invariant('onboarding', 'first_meme', repair_limit => 5)")
    before = state(declared)[("invariant", "onboarding.first_meme")]
    with pytest.raises(psycopg.Error) as made:
        declared.connection.execute(
            f"SELECT ghostwatch.declare_invariant('onboarding', 'first_meme', {mistake})".encode()
        )
    (statement,) = STATEMENT.findall(made.value.diag.message_hint or "")
    declared.connection.execute(statement.encode())
    after = state(declared)[("invariant", "onboarding.first_meme")]
    assert {name for name in after if after[name] != before[name]} <= reset
