"""The demo home stands on the real cluster: images, devices, volumes, figures."""

from collections.abc import Mapping
import copy
import json
import time
from typing import Any
import urllib.request

import pytest
import yaml

from testbed.cluster import Cluster
from testbed.home import PRIVATE_ACCOUNT, ZONES, Home, manifests
from testbed.images import FOREIGN, MISLABELLED
from testbed.layout import PRIVATE_REGISTRY, REGISTRY
from testbed.system import wait_until

type Content = dict[str, Any]
type Environment = Mapping[str, str]


@pytest.fixture
def home(cluster: Cluster) -> Home:
    """Registry, volumes and metrics; no devices."""
    home = Home(cluster)
    home.start_registry()
    home.start_volumes()
    home.start_metrics()
    return home


def device(
    namespace: str,
    name: str,
    image: str = "fridge:v1.0.0",
    env: Environment | None = None,
) -> Content:
    """A Deployment like the fridge's, of one pod."""
    (fridge,) = (
        one
        for one in manifests()
        if one["kind"] == "Deployment" and one["metadata"]["name"] == "fridge"
    )
    made = copy.deepcopy(fridge)
    made["metadata"] = {"name": name, "namespace": namespace}
    made["spec"]["replicas"] = 1
    made["spec"]["selector"]["matchLabels"] = {"app": name}
    template = made["spec"]["template"]
    template["metadata"]["labels"] = {"app": name}
    (container,) = template["spec"]["containers"]
    container["image"] = image if "/" in image else f"{REGISTRY}/home/{image}"
    container["env"] = [
        {"name": key, "value": value} for key, value in (env or {}).items()
    ]
    return made


def pod_of(cluster: Cluster, namespace: str, name: str) -> Content:
    """The one pod of a device."""
    path = f"/api/v1/namespaces/{namespace}/pods?labelSelector=app%3D{name}"
    (pod,) = wait_until(
        f"A pod of {name}", lambda: cluster.api.get(path)["items"], seconds=30
    )
    found: Content = pod
    return found


def container_of(cluster: Cluster, namespace: str, name: str) -> Content:
    """The status of its container."""
    statuses = pod_of(cluster, namespace, name)["status"].get("containerStatuses", [{}])
    status: Content = statuses[0]
    return status


def waiting(cluster: Cluster, namespace: str, name: str) -> tuple[str, str]:
    """Reason and message of the waiting of a device's container, once it backs off."""

    def state() -> Content:
        found: Content = (
            container_of(cluster, namespace, name).get("state", {}).get("waiting", {})
        )
        return found

    wait_until(
        f"Back-off of {name}",
        lambda: "off" in state().get("message", "").lower(),
        seconds=60,
        seen=lambda: str(state()),
    )
    return state()["reason"], state()["message"]


