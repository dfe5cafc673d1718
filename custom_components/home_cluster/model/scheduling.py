"""Why a pod is given no node: the scheduler's message, and the kubelet's refusals."""

from collections.abc import Mapping
from datetime import timedelta
import re
from typing import Final, NamedTuple

from ..kube.schema import Node, Pod
from .case import Case, Finding, Weight
from .pinned import pinned_to
from .situation import FLICKER, condition
from .views import Reason

# A volume or a freed place often appears within seconds, without anything being wrong.
GRACE: Final = timedelta(seconds=10)

_PREEMPTION: Final = re.compile(
    r"[.,]? *(?:preemption:|no new claims to deallocate).*", re.DOTALL
)
_CAUSES: Final = re.compile(r"(?:^|, )(\d+) (.+?)(?=, \d+ |\.?$)")
_TAINT: Final = re.compile(r"\{([^}:]+)[^}]*\}")
_CLAIM: Final = re.compile(
    r'persistentvolumeclaim "([^"]+)" (not found|is being deleted|bound to non-existent)'
)
_CORDONED: Final = "node.kubernetes.io/unschedulable"
_LOST_TAINTS: Final = ("node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready")


class Causes(NamedTuple):
    """A scheduler's message, taken apart: how many nodes, what it says of all, and nodes by cause."""

    nodes: int
    overall: str
    by_cause: Mapping[str, int]


def parse_unschedulable(message: str) -> Causes:
    """Take apart "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) …. preemption: …"."""
    head, _, rest = message.partition(" nodes are available:")
    nodes = head.rpartition("/")[2]
    text = _PREEMPTION.sub("", rest).strip().rstrip(".")
    by_cause: dict[str, int] = {}
    for count, cause in _CAUSES.findall(text):
        by_cause[cause] = by_cause.get(cause, 0) + int(count)
    return Causes(
        int(nodes) if nodes.isdigit() else 0, "" if by_cause else text, by_cause
    )


def unschedulable(pod: Pod, case: Case) -> Finding | None:
    """A pod that the scheduler finds no node for.

    Source: the condition PodScheduled. Of several causes the one nearest to a fit tells most: nodes
    closed to the pod on purpose (taints, selectors) say less than one that is merely full.
    """
    scheduled = condition(pod.conditions, "PodScheduled")
    if pod.node or scheduled is None or scheduled.reason != "Unschedulable":
        return None
    since = scheduled.since or pod.created or case.now
    if not case.passed(since + GRACE):
        return None
    causes = parse_unschedulable(scheduled.message)
    found = _choose(pod, case, causes)
    if found is None:
        return None
    reason, why, advice = found
    return Finding(
        reason=reason,
        message=f"Pod {pod.name} has no node to run on: {why}.",
        advice=advice,
        since=since,
        pod=pod.name,
    )


def refused(pod: Pod, case: Case) -> Finding | None:
    """A pod that a kubelet refused to start, although it was given that node.

    Source: status.reason of a failed pod. Only looked at while no successor is Ready.
    """
    if pod.phase != "Failed" or (found := _REFUSALS.get(pod.reason)) is None:
        return None
    if taken := _UNAVAILABLE.search(pod.message):
        found = _hardware(taken[1], pod, case, 1)
    reason, why, advice = found
    return Finding(
        reason=reason,
        message=f"Node {pod.node} refused pod {pod.name}: {why}.",
        advice=advice,
        since=pod.started or pod.created,
        pod=pod.name,
        node=pod.node,
    )


# The kubelet's device manager, of a pod that it cannot give what it asks for.
_UNAVAILABLE: Final = re.compile(
    r"requested number of devices unavailable for ([^\s,]+?)\.(?:\s|$)"
)

type _Cause = tuple[Reason, str, str]

_CPU_ADVICE: Final = "Lower the CPU request of this device or of others, switch another device off, or add a node."
_MEMORY_ADVICE: Final = "Lower the memory request of this device or of others, switch another device off, or add a node."
_MATCH_ADVICE: Final = "Correct the node selector or affinity of the device, or label a node so that it fits."
_PORT_ADVICE: Final = "Give the device another host port, stop what uses this one, or run it on a node of its own."
_CLAIM_ADVICE: Final = "Check that the volume claim exists and that its storage class has a provisioner that works."

