"""What an autoscaler (HPA) does to a workload, and when it cannot see what it scales by."""

from datetime import timedelta
import re
from typing import Final

from ..kube.schema import Autoscaler, Condition
from .case import PATIENCE, Case, Finding, Weight
from .situation import condition
from .views import Reason, Scaling

# A pod that has just started is not measured yet, and figures may be late: no problem before this.
BLIND: Final = timedelta(seconds=150)
# What KEDA makes its autoscalers from.
SCALED_OBJECT: Final = "ScaledObject"
# The autoscaler's own word for a count of 0: it rests on purpose.
_RESTING: Final = "ScalingDisabled"
# What waiting does not mend.
_NO_METRICS: Final = (
    "the server could not find the requested resource",
    "the server is currently unable to handle the request",
    "no matches for kind",
)
# Each of these is served by a program of its own.
_OTHER_API: Final = re.compile(r"\b(external|custom)\.metrics\.k8s\.io")
_NO_REQUEST: Final = "missing request for "


def scaling(scaler: Autoscaler) -> Scaling:
    """Return what an autoscaler does."""
    owner = scaler.owner
    return Scaling(
        name=scaler.name,
        minimum=scaler.minimum,
        maximum=scaler.maximum,
        current=scaler.current,
        desired=scaler.desired,
        owner=owner.kind if owner is not None else "",
        scaled_object=owner.name if owner and owner.kind == SCALED_OBJECT else "",
    )


def autoscaler_blind(case: Case) -> Finding | None:
    """An autoscaler that gets no figures, so that it does not scale.

    Source: the HPA's condition ScalingActive, False with a reason such as FailedGetResourceMetric.
    """
    scaler = case.situation.autoscaler
    active = condition(scaler.conditions, "ScalingActive") if scaler else None
    if (
        scaler is None
        or active is None
        or active.status != "False"
        or active.reason == _RESTING
    ):
        return None
    certain = any(word in active.message for word in (*_NO_METRICS, _NO_REQUEST))
    since = active.since or case.now
    if not case.passed(since + (PATIENCE if certain else BLIND)):
        return None
    why, advice = _cause(active)
    return Finding(
        reason=Reason.AUTOSCALER_BLIND,
        message=f"Autoscaler {scaler.name} {why}, so the number of replicas stays at {scaler.current}.",
        advice=advice,
        weight=Weight.SOFT,
        since=active.since,
    )


def _cause(active: Condition) -> tuple[str, str]:
    if _NO_REQUEST in active.message:
        what = active.message.partition(_NO_REQUEST)[2].partition(" ")[0]
        what = what if what in ("cpu", "memory") else "CPU or memory"
        return (
            f"scales by {what}, but a container states no request for it",
            f"Set a request for {what} on all containers of the device.",
        )
    if any(word in active.message for word in _NO_METRICS):
        if (other := _OTHER_API.search(active.message)) is not None:
            return (
                f"gets no figures, because what serves the cluster's {other[1]} metrics is missing or down",
                f"Check that it runs (KEDA's metrics server is one): kubectl get apiservices must say True of {other[0]}.",
            )
        return (
            "gets no figures, because the cluster's metrics API is missing or down",
            "Check that the metrics server runs: kubectl top pods must answer.",
        )
    if active.reason.startswith("FailedGet"):
        return (
            "gets no figures to scale by",
            "Check that the metrics that it names exist: kubectl describe hpa shows its last error.",
        )
    return (
        "does not work",
        "kubectl describe hpa shows what is wrong with its settings.",
    )
