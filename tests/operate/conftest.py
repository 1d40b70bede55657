"""The database in which pg_cron lives."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.cluster import Server
from tests.support.database import Database


@pytest.fixture
def cron_home(server: Server, make_role: Callable[[], str]) -> Iterator[Database]:
    """The database in which the server's pg_cron lives, with ghostwatch installed for the test."""
    with server.connect() as connection:
        found = connection.execute("SHOW cron.database_name").fetchone()
    assert found is not None
    home = Database(server, found[0], "extension")
    home.execute("CREATE EXTENSION IF NOT EXISTS pg_cron")
    home.execute("CREATE EXTENSION ghostwatch")
    try:
        yield home
    finally:
        home.execute("SELECT cron.unschedule(jobid) FROM cron.job")
        home.execute("DROP EXTENSION ghostwatch CASCADE")
        home.execute(
            """
            DO $$
            DECLARE
                role name;
            BEGIN
                FOR role IN SELECT rolname FROM pg_roles WHERE rolname LIKE 'Role %' LOOP
                    EXECUTE format('DROP OWNED BY %I', role);
                END LOOP;
            END
            $$
            """
        )
        home.connection.close()
