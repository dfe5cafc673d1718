"""A workload's volumes: which there are, how they are, what is known of them."""

from typing import Any

import pytest

from custom_components.home_cluster.kube.schema import Condition, Key, Kind, Record
from custom_components.home_cluster.kube.wire import decode_object
from custom_components.home_cluster.model.health import health
from custom_components.home_cluster.model.pinned import pinned_to
from custom_components.home_cluster.model.situation import FLICKER
from custom_components.home_cluster.model.view import workload_view
from custom_components.home_cluster.model.views import (
    Reason,
    Status,
    VolumeState,
    VolumeView,
)
from custom_components.home_cluster.model.volumes import claim_names, has_its_own

from .world import (
    ago,
    claim,
    deployment,
    event,
    node,
    pod,
    situation,
    stateful_set,
    volume,
)

GIB = 1024**3


def views(*records: Record) -> dict[str, VolumeView]:
    """Return the volumes of the first record, by claim."""
    return {one.claim: one for one in workload_view(situation(*records)).volumes}


def pending(**fields: Any) -> Any:
    """Return a pod that waits for its volume."""
    return pod(
        phase="Pending", ready=False, ready_since=300, claims=("music",), **fields
    )


def test_a_claim_tells_its_size_and_what_it_is() -> None:
    found = views(
        deployment(), pod(claims=("music",)), claim(), volume(), node("pi-attic")
    )
    assert found == {
        "music": VolumeView(
            claim="music",
            state=VolumeState.BOUND,
            capacity=GIB,
            requested=GIB,
            storage_class="local-path",
            kind="local",
            node="pi-attic",
        )
    }


def test_without_the_right_to_read_volumes_their_kind_is_not_told() -> None:
    (found,) = views(deployment(), pod(claims=("music",)), claim()).values()
    assert (found.state, found.kind, found.node) == (VolumeState.BOUND, "", "")


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"phase": "Bound"}, VolumeState.BOUND),
        ({"phase": "Pending", "volume": ""}, VolumeState.PENDING),
        ({"phase": "Lost"}, VolumeState.LOST),
        ({"deleting": ago(5)}, VolumeState.DELETING),
        ({"phase": "Novel"}, None),
    ],
)
def test_how_a_volume_is(fields: dict[str, Any], state: VolumeState | None) -> None:
    (found,) = views(deployment(), pod(claims=("music",)), claim(**fields)).values()
    assert found.state is state


def test_a_claim_that_is_not_known_has_no_state() -> None:
    (found,) = views(deployment(), pod(claims=("music",))).values()
    assert found == VolumeView(claim="music")


def test_a_stateful_set_has_a_claim_for_each_number() -> None:
    jazz = stateful_set(desired=2, claim_templates=("music", "cache"))
    there = {Key("kitchen", f"music-jazz-{number}") for number in (0, 2, 3, 5)}
    assert list(claim_names(jazz, (), there)) == [
        "music-jazz-0",
        "music-jazz-1",
        "music-jazz-2",
        "music-jazz-3",
        "cache-jazz-0",
        "cache-jazz-1",
    ]


def test_thirty_claims_and_the_longest_names_are_all_told() -> None:
    names = [f"{number:02}-{'x' * 60}" for number in range(30)]
    found = views(
        deployment(), pod(claims=tuple(names)), *(claim(name) for name in names)
    )
    assert list(found) == names


def test_a_volume_of_a_lost_node_is_told_after_the_flicker() -> None:
    """Also while no pod is there."""
    off = stateful_set(desired=0, claim_templates=("music",))
    there = claim("music-jazz-0"), volume("music-jazz-0")

    def at(lost: float) -> Any:
        return workload_view(situation(off, *there, node("pi-attic", lost=lost)))

    assert at(30).volumes[0].state is VolumeState.BOUND
    assert at(30).health.recheck == ago(30) + FLICKER
    assert at(90).volumes[0].state is VolumeState.ON_LOST_NODE
    assert at(90).health.recheck is None


def test_a_volume_is_pinned_by_the_label_of_its_node() -> None:
    named = node("pi-attic", labels={"kubernetes.io/hostname": "attic.local"})
    assert pinned_to(volume(hostname="attic.local"), [named]) == "pi-attic"
    assert pinned_to(volume(hostname="gone"), [named]) == "gone"
    assert pinned_to(volume(hostname=""), [named]) == ""


