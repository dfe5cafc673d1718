"""A connection to Home Assistant's WebSocket API."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
import itertools
from typing import Any

import aiohttp

type Listener = Callable[[dict[str, Any]], None]


class HouseError(Exception):
    """Home Assistant did not do what it was asked; the sentence is its own where it gave one."""

    def __init__(self, message: str, code: str = "") -> None:
        """Keep Home Assistant's error code."""
        super().__init__(message)
        self.code = code


class HouseSocket:
    """One authenticated WebSocket connection; of no use any more once it is closed."""

    def __init__(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        """Take a connection over on which authentication is done."""
        self._connection = connection
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._listeners: dict[int, Listener] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(
        cls, session: aiohttp.ClientSession, url: str, token: str
    ) -> HouseSocket:
        """Connect to `url` (http://…) and authenticate; raises HouseError if the token is refused."""
        connection = await session.ws_connect(
            f"{url}/api/websocket", max_msg_size=64 * 2**20, heartbeat=20
        )
        await connection.receive_json()
        await connection.send_json({"type": "auth", "access_token": token})
        answer = await connection.receive_json()
        if answer["type"] != "auth_ok":
            await connection.close()
            raise HouseError(answer.get("message", "not let in"), "auth")
        return cls(connection)

    @classmethod
    async def log_in(
        cls, session: aiohttp.ClientSession, url: str, username: str, password: str
    ) -> HouseSocket:
        """Connect to `url` as a person does, by name and password; raises HouseError if that is refused."""
        client = {"client_id": f"{url}/"}

        async def post(path: str, **body: Any) -> dict[str, Any]:
            async with session.post(f"{url}/auth/{path}", **body) as answer:
                if answer.status >= 400:
                    raise HouseError(f"{path}: {await answer.text()}", "auth")
                return dict(await answer.json())

        begin = {**client, "handler": ["homeassistant", None], "redirect_uri": url}
        flow = await post("login_flow", json=begin)
        login = {**client, "username": username, "password": password}
        done = await post(f"login_flow/{flow['flow_id']}", json=login)
        if done["type"] != "create_entry":
            raise HouseError(f"not let in: {done.get('errors')}", "auth")
        grant = {**client, "grant_type": "authorization_code", "code": done["result"]}
        token = await post("token", data=grant)
        return await cls.open(session, url, token["access_token"])

    @property
    def closed(self) -> bool:
        """Whether the connection has ended."""
        return self._reader.done()

    async def call(self, kind: str, *, timeout: float = 60, **fields: Any) -> Any:
        """Send a command and return its result; raises HouseError if it is refused or not answered."""
        return await self._send({"type": kind, **fields}, None, timeout)

    async def subscribe(self, kind: str, listener: Listener, **fields: Any) -> None:
        """Send a command whose events go to `listener` for as long as the connection lives."""
        await self._send({"type": kind, **fields}, listener, 60)

    async def close(self) -> None:
        """End the connection."""
        await self._connection.close()
        self._reader.cancel()
        with suppress(asyncio.CancelledError):
            await self._reader

    async def _send(
        self, message: dict[str, Any], listener: Listener | None, timeout: float
    ) -> Any:
        if self.closed:
            raise HouseError("the connection to Home Assistant has ended", "closed")
        number = next(self._ids)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        if listener:
            self._listeners[number] = listener
        try:
            await self._connection.send_json({"id": number, **message})
            async with asyncio.timeout(timeout):
                return await answer
        except TimeoutError as err:
            raise HouseError(
                f"no answer to {message['type']} in {timeout:.0f} s", "timeout"
            ) from err
        except ConnectionError as err:
            raise HouseError(str(err), "closed") from err
        finally:
            del self._answers[number]

    async def _read(self) -> None:
        try:
            async for message in self._connection:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    continue
                content = message.json()
                if content["type"] == "event":
                    self._listeners[content["id"]](content["event"])
                elif answer := self._answers.get(content["id"]):
                    self._settle(answer, content)
        finally:
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(
                        HouseError(
                            "the connection to Home Assistant has ended", "closed"
                        )
                    )

    @staticmethod
    def _settle(answer: asyncio.Future[Any], content: dict[str, Any]) -> None:
        if answer.done():
            return
        if content.get("success"):
            answer.set_result(content.get("result"))
        else:
            error = content.get("error", {})
            answer.set_exception(
                HouseError(
                    error.get("message", str(content)), str(error.get("code", ""))
                )
            )
