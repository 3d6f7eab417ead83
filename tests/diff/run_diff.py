#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The worker against OpenSSL's DTLSv1_listen: the same datagrams to both; speaks TAP.

    run_diff.py ORACLE

Generated hellos, hostile and honest, go through the real worker and through ORACLE (oracle.c). Both
answer with a HelloVerifyRequest, stay silent or go on with the handshake, and have to agree, in the
bytes of the answer too, but for the cookie and for what DEVIATIONS lists.
"""
from __future__ import annotations

import collections
import dataclasses
import pathlib
import random
import struct
import subprocess
import sys
from typing import Callable, Iterator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lab import capture  # noqa: E402
from lab import packets as pk  # noqa: E402
from lab.tap import Tap  # noqa: E402

ORACLE_COOKIE = b'oracle-cookie-fixed!'
RUN_ACCEPTED = 200  # in one run: less than a ring between worker and handshake core holds
RECORD, BODY_AT = pk.RECORD_HEADER, pk.RECORD_HEADER + pk.HANDSHAKE_HEADER
SESSION_ID_AT = BODY_AT + 34
FIRST = pk.Hello().datagram()
GOOD = pk.Hello(cookie=ORACLE_COOKIE).datagram()
HELLOS = (('first', FIRST), ('second', GOOD))


@dataclasses.dataclass(frozen=True)
class Case:
    """A datagram with ORACLE_COOKIE where a good cookie is meant."""
    category: str
    name: str
    datagram: bytes

    def __str__(self) -> str:
        return f'{self.category}: {self.name}: {self.datagram.hex()}'


@dataclasses.dataclass(frozen=True)
class Verdict:
    """silent, hvr or accepted, and the bytes of an hvr."""
    kind: str
    answer: bytes = b''


# ---- what differs on purpose

def message_seq(datagram: bytes) -> int:
    return struct.unpack_from('!H', datagram, 17)[0]


def only_dtls13(datagram: bytes) -> bool:
    """As the generator writes such a hello: a suite of TLS 1.3 first, one version in the list."""
    return b'\x13\1' in datagram and pk.extension(43, b'\2\xfe\xfc') in datagram


@dataclasses.dataclass(frozen=True)
class Deviation:
    """applies(datagram, verdict of the oracle): the gateway stays silent, or answers otherwise."""
    name: str
    reason: str
    applies: Callable[[bytes, Verdict], bool]
    silent: bool = True


DEVIATIONS = (
    Deviation('a second hello with message_seq 0 is not continued',
              'DTLSv1_listen reports success and SSL_accept then waits for ever',
              lambda d, v: v.kind == 'accepted' and message_seq(d) == 0),
    Deviation('session_id of more than 32 bytes', 'RFC 5246 section 7.4.1.2: at most 32',
              lambda d, v: v.kind != 'silent' and d[SESSION_ID_AT] > 32),
    Deviation('suites or compression methods that reach past the message',
              'no handshake comes of it; OpenSSL stops reading at the cookie',
              lambda d, v: (v.kind != 'silent' and d[SESSION_ID_AT] <= 32
                            and pk.bound_of(d) is None)),
    Deviation('a second hello with a record sequence number of 2^47 or more',
              'OpenSSL 3.0 would wrap to 0, and the client drop its ServerHello',
              lambda d, v: v.kind == 'accepted' and int.from_bytes(d[5:11], 'big') >= 2**47),
    Deviation('a second hello that declares more than 16384 bytes',
              'a short fragment would make OpenSSL hold memory for all of it',
              lambda d, v: v.kind == 'accepted' and int.from_bytes(d[14:17], 'big') > 16384),
    Deviation('a hello that offers DTLS 1.3 alone', 'no version is left to settle on',
              lambda d, v: v.kind != 'silent' and only_dtls13(d)),
    Deviation('a datagram that does not fit one buffer',
              'no Ethernet frame is as long, unless it is a jumbo frame',
              lambda d, v: v.kind != 'silent' and len(d) > 2000),
    Deviation('the HelloVerifyRequest has the hello\'s message_seq',
              'RFC 6347 erratum 5186: with 0, clients ignore a second HelloVerifyRequest',
              lambda d, v: v.kind == 'hvr' and message_seq(d) != 0, silent=False),
)


def expected(datagram: bytes, oracle: Verdict, applied: list[Deviation]) -> Verdict:
    if any(deviation.silent for deviation in applied):
        return Verdict('silent')
    if applied:
        return Verdict('hvr', oracle.answer[:17] + datagram[17:19] + oracle.answer[19:])
    return oracle


# ---- the datagrams

def put(datagram: bytes, at: int, value: int, size: int) -> bytes:
    return datagram[:at] + (value % (1 << 8 * size)).to_bytes(size, 'big') + datagram[at + size:]


def fragment(hello: bytes, size: int) -> bytes:
    """The first fragment of a hello's message, with so many bytes of its body."""
    cut = hello[:BODY_AT + size]
    return put(put(cut, 11, pk.HANDSHAKE_HEADER + size, 2), 22, size, 3)


