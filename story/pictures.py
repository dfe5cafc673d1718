"""The pictures of the story: what a person sees in Home Assistant's pages."""

from pathlib import Path
from typing import Any, Final

from testbed.screenshots import Camera

from . import home
from .inside import Inside
from .witness import Workload

DASHBOARD: Final = "home-cluster"
GENERATED: Final = "home-cluster-devices"

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
        device = (await inside.devices())[workload.path]
        await make_dashboard(inside)
        async with Camera(inside.house) as camera:
            await camera.take(
                f"/config/devices/device/{device['id']}",
                self._folder / "failing-device.png",
                showing=[device["name"], "It keeps crashing"],
            )
            await camera.take(
                f"/{DASHBOARD}/0",
                self._folder / "failing-sentence.png",
                showing=[sentence],
            )

    async def firmware(self, inside: Inside, newest: str) -> None:
        """The newer version of the fridge's firmware, as it is offered."""
        if self._folder is None:
            return
        entity = inside.entity(home.FRIDGE, "update")
        async with Camera(inside.house) as camera:
            await camera.take(
                f"/config/devices/dashboard?more-info-entity-id={entity}",
                self._folder / "firmware.png",
                showing=["Installed version", newest],
            )

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
        async with Camera(inside.house, size=(1280, 1200)) as camera:
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
