"""Long-running programs: started apart from us, found again by later commands, stopped for sure."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
import json
import os
from pathlib import Path
import select
import signal
import time
from typing import Final

from .errors import TestbedError
from .system import Argument, environment, wait_until

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
# Joins the cgroups before the program starts, so that no child of it is ever outside.
_JOIN: Final = (
    'while [ "$1" != -- ]; do echo $$ >"$1" || exit 1; shift; done; shift; exec "$@"'
)


@dataclass(frozen=True)
class Record:
    """What tells a process from another that later gets its number, and how it was started."""

    pid: int
    started: int
    boot: str
    words: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)


class Processes:
    """The programs of one cluster, recorded in a folder."""

    def __init__(self, folder: Path, logs: Path) -> None:
        """`folder` holds one record a program, `logs` one log a program."""
        self._folder = folder
        self._logs = logs

    def start(
        self,
        name: str,
        command: Sequence[Argument],
        *,
        namespace: str | None = None,
        cgroup_files: Sequence[Path] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start a program in its own session, with nothing on its standard input.

        Its output is appended to its log. Raises `TestbedError` if that name is running.
        """
        if self.running(name):
            raise TestbedError(f"{name} is running already.")
        self._file(name).parent.mkdir(parents=True, exist_ok=True)
        self.log(name).parent.mkdir(parents=True, exist_ok=True)
        words = [str(word) for word in command]
        if cgroup_files:
            words = [
                "/bin/sh",
                "-c",
                _JOIN,
                "sh",
                *map(str, cgroup_files),
                "--",
                *words,
            ]
        if namespace:  # not `ip netns exec`: that one hides /sys/fs/cgroup
            words = ["nsenter", f"--net=/run/netns/{namespace}", "--", *words]
        self._spawn(name, words, dict(env or environment()))

    def restart(self, name: str, *, grace: float = 10) -> None:
        """Stop the program and start it just as it was started."""
        record = self._record(name)
        if record is None:
            raise TestbedError(f"{name} was never started.")
        self.stop(name, grace=grace)
        self._spawn(name, record.words, record.env)

    def running(self, name: str) -> bool:
        """Whether the program that was started under this name still runs."""
        record = self._record(name)
        return record is not None and _alive(record)

    def names(self) -> list[str]:
        """Every name that was started and not stopped."""
        return sorted(
            str(file.relative_to(self._folder).with_suffix(""))
            for file in self._folder.rglob("*.json")
        )

    def pid(self, name: str) -> int:
        """The process id of a running program."""
        record = self._record(name)
        if record is None or not _alive(record):
            raise TestbedError(f"{name} is not running; see {self.log(name)}.")
        return record.pid

    def log(self, name: str) -> Path:
        """The program's log."""
        return self._logs / f"{name}.log"

    def last_words(self, name: str) -> str:
        """The last line of the program's log, for an error's sentence."""
        try:
            lines = self.log(name).read_text(errors="replace").strip().splitlines()
        except FileNotFoundError:
            lines = []
        return lines[-1] if lines else "its log is empty"

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to the program if it runs."""
        record = self._record(name)
        if record is None:
            return
        try:
            handle = os.pidfd_open(record.pid)
        except ProcessLookupError:
            return
        try:
            if _alive(
                record
            ):  # asked with the handle open: the number cannot change hands now
                signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            pass
        finally:
            os.close(handle)

    def stop(self, name: str, *, grace: float = 10) -> None:
        """Stop the program: SIGTERM, and after `grace` seconds (0: at once) SIGKILL.

        On return it is gone and its ports are free.
        """
        if grace:
            self.send(name, signal.SIGTERM)
            deadline = time.monotonic() + grace
            while self.running(name) and time.monotonic() < deadline:
                time.sleep(0.02)
        self.send(name, signal.SIGKILL)
        wait_until(
            f"The end of {name}", lambda: not self.running(name), seconds=20, every=0.02
        )
        self._file(name).unlink(missing_ok=True)

    def _spawn(self, name: str, words: list[str], env: dict[str, str]) -> None:
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        pid = os.posix_spawnp(
            words[0],
            words,
            env,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self.log(name)), append, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                *((os.POSIX_SPAWN_CLOSE, number) for number in _inherited()),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGINT, signal.SIGPIPE, signal.SIGTERM),
        )
        started = _started(pid)
        assert started is not None  # at least a zombie: only we can reap it
        record = Record(pid, started, _BOOT.read_text().strip(), words, env)
        file = self._file(name)
        file.touch(mode=0o600)
        file.write_text(json.dumps(asdict(record)))

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _record(self, name: str) -> Record | None:
        try:
            return Record(**json.loads(self._file(name).read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise TestbedError(f"{self._file(name)} is damaged: remove it.") from error


def _inherited() -> list[int]:
    """What we were started with beside the standard streams, such as a caller's lock or pipe.

    A program that outlives us must not keep it open.
    """
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        number = int(entry.name)
        try:
            if number > 2 and os.get_inheritable(number):
                found.append(number)
        except OSError:  # the one that listed the folder
            pass
    return found


def _alive(record: Record) -> bool:
    if _BOOT.read_text().strip() != record.boot:
        return False
    try:
        handle = os.pidfd_open(record.pid)
    except ProcessLookupError:
        return False
    try:
        if _started(record.pid) != record.started:
            return False
        # A dead main thread is not the end: others may hold the ports for a while longer.
        if not select.select([handle], [], [], 0)[0]:
            return True
    finally:
        os.close(handle)
    with suppress(ChildProcessError):  # started by an earlier command: init sees to it
        os.waitpid(record.pid, os.WNOHANG)
    return False


def _started(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None if there is none."""
    try:
        # The second field, the name, may hold spaces and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError, ProcessLookupError:
        return None
    return int(fields[19])
