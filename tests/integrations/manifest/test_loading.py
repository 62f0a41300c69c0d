import copy
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest
import yaml

from integrations.manifest.loading import Catalog, load_lock, load_manifest
from integrations.manifest.schema import Manifest
from integrations.manifest.source import SourceError

GOOD = {
    "manifest": 1,
    "id": "x",
    "version": "1",
    "vendor": {"name": "X", "docs": "https://x.example/docs"},
    "base_url": "{config.base_url}",
    "hosts": ["{config.base_url}"],
    "contracts": {"rest": {"kind": "openapi", "evidence": "vendor contract", "source": "x/api.json"}},
    "config": {"base_url": {"type": "url", "title": "address", "default": "https://x.example"}},
    "auth": {"token": {"kind": "bearer", "secrets": {"token": {"title": "token"}}}},
    "limits": [{"id": "all", "rate": 1, "per": 1, "actions": ["get"]}],
    "errors": {"rules": [{"when": {"status": [400]}, "kind": "client_error"}]},
    "paginate": {"pages": {"kind": "cursor", "cursor": "after", "next": "/next"}},
    "actions": {
        "get": {
            "title": "get",
            "effect": "read",
            "operation": "rest:get",
            "path": "/things/{id}",
            "input": {
                "id": {"in": "path", "required": True, "example": "a"},
                "after": {"in": "query", "example": "b"},
            },
            "paginate": "pages",
            "items": "/items",
        }
    },
    "capabilities": {"read": ["get"]},
    "health": [{"action": "get", "capability": "read", "params": {"id": "a"}}],
    "webhooks": {
        "verify": {"kind": "hmac", "secret": "hook", "header": "x-sig"},
        "type": {"pointer": "/type"},
        "id": {"header": "x-id"},
    },
    "deprecations": [{"what": "get", "sunset": "2027-01-01", "actions": ["get"]}],
}


def loaded(change: Callable[[dict], object]) -> Manifest:
    data = copy.deepcopy(GOOD)
    change(data)
    return load_manifest(yaml.safe_dump(data, sort_keys=False), name="x/manifest.yaml")