_REFUSALS: Final[Mapping[str, _Cause]] = {
    "OutOfcpu": (Reason.NO_ROOM_CPU, "it has not enough free CPU", _CPU_ADVICE),
    "OutOfmemory": (
        Reason.NO_ROOM_MEMORY,
        "it has not enough free memory",
        _MEMORY_ADVICE,
    ),
    "OutOfpods": (
        Reason.NO_MATCHING_NODE,
        "it runs as many pods as it may",
        "Move devices to another node, or raise the kubelet's maxPods.",
    ),
    "NodePorts": (
        Reason.PORT_IN_USE,
        "a host port that it needs is taken there",
        _PORT_ADVICE,
    ),
    "NodeAffinity": (
        Reason.NO_MATCHING_NODE,
        "the node does not match its selector or affinity",
        _MATCH_ADVICE,
    ),
    "UnexpectedAdmissionError": (
        Reason.CANNOT_RUN,
        "something that it needs there, such as a device, could not be given to it",
        "Check the device plugins of the node, and that the hardware is plugged in.",
    ),
}


def _choose(pod: Pod, case: Case, causes: Causes) -> _Cause | None:
    """Return the cause that tells most, or None while a node that may take it is only flickering."""
    if found := _claims(pod, case, causes):
        return found
    lost = case.situation.lost
    if (_tainted(causes) or _elsewhere(causes)) and not all(
        case.passed(since + FLICKER) for since in lost.values()
    ):
        return None
    for rule in (_room, _ports, _spread, _storage):
        if found := rule(pod, case, causes):
            return found
    return _closed(case, causes)


def _tainted(causes: Causes) -> int:
    """Return how many nodes repel the pod by a taint."""
    return _count(causes, "untolerated taint", "had taints")


def _elsewhere(causes: Causes) -> int:
    """Return how many nodes do not have the pod's volume."""
    return _count(
        causes, "PersistentVolume's node affinity", "volume node affinity conflict"
    )


def _count(causes: Causes, *texts: str) -> int:
    return sum(
        count
        for cause, count in causes.by_cause.items()
        if any(text in cause for text in texts)
    )


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"


def _doing(count: int, one: str, several: str) -> str:
    """Return the nodes with what they do."""
    return f"1 node {one}" if count == 1 else f"{count} nodes {several}"


def _claims(pod: Pod, case: Case, causes: Causes) -> _Cause | None:
    if match := _CLAIM.search(causes.overall):
        claim, what = match.groups()
        why = {
            "not found": f"its volume claim {claim} does not exist",
            "is being deleted": f"its volume claim {claim} is being deleted",
            "bound to non-existent": f"its volume claim {claim} is bound to a volume that no longer exists",
        }[what]
        return Reason.VOLUME_PENDING, why, _CLAIM_ADVICE
    if "unbound immediate" in causes.overall or _count(causes, "unbound immediate"):
        waiting = [
            claim.name
            for claim in case.situation.claims
            if claim.name in pod.claims and claim.phase != "Bound"
        ]
        if not waiting:
            return (
                Reason.VOLUME_PENDING,
                "a volume claim of it is not bound to a volume",
                _CLAIM_ADVICE,
            )
        classes = {
            claim.storage_class
            for claim in case.situation.claims
            if claim.name in waiting
        }
        of = (
            f" (storage class {', '.join(sorted(filter(None, classes)))})"
            if any(classes)
            else ""
        )
        many = "claims" if len(waiting) > 1 else "claim"
        verb = "are" if len(waiting) > 1 else "is"
        why = f"its volume {many} {', '.join(sorted(waiting))}{of} {verb} not bound to a volume"
        return Reason.VOLUME_PENDING, why, _CLAIM_ADVICE
    return None


def _room(pod: Pod, case: Case, causes: Causes) -> _Cause | None:
    cpu = _count(causes, "Insufficient cpu")
    memory = _count(causes, "Insufficient memory")
    if cpu:
        also = f", and not enough memory on {_nodes(memory)}" if memory else ""
        return (
            Reason.NO_ROOM_CPU,
            f"not enough free CPU on {_nodes(cpu)}{also}",
            _CPU_ADVICE,
        )
    if memory:
        return (
            Reason.NO_ROOM_MEMORY,
            f"not enough free memory on {_nodes(memory)}",
            _MEMORY_ADVICE,
        )
    for cause, count in causes.by_cause.items():
        if cause == "Too many pods":
            return (
                Reason.NO_MATCHING_NODE,
                f"{_doing(count, 'runs as many pods as it may', 'run as many pods as they may')}",
                "Switch another device off, add a node, or raise the kubelet's maxPods.",
            )
        if cause.startswith("Insufficient "):
            what = cause.removeprefix("Insufficient ")
            if "/" in what:
                return _hardware(what, pod, case, count)
            thing = (
                "disk space for temporary files"
                if what == "ephemeral-storage"
                else what
            )
            return (
                Reason.NO_MATCHING_NODE,
                f"not enough free {thing} on {_nodes(count)}",
                f"Check that a node offers {thing} and that no other device holds it.",
            )
    return None


