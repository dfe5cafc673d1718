"""The shapes of nodes, volume claims, Events, autoscalers and namespaces."""

from sys import intern
from typing import Final

from msgspec import field

from ..schema import Autoscaler, Event, Namespace, Node, VolumeClaim
from .common import (
    FullMetadata,
    Metadata,
    OwnerReference,
    Wire,
    WireCondition,
    conditions_of,
    moment,
)

ABOUT: Final = frozenset(
    {
        "Pod",
        "Node",
        "ReplicaSet",
        "Deployment",
        "StatefulSet",
        "DaemonSet",
        "CronJob",
        "Job",
        "PersistentVolumeClaim",
        "HorizontalPodAutoscaler",
    }
)
"""The kinds of objects whose Events are kept."""

NEWS: Final = frozenset(
    {
        "Killing",
        "NodeNotReady",
        "NodeReady",
        "Preempted",
        "Preempting",
        "Rebooted",
        "ScalingReplicaSet",
        "SuccessfulRescale",
        "TaintManagerEviction",
    }
)
"""The reasons of Events that are kept although they are no warnings."""


class Taint(Wire):
    """A taint of a node."""

    key: str = ""
    value: str = ""
    effect: str = ""


class NodeSpec(Wire):
    """What a node is to be."""

    unschedulable: bool = False
    taints: list[Taint] | None = None


class Address(Wire):
    """An address of a node."""

    type: str = ""
    address: str = ""


class NodeInfo(Wire):
    """What runs on a node."""

    kubelet_version: str = ""
    architecture: str = ""
    os_image: str = ""
    kernel_version: str = ""
    boot_id: str = field(default="", name="bootID")


class Port(Wire):
    """Where a program of the node listens."""

    port: int = field(default=0, name="Port")


class Endpoints(Wire):
    """Where the node's programs listen."""

    kubelet_endpoint: Port = field(default_factory=Port)


class NodeStatus(Wire):
    """How a node is."""

    daemon_endpoints: Endpoints = field(default_factory=Endpoints)

    capacity: dict[str, str] | None = None
    allocatable: dict[str, str] | None = None
    conditions: list[WireCondition] | None = None
    addresses: list[Address] | None = None
    node_info: NodeInfo = field(default_factory=NodeInfo)


class WireNode(Wire):
    """A node on the wire."""

    metadata: FullMetadata = field(default_factory=FullMetadata)
    spec: NodeSpec = field(default_factory=NodeSpec)
    status: NodeStatus = field(default_factory=NodeStatus)

    def record(self) -> Node:
        """Return the node, its address being the internal one."""
        metadata, spec, status = self.metadata, self.spec, self.status
        capacity = status.capacity or {}
        allocatable = status.allocatable or {}
        return Node(
            name=intern(metadata.name),
            uid=metadata.uid,
            resource_version=metadata.resource_version,
            created=moment(metadata.creation_timestamp),
            deleting=moment(metadata.deletion_timestamp),
            labels=metadata.kept_labels(),
            conditions=conditions_of(status.conditions),
            unschedulable=spec.unschedulable,
            taints=tuple([(t.key, t.value, t.effect) for t in spec.taints or ()]),
            address=next(
                (a.address for a in status.addresses or () if a.type == "InternalIP"),
                "",
            ),
            version=status.node_info.kubelet_version,
            architecture=status.node_info.architecture,
            os_image=status.node_info.os_image,
            kernel=status.node_info.kernel_version,
            boot_id=status.node_info.boot_id,
            kubelet_port=status.daemon_endpoints.kubelet_endpoint.port or 10250,
            cpu=capacity.get("cpu", ""),
            memory=capacity.get("memory", ""),
            pods=capacity.get("pods", ""),
            allocatable_cpu=allocatable.get("cpu", ""),
            allocatable_memory=allocatable.get("memory", ""),
            hardware=tuple(
                sorted(
                    [
                        intern(name)
                        for name, count in allocatable.items()
                        if "/" in name and count != "0"
                    ]
                )
            ),
        )


class ClaimResources(Wire):
    """What a volume claim asks for."""

    requests: dict[str, str] | None = None


class ClaimSpec(Wire):
    """What a volume claim is to be."""

    storage_class_name: str | None = None
    volume_name: str = ""
    resources: ClaimResources = field(default_factory=ClaimResources)


