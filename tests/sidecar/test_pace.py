"""All sidecars together keep the pace of the bot."""

from __future__ import annotations

from tests.sidecar.process import Outbox, StartSidecar
from tests.support.fake_telegram import FakeTelegram


def test_three_sidecars_share_one_allowance(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar
) -> None:
    """No second of the server's own clock sees more than the limit, and most of it is used."""
    outbox.set_pace(per_second=30)
    for number in range(90):
        outbox.add_channel(f"channel_{number}", -1001 - number)
    for _ in range(3):
        start_sidecar()
    outbox.open_alert()
    times = [message.at for message in telegram.wait_for_messages(90)]
    most = max(sum(first <= other < first + 1 for other in times) for first in times)
    assert 20 <= most <= 30
