"""Home Cluster: every device pod of a Kubernetes cluster is a device in Home Assistant."""

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import (
    ConfigEntryAuthFailed,
    ConfigEntryError,
    ConfigEntryNotReady,
    HomeAssistantError,
)
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.helpers.typing import ConfigType
from homeassistant.requirements import RequirementsNotFound, async_process_requirements

from . import guard
from .actions import register_actions
from .connect import open_client
from .const import (
    CONF_CONTEXT,
    CONF_KUBECONFIG,
    CONF_METHOD,
    CONF_STATIC,
    DOMAIN,
    KUBERNETES_REQUIREMENT,
    METHOD_KUBECONFIG,
    PLATFORMS,
)
from .holding import unheld_issue_id
from .hub import SYNC_TIMEOUT, HomeClusterConfigEntry, Hub, OtherCluster
from .kube.credentials import read_kubeconfig
from .kube.errors import CredentialsError, KubeError, Unauthorized
from .lookout import look_out, withdraw_reauth
from .once import join
from .oversight import issue_id
from .remember import notes_of, store_of
from .update_checks import firmware_store
from .zero_touch import (
    CONFIG_SCHEMA as CONFIG_SCHEMA,
    connect_own_cluster,
    named_namespaces,
)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Offer the actions, and connect the cluster that runs Home Assistant where the YAML key wishes it."""
    register_actions(hass)
    if DOMAIN in config:
        hass.async_create_background_task(
            connect_own_cluster(hass, named_namespaces(config)),
            "home_cluster connect own cluster",
        )
    return True


async def async_setup_entry(hass: HomeAssistant, entry: HomeClusterConfigEntry) -> bool:
    """Connect to a cluster and make devices of what it holds."""
    await _ensure_package(hass, entry)
    client = open_client(hass, entry.data)
    hub = Hub(hass, entry, client)
    try:
        await hub.start()
    except Unauthorized as err:
        look_out(hass, entry, client, refused=True)
        raise _error(ConfigEntryAuthFailed, "auth_failed", entry) from err
    except OtherCluster as err:
        raise _error(ConfigEntryError, "other_cluster", entry) from err
    except CredentialsError as err:
        raise _error(
            ConfigEntryNotReady, "credentials_failed", entry, error=str(err)
        ) from err
    except KubeError as err:
        look_out(hass, entry, client)
        raise _error(ConfigEntryNotReady, "not_ready", entry, error=str(err)) from err
    except TimeoutError as err:
        look_out(hass, entry, client)
        raise _error(
            ConfigEntryNotReady, "not_synced", entry, seconds=str(SYNC_TIMEOUT)
        ) from err
    entry.runtime_data = hub

    async def stop(_: Event) -> None:
        await hub.stop()

    entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, stop))
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    await hub.roster.settle()
    hub.oversee()
    join(hass, entry)
    withdraw_reauth(hass, entry)
    return True


async def async_unload_entry(
    hass: HomeAssistant, entry: HomeClusterConfigEntry
) -> bool:
    """Let go of the entities and of the cluster."""
    hub = entry.runtime_data
    hub.roster.hold()
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    if unloaded:
        await hub.stop()
    else:
        hub.roster.release()
    return unloaded


async def async_remove_entry(
    hass: HomeAssistant, entry: HomeClusterConfigEntry
) -> None:
    """Leave nothing behind of an entry that is removed."""
    for issue in (issue_id(entry.entry_id), unheld_issue_id(entry.entry_id)):
        ir.async_delete_issue(hass, DOMAIN, issue)
    for domain, issue in tuple(ir.async_get(hass).issues):
        if domain == DOMAIN and issue.startswith(guard.issue_id(entry)):
            ir.async_delete_issue(hass, domain, issue)
    await store_of(hass, entry.entry_id).async_remove()
    await notes_of(hass, entry.entry_id).async_remove()
    await firmware_store(hass, entry.entry_id).async_remove()


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: HomeClusterConfigEntry, device: dr.AnyDeviceEntry
) -> bool:
    """Let a user remove a device that the cluster, asked now, does not have."""
    return entry.state is ConfigEntryState.LOADED and await entry.runtime_data.is_stale(
        device
    )


async def _ensure_package(hass: HomeAssistant, entry: HomeClusterConfigEntry) -> None:
    """Have the package that reads kubeconfigs with plugins and logins; 75 MB, so only for those."""
    if entry.data[CONF_METHOD] != METHOD_KUBECONFIG or CONF_STATIC in entry.data:
        return
    try:
        found = await read_kubeconfig(
            entry.data[CONF_KUBECONFIG],
            entry.data.get(CONF_CONTEXT),
            hass.async_add_executor_job,
        )
    except CredentialsError:
        # Who connects says what is wrong with it.
        return
    if not found.needs_package:
        return
    try:
        await async_process_requirements(
            hass, DOMAIN, [KUBERNETES_REQUIREMENT], is_built_in=False
        )
    except RequirementsNotFound as err:
        raise _error(
            ConfigEntryNotReady, "package_missing", entry, error=str(err)
        ) from err


def _error[E: HomeAssistantError](
    kind: type[E], key: str, entry: HomeClusterConfigEntry, **words: str
) -> E:
    return kind(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders={"cluster": entry.title, **words},
    )
