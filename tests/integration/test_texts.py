"""Every entity, error and repair has its English text, and every text its use."""

import ast
from collections.abc import Iterator
import json
from pathlib import Path
from typing import Any

import pytest

from custom_components.home_cluster.binary_sensor import BINARY_SENSORS
from custom_components.home_cluster.button import BUTTONS, DRAINS, RUNS
from custom_components.home_cluster.event import EVENTS, FLICKERS
from custom_components.home_cluster.figures import FIGURES
from custom_components.home_cluster.mending import CREDENTIAL, IN_USE, STUCK_POD, WEDGED
from custom_components.home_cluster.model.happenings import What
from custom_components.home_cluster.model.owners import Tool
from custom_components.home_cluster.model.remedies import By, Undoer, told_as
from custom_components.home_cluster.model.undoing import Setting
from custom_components.home_cluster.model.views import Reason, Status
from custom_components.home_cluster.node_commands import NODE_ACTIONS, NODE_CAUSES
from custom_components.home_cluster.number import LIMITS, NUMBERS, WATCHDOGS
from custom_components.home_cluster.sensor import LAST_BOOTS, NEXT_RUNS, SENSORS
from custom_components.home_cluster.sentences import ACTIONS, CAUSES
from custom_components.home_cluster.switch import SCHEDULABLE, SWITCHES
from custom_components.home_cluster.update import UPDATES
from custom_components.home_cluster.volumes import (
    DISKS,
    VOLUME,
    VOLUME_DISK,
    VOLUME_USED,
)
from custom_components.home_cluster.wording import LANGUAGES

HERE = Path(__file__).parents[2] / "custom_components" / "home_cluster"
EN: dict[str, Any] = json.loads((HERE / "translations" / "en.json").read_text())
ICONS: dict[str, Any] = json.loads((HERE / "icons.json").read_text())
PLATFORMS = {
    "binary_sensor": BINARY_SENSORS,
    "button": (*BUTTONS, *DRAINS, *RUNS),
    "event": (*EVENTS, *FLICKERS),
    "number": (*NUMBERS, *WATCHDOGS, *LIMITS),
    "sensor": (
        *SENSORS,
        *FIGURES,
        *LAST_BOOTS,
        *NEXT_RUNS,
        *DISKS,
        VOLUME,
        VOLUME_USED,
        VOLUME_DISK,
    ),
    "switch": (*SWITCHES, *SCHEDULABLE),
    "update": UPDATES,
}

# Functions that make errors, and which argument the key is.
KEY_AT = {"_error": 1, "_misuse": 0, "misuse": 0}


def literals(value: ast.expr) -> Iterator[str]:
    """Yield the literal texts that an expression can be."""
    if isinstance(value, ast.Constant):
        yield str(value.value)
    elif isinstance(value, ast.IfExp):
        yield from literals(value.body)
        yield from literals(value.orelse)


def constants(keyword: str) -> Iterator[str]:
    """Yield the literal values of a keyword argument, or of `misuse(key, …)` and the like, in our modules."""
    for path in HERE.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call):
                continue
            for word in call.keywords:
                if word.arg == keyword:
                    yield from literals(word.value)
            place = (
                KEY_AT.get(call.func.id) if isinstance(call.func, ast.Name) else None
            )
            if place is not None and isinstance(call.args[place], ast.Constant):
                yield str(call.args[place].value)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_entities_and_texts_agree(platform: str) -> None:
    """The power switch has no name of its own; all others have one."""
    keys = {description.key for description in PLATFORMS[platform]} - {"power"}
    assert set(EN["entity"].get(platform, {})) == keys
    assert all(words["name"] for words in EN["entity"].get(platform, {}).values())


@pytest.mark.parametrize("platform", PLATFORMS)
def test_icons_are_for_entities_that_are_there(platform: str) -> None:
    """Those with a device class need none."""
    descriptions = {description.key: description for description in PLATFORMS[platform]}
    icons = set(ICONS["entity"].get(platform, {}))
    assert icons <= set(descriptions)
    bare = {key for key, one in descriptions.items() if one.device_class is None}
    assert bare <= icons


def test_states_of_enums_have_texts() -> None:
    """Each status and each reason."""
    sensors = EN["entity"]["sensor"]
    assert set(sensors["status"]["state"]) == {status.value for status in Status}
    assert set(sensors["reason"]["state"]) == {reason.value for reason in Reason}
    assert set(ICONS["entity"]["sensor"]["status"]["state"]) <= set(Status)


def test_reasons_have_their_advice() -> None:
    """But for none."""
    problem = EN["entity"]["binary_sensor"]["problem"]
    assert set(problem["state_attributes"]["advice"]["state"]) == {
        reason.value for reason in Reason if reason is not Reason.NONE
    }


def test_every_translation_is_used_in_sentences() -> None:
    """A house that speaks one of them is told what is wrong in it."""
    files = {path.stem for path in (HERE / "translations").glob("*.json")}
    assert files - {"en"} == LANGUAGES


def test_happenings_have_texts_and_icons() -> None:
    """Each kind of a workload's."""
    kinds = {what.value for what in What}
    for source in (EN, ICONS):
        told = source["entity"]["event"]["event"]["state_attributes"]["event_type"]
        assert set(told["state"]) == kinds


def test_errors_and_texts_agree() -> None:
    """Those named in the code, and those made of an action and a cause."""
    made = {f"{action}_{cause}" for action in ACTIONS for cause in CAUSES}
    made |= {f"{action}_{cause}" for action in NODE_ACTIONS for cause in NODE_CAUSES}
    made |= {f"owned_by_{tool}" for tool in Tool}
    made |= {f"update_failed{end}" for end in ("", "_undone", "_not_undone")}
    named = set(constants("translation_key")) - set(EN["issues"])
    assert set(EN["exceptions"]) == made | named


def test_repairs_have_texts() -> None:
    """With a title and what to do."""
    assert set(EN["issues"]) <= {
        *constants("translation_key"),
        STUCK_POD,
        WEDGED,
        CREDENTIAL,
        IN_USE,
        *(told_as(Undoer(by, ""), setting) for by in By for setting in Setting),
    }
    for words in EN["issues"].values():
        assert words["title"]
        assert words.get("description") or words["fix_flow"]["step"]["confirm"]


def test_no_text_holds_an_address() -> None:
    """Addresses come as placeholders."""
    assert "http" not in json.dumps(EN["entity"] | EN["exceptions"] | EN["issues"])
