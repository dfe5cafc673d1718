"""Devices that run, and crash, hang, or use too much memory."""

from typing import Final

from .parts import (
    BACK_OFF,
    LEAK,
    LITTLE_MEMORY,
    ON_BOTH,
    SOON,
    Failure,
    container,
    daemon_set,
    deployment,
    http,
    job,
    listening,
    sidecar,
    stateful_set,
)

CRASHES: Final = (
    Failure(
        name="crash-exit-3",
        objects=[deployment(container("agent", "exit", "3"))],
        until=BACK_OFF,
    ),
    Failure(
        name="crash-sidecar",
        objects=[
            deployment(container(), initContainers=[sidecar("proxy", "exit", "4")])
        ],
        until=BACK_OFF,
    ),
    Failure(
        name="crash-second-both-nodes",
        objects=[deployment(container(), container("logger", "exit", "7"), **ON_BOTH)],
        until=BACK_OFF,
    ),
    Failure(
        name="crash-ends-by-itself",
        objects=[stateful_set(container("player", "exit", "0"))],
        until=BACK_OFF,
    ),
    Failure(
        name="crash-daemon-set",
        objects=[daemon_set(container("sensor", "exit", "2"))],
        until=BACK_OFF,
    ),
    Failure(
        name="crash-runs-in-between",
        objects=[deployment(container("agent", "exit", "5", "25"))],
        until=('"restartCount":2', '"running":{"startedAt"'),
        for_seconds=3,
    ),
    Failure(
        name="crash-new-template",
        objects=[deployment(container())],
        steps=[
            (
                ('"readyReplicas":1',),
                deployment(
                    container("agent", "exit", "9", readinessProbe=http("/readyz"))
                ),
            )
        ],
        until=BACK_OFF,
    ),
    Failure(
        name="crash-job-on-failure",
        objects=[
            job(
                container("copy", "exit", "6"),
                spec={"backoffLimit": 6},
                restartPolicy="OnFailure",
            )
        ],
        until=BACK_OFF,
    ),
)

MEMORY: Final = (
    Failure(
        name="oom-main",
        objects=[deployment(container(env=LEAK, **LITTLE_MEMORY))],
        until=("OOMKilled", *BACK_OFF),
    ),
    Failure(
        name="oom-sidecar",
        objects=[
            deployment(
                container(),
                initContainers=[
                    sidecar("proxy", env=listening(8081, **LEAK), **LITTLE_MEMORY)
                ],
            )
        ],
        until=("OOMKilled", *BACK_OFF),
    ),
    Failure(
        name="oom-second-both-nodes",
        objects=[
            deployment(
                container(),
                container("cache", env=listening(8081, **LEAK), **LITTLE_MEMORY),
                **ON_BOTH,
            )
        ],
        until=("OOMKilled", *BACK_OFF),
    ),
    Failure(
        name="oom-init",
        objects=[
            stateful_set(
                container(),
                initContainers=[container("restore", env=LEAK, **LITTLE_MEMORY)],
            )
        ],
        until=("OOMKilled", *BACK_OFF),
    ),
    Failure(
        name="oom-once",
        objects=[
            daemon_set(
                container(
                    env={"LEAK_MB": 200, "LEAK_SECONDS": 60},
                    resources={"limits": {"memory": "96Mi"}},
                )
            )
        ],
        until=("OOMKilled", '"running":{"startedAt"'),
        for_seconds=3,
    ),
)

PROBES: Final = (
    Failure(
        name="ready-lost",
        objects=[deployment(container(readinessProbe=http("/readyz")))],
        steps=[(('"readyReplicas":1',), "POST /ready?on=false")],
        until=("Unhealthy",),
        for_seconds=38,
    ),
    Failure(
        name="ready-lost-second",
        objects=[
            stateful_set(
                container(
                    "player", env=listening(8081), readinessProbe=http("/readyz", 8081)
                ),
                container("index", readinessProbe=http("/readyz")),
                spec={"replicas": 2, "podManagementPolicy": "Parallel"},
            )
        ],
        steps=[(('"readyReplicas":2',), "POST /ready?on=false")],
        until=("Unhealthy",),
        for_seconds=38,
    ),
    Failure(
        name="ready-lost-sidecar",
        objects=[
            daemon_set(
                container(env=listening(8081)),
                initContainers=[
                    sidecar(
                        "proxy", env={"HANG_AFTER": 15}, readinessProbe=http("/readyz")
                    )
                ],
            )
        ],
        until=("Unhealthy", '"numberUnavailable":2'),
        for_seconds=38,
    ),
    Failure(
        name="ready-lost-exec",
        objects=[
            deployment(
                container(
                    env={"HANG_AFTER": 15},
                    readinessProbe={
                        "exec": {
                            "command": [
                                "/device",
                                "get",
                                "http://localhost:8080/readyz",
                                "1",
                            ]
                        },
                        "timeoutSeconds": 3,
                        **SOON,
                    },
                )
            )
        ],
        until=("Unhealthy",),
        for_seconds=38,
    ),
    Failure(
        name="live-hangs",
        objects=[
            deployment(
                container(
                    env={"HANG_AFTER": 4, "IGNORE_TERM": "true"},
                    livenessProbe=http("/healthz"),
                )
            )
        ],
        until=BACK_OFF,
    ),
    Failure(
        name="live-startup-second",
        objects=[
            deployment(
                container(),
                container(
                    "index",
                    env=listening(8081, READY_AFTER="never"),
                    startupProbe=http("/readyz", 8081),
                ),
                **ON_BOTH,
            )
        ],
        until=BACK_OFF,
    ),
    Failure(
        name="live-sidecar",
        objects=[
            stateful_set(
                container(),
                initContainers=[
                    sidecar(
                        "proxy",
                        env=listening(8081, HANG_AFTER=4, IGNORE_TERM="true"),
                        livenessProbe=http("/healthz", 8081),
                    )
                ],
            )
        ],
        until=BACK_OFF,
    ),
    Failure(
        name="live-once",
        objects=[
            daemon_set(
                container(
                    env={"HANG_AFTER": 30, "IGNORE_TERM": "true"},
                    livenessProbe=http("/healthz"),
                )
            )
        ],
        until=('"restartCount":1', '"running":{"startedAt"'),
        for_seconds=3,
    ),
)