def test_what_a_volume_says_of_its_node_goes_before_who_once_chose_it() -> None:
    """A volume on the network was provisioned for a node and is bound to none."""
    why = "0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) didn't match PersistentVolume's node affinity."
    waits = pod(
        phase="Pending",
        ready=False,
        ready_since=60,
        created=ago(60),
        node="",
        claims=("music",),
        conditions=(Condition("PodScheduled", "False", "Unschedulable", why, ago(60)),),
    )
    away = node("pi-cellar", lost=90)
    said = health(
        situation(
            deployment(),
            waits,
            claim(selected_node="pi-attic"),
            volume(hostname="pi-cellar"),
            away,
            node("pi-attic"),
        )
    )
    assert said.reason is Reason.VOLUME_ON_LOST_NODE
    assert "lies on node pi-cellar, which is lost" in said.message


@pytest.mark.parametrize(
    ("capacity", "claimed", "own"),
    [
        (8 << 20, 8 << 20, True),
        (9.7 * GIB, 10 * GIB, True),
        (117 * GIB, 10 * GIB, False),
        (117 * GIB, 117 * GIB, True),
        (5 * GIB, 10 * GIB, False),
        (10 * GIB, None, False),
    ],
)
def test_a_file_system_is_the_claims_own_if_it_is_as_large(
    capacity: float, claimed: float | None, own: bool
) -> None:
    assert has_its_own(capacity, claimed) is own


# What the kubelet (1.37) and mount.nfs (nfs-utils 2.6) say, as it was seen on a real node.
MOUNT = (
    'MountVolume.SetUp failed for volume "pv-music" : mount failed: exit status 32\n'
    "Mounting command: mount\n"
    "Mounting arguments:  -t nfs {options}nas.home:/music /var/lib/kubelet/x\n"
    "Output: {output}"
)
WAITS = "Unable to attach or mount volumes: unmounted volumes=[music]: timed out waiting for the condition"


@pytest.mark.parametrize("options", ["", "-o hard,nfsvers=4.1 "])
@pytest.mark.parametrize(
    "output",
    [
        "mount.nfs: Connection timed out",
        "mount.nfs: Connection refused for nas.home:/music on /var/lib/kubelet/x",
        "mount.nfs: No route to host",
        "mount.nfs: Connection refused",
        "mount.nfs: Resource temporarily unavailable",
        "mount.nfs: Failed to resolve server nas.home: Name or service not known",
    ],
)
def test_a_silent_nfs_server_is_named(options: str, output: str) -> None:
    """Whether volumes may be read or not."""
    one = pending()
    told = event(one, "FailedMount", MOUNT.format(options=options, output=output))
    share = volume(kind="nfs", share="nas.home:/music", hostname="")
    for known in ([], [share]):
        found = situation(deployment(), one, told, claim(), *known)
        said = workload_view(found)
        assert (said.health.reason, said.health.status) == (
            Reason.NFS_UNREACHABLE,
            Status.FAILING,
        )
        assert (
            "the NFS server nas.home behind its volume pv-music" in said.health.message
        )
        assert "node pi-attic reaches it" in said.health.advice
        assert said.volumes[0].state is VolumeState.UNREACHABLE


def test_a_kubelet_that_only_waits_is_understood_where_volumes_may_be_read() -> None:
    one = pending()
    told = event(one, "FailedMount", WAITS)
    share = volume(kind="nfs", share="[fd00::2]:/music", hostname="")
    said = health(situation(deployment(), one, told, claim(), share))
    assert said.reason is Reason.NFS_UNREACHABLE
    assert "the NFS server [fd00::2] behind" in said.message
    without = health(situation(deployment(), one, told, claim()))
    assert without.reason is Reason.VOLUME_PENDING


