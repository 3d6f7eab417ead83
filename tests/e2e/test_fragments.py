#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Hellos that come in pieces, or change from one to the next: whatever of them a small MTU leaves for the
first fragment, and clients that draw another session_id each time.
"""
from __future__ import annotations

import contextlib
import struct
from typing import Iterator, Sequence

import dtls
from harness import (GW4, PORT, Gateway, Net, Pki, asked, command, echo_line, gateway, need, packets,
                     process, run, run_client, s_client)
from peers import PEERS

PKI = Pki()
SECRET = bytes(range(32))
SECRET_FILE = PKI.directory / 'cookie.secret'
SECRET_FILE.write_text(SECRET.hex() + '\n')
LISTENER = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key'),
            **dtls.settings(PKI)}
JAR = packets.CookieJar(SECRET, 3600)
NETWORK = '198.19'  # every address of it is the clients'
OVERHEAD = 20 + 8 + packets.RECORD_HEADER + packets.HANDSHAKE_HEADER  # of a fragment over IPv4
# As long as those of real clients: as many suites, and some extensions.
UNKNOWN = struct.pack('!27H', *range(0xFE01, 0xFE1C))
LONG = dtls.HELLO.with_(suites=UNKNOWN + dtls.HELLO.suites,
                        extensions=packets.extension(21, bytes(80)))  # padding (RFC 7685)
COOKIE_END = 36 + packets.COOKIE_SIZE  # in a second hello without session_id


@contextlib.contextmanager
def lab(**options) -> Iterator[tuple[Gateway, Peers]]:
    with Net() as net, gateway(net, {'crafted': LISTENER}, cookie_secret=SECRET_FILE,
                               handshake_rate=0, **options) as g:
        command('ip', '-n', net.client, 'route', 'add', 'local', f'{NETWORK}.0.0/16', 'dev', 'lo')
        command('ping', '-c', '1', '-W', '5', GW4, netns=net.client)
        with contextlib.ExitStack() as stack:
            yield g, Peers(net, stack)


class Peers:
    """Peers with an address each, and with it limits of their own."""

    def __init__(self, net: Net, stack: contextlib.ExitStack) -> None:
        self.net, self.stack, self.count = net, stack, 0

    def next(self) -> dtls.Peer:
        self.count += 1
        source = f'{NETWORK}.{self.count >> 8}.{self.count & 255}'
        return self.stack.enter_context(dtls.Peer(self.net, source, 42000, PORT, JAR))


def pieces(message: bytes, cuts: Sequence[int]) -> list[bytes]:
    """The fragments of a message that end there, and at its end."""
    size = len(message) - packets.HANDSHAKE_HEADER
    ends = [*(c for c in cuts if c < size), size]
    return [dtls.fragment(message, start, end) for start, end in zip([0, *ends], ends)]


def every(step: int) -> range:
    return range(step, 4000, step)


def first_hello(peer: dtls.Peer, hello: packets.Hello, cuts: Sequence[int]) -> packets.Hello:
    """The first hello in fragments: the hello with the cookie that its first fragment is given."""
    flight = [packets.record(part, seq=seq) for seq, part in enumerate(
        pieces(packets.handshake(hello.body(), seq=0), cuts))]
    answer, = peer.ask(lambda: flight, bool)
    (_, _, seq, content), = packets.records(answer)
    assert content[0] == packets.HELLO_VERIFY_REQUEST and seq == 0, answer.hex()
    return hello.with_(cookie=content[-packets.COOKIE_SIZE:])


def converse(peer: dtls.Peer, hello: packets.Hello, cuts: Sequence[int], *,
             backwards: bool = False) -> None:
    """From the first hello to an echo; both hellos in fragments that end in the same places."""
    def send(client: dtls.Client) -> list[bytes]:
        parts = pieces(client.hello_message, cuts)
        return [client.plain(part) for part in (reversed(parts) if backwards else parts)]
    peer.enter(first_hello(peer, hello, cuts), send)
    peer.finish()
    peer.echo()
    peer.close()


def test_first_fragments_of_every_length() -> None:
    """It ends anywhere behind the cookie of the second hello, up to where all of it fits."""
    with lab() as (g, peers):
        ends = range(COOKIE_END, len(LONG.body()) + packets.COOKIE_SIZE + 1)
        for end in ends:
            converse(peers.next(), LONG.with_(random=dtls.seeded(end)), [end])
        stats = g.wait_for(lambda s: s['sessions_closed'] == len(ends))
        assert asked(stats) >= stats['sessions_opened'] == len(ends), stats
        assert stats['cookie_wrong_tag'] == stats['drop_hello_body'] == 0, stats
        g.stop()


def test_every_mtu_from_110_to_300() -> None:
    """Hellos in up to five fragments, of which the first has a part of the suites, or all of it."""
    with lab() as (g, peers):
        mtus = range(110, 301)
        for mtu in mtus:
            converse(peers.next(), LONG.with_(random=dtls.seeded(mtu)), every(mtu - OVERHEAD))
        stats = g.wait_for(lambda s: s['sessions_closed'] == len(mtus))
        assert asked(stats) >= stats['handshakes'] == len(mtus), stats
        g.stop()


def test_fragments_in_the_wrong_order() -> None:
    """The last one first: what overtakes the first fragment is lost, and comes again."""
    with lab() as (g, peers):
        mtus = range(110, 301, 38)
        for mtu in mtus:
            converse(peers.next(), LONG.with_(random=dtls.seeded(mtu)), every(mtu - OVERHEAD),
                     backwards=True)
        stats = g.wait_for(lambda s: s['sessions_closed'] == len(mtus))
        assert stats['handshakes'] == len(mtus) and stats['drop_no_session'] > 0, stats
        g.stop()


def test_bound_to_parameters_that_are_not_there() -> None:
    """Who has not all of them in its first fragment is not answered, and counted; others are served."""
    with lab(cookie_binding='parameters') as (g, peers):
        offer_end = 40 + len(LONG.suites)
        peer = peers.next()
        for end in (36, 37, 60, offer_end - 1):
            part = pieces(packets.handshake(LONG.body(), seq=0), [end])[0]
            peer.send(packets.record(part))
        stats = g.wait_for(lambda s: s['drop_hello_unbound'] == 4)
        assert stats['hvr'] == 0 and peer.receive() is None, stats
        # All there the first time, and not the second, which is longer by the cookie.
        hello = first_hello(peer, LONG, [offer_end])
        client = dtls.Client(hello)
        peer.send(client.plain(pieces(client.hello_message, [offer_end])[0]))
        g.wait_for(lambda s: s['drop_hello_unbound'] == 5)
        # Bound with RFC 6347's parameters, of which one has changed.
        changed = hello.with_(session_id=bytes(range(32)))
        peer.send(dtls.Client(changed).plain(packets.handshake(changed.body(), seq=1)))
        g.wait_for(lambda s: s['cookie_wrong_tag'] == 1)
        peer = peers.next()
        peer.enter(first_hello(peer, LONG, []))
        peer.finish()
        peer.echo()
        g.stop()


def test_another_session_id_in_each_hello() -> None:
    """As Mbed TLS 2.16.12 to 3.1 does with a ticket: RFC 5077 section 3.4 lets it choose."""
    with lab() as (g, peers):
        peer = peers.next()
        asking = LONG.with_(random=dtls.seeded(1), extensions=packets.extension(35, b''))
        client = peer.enter(peer.verified(asking.random, hello=asking))
        got = peer.ask(lambda: [client.last_flight()], client.is_finished)
        peer.echo()
        peer.close()
        ticket = next(m for m in dtls.messages(got).values() if m[0] == dtls.NEW_SESSION_TICKET)
        again = peers.next()
        hello = LONG.with_(random=dtls.seeded(2), session_id=dtls.seeded(3),
                           extensions=packets.extension(35, ticket[packets.HANDSHAKE_HEADER + 6:]))
        verified = first_hello(again, hello, []).with_(session_id=dtls.seeded(4))
        again.client = resumed = dtls.Client(verified)
        again.ask(lambda: [resumed.plain(resumed.hello_message)],
                  lambda got: resumed.take_resumption(client.master, got))
        again.send(resumed.last_flight())
        again.echo()
        again.close()
        stats = g.wait_for(lambda s: s['sessions_closed'] == 2)
        assert stats['handshakes'] == 2 and stats['handshakes_resumed'] == 1, stats
        assert stats['cookie_wrong_tag'] == 0, stats
        g.stop()


def test_mbed_tls_resumes() -> None:
    """With a ticket, and so with another session_id in each hello if it is 2.16.12 to 3.1."""
    client = next(p for p in PEERS if p.name == 'mbedtls')
    argv = client.command('--ca', PKI.path('ca.pem'), '--sni', 'gw.test', '--resume')
    with Net() as net, gateway(net, {'echo': {'certificate': PKI.leaf('server'),
                                              'private_key': PKI.path('server.key')}}) as g:
        command(*argv, netns=net.client)
        stats = g.wait_for(lambda s: s['sessions_closed'] == 2)
        assert stats['handshakes_resumed'] == 1 and asked(stats) >= 2, stats
        assert stats['cookie_wrong_tag'] == stats['drop_hello_body'] == 0, stats
        g.stop()


def test_clients_with_a_small_mtu() -> None:
    """OpenSSL, GnuTLS, and OpenSSL by a program of our own, which sends the fragments of a hello once."""
    need('gnutls-cli')
    with Net() as net, gateway(net, {'echo': {'certificate': PKI.leaf('server'),
                                              'private_key': PKI.path('server.key')}},
                               client_rate=0) as g:
        count = 0
        for mtu in range(256, 301, 4):  # with more suites than fit into a first fragment
            with s_client(net, '-mtu', str(mtu), '-cipher', 'ALL:COMPLEMENTOFALL:@SECLEVEL=0') as p:
                echo_line(p)
                p.end_input()
                p.wait()
            run_client(net, '--mtu', mtu, '--datagrams', 1)
            count += 2
        for mtu in range(110, 301, 10):
            with process('gnutls-cli', '--udp', '--insecure', f'--mtu={mtu}', '-p', str(PORT), GW4,
                         netns=net.client) as p:
                p.expect('Handshake was completed')
                echo_line(p)
                p.end_input()
            count += 1
        stats = g.wait_for(lambda s: s['handshakes'] == count)
        assert stats['cookie_wrong_tag'] == stats['drop_hello_body'] == 0, stats
        g.stop()


run(globals())
