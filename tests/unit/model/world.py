"""Builders of records: what a test does not say is as in a device that is well."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from custom_components.home_cluster.kube.schema import (
    Condition,
    Container,
    CronJob,
    Event,
    Job,
    Key,
    Kind,
    Node,
    Owner,
    Pod,
    Record,
    Ref,
    Run,
    Template,
    Volume,
    VolumeClaim,
    Workload,
)
from custom_components.home_cluster.model.index import Affected, Index
from custom_components.home_cluster.model.situation import Situation

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=3)
TEMPLATE = Template(containers=(("agent", "registry.home/fridge:v1"),))


def ago(seconds: float) -> datetime:
    """Return the time so many seconds before now."""
    return NOW - timedelta(seconds=seconds)


def running(since: float = 3 * 86400) -> Run:
    """Return a run that goes on since so many seconds."""
    return Run(state="running", started=ago(since))


def ended(
    code: int = 1,
    reason: str = "Error",
    *,
    started: float = 20,
    finished: float = 10,
    message: str = "",
) -> Run:
    """Return a run that has ended; times in seconds before now."""
    return Run(
        state="terminated",
        reason=reason,
        message=message,
        exit_code=code,
        started=ago(started),
        finished=ago(finished),
    )


def waiting(reason: str, message: str = "") -> Run:
    """Return a container's waiting."""
    return Run(state="waiting", reason=reason, message=message)


def container(name: str = "agent", **fields: Any) -> Container:
    """Return a container that runs since long and is ready."""
    given: dict[str, Any] = {
        "image": "registry.home/fridge:v1",
        "ready": True,
        "started": True,
        "current": running(),
    }
    return Container(name=name, **{**given, **fields})


def ready_condition(*, ready: bool = True, since: float = 3 * 86400) -> Condition:
    """Return a pod's condition Ready."""
    return Condition("Ready", "True" if ready else "False", "", "", ago(since))


def pod(
    name: str = "fridge-abc-1",
    *containers: Container,
    ready: bool = True,
    ready_since: float = 3 * 86400,
    conditions: tuple[Condition, ...] = (),
    **fields: Any,
) -> Pod:
    """Return a pod of the Deployment fridge that has been Ready for long."""
    given: dict[str, Any] = {
        "namespace": "kitchen",
        "uid": f"uid-of-{name}",
        "resource_version": "1",
        "created": ago(max(ready_since, 3600)),
        "owner": Owner("ReplicaSet", "fridge-abc"),
        "template_hash": "abc",
        "node": "pi-attic",
        "phase": "Running",
        "started": ago(max(ready_since, 3600)),
        "conditions": (ready_condition(ready=ready, since=ready_since), *conditions),
        "containers": containers or (container(ready=ready),),
    }
    return Pod(name=name, **{**given, **fields})


def deployment(**fields: Any) -> Workload:
    """Return the Deployment fridge, which wants one pod."""
    given: dict[str, Any] = {
        "namespace": "kitchen",
        "name": "fridge",
        "uid": "uid-of-fridge",
        "resource_version": "1",
        "generation": 1,
        "observed_generation": 1,
        "kind": Kind.DEPLOYMENT,
        "desired": 1,
        "current": 1,
        "ready": 1,
        "updated": 1,
        "conditions": (
            Condition(
                "Progressing",
                "True",
                "NewReplicaSetAvailable",
                'ReplicaSet "fridge-abc" has successfully progressed.',
                LONG_AGO,
            ),
        ),
        "template": TEMPLATE,
        "created": LONG_AGO,
    }
    return Workload(**{**given, **fields})


def stateful_set(**fields: Any) -> Workload:
    """Return the StatefulSet jazz, which wants one pod."""
    return deployment(
        **{
            "kind": Kind.STATEFUL_SET,
            "name": "jazz",
            "conditions": (),
            "current_revision": "jazz-one",
            "update_revision": "jazz-one",
            **fields,
        }
    )


def stateful_pod(name: str = "jazz-0", *containers: Container, **fields: Any) -> Pod:
    """Return a pod of the StatefulSet jazz."""
    own = {
        "owner": Owner("StatefulSet", "jazz"),
        "template_hash": "",
        "revision_hash": "jazz-one",
    }
    return pod(name, *containers, **{**own, **fields})


def cron_job(**fields: Any) -> CronJob:
    """Return the CronJob backup, which is between runs."""
    given: dict[str, Any] = {
        "namespace": "kitchen",
        "name": "backup",
        "uid": "uid-of-backup",
        "resource_version": "1",
        "schedule": "0 3 * * *",
        "template": TEMPLATE,
    }
    return CronJob(**{**given, **fields})


def job(name: str = "backup-1", **fields: Any) -> Job:
    """Return a Job of the CronJob backup that is under way."""
    given: dict[str, Any] = {
        "namespace": "kitchen",
        "uid": f"uid-of-{name}",
        "resource_version": "1",
        "created": ago(30),
        "started": ago(30),
        "owner": Owner("CronJob", "backup"),
        "active": 1,
        "template": TEMPLATE,
    }
    return Job(name=name, **{**given, **fields})


