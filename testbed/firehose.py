"""A fast stand-in for an API server that serves many realistic pods over TLS, for measurements.

It knows no faults and keeps no history: the truth is the real cluster, faults belong to the tests' model server.
A process of its own, so that what it costs is not counted: `with serve(pods=10_000) as firehose: ...`.
"""

from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import hashlib
from http import HTTPStatus
from ipaddress import IPv4Address
import json
import os
from pathlib import Path
import queue
import socket
import ssl
import subprocess
import sys
from tempfile import TemporaryDirectory
import threading
import time
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

TOKEN: Final = "firehose"
UID: Final = "0f1e2d3c-4b5a-4968-8776-655443322110"
VERSION: Final = "v1.37.2"
BLOCK: Final = 256 << 10
BOOKMARK_SECONDS: Final = 60.0
NODES: Final = 20
NAMESPACES: Final = 8
SETTINGS: Final = 12


def _uid(*parts: object) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join(map(str, parts))))


def _hash(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def _time(seconds: int) -> str:
    moment = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _managed(
    manager: str, subresource: str, fields: list[str], seconds: int
) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for field in fields:
        branch = tree
        for part in field.split("/"):
            branch = branch.setdefault(f"f:{part}" if part[0] not in "k." else part, {})
    entry = {
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": tree,
        "manager": manager,
        "operation": "Update",
        "time": _time(seconds),
    }
    return entry | ({"subresource": subresource} if subresource else {})


_SPEC_FIELDS: Final = [
    *(
        f'spec/containers/k:{{"name":"main"}}/{leaf}'
        for leaf in (
            ".",
            "image",
            "imagePullPolicy",
            "name",
            "env/.",
            *(
                f'env/k:{{"name":"SETTING_{number}"}}/{leaf}'
                for number in range(SETTINGS)
                for leaf in (".", "name", "value")
            ),
            "livenessProbe/httpGet/path",
            "livenessProbe/httpGet/port",
            "livenessProbe/httpGet/scheme",
            "livenessProbe/periodSeconds",
            "readinessProbe/httpGet/path",
            "readinessProbe/httpGet/port",
            "readinessProbe/periodSeconds",
            'ports/k:{"containerPort":8080,"protocol":"TCP"}/containerPort',
            "resources/limits/memory",
            "resources/requests/cpu",
            "resources/requests/memory",
            "securityContext/allowPrivilegeEscalation",
            "securityContext/capabilities/drop",
            "securityContext/readOnlyRootFilesystem",
            "terminationMessagePath",
            "terminationMessagePolicy",
            'volumeMounts/k:{"mountPath":"config"}/mountPath',
            'volumeMounts/k:{"mountPath":"config"}/name',
            'volumeMounts/k:{"mountPath":"data"}/mountPath',
            'volumeMounts/k:{"mountPath":"data"}/name',
        )
    ),
    "metadata/labels/app.kubernetes.io~1name",
    "metadata/labels/pod-template-hash",
    "metadata/generateName",
    "spec/dnsPolicy",
    "spec/enableServiceLinks",
    "spec/restartPolicy",
    "spec/schedulerName",
    "spec/securityContext/runAsNonRoot",
    "spec/terminationGracePeriodSeconds",
    'spec/volumes/k:{"name":"config"}/configMap/name',
    'spec/volumes/k:{"name":"data"}/persistentVolumeClaim/claimName',
]
_STATUS_FIELDS: Final = [
    *(
        f'status/conditions/k:{{"type":"{kind}"}}/{leaf}'
        for kind in (
            "ContainersReady",
            "Initialized",
            "PodReadyToStartContainers",
            "Ready",
        )
        for leaf in (".", "lastProbeTime", "lastTransitionTime", "status", "type")
    ),
    "status/containerStatuses",
    "status/hostIP",
    "status/phase",
    "status/podIP",
    'status/podIPs/k:{"ip":"10.42.1.7"}/ip',
    "status/startTime",
]


def workload_of(number: int, workloads: int) -> tuple[str, str]:
    """Return the namespace and name of the Deployment that owns pod `number`."""
    owner = number % workloads
    return f"zone-{owner % NAMESPACES}", f"device-{owner:03d}"


def pod(number: int, workloads: int, version: int) -> dict[str, Any]:
    """Return a running pod as an API server tells it: about 7.8 KB of JSON, 3 KB of them managedFields."""
    namespace, workload = workload_of(number, workloads)
    template = _hash(workload, 10)
    name = f"{workload}-{template}-{_hash(str(number), 5)}"
    node = f"pi-{number % NODES:02d}"
    image = f"registry.home.example/home/{workload}:v1.{number % workloads % 7}.0"
    probe = {
        "failureThreshold": 3,
        "periodSeconds": 10,
        "successThreshold": 1,
        "timeoutSeconds": 1,
    }
    http = {"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}}
    token = f"kube-api-access-{_hash(name, 5)}"
    # A rollout an hour, its pods coming four a second.
    begun = number % workloads * 3600 + number // workloads // 4
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "name": name,
            "generateName": f"{workload}-{template}-",
            "namespace": namespace,
            "uid": _uid("pod", number),
            "resourceVersion": str(version),
            "generation": 1,
            "creationTimestamp": _time(begun),
            "labels": {
                "app.kubernetes.io/name": workload,
                "app.kubernetes.io/part-of": "home",
                "app.kubernetes.io/instance": workload,
                "home-cluster.github.io/zone": namespace,
                "pod-template-hash": template,
            },
            "annotations": {
                "prometheus.io/scrape": "true",
                "prometheus.io/port": "8080",
                "checksum/config": hashlib.sha256(workload.encode()).hexdigest(),
            },
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": f"{workload}-{template}",
                    "uid": _uid("rs", workload),
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
            "managedFields": [
                _managed("kube-controller-manager", "", _SPEC_FIELDS, begun),
                _managed("kubelet", "status", _STATUS_FIELDS, begun + 7),
            ],
        },
        "spec": {
            "volumes": [
                {
                    "name": "config",
                    "configMap": {"name": f"{workload}-config", "defaultMode": 420},
                },
                {
                    "name": "data",
                    "persistentVolumeClaim": {"claimName": f"{workload}-data"},
                },
                {
                    "name": token,
                    "projected": {
                        "sources": [
                            {
                                "serviceAccountToken": {
                                    "expirationSeconds": 3607,
                                    "path": "token",
                                }
                            },
                            {
                                "configMap": {
                                    "name": "kube-root-ca.crt",
                                    "items": [{"key": "ca.crt", "path": "ca.crt"}],
                                }
                            },
                        ],
                        "defaultMode": 420,
                    },
                },
            ],
            "containers": [
                {
                    "name": "main",
                    "image": image,
                    "ports": [
                        {"name": "http", "containerPort": 8080, "protocol": "TCP"}
                    ],
                    "env": [
                        {
                            "name": f"SETTING_{setting}",
                            "value": _hash(f"{name}{setting}", 12),
                        }
                        for setting in range(SETTINGS)
                    ],
                    "resources": {
                        "limits": {"memory": "128Mi"},
                        "requests": {"cpu": "10m", "memory": "64Mi"},
                    },
                    "volumeMounts": [
                        {"name": "config", "mountPath": "/config", "readOnly": True},
                        {"name": "data", "mountPath": "/data"},
                        {
                            "name": token,
                            "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
                            "readOnly": True,
                        },
                    ],
                    "livenessProbe": http | probe,
                    "readinessProbe": http | probe,
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File",
                    "imagePullPolicy": "IfNotPresent",
                    "securityContext": {
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": True,
                        "allowPrivilegeEscalation": False,
                    },
                }
            ],
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default",
            "serviceAccount": "default",
            "nodeName": node,
            "securityContext": {
                "runAsUser": 1000,
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "schedulerName": "default-scheduler",
            "tolerations": [
                {
                    "key": f"node.kubernetes.io/{key}",
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": 300,
                }
                for key in ("not-ready", "unreachable")
            ],
            "priority": 0,
            "enableServiceLinks": True,
            "preemptionPolicy": "PreemptLowerPriority",
        },
        "status": {
            "observedGeneration": 1,
            "phase": "Running",
            "conditions": [
                {
                    "type": kind,
                    "observedGeneration": 1,
                    "status": "True",
                    "lastProbeTime": None,
                    "lastTransitionTime": _time(begun + 7),
                }
                for kind in (
                    "PodReadyToStartContainers",
                    "Initialized",
                    "Ready",
                    "ContainersReady",
                    "PodScheduled",
                )
            ],
            "hostIP": f"192.168.1.{10 + number % NODES}",
            "hostIPs": [{"ip": f"192.168.1.{10 + number % NODES}"}],
            "podIP": f"10.42.{number % NODES}.{number % 250}",
            "podIPs": [{"ip": f"10.42.{number % NODES}.{number % 250}"}],
            "startTime": _time(begun),
            "containerStatuses": [
                {
                    "name": "main",
                    "state": {"running": {"startedAt": _time(begun + 2)}},
                    "lastState": {},
                    "ready": True,
                    "restartCount": version % 3,
                    "image": image,
                    "imageID": f"{image.partition(':')[0]}@sha256:{_hash(image, 64)}",
                    "containerID": f"containerd://{_hash(name, 64)}",
                    "started": True,
                    "resources": {
                        "limits": {"memory": "128Mi"},
                        "requests": {"cpu": "10m", "memory": "64Mi"},
                    },
                }
            ],
            "qosClass": "Burstable",
        },
    }


def deployment(number: int, workloads: int, pods: int) -> dict[str, Any]:
    """Return Deployment `number` of `workloads`, all of its share of the pods ready."""
    namespace, name = workload_of(number, workloads)
    count = len(range(number, pods, workloads))
    return {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": _uid("deployment", name),
            "resourceVersion": str(number + 1),
            "generation": 1,
            "creationTimestamp": _time(0),
            "labels": {
                "app.kubernetes.io/name": name,
                "home-cluster.github.io/device": "true",
            },
        },
        "spec": {
            "replicas": count,
            "progressDeadlineSeconds": 600,
            "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "template": {
                "metadata": {"labels": {"app.kubernetes.io/name": name}},
                "spec": {
                    "containers": [
                        {
                            "name": "main",
                            "image": f"registry.home.example/home/{name}:v1.0.0",
                        }
                    ]
                },
            },
        },
        "status": {
            "observedGeneration": 1,
            "replicas": count,
            "updatedReplicas": count,
            "readyReplicas": count,
            "availableReplicas": count,
            "conditions": [
                {
                    "type": kind,
                    "status": "True",
                    "reason": reason,
                    "lastTransitionTime": _time(1),
                }
                for kind, reason in (
                    ("Available", "MinimumReplicasAvailable"),
                    ("Progressing", "NewReplicaSetAvailable"),
                )
            ],
        },
    }


