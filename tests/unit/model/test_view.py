"""What devices show."""

from custom_components.home_cluster.kube.schema import (
    HINT_PREFIX,
    OFF_SELECTOR,
    Autoscaler,
    Condition,
    Kind,
    Owner,
    Ref,
    Template,
)
from custom_components.home_cluster.model.view import node_view, workload_view
from custom_components.home_cluster.model.views import Scaling, Status

from .world import (
    LONG_AGO,
    NOW,
    ago,
    container,
    cron_job,
    deployment,
    ended,
    job,
    node,
    pod,
    running,
    situation,
)


def test_a_deployment_shows_what_its_pods_do() -> None:
    fridge = deployment(
        desired=2,
        labels={f"{HINT_PREFIX}device": "true"},
        annotations={f"{HINT_PREFIX}name": "Fridge"},
    )
    seen = workload_view(
        situation(
            fridge,
            pod(
                "fridge-abc-1",
                container(restarts=2, last=ended()),
                container("logger", restarts=1),
            ),
            pod("fridge-abc-2", container(current=running(40)), node="pi-cellar"),
        )
    )
    assert seen.ref == Ref(Kind.DEPLOYMENT, "kitchen", "fridge")
    assert (seen.name, seen.labelled, seen.uid) == ("Fridge", True, "uid-of-fridge")
    assert (seen.power, seen.desired, seen.ready, seen.restarts) == (True, 2, 2, 3)
    assert seen.nodes == ("pi-attic", "pi-cellar")
    assert (seen.image, seen.version) == ("registry.home/fridge:v1", "v1")
    assert seen.started == ago(40)
    assert seen.health.status is Status.RUNNING
    assert (seen.autoscaler, seen.managed_by) == (None, "")


def test_a_device_without_name_is_called_as_its_workload() -> None:
    seen = workload_view(situation(deployment(), pod()))
    assert (seen.name, seen.labelled) == ("fridge", False)


def test_pods_that_leave_or_are_lost_are_not_ready() -> None:
    seen = workload_view(
        situation(
            deployment(desired=3),
            pod("fridge-abc-1", deleting=ago(-20), node="pi-cellar"),
            pod("fridge-abc-2"),
            pod("fridge-abc-3", node="pi-cellar"),
            node("pi-attic", lost=3),
        )
    )
    assert seen.ready == 1


def test_power_is_what_is_asked_for() -> None:
    assert workload_view(situation(deployment(desired=0), pod())).power is False
    assert workload_view(situation(deployment(desired=1, ready=0))).power is True


def test_a_daemon_set_is_off_by_its_node_selector() -> None:
    weather = {"kind": Kind.DAEMON_SET, "name": "weather"}
    off = Template(containers=(("a", "a:1"),), node_selector=((OFF_SELECTOR, "true"),))
    assert workload_view(situation(deployment(template=off, **weather))).power is False
    assert workload_view(situation(deployment(**weather))).power is True


def test_a_cron_job_is_on_unless_suspended() -> None:
    on = workload_view(
        situation(cron_job(last_scheduled=ago(300), last_succeeded=ago(290)))
    )
    off = workload_view(situation(cron_job(suspended=True)))
    assert (on.power, on.desired, off.power, off.desired) == (True, 1, False, 0)
    assert (on.started, on.ready) == (ago(300), 0)


def test_an_autoscaler_and_an_operator_are_told() -> None:
    scaler = Autoscaler(
        namespace="kitchen",
        name="fridge",
        uid="h",
        resource_version="1",
        target_kind="Deployment",
        target_name="fridge",
        minimum=2,
        maximum=5,
    )
    seen = workload_view(
        situation(deployment(owner=Owner("Kitchen", "main")), pod(), scaler)
    )
    assert (seen.autoscaler, seen.managed_by) == (
        Scaling(name="fridge", minimum=2, maximum=5, current=0, desired=0),
        "Kitchen main",
    )


def test_equal_situations_give_equal_views() -> None:
    assert workload_view(situation(deployment(), pod())) == workload_view(
        situation(deployment(), pod())
    )


def test_a_device_without_image_has_no_version() -> None:
    seen = workload_view(situation(job(owner=None, template=Template())))
    assert (seen.image, seen.version) == ("", "")


def with_conditions(*found: tuple[str, str]):
    """Return a Ready node with these conditions besides."""
    return node(
        conditions=(
            Condition("Ready", "True", "", "", LONG_AGO),
            *(Condition(kind, status) for kind, status in found),
        ),
        unschedulable=True,
    )


def test_a_node_shows_its_pressures() -> None:
    seen = node_view(
        with_conditions(
            ("MemoryPressure", "False"),
            ("DiskPressure", "True"),
            ("PIDPressure", "Unknown"),
        ),
        NOW,
    )
    assert (seen.connected, seen.problem, seen.schedulable) == (True, False, False)
    assert (seen.memory_pressure, seen.disk_pressure, seen.pid_pressure) == (
        False,
        True,
        None,
    )
    assert (seen.lost_since, seen.recheck) == (None, None)


def test_a_node_that_flickers_is_no_problem_yet() -> None:
    seen = node_view(node(lost=59), NOW)
    assert (seen.connected, seen.problem, seen.lost_since) == (False, None, ago(59))
    assert (seen.memory_pressure, seen.recheck) == (None, ago(-1))


def test_a_node_that_stays_away_is_a_problem() -> None:
    seen = node_view(node(lost=60), NOW)
    assert (seen.connected, seen.problem, seen.recheck) == (False, True, None)


def test_a_loss_goes_on_when_its_kind_changes() -> None:
    seen = node_view(node(lost=5), NOW, ago(70))
    assert (seen.problem, seen.lost_since) == (True, ago(70))


def test_a_node_that_never_said_anything_is_lost_since_it_was_made() -> None:
    silent = node(conditions=(), created=ago(10))
    assert node_view(silent, NOW).lost_since == ago(10)
