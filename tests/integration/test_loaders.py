"""Home Assistant's own loaders read what the integration describes, without a warning."""

from pathlib import Path

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.home_cluster.const import DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import condition, entity_registry as er, service, trigger
from homeassistant.helpers.icon import async_get_icons
from homeassistant.helpers.translation import async_get_translations
from homeassistant.loader import async_get_integration
from homeassistant.setup import async_setup_component
import testbed
from tests.integration.api_server import UID
from tests.integration.cluster_home import complaints, entry_for, set_up
from tests.integration.live_server import LiveServer

CATEGORIES = (
    *("conditions", "config", "entity", "exceptions", "issues"),
    *("options", "selector", "services", "triggers"),
)


@pytest.fixture(autouse=True)
def voice_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for what Home Assistant imports for microphones when it reads its own actions."""
    monkeypatch.syspath_prepend(Path(testbed.__file__).with_name("stubs"))


@pytest.fixture
async def entry(hass: HomeAssistant, home: LiveServer) -> MockConfigEntry:
    """A connected home."""
    assert await async_setup_component(hass, "homeassistant", {})
    entry = entry_for(home)
    await set_up(hass, entry)
    return entry


async def test_everything_is_read_without_a_warning(
    hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    """Actions, triggers, conditions, icons, translations."""
    caplog.clear()
    actions = await service.async_get_all_descriptions(hass)
    assert set(actions[DOMAIN]) == set(hass.services.async_services_for_domain(DOMAIN))
    triggers = await trigger.async_get_all_descriptions(hass)
    conditions = await condition.async_get_all_descriptions(hass)
    for found, category in ((triggers, "triggers"), (conditions, "conditions")):
        texts = await async_get_translations(hass, "en", category, [DOMAIN])
        icons = (await async_get_icons(hass, category, [DOMAIN]))[DOMAIN]
        names = [
            key.removeprefix(f"{DOMAIN}.")
            for key, description in found.items()
            if key.startswith(f"{DOMAIN}.")
        ]
        assert names
        assert all(found[f"{DOMAIN}.{name}"] for name in names)
        assert set(icons) == set(names)
        for name in names:
            assert texts[f"component.{DOMAIN}.{category}.{name}.name"]
    for category in CATEGORIES:
        assert await async_get_translations(hass, "en", category, [DOMAIN])
    for category in ("entity", "services"):
        assert (await async_get_icons(hass, category, [DOMAIN]))[DOMAIN]
    assert not [one for one in complaints(caplog) if DOMAIN in one]


async def test_the_manifest_is_read_as_it_is_meant(hass: HomeAssistant) -> None:
    """By Home Assistant's own loader."""
    integration = await async_get_integration(hass, DOMAIN)
    assert integration.config_flow
    assert integration.iot_class == "local_push"
    assert integration.integration_type == "hub"
    assert integration.version is not None
    assert integration.has_branding
    assert not integration.is_built_in


@pytest.mark.parametrize(
    ("key", "most", "states"),
    [
        ("deployment/kitchen/fridge", 10, 5),
        ("statefulset/kitchen/jazz", 10, 5),
        ("daemonset/garden/weather", 10, 5),
        ("cronjob/garden/backup", 10, 8),
        ("node//pi-attic", 10, 3),
        ("cluster//cluster", 6, 3),
    ],
)
async def test_a_device_shows_few_entities(
    hass: HomeAssistant, entry: MockConfigEntry, key: str, most: int, states: int
) -> None:
    """About six for daily use, the rest apart from them; what is more is there for who enables it."""
    registered = [
        one
        for one in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        if one.unique_id.startswith(f"{UID}/{key}/")
    ]
    shown = [one for one in registered if one.disabled_by is None]
    assert len(shown) <= most, [one.unique_id for one in shown]
    ordinary = [one for one in shown if one.entity_category is None]
    assert len(ordinary) <= states, [one.unique_id for one in ordinary]
