"""What all tests with Home Assistant share."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final
from unittest.mock import AsyncMock, patch

import pytest

# Imported once by name, or Home Assistant finds the test package's own folder of custom components.
from custom_components.home_cluster import connect
from custom_components.home_cluster.kube import running
from tests.integration.api_server import READ_ALL, READ_UID, ApiServer
from tests.integration.cluster_home import EVERYTHING
from tests.integration.flow_texts import checked_flows
from tests.integration.live_server import LiveServer, home as small_home
from tests.integration.pki import Authority


@pytest.fixture(autouse=True)
def auto_enable_custom_integrations(enable_custom_integrations: None) -> None:
    """Let Home Assistant load this integration."""


@pytest.fixture(autouse=True)
def every_flow_has_its_texts() -> Iterator[None]:
    """Fail a test in which a flow shows what en.json has no text for."""
    with checked_flows():
        yield


@pytest.fixture(autouse=True)
def quick_denials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again at once when something was denied."""
    monkeypatch.setattr(connect, "DENIAL_PAUSE", 0)


@pytest.fixture(autouse=True)
def collections_begin_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin to follow without a pause: where the clock stands still it would never be over."""
    monkeypatch.setattr(running, "BETWEEN_STARTS", 0)


# What a loop in debug mode tells of a client that left before its TLS handshake was over.
_LEFT: Final = "Error on transport creation for incoming connection"


@pytest.fixture(scope="session", autouse=True)
def clients_may_leave() -> Iterator[None]:
    """Hold it against nobody that an unloaded entry breaks off a connection that our servers are accepting."""
    tell = asyncio.BaseEventLoop.call_exception_handler

    def tell_others(loop: asyncio.BaseEventLoop, context: dict[str, Any]) -> None:
        if context["message"] != _LEFT or not isinstance(
            context.get("exception"), ConnectionError
        ):
            tell(loop, context)

    with patch.object(asyncio.BaseEventLoop, "call_exception_handler", tell_others):
        yield


@pytest.fixture
def no_setup() -> Iterator[AsyncMock]:
    """Make entries without setting them up."""
    with (
        patch(
            "custom_components.home_cluster.async_setup_entry",
            return_value=True,
            autospec=True,
        ) as setup,
        patch("custom_components.home_cluster.async_unload_entry", return_value=True),
    ):
        yield setup


@pytest.fixture(scope="session")
def authority() -> Authority:
    """A cluster's own certificate authority."""
    return Authority()


@pytest.fixture
async def api(
    authority: Authority, tmp_path: Path, socket_enabled: None
) -> AsyncIterator[ApiServer]:
    """An API server on loopback whose token `reader` may read everything."""
    server = ApiServer(authority.server_context(tmp_path, clients=True))
    server.accounts["reader"] = (READ_UID, READ_ALL)
    async with server.serving():
        yield server


@pytest.fixture
async def home(
    authority: Authority, tmp_path: Path, socket_enabled: None
) -> AsyncIterator[LiveServer]:
    """A living cluster on loopback whose account `person` may do all that the integration offers."""
    server = small_home(authority.server_context(tmp_path))
    server.authority = authority.pem
    server.accounts["person"] = EVERYTHING
    async with server.serving():
        yield server


@pytest.fixture
def pod(
    api: ApiServer,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Be a pod whose service account has the token `reader`."""
    account = tmp_path / "serviceaccount"
    account.mkdir()
    (account / "token").write_text("reader")
    (account / "ca.crt").write_text(authority.pem)
    monkeypatch.setattr(
        "custom_components.home_cluster.kube.credentials.SERVICE_ACCOUNT", account
    )
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(api.port))
    return account
