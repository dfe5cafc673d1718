"""Every fault of a home is really seen on the cluster, and really mended."""

from collections.abc import Callable
from contextlib import suppress
import http.client
from pathlib import Path
import socket
import ssl
import time

import pytest

from testbed import faults
from testbed.cgroups import Cgroups
from testbed.cluster import Cluster
from testbed.controlplane import API, ETCD
from testbed.errors import TestbedError
from testbed.home import Home
from testbed.layout import Layout
from testbed.network import THE_CONTROL_PLANE
from testbed.system import run, wait_until

from .pods import ask, fetch, pod, start

ATTIC, CELLAR = "pi-attic", "pi-cellar"


@pytest.fixture(autouse=True)
def registry(cluster: Cluster) -> None:
    """The images of the devices can be pulled."""
    Home(cluster).start_registry()


@pytest.fixture
def uid(cluster: Cluster) -> Callable[[], str]:
    """What the cluster is known by: a fault must not change it."""
    return lambda: str(
        cluster.api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]
    )


def wait_state(cluster: Cluster, node: str, state: str, seconds: float) -> float:
    """Wait for a node's state; the seconds it took."""
    begin = time.monotonic()
    wait_until(
        f"{node} {state}",
        lambda: cluster.node_state(node) == state,
        seconds=seconds,
        every=0.2,
        seen=lambda: cluster.node_state(node),
    )
    return time.monotonic() - begin


def network_card(node: str) -> str:
    """The hardware address of a node's network card."""
    told = run("ip", "-n", f"hc-{node}", "link", "show", "eth0").split()
    return told[told.index("link/ether") + 1]


