"""How declarations and checks may be called, and beside what they work."""

from __future__ import annotations

from tests.database import Database
from tests.detection.bot import Bot


def test_contract_and_invariant_in_one_statement(database: Database) -> None:
    """For one tenant, and for many in a loop."""
    Bot.create(database)
    database.execute(
        """
        SELECT
            ghostwatch.declare_contract('tenant_' || tenant, '"user"'),
            ghostwatch.declare_invariant('tenant_' || tenant, 'first_meme', 'user_meme_reaction', 'user_id'),
            ghostwatch.declare_branch_family('tenant_' || tenant, 'kitchen', 'kitchen')
        FROM generate_series(1, 3) AS tenant
        """
    )
    assert database.value("SELECT count(*) FROM ghostwatch._clause") == 3
