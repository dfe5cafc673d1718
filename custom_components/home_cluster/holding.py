"""Whether the account is held to its controls, where a hint promises that admission policies see to that."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
import logging
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .kube.access import Missing, Right
from .kube.client import Client
from .kube.errors import KubeError
from .kube.schema import HINT_PREFIX, Kind, Ref
from .model.views import WorkloadView
from .rights import DENIALS, RUN, patch_right, scaler_of

_LOGGER = logging.getLogger(__name__)

_NAME: Final = "home-cluster-dry-run"
_OTHER_HINT: Final = {"metadata": {"annotations": {f"{HINT_PREFIX}held": _NAME}}}


@dataclass(frozen=True, slots=True)
class Misdeed:
    """What rights allow and policies should not: another hint for `ref`, or the Job in its namespace."""

    right: Right
    ref: Ref
    job: Mapping[str, Any] | None = None

    async def passes(self, client: Client) -> bool:
        """Say whether it would be let through; nothing is done. Raises `KubeError`."""
        if self.job is None:
            return await client.dry_run(self.ref, _OTHER_HINT)
        return await client.dry_run_job(self.ref.namespace, self.job)


def misdeeds(
    views: Iterable[WorkloadView], allows: Callable[[Missing], bool]
) -> Iterator[Misdeed]:
    """Yield what to try with workloads that are held, of each kind once; `allows` tells the rights."""
    tried: set[Right] = set()
    for view in views:
        if not view.hints.held:
            continue
        for ref in (view.ref, scaler_of(view)):
            if ref is None:
                continue
            right = patch_right(ref.kind)
            if right not in tried and allows(Missing(*right, ref.namespace)):
                tried.add(right)
                yield Misdeed(right, ref)
        if (
            view.ref.kind is Kind.CRON_JOB
            and RUN not in tried
            and allows(Missing(*RUN, view.ref.namespace))
        ):
            tried.add(RUN)
            yield Misdeed(RUN, view.ref, _job())
            owner = {
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "name": view.ref.name,
                "uid": view.uid,
            }
            yield Misdeed(RUN, view.ref, _job(owner))


def _job(*owners: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a Job of nobody's writing, of an image that is not there."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": f"{_NAME}-", "ownerReferences": owners},
        "spec": {
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{"name": "main", "image": _NAME}],
                }
            }
        },
    }


def unheld_issue_id(entry_id: str) -> str:
    """Return the id of the repair that names what nothing holds."""
    return f"unheld_{entry_id}"


class Holding:
    """Tries misdeeds by dry runs, and raises a repair for those that are let through.

    A policy that was never there and one that is gone look alike to the account, and its binding says
    nothing. `doubtful` asks for another look soon: an API server that just started may not have read
    its policies yet.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        client: Client,
        allows: Callable[[Missing], bool],
    ) -> None:
        """Trust that all is well."""
        self._hass = hass
        self._entry = entry
        self._client = client
        self._allows = allows
        self._passed: dict[Right, int] = {}
        self._reported: frozenset[Right] | None = None

    @property
    def doubtful(self) -> bool:
        """Whether something passed that may be held a moment later."""
        return any(times < DENIALS for times in self._passed.values())

    async def look(self, views: Iterable[WorkloadView]) -> None:
        """Try everything, and report what is sure."""
        passed: dict[Right, bool] = {}
        for misdeed in misdeeds(views, self._allows):
            try:
                passes = await misdeed.passes(self._client)
            except KubeError as err:
                # No answer proves nothing, neither of the policies nor of what was seen before.
                _LOGGER.debug("Could not try what should be forbidden: %s", err)
                return
            passed[misdeed.right] = passed.get(misdeed.right, False) or passes
        self._passed = {
            right: min(self._passed.get(right, 0) + 1, DENIALS)
            for right, passes in passed.items()
            if passes
        }
        self._report()

    def _report(self) -> None:
        unheld = frozenset(
            right for right, times in self._passed.items() if times == DENIALS
        )
        if unheld == self._reported:
            return
        self._reported = unheld
        issue = unheld_issue_id(self._entry.entry_id)
        if not unheld:
            ir.async_delete_issue(self._hass, DOMAIN, issue)
            return
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue,
            is_fixable=False,
            severity=ir.IssueSeverity.ERROR,
            translation_key="unheld",
            translation_placeholders={
                "cluster": self._entry.title,
                "unheld": ", ".join(
                    f"`{verb} {resource}`" for verb, _, resource in sorted(unheld)
                ),
            },
        )
