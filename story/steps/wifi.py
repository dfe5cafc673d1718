"""Step 7: the Wi-Fi of one node drops, once for a short time and once for longer."""

import asyncio
import time
from typing import Final

from story import disturb, home
from story.automations import Automations
from story.inside import Inside
from story.notes import Notes, demand
from story.stage import Stage

from .step import Step

_TRIGGERS: Final = ("node_lost", "node_back")
SHORT: Final = 40
LONG: Final = 120
# Right at most this long after Kubernetes itself sees node and pod ready.
BACK: Final = 5
# From the first lost heartbeat: 20 s until Kubernetes calls the node unknown, then the flicker window.
_WINDOW_ENDS: Final = 80


async def wifi(stage: Stage, notes: Notes) -> None:
    """The node under the jazz server: 40 s is a flicker, 120 s is a problem; both end in seconds."""
    inside = await stage.connected()
    node = (await stage.witness.pods(home.JAZZ))[0].node
    notes.witness(f"jazz runs on {node}")
    async with Automations(inside) as made:
        await _make(inside, made, node)
        with stage.window(f"Wi-Fi of {node}", "unknown", settle=10):
            await _short(stage, inside, notes, node)
            await stage.at_rest()
            for trigger in _TRIGGERS:
                demand(
                    await made.said(trigger) is None,
                    f"{SHORT} s without Wi-Fi ran the automation of {trigger}",
                )
            with stage.window(f"{node} is lost", "on", of="/problem", settle=10):
                await _long(stage, inside, notes, node, made)


async def _make(inside: Inside, made: Automations, node: str) -> None:
    """One automation for the node's loss, one for its return."""
    device = (await inside.devices())[f"node//{node}"]["id"]
    for trigger in _TRIGGERS:
        await made.make(
            trigger,
            {"trigger": f"home_cluster.{trigger}", "target": {"device_id": device}},
        )


async def _short(stage: Stage, inside: Inside, notes: Notes, node: str) -> None:
    since = time.time()
    async with disturb.wifi_down(stage.cluster, node):
        notes.did(f"{node} has no Wi-Fi")
        down = time.monotonic()
        took = await inside.until_said(
            home.JAZZ, "status", "unknown", timeout=SHORT - 5
        )
        notes.ha(f"jazz unknown after {took:.1f} s")
        state = await stage.witness.node_ready(node)
        notes.witness(f"{node} Ready is {state}")
        demand(state != "True", f"jazz is unknown, but the witness sees {node} Ready")
        await asyncio.sleep(max(0, SHORT - (time.monotonic() - down)))
    await _back(stage, inside, notes, node)
    for workload in home.DEVICES:
        alarms = [
            word
            for word in inside.words_since(since, workload, "problem")
            if word == "on"
        ]
        demand(not alarms, f"{SHORT} s without Wi-Fi made a problem of {workload.path}")
    words = inside.words_since(since, home.JAZZ, "status")
    notes.ha(f"jazz said {' → '.join(words)}, and never a problem")


async def _long(
    stage: Stage, inside: Inside, notes: Notes, node: str, made: Automations
) -> None:
    async with disturb.wifi_down(stage.cluster, node):
        notes.did(f"{node} has no Wi-Fi again")
        down = time.monotonic()
        took = await inside.until_said(home.JAZZ, "problem", "on", timeout=LONG - 10)
        await inside.until_said(home.JAZZ, "reason", "node_lost", timeout=2)
        await inside.until(
            f"{node} is shown as lost", lambda: _lost(inside, node), timeout=2
        )
        await made.until_ran("node_lost")
        sentence = inside.attributes(home.JAZZ, "problem").get("message")
        notes.ha(
            f"jazz has a problem after {took:.1f} s, node_lost: {sentence!r}; {node} is off"
        )
        state = await stage.witness.node_ready(node)
        notes.witness(f"{node} Ready is {state}")
        demand(state != "True", f"a problem, but the witness sees {node} Ready")
        demand(
            took >= _WINDOW_ENDS - 10,
            f"a problem after {took:.1f} s, within the flicker window",
        )
        demand(
            await made.said("node_back") is None, f"{node} is lost, and told as back"
        )
        await asyncio.sleep(max(0, LONG - (time.monotonic() - down)))
    await _back(stage, inside, notes, node)
    await made.until_ran("node_back")
    notes.ha("the automations of the loss and of the return ran")


async def _back(stage: Stage, inside: Inside, notes: Notes, node: str) -> None:
    """The link is back: as soon as Kubernetes has the pod again, all is well in Home Assistant."""
    began = time.monotonic()

    async def ready() -> bool:
        return (
            await stage.witness.node_ready(node) == "True"
            and await stage.witness.ready_count(home.JAZZ) == 1
        )

    seen = await inside.until(f"{node} and jazz are ready again", ready, timeout=60)
    notes.witness(f"{node} and jazz are ready {seen:.1f} s after the Wi-Fi is back")
    await inside.until_said(home.JAZZ, "problem", "off", timeout=BACK)
    await inside.until_said(home.JAZZ, "status", "running", timeout=BACK)
    took = time.monotonic() - began
    notes.ha(f"jazz is well {took:.1f} s after the Wi-Fi is back")
    stage.figures.add("node ready to right", took - seen)


async def _lost(inside: Inside, node: str) -> bool:
    change = inside.change(f"node//{node}", "connected")
    return change is not None and change.state == "off"


STEPS: Final = (
    Step(7, "The Wi-Fi of one node drops: 40 s is a flicker, 120 s a problem", wifi),
)
