"""DogStatsD, the other way to Datadog: lines for the Agent on this machine, which has the key and the site.

Counts and gauges carry their second (protocol v1.3), so that the Agent hands them on as they are; it must be
7.40 or later for that. The values of histograms are packed (v1.1) and the Agent's own clock tells their time.
Nobody answers: what the socket does not take is given up, and counted.
Source: https://docs.datadoghq.com/developers/dogstatsd/datagram_shell
"""

from collections.abc import Iterable, Iterator, Sequence

from exporters.catalogue import Family
from exporters.datadog.checks import ServiceCheck, service_checks
from exporters.datadog.events import DatadogEvent, datadog_events
from exporters.datadog.tags import Tags, numbers, second_of, spreads
from exporters.events import Events
from exporters.naming import dotted
from exporters.push.batchfile import Batch
from exporters.push.compression import Encoding, compressed
from exporters.push.exporter import Action, Address, Reply, Verdict
from exporters.push.packing import Limits, packed
from exporters.push.representatives import Weighted, weighted_of
from exporters.push.window import Point, Window
from exporters.settings import DatadogSettings

LINE_BYTES = 1_400
"""What a line of packed values may take, so that it fits into the smallest datagram."""
EVENT_BYTES = 8_000
"""The Agent reads datagrams of up to 8,192 bytes."""
_VALUE = "\n"
"""Stands in a series' text where its value belongs; no name and no tag can hold it."""
_KINDS = {"counter": "c", "gauge": "g", "histogram": "d"}
LIMITS = Limits(items=20_000, plain_bytes=5_000_000, bytes=5_000_000)


class DogStatsD:
    """The Agent as an intake of metrics."""

    name = "datadog"
    keep = 55 * 60.0
    secrets = ()

    def __init__(self, settings: DatadogSettings) -> None:
        self._settings = settings
        self._tags = Tags(_with_host(settings))
        self._second = 0

    def encode(self, window: Window, /) -> Sequence[Batch]:
        """The lines that carry a window."""
        self._second = second_of(window, after=self._second)
        found = service_checks(
            window.points, at=self._second, host=self._settings.host, tags=self._settings.tags
        )
        lines = [
            *self._numbers(window.points),
            *self._distributions(window.points),
            *map(check_line, found),
        ]
        return _batches(lines, cut_at=window.ended)

    def split(self, _: Batch) -> Sequence[Batch]:
        """Nothing: no Agent asks for it."""
        return ()

    def address(self, _: Batch) -> Address:
        """Where the Agent listens."""
        return Address(self._settings.dogstatsd, {}, "SEND")

    def judge(self, reply: Reply) -> Verdict:
        """What became of a batch."""
        return judge_datagrams(reply)

    def _numbers(self, points: Iterable[Point]) -> Iterator[str]:
        found = numbers(points, head_of=_head_of, tags=self._tags)
        return (f"{_filled(text, repr(value))}|T{self._second}" for text, value in found.items())

    def _distributions(self, points: Iterable[Point]) -> Iterator[str]:
        for text, same in spreads(points, head_of=_head_of, tags=self._tags).items():
            room = LINE_BYTES - len(text.encode())
            values = [each for point in same for each in weighted_of(point)]
            yield from (_filled(text, part) for part in _packed(values, room=room))


class DogStatsDEvents:
    """The Agent as an intake of events."""

    name = "datadog-events"
    keep = 17.5 * 3600.0
    secrets = ()

    def __init__(self, settings: DatadogSettings) -> None:
        self._settings = settings

    def encode(self, events: Events, /) -> Sequence[Batch]:
        """The lines that carry events."""
        lines = [event_line(event) for event in datadog_events(events, self._settings)]
        return _batches(lines, cut_at=events.ended)

    def split(self, _: Batch) -> Sequence[Batch]:
        """Nothing: no Agent asks for it."""
        return ()

    def address(self, _: Batch) -> Address:
        """Where the Agent listens."""
        return Address(self._settings.dogstatsd, {}, "SEND")

    def judge(self, reply: Reply) -> Verdict:
        """What became of a batch."""
        return judge_datagrams(reply)


def judge_datagrams(reply: Reply) -> Verdict:
    """What became of a batch: nothing of it is tried again, because nobody knows what of it has arrived.
    The body of a reply is how many lines were not sent, if any.
    """
    if reply.status is None:
        return Verdict(Action.REFUSED, reply.failure)
    return Verdict(Action.TAKEN, reply.failure, lost=int(reply.body or 0))


def check_line(check: ServiceCheck) -> str:
    """A service check; its message stands last."""
    host = f"|h:{check.host_name}" if check.host_name else ""
    message = _one_line(check.message).replace("m:", "m\\:")
    return f"_sc|{check.check}|{check.status}|d:{check.timestamp}{host}|#{','.join(check.tags)}|m:{message}"


def event_line(event: DatadogEvent) -> str:
    """An event; lengths are in bytes."""
    title = _one_line(event.title)
    fields = [f"d:{event.date_happened}"]
    fields += [f"h:{event.host}"] if event.host else []
    fields += [
        f"k:{_field(event.aggregation_key)}",
        f"p:{event.priority}",
        f"t:{event.alert_type}",
        f"#{','.join(event.tags)}",
    ]
    rest = "|".join(fields)
    room = EVENT_BYTES - len(title.encode()) - len(rest.encode())
    text = _one_line(event.text).encode()[: max(0, room)].decode(errors="ignore")
    return f"_e{{{len(title.encode())},{len(text.encode())}}}:{title}|{text}|{rest}"


def _head_of(family: Family) -> str:
    return f"{dotted(family)}{_VALUE}|{_KINDS[family.kind]}|#"


def _filled(text: str, value: str) -> str:
    """The text of a series with its value; without a tag there is no field for tags."""
    return text.replace(_VALUE, f":{value}", 1).removesuffix("|#")


def _packed(values: Sequence[Weighted], *, room: int) -> Iterator[str]:
    """Values joined by colons, as many to a line as there is room for in characters, at least one."""
    part: list[str] = []
    size = 0
    for text in (repr(value) for value, times in values for _ in range(times)):
        if part and size + len(text) > room:
            yield ":".join(part)
            part, size = [], 0
        part.append(text)
        size += len(text) + 1
    yield ":".join(part)


def _one_line(text: str) -> str:
    return text.replace("\r", "").replace("\n", "\\n")


def _field(text: str) -> str:
    return _one_line(text).replace("|", "_")


def _with_host(settings: DatadogSettings) -> dict[str, str]:
    """The tags on everything; a host that is set replaces the Agent's own."""
    return {**settings.tags, "host": settings.host} if settings.host else settings.tags


def _batches(lines: Sequence[str], *, cut_at: float) -> list[Batch]:
    def seal(plain: bytes, points: int) -> Batch:
        return Batch(
            route="dogstatsd",
            body=compressed(plain, Encoding.DEFLATE),
            headers={"content-encoding": Encoding.DEFLATE.value},
            points=points,
            cut_at=cut_at,
        )

    return list(packed(lines, encode=lambda part: "\n".join(part).encode(), seal=seal, limits=LIMITS))
