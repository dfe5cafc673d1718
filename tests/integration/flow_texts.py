"""What each step of a flow must have in en.json: hassfest checks it for core only."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
import json
from pathlib import Path
import re
from typing import Any
from unittest.mock import patch

import voluptuous as vol

from custom_components.home_cluster.const import DOMAIN
from homeassistant.components.repairs import RepairsFlow
from homeassistant.data_entry_flow import (
    FlowHandler,
    FlowManager,
    FlowResultType,
    section as section_of_a_form,
)
from homeassistant.helpers import issue_registry as ir

TEXTS: dict[str, Any] = json.loads(
    Path("custom_components/home_cluster/translations/en.json").read_text(
        encoding="utf-8"
    )
)
# Texts that Home Assistant itself has.
_CORE_ABORTS = {"reauth_successful", "reconfigure_successful"}


def text(path: str) -> Any:
    """Return the text at a dotted path; fails when there is none."""
    found: Any = TEXTS
    for part in path.split("."):
        assert isinstance(found, Mapping), f"en.json has no {path}"
        assert part in found, f"en.json has no {path}"
        found = found[part]
    return found


def placeholders(sentence: str) -> set[str]:
    """Return the names in braces."""
    return set(re.findall(r"{(\w+)}", sentence))


def check_result(section: str, result: Mapping[str, Any]) -> None:
    """Fail when a step, field, error or abort has no text, or a text's placeholder is not filled."""
    given = set(result.get("description_placeholders") or {})

    def whole(path: str) -> None:
        missing = placeholders(text(path)) - given
        assert not missing, f"{path} needs {missing}"

    kind = result["type"]
    if kind is FlowResultType.ABORT and result["reason"] not in _CORE_ABORTS:
        whole(f"{section}.abort.{result['reason']}")
    if kind is FlowResultType.SHOW_PROGRESS:
        whole(f"{section}.progress.{result['progress_action']}")
    if kind not in (FlowResultType.FORM, FlowResultType.MENU):
        return
    step = f"{section}.step.{result['step_id']}"
    whole(f"{step}.title")
    whole(f"{step}.description")
    for option in result.get("menu_options") or ():
        whole(f"{step}.menu_options.{option}")
    schema = result.get("data_schema")
    if kind is FlowResultType.FORM and schema is not None:
        for key, field in schema.schema.items():
            if isinstance(field, section_of_a_form):
                part = f"{step}.sections.{key}"
                whole(f"{part}.name")
                whole(f"{part}.description")
                for inner in field.schema.schema:
                    whole(f"{part}.data.{inner}")
                    whole(f"{part}.data_description.{inner}")
                continue
            whole(f"{step}.data.{key}")
            whole(f"{step}.data_description.{key}")
    for error in (result.get("errors") or {}).values():
        whole(f"{section}.error.{error}")


@contextmanager
def checked_flows() -> Iterator[None]:
    """Check every result of our flows while the context lasts."""
    original = FlowManager._async_handle_step

    async def check(
        self: FlowManager[Any, Any, Any],
        flow: FlowHandler[Any, Any, Any],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        result = await original(self, flow, *args, **kwargs)
        section = (
            "config" if type(flow).__name__ == "HomeClusterConfigFlow" else "options"
        )
        if isinstance(flow, RepairsFlow):
            issue = ir.async_get(flow.hass).async_get_issue(DOMAIN, flow.issue_id)
            section = (
                f"issues.{issue.translation_key if issue else 'stuck_pod'}.fix_flow"
            )
        if type(flow).__module__.startswith(f"custom_components.{DOMAIN}."):
            check_result(section, result)
        return result

    with patch.object(FlowManager, "_async_handle_step", check):
        yield


def suggested(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form's fields hold when it is shown."""
    values: dict[str, Any] = {}
    for key, field in result["data_schema"].schema.items():
        if isinstance(field, section_of_a_form):
            continue
        description = key.description or {}
        if "suggested_value" in description:
            values[str(key)] = description["suggested_value"]
        elif not isinstance(key.default, vol.Undefined):
            values[str(key)] = key.default()
    return values
