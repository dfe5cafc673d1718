"""What can go wrong when asking a registry."""


class RegistryError(Exception):
    """A registry did not tell what it was asked; the text says why, for people."""


class Unreachable(RegistryError):
    """No usable answer: refused, timed out, cut, not trusted, or a 5xx."""


class Unauthorized(RegistryError):
    """401 or 403: it wants an account, or not this one."""


class NotFound(RegistryError):
    """404: there is no such repository, tag or digest."""


class TooManyRequests(RegistryError):
    """429: to be left alone for `retry_after` seconds, where it says how long."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        """Keep the seconds beside the sentence."""
        super().__init__(message)
        self.retry_after = retry_after


class Malformed(RegistryError):
    """The answer is not what the OCI distribution specification promises."""
