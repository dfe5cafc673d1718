"""The shape of PersistentVolumes."""

from typing import Final

from msgspec import field

from ..schema import Key, Volume
from .common import FullMetadata, NodeSelector, Wire, WireRequirement, moment

# Kubernetes, "Well-Known Labels, Annotations and Taints".
_PROVISIONER: Final = "pv.kubernetes.io/provisioned-by"


class Place(Wire):
    """Where a volume's data is; most kinds of volumes have something else to say."""


class Share(Wire):
    """A folder that a server shares."""

    server: str = ""
    path: str = ""


class VolumeNodes(Wire):
    """On which nodes a volume can be used."""

    required: NodeSelector | None = None

    def hostname(self) -> str:
        """Return the hostname of the only node, "" if there may be several."""
        terms = self.required.node_selector_terms if self.required else None
        if not terms or len(terms) > 1:
            return ""
        (term,) = terms
        one: WireRequirement
        for one in (*(term.match_expressions or ()), *(term.match_fields or ())):
            values = one.values or []
            if (
                one.key in ("kubernetes.io/hostname", "metadata.name")
                and one.operator == "In"
                and len(values) == 1
            ):
                return values[0]
        return ""


class ClaimReference(Wire):
    """The claim that a volume is for."""

    namespace: str = ""
    name: str = ""


class VolumeSpec(Wire):
    """What a volume is."""

    local: Place | None = None
    host_path: Place | None = None
    nfs: Share | None = None
    csi: Place | None = None
    node_affinity: VolumeNodes | None = None
    claim_ref: ClaimReference | None = None

    def kind(self) -> str:
        """Return what kind of volume it is."""
        kinds = {
            "local": self.local,
            "hostPath": self.host_path,
            "nfs": self.nfs,
            "csi": self.csi,
        }
        return next(
            (name for name, place in kinds.items() if place is not None), "other"
        )


class WireVolume(Wire):
    """A PersistentVolume on the wire."""

    metadata: FullMetadata = field(default_factory=FullMetadata)
    spec: VolumeSpec = field(default_factory=VolumeSpec)

    def record(self) -> Volume:
        """Return the volume."""
        metadata, spec = self.metadata, self.spec
        claim, share = spec.claim_ref, spec.nfs
        return Volume(
            name=metadata.name,
            uid=metadata.uid,
            resource_version=metadata.resource_version,
            created=moment(metadata.creation_timestamp),
            deleting=moment(metadata.deletion_timestamp),
            kind=spec.kind(),
            provisioned=_PROVISIONER in (metadata.annotations or {}),
            share=f"{share.server}:{share.path}" if share is not None else "",
            hostname=spec.node_affinity.hostname() if spec.node_affinity else "",
            claim=Key(claim.namespace, claim.name) if claim is not None else None,
        )
