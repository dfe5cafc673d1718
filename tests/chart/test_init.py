"""What is prepared in /config before Home Assistant starts."""

from collections.abc import Sequence
import importlib.util
import json
from pathlib import Path
import subprocess
import sys
import tarfile
from types import ModuleType
from typing import Any, Final

import pytest

from homeassistant.components.http.config import ActiveConfigType, HTTPConfigStore
from homeassistant.core import HomeAssistant

from .chart import CHART

WANTED: Final[dict[str, Any]] = {
    "recorder": "purge_keep_days: 10\n",
    "proxies": ["10.42.0.0/16"],
    "safeMode": False,
    "restore": {},
    "seedConfiguration": True,
}
DEFAULT: Final = "default_config:\n"


def script(name: str) -> ModuleType:
    """One of the init containers' programs."""
    spec = importlib.util.spec_from_file_location(name, CHART / f"files/init/{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Commands:
    """Stands in for the programs that are started: keeps what was asked, and does what is given."""

    def __init__(self, config: Path) -> None:
        """Stand in for what works on a configuration."""
        self.config = config
        self.asked: list[Sequence[str]] = []
        self.offline = False
        self.pins = "msgspec==0.20.0\n"

    def run(self, command: Sequence[str], **options: Any) -> Any:
        """Do what a program would."""
        self.asked.append(command)
        output = ""
        if "ensure_config" in command:
            (self.config / "configuration.yaml").write_text(DEFAULT)
        elif "compile" in command:
            if self.offline:
                raise subprocess.CalledProcessError(2, "uv")
            output = self.pins
        elif "install" in command:
            target = Path(command[command.index("--target") + 1])
            (target / "msgspec.py").touch()
        return subprocess.CompletedProcess(command, 0, output)


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    made = Commands(tmp_path)
    monkeypatch.setattr(subprocess, "run", made.run)
    return made


@pytest.fixture
def config(commands: Commands) -> Path:
    return commands.config


def seed(config: Path, **wanted: Any) -> None:
    script("seed").main(config, {**WANTED, **wanted})


def yaml(config: Path) -> str:
    return (config / "configuration.yaml").read_text()


def proxies(config: Path) -> Any:
    stored = json.loads((config / ".storage/http").read_text())
    return stored["data"]["stable"]["trusted_proxies"]


# ── seeding


def test_an_empty_volume_gets_home_assistants_own_configuration_and_our_lines(
    config: Path,
) -> None:
    seed(config)
    assert yaml(config) == (
        "default_config:\n\nrecorder: !include .home_cluster/recorder.yaml\n\nhome_cluster:\n"
    )


def test_what_somebody_took_out_again_stays_out(config: Path) -> None:
    seed(config)
    (config / "configuration.yaml").write_text(DEFAULT)
    seed(config)
    assert yaml(config) == DEFAULT


def test_a_configuration_that_was_there_keeps_its_history_and_gets_one_line(
    config: Path, commands: Commands
) -> None:
    (config / "configuration.yaml").write_text("recorder:\n  db_url: x")
    seed(config)
    assert yaml(config) == "recorder:\n  db_url: x\n\nhome_cluster:\n"
    assert not commands.asked


def test_the_line_is_not_written_twice(config: Path) -> None:
    (config / "configuration.yaml").write_text("home_cluster:\n")
    seed(config)
    assert yaml(config) == "home_cluster:\n"


def test_who_wants_no_line_gets_none(config: Path) -> None:
    seed(config, seedConfiguration=False)
    assert "home_cluster:" not in yaml(config)


def test_the_recorders_settings_follow_the_values(config: Path) -> None:
    seed(config)
    seed(config, recorder="purge_keep_days: 3\n")
    assert (config / ".home_cluster/recorder.yaml").read_text() == (
        "purge_keep_days: 3\n"
    )


def test_safe_mode_is_asked_for_at_each_start(config: Path) -> None:
    seed(config)
    assert not (config / "safe-mode").exists()
    seed(config, safeMode=True)
    assert (config / "safe-mode").exists()


# ── proxies


def test_a_new_home_trusts_the_clusters_gateways_from_the_start(config: Path) -> None:
    seed(config)
    stored = json.loads((config / ".storage/http").read_text())
    assert stored["data"]["pending"] is None  # no trial that ends after five minutes
    assert stored["data"]["stable"]["use_x_forwarded_for"] is True
    assert proxies(config) == ["10.42.0.0/16"]
    assert (config / ".storage/http").stat().st_mode & 0o777 == 0o600


async def test_home_assistant_takes_the_seeded_store_for_its_own(config: Path) -> None:
    seed(config)
    hass = HomeAssistant(str(config))
    store = HTTPConfigStore(hass)
    active = await store.async_activate_config()
    assert store.active_config_type is ActiveConfigType.STABLE
    assert active["use_x_forwarded_for"] is True
    assert active["trusted_proxies"] == ["10.42.0.0/16"]
    assert active["server_port"] == 8123
    await hass.async_stop(force=True)


def test_proxies_join_those_that_are_there(config: Path) -> None:
    seed(config)
    seed(config, proxies=["10.42.0.0/16", "192.168.1.4/32"])
    assert proxies(config) == ["10.42.0.0/16", "192.168.1.4/32"]


def test_a_proxy_that_somebody_took_out_stays_out(config: Path) -> None:
    seed(config)
    store = config / ".storage/http"
    store.write_text(store.read_text().replace("10.42.0.0/16", "10.9.9.9/32"))
    seed(config)
    assert proxies(config) == ["10.9.9.9/32"]


@pytest.mark.parametrize("content", ["", "{}", '{"data": {"stable": null}}'])
def test_a_store_that_is_not_understood_is_left_alone(
    config: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (config / ".storage").mkdir()
    (config / ".storage/http").write_text(content)
    seed(config)
    assert (config / ".storage/http").read_text() == content
    assert "not as expected" in capsys.readouterr().out


# ── restoring


def test_a_backup_of_home_assistant_is_unpacked_into_an_empty_volume(
    tmp_path: Path,
) -> None:
    content = tmp_path / "data"
    content.mkdir()
    (content / "configuration.yaml").write_text("homeassistant:\n  name: Old home\n")
    with tarfile.open(tmp_path / "homeassistant.tar.gz", "w:gz") as tar:
        tar.add(content, "data")
    meta = {"homeassistant": {"version": "2026.1.0"}, "compressed": True}
    (tmp_path / "backup.json").write_text(json.dumps(meta))
    with tarfile.open(tmp_path / "old.tar", "w") as tar:
        for name in ("backup.json", "homeassistant.tar.gz"):
            tar.add(tmp_path / name, f"./{name}")
    config = tmp_path / "config"
    config.mkdir()

    wanted = {"file": str(tmp_path / "old.tar"), "password": ""}
    seed(config, restore=wanted)
    assert yaml(config) == "homeassistant:\n  name: Old home\n\nhome_cluster:\n"

    # A later start with the value still set does not undo what happened since.
    (config / "configuration.yaml").write_text("home_cluster:\n")
    (config / ".home_cluster/seeded").unlink()
    seed(config, restore=wanted)
    assert yaml(config) == "home_cluster:\n"


# ── packages

MANIFEST: Final = {"requirements": ["msgspec>=0.20,<1"]}
PYTHON: Final = f"py{sys.version_info.major}{sys.version_info.minor}"


@pytest.fixture
def delivered(tmp_path: Path) -> Path:
    folder = tmp_path / "delivered"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    return folder


def wheels(config: Path, delivered: Path, version: str = "2026.10.4") -> str | None:
    """Prepare the packages for a version of Home Assistant; what `current` points to then."""
    module = script("wheels")
    real = module.importlib.metadata

    class Metadata:
        PackageNotFoundError = real.PackageNotFoundError
        distribution = staticmethod(real.distribution)

        @staticmethod
        def version(name: str) -> str:
            if name == "homeassistant":
                return version
            raise real.PackageNotFoundError

    class Importlib:
        metadata = Metadata

    module.importlib = Importlib  # type: ignore[assignment]
    module.main(config, delivered)
    current = config / ".home_cluster/current"
    return str(current.readlink()) if current.is_symlink() else None


def test_packages_are_laid_down_for_this_version_and_this_python(
    config: Path, commands: Commands, delivered: Path
) -> None:
    assert wheels(config, delivered) == f"2026.10.4-{PYTHON}"
    assert (config / ".home_cluster/current/msgspec.py").exists()
    compile_, install = commands.asked
    assert "--constraint" in compile_
    assert "--no-deps" in install
    assert "msgspec==0.20.0" in install


def test_a_second_start_asks_nobody(
    config: Path, commands: Commands, delivered: Path
) -> None:
    wheels(config, delivered)
    commands.asked.clear()
    assert wheels(config, delivered) == f"2026.10.4-{PYTHON}"
    assert not commands.asked


def test_new_requirements_are_fetched(
    config: Path, commands: Commands, delivered: Path
) -> None:
    wheels(config, delivered)
    commands.asked.clear()
    (delivered / "manifest.json").write_text('{"requirements": ["msgspec>=0.21"]}')
    wheels(config, delivered)
    assert len(commands.asked) == 2


def test_without_internet_a_newer_home_assistant_takes_the_packages_of_the_older_one(
    config: Path, commands: Commands, delivered: Path
) -> None:
    wheels(config, delivered)
    commands.offline = True
    assert wheels(config, delivered, "2026.11.0") == f"2026.10.4-{PYTHON}"


def test_packages_of_another_python_are_not_taken(
    config: Path, commands: Commands, delivered: Path
) -> None:
    (config / ".home_cluster/2026.9.0-py312").mkdir(parents=True)
    commands.offline = True
    assert wheels(config, delivered) is None


def test_a_copy_of_hacs_counts_more_than_the_delivered_one(
    config: Path, commands: Commands, delivered: Path
) -> None:
    copy = config / "custom_components/home_cluster"
    copy.mkdir(parents=True)
    (copy / "manifest.json").write_text('{"requirements": ["other==1"]}')
    wheels(config, delivered)
    stamp = config / ".home_cluster/current/requirements.txt"
    assert stamp.read_text() == "other==1\n"


def test_without_an_integration_there_is_nothing_to_do(
    config: Path, commands: Commands, tmp_path: Path
) -> None:
    assert wheels(config, tmp_path / "nothing") is None
    assert not commands.asked


def test_folders_of_versions_long_gone_are_removed(
    config: Path, commands: Commands, delivered: Path
) -> None:
    for month in range(5, 11):
        wheels(config, delivered, f"2026.{month}.0")
    left = {path.name for path in (config / ".home_cluster").glob("2026*")}
    assert f"2026.10.0-{PYTHON}" in left
    assert len(left) == 3
