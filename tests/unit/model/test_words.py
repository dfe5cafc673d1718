"""What the kubelet, the runtime and the controllers say, and what is made of it."""

import pytest

from custom_components.home_cluster.kube.schema import (
    OFF_SELECTOR,
    Condition,
    Kind,
    Owner,
    Pod,
    Role,
    Template,
    VolumeClaim,
    Workload,
)
from custom_components.home_cluster.model.health import health
from custom_components.home_cluster.model.view import workload_view
from custom_components.home_cluster.model.views import Health, Reason, Status

from .world import (
    ago,
    container,
    cron_job,
    deployment,
    ended,
    event,
    failed,
    job,
    job_pod,
    node,
    pod,
    running,
    situation,
    stateful_pod,
    stateful_set,
    waiting,
)

IMAGE = "registry.home/fridge:v1"


def pending(*containers, **fields) -> Pod:
    """Return a pod that has a node and does not run yet."""
    waits = container(ready=False, current=waiting("ContainerCreating"))
    return pod(
        "fridge-abc-1",
        *(containers or (waits,)),
        **{
            "ready": False,
            "ready_since": 100,
            "created": ago(100),
            "phase": "Pending",
            **fields,
        },
    )


def said_of(waits: str, message: str, *told: tuple[str, str]) -> Health:
    """Return the health of a device whose container waits."""
    one = pending(container(ready=False, current=waiting(waits, message)))
    events = [event(one, reason, text) for reason, text in told]
    return health(situation(deployment(), one, *events))


@pytest.mark.parametrize(
    ("waits", "message", "reason", "words"),
    [
        (
            "ErrImagePull",
            "toomanyrequests: You have reached your pull rate limit",
            Reason.IMAGE_PULL_DENIED,
            "too many requests",
        ),
        (
            "ErrImagePull",
            "failed to resolve reference: 401 Unauthorized",
            Reason.IMAGE_PULL_DENIED,
            "does not hand out",
        ),
        (
            "ErrImagePull",
            "pull access denied, repository does not exist or may require authorization",
            Reason.IMAGE_PULL_DENIED,
            "registry.home",
        ),
        (
            "ImagePullBackOff",
            'Back-off pulling image "x": ErrImagePull: dial tcp: lookup registry.home: no such host',
            Reason.IMAGE_NOT_FOUND,
            "does not answer",
        ),
        (
            "ErrImagePull",
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            Reason.IMAGE_NOT_FOUND,
            "does not answer properly",
        ),
        (
            "ErrImagePull",
            "failed to pull: no match for platform in manifest: not found",
            Reason.IMAGE_WRONG_ARCHITECTURE,
            "(arm64)",
        ),
        (
            "ImagePullBackOff",
            f'Back-off pulling image "{IMAGE}"',
            Reason.IMAGE_NOT_FOUND,
            "does not exist",
        ),
        (
            "CreateContainerConfigError",
            "couldn't find key tempo in Secret kitchen/keys",
            Reason.CONFIG_MISSING,
            "the Secret keys has no key tempo",
        ),
        (
            "CreateContainerConfigError",
            "container has runAsNonRoot and image will run as root",
            Reason.CANNOT_RUN,
            "may not run as root",
        ),
        (
            "CreateContainerError",
            "no command specified",
            Reason.CANNOT_RUN,
            "container runtime refuses",
        ),
        (
            "RunContainerError",
            'error gathering device information while adding custom device "/dev/ttyUSB0": no such file or directory',
            Reason.CANNOT_RUN,
            "/dev/ttyUSB0 is not there",
        ),
        (
            "RunContainerError",
            'exec: "/agent --token=secret": permission denied',
            Reason.CANNOT_RUN,
            "/agent may not be executed",
        ),
        (
            "RunContainerError",
            'exec: "agent": executable file not found in $PATH',
            Reason.CANNOT_RUN,
            "agent is not in the image",
        ),
        (
            "RunContainerError",
            "exec /agent: exec format error",
            Reason.IMAGE_WRONG_ARCHITECTURE,
            "(arm64)",
        ),
        (
            "RunContainerError",
            'error mounting "/a" to rootfs at "/b": not a directory',
            Reason.CANNOT_RUN,
            "cannot be mounted",
        ),
        (
            "PostStartHookError",
            "hook said token=secret",
            Reason.CANNOT_RUN,
            "cannot start",
        ),
    ],
)
def test_a_container_that_cannot_be_started(
    waits: str, message: str, reason: Reason, words: str
) -> None:
    said = said_of(waits, message)
    assert (said.status, said.reason, said.container) == (
        Status.FAILING,
        reason,
        "agent",
    )
    assert words in said.message
    assert "secret" not in said.message.replace("Secret", "")


