"""Histograms as the sketches that Datadog's Agent sends: counts in buckets that grow by 1/64.

A request then grows with the buckets and not with the calls. The intake (/api/beta/sketches) is not part of
Datadog's published API, so it is only used when asked for.
Sources: agent_payload.proto (DataDog/agent-payload); the mapping of DataDog/opentelemetry-mapping-go,
pkg/quantile, which Vector and VictoriaMetrics follow.
"""

from collections.abc import Iterable
from math import floor, log, log1p

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf.message import Message

from exporters.push.representatives import weighted_of
from exporters.push.window import Point, Spread

_ACCURACY = 1 / 128
_GAMMA = 1 + 2 * _ACCURACY
_LOG_GAMMA = log1p(2 * _ACCURACY)
_SMALLEST = 1e-9
_BIAS = 1 - floor(log(_SMALLEST) / _LOG_GAMMA)
_ZERO_BELOW = _GAMMA ** (1 - _BIAS)
_LAST_KEY = 32_767
_MOST_IN_A_BIN = 65_535
"""Of values; the Agent begins another bin with the same key then."""
_SCHEMA = """
name: "dialtone/sketches.proto" package: "dialtone.sketches" syntax: "proto3"
message_type { name: "SketchPayload"
  field { name: "sketches" number: 1 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: "Sketch" } }
message_type { name: "Sketch"
  field { name: "metric" number: 1 type: TYPE_STRING }
  field { name: "host" number: 2 type: TYPE_STRING }
  field { name: "tags" number: 4 label: LABEL_REPEATED type: TYPE_STRING }
  field { name: "dogsketches" number: 7 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: "Dogsketch" } }
message_type { name: "Dogsketch"
  field { name: "ts" number: 1 type: TYPE_INT64 }
  field { name: "cnt" number: 2 type: TYPE_INT64 }
  field { name: "min" number: 3 type: TYPE_DOUBLE }
  field { name: "max" number: 4 type: TYPE_DOUBLE }
  field { name: "avg" number: 5 type: TYPE_DOUBLE }
  field { name: "sum" number: 6 type: TYPE_DOUBLE }
  field { name: "k" number: 7 label: LABEL_REPEATED type: TYPE_SINT32 }
  field { name: "n" number: 8 label: LABEL_REPEATED type: TYPE_UINT32 } }
"""


def key_of(value: float) -> int:
    """The bucket a value of 0 or more belongs to."""
    if value < _ZERO_BELOW:
        return 0
    return min(round(log(value) / _LOG_GAMMA) + _BIAS, _LAST_KEY)


def value_of(key: int) -> float:
    """What a bucket stands for; values in it are at most 1/128 away."""
    return float(_GAMMA ** (key - _BIAS)) if key else 0.0


def dogsketch(points: Iterable[Point], *, second: int) -> dict[str, object]:
    """The values of histograms that are one to Datadog, as the fields of a Dogsketch."""
    counts: dict[int, int] = {}
    total, low, high = 0.0, float("inf"), 0.0
    for point in points:
        values = weighted_of(point)
        for value, times in values:
            key = key_of(value)
            counts[key] = counts.get(key, 0) + times
        if isinstance(point.value, Spread):
            native = point.value.native
            total += point.value.total
            low = min(low, values[0][0] if native is None else native.low)
            high = max(high, values[-1][0] if native is None else native.high)
    count = sum(counts.values())
    bins = [piece for key in sorted(counts) for piece in _bins(key, counts[key])]
    return {
        "ts": second,
        "cnt": count,
        "min": low,
        "max": high,
        "avg": total / count,
        "sum": total,
        "k": [key for key, _ in bins],
        "n": [times for _, times in bins],
    }


def encode_sketch(sketch: dict[str, object]) -> bytes:
    """A body that holds one sketch; bodies put one after another are one body of all of them."""
    return bytes(PAYLOAD(sketches=[sketch]).SerializeToString(deterministic=True))


def split_sketches(body: bytes) -> list[bytes]:
    """Each sketch of a body as a body of its own."""
    payload = PAYLOAD.FromString(body)
    return [
        PAYLOAD(sketches=[sketch]).SerializeToString(deterministic=True)
        for sketch in payload.sketches  # type: ignore[attr-defined]  # Its class is made from the schema.
    ]


def _bins(key: int, times: int) -> Iterable[tuple[int, int]]:
    full, rest = divmod(times, _MOST_IN_A_BIN)
    return [*[(key, _MOST_IN_A_BIN)] * full, *([(key, rest)] if rest else [])]


def _payload() -> type[Message]:
    """The class of SketchPayload, in a pool of its own."""
    file = text_format.Parse(_SCHEMA, descriptor_pb2.FileDescriptorProto())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("dialtone.sketches.SketchPayload"))


PAYLOAD = _payload()