def job_pod(name: str = "backup-1-x", *containers: Container, **fields: Any) -> Pod:
    """Return a pod of the Job backup-1."""
    return pod(
        name,
        *containers,
        **{"owner": Owner("Job", "backup-1"), "template_hash": "", **fields},
    )


def failed(reason: str = "BackoffLimitExceeded", since: float = 60) -> Condition:
    """Return the condition of a Job that failed."""
    return Condition("Failed", "True", reason, "", ago(since))


def complete(since: float = 60) -> Condition:
    """Return the condition of a Job that is done."""
    return Condition("Complete", "True", "CompletionsReached", "", ago(since))


def node(
    name: str = "pi-attic",
    *,
    lost: float | None = None,
    ready_since: float = 3 * 86400,
    **fields: Any,
) -> Node:
    """Return a node; `lost` is for how many seconds it has not been Ready."""
    ready = (
        Condition("Ready", "True", "KubeletReady", "", ago(ready_since))
        if lost is None
        else Condition("Ready", "Unknown", "NodeStatusUnknown", "", ago(lost))
    )
    given: dict[str, Any] = {
        "uid": f"uid-of-{name}",
        "resource_version": "1",
        "conditions": (ready,),
        "architecture": "arm64",
    }
    return Node(name=name, **{**given, **fields})


def claim(name: str = "music", **fields: Any) -> VolumeClaim:
    """Return a bound claim of 1 GiB."""
    given: dict[str, Any] = {
        "namespace": "kitchen",
        "uid": f"uid-of-{name}",
        "resource_version": "1",
        "phase": "Bound",
        "volume": f"pv-{name}",
        "capacity": "1Gi",
        "requested": "1Gi",
        "storage_class": "local-path",
    }
    return VolumeClaim(name=name, **{**given, **fields})


def volume(of: str = "music", **fields: Any) -> Volume:
    """Return the volume behind a claim: a folder of pi-attic."""
    given: dict[str, Any] = {
        "uid": f"uid-of-pv-{of}",
        "resource_version": "1",
        "kind": "local",
        "hostname": "pi-attic",
        "claim": Key("kitchen", of),
    }
    return Volume(name=f"pv-{of}", **{**given, **fields})


def event(
    about: Pod | Workload | CronJob | Job, reason: str, message: str = "", **fields: Any
) -> Event:
    """Return a warning of just now."""
    kind = (
        "Pod"
        if isinstance(about, Pod)
        else getattr(about, "kind", type(about).__name__)
    )
    given: dict[str, Any] = {
        "namespace": about.namespace,
        "name": f"{about.name}.{abs(hash((reason, message)))}",
        "uid": f"uid-of-{reason}",
        "resource_version": "1",
        "about_kind": str(kind),
        "about_name": about.name,
        "about_uid": about.uid,
        "warning": True,
        "reason": reason,
        "message": message,
        "first": ago(60),
        "last": ago(5),
    }
    return Event(**{**given, **fields})


type Stores = dict[Kind, dict[Key, Record]]

_KINDS: Mapping[type[Record], Kind] = {
    Pod: Kind.POD,
    Node: Kind.NODE,
    CronJob: Kind.CRON_JOB,
    Job: Kind.JOB,
    Event: Kind.EVENT,
}


def kind_of(record: Record) -> Kind:
    """Return the kind of a record."""
    if isinstance(record, Workload):
        return record.kind
    return _KINDS.get(type(record)) or Kind(
        {
            "VolumeClaim": "PersistentVolumeClaim",
            "Volume": "PersistentVolume",
            "Autoscaler": "HorizontalPodAutoscaler",
        }.get(type(record).__name__, type(record).__name__)
    )


def stores_of(*records: Record) -> Stores:
    """Return the collections that hold these records."""
    stores: Stores = {kind: {} for kind in Kind}
    for record in records:
        stores[kind_of(record)][record.key] = record
    return stores


def take_in(index: Index, changes: Mapping[Kind, Iterable[Key]]) -> Affected:
    """Let an index take in changes; returns what they affect."""
    affected = Affected(set(), set(), [])
    for part in index.steps(changes):
        affected.workloads.update(part.workloads)
        affected.nodes.update(part.nodes)
        affected.told.extend(part.told)
    return affected


def index_of(stores: Stores) -> Index:
    """Return an index that has taken in all that is there."""
    index = Index(stores.__getitem__)
    take_in(index, {kind: set(store) for kind, store in stores.items()})
    return index


def situation(*records: Record, now: datetime = NOW, **fields: Any) -> Situation:
    """Return the situation of the first record, with the others; the nodes that are named are there."""
    first = records[0]
    named = {one.name for one in records if isinstance(one, Node)}
    others = {one.node for one in records if isinstance(one, Pod) and one.node} - named
    everything = [*records, *(node(name) for name in sorted(others))]
    stores = stores_of(*everything)
    found = index_of(stores).situation(Ref(kind_of(first), *first.key), now, **fields)
    assert found is not None
    return found
