"""Metrics of OTLP as bytes, family by family and point by point.

opentelemetry-proto makes what comes once a request or a family; what comes once a point is put together here
from its field numbers, in their order, so that the bytes are those which protobuf itself would write. Message
objects for ten thousand points would take three times as long.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from google.protobuf.message import Message
from msgspec.structs import replace
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    DataPointFlags,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)

from exporters.catalogue import Family
from exporters.naming import (
    attribute_value,
    opentelemetry_attributes,
    opentelemetry_name,
    opentelemetry_unit,
)
from exporters.native import ZERO_THRESHOLD, Native
from exporters.otlp.exponential import exponential
from exporters.push.window import Point, Spread, Window
from integrations.action_path import Place

PlaceOf = Callable[[str, str], Place | None]
"""Where an action of an integration asks."""

_NANO = 1_000_000_000
_SEVEN_BITS = 0x7F
_FIXED64, _BYTES = 1, 2
"""Wire types of protobuf."""
_DOUBLE, _COUNT_AND_SUM, _RANGE = struct.Struct("<Bd"), struct.Struct("<BQBd"), struct.Struct("<BdBd")
_DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_NO_RECORDED_VALUE = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
_NOTHING = Spread((), 0.0, Native(schema=0, zero=0, buckets={}, low=0.0, high=0.0))
"""A histogram of which nothing is known any more."""


def tag(message: type[Message], field: str, wire_type: int = _BYTES) -> int:
    """The byte that begins a field; the fields used here have one of one byte."""
    return int(message.DESCRIPTOR.fields_by_name[field].number) << 3 | wire_type


def field(begin: int, body: bytes) -> bytes:
    """A field of bytes with its tag and its length, as protobuf writes it."""
    size = len(body)
    if size <= _SEVEN_BITS:
        return bytes((begin, size)) + body
    lead = bytearray((begin,))
    while size > _SEVEN_BITS:
        lead.append(size & _SEVEN_BITS | 0x80)
        size >>= 7
    lead.append(size)
    return bytes(lead) + body


class _Tags(NamedTuple):
    """The bytes that begin the fields which both kinds of histograms have."""

    number: int
    total: int
    low: int
    high: int


def _tags(kind: type[Message]) -> _Tags:
    return _Tags(*(tag(kind, name, _FIXED64) for name in ("count", "sum", "min", "max")))


_EXPLICIT, _EXPONENTIAL = _tags(HistogramDataPoint), _tags(ExponentialHistogramDataPoint)
_POINTS = tag(Sum, "data_points")
_AS_DOUBLE = tag(NumberDataPoint, "as_double", _FIXED64)
_POSITIVE = tag(ExponentialHistogramDataPoint, "positive")
_THRESHOLD = ExponentialHistogramDataPoint(zero_threshold=ZERO_THRESHOLD).SerializeToString()


class Frame:
    """What the points of one metric share: name, help, unit, kind and temporality."""

    __slots__ = ("_begin", "_end", "_head")

    def __init__(self, metric: Metric, kind: str, data: Message) -> None:
        self._head = metric.SerializeToString()
        self._begin = tag(Metric, kind)
        self._end = data.SerializeToString()

    def around(self, points: Iterable[bytes]) -> bytes:
        """The metric with these points."""
        return self._head + field(self._begin, b"".join(points) + self._end)


Item = tuple[Frame, bytes]
"""A point as the field that it is in its metric, with what it shares with the others."""


def nowhere(_integration: str, _action: str) -> Place | None:
    """Tells of no action where it asks."""
    return None


def items(
    window: Window, *, is_delta: bool, is_exponential: bool, place: PlaceOf = nowhere
) -> Iterator[Item]:
    """The points of a window, those of a family together. `is_exponential` asks for exponential histograms,
    which need the native buckets of the table; `place` tells where an action asks.
    """
    writing = _Writing(window, is_delta=is_delta, is_exponential=is_exponential, place=place)
    told = window.points if is_delta else (*window.points, *window.idle)
    ordered = sorted(map(_conventional, told), key=_metric_of)
    ends = _ends(window, is_delta=is_delta)
    for name, points in groupby(ordered, key=_metric_of):
        same = list(points)
        writer = writing.of(same[0])
        for point in same:
            yield writer.frame, field(_POINTS, writer.write(point))
        yield from writing.ends(writer, ends.pop(name, ()))
    for gone in ends.values():
        yield from writing.ends(writing.of(gone[0]), gone)


def _ends(window: Window, *, is_delta: bool) -> dict[str, list[Point]]:
    """The series whose end is to be told, by family. What is told as a rise ends by silence, and so does what
    has a point at the same time.
    """
    told = {(point.family.name, point.labels) for point in window.points} if window.gone else set()
    ends: dict[str, list[Point]] = {}
    for family, labels in window.gone:
        if (family.name, labels) not in told and (family.kind == "gauge" or not is_delta):
            nothing = _NOTHING if family.kind == "histogram" else 0.0
            end = _conventional(Point(family, labels, nothing, nothing))
            ends.setdefault(_metric_of(end), []).append(end)
    return ends


def _metric_of(point: Point) -> str:
    """What the points of one metric have in common; a convention may make one of two families."""
    convention = point.family.convention
    return point.family.name if convention is None else convention.name


def _conventional(point: Point) -> Point:
    """The point, without its family's convention where that does not hold for it."""
    convention = point.family.convention
    if convention is None or convention.only is None:
        return point
    label, values = convention.only
    if point.labels[point.family.labels.index(label)] in values:
        return point
    return point._replace(family=replace(point.family, convention=None))


