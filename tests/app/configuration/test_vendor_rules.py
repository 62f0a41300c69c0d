"""A file is held against its vendors' rules from wherever the command is called."""

from pathlib import Path

import certifi
import pytest

from app.configuration.vendors import rules_of
from app.settings import SettingsError, load_settings
from integrations.manifest.loading import Catalog

ONE = (
    "integrations: [{{id: web, vendor: http, config: {{url: 'https://vendor.example/'}}, network: {{{}}}}}]\n"
)


def test_a_relative_authority_is_read_from_the_files_own_folder(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(Path(certifi.where()).read_bytes())
    config = tmp_path / "dialtone.yaml"
    config.write_text(ONE.format("ca_file: ca.pem"))
    settings = load_settings(config, environment={}, validate=rules_of(Catalog.bundled()))
    assert settings.integrations[0].network.ca_file == str(tmp_path / "ca.pem")


@pytest.mark.parametrize("network", ["ca_file: none.pem", "ca_file: dialtone.yaml", "proxy: 'no url'"])
def test_a_network_that_cannot_be_used_is_told_once(tmp_path: Path, network: str) -> None:
    config = tmp_path / "dialtone.yaml"
    config.write_text(ONE.format(network))
    with pytest.raises(SettingsError) as caught:
        load_settings(config, environment={}, validate=rules_of(Catalog.bundled()))
    assert [problem.key for problem in caught.value.problems] == [
        f"integrations[0].network.{network.partition(':')[0]}"
    ]
