"""Answers about many devices, and about those that nothing certain is known of."""

from types import SimpleNamespace
from typing import Any

import pytest

from custom_components.home_cluster.exposure import Known
from custom_components.home_cluster.kube.schema import Kind, Ref
from custom_components.home_cluster.model.views import Health, Reason, Status
from custom_components.home_cluster.voice.answers import (
    about_all,
    about_firmware,
    about_one,
    which,
)
from custom_components.home_cluster.voice.en import ENGLISH

REASONS = {"crash_loop": "It keeps crashing", "node_lost": "Its node is lost"}
HUB: Any = SimpleNamespace(available=True, entry=SimpleNamespace(title="Home"))


def known(name: str, *, present: bool = True, area: str = "", **health: Any) -> Known:
    """Return a device by its name and health."""
    health.setdefault("status", Status.RUNNING)
    ref = Ref(Kind.DEPLOYMENT, "kitchen", name.lower())
    view: Any = SimpleNamespace(
        ref=ref, nodes=("pi-attic", "pi-hall"), health=Health(**health)
    )
    device: Any = SimpleNamespace(key=ref.name, present=present, view=view)
    return Known(
        hub=HUB,
        device=device,
        view=view,
        name=name,
        aliases=(),
        area_id=None,
        area=area,
        exposed=True,
    )


def failing(name: str) -> Known:
    """Return a device that crashes."""
    return known(name, status=Status.FAILING, problem=True, reason=Reason.CRASH_LOOP)


@pytest.mark.parametrize(
    ("devices", "answer"),
    [
        ([known("A"), known("B")], "Yes, all 2 devices are running."),
        (
            [failing(name) for name in "ABCDEF"],
            "Not everything is running. A: It keeps crashing. B: It keeps crashing. "
            "C: It keeps crashing. D: It keeps crashing. 2 more.",
        ),
        (
            [
                known("A", status=Status.UNKNOWN, problem=None),
                known("B"),
                known("C", present=False),
            ],
            "I do not know about A and C at the moment.",
        ),
        (
            [known(name, status=Status.OFF) for name in "ABCDEF"],
            "Everything that should be running is. Off or waiting: A, B, C, D and 2 more.",
        ),
        # A reason that has no words yet is not made up.
        (
            [known("A", status=Status.FAILING, problem=True, reason=Reason.QUOTA)],
            "Not everything is running. A: failing.",
        ),
    ],
)
def test_all(devices: list[Known], answer: str) -> None:
    """A few are named, the others are counted."""
    assert about_all(ENGLISH, REASONS, [HUB], devices) == answer


def test_a_lost_node_is_named() -> None:
    """For that is where to go."""
    device = known(
        "A",
        status=Status.FAILING,
        problem=True,
        reason=Reason.NODE_LOST,
        node="pi-attic",
    )
    advice = {"node_lost": "Check the power and the network of the node."}
    assert about_one(ENGLISH, REASONS, advice, device) == (
        "A is failing. Its node is lost. Its node is pi-attic. "
        "Check the power and the network of the node."
    )


def test_a_node_that_may_only_flicker_is_no_problem() -> None:
    """It is not known yet."""
    device = known("A", status=Status.UNKNOWN, problem=None)
    assert about_one(ENGLISH, REASONS, {}, device) == (
        "I do not know at the moment how A is: its node does not answer."
    )


def test_which() -> None:
    """By the room, or else by the namespace."""
    assert (
        which(ENGLISH, [known("A", area="Hall"), known("A")])
        == "Which one do you mean: A in Hall and A in kitchen?"
    )


def test_much_new_firmware() -> None:
    """A few are named, the others are counted."""
    devices = [known(name) for name in "ABCDEF"]
    assert about_firmware(ENGLISH, devices, lambda _: "2") == (
        "There is new firmware for A: 2, B: 2, C: 2, D: 2 and 2 more."
    )
