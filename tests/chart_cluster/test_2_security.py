"""The walls of a house by the chart: rights, admission policies, networks, Pod Security."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
from threading import Thread
from typing import Any, Final, override

import pytest

from testbed.chart_home import ASSISTANT, NAMESPACE, RELEASE
from testbed.errors import TestbedError
from testbed.network import BRIDGE, HOST
from testbed.system import run, wait_until
from tests.chart.chart import render
from tests.rights import NEVER_GIVEN, Right, may, placed

from .account import Account, given, unheld_bindings
from .visit import ACCOUNT, ZONES, Visit

pytestmark = pytest.mark.timeout(300)


def in_places(rights: Iterable[Right]) -> list[Right]:
    """The rights, those of a zone once for every zone."""
    return sorted({placed(one, ACCOUNT, zone) for one in rights for zone in ZONES})


def test_the_account_may_do_what_was_asked_for(visit: Visit) -> None:
    """Each word of `control` in every namespace with devices, and what is for the whole cluster."""
    rights = given(render(visit.values))
    places = {place for (*_, place), _ in rights}
    assert places == {NAMESPACE, *ZONES, "kube-system", ""}
    assert [one for one in rights if not may(visit.cluster, ACCOUNT, *one)] == []


def test_and_nothing_else(visit: Visit) -> None:
    """A sample of what would hurt."""
    rights = in_places(NEVER_GIVEN)
    assert [one for one in rights if may(visit.cluster, ACCOUNT, one)] == []


def test_a_word_that_is_taken_back_takes_its_rights_along(visit: Visit) -> None:
    """Rendered by the same templates, asked of the real API server."""
    rights = {
        "restart": ("create", "", "pods/eviction", "home-media"),
        "run": ("create", "batch", "jobs", "home-media"),
    }
    before = visit.values["integration"]
    visit.values["integration"] = {
        **before,
        "control": ["power", "replicas", "update"],
        "maintainNodes": False,
    }
    try:
        visit.upgrade()
        for right in rights.values():
            assert not may(visit.cluster, ACCOUNT, right)
        assert may(
            visit.cluster, ACCOUNT, ("patch", "apps", "deployments/scale", "home-media")
        )
    finally:
        visit.values["integration"] = before
        visit.upgrade()
    for right in rights.values():
        assert may(visit.cluster, ACCOUNT, right)


# --- the network


def reaches(visit: Visit, component: str, namespace: str, url: str) -> bool:
    """Whether a device's pod gets an answer."""
    (pod,) = visit.pods(component, namespace)
    name = pod["metadata"]["name"]
    said = visit.exec(name, namespace, "/device", "get", url, "2")
    assert said, f"{component} cannot try"
    return "{" in said


def home_assistant_reaches(visit: Visit, url: str) -> bool:
    """Whether Home Assistant's pod gets an answer."""
    said = visit.exec(
        *(f"{ASSISTANT}-0", NAMESPACE, "python3", "-c"),
        f"import urllib.request; print(urllib.request.urlopen('{url}', timeout=5).status)",
    )
    return said.strip() == "200"


def address(visit: Visit, component: str, namespace: str) -> str:
    """A device's own address, past its Service."""
    (pod,) = visit.pods(component, namespace)
    return f"http://{pod['status']['podIP']}:8080/"


def test_home_assistant_reaches_all_its_devices(visit: Visit) -> None:
    """By their names."""
    for name, zone in (("lamp", "lighting"), ("broker", "lighting"), ("jazz", "media")):
        url = f"http://home-{name}.home-{zone}.svc.cluster.local:8080/healthz"
        assert home_assistant_reaches(visit, url), url


def test_what_connects_is_connected_and_no_more(visit: Visit) -> None:
    """Jazz named the broker; nobody named jazz or the lamp."""
    broker = "http://home-broker.home-lighting.svc.cluster.local:8080/"
    wait_until(
        "The way from jazz to the broker",
        lambda: reaches(visit, "jazz", "home-media", broker),
        seconds=20,
        every=0.5,
    )
    jazz = address(visit, "jazz", "home-media")
    lamp = address(visit, "lamp", "home-lighting")
    assert not reaches(visit, "lamp", "home-lighting", jazz)
    assert not reaches(visit, "broker", "home-lighting", jazz)
    assert not reaches(visit, "jazz", "home-media", lamp)
    # Neighbours of one zone have a wall between them, too.
    assert not reaches(visit, "lamp", "home-lighting", broker)


