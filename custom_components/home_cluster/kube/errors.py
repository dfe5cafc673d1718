"""What can go wrong when talking to a Kubernetes API server."""


class KubeError(Exception):
    """A request to the API server did not do what was asked."""

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        reason: str = "",
        retry_after: float | None = None,
    ) -> None:
        """Keep the server's sentence, its HTTP status, its machine-readable reason and the seconds it asks to wait."""
        super().__init__(message)
        self.message = message
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class CredentialsError(KubeError):
    """The credentials themselves cannot be used; no request was sent.

    `reason` is one of the words in `CREDENTIALS_REASONS` (credentials.py), `choices` are what
    would have been possible.
    """

    def __init__(
        self, message: str = "", *, reason: str = "", choices: tuple[str, ...] = ()
    ) -> None:
        """Keep the choices beside what every error has."""
        super().__init__(message, reason=reason)
        self.choices = choices


class Unreachable(KubeError):
    """No usable answer: refused, timed out, cut, or a 5xx."""


class UntrustedCertificate(Unreachable):
    """The server's certificate does not verify; nothing was sent over the connection."""


class Unreadable(KubeError):
    """The server's answer is complete, but not what the API promises."""


class Unauthorized(KubeError):
    """401: the server does not know who we are."""


class Forbidden(KubeError):
    """403: the account may not do this."""


class NotFound(KubeError):
    """404: the object, or the whole kind, is not there."""


class Conflict(KubeError):
    """409: another writer was first."""


class Expired(KubeError):
    """410, or 504 ResourceVersionTooLarge: the resource version is of no use any more."""


class TooManyRequests(KubeError):
    """429: throttled, or an eviction that a PodDisruptionBudget forbids."""

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = 429,
        reason: str = "",
        retry_after: float | None = None,
        cause: str = "",
        detail: str = "",
    ) -> None:
        """Keep the cause (`DisruptionBudget` for a budget) and its own sentence beside what every error has."""
        super().__init__(message, status=status, reason=reason, retry_after=retry_after)
        self.cause = cause
        self.detail = detail


class Invalid(KubeError):
    """400 or 422, of an admission policy also 403: the server understood and refuses."""
