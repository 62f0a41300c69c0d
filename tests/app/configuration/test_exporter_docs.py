"""What docs/exporters.md shows can be used as it stands, and its keys stay secret."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.settings import SettingsError, load_settings
from exporters.settings import DatadogSettings, ExporterSettings, NewRelicSettings

PAGE = (Path(__file__).parents[3] / "docs" / "exporters.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
KEYS = {"DD_API_KEY": "dd-value", "NEW_RELIC_LICENSE_KEY": "nr-value", "OTLP_KEY": "otlp-value"}
EVERY_SECRET = """exporters:
  otlp: {endpoint: "http://collector:4318", headers: {api-key: "${OTLP_KEY}"}}
  datadog: {api_key: "${DD_API_KEY}"}
  newrelic: {license_key: "${NEW_RELIC_LICENSE_KEY}"}
"""


def exporters(folder: Path, text: str, environment: Mapping[str, str] = KEYS) -> ExporterSettings:
    path = folder / "dialtone.yaml"
    path.write_text(text)
    settings = load_settings(path, environment=environment)
    assert settings.warnings == ()
    return settings.exporters


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_is_a_good_configuration(tmp_path: Path, example: str) -> None:
    assert exporters(tmp_path, example).is_pushing


def test_the_first_example_takes_its_keys_from_the_environment(tmp_path: Path) -> None:
    found = exporters(tmp_path, EXAMPLES[0])

    assert isinstance(found.datadog, DatadogSettings)
    assert isinstance(found.newrelic, NewRelicSettings)
    assert (found.datadog.api_key.reveal(), found.newrelic.license_key.reveal()) == ("dd-value", "nr-value")


def test_every_key_is_read_by_reference_and_shown_nowhere(tmp_path: Path) -> None:
    found = exporters(tmp_path, EVERY_SECRET)

    assert found.otlp is not None
    assert found.otlp.headers["api-key"].reveal() == "otlp-value"
    assert "-value" not in repr(found)


def test_a_key_in_the_file_itself_gives_a_warning_that_does_not_show_it(tmp_path: Path) -> None:
    path = tmp_path / "dialtone.yaml"
    path.write_text("exporters:\n  datadog: {api_key: dd-value}\n")

    (warning,) = load_settings(path, environment={}).warnings

    assert "exporters.datadog.api_key: a secret stands in the file itself" in warning
    assert "dd-value" not in warning


def test_a_key_that_is_empty_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"yaml:3: exporters\.datadog\.api_key: found \$\{DD_API_KEY\}, which"
    ):
        exporters(tmp_path, EVERY_SECRET, {**KEYS, "DD_API_KEY": ""})
