"""What types cannot say: addresses, hashes, files, names given twice.

Every check looks at the plain values, so that it also speaks when something else in the file is wrong; what
has the wrong type is left to the decoding.
"""

import functools
import ipaddress
import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from app.configuration.fallbacks import fallbacks
from integrations.credentials.secret import Secret
from integrations.manifest import source
from integrations.manifest.source import Document, Problem

MAX_INTEGRATIONS = 10_000
MAX_NUMBER = 10**15

_DAY = 86_400
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_LISTEN = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+):(?P<port>[0-9]{1,5})")
_ANYTHING = frozenset({"config", "answer"})
_DATABASES = ("sqlite:///", "postgresql://", "postgres://")


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """Where clients reach Dialtone."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen(text: str) -> Listen | None:
    """Return the address in `host:port` or `[IPv6]:port`, or None."""
    match = _LISTEN.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        return None
    return Listen(host=match["host"].strip("[]"), port=int(match["port"]))


def check(document: Document, folder: Path) -> Iterator[Problem]:
    """All that is wrong with the file, types and vendors' rules apart; relative paths start at `folder`."""
    yield from _numbers(document)
    yield from _entries(document)
    yield from _listen(document)
    yield from _state_dir(document)
    yield from _analytics_folder(document, folder)
    yield from _storage(document)
    yield from _tokens(document)
    yield from _ids(document)
    entries = len(_list(document, ("integrations",)))
    unusable = functools.cache(_unusable)
    receivers = len(_list(document, ("alerts", "receivers")))
    places = (
        ("network",),
        *(("integrations", index, "network") for index in range(entries)),
        *(("alerts", "receivers", index, "network") for index in range(receivers)),
        *_OTLP,
    )
    for place in places:
        yield from _network(document, place, lambda ca_file: unusable(folder / ca_file))
    yield from fallbacks(document)
    yield from _windows(document, entries)


_OTLP = (
    ("exporters", "otlp"),
    *(("exporters", "otlp", signal) for signal in ("metrics", "traces", "logs")),
)
"""Where certificate authorities may be named beside networks."""


def _windows(document: Document, entries: int) -> Iterator[Problem]:
    """Deliveries that an operator wants known again for longer than any is kept."""
    days = value_at(document.value, ("webhooks", "keep_days"))
    if not isinstance(days, int | float):
        return
    for index in range(entries):
        path = ("integrations", index, "config", "webhooks", "window")
        window = value_at(document.value, path)
        if isinstance(window, int | float) and window > days * _DAY:
            expected = f"at most {days * _DAY:.0f}: webhooks.keep_days forgets deliveries then"
            yield document.problem(path, found=f"{window:.0f}", expected=expected)


def _entries(document: Document) -> Iterator[Problem]:
    entries = _list(document, ("integrations",))
    if len(entries) > MAX_INTEGRATIONS:
        found, expected = f"{len(entries)} of them", f"at most {MAX_INTEGRATIONS}; run another Dialtone"
        yield document.problem(("integrations",), found=found, expected=expected)


def _numbers(document: Document) -> Iterator[Problem]:
    """Numbers that no setting means; what a vendor or a client is given holds any."""
    below: list[tuple[source.Path, object]] = [((), document.value)]
    while below:
        path, value = below.pop()
        if isinstance(value, int | float) and abs(value) > MAX_NUMBER:
            yield document.problem(path, found=_short(str(value)), expected=f"a number up to {MAX_NUMBER}")
        elif isinstance(value, dict):
            below += [((*path, key), item) for key, item in value.items() if key not in _ANYTHING]
        elif isinstance(value, list):
            below += [((*path, index), item) for index, item in enumerate(value)]


def _listen(document: Document) -> Iterator[Problem]:
    text = _text(document, ("listen",))
    if text is None:
        return
    listen = parse_listen(text)
    if listen is None:
        yield document.problem(
            ("listen",), found=_short(text), expected="host:port or [IPv6]:port, such as 127.0.0.1:4350"
        )
    elif not listen.is_loopback and not _list(document, ("tokens",)):
        yield document.problem(
            ("listen",),
            found=f"{listen} without tokens, so that everyone on the network could operate Dialtone",
            expected="`tokens` (`dialtone token` makes one), or an address of this machine only: "
            f"127.0.0.1:{listen.port}",
        )


