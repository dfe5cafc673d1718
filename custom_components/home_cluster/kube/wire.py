"""From the API server's JSON to records, one object at a time.

An object that cannot be read never spoils the others: it becomes `Broken`.
"""

from typing import Final, Literal, NamedTuple

import msgspec
from msgspec import Struct, field
from msgspec.json import Decoder

from .errors import Unreadable
from .schema import Key, Kind, Record
from .shapes import SHAPES, Shape

MAX_LINE: Final = 16 << 20
"""The longest line of a watch, in bytes; etcd holds objects of up to about 1.5 MiB."""

type Line = bytes | memoryview

type EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]


class Bookmark(NamedTuple):
    """A resource version that has been reached; `initial_end` ends a WatchList's first objects."""

    resource_version: str
    initial_end: bool


class Unwanted(NamedTuple):
    """An object that is not kept."""

    key: Key
    resource_version: str


class Broken(NamedTuple):
    """An object that cannot be read, but for its name."""

    key: Key
    resource_version: str
    why: str


class Cause(Struct, gc=False):
    """One cause of a Status."""

    reason: str = ""
    message: str = ""


class StatusDetails(Struct, gc=False, rename="camel"):
    """The details of a Status."""

    causes: list[Cause] | None = None
    retry_after_seconds: float = 0


class Status(Struct, gc=False):
    """The API server's own account of what went wrong."""

    status: str = ""
    code: int = 0
    reason: str = ""
    message: str = ""
    details: StatusDetails | None = None

    @property
    def causes(self) -> tuple[str, ...]:
        """The machine-readable reasons of its causes."""
        if self.details is None:
            return ()
        return tuple([cause.reason for cause in self.details.causes or ()])

    @property
    def retry_after(self) -> float | None:
        """The seconds that it asks to wait."""
        return self.details.retry_after_seconds or None if self.details else None


class Page(NamedTuple):
    """A page of a list, its objects not yet read; `token` asks for the next page, "" if there is none."""

    objects: list[msgspec.Raw]
    resource_version: str
    token: str


class _Event[T](Struct, gc=False):
    type: str
    object: T


class _Notes(Struct, gc=False):
    initial_end: str = field(default="", name="k8s.io/initial-events-end")