def test_an_older_kubelet_tells_only_in_an_event_why_it_cannot_pull() -> None:
    said = said_of(
        "ImagePullBackOff",
        f'Back-off pulling image "{IMAGE}"',
        ("Failed", f'Failed to pull image "{IMAGE}": 403 Forbidden'),
    )
    assert said.reason is Reason.IMAGE_PULL_DENIED


def test_what_a_slow_node_says_in_passing_is_no_problem() -> None:
    said = said_of(
        "CreateContainerError",
        'failed to reserve container name "agent": name is reserved for "1"',
    )
    assert (said.status, said.problem) == (Status.STARTING, False)


@pytest.mark.parametrize(
    ("reason", "message", "found", "words"),
    [
        (
            "FailedMount",
            'MountVolume.SetUp failed for volume "x" : configmap "tune" not found',
            Reason.CONFIG_MISSING,
            "ConfigMap tune",
        ),
        (
            "FailedMount",
            'MountVolume.SetUp failed for volume "x" : references non-existent secret key: pin',
            Reason.CONFIG_MISSING,
            "a Secret that it mounts has no key pin",
        ),
        (
            "FailedMount",
            "hostPath type check failed: /dev/ttyUSB0 is not a character device",
            Reason.VOLUME_PENDING,
            "/dev/ttyUSB0 is not there, or is not a character device",
        ),
        (
            "FailedMount",
            'MountVolume.NewMounter initialization failed for volume "pv-1" : path "/mnt/disk" does not exist',
            Reason.VOLUME_PENDING,
            "/mnt/disk",
        ),
        (
            "FailedMount",
            'MountVolume.SetUp failed for volume "pv-1" : mount failed: exit status 32',
            Reason.VOLUME_PENDING,
            "volume pv-1 cannot be mounted",
        ),
        (
            "FailedAttachVolume",
            'AttachVolume.Attach failed for volume "pv-1" : rpc error',
            Reason.VOLUME_PENDING,
            "volume pv-1 cannot be attached",
        ),
        (
            "FailedAttachVolume",
            'Multi-Attach error for volume "pv-1" Volume is already used by pod(s) other',
            Reason.VOLUME_PENDING,
            "still attached to another node",
        ),
        (
            "FailedMount",
            "Unable to attach or mount volumes: unmounted volumes=[data]: timed out waiting for the condition",
            Reason.VOLUME_PENDING,
            "its volume cannot be",
        ),
    ],
)
def test_a_volume_that_cannot_be_had(
    reason: str, message: str, found: Reason, words: str
) -> None:
    one = pending()
    said = health(situation(deployment(), one, event(one, reason, message)))
    assert (said.status, said.reason, said.node) == (Status.FAILING, found, "pi-attic")
    assert words in said.message


def test_a_volume_held_by_a_lost_node_is_named_so() -> None:
    one = pending(node="pi-cellar")
    other = pod("fridge-abc-0", ready=False, ready_since=400, deleting=ago(300))
    told = event(
        one,
        "FailedAttachVolume",
        'Multi-Attach error for volume "pv-1" Volume is already used',
    )
    said = health(situation(deployment(), one, other, told, node("pi-attic", lost=400)))
    assert (said.reason, said.pod) == (Reason.VOLUME_ON_LOST_NODE, "fridge-abc-1")
    assert "pi-attic" in said.message


