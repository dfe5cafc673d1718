"""Playing the story: every step, then the record as a whole, then the report."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
import json
from pathlib import Path
import platform
import time
import traceback
from typing import Any, Final

from .judge import judge
from .notes import Miss, Notes, demand
from .stage import Stage
from .steps import STEPS
from .steps.step import Step

_LONGEST_STEP: Final = 480


@dataclass(frozen=True, slots=True)
class Result:
    """How a step came out; `detail` is what Home Assistant and the witness saw, with times."""

    name: str
    ok: bool
    seconds: float
    detail: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """The row of the report."""
        return {
            "name": self.name,
            "ok": self.ok,
            "seconds": round(self.seconds, 1),
            "detail": self.detail,
        }


async def play(stage: Stage, steps: Sequence[Step] = STEPS) -> list[Result]:
    """Run the steps in order, each whatever became of the others, then judge the whole."""
    results = [await run_step(stage, step) for step in steps]
    results.append(await _run("The record as a whole", stage, _record))
    results.append(await _run("Home Assistant's log", stage, _log))
    return results


async def run_step(stage: Stage, step: Step) -> Result:
    """Run one step; after a miss the home is put right for the next one."""

    async def act(stage: Stage, notes: Notes) -> None:
        if step.at_rest:
            await stage.connected()
            await stage.at_rest()
        await step.act(stage, notes)

    result = await _run(f"{step.number}. {step.name}", stage, act)
    if not result.ok:
        await stage.mend()
    return result


def report(results: Sequence[Result], stage: Stage) -> dict[str, Any]:
    """The report as it is written to the file."""
    return {
        "steps": [result.as_json() for result in results],
        "figures": stage.figures.summary(),
        "versions": _versions(stage),
    }


def write(file: Path, content: dict[str, Any]) -> None:
    """Write the report."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


async def _run(name: str, stage: Stage, act: Any) -> Result:
    notes = Notes()
    print(f"· {name} …", flush=True)
    missed = ""
    try:
        async with asyncio.timeout(_LONGEST_STEP):
            await act(stage, notes)
    except Miss as miss:
        missed = str(miss)
    except Exception as error:  # noqa: BLE001  (a step that raises has missed; the next ones go on)
        frames = traceback.format_exception(error)[-3:]
        missed = f"{type(error).__name__}: {error}\n{''.join(frames)}"
    if missed:
        notes.did(f"MISSED: {missed}")
    seconds = time.monotonic() - notes.began
    print(f"  {'MISSED' if missed else 'ok'} {seconds:.1f} s {missed}", flush=True)
    return Result(name, not missed, seconds, notes.lines)


async def _record(stage: Stage, notes: Notes) -> None:
    """No lie in what any of the Home Assistants said, from the first moment to the last."""
    lies: list[str] = []
    for inside in stage.insides:
        recorder = inside.recorder
        if inside.house.running:
            missed = await recorder.fill_gaps(stage.began)
            notes.ha(f"{inside.name}: {missed} changes more from its own history")
        ours = {
            name for name, known in recorder.entities.items() if known.count("/") == 4
        }
        count = sum(change.entity in ours for change in recorder.changes)
        notes.ha(f"{inside.name}: {count} states of {len(ours)} entities")
        lies += [
            f"{inside.name} {lie}"
            for lie in judge(
                recorder.changes,
                recorder.entities,
                recorder.windows,
                stage.witness.timelines,
            )
        ]
    known = stage.witness.timelines
    turns = sum(len(timeline.values) - 1 for timeline in known.values())
    notes.witness(
        f"{len(known)} switchable workloads, {turns} times on, off or deleted"
    )
    demand(not lies, f"{len(lies)} lies: {'; '.join(lies[:20])}")


async def _log(stage: Stage, notes: Notes) -> None:
    """No warning or error of ours, and nothing that held up Home Assistant's loop."""
    found = [
        complaint for inside in stage.insides for complaint in inside.house.complaints()
    ]
    notes.ha(f"{len(found)} complaints in {len(stage.insides)} logs")
    demand(not found, "; ".join(f"{one.level} {one.text[:600]}" for one in found[:10]))


def _versions(stage: Stage) -> dict[str, str]:
    integration = json.loads((stage.integration / "manifest.json").read_text())
    server: Any = stage.witness.version_api.get_code()
    return {
        "home_cluster": integration["version"],
        "homeassistant": version("homeassistant"),
        "kubernetes": server.git_version,
        "kubernetes client": version("kubernetes"),
        "python": platform.python_version(),
        "system": platform.platform(),
    }
