"""etcd, kube-apiserver, kube-controller-manager and kube-scheduler, on a machine of their own."""

import base64
import json
from pathlib import Path
import secrets
import shutil
from typing import Final

from .api import ADMIN, Api, admin_kubeconfig
from .errors import TestbedError
from .layout import Layout, Settings
from .network import SERVICES, THE_CONTROL_PLANE
from .pki import API_NAMES, METRICS_NAMES, Pki
from .process import Processes
from .system import Argument, run, wait_until

ETCD: Final = "etcd"
API: Final = "kube-apiserver"
CONTROLLERS: Final = "kube-controller-manager"
SCHEDULER: Final = "kube-scheduler"
ALL: Final = (ETCD, API, CONTROLLERS, SCHEDULER)

_ETCD_CLIENTS: Final = "http://127.0.0.1:2379"
_ETCD_PEERS: Final = "http://127.0.0.1:2380"
_ISSUER: Final = "https://kubernetes.default.svc"
# Enough for ten thousand pods in minutes; a home never comes near it.
_RATE: Final = ("--kube-api-qps", "300", "--kube-api-burst", "600")

# An autoscaler that looks every five seconds, and counts the CPU of a pod soon after its start.
_QUICK_SCALING: Final = (
    *("--horizontal-pod-autoscaler-sync-period", "5s"),
    *("--horizontal-pod-autoscaler-cpu-initialization-period", "10s"),
    *("--horizontal-pod-autoscaler-initial-readiness-delay", "5s"),
)

_LEAVES: Final = {
    # name: (common name, group)
    ADMIN: (ADMIN, "system:masters"),
    "kubelet-client": ("apiserver-kubelet", "system:masters"),
    CONTROLLERS: ("system:kube-controller-manager", None),
    SCHEDULER: ("system:kube-scheduler", None),
    "kube-proxy": ("system:kube-proxy", None),
    "netpol": ("home-cluster:netpol", None),
    "kwok": ("kwok", "system:masters"),
    "metrics": ("home-cluster:metrics", "system:masters"),
    "volumes": ("home-cluster:volumes", "system:masters"),
    "front-proxy": ("front-proxy", None),
}


class ControlPlane:
    """The machine with the cluster's brain."""

    def __init__(
        self, layout: Layout, processes: Processes, settings: Settings
    ) -> None:
        """Nothing is made or started yet."""
        self._layout = layout
        self._processes = processes
        self._settings = settings
        self._folder = layout.control_plane
        self._bin = Path(settings.programs)
        self.pki = Pki(layout.pki)
        self.api = Api(self.pki)

    def prepare(self) -> None:
        """Make certificates, accounts and keys of a new cluster."""
        self.pki.make_authority()
        self.pki.make_account_key()
        self.issue()
        self._folder.mkdir(parents=True, exist_ok=True)
        make_encryption(self._encryption)

    def issue(self) -> None:
        """Issue all certificates of the control plane anew by the present authority."""
        for name, (common_name, group) in _LEAVES.items():
            self.pki.make_leaf(name, common_name, group=group)
        self.pki.make_leaf(API, API, names=API_NAMES)
        self.pki.make_leaf("metrics-server", "metrics", names=METRICS_NAMES)
        admin_kubeconfig(self.pki, self._layout.admin_kubeconfig)
        for account in (
            CONTROLLERS,
            SCHEDULER,
            "kube-proxy",
            "netpol",
            "kwok",
            "metrics",
            "volumes",
        ):
            file = self._layout.kubeconfig(account)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.pki.kubeconfig(account))

    def start(self) -> None:
        """Start what is not running; the API is ready on return."""
        for name in (ETCD, API):
            if not self._processes.running(name):
                self._start(name)
        self.wait_ready()
        # Started before the API is ready these two would back off for minutes.
        for name in (CONTROLLERS, SCHEDULER):
            if not self._processes.running(name):
                self._start(name)

    def stop(self, *names: str, grace: float = 10) -> None:
        """Stop some of the programs, or all: the last in the chain first."""
        for name in reversed(ALL):
            if not names or name in names:
                self._processes.stop(name, grace=grace)

    def wait_ready(self, seconds: float = 90) -> None:
        """Wait until the API says it is ready; at once an error if a program died."""

        def ready() -> bool:
            for name in (ETCD, API):
                if not self._processes.running(name):
                    raise TestbedError(
                        f"{name} stopped: {self._processes.last_words(name)} (see {self._processes.log(name)})."
                    )
            return self.api.ready()

        wait_until("The API server's readiness", ready, seconds=seconds, every=0.05)

    def snapshot(self, file: Path) -> None:
        """Save what etcd holds now."""
        self._in_namespace(
            "etcdctl", "--endpoints", _ETCD_CLIENTS, "snapshot", "save", file
        )

    def restore(self, file: Path, *, bump_revision: int = 0) -> None:
        """Put a snapshot in the place of etcd's data; etcd and the API must be stopped.

        Without a bump, versions that clients already saw are given out a second time.
        """
        if not file.is_file():
            raise TestbedError(f"There is no snapshot {file}.")
        bump = ["--bump-revision", str(bump_revision), "--mark-compacted"]
        made = self._folder / "restored"
        shutil.rmtree(made, ignore_errors=True)
        self._in_namespace(
            *("etcdutl", "snapshot", "restore", file, "--data-dir", made),
            *("--name", ETCD, "--initial-cluster", f"{ETCD}={_ETCD_PEERS}"),
            *("--initial-advertise-peer-urls", _ETCD_PEERS),
            *(bump if bump_revision else ()),
        )
        shutil.rmtree(self._data)
        made.rename(self._data)

    def compact(self) -> None:
        """Let etcd forget every version but the newest."""
        status = self._in_namespace(
            *("etcdctl", "--endpoints", _ETCD_CLIENTS),
            *("endpoint", "status", "--write-out", "json"),
        )
        revision = json.loads(status)[0]["Status"]["header"]["revision"]
        self._in_namespace(
            "etcdctl", "--endpoints", _ETCD_CLIENTS, "compaction", str(revision)
        )

    @property
    def _data(self) -> Path:
        return self._folder / "etcd"

    @property
    def _encryption(self) -> Path:
        return self._folder / "encryption.json"

    def _in_namespace(self, program: str, *arguments: Argument) -> str:
        namespace = f"--net=/run/netns/{THE_CONTROL_PLANE.namespace}"
        return run("nsenter", namespace, "--", self._bin / program, *arguments)

    def _start(self, name: str) -> None:
        match name:
            case "etcd":
                arguments = etcd_arguments(self._data)
            case "kube-apiserver":
                arguments = apiserver_arguments(self.pki, self._encryption)
            case "kube-controller-manager":
                arguments = controller_arguments(
                    self.pki, self._layout.kubeconfig(name), self._settings.node_grace
                )
            case _:
                arguments = scheduler_arguments(self._layout.kubeconfig(name))
        self._processes.start(
            name,
            [self._bin / name, *arguments],
            namespace=THE_CONTROL_PLANE.namespace,
        )


