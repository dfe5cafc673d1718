"""A slow and lossy cable: `python -m testbed.slowlink LINK TAP --delay MS --loss PERCENT`.

Stands between LINK, the host's end of a machine's cable, and TAP, which it makes and which is on the
bridge in LINK's place. What the machine sends arrives late, or not at all. Many kernels, those of small
virtual machines above all, have no `netem` for this.
"""

import argparse
from collections import deque
from collections.abc import Callable
from contextlib import suppress
import fcntl
import os
import random
import select
import socket
import struct
import time
from typing import Final

# From linux/if_tun.h and linux/if_packet.h.
_TUNSETIFF: Final = 0x400454CA
_IFF_TAP: Final = 0x0002
_IFF_NO_PI: Final = 0x1000
_IFF_VNET_HDR: Final = 0x4000
_SOL_PACKET: Final = 263
_PACKET_VNET_HDR: Final = 15
_PACKET_IGNORE_OUTGOING: Final = 23
_ETH_P_ALL: Final = 3
# A segment that the network card would have cut into frames, and its header.
_LARGEST: Final = 1 << 17


class Delay:
    """A queue in which everything waits equally long, and of which some is lost."""

    def __init__(
        self,
        seconds: float,
        loss: float,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`loss` is between 0 and 1."""
        self._seconds = seconds
        self._loss = loss
        self._clock = clock
        self._chance = chance
        self._waiting: deque[tuple[float, bytes]] = deque()

    def put(self, frame: bytes) -> None:
        """Take a frame, or lose it."""
        if self._chance() >= self._loss:
            self._waiting.append((self._clock() + self._seconds, frame))

    def due(self) -> list[bytes]:
        """The frames whose time has come, in order."""
        frames = []
        while self._waiting and self._waiting[0][0] <= self._clock():
            frames.append(self._waiting.popleft()[1])
        return frames

    def pause(self) -> float | None:
        """Seconds until the next frame is due; None if none waits."""
        if not self._waiting:
            return None
        return max(0.0, self._waiting[0][0] - self._clock())


def relay(link: str, tap: str, delay: Delay) -> None:
    """Pass frames on until the link goes away.

    Both ends carry the kernel's note on checksums and segments that are not made yet.
    """
    port = os.open("/dev/net/tun", os.O_RDWR)
    flags = _IFF_TAP | _IFF_NO_PI | _IFF_VNET_HDR
    fcntl.ioctl(port, _TUNSETIFF, struct.pack("16sH22x", tap.encode(), flags))
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    wire.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
    wire.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    wire.bind((link, _ETH_P_ALL))
    while True:
        ends = [port, wire.fileno()]
        readable, _, _ = select.select(ends, [], [], delay.pause())
        if wire.fileno() in readable:
            try:
                delay.put(wire.recv(_LARGEST))
            except OSError:  # the machine has lost its power
                return
        if port in readable:
            with suppress(OSError):  # nobody at the other end: the frame is lost
                wire.send(os.read(port, _LARGEST))
        for frame in delay.due():
            with suppress(OSError):
                os.write(port, frame)


def main() -> None:
    """Run until killed."""
    parser = argparse.ArgumentParser(
        prog="python -m testbed.slowlink", description=__doc__
    )
    parser.add_argument("link")
    parser.add_argument("tap")
    parser.add_argument("--delay", type=float, required=True, metavar="MS")
    parser.add_argument("--loss", type=float, required=True, metavar="PERCENT")
    asked = parser.parse_args()
    relay(asked.link, asked.tap, Delay(asked.delay / 1000, asked.loss / 100))


if __name__ == "__main__":
    main()
