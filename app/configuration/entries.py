"""The integrations of the file: each with the defaults below its own values, decoded one by one."""

from collections.abc import Iterator, Mapping

import msgspec

from app.configuration.structure import IntegrationSettings
from integrations.manifest import source
from integrations.manifest.decoding import decode
from integrations.manifest.source import MAX_PROBLEMS, Document, Problem, SourceError, key_of

_MERGED = ("policy", "check", "labels")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One item of `integrations`: where it stands, and its settings or the problems with it."""

    index: int
    settings: IntegrationSettings | None
    problems: tuple[Problem, ...] = ()

    @property
    def path(self) -> source.Path:
        """Where it stands in the file."""
        return ("integrations", self.index)


class _LinesBelow(Mapping[source.Path, int]):
    """A part of a document's lines, by the paths within it; none is looked up before it is asked for."""

    def __init__(self, lines: Mapping[source.Path, int], place: source.Path) -> None:
        self._lines = lines
        self._place = place

    def __getitem__(self, path: source.Path) -> int:
        return self._lines[*self._place, *path]

    def __iter__(self) -> Iterator[source.Path]:
        size = len(self._place)
        return (path[size:] for path in self._lines if path[:size] == self._place)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def read_entries(document: Document, *, has_good_defaults: bool = True) -> Iterator[Entry]:
    """Decode each integration of the file, with `defaults` and `network`, where they are good, below its own
    values; ends after more problems than are told.
    """
    root = document.value if isinstance(document.value, dict) else {}
    items = root.get("integrations")
    if not isinstance(items, list):
        return
    defaults = root if has_good_defaults else {}
    problems = 0
    for index, item in enumerate(items):
        lines = _LinesBelow(document.lines, ("integrations", index))
        part = Document(name=document.name, value=_with_defaults(item, defaults), lines=lines)
        entry = _read_entry(part, index)
        yield entry
        problems += len(entry.problems)
        if problems >= MAX_PROBLEMS:
            return


def secret_hook(type_: type, value: object) -> object:
    """Let Secrets pass (and what may be anything); all else that stands where one belongs is refused."""
    if isinstance(value, type_):
        return value
    raise ValueError("text is expected here; put numbers in quotes")


def without_empty_sections(value: object, struct: type[msgspec.Struct]) -> object:
    """A section with nothing in it is the same as none."""
    if not isinstance(value, dict):
        return value
    known = struct.__struct_encode_fields__
    return {key: item for key, item in value.items() if item is not None or key not in known}


def _read_entry(part: Document, index: int) -> Entry:
    try:
        settings = decode(part, IntegrationSettings, hook=secret_hook)
    except SourceError as error:
        prefix = key_of(("integrations", index))
        problems = tuple(
            msgspec.structs.replace(problem, key=f"{prefix}.{problem.key}".removesuffix("."))
            for problem in error.problems
        )
        return Entry(index=index, settings=None, problems=problems)
    return Entry(index=index, settings=settings)


def _with_defaults(item: object, root: Mapping[str, object]) -> object:
    if not isinstance(item, dict):
        return item
    entry = without_empty_sections(item, IntegrationSettings)
    defaults = root.get("defaults")
    below = {"network": root.get("network")}
    if isinstance(defaults, dict):
        below |= {name: defaults.get(name) for name in _MERGED}
    return _merged({name: value for name, value in below.items() if isinstance(value, dict)}, entry)


def _merged(below: object, above: object) -> object:
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return below | {
        key: _merged(below[key], value) if key in below else value for key, value in above.items()
    }
