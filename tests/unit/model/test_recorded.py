"""What is said of devices that failed on a real cluster (Kubernetes 1.37), from recordings."""

from datetime import datetime, timedelta
import json
from pathlib import Path

import pytest

from custom_components.home_cluster.kube.schema import Key, Kind, Record, Ref
from custom_components.home_cluster.kube.wire import decode_item
from custom_components.home_cluster.model.health import health
from custom_components.home_cluster.model.situation import Situation
from custom_components.home_cluster.model.views import Reason, Status

from .world import Stores, index_of

RECORDED = Path(__file__).parent / "recorded"


def load(name: str, *, events: bool = True, later: float = 0) -> Situation:
    """Return a recorded situation, with or without the right to read Events."""
    recorded = json.loads((RECORDED / f"{name}.json").read_text())
    stores: Stores = {kind: {} for kind in Kind}
    for one in recorded["objects"]:
        kind = Kind(one["kind"])
        record = decode_item(kind, json.dumps(one).encode())
        if isinstance(record, Record) and (events or kind is not Kind.EVENT):
            stores[kind][Key(record.namespace, record.name)] = record
    kind, namespace, device = recorded["ref"]
    now = datetime.fromisoformat(recorded["now"]) + timedelta(seconds=later)
    found = index_of(stores).situation(Ref(Kind(kind), namespace, device), now)
    assert found is not None
    return found


