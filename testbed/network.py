"""The house's network: one bridge, a network namespace for each machine, a /24 of pods for each node.

The apiserver refuses to advertise a loopback address, so the control plane and every node are
machines of their own on the bridge.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
import os
from pathlib import Path
import re
import signal
import socket
import subprocess
from typing import Final

from .errors import TestbedError
from .system import environment, run, wait_until

BRIDGE: Final = "hc-br"
NETWORK: Final = "192.168.244"
HOST: Final = f"{NETWORK}.1"
PODS: Final = "10.42"
SERVICES: Final = "10.43.0.0/16"
MAX_NODES: Final = 200
CONTROL_PLANE: Final = "control-plane"

_NAMESPACES: Final = Path("/run/netns")
_OURS: Final = re.compile(r"hc(-[a-z0-9.-]+)?")
_LINKS: Final = re.compile(r"hc-br|hc-cp|hc[vt]\d+")
_BRIDGE_RULE: Final = (
    *("FORWARD", "-i", BRIDGE, "-o", BRIDGE, "-j", "ACCEPT"),
    *("-m", "comment", "--comment", "home-cluster testbed"),
)
_FILTERS_BRIDGES: Final = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")


@dataclass(frozen=True)
class Machine:
    """A machine on the bridge: the control plane (index 0) or a node."""

    name: str
    index: int = 0

    @property
    def namespace(self) -> str:
        """Its network namespace."""
        return f"hc-{self.name}" if self.index else "hc"

    @property
    def address(self) -> str:
        """Its IPv4 address."""
        return f"{NETWORK}.{10 + self.index if self.index else 2}"

    @property
    def card(self) -> str:
        """The hardware address of its network card, which others remember over a power cut."""
        return f"02:00:00:00:00:{self.index:02x}"

    @property
    def link(self) -> str:
        """The host's end of its cable."""
        return f"hcv{self.index}" if self.index else "hc-cp"

    @property
    def tap(self) -> str:
        """The host's end of its cable while that is slow."""
        return f"hct{self.index}"

    @property
    def pods(self) -> str:
        """The range of its pods' addresses."""
        return f"{PODS}.{self.index}.0/24"


THE_CONTROL_PLANE: Final = Machine(CONTROL_PLANE)


def exists() -> bool:
    """Whether the bridge of a test cluster is on this machine."""
    return _link_exists(BRIDGE)


