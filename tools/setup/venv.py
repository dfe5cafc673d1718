"""The virtual environment `.venv`, exactly as the lock file says."""

from pathlib import Path

from .report import ROOT, digest, have, run, step

VENV = ROOT / ".venv"
STAMP = VENV / ".home-cluster"


def ready_stamp(python: Path) -> str:
    """What the environment was made from."""
    return digest(
        (ROOT / "uv.lock").read_bytes(),
        (ROOT / "pyproject.toml").read_bytes(),
        str(python),
    )


def make_venv(uv: str, python: Path) -> None:
    """Make or update `.venv` from uv.lock; nothing to do where it already is what the lock file says."""
    stamp = ready_stamp(python)
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == stamp:
        have(".venv is as the lock file says")
        return
    STAMP.unlink(missing_ok=True)
    with step("installing the Python packages of uv.lock into .venv"):
        if not (VENV / "bin" / "python").exists():
            run(
                [uv, "venv", "--quiet", "--allow-existing", "--python", python, VENV],
                mend="Remove .venv and start again.",
            )
        run(
            [
                uv,
                "sync",
                "--quiet",
                "--frozen",
                "--all-groups",
                # Else every process compiles Home Assistant anew where Python may not write.
                "--compile-bytecode",
                "--python",
                VENV / "bin" / "python",
            ],
            mend="Check that PyPI is reachable and start again; what was done is kept.",
            env={"VIRTUAL_ENV": str(VENV)},
        )
    STAMP.write_text(stamp, encoding="utf-8")
