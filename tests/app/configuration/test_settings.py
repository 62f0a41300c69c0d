import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.commands.local import vendor_rules
from app.settings import Settings, SettingsError, load_settings
from integrations.connection import Connection
from integrations.errors import ConfigurationError

BAD = Path(__file__).parent / "bad"
EXAMPLE = Path(__file__).parents[3] / "dialtone.example.yaml"
HIDDEN = "value-that-must-not-show"
HASH = "a" * 64


def load(folder: Path, text: str, **environment: str) -> Settings:
    path = folder / "dialtone.yaml"
    path.write_text(text)
    return load_settings(path, environment=environment)


def problems(path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(path, environment={"SET": HIDDEN, "EMPTY": ""})
    return str(caught.value).replace(f"{path.parent}/", "") + "\n"


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_bad_file_is_refused_with_every_problem_and_its_place(path: Path) -> None:
    told = problems(path)

    assert told == path.with_suffix(".txt").read_text()
    assert HIDDEN not in told


def test_an_empty_file_is_a_configuration(tmp_path: Path) -> None:
    settings = load(tmp_path, "")

    assert (str(settings.listen), settings.integrations) == ("127.0.0.1:4350", ())
    assert settings.state_dir == tmp_path / "state"


def test_how_long_and_how_much_of_webhooks_is_kept_is_read(tmp_path: Path) -> None:
    settings = load(tmp_path, "webhooks: {keep_days: 7, keep_bytes: 1000000}\n")

    assert (settings.webhooks.keep_days, settings.webhooks.keep_bytes) == (7, 1_000_000)


def test_an_empty_section_is_the_same_as_none(tmp_path: Path) -> None:
    settings = load(
        tmp_path, "analytics:\ntokens:\nintegrations:\n  - {id: a, vendor: http, secrets: , policy: }\n"
    )

    assert settings.analytics.enabled
    assert settings.integrations == (Connection(id="a", vendor="http"),)


def test_the_file_is_named_with_the_sha256_of_its_bytes(tmp_path: Path) -> None:
    settings = load(tmp_path, "log: {level: debug}\n")

    assert settings.sha256 == hashlib.sha256(b"log: {level: debug}\n").hexdigest()
    assert settings.source == str(tmp_path / "dialtone.yaml")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no file that can be read \(No such file or directory\)"):
        load_settings(tmp_path / "missing.yaml", environment={})


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"listen: \xff\xfe")

    with pytest.raises(SettingsError, match=r"bytes that are no UTF-8"):
        load_settings(tmp_path / "x.yaml", environment={})


@pytest.mark.parametrize(
    ("text", "host", "port", "is_loopback"),
    [
        ("localhost:80", "localhost", 80, True),
        ("127.9.9.9:0", "127.9.9.9", 0, True),
        ('"[::1]:4350"', "::1", 4350, True),
        ("0.0.0.0:4350", "0.0.0.0", 4350, False),
        ("dialtone.example:443", "dialtone.example", 443, False),
    ],
)
def test_listen_is_a_host_and_a_port(
    text: str, host: str, port: int, is_loopback: bool, tmp_path: Path
) -> None:
    settings = load(tmp_path, f"listen: {text}\ntokens: [{{name: a, sha256: {HASH}}}]\n")

    assert (settings.listen.host, settings.listen.port) == (host, port)
    assert settings.listen.is_loopback is is_loopback
    assert str(settings.listen) == text.strip('"')


def test_a_token_may_read_unless_more_is_said(tmp_path: Path) -> None:
    settings = load(tmp_path, f"tokens: [{{name: a, sha256: {HASH}}}]\n")

    assert settings.tokens[0].scopes == ("read",)


