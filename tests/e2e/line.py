# SPDX-License-Identifier: BSD-3-Clause
"""A bridge between clients and a DTLS server of its own, each in a namespace (docs/guard.md)."""
from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import socket
import threading
from typing import Iterator, Mapping

from harness import (BUILD, GW4, GW6, PATIENCE, PORT, Gateway, Net, Pki, Process, command,
                     configuration, in_netns, kernel_ipv6, packets, process, running, slow, until)

PKI = Pki()
CERTIFICATE, KEY = PKI.leaf('server'), PKI.path('server.key')
SECRET_FILE = PKI.directory / 'secret'
SECRET_FILE.write_text(bytes(range(32)).hex() + '\n')
OFFLOADS = ('gso', 'off', 'tso', 'off', 'gro', 'off')  # checksums may be left out


class Line(Net):
    """Three namespaces in a line: clients, bridge, server. The service's addresses are the server's."""

    def __init__(self, driver: str = 'af_packet', mtu: int = 1500, queues: int = 1) -> None:
        super().__init__(driver, queues)
        self.mtu = mtu
        self.server = f'hg{os.getpid()}s'
        self.lan_if, self.server_if = f'hgl{os.getpid()}', f'hgs{os.getpid()}'

    def namespaces(self) -> set[str]:
        return {self.client, self.gateway, self.server}

    def join(self) -> None:
        super().join()
        queues = ('numtxqueues', str(self.queues), 'numrxqueues', str(self.queues))
        command('ip', 'link', 'add', self.lan_if, 'netns', self.gateway, *queues, 'type', 'veth',
                'peer', 'name', self.server_if, 'netns', self.server, *queues)
        kernel_ipv6(self.gateway, self.lan_if)
        for namespace, interface in ((self.client, self.client_if), (self.gateway, self.gateway_if),
                                     (self.gateway, self.lan_if), (self.server, self.server_if)):
            command('ethtool', '-K', interface, *OFFLOADS, netns=namespace)
            command('ip', '-n', namespace, 'link', 'set', interface, 'mtu', str(self.mtu), 'up')
        self.serve(f'{GW4}/24', f'{GW6}/48')

    def serve(self, *addresses: str) -> None:
        """Gives addresses to the server's interface."""
        for address in addresses:
            command('ip', '-n', self.server, 'addr', 'add', address, 'dev', self.server_if,
                    *(['nodad'] if ':' in address else []))

    def settings(self, bind: str = f'{GW4}:{PORT}, [{GW6}]:{PORT}', **options) -> str:
        more, mtu = f',qpairs={self.queues}' if self.queues > 1 else '', None
        if self.mtu > 1500:
            # The driver wants buffers as long as its own frames.
            mtu, more = self.mtu + 200, ',framesz=9216,blocksz=36864,framecnt=64'
        def device(number: int, interface: str) -> dict[str, object]:
            return {'device': f'net_{self.driver}{number},iface={interface}{more}', 'mtu': mtu,
                    'profile': self.profile(), 'address': None}
        guards = {'server': {'mode': 'guard', 'bind': bind, 'upstream': None}} if bind else {}
        return configuration(self, guards, port=device(0, self.gateway_if),
                             sections={'port lan': device(1, self.lan_if)}, bridge='wan, lan',
                             cookie_secret=SECRET_FILE, **options)


@contextlib.contextmanager
def bridge(net: Line, preload: str = '', env: Mapping[str, str] | None = None,
           **options) -> Iterator[Gateway]:
    """A running bridge, with one of the tests' libraries loaded before DPDK's if preload names it."""
    with running(Gateway(net.settings(**options), netns=net.gateway,
                         env=preloaded(preload) if preload else env), net) as g:
        yield g


def preloaded(name: str) -> dict[str, str]:
    return {'LD_PRELOAD': str(BUILD / 'tests' / 'e2e' / f'lib{name}.so'),
            'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':verify_asan_link_order=0'}


def signalled(g: Gateway, config: str, wanted: str = 'reloaded') -> str:
    """Lets a gateway read another configuration: what it says of it."""
    pattern = re.compile(r'^.*: ((?:not )?reloaded\b.*)$', re.M)
    before = len(pattern.findall(g.process.stderr))
    g.config.write_text(config)
    g.process.popen.send_signal(signal.SIGHUP)
    until(lambda: len(pattern.findall(g.process.stderr)) > before or not g.process.alive(), g.log)
    said = pattern.findall(g.process.stderr)
    assert len(said) > before, g.log()
    assert said[-1].startswith(wanted), said[-1]
    return said[-1]


@contextlib.contextmanager
def server(net: Line, *options: object, program: str = 'docs/examples/dtls_server',
           address: str = '::', env: Mapping[str, str] | None = None) -> Iterator[Process]:
    """A server that takes the gateway's cookies: one of the examples, or like these."""
    name = program.split('/')[-1]
    with process(str(BUILD / program), *map(str, options), address, str(PORT), CERTIFICATE, KEY,
                 str(SECRET_FILE), netns=net.server, name=name, env=env) as p:
        p.expect(f'^{name}: ready')
        yield p


def finish(p: Process) -> dict[str, int]:
    """Stops a server: its counts."""
    p.popen.send_signal(signal.SIGTERM)
    assert p.wait() == 0, p.log()
    return {k: int(v) for k, v in re.findall(r'^([a-z_]+) (\d+)$', p.stdout, re.M)}


def tcp(net: Line, host: str) -> None:
    """A megabyte each way over TCP: what arrives is what was sent."""
    data = hashlib.sha256(host.encode()).digest() * (1 << 15)
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    with in_netns(net.server):
        listener = socket.create_server((host, 4433), family=family)
    with in_netns(net.client):
        client = socket.socket(family, socket.SOCK_STREAM)
    with listener, client:
        client.settimeout(slow(PATIENCE))
        client.connect((host, 4433))
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(slow(PATIENCE))
            for sender, receiver in ((client, peer), (peer, client)):
                thread = threading.Thread(target=sender.sendall, args=(data,))
                thread.start()
                got = b''
                while len(got) < len(data):
                    part = receiver.recv(1 << 16)
                    assert part, 'the connection is gone'
                    got += part
                thread.join()
                assert got == data, 'TCP data differ'


def ping(net: Line, host: str, size: int, *options: str) -> None:
    command('ping', '-q', '-c', '1', '-w', str(int(slow(PATIENCE))), '-s', str(size), *options, host,
            netns=net.client)


def ask(net: Net, payload: bytes, host: str = GW4, port: int = PORT,
        source: int = 0) -> tuple[socket.socket, bytes]:
    """A datagram from the clients, and the answer; the socket is the caller's."""
    with in_netns(net.client):
        sock = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(slow(PATIENCE))
    sock.bind(('', source))
    sock.connect((host, port))
    sock.send(payload)
    return sock, sock.recv(65536)


def is_server_hello(datagram: bytes) -> bool:
    return datagram[0] == packets.HANDSHAKE and datagram[13] == packets.SERVER_HELLO


def cookie_of(datagram: bytes) -> bytes:
    assert datagram[0] == packets.HANDSHAKE and datagram[13] == packets.HELLO_VERIFY_REQUEST
    return datagram[-packets.COOKIE_SIZE:]
