"""What becomes of devices with their machines, on a real cluster: the tests are told in order.

The power of the last node is cut when the house begins, and looked at after what takes place on the first.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pytest

from story import home
from story.steps.actions import refused
from story.steps.nodes import evictable
from story.witness import Workload
from testbed import faults
from testbed.cluster import Cluster
from testbed.house_flow import walk
from testbed.images import (
    ARCHITECTURES,
    device_image,
    foreign_architecture,
    host_architecture,
)
from testbed.layout import REGISTRY
from testbed.registry import RegistryClient

from .household import (
    ZONE,
    Content,
    Household,
    at_home,
    deployment,
    inhabited,
    manifest,
)

pytestmark = pytest.mark.timeout(300)

FREEZER: Final = deployment("freezer")
FAN: Final = deployment("fan")
THERMOSTAT: Final = deployment("thermostat")
LATHE: Final = deployment("lathe")
SAW: Final = deployment("saw")

CLAIM: Final = "ice"
VOLUME: Final = "workshop-ice"
BUDGET: Final = "the-lathe-turns"
IMAGE: Final = "home/thermostat"
OLD, NEW, ELSEWHERE = "v1.0.0", "v1.1.0", "v1.2.0"
LOSSES: Final = 2


@pytest.fixture(scope="module")
def household(
    running_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Household]:
    """A house whose last node has just lost its power, with a freezer's volume on it."""
    cluster = running_cluster
    with inhabited(cluster, tmp_path_factory.mktemp("house")) as household:
        node = back(household).name
        household.later.callback(
            cluster.kubectl, "delete", "-f", str(home.RBAC / "nodes.yaml")
        )
        household.later.callback(faults.remove_small_volume, cluster, node, VOLUME)
        household.later.callback(cluster.kubectl, "uncordon", node)
        household.later.callback(faults.power_on, cluster)
        faults.small_volume(cluster, node, VOLUME)
        push(OLD)
        push(NEW)
        push(ELSEWHERE, [foreign_architecture()])
        cluster.apply([*home.node_rights(), *devices(household)])
        household.run(move_in(household))
        yield household


def back(household: Household) -> Workload:
    """The node that things happen to."""
    return Workload("Node", "", household.cluster.node_names()[-1])


def push(version: str, architectures: Sequence[str] = ARCHITECTURES) -> None:
    """Have the registry offer a version of the thermostat."""
    with RegistryClient(REGISTRY) as client:
        image = device_image(THERMOSTAT.name, version, architectures)
        client.push(f"{IMAGE}:{version}", image)


def devices(household: Household) -> list[Content]:
    """On the first node a fan and a thermostat; all others on the last, where the freezer must be."""
    front = {
        "nodeSelector": {"kubernetes.io/hostname": household.cluster.node_names()[0]}
    }
    small = {"resources": {"requests": {"cpu": "10m"}}}
    return [
        claim(),
        freezer(),
        manifest(FAN.name, container=small, pod=front),
        scaler(),
        manifest(THERMOSTAT.name, image=f"{REGISTRY}/{IMAGE}:{OLD}", pod=front),
        *(manifest(one.name, pod=preferring(back(household))) for one in (LATHE, SAW)),
    ]


def preferring(node: Workload) -> Content:
    """Pods that are there if they can."""
    here = {
        "key": "kubernetes.io/hostname",
        "operator": "In",
        "values": [node.name],
    }
    wish = {"weight": 100, "preference": {"matchExpressions": [here]}}
    wishes = {"preferredDuringSchedulingIgnoredDuringExecution": [wish]}
    return {"affinity": {"nodeAffinity": wishes}}


def claim() -> Content:
    """The claim of the volume on the last node."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": CLAIM, "namespace": ZONE},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "",
            "volumeName": VOLUME,
            "resources": {"requests": {"storage": "8Mi"}},
        },
    }


def freezer() -> Content:
    """A device with that volume, which is to run elsewhere as soon as its node is lost."""
    lost = {
        "key": "node.kubernetes.io/unreachable",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 1,
    }
    volume = {"name": CLAIM, "persistentVolumeClaim": {"claimName": CLAIM}}
    return manifest(
        FREEZER.name,
        container={"volumeMounts": [{"name": CLAIM, "mountPath": "/ice"}]},
        pod={"volumes": [volume], "tolerations": [lost]},
    )


def scaler() -> Content:
    """The fan's autoscaler, which wants two of it whatever they use."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": FAN.name, "namespace": ZONE},
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": FAN.name,
            },
            "minReplicas": 2,
            "maxReplicas": 3,
        },
    }


def budget() -> Content:
    """A budget that lets no lathe go."""
    labels = {"app.kubernetes.io/name": LATHE.name}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": BUDGET, "namespace": ZONE},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": labels}},
    }


