"""German."""

from typing import Final

from ..model.views import Status
from .language import Language, Topic

_THE: Final = "[der|die|das|den|dem|mein|meine|meinen|meinem|unser|unsere|unseren]"
_OF_DEVICE: Final = f"{_THE} <device> [server|dienst|gerät|pod]"
_IN_AREA: Final = "(im|in|in der|in dem|auf der|auf dem|am|an der) <area>"
_MACHINE: Final = "(knoten|node|rechner|maschine|gerät)"

GERMAN: Final = Language(
    code="de",
    sentences={
        Topic.ALL: (
            "(läuft|funktioniert|geht) [noch] alles",
            "(laufen|funktionieren|gehen) [noch] alle [meine|unsere] (geräte|dienste|pods)",
            "was (läuft|funktioniert|geht) [gerade] nicht",
            "was ist [gerade] (kaputt|ausgefallen)",
            "welche (geräte|dienste|pods) (laufen nicht|funktionieren nicht|gehen nicht|haben ein problem|haben probleme)",
            f"(läuft|funktioniert|geht) [noch] alles {_IN_AREA}",
            f"(laufen|funktionieren|gehen) [noch] alle [meine|unsere] (geräte|dienste|pods) {_IN_AREA}",
        ),
        Topic.WHY: (
            f"(warum|wieso|weshalb) (läuft|funktioniert|geht) {_OF_DEVICE} [{_IN_AREA}] nicht [mehr]",
            f"(warum|wieso|weshalb) ist {_OF_DEVICE} [{_IN_AREA}] (aus|ausgefallen|kaputt|nicht da|weg)",
            f"(warum|wieso|weshalb) stürzt {_OF_DEVICE} [{_IN_AREA}] [immer wieder|ständig] ab",
            f"was ist [los] mit {_OF_DEVICE} [{_IN_AREA}] [los]",
            f"was (hat|fehlt) {_OF_DEVICE} [{_IN_AREA}]",
            f"wie geht es {_OF_DEVICE} [{_IN_AREA}]",
            f"(läuft|funktioniert|geht) {_OF_DEVICE} [{_IN_AREA}] [noch]",
        ),
        Topic.NODE: (
            f"auf (welchem|welcher) {_MACHINE} (läuft|ist) {_OF_DEVICE} [{_IN_AREA}]",
            f"wo läuft {_OF_DEVICE} [{_IN_AREA}]",
        ),
        Topic.RESTART: (
            f"[bitte] (starte|start|starten sie) [bitte] {_OF_DEVICE} [{_IN_AREA}] [bitte] neu",
            f"{_OF_DEVICE} [{_IN_AREA}] [bitte] neu starten",
            f"{_OF_DEVICE} [{_IN_AREA}] [bitte] neustarten",
            f"(kannst|könntest) du [bitte] {_OF_DEVICE} [{_IN_AREA}] [bitte] (neu starten|neustarten)",
        ),
        Topic.FIRMWARE: (
            "(gibt|gibt's) [es] [eine] neue firmware",
            "(gibt|gibt's) [es] [neue] (firmwareupdates|firmware updates|firmware-updates)",
            "welche geräte (haben|brauchen) [eine] neue firmware",
            f"(gibt|gibt's) [es] [eine] neue firmware für {_OF_DEVICE} [{_IN_AREA}]",
            f"(hat|braucht) {_OF_DEVICE} [{_IN_AREA}] [eine|die] (neue|neueste) firmware",
        ),
    },
    status={
        Status.OFF: "{device} ist ausgeschaltet.",
        Status.STOPPING: "{device} wird gerade ausgeschaltet.",
        Status.UPDATING: "{device} wird gerade aktualisiert.",
        Status.STARTING: "{device} startet gerade.",
        Status.RUNNING: "{device} läuft.",
        Status.DEGRADED: "{device} läuft, aber nicht gut.",
        Status.FAILING: "{device} läuft nicht.",
        Status.PAUSED: "{device} ist angehalten.",
        Status.IDLE: "{device} wartet auf den nächsten Lauf.",
        Status.COMPLETED: "{device} ist mit der Arbeit fertig.",
        Status.UNKNOWN: "Ich weiß gerade nicht, wie es um {device} steht: Der Knoten meldet sich nicht.",
    },
    and_="und",
    all_well="Ja, alle {count} Geräte laufen.",
    well="Ja, {device} läuft.",
    some_off="Alles läuft, was laufen soll. Aus oder wartend: {devices}.",
    nothing="Dort kenne ich kein Gerät.",
    problems="Nicht alles läuft.",
    problem="{device}: {reason}.",
    others="{count} weitere",
    unclear="Wie es um {devices} steht, weiß ich gerade nicht.",
    hidden="Weitere Geräte mit einem Problem, die ich nicht nennen darf: {count}.",
    link_down="Ich erreiche den Cluster {cluster} gerade nicht.",
    no_problem="Es gibt kein Problem.",
    because="{reason}.",
    on_node="Der Knoten ist {node}.",
    not_heard="Wie es um {device} steht, kann ich nicht sagen: Der Cluster ist gerade nicht erreichbar.",
    which="Welches meinst du: {devices}?",
    in_area="{device} ({area})",
    unknown="So ein Gerät kenne ich nicht.",
    runs_on="{device} läuft auf {nodes}.",
    runs_nowhere="{device} läuft gerade auf keinem Knoten.",
    restarting="Ich starte {device} neu.",
    may_not="Ich darf {device} nicht neu starten.",
    firmware="Es gibt neue Firmware für {devices}.",
    version="{device}: {version}",
    newest="Nein, es gibt keine neue Firmware.",
    no_firmware="Dort weiß ich von keiner Firmware.",
)
