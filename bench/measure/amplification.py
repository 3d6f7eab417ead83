#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Bytes and packets that DTLS servers send for those of a ClientHello to who never answers.

Every hello of every class goes to every server once, from a socket of its own that is silent from
then on, as a victim whose address was spoofed would be, and that counts what comes for a minute. All
servers and hellos have the same minute. A server that serves one client after the other is started
anew for each hello.

The bandwidth amplification factor (BAF) is that of C. Rossow, "Amplification Hell", NDSS 2014: bytes
of UDP payload to the victim over bytes of UDP payload to the server; the packet amplification factor
(PAF) is the same for IP packets. wire is the factor for all that a link carries: Ethernet frames of
at least 64 bytes, preamble and gap. Of a class the hello that amplifies most counts.

proven is what follows a good cookie when its owner falls silent. Who spoofs an address never sees
that cookie, so it is not in the maxima.
"""
from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import os
import selectors
import socket
import subprocess
import time

from bench import bed, result
from bench.load import hellos
from bench.load.hellos import Probe
from bench.peers import targets
from lab.netns import in_netns
from lab.pki import Pki
from lab.process import Process

FRAME_MORE, FRAME_MIN, MTU = 14 + 4, 64, 1500
BETWEEN_BITS = 20  # bytes of preamble, start of frame and gap
PACE = 0.002       # seconds between two hellos: nobody's socket has to hold them
FIRST = 0.9        # seconds; what comes later was sent again


def packets_of(payload: int) -> list[int]:
    """Bytes of the IP packets of a datagram, fragments with a header each (RFC 791)."""
    left, room = payload + 8, (MTU - 20) // 8 * 8
    sizes = [20 + min(room, left - at) for at in range(0, left, room)]
    return sizes


def wire(ip_bytes: int) -> int:
    return max(FRAME_MIN, ip_bytes + FRAME_MORE) + BETWEEN_BITS


class Traffic:
    """What went one way."""

    def __init__(self) -> None:
        self.datagrams = self.packets = self.payload = self.wire = 0

    def add(self, payload: int) -> None:
        sizes = packets_of(payload)
        self.datagrams += 1
        self.packets += len(sizes)
        self.payload += payload
        self.wire += sum(map(wire, sizes))


@dataclasses.dataclass
class Victim:
    """One hello to one server, and what comes back."""
    target: str
    kind: str  # the class
    name: str
    probe: Probe
    at: tuple[str, int]  # the server
    sock: socket.socket
    asked: Traffic = dataclasses.field(default_factory=Traffic)
    answered: Traffic = dataclasses.field(default_factory=Traffic)
    sent_at: float = 0
    first: int = 0     # bytes of payload that came at once
    last: float = 0    # seconds until the last came
    returns: bool = False  # it sends the cookie back once
    log: list[int] = dataclasses.field(default_factory=list)

    def send(self, probe: Probe) -> None:
        for datagram in probe:
            self.sock.sendto(datagram, self.at)
            self.asked.add(len(datagram))

    def take(self) -> None:
        while True:
            try:
                data = self.sock.recv(65536)
            except BlockingIOError:
                return
            except ConnectionRefusedError:
                continue
            now = time.monotonic() - self.sent_at
            self.answered.add(len(data))
            self.last = now
            if now < FIRST:
                self.first += len(data)
            if self.returns and data[0] == 22 and data[13] == 3:
                self.returns = False
                self.send(hellos.with_cookie(self.probe, data[28:28 + data[27]]))

    def told(self) -> dict[str, object]:
        asked, answered = self.asked, self.answered
        return {
            'packets_in': asked.packets, 'bytes_in': asked.payload, 'wire_in': asked.wire,
            'packets_out': answered.packets, 'bytes_out': answered.payload,
            'wire_out': answered.wire,
            # What has no bytes cannot be multiplied.
            'baf': round(answered.payload / max(asked.payload, 1), 4),
            'baf_at_once': round(self.first / max(asked.payload, 1), 4),
            'baf_wire': round(answered.wire / asked.wire, 4),
            'paf': round(answered.packets / asked.packets, 4),
            'last_s': round(self.last, 2),
        }


class Bench:
    def __init__(self, options: argparse.Namespace, stack: contextlib.ExitStack) -> None:
        self.options = options
        self.stack = stack
        self.pki = Pki()
        self.pki.leaf('server')
        self.links = {kernel: stack.enter_context(targets.Link(kernel))
                      for kernel in (True, False)}
        self.ports = itertools.count(20000, 2)
        self.victims: list[Victim] = []
        self.servers: dict[str, list] = {}
        self.shared: dict[str, int] = {}

    def socket(self, target: targets.Target) -> socket.socket:
        with in_netns(self.links[target.kernel].clients):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind((targets.CLIENT, 0))
        return self.stack.enter_context(sock)

    def server(self, name: str, target: targets.Target) -> int:
        """The port of a server for one hello more."""
        if name in self.shared:
            return self.shared[name]
        port = next(self.ports)
        process = self.stack.enter_context(
            target.start(self.links[target.kernel], self.pki, port, limits=True))
        self.servers.setdefault(name, []).append(process)
        if not target.one:
            self.shared[name] = port
        return port

    def add(self, name: str, kind: str, hello: str, probe: Probe, port: int = 0) -> Victim:
        target = targets.TARGETS[name]
        port = port or self.server(name, target)
        victim = Victim(name, kind, hello, probe, (targets.SERVER, port), self.socket(target),
                        returns=kind == 'proven')
        self.victims.append(victim)
        return victim

    def resumption(self, name: str) -> None:
        """The hello that takes up a session of this server; without one, somebody's or nobody's."""
        target = targets.TARGETS[name]
        port = self.server(name, target)
        link = self.links[target.kernel]
        saved = self.pki.path(f'{name}.session')
        if target.handshake:
            s_client(link, f'{targets.SERVER}:{port}', '-sess_out', saved)
        body = hellos.typical()[0][hellos.BODY:]
        self.add(name, 'resumption', 'invented session',
                 hellos.with_session(body, bytes(range(32)), bytes(range(160))))
        if os.path.exists(saved):
            self.add(name, 'resumption', 'session of the server', self.resumed(link, saved), port)

    def resumed(self, link: targets.Link, saved: str) -> Probe:
        """What s_client sends with that session, to us."""
        with in_netns(link.clients):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sock:
            sock.bind(('127.0.0.1', 0))
            sock.settimeout(90)
            client = Process(
                ['openssl', 's_client', '-dtls1_2', '-sess_in', saved, '-connect',
                 f'127.0.0.1:{sock.getsockname()[1]}'], link.clients)
            try:
                return sock.recv(65536),
            finally:
                client.kill()

    def prepare(self, names: list[str]) -> None:
        for name in names:
            for kind, probes in hellos.classes().items():
                for hello, probe in probes.items():
                    self.add(name, kind, hello, probe)
            self.resumption(name)
            self.add(name, 'proven', 'the second hello', hellos.typical())

    def run(self) -> None:
        """Sends all of it, in turns of the servers, and counts until the time is over."""
        with selectors.DefaultSelector() as selector:
            for victim in self.victims:
                selector.register(victim.sock, selectors.EVENT_READ, victim)
            order = sorted(range(len(self.victims)), key=lambda i: (
                [v.target for v in self.victims[:i]].count(self.victims[i].target)))
            for i in order:
                victim = self.victims[i]
                victim.sent_at = time.monotonic()
                victim.send(victim.probe)
                self.take(selector, PACE)
            end = time.monotonic() + self.options.seconds
            while (left := end - time.monotonic()) > 0:
                self.take(selector, left)

    def take(self, selector: selectors.BaseSelector, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                key.data.take()


def s_client(link: targets.Link, where: str, *options: str) -> None:
    """A whole handshake; the session is kept if the server gives one."""
    client = Process(['openssl', 's_client', '-dtls1_2', '-connect', where, *options],
                         link.clients)
    try:
        client.expect('Verify return code|no peer certificate|errno', 10)
        client.send('Q\n')
        client.wait(10)
    except AssertionError:
        pass  # it is told of: there is no session
    finally:
        client.kill()


def fields_of(bench: Bench, names: list[str]) -> dict[str, object]:
    fields = {}
    for name in names:
        classes: dict[str, dict] = {}
        for victim in bench.victims:
            if victim.target == name:
                classes.setdefault(victim.kind, {})[victim.name] = victim.told()
        proven = classes.pop('proven')['the second hello']
        worst = {kind: max(probes, key=lambda p: probes[p]['baf'])
                 for kind, probes in classes.items()}
        every = [p for probes in classes.values() for p in probes.values()]
        target = targets.TARGETS[name]
        fields[name] = {
            'title': target.title, 'version': targets.version(target),
            'baf_max': max(p['baf'] for p in every),
            'baf_typical': classes['typical']['openssl']['baf'],
            'baf_wire_max': max(p['baf_wire'] for p in every),
            'paf_max': max(p['paf'] for p in every),
            'classes': {kind: {'worst': worst[kind], **probes[worst[kind]],
                               'paf_max': max(p['paf'] for p in probes.values())}
                        for kind, probes in classes.items()},
            'proven': proven if proven['packets_in'] > 1 else None,
            'ended': sum(not server.alive() for server in bench.servers[name]),
            'hellos': classes,
        }
    return fields


def show(fields: dict[str, dict]) -> None:
    kinds = list(next(iter(fields.values()))['classes'])
    result.table(['BAF, the worst of a class', *kinds, 'max', 'wire', 'PAF', 'proven'],
                 [[told['title'], *(f'{told["classes"][k]["baf"]:.2f}' for k in kinds),
                   f'{told["baf_max"]:.2f}', f'{told["baf_wire_max"]:.2f}',
                   f'{told["paf_max"]:.2f}',
                   f'{told["proven"]["baf"]:.2f}' if told['proven'] else '-']
                  for told in fields.values()])
    for told in fields.values():
        if told['ended']:
            print(f'{told["title"]}: {told["ended"]} ended by itself')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--seconds', type=result.positive, default=60,
                        help='that are counted (60)')
    parser.add_argument('--targets', default='', help='names with commas (all that are installed)')
    options = parser.parse_args()
    bed.prepare('hellogen/hellogen')
    names = list(targets.choose(options.targets))
    with contextlib.ExitStack() as stack:
        bench = Bench(options, stack)
        bench.prepare(names)
        bench.run()
        fields = fields_of(bench, names)
        certificate = subprocess.run(
            ['openssl', 'x509', '-in', bench.pki.path('server.pem'), '-outform', 'DER'],
            check=True, stdout=subprocess.PIPE).stdout
    show(fields)
    result.write('amplification', {'targets': fields},
                 {**vars(options), 'certificate': 'ECDSA P-256, no chain',
                  'certificate_bytes': len(certificate)})


if __name__ == '__main__':
    main()