def edges(value: int, size: int) -> list[int]:
    top = (1 << 8 * size) - 1
    near = {0, 1, 2, value - 1, value + 1, top, top - 1, top >> 1, (top >> 1) + 1}
    return sorted(v for v in near if 0 <= v <= top and v != value)


HEADER_FIELDS = (('content type', 0, 1), ('version', 1, 2), ('version major', 1, 1),
                 ('version minor', 2, 1), ('epoch', 3, 2), ('record sequence', 5, 6),
                 ('record length', 11, 2), ('message type', 13, 1), ('message length', 14, 3),
                 ('message_seq', 17, 2), ('fragment offset', 19, 3), ('fragment length', 22, 3))


def header_cases() -> Iterator[tuple[str, bytes]]:
    for which, hello in HELLOS:
        for field, at, size in HEADER_FIELDS:
            for value in edges(int.from_bytes(hello[at:at + size], 'big'), size):
                yield f'{which}, {field} {value:#x}', put(hello, at, value, size)
        for kind in (20, 21, 23, 24, 25, 26):
            yield f'{which}, content type {kind}', put(hello, 0, kind, 1)
        for version in (0x0100, 0x0303, 0x0304, 0xFEFC, 0xFEFD, 0xFEFE):
            yield f'{which}, version {version:04x}', put(hello, 1, version, 2)
        for power in range(0, 48, 5):
            yield f'{which}, record sequence 2^{power}', put(hello, 5, 1 << power, 6)
        for declared in (16383, 16384, 16385, 100000):
            yield f'{which}, declares {declared} bytes', put(hello, 14, declared, 3)


def body_cases() -> Iterator[tuple[str, bytes]]:
    for which, hello in HELLOS:
        cookie_at = SESSION_ID_AT + 1
        suites_at = cookie_at + 1 + hello[cookie_at]
        compression_at = suites_at + 2 + len(pk.SUITES)
        for field, at, size in (('client_version', BODY_AT, 2),
                                ('session_id length', SESSION_ID_AT, 1),
                                ('cookie length', cookie_at, 1), ('suites length', suites_at, 2),
                                ('compression length', compression_at, 1),
                                ('extensions length', compression_at + 2, 2),
                                ('first extension length', compression_at + 6, 2)):
            values = edges(int.from_bytes(hello[at:at + size], 'big'), size)
            if size == 1:
                values = [v for v in range(0, 256, 5) if v != hello[at]]
            for value in values:
                yield f'{which}, {field} {value:#x}', put(hello, at, value, size)
        for version in (0x0000, 0x0303, 0xFEFC, 0xFEFF, 0xFFFF):
            yield f'{which}, client_version {version:04x}', put(hello, BODY_AT, version, 2)


