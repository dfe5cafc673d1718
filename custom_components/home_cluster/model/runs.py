"""The truth table of CronJobs and Jobs."""

from datetime import datetime, timedelta
from typing import Final

from ..kube.schema import Condition, CronJob, Job, Kind, Pod, Run
from .case import PATIENCE, Case, Finding, Weight, latest
from .rollout import problem, told_creation_failure
from .situation import Situation
from .views import Health, Outcome, Reason, Runs, Status

DEADLINE: Final = timedelta(seconds=600)
# A missed schedule is told once; afterwards only the next run tells.
MISSED: Final = timedelta(hours=1)
_MISSING: Final = frozenset({"MissSchedule", "TooManyMissedTimes"})
_BAD_SCHEDULE: Final = frozenset(
    {
        "UnparseableSchedule",
        "UnParseableCronJobSchedule",
        "InvalidSchedule",
        "UnknownTimeZone",
    }
)


def ended(job: Job) -> Condition | None:
    """Return the condition that ends a Job, Complete or Failed, None while it goes on."""
    for one in job.conditions:
        if one.status == "True" and one.type in (
            "Complete",
            "Failed",
            "SuccessCriteriaMet",
            "FailureTarget",
        ):
            return one
    return None


def _failed(end: Condition) -> bool:
    return end.type in ("Failed", "FailureTarget")


def runs_of(situation: Situation) -> Runs | None:
    """Return the runs of a CronJob, None for any other workload.

    The newest Job is the last run, begun by the clock or by hand; where none is kept the CronJob's own
    times tell.
    """
    cron_job = situation.workload
    if not isinstance(cron_job, CronJob):
        return None
    newest = max(
        (job for job in situation.jobs if job.created is not None),
        key=lambda job: (job.started or job.created or situation.now, job.name),
        default=None,
    )
    begun = None if newest is None else newest.started or newest.created
    scheduled, succeeded = cron_job.last_scheduled, cron_job.last_succeeded
    outcome, seconds = Outcome.NONE, None
    if newest is not None and (
        scheduled is None
        or begun is None
        or begun >= scheduled
        or newest.name in cron_job.active
    ):
        outcome, seconds = _outcome(newest)
    else:
        newest, begun = None, scheduled
        if cron_job.active:
            outcome = Outcome.RUNNING
        elif succeeded is not None and (scheduled is None or succeeded >= scheduled):
            outcome = Outcome.SUCCEEDED
        elif scheduled is not None and scheduled + PATIENCE <= situation.now:
            outcome = Outcome.FAILED
    return Runs(
        schedule=cron_job.schedule,
        time_zone=cron_job.time_zone,
        created=cron_job.created,
        scheduled=scheduled,
        last=begun,
        outcome=outcome,
        job=newest.name if newest is not None else "",
        seconds=seconds,
        alone=cron_job.concurrency == "Forbid",
    )


def _outcome(job: Job) -> tuple[Outcome, float | None]:
    """Return what became of a Job, and how many seconds it took."""
    end = ended(job)
    if end is None:
        return Outcome.RUNNING, None
    finished, started = job.completed or end.since, job.started
    seconds = (
        (finished - started).total_seconds()
        if finished is not None and started is not None
        else None
    )
    return Outcome.FAILED if _failed(end) else Outcome.SUCCEEDED, seconds


def judge_job(case: Case, job: Job, findings: list[Finding]) -> Health:
    """Return the status of a Job; `findings` are those of its living pods, the heaviest first."""
    end = ended(job)
    if end is not None:
        if _failed(end):
            return problem(Status.FAILING, _failure(case, job, end))
        return Health(status=Status.COMPLETED, since=job.completed or end.since)
    if job.suspended:
        return Health(status=Status.PAUSED)
    return _in_progress(case, findings, job, began=job.started or job.created)


