"""Step 24: a device shows a handful of entities, and says all in ten languages."""

from typing import Any, Final

from story import home
from story.inside import Inside
from story.notes import Notes, demand
from story.stage import Stage
from story.witness import Workload

from .parts import device_manifest
from .step import Step

_LANGUAGES: Final = ("de", "es", "fr", "it", "nl", "pl", "pt-BR", "sv", "zh-Hans")
_KINDS: Final = ("entity", "exceptions", "issues", "services", "triggers", "conditions")
# An ordinary device shows about six.
_AT_MOST: Final = 8


async def looks(stage: Stage, notes: Notes) -> None:
    """What there is of the fridge at first, and what everything is called in every language."""
    inside = await stage.connected()
    await _a_handful(stage, inside, notes)
    english = await _words(inside, "en")
    notes.ha(f"{len(english)} texts in English")
    for language in _LANGUAGES:
        await _speaks(inside, notes, language, english)
    await _in_german(stage, notes)


async def _a_handful(stage: Stage, inside: Inside, notes: Notes) -> None:
    """Those that are enabled before anybody chose."""
    device = (await inside.devices())[home.FRIDGE.path]["id"]
    shown = [
        entry
        for entry in (await inside.entities()).values()
        if entry["device_id"] == device and not entry["disabled_by"]
    ]
    keys = sorted(entry["unique_id"].rpartition("/")[2] for entry in shown)
    notes.ha(f"the fridge shows {len(shown)} entities: {', '.join(keys)}")
    demand(len(shown) <= _AT_MOST, f"an ordinary device shows {len(shown)} entities")
    desired = await stage.witness.desired(home.FRIDGE)
    notes.witness(f"the fridge is one Deployment of {desired} pods")


async def _speaks(
    inside: Inside, notes: Notes, language: str, english: dict[str, str]
) -> None:
    """Home Assistant fills up in English what is not there, so that what is the same is counted."""
    words = await _words(inside, language)
    demand(
        words.keys() == english.keys(), f"in {language} there are {len(words)} texts"
    )
    same = [key for key, text in english.items() if words[key] == text]
    part = len(same) / len(english)
    notes.ha(f"{language}: {part:.0%} as in English")
    demand(part < 0.1, f"{part:.0%} of all texts are English in {language}: {same[:5]}")


async def _in_german(stage: Stage, notes: Notes) -> None:
    """In a house whose language is German the entities have German names, and problems German words."""
    german = stage.inside("german", language="de")
    await german.start()
    try:
        await stage.connect(german, "token")
        await german.until_said(home.FRIDGE, "status", "running", timeout=30)
        name = german.attributes(home.FRIDGE, "restart").get("friendly_name")
        notes.ha(f"in a German house: {name}")
        demand(name == "Fridge Neu starten", f"in a German house it is called {name}")
        await stage.pictures.device(
            "german", german, home.FRIDGE, "Läuft", "Neu starten", language="de"
        )
        await _what_is_wrong(stage, german, notes)
    finally:
        await german.stop()


async def _what_is_wrong(stage: Stage, german: Inside, notes: Notes) -> None:
    """A device that no node fits says so; the exact words stay in English."""
    mixer = Workload("Deployment", "kitchen", "mixer")
    words = ("on", "removed", "unavailable", "unknown")
    with stage.window("no node fits", *words, of=mixer.path, settle=30):
        await stage.apply(
            [device_manifest("mixer", pod={"nodeSelector": {"room": "attic"}})]
        )
        try:
            notes.did("deployed the mixer, for a node that there is not")
            await german.until_said(mixer, "problem", "on", timeout=60)
            said = german.attributes(mixer, "problem")
            pods = await stage.witness.pods(mixer)
        finally:
            await stage.witness.delete(mixer)
        for inside in (german, await stage.connected()):
            await inside.until_gone(mixer)
    told = f"{said.get('message')} {said.get('advice')}"
    notes.ha(f"{told} ({said.get('details')})")
    notes.witness(f"ready pods of the mixer: {sum(pod.ready for pod in pods)}")
    demand(
        told
        == "Kein Knoten ist der richtige. Prüfe, auf welchen Knoten es laufen darf."
        and said.get("details"),
        f"in a German house it is told so: {dict(said)}",
    )


async def _words(inside: Inside, language: str) -> dict[str, str]:
    """All our texts as Home Assistant's pages get them."""
    words: dict[str, str] = {}
    for kind in _KINDS:
        answer: dict[str, Any] = await inside.house.call(
            "frontend/get_translations",
            language=language,
            category=kind,
            integration=["home_cluster"],
        )
        words |= answer["resources"]
    return words


STEPS: Final = (
    Step(24, "A handful of entities for each device, in ten languages", looks),
)
