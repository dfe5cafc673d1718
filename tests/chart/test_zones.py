"""What a zone lets its pods take."""

from typing import Any, Final

import pytest

from .chart import Rendered, render

COUNTS: Final = {"pods": 40, "count/jobs.batch": 40, "persistentvolumeclaims": 40}
MOST: Final = {"cpu": "1", "memory": "256Mi"}
ASKED: Final = {"cpu": "10m", "memory": "32Mi"}


def media(**zone: Any) -> Rendered:
    """A house with one zone."""
    return render({"zones": {"media": zone}})


@pytest.mark.parametrize(
    ("quota", "hard"),
    [
        ({}, COUNTS),
        ({"pods": 5}, {**COUNTS, "pods": 5}),
        ({"requests.memory": "2Gi"}, {**COUNTS, "requests.memory": "2Gi"}),
        ({"pods": None, "persistentvolumeclaims": None}, {"count/jobs.batch": 40}),
    ],
)
def test_a_mistake_cannot_fill_the_cluster(
    quota: dict[str, Any], hard: dict[str, Any]
) -> None:
    found = media(quota=quota).one("ResourceQuota", "home", "home-media")
    assert found["spec"]["hard"] == hard


@pytest.mark.parametrize(
    ("limits", "container"),
    [
        ({}, {"default": MOST, "defaultRequest": ASKED}),
        (
            {"default": {"memory": "1Gi"}},
            {"default": {**MOST, "memory": "1Gi"}, "defaultRequest": ASKED},
        ),
        (
            {"max": {"memory": "2Gi"}},
            {"default": MOST, "defaultRequest": ASKED, "max": {"memory": "2Gi"}},
        ),
        ({"default": None}, {"defaultRequest": ASKED}),
        (
            {"default": {"cpu": None}},
            {"default": {"memory": "256Mi"}, "defaultRequest": ASKED},
        ),
    ],
)
def test_a_pod_that_asks_for_nothing_gets_a_little(
    limits: dict[str, Any], container: dict[str, Any]
) -> None:
    found = media(limits=limits).one("LimitRange", "home", "home-media")
    assert found["spec"]["limits"] == [{"type": "Container", **container}]


@pytest.mark.parametrize(
    ("zone", "kinds"),
    [
        ({"quota": False}, {"LimitRange"}),
        ({"limits": False}, {"ResourceQuota"}),
        ({"quota": False, "limits": False}, set()),
        ({"limits": {"default": None, "defaultRequest": None}}, {"ResourceQuota"}),
        ({"quota": dict.fromkeys(COUNTS)}, {"LimitRange"}),
    ],
)
def test_what_is_taken_away_is_not_there(zone: dict[str, Any], kinds: set[str]) -> None:
    found = media(**zone)
    assert {one for one in ("ResourceQuota", "LimitRange") if found.of(one)} == kinds


@pytest.mark.parametrize("kind", ["ResourceQuota", "LimitRange"])
def test_every_zone_has_bounds_and_the_releases_own_namespace_has_none(
    kind: str,
) -> None:
    zones = {"hall": {}, "garden": {"create": False}, "den": {"namespace": "cellar"}}
    assert {
        each["metadata"]["namespace"] for each in render({"zones": zones}).of(kind)
    } == {"home-hall", "home-garden", "cellar"}
