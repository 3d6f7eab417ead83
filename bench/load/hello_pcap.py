# SPDX-License-Identifier: BSD-3-Clause
"""Sets of packets for the benchmarks: all sources and randoms differ; the same seed, the same set.

    openssl    cookieless hellos as `openssl s_client -dtls1_2` sends them: 205 bytes of payload
    ipv6       the same over IPv6
    smallest   the smallest hellos that are answered: 61 bytes, up to and with an empty cookie
    junk       as `openssl`, but every other packet is to be dropped, for eight reasons in turn
    verified   as `openssl`, but one in ten brings a valid cookie
"""
from __future__ import annotations

import os
import random
import struct
import time

from lab import packets as pk

GATEWAY_MAC, CLIENT_MAC, OTHER_MAC = '02:00:00:00:00:0a', '02:00:00:00:00:01', '02:00:00:00:00:0b'
GATEWAY_V4, GATEWAY_V6, PORT = '198.18.0.1', '2001:2::1', 5684
SOURCES_V4 = pk.address('198.18.128.0')  # a /17 of RFC 2544's network, for the spoofed addresses
SOURCES_V6 = pk.address('2001:2:0:8000::')  # a /49 of RFC 5180's
SOURCES = (1 << 15) - 2
SETS = ('openssl', 'ipv6', 'smallest', 'junk', 'verified')
VERIFIED_ONE_IN = 10
RECORD_HEARTBEAT = 24


def _flows(count: int, rng: random.Random, six: bool) -> list[pk.Flow]:
    """From as many different addresses, and from any port that a client may have."""
    flows = []
    for host in rng.sample(range(1, SOURCES + 1), count):
        low = host.to_bytes(2, 'big')
        if six:
            packed = SOURCES_V6[:8] + rng.randbytes(6) + low
            source, destination = pk.ipaddress.IPv6Address(packed), GATEWAY_V6
        else:
            packed = SOURCES_V4[:2] + (SOURCES_V4[2] << 8 | host).to_bytes(2, 'big')
            source, destination = pk.ipaddress.IPv4Address(packed), GATEWAY_V4
        flows.append(pk.Flow(str(source), rng.randrange(1024, 65536), destination, PORT))
    return flows


def _frame(flow: pk.Flow, payload: bytes, *, destination_mac: str = GATEWAY_MAC,
           **ip_fields) -> bytes:
    udp = pk.udp(flow.source, flow.destination, flow.source_port, flow.destination_port, payload)
    return pk.ether(destination_mac, CLIENT_MAC, pk.ip_ether_type(flow.source),
                    pk.ip(flow.source, flow.destination, pk.UDP, udp, **ip_fields))


def _smallest(hello: pk.Hello) -> bytes:
    """A first fragment that ends right after an empty cookie, of a message that would be longer."""
    fragment = hello.head() + b'\0'
    return pk.record(pk.handshake(fragment, length=len(hello.body())))


def _junk(kind: int, flow: pk.Flow, hello: pk.Hello) -> bytes:
    datagram = hello.datagram()
    if kind == 0:
        right = _frame(flow, datagram)
        return right[:-1] + bytes((right[-1] ^ 1,))  # what the UDP checksum finds
    if kind == 1:
        return _frame(flow, datagram, checksum=0x1234)
    if kind == 2:
        return _frame(flow.with_(destination_port=PORT + 1), datagram)
    if kind == 3:
        tcp = struct.pack('!HHIIHHHH', flow.source_port, PORT, 1, 0, 0x5002, 65535, 0, 0)
        return pk.ether(GATEWAY_MAC, CLIENT_MAC, pk.ETHER_IPV4,
                        pk.ipv4(flow.source, flow.destination, pk.TCP, tcp))
    if kind == 4:
        return _frame(flow, pk.record(datagram[13:], kind=RECORD_HEARTBEAT))
    if kind == 5:  # of a session that does not exist
        return _frame(flow, pk.record(datagram[13:], kind=pk.APPLICATION_DATA, epoch=1))
    if kind == 6:
        return _frame(flow, pk.record(pk.handshake(hello.body()[:60])))  # cut in its suites
    return _frame(flow, datagram, destination_mac=OTHER_MAC)


def make(kind: str, count: int, seed: int = 1, jar: pk.CookieJar | None = None,
         binding: str = 'hello') -> list[bytes]:
    """The frames of a set. `verified` needs the gateway's secret and rotation as a CookieJar;
    binding: what its cookies are bound to (cookie-binding)."""
    if not 0 < count <= SOURCES:
        raise ValueError(f'a set has 1 to {SOURCES} packets')
    rng = random.Random(seed)
    frames = []
    for i, flow in enumerate(_flows(count, rng, kind == 'ipv6')):
        hello = pk.Hello(random=rng.randbytes(32))
        if kind == 'smallest':
            frames.append(_frame(flow, _smallest(hello)))
        elif kind == 'junk' and i % 2:
            frames.append(_junk(i // 2 % 8, flow, hello))
        elif kind == 'verified' and i % VERIFIED_ONE_IN == 0:
            cookie = jar.mint(flow, hello.bound(binding), int(time.time()))
            frames.append(_frame(flow, hello.with_(cookie=cookie).datagram()))
        else:
            frames.append(_frame(flow, hello.datagram()))
    return frames


def write(path: str | os.PathLike, kind: str, count: int, seed: int = 1,
          jar: pk.CookieJar | None = None, binding: str = 'hello') -> None:
    pk.write_pcap(path, make(kind, count, seed, jar, binding))
