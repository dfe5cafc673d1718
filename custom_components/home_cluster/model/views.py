"""What the rest of the integration sees of the cluster: immutable views, equal when nothing changed."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ..kube.schema import Ref


class Status(StrEnum):
    """What a device is doing, for people."""

    OFF = "off"
    STOPPING = "stopping"
    UPDATING = "updating"
    STARTING = "starting"
    RUNNING = "running"
    DEGRADED = "degraded"
    FAILING = "failing"
    PAUSED = "paused"
    IDLE = "idle"
    COMPLETED = "completed"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why a device has a problem."""

    NONE = "none"
    CRASH_LOOP = "crash_loop"
    OOM_KILLED = "oom_killed"
    IMAGE_NOT_FOUND = "image_not_found"
    IMAGE_PULL_DENIED = "image_pull_denied"
    IMAGE_WRONG_ARCHITECTURE = "image_wrong_architecture"
    CONFIG_MISSING = "config_missing"
    CANNOT_RUN = "cannot_run"
    INIT_FAILED = "init_failed"
    NO_ROOM_CPU = "no_room_cpu"
    NO_ROOM_MEMORY = "no_room_memory"
    NO_MATCHING_NODE = "no_matching_node"
    NODE_TAINTED = "node_tainted"
    PORT_IN_USE = "port_in_use"
    VOLUME_PENDING = "volume_pending"
    VOLUME_ON_LOST_NODE = "volume_on_lost_node"
    READINESS_FAILING = "readiness_failing"
    LIVENESS_RESTARTS = "liveness_restarts"
    NODE_LOST = "node_lost"
    EVICTED = "evicted"
    QUOTA = "quota"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    STUCK_TERMINATING = "stuck_terminating"
    JOB_FAILED = "job_failed"
    DEVICE_IN_USE = "device_in_use"
    NFS_UNREACHABLE = "nfs_unreachable"
    SERVED_ENTITIES_UNAVAILABLE = "served_entities_unavailable"
    AUTOSCALER_BLIND = "autoscaler_blind"
    UNDONE_BY_OWNER = "undone_by_owner"


class Outcome(StrEnum):
    """What became of a CronJob's last run."""

    NONE = "none"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class VolumeState(StrEnum):
    """How a volume is."""

    BOUND = "bound"
    PENDING = "pending"
    MISSING = "missing"
    LOST = "lost"
    ON_LOST_NODE = "on_lost_node"
    UNREACHABLE = "unreachable"
    DELETING = "deleting"


class Control(StrEnum):
    """What may be done with a device; the words of the `controls` hint."""

    POWER = "power"
    REPLICAS = "replicas"
    RESTART = "restart"
    UPDATE = "update"
    RUN = "run"


class Need(StrEnum):
    """What an entity needs of the account beyond what its device is made of; never a word of a hint."""

    FIGURES = "figures"
    CORDON = "cordon"
    DRAIN = "drain"
    ALL_PODS = "all_pods"
    STATS = "stats"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A device's health.

    `problem` is None when it cannot be known (its node is away for less than the flicker window).
    `message` and `advice` are plain English sentences for attributes; where they are about a pod, a
    container or a node, these are named as well. `recheck` is when the answer may change although no object does.
    """

    status: Status
    problem: bool | None = False
    reason: Reason = Reason.NONE
    message: str = ""
    advice: str = ""
    since: datetime | None = None
    container: str = ""
    pod: str = ""
    node: str = ""
    exit_code: int | None = None
    recheck: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """The hints of a workload, validated; a bad one is left out and named in `dropped`."""

    device: bool | None = None
    zone: str = ""
    name: str = ""
    area: str = ""
    icon: str = ""
    url: str = ""
    model: str = ""
    manufacturer: str = ""
    controls: frozenset[Control] | None = None
    serves: tuple[str, ...] = ()
    update: str = ""
    protected: bool = False
    held: bool = False
    release_notes: str = ""
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """What an autoscaler (HPA) does: its bounds, and the pods it has and wants.

    `owner` is the kind of what made the autoscaler, "" if somebody did by hand or chart; `scaled_object`
    is its name if it is KEDA's.
    """

    name: str
    minimum: int
    maximum: int
    current: int
    desired: int
    owner: str = ""
    scaled_object: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """The runs of a CronJob.

    `last` is when the newest one began, `job` its name, `seconds` how long it took if it is over.
    `scheduled` is when one was last due, `created` when the CronJob came; `alone` says that no two may
    run at a time.
    """

    schedule: str
    time_zone: str
    created: datetime | None
    scheduled: datetime | None
    last: datetime | None
    outcome: Outcome
    job: str = ""
    seconds: float | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeView:
    """A claim of a workload and the volume behind it; sizes in bytes.

    `state` is None where no such claim is known. `kind`, `share` and `node` (the only one it can be used
    on) are known only to an account that may read PersistentVolumes, else "". `folder` says that it is
    one on its node's disk for certain.
    """

    claim: str
    state: VolumeState | None = None
    capacity: float | None = None
    requested: float | None = None
    storage_class: str = ""
    kind: str = ""
    folder: bool = False
    share: str = ""
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadView:
    """A workload as a device.

    `desired` is the number of pods asked for (for a CronJob or Job: 0 if suspended, else 1);
    `power` says whether it is switched on. `ready` counts ready pods, `restarts` the restarts of the
    pods there are. `nodes` are where they run, sorted. `image` is that of the main `container`, `digest`
    what it was pulled by ("" while no pod tells).
    `autoscaler` is there when an HPA owns the count, `runs` for a CronJob. `generation` counts the
    changes of its spec.
    """

    ref: Ref
    uid: str
    generation: int
    name: str
    hints: Hints
    labelled: bool
    power: bool
    desired: int
    ready: int
    restarts: int
    nodes: tuple[str, ...]
    container: str
    image: str
    digest: str
    version: str
    started: datetime | None
    autoscaler: Scaling | None
    managed_by: str
    health: Health
    runs: Runs | None = None
    volumes: tuple[VolumeView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """A node as a device.

    `connected` is what Kubernetes says of Ready: True, or False when it is not; `problem` becomes True
    only after the flicker window, and is None within it. Pressures are None while the node is away.
    What pods may use of it is told in cores and bytes, None if that is not known.
    `pods` counts those on it that have not ended, as far as they are followed; `most_pods` is how many
    it takes, 0 if it does not say. `boot_id` changes with every start of the machine.
    """

    name: str
    uid: str
    connected: bool
    problem: bool | None
    lost_since: datetime | None
    memory_pressure: bool | None
    disk_pressure: bool | None
    pid_pressure: bool | None
    schedulable: bool
    pods: int
    most_pods: int
    version: str
    architecture: str
    os_image: str
    kernel: str
    boot_id: str
    allocatable_cpu: float | None = None
    allocatable_memory: float | None = None
    recheck: datetime | None = field(default=None, compare=False)
