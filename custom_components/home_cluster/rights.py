"""What the account may do; no single denial is believed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from .kube.access import Access, Missing, Right
from .kube.metrics import GROUP
from .kube.patches import (
    RESTARTED_AT,
    Bounds,
    bounds_patch,
    cordon_patch,
    image_patch,
    node_selector_patch,
)
from .kube.resources import RESOURCES
from .kube.revisions import history_of
from .kube.schema import Kind, Ref
from .model.updates import with_version
from .model.views import Control, Need, NodeView, WorkloadView
from .scope import READ_VERBS, Scope, scope

# Valid accounts get false denials for a moment after the API server started: a right counts as lost,
# and a right to read as missing, only when it was denied this often in a row.
DENIALS: Final = 3

SCALABLE: Final = frozenset({Kind.DEPLOYMENT, Kind.STATEFUL_SET})
SUSPENDABLE: Final = frozenset({Kind.CRON_JOB, Kind.JOB})
ROLLING: Final = SCALABLE | {Kind.DAEMON_SET}

EVICT: Final = Right("create", "", "pods/eviction")
DELETE: Final = Right("delete", "", "pods")
READ_LOGS: Final = Right("get", "", "pods/log")
CORDON: Final = Right("patch", "", "nodes")
STATS: Final = Right("get", "", "nodes/stats")
RUN: Final = Right("create", "batch", "jobs")

_ROLLOUT: Final = {
    "spec": {
        "template": {
            "metadata": {"annotations": {RESTARTED_AT: "2026-01-01T00:00:00Z"}}
        }
    }
}

# Tried instead of a version that there is: what an image may be changed to must not depend on a registry.
_TRIED_TAG: Final = "home-cluster-dry-run"

type Trial = tuple[Ref, Control | Need, Mapping[str, Any]]


def scale_right(kind: Kind) -> Right:
    """Return the right to set a count."""
    return Right("patch", RESOURCES[kind].group, f"{RESOURCES[kind].plural}/scale")


def patch_right(kind: Kind) -> Right:
    """Return the right to change the object itself."""
    return Right("patch", RESOURCES[kind].group, RESOURCES[kind].plural)


def scaler_of(view: WorkloadView) -> Ref | None:
    """Return the autoscaler that owns a workload's count."""
    if view.autoscaler is None:
        return None
    return Ref(Kind.AUTOSCALER, view.ref.namespace, view.autoscaler.name)


def history_right(kind: Kind) -> Right:
    """Return the right to read what a workload was before."""
    return Right("list", "apps", history_of(kind))


def rule_of(right: Right) -> str:
    """Return the rule that gives a right, for a Role, in a line."""
    return (
        f'{{apiGroups: ["{right.group}"], resources: ["{right.resource}"], '
        f'verbs: ["{right.verb}"]}}'
    )


POD_FIGURES: Final = Right("list", GROUP, "pods")
NODE_FIGURES: Final = Right("list", GROUP, "nodes")

_COMMANDS: Final = (
    EVICT,
    DELETE,
    RUN,
    *(scale_right(kind) for kind in sorted(SCALABLE)),
    *(patch_right(kind) for kind in sorted(ROLLING | SUSPENDABLE)),
    patch_right(Kind.AUTOSCALER),
)
# Read when an entity or a command needs them; without them it is not there, which is no fault.
_ON_DEMAND: Final = (POD_FIGURES, *sorted({history_right(kind) for kind in ROLLING}))
_OF_CLUSTER: Final = (NODE_FIGURES, STATS, CORDON)
_READS: Final = tuple(
    Right(verb, resource.group, resource.plural)
    for resource in RESOURCES.values()
    for verb in READ_VERBS
)


