"""Our routing tree leads where the real amtool says that Alertmanager's does, for trees made at random."""

import random
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from monitors.alerts.routing import Route, RoutingTree

AMTOOL = shutil.which("amtool")
TREES = 40
LOOKS = 6

pytestmark = pytest.mark.skipif(AMTOOL is None, reason="amtool comes with Debian's prometheus-alertmanager")

NAMES = ("team", "severity", "vendor")
VALUES = ("a", "b", "ab", "a.b", 'x"y', "c\\d", "ü")
PATTERNS = ("a|b", "a.*", ".+", ".*", "(?i)A", "a\\.b", "[^a]", "")


def route(seed: random.Random, *, depth: int, receivers: Iterator[int]) -> Route:
    """A route with up to three children, down to a depth."""
    children = seed.randint(0, 3) if depth else 0
    return Route(
        receiver=f"r{next(receivers)}" if seed.random() < 0.8 else "",
        matchers=tuple(matcher(seed) for _ in range(seed.randint(1, 2))),
        proceed=seed.random() < 0.3,
        routes=tuple(route(seed, depth=depth - 1, receivers=receivers) for _ in range(children)),
    )


def matcher(seed: random.Random) -> str:
    operator = seed.choice(("=", "!=", "=~", "!~"))
    value = seed.choice(PATTERNS if "~" in operator else VALUES)
    return f"{seed.choice(NAMES)}{operator}{quoted(value)}"


def as_configured(route: Route) -> Mapping[str, object]:
    """The same route as Alertmanager's configuration has it."""
    given: dict[str, object] = {"routes": [as_configured(child) for child in route.routes]}
    if route.receiver:
        given["receiver"] = route.receiver
    if route.matchers:
        given |= {"matchers": list(route.matchers), "continue": route.proceed}
    return given


def told(configuration: Path, labels: Mapping[str, str]) -> list[str]:
    """Whom amtool says that Alertmanager tells."""
    given = [f"{name}={quoted(value)}" for name, value in labels.items()]
    answer = subprocess.run(
        [str(AMTOOL), "config", "routes", "test", f"--config.file={configuration}", *given],
        capture_output=True,
        check=True,
        text=True,
        timeout=30,
    )
    return answer.stdout.strip().split(",")


def quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@pytest.mark.parametrize("number", range(TREES))
def test_alerts_go_where_alertmanager_would_send_them(number: int, tmp_path: Path) -> None:
    seed = random.Random(number)
    receivers = iter(range(1_000))
    children = tuple(route(seed, depth=3, receivers=receivers) for _ in range(seed.randint(1, 4)))
    root = Route(receiver="root", routes=children)
    names = ["root", *(f"r{number}" for number in range(next(receivers)))]
    configuration = tmp_path / "alertmanager.yml"
    configuration.write_text(
        yaml.safe_dump({"route": as_configured(root), "receivers": [{"name": name} for name in names]})
    )
    tree = RoutingTree(root)
    for _ in range(LOOKS):
        labels = {name: seed.choice(VALUES) for name in NAMES if seed.random() < 0.7}
        assert [branch.receiver for branch in tree.match(labels)] == told(configuration, labels), labels
