"""The pictures of the story: what a person sees in Home Assistant's pages."""

from pathlib import Path
from typing import Any, Final

from testbed.screenshots import Camera

from . import home
from .inside import Inside
from .witness import Workload

DASHBOARD: Final = "home-cluster"
GENERATED: Final = "home-cluster-devices"

_TALL: Final = (1280, 1200)

_PERFORM: Final = "Perform action"
# Under these names the page of the developer tools remembers what was there last.
_ACTION_STATE: Final = "panel-dev-action-state-service-data"
_ACTION_MODE: Final = "panel-dev-action-state-yaml-mode"

# The cards are shadow roots within shadow roots.
_OPEN_LOG: Final = """
(() => {
  const walk = (node) => {
    const root = node.shadowRoot;
    if (root?.querySelector(".name")?.textContent === "%s") root.querySelector("button.log")?.click();
    (root?.childNodes ?? []).forEach(walk);
    node.childNodes.forEach(walk);
  };
  walk(document.body);
})()
"""


class Pictures:
    """Takes the pictures into a folder; without a folder, none."""

    def __init__(self, folder: Path | None) -> None:
        """Remember the folder."""
        self._folder = folder

    async def devices(self, inside: Inside) -> None:
        """The list of devices, the page of the fridge, and a dashboard of the home."""
        if self._folder is None:
            return
        devices = await inside.devices()
        names = [devices[workload.path]["name"] for workload in home.DEVICES]
        await make_dashboard(inside)
        async with Camera(inside.house) as camera:
            await camera.take(
                "/config/devices/dashboard?historyBack=1&domain=home_cluster",
                self._folder / "devices.png",
                showing=names,
            )
            await camera.take(
                f"/config/devices/device/{devices[home.FRIDGE.path]['id']}",
                self._folder / "fridge.png",
                showing=["Fridge", "Status", "Problem", "Restart"],
            )
            await camera.take(
                f"/{DASHBOARD}/0",
                self._folder / "dashboard.png",
                showing=["Fridge", "Jazz"],
            )

    async def failing(self, inside: Inside, workload: Workload, sentence: str) -> None:
        """The failing device's page, and the dashboard with the sentence that says why."""
        if self._folder is None:
            return
        await self.device("failing", inside, workload, "It keeps crashing")
        await make_dashboard(inside)
        async with Camera(inside.house) as camera:
            await camera.take(
                f"/{DASHBOARD}/0",
                self._folder / "problem.png",
                showing=[sentence],
            )

    async def device(
        self,
        name: str,
        inside: Inside,
        workload: Workload,
        *showing: str,
        language: str = "en",
    ) -> None:
        """A device's page with these words."""
        if self._folder is None:
            return
        device = (await inside.devices())[workload.path]
        async with Camera(inside.house, size=_TALL, language=language) as camera:
            await camera.take(
                f"/config/devices/device/{device['id']}",
                self._folder / f"{name}.png",
                showing=[device["name"], *showing],
            )

    async def entity(
        self, name: str, inside: Inside, entity: str, *showing: str
    ) -> None:
        """What is told of one entity, in its dialog."""
        if self._folder is None:
            return
        async with Camera(inside.house) as camera:
            await camera.take(
                f"/config/devices/dashboard?more-info-entity-id={entity}",
                self._folder / f"{name}.png",
                showing=showing,
            )

    async def repair(
        self, name: str, inside: Inside, title: str, *showing: str
    ) -> None:
        """A repair, opened."""
        if self._folder is None:
            return
        async with Camera(inside.house) as camera:
            picture = self._folder / f"{name}.png"
            await camera.take("/config/repairs", picture, showing=[title])
            await camera.click(title)
            await camera.until(showing)
            picture.write_bytes(await camera.picture())

    async def automation(self, inside: Inside, name: str, *showing: str) -> None:
        """An automation in its editor, with its trigger open."""
        if self._folder is None:
            return
        async with Camera(inside.house) as camera:
            picture = self._folder / "automation.png"
            page = f"/config/automation/edit/{name}"
            await camera.take(page, picture, showing=showing)
            await camera.click(showing[0])
            await camera.until(["Entities"])
            picture.write_bytes(await camera.picture())

    async def action(
        self, inside: Inside, action: dict[str, Any], *showing: str
    ) -> None:
        """An action as the developer tools carry it out, with its answer."""
        if self._folder is None:
            return
        async with Camera(inside.house, size=_TALL) as camera:
            await camera.remember({_ACTION_STATE: action, _ACTION_MODE: True})
            picture = self._folder / "action.png"
            await camera.take(
                "/config/tools/action", picture, showing=[_PERFORM, action["action"]]
            )
            await camera.click(_PERFORM)
            await camera.until(["Response", *showing])
            picture.write_bytes(await camera.picture())

    async def assist(self, inside: Inside, question: str, answer: str) -> None:
        """A question that is typed, and what is answered."""
        if self._folder is None:
            return
        await make_dashboard(inside)
        async with Camera(inside.house) as camera:
            picture = self._folder / "assist.png"
            page = f"/{DASHBOARD}/0?conversation=1"
            await camera.take(page, picture, showing=["How can I assist?"])
            await camera.enter(question)
            await camera.until([question, answer])
            picture.write_bytes(await camera.picture())

    async def generated(self, inside: Inside, sentence: str) -> None:
        """The dashboard that makes itself: what is wrong, a card for each device, the fridge's log."""
        if self._folder is None:
            return
        devices = await inside.devices()
        names = [devices[workload.path]["name"] for workload in home.DEVICES]
        await _dashboard(
            inside, GENERATED, {"strategy": {"type": "custom:home-cluster"}}
        )
        picture = self._folder / "generated.png"
        async with Camera(inside.house, size=_TALL) as camera:
            await camera.take(
                f"/{GENERATED}/devices",
                picture,
                showing=["What is wrong", sentence, *names, "Log"],
            )
            await camera.evaluate(_OPEN_LOG % devices[home.FRIDGE.path]["name"])
            await camera.until(["Hide log"])
            picture.write_bytes(await camera.picture())


