"""Devices that are ended, or do not end: evictions, deadlines, Jobs."""

from typing import Final

from .parts import (
    NEVER,
    ON_BOTH,
    ONE_A_NODE,
    Failure,
    Object,
    container,
    cron_job,
    daemon_set,
    deployment,
    http,
    job,
    mounted,
    sidecar,
    stateful_set,
)

_TINY: Final[Object] = {"resources": {"limits": {"ephemeral-storage": "1Ki"}}}

# They never become Ready, so that there is no moment at which all is well.
EVICTIONS: Final = (
    Failure(
        name="evicted-container",
        objects=[deployment(container(**NEVER, **_TINY))],
        until=('"reason":"Evicted"', '"phase":"Succeeded"'),
        for_seconds=5,
    ),
    Failure(
        name="evicted-killed-both-nodes",
        objects=[
            deployment(
                container(
                    env={
                        "DATA_DIR": "/data",
                        "READY_AFTER": "never",
                        "IGNORE_TERM": "true",
                    },
                    readinessProbe=http("/readyz"),
                    volumeMounts=mounted(),
                ),
                **ON_BOTH,
                volumes=[{"name": "data", "emptyDir": {"sizeLimit": "1Ki"}}],
            )
        ],
        until=('"reason":"Evicted"', '"phase":"Failed"'),
        for_seconds=5,
    ),
    Failure(
        name="evicted-second-daemon-set",
        objects=[
            daemon_set(container(**NEVER), container("logger", "sleep", "900", **_TINY))
        ],
        until=('"reason":"Evicted"', '"reason":"SucceededDaemonPod"'),
        for_seconds=6,
    ),
    Failure(
        name="evicted-sidecar-stateful",
        objects=[
            stateful_set(
                container(**NEVER),
                initContainers=[sidecar("proxy", "sleep", "900", **_TINY)],
            )
        ],
        until=('"reason":"Evicted"',),
        for_seconds=8,
    ),
)

DEADLINES: Final = (
    Failure(
        name="deadline-start",
        objects=[deployment(container(**NEVER), spec={"progressDeadlineSeconds": 10})],
        until=("ProgressDeadlineExceeded",),
    ),
    Failure(
        name="deadline-update",
        objects=[deployment(spec={"progressDeadlineSeconds": 10})],
        steps=[
            (
                ('"readyReplicas":1',),
                deployment(
                    container("agent", "run"),
                    container(
                        "index",
                        env={"LISTEN": ":8081", "READY_AFTER": "never"},
                        readinessProbe=http("/readyz", 8081),
                    ),
                    spec={"progressDeadlineSeconds": 10},
                ),
            )
        ],
        until=("ProgressDeadlineExceeded",),
    ),
    Failure(
        name="deadline-sidecar-both-nodes",
        objects=[
            deployment(
                container(),
                initContainers=[
                    sidecar(
                        "proxy",
                        env={"LISTEN": ":8081", "READY_AFTER": "never"},
                        startupProbe=http("/readyz", 8081, failureThreshold=900),
                    )
                ],
                affinity=ONE_A_NODE,
                spec={"replicas": 2, "progressDeadlineSeconds": 10},
            )
        ],
        until=("ProgressDeadlineExceeded",),
    ),
    Failure(
        name="deadline-job",
        objects=[
            job(container("copy", "sleep", "900"), spec={"activeDeadlineSeconds": 5})
        ],
        until=("DeadlineExceeded", '"type":"Failed"'),
    ),
    Failure(
        name="deadline-cron-job",
        objects=[
            cron_job(
                container("copy", "sleep", "900"), job={"activeDeadlineSeconds": 5}
            )
        ],
        until=("DeadlineExceeded", '"type":"Failed"'),
    ),
)

_HELD: Final[Object] = {
    "metadata": {"labels": {"app": "fridge"}, "finalizers": ["example.com/kept"]}
}

ENDS: Final = (
    Failure(
        name="stuck-switched-off",
        objects=[deployment(**_HELD)],
        steps=[
            (('"readyReplicas":1',), ["scale", "deployment/fridge", "--replicas=0"])
        ],
        until=('"deletionTimestamp"',),
        for_seconds=65,
    ),
    Failure(
        name="stuck-stateful",
        objects=[
            stateful_set(
                metadata={"labels": {"app": "jazz"}, "finalizers": ["example.com/kept"]}
            )
        ],
        steps=[(('"readyReplicas":1',), ["delete", "pod", "jazz-0", "--wait=false"])],
        until=('"deletionTimestamp"',),
        for_seconds=65,
    ),
    Failure(
        name="stuck-successor-ready",
        objects=[deployment(**_HELD)],
        steps=[
            (
                ('"readyReplicas":1',),
                ["delete", "pod", "-l", "app=fridge", "--wait=false"],
            )
        ],
        until=('"deletionTimestamp"',),
        for_seconds=65,
    ),
    Failure(
        name="not-stuck-long-grace",
        objects=[
            deployment(
                container(env={"IGNORE_TERM": "true"}),
                terminationGracePeriodSeconds=120,
            )
        ],
        steps=[
            (('"readyReplicas":1',), ["scale", "deployment/fridge", "--replicas=0"])
        ],
        until=('"deletionTimestamp"',),
        for_seconds=65,
    ),
)

JOBS: Final = (
    Failure(
        name="job-exit-3",
        objects=[job(container("copy", "exit", "3"))],
        until=("BackoffLimitExceeded", '"type":"Failed"'),
    ),
    Failure(
        name="job-init",
        objects=[
            job(
                container("copy", "sleep", "1"),
                initContainers=[container("mount", "exit", "32")],
            )
        ],
        until=("BackoffLimitExceeded", '"type":"Failed"'),
    ),
    Failure(
        name="job-memory-second",
        objects=[
            job(
                container("copy", "sleep", "2"),
                container(
                    "index",
                    env={"LEAK_MB": 200},
                    resources={"limits": {"memory": "32Mi"}},
                ),
            )
        ],
        until=("BackoffLimitExceeded", '"type":"Failed"'),
    ),
    Failure(
        name="job-attempts",
        objects=[job(container("copy", "exit", "4"), spec={"backoffLimit": 2})],
        until=("BackoffLimitExceeded", '"type":"Failed"'),
    ),
    Failure(
        name="job-cron-failed",
        objects=[cron_job(container("copy", "exit", "11"))],
        until=("BackoffLimitExceeded", '"type":"Failed"'),
    ),
    Failure(
        name="job-cron-failed-forgotten",
        objects=[
            cron_job(container("copy", "exit", "1"), spec={"failedJobsHistoryLimit": 0})
        ],
        until=("lastScheduleTime",),
        for_seconds=40,
    ),
)
