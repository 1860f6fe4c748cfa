"""The alerts and the dashboard: each alert fires in a scenario and nowhere else, and all of their metrics exist."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import Redis

from rsvpq.metrics.troubles import CERTIFICATE_SOON_S, FULL, LATE_SCANS, LONG_HOLD_S, Severity
from rsvpq.wiring.coverage import MOST_LEFT
from testbed.queue_server import QueueServer, queue_server
from tests.support import scenarios
from tests.support.installation import Installation
from tests.support.prometheus_rules import firing
from tests.support.scrape import Scrape, scrape

ROOT = Path(__file__).parents[2]
GROUPS: list[dict[str, Any]] = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for group in GROUPS for rule in group["rules"]}
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/rsvpq.json").read_text())
#: What is also true where the scenario's own alert fires.
ALSO = {"RsvpqLagCritical": {"RsvpqLag"}, "RsvpqListEmpty": {"RsvpqListShrunk"}}

_METRIC = re.compile(r"\brsvpq_\w+")


def fired(found: Scrape) -> set[str]:
    return {name for name, rule in ALERTS.items() if firing(rule["expr"], found)}


def queries() -> list[str]:
    """The queries of the panels, and those of the variables."""
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    variables = [one["definition"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query"]
    return panels + variables


@pytest.fixture
def server(tmp_path: Path) -> Any:
    """A queue server of the test's own."""
    directory = tmp_path / "queue"
    directory.mkdir()
    with queue_server(directory) as started:
        yield started


@pytest.fixture
def full(tmp_path: Path, server: QueueServer) -> Installation:
    """An installation in which every metric has a sample."""
    ours = Installation(tmp_path, server.url)
    scenarios.scans_are_old(ours)
    lanes = ours.lanes()
    scenarios.waits_for_a_person(ours)
    lanes.repair.check_slots()
    lanes.certificates.note("mail1", 2e9)
    with server.client() as client:
        client.config_set("maxmemory", "64mb")
    return ours


def test_every_metric_of_the_alerts_and_the_dashboard_exists(full: Installation) -> None:
    there = set(scrape(full.settings).samples)
    alerts = {name for rule in ALERTS.values() for name in _METRIC.findall(rule["expr"])}
    shown = {name for query in queries() for name in _METRIC.findall(query)}
    assert alerts
    assert alerts - there == set()
    assert shown - there == set()


def test_every_metric_is_documented_and_no_other_one(full: Installation) -> None:
    rows = re.findall(r"^\| (`rsvpq_.*?) \|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)
    documented = {name for row in rows for name in _METRIC.findall(row)}
    assert documented == set(scrape(full.settings).samples)


def test_the_dashboard_has_a_panel_for_all_that_an_operator_looks_for() -> None:
    shown = {name for query in queries() for name in _METRIC.findall(query)}
    assert shown >= {
        *("rsvpq_lag_seconds", "rsvpq_lane_items", "rsvpq_answers_total", "rsvpq_workers", "rsvpq_held_seconds"),
        *("rsvpq_failures_total", "rsvpq_answering", "rsvpq_paused", "rsvpq_scan_age_seconds", "rsvpq_on_hold"),
    }
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert all(panel["targets"] for panel in DASHBOARD["panels"])


def test_a_healthy_installation_fires_nothing(installation: Installation) -> None:
    installation.write('[[schedule]]\nevery = "1h"\n')
    scenarios.healthy(installation)
    assert fired(scrape(installation.settings)) == set()


@pytest.mark.parametrize("scenario", scenarios.SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_an_alert_fires_where_the_check_reports_the_same(
    installation: Installation, scenario: scenarios.Scenario
) -> None:
    expected = scenarios.SCENARIOS[scenario]
    scenario(installation)
    assert fired(scrape(installation.settings)) == {expected.alert, *ALSO.get(expected.alert, ())}
    assert ALERTS[expected.alert]["labels"]["severity"] == expected.severity.name.lower()


def test_what_waits_for_the_end_of_quiet_hours_alarms_nobody(installation: Installation) -> None:
    scenarios.message_waits_for_three_hours(installation)
    lanes = installation.lanes()
    now_us = lanes.time_us()
    lanes.controls.rest("", (now_us - 1_000_000, now_us + 3_600_000_000))
    assert fired(scrape(installation.settings)) == set()


def test_an_alert_fires_while_redis_is_away_or_almost_full_or_nobody_serves_metrics(
    tmp_path: Path, server: QueueServer
) -> None:
    ours = Installation(tmp_path, server.url)
    scenarios.healthy(ours)
    with server.client() as client:
        client.config_set("maxmemory", str(int(used(client) * 1.1)))
    assert fired(scrape(ours.settings)) == {"RsvpqRedisAlmostFull"}
    server.part.end()
    assert fired(scrape(ours.settings)) == {"RsvpqRedisAway"}
    assert fired(Scrape({})) == {"RsvpqMetricsAbsent"}


def used(client: Redis) -> int:
    info: Any = client.info("memory")
    return int(info["used_memory"])


def test_no_alert_is_without_a_scenario() -> None:
    of_redis = {"RsvpqMetricsAbsent", "RsvpqRedisAway", "RsvpqRedisAlmostFull"}
    of_redis |= {"RsvpqRedisLacksReplicas", "RsvpqRedisLacksSentinels"}
    assert {expected.alert for expected in scenarios.SCENARIOS.values()} | of_redis == set(ALERTS)


def test_the_limits_are_those_of_the_check() -> None:
    assert ALERTS["RsvpqLag"]["expr"].count("> 1800") == 2
    assert ALERTS["RsvpqLagCritical"]["expr"].count("> 7200") == 2
    assert f"{LATE_SCANS} * rsvpq_schedule_seconds" in ALERTS["RsvpqScansLate"]["expr"]
    assert ALERTS["RsvpqCertificateEnds"]["expr"].endswith(f"< {CERTIFICATE_SOON_S:.0f}")
    assert ALERTS["RsvpqRedisAlmostFull"]["expr"].endswith(f"> {FULL}")
    assert ALERTS["RsvpqListShrunk"]["expr"].endswith(f"> {MOST_LEFT} * rsvpq_listed_mailboxes")
    assert ALERTS["RsvpqServerHeld"]["for"] == f"{LONG_HOLD_S / 60:g}m"
    assert {rule["labels"]["severity"] for rule in ALERTS.values()} <= {one.name.lower() for one in Severity}


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_leads_to_a_heading_of_a_page(alert: str) -> None:
    page, _, heading = ALERTS[alert]["annotations"]["runbook_url"].partition("#")
    lines = (ROOT / "docs" / page).read_text().splitlines()
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-") for line in lines if line[:1] == "#"
    }
    assert heading in headings
    assert ALERTS[alert]["annotations"]["summary"]


def test_an_expression_that_nobody_understands_is_no_rule_that_never_fires() -> None:
    with pytest.raises(ValueError, match="not understood"):
        firing("histogram_quantile(0.9, rsvpq_lag_seconds) > 1", Scrape({}))