def make_bridge() -> None:
    """Make the bridge with the host's address on it."""
    run("ip", "link", "add", BRIDGE, "type", "bridge")
    run("ip", "addr", "add", f"{HOST}/24", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")
    if _filters_bridges():  # Docker does this, and its FORWARD policy drops
        run("iptables", "-w", "-I", *_BRIDGE_RULE)


def connect(machine: Machine, others: Iterable[Machine]) -> None:
    """Make the machine's namespace and cable, and the routes between its pods and all others."""
    space = machine.namespace
    run("ip", "netns", "add", space)
    run(
        *("ip", "link", "add", machine.link, "type", "veth"),
        *("peer", "name", "eth0", "netns", space, "address", machine.card),
    )
    plug(machine)
    run("ip", "-n", space, "addr", "add", f"{machine.address}/24", "dev", "eth0")
    run("ip", "-n", space, "link", "set", "lo", "up")
    link_up(machine, others)
    if machine.index:
        run("ip", "route", "replace", machine.pods, "via", machine.address)
        for other in others:
            if other != machine and _namespace_exists(other) and _link_is_up(other):
                _route(other, machine)
        _inside(machine, "net/ipv4/ip_forward", "1")
        if not _FILTERS_BRIDGES.exists():
            run("modprobe", "br_netfilter", check=False)
        _inside(machine, "net/bridge/bridge-nf-call-iptables", "1")


def disconnect(machine: Machine) -> None:
    """Take the machine's namespace and cable away; routes to its pods stay, as in a power cut."""
    if _link_exists(machine.link):
        run("ip", "link", "del", machine.link)
    if _namespace_exists(machine):
        run("ip", "netns", "del", machine.namespace)


def forget_pods(machine: Machine, others: Iterable[Machine]) -> None:
    """Remove the routes to the pods of a node that left for good."""
    run("ip", "route", "del", machine.pods, check=False)
    for other in others:
        run("ip", "-n", other.namespace, "route", "del", machine.pods, check=False)


def link_up(machine: Machine, others: Iterable[Machine]) -> None:
    """Plug the cable in again, with the routes that went with it."""
    run("ip", "-n", machine.namespace, "link", "set", "eth0", "up")
    run("ip", "-n", machine.namespace, "route", "replace", "default", "via", HOST)
    for other in others:
        if other.index and other != machine:
            _route(machine, other)


def link_down(machine: Machine) -> None:
    """Pull the cable: what is sent vanishes without an answer."""
    run("ip", "-n", machine.namespace, "link", "set", "eth0", "down")


def unplug(machine: Machine) -> None:
    """Take the machine's cable off the bridge, for something to be put between."""
    run("ip", "link", "set", machine.link, "nomaster", "arp", "off")


def plug_tap(machine: Machine) -> None:
    """Put the tap on the bridge in the place of the machine's cable."""
    run("ip", "link", "set", machine.tap, "master", BRIDGE, "up")


def tap_exists(machine: Machine) -> bool:
    """Whether something stands between the machine and the bridge."""
    return _link_exists(machine.tap)


def plug(machine: Machine) -> None:
    """Put the machine's cable on the bridge."""
    if _link_exists(machine.link):
        run("ip", "link", "set", machine.link, "master", BRIDGE, "arp", "on", "up")


def leftovers() -> list[str]:
    """Every namespace, link, route and rule of a test cluster on this machine."""
    found = [f"namespace {name}" for name in _our_namespaces()]
    found += [f"link {name}" for name in _our_links()]
    found += [
        f"route {line.strip()}"
        for line in run("ip", "-4", "route").splitlines()
        if line.startswith((f"{PODS}.", f"{NETWORK}."))
    ]
    if _filters_bridges() and _bridge_rule_exists():
        found.append("firewall rule " + " ".join(_BRIDGE_RULE))
    return found


def clear() -> None:
    """Kill what runs in our namespaces and remove them, the links, and with them the routes."""
    for name in _our_namespaces():
        _kill_inside(name)
    for name in _our_links():
        run("ip", "link", "del", name, check=False)
    for name in _our_namespaces():
        run("ip", "netns", "del", name)
    while _filters_bridges() and _bridge_rule_exists():
        run("iptables", "-w", "-D", *_BRIDGE_RULE)


def _route(machine: Machine, to: Machine) -> None:
    run("ip", "-n", machine.namespace, "route", "replace", to.pods, "via", to.address)


def _inside(machine: Machine, setting: str, value: str) -> None:
    """Set a kernel parameter inside the machine's namespace."""
    done = subprocess.run(
        [
            "nsenter",
            f"--net={_NAMESPACES / machine.namespace}",
            "tee",
            f"/proc/sys/{setting}",
        ],
        input=value,
        text=True,
        capture_output=True,
        check=False,
        env=environment(),
    )
    if done.returncode:
        raise TestbedError(
            f"The kernel parameter {setting.replace('/', '.')} cannot be set in a network namespace: {done.stderr.strip()}"
        )


def _filters_bridges() -> bool:
    return _FILTERS_BRIDGES.exists() and _FILTERS_BRIDGES.read_text().strip() == "1"


def _bridge_rule_exists() -> bool:
    rules = run("iptables", "-w", "-S", "FORWARD", check=False)
    return f"-i {BRIDGE} -o {BRIDGE}" in rules


def _namespace_exists(machine: Machine) -> bool:
    return (_NAMESPACES / machine.namespace).exists()


def _links() -> list[str]:
    """Every link of this network namespace; /sys/class/net may show another's."""
    return sorted(name for _, name in socket.if_nameindex())


def _link_exists(name: str) -> bool:
    return name in _links()


def _link_is_up(machine: Machine) -> bool:
    return ",UP" in run("ip", "-n", machine.namespace, "link", "show", "eth0")


def _our_namespaces() -> list[str]:
    if not _NAMESPACES.is_dir():
        return []
    return sorted(
        path.name for path in _NAMESPACES.iterdir() if _OURS.fullmatch(path.name)
    )


def _our_links() -> list[str]:
    return [name for name in _links() if _LINKS.fullmatch(name)]


def _kill_inside(namespace: str) -> None:
    def gone() -> bool:
        pids = run("ip", "netns", "pids", namespace, check=False).split()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        return not pids

    wait_until(f"The end of all processes in {namespace}", gone, seconds=20)