def test_a_manifest_that_agrees_with_itself_loads() -> None:
    assert loaded(lambda _: None).id == "x"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda d: d.update(base_url="{config.bas_url}"),
            "base_url: found 'config.bas_url', expected one of config.base_url, iso_time(), unix_time()",
        ),
        (lambda d: d.update(base_url="{config.base_url"), "base_url: a brace without its partner"),
        (lambda d: d.update(limits=[{"id": "none"}]), "limits[0]: found neither rate nor concurrency"),
        (
            lambda d: d["limits"][0].update(concurrency=2),
            "limits[0].actions: found a concurrency of some actions, expected one of all actions",
        ),
        (lambda d: d.update(hosts=["{secret.token}"]), "hosts[0]: found 'secret.token'"),
        (lambda d: d.update(headers={"a": "{nope}"}), "headers.a: found 'nope'"),
        (
            lambda d: d["config"]["base_url"].update(default="ftp://x"),
            "config.base_url.default: found another value, expected a URL",
        ),
        (lambda d: d["auth"]["token"].update(token="{secret.tokn}"), "auth.token.token: found 'secret.tokn'"),
        (
            lambda d: d["auth"]["token"]["secrets"].update(other={"title": "o"}),
            "auth.token.secrets.other: found a secret that is not used",
        ),
        (
            lambda d: d["limits"][0].update(actions=["gett"]),
            "limits[0].actions: found 'gett', expected one of get; did you mean get?",
        ),
        (lambda d: d["deprecations"][0].update(actions=["gett"]), "deprecations[0].actions: found 'gett'"),
        (lambda d: d["errors"].update(code="error"), "errors.code: a JSON Pointer starts with /"),
        (lambda d: d["errors"]["rules"][0].update(ok=True), "errors.rules[0]: found ok and a kind"),
        (lambda d: d["errors"]["rules"][0].update(scopes="x"), "errors.rules[0]: a JSON Pointer"),
        (
            lambda d: d["errors"]["rules"][0].update(when={"status": [200], "latency_below": 1}),
            "errors.rules[0].when: exactly one of",
        ),
        (
            lambda d: d["errors"].update(retry_after=[{"header": "a", "pointer": "/b"}]),
            "errors.retry_after[0]: exactly one of header, pointer",
        ),
        (
            lambda d: d.update(quota=[{"bucket": "b", "limit": {"header": "h", "pattern": "("}}]),
            "quota[0].limit.pattern: this is no regular",
        ),
        (
            lambda d: d["actions"]["get"].update(operation="rset:get"),
            "actions.get.operation: found 'rset', expected one of rest; did you mean rest?",
        ),
        (lambda d: d["actions"]["get"].update(code=True), "actions.get.code: found an action in code"),
        (
            lambda d: d["actions"]["get"].update(paginate="page"),
            "actions.get.paginate: found 'page', expected one of pages; did you mean pages?",
        ),
        (lambda d: d["actions"]["get"]["input"].pop("after"), "actions.get.paginate: found no input after"),
        (lambda d: d["actions"]["get"].update(items="items"), "actions.get: a JSON Pointer"),
        (lambda d: d["actions"]["get"].update(headers={"h": "{x}"}), "actions.get.headers.h: found 'x'"),
        (
            lambda d: d["actions"]["get"].update(path="/things"),
            "actions.get.input.id: found a path input, expected {id} in the path",
        ),
        (
            lambda d: d["actions"]["get"].update(path="/things/{idd}"),
            "actions.get.path: found 'idd', expected one of config.base_url, id",
        ),
        (
            lambda d: d["actions"]["get"].update(path="things/{id}"),
            "actions.get.path: found 'things/{id}', expected a path that starts with /",
        ),
        (
            lambda d: d["actions"]["get"]["input"]["id"].update(required=False),
            "actions.get.input.id: found an optional path input",
        ),
        (
            lambda d: d["actions"]["get"]["input"]["id"].update(example=5),
            "actions.get.input.id: found another value, expected must be text",
        ),
        (
            lambda d: d["actions"]["get"]["input"].update(b={"in": "body"}),
            "actions.get.input.b: found an input for the body, expected a `body`",
        ),
        (
            lambda d: d["actions"]["get"]["input"].update(b={"in": "query", "to": "x"}),
            "actions.get.input.b.to: a JSON Pointer",
        ),
        (
            lambda d: d["paginate"]["pages"].pop("next"),
            "paginate.pages.next: found nothing, expected a value, for kind cursor",
        ),
        (lambda d: d["paginate"]["pages"].update(more="x"), "paginate.pages: a JSON Pointer"),
        (lambda d: d.update(capabilities={"read": []}), "actions.get: found an action of no capability"),
        (lambda d: d["capabilities"].update(write=["put"]), "capabilities.write[0]: found 'put'"),
        (
            lambda d: d["health"][0].update(action="gte"),
            "health[0].action: found 'gte', expected one of get; did you mean get?",
        ),
        (lambda d: d["health"][0].update(capability="reed"), "health[0].capability: found 'reed'"),
        (lambda d: d["health"][0].update(auth=["tokn"]), "health[0].auth: found 'tokn'"),
        (
            lambda d: d["health"][0].update(expect_config="base_url"),
            "health[0].expect_config: found 'base_url', expected one of none",
        ),
        (
            lambda d: d["health"][0].update(params={}),
            "health[0].params.id: found another value, expected is required",
        ),
        (lambda d: d["health"][0].update(params={"id": "a", "idd": 1}), "health[0].params.idd: found 'idd'"),
        (lambda d: d["webhooks"]["verify"].pop("secret"), "webhooks.verify.secret: found nothing"),
        (lambda d: d["webhooks"]["verify"].pop("header"), "webhooks.verify.header: found nothing"),
        (
            lambda d: d["webhooks"]["verify"].update(timestamp_header="t"),
            "webhooks.verify.payload: found a timestamp that is not signed",
        ),
        (lambda d: d["webhooks"]["id"].update(pointer="x"), "webhooks.id: a JSON Pointer"),
        (
            lambda d: d["webhooks"].update(handshakes=[{"when": {"status": [200]}, "echo": "x"}]),
            "webhooks.handshakes[0].echo: a JSON Pointer",
        ),
        (
            lambda d: d.update(quota=[{"bucket": "b", "limit": {"header": "h", "pattern": "[0-9]"}}]),
            "quota[0].limit.pattern: found no group",
        ),
        (
            lambda d: d.update(quota=[{"bucket": "b", "reset": {"header": "h"}}]),
            "quota[0].reset.unit: found 'number', expected a unit of time",
        ),
        (
            lambda d: d.update(quota=[{"bucket": "b", "remaining": {"header": "h", "unit": "seconds"}}]),
            "quota[0].remaining.unit: found 'seconds', expected number",
        ),
        (
            lambda d: (
                d.update(quota=[{"bucket": "core", "buckets": ["search"]}]),
                d["actions"]["get"].update(bucket="serch"),
            ),
            "actions.get.bucket: found 'serch', expected one of core, search; did you mean search?",
        ),
        (
            lambda d: d["actions"]["get"].update(idempotency={}),
            "actions.get.idempotency: exactly one of header, to, path is to be set",
        ),
        (
            lambda d: d["actions"]["get"].update(idempotency={"path": "none"}),
            "actions.get.idempotency.path",
        ),
        (
            lambda d: d["actions"]["get"].update(idempotency={"to": "/key"}),
            "actions.get.idempotency: found a key for the body, expected a `body`",
        ),
        (
            lambda d: d["actions"]["get"].update(idempotency={"to": "key"}, body={}),
            "actions.get.idempotency: a JSON Pointer",
        ),
        (
            lambda d: d["webhooks"].update(id={"header": "x", "pointer": "/x"}),
            "webhooks.id: exactly one of header, pointer, first, joined is to be set",
        ),
        (lambda d: d.update(hosst=[]), "hosst: found an unknown key"),
        (
            lambda d: d["actions"]["get"].update(effect="reed"),
            "actions.get.effect: found 'reed', expected one of read, write; did you mean read?",
        ),
    ],
)
def test_what_does_not_hold_together_is_told(change: Callable[[dict], object], said: str) -> None:
    with pytest.raises(SourceError) as error:
        loaded(change)

    assert any(said in str(problem) for problem in error.value.problems), str(error.value)
    assert all(problem.file == "x/manifest.yaml" and problem.line >= 1 for problem in error.value.problems)


