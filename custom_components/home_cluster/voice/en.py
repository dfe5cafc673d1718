"""English."""

from typing import Final

from ..model.views import Status
from .language import Language, Topic

_THE: Final = "[the|my|our]"
_OF_DEVICE: Final = f"{_THE} <device> [server|service|device|pod]"
_IN_AREA: Final = f"in {_THE} <area>"

ENGLISH: Final = Language(
    code="en",
    sentences={
        Topic.ALL: (
            "is everything [still|up and] (running|working)",
            "are all [of] [the|my|our] (devices|services|pods) [still|up and] (running|working)",
            "what is (down|broken|not running|not working)",
            "(which|what) (devices|services|pods) (are|have) (down|broken|not running|not working|a problem|problems)",
            f"is everything [still|up and] (running|working) {_IN_AREA}",
            f"are all [of] [the|my|our] (devices|services|pods) {_IN_AREA} (running|working)",
        ),
        Topic.WHY: (
            f"why (is|isn't|is not) {_OF_DEVICE} [{_IN_AREA}] (down|broken|offline|failing|running|working|not running|not working|off)",
            f"why (does|did) {_OF_DEVICE} [{_IN_AREA}] (fail|crash|not work|not run|keep crashing)",
            f"(what is|what's) (wrong|the matter|up) with {_OF_DEVICE} [{_IN_AREA}]",
            f"how is {_OF_DEVICE} [{_IN_AREA}] [doing]",
            f"is {_OF_DEVICE} [{_IN_AREA}] (up|down|working|healthy|running)",
        ),
        Topic.NODE: (
            f"(which|what) (node|machine|computer) is {_OF_DEVICE} [{_IN_AREA}] [running] on",
            f"on (which|what) (node|machine|computer) (is|does) {_OF_DEVICE} [{_IN_AREA}] [running|run]",
            f"where (is|does) {_OF_DEVICE} [{_IN_AREA}] (running|run)",
        ),
        Topic.RESTART: (
            f"[please] (restart|reboot) {_OF_DEVICE} [{_IN_AREA}] [please]",
            f"(can|could) you [please] (restart|reboot) {_OF_DEVICE} [{_IN_AREA}] [please]",
        ),
        Topic.FIRMWARE: (
            "is there [any] (new|newer) firmware",
            "(is|are) there [any|new] firmware (update|updates)",
            "(which|what) devices (have|need) [a|new] (firmware|firmware update|firmware updates)",
            f"is there [any] (new|newer) firmware for {_OF_DEVICE} [{_IN_AREA}]",
            f"(does|is) {_OF_DEVICE} [{_IN_AREA}] (need|have|on) [new|the newest|the latest] firmware",
        ),
    },
    status={
        Status.OFF: "{device} is switched off.",
        Status.STOPPING: "{device} is being switched off.",
        Status.UPDATING: "{device} is being updated.",
        Status.STARTING: "{device} is starting.",
        Status.RUNNING: "{device} is running.",
        Status.DEGRADED: "{device} is running, but not well.",
        Status.FAILING: "{device} is failing.",
        Status.PAUSED: "{device} is paused.",
        Status.IDLE: "{device} is waiting for its next run.",
        Status.COMPLETED: "{device} has finished its work.",
        Status.UNKNOWN: "I do not know at the moment how {device} is: its node does not answer.",
    },
    and_="and",
    all_well="Yes, all {count} devices are running.",
    well="Yes, {device} is running.",
    some_off="Everything that should be running is. Off or waiting: {devices}.",
    nothing="I know of no device there.",
    problems="Not everything is running.",
    problem="{device}: {reason}.",
    others="{count} more",
    unclear="I do not know about {devices} at the moment.",
    hidden="Other devices with a problem, which I may not name: {count}.",
    link_down="I cannot reach the cluster {cluster} at the moment.",
    no_problem="There is no problem.",
    because="{reason}.",
    on_node="Its node is {node}.",
    not_heard="I cannot tell how {device} is: the cluster cannot be reached at the moment.",
    which="Which one do you mean: {devices}?",
    in_area="{device} in {area}",
    unknown="I know no such device.",
    runs_on="{device} runs on {nodes}.",
    runs_nowhere="{device} runs on no node at the moment.",
    restarting="I am restarting {device}.",
    may_not="I may not restart {device}.",
    firmware="There is new firmware for {devices}.",
    version="{device}: {version}",
    newest="No, there is no new firmware.",
    no_firmware="I do not know of any firmware there.",
)
