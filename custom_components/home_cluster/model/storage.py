"""Why a pod that has a node does not get its volumes: the kubelet's Events."""

import re
from typing import Final

from ..kube.schema import Pod
from .case import Case, Finding
from .scheduling import GRACE
from .situation import FLICKER
from .views import Reason

_OBJECT: Final = re.compile(r'\b(configmap|secret) "([^"]+)" not found', re.IGNORECASE)
_KEY: Final = re.compile(
    r"couldn't find key (\S+) in (ConfigMap|Secret) (?:[^/\s]+/)?(\S+)"
)
_MOUNT_KEY: Final = re.compile(r"references non-existent (config|secret) key: (\S+)")
_VOLUME: Final = re.compile(r'for volume "([^"]+)"')
_HOST_PATH: Final = re.compile(
    r"hostPath type check failed: (\S+) is not an? ([a-z ]+)"
)
_SHARE: Final = re.compile(r"-t nfs4?(?: -o \S+)? (\S+?):/")
_SILENT: Final = re.compile(
    r"timed out|refused|No route to host|Network is unreachable|Host is down|"
    r"Failed to resolve server|temporarily unavailable|Input/output error",
    re.IGNORECASE,
)
_WAITS: Final = re.compile(r"timed out waiting|deadline exceeded", re.IGNORECASE)
_NO_CLIENT: Final = re.compile(
    r"/sbin/mount\.|unknown filesystem type 'nfs|mount\.nfs: No such device"
)
_NO_LOCKS: Final = "rpc.statd is not running"
_PATH: Final = re.compile(r'path "([^"]+)" does not exist')


def missing_config(message: str) -> tuple[str, str] | None:
    """Return what a kubelet's message misses, as (a sentence's part, the ConfigMap, Secret or key to make)."""
    if match := _OBJECT.search(message):
        kind = "ConfigMap" if match[1].lower() == "configmap" else "Secret"
        return f"the {kind} {match[2]} does not exist", f"{kind} {match[2]}"
    if match := _KEY.search(message):
        key, kind, name = match.groups()
        return f"the {kind} {name} has no key {key}", f"key {key} in the {kind} {name}"
    if match := _MOUNT_KEY.search(message):
        kind = "ConfigMap" if match[1] == "config" else "Secret"
        return (
            f"a {kind} that it mounts has no key {match[2]}",
            f"key {match[2]} in the {kind}",
        )
    return None


def volume_problem(pod: Pod, case: Case) -> Finding | None:
    """A pod whose volumes cannot be attached or mounted, so that no container can start.

    Source: the Events FailedMount and FailedAttachVolume; without them, a claim that lost its volume,
    or one that lies on a lost node.
    """
    if not pod.node or pod.phase != "Pending":
        return None
    if (found := _lost_claim(pod, case)) is not None:
        return found
    events = case.events(pod, "FailedMount", "FailedAttachVolume", "FailedMapVolume")
    if not events or not case.passed((events[-1].first or case.now) + GRACE):
        return None
    # A time-out only repeats that something failed; any other message says what.
    telling = [
        event for event in events if "timed out waiting" not in event.message
    ] or events
    message = telling[0].message
    since = telling[0].first or pod.created
    if (missing := missing_config(message)) is not None:
        why, what = missing
        return Finding(
            reason=Reason.CONFIG_MISSING,
            message=f"Pod {pod.name} cannot start: {why}.",
            advice=f"Create the {what}, or correct the name in the device's volumes.",
            since=since,
            pod=pod.name,
            node=pod.node,
        )
    reason, why, advice = _mount_failure(pod, case, message)
    return Finding(
        reason=reason,
        message=f"Pod {pod.name} cannot start on node {pod.node}: {why}.",
        advice=advice,
        since=since,
        pod=pod.name,
        node=pod.node,
    )


