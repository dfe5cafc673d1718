"""The demo: Home Assistant with a cluster connected, for a person to play with."""

import asyncio
from collections.abc import Sequence
import json
import os
from pathlib import Path
import socket
from typing import Any, Final

from testbed.chart_home import (
    ASSISTANT,
    ATTIC,
    HALL,
    NAMESPACE,
    ChartHome,
    HouseInPod,
    demo_values,
)
from testbed.cluster import Cluster
from testbed.house import INTEGRATION, House
from testbed.house_client import HouseClient
from testbed.house_flow import walk

from . import home
from .pictures import make_dashboard
from .stage import Stage

_USUAL_PORT: Final = 8123
# Seconds in which a Home Assistant whose pod is Ready must let somebody in.
_PATIENCE: Final = 120


class DemoError(Exception):
    """The demo cannot go on; the sentence says why and what to do."""


async def show_home(cluster: Cluster, folder: Path, more: Sequence[str] = ()) -> None:
    """Connect a Home Assistant to the demo home, and keep it until the person has enough.

    `more` names further namespaces to show.
    """
    namespaces = [*home.NAMESPACES, *more]
    stage = Stage(cluster, folder, port=usual_port(), namespaces=namespaces)
    try:
        await stage.open()
        inside = await stage.connected()
        await stage.at_rest(timeout=120)
        await make_dashboard(inside)
        node = cluster.machine(cluster.node_names()[0])
        devices = await inside.devices()
        fridge = f"{inside.house.url}/config/devices/device/{devices[home.FRIDGE.path]['id']}"
        _welcome(
            inside.house,
            f"Switch the fridge off at {fridge} and see its pods go: {testbed_command()} kubectl get pods -n kitchen",
            # Not every machine has curl, but a node needs busybox.
            f"Crash it a few times: busybox wget -q -O - --post-data '' http://{node.address}:30080/crash\n"
            f"     and read why at {inside.house.url}/home-cluster",
            f"Cut the Wi-Fi of a node: {testbed_command()} fault wifi {node.name} --seconds 120\n"
            "     Up to a minute nobody is alarmed; then its devices say that the node is lost.",
        )
        await asyncio.Event().wait()
    finally:
        await stage.close()


async def show_chart(cluster: Cluster) -> None:
    """Install the chart, and keep its Home Assistant company until the person has enough."""
    chart = ChartHome(cluster)
    chart.prepare(HALL)
    chart.install(demo_values())
    house = HouseInPod(cluster, HALL)
    try:
        async with asyncio.timeout(_PATIENCE):
            await house.enter()
            await house.finish_onboarding()
        _welcome(
            house,
            f"Switch the lamp off at {house.url}/config/devices/dashboard\n"
            f"     and see its pod go: {testbed_command()} kubectl get pods -n home-lighting",
            f"Cut the power of a node: {testbed_command()} fault power {ATTIC} --seconds 120\n"
            "     Jazz moves to the other one; the broker waits, and Home Assistant says why.",
            f"See what Home Assistant may do, and what not: {testbed_command()} kubectl auth can-i --list "
            f"-n home-media --as system:serviceaccount:{NAMESPACE}:{ASSISTANT}",
        )
        await asyncio.Event().wait()
    finally:
        await house.close()


async def show_cluster(kubeconfig: Path, folder: Path) -> None:
    """Connect a Home Assistant to the user's own cluster."""
    house = House(folder / "own", port=usual_port())
    try:
        await house.start()
        result = await walk(
            house,
            {
                "user": {"next_step_id": "kubeconfig"},
                "kubeconfig": {"kubeconfig": str(kubeconfig.absolute())},
                "selection": {"mode": "all"},
            },
        )
        if result["type"] != "create_entry":
            raise DemoError(_why(result))
        _welcome(
            house,
            f"See the devices: {house.url}/config/devices/dashboard",
            "Choose what becomes a device: Settings → Devices & services → Home Cluster → Configure",
            "Switch something harmless off and on",
        )
        await asyncio.Event().wait()
    finally:
        await house.close()


def usual_port() -> int | None:
    """Home Assistant's own port if nobody uses it, else None: any free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", _USUAL_PORT))
        except OSError:
            return None
    return _USUAL_PORT


def testbed_command() -> str:
    """The command of the test bed as a second terminal must type it.

    A demo started by sudo keeps its cluster in root's home.
    """
    sudo = "sudo " if "SUDO_USER" in os.environ else ""
    return f"{sudo}.venv/bin/python -m testbed"


def _welcome(house: HouseClient, *things: str) -> None:
    tries = "\n".join(f"  {number}. {thing}" for number, thing in enumerate(things, 1))
    print(
        f"\nHome Assistant is running: {house.url}\n"
        f"Login: {house.username}   Password: {house.password}\n\n"
        f"Three things to try:\n{tries}\n\nCtrl-C ends it all.",
        flush=True,
    )


def _why(result: dict[str, Any]) -> str:
    """The sentence that Home Assistant would show for a flow that did not end well."""
    texts = json.loads((INTEGRATION / "translations" / "en.json").read_text())["config"]
    words = [
        texts["error"].get(key, key) for key in (result.get("errors") or {}).values()
    ]
    if reason := result.get("reason"):
        words.append(texts["abort"].get(reason, reason))
    text = " ".join(words) or f"The set-up stopped at {result.get('step_id')}."
    for name, value in (result.get("description_placeholders") or {}).items():
        text = text.replace(f"{{{name}}}", str(value))
    return text
