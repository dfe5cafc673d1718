"""Why a container cannot be started at all: image, configuration, runtime."""

import re
from typing import Final

from ..kube.schema import Container, Pod
from .case import PATIENCE, Case, Finding, Weight, latest, place
from .containers import blame, last_end, of_each_container, relapsing, waits
from .images import parse_image
from .storage import missing_config
from .views import Reason

_PULLING: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "RegistryUnavailable",
    }
)
_NOT_CREATED: Final = frozenset(
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "StartError",
        "ContainerCannotRun",
        "ImageInspectError",
        "SignatureValidationFailed",
        "PreCreateHookError",
        "PreStartHookError",
        "PostStartHookError",
    }
)
_PLATFORM: Final = re.compile(
    r"no match for platform|exec format error|no child with platform", re.IGNORECASE
)
_DENIED: Final = re.compile(
    r"unauthorized|denied|forbidden|\b401\b|\b403\b|authorization failed|authentication required|no basic auth",
    re.IGNORECASE,
)
_NO_REGISTRY: Final = re.compile(
    r"no such host|i/o timeout|connection refused|no route to host|network is unreachable|"
    r"server misbehaving|TLS handshake|deadline exceeded|connection reset|\bEOF\b|certificate|"
    r"server gave HTTP response|\b50[0234]\b|try again",
    re.IGNORECASE,
)
_RATE: Final = re.compile(r"toomanyrequests|\b429\b|rate limit", re.IGNORECASE)
# What a slow or just rebooted node says before it succeeds.
_PASSING: Final = re.compile(
    r"failed to reserve|is reserved for|context deadline exceeded"
)
_PROGRAM: Final = re.compile(r'exec: \\?"([^"\s\\]+)')
_DEVICE: Final = re.compile(r'custom device \\?"([^"\\]+)')


@of_each_container
def image_problem(container: Container, pod: Pod, case: Case) -> Finding | None:
    """An image that cannot be had.

    Source: the waiting reasons of the kubelet's image manager and containerd's message within; the Event
    "Failed" where a kubelet before 1.32 says no more than "Back-off pulling image".
    """
    why = waits(container)
    if why not in _PULLING or container.current is None:
        return None
    message = container.current.message
    if message.startswith("Back-off pulling image") and ": " not in message:
        for event in case.events(pod, "Failed"):
            if container.image in event.message:
                message = event.message
                break
    image, registry = container.image, parse_image(container.image).registry
    where = place(container, pod)
    if why == "InvalidImageName":
        return blame(
            Reason.IMAGE_NOT_FOUND,
            f"{where} cannot start: {image} is not a valid image name.",
            "Correct the image's name: lower case, as registry/name:tag.",
            pod=pod,
            container=container,
        )
    if why == "ErrImageNeverPull":
        return blame(
            Reason.IMAGE_NOT_FOUND,
            f"{where} cannot start: image {image} is not on node {pod.node}, and its policy forbids fetching it.",
            "Load the image onto the node, or set imagePullPolicy to IfNotPresent.",
            pod=pod,
            container=container,
        )
    if _PLATFORM.search(message):
        return _wrong_architecture(container, pod, case)
    if _RATE.search(message):
        return blame(
            Reason.IMAGE_PULL_DENIED,
            f"{where} cannot start: {registry} refuses to hand out image {image} for now (too many requests).",
            "Wait some hours, or log in to the registry with an image pull secret.",
            pod=pod,
            container=container,
        )
    if _DENIED.search(message):
        return blame(
            Reason.IMAGE_PULL_DENIED,
            f"{where} cannot start: {registry} does not hand out image {image} to this cluster.",
            "Check the image's name; if it is private, add an image pull secret with valid credentials.",
            pod=pod,
            container=container,
        )
    if _NO_REGISTRY.search(message):
        return blame(
            Reason.IMAGE_NOT_FOUND,
            f"{where} cannot start: image {image} could not be fetched, because {registry} does not answer properly.",
            f"Check the internet connection and the name service of node {pod.node}, and the registry's address.",
            pod=pod,
            container=container,
        )
    return blame(
        Reason.IMAGE_NOT_FOUND,
        f"{where} cannot start: image {image} does not exist at {registry}.",
        "Check the image's name and tag for a typing error, and that this version was published.",
        pod=pod,
        container=container,
    )


