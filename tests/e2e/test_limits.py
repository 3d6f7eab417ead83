#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""How long what goes to a client may be: what was agreed upon with it, the MTU of its port, flight-mtu,
and paths that lose large packets."""
from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import time
from typing import Iterator

import dtls
from clock import Clock, movable
from harness import (BUILD, CL4, CL6, GW4, GW6, PATIENCE, PORT, Gateway, Net, Pki, check_config,
                     command, configuration, echo_line, gateway, in_netns, need, need_ipv6, packets, process,
                     run, running, slow, until)
from impair import DOWN, Lane, Path, Proxy
from peers import PEERS

PKI = Pki()
SECRET = PKI.directory / 'cookie.secret'
SECRET.write_text(bytes(range(32)).hex() + '\n')
JAR = packets.CookieJar(bytes(range(32)), 3600)
SESSIONS = '/hellogate/sessions'
LIMITS = {1: 512, 2: 1024, 3: 2048, 4: 4096}  # RFC 6066 section 4
# Of a datagram of dtls.Peer's suite over IPv4 by the MTU of 1500: what is left for data.
ROOM = 1500 - 20 - 8 - packets.RECORD_HEADER - dtls.MAC_SIZE
BIG = {'certificate': PKI.leaf('big', kind='rsa4096', comment=3000),
       'private_key': PKI.path('big.key')}


def asking(code: int, number: int = 0) -> packets.Hello:
    """A hello with max_fragment_length."""
    return dtls.HELLO.with_(extensions=packets.extension(1, bytes([code])),
                            random=dtls.seeded(1000 * code + number))


def enter(peer: dtls.Peer, code: int, number: int = 0) -> dtls.Client:
    hello = asking(code, number) if code else dtls.HELLO.with_(random=dtls.seeded(number))
    client = peer.enter(peer.verified(hello.random, hello=hello))
    peer.finish()
    return client


class Upstream:
    """A UDP server that says what the test wants it to."""

    def __init__(self, net: Net) -> None:
        with in_netns(net.gateway):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', 0))
        self.socket.settimeout(slow(PATIENCE))
        self.where = f'127.0.0.1:{self.socket.getsockname()[1]}'

    def meet(self, peer: dtls.Peer) -> tuple:
        """The address of the session of a client, which sends something."""
        peer.send(peer.client.seal(b'hello'))
        data, sender = self.socket.recvfrom(65536)
        assert data == b'hello', data
        return sender

    def __enter__(self) -> Upstream:
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()


def comes(peer: dtls.Peer, size: int) -> None:
    """Waits for a datagram of so many bytes."""
    end = time.monotonic() + slow(PATIENCE)
    while time.monotonic() < end:
        datagram = peer.receive(0.2)
        if datagram and (packets.APPLICATION_DATA, bytes(size)) in peer.client.opened([datagram]):
            return
    raise AssertionError(f'no datagram of {size} bytes')


def test_agreed_length_of_data() -> None:
    """What the upstream sends: as long as was agreed upon, or as the port's MTU allows if that is less.
    A byte more is lost and counted; the session goes on."""
    with Net() as net, Upstream(net) as upstream, \
            gateway(net, {'coap': {**dtls.settings(PKI), 'upstream': upstream.where}},
                    cookie_secret=SECRET) as g:
        for code in (0, *LIMITS):
            most = min(LIMITS.get(code, 16384), ROOM)
            with dtls.Peer(net, CL4, 42000 + code, PORT, JAR) as peer:
                enter(peer, code)
                session = upstream.meet(peer)
                before = g.stats()
                for size in (most + 1, most, 2 * most, 17000, most):
                    upstream.socket.sendto(bytes(size), session)
                    if size == most:
                        comes(peer, size)
                stats = g.wait_for(lambda s, b=before: s['upstream_rx'] == b['upstream_rx'] + 2)
                assert stats['upstream_rx_too_long'] == before['upstream_rx_too_long'] + 3, stats
                assert stats['out_dropped'] == stats['upstream_rx_dropped'] == 0, stats
        g.wait_for(lambda s: s['sessions_closed'] == 1 + len(LIMITS))
        g.stop()


def test_the_mtu_of_the_port_changes_in_a_session() -> None:
    """It holds as it is now, not as it was when the client last sent something."""
    with Net() as net, Upstream(net) as upstream, \
            gateway(net, {'coap': {**dtls.settings(PKI), 'upstream': upstream.where}},
                    cookie_secret=SECRET) as g, dtls.Peer(net, CL4, 42000, PORT, JAR) as peer:
        peer.connect(dtls.seeded(3))
        session = upstream.meet(peer)
        for mtu in 1500, 1300, 1500:
            command('ip', '-n', net.gateway, 'link', 'set', net.gateway_if, 'mtu', str(mtu))
            g.wait_for(lambda p, m=mtu: p['wan']['mtu'] == m, command='/hellogate/ports')
            before = g.stats()['upstream_rx_too_long']
            most = ROOM - 1500 + mtu
            upstream.socket.sendto(bytes(most + 1), session)
            g.wait_for(lambda s, n=before: s['upstream_rx_too_long'] == n + 1)
            upstream.socket.sendto(bytes(most), session)
            comes(peer, most)
        peer.close()
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        g.stop()


def test_agreed_length_with_echo() -> None:
    """What the client sends: more than it has agreed to is ignored, and nobody's end."""
    with Net() as net, gateway(net, {'echo': dtls.settings(PKI)}, cookie_secret=SECRET) as g:
        for code in (1, 2):
            with dtls.Peer(net, CL4, 42000 + code, PORT, JAR) as peer:
                client = enter(peer, code)
                for size in (LIMITS[code] + 1, LIMITS[code], 1400, LIMITS[code]):
                    peer.send(client.seal(bytes(size)))
                    if size <= LIMITS[code]:
                        comes(peer, size)
                peer.echo()
        stats = g.wait_for(lambda s: s['sessions_closed'] == 2)
        assert stats['ignored_long'] == 4 and stats['sessions_broken'] == 0, stats
        assert stats['client_datagrams'] == stats['upstream_tx'] == stats['upstream_rx'], stats
        g.stop()