def field_cases() -> Iterator[tuple[str, bytes]]:
    """Fields of every size, with every length around them right."""
    for cookie in (b'', ORACLE_COOKIE):
        which = 'second' if cookie else 'first'
        base = pk.Hello(cookie=cookie)
        for size in (0, 1, 2, 16, 31, 32, 33, 34, 64, 255):
            yield (f'{which}, session_id of {size} bytes',
                   base.with_(session_id=bytes(size)).datagram())
        for size in (0, 1, 2, 3, 255, 256, 1000):
            yield f'{which}, suites of {size} bytes', base.with_(suites=bytes(size)).datagram()
        for size in (0, 1, 2, 255):
            yield (f'{which}, compression methods of {size} bytes',
                   base.with_(compression=bytes(size)).datagram())
        for size in (0, 1, 100, 1200):
            yield (f'{which}, extensions of {size} bytes',
                   base.with_(extensions=bytes(size)).datagram())
        yield f'{which}, no extensions', base.with_(extensions=None).datagram()
        for seq in (0, 1, 2, 3, 255, 256, 257):
            yield f'{which}, message_seq {seq}', base.datagram(seq=seq)
        for name, versions in (('1.3 alone', (0xFEFC,)), ('1.3 and 1.2', (0xFEFC, 0xFEFD)),
                               ('1.2 and 1.3', (0xFEFD, 0xFEFC)),
                               ('1.3 and 1.0', (0xFEFC, 0xFEFF))):
            listed = struct.pack(f'!B{len(versions)}H', 2 * len(versions), *versions)
            yield (f'{which}, DTLS {name}', base.with_(
                suites=b'\x13\1' + pk.SUITES,
                extensions=pk.EXTENSIONS + pk.extension(43, listed)).datagram())


def cookie_cases() -> Iterator[tuple[str, bytes]]:
    for size in (*range(1, 20), *range(21, 40), 63, 64, 127, 128, 254, 255):
        cookie = (ORACLE_COOKIE[::-1] * 13)[:size]
        yield f'cookie of {size} bytes', pk.Hello(cookie=cookie).datagram()
    for bit in range(0, 160, 7):
        value = int.from_bytes(ORACLE_COOKIE, 'big') ^ 1 << bit
        yield (f'cookie with bit {bit} flipped',
               pk.Hello(cookie=value.to_bytes(20, 'big')).datagram())


def truncated_cases() -> Iterator[tuple[str, bytes]]:
    for which, hello in HELLOS:
        for size in range(len(hello)):
            yield f'{which}, {size} bytes', hello[:size]


def fragment_cases() -> Iterator[tuple[str, bytes]]:
    for which, hello in HELLOS:
        body = hello[BODY_AT:]
        for size in range(len(body)):
            yield f'{which}, fragment of {size} bytes', fragment(hello, size)
            whole = put(fragment(hello, size), 14, size, 3)
            yield f'{which}, message of {size} bytes', whole
        for offset in (1, 36, 60, len(body) - 1):
            rest = pk.handshake(body[offset:], length=len(body), offset=offset,
                                seq=message_seq(hello))
            yield f'{which}, fragment from {offset}', pk.record(rest)


def trailing_cases() -> Iterator[tuple[str, bytes]]:
    for which, hello in HELLOS:
        for size in (1, 2, 12, 13, 14, 100):
            yield f'{which}, {size} bytes behind it', hello + bytes(size)
            yield (f'{which}, {size} bytes in its record behind it',
                   put(hello, 11, len(hello) - RECORD + size, 2) + bytes(size))
            yield (f'{which}, {size} bytes in its message behind it', pk.record(
                pk.handshake(hello[BODY_AT:] + bytes(size), seq=message_seq(hello))))
        yield f'{which}, the first behind it', hello + FIRST
        yield f'{which}, itself behind it', hello + hello
        yield f'{which}, an alert before it', pk.record(b'\2\50', kind=pk.ALERT) + hello


def large_cases() -> Iterator[tuple[str, bytes]]:
    for cookie in (b'', ORACLE_COOKIE):
        which = 'second' if cookie else 'first'
        for size in (1300, 3000, 9000, 16000):
            yield (f'{which}, {size} bytes of padding', pk.Hello(
                cookie=cookie, extensions=pk.extension(21, bytes(size))).datagram())


