"""Sends mail by SMTP: the one way out that is not HTTP, and so not the executor's (DESIGN §2).

One connection a mail: alerts are few, and a connection kept open is one that is broken when it is needed.
Without TLS it speaks only where the receiver says `tls: none`; STARTTLS that the server does not offer is a
failure, never a reason to go on in clear (RFC 3207).
"""

import ssl
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from typing import Protocol

import aiosmtplib
import anyio
import msgspec
from aiosmtplib.response import SMTPResponse

from integrations.execution.outcome import FailureKind
from monitors.alerts.formats.drawing import Letter
from monitors.alerts.formats.mail import bare_addresses, compose
from monitors.alerts.plain import plain
from monitors.alerts.receivers import EmailReceiver

_LONGEST = 200
_CLOSING = 2.0
_TAKEN = 250


class Mailed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a mail. `kind` is None when the server took it for at least one address; `failure` may
    then name addresses that it refused. `status` is the server's last reply code, where there was one: 4xx
    is worth another try, 5xx is not. `reference` is its Message-ID.
    """

    reference: str = ""
    kind: FailureKind | None = None
    failure: str = ""
    status: int | None = None

    @property
    def is_permanent(self) -> bool:
        """Whether another try would fail in the same way."""
        return self.kind is not None and self.status is not None and self.status >= 500


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


class Mailer:
    """Sends one mail a letter; `connect` makes connections. Never raises for what a server does."""

    def __init__(self, connect: Callable[[EmailReceiver], Connection] | None = None) -> None:
        self._connect = connect or Connections()

    async def send(self, receiver: EmailReceiver, letter: Letter) -> Mailed:
        """Send a letter within the receiver's timeout, connection and all."""
        mail = compose(receiver, letter)
        reference = str(mail["Message-ID"])
        try:
            with anyio.fail_after(receiver.timeout):
                refused, _ = await self._sent(receiver, mail)
        except (TimeoutError, aiosmtplib.SMTPException, OSError, ValueError) as error:
            return _failed(error)
        names = ", ".join(sorted(refused))
        failure = plain(f"the server refused {names}", limit=_LONGEST) if refused else ""
        return Mailed(reference=reference, failure=failure, status=_TAKEN)

    async def _sent(self, receiver: EmailReceiver, mail: EmailMessage) -> tuple[dict[str, SMTPResponse], str]:
        sender, recipients = bare_addresses(receiver)
        opened = self._connect(receiver)
        try:
            await opened.connect()
            answer = await opened.send_message(mail, sender=sender, recipients=recipients)
            await _part(opened)
        finally:
            opened.close()
        return answer


async def _part(opened: Connection) -> None:
    """Say good-bye; what happens now is no failure, since the mail has been taken."""
    with anyio.move_on_after(_CLOSING):
        try:
            await opened.quit()
        except (aiosmtplib.SMTPException, OSError):
            return


def _failed(error: Exception) -> Mailed:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return _refused(error.recipients)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return Mailed(kind=_kind(error), failure=_said(error.code, error.message), status=error.code)
    return Mailed(kind=_kind(error), failure=_told(error))


def _refused(recipients: list[aiosmtplib.SMTPRecipientRefused]) -> Mailed:
    """All addresses were refused: it is worth another try while one may be taken later."""
    first = min(recipients, key=lambda each: each.code)
    kind = FailureKind.SERVER_ERROR if first.code < 500 else FailureKind.CLIENT_ERROR
    return Mailed(kind=kind, failure=_said(first.code, first.message), status=first.code)


def _kind(error: Exception) -> FailureKind:
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return FailureKind.UNAUTHORIZED
        case aiosmtplib.SMTPResponseException():
            return FailureKind.SERVER_ERROR if error.code < 500 else FailureKind.CLIENT_ERROR
        case TimeoutError():
            return FailureKind.TIMEOUT
        case ssl.SSLError() | aiosmtplib.SMTPNotSupported():
            return FailureKind.TLS
    if isinstance(error.__cause__, ssl.SSLError):
        return FailureKind.TLS
    return FailureKind.CONNECTION


def _told(error: Exception) -> str:
    """The error's kind; its text may hold what was sent, but for what aiosmtplib found missing."""
    if isinstance(error, aiosmtplib.SMTPNotSupported):
        return plain(f"the server does not offer what tls or username ask for: {error}", limit=_LONGEST)
    if isinstance(error, TimeoutError):
        return "the mail server did not answer in time"
    return f"the mail server could not be reached ({type(error.__cause__ or error).__name__})"


def _said(code: int, message: str) -> str:
    return plain(f"the mail server said {code} {message}", limit=_LONGEST)
