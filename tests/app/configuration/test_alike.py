"""What equal integrations of a file share, and what they must not."""

from pathlib import Path

import pytest

from app.settings import load_settings
from integrations.connection import Connection
from integrations.manifest.fields import read_field
from integrations.manifest.schema import ConfigField

SITE = (
    "  - {{id: {id}, vendor: http, check: {{interval: 30}}, config: {{url: 'http://x/', expect: {expect}}}}}"
)


def sites(folder: Path, *expectations: str) -> tuple[Connection, ...]:
    path = folder / "dialtone.yaml"
    entries = [SITE.format(id=f"site-{place}", expect=expect) for place, expect in enumerate(expectations)]
    path.write_text("\n".join(["network: {proxy: 'http://proxy.example:3128'}", "integrations:", *entries]))
    return load_settings(path).integrations


def test_integrations_share_what_they_say_alike(tmp_path: Path) -> None:
    first, second = sites(tmp_path, "{status: [200]}", "{status: [200]}")

    assert first.config["expect"] is second.config["expect"]
    assert first.check is second.check
    assert first.vendor is second.vendor
    assert first.network is second.network


@pytest.mark.parametrize("other", ["1.0", "true", "'1'"])
def test_what_is_equal_and_written_otherwise_stays_as_it_is(tmp_path: Path, other: str) -> None:
    expectations = [f"{{json: {{pointer: /a, equals: {value}}}}}" for value in ("1", other)]
    first, second = sites(tmp_path, *expectations)
    field = ConfigField(type="condition", title="What is expected")

    assert first.config["expect"] is not second.config["expect"]
    read = [read_field(one.config["expect"], field) for one in (first, second)]
    assert repr(read[0]) != repr(read[1])
