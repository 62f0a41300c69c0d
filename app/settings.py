"""The configuration file and the environment, decoded once and checked whole; nothing else reads either."""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import msgspec

from app.configuration.alerts import check_alerting, networked
from app.configuration.alike import Alike
from app.configuration.checks import Listen, check, parse_listen, value_at
from app.configuration.entries import Entry, read_entries, secret_hook, without_empty_sections
from app.configuration.opentelemetry import with_environment
from app.configuration.references import References
from app.configuration.structure import (
    FaultSettings,
    File,
    LogSettings,
    MetricsSettings,
    StorageSettings,
    TokenSettings,
    WebhookKeeping,
)
from app.garbage import uncollected
from exporters.analytics.settings import AnalyticsSettings
from exporters.settings import ExporterSettings
from integrations.connection import Connection, NetworkPolicy
from integrations.errors import ConfigurationError
from integrations.manifest import source
from integrations.manifest.decoding import decode
from integrations.manifest.plain import read_yaml
from integrations.manifest.source import MAX_CHARACTERS, MAX_PROBLEMS, Document, Problem, SourceError, key_of
from integrations.status_pages.settings import StatusPageSettings
from monitors.alerts.settings import AlertSettings

MAX_BYTES = 4 * MAX_CHARACTERS
"""Of a file: what its characters may take in UTF-8."""

_INHERITED = re.compile(r"integrations\[\d+\]\.(policy|check|labels|network)\b")

Validate = Callable[[Connection], Iterable[ConfigurationError]]


class SettingsError(SourceError):
    """The configuration cannot be used; `problems` are all that were found, in the order of the file."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration that can be started.

    `source` is the file, `sha256` that of its bytes; `warnings` are worth a log line each. Paths are
    absolute.
    """

    listen: Listen
    state_dir: Path
    log: LogSettings
    network: NetworkPolicy
    tokens: tuple[TokenSettings, ...]
    metrics: MetricsSettings
    exporters: ExporterSettings
    analytics: AnalyticsSettings
    storage: StorageSettings
    faults: FaultSettings = FaultSettings()
    status_pages: StatusPageSettings = StatusPageSettings()
    webhooks: WebhookKeeping = WebhookKeeping()
    alerts: AlertSettings = AlertSettings()
    integrations: tuple[Connection, ...]
    source: str
    sha256: str
    warnings: tuple[str, ...] = ()


def load_settings(
    path: Path,
    *,
    environment: Mapping[str, str] | None = None,
    validate: Validate | None = None,
    may_be_bare: bool = True,
) -> Settings:
    """Read and check the file, and all that it refers to. Relative paths in it start at its folder.

    `validate` returns (or raises) what is wrong with a connection by its vendor's rules. Without
    `may_be_bare` it must name its integrations, if only as an empty list: a file that is being written is
    empty at first.

    Raises:
        SettingsError: with every problem there is, up to a hundred.
    """
    content = _read(path)
    with uncollected():
        reading = _Reading(_document(content, path), path, os.environ if environment is None else environment)
        if not may_be_bare:
            reading.refuse_bare()
        settings = reading.settings(hashlib.sha256(content).hexdigest(), validate)
    if settings is None:
        raise SettingsError(reading.problems())
    return settings


