"""Credentials from a kubeconfig's plugin or login, through the official client.

The official loader swallows a plugin's failure and goes on without credentials, never gives up on
one that hangs, leaves key files behind and trusts any identity provider. So it runs in a process
of its own (`plugin_process.py`), that can be stopped, and whose answer is checked.
"""

from dataclasses import dataclass, field
import importlib.util
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
from tempfile import TemporaryDirectory
from typing import Any, Final

from .errors import CredentialsError
from .material import valid_token

TIMEOUT: Final = 30.0

_PROGRAM: Final = Path(__file__).with_name("plugin_process.py")


@dataclass(frozen=True)
class Issued:
    """What a plugin or login gave; `expires` in seconds since 1970, `login` what to log in with next."""

    token: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    expires: float | None = None
    login: dict[str, str] = field(default_factory=dict, repr=False)


def ask_plugin(
    user: dict[str, Any],
    cluster: dict[str, Any],
    folder: Path | None,
    login: dict[str, str],
) -> Issued:
    """Run the `exec` plugin of a kubeconfig's user, or renew its `auth-provider` login; blocks.

    `folder` is where relative commands and files start, `login` what the last answer gave for the
    next. Raises `CredentialsError`: package_missing, exec_missing, exec_failed or oidc_failed.
    No message holds anything that the plugin printed.
    """
    # Home Assistant may have fetched it a moment ago.
    importlib.invalidate_caches()
    if importlib.util.find_spec("kubernetes") is None:
        raise CredentialsError(
            "the package kubernetes is missing", reason="package_missing"
        )
    name, failed = _what(user)
    with TemporaryDirectory(prefix="home-cluster-") as scratch:
        request = {
            "path": sys.path,
            "scratch": scratch,
            "folder": str(folder or ""),
            "user": user,
            "cluster": cluster,
            "login": login,
        }
        try:
            code, output = _run(json.dumps(request, default=str))
        except subprocess.TimeoutExpired:
            code, output = -1, ""
            failure = f"{name} gave no answer in {TIMEOUT:.0f} s"
        else:
            failure = f"{name} failed"
    try:
        answer = json.loads(output) if code == 0 else {}
    except ValueError:
        answer = {}
    if answer.get("missing"):
        hint = str(user["exec"].get("installHint") or "").strip()
        raise CredentialsError(
            f"{name} is not installed where Home Assistant runs. {hint}".strip(),
            reason="exec_missing",
        )
    if "failed" in answer:
        failure = f"{name} {answer['failed']}"
    token, certificate, key = (
        value if isinstance(value := answer.get(part), str) else ""
        for part in ("token", "certificate", "key")
    )
    if not token and not (certificate and key):
        raise CredentialsError(failure, reason=failed)
    return Issued(
        token=valid_token(token) if token else "",
        certificate=certificate,
        key=key,
        expires=answer.get("expires"),
        login=answer.get("login") or {},
    )


def _what(user: dict[str, Any]) -> tuple[str, str]:
    """Return the name of who is asked, without the arguments, and the reason of a failure."""
    if "exec" in user:
        command = str(
            user["exec"].get("command") or "the exec plugin without a command"
        )
        return Path(command).name, "exec_failed"
    return "the login at the identity provider", "oidc_failed"


def _run(request: str) -> tuple[int, str]:
    # A session of its own: without a terminal to ask on, and stopped with all its children.
    with subprocess.Popen(
        [sys.executable, "-I", str(_PROGRAM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(request, timeout=TIMEOUT)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, output