# Recording | reason | status (* depends on the moment) | container | exit code | words of the sentence
TABLE = """
crash-exit-3                        | crash_loop               | failing  | agent     | 3   | exit code 3
crash-sidecar                       | crash_loop               | failing  | proxy     | 4   | Sidecar proxy
crash-second-both-nodes             | crash_loop               | *        | logger    | 7   | Container logger
crash-ends-by-itself                | crash_loop               | failing  | player    | 0   | ends by itself
crash-daemon-set                    | crash_loop               | failing  | sensor    | 2   | exit code 2
crash-runs-in-between               | crash_loop               | degraded | agent     | 5   | exit code 5
crash-new-template                  | crash_loop               | degraded | agent     | 9   | exit code 9
crash-job-on-failure                | crash_loop               | failing  | copy      | 6   | exit code 6
oom-main                            | oom_killed               | failing  | agent     | 137 | more memory
oom-sidecar                         | oom_killed               | failing  | proxy     | 137 | Sidecar proxy
oom-second-both-nodes               | oom_killed               | *        | cache     | 137 | Container cache
oom-init                            | oom_killed               | failing  | restore   | 137 | Init container restore
oom-once                            | oom_killed               | degraded | agent     | 137 | more memory
image-tag                           | image_not_found          | failing  | agent     | -   | home/fridge:v9.9.9 does not exist
image-init                          | image_not_found          | failing  | prepare   | -   | home/freezer:v1.0.0
image-sidecar                       | image_not_found          | failing  | proxy     | -   | Sidecar proxy
image-second-both-nodes             | image_not_found          | failing  | logger    | -   | log:none
image-invalid-name                  | image_not_found          | failing  | agent     | -   | not a valid image name
image-never-pulled                  | image_not_found          | failing  | agent     | -   | forbids fetching
image-registry-refuses              | image_not_found          | failing  | agent     | -   | 192.168.244.1:5999 does not answer
image-registry-unknown              | image_not_found          | failing  | agent     | -   | registry.invalid does not answer
image-cron-job                      | image_not_found          | failing  | agent     | -   | home/backup:v0
image-new-template                  | image_not_found          | degraded | agent     | -   | home/fridge:v7.7.7
denied-main                         | image_pull_denied        | failing  | agent     | -   | 192.168.244.1:5001
denied-init                         | image_pull_denied        | failing  | prepare   | -   | Init container prepare
denied-wrong-password               | image_pull_denied        | failing  | logger    | -   | Container logger
architecture-pull                   | image_wrong_architecture | failing  | agent     | -   | (amd64)
architecture-pull-init              | image_wrong_architecture | failing  | prepare   | -   | (amd64)
architecture-pull-second-both-nodes | image_wrong_architecture | failing  | logger    | -   | (amd64)
architecture-exec                   | image_wrong_architecture | failing  | agent     | -   | (amd64)
architecture-exec-sidecar           | image_wrong_architecture | failing  | proxy     | -   | (amd64)
architecture-exec-init              | image_wrong_architecture | failing  | prepare   | -   | (amd64)
architecture-exec-silent            | crash_loop               | failing  | agent     | 1   | exit code 1
config-map                          | config_missing           | failing  | agent     | -   | the ConfigMap kitchen does not exist
config-secret-init                  | config_missing           | failing  | prepare   | -   | the Secret kitchen-keys does not exist
config-map-key-second               | config_missing           | failing  | logger    | -   | the ConfigMap settings has no key level
config-secret-sidecar               | config_missing           | failing  | proxy     | -   | the Secret proxy-keys does not exist
config-volume-map                   | config_missing           | failing  | -         | -   | the ConfigMap kitchen does not exist
config-volume-secret                | config_missing           | failing  | -         | -   | the Secret kitchen-keys does not exist
config-volume-key                   | config_missing           | failing  | -         | -   | has no key tune
run-no-program                      | cannot_run               | failing  | agent     | 128 | /agent is not in the image
run-no-program-init                 | cannot_run               | failing  | prepare   | 128 | Init container prepare
run-no-program-sidecar              | cannot_run               | failing  | proxy     | 128 | Sidecar proxy
run-as-root                         | cannot_run               | failing  | agent     | -   | may not run as root
run-mount-over-file                 | cannot_run               | *        | logger    | 128 | mounted
run-no-account                      | cannot_run               | failing  | -         | -   | service account robot
run-no-account-stateful             | cannot_run               | failing  | -         | -   | service account robot
run-pod-security                    | cannot_run               | failing  | -         | -   | Pod Security
init-exit-1                         | init_failed              | failing  | prepare   | 1   | exit code 1
init-second-both-nodes              | init_failed              | failing  | migrate   | 12  | exit code 12
init-behind-sidecar                 | init_failed              | failing  | restore   | 2   | exit code 2
init-daemon-set                     | init_failed              | failing  | calibrate | 3   | exit code 3
ready-lost                          | readiness_failing        | failing  | agent     | -   | statuscode: 503
ready-lost-second                   | readiness_failing        | degraded | index     | -   | statuscode: 503
ready-lost-sidecar                  | readiness_failing        | failing  | proxy     | -   | Sidecar proxy
ready-lost-exec                     | readiness_failing        | failing  | agent     | -   | is not ready
live-hangs                          | liveness_restarts        | failing  | agent     | 137 | liveness probe
live-startup-second                 | liveness_restarts        | failing  | index     | 0   | startup probe
live-sidecar                        | liveness_restarts        | failing  | proxy     | 137 | Sidecar proxy
live-once                           | liveness_restarts        | degraded | agent     | 137 | was restarted
cpu-main                            | no_room_cpu              | failing  | -         | -   | CPU on 2 nodes
cpu-init-on-one-node                | no_room_cpu              | failing  | -         | -   | CPU on 1 node
cpu-and-memory                      | no_room_cpu              | failing  | -         | -   | memory on 2 nodes
cpu-daemon-set                      | no_room_cpu              | failing  | -         | -   | CPU on 1 node
memory-main                         | no_room_memory           | failing  | -         | -   | memory on 2 nodes
memory-sidecar-on-one-node          | no_room_memory           | failing  | -         | -   | memory on 1 node
memory-second-job                   | no_room_memory           | failing  | -         | -   | memory on 2 nodes
match-selector                      | no_matching_node         | failing  | -         | -   | node selector
match-affinity                      | no_matching_node         | failing  | -         | -   | node selector or affinity
match-anti-affinity                 | no_matching_node         | degraded | -         | -   | share a node
match-hardware                      | no_matching_node         | failing  | -         | -   | squat.ai/zigbee
port-three-on-two                   | port_in_use              | degraded | -         | -   | host port
port-sidecar                        | port_in_use              | degraded | -         | -   | host port
port-of-another                     | port_in_use              | failing  | -         | -   | host port
port-update                         | port_in_use              | degraded | -         | -   | host port
volume-no-claim                     | volume_pending           | failing  | -         | -   | claim music does not exist
volume-no-class                     | volume_pending           | failing  | -         | -   | claim data (storage class fast)
volume-template                     | volume_pending           | failing  | -         | -   | claim data-jazz-0
volume-no-stick                     | volume_pending           | failing  | -         | -   | /dev/ttyUSB9
quota-pods                          | quota                    | degraded | -         | -   | quota tight
quota-stateful                      | quota                    | degraded | -         | -   | quota tight
quota-daemon-set                    | quota                    | degraded | -         | -   | quota tight
quota-says-nothing                  | quota                    | failing  | -         | -   | does not state
quota-limit-range                   | quota                    | failing  | -         | -   | limit range
evicted-container                   | evicted                  | failing  | -         | -   | more temporary data
evicted-killed-both-nodes           | evicted                  | failing  | -         | -   | more temporary data
evicted-second-daemon-set           | evicted                  | failing  | -         | -   | more temporary data
evicted-sidecar-stateful            | evicted                  | failing  | -         | -   | more temporary data
deadline-start                      | deadline_exceeded        | failing  | agent     | -   | within 10 s
deadline-update                     | deadline_exceeded        | degraded | index     | -   | update was not finished
deadline-sidecar-both-nodes         | deadline_exceeded        | failing  | -         | -   | within 10 s
deadline-job                        | deadline_exceeded        | failing  | -         | -   | longer than it may
deadline-cron-job                   | deadline_exceeded        | failing  | -         | -   | longer than it may
stuck-switched-off                  | stuck_terminating        | failing  | -         | -   | finalizer
stuck-stateful                      | stuck_terminating        | failing  | -         | -   | finalizer
stuck-successor-ready               | stuck_terminating        | degraded | -         | -   | finalizer
job-exit-3                          | job_failed               | failing  | copy      | 3   | exit code 3
job-init                            | job_failed               | failing  | mount     | 32  | exit code 32
job-memory-second                   | job_failed               | failing  | index     | 137 | more memory
job-attempts                        | job_failed               | failing  | copy      | 4   | 3 failed attempts
job-cron-failed                     | job_failed               | failing  | copy      | 11  | exit code 11
job-cron-failed-forgotten           | job_failed               | failing  | -         | -   | did not succeed
"""


