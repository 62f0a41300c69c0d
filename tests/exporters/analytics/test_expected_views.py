"""Views of incidents, quotas, webhooks, deliveries, health and the rest beside slow, obvious counts."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.execution.outcome import FailureKind
from integrations.signals import (
    BreakerState,
    BreakerTransition,
    CheckResult,
    ContractDrift,
    DeliveryAttempt,
    Health,
    IncidentChange,
    QuotaSample,
    Signal,
    WebhookReceipt,
)
from monitors.health import SEVERITY
from tests.exporters.analytics.generated import START, call, health_change
from tests.exporters.analytics.model import QUERIES, Model, day, grouped, hour, iso, moment

HOUR, DAY = 3_600.0, 86_400.0
MIDNIGHT = START // DAY * DAY
PAST = MIDNIGHT - 500 * DAY
"""Before any day on which these tests run, because health lasts until now."""

seconds = st.one_of(
    st.sampled_from([0.0, DAY, DAY - 1e-6, HOUR]), st.integers(0, int(3 * DAY)).map(float)
).map(lambda after: MIDNIGHT - 2 * DAY + after)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory):
    made = Model(tmp_path_factory.mktemp("views"))
    yield made
    made.close()


drawn_changes = st.lists(
    st.tuples(
        seconds,
        st.sampled_from(["i1", "i2"]),
        st.sampled_from(
            ["worsened", "eased", "flapping", "acknowledged", "noted", "reopened", "resolved", "resolved"]
        ),
        st.sampled_from([Health.DOWN, Health.DEGRADED, Health.UNAUTHORIZED, Health.UP, Health.THROTTLED]),
        st.sampled_from(["", "p1"]),
    ),
    max_size=12,
)


def incident_changes(drawn: Sequence[tuple[Any, ...]]) -> list[IncidentChange]:
    """The first of an incident opens it; one resolved stays so until it is reopened."""
    seen: dict[str, float] = {}
    changes = []
    resolved: dict[str, float | None] = {}
    for number, (at, incident, event, state, parent) in enumerate(sorted(drawn, key=lambda one: one[0])):
        told = event if incident in seen else "opened"
        seen.setdefault(incident, at)
        if told in {"resolved", "reopened"}:
            resolved[incident] = at if told == "resolved" else None
        changes.append(
            IncidentChange(
                at=at, seq=number, incident=incident, integration="github", vendor="github", capability="",
                event=told, state=state, opened_at=seen[incident], reason=f"because {number}",
                actor=f"ann {number}" if told == "acknowledged" else "", parent=parent,
                resolved_at=resolved.get(incident),
            )
        )  # fmt: skip
    return changes


@settings(max_examples=8)
@given(drawn=drawn_changes)
def test_an_incident_is_told_from_all_that_happened_to_it(model: Model, drawn: list[tuple[Any, ...]]) -> None:
    changes = incident_changes(drawn)
    model.holding(changes)

    found = model.rows(
        "SELECT incident, opened_at, acknowledged_at, acknowledged_by, resolved_at, seconds_to_acknowledge, "
        "duration, cause, parent, state, worst_state, reopened, flapped, notes "
        "FROM incidents ORDER BY incident"
    )

    expected = []
    for incident, line in sorted(grouped(changes, lambda one: one.incident).items()):
        acknowledged = next((one for one in line if one.event == "acknowledged"), None)
        opened, last = line[0].at, line[-1]
        parents = [one.parent for one in line if one.parent]
        expected.append(
            (
                incident,
                moment(opened),
                acknowledged and moment(acknowledged.at),
                acknowledged and acknowledged.actor,
                None if last.resolved_at is None else moment(last.resolved_at),
                acknowledged and pytest.approx(acknowledged.at - opened, abs=2e-6),
                None if last.resolved_at is None else pytest.approx(last.resolved_at - opened, abs=2e-6),
                line[0].reason,
                parents[-1] if parents else "",
                last.state,
                min((one.state for one in line), key=SEVERITY.index),
                sum(one.event == "reopened" for one in line),
                any(one.event == "flapping" for one in line),
                sum(one.event == "noted" for one in line),
            )
        )
    assert found == expected


@settings(max_examples=8)
@given(drawn=drawn_changes, window=st.tuples(seconds, st.integers(1, int(2 * DAY))))
def test_incidents_are_listed_that_were_open_in_the_window(
    model: Model, drawn: list[tuple[Any, ...]], window: tuple[float, int]
) -> None:
    changes = incident_changes(drawn)
    model.holding(changes)
    start, end = window[0], window[0] + window[1]

    found = [row[0] for row in model.ask("incidents", from_=iso(start), to=iso(end))]

    lines = grouped(changes, lambda one: one.incident)
    lasted = {name: (line[0].at, line[-1].resolved_at) for name, line in lines.items()}
    expected = [
        name for name, (opened, over) in lasted.items() if opened < end and (over is None or over > start)
    ]
    assert found == sorted(expected, key=lambda name: (-lasted[name][0], name))


@settings(max_examples=8)
@given(
    drawn=st.lists(
        st.tuples(
            seconds,
            st.sampled_from(["core", "search"]),
            st.sampled_from([None, 0.0, 10.0, 100.0]),
            st.sampled_from([None, 0.0, 5.0, 50.0]),
            st.sampled_from([None, -5.0, 60.0, 4_000.0]),
        ),
        max_size=15,
    )
)
def test_quotas_are_told_by_hour_with_the_least_that_was_left_and_the_quiet_asked_for(
    model: Model, drawn: list[tuple[Any, ...]]
) -> None:
    samples = [
        QuotaSample(
            at=at, seq=number, integration="github", vendor="github", bucket=bucket, limit=limit,
            remaining=remaining, throttled_until=None if quiet is None else at + quiet,
        )
        for number, (at, bucket, limit, remaining, quiet) in enumerate(drawn)
    ]  # fmt: skip
    model.holding(samples)

    found = model.rows("FROM quota_hourly ORDER BY hour, bucket")
    headroom = model.ask("quota_headroom", from_=iso(MIDNIGHT - 3 * DAY), to=iso(MIDNIGHT + 3 * DAY))

    asked: dict[tuple[object, str], float] = {}
    known: dict[str, float] = {}
    ordered = sorted(samples, key=lambda one: (one.at, one.seq))
    for one in ordered:
        if one.throttled_until is not None and one.throttled_until > one.at:
            begins = max(one.at, known.get(one.bucket, one.at))
            key = hour(one.at), one.bucket
            asked[key] = asked.get(key, 0.0) + max(one.throttled_until - begins, 0.0)
            known[one.bucket] = max(known.get(one.bucket, 0.0), one.throttled_until)
    expected = []
    for (start, bucket), group in sorted(grouped(ordered, lambda one: (hour(one.at), one.bucket)).items()):
        remaining = [one.remaining for one in group if one.remaining is not None]
        shares = [one.remaining / one.limit for one in group if one.limit and one.remaining is not None]
        limits = [one.limit for one in group if one.limit is not None]
        expected.append(
            (
                start, "github", "github", bucket, len(group), limits[-1] if limits else None,
                min(remaining, default=None), min(shares, default=None), remaining[-1] if remaining else None,
                pytest.approx(asked.get((start, bucket), 0.0), abs=1e-5),
            )
        )  # fmt: skip
    assert found == expected
    assert {row[2]: row[9] for row in headroom} == {
        bucket: len(group) for bucket, group in grouped(samples, lambda one: one.bucket).items()
    }
    for row in headroom:
        left = [one.remaining for one in samples if one.bucket == row[2] and one.remaining is not None]
        assert row[4] == min(left, default=None)


@settings(max_examples=8)
@given(
    drawn=st.lists(
        st.tuples(
            seconds, st.sampled_from(["a", "b"]), st.sampled_from(["accepted", "stale"]),
            st.sampled_from([None, 0.5, 3.0]), st.integers(0, 3),
        ),
        max_size=15,
    )
)  # fmt: skip
def test_webhooks_are_counted_by_day_type_and_verdict(model: Model, drawn: list[tuple[Any, ...]]) -> None:
    receipts = [
        WebhookReceipt(
            at=at, seq=number, integration="github", vendor="github", event_type=kind, verdict=verdict,
            lag=lag, missing=missing, body_bytes=10,
        )
        for number, (at, kind, verdict, lag, missing) in enumerate(drawn)
    ]  # fmt: skip
    model.holding(receipts)
    columns = "day, event_type, verdict, receipts, missing, body_bytes, last_received"

    found = model.rows(f"SELECT {columns} FROM webhooks ORDER BY day, event_type, verdict")
    asked = model.ask("webhooks", from_=iso(MIDNIGHT - DAY), to=iso(MIDNIGHT))

    groups = grouped(receipts, lambda one: (day(one.at).date(), one.event_type, one.verdict))
    assert found == [
        (
            *key,
            len(group),
            sum(one.missing for one in group),
            10 * len(group),
            moment(max(one.at for one in group)),
        )
        for key, group in sorted(groups.items())
    ]
    inside = [one for one in receipts if MIDNIGHT - DAY <= one.at < MIDNIGHT]
    assert {row[2:4]: row[4] for row in asked} == {
        key: len(group) for key, group in grouped(inside, lambda one: (one.event_type, one.verdict)).items()
    }


@settings(max_examples=8)
@given(
    drawn=st.lists(
        st.tuples(
            seconds, st.sampled_from(["m1", "m2", "m3"]), st.sampled_from(["chat", "pager"]),
            st.sampled_from(["failed", "failed", "delivered", "dead"]),
        ),
        max_size=15,
    )
)  # fmt: skip
def test_a_message_is_told_from_all_its_tries(model: Model, drawn: list[tuple[Any, ...]]) -> None:
    tries = [
        DeliveryAttempt(
            at=at, seq=number, message=message, receiver=receiver, format="slack", type="firing",
            attempt=number, result=result, status=200 if result == "delivered" else 500, lag=float(number),
            kind=None if result == "delivered" else FailureKind.SERVER_ERROR, detail=f"try {number}",
        )
        for number, (at, message, receiver, result) in enumerate(sorted(drawn))
    ]  # fmt: skip
    model.holding(tries)
    columns = (
        "message, receiver, first_at, last_at, attempts, result, delivered_at, status, kind, detail, lag"
    )

    found = model.rows(f"SELECT {columns} FROM deliveries ORDER BY message, receiver")
    asked = model.ask("deliveries", from_=iso(MIDNIGHT - 3 * DAY), to=iso(MIDNIGHT + 3 * DAY))

    expected = []
    for key, line in sorted(grouped(tries, lambda one: (one.message, one.receiver)).items()):
        delivered = [one for one in line if one.result == "delivered"]
        last = line[-1]
        expected.append(
            (
                *key, moment(line[0].at), moment(last.at), len(line), last.result,
                moment(delivered[0].at) if delivered else None, last.status, last.kind, last.detail,
                delivered[0].lag if delivered else None,
            )
        )  # fmt: skip
    assert found == expected
    for receiver, messages in grouped(expected, lambda row: row[1]).items():
        (row,) = [row for row in asked if row[0] == receiver]
        delivered_ones = sum(one[6] is not None for one in messages)
        waiting = sum(one[6] is None and one[5] == "failed" for one in messages)
        given_up = len(messages) - delivered_ones - waiting
        assert row[1:6] == (len(messages), delivered_ones, waiting, given_up, sum(one[4] for one in messages))


@settings(max_examples=8)
@given(
    drawn=st.lists(
        st.tuples(st.integers(0, int(5 * DAY)), st.sampled_from([Health.UP, Health.DOWN, Health.DEGRADED])),
        min_size=1,
        max_size=10,
        unique_by=lambda one: one[0],
    )
)
def test_states_of_health_fill_the_days_until_now(model: Model, drawn: list[tuple[int, Health]]) -> None:
    ordered = sorted(drawn)
    changes = [health_change(PAST + at, after) for at, after in ordered]
    # Parts of an integration have states of their own, which are none of its.
    model.holding([*changes, health_change(PAST, Health.DOWN, capability="read")])
    until = PAST + 6 * DAY

    found = model.rows("SELECT day, state, seconds FROM health_daily WHERE day < ?::DATE", moment(until))

    held: dict[tuple[object, str], float] = {}
    for (at, state), (ended, _) in zip(ordered, [*ordered[1:], (6 * DAY, Health.UP)], strict=True):
        begun = PAST + at
        while begun < PAST + ended:
            midnight = begun // DAY * DAY + DAY
            key = day(begun).date(), state.value
            held[key] = held.get(key, 0.0) + min(PAST + ended, midnight) - begun
            begun = midnight
    assert {row[:2]: row[2] for row in found} == {key: pytest.approx(length) for key, length in held.items()}
    assert model.rows("SELECT max(day) FROM health_daily") == model.rows(
        "SELECT (now() AT TIME ZONE 'UTC')::DATE"
    )


def test_certificates_are_told_as_they_were_seen_last_the_soonest_first(model: Model) -> None:
    def check(number: int, integration: str, ends: float | None) -> CheckResult:
        return CheckResult(
            at=START - HOUR + number, seq=number, integration=integration, vendor="http", capability="read",
            action="get", certificate_ends_at=ends,
        )  # fmt: skip

    model.holding([
        check(1, "late", START + 1 * DAY), check(2, "late", START + 90 * DAY), check(3, "late", None),
        check(4, "soon", START + 3 * DAY), check(5, "plain", None), check(6, "over", START - 1 * DAY),
    ])  # fmt: skip

    found = model.ask("certificate_expiry")

    assert [(row[0], row[2], row[3]) for row in found] == [
        ("over", moment(START - DAY), -1.0),
        ("soon", moment(START + 3 * DAY), 3.0),
        ("late", moment(START + 90 * DAY), 90.0),
    ]


def test_drift_is_added_up_by_place(model: Model) -> None:
    def drift(at: float, found: str, seen: int) -> ContractDrift:
        return ContractDrift(
            at=at, integration="github", vendor="github", action="get", pointer="/id", expected="integer",
            found=found, seen=seen,
        )  # fmt: skip

    model.holding([drift(START - 3, "string", 2), drift(START - 2, "string", 5), drift(START - 1, "null", 1)])

    found = model.ask("drift")

    assert [row[5:] for row in found] == [
        ("null", 1, moment(START - 1), moment(START - 1)),
        ("string", 7, moment(START - 3), moment(START - 2)),
    ]


NAMING = sorted(
    name
    for name, query in QUERIES.items()
    if "names" in {parameter.type for parameter in query.parameters} and name not in {"cost", "usage_by_team"}
)
"""Queries that take names of integrations and answer with them; the other two are narrowed elsewhere."""


@pytest.mark.parametrize("name", NAMING)
def test_some_integrations_are_named_with_commas_and_any_with_a_star(model: Model, name: str) -> None:
    lines = ["slack-prod", "o'hara", "jira"]
    model.holding(signal for number, line in enumerate(lines) for signal in happened_to(line, number))

    def seen(given: str) -> set[object]:
        rows = model.ask(name, now=START + DAY, from_=iso(START - DAY), integration=given)
        return {cell for row in rows for cell in row} & set(lines)

    assert seen("o'hara,jira") == {"o'hara", "jira"}
    assert seen("*") == set(lines)
    assert seen("nobody") == set()


def happened_to(integration: str, number: int) -> list[Signal]:
    failed = FailureKind.TIMEOUT
    return [
        call(number, integration=integration, kind=failed, caller=integration),
        health_change(START + number, Health.DOWN, integration=integration),
        BreakerTransition(
            at=START, seq=number, integration=integration, vendor="slack", capability="read",
            before=BreakerState.CLOSED, after=BreakerState.OPEN, reason="ratio", calls=10, failures=10,
        ),
        CheckResult(
            at=START, seq=number, integration=integration, vendor="slack", capability="read", action="get",
            certificate_ends_at=START,
        ),
        QuotaSample(at=START, seq=number, integration=integration, vendor="slack", bucket="core"),
        WebhookReceipt(
            at=START, seq=number, integration=integration, vendor="slack", event_type="a", verdict="accepted",
        ),
        ContractDrift(
            at=START, seq=number, integration=integration, vendor="slack", action="get", pointer="/id",
            expected="integer", found="string",
        ),
        IncidentChange(
            at=START, seq=number, incident=integration, integration=integration, vendor="slack",
            capability="", event="opened", state=Health.DOWN, opened_at=START,
        ),
    ]  # fmt: skip
