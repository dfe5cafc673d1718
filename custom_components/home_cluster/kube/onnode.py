"""The pods on one node, with what decides whether they can be moved away from it."""

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct, field
from msgspec.json import Decoder

from .errors import Unreadable
from .schema import Owner
from .shapes.common import Metadata, Wire, moment

_OVER: Final = frozenset({"Succeeded", "Failed"})


class PodOnNode(Struct, frozen=True, gc=False, kw_only=True):
    """A pod that a node runs, or has run to its end.

    `mirror` is the image of a file on the node, which alone decides about it; `scratch` says that it
    has a folder that is emptied when it goes.
    """

    namespace: str
    name: str
    uid: str
    owner: Owner | None = None
    mirror: bool = False
    scratch: bool = False
    deleting: datetime | None = None
    over: bool = False


class _Notes(Wire):
    mirror: str | None = field(default=None, name="kubernetes.io/config.mirror")


class _Metadata(Metadata):
    annotations: _Notes | None = None


class _EmptyDir(Wire):
    """Scratch data, which goes with the pod."""


class _Volume(Wire):
    empty_dir: _EmptyDir | None = None


class _Spec(Wire):
    volumes: list[_Volume] | None = None


class _Status(Wire):
    phase: str = ""


class _Pod(Wire):
    metadata: _Metadata
    spec: _Spec = field(default_factory=_Spec)
    status: _Status = field(default_factory=_Status)

    def record(self) -> PodOnNode:
        metadata = self.metadata
        return PodOnNode(
            namespace=metadata.namespace,
            name=metadata.name,
            uid=metadata.uid,
            owner=metadata.owner(),
            mirror=metadata.annotations is not None
            and metadata.annotations.mirror is not None,
            scratch=any(
                volume.empty_dir is not None for volume in self.spec.volumes or ()
            ),
            deleting=moment(metadata.deletion_timestamp),
            over=self.status.phase in _OVER,
        )


class _ListMetadata(Struct, gc=False):
    token: str = field(default="", name="continue")


class _List(Struct, gc=False):
    metadata: _ListMetadata = field(default_factory=_ListMetadata)
    items: list[_Pod] | None = None


_LIST: Final = Decoder(_List)


def decode_pods_on(raw: bytes) -> tuple[list[PodOnNode], str]:
    """Return a page of pods, and the token of the next page ("" if there is none)."""
    try:
        page = _LIST.decode(raw)
        return [pod.record() for pod in page.items or ()], page.metadata.token
    except (msgspec.MsgspecError, ValueError) as error:
        raise Unreadable(f"a list of pods that cannot be read: {error}") from error
