"""From a signup to the text in the chat, with nothing replaced but Telegram itself."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.sidecar.process import Sidecar, environment_for
from tests.support.fake_telegram import FakeTelegram, parse_html
from tests.support.own_server import OwnServer


@pytest.mark.pg_cron
@pytest.mark.timeout(240)
def test_a_ghost_becomes_a_message(cron_server: OwnServer, telegram: FakeTelegram, tmp_path: Path) -> None:
    """Signup row, pg_cron's own job, alert, NOTIFY, the sidecar as a process and as its own role, HTTP, text."""
    with cron_server.connect("bot") as connection:
        connection.execute("CREATE ROLE sidecar LOGIN")
        connection.execute("SELECT ghostwatch.grant_sidecar('sidecar')")
        connection.execute("SELECT FROM onboarding.adopt()")
        connection.execute("SELECT ghostwatch.add_channel('admins', -1001, events => false)")
        # Everything but the meme, six minutes ago.
        connection.execute("SELECT ghostwatch.enable_test_clock()")
        connection.execute("SELECT set_config('ghostwatch.clock', (now() - interval '6 minutes')::text, false)")
        connection.execute(
            "SELECT FROM onboarding.start(6001480, 'Anna', language_code => 'en', deep_link => 'kitchen')"
        )
        connection.execute("SELECT ghostwatch.disable_test_clock()")

        dsn = cron_server.dsn("bot", user="sidecar")
        with Sidecar(dsn, tmp_path / "log", environment_for(telegram, poll_every="10m")) as sidecar:
            sidecar.wait_until_it_says("NOTIFY wakes this sidecar")
            connection.execute("SELECT ghostwatch.schedule()")
            (message,) = telegram.wait_for_messages(1, seconds=90)
            assert sidecar.stop() == 0

        heading, count, through, sample, foot = parse_html(message.text).splitlines()
        assert heading == "🔴 👻 onboarding · first_meme · ERROR"
        assert count == "1 new user without a first meme for over 5 min"
        assert through == "through kitchen: 1 of 1"
        assert sample == "sample: 6001480"
        (alert_id,) = connection.execute("SELECT alert_id FROM ghostwatch.alert").fetchone() or (0,)
        assert foot.endswith(f"alert {alert_id}")

        # The run stays for its minute, unless there is a reason to end it.
        connection.execute("SELECT ghostwatch.pause()")
        deadline = time.monotonic() + 30
        while not connection.execute("SELECT 1 FROM cron.job_run_details WHERE status = 'succeeded'").fetchone():
            assert time.monotonic() < deadline
            time.sleep(0.1)
