"""Home Assistant's account, used straight: what the API server answers to it."""

import http.client
from itertools import product
import json
import ssl
from typing import Any, Final

from testbed.cluster import Cluster
from testbed.network import THE_CONTROL_PLANE
from tests.chart.chart import Rendered
from tests.rights import Right

from .visit import ACCOUNT

_MERGE: Final = "application/merge-patch+json"
_STRATEGIC: Final = "application/strategic-merge-patch+json"


class Account:
    """Requests with a token of Home Assistant's service account."""

    def __init__(self, cluster: Cluster) -> None:
        """Make a token that is good for an hour."""
        _, _, namespace, name = ACCOUNT.split(":")
        self._token = cluster.service_account_token(namespace, name)
        self._ca = str(cluster.ca)

    def request(
        self, method: str, path: str, body: Any = None, content: str = _MERGE
    ) -> tuple[int, dict[str, Any]]:
        """Send a request; its status and answer."""
        connection = http.client.HTTPSConnection(
            THE_CONTROL_PLANE.address,
            6443,
            timeout=10,
            context=ssl.create_default_context(cafile=self._ca),
        )
        try:
            connection.request(
                method,
                path,
                None if body is None else json.dumps(body),
                {"Authorization": f"Bearer {self._token}", "Content-Type": content},
            )
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def patch(self, path: str, body: Any, *, strategic: bool = True) -> tuple[int, str]:
        """Try a patch without doing it; the status and what was said."""
        kind = _STRATEGIC if strategic else _MERGE
        status, answer = self.request("PATCH", f"{path}?dryRun=All", body, kind)
        return status, str(answer.get("message", ""))

    def create(self, path: str, body: Any) -> tuple[int, str]:
        """Try to create an object without doing it."""
        status, answer = self.request(
            "POST", f"{path}?dryRun=All", body, "application/json"
        )
        return status, str(answer.get("message", ""))


def given(house: Rendered) -> list[tuple[Right, str]]:
    """The rights that the chart writes down, each with the one object it is for, or "" for all."""
    return sorted(
        ((verb, group, resource, role["metadata"].get("namespace", "")), name)
        for role in (*house.of("Role"), *house.of("ClusterRole"))
        for rule in role["rules"]
        for verb, group, resource, name in product(
            *(rule["verbs"], rule["apiGroups"], rule["resources"]),
            rule.get("resourceNames", [""]),
        )
    )


def unheld_bindings(cluster: Cluster) -> list[str]:
    """Bindings whose policy is not there, and policies that the API server does not understand.

    A binding without its policy lets everything pass, and nothing says so.
    """
    base = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic"
    policies = {
        policy["metadata"]["name"]: policy
        for policy in cluster.api.get(f"{base}ies")["items"]
    }
    found = [
        f"{binding['metadata']['name']}: no policy {binding['spec']['policyName']}"
        for binding in cluster.api.get(f"{base}ybindings")["items"]
        if binding["spec"]["policyName"] not in policies
    ]
    for name, policy in policies.items():
        checked = policy.get("status", {}).get("typeChecking", {})
        found += [
            f"{name}: {warning['fieldRef']}: {warning['warning']}"
            for warning in checked.get("expressionWarnings", ())
        ]
    return found
