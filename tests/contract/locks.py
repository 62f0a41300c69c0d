"""Derives contract.lock from the published contracts."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import yaml

from integrations.manifest import pointers
from integrations.manifest.contract import Lock, Operation, Parameter, wire_name, wire_path
from integrations.manifest.loading import LOCK, Catalog
from integrations.manifest.schema import Action, Manifest
from tests.contract import documents
from tests.contract.described import ContractError, DescribedOperation, Description, Schema, fields_of
from tests.contract.folder import REPOSITORY, ContractsFolder
from tests.contract.shapes import shape_of

CATALOG = REPOSITORY / "integrations" / "catalog"


def descriptions(manifest: Manifest, folder: ContractsFolder) -> dict[str, Description]:
    """The manifest's contracts, read."""
    return {
        name: folder.describe(manifest.id, contract)
        for name, contract in manifest.contracts.items()
        if contract.kind != "docs"
    }


def derive(manifest: Manifest, old: Lock, folder: ContractsFolder, described: dict[str, Description]) -> Lock:
    """The lock of today's contracts; facts entered by hand are kept from the old one."""
    operations: dict[str, Operation] = {}
    for name, action in manifest.actions.items():
        contract, _, key = action.operation.partition(":")
        if not action.operation or action.operation in operations:
            continue
        if contract in described:
            operations[action.operation] = fact_of(manifest, action, described[contract], key)
        elif action.operation in old.operations:
            operations[action.operation] = old.operations[action.operation]
        else:
            entry = yaml.safe_dump({action.operation: _by_hand(action)}, sort_keys=False)
            raise ContractError(
                f"{manifest.id}: {name} rests on no published description. Enter what the vendor's page "
                f"says of it into contract.lock under operations, with that page and today's date:\n{entry}"
            )
    sources = {name: folder.source(manifest.contracts[name]) for name in described}
    return Lock(sources=sources, operations=operations, tested=old.tested)


def fact_of(manifest: Manifest, action: Action, description: Description, key: str) -> Operation:
    """What a description says of one operation, as an action uses it.

    Raises:
        ContractError: when there is no such operation, or a GraphQL document is not valid.
    """
    contract = manifest.contracts[action.operation.partition(":")[0]]
    ways = _ways(manifest, action.operation)
    if description.schema is not None:
        fact, answer = documents.asked(description, action, key)
        return msgspec.structs.replace(fact, answer=shape_of(answer, ways, knows_null=True))
    if key not in description.operations:
        raise ContractError(f"{contract.source} has no operation {key}")
    operation = description.operations[key]
    bodies = _bodies(manifest, action.operation, operation)
    knows_null = contract.kind != "swagger"
    is_json = operation.answer is not None and action.answer == "json"
    return Operation(
        kind="contract",
        method=operation.method,
        path=contract.prefix + operation.path,
        parameters=_parameters(operation, bodies),
        open=any(body is not None and bool(fields_of(body)["open"]) for body in bodies),
        security=operation.security,
        statuses=operation.statuses,
        silent=operation.silent,
        answer=shape_of(operation.answer, ways, knows_null=knows_null) if is_json else None,
    )


def _ways(manifest: Manifest, operation: str) -> list[tuple[str, ...]]:
    """The pointers to what the actions of an operation return."""
    actions = [one for one in manifest.actions.values() if one.operation == operation]
    return [pointers.parse(one.items or one.output) for one in actions]


def _bodies(manifest: Manifest, name: str, operation: DescribedOperation) -> list[Schema | None]:
    """The body of each kind that the actions of an operation send."""
    actions = [one for one in manifest.actions.values() if one.operation == name]
    kinds = dict.fromkeys(one.body.kind if one.body is not None else "json" for one in actions)
    return [operation.body_of(kind) for kind in kinds]


def _by_hand(action: Action) -> dict[str, object]:
    """What an entry by hand looks like for an action, to be held against the vendor's page."""
    used = {
        wire_name(name, one): Parameter(place=one.place, required=one.required)
        for name, one in action.input.items()
    }
    method = "POST" if action.graphql else action.method
    fact = Operation(kind="docs", method=method, path=wire_path(action), parameters=used, statuses=("200",))
    return {**msgspec.to_builtins(fact), "page": "https://", "date": ""}


def _parameters(operation: DescribedOperation, bodies: Iterable[Schema | None]) -> dict[str, Parameter]:
    parameters = {
        name: Parameter(place=one.place, required=one.required) for name, one in operation.parameters.items()
    }
    described = [fields_of(body) for body in bodies]
    for name in dict.fromkeys(name for fields in described for name in fields["properties"]):
        # A field that has the name of a path parameter says again what the path says.
        if name not in parameters or parameters[name].place != "path":
            required = all(name in fields["required"] for fields in described)
            parameters[name] = Parameter(place="body", required=required)
    return parameters


def text_of(lock: Lock, vendor: str) -> str:
    """The lock as it is committed."""
    head = f"# What the contracts of {vendor} say: derived by `make contracts`; kind docs entered by hand.\n"
    return head + yaml.safe_dump(msgspec.to_builtins(lock), sort_keys=False, width=110, allow_unicode=True)


def lock_file(vendor: str, catalog: Path = CATALOG) -> Path:
    return catalog / vendor / LOCK


def bundled() -> Catalog:
    return Catalog.of(CATALOG)
