"""There is one bridge, so there is one test cluster on a machine: who has it."""

from collections.abc import Iterator
from contextlib import contextmanager
import fcntl
from pathlib import Path
from typing import Final

from .errors import TestbedError

_FOLDER: Final = Path("/run/home-cluster")


@contextmanager
def exclusive(folder: Path = _FOLDER) -> Iterator[None]:
    """Hold the machine's lock while the cluster is changed.

    Raises `TestbedError` if another command holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TestbedError(
                "Another command is changing the test cluster on this machine: wait until it has ended."
            ) from error
        yield


def claim(state: Path, folder: Path = _FOLDER) -> None:
    """Note that the cluster of this state folder is up.

    Raises `TestbedError` if that of another folder is.
    """
    if (other := owner(folder)) not in {None, state}:
        raise TestbedError(
            f"A test cluster is up already, with its state in {other}: take it down with `HOME_CLUSTER_STATE={other} python -m testbed down`."
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "owner").write_text(str(state))


def owner(folder: Path = _FOLDER) -> Path | None:
    """The state folder of the cluster that is up."""
    try:
        return Path((folder / "owner").read_text())
    except FileNotFoundError:
        return None


def release(folder: Path = _FOLDER) -> None:
    """Note that no cluster is up."""
    (folder / "owner").unlink(missing_ok=True)
