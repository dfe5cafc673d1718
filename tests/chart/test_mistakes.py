"""Mistakes in values end the installation before it begins, and say what to do."""

import json
from typing import Any, Final

import pytest

from .chart import CHART, Refused, render
from .houses import HOUSE, all_presets

IMAGE: Final = {"image": "ghcr.io/me/any:1"}
COORDINATOR: Final = {"network": "tcp://192.168.1.20:6638"}


def said(values: dict[str, Any]) -> str:
    """What Helm says instead of rendering."""
    with pytest.raises(Refused) as refused:
        render(values)
    return str(refused.value)


def one(**values: Any) -> dict[str, Any]:
    """A house with one device."""
    return {"zones": {"hall": {}}, "devices": {"fridge": {**IMAGE, **values}}}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        # ── devices
        (one(preset="mosquito"), 'Device fridge: there is no preset "mosquito". There'),
        (one(zone="kitchen"), 'Device fridge: there is no zone "kitchen". Add it'),
        (
            one(connects=["mqtt"]),
            'Device fridge: it connects to "mqtt", which is no device. There are: no others.',
        ),
        (one(connects=["fridge"]), "Device fridge: it need not connect to itself"),
        ({"devices": {"fridge": {}}}, "Device fridge: it has no image. Set image"),
        (one(image="a/b"), "Device fridge: its image a/b has no tag. Name one"),
        (
            {"devices": {"Fridge": IMAGE}},
            "Device Fridge: a device's name is made of up to 30 small letters",
        ),
        ({"devices": {"house": IMAGE}}, "Device house: this name is taken"),
        (
            one(storage={"data": {"path": "/d"}}),
            "Device fridge: storage.data: it has no size. Set size, such as 1Gi",
        ),
        (one(storage={"data": {"size": "1Gi"}}), "storage.data: it has no path"),
        (
            one(storage={"data": {"size": "1Gi", "path": "d"}}),
            'storage.data: path "d" must begin with a slash.',
        ),
        (
            one(storage={"data": {"size": "1 GB", "path": "/d"}}),
            'storage.data: "1 GB" is no size. Write it like 1Gi.',
        ),
        (
            one(
                storage={
                    "d": {
                        "path": "/d",
                        "emptyDir": True,
                        "nfs": {"server": "n", "path": "/"},
                    }
                }
            ),
            "storage.d: it is nfs and emptyDir at once. Keep one.",
        ),
        (
            one(resources={"limits": {"memory": "64 Mi"}}),
            'Device fridge: resources.limits.memory "64 Mi" is no quantity.',
        ),
        (
            one(zone="hall", hostNetwork=True),
            "Device fridge: it needs the Pod Security level privileged, and its zone hall allows only restricted. Set zones.hall.psa: privileged",
        ),
        (
            one(
                zone="hall",
                storage={"d": {"path": "/d", "hostPath": {"path": "/dev"}}},
            ),
            "needs the Pod Security level privileged",
        ),
        (
            one(zone="hall", security={"level": "baseline", "why": "it is old"}),
            "Pod Security level baseline (it is old), and its zone",
        ),
        (
            one(usb={"resource": "zigbee"}),
            'usb.resource "zigbee" is no resource of a device plugin. Write it like squat.ai/zigbee.',
        ),
        (
            one(usb={"resource": "squat.ai/z", "network": "tcp://10.0.0.1:1"}),
            "usb names both a stick (resource) and a network coordinator",
        ),
        (one(usb={"network": "10.0.0.1"}), 'usb.network "10.0.0.1" is no address.'),
        (
            one(preset="zigbee2mqtt", usb=COORDINATOR),
            "Device fridge: it cannot find out what its stick or coordinator speaks. Set env.ZIGBEE2MQTT_CONFIG_SERIAL_ADAPTER (presets/zigbee2mqtt.yaml says how to choose)",
        ),
        (
            one(preset="zigbee2mqtt", usb={"resource": "squat.ai/zigbee"}),
            "Device fridge: it cannot find out what its stick or coordinator speaks.",
        ),
        (
            {
                "devices": {
                    "a": {**IMAGE, "usb": {"resource": "squat.ai/zigbee"}},
                    "b": {**IMAGE, "usb": {"resource": "squat.ai/zigbee"}},
                }
            },
            "Device b: the stick squat.ai/zigbee is already that of a. One stick serves one device",
        ),
        (
            {
                "usb": {"sticks": {"zwave": "/dev/ttyUSB0"}},
                **one(usb={"resource": "squat.ai/zigbee"}),
            },
            'there is no stick "zigbee" under usb.sticks. There are: zwave.',
        ),
        (
            {
                "devices": {
                    "a": {**IMAGE, "ports": {"p": {"port": 1, "hostPort": 80}}},
                    "b": {**IMAGE, "ports": {"p": {"port": 2, "hostPort": 80}}},
                }
            },
            "Device b: port 80/TCP of the nodes is already taken by a.",
        ),
        (
            one(ports={"p": {"port": 8123}}, service={"type": "LoadBalancer"}),
            "Device fridge: its port on the nodes is that of Home Assistant (8123)",
        ),
        (
            one(ports={"p": {"port": 80}}, health={"tcp": "web"}),
            'Device fridge: there is no port "web". There are: p.',
        ),
        (one(health={"tcp": "web"}), "Device fridge: it has no ports, so it can"),
        (
            one(
                ports={"p": {"port": 80}},
                health={"tcp": "p", "http": {"path": "/", "port": "p"}},
            ),
            "Device fridge: health has more than one check.",
        ),
        (one(autoscale={"min": 3, "max": 2}), "autoscale.max is less than"),
        (
            one(
                autoscale={"max": 2},
                storage={"d": {"path": "/d", "size": "1Gi"}},
            ),
            "Device fridge: it cannot autoscale, for its volume belongs to one pod.",
        ),
        (one(autoscale={"max": 2}, kind="DaemonSet"), "a DaemonSet cannot autoscale"),
        (one(kind="CronJob"), "Device fridge: a CronJob needs a schedule"),
        (one(schedule="at noon"), 'schedule "at noon" is no cron line of five fields'),
        (
            one(secrets={"login": {"path": "/s"}}),
            "secrets.login needs existingSecret or externalSecret; this chart takes no passwords.",
        ),
        (
            one(secrets={"login": {"existingSecret": "x"}}),
            "secrets.login is given to nobody. Set path (files) or env.",
        ),
        (
            one(vault={"role": "x", "files": {}}),
            "it wants secrets from a vault. Set vault.address or vault.device.",
        ),
        (one(nodeProfile="big"), 'there is no profile "big" under nodeProfiles.'),
        (one(hass={"url": "fridge.local"}), 'hass.url "fridge.local" is no web'),
        (one(hass={"icon": "fridge"}), 'hass.icon "fridge" is no icon.'),
        (one(lan=["192.168.1.7"]), 'lan "192.168.1.7" is no range of addresses.'),
        (
            one(
                ports={"p": {"port": 80}},
                route={"hosts": ["x.home"]},
            ),
            "Device fridge: name the Gateway in route.gateway.name.",
        ),
        (
            {
                "devices": {
                    "mqtt": {"preset": "mosquitto", "service": {"type": "LoadBalancer"}}
                }
            },
            "Device mqtt: it would be open to your whole LAN without a password. Give it secrets.login (presets/mosquitto.yaml says how)",
        ),
        # ── the house
        ({"zones": {"Hall": {}}}, "Zone Hall: a zone's name is made of up to 30"),
        (
            {"homeAssistant": {"persistence": {"config": {"size": ""}}}},
            "homeAssistant.persistence.config: it has neither size",
        ),
        (
            {"homeAssistant": {"persistence": {"config": {"size": "ten"}}}},
            'homeAssistant.persistence.config: "ten" is no size.',
        ),
        (
            {
                "homeAssistant": {
                    "persistence": {"config": {"nfs": {"server": "n", "path": "/"}}}
                }
            },
            "/config is on NFS, where the history's SQLite file would be damaged.",
        ),
        (
            {"homeAssistant": {"persistence": {"config": {"emptyDir": True}}}},
            "homeAssistant.persistence.config: /config is kept on a claim.",
        ),
        (
            {"homeAssistant": {"network": {"mode": "multus"}}},
            "homeAssistant.network: mode multus needs multus.network",
        ),
        (
            {"homeAssistant": {"restore": {"existingClaim": "b"}}},
            "homeAssistant.restore: name the backup's file on the claim b",
        ),
        (
            {"integration": {"delivery": "image"}},
            "integration.delivery: image needs integration.image.reference.",
        ),
        ({"cluster": {"lan": ["home"]}}, '"home" is no range of addresses.'),
        ({"vault": {"device": "safe"}}, 'vault.device: there is no device "safe".'),
        (
            {"access": {"only": True}, **one(connects=["home-assistant"])},
            "it connects to home-assistant, which this release does not run.",
        ),
    ],
)
def test_a_mistake_is_named_with_its_mend(
    values: dict[str, Any], sentence: str
) -> None:
    assert sentence in said(values)


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"homeAssistent": {}}, "additional properties 'homeAssistent' not allowed"),
        ({"devices": {"a": {"sise": 1}}}, "at '/devices/a': additional properties"),
        (one(storage={"d": {"siez": "1Gi"}}), "at '/devices/fridge/storage/d'"),
        (one(hass={"zone": "x"}), "at '/devices/fridge/hass'"),
        (one(connects="mqtt"), "at '/devices/fridge/connects': got string, want array"),
        (one(availability="nomad"), "value must be one of 'pinned', 'roaming'"),
        (one(ports={"p": {"port": 70000}}), "maximum: got 70,000, want 65,535"),
        (one(ports={"p": {}}), "missing property 'port'"),
        ({"integration": {"control": ["fly"]}}, "value must be one of 'power'"),
        ({"zones": {"a": {"psa": "strict"}}}, "value must be one of 'restricted'"),
        ({"zones": {"a": {"quota": True}}}, "at '/zones/a/quota': value must be false"),
        ({"homeAssistant": {"network": {"mode": "lan"}}}, "one of 'pod', 'host'"),
        ({"wifi": {"nodeLossSeconds": "60"}}, "got string, want integer"),
    ],
)
def test_a_typo_is_named_with_its_place(values: dict[str, Any], place: str) -> None:
    assert place in said(values)