class ClaimStatus(Wire):
    """How a volume claim is."""

    phase: str = ""
    capacity: dict[str, str] | None = None
    conditions: list[WireCondition] | None = None


class WireVolumeClaim(Wire):
    """A PersistentVolumeClaim on the wire."""

    metadata: FullMetadata = field(default_factory=FullMetadata)
    spec: ClaimSpec = field(default_factory=ClaimSpec)
    status: ClaimStatus = field(default_factory=ClaimStatus)

    def record(self) -> VolumeClaim:
        """Return the claim."""
        metadata, spec, status = self.metadata, self.spec, self.status
        annotations = metadata.annotations or {}
        return VolumeClaim(
            **metadata.described(),
            phase=intern(status.phase),
            storage_class=intern(spec.storage_class_name or ""),
            volume=spec.volume_name,
            requested=(spec.resources.requests or {}).get("storage", ""),
            capacity=(status.capacity or {}).get("storage", ""),
            selected_node=annotations.get("volume.kubernetes.io/selected-node", ""),
            conditions=conditions_of(status.conditions),
        )


class ObjectReference(Wire):
    """The object that an Event is about."""

    kind: str = ""
    name: str = ""
    uid: str = ""


class Series(Wire):
    """The repetitions of an Event."""

    count: int = 0
    last_observed_time: str | None = None


class WireKubeEvent(Wire):
    """An Event of Kubernetes on the wire."""

    metadata: Metadata = field(default_factory=Metadata)
    involved_object: ObjectReference = field(default_factory=ObjectReference)
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int = 0
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    series: Series | None = None

    def record(self) -> Event | None:
        """Return the Event; None if it is neither a warning nor news, or about a kind that has no device."""
        about, metadata = self.involved_object, self.metadata
        if about.kind not in ABOUT or not (
            self.type == "Warning" or self.reason in NEWS
        ):
            return None
        series = self.series or Series()
        first = self.first_timestamp or self.event_time or metadata.creation_timestamp
        return Event(
            namespace=intern(metadata.namespace),
            name=metadata.name,
            uid=metadata.uid,
            resource_version=metadata.resource_version,
            created=moment(metadata.creation_timestamp),
            deleting=moment(metadata.deletion_timestamp),
            about_kind=intern(about.kind),
            about_name=about.name,
            about_uid=about.uid,
            warning=self.type == "Warning",
            reason=intern(self.reason),
            message=self.message,
            count=series.count or self.count or 1,
            first=moment(first),
            last=moment(
                series.last_observed_time
                or self.last_timestamp
                or self.event_time
                or first
            ),
        )


class AutoscalerSpec(Wire):
    """What a HorizontalPodAutoscaler does."""

    scale_target_ref: OwnerReference = field(default_factory=OwnerReference)
    min_replicas: int | None = None
    max_replicas: int = 1


class AutoscalerStatus(Wire):
    """What a HorizontalPodAutoscaler has done."""

    current_replicas: int = 0
    desired_replicas: int = 0
    conditions: list[WireCondition] | None = None


class WireAutoscaler(Wire):
    """A HorizontalPodAutoscaler on the wire."""

    metadata: FullMetadata = field(default_factory=FullMetadata)
    spec: AutoscalerSpec = field(default_factory=AutoscalerSpec)
    status: AutoscalerStatus = field(default_factory=AutoscalerStatus)

    def record(self) -> Autoscaler:
        """Return the autoscaler."""
        metadata, spec, status = self.metadata, self.spec, self.status
        return Autoscaler(
            **metadata.described(),
            target_kind=intern(spec.scale_target_ref.kind),
            target_name=spec.scale_target_ref.name,
            minimum=1 if spec.min_replicas is None else spec.min_replicas,
            maximum=spec.max_replicas,
            current=status.current_replicas,
            desired=status.desired_replicas,
            conditions=conditions_of(status.conditions),
        )


class NamespaceStatus(Wire):
    """How a namespace is."""

    phase: str = ""


class WireNamespace(Wire):
    """A namespace on the wire."""

    metadata: FullMetadata = field(default_factory=FullMetadata)
    status: NamespaceStatus = field(default_factory=NamespaceStatus)

    def record(self) -> Namespace:
        """Return the namespace."""
        metadata = self.metadata
        return Namespace(
            **metadata.described(),
            phase=intern(self.status.phase),
        )