async def make_dashboard(inside: Inside) -> None:
    """A dashboard with the devices, and what is wrong in words."""
    await _dashboard(inside, DASHBOARD, dashboard_config(inside))


async def _dashboard(inside: Inside, path: str, config: dict[str, Any]) -> None:
    dashboards = await inside.house.call("lovelace/dashboards/list")
    if not any(dashboard["url_path"] == path for dashboard in dashboards):
        await inside.house.call(
            "lovelace/dashboards/create",
            url_path=path,
            title="Home Cluster",
            icon="mdi:home-automation",
            mode="storage",
        )
    await inside.house.call("lovelace/config/save", url_path=path, config=config)


def dashboard_config(inside: Inside) -> dict[str, Any]:
    """The dashboard: each device's switch and status, the sentence and advice of each problem."""
    tiles = []
    lines = []
    for workload in home.DEVICES:
        switchable = inside.said(workload, "power") is not None
        shown = ("power", "status") if switchable else ("status", "problem")
        tiles += [
            {"type": "tile", "entity": inside.entity(workload, key)} for key in shown
        ]
        problem = inside.entity(workload, "problem")
        lines.append(
            f"{{% if is_state('{problem}', 'on') %}}"
            f"**{{{{ state_attr('{problem}', 'message') }}}}**\n\n"
            f"{{{{ state_attr('{problem}', 'advice') }}}}\n\n{{% endif %}}"
        )
    words = {"type": "markdown", "title": "What is wrong", "content": "\n".join(lines)}
    section = {"type": "grid", "cards": tiles}
    return {
        "views": [
            {
                "title": "Home",
                "path": "0",
                "type": "sections",
                "sections": [section, {"type": "grid", "cards": [words]}],
            }
        ]
    }
