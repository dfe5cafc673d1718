"""What the programs of the test cluster are told."""

from pathlib import Path
import tomllib

import pytest

from testbed import addons, controlplane, kwok, node
from testbed.errors import TestbedError
from testbed.layout import Layout, NodeSettings, Settings, default_state
from testbed.network import THE_CONTROL_PLANE, Machine
from testbed.pki import Pki

ATTIC = Machine("pi-attic", 1)
CELLAR = Machine("pi-cellar", 2)
FOLDER = Path("/disk")


def values(arguments: list[str], option: str) -> str:
    """The value after an option, or after its equals sign."""
    for index, word in enumerate(arguments):
        if word == option:
            return arguments[index + 1]
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    raise AssertionError(f"{option} is not among {arguments}")


def test_every_machine_has_an_address_a_namespace_and_a_cable_of_its_own() -> None:
    """Two nodes and the control plane share one bridge."""
    machines = (THE_CONTROL_PLANE, ATTIC, CELLAR)
    assert [one.address for one in machines] == [
        "192.168.244.2",
        "192.168.244.11",
        "192.168.244.12",
    ]
    assert [one.namespace for one in machines] == ["hc", "hc-pi-attic", "hc-pi-cellar"]
    assert len({one.link for one in machines}) == 3
    assert (ATTIC.pods, CELLAR.pods) == ("10.42.1.0/24", "10.42.2.0/24")


def test_all_files_of_containerd_are_below_the_node_s_folder() -> None:
    """Else two nodes, or the machine's own containerd, would meet."""
    config = tomllib.loads(
        node.containerd_config(FOLDER, Path("/programs"), "overlayfs")
    )
    runtime = config["plugins"]["io.containerd.cri.v1.runtime"]
    paths = [
        config["root"],
        config["state"],
        config["temp"],
        config["grpc"]["address"],
        config["ttrpc"]["address"],
        config["plugins"]["io.containerd.internal.v1.opt"]["path"],
        config["plugins"]["io.containerd.cri.v1.images"]["registry"]["config_path"],
        runtime["containerd"]["runtimes"]["runc"]["options"]["Root"],
        runtime["cni"]["conf_dir"],
    ]
    assert all(Path(path).is_relative_to(FOLDER) for path in paths)
    assert runtime["netns_mounts_under_state_dir"]
    assert config["plugins"]["io.containerd.nri.v1.nri"]["disable"]


def test_each_kubelet_has_a_cgroup_root_of_its_own(tmp_path: Path) -> None:
    """With a shared root each kubelet would kill the other's pods."""
    pki = Pki(tmp_path)
    roots = {
        node.kubelet_config(FOLDER, pki, name)["cgroupRoot"]
        for name in ("pi-attic", "pi-cellar")
    }
    assert roots == {"/home-cluster/pi-attic", "/home-cluster/pi-cellar"}


def test_a_kubelet_reports_its_figures_and_needs_no_cgroup_v2(tmp_path: Path) -> None:
    """Without storage isolation /stats/summary answers 500."""
    config = node.kubelet_config(FOLDER, Pki(tmp_path), "pi-attic")
    assert config["localStorageCapacityIsolation"] is True
    assert config["failCgroupV1"] is False
    assert config["containerRuntimeEndpoint"] == "unix:///disk/run/cri.sock"


def test_node_labels_are_given_only_if_there_are_any() -> None:
    """An empty list of labels is an error to the kubelet."""
    plain = node.kubelet_arguments(FOLDER, ATTIC, {})
    assert "--node-labels" not in plain
    labelled = node.kubelet_arguments(FOLDER, ATTIC, {"zone": "attic", "arch": "arm"})
    assert values(labelled, "--node-labels") == "arch=arm,zone=attic"
    assert values(labelled, "--node-ip") == ATTIC.address


def test_pods_of_a_node_get_addresses_of_its_range() -> None:
    """The other nodes route that range to it."""
    bridge = node.cni_config(FOLDER, CELLAR)["plugins"][0]
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.42.2.0/24"}]]


