#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sends ClientHellos from spoofed IPv4 addresses out of an interface, and counts the answers.

    spoof.py --interface IF --target 198.18.0.1:5684 --mac 02:00:00:00:00:0a
             [--sources 198.18.128.0/17] [--count N] [--rate PER_SECOND] [--json]

Only benchmark, documentation, private and loopback ranges are accepted (RFC 2544, 5737, 1918): the
answers go to the addresses that were spoofed. Bounded by --count; needs CAP_NET_RAW.
"""
import argparse
import ipaddress
import json
import os
import random
import select
import socket
import struct
import sys
import time

ETH_P_IP = 0x0800
PACKET_OUTGOING = 4
SAFE = [ipaddress.ip_network(n) for n in (
    '198.18.0.0/15', '192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24',
    '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '127.0.0.0/8')]
SUITES = bytes.fromhex(  # what openssl s_client -dtls1_2 offers by default
    'c02cc030009fcca9cca8ccaac02bc02f009ec024c028006bc023c0270067c00ac0140039c009c0130033'
    '009d009c003d003c0035002f00ff')
EXTENSIONS = bytes.fromhex(
    '000b000403000102000a000c000a001d0017001e00190018002300000016000000170000000d0030002e'
    '040305030603080708080809080a080b080408050806040105010601030302030301020103020202040205020602')


def hello(rng: random.Random) -> bytes:
    """A cookieless ClientHello of the size that OpenSSL sends."""
    body = (b'\xfe\xfd' + rng.randbytes(32) + b'\0' + b'\0'
            + struct.pack('!H', len(SUITES)) + SUITES + b'\x01\0'
            + struct.pack('!H', len(EXTENSIONS)) + EXTENSIONS)
    handshake = (b'\x01' + len(body).to_bytes(3, 'big') + b'\0\0' + b'\0\0\0'
                 + len(body).to_bytes(3, 'big') + body)
    return b'\x16\xfe\xff' + bytes(8) + struct.pack('!H', len(handshake)) + handshake


def checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def frame(rng: random.Random, ethernet: bytes, network: ipaddress.IPv4Network,
          target: tuple[ipaddress.IPv4Address, int]) -> bytes:
    payload = hello(rng)
    source = int(network.network_address) + rng.randrange(1, network.num_addresses - 1)
    addresses = source.to_bytes(4, 'big') + target[0].packed
    length = 8 + len(payload)
    udp = struct.pack('!HHH', rng.randrange(1024, 65536), target[1], length)
    udp_sum = checksum(addresses + struct.pack('!HH', 17, length) + udp + b'\0\0' + payload)
    ip = struct.pack('!BBHHHBB', 0x45, 0, 20 + length, 0, 0x4000, 64, 17)
    ip_sum = checksum(ip + b'\0\0' + addresses)
    return (ethernet + ip + struct.pack('!H', ip_sum) + addresses
            + udp + struct.pack('!H', udp_sum or 0xffff) + payload)


class Answers:
    """Counts UDP datagrams that come back from the target."""

    def __init__(self, sock: socket.socket, target: tuple[ipaddress.IPv4Address, int]) -> None:
        self.sock = sock
        self.source = target[0].packed
        self.port = struct.pack('!H', target[1])
        self.packets = self.bytes = 0

    def take(self) -> bool:
        """Reads what is there; False if nothing was."""
        seen = False
        while True:
            try:
                data, where = self.sock.recvfrom(2048)
            except BlockingIOError:
                return seen
            seen = True
            if (where[2] != PACKET_OUTGOING and data[26:30] == self.source
                    and data[34:36] == self.port):
                self.packets += 1
                self.bytes += struct.unpack('!H', data[38:40])[0] - 8


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--interface', required=True)
    parser.add_argument('--target', required=True, metavar='ADDRESS:PORT')
    parser.add_argument('--mac', required=True, help='MAC address of the target')
    parser.add_argument('--sources', default='198.18.128.0/17', type=ipaddress.IPv4Network)
    parser.add_argument('--count', default=100000, type=int)
    parser.add_argument('--rate', default=0, type=int, help='hellos per second, 0: all it can')
    parser.add_argument('--templates', default=4096, type=int,
                        help='different packets, sent in turn')
    parser.add_argument('--seed', default=1, type=int)
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args()
    host, port = options.target.rsplit(':', 1)
    options.target = ipaddress.IPv4Address(host), int(port)
    for network in (options.sources, ipaddress.IPv4Network(options.target[0])):
        if not any(network.subnet_of(safe) for safe in SAFE):
            parser.error(f'{network} is in no benchmark, documentation, private or loopback range')
    return options


def main() -> int:
    options = parse()
    rng = random.Random(options.seed)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IP))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    sock.bind((options.interface, ETH_P_IP))
    sock.setblocking(False)
    own = sock.getsockname()[4]
    ethernet = bytes.fromhex(options.mac.replace(':', '')) + own + struct.pack('!H', ETH_P_IP)
    frames = [frame(rng, ethernet, options.sources, options.target)
              for _ in range(min(options.templates, options.count))]
    answers = Answers(sock, options.target)

    start = time.monotonic()
    sent = sent_bytes = 0
    while sent < options.count:
        data = frames[sent % len(frames)]
        try:
            sock.send(data)
        except (BlockingIOError, OSError):
            select.select([], [sock], [], 0.1)
            continue
        sent += 1
        sent_bytes += len(data) - 42
        if sent % 16 == 0:
            answers.take()
            ahead = start + sent / options.rate - time.monotonic() if options.rate else 0
            if ahead > 0:
                time.sleep(ahead)
    seconds = time.monotonic() - start
    # The last answers: until none has come for half a second.
    while select.select([sock], [], [], 0.5)[0]:
        if not answers.take():
            break

    result = {
        'hellos': sent, 'hello_bytes': sent_bytes,
        'answers': answers.packets, 'answer_bytes': answers.bytes,
        'hellos_per_second': round(sent / seconds), 'seconds': round(seconds, 3),
        'bytes_amplification': round(answers.bytes / sent_bytes, 3),
        'packets_amplification': round(answers.packets / sent, 3),
    }
    if options.json:
        print(json.dumps(result))
    else:
        for key, value in result.items():
            print(f'{key:24}{value}')
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except PermissionError:
        print('spoof.py: needs CAP_NET_RAW', file=sys.stderr)
        sys.exit(os.EX_NOPERM)
