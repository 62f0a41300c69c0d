"""Six hours of a Prometheus that scrapes a Dialtone with a thousand integrations, as blocks on disk."""

import itertools
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from dashboards.build.rules.__main__ import FOLDER
from exporters.catalogue import EXPOSED, Family
from integrations.execution.outcome import FailureKind
from integrations.signals import BreakerState, Health
from tests.dashboards.rule_labels import LabelReader
from tests.real.servers import program

INTEGRATIONS, VENDORS = 1_000, 40
STEP = 60
HOURS = 6
BLOCK = 7_200
"""Seconds that a block of Prometheus covers."""

SOME_LABELS: Mapping[str, Sequence[str]] = {
    "action": ("check",),
    "bucket": ("core",),
    "capability": ("read",),
    "credential": ("token",),
    "exporter": ("datadog", "newrelic", "otlp"),
    "heartbeat": tuple(f"job-{number}" for number in range(20)),
    "indicator": ("operational", "major_outage"),
    "origin": ("check",),
    "outcome": ("ok", FailureKind.TIMEOUT.value),
    "phase": ("dns", "connect", "tls", "first_byte", "transfer"),
    "queue": ("health", "live", "log", "storage"),
    "receiver": tuple(f"receiver-{number}" for number in range(10)),
    "result": ("good", "bad"),
    "slo": tuple(f"slo-{number}" for number in range(50)),
    "window": ("5m", "30m", "1h", "2h", "6h", "1d", "3d"),
}
"""Values of labels; any other label has one."""

STATES = {
    "dialtone_health": tuple(state.value for state in Health),
    "dialtone_breaker_state": tuple(state.value for state in BreakerState),
    "fleet_state:dialtone_health:count": tuple(state.value for state in Health),
    "fleet_state:dialtone_breaker_state:count": tuple(state.value for state in BreakerState),
}


RARE = (
    *(
        "answers",
        "canar",
        "contract",
        "credential",
        "deprecation",
        "incident",
        "quota",
        "rejected",
        "throttled",
    ),
    "webhook",
)
"""What only each fifth integration has: those that are more than a check of a URL."""

IN_TROUBLE = 10
"""Of so many integrations one fails, all the time: far more than on a bad day."""


class Kind(NamedTuple):
    """What is written under one name; what is recorded has no family of its own, but may have buckets."""

    name: str
    labels: frozenset[str]
    family: Family | None
    is_recorded: bool

    @property
    def is_counter(self) -> bool:
        """Whether its values rise."""
        return self.family is not None and not self.is_recorded and self.family.kind != "gauge"


def recorded() -> dict[str, str]:
    """Return the recording rules: queries by name."""
    groups = yaml.safe_load((FOLDER / "recording.yml").read_text())["groups"]
    return {rule["record"]: rule["expr"] for group in groups for rule in group["rules"]}


def kinds(names: Iterable[str]) -> list[Kind]:
    """Return what these names stand for: metrics of the catalogue, and recorded series."""
    rules = recorded()
    reader = LabelReader(EXPOSED, rules)
    found = []
    for name in sorted(names):
        bare = name.split(":")[1] if name in rules else name
        suffixes = ("", "_bucket", "_sum", "_count")
        family = next((EXPOSED[one] for one in map(bare.removesuffix, suffixes) if one in EXPOSED), None)
        found.append(Kind(name, reader.of(name) - {"job", "instance"}, family, name in rules))
    return found


def integration(number: int) -> dict[str, str]:
    """Return the labels of one integration."""
    return {
        "integration": f"integration-{number:04d}",
        "vendor": f"vendor-{number % VENDORS:02d}",
        "team": f"team-{number % 12}",
        "environment": ("prod", "staging")[number % 2],
        "tier": str(number % 3 + 1),
    }


def series(kind: Kind) -> Iterator[dict[str, str]]:
    """Return the labels of each series of a name."""
    own = {"integration", "vendor", "team", "environment", "tier"} & kind.labels
    rest = sorted(kind.labels - own)
    whose: Iterable[dict[str, str]] = [{}]
    if "integration" in own:
        every = 5 if any(word in kind.name for word in RARE) else 1
        whose = (
            {name: integration(number)[name] for name in own} for number in range(0, INTEGRATIONS, every)
        )
    elif "vendor" in own:
        whose = ({"vendor": f"vendor-{number:02d}"} for number in range(VENDORS))
    for one in whose:
        for values in itertools.product(*(_values(kind, label) for label in rest)):
            yield {**one, **dict(zip(rest, values, strict=True))}


def _values(kind: Kind, label: str) -> Sequence[str]:
    if label == "le" and kind.family is not None:
        return (*map(str, kind.family.buckets), "+Inf")
    if label == "capability" and kind.name.startswith("dialtone_health"):
        return ("", "read")
    if label == "state":
        return STATES.get(kind.name, ("closed",))
    return SOME_LABELS.get(label, ("one",))


def lines(kind: Kind, *, begin: int, end: int, start: int) -> Iterator[str]:
    """Return the samples of a name from `begin` to `end` in OpenMetrics; `start` is when it all began."""
    times = range(begin, end, STEP)
    yield f"# TYPE {kind.name} gauge\n"
    for number, labels in enumerate(series(kind)):
        told = {"job": "dialtone", "instance": "d:4350", **labels}
        inside = ",".join(f'{name}="{value}"' for name, value in told.items() if value)
        head = f"{kind.name}{{{inside}}} "
        slope, level = _values_of(kind, labels, number=number, now=start + HOURS * 3_600)
        yield "".join(f"{head}{level + slope * (at - start) // STEP} {at}\n" for at in times)


def _values_of(kind: Kind, labels: Mapping[str, str], *, number: int, now: int) -> tuple[int, float]:
    """The growth in each step, and the value at the beginning."""
    if kind.is_counter:
        return 1 + number % 7, number
    if "timestamp" in kind.name:
        return 0, now + 86_400 * (number % 90)
    if "state" in labels:
        return 0, float(labels["state"] in {"up", "closed"})
    if "ratio" in kind.name:
        return 0, 0.25 if number % IN_TROUBLE == 0 else 0.0
    return 0, 0.5 if kind.is_recorded else 1.0


def backfill(names: Iterable[str], folder: Path, *, now: int) -> tuple[int, int]:
    """Write blocks of the last six hours into `folder`; return how many series there are in all, and how many
    one integration has.
    """
    all_kinds, start = kinds(names), now - HOURS * 3_600
    for begin in range(start - start % BLOCK, now + 1, BLOCK):
        text = folder / "samples.txt"
        with text.open("w", buffering=1 << 20) as file:
            for kind in all_kinds:
                file.writelines(
                    lines(kind, begin=max(begin, start), end=min(begin + BLOCK, now + 1), start=start)
                )
            file.write("# EOF\n")
        command = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", "--quiet", text, folder]
        subprocess.run(command, check=True)
        text.unlink()
    counts = {kind.name: sum(1 for _ in series(kind)) for kind in all_kinds}
    of_one = sum(counts[kind.name] for kind in all_kinds if "integration" in kind.labels) // INTEGRATIONS
    return sum(counts.values()), of_one