def rows(table: str) -> list[tuple[str, ...]]:
    """Return a table's rows, their cells without blanks."""
    return [
        tuple(cell.strip() for cell in row.split("|"))
        for row in table.strip().splitlines()
    ]


@pytest.mark.parametrize(
    ("name", "reason", "status", "container", "code", "words"), rows(TABLE)
)
def test_names_the_cause(
    name: str, reason: str, status: str, container: str, code: str, words: str
) -> None:
    said = health(load(name))
    assert (said.reason, said.problem) == (Reason(reason), True)
    assert status in (said.status, "*")
    assert (said.container or "-", str(said.exit_code)) == (
        container,
        code.replace("-", "None"),
    )
    assert words in said.message
    assert said.advice.endswith(".")
    assert said.since is not None


# Recording | status
WELL = """
fine-deployment          | running
fine-stateful-set        | running
fine-daemon-set          | running
fine-off                 | off
fine-starting            | starting
fine-updating            | updating
fine-updating-stateful   | updating
fine-paused              | paused
fine-suspended           | paused
fine-cron-job            | idle
fine-job-runs            | running
fine-job-done            | completed
fine-job-suspended       | paused
fine-healed              | running
not-stuck-long-grace     | stopping
"""


@pytest.mark.parametrize(("name", "status"), rows(WELL))
def test_finds_nothing_where_nothing_is(name: str, status: str) -> None:
    said = health(load(name))
    assert (said.status, said.problem, said.reason) == (status, False, Reason.NONE)
    assert (said.message, said.advice) == ("", "")


# Recording, while every node was tainted, cordoned, or one so and one so | words of the sentence
CLOSED = """
tainted-deployment    | 2 nodes repel it by a taint (power)
tainted-on-one-node   | 2 nodes repel it by a taint (power)
tainted-job           | 2 nodes repel it by a taint (power)
cordoned-deployment   | 2 nodes are closed for new pods (cordoned)
cordoned-on-one-node  | 2 nodes are closed for new pods (cordoned)
cordoned-job          | 2 nodes are closed for new pods (cordoned)
both-deployment       | 1 node repels it by a taint (power); 1 node is cordoned
both-on-one-node      | 1 node repels it by a taint (power); 1 node is cordoned
both-job              | 1 node repels it by a taint (power); 1 node is cordoned
"""


@pytest.mark.parametrize(("name", "words"), rows(CLOSED))
def test_names_what_closes_the_nodes(name: str, words: str) -> None:
    said = health(load(name))
    assert (said.status, said.reason) == (Status.FAILING, Reason.NODE_TAINTED)
    assert words in said.message


