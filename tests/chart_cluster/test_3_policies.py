"""What Home Assistant's account may change of a workload, asked of the real API server without doing it."""

from collections.abc import Callable, Iterator
from copy import deepcopy
import json
from typing import Any, Final

import pytest

from .account import Account
from .visit import Visit

ZONE: Final = "home-garden"
IMAGE: Final = "192.168.244.1:5000/home/camera"
RESTARTED: Final = "kubectl.kubernetes.io/restartedAt"

type Patch = dict[str, Any]


def pod(**more: Any) -> Patch:
    """A pod template with an init container and two containers, that runs nowhere."""
    container = {
        "image": f"{IMAGE}:v1.0.0",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "metadata": {"labels": {"app": "bench"}},
        "spec": {
            "automountServiceAccountToken": False,
            "nodeSelector": {"nowhere": "true"},
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "initContainers": [{"name": "first", **container, "args": ["exit", "0"]}],
            "containers": [
                {"name": "main", **container},
                {"name": "side", **container},
            ],
            **more,
        },
    }


def workload(api: str, kind: str, spec: Patch) -> Patch:
    """An object of the zone."""
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {
            "name": "bench",
            "namespace": ZONE,
            "annotations": {"home-cluster.github.io/name": "Bench"},
        },
        "spec": spec,
    }


SELECTED: Final = {"selector": {"matchLabels": {"app": "bench"}}}
BENCH: Final = (
    workload("apps/v1", "Deployment", {**SELECTED, "template": pod()}),
    workload(
        "apps/v1",
        "StatefulSet",
        {**SELECTED, "serviceName": "bench", "template": pod()},
    ),
    workload("apps/v1", "DaemonSet", {**SELECTED, "template": pod()}),
    workload(
        "batch/v1",
        "CronJob",
        {
            "schedule": "0 0 1 1 *",
            "jobTemplate": {"spec": {"template": pod(restartPolicy="Never")}},
        },
    ),
    workload(
        "batch/v1", "Job", {"suspend": True, "template": pod(restartPolicy="Never")}
    ),
    workload(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": "bench",
            },
            "minReplicas": 1,
            "maxReplicas": 2,
        },
    ),
)
PLACES: Final = {
    "Deployment": f"/apis/apps/v1/namespaces/{ZONE}/deployments/bench",
    "StatefulSet": f"/apis/apps/v1/namespaces/{ZONE}/statefulsets/bench",
    "DaemonSet": f"/apis/apps/v1/namespaces/{ZONE}/daemonsets/bench",
    "CronJob": f"/apis/batch/v1/namespaces/{ZONE}/cronjobs/bench",
    "Job": f"/apis/batch/v1/namespaces/{ZONE}/jobs/bench",
    "HorizontalPodAutoscaler": f"/apis/autoscaling/v2/namespaces/{ZONE}/horizontalpodautoscalers/bench",
}
LONG_RUNNING: Final = ("Deployment", "StatefulSet", "DaemonSet")


@pytest.fixture(scope="module", autouse=True)
def bench(visit: Visit) -> Iterator[None]:
    """One workload of each kind."""
    visit.cluster.apply([*BENCH])
    yield
    for one in BENCH:
        visit.cluster.kubectl("delete", one["kind"].lower(), "bench", "-n", ZONE)


def template(patch: Patch, kind: str) -> Patch:
    """A patch of the pod template, where the kind has it."""
    whole = {"spec": {"template": patch}}
    return {"spec": {"jobTemplate": whole}} if kind == "CronJob" else whole


def image(name: str, container: str = "main", where: str = "containers") -> Patch:
    """A patch of a container's image."""
    return {"spec": {where: [{"name": container, "image": name}]}}


def main(**fields: Any) -> Patch:
    """A patch of the main container."""
    return {"spec": {"containers": [{"name": "main", **fields}]}}