def node(number: int) -> dict[str, Any]:
    """Return a ready node."""
    return {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {
            "name": f"pi-{number:02d}",
            "uid": _uid("node", number),
            "resourceVersion": "1",
            "creationTimestamp": _time(0),
        },
        "spec": {},
        "status": {
            "capacity": {"cpu": "4", "memory": "8Gi", "pods": "600"},
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "KubeletReady",
                    "lastTransitionTime": _time(1),
                }
            ],
            "addresses": [
                {"type": "InternalIP", "address": f"192.168.1.{10 + number}"}
            ],
            "nodeInfo": {
                "kubeletVersion": VERSION,
                "architecture": "arm64",
                "bootID": _uid("boot", number),
            },
        },
    }


def namespace(name: str) -> dict[str, Any]:
    """Return an active namespace."""
    return {
        "kind": "Namespace",
        "apiVersion": "v1",
        "metadata": {
            "name": name,
            "uid": UID if name == "kube-system" else _uid("namespace", name),
            "resourceVersion": "1",
            "creationTimestamp": _time(0),
        },
        "status": {"phase": "Active"},
    }


def _line(kind: str, obj: dict[str, Any]) -> bytes:
    return (
        json.dumps({"type": kind, "object": obj}, separators=(",", ":")).encode()
        + b"\n"
    )


