"""The test cluster is a real one: its nodes, network, policies and crowd."""

from pathlib import Path
from typing import Any

import pytest

from testbed import kwok
from testbed.cluster import Cluster
from testbed.errors import TestbedError
from testbed.home import Home
from testbed.programs import KUBERNETES
from testbed.system import wait_until

from .pods import address, ask, fetch, pod, resolve, start

ATTIC, CELLAR = "pi-attic", "pi-cellar"


@pytest.fixture(autouse=True)
def registry(cluster: Cluster) -> None:
    """The images of the devices can be pulled."""
    Home(cluster).start_registry()


def test_both_nodes_are_ready_and_of_the_pinned_version(cluster: Cluster) -> None:
    """They are real: a kubelet, containerd and kube-proxy each."""
    for name in (ATTIC, CELLAR):
        node = cluster.api.get(f"/api/v1/nodes/{name}")
        assert cluster.node_state(name) == "True"
        assert node["status"]["nodeInfo"]["kubeletVersion"] == KUBERNETES
        for program in ("containerd", "kubelet", "kube-proxy", "netpol"):
            assert cluster.processes.running(f"{name}/{program}")


def test_a_pod_runs_and_its_log_can_be_read(cluster: Cluster, namespace: str) -> None:
    """The image comes from the home's registry, the log through the API server."""
    start(cluster, pod("fridge", namespace, ATTIC))
    log = cluster.kubectl("logs", "-n", namespace, "fridge")
    assert log.strip()


def test_a_service_reaches_pods_on_both_nodes_by_its_name(
    cluster: Cluster, namespace: str
) -> None:
    """kube-proxy spreads, CoreDNS resolves."""
    labels = {"app": "fridge"}
    addresses = start(
        cluster,
        *(
            pod(name, namespace, node, labels=labels)
            for name, node in (("upstairs", ATTIC), ("downstairs", CELLAR))
        ),
        pod("caller", namespace, ATTIC),
    )
    ports = [{"port": 80, "targetPort": 8080}]
    cluster.apply(_object("v1", "Service", namespace, selector=labels, ports=ports))
    path = f"/api/v1/namespaces/{namespace}/services/it"
    service = cluster.api.get(path)["spec"]["clusterIP"]
    seen: set[str] = set()

    def both() -> bool:
        seen.add(ask(cluster, addresses["caller"], f"http://{service}/")["hostname"])
        return seen == {"upstairs", "downstairs"}

    wait_until("An answer of both", both, seconds=30, seen=lambda: str(seen))
    name = f"it.{namespace}.svc.cluster.local"
    assert resolve(cluster, addresses["caller"], name) == service


def test_a_network_policy_is_enforced_on_the_same_node_and_across(
    cluster: Cluster, namespace: str
) -> None:
    """Default deny, one allowed caller; open again without the policies."""
    addresses = start(
        cluster,
        pod("fridge", namespace, ATTIC, labels={"app": "fridge"}),
        *(
            pod(f"{kind}-{node}", namespace, node, labels={"kind": kind})
            for kind in ("friend", "stranger")
            for node in (ATTIC, CELLAR)
        ),
    )
    fridge = f"http://{addresses['fridge']}:8080/"
    callers = [name for name in addresses if name != "fridge"]

    def reached() -> set[str]:
        return {
            name
            for name in callers
            if fetch(cluster, addresses[name], fridge, seconds=1) is not None
        }

    wait_until("Reach for all", lambda: reached() == set(callers), seconds=30)
    peers = [{"podSelector": {"matchLabels": {"kind": "friend"}}}]
    cluster.apply(
        _object(
            *("networking.k8s.io/v1", "NetworkPolicy", namespace),
            podSelector={"matchLabels": {"app": "fridge"}},
            policyTypes=["Ingress"],
            ingress=[{"from": peers}],
        )
    )
    friends = {name for name in callers if name.startswith("friend")}
    wait_until(
        "Reach for friends alone",
        lambda: reached() == friends,
        seconds=30,
        seen=lambda: str(reached()),
    )
    cluster.kubectl("delete", "networkpolicy", "-n", namespace, "--all")
    wait_until("Reach for all again", lambda: reached() == set(callers), seconds=30)


def test_a_node_can_be_added_and_removed_while_all_runs(
    cluster: Cluster, namespace: str
) -> None:
    """The third node gets pods, and leaves nothing behind."""
    cluster.add_node("pi-garage", {"home-cluster.github.io/zone": "garage"})
    try:
        node = cluster.api.get("/api/v1/nodes/pi-garage")
        assert node["metadata"]["labels"]["home-cluster.github.io/zone"] == "garage"
        addresses = start(
            cluster,
            pod("fridge", namespace, ATTIC),
            pod("mower", namespace, "pi-garage"),
        )
        status = ask(cluster, addresses["fridge"], f"http://{addresses['mower']}:8080/")
        assert status["hostname"] == "mower"
    finally:
        cluster.remove_node("pi-garage")
    assert cluster.node_names() == [ATTIC, CELLAR]
    assert cluster.node_state("pi-garage") == "Absent"
    assert not [left for left in cluster.leftovers() if "garage" in left]


def test_a_crowd_of_fake_pods_gets_ready_beside_the_real_ones(cluster: Cluster) -> None:
    """For scale; real nodes keep their kubelets."""
    cluster.kwok(nodes=3, pods=45, namespace="kwok-test")
    try:
        pods = cluster.api.get("/api/v1/namespaces/kwok-test/pods")["items"]
        assert len(pods) == 45
        crowd = {kwok.node(number)["metadata"]["name"] for number in range(3)}
        # The scheduler owes nobody that each of them gets one.
        assert {one["spec"]["nodeName"] for one in pods} <= crowd
    finally:
        cluster.end_kwok("kwok-test")
    assert cluster.settings.node_grace == 20
    assert cluster.node_state("kwok-000") == "Absent"


def test_a_second_cluster_is_refused_with_the_command_that_helps(
    cluster: Cluster,
) -> None:
    """There is one bridge."""
    other = Cluster(Path("/another/home"))
    for change in (other.up, other.down):
        with pytest.raises(TestbedError) as caught:
            change()
        assert str(cluster.layout.root) in str(caught.value)
        assert "python -m testbed down" in str(caught.value)
    assert cluster.node_state(ATTIC) == "True"


def test_bringing_up_what_is_up_changes_nothing(cluster: Cluster) -> None:
    """Processes live on."""
    before = cluster.processes.pid("kube-apiserver")
    cluster.up()
    assert cluster.processes.pid("kube-apiserver") == before
    assert set(cluster.status().values()) == {"ready", "running", "Ready"}


def test_an_unknown_node_is_named_with_those_there_are(cluster: Cluster) -> None:
    """A misspelt name is the usual mistake."""
    with pytest.raises(
        TestbedError, match="no node pi-atic; there are pi-attic and pi-cellar"
    ):
        cluster.node("pi-atic")


def test_a_pod_is_known_by_the_address_of_its_node_s_range(
    cluster: Cluster, namespace: str
) -> None:
    """Each node has a /24 of its own."""
    start(cluster, pod("fridge", namespace, CELLAR))
    node = cluster.api.get(f"/api/v1/nodes/{CELLAR}")
    prefix = node["spec"]["podCIDR"].removesuffix("0/24")
    assert address(cluster, namespace, "fridge").startswith(prefix)


def _object(version: str, kind: str, namespace: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": "it", "namespace": namespace},
        "spec": spec,
    }
