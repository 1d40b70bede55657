"""`ghostwatch plan`: what a migration of the application would do to the contracts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.detect.bot import Bot, minutes
from tests.support.database import Database

COMMAND = Path(sys.executable).with_name("ghostwatch")


@pytest.fixture
def bot(database: Database) -> Bot:
    """A bot whose contract holds, with a clause that has a predicate."""
    bot = Bot.create(database)
    bot.declare()
    bot.declare_invariant(name="second_meme", predicate="r.meme_id = 2")
    for key in range(5):
        bot.sign_up(key, minutes(2))
        bot.get_meme(key)
    return bot


def plan(bot: Bot, migration: str, *options: str) -> tuple[int, str, str]:
    """Runs the command; returns exit code, output and errors. Nothing is changed, whatever the migration does."""
    catalogs = "SELECT c.oid, c.relname, c.relnatts FROM pg_class AS c ORDER BY 1"
    before = bot.database.rows(catalogs)
    finished = subprocess.run(
        [COMMAND, "plan", "-", "--dsn", bot.database.dsn, *options],
        input=migration,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert bot.database.rows(catalogs) == before
    return finished.returncode, finished.stdout, finished.stderr


def test_a_migration_that_concerns_no_contract(bot: Bot) -> None:
    code, said, errors = plan(bot, "BEGIN; CREATE TABLE invoice (id bigint PRIMARY KEY); COMMIT;")
    assert (code, said, errors) == (0, "no contract would be broken; nothing was changed\n", "")


@pytest.mark.parametrize(
    ("migration", "broken"),
    [
        ("ALTER TABLE user_meme_reaction DROP COLUMN meme_id CASCADE", "breaks onboarding.second_meme: "),
        ("ALTER TABLE user_meme_reaction RENAME COLUMN user_id TO owner_id", "breaks onboarding.first_meme: "),
        ('ALTER TABLE "user" DROP COLUMN created_at', "breaks contract onboarding: "),
        ("DROP TABLE user_meme_reaction", "breaks onboarding.first_meme: "),
        (
            "ALTER TABLE user_meme_reaction ALTER user_id TYPE jsonb USING to_jsonb(user_id)",
            "breaks onboarding.first_meme: ",
        ),
    ],
)
def test_what_it_breaks(bot: Bot, migration: str, broken: str) -> None:
    """The clause and the reason are named."""
    code, said, errors = plan(bot, migration)
    assert (code, errors) == (1, "")
    assert broken in said


def test_renaming_a_table_breaks_nothing(bot: Bot) -> None:
    assert plan(bot, 'ALTER TABLE "user" RENAME TO member')[0] == 0


def test_locks_and_lost_indexes_are_named(bot: Bot) -> None:
    """With how long they are held, and the statement that makes the index again."""
    code, said, _ = plan(bot, "ALTER TABLE user_meme_reaction DROP CONSTRAINT user_meme_reaction_pkey;\nSELECT 1;")
    assert code == 0
    assert "AccessExclusiveLock on public.user_meme_reaction, for at most" in said
    assert "CREATE INDEX CONCURRENTLY" in said
    code, said, _ = plan(bot, "CREATE INDEX CONCURRENTLY ON user_meme_reaction (meme_id);")
    assert code == 0
    assert "run without CONCURRENTLY" in said


def test_who_would_be_refused(bot: Bot) -> None:
    """Under enforcement, as many of the last day's signups as the migration leaves without their row."""
    bot.database.execute(
        "SELECT ghostwatch.declare_invariant('onboarding', 'telegram', 'user_tg', 'id', error_after => '0')"
    )
    bot.database.connection.execute(f"ALTER DATABASE {bot.database.name} RESET ghostwatch.clock".encode())
    bot.database.execute("SET ghostwatch.clock = ''")
    for key in (101, 102, 103):
        with bot.database.connect(autocommit=False) as signup:
            signup.execute('INSERT INTO "user" (id) VALUES (%s)', [key])
            signup.execute("INSERT INTO user_tg (id) VALUES (%s)", [key])
    bot.database.execute("SELECT ghostwatch.enforce('onboarding', 'reject')")
    code, said, errors = plan(bot, "DELETE FROM user_tg WHERE id > 101")
    assert (code, errors) == (1, "")
    assert "breaks onboarding.telegram: 2 of the signups of the last day would be refused, 0 before" in said


def test_nothing_in_it_can_commit(bot: Bot) -> None:
    """Whatever ends a transaction is left out or refused."""
    code, _, errors = plan(bot, "CREATE TABLE a (); ROLLBACK; CREATE TABLE b ();")
    assert code == 2
    assert "would end the transaction" in errors
    assert plan(bot, "begin;\ncreate table a ();\ncommit;\ncreate table b ();")[0] == 0
    code, _, errors = plan(bot, "DO $$ BEGIN COMMIT; END $$;")
    assert code == 2
    assert "invalid transaction termination" in errors


def test_a_migration_that_fails(bot: Bot) -> None:
    """It is told apart from one that breaks a contract."""
    code, _, errors = plan(bot, "CREATE TABLE a ();\nSELECT 1 / 0;")
    assert code == 2
    assert "the migration fails: ERROR:  division by zero" in errors
    assert "in: SELECT 1 / 0;" in errors
    assert plan(bot, "SELECT pg_sleep(10)", "--statement-timeout", "10ms")[0] == 2


def test_only_the_way_up_of_dbmate_runs(bot: Bot) -> None:
    migration = '-- migrate:up\nCREATE TABLE a ();\n-- migrate:down\nDROP TABLE "user" CASCADE;\n'
    assert plan(bot, migration)[0] == 0
