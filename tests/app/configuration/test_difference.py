"""What is different between two configurations, by key."""

import hashlib
from pathlib import Path

import pytest

from app.configuration.difference import ChangedIntegration, Difference, compare, in_effect
from app.settings import Settings, load_settings

ENVIRONMENT = {"ONE": "ghp_one", "TWO": "ghp_two", "SAME": "ghp_one"}
DIGEST = hashlib.sha256(b"x").hexdigest()

DEFAULTS = "defaults: {policy: {retry: {attempts: 1}}, check: {interval: 30}, labels: {team: sre}}\n"

BEFORE = """
log: {level: info}
network: {proxy: "http://proxy.example:3128"}
integrations:
  - {id: web, vendor: http, config: {url: "https://a.example/", expect: {all: [{status: [200]}]}}}
  - {id: hub, vendor: github, auth: token, secrets: {token: "${ONE}"}, network: {proxy: null}}
"""


def settings(folder: Path, text: str) -> Settings:
    path = folder / "dialtone.yaml"
    path.write_text(text)
    return load_settings(path, environment=ENVIRONMENT)


def edited(folder: Path, old: str, new: str) -> tuple[Settings, Settings]:
    assert old in BEFORE
    return settings(folder, BEFORE), settings(folder, BEFORE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        pytest.param("a.example", "b.example", {"web": ("config.url",)}, id="config"),
        pytest.param("[200]", "[201]", {"web": ("config.expect.all",)}, id="within a list"),
        pytest.param("${ONE}", "${TWO}", {"hub": ("secrets.token",)}, id="secret"),
        pytest.param("${ONE}", "${SAME}", {"hub": ("secrets.token",)}, id="secret from elsewhere"),
        pytest.param("auth: token, ", "", {"hub": ("auth",)}, id="auth"),
        pytest.param("vendor: http", "vendor: slack", {"web": ("vendor",)}, id="vendor"),
        pytest.param(
            "example:3128", "example:3129", {"web": ("network.proxy",)}, id="proxy of those that use it"
        ),
        pytest.param(
            "integrations:",
            DEFAULTS + "integrations:",
            dict.fromkeys(("web", "hub"), ("labels.team", "policy.retry.attempts", "check.interval")),
            id="defaults",
        ),
        pytest.param("{level: info}", "{level: debug}", {}, id="nothing of theirs"),
    ],
)  # fmt: skip
def test_integrations_change_by_key(
    tmp_path: Path, old: str, new: str, changed: dict[str, tuple[str, ...]]
) -> None:
    difference = compare(*edited(tmp_path, old, new))
    assert {one.id: one.keys for one in difference.changed} == changed
    assert difference.unchanged == 2 - len(changed)


def test_what_is_equal_is_no_difference(tmp_path: Path) -> None:
    before, after = edited(tmp_path, "log: {level: info}", "# a comment")
    difference = compare(before, after)
    assert difference == Difference(unchanged=2)
    assert difference.is_empty


def test_values_never_leave_only_keys_do(tmp_path: Path) -> None:
    before, after = edited(tmp_path, "${ONE}", "${TWO}")
    assert "ghp" not in repr(compare(before, after))


def test_integrations_come_and_go(tmp_path: Path) -> None:
    before, after = edited(tmp_path, "id: web", "id: site")
    assert compare(before, after) == Difference(added=("site",), removed=("web",), unchanged=1)


@pytest.mark.parametrize(
    ("line", "applied", "waiting"),
    [
        ("listen: 127.0.0.1:4351", (), ("listen",)),
        ("state_dir: elsewhere", (), ("state_dir",)),
        ("storage: {url: 'sqlite:///other.sqlite'}", (), ("storage.url",)),
        ("analytics: {enabled: false, query_rows: 5}", (), ("analytics.enabled", "analytics.query_rows")),
        ("metrics: {public: true}", ("metrics.public",), ()),
        (f"tokens: [{{name: a, sha256: {DIGEST}}}]", ("tokens",), ()),
    ],
    ids=lambda value: value.partition(":")[0] if isinstance(value, str) else "",
)
def test_some_settings_take_effect_and_others_wait_for_a_restart(
    tmp_path: Path, line: str, applied: tuple[str, ...], waiting: tuple[str, ...]
) -> None:
    before, after = edited(tmp_path, "\nlog:", f"\n{line}\nlog:")
    difference = compare(before, after)
    assert (difference.settings, difference.needs_restart) == (applied, waiting)
    assert compare(in_effect(before, after, difference), after).needs_restart == waiting
    assert compare(in_effect(before, after, difference), after).settings == ()


def test_of_the_log_the_level_takes_effect_and_the_format_waits(tmp_path: Path) -> None:
    before, after = edited(tmp_path, "{level: info}", "{level: debug, format: json}")
    difference = compare(before, after)
    assert (difference.settings, difference.needs_restart) == (("log.level",), ("log.format",))
    log = in_effect(before, after, difference).log
    assert (log.level, log.format) == ("debug", "auto")


def test_tokens_of_a_server_that_others_reach_are_not_taken_away(tmp_path: Path) -> None:
    open_to_all = f"listen: 0.0.0.0:4350\ntokens: [{{name: a, sha256: {DIGEST}}}]\n"
    before, after = settings(tmp_path, open_to_all), settings(tmp_path, "listen: 127.0.0.1:4350\n")
    difference = compare(before, after)
    assert difference.needs_restart == ("listen", "tokens")
    assert in_effect(before, after, difference).tokens == before.tokens


def test_an_unchanged_integration_keeps_the_secret_it_has_read(tmp_path: Path) -> None:
    before, after = edited(tmp_path, "a.example", "b.example")
    effective = in_effect(before, after, compare(before, after))
    assert effective.integrations[1] is before.integrations[1]
    assert effective.integrations[0] is after.integrations[0]


@pytest.mark.parametrize("other", ["true", "1.0", "'1'", "[1]", "null"])
def test_one_is_nothing_that_is_equal_or_written_like_it(tmp_path: Path, other: str) -> None:
    before = settings(tmp_path, BEFORE.replace("expect: {all: [{status: [200]}]}", "one: 1"))
    after = settings(tmp_path, BEFORE.replace("expect: {all: [{status: [200]}]}", f"one: {other}"))
    assert compare(before, after).changed == (ChangedIntegration(id="web", keys=("config.one",)),)


def test_the_order_of_keys_is_no_difference(tmp_path: Path) -> None:
    before = settings(tmp_path, BEFORE.replace("expect: {all: [{status: [200]}]}", "a: 1, b: {c: 2, d: 3}"))
    after = settings(tmp_path, BEFORE.replace("expect: {all: [{status: [200]}]}", "b: {d: 3, c: 2}, a: 1"))
    assert compare(before, after).is_empty


def test_what_is_no_text_in_a_variable_is_compared_too(tmp_path: Path) -> None:
    (tmp_path / "dialtone.yaml").write_text(BEFORE.replace("https://a.example/", "${NAME}"))

    def read(name: str) -> Settings:
        return load_settings(tmp_path / "dialtone.yaml", environment={**ENVIRONMENT, "NAME": name})

    assert compare(read("a\udcff"), read("a\udcff")).changed == ()
    assert compare(read("a\udcff"), read("b\udcff")).changed == (
        ChangedIntegration(id="web", keys=("config.url",)),
    )
