"""The bot's token is in every URL that the sidecar asks for, and whatever stands in between may quote it."""

from __future__ import annotations

import subprocess
from urllib.parse import quote

import pytest

from tests.sidecar.conftest import outbox, start_sidecar, telegram
from tests.sidecar.process import GHOSTWATCH, Outbox, StartSidecar, environment_for
from tests.sidecar.test_service import get
from tests.support.cluster import free_port
from tests.support.fake_telegram import TOKEN, FakeTelegram, Page

__all__ = ["outbox", "start_sidecar", "telegram"]

pytestmark = pytest.mark.both_kinds

SECRET = TOKEN.partition(":")[2]
ECHOES = {
    "404": Page(404, "no such page: {url}"),
    "502": Page(502, "<html>Bad Gateway: {url}</html>"),
    "JSON": Page(400, '{"ok": false, "error_code": 400, "description": "Bad Request: {url}"}'),
    "quoted": Page(403, f'{{"error": "/bot{quote(TOKEN, safe="")}/sendMessage"}}'),
    "redirect": Page(302, "", "http://127.0.0.1:1{path}"),
    "lower case": Page(500, f"upstream bot{TOKEN.lower()} failed"),
}


@pytest.mark.attack(
    "errors, redirects and pages that quote the URL with the token",
    role="a proxy, or whoever answers for Telegram",
    result="redacted in the log, the database, the doctor and the health pages",
)
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_no_echo_of_the_url_leaves_the_sidecar(
    outbox: Outbox, telegram: FakeTelegram, start_sidecar: StartSidecar, echo: Page
) -> None:
    """Neither through the log, nor the database and the doctor, nor the health pages."""
    port = free_port()
    outbox.add_channel()
    telegram.answer_next(echo, method="getMe")
    telegram.answer_next(*[echo] * 3)
    sidecar = start_sidecar(http_port=str(port), log_level="debug")
    outbox.open_alert()
    telegram.wait_for(lambda: any(request.method == "sendMessage" for request in telegram.requests))
    outbox.database.execute("SELECT ghostwatch.enable_channel('admins')")
    told = [get(port, page)[1] for page in ("/readyz", "/metrics")]
    told.append(str(outbox.database.rows("SELECT to_jsonb(n)::text FROM ghostwatch.notification AS n")))
    told.append(str(outbox.database.rows("SELECT to_jsonb(c)::text FROM ghostwatch.channel AS c")))
    told.append(str(outbox.database.rows("SELECT to_jsonb(d)::text FROM ghostwatch.doctor() AS d")))
    told.append(sidecar.output)
    for text in told:
        assert SECRET.lower() not in text.lower()


@pytest.mark.attack(
    "the same, to `ghostwatch send-test`", role="a proxy, or whoever answers for Telegram", result="redacted"
)
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_send_test_does_not_print_it(telegram: FakeTelegram, echo: Page) -> None:
    """A terminal's scroll-back is read by others."""
    telegram.answer_next(echo, method="getMe")
    finished = subprocess.run(
        [GHOSTWATCH, "send-test", "--chat-id", "5"],
        env={"PATH": "/usr/bin:/bin", **environment_for(telegram)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert finished.returncode == 1
    assert SECRET.lower() not in (finished.stdout + finished.stderr).lower()
