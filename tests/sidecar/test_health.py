"""Health is honest: whatever keeps alerts from somebody is seen in /readyz, doctor, metrics and the heartbeat URL."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import generate_latest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ghostwatch.notifier import health_signal, metrics
from ghostwatch.notifier.database import Database as WorkingConnection
from ghostwatch.notifier.database import DatabaseUnavailable
from ghostwatch.notifier.delivery import Delivery
from ghostwatch.notifier.health import HealthPages
from ghostwatch.notifier.listener import Listener
from ghostwatch.notifier.messages import Renderer
from ghostwatch.notifier.messenger import MessengerProblem, TokenRefused, TooFast, Unreachable
from ghostwatch.notifier.metrics import Metrics
from ghostwatch.notifier.terminal import Terminal
from ghostwatch.notifier.watch import Watch
from ghostwatch.settings import Settings
from tests.sidecar.process import Outbox, StartSidecar
from tests.sidecar.proxy import SilentProxy
from tests.sidecar.test_service import get
from tests.support.cluster import free_port
from tests.support.fake_telegram import FakeTelegram

CHAT = -1001


class Messenger(Terminal):
    """Answers, or has one problem."""

    def __init__(self) -> None:
        super().__init__()
        self.problem: MessengerProblem | None = None

    async def who_am_i(self) -> str:
        """The bot's name, or the problem."""
        if self.problem is not None:
            raise self.problem
        return "bot"


class Sidecar:
    """The parts of a sidecar that know how it is, without the process around them."""

    def __init__(self, outbox: Outbox, dsn: str) -> None:
        settings = Settings.from_environment({}, needs_token=False, dsn=dsn)
        self.outbox = outbox
        self.messenger = Messenger()
        self.metrics = Metrics("0")
        self.connection = WorkingConnection(settings.dsn, "test")
        self.delivery = Delivery(settings, self.connection, self.messenger, Renderer(), self.metrics)
        listener = Listener(settings.dsn, settings.worker, self.connection, self.delivery.wake)
        self.watch = Watch(settings, self.connection, self.delivery, listener, self.metrics)
        self._pages = HealthPages(self.watch, self.metrics)

    async def look(self) -> dict[str, str]:
        """Probe and heartbeat, as they come every minute and more often; returns what is wrong."""
        await self.watch.probe()
        await self.watch.beat()
        return self.watch.problems()

    def metric(self, name: str) -> float | None:
        """What Prometheus is shown; None for nothing."""
        return self.metrics.registry.get_sample_value(f"ghostwatch_{name}")

    def doctor(self) -> list[tuple[str, str]]:
        """What the doctor says about delivery that is not well."""
        return self.outbox.database.rows(
            "SELECT verdict, finding FROM ghostwatch._doctor_delivery() WHERE verdict <> 'ok'"
        )


@pytest.fixture
async def sidecar(outbox: Outbox) -> AsyncIterator[Sidecar]:
    """A sidecar with one channel, whose checks succeed."""
    outbox.add_channel()
    outbox.database.execute(
        "SELECT ghostwatch.declare_invariant('onboarding', 'greeting', 'public.greeting', 'account_id')"
    )
    outbox.database.execute("CALL ghostwatch.run_checks()")
    made = Sidecar(outbox, outbox.database.dsn)
    yield made
    await made.connection.close()


def pass_seconds(monkeypatch: pytest.MonkeyPatch, module: Any, seconds: float) -> None:
    """Moves the time that a module sees."""
    before = module.time.monotonic
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: before() + seconds))


async def test_all_is_well(sidecar: Sidecar) -> None:
    """The state from which the other tests differ."""
    assert await sidecar.look() == {}
    assert sidecar.watch.well()
    assert sidecar.metric("problems") == 0
    assert (sidecar.metric("database_connected"), sidecar.metric("token_accepted")) == (1, 1)
    assert sidecar.doctor() == []


async def test_a_refused_token_is_seen_before_the_first_alert(sidecar: Sidecar) -> None:
    """The doctor calls it an error, and ghostwatch doctor exits with 1."""
    sidecar.messenger.problem = TokenRefused("Unauthorized")
    assert "Telegram refuses it (Unauthorized)" in (await sidecar.look())["the bot token"]
    assert not sidecar.watch.well()
    assert sidecar.metric("token_accepted") == 0
    [(verdict, finding)] = sidecar.doctor()
    assert (verdict, "the bot token: Telegram refuses it" in finding) == ("error", True)

    sidecar.messenger.problem = None
    assert await sidecar.look() == {}
    assert sidecar.doctor() == []


def test_a_refused_token_at_start(outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar) -> None:
    """Of the process: it is not ready from the first minute, and says why."""
    outbox.add_channel()
    telegram.token = "1:revoked"
    port = free_port()
    sidecar = start_sidecar(http_port=str(port))
    sidecar.wait_until(lambda: get(port, "/readyz")[0] == 503)
    assert "Unauthorized" in json.loads(get(port, "/readyz")[1])["problems"]["the bot token"]


