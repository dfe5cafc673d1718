"""What a device's values become."""

import json
from pathlib import Path
import shutil
from typing import Any, Final

import jsonschema
import pytest
import yaml

from .chart import CHART, PRESETS, Object, Rendered, light, render
from .houses import HOUSE, all_presets, preset

FOREVER: Final = [None, None]
WEB: Final = {"ports": {"web": {"port": 80}}, "health": {"tcp": "web"}}
VOLUME: Final = {"storage": {"data": {"path": "/d", "size": "1Gi"}}}
ANY: Final = "ghcr.io/me/any"
BROKER: Final = preset("mosquitto")["image"]
MOSQUITTO: Final = BROKER["repository"]
DIGEST: Final = f"sha256:{'0' * 64}"


@pytest.fixture(scope="module")
def house() -> Rendered:
    return render(HOUSE)


@pytest.fixture(scope="module")
def presets() -> Rendered:
    return render(all_presets())


def device(**values: Any) -> Object:
    """The workload of one device, its kind whatever it is."""
    given = {"image": "ghcr.io/me/any:1", **values}
    found = render({"devices": {"one": given}})
    (workload,) = [
        each for each, _ in found.pods() if each["metadata"]["name"] == "home-one"
    ]
    return workload


def pod(workload: Object) -> Object:
    return dict(workload["spec"]["template"]["spec"])


def patience(workload: Object) -> list[int | None]:
    """How long its pod bears the loss of a node."""
    return [each.get("tolerationSeconds") for each in pod(workload)["tolerations"]]


def test_nothing_that_others_scale_is_said(house: Rendered, presets: Rendered) -> None:
    for workload, _ in (*house.pods(), *presets.pods()):
        assert "replicas" not in workload["spec"]
        assert "suspend" not in workload["spec"]


def test_it_is_told_to_home_assistant(house: Rendered) -> None:
    metadata = house.one("Deployment", "home-drought")["metadata"]
    hints = {
        key.removeprefix("home-cluster.github.io/"): value
        for key, value in {**metadata["labels"], **metadata["annotations"]}.items()
        if key.startswith("home-cluster.github.io/")
    }
    assert hints == {
        "device": "true",
        "zone": "garden",
        "name": "Drought",
        "area": "Garden",
        "icon": "mdi:sprout",
        "model": "Container",
        "controls": "power",
        "chart-image": "ghcr.io/me/soil:1.2",
        "held": "true",
    }


def test_infrastructure_is_protected(presets: Rendered) -> None:
    found = presets.one("Deployment", "home-mosquitto")["metadata"]["annotations"]
    assert found["home-cluster.github.io/protected"] == "true"