def test_defaults_lie_below_each_integrations_own_values(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
defaults:
  policy: {timeout: 5, retry: {attempts: 2, cap: 3}}
  check: {interval: 30}
  labels: {team: web, tier: "2"}
integrations:
  - {id: a, vendor: http}
  - {id: b, vendor: http, policy: {retry: {attempts: 1}}, check: {timeout: 3}, labels: {tier: "1"}}
""",
    )
    first, second = settings.integrations

    assert (first.policy.timeout, first.policy.retry.attempts, first.check.interval) == (5, 2, 30)
    assert (second.policy.timeout, second.policy.retry.attempts, second.policy.retry.cap) == (5, 1, 3)
    assert (second.check.interval, second.check.timeout) == (30, 3)
    assert (second.labels.team, second.labels.tier) == ("web", "1")


def test_the_network_holds_for_all_and_an_integration_may_differ(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
network: {proxy: "http://proxy.example:3128"}
integrations:
  - {id: a, vendor: http}
  - {id: b, vendor: http, network: {proxy: null}}
""",
    )

    assert [each.network.proxy for each in settings.integrations] == ["http://proxy.example:3128", None]


def test_references_are_replaced_wherever_text_stands(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
listen: ${HOST:-127.0.0.1}:${PORT}
state_dir: ${DIR:-var}
storage: {url: "${DATABASE}"}
integrations:
  - id: a
    vendor: http
    config: {url: "https://${NAME}/x", list: ["$$5", "${NAME}", "a$b"]}
    secrets: {token: "Bearer ${TOKEN}"}
""",
        PORT="99",
        DATABASE="postgresql://user:word@db/dialtone",
        NAME="shop.example",
        TOKEN="${NAME}",
        DIR="",
    )
    config = settings.integrations[0].config

    assert str(settings.listen) == "127.0.0.1:99"
    assert settings.state_dir == tmp_path / "var"
    assert settings.storage.url is not None
    assert settings.storage.url.reveal() == "postgresql://user:word@db/dialtone"
    assert config == {"url": "https://shop.example/x", "list": ["$5", "shop.example", "a$b"]}
    assert settings.integrations[0].secrets["token"].reveal() == "Bearer ${NAME}"


async def test_a_secret_from_a_file_is_stripped_of_its_newline_and_read_again(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(" first \n")
    settings = load(tmp_path, 'integrations: [{id: a, vendor: http, secrets: {token: "x ${file:token}"}}]\n')
    secret = settings.integrations[0].secrets["token"]
    assert secret.reveal() == "x  first "
    assert secret.origin == "${file:token}"

    (tmp_path / "token").write_text("second\r\n")

    assert await secret.reread()
    assert secret.reveal() == "x second"
    (tmp_path / "token").unlink()
    with pytest.raises(OSError, match=r"\$\{file:token\}: expected a file that can be read"):
        await secret.reread()


@pytest.mark.parametrize("kind", ["large", "binary", "pipe"])
def test_a_secret_file_that_is_no_small_text_is_refused(kind: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    if kind == "pipe":
        os.mkfifo(secret)
        assert stat.S_ISFIFO(secret.stat().st_mode)
    else:
        secret.write_bytes(b"x" * 70_000 if kind == "large" else b"\xff\xfe")

    with pytest.raises(SettingsError, match=r"found \$\{file:secret\}, expected a file that can be read"):
        load(tmp_path, 'integrations: [{id: a, vendor: http, secrets: {token: "${file:secret}"}}]\n')


def test_a_literal_secret_is_allowed_with_a_warning_that_does_not_show_it(tmp_path: Path) -> None:
    settings = load(tmp_path, f"integrations:\n  - {{id: a, vendor: http, secrets: {{token: {HIDDEN}}}}}\n")

    assert settings.integrations[0].secrets["token"].reveal() == HIDDEN
    assert len(settings.warnings) == 1
    assert (
        "dialtone.yaml:2: integrations[0].secrets.token: a secret stands in the file" in settings.warnings[0]
    )
    assert HIDDEN not in repr(settings)


class FakeCatalog:
    """Knows one vendor; refuses by returning or by raising, as it is asked to."""

    def __init__(self, *, raises: bool) -> None:
        self._raises = raises
        self.seen: list[str] = []

    def validate(self, connection: Connection) -> Iterable[ConfigurationError]:
        self.seen.append(connection.id)
        errors = list(self._errors(connection))
        if self._raises and errors:
            raise errors[0]
        return errors

    def _errors(self, connection: Connection) -> Sequence[ConfigurationError]:
        if connection.vendor == "http":
            return []
        known = {"valid": ["http"], "word": connection.vendor}
        return [
            ConfigurationError(
                connection.id, key="vendor", found="no such vendor", expected="one of http", **known
            ),
            ConfigurationError(connection.id, key="config.url", found="nothing", expected="a URL"),
        ]


VENDORS = """
integrations:
  - {id: a, vendor: http}
  - id: b
    vendor: htpp
    config: {}
  - {id: c, vendor: http, secrets: {token: "${MISSING}"}}
"""


@pytest.mark.parametrize("raises", [True, False])
def test_vendors_rules_are_told_with_their_lines(raises: bool, tmp_path: Path) -> None:
    catalog = FakeCatalog(raises=raises)
    path = tmp_path / "x.yaml"
    path.write_text(VENDORS)

    with pytest.raises(SettingsError) as caught:
        load_settings(path, environment={}, validate=catalog.validate)

    told = [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]
    assert "5: integrations[1].vendor: found no such vendor, expected one of http; did you mean http?" in told
    assert ("6: integrations[1].config.url: found nothing, expected a URL" in told) is not raises
    assert catalog.seen == ["a", "b"]


def test_the_bundled_vendors_rules_are_told_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        """
integrations:
  - {id: a, vendor: githib}
  - {id: b, vendor: http, config: {ur: "https://shop.example"}}
  - {id: c, vendor: slack, auth: token}
"""
    )

    with pytest.raises(SettingsError) as caught:
        load_settings(path, environment={}, validate=vendor_rules())

    told = [(problem.line, problem.key, problem.nearest) for problem in caught.value.problems]
    assert told == [
        (3, "integrations[0].vendor", "github"),
        (4, "integrations[1].config.ur", "url"),
        (5, "integrations[2].secrets.token", ""),
    ]


def test_the_example_at_the_root_passes() -> None:
    settings = load_settings(
        EXAMPLE,
        environment={
            "GITHUB_TOKEN": "ghp_x",
            "SLACK_BOT_TOKEN": "xoxb-x",
            "SLACK_SIGNING_SECRET": "x",
            "ONCALL_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        },
        validate=vendor_rules(),
    )

    assert settings.integrations
    assert settings.warnings == ()


SEEDS = [path.read_text() for path in (*sorted(BAD.glob("*.yaml")), EXAMPLE)]


@st.composite
def mangled(draw: st.DrawFn) -> str:
    """A real file with pieces cut out, doubled or replaced."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 20)))
        piece = draw(
            st.sampled_from(["", "${", "${SET}", "${file:/dev/zero}", "\t", ":", "- ", "[", "{", "*a", "&a "])
            | st.sampled_from(["null", "-1", "1e400", "9" * 30, '"\\0"', '"\\ud800"', "!!x", "{}", "[]"])
            | st.text(max_size=6)
        )
        text = text[:start] + piece + text[end:]
    return text


def outcome(path: Path) -> Settings | SettingsError:
    try:
        return load_settings(path, environment={"SET": "from-the-environment"})
    except SettingsError as error:
        return error


@given(text=mangled())
def test_whatever_stands_in_the_file_nothing_but_settings_errors_come_out(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "mangled.yaml"
    path.write_bytes(text.encode(errors="surrogatepass"))

    result = outcome(path)

    assert isinstance(result, Settings) or result.problems
    assert isinstance(result, Settings) or "from-the-environment" not in str(result)