def test_empty_answers_are_counted_as_lost() -> None:
    with Net() as net, Upstream(net) as upstream, \
            gateway(net, {'coap': {**dtls.settings(PKI), 'upstream': upstream.where}},
                    cookie_secret=SECRET) as g, dtls.Peer(net, CL4, 42000, PORT, JAR) as peer:
        enter(peer, 1)
        session = upstream.meet(peer)
        upstream.socket.sendto(b'', session)
        upstream.socket.sendto(bytes(10), session)
        comes(peer, 10)
        stats = g.stats()
        assert (stats['upstream_rx'], stats['upstream_rx_dropped']) == (1, 1), stats
        peer.close()
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        g.stop()


def test_what_is_lost_is_no_activity() -> None:
    """An upstream that goes on sending what is too long, or empty, does not keep the session; one whose
    datagrams get through does."""
    with Net() as net, Upstream(net) as upstream, \
            movable(net, {'coap': {**dtls.settings(PKI), 'upstream': upstream.where,
                                   'idle_timeout': 100}}, cookie_secret=SECRET) as (g, clock), \
            dtls.Peer(net, CL4, 42000, PORT, JAR) as lost, \
            dtls.Peer(net, CL4, 42001, PORT, JAR) as kept:
        for number, peer in enumerate((lost, kept)):
            enter(peer, 1, number)
        to_lost, to_kept = upstream.meet(lost), upstream.meet(kept)
        clock.pass_by(60)
        for size in (513, 0, 1400):
            upstream.socket.sendto(bytes(size), to_lost)
        upstream.socket.sendto(bytes(512), to_kept)
        comes(kept, 512)
        g.wait_for(lambda s: s['upstream_rx_too_long'] + s['upstream_rx_dropped'] == 3)
        clock.pass_by(60)
        stats = g.wait_for(lambda s: s['sessions_idle'] == 1)
        upstream.socket.sendto(bytes(100), to_kept)
        comes(kept, 100)
        assert g.telemetry(SESSIONS)['established'] == 1, stats
        kept.close()
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        g.stop()


