"""What others need for the same: each in a process of its own, which prints what it measured as JSON.

`python -m bench.peers NAME FOLDER` reads `FOLDER/server.json`: the url, ca (a file) and token, and how
many events to follow.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
import gc
import json
from pathlib import Path
import socket
import ssl
import subprocess
import sys
from tempfile import TemporaryDirectory
import time
from typing import Any, Final
from urllib.parse import urlsplit

from testbed.firehose import Firehose

from .gauge import LoopGauge, memory, peak_memory, reset_peak, tidy
from .remote import Remote

ROOT: Final = Path(__file__).resolve().parents[1]
_BLOCK: Final = 1 << 20


def measure(name: str, server: Firehose, events: int = 0) -> dict[str, float]:
    """Have one of `PEERS` measured in a fresh process: reading all pods, then so many events."""
    with TemporaryDirectory(prefix="bench-") as folder:
        ca = Path(folder) / "ca.pem"
        ca.write_text(server.ca)
        known = {"url": server.url, "ca": str(ca), "token": server.token}
        known["events"] = str(events)
        (Path(folder) / "server.json").write_text(json.dumps(known))
        done = subprocess.run(
            [sys.executable, "-m", "bench.peers", name, folder],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            timeout=180,
            check=True,
        )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def floor(known: dict[str, str]) -> dict[str, float]:
    """Read and discard the answer to a watch that begins with all pods, by nothing but sockets."""
    url = urlsplit(known["url"])
    context = ssl.create_default_context(cafile=known["ca"])
    request = (
        "GET /api/v1/pods?watch=1&allowWatchBookmarks=true&sendInitialEvents=true"
        f"&resourceVersionMatch=NotOlderThan HTTP/1.1\r\nHost: {url.netloc}\r\n"
        f"Authorization: Bearer {known['token']}\r\n\r\n"
    )
    buffer = bytearray(_BLOCK)
    times = []
    for _ in range(3):
        with (
            socket.create_connection((url.hostname, url.port)) as plain,
            context.wrap_socket(plain, server_hostname=url.hostname) as tls,
        ):
            began = time.perf_counter()
            tls.sendall(request.encode())
            tail = b""
            while b"initial-events-end" not in tail:
                count = tls.recv_into(buffer)
                tail = bytes(buffer[max(0, count - 400) : count])
            times.append(time.perf_counter() - began)
    return {"seconds": sorted(times)[1]}


async def kubernetes(known: dict[str, str]) -> dict[str, float]:
    """Read and follow by the official client's asyncio half, its typed objects kept."""
    from kubernetes import aio  # noqa: PLC0415  (only where it is measured)

    settings = aio.client.Configuration(
        host=known["url"],
        api_key={"authorization": known["token"]},
        api_key_prefix={"authorization": "Bearer"},
    )
    settings.ssl_ca_cert = known["ca"]
    async with aio.client.ApiClient(settings) as api:
        core = aio.client.CoreV1Api(api)

        async def read() -> tuple[list[Any], str]:
            found: Any = await core.list_pod_for_all_namespaces()
            return found.items, found.metadata.resource_version

        async def events(version: str) -> AsyncIterator[Any]:
            async with aio.watch.Watch() as watch:
                stream = watch.stream(
                    core.list_pod_for_all_namespaces, resource_version=version
                )
                async for event in stream:
                    yield event

        return await _measure(read, events, known)


async def kr8s(known: dict[str, str]) -> dict[str, float]:
    """Read and follow by kr8s."""
    import kr8s.asyncio  # noqa: PLC0415  (only where it is measured)
    from kr8s.asyncio.objects import Pod  # noqa: PLC0415

    settings: Any = _kubeconfig(known)
    api = await kr8s.asyncio.api(kubeconfig=settings)

    async def read() -> tuple[list[Any], str]:
        return [pod async for pod in Pod.list(api=api, namespace=kr8s.ALL)], "0"

    async def events(version: str) -> AsyncIterator[Any]:
        async for event in api.async_watch("pods", namespace=kr8s.ALL):
            yield event

    return await _measure(read, events, known)


async def _measure(
    read: Callable[[], Awaitable[tuple[list[Any], str]]],
    events: Callable[[str], AsyncIterator[Any]],
    known: dict[str, str],
) -> dict[str, float]:
    """Measure a complete read, and then as many events as are wanted."""
    gauge = LoopGauge(asyncio.get_running_loop())
    tidy()
    before = memory()
    reset_peak()
    await asyncio.sleep(0)
    gauge.reset()
    began = time.perf_counter()
    pods, version = await read()
    await asyncio.sleep(0)
    found = {
        "pods": float(len(pods)),
        "seconds": time.perf_counter() - began,
        "gap": gauge.longest,
        "peak": float(peak_memory() - before),
    }
    gc.collect()
    tidy()
    found["kept"] = float(memory() - before)
    del pods
    gc.collect()
    if not (count := int(known["events"])):
        return found
    told = Remote(Firehose(known["url"], Path(known["ca"]).read_text(), "", 0))
    asked = asyncio.create_task(asyncio.to_thread(_change_later, told, count))
    seen = 0
    async for event in events(version):
        # Some tell all that there is before what is new.
        if _type(event) != "MODIFIED":
            continue
        seen += 1
        if seen == 1:
            began = time.perf_counter()
        if seen == count:
            break
    # The first begins the clock.
    found["events"] = (count - 1) / (time.perf_counter() - began)
    await asked
    return found


def _type(event: Any) -> str:
    return str(event["type"] if isinstance(event, dict) else event[0])


def _change_later(told: Remote, count: int) -> None:
    time.sleep(1)
    told("change", count=count, first=0)


def _kubeconfig(known: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bench",
        "contexts": [
            {"name": "bench", "context": {"cluster": "bench", "user": "bench"}}
        ],
        "clusters": [
            {
                "name": "bench",
                "cluster": {
                    "server": known["url"],
                    "certificate-authority": known["ca"],
                },
            }
        ],
        "users": [{"name": "bench", "user": {"token": known["token"]}}],
    }


PEERS: Final[dict[str, Callable[[dict[str, str]], Any]]] = {
    "floor": floor,
    "kubernetes.aio": kubernetes,
    "kr8s": kr8s,
}


def main(name: str, folder: str) -> None:
    """Measure, and print."""
    known = json.loads((Path(folder) / "server.json").read_text())
    found = PEERS[name](known)
    print(json.dumps(asyncio.run(found) if asyncio.iscoroutine(found) else found))


if __name__ == "__main__":
    main(*sys.argv[1:])
