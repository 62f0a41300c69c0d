"""Which receivers are told of an alert."""

import pytest

from monitors.alerts.routing import MAX_DEPTH, Route, RoutingTree

TREE = RoutingTree(
    Route(
        receiver="root",
        group_by=("vendor",),
        group_wait=5.0,
        routes=(
            Route(matchers=('team="a"',), receiver="a", proceed=True, group_by=("...",)),
            Route(
                matchers=('team=~"a|b"', 'quiet=""'),
                receiver="b",
                group_interval=60.0,
                mute_time_intervals=("night",),
                routes=(Route(matchers=('severity!~"c.*"',), receiver="c", repeat_interval=90.0),),
            ),
            Route(matchers=('team="b"',), receiver="d"),
        ),
    )
)


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ({}, ["root"]),
        ({"team": "a"}, ["a", "c"]),
        ({"team": "a", "severity": "critical"}, ["a", "b"]),
        ({"team": "b", "severity": "critical"}, ["b"]),
        ({"team": "b", "quiet": "1"}, ["d"]),
        ({"team": "ab"}, ["root"]),
        ({"team": "a", "quiet": "1"}, ["a"]),
    ],
)
def test_the_deepest_match_wins_and_continue_asks_the_next(
    labels: dict[str, str], receivers: list[str]
) -> None:
    assert [branch.receiver for branch in TREE.match(labels)] == receivers


def test_what_a_route_does_not_say_is_its_parents() -> None:
    inner = TREE.match({"team": "b", "severity": "info"})[0]
    assert (inner.group_wait, inner.group_interval, inner.repeat_interval) == (5.0, 60.0, 90.0)
    assert inner.group_by == ("vendor",)
    assert inner.mute_time_intervals == ()


def test_keys_are_alertmanagers() -> None:
    assert [branch.key for branch in TREE.branches()] == [
        "{}",
        '{}/{team="a"}',
        '{}/{quiet="",team=~"a|b"}',
        '{}/{quiet="",team=~"a|b"}/{severity!~"c.*"}',
        '{}/{team="b"}',
    ]


def test_a_group_is_named_by_its_labels_in_order() -> None:
    labels = {"team": "a", "alertname": "Down", "z": 'x"y'}
    every = TREE.match(labels)[0]
    assert every.group_key(labels) == '{}/{team="a"}:{alertname="Down", team="a", z="x\\"y"}'
    root = TREE.match({"vendor": "github", "x": "y"})[0]
    assert root.group_key({"vendor": "github", "x": "y"}) == '{}:{vendor="github"}'
    assert root.group_key({"x": "y"}) == "{}:{}"


def test_every_step_of_the_way_is_explained() -> None:
    steps = TREE.explain({"team": "a", "severity": "critical"})
    assert [(step.receiver, step.taken) for step in steps] == [
        ("root", False),
        ("a", True),
        ("b", True),
        ("c", False),
    ]
    assert steps[0].why == "a route below takes it"
    assert steps[2].why == "no route below takes it"
    assert steps[3].why == 'severity!~"c.*" does not hold'


def test_what_is_explained_as_taken_is_what_is_matched() -> None:
    for team in ("a", "b", "c"):
        for severity in ("critical", "info"):
            labels = {"team": team, "severity": severity}
            taken = [step.key for step in TREE.explain(labels) if step.taken]
            assert taken == [branch.key for branch in TREE.match(labels)]


def deep(levels: int) -> Route:
    route = Route(receiver="deep")
    for _ in range(levels):
        route = Route(receiver="deep", routes=(route,))
    return route


@pytest.mark.parametrize(
    ("route", "problem"),
    [
        (Route(), "the root needs a receiver"),
        (Route(receiver="a", matchers=("a=b",)), "the root matches every alert"),
        (Route(receiver="a", proceed=True), "the root matches every alert"),
        (Route(receiver="a", group_interval=0.0), "route.group_interval: must be above 0"),
        (
            Route(receiver="a", routes=(Route(repeat_interval=-1.0),)),
            r"route.routes\[0\].repeat_interval: must be above 0",
        ),
        (Route(receiver="a", routes=(Route(matchers=("nonsense",)),)), "is no matcher"),
        (deep(MAX_DEPTH + 1), "routes may be 16 deep"),
    ],
)
def test_a_tree_that_cannot_be_is_refused_with_its_place(route: Route, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        RoutingTree(route)


def test_a_tree_as_deep_as_allowed_is_asked_to_its_end() -> None:
    assert RoutingTree(deep(MAX_DEPTH)).match({})[0].key.count("/") == MAX_DEPTH
