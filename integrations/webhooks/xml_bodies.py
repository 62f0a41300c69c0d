"""Reads an XML body as a value that JSON Pointers lead into, and writes one anew without what is concealed.

The document's element is the one key of the outermost mapping. An element is the text within it, or a mapping
where it holds attributes (`@name`) or elements; its own text beside them is `#text`, and elements of one name
are a list. Prefixes of namespaces are left out of both names, and their declarations altogether:
`<sf:Id>` is `Id`, whatever `sf` stands for. DTDs, entities and references to anything outside are refused.
"""

import io
from typing import Protocol
from xml.sax import SAXException
from xml.sax.handler import ContentHandler
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.sax import parseString

MAX_DEPTH = 50
MAX_NODES = 20_000
"""Elements and attributes that a body may have, so that reading one takes no time and space to speak of."""

CONCEALED = "[concealed]"
"""Stands where something was that is not kept."""


class _Attributes(Protocol):
    def items(self) -> list[tuple[str, str]]: ...
    def getLength(self) -> int: ...  # noqa: N802 - SAX's own name


def read_xml(body: bytes) -> object:
    """The body as a value.

    Raises:
        msgspec.DecodeError: when it is no XML, holds what is refused, or more than anybody sends.
    """
    reader = _Reader()
    _parse(body, reader)
    return reader.value


def conceal_xml(body: bytes, paths: set[tuple[str, ...]]) -> bytes:
    """The body with each element and attribute at one of the paths concealed, in UTF-8.

    Raises:
        msgspec.DecodeError: as `read_xml` does.
    """
    written = io.StringIO()
    _parse(body, _Writer(written, paths))
    return written.getvalue().encode()


class _Path(ContentHandler):
    """Knows where in the document it is, and how much came."""

    def __init__(self) -> None:
        super().__init__()
        self.path: list[str] = []
        self._nodes = 0

    def enter(self, name: str, attributes: _Attributes) -> None:
        """Be within an element.

        Raises:
            msgspec.DecodeError: when there are too many, or too many within each other.
        """
        self.path.append(_local(name))
        self._nodes += 1 + attributes.getLength()
        if len(self.path) > MAX_DEPTH or self._nodes > MAX_NODES:
            raise msgspec.DecodeError("the body holds more elements than anybody sends")


class _Reader(_Path):
    def __init__(self) -> None:
        super().__init__()
        self.value: dict[str, object] = {}
        self._open: list[tuple[dict[str, object], list[str]]] = [(self.value, [])]

    def startElement(self, name: str, attrs: _Attributes) -> None:  # noqa: N802 - SAX's own name
        self.enter(name, attrs)
        kept: dict[str, object] = {
            f"@{_local(key)}": text for key, text in attrs.items() if not _declares(key)
        }
        self._open.append((kept, []))

    def characters(self, content: str) -> None:
        self._open[-1][1].append(content)

    def endElement(self, name: str) -> None:  # noqa: ARG002, N802 - SAX's own
        fields, texts = self._open.pop()
        text = "".join(texts).strip()
        if fields and text:
            fields["#text"] = text
        _add(self._open[-1][0], self.path.pop(), fields or text)


class _Writer(_Path):
    def __init__(self, written: io.StringIO, paths: set[tuple[str, ...]]) -> None:
        super().__init__()
        self._out = XMLGenerator(written, encoding="utf-8", short_empty_elements=True)
        self._paths = paths
        self._hidden_at = 0

    def startDocument(self) -> None:  # noqa: N802 - SAX's own name
        self._out.startDocument()

    def startElement(self, name: str, attrs: _Attributes) -> None:  # noqa: N802 - SAX's own name
        self.enter(name, attrs)
        if self._hidden_at:
            return
        if tuple(self.path) in self._paths:
            self._hidden_at = len(self.path)
            self._out.startElement(name, AttributesImpl({}))
            self._out.characters(CONCEALED)
            return
        shown = {key: self._shown(key, text) for key, text in attrs.items()}
        self._out.startElement(name, AttributesImpl(shown))

    def characters(self, content: str) -> None:
        if not self._hidden_at:
            self._out.characters(content)

    def endElement(self, name: str) -> None:  # noqa: N802 - SAX's own name
        if self._hidden_at in (0, len(self.path)):
            self._hidden_at = 0
            self._out.endElement(name)
        self.path.pop()

    def _shown(self, key: str, text: str) -> str:
        return CONCEALED if (*self.path, f"@{_local(key)}") in self._paths else text


def _parse(body: bytes, handler: ContentHandler) -> None:
    try:
        parseString(body, handler, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except (SAXException, DefusedXmlException, LookupError, ValueError) as error:
        raise msgspec.DecodeError("the body is no XML that is read") from error


def _add(fields: dict[str, object], name: str, value: object) -> None:
    known = fields.get(name)
    if known is None:
        fields[name] = value
    elif isinstance(known, list):
        known.append(value)
    else:
        fields[name] = [known, value]


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _declares(name: str) -> bool:
    return name == "xmlns" or name.startswith("xmlns:")
