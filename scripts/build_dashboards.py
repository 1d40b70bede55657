"""Writes the dashboards in deploy/grafana/. `make dashboards` runs it; a test fails when one is stale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self, cast

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common, units
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from scripts.build import ROOT

DIRECTORY: Final = ROOT / "deploy" / "grafana" / "dashboards"

POSTGRESQL: Final = "grafana-postgresql-datasource"
PROMETHEUS: Final = "prometheus"

# States of a clause, severities and verdicts.
COLORS: Final = {
    "ok": "green",
    "catching up": "blue",
    "paused": "blue",
    "warn": "orange",
    "waiting": "orange",
    "never checked": "orange",
    "warning": "orange",
    "error": "red",
    "failing": "red",
    "stopped": "red",
}

# A step of hours begins at a whole hour, and one of days at midnight (UTC): the first may begin before the range.
_SINCE: Final = "date_bin(${step:sqlstring}::interval, $__timeFrom()::timestamptz, '2000-01-01 00:00+00')"
_CLAUSE: Final = "${contract:sqlstring}, ${invariant:sqlstring}"

# In PromQL, where %s stands for the databases that are chosen.
_OF_A_CLAUSE: Final = "database, contract, invariant"
_FAMILY: Final = f"{_OF_A_CLAUSE}, branch_family"
_NAME_OF_CLAUSE: Final = "{{database}} {{contract}}.{{invariant}}"
_DURATIONS: Final = "sum by (le) (rate(ghostwatch_send_duration_seconds_bucket{%s}[$__rate_interval]))"


@dataclass(frozen=True)
class Sql(Dataquery, Builder[Dataquery]):
    """A query to PostgreSQL, which the SDK has no type for."""

    text: str
    format: str = "table"
    ref_id: str = "A"

    def build(self) -> Self:
        """It is complete as it is."""
        return self

    def to_json(self) -> dict[str, object]:
        """As the data source wants it."""
        return {
            "datasource": _source(POSTGRESQL),
            "editorMode": "code",
            "format": self.format,
            "rawQuery": True,
            "rawSql": self.text,
            "refId": self.ref_id,
        }


def build() -> dict[str, str]:
    """The text of each dashboard by the name of its file."""
    texts = {}
    for builder, kind in ((of_the_database(), POSTGRESQL), (of_the_metrics(), PROMETHEUS)):
        dashboard = builder.build()
        for number, panel in enumerate(dashboard.panels or [], start=1):
            assert isinstance(panel, models.Panel)
            panel.id_val, panel.datasource = number, _source(kind)
        texts[f"{dashboard.uid}.json"] = JSONEncoder(indent=2, sort_keys=True).encode(dashboard) + "\n"
    return texts


def of_the_database() -> builders.Dashboard:
    """What the page shows, from its functions: a role that was given to grant_viewer() may call them."""
    return (
        _dashboard("Contracts", "ghostwatch-postgresql", POSTGRESQL)
        .description("What ghostwatch knows of its contracts, asked of the database by a role of grant_viewer().")
        .time("now-7d", "now")
        .with_variable(
            _sql_variable("contract", "SELECT DISTINCT c.contract FROM ghostwatch.page_clauses() AS c ORDER BY 1")
        )
        .with_variable(
            _sql_variable(
                "invariant",
                "SELECT c.invariant FROM ghostwatch.page_clauses() AS c "
                "WHERE c.contract = ${contract:sqlstring} ORDER BY 1",
            )
        )
        .with_variable(
            builders.CustomVariable("step")
            .values("5 minutes,1 hour,6 hours,1 day")
            .current(models.VariableOption(selected=True, text="1 hour", value="1 hour"))
        )
        .annotation(
            _sql_marks(
                "Maintenance and silences",
                "blue",
                """
                SELECT m.starts_at AS "time", least(m.ends_at, $__timeTo()::timestamptz) AS timeend,
                    concat_ws(' ', m.kind, 'by', m.made_by || ':', m.comment) AS text, m.kind AS tags
                FROM ghostwatch.page_marks(${contract:sqlstring}, $__timeFrom()::timestamptz) AS m
                WHERE m.starts_at <= $__timeTo()::timestamptz
                    AND (m.invariant IS NULL OR m.invariant = ${invariant:sqlstring})
                ORDER BY 1
                """,
            )
        )
        .annotation(
            _sql_marks(
                "Alerts",
                "red",
                f"""
                SELECT a.opened_at AS "time", least(a.resolved_at, $__timeTo()::timestamptz) AS timeend,
                    format('alert %s, at most %s violations', a.alert_id, a.peak_count) AS text, a.severity AS tags
                FROM ghostwatch.page_alerts({_CLAUSE}, $__timeFrom()::timestamptz, 1000) AS a
                WHERE a.opened_at <= $__timeTo()::timestamptz
                ORDER BY 1
                """,
            )
        )
        .with_panel(
            _stat("Now", 8)
            .with_target(
                _sql(
                    """
                    SELECT
                        (
                            SELECT count(*)
                            FROM ghostwatch.page_alerts(since => 'infinity', most => 1000) AS a
                            WHERE a.state = 'firing'
                        ) AS "alerts firing",
                        (
                            SELECT coalesce(sum(c.warn_count + c.error_count), 0)::bigint
                            FROM ghostwatch.page_clauses() AS c
                        ) AS "open violations"
                    """
                )
            )
            .thresholds(_red_from(1))
        )
        .with_panel(
            _stat("Checks and delivery", 16)
            .with_target(
                _sql(
                    """
                    SELECT
                        extract(EPOCH FROM h.as_of - h.checks_succeeded_at)::double precision AS "last check",
                        h.notifications_waiting AS "messages waiting",
                        coalesce(extract(EPOCH FROM h.as_of - h.oldest_waiting_since), 0)::double precision
                            AS "oldest overdue message",
                        h.notifications_failed AS "messages given up",
                        h.channels_closed AS "channels closed",
                        h.sidecars AS "sidecars at work"
                    FROM ghostwatch.page_health() AS h
                    """
                )
            )
            .override_by_name("last check", [_unit(units.Seconds)])
            .override_by_name("oldest overdue message", [_unit(units.Seconds), _thresholds(_red_from(60))])
            .override_by_name("messages given up", [_thresholds(_red_from(1))])
            .override_by_name("channels closed", [_thresholds(_red_from(1))])
            .override_by_name("sidecars at work", [_thresholds(_green_from(1))])
        )
        .with_panel(
            _table("Clauses", 24)
            .with_target(
                _sql(
                    """
                    SELECT c.contract, c.invariant, c.state, c.since, c.warn_count AS warned, c.error_count AS errors,
                        c.last_success_at AS "last check",
                        extract(EPOCH FROM c.watermark_lag)::double precision AS "behind",
                        c.rule, c.acknowledged_by AS "acknowledged by", c.silenced_until AS "silenced until",
                        c.maintenance_until AS "maintenance until"
                    FROM ghostwatch.page_clauses() AS c
                    ORDER BY c.contract, c.invariant
                    """
                )
            )
            .override_by_name("state", _colored())
            .override_by_name("behind", [_unit(units.Seconds)])
        )
        .with_panel(
            _chart("Share in violation: $contract.$invariant", 12)
            .description("Of the subjects that came to their deadline, by the time they were born.")
            .unit(units.PercentUnit)
            .with_target(
                _sql_series(
                    f"""
                    SELECT r.starts_at AS "time",
                        r.violations::double precision / nullif(r.due, 0) AS "in violation",
                        c.usual_rate AS "usual",
                        c.tolerated_rate AS "tolerated"
                    FROM ghostwatch.page_rates({_CLAUSE}, {_SINCE}, ${{step:sqlstring}}::interval) AS r
                    CROSS JOIN ghostwatch.page_clauses() AS c
                    WHERE c.contract = ${{contract:sqlstring}}
                        AND c.invariant = ${{invariant:sqlstring}}
                        AND r.starts_at <= $__timeTo()::timestamptz
                    ORDER BY 1
                    """
                )
            )
        )
        .with_panel(
            _bars("Subjects: $contract.$invariant", 12).with_target(
                _sql_series(
                    f"""
                    SELECT r.starts_at AS "time", r.violations AS "in violation", r.due - r.violations AS "well"
                    FROM ghostwatch.page_rates({_CLAUSE}, {_SINCE}, ${{step:sqlstring}}::interval) AS r
                    WHERE r.starts_at <= $__timeTo()::timestamptz
                    ORDER BY 1
                    """
                )
            )
        )
        .with_panel(
            _chart("Share in violation by branch family: $contract.$invariant", 12)
            .description("The ten families with the most violations beyond the common rate.")
            .unit(units.PercentUnit)
            .with_target(
                _sql_series(
                    f"""
                    SELECT b.starts_at AS "time", b.branch_family AS metric,
                        b.violations::double precision / nullif(b.due, 0) AS "in violation"
                    FROM ghostwatch.page_branches({_CLAUSE}, {_SINCE}, ${{step:sqlstring}}::interval, 10) AS b
                    WHERE b.starts_at <= $__timeTo()::timestamptz
                    ORDER BY 1, 2
                    """
                )
            )
        )
        .with_panel(
            _chart("Share in violation by day: every clause", 12)
            .unit(units.PercentUnit)
            .time_from("90d")
            .with_target(
                _sql_series(
                    """
                    SELECT d.day::timestamp AT TIME ZONE 'UTC' AS "time", d.contract || '.' || d.invariant AS metric,
                        d.violations::double precision / nullif(d.due, 0) AS "in violation"
                    FROM ghostwatch.page_days('UTC', 90) AS d
                    ORDER BY 1, 2
                    """
                )
            )
        )
        .with_panel(
            _table("Alerts", 12)
            .with_target(
                _sql(
                    """
                    SELECT a.alert_id AS alert, a.contract_name AS contract, a.invariant_name AS invariant, a.state,
                        a.severity, a.opened_at AS opened, a.resolved_at AS resolved, a.peak_count AS "at most",
                        a.first_branch AS branch, a.acknowledged_by AS "acknowledged by"
                    FROM ghostwatch.page_alerts(since => $__timeFrom()::timestamptz, most => 1000) AS a
                    WHERE a.opened_at <= $__timeTo()::timestamptz
                    ORDER BY a.alert_id DESC
                    """
                )
            )
            .override_by_name("severity", _colored())
        )
        .with_panel(
            _table("What the doctor says", 12)
            .with_target(
                _sql(
                    """
                    SELECT f.verdict, f.check_name AS "check", f.finding, f.advice
                    FROM ghostwatch.page_findings() AS f
                    """
                )
            )
            .override_by_name("verdict", _colored())
        )
    )


def of_the_metrics() -> builders.Dashboard:
    """What the sidecars serve on /metrics. Of sidecars that serve one database, the greatest value counts."""
    return (
        _dashboard("Sidecars and clauses", "ghostwatch-prometheus", PROMETHEUS)
        .description("What the sidecars of ghostwatch serve on /metrics, scraped as the job ghostwatch.")
        .time("now-24h", "now")
        .with_variable(
            builders.QueryVariable("database")
            .description("Of a fleet; a sidecar of one database has no such label.")
            .datasource(_source(PROMETHEUS))
            .query(
                {
                    "qryType": 1,
                    "query": "label_values(ghostwatch_database_connected, database)",
                    "refId": "PrometheusVariableQueryEditor-VariableQuery",
                }
            )
            .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .multi(True)
            .include_all(True)
            .all_value(".*")
            .current(models.VariableOption(selected=True, text="All", value="$__all"))
        )
        .with_panel(
            _stat("Sidecars at work", 4)
            .with_target(_instant('sum(up{job="ghostwatch"})', ""))
            .thresholds(_green_from(1))
        )
        .with_panel(
            _stat("Alerts firing", 4)
            .with_target(_instant(f"sum(max by ({_OF_A_CLAUSE}, severity) (ghostwatch_alert_firing{{%s}}))", ""))
            .thresholds(_red_from(1))
        )
        .with_panel(
            _stat("Checks in time", 4)
            .with_target(_instant("min(max by (database) (ghostwatch_checks_fresh{%s}))", ""))
            .mappings([_yes_and_no()])
            .thresholds(_green_from(1))
        )
        .with_panel(
            _stat("Oldest overdue message", 4)
            .with_target(_instant("max(ghostwatch_oldest_waiting_seconds{%s})", ""))
            .unit(units.Seconds)
            .thresholds(_red_from(60))
        )
        .with_panel(
            _stat("Channels closed", 4)
            .with_target(_instant("sum(max by (database) (ghostwatch_channels_disabled{%s}))", ""))
            .thresholds(_red_from(1))
        )
        .with_panel(
            _stat("What keeps alerts back", 4)
            .description("How many problems; /readyz names each.")
            .with_target(_instant("max(ghostwatch_problems{%s})", ""))
            .thresholds(_red_from(1))
        )
        .with_panel(
            _chart("Open violations", 12)
            .description("Served where the page is on, like all that has a clause but no branch family.")
            .with_target(
                _range(
                    f"sum by ({_OF_A_CLAUSE}) (max by ({_OF_A_CLAUSE}, state) (ghostwatch_open_violations{{%s}}))",
                    _NAME_OF_CLAUSE,
                )
            )
        )
        .with_panel(
            _chart("Alerts", 12)
            .description("1 while one fires.")
            .with_target(
                _range(
                    f"max by ({_OF_A_CLAUSE}, severity) (ghostwatch_alert_firing{{%s}})",
                    _NAME_OF_CLAUSE + ": {{severity}}",
                )
            )
        )
        .with_panel(
            _chart("Share in violation by branch family, over an hour", 12)
            .unit(units.PercentUnit)
            .with_target(
                _range(
                    f"max by ({_FAMILY}) (increase(ghostwatch_subjects_violated_total{{%s}}[1h])) "
                    f"/ max by ({_FAMILY}) (increase(ghostwatch_subjects_due_total{{%s}}[1h]))",
                    _NAME_OF_CLAUSE + ": {{branch_family}}",
                )
            )
        )
        .with_panel(
            _chart("Subjects judged, per hour", 12).with_target(
                _range(
                    f"sum by ({_OF_A_CLAUSE}) (max by ({_FAMILY}) (increase(ghostwatch_subjects_due_total{{%s}}[1h])))",
                    _NAME_OF_CLAUSE,
                )
            )
        )
        .with_panel(
            _chart("Time since the last check", 12)
            .unit(units.Seconds)
            .with_target(
                _range(
                    f"time() - max by ({_OF_A_CLAUSE}) (ghostwatch_check_last_success_timestamp_seconds{{%s}})",
                    _NAME_OF_CLAUSE,
                )
            )
        )
        .with_panel(
            _chart("How far the checks are behind", 12)
            .unit(units.Seconds)
            .with_target(
                _range(
                    f"max by ({_OF_A_CLAUSE}) (ghostwatch_watermark_lag_seconds{{%s}})",
                    _NAME_OF_CLAUSE,
                )
            )
        )
        .with_panel(
            _chart("Outbox", 8).with_target(
                _range("max by (database, state) (ghostwatch_outbox_notifications{%s})", "{{database}} {{state}}")
            )
        )
        .with_panel(
            _chart("Messages taken up, by outcome", 8)
            .unit("mps")
            .with_target(_range("sum by (outcome) (rate(ghostwatch_sends_total{%s}[$__rate_interval]))", "{{outcome}}"))
        )
        .with_panel(
            _chart("Time to send a message", 8)
            .unit(units.Seconds)
            .with_target(
                _range(
                    f"histogram_quantile(0.5, {_DURATIONS})",
                    "half of them",
                )
            )
            .with_target(_range(f"histogram_quantile(0.99, {_DURATIONS})", "99 %").ref_id("B"))
        )
        .with_panel(
            _chart("Channels that are open", 12).with_target(
                _range("max by (database, channel) (ghostwatch_channel_open{%s})", "{{database}} {{channel}}")
            )
        )
        .with_panel(
            _chart("What each sidecar reaches", 12)
            .with_target(_range("ghostwatch_database_connected{%s}", "{{instance}} {{database}}: the database"))
            .with_target(_range("ghostwatch_listening{%s}", "{{instance}} {{database}}: NOTIFY").ref_id("B"))
            .with_target(_range("ghostwatch_telegram_reachable{%s}", "{{instance}} {{database}}: Telegram").ref_id("C"))
            .with_target(_range("ghostwatch_token_accepted{%s}", "{{instance}} {{database}}: the token").ref_id("D"))
        )
    )


def _dashboard(title: str, uid: str, kind: str) -> builders.Dashboard:
    return (
        builders.Dashboard(f"ghostwatch: {title}")
        .uid(uid)
        .tags(["ghostwatch"])
        .annotations([])
        .refresh("1m")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(builders.DatasourceVariable("datasource").label("data source").type(kind))
    )


def _source(kind: str) -> models.DataSourceRef:
    return models.DataSourceRef(type_val=kind, uid="${datasource}")


def _sql(text: str, format: str = "table") -> Sql:
    return Sql(_dedented(text), format)


def _sql_series(text: str) -> Sql:
    return _sql(text, "time_series")


def _dedented(text: str) -> str:
    lines = text.strip("\n").rstrip().splitlines()
    margin = len(lines[0]) - len(lines[0].lstrip())
    return "\n".join(line[margin:] for line in lines)


def _sql_variable(name: str, query: str) -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .datasource(_source(POSTGRESQL))
        .query(query)
        .refresh(models.VariableRefresh.ON_DASHBOARD_LOAD)
    )


def _sql_marks(name: str, color: str, query: str) -> builders.AnnotationQuery:
    # The SDK knows only the target of Grafana's own annotations.
    target = cast("Builder[models.AnnotationTarget]", _sql(query))
    return builders.AnnotationQuery().name(name).datasource(_source(POSTGRESQL)).icon_color(color).target(target)


def _instant(expression: str, legend: str) -> prometheus.Dataquery:
    return _range(expression, legend).instant()


def _range(expression: str, legend: str) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .datasource(_source(PROMETHEUS))
        .expr(expression.replace("%s", 'database=~"$database"'))
        .legend_format(legend)
        .format(PromQueryFormat.TIME_SERIES)
        .ref_id("A")
        .range()
    )


def _stat(title: str, width: int) -> stat.Panel:
    return (
        stat.Panel()
        .title(title)
        .span(width)
        .height(4)
        .graph_mode(common.BigValueGraphMode.NONE)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def _table(title: str, width: int) -> table.Panel:
    return table.Panel().title(title).span(width).height(8)


def _chart(title: str, width: int) -> timeseries.Panel:
    return timeseries.Panel().title(title).span(width).height(8).min(0)


def _bars(title: str, width: int) -> timeseries.Panel:
    return (
        _chart(title, width)
        .draw_style(common.GraphDrawStyle.BARS)
        .fill_opacity(80)
        .stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL))
    )


def _red_from(value: float) -> builders.ThresholdsConfig:
    return _steps("green", value, "red")


def _green_from(value: float) -> builders.ThresholdsConfig:
    return _steps("red", value, "green")


def _steps(below: str, value: float, above: str) -> builders.ThresholdsConfig:
    steps = [models.Threshold(value=None, color=below), models.Threshold(value=value, color=above)]
    return builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _thresholds(thresholds: builders.ThresholdsConfig) -> models.DynamicConfigValue:
    return models.DynamicConfigValue("thresholds", thresholds.build())


def _unit(unit: str) -> models.DynamicConfigValue:
    return models.DynamicConfigValue("unit", unit)


def _colored() -> list[models.DynamicConfigValue]:
    results = {state: models.ValueMappingResult(color=color) for state, color in COLORS.items()}
    return [
        models.DynamicConfigValue("mappings", [models.ValueMap(results)]),
        models.DynamicConfigValue("custom.cellOptions", {"type": "color-background"}),
    ]


def _yes_and_no() -> models.ValueMap:
    return models.ValueMap({"0": models.ValueMappingResult(text="no"), "1": models.ValueMappingResult(text="yes")})


def main() -> None:
    """Brings every dashboard up to date."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for name, text in build().items():
        (DIRECTORY / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
