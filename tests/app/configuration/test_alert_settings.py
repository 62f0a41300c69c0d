"""The part `alerts` of the configuration file: secrets, networks, and what a reload tells of it."""

import re
from pathlib import Path

import certifi
import pytest

from app.configuration.difference import compare
from app.settings import Settings, load_settings

FILE = """
network: {proxy: "http://proxy.example:3128", ca_file: ca.pem}
alerts:
  receivers:
    - {name: hook, type: webhook, url: "https://hook.example/x", headers: {X-Key: "${KEY}"}}
    - name: inside
      type: webhook
      url: https://10.0.0.1/
      allow_networks: [10.0.0.0/8]
      network: {proxy: null}
  route: {receiver: hook}
"""


def load(folder: Path, text: str = FILE) -> Settings:
    (folder / "ca.pem").write_bytes(Path(certifi.where()).read_bytes())
    path = folder / "dialtone.yaml"
    path.write_text(text)
    return load_settings(path, environment={"KEY": "canary-of-a-receiver", "OTHER": "canary-two"})


def test_a_receivers_secrets_are_found_and_never_shown(tmp_path: Path) -> None:
    settings = load(tmp_path)

    assert settings.alerts.receivers[0].headers["X-Key"].reveal() == "canary-of-a-receiver"
    assert "canary" not in repr(settings)


def test_deliveries_leave_by_the_proxy_of_all_calls_unless_a_receiver_says_otherwise(tmp_path: Path) -> None:
    hook, inside = load(tmp_path).alerts.receivers

    assert (hook.network.proxy, inside.network.proxy) == ("http://proxy.example:3128", None)
    assert hook.network.ca_file == inside.network.ca_file == str(tmp_path / "ca.pem")


@pytest.mark.parametrize(
    ("receiver", "warned"),
    [
        pytest.param(
            'type: slack, url: "https://hooks.slack.com/services/T/B/x"', True, id="who knows it writes"
        ),
        pytest.param('type: webhook, url: "https://hook.example/x"', False, id="an address"),
        pytest.param('type: pagerduty, routing_key: "0123"', True, id="a key"),
        pytest.param('type: pagerduty, routing_key: "${KEY}"', False, id="a key from elsewhere"),
    ],
)
def test_a_key_that_stands_in_the_file_is_warned_of_and_an_address_is_not(
    tmp_path: Path, receiver: str, *, warned: bool
) -> None:
    text = f"alerts: {{receivers: [{{name: one, {receiver}}}], route: {{receiver: one}}}}"

    warnings = load(tmp_path, text).warnings

    assert [bool(re.search(r"alerts\.receivers\[0\]", one)) for one in warnings] == [True] * warned


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        pytest.param("{receiver: hook}", "{receiver: inside}", ("alerts.route.receiver",), id="route"),
        pytest.param("${KEY}", "${OTHER}", ("alerts.receivers",), id="secret"),
        pytest.param("name: inside", "name: within", ("alerts.receivers",), id="receivers"),
        pytest.param("alerts:", "alerts:\n  group_wait: 5", ("alerts.group_wait",), id="a number"),
        pytest.param("alerts:", "alerts:  # who is told", (), id="nothing"),
    ],
)
def test_what_a_reload_would_change_is_told_by_key(
    tmp_path: Path, old: str, new: str, keys: tuple[str, ...]
) -> None:
    assert old in FILE

    difference = compare(load(tmp_path), load(tmp_path, FILE.replace(old, new)))

    assert difference.settings == keys
    assert "canary" not in repr(difference)
