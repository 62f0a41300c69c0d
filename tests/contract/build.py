"""`make contracts`: derives every contract.lock anew and checks the requests that are really sent."""

import json
import sys

import click

from integrations.manifest.contract import verify
from integrations.manifest.loading import Catalog
from integrations.manifest.schema import Manifest
from tests.contract import documents
from tests.contract.checking import OperationChecker
from tests.contract.described import ContractError, Description
from tests.contract.examples import Example, base_path, examples
from tests.contract.folder import ContractsFolder, contracts_folder
from tests.contract.locks import bundled, derive, descriptions, lock_file, text_of


def request_problems(manifest: Manifest, described: dict[str, Description]) -> list[str]:
    """What the contracts say against the requests of all actions and checks."""
    problems = []
    for example in examples(manifest):
        name, _, key = manifest.actions[example.action].operation.partition(":")
        if name not in described:
            continue
        found = _problems(manifest, example, described[name], key)
        problems += [f"{example.action} ({example.variant}): {problem}" for problem in found]
    return problems


def _problems(manifest: Manifest, example: Example, description: Description, key: str) -> list[str]:
    action = manifest.actions[example.action]
    if description.schema is not None:
        return documents.problems(description, action, key, json.loads(example.request.content))
    prefix = manifest.contracts[action.operation.partition(":")[0]].prefix
    checker = OperationChecker(description.operations[key], description, prefix=prefix)
    return checker.problems(example.request, base=base_path(manifest, action))


def rebuild(vendor: str, catalog: Catalog, folder: ContractsFolder) -> list[str]:
    """Write a vendor's lock anew and return everything that does not agree."""
    manifest = catalog.manifest(vendor)
    try:
        described = descriptions(manifest, folder)
        lock = derive(manifest, catalog.lock(vendor), folder, described)
        problems = request_problems(manifest, described)
    except ContractError as error:
        return [str(error)]
    lock_file(vendor).write_text(text_of(lock, vendor), "utf-8")
    problems += [f"{finding.action}: {finding.text}" for finding in verify(manifest, lock)]
    requests = sum(1 for _ in examples(manifest))
    click.echo(f"{vendor}: {len(lock.operations)} operations, {requests} requests, {len(problems)} problems")
    return problems


def main() -> int:
    path = contracts_folder()
    catalog = bundled()
    if path is None:
        click.echo("No contracts folder (CONTRACTS): the locks are checked, nothing is derived or validated.")
        problems = [str(finding) for vendor in catalog.vendors() for finding in catalog.verify(vendor)]
    else:
        folder = ContractsFolder(path)
        problems = [problem for vendor in catalog.vendors() for problem in rebuild(vendor, catalog, folder)]
        from tests.contract.mutations import report, tally

        found = []
        for vendor in catalog.vendors():
            described = descriptions(catalog.manifest(vendor), folder)
            found += tally(vendor, most=1_000, described=described) if described else []
        for line in report(found):
            click.echo(line)
    for problem in problems:
        click.echo(f"  {problem}", err=True)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