# An address of the ranges for documentation: nobody's, and in no house.
INTERNET: Final = "203.0.113.1"


class Greeter(BaseHTTPRequestHandler):
    """Answers whoever gets through."""

    def do_GET(self) -> None:
        """Give a little JSON."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


@contextmanager
def the_world() -> Iterator[tuple[str, str]]:
    """One server beside the cluster: how it is called on the internet, and how on the LAN."""
    # It goes with the bridge, should this process not live to take it away.
    run("ip", "addr", "add", f"{INTERNET}/32", "dev", BRIDGE)
    try:
        with ThreadingHTTPServer(("", 0), Greeter) as server:
            thread = Thread(target=server.serve_forever)
            thread.start()
            try:
                port = server.server_port
                yield f"http://{INTERNET}:{port}/", f"http://{HOST}:{port}/"
            finally:
                server.shutdown()
                thread.join()
    finally:
        run("ip", "addr", "del", f"{INTERNET}/32", "dev", BRIDGE)


DEVICES: Final = (
    ("lamp", "home-lighting"),
    ("broker", "home-lighting"),
    ("jazz", "home-media"),
)


def test_only_who_may_reaches_the_internet_and_nobody_the_lan(visit: Visit) -> None:
    """The lamp by its zone; the broker of that zone is denied, and so is jazz by its own."""
    zones, devices = visit.values["zones"], visit.values["devices"]

    def reaching(url: str) -> set[str]:
        return {name for name, zone in DEVICES if reaches(visit, name, zone, url)}

    with the_world() as (internet, lan):
        for url in (internet, lan):
            assert home_assistant_reaches(visit, url), url
        assert reaching(internet) == set()
        visit.values["zones"] = {**zones, "lighting": {"internet": "allow"}}
        visit.values["devices"] = {
            **devices,
            "broker": {**devices["broker"], "internet": "deny"},
        }
        try:
            visit.upgrade()
            wait_until(
                "The lamp's way out",
                lambda: reaches(visit, "lamp", "home-lighting", internet),
                seconds=30,
                every=1,
            )
            assert reaching(internet) == {"lamp"}
            assert reaching(lan) == set()
        finally:
            visit.values.update(zones=zones, devices=devices)
            visit.upgrade()
        wait_until(
            "The end of the lamp's way out",
            lambda: not reaching(internet),
            seconds=30,
            every=1,
        )


GUEST = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "guest"},
    "spec": {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "guest",
                "image": "192.168.244.1:5000/home/camera:v1.0.0",
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ],
    },
}


@pytest.mark.parametrize("namespace", ["home-media", "default"])
def test_a_guest_reaches_nothing(visit: Visit, namespace: str) -> None:
    """Neither from within a zone nor from beside it; within one not even names."""
    guest: dict[str, Any] = json.loads(json.dumps(GUEST))
    guest["metadata"]["namespace"] = namespace
    visit.cluster.apply(guest)
    try:
        visit.cluster.kubectl(
            *("wait", "--for=condition=Ready", "pod/guest", "-n", namespace),
            "--timeout=60s",
        )
        own = json.loads(
            visit.cluster.kubectl("get", "pod", "guest", "-n", namespace, "-o", "json")
        )
        assert own["status"]["podIP"]
        house = f"http://{address_of_assistant(visit)}:8123/manifest.json"
        addresses = [
            address(visit, "jazz", "home-media"),
            address(visit, "lamp", "home-lighting"),
            address(visit, "broker", "home-lighting"),
            house,
        ]
        if namespace != "default":
            addresses.append("http://192.168.244.1:5000/v2/")
            addresses.append("https://10.43.0.1/readyz")
        # The controller takes a moment to hear of a new pod.
        wait_until(
            "The walls around the guest",
            lambda: not any(got(visit, namespace, url) for url in addresses),
            seconds=30,
            every=1,
        )
        for url in addresses:
            assert not got(visit, namespace, url), url
    finally:
        visit.cluster.kubectl(
            "delete", "pod", "guest", "-n", namespace, "--grace-period=0", "--force"
        )


def got(visit: Visit, namespace: str, url: str) -> bool:
    """Whether the guest gets any answer at all; the policy controller refuses or stays silent."""
    said = visit.exec("guest", namespace, "/device", "get", url, "1.5")
    assert said, "the guest cannot try"
    return not any(word in said for word in ("deadline", "timeout", "refused"))


def address_of_assistant(visit: Visit) -> str:
    """Home Assistant's own address."""
    (pod,) = visit.pods("home-assistant", NAMESPACE)
    return str(pod["status"]["podIP"])


