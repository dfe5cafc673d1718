"""Which object belongs to which device, change by change."""

from collections.abc import Iterable
import random
import time

from msgspec.structs import replace
import pytest

from custom_components.home_cluster.kube.schema import (
    HINT_PREFIX,
    Autoscaler,
    Condition,
    Key,
    Kind,
    Namespace,
    Owner,
    Record,
    Ref,
    Volume,
    VolumeClaim,
)
from custom_components.home_cluster.model.index import Affected, Index, pod_home
from custom_components.home_cluster.model.view import workload_view
from custom_components.home_cluster.model.views import Status, WorkloadView

from .world import (
    LONG_AGO,
    NOW,
    TEMPLATE,
    Stores,
    ago,
    container,
    cron_job,
    deployment,
    event,
    index_of,
    job,
    job_pod,
    kind_of,
    node,
    pod,
    ready_condition,
    running,
    stateful_pod,
    stateful_set,
    stores_of,
    take_in,
)

FRIDGE = Ref(Kind.DEPLOYMENT, "kitchen", "fridge")
JAZZ = Ref(Kind.STATEFUL_SET, "kitchen", "jazz")
BACKUP = Ref(Kind.CRON_JOB, "kitchen", "backup")
RUN = Ref(Kind.JOB, "kitchen", "backup-1")


class House:
    """Stores with their index, changed as watches do."""

    def __init__(self, *records: Record) -> None:
        """Fill the stores and the index."""
        self.stores: Stores = stores_of(*records)
        self.index = index_of(self.stores)

    def put(self, record: Record) -> Affected:
        """Add or change a record."""
        kind = kind_of(record)
        self.stores[kind][record.key] = record
        return take_in(self.index, {kind: {record.key}})

    def drop(self, record: Record) -> Affected:
        """Remove a record."""
        kind = kind_of(record)
        del self.stores[kind][record.key]
        return take_in(self.index, {kind: {record.key}})

    def view(self, ref: Ref) -> WorkloadView:
        """Return a device."""
        found = self.index.situation(ref, NOW)
        assert found is not None
        return workload_view(found)

    def pods(self, ref: Ref) -> list[str]:
        """Return the names of a workload's pods."""
        situation = self.index.situation(ref, NOW)
        assert situation is not None
        return [one.name for one in situation.pods]


@pytest.mark.parametrize(
    ("owner", "template_hash", "home"),
    [
        (Owner("ReplicaSet", "fridge-abc"), "abc", FRIDGE),
        (
            Owner("ReplicaSet", "fridge-door-5f6"),
            "5f6",
            Ref(Kind.DEPLOYMENT, "kitchen", "fridge-door"),
        ),
        (Owner("ReplicaSet", "lonely"), "", None),
        (Owner("StatefulSet", "jazz"), "", JAZZ),
        (Owner("DaemonSet", "weather"), "", Ref(Kind.DAEMON_SET, "kitchen", "weather")),
        (Owner("Job", "backup-1"), "", RUN),
        (Owner("Node", "pi-attic"), "", None),
        (None, "", None),
    ],
)
def test_a_pod_belongs_to_its_workload(
    owner: Owner | None, template_hash: str, home: Ref | None
) -> None:
    assert pod_home(pod(owner=owner, template_hash=template_hash)) == home


def test_a_pod_affects_only_its_workload_and_the_node_it_takes_a_place_on() -> None:
    house = House(deployment(), stateful_set(), stateful_pod())
    affected = house.put(pod())
    assert affected.workloads == {FRIDGE}
    assert affected.nodes == {"pi-attic"}
    assert house.put(pod(ready=False)).nodes == set()
    assert house.pods(FRIDGE) == ["fridge-abc-1"]
    assert house.drop(pod()).workloads == {FRIDGE}
    assert house.pods(FRIDGE) == []


def test_a_pod_that_changes_hands_affects_both() -> None:
    house = House(deployment(), stateful_set(), pod())
    adopted = replace(pod(), owner=Owner("StatefulSet", "jazz"), template_hash="")
    assert house.put(adopted).workloads == {FRIDGE, JAZZ}
    assert house.pods(FRIDGE) == []
    assert house.pods(JAZZ) == ["fridge-abc-1"]


def test_a_pod_of_nobodys_affects_nothing() -> None:
    house = House(deployment())
    stray = pod("stray", owner=None)
    assert house.put(stray).workloads == set()
    assert house.drop(stray).workloads == set()


def test_pods_may_come_before_their_workload() -> None:
    house = House(pod())
    assert house.index.situation(FRIDGE, NOW) is None
    assert house.put(deployment()).workloads == {FRIDGE}
    assert house.pods(FRIDGE) == ["fridge-abc-1"]