@pytest.mark.parametrize(
    ("output", "words", "advice"),
    [
        (
            "mount: /x: bad option; for several filesystems (e.g. nfs, cifs) you might need a /sbin/mount.<type> helper program.",
            "has no NFS client",
            "nfs-common",
        ),
        (
            "mount: /x: unknown filesystem type 'nfs'.\n       dmesg(1) may have more information after failed mount system call.",
            "has no NFS client, so its volume pv-music cannot be mounted",
            "nfs-common",
        ),
        ("mount.nfs: No such device", "has no NFS client", "nfs-common"),
        (
            "mount.nfs: rpc.statd is not running but is required for remote locking.\n"
            "mount.nfs: Either use '-o nolock' to keep locks local, or start statd.",
            "does not run the locks of NFS 3",
            "rpc-statd on node pi-attic",
        ),
        (
            "mount.nfs: access denied by server while mounting nas.home:/music",
            "the NFS server nas.home does not share volume pv-music with this node",
            "exports",
        ),
    ],
)
def test_a_server_that_answers_is_not_gone(
    output: str, words: str, advice: str
) -> None:
    one = pending()
    told = event(one, "FailedMount", MOUNT.format(options="", output=output))
    said = health(situation(deployment(), one, told, claim()))
    assert said.reason is Reason.VOLUME_PENDING
    assert words in said.message
    assert advice in said.advice


def test_a_pod_that_hangs_on_its_share_says_so() -> None:
    stuck = pod(claims=("music",), deleting=ago(300))
    share = volume(kind="nfs", share="nas.home:/music", hostname="")
    said = health(situation(deployment(), stuck, claim(), share))
    assert said.reason is Reason.STUCK_TERMINATING
    assert "It uses the NFS share nas.home:/music" in said.message
    assert "NFS server is on" in said.advice


def test_only_the_share_of_several_volumes_is_called_unreachable() -> None:
    one = pod(phase="Pending", ready=False, ready_since=300, claims=("music", "cache"))
    told = event(
        one, "FailedMount", MOUNT.format(options="", output="mount.nfs: timed out")
    )
    found = views(
        deployment(),
        one,
        told,
        claim(),
        claim("cache"),
        volume(kind="nfs", hostname=""),
        volume("cache"),
    )
    assert {name: view.state for name, view in found.items()} == {
        "music": VolumeState.UNREACHABLE,
        "cache": VolumeState.BOUND,
    }


# As the API server tells of volumes.


def read(spec: str) -> Any:
    """Return the record of a volume."""
    return decode_object(
        Kind.VOLUME,
        b'{"metadata": {"name": "pv-1", "uid": "u"}, "spec": ' + spec.encode() + b"}",
    )


@pytest.mark.parametrize(
    ("spec", "kind", "share"),
    [
        ('{"local": {"path": "/x"}}', "local", ""),
        ('{"hostPath": {"path": "/x"}}', "hostPath", ""),
        ('{"nfs": {"server": "nas", "path": "/x"}}', "nfs", "nas:/x"),
        ('{"csi": {"driver": "longhorn"}}', "csi", ""),
        ('{"iscsi": {}}', "other", ""),
        ("{}", "other", ""),
    ],
)
def test_reads_the_kind_of_a_volume(spec: str, kind: str, share: str) -> None:
    assert (read(spec).kind, read(spec).share) == (kind, share)


def affinity(*terms: str) -> str:
    """Return a spec with node affinity."""
    return f'{{"nodeAffinity": {{"required": {{"nodeSelectorTerms": [{",".join(terms)}]}}}}}}'


HERE = '{"matchExpressions": [{"key": "zone", "operator": "Exists"}, {"key": "kubernetes.io/hostname", "operator": "In", "values": ["pi-attic"]}]}'


@pytest.mark.parametrize(
    ("spec", "hostname"),
    [
        (affinity(HERE), "pi-attic"),
        (
            affinity(
                '{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["pi-attic"]}]}'
            ),
            "pi-attic",
        ),
        (affinity(HERE, HERE), ""),
        (affinity(HERE.replace('"pi-attic"', '"pi-attic", "pi-cellar"')), ""),
        (affinity(HERE.replace("In", "NotIn")), ""),
        (affinity(), ""),
        ('{"nodeAffinity": {"required": null}}', ""),
        ('{"nodeAffinity": null}', ""),
    ],
)
def test_reads_the_only_node_of_a_volume(spec: str, hostname: str) -> None:
    assert read(spec).hostname == hostname


def test_reads_whose_a_volume_is() -> None:
    assert read('{"claimRef": {"namespace": "kitchen", "name": "music"}}').claim == Key(
        "kitchen", "music"
    )
    assert read("{}").claim is None
