"""Starts the sidecar's parts, watches over them, and ends them in the right order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from ghostwatch.errors import CommandError
from ghostwatch.notifier import logs, systemd
from ghostwatch.notifier.buttons import Buttons
from ghostwatch.notifier.database import SQLSTATE_INSUFFICIENT_PRIVILEGE, DatabaseUnavailable
from ghostwatch.notifier.fleet import Fleet
from ghostwatch.notifier.messages import Renderer
from ghostwatch.notifier.messenger import Messenger
from ghostwatch.notifier.pace import Pace
from ghostwatch.notifier.telegram import Telegram
from ghostwatch.notifier.terminal import Terminal
from ghostwatch.notifier.watch import run_heartbeat_url, run_watchdog
from ghostwatch.settings import Settings

# No schema, no function, no table.
SQLSTATES_NOT_INSTALLED = ("3F000", "42883", "42P01")
CLOSE_WITHIN = 1.5

log = logging.getLogger(__name__)

ReadSettings = Callable[[], list[Settings]]


def notify(read_settings: ReadSettings, *, to_terminal: bool) -> int:
    """Runs the sidecar until SIGTERM or SIGINT; returns the exit code. SIGHUP has it read its databases anew."""
    settings = read_settings()
    logs.set_up(settings[0])
    return asyncio.run(_notify(settings, read_settings, to_terminal=to_terminal))


async def _notify(all_settings: Sequence[Settings], read_settings: ReadSettings, *, to_terminal: bool) -> int:
    settings = all_settings[0]
    telegram = None if to_terminal else Telegram(settings)
    messenger: Messenger = telegram or Terminal()
    fleet = Fleet(messenger, Renderer(settings.templates), Pace() if settings.fleet else None)
    async with contextlib.AsyncExitStack() as stack:
        if settings.http_port is not None:
            from ghostwatch.notifier.health import HealthPages
            from ghostwatch.notifier.http import serving

            pages = HealthPages(fleet, fleet, fleet.page if settings.has_page else None)
            await stack.enter_async_context(serving(settings.http_host, settings.http_port, pages.answer))
        try:
            await fleet.serve(all_settings)
        except DatabaseUnavailable as error:
            raise CommandError(f"the outbox cannot be reached: {error}{advice(error.sqlstate)}") from None
        try:
            return await _supervise(fleet, _parts(fleet, settings, telegram, read_settings))
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_WITHIN):
                    await messenger.close()


def _parts(
    fleet: Fleet, settings: Settings, telegram: Telegram | None, read_settings: ReadSettings
) -> dict[str, Coroutine[Any, Any, None]]:
    """What the process does once, however many databases it serves."""
    parts: dict[str, Coroutine[Any, Any, None]] = {}
    if settings.fleet:
        parts["reload"] = _reload(fleet, read_settings)
    if settings.heartbeat_url is not None:
        parts["heartbeat-url"] = run_heartbeat_url(settings.heartbeat_url, fleet.well)
    if settings.buttons and telegram is not None:
        parts["buttons"] = Buttons(telegram, lambda: fleet.instances).run()
    if (every := systemd.watchdog_interval()) is not None:
        parts["watchdog"] = run_watchdog(every, fleet.alive)
    return parts


async def _supervise(fleet: Fleet, parts: dict[str, Coroutine[Any, Any, None]]) -> int:
    """Serves until a signal comes, or until something of the process itself dies."""
    stop_requested = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_requested.set)
    serving = asyncio.create_task(fleet.wait(), name="delivery")
    waiting = asyncio.create_task(stop_requested.wait())
    side = [asyncio.create_task(part, name=name) for name, part in parts.items()]
    systemd.notify("READY=1")

    await asyncio.wait({serving, waiting, *side}, return_when=asyncio.FIRST_COMPLETED)
    systemd.notify("STOPPING=1")
    dead = [task for task in side if task.done()]
    for task in (waiting, *side):
        task.cancel()
    fleet.stop()
    ended_well = await serving
    for task in dead:
        # A supervisor starts us again; half a sidecar would go unnoticed.
        log.critical("%s has died", task.get_name(), exc_info=task.exception())
    if dead or not ended_well:
        log.critical("the sidecar stops, since a part of it has died")
    log.info("stopped")
    return 1 if dead or not ended_well else 0


async def _reload(fleet: Fleet, read_settings: ReadSettings) -> None:
    """Reads on SIGHUP which databases there are. A mistake in the file changes nothing."""
    requested = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, requested.set)
    while True:
        await requested.wait()
        requested.clear()
        try:
            wanted = read_settings()
        except CommandError as error:
            log.error("the databases stay as they were: %s", " ".join(str(error).split()))
            continue
        await fleet.serve(wanted)
        log.info("serving %d databases: %s", len(wanted), ", ".join(settings.instance or "" for settings in wanted))


def advice(sqlstate: str | None) -> str:
    """What to type where the database refuses what the sidecar asks it."""
    if sqlstate in SQLSTATES_NOT_INSTALLED:
        return "\n            Is ghostwatch in this database? If not: ghostwatch install (or CREATE EXTENSION)"
    if sqlstate == SQLSTATE_INSUFFICIENT_PRIVILEGE:
        return "\n            Let this role deliver: SELECT ghostwatch.grant_sidecar('<role>');"
    return ""
