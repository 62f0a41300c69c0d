"""Sending over HTTP, through the executor: what is asked, what an answer means, and what is shown of it."""

import sys
from collections.abc import AsyncIterator, Callable
from email.utils import formatdate

import httpx
import msgspec
import pytest

from integrations.connection import NetworkPolicy
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from integrations.execution.outcome import FailureKind, Origin
from integrations.signals import CallRecord
from monitors.alerts.formats.drawing import Drawn, Heard, Letter
from monitors.alerts.formats.sending import Once
from monitors.alerts.mail import MailSender
from monitors.alerts.receivers import (
    AlertmanagerReceiver,
    Directory,
    EmailReceiver,
    Receiver,
    WebhookReceiver,
)
from monitors.alerts.schedule import Sent
from monitors.alerts.senders import Senders
from monitors.alerts.sending import MAX_ANSWER, HTTPSender, line_of
from monitors.alerts.trial import try_out
from tests.fakes.clock import FakeClock
from tests.fakes.modules import unloaded
from tests.fakes.outbox import notification, queued
from tests.fakes.signals import RecordingSubscriber

CANARY = "canary-4711-secret"

Answer = Callable[[httpx.Request], httpx.Response]


class Wire:
    """An executor over a transport that answers as told."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.requests: list[httpx.Request] = []
        self.answer: Answer = lambda _: httpx.Response(204)
        self.signals = RecordingSubscriber()
        self.executor = Executor(
            clock=self.clock,
            publish=self.signals.on_signal,
            transport=lambda _: httpx.MockTransport(self._answer),
        )
        self.senders = Senders(calls=self.executor, clock=self.clock)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer(request)

    async def send(self, receiver: Receiver) -> Sent:
        return await self.senders(receiver).send(letter(receiver.name))


def letter(receiver: str = "hook") -> Letter:
    return Letter(message=queued("id-1", receiver=receiver), notification=notification(receiver), at=1_800.5)


def hook(**more: object) -> WebhookReceiver:
    known: dict[str, object] = {"name": "hook", "url": Secret(f"https://hooks.example/{CANARY}")}
    return WebhookReceiver(**{**known, **more})  # type: ignore[arg-type]  # known by their names


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    made = Wire()
    yield made
    await made.executor.aclose()


async def test_a_delivery_is_one_call_of_origin_delivery_on_the_receivers_own_line(wire: Wire) -> None:
    sent = await wire.send(hook(headers={"X-Team": Secret("payments")}))

    (request,) = wire.requests
    assert (request.method, request.headers["webhook-id"], request.headers["x-team"]) == (
        "POST", "id-1", "payments",
    )  # fmt: skip
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["idempotency-key"] == "id-1"
    (record,) = wire.signals.of(CallRecord)
    assert (record.integration, record.origin, record.vendor) == ("receiver:hook", Origin.DELIVERY, "webhook")
    assert (sent.kind, sent.status) == (None, 204)
    assert CANARY not in repr(record)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, None), (299, None), (302, FailureKind.CLIENT_ERROR), (401, FailureKind.UNAUTHORIZED),
     (403, FailureKind.FORBIDDEN), (404, FailureKind.NOT_FOUND), (410, FailureKind.CLIENT_ERROR),
     (429, FailureKind.THROTTLED), (500, FailureKind.SERVER_ERROR), (503, FailureKind.SERVER_ERROR)],
)  # fmt: skip
async def test_what_statuses_mean(wire: Wire, status: int, kind: FailureKind | None) -> None:
    wire.answer = lambda _: httpx.Response(status, headers={"location": "http://169.254.169.254/"})

    sent = await wire.send(hook())

    assert (sent.kind, sent.status) == (kind, status)
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120.0), ("0", 0.0), ("99999999999", 3600.0), (formatdate(1_800_000_090, usegmt=True), 90.0),
     (formatdate(1_700_000_000, usegmt=True), 0.0), ("soon", None), ("-5", None), ("", None)],
)  # fmt: skip
async def test_retry_after_in_seconds_or_as_a_date(wire: Wire, text: str, seconds: float | None) -> None:
    wire.answer = lambda _: httpx.Response(503, headers={"retry-after": text})

    assert (await wire.send(hook())).retry_after == (pytest.approx(seconds) if seconds else seconds)


async def test_a_large_answer_is_not_read_whole_and_the_message_counts_as_taken(wire: Wire) -> None:
    wire.answer = lambda _: httpx.Response(200, content=b"x" * (MAX_ANSWER + 1))
    assert (await wire.send(hook())).kind is None

    wire.answer = lambda _: httpx.Response(500, content=b"x" * (MAX_ANSWER + 1))
    assert (await wire.send(hook())).kind is FailureKind.TOO_LARGE


async def test_a_url_that_cannot_be_used_sends_nothing(wire: Wire) -> None:
    for url in ("http://hooks.example/", "https://user:x@hooks.example/", "https://0x7f000001/"):
        sent = await wire.send(hook(url=Secret(url)))
        assert sent.kind is FailureKind.CLIENT_ERROR
        assert url not in sent.detail
    assert wire.requests == []


async def test_plain_http_is_for_declared_networks_or_by_permission(wire: Wire) -> None:
    url = Secret("http://alerts.internal/")

    assert (await wire.send(hook(url=url))).kind is FailureKind.CLIENT_ERROR
    assert (await wire.send(hook(url=url, allow_http=True))).kind is None
    assert (await wire.send(hook(url=url, allow_networks=("10.0.0.0/8",)))).kind is None


async def test_a_429_keeps_the_line_quiet_and_the_next_try_is_refused_by_us(wire: Wire) -> None:
    wire.answer = lambda _: httpx.Response(429, headers={"retry-after": "300"})
    first = await wire.send(hook())
    second = await wire.send(hook())

    assert (first.kind, first.retry_after) == (FailureKind.THROTTLED, pytest.approx(300.0))
    assert second.kind is FailureKind.REJECTED
    assert second.retry_after == pytest.approx(300.0, abs=1)
    assert len(wire.requests) == 1


async def test_no_number_of_failures_opens_a_circuit(wire: Wire) -> None:
    wire.answer = lambda _: httpx.Response(500)
    for _ in range(50):
        await wire.send(hook())

    assert len(wire.requests) == 50


async def test_one_of_several_alertmanagers_is_enough_and_all_are_asked(wire: Wire) -> None:
    peers = AlertmanagerReceiver(
        name="am", urls=(Secret("https://am1.example"), Secret("https://am2.example"))
    )
    wire.answer = lambda request: httpx.Response(500 if request.url.host == "am1.example" else 200)
    assert (await wire.send(peers)).kind is None
    assert {request.url.host for request in wire.requests} == {"am1.example", "am2.example"}

    wire.answer = lambda _: httpx.Response(500)
    assert (await wire.send(peers)).kind is FailureKind.SERVER_ERROR


class TwoRequests(Once):
    """Draws two requests; the first one's answer names the message."""

    def draw(self, letter: Letter) -> tuple[Drawn, ...]:
        return tuple(Drawn(url=f"https://two.example/{n}", headers={}, body=b"") for n in (1, 2))

    def read(self, reply: object) -> Heard:
        text = reply.text()  # type: ignore[attr-defined]  # a Reply
        return (
            Heard(kind=FailureKind.VENDOR_ERROR, failure="it said no")
            if text == "no"
            else Heard(reference=text)
        )