def test_a_problem_stands_at_its_line() -> None:
    with pytest.raises(SourceError) as error:
        loaded(lambda d: d.update(base_url="{config.bas_url}"))

    assert error.value.problems[0].line == 7


def test_a_folder_of_vendors_is_a_catalogue(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        data = {**GOOD, "id": name}
        (tmp_path / name / "manifest.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    (tmp_path / "no vendor").mkdir()
    (tmp_path / "one" / "contract.lock").write_text("operations: {}\n")

    catalog = Catalog.of(tmp_path)

    assert catalog.vendors() == ("one", "two")
    assert catalog.manifest("two").id == "two"
    assert [finding.text for finding in catalog.verify("one")] == [
        "contract rest is not in the lock; run `make contracts`",
        "rest:get is not in the lock",
    ]
    with pytest.raises(LookupError, match="did you mean one"):
        catalog.lock("ome")


def test_a_folder_with_a_wrong_lock_is_no_catalogue(tmp_path: Path) -> None:
    (tmp_path / "rest").mkdir()
    (tmp_path / "rest" / "manifest.yaml").write_text(yaml.safe_dump(GOOD, sort_keys=False))
    (tmp_path / "rest" / "contract.lock").write_text("operation: {}\n")

    with pytest.raises(SourceError, match=r"rest/contract\.lock:1"):
        Catalog.of(tmp_path)


def test_a_bundled_lock_is_read_once_and_is_what_its_file_says() -> None:
    file = resources.files("integrations") / "catalog" / "slack" / "contract.lock"
    known = Catalog.bundled().lock("slack")

    assert known == load_lock(file.read_text("utf-8"), name="slack/contract.lock")
    assert Catalog.bundled().lock("slack") is known
    assert Catalog.bundled().lock("http") is Catalog.bundled().lock("http")


def test_a_wrong_lock_says_where() -> None:
    with pytest.raises(SourceError) as error:
        load_lock("operations:\n  a:\n    kind: guess\n    method: GET\n", name="x/contract.lock")

    assert [(problem.line, problem.key) for problem in error.value.problems] == [
        (3, "operations.a.kind"),
        (2, "operations.a.path"),
    ]
