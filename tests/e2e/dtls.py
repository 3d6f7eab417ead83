# SPDX-License-Identifier: BSD-3-Clause
"""A DTLS 1.2 client whose every message a test can bend: suite PSK-NULL-SHA256 (RFC 5487).

Its records are authenticated but not encrypted, so Python's hmac is all the cryptography it takes.
Client makes and reads bytes and does nothing by itself; Peer adds a socket.
"""
from __future__ import annotations

import dataclasses
import hashlib
import hmac
import random
import socket
import struct
import time
from typing import Callable, Iterable

from harness import GW4, PATIENCE, Net, Pki, in_netns, packets, slow

IDENTITY, KEY = 'crafted', bytes(range(100, 116))
SUITE, RENEGOTIATION_INFO_SCSV = b'\x00\xb0', b'\x00\xff'
HELLO = packets.Hello(suites=SUITE + RENEGOTIATION_INFO_SCSV, extensions=None)
NEW_SESSION_TICKET, SERVER_HELLO_DONE, CLIENT_KEY_EXCHANGE, FINISHED = 4, 14, 16, 20
MAC_SIZE = 32
CLOSE_NOTIFY = b'\1\0'


# For the listener that such clients talk to, which takes ordinary ones too if it has a certificate.
CIPHERS = 'PSK-NULL-SHA256:ALL:@SECLEVEL=0'
PSK_FILE = f'{IDENTITY}:{KEY.hex()}\n'


def settings(pki: Pki) -> dict[str, str]:
    """Of such a listener."""
    path = pki.directory / 'crafted.psk'
    path.write_text(PSK_FILE)
    return {'psk_file': str(path), 'ciphers': CIPHERS}


def seeded(number: int) -> bytes:
    """A random of a hello, another one for every number."""
    return random.Random(number).randbytes(32)


def prf(secret: bytes, label: bytes, seed: bytes, size: int) -> bytes:
    """RFC 5246 section 5."""
    out, a = b'', label + seed
    while len(out) < size:
        a = hmac.digest(secret, a, 'sha256')
        out += hmac.digest(secret, a + label + seed, 'sha256')
    return out[:size]


def fragment(message: bytes, start: int, end: int, **fields) -> bytes:
    """The bytes from start to end of the body of a whole handshake message, as a fragment."""
    body = message[packets.HANDSHAKE_HEADER:]
    seq, = struct.unpack_from('!H', message, 4)
    return packets.handshake(body[start:end], **{
        'kind': message[0], 'seq': seq, 'offset': start, 'length': len(body), **fields})


def messages(datagrams: Iterable[bytes]) -> dict[int, bytes]:
    """The handshake messages of epoch 0 that are whole, by message_seq; one fragment a record."""
    parts: dict[int, tuple[int, bytearray, set[int]]] = {}
    for datagram in datagrams:
        for kind, epoch, _, content in packets.records(datagram):
            if kind != packets.HANDSHAKE or epoch != 0:
                continue
            length, offset, size = (int.from_bytes(content[i:i + 3], 'big') for i in (1, 6, 9))
            seq, = struct.unpack_from('!H', content, 4)
            _, body, have = parts.setdefault(seq, (content[0], bytearray(length), set()))
            body[offset:offset + size] = content[12:12 + size]
            have.update(range(offset, offset + size))
    return {seq: packets.handshake(bytes(body), kind=kind, seq=seq)
            for seq, (kind, body, have) in parts.items() if len(have) == len(body)}


def sealed(key: bytes, content: bytes, kind: int, seq: int) -> bytes:
    """A record of epoch 1 (RFC 5246 section 6.2.3.1)."""
    head = struct.pack('!QBHH', 1 << 48 | seq, kind, packets.DTLS_1_2, len(content))
    mac = hmac.digest(key, head + content, 'sha256')
    return packets.record(content + mac, kind=kind, version=packets.DTLS_1_2, epoch=1, seq=seq)


