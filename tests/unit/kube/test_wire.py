"""How JSON becomes records, whatever it looks like."""

from datetime import UTC, datetime
import json
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.home_cluster.kube import wire
from custom_components.home_cluster.kube.errors import Unreadable
from custom_components.home_cluster.kube.resources import RESOURCES, path
from custom_components.home_cluster.kube.schema import (
    Autoscaler,
    CronJob,
    Event,
    Job,
    Key,
    Kind,
    Namespace,
    Node,
    Owner,
    Pod,
    Record,
    Requirement,
    Role,
    Template,
    Toleration,
    VolumeClaim,
    Workload,
)
from testbed import firehose

NOON = "2026-10-01T12:00:00Z"
AT_NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)


def meta(**more: Any) -> dict[str, Any]:
    """Return the metadata of a fridge."""
    return {
        "name": "fridge",
        "namespace": "kitchen",
        "uid": "u-1",
        "resourceVersion": "7",
        "creationTimestamp": NOON,
        "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}],
        **more,
    }


def read(kind: Kind, obj: dict[str, Any]) -> Any:
    """Read an object."""
    return wire.decode_object(kind, json.dumps(obj).encode())


def line(change: str, obj: Any) -> bytes:
    """Write a line of a watch."""
    return json.dumps({"type": change, "object": obj}).encode()


def test_a_pod_is_kept_with_what_its_health_needs() -> None:
    pod = read(
        Kind.POD,
        {
            "metadata": meta(
                labels={
                    "pod-template-hash": "abc",
                    "controller-revision-hash": "r1",
                    "app": "x",
                },
                deletionTimestamp=NOON,
                deletionGracePeriodSeconds=5,
                ownerReferences=[
                    {"kind": "Odd", "name": "other"},
                    {"kind": "ReplicaSet", "name": "fridge-abc", "controller": True},
                ],
            ),
            "spec": {
                "nodeName": "pi-attic",
                "terminationGracePeriodSeconds": 30,
                "containers": [
                    {"name": "agent", "image": "fridge:v1", "restartPolicy": ""},
                    {"name": "new", "image": "new:v1"},
                ],
                "initContainers": [
                    {"name": "prepare", "image": "busybox"},
                    {"name": "proxy", "image": "envoy", "restartPolicy": "Always"},
                ],
                "volumes": [
                    {
                        "name": "data",
                        "persistentVolumeClaim": {"claimName": "fridge-data"},
                    },
                    {"name": "config", "configMap": {"name": "x"}},
                ],
            },
            "status": {
                "phase": "Running",
                "startTime": NOON,
                "conditions": [
                    {"type": "Ready", "status": "True", "lastTransitionTime": NOON},
                    {"type": "Initialized", "status": "True"},
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/2 nodes",
                        "lastProbeTime": None,
                    },
                ],
                "containerStatuses": [
                    {
                        "name": "agent",
                        "ready": True,
                        "started": True,
                        "restartCount": 3,
                        "state": {"running": {"startedAt": NOON}},
                        "lastState": {
                            "terminated": {
                                "exitCode": 137,
                                "reason": "OOMKilled",
                                "startedAt": NOON,
                                "finishedAt": NOON,
                            }
                        },
                    }
                ],
                "initContainerStatuses": [
                    {
                        "name": "prepare",
                        "state": {
                            "waiting": {"reason": "PodInitializing", "message": "m"}
                        },
                        "lastState": {},
                    }
                ],
            },
        },
    )
    assert isinstance(pod, Pod)
    assert pod.key == Key("kitchen", "fridge")
    assert (pod.created, pod.deleting, pod.started) == (AT_NOON, AT_NOON, AT_NOON)
    assert pod.owner == Owner("ReplicaSet", "fridge-abc")
    assert (pod.template_hash, pod.revision_hash, pod.node) == (
        "abc",
        "r1",
        "pi-attic",
    )
    assert pod.claims == ("fridge-data",)
    assert [(c.type, c.status) for c in pod.conditions] == [
        ("Ready", "True"),
        ("PodScheduled", "False"),
    ]
    assert [(c.name, c.role) for c in pod.containers] == [
        ("agent", Role.MAIN),
        ("new", Role.MAIN),
        ("prepare", Role.INIT),
        ("proxy", Role.SIDECAR),
    ]
    agent, new, prepare, _ = pod.containers
    assert agent.current is not None
    assert agent.last is not None
    assert (agent.current.state, agent.last.reason, agent.last.exit_code) == (
        "running",
        "OOMKilled",
        137,
    )
    assert agent.restarts == 3
    assert new.current is None
    assert prepare.current is not None
    assert (prepare.current.state, prepare.current.reason) == (
        "waiting",
        "PodInitializing",
    )
    assert prepare.last is None


