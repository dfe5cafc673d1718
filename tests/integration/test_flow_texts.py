"""The texts of flows, and that their check would notice a miss."""

from collections.abc import Iterator
from copy import deepcopy
import re
from typing import Any

import pytest
import voluptuous as vol

from homeassistant.data_entry_flow import FlowResultType
from tests.integration.flow_texts import TEXTS, check_result, placeholders, text


def sentences(found: Any) -> Iterator[str]:
    """Yield all texts below a place."""
    if isinstance(found, str):
        yield found
    else:
        for below in found.values():
            yield from sentences(below)


ALL = [
    sentence
    for section in ("config", "options", "selector")
    for sentence in sentences(TEXTS[section])
]


def test_no_text_has_an_address_in_it() -> None:
    assert [sentence for sentence in ALL if re.search(r"\w+://", sentence)] == []


def test_every_error_and_end_says_what_to_do() -> None:
    """One sentence for what is wrong and one for what helps, or at once what to do."""
    silent = [
        f"{section}.{part}.{key}"
        for section in ("config", "options")
        for part in ("error", "abort")
        for key, sentence in TEXTS[section].get(part, {}).items()
        if len(re.findall(r"\.(?: |$)", sentence)) < 2
        and not sentence.startswith(("Enter ", "Name ", "Paste "))
    ]
    assert silent == []


def test_options_say_the_same_as_the_first_selection() -> None:
    later = deepcopy(text("options.step.init"))
    for part in ("data", "data_description"):
        # What is read by interval, a new entry reads by the default one.
        del later[part]["metrics_interval"]
        # What is told of nodes, it tells as most want it.
        del later[part]["node_losses"]
    # And what concerns its updates, it has as most want it.
    del later["sections"]
    assert later == text("config.step.selection")
    for key, sentence in text("options.error").items():
        if key == "bad_registry":
            continue
        assert text(f"config.error.{key}") == sentence


def test_placeholders_are_identifiers() -> None:
    for sentence in ALL:
        inside = re.findall(r"{([^}]*)}", sentence)
        assert set(inside) == placeholders(sentence), sentence


FORM = {
    "type": FlowResultType.FORM,
    "step_id": "token",
    "data_schema": vol.Schema({vol.Required("url"): str}),
    "description_placeholders": {"yaml": "", "url": ""},
    "errors": {"url": "dns"},
}


@pytest.mark.parametrize(
    "change",
    [
        {"step_id": "unheard_of"},
        {"errors": {"url": "unheard_of"}},
        {"errors": {"url": "wrong_ca"}},
        {"data_schema": vol.Schema({vol.Required("unheard_of"): str})},
        {"description_placeholders": {"url": ""}},
        {"type": FlowResultType.ABORT, "reason": "unheard_of"},
        {"type": FlowResultType.SHOW_PROGRESS, "progress_action": "unheard_of"},
        {
            "type": FlowResultType.MENU,
            "step_id": "user",
            "menu_options": ["unheard_of"],
        },
    ],
)
def test_a_missing_text_or_word_is_noticed(change: dict[str, Any]) -> None:
    check_result("config", FORM)
    with pytest.raises(AssertionError, match="unheard_of|fingerprint|yaml"):
        check_result("config", FORM | change)
