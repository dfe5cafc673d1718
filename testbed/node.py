"""One real node: containerd, kubelet, kube-proxy and the network policy controller."""

from collections.abc import Iterable, Sequence
import json
from pathlib import Path
import re
import shutil
from typing import Any, Final
from uuid import uuid4

from .api import Api
from .cgroups import Cgroups
from .errors import TestbedError
from .images import PAUSE_NAME
from .layout import PRIVATE_REGISTRY, REGISTRY, Layout, NodeSettings
from .network import PODS, SERVICES, Machine, connect, disconnect
from .pki import Pki
from .process import Processes
from .registry import write_hosts
from .system import environment, run, wait_until

PROGRAMS: Final = ("containerd", "kubelet", "kube-proxy", "netpol")
DNS: Final = "10.43.0.10"
_RUNC: Final = "/usr/sbin/runc"
_OVERLAY: Final = "overlay"
_BOOT: Final = (
    "mount --make-rprivate /proc && "
    'mount --bind "$1" /proc/sys/kernel/random/boot_id && shift && exec "$@"'
)
_LINKS_TO_LOGS: Final = Path("/var/log/containers")


class Node:
    """A machine that runs pods.

    Its folder is its disk; what a machine keeps in memory (sockets, mounts) is in `run` there.
    """

    def __init__(
        self,
        settings: NodeSettings,
        layout: Layout,
        processes: Processes,
        programs: Path,
    ) -> None:
        """Nothing is made or started yet."""
        self.name = settings.name
        self.machine: Machine = settings.machine
        self._labels = settings.labels
        self._layout = layout
        self._processes = processes
        self._bin = programs
        self._folder = layout.node(settings.name)
        self._cgroups = Cgroups()
        self._pki = Pki(layout.pki)
        self._api = Api(self._pki)

    @property
    def volumes(self) -> Path:
        """Where the node's local volumes are."""
        return self._folder / "volumes"

    def prepare(self) -> None:
        """Write the node's certificate and configuration."""
        self.issue()
        for part in ("cni", "run", "volumes", "kubelet"):
            (self._folder / part).mkdir(parents=True, exist_ok=True)
        for address in (REGISTRY, PRIVATE_REGISTRY):
            write_hosts(self._folder / "registries", address)
        (self._folder / "containerd.toml").write_text(
            containerd_config(self._folder, self._bin, _snapshotter(self._folder))
        )
        (self._folder / "cni" / "10-home.conflist").write_text(
            json.dumps(cni_config(self._folder, self.machine))
        )
        (self._folder / "kubelet.json").write_text(
            json.dumps(kubelet_config(self._folder, self._pki, self.name), indent=1)
        )

    def issue(self) -> None:
        """Issue the node's certificate by the present authority."""
        name = self._certificate
        self._pki.make_leaf(
            name,
            f"system:node:{self.name}",
            group="system:nodes",
            names=(self.name, self.machine.address),
        )
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "kubeconfig").write_text(self._pki.kubeconfig(name))

    def power_on(self, others: Iterable[Machine]) -> None:
        """Connect the machine and start containerd, ready to take images."""
        self._boot_id.write_text(f"{uuid4()}\n")
        self._cgroups.create(self.name)
        connect(self.machine, others)
        # The kubelet has mounts of its own: what it mounts must be seen by containerd, and what becomes of
        # the node's disks by the kubelet.
        share(self._folder / "kubelet")
        share(self.volumes)
        self.start("containerd")
        wait_until(
            f"containerd on {self.name}",
            self._answers,
            seconds=30,
            every=0.05,
            seen=lambda: self._processes.last_words(f"{self.name}/containerd"),
        )

    def join(self) -> None:
        """Start the rest; the API must be ready. The node is registered on return."""
        self.start("kubelet")
        self.start("kube-proxy")
        wait_until(
            f"The registration of {self.name}",
            lambda: self._api.find(f"/api/v1/nodes/{self.name}"),
            seconds=60,
            seen=lambda: self._processes.last_words(f"{self.name}/kubelet"),
        )
        self._api.patch(
            f"/api/v1/nodes/{self.name}", {"spec": {"podCIDR": self.machine.pods}}
        )
        self.start("netpol")

    def start(self, program: str) -> None:
        """Start one of the node's programs if it is not running."""
        name = f"{self.name}/{program}"
        if not self._processes.running(name):
            self._processes.start(
                name,
                [*self._apart(program), self._bin / program, *self._arguments(program)],
                namespace=self.machine.namespace,
                cgroup_files=self._cgroups.entry_files(self.name),
                env=environment(self._bin),
            )

    def _apart(self, program: str) -> Sequence[str | Path]:
        """Give the kubelet a boot id of the node's own: that of the machine does not change."""
        if program != "kubelet":
            return ()
        return (
            *("unshare", "--mount", "--propagation", "unchanged"),
            *("/bin/sh", "-c", _BOOT, "sh", self._boot_id),
        )

    def stop(self, program: str, *, grace: float = 10) -> None:
        """Stop one of the node's programs; pods go on running."""
        self._processes.stop(f"{self.name}/{program}", grace=grace)

    def power_off(self) -> None:
        """Cut the power: nothing of the node gets to say goodbye, and its memory is lost."""
        for program in PROGRAMS:
            self._processes.stop(f"{self.name}/{program}", grace=0)
        self._cgroups.kill(self.name)
        unmount_below(self._folder, keep=self.volumes)
        self.remove_sockets()
        shutil.rmtree(self._folder / "run", ignore_errors=True)
        (self._folder / "run").mkdir()
        self._cgroups.remove(self.name)
        disconnect(self.machine)

    def remove_sockets(self) -> None:
        """Remove the sockets that killed shims left in /run/containerd/s."""
        tasks = "containerd/io.containerd.runtime.v2.task/*/*/bootstrap.json"
        for file in (self._folder / "run").glob(tasks):
            try:
                address = str(json.loads(file.read_text())["address"])
            except OSError, ValueError, KeyError:
                continue
            Path(address.removeprefix("unix://")).unlink(missing_ok=True)

    def is_on(self) -> bool:
        """Whether containerd, the first program that comes up, is running."""
        return self._processes.running(f"{self.name}/containerd")

    def import_image(self, archive: Path) -> None:
        """Take the images of an OCI archive into the node's store."""
        self._ctr("-n", "k8s.io", "images", "import", str(archive))

    def _answers(self) -> bool:
        """Whether containerd takes commands."""
        try:
            self._ctr("version")
        except TestbedError:
            return False
        return True

    @property
    def _boot_id(self) -> Path:
        return self._folder / "boot-id"

    @property
    def _certificate(self) -> str:
        return f"node-{self.name}"

    def _ctr(self, *arguments: str) -> None:
        socket = self._folder / "run" / "cri.sock"
        run(self._bin / "ctr", "-a", socket, *arguments, timeout=300)

    def _arguments(self, program: str) -> list[str]:
        match program:
            case "containerd":
                return ["-c", str(self._folder / "containerd.toml")]
            case "kubelet":
                return kubelet_arguments(self._folder, self.machine, self._labels)
            case "kube-proxy":
                return proxy_arguments(self._layout.kubeconfig("kube-proxy"), self.name)
            case _:
                return [
                    f"--kubeconfig={self._layout.kubeconfig('netpol')}",
                    f"--node={self.name}",
                    f"--service-cidr={SERVICES}",
                ]


