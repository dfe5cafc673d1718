"""Asking registries over the OCI distribution API: tags, digests, architectures, labels."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
import hashlib
from ipaddress import ip_address
import re
import ssl
import time
from typing import Final, NamedTuple

import aiohttp
from yarl import URL

from .auth import Challenge, Credential, parse_challenge
from .documents import (
    ACCEPT,
    Configuration,
    Descriptor,
    ImageInfo,
    Manifest,
    TagList,
    Token,
    read,
)
from .errors import Malformed, NotFound, TooManyRequests, Unauthorized, Unreachable

USER_AGENT: Final = "home-cluster"
TIMEOUT: Final = 30.0
_LIMITS: Final = aiohttp.ClientTimeout(total=TIMEOUT, sock_connect=10)

PAGE: Final = 1000
MOST_TAGS: Final = 50_000
MOST_PAGES: Final = 100
LARGEST_PAGE: Final = 8 << 20
LARGEST_DOCUMENT: Final = 4 << 20
_MOST_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

DOCKER_HUB: Final = "docker.io"
_DOCKER_HUB_HOST: Final = "registry-1.docker.io"
# What people call it when they set an account.
_DOCKER_HUB_NAMES: Final = frozenset(
    {"docker.com", "hub.docker.com", "index.docker.io", _DOCKER_HUB_HOST}
)
# Names that only a home's own network knows.
_HOMELY: Final = (".local", ".lan", ".home", ".internal", ".home.arpa")

# The least that a token is taken to live, as the token specification has it, and how long before its end it
# is not used any more.
_TOKEN_LIFE: Final = 60.0
_TOKEN_MARGIN: Final = 10.0
_REMEMBERED: Final = 256
_LISTS: Final = 64

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_HOST: Final = re.compile(
    r"[A-Za-z0-9._-]+(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?"
)
_REPOSITORY: Final = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*")
_REFERENCE: Final = re.compile(
    rf"{_DIGEST.pattern}|[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}}"
)
_NEXT: Final = re.compile(r'<([^>]+)>\s*;[^,]*\brel="?next"?', re.IGNORECASE)


class Answer(NamedTuple):
    """An answer's status, headers and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Registries:
    """The registries that images come from, over one session, which is not closed.

    `credentials` are by the registry's name as images have it; a name that begins with `http://` also says
    that the registry is not encrypted. Every method raises `RegistryError`. Nothing secret is sent to a
    registry that has no credential here, nor over plain HTTP without that word.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        credentials: Mapping[str, Credential] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask nothing yet."""
        self._session = session
        self._credentials: dict[str, Credential] = {}
        self._plain: set[str] = set()
        for address, credential in (credentials or {}).items():
            scheme, _, host = address.rpartition("://")
            host = host.rstrip("/")
            if host in _DOCKER_HUB_NAMES:
                host = DOCKER_HUB
            if scheme == "http":
                self._plain.add(host)
            if credential.secret:
                self._credentials[host] = credential
        self._clock = clock
        self._basic: set[str] = set()
        self._tokens: dict[tuple[str, str], tuple[str, float]] = {}
        self._known: dict[tuple[str, str, str], ImageInfo] = {}
        self._lists: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {}

    async def tags(self, registry: str, repository: str) -> list[str]:
        """Return all tags of a repository, at most 50,000 of them, page by page."""
        base = f"/v2/{_checked(repository)}/tags/list"
        path: str | None = f"{base}?n={PAGE}"
        tags: list[str] = []
        etag, known = self._lists.get((registry, repository), ("", ()))
        for number in range(MOST_PAGES):
            if path is None or len(tags) >= MOST_TAGS:
                break
            answer = await self._ask(
                "GET",
                registry,
                repository,
                path,
                most=LARGEST_PAGE,
                known=etag if number == 0 else "",
            )
            if answer.status == 304:
                return list(known)
            page = read(answer.body, TagList, "a list of tags").tags or []
            if number == 0:
                self._remember(registry, repository, answer.headers, page)
            tags += page
            path = _next_page(answer.headers, base) if page else None
            # A long list is decoded page by page: the loop breathes in between.
            await asyncio.sleep(0)
        return tags[:MOST_TAGS]

    def _remember(
        self,
        registry: str,
        repository: str,
        headers: Mapping[str, str],
        page: list[str],
    ) -> None:
        """Keep a list that is one page, if the registry can say that it is still the same."""
        key = (registry, repository)
        self._lists.pop(key, None)
        if (etag := headers.get("ETag", "")) and "Link" not in headers:
            if len(self._lists) >= _LISTS:
                self._lists.clear()
            self._lists[key] = (etag, tuple(page))

    async def digest(self, registry: str, repository: str, reference: str) -> str:
        """Return the digest that a tag stands for now, by HEAD: no registry counts that as a pull."""
        if not _REFERENCE.fullmatch(reference):
            raise NotFound("it can have no such tag")
        path = f"/v2/{_checked(repository)}/manifests/{reference}"
        answer = await self._ask("HEAD", registry, repository, path, accept=ACCEPT)
        found = answer.headers.get("Docker-Content-Digest", "")
        if _DIGEST.fullmatch(found):
            return found
        answer = await self._ask("GET", registry, repository, path, accept=ACCEPT)
        return _digest_of(answer)

    async def image(self, registry: str, repository: str, reference: str) -> ImageInfo:
        """Return what a tag or digest is: its architectures, and its labels.

        What a digest stands for never changes, so it is asked for once.
        """
        digest = (
            reference
            if _DIGEST.fullmatch(reference)
            else await self.digest(registry, repository, reference)
        )
        key = (registry, repository, digest)
        if (known := self._known.get(key)) is not None:
            return known
        manifest = await self._manifest(registry, repository, digest)
        labels = dict(manifest.annotations or {})
        if manifest.manifests is not None:
            parts = [
                part
                for part in manifest.manifests
                if part.platform is not None and part.platform.os == "linux"
            ]
            architectures = frozenset(
                part.platform.architecture for part in parts if part.platform
            )
            if not parts:
                raise Malformed("it sent an index without any Linux image")
            if "org.opencontainers.image.source" not in labels:
                inner = await self._manifest(registry, repository, parts[0].digest)
                config = await self._configuration(registry, repository, inner.config)
                labels = config.labels | (inner.annotations or {}) | labels
        else:
            config = await self._configuration(registry, repository, manifest.config)
            architectures = frozenset({config.architecture} - {""})
            labels = config.labels | labels
        info = ImageInfo(digest, architectures, labels)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[key] = info
        return info

    async def _manifest(self, registry: str, repository: str, digest: str) -> Manifest:
        path = f"/v2/{_checked(repository)}/manifests/{digest}"
        answer = await self._ask("GET", registry, repository, path, accept=ACCEPT)
        manifest = read(answer.body, Manifest, "a manifest")
        if manifest.config is None and manifest.manifests is None:
            raise Malformed("it sent a manifest of an unknown kind")
        return manifest

    async def _configuration(
        self, registry: str, repository: str, descriptor: Descriptor | None
    ) -> Configuration:
        if descriptor is None or not _DIGEST.fullmatch(descriptor.digest):
            raise Malformed("it sent a manifest without a configuration")
        path = f"/v2/{repository}/blobs/{descriptor.digest}"
        answer = await self._ask("GET", registry, repository, path)
        return read(answer.body, Configuration, "an image's configuration")

    async def _ask(
        self,
        method: str,
        registry: str,
        repository: str,
        path: str,
        *,
        accept: str = "application/json",
        most: int = LARGEST_DOCUMENT,
        known: str = "",
    ) -> Answer:
        """Send a request, as whom the registry wants, and return its good answer.

        With the ETag of what is `known`, the answer may be a 304.
        """
        headers = {"Accept": accept}
        if known:
            headers["If-None-Match"] = known
        if authorization := self._authorization(registry, repository):
            headers["Authorization"] = authorization
        answer = await self._try(method, registry, path, headers, most)
        if answer.status == 401:
            challenge = parse_challenge(answer.headers.get("WWW-Authenticate", ""))
            headers["Authorization"] = await self._answer_to(
                challenge, registry, repository
            )
            answer = await self._try(method, registry, path, headers, most)
        if answer.status >= 300 and not (known and answer.status == 304):
            raise _refusal(answer, known=registry in self._credentials)
        return answer

    def _authorization(self, registry: str, repository: str) -> str:
        """Return what a registry is known to want."""
        credential = self._credentials.get(registry)
        if credential is not None and (
            registry in self._basic or not credential.username
        ):
            return credential.header
        token, until = self._tokens.get((registry, repository), ("", 0.0))
        return f"Bearer {token}" if token and self._clock() < until else ""

    async def _answer_to(
        self, challenge: Challenge, registry: str, repository: str
    ) -> str:
        """Return the Authorization header that a challenge asks for."""
        credential = self._credentials.get(registry)
        if challenge.scheme == "basic" and credential and credential.username:
            self._basic.add(registry)
            return credential.header
        if challenge.scheme == "bearer" and (credential is None or credential.username):
            token, life = await self._token(challenge, registry, repository, credential)
            self._tokens[registry, repository] = (
                token,
                self._clock() + max(life, _TOKEN_LIFE) - _TOKEN_MARGIN,
            )
            return f"Bearer {token}"
        raise Unauthorized(
            "it does not accept the account that is set for it"
            if credential
            else "it wants an account"
        )

    async def _token(
        self,
        challenge: Challenge,
        registry: str,
        repository: str,
        credential: Credential | None,
    ) -> tuple[str, float]:
        """Get a token to pull a repository; the seconds that it lives."""
        try:
            realm = URL(challenge.realm)
        except ValueError as error:
            raise Malformed("it names no usable token service") from error
        plain = realm.scheme == "http" and (
            registry in self._plain
            or (credential is None and _is_homely(realm.host or ""))
        )
        if not realm.host or (realm.scheme != "https" and not plain):
            raise Malformed("it names no usable token service")
        scope = challenge.scope or f"repository:{repository}:pull"
        query = {"scope": scope}
        if challenge.service:
            query["service"] = challenge.service
        headers = {"Accept": "application/json"}
        if credential is not None:
            headers["Authorization"] = credential.header
        answer = await self._send(
            "GET", realm.update_query(query), headers, LARGEST_DOCUMENT
        )
        if answer.status >= 300:
            raise _refusal(answer, known=credential is not None)
        found = read(answer.body, Token, "a token")
        token = found.token or found.access_token
        if not token or not token.isascii() or not token.isprintable():
            raise Malformed("its token service sent no token")
        return token, found.expires_in or _TOKEN_LIFE

    async def _try(
        self,
        method: str,
        registry: str,
        path: str,
        headers: Mapping[str, str],
        most: int,
    ) -> Answer:
        """Send to a registry, over plain HTTP only where that is its way."""
        host = _DOCKER_HUB_HOST if registry == DOCKER_HUB else registry
        scheme = "http" if registry in self._plain else "https"
        try:
            url = URL(f"{scheme}://{host}{path}") if _HOST.fullmatch(host) else URL()
        except ValueError:
            url = URL()
        if not url.host:
            raise Unreachable("its address is none")
        try:
            return await self._send(method, url, headers, most)
        except _NotEncrypted:
            if registry in self._credentials or not _is_homely(url.host):
                raise Unreachable("it is not encrypted") from None
            self._plain.add(registry)
            return await self._send(method, url.with_scheme("http"), headers, most)

    async def _send(
        self, method: str, url: URL, headers: Mapping[str, str], most: int
    ) -> Answer:
        """Send one request and follow redirects; who asks is told to nobody else."""
        sent = {"User-Agent": USER_AGENT, **headers}
        try:
            for _ in range(_MOST_REDIRECTS):
                async with self._session.request(
                    method, url, headers=sent, allow_redirects=False, timeout=_LIMITS
                ) as response:
                    place = response.headers.get("Location", "")
                    if response.status not in _REDIRECTS or not place:
                        body = await _body(response, most)
                        return Answer(response.status, response.headers, body)
                target = url.join(URL(place, encoded=True))
                if target.scheme not in {url.scheme, "https"}:
                    raise Malformed("it points to a place that is not encrypted")
                if target.origin() != url.origin():
                    sent.pop("Authorization", None)
                url = target
        except aiohttp.ClientConnectorCertificateError as error:
            raise Unreachable("its certificate is not trusted") from error
        except aiohttp.ClientConnectorDNSError as error:
            raise Unreachable("its name is not known") from error
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise _NotEncrypted("it is not encrypted") from error
        except TimeoutError as error:
            raise Unreachable("it did not answer in time") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unreachable(f"it did not answer ({type(error).__name__})") from error
        raise Malformed("it points from one place to another without end")


