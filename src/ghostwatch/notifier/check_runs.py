"""Runs the checks where no pg_cron does it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ghostwatch.notifier import queries
from ghostwatch.notifier.database import SQLSTATE_INSUFFICIENT_PRIVILEGE, Database, DatabaseUnavailable
from ghostwatch.notifier.health_signal import HealthSignal
from ghostwatch.settings import Settings

# Longer than a run may take (the setting run_budget) and one statement on top.
RUN_CHECKS_TIMEOUT = 120.0
# Between two checks that are due one after the other.
SHORTEST_PAUSE = 0.05
LONGEST_PAUSE = 0.2


async def run_checks(settings: Settings, every: float) -> None:
    """Does what pg_cron does elsewhere."""
    database = Database(settings.run_checks_dsn, f"ghostwatch {settings.worker} (checks)")
    checks = HealthSignal("check runs")
    clock = asyncio.get_running_loop().time
    try:
        while True:
            next_run = clock() + every
            try:
                await database.call(queries.RUN_CHECKS, seconds=RUN_CHECKS_TIMEOUT)
                checks.well()
                await _run_due_checks(database, clock, next_run)
            except DatabaseUnavailable as error:
                may_not = error.sqlstate == SQLSTATE_INSUFFICIENT_PRIVILEGE
                advice = "; name the contracts' owner in GHOSTWATCH_RUN_CHECKS_DSN" if may_not else ""
                checks.unwell(f"{error}{advice}")
            await asyncio.sleep(max(0.0, next_run - clock()))
    finally:
        await database.close()


async def _run_due_checks(database: Database, clock: Callable[[], float], until: float) -> None:
    """Checks exactly when something is due, until the next run; the server holds nothing while this waits."""
    pause = 0.0
    while clock() + pause < until:
        rows = await database.call(queries.NEXT_CHECK)
        if not rows or rows[0]["seconds"] is None:
            return
        due = clock() + max(pause, rows[0]["seconds"])
        if due >= until:
            return
        await asyncio.sleep(due - clock())
        began = clock()
        await database.call(queries.RUN_DUE_CHECKS, seconds=RUN_CHECKS_TIMEOUT)
        # Under load a check waits for others that become due.
        pause = min(max(10 * (clock() - began), SHORTEST_PAUSE), LONGEST_PAUSE)
