"""What a choice of namespaces and workloads would make devices of, before it is saved."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
import re
from typing import Any, Final

import voluptuous as vol

from homeassistant.components.websocket_api import async_register_command
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.const import ERR_NOT_FOUND
from homeassistant.components.websocket_api.decorators import (
    async_response,
    require_admin,
    websocket_command,
)
from homeassistant.components.websocket_api.messages import event_message
from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

from .connect import Refused, insist, rules
from .const import CONF_MODE, CONF_NAMESPACES, DOMAIN
from .kube.access import Missing
from .kube.client import Client
from .kube.errors import Forbidden, KubeError, NotFound
from .kube.resources import RESOURCES
from .kube.schema import WORKLOAD_KINDS, CronJob, Job, Kind, Namespace, Workload
from .model.selection import (
    MODE_ALL,
    MODE_LABELLED,
    MODE_NAMESPACES,
    AnyWorkload,
    selected,
    system_namespaces,
)

SHOWN: Final = 12
UNKNOWN: Final = "–"
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class Preview:
    """What of a cluster may be read and would become devices.

    Reads each collection once; make a new one to look again.
    """

    def __init__(self, client: Client) -> None:
        """Look at the cluster of a client."""
        self._client = client
        self._lists: dict[str | None, list[AnyWorkload] | None] = {}
        self._lock = asyncio.Lock()
        self._system: frozenset[str] = frozenset()
        self.namespaces: tuple[str, ...] = ()

    async def load(self) -> None:
        """Read the namespaces, as far as the account may; never fails."""
        try:
            found = await insist(lambda: self._client.list_all(Kind.NAMESPACE, None))
        except KubeError:
            return
        spaces = [space for space in found if isinstance(space, Namespace)]
        self.namespaces = tuple(sorted(space.name for space in spaces))
        self._system = system_namespaces(spaces)

    async def check(self, typed: Mapping[str, Any]) -> dict[str, Any]:
        """Return the entry's options; raises `Refused`.

        What cannot be asked because the cluster is silent is taken as typed.
        """
        mode = typed[CONF_MODE]
        names = _clean(typed.get(CONF_NAMESPACES, ()))
        if mode == MODE_NAMESPACES and not names:
            raise Refused(
                "no_namespace", CONF_NAMESPACES, existing=_listed(self.namespaces)
            )
        if odd := [name for name in names if not _NAMESPACE.fullmatch(name)]:
            raise Refused("invalid_namespace", CONF_NAMESPACES, namespaces=_listed(odd))
        if self.namespaces and (unknown := sorted(set(names) - set(self.namespaces))):
            raise Refused(
                "unknown_namespace",
                CONF_NAMESPACES,
                namespaces=_listed(unknown),
                existing=_listed(self.namespaces),
            )
        with suppress(KubeError):
            await self._check_rights(names)
        return {CONF_MODE: mode, CONF_NAMESPACES: names}

    async def chosen(
        self, mode: str, namespaces: Iterable[str]
    ) -> list[AnyWorkload] | None:
        """Return the workloads that would become devices, or None when they cannot be read."""
        names = _clean(namespaces)
        try:
            found = await self._workloads(None)
            if found is None:
                found = _joined([await self._workloads(name) for name in names])
        except KubeError:
            return None
        if found is None:
            return None
        return [
            workload
            for workload in found
            if selected(workload, mode, names, self._system)
        ]

    async def chosen_by(self, typed: Mapping[str, Any]) -> list[AnyWorkload] | None:
        """Return what a form that is filled in so would make devices of, or None."""
        return await self.chosen(
            typed.get(CONF_MODE, MODE_ALL), typed.get(CONF_NAMESPACES, ())
        )

    async def words(self, typed: Mapping[str, Any]) -> dict[str, str]:
        """Return the placeholders of the text of a form that is filled in so."""
        everything = await self.chosen(MODE_ALL, ())
        words: dict[str, str] = {}
        for name, found in (
            ("chosen", await self.chosen_by(typed)),
            ("all", everything),
            ("labelled", await self.chosen(MODE_LABELLED, ())),
        ):
            words[f"{name}_count"] = UNKNOWN if found is None else str(len(found))
            words[f"{name}_names"] = UNKNOWN if found is None else named(found)
        counts = Counter(workload.namespace for workload in everything or ())
        words["by_namespace"] = _listed(
            f"{name} ({counts[name]})" for name in sorted(counts)
        )
        return words

    async def _check_rights(self, names: list[str]) -> None:
        if await self._workloads(None) is not None:
            return
        if not names:
            raise Refused(
                "needs_all_namespaces", CONF_MODE, yaml=await self._rules([None])
            )
        if denied := [name for name in names if await self._workloads(name) is None]:
            raise Refused(
                "namespace_denied",
                CONF_NAMESPACES,
                namespaces=_listed(denied),
                yaml=await self._rules(denied),
            )

    async def _workloads(self, namespace: str | None) -> list[AnyWorkload] | None:
        """Return the workloads of a namespace or of all; None when none of their kinds may be read."""
        async with self._lock:
            if namespace not in self._lists:
                kinds = await asyncio.gather(
                    *(self._list(kind, namespace) for kind in WORKLOAD_KINDS)
                )
                self._lists[namespace] = _joined(kinds)
            return self._lists[namespace]

    async def _list(
        self, kind: Kind, namespace: str | None
    ) -> list[AnyWorkload] | None:
        try:
            found = await insist(lambda: self._client.list_all(kind, namespace))
        except Forbidden, NotFound:
            return None
        return [each for each in found if isinstance(each, (Workload, CronJob, Job))]

    async def _rules(self, namespaces: Iterable[str | None]) -> str:
        """Return the YAML that lets the account follow namespaces; None stands for all of them."""
        return await rules(
            self._client,
            [
                Missing(verb, RESOURCES[kind].group, RESOURCES[kind].plural, namespace)
                for namespace in namespaces
                for kind in Kind
                if namespace is None or RESOURCES[kind].namespaced
                for verb in ("get", "list", "watch")
            ],
        )


def named(workloads: Iterable[AnyWorkload]) -> str:
    """Name workloads as people do, the first few of many."""
    names = sorted(f"{workload.name} ({workload.namespace})" for workload in workloads)
    return _listed([*names[:SHOWN], "…"] if len(names) > SHOWN else names)


def _joined(parts: Iterable[list[AnyWorkload] | None]) -> list[AnyWorkload] | None:
    """Return what could be read; None when nothing could."""
    read = [part for part in parts if part is not None]
    return [workload for part in read for workload in part] if read else None


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words) or UNKNOWN


def _clean(namespaces: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in namespaces if name.strip()))


_PREVIEWS: HassKey[dict[str, Preview]] = HassKey(f"{DOMAIN}_previews")


async def look(hass: HomeAssistant, flow_id: str, client: Client) -> Preview:
    """Look at the cluster as it is now: rights may have been added since the form was shown.

    The frontend may ask for the flow's preview until `hide_preview`.
    """
    preview = Preview(client)
    await preview.load()
    hass.data.setdefault(_PREVIEWS, {})[flow_id] = preview
    return preview


@callback
def hide_preview(hass: HomeAssistant, flow_id: str) -> None:
    """Forget a flow's preview."""
    hass.data.get(_PREVIEWS, {}).pop(flow_id, None)


@callback
def setup_preview(hass: HomeAssistant) -> None:
    """Answer the frontend's questions."""
    async_register_command(hass, _start_preview)


@websocket_command(
    {
        vol.Required("type"): f"{DOMAIN}/start_preview",
        vol.Required("flow_id"): str,
        vol.Required("flow_type"): vol.Any("config_flow", "options_flow"),
        vol.Required("user_input"): dict,
    }
)
@require_admin
@async_response
async def _start_preview(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> None:
    """Tell what the form as it is filled in would make devices of, as the state of a sensor."""
    preview = hass.data.get(_PREVIEWS, {}).get(msg["flow_id"])
    if preview is None:
        connection.send_error(msg["id"], ERR_NOT_FOUND, "Unknown flow")
        return
    found = await preview.chosen_by(msg["user_input"])
    connection.subscriptions[msg["id"]] = lambda: None
    connection.send_result(msg["id"])
    connection.send_message(
        event_message(
            msg["id"],
            {
                "domain": "sensor",
                "state": "unavailable" if found is None else str(len(found)),
                "attributes": {
                    "friendly_name": named(found or ()),
                    "icon": "mdi:devices",
                },
            },
        )
    )
