"""Who we are to a cluster, and how to reach it: read, kept, and read again.

Everything that touches files or runs programs goes through the executor.
"""

import asyncio
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
import json
import os
from pathlib import Path
from ssl import SSLContext
import time
from typing import Any, Final, Protocol

from cryptography import x509

from .errors import CredentialsError
from .kubeconfig import KubeconfigReader, KubeconfigResult, read_kubeconfig
from .material import Material, read_file, valid_token, valid_url
from .tls import Executor, make_ssl_context

__all__ = [
    "CREDENTIALS_REASONS",
    "CredentialSource",
    "Credentials",
    "Executor",
    "KubeconfigResult",
    "Source",
    "read_kubeconfig",
    "source_from",
]

CREDENTIALS_REASONS: Final = frozenset(
    {
        "not_yaml",
        "not_kubeconfig",
        "file_not_found",
        "no_context",
        "unknown_context",
        "no_cluster",
        "no_user",
        "no_credentials",
        "unsupported_auth",
        "package_missing",
        "exec_missing",
        "exec_failed",
        "oidc_failed",
        "bad_token",
        "bad_certificate",
        "bad_key",
        "bad_ca",
        "bad_url",
        "bad_proxy",
        "plain_http",
        "not_in_cluster",
    }
)

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")

# client-go reads token files each minute; certificates need only be looked at every 5 minutes.
REREAD: Final = 60.0
# A failed renewal of credentials that may still be good is tried again after this.
RETRY: Final = 10.0


@dataclass(frozen=True)
class Credentials:
    """How to reach a cluster and who we are to it.

    `ssl` is what aiohttp takes (True: the system's trust). `expires` is when the token or client
    certificate ends by its own account, in seconds since 1970; None if it does not say.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    ssl: SSLContext | bool | None = None
    proxy: str | None = field(default=None, repr=False)
    server_name: str | None = None
    expires: float | None = None


class CredentialSource(Protocol):
    """Where credentials come from."""

    async def load(self, *, renew: bool = False) -> Credentials:
        """Return the credentials of now; `renew` gets them anew because a server refused them.

        What has not changed is the same object. Raises `CredentialsError`.
        """
        ...


type Reader = Callable[[bool], Material]
"""Reads the material; blocks. Its argument asks for new credentials rather than kept ones."""


class Source:
    """Credentials from a reader: kept, read again in time, made anew when they were refused."""

    def __init__(
        self, read: Reader, run: Executor, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Read by `read` in the executor `run`; `clock` only ever moves forward."""
        self._read = read
        self._run = run
        self._clock = clock
        self._lock = asyncio.Lock()
        self._material: Material | None = None
        self._credentials: Credentials | None = None
        self._next = float("inf")

    async def load(self, *, renew: bool = False) -> Credentials:
        """Return the credentials of now; see `CredentialSource`."""
        held = self._credentials
        if held and not renew and self._clock() < self._next:
            return held
        async with self._lock:
            if self._credentials and not renew and self._clock() < self._next:
                return self._credentials
            held = self._credentials
            try:
                made: tuple[Material, Credentials] = await self._run(self._make, renew)
            except CredentialsError:
                if held is None or renew:
                    raise
                # A file that is being written, a program that fails for now: what is held may
                # still be good, and if not, the server's 401 asks again.
                self._next = self._clock() + RETRY
                return held
            self._material, self._credentials = made
            self._next = self._clock() + _until_next(self._material)
            return self._credentials

    def _make(self, renew: bool) -> tuple[Material, Credentials]:
        material, before = self._read(renew), self._material
        if self._credentials is not None and material == before:
            return before, self._credentials
        context: SSLContext | bool | None = True
        if (
            self._credentials is not None
            and before
            and _trust(material) == _trust(before)
        ):
            # A new context would mean a new connection.
            context = self._credentials.ssl
        elif material.url.startswith("https:"):
            context = make_ssl_context(*_trust(material))
        return material, Credentials(
            url=material.url,
            token=material.token or None,
            ssl=context,
            proxy=material.proxy or None,
            server_name=material.server_name or None,
            expires=_expiry(material),
        )


def _trust(material: Material) -> tuple[str, str, str, bool]:
    return material.ca, material.certificate, material.key, material.verify


def _until_next(material: Material) -> float:
    """Return the seconds until the material must be read again."""
    seconds = REREAD if material.rereads else float("inf")
    if material.expires is not None:
        life = material.expires - time.time()
        seconds = min(seconds, max(life - 60, life / 2, RETRY))
    return seconds


def _expiry(material: Material) -> float | None:
    """Return when the first of the credentials ends, as they say themselves."""
    ends = [material.expires]
    if material.token:
        ends.append(_token_expiry(material.token))
    if material.certificate:
        certificate = x509.load_pem_x509_certificate(material.certificate.encode())
        ends.append(certificate.not_valid_after_utc.timestamp())
    return min((end for end in ends if end is not None), default=None)


def _token_expiry(token: str) -> float | None:
    try:
        payload = token.split(".")[1]
        return float(
            json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"]
        )
    except IndexError, KeyError, TypeError, ValueError:
        return None


def source_from(
    data: Mapping[str, Any],
    run: Executor,
    *,
    clock: Callable[[], float] = time.monotonic,
    environ: Mapping[str, str] = os.environ,
    service_account: Path | None = None,
) -> Source:
    """Return the source that a config entry's data describes; nothing is read yet."""
    read: Reader
    match data:
        case {"method": "in_cluster"}:
            read = _in_cluster_reader(environ, service_account or SERVICE_ACCOUNT)
        case {"method": "token"}:
            read = _fixed_reader(data)
        case {"method": "kubeconfig", "static": dict(static)}:
            read = _fixed_reader(static)
        case _:
            read = KubeconfigReader(data["kubeconfig"], data.get("context"), clock)
    return Source(read, run, clock)


def _fixed_reader(data: Mapping[str, Any]) -> Reader:
    """Return a reader of what the entry itself holds."""

    def read(_: bool) -> Material:
        token = data.get("token") or ""
        return Material(
            url=valid_url(data["url"]),
            token=valid_token(token) if token else "",
            ca=data.get("ca") or "",
            certificate=data.get("client_certificate") or "",
            key=data.get("client_key") or "",
            verify=data.get("verify_ssl", True),
            server_name=data.get("server_name") or "",
            proxy=data.get("proxy") or "",
        )

    return read


def _in_cluster_reader(environ: Mapping[str, str], folder: Path) -> Reader:
    """Return a reader of the service account that Kubernetes mounts into a pod."""

    def read(_: bool) -> Material:
        host = environ.get("KUBERNETES_SERVICE_HOST", "")
        port = environ.get("KUBERNETES_SERVICE_PORT", "") or "443"
        if not host:
            raise CredentialsError("this is not a pod", reason="not_in_cluster")
        try:
            token, ca = read_file(folder / "token"), read_file(folder / "ca.crt")
        except CredentialsError as error:
            raise CredentialsError(
                "this pod has no service account token", reason="not_in_cluster"
            ) from error
        return Material(
            url=valid_url(f"https://{f'[{host}]' if ':' in host else host}:{port}"),
            token=valid_token(token),
            ca=ca,
            rereads=True,
        )

    return read
