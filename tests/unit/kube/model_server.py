"""A model of an API server, faithful where clients get it wrong, on whatever loop it runs.

One log of changes with one counter of versions, as etcd has; a watch cache that begins anew at each
start and keeps a window of events; lists in pages of one snapshot, with tokens that expire; watches
with bookmarks, sent as bytes, and WatchList. Refusals come as the real server sends them: HTTP 410
and 504 for lists, ERROR events within a 200 stream for watches, silence for a version of the future.

Faults are put into `faults`: the next requests that they fit take them, one each.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
import json
from typing import Any, Final, override

from custom_components.home_cluster.kube.answers import error_of_answer
from custom_components.home_cluster.kube.errors import KubeError, Unreachable
from custom_components.home_cluster.kube.resources import RESOURCES, path
from custom_components.home_cluster.kube.schema import Key, Kind, Record, Ref
from custom_components.home_cluster.kube.wire import decode_object

BOOKMARK_EVERY: Final = 60.0
READYZ: Final = "/readyz"
SECRET: Final = "ey-secret-token"

type Object = dict[str, Any]
type State = dict[Key, Object]


def status_of(
    code: int,
    reason: str = "",
    message: str = "",
    *,
    cause: str = "",
    retry_after: int = 0,
) -> Object:
    """Return a Status as the server writes it."""
    details: Object = {}
    if cause:
        details["causes"] = [{"reason": cause, "message": message}]
    if retry_after:
        details["retryAfterSeconds"] = retry_after
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    return status | {"reason": reason, "message": message, "details": details}


EXPIRED: Final = status_of(410, "Expired", "too old resource version")
FORBIDDEN: Final = status_of(403, "Forbidden", "may not")
NOT_FOUND: Final = status_of(
    404, "NotFound", "the server could not find the requested resource"
)
TOO_LARGE: Final = status_of(
    504, "Timeout", "Too large resource version", cause="ResourceVersionTooLarge"
)
NO_WATCH_LIST: Final = status_of(
    422, "Invalid", "sendInitialEvents: Forbidden: feature gate is off"
)


@dataclass
class Answer:
    """A refusal, or any whole answer: its status, body and Retry-After."""

    code: int
    body: bytes = b""
    retry_after: str | None = None


def refusal(status: Object, retry_after: str | None = None) -> Answer:
    """Return the answer with a Status."""
    return Answer(status["code"], json.dumps(status).encode(), retry_after)


@dataclass
class Request:
    """A request as it came, and when."""

    at: float
    method: str
    path: str
    params: dict[str, str]
    ended: float | None = None

    @property
    def watch(self) -> bool:
        """Whether it asks for a watch."""
        return "watch" in self.params

    @property
    def initial(self) -> bool:
        """Whether it asks for all objects first."""
        return "sendInitialEvents" in self.params

    @property
    def fresh(self) -> bool:
        """Whether it begins a complete read."""
        if self.watch:
            return self.initial
        return "continue" not in self.params

    @property
    def page(self) -> bool:
        """Whether it asks for a further page."""
        return "continue" in self.params


class Fault:
    """What happens to one request instead of, or on top of, what would.

    The defaults change nothing. `fits` chooses the request.
    """

    name = "nothing"

    def fits(self, request: Request) -> bool:
        """Say whether this request takes the fault."""
        return request.path not in (READYZ, "/version")

    async def before(self, request: Request) -> Answer | None:
        """Answer instead of the server; may raise Unreachable for no answer at all."""
        return None

    def stream(self, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Change the bytes of a watch; ending is a proper end, raising a broken connection."""
        return lines


@dataclass
class Change:
    """An entry of the log."""

    version: int
    type: str
    kind: Kind
    key: Key
    object: Object


class Cut(Exception):
    """The connection is gone."""


@dataclass(eq=False)
class Watcher:
    """An open watch."""

    kind: Kind
    namespace: str
    queue: asyncio.Queue[bytes | Cut | None] = field(default_factory=asyncio.Queue)


@dataclass
class Token:
    """What a continue token means."""

    version: int
    rest: list[Object]


