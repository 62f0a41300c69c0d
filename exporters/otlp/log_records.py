"""Log lines as OTLP's log records.

Source: opentelemetry-proto 1.x, and https://opentelemetry.io/docs/specs/otel/logs/data-model/.
"""

from collections.abc import Iterator
from typing import Self

import msgspec
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

from exporters.otlp.attributes import Value, any_value, attribute_fields, nanoseconds

_ATTRIBUTES = LogRecord.DESCRIPTOR.fields_by_name["attributes"].number
_DIGITS = frozenset("0123456789abcdef")
_SEVERITIES = (
    (50, SeverityNumber.SEVERITY_NUMBER_FATAL, "FATAL"),
    (40, SeverityNumber.SEVERITY_NUMBER_ERROR, "ERROR"),
    (30, SeverityNumber.SEVERITY_NUMBER_WARN, "WARN"),
    (20, SeverityNumber.SEVERITY_NUMBER_INFO, "INFO"),
)


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log. `at` is UTC seconds, `level` a number as the standard library has them; the
    trace's ids are empty where the line belongs to none.
    """

    at: float
    level: int
    logger: str
    text: str
    values: tuple[tuple[str, Value], ...] = ()
    trace_id: str = ""
    span_id: str = ""


class LogLines(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept and sent together, in the order in which it was logged."""

    points: tuple[LogLine, ...]

    @property
    def ended(self) -> float:
        """When the last of them was logged, as UTC seconds."""
        return max((line.at for line in self.points), default=0.0)

    def followed_by(self, later: Self) -> Self:
        """Both as one."""
        return msgspec.structs.replace(self, points=(*self.points, *later.points))

    def messages(self) -> Iterator[bytes]:
        """Yield each as a log record, serialized."""
        return map(_record, self.points)


def _record(line: LogLine) -> bytes:
    number, word = _severity(line.level)
    at = nanoseconds(line.at)
    told = LogRecord(time_unix_nano=at, severity_number=number, severity_text=word, body=any_value(line.text))
    values: list[tuple[str, Value]] = [("dialtone.logger", line.logger), *line.values]
    # Attributes stand between the two, in the order of the fields' numbers.
    rest = LogRecord(
        trace_id=_id(line.trace_id, digits=32),
        span_id=_id(line.span_id, digits=16),
        observed_time_unix_nano=at,
    )
    return told.SerializeToString() + attribute_fields(_ATTRIBUTES, values) + rest.SerializeToString()


def _id(text: str, *, digits: int) -> bytes:
    """The bytes of an id. What another library logs under this word may be anything, and is left out."""
    is_one = len(text) == digits and _DIGITS.issuperset(text)
    return bytes.fromhex(text) if is_one else b""


def _severity(level: int) -> tuple[SeverityNumber.ValueType, str]:
    for least, number, word in _SEVERITIES:
        if level >= least:
            return number, word
    return SeverityNumber.SEVERITY_NUMBER_DEBUG, "DEBUG"
