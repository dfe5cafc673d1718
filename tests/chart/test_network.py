"""Who reaches whom in a house of zones."""

from typing import Any, Final

import pytest

from .chart import Values, render
from .houses import HOUSE
from .network import Place, Pod, Walls

INTERNET: Final = "93.184.215.14"
NAS: Final = "192.168.1.5"
COORDINATOR: Final = "192.168.1.20"
GUEST: Final = Pod("home-lighting", {"app": "guest"})
STRANGER: Final = Pod("elsewhere", {"app": "stranger"})
TRAEFIK: Final = Pod("kube-system", {"app": "traefik"})
DNS: Final = Pod("kube-system", {"k8s-app": "kube-dns"})
ASSISTANT: Final = "home-assistant"


@pytest.fixture(scope="module")
def walls() -> Walls:
    return Walls(render(HOUSE))


def place(walls: Walls, what: Place | str) -> Place:
    """A device's pod by its name; addresses and pods as they are."""
    if isinstance(what, Pod) or what[0].isdigit():
        return what
    return walls.pod(what)


@pytest.mark.parametrize(
    ("source", "target", "port"),
    [
        # what `connects` says, and Home Assistant with all its devices
        ("zigbee", "mqtt", 1883),
        ("drought", "mqtt", 1883),
        (ASSISTANT, "mqtt", 1883),
        (ASSISTANT, "zigbee", 8080),
        (ASSISTANT, "jazz", 4533),
        (ASSISTANT, "ears", 10300),
        ("homeless", ASSISTANT, 8123),
        # the cluster and the world, as far as it was said
        (ASSISTANT, "192.168.1.2", 6443),
        (ASSISTANT, "192.168.1.3", 10250),
        (ASSISTANT, INTERNET, 443),
        (ASSISTANT, NAS, 445),
        ("jazz", INTERNET, 443),
        ("zigbee", COORDINATOR, 6638),
        ("drought", "192.168.7.9", 80),
        # ways in
        (TRAEFIK, "jazz", 4533),
        (TRAEFIK, ASSISTANT, 8123),
        ("192.168.1.77", ASSISTANT, 8123),
    ],
)
def test_a_way_that_was_asked_for_is_open(
    walls: Walls, source: Any, target: Any, port: int
) -> None:
    assert walls.reach(place(walls, source), place(walls, target), port)


@pytest.mark.parametrize(
    ("source", "target", "port"),
    [
        # other zones, other ports, the other direction
        ("zigbee", "jazz", 4533),
        ("jazz", "mqtt", 1883),
        ("jazz", "ears", 10300),
        ("zigbee", "mqtt", 22),
        ("mqtt", "zigbee", 8080),
        ("nightly", "mqtt", 1883),
        ("zigbee", ASSISTANT, 8123),
        ("homeless", "mqtt", 1883),
        # the world
        ("zigbee", INTERNET, 443),
        ("mqtt", INTERNET, 443),
        ("jazz", NAS, 445),
        ("zigbee", COORDINATOR, 80),
        ("zigbee", "192.168.1.21", 6638),
        ("drought", "192.168.1.9", 80),
        ("jazz", "192.168.1.2", 6443),
        # strangers
        (GUEST, "mqtt", 1883),
        (GUEST, INTERNET, 443),
        (GUEST, "192.168.1.2", 6443),
        (STRANGER, "mqtt", 1883),
        (STRANGER, "jazz", 4533),
        (STRANGER, ASSISTANT, 8123),
        (TRAEFIK, "mqtt", 1883),
        ("192.168.1.77", "mqtt", 1883),
        ("10.42.3.7", ASSISTANT, 8123),
    ],
)
def test_every_other_way_is_closed(
    walls: Walls, source: Any, target: Any, port: int
) -> None:
    assert not walls.reach(place(walls, source), place(walls, target), port)


INTERNET6: Final = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
NAS6: Final = "2003:db8:7:1::5"
POD6: Final = "2001:cafe:42:0:1::7"


def test_the_internet_is_one_of_ipv6_once_it_can_be_told_from_the_lan() -> None:
    dual = {
        "podCIDR": "10.42.0.0/16,2001:cafe:42::/56",
        "serviceCIDR": "10.43.0.0/16,2001:cafe:43::/112",
        "lan": ["192.168.0.0/16", "2003:db8:7::/56", "fd00:1::/64"],
    }
    before, after = Walls(render(HOUSE)), Walls(render({**HOUSE, "cluster": dual}))
    assistant, jazz, zigbee = (
        after.pod(name) for name in (ASSISTANT, "jazz", "zigbee")
    )
    assert not before.reach(jazz, INTERNET6, 443)
    assert after.reach(jazz, INTERNET6, 443)
    assert after.reach(jazz, INTERNET, 443)
    assert after.reach(assistant, INTERNET6, 443)
    assert not after.reach(zigbee, INTERNET6, 443)
    # What is at home is no internet.
    for address in (NAS6, "fd00:1::5", POD6, "fe80::1", NAS, "10.42.3.7"):
        assert not after.reach(jazz, address, 443)
    assert after.reach(assistant, NAS6, 445)
    assert after.reach(assistant, "fd00:1::5", 445)


