"""The statements in docs/alerts.md work as they are written."""

from __future__ import annotations

import re

from scripts.build import ROOT
from tests.detect.bot import Bot, minutes


def test_statements_of_the_page(bot: Bot) -> None:
    """Every statement runs over a contract with an alert 42 and a silence 7."""
    blocks = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 4
    bot.database.execute("SELECT ghostwatch.declare_branch_family('onboarding', 'kitchen', 'kitchen')")
    bot.database.execute("ALTER TABLE ghostwatch.alert ALTER alert_id RESTART 42")
    bot.database.execute("ALTER TABLE ghostwatch.silence ALTER silence_id RESTART 5")
    bot.sign_up(1, branch="kitchen")
    bot.pass_time(minutes(2))
    bot.run()

    for block in blocks:
        bot.database.connection.execute(block.encode())

    assert bot.database.value("SELECT acknowledged_by FROM ghostwatch.alert WHERE alert_id = 42") == "anna"
    assert bot.database.value("SELECT ended_by IS NOT NULL FROM ghostwatch.silence WHERE silence_id = 7")
