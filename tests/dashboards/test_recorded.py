"""What is recorded is right, also where there is nothing to record: `promtool test rules`."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from dashboards.build.rules.__main__ import FOLDER
from dashboards.build.words import BREAKER_CODES, HEALTH_CODES
from tests.dashboards.firing import AT, series
from tests.dashboards.promtool import promtool

SHOP = {"integration": "shop", "vendor": "http"}
LINE = {"integration": "shop", "capability": "write"}
CALL = {**SHOP, "action": "get", "origin": "traffic"}
OTHER = {"integration": "cart", "vendor": "http", "action": "get", "origin": "check"}


class Case(NamedTuple):
    """What is scraped, and what one recorded series then is; no value is no series."""

    name: str
    scraped: Mapping[str, str]
    expected: Mapping[str, float]
    """Values by labels, as PromQL writes them, without job and instance."""


def calls(labels: Mapping[str, str], **outcomes: str) -> dict[str, str]:
    return {series("dialtone_calls_total", **labels, outcome=name): v for name, v in outcomes.items()}


def buckets(metric: str, labels: Mapping[str, str], **counts: str) -> dict[str, str]:
    names = {"one": "1", "two": "2.5", "all": "+Inf"}
    return {series(f"{metric}_bucket", **labels, le=names[le]): v for le, v in counts.items()}


SHOP_IS = 'integration="shop", vendor="http"'
RATIO = "integration:dialtone_calls:error_ratio_rate5m"
HALF = {**calls(CALL, ok="0+30x20", timeout="0+30x20"), **calls(OTHER, ok="0+60x20")}
SLOW = buckets("dialtone_call_duration_seconds", CALL, one="0+50x20", two="0+100x20", all="0+100x20")

CASES = (
    Case(RATIO, calls(CALL, ok="0+30x20"), {SHOP_IS: 0}),
    Case(RATIO, calls(CALL, ok="0+30x20", timeout="0+30x20"), {SHOP_IS: 0.5}),
    Case(RATIO, calls(CALL, timeout="0+60x20"), {SHOP_IS: 1}),
    Case(RATIO, calls(CALL, ok="60x20"), {}),
    Case(RATIO, calls(CALL, rejected="0+60x20"), {}),
    Case(RATIO, calls(CALL, ok="0+30x20", rejected="0+30x20", cancelled="0+30x20"), {SHOP_IS: 0}),
    Case("integration:dialtone_calls:rate5m", calls(CALL, ok="0+60x20", rejected="0+60x20"), {SHOP_IS: 2}),
    Case("vendor:dialtone_calls:error_ratio_rate5m", HALF, {'vendor="http"': 0.25}),
    Case("fleet:dialtone_calls:error_ratio_rate5m", HALF, {"": 0.25}),
    Case("fleet_outcome:dialtone_calls:rate5m", HALF, {'outcome="ok"': 1.5, 'outcome="timeout"': 0.5}),
    Case("integration:dialtone_call_duration_seconds:p50_rate5m", SLOW, {SHOP_IS: 1}),
    Case("fleet:dialtone_call_duration_seconds:p50_rate5m", SLOW, {"": 1}),
    Case(
        "integration:dialtone_attempts_per_call:ratio_rate5m",
        {**calls(CALL, ok="0+30x20"), series("dialtone_attempts_total", **SHOP, outcome="ok"): "0+60x20"},
        {SHOP_IS: 2},
    ),
    Case(
        "integration:dialtone_checks:error_ratio_rate5m",
        {
            series("dialtone_checks_total", **SHOP, capability="read", outcome="ok"): "0+1x20",
            series("dialtone_checks_total", **SHOP, capability="read", outcome="skipped"): "0+9x20",
        },
        {SHOP_IS: 0},
    ),
    Case(
        "integration_bucket:dialtone_quota_left:ratio",
        {
            series("dialtone_quota_remaining", integration="shop", bucket="core"): "25x20",
            series("dialtone_quota_limit", integration="shop", bucket="core"): "100x20",
            series("dialtone_quota_remaining", integration="shop", bucket="none"): "0x20",
            series("dialtone_quota_limit", integration="shop", bucket="none"): "0x20",
        },
        {'bucket="core", integration="shop"': 0.25},
    ),
    Case(
        "fleet:dialtone_throttled:count",
        {
            series("dialtone_throttled_until_timestamp_seconds", integration="shop", bucket="a"): "9999x20",
            series("dialtone_throttled_until_timestamp_seconds", integration="shop", bucket="b"): "9x20",
        },
        {"": 1},
    ),
    Case(
        "fleet:dialtone_throttled:count",
        {series("dialtone_throttled_until_timestamp_seconds", integration="shop", bucket="b"): "9x20"},
        {"": 0},
    ),
    Case(
        "integration:dialtone_health:up_ratio_1h",
        {series("dialtone_health", **SHOP, capability="", state="up"): "1x3 0x16"},
        {SHOP_IS: 0.5},
    ),
    *(
        Case(
            "integration:dialtone_health:code",
            {
                series("dialtone_health", **SHOP, capability="", state=name): "1x20"
                if name == state
                else "0x20"
                for name in HEALTH_CODES
            },
            {SHOP_IS: number},
        )
        for state, number in HEALTH_CODES.items()
    ),
    *(
        Case(
            "integration:dialtone_breaker_state:code",
            {
                series("dialtone_breaker_state", **LINE, state=name): "1x20" if name == state else "0x20"
                for name in BREAKER_CODES
            },
            {'capability="write", integration="shop"': number},
        )
        for state, number in BREAKER_CODES.items()
    ),
    Case(
        "slo:dialtone_slo_errors:ratio_rate1h",
        {
            series("dialtone_slo_events_total", slo="shop", result="good"): "0+99x70",
            series("dialtone_slo_events_total", slo="shop", result="bad"): "0+1x70",
        },
        {'slo="shop"': 0.01},
    ),
    Case(
        "fleet_verdict:dialtone_webhooks_received:rate5m",
        {series("dialtone_webhooks_received_total", **SHOP, verdict="accepted"): "0+60x20"},
        {'verdict="accepted"': 1},
    ),
)


def entry(case: Case) -> dict[str, object]:
    """The case as promtool reads it, asked after 7 minutes."""
    inside = ", ".join(f'{name}="{value}"' for name, value in AT.items())
    samples = [
        {"labels": f"{case.name}{{{', '.join(filter(None, (inside, labels)))}}}", "value": value}
        for labels, value in case.expected.items()
    ]
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in case.scraped.items()],
        "promql_expr_test": [{"expr": case.name, "eval_time": "7m", "exp_samples": samples}],
    }


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What promtool has against all cases together."""
    path = tmp_path_factory.mktemp("recorded") / "cases.yml"
    content = {
        "rule_files": [str(FOLDER / "recording.yml")],
        "evaluation_interval": "1m",
        "tests": [entry(case) for case in CASES],
    }
    path.write_text(yaml.safe_dump(content))
    told = subprocess.run(
        [promtool(), "test", "rules", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return "" if told.returncode == 0 else told.stdout


def test_what_is_recorded_is_right(complaints: str) -> None:
    assert complaints == ""


def test_the_cases_cover_every_level() -> None:
    levels = {name.partition(":")[0] for name in (case.name for case in CASES)}
    assert {"integration", "vendor", "fleet", "slo"} <= levels
    recorded: Path = FOLDER / "recording.yml"
    assert all(f"record: {case.name}\n" in recorded.read_text() for case in CASES)
