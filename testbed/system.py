"""The machine below: commands, rights, Debian packages."""

from collections.abc import Callable, Mapping, Sequence
import os
from pathlib import Path
import subprocess
import time
from typing import Final

from tools.setup.debian import CLUSTER_PROGRAMS, missing

from .errors import TestbedError

type Argument = str | Path

_CHANGED_BY_KUBELETS: Final = (
    *("kernel/keys/root_maxbytes", "kernel/keys/root_maxkeys", "kernel/panic"),
    *("kernel/panic_on_oops", "vm/overcommit_memory", "vm/panic_on_oom"),
)
SEARCH_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run(
    *command: Argument,
    text: str | None = None,
    check: bool = True,
    timeout: float = 120,
) -> str:
    """Run a command to its end; its standard output.

    Raises `TestbedError` with the command's own last words if it fails.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            env=environment(),
        )
    except FileNotFoundError as error:
        raise TestbedError(f"The program {words[0]} is missing.") from error
    except subprocess.TimeoutExpired as error:
        raise TestbedError(
            f"`{' '.join(words)}` did not end within {timeout:g} s."
        ) from error
    if check and done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise TestbedError(
            f"`{' '.join(words)}` failed: {said[-1] if said else done.returncode}"
        )
    return done.stdout


def environment(*folders: Path) -> dict[str, str]:
    """The environment of programs: these folders first on PATH, no proxy."""
    path = os.pathsep.join(
        [*map(str, folders), os.environ.get("PATH", ""), SEARCH_PATH]
    )
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.lower() not in {"http_proxy", "https_proxy", "all_proxy", "kubeconfig"}
    }
    return {**kept, "PATH": path}


def wait_until[T](
    what: str,
    look: Callable[[], T],
    *,
    seconds: float,
    every: float = 0.1,
    seen: Callable[[], str] | None = None,
) -> T:
    """Look until the answer is true, and return it.

    Raises `TestbedError` that names what was waited for and what was last seen.
    """
    deadline = time.monotonic() + seconds
    while not (answer := look()):
        if time.monotonic() >= deadline:
            last = seen() if seen else repr(answer)
            raise TestbedError(f"{what} did not come within {seconds:g} s ({last}).")
        time.sleep(every)
    return answer


def require_machine() -> None:
    """Refuse with a sentence where the cluster cannot run."""
    if os.geteuid() != 0:
        raise TestbedError(
            "The test cluster makes network namespaces and cgroups, so it must run as root: start it again with sudo."
        )
    if absent := missing(CLUSTER_PROGRAMS):
        raise TestbedError(
            f"Debian packages are missing: install them with `apt-get install {' '.join(absent)}`."
        )


def kernel_parameters() -> dict[str, str]:
    """The parameters of the machine that a kubelet changes, as they are now."""
    files = {name: Path("/proc/sys", name) for name in _CHANGED_BY_KUBELETS}
    return {
        name: file.read_text().strip() for name, file in files.items() if file.exists()
    }


def set_kernel_parameters(values: Mapping[str, str]) -> None:
    """Put parameters back as they were."""
    for name, value in values.items():
        file = Path("/proc/sys", name)
        if file.read_text().strip() != value:
            file.write_text(value)


def spoken_time(seconds: float) -> str:
    """A duration as one says it: "8.4 s", "3 min 20 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def joined(words: Sequence[str]) -> str:
    """Words as in a sentence: "a, b and c"."""
    return (
        " and ".join([", ".join(words[:-1]), words[-1]])
        if len(words) > 1
        else "".join(words)
    )