def test_a_volume_that_takes_seconds_is_no_problem() -> None:
    one = pending(created=ago(5), ready_since=5)
    told = event(
        one, "FailedMount", 'configmap "tune" not found', first=ago(4), last=ago(2)
    )
    said = health(situation(deployment(), one, told))
    assert (said.status, said.problem, said.recheck) == (
        Status.STARTING,
        False,
        ago(-6),
    )


def test_a_claim_whose_volume_is_gone_is_named() -> None:
    lost = VolumeClaim(
        namespace="kitchen", name="data", uid="d", resource_version="1", phase="Lost"
    )
    said = health(situation(deployment(), pending(claims=("data",)), lost))
    assert said.reason is Reason.VOLUME_PENDING
    assert "claim data is gone" in said.message


def test_a_pod_without_network_cannot_run() -> None:
    one = pending()
    told = event(
        one, "FailedCreatePodSandBox", "plugin type=bridge failed", first=ago(40)
    )
    said = health(situation(deployment(), one, told))
    assert (said.reason, said.status) == (Reason.CANNOT_RUN, Status.FAILING)
    early = event(
        one, "FailedCreatePodSandBox", "plugin type=bridge failed", first=ago(20)
    )
    assert health(situation(deployment(), one, early)).problem is False
    started = pending(container(ready=False, current=running(3)))
    assert health(situation(deployment(), started, told)).problem is False


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("The node was low on resource: memory. ", "ran out of memory"),
        ("The node had condition: [MemoryPressure]. ", "ran out of memory"),
        ("The node was low on resource: ephemeral-storage. ", "ran out of disk space"),
        ("The node was low on resource: inodes. ", "ran out of disk space"),
        ("The node had condition: [DiskPressure]. ", "ran out of disk space"),
        ("The node was low on resource: pids. ", "process numbers"),
        (
            'Container agent exceeded its local ephemeral storage limit "1Mi". ',
            "more temporary data",
        ),
        ("", "the node needed what it used"),
    ],
)
def test_what_a_node_ran_out_of(message: str, words: str) -> None:
    gone = pod(
        "fridge-abc-0",
        ready=False,
        ready_since=20,
        phase="Failed",
        reason="Evicted",
        message=message,
    )
    said = health(situation(deployment(), gone))
    assert said.reason is Reason.EVICTED
    assert words in said.message


def test_a_node_that_is_shut_down_evicts_nobody() -> None:
    gone = pod(
        "fridge-abc-0",
        ready=False,
        ready_since=20,
        phase="Failed",
        reason="Terminated",
        message="",
    )
    assert health(situation(deployment(), gone)).problem is False


def test_an_evicted_pod_of_a_daemon_set_is_told_by_its_event_alone() -> None:
    weather = deployment(kind=Kind.DAEMON_SET, name="weather", conditions=())
    gone = pod("weather-1", owner=Owner("DaemonSet", "weather"))
    told = event(
        gone,
        "Evicted",
        "The node was low on resource: memory. ",
        about_kind="DaemonSet",
        about_name="weather",
    )
    fresh = pod(
        "weather-2",
        container(ready=False, current=waiting("ContainerCreating")),
        owner=Owner("DaemonSet", "weather"),
        ready=False,
        ready_since=4,
        created=ago(4),
        phase="Pending",
    )
    # An Event about another kind of object is no eviction of a pod.
    assert health(situation(weather, fresh, told)).problem is False


@pytest.mark.parametrize(
    ("message", "reason", "words"),
    [
        (
            'pods "x" is forbidden: exceeded quota: tight, requested: limits.memory=512Mi, used: limits.memory=1Gi, limited: limits.memory=1Gi',
            Reason.QUOTA,
            "it asks for limits.memory=512Mi",
        ),
        (
            'pods "x" is forbidden: failed quota: tight: must specify limits.cpu for: agent',
            Reason.QUOTA,
            "does not state",
        ),
        (
            'pods "x" is forbidden: maximum memory usage per Container is 128Mi, but limit is 512Mi',
            Reason.QUOTA,
            "does not allow its memory",
        ),
        (
            'pods "x" is forbidden: error looking up service account kitchen/robot: serviceaccount "robot" not found',
            Reason.CANNOT_RUN,
            "service account robot",
        ),
        (
            'pods "x" is forbidden: violates PodSecurity "restricted:latest": host namespaces',
            Reason.CANNOT_RUN,
            "Pod Security",
        ),
        (
            'admission webhook "guard.example.com" denied the request: no',
            Reason.CANNOT_RUN,
            "admission webhook",
        ),
        ("Internal error occurred", Reason.CANNOT_RUN, "API server refuses them"),
    ],
)
def test_pods_that_may_not_be_created(message: str, reason: Reason, words: str) -> None:
    failure = Condition("ReplicaFailure", "True", "FailedCreate", message, ago(20))
    said = health(situation(deployment(current=0, ready=0, conditions=(failure,))))
    assert (said.status, said.reason) == (Status.FAILING, reason)
    assert words in said.message


