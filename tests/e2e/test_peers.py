#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Clients on Mbed TLS, wolfSSL, NSS, Botan, pion and Bouncy Castle (peers.py): over a good path, over
one that loses each of their messages once, and through a guard. What a library cannot do is not
tried (docs/testing.md).
"""
from __future__ import annotations

import contextlib
import functools
from typing import Callable, Iterator

import line
from harness import (CL4, GW4, GW6, IPV6, PORT, Gateway, Net, Pki, RawPort, command, gateway,
                     process, run)
from impair import DOWN, UP, Path, Proxy, later_fragments
from peers import PEERS, Peer

PKI = Pki()
IDENTITY, KEY = 'thing', '0123456789abcdef' * 2
PSK_PORT = 5685
PSK_FILE = PKI.directory / 'psk'
PSK_FILE.write_text(f'{IDENTITY}:{KEY}\n')
# The first certificate is for gw.test, the second one for other.test.
CERTIFIED = {'certificate': f'{PKI.leaf("server")}, {PKI.leaf("other", host="other.test")}',
             'private_key': f'{PKI.path("server.key")}, {PKI.path("other.key")}'}
LISTENERS = {'echo': CERTIFIED, 'psk': {'psk_file': PSK_FILE, 'bind': f'{GW4}:{PSK_PORT}'}}


def verify(host: str = 'gw.test', ca: str = 'ca') -> tuple[str, ...]:
    return ('--ca', PKI.path(f'{ca}.pem'), '--sni', host)


class Visits:
    """A peer that talks to the gateway, again and again: what it adds to the counters."""

    def __init__(self, peer: Peer, net: Net, g: Gateway) -> None:
        self.peer, self.net, self.g = peer, net, g
        self.sessions = self.resumed = 0

    def pays(self, *options: object, host: str = GW4, port: int = PORT,
             resumes: bool = False) -> None:
        """Handshake and echo; one hello without a cookie, one with."""
        command(*self.peer.command(*options, host=host, port=port), netns=self.net.client)
        self.sessions += 1 + resumes
        self.resumed += resumes and self.peer.tickets
        stats = self.g.wait_for(lambda s: s['handshakes'] == self.sessions)
        assert stats['hvr'] == stats['cookie_none'] == self.sessions, stats
        assert stats['handshakes_resumed'] == self.resumed, stats

    def refuses(self, *options: object) -> None:
        """It does not take the certificate."""
        with process(*self.peer.command(*options), netns=self.net.client) as p:
            assert p.wait() == 1, p.output()


def over_a_good_path(peer: Peer) -> None:
    PKI.leaf('stranger', signer='other-ca')
    with Net() as net, gateway(net, LISTENERS) as g:
        visits = Visits(peer, net, g)
        visits.pays(*verify())
        if IPV6:
            visits.pays(*verify(), host=GW6)
        visits.pays(*verify(), '--resume', resumes=True)
        if peer.server_name:
            visits.pays(*verify('other.test'))
        if peer.psk:
            visits.pays('--identity', IDENTITY, '--psk', KEY, '--ciphers', peer.psk, port=PSK_PORT)
        if peer.max_fragment:
            visits.pays(*verify(), '--max-fragment', 512)
        if peer.offers_1_3:
            visits.pays(*verify(), '--offer-1.3')
        if peer.mtu:
            with RawPort(net, outgoing=True) as raw:
                visits.pays(*verify(), '--mtu', peer.mtu)
                assert later_fragments(raw) >= 2
        if peer.closes:
            g.wait_for(lambda s: s['sessions_closed'] == visits.sessions)
        visits.refuses(*verify(ca='other-ca'))
        _, counters = g.stop()
        assert counters['cookie_wrong_tag'] == counters['drop_hello_body'] == 0, counters


# One datagram of each flight is lost, the first one.
LOSSES = {'hello': (UP, 0), 'HelloVerifyRequest': (DOWN, 0), 'second hello': (UP, 1),
          'ServerHello': (DOWN, 1), 'ClientKeyExchange': (UP, 2), 'Finished': (DOWN, 2)}


def after_losses(peer: Peer) -> None:
    """Its first connection completes, whatever was lost."""
    with Net() as net, gateway(net, LISTENERS) as g, Proxy(net.client) as proxy, \
            contextlib.ExitStack() as stack:
        there = []
        for what, place in LOSSES.items():
            if what == 'ClientKeyExchange' and not peer.repeated_finished:
                continue
            lane = proxy.lane(Path(what, script={place: ()}), CL4)
            argv = peer.command(*verify(), host='127.0.0.1', port=lane.port)
            there.append((what, lane, stack.enter_context(process(*argv, netns=net.client))))
        for what, lane, p in there:
            assert p.wait() == 0, f'{what} lost:\n{p.output()}'
            assert lane.losses() == 1, what
        proxy.check()
        _, counters = g.stop()
        assert counters['handshakes'] == len(there), counters
        assert counters['cookie_wrong_tag'] == 0, counters


def through_a_guard(peer: Peer) -> None:
    """In front of a server with the library, with hellos in fragments too."""
    ways = [verify()] + ([(*verify(), '--mtu', peer.mtu)] if peer.mtu else [])
    with line.Line() as net, line.server(net) as server, line.bridge(net) as g:
        for options in ways:
            argv = peer.command('--ca', line.PKI.path('ca.pem'), *options[2:])
            command(*argv, netns=net.client)
        g.stop()
        counts = line.finish(server)
        assert counts['handshakes'] == counts['cookie_valid'] == len(ways), counts


def test_nss_with_hellos_in_fragments() -> None:
    """It has no option for that: after three losses it tries them (RFC 6347 section 4.1.1.1)."""
    peer = next(p for p in PEERS if p.name == 'nss')
    lost = {(UP, number): () for number in range(3)}
    with Net() as net, gateway(net, LISTENERS) as g, Proxy(net.client) as proxy, \
            RawPort(net, outgoing=True) as raw:
        lane = proxy.lane(Path('first hellos', script=lost), CL4)
        command(*peer.command(*verify(), host='127.0.0.1', port=lane.port), netns=net.client)
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        assert lane.losses() == len(lost) and later_fragments(raw) >= 2
        _, counters = g.stop()
        assert counters['cookie_wrong_tag'] == 0 and counters['handshakes'] == 1, counters


def each() -> Iterator[tuple[str, Callable[[], None]]]:
    for peer in PEERS:
        for case in over_a_good_path, after_losses, through_a_guard:
            yield f'test_{peer.name}_{case.__name__}', functools.partial(case, peer)


run({**dict(each()), **globals()})
