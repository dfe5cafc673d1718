"""What a workload was before: its revisions, how to go back to one, and who is said to have changed it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec
from msgspec import Struct, field

from .client import PAGE, Client
from .errors import Conflict, Invalid, Unreadable
from .patches import JSON_PATCH, STRATEGIC_PATCH
from .resources import path as path_of
from .schema import Kind, Record, Ref
from .shapes.common import moment
from .transport import FIELD_MANAGER

_REVISION: Final = "deployment.kubernetes.io/revision"
_TEMPLATE_HASH: Final = "pod-template-hash"
# How often an entry is looked for that others move while it is looked at.
_TRIES: Final = 3

REPLICA_SETS: Final = "replicasets"
CONTROLLER_REVISIONS: Final = "controllerrevisions"


class Revision(NamedTuple):
    """A pod template that a workload has or had; `images` are (container, image) pairs.

    `patch` and `content_type` bring it back.
    """

    number: int
    name: str
    created: datetime | None
    images: tuple[tuple[str, str], ...]
    patch: Any
    content_type: str

    def image(self, container: str) -> str:
        """The image of a container, "" if it had none of that name."""
        return dict(self.images).get(container, "")


class _Owner(Struct, gc=False):
    uid: str = ""


class _Metadata(Struct, gc=False, rename="camel"):
    name: str = ""
    creation_timestamp: str | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[_Owner] | None = None


class _ReplicaSetSpec(Struct, gc=False):
    template: dict[str, Any] = field(default_factory=dict)


class _ReplicaSet(Struct, gc=False):
    metadata: _Metadata
    spec: _ReplicaSetSpec


class _Data(Struct, gc=False):
    spec: dict[str, Any] = field(default_factory=dict)


class _ControllerRevision(Struct, gc=False):
    metadata: _Metadata
    revision: int = 0
    data: _Data = field(default_factory=_Data)


class _Page[T](Struct, gc=False):
    class Metadata(Struct, gc=False):
        """Where the next page is."""

        next: str = field(default="", name="continue")

    items: list[T] | None = None
    metadata: Metadata = field(default_factory=Metadata)


class _ManagedFields(Struct, gc=False):
    metadata: dict[str, Any]


def history_of(kind: Kind) -> str:
    """Return the resource that keeps a kind's revisions."""
    return REPLICA_SETS if kind is Kind.DEPLOYMENT else CONTROLLER_REVISIONS


async def revisions(client: Client, ref: Ref, uid: str) -> list[Revision]:
    """Return a workload's revisions, the newest first.

    Needs `list` on `replicasets` (Deployments) or `controllerrevisions`. The uid is the workload's:
    another one of that name has other revisions.
    """
    if ref.kind is Kind.DEPLOYMENT:
        sets = await _all(client, ref.namespace, REPLICA_SETS, _ReplicaSet)
        found = [_of_replica_set(one) for one in sets if _owned(one.metadata, uid)]
    else:
        kept = await _all(
            client, ref.namespace, CONTROLLER_REVISIONS, _ControllerRevision
        )
        found = [
            _of_controller_revision(one) for one in kept if _owned(one.metadata, uid)
        ]
    return sorted(found, key=lambda one: one.number, reverse=True)


async def bring_back(client: Client, ref: Ref, revision: Revision) -> Record:
    """Give a workload a pod template that it had; needs `patch` on it."""
    return await client.apply(ref, revision.patch, content_type=revision.content_type)


async def forget_change(client: Client, ref: Ref) -> bool:
    """Remove the entry of `managedFields` that says that we changed a workload; say whether there was one.

    Then server-side apply does not take the next change of its owner for a conflict with us. Needs
    `get` and `patch`. Raises `Conflict` if others keep changing the entries.
    """
    path = path_of(ref.kind, ref.namespace, ref.name)
    for _ in range(_TRIES):
        raw = await client.request("GET", path)
        try:
            metadata = msgspec.json.decode(raw, type=_ManagedFields).metadata
        except msgspec.MsgspecError as error:
            raise Unreadable(f"not an answer of Kubernetes: {error}") from error
        entries = metadata.get("managedFields") or []
        place = next((at for at, entry in enumerate(entries) if _is_ours(entry)), None)
        if place is None:
            return False
        where = f"/metadata/managedFields/{place}"
        try:
            await client.apply(
                ref,
                [
                    {"op": "test", "path": where, "value": entries[place]},
                    {"op": "remove", "path": where},
                ],
                content_type=JSON_PATCH,
            )
        except Invalid as error:
            problem = error
            continue
        return True
    raise Conflict(f"others changed it as well: {problem.message}")


def _is_ours(entry: Mapping[str, Any]) -> bool:
    return (
        entry.get("manager") == FIELD_MANAGER
        and entry.get("operation") == "Update"
        and not entry.get("subresource")
    )


def _owned(metadata: _Metadata, uid: str) -> bool:
    return any(owner.uid == uid for owner in metadata.owner_references or ())


def _of_replica_set(one: _ReplicaSet) -> Revision:
    """Return the revision that a ReplicaSet is; its template bears a label of its own."""
    number = (one.metadata.annotations or {}).get(_REVISION, "")
    template = dict(one.spec.template)
    metadata = dict(template.get("metadata") or {})
    labels = dict(metadata.get("labels") or {})
    labels.pop(_TEMPLATE_HASH, None)
    template["metadata"] = {**metadata, "labels": labels}
    return Revision(
        int(number) if number.isdecimal() else 0,
        one.metadata.name,
        moment(one.metadata.creation_timestamp),
        _images(template),
        [{"op": "replace", "path": "/spec/template", "value": template}],
        JSON_PATCH,
    )


def _of_controller_revision(one: _ControllerRevision) -> Revision:
    """Return the revision that a ControllerRevision is: it keeps a strategic merge patch."""
    template = one.data.spec.get("template") or {}
    return Revision(
        one.revision,
        one.metadata.name,
        moment(one.metadata.creation_timestamp),
        _images(template),
        {"spec": {"template": template}},
        STRATEGIC_PATCH,
    )


def _images(template: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    containers = (template.get("spec") or {}).get("containers") or ()
    return tuple(
        (str(one.get("name", "")), str(one.get("image", ""))) for one in containers
    )


async def _all[T](
    client: Client, namespace: str, resource: str, shape: type[T]
) -> list[T]:
    path = f"/apis/apps/v1/namespaces/{quote(namespace, safe='')}/{resource}"
    params: dict[str, str | int] = {"limit": PAGE}
    found: list[T] = []
    while True:
        raw = await client.request("GET", path, params=params)
        try:
            page = msgspec.json.decode(raw, type=_Page[shape])  # type: ignore[valid-type]
        except msgspec.MsgspecError as error:
            raise Unreadable(f"not an answer of Kubernetes: {error}") from error
        found += page.items or []
        if not page.metadata.next:
            return found
        params["continue"] = page.metadata.next
