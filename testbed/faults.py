"""The faults of a home, done to the test cluster for real, and mended."""

import base64
import errno
from pathlib import Path
import signal
import sys
from typing import Final

from . import network
from .cluster import Cluster
from .controlplane import ALL, API, CONTROLLERS, ETCD, SCHEDULER
from .errors import TestbedError
from .node import PROGRAMS
from .system import environment, run, wait_until

FILLER: Final = "filler"
_HELPERS: Final = ("kwok", "metrics", "volumes")
_API_SERVICES: Final = "/apis/apiregistration.k8s.io/v1/apiservices"


def wifi_down(cluster: Cluster, machine: str) -> None:
    """Cut a node (or `control-plane`) off: what is sent vanishes without an answer."""
    network.link_down(cluster.machine(machine))


def wifi_up(cluster: Cluster, machine: str) -> None:
    """Connect it again, with its routes."""
    network.link_up(cluster.machine(machine), cluster.machines())


def slow_link(
    cluster: Cluster, machine: str, *, delay_ms: int = 300, loss_percent: float = 20
) -> None:
    """Make what a machine sends late and lossy; both zero: good again."""
    place, name = cluster.machine(machine), f"{machine}/slow-link"
    cluster.processes.stop(name, grace=0)
    network.plug(place)
    if delay_ms or loss_percent:
        network.unplug(place)
        cluster.processes.start(
            name,
            [
                *(sys.executable, "-m", f"{__package__}.slowlink"),
                *(place.link, place.tap),
                *("--delay", str(delay_ms), "--loss", str(loss_percent)),
            ],
            env={**environment(), "PYTHONPATH": str(Path(__file__).parents[1])},
        )
        wait_until(
            f"The slow link of {machine}",
            lambda: network.tap_exists(place),
            seconds=30,
            seen=lambda: cluster.processes.last_words(name),
        )
        network.plug_tap(place)


def power_cut(cluster: Cluster, *nodes: str) -> None:
    """Cut the power of these nodes, or of the whole house with the control plane."""
    if not nodes:
        cluster.control_plane.stop(grace=0)
    for name in nodes or cluster.node_names():
        cluster.node(name).power_off()


def power_on(cluster: Cluster) -> None:
    """Give every machine its power again. All nodes are Ready on return."""
    nodes = [cluster.node(name) for name in cluster.node_names()]
    for node in nodes:
        if not node.is_on():
            node.power_on(cluster.machines())
    cluster.control_plane.start()
    for node in nodes:
        node.join()
    cluster.wait_nodes_ready()


def restart(cluster: Cluster, program: str, *, kill: bool = False) -> None:
    """Restart a program of the control plane, by SIGKILL if wished; the API is ready on return."""
    if program not in ALL:
        raise TestbedError(
            f"There is no {program}; the control plane is {', '.join(ALL)}."
        )
    # An API server with open watches would take a minute to say goodbye.
    cluster.control_plane.stop(program, grace=0 if kill else 10)
    cluster.control_plane.start()


def freeze_api(cluster: Cluster) -> None:
    """Stop the API server from answering, while its connections stay open."""
    cluster.processes.send(API, signal.SIGSTOP)


def thaw_api(cluster: Cluster) -> None:
    """Let the API server go on."""
    cluster.processes.send(API, signal.SIGCONT)


def compact(cluster: Cluster) -> None:
    """Forget every version but the newest: who followed an older one must read all again.

    The API server remembers some on its own; only its restart lets it forget them as well.
    """
    cluster.control_plane.compact()


