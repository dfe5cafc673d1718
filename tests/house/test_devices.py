"""What Home Assistant makes of a real cluster, as one house: the tests are told in order.

Those that have to wait for long begin with the house, and are looked at last.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
import yaml

from story import home
from story.inside import Inside
from story.steps.actions import ask, refused
from story.steps.parts import job_manifest
from story.witness import Workload
from testbed.api import Api
from testbed.cabin import Cabin
from testbed.cluster import Cluster
from testbed.home import Home
from testbed.house_flow import walk
from testbed.house_socket import HouseError
from testbed.layout import REGISTRY
from testbed.system import wait_until

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

STICK: Final = "squat.ai/zigbee"
HOLDER: Final = deployment("zigbee-old")
WAITING: Final = deployment("zigbee-new")
LAMP: Final = deployment("lamp")
FAN: Final = deployment("fan")
STOVE: Final = deployment("stove")
KETTLE: Final = deployment("kettle")
OVEN: Final = deployment("oven")
SWEEPER: Final = Workload("CronJob", ZONE, "sweeper")

DOOR: Final = "binary_sensor.kettle_lid"
LIGHT: Final = "light.hall"
LOW: Final = "sensor.battery_low"
GOOD: Final = "sensor.battery_good"
STOVE_IMAGE: Final = f"{REGISTRY}/home/fridge"


@pytest.fixture(scope="module")
def household(
    running_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Household]:
    """The house with its devices, while figures of what they use are not to be had."""
    with inhabited(running_cluster, tmp_path_factory.mktemp("house")) as household:
        household.later.callback(Home(running_cluster).start_metrics)
        running_cluster.processes.stop("metrics")
        node = running_cluster.node_names()[0]
        household.later.callback(plug_in, running_cluster, node, None)
        plug_in(running_cluster, node, "1")
        running_cluster.apply(devices())
        household.run(move_in(household))
        yield household


def plug_in(cluster: Cluster, node: str, count: str | None) -> None:
    """Have a node offer so many sticks; None for no such hardware."""
    offered = {STICK: count}
    cluster.api.patch(
        f"/api/v1/nodes/{node}/status",
        {"status": {"capacity": offered, "allocatable": offered}},
    )


def devices() -> list[Content]:
    """What is there from the beginning; the fan is off, and who waits for the stick."""
    fan, waiting = manifest(FAN.name), stick_device(WAITING)
    for off in (fan, waiting):
        off["spec"]["replicas"] = 0
    small = {"resources": {"requests": {"cpu": "10m"}}}
    return [
        stick_device(HOLDER),
        waiting,
        manifest(LAMP.name),
        fan,
        manifest(STOVE.name, image=f"{STOVE_IMAGE}:v1.2.0", hints={"update": "minor"}),
        manifest(KETTLE.name, hints={"serves": DOOR}),
        manifest(OVEN.name, container=small),
        scaler(),
        sweeper(),
    ]


def stick_device(workload: Workload) -> Content:
    """A device that wants the only stick."""
    wants = {"resources": {"limits": {STICK: "1"}}}
    return manifest(workload.name, container=wants)


def scaler() -> Content:
    """The oven's autoscaler, which wants to know its CPU."""
    target = {"type": "Utilization", "averageUtilization": 900}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": OVEN.name, "namespace": ZONE},
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": OVEN.name,
            },
            "minReplicas": 1,
            "maxReplicas": 2,
            "metrics": [
                {"type": "Resource", "resource": {"name": "cpu", "target": target}}
            ],
        },
    }


def sweeper() -> Content:
    """A CronJob that runs when it is told to."""
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": SWEEPER.name, "namespace": ZONE},
        "spec": {
            "schedule": "0 4 1 1 *",
            "jobTemplate": {"spec": job_manifest(SWEEPER.name)["spec"]},
        },
    }


