"""A sidecar asks for work some thirty times a second, also while an outage has left thousands of messages waiting."""

from __future__ import annotations

from tests.sidecar.process import Outbox
from tests.support.database import Database

CHATS = 20


def wait_for_sending(outbox: Outbox, first: int, last: int) -> None:
    """Puts an alert about each of some invariants into the outbox, for every channel."""
    database = outbox.database
    database.execute(
        """
        SELECT ghostwatch.declare_invariant('onboarding', format('invariant_%%s', n), 'public.greeting', 'account_id')
        FROM generate_series(%s::integer, %s::integer) AS n
        """,
        first,
        last,
    )
    database.execute(
        """
        WITH opened AS (
            INSERT INTO ghostwatch.alert
                (kind, invariant_id, contract, invariant, rule, severity, opened_at, changed_at, error_count)
            SELECT 'violations', i.invariant_id, 'onboarding', i.name, i.rule, 'error', now(), now(), 1
            FROM ghostwatch.invariant AS i
            WHERE i.invariant_id NOT IN (SELECT invariant_id FROM ghostwatch.alert)
            RETURNING alert_id
        )

        SELECT ghostwatch._enqueue(alert_id, 'opened', now() - interval '1 minute') FROM opened
        """
    )
    database.execute("VACUUM ANALYZE")


def pages_of_a_claim(outbox: Outbox) -> int:
    """The pages that one claim reads; it is undone. What only the first one of a session reads is left out."""
    connection = outbox.database.connection
    pages = 0
    for _ in range(2):
        with connection.transaction(force_rollback=True):
            row = connection.execute(
                "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM ghostwatch.claim_notifications('one', 1)"
            ).fetchone()
            assert row is not None
            plan = row[0][0]["Plan"]
            pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return pages


def test_a_claim_costs_the_same_however_many_wait(database: Database) -> None:
    """Each channel costs one look into its index."""
    outbox = Outbox(database)
    outbox.prepare()
    for number in range(1, CHATS + 1):
        outbox.add_channel(f"channel_{number}", number)
    wait_for_sending(outbox, 1, 1)
    few = pages_of_a_claim(outbox)
    wait_for_sending(outbox, 2, 100)
    assert outbox.waiting() == 100 * CHATS
    assert pages_of_a_claim(outbox) < 2 * few
