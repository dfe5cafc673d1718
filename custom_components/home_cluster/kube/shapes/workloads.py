"""The shapes of Deployments, StatefulSets, DaemonSets, Jobs and CronJobs."""

from sys import intern

from msgspec import field

from ..schema import CronJob, Job, Kind, Workload
from .common import (
    FullMetadata,
    Metadata,
    PodTemplate,
    Wire,
    WireCondition,
    conditions_of,
    moment,
)


class Named(Wire):
    """A reference by name, or an object of which only the name counts."""

    name: str = ""
    metadata: Metadata = field(default_factory=Metadata)


class WorkloadSpec(Wire):
    """What a workload is to be."""

    replicas: int | None = None
    paused: bool = False
    progress_deadline_seconds: int | None = None
    template: PodTemplate = field(default_factory=PodTemplate)
    volume_claim_templates: list[Named] | None = None


class WorkloadStatus(Wire):
    """How a Deployment or StatefulSet is."""

    observed_generation: int = 0
    replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    conditions: list[WireCondition] | None = None


class WireWorkload(Wire):
    """A Deployment or StatefulSet on the wire."""

    metadata: FullMetadata = field(default_factory=FullMetadata)
    spec: WorkloadSpec = field(default_factory=WorkloadSpec)
    status: WorkloadStatus = field(default_factory=WorkloadStatus)

    def _record(self, kind: Kind) -> Workload:
        metadata, spec, status = self.metadata, self.spec, self.status
        deadline = spec.progress_deadline_seconds
        return Workload(
            kind=kind,
            **metadata.described(),
            observed_generation=status.observed_generation,
            desired=1 if spec.replicas is None else spec.replicas,
            current=status.replicas,
            ready=status.ready_replicas,
            updated=status.updated_replicas,
            available=status.available_replicas,
            paused=spec.paused,
            deadline=600 if deadline is None else deadline,
            current_revision=status.current_revision,
            update_revision=status.update_revision,
            conditions=conditions_of(status.conditions),
            template=spec.template.spec.template(),
            claim_templates=tuple(
                [claim.metadata.name for claim in spec.volume_claim_templates or ()]
            ),
        )


class WireDeployment(WireWorkload):
    """A Deployment on the wire."""

    def record(self) -> Workload:
        """Return the Deployment."""
        return self._record(Kind.DEPLOYMENT)


class WireStatefulSet(WireWorkload):
    """A StatefulSet on the wire."""

    def record(self) -> Workload:
        """Return the StatefulSet."""
        return self._record(Kind.STATEFUL_SET)


class DaemonSetStatus(Wire):
    """How a DaemonSet is."""

    observed_generation: int = 0
    desired_number_scheduled: int = 0
    current_number_scheduled: int = 0
    number_ready: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0
    conditions: list[WireCondition] | None = None


class WireDaemonSet(Wire):
    """A DaemonSet on the wire."""

    metadata: FullMetadata = field(default_factory=FullMetadata)
    spec: WorkloadSpec = field(default_factory=WorkloadSpec)
    status: DaemonSetStatus = field(default_factory=DaemonSetStatus)

    def record(self) -> Workload:
        """Return the DaemonSet."""
        metadata, status = self.metadata, self.status
        return Workload(
            kind=Kind.DAEMON_SET,
            **metadata.described(),
            observed_generation=status.observed_generation,
            desired=status.desired_number_scheduled,
            current=status.current_number_scheduled,
            ready=status.number_ready,
            updated=status.updated_number_scheduled,
            available=status.number_available,
            conditions=conditions_of(status.conditions),
            template=self.spec.template.spec.template(),
        )


class JobSpec(Wire):
    """What a Job is to be."""

    suspend: bool | None = None
    parallelism: int | None = None
    completions: int | None = None
    template: PodTemplate = field(default_factory=PodTemplate)


class JobStatus(Wire):
    """How a Job is."""

    active: int = 0
    ready: int | None = None
    succeeded: int = 0
    failed: int = 0
    start_time: str | None = None
    completion_time: str | None = None
    conditions: list[WireCondition] | None = None


class WireJob(Wire):
    """A Job on the wire."""

    metadata: FullMetadata = field(default_factory=FullMetadata)
    spec: JobSpec = field(default_factory=JobSpec)
    status: JobStatus = field(default_factory=JobStatus)

    def record(self) -> Job:
        """Return the Job."""
        metadata, spec, status = self.metadata, self.spec, self.status
        return Job(
            **metadata.described(),
            suspended=bool(spec.suspend),
            parallelism=1 if spec.parallelism is None else spec.parallelism,
            completions=spec.completions,
            active=status.active,
            ready=status.ready or 0,
            succeeded=status.succeeded,
            failed=status.failed,
            started=moment(status.start_time),
            completed=moment(status.completion_time),
            conditions=conditions_of(status.conditions),
            template=spec.template.spec.template(),
        )


class JobTemplate(Wire):
    """The template of a CronJob's Jobs."""

    spec: JobSpec = field(default_factory=JobSpec)


class CronJobSpec(Wire):
    """What a CronJob is to be."""

    schedule: str = ""
    time_zone: str | None = None
    suspend: bool | None = None
    concurrency_policy: str = ""
    job_template: JobTemplate = field(default_factory=JobTemplate)


class CronJobStatus(Wire):
    """How a CronJob is."""

    active: list[Named] | None = None
    last_schedule_time: str | None = None
    last_successful_time: str | None = None


class WireCronJob(Wire):
    """A CronJob on the wire."""

    metadata: FullMetadata = field(default_factory=FullMetadata)
    spec: CronJobSpec = field(default_factory=CronJobSpec)
    status: CronJobStatus = field(default_factory=CronJobStatus)

    def record(self) -> CronJob:
        """Return the CronJob."""
        metadata, spec, status = self.metadata, self.spec, self.status
        return CronJob(
            **metadata.described(),
            schedule=spec.schedule,
            time_zone=spec.time_zone or "",
            suspended=bool(spec.suspend),
            concurrency=intern(spec.concurrency_policy),
            active=tuple([job.name for job in status.active or ()]),
            last_scheduled=moment(status.last_schedule_time),
            last_succeeded=moment(status.last_successful_time),
            template=spec.job_template.spec.template.spec.template(),
        )
