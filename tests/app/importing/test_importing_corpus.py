"""The corpus: every feature of each peer, its golden output, and that this output is a good configuration."""

import contextlib
import os
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from app.commands.local import vendor_rules
from app.importing.blackbox import read_blackbox
from app.importing.gatus import read_gatus
from app.importing.imported import Imported
from app.importing.uptime_kuma import read_uptime_kuma
from app.importing.writing import write
from app.settings import Settings, load_settings
from tests.app.importing.authority import certificate

CORPUS = Path(__file__).parent / "corpus"
NAMES = ("gatus", "blackbox", "blackbox_urls", "uptime_kuma")


def imported(name: str) -> Imported:
    """What the importer makes of a file of the corpus."""
    if name == "gatus":
        return read_gatus((CORPUS / "gatus.yaml").read_text(), name="gatus.yaml")
    if name == "uptime_kuma":
        return read_uptime_kuma((CORPUS / "uptime_kuma.json").read_text(), name="uptime_kuma.json")
    targets = "blackbox_targets.yml" if name == "blackbox" else "blackbox_urls.txt"
    text = (CORPUS / "blackbox.yml").read_text()
    return read_blackbox(
        text, name="blackbox.yml", targets=(CORPUS / targets).read_text(), targets_name=targets
    )


def golden(name: str) -> str:
    """The configuration, and below it all that was left out."""
    found = imported(name)
    text = write(found, command=f"dialtone import {name.partition('_')[0]}", source=f"{name}.golden")
    return text + "".join(f"# {each}\n" for each in found.left_out)


def loaded(text: str, folder: Path) -> Settings:
    """The settings, with a value for every variable and the files that are named."""
    (folder / "dialtone.yaml").write_text(text)
    (folder / "password").write_text("from a file\n")
    (folder / "ca.pem").write_bytes(certificate().public_bytes(Encoding.PEM))
    variables = set(re.findall(r"\$\{([A-Z_a-z][A-Z_a-z0-9]*)\}", text))
    environment = dict.fromkeys(variables, "value")
    environment |= {name: "http://proxy.example.com:3128" for name in variables if name.endswith("_PROXY")}
    with contextlib.chdir(folder):
        return load_settings(Path("dialtone.yaml"), environment=environment, validate=vendor_rules())


@pytest.mark.parametrize("name", NAMES)
def test_the_output_is_the_golden_one(name: str) -> None:
    path = CORPUS / f"{name}.golden.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(golden(name))
    assert golden(name) == path.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_the_output_is_a_good_configuration_without_a_secret_in_clear(name: str, tmp_path: Path) -> None:
    found = imported(name)

    settings = loaded(write(found, command="dialtone import", source=name), tmp_path)

    assert [each.id for each in settings.integrations] == [each.id for each in found.integrations]
    assert settings.warnings == ()


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_of_the_corpus_is_shown(name: str) -> None:
    shown = golden(name)

    assert not re.search(r"topsecret|s3cr3t|hunter2|eyJhbGci|0af52b91|8d7a6b5c|a8f5f167|verysecret", shown)


@pytest.mark.parametrize("name", NAMES)
def test_a_second_import_gives_the_same(name: str) -> None:
    assert golden(name) == golden(name)
