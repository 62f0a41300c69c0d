"""Recording one call into all its metrics: the part of the MetricTable that the call path feels."""

from collections.abc import Collection, Sequence

from exporters.series import NO_EXEMPLARS, Distribution, Number, Series, TraceExemplar
from integrations.execution.outcome import Attempt, FailureKind, Origin, Source
from integrations.signals import CallRecord

Key = tuple[str, str, str, Origin]
_LIVE, _TRAFFIC, _CHECK = Source.LIVE, Origin.TRAFFIC, Origin.CHECK


class _Line:
    """The cells that calls of one action, integration and origin write to; those of successes, which nearly
    all are, once there was one.
    """

    __slots__ = (
        "duration",
        "ok_attempts",
        "ok_calls",
        "ok_times",
        "queued",
        "received",
        "sent",
    )

    ok_calls: Number | None
    ok_attempts: Number | None
    ok_times: Distribution | None
    duration: Distribution
    queued: Distribution
    sent: Number
    received: Number


class CallRecorder:
    """Writes CallRecords into the call families; cells are looked up once for each line and kept. Unless
    `traces_checks`, checks leave no exemplars: there is no trace that one would lead to.
    """

    def __init__(
        self,
        counters: dict[str, Series[Number]],
        histograms: dict[str, Series[Distribution]],
        *,
        traces_checks: bool,
    ) -> None:
        self._traces_checks = traces_checks
        self._calls = counters["dialtone_calls_total"]
        self._attempts = counters["dialtone_attempts_total"]
        self._retries = counters["dialtone_retries_total"]
        self._rejected = counters["dialtone_rejected_calls_total"]
        self._sent = counters["dialtone_request_bytes_total"]
        self._received = counters["dialtone_response_bytes_total"]
        self._duration = histograms["dialtone_call_duration_seconds"]
        self._queued = histograms["dialtone_call_queue_seconds"]
        self._times = histograms["dialtone_attempt_duration_seconds"]
        self._lines: dict[tuple[str, str, str, str], _Line] = {}

    def record(self, record: CallRecord) -> None:
        """Count one request; an answer that took none is no call. Written for speed: one look-up finds every
        cell of an ordinary call.
        """
        if record.source is not _LIVE:
            return
        key = (record.integration, record.vendor, record.action, record.origin)
        line = self._lines.get(key) or self._open(key)
        counter = line.ok_calls if record.kind is None else None
        (counter or self._call(line, key, record)).value += 1
        attempts = record.attempts
        if attempts:
            bucket = line.duration.observe(record.duration)
            if record.sampled and (self._traces_checks or record.origin is not _CHECK):
                _mark(line.duration, bucket, record)
            self._try(line, key, attempts)
            if record.request_bytes:
                line.sent.value += record.request_bytes
            line.received.value += record.response_bytes
        if attempts or record.queued:
            line.queued.observe(record.queued)

    def remove_integrations(self, integrations: Collection[str]) -> None:
        """Forget the cells of integrations, so that their series can go."""
        self._lines = {key: line for key, line in self._lines.items() if key[0] not in integrations}

    def _open(self, key: Key) -> _Line:
        integration, vendor, action, origin = key
        # Not `str` of the origin, which copies it; and a key that is found by the call's own.
        labels = (integration, vendor, action, origin.value)
        line = _Line()
        line.ok_calls = line.ok_attempts = line.ok_times = None
        line.duration = self._duration.at(labels)
        alone = (integration,)
        line.queued = self._queued.at(alone)
        self._retries.cell(integration, vendor)  # It is told from 0 on.
        line.sent = self._sent.at(alone)
        line.received = self._received.at(alone)
        if not self._duration.is_overflow(line.duration):
            self._lines[labels] = line
        return line

    def _call(self, line: _Line, key: Key, record: CallRecord) -> Number:
        """The counter of calls that ended so; why one was rejected is counted, too."""
        kind = record.kind
        if record.reason is not None:
            self._rejected.cell(*key[:2], record.capability, record.reason.value).value += 1
        cell = self._calls.cell(*key[:3], key[3].value, _outcome(kind))
        if kind is None and not self._calls.is_overflow(cell):
            line.ok_calls = cell
        return cell

    def _try(self, line: _Line, key: Key, attempts: Sequence[Attempt]) -> None:
        """Count the attempts, and time those of traffic: checks have times of their own."""
        is_timed = key[3] is _TRAFFIC
        for attempt in attempts:
            kind = attempt.kind
            counter = line.ok_attempts if kind is None else None
            (counter or self._attempt(line, key, kind)).value += 1
            if is_timed:
                cell = line.ok_times if kind is None else None
                (cell or self._time(line, key, kind)).observe(attempt.duration)
        if len(attempts) > 1:
            self._retries.cell(*key[:2]).value += len(attempts) - 1

    def _time(self, line: _Line, key: Key, kind: FailureKind | None) -> Distribution:
        """The times of attempts that ended so."""
        cell = self._times.cell(*key[:3], _outcome(kind))
        if kind is None and not self._times.is_overflow(cell):
            line.ok_times = cell
        return cell

    def _attempt(self, line: _Line, key: Key, kind: FailureKind | None) -> Number:
        """The counter of attempts that ended so."""
        cell = self._attempts.cell(*key[:2], _outcome(kind))
        if kind is None and not self._attempts.is_overflow(cell):
            line.ok_attempts = cell
        return cell


def _outcome(kind: FailureKind | None) -> str:
    return "ok" if kind is None else kind.value


def _mark(cell: Distribution, bucket: int, record: CallRecord) -> None:
    """Tell of a call's trace."""
    exemplars = cell.exemplars
    if exemplars is NO_EXEMPLARS:
        exemplars = cell.exemplars = {}
    exemplars[bucket] = TraceExemplar(record.trace_id, record.span_id, record.duration, record.at)
