"""Names, keys and expressions are data everywhere, whatever is in them."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from tests.support.database import Database

# Quotes of every kind, what format() and EXECUTE would replace, a dollar quote of ours, a comment, a line break.
ODD = "it's \"%s %1$I $1 $body$ \\ {0}\n-- odd"


@pytest.mark.parametrize("capture", [False, True])
def test_odd_names(database: Database, capture: bool) -> None:
    """A contract whose every name is odd is declared, enforced, checked, explained, silenced and dropped."""
    # A name has at most 63 bytes, and a table has two of it.
    subject, related = (sql.Identifier(f"{part}{ODD}", f"{part}{ODD}") for part in ("s", "r"))
    key, birth, link = (sql.Identifier(f"{part}{ODD}") for part in ("key", "birth", "link"))
    for statement in (
        sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(f"s{ODD}")),
        sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(f"r{ODD}")),
        sql.SQL("CREATE TABLE {} ({} text PRIMARY KEY, {} timestamptz DEFAULT now(), {} text)").format(
            subject, key, birth, link
        ),
        sql.SQL("CREATE TABLE {} ({} text, note text)").format(related, key),
    ):
        database.connection.execute(statement)
    in_sql = link.as_string(database.connection)
    database.execute(
        "SELECT ghostwatch.declare_contract(%s, %s::regclass, %s, %s, branch_expression => %s, exempt_predicate => %s,"
        " exempt_branches => %s, subject_label => %s, capture => %s)",
        ODD,
        subject.as_string(database.connection),
        f"key{ODD}",
        f"birth{ODD}",
        f"s.{in_sql} -- %s $1 $body$",
        f"s.{in_sql} = '100 % $1' /* %L */",
        ["a'b%", 'c"d', "{e,f}"],
        ODD,
        capture,
    )
    database.execute("SELECT ghostwatch.declare_branch_family(%s, %s, %s)", ODD, "it's%", ODD)
    database.execute(
        "SELECT ghostwatch.declare_invariant(%s, %s, %s::regclass, %s, error_after => '0', predicate => %s)",
        ODD,
        ODD,
        related.as_string(database.connection),
        f"key{ODD}",
        "r.note <> '%s $body$' -- %",
    )

    def insert(name: str) -> None:
        values = sql.SQL("INSERT INTO {} VALUES ({}, DEFAULT, {})").format(
            subject, sql.Literal(name), sql.Literal(name)
        )
        database.connection.execute(values)

    database.execute("SELECT FROM ghostwatch.enforce(%s, 'reject')", ODD)
    with pytest.raises(psycopg.Error) as refused:
        insert(ODD)
    assert refused.value.sqlstate == "GW079"
    assert refused.value.diag.constraint_name == f"{ODD}.{ODD}"
    for exempt in ("100 % $1", "a'bc", 'c"d', "{e,f}"):
        insert(exempt)

    database.execute("SELECT FROM ghostwatch.enforce(%s, 'warn')", ODD)
    insert(ODD)
    database.execute("CALL ghostwatch.run_checks(%s)", ODD)
    assert database.rows("SELECT contract, invariant, state, error_count FROM ghostwatch.status") == [
        (ODD, ODD, "error", 1)
    ]
    assert database.rows(
        "SELECT sample_keys, branches -> 0 ->> 'family' FROM ghostwatch.ghost_summary(%s, %s)", ODD, ODD
    ) == [([ODD], ODD)]
    assert database.rows("SELECT state FROM ghostwatch.check_subject(%s, %s)", ODD, ODD) == [("broken",)]
    assert database.value("SELECT count(*) FROM ghostwatch.explain_alert(1) WHERE item = %s", ODD) == 1
    database.execute("SELECT FROM ghostwatch.doctor()")
    database.execute("SELECT ghostwatch.silence(%s, %s, %s, comment => %s)", ODD, ODD, ODD, ODD)

    database.execute("SELECT ghostwatch.drop_contract(%s)", ODD)
    assert database.rows("SELECT proname FROM pg_proc WHERE proname LIKE 'ghostwatch%'") == []


def test_columns_named_like_ours(database: Database) -> None:
    """An expression may name a column without its table, whatever the column is called."""
    database.execute(
        """
        CREATE TABLE customer (
            id bigint PRIMARY KEY, created_at timestamptz DEFAULT now(), value text, satisfied boolean
        );
        CREATE TABLE delivery (id bigint);
        INSERT INTO customer VALUES (1, now() - interval '10 minutes', 'shop', false), (2, now(), 'shop', true);
        SELECT ghostwatch.declare_contract('customers', 'customer',
            branch_expression => 'value', exempt_predicate => 'satisfied');
        SELECT ghostwatch.declare_invariant('customers', 'delivered', 'delivery', 'id');
        """
    )
    database.execute("CALL ghostwatch.run_checks()")
    assert database.rows(
        "SELECT v.subject_key, v.branch_family, p.last_error"
        " FROM ghostwatch.check_progress AS p LEFT JOIN ghostwatch.violation AS v USING (invariant_id)"
    ) == [("1", "shop", None)]
