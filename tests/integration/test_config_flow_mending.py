"""Mending a connection: new credentials, another address, or a cluster that was built anew."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import yaml

from custom_components.home_cluster.const import DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr, entity_registry as er
from tests.integration.api_server import UID, ApiServer
from tests.integration.flow_texts import suggested
from tests.integration.impostor import Impostor
from tests.integration.pki import Authority
from tests.integration.test_config_flow import good, submit
from tests.integration.test_config_flow_kubeconfig import config, typed

pytestmark = pytest.mark.usefixtures("no_setup", "socket_enabled")

NEW = "99999999-9999-9999-9999-999999999999"
FRIDGE = "deployment/kitchen/fridge"


@pytest.fixture
async def entry(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> MockConfigEntry:
    """Return a connected cluster with one device."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        unique_id=UID,
        title="Home",
        data={"method": "token", **good(api, authority), "token": "stored-secret"},
        options={"mode": "all", "namespaces": []},
    )
    entry.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={(DOMAIN, f"{UID}/{FRIDGE}")}
    )
    er.async_get(hass).async_get_or_create(
        "switch",
        DOMAIN,
        f"{UID}/{FRIDGE}/power",
        config_entry=entry,
        device_id=device.id,
    )
    assert await hass.config_entries.async_setup(entry.entry_id)
    return entry


async def begin(
    hass: HomeAssistant, entry: MockConfigEntry, way: str, method: str
) -> dict[str, Any]:
    """Start a flow for an entry and choose a method; return its form."""
    if way == "reauth":
        result = await entry.start_reauth_flow(hass)
        assert result["step_id"] == "reauth_confirm"
    else:
        result = await entry.start_reconfigure_flow(hass)
        assert result["step_id"] == "reconfigure"
    assert result["type"] is FlowResultType.MENU
    assert set(result["menu_options"]) == {"in_cluster", "kubeconfig", "token"}
    assert result["description_placeholders"]["name"] == "Home"
    return dict(
        await hass.config_entries.flow.async_configure(
            result["flow_id"], {"next_step_id": method}
        )
    )


@pytest.mark.parametrize("way", ["reauth", "reconfigure"])
async def test_another_token_replaces_the_old_one(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    entry: MockConfigEntry,
    no_setup: Any,
    way: str,
) -> None:
    result = await begin(hass, entry, way, "token")
    shown = suggested(result)
    assert shown == {"url": api.url, "ca": authority.pem, "verify_ssl": True}
    result = await submit(hass, result["flow_id"], {**shown, "token": "wrong"})
    assert result["errors"] == {"token": "invalid_auth"}
    result = await submit(hass, result["flow_id"], {**shown, "token": "reader"})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == f"{way}_successful"
    await hass.async_block_till_done()
    assert entry.data == {"method": "token", **good(api, authority)}
    assert entry.options == {"mode": "all", "namespaces": []}
    assert entry.unique_id == UID
    assert no_setup.call_count == 2


@pytest.mark.parametrize("way", ["reauth", "reconfigure"])
async def test_the_method_can_be_changed(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    entry: MockConfigEntry,
    way: str,
) -> None:
    result = await begin(hass, entry, way, "kubeconfig")
    assert suggested(result) == {"context": ""}
    result = await submit(hass, result["flow_id"], typed(config(api, authority)))
    assert result["reason"] == f"{way}_successful"
    await hass.async_block_till_done()
    assert entry.data["method"] == "kubeconfig"
    assert entry.data["static"]["token"] == "reader"
    assert "url" not in entry.data
    assert entry.title == "Home"


@pytest.mark.parametrize("reference", [True, False])
async def test_a_kubeconfig_form_shows_the_path_but_never_the_text(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    entry: MockConfigEntry,
    tmp_path: Path,
    reference: bool,
) -> None:
    file = tmp_path / "kubeconfig.yaml"
    file.write_text(yaml.safe_dump(config(api, authority)))
    kept = str(file) if reference else file.read_text()
    hass.config_entries.async_update_entry(
        entry, data={"method": "kubeconfig", "kubeconfig": kept, "context": "home"}
    )
    result = await begin(hass, entry, "reconfigure", "kubeconfig")
    shown = suggested(result)
    assert shown.get("kubeconfig") == (str(file) if reference else None)
    assert shown["context"] == "home"
    result = await submit(hass, result["flow_id"], {**shown, "kubeconfig": str(file)})
    assert result["reason"] == "reconfigure_successful"