def test_workloads_are_kept_with_their_counts_hints_and_template() -> None:
    spec = {
        "replicas": 0,
        "progressDeadlineSeconds": 60,
        "paused": True,
        "template": {
            "spec": {
                "containers": [{"name": "agent", "image": "fridge:v1"}],
                "nodeSelector": {"b": "2", "a": "1"},
                "affinity": {
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": [
                                {
                                    "matchExpressions": [
                                        {"key": "c", "operator": "Exists"}
                                    ],
                                    "matchFields": [
                                        {
                                            "key": "metadata.name",
                                            "operator": "In",
                                            "values": ["pi"],
                                        }
                                    ],
                                }
                            ]
                        },
                        "preferredDuringSchedulingIgnoredDuringExecution": [
                            {"weight": 1, "preference": {}}
                        ],
                    }
                },
                "tolerations": [{"key": "d", "effect": "NoSchedule"}],
                "volumes": [{"persistentVolumeClaim": {"claimName": "data"}}],
            }
        },
        "volumeClaimTemplates": [{"metadata": {"name": "music"}}],
    }
    annotations = {
        "home-cluster.github.io/name": "Fridge",
        "meta.helm.sh/release-name": "home",
        "kubectl.kubernetes.io/last-applied-configuration": "{...}",
        "objectset.rio.cattle.io/applied": "H4sI...",
    }
    status = {
        "observedGeneration": 2,
        "replicas": 3,
        "readyReplicas": 2,
        "updatedReplicas": 1,
        "availableReplicas": 1,
        "currentRevision": "r1",
        "updateRevision": "r2",
        "conditions": [{"type": "Progressing", "status": "True"}],
    }
    obj = {
        "metadata": meta(
            generation=3, labels={"app": "fridge"}, annotations=annotations
        ),
        "spec": spec,
        "status": status,
    }
    for kind in (Kind.DEPLOYMENT, Kind.STATEFUL_SET):
        workload = read(kind, obj)
        assert isinstance(workload, Workload)
        assert workload.kind is kind
        assert (workload.desired, workload.current, workload.ready) == (0, 3, 2)
        assert (workload.updated, workload.available, workload.paused) == (1, 1, True)
        assert (
            workload.generation,
            workload.observed_generation,
            workload.deadline,
        ) == (3, 2, 60)
        assert (workload.current_revision, workload.update_revision) == ("r1", "r2")
        assert workload.labels == {"app": "fridge"}
        assert workload.annotations == {
            "home-cluster.github.io/name": "Fridge",
            "meta.helm.sh/release-name": "home",
        }
        assert workload.template == Template(
            containers=(("agent", "fridge:v1"),),
            node_selector=(("a", "1"), ("b", "2")),
            node_terms=(
                (
                    Requirement("c", "Exists"),
                    Requirement("metadata.name", "In", ("pi",)),
                ),
            ),
            tolerations=(Toleration("d", effect="NoSchedule"),),
            claims=("data",),
        )
        assert workload.claim_templates == ("music",)
        assert [condition.type for condition in workload.conditions] == ["Progressing"]
    unset = read(Kind.DEPLOYMENT, {"metadata": meta(), "spec": {}, "status": {}})
    assert (unset.desired, unset.deadline, unset.current) == (1, 600, 0)


def test_a_daemon_set_counts_what_is_scheduled() -> None:
    status = {
        "desiredNumberScheduled": 2,
        "currentNumberScheduled": 2,
        "numberReady": 1,
        "updatedNumberScheduled": 2,
        "numberAvailable": 1,
    }
    workload = read(Kind.DAEMON_SET, {"metadata": meta(), "spec": {}, "status": status})
    assert workload.kind is Kind.DAEMON_SET
    counts = (
        workload.desired,
        workload.current,
        workload.ready,
        workload.updated,
        workload.available,
    )
    assert counts == (2, 2, 1, 2, 1)