class _Metadata(Struct, gc=False, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    annotations: _Notes | None = None


class _Bare(Struct, gc=False):
    metadata: _Metadata


class _ListMetadata(Struct, gc=False, rename="camel"):
    resource_version: str = ""
    continue_: str = field(default="", name="continue")


class _List(Struct, gc=False):
    metadata: _ListMetadata
    items: list[msgspec.Raw] | None = None


_EVENTS: Final[dict[Kind, Decoder[_Event[Shape]]]] = {
    kind: Decoder(_Event[shape])  # type: ignore[valid-type]
    for kind, shape in SHAPES.items()
}
_OBJECTS: Final[dict[Kind, Decoder[Shape]]] = {
    kind: Decoder(shape) for kind, shape in SHAPES.items()
}
_ANY_EVENT: Final = Decoder(_Event[msgspec.Raw])
_BARE: Final = Decoder(_Bare)
_STATUS: Final = Decoder(Status)
_LIST: Final = Decoder(_List)


def decode_event(
    kind: Kind, line: Line
) -> tuple[str, Record | Bookmark | Status | Unwanted | Broken]:
    """Read a line of a watch.

    Returns the event's type with a Bookmark for BOOKMARK, a Status for ERROR, else the object.
    Raises `Unreadable` for a line that is no event at all, such as a cut one.
    """
    try:
        event = _EVENTS[kind].decode(line)
        if event.type in ("ADDED", "MODIFIED", "DELETED"):
            return event.type, _record(event.object)
    except (msgspec.ValidationError, ValueError) as error:
        why = str(error)
    except msgspec.DecodeError as error:
        raise Unreadable(f"a line of a watch is not JSON: {error}") from error
    else:
        why = "an event of an unknown type"
    try:
        bare = _ANY_EVENT.decode(line)
        if bare.type == "BOOKMARK":
            metadata = _BARE.decode(bare.object).metadata
            notes = metadata.annotations
            return bare.type, Bookmark(
                metadata.resource_version,
                notes is not None and notes.initial_end == "true",
            )
        if bare.type == "ERROR":
            return bare.type, _STATUS.decode(bare.object)
        return bare.type, _broken(bare.object, why)
    except msgspec.MsgspecError as error:
        raise Unreadable(f"a line of a watch is no event: {error}") from error


def decode_item(kind: Kind, raw: msgspec.Raw | bytes) -> Record | Unwanted | Broken:
    """Read an object of a list; raises `Unreadable` if not even its name can be read."""
    try:
        return _record(_OBJECTS[kind].decode(raw))
    except (msgspec.MsgspecError, ValueError) as error:
        try:
            return _broken(raw, str(error))
        except msgspec.MsgspecError:
            raise Unreadable(f"an object that cannot be read: {error}") from error


def decode_object(kind: Kind, raw: bytes) -> Record:
    """Read an object; raises `Unreadable` if that cannot be done or it is not one that is kept."""
    match decode_item(kind, raw):
        case Broken(why=why):
            raise Unreadable(f"an object that cannot be read: {why}")
        case Unwanted(key=key):
            raise Unreadable(f"{kind} {key.name} is of no interest")
        case record:
            return record


def decode_page(raw: bytes) -> Page:
    """Read a page of a list, leaving its objects as they are; raises `Unreadable`."""
    try:
        page = _LIST.decode(raw)
    except msgspec.MsgspecError as error:
        raise Unreadable(f"a list that cannot be read: {error}") from error
    return Page(
        page.items or [], page.metadata.resource_version, page.metadata.continue_
    )


def decode_list(kind: Kind, raw: bytes) -> tuple[list[Record], str, str]:
    """Read a page of a list: its readable records, resource version and continue token.

    Raises `Unreadable` if the page as a whole cannot be read.
    """
    page = decode_page(raw)
    items = [decode_item(kind, item) for item in page.objects]
    records = [item for item in items if isinstance(item, Record)]
    return records, page.resource_version, page.token


def decode_status(raw: bytes) -> Status | None:
    """Read the Status that explains a failed request; None if the answer is something else."""
    try:
        status = _STATUS.decode(raw)
    except msgspec.MsgspecError:
        return None
    return status if status.code else None


def _record(shape: Shape) -> Record | Unwanted:
    metadata = shape.metadata
    if not metadata.name or not metadata.uid:
        raise msgspec.ValidationError("an object without name or uid")
    record = shape.record()
    if record is None:
        return Unwanted(
            Key(metadata.namespace, metadata.name), metadata.resource_version
        )
    return record


def _broken(raw: msgspec.Raw | bytes, why: str) -> Broken:
    metadata = _BARE.decode(raw).metadata
    if not metadata.name:
        raise msgspec.ValidationError("an object without a name")
    return Broken(
        Key(metadata.namespace, metadata.name), metadata.resource_version, why
    )


class Lines:
    """Splits a stream of bytes into lines."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        """Start empty; a line longer than `limit` bytes is refused."""
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[Line]:
        """Return the lines that `data` completes, without their ends; raises `Unreadable` for one too long.

        Lines are not copied, but for the one that began earlier.
        """
        lines: list[Line] = []
        view, find = memoryview(data), data.find
        start, end = 0, find(b"\n")
        if end >= 0 and self._parts:
            lines.append(b"".join([*self._parts, data[:end]]))
            self._parts.clear()
            self._size = 0
            start, end = end + 1, find(b"\n", end + 1)
        while end >= 0:
            lines.append(view[start:end])
            start, end = end + 1, find(b"\n", end + 1)
        if start < len(data):
            self._parts.append(data[start:])
            self._size += len(data) - start
            if self._size > self._limit:
                raise Unreadable(f"a line of more than {self._limit} bytes")
        return lines

    @property
    def pending(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._parts)