def test_a_refusal_of_seconds_is_no_problem() -> None:
    failure = Condition(
        "ReplicaFailure", "True", "FailedCreate", "Internal error occurred", ago(3)
    )
    said = health(situation(deployment(current=0, ready=0, conditions=(failure,))))
    assert (said.status, said.problem) == (Status.STARTING, False)


@pytest.mark.parametrize("reason", ["MissSchedule", "TooManyMissedTimes"])
def test_a_missed_run_is_told_until_the_next(reason: str) -> None:
    backup = cron_job(last_scheduled=ago(90000), last_succeeded=ago(89000))
    told = event(backup, reason, "Missed scheduled time to start a job", last=ago(120))
    said = health(situation(backup, told))
    assert (said.status, said.reason, said.since) == (
        Status.DEGRADED,
        Reason.DEADLINE_EXCEEDED,
        ago(120),
    )
    later = cron_job(last_scheduled=ago(60), last_succeeded=ago(50))
    assert health(situation(later, told)).status is Status.IDLE


def test_a_schedule_that_means_nothing_is_named() -> None:
    backup = cron_job(schedule="61 * * * *", time_zone="Mars/Base")
    said = health(
        situation(backup, event(backup, "UnknownTimeZone", "invalid timeZone"))
    )
    assert (said.status, said.reason) == (Status.FAILING, Reason.CANNOT_RUN)
    assert "'61 * * * *' Mars/Base" in said.message


def test_a_run_whose_pod_was_evicted_says_so() -> None:
    backup = job(conditions=(failed(),), active=0, failed=1)
    gone = job_pod(
        "backup-1-x", ready=False, phase="Failed", reason="Evicted", message=""
    )
    said = health(situation(cron_job(), backup, gone))
    assert (said.reason, said.pod) == (Reason.JOB_FAILED, "backup-1-x")
    assert "was evicted from node pi-attic" in said.message


def test_a_run_that_left_no_pod_says_only_that_it_failed() -> None:
    said = health(
        situation(cron_job(), job(conditions=(failed(),), active=0, failed=3))
    )
    assert said.message == "Job backup-1 failed after 3 failed attempts."
    assert "log of its pod" in said.advice


def test_a_run_that_waits_for_a_node_has_ten_minutes() -> None:
    waits = job_pod(
        "backup-1-x",
        container(ready=False, current=waiting("ContainerCreating")),
        ready=False,
        ready_since=700,
        created=ago(700),
        phase="Pending",
    )
    late = job(created=ago(700), started=ago(700))
    said = health(situation(cron_job(active=("backup-1",)), late, waits))
    assert (said.status, said.reason, said.pod) == (
        Status.FAILING,
        Reason.DEADLINE_EXCEEDED,
        "backup-1-x",
    )


def test_a_run_that_is_unsettled_is_degraded() -> None:
    shaky = container(restarts=1, current=running(9), last=ended(137, "OOMKilled"))
    lone = job(owner=None, failed=0)
    said = health(situation(lone, job_pod("backup-1-x", shaky, ready_since=8)))
    assert (said.status, said.reason) == (Status.DEGRADED, Reason.OOM_KILLED)


def weather(**fields) -> Workload:
    """Return the DaemonSet weather."""
    return deployment(
        **{"kind": Kind.DAEMON_SET, "name": "weather", "conditions": (), **fields}
    )