def test_jobs_and_cron_jobs_are_kept() -> None:
    job = read(
        Kind.JOB,
        {
            "metadata": meta(),
            "spec": {"suspend": True, "parallelism": 2, "completions": 3},
            "status": {
                "active": 1,
                "ready": None,
                "succeeded": 1,
                "failed": 2,
                "startTime": NOON,
            },
        },
    )
    assert isinstance(job, Job)
    assert (job.suspended, job.parallelism, job.completions) == (True, 2, 3)
    assert (job.active, job.ready, job.succeeded, job.failed) == (1, 0, 1, 2)
    assert (job.started, job.completed) == (AT_NOON, None)
    cron = read(
        Kind.CRON_JOB,
        {
            "metadata": meta(),
            "spec": {
                "schedule": "0 3 * * *",
                "timeZone": "Europe/Berlin",
                "jobTemplate": {
                    "spec": {
                        "template": {
                            "spec": {"containers": [{"name": "a", "image": "b"}]}
                        }
                    }
                },
            },
            "status": {"active": [{"name": "backup-1"}], "lastScheduleTime": NOON},
        },
    )
    assert isinstance(cron, CronJob)
    assert (cron.schedule, cron.time_zone, cron.suspended) == (
        "0 3 * * *",
        "Europe/Berlin",
        False,
    )
    assert (cron.active, cron.last_scheduled, cron.last_succeeded) == (
        ("backup-1",),
        AT_NOON,
        None,
    )
    assert cron.template.containers == (("a", "b"),)


def test_nodes_claims_autoscalers_and_namespaces_are_kept() -> None:
    node = read(
        Kind.NODE,
        {
            "metadata": meta(namespace=""),
            "spec": {
                "unschedulable": True,
                "taints": [{"key": "disk", "effect": "NoSchedule", "timeAdded": NOON}],
            },
            "status": {
                "capacity": {"cpu": "4", "memory": "8Gi", "pods": "110"},
                "addresses": [
                    {"type": "Hostname", "address": "pi"},
                    {"type": "InternalIP", "address": "10.0.0.1"},
                ],
                "conditions": [
                    {"type": "Ready", "status": "Unknown", "lastTransitionTime": NOON}
                ],
                "nodeInfo": {
                    "bootID": "b-1",
                    "osImage": "Debian",
                    "kubeletVersion": "v1.37.2",
                },
            },
        },
    )
    assert isinstance(node, Node)
    assert node.key == Key("", "fridge")
    assert (node.unschedulable, node.taints) == (True, (("disk", "", "NoSchedule"),))
    assert (node.address, node.boot_id, node.os_image) == ("10.0.0.1", "b-1", "Debian")
    assert (node.cpu, node.memory, node.pods) == ("4", "8Gi", "110")
    claim = read(
        Kind.VOLUME_CLAIM,
        {
            "metadata": meta(
                annotations={"volume.kubernetes.io/selected-node": "pi-attic"}
            ),
            "spec": {
                "storageClassName": None,
                "volumeName": "pv-1",
                "resources": {"requests": {"storage": "1Gi"}},
            },
            "status": {"phase": "Bound", "capacity": {"storage": "2Gi"}},
        },
    )
    assert isinstance(claim, VolumeClaim)
    assert (claim.phase, claim.storage_class, claim.volume) == ("Bound", "", "pv-1")
    assert (claim.requested, claim.capacity, claim.selected_node) == (
        "1Gi",
        "2Gi",
        "pi-attic",
    )
    scaler = read(
        Kind.AUTOSCALER,
        {
            "metadata": meta(),
            "spec": {
                "scaleTargetRef": {"kind": "Deployment", "name": "fridge"},
                "maxReplicas": 4,
            },
            "status": {"currentReplicas": 2, "desiredReplicas": 3},
        },
    )
    assert isinstance(scaler, Autoscaler)
    assert (scaler.target_kind, scaler.target_name) == ("Deployment", "fridge")
    assert (scaler.minimum, scaler.maximum, scaler.current, scaler.desired) == (
        1,
        4,
        2,
        3,
    )
    namespace = read(
        Kind.NAMESPACE, {"metadata": meta(namespace=""), "status": {"phase": "Active"}}
    )
    assert isinstance(namespace, Namespace)
    assert namespace.phase == "Active"


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"type": "Warning", "reason": "Whatever"}, True),
        ({"type": "Normal", "reason": "NodeNotReady"}, True),
        ({"type": "Normal", "reason": "Pulled"}, False),
        (
            {
                "type": "Warning",
                "reason": "X",
                "involvedObject": {"kind": "Lease", "name": "l"},
            },
            False,
        ),
    ],
)
def test_events_are_kept_if_they_are_of_interest(
    fields: dict[str, Any], kept: bool
) -> None:
    obj = {
        "metadata": meta(),
        "involvedObject": {"kind": "Pod", "name": "p", "uid": "u"},
        **fields,
    }
    _, item = wire.decode_event(Kind.EVENT, line("ADDED", obj))
    assert isinstance(item, Event if kept else wire.Unwanted)
    assert item.key == Key("kitchen", "fridge")
    assert item.resource_version == "7"
    if not kept:
        with pytest.raises(Unreadable):
            read(Kind.EVENT, obj)