def mutated_cases() -> Iterator[tuple[str, bytes]]:
    """One to three changes at places drawn from a fixed seed, most of them in what is parsed."""
    draw = random.Random(6347)
    for number in range(600):
        which, hello = HELLOS[number % 2]
        data = bytearray(hello)
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(min(len(data), BODY_AT + 60 if draw.random() < .8 else len(data)))
            how = draw.randrange(4)
            if how == 0:
                data[at] ^= 1 << draw.randrange(8)
            elif how == 1:
                data[at] = draw.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, draw.randrange(256)))
            elif how == 2:
                data[at:at + draw.randint(1, 8)] = b''
            else:
                data[at:at] = draw.randbytes(draw.randint(1, 8))
        if draw.random() < .5:  # with lengths that fit again, a change is seen by deeper checks
            size = max(len(data) - BODY_AT, 0)
            data = bytearray(put(put(bytes(data), 11, size + 12, 2), 22, size, 3))
            data = bytearray(put(bytes(data), 14, size, 3))
        yield f'{which}, mutation {number}', bytes(data)


CATEGORIES: tuple[tuple[str, Callable[[], Iterator[tuple[str, bytes]]]], ...] = (
    ('header fields', header_cases), ('body fields', body_cases), ('field sizes', field_cases),
    ('cookies', cookie_cases), ('truncated', truncated_cases), ('fragments', fragment_cases),
    ('trailing bytes', trailing_cases), ('large', large_cases), ('mutations', mutated_cases))


def all_cases() -> list[Case]:
    """Without doubles: the same datagram twice tells nothing."""
    seen: dict[bytes, Case] = {}
    for category, generate in CATEGORIES:
        for name, datagram in generate():
            seen.setdefault(datagram, Case(category, name, datagram))
    return list(seen.values())


# ---- the two judges

def ask_oracle(oracle: str, cases: list[Case]) -> list[Verdict]:
    prefixed = b''.join(struct.pack('!I', len(c.datagram)) + c.datagram for c in cases)
    told = subprocess.run([oracle], input=prefixed, stdout=subprocess.PIPE, check=True)
    verdicts = []
    for line in told.stdout.decode().splitlines():
        kind, _, answer = line.partition(' ')
        verdicts.append(Verdict(kind, bytes.fromhex(answer)))
    if len(verdicts) != len(cases):
        raise AssertionError(f'{len(verdicts)} verdicts on {len(cases)} datagrams')
    return verdicts


def with_cookie(case: Case, peer: capture.Peer) -> bytes:
    """The datagram with a cookie that the gateway holds for good, where a good cookie is meant."""
    datagram = case.datagram
    at = SESSION_ID_AT + 1 + (datagram[SESSION_ID_AT] if len(datagram) > SESSION_ID_AT else 0)
    if datagram[at:at + 21] != bytes([20]) + ORACLE_COOKIE:
        return datagram
    cookie = peer.cookie(pk.parameters_of(datagram) or b'')
    return datagram[:at + 1] + cookie + datagram[at + 21:]


def ask_gateway(cases: list[Case]) -> tuple[list[Verdict], capture.Run]:
    """What the worker did. A forwarded datagram looks like silence: only the counter tells."""
    setup = capture.setup()
    peers = [capture.peer(setup, number) for number in range(len(cases))]
    datagrams = [with_cookie(case, peer) for case, peer in zip(cases, peers)]
    run = capture.run(setup, [peer.send(d) for peer, d in zip(peers, datagrams)])
    back = collections.defaultdict(list)
    for frame in run.frames:
        packet = pk.parse(frame)
        if packet.payload[13:14] == bytes([pk.HELLO_VERIFY_REQUEST]):
            back[packet.destination_mac].append(packet.payload)
    verdicts = []
    for peer, datagram in zip(peers, datagrams):
        answers = back.pop(peer.mac, [])
        if not answers:
            verdicts.append(Verdict('silent'))
            continue
        fault = peer.setup.jar.fault(answers[0][-20:], peer.flow, pk.bound_of(datagram) or b'',
                                     run.earliest, run.latest)
        kind = f'hvr with a bad cookie: {fault}' if fault else 'hvr'
        verdicts.append(Verdict(kind if len(answers) == 1 else f'{len(answers)} answers',
                                answers[0][:-20] + ORACLE_COOKIE))
    if back:
        raise AssertionError(f'answers to strangers: {back}')
    return verdicts, run


