"""Writes the files of a new vendor's folder: an example to fill in, or what a description says."""

from collections.abc import Mapping
from typing import NamedTuple

import yaml

from integrations.manifest import described
from integrations.manifest.described import Described, Field, Spec, snake
from integrations.manifest.loading import LOCK, MANIFEST

README = "README.md"
_EXAMPLE = Described("me", "GET", "/me", "Who the credential belongs to", (), ("200", "401"))
_TO_DO = "TODO"


class Origin(NamedTuple):
    """Where the facts come from: a page or file, and the day (YYYY-MM-DD) they are entered."""

    page: str
    date: str


def files(name: str, *, spec: Spec | None, wanted: tuple[str, ...], origin: Origin) -> dict[str, str]:
    """The folder's files by name, for a vendor that is described by `spec`, or by nothing yet.

    Raises:
        UnknownOperationError: when `wanted` names an operation that the description does not have.
    """
    chosen = described.operations(spec, wanted) if spec is not None else [_EXAMPLE]
    if not chosen:
        chosen = [_EXAMPLE]
    bearer = {"type": "http", "scheme": "bearer"}
    known = spec if spec is not None else {"components": {"securitySchemes": {"token": bearer}}}
    title = str(_at(known, "info", "title") or name.capitalize())
    manifest = _manifest(name, known, title=title, chosen=chosen, origin=origin)
    return {MANIFEST: _yaml(_HEAD, manifest), LOCK: _yaml(_LOCK_HEAD, _lock(chosen, origin)),
            README: _readme(title, manifest, chosen)}  # fmt: skip


_HEAD = "# What each key means: docs/adding-a-vendor.md. Complete what says TODO.\n"
_LOCK_HEAD = (
    "# Facts entered by hand, kind docs, until `make contracts` derives them from a published description.\n"
)


def _manifest(
    name: str, spec: Spec, *, title: str, chosen: list[Described], origin: Origin
) -> dict[str, object]:
    address = described.server(spec)
    field: dict[str, object] = {"type": "url", "title": "where the API answers"}
    field |= {"default": address} if address else {"required": True}
    field["example"] = address or f"https://{name}.example"
    actions = {_action_name(one): _action(one) for one in chosen}
    capabilities: dict[str, list[str]] = {}
    for key, action in actions.items():
        capabilities.setdefault(str(action["effect"]), []).append(key)
    return {
        "manifest": 1,
        "id": name,
        "version": "1.0.0",
        "vendor": {"name": title, "docs": str(_at(spec, "externalDocs", "url") or origin.page)},
        "base_url": "{config.base_url}",
        "hosts": ["{config.base_url}"],
        "contracts": {"docs": {"kind": "docs", "evidence": "vendor docs"}},
        "config": {"base_url": field},
        "auth": described.security(spec),
        "actions": actions,
        "capabilities": {"read": [], **capabilities} if "read" in capabilities else capabilities,
        "health": _health(chosen),
    }


def _health(chosen: list[Described]) -> list[dict[str, object]]:
    """A check of the first action that reads and needs nothing; with examples where all need something."""
    reads = [one for one in chosen if one.method in ("GET", "HEAD")]
    if not reads:
        return []
    best = min(reads, key=lambda one: sum(field.required for field in one.fields))
    params = {_input_name(field): field.example for field in best.fields if field.required}
    check: dict[str, object] = {"action": _action_name(best), "capability": "read"}
    return [{**check, **({"params": params} if params else {})}]


def _action(one: Described) -> dict[str, object]:
    path = one.path
    for field in one.fields:
        if field.place == "path":
            path = path.replace(f"{{{field.name}}}", f"{{{_input_name(field)}}}")
    effect = "read" if one.method in ("GET", "HEAD", "OPTIONS") else "write"
    made: dict[str, object] = {"title": one.title, "effect": effect, "operation": f"docs:{one.id}"}
    made |= {"method": one.method, "path": path}
    if any(field.place == "body" for field in one.fields):
        made["body"] = {"kind": "json"}
    if one.fields:
        made["input"] = {_input_name(field): _input(field) for field in one.fields}
    return made


def _input(field: Field) -> dict[str, object]:
    made: dict[str, object] = {"in": field.place, "type": field.type}
    if _input_name(field) != field.name:
        made["name"] = field.name
    if field.required:
        made["required"] = True
    return {**made, "description": field.description, "example": field.example}


def _input_name(field: Field) -> str:
    return snake(field.name)


def _action_name(one: Described) -> str:
    return snake(one.id)


def _lock(chosen: list[Described], origin: Origin) -> dict[str, object]:
    return {"operations": {f"docs:{one.id}": _fact(one, origin) for one in chosen}}


def _fact(one: Described, origin: Origin) -> dict[str, object]:
    parameters = {
        field.name: {"in": field.place, **({"required": True} if field.required else {})}
        for field in one.fields
    }
    fact: dict[str, object] = {"kind": "docs", "method": one.method, "path": one.path}
    if parameters:
        fact["parameters"] = parameters
    return {**fact, "statuses": list(one.statuses), "page": origin.page, "date": origin.date}


def _readme(title: str, manifest: Mapping[str, object], chosen: list[Described]) -> str:
    auth = manifest["auth"]
    kinds = auth if isinstance(auth, dict) else {}
    rows = [f"| `{_action_name(one)}` | {one.method} | {one.title.replace('|', '/')} |" for one in chosen]
    credentials = [
        f"- `{name}`: {kind['title']}" + "".join(f", secret `{secret}`" for secret in kind.get("secrets", ()))
        for name, kind in kinds.items()
    ]
    return "\n".join([
        f"# {title}", "", f"{_TO_DO}: what it does.", "",
        "## Credentials", "", *credentials, "", f"{_TO_DO}: how to get one, with which scopes.", "",
        "`config.base_url` is where the API answers.", "",
        "## Actions", "", "| action | method | what it does |", "|---|---|---|", *rows, "",
        "## Limits", "", f"{_TO_DO}: what the vendor documents, with the page.", "",
        "## Evidence", "", "Facts entered by hand (see contract.lock).", "",
    ])  # fmt: skip


def _yaml(head: str, value: object) -> str:
    return head + yaml.safe_dump(value, sort_keys=False, width=110, allow_unicode=True)


def _at(spec: Spec, *keys: str) -> object:
    value: object = spec
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