def test_a_workload_that_goes_is_affected_and_gone() -> None:
    house = House(deployment())
    assert house.drop(deployment()).workloads == {FRIDGE}
    assert house.index.situation(FRIDGE, NOW) is None


def test_a_run_belongs_to_its_cron_job() -> None:
    house = House(cron_job())
    assert house.put(job()).workloads == {RUN, BACKUP}
    assert house.put(job_pod()).workloads == {RUN, BACKUP}
    situation = house.index.situation(BACKUP, NOW)
    assert situation is not None
    assert [one.name for one in situation.jobs] == ["backup-1"]
    assert [one.name for one in situation.pods] == ["backup-1-x"]
    assert house.drop(job()).workloads == {RUN, BACKUP}
    assert house.pods(BACKUP) == []


def test_a_run_that_is_let_go_belongs_to_itself() -> None:
    house = House(cron_job(), job())
    assert house.put(job(owner=None)).workloads == {RUN, BACKUP}
    situation = house.index.situation(BACKUP, NOW)
    assert situation is not None
    assert situation.jobs == ()


def test_a_node_affects_the_workloads_with_pods_there_and_those_that_wait_for_one() -> (
    None
):
    house = House(
        deployment(),
        stateful_set(),
        pod(),
        stateful_pod(node="pi-cellar"),
        pod("probe-1", owner=Owner("DaemonSet", "probe"), node=""),
        node("pi-attic"),
        node("pi-cellar"),
    )
    affected = house.put(node("pi-attic", lost=1))
    assert affected.nodes == {"pi-attic"}
    assert affected.workloads == {FRIDGE, Ref(Kind.DAEMON_SET, "kitchen", "probe")}


def test_a_heartbeat_affects_no_workload() -> None:
    house = House(deployment(), pod(), node("pi-attic"))
    affected = house.put(node("pi-attic", resource_version="2"))
    assert affected == Affected(set(), {"pi-attic"}, [])


def test_a_loss_is_counted_from_its_beginning() -> None:
    house = House(deployment(), pod(ready=False), node("pi-attic", lost=70))
    not_ready = Condition("Ready", "False", "KubeletNotReady", "", ago(2))
    house.put(node("pi-attic", conditions=(not_ready,)))
    seen = house.index.node("pi-attic", NOW)
    assert seen is not None
    assert (seen.lost_since, seen.problem) == (ago(70), True)
    house.put(node("pi-attic"))
    house.put(node("pi-attic", lost=2))
    seen = house.index.node("pi-attic", NOW)
    assert seen is not None
    assert (seen.lost_since, seen.problem) == (ago(2), None)
    house.drop(node("pi-attic"))
    assert house.index.node("pi-attic", NOW) is None


def test_an_event_affects_the_device_that_it_is_about() -> None:
    house = House(deployment(), cron_job(), job(), job_pod(), pod())
    about_pod = event(pod(), "BackOff", "Back-off restarting failed container")
    assert house.put(about_pod).workloads == {FRIDGE}
    assert house.put(event(deployment(), "Strange")).workloads == {FRIDGE}
    assert house.put(event(job_pod(), "Failed")).workloads == {RUN, BACKUP}
    situation = house.index.situation(FRIDGE, NOW)
    assert situation is not None
    assert {one.reason for one in situation.events} == {"BackOff", "Strange"}
    assert house.drop(about_pod).workloads == {FRIDGE}
    situation = house.index.situation(FRIDGE, NOW)
    assert situation is not None
    assert {one.reason for one in situation.events} == {"Strange"}


def test_events_about_a_pod_that_is_gone_remain_with_its_workload() -> None:
    house = House(deployment(), pod(), pod("fridge-abc-2"))
    about = event(pod(), "Evicted")
    house.put(about)
    house.drop(pod())
    house.drop(pod("fridge-abc-2"))

    def told() -> list[str]:
        situation = house.index.situation(FRIDGE, NOW)
        assert situation is not None
        return [one.reason for one in situation.events]

    assert told() == ["Evicted"]
    house.put(pod())
    assert told() == ["Evicted"]
    house.drop(pod())
    house.drop(about)
    assert told() == []
    assert not house.index._telling
    assert not house.index._telling._gone


