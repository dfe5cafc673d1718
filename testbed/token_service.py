"""A token service for the registry, as public registries have one: who asks gets a token for one repository."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
from pathlib import Path
import threading
from typing import Any, Final, override
from urllib.parse import parse_qs, urlsplit
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
import jwt

SERVICE: Final = "Home registry"
ISSUER: Final = "Home tokens"
_LIFE: Final = timedelta(minutes=5)


class TokenService:
    """Signs tokens; `certificate` is what a registry checks them by.

    With accounts (name: password) it wants one of them by HTTP basic authentication, else it serves all.
    """

    def __init__(self, folder: Path, accounts: Mapping[str, str] | None = None) -> None:
        """Make a key; its certificate is written into the folder."""
        self.certificate = folder / "tokens.crt"
        self.asked: list[str] = []
        self._accounts = accounts
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
            .sign(self._key, hashes.SHA256())
        )
        der = certificate.public_bytes(serialization.Encoding.DER)
        self._x5c = [base64.b64encode(der).decode()]
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
        )

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve on a free port of loopback; the address that a registry names as its realm."""
        service = self

        class Handler(BaseHTTPRequestHandler):
            """Answers requests for tokens."""

            def do_GET(self) -> None:
                """Give a token, or ask who wants it."""
                status, body = service._answer(
                    self.path, self.headers.get("Authorization", "")
                )
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            @override
            def log_message(self, format: str, *args: Any) -> None:
                """Keep quiet."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield f"http://127.0.0.1:{server.server_address[1]}/token"
            finally:
                server.shutdown()

    def _answer(self, path: str, authorization: str) -> tuple[HTTPStatus, bytes]:
        query = parse_qs(urlsplit(path).query)
        self.asked.append(path)
        if self._accounts is not None and authorization not in {
            f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"
            for name, password in self._accounts.items()
        }:
            return HTTPStatus.UNAUTHORIZED, b"{}"
        now = datetime.now(UTC)
        token = jwt.encode(
            {
                "iss": ISSUER,
                "sub": "somebody",
                "aud": query["service"][0],
                "iat": now,
                "nbf": now - timedelta(minutes=1),
                "exp": now + _LIFE,
                "jti": uuid.uuid4().hex,
                "access": [_access(scope) for scope in query["scope"]],
            },
            self._key,
            algorithm="ES256",
            headers={"x5c": self._x5c},
        )
        life = int(_LIFE.total_seconds())
        return HTTPStatus.OK, json.dumps({"token": token, "expires_in": life}).encode()


def _access(scope: str) -> dict[str, Any]:
    """What a scope such as "repository:home/fridge:pull" asks for; nobody may push."""
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    return {
        "type": kind,
        "name": name,
        "actions": [action for action in actions.split(",") if action == "pull"],
    }
