"""A browser with the modules of the dashboard."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiohttp import web
import pytest
import pytest_socket

from testbed.browser import Browser

ROOT = Path(__file__).resolve().parents[3]
MODULES = "/custom_components/home_cluster/frontend"
HERE = "/tests/unit/frontend"


async def _file(request: web.Request) -> web.Response:
    """Answer a module, or an empty page; read at once, for a thread would outlive its test."""
    if request.path == "/":
        page = "<!doctype html><title>cards</title><body></body>"
        return web.Response(text=page, content_type="text/html")
    text = (ROOT / request.path.removeprefix("/")).read_text()
    return web.Response(text=text, content_type="text/javascript")


async def _serve() -> tuple[web.AppRunner, str]:
    """Serve an empty page and the files of the repository on loopback."""
    app = web.Application()
    for path in ("/", MODULES + "/{name}", HERE + "/{name}"):
        app.router.add_get(path, _file)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/"


class Page:
    """A page that runs scripts with the modules imported; each test begins with a new one."""

    def __init__(self, runner: asyncio.Runner, browser: Browser, url: str) -> None:
        """Use a browser that is open."""
        self._runner, self._browser, self._url = runner, browser, url

    def run(self, script: str) -> Any:
        """Return what a script returns; `home`, `show` and the like are there."""
        return self._runner.run(self._run(script))

    async def _run(self, script: str) -> Any:
        await self._browser.open(self._url)
        while (
            await self._browser.evaluate("document.title + document.readyState")
            != "cardscomplete"
        ):
            await asyncio.sleep(0.01)
        return await self._browser.evaluate(
            f"""(async () => {{
                const module = (name) => import("{MODULES}/" + name);
                await module("home-cluster.js");
                const {{ home, break_, show, text, settle }} = await import("{HERE}/home.js");
                {script}
            }})()"""
        )


@pytest.fixture(scope="session")
def browser() -> Iterator[Page]:
    """One browser for all tests."""
    pytest_socket.enable_socket()
    with asyncio.Runner() as runner:
        server, url = runner.run(_serve())
        made = Browser(size=(420, 600))
        runner.run(made.__aenter__())
        yield Page(runner, made, url)
        pytest_socket.enable_socket()
        runner.run(made.__aexit__(None, None, None))
        runner.run(server.cleanup())


@pytest.fixture
def page(browser: Page, socket_enabled: None) -> Page:
    """A page of its own."""
    return browser
