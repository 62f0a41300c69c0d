"""Requests that are really sent, held against the published contracts; skipped where those are not."""

import json
from collections.abc import Iterator

import httpx
import pytest

from integrations.manifest.contract import Operation
from tests.contract.build import request_problems
from tests.contract.checking import OperationChecker
from tests.contract.described import ContractError, DescribedOperation, Description
from tests.contract.folder import ContractsFolder, contracts_folder
from tests.contract.locks import bundled, derive, descriptions, lock_file, text_of

FOLDER = contracts_folder()
CATALOG = bundled()
needs_contracts = pytest.mark.skipif(
    FOLDER is None, reason="the published contracts are not here (CONTRACTS names their folder)"
)


@pytest.fixture(scope="module")
def folder() -> ContractsFolder:
    assert FOLDER is not None
    return ContractsFolder(FOLDER)


@pytest.fixture(scope="module")
def github(folder: ContractsFolder) -> Description:
    return descriptions(CATALOG.manifest("github"), folder)["rest"]


@needs_contracts
@pytest.mark.parametrize("vendor", CATALOG.vendors())
def test_requests_of_every_action_and_check_are_valid(vendor: str, folder: ContractsFolder) -> None:
    manifest = CATALOG.manifest(vendor)

    assert request_problems(manifest, descriptions(manifest, folder)) == []


@needs_contracts
@pytest.mark.parametrize("vendor", CATALOG.vendors())
def test_the_committed_lock_is_what_the_contracts_say(vendor: str, folder: ContractsFolder) -> None:
    manifest = CATALOG.manifest(vendor)

    lock = derive(manifest, CATALOG.lock(vendor), folder, descriptions(manifest, folder))

    assert text_of(lock, vendor) == lock_file(vendor).read_text("utf-8")


@needs_contracts
@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({"title": "a"}, False),
        ({}, True),
        ({"title": [1], "labels": 7}, True),
        ({"title": "a", "tittle": "b"}, True),
        ({"title": "a", "assignees": ["octocat", 5]}, True),
    ],
)
def test_a_wrong_body_is_refused(body: object, github: Description, *, refused: bool) -> None:
    checker = OperationChecker(github.operations["issues/create"], github)
    request = httpx.Request("POST", "https://api.github.com/repos/o/r/issues", json=body)

    assert bool(checker.problems(request, base="")) is refused


@needs_contracts
@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("GET", "/repos/o/r/issues?state=shut", "state"),
        ("GET", "/repos/o/r/issues?per_page=many", "per_page"),
        ("GET", "/repos/o/r/issues?colour=red", "colour is unknown"),
        ("PUT", "/repos/o/r/issues", "method PUT"),
        ("GET", "/repos/o/issues", "is not"),
    ],
)
def test_a_wrong_request_is_refused(method: str, path: str, said: str, github: Description) -> None:
    checker = OperationChecker(github.operations["issues/list-for-repo"], github)

    problems = checker.problems(httpx.Request(method, "https://api.github.com" + path), base="")

    assert any(said in problem for problem in problems)


def test_a_schema_that_does_not_compile_fails_loudly() -> None:
    broken = DescribedOperation("POST", "/x", {}, {"type": "no such type"}, True, (), ())

    with pytest.raises(ContractError, match="does not compile"):
        OperationChecker(broken, Description({}, draft4=True))


@pytest.mark.parametrize(("path", "fits"), [("/v1.41/x", True), ("/v1.41/y", False), ("/x", False)])
def test_what_a_contracts_prefix_leaves_to_config_may_be_anything(path: str, *, fits: bool) -> None:
    operation = DescribedOperation("GET", "/x", {}, None, False, (), ())
    checker = OperationChecker(operation, Description({}, draft4=False), prefix="/v{api_version}")

    problems = checker.problems(httpx.Request("GET", f"https://h{path}"), base="")

    assert (problems == []) is fits


def test_a_body_that_is_sent_as_a_text_of_json_is_compared_by_value() -> None:
    operation = DescribedOperation(
        "POST", "/x", {}, {"type": "object", "properties": {"a": {"type": "integer"}}}, True, (), ()
    )
    checker = OperationChecker(operation, Description({}, draft4=False))

    right = httpx.Request("POST", "https://h/x", content=json.dumps({"a": 1}))
    wrong = httpx.Request("POST", "https://h/x", content=json.dumps({"a": "1"}))

    assert checker.problems(right, base="") == []
    assert checker.problems(wrong, base="") != []


def test_facts_entered_by_hand_name_their_page_and_day() -> None:
    by_hand: list[Operation] = [
        fact
        for vendor in CATALOG.vendors()
        for fact in CATALOG.lock(vendor).operations.values()
        if fact.kind == "docs"
    ]

    assert all(fact.page and fact.date for fact in by_hand)


@needs_contracts
def test_every_error_word_that_slacks_contract_names_has_a_kind() -> None:
    assert FOLDER is not None
    manifest = CATALOG.manifest("slack")
    spec = json.loads((FOLDER / manifest.contracts["web"].source).read_bytes())
    paths = {action.path for action in manifest.actions.values()}
    named = {word for path in paths & set(spec["paths"]) for word in error_words(spec["paths"][path])}

    mapped = {word for rule in manifest.errors.rules for word in rule.kinds}

    assert len(named) > 30
    assert named - mapped == set()


def error_words(value: object) -> Iterator[str]:
    """The words of every `error` property that is an enumeration."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key == "error" and isinstance(inner, dict):
            yield from inner.get("enum", ())
        yield from error_words(inner)
