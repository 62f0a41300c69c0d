"""What an overlay says of a description that is wrong or old, and answers that were recorded."""

import json

import pytest

from integrations.manifest.loading import Catalog
from integrations.manifest.shape import Shape, drift
from tests.contract import openapi
from tests.contract.described import DescribedOperation
from tests.contract.folder import contracts_folder

SPEC = {
    "swagger": "2.0",
    "paths": {
        "/things": {
            "get": {
                "operationId": "listThings",
                "parameters": [{"name": "old", "in": "query", "type": "string", "required": True}],
                "responses": {"200": {"schema": {"$ref": "#/definitions/Thing"}}},
            }
        }
    },
    "definitions": {"Thing": {"type": "object", "properties": {"id": {"type": "integer"}}}},
}
TREE = {"name": "tree", "in": "query", "schema": {"type": "string"}}
FOLDER = contracts_folder()
CATALOG = Catalog.bundled()
RECORDED = [
    ("token.get", "list_personal_access_tokens_single"),
    ("user.get", "get_user"),
    ("branches.list", "list_branches"),
    ("commits.get", "get_commit"),
    ("merge_requests.list", "get_merge_requests"),
    ("merge_requests.list", "get_merge_requests_author_username"),
    ("merge_requests.get", "get_merge_request"),
    ("merge_requests.diffs", "list_merge_request_diff"),
]


def things(**overlay: object) -> DescribedOperation:
    return openapi.read(SPEC, overlay).operations["listThings"]


def test_without_an_overlay_the_description_stands() -> None:
    plain = things()

    assert list(plain.parameters) == ["old"]
    assert plain.answer is not None
    assert "items" not in plain.answer


def test_an_answer_may_be_a_list_of_what_is_described() -> None:
    listed = things(lists=["listThings"]).answer
    other = things(lists=["getThing"]).answer

    assert listed is not None
    assert (listed["type"], listed["items"]) == ("array", {"$ref": "#/definitions/definitions.Thing"})
    assert other == things().answer


def test_parameters_are_added_and_dropped() -> None:
    found = things(add_parameters={"listThings": [TREE]}, drop_parameters={"old": "gone"}).parameters

    assert {name: (one.place, one.required) for name, one in found.items()} == {"tree": ("query", False)}


def test_answers_that_are_not_relied_on_have_no_shape() -> None:
    assert things(drop_answers="made from one instance").answer is None


@pytest.mark.skipif(
    FOLDER is None, reason="the published contracts are not here (CONTRACTS names their folder)"
)
@pytest.mark.parametrize(("action", "file"), RECORDED)
def test_answers_recorded_of_gitlab_fit_the_locks_shapes(action: str, file: str) -> None:
    assert FOLDER is not None
    answer = json.loads((FOLDER / "gitlab" / "responses" / f"{file}.json").read_bytes())
    fact = CATALOG.lock("gitlab").operations[CATALOG.manifest("gitlab").actions[action].operation]
    if fact.kind == "docs":
        assert {"id", "username"} <= set(answer)
        return

    assert isinstance(fact.answer, Shape)
    assert drift(fact.answer, answer) is None
