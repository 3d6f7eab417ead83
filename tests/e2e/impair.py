# SPDX-License-Identifier: BSD-3-Clause
"""A bad path between clients and the gateway: a UDP proxy that loses, doubles, delays and reorders.

What becomes of a datagram follows from the seed, its flow (the how-manieth client of its lane), its
direction and its number in that direction, and from nothing else: two runs in which a client sends
the same datagrams treat them alike, however fast the machine is.
"""
from __future__ import annotations

import dataclasses
import heapq
import itertools
import random
import select
import socket
import threading
import time
from typing import Callable, Mapping

from harness import GW4, PORT, RawPort, in_netns, packets

IPV6_FREEBIND = 78
UP, DOWN = 'up', 'down'  # from clients, to clients
OVERTAKEN = 0.2  # seconds after which a datagram that waits to be overtaken goes on


def later_fragments(raw: RawPort) -> int:
    """ClientHello fragments but for the first ones among the frames seen."""
    count = 0
    while (frame := raw.receive()) is not None:
        payload = packets.parse(frame).payload
        count += (len(payload) > 25 and payload[0] == packets.HANDSHAKE and payload[3:5] == b'\0\0'
                  and payload[13] == packets.CLIENT_HELLO and payload[19:22] != b'\0\0\0')
    return count


def is_second_hello(datagram: bytes) -> bool:
    """A first fragment of a ClientHello with a cookie."""
    at = packets.RECORD_HEADER + packets.HANDSHAKE_HEADER + 34
    return (len(datagram) > at and datagram[0] == packets.HANDSHAKE and datagram[3:5] == b'\0\0'
            and datagram[13] == packets.CLIENT_HELLO and datagram[19:22] == b'\0\0\0'
            and datagram[at + 1 + datagram[at]] != 0)


@dataclasses.dataclass(frozen=True)
class Path:
    """How bad it is, each way.

    Losses are dealt out evenly: one to every block of so many datagrams, at a place that the seed
    chooses. With an independent draw for each, bad luck now and then makes a handshake with timers
    of 1, 2, 4, 8 ... seconds take minutes, and tells nothing more.
    """
    seed: str = ''
    one_lost_of: int = 0
    doubled: float = 0  # probability
    overtaken: float = 0  # probability of waiting until the next one has passed
    delay: tuple[float, float] = (0, 0)  # seconds, from and to
    # Datagrams that are longer than so many bytes do not come through, by direction.
    longest: Mapping[str, int] = dataclasses.field(default_factory=dict)
    # What becomes of certain ones, by direction and number: a delay in seconds for each copy.
    script: Mapping[tuple[str, int], tuple[float, ...]] = dataclasses.field(default_factory=dict)

    def fate(self, flow: int, direction: str, number: int,
             size: int) -> tuple[tuple[float, ...], bool]:
        """A delay for each copy that goes out, and whether it waits to be overtaken then."""
        if size > self.longest.get(direction, size):
            return (), False
        if (direction, number) in self.script:
            return self.script[direction, number], False
        if self.one_lost_of:
            block, place = divmod(number, self.one_lost_of)
            draw = random.Random(f'{self.seed} {flow} {direction} block {block}')
            if draw.randrange(self.one_lost_of) == place:
                return (), False
        draw = random.Random(f'{self.seed} {flow} {direction} {number}')
        copies = 1 + (draw.random() < self.doubled)
        return (tuple(draw.uniform(*self.delay) for _ in range(copies)),
                draw.random() < self.overtaken)


@dataclasses.dataclass
class Flow:
    """One client and the socket that stands for it towards the gateway."""
    number: int
    client: tuple
    socket: socket.socket
    count: dict[str, int] = dataclasses.field(default_factory=lambda: {UP: 0, DOWN: 0})
    sent: dict[str, int] = dataclasses.field(default_factory=lambda: {UP: 0, DOWN: 0})  # the newest
    waiting: dict[str, list[tuple[int, bytes]]] = dataclasses.field(
        default_factory=lambda: {UP: [], DOWN: []})


