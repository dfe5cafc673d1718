"""What kubelets say of CPU and memory (`/metrics/resource`), and the rates that follow from it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
import re
from typing import Final, NamedTuple

_LINE: Final = re.compile(
    r"^(container|node)_(cpu_usage_seconds_total|memory_working_set_bytes)"
    r"(?:\{([^}]*)\})? (\S+)(?: (\d+))?$",
    re.MULTILINE,
)
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')


class Place(NamedTuple):
    """Where something is used: a container of a pod, or (all empty) the node itself."""

    namespace: str = ""
    pod: str = ""
    container: str = ""


THE_NODE: Final = Place()


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU in cores, as the mean of `window` seconds before `time` (seconds since 1970); memory in bytes."""

    cpu: float
    memory: int
    time: float
    window: float


class _Counter(NamedTuple):
    """A reading of a CPU counter and, after a second reading, the rate between the two."""

    time: float
    seconds: float
    rate: float | None = None
    window: float = 0


class NodeFigures:
    """The figures of one node, from one reading of its kubelet to the next."""

    def __init__(self) -> None:
        """Begin without figures: a rate needs two readings."""
        self._cpu: dict[Place, _Counter] = {}
        self._memory: dict[Place, int] = {}

    def read(self, text: str, now: float) -> None:
        """Take a kubelet's answer; `now` is the time of lines that bear none.

        What the kubelet no longer names is forgotten. A counter that fell (a container started
        again) begins anew.
        """
        cpu: dict[Place, _Counter] = {}
        memory: dict[Place, int] = {}
        for subject, what, labels, value, milliseconds in _LINE.findall(text):
            names = dict(_LABEL.findall(labels))
            place = THE_NODE
            if subject == "container":
                place = Place(names["namespace"], names["pod"], names["container"])
            if what == "memory_working_set_bytes":
                memory[place] = int(float(value))
                continue
            time = int(milliseconds) / 1000 if milliseconds else now
            cpu[place] = _next(self._cpu.get(place), time, float(value))
        self._cpu, self._memory = cpu, memory

    def node(self) -> Usage | None:
        """What the node uses as a whole."""
        return self._usage(THE_NODE)

    def pods(self) -> Iterator[tuple[str, str, dict[str, Usage]]]:
        """Namespace, name and the usage by container of every pod whose containers are all known."""
        pods: defaultdict[tuple[str, str], dict[str, Usage | None]] = defaultdict(dict)
        for place in self._cpu:
            if place != THE_NODE:
                pods[place[:2]][place.container] = self._usage(place)
        for (namespace, pod), containers in pods.items():
            known = {name: usage for name, usage in containers.items() if usage}
            if len(known) == len(containers):
                yield namespace, pod, known

    def _usage(self, place: Place) -> Usage | None:
        counter, memory = self._cpu.get(place), self._memory.get(place)
        if counter is None or counter.rate is None or memory is None:
            return None
        return Usage(counter.rate, memory, counter.time, counter.window)


def _next(last: _Counter | None, time: float, seconds: float) -> _Counter:
    if last is None or seconds < last.seconds:
        return _Counter(time, seconds)
    window = time - last.time
    if window <= 0:  # The kubelet has not looked again since.
        return last
    return _Counter(time, seconds, (seconds - last.seconds) / window, window)
