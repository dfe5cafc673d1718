"""A real Kubernetes cluster on this machine."""

import argparse
from collections.abc import Callable
import os
from pathlib import Path
import signal
import sys
import time

from tools.setup.report import refusal

from . import definitions, faults, ha_image, program_images, programs, vault_image
from .cluster import NODES, Cluster
from .controlplane import API, ETCD
from .errors import TestbedError
from .network import CONTROL_PLANE

type Command = Callable[[Cluster, argparse.Namespace], None]


def main(words: list[str] | None = None) -> int:
    """Run one command; a failure is one sentence."""
    arguments = sys.argv[1:] if words is None else words
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if arguments[:1] == ["kubectl"]:  # the rest is kubectl's, options included
            _kubectl(Cluster(), arguments[1:])
        chosen = parser().parse_args(arguments)
        command: Command = chosen.command
        command(Cluster(), chosen)
    except TestbedError as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("testbed: interrupted.", file=sys.stderr)
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(
        prog="python -m testbed",
        description=__doc__,
        epilog="The cluster's files are in ~/.local/state/home-cluster/testbed, or where HOME_CLUSTER_STATE says.",
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    build = commands.add_parser(
        "build",
        help="build the programs that are not built yet; without a GROUP, all, the image of Home Assistant and what else is fetched",
    )
    build.add_argument(
        "groups", nargs="*", metavar="GROUP", help=", ".join(programs.GROUPS)
    )
    build.set_defaults(command=_build)

    up = commands.add_parser("up", help="bring the cluster up")
    up.add_argument(
        "nodes", nargs="*", metavar="NODE", help=f"default: {' '.join(NODES)}"
    )
    up.set_defaults(command=_up)

    down = commands.add_parser("down", help="take it down without a trace")
    down.set_defaults(command=lambda cluster, _: cluster.down())

    status = commands.add_parser("status", help="show its parts and how they are")
    status.set_defaults(command=_status)

    kubectl = commands.add_parser("kubectl", help="run kubectl with admin rights")
    kubectl.add_argument("rest", nargs="*", metavar="ARGUMENT")

    kwok = commands.add_parser("kwok", help="add nodes and pods of thin air")
    kwok.add_argument("--nodes", type=int, default=10)
    kwok.add_argument("--pods", type=int, default=0)
    kwok.set_defaults(
        command=lambda cluster, it: cluster.kwok(nodes=it.nodes, pods=it.pods)
    )

    node = commands.add_parser("node", help="add or remove a real node")
    nodes = node.add_subparsers(required=True, metavar="add|remove")
    add = nodes.add_parser("add")
    add.add_argument("name")
    add.add_argument("--label", action="append", default=[], metavar="KEY=VALUE")
    add.set_defaults(command=_add_node)
    remove = nodes.add_parser("remove")
    remove.add_argument("name")
    remove.set_defaults(command=lambda cluster, it: cluster.remove_node(it.name))

    mend = commands.add_parser("mend", help="undo every fault")
    mend.set_defaults(command=lambda cluster, _: faults.mend(cluster))

    fault = commands.add_parser("fault", help="do harm to the cluster")
    _add_faults(fault.add_subparsers(required=True, metavar="FAULT"))
    return top


def _add_faults(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    machine = f"a node, or {CONTROL_PLANE}"

    wifi = kinds.add_parser("wifi", help="cut a machine off the network")
    wifi.add_argument("machine", help=machine)
    _lasting(
        wifi,
        lambda cluster, it: faults.wifi_down(cluster, it.machine),
        lambda cluster, it: faults.wifi_up(cluster, it.machine),
    )

    slow = kinds.add_parser("slow", help="make a machine's link late and lossy")
    slow.add_argument("machine", help=machine)
    slow.add_argument("--delay", type=int, default=300, metavar="MS")
    slow.add_argument("--loss", type=float, default=20, metavar="PERCENT")
    _lasting(
        slow,
        lambda cluster, it: faults.slow_link(
            cluster, it.machine, delay_ms=it.delay, loss_percent=it.loss
        ),
        lambda cluster, it: faults.slow_link(
            cluster, it.machine, delay_ms=0, loss_percent=0
        ),
    )

    power = kinds.add_parser(
        "power", help="cut the power of nodes, or of the whole house"
    )
    power.add_argument("nodes", nargs="*", metavar="NODE", help="none: the whole house")
    _lasting(
        power,
        lambda cluster, it: faults.power_cut(cluster, *it.nodes),
        lambda cluster, _: faults.power_on(cluster),
    )

    freeze = kinds.add_parser("freeze", help="let the API server hang")
    _lasting(
        freeze,
        lambda cluster, _: faults.freeze_api(cluster),
        lambda cluster, _: faults.thaw_api(cluster),
    )

    for name, program in (("api", API), ("etcd", ETCD)):
        again = kinds.add_parser(name, help=f"restart {program}")
        again.add_argument("--kill", action="store_true", help="without a goodbye")
        again.set_defaults(
            command=lambda cluster, it, program=program: faults.restart(
                cluster, program, kill=it.kill
            )
        )

    compact = kinds.add_parser("compact", help="let etcd forget old versions")
    compact.set_defaults(command=lambda cluster, _: faults.compact(cluster))

    snapshot = kinds.add_parser("snapshot", help="save what etcd holds")
    snapshot.add_argument("file", type=Path)
    snapshot.set_defaults(command=lambda cluster, it: faults.snapshot(cluster, it.file))

    restore = kinds.add_parser("restore", help="go back to a snapshot")
    restore.add_argument("file", type=Path)
    restore.add_argument("--bump", type=int, default=0, metavar="REVISIONS")
    restore.set_defaults(
        command=lambda cluster, it: faults.restore(
            cluster, it.file, bump_revision=it.bump
        )
    )

    certificates = kinds.add_parser("certificates", help="replace the certificates")
    certificates.add_argument("--new-authority", action="store_true")
    certificates.set_defaults(
        command=lambda cluster, it: faults.rotate_certificates(
            cluster, new_authority=it.new_authority
        )
    )

    tokens = kinds.add_parser("tokens", help="make every token worthless")
    tokens.set_defaults(command=lambda cluster, _: faults.rotate_tokens(cluster))

    volume = kinds.add_parser(
        "volume", help="make a small PersistentVolume and fill it"
    )
    volume.add_argument("node")
    volume.add_argument("name")
    volume.add_argument("--mebibytes", type=int, default=8)
    volume.add_argument(
        "--empty", action="store_true", help="do not fill it, or make room again"
    )
    volume.set_defaults(command=_volume)


def _lasting(kind: argparse.ArgumentParser, begin: Command, end: Command) -> None:
    """A fault that lasts: until it is mended, or for some seconds."""
    how = kind.add_mutually_exclusive_group()
    how.add_argument("--mend", action="store_true", help="end it")
    how.add_argument("--seconds", type=float, help="end it after that time")

    def command(cluster: Cluster, chosen: argparse.Namespace) -> None:
        if not chosen.mend:
            begin(cluster, chosen)
        if chosen.seconds is not None:
            try:
                time.sleep(chosen.seconds)
            finally:
                end(cluster, chosen)
        elif chosen.mend:
            end(cluster, chosen)

    kind.set_defaults(command=command)


def _build(_: Cluster, chosen: argparse.Namespace) -> None:
    try:
        print(programs.build(chosen.groups or programs.GROUPS))
        if not chosen.groups:
            print(ha_image.archive())
            for preset in program_images.PROGRAMS:
                print(program_images.archive(preset))
            for definition in definitions.DEFINITIONS:
                print(definitions.file(definition))
            print(vault_image.archive())
    except OSError as error:
        raise TestbedError(refusal(error)) from error


def _up(cluster: Cluster, chosen: argparse.Namespace) -> None:
    cluster.up(chosen.nodes or NODES)
    print(f"testbed: up; export KUBECONFIG={cluster.admin_kubeconfig}")


def _status(cluster: Cluster, _: argparse.Namespace) -> None:
    for part, state in cluster.status().items():
        print(f"{part:40} {state}")


def _add_node(cluster: Cluster, chosen: argparse.Namespace) -> None:
    pairs = [label.partition("=") for label in chosen.label]
    cluster.add_node(chosen.name, {key: value for key, _, value in pairs})


def _volume(cluster: Cluster, chosen: argparse.Namespace) -> None:
    folder = faults.small_volume(
        cluster, chosen.node, chosen.name, mebibytes=chosen.mebibytes
    )
    if chosen.empty:
        faults.make_room(folder)
    else:
        faults.fill(folder)
    print(folder)


def _kubectl(cluster: Cluster, words: list[str]) -> None:
    """Become kubectl."""
    program = cluster.programs / "kubectl"
    environment = {**os.environ, "KUBECONFIG": str(cluster.admin_kubeconfig)}
    os.execve(program, [str(program), *words], environment)


if __name__ == "__main__":
    sys.exit(main())
