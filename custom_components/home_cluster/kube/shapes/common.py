"""What the shapes of several kinds have in common.

Every field may be missing, every list, map and time null: both occur in real answers.
Texts, times and other parts that repeat between objects are kept once.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from sys import intern
from typing import Any, Final, TypedDict

from msgspec import Raw, Struct, field
from msgspec.json import decode

from ..schema import HINT_PREFIX, Condition, Owner, Requirement, Template, Toleration

KEPT_ANNOTATIONS: Final = (
    HINT_PREFIX,
    "meta.helm.sh/",
    "argocd.argoproj.io/",
    "kustomize.toolkit.fluxcd.io/",
    "helm.toolkit.fluxcd.io/",
    "autoscaling.keda.sh/",
    "objectset.rio.cattle.io/owner-name",
)
"""Annotations that begin so are kept: our hints, and those of the tools that own objects."""


@lru_cache(maxsize=512)
def moment(text: str | None) -> datetime | None:
    """Read a time that may be missing; raises `ValueError` for what is none.

    Objects that come together, as the pods of a rollout do, share one record of it.
    """
    if text is None:
        return None
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"a time without a zone: {text}")
    return time


@lru_cache(maxsize=512)
def _shared(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the one record of the names that all pods of a workload share."""
    return names


@lru_cache(maxsize=512)
def _owner(kind: str, name: str) -> Owner:
    """Return the one record of an owner that all its pods share."""
    return Owner(intern(kind), intern(name))


class Wire(Struct, gc=False, rename="camel"):
    """A part of an object on the wire."""


class OwnerReference(Wire):
    """One of the owners of an object."""

    kind: str = ""
    name: str = ""
    controller: bool | None = None


class Metadata(Wire):
    """Who an object is; labels and annotations are left to those that need them."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    owner_references: list[OwnerReference] | None = None

    def owner(self) -> Owner | None:
        """Return the controlling owner."""
        for reference in self.owner_references or ():
            if reference.controller:
                return _owner(reference.kind, reference.name)
        return None


class DescribedFields(TypedDict):
    """The fields of every record that is `Described`."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    created: datetime | None
    deleting: datetime | None
    labels: dict[str, str]
    annotations: dict[str, str]
    owner: Owner | None
    generation: int


class FullMetadata(Metadata):
    """Who an object is, and what its labels and annotations say."""

    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None

    def described(self) -> DescribedFields:
        """Return what all records have of it."""
        return {
            "namespace": intern(self.namespace),
            "name": self.name,
            "uid": self.uid,
            "resource_version": self.resource_version,
            "created": moment(self.creation_timestamp),
            "deleting": moment(self.deletion_timestamp),
            "labels": self.kept_labels(),
            "annotations": self.kept_annotations(),
            "owner": self.owner(),
            "generation": self.generation,
        }

    def kept_labels(self) -> dict[str, str]:
        """Return all labels."""
        return {
            intern(key): intern(value) for key, value in (self.labels or {}).items()
        }

    def kept_annotations(self) -> dict[str, str]:
        """Return the annotations that are of use."""
        return {
            intern(key): value
            for key, value in (self.annotations or {}).items()
            if key.startswith(KEPT_ANNOTATIONS)
        }


class WireCondition(Wire):
    """A status condition."""

    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None
    last_transition_time: str | None = None

    def record(self) -> Condition:
        """Return the condition."""
        return Condition(
            intern(self.type),
            intern(self.status),
            intern(self.reason or ""),
            self.message or "",
            moment(self.last_transition_time),
        )


def conditions_of(conditions: Iterable[WireCondition] | None) -> tuple[Condition, ...]:
    """Return the records of conditions that may be missing."""
    return tuple([condition.record() for condition in conditions or ()])


class Claim(Wire):
    """A volume's claim."""

    claim_name: str = ""


class Volume(Wire):
    """A volume of a pod."""

    persistent_volume_claim: Claim | None = None


class Asked(Wire):
    """What a container asks its node for."""

    limits: dict[str, Any] | None = None


class WireContainer(Wire):
    """A container as asked for. Its resources are read only where they are more than CPU and memory."""

    name: str = ""
    image: str = ""
    restart_policy: str = ""
    resources: Raw = Raw(b"")


class WireRequirement(Wire):
    """What a label of a node must be."""

    key: str = ""
    operator: str = ""
    values: list[str] | None = None

    def record(self) -> Requirement:
        """Return the requirement."""
        return Requirement(
            intern(self.key), intern(self.operator), tuple(self.values or ())
        )


class SelectorTerm(Wire):
    """Which nodes."""

    match_expressions: list[WireRequirement] | None = None
    match_fields: list[WireRequirement] | None = None

    def record(self) -> tuple[Requirement, ...]:
        """Return the requirements, all of which count."""
        all_of = (*(self.match_expressions or ()), *(self.match_fields or ()))
        return tuple([one.record() for one in all_of])


class NodeSelector(Wire):
    """Which nodes, one term or the other."""

    node_selector_terms: list[SelectorTerm] | None = None


class NodeAffinity(Wire):
    """Which nodes a pod must be on; those that it only prefers are left out."""

    required: NodeSelector | None = field(
        default=None, name="requiredDuringSchedulingIgnoredDuringExecution"
    )


class Affinity(Wire):
    """What a pod wants to be near to."""

    node_affinity: NodeAffinity | None = None


class WireToleration(Wire):
    """A taint that does not matter."""

    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""


class PodSpec(Wire):
    """What a pod is to be."""

    containers: list[WireContainer] | None = None
    init_containers: list[WireContainer] | None = None
    volumes: list[Volume] | None = None
    node_name: str = ""
    node_selector: dict[str, str] | None = None

    def claims(self) -> tuple[str, ...]:
        """Return the names of the claims that are mounted."""
        names = [
            claim.claim_name
            for volume in self.volumes or ()
            if (claim := volume.persistent_volume_claim) is not None
        ]
        return _shared(tuple(names)) if names else ()

    def hardware(self) -> tuple[str, ...]:
        """Return the devices that containers ask for: resources of a domain, such as squat.ai/zigbee."""
        names: list[str] = []
        for container in self.containers or ():
            # Of CPU and memory neither name nor amount has a slash.
            if b"/" in bytes(container.resources):
                asked = decode(container.resources, type=Asked)
                names += [name for name in asked.limits or () if "/" in name]
        return _shared(tuple(sorted(set(names)))) if names else ()


class TemplateSpec(PodSpec):
    """What pods are to be: with where they may be, which of a pod that is somewhere nobody asks."""

    affinity: Affinity | None = None
    tolerations: list[WireToleration] | None = None

    def template(self) -> Template:
        """Return the record of a pod template with this spec."""
        return Template(
            containers=tuple(
                [(c.name, intern(c.image)) for c in self.containers or ()]
            ),
            node_selector=tuple(sorted((self.node_selector or {}).items())),
            node_terms=self._node_terms(),
            tolerations=tuple(
                [
                    Toleration(one.key, one.operator or "Equal", one.value, one.effect)
                    for one in self.tolerations or ()
                ]
            ),
            claims=self.claims(),
        )

    def _node_terms(self) -> tuple[tuple[Requirement, ...], ...]:
        nodes = self.affinity.node_affinity if self.affinity else None
        terms = nodes.required.node_selector_terms if nodes and nodes.required else None
        return tuple([one.record() for one in terms or ()])


class PodTemplate(Wire):
    """A pod template."""

    spec: TemplateSpec = field(default_factory=TemplateSpec)
