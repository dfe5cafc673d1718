"""Step 23: what is asked aloud is answered rightly, and the dashboard makes itself."""

import asyncio
import time
from typing import Final

from story import home
from story.inside import Inside
from story.notes import Miss, Notes, demand
from story.stage import Stage
from story.witness import Workload

from .parts import device_manifest
from .step import Step

_TOASTER: Final = Workload("Deployment", "kitchen", "toaster")
_WHY: Final = "Why is the toaster not working?"
_BECAUSE: Final = "toaster is failing. Its configuration is missing."


async def talking(stage: Stage, notes: Notes) -> None:
    """Questions in English and German, a restart, and the dashboard."""
    inside = await stage.connected()
    await _all_is_well(inside, notes)
    await _where(stage, inside, notes)
    await _restart(stage, inside, notes)
    await _why(stage, inside, notes)
    apis = (await inside.house.call("llm/api/list"))["apis"]
    notes.ha(f"APIs for language models: {[one['name'] for one in apis]}")
    demand(
        "home_cluster" in {one["id"] for one in apis},
        f"no API for administrators among {apis}",
    )


async def say(
    inside: Inside, notes: Notes, text: str, *expected: str, language: str = "en"
) -> str:
    """Say a sentence; raises Miss unless the answer holds what is expected, in a moment at the latest.

    A name is understood from a second after it came. Of words with | between them one is enough.
    """
    deadline = time.monotonic() + 5
    while True:
        result = await inside.house.call(
            "conversation/process", text=text, language=language
        )
        answer = str(result["response"]["speech"]["plain"]["speech"])
        if all(any(one in answer for one in words.split("|")) for words in expected):
            notes.ha(f"{text!r}: {answer!r}")
            return answer
        if time.monotonic() > deadline:
            raise Miss(f"{text!r} was answered by {answer!r}, not with {expected}")
        await asyncio.sleep(0.5)


async def _all_is_well(inside: Inside, notes: Notes) -> None:
    # The backup may be between two runs, or at one.
    well = "Everything that should be running is.|Yes, all "
    await say(inside, notes, "Is everything running?", well)
    await say(inside, notes, "Läuft alles?", "Alles läuft|Ja, alle ", language="de")
    await say(inside, notes, "Is there new firmware?", "firmware")


async def _where(stage: Stage, inside: Inside, notes: Notes) -> None:
    node = next(pod.node for pod in await stage.witness.pods(home.CAMERA) if pod.ready)
    notes.witness(f"the camera's pod is on {node}")
    await say(inside, notes, "Which node is the driveway camera on?", node)
    await say(
        inside, notes, "Wo läuft die Driveway-Camera?", f"auf {node}", language="de"
    )


async def _restart(stage: Stage, inside: Inside, notes: Notes) -> None:
    before = {pod.uid for pod in await stage.witness.pods(home.JAZZ)}
    await say(inside, notes, "Please restart the jazz server.", "I am restarting Jazz.")

    async def replaced() -> bool:
        pods = await stage.witness.pods(home.JAZZ)
        return bool(pods) and all(
            pod.ready and not pod.ending and pod.uid not in before for pod in pods
        )

    took = await inside.until("jazz has a new pod that is ready", replaced, timeout=60)
    notes.witness(f"jazz has a new pod, ready after {took:.1f} s")
    await inside.until_said(home.JAZZ, "status", "running", timeout=10)


async def _why(stage: Stage, inside: Inside, notes: Notes) -> None:
    broken = device_manifest(
        "toaster", container={"envFrom": [{"configMapRef": {"name": "recipes"}}]}
    )
    words = ("on", "removed", "unavailable", "unknown")
    with stage.window("broken on purpose", *words, of=_TOASTER.path, settle=30):
        await stage.apply([broken])
        notes.did("deployed a toaster whose configuration is missing")
        try:
            await inside.until_said(_TOASTER, "problem", "on", timeout=60)
            await say(inside, notes, _WHY, _BECAUSE)
            await stage.pictures.assist(inside, _WHY, _BECAUSE)
            await say(inside, notes, "What is broken?", "toaster:")
            sentence = inside.attributes(_TOASTER, "problem")["message"]
            await stage.pictures.generated(inside, str(sentence))
            await say(
                inside,
                notes,
                "Warum läuft der Toaster nicht?",
                "toaster läuft nicht. Die Konfiguration fehlt.",
                "Lege die genannte Konfiguration an",
                language="de",
            )
        finally:
            await stage.witness.delete(_TOASTER)
        await inside.until_gone(_TOASTER)


STEPS: Final = (
    Step(23, "Talking: asked aloud, answered rightly; the dashboard", talking),
)
