"""Mail is sent over SMTP: one connection a mail, with what became of it as a value."""

import random
import ssl
from collections.abc import Sequence
from email.message import EmailMessage

import aiosmtplib
import anyio
import pytest
from aiosmtplib.response import SMTPResponse

from integrations.connection import NetworkPolicy
from integrations.credentials.secret import Secret
from integrations.execution.outcome import FailureKind
from monitors.alerts.mail import Connections, MailSender
from monitors.alerts.receivers import EmailReceiver
from monitors.alerts.schedule import Next, step_after
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.notifications import letter

RECEIVER = EmailReceiver(
    name="ops",
    to=("ops@example.com", "Bea <bea@example.com>"),
    sender="Dialtone <dialtone@example.com>",
    smarthost="smtp.example.com:587",
    username="dialtone",
    password=Secret("open-sesame"),
    timeout=10.0,
)


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class FakeServer:
    """A mail server that takes mail, or fails at a step in a given way."""

    def __init__(self, **fails: Exception | float) -> None:
        self.fails = fails
        self.refuses: dict[str, SMTPResponse] = {}
        self.mails: list[tuple[str | None, Sequence[str] | str | None, EmailMessage]] = []
        self.closed = 0

    def __call__(self, receiver: EmailReceiver) -> "FakeServer":
        return self

    async def _step(self, name: str) -> SMTPResponse:
        how = self.fails.get(name)
        if isinstance(how, Exception):
            raise how
        await anyio.sleep(how or 0.0)
        return SMTPResponse(250, "ok")

    async def connect(self) -> SMTPResponse:
        return await self._step("connect")

    async def send_message(
        self,
        message: EmailMessage,
        /,
        *,
        sender: str | None = None,
        recipients: str | Sequence[str] | None = None,
    ) -> tuple[dict[str, SMTPResponse], str]:
        await self._step("send")
        self.mails.append((sender, recipients, message))
        return self.refuses, "2.0.0 queued"

    async def quit(self) -> SMTPResponse:
        return await self._step("quit")

    def close(self) -> None:
        self.closed += 1


def sender_to(server: FakeServer) -> MailSender:
    return MailSender(RECEIVER, clock=LoopClock(), connect=server)


async def test_a_mail_that_is_taken_is_known_by_its_message_id() -> None:
    server = FakeServer()

    sent = await sender_to(server).send(letter())

    ((sender, recipients, mail),) = server.mails
    assert (sent.kind, sent.reference) == (None, mail["Message-ID"])
    assert (sender, recipients) == ("dialtone@example.com", ("ops@example.com", "bea@example.com"))
    assert server.closed == 1


def refused(*codes: int) -> aiosmtplib.SMTPRecipientsRefused:
    return aiosmtplib.SMTPRecipientsRefused(
        [aiosmtplib.SMTPRecipientRefused(code, f"no {code}", "ops@example.com") for code in codes]
    )


@pytest.mark.parametrize(
    ("fails", "kind", "said"),
    [
        ({"connect": OSError("no route")}, FailureKind.CONNECTION, "could not be reached"),
        ({"connect": aiosmtplib.SMTPConnectError("x")}, FailureKind.CONNECTION, "could not be reached"),
        ({"connect": ssl.SSLError("bad certificate")}, FailureKind.TLS, "could not be reached"),
        ({"connect": aiosmtplib.SMTPException("no STARTTLS")}, FailureKind.TLS, "no STARTTLS"),
        ({"connect": aiosmtplib.SMTPException("no AUTH")}, FailureKind.UNAUTHORIZED, "no AUTH"),
        ({"connect": aiosmtplib.SMTPConnectTimeoutError("x")}, FailureKind.TIMEOUT, "in time"),
        ({"connect": 60.0}, FailureKind.TIMEOUT, "in time"),
        ({"send": 60.0}, FailureKind.TIMEOUT, "in time"),
        ({"connect": aiosmtplib.SMTPAuthenticationError(535, "no")}, FailureKind.UNAUTHORIZED, "535 no"),
        ({"send": aiosmtplib.SMTPDataError(452, "disk full")}, FailureKind.SERVER_ERROR, "452 disk full"),
        ({"send": aiosmtplib.SMTPDataError(554, "spam\r\nX")}, FailureKind.CLIENT_ERROR, "554 spam X"),
        ({"send": refused(550, 550)}, FailureKind.CLIENT_ERROR, "550 no 550"),
        ({"send": refused(550, 451)}, FailureKind.SERVER_ERROR, "451 no 451"),
        ({"send": aiosmtplib.SMTPServerDisconnected("x")}, FailureKind.CONNECTION, "could not be reached"),
    ],
    ids=[
        "no route", "no connection", "certificate", "no starttls", "no login", "slow to connect", "hangs",
        "hangs later", "wrong password", "full", "refused", "nobody there", "one later", "cut",
    ],
)  # fmt: skip
async def test_what_goes_wrong_is_a_value_with_one_sentence(
    fails: dict[str, Exception | float], kind: FailureKind, said: str
) -> None:
    server = FakeServer(**fails)

    sent = await sender_to(server).send(letter())

    assert (sent.kind, sent.reference) == (kind, "")
    assert said in sent.detail
    assert "open-sesame" not in sent.detail
    assert sent.is_refused == (kind is FailureKind.CLIENT_ERROR)
    assert sent.duration < RECEIVER.timeout + 3
    assert server.closed == 1