def snapshot(cluster: Cluster, file: Path) -> None:
    """Save what etcd holds now; an older snapshot in that file is replaced."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    cluster.control_plane.snapshot(file.absolute())


def restore(cluster: Cluster, file: Path, *, bump_revision: int = 0) -> None:
    """Go back to a snapshot: API server and etcd stopped, restored, started.

    The other programs are restarted too, as Kubernetes' manual says, because they hold versions
    from the lost future; Home Assistant gets no such help.
    """
    control_plane = cluster.control_plane
    if not file.is_file():
        raise TestbedError(f"There is no snapshot {file}.")
    control_plane.stop(ETCD, API, CONTROLLERS, SCHEDULER)
    control_plane.restore(file.absolute(), bump_revision=bump_revision)
    control_plane.start()
    _restart_node_programs(cluster)
    cluster.wait_nodes_ready()


def rotate_certificates(cluster: Cluster, *, new_authority: bool = False) -> None:
    """Serve a new certificate; by a new authority every certificate and account changes with it."""
    control_plane = cluster.control_plane
    if new_authority:
        control_plane.pki.make_authority()
        for name in cluster.node_names():
            cluster.node(name).issue()
    control_plane.issue()
    if not new_authority:
        restart(cluster, API)
        return
    control_plane.stop(API, CONTROLLERS, SCHEDULER)
    control_plane.start()
    _tell_aggregator_the_authority(cluster)
    _restart_node_programs(cluster)
    _restart_helpers(cluster)
    _renew_pods_of_the_system(cluster)


def rotate_tokens(cluster: Cluster) -> None:
    """Sign tokens with a new key and forget the old one: every token of before is refused."""
    control_plane = cluster.control_plane
    control_plane.pki.make_account_key()
    control_plane.stop(API, CONTROLLERS)
    control_plane.start()
    _renew_pods_of_the_system(cluster)


def small_volume(cluster: Cluster, node: str, name: str, *, mebibytes: int = 8) -> Path:
    """A PersistentVolume of that name on the node, on a disk of its own of that size; its folder.

    A claim gets it by `volumeName` and an empty `storageClassName`.
    """
    folder = cluster.node(node).volumes / name
    folder.mkdir(parents=True, exist_ok=True)
    if not folder.is_mount():
        run("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0777", name, folder)
    here = {
        "key": "kubernetes.io/hostname",
        "operator": "In",
        "values": [node],
    }
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                "capacity": {"storage": f"{mebibytes}Mi"},
                "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": "",
                "local": {"path": str(folder)},
                "nodeAffinity": {
                    "required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}
                },
            },
        }
    )
    return folder


def remove_small_volume(cluster: Cluster, node: str, name: str) -> None:
    """Take a small volume away; nobody may use it any more."""
    cluster.api.delete(f"/api/v1/persistentvolumes/{name}")
    folder = cluster.node(node).volumes / name
    if folder.is_mount():
        run("umount", folder)
    folder.rmdir()


def fill(folder: Path) -> None:
    """Write into a small volume until nothing more fits."""
    if not folder.is_mount():
        raise TestbedError(f"{folder} is no small volume: make one first.")
    with (folder / FILLER).open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65536))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def make_room(folder: Path) -> None:
    """Remove what `fill` wrote."""
    (folder / FILLER).unlink(missing_ok=True)


def mend(cluster: Cluster) -> None:
    """Undo every fault that may be on: all links good, everything powered, all nodes Ready."""
    thaw_api(cluster)
    for machine in cluster.machines():
        if machine.index == 0 or cluster.node(machine.name).is_on():
            network.link_up(machine, cluster.machines())
            slow_link(cluster, machine.name, delay_ms=0, loss_percent=0)
    power_on(cluster)
    for filler in cluster.layout.nodes.glob(f"*/volumes/*/{FILLER}"):
        filler.unlink()


def _restart_node_programs(cluster: Cluster) -> None:
    """Restart what talks to the API on every node; pods go on running."""
    for name in cluster.node_names():
        node = cluster.node(name)
        for program in PROGRAMS[1:]:
            node.stop(program)
        node.join()


def _restart_helpers(cluster: Cluster) -> None:
    """Restart what runs beside the cluster with an account of it."""
    for name in cluster.processes.names():
        if name in _HELPERS:
            cluster.processes.restart(name)


def _tell_aggregator_the_authority(cluster: Cluster) -> None:
    """Let API services outside the cluster be trusted by the present authority."""
    bundle = base64.b64encode(cluster.ca.read_bytes()).decode()
    for service in cluster.api.get(_API_SERVICES)["items"]:
        if service["spec"].get("caBundle"):
            path = f"{_API_SERVICES}/{service['metadata']['name']}"
            cluster.api.patch(path, {"spec": {"caBundle": bundle}})


def _renew_pods_of_the_system(cluster: Cluster) -> None:
    """Replace CoreDNS, whose pods hold a token or an authority of before."""
    cluster.wait_nodes_ready()
    cluster.kubectl("rollout", "restart", "-n", "kube-system", "deployment/coredns")
    cluster.wait_rollout("kube-system", "deployment/coredns")