def _hardware(what: str, pod: Pod, case: Case, count: int) -> _Cause:
    """A device such as a USB stick: held by somebody, or offered by no node."""
    situation = case.situation
    holders = [
        holder
        for resource, holder in situation.holders
        if resource == what and holder.uid != pod.uid
    ]
    own = {one.uid for one in situation.pods}
    if any(holder.uid in own for holder in holders):
        return (
            Reason.DEVICE_IN_USE,
            f"{what} is still held by its own pod {holders[0].name}",
            "Give the device the strategy Recreate, so that its old pod goes before the new one comes.",
        )
    if holders:
        name = f"pod {holders[0].name} in {holders[0].namespace}"
        return (
            Reason.DEVICE_IN_USE,
            f"{what} is in use by {name}",
            f"Switch off the device of {name}, or give this one hardware of its own.",
        )
    offering = [node.name for node in situation.nodes.values() if what in node.hardware]
    if offering:
        return (
            Reason.DEVICE_IN_USE,
            f"{what} of node {', '.join(sorted(offering))} is in use, or the pod may not run there",
            f"Find out which pod has {what} (kubectl describe node), and switch its device off.",
        )
    if situation.nodes:
        return (
            Reason.NO_MATCHING_NODE,
            f"no node offers {what}",
            f"Check that {what} is plugged in, and that the device plugin of its node runs.",
        )
    return (
        Reason.NO_MATCHING_NODE,
        f"not enough free {what} on {_nodes(count)}",
        f"Check that a node offers {what} and that no other device holds it.",
    )


def _ports(_pod: Pod, _case: Case, causes: Causes) -> _Cause | None:
    if count := _count(causes, "didn't have free ports"):
        return (
            Reason.PORT_IN_USE,
            f"a host port that it needs is already taken on {_nodes(count)}",
            _PORT_ADVICE,
        )
    return None


def _spread(_pod: Pod, _case: Case, causes: Causes) -> _Cause | None:
    if count := _count(
        causes, "anti-affinity", "pod affinity rules", "topology spread"
    ):
        return (
            Reason.NO_MATCHING_NODE,
            f"its rules on which pods may share a node exclude {_nodes(count)}",
            "Ask for fewer pods, add a node, or loosen the affinity or spread rules.",
        )
    return None


def _storage(pod: Pod, case: Case, causes: Causes) -> _Cause | None:
    """A volume that lies elsewhere, or that no node can have."""
    if _elsewhere(causes) and (found := _volume_elsewhere(pod, case, causes)):
        return found
    if _count(
        causes, "didn't find available persistent volumes", "enough free storage"
    ):
        return (
            Reason.VOLUME_PENDING,
            "no volume that fits its claim is available",
            _CLAIM_ADVICE,
        )
    if _count(causes, "non-existent pv"):
        return (
            Reason.VOLUME_PENDING,
            "its claim is bound to a volume that no longer exists",
            _CLAIM_ADVICE,
        )
    if _count(
        causes,
        "ReadWriteOncePod",
        "no available disk",
        "max volume count",
        "volume zone",
    ):
        return (
            Reason.VOLUME_PENDING,
            "its volume is in use by another pod, or cannot be attached to any node",
            "Stop the other pod that uses the volume, or give this device one of its own.",
        )
    return None


def _volume_elsewhere(pod: Pod, case: Case, causes: Causes) -> _Cause | None:
    """A volume on a node that is lost, or that left the cluster."""
    situation = case.situation
    for claim in situation.claims:
        volume = situation.volumes.get(claim.volume)
        # Where the volume itself is known, it knows better than who once chose a node for it.
        home = (
            pinned_to(volume, situation.nodes.values())
            if volume is not None
            else claim.selected_node
        )
        if claim.name not in pod.claims or not home:
            continue
        if home in situation.lost:
            return _on_lost(
                f"its volume {claim.name} lies on node {home}, which is lost", home
            )
        if situation.nodes and home not in situation.nodes:
            return (
                Reason.VOLUME_ON_LOST_NODE,
                f"its volume {claim.name} lies on node {home}, which is no longer in the cluster",
                f"Bring node {home} back, or delete the claim and restore its data from a backup.",
            )
    away = [name for name in _away(situation.nodes) if name in situation.lost]
    if _tainted(causes) and away:
        return _on_lost(
            f"its volume is not on the other nodes, and node {away[0]} is lost", away[0]
        )
    if _tainted(causes) or _count(causes, "affinity/selector", "were unschedulable"):
        return None
    return (
        Reason.VOLUME_ON_LOST_NODE,
        "its volume lies on a node that is not in the cluster",
        "Bring that node back, or delete the volume claim and restore its data from a backup.",
    )