class _NotEncrypted(Unreachable):
    """The other side does not speak TLS."""


def _checked(repository: str) -> str:
    """Return what can be a repository's name; the image is the word of whoever wrote the workload."""
    if not _REPOSITORY.fullmatch(repository):
        raise NotFound("it can have no such image")
    return repository


async def _body(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Read a body, up to so many bytes."""
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > most:
            raise Malformed(f"it sent more than {most >> 20} MiB")
        parts.append(part)
    return b"".join(parts)


def _digest_of(answer: Answer) -> str:
    return f"sha256:{hashlib.sha256(answer.body).hexdigest()}"


def _next_page(headers: Mapping[str, str], base: str) -> str | None:
    """Return the path of the next page; never another host's, nor anything but tags."""
    found = _NEXT.search(headers.get("Link", ""))
    if found is None:
        return None
    try:
        url = URL(base).join(URL(found[1]))
    except ValueError as error:
        raise Malformed("it names no usable next page") from error
    return f"{base}?{url.raw_query_string}" if url.raw_query_string else None


def _refusal(answer: Answer, *, known: bool) -> Exception:
    """Return the error that a refusal is; `known` says whether somebody set an account."""
    status = answer.status
    if status == 429:
        return TooManyRequests(
            "it wants to be asked less often",
            _seconds(answer.headers.get("Retry-After", "")),
        )
    if status in (401, 403):
        return Unauthorized(
            "it does not accept the account that is set for it"
            if known
            else "it wants an account, or has no such image"
        )
    if status == 404:
        return NotFound("it has no such image")
    if status >= 500:
        return Unreachable(f"it answered with the error {status}")
    return Malformed(f"it answered with status {status}")


def _seconds(retry_after: str) -> float | None:
    """Read a Retry-After header: seconds, or a date."""
    text = retry_after.strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _is_homely(host: str) -> bool:
    """Return whether a host is in the home's own network, where registries may do without TLS."""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith(_HOMELY)
    return address.is_private or address.is_loopback
