"""Diagnostics help, and tell no secret."""

import json
from typing import Any

import pytest

from custom_components.home_cluster.diagnostics import (
    async_get_config_entry_diagnostics,
    async_get_device_diagnostics,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.json import JSONEncoder
from tests.integration.cluster_home import device, entry_for, set_up, state, until
from tests.integration.live_server import LiveServer, now, pod_status

FRIDGE = "deployment/kitchen/fridge"


def written(diagnostics: Any) -> str:
    """Return what the user downloads."""
    return json.dumps(diagnostics, cls=JSONEncoder)


async def test_an_entry_tells_what_it_follows_and_hides_its_credentials(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """No token, no certificate, no address."""
    entry = entry_for(home)
    await set_up(hass, entry)
    told = await async_get_config_entry_diagnostics(hass, entry)
    text = written(told)
    for secret in ("person", home.url, "BEGIN CERTIFICATE"):
        assert secret not in text, secret
    assert told["cluster"]["link"] == "up"
    assert told["cluster"]["objects"]["Deployment"] == 1
    assert told["devices"][FRIDGE]["health"]["status"] == "running"
    assert told["devices"][FRIDGE]["hints"]["url"] == "**REDACTED**"


@pytest.mark.parametrize(
    ("key", "kinds"),
    [
        (FRIDGE, 3),
        ("node//pi-attic", 1),
        ("cluster//cluster", 0),
        ("cronjob/garden/backup", 1),
    ],
)
async def test_a_device_tells_the_objects_it_is_made_of(
    hass: HomeAssistant, home: LiveServer, key: str, kinds: int
) -> None:
    """Workload and pods; what they say in their own words is hidden."""
    entry = entry_for(home)
    await set_up(hass, entry)
    found = device(hass, entry, key)
    assert found is not None
    told = await async_get_device_diagnostics(hass, entry, found)
    assert len(told["objects"]) == kinds
    assert "fridge.local" not in written(told)


async def test_a_crash_shows_its_reason_but_not_the_programs_words(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """A message may hold anything."""
    entry = entry_for(home)
    await set_up(hass, entry)
    for pod in home.pods_of("kitchen", "fridge"):
        home.crash("kitchen", pod["metadata"]["name"])
    await until(hass, lambda: state(hass, f"{FRIDGE}/problem") == "on", "the problem")
    found = device(hass, entry, FRIDGE)
    assert found is not None
    text = written(await async_get_device_diagnostics(hass, entry, found))
    assert "CrashLoopBackOff" in text
    assert "back-off 5m0s" not in text


async def test_a_device_that_is_gone_tells_nothing(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """It may still be in the registry for a moment."""
    entry = entry_for(home)
    await set_up(hass, entry)
    found = device(hass, entry, FRIDGE)
    assert found is not None
    entry.runtime_data.roster.dismiss(FRIDGE)
    assert await async_get_device_diagnostics(hass, entry, found) == {"device": None}


# Each word is a secret, and the place where it stands. Not one may be in what the user downloads.


def plant(home: LiveServer) -> list[str]:
    """Hide secrets in a device wherever Kubernetes lets people put them."""
    planted: list[str] = []

    def secret(shape: str = "{}") -> str:
        planted.append(f"s3cr3t{len(planted):02}x")
        return shape.format(planted[-1])

    container = {
        "name": "agent",
        "image": "registry.home/fridge:v1.0.0",
        "command": ["fridge", secret("--token={}")],
        "args": [secret("--password={}"), "-p", secret()],
        "env": [
            {"name": "MQTT_PASSWORD", "value": secret()},
            {"name": "HARMLESS", "value": secret()},
            {"name": "DATABASE_URL", "value": secret("mysql://me:{}@db/home")},
        ],
        "livenessProbe": {
            "httpGet": {"httpHeaders": [{"name": "Authorization", "value": secret()}]}
        },
        "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", secret()]}}},
    }
    spec = {
        "containers": [container],
        "initContainers": [
            {
                "name": "seed",
                "image": "seed:1",
                "env": [{"name": "A", "value": secret()}],
            }
        ],
        "imagePullSecrets": [{"name": secret()}],
        "volumes": [{"name": "x", "nfs": {"path": secret("/{}")}}],
        "nodeName": "pi-attic",
    }
    annotations = {
        "home-cluster.github.io/url": secret("http://me:{}@fridge.local/"),
        "home-cluster.github.io/release-notes": secret("https://x.home/?token={}"),
        "kubectl.kubernetes.io/last-applied-configuration": secret(),
        "vault.hashicorp.com/agent-inject": secret(),
    }
    fridge = home.live["deployments", "kitchen", "fridge"]
    home.put(
        "deployments",
        "kitchen",
        "fridge",
        metadata={
            "annotations": annotations,
            "labels": {**fridge["metadata"]["labels"], "team": secret()},
        },
        spec={**fridge["spec"], "template": {"spec": spec}},
    )
    pod = home.pods_of("kitchen", "fridge")[0]["metadata"]["name"]
    status = pod_status(
        ready=False,
        restarts=5,
        state={
            "waiting": {"reason": "CrashLoopBackOff", "message": secret("bad token {}")}
        },
        last={
            "terminated": {
                "reason": "Error",
                "exitCode": 3,
                "message": secret("no login with {}"),
                "startedAt": now(300),
                "finishedAt": now(300),
            }
        },
        ago=300,
    )
    status["message"] = secret()
    status["conditions"][0]["message"] = secret()
    home.put(
        "pods",
        "kitchen",
        pod,
        spec=spec,
        status=status,
        metadata={
            "annotations": {"a": secret()},
            "labels": {"pod-template-hash": "abc", "b": secret()},
            "creationTimestamp": now(300),
        },
    )
    home.put(
        "events",
        "kitchen",
        "one",
        involvedObject={"kind": "Pod", "name": pod},
        type="Warning",
        reason="Failed",
        message=secret("https://me:{}@registry.home/v2: unauthorized"),
        lastTimestamp=now(5),
    )
    home.put(
        "nodes",
        "",
        "pi-attic",
        metadata={"labels": {"c": secret()}, "annotations": {"d": secret()}},
    )
    return planted


@pytest.mark.parametrize("kind", ["entry", "fridge", "node", "cluster"])
async def test_no_planted_secret_comes_out(
    hass: HomeAssistant, home: LiveServer, kind: str
) -> None:
    """Neither of the objects nor of the entry, wherever it stands."""
    planted = plant(home)
    entry = entry_for(home)
    own = [f"0wn53cr3t{n}" for n in range(6)]
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(
        entry,
        title=own[0],
        data={
            **entry.data,
            "static": {"client_key": own[1], "token": own[2]},
            "kubeconfig": own[3],
        },
        options={
            **entry.options,
            "registries": {"registry.home": {"username": "me", "password": own[4]}},
            "note": own[5],
        },
    )
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await until(hass, lambda: state(hass, f"{FRIDGE}/problem") == "on", "the problem")
    assert len(planted) + len(own) >= 25
    if kind == "entry":
        text = written(await async_get_config_entry_diagnostics(hass, entry))
    else:
        key = {"fridge": FRIDGE, "node": "node//pi-attic"}.get(kind, "cluster//cluster")
        found = device(hass, entry, key)
        assert found is not None
        text = written(await async_get_device_diagnostics(hass, entry, found))
    for word in [*planted, *own, "person", home.url, "BEGIN CERTIFICATE"]:
        assert word not in text, word
    if kind == "fridge":
        assert "CrashLoopBackOff" in text
