"""Where versions of an image are described, and what is said there."""

from typing import Final
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec

from .client import USER_AGENT

GITHUB_API: Final = "https://api.github.com"
_LONGEST: Final = 32_000
_LIMITS: Final = aiohttp.ClientTimeout(total=10)


class _Release(msgspec.Struct):
    body: str | None = None


def release_page(source: str) -> str | None:
    """Return a page that describes versions, from what an image's label says of its source.

    GitHub has one for every repository; any other address is taken as it is, if it is one.
    """
    if (repository := _github(source)) is not None:
        return f"https://github.com/{repository}/releases"
    try:
        parts = urlsplit(source)
    except ValueError:
        return None
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
        return None
    return source


async def release_notes(
    session: aiohttp.ClientSession, source: str, tag: str, *, api: str = GITHUB_API
) -> str | None:
    """Return what GitHub's release of a tag says, in Markdown; None if there is none, or no answer."""
    repository = _github(source)
    if repository is None:
        return None
    other = tag.removeprefix("v") if tag.startswith("v") else f"v{tag}"
    for name in (tag, other):
        url = f"{api}/repos/{repository}/releases/tags/{quote(name, safe='')}"
        try:
            async with session.get(
                url,
                headers={"Accept": "application/json", "User-Agent": USER_AGENT},
                timeout=_LIMITS,
            ) as response:
                raw = await response.read() if response.status == 200 else b"{}"
            body = msgspec.json.decode(raw, type=_Release).body
        except TimeoutError, aiohttp.ClientError, msgspec.MsgspecError:
            return None
        if body:
            return body[:_LONGEST]
    return None


def _github(source: str) -> str | None:
    """Return "owner/name" of a repository of GitHub."""
    try:
        parts = urlsplit(source)
    except ValueError:
        return None
    names = parts.path.strip("/").removesuffix(".git").split("/")
    if parts.scheme != "https" or parts.netloc != "github.com" or len(names) < 2:
        return None
    owner, name = (quote(one, safe="") for one in names[:2])
    return f"{owner}/{name}" if owner and name else None
