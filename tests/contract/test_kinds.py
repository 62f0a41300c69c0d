"""Each kind of description gives a lock, and refuses a request that it does not describe."""

import gzip
import json
from pathlib import Path

import msgspec
import pytest
import yaml

from integrations.manifest.contract import Lock, Operation, verify
from integrations.manifest.schema import Manifest
from tests.contract.build import request_problems
from tests.contract.described import ContractError, fields_of
from tests.contract.documents import read as read_schema
from tests.contract.folder import ContractsFolder
from tests.contract.listed import read_postman
from tests.contract.locks import derive, descriptions
from tests.contract.openapi import read as read_openapi
from tests.contract.shapes import shape_of

SCHEMA = """
type Query { viewer: User!, issues(first: Int, filter: Filter): Issues }
type Mutation { issueCreate(input: IssueInput!): Made! }
input Filter { team: String }
input IssueInput { title: String!, estimate: Int }
type User { id: ID!, name: String }
type Issues { nodes: [Issue!]!, more: Boolean! }
type Issue { id: ID!, number: Float!, state: State! }
type Made { success: Boolean!, issue: Issue }
enum State { OPEN CLOSED }
"""
EDMX = """<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx">
<edmx:DataServices><Schema Namespace="N" xmlns="http://schemas.microsoft.com/ado/2008/09/edm">
<EntityType Name="PartnerType"><Key><PropertyRef Name="Partner"/></Key>
<Property Name="Partner" Type="Edm.String" Nullable="false"/><Property Name="Blocked" Type="Edm.Boolean"/>
<NavigationProperty Name="to_Address" Relationship="N.Has" FromRole="one" ToRole="many"/></EntityType>
<EntityType Name="AddressType"><Key><PropertyRef Name="Partner"/><PropertyRef Name="Address"/></Key>
<Property Name="Partner" Type="Edm.String" Nullable="false"/>
<Property Name="Address" Type="Edm.String" Nullable="false"/></EntityType>
<Association Name="Has"><End Type="N.PartnerType" Role="one" Multiplicity="1"/>
<End Type="N.AddressType" Role="many" Multiplicity="*"/></Association>
<EntityContainer Name="C"><EntitySet Name="Partners" EntityType="N.PartnerType"/>
<EntitySet Name="Addresses" EntityType="N.AddressType"/></EntityContainer>
</Schema></edmx:DataServices></edmx:Edmx>"""
V4 = """<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>
<Schema Namespace="m.g" Alias="g" xmlns="http://docs.oasis-open.org/odata/ns/edm">
<EntityType Name="entity"><Key><PropertyRef Name="id"/></Key>
<Property Name="id" Type="Edm.String" Nullable="false"/></EntityType>
<EntityType Name="team" BaseType="g.entity"><NavigationProperty Name="channels" Type="Collection(g.channel)"/>
</EntityType><EntityType Name="channel" BaseType="g.entity">
<Property Name="size" Type="Edm.Int64"/></EntityType>
<EntityContainer Name="C"><EntitySet Name="teams" EntityType="m.g.team"/></EntityContainer>
</Schema></edmx:DataServices></edmx:Edmx>"""
POSTMAN = {
    "url": "{{_endpoint}}/services/data/v{{version}}/query/?q=SELECT", "method": "GET",
    "headers": "Authorization: Bearer x", "rawModeData": None,
}  # fmt: skip
DERIVED = {
    "basePath": "/api", "operations": [{"operationId": "getOrg", "method": "GET", "path": "/orgs/{orgID}"}],
}  # fmt: skip
PART = {
    "openapi": "3.1.0",
    "servers": [
        {"url": "{p}://h{base}", "variables": {"p": {"default": "https"}, "base": {"default": "/v3"}}}
    ],
    "paths": {
        "/rooms/{id}": {
            "put": {
                "operationId": "put",
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "parts/room.yaml"}}}},
                "responses": {"200": {"description": ""}},
            }
        }
    },
}
ROOM = {"type": "object", "properties": {"name": {"type": "string"}, "next": {"$ref": "room.yaml"}}}