def parsed_items(metric: Metric) -> Iterator[Item]:
    """The points of a metric that was read back."""
    kind = str(metric.WhichOneof("data"))
    data = getattr(metric, kind)
    bare = type(data)()
    bare.CopyFrom(data)
    bare.ClearField("data_points")
    frame = Frame(Metric(name=metric.name, description=metric.description, unit=metric.unit), kind, bare)
    for point in data.data_points:
        yield frame, field(_POINTS, point.SerializeToString())


class _Writer(NamedTuple):
    """How the points of a family are written: in which message, with what around them."""

    frame: Frame
    write: Callable[[Point], bytes]
    message: type[Message]
    attributes: "_Attributes"


class _Writing:
    """Writes the points of one window."""

    def __init__(self, window: Window, *, is_delta: bool, is_exponential: bool, place: PlaceOf) -> None:
        self._is_delta = is_delta
        self._is_exponential = is_exponential
        self._end = int(window.ended * _NANO)
        self._since = int(window.started * _NANO)
        self._start = int(window.began * _NANO) if is_delta else self._since
        self._times = ExponentialHistogramDataPoint(
            start_time_unix_nano=self._start, time_unix_nano=self._end
        ).SerializeToString()
        self._numbers = _Attributes(NumberDataPoint, place)
        self._histograms = _Attributes(HistogramDataPoint, place)
        self._exponentials = _Attributes(ExponentialHistogramDataPoint, place)

    def ends(self, writer: _Writer, gone: Iterable[Point]) -> Iterator[Item]:
        """Data points that say that there are no more; a receiver need not wait for a series to be stale."""
        head = writer.message(
            start_time_unix_nano=self._start, time_unix_nano=self._end, flags=_NO_RECORDED_VALUE
        ).SerializeToString()
        for point in gone:
            yield writer.frame, field(_POINTS, head + writer.attributes.of(point))

    def of(self, point: Point) -> _Writer:
        """How points of this one's family are written."""
        family = point.family
        temporality = _DELTA if self._is_delta else _CUMULATIVE
        metric = Metric(
            name=opentelemetry_name(family), description=family.help, unit=opentelemetry_unit(family)
        )
        if family.convention is not None and family.convention.is_level:
            level = Sum(aggregation_temporality=_CUMULATIVE, is_monotonic=False)
            return self._number(Frame(metric, "sum", level), start=self._since)
        if family.kind == "gauge":
            return self._number(Frame(metric, "gauge", Gauge()), start=0)
        if family.kind == "counter":
            data = Sum(aggregation_temporality=temporality, is_monotonic=True)
            return self._number(Frame(metric, "sum", data), start=self._start)
        if self._is_exponential and isinstance(point.total, Spread) and point.total.native is not None:
            exponential_data = ExponentialHistogram(aggregation_temporality=temporality)
            frame = Frame(metric, "exponential_histogram", exponential_data)
            return _Writer(frame, self._exponential, ExponentialHistogramDataPoint, self._exponentials)
        frame = Frame(metric, "histogram", Histogram(aggregation_temporality=temporality))
        return _Writer(frame, self._histogram(family), HistogramDataPoint, self._histograms)

    def _number(self, frame: Frame, *, start: int) -> _Writer:
        times = NumberDataPoint(start_time_unix_nano=start, time_unix_nano=self._end).SerializeToString()
        attributes, is_rise = self._numbers.of, self._is_delta

        def write(point: Point) -> bytes:
            value = point.value if is_rise else point.total
            number = 0.0 if isinstance(value, Spread) else value
            return times + _DOUBLE.pack(_AS_DOUBLE, number) + attributes(point)

        return _Writer(frame, write, NumberDataPoint, self._numbers)

    def _histogram(self, family: Family) -> Callable[[Point], bytes]:
        times = HistogramDataPoint(
            start_time_unix_nano=self._start, time_unix_nano=self._end
        ).SerializeToString()
        bounds = HistogramDataPoint(explicit_bounds=family.buckets).SerializeToString()
        counts = struct.Struct(f"<{len(family.buckets) + 1}Q")
        begin = field(tag(HistogramDataPoint, "bucket_counts"), bytes(counts.size))[: -counts.size]
        attributes = self._histograms.of

        def write(point: Point) -> bytes:
            spread = self._spread(point)
            return b"".join(
                (
                    times,
                    _COUNT_AND_SUM.pack(_EXPLICIT.number, sum(spread.counts), _EXPLICIT.total, spread.total),
                    begin,
                    counts.pack(*spread.counts),
                    bounds,
                    attributes(point),
                    self._range(_EXPLICIT, spread.native),
                )
            )

        return write

    def _exponential(self, point: Point) -> bytes:
        spread = self._spread(point)
        native = spread.native
        if native is None:
            raise ValueError(f"{point.family.name} has native buckets for some of its series only")
        scale, offset, counts = exponential(native)
        positive = ExponentialHistogramDataPoint.Buckets(offset=offset, bucket_counts=counts)
        return b"".join(
            (
                self._exponentials.of(point),
                self._times,
                _COUNT_AND_SUM.pack(
                    _EXPONENTIAL.number, sum(spread.counts), _EXPONENTIAL.total, spread.total
                ),
                _scale_and_zeros(scale, native.zero),
                field(_POSITIVE, positive.SerializeToString()),
                self._range(_EXPONENTIAL, native),
                _THRESHOLD,
            )
        )

    def _spread(self, point: Point) -> Spread:
        value = point.value if self._is_delta else point.total
        if not isinstance(value, Spread):
            raise TypeError(f"{point.family.name} is a histogram, and has a number")
        return value

    def _range(self, tags: _Tags, native: Native | None) -> bytes:
        """The least and the greatest value; they are known of a window, and not since the beginning."""
        if native is None or not self._is_delta:
            return b""
        return _RANGE.pack(tags.low, native.low, tags.high, native.high)