def _chunk(line: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(line), line)


class World:
    """What is served: pods and their workloads, nodes and namespaces; prepared as bytes."""

    def __init__(self, pods: int, workloads: int) -> None:
        """Prepare everything; the pods are told as one HTTP chunk each, as the real server does."""
        self.pods, self.workloads = pods, workloads
        self.version = 1_000_000
        self.watchers: dict[str, list[queue.SimpleQueue[bytes | None]]] = {}
        self.lock = threading.Lock()
        names = ["kube-system", *(f"zone-{number}" for number in range(NAMESPACES))]
        objects = {
            "pods": [pod(number, workloads, number + 1) for number in range(pods)],
            "deployments": [
                deployment(number, workloads, pods) for number in range(workloads)
            ],
            "nodes": [node(number) for number in range(NODES)],
            "namespaces": [namespace(name) for name in names],
        }
        # As from etcd: in the order of their names.
        for all_ in objects.values():
            all_.sort(
                key=lambda obj: (
                    obj["metadata"].get("namespace", ""),
                    obj["metadata"]["name"],
                )
            )
        self.items = {
            plural: [json.dumps(obj, separators=(",", ":")).encode() for obj in all_]
            for plural, all_ in objects.items()
        }
        self.blocks = {
            plural: self._blocks(items) for plural, items in self.items.items()
        }

    @staticmethod
    def _blocks(items: list[bytes]) -> list[bytes]:
        whole = b"".join(
            [_chunk(b'{"type":"ADDED","object":%s}\n' % item) for item in items]
        )
        return [whole[start : start + BLOCK] for start in range(0, len(whole), BLOCK)]

    def bookmark(self, *, initial_end: bool = False) -> bytes:
        """Return a bookmark of the present version."""
        metadata: dict[str, Any] = {
            "resourceVersion": str(self.version),
            "creationTimestamp": None,
        }
        if initial_end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        return _chunk(
            _line(
                "BOOKMARK",
                {"metadata": metadata, "spec": {"containers": None}, "status": {}},
            )
        )

    def modify(self, count: int, first: int = 0, at_once: int = 64) -> float:
        """Tell of `count` changes of pods, from pod `first` on, `at_once` in one write; says when."""
        lines = []
        for number in range(count):
            self.version += 1
            lines.append(
                _line(
                    "MODIFIED",
                    pod((first + number) % self.pods, self.workloads, self.version),
                )
            )
        blocks = [
            b"".join(map(_chunk, lines[start : start + at_once]))
            for start in range(0, count, at_once)
        ]
        with self.lock:
            begun = time.time()
            for watcher in self.watchers.get("pods", ()):
                for block in blocks:
                    watcher.put(block)
        return begun


