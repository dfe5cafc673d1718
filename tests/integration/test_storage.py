"""Volumes and disks: what claims are, and how full the disks are that they lie on."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.home_cluster import on_demand, stats
from custom_components.home_cluster.const import DOMAIN, METRICS_INTERVAL
from custom_components.home_cluster.kube.cluster import Cluster
from custom_components.home_cluster.kube.schema import Kind, Ref
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from tests.integration.api_server import READ_ALL, READ_UID, UID, Rule, reader_of
from tests.integration.cluster_home import (
    EVERYTHING,
    attributes,
    device,
    entity_id,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.kubelet import Kubelet, filesystem, volume
from tests.integration.live_server import LiveServer
from tests.integration.pki import Authority
from tests.integration.test_rights import look_again

FRIDGE = "deployment/kitchen/fridge"
JAZZ = "statefulset/kitchen/jazz"
MUSIC = f"{JAZZ}/volume_music-jazz-0"
PROVISIONED = {"pv.kubernetes.io/provisioned-by": "rancher.io/local-path"}
ATTIC = "node//pi-attic"
GIB = 1024**3
STATS = Rule(("get",), ("nodes/stats",))
VOLUMES = Rule(("list", "watch"), ("persistentvolumes",))


def claim(
    home: LiveServer, name: str = "music-jazz-0", *, phase: str = "Bound", **spec: Any
) -> None:
    """Create or change a claim."""
    home.put(
        "persistentvolumeclaims",
        "kitchen",
        name,
        spec={
            "volumeName": f"pv-{name}",
            "storageClassName": "local-path",
            "resources": {"requests": {"storage": "10Gi"}},
            **spec,
        },
        status={"phase": phase, "capacity": {"storage": "10Gi"}},
    )


def persistent(
    home: LiveServer,
    of: str = "music-jazz-0",
    annotations: dict[str, str] | None = None,
    **spec: Any,
) -> None:
    """Create the volume behind a claim."""
    home.put(
        "persistentvolumes",
        "",
        f"pv-{of}",
        metadata={"annotations": annotations or {}},
        spec={"claimRef": {"namespace": "kitchen", "name": of}, **spec},
    )


def used_by_fridge(home: LiveServer, *claims: str) -> None:
    """Have the fridge use these claims, and no others."""
    volumes = [
        {"name": f"v{number}", "persistentVolumeClaim": {"claimName": name}}
        for number, name in enumerate(claims)
    ]
    place = ("deployments", "kitchen", "fridge")
    spec = home.live[place]["spec"]
    template = spec["template"]["spec"]
    home.put(
        *place, spec={**spec, "template": {"spec": {**template, "volumes": volumes}}}
    )


def on_node(name: str) -> dict[str, Any]:
    """Return the affinity to a node."""
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [name]}
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}}


@pytest.fixture
def jazz(home: LiveServer) -> LiveServer:
    """A home whose jazz server has a volume."""
    home.accounts["person"] = (*EVERYTHING, STATS, VOLUMES)
    template = {"metadata": {"name": "music"}}
    home.workload(
        "statefulsets", "kitchen", "jazz", replicas=1, volumeClaimTemplates=[template]
    )
    claim(home)
    return home


@pytest.fixture
async def kubelet(authority: Authority, tmp_path: Path) -> AsyncIterator[Kubelet]:
    """The agent of pi-attic, its certificate signed by the cluster's authority."""
    agent = Kubelet(authority.server_context(tmp_path))
    agent.summary = {
        "node": {
            "startTime": "2026-11-20T07:30:00Z",
            "fs": filesystem(30 * GIB, 100 * GIB),
        },
        "pods": [{"volume": [volume("kitchen", "music-jazz-0", GIB, 10 * GIB)]}],
    }
    async with agent.serving():
        yield agent


async def enabled(hass: HomeAssistant, entry: MockConfigEntry, *paths: str) -> None:
    """Set up with these entities enabled."""
    registry = er.async_get(hass)
    entry.add_to_hass(hass)
    for path in paths:
        registry.async_get_or_create(
            "sensor", DOMAIN, f"{UID}/{path}", config_entry=entry, disabled_by=None
        )
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()


