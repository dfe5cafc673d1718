"""Where versions are described, and what is said there."""

from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web
import pytest

from custom_components.home_cluster.registry.notes import release_notes, release_page
from tests.unit.kube.loopback import Server

HOME = "https://github.com/home/fridge"


@pytest.mark.parametrize(
    ("source", "page"),
    [
        (HOME, f"{HOME}/releases"),
        (f"{HOME}.git", f"{HOME}/releases"),
        (f"{HOME}/tree/main/docker", f"{HOME}/releases"),
        ("https://codeberg.org/home/fridge", "https://codeberg.org/home/fridge"),
        ("https://github.com/", "https://github.com/"),
        ("http://example.org/", None),
        ("https://user:secret@example.org/", None),
        ("javascript:alert(1)", None),
        ("https://[", None),
        ("", None),
    ],
)
def test_where_versions_are_described(source: str, page: str | None) -> None:
    """A label may hold anything; only addresses that can be shown are."""
    assert release_page(source) == page


@pytest.fixture
async def session(socket_enabled: None) -> AsyncIterator[aiohttp.ClientSession]:
    """A session as Home Assistant has one."""
    async with aiohttp.ClientSession() as one:
        yield one


@pytest.mark.parametrize(
    ("tag", "notes"),
    [
        ("v1.2.0", "Colder."),
        ("1.2.0", "Colder."),
        ("v1.3.0", "Warmer."),
        ("v1.4.0", None),
        ("v1.5.0", None),
        ("v9", None),
    ],
)
async def test_what_the_release_says(
    session: aiohttp.ClientSession, tag: str, notes: str | None
) -> None:
    """With and without a v; nothing where there is none, or nothing that can be read."""
    said = {
        "v1.2.0": '{"body": "Colder."}',
        "1.3.0": '{"body": "Warmer."}',
        "v1.4.0": '{"body": null}',
        "v1.5.0": "<html>",
    }

    async def answer(request: web.Request) -> web.Response:
        name = request.path.rpartition("/")[2]
        if name not in said:
            return web.Response(status=404)
        return web.Response(text=said[name])

    async with Server(answer).serving() as github:
        assert await release_notes(session, HOME, tag, api=github.url) == notes
    assert github.asked[0].path == f"/repos/home/fridge/releases/tags/{tag}"


async def test_nobody_else_is_asked(session: aiohttp.ClientSession) -> None:
    """Nor is it an error when GitHub is away."""
    for source in ("https://codeberg.org/home/fridge", HOME, "https://["):
        assert (
            await release_notes(session, source, "v1", api="http://127.0.0.1:1") is None
        )