async def test_requests_follow_one_another_until_one_fails(wire: Wire) -> None:
    sender = HTTPSender(hook(), TwoRequests(), calls=wire.executor, clock=wire.clock)
    wire.answer = lambda request: httpx.Response(200, text="ref" if request.url.path == "/1" else "")
    assert (await sender.send(letter())).reference == "ref"

    wire.requests.clear()
    wire.answer = lambda _: httpx.Response(200, text="no")
    sent = await sender.send(letter())
    assert (sent.kind, sent.detail, len(wire.requests)) == (FailureKind.VENDOR_ERROR, "it said no", 1)


async def test_a_trial_shows_both_sides_and_no_secret(wire: Wire) -> None:
    wire.answer = lambda request: httpx.Response(
        400, headers={"x-echo": CANARY, "set-cookie": "a=b"}, text=f"you sent {request.url} {CANARY}"
    )
    receiver = hook(
        headers={"Authorization": Secret(f"Bearer {CANARY}"), "X-Key": Secret(f"key-{CANARY}")},
        signing_secrets=(Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),),
    )

    trial = await try_out(receiver, wire.senders(receiver), clock=wire.clock, actor="ann")

    (exchange,) = trial.exchanges
    assert exchange.url == "https://hooks.example/…"
    assert (exchange.status, exchange.headers["authorization"], exchange.headers["x-key"]) == (
        400,
        "***",
        "***",
    )
    assert exchange.headers["webhook-id"] == trial.message
    assert "ReceiverTest" in exchange.body
    assert exchange.answer_headers["set-cookie"] == "***"
    shown = msgspec.json.encode(trial).decode()
    assert "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" not in shown
    assert f"key-{CANARY}" not in shown
    assert f"Bearer {CANARY}" not in shown


