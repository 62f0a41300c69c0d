"""Readings as Prometheus' protobuf exposition, which carries native histograms.

The messages are those of io.prometheus.client (metrics.proto of prometheus/client_model), as far as they are
used here, made from a table of their fields. Each family is written with its length before it.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, proto
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from exporters.catalogue import Family
from exporters.native import ZERO_THRESHOLD, Native
from exporters.series import TraceExemplar
from exporters.table import Buckets, Reading

_PACKAGE = "io.prometheus.client"
_FIELD = descriptor_pb2.FieldDescriptorProto
_ONE, _MANY = _FIELD.LABEL_OPTIONAL, _FIELD.LABEL_REPEATED
_TIMESTAMP = ".google.protobuf.Timestamp"
_PLAIN = {
    "string": _FIELD.TYPE_STRING,
    "double": _FIELD.TYPE_DOUBLE,
    "uint64": _FIELD.TYPE_UINT64,
    "uint32": _FIELD.TYPE_UINT32,
    "int32": _FIELD.TYPE_INT32,
    "sint32": _FIELD.TYPE_SINT32,
    "sint64": _FIELD.TYPE_SINT64,
}
_MESSAGES: Mapping[str, Sequence[tuple[str, int, str, int]]] = {
    "LabelPair": [("name", 1, "string", _ONE), ("value", 2, "string", _ONE)],
    "Number": [("value", 1, "double", _ONE)],
    "Exemplar": [
        ("label", 1, "LabelPair", _MANY),
        ("value", 2, "double", _ONE),
        ("timestamp", 3, _TIMESTAMP, _ONE),
    ],
    "Bucket": [
        ("cumulative_count", 1, "uint64", _ONE),
        ("upper_bound", 2, "double", _ONE),
        ("exemplar", 3, "Exemplar", _ONE),
    ],
    "BucketSpan": [("offset", 1, "sint32", _ONE), ("length", 2, "uint32", _ONE)],
    "Histogram": [
        ("sample_count", 1, "uint64", _ONE),
        ("sample_sum", 2, "double", _ONE),
        ("bucket", 3, "Bucket", _MANY),
        ("schema", 5, "sint32", _ONE),
        ("zero_threshold", 6, "double", _ONE),
        ("zero_count", 7, "uint64", _ONE),
        ("positive_span", 12, "BucketSpan", _MANY),
        ("positive_delta", 13, "sint64", _MANY),
    ],
    "Metric": [
        ("label", 1, "LabelPair", _MANY),
        ("gauge", 2, "Number", _ONE),
        ("counter", 3, "Number", _ONE),
        ("histogram", 7, "Histogram", _ONE),
    ],
    "MetricFamily": [
        ("name", 1, "string", _ONE),
        ("help", 2, "string", _ONE),
        ("type", 3, "int32", _ONE),
        ("metric", 4, "Metric", _MANY),
    ],
}
"""Name, number, type (one of _PLAIN, or a message by its name) and label of each field. Gauge and Counter are
both `Number`.
"""
Fields = dict[str, object]
"""The fields of a message, as its class takes them."""
_TYPES = {"counter": 0, "gauge": 1, "histogram": 4}
"""Numbers of the enum MetricType, which are written as an int32 is."""


def family_class() -> type[Message]:
    """The class of MetricFamily, in a pool of its own."""
    file = descriptor_pb2.FileDescriptorProto(
        name="dialtone/metrics.proto",
        package=_PACKAGE,
        syntax="proto2",
        dependency=[Timestamp.DESCRIPTOR.file.name],
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, label in fields:
            row = message.field.add(name=field, number=number, label=label)
            row.type = _PLAIN.get(kind, _FIELD.TYPE_MESSAGE)
            if kind not in _PLAIN:
                row.type_name = kind if kind.startswith(".") else f".{_PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    timestamp = descriptor_pb2.FileDescriptorProto()
    Timestamp.DESCRIPTOR.file.CopyToProto(timestamp)
    pool.Add(timestamp)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.MetricFamily"))


_FAMILY = family_class()


class ProtobufForm:
    """Readings as messages. A family is one, whose series are its last field: so they can be written piece by
    piece, and put behind the rest once it is known how long they are.
    """

    def head(self, family: Family, size: int) -> bytes:
        """The length of a family whose series take `size` bytes, and all of it that stands before them."""
        fields = {"name": family.name, "help": family.help, "type": _TYPES[family.kind]}
        head: bytes = _FAMILY(**fields).SerializeToString()
        return _varint(len(head) + size) + head

    def series(self, _: Family, readings: Sequence[Reading]) -> bytes:
        """Some series of a family."""
        written: bytes = _FAMILY(metric=list(map(_metric, readings))).SerializeToString()
        return written

    def tail(self, process: Collector) -> bytes:
        """What prometheus-client collects of the process."""
        output = io.BytesIO()
        for collected in process.collect():
            proto.serialize_length_prefixed(_FAMILY(**_library_family(collected)), output)
        return output.getvalue()


def _varint(number: int) -> bytes:
    """A number in groups of seven bits, the least first; all but the last are marked."""
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def _metric(reading: Reading) -> Fields:
    labels = zip(reading.family.labels, reading.labels, strict=True)
    if isinstance(reading.value, Buckets):
        return {"label": _labels(labels), "histogram": _histogram(reading.family, reading.value)}
    return {"label": _labels(labels), reading.family.kind: {"value": reading.value}}


def _library_family(collected: Metric) -> Fields:
    """A counter or a gauge that prometheus-client collected; the process has no others."""
    kind = "counter" if collected.type == "counter" else "gauge"
    name = f"{collected.name}_total" if kind == "counter" else collected.name
    metrics = [
        {"label": _labels(sample.labels.items()), kind: {"value": sample.value}}
        for sample in collected.samples
        if sample.name == name
    ]
    return {"name": name, "help": collected.documentation, "type": _TYPES[kind], "metric": metrics}


def _histogram(family: Family, value: Buckets) -> Fields:
    bounds = (*family.buckets, float("inf"))
    counts = list(accumulate(value.counts))
    buckets = [
        {"cumulative_count": count, "upper_bound": bound, **_exemplar(value.exemplars.get(place))}
        for place, (bound, count) in enumerate(zip(bounds, counts, strict=True))
    ]
    native = _native(value.native) if value.native is not None else {}
    return {"sample_count": counts[-1], "sample_sum": value.total, "bucket": buckets, **native}


def _native(native: Native) -> Fields:
    """Runs of neighbouring buckets, and how much each bucket has more than the one before."""
    places = sorted(native.buckets)
    counts = [native.buckets[place] for place in places]
    return {
        "schema": native.schema,
        "zero_threshold": ZERO_THRESHOLD,
        "zero_count": native.zero,
        # A span of no length says that the histogram is native, though it is empty.
        "positive_span": _spans(places) or [{"offset": 0, "length": 0}],
        "positive_delta": [now - before for before, now in pairwise([0, *counts])],
    }


def _spans(places: Sequence[int]) -> list[Fields]:
    spans: list[dict[str, int]] = []
    end = 0
    for place in places:
        if spans and place == end:
            spans[-1]["length"] += 1
        else:
            spans.append({"offset": place - end, "length": 1})
        end = place + 1
    return [dict(span) for span in spans]


def _exemplar(found: TraceExemplar | None) -> Fields:
    if found is None:
        return {}
    labels = _labels([("trace_id", found.trace_id), ("span_id", found.span_id)])
    seconds, rest = divmod(found.at, 1)
    stamp = {"seconds": int(seconds), "nanos": int(rest * 1_000_000_000)}
    return {"exemplar": {"label": labels, "value": found.value, "timestamp": stamp}}


def _labels(pairs: Iterable[tuple[str, str]]) -> list[Fields]:
    return [{"name": name, "value": value} for name, value in pairs]
