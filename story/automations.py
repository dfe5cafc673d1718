"""Automations and conditions as the editor makes them."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
import time
from typing import Any, Self

from testbed.house_socket import HouseError

from .inside import Inside
from .notes import Miss


class Automations:
    """Automations that put a notification on the wall; gone when the step is over."""

    def __init__(self, inside: Inside) -> None:
        """Make none yet."""
        self._inside = inside
        self._made: list[str] = []

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Take all of them away."""
        await self.remove()

    async def make(
        self,
        name: str,
        trigger: dict[str, Any],
        *,
        when: Sequence[dict[str, Any]] = (),
        says: str = "",
    ) -> None:
        """Have one that puts a notification on the wall; `says` is its template, `when` its conditions."""
        note = {"notification_id": name, "message": says or name}
        await self._save(
            name,
            {
                "triggers": [trigger],
                "conditions": list(when),
                "actions": [{"action": "persistent_notification.create", "data": note}],
            },
        )

    async def use(self, name: str, blueprint: str, **inputs: Any) -> None:
        """Have one by a blueprint that was imported before, at the path of its file."""
        await self._save(name, {"use_blueprint": {"path": blueprint, "input": inputs}})

    async def _save(self, name: str, content: dict[str, Any]) -> None:
        await self._inside.house.rest(
            "POST",
            f"/api/config/automation/config/{name}",
            {"alias": name, **content},
        )
        self._made.append(name)

        async def there() -> bool:
            try:
                await self._inside.house.rest("GET", f"/api/states/automation.{name}")
            except HouseError:
                return False
            return True

        await self._inside.until(f"the automation {name} is there", there, timeout=10)

    async def said(self, name: str) -> str | None:
        """What the automation put on the wall; None if it did not run."""
        for note in await self._inside.house.call("persistent_notification/get"):
            if note["notification_id"] == name:
                return str(note["message"])
        return None

    async def until_ran(self, name: str, *, timeout: float = 30) -> str:
        """Wait for what the automation put on the wall."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if (said := await self.said(name)) is not None:
                return said
            await asyncio.sleep(0.2)
        seen = await self._inside.house.rest("GET", f"/api/states/automation.{name}")
        raise Miss(
            f"the automation {name} did not run in {timeout:.0f} s: it is {seen['state']}, "
            f"last triggered {seen['attributes'].get('last_triggered')}"
        )

    async def remove(self) -> None:
        """Take all of them away, and what they put on the wall."""
        for name in self._made:
            with suppress(HouseError):
                await self._inside.house.rest(
                    "DELETE", f"/api/config/automation/config/{name}"
                )
            await self._inside.house.service(
                "persistent_notification.dismiss", notification_id=name
            )


async def holds(
    inside: Inside, key: str, target: dict[str, Any], **options: Any
) -> bool:
    """Whether a condition of ours passes for a target."""
    condition = {"condition": f"home_cluster.{key}", "target": target}
    answer = await inside.house.call(
        "test_condition", condition={**condition, "options": options}
    )
    return bool(answer["result"])