def test_an_event_says_when_and_how_often() -> None:
    obj = {
        "metadata": meta(),
        "type": "Warning",
        "reason": "BackOff",
        "involvedObject": {"kind": "Pod", "name": "p"},
        "firstTimestamp": None,
        "lastTimestamp": None,
        "eventTime": "2026-10-01T12:00:00.123456Z",
        "series": {"count": 5, "lastObservedTime": "2026-10-01T12:01:00.000000Z"},
    }
    event = read(Kind.EVENT, obj)
    assert event.count == 5
    assert event.first == AT_NOON.replace(microsecond=123456)
    assert event.last == AT_NOON.replace(minute=1)
    plain = read(
        Kind.EVENT, obj | {"eventTime": None, "series": None, "lastTimestamp": NOON}
    )
    assert (plain.count, plain.first, plain.last) == (1, AT_NOON, AT_NOON)


def test_bookmarks_and_errors_are_what_they_are() -> None:
    empty: dict[str, Any] = {
        "metadata": {"resourceVersion": "9", "creationTimestamp": None},
        "spec": {"containers": None},
    }
    assert wire.decode_event(Kind.POD, line("BOOKMARK", empty)) == (
        "BOOKMARK",
        wire.Bookmark("9", initial_end=False),
    )
    empty["metadata"]["annotations"] = {"k8s.io/initial-events-end": "true"}
    assert wire.decode_event(Kind.POD, line("BOOKMARK", empty))[1] == wire.Bookmark(
        "9", initial_end=True
    )
    details = {
        "causes": [{"reason": "ResourceVersionTooLarge"}],
        "retryAfterSeconds": 1,
    }
    kind, status = wire.decode_event(
        Kind.POD, line("ERROR", {"code": 504, "details": details})
    )
    assert kind == "ERROR"
    assert isinstance(status, wire.Status)
    assert (status.code, status.causes, status.retry_after) == (
        504,
        ("ResourceVersionTooLarge",),
        1,
    )
    bare = wire.decode_event(Kind.POD, line("ERROR", {}))[1]
    assert isinstance(bare, wire.Status)
    assert (bare.causes, bare.retry_after) == ((), None)
    assert wire.decode_status(b"<html>") is None
    assert wire.decode_status(b"{}") is None


