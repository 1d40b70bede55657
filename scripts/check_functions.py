"""Runs plpgsql_check over every PL/pgSQL function of both extensions and prints its findings."""

from __future__ import annotations

import sys

from tests.support.cluster import Cluster

FINDINGS = """
    SELECT p.oid::regprocedure, f.lineno, f.level, f.message, f.detail, f.hint
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
    LEFT JOIN LATERAL (
        SELECT min(t.tgrelid)::regclass AS tgrelid, min(t.tgoldtable) AS old_rows, min(t.tgnewtable) AS new_rows
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgfoid = p.oid
    ) AS used ON true
    CROSS JOIN LATERAL plpgsql_check_function_tb(
        p.oid,
        CASE WHEN p.prorettype = 'trigger'::regtype THEN coalesce(used.tgrelid, 'pg_class'::regclass)
             ELSE 0
        END,
        oldtable := used.old_rows, newtable := used.new_rows,
        fatal_errors := false, security_warnings := true, extra_warnings := true, performance_warnings := true
    ) AS f
    WHERE p.pronamespace IN ('ghostwatch'::regnamespace, 'onboarding'::regnamespace)
        -- An assignment that casts a constant or a count costs nothing that could be measured.
        AND NOT (f.level = 'performance' AND f.sqlstate = '42804')
        -- It serves two tables, each with a column of its own.
        AND NOT (p.oid = 'ghostwatch._keep_relation_name()'::regprocedure AND f.sqlstate = '42703')
        -- It learns from this very error whether it runs in a transaction block.
        AND NOT (p.oid = 'ghostwatch._require_committing(text, text)'::regprocedure AND f.sqlstate = '2D000')
    ORDER BY 1, 2
"""


def main() -> int:
    """Prints every finding; returns 1 if there is one."""
    with Cluster() as cluster, cluster.connect() as connection:
        # pg_cron and pgTAP, for what calls them.
        for extension in ("pg_cron", "pgtap", "ghostwatch", "ghostwatch_onboarding", "plpgsql_check"):
            connection.execute(f"CREATE EXTENSION {extension}".encode())
        # The bot's tables, which onboarding.start() fills.
        connection.execute("SELECT onboarding.adopt()")
        findings = connection.execute(FINDINGS).fetchall()
    for function, line, *finding in findings:
        print(f"{function}:{line}: {' '.join(part for part in finding if part)}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
