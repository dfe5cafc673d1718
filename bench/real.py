"""The real cluster: how soon a switch returns and an event shows, and what Jobs and rollouts leave behind.

Its nodes are kwok's, so that no container's start is measured: the API server, the controllers and the
account's rights are the real ones.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
import time
from typing import Any, Final

from story import home
from testbed import kwok
from testbed.cluster import Cluster

from .house import BenchHouse, Missing

NAMESPACE: Final = "bench"
WORKLOADS: Final = 20
JOBS: Final = 50
ROLLOUTS: Final = 50
EVENTS: Final = 40
_PATIENCE: Final = 90
_GONE: Final = "Background"


@dataclass(slots=True)
class Real:
    """What was measured; times in seconds."""

    calls: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    grown: set[str] = field(default_factory=set)
    switches: int = 0
    false_switches: int = 0
    version: str = ""


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster with fake nodes: one that is up is used and left, else one is made and taken down."""
    testbed = Cluster()
    mine = not testbed.is_up()
    if mine:
        testbed.up(())
    try:
        testbed.kwok(nodes=2)
        try:
            yield testbed
        finally:
            if not mine:
                testbed.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
                testbed.end_kwok()
    finally:
        if mine:
            testbed.down()


def prepare(testbed: Cluster) -> str:
    """Make the account and the workloads; return the account's token."""
    testbed.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    )
    testbed.apply(home.smallest_account([NAMESPACE]))
    testbed.apply([*map(_deployment, range(WORKLOADS)), _CRON_JOB])
    kwok.wait_pods(testbed.api, NAMESPACE, WORKLOADS)
    return testbed.service_account_token(home.ACCOUNT_NAMESPACE, home.ACCOUNT)


async def measure(house: BenchHouse, testbed: Cluster, token: str) -> Real:
    """Measure a Home Assistant that runs and knows no cluster yet."""
    found = Real(version=testbed.api.get("/version")["gitVersion"])
    await house.connect(
        testbed.url, testbed.ca.read_text(), token, "namespaces", NAMESPACE
    )
    switches = await _switches(house, "on", WORKLOADS)
    found.switches = len(switches)
    for name in switches:
        for action in ("turn_off", "turn_on"):
            began = time.perf_counter()
            await house.service(f"switch.{action}", {"entity_id": name})
            found.calls.append(time.perf_counter() - began)
    await _switches(house, "on", WORKLOADS)
    await _events(house, testbed, found)
    await _switches(house, "on", WORKLOADS)
    await house.probe("record")
    await house.reload()
    await _switches(house, "on", WORKLOADS)
    found.false_switches = sum(
        write["unique_id"].endswith("/power") and write["state"] == "off"
        for write in await house.probe("recorded")
    )
    await _grow(house, testbed, found)
    return found


async def _switches(house: BenchHouse, state: str, count: int) -> list[str]:
    """Return the Deployments' switches, once so many are in a state."""
    end = time.monotonic() + _PATIENCE
    while True:
        found = [
            name
            for name, shown in (await house.states()).items()
            if name.startswith("switch.") and "rig" in name and shown["state"] == state
        ]
        if len(found) >= count:
            return sorted(found)
        if time.monotonic() > end:
            raise Missing(f"{len(found)} of {count} switches are {state}: {found}")
        await asyncio.sleep(0.1)


async def _events(house: BenchHouse, testbed: Cluster, found: Real) -> None:
    """Have the administrator scale Deployments; see how soon Home Assistant shows it."""
    await house.probe("record")
    answered: dict[str, list[float]] = {}
    for number in range(EVENTS):
        name = f"rig-{number % WORKLOADS:02}"
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{name}"
        replicas = 0 if number < WORKLOADS else 1
        await asyncio.to_thread(
            testbed.api.patch, path, {"spec": {"replicas": replicas}}
        )
        answered.setdefault(name, []).append(time.time())
        await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    shown: dict[str, list[float]] = {}
    for write in await house.probe("recorded"):
        *_, name, key = write["unique_id"].split("/")
        if key == "power":
            shown.setdefault(name, []).append(write["time"])
    for name, times in answered.items():
        if len(shown.get(name, ())) != len(times):
            raise Missing(
                f"{name} was switched {len(times)} times, shown: {shown.get(name)}"
            )
        # The event may come before the answer to who made it.
        found.delays += [
            max(0.0, after - before)
            for before, after in zip(times, shown[name], strict=True)
        ]


