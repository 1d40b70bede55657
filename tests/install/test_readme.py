"""What the README tells people to type works as it stands there."""

from __future__ import annotations

import re

import pytest

from scripts.build import ROOT
from tests.support.own_server import own_server


@pytest.mark.pg_cron
def test_statements_of_the_readme() -> None:
    """The statements for an existing database give a contract with a schedule; the bot's bring its own."""
    existing, bot = re.findall(r"```sql\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    with own_server(cron_database="bot") as server:
        server.create_database("bot")
        with server.connect("bot") as connection:
            connection.execute("CREATE EXTENSION pg_cron")
            connection.execute('CREATE TABLE public."user" (id bigint PRIMARY KEY, created_at timestamptz NOT NULL)')
            connection.execute("CREATE TABLE public.user_meme_reaction (user_id bigint NOT NULL)")
            connection.execute(existing.encode())
            assert connection.execute("SELECT contract, invariant FROM ghostwatch.status").fetchall() == [
                ("onboarding", "first_meme")
            ]
            assert connection.execute("SELECT schedule FROM cron.job").fetchall() == [("* * * * *",)]

            connection.execute("SELECT ghostwatch.drop_contract('onboarding')")
            connection.execute('DROP TABLE public."user", public.user_meme_reaction')
            connection.execute(bot.encode())
            count = connection.execute("SELECT count(*) FROM ghostwatch.status").fetchone()
            assert count == (8,)
