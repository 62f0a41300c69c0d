"""The simulator's answers, held against the response schemas of the vendors' published contracts; skipped
where those are not.

Slack's description is left out: its own examples break its schemas, as shared/reference/contracts.md says.
"""

from collections.abc import AsyncIterator

import jsonschema_rs
import pytest

from tests.contract import openapi
from tests.contract.folder import ContractsFolder, contracts_folder
from tests.fakes.clock import VIRTUAL_TIME
from tests.fakes.simulated import CATALOG, WAYS, World

FOLDER = contracts_folder()
CONTRACTS = {"github": "rest", "prometheus": "api"}
ACTIONS = [
    (vendor, name)
    for vendor, contract in CONTRACTS.items()
    for name, action in CATALOG.manifest(vendor).actions.items()
    if action.operation.startswith(f"{contract}:") and action.answer == "json"
]

pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="the published contracts are not here (CONTRACTS names their folder)"
)


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.executor.aclose()


class Answers:
    """The response schemas of one contract."""

    def __init__(self, vendor: str) -> None:
        assert FOLDER is not None
        contract = CATALOG.manifest(vendor).contracts[CONTRACTS[vendor]]
        self._spec = ContractsFolder(FOLDER).raw(contract)
        self._reader = openapi._Reader(self._spec, {})
        self._prefix = contract.prefix
        self._is_old = str(self._spec["openapi"]).startswith("3.0")

    def problems(self, method: str, path: str, *, status: int, body: object) -> list[str]:
        """What an answer has wrong; a status that is not described is one."""
        operation = self._spec["paths"][path.removeprefix(self._prefix)][method.lower()]
        described = operation["responses"].get(str(status))
        if described is None:
            return [f"{status} is not described"]
        schema = self._reader._resolved(described)["content"]["application/json"]["schema"]
        kind = jsonschema_rs.Draft4Validator if self._is_old else jsonschema_rs.Draft202012Validator
        found = kind(self._reader.self_contained(schema)).iter_errors(body)
        return [f"{error.instance_path}: {error.message[:200]}" for error in found]


@pytest.fixture(scope="module")
def contracts() -> dict[str, Answers]:
    return {vendor: Answers(vendor) for vendor in CONTRACTS}


@pytest.mark.parametrize(("vendor", "action"), ACTIONS, ids=str)
async def test_an_answer_is_what_the_contract_describes(
    world: World, contracts: dict[str, Answers], vendor: str, action: str
) -> None:
    declared = CATALOG.manifest(vendor).actions[action]
    fitting = (way for way in WAYS if way.vendor == vendor and way.auth in (declared.auth or (way.auth,)))
    integration = world.register(next(fitting))

    await world.call(integration, action)

    # A token may have been bought before.
    answer = world.answers[-1]
    problems = contracts[vendor].problems(
        declared.method, declared.path, status=answer.status_code, body=answer.json()
    )
    assert problems == []


def test_an_answer_that_lacks_a_field_is_found(contracts: dict[str, Answers]) -> None:
    problems = contracts["github"].problems("GET", "/user", status=200, body={"login": "mona"})

    assert problems