def test_what_is_lost_does_not_keep_from_eviction() -> None:
    """With max-sessions reached, the session that makes room is the one that nothing has got through to."""
    with Net() as net, Upstream(net) as upstream, \
            movable(net, {'coap': {**dtls.settings(PKI), 'upstream': upstream.where,
                                   'idle_timeout': 3600}}, cookie_secret=SECRET, max_sessions=64,
                    evict_idle=100) as (g, clock), contextlib.ExitStack() as peers:
        def connect(number: int) -> dtls.Peer:
            peer = peers.enter_context(dtls.Peer(net, CL4, 42000 + number, PORT, JAR))
            enter(peer, 1, number)
            return peer

        first = connect(0)
        session = upstream.meet(first)
        clock.pass_by(60)
        for number in range(1, 64):
            connect(number)
        clock.pass_by(60)
        upstream.socket.sendto(bytes(513), session)
        g.wait_for(lambda s: s['upstream_rx_too_long'] == 1)
        connect(64)
        stats = g.wait_for(lambda s: s['sessions_evicted'] == 1)
        assert stats['handshakes'] == 65 and stats['refused_sessions_full'] == 0, stats
        g.stop()


def test_write_that_fails_for_good_ends_the_session() -> None:
    """OpenSSL will never write again: the session would be there for nothing."""
    with Net() as net, Upstream(net) as upstream:
        listeners = {'coap': {**dtls.settings(PKI), 'upstream': upstream.where},
                     'echo': {**dtls.settings(PKI), 'bind': f'{GW4}:5685'}}
        library = BUILD / 'tests' / 'e2e' / 'libfailing_write.so'
        options = os.environ.get('ASAN_OPTIONS', '') + ':verify_asan_link_order=0'
        with running(Gateway(configuration(net, listeners, cookie_secret=SECRET), netns=net.gateway,
                             env={'LD_PRELOAD': str(library), 'ASAN_OPTIONS': options}), net) as g, \
                dtls.Peer(net, CL4, 42000, PORT, JAR) as one, \
                dtls.Peer(net, CL4, 42001, 5685, JAR) as two, \
                dtls.Peer(net, CL4, 42002, 5685, JAR) as three:
            for number, peer in enumerate((one, two, three)):
                enter(peer, 0, number)
            session = upstream.meet(one)
            for _ in range(3):
                upstream.socket.sendto(b'fail', session)
            stats = g.wait_for(lambda s: s['sessions_broken'] == 1)
            assert stats['upstream_rx_dropped'] >= 1, stats
            two.send(two.client.seal(b'failure'))
            g.wait_for(lambda s: s['sessions_broken'] == 2)
            three.echo()
            assert g.telemetry(SESSIONS)['established'] == 1
            three.close()
            g.wait_for(lambda s: s['sessions_closed'] == 1)
            g.stop()


# ---------------------------------------------------------------------------------------------
# Flights, as they are on the wire

@contextlib.contextmanager
def narrow(net: Net, path: Path, source: str = CL4, gateway: str = GW4) -> Iterator[Lane]:
    with Proxy(net.client) as proxy:
        yield proxy.lane(path, source, gateway)
        proxy.check()


