"""The records that are kept of Kubernetes objects: only the fields that are used.

Frozen, without reference cycles (`gc=False`), small: ten thousand pods must fit a Raspberry Pi.
Times are aware UTC datetimes. An absent text is "", an absent time None.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from msgspec import Struct

HINT_PREFIX: Final = "home-cluster.github.io/"
# A DaemonSet whose nodeSelector asks for this label, which no node has, is switched off.
OFF_SELECTOR: Final = f"{HINT_PREFIX}off"


class Kind(StrEnum):
    """The kinds that are followed, by their Kubernetes names."""

    POD = "Pod"
    NODE = "Node"
    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"
    CRON_JOB = "CronJob"
    JOB = "Job"
    VOLUME_CLAIM = "PersistentVolumeClaim"
    EVENT = "Event"
    AUTOSCALER = "HorizontalPodAutoscaler"
    NAMESPACE = "Namespace"
    VOLUME = "PersistentVolume"


WORKLOAD_KINDS: Final = (
    Kind.DEPLOYMENT,
    Kind.STATEFUL_SET,
    Kind.DAEMON_SET,
    Kind.CRON_JOB,
    Kind.JOB,
)


class Key(NamedTuple):
    """An object's place in its collection; the namespace is "" for cluster-wide kinds."""

    namespace: str
    name: str


class Ref(NamedTuple):
    """An object's place in the cluster: what a device is known by."""

    kind: Kind
    namespace: str
    name: str

    @property
    def key(self) -> Key:
        """The place within the kind's collection."""
        return Key(self.namespace, self.name)


class Owner(Struct, frozen=True, gc=False):
    """A controlling owner reference."""

    kind: str
    name: str


class Condition(Struct, frozen=True, gc=False):
    """A status condition; `status` is "True", "False" or "Unknown"."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    since: datetime | None = None


class Record(Struct, frozen=True, gc=False, kw_only=True):
    """What every record has."""

    namespace: str = ""
    name: str
    uid: str
    resource_version: str
    created: datetime | None = None
    deleting: datetime | None = None

    @property
    def key(self) -> Key:
        """The place within the kind's collection."""
        return Key(self.namespace, self.name)


class Role(StrEnum):
    """What a container of a pod is there for."""

    MAIN = "main"
    INIT = "init"
    SIDECAR = "sidecar"


class Run(Struct, frozen=True, gc=False, kw_only=True):
    """One run of a container, or its waiting for one.

    `state` is "waiting", "running" or "terminated".
    """

    state: str
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    started: datetime | None = None
    finished: datetime | None = None


class Container(Struct, frozen=True, gc=False, kw_only=True):
    """A container of a pod, its spec and status joined by name; `current` is None before any status.

    `digest` is that by which its image was pulled, "" if it was not or is not known.
    """

    name: str
    image: str
    digest: str = ""
    role: Role = Role.MAIN
    ready: bool = False
    started: bool = False
    restarts: int = 0
    current: Run | None = None
    last: Run | None = None


class Pod(Record, frozen=True, gc=False, kw_only=True):
    """A pod.

    `conditions` holds Ready always, others only while they are not True.
    `template_hash` is the label pod-template-hash, `revision_hash` controller-revision-hash.
    `claims` are the names of the volume claims it mounts, `hardware` the devices it asks its node for, such
    as squat.ai/zigbee.
    """

    owner: Owner | None = None
    template_hash: str = ""
    revision_hash: str = ""
    node: str = ""
    phase: str = ""
    reason: str = ""
    message: str = ""
    started: datetime | None = None
    conditions: tuple[Condition, ...] = ()
    containers: tuple[Container, ...] = ()
    claims: tuple[str, ...] = ()
    hardware: tuple[str, ...] = ()


