"""Structured logs: one event a line, changes of state only, written by a thread so that no call waits for the
disk.
"""

import logging
import logging.handlers
import queue
import sys
from collections.abc import Iterable, Mapping
from typing import Literal

import structlog

from integrations.samples import Sample
from integrations.signals import (
    APIRequest,
    BreakerTransition,
    CallRecord,
    CheckResult,
    ConfigChange,
    ContractDrift,
    CredentialNotice,
    HealthChange,
    IncidentChange,
    Indicator,
    ObjectiveChange,
    OperatorAction,
    Signal,
    VendorNotice,
)

QUEUE_SIZE = 10_000
STOP_SECONDS = 5.0

_SEVERITY = logging.getLevelNamesMapping()
_WORSE = frozenset({"opened", "worsened", "reopened"})
_LEVELS = {"up": "info", "paused": "info", "unknown": "info"}


class _BoundedQueueHandler(logging.handlers.QueueHandler):
    """Puts records into a bounded queue; a full one drops the record and counts it."""

    def __init__(self, records: "queue.Queue[logging.LogRecord | None]") -> None:
        super().__init__(records)
        self._records = records
        self.dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Leave the formatting to the thread; events hold no object that changes."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Never wait."""
        try:
            self._records.put_nowait(record)
        except queue.Full:
            self.dropped += 1


class _PatientListener(logging.handlers.QueueListener):
    """Asks its thread to stop also when the queue is full."""

    def __init__(self, records: "queue.Queue[logging.LogRecord | None]", output: logging.Handler) -> None:
        super().__init__(records, output)
        self._records = records

    def enqueue_sentinel(self) -> None:
        """Wait for a place, for five seconds; then take the oldest record's."""
        try:
            self._records.put(None, timeout=STOP_SECONDS)
        except queue.Full:
            self._records.get_nowait()
            self._records.put_nowait(None)


class Logs:
    """Owns the process's logging from `start` to `stop`."""

    def __init__(self, *, level: str, style: Literal["auto", "json", "console"]) -> None:
        self._level = level.upper()
        self._console = style == "console" or (style == "auto" and sys.stderr.isatty())
        self._queue: queue.Queue[logging.LogRecord | None] = queue.Queue(QUEUE_SIZE)
        self._handler = _BoundedQueueHandler(self._queue)
        self._listener: logging.handlers.QueueListener | None = None
        self._export: logging.Handler | None = None

    def export_to(self, handler: logging.Handler | None) -> None:
        """Hand each line to this handler too, from `start` to `stop`."""
        self._export = handler

    def start(self) -> None:
        """Route structlog and the standard library's logging to stderr through the thread."""
        shared: list[structlog.types.Processor] = [
            # The trace of the request that is being answered.
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ]
        structlog.configure(
            processors=[*shared, _hold_exception, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
            cache_logger_on_first_use=False,
        )
        output = logging.StreamHandler(sys.stderr)
        output.setFormatter(
            structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=self._renderers())
        )
        self._listener = _PatientListener(self._queue, output)
        self._listener.start()
        handlers = [self._handler, *([self._export] if self._export is not None else ())]
        logging.basicConfig(level=self._level, handlers=handlers, force=True)
        for name in ("httpx", "httpcore", "aiohttp", "asyncio", "uvicorn", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)

    def set_level(self, level: str) -> None:
        """Write what is of this level or above from now on."""
        self._level = level.upper()
        logging.getLogger().setLevel(self._level)

    def stop(self) -> None:
        """Write what is queued and stop the thread."""
        if self._listener is not None:
            self._listener.stop()
            self._listener = None
            logging.getLogger().removeHandler(self._handler)
        if self._export is not None:
            logging.getLogger().removeHandler(self._export)

    def writes(self, level: str) -> bool:
        """Whether a line of this level is written."""
        return _SEVERITY[level.upper()] >= _SEVERITY[self._level]

    def samples(self) -> Iterable[Sample]:
        """The queue's depth and drops."""
        yield Sample("dialtone_queue_depth", ("log",), self._queue.qsize())
        yield Sample("dialtone_queue_dropped_total", ("log", "full"), self._handler.dropped)

    def _renderers(self) -> list[structlog.types.Processor]:
        plain = structlog.stdlib.ProcessorFormatter.remove_processors_meta
        if self._console:
            # The default formatter prints local variables, and those may hold secrets.
            return [plain, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        return [plain, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


_INCIDENT = ("event", "incident", "capability", "state", "reason", "actor")
_OPERATOR = ("action", "capability", "actor", "reason", "expires_at")
_WARNINGS: Mapping[type[Signal], tuple[str, tuple[str, ...]]] = {
    BreakerTransition: ("breaker changed", ("capability", "before", "after", "reason", "actor")),
    ContractDrift: ("contract drift", ("action", "pointer", "expected", "found")),
    ObjectiveChange: ("objective", ("objective", "before", "after", "windows", "budget_left")),
}
_VENDORS_WORD = ("vendor", "kind", "indicator", "components", "title", "action", "sunset_at", "url")


_NEVER_WRITTEN = frozenset({CallRecord, CheckResult, APIRequest})
"""There are far more of these than of all others."""


class SignalLog:
    """Writes a line for each signal that is a change of state; what happens per call is a metric. What is
    below the level of `logs` costs nothing: at a start, ten thousand integrations change their health.
    """

    def __init__(self, logs: Logs | None = None) -> None:
        self._log = structlog.get_logger("dialtone")
        self._logs = logs

    def on_signal(self, signal: Signal) -> None:
        """Log the signal, or pass it by."""
        if type(signal) not in _NEVER_WRITTEN:
            self._tell(signal)

    def _tell(self, signal: Signal) -> None:
        match signal:
            case HealthChange():
                level = _LEVELS.get(signal.after, "warning") if signal.capability == "" else "debug"
                self._write("health changed", signal, "capability", "before", "after", "reason", level=level)
            case BreakerTransition() | ContractDrift() | ObjectiveChange():
                event, fields = _WARNINGS[type(signal)]
                is_over = isinstance(signal, ObjectiveChange) and not signal.after
                self._write(event, signal, *fields, level="info" if is_over else "warning")
            case CredentialNotice():
                level = "info" if signal.event in {"refreshed", "reread"} else "warning"
                self._write("credential", signal, "event", "detail", level=level)
            case VendorNotice():
                is_well = signal.kind == "status" and signal.indicator is Indicator.OPERATIONAL
                level = "info" if is_well else "warning"
                self._write("vendor says", signal, *_VENDORS_WORD, level=level)
            case OperatorAction():
                self._write("operator", signal, *_OPERATOR, level="info")
            case IncidentChange():
                level = "warning" if signal.event in _WORSE else "info"
                self._write("incident", signal, *_INCIDENT, level=level)
            case ConfigChange():
                self._log.info(
                    "configuration in effect", source=signal.source, integrations=signal.integrations
                )

    def _write(self, event: str, signal: Signal, *fields: str, level: str = "warning") -> None:
        if self._logs is not None and not self._logs.writes(level):
            return
        values = {("what" if name == "event" else name): _plain(getattr(signal, name)) for name in fields}
        getattr(self._log, level)(event, integration=getattr(signal, "integration", ""), **values)


def _hold_exception(
    _logger: object, _method: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    """Take the exception along: the thread that writes the line has none of its own."""
    if event.get("exc_info") is True:
        event["exc_info"] = sys.exc_info()
    return event


def _plain(value: object) -> object:
    return str(value) if isinstance(value, str) else value