def test_every_device_is_restricted_or_says_why_not(presets: Rendered) -> None:
    values = all_presets()["devices"]
    for workload, spec in presets.pods():
        name = workload["metadata"]["labels"]["app.kubernetes.io/component"]
        if name not in values or values[name]["zone"] != "restricted":
            continue
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        assert not spec.get("hostNetwork")
        for each in (*spec["containers"], *spec.get("initContainers", ())):
            assert each["securityContext"]["allowPrivilegeEscalation"] is False
            assert each["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        for volume in spec["volumes"]:
            assert volume.keys() & {
                *("configMap", "emptyDir", "persistentVolumeClaim"),
                *("projected", "secret"),
            }


def test_no_device_is_privileged_and_none_has_an_account_with_a_token(
    presets: Rendered,
) -> None:
    for workload, spec in presets.pods():
        assert spec["automountServiceAccountToken"] is False
        assert (
            spec["serviceAccountName"] != "default"
            and spec["enableServiceLinks"] is False
        )
        for each in (*spec["containers"], *spec.get("initContainers", ())):
            assert not each["securityContext"].get("privileged"), workload["metadata"]


def test_every_container_says_what_it_needs_and_is_pinned(presets: Rendered) -> None:
    for _, spec in presets.pods():
        for each in (*spec["containers"], *spec.get("initContainers", ())):
            assert each["resources"]["requests"].keys() >= {"cpu", "memory"}
            assert each["resources"]["limits"].keys() >= {"cpu", "memory"}
            tag = each["image"].rpartition("/")[2].partition(":")[2]
            assert tag not in ("", "latest")


@pytest.mark.parametrize(
    ("values", "pinned"),
    [
        ({}, False),
        ({"storage": {"d": {"path": "/d", "size": "1Gi"}}}, True),
        ({"storage": {"d": {"path": "/d", "existingClaim": "c"}}}, True),
        ({"storage": {"d": {"path": "/d", "nfs": {"server": "n", "path": "/"}}}}, 0),
        ({"storage": {"d": {"path": "/d", "emptyDir": True}}}, False),
        ({"usb": {"resource": "squat.ai/zigbee"}}, True),
        ({"usb": {"network": "tcp://192.168.1.20:6638"}}, False),
        ({"availability": "pinned"}, True),
        (
            {
                "storage": {"d": {"path": "/d", "size": "1Gi"}},
                "availability": "roaming",
            },
            False,
        ),
    ],
)
def test_a_device_with_something_of_its_own_waits_for_its_node_and_others_roam(
    values: dict[str, Any], pinned: bool
) -> None:
    assert patience(device(**values)) == (FOREVER if pinned else [60, 60])


@pytest.mark.parametrize(
    ("values", "strategy"),
    [
        ({}, "RollingUpdate"),
        ({"storage": {"d": {"path": "/d", "size": "1Gi"}}}, "Recreate"),
        ({"usb": {"resource": "squat.ai/zigbee"}}, "Recreate"),
        ({"ports": {"p": {"port": 80, "hostPort": 80}}}, "Recreate"),
        ({"hostNetwork": True}, "Recreate"),
    ],
)
def test_what_two_pods_would_fight_for_is_handed_over(
    values: dict[str, Any], strategy: str
) -> None:
    assert device(**values)["spec"]["strategy"]["type"] == strategy


@pytest.mark.parametrize(
    ("values", "spread"),
    [
        ({}, True),
        ({"autoscale": {"max": 3}}, True),
        ({"kind": "StatefulSet"}, True),
        ({"storage": {"d": {"path": "/d", "nfs": {"server": "n", "path": "/"}}}}, True),
        ({"storage": {"d": {"path": "/d", "size": "1Gi"}}}, False),
        ({"usb": {"resource": "squat.ai/zigbee"}}, False),
        ({"ports": {"p": {"port": 80, "hostPort": 80}}}, False),
        ({"hostNetwork": True}, False),
    ],
)
def test_what_can_be_doubled_is_spread_over_the_nodes(
    values: dict[str, Any], spread: bool
) -> None:
    workload = device(**values)
    one_a_node = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        # Where one node is left, all of them run there.
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": workload["spec"]["selector"],
    }
    assert pod(workload).get("topologySpreadConstraints", []) == [one_a_node] * spread


