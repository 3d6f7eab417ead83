#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A guard and what is for somebody else: TURN, servers that are clients; what servers would read."""
from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import os
import select
import socket
import struct
import threading
from typing import Iterator

from harness import (CL4, GW4, PORT, Process, echo_line, in_netns, need, packets, process, run,
                     s_client, slow, wait_for_udp)
from line import CERTIFICATE, KEY, PKI, Line, ask, bridge, finish, server

PEER_PORT = 5999
ALLOCATE, CREATE_PERMISSION, CHANNEL_BIND, SEND, DATA = 3, 8, 9, 0x16, 0x17
CHANNEL = 0x4000
XOR_PEER_ADDRESS, DATA_ATTRIBUTE = 0x12, 0x13


def xor_address(host: str, port: int) -> bytes:
    """XOR-PEER-ADDRESS of IPv4 (RFC 8656 section 18.3)."""
    cookie = struct.pack('!I', 0x2112A442)
    address = bytes(a ^ b for a, b in zip(ipaddress.ip_address(host).packed, cookie))
    return packets.stun_attribute(XOR_PEER_ADDRESS, struct.pack('!HH', 1, port ^ 0x2112) + address)


class Relay:
    """A client of a TURN server, which carries what comes to a local port to a peer, and back."""

    def __init__(self, net: Line, peer: tuple[str, int], channel: bool) -> None:
        self.peer, self.channel = xor_address(*peer), channel
        with in_netns(net.client):
            self.turn, self.local = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                                     for _ in range(2))
        self.turn.settimeout(slow(10))
        self.turn.connect((GW4, PORT))
        self.local.bind(('127.0.0.1', 0))
        self.port = self.local.getsockname()[1]
        self.ask(ALLOCATE, packets.stun_attribute(0x19, b'\x11\0\0\0'))
        self.ask(CREATE_PERMISSION, self.peer)
        if channel:
            self.ask(CHANNEL_BIND, packets.stun_attribute(
                0x0C, struct.pack('!HH', CHANNEL, 0)) + self.peer)
        self._end, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def ask(self, method: int, attributes: bytes) -> None:
        self.turn.send(packets.stun(method, attributes, os.urandom(12)))
        answer = self.turn.recv(65536)
        assert answer[:2] == struct.pack('!H', method | 0x100), answer.hex()

    def wrapped(self, payload: bytes) -> bytes:
        if self.channel:
            return struct.pack('!HH', CHANNEL, len(payload)) + payload
        return packets.stun(SEND, self.peer + packets.stun_attribute(DATA_ATTRIBUTE, payload),
                            os.urandom(12))

    @staticmethod
    def unwrapped(datagram: bytes) -> bytes:
        kind, length = struct.unpack_from('!HH', datagram)
        if kind == CHANNEL:
            return datagram[4:4 + length]
        assert kind == DATA, datagram.hex()
        at = 20
        while True:
            kind, length = struct.unpack_from('!HH', datagram, at)
            if kind == DATA_ATTRIBUTE:
                return datagram[at + 4:at + 4 + length]
            at += 4 + length + -length % 4

    def _run(self) -> None:
        client = None
        while True:
            ready, _, _ = select.select([self.turn, self.local, self._end], [], [])
            if self._end in ready:
                return
            if self.local in ready:
                payload, client = self.local.recvfrom(65536)
                self.turn.send(self.wrapped(payload))
            if self.turn in ready and client:
                self.local.sendto(self.unwrapped(self.turn.recv(65536)), client)

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_) -> None:
        os.close(self._stop)
        self._thread.join()
        os.close(self._end)
        self.turn.close()
        self.local.close()


@contextlib.contextmanager
def turn_server(net: Line) -> Iterator[Process]:
    """coturn at the guarded address and port, with DTLS for its own clients there."""
    with process('turnserver', '-n', '--no-auth', '-L', GW4, '-p', str(PORT), '--relay-ip', GW4,
                 '--no-tcp', '--no-tls', '--no-cli', '--no-rfc5780', '--cert', str(CERTIFICATE),
                 '--pkey', str(KEY), '--log-file', 'stdout', '--simple-log',
                 '--pidfile', str(PKI.directory / 'turn.pid'), netns=net.server) as p:
        wait_for_port(net.server, PORT, p)
        yield p


def wait_for_port(namespace: str, port: int, p: Process) -> None:
    wait_for_udp(namespace, port, p)


@contextlib.contextmanager
def s_server(namespace: str, port: int, *options: str) -> Iterator[Process]:
    with process('openssl', 's_server', '-dtls1_2', '-accept', str(port), '-cert', str(CERTIFICATE),
                 '-key', str(KEY), '-quiet', *options, netns=namespace, name='s_server') as p:
        wait_for_port(namespace, port, p)
        yield p


