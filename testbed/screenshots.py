"""Pictures of Home Assistant's pages."""

import asyncio
from collections.abc import Mapping, Sequence
import json
from pathlib import Path
import time
from typing import Final, Self, override

from .browser import Browser, BrowserError, NetworkChangedError
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
  if (document.body) walk(document.body);
  return words.join(" ").replace(/\\s+/g, " ");
})()
"""


# Of the elements whose text it is, the innermost one.
_CLICK: Final = """
(() => {
  const found = [];
  const walk = (node) => {
    if (node.nodeType === Node.ELEMENT_NODE && node.textContent.trim() === %s) found.push(node);
    (node.shadowRoot?.childNodes ?? []).forEach(walk);
    node.childNodes.forEach(walk);
  };
  walk(document.body);
  found.at(-1)?.click();
  return found.length > 0;
})()
"""


class PictureError(BrowserError):
    """A picture does not show what it should."""


class Camera(Browser):
    """A browser that is logged in to one Home Assistant; use it as an async context manager."""

    def __init__(
        self, house: House, *, size: tuple[int, int] = (1280, 900), language: str = "en"
    ) -> None:
        """Take pictures of `house` of the given size, as it looks in the language."""
        super().__init__(size=size)
        self._house = house
        self._language = language

    @override
    async def __aenter__(self) -> Self:
        await super().__aenter__()
        try:
            await self._log_in()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def take(
        self, path: str, into: Path, *, showing: Sequence[str] = (), timeout: float = 30
    ) -> str:
        """Open a page, wait until it shows all the words, and write a PNG; returns the page's text.

        While a node of the test bed starts or stops, the page is opened again. Raises PictureError
        if a word does not come: a picture of a spinner is no proof.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                await self.open(f"{self._house.url}{path}")
                text = await self.until(showing, timeout=timeout)
                break
            except NetworkChangedError:
                if time.monotonic() > deadline:
                    raise
        into.parent.mkdir(parents=True, exist_ok=True)
        into.write_bytes(await self.picture())
        return text

    async def until(self, showing: Sequence[str], *, timeout: float = 30) -> str:
        """Wait until the page shows all the words; returns its text.

        Raises PictureError, and NetworkChangedError at once, as the words may never come then.
        """
        deadline = time.monotonic() + timeout
        while True:
            self.check()
            text = str(await self.evaluate(_VISIBLE_TEXT) or "")
            missing = [word for word in showing if word.lower() not in text.lower()]
            if text and not missing:
                return text
            if time.monotonic() > deadline:
                raise PictureError(
                    f"the page does not show {missing} but: {text[:600]}"
                )
            await asyncio.sleep(0.3)

    async def click(self, words: str) -> None:
        """Click what is called so and nothing else. Raises PictureError if there is no such thing."""
        if not await self.evaluate(_CLICK % json.dumps(words)):
            raise PictureError(f"there is no {words!r} to click")

    async def enter(self, text: str) -> None:
        """Type into the field that waits for it, and press Enter."""
        await self.send("Input.insertText", {"text": text})
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        for kind in ("rawKeyDown", "keyUp"):
            await self.send("Input.dispatchKeyEvent", {"type": kind, **key})

    async def remember(self, values: Mapping[str, object]) -> None:
        """Have the browser remember this for Home Assistant's pages, as JSON."""
        await self.open(f"{self._house.url}/robots.txt")
        for key, value in values.items():
            stored = f"{json.dumps(key)}, {json.dumps(json.dumps(value))}"
            await self.evaluate(f"localStorage.setItem({stored})")

    async def _log_in(self) -> None:
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
        await self.send(
            "Page.addScriptToEvaluateOnNewDocument",
            {
                "source": f"try {{ localStorage.hassTokens = {json.dumps(json.dumps(tokens))}; "
                f"localStorage.selectedLanguage = '\"{self._language}\"'; }} catch {{}}"
            },
        )