@pytest.mark.parametrize("how", [aiosmtplib.SMTPServerDisconnected("x"), OSError(), 60.0])
async def test_a_mail_that_was_taken_stays_so_whatever_the_good_bye_is(how: Exception | float) -> None:
    server = FakeServer(quit=how)

    sent = await sender_to(server).send(letter())

    assert sent.kind is None
    assert server.closed == 1


@pytest.mark.parametrize(("code", "tries"), [(554, 3), (452, 14)], ids=["refused", "full for now"])
async def test_a_mail_that_is_refused_for_good_is_soon_given_up(code: int, tries: int) -> None:
    sent = await sender_to(FakeServer(send=aiosmtplib.SMTPDataError(code, "no"))).send(letter())

    steps = [step_after(sent, attempt=n, schedule="alerts", rng=random.Random(1)) for n in range(1, 20)]

    assert [step.next for step in steps].index(Next.DEAD) + 1 == tries


async def test_a_slow_good_bye_after_a_slow_mail_does_not_make_it_a_failure() -> None:
    server = FakeServer(send=RECEIVER.timeout - 0.5, quit=60.0)

    sent = await sender_to(server).send(letter())

    assert sent.kind is None


async def test_an_address_that_was_refused_is_named_while_the_others_have_it() -> None:
    server = FakeServer()
    server.refuses = {"bea@example.com": SMTPResponse(550, "no")}

    sent = await sender_to(server).send(letter())

    assert (sent.kind, sent.detail) == (None, "the mail server refused bea@example.com")


async def test_a_try_can_be_shown_without_its_secrets() -> None:
    server = FakeServer(send=aiosmtplib.SMTPDataError(554, "open-sesame"))

    sent, (shown,) = await sender_to(server).converse(letter())

    assert sent.kind is FailureKind.CLIENT_ERROR
    assert (shown.method, shown.url) == ("SMTP", "smtp://smtp.example.com:587")
    assert "Subject: CRITICAL" in shown.body
    assert "open-sesame" not in repr(shown)


async def test_mail_is_sent_once_and_keeps_nothing_open() -> None:
    sender = sender_to(FakeServer())

    assert sender.repeat_after(letter()) is None
    await sender.aclose()


@pytest.mark.parametrize(
    ("tls", "at_once", "upgraded"), [("tls", True, False), ("starttls", False, True), ("none", False, False)]
)
async def test_a_connection_is_made_as_the_receiver_asks(tls: str, *, at_once: bool, upgraded: bool) -> None:
    connections = Connections()
    receiver = EmailReceiver(
        name="r", to=("a@b.example",), sender="c@d.example", smarthost="[::1]:2525", tls=tls, hello="here"
    )

    made, again = connections(receiver), connections(receiver)

    assert isinstance(made, aiosmtplib.SMTP)
    assert (made.hostname, made.port, made.use_tls) == ("::1", 2525, at_once)
    assert made._start_tls_on_connect is upgraded
    assert (made.tls_context is None) == (tls == "none")
    assert isinstance(again, aiosmtplib.SMTP)
    assert again.tls_context is made.tls_context


async def test_authorities_that_cannot_be_read_are_a_failure_of_the_mail() -> None:
    receiver = EmailReceiver(
        name="r", to=("a@b.example",), sender="c@d.example", smarthost="smtp:25",
        network=NetworkPolicy(ca_file="/nowhere/ca.pem"),
    )  # fmt: skip

    sent = await MailSender(receiver, clock=LoopClock(), connect=Connections()).send(letter())

    assert sent.kind is FailureKind.CONNECTION
