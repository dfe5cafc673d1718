"""Switching, counting, restarting: one request each, the cluster's answer, plain words."""

import asyncio
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from custom_components.home_cluster.sentences import ACTIONS, CAUSES
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.storage import Store
from tests.integration.api_server import READ_ALL, READ_UID, Rule
from tests.integration.cluster_home import (
    States,
    attributes,
    call,
    desired,
    device,
    enable,
    entity_id,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.flow_texts import text
from tests.integration.live_server import LiveServer, pod_status

FRIDGE = "deployment/kitchen/fridge"
JAZZ = "statefulset/kitchen/jazz"


def replicas(
    home: LiveServer, resource: str = "deployments", name: str = "fridge"
) -> int:
    """Return what the cluster is asked for."""
    return int(home.live[resource, "kitchen", name]["spec"]["replicas"])


async def test_switch_restores_the_count_it_found(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Off and on again: two pods, as before; the state is right when the call returns."""
    await set_up(hass, entry_for(home))
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    assert state(hass, f"{FRIDGE}/power") == "off"
    assert replicas(home) == 0
    await until(hass, lambda: state(hass, f"{FRIDGE}/status") == "off", "off")
    await call(hass, "switch.turn_on", f"{FRIDGE}/power")
    assert state(hass, f"{FRIDGE}/power") == "on"
    assert replicas(home) == 2
    assert [body for _, body in home.patches] == [
        {"spec": {"replicas": 0}},
        {"spec": {"replicas": 2}},
    ]
    assert {path for path, _ in home.patches} == {
        "/apis/apps/v1/namespaces/kitchen/deployments/fridge/scale"
    }


async def test_the_count_survives_a_restart_of_home_assistant(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """And a power cut: it is on disk before the pods go."""
    entry = entry_for(home)
    await set_up(hass, entry)
    saved: list[Any] = []

    async def look() -> None:
        saved.append(entry.runtime_data.counts._unsaved)

    home.before_answer = look
    with patch.object(
        Store, "async_save", autospec=True, side_effect=Store.async_save
    ) as save:
        await call(hass, "switch.turn_off", f"{FRIDGE}/power")
        assert save.call_count == 1
        assert save.call_args.args[1] == {"deployment/kitchen/fridge": 2}
    assert saved == [False]
    home.before_answer = None
    await call(hass, "switch.turn_on", f"{FRIDGE}/power")
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert state(hass, f"{FRIDGE}/power") == "off"
    await call(hass, "switch.turn_on", f"{FRIDGE}/power")
    assert replicas(home) == 2


async def test_a_count_set_by_others_is_learnt(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Scaled to 3 by somebody, then to 0 by somebody: on restores 3."""
    await set_up(hass, entry_for(home))
    home.workload("deployments", "kitchen", "fridge", replicas=3)
    await until(hass, lambda: desired(hass, FRIDGE) == 3, "3")
    home.workload("deployments", "kitchen", "fridge", replicas=0)
    await until(hass, lambda: state(hass, f"{FRIDGE}/power") == "off", "off")
    await call(hass, "switch.turn_on", f"{FRIDGE}/power")
    assert replicas(home) == 3


async def test_what_is_on_is_not_switched_on_again(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """A second "on" must not change a count."""
    await set_up(hass, entry_for(home))
    await call(hass, "switch.turn_on", f"{FRIDGE}/power")
    assert home.patches == []


async def test_a_late_event_does_not_flip_the_switch_back(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The answer is newer than an event from before it."""
    await set_up(hass, entry_for(home))
    states = States(hass)
    home.hold_events = True
    home.put(
        "deployments", "kitchen", "fridge", metadata={"labels": {"colour": "blue"}}
    )
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    assert state(hass, f"{FRIDGE}/power") == "off"
    assert desired(hass, FRIDGE) == 0
    word, resource, old = home._held.pop(0)
    home._send(word, resource, old)
    await asyncio.sleep(0.05)
    await hass.async_block_till_done()
    assert state(hass, f"{FRIDGE}/power") == "off"
    home.release()
    await until(hass, lambda: state(hass, f"{FRIDGE}/status") == "off", "off")
    assert states.of(f"{FRIDGE}/power") == ["off"]


async def test_an_answer_that_comes_after_its_event_is_right_too(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The watch may be faster, and somebody else faster still."""
    await set_up(hass, entry_for(home))
    states = States(hass)

    async def others() -> None:
        home.workload("deployments", "kitchen", "fridge", replicas=5)
        while desired(hass, FRIDGE) != 5:
            await asyncio.sleep(0.001)

    home.before_answer = others
    entity = entity_id(hass, f"{FRIDGE}/power")
    await hass.services.async_call(
        "switch", "turn_off", {"entity_id": entity}, blocking=True
    )
    assert state(hass, f"{FRIDGE}/power") == "on"
    assert states.of(f"{FRIDGE}/power")[-1:] != ["off"]


async def test_cron_jobs_are_suspended_and_daemon_sets_kept_from_nodes(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """One patch a kind and nothing else."""
    await set_up(hass, entry_for(home))
    for key in ("cronjob/garden/backup", "daemonset/garden/weather"):
        await call(hass, "switch.turn_off", f"{key}/power")
        assert state(hass, f"{key}/power") == "off"
        await asyncio.sleep(0.05)
        await call(hass, "switch.turn_on", f"{key}/power")
        assert state(hass, f"{key}/power") == "on"
    selector = {"home-cluster.github.io/off": "true"}
    assert [body for _, body in home.patches] == [
        {"spec": {"suspend": True}},
        {"spec": {"suspend": False}},
        {"spec": {"template": {"spec": {"nodeSelector": selector}}}},
        {"spec": {"template": {"spec": {"nodeSelector": dict.fromkeys(selector)}}}},
    ]


async def test_the_number_sets_the_count(hass: HomeAssistant, home: LiveServer) -> None:
    """Zero of it remembers as the switch does."""
    enable(hass, "number", f"{FRIDGE}/replicas")
    await set_up(hass, entry_for(home))
    await call(hass, "number.set_value", f"{FRIDGE}/replicas", value=3)
    assert (state(hass, f"{FRIDGE}/replicas"), replicas(home)) == ("3", 3)
    await call(hass, "number.set_value", f"{FRIDGE}/replicas", value=0)
    assert (state(hass, f"{FRIDGE}/power"), replicas(home)) == ("off", 0)
    await call(hass, "switch.turn_on", f"{FRIDGE}/power")
    assert replicas(home) == 3


async def test_an_autoscaler_owns_the_count(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """No number while it does; it comes when the autoscaler goes."""
    home.autoscaler("kitchen", "fridge", 1, 4, currentReplicas=2, desiredReplicas=2)
    await set_up(hass, entry_for(home))
    assert entity_id(hass, f"{FRIDGE}/replicas") is None
    assert state(hass, f"{FRIDGE}/power") == "on"
    home.delete("horizontalpodautoscalers", "kitchen", "fridge")
    await until(hass, lambda: entity_id(hass, f"{FRIDGE}/replicas"), "the number")


async def test_a_protected_device_cannot_be_switched_off(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """No switch; the number stays above zero; "everything in the kitchen" does it no harm."""
    home.workload(
        "deployments",
        "kitchen",
        "broker",
        replicas=1,
        hints={"protected": "true", "area": "Kitchen"},
    )
    broker = "deployment/kitchen/broker"
    enable(hass, "number", f"{broker}/replicas")
    entry = entry_for(home)
    await set_up(hass, entry)
    assert entity_id(hass, f"{broker}/power") is None
    assert attributes(hass, f"{broker}/replicas")["min"] == 1
    fridge = device(hass, entry, FRIDGE)
    assert fridge is not None
    await hass.services.async_call(
        "switch", "turn_off", {"area_id": fridge.area_id}, blocking=True
    )
    await hass.services.async_call(
        "switch", "turn_off", {"entity_id": "all"}, blocking=True
    )
    assert replicas(home) == 0
    assert replicas(home, name="broker") == 1
    hub = entry.runtime_data
    ref = next(ref for ref in hub.workloads if ref.name == "broker")
    with pytest.raises(ServiceValidationError) as error:
        await hub.power(ref, on=False)
    assert error.value.translation_key == "protected"
    with pytest.raises(ServiceValidationError):
        await hub.set_replicas(ref, 0)


async def test_home_assistants_own_workload_keeps_running(
    hass: HomeAssistant, home: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs us has no switch and no number."""
    pod = home.pods_of("kitchen", "jazz")[0]["metadata"]["name"]
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.43.0.1")
    monkeypatch.setenv("POD_NAME", pod)
    monkeypatch.setenv("POD_NAMESPACE", "kitchen")
    await set_up(hass, entry_for(home))
    assert entity_id(hass, f"{JAZZ}/power") is None
    assert entity_id(hass, f"{JAZZ}/replicas") is None
    assert entity_id(hass, f"{JAZZ}/restart") is not None
    assert entity_id(hass, f"{FRIDGE}/power") is not None


async def test_the_hint_controls_says_what_is_offered(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Even where the account could do more."""
    home.workload(
        "deployments", "kitchen", "fridge", replicas=2, hints={"controls": "restart"}
    )
    await set_up(hass, entry_for(home))
    assert entity_id(hass, f"{FRIDGE}/power") is None
    assert entity_id(hass, f"{FRIDGE}/restart") is not None


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        ((403, "Forbidden", "no scaling here"), "turn_off_not_allowed"),
        ((404, "NotFound", "no fridge"), "turn_off_gone"),
        ((409, "Conflict", "too late"), "turn_off_conflict"),
        ((422, "Invalid", "denied by policy"), "turn_off_refused"),
        ((429, "TooManyRequests", "later"), "turn_off_busy"),
        ((500, "InternalError", "etcd"), "turn_off_unreachable"),
        ((401, "Unauthorized", "who"), "turn_off_signed_out"),
    ],
)
async def test_an_error_is_a_sentence_about_the_device(
    hass: HomeAssistant, home: LiveServer, answer: tuple[int, str, str], key: str
) -> None:
    """And nothing changes: not the state, not the count that is remembered."""
    await set_up(hass, entry_for(home))
    home.refuse["scale"] = answer
    with pytest.raises(HomeAssistantError) as error:
        await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    assert error.value.translation_key == key
    assert str(error.value).startswith("Could not switch off Fridge: ")
    assert state(hass, f"{FRIDGE}/power") == "on"
    home.refuse.clear()
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    await call(hass, "switch.turn_on", f"{FRIDGE}/power")
    assert replicas(home) == 2


async def test_every_error_has_its_sentence() -> None:
    """For each action."""
    for action in ACTIONS:
        for cause in CAUSES:
            assert "{device}" in text(f"exceptions.{action}_{cause}.message")


async def test_restart_replaces_the_pods_one_at_a_time(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The second goes only when the first one's successor is ready."""
    await set_up(hass, entry_for(home))
    old = {pod["metadata"]["name"] for pod in home.pods_of("kitchen", "fridge")}
    home.pods_follow = False
    await call(hass, "button.press", f"{FRIDGE}/restart")
    assert len(home.evictions) == 1
    with pytest.raises(ServiceValidationError) as error:
        await call(hass, "button.press", f"{FRIDGE}/restart")
    assert error.value.translation_key == "already_restarting"
    successor = home.pod("kitchen", "fridge", ready=False)["metadata"]["name"]
    await asyncio.sleep(0.05)
    await hass.async_block_till_done()
    assert len(home.evictions) == 1
    home.put("pods", "kitchen", successor, status=pod_status())
    await until(hass, lambda: len(home.evictions) == 2, "the second eviction")
    assert set(home.evictions) == old
    home.pod("kitchen", "fridge")
    await until(hass, lambda: _idle(hass), "the restart's end")


def _idle(hass: HomeAssistant) -> bool:
    entry = hass.config_entries.async_entries("home_cluster")[0]
    return not entry.runtime_data.commands._restarts.under_way


async def test_a_disruption_budget_is_explained(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The API server refuses the first eviction."""
    await set_up(hass, entry_for(home))
    home.refuse["eviction"] = (429, "TooManyRequests", "Cannot evict pod")
    home.refuse_details = {
        "causes": [{"reason": "DisruptionBudget", "message": "needs 2"}]
    }
    with pytest.raises(HomeAssistantError) as error:
        await call(hass, "button.press", f"{FRIDGE}/restart")
    assert error.value.translation_key == "restart_budget"


async def test_a_restart_that_is_denied_midway_ends_with_a_line(
    hass: HomeAssistant, home: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The second eviction is forbidden."""
    await set_up(hass, entry_for(home))
    home.pods_follow = False
    await call(hass, "button.press", f"{FRIDGE}/restart")
    home.refuse["eviction"] = (403, "Forbidden", "no more")
    home.pod("kitchen", "fridge")
    await until(hass, lambda: _idle(hass), "the restart's end")
    assert "The restart of Fridge ended early: no more" in caplog.text


async def test_a_restart_waits_for_a_budget_and_skips_who_is_gone(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Refused for now, then the pod is not there any more."""
    await set_up(hass, entry_for(home))
    with patch(
        "custom_components.home_cluster.restart.BUDGET_PAUSE",
        timedelta(milliseconds=10),
    ):
        home.pods_follow = False
        await call(hass, "button.press", f"{FRIDGE}/restart")
        home.refuse["eviction"] = (429, "TooManyRequests", "later")
        home.pod("kitchen", "fridge")
        await asyncio.sleep(0.05)
        assert not _idle(hass)
        home.refuse["eviction"] = (404, "NotFound", "gone")
        await until(hass, lambda: _idle(hass), "the restart's end")


async def test_without_evictions_the_rollout_is_restarted(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Where that change passes a dry run."""
    home.accounts["person"] = (READ_UID, READ_ALL, Rule(("patch",), ("deployments",)))
    await set_up(hass, entry_for(home))
    assert entity_id(hass, f"{FRIDGE}/power") is None
    assert entity_id(hass, f"{JAZZ}/restart") is None
    await call(hass, "button.press", f"{FRIDGE}/restart")
    (path, body), *others = home.patches
    assert not others
    assert path.endswith("/deployments/fridge")
    assert list(body["spec"]["template"]["metadata"]["annotations"]) == [
        "kubectl.kubernetes.io/restartedAt"
    ]


async def test_what_is_off_cannot_be_restarted(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """There is nothing to restart."""
    await set_up(hass, entry_for(home))
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    with pytest.raises(ServiceValidationError) as error:
        await call(hass, "button.press", f"{FRIDGE}/restart")
    assert error.value.translation_key == "is_off"


async def test_a_change_that_a_policy_denies_has_no_entity(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """RBAC allows it, the dry run does not pass."""
    home.refuse["dry"] = (422, "Invalid", "denied by policy")
    await set_up(hass, entry_for(home))
    assert entity_id(hass, "cronjob/garden/backup/power") is None
    assert entity_id(hass, "daemonset/garden/weather/power") is None
    assert entity_id(hass, "daemonset/garden/weather/restart") is not None


async def test_a_command_while_the_cluster_is_away_says_so(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Nothing optimistic."""
    entry = entry_for(home)
    await set_up(hass, entry)
    hub = entry.runtime_data
    ref = next(ref for ref in hub.workloads if ref.name == "fridge")
    await home.down()
    await until(hass, lambda: not hub.available, "the loss", 12)
    with pytest.raises(HomeAssistantError) as error:
        await hub.power(ref, on=False)
    assert error.value.translation_key == "turn_off_link_down"
