"""Reads manifests and locks: YAML to strict Structs, then what types alone cannot say."""

from collections.abc import Iterator, Mapping
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
        self._locks = locks

    @classmethod
    def bundled(cls) -> "Catalog":
        """The vendors that come with Dialtone: every folder of integrations/catalog with a manifest. They are
        read once in a process; a lock when it is first asked for, for most are those of vendors not in use.

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
        return cls(_manifests(folder), dict(_Locks(folder)))

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


class _Locks(Mapping[str, Lock]):
    """The locks of a folder's vendors, each read when it is first asked for."""

    def __init__(self, folder: Traversable) -> None:
        self._folders = {one.name: one for one in _vendors(folder) if (one / LOCK).is_file()}
        self._read: dict[str, Lock] = {}

    def __getitem__(self, vendor: str) -> Lock:
        if vendor not in self._read:
            text = (self._folders[vendor] / LOCK).read_text("utf-8")
            self._read[vendor] = load_lock(text, name=f"{vendor}/{LOCK}")
        return self._read[vendor]

    def __iter__(self) -> Iterator[str]:
        return iter(self._folders)

    def __len__(self) -> int:
        return len(self._folders)


def _vendors(folder: Traversable) -> list[Traversable]:
    """The folders of vendors, by name."""
    return sorted((one for one in folder.iterdir() if (one / MANIFEST).is_file()), key=lambda one: one.name)


def _manifests(folder: Traversable) -> dict[str, Manifest]:
    return {
        one.name: load_manifest((one / MANIFEST).read_text("utf-8"), name=f"{one.name}/{MANIFEST}")
        for one in _vendors(folder)
    }


@cache
def _bundled() -> Catalog:
    folder = resources.files("integrations") / "catalog"
    return Catalog(_manifests(folder), _Locks(folder))
