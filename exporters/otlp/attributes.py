"""Attributes of OTLP, serialized: the same ones come back with every span and log record, and making their
objects anew would be most of the work.
"""

import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

Value = str | bool | int | float

MAX_TEXT = 4_096
"""Characters of a text; what is longer is cut, as OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT would."""

_LEAST, _GREATEST = -(1 << 63), (1 << 63) - 1
_SEVEN_BITS = 0x7F
_BYTES = 2
_FIXED64, _FIXED32 = struct.Struct("<BQ"), struct.Struct("<BI")


def bytes_field(number: int, body: bytes) -> bytes:
    """A field that holds bytes, as protobuf writes it; for numbers below 16."""
    size = len(body)
    lead = bytearray((number << 3 | _BYTES,))
    while size > _SEVEN_BITS:
        lead.append(size & _SEVEN_BITS | 0x80)
        size >>= 7
    lead.append(size)
    return bytes(lead) + body


def nanoseconds(at: float) -> int:
    """A time in UTC seconds, to the microsecond: a float of this size knows no more."""
    return round(at * 1_000_000) * 1_000


def fixed64(number: int, value: int) -> bytes:
    """A field of 64 bits; for numbers below 16."""
    return _FIXED64.pack(number << 3 | 1, value)


def attribute_fields(number: int, values: Iterable[tuple[str, Value]]) -> bytes:
    """Attributes as fields of this number. Those without a text are left out."""
    return b"".join([_field(number, name, value) for name, value in values if value != ""])


def fresh_attribute(number: int, name: str, value: Value) -> bytes:
    """An attribute whose value does not come back, such as an id."""
    return _made(number, name, value)


def _field(number: int, name: str, value: Value) -> bytes:
    # A float comes back rarely, and 1 and True are the same key of a cache.
    return _made(number, name, value) if isinstance(value, float | bool) else _kept(number, name, value)


@lru_cache(maxsize=8_192)
def _kept(number: int, name: str, value: str | int) -> bytes:
    return _made(number, name, value)


def _made(number: int, name: str, value: Value) -> bytes:
    return bytes_field(number, KeyValue(key=encodable(name), value=any_value(value)).SerializeToString())


def any_value(value: Value) -> AnyValue:
    """A value by its type; a whole number that has no room in 64 bits as text."""
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int() if _LEAST <= value <= _GREATEST:
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case _:
            return AnyValue(string_value=encodable(str(value))[:MAX_TEXT])


def encodable(text: str) -> str:
    """A text that UTF-8 can hold: lone surrogates, as a stranger's header may bring them, are replaced."""
    return text.encode("utf-8", "replace").decode()


def resource_of(attributes: Mapping[str, str]) -> Resource:
    """What sends."""
    found = Resource()
    found.attributes.extend(KeyValue(key=name, value=any_value(value)) for name, value in attributes.items())
    return found


def scope_of(version: str) -> InstrumentationScope:
    """What measures."""
    return InstrumentationScope(name="dialtone", version=version)
