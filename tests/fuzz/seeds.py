#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes seeds for the fuzz targets: seeds.py FOLDER makes FOLDER/TARGET/NAME.

They come from the hellos of real clients, which are started against a socket on loopback that sends
them a HelloVerifyRequest, from the fixtures (tests/fixtures), from the configurations in the
documentation, and from the profiles. Addresses, secret and time are those of lab.h.
"""
from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
from typing import Iterable, Iterator

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / 'tests'))

from fixtures.network import FRAMES, partial  # noqa: E402
from fixtures.table import FIXTURES  # noqa: E402
from lab import capture  # noqa: E402
from lab import packets as pk  # noqa: E402

ROTATION = 3600
NOW = 472222 * ROTATION + 1800
SETUP = capture.Setup('hello', NOW, ROTATION)
PEERS = 8
WITH_SESSION = 4  # the first so many of them
COOKIE = bytes(range(0x40, 0x40 + pk.COOKIE_SIZE))  # given to clients
QUIET = 0.5  # seconds without a datagram after which a client has said what it had to say

CLIENTS = {
    'openssl': 'openssl s_client -dtls1_2 -connect {}',
    'openssl-any': 'openssl s_client -dtls -connect {} -servername gw.test -alpn coap',
    'openssl-psk': 'openssl s_client -dtls1_2 -connect {} -psk 0011 -psk_identity lamp '
                   '-cipher PSK-AES128-CCM8',
    'gnutls': 'gnutls-cli --udp --insecure {host} -p {port}',
    'gnutls-psk': 'gnutls-cli --udp --insecure {host} -p {port} --pskusername lamp --pskkey 0011 '
                  '--priority NORMAL:-KX-ALL:+PSK',
    'coap-openssl': 'coap-client-openssl -B 2 -u lamp -k secret coaps://{}/',
    'coap-gnutls': 'coap-client-gnutls -B 2 -u lamp -k secret coaps://{}/',
    'ncat': 'ncat --udp --ssl {host} {port}',
    'socat': 'socat - OPENSSL-DTLS-CLIENT:{},verify=0',
}


# ---- hellos of real clients

@dataclasses.dataclass(frozen=True)
class Captured:
    """The datagrams of the first hello, and of the second, which has COOKIE in it."""
    first: list[bytes]
    second: list[bytes]


def collect(server: socket.socket, patience: float) -> tuple[list[bytes], tuple[str, int] | None]:
    """Datagrams up to the first pause, and who sent them."""
    found: list[bytes] = []
    sender = None
    server.settimeout(patience)
    with contextlib.suppress(TimeoutError):
        while len(found) < 8:
            datagram, sender = server.recvfrom(65536)
            found.append(datagram)
            server.settimeout(QUIET)
    return found, sender


def hellos_of(command: str) -> Captured | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(('127.0.0.1', 0))
        host, port = server.getsockname()
        words = command.format(f'{host}:{port}', host=host, port=port).split()
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as client:
            try:
                first, sender = collect(server, 5)
                if sender is None:
                    return None
                seq = int.from_bytes(first[-1][5:11], 'big')
                server.sendto(pk.hello_verify_request(COOKIE, record_seq=seq, seq=0), sender)
                second, _ = collect(server, 5)
            finally:
                client.kill()
    return Captured(first, [d for d in second if d not in first])


def capture_all() -> dict[str, Captured]:
    found = {}
    for name, command in CLIENTS.items():
        captured = hellos_of(command) if shutil.which(command.split()[0]) else None
        if captured is None or not any(COOKIE in d for d in captured.second):
            sys.exit(f'{name} is not installed, or does not say hello twice')
        found[name] = captured
    return found


def with_good_cookie(peer: capture.Peer, datagrams: Iterable[bytes]) -> list[bytes]:
    """The second hello with a cookie for this peer in place of COOKIE."""
    datagrams = list(datagrams)
    parameters = next(pk.parameters_of(d) for d in datagrams if COOKIE in d)
    return [d.replace(COOKIE, peer.cookie(parameters)) for d in datagrams]


# ---- formats of the targets

def peer(number: int, transport: capture.Transport = capture.IPV4) -> capture.Peer:
    return capture.peer(SETUP, number % PEERS, transport)


LAST = 128  # of its burst; worker_input.h
WORKER_HEAD = 8


def worker_packet(frame: bytes, how: int = 0, where: int = 0) -> bytes:
    return struct.pack('<HBB', len(frame), how, where) + frame


def worker_input(bursts: Iterable[Iterable[bytes]], *, options: int = 0, tx_room: int = 0,
                 ring_room: int = 0, out: int = 0, start: int = 0, step: int = 0,
                 limits: int = 0) -> bytes:
    """Bursts of frames, as they are."""
    head = struct.pack('<BBBBhbB', options, tx_room, ring_room, out, start, step, limits)
    packets = []
    for burst in bursts:
        frames = list(burst)
        packets += [worker_packet(frame, LAST if i == len(frames) else 0)
                    for i, frame in enumerate(frames, 1)]
    return head + b''.join(packets)


def cookie_input(*hellos: bytes, binding: int = 0, rotation: int = ROTATION, lifetime: int = 60,
                 now: int = NOW) -> bytes:
    def less(value: int) -> bytes:
        return struct.pack('<I', value - 1)[:3]
    return (bytes([binding]) + less(rotation) + less(lifetime) + struct.pack('<Q', now)[:5]
            + b''.join(hellos))


def cookie_hello(source: int, *more: int, flips: int = 0, who: int = 0, pattern: int = 7,
                 session_id: int = 0, offer: int = 40) -> bytes:
    return (struct.pack('<BBBBH', source + 4 * flips, who, pattern, session_id, offer)
            + bytes(more))


# ---- the seeds: target, name, content

Seed = tuple[str, str, bytes]


def seeds_of_clients() -> Iterator[Seed]:
    for number, (name, captured) in enumerate(capture_all().items()):
        for transport in capture.TRANSPORTS:
            # Without a session for the second half: later fragments then follow their hello alone.
            for who in (peer(number % WITH_SESSION, transport),
                        peer(WITH_SESSION + number % WITH_SESSION, transport)):
                second = with_good_cookie(who, captured.second)
                bursts = [[who.send(d) for d in captured.first], [who.send(d) for d in second]]
                label = f'{name}-{transport.name}-{who.flow.source_port}'.replace(' ', '_')
                yield 'worker', label, worker_input(bursts)
                for i, frame in enumerate(bursts[0] + bursts[1]):
                    yield 'packet', f'{label}-{i}', b'\0' + frame
        for i, datagram in enumerate(captured.first + captured.second):
            yield 'hello', f'{name}-{i}', datagram
        if name in ('openssl', 'ncat', 'socat'):
            yield from seeds_of_conversations(captured, name)


def seeds_of_conversations(captured: Captured, name: str) -> Iterator[Seed]:
    """What may follow a verified hello, where there is no session yet, and how long after."""
    for transport in (capture.IPV4, capture.QINQ):
        who = peer(WITH_SESSION, transport)
        frames = [who.send(d) for d in with_good_cookie(who, captured.second)]
        label = f'{name}-{transport.name}'.replace(' ', '_')
        for step in (-1, 0, 2, 3):
            yield 'worker', f'{label}-rest-after-{step}', worker_input(
                [frames[:1], frames[1:] or [who.send(pk.record(b'\1', kind=kind))
                                            for kind in range(20, 24)]], step=step)
        yield 'worker', f'{label}-reversed', worker_input([frames[::-1]])
        who = who.at(destination_port=capture.SECOND_PORT)
        yield 'worker', f'{label}-other-listener', worker_input(
            [[who.send(d) for d in with_good_cookie(who, captured.second)]])


def seeds_of_fixtures() -> Iterator[Seed]:
    """For the worker in bursts, each over one of its transports in turn."""
    frames: list[bytes] = []
    for number, (fixture, transport) in enumerate(
            (f, t) for f in FIXTURES + FRAMES for t in f.transports):
        frame = fixture.frame(peer(number, transport))
        name = f'fixture-{number:04}-{fixture.id}'
        yield 'packet', name, b'\0' + frame
        with contextlib.suppress(ValueError, struct.error, IndexError):
            parsed = pk.parse(frame)
            if parsed.protocol == pk.UDP:
                yield 'hello', name, parsed.payload
    for number, fixture in enumerate(FIXTURES + FRAMES):
        transport = fixture.transports[number % len(fixture.transports)]
        frames.append(fixture.frame(peer(number // 4, transport)))
    for at in range(0, len(frames), 32):
        number = at // 32
        yield 'worker', f'fixtures-{number:02}', worker_input([frames[at:at + 32]])
        yield 'worker', f'blocked-{number:02}', worker_input(
            [frames[at:at + 32]], options=number, tx_room=number % 7, ring_room=number % 5,
            out=number)


def seeds_of_strangers() -> Iterator[Seed]:
    """Later fragments from everywhere, after the verified hellos of a few; and a denied port."""
    rest = pk.record(pk.handshake(b'rest', length=100, offset=96, seq=1), seq=2)
    frames = [who.send(who.good().datagram()) for who in map(peer, range(PEERS))]
    frames += [peer(0).at(source=f'198.19.7.{i + 1}').send(rest) for i in range(200)]
    yield 'worker', 'strangers', worker_input(
        frames[at:at + 32] for at in range(0, len(frames), 32))
    yield 'worker', 'denied', worker_input(
        [[peer(0).at(source_port=port).send(pk.Hello().datagram())
          for port in (1899, 1900, 1901, 63, 64, 0)]])


LIMIT_CORES, LIMIT_CLIENTS, LIMIT_HALF_OPEN, LIMIT_HVR = 1, 2, 4, 8  # worker_input.h


def seeds_of_limits() -> Iterator[Seed]:
    """Hellos that are used again, and more of them than a client or a network may send."""
    for transport in (capture.IPV4, capture.QINQ):
        who = peer(WITH_SESSION, transport)
        label = transport.name.replace(' ', '_')
        hellos = [pk.Hello(random=bytes([n]) * 32) for n in range(6)]
        good = [who.send(who.good(hello).datagram()) for hello in hellos]
        yield 'worker', f'limit-used-{label}', worker_input(
            [good[:1] * 2, good[:2], good[:1]], limits=LIMIT_CORES)
        body = who.good(hellos[0]).body()
        part = pk.record(pk.handshake(body[:-1], seq=1, length=len(body)), seq=1)
        yield 'worker', f'limit-used-fragment-{label}', worker_input(
            [good[:1], [who.send(part)], good[:1]], limits=LIMIT_CORES)
        for limits in (LIMIT_CLIENTS, LIMIT_CLIENTS | LIMIT_HALF_OPEN):
            yield 'worker', f'limit-clients-{limits}-{label}', worker_input(
                [[frame] for frame in good], limits=LIMIT_CORES | limits)
            yield 'worker', f'limit-clients-at-once-{limits}-{label}', worker_input(
                [good, good], limits=LIMIT_CORES | limits)
        bare = [who.at(source_port=30000 + n).send(pk.Hello().datagram()) for n in range(4)]
        yield 'worker', f'limit-hvr-{label}', worker_input([bare, bare[:1]], limits=LIMIT_HVR)
        yield 'worker', f'limit-hvr-blocked-{label}', worker_input([bare], limits=LIMIT_HVR,
                                                                   tx_room=2)
        # Records of every class, with and without room in the rings.
        mixed = [peer(number, transport).send(pk.record(bytes(20), kind=23, epoch=epoch))
                 for number in range(PEERS) for epoch in (0, 1)] + good
        for room in (0, 1, 2):
            yield 'worker', f'limit-rings-{room}-{label}', worker_input([mixed], ring_room=room)


BIND_PARAMETERS = 128  # worker_input.h


def seeds_of_bindings() -> Iterator[Seed]:
    """First fragments that end in every field, by themselves and with a cookie, then the rest."""
    first = pk.Hello()
    for transport in (capture.IPV4, capture.QINQ):
        who = peer(WITH_SESSION, transport)
        label = transport.name.replace(' ', '_')
        for options in (0, BIND_PARAMETERS):
            setup = dataclasses.replace(SETUP, binding='parameters' if options else 'hello')
            hello = dataclasses.replace(who, setup=setup).good(first)
            for end in (36, 37, 38, 60, 38 + len(first.suites), 39 + len(first.suites),
                        40 + len(first.suites), 90):
                parts = [pk.record(pk.handshake(said.body()[:end + len(said.cookie)], seq=seq,
                                                length=len(said.body())), seq=seq)
                         for seq, said in enumerate((first, hello))]
                rest = pk.record(pk.handshake(hello.body()[end + 20:], seq=1, offset=end + 20,
                                              length=len(hello.body())), seq=2)
                yield 'worker', f'binding-{options}-{end}-{label}', worker_input(
                    [[who.send(parts[0])], [who.send(parts[1]), who.send(rest)]], options=options)


GUARD_OPEN, GUARD_STRICT = 16, 32  # worker_input.h


def seeds_of_guards() -> Iterator[Seed]:
    """Hellos behind other records and other messages, datagrams before and after a verified hello."""
    alert = pk.record(b'\2\50', kind=pk.ALERT)
    data = pk.record(bytes(40), kind=pk.APPLICATION_DATA, epoch=1, seq=9)
    first = pk.Hello().datagram()
    message = pk.handshake(b'abc', kind=16)
    for transport in (capture.IPV4, capture.IPV6, capture.QINQ):
        who = peer(WITH_SESSION, transport)
        good = who.good().datagram()
        hidden = [alert + first, data + alert + good, pk.record(message) + first,
                  pk.record(message + first[13:]), alert + pk.record(message * 2 + first[13:]),
                  pk.record(message * 17), alert[:13] + first, bytes(5) + first, bytes(63) + first,
                  b'\x2f' * 12 + first, alert + pk.record(first[13:], epoch=1), good + first,
                  bytes(26) + first, alert + pk.record(first[13:], version=0x0303),
                  alert + first[:14], pk.stun(0x16, pk.stun_attribute(0x12, bytes(20))
                                              + pk.stun_attribute(0x13, first)),
                  pk.record(pk.handshake(bytes(80), kind=2, seq=0), version=pk.DTLS_1_2)]
        body = who.good().body()
        parts = [pk.record(pk.handshake(body[a:b], seq=1, length=len(body), offset=a), seq=1 + a)
                 for a, b in ((0, 120), (120, len(body)))]
        rests = [who.at(source_port=30000).send(parts[1]), *map(who.send, parts),
                 who.send(alert + parts[1])]
        sent = [who.send(data), who.send(first), who.send(good), who.send(data),
                who.at(source_port=30000).send(data), who.at(destination_port=53).send(first)]
        label = transport.name.replace(' ', '_')
        for limits in (0, GUARD_OPEN, GUARD_STRICT, GUARD_OPEN | GUARD_STRICT):
            yield 'guard', f'hidden-{limits}-{label}', worker_input(
                [map(who.send, hidden)], limits=limits)
            yield 'guard', f'rests-{limits}-{label}', worker_input([rests], limits=limits)
            # Each time it passes it may come again.
            yield 'guard', f'rests-again-{limits}-{label}', worker_input(
                [rests[1:2], rests[2:3], rests[2:3]], step=2, limits=limits)
            yield 'guard', f'rests-late-{limits}-{label}', worker_input(
                [rests[1:2], rests[2:3], rests[:1], rests[2:3]], step=2, limits=limits)
            yield 'guard', f'order-{limits}-{label}', worker_input([sent, sent], limits=limits)
            yield 'guard', f'order-full-{limits}-{label}', worker_input(
                [sent], limits=limits, tx_room=3)


def seeds_of_deep_tags() -> Iterator[Seed]:
    """More VLAN tags than a port takes: a bridge looks behind them."""
    tag = bytes.fromhex('81000000')
    for transport in (capture.IPV4, capture.IPV6):
        who = peer(WITH_SESSION, transport)
        first, good = (who.send(hello.datagram()) for hello in (pk.Hello(), who.good()))
        for tags in (3, 7):
            frames = [frame[:12] + tags * tag + frame[12:] for frame in (first, good, first[:-1])]
            label = f'deep-{tags}-{transport.name}'
            yield 'packet', label, b'\0' + frames[0]
            yield 'guard', label, worker_input([frames], limits=GUARD_OPEN)


SUMS_PARTIAL = 64  # worker_input.h


def seeds_of_left_out() -> Iterator[Seed]:
    """Checksums that a neighbour on the same host leaves out, and such as are nearly that."""
    for transport in capture.TRANSPORTS:
        who = peer(0, transport)
        flow = who.flow
        payloads = (pk.Hello().datagram(), who.good().datagram(), pk.record(bytes(41), kind=23))
        frames = [partial(who, payload) for payload in payloads]
        frames += [partial(who, payloads[0], off=1), partial(who, payloads[0], flip=0xFFFF),
                   who.send(payloads[1])]
        frames.append(who.ether(who.ip(pk.tcp(
            flow.source, flow.destination, 40000, 443, b'tcp', checksum=pk.partial_sum(
                flow.source, flow.destination, pk.TCP, 23)), pk.TCP)))
        label = 'left-out-' + transport.name.replace(' ', '_')
        for number, frame in enumerate(frames):
            yield 'packet', f'{label}-{number}', b'\x80' + frame
        yield 'worker', label, worker_input([frames], limits=SUMS_PARTIAL)
        yield 'guard', f'{label}-filled', worker_input([frames], limits=SUMS_PARTIAL)


def guards_of_workers(seeds: Iterable[Seed]) -> Iterator[Seed]:
    """What a worker is given, given to a guard as well, whose settings follow one another."""
    for number, (target, name, content) in enumerate(seeds):
        yield target, name, content
        if target == 'worker':
            limits = number % 4 * GUARD_OPEN
            yield 'guard', name, content[:WORKER_HEAD - 1] + bytes([limits]) + content[WORKER_HEAD:]


def seeds_of_cookies() -> Iterator[Seed]:
    none, any_, own, anothers = range(4)
    yield 'cookie', 'none', cookie_input(cookie_hello(none))
    for binding in range(3):
        for scale, away in ((0, 0), (0, 60), (0, 61), (0, 251), (0, 250), (1, 17), (2, 1), (2, 32),
                            (3, 127), (0xF0, 0)):
            yield 'cookie', f'own-{binding}-{scale}-{away}', cookie_input(
                cookie_hello(own, scale, away, 1), binding=binding)
        yield 'cookie', f'anothers-{binding}', cookie_input(
            cookie_hello(own, 0, 0), cookie_hello(anothers, 0, 0, 0),
            cookie_hello(anothers, 0, 0, 0, pattern=8), cookie_hello(anothers, 0, 0, 0, who=2),
            binding=binding)
        for field in range(5):
            yield 'cookie', f'flipped-{binding}-{field}', cookie_input(
                cookie_hello(own, 0, 0, field, 5, 0, flips=1),
                cookie_hello(own, 0, 0, field, 5, 0, field, 5, 0, flips=2, who=1), binding=binding)
    for size in (0, 1, 19, 20, 21, 32, 255):
        yield 'cookie', f'any-{size}', cookie_input(
            cookie_hello(any_, size, *([0x4E] * size)), cookie_hello(own, 0, 0))
    for number in (1, 7, 8, 16, 31, 33, 64):
        yield 'cookie', f'batch-{number}', cookie_input(*(
            cookie_hello(i % 2 * own, *[0, 0] * (i % 2), who=i, session_id=i % 33,
                         offer=i if i % 9 else 0xE000 + 31 * i) for i in range(number)))
    yield 'cookie', 'long', cookie_input(*(cookie_hello(none, offer=0xF000 + n)
                                           for n in range(0, 2100, 300)))
    for now in (0, 1, 3599, 3600, 2**24 - 1, 2**24, 2**32, 2**40 - 1):
        yield 'cookie', f'at-{now}', cookie_input(cookie_hello(own, 0, 2), cookie_hello(own, 2, 1),
                                                  now=now)
    yield 'cookie', 'short-rotation', cookie_input(
        *(cookie_hello(own, 0, age) for age in range(0, 8)), rotation=1, lifetime=1)


CONFIGURATION = """\
[gateway]
cookie-secret = cookie.secret
[port wan]
profile = profile.ini
device = net_null0
mac = 02:00:00:00:00:0a
address = 198.18.0.1/24, 2001:2::1/48
[listener coap]
bind = 198.18.0.1:5684, [2001:2::1]:5684
certificate = server.pem
private-key = server.key
upstream = 127.0.0.1:5683
[listener things]
bind = 0.0.0.0:5685
psk-file = psk.txt
psk-hint = one\\;two ; a hint
ciphers = PSK-AES128-CCM8
groups = P-256:X25519
idle-timeout = 60
session-tickets = off
upstream = echo
"""


def seeds_of_configurations() -> Iterator[Seed]:
    def changed(*changes: tuple[str, str]) -> bytes:
        text = CONFIGURATION
        for old, new in changes:
            text = text.replace(old, new)
        return text.encode()
    page = (SOURCE / 'docs/configuration.md').read_text()
    blocks = re.findall(r'(?m)^(?: {4}.*\n|\n(?= {4}))+', page + (SOURCE / 'README.md').read_text())
    for number, block in enumerate(blocks):
        text = re.sub(r'(?m)^ {4}', '', block).strip() + '\n'
        if text.startswith('['):
            yield 'config', f'documentation-{number}', text.encode()
    yield 'config', 'everything', changed()
    two = (('= server.pem', '= server.pem, other.pem'), ('= server.key', '= server.key, other.key'))
    yield 'config', 'two-certificates', changed(*two)
    yield 'config', 'certificates-of-one-name', changed(
        ('= server.pem', '= server.pem, server.pem'), ('= server.key', '= server.key, server.key'))
    yield 'config', 'certificates-with-names', changed(
        ('= server.pem', '= other.pem, other.pem'), ('= server.key', '= other.key, other.key'))
    yield 'config', 'keys-in-another-order', changed(two[0], ('= server.key',
                                                              '= other.key, server.key'))
    yield 'config', 'client-ca', changed(('= server.key', '= server.key\nclient-ca = other.pem'))
    yield 'config', 'client-ca-that-is-none', changed(
        ('= server.key', '= server.key\nclient-ca = psk.txt'))
    yield 'config', 'too-many-binds', changed(
        ('= 0.0.0.0:5685', '= ' + ','.join(f'0.0.0.0:{n}' for n in range(1, 20))))
    yield 'config', 'too-many-certificates', changed(('= server.pem', '= ' + 'a,' * 20 + 'a'),
                                                     ('= server.key', '= ' + 'b,' * 20 + 'b'))
    yield 'config', 'too-many-denied-ports', changed(
        ('[gateway]', '[gateway]\ndeny-source-ports = ' + ','.join(map(str, range(20)))))
    yield 'config', 'many-addresses', changed(
        ('198.18.0.1/24, 2001:2::1/48', ','.join(f'{n:x}::1/8' for n in range(0x2000, 0x2019))))
    yield 'config', 'port-twice', changed(('[listener coap]', '[port  wan]\n[listener coap]'))
    yield 'config', 'listener-twice', changed(('[listener things]', '[listener  coap]'))
    yield 'config', 'too-many-ports', changed(('[listener coap]', ''.join(
        f'[port {n}]\ndevice=net_null{n}\naddress=10.0.0.{n}/24\n' for n in range(1, 17))
        + '[listener coap]'))
    yield 'config', 'too-many-listeners', CONFIGURATION.encode() + b''.join(
        b'[listener %d]\nbind=[::]:%d\npsk-file=psk.txt\nupstream=echo\n' % (n, n)
        for n in range(1, 65))
    yield 'config', 'printed-longer-than-a-line', changed(
        ('one\\;two ; a hint', '\\;' + 160 * ';'))
    rows = re.findall(r'(?m)^\| `([a-z-]+)` \| ([^|]*) \| ([^|]*) \|', page)
    for key, values, usual in rows:
        for value in {usual.strip().strip('`'), *re.findall(r'\d+|[a-z0-9-]+', values)}:
            for section in ('[gateway]', '[port wan]', '[listener things]'):
                yield 'config', f'{key}-{section[1:5]}-{value[:20]}'.replace('/', '_'), (
                    CONFIGURATION.replace(section, f'{section}\n{key} = {value}').encode())
    for profile in sorted((SOURCE / 'pmd-config').glob('*.ini')):
        text = CONFIGURATION + '%%profile.ini\n' + profile.read_text()
        yield 'config', f'profile-{profile.stem}', text.encode()
    for number, (name, text) in enumerate((
            ('psk.txt', 'lamp:0011\n# no key\nother:aabb\n\n'), ('psk.txt', 'lamp\n'),
            ('psk.txt', 'lamp:001\n'), ('psk.txt', ''), ('cookie.secret', '5a' * 32),
            ('cookie.secret', '5a' * 32 + '\r\n\n'), ('cookie.secret', '5a' * 31),
            ('profile.ini', '[driver]\nname = net_null\ntried = no\n[rss]\nkey = symmetric\n'),
            ('profile.ini', '[driver]\nname = x\ntried = no\n[rss]\nkey = ' + '6d5a' * 20 + '\n'),
            ('profile.ini', '[driver]\nname = x\n'))):
        yield 'config', f'file-{number}', f'{CONFIGURATION}%%{name}\n{text}'.encode()


def main() -> int:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    count: dict[str, int] = {}
    for make in (seeds_of_clients, seeds_of_fixtures, seeds_of_strangers, seeds_of_limits,
                 seeds_of_bindings, seeds_of_cookies, seeds_of_configurations, seeds_of_guards,
                 seeds_of_left_out, seeds_of_deep_tags):
        for target, name, content in guards_of_workers(make()):
            path = folder / target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            count[target] = count.get(target, 0) + 1
    print(', '.join(f'{target}: {number}' for target, number in count.items()))
    return 0


if __name__ == '__main__':
    sys.exit(main())
