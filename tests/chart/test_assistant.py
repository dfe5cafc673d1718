"""Home Assistant's own pod, and what is around it."""

from typing import Any, Final

import pytest

from .chart import Object, Values, render

NAME: Final = "home-home-assistant"


def pod(values: Values | None = None) -> Object:
    """The spec of Home Assistant's pod."""
    found = render(values).one("StatefulSet", NAME)
    return dict(found["spec"]["template"]["spec"])


def container(values: Values | None = None) -> Object:
    """Home Assistant's container."""
    (found,) = pod(values)["containers"]
    return dict(found)


def env(values: Values | None = None) -> dict[str, Any]:
    """Its environment variables."""
    return {each["name"]: each.get("value") for each in container(values)["env"]}


def test_with_nothing_said_it_comes_with_the_integration_and_nothing_else() -> None:
    home = render()
    assert home.names("StatefulSet") == {NAME}
    assert not home.of("Deployment") + home.of("Secret") + home.of("Namespace")
    assert home.names("ConfigMap") == {
        f"{NAME}-init",
        f"{NAME}-integration-layers",
        f"{NAME}-integration-program",
        f"{NAME}-integration-shown",
        f"{NAME}-integration-words-a-h",
        f"{NAME}-integration-words-i-z",
    }


def test_it_gets_the_time_it_needs_to_stop() -> None:
    assert pod()["terminationGracePeriodSeconds"] == 260