@pytest.mark.parametrize("is_prepared", [True, False])
async def test_mail_has_a_sender_also_where_nobody_expected_it(wire: Wire, *, is_prepared: bool) -> None:
    mail = EmailReceiver(name="r", to=("ops@example.com",), sender="d@example.com", smarthost="smtp:25")
    wire.senders.prepare([hook(), mail] if is_prepared else [hook()])

    assert isinstance(wire.senders(mail), MailSender)


async def test_what_a_proxy_needs_is_loaded_before_the_first_alert(wire: Wire) -> None:
    module = "integrations.execution.proxied"
    with unloaded(module):
        wire.senders.prepare([hook()])
        assert module not in sys.modules

        wire.senders.prepare([hook(), hook(network=NetworkPolicy(proxy="http://proxy.example"))])
        assert module in sys.modules


async def test_a_changed_receiver_has_another_sender_and_a_gone_one_no_line(wire: Wire) -> None:
    first = wire.senders(hook())
    assert wire.senders(hook()) is first
    assert wire.senders(hook(timeout=5.0)) is not first

    await wire.senders.keep([])
    with pytest.raises(LookupError):
        wire.executor.status(line_of("hook"))


def test_drawn_requests_do_not_show_their_secrets() -> None:
    drawn = Drawn(url=f"https://x/{CANARY}", headers={"a": CANARY}, body=CANARY.encode())

    assert CANARY not in f"{drawn!r} {drawn}"


@pytest.mark.parametrize(
    ("receivers", "words"),
    [
        ([hook(), hook()], "two have the same name"),
        ([hook(fallback="nobody")], "there is no receiver 'nobody'"),
        ([hook(fallback="b"), hook(name="b", fallback="c"), hook(name="c", fallback="b")], "leads back"),
    ],
)
def test_a_directory_refuses_what_leads_nowhere(receivers: list[Receiver], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Directory(receivers)


def test_who_stands_in_is_the_fallback_or_the_first_other() -> None:
    directory = Directory([hook(fallback="c"), hook(name="b"), hook(name="c")])

    assert [getattr(directory.stand_in(name), "name", "") for name in ("hook", "b", "nobody")] == [
        "c", "hook", "hook",
    ]  # fmt: skip
    assert Directory([hook()]).stand_in("hook") is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"timeout": 31.0}, "at most 30"),
        ({"timeout": 0.0}, "above 0"),
        ({"name": ""}, "must not be empty"),
        ({"fallback": "hook"}, "another receiver"),
        ({"allow_networks": ("10.0.0.1/8",)}, "no network"),
        ({"allow_networks": ("10.0.0.0/8",) * 65}, "at most 64"),
        ({"signing_secrets": (Secret("x"),)}, "whsec_"),
    ],
)
def test_a_receiver_that_cannot_work_is_refused(more: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        hook(**more)
