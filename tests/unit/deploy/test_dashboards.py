"""What is asked of Prometheus, by rules and by the dashboard: it parses, and speaks of metrics that there are."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from evalstream import telemetry as metrics
from prometheus_client.metrics import MetricWrapperBase

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
RULES = DEPLOY / "prometheus" / "rules" / "evalstream.yml"
RULE_TESTS = DEPLOY / "prometheus" / "rules" / "evalstream.test.yml"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "evalstream.json"

#: What Prometheus adds to each metric of a target.
TARGET = {"job", "instance"}
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = [rule for rule in rules() if "alert" in rule]


def known_series() -> dict[str, set[str] | None]:
    """Every name that may be asked for, with its labels; of recorded ones the labels are not known."""
    known: dict[str, set[str] | None] = {"up": TARGET}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            family = metric.describe()[0]
            for suffix in SUFFIXES[family.type]:
                le = {"le"} if suffix == "_bucket" else set()
                known[family.name + suffix] = {*metric._labelnames, *TARGET, *le}
    return known | {rule["record"]: None for rule in rules() if "record" in rule}


def panels() -> list[dict[str, Any]]:
    return list(json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"])


def expressions() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule.get("record", rule.get("alert")), rule["expr"]
    for panel in panels():
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"].replace("$__rate_interval", "1m")


def selectors(expr: str) -> list[Any]:
    found: list[Any] = []

    def visit(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)

    promql_parser.walk(promql_parser.parse(expr), visit)
    return found


@pytest.mark.parametrize(("where", "expr"), list(expressions()))
def test_what_is_asked_for_exists(where: str, expr: str) -> None:
    known = known_series()
    found = selectors(expr)
    assert found, "asks for nothing"
    for selector in found:
        assert selector.name in known
        labels = known[selector.name]
        used = {matcher.name for matcher in selector.matchers.matchers}
        assert labels is None or used <= labels, f"{selector.name} has no label {used - labels}"


def test_what_does_not_exist_would_be_noticed() -> None:
    (selector,) = selectors('sum by (le) (rate(evalstream_imagined_total{kind="x"}[5m]))')
    assert selector.name == "evalstream_imagined_total"
    assert selector.name not in known_series()


def test_every_metric_is_watched() -> None:
    asked = {selector.name for _, expr in expressions() for selector in selectors(expr)}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            family = metric.describe()[0]
            assert asked & {family.name + suffix for suffix in SUFFIXES[family.type]}, f"{family.name} is on no panel"


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_what_is_wrong_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"warning", "critical"}
    assert set(alert["annotations"]) == {"summary", "description", "runbook"}
    file, _, anchor = alert["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^## (\w+)$", (DEPLOY.parent / file).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor == alert["alert"].lower()
    assert alert["alert"] in headings


def test_every_alert_is_tested_where_it_fires() -> None:
    tests = yaml.safe_load(RULE_TESTS.read_text(encoding="utf-8"))["tests"]
    fired = {case["alertname"] for test in tests for case in test.get("alert_rule_test", []) if case["exp_alerts"]}
    assert fired == {alert["alert"] for alert in ALERTS}


def test_every_panel_has_a_source_and_a_question() -> None:
    drawn = [panel for panel in panels() if panel["type"] != "row"]
    assert len(drawn) > 15
    for panel in drawn:
        assert panel["datasource"] == {"type": "prometheus", "uid": "prometheus"}, panel["title"]
        assert panel["description"], panel["title"]
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert target["expr"], panel["title"]
            assert target["datasource"]["uid"] == "prometheus", panel["title"]


def test_the_source_is_the_one_that_is_provisioned() -> None:
    folder = DEPLOY / "grafana" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text(encoding="utf-8"))["datasources"]
    assert (source["type"], source["uid"]) == ("prometheus", "prometheus")
    (provider,) = yaml.safe_load((folder / "dashboards" / "evalstream.yml").read_text(encoding="utf-8"))["providers"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in (
        DEPLOY.parent / "docker-compose.yml"
    ).read_text(encoding="utf-8")


def test_the_dashboard_lets_the_reader_choose_dataset_and_run() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert [variable["name"] for variable in dashboard["templating"]["list"]] == ["dataset", "run"]
    for variable in dashboard["templating"]["list"]:
        series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]).groups()  # type: ignore[union-attr]
        (selector,) = selectors(series)
        assert label in (known_series()[selector.name] or ())
    quality = [panel for panel in dashboard["panels"] if "evalstream_run_score" in json.dumps(panel)]
    assert [panel["title"] for panel in quality] == ["Precision", "Recall", "F1"]
    assert all("$dataset" in panel["targets"][0]["expr"] and "$run" in panel["targets"][0]["expr"] for panel in quality)


def test_the_dashboard_is_current() -> None:
    """After a change, run ``python deploy/grafana/generate.py``."""
    generated = runpy.run_path(str(DEPLOY / "grafana" / "generate.py"))["generate"]()
    assert DASHBOARD.read_text(encoding="utf-8") == generated
