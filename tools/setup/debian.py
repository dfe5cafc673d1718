"""Debian packages: what is missing is named, and installed where we may."""

import os
import shutil

from .report import SetupError, run, step

# What the test cluster and the pictures need, by the program that shows that it is there.
CLUSTER_PROGRAMS = {
    "runc": "runc",
    "iptables": "iptables",
    "ipset": "ipset",
    "ip": "iproute2",
    "tc": "iproute2",
    "nsenter": "util-linux",
    "conntrack": "conntrack",
    "sysctl": "procps",
    "mount": "mount",
    "openssl": "openssl",
    "busybox": "busybox-static",
}
PICTURE_PROGRAMS = {"chromium": "chromium"}


def missing(programs: dict[str, str]) -> list[str]:
    """The packages of the programs that are not on PATH (sbin folders included), sorted."""
    path = os.pathsep.join(
        [os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"]
    )
    return sorted(
        {
            package
            for program, package in programs.items()
            if not shutil.which(program, path=path)
        }
    )


def install_packages(packages: list[str]) -> None:
    """Install packages with apt-get as root; nothing to do for an empty list.

    Raises SetupError with the command to type where this account may not, or there is no apt-get.
    """
    if not packages:
        return
    command = f"apt-get update && apt-get install --yes {' '.join(packages)}"
    if os.geteuid() != 0:
        raise SetupError(
            f"These packages are missing: {', '.join(packages)}. Run: sudo sh -c '{command}'"
        )
    if not shutil.which("apt-get"):
        raise SetupError(
            f"These programs are missing: {', '.join(packages)}. Install them with your system's package manager."
        )
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    with step(f"installing {', '.join(packages)}"):
        run(
            ["apt-get", "update"],
            mend="Check the machine's apt sources with `apt-get update`.",
            env=quiet,
        )
        run(
            ["apt-get", "install", "--yes", "--no-install-recommends", *packages],
            mend=f"Run: {command}",
            env=quiet,
        )
