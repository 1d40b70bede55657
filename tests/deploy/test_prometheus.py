"""The alert rules for Prometheus, and the metrics that they ask for."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ghostwatch.notifier.metrics import BY_LABEL
from scripts.build import ROOT
from tests.page.conftest import incident, reader, start_sidecar, telegram
from tests.page.incident import Incident
from tests.page.reader import Reader

__all__ = ["incident", "reader", "start_sidecar", "telegram"]

RULES = ROOT / "deploy" / "prometheus" / "ghostwatch.rules.yaml"
TESTS = Path(__file__).with_name("prometheus.test.yaml")
pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def promtool(*arguments: str | Path, given: str = "") -> None:
    """Succeeds, or fails with what promtool says."""
    finished = subprocess.run(["promtool", *arguments], input=given, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}"


def test_the_rules_are_valid_and_fire_when_they_should(tmp_path: Path) -> None:
    """As Prometheus' own tool plays them."""
    promtool("check", "rules", RULES)
    for path in (RULES, TESTS):
        shutil.copy(path, tmp_path)
    promtool("test", "rules", tmp_path / TESTS.name)


def test_every_rule_is_played() -> None:
    """Each fires in at least one of the tests."""
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8"))
    played = re.findall(r"alertname: (\w+)\n +exp_alerts", TESTS.read_text(encoding="utf-8"))
    assert set(alerts) == set(played)


def test_the_metrics_are_as_prometheus_wants_them(incident: Incident, reader: Reader) -> None:
    """Every one that a rule asks for is there, those of each clause too, and promtool finds no fault with any."""
    reader.sidecar.wait_until(lambda: "ghostwatch_open_violations" in reader.get("/metrics").text)
    metrics = reader.get("/metrics").text
    promtool("check", "metrics", given=metrics)
    asked = set(re.findall(r"\bghostwatch_\w+", "".join(re.findall(r"expr: (.*)", RULES.read_text(encoding="utf-8")))))
    known = set(re.findall(r"^# TYPE (\w+)", metrics, re.M))
    assert {name for name in asked if name not in known} == set()
    clause = 'contract="onboarding",invariant="first_meme"'
    assert f'ghostwatch_alert_firing{{{clause},severity="error"}} 1.0' in metrics
    assert f'ghostwatch_alert_firing{{{clause},severity="warn"}} 0.0' in metrics
    assert re.search(rf'ghostwatch_open_violations{{{clause},state="error"}} [1-9]', metrics)
    assert re.search(rf"ghostwatch_watermark_lag_seconds{{{clause}}} ", metrics)
    assert re.search(rf"ghostwatch_due_today{{{clause}}} [1-9]", metrics)
    family = rf'{{branch_family="\w+",{clause}}}'
    assert re.search(rf"ghostwatch_subjects_due_total{family} [1-9]", metrics)
    assert re.search(rf"ghostwatch_subjects_violated_total{family} [1-9]", metrics)
    assert re.search(r'ghostwatch_outbox_notifications{state="pending"} ', metrics)
    assert re.search(r'ghostwatch_channel_open{channel="\w+"} 1.0', metrics)
    returned = incident.database.rows("SELECT DISTINCT name FROM ghostwatch.metrics()")
    assert {name for (name,) in returned} == set(BY_LABEL)


def test_a_branch_that_users_make_up_adds_no_series(incident: Incident) -> None:
    """Thirty branches have names of their own, the rest are one family."""
    database = incident.database
    database.execute("CREATE TABLE public.guest (id bigint PRIMARY KEY, created_at timestamptz NOT NULL, link text)")
    database.execute("CREATE TABLE public.greeting (guest_id bigint NOT NULL)")
    database.execute("CREATE INDEX ON public.guest (created_at)")
    database.execute("SELECT ghostwatch.declare_contract('visit', 'public.guest', branch_expression => 's.link')")
    database.execute(
        "SELECT ghostwatch.declare_invariant('visit', 'greeting', 'public.greeting', 'guest_id', "
        "warn_after => '1 minute', rule => 'threshold')"
    )
    database.execute(
        "INSERT INTO public.guest SELECT n, ghostwatch._clock() - interval '2 minutes', 'made-up-' || n "
        "FROM generate_series(1, 500) AS n"
    )
    database.execute("CALL ghostwatch.run_checks()")
    ((series, subjects),) = database.rows(
        "SELECT count(*), sum(m.value) FROM ghostwatch.metrics() AS m "
        "WHERE m.name = 'subjects_due_total' AND m.labels ->> 'contract' = 'visit'"
    )
    assert (series, subjects) == (31, 500)
