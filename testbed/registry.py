"""The distribution registry, and pushing images to it by the OCI API.

Plain HTTP, for loopback and the test cluster's own bridge.
"""

import base64
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import bcrypt
import yaml

from .errors import TestbedError
from .images import INDEX, MANIFEST, Image

type Account = tuple[str, str]


class RegistryError(TestbedError):
    """The registry answered with something else than success; `status` is its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the status beside the sentence."""
        super().__init__(message)
        self.status = status


def configuration(
    folder: Path,
    address: str,
    accounts: Mapping[str, str] | None = None,
    *,
    tokens: Mapping[str, str] | None = None,
) -> Path:
    """Write the registry program's settings into the folder; the file to start it with.

    With accounts (name: password) everything needs one of them by HTTP basic authentication. With
    `tokens`, the program's own settings of that name, everything needs a token of a service.
    """
    settings: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(folder / "images")},
            "delete": {"enabled": True},
        },
        "http": {"addr": address},
    }
    folder.mkdir(parents=True, exist_ok=True)
    if accounts is not None:
        passwords = folder / "htpasswd"
        passwords.write_text(
            "".join(
                f"{name}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(5)).decode()}\n"
                for name, password in accounts.items()
            )
        )
        settings["auth"] = {
            "htpasswd": {"realm": "Home registry", "path": str(passwords)}
        }
    if tokens is not None:
        settings["auth"] = {"token": dict(tokens)}
    file = folder / "registry.yaml"
    file.write_text(yaml.safe_dump(settings))
    return file


def write_hosts(folder: Path, address: str) -> None:
    """Tell containerd (its registry `config_path` is the folder) that this registry speaks plain HTTP."""
    host = folder / address
    host.mkdir(parents=True, exist_ok=True)
    (host / "hosts.toml").write_text(f'server = "http://{address}"\n')


class RegistryClient:
    """What the tests do with a registry: push, look, delete. A context manager, one connection.

    Raises `RegistryError` for refusals, `TestbedError` when nobody answers.
    """

    def __init__(self, address: str, account: Account | None = None) -> None:
        """Address is HOST:PORT; the account a name and password."""
        self.address = address
        self._connection = HTTPConnection(address, timeout=30)
        self._headers: dict[str, str] = {}
        self._pushed: dict[str, str] = {}  # digest to repository
        if account is not None:
            secret = base64.b64encode(":".join(account).encode()).decode()
            self._headers["Authorization"] = f"Basic {secret}"

    def __enter__(self) -> Self:
        """Connections are made when needed."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self._connection.close()

    def push(self, name: str, image: Image) -> str:
        """Push an image as "repository:tag"; the digest it can be pulled by.

        What the registry already has is not sent again.
        """
        repository, tag = name.rsplit(":", 1)
        self._push_parts(repository, image.descriptor, image.blobs)
        self._put_manifest(repository, tag, image.descriptor, image.blobs)
        return image.digest

    def tags(self, repository: str) -> list[str]:
        """The tags of a repository, sorted; none if there is no such repository."""
        try:
            body, _ = self._ask("GET", f"/v2/{repository}/tags/list")
        except RegistryError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return []
            raise
        return sorted(json.loads(body)["tags"] or [])

    def digest(self, name: str) -> str:
        """The digest that a "repository:tag" stands for now."""
        repository, tag = name.rsplit(":", 1)
        _, headers = self._ask(
            "HEAD",
            f"/v2/{repository}/manifests/{tag}",
            headers={"Accept": f"{INDEX}, {MANIFEST}"},
        )
        return headers["docker-content-digest"]

    def delete(self, name: str) -> None:
        """Remove a "repository:tag"; the digest stays."""
        repository, tag = name.rsplit(":", 1)
        self._ask("DELETE", f"/v2/{repository}/manifests/{tag}")

    def ready(self) -> bool:
        """Whether the registry answers, if only that it wants an account."""
        try:
            self._ask("GET", "/v2/")
        except RegistryError as error:
            return error.status == HTTPStatus.UNAUTHORIZED
        except TestbedError:
            return False
        return True

    def _push_parts(
        self, repository: str, descriptor: Mapping[str, Any], blobs: Mapping[str, bytes]
    ) -> None:
        """Push all that a manifest or index refers to, but not itself."""
        document = json.loads(blobs[descriptor["digest"]])
        for part in document.get("manifests", ()):
            self._push_parts(repository, part, blobs)
            self._put_manifest(repository, part["digest"], part, blobs)
        for part in (*document.get("layers", ()), document.get("config")):
            if part is not None and not self._has_blob(repository, part["digest"]):
                self._put_blob(repository, part["digest"], blobs[part["digest"]])

    def _put_manifest(
        self,
        repository: str,
        reference: str,
        descriptor: Mapping[str, Any],
        blobs: Mapping[str, bytes],
    ) -> None:
        self._ask(
            "PUT",
            f"/v2/{repository}/manifests/{reference}",
            body=blobs[descriptor["digest"]],
            headers={"Content-Type": descriptor["mediaType"]},
        )

    def _has_blob(self, repository: str, digest: str) -> bool:
        try:
            self._ask("HEAD", f"/v2/{repository}/blobs/{digest}")
        except RegistryError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return False
            raise
        return True

    def _put_blob(self, repository: str, digest: str, data: bytes) -> None:
        start = f"/v2/{repository}/blobs/uploads/"
        other = self._pushed.setdefault(digest, repository)
        mount = f"?mount={digest}&from={other}" if other != repository else ""
        _, headers = self._ask("POST", start + mount, body=b"")
        if "docker-content-digest" in headers:  # Taken over from the other repository.
            return
        place = urlsplit(urljoin(start, headers["location"]))
        query = f"{place.query}&digest={digest}" if place.query else f"digest={digest}"
        self._ask(
            "PUT",
            f"{place.path}?{query}",
            body=data,
            headers={"Content-Type": "application/octet-stream"},
        )

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[bytes, dict[str, str]]:
        """One request; the answer's body and its headers in lower case."""
        try:
            self._connection.request(
                method, path, body=body, headers={**self._headers, **(headers or {})}
            )
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise TestbedError(
                f"The registry at {self.address} does not answer: {error}."
            ) from error
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise RegistryError(
                answer.status,
                f"The registry at {self.address} answered {answer.status} to {method} {path}: {text.decode(errors='replace')[:200]}",
            )
        return text, {name.lower(): value for name, value in answer.getheaders()}
