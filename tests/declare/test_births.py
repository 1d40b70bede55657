"""Declaring says at once where births look hours off."""

from __future__ import annotations

from tests.support.database import Database

DECLARE = """
    SELECT ghostwatch.declare_contract('welcome', 'public.account', born_at_column => 'born', time_zone => %s)
"""


def test_declaring_warns_of_a_wrong_time_zone(database: Database) -> None:
    """With the statement to type, once; the contract is declared all the same."""
    database.execute(
        """
        CREATE TABLE public.account (id bigint PRIMARY KEY, born timestamp);
        CREATE INDEX ON public.account (born);
        INSERT INTO public.account VALUES (1, now() AT TIME ZONE 'UTC');
        """
    )
    warnings: list[tuple[str | None, ...]] = []
    database.connection.add_notice_handler(
        lambda notice: warnings.append((notice.severity, notice.message_primary, notice.message_hint))
    )

    for _ in range(2):
        database.execute(DECLARE, "America/Bogota")
    ((severity, message, hint),) = warnings
    assert severity == "WARNING"
    assert "look 5 hours ahead: time zone?" in (message or "")
    assert hint == "SELECT ghostwatch.declare_contract('welcome', time_zone => 'Europe/Berlin');"

    database.execute(DECLARE, "UTC")
    assert len(warnings) == 1
    assert database.value("SELECT time_zone FROM ghostwatch.contract") == "UTC"
