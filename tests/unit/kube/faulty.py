"""The faults of networks, proxies and servers, each as something that happens to one request."""

import asyncio
from collections.abc import AsyncIterator, Callable
import json
from typing import Final, override

from custom_components.home_cluster.kube.errors import Unreachable

from .model_server import (
    EXPIRED,
    FORBIDDEN,
    NO_WATCH_LIST,
    NOT_FOUND,
    TOO_LARGE,
    Answer,
    Cut,
    Fault,
    ModelServer,
    Raise,
    Refuse,
    Request,
    refusal,
    status_of,
    watch_fault,
)

type Lines = AsyncIterator[bytes]

THROTTLED: Final = b"Too many requests, please try again later."
HTML: Final = b"<html><body>502 Bad Gateway</body></html>\n"


class HalfOpen(Fault):
    """Not one byte comes, ever."""

    name = "half-open before the head"

    @override
    async def before(self, request: Request) -> Answer | None:
        await asyncio.Event().wait()
        return None


async def half_open_before_bookmark(lines: Lines) -> Lines:
    """The first objects come, and then nothing any more."""
    async for line in lines:
        if b'"BOOKMARK"' in line:
            await asyncio.Event().wait()
        yield line


async def half_open_within(lines: Lines) -> Lines:
    """Everything comes for a minute, and then nothing any more."""
    loop = asyncio.get_running_loop()
    end = loop.time() + 61
    async for line in lines:
        if loop.time() > end:
            await asyncio.Event().wait()
        yield line


async def reset_within_line(lines: Lines) -> Lines:
    """The second line is cut by a reset."""
    yield await anext(lines)
    yield (await anext(lines))[:20]
    raise Cut


async def truncated(lines: Lines) -> Lines:
    """The second line is cut by a proper end."""
    yield await anext(lines)
    yield (await anext(lines))[:20]


async def empty(lines: Lines) -> Lines:
    """A good answer without a body."""
    return
    yield b""


async def bookmark_only(lines: Lines) -> Lines:
    """The first objects and one bookmark, and that is all."""
    async for line in lines:
        yield line
        if b'"BOOKMARK"' in line:
            return


async def first_event_only(lines: Lines) -> Lines:
    """One event, and that is all."""
    yield await anext(lines)


async def html_within(lines: Lines) -> Lines:
    """A proxy writes HTML into a good answer."""
    yield HTML


async def error_without_reason(lines: Lines) -> Lines:
    """An ERROR event that says nothing."""
    yield b'{"type":"ERROR","object":{"kind":"Status"}}\n'


async def error_without_object(lines: Lines) -> Lines:
    """An ERROR event without a Status."""
    yield b'{"type":"ERROR"}\n'


async def expired_within(lines: Lines) -> Lines:
    """410 within a good answer."""
    yield ModelServer.event("ERROR", EXPIRED)


async def too_large_within(lines: Lines) -> Lines:
    """504 within a good answer, after three seconds."""
    await asyncio.sleep(3)
    yield ModelServer.event("ERROR", TOO_LARGE)


async def internal_within(lines: Lines) -> Lines:
    """500 within a good answer."""
    yield ModelServer.event("ERROR", status_of(500, "InternalError", "boom"))


async def unknown_event(lines: Lines) -> Lines:
    """An event of a type of the future, beside the others."""
    yield b'{"type":"MERGED","object":{"metadata":{"name":"future","namespace":"attic"}}}\n'
    async for line in lines:
        yield line


async def drip(lines: Lines) -> Lines:
    """40 bytes at a time, 2 KB a second."""
    async for line in lines:
        for start in range(0, len(line), 40):
            await asyncio.sleep(0.02)
            yield line[start : start + 40]


async def drip_for_ever(lines: Lines) -> Lines:
    """A byte every ten seconds of a line that never ends."""
    while True:
        yield b" "
        await asyncio.sleep(10)


async def long_line(lines: Lines) -> Lines:
    """A line of 900 KB, in pieces of 64 KB."""
    line = await anext(lines)
    event = json.loads(line)
    event["object"].setdefault("metadata", {})["managedFields"] = "x" * 900_000
    line = json.dumps(event).encode() + b"\n"
    for start in range(0, len(line), 65536):
        yield line[start : start + 65536]
    async for line in lines:
        yield line


async def endless_line(lines: Lines) -> Lines:
    """A line of more than 16 MiB."""
    for _ in range(17):
        yield b"x" * (1 << 20)


async def odd_pieces(lines: Lines) -> Lines:
    """Lines split where nobody expects it, and joined."""
    rest = b""
    async for line in lines:
        rest += line
        while len(rest) > 37:
            yield rest[:37]
            rest = rest[37:]
        yield rest
        rest = b""


async def twice(lines: Lines) -> Lines:
    """Every line twice."""
    async for line in lines:
        yield line
        yield line


async def blank_lines(lines: Lines) -> Lines:
    """Empty lines in between, as keep-alives."""
    async for line in lines:
        yield b"\n"
        yield line


WATCH_FAULTS: Final[tuple[Callable[[Lines], Lines], ...]] = (
    half_open_before_bookmark,
    half_open_within,
    reset_within_line,
    truncated,
    empty,
    bookmark_only,
    first_event_only,
    html_within,
    error_without_reason,
    error_without_object,
    expired_within,
    too_large_within,
    internal_within,
    unknown_event,
    drip,
    drip_for_ever,
    long_line,
    endless_line,
    odd_pieces,
    twice,
    blank_lines,
)

REFUSALS: Final = {
    "401": refusal(status_of(401, "Unauthorized", "Unauthorized")),
    "403": refusal(FORBIDDEN),
    "404": refusal(NOT_FOUND),
    "405": Answer(405, b"method not allowed"),
    "410": refusal(EXPIRED),
    "422": refusal(NO_WATCH_LIST),
    "429 text": Answer(429, THROTTLED, "1"),
    "429 status": refusal(
        status_of(429, "TooManyRequests", "storage is initializing", retry_after=1)
    ),
    "429 bare": Answer(429),
    "500": refusal(status_of(500, "InternalError", "etcdserver: leader changed")),
    "502": Answer(502, HTML),
    "503": Answer(503, b"apiserver not ready", "1"),
    "504": refusal(TOO_LARGE),
}


def watch_faults(change: Callable[[Lines], Lines]) -> Fault:
    """Make a fault of one of WATCH_FAULTS."""
    return watch_fault(change.__name__, change)


def faults() -> dict[str, Callable[[], Fault]]:
    """Return all faults by name."""
    table: dict[str, Callable[[], Fault]] = {
        change.__name__.replace("_", " "): (lambda change=change: watch_faults(change))  # type: ignore[misc]
        for change in WATCH_FAULTS
    }
    for name, answer in REFUSALS.items():
        table[name] = lambda answer=answer, name=name: Refuse(answer, name=name)  # type: ignore[misc]
    for reason in ("refused", "dns", "timeout", "cut", "tls"):
        table[reason] = lambda reason=reason: Raise(Unreachable(reason, reason=reason))  # type: ignore[misc]
    table[HalfOpen.name] = HalfOpen
    return table
