"""The scheduler's message, in its old and new words."""

import pytest

from custom_components.home_cluster.kube.schema import (
    Condition,
    Node,
    Owner,
    Record,
    VolumeClaim,
)
from custom_components.home_cluster.model.health import health
from custom_components.home_cluster.model.scheduling import Causes, parse_unschedulable
from custom_components.home_cluster.model.views import Health, Reason, Status

from .world import ago, container, deployment, node, pod, situation

PREEMPTION = (
    " preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, "
    "1 Preemption is not helpful for scheduling."
)


@pytest.mark.parametrize(
    ("message", "causes"),
    [
        (
            "0/2 nodes are available: 2 Insufficient cpu." + PREEMPTION,
            Causes(2, "", {"Insufficient cpu": 2}),
        ),
        (
            "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint "
            "{node-role.kubernetes.io/control-plane: }. no new claims to deallocate,"
            + PREEMPTION,
            Causes(
                2,
                "",
                {
                    "Insufficient cpu": 1,
                    "node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }": 1,
                },
            ),
        ),
        (
            "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."
            + PREEMPTION,
            Causes(3, "pod has unbound immediate PersistentVolumeClaims", {}),
        ),
        (
            'persistentvolumeclaim "music" not found',
            Causes(0, "", {}),
        ),
        ("no nodes available to schedule pods", Causes(0, "", {})),
        ("", Causes(0, "", {})),
    ],
)
def test_a_message_is_taken_apart(message: str, causes: Causes) -> None:
    found = parse_unschedulable(message)
    assert (found.nodes, dict(found.by_cause)) == (causes.nodes, dict(causes.by_cause))
    if "nodes are available" in message:
        assert found.overall == causes.overall


def unplaced(
    message: str, *others: Record, since: float = 60, **fields: object
) -> Health:
    """Return the health of a device whose only pod has no node."""
    scheduled = Condition("PodScheduled", "False", "Unschedulable", message, ago(since))
    waiting = pod(
        "fridge-abc-1",
        container(ready=False, current=None),
        **{
            "ready": False,
            "ready_since": since,
            "created": ago(since),
            "node": "",
            "phase": "Pending",
            "conditions": (scheduled,),
            **fields,
        },
    )
    return health(situation(deployment(), waiting, *others))


@pytest.mark.parametrize(
    ("causes", "reason", "words"),
    [
        ("2 Insufficient cpu", Reason.NO_ROOM_CPU, "CPU on 2 nodes"),
        (
            "1 Insufficient cpu, 1 Insufficient memory",
            Reason.NO_ROOM_CPU,
            "memory on 1 node",
        ),
        ("2 Insufficient memory", Reason.NO_ROOM_MEMORY, "memory on 2 nodes"),
        (
            "1 Insufficient memory, 1 node(s) had untolerated taint(s)",
            Reason.NO_ROOM_MEMORY,
            "memory on 1 node",
        ),
        (
            "1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector",
            Reason.NO_ROOM_CPU,
            "CPU on 1 node",
        ),
        ("2 Too many pods", Reason.NO_MATCHING_NODE, "as many pods as they may"),
        ("2 Insufficient squat.ai/zigbee", Reason.NO_MATCHING_NODE, "squat.ai/zigbee"),
        ("2 Insufficient ephemeral-storage", Reason.NO_MATCHING_NODE, "disk space"),
        (
            "2 node(s) didn't have free ports for the requested pod ports",
            Reason.PORT_IN_USE,
            "host port",
        ),
        (
            "1 node(s) didn't have free ports for the requested pod ports, 1 node(s) were unschedulable",
            Reason.PORT_IN_USE,
            "host port",
        ),
        (
            "2 node(s) didn't match pod anti-affinity rules",
            Reason.NO_MATCHING_NODE,
            "share a node",
        ),
        (
            "2 node(s) didn't match pod topology spread constraints",
            Reason.NO_MATCHING_NODE,
            "share a node",
        ),
        (
            "2 node(s) didn't match Pod's node affinity/selector",
            Reason.NO_MATCHING_NODE,
            "none of the 2 nodes",
        ),
        (
            "2 node(s) had untolerated taint {gpu: only}",
            Reason.NODE_TAINTED,
            "(gpu)",
        ),
        (
            "1 node(s) had untolerated taint {gpu: only}, 1 node(s) didn't match Pod's node affinity/selector",
            Reason.NODE_TAINTED,
            "1 node does not match",
        ),
        ("2 node(s) were unschedulable", Reason.NODE_TAINTED, "cordoned"),
        (
            "2 node(s) didn't find available persistent volumes to bind",
            Reason.VOLUME_PENDING,
            "no volume that fits",
        ),
        (
            "2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)",
            Reason.VOLUME_PENDING,
            "no longer exists",
        ),
        (
            "2 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode "
            "already in-use by another pod",
            Reason.VOLUME_PENDING,
            "in use",
        ),
        ("2 node(s) had a whim", Reason.NO_MATCHING_NODE, "all that it asks for"),
    ],
)
def test_the_cause_nearest_to_a_fit_is_named(
    causes: str, reason: Reason, words: str
) -> None:
    said = unplaced(f"0/2 nodes are available: {causes}.{PREEMPTION}")
    assert (said.status, said.reason) == (Status.FAILING, reason)
    assert words in said.message
    assert "preemption" not in said.message


