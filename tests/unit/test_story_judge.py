"""The judge of the record: it finds each kind of lie and nothing else."""

import pytest

from story.judge import SLACK, judge
from story.timeline import Timeline
from testbed.recorder import Change, Window

FRIDGE = "uid/deployment/kitchen/fridge"
ENTITIES = {
    "switch.fridge": f"{FRIDGE}/power",
    "sensor.fridge_status": f"{FRIDGE}/status",
    "binary_sensor.fridge_problem": f"{FRIDGE}/problem",
    "button.fridge_restart": f"{FRIDGE}/restart",
    "person.home": "somebody",
}


def lies(
    *changes: tuple[float, str, str | None],
    windows: list[Window] | None = None,
    timeline: Timeline | None = None,
) -> list[str]:
    """Judge changes of the fridge, which by default is on from the beginning."""
    known = timeline or Timeline([(0.0, True)])
    return judge(
        [Change(at, at, entity, state) for at, entity, state in changes],
        ENTITIES,
        windows or [],
        {"deployment/kitchen/fridge": known},
    )


def test_the_truth_is_no_lie() -> None:
    """A switch that says what the cluster had, and a button that was never pressed."""
    timeline = Timeline([(0.0, True), (100.0, False), (200.0, True)])
    assert not lies(
        (50, "switch.fridge", "on"),
        (100.02, "switch.fridge", "off"),
        (199.9, "switch.fridge", "on"),
        (50, "button.fridge_restart", "unknown"),
        (50, "person.home", "unavailable"),
        timeline=timeline,
    )


@pytest.mark.parametrize(
    ("at", "state"), [(50, "off"), (150, "on"), (100 + SLACK + 0.1, "on")]
)
def test_a_false_off_or_on_is_found(at: float, state: str) -> None:
    """Before, within and shortly after a real off."""
    timeline = Timeline([(0.0, True), (100.0, False)])
    assert len(lies((at, "switch.fridge", state), timeline=timeline)) == 1


def test_a_false_off_is_a_lie_in_a_fault_too() -> None:
    """A window excuses silence, never a wrong word."""
    timeline = Timeline([(0.0, True)], blind=[(40.0, 60.0)])
    window = Window("API restart", 0, frozenset({"unavailable", "off"}))
    assert (
        len(lies((50, "switch.fridge", "off"), windows=[window], timeline=timeline))
        == 1
    )


def test_what_changed_unseen_may_have_been_either() -> None:
    """The witness was blind and found another value afterwards."""
    timeline = Timeline([(0.0, True), (60.0, False)], blind=[(40.0, 60.0)])
    assert not lies((50, "switch.fridge", "off"), timeline=timeline)
    assert not lies((50, "switch.fridge", "on"), timeline=timeline)


@pytest.mark.parametrize(
    ("entity", "state"),
    [
        ("switch.fridge", "unavailable"),
        ("sensor.fridge_status", "unknown"),
        ("binary_sensor.fridge_problem", "on"),
        ("sensor.fridge_status", None),
        ("button.fridge_restart", "unavailable"),
    ],
)
def test_silence_removal_and_alarms_need_a_window(
    entity: str, state: str | None
) -> None:
    """Each is a lie, unless a window of that time and device allows it."""
    word = state or "removed"
    assert len(lies((50, entity, state))) == 1
    inside = Window("fault", 40, frozenset({word}), of=FRIDGE, until=60)
    assert not lies((50, entity, state), windows=[inside])
    for other in (
        Window("too early", 0, frozenset({word}), until=49),
        Window("too late", 51, frozenset({word})),
        Window("another word", 40, frozenset({"something"})),
        Window("another device", 40, frozenset({word}), of="deployment/kitchen/oven"),
    ):
        assert len(lies((50, entity, state), windows=[other])) == 1


def test_a_switch_of_something_that_never_was_is_a_lie() -> None:
    """A workload that the witness has never seen cannot be on or off."""
    assert lies((50, "switch.fridge", "on"), timeline=Timeline())
