"""A real SMTP server gets our mail: in clear, over STARTTLS, over TLS, with a login; and refuses it."""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from app.demo import certificates
from app.demo.certificates import Issued
from integrations.clock import SystemClock
from integrations.connection import NetworkPolicy
from integrations.credentials.secret import Secret
from integrations.execution.outcome import FailureKind
from monitors.alerts.mail import Connections, MailSender
from monitors.alerts.receivers import EmailReceiver
from monitors.alerts.schedule import Sent
from tests.fakes.notifications import crowd, hostile, letter, notification, resolved
from tests.real.servers import free_port

PASSWORD = "open-sesame"


class Mailbox:
    """Keeps what it gets; refuses the address nobody@example.com for good, and full@example.com for now."""

    def __init__(self) -> None:
        self.mails: list[tuple[Envelope, EmailMessage]] = []
        self.sessions: list[Session] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it by this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user"
        if address.startswith("full@"):
            return "452 4.2.2 mailbox full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it by this name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append((envelope, mail))
        self.sessions.append(session)
        return "250 2.0.0 queued"


def login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"ada", PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    return certificates.issue(tmp_path_factory.mktemp("smtp"), days=9.0, now=time.time())


def context_of(issued: Issued) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.chain, issued.key)
    return context


@contextmanager
def smtp(mailbox: Mailbox, **options: object) -> Iterator[int]:
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def receiver(port: int, **fields: object) -> EmailReceiver:
    known = {
        "name": "ops",
        "to": ("Ops <ops@example.com>", "bea@example.org"),
        "sender": "Dialtone <dialtone@example.com>",
        "smarthost": f"localhost:{port}",
        "tls": "none",
        "timeout": 5.0,
    }
    return EmailReceiver(**{**known, **fields})


async def send(to: EmailReceiver, *letters: object) -> list[Sent]:
    sender = MailSender(to, clock=SystemClock(), connect=Connections())
    return [await sender.send(each) for each in letters]


async def test_mail_arrives_as_one_thread_that_every_program_can_read() -> None:
    mailbox = Mailbox()
    with smtp(mailbox) as port:
        (first,) = await send(receiver(port), letter())
        await send(receiver(port), letter(resolved(), reference=first.reference))

    (envelope, opened), (_, over) = mailbox.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == (
        "dialtone@example.com",
        ["ops@example.com", "bea@example.org"],
    )
    assert first.reference == opened["Message-ID"]
    assert over["In-Reply-To"] == opened["Message-ID"]
    assert over["References"].split()[0] == opened["References"]
    assert opened["Subject"] == "CRITICAL: slack-prod (Slack) is down"
    assert over["Subject"].startswith("RESOLVED: ")
    assert [part.get_content_type() for part in opened.iter_parts()] == ["text/plain", "text/html"]
    assert "812 of 1,204 calls failed (67%)" in opened.get_body(("plain",)).get_content()


@pytest.mark.parametrize("told", [crowd(1_000), hostile(), notification(external_url="")])
async def test_large_and_hostile_mail_arrives_whole(told: object) -> None:
    mailbox = Mailbox()
    with smtp(mailbox) as port:
        (sent,) = await send(receiver(port), letter(told))

    ((_, mail),) = mailbox.mails
    assert sent.kind is None
    assert mail.defects == []
    assert mail.get_body(("html",)).get_content().rstrip().endswith("</html>")
    assert "X-Injected" not in mail


@pytest.mark.parametrize("how", ["starttls", "tls"])
async def test_mail_goes_over_tls_with_a_login_to_a_server_we_trust(how: str, issued: Issued) -> None:
    mailbox = Mailbox()
    context = context_of(issued)
    options = {"ssl_context": context} if how == "tls" else {"tls_context": context, "require_starttls": True}
    # aiosmtpd does not count TLS from the start as TLS where it asks for it before a login.
    asks = {"auth_required": True} if how == "starttls" else {"auth_require_tls": False}
    with smtp(mailbox, authenticator=login, **options, **asks) as port:
        trusted = NetworkPolicy(ca_file=str(issued.authority))
        given = {"tls": how, "network": trusted, "username": "ada"}
        (sent,) = await send(receiver(port, password=Secret(PASSWORD), **given), letter())
        (wrong,) = await send(receiver(port, password=Secret("guess"), **given), letter())
        (stranger,) = await send(receiver(port, tls=how, username="ada", password=Secret(PASSWORD)), letter())

    assert sent.kind is None, sent
    assert len(mailbox.mails) == 1
    assert mailbox.sessions[0].authenticated
    assert wrong.kind is FailureKind.UNAUTHORIZED
    assert "guess" not in wrong.detail
    assert stranger.kind is FailureKind.TLS


async def test_a_server_without_starttls_never_gets_the_mail_in_clear() -> None:
    mailbox = Mailbox()
    with smtp(mailbox) as port:
        (sent,) = await send(receiver(port, tls="starttls"), letter())

    assert sent.kind is FailureKind.TLS
    assert mailbox.mails == []


@pytest.mark.parametrize(
    ("to", "kind", "said"),
    [
        (("nobody@example.com",), FailureKind.CLIENT_ERROR, "550"),
        (("nobody@example.com", "full@example.com"), FailureKind.SERVER_ERROR, "452"),
        (("nobody@example.com", "ops@example.com"), None, "refused nobody@example.com"),
    ],
    ids=["nobody", "later", "one of two"],
)
async def test_addresses_that_are_refused_are_told(
    to: tuple[str, ...], kind: FailureKind | None, said: str
) -> None:
    mailbox = Mailbox()
    with smtp(mailbox) as port:
        (sent,) = await send(receiver(port, to=to), letter())

    assert sent.kind is kind
    assert said in sent.detail
    assert len(mailbox.mails) == (kind is None)


async def test_a_server_that_is_not_there_is_a_failure_at_once() -> None:
    (sent,) = await send(receiver(free_port()), letter())

    assert sent.kind is FailureKind.CONNECTION
    assert sent.duration < 5


async def test_a_try_is_shown_with_what_was_sent() -> None:
    mailbox = Mailbox()
    with smtp(mailbox) as port:
        sender = MailSender(receiver(port), clock=SystemClock(), connect=Connections())
        sent, (shown,) = await sender.converse(letter())

    assert sent.kind is None
    assert "Subject: CRITICAL: slack-prod" in shown.body
    assert shown.answer == "the mail server took it"
