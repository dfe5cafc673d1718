"""What refusals mean, and why there is no answer at all."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
import ssl
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from .errors import (
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unreachable,
    UntrustedCertificate,
)
from .tls import connection_error, verify_error
from .wire import Cause, Status, decode_status

_LONGEST_MESSAGE: Final = 500

_BY_STATUS: Final[dict[int, type[KubeError]]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    # The verb, so for us the whole kind, is not there.
    405: NotFound,
    408: Unreachable,
    409: Conflict,
    410: Expired,
}


# A 403 of admission says who refuses; that of an account without the right names the account.
_ADMISSION: Final = (
    "ValidatingAdmissionPolicy ",
    "admission webhook ",
    "exceeded quota: ",
    "violates PodSecurity ",
)


def error_of(status: Status, *, code: int | None = None) -> KubeError:
    """Return the error that a Status tells, be it the answer or an ERROR event of a watch.

    `code` is the HTTP status; an event has none but that in the Status.
    """
    code = code or status.code
    message, retry_after = status.message[:_LONGEST_MESSAGE], status.retry_after
    if code == 429:
        causes = (status.details.causes if status.details else None) or [Cause()]
        return TooManyRequests(
            message,
            status=code,
            reason=status.reason,
            retry_after=retry_after,
            cause=causes[0].reason,
            detail=causes[0].message[:_LONGEST_MESSAGE],
        )
    if code == 504 and "ResourceVersionTooLarge" in status.causes:
        return Expired(message, status=code, reason="ResourceVersionTooLarge")
    if code == 403 and any(word in message for word in _ADMISSION):
        return Invalid(message, status=code, reason=status.reason)
    # A watch can end by "Expired" with any code.
    kind = Expired if status.reason == "Expired" else _BY_STATUS.get(code)
    if kind is None:
        kind = Invalid if 400 <= code < 500 else Unreachable
    return kind(message, status=code, reason=status.reason, retry_after=retry_after)


def error_of_answer(code: int, retry_after: str | None, body: bytes) -> KubeError:
    """Return the error that an HTTP answer tells.

    Proxies and the server's own throttle answer in HTML or plain text: nothing of it is repeated.
    """
    status = decode_status(body) or Status(message=f"HTTP {code}")
    error = error_of(status, code=code)
    if error.retry_after is None:
        error.retry_after = seconds_of(retry_after)
    return error


def seconds_of(retry_after: str | None) -> float | None:
    """Read a Retry-After header: seconds, or the time of day."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (when.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def refusal_of(
    response: aiohttp.ClientResponse, body: bytes, token: str | None
) -> KubeError:
    """Return the error that an answer tells; `token` is never in it."""
    # Whoever answers may repeat what was sent.
    if token:
        body = body.replace(token.encode(), b"...")
    return error_of_answer(response.status, response.headers.get("Retry-After"), body)


def no_answer(error: Exception, url: str) -> KubeError:
    """Say why there is no answer; nothing of aiohttp's own text, which may hold what was sent."""
    address = urlsplit(url).netloc
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
        word = (
            verify_error(cause)
            if isinstance(cause, ssl.SSLCertVerificationError)
            else "invalid"
        )
        return UntrustedCertificate(
            f"the certificate of {address} is not trusted: {getattr(cause, 'verify_message', '')}",
            reason=word,
        )
    if isinstance(
        error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError
    ):
        return Unreachable(f"the proxy does not lead to {address}", reason="proxy")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Unreachable(f"the name of {address} is not known", reason="dns")
    if isinstance(error, aiohttp.ClientConnectorError):
        return connection_error(error.os_error, address)
    if isinstance(error, TimeoutError):
        return connection_error(error, address)
    return Unreachable(
        f"the connection to {address} broke ({type(error).__name__})", reason="cut"
    )
