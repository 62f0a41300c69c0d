"""The folder of published contracts: its files, and what its README says of each."""

import gzip
import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from integrations.manifest.contract import LockedSource
from integrations.manifest.schema import Contract
from tests.contract import openapi
from tests.contract.described import ContractError, Description

REPOSITORY = Path(__file__).parents[2]
OVERLAYS = Path(__file__).parent / "overlays"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_READERS = {"openapi": openapi.read, "swagger": openapi.read}


def contracts_folder() -> Path | None:
    """$CONTRACTS, or ../shared/contracts beside the repository; None where there is none."""
    folder = Path(os.environ.get("CONTRACTS") or REPOSITORY.parent / "shared" / "contracts")
    return folder if (folder / "README.md").is_file() else None


class ContractsFolder:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._readme = (path / "README.md").read_text("utf-8")

    def describe(self, vendor: str, contract: Contract) -> Description:
        """The contract's operations, with the vendor's overlay laid over it."""
        if contract.kind not in _READERS:
            raise ContractError(f"{vendor}: contracts of kind {contract.kind} are not read yet")
        return _READERS[contract.kind](self.raw(contract), overlay(vendor))

    def raw(self, contract: Contract) -> dict[str, object]:
        """The contract as it was published."""
        return _parse(self._bytes(contract.source), contract.source)

    def source(self, contract: Contract) -> LockedSource:
        """Where the file comes from, as the README says; its sha256 must agree."""
        vendor, _, file = contract.source.partition("/")
        row = self._row(vendor, file)
        digest = hashlib.sha256(self._bytes(contract.source)).hexdigest()
        if not digest.startswith(row[-1]):
            raise ContractError(f"{contract.source} is not the file that the README names")
        date = _DATE.search(row[6]) or _DATE.search(self._readme)
        return LockedSource(
            source=contract.source,
            revision=f"{row[4]} {row[5]} {row[6]}",
            sha256=digest,
            date=date[0] if date else "",
        )

    def _row(self, vendor: str, file: str) -> list[str]:
        for line in self._readme.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if cells[:2] == [vendor, file]:
                return cells
        raise ContractError(f"the README names no {vendor}/{file}")

    def _bytes(self, source: str) -> bytes:
        raw = (self._path / source).read_bytes()
        return gzip.decompress(raw) if source.endswith(".gz") else raw


def overlay(vendor: str) -> Mapping[str, object]:
    """What is known to be wrong or old in the vendor's contract; each entry says why."""
    file = OVERLAYS / f"{vendor}.yaml"
    return yaml.safe_load(file.read_text("utf-8")) if file.is_file() else {}


def _parse(raw: bytes, source: str) -> dict[str, object]:
    if ".json" in source:
        return json.loads(raw)
    return yaml.load(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
