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
from tests.contract import clients, documents, listed, odata, openapi, several
from tests.contract.described import ContractError, Description

REPOSITORY = Path(__file__).parents[2]
OVERLAYS = Path(__file__).parent / "overlays"
_KEPT = REPOSITORY / ".pytest_cache" / "contracts"
_LONG = 1_000_000
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def contracts_folder() -> Path | None:
    """$CONTRACTS, or ../shared/contracts beside the repository; None where there is none."""
    folder = Path(os.environ.get("CONTRACTS") or REPOSITORY.parent / "shared" / "contracts")
    return folder if (folder / "README.md").is_file() else None


class ContractsFolder:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._readme = (path / "README.md").read_text("utf-8")
        self._read: dict[tuple[str, Contract], Description] = {}

    def describe(self, vendor: str, contract: Contract) -> Description:
        """The contract's operations, with the vendor's overlay laid over it."""
        if (vendor, contract) not in self._read:
            self._read[vendor, contract] = self._describe(vendor, contract)
        return self._read[vendor, contract]

    def _describe(self, vendor: str, contract: Contract) -> Description:
        match contract.kind:
            case "openapi" | "swagger":
                return openapi.read(self.raw(contract), overlay(vendor))
            case "graphql":
                return documents.read(self._bytes(contract.source).decode())
            case "csdl":
                return odata.refuse_empty(odata.read(self._bytes(contract.source)))
            case "postman":
                files = self._files(contract.source)
                requests = [self._parsed(file) for file in files if not file.endswith("index.json")]
                return listed.read_postman(one for one in requests if "url" in one)
            case "derived" if contract.source.endswith(".graphql.txt"):
                return clients.read(self._bytes(contract.source).decode())
            case "derived":
                return listed.read_derived(self.raw(contract))
            case kind:
                raise ContractError(f"{vendor}: nothing is read of kind {kind}")

    def raw(self, contract: Contract) -> dict[str, object]:
        """The contract as it was published; a folder of files is joined to one."""
        if not (self._path / contract.source).is_dir():
            return self._parsed(contract.source)
        return several.joined(self._files(contract.source), self._parsed)

    def _files(self, folder: str) -> list[str]:
        """All files of a folder that hold descriptions, by their paths."""
        found = (self._path / folder).rglob("*")
        return sorted(
            str(one.relative_to(self._path)) for one in found if one.suffix in (".yaml", ".yml", ".json")
        )

    def _parsed(self, source: str) -> dict[str, object]:
        raw = self._bytes(source)
        if ".json" in source:
            return json.loads(raw)
        return _yaml(raw) if len(raw) < _LONG else _kept(raw)

    def source(self, contract: Contract) -> LockedSource:
        """Where the file comes from, as the README says; its sha256 must agree."""
        vendor, _, file = contract.source.partition("/")
        row = self._row(vendor, file)
        digest = self._digest(contract.source)
        if not digest.startswith(row[-1].removeprefix("-")):
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
            is_folder = len(cells) > 1 and cells[1].startswith(f"{file}/ (")
            if cells[0] == vendor and (cells[1:2] == [file] or is_folder):
                return cells
        raise ContractError(f"the README names no {vendor}/{file}")

    def _digest(self, source: str) -> str:
        """The sha256 of a file; of a folder that of its files' names and digests, in order."""
        if not (self._path / source).is_dir():
            return hashlib.sha256(self._bytes(source)).hexdigest()
        lines = (f"{file} {self._digest(file)}\n" for file in self._files(source))
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def _bytes(self, source: str) -> bytes:
        raw = (self._path / source).read_bytes()
        return gzip.decompress(raw) if source.endswith(".gz") else raw


def overlay(vendor: str) -> Mapping[str, object]:
    """What is known to be wrong or old in the vendor's contract; each entry says why."""
    file = OVERLAYS / f"{vendor}.yaml"
    return yaml.safe_load(file.read_text("utf-8")) if file.is_file() else {}


def _kept(raw: bytes) -> dict[str, object]:
    """A long YAML file, parsed once: the next run reads the JSON of it, in a hundredth of the time."""
    file = _KEPT / f"{hashlib.sha256(raw).hexdigest()}.json"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(_yaml(raw)), "utf-8")
        part.replace(file)
    return json.loads(file.read_bytes())


def _yaml(raw: bytes) -> dict[str, object]:
    """A YAML file; what looks like a date stays the text that it is in JSON Schema."""
    return yaml.load(raw, Loader=_Loader)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Reads no dates, and no `on` and `no` as truth values: they are names of fields."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool"))]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"
)