def _wrong_architecture(container: Container, pod: Pod, case: Case) -> Finding:
    node = case.situation.nodes.get(pod.node)
    kind = f" ({node.architecture})" if node is not None and node.architecture else ""
    return blame(
        Reason.IMAGE_WRONG_ARCHITECTURE,
        f"{place(container, pod)} cannot start: image {container.image} is not made for the processor of node "
        f"{pod.node}{kind}.",
        "Use an image for this architecture, or let the device run only on nodes that fit.",
        pod=pod,
        container=container,
    )


@of_each_container
def wrong_architecture(container: Container, pod: Pod, case: Case) -> Finding | None:
    """A program that the node's processor cannot execute ("exec format error")."""
    for run in (container.current, container.last):
        if (
            run is not None
            and _PLATFORM.search(run.message)
            and waits(container) not in _PULLING
        ):
            if container.current is run or relapsing(container, pod, case):
                return _wrong_architecture(container, pod, case)
    return None


@of_each_container
def config_missing(container: Container, pod: Pod, _case: Case) -> Finding | None:
    """A ConfigMap, a Secret or a key in one that a container needs and that is not there.

    Source: CreateContainerConfigError; for volumes see `volume_problem`.
    """
    if waits(container) != "CreateContainerConfigError" or container.current is None:
        return None
    if (missing := missing_config(container.current.message)) is None:
        return None
    why, what = missing
    return blame(
        Reason.CONFIG_MISSING,
        f"{place(container, pod)} cannot start: {why}.",
        f"Create the {what}, or correct the name in the device's environment.",
        pod=pod,
        container=container,
    )


@of_each_container
def cannot_run(container: Container, pod: Pod, case: Case) -> Finding | None:
    """A container that the runtime cannot create or start.

    Source: CreateContainerError, RunContainerError and their kin; StartError (exit code 128) behind a
    CrashLoopBackOff.
    """
    run = container.current if waits(container) in _NOT_CREATED else last_end(container)
    if run is None or run.reason not in _NOT_CREATED:
        return None
    if run is not container.current and not relapsing(container, pod, case):
        return None
    why, advice = _runtime_failure(run.message)
    last = last_end(container)
    return blame(
        Reason.CANNOT_RUN,
        f"{place(container, pod)} cannot start: {why}.",
        advice,
        pod=pod,
        container=container,
        exit_code=last.exit_code
        if last is not None and last.reason in _NOT_CREATED
        else None,
        weight=Weight.EXPLAINS if _PASSING.search(run.message) else Weight.HARD,
    )


def _runtime_failure(message: str) -> tuple[str, str]:
    if "runAsNonRoot" in message or "non-root" in message:
        return (
            "it may not run as root, but its image does",
            "Set runAsUser to a user other than 0, or use an image that does not need root.",
        )
    if match := _DEVICE.search(message):
        return (
            f"the device {match[1]} is not there",
            "Check that the hardware is plugged into this node.",
        )
    program = _PROGRAM.search(message)
    if program and "permission denied" in message:
        return (
            f"its program {program[1]} may not be executed",
            "Make the file executable in the image, or correct the command.",
        )
    if program and ("no such file" in message or "not found" in message):
        return (
            f"its program {program[1]} is not in the image",
            "Correct the device's command, or use an image that contains the program.",
        )
    if "mount" in message:
        return (
            "something cannot be mounted into it",
            "Check the mount paths and subPaths of its volumes: a file cannot be mounted over a folder.",
        )
    return (
        "the container runtime refuses to start it",
        "Look at the Events of the pod, and at its security context, command and mounts.",
    )


def no_sandbox(pod: Pod, case: Case) -> Finding | None:
    """A pod whose network or sandbox cannot be set up. Source: the Event FailedCreatePodSandBox."""
    if pod.phase != "Pending" or not (
        events := case.events(pod, "FailedCreatePodSandBox")
    ):
        return None
    if any(
        container.current and container.current.state != "waiting"
        for container in pod.containers
    ):
        return None
    first = events[-1].first or case.now
    if not case.passed(first + PATIENCE):
        return None
    return Finding(
        reason=Reason.CANNOT_RUN,
        message=f"Pod {pod.name} cannot start: node {pod.node} fails to set up its network or sandbox.",
        advice=f"Look at the container runtime and the network plugin of node {pod.node}.",
        since=latest(first, pod.created),
        pod=pod.name,
        node=pod.node,
    )
