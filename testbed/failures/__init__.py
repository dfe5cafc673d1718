"""Devices that fail, each in its own way: what the integration's answers are tried with.

Each is provoked on the real cluster in a namespace of its own; what the API server then tells is
recorded (see `testbed.record`) as an input of the tests.
"""

from typing import Final

from .ending import DEADLINES, ENDS, EVICTIONS, JOBS
from .images import IMAGES
from .losing import LOSSES
from .parts import Failure, Object
from .placing import CLOSED, QUOTA, SCHEDULING, VOLUMES
from .running import CRASHES, MEMORY, PROBES
from .starting import CONFIGURATION, RUNTIME
from .well import FINE

ALONE: Final = (
    *(
        *ENDS,
        *JOBS,
        *EVICTIONS,
        *DEADLINES,
        *QUOTA,
        *VOLUMES,
        *CRASHES,
        *MEMORY,
        *PROBES,
    ),
    *(*IMAGES, *CONFIGURATION, *RUNTIME, *SCHEDULING, *FINE),
)
"""Those that need nothing but their own namespace, the slowest first."""

__all__ = ["ALONE", "CLOSED", "LOSSES", "Failure", "Object"]