@pytest.fixture
def folder(tmp_path: Path) -> ContractsFolder:
    """A contracts folder with a description of each kind."""
    files = {
        "v/schema.graphql": SCHEMA, "v/service.edmx": EDMX, "v/graph.xml": V4,
        "v/derived.json": json.dumps(DERIVED),
        "v/postman/query.json": json.dumps(POSTMAN), "v/postman/index.json": "{}",
        "v/parts/api/rooms.yaml": yaml.safe_dump(PART), "v/parts/api/parts/room.yaml": yaml.safe_dump(ROOM),
    }  # fmt: skip
    rows = ["schema.graphql", "service.edmx", "graph.xml", "derived.json", "postman/ (2 files)",
            "parts/api/ (2 files)", "packed.yaml.gz"]  # fmt: skip
    table = [f"| v | {row} | 1 | 1 | from | there | rev 2026-01-02 | MIT | note | - |" for row in rows]
    for name, text in {**files, "README.md": "\n".join(["Collected 2026-01-03", *table])}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "v/packed.yaml.gz").write_bytes(
        gzip.compress(yaml.safe_dump(PART | {"servers": []}).encode())
    )
    return ContractsFolder(tmp_path)


def manifest_of(kind: str, source: str, action: dict[str, object]) -> Manifest:
    return msgspec.convert(
        {
            "manifest": 1, "id": "v", "version": "1", "vendor": {"name": "V", "docs": ""},
            "base_url": "https://h", "hosts": ["h"], "auth": {"token": {"kind": "bearer"}},
            "contracts": {"api": {"kind": kind, "evidence": "vendor contract", "source": source}},
            "actions": {"a": {"title": "a", "effect": "read", **action}}, "capabilities": {"read": ["a"]},
        },
        Manifest,
    )  # fmt: skip


def said(folder: ContractsFolder, manifest: Manifest) -> tuple[Operation, list[str]]:
    """The lock's fact of the one action, and all that does not agree."""
    described = descriptions(manifest, folder)
    lock = derive(manifest, Lock(), folder, described)
    found = [finding.text for finding in verify(manifest, lock)]
    return lock.operations[manifest.actions["a"].operation], found + request_problems(manifest, described)


LIST = {
    "operation": "api:Issues", "method": "POST", "path": "/graphql",
    "graphql": "query Issues($first: Int, $filter: Filter) "
    "{ issues(first: $first, filter: $filter) { more nodes { id number state } } }",
    "input": {
        "first": {"in": "variable", "type": "integer", "example": 5},
        "team": {"in": "variable", "to": "/filter/team", "example": "ENG"},
    },
    "items": "/data/issues/nodes",
}  # fmt: skip


def test_a_graphql_document_is_validated_and_locked(folder: ContractsFolder) -> None:
    fact, problems = said(folder, manifest_of("graphql", "v/schema.graphql", LIST))

    assert problems == []
    assert (fact.fields, len(fact.document)) == (("issues",), 64)
    assert {name: one.type for name, one in fact.parameters.items()} == {"first": "Int", "filter": "Filter"}
    nodes = fact.answer.fields["data"].fields["issues"].fields["nodes"]
    assert nodes.items.fields == {"id": "string", "number": "number", "state": "string"}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"graphql": "query Issues { issues { nodes { colour } } }"}, "Cannot query field 'colour'"),
        ({"graphql": "query Other { viewer { id } }"}, "named Issues"),
        ({"graphql": "query Issues { viewer { id } } query More { viewer { id } }"}, "named Issues"),
        ({"graphql": "query Issues {"}, "Syntax Error"),
    ],
)
def test_a_wrong_document_fails_loudly(change: dict[str, object], text: str, folder: ContractsFolder) -> None:
    with pytest.raises(ContractError, match=text):
        said(folder, manifest_of("graphql", "v/schema.graphql", LIST | change))


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"first": {"in": "variable", "type": "string", "example": "5"}}, "wants Int"),
        ({"last": {"in": "variable", "example": "5"}}, "does not know"),
        ({"team": {"in": "variable", "to": "/filter/colour", "example": "x"}}, "colour"),
    ],
)
def test_wrong_variables_are_found(inputs: dict[str, object], text: str, folder: ContractsFolder) -> None:
    _, problems = said(folder, manifest_of("graphql", "v/schema.graphql", {**LIST, "input": inputs}))

    assert any(text in problem for problem in problems), problems


def test_a_document_that_was_changed_since_is_found(folder: ContractsFolder) -> None:
    manifest = manifest_of("graphql", "v/schema.graphql", LIST)
    lock = derive(manifest, Lock(), folder, descriptions(manifest, folder))
    changed = manifest_of(
        "graphql", "v/schema.graphql", {**LIST, "graphql": LIST["graphql"].replace(" number", "")}
    )

    assert ["another document" in finding.text for finding in verify(changed, lock)] == [True]