def test_a_start_may_take_an_hour_and_then_only_silence_for_minutes_ends_it() -> None:
    startup, liveness = container()["startupProbe"], container()["livenessProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 3600
    assert liveness["periodSeconds"] * liveness["failureThreshold"] >= 300
    assert "tcpSocket" in startup
    assert "tcpSocket" in liveness


def test_no_probe_asks_the_integration_or_the_api_server() -> None:
    probe = container()["readinessProbe"]["httpGet"]
    assert probe == {"path": "/manifest.json", "port": "http", "scheme": "HTTP"}


def test_a_longer_migration_can_be_waited_for() -> None:
    startup = container({"homeAssistant": {"startMinutes": 240}})["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 4 * 3600


def test_it_waits_for_its_node_however_long_that_is_gone() -> None:
    assert [
        (each["key"], each.get("tolerationSeconds")) for each in pod()["tolerations"]
    ] == [
        ("node.kubernetes.io/not-ready", None),
        ("node.kubernetes.io/unreachable", None),
    ]


def test_only_its_own_container_has_a_token_and_that_ends_with_the_hour() -> None:
    spec = pod()
    assert spec["automountServiceAccountToken"] is False
    (account,) = [each for each in spec["volumes"] if each["name"] == "account"]
    token = account["projected"]["sources"][0]["serviceAccountToken"]
    assert token["expirationSeconds"] <= 3607
    assert "audience" not in token
    for init in spec["initContainers"]:
        assert "account" not in {each["name"] for each in init["volumeMounts"]}


def test_it_is_root_without_any_capability() -> None:
    spec = pod()
    for each in (*spec["initContainers"], *spec["containers"]):
        assert each["securityContext"]["allowPrivilegeEscalation"] is False
        assert each["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


def test_the_integration_lies_beside_the_configuration() -> None:
    mounts = {each["name"]: each["mountPath"] for each in container()["volumeMounts"]}
    assert mounts["config"] == "/config"
    assert mounts["integration"].startswith("/home-cluster/integration/")
    assert env()["PYTHONPATH"] == (
        "/home-cluster/integration:/config/.home_cluster/current"
    )


def test_it_knows_the_namespaces_of_its_zones() -> None:
    values = {
        "zones": {"kitchen": {}, "media": {"namespace": "music"}},
        "integration": {"namespaces": ["attic"]},
    }
    assert env(values)["HOME_CLUSTER_NAMESPACES"] == "attic,home,home-kitchen,music"


def test_hacs_delivers_where_the_chart_does_not() -> None:
    values = {"integration": {"delivery": "none"}}
    assert "PYTHONPATH" not in env(values)
    assert [each["name"] for each in pod(values)["initContainers"]] == ["seed"]
    assert render(values).names("ConfigMap") == {f"{NAME}-init"}


def test_an_image_can_deliver_the_integration() -> None:
    values = {
        "integration": {"delivery": "image", "image": {"reference": "ghcr.io/x/i:1"}}
    }
    (volume,) = [
        each for each in pod(values)["volumes"] if each["name"] == "integration"
    ]
    assert volume["image"]["reference"] == "ghcr.io/x/i:1"


def test_on_the_nodes_network_it_still_finds_the_cluster_by_name() -> None:
    spec = pod({"homeAssistant": {"network": {"mode": "host"}}})
    assert spec["hostNetwork"] is True
    assert spec["dnsPolicy"] == "ClusterFirstWithHostNet"


def test_on_the_nodes_network_nothing_else_fights_for_its_port() -> None:
    values = {"homeAssistant": {"network": {"mode": "host"}}}
    assert render().one("Service", NAME)["spec"]["type"] == "LoadBalancer"
    assert render(values).one("Service", NAME)["spec"]["type"] == "ClusterIP"


def test_multus_gives_it_a_second_card() -> None:
    values = {
        "homeAssistant": {
            "network": {
                "mode": "multus",
                "multus": {"network": "net/lan", "ip": "192.168.1.50/24"},
            }
        }
    }
    found = render(values).one("StatefulSet", NAME)["spec"]["template"]["metadata"]
    assert found["annotations"]["k8s.v1.cni.cncf.io/networks"] == (
        '[{"ips":["192.168.1.50/24"],"name":"lan","namespace":"net"}]'
    )


def test_its_volume_outlives_the_release() -> None:
    claim = render().one("PersistentVolumeClaim", f"{NAME}-config")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert claim["spec"]["resources"]["requests"]["storage"] == "10Gi"
    assert "storageClassName" not in claim["spec"]


def test_the_history_gets_a_volume_of_its_own_where_config_is_on_a_nas() -> None:
    values = {
        "homeAssistant": {
            "persistence": {
                "config": {"size": "", "nfs": {"server": "nas", "path": "/ha"}}
            },
            "recorder": {"storage": {"size": "5Gi"}},
        }
    }
    home = render(values)
    assert home.one("PersistentVolumeClaim", f"{NAME}-recorder")
    wanted = home.one("ConfigMap", f"{NAME}-init")["data"]["wanted.json"]
    assert "sqlite:////recorder/home-assistant_v2.db" in wanted


def test_a_database_elsewhere_is_named_by_a_secret_only() -> None:
    values = {"homeAssistant": {"recorder": {"database": {"existingSecret": "db"}}}}
    (url,) = [
        each for each in container(values)["env"] if each["name"] == "RECORDER_DB_URL"
    ]
    assert url["valueFrom"] == {"secretKeyRef": {"name": "db", "key": "url"}}
    wanted = render(values).one("ConfigMap", f"{NAME}-init")["data"]["wanted.json"]
    assert "db_url: !env_var RECORDER_DB_URL" in wanted


def test_the_clusters_gateways_are_trusted_unless_others_are_named() -> None:
    def trusted(values: Values | None = None) -> str:
        return str(render(values).one("ConfigMap", f"{NAME}-init")["data"])

    assert '"proxies":["10.42.0.0/16"]' in trusted()
    named = {"homeAssistant": {"proxy": {"trusted": ["192.168.1.4/32"]}}}
    assert '"proxies":["192.168.1.4/32"]' in trusted(named)


@pytest.mark.parametrize(
    ("values", "kind", "port"),
    [
        ({"ingress": {"host": "ha.home", "className": "traefik"}}, "Ingress", 8123),
        (
            {"route": {"hosts": ["ha.home"], "gateway": {"name": "web"}}},
            "HTTPRoute",
            8123,
        ),
    ],
)
def test_it_is_shown_by_a_host_name(
    values: dict[str, Any], kind: str, port: int
) -> None:
    found = render({"homeAssistant": values}).one(kind, NAME)
    assert "ha.home" in str(found["spec"])
    assert str(port) in str(found["spec"])


def test_a_backup_can_be_laid_into_an_empty_configuration() -> None:
    values = {
        "homeAssistant": {
            "restore": {
                "existingClaim": "backups",
                "file": "old.tar",
                "passwordSecret": {"name": "backup-key"},
            }
        }
    }
    seed = pod(values)["initContainers"][0]
    assert {"/restore", "/restore-password"} <= {
        each["mountPath"] for each in seed["volumeMounts"]
    }
    wanted = render(values).one("ConfigMap", f"{NAME}-init")["data"]["wanted.json"]
    assert '"file":"/restore/old.tar"' in wanted
    assert "/restore" not in {
        each["mountPath"] for each in container(values)["volumeMounts"]
    }


def test_escape_hatches_are_merged_last() -> None:
    values = {
        "homeAssistant": {
            "podSpec": {"hostname": "ha"},
            "containerSpec": {"tty": True},
            "securityContext": {"runAsUser": 1000},
        }
    }
    assert pod(values)["hostname"] == "ha"
    assert container(values)["tty"] is True
    assert container(values)["securityContext"]["runAsUser"] == 1000


def test_elsewhere_means_an_account_and_no_home_assistant() -> None:
    home = render({"access": {"only": True}, "zones": {"kitchen": {}}})
    assert not home.of("StatefulSet") + home.of("PersistentVolumeClaim")
    assert home.one("ServiceAccount", NAME)["automountServiceAccountToken"] is False
    assert home.one("Role", NAME, "home-kitchen")
    assert home.names("ValidatingAdmissionPolicy")
