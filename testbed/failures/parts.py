"""What failing devices are made of: containers, workloads, probes, volumes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from testbed.layout import REGISTRY

type Object = dict[str, Any]

GOOD: Final = f"{REGISTRY}/home/fridge:v1.0.0"
SECOND: Final = f"{REGISTRY}/home/fridge:v1.1.0"
SOON: Final = {"periodSeconds": 2, "failureThreshold": 2}


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A way to fail.

    Recorded once all texts of `until` occur in what the API server tells of the namespace and
    `for_seconds` have passed. `steps` are taken one by one, each once its own texts occur: a list of
    kubectl's words, "POST <path>" to the first pod, or objects to apply. The first of `objects` is
    the device.
    """

    name: str
    objects: Sequence[Object]
    until: Sequence[str] = ()
    steps: Sequence[tuple[Sequence[str], Sequence[str] | str | Object]] = ()
    for_seconds: int = 0

    @property
    def namespace(self) -> str:
        """Where it happens."""
        return f"rec-{self.name}"

    @property
    def device(self) -> tuple[str, str]:
        """The kind and the name of the device."""
        first = self.objects[0]
        return first["kind"], first["metadata"]["name"]


def container(
    name: str = "agent", *words: str, image: str = GOOD, **more: Any
) -> Object:
    """A container of the device program; `words` are its command, env goes by `env={…}`."""
    env = [
        {"name": key, "value": str(value)} for key, value in more.pop("env", {}).items()
    ]
    return {
        "name": name,
        "image": image,
        **({"args": list(words)} if words else {}),
        **({"env": env} if env else {}),
        **more,
    }


def sidecar(name: str, *words: str, **more: Any) -> Object:
    """A native sidecar: an init container that goes on."""
    return container(name, *words, restartPolicy="Always", **more)


def listening(port: int, **env: Any) -> dict[str, Any]:
    """The environment of a device that serves on a port of its own."""
    return {"LISTEN": f":{port}", **env}


def http(path: str, port: int = 8080, **more: Any) -> Object:
    """An HTTP probe that asks often and gives up soon."""
    return {
        "httpGet": {"path": path, "port": port},
        "timeoutSeconds": 1,
        **SOON,
        **more,
    }


def _pod(name: str, containers: Sequence[Object], pod: Object) -> Object:
    return {
        "metadata": {"labels": {"app": name}, **pod.pop("metadata", {})},
        "spec": {
            "terminationGracePeriodSeconds": 2,
            "containers": list(containers),
            **pod,
        },
    }


def _workload(
    kind: str, name: str, containers: Sequence[Object], spec: Object, pod: Object
) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            **spec,
            "template": _pod(name, containers, pod),
        },
    }


def deployment(
    *containers: Object, name: str = "fridge", spec: Object | None = None, **pod: Any
) -> Object:
    """A Deployment; `spec` is its own, the rest that of its pods."""
    return _workload("Deployment", name, containers or [container()], spec or {}, pod)


def stateful_set(
    *containers: Object, name: str = "jazz", spec: Object | None = None, **pod: Any
) -> Object:
    """A StatefulSet."""
    return _workload(
        "StatefulSet",
        name,
        containers or [container()],
        {"serviceName": name, **(spec or {})},
        pod,
    )


def daemon_set(
    *containers: Object, name: str = "weather", spec: Object | None = None, **pod: Any
) -> Object:
    """A DaemonSet."""
    return _workload("DaemonSet", name, containers or [container()], spec or {}, pod)


def _job_spec(containers: Sequence[Object], spec: Object, pod: Object) -> Object:
    template = _pod("backup", containers, {"restartPolicy": "Never", **pod})
    return {"backoffLimit": 0, **spec, "template": template}


def job(
    *containers: Object, name: str = "backup", spec: Object | None = None, **pod: Any
) -> Object:
    """A Job that is a device."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {"home-cluster.github.io/device": "true"}},
        "spec": _job_spec(containers, spec or {}, pod),
    }


def cron_job(
    *containers: Object,
    name: str = "backup",
    spec: Object | None = None,
    job: Object | None = None,
    **pod: Any,
) -> Object:
    """A CronJob that runs every minute; `job` is the spec of its Jobs."""
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name},
        "spec": {
            "schedule": "* * * * *",
            **(spec or {}),
            "jobTemplate": {"spec": _job_spec(containers, job or {}, pod)},
        },
    }


def claim(name: str, storage_class: str, size: str = "1Gi") -> Object:
    """A volume claim."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": size}},
        },
    }


def claimed(name: str = "data") -> Object:
    """A volume of a pod that is a claim."""
    return {"name": "data", "persistentVolumeClaim": {"claimName": name}}


def mounted(name: str = "data", at: str = "/data") -> list[Object]:
    """Where a volume is mounted."""
    return [{"name": name, "mountPath": at}]


def quota(**hard: str) -> Object:
    """A quota of the namespace."""
    named = {key.replace("_", "."): value for key, value in hard.items()}
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "tight"},
        "spec": {"hard": named},
    }


def config_map(name: str = "settings", **data: str) -> Object:
    """A ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": data,
    }


def from_key(variable: str, source: str, name: str, key: str) -> list[Object]:
    """An environment variable from a ConfigMap ("configMapKeyRef") or a Secret ("secretKeyRef")."""
    return [{"name": variable, "valueFrom": {source: {"name": name, "key": key}}}]


def with_env(made: Object, env: list[Object]) -> Object:
    """A container with environment variables that come from elsewhere."""
    return {**made, "env": [*made.get("env", []), *env]}


def requests(**amounts: str) -> Object:
    """A container's resources: what it asks for."""
    named = {key.replace("_", "-"): value for key, value in amounts.items()}
    return {"resources": {"requests": named, "limits": named}}


LITTLE_MEMORY: Final[Object] = {"resources": {"limits": {"memory": "32Mi"}}}
LEAK: Final[Object] = {"LEAK_MB": 200}
ONE_A_NODE: Final = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {
                "topologyKey": "kubernetes.io/hostname",
                "labelSelector": {"matchLabels": {"app": "fridge"}},
            }
        ]
    }
}
ON_BOTH: Final[Object] = {"spec": {"replicas": 2}, "affinity": ONE_A_NODE}
BACK_OFF: Final = ("CrashLoopBackOff",)
PULL: Final = ("ImagePullBackOff",)
UNSCHEDULABLE: Final = ('"Unschedulable"',)

# A node that is away makes room for a successor after seconds, not after five minutes.
LEAVES_SOON: Final[Object] = {
    "tolerations": [
        {
            "key": f"node.kubernetes.io/{key}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": 3,
        }
        for key in ("unreachable", "not-ready")
    ]
}
NO_NODE: Final[Object] = {"until": UNSCHEDULABLE, "for_seconds": 12}
ATTIC: Final[Object] = {"nodeSelector": {"kubernetes.io/hostname": "pi-attic"}}
NEVER: Final[Object] = {
    "env": {"READY_AFTER": "never"},
    "readinessProbe": http("/readyz"),
}
