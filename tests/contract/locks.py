"""Derives contract.lock from the published contracts."""

from pathlib import Path

import msgspec
import yaml

from integrations.manifest.contract import Lock, Operation, Parameter
from integrations.manifest.loading import LOCK, Catalog
from integrations.manifest.schema import Contract, Manifest
from tests.contract.described import ContractError, DescribedOperation, Description, fields_of
from tests.contract.folder import REPOSITORY, ContractsFolder

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
    operations = {}
    for action in manifest.actions.values():
        name, _, key = action.operation.partition(":")
        if not action.operation or action.operation in operations:
            continue
        if name in described:
            operations[action.operation] = _fact(manifest.contracts[name], described[name], key)
        elif action.operation in old.operations:
            operations[action.operation] = old.operations[action.operation]
        else:
            raise ContractError(
                f"{manifest.id}: enter {action.operation} into contract.lock by hand, kind docs"
            )
    sources = {name: folder.source(manifest.contracts[name]) for name in described}
    return Lock(sources=sources, operations=operations)


def _fact(contract: Contract, description: Description, key: str) -> Operation:
    if key not in description.operations:
        raise ContractError(f"{contract.source} has no operation {key}")
    operation = description.operations[key]
    return Operation(
        kind="contract",
        method=operation.method,
        path=contract.prefix + operation.path,
        parameters=_parameters(operation),
        open=operation.body is not None and not fields_of(operation.body).get("properties"),
        security=operation.security,
        statuses=operation.statuses,
    )


def _parameters(operation: DescribedOperation) -> dict[str, Parameter]:
    parameters = {
        name: Parameter(place=one.place, required=one.required) for name, one in operation.parameters.items()
    }
    body = fields_of(operation.body)
    required = body.get("required", [])
    for name in body.get("properties", {}):
        parameters[name] = Parameter(place="body", required=name in required)
    return parameters


def text_of(lock: Lock, vendor: str) -> str:
    """The lock as it is committed."""
    head = f"# What the contracts of {vendor} say: derived by `make contracts`; kind docs entered by hand.\n"
    return head + yaml.safe_dump(msgspec.to_builtins(lock), sort_keys=False, width=110, allow_unicode=True)


def lock_file(vendor: str, catalog: Path = CATALOG) -> Path:
    return catalog / vendor / LOCK


def bundled() -> Catalog:
    return Catalog.of(CATALOG)
