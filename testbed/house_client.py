"""What anybody does with a running Home Assistant, wherever it runs: through its public API only."""

import asyncio
from collections.abc import Awaitable, Callable
import json
import secrets
from typing import Any, Final

import aiohttp

from .house_socket import HouseError, HouseSocket

type Attendant = Callable[[HouseSocket], Awaitable[None]]


class HouseClient:
    """A visitor of the Home Assistant at `url`.

    Who enters a new one first becomes its owner (`username`, `password`) and gets a long-lived
    token that outlives restarts.
    """

    username: Final = "home"

    def __init__(self, url: str, *, password: str | None = None) -> None:
        """Nothing is sent yet."""
        self.url = url
        self.password = password or secrets.token_urlsafe(9)
        self.token = ""
        self.credentials: dict[str, Any] = {}
        self._session: aiohttp.ClientSession | None = None
        self._socket: HouseSocket | None = None
        self._attendants: list[Attendant] = []

    async def attend(self, attendant: Attendant) -> None:
        """Call `attendant` now, and after each start as soon as anyone can be let in."""
        self._attendants.append(attendant)
        if self._socket and not self._socket.closed:
            await attendant(self._socket)

    async def close(self) -> None:
        """Leave, and give back what this object holds."""
        await self._leave()
        if self._session:
            await self._session.close()
            self._session = None

    async def call(self, kind: str, *, timeout: float = 60, **fields: Any) -> Any:
        """Send a WebSocket command and return its result."""
        if self._socket is None:
            raise HouseError("Home Assistant is not running", "stopped")
        return await self._socket.call(kind, timeout=timeout, **fields)

    async def rest(self, method: str, path: str, body: Any = None) -> Any:
        """Send a REST request and return what is in the answer; raises HouseError from 400 on."""
        async with self._web.request(
            method,
            f"{self.url}{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=aiohttp.ClientTimeout(total=120),
        ) as response:
            text = await response.text()
            if response.status >= 400:
                raise HouseError(
                    f"{method} {path}: {response.status} {text}", str(response.status)
                )
            return json.loads(text) if text else None

    async def service(
        self, name: str, target: dict[str, Any] | None = None, **data: Any
    ) -> Any:
        """Call a service such as `switch.turn_off`; raises HouseError with its sentence if it fails."""
        domain, service = name.split(".")
        call: dict[str, Any] = {
            "domain": domain,
            "service": service,
            "service_data": data,
        }
        if target:
            call["target"] = target
        return await self.call("call_service", **call)

    async def states(self) -> dict[str, dict[str, Any]]:
        """All states, by entity id."""
        return {state["entity_id"]: state for state in await self.call("get_states")}

    async def _enter(self) -> None:
        """Wait for the web server, become the owner if there is none, and wait until it is running."""
        await self._answering()
        if not self.token:
            await self._onboard()
        self._socket = await HouseSocket.open(self._web, self.url, self.token)
        for attendant in self._attendants:
            await attendant(self._socket)
        while (await self.call("get_config"))["state"] != "RUNNING":
            await asyncio.sleep(0.1)

    async def _leave(self) -> None:
        """End the connection, if there is one."""
        if self._socket:
            await self._socket.close()
            self._socket = None

    def _check_alive(self) -> None:
        """Raise where waiting is of no use any more."""

    @property
    def _web(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session

    async def _answering(self) -> None:
        """Return when the web server answers."""
        while True:
            self._check_alive()
            try:
                async with self._web.get(f"{self.url}/manifest.json") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)

    async def _onboard(self) -> None:
        """Make the owner and get a long-lived token."""
        client = f"{self.url}/"
        # The onboarding views come a moment after the web server.
        while True:
            async with self._web.get(f"{self.url}/api/onboarding") as response:
                if response.status == 200:
                    break
            await asyncio.sleep(0.1)
        answer = await self.rest(
            "POST",
            "/api/onboarding/users",
            {
                "name": "Home",
                "username": self.username,
                "password": self.password,
                "client_id": client,
                "language": "en",
            },
        )
        async with self._web.post(
            f"{self.url}/auth/token",
            data={
                "grant_type": "authorization_code",
                "code": answer["auth_code"],
                "client_id": client,
            },
        ) as response:
            self.credentials = {
                **await response.json(),
                "clientId": client,
                "hassUrl": self.url,
            }
        first = await HouseSocket.open(
            self._web, self.url, self.credentials["access_token"]
        )
        self.token = await first.call(
            "auth/long_lived_access_token", client_name="harness", lifespan=365
        )
        await first.close()
