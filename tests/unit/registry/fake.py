"""A registry on loopback that speaks the OCI distribution API, with every way to ask who one is."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import ssl
from typing import Any, Self

from aiohttp import web

from testbed.images import Image, make_image, make_index
from tests.serving import serving

SOURCE = "https://github.com/home-cluster/home-cluster"


def image(text: str, *architectures: str, single: bool = False, **labels: str) -> Image:
    """Return a small image: an index for the architectures, or the manifest of the only one."""
    names = {f"org.opencontainers.image.{key}": value for key, value in labels.items()}
    parts = [
        make_image(
            {"/device": text.encode()},
            ["/device"],
            architecture=architecture,
            labels=names,
        )
        for architecture in architectures or ("arm64", "amd64")
    ]
    return parts[0] if single else make_index(parts, labels={})


@dataclass
class FakeRegistry:
    """The registry; what it answers can be spoiled.

    `login` is "", "basic" or "token"; `answer` replaces the answer to paths that hold its key.
    """

    login: str = ""
    account: tuple[str, str] = ("home", "open sesame")
    context: ssl.SSLContext | None = None
    page: int = 1000
    etags: bool = False
    with_digest: bool = True
    realm: str = ""
    repositories: dict[str, dict[str, str]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    answers: dict[str, web.Response | Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def name(self) -> str:
        """The registry as images name it."""
        return f"127.0.0.1:{self.port}"

    def push(self, repository: str, tag: str, content: Image) -> str:
        """Put an image there; its digest."""
        self.repositories.setdefault(repository, {})[tag] = content.digest
        self.blobs.update(content.blobs)
        self.types[content.digest] = str(content.descriptor["mediaType"])
        for part in content.manifest.get("manifests", ()):
            self.types[part["digest"]] = part["mediaType"]
        return content.digest

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Serve on a free port of loopback."""
        listening = serving(self._answer, port=self.port, context=self.context)
        async with listening as self.port:
            yield self

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0)
        self.asked.append(f"{request.method} {request.path_qs}")
        self.authorizations.append(request.headers.get("Authorization", ""))
        for part, answer in self.answers.items():
            if part in request.path_qs:
                spoiled: web.StreamResponse = answer(request)
                return spoiled
        if request.path == "/token":
            return self._token(request)
        if not self._known(request):
            return web.Response(
                status=401, headers={"WWW-Authenticate": self._challenge(request)}
            )
        parts = request.path.removeprefix("/v2/").split("/")
        repository, kind, name = "/".join(parts[:-2]), parts[-2], parts[-1]
        if repository not in self.repositories:
            return web.json_response({"errors": [{"code": "NAME_UNKNOWN"}]}, status=404)
        if kind == "tags":
            return self._tags(request, repository)
        if kind == "manifests":
            name = self.repositories[repository].get(name, name)
        if name not in self.blobs:
            return web.json_response({"errors": [{"code": "UNKNOWN"}]}, status=404)
        headers = {"Docker-Content-Digest": name} if self.with_digest else {}
        return web.Response(
            body=self.blobs[name],
            headers=headers,
            content_type=self.types.get(name, "application/octet-stream"),
        )

    def _tags(self, request: web.Request, repository: str) -> web.Response:
        names = sorted(self.repositories[repository])
        last = request.query.get("last", "")
        rest = [name for name in names if name > last]
        page = rest[: min(self.page, int(request.query.get("n", "1000")))]
        headers = {}
        if len(page) < len(rest):
            headers["Link"] = (
                f'</v2/{repository}/tags/list?last={page[-1]}&n={self.page}>; rel="next"'
            )
        if self.etags:
            headers["ETag"] = f'"{len(names)}"'
            if request.headers.get("If-None-Match") == headers["ETag"]:
                return web.Response(status=304, headers=headers)
        return web.json_response({"name": repository, "tags": page}, headers=headers)

    def _known(self, request: web.Request) -> bool:
        said = request.headers.get("Authorization", "")
        if self.login == "basic":
            return said == self._basic
        if self.login in ("token", "private token"):
            repository = "/".join(request.path.removeprefix("/v2/").split("/")[:-2])
            return said == f"Bearer for repository:{repository}:pull"
        return not self.login or said == f"Bearer {self.account[1]}"

    @property
    def _basic(self) -> str:
        return f"Basic {base64.b64encode(':'.join(self.account).encode()).decode()}"

    def _challenge(self, request: web.Request) -> str:
        if self.login == "basic":
            return 'Basic realm="Home registry"'
        realm = self.realm or f"http{'s' if self.context else ''}://{self.name}/token"
        repository = "/".join(request.path.removeprefix("/v2/").split("/")[:-2])
        return f'Bearer realm="{realm}",service="home, sweet",scope="repository:{repository}:pull"'

    def _token(self, request: web.Request) -> web.Response:
        said = request.headers.get("Authorization", "")
        if (self.login == "private token" or said) and said != self._basic:
            return web.Response(status=401)
        return web.json_response(
            {"token": f"for {request.query['scope']}", "expires_in": 300}
        )
