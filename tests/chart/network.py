"""NetworkPolicies of a release, thought through: who reaches whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from .chart import Object, Rendered


@dataclass(frozen=True)
class Pod:
    """A pod by its namespace and labels; `address` for what is no pod."""

    namespace: str
    labels: Mapping[str, str]

    @property
    def namespace_labels(self) -> Mapping[str, str]:
        """The labels that every namespace has."""
        return {"kubernetes.io/metadata.name": self.namespace}


type Place = Pod | str
"""A pod, or an address outside of the cluster."""


class Walls:
    """The policies of a release as a policy controller enforces them."""

    def __init__(self, rendered: Rendered) -> None:
        """Take the policies, and the pods that workloads will have."""
        self._policies = rendered.of("NetworkPolicy")
        self._pods = {}
        for workload in rendered.objects:
            template = workload.get("spec", {})
            if workload["kind"] == "CronJob":
                template = template["jobTemplate"]["spec"]
            labels = template.get("template", {}).get("metadata", {}).get("labels")
            if labels:
                name = labels["app.kubernetes.io/component"]
                self._pods[name] = Pod(workload["metadata"]["namespace"], labels)

    def pod(self, component: str) -> Pod:
        """The pod of a device."""
        return self._pods[component]

    def reach(
        self, source: Place, target: Place, port: int, protocol: str = "TCP"
    ) -> bool:
        """Whether a packet of `source` arrives at `target`."""
        return self._passes("Egress", source, target, port, protocol) and self._passes(
            "Ingress", target, source, port, protocol
        )

    def _passes(
        self, way: str, bound: Place, other: Place, port: int, protocol: str
    ) -> bool:
        """Whether the policies that select `bound` let traffic from or to `other` pass."""
        if isinstance(bound, str):
            return True
        binding = [
            policy
            for policy in self._policies
            if policy["metadata"]["namespace"] == bound.namespace
            and way in policy["spec"]["policyTypes"]
            and _selects(policy["spec"]["podSelector"], bound.labels)
        ]
        if not binding:
            return True
        side = "to" if way == "Egress" else "from"
        return any(
            _port_fits(rule.get("ports"), port, protocol)
            and (side not in rule or any(_is(peer, other) for peer in rule[side]))
            for policy in binding
            for rule in policy["spec"].get(way.lower(), ())
        )


def _port_fits(
    ports: Sequence[Mapping[str, Any]] | None, port: int, protocol: str
) -> bool:
    return ports is None or any(
        each["port"] == port and each["protocol"] == protocol for each in ports
    )


def _is(peer: Object, other: Place) -> bool:
    if isinstance(other, str):
        if "ipBlock" not in peer:
            return False
        block = peer["ipBlock"]
        return ip_address(other) in ip_network(block["cidr"]) and not any(
            ip_address(other) in ip_network(inner) for inner in block.get("except", ())
        )
    if "ipBlock" in peer:
        return False
    return _selects(peer.get("namespaceSelector"), other.namespace_labels) and _selects(
        peer.get("podSelector"), other.labels
    )


def _selects(selector: Object | None, labels: Mapping[str, str]) -> bool:
    if not selector:
        return True
    return all(
        labels.get(key) == value
        for key, value in selector.get("matchLabels", {}).items()
    ) and all(
        each["operator"] == "In" and labels.get(each["key"]) in each["values"]
        for each in selector.get("matchExpressions", ())
    )
