# SPDX-License-Identifier: BSD-3-Clause
"""Packets for the tests, written from the RFCs and not from the code under test.

Builders take every field as an argument, so that a wrong one is as easy to write as a right one:
a length or checksum left at None is computed. Addresses are text, everything else bytes and ints.
"""
from __future__ import annotations

import dataclasses
import hashlib
import hmac
import ipaddress
import pathlib
import struct

ETHER_IPV4, ETHER_ARP, ETHER_IPV6 = 0x0800, 0x0806, 0x86DD
ETHER_VLAN, ETHER_QINQ = 0x8100, 0x88A8
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
BROADCAST = 'ff:ff:ff:ff:ff:ff'

DTLS_1_0, DTLS_1_2 = 0xFEFF, 0xFEFD
CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
CLIENT_HELLO, SERVER_HELLO, HELLO_VERIFY_REQUEST = 1, 2, 3
RECORD_HEADER, HANDSHAKE_HEADER = 13, 12
COOKIE_SIZE, FORMAT = 20, 2


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(':', ''))


def address(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def u24(value: int) -> bytes:
    return value.to_bytes(3, 'big')


def u48(value: int) -> bytes:
    return value.to_bytes(6, 'big')


def ones_sum(*parts: bytes) -> int:
    """Internet checksum (RFC 1071) of parts that each start on an even offset."""
    total = 0
    for part in parts:
        if len(part) % 2:
            part += b'\0'
        total += sum(struct.unpack(f'!{len(part) // 2}H', part))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def pseudo_header(source: str, destination: str, protocol: int, length: int) -> bytes:
    """RFC 768 and RFC 8200 section 8.1; zeroes do not count, so one form serves both."""
    return address(source) + address(destination) + struct.pack('!II', length, protocol)


# ---- link layer

def ether(destination: str, source: str, ether_type: int, payload: bytes,
          tags: tuple[tuple[int, int], ...] = ()) -> bytes:
    """An Ethernet frame; tags are (TPID, TCI) pairs, the outer first."""
    return (mac(destination) + mac(source)
            + b''.join(struct.pack('!HH', *tag) for tag in tags)
            + struct.pack('!H', ether_type) + payload)


def arp(operation: int, sender_mac: str, sender: str, target_mac: str, target: str, *,
        hardware: int = 1, protocol: int = ETHER_IPV4, sizes: tuple[int, int] = (6, 4)) -> bytes:
    return (struct.pack('!HHBBH', hardware, protocol, *sizes, operation)
            + mac(sender_mac) + address(sender) + mac(target_mac) + address(target))


# ---- network layer

def ipv4(source: str, destination: str, protocol: int, payload: bytes, *, ttl: int = 64,
         tos: int = 0, ident: int = 0, flags: int = 2, offset: int = 0, version: int = 4,
         ihl: int | None = None, total: int | None = None, checksum: int | None = None,
         options: bytes = b'') -> bytes:
    """flags: 1 more fragments, 2 do not fragment, 4 reserved; offset in units of 8 bytes."""
    if ihl is None:
        ihl = 5 + len(options) // 4
    if total is None:
        total = 20 + len(options) + len(payload)
    header = struct.pack('!BBHHHBBH', version << 4 | ihl, tos, total, ident,
                         flags << 13 | offset, ttl, protocol, 0)
    header += address(source) + address(destination) + options
    if checksum is None:
        checksum = ones_sum(header)
    return header[:10] + struct.pack('!H', checksum) + header[12:] + payload


def ipv6(source: str, destination: str, next_header: int, payload: bytes, *, hops: int = 64,
         traffic_class: int = 0, flow: int = 0, version: int = 6,
         length: int | None = None) -> bytes:
    if length is None:
        length = len(payload)
    return (struct.pack('!IHBB', version << 28 | traffic_class << 20 | flow, length, next_header,
                        hops)
            + address(source) + address(destination) + payload)


def ip(source: str, destination: str, protocol: int, payload: bytes, **fields) -> bytes:
    """IPv4 or IPv6, as the source address is."""
    return (ipv6 if ':' in source else ipv4)(source, destination, protocol, payload, **fields)


def ip_ether_type(source: str) -> int:
    return ETHER_IPV6 if ':' in source else ETHER_IPV4


def udp(source: str, destination: str, source_port: int, destination_port: int, payload: bytes, *,
        length: int | None = None, checksum: int | None = None) -> bytes:
    if length is None:
        length = 8 + len(payload)
    header = struct.pack('!HHHH', source_port, destination_port, length, 0)
    if checksum is None:
        covered = payload[:max(length - 8, 0)]
        pseudo = pseudo_header(source, destination, UDP, length)
        checksum = ones_sum(pseudo, header + covered) or 0xFFFF
    return header[:6] + struct.pack('!H', checksum) + payload


def partial_sum(source: str, destination: str, protocol: int, length: int) -> int:
    """What a kernel leaves in place of the checksum of so many bytes that its network card is to sum:
    the folded sum of the pseudo header, not complemented (Linux: CHECKSUM_PARTIAL)."""
    return ones_sum(pseudo_header(source, destination, protocol, length)) ^ 0xFFFF


def tcp(source: str, destination: str, source_port: int, destination_port: int, payload: bytes = b'', *,
        seq: int = 0, ack: int = 0, flags: int = 2, window: int = 65535,
        checksum: int | None = None) -> bytes:
    """A segment; flags: 1 FIN, 2 SYN, 4 RST, 8 PSH, 16 ACK."""
    header = struct.pack('!HHIIBBHHH', source_port, destination_port, seq, ack, 5 << 4, flags, window,
                         0, 0)
    if checksum is None:
        checksum = ones_sum(pseudo_header(source, destination, TCP, 20 + len(payload)),
                            header + payload)
    return header[:16] + struct.pack('!H', checksum) + header[18:] + payload


def icmp(kind: int, code: int, body: bytes, checksum: int | None = None) -> bytes:
    header = struct.pack('!BBH', kind, code, 0)
    if checksum is None:
        checksum = ones_sum(header + body)
    return header[:2] + struct.pack('!H', checksum) + body


def icmpv6(source: str, destination: str, kind: int, code: int, body: bytes,
           checksum: int | None = None) -> bytes:
    header = struct.pack('!BBH', kind, code, 0)
    if checksum is None:
        pseudo = pseudo_header(source, destination, ICMPV6, 4 + len(body))
        checksum = ones_sum(pseudo, header + body)
    return header[:2] + struct.pack('!H', checksum) + body


def solicited_node(target: str) -> tuple[str, str]:
    """The multicast address that a neighbour solicitation for the target goes to, and its MAC."""
    low = address(target)[-3:]
    group = ipaddress.IPv6Address(address('ff02::1:ff00:0')[:13] + low)
    return str(group), '33:33:ff:' + low.hex(':')


# ---- DTLS 1.2

def record(fragment: bytes, *, kind: int = HANDSHAKE, version: int = DTLS_1_0, epoch: int = 0,
           seq: int = 0, length: int | None = None) -> bytes:
    if length is None:
        length = len(fragment)
    return (struct.pack('!BHH', kind, version, epoch) + u48(seq) + struct.pack('!H', length)
            + fragment)


def handshake(body: bytes, *, kind: int = CLIENT_HELLO, seq: int = 0, length: int | None = None,
              offset: int = 0, fragment_length: int | None = None) -> bytes:
    if length is None:
        length = len(body)
    if fragment_length is None:
        fragment_length = len(body)
    return (struct.pack('!B', kind) + u24(length) + struct.pack('!H', seq) + u24(offset)
            + u24(fragment_length) + body)


def extension(kind: int, content: bytes) -> bytes:
    return struct.pack('!HH', kind, len(content)) + content


# What `openssl s_client -dtls1_2` of OpenSSL 3.0 sends, but for the random.
SUITES = bytes.fromhex(
    'c02cc030009fcca9cca8ccaac02bc02f009ec024c028006bc023c0270067c00ac0140039c009c0130033009d009c'
    '003d003c0035002f00ff')
EXTENSIONS = b''.join((
    extension(11, bytes.fromhex('03000102')),  # ec_point_formats
    extension(10, bytes.fromhex('000a001d0017001e00190018')),  # supported_groups
    extension(35, b''),  # session_ticket
    extension(22, b''),  # encrypt_then_mac
    extension(23, b''),  # extended_master_secret
    extension(13, bytes.fromhex('0028040305030603080708080809080a080b080408050806'
                                '040105010601030303010302040205020602'))))  # signature_algorithms


@dataclasses.dataclass(frozen=True)
class Hello:
    """A ClientHello; `extensions` without its length, or None for a hello without the block."""
    client_version: int = DTLS_1_2
    random: bytes = bytes(range(32))
    session_id: bytes = b''
    cookie: bytes = b''
    suites: bytes = SUITES
    compression: bytes = b'\0'
    extensions: bytes | None = EXTENSIONS

    def with_(self, **fields) -> Hello:
        return dataclasses.replace(self, **fields)

    def parameters(self) -> bytes:
        """What RFC 6347 section 4.2.1 would have a cookie bound to."""
        return (self.head() + struct.pack('!H', len(self.suites)) + self.suites
                + struct.pack('!B', len(self.compression)) + self.compression)

    def bound(self, binding: str = 'hello') -> bytes:
        """What of it a cookie is bound to."""
        return bound_by(binding, self.parameters())

    def head(self) -> bytes:
        """client_version up to and with the session_id."""
        return (struct.pack('!H', self.client_version) + self.random
                + struct.pack('!B', len(self.session_id)) + self.session_id)

    def body(self) -> bytes:
        tail = b''
        if self.extensions is not None:
            tail = struct.pack('!H', len(self.extensions)) + self.extensions
        return (self.head() + struct.pack('!B', len(self.cookie)) + self.cookie
                + struct.pack('!H', len(self.suites)) + self.suites
                + struct.pack('!B', len(self.compression)) + self.compression + tail)

    def datagram(self, *, seq: int | None = None, record_seq: int | None = None) -> bytes:
        """The datagram of a first hello, or with a cookie of a second one."""
        if seq is None:
            seq = 1 if self.cookie else 0
        if record_seq is None:
            record_seq = seq
        return record(handshake(self.body(), seq=seq), seq=record_seq)


def hello_verify_request(cookie: bytes, *, record_seq: int, seq: int) -> bytes:
    """RFC 6347 section 4.2.1, with the hello's record sequence number and message_seq."""
    body = struct.pack('!HB', DTLS_1_0, len(cookie)) + cookie
    return record(handshake(body, kind=HELLO_VERIFY_REQUEST, seq=seq), seq=record_seq)


def stun_attribute(kind: int, value: bytes) -> bytes:
    return struct.pack('!HH', kind, len(value)) + value + bytes(-len(value) % 4)


def stun(kind: int, attributes: bytes = b'', transaction: bytes = bytes(range(12))) -> bytes:
    """RFC 8489 section 5."""
    return struct.pack('!HHI', kind, len(attributes), 0x2112A442) + transaction + attributes


def bound_by(binding: str, parameters: bytes) -> bytes:
    """What of these a cookie is bound to."""
    return {'address': b'', 'hello': parameters[:34], 'parameters': parameters}[binding]


def parameters_of(datagram: bytes) -> bytes | None:
    """The same of the hello in a datagram: without suites and compression methods if the fragment ends
    before they are all there; None where its fields do not fit into it, or into the message."""
    at = RECORD_HEADER + HANDSHAKE_HEADER
    end = RECORD_HEADER + struct.unpack_from('!H', datagram, 11)[0] if len(datagram) > at else 0
    if end > len(datagram) or end < at + 36:
        return None
    last = at + int.from_bytes(datagram[14:17], 'big')  # of the message, in this fragment or not
    head = at + 35 + datagram[at + 34]
    if head >= end:
        return None
    suites = head + 1 + datagram[head]
    if suites > end:
        return None
    if suites == end:
        return datagram[at:head]
    if suites + 3 > last:
        return None
    if suites + 2 > end:
        return datagram[at:head]
    compression = suites + 2 + struct.unpack_from('!H', datagram, suites)[0]
    if compression + 1 > last:
        return None
    if compression + 1 > end:
        return datagram[at:head]
    rest = compression + 1 + datagram[compression]
    if rest > last:
        return None
    return datagram[at:head] + (datagram[suites:rest] if rest <= end else b'')


def bound_of(datagram: bytes, binding: str = 'hello') -> bytes | None:
    """What a cookie for the hello in a datagram is bound to; None where its fields do not fit."""
    parameters = parameters_of(datagram)
    return None if parameters is None else bound_by(binding, parameters)


# ---- cookies

@dataclasses.dataclass(frozen=True)
class Flow:
    """Who speaks to which listener."""
    source: str
    source_port: int
    destination: str
    destination_port: int

    def with_(self, **fields) -> Flow:
        return dataclasses.replace(self, **fields)

    def bound(self) -> bytes:
        return (struct.pack('!B', 6 if ':' in self.source else 4)
                + address(self.source) + address(self.destination)
                + struct.pack('!HH', self.source_port, self.destination_port))


@dataclasses.dataclass(frozen=True)
class CookieJar:
    """An independent implementation of the cookies: mints and checks with Python's hmac."""
    secret: bytes
    rotation: int

    def epoch(self, when: int) -> int:
        return when // self.rotation

    def _tag(self, header: bytes, epoch: int, flow: Flow, hello: bytes) -> bytes:
        key = hmac.digest(self.secret, b'hellogate cookie v2' + struct.pack('!Q', epoch), 'sha256')
        return hmac.new(key, header + flow.bound() + hello, hashlib.sha256).digest()[:16]

    def mint(self, flow: Flow, hello: bytes, issued: int, epoch: int | None = None) -> bytes:
        """hello: what of it the cookie is bound to, Hello.bound()."""
        if epoch is None:
            epoch = self.epoch(issued)
        header = struct.pack('!B', FORMAT << 5 | epoch % 32) + u24(issued & 0xFFFFFF)
        return header + self._tag(header, epoch, flow, hello)

    def fault(self, cookie: bytes, flow: Flow, hello: bytes, earliest: int, latest: int) -> str:
        """'' for a cookie that was minted between the two times, else what is wrong with it."""
        if len(cookie) != COOKIE_SIZE:
            return f'{len(cookie)} bytes long'
        if cookie[0] >> 5 != FORMAT:
            return f'format {cookie[0] >> 5}'
        issued = int.from_bytes(cookie[1:4], 'big')
        when = next((t for t in range(earliest, latest + 1) if t & 0xFFFFFF == issued), None)
        if when is None:
            return f'issued at {issued:#x}, not between {earliest:#x} and {latest:#x} modulo 2^24'
        if cookie[0] & 31 != self.epoch(when) % 32:
            return f'key epoch {cookie[0] & 31}, not {self.epoch(when) % 32}'
        if cookie[4:] != self._tag(cookie[:4], self.epoch(when), flow, hello):
            return 'wrong tag'
        return ''


# ---- parsing what came out

@dataclasses.dataclass(frozen=True)
class Packet:
    """The layers of a frame; what is absent is None or empty."""
    destination_mac: str
    source_mac: str
    tags: tuple[tuple[int, int], ...]
    ether_type: int
    network: bytes  # from the IP or ARP header to the end of the frame
    source: str | None = None
    destination: str | None = None
    protocol: int | None = None
    hops: int | None = None
    transport: bytes = b''  # the IP payload
    source_port: int | None = None
    destination_port: int | None = None
    payload: bytes = b''  # the UDP payload


def parse(frame: bytes) -> Packet:
    """Takes a well-formed frame apart; ValueError where a length does not fit."""
    tags: list[tuple[int, int]] = []
    at = 12
    ether_type, = struct.unpack_from('!H', frame, at)
    while ether_type in (ETHER_VLAN, ETHER_QINQ):
        tags.append((ether_type, struct.unpack_from('!H', frame, at + 2)[0]))
        at += 4
        ether_type, = struct.unpack_from('!H', frame, at)
    network = frame[at + 2:]
    packet = Packet(frame[:6].hex(':'), frame[6:12].hex(':'), tuple(tags), ether_type, network)
    if ether_type == ETHER_IPV4:
        total, = struct.unpack_from('!H', network, 2)
        start, size, protocol, hops = (network[0] & 15) * 4, 4, network[9], network[8]
        addresses = 12
    elif ether_type == ETHER_IPV6:
        total = 40 + struct.unpack_from('!H', network, 4)[0]
        start, size, protocol, hops = 40, 16, network[6], network[7]
        addresses = 8
    else:
        return packet
    if not start <= total <= len(network):
        raise ValueError(f'IP length {total} in a frame with {len(network)}')
    source, destination = (str(ipaddress.ip_address(network[i:i + size]))
                           for i in (addresses, addresses + size))
    packet = dataclasses.replace(packet, source=source, destination=destination, hops=hops,
                                 protocol=protocol, transport=network[start:total])
    if protocol != UDP:
        return packet
    source_port, destination_port, length = struct.unpack_from('!HHH', packet.transport)
    if not 8 <= length <= len(packet.transport):
        raise ValueError(f'UDP length {length} in {len(packet.transport)} bytes')
    return dataclasses.replace(packet, source_port=source_port, destination_port=destination_port,
                               payload=packet.transport[8:length])


def records(payload: bytes) -> list[tuple[int, int, int, bytes]]:
    """The DTLS records of a datagram: (type, epoch, sequence number, fragment)."""
    found = []
    at = 0
    while at < len(payload):
        kind, _, epoch = struct.unpack_from('!BHH', payload, at)
        seq = int.from_bytes(payload[at + 5:at + 11], 'big')
        length, = struct.unpack_from('!H', payload, at + 11)
        if at + RECORD_HEADER + length > len(payload):
            raise ValueError(f'record of {length} bytes at {at} of {len(payload)}')
        found.append((kind, epoch, seq, payload[at + RECORD_HEADER:at + RECORD_HEADER + length]))
        at += RECORD_HEADER + length
    return found


# ---- capture files

PCAP_MICRO, PCAP_NANO, LINKTYPE_ETHERNET = 0xA1B2C3D4, 0xA1B23C4D, 1


def write_pcap(path: str | pathlib.Path, frames: list[bytes]) -> None:
    with open(path, 'wb') as file:
        file.write(struct.pack('<IHHiIII', PCAP_MICRO, 2, 4, 0, 0, 262144, LINKTYPE_ETHERNET))
        for frame in frames:
            file.write(struct.pack('<IIII', 0, 0, len(frame), len(frame)) + frame)


def read_pcap(path: str | pathlib.Path) -> list[bytes]:
    data = pathlib.Path(path).read_bytes()
    order = '<' if struct.unpack_from('<I', data)[0] in (PCAP_MICRO, PCAP_NANO) else '>'
    magic, link = struct.unpack_from(f'{order}I16xI', data)
    if magic not in (PCAP_MICRO, PCAP_NANO) or link != LINKTYPE_ETHERNET:
        raise ValueError(f'{path}: magic {magic:#x}, link type {link}')
    frames = []
    at = 24
    while at < len(data):
        captured, length = struct.unpack_from(f'{order}8xII', data, at)
        if captured != length:
            raise ValueError(f'{path}: frame of {length} bytes cut to {captured}')
        frames.append(data[at + 16:at + 16 + captured])
        at += 16 + captured
    return frames
