"""Telling people what set-up does, how long it took, and what to do when it cannot go on."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
import errno
import hashlib
import os
from pathlib import Path
import subprocess
import sys
import time

ROOT = Path(__file__).resolve().parents[2]


class SetupError(Exception):
    """Set-up cannot go on: one sentence that names the cause and the command that mends it."""


def cache_folder() -> Path:
    """The folder for what may be made anew: $XDG_CACHE_HOME/home-cluster."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "home-cluster"


def digest(*parts: str | bytes) -> str:
    """A short name for all the parts together."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()[:16]


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print what is being done and, afterwards, the seconds it took."""
    print(f"· {title} …", end="", flush=True)
    start = time.monotonic()
    try:
        yield
    except BaseException:
        print(" failed", flush=True)
        raise
    print(f" {time.monotonic() - start:.1f} s", flush=True)


def have(title: str) -> None:
    """Print what was there already."""
    print(f"· {title}", flush=True)


def run(
    command: Sequence[str | Path],
    *,
    mend: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    seconds: float = 1800,
) -> str:
    """Run a command to its end and return its standard output.

    Raises SetupError with the last lines it printed and with `mend`, the sentence on what to do.
    """
    try:
        done = subprocess.run(
            [str(part) for part in command],
            check=False,
            text=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, **(env or {})},
            cwd=cwd or ROOT,
            timeout=seconds,
        )
    except FileNotFoundError as err:
        raise SetupError(f"{command[0]} is not installed. {mend}") from err
    except subprocess.TimeoutExpired as err:
        raise SetupError(
            f"{command[0]} took longer than {seconds:.0f} s. {mend}"
        ) from err
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-4:])
        raise SetupError(
            f"{Path(command[0]).name} failed ({done.returncode}). {mend}\n{said}"
        )
    return done.stdout


def refusal(error: OSError) -> str:
    """What the system refused and what to do, as a sentence."""
    what = f"{error.filename}: " if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        mend = "Free some space and start again; what was done is kept."
    elif error.errno in (errno.EACCES, errno.EPERM):
        mend = "Perhaps root made it, by an earlier start with sudo: start again with sudo, or remove it."
    else:
        mend = "Mend that and start again; what was done is kept."
    return f"{what}{error.strerror or error}. {mend}"


def finish(error: SetupError) -> int:
    """Print a SetupError for a person; the process's exit code."""
    print(f"\nCannot go on: {error}", file=sys.stderr)
    return 1
