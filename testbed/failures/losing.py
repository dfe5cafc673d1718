"""Devices whose node goes away and comes back."""

from typing import Final

from .parts import (
    ATTIC,
    LEAVES_SOON,
    ON_BOTH,
    Failure,
    Object,
    claim,
    claimed,
    container,
    daemon_set,
    deployment,
    job,
    mounted,
    stateful_set,
)

_PREFERS_ATTIC: Final[Object] = {
    "nodeAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {
                "weight": 100,
                "preference": {
                    "matchExpressions": [
                        {
                            "key": "kubernetes.io/hostname",
                            "operator": "In",
                            "values": ["pi-attic"],
                        }
                    ]
                },
            }
        ]
    }
}
_MOVES: Final[Object] = {"affinity": _PREFERS_ATTIC, **LEAVES_SOON}
_READY: Final = ('"readyReplicas":1',)

# Recorded while the node pi-attic is away, and when it is back.
LOSSES: Final = (
    Failure(name="lost-deployment", objects=[deployment(**ATTIC)], until=_READY),
    Failure(
        name="lost-one-of-two",
        objects=[deployment(**ON_BOTH)],
        until=('"readyReplicas":2',),
    ),
    Failure(name="lost-daemon-set", objects=[daemon_set()], until=('"numberReady":2',)),
    Failure(
        name="lost-leaving",
        objects=[stateful_set(**ATTIC, **LEAVES_SOON)],
        until=_READY,
    ),
    Failure(name="lost-moved", objects=[deployment(**_MOVES)], until=_READY),
    Failure(
        name="lost-no-other", objects=[deployment(**ATTIC, **LEAVES_SOON)], until=_READY
    ),
    Failure(
        name="lost-volume",
        objects=[
            deployment(
                container(volumeMounts=mounted()), volumes=[claimed()], **_MOVES
            ),
            claim("data", "local-path"),
        ],
        until=_READY,
    ),
    Failure(
        name="lost-volume-second",
        objects=[
            deployment(
                container(),
                container("index", "sleep", "900", volumeMounts=mounted()),
                volumes=[claimed("music")],
                spec={"strategy": {"type": "Recreate"}},
                **_MOVES,
            ),
            claim("music", "local-path"),
        ],
        until=_READY,
    ),
    Failure(
        name="lost-volume-job",
        objects=[
            job(
                container("copy", "sleep", "900", volumeMounts=mounted()),
                volumes=[claimed()],
                spec={"backoffLimit": 6},
                **_MOVES,
            ),
            claim("data", "local-path"),
        ],
        until=('"ready":1',),
    ),
)