def make_encryption(file: Path) -> None:
    """Write how secrets are encrypted, with a key of its own, for nobody else to read."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    file.touch(mode=0o600)
    file.write_text(json.dumps(encryption_config(key)))


def encryption_config(key: str) -> dict[str, object]:
    """Secrets are encrypted at rest, as k3s does with --secrets-encryption."""
    secretbox = {"secretbox": {"keys": [{"name": "key1", "secret": key}]}}
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [
            {"resources": ["secrets"], "providers": [secretbox, {"identity": {}}]}
        ],
    }


def etcd_arguments(data: Path) -> list[str]:
    """Etcd for this machine only. Data is lost with the machine, so it need not reach the disk."""
    return [
        *("--name", ETCD, "--data-dir", str(data)),
        *(
            "--listen-client-urls",
            _ETCD_CLIENTS,
            "--advertise-client-urls",
            _ETCD_CLIENTS,
        ),
        *(
            "--listen-peer-urls",
            _ETCD_PEERS,
            "--initial-advertise-peer-urls",
            _ETCD_PEERS,
        ),
        *("--initial-cluster", f"{ETCD}={_ETCD_PEERS}"),
        *("--log-level", "warn", "--unsafe-no-fsync"),
    ]


def apiserver_arguments(pki: Pki, encryption: Path) -> list[str]:
    """An API server with RBAC, aggregation, and secrets encrypted."""
    return [
        *(
            "--advertise-address",
            THE_CONTROL_PLANE.address,
            "--bind-address",
            "0.0.0.0",
        ),
        *("--secure-port", "6443", "--etcd-servers", _ETCD_CLIENTS),
        *("--service-cluster-ip-range", SERVICES),
        *("--client-ca-file", str(pki.ca)),
        *("--tls-cert-file", str(pki.certificate(API))),
        *("--tls-private-key-file", str(pki.key(API))),
        *("--kubelet-certificate-authority", str(pki.ca)),
        *("--kubelet-client-certificate", str(pki.certificate("kubelet-client"))),
        *("--kubelet-client-key", str(pki.key("kubelet-client"))),
        # Node names are not in any DNS here.
        *("--kubelet-preferred-address-types", "InternalIP"),
        *("--service-account-key-file", str(pki.account_public)),
        *("--service-account-signing-key-file", str(pki.account_key)),
        *("--service-account-issuer", _ISSUER),
        *("--authorization-mode", "Node,RBAC"),
        *("--enable-admission-plugins", "NodeRestriction", "--allow-privileged"),
        *("--encryption-provider-config", str(encryption)),
        *("--requestheader-client-ca-file", str(pki.ca)),
        *("--requestheader-allowed-names", "front-proxy"),
        *("--requestheader-username-headers", "X-Remote-User"),
        *("--requestheader-group-headers", "X-Remote-Group"),
        *("--requestheader-extra-headers-prefix", "X-Remote-Extra-"),
        *("--proxy-client-cert-file", str(pki.certificate("front-proxy"))),
        *("--proxy-client-key-file", str(pki.key("front-proxy"))),
        "--enable-aggregator-routing",
    ]


def controller_arguments(pki: Pki, kubeconfig: Path, node_grace: int) -> list[str]:
    """All controllers; a silent node is unknown after the grace (seconds)."""
    return [
        *_account(kubeconfig),
        "--use-service-account-credentials",
        *("--service-account-private-key-file", str(pki.account_key)),
        *("--root-ca-file", str(pki.ca)),
        *("--cluster-signing-cert-file", str(pki.ca)),
        *("--cluster-signing-key-file", str(pki.ca_key)),
        *("--node-monitor-grace-period", f"{node_grace}s"),
        *_QUICK_SCALING,
    ]


def scheduler_arguments(kubeconfig: Path) -> list[str]:
    """The ordinary scheduler."""
    return _account(kubeconfig)


def _account(kubeconfig: Path) -> list[str]:
    file = str(kubeconfig)
    return [
        *("--kubeconfig", file, "--authentication-kubeconfig", file),
        *("--authorization-kubeconfig", file),
        *("--leader-elect=false", "--bind-address", "127.0.0.1", *_RATE),
    ]
