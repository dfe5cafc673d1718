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
# Names of the browser that the tests of the dashboard and the pictures use; any of them will do.
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_PACKAGE = "chromium"


def find_browser() -> str | None:
    """The browser on PATH, None without one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


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


def missing_browser() -> list[str]:
    """The package of a browser, if there is none."""
    return [] if find_browser() else [BROWSER_PACKAGE]


def require_root() -> None:
    """Raise SetupError where this account cannot run the test cluster."""
    if os.geteuid() != 0:
        raise SetupError(
            "The test cluster makes network namespaces and cgroups, so it must run as root: "
            "start again with sudo, for example `sudo scripts/demo`."
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
