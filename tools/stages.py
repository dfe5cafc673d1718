"""Running commands one after the other or side by side, with a table of how each went."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Final

from tools.setup.report import ROOT, SetupError, cache_folder

# Stages that run side by side tell now and then that they are alive.
STILL_RUNNING_EVERY: Final = 60

# More clusters than this leave a small machine too little for any of them.
AT_ONCE: Final = 2

# Each node of a cluster wants some forty; the kernel's usual limit of 128 is for all of them.
INOTIFY: Final = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_ENOUGH: Final = 1024

# A network, a /run and mounts of its own, so that two test clusters do not meet.
_APART: Final = (
    *("unshare", "--net", "--mount", "--propagation", "private", "sh", "-ec"),
    'mount -t tmpfs tmpfs /run; ip link set lo up; exec "$@"',
    "sh",
)


@dataclass(frozen=True, slots=True)
class Stage:
    """A command with a name.

    Stages that follow one another with the same number `beside` run side by side, two at a time. One that
    is `apart` has a network, cgroups and a state folder of its own, and no internet.
    """

    name: str
    command: Sequence[str]
    beside: int = 0
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """How a stage went, in seconds."""

    name: str
    ok: bool
    seconds: float


def tool(name: str) -> str:
    """A program of the virtual environment we run in."""
    return str(Path(sys.executable).parent / name)


def environment() -> dict[str, str]:
    """Our environment, with the places where set-up finds Go and Debian its system programs."""
    found = [str(path.parent) for path in (cache_folder() / "go").glob("**/bin/go")]
    path = [os.environ["PATH"], *found, "/usr/local/go/bin", "/usr/sbin", "/sbin"]
    return {**os.environ, "PATH": ":".join(path)}


def end_as_by_ctrl_c() -> None:
    """Take SIGTERM for Ctrl-C, and Ctrl-C also where it was ignored, as a shell has it in the background."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def run_stages(stages: Sequence[Stage]) -> int:
    """Run every stage, also after one has failed; 0 if all went well, else 1."""
    env = environment()
    results: list[Result] = []
    waiting = list(stages)
    while waiting:
        stage = waiting.pop(0)
        if stage.beside or stage.apart:
            together = [stage]
            while stage.beside and waiting and waiting[0].beside == stage.beside:
                together.append(waiting.pop(0))
            try:
                results += _side_by_side(together, env)
            except SetupError as error:
                print(error, flush=True)
                results += [Result(one.name, False, 0) for one in together]
            continue
        print(f"\n── {stage.name}", flush=True)
        start = time.monotonic()
        code = subprocess.run(stage.command, cwd=ROOT, env=env, check=False).returncode
        results.append(Result(stage.name, code == 0, time.monotonic() - start))
    print()
    for result in results:
        verdict = "passed" if result.ok else "FAILED"
        print(f"{verdict}  {result.seconds:7.1f} s  {result.name}")
    failed = sum(not result.ok for result in results)
    print(f"stages: {len(results) - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


@contextmanager
def _room_for_clusters() -> Iterator[None]:
    """Raise the limit of inotify instances where it is too low for several clusters.

    Raises SetupError where the system refuses that.
    """
    before = INOTIFY.read_text(encoding="utf-8")
    if int(before) >= INOTIFY_ENOUGH:
        yield
        return
    try:
        INOTIFY.write_text(str(INOTIFY_ENOUGH), encoding="utf-8")
    except OSError as error:
        raise SetupError(
            f"Several clusters at once need {INOTIFY_ENOUGH} inotify instances, not {before.strip()}: start again "
            f"with sudo, or run `sudo sysctl fs.inotify.max_user_instances={INOTIFY_ENOUGH}`."
        ) from error
    try:
        yield
    finally:
        INOTIFY.write_text(before, encoding="utf-8")


@contextmanager
def _place(stage: Stage, env: dict[str, str]) -> Iterator[dict[str, str]]:
    """The environment of a stage: one that is apart has a state folder and a cgroup of its own."""
    if not stage.apart:
        yield env
        return
    # Short: the paths of sockets lie below it.
    state = Path(tempfile.mkdtemp(prefix="hc"))
    cgroup = f"home-cluster-{state.name}"
    try:
        yield {
            **env,
            "HOME_CLUSTER_STATE": str(state),
            "HOME_CLUSTER_CGROUP": cgroup,
        }
    finally:
        shutil.rmtree(state, ignore_errors=True)


@contextmanager
def _started(
    stage: Stage, env: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A stage that runs; interrupted where we are."""
    command = [*(_APART if stage.apart else ()), *stage.command]
    with (
        _place(stage, env) as own,
        log.open("wb") as out,
        subprocess.Popen(
            command, cwd=ROOT, env=own, stdout=out, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            yield process
        finally:
            if process.poll() is None:
                # As Ctrl-C: a cluster takes itself down.
                process.send_signal(signal.SIGINT)
                process.wait()


def _side_by_side(stages: Sequence[Stage], env: dict[str, str]) -> list[Result]:
    """Run stages two at a time; each one's output is printed whole when it has ended."""
    print(f"\n── side by side: {'; '.join(stage.name for stage in stages)}", flush=True)
    results = []
    told = time.monotonic()
    begun = told
    waiting = list(enumerate(stages))
    running: dict[str, tuple[subprocess.Popen[bytes], Path, float]] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        if any(stage.apart for stage in stages):
            stack.enter_context(_room_for_clusters())
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                number, stage = waiting.pop(0)
                log = Path(folder) / f"{number}.log"
                process = stack.enter_context(_started(stage, env, log))
                running[stage.name] = process, log, time.monotonic()
            time.sleep(1)
            now = time.monotonic()
            for name, (process, log, start) in list(running.items()):
                if process.poll() is not None:
                    print(f"\n── {name}", flush=True)
                    print(log.read_text(encoding="utf-8", errors="replace"), flush=True)
                    results.append(Result(name, process.returncode == 0, now - start))
                    del running[name]
            if running and now - told >= STILL_RUNNING_EVERY:
                told = now
                print(f"{now - begun:5.0f} s: {'; '.join(running)} …", flush=True)
    return results
