"""An application with a contract, one account that keeps it and one that does not."""

from __future__ import annotations

import pytest

from tests.support.database import Database


@pytest.fixture
def application(database: Database) -> Database:
    """Account 1 has a greeting, account 2 has none; it is due in five minutes."""
    database.execute(
        """
        CREATE TABLE account (id bigint PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now());
        CREATE TABLE greeting (account_id bigint NOT NULL);
        SELECT ghostwatch.declare_contract('welcome', 'account');
        SELECT ghostwatch.declare_invariant('welcome', 'greeting', 'greeting', 'account_id',
            error_after => '5 minutes', missing_label => 'a greeting');
        INSERT INTO account VALUES (1), (2);
        INSERT INTO greeting VALUES (1);
        """
    )
    return database
