"""How a registry wants to know who asks: what it says in a 401, and what is answered."""

import base64
from dataclasses import dataclass, field
import re
from typing import Final, NamedTuple

_SCHEME: Final = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)\s*")
_PARAMETER: Final = re.compile(
    r'\s*([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)'
)


@dataclass(frozen=True, slots=True)
class Credential:
    """An account of a registry; without a user name `secret` is a token that is sent as it is."""

    username: str
    secret: str = field(repr=False)

    @property
    def header(self) -> str:
        """The value of an Authorization header."""
        if not self.username:
            return f"Bearer {self.secret}"
        pair = f"{self.username}:{self.secret}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


class Challenge(NamedTuple):
    """What a 401 asks for: `scheme` is "basic", "bearer" or something else."""

    scheme: str
    realm: str = ""
    service: str = ""
    scope: str = ""


def parse_challenge(header: str) -> Challenge:
    """Read a WWW-Authenticate header."""
    scheme = _SCHEME.match(header)
    if scheme is None:
        return Challenge("")
    found: dict[str, str] = {}
    position = scheme.end()
    while (parameter := _PARAMETER.match(header, position)) is not None:
        quoted, bare = parameter[2], parameter[3]
        found[parameter[1].lower()] = bare or re.sub(r"\\(.)", r"\1", quoted or "")
        position = parameter.end()
    return Challenge(
        scheme[1].lower(),
        found.get("realm", ""),
        found.get("service", ""),
        found.get("scope", ""),
    )
