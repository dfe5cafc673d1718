"""Pictures of Home Assistant's pages, by a headless Chromium over its DevTools protocol."""

import asyncio
import base64
from collections.abc import Sequence
from contextlib import suppress
import itertools
import json
from pathlib import Path
import shutil
import tempfile
import time
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from .house import House

# Home Assistant's pages are shadow roots within shadow roots: innerText of the body says nothing.
_VISIBLE_TEXT: Final = """
(() => {
  const words = [];
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) { words.push(node.textContent); return; }
    if (node.nodeType === Node.ELEMENT_NODE && ["STYLE", "SCRIPT"].includes(node.tagName)) return;
    if (node.value && typeof node.value === "string") words.push(node.value);
    (node.shadowRoot?.childNodes ?? []).forEach(walk);
    node.childNodes.forEach(walk);
  };
  walk(document.body);
  return words.join(" ").replace(/\\s+/g, " ");
})()
"""
_PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")


class PictureError(Exception):
    """A picture could not be taken, or does not show what it should."""


class Camera:
    """A browser that is logged in to one Home Assistant; use it as an async context manager."""

    def __init__(self, house: House, *, size: tuple[int, int] = (1280, 900)) -> None:
        """Take pictures of `house` of the given size."""
        self._house = house
        self._size = size
        self._ids = itertools.count(1)
        self._page = ""

    async def __aenter__(self) -> Self:
        """Start the browser."""
        program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
        if program is None:
            raise PictureError("There is no Chromium. Run: apt-get install chromium")
        self._profile = Path(tempfile.mkdtemp(prefix="home-cluster-camera-"))
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

    async def take(
        self, path: str, into: Path, *, showing: Sequence[str] = (), timeout: float = 30
    ) -> str:
        """Open a page, wait until it shows all the words, and write a PNG; returns the page's text.

        Raises PictureError if a word does not come: a picture of a spinner is no proof.
        """
        await self._send("Page.navigate", {"url": f"{self._house.url}{path}"})
        deadline = time.monotonic() + timeout
        while True:
            text = str(await self._evaluate(_VISIBLE_TEXT) or "")
            missing = [word for word in showing if word.lower() not in text.lower()]
            if text and not missing:
                break
            if time.monotonic() > deadline:
                raise PictureError(f"{path} does not show {missing} but: {text[:600]}")
            await asyncio.sleep(0.3)
        await self._still()
        answer = await self._send("Page.captureScreenshot", {"format": "png"})
        into.parent.mkdir(parents=True, exist_ok=True)
        into.write_bytes(base64.b64decode(answer["data"]))
        return text

    async def _still(self) -> None:
        """Wait until two pictures in a row are the same: fonts are there, animations have ended."""
        before = b""
        for _ in range(20):
            answer = await self._send(
                "Page.captureScreenshot", {"format": "jpeg", "quality": 40}
            )
            now = base64.b64decode(answer["data"])
            if now == before:
                return
            before = now
            await asyncio.sleep(0.3)

    async def _evaluate(self, expression: str) -> Any:
        answer = await self._send(
            "Runtime.evaluate", {"expression": expression, "returnByValue": True}
        )
        return answer.get("result", {}).get("value")

    async def _connect(self) -> None:
        """Reach the browser, open a page and log it in."""
        port_file = self._profile / "DevToolsActivePort"
        async with asyncio.timeout(30):
            while not port_file.exists() or not port_file.read_text().strip():
                if self._process.returncode is not None:
                    raise PictureError("Chromium ended by itself")
                await asyncio.sleep(0.1)
        port, path = port_file.read_text().split()[:2]
        self._connection = await self._session.ws_connect(
            f"ws://127.0.0.1:{port}{path}", max_msg_size=0
        )
        target = await self._send("Target.createTarget", {"url": "about:blank"})
        attached = await self._send(
            "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
        )
        self._page = attached["sessionId"]
        await self._send("Page.enable", {})
        width, height = self._size
        metrics = {
            "width": width,
            "height": height,
            "deviceScaleFactor": 1,
            "mobile": False,
        }
        await self._send("Emulation.setDeviceMetricsOverride", metrics)
        # A long-lived token stands in for the frontend's own: it needs no refresh.
        tokens = {
            "access_token": self._house.token,
            "token_type": "Bearer",
            "expires_in": 10**8,
            "hassUrl": self._house.url,
            "clientId": f"{self._house.url}/",
            "expires": 10**14,
            "refresh_token": "",
        }
        await self._send(
            "Page.addScriptToEvaluateOnNewDocument",
            {
                "source": f"try {{ localStorage.hassTokens = {json.dumps(json.dumps(tokens))}; "
                "localStorage.selectedLanguage = '\"en\"'; } catch {}"
            },
        )

    async def _send(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        number = next(self._ids)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._page:
            message["sessionId"] = self._page
        await self._connection.send_json(message)
        with suppress(TimeoutError):
            async with asyncio.timeout(60):
                async for answer in self._connection:
                    content = answer.json()
                    if content.get("id") != number:
                        continue
                    if "error" in content:
                        raise PictureError(
                            f"{method}: {content['error'].get('message')}"
                        )
                    return dict(content["result"])
        raise PictureError(f"Chromium did not answer {method}")
