"""Usage, cost, latency and availability beside slow, obvious counts, with prices and teams that change."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.analytics.rollups.declared import (
    CapabilityActions,
    Declaration,
    DeclaredCaller,
    DeclaredIntegration,
    DeclaredVendor,
)
from integrations.execution.outcome import Attempt, FailureKind, Origin, Source
from integrations.signals import CallRecord, CheckResult
from monitors.slo_events import event_of
from tests.exporters.analytics.generated import START, call
from tests.exporters.analytics.model import (
    Model,
    day,
    grouped,
    hour,
    iso,
    moment,
    nearest_rank,
    zone_bucket,
)

HOUR, DAY = 3_600.0, 86_400.0
MIDNIGHT = START // DAY * DAY
FROM, TO = MIDNIGHT - 4 * DAY, MIDNIGHT + DAY
UNTIMED = {FailureKind.REJECTED, FailureKind.CANCELLED}
ATTEMPTS = (
    Attempt(start=0.0, duration=0.1, kind=FailureKind.TIMEOUT),
    Attempt(start=0.2, duration=0.1, status=500),
    Attempt(start=0.4, duration=0.1, status=200),
    Attempt(start=0.6, duration=0.1, status=503, injected=True),
)

seconds = st.one_of(
    st.sampled_from([MIDNIGHT, MIDNIGHT - 1e-6, MIDNIGHT - DAY, MIDNIGHT + HOUR]),
    st.integers(0, int(4 * DAY)).map(lambda at: FROM + at),
)
drawn_calls = st.lists(
    st.fixed_dictionaries(
        {
            "at": seconds,
            "run_id": st.sampled_from(["r1", "r2", "r3"]),
            "integration": st.sampled_from(["slack-prod", "github"]),
            "action": st.sampled_from(["post", "read"]),
            "caller": st.sampled_from(["", "bot", "bot/x", "shop/y"]),
            "origin": st.sampled_from([Origin.TRAFFIC, Origin.TRAFFIC, Origin.CHECK]),
            "kind": st.sampled_from([None, None, FailureKind.TIMEOUT, *UNTIMED]),
            "source": st.sampled_from([Source.LIVE, Source.LIVE, Source.STALE]),
            "injected": st.sampled_from([False, False, True]),
            "attempts": st.sampled_from([(), ATTEMPTS, ATTEMPTS[1:2]]),
            "duration": st.integers(100, 100_000_000).map(lambda microseconds: microseconds / 1e6),
            "request_bytes": st.integers(0, 100),
        }
    ),
    max_size=25,
)
PRICES = (
    DeclaredIntegration(integration="slack-prod", vendor="slack", currency="USD", per_call=0.5),
    DeclaredIntegration(
        integration="slack-prod",
        vendor="slack",
        currency="EUR",
        per_call=2.0,
        prices={"post": 3.0},
        charged="ok",
    ),
    DeclaredIntegration(integration="slack-prod", vendor="slack", currency="USD", prices={"read": 7.0}),
    DeclaredIntegration(integration="slack-prod", vendor="slack"),
)
drawn_declarations = st.lists(
    st.tuples(st.sampled_from(PRICES), st.sampled_from(["", "red", "blue"])), min_size=1, max_size=3
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory):
    made = Model(tmp_path_factory.mktemp("usage"))
    yield made
    made.close()


def made(drawn: Sequence[dict[str, Any]]) -> list[CallRecord]:
    return [call(number, **fields) for number, fields in enumerate(drawn)]


def declared(drawn: Sequence[tuple[DeclaredIntegration, str]]) -> list[Declaration]:
    """Each holds for a day and a half; the first begins after some calls."""
    return [
        Declaration(
            at=FROM + DAY / 2 + 1.5 * DAY * number,
            integrations=[price],
            callers=[DeclaredCaller(token="bot", team=team)],
        )
        for number, (price, team) in enumerate(drawn)
    ]


def held(declarations: Sequence[Declaration], at: float) -> Declaration | None:
    return next((one for one in reversed(declarations) if one.at <= at), None)


def team_of(signal: CallRecord, declarations: Sequence[Declaration]) -> str:
    found = held(declarations, signal.at)
    is_known = found is not None and signal.caller.partition("/")[0] == "bot"
    return found.callers[0].team if found and is_known else ""


def price_of(signal: CallRecord, declarations: Sequence[Declaration]) -> tuple[str, float | None]:
    """The currency and the cost of one call; None where no price was declared."""
    found = held(declarations, signal.at)
    if found is None or signal.integration != "slack-prod":
        return "", None
    said = found.integrations[0]
    price = said.prices.get(signal.action, said.per_call)
    if price is None:
        return "", None
    if signal.source is not Source.LIVE:
        return said.currency, 0.0
    if said.charged == "ok":
        return said.currency, price * (signal.kind is None and not signal.injected)
    return said.currency, price * sum(one.status is not None and not one.injected for one in signal.attempts)


def runs_of(signals: Sequence[CallRecord]) -> tuple[int, int, int]:
    runs = grouped(signals, lambda one: one.run_id).values()
    failed = sum(
        any(one.kind and one.kind not in UNTIMED and not one.injected for one in run) for run in runs
    )
    return len(runs), failed, sum(any(one.kind is FailureKind.REJECTED for one in run) for run in runs)


@settings(max_examples=5)
@given(drawn=drawn_calls, said=drawn_declarations, is_rolled=st.booleans())
def test_usage_and_cost_are_what_calls_teams_and_prices_of_the_time_say(
    model: Model, drawn: list[dict[str, Any]], said: list[tuple[DeclaredIntegration, str]], is_rolled: bool
) -> None:
    signals, declarations = made(drawn), declared(said)
    model.holding([], now=TO)
    for declaration in declarations:
        model.declare(declaration)
    model.load(signals)
    if is_rolled:
        model.roll()

    found = model.rows(
        "SELECT day, origin, caller, team, integration, action, currency, runs, failures, rejected, "
        "requests, "
        "attempts, request_bytes, cost FROM usage_and_cost"
    )

    groups = grouped(
        signals,
        lambda one: (
            day(one.at).date(), one.origin, one.caller, team_of(one, declarations), one.integration,
            one.action, price_of(one, declarations)[0],
        ),
    )  # fmt: skip
    expected = {}
    for key, group in groups.items():
        costs = [cost for one in group if (cost := price_of(one, declarations)[1]) is not None]
        live = sum(one.source is Source.LIVE for one in group)
        tries = sum(len(one.attempts) for one in group)
        sent = sum(one.request_bytes for one in group)
        expected[key] = (*runs_of(group), live, tries, sent, pytest.approx(sum(costs)) if costs else None)
    assert {row[:7]: row[7:] for row in found} == expected
    assert model.rows("SELECT sum(cost) FROM cost_daily") == model.rows(
        "SELECT sum(cost) FROM usage_and_cost"
    )


@settings(max_examples=5)
@given(
    drawn=drawn_calls,
    bucket=st.sampled_from(["day", "week", "month", "all"]),
    by=st.sampled_from(["integration", "team", "origin", "action"]),
)
def test_cost_is_added_up_by_what_is_asked_for(
    model: Model, drawn: list[dict[str, Any]], bucket: str, by: str
) -> None:
    signals = made(drawn)
    declarations = declared([(PRICES[0], "red"), (PRICES[1], "blue")])
    model.holding([], now=TO)
    for declaration in declarations:
        model.declare(declaration)
    model.load(signals)

    found = model.ask("cost", from_=iso(FROM + DAY + HOUR), to=iso(TO - 2 * DAY), bucket=bucket, by=by)

    starts = {
        "day": lambda at: at,
        "week": lambda at: at - timedelta(days=at.weekday()),
        "month": lambda at: at.replace(day=1),
        "all": lambda _at: moment(FROM + DAY),
    }
    costs: dict[tuple[object, ...], list[float]] = defaultdict(list)
    for one in signals:
        currency, cost = price_of(one, declarations)
        if FROM + DAY <= one.at < TO - 2 * DAY and cost is not None:
            name = team_of(one, declarations) if by == "team" else getattr(one, by)
            costs[starts[bucket](day(one.at)), currency, name].append(cost)
    assert {row[:3]: row[4] for row in found} == {
        key: pytest.approx(sum(all_)) for key, all_ in costs.items()
    }
    assert found == sorted(found, key=lambda row: (row[0], row[1], -float(str(row[4])), row[2]))


@settings(max_examples=5)
@given(
    drawn=drawn_calls,
    width=st.sampled_from(["30m", "1h", "1d"]),
    zone=st.sampled_from([None, "Asia/Kolkata"]),
)
def test_usage_by_team_counts_runs_in_the_buckets_of_a_zone(
    model: Model, drawn: list[dict[str, Any]], width: str, zone: str | None
) -> None:
    signals, declarations = made(drawn), declared([(PRICES[3], "red"), (PRICES[3], "blue")])
    model.holding(signals, now=TO)
    for declaration in declarations:
        model.declare(declaration)
    start, end = FROM + HOUR, TO - DAY - HOUR
    given_zone = {"tz": zone} if zone else {}

    found = model.ask("usage_by_team", from_=iso(start), to=iso(end), bucket=width, **given_zone)

    wide = {"30m": 1_800, "1h": 3_600, "1d": 86_400}[width]
    inside = [one for one in signals if start <= one.at < end and one.origin is Origin.TRAFFIC]
    groups = grouped(
        inside, lambda one: (zone_bucket(moment(one.at), wide, zone), team_of(one, declarations))
    )
    assert found == [
        (
            *key,
            len({one.caller for one in group}),
            len({one.run_id for one in group}),
            sum_failed(group),
            sum(one.source is Source.LIVE for one in group),
        )
        for key, group in sorted(groups.items())
    ]


def sum_failed(group: Sequence[CallRecord]) -> int:
    return len({one.run_id for one in group if one.kind and one.kind not in UNTIMED and not one.injected})


@settings(max_examples=5)
@given(
    drawn=drawn_calls,
    width=st.sampled_from(["1h", "1d", "1w"]),
    zone=st.sampled_from([None, "America/New_York"]),
)
def test_latency_is_at_most_two_and_a_half_percent_off(
    model: Model, drawn: list[dict[str, Any]], width: str, zone: str | None
) -> None:
    signals = made(drawn)
    model.holding(signals, now=TO).roll()
    given_zone = {"tz": zone} if zone else {}

    found = model.ask("latency", from_=iso(FROM), to=iso(TO), bucket=width, origin="all", **given_zone)

    wide = {"1h": 3_600, "1d": 86_400, "1w": 604_800}[width]
    timed = [
        one for one in signals if one.source is Source.LIVE and not one.injected and one.kind not in UNTIMED
    ]
    groups = grouped(timed, lambda one: (zone_bucket(hour(one.at), wide, zone), one.integration))
    assert [row[:2] for row in found] == sorted(groups)
    for row in found:
        group = groups[row[0], row[1]]  # type: ignore[index] # the two are the key
        durations = [one.duration for one in group]
        ranks = [pytest.approx(nearest_rank(durations, share), rel=0.025) for share in (0.5, 0.95, 0.99)]
        failures = sum(one.kind is not None for one in group)
        assert row[2:] == (len(group), failures, pytest.approx(sum(durations) / len(group)), *ranks)


@settings(max_examples=5)
@given(
    drawn=drawn_calls,
    checks=st.lists(st.tuples(seconds, st.sampled_from([None, FailureKind.DNS])), max_size=10),
    counted=st.sampled_from(["both", "traffic", "checks"]),
)
def test_availability_is_what_objectives_count(
    model: Model, drawn: list[dict[str, Any]], checks: list[tuple[float, FailureKind | None]], counted: str
) -> None:
    results = [
        CheckResult(
            at=at,
            seq=number,
            integration="github",
            vendor="slack",
            capability="read",
            action="get",
            kind=kind,
        )
        for number, (at, kind) in enumerate(checks)
    ]
    signals = [*made(drawn), *results]
    model.holding(signals, now=TO).roll()
    zone = "Europe/Berlin"

    found = model.ask("availability", from_=iso(FROM), to=iso(TO), counted=counted, tz=zone)

    wanted = {"both": (True, False), "traffic": (False,), "checks": (True,)}[counted]
    events = [(one, event) for one in signals if (event := event_of(one)) and event.is_check in wanted]
    groups = grouped(events, lambda pair: (zone_bucket(hour(pair[0].at), 86_400, zone), pair[1].integration))
    expected = []
    for key, group in sorted(groups.items()):
        good = sum(event.succeeded for _, event in group)
        expected.append((*key, good, len(group) - good, pytest.approx(good / len(group))))
    assert found == expected
    every = [event for one in signals if (event := event_of(one))]
    assert model.rows(
        "SELECT sum(good_calls + good_checks), sum(bad_calls + bad_checks) FROM availability_daily"
    ) == [
        (sum(event.succeeded for event in every), sum(not event.succeeded for event in every))
        if every
        else (None, None)
    ]


def test_cost_and_teams_are_narrowed_to_some_integrations(model: Model) -> None:
    answered = ATTEMPTS[1:2]
    signals = [
        call(number, integration=name, caller="bot", attempts=answered)
        for number, name in enumerate(["slack-prod", "o'hara", "o'hara", "jira", "jira", "jira"])
    ]
    model.holding(signals, now=TO)
    prices = [
        DeclaredIntegration(integration=name, vendor="slack", currency="USD", per_call=1.0)
        for name in ("slack-prod", "o'hara", "jira")
    ]
    model.declare(
        Declaration(at=FROM, integrations=prices, callers=[DeclaredCaller(token="bot", team="red")])
    )

    def asked(integration: str) -> tuple[object, object]:
        when = {"from_": iso(FROM), "to": iso(TO), "integration": integration}
        return (
            [row[3:] for row in model.ask("cost", **when)],
            [row[1:5] for row in model.ask("usage_by_team", **when)],
        )

    assert asked("o'hara,jira") == ([(5, 5.0)], [("red", 1, 5, 0)])
    assert asked("*") == ([(6, 6.0)], [("red", 1, 6, 0)])
    assert asked("nobody") == ([], [])
    blue = model.ask("usage_by_team", from_=iso(FROM), to=iso(TO), team="blue")
    assert blue == []


def test_what_is_declared_again_is_left_alone_and_what_changes_holds_from_then_on(model: Model) -> None:
    model.holding([], now=TO)
    vendors = [
        DeclaredVendor(
            vendor="slack",
            vendor_name="Slack",
            capabilities=(CapabilityActions(capability="w", actions=("post",)),),
        )
    ]
    first = Declaration(
        at=1.0,
        integrations=[PRICES[0], DeclaredIntegration(integration="gone", vendor="slack")],
        vendors=vendors,
        callers=[DeclaredCaller(token="bot", team="red")],
    )

    model.declare(first)
    model.declare(
        Declaration(at=2.0, integrations=first.integrations, vendors=vendors, callers=first.callers)
    )
    model.declare(
        Declaration(
            at=3.0,
            integrations=[PRICES[1]],
            vendors=vendors,
            callers=[DeclaredCaller(token="bot", team="blue")],
        )
    )

    rows = (
        "SELECT integration, currency, per_call, prices, valid_from, valid_to "
        "FROM declared_integrations ORDER BY ALL"
    )
    assert model.rows(rows) == [
        ("gone", "", None, {}, moment(1.0), moment(3.0)),
        ("slack-prod", "EUR", 2.0, {"post": 3.0}, moment(3.0), None),
        ("slack-prod", "USD", 0.5, {}, moment(1.0), moment(3.0)),
    ]
    assert model.rows(
        "SELECT integration, currency, is_configured, first_seen, changed_at FROM integrations ORDER BY 1"
    ) == [
        ("gone", "", False, moment(1.0), moment(3.0)),
        ("slack-prod", "EUR", True, moment(1.0), moment(3.0)),
    ]
    assert model.rows("FROM vendors") == [("slack", "Slack", 1, moment(1.0))]
    assert model.rows("FROM capabilities") == [("slack-prod", "slack", "w", ["post"])]
    assert model.rows("FROM callers") == [("bot", "bot", "blue", True, None, None, 0)]


def test_a_caller_is_known_by_its_token_and_by_what_it_did(model: Model) -> None:
    model.holding([call(1, at=START - 2 * DAY, caller="bot/x"), call(2, caller="stranger")], now=START)
    model.declare(
        Declaration(at=1.0, callers=[DeclaredCaller(token="bot", team="red"), DeclaredCaller(token="idle")])
    )

    assert model.rows("FROM callers ORDER BY caller") == [
        ("bot/x", "bot", "red", True, day(START - 2 * DAY).date(), moment(START - 2 * DAY), 1),
        ("idle", "idle", "", True, None, None, 0),
        ("stranger", "stranger", "", False, day(START).date(), moment(START), 1),
    ]


def test_what_is_declared_is_put_down_again_in_a_file_that_is_begun_anew(model: Model) -> None:
    model.holding([], now=START)
    model.declare(Declaration(at=1.0, integrations=[PRICES[0]]))
    upkeep = model.opened.writer.rollups
    model.connection.execute("DELETE FROM declared_integrations")

    upkeep.open(model.connection)
    assert upkeep.is_due()
    upkeep.step()

    assert model.rows("SELECT integration FROM integrations") == [("slack-prod",)]