def own_client(net: Line) -> contextlib.AbstractContextManager[Process]:
    """The server as a client, from its guarded port."""
    return process('openssl', 's_client', '-dtls1_2', '-quiet', '-bind', f'{GW4}:{PORT}',
                   '-connect', f'{CL4}:{PEER_PORT}', netns=net.server, name='s_client')


def both_ways(one: Process, other: Process) -> None:
    """A line each way between two programs that show what comes."""
    one.send('there\n')
    other.expect('^there$', stream='out')
    other.send('and back\n')
    one.expect('^and back$', stream='out')


def test_dtls_inside_turn() -> None:
    """A handshake with a peer behind a guarded TURN server: its hellos are the peer's business."""
    need('turnserver')
    with Line() as net, bridge(net) as g, turn_server(net):
        for channel in (False, True):
            for options in ((), ('-listen',)):
                with s_server(net.server, PEER_PORT, *options) as peer, \
                        Relay(net, (GW4, PEER_PORT), channel) as relay, \
                        s_client(net, '-quiet', host='127.0.0.1', port=relay.port) as client:
                    both_ways(client, peer)
        # The TURN server's own DTLS is guarded all the while.
        sock, answer = ask(net, packets.Hello().datagram())
        sock.close()
        assert answer[13] == packets.HELLO_VERIFY_REQUEST, answer.hex()
        _, counters = g.stop()
        assert counters['hvr'] == 1 and counters['guard_hellos'] == 0, counters
        assert counters['guard_datagrams'] > 20, counters
        assert sum(v for k, v in counters.items() if k.startswith('drop_')) == 0, counters


def test_a_server_that_is_the_client() -> None:
    """Its peer's HelloVerifyRequest and ServerHello, and certificates in fragments."""
    chain = PKI.leaf('large', comment=6000)
    large = ('-cert', str(chain), '-key', str(PKI.path('large.key')))
    with Line() as net, bridge(net) as g:
        for options in ((), ('-listen',), large, ('-listen', *large)):
            with s_server(net.client, PEER_PORT, '-mtu', '800', *options) as peer, \
                    own_client(net) as own:
                both_ways(own, peer)
        _, counters = g.stop()
        assert counters['guard_datagrams'] > 30 and counters['guard_hellos'] == 0, counters
        assert sum(v for k, v in counters.items() if k.startswith('drop_')) == 0, counters


def test_a_server_that_is_the_client_of_nobody_known() -> None:
    """guard-unproved = drop: what its peer answers is from a 4-tuple that has shown no cookie."""
    with Line() as net, bridge(net, guard_unproved='drop') as g, \
            s_server(net.client, PEER_PORT, '-listen'), \
            own_client(net):
        counters = g.wait_for(lambda c: c['drop_guard_unproved'] >= 2)
        assert counters['guard_datagrams'] == 0, counters
        g.stop()


HELLO = packets.Hello().datagram(record_seq=9)
ALERT = packets.record(b'\1\x64', kind=packets.ALERT)
LATER = packets.record(packets.handshake(bytes(50), kind=16, seq=5), version=packets.DTLS_1_2)
READ_ON = {
    '13 bytes': bytes(13) + HELLO,
    '26 bytes of RTP': b'\x80\x60' + bytes(range(24)) + HELLO,
    'a header of TURN': packets.stun(SEND, bytes(19) + HELLO),
    'ChangeCipherSpec': packets.record(b'\1', kind=packets.CHANGE_CIPHER_SPEC) + HELLO,
    'an empty alert': packets.record(b'', kind=packets.ALERT) + HELLO,
    'a later message': LATER + HELLO,
    'a later message in one record': packets.record(
        packets.handshake(bytes(50), kind=16, seq=5) + HELLO[13:], version=packets.DTLS_1_2),
    'a header without an end': packets.record(bytes(60000), kind=64)[:13] + HELLO,
    'other records': bytes(39) + LATER + bytes(13) + HELLO,
}


def test_a_server_that_reads_on() -> None:
    """OpenSSL finds these hellos, if it does not listen first. A guard keeps them from it."""
    with Line() as net, bridge(net) as g:
        for number, (name, datagram) in enumerate(READ_ON.items(), 1):
            with s_server(net.server, PORT):
                with in_netns(net.client), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    sock.sendto(datagram, (GW4, PORT))
                g.wait_for(lambda c, n=number: c['drop_guard_hidden'] == n)
                with in_netns(net.server), socket.socket(
                        socket.AF_INET, socket.SOCK_DGRAM) as inside:
                    inside.settimeout(slow(10))
                    inside.sendto(datagram, (GW4, PORT))
                    answer = inside.recv(65536)
                assert answer[0] == packets.HANDSHAKE and answer[13] in (
                    packets.HELLO_VERIFY_REQUEST, packets.SERVER_HELLO), (name, answer.hex())
        _, counters = g.stop()
        assert counters['bridged_to_servers'] < 30, counters  # discovery


