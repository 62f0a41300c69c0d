"""Reads manifests and locks: YAML to strict Structs, then what types alone cannot say."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from integrations.manifest.consistency import problems
from integrations.manifest.contract import Finding, Lock, verify
from integrations.manifest.decoding import decode
from integrations.manifest.plain import read_yaml
from integrations.manifest.schema import Manifest
from integrations.manifest.source import Document, SourceError, nearest

MANIFEST = "manifest.yaml"
LOCK = "contract.lock"


def load_manifest(text: str, *, name: str) -> Manifest:
    """A manifest, right in itself.

    Raises:
        SourceError: with all problems: file, line, key, found, expected, nearest.
    """
    return manifest_of(read_yaml(text, name=name))


def manifest_of(document: Document) -> Manifest:
    """A manifest from a document that is read already.

    Raises:
        SourceError: with all problems.
    """
    manifest = decode(document, Manifest)
    if found := problems(manifest, document):
        raise SourceError(found)
    return manifest


def load_lock(text: str, *, name: str) -> Lock:
    """A contract lock.

    Raises:
        SourceError: with all problems.
    """
    return decode(read_yaml(text, name=name), Lock)


class Catalog:
    """The vendors there are: each one's manifest and lock, by id."""

    def __init__(self, manifests: Mapping[str, Manifest], locks: Mapping[str, Lock]) -> None:
        self._manifests = dict(manifests)
        self._locks = dict(locks)

    @classmethod
    def bundled(cls) -> "Catalog":
        """The vendors that come with Dialtone: every folder of integrations/catalog with a manifest. They are
        read once in a process, which takes 0.2 s.

        Raises:
            SourceError: when one of them is wrong.
        """
        return _bundled()

    @classmethod
    def of(cls, folder: Traversable) -> "Catalog":
        """The vendors of a folder.

        Raises:
            SourceError: when one of them is wrong.
        """
        manifests, locks = {}, {}
        for vendor in sorted(folder.iterdir(), key=lambda entry: entry.name):
            if not (vendor / MANIFEST).is_file():
                continue
            name = f"{vendor.name}/{MANIFEST}"
            manifests[vendor.name] = load_manifest((vendor / MANIFEST).read_text("utf-8"), name=name)
            if (vendor / LOCK).is_file():
                name = f"{vendor.name}/{LOCK}"
                locks[vendor.name] = load_lock((vendor / LOCK).read_text("utf-8"), name=name)
        return cls(manifests, locks)

    def vendors(self) -> tuple[str, ...]:
        """All vendor ids, sorted."""
        return tuple(sorted(self._manifests))

    def manifest(self, vendor: str) -> Manifest:
        """A vendor's manifest.

        Raises:
            LookupError: when there is no such vendor; the message names the nearest.
        """
        if vendor not in self._manifests:
            near = nearest(vendor, self._manifests)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(self.vendors())}"
            raise LookupError(f"there is no vendor {vendor[:80]!r}; {hint}")
        return self._manifests[vendor]

    def lock(self, vendor: str) -> Lock:
        """A vendor's lock; an empty one where it has none.

        Raises:
            LookupError: when there is no such vendor.
        """
        self.manifest(vendor)
        return self._locks.get(vendor, Lock())

    def verify(self, vendor: str) -> list[Finding]:
        """What does not agree between a vendor's manifest and its lock.

        Raises:
            LookupError: when there is no such vendor.
        """
        return verify(self.manifest(vendor), self.lock(vendor))


@cache
def _bundled() -> Catalog:
    return Catalog.of(resources.files("integrations") / "catalog")
