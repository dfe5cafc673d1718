"""What `helm install` says in the end."""

import json
from pathlib import Path

import pytest

from .chart import CHART, Values, helm
from .houses import HOUSE


def notes(folder: Path, values: Values) -> str:
    """The notes of an installation."""
    file = folder / "values.yaml"
    file.write_text(json.dumps(values))
    said = helm(
        *("install", "home", str(CHART), "--namespace", "home", "--dry-run=client"),
        *("--values", str(file)),
    )
    return said.partition("NOTES:")[2]


@pytest.mark.parametrize(
    ("values", "sentences"),
    [
        (
            {},
            ["Open     http://NODE:8123", "Home Cluster connects itself"],
        ),
        (
            {"homeAssistant": {"ingress": {"host": "ha.home", "tlsSecret": "t"}}},
            ["https://ha.home"],
        ),
        (
            {
                "homeAssistant": {
                    "route": {"hosts": ["ha.home"], "gateway": {"name": "web"}}
                }
            },
            ["https://ha.home, or http:// where its Gateway has no certificate"],
        ),
        (
            {"homeAssistant": {"service": {"type": "ClusterIP"}}},
            ["port-forward service/home-home-assistant 8123:8123"],
        ),
        (
            {"integration": {"seedConfiguration": False}},
            ["add the line `home_cluster:` to configuration.yaml"],
        ),
        ({"integration": {"delivery": "none"}}, ["install Home Cluster with HACS"]),
        (
            {"integration": {"policies": False}},
            ["who holds Home Assistant's token can run any program"],
        ),
        (
            {"homeAssistant": {"network": {"mode": "host"}}},
            ["NetworkPolicies do not bind Home Assistant", "set cluster.nodeAddresses"],
        ),
        (
            {
                "homeAssistant": {
                    "network": {"mode": "host"},
                    "ingress": {"host": "ha.home"},
                }
            },
            ["set homeAssistant.proxy.trusted to 10.42.0.0/16 and your nodes"],
        ),
        ({"homeAssistant": {"safeMode": True}}, ["safeMode is on"]),
        (
            {"access": {"only": True}, "zones": {"hall": {}}},
            [
                "kubectl -n home create token home-home-assistant --duration=8760h",
                "In place of 127.0.0.1",
                "configmap kube-root-ca.crt",
                "home, home-hall",
            ],
        ),
        (
            HOUSE,
            [
                "mqtt             mosquitto          home-mqtt.home-lighting.svc.cluster.local 1883 (waits for its node)"
            ],
        ),
        (
            {
                "devices": {
                    "red": {"preset": "node-red", "service": {"type": "LoadBalancer"}}
                }
            },
            ["Device red is open to your LAN and has no secret"],
        ),
        (
            {"devices": {"tv": {"image": "a/b:1", "hostNetwork": True}}},
            ["Device tv is on its node's network"],
        ),
    ],
)
def test_the_notes_say_what_to_do_next(
    tmp_path: Path, values: Values, sentences: list[str]
) -> None:
    said = notes(tmp_path, values)
    for sentence in sentences:
        assert sentence in said


def test_nothing_is_warned_of_where_nothing_is_wrong(tmp_path: Path) -> None:
    assert "Please note" not in notes(tmp_path, HOUSE)