def _lost_claim(pod: Pod, case: Case) -> Finding | None:
    for claim in case.situation.claims:
        if claim.name in pod.claims and claim.phase == "Lost":
            return Finding(
                reason=Reason.VOLUME_PENDING,
                message=f"Pod {pod.name} cannot start: the volume behind its claim {claim.name} is gone.",
                advice=f"Delete the claim {claim.name}, let it be made anew, and restore its data from a backup.",
                since=pod.created,
                pod=pod.name,
                node=pod.node,
            )
    return None


def _mount_failure(pod: Pod, case: Case, message: str) -> tuple[Reason, str, str]:
    if match := _HOST_PATH.search(message):
        path, kind = match.groups()
        return (
            Reason.VOLUME_PENDING,
            f"{path} is not there, or is not a {kind.strip()}",
            f"Check that the hardware or folder behind {path} is present on node {pod.node}.",
        )
    if match := _PATH.search(message):
        return (
            Reason.VOLUME_PENDING,
            f"the path {match[1]} of its volume does not exist there",
            f"Check that the disk behind {match[1]} is plugged in and mounted on node {pod.node}.",
        )
    match = _VOLUME.search(message)
    volume = f"volume {match[1]}" if match else "volume"
    if (share := _share_failure(pod, case, message, volume)) is not None:
        return share
    if "Multi-Attach" in message:
        for other in case.leaving:
            lost = case.situation.lost.get(other.node)
            if lost is not None and case.passed(lost + FLICKER):
                return (
                    Reason.VOLUME_ON_LOST_NODE,
                    f"its {volume} is still attached to node {other.node}, which is lost",
                    f"Bring node {other.node} back, or taint it out-of-service if it is surely off.",
                )
        return (
            Reason.VOLUME_PENDING,
            f"its {volume} is still attached to another node",
            "Wait until the other pod is gone, or stop it.",
        )
    doing = "attached" if "Attach" in message else "mounted"
    return (
        Reason.VOLUME_PENDING,
        f"its {volume} cannot be {doing}",
        "Check that the storage behind the volume is reachable from this node; the Events of the pod say more.",
    )


def share_of(pod: Pod, case: Case) -> str:
    """Return the NFS share that a pod uses, "" if it uses none or that is not known."""
    for claim in case.situation.claims:
        volume = case.situation.volumes.get(claim.volume)
        if claim.name in pod.claims and volume is not None and volume.kind == "nfs":
            return volume.share
    return ""


def _share_failure(
    pod: Pod, case: Case, message: str, volume: str
) -> tuple[Reason, str, str] | None:
    """A folder that an NFS server shares.

    Source: what mount.nfs says. While the server is silent the kubelet only says that it waits, so that
    the volume itself must tell that it is a share.
    """
    share = share_of(pod, case)
    address = _SHARE.search(message)
    server = address[1] if address else share.partition(":/")[0]
    named = f"the NFS server {server}" if server else "the NFS server"
    if "nfs" in message and _NO_CLIENT.search(message):
        return (
            Reason.VOLUME_PENDING,
            f"the node has no NFS client, so its {volume} cannot be mounted",
            f"Install the NFS client on node {pod.node}: nfs-common on Debian and Raspberry Pi OS.",
        )
    if _NO_LOCKS in message:
        return (
            Reason.VOLUME_PENDING,
            f"the node does not run the locks of NFS 3, which its {volume} needs",
            f"Start rpc-statd on node {pod.node}, or mount by NFS 4.",
        )
    if "mount.nfs" in message and "access denied" in message:
        return (
            Reason.VOLUME_PENDING,
            f"{named} does not share {volume} with this node",
            f"Allow node {pod.node} in the server's exports.",
        )
    if ("mount.nfs" in message and _SILENT.search(message)) or (
        share and _WAITS.search(message)
    ):
        return (
            Reason.NFS_UNREACHABLE,
            f"{named} behind its {volume} does not answer",
            f"Check that the server is on and that node {pod.node} reaches it. The device starts by itself when it is back.",
        )
    return None
