"""Records what the API server tells of devices that fail: the inputs of the tests of the model.

`python -m testbed.record [NAME…]` provokes the failures (all, or those whose names begin so) on the
test cluster, which is started for it if none is up, and writes a file each.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
import json
from pathlib import Path
import sys
import time
from typing import Any, Final

from . import network
from .cluster import NODES, Cluster
from .errors import TestbedError
from .failures import ALONE, CLOSED, LOSSES, Failure, Object
from .home import Home

RECORDED: Final = Path(__file__).parents[1] / "tests" / "unit" / "model" / "recorded"
AT_ONCE: Final = 12
PATIENCE: Final = 240
SYSTEM: Final = "home-cluster.github.io/system"

_KINDS: Final = (
    "deployments",
    "statefulsets",
    "daemonsets",
    "cronjobs",
    "jobs",
    "pods",
    "persistentvolumeclaims",
    "events",
)
# Of no use to the model, long, or a secret.
_DROPPED: Final = frozenset(
    {
        *(
            "managedFields",
            "env",
            "envFrom",
            "args",
            "command",
            "volumeMounts",
            "tolerations",
            "resources",
        ),
        *(
            "livenessProbe",
            "readinessProbe",
            "startupProbe",
            "affinity",
            "securityContext",
            "images",
        ),
        *(
            "imagePullSecrets",
            "containerID",
            "imageID",
            "sandboxID",
            "allocatedResources",
            "user",
        ),
        *(
            "kubectl.kubernetes.io/last-applied-configuration",
            "machineID",
            "systemUUID",
            "bootID",
        ),
        *(
            "podIP",
            "podIPs",
            "hostIP",
            "hostIPs",
            "daemonEndpoints",
            "addresses",
            "podCIDR",
            "podCIDRs",
        ),
        *(
            "terminationMessagePath",
            "terminationMessagePolicy",
            "dnsPolicy",
            "schedulerName",
            "qosClass",
        ),
        *(
            "enableServiceLinks",
            "preemptionPolicy",
            "priority",
            "serviceAccount",
            "reportingComponent",
        ),
        *(
            "imagePullPolicy",
            "reportingInstance",
            "volumeStatus",
            "features",
            "declaredFeatures",
            "allocatable",
            "lastHeartbeatTime",
            "kernelVersion",
            "runtimeHandlers",
        ),
    }
)


def trimmed(value: Any) -> Any:
    """A JSON value without what nobody reads."""
    if isinstance(value, dict):
        return {
            key: trimmed(part) for key, part in value.items() if key not in _DROPPED
        }
    if isinstance(value, list):
        return [
            trimmed(part)
            for part in value
            if not (
                isinstance(part, dict)
                and str(part.get("name", "")).startswith("kube-api-access-")
            )
        ]
    return value


def interesting(one: Object) -> bool:
    """Whether an object can change an answer: of the Events, warnings and what tells why a container ended."""
    return one["kind"] != "Event" or bool(
        one["type"] == "Warning" or one["reason"] == "Killing"
    )


class Recorder:
    """Provokes failures on a cluster and writes what is told of them."""

    def __init__(self, cluster: Cluster, folder: Path = RECORDED) -> None:
        """The cluster is up, with its registries and volumes."""
        self._cluster = cluster
        self._folder = folder

    def provoke(self, wanted: Sequence[Failure]) -> dict[str, list[Object]]:
        """Make the devices, take the steps and wait for each; what is told of the last, by namespace."""
        for failure in wanted:
            # Marked as the system's, so that nobody who uses the cluster meanwhile makes devices of it.
            mark = {"name": failure.namespace, "labels": {SYSTEM: "true"}}
            self._cluster.apply(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": mark}
            )
        time.sleep(2)
        for failure in wanted:
            self._apply(failure, *failure.objects)
        steps = {failure.name: list(failure.steps) for failure in wanted}
        due: dict[str, float] = {}
        waiting = list(wanted)
        deadline = time.monotonic() + PATIENCE
        told: dict[str, list[Object]] = {}
        while waiting:
            told = self.tell()
            for failure in tuple(waiting):
                text = json.dumps(
                    told.get(failure.namespace, []), separators=(",", ":")
                )
                if steps[failure.name]:
                    texts, action = steps[failure.name][0]
                    if all(one in text for one in texts):
                        self._act(failure, action, told[failure.namespace])
                        steps[failure.name].pop(0)
                elif failure.name not in due:
                    if all(one in text for one in failure.until):
                        due[failure.name] = time.monotonic() + failure.for_seconds
                        if not failure.for_seconds:
                            waiting.remove(failure)
                            self.write(failure, failure.name, told[failure.namespace])
                elif time.monotonic() >= due[failure.name]:
                    waiting.remove(failure)
                    self.write(failure, failure.name, told[failure.namespace])
            if time.monotonic() > deadline:
                names = ", ".join(failure.name for failure in waiting)
                print(f"did not come to pass: {names}", file=sys.stderr)
                break
            time.sleep(1)
        return told

    def forget(self, wanted: Iterable[Failure]) -> None:
        """Remove the devices; finalizers of theirs are opened."""
        for failure in wanted:
            pods = self._cluster.kubectl(
                "get", "pods", "-n", failure.namespace, "-o", "name"
            ).split()
            for pod in pods:
                patch = '{"metadata":{"finalizers":null}}'
                self._cluster.kubectl(
                    *(
                        "patch",
                        pod,
                        "-n",
                        failure.namespace,
                        "--type=merge",
                        "-p",
                        patch,
                    ),
                    check=False,
                )
            self._cluster.kubectl(
                "delete",
                "namespace",
                failure.namespace,
                "--wait=false",
                "--ignore-not-found",
            )

    def tell(self) -> dict[str, list[Object]]:
        """All objects that a device may consist of, by namespace."""
        text = self._cluster.kubectl("get", ",".join(_KINDS), "-A", "-o", "json")
        told: dict[str, list[Object]] = {}
        for one in json.loads(text)["items"]:
            told.setdefault(one["metadata"]["namespace"], []).append(one)
        return told

    def write(self, failure: Failure, name: str, objects: Sequence[Object]) -> None:
        """Write a recording: when, of which device, and an object a line."""
        kind, device = failure.device
        nodes = json.loads(self._cluster.kubectl("get", "nodes", "-o", "json"))["items"]
        head = {
            "now": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "ref": [kind, failure.namespace, device],
        }
        root = str(self._cluster.layout.root)
        lines = [
            json.dumps(trimmed(one), separators=(",", ":"), sort_keys=True).replace(
                root, "/var/lib"
            )
            for one in [*objects, *nodes]
            if interesting(one)
        ]
        self._folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(head)[:-1] + ', "objects": [\n' + ",\n".join(lines) + "\n]}\n"
        (self._folder / f"{name}.json").write_text(text)
        print(f"recorded {name}")

    def _apply(self, failure: Failure, *objects: Object) -> None:
        placed = []
        for one in objects:
            metadata = {"name": failure.namespace, **one["metadata"]}
            if one["kind"] != "Namespace":
                metadata["namespace"] = failure.namespace
            placed.append({**one, "metadata": metadata})
        # What a device needs comes before the device.
        self._cluster.apply(placed[::-1])

    def _act(self, failure: Failure, action: Any, objects: Sequence[Object]) -> None:
        if isinstance(action, dict):
            self._apply(failure, action)
        elif isinstance(action, str):
            path = action.removeprefix("POST ")
            pod = next(
                one["metadata"]["name"] for one in objects if one["kind"] == "Pod"
            )
            proxy = (
                f"/api/v1/namespaces/{failure.namespace}/pods/{pod}:8080/proxy{path}"
            )
            self._cluster.api.request("POST", proxy, b"{}")
        else:
            self._cluster.kubectl(*action, "-n", failure.namespace)


def _record_closed(recorder: Recorder, cluster: Cluster) -> None:
    """Record devices while every node is closed to them, in three ways."""
    first, second = NODES
    for way in ("tainted", "cordoned", "both"):
        wanted = [
            Failure(
                name=failure.name.replace("tainted", way),
                objects=failure.objects,
                until=failure.until,
                for_seconds=failure.for_seconds,
            )
            for failure in CLOSED
        ]
        if way != "cordoned":
            cluster.kubectl("taint", "node", first, "power=short:NoSchedule")
        else:
            cluster.kubectl("cordon", first)
        if way == "tainted":
            cluster.kubectl("taint", "node", second, "power=short:NoSchedule")
        else:
            cluster.kubectl("cordon", second)
        try:
            recorder.provoke(wanted)
            recorder.forget(wanted)
        finally:
            cluster.kubectl("taint", "node", "--all", "power-", check=False)
            cluster.kubectl("uncordon", first, second)


def _record_losses(recorder: Recorder, cluster: Cluster) -> None:
    """Record devices while a node is away: at first, after the flicker window, and when it is back."""
    wanted = LOSSES
    recorder.provoke(wanted)
    machine = cluster.machine(NODES[0])

    def write(when: str) -> None:
        told = recorder.tell()
        for failure in wanted:
            recorder.write(failure, f"{failure.name}-{when}", told[failure.namespace])

    network.link_down(machine)
    try:
        while cluster.node_state(NODES[0]) == "True":
            time.sleep(1)
        time.sleep(12)
        write("flicker")
        time.sleep(52)
        write("over")
    finally:
        network.link_up(machine, cluster.machines())
    cluster.wait_nodes_ready()
    write("back")
    time.sleep(50)
    write("well")
    recorder.forget(wanted)


def main(names: Sequence[str]) -> int:
    """Record all failures, or those whose names begin like one of these."""
    chosen = [one for one in ALONE if not names or one.name.startswith(tuple(names))]
    cluster = Cluster()
    found_up = cluster.is_up()
    try:
        cluster.up()
        home = Home(cluster)
        home.start_registry()
        home.start_private_registry()
        home.start_volumes()
        recorder = Recorder(cluster)
        for start in range(0, len(chosen), AT_ONCE):
            part = chosen[start : start + AT_ONCE]
            recorder.provoke(part)
            recorder.forget(part)
        if not names or "tainted" in names:
            _record_closed(recorder, cluster)
        if not names or "lost" in names:
            _record_losses(recorder, cluster)
    except TestbedError as error:
        print(f"record: {error}", file=sys.stderr)
        return 1
    finally:
        if not found_up:
            cluster.down()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