@pytest.mark.parametrize("adapter", ["ember", None])
def test_what_a_coordinator_speaks_is_said_or_left_to_the_program(
    adapter: str | None,
) -> None:
    env = {"ZIGBEE2MQTT_CONFIG_SERIAL_ADAPTER": adapter}
    house = render(one(preset="zigbee2mqtt", usb=COORDINATOR, env=env))
    (container,) = house.one("Deployment", "home-fridge")["spec"]["template"]["spec"][
        "containers"
    ]
    given = {each["name"]: each.get("value") for each in container["env"]}
    assert given.get("ZIGBEE2MQTT_CONFIG_SERIAL_ADAPTER") == adapter
    assert given["Z2M_ONBOARD_NO_SERVER"] == "1"


def test_all_mistakes_are_told_at_once() -> None:
    text = said(
        {
            "devices": {
                "a": {**IMAGE, "connects": ["x"]},
                "b": {**IMAGE, "hass": {"icon": "x"}},
            }
        }
    )
    assert "Device a:" in text
    assert "Device b:" in text


def test_a_release_name_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(Refused, match="too long"):
        render(HOUSE, release="a-house-with-a-very-long-name-indeed-as-long-as-can")


def test_the_schema_lets_nothing_unknown_in_and_explains_everything() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    def look(part: Any, path: str) -> None:
        if not isinstance(part, dict):
            return
        # One file: nothing to fetch, for houses without internet.
        assert part.get("$ref", "#/").startswith("#/"), path
        kinds = part.get("type", ())
        if "object" in ([kinds] if isinstance(kinds, str) else kinds):
            assert "additionalProperties" in part, path
        for key, inner in part.get("properties", {}).items():
            assert inner.get("description") or "$ref" in inner, f"{path}/{key}"
            look(inner, f"{path}/{key}")
        for key in ("additionalProperties", "items"):
            look(part.get(key), f"{path}/{key}")
        for inner in part.get("anyOf", ()):
            look(inner, path)
        for key, inner in part.get("$defs", {}).items():
            look(inner, f"#{key}")

    look(schema, "")


def test_the_houses_of_these_tests_have_no_mistake() -> None:
    render(HOUSE)
    render(all_presets())
