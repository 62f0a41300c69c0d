"""MetricTable: the counters, gauges and histograms that every backend reads.

What happens reaches it as signals, what is as samples that their owners return at the moment of reading.
It is written and read on the event loop only.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec
import structlog

from exporters.calls import CallRecorder
from exporters.catalogue import CATALOGUE, Family
from exporters.checks import CheckRecorder
from exporters.gone import Gone, Removable
from exporters.native import Native
from exporters.series import (
    NO_EXEMPLARS,
    Distribution,
    Number,
    Series,
    SeriesLimit,
    TraceExemplar,
    observing,
    writable_all,
)
from exporters.told import Told
from integrations.samples import Sample, Sampled
from integrations.signals import (
    APIRequest,
    BreakerTransition,
    CallRecord,
    CheckResult,
    ContractDrift,
    CredentialNotice,
    DeliveryAttempt,
    HealthChange,
    IncidentChange,
    OperatorAction,
    QueryRun,
    Signal,
    VendorNotice,
    WebhookReceipt,
)

SERIES_LIMIT, SERIES_OF_EACH = 1_000, 100
"""How many series a metric may have, and how many more for each integration: with ten thousand of them the
states of health alone are seventy thousand series. Full at the first limit, the metrics of calls take 4 MB.
"""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods that become label values as they are; a client may send any other word, which becomes `other`."""
_DROPPED = CATALOGUE["dialtone_metric_series_dropped_total"]
_REFUSED = CATALOGUE["dialtone_samples_refused_total"]
_INFO = CATALOGUE["dialtone_integration_info"]
"""Who has a sample of this is configured, however it came to be."""

_log = structlog.get_logger(__name__)


