"""The named query integrations, beside the same answer computed the slow and obvious way."""

import statistics
from collections.abc import Sequence
from pathlib import Path

import pytest

from exporters.analytics.parameters import read_parameters
from exporters.analytics.queries import bundled_queries
from integrations.execution.outcome import FailureKind, Origin
from integrations.signals import CallRecord, CheckResult, Health, Signal
from tests.exporters.analytics.generated import START, Pair, call, health_change, started

(QUERY,) = (query for query in bundled_queries() if query.name == "integrations")
NOW = START + 3_600.0


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return started(tmp_path)


def check(at: float, integration: str, **fields: object) -> CheckResult:
    given = {"vendor": "github", "capability": "read", "action": "user.get", "duration": 0.1, "ran": True}
    return CheckResult(at=at, integration=integration, **(given | fields))  # type: ignore[arg-type] # by name


def answer(pair: Pair, signals: Sequence[Signal], **params: str) -> list[dict[str, object]]:
    pair.load(signals)
    assert pair.writer.database is not None
    with pair.writer.database.reading() as cursor:
        cursor.execute(QUERY.sql, read_parameters(QUERY.parameters, params, now=NOW))
        columns = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    pair.close()
    return rows


CALLS: tuple[CallRecord, ...] = tuple(
    call(number, at=START + number, **fields)
    for number, fields in enumerate(
        (
            {"caller": "ann", "run_id": "r1", "duration": 0.1},
            {"caller": "ann", "run_id": "r1", "duration": 0.3, "kind": FailureKind.TIMEOUT},
            {"caller": "bob", "run_id": "r2", "duration": 0.5},
            {"caller": "bob", "run_id": "r3", "duration": 9.0, "kind": FailureKind.REJECTED},
            {"caller": "bob", "run_id": "r4", "duration": 9.0, "kind": FailureKind.CANCELLED},
            {"caller": "cy", "run_id": "r5", "duration": 9.0, "origin": Origin.CHECK},
            {"caller": "cy", "run_id": "r6", "duration": 9.0, "injected": True},
            {"caller": "dee", "run_id": "r7", "duration": 9.0, "source": "shared"},
        )
    )
)


def test_calls_and_callers_are_counted_as_performance_and_usage_count_them(pair: Pair) -> None:
    (row,) = answer(pair, CALLS)

    counted = [0.1, 0.3, 0.5]
    assert (row["integration"], row["vendor"]) == ("slack-prod", "slack")
    assert (row["callers"], row["runs"], row["calls"]) == (3, 5, 5)
    assert (row["failures"], row["rejected"]) == (1, 1)
    assert row["error_ratio"] == pytest.approx(1 / 3)
    assert row["p50"] == pytest.approx(statistics.median(counted))
    assert (row["checks"], row["failed_checks"], row["health"]) == (0, 0, None)


def test_an_integration_that_nobody_used_is_there_by_its_checks_or_its_health(pair: Pair) -> None:
    signals: list[Signal] = [
        check(START, "github-prod"),
        check(START + 1, "github-prod", kind=FailureKind.TIMEOUT),
        check(START + 2, "github-prod", ran=False),
        health_change(START + 3, Health.DOWN, integration="jira"),
        health_change(START + 4, Health.UP, integration="jira"),
        health_change(START + 5, Health.DOWN, integration="jira", capability="read"),
        health_change(NOW + 1, Health.DOWN, integration="jira"),
        *CALLS,
    ]

    rows = {str(row["integration"]): row for row in answer(pair, signals)}

    assert list(rows) == ["slack-prod", "github-prod", "jira"]
    assert (rows["github-prod"]["checks"], rows["github-prod"]["failed_checks"]) == (2, 1)
    assert (rows["jira"]["health"], rows["jira"]["runs"], rows["jira"]["error_ratio"]) == ("up", 0, None)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"integration": "github-prod"}, ["github-prod"]),
        ({"vendor": "slack"}, ["slack-prod"]),
        ({"from": "-1s"}, []),
        ({"to": "-59m"}, ["slack-prod", "github-prod"]),
    ],
)
def test_the_answer_is_narrowed(pair: Pair, params: dict[str, str], expected: list[str]) -> None:
    rows = answer(pair, [*CALLS, check(START + 1, "github-prod")], **params)

    assert [row["integration"] for row in rows] == expected