def weather_pod(name: str, **fields) -> Pod:
    """Return a pod of the DaemonSet weather."""
    return pod(
        name,
        owner=Owner("DaemonSet", "weather"),
        template_hash="",
        revision_hash="one",
        **fields,
    )


def test_a_daemon_set_whose_nodes_are_all_lost_is_not_off() -> None:
    nobody = situation(
        weather(desired=0, current=0, ready=0),
        weather_pod("weather-1", ready=False, ready_since=9),
        node("pi-attic", lost=9),
    )
    seen = workload_view(nobody)
    assert (seen.power, seen.health.status, seen.health.problem) == (
        True,
        Status.UNKNOWN,
        None,
    )
    unseen = workload_view(
        situation(weather(desired=0, current=0), node("pi-attic", lost=9))
    )
    assert (unseen.power, unseen.health.status) == (True, Status.UNKNOWN)


def test_a_daemon_set_that_asks_for_no_node_is_off_even_so() -> None:
    off = Template(containers=(("a", "a:1"),), node_selector=((OFF_SELECTOR, "true"),))
    seen = workload_view(
        situation(weather(desired=0, current=0, template=off), node("pi-attic", lost=9))
    )
    assert (seen.power, seen.health.status) == (False, Status.OFF)


def test_a_daemon_set_that_no_node_wants_is_off() -> None:
    seen = workload_view(situation(weather(desired=0, current=0), node("pi-attic")))
    assert (seen.power, seen.health.status) == (False, Status.OFF)


def test_a_pod_whose_containers_are_all_ready_waits_for_its_gates() -> None:
    said = health(
        situation(
            deployment(), pod("fridge-abc-1", container(), ready=False, ready_since=700)
        )
    )
    assert (said.reason, said.container) == (Reason.DEADLINE_EXCEEDED, "")
    assert "readiness gates" in said.advice


def test_an_init_container_that_failed_once_and_then_succeeded_is_forgotten() -> None:
    prepared = container(
        "prepare",
        role=Role.INIT,
        ready=True,
        restarts=1,
        current=ended(0, "Completed"),
        last=ended(1),
    )
    starting = container(ready=False, current=running(4))
    said = health(
        situation(
            deployment(),
            pod(
                "fridge-abc-1",
                prepared,
                starting,
                ready=False,
                ready_since=20,
                created=ago(20),
            ),
        )
    )
    assert said.problem is False


def test_an_init_container_that_fails_for_the_first_time_is_named() -> None:
    broken = container("prepare", role=Role.INIT, ready=False, current=ended(2))
    said = health(situation(deployment(), pending(broken)))
    assert (said.reason, said.exit_code) == (Reason.INIT_FAILED, 2)


def test_a_killed_container_without_events_was_likely_killed_by_its_probe() -> None:
    killed = container(
        ready=False, restarts=3, current=waiting("CrashLoopBackOff"), last=ended(143)
    )
    said = health(situation(deployment(), pod("fridge-abc-1", killed, ready=False)))
    assert said.reason is Reason.LIVENESS_RESTARTS
    crashing = pod("fridge-abc-1", killed, ready=False)
    told = event(
        crashing,
        "BackOff",
        "Back-off restarting failed container agent in pod fridge-abc-1",
    )
    assert health(situation(deployment(), crashing, told)).reason is Reason.CRASH_LOOP


def test_an_event_about_another_container_blames_it_alone() -> None:
    crashing = container(
        ready=False, restarts=3, current=waiting("CrashLoopBackOff"), last=ended(3)
    )
    hanging = container(
        "index",
        ready=False,
        restarts=3,
        current=waiting("CrashLoopBackOff"),
        last=ended(137),
    )
    one = pod("fridge-abc-1", crashing, hanging, ready=False)
    told = event(
        one,
        "Killing",
        "Container index failed liveness probe, will be restarted",
        warning=False,
    )
    said = health(situation(deployment(), one, told))
    assert (said.reason, said.container) == (Reason.LIVENESS_RESTARTS, "index")


def test_a_stateful_set_is_not_updating_for_want_of_a_revision() -> None:
    bare = stateful_set(update_revision="")
    assert health(situation(bare, stateful_pod())).status is Status.RUNNING