@dataclasses.dataclass
class Client:
    """One association. hello is the second ClientHello, with its cookie."""
    hello: packets.Hello
    record_seq: int = 1  # of the next record of epoch 0
    sealed_seq: int = 0  # of the next record of epoch 1

    def __post_init__(self) -> None:
        self.hello_message = packets.handshake(self.hello.body(), seq=1)
        self.flight: tuple[bytes, bytes, bytes] | None = None
        self.client_mac = self.server_mac = self.verify_data = self.master = b''

    def plain(self, content: bytes, kind: int = packets.HANDSHAKE) -> bytes:
        """A record of epoch 0."""
        self.record_seq += 1
        return packets.record(content, kind=kind, version=packets.DTLS_1_2,
                              seq=self.record_seq - 1)

    def seal(self, content: bytes, kind: int = packets.APPLICATION_DATA) -> bytes:
        """A record of epoch 1."""
        self.sealed_seq += 1
        return sealed(self.client_mac, content, kind, self.sealed_seq - 1)

    def take_flight(self, datagrams: list[bytes]) -> bool:
        """Looks for the server's flight in what came; True if it is whole. Makes the answer."""
        found = messages(datagrams)
        done = next((s for s, m in found.items() if m[0] == SERVER_HELLO_DONE), None)
        if done is None or not all(s in found for s in range(1, done + 1)):
            return False
        body = found[1][packets.HANDSHAKE_HEADER:]
        if found[1][0] != packets.SERVER_HELLO or body[35 + body[34]:37 + body[34]] != SUITE:
            raise AssertionError(f'not a ServerHello for this suite: {found[1].hex()}')
        size = struct.pack('!H', len(KEY))
        self.master = prf(size + bytes(len(KEY)) + size + KEY, b'master secret',
                          self.hello.random + body[2:34], 48)
        self._derive(body[2:34])
        exchange = packets.handshake(struct.pack('!H', len(IDENTITY)) + IDENTITY.encode(),
                                     kind=CLIENT_KEY_EXCHANGE, seq=2)
        # RFC 6347 section 4.2.6: without the first hello and the HelloVerifyRequest.
        told = self.hello_message + b''.join(found[s] for s in range(1, done + 1)) + exchange
        self.verify_data = self._finished(b'client finished', told)
        self.flight = exchange, b'\1', packets.handshake(self.verify_data, kind=FINISHED, seq=3)
        return True

    def _derive(self, server_random: bytes) -> None:
        keys = prf(self.master, b'key expansion', server_random + self.hello.random, 2 * MAC_SIZE)
        self.client_mac, self.server_mac = keys[:MAC_SIZE], keys[MAC_SIZE:]

    def _finished(self, label: bytes, told: bytes) -> bytes:
        return prf(self.master, label, hashlib.sha256(told).digest(), 12)

    def take_resumption(self, master: bytes, datagrams: list[bytes]) -> bool:
        """The same for a hello with a ticket: True if the server goes on with the session of that
        master secret (RFC 5077 section 3.1). Makes the answer."""
        found = messages(datagrams)
        told = self.hello_message + b''.join(found[s] for s in sorted(found))
        hello = next((m for m in found.values() if m[0] == packets.SERVER_HELLO), None)
        if hello is None:
            return False
        body = hello[packets.HANDSHAKE_HEADER:]
        if body[35:35 + body[34]] != self.hello.session_id:
            raise AssertionError('the server begins another session')
        self.master = master
        self._derive(body[2:34])
        theirs = next((c for k, c in self.opened(datagrams) if k == packets.HANDSHAKE), None)
        if theirs is None:
            return False
        if theirs[packets.HANDSHAKE_HEADER:] != self._finished(b'server finished', told):
            raise AssertionError('a Finished of another handshake')
        self.verify_data = self._finished(b'client finished', told + theirs)
        self.flight = b'', b'\1', packets.handshake(self.verify_data, kind=FINISHED, seq=2)
        return True

    def renegotiation(self, random: bytes, seq: int) -> bytes:
        """A ClientHello within the session, as RFC 5746 section 3.5 wants it."""
        info = packets.extension(0xFF01, bytes([len(self.verify_data)]) + self.verify_data)
        hello = packets.Hello(suites=SUITE, random=random, extensions=info)
        return self.seal(packets.handshake(hello.body(), seq=seq), packets.HANDSHAKE)

    def last_flight(self, exchange: list[bytes] | None = None) -> bytes:
        """ClientKeyExchange, or fragments that stand for it, ChangeCipherSpec and Finished."""
        whole, change, finished = self.flight
        return b''.join((*(self.plain(part) for part in exchange or [whole] if part),
                         self.plain(change, packets.CHANGE_CIPHER_SPEC),
                         self.seal(finished, packets.HANDSHAKE)))

    def opened(self, datagrams: Iterable[bytes]) -> list[tuple[int, bytes]]:
        """Type and content of the server's records of epoch 1, all of which must be authentic."""
        found = []
        for datagram in datagrams:
            for kind, epoch, seq, content in packets.records(datagram):
                if epoch != 1:
                    continue
                content = content[:-MAC_SIZE]
                if sealed(self.server_mac, content, kind, seq) not in datagram:
                    raise AssertionError(f'a record of the server, but its MAC: {datagram.hex()}')
                found.append((kind, content))
        return found

    def is_finished(self, datagrams: Iterable[bytes]) -> bool:
        """Is the server's Finished in what came?"""
        return any(kind == packets.HANDSHAKE and content[0] == FINISHED
                   for kind, content in self.opened(datagrams))


