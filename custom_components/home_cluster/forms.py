"""The forms of the flows: their fields, and the words around what is wrong with them."""

from collections.abc import Mapping, Sequence
import re
from typing import Any, Final

import voluptuous as vol

from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    ObjectSelector,
    ObjectSelectorConfig,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)

from .connect import Refused
from .const import (
    CONF_ADDRESS,
    CONF_ALLOW_OWNED,
    CONF_AUTO_ROLLBACK,
    CONF_CA,
    CONF_CONTEXT,
    CONF_KUBECONFIG,
    CONF_METRICS_INTERVAL,
    CONF_MODE,
    CONF_NAMESPACES,
    CONF_NODE_LOSSES,
    CONF_PASSWORD,
    CONF_REGISTRIES,
    CONF_TOKEN,
    CONF_UPDATE_CHECKS,
    CONF_UPDATES,
    CONF_URL,
    CONF_USERNAME,
    CONF_VERIFY_SSL,
    FEWEST_LOSSES,
    METRICS_INTERVAL,
    METRICS_INTERVALS,
    MOST_LOSSES,
    NODE_LOSSES,
)
from .model.selection import MODE_ALL, MODE_LABELLED, MODE_NAMESPACES

_NO_WORDS: Final = dict.fromkeys(
    (
        "contexts",
        "detail",
        "existing",
        "fingerprint",
        "namespaces",
        "registry",
        "url",
        "yaml",
    ),
    "",
)
_MULTILINE: Final = TextSelector(TextSelectorConfig(multiline=True))

_REGISTRY: Final = re.compile(r"(?:http://)?[A-Za-z0-9._-]+(?::\d{1,5})?")

_UPDATES: Final = vol.Schema(
    {
        vol.Required(CONF_UPDATE_CHECKS, default=True): BooleanSelector(),
        vol.Required(CONF_AUTO_ROLLBACK, default=True): BooleanSelector(),
        vol.Required(CONF_ALLOW_OWNED, default=False): BooleanSelector(),
        vol.Optional(CONF_REGISTRIES, default=[]): ObjectSelector(
            ObjectSelectorConfig(
                multiple=True,
                label_field=CONF_ADDRESS,
                description_field=CONF_USERNAME,
                translation_key=CONF_REGISTRIES,
                fields={
                    CONF_ADDRESS: {"required": True, "selector": {"text": {}}},
                    CONF_USERNAME: {"selector": {"text": {}}},
                    CONF_PASSWORD: {"selector": {"text": {"type": "password"}}},
                },
            )
        ),
    }
)

TOKEN_SCHEMA: Final = vol.Schema(
    {
        vol.Required(CONF_URL): TextSelector(
            TextSelectorConfig(type=TextSelectorType.URL)
        ),
        vol.Required(CONF_TOKEN): TextSelector(
            TextSelectorConfig(type=TextSelectorType.PASSWORD)
        ),
        vol.Optional(CONF_CA, default=""): _MULTILINE,
        vol.Required(CONF_VERIFY_SSL, default=True): BooleanSelector(),
    }
)


def kubeconfig_schema(contexts: Sequence[str]) -> vol.Schema:
    """Return the kubeconfig's form; contexts that are known are offered."""
    context: TextSelector | SelectSelector = TextSelector()
    if contexts:
        context = SelectSelector(
            SelectSelectorConfig(
                options=list(contexts),
                custom_value=True,
                mode=SelectSelectorMode.DROPDOWN,
            )
        )
    return vol.Schema(
        {
            vol.Required(CONF_KUBECONFIG): _MULTILINE,
            vol.Optional(CONF_CONTEXT, default=""): context,
        }
    )


def selection_schema(namespaces: Sequence[str]) -> vol.Schema:
    """Return the selection's form; namespaces that are known are offered."""
    return vol.Schema(
        {
            vol.Required(CONF_MODE, default=MODE_ALL): SelectSelector(
                SelectSelectorConfig(
                    options=[MODE_ALL, MODE_NAMESPACES, MODE_LABELLED],
                    mode=SelectSelectorMode.LIST,
                    translation_key=CONF_MODE,
                )
            ),
            vol.Optional(CONF_NAMESPACES, default=[]): SelectSelector(
                SelectSelectorConfig(
                    options=list(namespaces), multiple=True, custom_value=True
                )
            ),
        }
    )


def options_schema(namespaces: Sequence[str]) -> vol.Schema:
    """Return the options' form: the selection, how often figures are read, and which losses are told."""
    shortest, longest = METRICS_INTERVALS
    return selection_schema(namespaces).extend(
        {
            vol.Required(
                CONF_METRICS_INTERVAL, default=METRICS_INTERVAL
            ): NumberSelector(
                NumberSelectorConfig(
                    min=shortest,
                    max=longest,
                    unit_of_measurement="s",
                    mode=NumberSelectorMode.BOX,
                )
            ),
            vol.Required(CONF_NODE_LOSSES, default=NODE_LOSSES): NumberSelector(
                NumberSelectorConfig(
                    min=FEWEST_LOSSES, max=MOST_LOSSES, mode=NumberSelectorMode.BOX
                )
            ),
            # Left out by scripts that change the selection only.
            vol.Optional(CONF_UPDATES): section(_UPDATES, {"collapsed": True}),
        }
    )


def shown_updates(updates: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form may show of the updates' options: no password leaves the entry."""
    return {
        **updates,
        CONF_REGISTRIES: [
            {key: text for key, text in one.items() if key != CONF_PASSWORD}
            for one in updates.get(CONF_REGISTRIES, ())
        ],
    }


def typed_updates(
    typed: Mapping[str, Any], before: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the updates' options as they were typed; a password that was left empty stays as it was.

    Raises `Refused` for what is no address of a registry.
    """
    passwords = {
        (one[CONF_ADDRESS], one.get(CONF_USERNAME, "")): one.get(CONF_PASSWORD, "")
        for one in before.get(CONF_REGISTRIES, ())
    }
    registries = []
    for one in typed.get(CONF_REGISTRIES, ()):
        address = one[CONF_ADDRESS].strip().removeprefix("https://").rstrip("/")
        if not _REGISTRY.fullmatch(address):
            raise Refused("bad_registry", CONF_UPDATES, registry=address)
        username = one.get(CONF_USERNAME, "").strip()
        password = one.get(CONF_PASSWORD, "").strip()
        registries.append(
            {
                CONF_ADDRESS: address,
                CONF_USERNAME: username,
                CONF_PASSWORD: password or passwords.get((address, username), ""),
            }
        )
    return {**typed, CONF_REGISTRIES: registries}


def errors(refused: Refused | None) -> dict[str, str]:
    """Return what a form shows at its fields."""
    return {refused.field: refused.key} if refused else {}


def words(refused: Refused | None) -> dict[str, str]:
    """Return all placeholders that a form's text and its errors may use."""
    words = _NO_WORDS | (refused.placeholders if refused else {})
    if words["yaml"]:
        # As a block of the form's text: in an error its lines would run together.
        words["yaml"] = f"\n\n```yaml\n{words['yaml'].strip()}\n```"
    return words
