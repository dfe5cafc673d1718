"""The demo home on a test cluster: its image registry, volumes, metrics, and the devices themselves."""

from collections.abc import Mapping
from pathlib import Path
import sys
from typing import Any, Final, Self

import yaml

from . import api_service, programs, registry, volumes
from .cluster import Cluster
from .images import home_images
from .layout import PRIVATE_REGISTRY, REGISTRY
from .network import HOST
from .system import environment, joined, wait_until

DEMO: Final = Path(__file__).parent / "demo"
ZONES: Final = ("kitchen", "media", "garden")
PRIVATE_ACCOUNT: Final = ("home", "open sesame")

_METRICS_PORT: Final = 8443
_ROLLED_OUT: Final = ("Deployment", "StatefulSet", "DaemonSet")


def manifests() -> list[dict[str, Any]]:
    """Every object of the demo home."""
    return [
        document
        for zone in ZONES
        for document in yaml.safe_load_all((DEMO / f"{zone}.yaml").read_text())
    ]


class Home:
    """What stands on a cluster that is up. `Cluster.down` takes all of it down too.

    Every part can be started alone and again: what runs already is left as it is.
    """

    def __init__(self, cluster: Cluster) -> None:
        """The cluster is up; nothing else is assumed."""
        self._cluster = cluster
        self._processes = cluster.processes
        self._folder = cluster.layout.root

    def up(self) -> Self:
        """Bring the whole home up: every device is ready on return."""
        self.start_registry()
        self.start_volumes()
        self.start_metrics()
        self.deploy()
        return self

    def start_registry(self) -> None:
        """Start the registry and push every image of the home to it."""
        self._start_registry("registry", REGISTRY)
        with registry.RegistryClient(REGISTRY) as client:
            for name, image in home_images().items():
                client.push(name, image)

    def start_private_registry(self) -> None:
        """Start a registry that wants `PRIVATE_ACCOUNT`, with the images of the fridge."""
        self._start_registry(
            "private-registry", PRIVATE_REGISTRY, dict([PRIVATE_ACCOUNT])
        )
        with registry.RegistryClient(PRIVATE_REGISTRY, PRIVATE_ACCOUNT) as client:
            for name, image in home_images(["fridge"]).items():
                client.push(name, image)

    def start_volumes(self) -> None:
        """Start to give volumes to claims; the storage class is the cluster's default."""
        self._cluster.apply(volumes.manifests())
        self._start_module(
            "volumes",
            *("--kubeconfig", self._cluster.layout.kubeconfig("volumes")),
            *("--folder", self._cluster.layout.nodes),
        )

    def start_metrics(self) -> None:
        """Start to serve metrics.k8s.io; figures come with the kubelets' second reading."""
        pki = self._cluster.control_plane.pki
        self._start_module(
            "metrics",
            *("--kubeconfig", self._cluster.layout.kubeconfig("metrics")),
            *("--certificate", pki.certificate("metrics-server")),
            *("--key", pki.key("metrics-server")),
            *("--listen", f"{HOST}:{_METRICS_PORT}"),
        )
        self._cluster.apply(api_service.manifests(pki.ca, HOST, _METRICS_PORT))

    def deploy(self, seconds: int = 120) -> None:
        """Apply the demo home as it was made, and wait until its devices are ready."""
        objects = manifests()
        self._cluster.apply(objects)
        for one in objects:
            if one["kind"] in _ROLLED_OUT:
                self._cluster.wait_rollout(
                    one["metadata"]["namespace"],
                    f"{one['kind'].lower()}/{one['metadata']['name']}",
                    seconds,
                )

    def remove(self) -> None:
        """Take the demo home off the cluster; the registry, volumes and metrics stay."""
        self._cluster.kubectl(
            *("delete", "namespace", *ZONES, "--ignore-not-found", "--wait")
        )

    def wait_metrics(self, seconds: float = 90) -> None:
        """Wait until there are figures of every node."""
        nodes = set(self._cluster.node_names())

        def missing() -> set[str]:
            listed = self._cluster.kubectl("top", "nodes", "--no-headers", check=False)
            return nodes - {line.split()[0] for line in listed.splitlines() if line}

        wait_until(
            f"Figures of {joined(sorted(nodes))}",
            lambda: not missing(),
            seconds=seconds,
            every=1,
            seen=lambda: f"none of {joined(sorted(missing()))}",
        )

    def _start_registry(
        self, name: str, address: str, accounts: Mapping[str, str] | None = None
    ) -> None:
        if not self._processes.running(name):
            folder = self._folder / name
            self._processes.start(
                name,
                [
                    programs.program("registry"),
                    *("serve", registry.configuration(folder, address, accounts)),
                ],
                env={**environment(), "OTEL_TRACES_EXPORTER": "none"},
            )
        with registry.RegistryClient(address) as client:
            wait_until(
                f"The registry at {address}",
                client.ready,
                seconds=30,
                seen=lambda: self._processes.last_words(name),
            )

    def _start_module(self, name: str, *arguments: str | Path) -> None:
        if not self._processes.running(name):
            self._processes.start(
                name,
                [sys.executable, "-m", f"{__package__}.{name}", *arguments],
                env={**environment(), "PYTHONPATH": str(Path(__file__).parents[1])},
            )
