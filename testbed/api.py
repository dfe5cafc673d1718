"""A small client of the cluster's API for the test cluster itself, with admin rights."""

import http.client
import json
from pathlib import Path
import ssl
from typing import Any, Final

from .errors import TestbedError
from .network import THE_CONTROL_PLANE
from .pki import URL, Pki

ADMIN: Final = "admin"
_PORT: Final = 6443


class ApiError(TestbedError):
    """The API refused; `status` is the HTTP status, 0 if it did not answer."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the status beside the sentence."""
        super().__init__(message)
        self.status = status


class Api:
    """Requests with the admin's certificate, each on a connection of its own."""

    def __init__(self, pki: Pki, address: str = THE_CONTROL_PLANE.address) -> None:
        """Certificates are read at each request: they may have been rotated."""
        self._pki = pki
        self._address = address

    def ready(self) -> bool:
        """Whether /readyz says ok."""
        try:
            return self.request("GET", "/readyz", timeout=5) == b"ok"
        except ApiError:
            return False

    def get(self, path: str) -> dict[str, Any]:
        """Read an object or a list."""
        found: dict[str, Any] = json.loads(self.request("GET", path))
        return found

    def find(self, path: str) -> dict[str, Any] | None:
        """Read an object, None if there is none."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == http.client.NOT_FOUND:
                return None
            raise

    def create(self, path: str, body: dict[str, Any]) -> None:
        """Create an object; one that exists already is left as it is."""
        try:
            self.request("POST", path, json.dumps(body).encode())
        except ApiError as error:
            if error.status != http.client.CONFLICT:
                raise

    def patch(self, path: str, body: dict[str, Any]) -> None:
        """Merge into an object."""
        kind = "application/merge-patch+json"
        self.request("PATCH", path, json.dumps(body).encode(), kind)

    def delete(self, path: str) -> None:
        """Delete an object; fine if there is none."""
        try:
            self.request("DELETE", path)
        except ApiError as error:
            if error.status != http.client.NOT_FOUND:
                raise

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        timeout: float = 30,
    ) -> bytes:
        """One request; raises `ApiError` for anything but success."""
        try:
            context = ssl.create_default_context(cafile=str(self._pki.ca))
            context.load_cert_chain(self._pki.certificate(ADMIN), self._pki.key(ADMIN))
            connection = http.client.HTTPSConnection(
                self._address, _PORT, context=context, timeout=timeout
            )
            try:
                headers = {"Content-Type": content_type} if body else {}
                connection.request(method, path, body=body, headers=headers)
                answer = connection.getresponse()
                text = answer.read()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise ApiError(0, f"The API server does not answer ({error}).") from error
        if answer.status >= http.client.BAD_REQUEST:
            raise ApiError(answer.status, f"{method} {path}: {_message(text)}")
        return text


def _message(text: bytes) -> str:
    try:
        return str(json.loads(text)["message"])
    except ValueError, KeyError, TypeError:
        return text.decode(errors="replace").strip()[:200]


def admin_kubeconfig(pki: Pki, file: Path, url: str = URL) -> None:
    """Write the admin's kubeconfig, with everything in it."""
    file.touch(mode=0o600)
    file.write_text(pki.kubeconfig(ADMIN, url, embedded=True))