def test_a_schema_that_breaks_rules_on_directives_is_taken() -> None:
    assert read_schema("type Query { a: Int @nowhere }").schema is not None


KEY = {"in": "path", "required": True, "example": "17"}


@pytest.mark.parametrize(
    ("source", "action"),
    [
        ("service.edmx", {"operation": "api:GET /Partners", "path": "/Partners", "items": "/d/results",
                          "input": {"top": {"in": "query", "name": "$top", "type": "integer",
                                            "example": 5}}}),
        ("service.edmx", {"operation": "api:GET /Partners({Partner})", "path": "/Partners({key|odata})",
                          "output": "/d", "input": {"key": {**KEY, "name": "Partner"}}}),
        ("service.edmx", {"operation": "api:GET /Partners({Partner})/to_Address",
                          "path": "/Partners({key|odata})/to_Address", "items": "/d/results",
                          "input": {"key": {**KEY, "name": "Partner"}}}),
        ("service.edmx", {"operation": "api:GET /Addresses(Partner={p},Address={a})",
                          "path": "/Addresses(Partner={p|odata},Address={a|odata})",
                          "input": {"p": KEY, "a": KEY}}),
        ("service.edmx", {"operation": "api:POST /Partners", "method": "POST", "path": "/Partners",
                          "body": {},
                          "input": {"blocked": {"in": "body", "name": "Blocked", "type": "boolean",
                                                "example": True}}}),
        ("service.edmx", {"operation": "api:GET /$metadata", "path": "/$metadata", "answer": "text"}),
        ("graph.xml", {"operation": "api:GET /teams/{id}/channels/{channel}",
                       "path": "/teams/{id}/channels/{channel}", "input": {"id": KEY, "channel": KEY}}),
    ],
    ids=lambda value: value if isinstance(value, str) else value["operation"],
)  # fmt: skip
def test_odata_addresses(source: str, action: dict[str, object], folder: ContractsFolder) -> None:
    _, problems = said(folder, manifest_of("csdl", f"v/{source}", action))

    assert problems == []


@pytest.mark.parametrize(
    "operation",
    [
        "GET /Nobody", "DELETE /Partners", "POST /Partners({Partner})", "GET /Partners({a})/to_Nobody",
        "GET /Addresses(Address={a},Partner={p})",
    ],
)  # fmt: skip
def test_odata_has_no_other_addresses(operation: str, folder: ContractsFolder) -> None:
    with pytest.raises(ContractError, match="has no operation"):
        said(folder, manifest_of("csdl", "v/service.edmx", {"operation": f"api:{operation}", "path": "/x"}))


def test_odatas_numbers_are_text_in_v2_and_numbers_in_v4(folder: ContractsFolder) -> None:
    action = {"operation": "api:GET /teams/{id}/channels", "path": "/teams/{id}/channels", "items": "/value"}

    fact, _ = said(folder, manifest_of("csdl", "v/graph.xml", {**action, "input": {"id": KEY}}))

    assert fact.answer.fields["value"].items.fields == {"id": "string", "size": "integer|null"}


def test_a_postman_collection(folder: ContractsFolder) -> None:
    path = "/services/data/v{version}/query/"
    query = {"q": {"in": "query", "required": True, "example": "SELECT Id FROM Account"}}
    action = {"operation": f"api:GET {path}", "path": path, "input": {"version": KEY, **query}}

    fact, problems = said(folder, manifest_of("postman", "v/postman", action))
    _, wrong = said(
        folder, manifest_of("postman", "v/postman", {**action, "input": {"version": KEY, "x": query["q"]}})
    )

    assert problems == []
    assert (fact.security, fact.silent) == (("oauth2",), ("header", "body"))
    assert any("x is unknown" in problem for problem in wrong)


def test_what_a_postman_collection_leaves_to_its_reader_is_a_placeholder() -> None:
    request = {**POSTMAN, "url": "{{_endpoint}}/sobjects/<TYPE>/<RECORD_ID>", "method": "PATCH"}

    described = read_postman([request])

    assert set(described.operations["PATCH /sobjects/{TYPE}/{RECORD_ID}"].parameters) == {"TYPE", "RECORD_ID"}


