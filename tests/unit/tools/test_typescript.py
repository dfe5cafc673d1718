"""TypeScript's checker: found where it is, fetched where it is not."""

from pathlib import Path
import shutil

import pytest

from tools import typescript as check
from tools.setup import typescript
from tools.setup.report import ROOT, SetupError


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "home-cluster"


def put(cache: Path) -> Path:
    """Put a checker into the cache."""
    name = typescript.PROGRAM.replace("*", "linux-arm64")
    program = cache / f"typescript-{typescript.VERSION}" / name
    program.parent.mkdir(parents=True)
    program.touch()
    return program


def test_what_is_there_is_not_fetched_again(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is asked."""
    monkeypatch.delattr(typescript, "find_npm")
    program = put(cache)
    assert typescript.find_tsc() == program


def test_without_it_one_sentence_says_what_to_do(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The program tells why, this what to look at."""
    monkeypatch.setattr(typescript, "find_npm", lambda: shutil.which("false"))
    with pytest.raises(SetupError, match="npm's registry is reachable"):
        typescript.find_tsc()
    assert check.main() == 1
    assert "npm's registry is reachable" in capsys.readouterr().err


def test_every_module_asks_for_it() -> None:
    """Editors check a file that says so."""
    modules = sorted(
        (ROOT / "custom_components/home_cluster/frontend").glob("*.js"), key=str
    )
    assert modules
    assert [
        one for one in modules if not one.read_text().startswith("// @ts-check")
    ] == []
