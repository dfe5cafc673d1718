"""Devices that do not fail at all."""

from typing import Final

from .parts import (
    BACK_OFF,
    ON_BOTH,
    Failure,
    container,
    cron_job,
    daemon_set,
    deployment,
    http,
    job,
    sidecar,
    stateful_set,
)

FINE: Final = (
    Failure(
        name="fine-deployment",
        objects=[deployment(**ON_BOTH)],
        until=('"readyReplicas":2',),
    ),
    Failure(
        name="fine-stateful-set",
        objects=[
            stateful_set(container(), initContainers=[sidecar("proxy", "sleep", "900")])
        ],
        until=('"readyReplicas":1',),
    ),
    Failure(name="fine-daemon-set", objects=[daemon_set()], until=('"numberReady":2',)),
    Failure(
        name="fine-off",
        objects=[deployment()],
        steps=[
            (('"readyReplicas":1',), ["scale", "deployment/fridge", "--replicas=0"])
        ],
        until=('"reason":"NewReplicaSetAvailable"',),
        for_seconds=8,
    ),
    Failure(
        name="fine-starting",
        objects=[
            stateful_set(
                container(env={"READY_AFTER": "40"}, readinessProbe=http("/readyz"))
            )
        ],
        until=('"phase":"Running"',),
        for_seconds=5,
    ),
    Failure(
        name="fine-updating",
        objects=[deployment(container(), spec={"replicas": 2})],
        steps=[
            (
                ('"readyReplicas":2',),
                deployment(
                    container(
                        "agent",
                        "run",
                        env={"READY_AFTER": "40"},
                        readinessProbe=http("/readyz"),
                    ),
                    spec={"replicas": 2},
                ),
            )
        ],
        until=('"updatedReplicas":1',),
        for_seconds=5,
    ),
    Failure(
        name="fine-updating-stateful",
        objects=[
            stateful_set(
                container(), spec={"replicas": 2, "podManagementPolicy": "Parallel"}
            )
        ],
        steps=[
            (
                ('"readyReplicas":2',),
                stateful_set(
                    container(
                        "agent",
                        "run",
                        env={"READY_AFTER": "40"},
                        readinessProbe=http("/readyz"),
                    ),
                    spec={"replicas": 2, "podManagementPolicy": "Parallel"},
                ),
            )
        ],
        until=('"updatedReplicas":1', '"readyReplicas":1'),
        for_seconds=3,
    ),
    Failure(
        name="fine-paused",
        objects=[deployment()],
        steps=[(('"readyReplicas":1',), ["rollout", "pause", "deployment/fridge"])],
        until=('"DeploymentPaused"',),
    ),
    Failure(
        name="fine-suspended",
        objects=[cron_job(container("copy", "sleep", "1"), spec={"suspend": True})],
        until=('"suspend":true',),
    ),
    Failure(
        name="fine-cron-job",
        objects=[cron_job(container("copy", "sleep", "1"))],
        until=("lastSuccessfulTime",),
        for_seconds=3,
    ),
    Failure(
        name="fine-job-runs",
        objects=[job(container("copy", "sleep", "900"))],
        until=('"ready":1',),
    ),
    Failure(
        name="fine-job-done",
        objects=[job(container("copy", "sleep", "1"))],
        until=('"type":"Complete"',),
    ),
    Failure(
        name="fine-job-suspended",
        objects=[job(container("copy", "sleep", "1"), spec={"suspend": True})],
        until=('"JobSuspended"',),
    ),
    Failure(
        name="fine-healed",
        objects=[deployment(container("agent", "exit", "3"))],
        steps=[(BACK_OFF, deployment(container("agent", "run")))],
        until=('"readyReplicas":1', '"updatedReplicas":1'),
        for_seconds=4,
    ),
)