def claim(name: str = "music", **fields: str) -> VolumeClaim:
    """Return a claim of the pod."""
    return VolumeClaim(
        namespace="kitchen", name=name, uid=name, resource_version="1", **fields
    )


CONFLICT = "0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) didn't match PersistentVolume's node affinity."


def away(name: str, seconds: float) -> Node:
    """Return a lost node with the taint that goes with it."""
    return node(
        name,
        lost=seconds,
        taints=(("node.kubernetes.io/unreachable", "", "NoSchedule"),),
    )


def test_a_volume_on_a_lost_node_is_named_with_the_node() -> None:
    music = claim(phase="Bound", selected_node="pi-attic")
    said = unplaced(
        CONFLICT, music, away("pi-attic", 90), node("pi-cellar"), claims=("music",)
    )
    assert said.reason is Reason.VOLUME_ON_LOST_NODE
    assert "music" in said.message
    assert "pi-attic" in said.message


def test_a_volume_on_a_flickering_node_is_no_problem_yet() -> None:
    music = claim(phase="Bound", selected_node="pi-attic")
    said = unplaced(
        CONFLICT,
        music,
        away("pi-attic", 40),
        node("pi-cellar"),
        claims=("music",),
        since=15,
    )
    assert (said.status, said.problem) == (Status.STARTING, False)


def test_a_volume_of_a_node_that_left_for_good_is_named() -> None:
    music = claim(phase="Bound", selected_node="pi-old")
    said = unplaced(
        "0/1 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity.",
        music,
        node("pi-cellar"),
        claims=("music",),
    )
    assert said.reason is Reason.VOLUME_ON_LOST_NODE
    assert "pi-old, which is no longer in the cluster" in said.message


def test_a_volume_whose_claim_does_not_tell_its_node_is_still_known_to_be_lost() -> (
    None
):
    said = unplaced(
        CONFLICT,
        claim(phase="Bound"),
        away("pi-attic", 90),
        node("pi-cellar"),
        claims=("music",),
    )
    assert said.reason is Reason.VOLUME_ON_LOST_NODE
    assert "pi-attic" in said.message


def test_a_full_node_that_holds_the_volume_is_what_counts() -> None:
    said = unplaced(
        "0/2 nodes are available: 1 Insufficient memory, 1 node(s) had volume node affinity conflict.",
        claim(phase="Bound", selected_node="pi-attic"),
        node("pi-attic"),
        node("pi-cellar"),
        claims=("music",),
    )
    assert said.reason is Reason.NO_ROOM_MEMORY


@pytest.mark.parametrize(
    ("overall", "words"),
    [
        ('persistentvolumeclaim "music" not found', "music does not exist"),
        ('persistentvolumeclaim "music" is being deleted', "music is being deleted"),
        (
            'persistentvolumeclaim "music" bound to non-existent persistentvolume "pv-1"',
            "music is bound to a volume that no longer exists",
        ),
        (
            "pod has unbound immediate PersistentVolumeClaims",
            "music (storage class fast) is not bound",
        ),
    ],
)
def test_a_claim_that_gives_no_volume_is_named(overall: str, words: str) -> None:
    said = unplaced(
        f"0/2 nodes are available: {overall}.{PREEMPTION}",
        claim(phase="Pending", storage_class="fast"),
        claims=("music",),
    )
    assert said.reason is Reason.VOLUME_PENDING
    assert words in said.message


def test_several_claims_that_give_no_volume_are_named() -> None:
    said = unplaced(
        "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
        claim("music", phase="Pending"),
        claim("index", phase="Pending"),
        claims=("music", "index"),
    )
    assert "claims index, music are not bound" in said.message


