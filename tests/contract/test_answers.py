"""The places in answers that manifests name, held against what the published contracts describe."""

import pytest

from integrations.manifest import pointers
from integrations.manifest.shape import Shape
from tests.contract.folder import ContractsFolder, contracts_folder
from tests.contract.locks import bundled, descriptions, fact_of

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
def folder() -> ContractsFolder:
    assert FOLDER is not None
    return ContractsFolder(FOLDER)


@pytest.mark.parametrize(("vendor", "name"), NAMED)
def test_the_contract_knows_the_place_that_is_returned(
    vendor: str, name: str, folder: ContractsFolder
) -> None:
    manifest = CATALOG.manifest(vendor)
    action = manifest.actions[name]
    contract, _, key = action.operation.partition(":")
    fact = fact_of(manifest, action, descriptions(manifest, folder)[contract], key)

    shape: Shape | str | None = fact.answer
    for token in pointers.parse(action.items or action.output):
        # A description that says nothing of an answer cannot be held against.
        if shape is None or isinstance(shape, str) or not shape.fields:
            return
        assert token in shape.fields, sorted(shape.fields)
        shape = shape.fields[token]
