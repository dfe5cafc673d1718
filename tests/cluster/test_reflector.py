"""A real cluster is followed rightly, whatever happens to its API server, etcd and links."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
import gc
from itertools import pairwise
from pathlib import Path
import time
from typing import Any, override

import pytest
import yaml

from custom_components.home_cluster.kube import (
    cluster as cluster_module,
    reflector as reflector_module,
)
from custom_components.home_cluster.kube.client import Client
from custom_components.home_cluster.kube.cluster import LinkState
from custom_components.home_cluster.kube.errors import Forbidden, Unreachable
from custom_components.home_cluster.kube.resources import RESOURCES
from custom_components.home_cluster.kube.schema import Key, Kind
from custom_components.home_cluster.kube.transport import SILENCE, Params, Stream
from testbed import faults
from testbed.cluster import Cluster
from testbed.controlplane import API, ETCD

from . import following as following_module
from .following import (
    EVERYTHING,
    FLEETING,
    Followed,
    Recording,
    connections,
    following,
    kubectl_lists,
    parked,
    parked_crowd,
)
from .test_client import RBAC, refused, until

PODS = {Kind.POD: None}
DOWN, UP = LinkState.DOWN, LinkState.UP


class Account:
    """Service accounts that may read what is followed, and a kubeconfig that names their files."""

    def __init__(self, cluster: Cluster, namespace: str, folder: Path) -> None:
        """Make the right to read, in the whole cluster."""
        self.cluster, self.namespace = cluster, namespace
        self.token = folder / "token"
        self.role = f"follower-{namespace}"
        groups = sorted({one.group for one in RESOURCES.values()})
        rules = [
            {
                "apiGroups": groups,
                "resources": sorted({one.plural for one in RESOURCES.values()}),
                "verbs": ["get", "list", "watch"],
            }
        ]
        cluster.apply(
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": "ClusterRole",
                "metadata": {"name": self.role},
                "rules": rules,
            }
        )

    def become(self, name: str) -> str:
        """Make an account, and put its token into the file."""
        self.cluster.kubectl("create", "serviceaccount", name, "-n", self.namespace)
        token = self.cluster.service_account_token(self.namespace, name, 3600)
        self.token.write_text(token)
        return token

    def grant(self, kind: str, name: str, *, account: str = "follower") -> None:
        """Bind the right: by a RoleBinding in the namespace, or by a ClusterRoleBinding."""
        place = {"namespace": self.namespace} if kind == "RoleBinding" else {}
        self.cluster.apply(
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": kind,
                "metadata": {"name": name, **place},
                "roleRef": {
                    "apiGroup": RBAC,
                    "kind": "ClusterRole",
                    "name": self.role,
                },
                "subjects": [
                    {
                        "kind": "ServiceAccount",
                        "name": account,
                        "namespace": self.namespace,
                    }
                ],
            }
        )

    @property
    def data(self) -> dict[str, Any]:
        """The data of an entry whose kubeconfig names a token file and the authority's file."""
        config = yaml.safe_load(self.cluster.admin_kubeconfig.read_text())
        for one in config["users"]:
            one["user"] = {"tokenFile": str(self.token)}
        for one in config["clusters"]:
            del one["cluster"]["certificate-authority-data"]
            one["cluster"]["certificate-authority"] = str(self.cluster.ca)
        return {"method": "kubeconfig", "kubeconfig": yaml.safe_dump(config)}


