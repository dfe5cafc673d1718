"""The client against the real API server: rights, commands, and tokens that end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
import json
from pathlib import Path
import sys
import time
from typing import Any

import aiohttp
import pytest
import yaml

from custom_components.home_cluster.kube.access import (
    WANTED,
    Missing,
    account_name,
    rbac_yaml,
    review,
)
from custom_components.home_cluster.kube.client import Client
from custom_components.home_cluster.kube.credentials import source_from
from custom_components.home_cluster.kube.errors import (
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    TooManyRequests,
)
from custom_components.home_cluster.kube.schema import CronJob, Kind, Ref, Workload
from custom_components.home_cluster.kube.tls import probe_certificate
from testbed.cluster import Cluster
from testbed.home import Home
from tests.unit.kube.loopback import run

from .pods import IMAGE, pod, start

RBAC = "rbac.authorization.k8s.io"


@pytest.fixture(autouse=True)
def registry(cluster: Cluster) -> None:
    """The images of the devices can be pulled."""
    Home(cluster).start_registry()


@asynccontextmanager
async def client_of(data: dict[str, Any]) -> AsyncIterator[Client]:
    """Give a client with these credentials."""
    async with aiohttp.ClientSession() as session:
        yield Client(session, source_from(data, run))


@asynccontextmanager
async def account(
    cluster: Cluster, namespace: str, name: str, *rules: dict[str, Any]
) -> AsyncIterator[Client]:
    """Give a client of an account with these rights in the namespace."""
    cluster.kubectl("create", "serviceaccount", name, "-n", namespace)
    metadata = {"name": name, "namespace": namespace}
    reference = {"apiGroup": RBAC, "kind": "Role", "name": name}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    cluster.apply(
        [
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": "Role",
                "metadata": metadata,
                "rules": list(rules),
            },
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": "RoleBinding",
                "metadata": metadata,
                "roleRef": reference,
                "subjects": [subject],
            },
        ]
    )
    token = cluster.service_account_token(namespace, name, 3600)
    async with client_of(by_token(cluster, token)) as client:
        yield client


def by_token(cluster: Cluster, token: str) -> dict[str, Any]:
    """Return the data of an entry with a token."""
    return {
        "method": "token",
        "url": cluster.url,
        "token": token,
        "ca": cluster.ca.read_text(),
        "verify_ssl": True,
    }


def by_admin(cluster: Cluster) -> dict[str, Any]:
    """Return the data of an entry with the administrator's kubeconfig."""
    return {"method": "kubeconfig", "kubeconfig": str(cluster.admin_kubeconfig)}


def rule(verbs: str, group: str, resources: str) -> dict[str, Any]:
    """Return a rule from words."""
    return {
        "apiGroups": [group],
        "resources": resources.split(),
        "verbs": verbs.split(),
    }


def deployment(namespace: str, name: str, replicas: int = 1) -> dict[str, Any]:
    """Return a Deployment of the test device."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "device", "image": IMAGE}]},
            },
        },
    }


async def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Wait until an await of the condition is true."""
    deadline = time.monotonic() + seconds
    while not (last := await condition()):
        assert time.monotonic() < deadline, last
        await asyncio.sleep(0.2)


async def asked_one_by_one(client: Client, right: Missing) -> bool:
    """Ask the server itself for one right."""
    resource, _, subresource = right.resource.partition("/")
    attributes = {
        "verb": right.verb,
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
        "namespace": right.namespace or "",
    }
    kind = "SelfSubjectAccessReview"
    api = "authorization.k8s.io/v1"
    body = {"apiVersion": api, "kind": kind, "spec": {"resourceAttributes": attributes}}
    raw = await client.request(
        "POST", f"/apis/{api}/{kind.lower()}s", body=json.dumps(body).encode()
    )
    allowed: bool = json.loads(raw)["status"]["allowed"]
    return allowed


@pytest.fixture
def wide_binding(cluster: Cluster, namespace: str) -> Any:
    """Give the account `wide` rights in the whole cluster."""
    name = f"wide-{namespace}"
    cluster.apply(
        [
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": "ClusterRole",
                "metadata": {"name": name},
                "rules": [
                    rule("get list watch", "", "pods nodes"),
                    rule("patch", "apps", "*/scale"),
                ],
            },
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": name},
                "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": name},
                "subjects": [
                    {
                        "kind": "ServiceAccount",
                        "name": "wide",
                        "namespace": namespace,
                    }
                ],
            },
        ]
    )
    yield
    cluster.kubectl("delete", "clusterrole,clusterrolebinding", name)