def judge_cron_job(case: Case, cron_job: CronJob, findings: list[Finding]) -> Health:
    """Return the status of a CronJob; `findings` are those of the living pods of its Jobs.

    A failed run is a problem until one succeeds.
    """
    if cron_job.suspended:
        return Health(status=Status.PAUSED)
    jobs = sorted(
        case.situation.jobs, key=lambda job: (job.created or case.now, job.name)
    )
    active = [job for job in jobs if ended(job) is None and job.deleting is None]
    ended_jobs = [(job, end) for job in jobs if (end := ended(job)) is not None]
    if findings and findings[0].weight is Weight.HARD:
        ready = any(case.ready_since(pod) is not None for pod in case.alive)
        return problem(Status.DEGRADED if ready else Status.FAILING, findings[0])
    if active and case.flickers():
        return Health(status=Status.UNKNOWN, problem=None)
    if (failure := _last_failure(case, cron_job, ended_jobs, active)) is not None:
        return problem(Status.FAILING, failure)
    if (bad := _bad_schedule(case, cron_job)) is not None:
        return problem(Status.FAILING, bad)
    if active:
        return _in_progress(
            case, findings, active[-1], began=active[-1].started or active[-1].created
        )
    if cron_job.active:
        return Health(status=Status.RUNNING, since=cron_job.last_scheduled)
    if (missed := _missed(case, cron_job)) is not None:
        return problem(Status.DEGRADED, missed)
    return Health(status=Status.IDLE, since=cron_job.last_succeeded)


def _in_progress(
    case: Case, findings: list[Finding], job: Job, *, began: datetime | None
) -> Health:
    worst = findings[0] if findings else None
    ready = any(case.ready_since(pod) is not None for pod in case.alive)
    if worst is not None and worst.weight is Weight.HARD:
        return problem(Status.DEGRADED if ready else Status.FAILING, worst)
    if case.flickers():
        return Health(status=Status.UNKNOWN, problem=None)
    if (
        not case.alive
        and (refused := told_creation_failure(case, (job.name,), Kind.JOB)) is not None
    ):
        return problem(Status.FAILING, refused)
    retried = [pod for pod in case.over if pod.phase == "Failed" and _belongs(pod, job)]
    if job.failed and retried:
        return problem(Status.DEGRADED, _attempt_failed(job, retried))
    if ready:
        if worst is not None and worst.weight is Weight.SOFT:
            return problem(Status.DEGRADED, worst)
        return Health(status=Status.RUNNING, since=began)
    start = latest(began, *(pod.created for pod in case.alive)) or case.now
    if not case.passed(start + DEADLINE):
        return Health(status=Status.STARTING, since=began)
    message = (
        f"Job {job.name} was not started within {int(DEADLINE.total_seconds())} s."
    )
    return problem(
        Status.FAILING,
        Finding(
            reason=Reason.DEADLINE_EXCEEDED,
            message=f"{message} {worst.message}" if worst else message,
            advice=worst.advice
            if worst
            else "Look at the Events of the Job and of its pod.",
            since=start,
            pod=worst.pod if worst else "",
            container=worst.container if worst else "",
            node=worst.node if worst else "",
        ),
    )


def _belongs(pod: Pod, job: Job) -> bool:
    return pod.owner is not None and pod.owner.name == job.name


def _worst_run(pods: list[Pod]) -> tuple[Pod, str, Run] | None:
    """Return the container run that failed last: its pod, the container's name, the run."""
    runs = [
        (pod, container.name, run)
        for pod in pods
        for container in pod.containers
        for run in (container.current, container.last)
        if run is not None
        and run.state == "terminated"
        and (run.exit_code or run.reason == "OOMKilled")
    ]
    return max(runs, key=lambda entry: _end(entry[2]), default=None)


def _end(run: Run) -> float:
    return run.finished.timestamp() if run.finished else 0.0


def _how(pods: list[Pod]) -> tuple[str, str, str, str, int | None]:
    """Return how the last attempt ended: a sentence, pod, container, node and exit code."""
    for pod in pods:
        if pod.reason == "Evicted":
            return (
                f" Its pod {pod.name} was evicted from node {pod.node}.",
                pod.name,
                "",
                pod.node,
                None,
            )
    worst = _worst_run(pods)
    if worst is None:
        return "", "", "", "", None
    pod, container, run = worst
    if run.reason == "OOMKilled":
        what = "was killed because it used more memory than it may"
    else:
        what = f"ended with exit code {run.exit_code}"
    return (
        f" Container {container} of pod {pod.name} {what}.",
        pod.name,
        container,
        pod.node,
        run.exit_code,
    )


