"""The shape of pods."""

from functools import lru_cache
from sys import intern

from msgspec import field

from ..schema import Container, Pod, Role, Run
from .common import Metadata, PodSpec, Wire, WireCondition, WireContainer, moment


class Waiting(Wire):
    """Why a container does not run yet."""

    reason: str = ""
    message: str = ""


class Running(Wire):
    """Since when a container runs."""

    started_at: str | None = None


class Terminated(Wire):
    """How a container ended."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""
    started_at: str | None = None
    finished_at: str | None = None


class ContainerState(Wire):
    """The state of a container: one of three."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None

    def record(self) -> Run | None:
        """Return the run, None if nothing is known of it."""
        if (running := self.running) is not None:
            return Run(state="running", started=moment(running.started_at))
        if (terminated := self.terminated) is not None:
            return Run(
                state="terminated",
                reason=intern(terminated.reason),
                message=terminated.message,
                exit_code=terminated.exit_code,
                started=moment(terminated.started_at),
                finished=moment(terminated.finished_at),
            )
        if (waiting := self.waiting) is not None:
            return Run(
                state="waiting", reason=intern(waiting.reason), message=waiting.message
            )
        return None


class ContainerStatus(Wire):
    """A container as it is."""

    name: str = ""
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    image_id: str = field(default="", name="imageID")
    state: ContainerState | None = None
    last_state: ContainerState | None = None


class PodStatus(Wire):
    """How a pod is."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    start_time: str | None = None
    conditions: list[WireCondition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None


class PodLabels(Wire):
    """The two labels of a pod that tell its template."""

    template_hash: str = field(default="", name="pod-template-hash")
    revision_hash: str = field(default="", name="controller-revision-hash")


class PodMetadata(Metadata):
    """Who a pod is."""

    labels: PodLabels | None = None


@lru_cache(maxsize=512)
def _digest(image_id: str) -> str:
    """Return the digest that an image was pulled by; one that was brought in by hand has none."""
    _, _, digest = image_id.partition("@")
    return intern(digest)


def _container(
    asked: WireContainer, role: Role, statuses: list[ContainerStatus]
) -> Container:
    for status in statuses:
        if status.name == asked.name:
            return Container(
                name=intern(asked.name),
                image=intern(asked.image),
                digest=_digest(status.image_id),
                role=role,
                ready=status.ready,
                started=bool(status.started),
                restarts=status.restart_count,
                current=status.state.record() if status.state is not None else None,
                last=status.last_state.record()
                if status.last_state is not None
                else None,
            )
    return Container(name=intern(asked.name), image=intern(asked.image), role=role)


class WirePod(Wire):
    """A pod on the wire."""

    metadata: PodMetadata = field(default_factory=PodMetadata)
    spec: PodSpec = field(default_factory=PodSpec)
    status: PodStatus = field(default_factory=PodStatus)

    def record(self) -> Pod:
        """Return the pod; its main containers come first."""
        metadata, spec, status = self.metadata, self.spec, self.status
        labels = metadata.labels or PodLabels()
        statuses = status.container_statuses or []
        containers = [_container(c, Role.MAIN, statuses) for c in spec.containers or ()]
        if spec.init_containers:
            statuses = status.init_container_statuses or []
            containers += [
                _container(
                    c,
                    Role.SIDECAR if c.restart_policy == "Always" else Role.INIT,
                    statuses,
                )
                for c in spec.init_containers
            ]
        return Pod(
            namespace=intern(metadata.namespace),
            name=metadata.name,
            uid=metadata.uid,
            resource_version=metadata.resource_version,
            created=moment(metadata.creation_timestamp),
            deleting=moment(metadata.deletion_timestamp),
            owner=metadata.owner(),
            template_hash=intern(labels.template_hash),
            revision_hash=intern(labels.revision_hash),
            node=intern(spec.node_name),
            phase=intern(status.phase),
            reason=intern(status.reason),
            message=status.message,
            started=moment(status.start_time),
            conditions=tuple(
                [
                    condition.record()
                    for condition in status.conditions or ()
                    if condition.type == "Ready" or condition.status != "True"
                ]
            ),
            containers=tuple(containers),
            claims=spec.claims(),
            hardware=spec.hardware(),
        )