# Recording of a device whose node was away | at first | after the flicker window | when back, a moment | later
LOSSES = """
lost-deployment     | unknown | failing node_lost           | *       | running
lost-one-of-two     | unknown | degraded node_lost          | *       | running
lost-daemon-set     | unknown | degraded node_lost          | *       | running
lost-leaving        | unknown | failing node_lost           | *       | running
lost-moved          | *       | running                     | running | running
lost-no-other       | unknown | failing node_lost           | *       | running
lost-volume         | unknown | failing volume_on_lost_node | *       | running
lost-volume-second  | unknown | failing volume_on_lost_node | *       | running
lost-volume-job     | unknown | failing volume_on_lost_node | *       | *
"""


@pytest.mark.parametrize(("name", "flicker", "over", "back", "well"), rows(LOSSES))
def test_a_loss_of_a_node_is_unknown_first_and_a_problem_after_the_window(
    name: str, flicker: str, over: str, back: str, well: str
) -> None:
    for when, expected in (
        ("flicker", flicker),
        ("over", over),
        ("back", back),
        ("well", well),
    ):
        said = health(load(f"{name}-{when}"))
        status, _, reason = expected.partition(" ")
        assert status in (said.status, "*"), (when, said)
        if reason:
            assert (said.problem, said.reason) == (True, Reason(reason)), (when, said)
            assert "pi-attic" in said.message
        elif when != "back" or said.problem is not None:
            # In the moment of its return a node's pods have not yet told how they are.
            assert said.problem is (None if said.status is Status.UNKNOWN else False), (
                when,
                said,
            )


# Without right to read Events these are told less exactly, or not at all: recording | what is left
BY_EVENTS = {
    "config-volume-map": Reason.NONE,
    "config-volume-secret": Reason.NONE,
    "config-volume-key": Reason.NONE,
    "volume-no-stick": Reason.NONE,
    "run-no-account-stateful": Reason.NONE,
    "run-pod-security": Reason.NONE,
    "quota-stateful": Reason.NONE,
    "quota-daemon-set": Reason.NONE,
    "quota-says-nothing": Reason.NONE,
    "live-once": Reason.NONE,
    "live-startup-second": Reason.CRASH_LOOP,
    "evicted-second-daemon-set": Reason.NONE,
    "evicted-sidecar-stateful": Reason.NONE,
}


@pytest.mark.parametrize(("name", "reason"), [row[:2] for row in rows(TABLE)])
def test_names_the_cause_from_the_objects_alone(name: str, reason: str) -> None:
    said = health(load(name, events=False))
    assert said.reason is BY_EVENTS.get(name, Reason(reason))


@pytest.mark.parametrize("name", [row[0] for row in rows(TABLE)])
def test_no_sentence_tells_what_a_program_was_given(name: str) -> None:
    said = health(load(name))
    assert "not-to-be-told" not in said.message + said.advice
    assert "\n" not in said.message


# Told by more than the device's own objects, some by Home Assistant's own states: each has tests of its own.
# Nor has the testbed a stick to plug in: test_scheduling.py has what a device plugin makes of one.
# A silent NFS server needs a mount.nfs: test_volumes.py has what it says to the kubelet.
BY_MORE = frozenset(
    {
        Reason.AUTOSCALER_BLIND,
        Reason.DEVICE_IN_USE,
        Reason.NFS_UNREACHABLE,
        Reason.SERVED_ENTITIES_UNAVAILABLE,
        Reason.UNDONE_BY_OWNER,
    }
)


def test_each_reason_was_provoked_in_three_ways_at_least() -> None:
    ways = [row[1] for row in rows(TABLE)]
    ways += [Reason.NODE_TAINTED for _ in rows(CLOSED)]
    ways += [row[2].partition(" ")[2] for row in rows(LOSSES)]
    for reason in set(Reason) - {Reason.NONE} - BY_MORE:
        assert ways.count(reason) >= 3, reason


def test_every_recording_is_of_use() -> None:
    used = {row[0] for table in (TABLE, WELL, CLOSED, LOSSES) for row in rows(table)}
    used |= {
        f"{row[0]}-{when}"
        for row in rows(LOSSES)
        for when in ("flicker", "over", "back", "well")
    }
    assert {file.stem for file in RECORDED.glob("*.json")} == used