@pytest.mark.parametrize(
    "obj",
    [
        {"metadata": meta(), "spec": {"containers": 3}},
        {"metadata": meta(creationTimestamp="yesterday")},
        {"metadata": meta(creationTimestamp="2026-10-01")},
        {"metadata": meta(uid="")},
        {"metadata": meta(), "status": "odd"},
    ],
)
def test_an_object_that_cannot_be_read_is_known_by_its_name(
    obj: dict[str, Any],
) -> None:
    change, item = wire.decode_event(Kind.POD, line("MODIFIED", obj))
    assert change == "MODIFIED"
    assert isinstance(item, wire.Broken)
    assert (item.key, item.resource_version) == (Key("kitchen", "fridge"), "7")
    assert item.why
    with pytest.raises(Unreadable):
        read(Kind.POD, obj)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"<html>",
        b"[]",
        b"null",
        b'{"type":"ADDED"}',
        b'{"type":"ADDED","object":{}}',
        b'{"type":"ADDED","object":{"metadata":{"name":""}}}',
        b'{"type":"ERROR","object":3}',
        b'{"type":"BOOKMARK","object":{}}',
        b'{"type":"ADDED","object":{"metadata":{"name":"a","uid":"u"}}',
    ],
)
def test_a_line_that_is_no_event_is_refused(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        wire.decode_event(Kind.POD, raw)
    with pytest.raises(Unreadable):
        wire.decode_object(Kind.POD, raw)


def test_a_list_gives_what_can_be_read_and_where_it_goes_on() -> None:
    items = [{"metadata": meta()}, {"metadata": meta(name="odd"), "spec": 3}]
    raw = json.dumps(
        {"metadata": {"resourceVersion": "9", "continue": "t"}, "items": items}
    ).encode()
    records, version, token = wire.decode_list(Kind.POD, raw)
    assert [record.name for record in records] == ["fridge"]
    assert (version, token) == ("9", "t")
    assert wire.decode_list(Kind.POD, b'{"metadata": {}, "items": null}') == (
        [],
        "",
        "",
    )
    for bad in (b"", b"[]", raw[:-3]):
        with pytest.raises(Unreadable):
            wire.decode_list(Kind.POD, bad)


def nothing(kind: Kind) -> dict[str, Any]:
    """Return the least that an object of a kind can be."""
    about = {"type": "Warning", "involvedObject": {"kind": "Pod", "name": "p"}}
    return {"metadata": meta()} | (about if kind is Kind.EVENT else {})


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_is_read_with_missing_null_and_unknown_fields(kind: Kind) -> None:
    least = read(kind, nothing(kind))
    assert isinstance(least, Record)
    nulls = dict.fromkeys(
        ("labels", "annotations", "ownerReferences", "deletionTimestamp", "finalizers")
    )
    lists = dict.fromkeys(
        (
            "containers",
            "initContainers",
            "volumes",
            "taints",
            "volumeClaimTemplates",
            "nodeSelector",
            "affinity",
            "tolerations",
        )
    )
    odd = nothing(kind)
    odd["metadata"] |= nulls
    told = ("conditions", "containerStatuses", "capacity", "addresses")
    odd |= {
        "spec": {**lists, "fromTheFuture": {"deep": [1, {"er": None}]}},
        "status": {**dict.fromkeys(told), "x": 1},
        "unknown": [None],
    }
    assert read(kind, odd) == least


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(list(Kind)),
    field=st.sampled_from(("spec", "status", "metadata", "type")),
    value=JSON,
)
def test_no_object_whatever_raises_anything_but_unreadable(
    kind: Kind, field: str, value: Any
) -> None:
    obj = nothing(kind) | {field: value}
    raw = json.dumps(obj).encode()
    try:
        wire.decode_item(kind, raw)
        wire.decode_event(kind, b'{"type":"ADDED","object":' + raw + b"}")
    except Unreadable:
        pass


def test_pods_share_what_they_have_in_common() -> None:
    first, second = (
        read(Kind.POD, firehose.pod(number, 300, number + 1)) for number in (0, 300)
    )
    assert first.name != second.name
    assert first.owner is second.owner
    assert first.claims is second.claims
    assert first.created is second.created
    assert first.containers[0].image is second.containers[0].image


def test_lines_are_put_together_from_any_pieces() -> None:
    lines = wire.Lines(limit=10)
    assert lines.feed(b"ab") == []
    assert lines.pending
    assert lines.feed(b"c\nde\n\nf") == [b"abc", b"de", b""]
    assert lines.feed(b"\n") == [b"f"]
    assert not lines.pending
    assert lines.feed(b"1234567890") == []
    with pytest.raises(Unreadable):
        lines.feed(b"x")


@given(st.binary(max_size=60), st.lists(st.integers(1, 9), max_size=40))
def test_lines_are_the_same_however_they_are_split(
    data: bytes, sizes: list[int]
) -> None:
    lines, told, rest = wire.Lines(), [], data
    for size in sizes:
        told += lines.feed(rest[:size])
        rest = rest[size:]
    told += lines.feed(rest + b"\n")
    assert told == (data + b"\n").split(b"\n")[:-1]


def test_paths_are_those_of_the_api() -> None:
    assert path(Kind.POD) == "/api/v1/pods"
    assert (
        path(Kind.POD, "kitchen", "a/b", "eviction")
        == "/api/v1/namespaces/kitchen/pods/a%2Fb/eviction"
    )
    assert path(Kind.DEPLOYMENT, "kitchen", "fridge", "scale") == (
        "/apis/apps/v1/namespaces/kitchen/deployments/fridge/scale"
    )
    assert path(Kind.NODE, "ignored", "pi") == "/api/v1/nodes/pi"
    assert set(RESOURCES) == set(Kind)
