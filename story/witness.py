"""The independent witness: the official Kubernetes client with the administrator's rights."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
import threading
import time
from typing import Any, Final

from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from .timeline import Timeline

# What the client raises while the API server is away.
AWAY: Final = (ApiException, HTTPError, OSError)


@dataclass(frozen=True, slots=True)
class Workload:
    """Names a workload as Kubernetes does."""

    kind: str
    namespace: str
    name: str

    @property
    def path(self) -> str:
        """As in the unique ids of its entities: kind/namespace/name."""
        return f"{self.kind.lower()}/{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class PodSeen:
    """A pod as the witness sees it."""

    name: str
    uid: str
    node: str
    ready: bool
    ending: bool
    image: str
    restarts: int
    waiting: str


class Witness:
    """Looks at and changes the cluster without Home Assistant; its calls run in threads."""

    def __init__(self, kubeconfig: Path) -> None:
        """Use the kubeconfig's own account."""
        self._api = config.new_client_from_config(str(kubeconfig))
        self._api.configuration.retries = False
        self.core = client.CoreV1Api(self._api)
        self.apps = client.AppsV1Api(self._api)
        self.batch = client.BatchV1Api(self._api)
        self.authorization = client.AuthorizationV1Api(self._api)
        self.version_api = client.VersionApi(self._api)
        self.timelines: dict[str, Timeline] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self._watches: list[watch.Watch] = []

    async def ask[T](self, call: Callable[..., T], *args: Any, **fields: Any) -> T:
        """One call of the client; what it raises is raised here."""
        return await asyncio.to_thread(call, *args, **fields, _request_timeout=20)

    async def patiently[T](
        self, call: Callable[..., T], *args: Any, timeout: float = 60
    ) -> T:
        """One call, tried again while the API server is away."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                return await self.ask(call, *args)
            except AWAY:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)

    async def ready(self) -> bool:
        """Whether /readyz answers 200."""
        try:
            answer = await self.ask(
                self._api.call_api, "GET", f"{self._api.configuration.host}/readyz"
            )
        except AWAY:
            return False
        return bool(answer.status == HTTPStatus.OK)

    async def read(self, workload: Workload) -> Any:
        """The workload's object."""
        return await self.patiently(
            self._reader(workload.kind), workload.name, workload.namespace
        )

    async def desired(self, workload: Workload) -> int:
        """The number of pods asked for; of a CronJob or a Job 0 while suspended, else 1."""
        return self.desired_of(await self.read(workload))

    async def ready_count(self, workload: Workload) -> int:
        """How many of its pods are ready, counted one by one."""
        return sum(pod.ready and not pod.ending for pod in await self.pods(workload))

    @staticmethod
    def ready_of(found: Any) -> int:
        """How many pods are ready, by the status of a workload that was read."""
        ready = getattr(found.status, "ready_replicas", None)
        return int(
            ready
            if ready is not None
            else getattr(found.status, "number_ready", 0) or 0
        )

    @staticmethod
    def desired_of(found: Any) -> int:
        """How many pods are asked for, by a workload that was read."""
        return _desired(found)

    async def scale(self, workload: Workload, replicas: int) -> None:
        """Ask for a number of pods."""
        await self.patch(workload, {"spec": {"replicas": replicas}})

    async def patch(self, workload: Workload, body: dict[str, Any]) -> float:
        """Change a workload; returns when the server had answered."""
        kinds: dict[str, Callable[..., Any]] = {
            "Deployment": self.apps.patch_namespaced_deployment,
            "StatefulSet": self.apps.patch_namespaced_stateful_set,
            "DaemonSet": self.apps.patch_namespaced_daemon_set,
            "CronJob": self.batch.patch_namespaced_cron_job,
        }
        await self.ask(kinds[workload.kind], workload.name, workload.namespace, body)
        return time.time()

    async def delete(self, workload: Workload) -> float:
        """Delete a workload; returns when the server had answered."""
        kinds: dict[str, Callable[..., Any]] = {
            "Deployment": self.apps.delete_namespaced_deployment,
            "StatefulSet": self.apps.delete_namespaced_stateful_set,
            "DaemonSet": self.apps.delete_namespaced_daemon_set,
            "CronJob": self.batch.delete_namespaced_cron_job,
        }
        await self.ask(kinds[workload.kind], workload.name, workload.namespace)
        return time.time()

    async def create_deployment(
        self, namespace: str, manifest: dict[str, Any]
    ) -> float:
        """Create a Deployment; returns when the server had answered."""
        await self.ask(self.apps.create_namespaced_deployment, namespace, manifest)
        return time.time()

    async def may(
        self,
        account: tuple[str, str],
        verb: str,
        group: str,
        resource: str,
        namespace: str,
    ) -> bool:
        """Whether a service account (namespace, name) may do something there."""
        resource, _, subresource = resource.partition("/")
        review = client.V1SubjectAccessReview(
            spec=client.V1SubjectAccessReviewSpec(
                user=f"system:serviceaccount:{account[0]}:{account[1]}",
                resource_attributes=client.V1ResourceAttributes(
                    verb=verb,
                    group=group,
                    resource=resource,
                    subresource=subresource,
                    namespace=namespace,
                ),
            )
        )
        answer: Any = await self.ask(
            self.authorization.create_subject_access_review, review
        )
        return bool(answer.status.allowed)

    async def pods(self, workload: Workload) -> list[PodSeen]:
        """The pods of a workload, by its selector."""
        found = await self.read(workload)
        selector = ",".join(
            f"{key}={value}"
            for key, value in (found.spec.selector.match_labels or {}).items()
        )

        def listed() -> Any:
            return self.core.list_namespaced_pod(
                workload.namespace, label_selector=selector, _request_timeout=20
            )

        return [_pod(pod) for pod in (await asyncio.to_thread(listed)).items]

    async def node_ready(self, name: str) -> str:
        """The node's Ready condition: "True", "False" or "Unknown"."""
        node: Any = await self.patiently(self.core.read_node, name)
        return next(
            (item.status for item in node.status.conditions if item.type == "Ready"),
            "Unknown",
        )

    def watch_switches(self) -> None:
        """Begin to remember, for every scalable or suspendable workload, whether it is on."""
        for listing, kind in (
            (self.apps.list_deployment_for_all_namespaces, "Deployment"),
            (self.apps.list_stateful_set_for_all_namespaces, "StatefulSet"),
            (self.batch.list_cron_job_for_all_namespaces, "CronJob"),
        ):
            thread = threading.Thread(
                target=self._follow,
                args=(listing, kind),
                name=f"witness {kind}",
                daemon=True,
            )
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._ended.set()
        for watching in self._watches:
            watching.stop()
        self._api.close()

    def _follow(self, listing: Callable[..., Any], kind: str) -> None:
        """List, then watch, for ever; the time between an end and the next list is blind."""
        blind_since: float | None = None
        while not self._ended.is_set():
            with suppress(*AWAY):
                asked = time.time()
                listed = listing(_request_timeout=10)
                self._replace(kind, listed.items, asked, blind_since)
                blind_since = None
                watching = watch.Watch()
                self._watches.append(watching)
                for event in watching.stream(
                    listing,
                    resource_version=listed.metadata.resource_version,
                    timeout_seconds=3600,
                    _request_timeout=(10, 3600),
                ):
                    self._note(kind, event["object"], event["type"] == "DELETED")
            if blind_since is None:
                blind_since = time.time()
            self._ended.wait(0.1)

    def _replace(
        self, kind: str, items: Iterable[Any], at: float, blind_since: float | None
    ) -> None:
        with self._lock:
            present = set()
            for item in items:
                path = _path(kind, item)
                present.add(path)
                self.timelines.setdefault(path, Timeline()).note(at, _desired(item) > 0)
            for path, timeline in self.timelines.items():
                if not path.startswith(f"{kind.lower()}/"):
                    continue
                if path not in present:
                    timeline.note(at, None)
                if blind_since is not None:
                    timeline.blind.append((blind_since, at))

    def _note(self, kind: str, item: Any, gone: bool) -> None:
        with self._lock:
            timeline = self.timelines.setdefault(_path(kind, item), Timeline())
            timeline.note(time.time(), None if gone else _desired(item) > 0)

    def _reader(self, kind: str) -> Callable[..., Any]:
        return {
            "Deployment": self.apps.read_namespaced_deployment,
            "StatefulSet": self.apps.read_namespaced_stateful_set,
            "DaemonSet": self.apps.read_namespaced_daemon_set,
            "CronJob": self.batch.read_namespaced_cron_job,
            "Job": self.batch.read_namespaced_job,
        }[kind]


def _path(kind: str, item: Any) -> str:
    return Workload(kind, item.metadata.namespace, item.metadata.name).path


def _desired(item: Any) -> int:
    if hasattr(item.spec, "suspend"):
        return 0 if item.spec.suspend else 1
    if hasattr(item.spec, "replicas"):
        return 1 if item.spec.replicas is None else int(item.spec.replicas)
    return int(item.status.desired_number_scheduled or 0)


def _pod(pod: Any) -> PodSeen:
    conditions = pod.status.conditions or []
    containers = pod.status.container_statuses or []
    return PodSeen(
        name=pod.metadata.name,
        uid=pod.metadata.uid,
        node=pod.spec.node_name or "",
        ready=any(
            item.type == "Ready" and item.status == "True" for item in conditions
        ),
        ending=pod.metadata.deletion_timestamp is not None,
        image=pod.spec.containers[0].image,
        restarts=sum(item.restart_count for item in containers),
        waiting=next(
            (item.state.waiting.reason for item in containers if item.state.waiting), ""
        ),
    )
