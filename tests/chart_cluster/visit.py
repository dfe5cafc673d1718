"""A house by the chart, as the tests see it: the cluster, the release, and Home Assistant's API."""

import asyncio
import json
from pathlib import Path
from typing import Any, Final

from testbed.chart_home import (
    ASSISTANT,
    ATTIC,
    HALL,
    NAMESPACE,
    RELEASE,
    ChartHome,
    HouseInPod,
    demo_values,
)
from testbed.cluster import Cluster
from testbed.system import wait_until

__all__ = [
    "ACCOUNT",
    "ATTIC",
    "CONFIG",
    "HALL",
    "ZONES",
    "Visit",
    "folder_of",
    "starts",
]

ACCOUNT: Final = f"system:serviceaccount:{NAMESPACE}:{ASSISTANT}"
CONFIG: Final = f"{ASSISTANT}-config"
ZONES: Final = ("home-garden", "home-lighting", "home-media")


class Visit:
    """One house, from `helm install` to `helm uninstall`."""

    def __init__(self, cluster: Cluster) -> None:
        """The cluster is up."""
        self.cluster = cluster
        self.home = ChartHome(cluster)
        self.values = demo_values()
        self._runner = asyncio.Runner()
        self._visitor: HouseInPod | None = None

    def close(self) -> None:
        """Leave."""
        if self._visitor is not None:
            self._runner.run(self._visitor.close())
        self._runner.close()

    # --- Home Assistant

    def enter(self, seconds: float = 120) -> None:
        """Come in, for the first time or again."""
        visitor = self._visitor = self._visitor or HouseInPod(self.cluster, HALL)

        async def come_in() -> None:
            async with asyncio.timeout(seconds):
                await visitor.enter()

        self._runner.run(come_in())

    def enter_again(self) -> None:
        """Come in at the door of a new house with the key of the old one."""
        assert self._visitor is not None
        token, self._visitor = self._visitor.token, HouseInPod(self.cluster, HALL)
        self._visitor.token = token
        self.enter()

    def call(self, kind: str, **fields: Any) -> Any:
        """Send a WebSocket command."""
        visitor = self._visitor
        assert visitor is not None

        async def ask() -> Any:
            # Between two calls nobody answers Home Assistant's pings.
            await visitor.enter()
            return await visitor.call(kind, **fields)

        return self._runner.run(ask())

    def service(self, name: str, entity_id: str, **data: Any) -> None:
        """Call a service; raises `HouseError` with the sentence that a user would see."""
        domain, service = name.split(".")
        self.call(
            "call_service",
            domain=domain,
            service=service,
            service_data=data,
            target={"entity_id": entity_id},
        )

    def state(self, entity_id: str) -> str | None:
        """An entity's state; None if there is no such entity."""
        found = self.states().get(entity_id)
        return None if found is None else str(found["state"])

    def states(self) -> dict[str, dict[str, Any]]:
        """All states by entity id."""
        assert self._visitor is not None
        listed = self._runner.run(self._visitor.rest("GET", "/api/states"))
        return {state["entity_id"]: state for state in listed}

    def wait_states(self, seconds: float = 60, **wanted: str) -> None:
        """Wait until entities have these states; the first `__` of a name stands for its dot."""
        ids = {name.replace("__", ".", 1): state for name, state in wanted.items()}
        seen: dict[str, str | None] = {}

        def as_wanted() -> bool:
            states = self.states()
            seen.update({name: states.get(name, {}).get("state") for name in ids})
            return seen == ids

        wait_until(
            f"{ids}", as_wanted, seconds=seconds, every=0.3, seen=lambda: str(seen)
        )

    def entry(self) -> dict[str, Any]:
        """The integration's one entry, loaded."""

        def loaded() -> dict[str, Any] | None:
            entries = self.call("config_entries/get", domain="home_cluster")
            return entries[0] if [e["state"] for e in entries] == ["loaded"] else None

        return wait_until("The entry", loaded, seconds=60, every=0.5) or {}

    # --- the cluster

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        """An object, by kubectl's words."""
        found: dict[str, Any] = json.loads(
            self.cluster.kubectl("get", kind, name, "-n", namespace, "-o", "json")
        )
        return found

    def image(self, name: str, namespace: str) -> str:
        """The image that a Deployment names."""
        spec = self.get("deployment", name, namespace)["spec"]["template"]["spec"]
        return str(spec["containers"][0]["image"])

    def replicas(self, name: str, namespace: str) -> int:
        """How many pods a Deployment should have."""
        return int(self.get("deployment", name, namespace)["spec"]["replicas"])

    def pods(self, component: str, namespace: str) -> list[dict[str, Any]]:
        """The pods of a device, without those that are on their way out."""
        return [
            pod
            for pod in self._all_pods(component, namespace)
            if "deletionTimestamp" not in pod["metadata"]
        ]

    def node_of(self, component: str, namespace: str) -> str:
        """The node of a device's only pod."""
        (pod,) = self.pods(component, namespace)
        return str(pod["spec"]["nodeName"])

    def scale(self, component: str, namespace: str, replicas: int) -> None:
        """Have so many pods of a device; on return they are Ready, and all others gone."""
        workload = f"deployment/{RELEASE}-{component}"
        self.cluster.kubectl(
            "scale", workload, "-n", namespace, f"--replicas={replicas}"
        )

        def ready() -> list[bool]:
            return [_is_ready(pod) for pod in self._all_pods(component, namespace)]

        wait_until(
            f"{replicas} of {component}",
            lambda: ready() == [True] * replicas,
            seconds=60,
            every=0.5,
            seen=lambda: str(ready()),
        )

    def upgrade(self) -> None:
        """`helm upgrade` with the values as they are now."""
        self.home.helm.upgrade(RELEASE, self.values)

    def exec(self, pod: str, namespace: str, *command: str) -> str:
        """Run a command in a pod; its output, and nothing where it fails."""
        return self.cluster.kubectl(
            *("exec", "-n", namespace, pod, "--", *command), check=False, timeout=30
        )

    def _all_pods(self, component: str, namespace: str) -> list[dict[str, Any]]:
        listed = self.cluster.kubectl(
            *("get", "pods", "-n", namespace, "-o", "json"),
            *("-l", f"app.kubernetes.io/component={component}"),
        )
        return list(json.loads(listed)["items"])


def _is_ready(pod: dict[str, Any]) -> bool:
    return any(
        one["type"] == "Ready" and one["status"] == "True"
        for one in pod["status"].get("conditions", ())
    )


def starts(visit: Visit) -> int:
    """How often the broker has started, as it counts on its own volume."""
    (pod,) = visit.pods("broker", "home-lighting")
    address = f"http://{pod['status']['podIP']}:8080/"
    said = visit.exec(
        *(f"{ASSISTANT}-0", NAMESPACE, "python3", "-c"),
        "import urllib.request; print(urllib.request.urlopen(urllib.request.Request("
        f"'{address}', headers={{'Accept': 'application/json'}}), timeout=5).read().decode())",
    )
    return int(json.loads(said)["starts"])


def folder_of(visit: Visit, claim: str, namespace: str) -> Path:
    """The folder of a claim on its node."""
    volume = visit.get("persistentvolumeclaim", claim, namespace)["spec"]["volumeName"]
    found = visit.cluster.api.get(f"/api/v1/persistentvolumes/{volume}")
    return Path(found["spec"]["local"]["path"])
