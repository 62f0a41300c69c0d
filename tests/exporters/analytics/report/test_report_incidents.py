"""Incidents of a period: how long they lasted in it, what they cost, who took them up."""

import datetime as dt
from pathlib import Path

from exporters.analytics.report.outcome import Incidents
from integrations.execution.outcome import FailureKind, Origin
from integrations.signals import Health, HealthChange, IncidentChange, Signal
from tests.exporters.analytics.generated import call, health_change
from tests.exporters.analytics.report.asked import order, reported

DAY = dt.datetime(2026, 10, 25, tzinfo=dt.UTC).timestamp()


def incident(name: str, *changes: tuple[float, str], **fields: object) -> list[Signal]:
    """An incident by the seconds of the day at which things happened to it."""
    opened = DAY + changes[0][0]
    resolved: float | None = None
    found: list[Signal] = []
    for at, event in changes:
        resolved = DAY + at if event == "resolved" else None
        given = {
            "incident": name, "integration": "slack-prod", "vendor": "slack", "capability": "",
            "state": Health.DOWN, "opened_at": opened, "reason": "3 checks failed",
            "actor": "ann" if event == "acknowledged" else "",
        } | fields  # fmt: skip
        found.append(IncidentChange(at=DAY + at, event=event, resolved_at=resolved, **given))  # type: ignore[arg-type] # fields by name
    return found


def incidents(tmp_path: Path, signals: list[Signal]) -> Incidents:
    (report,) = reported(tmp_path, signals, order("2026-10-25", "2026-10-26"))
    return report.incidents


def test_those_that_went_on_in_the_period_are_told_with_the_part_that_lies_in_it(tmp_path: Path):
    signals = [
        *incident("before", (-7_200, "opened"), (-60, "resolved")),
        *incident("into", (-3_600, "opened"), (600, "resolved")),
        *incident("within", (1_000, "opened"), (1_300, "acknowledged"), (2_000, "resolved")),
        *incident("over", (80_000, "opened"), (90_000, "resolved")),
        *incident("open", (85_000, "opened")),
        *incident("after", (86_400, "opened")),
    ]
    found = incidents(tmp_path, signals)
    assert {line.incident: line.seconds for line in found.lines} == {
        "into": 600.0, "within": 1_000.0, "over": 6_400.0, "open": 1_400.0,
    }  # fmt: skip
    assert (found.count, found.opened, found.before, found.open, found.explained) == (4, 3, 2, 1, 0)
    assert found.seconds == 600 + 1_000 + 6_400 + 1_400
    assert (found.acknowledged, found.acknowledged_median) == (1, 300.0)
    assert found.resolved_median == 4_200.0


def test_one_that_began_again_is_told_once_and_lasts_to_its_last_end(tmp_path: Path):
    changes = ((100, "opened"), (200, "resolved"), (260, "reopened"), (900, "resolved"))
    (line,) = incidents(tmp_path, incident("again", *changes)).lines
    assert (line.reopened, line.seconds) == (1, 800.0)
    (line,) = incidents(tmp_path / "2", incident("again", *changes[:3])).lines
    assert line.resolved_at is None


def test_what_it_cost_is_counted_from_its_first_evidence_by_runs(tmp_path: Path):
    """From the minute of the first evidence to its end; a run of several requests is one."""
    signals = incident("one", (1_000, "opened"), (2_000, "resolved"))
    signals += [
        HealthChange(
            at=DAY + 1_000, integration="slack-prod", vendor="slack", capability="", before=Health.UP,
            after=Health.DOWN, evidence="check", reason="x", since=DAY + 790,
        )
    ]  # fmt: skip
    failing = {"kind": FailureKind.TIMEOUT}
    refused = {"kind": FailureKind.REJECTED}
    for at, run, caller, fields in (
        (779, "early", "ann", failing),
        (780, "first", "ann", failing),
        (900, "both", "ann", refused),
        (901, "both", "ann", failing),
        (1_500, "refused", "ben", refused),
        (1_500, "fine", "ben", {}),
        (1_500, "left", "ben", {"kind": FailureKind.CANCELLED}),
        (1_500, "checked", "", failing | {"origin": Origin.CHECK}),
        (1_500, "elsewhere", "cid", failing | {"integration": "other"}),
        (2_000, "late", "ann", failing),
    ):
        signals.append(call(len(signals), at=DAY + at, run_id=run, caller=caller, **fields))
    (line,) = incidents(tmp_path, signals).lines
    assert (line.failures, line.rejected) == (2, 1)
    assert (line.callers, line.caller_count) == (("ann", "ben"), 2)
    assert line.began_at == DAY + 790


def test_a_cause_costs_what_it_explains_and_what_it_explains_is_not_told_apart(tmp_path: Path):
    signals = [
        *incident("cause", (1_000, "opened"), (2_000, "resolved"), integration="egress", vendor=""),
        *incident("child", (1_000, "opened"), (2_000, "resolved"), parent="cause"),
        *incident("other", (1_000, "opened"), (2_000, "resolved"), integration="github-prod", parent="gone"),
        call(1, at=DAY + 1_500, kind=FailureKind.TIMEOUT, caller="ann"),
    ]
    found = incidents(tmp_path, signals)
    assert [line.incident for line in found.lines] == ["cause", "other"]
    assert (found.count, found.explained) == (2, 1)
    assert (found.lines[0].failures, found.lines[0].explained) == (1, 1)


def test_the_worst_come_first_by_runs_hit_and_then_by_how_long_they_lasted(tmp_path: Path):
    signals = [
        *incident("short", (100, "opened"), (200, "resolved"), integration="a"),
        *incident("long", (100, "opened"), (900, "resolved"), integration="b"),
        *incident("hit", (100, "opened"), (200, "resolved"), integration="c"),
        call(1, at=DAY + 150, kind=FailureKind.TIMEOUT, integration="c"),
    ]
    assert [line.incident for line in incidents(tmp_path, signals).lines] == ["hit", "long", "short"]


def test_without_any_there_is_nothing_to_tell(tmp_path: Path):
    found = incidents(tmp_path, [health_change(DAY, Health.UP)])
    assert (found.count, found.lines, found.acknowledged_median) == (0, (), None)