@pytest.mark.usefixtures("wide_binding")
@pytest.mark.parametrize("name", ["wide", "narrow"])
async def test_rights_are_as_the_server_judges_each(
    cluster: Cluster, namespace: str, name: str
) -> None:
    here = rule("list watch", "", "pods nodes"), rule("create", "", "pods/eviction")
    async with account(cluster, namespace, name, *here) as client:
        access = await review(client, [namespace, "default"])
        for place in (None, namespace, "default"):
            for wanted in WANTED:
                if wanted.resource in ("nodes", "namespaces") and place:
                    continue
                right = Missing(*wanted, place)
                judged = access.allows(
                    right.verb, right.resource, right.group, right.namespace
                )
                assert judged == await asked_one_by_one(client, right), right


async def test_the_printed_yaml_gives_what_is_missing(
    cluster: Cluster, namespace: str
) -> None:
    missing = (
        Missing("list", "", "pods", namespace),
        Missing("patch", "apps", "deployments/scale", namespace),
    )

    async def holds() -> bool:
        access = await review(client, [namespace])
        return all(
            access.allows(right.verb, right.resource, right.group, right.namespace)
            for right in missing
        )

    async with account(cluster, namespace, "poor") as client:
        assert not await holds()
        name = await account_name(client)
        assert name == f"system:serviceaccount:{namespace}:poor"
        cluster.apply(rbac_yaml(missing, name))
        await until(holds)


async def test_the_right_to_scale_scales_and_does_nothing_else(
    cluster: Cluster, namespace: str
) -> None:
    cluster.apply([deployment(namespace, "fridge", 0)])
    fridge = Ref(Kind.DEPLOYMENT, namespace, "fridge")
    rights = rule("patch", "apps", "deployments/scale")
    async with account(cluster, namespace, "switch", rights) as client:
        scale = await client.scale(fridge, 2)
        assert scale.replicas == 2
        with pytest.raises(Forbidden) as caught:
            await client.restart_rollout(fridge)
        assert namespace in caught.value.message
        assert not await client.dry_run(fridge, {"spec": {"paused": True}})
        with pytest.raises(NotFound):
            await client.scale(fridge._replace(name="freezer"), 1)
        with pytest.raises(Invalid):
            await client.scale(fridge, -1)
    async with client_of(by_admin(cluster)) as admin:
        record = await admin.get(fridge)
        assert isinstance(record, Workload)
        assert record.desired == 2
        found = json.loads(
            cluster.kubectl(
                "get",
                "deployment/fridge",
                "-n",
                namespace,
                "-o",
                "json",
                "--show-managed-fields",
            )
        )
    managers = {
        entry["manager"]: entry["fieldsV1"]
        for entry in found["metadata"]["managedFields"]
    }
    assert managers["home-cluster"] == {"f:spec": {"f:replicas": {}}}


async def test_an_eviction_minds_the_budget_and_means_one_pod(
    cluster: Cluster, namespace: str
) -> None:
    node = cluster.node_names()[0]
    start(cluster, pod("fridge-1", namespace, node, labels={"app": "fridge"}))
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "fridge", "namespace": namespace},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "fridge"}}},
    }
    cluster.apply([budget])
    one = Ref(Kind.POD, namespace, "fridge-1")
    rights = rule("create", "", "pods/eviction"), rule("get", "", "pods")
    async with account(cluster, namespace, "restart", *rights) as client:
        uid = (await client.get(one)).uid
        with pytest.raises(Forbidden):
            await client.delete_pod(namespace, "fridge-1", uid=uid)
        with pytest.raises(TooManyRequests) as caught:
            await client.evict(namespace, "fridge-1", uid=uid)
        assert (caught.value.cause, caught.value.retry_after) == (
            "DisruptionBudget",
            None,
        )
        cluster.kubectl("delete", "pdb/fridge", "-n", namespace)
        with pytest.raises(Conflict):
            await client.evict(namespace, "fridge-1", uid="another")
        await client.evict(namespace, "fridge-1", uid=uid)

        async def gone() -> bool:
            try:
                await client.get(one)
            except NotFound:
                return True
            return False

        await until(gone)


async def test_a_pod_is_deleted_only_if_it_is_the_one_that_was_meant(
    cluster: Cluster, namespace: str
) -> None:
    start(cluster, pod("fridge-1", namespace, cluster.node_names()[0]))
    async with client_of(by_admin(cluster)) as admin:
        uid = (await admin.get(Ref(Kind.POD, namespace, "fridge-1"))).uid
        with pytest.raises(Conflict):
            await admin.delete_pod(namespace, "fridge-1", uid="another")
        await admin.delete_pod(namespace, "fridge-1", uid=uid, grace=0)
        assert await admin.list_all(Kind.POD, namespace) == []