@pytest.mark.parametrize(
    "values",
    [
        HOUSE,
        {"cluster": {"lan": [], "gateways": []}, **HOUSE},
        {
            "cluster": {"lan": [], "gateways": []},
            "homeAssistant": {"network": {"mode": "host"}},
            **HOUSE,
        },
        {
            "cluster": {"lan": [], "gateways": []},
            "access": {"only": True},
            "zones": HOUSE["zones"],
            "devices": {
                "mqtt": HOUSE["devices"]["mqtt"],
                "bridge": {
                    "image": "a/b:1",
                    "usb": {"network": "tcp://slzb:6638"},
                    "connects": ["mqtt"],
                },
            },
        },
    ],
)
def test_no_rule_is_without_peers_for_that_would_let_everybody_through(
    values: Values,
) -> None:
    for policy in render(values).of("NetworkPolicy"):
        for way, side in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(way, ()):
                assert rule[side], policy["metadata"]["name"]


def test_names_are_looked_up_by_the_houses_own_pods_only(walls: Walls) -> None:
    for name in ("mqtt", "zigbee", "jazz", "nightly", "homeless", ASSISTANT):
        assert walls.reach(walls.pod(name), DNS, 53, "UDP")
    assert not walls.reach(GUEST, DNS, 53, "UDP")


def test_pods_that_are_none_of_ours_are_left_alone_in_the_releases_own_namespace(
    walls: Walls,
) -> None:
    assert walls.reach(Pod("home", {"app": "other"}), INTERNET, 443)


def test_a_broker_that_is_opened_to_the_lan_is_open_to_no_other_pod() -> None:
    values = {
        "devices": {
            "mqtt": {
                "preset": "mosquitto",
                "service": {"type": "LoadBalancer"},
                "secrets": {"login": {"existingSecret": "mqtt-login"}},
            }
        }
    }
    walls = Walls(render(values))
    assert walls.reach("192.168.1.77", walls.pod("mqtt"), 1883)
    assert walls.reach(TRAEFIK, walls.pod("mqtt"), 1883)
    assert not walls.reach(STRANGER, walls.pod("mqtt"), 1883)
    assert not walls.reach("10.42.3.7", walls.pod("mqtt"), 1883)
    assert not walls.reach(INTERNET, walls.pod("mqtt"), 1883)


def test_home_assistant_without_the_internet_still_has_the_cluster_and_its_devices() -> (
    None
):
    values = {"homeAssistant": {"internet": "deny", "lan": "deny"}, **HOUSE}
    walls = Walls(render(values))
    ha = walls.pod(ASSISTANT)
    assert walls.reach(ha, "192.168.1.2", 6443)
    assert walls.reach(ha, walls.pod("mqtt"), 1883)
    assert not walls.reach(ha, INTERNET, 443)
    assert not walls.reach(ha, NAS, 445)


def test_home_assistant_on_a_nodes_network_is_let_in_by_its_devices() -> None:
    values = {
        **HOUSE,
        "homeAssistant": {"network": {"mode": "host"}},
        "cluster": {"nodeAddresses": ["10.42.0.0", "203.0.113.7"]},
    }
    walls = Walls(render(values))
    for address in ("192.168.1.3", "10.42.0.0", "203.0.113.7"):
        assert walls.reach(address, walls.pod("mqtt"), 1883)
    assert not walls.reach("10.42.3.7", walls.pod("mqtt"), 1883)


def test_home_assistant_elsewhere_is_let_in_from_its_address_only() -> None:
    values = {**HOUSE, "access": {"only": True, "from": ["192.168.1.10/32"]}}
    devices = {k: v for k, v in HOUSE["devices"].items() if k != "homeless"}
    walls = Walls(render({**values, "devices": devices}))
    assert walls.reach("192.168.1.10", walls.pod("mqtt"), 1883)
    assert not walls.reach("192.168.1.11", walls.pod("mqtt"), 1883)


def test_the_vault_is_reached_by_those_who_want_secrets_from_it() -> None:
    wants = {
        "image": "a/b:1",
        "vault": {"role": "x", "files": {"pw": {"secret": "s", "key": "k"}}},
    }
    values = {
        "zones": {"safe": {}, "hall": {}},
        "vault": {"device": "safe"},
        "devices": {
            "safe": {
                "image": "a/vault:1",
                "zone": "safe",
                "ports": {"api": {"port": 8200}},
            },
            "lamp": {**wants, "zone": "hall"},
            "door": {"image": "a/b:1", "zone": "hall"},
        },
    }
    walls = Walls(render(values))
    assert walls.reach(walls.pod("lamp"), walls.pod("safe"), 8200)
    assert not walls.reach(walls.pod("door"), walls.pod("safe"), 8200)
    # It asks the API server whether a token is genuine.
    assert walls.reach(walls.pod("safe"), "192.168.1.2", 6443)
    assert not walls.reach(walls.pod("lamp"), "192.168.1.2", 6443)


def test_a_device_may_be_shut_off_from_the_internet_in_an_open_zone() -> None:
    values = {
        "zones": {"media": {"internet": "allow"}},
        "devices": {
            "tv": {"image": "a/b:1", "zone": "media", "internet": "deny"},
            "hifi": {"image": "a/b:1", "zone": "media"},
        },
    }
    walls = Walls(render(values))
    assert walls.reach(walls.pod("hifi"), INTERNET, 443)
    assert not walls.reach(walls.pod("tv"), INTERNET, 443)


def test_policies_bind_every_pod_of_every_workload() -> None:
    house = render(HOUSE)
    walls = Walls(house)
    for workload, _ in house.pods():
        name = workload["metadata"]["labels"]["app.kubernetes.io/component"]
        assert not walls.reach(walls.pod(name), STRANGER, 80)
        assert not walls.reach(STRANGER, walls.pod(name), 80)