async def move_in(household: Household) -> None:
    """Connect, ask to be told of the second loss of a node, and have the last lose its power."""
    inside = household.inside
    await household.open()
    options = {
        "mode": "namespaces",
        "namespaces": [ZONE],
        "metrics_interval": 60,
        "node_losses": LOSSES,
    }
    result = await walk(
        inside.house, {"init": options}, handler=inside.entry_id, options=True
    )
    assert result["type"] == "create_entry"
    await inside.until("the entry is loaded", inside.loaded)
    for workload in (FREEZER, THERMOSTAT, LATHE, SAW):
        # What a kubelet could not mount at once it tries again after a while.
        await inside.until_said(workload, "status", "running", timeout=150)
    await asyncio.to_thread(faults.power_cut, household.cluster, back(household).name)


# On the first node.


@at_home
async def test_a_version_that_only_other_machines_can_run_is_passed_over(
    household: Household,
) -> None:
    """The one before is offered; the newest is, too, once it is built for these machines."""
    inside, witness = household.inside, household.stage.witness
    nodes: Any = await witness.ask(witness.core.list_node)
    assert {node.status.node_info.architecture for node in nodes.items} == {
        host_architecture()
    }
    update = {"entity_id": inside.entity(THERMOSTAT, "update")}
    await inside.house.service("homeassistant.update_entity", update)
    await inside.until_said(THERMOSTAT, "update", "on", timeout=30)
    told = inside.attributes(THERMOSTAT, "update")
    assert (told["latest_version"], told["passed_over"]) == (NEW, ELSEWHERE)
    await inside.house.service("update.install", update)
    found = await witness.read(THERMOSTAT)
    image = found.spec.template.spec.containers[0].image
    assert image == f"{REGISTRY}/{IMAGE}:{NEW}"
    await inside.until_said(THERMOSTAT, "update", "off", timeout=30)

    await asyncio.to_thread(push, ELSEWHERE)
    await inside.house.service("homeassistant.update_entity", update)
    await inside.until_said(THERMOSTAT, "update", "on", timeout=30)
    told = inside.attributes(THERMOSTAT, "update")
    assert (told["latest_version"], told.get("passed_over")) == (ELSEWHERE, None)


@at_home
async def test_an_autoscaler_that_undoes_a_count_is_named_with_its_mend(
    household: Household,
) -> None:
    """While it scales no count is taken; one that is set while it rests it sets back, until it is mended."""
    inside, witness = household.inside, household.stage.witness
    fan = {"entity_id": inside.entity(FAN, "power")}
    await inside.until_ready(FAN, 2)
    sentence = await refused(inside, "home_cluster.scale", fan, replicas=1)
    assert "Change the limits of the autoscaler instead" in sentence
    assert await witness.desired(FAN) == 2

    await inside.switch(FAN, on=False)
    assert await witness.desired(FAN) == 0
    await inside.house.service("home_cluster.scale", fan, replicas=1)
    issue = await household.until_repair("undone_by_autoscaler")
    assert await witness.desired(FAN) == 2
    words = issue["translation_placeholders"]
    assert (words["device"], words["owner"]) == (FAN.name, FAN.name)
    assert words["object"] == f"Deployment {ZONE}/{FAN.name}"
    await inside.until_said(FAN, "reason", "undone_by_owner", timeout=60)
    # Else the first of two that is ready would pass for the one that is left.
    await inside.until_ready(FAN, 2)
    mend = words["change"].removeprefix("```yaml\n").removesuffix("\n```")
    await asyncio.to_thread(
        household.cluster.kubectl,
        *("apply", "--server-side", "--force-conflicts", "-f", "-"),
        text=mend,
    )
    await inside.until_ready(FAN, 1, timeout=30)
    assert await witness.desired(FAN) == 1


# On the last node.


@at_home
async def test_a_volume_on_a_lost_node_is_named_until_the_node_is_back(
    household: Household,
) -> None:
    """The device could run elsewhere, but not without what is on it."""
    inside, witness = household.inside, household.stage.witness
    node, volume = back(household), f"volume_{CLAIM}"
    await inside.until_said(FREEZER, "reason", "volume_on_lost_node", timeout=90)
    assert await witness.node_ready(node.name) == "Unknown"
    told = inside.attributes(FREEZER, "problem")
    assert (
        f"its volume {CLAIM} lies on node {node.name}, which is lost" in told["message"]
    )
    assert told["advice"].startswith(f"Bring node {node.name} back")
    assert inside.said(FREEZER, volume) == "on_lost_node"
    assert inside.attributes(FREEZER, volume)["node"] == node.name
    assert inside.said(node, "connected") == "off"
    staying = [pod for pod in await witness.pods(FREEZER) if not pod.ending]
    assert [pod.node for pod in staying] == [""]

    await asyncio.to_thread(faults.power_on, household.cluster)
    await inside.until_said(FREEZER, "status", "running", timeout=60)
    await inside.until_said(FREEZER, volume, "bound", timeout=10)
    staying = [pod for pod in await witness.pods(FREEZER) if not pod.ending]
    assert [(pod.node, pod.ready) for pod in staying] == [(node.name, True)]
    await inside.switch(FREEZER, on=False)


