"""What is answered: short sentences in one language."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from ..exposure import Known
from ..hub import Hub
from ..model.views import Reason, Status
from .language import Language

# More than these nobody remembers.
MOST: Final = 4

_QUIET: Final = frozenset({Status.OFF, Status.PAUSED, Status.IDLE, Status.COMPLETED})


def about_all(
    language: Language,
    reasons: Mapping[str, str],
    hubs: Iterable[Hub],
    devices: Sequence[Known],
) -> str:
    """Answer whether everything is running; what may not be named is counted."""
    said = [
        language.link_down.format(cluster=hub.entry.title)
        for hub in hubs
        if not hub.available
    ]
    current = [one for one in devices if one.current]
    named = [one for one in current if one.exposed]
    bad = [one for one in named if one.view.health.problem]
    unclear = [one for one in named if one.view.health.problem is None]
    unclear += [
        one for one in devices if one.exposed and one.hub.available and not one.current
    ]
    hidden = sum(one.view.health.problem is True for one in current if not one.exposed)
    if bad:
        said.append(language.problems)
        said += [
            language.problem.format(
                device=one.name, reason=_reason(one, reasons) or one.view.health.status
            )
            for one in bad[:MOST]
        ]
        if len(bad) > MOST:
            said.append(f"{language.others.format(count=len(bad) - MOST)}.")
    if unclear:
        said.append(language.unclear.format(devices=_listed(language, unclear)))
    if hidden:
        said.append(language.hidden.format(count=hidden))
    if not said:
        said.append(_all_well(language, named))
    return " ".join(said)


def _all_well(language: Language, named: Sequence[Known]) -> str:
    off = [one for one in named if one.view.health.status in _QUIET]
    if not named:
        return language.nothing
    if off:
        return language.some_off.format(devices=_listed(language, off))
    if len(named) == 1:
        return language.well.format(device=named[0].name)
    return language.all_well.format(count=len(named))


def about_one(
    language: Language,
    reasons: Mapping[str, str],
    advice: Mapping[str, str],
    device: Known,
) -> str:
    """Answer how a device is, and if it has a problem, why and what to do."""
    if not device.current:
        return language.not_heard.format(device=device.name)
    health = device.view.health
    said = [language.status[health.status].format(device=device.name)]
    if health.problem:
        if reason := _reason(device, reasons):
            said.append(language.because.format(reason=reason))
        if health.reason is Reason.NODE_LOST and health.node:
            said.append(language.on_node.format(node=health.node))
        if what_to_do := advice.get(health.reason):
            said.append(what_to_do)
    elif health.status is Status.RUNNING:
        said.append(language.no_problem)
    return " ".join(said)


def where(language: Language, device: Known) -> str:
    """Answer which nodes a device runs on."""
    if not device.current:
        return language.not_heard.format(device=device.name)
    if not device.view.nodes:
        return language.runs_nowhere.format(device=device.name)
    return language.runs_on.format(
        device=device.name, nodes=language.join(device.view.nodes)
    )


def which(language: Language, devices: Sequence[Known]) -> str:
    """Ask which of several devices of one name is meant."""
    return language.which.format(
        devices=language.join(
            [
                language.in_area.format(
                    device=one.name, area=one.area or one.view.ref.namespace
                )
                for one in devices[:MOST]
            ]
        )
    )


def about_firmware(
    language: Language,
    devices: Sequence[Known],
    latest: Callable[[Known], str | None],
) -> str:
    """Answer which devices have new firmware.

    `latest` returns the version that can be installed, "" if there is none newer, None where nobody
    looks for any.
    """
    found = [(one, version) for one in devices if (version := latest(one)) is not None]
    if not found:
        return language.no_firmware
    new = [
        language.version.format(device=one.name, version=version)
        for one, version in found
        if version
    ]
    if not new:
        return language.newest
    if len(new) > MOST:
        new = [*new[:MOST], language.others.format(count=len(new) - MOST)]
    return language.firmware.format(devices=language.join(new))


def _listed(language: Language, devices: Sequence[Known]) -> str:
    names = [one.name for one in devices[:MOST]]
    if len(devices) > MOST:
        names.append(language.others.format(count=len(devices) - MOST))
    return language.join(names)


def _reason(device: Known, reasons: Mapping[str, str]) -> str:
    reason = device.view.health.reason
    return "" if reason is Reason.NONE else reasons.get(reason, "")
