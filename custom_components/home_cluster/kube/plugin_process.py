"""The process in which the official client runs a kubeconfig's plugin or login.

Started by plugin.py: a request as JSON on standard input, the answer as JSON on standard output.
A failure without an answer just ends the process; the caller knows what it asked for.
"""

from base64 import b64encode, urlsafe_b64decode
from datetime import datetime
import json
from pathlib import Path
import re
from ssl import VerifyFlags
import sys
import tempfile
import time
from typing import Any, Final, TextIO

# The official client renews a token only if there is one, so an expired one stands in.
_EXPIRED: Final = "e30.eyJleHAiOjB9.e30"


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return what the plugin or login gave."""
    if "exec" in request["user"]:
        return _run_plugin(request)
    return _log_in(request)


def _run_plugin(request: dict[str, Any]) -> dict[str, Any]:
    from kubernetes.config.config_exception import ConfigException  # noqa: PLC0415
    from kubernetes.config.exec_provider import ExecProvider  # noqa: PLC0415
    from kubernetes.config.kube_config import ConfigNode  # noqa: PLC0415

    cluster = dict(request["cluster"])
    if authority := cluster.pop("ca", ""):
        cluster.pop("certificate-authority", None)
        cluster["certificate-authority-data"] = b64encode(authority.encode()).decode()
    provider = ExecProvider(
        ConfigNode("exec", request["user"]["exec"]),
        request["folder"],
        ConfigNode("cluster", cluster),
    )
    try:
        status = provider.run()
    except FileNotFoundError, PermissionError:
        return {"missing": True}
    except ConfigException as error:
        # The rest of it is what the plugin printed.
        ended = re.match(r"exec: process returned (-?\d+)", str(error))
        return {
            "failed": f"ended with {ended[1]}"
            if ended
            else "gave an answer that is none"
        }
    expires = status.get("expirationTimestamp")
    return {
        "token": status.get("token"),
        "certificate": status.get("clientCertificateData"),
        "key": status.get("clientKeyData"),
        "expires": datetime.fromisoformat(expires).timestamp() if expires else None,
    }


def _log_in(request: dict[str, Any]) -> dict[str, Any]:
    from certifi import where  # noqa: PLC0415
    from kubernetes.client import Configuration  # noqa: PLC0415
    from kubernetes.config import load_kube_config_from_dict  # noqa: PLC0415
    from urllib3.util import ssl_  # noqa: PLC0415

    login = {"client-secret": "", **request["user"]["auth-provider"]["config"]}
    login.update(request["login"])
    login["id-token"] = login.get("id-token") or _EXPIRED
    if not str(login.get("idp-issuer-url", "")).startswith("https://"):
        return {"failed": "needs an https:// address"}
    authority = login.get("idp-certificate-authority")
    if authority or login.get("idp-certificate-authority-data"):
        # As in tls.py: a private authority need not have the form that Python insists on.
        vars(ssl_)["VERIFY_X509_STRICT"] = VerifyFlags(0)
    # Left to itself the client would trust anyone with the refresh token.
    login["idp-certificate-authority"] = str(
        Path(request["folder"]) / (authority or where())
    )
    home = {
        "current-context": "home",
        "contexts": [{"name": "home", "context": {"cluster": "home", "user": "home"}}],
        "clusters": [
            {"name": "home", "cluster": {"server": request["cluster"]["server"]}}
        ],
        "users": [
            {
                "name": "home",
                "user": {"auth-provider": {"name": "oidc", "config": login}},
            }
        ],
    }
    load_kube_config_from_dict(
        home, client_configuration=Configuration(), persist_config=False
    )
    token = login["id-token"]
    payload = token.split(".")[1]
    expires = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4))).get(
        "exp"
    )
    if expires is not None and expires <= time.time():
        return {"failed": "gave no new token"}
    kept = {key: login[key] for key in ("id-token", "refresh-token") if key in login}
    return {"token": token, "expires": expires, "login": kept}


def main(source: TextIO, target: TextIO) -> None:
    """Answer one request."""
    request = json.load(source)
    sys.path[:] = request["path"]
    tempfile.tempdir = request["scratch"]
    json.dump(answer(request), target)


if __name__ == "__main__":
    main(sys.stdin, sys.stdout)
