#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Cookies in a live system: rotation under traffic, a restart in between, a flood."""
from __future__ import annotations

import socket
import struct
import threading
import time

from clock import Clock, movable
from harness import (CL4, GW4, PATIENCE, PORT, Gateway, Net, Pki, RawPort, configuration, dtls_client,
                     echo_line, gateway, in_netns, neighbour, packets, run, run_client, running,
                     s_client, slow, until)

PKI = Pki()
ECHO = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key')}
SECRET = bytes(range(32))
SECRET_FILE = PKI.directory / 'cookie.secret'
SECRET_FILE.write_text(SECRET.hex() + '\n')
ROTATION = LIFETIME = 3600  # the clock is moved
HVR_FRAME = 14 + 20 + 8 + 13 + 12 + 3 + packets.COOKIE_SIZE  # over IPv4


def rotating(net: Net, **options):
    return movable(net, {'echo': ECHO}, of_day_alone=True, cookie_secret=SECRET_FILE, key_rotation=ROTATION,
                   cookie_lifetime=LIFETIME, **options)


def to_the_middle(g: Gateway, clock: Clock) -> None:
    """Half of the time of the current key has passed."""
    clock.set(ROTATION // 2 - int(time.time()) % ROTATION, g)


def test_key_rotation_under_traffic() -> None:
    """Handshakes one after the other over four rotations: none fails, none needs two cookies."""
    with Net() as net, rotating(net) as (g, clock):
        first = g.telemetry('/hellogate/keys')['epoch']
        with dtls_client(net, '--sessions', 4, '--endless') as client:
            for halves in range(1, 9):
                before = g.stats()['handshakes']
                g.wait_for(lambda s, before=before: s['handshakes'] > before + 12)
                clock.set(halves * ROTATION // 2, g)
            g.wait_for(lambda s: s['handshakes'] > 100)
            client.say('stop')
            results = client.results()
        assert results['failed'] == results['unfinished'] == 0, results
        assert results['hvr'] == results['handshakes'], results
        g.wait_for(lambda s: s['sessions_closed'] == results['handshakes'])
        assert g.telemetry('/hellogate/keys')['epoch'] == first + 4
        _, counters = g.stop()
        refused = {k: counters[f'cookie_{k}'] for k in
                   ('malformed', 'unknown_epoch', 'expired', 'wrong_tag')}
        assert not any(refused.values()), refused


def test_cookie_of_the_previous_key_is_accepted() -> None:
    """The key rotates between HelloVerifyRequest and second hello."""
    with Net() as net, rotating(net) as (g, clock):
        to_the_middle(g, clock)
        epoch = g.telemetry('/hellogate/keys')['epoch']
        with dtls_client(net, '--pause') as client:
            client.expect('^hvr$')
            clock.set(clock.of_day + ROTATION // 2, g)
            assert g.telemetry('/hellogate/keys')['epoch'] == epoch + 1
            client.say('go')
            results = client.results()
        assert results['hvr'] == 1 and results['received'] == 1, results
        g.stop()


def test_ticket_of_two_keys_ago() -> None:
    """Ticket keys rotate with those of cookies: whoever comes back late has a full handshake."""
    saved = PKI.path('ticket')
    with Net() as net, movable(net, {'echo': ECHO}, of_day_alone=True, key_rotation=600,
                               cookie_lifetime=600) as (g, clock):
        for option, rotations, wanted in (('-sess_out', 0, 'New'), ('-sess_in', 0, 'Reused'),
                                          ('-sess_in', 2, 'New')):
            for _ in range(rotations):  # keys follow one another
                clock.set(clock.of_day + 600, g)
            with s_client(net, option, saved) as client:
                echo_line(client)
                client.expect(f'^{wanted}, ')
        g.stop()


def test_gateway_restarts_between_request_and_second_hello() -> None:
    """Two lives of a gateway with one secret: the second takes the cookies of the first."""
    with Net() as net:
        config = configuration(net, {'echo': ECHO}, cookie_secret=SECRET_FILE)
        with dtls_client(net, '--pause', '--datagrams', 5) as client:
            with running(Gateway(config, netns=net.gateway), net) as first:
                client.expect('^hvr$')
                first.kill()
            with running(Gateway(config, netns=net.gateway), net) as second:
                client.say('go')
                results = client.results()
                assert results['hvr'] == 1 and results['received'] == 5, results
                second.wait_for(lambda s: s['sessions_closed'] == 1)
                _, counters = second.stop()
                assert counters['cookie_none'] == 0 and counters['hvr'] == 0, counters


def test_another_secret_means_another_request() -> None:
    """A restart without a common secret: the old cookie is wrong, and is answered as if none."""
    with Net() as net:
        config = configuration(net, {'echo': ECHO})
        with dtls_client(net, '--pause') as client:
            with running(Gateway(config, netns=net.gateway), net) as first:
                client.expect('^hvr$')
                first.kill()
            with running(Gateway(config, netns=net.gateway), net) as second:
                client.say('go')
                stats = second.wait_for(lambda s: s['cookie_wrong_tag'] >= 1)
                assert stats['hvr'] >= 1 and stats['cookie_valid'] == 0, stats
                client.expect('^hvr\nhvr$')
                second.stop()


def hellos(net: Net, port: int) -> socket.socket:
    with in_netns(net.client):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((CL4, port))
        sock.connect((GW4, PORT))
    sock.settimeout(slow(PATIENCE))
    return sock


def test_cookies_are_as_specified() -> None:
    """The cookie from the wire stands up to an independent implementation, and the other way round;
    every cause of refusal is counted under its own name and answered with a new cookie."""
    jar = packets.CookieJar(SECRET, ROTATION)
    with Net() as net, rotating(net) as (g, clock), hellos(net, 43000) as sock:
        to_the_middle(g, clock)
        flow = packets.Flow(CL4, 43000, GW4, PORT)
        hello = packets.Hello(random=b'\x11' * 32)
        # The workers' clock is behind by a tick, or by as long as main gets no CPU.
        earliest = int(clock.now() - slow(10))
        sock.send(hello.datagram())
        answer = sock.recv(2048)
        cookie = answer[28:]
        fault = jar.fault(cookie, flow, hello.bound(), earliest, int(clock.now()))
        assert not fault, fault
        now = int(clock.now())
        minted = jar.mint(flow, hello.bound(), now)
        cases = {
            'cookie_malformed': cookie[:19],
            'cookie_wrong_tag': minted[:4] + bytes(16),
            'cookie_expired': jar.mint(flow, hello.bound(), now - LIFETIME - 60),
            'cookie_unknown_epoch': jar.mint(flow, hello.bound(), now - 10 * ROTATION)}
        for number, (counter, bad) in enumerate(cases.items()):
            sock.send(hello.with_(cookie=bad).datagram(record_seq=100 + number))
            answer = sock.recv(2048)
            assert answer[13] == packets.HELLO_VERIFY_REQUEST and len(answer) == 48, answer.hex()
            stats = g.wait_for(lambda s, c=counter: s[c] == 1)
        assert stats['cookie_valid'] == 0 and stats['forwarded'] == 0, stats
        sock.send(hello.with_(cookie=jar.mint(flow, hello.bound(), now)).datagram())
        answer = sock.recv(2048)
        assert answer[13] == packets.SERVER_HELLO, answer.hex()
        g.wait_for(lambda s: s['hello_new'] == 1)
        g.stop()


def test_verified_hello_replayed() -> None:
    """One verified hello a thousand times: one handshake in progress, not a thousand."""
    jar = packets.CookieJar(SECRET, 3600)
    with Net() as net, hellos(net, 43001) as sock, \
            gateway(net, {'echo': ECHO}, cookie_secret=SECRET_FILE) as g:
        flow = packets.Flow(CL4, 43001, GW4, PORT)
        hello = packets.Hello(random=b'\x22' * 32)
        datagram = hello.with_(cookie=jar.mint(flow, hello.bound(), int(time.time()))).datagram()

        def enough() -> bool:
            """The kernel's packet ring may lose some on the way: as many as it takes."""
            for _ in range(50):
                sock.send(datagram)
            return g.stats()['cookie_valid'] >= 1000

        until(enough, lambda: str(g.stats()))
        stats = g.wait_for(lambda s: s['forwarded'] == s['datagrams'])
        assert stats['hello_new'] == 1 and stats['hello_beside'] == 0, stats
        told = g.sessions()
        assert told['sessions'] == told['half_open'] == 1, told
        g.stop()


def spoofed_frames(count: int, mac: bytes, gateway_mac: bytes) -> list[bytes]:
    """Hellos of as many clients as there are frames, with right checksums."""
    template = packets.Hello().datagram()
    frames = []
    for n in range(count):
        source = f'198.19.{n >> 8 & 255}.{n & 255}'
        datagram = template[:27] + struct.pack('!I', n) + template[31:]
        network = packets.ipv4(source, GW4, packets.UDP, packets.udp(
            source, GW4, 1024 + n % 60000, PORT, datagram))
        frames.append(gateway_mac + mac + b'\x08\x00' + network)
    return frames


def settled(g: Gateway, raw: RawPort, mark: bytes) -> dict[str, int]:
    """The counters when the gateway has worked off what its port held: behind it is a frame of a kind
    that nobody else sends. The port may be full, so it is sent until one has come."""
    before = g.stats()['drop_no_listener']

    def come() -> bool:
        raw.send(mark)
        return g.stats()['drop_no_listener'] > before

    until(come)
    return g.wait_for(lambda s: s['forwarded'] == s['datagrams'] and
                      s['session_rx'] == s['out_packets'])


def test_flood_of_spoofed_hellos() -> None:
    """50,000 cookieless hellos while clients come and go: no state, no more bytes out than in."""
    with Net() as net, gateway(net, {'echo': ECHO}) as g, RawPort(net) as raw:
        run_client(net)  # makes the neighbours known to each other
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        frames = spoofed_frames(5000, raw.mac, bytes.fromhex(neighbour(net, GW4).replace(':', '')))
        rounds = 10
        while raw.receive():
            pass
        before = g.stats()
        replies = {'packets': 0, 'bytes': 0, 'longest': 0}
        done = threading.Event()

        def flood() -> None:
            for _ in range(rounds):
                for frame in frames:
                    raw.send(frame)

        def listen() -> None:
            """Counts the HelloVerifyRequests on the wire, until the end."""
            while (frame := raw.receive(0.2)) or not done.is_set():
                if frame and len(frame) == HVR_FRAME and frame[42:45] == b'\x16\xfe\xff':
                    replies['packets'] += 1
                    replies['bytes'] += len(frame)
                    replies['longest'] = max(replies['longest'], len(frame))

        flooding, listening = (threading.Thread(target=t) for t in (flood, listen))
        flooding.start()
        listening.start()
        try:
            results = run_client(net, '--sessions', 5, '--rounds', 4, '--datagrams', 5,
                                 '--resend', 200)
            flooding.join()
            assert results['handshakes'] == 20 and results['received'] == 100, results
            # The same frame as the others, for a port that no listener has; so without a checksum.
            mark = frames[0][:36] + struct.pack('!HHH', PORT + 1, len(frames[0]) - 34, 0)
            after = settled(g, raw, mark + frames[0][42:])
        finally:
            done.set()
            listening.join()
        told = {k: after[k] - before[k] for k in after}
        # What the socket's ring could not hold was lost before the gateway saw it.
        assert told['cookie_none'] > 500, told
        assert told['hvr'] == told['cookie_none'], told
        assert told['hello_new'] == 20, told
        assert told['tx_bytes'] <= told['rx_bytes'], told
        assert replies['longest'] <= len(frames[0]) and replies['packets'] > 500, replies
        assert replies['bytes'] <= rounds * sum(map(len, frames)), replies
        # No reply that is not in the books; some may be lost between driver, wire and this socket.
        sent = told['tx'] - told['arp_replies'] - told['neighbour_adverts']
        assert replies['packets'] <= sent, (replies, told)
        # A close_notify may be among what was lost, so some sessions may be left; not more.
        assert g.sessions()['sessions'] <= 20 and g.sessions()['half_open'] == 0
        g.stop()


run(globals())
