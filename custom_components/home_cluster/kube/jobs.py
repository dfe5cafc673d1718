"""The Job that a CronJob makes when somebody asks it to run now."""

from typing import Any, Final

import msgspec

from .errors import Unreadable

INSTANTIATE: Final = "cronjob.kubernetes.io/instantiate"

# With the five characters that the server adds, a name has 63 at most.
_LONGEST: Final = 58
_MANUAL: Final = "-manual-"


class _Template(msgspec.Struct):
    metadata: dict[str, Any] = {}
    spec: msgspec.Raw = msgspec.Raw(b"{}")


class _Spec(msgspec.Struct, rename="camel"):
    job_template: _Template


class _Metadata(msgspec.Struct):
    name: str
    uid: str


class _CronJob(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec


def job_of(cron_job: bytes) -> bytes:
    """Return the Job that `kubectl create job --from=cronjob/…` makes of a CronJob, named by the server.

    Its spec is that of the CronJob's template to the byte. Raises `Unreadable`.
    """
    try:
        found = msgspec.json.decode(cron_job, type=_CronJob)
    except msgspec.MsgspecError as error:
        raise Unreadable(f"a CronJob that cannot be read: {error}") from error
    metadata, template = found.metadata, found.spec.job_template
    # Without blockOwnerDeletion: that would need one more right.
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": metadata.name,
        "uid": metadata.uid,
        "controller": True,
    }
    base = metadata.name[: _LONGEST - len(_MANUAL)] + _MANUAL
    annotations = template.metadata.get("annotations") or {}
    return msgspec.json.encode(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "generateName": base,
                "labels": template.metadata.get("labels") or {},
                "annotations": {**annotations, INSTANTIATE: "manual"},
                "ownerReferences": [owner],
            },
            "spec": template.spec,
        }
    )