def test_parameters_that_a_postman_request_lists_and_switches_off_are_known() -> None:
    listed = [{"key": "locator", "value": "", "enabled": False}]

    described = read_postman([{"url": "{{_endpoint}}/results", "method": "GET", "queryParams": listed}])

    assert described.operations["GET /results"].parameters["locator"].place == "query"


def test_a_derived_list_knows_paths_and_is_silent_of_the_rest(folder: ContractsFolder) -> None:
    action = {"operation": "api:getOrg", "path": "/api/orgs/{org_id}",
              "input": {"org_id": {**KEY, "name": "orgID"},
                        "any": {"in": "query", "example": "x"}}}  # fmt: skip

    fact, problems = said(folder, manifest_of("derived", "v/derived.json", action))

    assert problems == []
    assert fact.silent == ("query", "header", "body")


def test_a_description_of_several_files_is_joined(folder: ContractsFolder) -> None:
    action = {"operation": "api:put", "method": "PUT", "path": "/v3/rooms/{id}", "body": {},
              "input": {"id": KEY, "name": {"in": "body", "example": "x"}}}  # fmt: skip

    fact, problems = said(folder, manifest_of("openapi", "v/parts/api", action))
    wrong = {**action, "input": {"id": KEY, "name": {"in": "body", "type": "integer", "example": 7}}}
    _, found = said(folder, manifest_of("openapi", "v/parts/api", wrong))

    assert problems == []
    assert set(fact.parameters) == {"id", "name", "next"}
    assert any("not of type" in problem for problem in found)


def test_a_field_of_the_body_does_not_hide_the_path_parameter_of_its_name(tmp_path: Path) -> None:
    operation = {**PART["paths"]["/rooms/{id}"]["put"], "requestBody": {"content": {"application/json": {
        "schema": {"type": "object", "properties": {"id": {"type": "string"}, "name": {}}}}}}}  # fmt: skip
    (tmp_path / "v").mkdir()
    (tmp_path / "v/one.json").write_text(json.dumps(PART | {"paths": {"/rooms/{id}": {"put": operation}}}))
    (tmp_path / "README.md").write_text("| v | one.json | 1 | 1 | from | there | rev | MIT | note | - |")
    action = {"operation": "api:put", "method": "PUT", "path": "/rooms/{id}", "input": {"id": KEY}}

    fact, problems = said(ContractsFolder(tmp_path), manifest_of("openapi", "v/one.json", action))

    assert problems == []
    assert (fact.parameters["id"].place, fact.parameters["name"].place) == ("path", "body")


def test_an_overlay_drops_no_path_parameter() -> None:
    operation = PART["paths"]["/rooms/{id}"]["put"]
    shared = [*operation["parameters"], {"name": "id", "in": "query", "schema": {}}]
    spec = PART | {"paths": {"/rooms/{id}": {"put": {"parameters": shared, "responses": {}}}}}

    described = read_openapi(spec, {"drop_parameters": {"id": "sent by the credential"}})

    assert described.operations["PUT /rooms/{id}"].parameters["id"].place == "path"


def test_a_packed_file_is_unpacked(folder: ContractsFolder) -> None:
    source = manifest_of("openapi", "v/packed.yaml.gz", {}).contracts["api"]

    assert set(folder.raw(source)["paths"]) == {"/rooms/{id}"}
    assert folder.source(source).date == "2026-01-02"


def test_what_no_description_holds_is_asked_for_by_hand(folder: ContractsFolder) -> None:
    manifest = manifest_of("docs", "", {"operation": "api:restart", "method": "POST", "path": "/restart"})

    with pytest.raises(ContractError, match=r"(?s)by hand|page.*api:restart:\n  kind: docs\n  method: POST"):
        derive(manifest, Lock(), folder, {})


def test_fields_of_alternatives_are_known_and_required_only_by_all() -> None:
    one = {"properties": {"a": {}, "b": {}}, "required": ["a", "b"]}
    other = {"properties": {"a": {}, "c": {}}, "required": ["a"]}

    fields = fields_of({"oneOf": [one, other], "allOf": [{"properties": {"d": {}}, "required": ["d"]}]})

    assert (sorted(fields["properties"]), fields["required"]) == (["a", "b", "c", "d"], ["a", "d"])


def test_a_description_that_cannot_say_null_allows_it_below_the_top() -> None:
    schema = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}

    shape = shape_of(schema, [()], knows_null=False)

    assert (shape.types, shape.fields) == ("object", {"a": "string|null"})
