#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What is done about clients that have proved their address and ask for too much."""
from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import Iterator, Sequence

from harness import (CL4, GW4, PORT, Gateway, Net, Pki, configuration, dtls_client, packets, run,
                     run_client, running, slow)

PKI = Pki()
ECHO = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key')}
SECRET = bytes(range(32))
SECRET_FILE = PKI.directory / 'cookie.secret'
SECRET_FILE.write_text(SECRET.hex() + '\n')
JAR = packets.CookieJar(SECRET, 3600)
SKEW = 5
FLOOD_MAC = '02:00:00:00:00:0f'


def framed(flow: packets.Flow, payload: bytes) -> bytes:
    """What the port of a flood receives."""
    return packets.ether(FLOOD_MAC, '02:00:00:00:00:01', packets.ip_ether_type(flow.source),
                         packets.ip(flow.source, flow.destination, packets.UDP, packets.udp(
                             flow.source, flow.destination, flow.source_port,
                             flow.destination_port, payload)))


def verified(flow: packets.Flow, number: int = 0, later: float = 0) -> bytes:
    """A second hello, with a cookie as the gateway makes it; one that is good only later: whose
    time of issue is beyond the skew that clocks may have until then."""
    hello = packets.Hello(random=number.to_bytes(32, 'big'))
    issued = int(time.time() + (later + SKEW if later else 0))
    return framed(flow, hello.with_(cookie=JAR.mint(flow, hello.bound(), issued)).datagram())


@contextlib.contextmanager
def flooded(net: Net, frames: Sequence[bytes], **options) -> Iterator[Gateway]:
    """A gateway that receives these frames again and again, as fast as it can, by a second port of
    the same worker."""
    path = PKI.directory / 'flood.pcap'
    packets.write_pcap(path, list(frames))
    with beside(net, f'rx_pcap={path},infinite_rx=1', **options) as g:
        yield g


@contextlib.contextmanager
def beside(net: Net, source: str, eal: Sequence[str] = (), **options) -> Iterator[Gateway]:
    """A gateway with a second port, which takes its packets from a file."""
    config = configuration(net, {'echo': ECHO}, cookie_secret=SECRET_FILE, sections={'port flood': {
        'profile': 'net_pcap', 'device': f'net_pcap0,{source}', 'mac': FLOOD_MAC,
        'address': f'{GW4}/24'}}, **options)
    with running(Gateway(config, eal, netns=net.gateway), net) as g:
        yield g


class Pipe:
    """A packet file without an end, whose packets come when the test says so. The worker that reads
    it waits for them, so it must have no other port."""

    def __init__(self, frame: bytes) -> None:
        self.path = PKI.directory / 'flood.pipe'
        packets.write_pcap(self.path, [frame])
        header, packet = (data := self.path.read_bytes())[:24], data[24:]
        self.path.unlink()
        os.mkfifo(self.path)
        self._begin, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(header, packet * 1000), daemon=True)
        self._thread.start()

    def _run(self, header: bytes, packet: bytes) -> None:
        with contextlib.suppress(BrokenPipeError), open(self.path, 'wb', buffering=0) as file:
            file.write(header)
            self._begin.wait()
            while not self._end.is_set():
                file.write(packet)

    def begin(self) -> None:
        self._begin.set()

    def end(self) -> None:
        self._end.set()
        self._begin.set()
        self._thread.join()
        self.path.unlink()


def test_hellos_that_nobody_can_serve_cost_established_sessions_nothing() -> None:
    """More verified hellos than the core can look at, let alone serve: hellos are what is lost. They
    begin when the client has its session; until then their cookies are of the future."""
    frames = [verified(packets.Flow(f'198.19.1.{n % 250 + 1}', 30000 + n, GW4, PORT), n, slow(4))
              for n in range(500)]
    with Net() as net, flooded(net, frames, half_open=50) as g, \
            dtls_client(net, '--interactive', '--source-port', 40000) as client:
        client.expect('^done 0$')
        g.wait_for(lambda s: s['refused_half_open'] > 1000 and s['drop_ring_new_full'] > 1000)
        before = g.stats()
        client.say('echo 1000')
        client.expect('^done 1$', 60)
        after = g.stats()
        assert after['drop_ring_new_full'] > before['drop_ring_new_full'], after
        assert after['drop_ring_full'] == 0, after
        client.say('close')
        results = client.results()
        assert results['failed'] == 0 and results['received'] == 1001, results
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        g.stop()


def test_a_flood_at_an_established_session_does_not_keep_others_from_connecting() -> None:
    """Records that nobody can authenticate, with the address and port of a live session: they come
    first, but not alone."""
    junk = b''.join(packets.record(bytes(25), kind=packets.APPLICATION_DATA, epoch=1, seq=100 + n,
                                   version=packets.DTLS_1_2) for n in range(36))
    pipe = Pipe(framed(packets.Flow(CL4, 40001, GW4, PORT), junk))
    # The worker that reads the pipe on one CPU, everybody else on the other.
    first, last = min(cpus := os.sched_getaffinity(0)), max(cpus)
    lcores = f'--lcores=0@{first},1@{first},2@{last},3@{first}'
    with Net() as net, beside(net, f'rx_pcap={pipe.path}', [lcores], workers=2) as g, \
            dtls_client(net, '--interactive', '--source-port', 40001) as client:
        client.expect('^done 0$')
        pipe.begin()
        full = g.wait_for(lambda s: s['drop_ring_full'] > 1000)['drop_ring_full']
        results = run_client(net, '--sessions', 20, '--datagrams', 0)
        assert results['handshakes'] == 20, results
        stats = g.stats()
        pipe.end()
        assert stats['drop_ring_full'] > full, stats
        assert stats['drop_ring_pending_full'] == stats['drop_ring_new_full'] == 0, stats
        client.say('echo 10')
        client.expect('^done 1$')
        client.say('close')
        assert client.results()['failed'] == 0
        g.stop()


run(globals())
