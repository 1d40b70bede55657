"""The dashboards for Grafana: as the script builds them, and each query answers."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.build import ROOT
from scripts.build_dashboards import COLORS, DIRECTORY, build
from tests.page.conftest import incident, reader, start_sidecar, telegram
from tests.page.incident import Incident
from tests.page.reader import Reader
from tests.support.cluster import free_port

__all__ = ["incident", "reader", "start_sidecar", "telegram"]

PROVISIONING = ROOT / "deploy" / "grafana" / "provisioning"


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a document."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from objects(part)


def dashboard(kind: str) -> dict[str, Any]:
    """The dashboard for a data source."""
    read: dict[str, Any] = json.loads((DIRECTORY / f"ghostwatch-{kind}.json").read_text(encoding="utf-8"))
    return read


def variable(kind: str, name: str) -> dict[str, Any]:
    """A variable of a dashboard."""
    (found,) = (given for given in dashboard(kind)["templating"]["list"] if given["name"] == name)
    assert isinstance(found, dict)
    return found


def test_the_dashboards_are_as_built() -> None:
    """The files in the repository, and no other."""
    assert {path.name: path.read_text(encoding="utf-8") for path in DIRECTORY.iterdir()} == build(), (
        "run: make dashboards"
    )


def test_what_is_provisioned_is_what_the_dashboards_ask() -> None:
    """A data source of each type that a dashboard lets its reader choose."""
    sources = yaml.safe_load((PROVISIONING / "datasources" / "ghostwatch.yaml").read_text(encoding="utf-8"))
    provided = {source["uid"]: source["type"] for source in sources["datasources"]}
    asked = {f"ghostwatch-{kind}": variable(kind, "datasource")["query"] for kind in ("postgresql", "prometheus")}
    assert provided == asked
    providers = yaml.safe_load((PROVISIONING / "dashboards" / "ghostwatch.yaml").read_text(encoding="utf-8"))
    assert [provider["type"] for provider in providers["providers"]] == ["file"]


@pytest.mark.parametrize("source", ["postgresql", "prometheus"])
def test_panels_stand_side_by_side(source: str) -> None:
    """None overlaps another or stands beyond the edge, and the queries of a panel have names of their own."""
    taken: set[tuple[int, int]] = set()
    for panel in dashboard(source)["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + column, place["y"] + row) for column in range(place["w"]) for row in range(place["h"])}
        assert max(column for column, _ in cells) < 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells
        names = [target["refId"] for target in panel["targets"]]
        assert len(names) == len(set(names)), panel["title"]


def test_every_query_to_the_database_answers_a_viewer(incident: Incident, make_role: Callable[[], str]) -> None:
    """A role that has nothing but grant_viewer() gets rows, in the form that Grafana draws, whatever is chosen."""
    role = make_role()
    incident.database.execute("SELECT ghostwatch.grant_viewer(%s)", role)
    viewer = incident.database.connect(role)
    now = datetime.now(UTC)

    def ask(query: str, step: str = "1 hour") -> tuple[list[str], list[tuple[Any, ...]]]:
        given = {
            "$__timeFrom()": f"'{(now - timedelta(days=7)).isoformat()}'",
            "$__timeTo()": f"'{now.isoformat()}'",
            "${contract:sqlstring}": "'onboarding'",
            "${invariant:sqlstring}": "'first_meme'",
            "${step:sqlstring}": f"'{step}'",
        }
        for name, value in given.items():
            query = query.replace(name, value)
        assert "$" not in query
        cursor = viewer.execute(query.encode())
        assert cursor.description is not None
        rows = cursor.fetchall()
        assert rows, query
        return [column.name for column in cursor.description], rows

    read = dashboard("postgresql")
    targets = [found for found in objects(read) if "rawSql" in found]
    assert len(targets) == len(read["annotations"]["list"]) + sum(len(panel["targets"]) for panel in read["panels"])
    named = set()
    for target, step in itertools.product(targets, variable("postgresql", "step")["query"].split(",")):
        columns, rows = ask(target["rawSql"], step)
        named.update(columns)
        assert not any(isinstance(value, timedelta | list) for row in rows for value in row), (
            "Grafana knows no interval"
        )
        if target["format"] == "time_series":
            times = [row[0] for row in rows]
            assert columns[0] == "time"
            assert all(isinstance(time, datetime) for time in times)
            assert times == sorted(times)
            values = [
                value for row in rows for name, value in zip(columns[1:], row[1:], strict=True) if name != "metric"
            ]
            assert any(values)
            assert all(value is None or isinstance(value, int | float) for value in values)
    for annotation in read["annotations"]["list"]:
        assert ask(annotation["target"]["rawSql"])[0] == ["time", "timeend", "text", "tags"]
    assert ask(variable("postgresql", "contract")["query"])[1] == [("onboarding",)]
    assert ask(variable("postgresql", "invariant")["query"])[1] == [("first_meme",), ("language",)]
    overrides = [override for panel in read["panels"] for override in panel["fieldConfig"]["overrides"]]
    assert {override["matcher"]["options"] for override in overrides} <= named


def test_every_state_has_a_color(incident: Incident) -> None:
    """Those that the view names, severities, and the verdicts of the doctor."""
    definition = incident.database.value("SELECT pg_get_viewdef('ghostwatch.status'::regclass)")
    states = set(re.findall(r"THEN '([a-z ]+)'::text", definition)) - {"nobody has come for unusually long"}
    assert {"paused", "stopped"} <= states
    assert states | {"ok", "warn", "error", "warning"} == set(COLORS)


class Prometheus:
    """A server of Prometheus that scrapes one sidecar."""

    def __init__(self, directory: Path, target: str) -> None:
        self.port = free_port()
        configuration = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [{"job_name": "ghostwatch", "static_configs": [{"targets": [target]}]}],
        }
        (directory / "prometheus.yaml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
        self.log = directory / "prometheus.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={directory / 'prometheus.yaml'}",
                    f"--storage.tsdb.path={directory / 'metrics'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdout=output,
                stderr=output,
            )

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The result of a query at present; nothing while the server starts."""
        assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
        given = urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/query?{given}", timeout=20) as answer:
                found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            if error.code == 503:
                return []
            raise AssertionError(f"{expression}: {error.read().decode()}") from error
        except urllib.error.URLError:
            return []
        return found

    def find(self, expression: str) -> list[dict[str, Any]]:
        """Waits until a query has a result."""
        deadline = time.monotonic() + 60
        while not (found := self.ask(expression)):
            assert time.monotonic() < deadline, f"nothing is found by {expression}"
            time.sleep(0.05)
        return found


@pytest.fixture
def prometheus(reader: Reader, tmp_path: Path) -> Iterator[Prometheus]:
    """It scrapes the sidecar of the reader."""
    server = Prometheus(tmp_path, f"127.0.0.1:{reader.port}")
    yield server
    server.process.terminate()
    server.process.wait(timeout=20)


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed")
def test_every_query_to_prometheus_finds_something(incident: Incident, prometheus: Prometheus) -> None:
    """In the metrics of a real sidecar, with the labels that its legend names."""
    asked = [found for found in objects(dashboard("prometheus")) if "expr" in found]
    assert len(asked) == sum(len(panel["targets"]) for panel in dashboard("prometheus")["panels"])
    for target in asked:
        expression = target["expr"].replace("$__rate_interval", "4s").replace("$database", ".*")
        assert "$" not in expression
        labels = set(re.findall(r"{{(\w+)}}", target["legendFormat"])) - {"database"}
        assert all(labels <= set(series["metric"]) for series in prometheus.find(expression)), expression
    (metric,) = re.findall(r"label_values\((\w+), database\)", variable("prometheus", "database")["query"]["query"])
    assert prometheus.find(metric)