class GnutlsServer:
    """A session of GnuTLS at the guarded address for one peer, who need not show a cookie."""
    SERVER, DATAGRAM, NONBLOCK = 1, 4, 8
    CERTIFICATES, PEM = 1, 1

    def __init__(self, net: Line, peer: tuple[str, int]) -> None:
        self.lib = ctypes.CDLL('libgnutls.so.30')
        self.session, self.credentials = ctypes.c_void_p(), ctypes.c_void_p()
        with in_netns(net.server):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((GW4, PORT))
        self.socket.connect(peer)
        self.call('gnutls_certificate_allocate_credentials', ctypes.byref(self.credentials))
        self.call('gnutls_certificate_set_x509_key_file', self.credentials,
                  str(CERTIFICATE).encode(), str(KEY).encode(), self.PEM)
        self.call('gnutls_init', ctypes.byref(self.session),
                  self.SERVER | self.DATAGRAM | self.NONBLOCK)
        self.call('gnutls_set_default_priority', self.session)
        self.call('gnutls_credentials_set', self.session, self.CERTIFICATES, self.credentials)
        fd = self.socket.fileno()
        self.lib.gnutls_transport_set_int2(self.session, fd, fd)

    def call(self, name: str, *arguments: object) -> None:
        assert getattr(self.lib, name)(*arguments) >= 0, name

    def read(self) -> None:
        """Waits for a datagram, and goes on with it until there is nothing more to read."""
        assert select.select([self.socket], [], [], slow(10))[0], 'nothing came'
        for _ in range(10):  # more than there are records
            self.lib.gnutls_handshake(self.session)

    def has_read_hello(self) -> bool:
        return self.lib.gnutls_handshake_get_last_in(self.session) == packets.CLIENT_HELLO

    def __enter__(self) -> GnutlsServer:
        return self

    def __exit__(self, *_) -> None:
        self.lib.gnutls_deinit(self.session)
        self.lib.gnutls_certificate_free_credentials(self.credentials)
        self.socket.close()


# Datagrams of which a guard drops the first.
PIECES = {
    'another version behind an alert': (ALERT + packets.record(HELLO[13:], version=0x0303, seq=9),),
    'one byte, and the others': (HELLO[:1], HELLO[1:]),
    'halves behind an alert': (ALERT + HELLO[:90], HELLO[90:]),
    'the rest of data, then a hello': (
        packets.record(bytes(60), kind=packets.APPLICATION_DATA, epoch=1)[:-40], bytes(40) + HELLO),
    'half a header': (packets.record(bytes(40), kind=packets.ALERT, epoch=1)[:5],
                      packets.record(bytes(40), kind=packets.ALERT, epoch=1)[5:] + HELLO),
}


def test_a_server_that_puts_datagrams_together() -> None:
    """GnuTLS takes a record that does not end from two datagrams. The first never gets to it."""
    with Line() as net, bridge(net) as g:
        for number, (name, pieces) in enumerate(PIECES.items(), 1):
            with in_netns(net.client):
                outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with in_netns(net.server):
                inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with outside, inside:
                outside.bind((CL4, 40000 + number))
                inside.bind((GW4, 40000 + number))
                with GnutlsServer(net, outside.getsockname()) as s:
                    for piece in pieces:
                        outside.sendto(piece, (GW4, PORT))
                    g.wait_for(lambda c, n=number: c['drop_guard_hidden'] == n)
                    for _ in pieces[1:]:
                        s.read()
                    assert not s.has_read_hello(), name
                with GnutlsServer(net, inside.getsockname()) as s:
                    for piece in pieces:
                        inside.sendto(piece, (GW4, PORT))
                        s.read()
                    assert s.has_read_hello(), name
        g.stop()


def test_the_rest_of_a_hello() -> None:
    """Fragments of a hello without a cookie do not reach the server, and those of a good one do."""
    need('ncat')
    first = packets.Hello()
    body = first.body()
    parts = [packets.record(packets.handshake(body[a:b], length=len(body), offset=a), seq=a)
             for a, b in ((0, 100), (100, len(body)))]
    with Line() as net, server(net) as s, bridge(net) as g:
        sock, answer = ask(net, parts[0])
        with sock:
            assert answer[13] == packets.HELLO_VERIFY_REQUEST, answer.hex()
            sock.send(parts[1])
            g.wait_for(lambda c: c['drop_guard_unproved'] == 1)
        with process('ncat', '--udp', '--ssl', GW4, str(PORT), netns=net.client) as p:
            echo_line(p)  # its second hello comes in fragments
        _, counters = g.stop()
        # Its first one, too. Where the rest of that has waited on another CPU until the cookie was good, it
        # passes, and the server ignores it.
        dropped = counters['drop_guard_unproved']
        assert dropped in (1, 2), counters
        counts = finish(s)
        assert counts['handshakes'] == counts['cookie_valid'] == 1, counts
        assert counts['ignored'] == 2 - dropped, (counts, dropped)


run(globals())