def _on_lost(why: str, node: str) -> _Cause:
    return (
        Reason.VOLUME_ON_LOST_NODE,
        why,
        f"Bring node {node} back: check its power and network. The volume's data is only there.",
    )


def _away(nodes: Mapping[str, Node]) -> list[str]:
    return [
        name
        for name, node in nodes.items()
        if any(key in _LOST_TAINTS for key, _value, _effect in node.taints)
    ]


def _closed(case: Case, causes: Causes) -> _Cause | None:
    """Nodes that are closed to the pod: lost, tainted, cordoned, or not of the kind it asks for."""
    nodes = case.situation.nodes
    tainted = _tainted(causes)
    cordoned = _count(causes, "were unschedulable")
    unmatched = _count(causes, "affinity/selector", "requested node name")
    if tainted:
        keys = _taints(nodes, causes)
        lost = sorted(name for name in _away(nodes) if name in case.situation.lost)
        if keys <= set(_LOST_TAINTS) and nodes:
            if not lost:
                # They are back, and the scheduler has not looked again yet.
                return None
            which = (
                f"node {lost[0]} is"
                if len(lost) == 1
                else f"nodes {', '.join(lost)} are"
            )
            return (
                Reason.NODE_LOST,
                f"{which} lost, and no other node takes it",
                "Check the power and the network of the node.",
            )
        named = ", ".join(sorted(keys - set(_LOST_TAINTS)))
        others = [
            words
            for count, words in (
                (cordoned, f"{_doing(cordoned, 'is', 'are')} cordoned"),
                (
                    unmatched,
                    f"{_doing(unmatched, 'does', 'do')} not match its selector",
                ),
            )
            if count
        ]
        return (
            Reason.NODE_TAINTED,
            "; ".join(
                [
                    f"{_doing(tainted, 'repels', 'repel')} it by a taint{f' ({named})' if named else ''}",
                    *others,
                ]
            ),
            "Remove the taint from a node, or let the device tolerate it.",
        )
    if cordoned:
        return (
            Reason.NODE_TAINTED,
            f"{_doing(cordoned, 'is', 'are')} closed for new pods (cordoned)",
            "Open a node again: switch on its schedulable switch, or uncordon it.",
        )
    if unmatched:
        return (
            Reason.NO_MATCHING_NODE,
            f"none of the {_nodes(causes.nodes)} matches its node selector or affinity",
            _MATCH_ADVICE,
        )
    if not causes.by_cause and not causes.overall:
        return (
            Reason.NO_MATCHING_NODE,
            "the cluster has no node that could take it",
            "Add a node, or open one again that is closed for new pods.",
        )
    return (
        Reason.NO_MATCHING_NODE,
        "no node fulfils all that it asks for",
        "Compare what the device asks for (kubectl describe pod) with what the nodes offer.",
    )


def _taints(nodes: Mapping[str, Node], causes: Causes) -> set[str]:
    """Return the keys of the taints that repel: from the message, since Kubernetes 1.34 from the nodes."""
    told = {match[1] for cause in causes.by_cause if (match := _TAINT.search(cause))}
    return told or {
        key
        for node in nodes.values()
        for key, _value, effect in node.taints
        if effect != "PreferNoSchedule" and key != _CORDONED
    }


def gated(pod: Pod, _case: Case) -> Finding | None:
    """A pod that something holds back from being scheduled, which only explains that it is not ready."""
    scheduled = condition(pod.conditions, "PodScheduled")
    if scheduled is None or scheduled.reason != "SchedulingGated":
        return None
    return Finding(
        reason=Reason.NO_MATCHING_NODE,
        message=f"Pod {pod.name} waits for its scheduling gates to be opened.",
        advice="Find out which controller set spec.schedulingGates, and why it does not remove them.",
        weight=Weight.EXPLAINS,
        since=scheduled.since or pod.created,
        pod=pod.name,
    )
