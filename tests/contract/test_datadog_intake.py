"""What the Datadog exporter sends fits Datadog's published descriptions; skipped where these are not."""

import httpx
import msgspec
import pytest

from exporters.datadog.events import DatadogEvents
from exporters.datadog.metrics import Datadog
from exporters.datadog.sites import SITES
from exporters.push.batchfile import Batch
from exporters.push.compression import Encoding, decompressed
from exporters.push.exporter import Address
from integrations.manifest.schema import Contract
from tests.contract.checking import OperationChecker
from tests.contract.folder import ContractsFolder, contracts_folder
from tests.contract.openapi import read
from tests.golden.datadog import build

FOLDER = contracts_folder()
pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="the published contracts are not here (CONTRACTS names their folder)"
)
FILES = {"v1": "datadog/v1-openapi.yaml", "v2": "datadog/v2-openapi.yaml.gz"}


def described(version: str) -> dict[str, object]:
    assert FOLDER is not None
    contract = {"kind": "openapi", "evidence": "vendor contract", "source": FILES[version]}
    return ContractsFolder(FOLDER).raw(msgspec.convert(contract, Contract))


def requests() -> list[tuple[Address, Batch]]:
    """The golden window and events, and the question about the key."""
    metrics, events = Datadog(build.SETTINGS), DatadogEvents(build.SETTINGS)
    batches = [*metrics.encode(build.window()), *events.encode(build.EVENTS), metrics.key_question()]
    return [(metrics.address(batch), batch) for batch in batches]


@pytest.mark.parametrize("version", FILES)
def test_every_request_fits_its_operation(version: str) -> None:
    description = read(described(version), {})
    checked = set()

    for address, batch in requests():
        path = httpx.URL(address.url).path
        if not path.startswith(f"/api/{version}/"):
            continue
        plain = decompressed(batch.body, batch.headers.get("content-encoding", ""))
        request = httpx.Request(address.method, address.url, headers=batch.headers, content=plain)
        operation = description.operations[f"{address.method} {path}"]
        assert OperationChecker(operation, description).problems(request, base="") == []
        checked.add(path)

    assert len(checked) == {"v1": 4, "v2": 1}[version]


def test_the_sites_are_those_that_datadog_names() -> None:
    servers = described("v1")["servers"]

    assert set(SITES) == set(servers[0]["variables"]["site"]["enum"])  # type: ignore[index]  # A JSON tree.


def test_datadog_takes_every_encoding_that_may_be_chosen() -> None:
    schemas = described("v2")["components"]["schemas"]  # type: ignore[index]  # A JSON tree.
    written = set()
    for encoding in Encoding:
        settings = msgspec.structs.replace(build.SETTINGS, compression=encoding)
        written.add(Datadog(settings).encode(build.window())[0].headers["content-encoding"])

    assert written == set(schemas["MetricContentEncoding"]["enum"])