class Connection(threading.Thread):
    """One client's connection."""

    def __init__(
        self, world: World, context: ssl.SSLContext, peer: socket.socket
    ) -> None:
        """Serve `peer`."""
        super().__init__(daemon=True)
        self.world, self.context, self.peer = world, context, peer

    def run(self) -> None:
        """Answer requests until the client goes."""
        try:
            with self.context.wrap_socket(self.peer, server_side=True) as tls:
                tls.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                reader = tls.makefile("rb")
                while request := reader.readline():
                    method, target, _ = request.decode().split(" ", 2)
                    length = 0
                    while (header := reader.readline().strip()) != b"":
                        name, _, value = header.partition(b":")
                        if name.lower() == b"content-length":
                            length = int(value)
                    self.answer(tls, method, target, reader.read(length))
        except OSError, ssl.SSLError:
            self.peer.close()

    def answer(self, tls: ssl.SSLSocket, method: str, target: str, body: bytes) -> None:
        """Answer one request."""
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        parts = url.path.strip("/").split("/")
        if url.path.startswith("/readyz"):
            self.send(tls, b"ok", "text/plain")
        elif url.path == "/version":
            self.send_json(tls, {"major": "1", "minor": "37", "gitVersion": VERSION})
        elif url.path == "/firehose/modify":
            self.world.modify(
                int(query.get("count", 1)),
                int(query.get("first", 0)),
                int(query.get("at_once", 64)),
            )
            self.send_json(tls, {"version": self.world.version})
        elif parts[-1] == "selfsubjectrulesreviews":
            rule = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
            status = {
                "resourceRules": [rule],
                "nonResourceRules": [],
                "incomplete": False,
            }
            self.send_json(
                tls, json.loads(body) | {"status": status}, HTTPStatus.CREATED
            )
        elif parts[-1] == "selfsubjectaccessreviews":
            self.send_json(
                tls,
                json.loads(body) | {"status": {"allowed": True}},
                HTTPStatus.CREATED,
            )
        elif url.path == "/api/v1/namespaces/kube-system":
            self.send_json(tls, namespace("kube-system"))
        elif method == "PATCH" and "dryRun" in query:
            # What is tried passes; the answer's object is of no interest to who tries.
            self.send_json(tls, {})
        elif method != "GET":
            status = {
                "kind": "Status",
                "status": "Failure",
                "code": 405,
                "reason": "MethodNotAllowed",
            }
            self.send_json(tls, status, HTTPStatus.METHOD_NOT_ALLOWED)
        elif query.get("watch") in ("1", "true"):
            self.watch(tls, parts[-1], initial="sendInitialEvents" in query)
        else:
            self.list(tls, parts[-1], query)

    def send(
        self,
        tls: ssl.SSLSocket,
        body: bytes,
        kind: str,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> None:
        """Send a whole answer."""
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        tls.sendall(head.encode() + body)

    def send_json(
        self,
        tls: ssl.SSLSocket,
        body: dict[str, Any],
        status: HTTPStatus = HTTPStatus.OK,
    ) -> None:
        """Send an object."""
        self.send(tls, json.dumps(body).encode(), "application/json", status)

    def list(self, tls: ssl.SSLSocket, plural: str, query: dict[str, str]) -> None:
        """Send a list, or a page of it."""
        items = self.world.items.get(plural, [])
        start = int(query.get("continue") or 0)
        end = start + (int(query.get("limit") or 0) or len(items))
        token = str(end) if end < len(items) else ""
        head = json.dumps(
            {"resourceVersion": str(self.world.version), "continue": token}
        )
        body = b'{"kind":"List","apiVersion":"v1","metadata":%s,"items":[%s]}' % (
            head.encode(),
            b",".join(items[start:end]),
        )
        self.send(tls, body, "application/json")

    def watch(self, tls: ssl.SSLSocket, plural: str, *, initial: bool) -> None:
        """Send all objects if asked to, then what happens, until the client goes."""
        mine: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        with self.world.lock:
            self.world.watchers.setdefault(plural, []).append(mine)
        try:
            tls.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            if initial:
                for block in self.world.blocks.get(plural, ()):
                    tls.sendall(block)
                tls.sendall(self.world.bookmark(initial_end=True))
            while True:
                try:
                    tls.sendall(mine.get(timeout=BOOKMARK_SECONDS) or b"")
                except queue.Empty:
                    tls.sendall(self.world.bookmark())
        finally:
            with self.world.lock:
                self.world.watchers[plural].remove(mine)


def make_certificates(directory: Path) -> None:
    """Write ca.pem and server.pem (certificate and key for 127.0.0.1) as strict clients want them."""
    now = datetime.now(UTC)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "firehose-ca")])
    usage = dict.fromkeys(
        (
            "content_commitment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
            "key_encipherment",
        ),
        False,
    )

    def begin(
        name: x509.Name, public: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(public), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()),
                critical=False,
            )
        )

    ca = (
        begin(ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, key_cert_sign=True, crl_sign=True, **usage
            ),
            critical=True,
        )
        .sign(ca_key, hashes.SHA256())
    )
    leaf = (
        begin(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "firehose")]),
            key.public_key(),
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(IPv4Address("127.0.0.1")), x509.DNSName("localhost")]
            ),
            critical=False,
        )
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "ca.pem").write_bytes(ca.public_bytes(pem))
    (directory / "server.pem").write_bytes(leaf.public_bytes(pem) + secret)


