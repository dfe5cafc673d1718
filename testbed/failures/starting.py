"""Devices that cannot be started: configuration, runtime, preparation."""

from typing import Final

from .parts import (
    BACK_OFF,
    ON_BOTH,
    Failure,
    Object,
    config_map,
    container,
    daemon_set,
    deployment,
    from_key,
    listening,
    mounted,
    sidecar,
    stateful_set,
    with_env,
)

_NO_MAP: Final = [{"name": "settings", "configMap": {"name": "kitchen"}}]
_NO_SECRET: Final = [{"name": "keys", "secret": {"secretName": "kitchen-keys"}}]
_NO_ITEM: Final = [
    {
        "name": "settings",
        "configMap": {"name": "settings", "items": [{"key": "tune", "path": "tune"}]},
    }
]
WAITS_FOR_CONFIG: Final = ("CreateContainerConfigError",)

CONFIGURATION: Final = (
    Failure(
        name="config-map",
        objects=[
            deployment(
                with_env(
                    container(), from_key("MODE", "configMapKeyRef", "kitchen", "mode")
                )
            )
        ],
        until=WAITS_FOR_CONFIG,
    ),
    Failure(
        name="config-secret-init",
        objects=[
            stateful_set(
                container(),
                initContainers=[
                    with_env(
                        container("prepare", "exit", "0"),
                        from_key("KEY", "secretKeyRef", "kitchen-keys", "key"),
                    )
                ],
            )
        ],
        until=WAITS_FOR_CONFIG,
    ),
    Failure(
        name="config-map-key-second",
        objects=[
            deployment(
                container(),
                with_env(
                    container("logger"),
                    from_key("LEVEL", "configMapKeyRef", "settings", "level"),
                ),
                **ON_BOTH,
            ),
            config_map(tempo="slow"),
        ],
        until=WAITS_FOR_CONFIG,
    ),
    Failure(
        name="config-secret-sidecar",
        objects=[
            deployment(
                container(),
                initContainers=[
                    {
                        **sidecar("proxy"),
                        "envFrom": [{"secretRef": {"name": "proxy-keys"}}],
                    }
                ],
            )
        ],
        until=WAITS_FOR_CONFIG,
    ),
    Failure(
        name="config-volume-map",
        objects=[
            daemon_set(container(volumeMounts=mounted("settings")), volumes=_NO_MAP)
        ],
        until=("FailedMount",),
        for_seconds=12,
    ),
    Failure(
        name="config-volume-secret",
        objects=[
            deployment(container(volumeMounts=mounted("keys")), volumes=_NO_SECRET)
        ],
        until=("FailedMount",),
        for_seconds=12,
    ),
    Failure(
        name="config-volume-key",
        objects=[
            stateful_set(container(volumeMounts=mounted("settings")), volumes=_NO_ITEM),
            config_map(tempo="slow"),
        ],
        until=("FailedMount",),
        for_seconds=12,
    ),
)

_NO_PROGRAM: Final[Object] = {"command": ["/agent", "--token=not-to-be-told"]}
_RESTRICTED: Final = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
}

RUNTIME: Final = (
    Failure(
        name="run-no-program",
        objects=[deployment(container(**_NO_PROGRAM))],
        until=BACK_OFF,
    ),
    Failure(
        name="run-no-program-init",
        objects=[
            stateful_set(
                container(), initContainers=[container("prepare", **_NO_PROGRAM)]
            )
        ],
        until=BACK_OFF,
    ),
    Failure(
        name="run-no-program-sidecar",
        objects=[
            daemon_set(container(), initContainers=[sidecar("proxy", **_NO_PROGRAM)])
        ],
        until=BACK_OFF,
    ),
    Failure(
        name="run-as-root",
        objects=[
            deployment(
                container(securityContext={"runAsUser": 0, "runAsNonRoot": True})
            )
        ],
        until=WAITS_FOR_CONFIG,
    ),
    Failure(
        name="run-mount-over-file",
        objects=[
            deployment(
                container(),
                container("logger", volumeMounts=mounted("scratch", "/device")),
                **ON_BOTH,
                volumes=[{"name": "scratch", "emptyDir": {}}],
            )
        ],
        until=("StartError",),
    ),
    Failure(
        name="run-no-account",
        objects=[deployment(serviceAccountName="robot")],
        until=("ReplicaFailure",),
        for_seconds=12,
    ),
    Failure(
        name="run-no-account-stateful",
        objects=[stateful_set(serviceAccountName="robot")],
        until=("FailedCreate",),
        for_seconds=12,
    ),
    Failure(
        name="run-pod-security",
        objects=[daemon_set(hostNetwork=True), _RESTRICTED],
        until=("FailedCreate",),
        for_seconds=12,
    ),
    Failure(
        name="init-exit-1",
        objects=[
            deployment(container(), initContainers=[container("prepare", "exit", "1")])
        ],
        until=BACK_OFF,
    ),
    Failure(
        name="init-second-both-nodes",
        objects=[
            deployment(
                container(),
                initContainers=[
                    container("prepare", "exit", "0"),
                    container("migrate", "exit", "12"),
                ],
                **ON_BOTH,
            )
        ],
        until=BACK_OFF,
    ),
    Failure(
        name="init-behind-sidecar",
        objects=[
            stateful_set(
                container(),
                initContainers=[
                    sidecar("proxy", env=listening(8081)),
                    container("restore", "exit", "2", "1"),
                ],
            )
        ],
        until=BACK_OFF,
    ),
    Failure(
        name="init-daemon-set",
        objects=[
            daemon_set(
                container(), initContainers=[container("calibrate", "exit", "3")]
            )
        ],
        until=BACK_OFF,
    ),
)