class Lane:
    """A port of 127.0.0.1 to connect to, and the way from there to the gateway.

    source is the address that the gateway sees. stop says of a datagram from a client whether it
    is kept until Proxy.go(): so a test can let something happen in between.
    """

    def __init__(self, proxy: Proxy, path: Path, source: str, gateway: tuple[str, int]) -> None:
        self.proxy, self.path, self.source, self.gateway = proxy, path, source, gateway
        self.stop: Callable[[bytes], bool] | None = None
        self.stopped: list[tuple[Flow, bytes]] = []
        self.flows: dict[tuple, Flow] = {}
        self.seen = {UP: 0, DOWN: 0}
        self.lost = {UP: 0, DOWN: 0}
        self.overtaken = 0
        self.sizes: dict[str, list[int]] = {UP: [], DOWN: []}  # of all datagrams, in order
        with in_netns(proxy.netns):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]

    def total(self) -> int:
        return sum(self.seen.values())

    def losses(self) -> int:
        return sum(self.lost.values())

    def faults(self) -> int:
        """Of datagrams that were lost or came later than one that was sent after them."""
        return self.losses() + self.overtaken

    def flow(self, client: tuple) -> Flow:
        if client not in self.flows:
            family = socket.AF_INET6 if ':' in self.source else socket.AF_INET
            with in_netns(self.proxy.netns):
                sock = socket.socket(family, socket.SOCK_DGRAM)
            self.flows[client] = Flow(len(self.flows), client, sock)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)  # a route makes it local
            sock.bind((self.source, 0))
            sock.connect(self.gateway)
            sock.setblocking(False)
            self.proxy.watch(sock, self, self.flows[client])
        return self.flows[client]

    def take(self, flow: Flow, direction: str, datagram: bytes) -> None:
        """A datagram has come: what becomes of it?"""
        if direction == UP and self.stop and self.stop(datagram):
            self.stopped.append((flow, datagram))
            return
        number = flow.count[direction]
        delays, overtaken = self.path.fate(flow.number, direction, number, len(datagram))
        flow.count[direction] += 1
        self.seen[direction] += 1
        self.sizes[direction].append(len(datagram))
        self.lost[direction] += not delays
        for delay in delays:
            if overtaken:
                flow.waiting[direction].append((number, datagram))
                self.proxy.later(delay + OVERTAKEN, self.send_waiting, flow, direction)
            elif delay:
                self.proxy.later(delay, self.send, flow, direction, number, datagram)
            else:
                self.send(flow, direction, number, datagram)

    def send(self, flow: Flow, direction: str, number: int, datagram: bytes) -> None:
        self.overtaken += number < flow.sent[direction]
        flow.sent[direction] = max(number, flow.sent[direction])
        try:
            if direction == UP:
                flow.socket.send(datagram)
            else:
                self.socket.sendto(datagram, flow.client)
        except OSError:
            pass  # an ICMP error about a client that is gone, or no room: lost
        self.send_waiting(flow, direction)

    def send_waiting(self, flow: Flow, direction: str) -> None:
        waiting, flow.waiting[direction] = flow.waiting[direction], []
        for number, datagram in waiting:
            self.send(flow, direction, number, datagram)

    def close(self) -> None:
        self.socket.close()
        for flow in self.flows.values():
            flow.socket.close()


class Proxy:
    """Lanes in a namespace, and the thread that moves their datagrams; a context."""

    def __init__(self, netns: str) -> None:
        self.netns = netns
        self.lanes: list[Lane] = []
        self._lock = threading.RLock()
        self._poll = select.epoll()
        self._watched: dict[int, tuple[socket.socket, Lane, Flow | None]] = {}
        self._timers: list[tuple[float, int, Callable, tuple]] = []
        self._serial = itertools.count()
        self._end = threading.Event()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def lane(self, path: Path, source: str, gateway: str = GW4, port: int = PORT) -> Lane:
        with self._lock:
            lane = Lane(self, path, source, (gateway, port))
            self.lanes.append(lane)
            self.watch(lane.socket, lane, None)
        return lane

    def watch(self, sock: socket.socket, lane: Lane, flow: Flow | None) -> None:
        self._watched[sock.fileno()] = (sock, lane, flow)
        self._poll.register(sock.fileno(), select.EPOLLIN)

    def later(self, delay: float, function: Callable, *arguments) -> None:
        heapq.heappush(self._timers,
                       (time.monotonic() + delay, next(self._serial), function, arguments))

    def go(self) -> None:
        """Lets pass what was stopped, in the order in which it came, and stops no more."""
        with self._lock:
            for lane in self.lanes:
                lane.stop = None
                stopped, lane.stopped = lane.stopped, []
                for flow, datagram in stopped:
                    lane.take(flow, UP, datagram)

    def _run(self) -> None:
        try:
            while not self._end.is_set():
                next_at = self._timers[0][0] if self._timers else float('inf')
                events = self._poll.poll(max(0, min(next_at - time.monotonic(), 0.05)))
                with self._lock:
                    for fd, _ in events:
                        self._receive(*self._watched[fd])
                    while self._timers and self._timers[0][0] <= time.monotonic():
                        _, _, function, arguments = heapq.heappop(self._timers)
                        function(*arguments)
        except BaseException as fault:  # noqa: BLE001: raised in the test by check()
            self._fault = fault

    def _receive(self, sock: socket.socket, lane: Lane, flow: Flow | None) -> None:
        try:
            datagram, sender = sock.recvfrom(65536)
        except OSError:
            return  # an ICMP error: the gateway is away
        if flow:
            lane.take(flow, DOWN, datagram)
        else:
            lane.take(lane.flow(sender), UP, datagram)

    def check(self) -> None:
        """Raises what has ended the thread, if anything has."""
        if self._fault:
            raise self._fault

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._end.set()
        self._thread.join()
        for lane in self.lanes:
            lane.close()
        self._poll.close()
