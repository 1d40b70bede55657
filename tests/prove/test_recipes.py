"""Every recipe of docs/recipes.md, with a subject that keeps the contract and one that does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, LiteralString

import pytest

from tests.support.database import Database
from tests.support.documents import examples

DOCUMENT: Final = examples("docs/recipes.md", "sql")


@dataclass(frozen=True)
class Case:
    """What the application writes, of which one clause must find the second subject alone."""

    recipe: str
    rows: LiteralString
    contract: str
    clause: str
    whole: str = "1"
    lost: str = "2"
    # What a test says of the second one.
    explanation: str = ""
    # What moment the test means, where a clause does not simply count as if it were due.
    as_of: str | None = None
    # When check runs come.
    later: str = "11 minutes"


CASES: Final = [
    Case(
        "Counts",
        """
        INSERT INTO payment VALUES (1), (2);
        INSERT INTO receipt VALUES (1), (1), (1), (2);
        INSERT INTO invoice VALUES (1), (2);
        """,
        contract="payments",
        clause="receipts",
        explanation="has 1 of 2 receipts",
    ),
    Case(
        "Counts",
        """
        INSERT INTO payment VALUES (1), (2);
        INSERT INTO receipt VALUES (1), (1), (2), (2);
        INSERT INTO invoice VALUES (1), (2), (2);
        """,
        contract="payments",
        clause="invoice",
        explanation="has 2 invoices and must have 1",
    ),
    Case(
        "A row that must not be",
        "INSERT INTO account VALUES (1), (2); INSERT INTO fraud_flag VALUES (2);",
        contract="accounts",
        clause="no_fraud",
        explanation="has a fraud flag that must not be",
    ),
    Case(
        "A column that must be set, a row that the subject points to",
        "INSERT INTO address VALUES (7); INSERT INTO parcel VALUES (1, 7, 'T1'), (2, 7, NULL);",
        contract="parcels",
        clause="tracking",
        explanation="a tracking number",
    ),
    Case(
        "A column that must be set, a row that the subject points to",
        "INSERT INTO address VALUES (7); INSERT INTO parcel VALUES (1, 7, 'T1'), (2, 8, 'T2');",
        contract="parcels",
        clause="address",
        explanation="an address",
    ),
    Case(
        "A chain",
        """
        INSERT INTO payment VALUES (1), (2);
        INSERT INTO receipt VALUES (10, 1);
        INSERT INTO receipt_mail VALUES (10);
        """,
        contract="paid",
        clause="receipt",
    ),
    Case(
        "A chain",
        """
        INSERT INTO payment VALUES (1), (2);
        INSERT INTO receipt VALUES (10, 1), (20, 2);
        INSERT INTO receipt_mail VALUES (10);
        """,
        contract="receipts",
        clause="mail",
        whole="10",
        lost="20",
    ),
    Case(
        "A change of state",
        """
        INSERT INTO purchase VALUES (1), (2), (3), (4);
        UPDATE purchase SET state = 'paid', paid_at = now() WHERE id IN (1, 2, 3);
        UPDATE purchase SET state = 'refunded' WHERE id = 3;
        INSERT INTO shipment VALUES (1);
        """,
        contract="paid_purchases",
        clause="shipment",
        later="50 hours",
    ),
    Case(
        "A key of several columns",
        """
        INSERT INTO tenant_user VALUES (7, 42), (8, 42);
        INSERT INTO tenant_settings VALUES (7, 42), (8, 1);
        """,
        contract="users_of_tenants",
        clause="settings",
        whole="{7,42}",
        lost="{8,42}",
    ),
    Case(
        "A due date in the row",
        """
        INSERT INTO bill SELECT id, now() + '3 days', id = 3 FROM generate_series(1, 3) AS id;
        INSERT INTO reminder VALUES (1);
        """,
        contract="due_bills",
        clause="reminder",
        as_of="4 days",
        later="74 hours",
    ),
    Case(
        "Tenants in one table",
        """
        INSERT INTO member VALUES (1, 'acme'), (2, 'globex'), (3, 'test_globex');
        INSERT INTO welcome_mail VALUES (1);
        """,
        contract="members",
        clause="welcome",
    ),
    Case(
        "A schema for each tenant",
        """
        INSERT INTO acme.member VALUES (1), (2);
        INSERT INTO globex.member VALUES (2);
        INSERT INTO acme.welcome_mail VALUES (1);
        INSERT INTO globex.welcome_mail VALUES (2);
        """,
        contract="members of acme",
        clause="welcome",
    ),
    Case(
        "A bot that keeps its cache in Redis",
        """
        SELECT onboarding.start(1, 'Anna');
        SELECT onboarding.start(2, 'Bob');
        INSERT INTO public.user_meme_reaction (user_id, meme_id) VALUES (1, 1), (2, 1);
        INSERT INTO user_cached VALUES (1);
        """,
        contract="onboarding",
        clause="cached",
    ),
    Case(
        "An application that keeps its own /start",
        """
        INSERT INTO public."user" (id, type, created_at, last_active_at)
        VALUES (1, 'user', now(), now()), (2, 'user', now(), now());
        INSERT INTO public.user_tg (id, first_name, deep_link) VALUES (1, 'Anna', 'kitchen'), (2, 'Bob', 'kitchen');
        INSERT INTO public.user_deep_link_log (user_id, deep_link) VALUES (1, 'kitchen'), (2, 'kitchen');
        INSERT INTO public.user_language (user_id, language_code) VALUES (1, 'en');
        INSERT INTO public.user_meme_reaction (user_id, meme_id) VALUES (1, 1), (2, 1);
        """,
        contract="onboarding",
        clause="languages",
    ),
]


def test_every_recipe_has_a_case() -> None:
    assert {case.recipe for case in CASES} == set(DOCUMENT)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.recipe}, {case.clause}")
def test_recipe(database: Database, case: Case) -> None:
    """A test finds the lost subject at once, and check runs find it alone when it is due."""
    *tables, declaration = DOCUMENT[case.recipe]
    for statements in (*tables, declaration, declaration):
        database.connection.execute(statements.encode())
    database.execute(case.rows)

    query = "SELECT invariant, explanation FROM ghostwatch.prove(%s, %s, %s) WHERE NOT holds"
    assert database.rows(query, case.contract, case.whole, case.as_of) == []
    ((clause, explanation),) = database.rows(query, case.contract, case.lost, case.as_of)
    assert clause == case.clause
    assert case.explanation in explanation

    now = database.value("SELECT now() + %s::interval", case.later)
    database.set_clock(now)
    database.execute("CALL ghostwatch.run_checks()")
    assert database.rows("SELECT last_error FROM ghostwatch.check_progress WHERE last_error IS NOT NULL") == []
    assert database.rows(
        """
        SELECT c.name, i.name, v.subject_key, v.state
        FROM ghostwatch.violation AS v
        JOIN ghostwatch.invariant AS i ON i.invariant_id = v.invariant_id
        JOIN ghostwatch.contract AS c ON c.contract_id = i.contract_id
        WHERE v.closed_at IS NULL AND v.state <> 'exempt'
        """
    ) == [(case.contract, case.clause, case.lost, "error")]
