"""Connecting a cluster: how to reach it, then what of it becomes devices."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, override

import voluptuous as vol

from homeassistant.components import onboarding
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.typing import DiscoveryInfoType
from homeassistant.requirements import (
    RequirementsNotFound,
    async_clear_install_history,
    async_process_requirements,
)

from .connect import (
    IN_CLUSTER_TITLE,
    Connection,
    Refused,
    connect_by_kubeconfig,
    connect_by_token,
    connect_in_cluster,
    in_a_pod,
    is_path,
)
from .const import (
    CONF_CA,
    CONF_CONTEXT,
    CONF_KUBECONFIG,
    CONF_METHOD,
    CONF_URL,
    CONF_VERIFY_SSL,
    DOMAIN,
    KUBERNETES_REQUIREMENT,
    METHOD_IN_CLUSTER,
    METHOD_KUBECONFIG,
    METHOD_TOKEN,
)
from .forms import TOKEN_SCHEMA, errors, kubeconfig_schema, selection_schema, words
from .options_flow import HomeClusterOptionsFlow
from .preview import hide_preview, look, setup_preview
from .rekey import rekey
from .zero_touch import OwnCluster

_MENDING: Final = (SOURCE_REAUTH, SOURCE_RECONFIGURE)
_SHOWN: Final = (CONF_URL, CONF_CA, CONF_VERIFY_SSL, CONF_CONTEXT)


class HomeClusterConfigFlow(ConfigFlow, domain=DOMAIN):
    """Connects a cluster, mends its connection, or moves its devices to a new cluster."""

    VERSION = 1

    def __init__(self) -> None:
        """Start with nothing."""
        self._typed: dict[str, Any] | None = None
        self._contexts: tuple[str, ...] = ()
        self._connection: Connection | None = None
        self._install: asyncio.Task[None] | None = None
        self._own: OwnCluster | None = None

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> HomeClusterOptionsFlow:
        """Return the flow of the entry's options."""
        return HomeClusterOptionsFlow()

    @staticmethod
    @override
    async def async_setup_preview(hass: HomeAssistant) -> None:
        """Answer the frontend while a selection is filled in."""
        setup_preview(hass)

    @callback
    @override
    def async_remove(self) -> None:
        """Clean up when the user leaves."""
        hide_preview(self.hass, self.flow_id)

    @override
    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how to reach the cluster."""
        return self.async_show_menu(step_id="user", menu_options=_methods())

    async def async_step_reauth(
        self, entry_data: Mapping[str, Any]
    ) -> ConfigFlowResult:
        """Begin when the cluster does not accept the credentials any more."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for other credentials."""
        return self.async_show_menu(
            step_id="reauth_confirm",
            menu_options=_methods(),
            description_placeholders={"name": self._get_reauth_entry().title},
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how to reach the cluster from now on."""
        return self.async_show_menu(
            step_id="reconfigure",
            menu_options=_methods(),
            description_placeholders={"name": self._get_reconfigure_entry().title},
        )

    async def async_step_in_cluster(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Connect as the pod that Home Assistant runs in."""
        try:
            connection = await connect_in_cluster(self.hass)
        except Refused as refused:
            if refused.key == "not_in_cluster":
                return self.async_abort(reason="not_in_cluster")
            return self._form("in_cluster", vol.Schema({}), {}, refused)
        return await self._connected(connection)

    async def async_step_import(self, import_data: dict[str, Any]) -> ConfigFlowResult:
        """Connect the cluster that Home Assistant runs on, met for the first time."""
        await self._met(OwnCluster(**import_data))
        return self._connect_own()

    @override
    async def async_step_integration_discovery(
        self, discovery_info: DiscoveryInfoType
    ) -> ConfigFlowResult:
        """Offer the cluster that Home Assistant runs on; one that is new itself connects it."""
        await self._met(OwnCluster(**discovery_info))
        if not onboarding.async_is_onboarded(self.hass):
            return self._connect_own()
        return await self.async_step_discovery_confirm()

    async def async_step_discovery_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whether to connect the cluster that Home Assistant runs on."""
        if user_input is not None:
            return self._connect_own()
        self._set_confirm_only()
        return self.async_show_form(step_id="discovery_confirm")

    async def async_step_token(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Connect by address, token and authority."""
        if user_input is None:
            return self._form("token", TOKEN_SCHEMA, self._known(METHOD_TOKEN))
        try:
            connection = await connect_by_token(self.hass, user_input)
        except Refused as refused:
            return self._form("token", TOKEN_SCHEMA, user_input, refused)
        return await self._connected(connection)

    async def async_step_kubeconfig(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Connect by kubeconfig."""
        if user_input is None:
            return self._kubeconfig_form(self._known(METHOD_KUBECONFIG))
        try:
            connection = await connect_by_kubeconfig(self.hass, user_input)
        except Refused as refused:
            self._contexts = refused.choices or self._contexts
            if refused.key == "package_missing":
                self._typed = user_input
                return await self.async_step_install()
            return self._kubeconfig_form(user_input, refused)
        return await self._connected(connection)

    async def async_step_install(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Fetch the package that reads this kubeconfig."""
        if self._install is None:
            # A fetch that failed is not tried again otherwise.
            async_clear_install_history(self.hass)
            self._install = self.hass.async_create_task(
                async_process_requirements(
                    self.hass, DOMAIN, [KUBERNETES_REQUIREMENT], is_built_in=False
                )
            )
        if not self._install.done():
            return self.async_show_progress(
                step_id="install",
                progress_action="install",
                progress_task=self._install,
            )
        return self.async_show_progress_done(next_step_id="installed")

    async def async_step_installed(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Go on with the kubeconfig when the package is there, or say that it is not."""
        typed, install = self._typed, self._install
        self._typed = self._install = None
        assert typed is not None
        assert install is not None
        try:
            install.result()
            connection = await connect_by_kubeconfig(self.hass, typed)
        except RequirementsNotFound:
            return self._kubeconfig_form(
                typed, Refused("package_missing", CONF_KUBECONFIG)
            )
        except Refused as refused:
            return self._kubeconfig_form(typed, refused)
        return await self._connected(connection)

    async def async_step_selection(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask what becomes a device, and make the entry."""
        assert self._connection is not None
        preview = await look(self.hass, self.flow_id, self._connection.client)
        refused = None
        if user_input is not None:
            try:
                options = await preview.check(user_input)
            except Refused as err:
                refused = err
            else:
                return self.async_create_entry(
                    title=self._connection.title,
                    data=self._connection.data,
                    options=options,
                )
        typed = user_input or {}
        return self.async_show_form(
            step_id="selection",
            data_schema=self.add_suggested_values_to_schema(
                selection_schema(preview.namespaces), typed
            ),
            errors=errors(refused),
            description_placeholders=words(refused) | await preview.words(typed),
            preview=DOMAIN,
        )

    async def async_step_new_cluster(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whether the devices move to a cluster that is not the entry's."""
        assert self._connection is not None
        return self.async_show_menu(
            step_id="new_cluster",
            menu_options=["same_home", "other_home"],
            description_placeholders={
                "name": self._entry().title,
                "cluster": self._connection.title,
            },
        )

    async def async_step_same_home(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Move the devices to the new cluster."""
        assert self._connection is not None
        entry = self._entry()
        if not await self.hass.config_entries.async_unload(entry.entry_id):
            return self.async_abort(reason="still_in_use")
        rekey(self.hass, entry, self._connection.uid)
        return self.async_update_reload_and_abort(
            entry, unique_id=self._connection.uid, data=self._connection.data
        )

    async def async_step_other_home(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Leave the entry as it is: another home's cluster gets its own."""
        return self.async_abort(reason="other_home")

    async def _connected(self, connection: Connection) -> ConfigFlowResult:
        """Go on with a cluster that answered."""
        self._connection = connection
        await self.async_set_unique_id(connection.uid, raise_on_progress=False)
        if self.source not in _MENDING:
            self._abort_if_unique_id_configured()
            return await self.async_step_selection()
        entry = self._entry()
        if connection.uid == entry.unique_id:
            return self.async_update_reload_and_abort(entry, data=connection.data)
        self._abort_if_unique_id_configured()
        return await self.async_step_new_cluster()

    async def _met(self, own: OwnCluster) -> None:
        """Take up the cluster around Home Assistant; aborts if it is connected or ignored."""
        self._own = own
        await self.async_set_unique_id(own.uid)
        self._abort_if_unique_id_configured()

    def _connect_own(self) -> ConfigFlowResult:
        """Make the entry of the cluster around Home Assistant."""
        assert self._own is not None
        return self.async_create_entry(
            title=IN_CLUSTER_TITLE, data=self._own.data, options=self._own.options
        )

    def _entry(self) -> ConfigEntry:
        """Return the entry whose connection is mended."""
        if self.source == SOURCE_REAUTH:
            return self._get_reauth_entry()
        return self._get_reconfigure_entry()

    def _known(self, method: str) -> dict[str, Any]:
        """Return what the form may show of the present connection: no secret leaves the entry."""
        if self.source not in _MENDING or self._entry().data[CONF_METHOD] != method:
            return {}
        data = self._entry().data
        known = {key: data[key] for key in _SHOWN if key in data}
        kubeconfig = data.get(CONF_KUBECONFIG, "")
        if is_path(kubeconfig):
            known[CONF_KUBECONFIG] = kubeconfig
        return known

    def _form(
        self,
        step_id: str,
        schema: vol.Schema,
        typed: Mapping[str, Any],
        refused: Refused | None = None,
    ) -> ConfigFlowResult:
        """Show a form with what was typed, and what is wrong with it."""
        values = {**typed, **(refused.fill if refused else {})}
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, values),
            errors=errors(refused),
            description_placeholders=words(refused),
        )

    def _kubeconfig_form(
        self, typed: Mapping[str, Any], refused: Refused | None = None
    ) -> ConfigFlowResult:
        """Show the form, with the contexts to choose from once they are known."""
        return self._form(
            "kubeconfig", kubeconfig_schema(self._contexts), typed, refused
        )


def _methods() -> list[str]:
    """Return the ways to connect, the likeliest first."""
    others = [METHOD_TOKEN, METHOD_KUBECONFIG]
    return [METHOD_IN_CLUSTER, *others] if in_a_pod() else [*others, METHOD_IN_CLUSTER]