async def _grow(house: BenchHouse, testbed: Cluster, found: Real) -> None:
    """Let Jobs run and workloads roll out; see what Home Assistant's registries would save."""
    before = await house.probe("registries")
    owner = await asyncio.to_thread(
        testbed.api.get, f"/apis/batch/v1/namespaces/{NAMESPACE}/cronjobs/chores"
    )
    jobs = [_job(number, owner) for number in range(JOBS)]
    await asyncio.to_thread(testbed.apply, jobs)
    await asyncio.to_thread(_roll_out, testbed)
    await _finished(testbed)
    await asyncio.to_thread(
        testbed.kubectl,
        *("delete", "jobs", "--all", "-n", NAMESPACE, f"--cascade={_GONE.lower()}"),
    )
    await asyncio.sleep(2)
    after = await house.probe("registries")
    for name, ids in after.items():
        found.grown |= set(ids) - set(before[name])


def _roll_out(testbed: Cluster) -> None:
    for number in range(ROLLOUTS):
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/rig-{number % WORKLOADS:02}"
        stamp = {"metadata": {"annotations": {"rollout": str(number)}}}
        testbed.api.patch(path, {"spec": {"template": stamp}})


async def _finished(testbed: Cluster) -> None:
    """Wait until all Jobs have succeeded, and all Deployments run what they should."""
    end = time.monotonic() + _PATIENCE
    while True:
        listed = await asyncio.to_thread(
            testbed.api.get, f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
        )
        done = sum(bool(job["status"].get("succeeded")) for job in listed["items"])
        listed = await asyncio.to_thread(
            testbed.api.get, f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
        )
        new = sum(_rolled_out(item) for item in listed["items"])
        if done >= JOBS and new == WORKLOADS:
            return
        if time.monotonic() > end:
            raise Missing(f"{done} of {JOBS} Jobs, {new} of {WORKLOADS} rollouts ended")
        await asyncio.sleep(0.3)


def _rolled_out(deployment: dict[str, Any]) -> bool:
    status = deployment.get("status", {})
    seen: bool = (
        status.get("observedGeneration") == deployment["metadata"]["generation"]
    )
    return seen and status.get("updatedReplicas") == status.get("readyReplicas") == 1


def _template(name: str, **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app.kubernetes.io/name": name}},
        "spec": {
            "nodeSelector": {"type": "kwok"},
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "main", "image": "home.local/rig:1"}],
            **more,
        },
    }


def _deployment(number: int) -> dict[str, Any]:
    name = f"rig-{number:02}"
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "template": _template(name),
        },
    }


_CHORE: Final = {"template": _template("chores", restartPolicy="Never")}
_CRON_JOB: Final[dict[str, Any]] = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "chores", "namespace": NAMESPACE},
    "spec": {
        "schedule": "0 4 1 1 *",
        "jobTemplate": {"spec": _CHORE},
        # Its Jobs are counted when they have succeeded.
        "successfulJobsHistoryLimit": JOBS,
    },
}


def _job(number: int, owner: dict[str, Any]) -> dict[str, Any]:
    """Return a Job: every other one is the CronJob's."""
    metadata: dict[str, Any] = {"name": f"chore-{number:02}", "namespace": NAMESPACE}
    if number % 2:
        metadata["ownerReferences"] = [
            {
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "name": "chores",
                "uid": owner["metadata"]["uid"],
                "controller": True,
            }
        ]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": _CHORE,
    }