@pytest.mark.parametrize("way", ["reauth", "reconfigure"])
@pytest.mark.parametrize("with_authority", [True, False])
async def test_an_impostor_gets_neither_the_old_nor_the_new_token(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    entry: MockConfigEntry,
    tmp_path: Path,
    way: str,
    with_authority: bool,
) -> None:
    result = await begin(hass, entry, way, "token")
    shown = suggested(result)
    stranger = Impostor(Authority("stranger").server_context(tmp_path))
    async with stranger.listening():
        change = {"url": stranger.url, "token": "reader"}
        if not with_authority:
            change["ca"] = ""
        result = await submit(hass, result["flow_id"], {**shown, **change})
        assert set(result["errors"]) == {"ca"}
        assert stranger.connections >= 1
    assert stranger.received == b""
    result = await submit(hass, result["flow_id"], good(api, authority))
    assert result["reason"] == f"{way}_successful"


@pytest.mark.parametrize("way", ["reauth", "reconfigure"])
async def test_a_home_that_was_built_anew_keeps_its_devices(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    entry: MockConfigEntry,
    way: str,
) -> None:
    entity_id = er.async_get(hass).async_get_entity_id(
        "switch", DOMAIN, f"{UID}/{FRIDGE}/power"
    )
    assert entity_id is not None
    api.uid = NEW
    result = await begin(hass, entry, way, "token")
    result = await submit(hass, result["flow_id"], good(api, authority))
    assert result["type"] is FlowResultType.MENU
    assert result["step_id"] == "new_cluster"
    assert entry.unique_id == UID
    result = await submit(hass, result["flow_id"], {"next_step_id": "same_home"})
    assert result["reason"] == f"{way}_successful"
    await hass.async_block_till_done()
    assert entry.unique_id == NEW
    assert entry.data["token"] == "reader"
    assert entry.state is ConfigEntryState.LOADED
    entity = er.async_get(hass).async_get(entity_id)
    assert entity is not None
    assert entity.unique_id == f"{NEW}/{FRIDGE}/power"


async def test_another_homes_cluster_changes_nothing(
    hass: HomeAssistant, api: ApiServer, authority: Authority, entry: MockConfigEntry
) -> None:
    before = dict(entry.data)
    api.uid = NEW
    result = await begin(hass, entry, "reconfigure", "token")
    result = await submit(hass, result["flow_id"], good(api, authority))
    result = await submit(hass, result["flow_id"], {"next_step_id": "other_home"})
    assert result["reason"] == "other_home"
    assert entry.data == before
    assert entry.unique_id == UID


async def test_nothing_moves_while_the_entry_cannot_be_stopped(
    hass: HomeAssistant, api: ApiServer, authority: Authority, entry: MockConfigEntry
) -> None:
    api.uid = NEW
    result = await begin(hass, entry, "reconfigure", "token")
    result = await submit(hass, result["flow_id"], good(api, authority))
    with patch("custom_components.home_cluster.async_unload_entry", return_value=False):
        result = await submit(hass, result["flow_id"], {"next_step_id": "same_home"})
    assert result["reason"] == "still_in_use"
    assert entry.unique_id == UID
    assert er.async_get(hass).async_get_entity_id(
        "switch", DOMAIN, f"{UID}/{FRIDGE}/power"
    )


async def test_the_cluster_of_another_entry_is_not_taken(
    hass: HomeAssistant, api: ApiServer, authority: Authority, entry: MockConfigEntry
) -> None:
    MockConfigEntry(domain=DOMAIN, unique_id=NEW).add_to_hass(hass)
    api.uid = NEW
    result = await begin(hass, entry, "reconfigure", "token")
    result = await submit(hass, result["flow_id"], good(api, authority))
    assert result["reason"] == "already_configured"
    assert entry.unique_id == UID