async def move_in(household: Household) -> None:
    """Connect, and begin what takes a minute: a battery runs low, another is full, a kettle has no lid."""
    inside = household.inside
    await household.open()
    for workload in (HOLDER, LAMP, STOVE, KETTLE, OVEN):
        await inside.until_said(workload, "status", "running", "degraded", timeout=60)
    await inside.enable([(KETTLE, "watchdog")])
    for battery, workload in ((LOW, LAMP), (GOOD, FAN)):
        await household.says(battery, "50")
        await household.automate(
            battery.partition(".")[2],
            "save_the_battery",
            battery=battery,
            switches=[inside.entity(workload, "power")],
        )
    await household.says(LOW, "20")
    await household.says(GOOD, "70")
    await household.says(DOOR, "off")
    watchdog = {"entity_id": inside.entity(KETTLE, "watchdog")}
    await inside.house.service("number.set_value", watchdog, value=1)
    await household.says(DOOR, "unavailable")


# The blueprints, and hardware that another holds.


@at_home
async def test_hardware_in_use_is_told_until_its_holder_goes(
    household: Household,
) -> None:
    """Who holds it is named and switched off by a repair; a blueprint tells it, and that it is over."""
    inside = household.inside
    note = {"notification_id": "stick", "message": "{{ title }}: {{ message }}"}
    await household.automate(
        "stick",
        "tell_when_a_device_fails",
        devices={"device_id": await household.device_id(WAITING)},
        patience={"seconds": 0},
        tell=[{"action": "persistent_notification.create", "data": note}],
    )
    (holder,) = await household.stage.witness.pods(HOLDER)
    await inside.switch(WAITING, on=True)
    await inside.until_said(WAITING, "reason", "device_in_use", timeout=60)
    words = inside.attributes(WAITING, "problem")
    assert f"{STICK} is in use by pod {holder.name} in {ZONE}" in words["message"]
    assert f"Switch off the device of pod {holder.name}" in words["advice"]
    assert await household.made.until_ran("stick") == (
        f"{WAITING.name} has a problem: {words['message']} {words['advice']}"
    )
    issue = await household.repair("device_in_use")
    assert issue is not None
    assert issue["translation_placeholders"] == {
        "device": WAITING.name,
        "what": STICK,
        "holder": HOLDER.name,
    }
    assert await household.mend(issue["issue_id"]) == "create_entry"
    assert await household.stage.witness.desired(HOLDER) == 0
    await inside.until_said(WAITING, "status", "running", timeout=60)
    assert await household.repair("device_in_use") is None
    await household.until_told("stick", f"{WAITING.name} works again: It is well.")
    assert await household.pods(WAITING)


@at_home
async def test_devices_are_off_at_night_and_on_in_the_morning(
    household: Household,
) -> None:
    """By a plan for both."""
    inside, both = household.inside, (WAITING, STOVE)
    now = datetime.now(UTC)
    await household.automate(
        "night",
        "night_plan",
        devices=[await household.device_id(one) for one in both],
        off_at=f"{now + timedelta(seconds=7):%H:%M:%S}",
        on_at=f"{now + timedelta(seconds=12):%H:%M:%S}",
    )
    for word, count in (("off", 0), ("on", 1)):
        for workload in both:
            await inside.until_said(workload, "power", word, timeout=30)
            assert await household.stage.witness.desired(workload) == count
    for workload in both:
        await inside.until_said(workload, "status", "running", timeout=60)


@at_home
async def test_new_firmware_is_told(household: Household) -> None:
    """When what runs is not the newest that there is."""
    inside = household.inside
    update = {"entity_id": inside.entity(STOVE, "update")}
    await inside.house.service("homeassistant.update_entity", update)
    await inside.until_said(STOVE, "update", "off", timeout=30)
    words = "{{ device }}: {{ installed }} to {{ latest }}"
    note = {"notification_id": "stove", "message": words}
    await household.automate(
        "stove",
        "new_firmware",
        devices=update,
        tell=[{"action": "persistent_notification.create", "data": note}],
    )
    older = [{"name": "agent", "image": f"{STOVE_IMAGE}:v1.1.0"}]
    spec = {"template": {"spec": {"containers": older}}}
    await household.stage.witness.patch(STOVE, {"spec": spec})
    assert await household.made.until_ran("stove") == "stove: v1.1.0 to v1.2.0"


