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

import aiohttp
import httpx
from aiohttp import client_exceptions as _client

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

_CUT: Fault = (_CONNECTION, True, "the connection was cut")
_REFUSED: Fault = (_CONNECTION, False, "could not connect")
_NO_REQUEST: Fault = (_CLIENT_ERROR, False, "no request can be made for this address")
_NO_HTTP: Fault = (_MALFORMED, True, "the answer is not valid HTTP")
_BAD_TLS: Fault = (_TLS, False, "no TLS connection")
_LATE: Fault = (_TIMEOUT, True, "no answer in time")
_NO_CONNECTION: Fault = (_TIMEOUT, False, "no connection in time")
_NO_NAME: Fault = (_DNS, False, "the name does not resolve")
_BAD_CERTIFICATE: Fault = (_TLS, False, "the certificate is not valid")
_BAD_PROXY: Fault = (_CONNECTION, False, "the proxy did not connect")

FAULTS: dict[type[BaseException], Fault] = {
    aiohttp.ClientError: _CUT,
    aiohttp.ClientConnectionError: _CUT,
    aiohttp.ClientConnectionResetError: _CUT,
    aiohttp.ClientOSError: _CUT,
    aiohttp.ServerConnectionError: _CUT,
    aiohttp.ServerDisconnectedError: _CUT,
    aiohttp.ClientPayloadError: _CUT,
    _client.UploadAbortedError: _CUT,
    aiohttp.ClientConnectorError: _REFUSED,
    _client.UnixClientConnectorError: _REFUSED,
    aiohttp.ClientProxyConnectionError: _BAD_PROXY,
    aiohttp.ClientHttpProxyError: _BAD_PROXY,
    aiohttp.ClientConnectorDNSError: _NO_NAME,
    aiohttp.ClientSSLError: _BAD_TLS,
    aiohttp.ClientConnectorSSLError: _BAD_TLS,
    aiohttp.ServerFingerprintMismatch: _BAD_TLS,
    aiohttp.ClientConnectorCertificateError: _BAD_CERTIFICATE,
    aiohttp.ServerTimeoutError: _LATE,
    aiohttp.SocketTimeoutError: _LATE,
    aiohttp.ConnectionTimeoutError: _NO_CONNECTION,
    aiohttp.ClientResponseError: _NO_HTTP,
    aiohttp.ContentTypeError: _NO_HTTP,
    aiohttp.WSServerHandshakeError: _NO_HTTP,
    _client.WSMessageTypeError: _NO_HTTP,
    aiohttp.TooManyRedirects: _NO_HTTP,
    aiohttp.InvalidURL: _NO_REQUEST,
    aiohttp.InvalidUrlClientError: _NO_REQUEST,
    aiohttp.NonHttpUrlClientError: _NO_REQUEST,
    aiohttp.RedirectClientError: _NO_REQUEST,
    aiohttp.InvalidUrlRedirectClientError: _NO_REQUEST,
    aiohttp.NonHttpUrlRedirectClientError: _NO_REQUEST,
    httpx.TransportError: _CUT,
    httpx.NetworkError: _CUT,
    httpx.ReadError: _CUT,
    httpx.WriteError: _CUT,
    httpx.CloseError: _CUT,
    httpx.ConnectError: _REFUSED,
    httpx.ProxyError: _BAD_PROXY,
    httpx.TimeoutException: _LATE,
    httpx.ReadTimeout: _LATE,
    httpx.WriteTimeout: _LATE,
    httpx.ConnectTimeout: _NO_CONNECTION,
    httpx.PoolTimeout: _NO_CONNECTION,
    httpx.ProtocolError: _NO_HTTP,
    httpx.RemoteProtocolError: _CUT,
    httpx.LocalProtocolError: _NO_REQUEST,
    httpx.UnsupportedProtocol: _NO_REQUEST,
    httpx.InvalidURL: _NO_REQUEST,
    httpx.DecodingError: (_MALFORMED, True, "the body does not decode"),
    zlib.error: (_MALFORMED, True, "the body does not decode"),
    ssl.SSLError: (_TLS, True, "the TLS connection broke"),
    TimeoutError: _LATE,
    OSError: _CUT,
    EOFError: _CUT,
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
    behind = error.__cause__
    if isinstance(behind, aiohttp.ClientError) and isinstance(error, httpx.HTTPError):
        error = behind
    for kind_of_error in type(error).__mro__:
        fault = FAULTS.get(kind_of_error)
        if fault is not None:
            return _failure(fault, error)
    failure = _failure(_UNKNOWN, error)
    failure.known = False
    return failure


def unconnected(error: Exception) -> TransportFailure:
    """Return what an error means that a connection of our own making met before it was ready."""
    if isinstance(error, ssl.SSLCertVerificationError):
        fault, reason = _BAD_CERTIFICATE, error.verify_message
    elif isinstance(error, ssl.SSLError):
        fault, reason = _BAD_TLS, _system_words(error)
    elif isinstance(error, socket.gaierror | ValueError):
        # A name that cannot be written as punycode, or that TLS cannot ask for, is one that nobody knows.
        fault, reason = _NO_NAME, (error.strerror or "") if isinstance(error, OSError) else ""
    else:
        fault, reason = _REFUSED, _reason(error)
    kind, sent, what = fault
    return TransportFailure(kind, sent=sent, detail=f"{what}: {reason}" if reason else what)


def _failure(fault: Fault, error: Exception) -> TransportFailure:
    kind, sent, what = fault
    reason = _reason(error)
    return TransportFailure(kind, sent=sent, detail=f"{what}: {reason}" if reason else what)


def _reason(error: Exception) -> str:
    """The words of the operating system, of TLS or of zlib, which name no URL; or the exception's class."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return getattr(error.certificate_error, "verify_message", "") or type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"status {error.status}"
    if isinstance(error, OSError):
        return _system_words(error)
    if isinstance(error, EOFError | aiohttp.ServerDisconnectedError):
        return "the server closed it"
    if isinstance(error, zlib.error):
        return str(error)
    return type(error).__name__


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