def served_certificate() -> bytes:
    """What the API server shows to anybody."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((THE_CONTROL_PLANE.address, 6443), 5) as plain,
        context.wrap_socket(plain) as connection,
    ):
        return connection.getpeercert(binary_form=True) or b""


def status_with(cluster: Cluster, token: str) -> int:
    """The HTTP status that a token gets for a question open to every account."""
    context = ssl.create_default_context(cafile=str(cluster.ca))
    connection = http.client.HTTPSConnection(
        THE_CONTROL_PLANE.address, 6443, context=context, timeout=10
    )
    try:
        connection.request("GET", "/api", headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_node_without_wifi_is_unknown_and_comes_back(
    cluster: Cluster, namespace: str
) -> None:
    """Its pods run on, unheard; other nodes are not touched."""
    addresses = start(
        cluster, pod("fridge", namespace, ATTIC), pod("caller", namespace, CELLAR)
    )
    faults.wifi_down(cluster, ATTIC)
    took = wait_state(cluster, ATTIC, "Unknown", 60)
    assert took > 10
    assert cluster.node_state(CELLAR) == "True"
    url = f"http://{addresses['fridge']}:8080/"
    assert fetch(cluster, addresses["caller"], url) is None
    faults.wifi_up(cluster, ATTIC)
    assert wait_state(cluster, ATTIC, "True", 30) < 20
    status = ask(cluster, addresses["caller"], url)
    assert status["uptime_seconds"] > took


def test_a_slow_link_is_slow_for_the_machine_and_good_again(cluster: Cluster) -> None:
    """Every answer of the control plane comes late."""

    def seconds() -> float:
        """The quickest of some connections: one round trip."""
        took = []
        for _ in range(10):
            begin = time.monotonic()
            socket.create_connection((THE_CONTROL_PLANE.address, 6443), 20).close()
            took.append(time.monotonic() - begin)
        return min(took)

    faults.slow_link(cluster, "control-plane", delay_ms=200, loss_percent=0)
    assert seconds() > 0.19
    faults.slow_link(cluster, "control-plane", delay_ms=0, loss_percent=0)
    assert seconds() < 0.1


def test_a_node_that_lost_its_power_starts_its_pods_again(
    cluster: Cluster, namespace: str
) -> None:
    """Nothing of it is left running in between; its network card is the same."""
    card = network_card(ATTIC)
    start(cluster, pod("fridge", namespace, ATTIC), pod("radio", namespace, CELLAR))
    path = f"/api/v1/namespaces/{namespace}/pods"

    def restarts(name: str) -> int:
        found = cluster.api.get(f"{path}/{name}")["status"]["containerStatuses"][0]
        return int(found["restartCount"]) if found["ready"] else -1

    faults.power_cut(cluster, ATTIC)
    assert not cluster.node(ATTIC).is_on()
    # Its disk for volumes keeps what is on it.
    disk = f"mount {cluster.layout.node(ATTIC) / 'volumes'}"
    left = [one for one in cluster.leftovers() if f"/{ATTIC}" in one]
    assert left in ([], [disk])
    faults.power_on(cluster)
    assert network_card(ATTIC) == card
    wait_until(
        "The pod's second start", lambda: restarts("fridge") == 1, seconds=60, every=0.5
    )
    assert restarts("radio") == 0


def test_after_a_power_cut_of_the_whole_house_everything_is_back(
    cluster: Cluster, namespace: str, uid: Callable[[], str]
) -> None:
    """All was killed; the same objects come back from the same etcd."""
    start(cluster, pod("fridge", namespace, ATTIC), pod("radio", namespace, CELLAR))
    before = uid()
    faults.power_cut(cluster)
    assert not cluster.api.ready()
    faults.power_on(cluster)
    assert uid() == before
    words = ("-n", namespace, "--for=condition=Ready", "--timeout=90s")
    cluster.kubectl("wait", *words, "pod/fridge", "pod/radio")


@pytest.mark.parametrize("program", [API, ETCD])
@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_a_restarted_program_is_another_process_of_the_same_cluster(
    cluster: Cluster, uid: Callable[[], str], program: str, kill: bool
) -> None:
    """Gently or not."""
    before, process = uid(), cluster.processes.pid(program)
    faults.restart(cluster, program, kill=kill)
    assert cluster.processes.pid(program) != process
    assert uid() == before


def test_a_frozen_api_server_accepts_and_never_answers(cluster: Cluster) -> None:
    """The silent kind of failure: no refusal, no end of stream."""
    faults.freeze_api(cluster)
    with socket.create_connection((THE_CONTROL_PLANE.address, 6443), 5) as connection:
        connection.settimeout(2)
        connection.sendall(b"hello")
        with pytest.raises(TimeoutError):
            connection.recv(1)
    faults.thaw_api(cluster)
    wait_until("An answer", cluster.api.ready, seconds=20)


def test_a_restored_snapshot_undoes_what_came_after_it(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    """Versions go backwards, as clients hate."""

    def version() -> int:
        listed = cluster.api.get(f"/api/v1/namespaces/{namespace}/configmaps")
        return int(listed["metadata"]["resourceVersion"])

    def make(name: str) -> None:
        cluster.kubectl("create", "configmap", name, "-n", namespace)

    make("old")
    faults.snapshot(cluster, tmp_path / "snapshot")
    for number in range(50):
        make(f"new-{number}")
    cluster.kubectl("delete", "configmap", "old", "-n", namespace)
    late = version()
    faults.restore(cluster, tmp_path / "snapshot")
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    assert cluster.api.find(f"{path}/old") is not None
    assert cluster.api.find(f"{path}/new-0") is None
    assert version() < late


def test_a_missing_snapshot_stops_nothing(cluster: Cluster, tmp_path: Path) -> None:
    """The cluster runs on."""
    with pytest.raises(TestbedError, match="There is no snapshot"):
        faults.restore(cluster, tmp_path / "none")
    assert cluster.api.ready()


def test_a_renewed_certificate_is_served_and_trusted_as_before(
    cluster: Cluster,
) -> None:
    """The authority is the same, so nobody need notice."""
    before, authority = served_certificate(), cluster.ca.read_bytes()
    faults.rotate_certificates(cluster)
    assert served_certificate() != before
    assert cluster.ca.read_bytes() == authority
    assert cluster.api.ready()


def test_by_a_new_authority_the_old_is_worth_nothing_and_all_goes_on(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    """Whoever pinned the old one must ask its person."""
    old = tmp_path / "old.crt"
    old.write_bytes(cluster.ca.read_bytes())
    faults.rotate_certificates(cluster, new_authority=True)
    context = ssl.create_default_context(cafile=str(old))
    with (
        socket.create_connection((THE_CONTROL_PLANE.address, 6443), 5) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(plain, server_hostname=THE_CONTROL_PLANE.address)
    cluster.wait_nodes_ready()
    start(cluster, pod("fridge", namespace, ATTIC))
    assert cluster.kubectl("logs", "-n", namespace, "fridge")


def test_after_a_change_of_key_old_tokens_are_refused_and_new_ones_are_good(
    cluster: Cluster,
) -> None:
    """401, not 403."""
    old = cluster.service_account_token("default", "default")
    assert status_with(cluster, old) == 200
    faults.rotate_tokens(cluster)
    assert status_with(cluster, old) == 401
    new = cluster.service_account_token("default", "default")
    assert status_with(cluster, new) == 200


def test_a_small_volume_gets_full_and_has_room_again(
    cluster: Cluster, namespace: str
) -> None:
    """A pod has it by its claim; what is on it outlives a power cut."""
    name = f"small-{namespace[-6:]}"
    folder = faults.small_volume(cluster, ATTIC, name, mebibytes=4)
    try:
        cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "data", "namespace": namespace},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": "",
                    "volumeName": name,
                    "resources": {"requests": {"storage": "4Mi"}},
                },
            }
        )
        start(cluster, pod("fridge", namespace, ATTIC, claim="data"))
        faults.fill(folder)
        with pytest.raises(OSError, match="No space left"):
            (folder / "more").write_bytes(bytes(4096))
        faults.make_room(folder)
        (folder / "more").write_bytes(bytes(4096))
        faults.power_cut(cluster, ATTIC)
        faults.power_on(cluster)
        assert (folder / "more").stat().st_size == 4096
    finally:
        cluster.kubectl("delete", "pod", "-n", namespace, "--all", "--wait")
        faults.remove_small_volume(cluster, ATTIC, name)
    assert not folder.exists()


def test_mending_ends_every_fault_at_once(cluster: Cluster) -> None:
    """What the fixtures rely on."""
    faults.wifi_down(cluster, CELLAR)
    faults.slow_link(cluster, "control-plane")
    faults.power_cut(cluster, ATTIC)
    faults.freeze_api(cluster)
    faults.mend(cluster)
    assert cluster.api.ready()
    assert [cluster.node_state(name) for name in (ATTIC, CELLAR)] == ["True", "True"]
    assert len(cluster.processes.names()) >= 12


def test_down_leaves_the_machine_as_it_was_before_up(cluster: Cluster) -> None:
    """Processes, mounts, namespaces, links, routes, cgroups, rules, kernel parameters."""
    layout, nodes = cluster.layout, cluster.node_names()
    cluster.down()
    before = machine(layout)
    cluster.up(nodes)
    during = machine(layout)
    faults.wifi_down(cluster, ATTIC)
    cluster.down()
    try:
        assert machine(layout) == before
        seen = ("processes", "mounts", "links", "routes", "cgroups", "files")
        assert all(during[part] != before[part] for part in seen)
        assert cluster.leftovers() == []
        with pytest.raises(TestbedError, match="No test cluster is up"):
            cluster.kubectl("get", "nodes")
    finally:
        cluster.up(nodes)


def machine(layout: Layout) -> dict[str, object]:
    """What of this machine a cluster could change."""
    logs = Path("/var/log/containers").glob("*")
    parameters = ("kernel/panic", "vm/overcommit_memory", "net/ipv4/ip_forward")
    return {
        "processes": sorted(_commands_naming(str(layout.root))),
        "mounts": sorted(
            line.split(" ", 5)[4] for line in _lines("/proc/self/mountinfo")
        ),
        "links": sorted(name for _, name in socket.if_nameindex()),
        "routes": _lines("/proc/net/route"),
        "tables": sorted(_lines("/proc/net/ip_tables_names")),
        "parameters": [_lines(f"/proc/sys/{name}") for name in parameters],
        "cgroups": Cgroups().leftovers(),
        "files": sorted(
            str(path)
            for folder in ("/run/netns", "/run/containerd")
            for path in Path(folder).rglob("*")
        ),
        "logs": sorted(
            str(link) for link in logs if link.readlink().is_relative_to(layout.root)
        ),
    }


def _commands_naming(words: str) -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            command = file.read_bytes().replace(b"\0", b" ").decode()
            if words in command:
                found.append(command)
    return found


def _lines(file: str) -> list[str]:
    path = Path(file)
    return path.read_text().splitlines() if path.exists() else []
