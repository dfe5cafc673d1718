"""The steps, in their order."""

from typing import Final

from . import (
    actions,
    automations,
    coming_and_going,
    connect,
    control_plane,
    firmware,
    gitops,
    growth,
    load,
    looks,
    nodes,
    power,
    power_cut,
    rights,
    rollout,
    schedules,
    storage,
    talking,
    toddler_proof,
    trouble,
    wifi,
)
from .step import Step

STEPS: Final[tuple[Step, ...]] = tuple(
    sorted(
        (
            *connect.STEPS,
            *power.STEPS,
            *trouble.STEPS,
            *rollout.STEPS,
            *wifi.STEPS,
            *control_plane.STEPS,
            *power_cut.STEPS,
            *coming_and_going.STEPS,
            *rights.STEPS,
            *growth.STEPS,
            *nodes.STEPS,
            *storage.STEPS,
            *talking.STEPS,
            *actions.STEPS,
            *toddler_proof.STEPS,
            *firmware.STEPS,
            *automations.STEPS,
            *load.STEPS,
            *schedules.STEPS,
            *gitops.STEPS,
            *looks.STEPS,
        ),
        key=lambda step: step.number,
    )
)
