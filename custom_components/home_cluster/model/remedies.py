"""Who set something back, and the change of a manifest that makes peace."""

from collections.abc import Mapping
from enum import StrEnum
import re
from typing import Any, Final, NamedTuple

import yaml

from ..kube.resources import RESOURCES
from ..kube.schema import Described, Kind, Ref
from ..kube.writers import FieldPath, Writer
from .autoscaling import SCALED_OBJECT
from .owners import Tool, manager_of
from .undoing import Setting, Value


class By(StrEnum):
    """Who undoes what is set from here."""

    FLUX_KUSTOMIZATION = "flux_kustomization"
    FLUX_HELM = "flux_helm"
    ARGO = "argo"
    HELM = "helm"
    K3S = "k3s"
    OPERATOR = "operator"
    AUTOSCALER = "autoscaler"
    KEDA = "keda"
    WRITER = "writer"


class Undoer(NamedTuple):
    """Who undoes: by what, and under which name ("namespace/name" where there is one)."""

    by: By
    name: str

    @property
    def words(self) -> str:
        """What people call it: "Flux Kustomization flux-system/apps"."""
        return f"{_CALLED[self.by]} {self.name}".strip() or "somebody else"


_CALLED: Final[Mapping[By, str]] = {
    By.FLUX_KUSTOMIZATION: "Flux Kustomization",
    By.FLUX_HELM: "Flux HelmRelease",
    By.ARGO: "Argo CD application",
    By.HELM: "Helm release",
    By.K3S: "k3s manifest",
    By.OPERATOR: "",
    By.AUTOSCALER: "autoscaler",
    By.KEDA: "KEDA",
    By.WRITER: "",
}

FIELDS: Final[Mapping[Setting, FieldPath]] = {
    Setting.REPLICAS: ("spec", "replicas"),
    Setting.SUSPEND: ("spec", "suspend"),
    Setting.NODES: ("spec", "template", "spec", "nodeSelector"),
    Setting.IMAGE: ("spec", "template", "spec", "containers", "*", "image"),
    Setting.MINIMUM: ("spec", "minReplicas"),
    Setting.MAXIMUM: ("spec", "maxReplicas"),
}

_BY_TOOL: Final[Mapping[Tool, By]] = {
    Tool.FLUX_KUSTOMIZATION: By.FLUX_KUSTOMIZATION,
    Tool.FLUX_HELM: By.FLUX_HELM,
    Tool.ARGO: By.ARGO,
    Tool.OPERATOR: By.OPERATOR,
    Tool.HELM: By.HELM,
    Tool.K3S_MANIFEST: By.K3S,
}
# The names that their requests bear.
_BY_WRITER: Final = (
    ("kustomize-controller", By.FLUX_KUSTOMIZATION),
    ("helm-controller", By.FLUX_HELM),
    ("argocd", By.ARGO),
    ("helm", By.HELM),
    ("deploy@", By.K3S),
    ("keda", By.KEDA),
)
_ODD: Final = re.compile(r"[^\w.:/@+ -]", re.ASCII)
_PEOPLE: Final = ("kubectl", "k9s", "lens", "headlamp", "dashboard", "mozilla")
_CONTROLLERS: Final = "kube-controller-manager"


def who_undid(
    record: Described,
    writer: Writer | None,
    scaler: tuple[str, str] | None,
    *,
    scales: bool = False,
) -> Undoer | None:
    """Return who set a field back.

    `scaler` is the autoscaler's name, or that of KEDA's object which made it, and the kind of what made
    it; it `scales` if the field is its own to set. No writer is kept of a count that no manifest ever
    named, or that was 0: it came by the subresource `scale`, so from an autoscaler or a person. The
    writer that the API server names is believed before labels are. None where only a person can be
    meant.
    """
    if writer is None:
        if not scales:
            return None
        writer = Writer(_CONTROLLERS)
    manager = manager_of(record)
    told = _BY_TOOL[manager.tool] if manager is not None else None
    name = _plain(manager.name) if manager is not None else ""
    word = writer.manager.lower()
    if word == _CONTROLLERS and scaler is not None:
        by = By.KEDA if scaler[1] == SCALED_OBJECT else By.AUTOSCALER
        return Undoer(by, scaler[0])
    known = next((by for start, by in _BY_WRITER if word.startswith(start)), None)
    if known is By.KEDA:
        return Undoer(known, scaler[0] if scaler is not None else record.name)
    if known is By.HELM and told is By.FLUX_HELM:
        # Flux' own Helm goes by Helm's name.
        known = told
    if known is not None:
        return Undoer(known, name if known is told else "")
    if word.startswith(_PEOPLE):
        return None
    if told is By.OPERATOR:
        return Undoer(told, name)
    return writer_itself(writer)


def writer_itself(writer: Writer | None) -> Undoer:
    """Return a writer of whom nothing is known but the name that its requests bear."""
    return Undoer(By.WRITER, _plain(writer.manager) if writer is not None else "")