class _Reading:
    """One file on its way to Settings, and the problems met."""

    def __init__(self, document: Document, path: Path, environment: Mapping[str, str]) -> None:
        self._path = path.absolute()
        self._folder = self._path.parent
        self._references = References(document, environment=environment, folder=self._folder)
        value = without_empty_sections(self._references.resolve(document.value), File)
        self._document = Document(name=document.name, value=value, lines=document.lines)
        self._problems: list[Problem] = []
        if isinstance(value, dict):
            found = with_environment(value.get("exporters"), environment)
            if found.exporters is not None:
                value["exporters"] = found.exporters
            self._problems += found.problems

    def refuse_bare(self) -> None:
        """Have it be a problem when there is nothing under `integrations`, not even an empty list."""
        if isinstance(self._document.value, dict) and "integrations" not in self._document.value:
            expected = "integrations, or `integrations: []` where all are to go"
            self._problems.append(
                self._document.problem(("integrations",), found="none in the file", expected=expected)
            )

    def settings(self, sha256: str, validate: Validate | None) -> Settings | None:
        """The settings, or None when there are problems."""
        file = self._file()
        entries = list(read_entries(self._document, has_good_defaults=not self._is_default_wrong()))
        self._add(self._own_problems(entries))
        self._add(check(self._document, self._folder))
        self._add(check_alerting(self._document))
        alike = Alike(self._absolute)
        connections = {
            one.index: alike.connection(one.settings) for one in entries if one.settings is not None
        }
        self._add(self._vendor_problems(connections, validate))
        if file is None or self._problems or self._references.problems:
            return None
        return self._result(file, connections.values(), sha256)

    def problems(self) -> list[Problem]:
        """The first hundred that were found, in the order of the file; nothing that only follows from a
        missing value.
        """
        places = {key_of(path): path for path in self._document.lines}
        told = [
            _shown(_pointed(problem, self._document, places), self._references.shown)
            for problem in self._problems
            if problem.key not in self._references.unresolved
        ]
        found = {*self._references.problems, *told}
        return sorted(found, key=lambda problem: (problem.line, problem.key))[:MAX_PROBLEMS]

    def _file(self) -> File | None:
        try:
            return decode(self._document, File, hook=secret_hook)
        except SourceError as error:
            self._problems += error.problems
            return None

    def _add(self, problems: Iterable[Problem]) -> None:
        """Note problems, as many as are told: a file may hold more mistakes than anyone can wait for."""
        self._problems += islice(problems, MAX_PROBLEMS)

    def _is_default_wrong(self) -> bool:
        return any(problem.key.startswith(("defaults", "network")) for problem in self._problems)

    def _own_problems(self, entries: Iterable[Entry]) -> Iterator[Problem]:
        """What is wrong in the entries themselves: a wrong default is told once, where it stands."""
        problems = [problem for entry in entries for problem in entry.problems]
        keys = {key_of(path) for path in self._document.lines} if problems else set()
        is_default_wrong = self._is_default_wrong()
        for problem in problems:
            is_inherited = problem.key not in keys and _INHERITED.match(problem.key) is not None
            if not (is_inherited and is_default_wrong):
                yield problem

    def _vendor_problems(
        self, connections: Mapping[int, Connection], validate: Validate | None
    ) -> Iterator[Problem]:
        for index, candidate in connections.items():
            path = ("integrations", index)
            is_known = not any(key.startswith(key_of(path) + ".") for key in self._references.unresolved)
            if validate is not None and is_known:
                for error in _errors(validate, candidate):
                    yield self._document.problem(
                        (*path, *_parts(error.key)),
                        found=error.found,
                        expected=error.expected,
                        nearest=error.nearest,
                    )

    def _result(self, file: File, connections: Iterable[Connection], sha256: str) -> Settings | None:
        listen = parse_listen(file.listen)
        if listen is None:
            return None
        return Settings(
            listen=listen,
            state_dir=self._folder / file.state_dir,
            log=file.log,
            network=self._absolute(file.network),
            tokens=file.tokens,
            metrics=file.metrics,
            exporters=self._exporters(file),
            analytics=self._analytics(file.analytics),
            storage=file.storage,
            faults=file.faults,
            status_pages=file.status_pages,
            webhooks=file.webhooks,
            alerts=self._alerts(file),
            integrations=tuple(connections),
            source=str(self._path),
            sha256=sha256,
            warnings=tuple(map(self._literal_secret, self._references.literals)),
        )

    def _alerts(self, file: File) -> AlertSettings:
        """With each receiver's network as it is to be used."""
        receivers = networked(file.alerts.receivers, self._document, file.network)
        return msgspec.structs.replace(
            file.alerts,
            receivers=tuple(
                msgspec.structs.replace(each, network=self._absolute(each.network)) for each in receivers
            ),
        )

    def _analytics(self, given: AnalyticsSettings) -> AnalyticsSettings:
        """With the folder for other programs where it is."""
        if given.folder is None:
            return given
        return msgspec.structs.replace(given, folder=str(self._folder / given.folder))

    def _exporters(self, file: File) -> ExporterSettings:
        """With the files of certificate authorities where they are."""
        otlp = file.exporters.otlp
        if otlp is None:
            return file.exporters
        return msgspec.structs.replace(file.exporters, otlp=otlp.located(self._folder))

    def _absolute(self, network: NetworkPolicy) -> NetworkPolicy:
        if network.ca_file is None:
            return network
        return msgspec.structs.replace(network, ca_file=str(self._folder / network.ca_file))

    def _literal_secret(self, path: source.Path) -> str:
        where = f"{self._document.name}:{self._document.line(path)}: {key_of(path)}"
        return f"{where}: a secret stands in the file itself; ${{NAME}} or ${{file:/path}} keeps it out"


def _read(path: Path) -> bytes:
    """What the file holds, at most one byte more than can be used; nothing that could be endless is read."""
    try:
        if path.exists() and not path.is_file():
            raise _unreadable(path, "something else than a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        wanted = "a configuration file in YAML; --config names it, dialtone.example.yaml is one to begin with"
        found = f"no file that can be read ({error.strerror})"
        raise _unreadable(path, found, expected=wanted) from error
    if len(content) > MAX_BYTES:
        raise _unreadable(path, f"more than {MAX_BYTES} bytes")
    return content


def _document(content: bytes, path: Path) -> Document:
    try:
        return read_yaml(content.decode("utf-8-sig"), name=str(path))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unreadable(path, "bytes that are no UTF-8", line=line) from error
    except SourceError as error:
        raise SettingsError(error.problems) from error


def _unreadable(
    path: Path, found: str, *, line: int = 1, expected: str = "a configuration file in YAML"
) -> SettingsError:
    return SettingsError([Problem(file=str(path), line=line, key="", found=found, expected=expected)])


def _errors(validate: Validate, candidate: Connection) -> list[ConfigurationError]:
    try:
        return list(validate(candidate))
    except ConfigurationError as error:
        return [error]


def _parts(key: str) -> source.Path:
    parts = re.findall(r"[^.\[\]]+", key)
    return tuple(int(part) if part.isdigit() else part for part in parts)


def _pointed(problem: Problem, document: Document, places: Mapping[str, source.Path]) -> Problem:
    """A rule between values names the keys it is about: point to the first one that stands in the file."""
    if problem.found or problem.key not in places:
        return problem
    around = places[problem.key]
    for name in re.findall(r"[a-z_]+(?:\.[a-z_]+)*", problem.expected):
        parts = tuple(name.split("."))
        for path in ((*around, *parts), (*around, *parts[1:])):
            value = value_at(document.value, path)
            if path in document.lines and isinstance(value, int | float):
                return document.problem(path, found=str(value), expected=f"that {problem.expected}")
    return problem


def _shown(problem: Problem, references: Mapping[str, str]) -> Problem:
    """Show the reference in place of what it led to."""
    if problem.key not in references or not problem.found:
        return problem
    return msgspec.structs.replace(problem, found=f"the value of {references[problem.key]}")
