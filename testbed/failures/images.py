"""Devices whose image cannot be had."""

from typing import Final

from testbed.images import FOREIGN, MISLABELLED
from testbed.layout import PRIVATE_REGISTRY, REGISTRY

from .parts import (
    BACK_OFF,
    ON_BOTH,
    PULL,
    Failure,
    Object,
    container,
    cron_job,
    daemon_set,
    deployment,
    sidecar,
    stateful_set,
)

# Only the log has the kernel's words; here the kubelet is asked to pass its end on.
_FOREIGN_PROGRAM: Final[Object] = {
    "image": f"{REGISTRY}/home/fridge:{MISLABELLED}",
    "terminationMessagePolicy": "FallbackToLogsOnError",
}

IMAGES: Final = (
    Failure(
        name="image-tag",
        objects=[deployment(container(image=f"{REGISTRY}/home/fridge:v9.9.9"))],
        until=PULL,
    ),
    Failure(
        name="image-init",
        objects=[
            deployment(
                container(),
                initContainers=[
                    container("prepare", image=f"{REGISTRY}/home/freezer:v1.0.0")
                ],
            )
        ],
        until=PULL,
    ),
    Failure(
        name="image-sidecar",
        objects=[
            stateful_set(
                container(),
                initContainers=[
                    sidecar("proxy", image=f"{REGISTRY}/home/fridge@sha256:{'0' * 64}")
                ],
            )
        ],
        until=PULL,
    ),
    Failure(
        name="image-second-both-nodes",
        objects=[
            deployment(
                container(),
                container("logger", image=f"{REGISTRY}/log:none"),
                **ON_BOTH,
            )
        ],
        until=PULL,
    ),
    Failure(
        name="image-invalid-name",
        objects=[daemon_set(container(image=f"{REGISTRY}/Home/Fridge:v1"))],
        until=("InvalidImageName",),
    ),
    Failure(
        name="image-never-pulled",
        objects=[
            deployment(
                container(image=f"{REGISTRY}/home/jazz:v9", imagePullPolicy="Never")
            )
        ],
        until=("ErrImageNeverPull",),
    ),
    Failure(
        name="image-registry-refuses",
        objects=[deployment(container(image="192.168.244.1:5999/home/fridge:v1.0.0"))],
        until=PULL,
    ),
    Failure(
        name="image-registry-unknown",
        objects=[deployment(container(image="registry.invalid/home/fridge:v1.0.0"))],
        until=PULL,
    ),
    Failure(
        name="image-cron-job",
        objects=[cron_job(container(image=f"{REGISTRY}/home/backup:v0"))],
        until=PULL,
    ),
    Failure(
        name="image-new-template",
        objects=[deployment(container())],
        steps=[
            (
                ('"readyReplicas":1',),
                deployment(container(image=f"{REGISTRY}/home/fridge:v7.7.7")),
            ),
        ],
        until=PULL,
    ),
    Failure(
        name="denied-main",
        objects=[deployment(container(image=f"{PRIVATE_REGISTRY}/home/fridge:v1.0.0"))],
        until=PULL,
    ),
    Failure(
        name="denied-init",
        objects=[
            stateful_set(
                container(),
                initContainers=[
                    container("prepare", image=f"{PRIVATE_REGISTRY}/home/fridge:v1.1.0")
                ],
            )
        ],
        until=PULL,
    ),
    Failure(
        name="denied-wrong-password",
        objects=[
            daemon_set(
                container(),
                container("logger", image=f"{PRIVATE_REGISTRY}/home/fridge:v1.2.0"),
                imagePullSecrets=[{"name": "registry"}],
            ),
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "registry"},
                "type": "kubernetes.io/dockerconfigjson",
                "stringData": {
                    ".dockerconfigjson": f'{{"auths": {{"{PRIVATE_REGISTRY}": {{"username": "a", "password": "b"}}}}}}'
                },
            },
        ],
        until=PULL,
    ),
    Failure(
        name="architecture-pull",
        objects=[deployment(container(image=f"{REGISTRY}/home/fridge:{FOREIGN}"))],
        until=PULL,
    ),
    Failure(
        name="architecture-pull-init",
        objects=[
            deployment(
                container(),
                initContainers=[
                    container("prepare", image=f"{REGISTRY}/home/fridge:{FOREIGN}")
                ],
            )
        ],
        until=PULL,
    ),
    Failure(
        name="architecture-pull-second-both-nodes",
        objects=[
            deployment(
                container(),
                container("logger", image=f"{REGISTRY}/home/fridge:{FOREIGN}"),
                **ON_BOTH,
            )
        ],
        until=PULL,
    ),
    Failure(
        name="architecture-exec",
        objects=[deployment(container(**_FOREIGN_PROGRAM))],
        until=BACK_OFF,
    ),
    Failure(
        name="architecture-exec-sidecar",
        objects=[
            stateful_set(
                container(), initContainers=[sidecar("proxy", **_FOREIGN_PROGRAM)]
            )
        ],
        until=BACK_OFF,
    ),
    Failure(
        name="architecture-exec-init",
        objects=[
            daemon_set(
                container(), initContainers=[container("prepare", **_FOREIGN_PROGRAM)]
            )
        ],
        until=BACK_OFF,
    ),
    Failure(
        name="architecture-exec-silent",
        objects=[deployment(container(image=f"{REGISTRY}/home/fridge:{MISLABELLED}"))],
        until=BACK_OFF,
    ),
)
