"""Ways to break what the story shows, each as code that a copy of the integration ends with."""

from dataclasses import dataclass
from pathlib import Path
import shutil
from typing import Final

from testbed.house import INTEGRATION


@dataclass(frozen=True, slots=True)
class Sabotage:
    """One broken promise.

    `steps` are played with it; the row of the report whose name holds `row` must then be a miss that
    says `words`.
    """

    what: str
    steps: tuple[int, ...]
    row: str
    words: str
    code: str

    def copy(self, folder: Path) -> Path:
        """A broken copy of the integration in the folder."""
        broken = folder / INTEGRATION.name
        shutil.copytree(
            INTEGRATION, broken, ignore=shutil.ignore_patterns("__pycache__")
        )
        with (broken / "__init__.py").open("a") as file:
            file.write(self.code)
        return broken


SABOTAGES: Final = (
    Sabotage(
        "the cluster is taken for another one",
        (1,),
        "1. ",
        "Home Assistant took it for somewhere",
        """
Hub.unique_id = lambda self, device, key: f"somewhere/{device}/{key}"
""",
    ),
    Sabotage(
        "the hint of a name is ignored",
        (2,),
        "2. ",
        "asked for {'name'",
        """
from dataclasses import replace
from .devices import Devices
_add = Devices.add_workload
Devices.add_workload = lambda self, view: _add(self, replace(view, name=view.ref.name))
""",
    ),
    Sabotage(
        "the number of pods is not remembered",
        (3,),
        "3. ",
        "after off and on it wants 1",
        """
from .remember import RememberedCounts
RememberedCounts.get = lambda self, ref: 1
""",
    ),
    Sabotage(
        "a problem has no sentence",
        (4,),
        "4. ",
        "without a sentence or advice",
        """
from .binary_sensor import HomeClusterBinarySensor
HomeClusterBinarySensor.extra_state_attributes = property(lambda self: {})
""",
    ),
    Sabotage(
        "one reason is called by another's name",
        (5,),
        "5. ",
        "reason did not become image_not_found",
        """
from .sensor import HomeClusterSensor
_value = HomeClusterSensor.native_value.fget
HomeClusterSensor.native_value = property(
    lambda self: "cannot_run" if _value(self) == "image_not_found" else _value(self)
)
""",
    ),
    Sabotage(
        "a rollout does not show",
        (6,),
        "6. ",
        "status did not become updating",
        """
from .sensor import HomeClusterSensor
_value = HomeClusterSensor.native_value.fget
HomeClusterSensor.native_value = property(
    lambda self: "running" if _value(self) == "updating" else _value(self)
)
""",
    ),
    Sabotage(
        "every flicker is a problem at once",
        (7,),
        "7. ",
        "status did not become unknown",
        """
from datetime import timedelta
from .model import case, scheduling, situation, storage, view
for _module in (case, scheduling, situation, storage, view):
    _module.FLICKER = timedelta(0)
""",
    ),
    Sabotage(
        "a lost link is kept secret",
        (8,),
        "8. ",
        "status did not become unavailable",
        """
from .entity import HomeClusterEntity
HomeClusterEntity.available = property(lambda self: self.device.present)
""",
    ),
    Sabotage(
        "an outage costs a device",
        (9,),
        "9. ",
        "garden/camera",
        """
from .entity import HomeClusterEntity
_available = HomeClusterEntity.available.fget
def _sulk(self):
    self.sulks = getattr(self, "sulks", False) or (
        not _available(self) and "camera" in self.device.key
    )
    return _available(self) and not self.sulks
HomeClusterEntity.available = property(_sulk)
""",
    ),
    Sabotage(
        "changes are looked at every few seconds only",
        (10,),
        "10. ",
        "a device only after",
        """
_on_change = Hub._on_change
Hub._on_change = lambda self, changes: self.hass.loop.call_later(3, _on_change, self, changes)
""",
    ),
    Sabotage(
        "everything is offered to everyone",
        (11,),
        "11. ",
        "a read-only account is offered",
        """
from .rights import Rights
Rights.may = lambda self, view, control: True
""",
    ),
    Sabotage(
        "every run of a CronJob becomes a device",
        (12,),
        "12. ",
        "new in ",
        """
from .kube.schema import Job
from .model import index
_selected = index.selected
index.selected = lambda workload, *rest, **more: (
    isinstance(workload, Job) or _selected(workload, *rest, **more)
)
""",
    ),
    Sabotage(
        "a drain keeps quiet about what blocks it",
        (14,),
        "14. ",
        "the drain does not name the budget",
        """
from . import node_actions
_report = node_actions.report_of
node_actions.report_of = lambda machine: {**_report(machine), "blocked": []}
""",
    ),
    Sabotage(
        "a folder of the node is called a volume",
        (15,),
        "15. ",
        "the library is a folder of its node",
        """
from . import volumes
volumes._lies_on = lambda measured, volume: "volume"
""",
    ),
    Sabotage(
        "logs are given out as they are",
        (19,),
        "19. ",
        "the log tells the password",
        """
from . import looking
looking.mask = lambda text: text
""",
    ),
    Sabotage(
        "nothing is protected from the action",
        (20,),
        "20. ",
        "the protected broker wants 0",
        """
from .commands import Commands
Commands._want_stoppable = lambda self, view, force=False: None
""",
    ),
    Sabotage(
        "what is said is not understood",
        (23,),
        "23. ",
        "'Is everything running?' was answered by",
        """
from .voice import Voice
Voice.start = lambda self: None
""",
    ),
    Sabotage(
        "firmware that does not run stays",
        (13,),
        "13. ",
        "after the failed update",
        """
from .installing import Installer
async def _leave(self, view):
    return True
Installer._undo = _leave
""",
    ),
    Sabotage(
        "crashes are kept secret",
        (21,),
        "21. ",
        "did not tell of crashed",
        """
from .chronicle import Chronicle
Chronicle.tell = lambda self, device, happening, key="event": None
""",
    ),
    Sabotage(
        "what a device is there for does not matter",
        (22,),
        "22. ",
        "status did not become degraded",
        """
from .serving import Serving
Serving.unserved = lambda self, ref: ()
""",
    ),
    Sabotage(
        "the switch says off for a while after a start",
        (10,),
        "The record as a whole",
        "said off; the cluster had on",
        """
import time
from .switch import PowerSwitch
_began, _is_on = time.monotonic(), PowerSwitch.is_on.fget
PowerSwitch.is_on = property(lambda self: time.monotonic() - _began > 10 and _is_on(self))
""",
    ),
    Sabotage(
        "the log is filled with warnings",
        (10,),
        "Home Assistant's log",
        "something is odd",
        """
import logging
logging.getLogger(__name__).warning("something is odd")
""",
    ),
    Sabotage(
        "an autoscaler's replicas stand still",
        (16,),
        "16. ",
        "hpa_current did not become 2",
        """
from dataclasses import replace
from .model import view as _view
_scaling = _view.scaling
_view.scaling = lambda scaler: replace(_scaling(scaler), current=1)
""",
    ),
    Sabotage(
        "the next run is that of another clock",
        (17,),
        "17. ",
        "its next run is said to be at",
        """
from datetime import timedelta
from .schedules import Schedules
_next_run = Schedules.next_run
Schedules.next_run = lambda self, key: (
    (found := _next_run(self, key)) and found + timedelta(hours=1)
)
""",
    ),
    Sabotage(
        "nobody asks who it was",
        (18,),
        "18. ",
        "a repair says who it was",
        """
from .peace import Peace
Peace._look = lambda self, view: None
""",
    ),
    Sabotage(
        "everything is shown at first",
        (24,),
        "24. ",
        "an ordinary device shows",
        """
from .entity import HomeClusterEntity
HomeClusterEntity.entity_registry_enabled_default = property(lambda self: True)
""",
    ),
    Sabotage(
        "every house is told in English",
        (24,),
        "24. ",
        "in a German house it is told so",
        """
from . import wording
wording.LANGUAGES = frozenset()
""",
    ),
)