class Requirement(Struct, frozen=True, gc=False):
    """What a label of a node must be. `operator` is In, NotIn, Exists, DoesNotExist, Gt or Lt."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class Toleration(Struct, frozen=True, gc=False):
    """Which taints do not matter; an empty key or effect is any. `operator` is Equal or Exists."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class Template(Struct, frozen=True, gc=False, kw_only=True):
    """The pod template of a workload, as far as it is used. `containers` are (name, image) pairs.

    `node_terms` is the required node affinity: all of one term, or all of another. The name of the node
    counts as the label metadata.name.
    """

    containers: tuple[tuple[str, str], ...] = ()
    node_selector: tuple[tuple[str, str], ...] = ()
    node_terms: tuple[tuple[Requirement, ...], ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    claims: tuple[str, ...] = ()


class Described(Record, frozen=True, gc=False, kw_only=True):
    """An object whose labels and annotations say something.

    Labels are all kept; of the annotations only our hints and those that tell who owns the object.
    """

    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner: Owner | None = None
    generation: int = 0


class Workload(Described, frozen=True, gc=False, kw_only=True):
    """A Deployment, StatefulSet or DaemonSet.

    `desired` is spec.replicas (1 if unset); of a DaemonSet, status.desiredNumberScheduled.
    `current` counts the pods there are, `updated` those of the newest template.
    `claim_templates` are the names of a StatefulSet's volumeClaimTemplates.
    `deadline` is progressDeadlineSeconds (600 if unset).
    """

    kind: Kind
    observed_generation: int = 0
    desired: int = 1
    current: int = 0
    ready: int = 0
    updated: int = 0
    available: int = 0
    paused: bool = False
    deadline: int = 600
    current_revision: str = ""
    update_revision: str = ""
    conditions: tuple[Condition, ...] = ()
    template: Template = Template()
    claim_templates: tuple[str, ...] = ()


class CronJob(Described, frozen=True, gc=False, kw_only=True):
    """A CronJob; `active` are the names of its running Jobs, `concurrency` says what two at a time may do."""

    schedule: str = ""
    time_zone: str = ""
    suspended: bool = False
    concurrency: str = ""
    active: tuple[str, ...] = ()
    last_scheduled: datetime | None = None
    last_succeeded: datetime | None = None
    template: Template = Template()


class Job(Described, frozen=True, gc=False, kw_only=True):
    """A Job."""

    suspended: bool = False
    parallelism: int = 1
    completions: int | None = None
    active: int = 0
    ready: int = 0
    succeeded: int = 0
    failed: int = 0
    started: datetime | None = None
    completed: datetime | None = None
    conditions: tuple[Condition, ...] = ()
    template: Template = Template()


class Node(Record, frozen=True, gc=False, kw_only=True):
    """A node. `taints` are (key, value, effect); capacities are Kubernetes quantities as text.

    `hardware` are the devices that it can give to pods now, such as squat.ai/zigbee.
    What is allocatable is what pods may use of them.
    """

    labels: dict[str, str] = {}
    conditions: tuple[Condition, ...] = ()
    unschedulable: bool = False
    taints: tuple[tuple[str, str, str], ...] = ()
    address: str = ""
    version: str = ""
    architecture: str = ""
    os_image: str = ""
    kernel: str = ""
    boot_id: str = ""
    kubelet_port: int = 10250
    cpu: str = ""
    memory: str = ""
    pods: str = ""
    allocatable_cpu: str = ""
    allocatable_memory: str = ""
    hardware: tuple[str, ...] = ()


class VolumeClaim(Described, frozen=True, gc=False, kw_only=True):
    """A PersistentVolumeClaim; `selected_node` is the annotation volume.kubernetes.io/selected-node."""

    phase: str = ""
    storage_class: str = ""
    volume: str = ""
    requested: str = ""
    capacity: str = ""
    selected_node: str = ""
    conditions: tuple[Condition, ...] = ()


class Volume(Record, frozen=True, gc=False, kw_only=True):
    """A PersistentVolume, the claim that it is for, and where its data is.

    `kind` is "local", "hostPath", "nfs" or "csi", or "other" for the rest; `share` is an NFS server with
    the path there. `hostname` is that of the only node that it can be used on. `provisioned` says that
    it was made for its claim, by no person.
    """

    kind: str = "other"
    provisioned: bool = False
    share: str = ""
    hostname: str = ""
    claim: Key | None = None


class Event(Record, frozen=True, gc=False, kw_only=True):
    """A Kubernetes Event about one object; `about_kind` is that object's kind as the Event names it."""

    about_kind: str
    about_name: str
    about_uid: str = ""
    warning: bool = False
    reason: str = ""
    message: str = ""
    count: int = 1
    first: datetime | None = None
    last: datetime | None = None


class Autoscaler(Described, frozen=True, gc=False, kw_only=True):
    """A HorizontalPodAutoscaler of the workload `target_kind`/`target_name` in its namespace."""

    target_kind: str
    target_name: str
    minimum: int = 1
    maximum: int = 1
    current: int = 0
    desired: int = 0
    conditions: tuple[Condition, ...] = ()


class Namespace(Described, frozen=True, gc=False, kw_only=True):
    """A namespace."""

    phase: str = ""