async def test_a_schedule_is_suspended_and_goes_on(
    cluster: Cluster, namespace: str
) -> None:
    template = deployment(namespace, "backup")["spec"]["template"]["spec"]
    job = {
        "spec": {"template": {"spec": {**template, "restartPolicy": "Never"}}},
    }
    cron = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "backup", "namespace": namespace},
        "spec": {"schedule": "0 3 * * *", "jobTemplate": job},
    }
    cluster.apply([cron])
    backup = Ref(Kind.CRON_JOB, namespace, "backup")
    async with account(
        cluster, namespace, "night", rule("patch get", "batch", "cronjobs")
    ) as client:
        for suspended in (True, False):
            await client.suspend(backup, suspended)
            record = await client.get(backup)
            assert isinstance(record, CronJob)
            assert record.suspended is suspended


async def test_a_rollout_is_restarted(cluster: Cluster, namespace: str) -> None:
    cluster.apply([deployment(namespace, "fridge", 0)])
    fridge = Ref(Kind.DEPLOYMENT, namespace, "fridge")
    async with client_of(by_admin(cluster)) as admin:
        before = await admin.get(fridge)
        await admin.restart_rollout(fridge)
        after = await admin.get(fridge)
    assert isinstance(before, Workload)
    assert isinstance(after, Workload)
    assert after.generation == before.generation + 1


async def test_the_cluster_tells_who_it_is(cluster: Cluster) -> None:
    async with client_of(by_admin(cluster)) as admin:
        assert await admin.ready()
        assert await admin.version() == "v1.37.2"
        uid = cluster.kubectl("get", "ns/kube-system", "-o", "jsonpath={.metadata.uid}")
        assert await admin.cluster_uid() == uid


async def test_the_real_server_is_trusted_once_it_was_pinned(cluster: Cluster) -> None:
    served = await probe_certificate(cluster.url, run=run)
    assert (served.trusted, served.error) == (False, "unknown_issuer")
    pinned = await probe_certificate(cluster.url, served.pem, run=run)
    assert pinned.trusted
    known = await probe_certificate(cluster.url, cluster.ca.read_text(), run=run)
    assert known.trusted


async def test_a_plugin_opens_the_real_cluster(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    cluster.kubectl("create", "serviceaccount", "plugged", "-n", namespace)
    token = cluster.service_account_token(namespace, "plugged", 3600)
    api = "client.authentication.k8s.io/v1"
    answer = {"apiVersion": api, "kind": "ExecCredential", "status": {"token": token}}
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!{sys.executable}\nprint({json.dumps(answer)!r})\n")
    plugin.chmod(0o755)
    config = yaml.safe_load(cluster.admin_kubeconfig.read_text())
    for user in config["users"]:
        user["user"] = {"exec": {"apiVersion": api, "command": str(plugin)}}
    data = {"method": "kubeconfig", "kubeconfig": yaml.safe_dump(config)}
    async with client_of(data) as client:
        name = await account_name(client)
    assert name == f"system:serviceaccount:{namespace}:plugged"


async def test_a_token_that_ended_is_replaced_by_that_in_the_file(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    config = yaml.safe_load(cluster.admin_kubeconfig.read_text())
    file = tmp_path / "token"
    for user in config["users"]:
        user["user"] = {"tokenFile": str(file)}
    data = {"method": "kubeconfig", "kubeconfig": yaml.safe_dump(config)}
    async with client_of(data) as client:
        for turn in range(3):
            # An account made anew has another uid: the server refuses its old tokens.
            cluster.kubectl("create", "serviceaccount", "rotated", "-n", namespace)
            token = cluster.service_account_token(namespace, "rotated", 3600)
            if turn:
                await until(lambda: refused(cluster, file.read_text()), 60)
            file.write_text(token)
            assert (
                await account_name(client)
                == f"system:serviceaccount:{namespace}:rotated"
            )
            cluster.kubectl("delete", "serviceaccount", "rotated", "-n", namespace)


async def refused(cluster: Cluster, token: str) -> bool:
    """Say whether the server does not take a token any more."""
    async with client_of(by_token(cluster, token)) as client:
        try:
            await client.version()
        except KubeError as error:
            return error.status == 401
    return False