def connect_openssl(net: Net, lane: Lane, *options: str, resumed: bool = False) -> None:
    with process('openssl', 's_client', '-nbio', '-dtls1_2', '-connect', f'127.0.0.1:{lane.port}',
                 *options, netns=net.client, name='s_client') as p:
        p.expect('^Reused, ' if resumed else '^New, ', slow(60), 'out')
        echo_line(p)
        p.end_input()
        p.wait()


def connect_gnutls(net: Net, lane: Lane, *options: str) -> None:
    with process('gnutls-cli', '--udp', '--insecure', '-p', str(lane.port), '127.0.0.1', *options,
                 netns=net.client) as p:
        p.expect('Handshake was completed', slow(60))
        echo_line(p)
        p.end_input()
        p.wait()


def connect_mbedtls(net: Net, lane: Lane, *options: object) -> None:
    """Twice, and the second session resumes the first."""
    client = next(p for p in PEERS if p.name == 'mbedtls')
    command(*client.command('--ca', PKI.path('ca.pem'), '--sni', 'gw.test', '--resume', *options,
                            host='127.0.0.1', port=lane.port), netns=net.client)


def test_flight_mtu() -> None:
    """Datagrams of a flight are as long as flight-mtu says, over IPv4 as over IPv6, and no longer than the
    port's MTU allows."""
    need_ipv6()
    for mtu, payload in ((None, 1232), (304, 256), (576, 528), (1499, 1451)):
        with Net() as net, gateway(net, {'echo': {**BIG, 'flight_mtu': mtu}}) as g:
            for source, host in ((CL4, GW4), (CL6, GW6)):
                with narrow(net, Path(), source, host) as lane:
                    connect_openssl(net, lane)
                    assert max(lane.sizes[DOWN]) == payload, (mtu, lane.sizes)
            g.stop()


def test_flight_mtu_beyond_that_of_the_port() -> None:
    """Refused, at the start and by a reload, with the line."""
    def refusal(text: str) -> str:
        line = next(n for n, line in enumerate(text.splitlines(), 1) if 'flight-mtu' in line)
        return f':{line}: flight-mtu is more than the MTU of port wan, which is 1500\n'

    with Net() as net:
        text = configuration(net, {'echo': {**BIG, 'flight_mtu': 1501}}, user='root')
        code, _, err, _ = check_config(text, (), netns=net.gateway)
        assert code == 2 and refusal(text) in err, err
        with gateway(net, {'echo': {**BIG, 'flight_mtu': 1500}}, user='root') as g:
            g.config.write_text(text)
            g.process.popen.send_signal(signal.SIGHUP)
            g.process.expect(re.escape(refusal(text)))
            g.config.write_text(configuration(net, {'echo': {**BIG, 'flight_mtu': 1000}},
                                              user='root'))
            g.process.popen.send_signal(signal.SIGHUP)
            g.process.expect('reloaded')
            with narrow(net, Path()) as lane:
                connect_openssl(net, lane)
                assert max(lane.sizes[DOWN]) == 1000 - 48, lane.sizes
            g.stop()


def test_flights_with_agreed_length() -> None:
    """A client that asks for max_fragment_length gets flights in datagrams of one such record, in full
    handshakes and resumed ones, whatever stack it is made with."""
    need('gnutls-cli')
    session = PKI.path('session')
    with Net() as net, gateway(net, {'echo': BIG}) as g:
        for limit in LIMITS.values():
            most = min(limit + packets.RECORD_HEADER, 1232)
            with narrow(net, Path()) as lane:
                connect_openssl(net, lane, '-maxfraglen', str(limit), '-sess_out', session)
                assert most / 2 < max(lane.sizes[DOWN]) <= most, (limit, lane.sizes)
                connect_openssl(net, lane, '-maxfraglen', str(limit), '-sess_in', session,
                                resumed=True)
                assert max(lane.sizes[DOWN]) <= most, (limit, lane.sizes)
        with narrow(net, Path()) as lane:
            connect_gnutls(net, lane, '--recordsize=512')
            assert 256 < max(lane.sizes[DOWN]) <= 525, lane.sizes
        stats = g.wait_for(lambda s: s['handshakes'] == 9)
        assert stats['handshakes_resumed'] == 4, stats
        g.stop()