# ---- the comparison

def compare_silent(tap: Tap, cases: list[Case], wanted: list[Verdict]) -> None:
    """What is answered or dropped: one run, one result for each category."""
    verdicts, run = ask_gateway(cases)
    faults = collections.defaultdict(list)
    for case, want, got in zip(cases, wanted, verdicts):
        if want != got:
            faults[case.category].append(f'{case}: expected {want}, got {got}')
    for category, _ in CATEGORIES:
        kinds = collections.Counter(w.kind for c, w in zip(cases, wanted) if c.category == category)
        tap.result(f'{category}: {kinds["hvr"]} answered, {kinds["silent"]} dropped',
                   faults[category] if kinds else ['no case'])
    forwarded = []
    if run.counters['forwarded']:
        guilty = capture.blame(len(cases), lambda half: bool(
            ask_gateway([cases[i] for i in half])[1].counters['forwarded']))
        forwarded = [f'{run.counters["forwarded"]} were forwarded, one of them or all of these:',
                     *(str(cases[i]) for i in guilty)]
    tap.result(f'none of these {len(cases)} is forwarded', forwarded)


def compare_accepted(tap: Tap, cases: list[Case]) -> None:
    """What is forwarded: nothing else may happen to any of them."""
    def wrong(run: capture.Run, count: int) -> bool:
        return run.counters['forwarded'] != count or run.counters['tx'] != 0

    for start in range(0, len(cases), RUN_ACCEPTED):
        part = cases[start:start + RUN_ACCEPTED]
        _, run = ask_gateway(part)
        faults = []
        if wrong(run, len(part)):
            guilty = capture.blame(len(part), lambda half, part=part: wrong(
                ask_gateway([part[i] for i in half])[1], len(half)))
            faults = [f'{run.counters["forwarded"]} were forwarded, {run.counters["tx"]} answered; '
                      'not forwarded:', *(str(part[i]) for i in guilty)]
        tap.result(f'{len(part)} that OpenSSL accepts are forwarded', faults)


def main() -> int:
    if len(sys.argv) != 2:
        print('usage: run_diff.py ORACLE', file=sys.stderr)
        return 2
    tap = Tap()
    cases = all_cases()
    oracle = ask_oracle(sys.argv[1], cases)
    applied = [[d for d in DEVIATIONS if d.applies(c.datagram, v)] for c, v in zip(cases, oracle)]
    wanted = [expected(c.datagram, v, a) for c, v, a in zip(cases, oracle, applied)]
    kinds = collections.Counter(v.kind for v in oracle)
    tap.result(f'OpenSSL on {len(cases)} datagrams: {kinds["hvr"]} answered, {kinds["accepted"]} '
               f'accepted, {kinds["silent"]} dropped',
               [] if set(kinds) == {'hvr', 'accepted', 'silent'} else [f'{dict(kinds)}'])
    for deviation in DEVIATIONS:
        alone = sum(a == [deviation] for a in applied)
        tap.result(f'deviation: {deviation.name} ({alone} cases)',
                   [] if alone else [f'no case shows it: {deviation.reason}'])
    accepted = [i for i, want in enumerate(wanted) if want.kind == 'accepted']
    others = [i for i, want in enumerate(wanted) if want.kind != 'accepted']
    with tap.survive('answered or dropped'):
        compare_silent(tap, [cases[i] for i in others], [wanted[i] for i in others])
    with tap.survive('accepted'):
        compare_accepted(tap, [cases[i] for i in accepted])
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
