"""Sends mail by SMTP: the one way out that is not HTTP, and so not the executor's (DESIGN §2).

One connection a mail: alerts are few, and a connection kept open is one that is broken when it is needed.
Without TLS it speaks only where the receiver says `tls: none`; STARTTLS that the server does not offer is a
failure, never a reason to go on in clear (RFC 3207).
"""

import ssl
from collections.abc import Callable, Collection, Sequence
from email.message import EmailMessage
from typing import Protocol

import aiosmtplib
import anyio
import msgspec
from aiosmtplib.response import SMTPResponse

from integrations.clock import Clock
from integrations.execution.outcome import FailureKind
from monitors.alerts.exchange import SHOWN_BODY, Exchange, Masking
from monitors.alerts.formats.drawing import Letter
from monitors.alerts.formats.mail import bare_addresses, compose
from monitors.alerts.plain import plain
from monitors.alerts.receivers import EmailReceiver
from monitors.alerts.schedule import Sent

_LONGEST = 200
_CLOSING = 2.0
_PERMANENT = 500


class Connection(Protocol):
    """A connection to an SMTP server, of which only this is used; aiosmtplib.SMTP is one."""

    async def connect(self) -> SMTPResponse:
        """Connect, with TLS and the login as it was made for."""
        ...

    async def send_message(
        self,
        message: EmailMessage,
        /,
        *,
        sender: str | None = None,
        recipients: str | Sequence[str] | None = None,
    ) -> tuple[dict[str, SMTPResponse], str]:
        """Send; gives the addresses that were refused, and what the server said at the end."""
        ...

    async def quit(self) -> SMTPResponse:
        """Say good-bye."""
        ...

    def close(self) -> None:
        """Cut the connection."""
        ...


class Connections:
    """Makes connections as receivers ask for them; one SSLContext a CA file, since making one takes 20 ms."""

    def __init__(self) -> None:
        self._contexts: dict[str | None, ssl.SSLContext] = {}

    def __call__(self, receiver: EmailReceiver) -> Connection:
        """A connection that is not made yet.

        Raises:
            OSError: when the file of certificate authorities cannot be read.
        """
        host, _, port = receiver.smarthost.rpartition(":")
        return aiosmtplib.SMTP(
            hostname=host.strip("[]"),
            port=int(port),
            username=receiver.username or None,
            password=receiver.password.reveal() if receiver.password else None,
            local_hostname=receiver.hello or None,
            timeout=receiver.timeout,
            use_tls=receiver.tls == "tls",
            start_tls=receiver.tls == "starttls",
            tls_context=None if receiver.tls == "none" else self._context(receiver.network.ca_file),
        )

    def _context(self, ca_file: str | None) -> ssl.SSLContext:
        if ca_file not in self._contexts:
            context = ssl.create_default_context()
            if ca_file is not None:
                context.load_verify_locations(ca_file)
            self._contexts[ca_file] = context
        return self._contexts[ca_file]


class MailSender:
    """Reaches one receiver by mail; `connect` makes connections. A Sender, as HTTPSender is."""

    def __init__(
        self,
        receiver: EmailReceiver,
        *,
        clock: Clock,
        connect: Callable[[EmailReceiver], Connection],
    ) -> None:
        self._receiver = receiver
        self._clock = clock
        self._connect = connect

    async def send(self, letter: Letter) -> Sent:
        """Try once, within the receiver's timeout, connection and all; the good-bye may take two seconds
        more. Taken for one address is taken: the others are named in `detail`.
        """
        began = self._clock.monotonic()
        mail = compose(self._receiver, letter)
        try:
            refused = await self._sent(mail)
        except (TimeoutError, aiosmtplib.SMTPException, OSError, ValueError) as error:
            sent = _failed(error)
        else:
            names = f"the mail server refused {', '.join(sorted(refused))}" if refused else ""
            sent = Sent(reference=str(mail["Message-ID"]), detail=plain(names, limit=_LONGEST))
        return msgspec.structs.replace(sent, duration=self._clock.monotonic() - began)

    async def converse(self, letter: Letter) -> tuple[Sent, tuple[Exchange, ...]]:
        """Try once and show the mail, and what the server made of it."""
        sent = await self.send(letter)
        mask = Masking(self._receiver)
        shown = Exchange(
            method="SMTP",
            url=f"smtp://{self._receiver.smarthost}",
            headers={},
            body=mask.text(compose(self._receiver, letter).as_string())[:SHOWN_BODY],
            answer=mask.text(sent.detail) or "the mail server took it",
            kind=sent.kind,
            detail=mask.text(sent.detail),
            duration=sent.duration,
        )
        return sent, (shown,)

    def repeat_after(self, letter: Letter) -> float | None:  # noqa: ARG002 - another Sender looks at it
        """Never."""
        return None

    async def aclose(self) -> None:
        """Nothing is kept open."""

    async def _sent(self, mail: EmailMessage) -> Collection[str]:
        """Send, and return the addresses that were refused."""
        sender, recipients = bare_addresses(self._receiver)
        opened = self._connect(self._receiver)
        try:
            with anyio.fail_after(self._receiver.timeout):
                await opened.connect()
                refused, _ = await opened.send_message(mail, sender=sender, recipients=recipients)
            await _part(opened)
        finally:
            opened.close()
        return refused


async def _part(opened: Connection) -> None:
    """Say good-bye; what happens now is no failure, since the mail has been taken."""
    with anyio.move_on_after(_CLOSING):
        try:
            await opened.quit()
        except (aiosmtplib.SMTPException, OSError):
            return


def _failed(error: Exception) -> Sent:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        # It is worth another try while one of the addresses may be taken later.
        first = min(error.recipients, key=lambda each: each.code)
        kind = FailureKind.SERVER_ERROR if first.code < _PERMANENT else FailureKind.CLIENT_ERROR
        detail = _said(first.code, first.message)
    elif isinstance(error, aiosmtplib.SMTPResponseException):
        kind, detail = _kind(error), _said(error.code, error.message)
    else:
        kind, detail = _kind(error), _told(error)
    return Sent(kind=kind, detail=detail, is_refused=kind is FailureKind.CLIENT_ERROR)


def _kind(error: Exception) -> FailureKind:
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return FailureKind.UNAUTHORIZED
        case aiosmtplib.SMTPResponseException():
            return FailureKind.SERVER_ERROR if error.code < _PERMANENT else FailureKind.CLIENT_ERROR
        case TimeoutError():
            return FailureKind.TIMEOUT
        case ssl.SSLError():
            return FailureKind.TLS
    if _lacks(error):
        return FailureKind.TLS if "STARTTLS" in str(error) else FailureKind.UNAUTHORIZED
    return FailureKind.TLS if isinstance(error.__cause__, ssl.SSLError) else FailureKind.CONNECTION


def _lacks(error: Exception) -> bool:
    """Whether the server lacks what the receiver asks for: aiosmtplib tells STARTTLS and AUTH that are not
    offered by its bare exception, and by SMTPNotSupported what else is not.
    """
    return type(error) is aiosmtplib.SMTPException or isinstance(error, aiosmtplib.SMTPNotSupported)


def _told(error: Exception) -> str:
    """The error's kind; its text may hold what was sent, but for what aiosmtplib found missing."""
    if _lacks(error):
        return plain(f"the mail server lacks what tls or username ask for: {error}", limit=_LONGEST)
    if isinstance(error, TimeoutError):
        return "the mail server did not answer in time"
    return f"the mail server could not be reached ({type(error.__cause__ or error).__name__})"


def _said(code: int, message: str) -> str:
    return plain(f"the mail server said {code} {message}", limit=_LONGEST)