def test_flights_with_agreed_length_mbed_tls() -> None:
    """As above, with Mbed TLS, which resumes as well."""
    with Net() as net, gateway(net, {'echo': BIG}) as g:
        for limit in LIMITS.values():
            most = min(limit + packets.RECORD_HEADER, 1232)
            with narrow(net, Path()) as lane:
                connect_mbedtls(net, lane, '--max-fragment', limit)
                assert most / 2 < max(lane.sizes[DOWN]) <= most, (limit, lane.sizes)
        stats = g.wait_for(lambda s: s['handshakes'] == 8)
        assert stats['handshakes_resumed'] == 4, stats
        g.stop()


def test_other_length_than_that_of_the_session() -> None:
    """A client that asks for no length any more is not told of the former one, which it would take for
    an error: it gets a full handshake."""
    session = PKI.path('other-session')
    with Net() as net, gateway(net, {'echo': BIG}) as g, narrow(net, Path()) as lane:
        connect_openssl(net, lane, '-sess_out', session)
        connect_openssl(net, lane, '-maxfraglen', '1024', '-sess_in', session, '-sess_out', session)
        connect_openssl(net, lane, '-maxfraglen', '512', '-sess_in', session)
        stats = g.wait_for(lambda s: s['sessions_closed'] == 3)
        assert stats['handshakes_resumed'] == stats['sessions_failed'] == 0, stats
        g.stop()


# ---------------------------------------------------------------------------------------------
# Paths that lose large packets, and say nothing of it

def lossy(mtu: int) -> Path:
    """Of what the gateway sends over IPv4, packets of more than so many bytes are lost."""
    return Path(longest={DOWN: mtu - 28})


def test_narrow_paths() -> None:
    """RFC 6347 section 4.1.1.1: after repeated losses a flight is sent in smaller datagrams, and gets
    through. Those of 1260 bytes are lost first, those of 536 never."""
    for mtu in (1259, 1000, 576, 536):
        with Net() as net, gateway(net, {'echo': BIG}) as g, narrow(net, lossy(mtu)) as lane:
            connect_openssl(net, lane)
            assert max(lane.sizes[DOWN]) == 1232, lane.sizes
            assert lane.lost[DOWN] >= 2 and 508 in lane.sizes[DOWN], lane.sizes
            stats = g.stats()
            assert stats['flight_reductions'] == stats['handshakes'] == 1, stats
            g.stop()


def test_narrow_path_mbed_tls() -> None:
    """The same with a client of another make; its resumption fits at once."""
    with Net() as net, gateway(net, {'echo': BIG}) as g, narrow(net, lossy(576)) as lane:
        connect_mbedtls(net, lane)
        stats = g.wait_for(lambda s: s['sessions_closed'] == 2)
        assert stats['flight_reductions'] == stats['handshakes_resumed'] == 1, stats
        g.stop()


def test_narrow_path_gnutls() -> None:
    """GnuTLS cannot put together what is in other pieces the second time: for such clients there is
    flight-mtu, with which the first flight gets through."""
    need('gnutls-cli')
    with Net() as net, gateway(net, {'echo': {**BIG, 'flight_mtu': 576}}) as g, \
            narrow(net, lossy(576)) as lane:
        connect_gnutls(net, lane)
        assert lane.lost[DOWN] == 0 and 400 < max(lane.sizes[DOWN]) <= 528, lane.sizes
        assert g.stats()['flight_reductions'] == 0
        g.stop()


# The last of a flight that is sent again, in a datagram of its own: ServerHelloDone.
DONE = packets.RECORD_HEADER + packets.HANDSHAKE_HEADER