async def pass_by(hass: HomeAssistant, seconds: float) -> None:
    """Let time pass for what waits for it."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done()


# What a claim is.


async def test_a_volume_tells_how_it_is_and_what_it_is(
    hass: HomeAssistant, jazz: LiveServer
) -> None:
    """Its name is the claim's."""
    persistent(jazz, local={"path": "/x"}, nodeAffinity=on_node("pi-attic"))
    await set_up(hass, entry_for(jazz))
    assert state(hass, MUSIC) == "bound"
    shown = attributes(hass, MUSIC)
    assert shown["friendly_name"] == "jazz Volume music-jazz-0"
    wanted = {
        "capacity": 10 * GIB,
        "requested": 10 * GIB,
        "storage_class": "local-path",
        "kind": "local",
        "node": "pi-attic",
    }
    assert {key: shown[key] for key in wanted} == wanted


async def test_a_volume_on_a_lost_node_is_named_so(
    hass: HomeAssistant, jazz: LiveServer
) -> None:
    """Also while the device is off."""
    persistent(jazz, local={"path": "/x"}, nodeAffinity=on_node("pi-cellar"))
    jazz.scale("statefulsets", "kitchen", "jazz", 0)
    await set_up(hass, entry_for(jazz))
    assert state(hass, MUSIC) == "bound"
    jazz.node("pi-cellar", ready="Unknown", ago=120)
    await until(hass, lambda: state(hass, MUSIC) == "on_lost_node", "lost")
    jazz.node("pi-cellar", ago=1)
    await until(hass, lambda: state(hass, MUSIC) == "bound", "back")


async def test_volumes_are_told_without_the_right_to_read_more_than_claims(
    hass: HomeAssistant, jazz: LiveServer
) -> None:
    """An account of one namespace; no repair asks for more."""
    jazz.accounts["person"] = (
        READ_UID,
        reader_of("kitchen"),
        Rule(("list", "watch"), ("nodes",)),
    )
    await set_up(hass, entry_for(jazz, mode="namespaces", namespaces=["kitchen"]))
    assert state(hass, MUSIC) == "bound"
    assert "kind" not in attributes(hass, MUSIC)
    assert not [
        one for one in ir.async_get(hass).issues.values() if one.domain == DOMAIN
    ]


async def test_a_claim_that_is_not_there_is_missing_and_comes(
    hass: HomeAssistant, jazz: LiveServer
) -> None:
    """The device's template asks for it."""
    jazz.delete("persistentvolumeclaims", "kitchen", "music-jazz-0")
    await set_up(hass, entry_for(jazz))
    assert state(hass, MUSIC) == "missing"
    claim(jazz, phase="Pending")
    await until(hass, lambda: state(hass, MUSIC) == "pending", "pending")


async def test_a_list_that_lacks_a_claim_removes_no_entity(
    hass: HomeAssistant, jazz: LiveServer
) -> None:
    """That of a number which is not asked for any more is unavailable until it is back."""
    claim(jazz, "music-jazz-1")
    second = f"{JAZZ}/volume_music-jazz-1"
    await set_up(hass, entry_for(jazz))
    assert state(hass, second) == "bound"
    jazz.delete("persistentvolumeclaims", "kitchen", "music-jazz-1")
    await until(hass, lambda: state(hass, second) == "unavailable", "unavailable")
    claim(jazz, "music-jazz-1")
    await until(hass, lambda: state(hass, second) == "bound", "bound again")


@pytest.mark.parametrize("exists", [True, False])
async def test_a_claim_that_is_not_shown_after_a_start_goes_when_it_does_not_exist(
    hass: HomeAssistant, jazz: LiveServer, monkeypatch: pytest.MonkeyPatch, exists: bool
) -> None:
    """A first answer may be empty, and proves nothing: the cluster is asked about the claim itself."""
    claim(jazz, "music-jazz-1")
    second = f"{JAZZ}/volume_music-jazz-1"
    entry = entry_for(jazz)
    await set_up(hass, entry)
    before = entity_id(hass, second)
    await hass.config_entries.async_unload(entry.entry_id)
    gone = "persistentvolumeclaims", "kitchen", "music-jazz-1"
    kept = jazz.live[gone]
    jazz.delete(*gone)
    asked: list[Ref] = []

    async def absent(_: Cluster, ref: Ref) -> bool:
        asked.append(ref)
        return not exists

    monkeypatch.setattr(Cluster, "confirm_absent", absent)
    await hass.config_entries.async_setup(entry.entry_id)
    await look_again(hass, 3)
    assert asked == [Ref(Kind.VOLUME_CLAIM, "kitchen", "music-jazz-1")]
    assert entity_id(hass, second) == (before if exists else None)
    jazz.put(*gone, spec=kept["spec"], status=kept["status"])
    await until(hass, lambda: state(hass, second) == "bound", "bound again")
    assert entity_id(hass, second) == before


