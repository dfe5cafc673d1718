"""The flows that mend what a repair is about."""

import asyncio
import logging
from typing import Any, Final, override

import probatio

from homeassistant.components.repairs import FlowType, RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .devices import ref_of
from .hub import Hub
from .kube.errors import Conflict, KubeError, NotFound
from .kube.schema import Ref
from .mending import (
    CREDENTIAL,
    DATA_ENTRY,
    DATA_HOLDER,
    DATA_KEY,
    DATA_POD,
    DATA_UID,
    IN_USE,
    STUCK_POD,
    WEDGED,
)

_LOGGER = logging.getLogger(__name__)

# How long a flow waits for a refusal, in seconds.
AT_ONCE: Final = 5.0

type _Data = dict[str, str | int | float | None]


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: _Data | None
) -> RepairsFlow:
    """Return the flow of a repair."""
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    kind = issue.translation_key if issue is not None else None
    return _FLOWS.get(kind or "", _Confirm)(data or {})


class _Confirm(RepairsFlow):
    """Asks whether to do it, and does it."""

    def __init__(self, data: _Data) -> None:
        """Keep what the repair is about."""
        self._about = {key: str(value) for key, value in data.items()}

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Begin with the question."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Ask, then mend."""
        if user_input is not None:
            return await self._mend()
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        words = issue.translation_placeholders if issue is not None else None
        return self.async_show_form(
            step_id="confirm",
            data_schema=probatio.Schema({}),
            description_placeholders=words,
        )

    async def _mend(self) -> RepairsFlowResult:
        return self.async_abort(reason="over")

    def _hub(self) -> Hub | None:
        """Return the hub of the repair's entry, None while that is not connected."""
        entry = self.hass.config_entries.async_get_entry(self._about[DATA_ENTRY])
        if entry is None or entry.state is not ConfigEntryState.LOADED:
            return None
        hub: Hub = entry.runtime_data
        return hub if hub.available else None

    def _ref(self, of: str = DATA_KEY) -> Ref:
        ref = ref_of(self._about[of])
        assert ref is not None
        return ref

    def _failed(self, error: str) -> RepairsFlowResult:
        return self.async_abort(
            reason="failed", description_placeholders={"error": error}
        )


class _DeletePod(_Confirm):
    """Deletes a pod that hangs while it is stopped, and no other."""

    @override
    async def _mend(self) -> RepairsFlowResult:
        if (hub := self._hub()) is None:
            return self.async_abort(reason="not_connected")
        pod, uid = self._about[DATA_POD], self._about[DATA_UID]
        if not any(one.uid == uid and one.deleting for one in hub.pods(self._ref())):
            return self.async_abort(reason="over")
        try:
            await hub.client.delete_pod(self._ref().namespace, pod, uid=uid, grace=0)
        except NotFound, Conflict:
            return self.async_abort(reason="over")
        except KubeError as err:
            return self._failed(err.message)
        return self.async_create_entry(data={})


class _RollBack(_Confirm):
    """Brings back what a device was before a rollout that came to nothing."""

    @override
    async def _mend(self) -> RepairsFlowResult:
        if (hub := self._hub()) is None:
            return self.async_abort(reason="not_connected")
        task = hub.entry.async_create_background_task(
            self.hass,
            hub.firmware.rollback(self._ref()),
            f"home_cluster roll back {self._ref().name}",
        )
        # Until it is seen through minutes may pass; what is refused, is so at once.
        done, _ = await asyncio.wait({task}, timeout=AT_ONCE)
        if not done:
            task.add_done_callback(_look_at)
        elif (error := task.exception()) is not None:
            if not isinstance(error, HomeAssistantError):
                raise error
            return self._failed(str(error))
        return self.async_create_entry(data={})


def _look_at(task: asyncio.Task[Any]) -> None:
    """Have the log tell of a failure that came when nobody waited any more."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOGGER.warning("Going back to an earlier version failed: %s", error)


class _SwitchOff(_Confirm):
    """Switches the device off that has the hardware for which another waits."""

    @override
    async def _mend(self) -> RepairsFlowResult:
        if (hub := self._hub()) is None:
            return self.async_abort(reason="not_connected")
        view = hub.view(self._ref(DATA_HOLDER))
        if view is None or not view.power:
            return self.async_abort(reason="over")
        try:
            await hub.power(view.ref, on=False)
        except HomeAssistantError as err:
            return self._failed(str(err))
        return self.async_create_entry(data={})


class _SignIn(_Confirm):
    """Goes on to where the credential is replaced; the repair stays until there is another."""

    @override
    async def _mend(self) -> RepairsFlowResult:
        entry = self.hass.config_entries.async_get_entry(self._about[DATA_ENTRY])
        if entry is None:
            return self.async_abort(reason="over")
        flow = await self.hass.config_entries.flow.async_init(
            DOMAIN,
            context={"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id},
        )
        return self.async_abort(
            reason="goes_on", next_flow=(FlowType.CONFIG_FLOW, flow["flow_id"])
        )


_FLOWS: Final[dict[str, type[_Confirm]]] = {
    STUCK_POD: _DeletePod,
    WEDGED: _RollBack,
    CREDENTIAL: _SignIn,
    IN_USE: _SwitchOff,
}
