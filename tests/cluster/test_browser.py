"""The pictures of pages, while network cards of the test bed come and go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
import pytest

from testbed.browser import NetworkChangedError
from testbed.house import House
from testbed.pytest_plugin import open_sockets
from testbed.screenshots import Camera
from testbed.system import run

# Chromium opens six connections to a host; what waits for one is given up when a card passes by.
SCRIPTS = 7


@pytest.fixture(autouse=True)
def sockets() -> None:
    """Let the browser reach the page."""
    open_sockets()


class Pages:
    """A page whose words come by its last script, and a network card that passes by meanwhile."""

    def __init__(self, passing: int) -> None:
        """Have a card pass by for as many times as the page is opened."""
        self.passing = passing
        self.opened = 0

    async def page(self, request: web.Request) -> web.Response:
        """Answer the page."""
        self.opened += 1
        scripts = [
            f'<script type="module" src="/{number}.js"></script>'
            for number in range(1, SCRIPTS + 1)
        ]
        text = f"<body>Loading</body>{''.join(scripts)}"
        return web.Response(text=text, content_type="text/html")

    async def script(self, request: web.Request) -> web.Response:
        """Answer a script; as long as cards pass by, the first ones hold their connections."""
        if self.opened <= self.passing:
            if request.match_info["number"] == "1":
                async with card(f"hc-passing{self.opened}"):
                    await asyncio.sleep(0.3)
            else:
                await asyncio.sleep(0.6)
        last = request.match_info["number"] == str(SCRIPTS)
        text = "document.body.textContent = 'Ready'" if last else ""
        return web.Response(text=text, content_type="text/javascript")


@asynccontextmanager
async def card(name: str) -> AsyncIterator[None]:
    """Have a network card with an address."""
    ends = (name, f"{name}b")
    run("ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
    try:
        run("ip", "addr", "add", "192.0.2.1/30", "dev", name)
        for end in ends:
            run("ip", "link", "set", end, "up")
        yield
    finally:
        run("ip", "link", "del", name)


async def take(pages: Pages, into: Path, timeout: float) -> str:
    """Take a picture of the page when it is ready."""
    app = web.Application()
    app.router.add_get("/", pages.page)
    app.router.add_get("/{number}.js", pages.script)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    house = House(into.parent, port=runner.addresses[0][1])
    try:
        async with Camera(house) as camera:
            return await camera.take("/", into, showing=["Ready"], timeout=timeout)
    finally:
        await runner.cleanup()


def test_a_page_given_up_is_opened_again(tmp_path: Path) -> None:
    """Chromium fails what it loads while a card comes or goes; the picture is of the whole page."""
    pages = Pages(passing=2)
    picture = tmp_path / "page.png"

    text = asyncio.run(take(pages, picture, timeout=30))

    assert text == "Ready"
    assert pages.opened > pages.passing
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_network_that_never_rests_is_told(tmp_path: Path) -> None:
    """The wait has an end, and says what it was."""
    with pytest.raises(NetworkChangedError, match="ERR_NETWORK_CHANGED"):
        asyncio.run(take(Pages(passing=1000), tmp_path / "page.png", timeout=3))