def test_events_about_pods_that_nobody_has_seen_are_told_by_their_names() -> None:
    weather = deployment(kind=Kind.DAEMON_SET, name="weather")
    house = House(deployment(), stateful_set(), weather)
    for name, ref in (
        ("weather-x5tgx", Ref(Kind.DAEMON_SET, "kitchen", "weather")),
        ("fridge-5789766fcb-9czqt", FRIDGE),
        ("jazz-0", JAZZ),
    ):
        gone = pod(name)
        assert house.put(event(gone, "Evicted")).workloads == {ref}
        situation = house.index.situation(ref, NOW)
        assert situation is not None
        assert [one.about_name for one in situation.events] == [name]
    assert house.put(event(pod("garage-door-1"), "Evicted")).workloads == set()
    house.put(pod("fridge-5789766fcb-9czqt"))
    assert FRIDGE not in house.index._telling._gone


def test_an_event_about_something_else_affects_nothing() -> None:
    house = House(deployment())
    stranger = event(pod("stray", owner=None), "BackOff")
    assert house.put(stranger).workloads == set()
    assert (
        house.put(replace(stranger, about_kind="Node", about_name="pi-attic")).workloads
        == set()
    )


def volume(name: str) -> VolumeClaim:
    """Return a volume claim."""
    return VolumeClaim(
        namespace="kitchen", name=name, uid=name, resource_version="1", phase="Bound"
    )


def test_a_claim_affects_the_workloads_that_mount_it() -> None:
    house = House(deployment(), stateful_set(), pod(claims=("data",)), stateful_pod())
    assert house.put(volume("data")).workloads == {FRIDGE}
    assert house.put(volume("other")).workloads == set()
    situation = house.index.situation(FRIDGE, NOW)
    assert situation is not None
    assert [one.name for one in situation.claims] == ["data"]
    house.drop(pod(claims=("data",)))
    assert house.put(volume("data")).workloads == set()


def test_a_stateful_set_that_is_off_keeps_its_claims() -> None:
    jazz = stateful_set(desired=1, claim_templates=("music",))
    house = House(jazz, volume("music-jazz-0"), volume("music-jazz-1"))
    situation = house.index.situation(JAZZ, NOW)
    assert situation is not None
    assert [one.name for one in situation.claims] == ["music-jazz-0", "music-jazz-1"]
    assert house.put(volume("music-jazz-0")).workloads == {JAZZ}
    assert house.put(volume("other-jazz-0")).workloads == set()
    assert house.put(volume("music-jazz-x")).workloads == set()


def test_a_deployment_that_is_off_keeps_its_claims() -> None:
    off = deployment(desired=0, template=replace(TEMPLATE, claims=("data",)))
    house = House(off)
    assert house.put(volume("data")).workloads == {FRIDGE}
    house.put(deployment(desired=0))
    assert house.put(volume("data")).workloads == set()


def test_a_volume_affects_those_whose_claim_it_is_for() -> None:
    house = House(deployment(), pod(claims=("data",)), volume("data"), node("pi-attic"))
    local = Volume(
        name="pv-1",
        uid="pv-1",
        resource_version="1",
        kind="local",
        hostname="pi-attic",
        claim=Key("kitchen", "data"),
    )
    assert house.put(local).workloads == {FRIDGE}
    away = node("pi-attic", lost=90)
    assert FRIDGE in house.put(away).workloads
    assert house.drop(local).workloads == {FRIDGE}
    assert house.put(replace(local, claim=None)).workloads == set()


def scaler(target: str = "fridge") -> Autoscaler:
    """Return an autoscaler of a Deployment."""
    return Autoscaler(
        namespace="kitchen",
        name="auto",
        uid="auto",
        resource_version="1",
        target_kind="Deployment",
        target_name=target,
        minimum=1,
        maximum=3,
    )


def test_an_autoscaler_belongs_to_its_target() -> None:
    house = House(deployment(), deployment(name="freezer"))
    freezer = Ref(Kind.DEPLOYMENT, "kitchen", "freezer")
    assert house.put(scaler()).workloads == {FRIDGE}
    seen = house.view(FRIDGE)
    assert seen.autoscaler is not None
    assert (seen.autoscaler.name, seen.autoscaler.maximum) == ("auto", 3)
    assert house.put(scaler("freezer")).workloads == {FRIDGE, freezer}
    seen = house.view(FRIDGE)
    assert seen.autoscaler is None
    assert house.drop(scaler("freezer")).workloads == {freezer}
    assert house.put(replace(scaler(), target_kind="Widget")).workloads == set()


def namespace(**labels: str) -> Namespace:
    """Return the namespace kitchen."""
    return Namespace(name="kitchen", uid="k", resource_version="1", labels=labels)


def test_a_namespace_that_becomes_the_systems_takes_its_devices_along() -> None:
    house = House(deployment(), deployment(namespace="media"), namespace())
    assert house.index.is_chosen(FRIDGE, "all", frozenset())
    marked = namespace(**{f"{HINT_PREFIX}system": "true"})
    assert house.put(marked).workloads == {FRIDGE}
    elsewhere = Ref(Kind.DEPLOYMENT, "media", "fridge")
    assert house.index.is_chosen(elsewhere, "all", frozenset())
    assert not house.index.is_chosen(FRIDGE, "all", frozenset())
    assert house.put(marked).workloads == set()


