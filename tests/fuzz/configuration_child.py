"""Loads wrong configurations in a process whose memory is bounded; prints what came of them.

Arguments: seed, seconds, and the folder to write in. Ends with 1, and the file's name, when one gets another
answer than Settings or a SettingsError with a line, or takes too long.
"""

import collections
import random
import resource
import sys
import time
from pathlib import Path

import yaml

from app.configuration.vendors import rules_of
from app.demo.configuration import FILE
from app.settings import SettingsError, Validate, load_settings
from integrations.manifest.loading import Catalog
from integrations.manifest.source import Problem
from tests.fakes.mutations import HOSTILE, mutated_bytes, mutated_tree

MEMORY = 1 << 30
LONGEST = 2.0
HOLDS = {"GITHUB_TOKEN": "ghp_a", "SLACK_TOKEN": "xoxb-a", "EMPTY": ""}


def generated(rng: random.Random) -> dict[str, object]:
    """A configuration of its own, with all sections and some values that are wrong from the start."""
    entries = [
        {
            "id": f"web-{number}",
            "vendor": rng.choice(("http", "github", "slack", "prometheus")),
            "config": {"url": "https://web.invalid/", "base_url": "http://127.0.0.1:1"},
            "secrets": {"token": rng.choice(("a", "${GITHUB_TOKEN}", "${NOPE:-b}"))},
            "policy": {"timeout": rng.choice((1, 5.5)), "retry": {"attempts": rng.randrange(12)}},
            "fallback": {"integration": f"web-{rng.randrange(6)}", "actions": ["fetch"]},
        }
        for number in range(rng.randrange(6))
    ]
    return {
        "listen": "127.0.0.1:0",
        "log": {"level": "info"},
        "network": {"proxy": "http://proxy.invalid:1"},
        "analytics": {"enabled": False, "queue_rows": 10},
        "defaults": {"policy": {"deadline": 20}, "check": {"interval": rng.choice(HOSTILE)}},
        "integrations": entries,
    }


def problems_of(path: Path, rules: Validate) -> tuple[Problem, ...]:
    """What is wrong with the file; nothing when it can be used."""
    try:
        load_settings(path, environment=HOLDS, validate=rules)
    except SettingsError as error:
        return error.problems
    return ()


def main(seed: int, seconds: float, folder: Path) -> int:
    """Try for so many seconds."""
    rng = random.Random(seed)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    rules = rules_of(Catalog.bundled())
    sources = [Path("dialtone.example.yaml").read_bytes(), (folder / FILE).read_bytes()]
    trees = [yaml.safe_load(source) for source in sources]
    results: collections.Counter[str] = collections.Counter()
    path, slowest, end = folder / "wrong.yaml", 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        if rng.random() < 0.5:
            content = mutated_bytes(rng, rng.choice(sources))
        else:
            value = rng.choice([generated(rng), *trees])
            content = yaml.dump(mutated_tree(rng, value), Dumper=yaml.CSafeDumper).encode()
        path.write_bytes(content)
        began = time.monotonic()
        problems = problems_of(path, rules)
        slowest = max(slowest, time.monotonic() - began)
        results["refused" if problems else "loaded"] += 1
        assert all(problem.file and problem.line >= 1 for problem in problems), path
        assert slowest < LONGEST, path
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"configurations: {results.total()} wrong ones, {results['refused']} refused, {results['loaded']} "
        f"loaded; slowest {slowest:.2f} s, process at most {peak:.0f} MiB"
    )
    return 0 if results["refused"] > results["loaded"] else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])))