@at_home
async def test_a_device_whose_light_is_away_is_restarted(household: Household) -> None:
    """Its pod is another one then."""
    inside = household.inside
    await inside.until_said(STOVE, "status", "running", timeout=60)
    before = await household.pods(STOVE)
    await household.says(LIGHT, "on")
    await household.automate(
        "light",
        "restart_when_unavailable",
        entity=LIGHT,
        device=await household.device_id(STOVE),
        lasting={"seconds": 1},
        pause={"seconds": 1},
    )
    await household.says(LIGHT, "unavailable")

    async def restarted() -> bool:
        return bool(await household.pods(STOVE) - before)

    await inside.until("another pod", restarted, timeout=60)


# An autoscaler without figures.


@at_home
async def test_an_autoscaler_without_figures_is_blind(household: Household) -> None:
    """The cluster knows of a metrics API, but nobody serves it."""
    inside = household.inside
    await inside.until_said(OVEN, "reason", "autoscaler_blind", timeout=90)
    assert inside.said(OVEN, "status") == "degraded"
    assert inside.attributes(OVEN, "problem")["message"] == (
        f"Autoscaler {OVEN.name} gets no figures, because the cluster's metrics API is "
        "missing or down, so the number of replicas stays at 1."
    )
    await asyncio.to_thread(Home(household.cluster).start_metrics)


# What a policy refuses.


def no_jobs(reason: str) -> list[Content]:
    """A policy that lets nobody make a Job in the zone, with a reason that Kubernetes knows."""
    rule = {
        "apiGroups": ["batch"],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["jobs"],
    }
    no = {"expression": "false", "message": "not on a Sunday", "reason": reason}
    place = {"matchLabels": {"kubernetes.io/metadata.name": ZONE}}
    return [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": f"ValidatingAdmissionPolicy{kind}",
            "metadata": {"name": "no-sweeping"},
            "spec": spec,
        }
        for kind, spec in (
            ("", {"matchConstraints": {"resourceRules": [rule]}, "validations": [no]}),
            (
                "Binding",
                {
                    "policyName": "no-sweeping",
                    "validationActions": ["Deny"],
                    "matchResources": {"namespaceSelector": place},
                },
            ),
        )
    ]


def swept(cluster: Cluster) -> bool:
    """Whether a Job would be made of the CronJob."""
    words = ("create", "job", "trial", "-n", ZONE, f"--from=cronjob/{SWEEPER.name}")
    return bool(cluster.kubectl(*words, "--dry-run=server", check=False))


@pytest.mark.parametrize("reason", ["Invalid", "Forbidden"])
def test_a_run_that_a_policy_refuses_names_the_policy(
    household: Household, reason: str
) -> None:
    """Whatever its reason; no rule is asked for, since none is missing."""
    cluster, inside = household.cluster, household.inside
    policy = no_jobs(reason)
    cluster.apply(policy)
    try:
        wait_until("The policy holds", lambda: not swept(cluster), seconds=30)
        target = {"entity_id": inside.entity(SWEEPER, "power")}
        sentence = household.run(refused(inside, "home_cluster.run_job", target))
    finally:
        cluster.kubectl("delete", "-f", "-", text=yaml.safe_dump_all(policy))
    assert sentence.startswith(
        "Could not run sweeper now: the cluster refuses it. Kubernetes says: "
    )
    assert "ValidatingAdmissionPolicy 'no-sweeping'" in sentence
    assert "not on a Sunday" in sentence
    wait_until("The policy is gone", lambda: swept(cluster), seconds=30)


# Two clusters.


def replicas(api: Api, workload: Workload) -> int:
    """How many pods a Deployment should have there."""
    path = f"/apis/apps/v1/namespaces/{ZONE}/deployments/{workload.name}"
    return int(api.get(path)["spec"]["replicas"])


def uid_of(api: Api) -> str:
    """What a cluster is known by."""
    return str(api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"])


def jobs(api: Api) -> int:
    """How many Jobs there are in the zone there."""
    return len(api.get(f"/apis/batch/v1/namespaces/{ZONE}/jobs")["items"])


def furnish(cabin: Cabin) -> None:
    """Give the cabin the account, and devices with the names of those at home."""
    device, oven = manifest(WAITING.name), manifest(OVEN.name)
    device["spec"]["replicas"] = 3
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ZONE}}
    rights = [
        *home.smallest_account([ZONE]),
        *home.full_rights([ZONE]),
        *home.node_rights(),
    ]
    cabin.apply([space, *rights, device, oven, sweeper()])


