"""The shapes of Kubernetes objects on the wire, as far as they are read.

Each shape's `record` is its projection.
"""

from typing import Final, Protocol

from ..schema import Kind, Record
from .common import Metadata
from .others import (
    WireAutoscaler,
    WireKubeEvent,
    WireNamespace,
    WireNode,
    WireVolumeClaim,
)
from .pods import WirePod
from .volumes import WireVolume
from .workloads import (
    WireCronJob,
    WireDaemonSet,
    WireDeployment,
    WireJob,
    WireStatefulSet,
)


class Shape(Protocol):
    """An object on the wire."""

    @property
    def metadata(self) -> Metadata:
        """Who the object is."""

    def record(self) -> Record | None:
        """Return what is kept of the object: None for one that is of no interest."""


SHAPES: Final[dict[Kind, type[Shape]]] = {
    Kind.POD: WirePod,
    Kind.NODE: WireNode,
    Kind.DEPLOYMENT: WireDeployment,
    Kind.STATEFUL_SET: WireStatefulSet,
    Kind.DAEMON_SET: WireDaemonSet,
    Kind.CRON_JOB: WireCronJob,
    Kind.JOB: WireJob,
    Kind.VOLUME_CLAIM: WireVolumeClaim,
    Kind.EVENT: WireKubeEvent,
    Kind.AUTOSCALER: WireAutoscaler,
    Kind.NAMESPACE: WireNamespace,
    Kind.VOLUME: WireVolume,
}