# --- Pod Security and policies


@pytest.mark.parametrize("zone", ZONES)
def test_a_zone_takes_no_pod_with_special_rights(visit: Visit, zone: str) -> None:
    """Whoever made it."""
    pod: dict[str, Any] = json.loads(json.dumps(GUEST))
    pod["metadata"] = {"name": "intruder", "namespace": zone}
    pod["spec"]["hostNetwork"] = True
    pod["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    with pytest.raises(TestbedError, match="PodSecurity|violates"):
        visit.cluster.apply(pod)


def test_every_binding_has_its_policy(visit: Visit) -> None:
    """And every policy is understood by this API server."""
    assert unheld_bindings(visit.cluster) == []


def test_a_binding_without_its_policy_is_noticed(
    visit: Visit, account: Account
) -> None:
    """Without it the account could change everything of a workload."""
    lamp = "/apis/apps/v1/namespaces/home-lighting/deployments/home-lamp"
    harm = {"spec": {"template": {"spec": {"hostNetwork": True}}}}
    assert account.patch(lamp, harm)[0] == 422
    assert unheld_by_repair(visit) == []
    visit.cluster.kubectl("delete", "validatingadmissionpolicy", "home-patch")
    try:
        assert unheld_bindings(visit.cluster) == ["home-patch: no policy home-patch"]
        wait_until(
            "The door to stand open",
            lambda: account.patch(lamp, harm)[0] == 200,
            seconds=30,
            every=0.5,
        )
        look(visit)
        wait_until(
            "The repair",
            lambda: (
                unheld_by_repair(visit)
                == ["`patch deployments`, `patch statefulsets`, `patch cronjobs`"]
            ),
            seconds=60,
            every=1,
            seen=lambda: str(unheld_by_repair(visit)),
        )
    finally:
        visit.upgrade()
    assert unheld_bindings(visit.cluster) == []
    wait_until(
        "The door to be shut", lambda: account.patch(lamp, harm)[0] == 422, seconds=30
    )
    look(visit)
    wait_until(
        "The repair's end", lambda: unheld_by_repair(visit) == [], seconds=60, every=1
    )


def look(visit: Visit) -> None:
    """Have Home Assistant look at its account now, and not within five minutes."""
    entry = visit.entry()["entry_id"]
    visit.call(
        "call_service",
        domain="homeassistant",
        service="reload_config_entry",
        service_data={"entry_id": entry},
    )
    visit.entry()


def unheld_by_repair(visit: Visit) -> list[str]:
    """What the repair names that no policy holds."""
    issues = visit.call("repairs/list_issues")["issues"]
    return [
        issue["translation_placeholders"]["unheld"]
        for issue in issues
        if issue["translation_key"] == "unheld"
    ]


# --- what the notes warn of

SERVER: Final[dict[str, Any]] = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {
        "name": "pi-server",
        "labels": {"node-role.kubernetes.io/control-plane": "true"},
    },
    "spec": {"taints": [{"key": "nobody", "value": "here", "effect": "NoSchedule"}]},
    "status": {"nodeInfo": {"kubeletVersion": "v1.37.2+k3s1"}},
}


def test_the_notes_know_whether_k3s_encrypts_secrets(visit: Visit) -> None:
    """By what it writes on a server: nothing, or a stage with the hash of its keys."""
    path = f"/api/v1/nodes/{SERVER['metadata']['name']}"
    warned = {}
    visit.cluster.api.create("/api/v1/nodes", SERVER)
    try:
        for stage in ("", "start", "reencrypt_finished"):
            written = f"{stage}-{'0' * 64}" if stage else None
            annotations = {"k3s.io/encryption-config-hash": written}
            visit.cluster.api.patch(path, {"metadata": {"annotations": annotations}})
            said = visit.home.helm.upgrade(
                RELEASE, visit.values, "--dry-run=server"
            ).partition("NOTES:")[2]
            assert "Home Assistant is starting" in said
            warned[stage] = "Secrets lie unencrypted" in said
    finally:
        visit.cluster.api.delete(path)
    assert warned == {"": True, "start": False, "reencrypt_finished": False}
