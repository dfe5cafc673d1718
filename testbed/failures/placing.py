"""Devices that get no node, no volume or no pods."""

from typing import Final

from .parts import (
    ATTIC,
    NO_NODE,
    ONE_A_NODE,
    Failure,
    Object,
    claim,
    claimed,
    container,
    daemon_set,
    deployment,
    job,
    listening,
    mounted,
    quota,
    requests,
    sidecar,
    stateful_set,
)

HOST_PORT: Final[Object] = {"ports": [{"containerPort": 8080, "hostPort": 18080}]}
OTHER_PORT: Final[Object] = {
    "ports": [{"containerPort": 8080, "hostPort": 18081, "protocol": "UDP"}]
}
_SSD: Final[Object] = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [
                {
                    "matchExpressions": [
                        {"key": "disk", "operator": "In", "values": ["ssd"]}
                    ]
                }
            ]
        }
    }
}

SCHEDULING: Final = (
    Failure(
        name="cpu-main",
        objects=[deployment(container(**requests(cpu="64")))],
        **NO_NODE,
    ),
    Failure(
        name="cpu-init-on-one-node",
        objects=[
            stateful_set(
                container(),
                initContainers=[container("index", "exit", "0", **requests(cpu="90"))],
                **ATTIC,
            )
        ],
        **NO_NODE,
    ),
    Failure(
        name="cpu-and-memory",
        objects=[
            deployment(
                container(**requests(cpu="64")),
                container("cache", **requests(memory="900Gi")),
            )
        ],
        **NO_NODE,
    ),
    Failure(
        name="cpu-daemon-set",
        objects=[daemon_set(container("radar", **requests(cpu="32")))],
        **NO_NODE,
    ),
    Failure(
        name="memory-main",
        objects=[deployment(container(**requests(memory="900Gi")))],
        **NO_NODE,
    ),
    Failure(
        name="memory-sidecar-on-one-node",
        objects=[
            deployment(
                container(),
                initContainers=[sidecar("proxy", **requests(memory="500Gi"))],
                **ATTIC,
            )
        ],
        **NO_NODE,
    ),
    Failure(
        name="memory-second-job",
        objects=[
            job(
                container("copy", "sleep", "5"),
                container("index", "sleep", "5", **requests(memory="400Gi")),
            )
        ],
        **NO_NODE,
    ),
    Failure(
        name="match-selector",
        objects=[deployment(nodeSelector={"disk": "ssd"})],
        **NO_NODE,
    ),
    Failure(name="match-affinity", objects=[stateful_set(affinity=_SSD)], **NO_NODE),
    Failure(
        name="match-anti-affinity",
        objects=[deployment(spec={"replicas": 3}, affinity=ONE_A_NODE)],
        **NO_NODE,
    ),
    Failure(
        name="match-hardware",
        objects=[
            deployment(container("coordinator", **requests(**{"squat.ai/zigbee": "1"})))
        ],
        **NO_NODE,
    ),
    Failure(
        name="port-three-on-two",
        objects=[deployment(container(**HOST_PORT), spec={"replicas": 3})],
        **NO_NODE,
    ),
    Failure(
        name="port-sidecar",
        objects=[
            deployment(
                container(),
                initContainers=[
                    sidecar("proxy", "run", env=listening(8081), **OTHER_PORT)
                ],
                spec={"replicas": 3},
            )
        ],
        **NO_NODE,
    ),
    Failure(
        name="port-of-another",
        objects=[
            stateful_set(
                container("player", ports=[{"containerPort": 8080, "hostPort": 18082}]),
                **ATTIC,
            ),
            deployment(
                container(ports=[{"containerPort": 8080, "hostPort": 18082}]),
                name="first",
                **ATTIC,
            ),
        ],
        **NO_NODE,
    ),
    Failure(
        name="port-update",
        objects=[
            deployment(
                container(ports=[{"containerPort": 8080, "hostPort": 18083}]),
                spec={"replicas": 2},
            )
        ],
        steps=[
            (
                ('"readyReplicas":2',),
                deployment(
                    container(
                        "agent",
                        "run",
                        ports=[{"containerPort": 8080, "hostPort": 18083}],
                    ),
                    spec={"replicas": 2},
                ),
            )
        ],
        **NO_NODE,
    ),
)

VOLUMES: Final = (
    Failure(
        name="volume-no-claim",
        objects=[
            deployment(container(volumeMounts=mounted()), volumes=[claimed("music")])
        ],
        **NO_NODE,
    ),
    Failure(
        name="volume-no-class",
        objects=[
            deployment(container(volumeMounts=mounted()), volumes=[claimed()]),
            claim("data", "fast"),
        ],
        **NO_NODE,
    ),
    Failure(
        name="volume-template",
        objects=[
            stateful_set(
                container("player", volumeMounts=mounted()),
                spec={
                    "volumeClaimTemplates": [
                        {
                            "metadata": {"name": "data"},
                            "spec": claim("data", "fast")["spec"],
                        }
                    ]
                },
            )
        ],
        **NO_NODE,
    ),
    Failure(
        name="volume-no-stick",
        objects=[
            daemon_set(
                container("radio", volumeMounts=mounted("stick", "/dev/radio")),
                volumes=[
                    {
                        "name": "stick",
                        "hostPath": {"path": "/dev/ttyUSB9", "type": "CharDevice"},
                    }
                ],
            )
        ],
        until=("FailedMount",),
        for_seconds=12,
    ),
)

QUOTA: Final = (
    Failure(
        name="quota-pods",
        objects=[deployment(spec={"replicas": 2}), quota(pods="1")],
        until=("ReplicaFailure",),
        for_seconds=12,
    ),
    Failure(
        name="quota-stateful",
        objects=[
            stateful_set(spec={"replicas": 2, "podManagementPolicy": "Parallel"}),
            quota(pods="1"),
        ],
        until=("FailedCreate",),
        for_seconds=12,
    ),
    Failure(
        name="quota-daemon-set",
        objects=[
            daemon_set(container(**requests(cpu="10m", memory="64Mi"))),
            quota(limits_memory="80Mi"),
        ],
        until=("FailedCreate",),
        for_seconds=12,
    ),
    Failure(
        name="quota-says-nothing",
        objects=[job(container("copy", "sleep", "5")), quota(requests_cpu="1")],
        until=("FailedCreate",),
        for_seconds=12,
    ),
    Failure(
        name="quota-limit-range",
        objects=[
            deployment(container(**requests(memory="512Mi"))),
            {
                "apiVersion": "v1",
                "kind": "LimitRange",
                "metadata": {"name": "small"},
                "spec": {"limits": [{"type": "Container", "max": {"memory": "128Mi"}}]},
            },
        ],
        until=("ReplicaFailure",),
        for_seconds=12,
    ),
)

# Recorded while no node is open: one tainted, one cordoned, then both of a kind.
CLOSED: Final = (
    Failure(name="tainted-deployment", objects=[deployment()], **NO_NODE),
    Failure(name="tainted-on-one-node", objects=[stateful_set(**ATTIC)], **NO_NODE),
    Failure(
        name="tainted-job", objects=[job(container("copy", "sleep", "5"))], **NO_NODE
    ),
)
