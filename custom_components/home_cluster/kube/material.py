"""What credentials are made of, and the checks that each piece passes."""

from dataclasses import dataclass, field
from pathlib import Path
import re
from typing import Final
from urllib.parse import urlsplit

from .errors import CredentialsError

_LARGEST: Final = 1 << 20
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Material:
    """What credentials are made of, all as text; "" is absent. `ca` "" is the system's trust."""

    url: str
    token: str = field(default="", repr=False)
    ca: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    verify: bool = True
    server_name: str = ""
    proxy: str = field(default="", repr=False)
    expires: float | None = None
    """When to renew at the latest, in seconds since 1970, if who issued them said so."""
    rereads: bool = False
    """Whether it comes from files that may change."""


def valid_url(text: str) -> str:
    """Return the address of an API server in its plain form; a path is kept, as Rancher has one.

    Raises `CredentialsError`: `plain_http`, or `bad_url` for everything else.
    """
    url = text.strip()
    if "://" not in url:
        url = f"https://{url}"
    url = url.rstrip("/")
    try:
        parts = urlsplit(url)
        valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    # Neither is repeated in the message: there may be a password in it.
    if (
        not valid
        or parts.username
        or parts.query
        or parts.fragment
        or re.search(r"\s", url)
    ):
        raise CredentialsError("this is not the address of a server", reason="bad_url")
    if parts.scheme == "http":
        raise CredentialsError(
            "credentials are sent over https only", reason="plain_http"
        )
    if parts.scheme != "https":
        raise CredentialsError("the address must begin with https://", reason="bad_url")
    return url


def valid_proxy(url: str) -> str:
    """Return the address of a proxy; raises `CredentialsError` (bad_proxy) if it cannot be used."""
    try:
        parts = urlsplit(url)
        valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.scheme not in {"http", "https"}:
        raise CredentialsError(
            "only http and https proxies can be used", reason="bad_proxy"
        )
    return url


def valid_token(text: str) -> str:
    """Return a bearer token without what people paste around it; raises `CredentialsError` (bad_token)."""
    token = text.strip().removeprefix("Bearer ").strip()
    if not _TOKEN.fullmatch(token):
        raise CredentialsError("this is not a token", reason="bad_token")
    return token


def read_file(path: Path) -> str:
    """Read a small text file; blocks. Raises `CredentialsError` (file_not_found)."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LARGEST + 1)
    except FileNotFoundError:
        problem = "is not there"
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    except UnicodeDecodeError:
        problem = "is not a text file"
    else:
        if len(text) <= _LARGEST:
            return text
        problem = "is too large"
    raise CredentialsError(f"{path} {problem}", reason="file_not_found")
