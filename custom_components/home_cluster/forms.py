"""The forms of the flows: their fields, and the words around what is wrong with them."""

from collections.abc import Sequence
from typing import Final

import voluptuous as vol

from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)

from .connect import Refused
from .const import (
    CONF_CA,
    CONF_CONTEXT,
    CONF_KUBECONFIG,
    CONF_METRICS_INTERVAL,
    CONF_MODE,
    CONF_NAMESPACES,
    CONF_TOKEN,
    CONF_URL,
    CONF_VERIFY_SSL,
    METRICS_INTERVAL,
    METRICS_INTERVALS,
    MODE_ALL,
    MODE_LABELLED,
    MODE_NAMESPACES,
)

_NO_WORDS: Final = dict.fromkeys(
    ("contexts", "detail", "existing", "fingerprint", "namespaces", "url", "yaml"), ""
)
_MULTILINE: Final = TextSelector(TextSelectorConfig(multiline=True))

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
    """Return the options' form: the selection, and how often figures are read."""
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
        }
    )


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
