"""Configurations that are meant to hurt: each is refused at once, with its line, whatever it expands to."""

import random
import time
from pathlib import Path

import pytest

from app.configuration.vendors import rules_of
from app.settings import SettingsError, load_settings
from integrations.manifest.loading import Catalog
from tests.fakes.mutations import mutated_bytes

ENTRY = "  - {id: a, vendor: http, config: {url: 'https://w.invalid/'}}\n"
EXAMPLE = Path("dialtone.example.yaml").read_bytes()

BOMBS = {
    "a text behind ten thousand aliases": 'a: &a "' + "$$" * 500_000 + '"\nb: [' + "*a," * 10_000 + "]",
    "values behind aliases": "a: &a [x, x, x, x, x]\n"
    + "".join(f"k{n}: &k{n} [{','.join([f'*k{n - 1}' if n else '*a'] * 9)}]\n" for n in range(9)),
    "a circle of aliases": "a: &a [*a]",
    "a long key above many values": '"' + "k" * 100_000 + '": [' + "1," * 100_000 + "]",
    "deep flow": "[" * 100_000,
    "deep blocks": "- " * 100_000,
    "unknown keys": "".join(f"policy{n}: 1\n" for n in range(50_000)),
    "empty entries": "integrations:\n" + "  - {}\n" * 50_000,
    "wrong defaults below many entries": "defaults: {policy: {"
    + ",".join(f"k{n}: 1" for n in range(20_000))
    + "}}\nintegrations:\n"
    + "  - {}\n" * 20_000,
    "a long chain of fallbacks": "integrations:\n"
    + "".join(
        f"  - {{id: a{n}, vendor: http, fallback: {{integration: a{n + 1}, actions: [fetch]}}}}\n"
        for n in range(3_000)
    ),
    "fallbacks on nobody": "integrations:\n"
    + "".join(
        f"  - {{id: a{n}, vendor: http, fallback: {{integration: b{n}, actions: [fetch]}}}}\n"
        for n in range(3_000)
    ),
    "a window of thirty years": "defaults: {policy: {breaker: {window: 1000000000}}}\nintegrations:\n"
    + ENTRY,
    "no finite number": "defaults: {policy: {deadline: 1e400}}",
    "a number of three hundred digits": "defaults: {check: {interval: " + "9" * 299 + "}}",
    "a number of three million digits": "defaults: {check: {interval: " + "9" * 3_000_000 + "}}",
    "many references": 'state_dir: "' + "${A:-x}" * 500_000 + '"',
    "a file read many times": 'state_dir: "' + "${file:big}" * 20_000 + '"',
    "a text that is too long": "a: " + "x" * 5_000_000,
    "a device as authority": "network: {ca_file: /dev/zero}",
    "NUL": "a: \0b",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_at_once(text: str, tmp_path: Path) -> None:
    path = tmp_path / "dialtone.yaml"
    path.write_text(text)
    (tmp_path / "big").write_text("x" * 60_000)
    began = time.process_time()

    with pytest.raises(SettingsError) as raised:
        load_settings(path, environment={}, validate=rules_of(Catalog.bundled()))

    assert time.process_time() - began < 4
    assert 1 <= len(raised.value.problems) <= 100
    assert all(problem.line >= 1 for problem in raised.value.problems)
    assert len(str(raised.value)) < 100_000


@pytest.mark.parametrize(("encoding", "line"), [("utf-16", 1), ("utf-32", 1), ("latin-1", 3)])
def test_another_encoding_is_refused_where_it_shows(encoding: str, line: int, tmp_path: Path) -> None:
    path = tmp_path / "dialtone.yaml"
    path.write_bytes("# a\nlisten: x\nstate_dir: é\n".encode(encoding))

    with pytest.raises(SettingsError) as raised:
        load_settings(path)

    assert [problem.line for problem in raised.value.problems] == [line]


def test_three_hundred_broken_copies_of_the_example_are_refused_or_loaded(tmp_path: Path) -> None:
    path, rng = tmp_path / "dialtone.yaml", random.Random(3)
    refused = 0
    for _ in range(300):
        path.write_bytes(mutated_bytes(rng, EXAMPLE))
        try:
            load_settings(path, environment={})
        except SettingsError:
            refused += 1

    assert refused > 100
