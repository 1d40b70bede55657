"""What a query reads, as auto_explain reports it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql

from tests.support.database import Database


def scans_of(database: Database, query: sql.SQL) -> list[dict[str, Any]]:
    """Every scan of a table, in the functions that the query calls too, with what it really read."""
    notices: list[str] = []
    with psycopg.connect(database.dsn, autocommit=True, options="-c timezone=UTC") as session:
        session.execute("LOAD 'auto_explain'")
        for name, value in [
            ("log_min_duration", "0"),
            ("log_analyze", "on"),
            ("log_buffers", "on"),
            ("log_format", "json"),
            ("log_nested_statements", "on"),
            ("log_level", "notice"),
        ]:
            session.execute("SELECT set_config('auto_explain.' || %s, %s, false)", [name, value])
        session.execute("SET client_min_messages = notice")
        session.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        session.execute(query)
    found = (re.search(r"plan:\s*(\{.*\})", notice, re.S) for notice in notices)
    return [
        node
        for plan in found
        if plan
        for node in _nodes(json.loads(plan.group(1))["Plan"])
        if "Relation Name" in node and "Scan" in node["Node Type"]
    ]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)
