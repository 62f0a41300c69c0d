"""What aiohttp's errors mean; it carries what goes through a proxy."""

from collections.abc import Mapping

import aiohttp
from aiohttp import client_exceptions

from integrations.execution.failure import (
    BAD_CERTIFICATE,
    BAD_PROXY,
    BAD_TLS,
    CUT,
    FAULTS,
    LATE,
    NO_CONNECTION,
    NO_HTTP,
    NO_NAME,
    NO_REQUEST,
    REFUSED,
    Fault,
    reason,
)

FAULTS_OF_ALL: Mapping[type[BaseException], Fault] = {
    **FAULTS,
    aiohttp.ClientError: CUT,
    aiohttp.ClientConnectionError: CUT,
    aiohttp.ClientConnectionResetError: CUT,
    aiohttp.ClientOSError: CUT,
    aiohttp.ServerConnectionError: CUT,
    aiohttp.ServerDisconnectedError: CUT,
    aiohttp.ClientPayloadError: CUT,
    client_exceptions.UploadAbortedError: CUT,
    aiohttp.ClientConnectorError: REFUSED,
    client_exceptions.UnixClientConnectorError: REFUSED,
    aiohttp.ClientProxyConnectionError: BAD_PROXY,
    aiohttp.ClientHttpProxyError: BAD_PROXY,
    aiohttp.ClientConnectorDNSError: NO_NAME,
    aiohttp.ClientSSLError: BAD_TLS,
    aiohttp.ClientConnectorSSLError: BAD_TLS,
    aiohttp.ServerFingerprintMismatch: BAD_TLS,
    aiohttp.ClientConnectorCertificateError: BAD_CERTIFICATE,
    aiohttp.ServerTimeoutError: LATE,
    aiohttp.SocketTimeoutError: LATE,
    aiohttp.ConnectionTimeoutError: NO_CONNECTION,
    aiohttp.ClientResponseError: NO_HTTP,
    aiohttp.ContentTypeError: NO_HTTP,
    aiohttp.WSServerHandshakeError: NO_HTTP,
    client_exceptions.WSMessageTypeError: NO_HTTP,
    aiohttp.TooManyRedirects: NO_HTTP,
    aiohttp.InvalidURL: NO_REQUEST,
    aiohttp.InvalidUrlClientError: NO_REQUEST,
    aiohttp.NonHttpUrlClientError: NO_REQUEST,
    aiohttp.RedirectClientError: NO_REQUEST,
    aiohttp.InvalidUrlRedirectClientError: NO_REQUEST,
    aiohttp.NonHttpUrlRedirectClientError: NO_REQUEST,
}


def reason_of(error: Exception) -> str:
    """The words of the operating system or of TLS behind it, or its class."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return getattr(error.certificate_error, "verify_message", "") or type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorError):
        return reason(error.os_error)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"status {error.status}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed it"
    return reason(error)
