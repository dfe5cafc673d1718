"""What is set from here and set back by others becomes a repair that says by whom."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.home_cluster.const import DOMAIN
from custom_components.home_cluster.model.undoing import Setting
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
from tests.integration.cluster_home import (
    attributes,
    call,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.live_server import LiveServer, now

FRIDGE = "deployment/kitchen/fridge"
BACKUP = "cronjob/garden/backup"
FLUX = {
    "kustomize.toolkit.fluxcd.io/name": "apps",
    "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
}


def repairs(hass: HomeAssistant) -> list[ir.IssueEntry]:
    """Return the repairs of what was undone."""
    return [
        issue
        for (domain, key), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and key.startswith("undone_")
    ]


def set_back(
    home: LiveServer,
    writer: str,
    resource: str = "deployments",
    place: tuple[str, str] = ("kitchen", "fridge"),
    ago: float = 0,
    **spec: Any,
) -> None:
    """Have somebody write a part of the spec, so many seconds ago, and sign for it."""
    field = {"f:spec": {f"f:{name}": {} for name in spec}}
    old = home.live[resource, *place]
    entry = {"manager": writer, "time": now(ago), "fieldsV1": field}
    home.put(
        resource,
        *place,
        spec={**old["spec"], **spec},
        metadata={"managedFields": [entry]},
    )
    home.reconcile(resource, *place)


def flux(home: LiveServer) -> None:
    """Have Flux look after the fridge."""
    home.put("deployments", "kitchen", "fridge", metadata={"labels": FLUX})


async def settled(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Wait until nobody is being asked for."""
    await until(hass, lambda: not entry.runtime_data.peace.asking, "asked")


async def later(
    hass: HomeAssistant, entry: MockConfigEntry, monkeypatch: Any, minutes: float
) -> None:
    """Let time pass for the peace alone: the watches of the cluster would be cut by it."""
    then = dt_util.utcnow() + timedelta(minutes=minutes)
    monkeypatch.setattr(
        "custom_components.home_cluster.peace.dt_util.utcnow", lambda: then
    )
    entry.runtime_data.peace._due(then)
    await hass.async_block_till_done()


