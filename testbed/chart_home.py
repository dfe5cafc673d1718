"""A home by the chart: Home Assistant itself is a pod of the test cluster."""

from pathlib import Path
import sys
from typing import Any, Final, override

import yaml

from . import ha_image
from .cluster import Cluster
from .errors import TestbedError
from .helm import Helm, Values
from .home import Home
from .house_client import HouseClient
from .house_socket import HouseError
from .network import HOST
from .system import environment, wait_until

RELEASE: Final = "home"
NAMESPACE: Final = "home"
ASSISTANT: Final = "home-home-assistant"
INDEX: Final = f"{HOST}:{ha_image.INDEX_PORT}"

HALL: Final = "pi-hall"
"""The node that Home Assistant runs on in the demo's values."""
ATTIC: Final = "pi-attic"

_INDEX: Final = "package-index"
_VALUES: Final = Path(__file__).parent / "demo" / "chart.yaml"


def demo_values() -> dict[str, Any]:
    """The values of a small house, to be changed at will."""
    values: dict[str, Any] = yaml.safe_load(_VALUES.read_text())
    return values


class HouseInPod(HouseClient):
    """The Home Assistant that the chart installed, reached through its Service."""

    def __init__(self, cluster: Cluster, node: str) -> None:
        """`node` is any node of the cluster: its address is what a browser would be given."""
        service = cluster.api.get(
            f"/api/v1/namespaces/{NAMESPACE}/services/{ASSISTANT}"
        )
        port = service["spec"]["ports"][0]["nodePort"]
        super().__init__(f"http://{cluster.machine(node).address}:{port}")
        self._cluster = cluster

    async def enter(self) -> None:
        """Come in, again after it was away; the pod is Ready and Home Assistant running on return."""
        await self._leave()
        await self._enter()

    async def finish_onboarding(self) -> None:
        """Answer the first start's other questions, as a person who skips them."""
        await self.rest("POST", "/api/onboarding/core_config", {})
        await self.rest("POST", "/api/onboarding/analytics", {})
        # This one hands out a code to sign in with, so it wants whoever signed in by a password.
        token, self.token = self.token, self.credentials["access_token"]
        site = f"{self.url}/"
        try:
            await self.rest(
                "POST",
                "/api/onboarding/integration",
                {"client_id": site, "redirect_uri": site},
            )
        finally:
            self.token = token

    @property
    def pod(self) -> dict[str, Any]:
        """Its pod as it is now."""
        return dict(
            self._cluster.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods/{ASSISTANT}-0")
        )

    def log(self, *arguments: str) -> str:
        """What Home Assistant's container said."""
        return self._cluster.kubectl(
            *("logs", "-n", NAMESPACE, f"{ASSISTANT}-0", "-c", "home-assistant"),
            *arguments,
            check=False,
        )

    @override
    def _check_alive(self) -> None:
        states = self.pod.get("status", {}).get("containerStatuses", [])
        if any(state["restartCount"] > 3 for state in states):
            raise HouseError(
                f"Home Assistant ends again and again:\n{self.log()}", "ended"
            )


class ChartHome:
    """The house: what stands around the release, and the release. `Cluster.down` takes all down."""

    def __init__(self, cluster: Cluster) -> None:
        """The cluster is up; nothing else is assumed."""
        self.helm = Helm(cluster, NAMESPACE)
        self._cluster = cluster
        self._home = Home(cluster)

    def prepare(self, node: str) -> None:
        """Start the registry, volumes, metrics and packages, and give `node` the image of Home Assistant."""
        image = ha_image.archive()
        self._home.start_registry()
        self._home.start_volumes()
        self._home.start_metrics()
        self.start_index()
        self._cluster.node(node).import_image(image)

    def start_index(self) -> None:
        """Start to serve the integration's packages: the home's internet, so to say."""
        if not self._cluster.processes.running(_INDEX):
            self._cluster.processes.start(
                _INDEX,
                [
                    sys.executable,
                    "-m",
                    f"{__package__}.package_index",
                    "--listen",
                    INDEX,
                ],
                env={**environment(), "PYTHONPATH": str(Path(__file__).parents[1])},
            )

    def stop_index(self) -> None:
        """Cut that off."""
        self._cluster.processes.stop(_INDEX, grace=0)

    def install(self, values: Values) -> None:
        """Install the chart and wait until Home Assistant is Ready."""
        self.helm.install(RELEASE, values)
        self.wait_ready()

    def wait_ready(self, seconds: float = 180) -> None:
        """Wait until Home Assistant's pod is Ready."""
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{ASSISTANT}-0"

        def ready() -> bool:
            pod = self._cluster.api.find(path) or {}
            return "deletionTimestamp" not in pod.get("metadata", {}) and any(
                one["type"] == "Ready" and one["status"] == "True"
                for one in pod.get("status", {}).get("conditions", [])
            )

        try:
            wait_until("Home Assistant's pod", ready, seconds=seconds, every=0.5)
        except TestbedError as error:
            said = self._cluster.kubectl(
                *("describe", "pod", "-n", NAMESPACE, f"{ASSISTANT}-0"), check=False
            )
            words = self._cluster.kubectl(
                *("logs", "-n", NAMESPACE, f"{ASSISTANT}-0", "--all-containers"),
                "--tail=40",
                check=False,
            )
            raise TestbedError(f"{error}\n{said}\n{words}") from error