@pytest.mark.parametrize(
    ("wifi", "timeout", "failures", "seconds"),
    [
        ({}, 5, 6, 60),
        ({"probeTimeoutSeconds": 20}, 20, 6, 60),
        ({"livenessFailures": 30}, 5, 30, 60),
        ({"nodeLossSeconds": 600}, 5, 6, 600),
        ({"nodeLossSeconds": 0}, 5, 6, 0),
    ],
)
def test_the_house_says_how_patient_it_is_with_flaky_nodes(
    wifi: dict[str, int], timeout: int, failures: int, seconds: int
) -> None:
    image = {"image": "ghcr.io/me/any:1"}
    devices = {"roams": {**image, **WEB}, "waits": {**image, **VOLUME}}
    house = render({"wifi": wifi, "devices": devices})
    roams, waits = (
        house.one("Deployment", f"home-{name}") for name in ("roams", "waits")
    )
    (container,) = pod(roams)["containers"]
    probes = {
        kind: container[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness")
    }
    assert {each["timeoutSeconds"] for each in probes.values()} == {timeout}
    assert probes["liveness"]["failureThreshold"] == failures
    assert probes["readiness"]["failureThreshold"] == 3
    assert patience(roams) == [seconds, seconds]
    assert patience(waits) == FOREVER


def test_an_update_of_what_can_be_doubled_leaves_no_gap() -> None:
    assert device()["spec"]["strategy"]["rollingUpdate"] == {
        "maxSurge": 1,
        "maxUnavailable": 0,
    }


def test_a_schedule_makes_a_cron_job_that_never_runs_twice_at_once(
    house: Rendered,
) -> None:
    spec = house.one("CronJob", "home-nightly")["spec"]
    assert spec["schedule"] == "0 4 * * *"
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["jobTemplate"]["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert "home-nightly" not in house.names("Service")


def test_the_load_decides_how_many_and_one_may_always_be_missing(
    house: Rendered,
) -> None:
    scaler = house.one("HorizontalPodAutoscaler", "home-ears")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 3)
    assert scaler["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300
    budget = house.one("PodDisruptionBudget", "home-ears")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert house.names("PodDisruptionBudget") == {"home-ears"}


def test_one_pod_alone_has_no_budget_for_it_would_block_every_drain() -> None:
    values = {"image": "ghcr.io/me/any:1", "autoscale": {"max": 3}}
    assert not render({"devices": {"one": values}}).of("PodDisruptionBudget")


def test_a_stick_is_asked_for_and_told_to_the_program() -> None:
    container = pod(
        device(usb={"resource": "squat.ai/zigbee", "env": "SERIAL_PORT"}),
    )["containers"][0]
    assert container["resources"]["limits"]["squat.ai/zigbee"] == 1
    assert {"name": "SERIAL_PORT", "value": "/dev/zigbee"} in container["env"]
    assert "hostPath" not in str(device(usb={"resource": "squat.ai/zigbee"}))


def test_a_network_coordinator_is_told_to_the_program(house: Rendered) -> None:
    container = pod(house.one("Deployment", "home-zigbee"))["containers"][0]
    assert {"name": "SERIAL", "value": "tcp://192.168.1.20:6638"} in container["env"]


def test_the_stick_is_where_the_device_wants_it() -> None:
    values = {
        "usb": {"sticks": {"zigbee": "/dev/serial/by-id/usb-x"}},
        "devices": {
            "z": {
                "image": "a/b:1",
                "usb": {"resource": "squat.ai/zigbee", "mountPath": "/dev/ttyACM0"},
            }
        },
    }
    found = render(values)
    plugin = found.one("DaemonSet", "home-usb", "home-usb")
    assert '"mountPath":"/dev/ttyACM0"' in str(pod(plugin)["containers"][0]["args"])
    labels = found.one("Namespace", "home-usb")["metadata"]["labels"]
    assert labels["home-cluster.github.io/system"] == "true"


def test_volumes_are_kept_with_their_namespace_and_nas_folders_need_not_be(
    house: Rendered,
) -> None:
    def keeps(found: Object) -> bool:
        notes = found["metadata"].get("annotations") or {}
        return notes.get("helm.sh/resource-policy") == "keep"

    assert {
        each["metadata"]["name"]: keeps(each)
        for each in house.of("PersistentVolumeClaim")
    } == {
        "home-home-assistant-config": True,
        "home-mqtt-data": True,
        "home-zigbee-data": True,
        "home-jazz-music": False,
    }
    assert {
        each["metadata"]["name"]: keeps(each) for each in house.of("Namespace")
    } == {"home-garden": False, "home-lighting": True, "home-media": False}


def test_a_nas_folder_is_a_volume_so_that_the_zone_can_be_restricted(
    house: Rendered,
) -> None:
    volume = house.one("PersistentVolume", "home-media-home-jazz-music")["spec"]
    assert volume["nfs"] == {"server": "nas", "path": "/jazz", "readOnly": True}
    assert volume["persistentVolumeReclaimPolicy"] == "Retain"
    claim = house.one("PersistentVolumeClaim", "home-jazz-music")["spec"]
    assert (claim["volumeName"], claim["storageClassName"]) == (
        "home-media-home-jazz-music",
        "",
    )


def test_a_file_that_the_program_changes_is_laid_down_once() -> None:
    workload = device(
        storage={"d": {"path": "/data", "size": "1Gi"}},
        config={"a.yaml": {"path": "/data/a.yaml", "text": "x: 1", "seed": True}},
    )
    (init,) = pod(workload)["initContainers"]
    assert "[ -e '/data/a.yaml' ] ||" in init["command"][2]
    mounts = {
        each["mountPath"] for each in pod(workload)["containers"][0]["volumeMounts"]
    }
    assert mounts == {"/tmp", "/data"}  # noqa: S108


def test_a_changed_file_restarts_the_program() -> None:
    def sums(text: str) -> Any:
        workload = device(config={"a.conf": {"path": "/a.conf", "text": text}})
        return workload["spec"]["template"]["metadata"]["annotations"]

    assert sums("1") == sums("1")
    assert sums("1") != sums("2")


def test_secrets_come_from_secrets() -> None:
    workload = device(
        secrets={
            "files": {"existingSecret": "a", "path": "/run/secrets/a"},
            "words": {"existingSecret": "b", "env": {"PASSWORD": "pw"}},
        }
    )
    container = pod(workload)["containers"][0]
    assert container["env"] == [
        {
            "name": "PASSWORD",
            "valueFrom": {"secretKeyRef": {"name": "b", "key": "pw"}},
        }
    ]
    assert "/run/secrets/a" in {each["mountPath"] for each in container["volumeMounts"]}


def test_a_broker_with_users_asks_everybody_for_a_password() -> None:
    def config(**values: Any) -> str:
        found = render({"devices": {"mqtt": {"preset": "mosquitto", **values}}})
        return str(found.one("ConfigMap", "home-mqtt")["data"]["mosquitto.conf"])

    assert "allow_anonymous true" in config()
    with_users = config(secrets={"login": {"existingSecret": "mqtt-login"}})
    assert "allow_anonymous false" in with_users
    assert "password_file /mosquitto/login/passwd" in with_users


def test_every_preset_is_written_as_a_user_could_write_it() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    device = {**schema["$defs"]["device"], "$defs": schema["$defs"]}
    judge = jsonschema.Draft202012Validator(device)
    for name in PRESETS:
        judge.validate(preset(name))
        text = (CHART / f"presets/{name}.yaml").read_text()
        assert text.startswith("# "), "says first what the program is"


def test_the_external_secrets_operator_is_asked() -> None:
    values = {
        "image": "a/b:1",
        "secrets": {
            "login": {
                "externalSecret": {
                    "store": "bao",
                    "data": {"password": {"key": "home/mqtt", "property": "pw"}},
                },
                "path": "/run/secrets/login",
            }
        },
    }
    found = render({"devices": {"one": values}})
    spec = found.one("ExternalSecret", "home-one-login")["spec"]
    assert spec["data"] == [
        {
            "secretKey": "password",
            "remoteRef": {"key": "home/mqtt", "property": "pw"},
        }
    ]
    assert spec["target"]["name"] == "home-one-login"
    volumes = pod(found.one("Deployment", "home-one"))["volumes"]
    assert {"secretName": "home-one-login", "defaultMode": 0o440} in [
        each.get("secret") for each in volumes
    ]


def test_the_vaults_agent_runs_before_the_program_with_a_token_for_the_vault_only() -> (
    None
):
    values = {
        "vault": {"address": "https://vault.home:8200"},
        "devices": {
            "one": {
                "image": "a/b:1",
                "vault": {
                    "role": "one",
                    "files": {"pw": {"secret": "secret/data/one", "key": "pw"}},
                },
            }
        },
    }
    found = render(values)
    spec = pod(found.one("Deployment", "home-one"))
    (agent,) = spec["initContainers"]
    assert agent["args"][-1] == "-exit-after-auth"
    volumes = {each["name"]: each for each in spec["volumes"]}
    token = volumes["vault-token"]["projected"]["sources"][0]["serviceAccountToken"]
    assert token["audience"] == "vault"
    assert volumes["vault-secrets"]["emptyDir"]["medium"] == "Memory"
    assert "vault-token" not in str(spec["containers"])
    config = found.one("ConfigMap", "home-one-vault")["data"]["agent.hcl"]
    assert 'address = "https://vault.home:8200"' in config
    assert '[[ with secret \\"secret/data/one\\" ]]' in config


def test_what_the_vault_refuses_ends_the_agent_and_another_wish_restarts_the_device() -> (
    None
):
    def one(role: str) -> Rendered:
        wanted = {"role": role, "files": {"pw": {"secret": "secret/x", "key": "pw"}}}
        return render(
            {
                "vault": {"address": "https://vault.home:8200"},
                "devices": {"one": {"image": "a/b:1", "vault": wanted}},
            }
        )

    def checksum(house: Rendered) -> str:
        template = house.one("Deployment", "home-one")["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/vault"])

    config = one("x").one("ConfigMap", "home-one-vault")["data"]["agent.hcl"]
    assert "exit_on_err = true" in config
    assert "exit_on_retry_failure = true" in config
    assert checksum(one("x")) == checksum(one("x")) != checksum(one("y"))


def test_the_vault_of_the_house_may_ask_whether_a_token_is_genuine() -> None:
    found = render(
        {"vault": {"device": "safe"}, "devices": {"safe": {"preset": "vault"}}}
    )
    role = found.one("ClusterRole", "home-vault")
    assert role["rules"] == [
        {
            "apiGroups": ["authentication.k8s.io"],
            "resources": ["tokenreviews"],
            "verbs": ["create"],
        }
    ]
    (subject,) = found.one("ClusterRoleBinding", "home-vault")["subjects"]
    assert (subject["name"], subject["namespace"]) == ("home-safe", "home")
    (container,) = pod(found.one("Deployment", "home-safe"))["containers"]
    assert "/var/run/secrets/kubernetes.io/serviceaccount" in {
        each["mountPath"] for each in container["volumeMounts"]
    }


def test_escape_hatches_are_merged_last() -> None:
    workload = device(
        podSpec={"hostname": "x", "terminationGracePeriodSeconds": 5},
        containerSpec={"stdin": True, "securityContext": {"runAsUser": 1}},
    )
    assert pod(workload)["hostname"] == "x"
    assert pod(workload)["terminationGracePeriodSeconds"] == 5
    (container,) = pod(workload)["containers"]
    assert container["stdin"] is True
    assert container["securityContext"]["runAsUser"] == 1
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_a_profile_says_where_it_runs() -> None:
    values = {
        "nodeProfiles": {
            "corner": {
                "nodeSelector": {"kubernetes.io/hostname": "pi-hall"},
                "arch": ["arm64"],
            }
        },
        "devices": {"one": {"image": "a/b:1", "nodeProfile": "corner"}},
    }
    assert pod(render(values).one("Deployment", "home-one"))["nodeSelector"] == {
        "kubernetes.io/hostname": "pi-hall",
        "kubernetes.io/arch": "arm64",
    }


def test_who_matters_more_stays_longer() -> None:
    house = render(
        {
            "devices": {
                "pump": {"image": "a/b:1", "priority": "essential"},
                "jazz": {"image": "a/b:1", "priority": "comfort"},
            }
        }
    )
    weights = {
        each["metadata"]["name"]: each["value"] for each in house.of("PriorityClass")
    }
    pump, jazz = (
        weights[pod(house.one("Deployment", f"home-{name}"))["priorityClassName"]]
        for name in ("pump", "jazz")
    )
    assert pump > jazz


def test_null_takes_a_presets_entry_away() -> None:
    found = render(
        {"devices": {"mqtt": {"preset": "mosquitto", "storage": {"data": None}}}}
    )
    assert found.names("PersistentVolumeClaim") == {"home-home-assistant-config"}


@pytest.mark.parametrize(
    ("given", "rendered"),
    [({"sizeLimit": "64Mi"}, {"sizeLimit": "64Mi"}), ({}, {"medium": ""})],
)
def test_who_says_where_a_volume_comes_from_says_it_instead_of_the_preset(
    given: dict[str, str], rendered: dict[str, str]
) -> None:
    found = render(
        {
            "devices": {
                "mqtt": {
                    "preset": "mosquitto",
                    "storage": {"data": {"emptyDir": given}},
                }
            }
        }
    )
    volumes = pod(found.one("Deployment", "home-mqtt"))["volumes"]
    assert {"name": "storage-data", "emptyDir": rendered} in volumes
    assert "home-mqtt-data" not in found.names("PersistentVolumeClaim")


def test_a_newer_tag_needs_not_be_the_presets_image() -> None:
    found = render(
        {"devices": {"mqtt": {"preset": "mosquitto", "image": {"tag": "9.9"}}}}
    )
    container = pod(found.one("Deployment", "home-mqtt"))["containers"][0]
    assert container["image"] == "docker.io/library/eclipse-mosquitto:9.9"


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ({"image": f"{ANY}:1@{DIGEST}"}, f"{ANY}:1@{DIGEST}"),
        ({"image": f"{ANY}@{DIGEST}"}, f"{ANY}@{DIGEST}"),
        ({"image": f"nas:5000/any:1@{DIGEST}"}, f"nas:5000/any:1@{DIGEST}"),
        (
            {"image": {"repository": ANY, "tag": "1", "digest": DIGEST}},
            f"{ANY}:1@{DIGEST}",
        ),
        ({"image": {"repository": ANY, "digest": DIGEST}}, f"{ANY}@{DIGEST}"),
        (
            {"preset": "mosquitto", "image": {"tag": "9.9", "digest": DIGEST}},
            f"{MOSQUITTO}:9.9@{DIGEST}",
        ),
    ],
)
def test_a_digest_says_which_image_to_the_last_bit(
    values: dict[str, Any], image: str
) -> None:
    workload = render({"devices": {"one": values}}).one("Deployment", "home-one")
    assert pod(workload)["containers"][0]["image"] == image
    notes = workload["metadata"]["annotations"]
    assert notes["home-cluster.github.io/chart-image"] == image
    # checkov's rule about digests is followed.
    assert "CKV_K8S_43" not in str(notes)


@pytest.mark.parametrize(
    ("given", "image"),
    [
        ({}, f"{MOSQUITTO}:{BROKER['tag']}@{DIGEST}"),
        ({"image": {"tag": "9.9"}}, f"{MOSQUITTO}:9.9"),
    ],
)
def test_a_presets_digest_goes_with_its_tag(
    tmp_path: Path, given: dict[str, Any], image: str
) -> None:
    chart = Path(shutil.copytree(light(), tmp_path / CHART.name, symlinks=True))
    file = chart / "presets/mosquitto.yaml"
    pinned = {**preset("mosquitto"), "image": {**BROKER, "digest": DIGEST}}
    file.write_text(yaml.safe_dump(pinned))
    values = {"devices": {"mqtt": {"preset": "mosquitto", **given}}}
    workload = render(values, chart=chart).one("Deployment", "home-mqtt")
    assert pod(workload)["containers"][0]["image"] == image


def test_a_disabled_device_is_not_there() -> None:
    assert not render(
        {"devices": {"mqtt": {"preset": "mosquitto", "enabled": False}}}
    ).of("Deployment")