async def test_a_claim_that_is_there_is_not_asked_for(
    hass: HomeAssistant, jazz: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its entity stays, although the device does not use it any more."""
    claim(jazz, "milk")
    milk = f"{FRIDGE}/volume_milk"
    used_by_fridge(jazz, "milk")
    entry = entry_for(jazz)
    await set_up(hass, entry)
    before = entity_id(hass, milk)
    assert before
    await hass.config_entries.async_unload(entry.entry_id)
    used_by_fridge(jazz)
    ask = AsyncMock(return_value=False)
    monkeypatch.setattr(Cluster, "confirm_absent", ask)
    await hass.config_entries.async_setup(entry.entry_id)
    await look_again(hass, 3)
    assert entity_id(hass, milk) == before
    ask.assert_not_awaited()


async def test_thirty_claims_with_the_longest_names(
    hass: HomeAssistant, jazz: LiveServer
) -> None:
    """Each has its entity."""
    names = [f"{number:02}{'x' * 251}" for number in range(30)]
    for name in names:
        claim(jazz, name)
    used_by_fridge(jazz, *names)
    await set_up(hass, entry_for(jazz))
    for name in names:
        assert state(hass, f"{FRIDGE}/volume_{name}") == "bound"


# How full the disks are.


async def test_a_disk_and_a_volume_tell_how_full_they_are(
    hass: HomeAssistant,
    jazz: LiveServer,
    kubelet: Kubelet,
) -> None:
    """One request for both, and none before somebody wants to know."""
    kubelet.stands_for(jazz, "pi-attic")
    entry = entry_for(jazz)
    await enabled(hass, entry, f"{ATTIC}/disk", f"{MUSIC}_used")
    assert state(hass, f"{ATTIC}/disk") == "unavailable"
    await pass_by(hass, on_demand.SOON + 1)
    await until(hass, lambda: state(hass, f"{ATTIC}/disk") == "30.0", "the disk")
    assert kubelet.tokens == ["Bearer person"]
    assert attributes(hass, f"{ATTIC}/disk")["capacity"] == 100 * GIB
    await until(hass, lambda: state(hass, f"{MUSIC}_used") == "10.0", "the volume")
    shown = attributes(hass, f"{MUSIC}_used")
    assert (shown["lies_on"], shown["nearly_full"], shown["node"]) == (
        "volume",
        False,
        "pi-attic",
    )
    kubelet.summary["pods"][0]["volume"] = [
        volume("kitchen", "music-jazz-0", 19 * GIB // 2, 10 * GIB)
    ]
    await pass_by(hass, METRICS_INTERVAL + 1)
    await until(hass, lambda: state(hass, f"{MUSIC}_used") == "95.0", "nearly full")
    assert attributes(hass, f"{MUSIC}_used")["nearly_full"] is True
    assert len(kubelet.tokens) == 2


async def test_a_volume_that_fills_runs_an_automation(
    hass: HomeAssistant, jazz: LiveServer, kubelet: Kubelet
) -> None:
    """By the trigger, with the whole device as its target."""
    kubelet.stands_for(jazz, "pi-attic")
    entry = entry_for(jazz)
    await enabled(hass, entry, f"{MUSIC}_used")
    await pass_by(hass, on_demand.SOON + 1)
    await until(hass, lambda: state(hass, f"{MUSIC}_used") == "10.0", "the volume")
    found = device(hass, entry, JAZZ)
    assert found is not None
    ran: list[Any] = []
    hass.bus.async_listen("nearly_full", ran.append)
    trigger = {
        "trigger": f"{DOMAIN}.volume_nearly_full",
        "target": {"device_id": found.id},
    }
    automation = {"triggers": [trigger], "actions": [{"event": "nearly_full"}]}
    assert await async_setup_component(hass, "automation", {"automation": [automation]})
    await hass.async_block_till_done()
    kubelet.summary["pods"][0]["volume"] = [
        volume("kitchen", "music-jazz-0", 19 * GIB // 2, 10 * GIB)
    ]
    await pass_by(hass, METRICS_INTERVAL + 1)
    await until(hass, lambda: ran, "the run")
    assert len(ran) == 1


@pytest.mark.parametrize(
    ("spec", "said", "name"),
    [
        (
            {"local": {"path": "/x"}, "annotations": PROVISIONED},
            "node_disk",
            "jazz Volume music-jazz-0: node's disk",
        ),
        ({"local": {"path": "/x"}}, "node_disk", "jazz Volume music-jazz-0 used"),
        (
            {"nfs": {"server": "nas", "path": "/x"}},
            "nfs_share",
            "jazz Volume music-jazz-0 used",
        ),
        ({"csi": {"driver": "x"}}, "node_disk", "jazz Volume music-jazz-0 used"),
    ],
)
async def test_the_disk_of_a_node_is_not_called_the_volume(
    hass: HomeAssistant,
    jazz: LiveServer,
    kubelet: Kubelet,
    spec: dict[str, Any],
    said: str,
    name: str,
) -> None:
    """A folder tells of all of the disk that it is on."""
    persistent(jazz, **spec)
    kubelet.summary["pods"][0]["volume"] = [
        volume("kitchen", "music-jazz-0", 30 * GIB, 100 * GIB)
    ]
    kubelet.stands_for(jazz, "pi-attic")
    await enabled(hass, entry_for(jazz), f"{MUSIC}_used")
    await pass_by(hass, on_demand.SOON + 1)
    await until(hass, lambda: state(hass, f"{MUSIC}_used") == "30.0", "the disk")
    shown = attributes(hass, f"{MUSIC}_used")
    assert (shown["lies_on"], shown["friendly_name"]) == (said, name)


async def test_a_disk_as_large_as_the_claim_is_still_the_nodes(
    hass: HomeAssistant,
    jazz: LiveServer,
    kubelet: Kubelet,
) -> None:
    """By the same figures as those of the node's disk."""
    disk = filesystem(3 * GIB, 10 * GIB)
    kubelet.summary["node"]["fs"] = disk
    kubelet.summary["pods"][0]["volume"] = [
        volume("kitchen", "music-jazz-0", 3 * GIB, 10 * GIB)
    ]
    kubelet.stands_for(jazz, "pi-attic")
    await enabled(hass, entry_for(jazz), f"{MUSIC}_used")
    await pass_by(hass, on_demand.SOON + 1)
    await until(hass, lambda: state(hass, f"{MUSIC}_used") == "30.0", "the disk")
    assert attributes(hass, f"{MUSIC}_used")["lies_on"] == "node_disk"


async def test_a_folder_of_the_host_has_no_figures(
    hass: HomeAssistant, jazz: LiveServer
) -> None:
    """Nodes do not measure those."""
    persistent(jazz, hostPath={"path": "/x"})
    await set_up(hass, entry_for(jazz))
    assert entity_id(hass, f"{MUSIC}_used") is None
    assert attributes(hass, MUSIC)["kind"] == "hostPath"


async def test_without_the_right_there_are_no_figures_and_no_request(
    hass: HomeAssistant, jazz: LiveServer, kubelet: Kubelet
) -> None:
    """And the last boot is not known."""
    jazz.accounts["person"] = (READ_UID, READ_ALL)
    kubelet.stands_for(jazz, "pi-attic")
    await set_up(hass, entry_for(jazz))
    assert entity_id(hass, f"{MUSIC}_used") is None
    assert entity_id(hass, f"{ATTIC}/disk") is None
    assert state(hass, f"{ATTIC}/last_boot") == "unknown"
    assert kubelet.tokens == []


async def test_a_node_is_asked_once_when_it_was_started(
    hass: HomeAssistant,
    jazz: LiveServer,
    kubelet: Kubelet,
) -> None:
    """And never again, as long as nobody wants more of it."""
    kubelet.stands_for(jazz, "pi-attic")
    jazz.delete("nodes", "", "pi-cellar")
    entry = entry_for(jazz)
    await set_up(hass, entry)
    await pass_by(hass, on_demand.SOON + 1)
    await until(
        hass,
        lambda: state(hass, f"{ATTIC}/last_boot") == "2026-11-20T07:30:00+00:00",
        "the last boot",
    )
    await pass_by(hass, METRICS_INTERVAL + 1)
    assert len(kubelet.tokens) == 1
    assert entry.runtime_data.stats.disk("pi-attic") is None


async def test_a_token_goes_to_no_node_that_is_not_trusted(
    hass: HomeAssistant,
    jazz: LiveServer,
    tmp_path: Path,
) -> None:
    """A repair says so; it is withdrawn when nobody wants to know any more."""
    stranger = Kubelet(Authority("somebody else").server_context(tmp_path))
    async with stranger.serving():
        stranger.stands_for(jazz, "pi-attic")
        entry = entry_for(jazz)
        await enabled(hass, entry, f"{ATTIC}/disk")
        await pass_by(hass, on_demand.SOON + 1)
        key = (DOMAIN, stats.untrusted_issue_id(entry.entry_id))
        registry = ir.async_get(hass)
        await until(hass, lambda: registry.async_get_issue(*key), "the repair")
        issue = registry.async_get_issue(*key)
        assert issue is not None
        assert issue.translation_placeholders == {
            "cluster": "Home",
            "nodes": "pi-attic",
        }
        assert stranger.tokens == []
        await hass.config_entries.async_unload(entry.entry_id)
        assert registry.async_get_issue(*key) is None


async def test_a_token_goes_nowhere_unverified(
    hass: HomeAssistant,
    jazz: LiveServer,
    kubelet: Kubelet,
) -> None:
    """Who switched verification off did so for one address."""
    kubelet.stands_for(jazz, "pi-attic")
    entry = entry_for(jazz)
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Home",
        unique_id=UID,
        data={**entry.data, "verify_ssl": False},
        options=dict(entry.options),
    )
    await enabled(hass, entry, f"{ATTIC}/disk")
    await pass_by(hass, on_demand.SOON + 1)
    key = (DOMAIN, stats.untrusted_issue_id(entry.entry_id))
    await until(hass, lambda: ir.async_get(hass).async_get_issue(*key), "the repair")
    assert kubelet.tokens == []