def test_claims_that_cannot_be_read_are_not_named() -> None:
    said = unplaced(
        "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    )
    assert said.reason is Reason.VOLUME_PENDING


def test_a_few_seconds_without_a_node_are_no_problem() -> None:
    said = unplaced("0/2 nodes are available: 2 Insufficient cpu.", since=9)
    assert (said.status, said.problem, said.recheck) == (
        Status.STARTING,
        False,
        ago(-1),
    )


def test_nodes_that_flicker_make_no_taint() -> None:
    message = "0/2 nodes are available: 2 node(s) had untolerated taint {node.kubernetes.io/unreachable: }."
    said = unplaced(message, away("pi-attic", 30), away("pi-cellar", 50), since=20)
    assert (said.status, said.problem) == (Status.STARTING, False)
    said = unplaced(message, away("pi-attic", 70), away("pi-cellar", 80), since=20)
    assert said.reason is Reason.NODE_LOST
    assert "pi-attic, pi-cellar are lost" in said.message


def test_a_cluster_without_nodes_is_said_so() -> None:
    said = unplaced("no nodes available to schedule pods")
    assert said.reason is Reason.NO_MATCHING_NODE
    assert "no node that could take it" in said.message


def test_a_gate_only_explains() -> None:
    gated = Condition("PodScheduled", "False", "SchedulingGated", "", ago(700))
    fresh = pod(
        ready=False,
        ready_since=20,
        node="",
        phase="Pending",
        conditions=(gated,),
        created=ago(20),
    )
    assert health(situation(deployment(), fresh)).status is Status.STARTING
    late = pod(
        ready=False,
        ready_since=700,
        node="",
        phase="Pending",
        conditions=(gated,),
        created=ago(700),
    )
    said = health(situation(deployment(), pod("fridge-abc-0", ready_since=900), late))
    assert said.problem is False
    said = health(
        situation(deployment(desired=2), pod("fridge-abc-0", ready_since=900), late)
    )
    assert "scheduling gates" in said.message


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        ("OutOfcpu", Reason.NO_ROOM_CPU),
        ("OutOfmemory", Reason.NO_ROOM_MEMORY),
        ("OutOfpods", Reason.NO_MATCHING_NODE),
        ("NodePorts", Reason.PORT_IN_USE),
        ("NodeAffinity", Reason.NO_MATCHING_NODE),
        ("UnexpectedAdmissionError", Reason.CANNOT_RUN),
    ],
)
def test_a_kubelet_may_refuse_what_the_scheduler_gave_it(
    refusal: str, reason: Reason
) -> None:
    refused = pod(
        "fridge-abc-0",
        ready=False,
        ready_since=20,
        phase="Failed",
        reason=refusal,
        created=ago(20),
        started=ago(20),
    )
    said = health(situation(deployment(), refused))
    assert (said.status, said.reason, said.node) == (Status.FAILING, reason, "pi-attic")


STICK = "squat.ai/zigbee"


@pytest.mark.parametrize(
    ("others", "reason", "words", "advice"),
    [
        (
            (
                node("pi-attic", hardware=(STICK,)),
                pod(
                    "bridge-xyz-1",
                    namespace="radio",
                    owner=Owner("ReplicaSet", "bridge-xyz"),
                    template_hash="xyz",
                    hardware=(STICK,),
                ),
            ),
            Reason.DEVICE_IN_USE,
            "in use by pod bridge-xyz-1 in radio",
            "Switch off the device of pod bridge-xyz-1 in radio",
        ),
        (
            (
                node("pi-attic", hardware=(STICK,)),
                pod("fridge-old-1", hardware=(STICK,)),
            ),
            Reason.DEVICE_IN_USE,
            "still held by its own pod fridge-old-1",
            "strategy Recreate",
        ),
        (
            (node("pi-attic", hardware=(STICK,)),),
            Reason.DEVICE_IN_USE,
            "of node pi-attic is in use, or",
            "kubectl describe node",
        ),
        (
            (node("pi-attic"),),
            Reason.NO_MATCHING_NODE,
            "no node offers squat.ai/zigbee",
            "plugged in",
        ),
        ((), Reason.NO_MATCHING_NODE, "not enough free squat.ai/zigbee", "offers"),
    ],
)
def test_hardware_is_held_by_somebody_or_not_plugged_in(
    others: tuple[Record, ...], reason: Reason, words: str, advice: str
) -> None:
    """Who has it is named; a stick that nobody offers is looked for at the socket."""
    said = unplaced(
        f"0/1 nodes are available: 1 Insufficient {STICK}.", *others, hardware=(STICK,)
    )
    assert said.reason is reason
    assert words in said.message
    assert advice in said.advice


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_ended_holds_nothing(phase: str) -> None:
    """The plugin gets its hardware back."""
    over = pod(
        "bridge-xyz-1",
        namespace="radio",
        owner=Owner("ReplicaSet", "bridge-xyz"),
        template_hash="xyz",
        hardware=(STICK,),
        phase=phase,
    )
    said = unplaced(
        f"0/1 nodes are available: 1 Insufficient {STICK}.", over, hardware=(STICK,)
    )
    assert "bridge" not in said.message


def test_a_kubelet_that_cannot_give_the_hardware_names_who_has_it() -> None:
    """As after a restart of the device plugin."""
    refused = pod(
        "fridge-abc-0",
        ready=False,
        ready_since=20,
        phase="Failed",
        reason="UnexpectedAdmissionError",
        message=(
            "Pod was rejected: Allocate failed due to requested number of devices unavailable for "
            f"{STICK}. Requested: 1, Available: 0, which is unexpected"
        ),
        created=ago(20),
        started=ago(20),
        hardware=(STICK,),
    )
    holder = pod(
        "bridge-xyz-1",
        namespace="radio",
        owner=Owner("ReplicaSet", "bridge-xyz"),
        template_hash="xyz",
        hardware=(STICK,),
    )
    said = health(situation(deployment(), refused, holder))
    assert said.reason is Reason.DEVICE_IN_USE
    assert "bridge-xyz-1 in radio" in said.message
