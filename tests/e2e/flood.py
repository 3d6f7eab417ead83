#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sends spoofed hellos, and junk in between, at a rate that may be changed at any time.

usage: flood.py INTERFACE GATEWAY_MAC

Each line on stdin is a rate in packets per second; 0 is a pause. When it takes effect, a line says
how many packets have been sent until then. Ends with its input.
"""
from __future__ import annotations

import ctypes
import os
import select
import socket
import struct
import sys
import time

from harness import GW4, PORT, packets

HELLOS = 4096
BATCH = 16
CATCH_UP = 256  # packets that may be late; others are left out, as a port holds no longer burst

_libc = ctypes.CDLL(None, use_errno=True)


class Iovec(ctypes.Structure):
    _fields_ = [('base', ctypes.c_char_p), ('len', ctypes.c_size_t)]


class Header(ctypes.Structure):
    """struct msghdr"""
    _fields_ = [('name', ctypes.c_void_p), ('name_len', ctypes.c_uint32),
                ('iov', ctypes.POINTER(Iovec)), ('iov_len', ctypes.c_size_t),
                ('control', ctypes.c_void_p), ('control_len', ctypes.c_size_t),
                ('flags', ctypes.c_int)]


class Message(ctypes.Structure):
    """struct mmsghdr"""
    _fields_ = [('header', Header), ('sent', ctypes.c_uint)]


def junk(source: str, number: int) -> bytes:
    """The IP packet of something that nobody should answer."""
    dtls, noise = packets.DTLS_1_2, bytes((number * 7 + i * i) & 255 for i in range(80))
    payloads = [
        b'', noise[:12], noise, noise * 15,
        packets.record(noise, kind=packets.APPLICATION_DATA, epoch=1, seq=number, version=dtls),
        packets.record(b'\x02\x28', kind=packets.ALERT, version=dtls),
        packets.record(packets.handshake(noise, kind=1, seq=1), version=dtls),
        packets.Hello(random=noise[:32]).with_(cookie=noise[:20]).datagram()[:90],
    ]
    payload = payloads[number % len(payloads)]
    datagram = packets.udp(source, GW4, 1024 + number % 60000, PORT, payload)
    if number % 3 == 0:  # another port, or a wrong checksum
        datagram = datagram[:2] + struct.pack('!H', PORT + 1) + datagram[4:]
    return packets.ipv4(source, GW4, packets.UDP, datagram)


def frames(mac: bytes, gateway_mac: bytes) -> list[bytes]:
    """As many hellos as said, and after every fourth of them something else."""
    template, made = packets.Hello().datagram(), []
    for n in range(HELLOS):
        source = f'198.19.{n >> 8}.{n & 255 or 1}'
        datagram = template[:27] + struct.pack('!I', n) + template[31:]
        hello = packets.ipv4(source, GW4, packets.UDP, packets.udp(
            source, GW4, 1024 + n, PORT, datagram))
        made += [gateway_mac + mac + b'\x08\x00' + packet
                 for packet in ([hello] if n % 4 else [hello, junk(source, n // 4)])]
    return made[:len(made) // BATCH * BATCH]


def batches(made: list[bytes]) -> list[ctypes.Array]:
    all_of_them = []
    for first in range(0, len(made), BATCH):
        batch = (Message * BATCH)()
        for message, frame in zip(batch, made[first:first + BATCH]):
            message.header.iov = ctypes.pointer(Iovec(frame, len(frame)))
            message.header.iov_len = 1
        all_of_them.append(batch)
    return all_of_them


def main() -> None:
    os.nice(-10)  # clients take every CPU that they can get
    interface, gateway_mac = sys.argv[1], bytes.fromhex(sys.argv[2].replace(':', ''))
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.bind((interface, 0))
    ready = batches(frames(sock.getsockname()[4], gateway_mac))
    sent = number = rate = 0
    refused = False
    due = time.monotonic()
    print('flood: ready', flush=True)
    while True:
        now = time.monotonic()
        wait = max(0.0, due - now) if rate else None
        if select.select([0], [], [], wait)[0]:
            line = os.read(0, 64).decode()
            if not line:
                break
            rate, due = int(line.split()[-1]), time.monotonic()
            print(f'sent {sent}', flush=True)
            continue
        due = max(due, now - CATCH_UP / rate) + BATCH / rate
        n = _libc.sendmmsg(sock.fileno(), ready[number % len(ready)], BATCH, 0)
        if n < 0 and not refused:  # a full queue is no surprise; nothing that ever gets out would be
            refused = True
            print(f'flood: first refused after {sent}: {os.strerror(ctypes.get_errno())}',
                  file=sys.stderr, flush=True)
        sent += max(0, n)
        number += 1


if __name__ == '__main__':
    main()
