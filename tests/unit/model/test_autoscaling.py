"""When an autoscaler is blind, and when it only rests."""

from typing import Any

import pytest

from custom_components.home_cluster.kube.schema import Autoscaler, Condition, Owner
from custom_components.home_cluster.model.health import health
from custom_components.home_cluster.model.view import workload_view
from custom_components.home_cluster.model.views import Reason, Status

from .world import ago, deployment, pod, situation

NO_API = (
    "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics "
    "for resource cpu: unable to fetch metrics from resource metrics API: the server could not find the "
    "requested resource (get pods.metrics.k8s.io)"
)
API_DOWN = NO_API.replace(
    "could not find the requested resource",
    "is currently unable to handle the request",
)
NO_REQUEST = (
    "the HPA was unable to compute the replica count: failed to get cpu utilization: missing request for cpu "
    "in container agent of Pod fridge-abc-1"
)
NO_KEDA = (
    "the HPA was unable to compute the replica count: unable to get external metric garden/s0-cron-Etc-UTC-00xxx-5923xxx/"
    "&LabelSelector{MatchLabels:map[string]string{scaledobject.keda.sh/name: drought-so,},MatchExpressions:"
    "[]LabelSelectorRequirement{},}: unable to fetch metrics from external metrics API: the server is currently unable to "
    "handle the request (get s0-cron-Etc-UTC-00xxx-5923xxx.external.metrics.k8s.io)"
)
TOO_NEW = (
    "the HPA was unable to compute the replica count: failed to get cpu utilization: did not receive metrics "
    "for targeted pods (pods might be unready)"
)


def scaler(*conditions: Condition, **fields: Any) -> Autoscaler:
    """Return the autoscaler of the fridge."""
    given: dict[str, Any] = {"minimum": 1, "maximum": 3, "current": 1, "desired": 1}
    return Autoscaler(
        namespace="kitchen",
        name="auto",
        uid="auto",
        resource_version="1",
        target_kind="Deployment",
        target_name="fridge",
        conditions=conditions,
        **{**given, **fields},
    )


def active(
    reason: str, message: str = "", *, since: float = 600, status: str = "False"
) -> Condition:
    """Return whether the autoscaler can scale."""
    return Condition("ScalingActive", status, reason, message, ago(since))


@pytest.mark.parametrize(
    ("condition", "words", "advice"),
    [
        (active("FailedGetResourceMetric", NO_API, since=31), "missing or down", "metrics server"),
        (active("FailedGetResourceMetric", API_DOWN, since=31), "missing or down", "metrics server"),
        (active("FailedGetResourceMetric", NO_REQUEST, since=31), "states no request", "request for cpu"),
        (active("FailedGetContainerResourceMetric", "missing request for memory in container a", since=31), "scales by memory", "request for memory"),
        (active("FailedGetResourceMetric", "missing request for gpu x", since=31), "CPU or memory", "Set a request"),
        (active("FailedGetResourceMetric", TOO_NEW, since=151), "no figures to scale by", "describe hpa"),
        (active("FailedGetExternalMetric", NO_KEDA, since=31), "external metrics is missing or down", "external.metrics.k8s.io"),
        (active("FailedGetExternalMetric", "no such queue", since=151), "no figures to scale by", "describe hpa"),
        (active("InvalidMetricSourceType", "what?", since=151), "does not work", "describe hpa"),
    ],
)  # fmt: skip
def test_a_blind_autoscaler_is_a_slight_problem(
    condition: Condition, words: str, advice: str
) -> None:
    seen = health(situation(deployment(), pod(), scaler(condition)))
    assert (seen.status, seen.problem, seen.reason) == (
        Status.DEGRADED,
        True,
        Reason.AUTOSCALER_BLIND,
    )
    assert "auto" in seen.message
    assert words in seen.message
    assert "stays at 1" in seen.message
    assert advice in seen.advice


@pytest.mark.parametrize(
    ("condition", "again"),
    [
        (active("FailedGetResourceMetric", TOO_NEW, since=149), 150),
        (active("FailedGetResourceMetric", NO_API, since=29), 30),
    ],
)
def test_it_has_time_to_see(condition: Condition, again: float) -> None:
    """A pod that has just started is not measured yet; the case is looked at again in time."""
    seen = health(situation(deployment(), pod(), scaler(condition)))
    assert (seen.status, seen.reason) == (Status.RUNNING, Reason.NONE)
    assert condition.since is not None
    assert seen.recheck is not None
    assert (seen.recheck - condition.since).total_seconds() == again


@pytest.mark.parametrize(
    "conditions",
    [
        (),
        (active("ValidMetricFound", status="True"),),
        (active("ScalingDisabled", "scaling is disabled since the replica count of the target is zero"),),
        (active("FailedGetResourceMetric", NO_API, status="Unknown"),),
    ],
)  # fmt: skip
def test_one_that_sees_or_rests_is_none(conditions: tuple[Condition, ...]) -> None:
    seen = health(situation(deployment(), pod(), scaler(*conditions)))
    assert (seen.status, seen.problem) == (Status.RUNNING, False)


def test_what_is_off_has_no_problem() -> None:
    blind = active("FailedGetResourceMetric", NO_API)
    seen = health(situation(deployment(desired=0, current=0), scaler(blind)))
    assert (seen.status, seen.problem) == (Status.OFF, False)


def test_who_made_the_autoscaler_is_told() -> None:
    made = scaler(owner=Owner("ScaledObject", "fridge"), current=2, desired=3)
    seen = workload_view(situation(deployment(), pod(), made)).autoscaler
    assert seen is not None
    assert (seen.owner, seen.current, seen.desired) == ("ScaledObject", 2, 3)
    assert seen.scaled_object == "fridge"
