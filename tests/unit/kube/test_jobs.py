"""The Job of a CronJob that is run by hand: what kubectl makes of it."""

import json
from typing import Any

import pytest

from custom_components.home_cluster.kube.errors import Unreadable
from custom_components.home_cluster.kube.jobs import job_of

SPEC = {
    "backoffLimit": 1,
    "template": {
        "metadata": {"labels": {"app": "backup"}},
        "spec": {"containers": [{"name": "a", "args": ["sleep", "20"]}], "x": 1.5},
    },
}


def cron_job(name: str = "backup", **template: Any) -> bytes:
    """Return a CronJob as the server sends it."""
    metadata = {"name": name, "uid": "u-1", "labels": {"of": "the cron job"}}
    spec = {"schedule": "0 3 * * *", "jobTemplate": {"spec": SPEC, **template}}
    return json.dumps({"metadata": metadata, "spec": spec}).encode()


def test_it_is_the_cron_jobs_own() -> None:
    made = json.loads(
        job_of(
            cron_job(metadata={"labels": {"tier": "a"}, "annotations": {"note": "b"}})
        )
    )
    assert made == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "generateName": "backup-manual-",
            "labels": {"tier": "a"},
            "annotations": {
                "note": "b",
                "cronjob.kubernetes.io/instantiate": "manual",
            },
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "CronJob",
                    "name": "backup",
                    "uid": "u-1",
                    "controller": True,
                }
            ],
        },
        "spec": SPEC,
    }


def test_its_name_is_never_too_long() -> None:
    made = json.loads(job_of(cron_job("b" * 63)))
    base = made["metadata"]["generateName"]
    assert base.endswith("b-manual-")
    assert len(base) + 5 == 63
    assert made["metadata"]["ownerReferences"][0]["name"] == "b" * 63


@pytest.mark.parametrize(
    "template", [{"metadata": {"labels": None, "annotations": None}}, {"metadata": {}}]
)
def test_a_template_may_say_little(template: dict[str, Any]) -> None:
    made = json.loads(job_of(cron_job(**template)))
    assert made["metadata"]["labels"] == {}


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"metadata": {"name": "a"}}'])
def test_what_is_no_cron_job_makes_no_job(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        job_of(raw)