@pytest.fixture
def account(cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[Account]:
    """An account `follower` whose rights hang by a thread: nothing is bound yet."""
    made = Account(cluster, namespace, tmp_path)
    made.become("follower")
    yield made
    cluster.kubectl("delete", "clusterrole", made.role)


@pytest.fixture
def reader(account: Account) -> Iterator[dict[str, Any]]:
    """The data of an entry that may read the whole cluster, by an ordinary account."""
    account.grant("ClusterRoleBinding", account.role)
    yield account.data
    account.cluster.kubectl("delete", "clusterrolebinding", account.role)


@pytest.fixture
def short_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server ends every watch after two or three seconds."""
    monkeypatch.setattr(reflector_module, "WATCH_SECONDS", (2, 4))


async def apart[T](function: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Do something to the cluster while it is followed."""
    return await asyncio.to_thread(function, *arguments, **options)


async def forbidden(client: Client, namespace: str) -> bool:
    """Say whether the account may not list pods."""
    try:
        await client.list_all(Kind.POD, namespace)
    except Forbidden:
        return True
    return False


async def differing(followed: Followed, cluster: Cluster) -> dict[Kind, Any]:
    """What is known otherwise than kubectl lists it, by kind."""
    listed = {kind: await apart(kubectl_lists, cluster, kind) for kind in Kind}
    await followed.until_same()
    found: dict[Kind, Any] = {}
    for kind, uids in listed.items():
        store = followed.cluster.store(kind)
        known = {key: item.uid for key, item in store.items()}
        unlike = known.items() - uids.items()
        if kind is not FLEETING:
            unlike |= uids.items() - known.items()
        if unlike:
            found[kind] = unlike
    return found


async def test_the_first_read_is_what_kubectl_lists_and_nothing_is_left_after_the_end(
    cluster: Cluster, reader: dict[str, Any]
) -> None:
    async with following(cluster, reader) as followed:
        await followed.until_link(UP, 20)
        assert followed.history == [UP]
        # One watch for each kind, which began with all objects: no list was read.
        assert followed.client.reads == len(followed.client.watches) == len(Kind)
        assert set(followed.client.lists) <= {"/readyz", "/version"}
        # What a test before left behind may just be going.
        deadline = time.monotonic() + 60
        while differs := await differing(followed, cluster):
            assert time.monotonic() < deadline, differs
        assert len(followed.cluster.store(Kind.NODE)) == 2
        streams = len(connections())
        assert streams >= len(Kind)
        await followed.cluster.stop()
        await followed.until(
            "The end of the watches",
            lambda: len(connections()) <= streams - len(Kind),
            2,
        )


class OfBefore(Recording):
    """A client whose wish that a watch begin with all objects is refused, as by an older API server."""

    @override
    @asynccontextmanager
    async def stream(
        self, path: str, *, params: Params | None = None, silence: float = SILENCE
    ) -> AsyncIterator[Stream]:
        asked = {**(params or {})}
        asked.pop("resourceVersionMatch", None)
        async with super().stream(path, params=asked, silence=silence) as stream:
            yield stream


async def test_a_server_that_refuses_to_begin_with_all_is_read_page_by_page(
    cluster: Cluster,
    namespace: str,
    reader: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The refusal, the pages, and what leads from one to the next are the API server's own."""
    names = {f"pod-{number}" for number in range(30)}
    await apart(cluster.apply, [parked(namespace, name) for name in names])
    monkeypatch.setattr(following_module, "Recording", OfBefore)
    monkeypatch.setattr(reflector_module, "PAGE", 7)
    async with following(cluster, reader) as followed:
        await followed.until_link(UP, 20)
        assert followed.client.lists.count("/api/v1/pods") >= 5
        assert followed.names(Kind.POD, namespace) == names
        await followed.until_same()
        await followed.tells(namespace, "fridge")
        assert followed.history == [UP]


async def test_what_happens_is_told_in_moments(
    cluster: Cluster, namespace: str, reader: dict[str, Any]
) -> None:
    crowd = f"{namespace[-6:]}-crowd"
    async with following(cluster, reader) as followed:
        await followed.until_link(UP, 20)
        await followed.tells(namespace, "fridge")
        place = (Kind.POD, Key(namespace, "fridge"))
        await apart(cluster.api.delete, f"/api/v1/namespaces/{namespace}/pods/fridge")
        await followed.until("Its end", lambda: place in followed.removed, 5)
        await followed.tells(namespace, "fridge")
        # What is known is told at the end of the turn.
        await followed.until("The second one", lambda: len(followed.uids[place]) > 1, 5)
        first, second = followed.uids[place]
        assert first != second
        assert followed.cluster.store(Kind.POD)[place[1]].uid == second
        names = {f"pod-{number}" for number in range(30)}
        await apart(cluster.kubectl, "create", "namespace", crowd)
        await apart(cluster.apply, [parked(crowd, name) for name in names])
        await followed.until(
            "Thirty pods", lambda: followed.names(Kind.POD, crowd) == names, 10
        )
        await apart(cluster.kubectl, "delete", "namespace", crowd, "--wait=false")
        await followed.until(
            "The end of the namespace",
            lambda: Key("", crowd) not in followed.cluster.store(Kind.NAMESPACE),
            30,
        )
        await followed.until_same()
        assert followed.names(Kind.POD, crowd) == set()
        assert followed.history == [UP]


@pytest.mark.parametrize("grace", [0, 10], ids=["killed", "stopped"])
async def test_an_api_server_that_restarts_takes_nothing_with_it(
    cluster: Cluster, namespace: str, reader: dict[str, Any], grace: float
) -> None:
    async with following(cluster, reader) as followed:
        await followed.until_link(UP, 20)
        await followed.tells(namespace, "fridge")
        await apart(cluster.control_plane.stop, API, grace=grace)
        stopped = time.monotonic()
        assert await followed.until_link(DOWN, 5) <= stopped + 5
        starting = asyncio.create_task(apart(cluster.control_plane.start))
        ready = await followed.until_ready()
        assert await followed.until_link(UP, 6) <= ready + 6
        await starting
        await followed.until_same()
        await followed.tells(namespace, "radio")
        assert followed.history == [UP, DOWN, UP]
        # A server that just started refuses everybody for a moment: that is no denial.
        assert followed.cluster.denied == followed.cluster.absent == frozenset()
        assert followed.lost(namespace) == set()


async def test_an_etcd_that_restarts_takes_nothing_with_it(
    cluster: Cluster, namespace: str, reader: dict[str, Any]
) -> None:
    async with following(cluster, reader) as followed:
        await followed.until_link(UP, 20)
        await followed.tells(namespace, "fridge")
        await apart(faults.restart, cluster, ETCD, kill=True)
        ready = await followed.until_ready()
        assert await followed.until_link(UP, 6) <= ready + 6
        await followed.until_same()
        await followed.tells(namespace, "radio")
        assert followed.cluster.denied == frozenset()
        assert followed.lost(namespace) == set()


@pytest.mark.usefixtures("short_watches")
async def test_after_a_compaction_one_read_replaces_all(
    cluster: Cluster, namespace: str, reader: dict[str, Any]
) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    async with following(cluster, reader, PODS) as followed:
        client = followed.client
        await followed.until_link(UP, 20)
        for name in ("fridge", "radio"):
            await followed.tells(namespace, name)
        # Between two watches everything changes that was known of the past.
        client.gate.clear()
        await followed.until("The end of a watch", lambda: client.waiting, 10)
        await apart(cluster.api.delete, f"{path}/fridge")
        await apart(cluster.apply, parked(namespace, "kettle"))
        await apart(faults.compact, cluster)
        await apart(faults.restart, cluster, API, kill=True)
        assert followed.names(Kind.POD, namespace) == {"fridge", "radio"}
        reads = client.reads
        opened = time.monotonic()
        client.gate.set()
        await followed.until(
            "The new read",
            lambda: followed.names(Kind.POD, namespace) == {"radio", "kettle"},
            10,
        )
        await followed.until_same()
        resumed = [params for at, _, params in client.watches if at >= opened][0]
        assert "sendInitialEvents" not in resumed, "the old version was not tried"
        assert client.reads == reads + 1
        assert followed.history == [UP]
        assert followed.lost(namespace) == {"fridge"}


@pytest.mark.timeout(180)
async def test_a_restored_snapshot_brings_back_what_was(
    cluster: Cluster, namespace: str, reader: dict[str, Any], tmp_path: Path
) -> None:
    async with following(cluster, reader) as followed:
        await followed.until_link(UP, 20)
        await followed.tells(namespace, "fridge")
        await apart(faults.snapshot, cluster, tmp_path / "snapshot")
        for name in ("radio", "kettle"):
            await followed.tells(namespace, name)
        await apart(cluster.api.delete, f"/api/v1/namespaces/{namespace}/pods/fridge")
        await followed.until(
            "The fridge's end",
            lambda: "fridge" not in followed.names(Kind.POD, namespace),
            5,
        )
        await apart(faults.restore, cluster, tmp_path / "snapshot")
        await followed.until(
            "The past",
            lambda: followed.names(Kind.POD, namespace) == {"fridge"},
            10,
        )
        await followed.until_same()
        assert followed.cluster.link is UP
        await followed.tells(namespace, "lamp")
        assert followed.cluster.denied == frozenset()


@pytest.mark.timeout(180)
async def test_a_silent_server_is_noticed_and_found_again(
    cluster: Cluster, namespace: str, reader: dict[str, Any]
) -> None:
    async with following(cluster, reader) as followed:
        await followed.until_link(UP, 20)
        await followed.tells(namespace, "fridge")
        await apart(faults.wifi_down, cluster, "control-plane")
        cut = time.monotonic()
        assert await followed.until_link(DOWN, 80) <= cut + 80
        assert "fridge" in followed.names(Kind.POD, namespace)
        await apart(faults.wifi_up, cluster, "control-plane")
        ready = await followed.until_ready()
        assert await followed.until_link(UP, 6) <= ready + 6
        await followed.until_same()
        await followed.tells(namespace, "radio")
        assert followed.history == [UP, DOWN, UP]
        assert followed.lost(namespace) == set()


async def test_a_server_that_freezes_for_moments_is_waited_for(
    cluster: Cluster, namespace: str, reader: dict[str, Any]
) -> None:
    faults.freeze_api(cluster)
    async with following(cluster, reader) as followed:
        # It takes the connection and says nothing.
        assert not await followed.cluster.wait_synced(4)
        assert followed.cluster.link in (LinkState.CONNECTING, DOWN)
        assert not followed.mirror[Kind.NODE]
        faults.thaw_api(cluster)
        ready = await followed.until_ready()
        assert await followed.until_link(UP, 6) <= ready + 6
        before = len(followed.links)
        faults.freeze_api(cluster)
        with pytest.raises(Unreachable):
            await followed.client.request("GET", "/version", timeout=4)
        faults.thaw_api(cluster)
        await followed.tells(namespace, "fridge")
        await followed.until_same()
        assert len(followed.links) == before


async def test_over_a_slow_link_everything_comes_only_later(
    cluster: Cluster, namespace: str, reader: dict[str, Any]
) -> None:
    await apart(
        faults.slow_link, cluster, "control-plane", delay_ms=200, loss_percent=10
    )
    async with following(cluster, reader) as followed:
        await followed.until_link(UP, 60)
        await followed.tells(namespace, "fridge", 20)
        await apart(
            faults.slow_link, cluster, "control-plane", delay_ms=0, loss_percent=0
        )
        await followed.until_link(UP, 20)
        await followed.until_same()
        assert followed.lost(namespace) == set()


@pytest.mark.usefixtures("short_watches")
async def test_a_right_that_is_taken_away_is_missed_and_used_again(
    cluster: Cluster,
    namespace: str,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A review lets what it contradicts begin anew, so the denial must fit between two of them.
    monkeypatch.setattr(cluster_module, "REVIEW_EVERY", 10.0)
    monkeypatch.setattr(reflector_module, "PERSISTENT_SECONDS", 4.0)
    account.grant("RoleBinding", "reading")
    kinds = {Kind.POD: (namespace,), Kind.DEPLOYMENT: (namespace,)}
    denied = frozenset((kind, namespace) for kind in kinds)

    def allowed() -> bool:
        access = followed.access
        return access is not None and access.allows(
            "watch", Kind.POD, namespace=namespace
        )

    async with following(cluster, account.data, kinds) as followed:
        await followed.until_link(UP, 20)
        await followed.tells(namespace, "fridge")
        await followed.until("A review", allowed, 15)
        await apart(cluster.kubectl, "delete", "rolebinding/reading", "-n", namespace)
        began = time.monotonic()
        # The server itself needs a moment to know.
        await until(partial(forbidden, followed.client, namespace), 5)
        await followed.until("A review without it", lambda: not allowed(), 15)
        await followed.until(
            "The denial", lambda: followed.cluster.denied == denied, 20
        )
        assert time.monotonic() - began >= reflector_module.PERSISTENT_SECONDS
        # What was known stays known.
        assert followed.names(Kind.POD, namespace) == {"fridge"}
        await apart(account.grant, "RoleBinding", "reading")
        await followed.until("The right", lambda: not followed.cluster.denied, 15)
        await followed.until_link(UP, 10)
        await followed.tells(namespace, "radio")
        await followed.until_same()
        assert followed.lost(namespace) == set()


@pytest.mark.usefixtures("short_watches")
async def test_tokens_change_and_watches_end_without_anybody_noticing(
    cluster: Cluster, namespace: str, account: Account
) -> None:
    account.grant("RoleBinding", "reading")
    kinds = {Kind.POD: (namespace,)}
    old = account.token.read_text()
    names = ["follower", *(f"follower-{turn}" for turn in range(3))]
    async with following(cluster, account.data, kinds) as followed:
        await followed.until_link(UP, 20)
        for last, new in pairwise(names):
            await apart(account.grant, "RoleBinding", f"reading-of-{new}", account=new)
            token = await apart(account.become, new)
            await apart(
                cluster.kubectl, "delete", "serviceaccount", last, "-n", namespace
            )
            await until(partial(refused, cluster, old), 30)
            opened, old = followed.client.opened(Kind.POD), token
            await followed.until(
                "A watch with the new token",
                partial(followed.client.has_opened, Kind.POD, opened + 1),
                10,
            )
            await followed.tells(namespace, f"pod-of-{new}")
        await followed.until_same()
        assert followed.history == [UP]
        assert followed.client.opened(Kind.POD) >= 6
        assert followed.lost(namespace) == set()


@pytest.mark.timeout(240)
async def test_a_new_authority_is_trusted_once_its_file_was_read_again(
    cluster: Cluster, namespace: str, reader: dict[str, Any]
) -> None:
    # The file is read every 6 s instead of every minute.
    async with following(
        cluster, reader, clock=lambda: time.monotonic() * 10
    ) as followed:
        await followed.until_link(UP, 20)
        await followed.tells(namespace, "fridge")
        await apart(faults.rotate_certificates, cluster, new_authority=True)
        await followed.until_link(UP, 15)
        await followed.until_same()
        await followed.tells(namespace, "radio")
        assert DOWN in followed.history
        assert followed.cluster.denied == frozenset()


@pytest.mark.timeout(700)
async def test_the_loop_is_held_only_for_moments_while_a_thousand_pods_come_and_go(
    cluster: Cluster, namespace: str, reader: dict[str, Any]
) -> None:
    crowd = f"{namespace[-6:]}-crowd"
    gaps = []
    # Neither the traces of a loop in debug mode nor the garbage of other tests is ours.
    asyncio.get_running_loop().set_debug(enabled=False)
    gc.collect()
    gc.freeze()

    async def tick() -> None:
        while True:
            # The thread's own clock: what others do to the machine is not ours.
            before = time.thread_time()
            await asyncio.sleep(0.001)
            gaps.append(time.thread_time() - before)

    async with following(cluster, reader, mirrored=False) as followed:
        await followed.until_link(UP, 20)
        ticking = asyncio.create_task(tick())
        try:
            await apart(cluster.kubectl, "create", "namespace", crowd)
            await apart(cluster.apply, [parked_crowd(crowd, "crowd", 1000)])
            await followed.until(
                "A thousand pods",
                lambda: len(followed.names(Kind.POD, crowd)) == 1000,
                300,
            )
            await apart(cluster.kubectl, "delete", "namespace", crowd, "--wait=false")
            await followed.until(
                "The last pod's end", lambda: not followed.names(Kind.POD, crowd), 300
            )
        finally:
            ticking.cancel()
        await followed.until_same()
        assert followed.mirror == {
            kind: followed.cluster.store(kind) for kind in EVERYTHING
        }
        assert followed.history == [UP]
        assert max(gaps) <= 0.02, sorted(gaps)[-5:]
    gc.unfreeze()