class Buckets(NamedTuple):
    """A histogram's value, copied: how many values fell into each bucket (not cumulated), their sum, and its
    native buckets where the table keeps them.
    """

    counts: tuple[int, ...]
    total: float
    exemplars: dict[int, TraceExemplar]
    native: Native | None = None


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One series at the moment of reading; `labels` are values in the family's order. The garbage collector
    does not see it: half a million tuples, made for one scrape, had it walk all there is.
    """

    family: Family
    labels: tuple[str, ...]
    value: float | Buckets


class MetricTable:
    """Counts signals, and asks for samples when read. `series_limit` holds for each family, beside what the
    integrations that were welcomed need; `native` keeps native buckets beside the classic ones. Checks leave
    exemplars where their traces go somewhere: `traces_checks`.
    """

    def __init__(
        self, *, series_limit: int = SERIES_LIMIT, native: bool = False, traces_checks: bool = True
    ) -> None:
        self.is_native = native
        self._base, self._limit = series_limit, SeriesLimit(series_limit)
        self._present: set[str] = set()
        self._numbers = {
            row.name: Series(row, Number, limit=self._limit)
            for row in CATALOGUE.values()
            if row.kind != "histogram"
        }
        self._histograms = {
            row.name: Series(row, _distribution(row, native=native), limit=self._limit)
            for row in CATALOGUE.values()
            if row.kind == "histogram"
        }
        self._sources: list[Sampled] = []
        self._sliced: list[Sampled] = []
        self._refused: dict[str, int] = {}
        self._left_out: dict[str, int] = {}
        self._told: set[tuple[str, str]] = set()
        self._gone = Gone()
        self._cuts: list[Gone] = []
        self._departed: list[Reading] | None = None
        self._calls = CallRecorder(self._numbers, self._histograms, traces_checks=traces_checks)
        self._handlers: dict[type[msgspec.Struct], Callable[..., None]] = {
            CallRecord: self._calls.record,
            CheckResult: CheckRecorder(self._numbers, self._histograms).record,
            BreakerTransition: self._transition,
            HealthChange: self._health,
            IncidentChange: self._incident,
            CredentialNotice: self._credential,
            VendorNotice: self._vendor,
            ContractDrift: self._drift,
            WebhookReceipt: self._webhook,
            DeliveryAttempt: self._delivery,
            OperatorAction: self._operator,
            APIRequest: self._request,
            QueryRun: self._query,
        }

    def on_signal(self, signal: Signal) -> None:
        """Count one signal, on the event loop; kinds without a metric are passed over."""
        handler = self._handlers.get(type(signal))
        if handler is not None and not (self._gone.is_any and self._gone.is_told_of_by(signal)):
            handler(signal)

    def add_source(self, source: Sampled, *, sliced: bool = False) -> None:
        """Ask this owner for its samples at each reading; adding it twice changes nothing.

        Between two samples of a `sliced` owner the loop may run, so that ten thousand integrations do not
        hold it up; what the owner goes through must stand that.
        """
        if source not in self._sources:
            self._sources.append(source)
            if sliced:
                self._sliced.append(source)

    def remove(self, label: Removable, values: Collection[str]) -> None:
        """Drop what was counted for integrations or receivers that are gone, in one pass over all series.
        What is told of them later, by signals on their way still or by owners that remember, is passed over.
        """
        if label == "integration":
            self._calls.remove_integrations(values)
        for series in self._families():
            gone = series.remove(label, values)
            if self._departed is not None:
                self._departed += [_reading(series.family, labels, cell) for labels, cell in gone.items()]
        for each in (self._gone, *self._cuts):
            each.add(label, values)
        if label == "integration":
            self._present.difference_update(values)
            self._make_room()

    def welcome(self, label: Removable, values: Iterable[str]) -> None:
        """Count integrations or receivers that are there, or there again."""
        self._gone.discard(label, values)
        if label == "integration":
            self._present.update(values)
            self._make_room()

    def _make_room(self) -> None:
        self._limit.value = self._base + SERIES_OF_EACH * len(self._present)

    def keep_departed(self) -> None:
        """Keep what is dropped for `departed`, which is to be asked now and then."""
        self._departed = self._departed or []

    def departed(self) -> Sequence[Reading]:
        """The last readings of series that were dropped since this was asked before. Ask right before the
        reading that cuts a window.
        """
        told, self._departed = self._departed or [], None if self._departed is None else []
        return told

    def read(self, *, cut: bool = False, told: Told | None = None) -> Iterator[Reading]:
        """Yield every series, each once, as it is when it is reached; between two the loop may run. `cut` is
        for who cuts windows: the least and the greatest values of native histograms are since the last cut.
        `told` is for who reads in slices, and lets go of it so.

        A sample that does not fit the catalogue, or repeats a series, is left out, counted, and logged the
        first time.
        """
        yield from self._read_cut() if cut else self._read_cells(cut=False)
        yield from self._read_sources(Told() if told is None else told)
        for name, dropped in self._dropped():
            yield Reading(_DROPPED, (name,), dropped)
        for reason, refused in list(self._refused.items()):
            yield Reading(_REFUSED, (reason,), refused)

    def _read_cut(self) -> Iterator[Reading]:
        """Every series counted here. One that is removed meanwhile is among the departed: it, and another
        that takes its labels at once, are not told of here any more, so that none is mistaken for the other.
        """
        left = Gone()
        self._cuts.append(left)
        try:
            for reading in self._read_cells(cut=True):
                if not (left and left.has(reading.family, reading.labels)):
                    yield reading
        finally:
            self._cuts.remove(left)

    def _read_cells(self, *, cut: bool) -> Iterator[Reading]:
        # Lists of keys alone: those of items, at ten thousand, hold the loop for 10 ms each.
        for counter in self._numbers.values():
            for labels in list(counter.cells):
                if (number := counter.cells.get(labels)) is not None:
                    yield Reading(counter.family, labels, number.value)
        for histogram in self._histograms.values():
            for labels in list(histogram.cells):
                if (cell := histogram.cells.get(labels)) is not None:
                    yield Reading(histogram.family, labels, _buckets(cell, cut=cut))

    def _read_sources(self, told: Told) -> Iterator[Reading]:
        for source in list(self._sources):
            for sample in self._ask(source):
                reading = self._accept(sample, told)
                if reading is not None:
                    yield reading

    def _ask(self, source: Sampled) -> Iterator[Sample]:
        try:
            yield from source.samples() if source in self._sliced else list(source.samples())
        except Exception as error:  # noqa: BLE001 - one broken owner must not cost the whole reading
            self._refuse("error", type(source).__qualname__, repr(error))

    def _accept(self, sample: Sample, told: Told) -> Reading | None:
        """A sample as a reading. A third of a million pass here in one scrape of ten thousand integrations,
        so why one does not fit is asked only when it does not.
        """
        metric, labels, value = sample
        line = told.lines.get(metric) or told.begin(metric, self._numbers)
        try:
            labels = writable_all(tuple(labels))
        except TypeError:
            line = None
        if line is None or len(labels) != line.width or not isinstance(value, (int, float)):
            self._refuse(_unfit(sample), str(metric), "")
            return None
        if self._gone and line.family is not _INFO and self._gone.has(line.family, labels):
            return None
        if line.count >= self._limit.value:
            self._left_out[metric] = self._left_out.get(metric, 0) + 1
            return None
        if (line.counted.cells and labels in line.counted.cells) or not line.tell(labels):
            self._refuse("duplicate", metric, repr(labels))
            return None
        if line.family is _INFO and labels[0] not in self._present:
            self.welcome("integration", labels[:1])
        return Reading(line.family, labels, float(value))

    def _refuse(self, reason: str, metric: str, detail: str) -> None:
        self._refused[reason] = self._refused.get(reason, 0) + 1
        if (reason, metric) not in self._told:
            self._told.add((reason, metric))
            _log.warning("sample_refused", reason=reason, metric=metric, detail=detail)

    def _families(self) -> Iterator[Series[Number] | Series[Distribution]]:
        yield from self._numbers.values()
        yield from self._histograms.values()

    def _dropped(self) -> Iterator[tuple[str, int]]:
        for series in self._families():
            count = series.refused + self._left_out.get(series.family.name, 0)
            if series.cells or count:
                yield series.family.name, count

    def _count(self, metric: str, *labels: str) -> None:
        self._numbers[metric].cell(*labels).value += 1

    def _transition(self, change: BreakerTransition) -> None:
        names = (change.integration, change.capability, change.after.value)
        self._count("dialtone_breaker_transitions_total", *names)

    def _health(self, change: HealthChange) -> None:
        names = (change.integration, change.vendor, change.capability, change.after.value)
        self._count("dialtone_health_changes_total", *names)

    def _incident(self, change: IncidentChange) -> None:
        names = (change.integration, change.vendor, change.event)
        self._count("dialtone_incident_changes_total", *names)
        if change.event == "resolved" and change.resolved_at is not None:
            lasted = self._histograms["dialtone_incident_duration_seconds"].cell(change.integration)
            lasted.observe(max(0.0, change.resolved_at - change.opened_at))

    def _credential(self, notice: CredentialNotice) -> None:
        names = (notice.integration, notice.vendor, notice.event)
        self._count("dialtone_credential_notices_total", *names)

    def _vendor(self, notice: VendorNotice) -> None:
        self._count("dialtone_vendor_notices_total", notice.vendor, notice.kind)

    def _drift(self, drift: ContractDrift) -> None:
        names = (drift.integration, drift.vendor, drift.action)
        self._numbers["dialtone_contract_drift_total"].cell(*names).value += drift.seen

    def _webhook(self, receipt: WebhookReceipt) -> None:
        names = (receipt.integration, receipt.vendor, receipt.verdict)
        self._count("dialtone_webhooks_received_total", *names)
        if receipt.lag is not None and receipt.verdict == "accepted":
            self._histograms["dialtone_webhook_lag_seconds"].cell(receipt.integration).observe(receipt.lag)

    def _delivery(self, attempt: DeliveryAttempt) -> None:
        names = (attempt.receiver, attempt.format)
        self._count("dialtone_delivery_attempts_total", *names, attempt.result)
        if attempt.result == "delivered":
            self._histograms["dialtone_delivery_lag_seconds"].cell(*names).observe(attempt.lag)
        if attempt.since_detection is not None:
            known = self._histograms["dialtone_detection_to_delivery_seconds"]
            known.cell(attempt.receiver).observe(attempt.since_detection)

    def _operator(self, action: OperatorAction) -> None:
        self._count("dialtone_operator_actions_total", action.action)

    def _query(self, run: QueryRun) -> None:
        self._histograms["dialtone_analytics_query_duration_seconds"].cell(run.query).observe(run.duration)

    def _request(self, request: APIRequest) -> None:
        method = request.method if request.method in METHODS else "other"
        self._count("dialtone_api_requests_total", method, request.route, str(request.status))
        timed = self._histograms["dialtone_api_request_duration_seconds"]
        timed.cell(method, request.route, str(request.status)).observe(request.duration)


def _reading(family: Family, labels: tuple[str, ...], cell: Number | Distribution) -> Reading:
    return Reading(family, labels, cell.value if isinstance(cell, Number) else _buckets(cell, cut=True))


def _buckets(cell: Distribution, *, cut: bool) -> Buckets:
    exemplars = dict(cell.exemplars) if cell.exemplars else NO_EXEMPLARS
    return Buckets(cell.all_counts, cell.total, exemplars, cell.native(cut=cut))


def _distribution(family: Family, *, native: bool) -> Callable[[], Distribution]:
    return lambda: observing(family.buckets, native=native)


def _unfit(sample: Sample) -> str:
    family = CATALOGUE.get(sample.metric)
    if family is None or family.kind == "histogram":
        return "unknown_metric"
    is_text = all(isinstance(value, str) for value in sample.labels)
    return "value" if is_text and len(sample.labels) == len(family.labels) else "labels"