DIGEST: Final = f"sha256:{'0123456789abcdef' * 4}"
ALLOWED: Final[list[tuple[str, Patch]]] = [
    *((kind, template(image(f"{IMAGE}:v1.1.0"), kind)) for kind in (*LONG_RUNNING, "CronJob")),
    *((kind, template(image(f"{IMAGE}@{DIGEST}"), kind)) for kind in (*LONG_RUNNING, "CronJob")),
    *((kind, template(image(f"{IMAGE}:v2.0.0@{DIGEST}"), kind)) for kind in LONG_RUNNING),
    *((kind, template(image(f"{IMAGE}:v2.0.0", "side"), kind)) for kind in LONG_RUNNING),
    *((kind, template(image(f"{IMAGE}:v2.0.0", "first", "initContainers"), kind)) for kind in LONG_RUNNING),
    *((kind, template({"metadata": {"annotations": {RESTARTED: "now"}}}, kind)) for kind in LONG_RUNNING),
    ("CronJob", {"spec": {"suspend": True}}),
    ("Job", {"spec": {"suspend": False}}),
    ("HorizontalPodAutoscaler", {"spec": {"minReplicas": 2, "maxReplicas": 5}}),
]  # fmt: skip
POD_HARM: Final[list[Patch]] = [
    {"metadata": {"annotations": {"evil": "true"}}},
    {"metadata": {"labels": {"more": "true"}}},
    image("docker.io/evil/miner:v1"),
    image(f"{IMAGE}evil:v1.0.0"),
    image("camera:v1.0.0"),
    image("192.168.244.1:5000/home/camera/evil:v1"),
    image("192.168.244.2:5000/home/camera:v1"),
    main(command=["sh"]),
    main(args=["exit", "1"]),
    main(env=[{"name": "LD_PRELOAD", "value": "/evil.so"}]),
    main(securityContext={"privileged": True, "allowPrivilegeEscalation": None}),
    main(securityContext={"capabilities": {"add": ["SYS_ADMIN"]}}),
    main(ports=[{"containerPort": 8123, "hostPort": 8123}]),
    main(resources={"limits": {"cpu": "100"}}),
    main(imagePullPolicy="Always"),
    main(livenessProbe={"exec": {"command": ["evil"]}}),
    main(lifecycle={"postStart": {"exec": {"command": ["evil"]}}}),
    {"spec": {"containers": [{"name": "evil", "image": f"{IMAGE}:v1.0.0"}]}},
    {"spec": {"initContainers": [{"name": "evil", "image": f"{IMAGE}:v1.0.0"}]}},
    {"spec": {"containers": [{"name": "side", "$patch": "delete"}]}},
    {"spec": {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}},
    {"spec": {"hostNetwork": True}},
    {"spec": {"hostPID": True}},
    {"spec": {"serviceAccountName": "home-home-assistant"}},
    {"spec": {"automountServiceAccountToken": True}},
    {"spec": {"nodeSelector": {"nowhere": None}}},
    {"spec": {"tolerations": [{"operator": "Exists"}]}},
    {"spec": {"runtimeClassName": "evil"}},
    {"spec": {"dnsPolicy": "Default"}},
    {"spec": {"priorityClassName": "system-node-critical"}},
    {"spec": {"terminationGracePeriodSeconds": 0}},
]
DENIED: Final[list[tuple[str, Patch]]] = [
    *(("Deployment", template(harm, "Deployment")) for harm in POD_HARM),
    *(("CronJob", template(harm, "CronJob")) for harm in POD_HARM[:12]),
    *(("StatefulSet", template(harm, "StatefulSet")) for harm in POD_HARM[17:23]),
    *(("DaemonSet", template(harm, "DaemonSet")) for harm in POD_HARM[17:26]),
    *((kind, {"metadata": {"annotations": {"home-cluster.github.io/protected": "false"}}}) for kind in PLACES),
    *((kind, {"metadata": {"labels": {"home-cluster.github.io/device": "true"}}}) for kind in PLACES),
    *((kind, {"metadata": {"finalizers": ["evil.example/stay"]}}) for kind in LONG_RUNNING),
    ("Deployment", {"spec": {"replicas": 40}}),
    ("StatefulSet", {"spec": {"replicas": 40}}),
    ("Deployment", {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}}),
    ("Deployment", {"spec": {"paused": True}}),
    ("Deployment", {"spec": {"minReadySeconds": 99}}),
    ("DaemonSet", {"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}}),
    ("CronJob", {"spec": {"schedule": "* * * * *"}}),
    ("CronJob", {"spec": {"concurrencyPolicy": "Forbid"}}),
    ("CronJob", {"spec": {"jobTemplate": {"spec": {"parallelism": 40}}}}),
    ("CronJob", {"spec": {"jobTemplate": {"metadata": {"labels": {"evil": "true"}}}}}),
    ("Job", {"spec": {"backoffLimit": 99}}),
    ("Job", {"spec": {"activeDeadlineSeconds": 1}}),
    ("HorizontalPodAutoscaler", {"spec": {"scaleTargetRef": {"name": "other"}}}),
    ("HorizontalPodAutoscaler", {"spec": {"behavior": {"scaleUp": {"stabilizationWindowSeconds": 0}}}}),
    ("HorizontalPodAutoscaler", {"spec": {"metrics": [{"type": "Resource", "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 1}}}]}}),
]  # fmt: skip


def named(case: tuple[str, Patch]) -> str:
    return f"{case[0]} {str(case[1])[:60]}"


@pytest.mark.parametrize("case", ALLOWED, ids=named)
def test_is_let_through(account: Account, case: tuple[str, Patch]) -> None:
    """Images by tag and digest, restarts, suspending."""
    kind, patch = case
    assert account.patch(PLACES[kind], patch) == (200, "")


@pytest.mark.parametrize("case", DENIED, ids=named)
def test_is_held_back(account: Account, case: tuple[str, Patch]) -> None:
    """By a policy of ours and in its words, or by the API server itself."""
    kind, patch = case
    status, said = account.patch(PLACES[kind], patch)
    assert status == 422
    assert "Home Assistant may" in said or "immutable" in said, said


def test_there_are_many_cases() -> None:
    """As many as were promised."""
    assert len(ALLOWED) + len(DENIED) >= 60


# --- Jobs


def job_of(visit: Visit) -> Patch:
    """The Job that a press on the button makes of the house's CronJob."""
    cron = visit.get("cronjob", "home-watering", ZONE)
    written = cron["spec"]["jobTemplate"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "watering-by-hand",
            "namespace": ZONE,
            "labels": written.get("metadata", {}).get("labels", {}),
            "annotations": {"cronjob.kubernetes.io/instantiate": "manual"},
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "CronJob",
                    "name": "home-watering",
                    "uid": cron["metadata"]["uid"],
                    "controller": True,
                }
            ],
        },
        "spec": deepcopy(written["spec"]),
    }


def test_the_cronjobs_own_job_may_be_run(visit: Visit, account: Account) -> None:
    """As the button makes it."""
    assert account.create(f"/apis/batch/v1/namespaces/{ZONE}/jobs", job_of(visit)) == (
        201,
        "",
    )


def _pod(job: Patch) -> Patch:
    found: Patch = job["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize(
    "harm",
    [
        lambda job: job["metadata"].pop("ownerReferences"),
        lambda job: job["metadata"]["ownerReferences"][0].update(name="other"),
        lambda job: job["metadata"]["ownerReferences"][0].update(kind="Job"),
        lambda job: _pod(job)["containers"][0].update(image="docker.io/evil/miner:v1"),
        lambda job: _pod(job)["containers"][0].update(args=["sleep", "99999"]),
        lambda job: _pod(job)["containers"][0].update(command=["/device", "sleep"]),
        lambda job: _pod(job)["containers"].append(
            {**_pod(job)["containers"][0], "name": "evil"}
        ),
        lambda job: _pod(job).update(hostNetwork=True),
        lambda job: _pod(job).update(serviceAccountName="home-home-assistant"),
        lambda job: _pod(job).update(automountServiceAccountToken=True),
        lambda job: job["spec"].update(parallelism=40, completions=40),
        lambda job: job["spec"].update(activeDeadlineSeconds=999999),
        lambda job: job["spec"].pop("activeDeadlineSeconds"),
        lambda job: job["spec"].update(ttlSecondsAfterFinished=999999),
        lambda job: (
            job["spec"]["template"]
            .setdefault("metadata", {})
            .setdefault("annotations", {})
            .update(evil="true")
        ),
        lambda job: (
            job["spec"]["template"]
            .setdefault("metadata", {})
            .setdefault("labels", {})
            .update(evil="true")
        ),
    ],
)
def test_another_job_may_not(
    visit: Visit, account: Account, harm: Callable[[Patch], Any]
) -> None:
    """However little it differs."""
    job = job_of(visit)
    harm(job)
    status, said = account.create(f"/apis/batch/v1/namespaces/{ZONE}/jobs", job)
    assert status == 422, said
    assert "Home Assistant" in said, said


def test_other_peoples_jobs_are_let_be(visit: Visit, account: Account) -> None:
    """Where the house has no CronJob, and in its own zones; Home Assistant's own are not."""
    for namespace in ("kube-system", "home-lighting", ZONE):
        job = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "chore", "namespace": namespace},
            "spec": {"template": pod(restartPolicy="Never")},
        }
        jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        visit.cluster.api.request(
            "POST", f"{jobs}?dryRun=All", json.dumps(job).encode()
        )
        status, said = account.create(jobs, job)
        assert status in {403, 422}, said
