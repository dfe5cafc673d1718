"""Which object belongs to which device, kept up to date change by change."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple

from ..kube.schema import (
    WORKLOAD_KINDS,
    Autoscaler,
    CronJob,
    Event,
    Job,
    Key,
    Kind,
    Namespace,
    Node,
    Owner,
    Pod,
    Record,
    Ref,
    Volume,
    VolumeClaim,
    Workload,
)
from .selection import AnyWorkload, selected, system_namespaces
from .situation import Situation, is_over, lost_since
from .telling import Telling, about_pod
from .view import node_view
from .views import Health, NodeView
from .volumes import claim_names

type Stores = Callable[[Kind], Mapping[Key, Record]]

# So many keys are worked through between two pauses: about a millisecond.
SLICE: Final = 250

_WORKLOAD: Final = (Workload, CronJob, Job)
_BY_NAME: Final = {kind.value: kind for kind in WORKLOAD_KINDS}


class Affected(NamedTuple):
    """The workloads and the nodes whose views may have changed, or which came or went.

    `told` are the Events that came or changed, and whom they are about.
    """

    workloads: set[Ref]
    nodes: set[str]
    told: list[tuple[Ref, Event]]


class Index:
    """The devices' objects, over stores that others keep.

    Fed with the keys that changed, after the stores have. A change of one object costs the same
    whatever the size of the cluster.
    """

    def __init__(self, stores: Stores) -> None:
        """Start empty; `stores` returns the collection of a kind as it is now."""
        self._stores = stores
        # As they were when they were sorted in: the store's own records, which so cost nothing.
        self._sorted: dict[Key, Pod] = {}
        self._pods: dict[Ref, set[Key]] = {}
        self._on_node: dict[str, Counter[Ref]] = {}
        self._places: Counter[str] = Counter()
        self._claimed: dict[Key, Counter[Ref]] = {}
        self._asking: dict[str, set[Key]] = {}
        self._named: dict[Ref, tuple[str, ...]] = {}
        self._named_by: dict[Key, set[Ref]] = {}
        self._volumes: dict[str, Volume] = {}
        self._jobs: dict[Ref, set[Key]] = {}
        self._cron_job_of: dict[Key, Ref] = {}
        self._telling = Telling()
        self._autoscalers: dict[Ref, Key] = {}
        self._scaled: dict[Key, Ref] = {}
        self._lost: dict[str, datetime] = {}
        self._system: frozenset[str] = frozenset()
        self._nodes: dict[str, Node] = {}
        self._followers: Final[
            Mapping[Kind, Callable[[Key, Record | None, Affected], None]]
        ] = {
            Kind.POD: self._pod,
            Kind.NODE: self._node,
            Kind.JOB: self._job,
            Kind.EVENT: self._event,
            Kind.VOLUME_CLAIM: self._claim,
            Kind.VOLUME: self._volume,
            Kind.AUTOSCALER: self._autoscaler,
            Kind.DEPLOYMENT: self._workload(Kind.DEPLOYMENT),
            Kind.STATEFUL_SET: self._workload(Kind.STATEFUL_SET),
            Kind.DAEMON_SET: self._workload(Kind.DAEMON_SET),
            Kind.CRON_JOB: self._workload(Kind.CRON_JOB),
        }

    def steps(self, changes: Mapping[Kind, Iterable[Key]]) -> Iterator[Affected]:
        """Take in changes a slice at a time, so that an event loop can breathe between them."""
        for kind, keys in changes.items():
            waiting = iter(keys)
            while part := list(islice(waiting, SLICE)):
                affected = Affected(set(), set(), [])
                if kind is Kind.NAMESPACE:
                    self._namespaces(part, affected)
                elif (follow := self._followers.get(kind)) is not None:
                    store = self._stores(kind)
                    for key in part:
                        follow(key, store.get(key), affected)
                yield affected

    def _workloads(self) -> Iterator[Ref]:
        """Return all workloads that there are, devices or not."""
        for kind in WORKLOAD_KINDS:
            for key in self._stores(kind):
                yield Ref(kind, key.namespace, key.name)

    def workload(self, ref: Ref) -> AnyWorkload | None:
        """Return a workload's record, None if there is none."""
        found = self._stores(ref.kind).get(ref.key)
        return found if isinstance(found, Workload | CronJob | Job) else None

    def is_chosen(self, ref: Ref, mode: str, namespaces: frozenset[str]) -> bool:
        """Return whether a workload is there and becomes a device."""
        workload = self.workload(ref)
        return workload is not None and selected(
            workload, mode, namespaces, self._system
        )

    def situation(
        self, ref: Ref, now: datetime, before: Health | None = None
    ) -> Situation | None:
        """Return a workload with all that belongs to it, None if there is no such workload.

        `before` is its health as last judged: with it a problem holds until its pod has been Ready
        for a minute.
        """
        workload = self.workload(ref)
        if workload is None:
            return None
        jobs = self._records(Kind.JOB, self._jobs.get(ref, ()))
        owners = [ref, *(Ref(Kind.JOB, *job.key) for job in jobs)]
        pods: list[Pod] = []
        for owner in owners:
            pods += self._records(Kind.POD, self._pods.get(owner, ()))
        pods.sort(key=_pod_name)
        scaler: Any = None
        if (scaler_key := self._autoscalers.get(ref)) is not None:
            scaler = self._stores(Kind.AUTOSCALER).get(scaler_key)
        names = claim_names(
            workload,
            (name for pod in pods for name in pod.claims),
            self._stores(Kind.VOLUME_CLAIM),
        )
        keys = [Key(workload.namespace, name) for name in names]
        claims: tuple[VolumeClaim, ...] = tuple(
            self._records(Kind.VOLUME_CLAIM, keys) if keys else ()
        )
        return Situation(
            ref=ref,
            workload=workload,
            now=now,
            pods=tuple(pods),
            jobs=tuple(jobs),
            events=self._told(ref, pods, jobs),
            claims=claims,
            claim_names=tuple(names),
            volumes={
                claim.volume: volume
                for claim in claims
                if (volume := self._volumes.get(claim.volume)) is not None
            },
            nodes=self._nodes,
            lost=self._lost,
            autoscaler=scaler,
            before=before,
            holders=self._holders(pods),
        )

    def pod_keys(self, ref: Ref) -> Iterator[Key]:
        """Return the pods that a workload has, those of a CronJob's Jobs too."""
        yield from self._pods.get(ref, ())
        for job in self._jobs.get(ref, ()):
            yield from self._pods.get(Ref(Kind.JOB, *job), ())

    def node(self, name: str, now: datetime) -> NodeView | None:
        """Return the device that a node is, None if there is no such node."""
        node = self._nodes.get(name)
        if node is None:
            return None
        return node_view(node, now, self._lost.get(name), self._places[name])

    def _records(self, kind: Kind, keys: Iterable[Key]) -> list[Any]:
        store = self._stores(kind)
        return [record for key in keys if (record := store.get(key)) is not None]

    def _told(self, ref: Ref, pods: list[Pod], jobs: list[Job]) -> tuple[Event, ...]:
        telling = self._telling
        if not telling:
            return ()
        keys = [
            *telling.about((ref.kind.value, ref.namespace, ref.name)),
            *telling.about_gone(ref),
        ]
        for pod in pods:
            keys += telling.about(about_pod(pod.key))
        for job in jobs:
            keys += telling.about((Kind.JOB.value, job.namespace, job.name))
        return tuple(self._records(Kind.EVENT, keys))

    def _holders(self, pods: list[Pod]) -> tuple[tuple[str, Pod], ...]:
        """Return the pods that have the devices which these ask for, themselves included."""
        asked = {what for pod in pods for what in pod.hardware}
        return tuple(
            (what, pod)
            for what in sorted(asked)
            for pod in self._records(Kind.POD, sorted(self._asking.get(what, ())))
            if pod.node and not is_over(pod)
        )

    # What each kind's changes mean.

    def _workload(self, kind: Kind) -> Callable[[Key, Record | None, Affected], None]:
        def follow(key: Key, record: Record | None, affected: Affected) -> None:
            ref = Ref(kind, key.namespace, key.name)
            affected.workloads.add(ref)
            named = record.template.claims if isinstance(record, _WORKLOAD) else ()
            self._name(ref, named)

        return follow

    def _name(self, ref: Ref, claims: tuple[str, ...]) -> None:
        """Note which claims a workload's template names, for as long as it does."""
        before = self._named.get(ref, ())
        if claims == before:
            return
        for name in before:
            self._named_by[Key(ref.namespace, name)].discard(ref)
        for name in claims:
            self._named_by.setdefault(Key(ref.namespace, name), set()).add(ref)
        self._named[ref] = claims

    def _pod(self, key: Key, record: Record | None, affected: Affected) -> None:
        old = self._sorted.get(key)
        new = record if isinstance(record, Pod) else None
        if new is not None:
            self._sorted[key] = new
            self._telling.forget(key)
        elif old is not None:
            del self._sorted[key]
        self._count(old, new, affected)
        before = pod_home(old) if old is not None else None
        if before is not None:
            self._touch(before, affected)
        if old is not None and new is not None and _place(old) == _place(new):
            return
        after = pod_home(new) if new is not None else None
        if old is not None and before is not None:
            self._leave(key, before, old)
            if new is None:
                self._telling.remember(key, before)
        if new is not None and after is not None:
            self._touch(after, affected)
            self._pods.setdefault(after, set()).add(key)
            self._on_node.setdefault(new.node, Counter())[after] += 1
            for what in new.hardware:
                self._asking.setdefault(what, set()).add(key)
            for claim in new.claims:
                claimed = self._claimed.setdefault(Key(key.namespace, claim), Counter())
                claimed[after] += 1

    def _count(self, old: Pod | None, new: Pod | None, affected: Affected) -> None:
        """Count the pods of each node; a pod that has ended takes up no place."""
        left, taken = _takes_place(old), _takes_place(new)
        if left == taken:
            return
        for name, step in ((left, -1), (taken, 1)):
            if name:
                self._places[name] += step
                affected.nodes.add(name)

    def _leave(self, key: Key, home: Ref, pod: Pod) -> None:
        pods = self._pods[home]
        pods.discard(key)
        if not pods:
            del self._pods[home]
        for what in pod.hardware:
            self._asking[what].discard(key)
        _less(self._on_node, pod.node, home)
        for claim in pod.claims:
            _less(self._claimed, Key(key.namespace, claim), home)

    def _likely_home(self, key: Key) -> Ref | None:
        """Return the workload that a pod nobody has seen was one of, by the name that it was given."""
        base = key.name.rpartition("-")[0]
        for kind, name in (
            (Kind.DAEMON_SET, base),
            (Kind.STATEFUL_SET, base),
            (Kind.DEPLOYMENT, base.rpartition("-")[0]),
        ):
            if Key(key.namespace, name) in self._stores(kind):
                return Ref(kind, key.namespace, name)
        return None

    def _touch(self, ref: Ref, affected: Affected) -> None:
        """Note that something of a workload changed: of a Job also its CronJob."""
        affected.workloads.add(ref)
        if (
            ref.kind is Kind.JOB
            and (cron_job := self._cron_job_of.get(ref.key)) is not None
        ):
            affected.workloads.add(cron_job)

    def _job(self, key: Key, record: Record | None, affected: Affected) -> None:
        ref = Ref(Kind.JOB, key.namespace, key.name)
        owner = record.owner if isinstance(record, Job) else None
        new = (
            Ref(Kind.CRON_JOB, key.namespace, owner.name)
            if owner is not None and owner.kind == Kind.CRON_JOB
            else None
        )
        old = self._cron_job_of.get(key)
        self._touch(ref, affected)
        if old == new:
            return
        if old is not None:
            self._jobs[old].discard(key)
            if not self._jobs[old]:
                del self._jobs[old]
            del self._cron_job_of[key]
        if new is not None:
            self._jobs.setdefault(new, set()).add(key)
            self._cron_job_of[key] = new
            affected.workloads.add(new)

    def _node(self, key: Key, record: Record | None, affected: Affected) -> None:
        name = key.name
        affected.nodes.add(name)
        before = self._nodes.get(name)
        if not isinstance(record, Node):
            self._nodes.pop(name, None)
            self._lost.pop(name, None)
        else:
            self._nodes[name] = record
            since = lost_since(record)
            if since is None:
                self._lost.pop(name, None)
            else:
                # From "False" to "Unknown" the condition's time changes, the loss goes on.
                self._lost[name] = min(since, self._lost.get(name, since))
            if before is not None and _as_seen(before) == _as_seen(record):
                return
        affected.workloads.update(self._on_node.get(name, ()))
        for volume in self._volumes.values():
            if volume.hostname == name and volume.claim is not None:
                self._claim(volume.claim, None, affected)
        # A pod without a node waits for what any of them offers.
        affected.workloads.update(self._on_node.get("", ()))

    def _event(self, key: Key, record: Record | None, affected: Affected) -> None:
        event = record if isinstance(record, Event) else None
        subject = self._telling.put(key, event)
        if subject is None:
            return
        kind, namespace, name = subject
        home: Ref | None = None
        if kind == Kind.POD:
            pod = Key(namespace, name)
            if (known := self._sorted.get(pod)) is not None:
                home = pod_home(known)
            elif (home := self._likely_home(pod)) is not None and event is not None:
                self._telling.remember(pod, home)
        elif kind in _BY_NAME:
            home = Ref(_BY_NAME[kind], namespace, name)
        elif kind == Kind.NODE and event is not None:
            affected.told.append((Ref(Kind.NODE, "", name), event))
        if home is None:
            return
        self._touch(home, affected)
        if event is not None:
            affected.told.append((home, event))
            if home.key in self._cron_job_of and home.kind is Kind.JOB:
                affected.told.append((self._cron_job_of[home.key], event))

    def _claim(self, key: Key, _record: Record | None, affected: Affected) -> None:
        for ref in self._users(key):
            self._touch(ref, affected)

    def _users(self, claim: Key) -> set[Ref]:
        """Return the workloads whose claim it is, whether they have pods or not."""
        users = {*self._claimed.get(claim, ()), *self._named_by.get(claim, ())}
        base, _, number = claim.name.rpartition("-")
        parts = base.split("-") if number.isdecimal() else ()
        for cut in range(1, len(parts)):
            ref = Ref(Kind.STATEFUL_SET, claim.namespace, "-".join(parts[cut:]))
            owner = self.workload(ref)
            if (
                isinstance(owner, Workload)
                and "-".join(parts[:cut]) in owner.claim_templates
            ):
                users.add(ref)
        return users

    def _volume(self, key: Key, record: Record | None, affected: Affected) -> None:
        old = self._volumes.pop(key.name, None)
        if isinstance(record, Volume):
            self._volumes[key.name] = record
        for volume in (old, record):
            if isinstance(volume, Volume) and volume.claim is not None:
                self._claim(volume.claim, None, affected)

    def _autoscaler(self, key: Key, record: Record | None, affected: Affected) -> None:
        old = self._scaled.pop(key, None)
        if old is not None:
            if self._autoscalers.get(old) == key:
                del self._autoscalers[old]
            affected.workloads.add(old)
        if isinstance(record, Autoscaler) and record.target_kind in _BY_NAME:
            ref = Ref(_BY_NAME[record.target_kind], key.namespace, record.target_name)
            self._autoscalers[ref] = key
            self._scaled[key] = ref
            affected.workloads.add(ref)

    def _namespaces(self, keys: Iterable[Key], affected: Affected) -> None:
        """A namespace that becomes the system's, or no longer is, changes which workloads are chosen.

        One that is missing stays what it was: a wrong list must not bring in the system's workloads.
        """
        found: list[Namespace] = self._records(Kind.NAMESPACE, keys)
        told = frozenset(namespace.name for namespace in found)
        system = (self._system - told) | system_namespaces(found)
        changed = system ^ self._system
        self._system = system
        if changed:
            affected.workloads.update(
                ref for ref in self._workloads() if ref.namespace in changed
            )