def _attempt_failed(job: Job, pods: list[Pod]) -> Finding:
    how, pod, container, node, code = _how(pods)
    times = "once" if job.failed == 1 else f"{job.failed} times"
    return Finding(
        reason=Reason.JOB_FAILED,
        message=f"Job {job.name} failed {times} and is tried again.{how}",
        advice=_log_advice(container),
        since=latest(job.created, *(_failed_at(one) for one in pods)),
        pod=pod,
        container=container,
        node=node,
        exit_code=code,
    )


def _failed_at(pod: Pod) -> datetime | None:
    return latest(
        *(run.finished for c in pod.containers if (run := c.current) is not None)
    )


def _log_advice(container: str) -> str:
    which = f"the log of container {container}" if container else "the log of its pod"
    return f"Look at {which} for what went wrong, and run it again."


def _failure(case: Case, job: Job, end: Condition) -> Finding:
    """Return why a Job has failed for good."""
    pods = [pod for pod in case.situation.pods if _belongs(pod, job)]
    how, pod, container, node, code = _how(pods)
    since = end.since or job.completed
    if end.reason == "DeadlineExceeded":
        return Finding(
            reason=Reason.DEADLINE_EXCEEDED,
            message=f"Job {job.name} took longer than it may and was stopped.",
            advice="Find out what it waits for, or raise its activeDeadlineSeconds.",
            since=since,
            pod=pod,
            container=container,
            node=node,
        )
    times = f" after {job.failed} failed attempts" if job.failed > 1 else ""
    return Finding(
        reason=Reason.JOB_FAILED,
        message=f"Job {job.name} failed{times}.{how}",
        advice=_log_advice(container),
        since=since,
        pod=pod,
        container=container,
        node=node,
        exit_code=code,
    )


def _last_failure(
    case: Case,
    cron_job: CronJob,
    ended_jobs: list[tuple[Job, Condition]],
    active: list[Job],
) -> Finding | None:
    """Return why the run that ended last failed, None if it did not.

    The history of a CronJob may keep no failed Jobs: then its own times tell.
    """
    scheduled, succeeded = cron_job.last_scheduled, cron_job.last_succeeded
    if ended_jobs:
        job, end = max(ended_jobs, key=lambda entry: _ended_at(case, *entry))
        if _failed(end) and (
            succeeded is None or succeeded <= _ended_at(case, job, end)
        ):
            return _failure(case, job, end)
    if scheduled is None or active or cron_job.active:
        return None
    if succeeded is not None and succeeded >= scheduled:
        return None
    if any(job.created is None or job.created >= scheduled for job, _ in ended_jobs):
        return None
    if not case.passed(scheduled + PATIENCE):
        return None
    return Finding(
        reason=Reason.JOB_FAILED,
        message="Its last run did not succeed, and is no longer there to say why.",
        advice="Run it again and watch it, or keep failed runs (failedJobsHistoryLimit).",
        since=scheduled,
    )


def _ended_at(case: Case, job: Job, end: Condition) -> datetime:
    return job.completed or end.since or job.created or case.now


def _bad_schedule(case: Case, cron_job: CronJob) -> Finding | None:
    for event in case.situation.events:
        if (
            event.reason in _BAD_SCHEDULE
            and event.about_kind == Kind.CRON_JOB
            and case.fresh(event)
        ):
            return Finding(
                reason=Reason.CANNOT_RUN,
                message=f"Kubernetes does not understand its schedule {cron_job.schedule!r} "
                f"{cron_job.time_zone}".rstrip()
                + ".",
                advice="Correct the schedule and the time zone of the CronJob.",
                since=event.first,
            )
    return None


def _missed(case: Case, cron_job: CronJob) -> Finding | None:
    """Return that a run was not started at its time."""
    told = [
        event
        for event in case.situation.events
        if event.reason in _MISSING
        and event.about_kind == Kind.CRON_JOB
        and event.last is not None
        and not case.passed(event.last + MISSED)
        and (cron_job.last_scheduled is None or event.last > cron_job.last_scheduled)
    ]
    if not told:
        return None
    newest = max(told, key=lambda event: event.last or case.now)
    return Finding(
        reason=Reason.DEADLINE_EXCEEDED,
        message="A run was not started at its time.",
        advice="Check that the cluster was up then, and that the clocks of the nodes are right.",
        since=newest.last,
    )