def containerd_config(folder: Path, programs: Path, snapshotter: str) -> str:
    """Containerd with all its files below the node's folder."""
    return f"""\
version = 3
root = "{folder}/containerd"
state = "{folder}/run/containerd"
temp = "{folder}/run/temp"
[grpc]
  address = "{folder}/run/cri.sock"
[ttrpc]
  address = "{folder}/run/cri.sock.ttrpc"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["{programs}"]
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    snapshotter = "{snapshotter}"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      BinaryName = "{shutil.which("runc") or _RUNC}"
      Root = "{folder}/run/runc"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "{snapshotter}"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "{PAUSE_NAME}"
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "{folder}/registries"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
[plugins."io.containerd.nri.v1.nri"]
  disable = true
"""


def cni_config(folder: Path, machine: Machine) -> dict[str, Any]:
    """A bridge on the node, addresses from its own /24."""
    return {
        "cniVersion": "1.0.0",
        "name": "home",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": True,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(folder / "ipam"),
                    "ranges": [[{"subnet": machine.pods}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def kubelet_config(folder: Path, pki: Pki, name: str) -> dict[str, Any]:
    """A kubelet that shares its machine with others of its kind."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki.ca)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki.certificate(f"node-{name}")),
        "tlsPrivateKeyFile": str(pki.key(f"node-{name}")),
        "containerRuntimeEndpoint": f"unix://{folder}/run/cri.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": Cgroups.root(name),
        "failCgroupV1": False,
        # Without it /stats/summary answers 500.
        "localStorageCapacityIsolation": True,
        "enforceNodeAllocatable": [],
        "oomScoreAdj": 0,
        "failSwapOn": False,
        # A node's silence is noticed after seconds here, not after a minute.
        "nodeStatusUpdateFrequency": "5s",
        "clusterDNS": [DNS],
        "clusterDomain": "cluster.local",
        "resolvConf": "",
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi"},
        "podLogsDir": str(folder / "podlogs"),
    }


def kubelet_arguments(
    folder: Path, machine: Machine, labels: dict[str, str]
) -> list[str]:
    """What a kubelet takes by the command line only."""
    words = [f"{key}={value}" for key, value in sorted(labels.items())]
    return [
        *("--config", f"{folder}/kubelet.json", "--kubeconfig", f"{folder}/kubeconfig"),
        *("--root-dir", f"{folder}/kubelet", "--hostname-override", machine.name),
        *("--node-ip", machine.address),
        *(("--node-labels", ",".join(words)) if words else ()),
    ]


def proxy_arguments(kubeconfig: Path, name: str) -> list[str]:
    """kube-proxy that leaves the host's connection tracking as it is."""
    return [
        *("--kubeconfig", str(kubeconfig), "--hostname-override", name),
        *("--cluster-cidr", f"{PODS}.0.0/16", "--proxy-mode", "iptables"),
        *("--conntrack-max-per-core", "0", "--conntrack-tcp-timeout-established", "0"),
        *("--conntrack-tcp-timeout-close-wait", "0"),
        *("--healthz-bind-address", "127.0.0.1:10256"),
    ]


def share(folder: Path) -> None:
    """Let everyone who looks at a folder see what is mounted in it from now on."""
    # That a folder is mounted onto itself only the kernel's list tells.
    if folder not in mounts_below(folder):
        run("mount", "--bind", folder, folder)
        run("mount", "--make-private", folder)
        run("mount", "--make-shared", folder)


def unmount_below(folder: Path, keep: Path | None = None) -> None:
    """Unmount everything below the folder, the deepest first; `keep` and what is in it stays."""
    for mount in mounts_below(folder):
        if keep is None or not mount.is_relative_to(keep):
            run("umount", "-l", mount)


def mounts_below(folder: Path) -> list[Path]:
    """Mount points below the folder, the last mounted first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    # Blanks and the like are written as \\040.
    mounts = (
        Path(
            re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), line.split()[4])
        )
        for line in reversed(lines)
    )
    return [mount for mount in mounts if mount.is_relative_to(folder)]


def remove_log_links(folder: Path) -> None:
    """Remove the links to our pods' logs that kubelets made in the machine's log folder."""
    if _LINKS_TO_LOGS.is_dir():
        for link in _LINKS_TO_LOGS.iterdir():
            if link.is_symlink() and link.readlink().is_relative_to(folder):
                link.unlink()


def _snapshotter(folder: Path) -> str:
    """Overlay file systems cannot be stacked: there whole copies must do."""
    folder.mkdir(parents=True, exist_ok=True)
    kind = run("stat", "-f", "-c", "%T", folder).strip()
    return "native" if kind.startswith(_OVERLAY) else "overlayfs"
