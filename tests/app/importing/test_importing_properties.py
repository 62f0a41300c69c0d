"""Whatever is read: a configuration that can be loaded, or the one clear error."""

import json
import random
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from app.commands.local import vendor_rules
from app.importing.blackbox import read_blackbox
from app.importing.gatus import read_gatus
from app.importing.imported import Imported
from app.importing.uptime_kuma import read_uptime_kuma
from app.importing.writing import write
from app.settings import load_settings
from integrations.manifest.source import SourceError

CORPUS = Path(__file__).parent / "corpus"
TARGETS = (CORPUS / "blackbox_targets.yml").read_text()
MODULES = (CORPUS / "blackbox.yml").read_text().replace("ca_file: ca.pem", "server_name: x")
READERS: dict[str, tuple[str, Callable[[str], Imported]]] = {
    "gatus": ((CORPUS / "gatus.yaml").read_text(), lambda text: read_gatus(text, name="x")),
    "blackbox": (MODULES, lambda text: read_blackbox(text, name="x", targets=TARGETS)),
    "targets": (TARGETS, lambda text: read_blackbox(MODULES, name="x", targets=text)),
    "uptime-kuma": (
        (CORPUS / "uptime_kuma.json").read_text(),
        lambda text: read_uptime_kuma(text, name="x"),
    ),
}
PIECES = (
    *'"\'{}[]:,\n\t #$&*!|>-?.%@\\\x00\x07\ud800\u2028é0', "${", "$$", "${X}", "${file:/etc/passwd}", "null",
    "true", "-1", "1e999", "9" * 40, "<<: *every-minute", "- ", "https://", "http://[::1", ":0/", "\\ud800",
    "*" * 30, "(" * 30,
)  # fmt: skip
RULES = vendor_rules()


def mangled(text: str, seed: int, count: int) -> str:
    """The text with pieces cut out, doubled and put in."""
    chance = random.Random(seed)
    for _ in range(count):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.choice((0, 0, 1, 3, 10, 80)))
        middle = chance.choice((chance.choice(PIECES), text[start:end] * 2, ""))
        text = text[:start] + middle + text[end:]
    return text


def check_clear(error: SourceError) -> None:
    """It says where and what was expected."""
    assert all(problem.line >= 1 and problem.expected for problem in error.problems)


def check_is_about_files(error: SourceError) -> None:
    """Only the mangled name of a file is found when it is opened: the import looks at no file."""
    assert all("${file:" in str(one) or "ca_file" in one.key for one in error.problems)


def load(imported: Imported) -> None:
    """Load what was written, with every variable set."""
    text = write(imported, command="dialtone import", source="x")
    names = set(re.findall(r"\$\{([A-Za-z_][A-Za-z_0-9]*)", text))
    environment = dict.fromkeys(names, "1")
    for key, name in re.findall(r'(url|proxy): "\$\{(\w+)', text):
        environment[name] = "http://a.example:1" if key == "proxy" else "https://a.example"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dialtone.yaml"
        path.write_text(text)
        (Path(folder) / "password").write_text("x")
        settings = load_settings(path, environment=environment, validate=RULES)
    assert [each.id for each in settings.integrations] == [each.id for each in imported.integrations]


@pytest.mark.parametrize("peer", READERS)
@given(seed=st.integers(min_value=0), count=st.integers(min_value=1, max_value=12))
def test_a_mangled_file_gives_a_good_configuration_or_the_clear_error(peer, seed, count) -> None:
    text, read = READERS[peer]
    try:
        imported = read(mangled(text, seed, count))
    except SourceError as error:
        check_clear(error)
        return
    try:
        load(imported)
    except SourceError as error:
        check_is_about_files(error)


WEIRD = (
    None, True, 0, -5, 1e300, "", "$", "${", "${X}", "$Y", "$$", "\n", "\x00", "é", "a: b", "- x", "5", "1e9",
    "yes", "{}", "https://", "https://u:p@h/", "http://${X}/", "https://[::1]/", "https://a:0/", "x" * 5000,
    "https://a:99999/", "(", "a.*b.*c", "[STATUS] == ", "[BODY].. == 1", "[BODY].a == pat([)", "1y", "0s",
    "99999999w", "Basic Og==", "Bearer ", [], {}, [[]], {"a": {"b": [1]}}, [None], "2xx", "600", "-1-5",
    "100-999",
)  # fmt: skip


def twisted(value: object, chance: random.Random) -> object:
    """The value with a twentieth of its parts replaced by something else."""
    if chance.random() < 0.05:
        return chance.choice(WEIRD)
    if isinstance(value, dict):
        return {key: twisted(item, chance) for key, item in value.items()}
    if isinstance(value, list):
        return [twisted(item, chance) for item in value]
    return value


@pytest.mark.parametrize("peer", READERS)
@given(seed=st.integers(min_value=0))
def test_wrong_values_anywhere_give_a_good_configuration_or_the_clear_error(peer, seed) -> None:
    text, read = READERS[peer]
    root = {key: twisted(value, random.Random(seed)) for key, value in yaml.safe_load(text).items()}
    try:
        imported = read(json.dumps(root, default=str))
    except SourceError as error:
        check_clear(error)
        return
    try:
        load(imported)
    except SourceError as error:
        check_is_about_files(error)


@pytest.mark.parametrize("peer", READERS)
@example(text="")
@example(text="[" * 100_000)
@example(text="&a [*a]")
@example(text="a: &a {b: 1}\nc: *b")
@example(text="a: 1\n---\nb: 2")
@example(text="? {a: b}\n: c")
@example(text="!!python/object:os.system x")
@example(text="modules: {a: {prober: http, http: {basic_auth: 5, headers: [1]}}}")
@example(text="endpoints: {a: b}")
@example(text="endpoints: [1, null, {}, {url: 5}, {url: [a]}]")
@example(text='{"monitorList": [1, null, {}, {"type": "http"}, {"type": "http", "url": "https://"}]}')
@example(text='{"monitorList": {}}')
@given(text=st.text())
def test_any_text_gives_a_result_or_the_clear_error(peer, text) -> None:
    _, read = READERS[peer]
    try:
        read(text)
    except SourceError as error:
        check_clear(error)


def test_aliases_cannot_make_a_small_file_huge() -> None:
    layers = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10))

    with pytest.raises(SourceError, match="too many values"):
        read_gatus(f"a0: &a0 [1]\n{layers}\n", name="bomb.yaml")