@lru_cache(maxsize=256)
def _scale_and_zeros(scale: int, zeros: int) -> bytes:
    return ExponentialHistogramDataPoint(scale=scale, zero_count=zeros).SerializeToString()


class _Attributes(dict[tuple[str, str], bytes]):
    """Labels as serialized attributes of one kind of data point. Most come back at every metric."""

    def __init__(self, kind: type[Message], place: PlaceOf) -> None:
        super().__init__()
        self._place = place
        self._tag = tag(kind, "attributes")
        self._names: dict[tuple[str, bool], tuple[Sequence[str], bytes]] = {}

    def __missing__(self, label: tuple[str, str]) -> bytes:
        name, text = label
        value = attribute_value(name, text)
        kept = AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value)
        attribute = KeyValue(key=name, value=kept).SerializeToString()
        # A label without a value is no label, as Prometheus means it.
        self[label] = found = b"" if value == "" else field(self._tag, attribute)
        return found

    def of(self, point: Point) -> bytes:
        """The attributes of a point."""
        key = (point.family.name, point.family.convention is None)
        names, same = self._names.get(key) or self._named(point.family)
        if point.family.convention is not None and point.family.convention.has_place:
            same += self._placed(point)
        return same + b"".join([self[label] for label in zip(names, point.labels, strict=True)])

    def _placed(self, point: Point) -> bytes:
        """Method and server of the point's action."""
        about = dict(zip(point.family.labels, point.labels, strict=True))
        place = self._place(about["integration"], about["action"])
        if place is None:
            return b""
        told = (("http.request.method", place.method), ("server.address", place.host))
        return b"".join([self[pair] for pair in (*told, ("server.port", str(place.port)))])

    def _named(self, family: Family) -> tuple[Sequence[str], bytes]:
        """What the labels of a family are called, and the attributes that are the same for all its series."""
        constants = () if family.convention is None else family.convention.constants
        same = b"".join([self[constant] for constant in constants])
        self._names[family.name, family.convention is None] = named = (opentelemetry_attributes(family), same)
        return named
