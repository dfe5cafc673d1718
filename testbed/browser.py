"""A headless Chromium, used over its DevTools protocol."""

import asyncio
import base64
from contextlib import suppress
import itertools
from pathlib import Path
import shutil
import tempfile
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from tools.setup.debian import BROWSER_PACKAGE, find_browser

_NETWORK_CHANGED: Final = "net::ERR_NETWORK_CHANGED"


class BrowserError(Exception):
    """The browser cannot be used, or a page or its script failed."""


class NetworkChangedError(BrowserError):
    """Chromium gave up what it was loading, as a network card came or went; opened again it loads."""


class Browser:
    """One page of a browser; use it as an async context manager."""

    def __init__(self, *, size: tuple[int, int] = (1280, 900)) -> None:
        """Have a window of the given size."""
        self._size = size
        self._ids = itertools.count(1)
        self._page = ""
        self._gave_up = False

    async def __aenter__(self) -> Self:
        """Start the browser."""
        program = find_browser()
        if program is None:
            raise BrowserError(
                f"There is no Chromium. Run: apt-get install {BROWSER_PACKAGE}"
            )
        self._profile = Path(tempfile.mkdtemp(prefix="home-cluster-browser-"))
        self._process = await asyncio.create_subprocess_exec(
            program,
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *(
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
            ),
            f"--user-data-dir={self._profile}",
            f"--window-size={self._size[0]},{self._size[1]}",
            *("--remote-debugging-port=0", "about:blank"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        self._session = aiohttp.ClientSession()
        try:
            await self._connect()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the browser and leave nothing of it."""
        await self._session.close()
        if self._process.returncode is None:
            self._process.terminate()
            try:
                async with asyncio.timeout(10):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)

    async def open(self, url: str) -> None:
        """Go to a page; it may still be loading when this returns.

        Raises NetworkChangedError, and BrowserError if there is no such page.
        """
        self._gave_up = False
        answer = await self.send("Page.navigate", {"url": url})
        if (error := answer.get("errorText")) == _NETWORK_CHANGED:
            raise NetworkChangedError(f"{url}: {error}")
        if error:
            raise BrowserError(f"{url}: {error}")

    def check(self) -> None:
        """Raise NetworkChangedError if a part of the page was given up since it was opened."""
        if self._gave_up:
            raise NetworkChangedError(f"a part of the page: {_NETWORK_CHANGED}")

    async def evaluate(self, expression: str) -> Any:
        """Return the value of an expression, of a promise what it becomes.

        Raises BrowserError with what was thrown.
        """
        answer = await self.send(
            "Runtime.evaluate",
            {"expression": expression, "returnByValue": True, "awaitPromise": True},
        )
        if (thrown := answer.get("exceptionDetails")) is not None:
            raise BrowserError(
                thrown.get("exception", {}).get("description") or thrown["text"]
            )
        return answer.get("result", {}).get("value")

    async def picture(self) -> bytes:
        """Return a PNG of the page, as soon as it does not change any more."""
        await self._still()
        answer = await self.send("Page.captureScreenshot", {"format": "png"})
        return base64.b64decode(answer["data"])

    async def _still(self) -> None:
        """Wait until two pictures in a row are the same: fonts are there, animations have ended."""
        before = b""
        for _ in range(20):
            answer = await self.send(
                "Page.captureScreenshot", {"format": "jpeg", "quality": 40}
            )
            now = base64.b64decode(answer["data"])
            if now == before:
                return
            before = now
            await asyncio.sleep(0.3)

    async def _connect(self) -> None:
        """Reach the browser and open a page."""
        port_file = self._profile / "DevToolsActivePort"
        async with asyncio.timeout(30):
            while not port_file.exists() or not port_file.read_text().strip():
                if self._process.returncode is not None:
                    raise BrowserError("Chromium ended by itself")
                await asyncio.sleep(0.1)
        port, path = port_file.read_text().split()[:2]
        self._connection = await self._session.ws_connect(
            f"ws://127.0.0.1:{port}{path}", max_msg_size=0
        )
        target = await self.send("Target.createTarget", {"url": "about:blank"})
        attached = await self.send(
            "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
        )
        self._page = attached["sessionId"]
        await self.send("Page.enable", {})
        await self.send("Network.enable", {})
        width, height = self._size
        metrics = {
            "width": width,
            "height": height,
            "deviceScaleFactor": 1,
            "mobile": False,
        }
        await self.send("Emulation.setDeviceMetricsOverride", metrics)

    async def send(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Send a command of the DevTools protocol to the page; returns its result."""
        number = next(self._ids)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._page:
            message["sessionId"] = self._page
        await self._connection.send_json(message)
        with suppress(TimeoutError):
            async with asyncio.timeout(60):
                async for answer in self._connection:
                    content = answer.json()
                    if content.get("method") == "Network.loadingFailed":
                        failure = content["params"]["errorText"]
                        self._gave_up |= failure == _NETWORK_CHANGED
                    if content.get("id") != number:
                        continue
                    if "error" in content:
                        raise BrowserError(
                            f"{method}: {content['error'].get('message')}"
                        )
                    return dict(content["result"])
        raise BrowserError(f"Chromium did not answer {method}")
