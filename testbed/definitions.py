"""The definitions of kinds that are no part of Kubernetes, out of their makers' Go modules.

With them the test cluster judges objects that other people's programs would act on.
"""

from dataclasses import dataclass
import json
import os
from pathlib import Path
import shutil
import subprocess
from typing import Final

from tools.setup.go import find_go
from tools.setup.python import find_uv
from tools.setup.report import SetupError

from .errors import TestbedError
from .programs import cache_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A file of a Go module; `sum` is what go.sum would say of the module."""

    module: str
    version: str
    sum: str
    file: str

    @property
    def name(self) -> str:
        """The definition's own name, "helmcharts.helm.cattle.io"."""
        group, _, plural = Path(self.file).stem.partition("_")
        return f"{plural}.{group}"


DEFINITIONS: Final = (
    Definition(
        module="github.com/k3s-io/helm-controller",
        version="v0.17.9",
        sum="h1:HhZTiFhVDzhbAYeb/aSlExWhJTnDTpHypMqu5Mh8Uow=",
        file="pkg/crds/yaml/generated/helm.cattle.io_helmcharts.yaml",
    ),
    Definition(
        module="sigs.k8s.io/gateway-api",
        version="v1.6.3",
        sum="h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
        file="config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
    ),
    Definition(
        module="github.com/external-secrets/external-secrets",
        version="v1.3.2",
        sum="h1:u2J8RjlHIeF0oZCqtl92adI/uZWUwOesJIDkfql6LqQ=",
        file="config/crds/bases/external-secrets.io_externalsecrets.yaml",
    ),
)


def file(definition: Definition) -> Path:
    """The definition as YAML, fetched at the first call and kept. Raises `TestbedError`."""
    kept = cache_folder() / f"{definition.name}-{definition.version}.yaml"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        made = kept.with_suffix(f".{os.getpid()}")
        shutil.copyfile(_folder(definition) / definition.file, made)
        made.rename(kept)
    return kept


def _folder(definition: Definition) -> Path:
    """The module, unpacked by Go."""
    try:
        go = find_go(find_uv())
    except SetupError as error:
        raise TestbedError(str(error)) from error
    wanted = f"{definition.module}@{definition.version}"
    done = subprocess.run(
        [go, "mod", "download", "-json", wanted],
        cwd=cache_folder(),
        env={**os.environ, "GOWORK": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise TestbedError(f"Go could not fetch {wanted}: {done.stdout.strip()}")
    found = json.loads(done.stdout)
    if found["Sum"] != definition.sum:
        raise TestbedError(f"{wanted} is not what it was: {found['Sum']}")
    return Path(found["Dir"])
