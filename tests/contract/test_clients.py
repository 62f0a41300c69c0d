"""Documents of ours, held against those that a vendor's own client sends."""

import pytest

from integrations.manifest.schema import Action
from tests.contract import clients
from tests.contract.clients import ClientDocuments
from tests.contract.described import ContractError

LIST = """# pkg/alerts/alerts_api.go getIssues
query(
	$account: Int!,
	$cursor: String,
) { actor { account(id: $account) { issues(cursor: $cursor) {
	nextCursor
	items { id state ... on BigIssue { size } }
} } } }

# pkg/users/users_api.go getIssues
query { user { id } }
"""
GOOD = (
    "query Issues($account: Int!, $cursor: String) { actor { account(id: $account) "
    "{ issues(cursor: $cursor) { nextCursor items { id size } } } } }"
)
KEY = "alerts/getIssues"


def known() -> ClientDocuments:
    schema = clients.read(LIST).schema
    assert isinstance(schema, ClientDocuments)
    return schema


def action(document: str, items: str = "/data/actor/account/issues/items") -> Action:
    return Action(title="a", effect="read", method="POST", path="/graphql", graphql=document, items=items)


def test_a_document_that_asks_for_no_more_is_a_fact() -> None:
    fact, answer = clients.asked(known(), action(GOOD), KEY)

    assert {name: (one.type, one.required) for name, one in fact.parameters.items()} == {
        "account": ("Int!", True),
        "cursor": ("String", False),
    }
    assert (fact.kind, fact.fields) == ("contract", ("actor",))
    actor = answer["properties"]["data"]["properties"]["actor"]
    assert actor["properties"]["account"]["properties"]["issues"]["required"] == ["nextCursor", "items"]


def test_names_that_repeat_are_told_apart_by_their_package() -> None:
    assert set(known().by_name) == {"alerts/getIssues", "users/getIssues"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("nextCursor", "nextCursor total", "does not ask for /actor/account/issues/total"),
        ("items { id size }", "items", "/items holds fields, or holds none"),
        ("$account: Int!,", "$account: ID!,", "variable account is ID!, the client's Int!"),
        ("$cursor: String", "$cursor: String, $page: Int", "variable page is Int, the client's has none"),
        ("issues(cursor: $cursor)", "issues(cursor: $cursor, all: true)", "with other arguments"),
        ("account(id: $account)", "account", "/account is asked with other arguments"),
        ("query Issues", "mutation Issues", "it is a mutation, the client's a query"),
        ("query Issues(", "query Issues((", "Syntax Error"),
    ],
)
def test_a_document_that_asks_for_more_is_refused(old: str, new: str, said: str) -> None:
    assert old in GOOD

    with pytest.raises(ContractError, match=said.replace("(", r"\(")):
        clients.asked(known(), action(GOOD.replace(old, new)), KEY)


def test_an_argument_that_may_be_left_out_may() -> None:
    document = GOOD.replace("(cursor: $cursor)", "").replace(", $cursor: String", "")

    fact, _ = clients.asked(known(), action(document), KEY)

    assert set(fact.parameters) == {"account"}


def test_a_document_that_the_client_does_not_have_is_refused() -> None:
    with pytest.raises(ContractError, match="no document alerts/getNothing"):
        clients.asked(known(), action(GOOD), "alerts/getNothing")


def test_a_list_without_documents_is_refused() -> None:
    with pytest.raises(ContractError, match="no documents"):
        clients.read("nothing")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"account": 1}, []),
        ({"cursor": "x"}, ["variable account is missing"]),
        ({"account": 1, "page": 2}, ["variable page is unknown"]),
    ],
)
def test_variables_that_are_sent_are_those_of_the_document(
    variables: dict[str, object], said: list[str]
) -> None:
    assert clients.problems(known(), action(GOOD), KEY, {"variables": variables}) == said
