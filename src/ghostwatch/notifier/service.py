"""Starts the sidecar's parts, watches over them, and ends them in the right order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Coroutine
from importlib.metadata import version
from typing import Any

from ghostwatch.errors import CommandError
from ghostwatch.notifier import queries, systemd
from ghostwatch.notifier.buttons import Buttons
from ghostwatch.notifier.database import Database, DatabaseUnavailable
from ghostwatch.notifier.delivery import STOP_WITHIN, Delivery
from ghostwatch.notifier.health_signal import HealthSignal
from ghostwatch.notifier.listener import Listener
from ghostwatch.notifier.logs import set_up
from ghostwatch.notifier.messages import Renderer
from ghostwatch.notifier.messenger import Messenger
from ghostwatch.notifier.metrics import Metrics
from ghostwatch.notifier.telegram import Telegram
from ghostwatch.notifier.terminal import Terminal
from ghostwatch.notifier.watch import Watch
from ghostwatch.settings import Settings

# Longer than a run may take (the setting run_budget) and one statement on top.
RUN_CHECKS_TIMEOUT = 120.0
# Between two checks that are due one after the other.
SHORTEST_PAUSE = 0.05
LONGEST_PAUSE = 0.2
# A database that does not answer must not delay the end of the process.
GOODBYE_WITHIN = 3.0
SQLSTATE_INSUFFICIENT_PRIVILEGE = "42501"
# No schema, no function, no table.
SQLSTATES_NOT_INSTALLED = ("3F000", "42883", "42P01")

log = logging.getLogger(__name__)


def notify(settings: Settings, *, to_terminal: bool) -> int:
    """Runs the sidecar until SIGTERM or SIGINT; returns the exit code."""
    set_up(settings)
    return asyncio.run(_notify(settings, to_terminal=to_terminal))


async def _notify(settings: Settings, *, to_terminal: bool) -> int:
    telegram = None if to_terminal else Telegram(settings)
    messenger: Messenger = telegram or Terminal()
    metrics = Metrics(version("ghostwatch"))
    database = Database(settings.dsn, f"ghostwatch {settings.worker}", on_notify=lambda: delivery.wake())
    delivery = Delivery(settings, database, messenger, Renderer(settings.templates, settings.public_url), metrics)
    listener = Listener(settings.dsn, settings.worker, database, delivery.wake)
    watch = Watch(settings, database, delivery, listener, metrics)

    try:
        await watch.beat()
    except DatabaseUnavailable as error:
        raise CommandError(f"the outbox cannot be reached: {error}{advice(error.sqlstate)}") from None

    parts: dict[str, Coroutine[Any, Any, None]] = {
        "listener": listener.run(),
        "heartbeat": watch.run_heartbeat(),
        "probe": watch.run_probe(),
    }
    if settings.run_checks_every is not None:
        parts["run-checks"] = _run_checks(settings, settings.run_checks_every)
    if settings.heartbeat_url is not None:
        parts["heartbeat-url"] = watch.run_heartbeat_url(settings.heartbeat_url)
    if settings.buttons and telegram is not None:
        parts["buttons"] = Buttons(telegram, database, settings.worker, delivery.buttons).run()
    if (every := systemd.watchdog_interval()) is not None:
        parts["watchdog"] = watch.run_watchdog(every)

    async with contextlib.AsyncExitStack() as stack:
        if settings.http_port is not None:
            from ghostwatch.notifier.health import HealthPages
            from ghostwatch.notifier.http import serving

            site = None
            if settings.page_token or settings.page_proxy_header:
                from ghostwatch.page.service import page

                site, parts["page"] = page(settings, metrics)
            health = HealthPages(watch, metrics, site)
            await stack.enter_async_context(serving(settings.http_host, settings.http_port, health.answer))
        try:
            return await _supervise(delivery, parts)
        finally:
            with contextlib.suppress(DatabaseUnavailable, TimeoutError):
                async with asyncio.timeout(GOODBYE_WITHIN):
                    await database.call(queries.STOPPED, {"worker": settings.worker}, GOODBYE_WITHIN / 2)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_WITHIN / 2):
                    await messenger.close()
                    await database.close()


async def _supervise(delivery: Delivery, parts: dict[str, Coroutine[Any, Any, None]]) -> int:
    """Runs the drain loop and its side tasks; ends on a signal, or when any of them dies."""
    draining = asyncio.create_task(delivery.run(), name="delivery")
    side = [asyncio.create_task(part, name=name) for name, part in parts.items()]
    stop_requested = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_requested.set)
    waiting = asyncio.create_task(stop_requested.wait())
    log.info("delivering; with %s", ", ".join(parts))
    systemd.notify("READY=1")

    await asyncio.wait({waiting, draining, *side}, return_when=asyncio.FIRST_COMPLETED)
    systemd.notify("STOPPING=1")
    dead = [task for task in side if task.done()]
    delivery.stop()
    for task in (waiting, *side):
        task.cancel()
    # From here on it is the clock that counts, whatever each of them still waits for.
    await asyncio.wait({draining, *side}, timeout=STOP_WITHIN)
    if not draining.done():
        draining.cancel()
        await asyncio.wait({draining}, timeout=1)
    elif draining.exception() is not None:
        dead.append(draining)
    for task in dead:
        # A supervisor starts us again; half a sidecar would go unnoticed.
        log.critical("%s has died, so the sidecar stops", task.get_name(), exc_info=task.exception())
    log.info("stopped")
    return 1 if dead else 0


async def _run_checks(settings: Settings, every: float) -> None:
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


def advice(sqlstate: str | None) -> str:
    """What to type where the database refuses what the sidecar asks it."""
    if sqlstate in SQLSTATES_NOT_INSTALLED:
        return "\n            Is ghostwatch in this database? If not: ghostwatch install (or CREATE EXTENSION)"
    if sqlstate == SQLSTATE_INSUFFICIENT_PRIVILEGE:
        return "\n            Let this role deliver: SELECT ghostwatch.grant_sidecar('<role>');"
    return ""
