"""Houses to render."""

from typing import Any, Final

import yaml

from .chart import CHART, PRESETS, Values

HOUSE: Final[Values] = {
    "zones": {
        "lighting": {},
        "media": {"internet": "allow"},
        "garden": {"lan": ["192.168.7.0/24"]},
    },
    "devices": {
        "mqtt": {"preset": "mosquitto", "zone": "lighting"},
        "drought": {
            "image": "ghcr.io/me/soil:1.2",
            "zone": "garden",
            "connects": ["mqtt"],
            "hass": {"area": "Garden", "icon": "mdi:sprout", "controls": ["power"]},
        },
        "zigbee": {
            "image": "ghcr.io/me/bridge:2",
            "zone": "lighting",
            "connects": ["mqtt"],
            "ports": {"web": {"port": 8080}},
            "health": {"http": {"path": "/", "port": "web"}},
            "usb": {"network": "tcp://192.168.1.20:6638", "env": "SERIAL"},
            "storage": {"data": {"path": "/data", "size": "1Gi"}},
        },
        "jazz": {
            "image": "ghcr.io/me/jazz:0.5",
            "zone": "media",
            "ports": {"web": {"port": 4533}},
            "health": {"tcp": "web"},
            "ingress": {"host": "jazz.home"},
            "storage": {
                "music": {
                    "path": "/music",
                    "nfs": {"server": "nas", "path": "/jazz"},
                    "readOnly": True,
                }
            },
        },
        "ears": {
            "image": "ghcr.io/me/ears:1",
            "zone": "media",
            "ports": {"wyoming": {"port": 10300}},
            "health": {"tcp": "wyoming"},
            "autoscale": {"min": 2, "max": 3, "cpu": 70},
        },
        "nightly": {
            "image": "ghcr.io/me/backup:1",
            "zone": "lighting",
            "schedule": "0 4 * * *",
        },
        "homeless": {"image": "ghcr.io/me/any:1", "connects": ["home-assistant"]},
    },
}
"""A house with one of everything."""

_ROUTE: Final = {
    "hosts": ["home.example"],
    "gateway": {"name": "traefik", "namespace": "kube-system", "section": "web"},
}
FOREIGN: Final[Values] = {
    "homeAssistant": {
        "route": _ROUTE,
        "network": {"mode": "multus", "multus": {"network": "lan"}},
    },
    "devices": {
        "jazz": {
            "image": "ghcr.io/me/jazz:1",
            "ports": {"web": {"port": 4533}},
            "route": {**_ROUTE, "hosts": ["jazz.example"]},
            "secrets": {
                "login": {
                    "externalSecret": {
                        "store": "house",
                        "kind": "ClusterSecretStore",
                        "data": {"password": {"key": "jazz", "property": "password"}},
                    },
                    "env": {"PASSWORD": "password"},
                }
            },
        }
    },
}
"""A house that others act on, by kinds that are no part of Kubernetes."""

HTTP_ROUTE: Final = "gateway.networking.k8s.io/v1/HTTPRoute"
EXTERNAL_SECRET: Final = "external-secrets.io/v1/ExternalSecret"
NETWORK: Final = "k8s.cni.cncf.io/v1/NetworkAttachmentDefinition"
A_CLUSTER: Final = ("v1", "v1/Namespace", "apps/v1", "apps/v1/Deployment")
"""A few of what every cluster tells Helm that it has; away from one there are no kinds among them."""


def preset(name: str) -> dict[str, Any]:
    """A preset's file."""
    text = (CHART / f"presets/{name}.yaml").read_text()
    return dict(yaml.load(text, yaml.CSafeLoader))


def all_presets() -> dict[str, Any]:
    """A house with a device of every preset, each in a zone of the level that it says it needs."""
    devices: dict[str, Any] = {}
    for name in PRESETS:
        device: dict[str, Any] = {
            "preset": name,
            "zone": preset(name).get("security", {}).get("level", "restricted"),
        }
        if preset(name).get("hostNetwork"):
            device["zone"] = "privileged"
        if name == "generic":
            device |= {"image": "ghcr.io/me/any:1", "ports": {"web": {"port": 80}}}
            device["health"] = {"tcp": "web"}
        # What only the user knows: where the films are.
        device["storage"] = {
            entry: {"nfs": {"server": "nas", "path": "/films"}}
            for entry, volume in preset(name).get("storage", {}).items()
            if not volume.keys() & KINDS
        }
        devices[name.replace("_", "-")] = device
    return {
        "zones": {level: {"psa": level} for level in LEVELS},
        "devices": devices,
    }


KINDS: Final = {"size", "existingClaim", "nfs", "emptyDir", "hostPath"}
LEVELS: Final = ("restricted", "baseline", "privileged")
