# SPDX-License-Identifier: BSD-3-Clause
"""ClientHellos by class, as datagrams, for servers whose answers are measured one by one.

The hellos of real clients are those that are built into hellogen; the others are made of OpenSSL's.
"""
from __future__ import annotations

import os
import re
import struct
import subprocess
import tempfile

from bench import bed
from lab import packets

RECORD, MESSAGE = 13, 12
BODY = RECORD + MESSAGE
SESSION_ID = BODY + 34  # its length; the cookie's length follows it, both 0 in a template
DATAGRAM_MAX = 1472     # of payload in an Ethernet frame over IPv4
PADDING = 21            # extension of RFC 7685

Probe = tuple[bytes, ...]  # the datagrams of one hello, in order


def captured(name: str) -> Probe:
    """A hello that is built into hellogen."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, 'hello.pcap')
        subprocess.run([bed.program('hellogen/hellogen'), '--write-pcap', path, '--hello', name,
                        '--plain-numbers', '--count', '1', '--target', f'{bed.ADDRESS}:{bed.PORT}', '--src',
                        f'{bed.CLIENT}/32', '--dst-mac', bed.MAC], check=True, stdout=subprocess.PIPE)
        return tuple(packets.parse(frame).payload for frame in packets.read_pcap(path))


def names() -> list[str]:
    done = subprocess.run([bed.program('hellogen/hellogen'), '--list'], check=True, text=True,
                          stdout=subprocess.PIPE)
    return re.findall(r'^  (\S+) ', done.stdout.partition('modes:')[0], re.M)


def record(fragment: bytes, number: int = 0, kind: int = 22, version: int = 0xfeff,
           epoch: int = 0) -> bytes:
    return (struct.pack('!BHH', kind, version, epoch) + number.to_bytes(6, 'big')
            + struct.pack('!H', len(fragment)) + fragment)


def message(body: bytes, sequence: int = 0, kind: int = 1) -> bytes:
    return fragment(body, 0, len(body), sequence, kind)


def fragment(body: bytes, at: int, length: int, sequence: int = 0, kind: int = 1) -> bytes:
    return (bytes([kind]) + len(body).to_bytes(3, 'big') + struct.pack('!H', sequence)
            + at.to_bytes(3, 'big') + length.to_bytes(3, 'big') + body[at:at + length])


def extended(body: bytes, kind: int, content: bytes) -> bytes:
    """A hello's body with an extension more, the last one."""
    at = 35 + body[34]              # the cookie's length
    at += 1 + body[at]              # the cipher suites' length
    at += 2 + struct.unpack_from('!H', body, at)[0]
    at += 1 + body[at]              # the extensions' length
    extensions = body[at + 2:] + struct.pack('!HH', kind, len(content)) + content
    return body[:at] + struct.pack('!H', len(extensions)) + extensions


def with_cookie(hello: Probe, cookie: bytes) -> Probe:
    """The second hello (RFC 6347 4.2.1) of one in one datagram."""
    body = hello[0][BODY:]
    body = body[:35 + body[34]] + bytes([len(cookie)]) + cookie + body[36 + body[34]:]
    return record(message(body, 1), 1),


def with_session(body: bytes, session_id: bytes, ticket: bytes) -> Probe:
    body = body[:34] + bytes([len(session_id)]) + session_id + body[35:]
    return record(message(extended(body, 35, ticket))),


def malformed(body: bytes) -> dict[str, Probe]:
    whole = message(body)
    hello = record(whole)
    n = len(body)
    return {
        'empty datagram': (b'',),
        'one byte': (b'\x16',),
        'half a record': (hello[:len(hello) // 2],),
        'record longer than the datagram': (hello[:11] + b'\x3f\xff' + hello[13:],),
        'record of length 0': (record(b''),),
        'record of epoch 1': (record(whole, epoch=1),),
        'record version of TLS 1.2': (record(whole, version=0x0303),),
        'record version 0': (record(whole, version=0),),
        'alert': (record(b'\x02\x28', kind=21),),
        'change cipher spec': (record(b'\x01', kind=20),),
        'application data': (record(body, kind=23),),
        'heartbeat that asks for more than it has': (record(b'\x01\x3f\xff', kind=24),),
        'ServerHello': (record(message(body, kind=2)),),
        'Finished': (record(message(bytes(12), kind=20)),),
        'message_seq 7': (record(message(body, 7)),),
        'fragment longer than the message': (
            record(b'\x01' + (n - 1).to_bytes(3, 'big') + bytes(5) + n.to_bytes(3, 'big') + body),),
        'client_version of DTLS 1.3': (record(message(b'\xfe\xfc' + body[2:])),),
        'client_version 0': (record(message(b'\0\0' + body[2:])),),
        'session id of 255 bytes': (record(message(body[:34] + b'\xff' + body[35:])),),
        'cookie longer than the message': (record(message(body[:35] + b'\xff' + body[36:])),),
        'cookie that nobody made': with_cookie((hello,), bytes(range(20))),
        'no cipher suite': (record(message(body[:36] + b'\0\0\x01\0')),),
        'cipher suites that nobody has': (record(message(body[:36] + b'\0\x02\x5a\x5a\x01\0')),),
    }


def classes() -> dict[str, dict[str, Probe]]:
    """Class, then name of the hello; resumption comes with a session of the server itself."""
    hello = captured('openssl')
    body = hello[0][BODY:]
    smallest = captured('smallest')
    room = DATAGRAM_MAX - len(hello[0]) - 4
    halves = [record(fragment(body, at, size), i) for i, (at, size) in
              enumerate(((0, len(body) // 2), (len(body) // 2, len(body) - len(body) // 2)))]
    return {
        'smallest': {'61 bytes': smallest,
                     'one cipher suite': (record(message(body[:36] + b'\0\x02\xc0\x2b\x01\0')),)},
        'typical': {name: captured(name) for name in ('openssl', 'gnutls', 'mbedtls', 'wolfssl')},
        'largest': {f'padded to {DATAGRAM_MAX} bytes': (
            record(message(extended(body, PADDING, bytes(room)))),)},
        'malformed': malformed(body),
        'fragmented': {'ncat, 2 datagrams': captured('ncat'),
                       '2 fragments': tuple(halves),
                       'first fragment alone': (halves[0],),
                       'a fragment of 1 byte': (record(fragment(body, 0, 1)),)},
        'multi-record': {'as many of the smallest as fit': many(smallest[0], smallest[0][RECORD:]),
                         'as many of OpenSSL\'s as fit': many(hello[0], hello[0][RECORD:]),
                         '2 fragments in one datagram': (b''.join(halves),)},
    }


def many(hello: bytes, content: bytes) -> Probe:
    return b''.join(record(content, i) for i in range(DATAGRAM_MAX // len(hello))),


def typical() -> Probe:
    return captured('openssl')