async def test_what_is_known_is_kept_for_a_while_when_a_node_is_silent(
    hass: HomeAssistant,
    jazz: LiveServer,
    kubelet: Kubelet,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Then it is unavailable, and said once."""
    # Nothing is read but here.
    monkeypatch.setattr(on_demand, "SOON", 3600.0)
    kubelet.stands_for(jazz, "pi-attic")
    entry = entry_for(jazz)
    await enabled(hass, entry, f"{ATTIC}/disk")
    await entry.runtime_data.stats._read()
    kubelet.status = 403
    for _ in range(stats.MISSES):
        assert state(hass, f"{ATTIC}/disk") == "30.0"
        await entry.runtime_data.stats._read()
    assert state(hass, f"{ATTIC}/disk") == "unavailable"
    await entry.runtime_data.stats._read()
    assert caplog.text.count("Node pi-attic does not tell of its disk") == 1
    kubelet.status, good = 200, kubelet.summary
    for nonsense in ("nonsense", {"node": {"startTime": "yesterday"}}):
        kubelet.summary = nonsense
        await entry.runtime_data.stats._read()
        assert state(hass, f"{ATTIC}/disk") == "unavailable"
    kubelet.summary = good
    await entry.runtime_data.stats._read()
    assert state(hass, f"{ATTIC}/disk") == "30.0"


async def test_a_node_that_is_gone_is_not_asked_any_more(
    hass: HomeAssistant, jazz: LiveServer, kubelet: Kubelet
) -> None:
    """What it told is forgotten; an empty file system has no share."""
    kubelet.stands_for(jazz, "pi-attic")
    kubelet.summary = {"node": {"fs": filesystem(0, 0)}, "pods": [{"volume": None}]}
    entry = entry_for(jazz)
    await enabled(hass, entry, f"{ATTIC}/disk", f"{MUSIC}_used")
    await entry.runtime_data.stats._read()
    assert state(hass, f"{ATTIC}/disk") == "unknown"
    assert state(hass, f"{MUSIC}_used") == "unavailable"
    kubelet.summary = {"node": {"fs": {"usedBytes": 3}}}
    await entry.runtime_data.stats._read()
    assert state(hass, f"{ATTIC}/disk") == "unavailable"
    jazz.delete("nodes", "", "pi-attic")
    await until(hass, lambda: "pi-attic" not in entry.runtime_data.nodes, "gone")
    await entry.runtime_data.stats._read()
    assert entry.runtime_data.stats.disk("pi-attic") is None


async def test_a_node_without_an_address_is_not_asked(
    hass: HomeAssistant, jazz: LiveServer
) -> None:
    """It stays unavailable."""
    await enabled(hass, entry_for(jazz), f"{ATTIC}/disk", f"{MUSIC}_used")
    await pass_by(hass, on_demand.SOON + 1)
    assert state(hass, f"{ATTIC}/disk") == "unavailable"
    assert state(hass, f"{MUSIC}_used") == "unavailable"