async def connect(household: Household, cabin: Cabin) -> str:
    """Connect the cabin, too; returns the id of its entry."""
    token = await asyncio.to_thread(cabin.token, home.ACCOUNT_NAMESPACE, home.ACCOUNT)
    answers = {"url": cabin.url, "token": token, "ca": cabin.ca, "verify_ssl": True}
    result = await walk(
        household.inside.house,
        {
            "user": {"next_step_id": "token"},
            "token": answers,
            "selection": {"mode": "namespaces", "namespaces": [ZONE]},
        },
    )
    assert result["type"] == "create_entry"
    return str(result["result"]["entry_id"])


@asynccontextmanager
async def second_cluster(household: Household) -> AsyncIterator[tuple[Cabin, Inside]]:
    """The cabin while it is connected, and the same Home Assistant asked about it."""
    with Cabin(household.cluster) as cabin:
        await asyncio.to_thread(furnish, cabin)
        entry = await connect(household, cabin)
        there = household.of_cluster(uid_of(cabin.api))
        try:
            await there.until_said(WAITING, "power", "on", timeout=30)
            yield cabin, there
        finally:
            path = f"/api/config/config_entries/entry/{entry}"
            await household.inside.house.rest("DELETE", path)


@at_home
async def test_of_two_clusters_each_is_told_what_is_meant_for_it(
    household: Household,
) -> None:
    """By switch and by action, of devices with the same names in both."""
    here, house = household.inside, household.inside.house
    async with second_cluster(household) as (cabin, there):
        home_api, cabin_api = household.cluster.api, cabin.api
        before = replicas(home_api, WAITING), jobs(home_api)

        await there.switch(WAITING, on=False)
        assert replicas(cabin_api, WAITING) == 0
        await there.until_said(WAITING, "power", "off", timeout=10)
        await there.switch(WAITING, on=True)
        assert replicas(cabin_api, WAITING) == 3
        target = {"entity_id": there.entity(WAITING, "power")}
        await house.service("home_cluster.scale", target, replicas=5)
        assert replicas(cabin_api, WAITING) == 5
        target = {"entity_id": there.entity(SWEEPER, "power")}
        await house.service("home_cluster.run_job", target)
        assert jobs(cabin_api) == 1
        assert (replicas(home_api, WAITING), jobs(home_api)) == before

        target = {"entity_id": here.entity(SWEEPER, "power")}
        await house.service("home_cluster.run_job", target)
        assert (jobs(home_api), jobs(cabin_api)) == (before[1] + 1, 1)
        plan = [
            {"entity_id": here.entity(STOVE, "power"), "power": False},
            {"entity_id": there.entity(WAITING, "power"), "replicas": 2},
        ]
        await house.service("home_cluster.apply_power_plan", devices=plan)
        assert (replicas(home_api, STOVE), replicas(cabin_api, WAITING)) == (0, 2)
        assert replicas(home_api, WAITING) == before[0]
        assert (await ask(there, "describe", WAITING))["desired"] == 2
        assert (await ask(here, "describe", WAITING))["desired"] == before[0]
    assert here.said(STOVE, "power") == "off"


def machine(name: str) -> Content:
    """A node that is written down, with nobody behind it."""
    nobody = {"type": "InternalIP", "address": "127.0.0.1"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "status": {"addresses": [nobody]},
    }


def pod_on(node: str, workload: Workload) -> list[Content]:
    """A pod of a Deployment that a node has, and the account that each pod has."""
    template = manifest(workload.name)["spec"]["template"]
    name, digest = f"{workload.name}-1", {"pod-template-hash": "1"}
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": name,
        "uid": name,
        "controller": True,
    }
    about = {"name": "default", "namespace": ZONE}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about},
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": ZONE,
                "labels": {**template["metadata"]["labels"], **digest},
                "ownerReferences": [owner],
            },
            # Nobody is there to stop it.
            "spec": {
                **template["spec"],
                "nodeName": node,
                "terminationGracePeriodSeconds": 0,
            },
        },
    ]


def pods(api: Api) -> list[str]:
    """The names of the pods in the zone there."""
    return [
        pod["metadata"]["name"]
        for pod in api.get(f"/api/v1/namespaces/{ZONE}/pods")["items"]
    ]


