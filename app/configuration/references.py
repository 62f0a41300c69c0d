"""References in the file's texts: `${NAME}`, `${NAME:-default}`, `${file:/path}`; `$$` is a dollar sign.

A value found through a reference is never shown, and what it holds is not searched for references again.
"""

import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from app.configuration.checks import value_at
from integrations.credentials.secret import Secret
from integrations.manifest import source
from integrations.manifest.source import Document, Problem, key_of
from monitors.alerts.receivers import SECRET_URLS, secret_fields

MAX_FILE_BYTES = 64 * 1024
MAX_REFERENCES = 20_000
MAX_CHARACTERS = 16 * 1024 * 1024
"""Of one configuration file: references, and characters that they lead to."""

_REFERENCE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<inner>[^{}]*)\}|(?P<open>\{))")
_VARIABLE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)
_INTEGRATIONS = ("integrations",)
_RECEIVERS = ("alerts", "receivers")
_OF_RECEIVERS = secret_fields()
_OF_EXPORTERS = {("otlp", "headers"), ("datadog", "api_key"), ("newrelic", "license_key")}
_URLS = frozenset({"url", "urls"})
_FORMS = "${NAME}, ${NAME:-default}, ${file:/path}, or $$ for a dollar sign"


class _UnresolvedError(Exception):
    """A reference leads nowhere: what was found and what was expected."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(found, expected)
        self.found, self.expected = found, expected


class References:
    """Replaces the references of one document, and remembers what must not be shown.

    `shown` says by key what to show of a value that came through references; `unresolved` are the keys whose
    value is not known; `literals` are the secrets that stand in the file itself.
    """

    def __init__(self, document: Document, *, environment: Mapping[str, str], folder: Path) -> None:
        self._document = document
        self._environment = environment
        self._folder = folder
        self.problems: list[Problem] = []
        self.shown: dict[str, str] = {}
        self.unresolved: set[str] = set()
        self.literals: list[source.Path] = []
        self._references_left, self._characters_left = MAX_REFERENCES, MAX_CHARACTERS

    def resolve(self, value: object, path: source.Path = ()) -> object:
        """Return the value with all references replaced; texts where a secret belongs become Secrets."""
        if isinstance(value, dict):
            if path[:1] == _INTEGRATIONS and len(path) == 2 and _is_settled(value):
                return value
            return {key: self.resolve(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolve(item, (*path, index)) for index, item in enumerate(value)]
        if not isinstance(value, str) or ("$" not in value and not _is_secret(path)):
            return value
        return self._text(value, path)

    def _text(self, text: str, path: source.Path) -> object:
        names = _names(text)
        if names:
            self.shown[key_of(path)] = " ".join(names)
        try:
            resolved = self._bounded(text, len(names))
        except _UnresolvedError as error:
            self.unresolved.add(key_of(path))
            self.problems.append(self._document.problem(path, found=error.found, expected=error.expected))
            resolved = ""
        return self._secret(resolved, text, path) if _is_secret(path) else resolved

    def _secret(self, value: str, text: str, path: source.Path) -> Secret:
        names = _names(text)
        if not names and self._should_hide(path):
            self.literals.append(path)
        if not value and key_of(path) not in self.unresolved:
            found = f"{' '.join(names)}, which is empty" if names else "an empty text"
            self.problems.append(self._document.problem(path, found=found, expected="a secret"))
        return Secret(value, origin=" ".join(names), read=self._reader(text) if "${file:" in text else None)

    def _should_hide(self, path: source.Path) -> bool:
        """Whether a secret had better not stand in the file: the URL of most receivers is only an address."""
        if path[:2] != _RECEIVERS or path[3] not in _URLS:
            return True
        receiver = value_at(self._document.value, path[:3])
        return isinstance(receiver, dict) and str(receiver.get("type")) in SECRET_URLS

    def _reader(self, text: str) -> Callable[[], str]:
        def read() -> str:
            try:
                return self._replaced(text)
            except _UnresolvedError as error:
                raise OSError(f"{error.found}: expected {error.expected}") from error

        return read

    def _bounded(self, text: str, references: int) -> str:
        """The text with its references replaced, within what one file may lead to."""
        self._references_left -= references
        if self._references_left < 0:
            raise _UnresolvedError("too many references", f"at most {MAX_REFERENCES} in one file")

        def value(match: re.Match[str]) -> str:
            led_to = self._value(match)
            self._characters_left -= len(led_to)
            if self._characters_left < 0:
                raise _UnresolvedError("references to too much text", f"at most {MAX_CHARACTERS} characters")
            return led_to

        return _REFERENCE.sub(value, text)

    def _replaced(self, text: str) -> str:
        return _REFERENCE.sub(self._value, text)

    def _value(self, match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        if match["open"]:
            raise _UnresolvedError("${ that is not closed", _FORMS)
        inner = match["inner"]
        if inner.startswith("file:"):
            return self._from_file(inner.removeprefix("file:"))
        return self._from_environment(inner)

    def _from_environment(self, inner: str) -> str:
        variable = _VARIABLE.fullmatch(inner)
        if variable is None:
            raise _UnresolvedError("a reference of unknown form", _FORMS)
        value = self._environment.get(variable["name"])
        if variable["default"] is not None:
            return value or str(variable["default"])
        if value is None:
            name = variable["name"]
            raise _UnresolvedError(f"${{{name}}}", f"the environment variable {name} to be set")
        return value

    def _from_file(self, name: str) -> str:
        try:
            return _read_secret(self._folder / name)
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise _UnresolvedError(f"${{file:{name}}}", f"a file that can be read ({reason})") from error


def _is_settled(entry: dict[str, object]) -> bool:
    """Whether an integration stays as it is written, which is seen without the place of each text."""
    return "secrets" not in entry and _is_literal(entry)


def _is_literal(value: object) -> bool:
    if isinstance(value, str):
        return "$" not in value
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return True
    return all(map(_is_literal, value))


def _is_secret(path: source.Path) -> bool:
    return (
        path in (("storage", "url"), ("storage", "key"))
        or (len(path) == 4 and path[0] == "integrations" and path[2] == "secrets")
        or path == ("alerts", "watchdog", "heartbeat_url")
        or (path[:1] == ("exporters",) and path[1:3] in _OF_EXPORTERS)
        or (path[:2] == ("exporters", "otlp") and path[3:4] == ("headers",))
        or (len(path) >= 4 and path[:2] == _RECEIVERS and path[3] in _OF_RECEIVERS)
    )


def _names(text: str) -> list[str]:
    """The references in a text, without their defaults."""
    inner = [match["inner"] for match in _REFERENCE.finditer(text) if match["inner"]]
    return [f"${{{each.partition(':-')[0]}}}" for each in inner]


def _read_secret(path: Path) -> str:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError("it is no regular file")
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise OSError(f"it is larger than {MAX_FILE_BYTES} bytes")
    return content.decode().removesuffix("\n").removesuffix("\r")