def _analytics_folder(document: Document, folder: Path) -> Iterator[Problem]:
    """A folder for other programs that would lie among what Dialtone keeps for itself, or around it."""
    path = ("analytics", "folder")
    text = _text(document, path)
    if text is None:
        return
    own = (folder / (_text(document, ("state_dir",)) or "state")).resolve()
    given = (folder / text).resolve()
    if not text or given.is_relative_to(own) or own.is_relative_to(given):
        expected = "the path of a folder outside of state_dir, which does not hold it either"
        yield document.problem(path, found=_short(text), expected=expected)


def _state_dir(document: Document) -> Iterator[Problem]:
    text = _text(document, ("state_dir",))
    if text is not None and (not text or "\0" in text):
        yield document.problem(("state_dir",), found=_short(text), expected="a folder's path")


def _storage(document: Document) -> Iterator[Problem]:
    url = value_at(document.value, ("storage", "url"))
    if isinstance(url, Secret) and url.reveal() and not url.reveal().startswith(_DATABASES):
        yield document.problem(
            ("storage", "url"),
            found="no such URL",
            expected="sqlite:///FILE or postgresql://user:password@host/database",
        )


def _tokens(document: Document) -> Iterator[Problem]:
    names: set[str] = set()
    for index, _ in enumerate(_list(document, ("tokens",))):
        path = ("tokens", index)
        sha256, name = _text(document, (*path, "sha256")), _text(document, (*path, "name"))
        if sha256 is not None and not _SHA256.fullmatch(sha256):
            yield document.problem(
                (*path, "sha256"),
                found=f"{len(sha256)} characters that are no sha256",
                expected="64 hexadecimal digits; `dialtone token` makes a token and prints its hash",
            )
        if name is not None and (not name or name in names):
            yield document.problem((*path, "name"), found=_short(name), expected="a name of its own")
        names.add(name or "")
        if value_at(document.value, (*path, "scopes")) == []:
            yield document.problem((*path, "scopes"), found="none", expected="read, operate or admin")


def _ids(document: Document) -> Iterator[Problem]:
    first: dict[str, source.Path] = {}
    for index, _ in enumerate(_list(document, ("integrations",))):
        path = ("integrations", index, "id")
        name = _text(document, path)
        if name is None:
            continue
        if not _ID.fullmatch(name):
            expected = "1 to 63 lower-case letters, digits and dashes, a letter or digit first"
            yield document.problem(path, found=_short(name), expected=expected)
        elif name in first:
            line = document.line(first[name])
            yield document.problem(
                path, found=f"{name} again", expected=f"each id once (first on line {line})"
            )
        first.setdefault(name, path)


def _network(document: Document, path: source.Path, unusable: Callable[[str], str]) -> Iterator[Problem]:
    proxy, ca_file = _text(document, (*path, "proxy")), _text(document, (*path, "ca_file"))
    if proxy is not None and not _is_proxy(proxy):
        yield document.problem(
            (*path, "proxy"), found="no proxy URL", expected="http://host:port or https://host:port"
        )
    if ca_file is not None and (reason := unusable(ca_file)):
        yield document.problem((*path, "ca_file"), found=reason, expected="a file with certificates in PEM")


def _is_proxy(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _unusable(certificates: Path) -> str:
    """Why the file cannot be used, or nothing."""
    try:
        ssl.create_default_context(cafile=str(certificates))
    except ssl.SSLError:
        return "a file without certificates"
    except (OSError, ValueError) as error:
        return f"a file that cannot be read ({getattr(error, 'strerror', None) or error})"
    return ""


def value_at(value: object, path: source.Path) -> object:
    """What stands at `path`, or None."""
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
        else:
            return None
    return value


def _text(document: Document, path: source.Path) -> str | None:
    value = value_at(document.value, path)
    return value if isinstance(value, str) else None


def _list(document: Document, path: source.Path) -> Sequence[object]:
    value = value_at(document.value, path)
    return value if isinstance(value, list) else ()


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
