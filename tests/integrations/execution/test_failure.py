"""Errors of the wire are translated completely, and by what is behind them."""

import errno
import inspect
import socket
import ssl
import zlib

import aiohttp
import httpx
import pytest
from aiohttp import client_exceptions
from aiohttp.client_reqrep import ConnectionKey
from httpx_aiohttp.transport import map_aiohttp_exceptions
from yarl import URL

from integrations.execution.aiohttp_failure import FAULTS_OF_ALL
from integrations.execution.failure import FAULTS, TransportFailure, translate, unconnected
from integrations.execution.outcome import FailureKind as K

KEY = ConnectionKey("shop.example", 443, True, True, None, None, None)


def classes(module: object) -> list[type]:
    return [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, BaseException) and member.__module__.startswith(("aiohttp", "httpx"))
    ]


def test_every_exception_that_aiohttps_client_has_is_in_the_table() -> None:
    assert [each for each in classes(client_exceptions) if each not in FAULTS_OF_ALL] == []


def test_every_transport_error_that_httpx_has_is_in_the_table() -> None:
    errors = [each for each in classes(httpx) if issubclass(each, httpx.TransportError)]
    assert [each for each in errors if each not in FAULTS] == []


def through_httpx(error: Exception) -> Exception:
    """The error as httpx-aiohttp hands it on."""
    with pytest.raises((httpx.TransportError, aiohttp.ClientError)) as mapped, map_aiohttp_exceptions():
        raise error
    return mapped.value


def _ssl_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] (_ssl.c:1006)")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "kind", "sent"),
    [
        (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "Name or service not known")), K.DNS, False),
        (
            aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "Connection refused")),
            K.CONNECTION,
            False,
        ),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "handshake failure")), K.TLS, False),
        (
            aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError(1, "expired")),
            K.TLS,
            False,
        ),
        (aiohttp.ConnectionTimeoutError("to https://shop.example/?token=secret"), K.TIMEOUT, False),
        (aiohttp.SocketTimeoutError("read"), K.TIMEOUT, True),
        (aiohttp.ServerDisconnectedError(), K.CONNECTION, True),
        (aiohttp.ClientOSError(104, "Connection reset by peer"), K.CONNECTION, True),
        (aiohttp.ClientConnectionResetError("closing transport"), K.CONNECTION, True),
        (aiohttp.ClientPayloadError("not completed"), K.CONNECTION, True),
        (aiohttp.InvalidUrlClientError(URL("https://shop.example/?token=secret")), K.CLIENT_ERROR, False),
        (aiohttp.ServerFingerprintMismatch(b"a", b"b", "shop.example", 443), K.TLS, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
@pytest.mark.parametrize("via", ["aiohttp", "httpx-aiohttp"])
def test_an_error_keeps_its_meaning_also_behind_httpx(
    error: Exception, kind: K, sent: bool, via: str
) -> None:
    failure = translate(through_httpx(error) if via == "httpx-aiohttp" else error)
    assert (failure.kind, failure.sent, failure.known) == (kind, sent, True)
    assert "secret" not in failure.detail


def test_a_reset_after_sending_does_not_look_like_a_failed_connect() -> None:
    mapped = through_httpx(aiohttp.ServerDisconnectedError())
    assert isinstance(mapped, httpx.ConnectTimeout), "httpx-aiohttp has changed: see failure.py"
    assert translate(mapped).sent


@pytest.mark.parametrize(
    ("error", "kind", "sent"),
    [
        (httpx.ConnectError("no"), K.CONNECTION, False),
        (httpx.ConnectTimeout("no"), K.TIMEOUT, False),
        (httpx.ReadTimeout("no"), K.TIMEOUT, True),
        (httpx.ReadError("no"), K.CONNECTION, True),
        (httpx.RemoteProtocolError("no"), K.CONNECTION, True),
        (httpx.UnsupportedProtocol("no"), K.CLIENT_ERROR, False),
        (ssl.SSLError(1, "no"), K.TLS, True),
        (socket.gaierror(-2, "no"), K.CONNECTION, True),
    ],
)
def test_errors_of_other_transports_are_known_too(error: Exception, kind: K, sent: bool) -> None:
    failure = translate(error)
    assert (failure.kind, failure.sent, failure.known) == (kind, sent, True)


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (TimeoutError(), "no answer in time"),
        (aiohttp.ConnectionTimeoutError("to https://shop.example/"), "no connection in time"),
        (TimeoutError(errno.ETIMEDOUT, "x"), "no answer in time: Connection timed out"),
    ],
    ids=["an answer", "a connection", "the system's"],
)
def test_what_took_too_long_is_told_without_the_name_of_a_class(error: Exception, detail: str) -> None:
    assert translate(error).detail == detail


def test_what_no_table_names_is_malformed_and_marked() -> None:
    failure = translate(RuntimeError("https://shop.example/?token=secret"))
    assert (failure.kind, failure.sent, failure.known) == (K.MALFORMED, True, False)
    assert failure.detail == "the answer could not be read: RuntimeError"


def test_a_failure_stays_itself() -> None:
    failure = TransportFailure(K.DNS, sent=False, detail="x")
    assert translate(failure) is failure


@pytest.mark.parametrize(
    ("error", "told"),
    [
        pytest.param(
            OSError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 9)"),
            "Connection refused",
            id="refused",
        ),
        pytest.param(
            OSError(errno.ENETUNREACH, "Connect call failed"), "Network is unreachable", id="unreachable"
        ),
        pytest.param(_ssl_error("WRONG_VERSION_NUMBER"), "wrong version number", id="no TLS there"),
        pytest.param(
            ssl.SSLError(1, "[SSL] tlsv1 alert no application protocol (_ssl.c:1006)"),
            "tlsv1 alert no application protocol",
            id="TLS without a name",
        ),
        pytest.param(ssl.SSLError(1, "[X509] of a kind"), "SSLError", id="TLS without words"),
        pytest.param(EOFError(), "the server closed it", id="ended"),
        pytest.param(aiohttp.ServerDisconnectedError(), "the server closed it", id="ended behind a proxy"),
        pytest.param(zlib.error("incorrect header check"), "incorrect header check", id="no gzip"),
    ],
)
def test_the_systems_errors_are_told_in_words_for_a_person(error: Exception, told: str) -> None:
    assert translate(error).detail.endswith(f": {told}")


@pytest.mark.parametrize(
    ("error", "kind", "detail"),
    [
        (
            socket.gaierror(-2, "Name or service not known"),
            K.DNS,
            "the name does not resolve: Name or service not known",
        ),
        (UnicodeError("label too long"), K.DNS, "the name does not resolve"),
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "x"),
            K.CONNECTION,
            "could not connect: Connection refused",
        ),
        (OSError("Multiple exceptions: [Errno 111] 192.0.2.1"), K.CONNECTION, "could not connect: OSError"),
        (_ssl_error("WRONG_VERSION_NUMBER"), K.TLS, "no TLS connection: wrong version number"),
    ],
    ids=["no name", "no such name", "refused", "several addresses", "no TLS"],
)
def test_what_a_connection_met_before_it_was_ready_is_told_and_nothing_was_sent(
    error: Exception, kind: K, detail: str
) -> None:
    failure = unconnected(error)
    assert (failure.kind, failure.sent, failure.detail) == (kind, False, detail)


def test_a_certificate_that_is_not_valid_is_told_in_the_words_of_tls() -> None:
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_message = "certificate has expired"
    assert unconnected(error).detail == "the certificate is not valid: certificate has expired"
