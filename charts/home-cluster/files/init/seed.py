"""Prepare /config before Home Assistant starts: what a user could do by hand, done once.

Runs in Home Assistant's own image, before every start of the pod. The marker decides: what was
seeded once and then removed by somebody stays removed.
"""

from collections.abc import Callable
import json
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
from typing import Any

MARKER = ".home_cluster/seeded"
PROXIES = ".home_cluster/proxies.json"
RECORDER = ".home_cluster/recorder.yaml"
STORE = ".storage/http"


def main(config: Path, wanted: dict[str, Any]) -> None:
    """Seed a new configuration, and bring the files that belong to the chart up to date."""
    (config / ".home_cluster").mkdir(parents=True, exist_ok=True)
    (config / RECORDER).write_text(wanted["recorder"], encoding="utf-8")
    if not (config / MARKER).exists():
        seed(config, wanted)
    trust(config, wanted["proxies"])
    if wanted["safeMode"]:
        (config / "safe-mode").touch()


def seed(config: Path, wanted: dict[str, Any]) -> None:
    """Make a configuration where there is none, and add our lines; never again after that."""
    yaml = config / "configuration.yaml"
    fresh = not yaml.exists()
    if fresh and wanted["restore"]:
        restore(config, wanted["restore"])
        (config / ".home_cluster").mkdir(exist_ok=True)
        (config / RECORDER).write_text(wanted["recorder"], encoding="utf-8")
        fresh = not yaml.exists()
    if fresh:
        python = (sys.executable, "-m", "homeassistant")
        subprocess.run(
            [*python, "--script", "ensure_config", "-c", str(config)], check=True
        )
        append(yaml, "recorder", f"recorder: !include {RECORDER}")
    if wanted["seedConfiguration"]:
        append(yaml, "home_cluster", "home_cluster:")
    (config / MARKER).touch()
    print("This configuration was seeded; it is yours from now on.")


def append(yaml: Path, key: str, line: str) -> None:
    """Add a line at the end of a file that does not have the key yet."""
    text = yaml.read_text(encoding="utf-8")
    if re.search(rf"^{key}:", text, re.MULTILINE):
        return
    gap = "" if not text or text.endswith("\n") else "\n"
    replace(yaml, f"{text}{gap}\n{line}\n")


def restore(config: Path, wanted: dict[str, str]) -> None:
    """Unpack a backup with Home Assistant's own means; a bad one stops the start and says why."""
    password = Path(wanted["password"]) if wanted["password"] else None
    instruction = {
        "path": wanted["file"],
        "password": password.read_text(encoding="utf-8").strip() if password else None,
        "remove_after_restore": False,
        "restore_database": True,
        "restore_homeassistant": True,
    }
    (config / ".HA_RESTORE").write_text(json.dumps(instruction), encoding="utf-8")
    unpack = (
        "import sys; from homeassistant.backup_restore import restore_backup;"
        " restore_backup(sys.argv[1])"
    )
    print(f"Restoring {wanted['file']} into an empty configuration.")
    subprocess.run([sys.executable, "-c", unpack, str(config)], check=True)
    # Another cluster's wheels and marker do not count here.
    shutil.rmtree(config / ".home_cluster", ignore_errors=True)


def trust(config: Path, proxies: list[str]) -> None:
    """Let the cluster's gateways say who a visitor is.

    Home Assistant keeps this in its own store; YAML for it is deprecated and only tried for five
    minutes. Each proxy is added once: whoever takes it out again is obeyed.
    """
    record = config / PROXIES
    known = json.loads(record.read_text(encoding="utf-8")) if record.exists() else []
    new = [proxy for proxy in proxies if proxy not in known]
    if not new:
        return
    store = config / STORE
    try:
        content = (
            json.loads(store.read_text(encoding="utf-8"))
            if store.exists()
            else empty_store()
        )
        stable = content["data"]["stable"]
        before = stable.get("trusted_proxies") or []
        stable["use_x_forwarded_for"] = True
        stable["trusted_proxies"] = [
            *before,
            *(one for one in new if one not in before),
        ]
    except (AttributeError, ImportError, KeyError, TypeError, ValueError) as error:
        print(f"Proxies were not added, {STORE} is not as expected: {error!r}")
        return
    store.parent.mkdir(exist_ok=True)
    replace(store, json.dumps(content, indent=2), mode=0o600)
    replace(record, json.dumps([*known, *new]))


def empty_store() -> dict[str, Any]:
    """Home Assistant's defaults for its web server, as it would store them."""
    from homeassistant.components.http import config as http

    stable: dict[str, Any] = {
        **http.HTTP_STORAGE_SCHEMA({}),
        "created_at": "2026-01-01T00:00:00+00:00",
        "error": None,
        "error_message": None,
    }
    return {
        "version": http.STORAGE_VERSION,
        "minor_version": http.STORAGE_MINOR_VERSION,
        "key": http.STORAGE_KEY,
        # Not done: YAML that somebody brought along is still taken over.
        "data": {"stable": stable, "pending": None, "yaml_migration_done": False},
    }


def replace(path: Path, text: str, mode: int | None = None) -> None:
    """Write a file so that a power cut leaves the old one or the new one."""
    made = path.with_name(f"{path.name}.new")
    keep: Callable[[], None] = (
        (lambda: made.chmod(mode))
        if mode is not None
        else (lambda: shutil.copymode(path, made) if path.exists() else None)
    )
    with made.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    keep()
    made.replace(path)


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")),
    )