def turn(g: Gateway, clock: Clock, seconds: int) -> None:
    """So much time passes for OpenSSL's timers, which have the time of day, and for the gateway's."""
    clock.set(clock.of_day + seconds, g)
    clock.pass_by(seconds)


def test_very_narrow_path() -> None:
    """The least MTU that RFC 1191 knows of links with, 296: 256 bytes come through, at the fourth time."""
    with Net() as net, movable(net, {'echo': BIG}) as (g, clock), narrow(net, lossy(296)) as lane, \
            process('openssl', 's_client', '-nbio', '-dtls1_2', '-connect',
                    f'127.0.0.1:{lane.port}', netns=net.client, name='s_client') as p:
        g.wait_for(lambda s: s['sessions_opened'] == 1)
        for number, pause in enumerate((1, 2, 4, 8), 1):
            turn(g, clock, pause)
            until(lambda n=number: lane.sizes[DOWN].count(DONE) == n,
                  lambda: f'no flight: {lane.sizes}')
        p.expect('^New, ', slow(PATIENCE), 'out')
        echo_line(p)
        stats = g.stats()
        assert stats['flight_reductions'] == 2 and stats['handshakes'] == 1, stats
        g.stop()


def test_narrow_path_for_the_last_flight() -> None:
    """The first flight fits, the last does not: its ticket holds the client's certificate. The client repeats
    its own flight, and is answered in smaller datagrams from the second time on."""
    PKI.ca('devices')
    PKI.leaf('device', kind='rsa4096', signer='devices', comment=800)
    listener = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key'),
                'client_ca': PKI.path('devices.pem')}
    with Net() as net, gateway(net, {'echo': listener}) as g, narrow(net, lossy(1200)) as lane:
        # It knows the path, as its own flight is to get through at once: OpenSSL 3.6 would ask the kernel.
        connect_openssl(net, lane, '-cert', PKI.path('device.pem'), '-key', PKI.path('device.key'),
                        '-mtu', '1200')
        stats = g.stats()
        assert lane.lost[DOWN] == 2, lane.sizes
        assert stats['flight_reductions'] == 1 and stats['handshakes'] == 1, stats
        g.stop()


def test_slow_clients_lose_nothing() -> None:
    """A way of four seconds there and back, on which nothing is lost: what is sent again and again, larger
    and smaller, is in nobody's way."""
    need('gnutls-cli')
    for connect in (connect_openssl, connect_gnutls):
        with Net() as net, gateway(net, {'echo': BIG}) as g, \
                narrow(net, Path(delay=(2, 2))) as lane:
            connect(net, lane)
            stats = g.stats()
            assert stats['handshakes'] == 1 and stats['flight_reductions'] == 1, stats
            assert stats['sessions_failed'] == 0, stats
            g.stop()


def test_data_is_not_refused_for_a_guess() -> None:
    """Flights had to be small; but a datagram of the upstream cannot be made smaller, and may get through."""
    with Net() as net, Upstream(net) as upstream, \
            movable(net, {'coap': {**dtls.settings(PKI), 'upstream': upstream.where}},
                    cookie_secret=SECRET) as (g, clock), \
            dtls.Peer(net, CL4, 42000, PORT, JAR) as peer:
        hello = peer.verified(dtls.seeded(1))
        peer.client = client = dtls.Client(hello)
        peer.send(client.plain(client.hello_message))
        assert client.take_flight([peer.receive(slow(PATIENCE))])
        for number, pause in enumerate((1, 2, 4, 8), 1):
            turn(g, clock, pause)  # ServerHello and ServerHelloDone, in a datagram each
            g.wait_for(lambda s, n=number: s['out_packets'] == 1 + 2 * n)
        peer.finish()
        assert g.stats()['flight_reductions'] == 2
        session = upstream.meet(peer)
        upstream.socket.sendto(bytes(ROOM), session)
        comes(peer, ROOM)
        peer.close()
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        g.stop()


run(globals())
