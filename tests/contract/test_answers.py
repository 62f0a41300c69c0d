"""The places in answers that manifests name, held against what the published contracts describe."""

from collections.abc import Iterator

import pytest

from integrations.manifest import pointers
from tests.contract.folder import ContractsFolder, contracts_folder
from tests.contract.locks import bundled

FOLDER = contracts_folder()
CATALOG = bundled()
NAMED = [
    (vendor, name)
    for vendor in CATALOG.vendors()
    for name, action in CATALOG.manifest(vendor).actions.items()
    if (action.items or action.output)
    and CATALOG.lock(vendor).operations[action.operation].kind == "contract"
]

pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="the published contracts are not here (CONTRACTS names their folder)"
)


@pytest.fixture(scope="module")
def specs() -> dict[str, dict]:
    """The one contract of each vendor, as it was published."""
    assert FOLDER is not None
    folder = ContractsFolder(FOLDER)
    return {
        vendor: folder.raw(contract)
        for vendor in CATALOG.vendors()
        for contract in CATALOG.manifest(vendor).contracts.values()
        if contract.kind != "docs"
    }


@pytest.mark.parametrize(("vendor", "name"), NAMED)
def test_the_contract_knows_the_place_that_is_returned(
    vendor: str, name: str, specs: dict[str, dict]
) -> None:
    manifest = CATALOG.manifest(vendor)
    action = manifest.actions[name]
    prefix = manifest.contracts[action.operation.partition(":")[0]].prefix
    operation = specs[vendor]["paths"][action.path.removeprefix(prefix)][action.method.lower()]

    fields = {
        field for schema in _answers(operation, specs[vendor]) for field in _fields(schema, specs[vendor])
    }

    wanted = pointers.parse(action.items or action.output)[0]
    assert wanted in fields, sorted(fields)


def _answers(operation: dict, spec: dict) -> Iterator[dict]:
    """The schemas of an operation's good answers, in OpenAPI 3 and Swagger 2."""
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            resolved = _resolved(answer, spec)
            yield from (
                media["schema"] for media in resolved.get("content", {}).values() if "schema" in media
            )
            if "schema" in resolved:
                yield resolved["schema"]


def _fields(schema: dict, spec: dict) -> Iterator[str]:
    schema = _resolved(schema, spec)
    yield from schema.get("properties", {})
    for word in ("allOf", "anyOf", "oneOf"):
        for one in schema.get(word, ()):
            yield from _fields(one, spec)


def _resolved(value: dict, spec: dict) -> dict:
    while "$ref" in value:
        found: object = spec
        for token in value["$ref"][2:].split("/"):
            found = found[token.replace("~1", "/").replace("~0", "~")]
        value = found
    return value