def page(url: str) -> Content:
    """What a device tells of itself."""
    request = urllib.request.Request(url, headers={"Accept": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=5) as answer:
        told: Content = json.loads(answer.read())
        return told


def told_inside(cluster: Cluster, namespace: str, workload: str) -> Content:
    """What a device tells to itself, asked in its own pod."""
    command = ("/device", "get", "http://localhost:8080/")
    told: Content = json.loads(
        cluster.kubectl("exec", "-n", namespace, workload, "--", *command)
    )
    return told


def test_every_device_of_the_demo_home_comes_up(cluster: Cluster) -> None:
    """Two fridges, a weather station on each node, jazz with a library, and a page to visit."""
    was_there = cluster.api.find("/api/v1/namespaces/kitchen") is not None
    Home(cluster).up()
    try:
        for zone in ZONES:
            pods = cluster.api.get(f"/api/v1/namespaces/{zone}/pods")["items"]
            running = [
                one
                for one in pods
                if one["status"]["phase"] == "Running"
                and "deletionTimestamp" not in one["metadata"]
                and "backup" not in one["metadata"]["name"]
            ]
            assert len(running) == {"kitchen": 3, "media": 1, "garden": 4}[zone]
        stations = cluster.api.get(
            "/api/v1/namespaces/garden/pods?labelSelector=app.kubernetes.io%2Fname%3Dweather"
        )
        assert {one["spec"]["nodeName"] for one in stations["items"]} == set(
            cluster.node_names()
        )
        (fridge,) = (
            one
            for one in manifests()
            if one["kind"] == "Deployment" and one["metadata"]["name"] == "fridge"
        )
        told = page(fridge["metadata"]["annotations"]["home-cluster.github.io/url"])
        assert (told["name"], told["version"], told["ready"]) == (
            "Fridge",
            "v1.0.0",
            True,
        )
        assert told_inside(cluster, "media", "statefulset/jazz")["starts"] >= 1
    finally:
        if not was_there:
            Home(cluster).remove()


def test_kubectl_top_shows_the_kubelets_figures(
    cluster: Cluster, home: Home, namespace: str
) -> None:
    """Of nodes, and of a pod that keeps a processor busy up to its limit."""
    cluster.apply(device(namespace, "oven", env={"BURN_CORES": "1", "LEAK_MB": "20"}))
    home.wait_metrics()

    def top() -> list[str]:
        lines = cluster.kubectl(
            "top", "pods", "-n", namespace, "--no-headers", check=False
        )
        return lines.split()

    def busy() -> list[str]:
        found = top()
        return (
            found if len(found) == 3 and int(found[1].removesuffix("m")) > 200 else []
        )

    name, cpu, memory = wait_until(
        "A busy oven in kubectl top", busy, seconds=90, every=1, seen=lambda: str(top())
    )
    assert name.startswith("oven-")
    assert int(cpu.removesuffix("m")) < 400
    assert 20 <= int(memory.removesuffix("Mi")) < 64


@pytest.mark.timeout(480)
def test_an_autoscaler_adds_a_pod_when_the_figures_say_so(
    cluster: Cluster, home: Home, namespace: str
) -> None:
    """The figures are good enough for the real controller."""
    home.wait_metrics()
    target = {"type": "Utilization", "averageUtilization": 300}
    cluster.apply(
        [
            device(namespace, "oven", env={"BURN_CORES": "1"}),
            {
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "metadata": {"name": "oven", "namespace": namespace},
                "spec": {
                    "scaleTargetRef": {
                        "apiVersion": "apps/v1",
                        "kind": "Deployment",
                        "name": "oven",
                    },
                    "minReplicas": 1,
                    "maxReplicas": 2,
                    "metrics": [
                        {
                            "type": "Resource",
                            "resource": {"name": "cpu", "target": target},
                        }
                    ],
                },
            },
        ]
    )
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/oven"
    # On a busy machine the first figure may be of a pod that was not ready yet: the controller then
    # counts its CPU only after five minutes.
    wait_until(
        "A second oven",
        lambda: cluster.api.get(path)["spec"]["replicas"] == 2,
        seconds=400,
        every=1,
        seen=lambda: cluster.kubectl("get", "hpa", "-n", namespace, "--no-headers"),
    )


@pytest.mark.usefixtures("home")
def test_images_for_other_machines_fail_in_their_two_ways(
    cluster: Cluster, namespace: str
) -> None:
    """One cannot be pulled, the other cannot be executed."""
    cluster.apply(
        [
            device(namespace, "honest", f"fridge:{FOREIGN}"),
            device(namespace, "liar", f"fridge:{MISLABELLED}"),
        ]
    )
    reason, message = waiting(cluster, namespace, "honest")
    assert reason == "ImagePullBackOff"
    assert "no match for platform" in message
    reason, _ = waiting(cluster, namespace, "liar")
    assert reason == "CrashLoopBackOff"
    log = cluster.kubectl(
        "logs", "-n", namespace, "deployment/liar", "--previous", check=False
    )
    last = container_of(cluster, namespace, "liar")["lastState"]["terminated"]
    assert "exec format error" in log + last.get("message", "")


def test_a_private_image_needs_an_account(
    cluster: Cluster, home: Home, namespace: str
) -> None:
    """Denied without, pulled with a pull secret."""
    home.start_private_registry()
    image = f"{PRIVATE_REGISTRY}/home/fridge:v1.0.0"
    cluster.apply(device(namespace, "guest", image))
    reason, message = waiting(cluster, namespace, "guest")
    assert reason == "ImagePullBackOff"
    assert "no basic auth credentials" in message

    name, password = PRIVATE_ACCOUNT
    cluster.kubectl(
        *("create", "secret", "docker-registry", "key", "-n", namespace),
        *(f"--docker-server={PRIVATE_REGISTRY}", f"--docker-username={name}"),
        f"--docker-password={password}",
    )
    friend = device(namespace, "friend", image)
    friend["spec"]["template"]["spec"]["imagePullSecrets"] = [{"name": "key"}]
    cluster.apply(friend)
    cluster.wait_rollout(namespace, "deployment/friend")


@pytest.mark.usefixtures("home")
def test_a_volume_lasts_as_long_as_its_claim(cluster: Cluster, namespace: str) -> None:
    """Another pod finds what the one before wrote; without the claim the folder goes."""
    jazz = device(namespace, "jazz", "jazz:v1.1.0", {"DATA_DIR": "/data"})
    spec = jazz["spec"]["template"]["spec"]
    spec["securityContext"]["fsGroup"] = 65532
    spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    spec["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }
    cluster.apply([claim, jazz])

    def starts() -> int:
        cluster.wait_rollout(namespace, "deployment/jazz")
        return int(told_inside(cluster, namespace, "deployment/jazz")["starts"])

    assert starts() == 1
    began = time.monotonic()
    cluster.kubectl("delete", "pod", "-n", namespace, "-l", "app=jazz", "--wait")
    assert time.monotonic() - began < 10, "it did not end at once on SIGTERM"
    assert starts() == 2

    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/data"
    volume = cluster.api.get(path)["spec"]["volumeName"]
    (folder,) = cluster.layout.nodes.glob(f"*/volumes/{volume}")
    cluster.kubectl("delete", "-n", namespace, "deployment/jazz", "pvc/data", "--wait")
    wait_until("The end of the folder", lambda: not folder.exists(), seconds=30)
    wait_until(
        "The end of the volume",
        lambda: cluster.api.find(f"/api/v1/persistentvolumes/{volume}") is None,
        seconds=30,
    )


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("env", "last"),
    [
        ({"CRASH_AFTER": "1"}, {"exitCode": 1, "reason": "Error"}),
        ({"EXIT_AFTER": "1", "EXIT_CODE": "3"}, {"exitCode": 3, "reason": "Error"}),
        ({"LEAK_MB": "200"}, {"exitCode": 137, "reason": "OOMKilled"}),
    ],
    ids=["crash", "exit code", "memory"],
)
def test_a_device_fails_as_told(
    cluster: Cluster, namespace: str, env: Environment, last: Content
) -> None:
    """By its environment, so that it fails again after each start."""
    cluster.apply(device(namespace, "fridge", env=env))

    def ended() -> Content:
        status = container_of(cluster, namespace, "fridge")
        found: Content = status.get("lastState", {}).get("terminated", {})
        return found

    wait_until("An end of the fridge", ended, seconds=60)
    assert {key: ended()[key] for key in last} == last


@pytest.mark.usefixtures("home")
def test_a_hanging_device_is_restarted_by_its_liveness_probe(
    cluster: Cluster, namespace: str
) -> None:
    """It takes connections and answers nothing."""
    hanging = device(namespace, "fridge", env={"HANG_AFTER": "5"})
    probe = hanging["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]
    probe |= {"periodSeconds": 1, "failureThreshold": 2}
    cluster.apply(hanging)
    wait_until(
        "A restart of the fridge",
        lambda: container_of(cluster, namespace, "fridge").get("restartCount", 0) > 0,
        seconds=60,
        seen=lambda: yaml.safe_dump(container_of(cluster, namespace, "fridge")),
    )
    events = cluster.kubectl(
        "get", "events", "-n", namespace, "--field-selector", "reason=Unhealthy"
    )
    assert "Liveness probe failed" in events