class Rights:
    """The account's rights, kept over many looks; `take` each new one.

    What is allowed is believed at once. `doubtful` asks for another look soon.
    """

    def __init__(self, mode: str, namespaces: Sequence[str]) -> None:
        """Know nothing yet."""
        self._mode = mode
        self._chosen = tuple(namespaces)
        self.allowed: set[Missing] = set()
        self._denials: dict[Missing, int] = {}
        self._passed: dict[tuple[Ref, Control | Need], bool] = {}
        self._failures: dict[tuple[Ref, Control | Need], int] = {}
        self.places: set[str] = set(namespaces)
        self.scope = Scope()
        self.doubtful = False
        self.unseen = False

    def take(self, access: Access, *, denials_count: bool = True) -> bool:
        """Learn from a look at `places`; say whether what may be done is different now.

        Without `denials_count` no right that was there is doubted more than before: the looks are
        too close together.
        """
        before = set(self.allowed)
        self.doubtful = self.unseen = False
        for right in self._asked():
            verb, group, resource, namespace = right
            if access.allows(verb, resource, group, namespace):
                self.allowed.add(right)
                self._denials.pop(right, None)
                continue
            if right in self.allowed and not denials_count:
                self.doubtful = True
                continue
            self._denials[right] = min(self._denials.get(right, 0) + 1, DENIALS)
            if self._denials[right] == DENIALS:
                self.allowed.discard(right)
            else:
                self.doubtful = True
        self.scope = scope(self.allows, self._mode, self._chosen)
        return self.allowed != before

    def allows(self, right: Missing) -> bool:
        """Say whether something may be done, there or everywhere."""
        return right in self.allowed or right._replace(namespace=None) in self.allowed

    def add_place(self, namespace: str) -> None:
        """Look at a namespace too, from the next look on, if that can tell anything."""
        if namespace not in self.places and not all(
            self.allows(Missing(*right, None)) for right in (*_COMMANDS, *_ON_DEMAND)
        ):
            self.places.add(namespace)
            self.unseen = True

    def may(self, view: WorkloadView, control: Control) -> bool:
        """Say whether the account and the hints of a workload allow to control it so."""
        if view.hints.controls is not None and control not in view.hints.controls:
            return False
        kind, namespace = view.ref.kind, view.ref.namespace
        match control:
            case Control.POWER if kind in SCALABLE:
                return self._has(scale_right(kind), namespace)
            case Control.POWER if kind in SUSPENDABLE or kind is Kind.DAEMON_SET:
                return self.may_patch(view.ref, control)
            case Control.REPLICAS if (scaler := scaler_of(view)) is not None:
                return self.may_patch(scaler, control)
            case Control.REPLICAS if kind in SCALABLE:
                return self._has(scale_right(kind), namespace)
            case Control.RESTART if kind in ROLLING:
                return self.may_evict(namespace) or self.may_patch(view.ref, control)
            case Control.RUN if kind is Kind.CRON_JOB:
                return self._has(RUN, namespace)
            case Control.UPDATE if kind in ROLLING:
                return self.may_patch(view.ref, control)
            case _:
                return False

    def meets(self, view: object, need: Need) -> bool:
        """Say whether the account has what an entity of a device needs."""
        match need, view:
            case Need.FIGURES, WorkloadView():
                return self._has(POD_FIGURES, view.ref.namespace)
            case Need.FIGURES, NodeView():
                return self.allows(Missing(*NODE_FIGURES, None))
            case Need.STATS, _:
                return self.allows(Missing(*STATS, None))
            case Need.ALL_PODS, _:
                return self.scope.kinds.get(Kind.POD, ()) is None
            case Need.CORDON, NodeView():
                return self._may_cordon(view.name)
            case Need.DRAIN, NodeView():
                # Half of a node's pods would be no drained node.
                everywhere = (EVICT, Right("list", "", "pods"))
                return self._may_cordon(view.name) and all(
                    self.allows(Missing(*right, None)) for right in everywhere
                )
            case _:
                return False

    def _may_cordon(self, name: str) -> bool:
        node = Ref(Kind.NODE, "", name)
        return self.allows(Missing(*CORDON, None)) and self._passed.get(
            (node, Need.CORDON), False
        )

    def may_evict(self, namespace: str) -> bool:
        """Say whether pods may be evicted there."""
        return self._has(EVICT, namespace)

    def may_patch(self, ref: Ref, control: Control) -> bool:
        """Say whether a workload itself may be changed so: the right, and a dry run that passed."""
        return self._has(patch_right(ref.kind), ref.namespace) and self._passed.get(
            (ref, control), False
        )

    def may_read_history(self, ref: Ref) -> bool:
        """Say whether what a workload was before may be read."""
        return self._has(history_right(ref.kind), ref.namespace)

    def trials(
        self, view: WorkloadView | NodeView, *, at_first: bool = False
    ) -> Iterable[Trial]:
        """Yield the changes to try by dry runs, those that are needed and not decided yet.

        Admission policies are seen by neither kind of access review. `at_first` leaves out what a start
        need not wait for: images, which every device has.
        """
        if isinstance(view, NodeView):
            node = Ref(Kind.NODE, "", view.name)
            if (
                self.allows(Missing(*CORDON, None))
                and (node, Need.CORDON) not in self._passed
            ):
                yield node, Need.CORDON, cordon_patch(cordoned=not view.schedulable)
            return
        ref = view.ref
        scaler, control = scaler_of(view), Control.REPLICAS
        if (
            scaler is not None
            and view.autoscaler is not None
            and self._has(patch_right(scaler.kind), ref.namespace)
            and (scaler, control) not in self._passed
        ):
            more = Bounds(maximum=view.autoscaler.maximum + 1)
            yield scaler, control, bounds_patch(more)
        if not self._has(patch_right(ref.kind), ref.namespace):
            return
        if ref.kind in SUSPENDABLE and (ref, Control.POWER) not in self._passed:
            yield ref, Control.POWER, {"spec": {"suspend": view.power}}
        if ref.kind is Kind.DAEMON_SET and (ref, Control.POWER) not in self._passed:
            yield ref, Control.POWER, node_selector_patch(on=False)
        if (
            ref.kind in ROLLING
            and not self.may_evict(ref.namespace)
            and (ref, Control.RESTART) not in self._passed
        ):
            yield ref, Control.RESTART, _ROLLOUT
        if (
            not at_first
            and ref.kind in ROLLING
            and view.image
            and (view.hints.controls is None or Control.UPDATE in view.hints.controls)
            and (ref, Control.UPDATE) not in self._passed
        ):
            image = with_version(view.image, _TRIED_TAG)
            yield ref, Control.UPDATE, image_patch(view.container, image)

    def decided(self, view: object) -> bool:
        """Say whether all is known that decides which controls a device has."""
        return not self.doubtful and not (
            isinstance(view, WorkloadView | NodeView) and any(self.trials(view))
        )

    def tried(self, ref: Ref, control: Control | Need, *, passed: bool) -> None:
        """Keep the outcome of a dry run."""
        trial = (ref, control)
        self._failures[trial] = 0 if passed else self._failures.get(trial, 0) + 1
        if passed or self._failures[trial] >= DENIALS:
            self._passed[trial] = passed
        else:
            self.doubtful = True

    def try_again(self) -> None:
        """Forget which dry runs failed."""
        self._passed = {trial: True for trial, passed in self._passed.items() if passed}
        self._failures.clear()

    def _has(self, right: Right, namespace: str) -> bool:
        return self.allows(Missing(*right, namespace))

    def _asked(self) -> Iterable[Missing]:
        for place in (None, *sorted(self.places)):
            for right in (*_READS, *_COMMANDS, *_ON_DEMAND):
                yield Missing(*right, place)
        for right in _OF_CLUSTER:
            yield Missing(*right, None)