def test_what_is_not_there_is_not_chosen() -> None:
    assert not House().index.is_chosen(FRIDGE, "all", frozenset())


def big_house() -> Stores:
    """Return ten thousand pods in three hundred workloads on four nodes."""
    records: list[Record] = [
        deployment(
            name=f"device-{number}", desired=33, current=33, ready=33, updated=33
        )
        for number in range(300)
    ]
    records += [node(f"node-{number}") for number in range(4)]
    model = pod()
    containers = (container(current=running()),)
    for number in range(10_000):
        owner = f"device-{number % 300}-abc"
        records.append(
            replace(
                model,
                name=f"{owner}-{number}",
                uid=str(number),
                owner=Owner("ReplicaSet", owner),
                node=f"node-{number % 4}",
                created=LONG_AGO,
                conditions=(ready_condition(),),
                containers=containers,
            )
        )
    return stores_of(*records)


def fastest(times: Iterable[float]) -> float:
    """Return the best of several times: what the machine does besides only ever adds."""
    return min(times)


def test_ten_thousand_pods_are_taken_in_without_holding_the_loop() -> None:
    stores = big_house()
    whole: list[float] = []
    longest: list[float] = []
    for _ in range(3):
        index = Index(stores.__getitem__)
        gaps: list[float] = []
        before = time.process_time()
        for _part in index.steps({kind: list(store) for kind, store in stores.items()}):
            gaps.append(time.process_time() - before)
            before = time.process_time()
        whole.append(sum(gaps))
        longest.append(max(gaps))
    assert fastest(whole) < 0.06
    assert fastest(longest) < 0.005


def test_a_change_costs_the_same_in_a_big_house() -> None:
    stores = big_house()
    index = index_of(stores)
    keys = list(stores[Kind.POD])[:1000]
    times: list[float] = []
    for _ in range(3):
        before = time.process_time()
        for key in keys:
            affected = take_in(index, {Kind.POD: {key}})
            assert len(affected.workloads) == 1
        times.append((time.process_time() - before) / len(keys))
    assert fastest(times) < 0.0001


def test_after_any_changes_the_index_is_as_one_made_afresh() -> None:
    dice = random.Random(4)
    house = House()
    for _ in range(2000):
        number = dice.randrange(12)
        owner = dice.choice(
            [
                Owner("ReplicaSet", "fridge-abc"),
                Owner("StatefulSet", "jazz"),
                Owner("Job", "backup-1"),
                None,
            ]
        )
        one: Record = dice.choice(
            [
                pod(
                    f"pod-{number}",
                    owner=owner,
                    template_hash="abc" if owner and owner.kind == "ReplicaSet" else "",
                    node=dice.choice(["", "pi-attic", "pi-cellar"]),
                    claims=dice.choice([(), ("data",), ("data", "music")]),
                ),
                job(owner=dice.choice([None, Owner("CronJob", "backup")])),
                node(
                    dice.choice(["pi-attic", "pi-cellar"]),
                    lost=dice.choice([None, 5, 80]),
                ),
                event(pod(f"pod-{number}"), dice.choice(["BackOff", "Failed"])),
                scaler(dice.choice(["fridge", "freezer"])),
                deployment(),
                stateful_set(),
                cron_job(),
                volume(dice.choice(["data", "music"])),
            ]
        )
        if one.key in house.stores[kind_of(one)] and dice.random() < 0.4:
            house.drop(one)
        else:
            house.put(one)
    fresh = index_of(house.stores)
    for ref in (FRIDGE, JAZZ, BACKUP, RUN):
        kept, made = house.index.situation(ref, NOW), fresh.situation(ref, NOW)
        if kept is None or made is None:
            assert kept is made
            continue
        assert kept.pods == made.pods
        assert kept.jobs == made.jobs
        there = {pod.name for pod in made.pods}
        assert sorted(e.name for e in kept.events if e.about_name in there) == sorted(
            e.name for e in made.events
        )
        assert kept.claims == made.claims
        assert kept.autoscaler == made.autoscaler
    assert house.index._on_node == fresh._on_node
    assert house.index._claimed == fresh._claimed
    assert house.index._pods == fresh._pods


def test_the_view_of_a_device_is_made_from_its_situation() -> None:
    house = House(deployment(), pod())
    seen = house.view(FRIDGE)
    assert seen.health.status is Status.RUNNING
