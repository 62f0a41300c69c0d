"""Errors of the wire, translated at one place into the one that the executor knows.

Exception
 └ TransportFailure(kind, sent, detail, stale, status)
   └ OutOfTime
     timeout      sent=False: no connection in time    sent=True: no answer in time
     dns, tls     sent=False: before the request
     connection   sent=False: refused, unreachable     sent=True: reset or cut; `stale` on a reused connection
     malformed    sent=True: not HTTP, or a body that does not decode
     too_large    sent=True: over the body cap; `status` is known
     client_error sent=False: no such request can be made

`sent` decides whether a POST may be tried again, so it is False only where no byte of the request can have
left. httpx-aiohttp turns every aiohttp.ClientConnectionError, also a reset after sending, into
httpx.ConnectTimeout; therefore an httpx exception is judged by the aiohttp exception behind it, where there
is one. tests/integrations/execution/test_failure.py fails when either library grows a class unknown here.
"""

import errno
import os
import re
import socket
import ssl
import zlib
from collections.abc import Mapping

import httpx

from integrations.execution.outcome import FailureKind

_CONNECTION, _TIMEOUT, _TLS, _DNS = (
    FailureKind.CONNECTION,
    FailureKind.TIMEOUT,
    FailureKind.TLS,
    FailureKind.DNS,
)
_MALFORMED, _CLIENT_ERROR = FailureKind.MALFORMED, FailureKind.CLIENT_ERROR

_SAID_BY_TLS = re.compile(r"\[SSL\] ([a-z0-9 ]+) \(_ssl\.c:\d+\)")

Fault = tuple[FailureKind, bool, str]
"""Kind, whether bytes of the request may have left, and what to say."""

CUT: Fault = (_CONNECTION, True, "the connection was cut")
REFUSED: Fault = (_CONNECTION, False, "could not connect")
NO_REQUEST: Fault = (_CLIENT_ERROR, False, "no request can be made for this address")
NO_HTTP: Fault = (_MALFORMED, True, "the answer is not valid HTTP")
BAD_TLS: Fault = (_TLS, False, "no TLS connection")
LATE: Fault = (_TIMEOUT, True, "no answer in time")
NO_CONNECTION: Fault = (_TIMEOUT, False, "no connection in time")
NO_NAME: Fault = (_DNS, False, "the name does not resolve")
BAD_CERTIFICATE: Fault = (_TLS, False, "the certificate is not valid")
BAD_PROXY: Fault = (_CONNECTION, False, "the proxy did not connect")

FAULTS: dict[type[BaseException], Fault] = {
    httpx.TransportError: CUT,
    httpx.NetworkError: CUT,
    httpx.ReadError: CUT,
    httpx.WriteError: CUT,
    httpx.CloseError: CUT,
    httpx.ConnectError: REFUSED,
    httpx.ProxyError: BAD_PROXY,
    httpx.TimeoutException: LATE,
    httpx.ReadTimeout: LATE,
    httpx.WriteTimeout: LATE,
    httpx.ConnectTimeout: NO_CONNECTION,
    httpx.PoolTimeout: NO_CONNECTION,
    httpx.ProtocolError: NO_HTTP,
    httpx.RemoteProtocolError: CUT,
    httpx.LocalProtocolError: NO_REQUEST,
    httpx.UnsupportedProtocol: NO_REQUEST,
    httpx.InvalidURL: NO_REQUEST,
    httpx.DecodingError: (_MALFORMED, True, "the body does not decode"),
    zlib.error: (_MALFORMED, True, "the body does not decode"),
    ssl.SSLError: (_TLS, True, "the TLS connection broke"),
    TimeoutError: LATE,
    OSError: CUT,
    EOFError: CUT,
}
_UNKNOWN: Fault = (_MALFORMED, True, "the answer could not be read")


class TransportFailure(Exception):  # noqa: N818 - the vocabulary says failure; it is one, of a third party
    """A request that brought no usable answer.

    `sent` is False only when no byte of it can have left. `stale` says that a reused connection was closed
    under it, which happens when the server's keep-alive ends. `known` is False for an exception that no table
    names. `detail` holds no URL, header or body.
    """

    def __init__(self, kind: FailureKind, *, sent: bool, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.sent = sent
        self.detail = detail
        self.stale = False
        self.known = True
        self.status: int | None = None


class OutOfTime(TransportFailure):
    """The exchange did not end within its patience, or was cut off."""

    def __init__(self) -> None:
        super().__init__(FailureKind.TIMEOUT, sent=True, detail="no answer in time")


def translate(error: Exception) -> TransportFailure:
    """Return what an exception of the wire means; any exception is accepted."""
    if isinstance(error, TransportFailure):
        return error
    behind = error.__cause__ if isinstance(error, httpx.HTTPError) else error
    if isinstance(behind, Exception) and _is_aiohttps(behind):
        # Only what goes through a proxy raises these, and only that loads aiohttp.
        from integrations.execution.aiohttp_failure import FAULTS_OF_ALL, reason_of

        return _failure(behind, FAULTS_OF_ALL, reason=reason_of(behind))
    return _failure(error, FAULTS, reason=reason(error))


def unconnected(error: Exception) -> TransportFailure:
    """Return what an error means that a connection of our own making met before it was ready."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _told(BAD_CERTIFICATE, error.verify_message)
    if isinstance(error, ssl.SSLError):
        return _told(BAD_TLS, _system_words(error))
    if isinstance(error, socket.gaierror | ValueError):
        # A name that cannot be written as punycode, or that TLS cannot ask for, is one that nobody knows.
        return _told(NO_NAME, (error.strerror or "") if isinstance(error, OSError) else "")
    return _told(REFUSED, reason(error))


def reason(error: BaseException) -> str:
    """The words of the operating system, of TLS or of zlib, which name no URL; or the exception's class."""
    if isinstance(error, OSError):
        return _system_words(error)
    if isinstance(error, EOFError):
        return "the server closed it"
    if isinstance(error, zlib.error):
        return str(error)
    return type(error).__name__


def _is_aiohttps(error: Exception) -> bool:
    return any(each.__module__.startswith("aiohttp.") for each in type(error).__mro__)


def _failure(
    error: Exception, faults: Mapping[type[BaseException], Fault], *, reason: str
) -> TransportFailure:
    fault = next((faults[each] for each in type(error).__mro__ if each in faults), None)
    failure = _told(fault or _UNKNOWN, reason)
    failure.known = fault is not None
    return failure


def _told(fault: Fault, reason: str) -> TransportFailure:
    kind, sent, what = fault
    return TransportFailure(kind, sent=sent, detail=f"{what}: {reason}" if reason else what)


def _system_words(error: OSError) -> str:
    """What a person reads for an error of the operating system or of TLS: `Connection refused`."""
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "reason", None) or ""
        return reason.replace("_", " ").lower() or _unnamed(error) or type(error).__name__
    if error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno)
    # That a time was over, the fault says already.
    return error.strerror or ("" if isinstance(error, TimeoutError) else type(error).__name__)


def _unnamed(error: ssl.SSLError) -> str:
    """What OpenSSL says where Python has no name for it: `[SSL] words of OpenSSL (_ssl.c:1006)`."""
    said = _SAID_BY_TLS.fullmatch(error.strerror or "")
    return said[1] if said is not None else ""
