"""Hands log lines to whoever exports them, as they are written anyway: nothing that the log does not hold."""

import logging
import traceback
from collections.abc import Callable, Mapping

from exporters.otlp.attributes import MAX_TEXT, Value
from exporters.otlp.log_records import LogLine

_APART = frozenset(
    {
        "event",
        "level",
        "logger",
        "timestamp",
        "exc_info",
        "trace_id",
        "span_id",
        "_record",
        "_from_structlog",
    }
)
"""What a record says elsewhere, or nobody but structlog needs."""


class LogExport(logging.Handler):
    """Makes a LogLine of each record from `level` on; `take` must neither wait nor raise."""

    def __init__(self, take: Callable[[LogLine], None], *, level: str) -> None:
        super().__init__(level.upper())
        self._take = take

    def emit(self, record: logging.LogRecord) -> None:
        """Hand the line on."""
        try:
            self._take(_line(record))
        except Exception:  # noqa: BLE001 - as every handler of the standard library: a log never stops its program
            self.handleError(record)


def _line(record: logging.LogRecord) -> LogLine:
    """What structlog logs comes as a mapping, what others log as a text."""
    event = record.msg if isinstance(record.msg, Mapping) else {"event": record.getMessage()}
    values = [(f"dialtone.{name}", _plain(value)) for name, value in event.items() if name not in _APART]
    return LogLine(
        at=record.created,
        level=record.levelno,
        logger=record.name,
        text=str(event.get("event", "")),
        values=(*values, *_failure(event.get("exc_info") or record.exc_info)),
        trace_id=str(event.get("trace_id", "")),
        span_id=str(event.get("span_id", "")),
    )


def _plain(value: object) -> Value:
    return value if isinstance(value, bool | int | float) else str(value)


def _failure(raised: object) -> tuple[tuple[str, Value], ...]:
    """An exception, with the end of its traceback, where it was raised; by the conventions' names."""
    error = raised[1] if isinstance(raised, tuple) else raised
    if not isinstance(error, BaseException):
        return ()
    text = "".join(traceback.format_exception(error))
    return (("exception.type", type(error).__qualname__), ("exception.stacktrace", text[-MAX_TEXT:]))
