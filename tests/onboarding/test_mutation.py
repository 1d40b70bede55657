"""The contract is worth something only if it notices each step that start() could leave out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from psycopg import Connection

from ghostwatch.testing.onboarding import each_branch
from ghostwatch.testing.plugin import AssertContract
from scripts.build import ROOT
from tests.support.cluster import Server
from tests.support.database import Database

SIGNATURE = "onboarding.start(bigint, text, text, text, boolean, text, text)"


@dataclass(frozen=True)
class Mutant:
    """A start() that leaves out one of its steps, and what the contract should name."""

    name: str
    step: int
    clause: str


MUTANTS = [
    Mutant("no profile", 1, "telegram_profile"),
    Mutant("no user", 2, "active_user"),
    Mutant("no link kept", 3, "kept_deep_link"),
    Mutant("no cache", 4, "user_info"),
    Mutant("no log", 5, "start_logged"),
    Mutant("no event", 6, "start_announced"),
    Mutant("no languages", 7, "languages"),
]
INTACT = Mutant("intact", 0, "")


def without_step(source: str, step: int) -> str:
    """The source of start() without one of its steps."""
    if step == 0:
        return source
    if step == 3:
        # The link stands in the statement of the profile: it is what is left out there.
        mutated, found = re.subn(r"\blink, moment\b", "NULL, moment", source, count=1)
    else:
        mutated, found = re.subn(
            rf"^    -- {step}\..*?(?=^    -- \d\. |^END)", "", source, flags=re.DOTALL | re.MULTILINE
        )
    assert found == 1, f"start() has no step {step} that a test could leave out"
    return mutated


def test_every_step_and_every_clause_has_a_mutant() -> None:
    """A new side effect is not finished before the contract notices that it is missing."""
    source = (ROOT / "sql" / "onboarding" / "start" / "start.sql").read_text(encoding="utf-8")
    clauses = (ROOT / "sql" / "onboarding" / "contract" / "clauses.sql").read_text(encoding="utf-8")
    steps = {
        int(step)
        for comment in re.findall(r"^    -- ((?:\d\.(?: and )?)+)", source, re.M)
        for step in re.findall(r"\d", comment)
    }
    assert steps == {mutant.step for mutant in MUTANTS}
    assert {*re.findall(r"^        \('(\w+)',", clauses, re.M)} == {
        *(mutant.clause for mutant in MUTANTS),
        "first_meme",
    }


@pytest.fixture(scope="module")
def mutants(server: Server, templates: dict[str, str]) -> Iterator[Connection[Any]]:
    """A bot whose tables know no foreign keys, so that every half-made user is possible, with all mutants."""
    with Database.create(server, "mutants", templates["extension"], "extension") as database:
        database.execute("SELECT FROM onboarding.adopt()")
        for table in ("user_language", "user_deep_link_log", "user_meme_reaction"):
            database.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_user_id_fkey")
        source = database.value("SELECT pg_get_functiondef(%s::regprocedure)", SIGNATURE)
        for mutant in (INTACT, *MUTANTS):
            schema = f"mutant_{mutant.step}"
            copy = without_step(source, mutant.step).replace("FUNCTION onboarding.", f"FUNCTION {schema}.")
            database.execute(f"CREATE SCHEMA {schema}")
            database.execute(copy)
        yield database.connection


_user_ids = count(1)


def start(connection: Connection[Any], mutant: Mutant, deep_link: str | None, *, known: bool) -> int:
    """Starts the bot through a mutant for a user whom it has never seen, or who came before there was a contract."""
    user_id = next(_user_ids)
    if known:
        connection.execute(
            """INSERT INTO public."user" (id, type, created_at) VALUES (%s, 'user', now() - interval '1 year')""",
            [user_id],
        )
    connection.execute(
        f"SELECT mutant_{mutant.step}.start(%s, 'Anna', deep_link => %s)",
        [user_id, deep_link],
    )
    # A user of a year ago should have had their first meme.
    connection.execute("INSERT INTO public.user_meme_reaction (user_id, meme_id) VALUES (%s, 1)", [user_id])
    return user_id


@each_branch
@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
def test_an_intact_copy_keeps_the_contract(
    mutants: Connection[Any], assert_contract: AssertContract, known: bool, deep_link: str | None
) -> None:
    """What the other tests see is the mutation and nothing else."""
    user_id = start(mutants, INTACT, deep_link, known=known)
    assert_contract("onboarding", user_id, connection=mutants)


@each_branch
@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_is_caught(
    mutants: Connection[Any],
    assert_contract: AssertContract,
    mutant: Mutant,
    known: bool,
    deep_link: str | None,
) -> None:
    """The broken clause is named; a user who is not even there is named as such."""
    user_id = start(mutants, mutant, deep_link, known=known)

    if mutant.step == 3 and deep_link is None:
        # Where there is no link, keeping none is right: this mutant does what start() does.
        assert_contract("onboarding", user_id, connection=mutants)
        return

    nobody = mutant.step == 2 and not known
    named = f"has no row with the key '{user_id}'" if nobody else f"{mutant.clause}: Broken"
    with pytest.raises(AssertionError, match=named):
        assert_contract("onboarding", user_id, connection=mutants)


@each_branch
@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
@pytest.mark.parametrize(
    "mutant", [mutant for mutant in MUTANTS if mutant.step not in (1, 6)], ids=lambda mutant: mutant.name
)
def test_its_repair_restores_what_a_mutant_left_out(
    mutants: Connection[Any],
    assert_contract: AssertContract,
    mutant: Mutant,
    known: bool,
    deep_link: str | None,
) -> None:
    """All of it but the user, the profile that only Telegram knows, and the announcement, which would come late."""
    if mutant.step == 2 and not known:
        pytest.skip("there is no such user")
    user_id = start(mutants, mutant, deep_link, known=known)
    found = mutants.execute("SELECT name, repair FROM ghostwatch.invariant WHERE repair IS NOT NULL").fetchall()
    repairs: dict[str, str] = dict(found)
    # Whatever else is called does no harm, nor does calling it again. Without a user there were no languages, either.
    for clause in (mutant.clause, *repairs):
        mutants.execute(f"SELECT {repairs[clause].replace('bigint', '%s')}", [user_id])
        if mutant.step != 2:
            assert_contract("onboarding", user_id, connection=mutants)
    assert_contract("onboarding", user_id, connection=mutants)
    same = start(mutants, INTACT, deep_link, known=known)
    left = """
        SELECT
            t.deep_link,
            ARRAY(SELECT l.language_code FROM public.user_language AS l WHERE l.user_id = t.id ORDER BY 1),
            ARRAY(SELECT l.deep_link FROM public.user_deep_link_log AS l WHERE l.user_id = t.id),
            i.user_type,
            i.interface_language
        FROM public.user_tg AS t
        JOIN onboarding.user_info AS i ON i.user_id = t.id
        WHERE t.id = %s
    """
    assert mutants.execute(left, [user_id]).fetchall() == mutants.execute(left, [same]).fetchall()


@pytest.mark.parametrize(
    ("links", "kept"),
    [
        (["kitchen", "wrapped"], "wrapped"),
        (["s_1_2", "kitchen", "m_3_4"], "s_1_2"),
        (["kitchen", None], "kitchen"),
    ],
)
def test_of_several_links_the_right_one_is_kept(mutants: Connection[Any], links: list[str | None], kept: str) -> None:
    """As start() would have kept it."""
    user_id = start(mutants, INTACT, None, known=False)
    for link in links:
        mutants.execute("SELECT mutant_3.start(%s, 'Anna', deep_link => %s)", [user_id, link])
    mutants.execute("SELECT onboarding._restore_deep_link(%s)", [user_id])
    assert mutants.execute("SELECT deep_link FROM public.user_tg WHERE id = %s", [user_id]).fetchone() == (kept,)


def test_languages_that_were_chosen_stay(mutants: Connection[Any]) -> None:
    """A repair gives some to whoever has none."""
    user_id = start(mutants, INTACT, None, known=False)
    mutants.execute("UPDATE public.user_language SET language_code = 'xx' WHERE user_id = %s", [user_id])
    chosen = "SELECT array_agg(language_code) FROM public.user_language WHERE user_id = %s"
    before = mutants.execute(chosen, [user_id]).fetchone()
    mutants.execute("SELECT onboarding._restore_languages(%s)", [user_id])
    assert mutants.execute(chosen, [user_id]).fetchone() == before


def test_a_returning_user_who_is_not_made_active_is_caught(
    mutants: Connection[Any], assert_contract: AssertContract
) -> None:
    """Also where the user once was active."""
    user_id = start(mutants, INTACT, None, known=False)
    mutants.execute("""UPDATE public."user" SET last_active_at = now() - interval '1 day' WHERE id = %s""", [user_id])
    mutants.execute("SELECT mutant_2.start(%s, 'Anna')", [user_id])
    with pytest.raises(AssertionError, match="active_user: Broken"):
        assert_contract("onboarding", user_id, connection=mutants)


def test_a_user_who_stays_blocked_is_caught(mutants: Connection[Any], assert_contract: AssertContract) -> None:
    """They are exempt, so what they lack is named and not taken for fine."""
    user_id = start(mutants, INTACT, None, known=False)
    mutants.execute("DELETE FROM public.user_language WHERE user_id = %s", [user_id])
    mutants.execute(
        """UPDATE public."user" SET type = 'blocked_bot', blocked_bot_at = now() WHERE id = %s""", [user_id]
    )
    with pytest.raises(AssertionError, match=r"languages: .*exempt"):
        assert_contract("onboarding", user_id, connection=mutants)
