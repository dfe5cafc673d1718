"""Who wrote a field of an object last, as the API server keeps it (`metadata.managedFields`)."""

from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from .client import Client
from .errors import Unreadable
from .resources import path
from .schema import Described, Ref
from .wire import decode_object

type FieldPath = tuple[str, ...]

# How a list's entry is named: containers are told apart by their names.
_ENTRY: Final = "k:"


class Writer(NamedTuple):
    """A writer: the name that its requests bore, the subresource that it wrote through, and when it last did."""

    manager: str
    subresource: str = ""
    time: datetime | None = None


class _Entry(msgspec.Struct, rename="camel"):
    manager: str = ""
    subresource: str = ""
    time: datetime | None = None
    fields_v1: dict[str, Any] = msgspec.field(default_factory=dict, name="fieldsV1")


class _Metadata(msgspec.Struct, rename="camel"):
    managed_fields: list[_Entry] | None = None


class _Object(msgspec.Struct):
    metadata: _Metadata


def writer_of(raw: bytes, field: FieldPath) -> Writer | None:
    """Return who wrote a field last, None if nobody is known.

    The field is a path of names, such as ("spec", "replicas"); "*" is any entry of a list. Raises
    `Unreadable`.
    """
    try:
        entries = msgspec.json.decode(raw, type=_Object).metadata.managed_fields or ()
    except msgspec.MsgspecError as error:
        raise Unreadable(f"an object that cannot be read: {error}") from error
    owners = [entry for entry in entries if _owns(entry.fields_v1, field)]
    newest = max(
        owners,
        key=lambda entry: entry.time.timestamp() if entry.time else 0.0,
        default=None,
    )
    if newest is None:
        return None
    return Writer(newest.manager, newest.subresource, newest.time)


def _owns(fields: Any, path_left: FieldPath) -> bool:
    if not path_left:
        return True
    if not isinstance(fields, dict):
        return False
    name, *rest = path_left
    if name == "*":
        return any(
            _owns(part, tuple(rest))
            for key, part in fields.items()
            if key.startswith(_ENTRY)
        )
    part = fields.get(f"f:{name}")
    return part is not None and _owns(part, tuple(rest))


async def look_at(
    client: Client, ref: Ref, field: FieldPath
) -> tuple[Described, Writer | None]:
    """Read an object, and who wrote a field of it last; needs `get` on it."""
    raw = await client.request("GET", path(ref.kind, ref.namespace, ref.name))
    record = decode_object(ref.kind, raw)
    assert isinstance(record, Described)
    return record, writer_of(raw, field)