async def test_flux_is_named_with_the_change_that_makes_peace(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """And the device says so too."""
    flux(home)
    await set_up(hass, entry_for(home))
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    await until(hass, lambda: state(hass, f"{FRIDGE}/status") == "off", "off")
    assert repairs(hass) == []
    set_back(home, "kustomize-controller", replicas=2)
    await until(hass, lambda: repairs(hass), "the repair")
    (issue,) = repairs(hass)
    assert issue.translation_key == "undone_by_flux_kustomization"
    assert issue.translation_placeholders == {
        "device": "Fridge",
        "object": "Deployment kitchen/fridge",
        "field": "spec.replicas",
        "owner": "flux-system/apps",
        "change": "```diff\n spec:\n-  replicas: 2\n```",
    }
    await until(
        hass, lambda: state(hass, f"{FRIDGE}/reason") == "undone_by_owner", "reason"
    )
    assert state(hass, f"{FRIDGE}/status") == "degraded"
    assert "flux-system/apps" in attributes(hass, f"{FRIDGE}/problem")["message"]


@pytest.mark.parametrize(
    ("maker", "by"),
    [
        (None, "undone_by_autoscaler"),
        (
            {
                "apiVersion": "keda.sh/v1alpha1",
                "kind": "ScaledObject",
                "name": "fridge",
                "uid": "scaled-uid",
                "controller": True,
            },
            "undone_by_keda",
        ),
    ],
)
async def test_who_scales_by_load_is_named(
    hass: HomeAssistant, home: LiveServer, maker: dict[str, Any] | None, by: str
) -> None:
    """Both write through the same controller; who made the autoscaler tells them apart."""
    owners = {"ownerReferences": [maker]} if maker is not None else {}
    home.autoscaler("kitchen", "fridge", metadata=owners)
    await set_up(hass, entry_for(home))
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    await until(hass, lambda: state(hass, f"{FRIDGE}/status") == "off", "off")
    set_back(home, "kube-controller-manager", replicas=2)
    await until(hass, lambda: repairs(hass), "the repair")
    (issue,) = repairs(hass)
    assert issue.translation_key == by
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["owner"] == "fridge"


@pytest.mark.parametrize(("count", "named"), [(1, True), (0, False)])
async def test_an_autoscaler_is_named_where_nobody_signed_the_count(
    hass: HomeAssistant, home: LiveServer, count: int, named: bool
) -> None:
    """The API server keeps no writer of a count that no manifest ever named; at 0 an autoscaler rests."""
    home.autoscaler("kitchen", "fridge", minimum=2)
    entry = entry_for(home)
    await set_up(hass, entry)
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    await until(hass, lambda: state(hass, f"{FRIDGE}/status") == "off", "off")
    if count:
        await call(hass, "home_cluster.scale", f"{FRIDGE}/status", replicas=count)
        await until(hass, lambda: state(hass, f"{FRIDGE}/power") == "on", "one")
    home.scale("deployments", "kitchen", "fridge", 2)
    await until(
        hass, lambda: attributes(hass, f"{FRIDGE}/status")["ready"] == 2, "two again"
    )
    await settled(hass, entry)
    keys = [issue.translation_key for issue in repairs(hass)]
    assert keys == (["undone_by_autoscaler"] if named else [])


@pytest.mark.parametrize(("service", "before", "after"), [("off", 2, 1), ("on", 0, 0)])
async def test_keda_is_named_at_0_too(
    hass: HomeAssistant, home: LiveServer, service: str, before: int, after: int
) -> None:
    """It leads there and away, nobody signs for that, and its autoscaler may bear any name."""
    maker = {"kind": "ScaledObject", "name": "cold", "uid": "k", "controller": True}
    home.autoscaler("kitchen", "fridge", metadata={"ownerReferences": [maker]})
    home.scale("deployments", "kitchen", "fridge", before)
    entry = entry_for(home)
    await set_up(hass, entry)
    await call(hass, f"switch.turn_{service}", f"{FRIDGE}/power")
    await until(hass, lambda: state(hass, f"{FRIDGE}/power") == service, service)
    home.scale("deployments", "kitchen", "fridge", after)
    await until(hass, lambda: repairs(hass), "the repair")
    (issue,) = repairs(hass)
    assert issue.translation_key == "undone_by_keda"
    words = issue.translation_placeholders
    assert words is not None
    assert words["owner"] == "cold"
    assert "name: cold" in words["change"]


async def test_peace_is_seen_when_the_setting_holds(
    hass: HomeAssistant, home: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter of an hour after it was set again and not set back."""
    flux(home)
    entry = entry_for(home)
    await set_up(hass, entry)
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    set_back(home, "kustomize-controller", replicas=2)
    await until(hass, lambda: repairs(hass), "the repair")
    await until(hass, lambda: state(hass, f"{FRIDGE}/power") == "on", "on")
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    await later(hass, entry, monkeypatch, 14)
    assert repairs(hass)
    await later(hass, entry, monkeypatch, 16)
    assert repairs(hass) == []


async def test_a_suspended_cron_job_is_watched(
    hass: HomeAssistant, home: LiveServer
) -> None:
    home.put(
        "cronjobs",
        "garden",
        "backup",
        metadata={"annotations": {"argocd.argoproj.io/tracking-id": "home:x"}},
    )
    await set_up(hass, entry_for(home))
    await call(hass, "switch.turn_off", f"{BACKUP}/power")
    set_back(home, "argocd-controller", "cronjobs", ("garden", "backup"), suspend=False)
    await until(hass, lambda: repairs(hass), "the repair")
    (issue,) = repairs(hass)
    assert issue.translation_key == "undone_by_argo"
    assert issue.translation_placeholders is not None
    assert "/spec/suspend" in issue.translation_placeholders["change"]


async def test_a_person_is_let_be_the_first_time(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Whoever does it again is named by what the cluster knows him by."""
    entry = entry_for(home)
    await set_up(hass, entry)
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    set_back(home, "kubectl", replicas=2)
    await until(hass, lambda: state(hass, f"{FRIDGE}/power") == "on", "on")
    await settled(hass, entry)
    assert repairs(hass) == []
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    set_back(home, "kubectl", replicas=2)
    await until(hass, lambda: repairs(hass), "the repair")
    (issue,) = repairs(hass)
    assert issue.translation_key == "undone_by_writer"
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["owner"] == "kubectl"


async def test_a_datastore_from_a_copy_is_nobodys_undoing(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """What was set since is forgotten with all else; later, whoever undoes is named again."""
    flux(home)
    entry = entry_for(home)
    await set_up(hass, entry)
    before = home.snapshot()
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    await until(hass, lambda: state(hass, f"{FRIDGE}/status") == "off", "off")
    home.restore(before)
    await until(hass, lambda: state(hass, f"{FRIDGE}/status") == "running", "running")
    await settled(hass, entry)
    assert repairs(hass) == []
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    await until(hass, lambda: state(hass, f"{FRIDGE}/status") == "off", "off again")
    set_back(home, "kustomize-controller", replicas=2)
    await until(hass, lambda: repairs(hass), "the repair")


@pytest.mark.parametrize(
    "metadata",
    [{"labels": FLUX}, {"annotations": {"meta.helm.sh/release-name": "home"}}],
)
async def test_a_count_that_nobody_signed_is_no_tools(
    hass: HomeAssistant, home: LiveServer, metadata: dict[str, Any]
) -> None:
    """The API server keeps no writer of a count that was only ever scaled: whose manifest names none did not."""
    home.put("deployments", "kitchen", "fridge", metadata=metadata)
    entry = entry_for(home)
    await set_up(hass, entry)
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    await until(hass, lambda: state(hass, f"{FRIDGE}/status") == "off", "off")
    home.scale("deployments", "kitchen", "fridge", 2)
    await until(hass, lambda: state(hass, f"{FRIDGE}/power") == "on", "on")
    await settled(hass, entry)
    assert repairs(hass) == []


async def test_an_autoscalers_limit_is_watched(
    hass: HomeAssistant, home: LiveServer
) -> None:
    place = ("kitchen", "fridge")
    home.autoscaler(*place, metadata={"labels": FLUX})
    await set_up(hass, entry_for(home))
    await until(hass, lambda: state(hass, f"{FRIDGE}/hpa_max") == "3", "limits")
    await call(hass, "number.set_value", f"{FRIDGE}/hpa_max", value=5)
    await until(hass, lambda: state(hass, f"{FRIDGE}/hpa_max") == "5", "5")
    resource = "horizontalpodautoscalers"
    set_back(home, "kustomize-controller", resource, place, maxReplicas=3)
    await until(hass, lambda: repairs(hass), "the repair")
    (issue,) = repairs(hass)
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["field"] == "spec.maxReplicas"
    assert issue.translation_placeholders["object"].startswith("HorizontalPod")


async def test_an_autoscaler_from_a_copy_is_nobodys_undoing(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Its changes are not counted, but who wrote it last did so before it was set here."""
    place = ("kitchen", "fridge")
    resource = "horizontalpodautoscalers"
    home.autoscaler(*place, metadata={"labels": FLUX})
    set_back(home, "kustomize-controller", resource, place, ago=300, maxReplicas=3)
    entry = entry_for(home)
    await set_up(hass, entry)
    await until(hass, lambda: state(hass, f"{FRIDGE}/hpa_max") == "3", "limits")
    before = home.snapshot()
    await call(hass, "number.set_value", f"{FRIDGE}/hpa_max", value=5)
    await until(hass, lambda: state(hass, f"{FRIDGE}/hpa_max") == "5", "5")
    home.restore(before)
    await until(hass, lambda: state(hass, f"{FRIDGE}/hpa_max") == "3", "3 again")
    await settled(hass, entry)
    assert repairs(hass) == []


OLD = "registry.home/fridge:v1.0.0"
NEW = "registry.home/fridge:v1.1.0"


def install(home: LiveServer, image: str, writer: str, **hints: str) -> None:
    """Have somebody change the fridge's image, and sign for it."""
    part = {'k:{"name":"agent"}': {"f:image": {}}}
    field = {"f:spec": {"f:template": {"f:spec": {"f:containers": part}}}}
    signed = {"manager": writer, "time": now(), "fieldsV1": field}
    place = ("deployments", "kitchen", "fridge")
    home.workload(*place, replicas=2, image=image, hints=hints)
    home.put(*place, metadata={"managedFields": [signed]})


async def take_back(
    hass: HomeAssistant,
    home: LiveServer,
    entry: MockConfigEntry,
    writer: str = "helm",
    **hints: str,
) -> None:
    """Install a new image from here, and have somebody bring the old one back."""
    hub = entry.runtime_data
    ref = next(one for one in hub.workloads if one.name == "fridge")
    hub.commanded(ref, Setting.IMAGE, NEW)
    install(home, NEW, "home-cluster", **hints)
    await until(hass, lambda: hub.workloads[ref].image == NEW, "the new image")
    install(home, OLD, writer, **hints)
    await until(hass, lambda: hub.workloads[ref].image == OLD, "the old image")


async def test_an_image_is_watched(hass: HomeAssistant, home: LiveServer) -> None:
    """Its repair shows what to change, and where."""
    entry = entry_for(home)
    await set_up(hass, entry)
    await take_back(hass, home, entry)
    await until(hass, lambda: repairs(hass), "the repair")
    (issue,) = repairs(hass)
    assert issue.translation_key == "undone_by_helm"
    assert issue.translation_placeholders is not None
    change = issue.translation_placeholders["change"]
    assert f"- image: {OLD}" in change
    assert f"- image: {NEW}" in change


async def test_flux_is_to_leave_the_image_alone(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """No manifest can leave an image out: so the repair has other words."""
    entry = entry_for(home)
    await set_up(hass, entry)
    await take_back(hass, home, entry, "kustomize-controller")
    await until(hass, lambda: repairs(hass), "the repair")
    (issue,) = repairs(hass)
    assert issue.translation_key == "undone_by_flux_kustomization_image"


async def test_our_own_chart_may_name_another_image(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """It keeps what was installed here until its values ask for something else: that is no undoing."""
    entry = entry_for(home)
    await set_up(hass, entry)
    await take_back(hass, home, entry, **{"chart-image": OLD})
    await settled(hass, entry)
    assert repairs(hass) == []
    assert state(hass, f"{FRIDGE}/status") == "running"


async def test_a_cluster_that_does_not_say_who_is_believed_nothing(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """No guess, no error."""
    flux(home)
    entry = entry_for(home)
    await set_up(hass, entry)
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    await until(hass, lambda: state(hass, f"{FRIDGE}/status") == "off", "off")
    home.broken = 503
    set_back(home, "kustomize-controller", replicas=2)
    await until(hass, lambda: state(hass, f"{FRIDGE}/power") == "on", "on")
    await settled(hass, entry)
    home.broken = None
    assert repairs(hass) == []


@pytest.mark.parametrize("end", ["device", "entry"])
async def test_the_repair_goes_with_its_device(
    hass: HomeAssistant, home: LiveServer, end: str
) -> None:
    flux(home)
    entry = entry_for(home)
    await set_up(hass, entry)
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    set_back(home, "kustomize-controller", replicas=2)
    await until(hass, lambda: repairs(hass), "the repair")
    if end == "device":
        home.delete("deployments", "kitchen", "fridge")
    else:
        assert await hass.config_entries.async_unload(entry.entry_id)
    await until(hass, lambda: not repairs(hass), "no repair")