def told_as(undoer: Undoer, setting: Setting) -> str:
    """Return the key of the repair: an image that a manifest must name needs other words of Flux."""
    key = f"undone_by_{undoer.by}"
    if undoer.by is By.FLUX_KUSTOMIZATION and setting is Setting.IMAGE:
        return f"{key}_image"
    return key


def remedy(
    undoer: Undoer, target: Ref, setting: Setting, present: Value, wanted: Value
) -> str:
    """Return the change that makes peace, as a block of Markdown; "" where nobody can know it.

    `present` is what the undoer wrote, `wanted` what was set from here.
    """
    match undoer.by:
        case By.ARGO:
            return _yaml(_ignored_by_argo(undoer, target, setting))
        case By.FLUX_HELM:
            return _yaml(_ignored_by_flux(undoer, target, setting))
        case By.KEDA:
            return _yaml(_paused(undoer, target))
        case By.AUTOSCALER:
            return _yaml(_limits(undoer, target, wanted))
        case By.FLUX_KUSTOMIZATION if setting is Setting.IMAGE:
            return _yaml(_ignored_by_kustomization(undoer, target))
        case By.OPERATOR | By.WRITER:
            return ""
        case _:
            return _left_out(setting, present, wanted)


def _ignored_by_argo(undoer: Undoer, target: Ref, setting: Setting) -> dict[str, Any]:
    place, _, name = undoer.name.rpartition("_")
    field = FIELDS[setting]
    if "*" in field:
        which = {"jqPathExpressions": [".spec.template.spec.containers[].image"]}
    else:
        which = {"jsonPointers": ["/" + "/".join(field)]}
    ignored = {
        "group": RESOURCES[target.kind].group,
        "kind": str(target.kind),
        "namespace": target.namespace,
        "name": target.name,
        **which,
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": place or "argocd"},
        "spec": {
            "ignoreDifferences": [ignored],
            "syncPolicy": {"syncOptions": ["RespectIgnoreDifferences=true"]},
        },
    }


def _ignored_by_flux(undoer: Undoer, target: Ref, setting: Setting) -> dict[str, Any]:
    pointer = _pointer(setting)
    which = {"kind": str(target.kind), "name": target.name}
    return {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": _named(undoer.name),
        "spec": {"driftDetection": {"ignore": [{"paths": [pointer], "target": which}]}},
    }


def _ignored_by_kustomization(undoer: Undoer, target: Ref) -> dict[str, Any]:
    which = {
        "kind": str(target.kind),
        "namespace": target.namespace,
        "name": target.name,
    }
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": _named(undoer.name),
        "spec": {"ignore": [{"paths": [_pointer(Setting.IMAGE)], "target": which}]},
    }


def _pointer(setting: Setting) -> str:
    return "/" + "/".join("0" if part == "*" else part for part in FIELDS[setting])


def _paused(undoer: Undoer, target: Ref) -> dict[str, Any]:
    # Not `paused-replicas`: that count KEDA sets again whenever it starts.
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": SCALED_OBJECT,
        "metadata": {
            "name": undoer.name,
            "namespace": target.namespace,
            "annotations": {"autoscaling.keda.sh/paused": "true"},
        },
    }


def _limits(undoer: Undoer, target: Ref, wanted: Value) -> dict[str, Any]:
    count = wanted if isinstance(wanted, int) and wanted > 0 else 1
    return {
        "apiVersion": "autoscaling/v2",
        "kind": str(Kind.AUTOSCALER),
        "metadata": {"name": undoer.name, "namespace": target.namespace},
        "spec": {"minReplicas": int(count), "maxReplicas": int(count)},
    }


def _left_out(setting: Setting, present: Value, wanted: Value) -> str:
    """Return the lines to take out of a manifest, those of an image to change."""
    *above, last = FIELDS[setting]
    names = [part for part in above if part != "*"]
    lines = [f" {'  ' * depth}{name}:" for depth, name in enumerate(names)]
    indent = "  " * len(names)
    if setting is Setting.IMAGE:
        lines.append(f"-{indent}- {last}: {_plain(str(present))}")
        lines.append(f"+{indent}- {last}: {_plain(str(wanted))}")
    elif setting is Setting.NODES:
        lines.append(f"-{indent}{last}: …")
    else:
        lines.append(f"-{indent}{last}: {_written(present)}")
    return "```diff\n" + "\n".join(lines) + "\n```"


def _written(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain(text: str) -> str:
    """Return of a text that others wrote what names are made of: it is shown as Markdown."""
    return _ODD.sub("", text)


def _named(name: str) -> dict[str, str]:
    place, _, last = name.rpartition("/")
    return {"name": last or "…", **({"namespace": place} if place else {})}


def _yaml(document: Mapping[str, Any]) -> str:
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)
    return f"```yaml\n{text.strip()}\n```"