def is_closed(api: Api, node: str) -> bool:
    """Whether a node there takes no new pods."""
    return bool(api.get(f"/api/v1/nodes/{node}")["spec"].get("unschedulable"))


@at_home
async def test_of_two_clusters_the_pods_of_one_are_not_the_others(
    household: Household,
) -> None:
    """By log, restart and drain; both have a node of this name, and nobody is behind the cabin's."""
    here, house = household.inside, household.inside.house
    node = Workload("Node", "", household.cluster.node_names()[0])
    before = await household.pods(OVEN)
    async with second_cluster(household) as (cabin, there):
        await asyncio.to_thread(
            cabin.apply, [machine(node.name), *pod_on(node.name, OVEN)]
        )

        async def seen() -> bool:
            return bool((await ask(there, "describe", OVEN))["pods"])

        await there.until("its pod", seen)
        await there.until_said(node, "schedulable", "on", timeout=10)
        assert OVEN.name in (await ask(here, "get_logs", OVEN))["log"]
        silence = f"lies on node {node.name}, which does not answer the cluster"
        with pytest.raises(HouseError, match=silence):
            await ask(there, "get_logs", OVEN)

        target = {"entity_id": there.entity(OVEN, "restart")}
        await house.service("home_cluster.restart", target)
        assert pods(cabin.api) == []
        await asyncio.to_thread(cabin.apply, pod_on(node.name, OVEN))
        answer = await house.call(
            "call_service",
            domain="home_cluster",
            service="drain",
            service_data={"timeout": 30},
            target={"entity_id": there.entity(node, "schedulable")},
            return_response=True,
        )
        (told,) = answer["response"].values()
        assert told["drained"]
        assert pods(cabin.api) == []
        assert is_closed(cabin.api, node.name)
    assert not is_closed(household.cluster.api, node.name)
    assert await household.pods(OVEN) == before


# What began with the house.


@at_home
async def test_a_watchdog_restarts_five_times_and_gives_up(
    household: Household,
) -> None:
    """Each time with another pod; it tells so, and a repair stays until it is set anew."""
    inside = household.inside
    issue = await household.until_repair("watchdog_gave_up", timeout=120)
    assert issue["translation_placeholders"]["device"] == KETTLE.name
    assert issue["translation_placeholders"]["times"] == "5"
    entity = inside.entity(KETTLE, "event")
    told = {
        change.state: str(change.attributes.get("event_type"))
        for change in inside.recorder.changes
        if change.entity == entity
    }
    kinds = [kind for kind in told.values() if kind.startswith("watchdog")]
    assert kinds == ["watchdog_restarted"] * 5 + ["watchdog_gave_up"]
    assert pods_made(household.cluster, KETTLE) == 6

    watchdog = {"entity_id": inside.entity(KETTLE, "watchdog")}
    await inside.house.service("number.set_value", watchdog, value=0)
    assert await household.repair("watchdog_gave_up") is None
    await household.says(DOOR, "off")
    await inside.until_said(KETTLE, "status", "running", timeout=30)


def pods_made(cluster: Cluster, workload: Workload) -> int:
    """How many pods a Deployment has had, as its ReplicaSets tell."""
    path = f"/api/v1/namespaces/{ZONE}/events?fieldSelector=reason%3DSuccessfulCreate"
    told = cluster.api.get(path)["items"]
    name = f"Created pod: {workload.name}-"
    return len({one["message"] for one in told if one["message"].startswith(name)})


@at_home
async def test_an_autoscaler_sees_again_when_there_are_figures(
    household: Household,
) -> None:
    """By itself: nobody touches the device."""
    await household.inside.until_said(OVEN, "reason", "none", timeout=120)
    await household.inside.until_said(OVEN, "status", "running", timeout=10)


@at_home
async def test_a_battery_switches_off_when_low_and_on_when_good(
    household: Household,
) -> None:
    """The lamp's is low, the fan's is good: a minute later they are off and on."""
    for workload, word, count in ((LAMP, "off", 0), (FAN, "on", 1)):
        await household.inside.until_said(workload, "power", word, timeout=90)
        assert await household.stage.witness.desired(workload) == count


@at_home
async def test_the_log_holds_nothing_against_it(household: Household) -> None:
    """No warning and no error of all this."""
    assert household.inside.house.complaints() == []