@at_home
async def test_a_node_that_comes_and_goes_raises_a_repair(household: Household) -> None:
    """It had no power before; now its kubelet ends: as many losses as the options say."""
    cluster, inside = household.cluster, household.inside
    node = back(household)
    await inside.until_said(node, "connected", "on", timeout=10)
    assert await household.repair("flailing_node") is None
    await asyncio.to_thread(cluster.node(node.name).stop, "kubelet")
    issue = await household.until_repair("flailing_node", timeout=60)
    assert await household.stage.witness.node_ready(node.name) == "Unknown"
    words = issue["translation_placeholders"]
    assert (words["node"], words["times"]) == (node.name, str(LOSSES))
    await asyncio.to_thread(faults.power_on, cluster)
    await inside.until_said(node, "connected", "on", timeout=10)


# Emptying it.


async def press_drain(household: Household) -> None:
    """Press the button, and wait until of all pods only the lathe's is left, which may not go."""
    inside, node = household.inside, back(household)
    (lathe,) = await household.stage.witness.pods(LATHE)
    button = {"entity_id": inside.entity(node, "drain")}
    await inside.house.service("button.press", button)
    rule = f"{ZONE}/{lathe.name}: the disruption budget {BUDGET} forbids it"

    async def blocked() -> bool:
        told = drain_told(household)
        return told.get("remaining") == 1 and any(
            line.startswith(rule) for line in told["blocked"]
        )

    await inside.until("only the lathe is left", blocked, timeout=30)
    assert drain_told(household)["drain"] == "draining"
    assert inside.said(node, "schedulable") == "off"
    assert await closed(household)
    assert await evictable(household.stage, node.name) == {f"{ZONE}/{lathe.name}"}


def drain_told(household: Household) -> Mapping[str, Any]:
    """What the node's switch says."""
    return household.inside.attributes(back(household), "schedulable")


async def closed(household: Household) -> bool:
    """Whether the node takes no pods, as the witness sees it."""
    witness = household.stage.witness
    node: Any = await witness.ask(witness.core.read_node, back(household).name)
    return bool(node.spec.unschedulable)


@at_home
async def test_who_opens_a_node_ends_its_drain(household: Household) -> None:
    """Until then no other begins; who may go has gone."""
    cluster, inside, witness = (
        household.cluster,
        household.inside,
        household.stage.witness,
    )
    node = back(household)
    for workload in (LATHE, SAW):
        await inside.until_said(workload, "status", "running", timeout=60)
    before = await household.pods(SAW)
    assert {pod.node for one in (LATHE, SAW) for pod in await witness.pods(one)} == {
        node.name
    }
    await asyncio.to_thread(cluster.apply, budget())
    await press_drain(household)
    assert drain_told(household)["evicted"] >= 1
    button = {"entity_id": inside.entity(node, "drain")}
    sentence = await refused(inside, "button.press", button)
    assert f"{node.name} is being drained already" in sentence
    await inside.house.service(
        "switch.turn_on", {"entity_id": inside.entity(node, "schedulable")}
    )
    await inside.until_said(node, "schedulable", "on", timeout=5)
    assert "drain" not in drain_told(household)
    assert not await closed(household)
    await inside.until_said(SAW, "status", "running", timeout=60)
    assert not await household.pods(SAW) & before


@at_home
async def test_a_drain_goes_on_by_itself_when_its_budget_is_gone(
    household: Household,
) -> None:
    """The node stays closed until it is opened, and no repair speaks of it."""
    cluster, inside = household.cluster, household.inside
    node = back(household)
    await press_drain(household)
    await asyncio.to_thread(cluster.kubectl, "delete", "pdb", BUDGET, "-n", ZONE)

    async def drained() -> bool:
        return str(drain_told(household)["drain"]) == "drained"

    await inside.until("the end of the drain", drained, timeout=30)
    told = drain_told(household)
    assert (told["evicted"], told["remaining"], told["blocked"]) == (1, 0, [])
    assert inside.said(node, "schedulable") == "off"
    assert await closed(household)
    assert await evictable(household.stage, node.name) == set()
    assert await household.repair("drain_blocked") is None
    await inside.until_said(LATHE, "status", "running", timeout=60)
    await inside.house.service(
        "home_cluster.uncordon", {"entity_id": inside.entity(node, "connected")}
    )
    await inside.until_said(node, "schedulable", "on", timeout=5)
    assert "drain" not in drain_told(household)
    assert not await closed(household)


@at_home
async def test_the_log_holds_nothing_against_it(household: Household) -> None:
    """No warning and no error of all this."""
    assert household.inside.house.complaints() == []
