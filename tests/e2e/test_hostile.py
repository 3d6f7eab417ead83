#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Clients that are proven and hostile, or whose datagrams somebody else forges: what they can do to
their own handshake, to the sessions of others, and to the memory of the gateway.
"""
from __future__ import annotations

import contextlib
import os
import pathlib
import random
import struct
import time
from typing import Callable, Iterator

import dtls
from clock import Clock, movable
from harness import (GW4, PATIENCE, PORT, Gateway, Net, Pki, RawPort, command, gateway, neighbour,
                     packets, run, slow)

PKI = Pki()
SECRET = bytes(range(32))
SECRET_FILE = PKI.directory / 'cookie.secret'
SECRET_FILE.write_text(SECRET.hex() + '\n')
LISTENER = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key'),
            **dtls.settings(PKI)}
SESSIONS = '/hellogate/sessions'
JAR = packets.CookieJar(SECRET, 3600)
NETWORK = '198.19'  # every address of it is the clients'
LIVE = f'{NETWORK}.255.1'  # of the session that all of this is about
SCALE = 1 if slow(1) == 1 else 4  # for counts that a sanitizer would take minutes for
# Suites that OpenSSL chooses from with a certificate: such a hello costs a signature.
COSTLY = packets.Hello()
NO_RENEGOTIATION, UNEXPECTED_MESSAGE = b'\1\x64', b'\2\x0a'  # warning, fatal alert
RING = 512  # packets between a worker and a handshake core


class Lab:
    """A gateway, peers that talk to it, and a wire for frames of any origin."""

    def __init__(self, net: Net, g: Gateway, raw: RawPort, clock: Clock | None) -> None:
        self.net, self.g, self.raw, self.clock = net, g, raw, clock
        command('ip', '-n', net.client, 'route', 'add', 'local', f'{NETWORK}.0.0/16', 'dev', 'lo')
        command('ping', '-c', '1', '-W', str(int(slow(PATIENCE))), GW4, netns=net.client)
        self._link = packets.mac(neighbour(net, GW4)) + raw.mac
        self._peers = contextlib.ExitStack()

    def peer(self, source: str = LIVE, port: int = 42000) -> dtls.Peer:
        return self._peers.enter_context(dtls.Peer(self.net, source, port, PORT, JAR))

    def frame(self, flow: packets.Flow, datagram: bytes) -> bytes:
        """Without a UDP checksum, as IPv4 allows: Python would take long to compute so many."""
        return (self._link + struct.pack('!H', packets.ETHER_IPV4) + packets.ipv4(
            flow.source, flow.destination, packets.UDP, packets.udp(
                flow.source, flow.destination, flow.source_port, flow.destination_port, datagram,
                checksum=0)))

    def verified(self, number: int, hello: packets.Hello = dtls.HELLO) -> bytes:
        """A frame with the verified hello of the client of that number, of 65000 with addresses of
        their own."""
        number, address = number, number % 65000
        flow = packets.Flow(f'{NETWORK}.{address >> 8}.{address & 255}', 1024 + number // 65000,
                            GW4, PORT)
        hello = hello.with_(random=struct.pack('!Q24x', number))
        return self.frame(flow, hello.with_(cookie=JAR.mint(
            flow, hello.bound(), int(time.time()))).datagram())

    def push(self, frames: Iterator[bytes], done: Callable[[dict[str, int]], bool],
             deadline: float = PATIENCE) -> dict[str, int]:
        """Sends frames until the counters say that it is enough, no faster than they are worked
        off, so that hardly any is lost for want of room."""
        end = time.monotonic() + slow(deadline)
        sent, lost, stats = 0, 0, self.g.stats()
        began = stats['rx']
        while not done(stats):
            assert time.monotonic() < end, stats
            for frame, _ in zip(frames, range(RING // 4)):
                self.raw.send(frame)
                sent += 1
            patience = time.monotonic() + slow(0.05)
            while True:
                stats = self.g.stats()
                if stats['rx'] - began >= sent - lost and stats['forwarded'] == stats['datagrams']:
                    break
                if time.monotonic() > patience:  # some are lost: not in the counters at all
                    lost = sent - (stats['rx'] - began)
                    break
                time.sleep(0.001)
        return stats

    def settle(self, sessions: int) -> None:
        """Waits until so many sessions are left, none of them half open."""
        self.g.wait_for(lambda s: s['sessions'] == sessions and s['half_open'] == 0,
                        command=SESSIONS)

    def answered(self) -> None:
        """Waits until all that has come is worked off, and what was to be said is on its way."""
        self.g.wait_for(lambda s: s['forwarded'] == s['datagrams'] and s['session_rx'] ==
                        s['out_packets'] == s['session_tx'] + s['session_tx_full'] +
                        s['session_tx_refused'])

    def resident(self) -> int:
        """Bytes of memory in use; 0 where a sanitizer keeps what was freed."""
        home = pathlib.Path('/proc') / str(self.g.process.pid)
        if 'san.so' in (home / 'maps').read_text():
            return 0
        return int((home / 'statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE')

    def close(self) -> None:
        self._peers.close()


@contextlib.contextmanager
def lab(clock: bool = False, **options) -> Iterator[Lab]:
    """With a clock that the test moves, if it wants one: that gateway is slower."""
    options = {'cookie_secret': SECRET_FILE, 'handshake_rate': 0, **options}
    with Net() as net, RawPort(net) as raw, contextlib.ExitStack() as stack:
        if clock:
            g, moved = stack.enter_context(movable(net, {'crafted': LISTENER}, **options))
        else:
            g, moved = stack.enter_context(gateway(net, {'crafted': LISTENER}, **options)), None
        one = Lab(net, g, raw, moved)
        try:
            yield one
        finally:
            one.close()


def refused(stats: dict[str, int]) -> int:
    return sum(v for k, v in stats.items() if k.startswith('refused_'))


def milliseconds(times: list[float]) -> str:
    ordered = sorted(times)
    return ', '.join(f'{name} {1000 * ordered[int(len(ordered) * part)]:.1f} ms' for name, part in (
        ('median', .5), ('99th percentile', .99), ('longest', .999999)))


# ---- what one client can do to its handshake

def test_hellos_and_requests_that_are_thirty_seconds_late() -> None:
    """However late the HelloVerifyRequest or the second hello is, within the cookie's lifetime of
    60 s; and copies of both hellos that come when the session has long begun."""
    with lab() as one:
        peer = one.peer()
        first = dtls.HELLO.with_(random=dtls.seeded(1))
        client = peer.enter(peer.verified(first.random, age=30))
        peer.finish()
        peer.echo()
        stats = one.g.stats()
        assert stats['cookie_valid'] == 1 and stats['hvr'] == 0, stats
        peer.send(packets.record(client.hello_message, seq=1), first.datagram())
        one.g.wait_for(lambda s: s['hello_again'] + s['drop_hello_used'] == s['hvr'] == 1)
        peer.echo()
        peer.close()
        one.settle(0)
        _, counters = one.g.stop()
        assert counters['sessions_opened'] == counters['sessions_closed'] == 1, counters


def test_fragments_of_the_second_hello() -> None:
    """In order; reversed; one lost; in three; each twice; the second never."""
    hello = dtls.HELLO.with_(extensions=packets.extension(21, bytes(40)))  # padding (RFC 7685)
    cuts = {  # the flights one after the other, the last one again and again
        'in order': [[(0, 70), (70, None)]],
        'reversed': [[(70, None), (0, 70)]],
        'the second lost': [[(0, 65)], [(0, 65), (65, None)]],
        'the second alone later': [[(0, 65)], [(65, None)]],
        'each twice': [[(0, 70), (0, 70), (70, None), (70, None)]],
        'three, the last before the second': [[(0, 70), (90, None), (70, 90)]],
        'shorter ones the second time': [[(0, 90)], [(0, 70), (70, None)]],
        'longer ones the second time': [[(0, 70)], [(0, 90), (80, None)]]}
    with lab(clock=True, handshake_timeout=60) as one:
        for number, flights in enumerate(cuts.values()):
            peer = one.peer(port=42000 + number)
            left = list(flights)

            def send(client: dtls.Client, left=left) -> list[bytes]:
                size = len(client.hello_message) - packets.HANDSHAKE_HEADER
                cut = left.pop(0) if len(left) > 1 else left[0]
                return [client.plain(dtls.fragment(client.hello_message, a, b or size))
                        for a, b in cut]
            peer.enter(peer.verified(dtls.seeded(number), hello=hello), send)
            peer.finish()
            peer.echo()
        stats = one.g.wait_for(lambda s: s['handshakes'] == len(cuts))
        assert stats['sessions_opened'] == len(cuts), stats
        never = one.peer(port=42900)
        client = dtls.Client(never.verified(dtls.seeded(99), hello=hello))
        never.send(client.plain(dtls.fragment(client.hello_message, 0, 70)))
        one.g.wait_for(lambda s: s['half_open'] == 1, command=SESSIONS)
        one.clock.pass_by(60)
        one.g.wait_for(lambda s: s['sessions_half_open_expired'] == 1)
        assert never.receive() is None
        one.settle(len(cuts))
        one.g.stop()


def test_a_hello_whose_handshake_was_given_up() -> None:
    """Its client was out of reach for longer than handshake-timeout, and sends it again, in another
    record: it gets in. Whoever has copied the record gets nothing, neither before nor after that."""
    with lab(handshake_timeout=int(slow(2))) as one:
        peer = one.peer()
        client = dtls.Client(peer.verified(dtls.seeded(7)))
        record = client.plain(client.hello_message)
        peer.send(record)
        one.g.wait_for(lambda s: s['sessions_opened'] == 1)
        peer.send(*[record] * 5, *(client.plain(client.hello_message) for _ in range(5)))
        one.g.wait_for(lambda s: s['hello_again'] + s['drop_hello_used'] == 10)
        one.g.wait_for(lambda s: s['sessions_half_open_expired'] == 1)
        while peer.receive(0.05):
            pass
        peer.send(*[record] * 50)
        stats = one.g.wait_for(lambda s: s['hello_again'] + s['drop_hello_used'] == 60)
        assert stats['sessions_opened'] == 1 and peer.receive() is None, stats
        peer.client = client
        peer.ask(lambda: [client.plain(client.hello_message)], client.take_flight)
        peer.finish()
        peer.echo()
        peer.send(*[record] * 50, *(client.plain(client.hello_message) for _ in range(50)))
        one.g.wait_for(lambda s: s['hello_again'] + s['drop_hello_used'] >= 160)
        peer.echo()
        peer.close()
        one.settle(0)
        _, counters = one.g.stop()
        assert counters['sessions_opened'] == 2 and counters['handshakes'] == 1, counters


def test_early_messages_and_epochs_cost_bounded_memory() -> None:
    """Messages of the future, whole and in part, and records of later epochs, into handshakes in
    progress: what OpenSSL keeps of them is bounded, and it is none of what the client sends."""
    sessions, rounds = 40, 240 // SCALE
    filler = bytes(1100)
    with lab(handshake_timeout=60) as one:
        peers = [one.peer(f'{NETWORK}.{n}.1', 42000) for n in range(sessions)]
        for number, peer in enumerate(peers):
            peer.enter(peer.verified(dtls.seeded(number)))
        before = one.resident()
        draw = random.Random(38)
        grown = []
        for turn in range(rounds):
            seq = 4 + (turn % 20 if turn % 2 else draw.randrange(65000))
            length = (16000, 16384)[seq % 2]  # another one would end the handshake
            early = packets.handshake(filler, kind=16, seq=seq, length=length,
                                      offset=draw.randrange(length - 1099))
            for peer in peers:
                client = peer.client
                peer.send(client.plain(early), *(packets.record(
                    filler, kind=draw.randrange(20, 24), version=packets.DTLS_1_2,
                    epoch=draw.choice((1, 1, 2, 3, 0xFFFF)), seq=draw.randrange(1000, 2**48))
                    for _ in range(2)))
            one.g.wait_for(lambda s: s['forwarded'] == s['datagrams'])
            grown.append(one.resident() - before)
        each = max(grown) / sessions / 1024
        print(f'# {each:.0f} KB for each handshake, of {3 * rounds * len(filler) // 1024} sent')
        if before:
            assert each < 512, grown
            half = grown[len(grown) // 2]
            assert grown[-1] - half < sessions * 20000, (half, grown[-1])
        for peer in peers:
            peer.finish()
            peer.echo()
            peer.close()
        one.settle(0)
        one.g.stop()


def shuffled_fragments(message: bytes, draw: random.Random) -> list[bytes]:
    """Fragments that say what the message says: of every size, overlapping, doubled, in disorder."""
    size = len(message) - packets.HANDSHAKE_HEADER
    cuts = [(at, at + 1) for at in range(size)]
    for _ in range(draw.randrange(8)):
        start = draw.randrange(size)
        cuts.append((start, draw.randrange(start, size) + 1))
    draw.shuffle(cuts)
    return [dtls.fragment(message, start, end) for start, end in cuts]


def false_fragments(message: bytes, draw: random.Random) -> list[bytes]:
    """Fragments that contradict the message, each other or the format, in a few of many ways."""
    size = len(message) - packets.HANDSHAKE_HEADER
    ways: tuple[Callable[[], dict[str, int]], ...] = (
        dict, dict,
        lambda: {'length': draw.randrange(2 * size)},
        lambda: {'length': draw.choice((16000, 16384, 0xFFFFFF))},
        lambda: {'offset': draw.choice((size - 1, size, 0xFFFFFF, draw.randrange(2**24)))},
        lambda: {'fragment_length': draw.choice((draw.randrange(2 * size), 0xFFFFFF))},
        lambda: {'kind': draw.randrange(256)},
        lambda: {'seq': draw.randrange(8)},
        lambda: {'seq': draw.randrange(3, 12), 'length': draw.choice((size, 16384))},
        lambda: {'length': 0, 'offset': 0})
    ways = tuple(draw.sample(ways, 3))
    found = []
    for _ in range(draw.randrange(1, 12)):
        start = draw.randrange(size)
        end = start if draw.random() < .2 else draw.randrange(start, size) + 1
        piece = dtls.fragment(message, start, end, **draw.choice(ways)())
        if draw.random() < .5:  # other content
            piece = piece[:packets.HANDSHAKE_HEADER] + draw.randbytes(end - start)
        found.append(piece[:draw.randrange(1, len(piece))] if draw.random() < .02 else piece)
    return found


def test_fragments_that_overlap_and_conflict() -> None:
    """Of the ClientKeyExchange. Where all of them say the same the handshake completes; where not,
    it may do anything but harm: that is what AddressSanitizer watches."""
    honest, hostile = 30, 600
    with lab(clock=True, handshake_timeout=60, half_open=1000) as one:
        bystander = one.peer()
        bystander.connect(dtls.seeded(0))
        for number in range(honest):
            draw = random.Random(number)
            peer = one.peer(f'{NETWORK}.1.{number}')
            client = peer.enter(peer.verified(dtls.seeded(number)))
            pieces = shuffled_fragments(client.flight[0], draw)
            peer.ask(lambda client=client, pieces=pieces: [client.last_flight(pieces)],
                     client.is_finished)
            peer.echo()
        stats = one.g.stats()
        assert stats['handshakes'] == 1 + honest, stats
        for number in range(hostile):
            draw = random.Random(1000 + number)
            peer = one.peer(f'{NETWORK}.{2 + number // 250}.{number % 250}')
            client = peer.enter(peer.verified(dtls.seeded(number)))
            pieces = false_fragments(client.flight[0], draw)
            if draw.random() < .5:
                pieces += shuffled_fragments(client.flight[0], draw)
            peer.send(*map(client.plain, pieces), client.last_flight())
        one.answered()
        bystander.echo()
        one.clock.pass_by(60)
        ended = one.g.wait_for(lambda s: s['half_open'] == 0, command=SESSIONS)
        assert ended['sessions'] >= 1 + honest, ended
        stats = one.g.stats()
        assert stats['sessions_opened'] == 1 + honest + hostile, stats
        print(f'# of {hostile}: {stats["handshakes"] - 1 - honest} completed, '
              f'{stats["sessions_failed"]} refused, {stats["sessions_half_open_expired"]} given up')
        assert stats['sessions_failed'] > hostile / 20, stats
        bystander.echo()
        one.g.stop()


def ignored(stats: dict[str, int]) -> dict[str, int]:
    return {k: v for k, v in stats.items() if k.startswith('ignored_') and v}


def test_forged_records_in_a_handshake() -> None:
    """At every step of it, from the client's address: alerts, data, a ChangeCipherSpec that is none,
    records of later epochs, short ones, numbers of the far future."""
    forged = [packets.record(content, kind=kind, version=packets.DTLS_1_2, epoch=epoch,
                             seq=2**48 - 1 - n)
              for n, (kind, epoch, content) in enumerate((
                  (packets.ALERT, 0, b'\2\x28'), (packets.ALERT, 0, b'\1\0'),
                  (packets.ALERT, 0, b'\7'), (packets.APPLICATION_DATA, 0, b'hello'),
                  (packets.CHANGE_CIPHER_SPEC, 0, b'\2'), (packets.CHANGE_CIPHER_SPEC, 0, b'\1\1'),
                  (packets.CHANGE_CIPHER_SPEC, 1, b'\1'), (packets.APPLICATION_DATA, 1, b'hello'),
                  (packets.HANDSHAKE, 1, b'hello'), (packets.ALERT, 1, b'\2\x28'),
                  (packets.APPLICATION_DATA, 2, bytes(40)), (packets.HANDSHAKE, 0, bytes(11)),
                  (packets.HANDSHAKE, 0, packets.handshake(b'x', kind=14, seq=2)),
                  (packets.HANDSHAKE, 0, packets.handshake(b'x', kind=16, seq=2, length=2**24 - 1)),
                  (packets.HANDSHAKE, 0, packets.handshake(b'x', kind=16, seq=2, offset=5))))]
    with lab() as one:
        peer = one.peer()
        client = peer.enter(peer.verified(dtls.seeded(0)))
        peer.send(*forged, b''.join(forged))
        whole, change, finished = client.flight
        peer.send(client.plain(whole))
        peer.send(*forged)
        peer.send(client.plain(change, packets.CHANGE_CIPHER_SPEC))
        peer.send(*forged)
        peer.ask(lambda: [client.seal(finished, packets.HANDSHAKE)], client.is_finished)
        peer.echo()
        peer.send(*forged, b''.join(forged))
        peer.echo()
        stats = one.g.wait_for(lambda s: s['forwarded'] == s['datagrams'])
        assert stats['handshakes'] == stats['sessions_opened'] == 1, stats
        seen = ignored(stats)
        assert set(seen) >= {f'ignored_{why}' for why in ('epoch', 'clear', 'message', 'short')}, seen
        # The worker has seen to those that it can know without a session.
        assert sum(seen.values()) == 6 * len(forged) - stats['drop_handshake_short'], seen
        peer.close()
        one.settle(0)
        one.g.stop()


def test_record_numbers_of_repeated_hellos_and_flights() -> None:
    """RFC 6347 section 4.2.1: the ServerHello has the number of the hello, however often that was
    repeated; and no number of epoch 0 comes twice, so that no client takes a flight for a replay."""
    with lab() as one:
        peer = one.peer()
        client = dtls.Client(peer.verified(dtls.seeded(0)), record_seq=7)
        peer.client = client
        got = peer.ask(lambda: [client.plain(client.hello_message)], client.take_flight)
        while len([d for d in got if packets.HANDSHAKE == d[0] and d[13] == 2]) < 2:
            got.append(peer.receive(slow(5)) or b'')  # by the gateway's timer
            assert got[-1], [d.hex() for d in got]
        numbers = [seq for d in got for _, epoch, seq, _ in packets.records(d) if epoch == 0]
        assert numbers == list(range(7, 7 + len(numbers))), numbers
        peer.finish()
        peer.echo()
        peer.close()
        one.settle(0)
        one.g.stop()


# ---- what can be done to a live session

def test_warnings_end_no_session() -> None:
    """RFC 5246 section 7.2: authentic alerts. Warnings change nothing, however many there are;
    close_notify and a fatal one end the session."""
    with lab() as one:
        peer = one.peer()
        client = peer.connect(dtls.seeded(0))
        for count in range(1, 21):
            peer.send(client.seal(bytes((1, (100, 90, 110, 255)[count % 4])), packets.ALERT))
            one.g.wait_for(lambda s, count=count: s['ignored_warning'] == count)
        peer.echo()
        assert ignored(one.g.stats()) == {'ignored_warning': 20}
        for number, (alert, counter) in enumerate(((dtls.CLOSE_NOTIFY, 'sessions_closed'),
                                                   (b'\2\x28', 'sessions_broken'))):
            other = one.peer(f'{NETWORK}.7.{number}')
            client = other.connect(dtls.seeded(1 + number))
            other.echo()
            other.send(client.seal(alert, packets.ALERT))
            one.g.wait_for(lambda s, counter=counter: s[counter] == 1)
        peer.echo()
        peer.close()
        one.settle(0)
        one.g.stop()


def test_reconnect_storm_on_one_live_session() -> None:
    """Verified hellos of ever new clients from the address and port of a live session, each of
    which costs a signature: one handshake beside it at a time, and it goes on."""
    storm = 3000 // SCALE
    with lab() as one:
        peer = one.peer()
        live = peer.connect(dtls.seeded(0))
        peer.echo()
        before = one.g.stats()
        times, seen = [], []
        for start in range(0, storm, 60):
            for number in range(start, start + 60):
                peer.send(peer.verified(dtls.seeded(1 + number), hello=COSTLY).datagram())
            times.append(peer.echo())
            seen.append(one.g.sessions())
        one.answered()
        stats = one.g.stats()
        assert all(s['sessions'] <= 2 and s['half_open'] <= 1 for s in seen), seen
        taken = stats['hello_beside'] - before['hello_beside'] + refused(stats) - refused(before)
        assert taken + stats['drop_ring_new_full'] > storm / 2, stats
        assert stats['sessions_replaced'] >= stats['hello_beside'] - 1 > 0, stats
        assert stats['handshakes'] == 1, stats
        print(f'# {stats["hello_beside"]} handshakes beside the session, its echo: '
              f'{milliseconds(times)}')
        # The client that comes back in earnest takes over.
        while peer.receive():
            pass
        peer.connect(dtls.seeded(10**6))
        peer.echo()
        one.g.wait_for(lambda s: s['handshakes'] == 2)
        one.settle(1)
        before = one.g.stats()
        peer.send(live.seal(b'from the grave'))
        stats = one.g.wait_for(lambda s: s['records'] > before['records'])
        assert stats['client_datagrams'] == before['client_datagrams'], stats
        peer.close()
        one.settle(0)
        one.g.stop()


def test_flood_of_records_with_bad_tags_at_a_live_session() -> None:
    flood = 40000 // SCALE
    with lab() as one:
        peer = one.peer()
        client = peer.connect(dtls.seeded(0))
        peer.echo()
        before, asked = one.g.stats(), peer.asked
        draw = random.Random(41)
        kinds = (packets.APPLICATION_DATA, packets.HANDSHAKE, packets.ALERT,
                 packets.CHANGE_CIPHER_SPEC)

        def forged() -> Iterator[bytes]:
            while True:
                seq = draw.choice((client.sealed_seq, draw.randrange(2**48)))
                if draw.random() < .1:  # and a fatal alert in the clear
                    record = packets.record(b'\2\x28', kind=packets.ALERT, seq=seq)
                else:
                    record = dtls.sealed(draw.randbytes(32), draw.randbytes(draw.randrange(100)),
                                         draw.choice(kinds), seq)
                yield one.frame(peer.flow, record)
        frames, times = forged(), []
        for part in range(1, 11):
            one.push(frames, lambda s: s['records'] - before['records'] >= flood * part / 10)
            times.append(peer.echo())
        print(f'# echo between parts of the flood: {milliseconds(times)}')
        # Nothing but echoes has come back. A busy machine may have been asked for one twice.
        one.answered()
        while late := peer.receive():
            (kind, text), = client.opened([late])
            assert kind == packets.APPLICATION_DATA and text.startswith(b'echo '), late.hex()
        stats = one.g.stats()
        echoes = stats['client_datagrams'] - before['client_datagrams']
        assert len(times) <= echoes <= peer.asked - asked, stats
        assert stats['out_packets'] - before['out_packets'] == echoes, stats
        assert stats['sessions_opened'] == 1, stats
        peer.close()
        one.settle(0)
        one.g.stop()


def test_renegotiation_storm_in_a_live_session() -> None:
    """ClientHellos with right MACs within the session (RFC 5746 section 5 lets a server refuse)."""
    storm = 2000 // SCALE
    with lab() as one:
        bystander = one.peer(f'{NETWORK}.255.2')
        bystander.connect(dtls.seeded(0))
        peer = one.peer()
        client = peer.connect(dtls.seeded(0))
        memory = one.resident()
        got: list[bytes] = []
        for start in range(0, storm, 50):
            peer.send(*(client.renegotiation(dtls.seeded(seq), seq) for seq in range(start, start + 50)))
            while len(got) < start + 50:
                got.append(peer.receive(slow(PATIENCE)) or b'')
                assert got[-1], f'no answer to the hello behind {len(got) - 1} others'
        assert client.opened(got) == [(packets.ALERT, NO_RENEGOTIATION)] * storm
        peer.echo()
        if memory:
            assert one.resident() - memory < 1 << 20
        # One that is out of sequence ends the session of who sent it, and no other.
        peer.send(client.renegotiation(dtls.seeded(0), 0), client.seal(b'more'))
        assert client.opened([peer.receive(slow(PATIENCE))]) == [(packets.ALERT, UNEXPECTED_MESSAGE)]
        one.settle(1)
        bystander.echo()
        stats = one.g.stats()
        assert stats['handshakes'] == stats['sessions_opened'] == 2, stats
        assert stats['sessions_broken'] == 1 and stats['out_dropped'] == 0, stats
        bystander.close()
        one.settle(0)
        one.g.stop()


# ---- what many clients can do to everybody

def test_ten_times_the_cap_of_half_open_handshakes() -> None:
    """Verified hellos of many addresses, each of which costs a signature, and then silence."""
    cap, talkers = 100, 10
    with lab(clock=True, half_open=cap, handshake_timeout=60) as one:
        peers = [one.peer(f'{NETWORK}.255.{n}') for n in range(talkers)]
        for number, peer in enumerate(peers):
            peer.connect(dtls.seeded(number))
        calm = [peer.echo() for _ in range(20) for peer in peers]
        frames = (one.verified(n, COSTLY) for n in range(10**9))
        busy, most, seen = [], 0, talkers
        for _ in range(2):  # of the second half as many begin as those of the first made room for
            while (stats := one.g.stats())['hello_new'] + refused(stats) < seen + 5 * cap:
                for frame, _ in zip(frames, range(40)):
                    one.raw.send(frame)
                busy += [peer.echo() for peer in peers]
                told = one.g.sessions()
                most = max(most, told['half_open'])
                assert told['sessions'] <= cap + talkers and told['half_open'] <= cap, told
            one.answered()
            one.clock.pass_by(60)
            one.settle(talkers)
            seen = (stats := one.g.stats())['hello_new'] + refused(stats)
        print(f'# without: {milliseconds(calm)}')
        print(f'# with {stats["hello_new"] - talkers} handshakes begun and {refused(stats)} '
              f'refused: {milliseconds(busy)}')
        assert most == cap or refused(stats), stats
        assert seen >= 10 * cap + talkers, stats
        for peer in peers:
            peer.echo()
            peer.close()
        one.settle(0)
        _, counters = one.g.stop()
        assert counters['handshakes'] == talkers, counters
        assert counters['sessions_half_open_expired'] == counters['hello_new'] - talkers, counters


def test_a_hundred_thousand_handshakes_that_fail() -> None:
    """No cipher suite in common: each gets its alert, and is gone with all that it had."""
    count = 100000 // SCALE
    hello = packets.Hello(suites=b'\0\0', extensions=None)
    with lab() as one:
        bystander = one.peer()
        bystander.connect(dtls.seeded(0))
        one.settle(1)
        frames = (one.verified(n, hello) for n in range(10**9))
        one.push(frames, lambda s: s['sessions_failed'] >= count / 10)
        before = one.resident()
        stats = one.push(frames, lambda s: s['sessions_failed'] >= count, 3 * PATIENCE)
        grown = one.resident() - before
        one.answered()
        assert stats['handshakes'] == 1, stats
        one.settle(1)
        print(f'# grown by {grown // 1024} KB')
        assert grown < 4 << 20
        bystander.echo()
        bystander.close()
        one.settle(0)
        one.g.stop()


def test_memory_under_a_flood_of_spoofed_hellos() -> None:
    """Cookieless hellos of as many addresses as there are, at a port: nothing grows."""
    count = 400000 // SCALE
    with lab() as one:
        bystander = one.peer()
        bystander.connect(dtls.seeded(0))
        template = packets.Hello().datagram()
        spoofed = [one.frame(packets.Flow(f'{NETWORK}.{n >> 8}.{n & 255}', 1024 + n, GW4, PORT),
                             template[:27] + struct.pack('!I', n) + template[31:])
                   for n in range(20000)]
        before = one.g.stats()
        samples: list[int] = []
        while one.g.stats()['cookie_none'] - before['cookie_none'] < count:
            for frame in spoofed:
                one.raw.send(frame)
            samples.append(one.resident())
            bystander.echo()
            assert len(samples) < 200 * count / len(spoofed), one.g.stats()
        stats = one.g.wait_for(lambda s: s['session_rx'] == s['out_packets'])
        assert stats['hvr'] - before['hvr'] == stats['cookie_none'] - before['cookie_none'], stats
        assert stats['sessions_opened'] == 1 and stats['forwarded'] == before[
            'forwarded'] + stats['datagrams'] - before['datagrams'], stats
        assert one.g.sessions()['sessions'] == 1
        print(f'# {stats["hvr"] - before["hvr"]} answered; resident memory, KB: '
              f'{sorted({s // 1024 for s in samples})}')
        assert max(samples) - samples[0] < 256 << 10, samples
        bystander.close()
        one.settle(0)
        one.g.stop()


run(globals())