def test_kube_proxy_leaves_the_machine_s_connection_tracking_alone() -> None:
    """Those limits are the whole machine's."""
    arguments = node.proxy_arguments(Path("/kubeconfig"), "pi-attic")
    for option in ("max-per-core", "tcp-timeout-established", "tcp-timeout-close-wait"):
        assert values(arguments, f"--conntrack-{option}") == "0"


def test_the_api_server_never_advertises_loopback_and_encrypts_secrets() -> None:
    """It refuses a loopback address; k3s encrypts likewise."""
    arguments = controlplane.apiserver_arguments(Pki(Path("/pki")), Path("/enc"))
    assert values(arguments, "--advertise-address") == "192.168.244.2"
    assert values(arguments, "--encryption-provider-config") == "/enc"
    assert values(arguments, "--kubelet-preferred-address-types") == "InternalIP"
    first, second = controlplane.encryption_config("k")["resources"][0]["providers"]  # type: ignore[index]
    assert "secretbox" in first
    assert "identity" in second


@pytest.mark.parametrize("grace", [20, 40])
def test_a_silent_node_is_unknown_after_the_grace(grace: int) -> None:
    """40 seconds with kwok, 20 without."""
    arguments = controlplane.controller_arguments(
        Pki(Path("/pki")), Path("/kubeconfig"), grace
    )
    assert values(arguments, "--node-monitor-grace-period") == f"{grace}s"


def test_kwok_plays_its_own_nodes_only_and_long_enough_for_the_grace() -> None:
    """Real nodes keep their kubelets."""
    arguments = kwok.arguments(Path("/kubeconfig"))
    assert values(arguments, "--manage-all-nodes") == "false"
    selector = values(arguments, "--manage-nodes-with-annotation-selector")
    key, _, value = selector.partition("=")
    assert kwok.node(7)["metadata"]["annotations"] == {key: value}
    assert int(values(arguments, "--node-lease-duration-seconds")) >= kwok.NODE_GRACE


@pytest.mark.parametrize("pods", [1, 10, 25, 1000])
def test_a_crowd_has_exactly_the_pods_that_were_asked_for(pods: int) -> None:
    """The last Deployment takes the rest."""
    _, *crowd = kwok.deployments("crowd", pods)
    assert sum(one["spec"]["replicas"] for one in crowd) == pods
    assert len({one["metadata"]["name"] for one in crowd}) == len(crowd)


def test_the_policy_controller_may_read_and_nothing_else() -> None:
    """It runs with an account of its own, not the admin's."""
    rules = [
        rule
        for one in addons.manifests()
        if one["kind"] == "ClusterRole"
        for rule in one["rules"]
    ]
    assert rules
    assert {verb for rule in rules for verb in rule["verbs"]} == {
        "get",
        "list",
        "watch",
    }


def test_settings_survive_from_one_command_to_the_next(tmp_path: Path) -> None:
    """All that a later command knows is in the state folder."""
    layout = Layout(tmp_path)
    assert layout.load() is None
    settings = Settings(
        programs="/programs",
        nodes=[NodeSettings("pi-attic", 1, {"zone": "attic"})],
        node_grace=40,
        kernel={"kernel/panic": "0"},
    )
    layout.save(settings)
    assert layout.load() == settings


def test_a_damaged_state_is_said_in_a_sentence(tmp_path: Path) -> None:
    """With the command that helps."""
    (tmp_path / "cluster.json").write_text("{")
    with pytest.raises(TestbedError, match="is damaged: .*testbed down"):
        Layout(tmp_path).load()


def test_a_state_folder_too_deep_for_sockets_is_refused(tmp_path: Path) -> None:
    """A socket's path has room for 107 characters."""
    Layout(Path("/home/somebody/.local/state/home-cluster/testbed")).require_room(
        "pi-living-room"
    )
    with pytest.raises(TestbedError, match="too long a path for the sockets of pi"):
        Layout(tmp_path / ("deep" * 20)).require_room("pi")


def test_the_state_folder_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The project's own variable first, then the desktop standard's."""
    monkeypatch.delenv("HOME_CLUSTER_STATE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_state() == tmp_path / "home-cluster" / "testbed"
    monkeypatch.setenv("HOME_CLUSTER_STATE", "/elsewhere")
    assert default_state() == Path("/elsewhere")