def test_an_api_that_cannot_be_reached_at_start(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """The log says so at once; the sidecar goes on trying."""
    sidecar = start_sidecar(
        telegram_api_url=f"http://127.0.0.1:{free_port()}", wait_for="Telegram: it cannot be reached"
    )
    assert sidecar.process.poll() is None
    assert telegram.requests == []


async def test_telegram_is_away_for_a_minute(sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment without network is no news for anybody outside; a minute is. The metric shows it at once."""
    sidecar.messenger.problem = Unreachable("no connection (ConnectError)")
    assert await sidecar.look() == {}
    assert sidecar.metric("telegram_reachable") == 0
    pass_seconds(monkeypatch, health_signal, 61)
    assert "no connection" in (await sidecar.look())["Telegram"]
    assert not sidecar.watch.well()
    assert sidecar.doctor()[0][0] == "error"


async def test_the_only_channel_of_an_alert_is_closed(sidecar: Sidecar) -> None:
    """While another channel is told of it, nobody need be woken."""
    database = sidecar.outbox.database
    sidecar.outbox.open_alert()
    database.execute("SELECT ghostwatch.disable_channel('admins', 'bot was kicked')")
    said = (await sidecar.look())["the outbox"]
    assert said == "Channel admins is closed (bot was kicked), and no other channel gets 1 alert."
    assert not sidecar.watch.well()
    assert sidecar.metric("problems") == 1
    assert ("warning", said) in sidecar.doctor()
    assert any(verdict == "error" for verdict, _ in sidecar.doctor())

    database.execute("SELECT ghostwatch.add_channel('beside', -1002)")
    assert await sidecar.look() == {}


@pytest.mark.parametrize("whole_bot", [False, True], ids=["a chat", "the bot"])
async def test_telegram_wants_to_be_left_alone_for_minutes(sidecar: Sidecar, *, whole_bot: bool) -> None:
    """A few seconds are every day's business."""
    database = sidecar.outbox.database
    sidecar.outbox.open_alert()
    if whole_bot:
        sidecar.messenger.problem = TooFast(30)
        assert await sidecar.look() == {}
        sidecar.messenger.problem = TooFast(300)
    else:
        for seconds in (30, 300):
            database.execute("UPDATE ghostwatch.chat SET next_send_at = '-infinity', held_until = NULL")
            (claim,) = database.rows("SELECT notification_id FROM ghostwatch.claim_notifications('w')")
            database.execute(
                "SELECT ghostwatch.notification_retry(%s, 'w', 'too fast', make_interval(secs => %s))", *claim, seconds
            )
            database.execute("UPDATE ghostwatch.notification SET next_attempt_at = now()")
            if seconds == 30:
                assert await sidecar.look() == {}
    assert "Telegram wants nothing sent" in (await sidecar.look())["the outbox"]
    assert not sidecar.watch.well()
    assert sidecar.doctor()


async def test_a_full_disk(sidecar: Sidecar) -> None:
    """Reads succeed, writes do not: no heartbeat is written, and no number is shown as if it were fresh."""
    await sidecar.look()
    assert sidecar.metric("notifications_waiting") == 0
    sidecar.outbox.database.execute(
        """
        CREATE FUNCTION public.full() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'could not extend file "base/5/16384": No space left on device' USING ERRCODE = 'disk_full';
        END $$;
        CREATE TRIGGER disk_full BEFORE INSERT OR UPDATE ON ghostwatch.sidecar EXECUTE FUNCTION public.full();
        """
    )
    with pytest.raises(DatabaseUnavailable):
        await sidecar.watch.beat()
    assert "No space left on device" in sidecar.watch.problems()["the heartbeat"]
    assert not sidecar.watch.well()
    assert sidecar.metric("notifications_waiting") is None


async def test_a_database_that_is_gone(outbox: Outbox) -> None:
    """No metric keeps the last value that the database told."""
    with SilentProxy(int(conninfo_to_dict(outbox.database.dsn)["port"] or 5432)) as proxy:
        sidecar = Sidecar(outbox, make_conninfo(outbox.database.dsn, host="127.0.0.1", port=proxy.port))
        await sidecar.look()
        assert b"ghostwatch_notifications_waiting 0.0" in generate_latest(sidecar.metrics.registry)
        proxy.refuse()
        with pytest.raises(DatabaseUnavailable):
            await sidecar.watch.beat()
        shown = generate_latest(sidecar.metrics.registry)
        assert b"ghostwatch_notifications_waiting" not in shown
        assert b"ghostwatch_checks_fresh" not in shown
        assert sidecar.metric("database_connected") == 0
        assert "the heartbeat" in sidecar.watch.problems()
        await sidecar.connection.close()


async def test_no_metric_outlives_a_minute_without_heartbeats(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A heartbeat that hangs says nothing at all."""
    await sidecar.look()
    pass_seconds(monkeypatch, metrics, 61)
    assert sidecar.metric("notifications_waiting") is None


async def test_the_oldest_waiting_counts_back_offs_holds_and_closed_channels(sidecar: Sidecar) -> None:
    """Whatever a notification waits for, somebody is not told; after five minutes that is a problem by itself."""
    database = sidecar.outbox.database
    start = database.value("SELECT now()")
    database.set_clock(start)
    sidecar.outbox.open_alert()
    (claim,) = database.rows("SELECT notification_id FROM ghostwatch.claim_notifications('w')")
    database.execute("SELECT ghostwatch.notification_retry(%s, 'w', 'no answer')", *claim)
    await sidecar.connection.close()
    database.set_clock(start + timedelta(seconds=30))
    await sidecar.look()
    assert sidecar.metric("oldest_waiting_seconds") == 30

    database.execute("SELECT ghostwatch.disable_channel('admins')")
    database.execute("SELECT ghostwatch.add_channel('beside', -1002)")
    database.execute(
        "UPDATE ghostwatch.notification AS n SET state = 'sent' FROM ghostwatch.channel AS c "
        "WHERE c.channel_id = n.channel_id AND c.name = 'beside'"
    )
    await sidecar.connection.close()
    database.set_clock(start + timedelta(seconds=301))
    assert "waits since" in (await sidecar.look())["the outbox"]
    assert sidecar.metric("oldest_waiting_seconds") == 301
