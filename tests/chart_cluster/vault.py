"""A vault's operator: its HTTP API through a port that kubectl opens."""

from collections.abc import Iterator
from contextlib import contextmanager
import json
import subprocess
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from testbed.cluster import Cluster
from testbed.system import wait_until

_KUBERNETES: Final = {"kubernetes_host": "https://kubernetes.default.svc"}


class Operator:
    """Whoever holds the vault's keys."""

    def __init__(self, cluster: Cluster, namespace: str, target: str) -> None:
        """The vault is sealed and has never been used."""
        self._cluster = cluster
        self._pod = (namespace, target, 8200)
        self._key = self._token = ""

    def open(self) -> None:
        """Initialise and unseal it, and let accounts of the cluster sign in."""
        made = self("sys/init", secret_shares=1, secret_threshold=1)
        self._key, self._token = made["keys"][0], made["root_token"]
        self.unseal()
        self("sys/mounts/secret", type="kv", options={"version": "2"})
        self("sys/auth/kubernetes", type="kubernetes")
        self("auth/kubernetes/config", **_KUBERNETES)

    def unseal(self) -> None:
        """Give it the key that was kept."""
        said = self("sys/unseal", key=self._key)
        assert said["sealed"] is False

    def status(self) -> dict[str, Any]:
        """Whether it is `initialized` and `sealed`; nothing while it does not answer."""
        try:
            return self._ask("GET", "sys/seal-status")
        except OSError:
            return {}

    def keep(self, path: str, **secret: str) -> None:
        """Write a secret."""

        def kept() -> bool:
            try:
                self(path, data=secret)
            except HTTPError as error:
                # For a moment a new store makes itself ready for versions.
                if error.code != 400:
                    raise
                return False
            return True

        wait_until("The store of secrets", kept, seconds=20, every=0.3)

    def allow(self, role: str, path: str) -> None:
        """Let whoever has a role read one path, and nothing else."""
        rules = f'path "{path}" {{ capabilities = ["read"] }}'
        self(f"sys/policies/acl/{role}", policy=rules)

    def bind(self, role: str, account: str, namespace: str) -> None:
        """Give a role to a service account."""
        self(
            f"auth/kubernetes/role/{role}",
            bound_service_account_names=account,
            bound_service_account_namespaces=namespace,
            audience="vault",
            token_policies=role,
        )

    def __call__(self, path: str, **fields: Any) -> dict[str, Any]:
        """Write to a path; the answer."""
        return self._ask("POST", path, json.dumps(fields).encode())

    def _ask(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        with opened(self._cluster, *self._pod) as address:
            request = Request(
                f"{address}/v1/{path}",
                body,
                {"X-Vault-Token": self._token},
                method=method,
            )
            with urlopen(request, timeout=20) as answer:
                said: dict[str, Any] = json.loads(answer.read() or "{}")
        return said


@contextmanager
def opened(cluster: Cluster, namespace: str, target: str, port: int) -> Iterator[str]:
    """The address at which a pod's port is reached from this machine, for a while.

    Raises `ConnectionError` where no pod is running.
    """
    command = [
        *(cluster.programs / "kubectl", "--kubeconfig", cluster.admin_kubeconfig),
        *("port-forward", "-n", namespace, target, f":{port}"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            _, _, rest = process.stdout.readline().partition("127.0.0.1:")
            if not rest:
                raise ConnectionError("kubectl opened no port")
            yield f"http://127.0.0.1:{rest.split()[0]}"
        finally:
            process.terminate()
