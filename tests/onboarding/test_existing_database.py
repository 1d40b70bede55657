"""A bot that was there before ghostwatch keeps its tables as they are."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from ghostwatch.testing.onboarding import BRANCHES, each_branch
from ghostwatch.testing.plugin import AssertContract
from tests.support.database import Database, install

TABLES = Path(__file__).with_name("existing_bot.psql")
COLUMNS = """
    SELECT attrelid::regclass::text, attnum, attname::text, format_type(atttypid, atttypmod),
           attnotnull, attidentity::text, pg_get_expr(adbin, adrelid)
    FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid = ANY (ARRAY(SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'))
      AND attnum > 0
    ORDER BY 1, 2
"""


@pytest.fixture
def existing_bot(database: Database) -> Database:
    """A database with a bot's own tables, not adopted yet."""
    database.execute(TABLES.read_text(encoding="utf-8"))
    return database


@pytest.mark.both_kinds
def test_adopting_alters_nothing(existing_bot: Database) -> None:
    """Every column, default, constraint and index is afterwards what it was."""
    indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
    before = existing_bot.rows(COLUMNS), existing_bot.rows(indexes)

    existing_bot.execute("SELECT FROM onboarding.adopt()")

    assert (existing_bot.rows(COLUMNS), existing_bot.rows(indexes)) == before


def test_adopting_says_what_it_found(existing_bot: Database) -> None:
    """And what to type, in statements that can be typed."""
    found = existing_bot.rows("SELECT object, finding, advice FROM onboarding.adopt(time_zone => 'Europe/Moscow')")

    assert ('public."user"', "found", None) in found
    assert (
        'public."user"',
        "has columns of its own, which stay as they are: nickname, inviter_id, balance",
        None,
    ) in found
    assert any("created_at, last_active_at, blocked_bot_at" in finding for _, finding, _ in found)
    assert any("(Europe/Moscow)" in finding for _, finding, _ in found)
    advice = {advice for _, _, advice in found if advice}
    indexes = {line for line in advice if line.startswith("CREATE INDEX")}
    assert indexes == {
        'CREATE INDEX CONCURRENTLY ON public."user" (created_at);',
        "CREATE INDEX CONCURRENTLY ON public.user_language (user_id);",
        "CREATE INDEX CONCURRENTLY ON public.user_deep_link_log (user_id);",
    }

    for statement in indexes:
        existing_bot.execute(statement)
    again = existing_bot.rows("SELECT advice FROM onboarding.adopt() WHERE advice LIKE 'CREATE INDEX%'")
    assert again == []


@pytest.mark.parametrize("time_zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_a_birth_is_written_as_the_contract_reads_it(existing_bot: Database, time_zone: str) -> None:
    """Wherever the session that starts the user believes to be."""
    existing_bot.execute("SELECT FROM onboarding.adopt(time_zone => 'Europe/Moscow')")
    existing_bot.set_clock("2026-03-01 12:00+00")
    existing_bot.execute("SELECT set_config('TimeZone', %s, false)", time_zone)

    existing_bot.execute("SELECT FROM onboarding.start(1, 'Anna')")

    assert existing_bot.rows(
        'SELECT created_at::text, last_active_at::text FROM public."user" UNION ALL '
        "SELECT created_at::text, NULL FROM public.user_deep_link_log"
    ) == [("2026-03-01 15:00:00", "2026-03-01 15:00:00"), ("2026-03-01 15:00:00", None)]
    assert existing_bot.value("SHOW TimeZone") == time_zone


@pytest.mark.parametrize("missing", ["user_tg", "user_language", "user_deep_link_log", "user_meme_reaction"])
def test_only_what_is_missing_is_created(existing_bot: Database, missing: str) -> None:
    """The other tables are left alone."""
    existing_bot.execute(f"DROP TABLE public.{missing}")

    created = existing_bot.rows("SELECT object FROM onboarding.adopt() WHERE finding = 'created'")

    assert created == [(f"public.{missing}",)]
    existing_bot.execute("SELECT onboarding.start(1, 'Anna')")


@each_branch
def test_start_works_on_them(existing_bot: Database, assert_contract: AssertContract, deep_link: str | None) -> None:
    """New and returning, with times read in the contract's zone."""
    existing_bot.execute("SELECT FROM onboarding.adopt(time_zone => 'UTC')")
    existing_bot.execute("INSERT INTO public.\"user\" (id, type, blocked_bot_at) VALUES (2, 'blocked_bot', now())")

    for user_id in (1, 2, 1):
        existing_bot.execute(
            "SELECT onboarding.start(%s, 'Аня', language_code => 'uk', deep_link => %s)", user_id, deep_link
        )
        assert_contract("onboarding", user_id, connection=existing_bot.connection, leave_out=["first_meme"])
    assert existing_bot.rows('SELECT type, blocked_bot_at, balance FROM public."user" WHERE id = 2') == [
        ("user", None, 0)
    ]


def test_what_cannot_be_adopted_is_listed_before_anything_happens(existing_bot: Database) -> None:
    """All of it at once; no table, contract or rule comes into being."""
    existing_bot.execute('ALTER TABLE public."user" ALTER type TYPE integer USING 0, DROP last_active_at')
    existing_bot.execute("ALTER TABLE public.user_tg DROP CONSTRAINT pk_user_tg, ADD phone varchar NOT NULL")
    existing_bot.execute(
        "ALTER TABLE public.user_language ADD chosen boolean NOT NULL, ALTER language_code TYPE varchar(8)"
    )
    existing_bot.execute("DROP TABLE public.user_meme_reaction, public.user_deep_link_log")
    existing_bot.execute("CREATE VIEW public.user_meme_reaction AS SELECT 1 AS user_id")

    with pytest.raises(psycopg.Error) as refused:
        existing_bot.execute("SELECT FROM onboarding.adopt()")

    assert refused.value.sqlstate == "GW103"
    assert refused.value.diag.message_detail == "\n".join(
        [
            'public."user" has no column last_active_at (timestamp with time zone)',
            'public."user".type is of type integer, not text or character varying',
            "public.user_language.chosen must be given a value (NOT NULL, no default), and start() does not know it",
            "public.user_language.language_code takes 8 characters, and start() writes up to 16",
            "public.user_meme_reaction is not a table",
            "public.user_tg has no unique index on (id)",
            "public.user_tg.phone must be given a value (NOT NULL, no default), and start() does not know it",
        ]
    )
    assert existing_bot.value("SELECT to_regclass('public.user_deep_link_log') IS NULL")
    assert existing_bot.rows("SELECT FROM ghostwatch.contract") == []
    assert existing_bot.rows("SELECT FROM onboarding.blocked_branch") == []


def test_an_application_may_keep_its_own_start(existing_bot: Database, assert_contract: AssertContract) -> None:
    """Then columns that only start() could not fill are no obstacle, and the contract judges the application's code."""
    existing_bot.execute("ALTER TABLE public.user_tg ADD phone varchar NOT NULL")
    existing_bot.execute(
        """
        SELECT FROM onboarding.adopt(
            keep_own_start => true, leave_out => '{user_info,start_announced}', due_after => '1 minute'
        )
        """
    )

    existing_bot.execute(
        """
        INSERT INTO public."user" (id, type, created_at, last_active_at)
        VALUES (1, 'user', now() - interval '2 minutes', now()), (2, 'user', now() - interval '2 minutes', now());
        INSERT INTO public.user_tg (id, first_name, phone) VALUES (1, 'Anna', '1'), (2, 'Bob', '2');
        INSERT INTO public.user_deep_link_log (user_id, deep_link) VALUES (1, 'kitchen'), (2, NULL);
        INSERT INTO public.user_language (user_id, language_code) VALUES (2, 'en');
        INSERT INTO public.user_meme_reaction (user_id, meme_id, recommended_by) VALUES (1, 1, ''), (2, 1, '');
        """
    )

    assert_contract("onboarding", 2, connection=existing_bot.connection)
    with pytest.raises(AssertionError) as caught:
        assert_contract("onboarding", 1, connection=existing_bot.connection)
    assert "kept_deep_link: Broken" in str(caught.value)
    assert "languages: Broken" in str(caught.value)


def test_a_link_that_was_kept_before_there_was_a_log_counts(
    existing_bot: Database, assert_contract: AssertContract
) -> None:
    """A link that shares a meme is older than the log, and stays."""
    existing_bot.execute("SELECT FROM onboarding.adopt()")
    existing_bot.execute(
        """
        INSERT INTO public."user" (id, type) VALUES (1, 'user');
        INSERT INTO public.user_tg (id, first_name, deep_link) VALUES (1, 'Anna', 's_1_2');
        SELECT onboarding.start(1, 'Anna', deep_link => 's_3_4');
        """
    )
    assert existing_bot.value("SELECT deep_link FROM public.user_tg") == "s_1_2"
    assert_contract("onboarding", 1, connection=existing_bot.connection, leave_out=["first_meme"])


def test_a_database_that_cannot_tell_letters_apart_is_named(database_without_encoding: Database) -> None:
    """There "Zoë" has Russian letters."""
    database_without_encoding.execute("CREATE EXTENSION ghostwatch_onboarding CASCADE")
    found = database_without_encoding.rows("SELECT object, advice FROM onboarding.adopt()")
    named = f"database {database_without_encoding.name}"
    assert [advice for thing, advice in found if thing == named and "ENCODING 'UTF8'" in advice]


@pytest.mark.both_kinds
def test_a_database_in_latin1(latin1_database: Database, kind: str, assert_contract: AssertContract) -> None:
    """It takes both parts, says what it cannot hold, and loses nobody whose name it can hold."""
    install(latin1_database.server, latin1_database.name, kind)
    found = latin1_database.rows("SELECT object, finding FROM onboarding.adopt()")
    assert (
        f"database {latin1_database.name}",
        "has the encoding LATIN1: a /start by somebody whose name has other letters fails before start() is called",
    ) in found
    for user_id, deep_link in enumerate(BRANCHES.values()):
        latin1_database.execute("SELECT onboarding.start(%s, 'Zoë', deep_link => %s)", user_id, deep_link)
        assert_contract("onboarding", user_id, connection=latin1_database.connection, leave_out=["first_meme"])
    latin1_database.execute("CALL ghostwatch.run_checks()")
    assert (
        latin1_database.rows("SELECT check_name, finding FROM ghostwatch.doctor() WHERE finding LIKE '%failed%'") == []
    )


def test_adopting_does_not_wait_behind_a_busy_table(database: Database) -> None:
    """A table with a foreign key to the users locks them: tried for a moment, then the session is named."""
    database.execute('CREATE TABLE public."user" (id bigint PRIMARY KEY, type text NOT NULL)')
    database.execute(
        'ALTER TABLE public."user" ADD created_at timestamptz NOT NULL DEFAULT now(), '
        "ADD last_active_at timestamptz, ADD blocked_bot_at timestamptz"
    )
    database.execute("SELECT ghostwatch.set_setting('lock_timeout', '20 milliseconds')")
    database.execute("SELECT ghostwatch.set_setting('lock_attempts', '2')")
    signup = database.connect(autocommit=False)
    signup.execute("INSERT INTO public.\"user\" VALUES (1, 'user')")
    with pytest.raises(psycopg.Error, match=f"in use by pid {signup.info.backend_pid}, INSERT") as refused:
        database.execute("SELECT FROM onboarding.adopt()")
    assert refused.value.sqlstate == "GW075"
    signup.commit()
    database.execute("SELECT FROM onboarding.adopt()")
