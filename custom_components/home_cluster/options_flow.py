"""The options of a cluster that is connected."""

from typing import Any, override

from homeassistant.config_entries import ConfigFlowResult, OptionsFlowWithReload
from homeassistant.core import HomeAssistant, callback

from .connect import Refused, open_client
from .const import CONF_METRICS_INTERVAL, CONF_NODE_LOSSES, CONF_UPDATES, DOMAIN
from .forms import errors, options_schema, shown_updates, typed_updates, words
from .preview import hide_preview, look, setup_preview


class HomeClusterOptionsFlow(OptionsFlowWithReload):
    """Changes what becomes a device, how often figures are read, and what else may be chosen."""

    @callback
    @override
    def async_remove(self) -> None:
        """Clean up when the user leaves."""
        hide_preview(self.hass, self.flow_id)

    @staticmethod
    @override
    async def async_setup_preview(hass: HomeAssistant) -> None:
        """Answer the frontend while a selection is filled in."""
        setup_preview(hass)

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask what becomes a device from now on, and the rest."""
        client = open_client(self.hass, self.config_entry.data)
        preview = await look(self.hass, self.flow_id, client)
        updates = self.config_entry.options.get(CONF_UPDATES, {})
        refused = None
        if user_input is not None:
            try:
                options = await preview.check(user_input)
                numbers = {
                    key: int(user_input[key])
                    for key in (CONF_METRICS_INTERVAL, CONF_NODE_LOSSES)
                }
                if CONF_UPDATES in user_input:
                    options[CONF_UPDATES] = typed_updates(
                        user_input[CONF_UPDATES], updates
                    )
            except Refused as err:
                refused = err
            else:
                return self.async_create_entry(
                    data={**self.config_entry.options, **options, **numbers}
                )
        typed = (
            {**self.config_entry.options, CONF_UPDATES: shown_updates(updates)}
            if user_input is None
            else user_input
        )
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(
                options_schema(preview.namespaces), typed
            ),
            errors=errors(refused),
            description_placeholders=words(refused) | await preview.words(typed),
            preview=DOMAIN,
        )