class Peer:
    """A client at an address and port of the clients' namespace. It sends a flight again when no
    answer has come for half a second."""

    def __init__(self, net: Net, source: str, port: int, destination: int,
                 jar: packets.CookieJar) -> None:
        self.flow = packets.Flow(source, port, GW4, destination)
        self.jar = jar
        self.client: Client | None = None
        self.echoed = self.asked = 0  # datagrams to be echoed, and with those that were sent again
        with in_netns(net.client):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((source, port))
        self.socket.connect((GW4, destination))

    def verified(self, random: bytes, age: int = 0, hello: packets.Hello = HELLO) -> packets.Hello:
        """A second hello whose cookie the gateway might have given to it so many seconds ago."""
        hello = hello.with_(random=random)
        return hello.with_(cookie=self.jar.mint(self.flow, hello.bound(), int(time.time()) - age))

    def send(self, *datagrams: bytes) -> None:
        for datagram in datagrams:
            self.socket.send(datagram)

    def receive(self, timeout: float = 0) -> bytes | None:
        self.socket.settimeout(timeout)
        try:
            return self.socket.recv(65536)
        except (TimeoutError, BlockingIOError):
            return None

    def ask(self, flight: Callable[[], list[bytes]], answered: Callable[[list[bytes]], bool],
            deadline: float = PATIENCE, pace: float = 3) -> list[bytes]:
        """Sends a flight every pace seconds until what came since answers it; yields that."""
        got: list[bytes] = []
        end = time.monotonic() + slow(deadline)
        while time.monotonic() < end:
            self.send(*flight())
            again = time.monotonic() + pace
            while (left := again - time.monotonic()) > 0:
                datagram = self.receive(left)
                if datagram is not None:
                    got.append(datagram)
                    if answered(got):
                        return got
        raise AssertionError(f'no answer in {slow(deadline):g} s, but {[d.hex() for d in got[-3:]]}')

    def enter(self, hello: packets.Hello,
              flight: Callable[[Client], list[bytes]] | None = None) -> Client:
        """From the verified hello to the server's flight. flight: how the hello is sent."""
        self.client = client = Client(hello)
        self.ask(lambda: flight(client) if flight else [client.plain(client.hello_message)],
                 client.take_flight, pace=0.2 if flight else 3)
        return client

    def finish(self) -> None:
        """Completes the handshake."""
        self.ask(lambda: [self.client.last_flight()], self.client.is_finished)

    def connect(self, random: bytes) -> Client:
        client = self.enter(self.verified(random))
        self.finish()
        return client

    def echo(self) -> float:
        """Sends a datagram until it comes back: the seconds that it took."""
        self.echoed += 1
        text = b'echo %d' % self.echoed
        begun = time.monotonic()
        def flight() -> list[bytes]:
            self.asked += 1
            return [self.client.seal(text)]

        self.ask(flight,
                 lambda got: (packets.APPLICATION_DATA, text) in self.client.opened(got[-1:]))
        return time.monotonic() - begun

    def close(self) -> None:
        """Says good-bye, if there is a session, and is gone."""
        if self.client and self.client.client_mac and self.socket.fileno() >= 0:
            self.send(self.client.seal(CLOSE_NOTIFY, packets.ALERT))
        self.socket.close()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_) -> None:
        self.close()