@dataclass(frozen=True)
class Firehose:
    """A running firehose: where it is, and what a client needs; `ca` is PEM text."""

    url: str
    ca: str
    token: str
    pid: int


@contextmanager
def serve(
    pods: int,
    workloads: int = 300,
    *,
    core: int | None = None,
    module: str = "testbed.firehose",
) -> Iterator[Firehose]:
    """Run a firehose in a process of its own, pinned to the processor `core` if one is named.

    `module` is another one with connections of its own, which calls `main`.
    """
    with TemporaryDirectory(prefix="firehose-") as directory:
        make_certificates(Path(directory))
        command = [
            sys.executable,
            "-m",
            module,
            directory,
            str(pods),
            str(workloads),
        ]
        if core is not None:
            command += ["--core", str(core)]
        root = Path(__file__).parent.parent
        with subprocess.Popen(
            command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stdout is not None
                port = process.stdout.readline().strip()
                if not port:
                    raise RuntimeError(
                        f"the firehose ended with {process.wait()} before it served"
                    )
                ca = (Path(directory) / "ca.pem").read_text()
                yield Firehose(f"https://127.0.0.1:{port}", ca, TOKEN, process.pid)
            finally:
                process.kill()


def main(
    make_world: Callable[[int, int], World] = World,
    connection: type[Connection] = Connection,
) -> None:
    """Serve until stdin ends, which it does when the parent goes."""
    parser = ArgumentParser(prog="python -m testbed.firehose", description=__doc__)
    parser.add_argument("directory", type=Path, help="where ca.pem and server.pem are")
    parser.add_argument("pods", type=int)
    parser.add_argument("workloads", type=int)
    parser.add_argument("--core", type=int)
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    world = make_world(options.pods, options.workloads)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.directory / "server.pem")
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def accept() -> None:
        while True:
            peer, _ = listener.accept()
            connection(world, context, peer).start()

    threading.Thread(target=accept, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
