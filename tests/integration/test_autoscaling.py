"""Autoscalers: seen, limited, and blind."""

from typing import Any

import pytest

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from tests.integration.api_server import READ_ALL, READ_UID, Rule
from tests.integration.cluster_home import (
    CONTROL,
    attributes,
    call,
    entity_id,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.live_server import LiveServer, now

FRIDGE = "deployment/kitchen/fridge"


def autoscale(home: LiveServer, **metadata: Any) -> None:
    """Have the fridge scaled between 1 and 3."""
    status = {"currentReplicas": 2, "desiredReplicas": 3}
    home.autoscaler("kitchen", "fridge", metadata=metadata, **status)


async def set_limit(hass: HomeAssistant, key: str, value: float) -> None:
    """Set a limit as a person does."""
    await call(hass, "number.set_value", f"{FRIDGE}/{key}", value=value)


async def test_what_it_does_is_shown_and_its_limits_can_be_set(
    hass: HomeAssistant, home: LiveServer
) -> None:
    autoscale(home)
    await set_up(hass, entry_for(home))
    await until(hass, lambda: state(hass, f"{FRIDGE}/hpa_min") == "1", "limits")
    assert state(hass, f"{FRIDGE}/hpa_current") == "2"
    assert attributes(hass, f"{FRIDGE}/hpa_current")["desired"] == 3
    assert state(hass, f"{FRIDGE}/hpa_max") == "3"
    assert entity_id(hass, f"{FRIDGE}/replicas") is None
    await set_limit(hass, "hpa_max", 5)
    await set_limit(hass, "hpa_min", 2)
    path = "/apis/autoscaling/v2/namespaces/kitchen/horizontalpodautoscalers/fridge"
    assert home.patches == [
        (path, {"spec": {"maxReplicas": 5}}),
        (path, {"spec": {"minReplicas": 2}}),
    ]
    await until(hass, lambda: state(hass, f"{FRIDGE}/hpa_min") == "2", "the answer")
    assert state(hass, f"{FRIDGE}/hpa_max") == "5"


async def test_limits_do_not_cross(hass: HomeAssistant, home: LiveServer) -> None:
    autoscale(home)
    await set_up(hass, entry_for(home))
    await until(hass, lambda: state(hass, f"{FRIDGE}/hpa_min") == "1", "limits")
    with pytest.raises(ServiceValidationError) as raised:
        await set_limit(hass, "hpa_min", 4)
    assert raised.value.translation_key == "bounds_crossed"
    assert home.patches == []


async def test_a_refusal_is_told(hass: HomeAssistant, home: LiveServer) -> None:
    autoscale(home)
    await set_up(hass, entry_for(home))
    await until(hass, lambda: state(hass, f"{FRIDGE}/hpa_max") == "3", "limits")
    home.refuse["patch"] = (403, "Forbidden", "no")
    with pytest.raises(HomeAssistantError) as raised:
        await set_limit(hass, "hpa_max", 4)
    assert raised.value.translation_key == "set_bounds_not_allowed"


async def test_limits_come_and_go_with_the_autoscaler(
    hass: HomeAssistant, home: LiveServer
) -> None:
    entry = entry_for(home)
    await set_up(hass, entry)
    assert entity_id(hass, f"{FRIDGE}/hpa_current") is None
    with pytest.raises(ServiceValidationError):
        await entry.runtime_data.commands.bound(
            next(ref for ref in entry.runtime_data.workloads if ref.name == "fridge"),
            (1, 2),
        )
    autoscale(home)
    await until(hass, lambda: state(hass, f"{FRIDGE}/hpa_max") == "3", "limits")
    home.delete("horizontalpodautoscalers", "kitchen", "fridge")
    await until(hass, lambda: entity_id(hass, f"{FRIDGE}/replicas"), "the number")
    assert entity_id(hass, f"{FRIDGE}/hpa_max") is None
    assert entity_id(hass, f"{FRIDGE}/hpa_current") is None


@pytest.mark.parametrize(
    ("rules", "refuse"),
    [
        ((READ_UID, READ_ALL, Rule(("patch",), ("deployments/scale",))), {}),
        ((READ_UID, READ_ALL, *CONTROL), {"dry": (422, "Invalid", "policy")}),
    ],
)
async def test_limits_that_may_not_be_set_are_not_offered(
    hass: HomeAssistant,
    home: LiveServer,
    rules: tuple[Rule, ...],
    refuse: dict[str, tuple[int, str, str]],
) -> None:
    """Neither without the right, nor against an admission policy."""
    home.accounts["person"] = rules
    home.refuse = refuse
    autoscale(home)
    await set_up(hass, entry_for(home))
    assert state(hass, f"{FRIDGE}/hpa_current") == "2"
    assert entity_id(hass, f"{FRIDGE}/hpa_min") is None


async def test_keda_keeps_its_limits(hass: HomeAssistant, home: LiveServer) -> None:
    """It would undo the change, so it is not offered."""
    autoscale(
        home,
        ownerReferences=[
            {"kind": "ScaledObject", "name": "fridge", "controller": True, "uid": "k"}
        ],
    )
    await set_up(hass, entry_for(home))
    assert state(hass, f"{FRIDGE}/hpa_current") == "2"
    assert entity_id(hass, f"{FRIDGE}/hpa_min") is None


async def test_a_blind_autoscaler_is_told(
    hass: HomeAssistant, home: LiveServer
) -> None:
    autoscale(home)
    await set_up(hass, entry_for(home))
    assert state(hass, f"{FRIDGE}/status") == "running"
    message = (
        "unable to fetch metrics: the server could not find the requested resource"
    )
    home.put(
        "horizontalpodautoscalers",
        "kitchen",
        "fridge",
        status={
            "currentReplicas": 2,
            "conditions": [
                {
                    "type": "ScalingActive",
                    "status": "False",
                    "reason": "FailedGetResourceMetric",
                    "message": message,
                    "lastTransitionTime": now(60),
                }
            ],
        },
    )
    await until(
        hass, lambda: state(hass, f"{FRIDGE}/reason") == "autoscaler_blind", "blind"
    )
    assert state(hass, f"{FRIDGE}/status") == "degraded"
    assert "metrics server" in attributes(hass, f"{FRIDGE}/problem")["advice"]