def pod_home(pod: Pod) -> Ref | None:
    """Return the workload that a pod belongs to, None for a pod of nobody's.

    A Deployment's pods belong to its ReplicaSets, whose names are the Deployment's and the pods'
    template hash. A Job's belong to the Job, be it a CronJob's or not.
    """
    owner: Owner | None = pod.owner
    if owner is None:
        return None
    if owner.kind == "ReplicaSet":
        if not pod.template_hash:
            return None
        return Ref(
            Kind.DEPLOYMENT,
            pod.namespace,
            owner.name.removesuffix(f"-{pod.template_hash}"),
        )
    kind = _BY_NAME.get(owner.kind)
    return None if kind is None else Ref(kind, pod.namespace, owner.name)


def _place(pod: Pod) -> tuple[object, ...]:
    """Return what decides where a pod is sorted in."""
    return pod.owner, pod.template_hash, pod.node, pod.claims


def _takes_place(pod: Pod | None) -> str:
    """Return the node on which a pod takes up a place, "" if there is none."""
    return "" if pod is None or is_over(pod) else pod.node


def _pod_name(pod: Pod) -> tuple[int, str]:
    # Ordinals of a StatefulSet sort by number.
    return len(pod.name), pod.name


def _as_seen(node: Node) -> tuple[object, ...]:
    """Return what of a node its pods' health is judged by; heartbeats change nothing of it."""
    return node.conditions, node.taints, node.unschedulable, node.architecture


def _less[K](counts: dict[K, Counter[Ref]], key: K, ref: Ref) -> None:
    counter = counts[key]
    counter[ref] -= 1
    if not counter[ref]:
        del counter[ref]
    if not counter:
        del counts[key]