class ModelServer:
    """The server's state; `connect` gives clients."""

    def __init__(
        self, clock: Callable[[], float], random: Callable[[], float] | None = None
    ) -> None:
        """Begin empty."""
        self.clock = clock
        self.random = random or (lambda: 0.5)
        self.version = 100
        self.objects: dict[Kind, State] = {kind: {} for kind in Kind}
        self.log: list[Change] = []
        self.compacted = 0
        self.cache_from = 0
        self.watchers: set[Watcher] = set()
        self.tokens: dict[str, Token] = {}
        self.requests: list[Request] = []
        self.open: dict[int, str] = {}
        self.at_once = 0
        self.faults: list[Fault] = []
        self.taken: list[str] = []
        self.uids = 0
        # Lasting conditions
        self.refusing = False
        self.silent = False
        self.settling = False
        self.unready = False
        self.denied: set[Kind] = set()
        self.missing: set[Kind] = set()
        self.unauthorized = False
        self.watch_list: bool | Object | None = True
        self.duplicates = False
        self.changed: Callable[[Kind], None] = lambda kind: None

    # What happens in the cluster

    def put(self, kind: Kind, namespace: str, name: str, **fields: Any) -> Object:
        """Create or change an object."""
        key = Key(namespace, name)
        self.version += 1
        old = self.objects[kind].get(key)
        if old is None:
            self.uids += 1
            new: Object = {
                "metadata": {
                    "name": name,
                    "uid": f"uid-{self.uids}",
                    "creationTimestamp": "2026-10-01T00:00:00Z",
                }
            }
            if namespace:
                new["metadata"]["namespace"] = namespace
            if kind is Kind.EVENT:
                new |= {
                    "type": "Warning",
                    "reason": "BackOff",
                    "involvedObject": {"kind": "Pod", "name": name},
                }
        else:
            new = deepcopy(old)
        new |= fields
        new["metadata"]["resourceVersion"] = str(self.version)
        self._commit(kind, key, "ADDED" if old is None else "MODIFIED", new)
        return new

    def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete an object; its last state gets the version of the deletion, as in the real server."""
        key = Key(namespace, name)
        self.version += 1
        old = deepcopy(self.objects[kind][key])
        old["metadata"]["resourceVersion"] = str(self.version)
        self._commit(kind, key, "DELETED", old)

    def _commit(self, kind: Kind, key: Key, change: str, new: Object) -> None:
        if change == "DELETED":
            del self.objects[kind][key]
        else:
            self.objects[kind][key] = new
        self.log.append(Change(self.version, change, kind, key, new))
        self.changed(kind)
        line = self.event(change, new)
        for watcher in self.watchers:
            if watcher.kind is kind and watcher.namespace in ("", key.namespace):
                watcher.queue.put_nowait(line)
                if self.duplicates:
                    watcher.queue.put_nowait(line)

    def compact(self) -> None:
        """Forget the log, and what continue tokens stand for."""
        self.compacted = self.version
        self.tokens.clear()

    def snapshot(self) -> tuple[int, dict[Kind, State]]:
        """Take a backup."""
        return self.version, {kind: dict(state) for kind, state in self.objects.items()}

    def restore(self, backup: tuple[int, dict[Kind, State]]) -> None:
        """Put a backup back, as it must be done: with the server stopped. Versions are used again."""
        self.disconnect()
        self.version = backup[0]
        self.objects = {kind: dict(state) for kind, state in backup[1].items()}
        self.log = [change for change in self.log if change.version <= self.version]
        self.start_cache()
        for kind in Kind:
            self.changed(kind)

    def start_cache(self) -> None:
        """Begin a watch cache: events from now on."""
        self.cache_from = self.version
        self.tokens.clear()

    def disconnect(self, *, clean: bool = False) -> None:
        """End all watches."""
        for watcher in self.watchers:
            watcher.queue.put_nowait(None if clean else Cut())

    async def restart(
        self, seconds: float, *, clean: bool = True, settling: float = 0.03
    ) -> None:
        """Stop for a while; then refuse everybody for a moment, as before RBAC has its rules."""
        self.refusing = True
        self.disconnect(clean=clean)
        await asyncio.sleep(seconds)
        self.start_cache()
        self.refusing, self.settling = False, True
        await asyncio.sleep(settling)
        self.settling = False

    def state(self, kind: Kind, namespace: str = "") -> State:
        """Return what there is."""
        return {
            key: obj
            for key, obj in self.objects[kind].items()
            if namespace in ("", key.namespace)
        }

    @staticmethod
    def event(change: str, obj: Object) -> bytes:
        """Write a line of a watch."""
        return json.dumps({"type": change, "object": obj}).encode() + b"\n"

    def bookmark(self, kind: Kind, *, initial_end: bool = False) -> bytes:
        """Write a bookmark: an otherwise empty object of the kind, with nulls."""
        metadata: Object = {
            "resourceVersion": str(self.version),
            "creationTimestamp": None,
        }
        if initial_end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        empty: Object = {
            "kind": kind,
            "metadata": metadata,
            "spec": {"containers": None},
        }
        return self.event("BOOKMARK", empty)

    # Answering

    def where(self, url: str) -> tuple[Kind, str, str]:
        """Say what a path means: kind, namespace ("" for all), and name ("" for the collection)."""
        parts = url.strip("/").split("/")
        parts = parts[2:] if parts[0] == "api" else parts[3:]
        namespace = ""
        if parts[0] == "namespaces" and len(parts) > 2:
            namespace, parts = parts[1], parts[2:]
        kind = next(
            kind for kind, resource in RESOURCES.items() if resource.plural == parts[0]
        )
        return kind, namespace, parts[1] if len(parts) > 1 else ""

    def take_fault(self, request: Request) -> Fault:
        """Take the first fault that fits."""
        for fault in self.faults:
            if fault.fits(request):
                self.faults.remove(fault)
                self.taken.append(fault.name)
                return fault
        return Fault()

    async def begin(self, request: Request, fault: Fault) -> Answer | None:
        """Refuse a request, if it is to be refused."""
        if self.silent:
            await asyncio.Event().wait()
        if self.refusing:
            raise Unreachable("refused", reason="refused")
        if (answer := await fault.before(request)) is not None:
            return answer
        if self.settling:
            return refusal(FORBIDDEN)
        if self.unauthorized:
            return refusal(status_of(401, "Unauthorized", "Unauthorized"))
        if request.path == READYZ:
            return Answer(500, b"[-]etcd failed") if self.unready else Answer(200)
        if request.path == "/version":
            return Answer(200, b'{"gitVersion": "v1.37.2"}')
        kind, _, _ = self.where(request.path)
        if kind in self.denied:
            return refusal(FORBIDDEN)
        if kind in self.missing:
            return refusal(NOT_FOUND)
        if request.initial and self.watch_list is False:
            return refusal(NO_WATCH_LIST)
        return None

    def get(self, request: Request) -> Answer:
        """Answer a list or a get."""
        kind, namespace, name = self.where(request.path)
        if name:
            obj = self.objects[kind].get(Key(namespace, name))
            return (
                refusal(NOT_FOUND)
                if obj is None
                else Answer(200, json.dumps(obj).encode())
            )
        if (wanted := request.params.get("continue")) is not None:
            if wanted not in self.tokens:
                return refusal(EXPIRED)
            token = self.tokens.pop(wanted)
        else:
            state = sorted(self.state(kind, namespace).items())
            token = Token(self.version, [obj for _, obj in state])
            if field_ := request.params.get("fieldSelector", "").removeprefix(
                "metadata.name="
            ):
                token.rest = [
                    obj for obj in token.rest if obj["metadata"]["name"] == field_
                ]
        limit = int(request.params.get("limit") or 0) or len(token.rest)
        items, token.rest = token.rest[:limit], token.rest[limit:]
        metadata: Object = {"resourceVersion": str(token.version)}
        if token.rest:
            name = f"token-{len(self.requests)}"
            self.tokens[name] = token
            metadata["continue"] = name
        return Answer(
            200,
            json.dumps({"kind": "List", "metadata": metadata, "items": items}).encode(),
        )

    async def watch(self, request: Request) -> AsyncIterator[bytes]:
        """Write the lines of a watch until its time is over."""
        kind, namespace, _ = self.where(request.path)
        watcher = Watcher(kind, namespace)
        end = self.clock() + float(request.params["timeoutSeconds"])
        # What happens while the beginning is sent waits in the queue.
        beginning = list(self._beginning(request, watcher))
        self.watchers.add(watcher)
        next_bookmark = self.clock() + BOOKMARK_EVERY
        try:
            for line in beginning:
                yield line
            while (now := self.clock()) < end:
                if watcher.queue.empty() and now >= next_bookmark:
                    # A bookmark never overtakes an event; the last comes two seconds before the end.
                    next_bookmark = (
                        end if now >= end - 2 else min(now + BOOKMARK_EVERY, end - 2)
                    )
                    # Events are served without a cache, and it is the cache that makes bookmarks.
                    if kind is not Kind.EVENT and (
                        not request.initial or self.watch_list is not None
                    ):
                        yield self.bookmark(kind)
                    continue
                try:
                    async with asyncio.timeout(next_bookmark - now):
                        item = await watcher.queue.get()
                except TimeoutError:
                    continue
                if item is None:
                    return
                if isinstance(item, Cut):
                    raise item
                yield item
        finally:
            self.watchers.discard(watcher)

    def _beginning(self, request: Request, watcher: Watcher) -> Iterator[bytes]:
        kind, namespace = watcher.kind, watcher.namespace
        if request.initial:
            if isinstance(self.watch_list, dict):
                yield self.event("ERROR", self.watch_list)
                watcher.queue.put_nowait(None)
            # None: an old server that does not know the wish, and watches from now on.
            elif self.watch_list:
                for _, obj in sorted(self.state(kind, namespace).items()):
                    yield self.event("ADDED", obj)
                yield self.bookmark(kind, initial_end=True)
            return
        since = int(request.params["resourceVersion"])
        if since < max(self.compacted, self.cache_from):
            yield self.event("ERROR", EXPIRED)
            watcher.queue.put_nowait(None)
            return
        for change in self.log:
            if (
                change.version > since
                and change.kind is kind
                and namespace in ("", change.key.namespace)
            ):
                yield self.event(change.type, change.object)


class ModelStream:
    """A watch as the client reads it."""

    def __init__(self, chunks: AsyncIterator[bytes], silence: float) -> None:
        """Read `chunks`."""
        self.silence = silence
        self.chunks = chunks

    async def read(self) -> bytes:
        """Return what has come."""
        try:
            async with asyncio.timeout(self.silence):
                return await anext(self.chunks)
        except StopAsyncIteration:
            return b""
        except TimeoutError:
            raise Unreachable("not a byte", reason="silent") from None
        except Cut:
            raise Unreachable("the stream broke", reason="cut") from None


class ModelClient:
    """What the integration's client is to reflectors and clusters, without a network."""

    def __init__(self, server: ModelServer, *, timeout: float = 15.0) -> None:
        """Talk to `server`."""
        self.server = server
        self.timeout = timeout

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        timeout: float | None = None,
    ) -> bytes:
        """Return the body of a good answer."""
        server = self.server
        async with self._asked(method, path, params) as request:
            try:
                async with asyncio.timeout(timeout or self.timeout):
                    fault = server.take_fault(request)
                    answer = await server.begin(request, fault) or server.get(request)
            except TimeoutError:
                raise Unreachable("no answer", reason="timeout") from None
            if answer.code != 200:
                raise error_of_answer(answer.code, answer.retry_after, answer.body)
            return answer.body

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        silence: float = 75,
    ) -> AsyncIterator[ModelStream]:
        """Open a watch."""
        server = self.server
        async with self._asked("GET", path, params) as request:
            fault = server.take_fault(request)
            try:
                async with asyncio.timeout(silence):
                    answer = await server.begin(request, fault)
            except TimeoutError:
                raise Unreachable("no answer", reason="timeout") from None
            if answer is not None:
                raise error_of_answer(answer.code, answer.retry_after, answer.body)
            lines = server.watch(request)
            alive = self._alive(lines)
            chunks = fault.stream(alive)
            try:
                yield ModelStream(chunks, silence)
            finally:
                for layer in (chunks, alive, lines):
                    await _close(layer)

    async def _alive(self, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Let nothing through while the network is silent."""
        async for line in lines:
            while self.server.silent:
                await asyncio.sleep(3600)
            yield line

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, params: Mapping[str, str | int] | None
    ) -> AsyncIterator[Request]:
        server = self.server
        texts = {name: str(value) for name, value in (params or {}).items()}
        request = Request(server.clock(), method, path, texts)
        number = len(server.requests)
        server.requests.append(request)
        server.open[number] = path
        if path not in (READYZ, "/version"):
            same = sum(other == path for other in server.open.values())
            server.at_once = max(server.at_once, same)
        try:
            yield request
        finally:
            request.ended = server.clock()
            del server.open[number]

    async def get(self, ref: Ref) -> Record:
        """Read one object."""
        raw = await self.request("GET", path(ref.kind, ref.namespace, ref.name))
        return decode_object(ref.kind, raw)

    async def version(self) -> str:
        """Return the server's version."""
        answer = json.loads(await self.request("GET", "/version"))
        return str(answer["gitVersion"])


async def _close(lines: AsyncIterator[bytes]) -> None:
    close = getattr(lines, "aclose", None)
    if close is not None:
        await close()


class Refuse(Fault):
    """The request is refused with a Status or any other answer."""

    def __init__(self, answer: Answer, *, name: str = "") -> None:
        """Answer so."""
        self.answer = answer
        self.name = name or f"answer {answer.code}"

    @override
    async def before(self, request: Request) -> Answer | None:
        return self.answer


class Raise(Fault):
    """The connection cannot be made."""

    def __init__(self, error: KubeError) -> None:
        """Raise `error`."""
        self.error = error
        self.name = f"raise {error.reason}"

    @override
    async def before(self, request: Request) -> Answer | None:
        raise self.error


class WatchFault(Fault):
    """A fault of a watch's bytes."""

    @override
    def fits(self, request: Request) -> bool:
        return request.watch


def watch_fault(
    name: str,
    change: Callable[[AsyncIterator[bytes]], AsyncIterator[bytes]],
    *,
    initial: bool | None = None,
) -> WatchFault:
    """Make a fault of a function on the lines; `initial` chooses whether the watch begins with all objects."""

    class Named(WatchFault):
        @override
        def fits(self, request: Request) -> bool:
            return request.watch and initial in (None, request.initial)

        @override
        def stream(self, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            return change(lines)

    Named.name = name
    return Named()
