#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What is done about clients that have proved their address and ask for too much."""
from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import Iterator, Mapping, Sequence

from clock import Clock, movable
from harness import (BUILD, CL4, GW4, GW6, PORT, SOURCE, Gateway, Net, Pki, RawPort, configuration,
                     dtls_client, gateway, packets, run, run_client, running, slow)

PKI = Pki()
ECHO = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key'),
        'idle_timeout': 86400}
SECRET = bytes(range(32))
SECRET_FILE = PKI.directory / 'cookie.secret'
SECRET_FILE.write_text(SECRET.hex() + '\n')
JAR = packets.CookieJar(SECRET, 3600)
LIFETIME = 3600  # of cookies that are to last for a whole test, however slow the machine
SLOWER = 16  # the clock of a gateway that is asked (clock.py)
ASAN = {'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':verify_asan_link_order=0'}
SCALE = 1 if slow(1) == 1 else 10  # for counts that a sanitizer would take minutes for
FLOOD_MAC = '02:00:00:00:00:0f'


def framed(flow: packets.Flow, payload: bytes) -> bytes:
    """What the port of a flood receives."""
    return packets.ether(FLOOD_MAC, '02:00:00:00:00:01', packets.ip_ether_type(flow.source),
                         packets.ip(flow.source, flow.destination, packets.UDP, packets.udp(
                             flow.source, flow.destination, flow.source_port,
                             flow.destination_port, payload)))


def verified(flow: packets.Flow, number: int = 0) -> bytes:
    """A second hello, with a cookie as the gateway makes it."""
    hello = packets.Hello(random=number.to_bytes(32, 'big'))
    cookie = JAR.mint(flow, hello.bound(), int(time.time()))
    return framed(flow, hello.with_(cookie=cookie).datagram())


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
    port = {'profile': SOURCE / 'pmd-config' / 'net_pcap.ini', 'device': f'net_pcap0,{source}',
            'mac': FLOOD_MAC, 'address': f'{GW4}/24'}
    config = configuration(net, {'echo': ECHO}, cookie_secret=SECRET_FILE, cookie_lifetime=LIFETIME,
                           sections={'port flood': port}, **options)
    with running(Gateway(config, eal, netns=net.gateway), net) as g:
        yield g


class Pipe:
    """A packet file without an end, whose packets come when the test says so: these, again and
    again."""

    def __init__(self, frames: Sequence[bytes]) -> None:
        self.path = PKI.directory / 'flood.pipe'
        packets.write_pcap(self.path, list(frames))
        header, rest = (data := self.path.read_bytes())[:24], data[24:]
        self.path.unlink()
        os.mkfifo(self.path)
        self._begin, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True,
                                        args=(header, rest * max(1, 1000 // len(frames))))
        self._thread.start()

    def _run(self, header: bytes, some: bytes) -> None:
        with contextlib.suppress(BrokenPipeError), open(self.path, 'wb', buffering=0) as file:
            file.write(header)
            self._begin.wait()
            while not self._end.is_set():
                file.write(some)

    def begin(self) -> None:
        self._begin.set()

    def end(self) -> None:
        self._end.set()
        self._begin.set()
        # Nobody reads, or nobody goes on reading: whoever waits for that need not any more.
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        while self._thread.is_alive():
            with contextlib.suppress(BlockingIOError):
                os.read(reader, 1 << 20)
            self._thread.join(0.01)
        os.close(reader)

    def __enter__(self) -> Pipe:
        return self

    def __exit__(self, *_) -> None:
        self.end()
        self.path.unlink()


def piped(net: Net, pipe: Pipe, **options) -> contextlib.AbstractContextManager[Gateway]:
    """A gateway whose second port is a pipe. The worker that reads it waits for packets, so it has
    no other port, and one CPU; everybody else is on the other."""
    first, last = min(cpus := os.sched_getaffinity(0)), max(cpus)
    lcores = f'--lcores=0@{first},1@{first},2@{last},3@{first}'
    return beside(net, f'rx_pcap={pipe.path}', [lcores], workers=2, **options)


def test_hellos_that_nobody_can_serve_cost_established_sessions_nothing() -> None:
    """More verified hellos than the core can sign for: hellos are what is lost."""
    flood = [verified(packets.Flow(f'198.19.{1 + n // 250}.{1 + n % 250}', 30000, GW4, PORT), n)
             for n in range(10000)]
    with Net() as net, Pipe(flood) as pipe, \
            piped(net, pipe, half_open=20000, handshake_rate=0, handshake_timeout=1) as g, \
            dtls_client(net, '--interactive', '--source-port', 40000) as client:
        client.expect('^done 0$')
        pipe.begin()
        before = g.wait_for(lambda s: s['drop_ring_new_full'] > 1000)
        client.say('echo 100')
        client.expect('^done 1$')
        after = g.stats()
        pipe.end()
        assert after['drop_ring_new_full'] > before['drop_ring_new_full'], after
        assert after['drop_ring_full'] == 0, after
        client.say('close')
        results = client.results()
        assert results['failed'] == 0 and results['received'] == 101, results
        g.wait_for(lambda s: s['sessions_closed'] == 1)
        g.stop()


def test_a_flood_at_an_established_session_does_not_keep_others_from_connecting() -> None:
    """Records that nobody can authenticate, with the address and port of a live session: they come
    first, but not alone."""
    junk = b''.join(packets.record(bytes(25), kind=packets.APPLICATION_DATA, epoch=1, seq=100 + n,
                                   version=packets.DTLS_1_2) for n in range(36))
    flood = [framed(packets.Flow(CL4, 40001, GW4, PORT), junk)]
    with Net() as net, Pipe(flood) as pipe, piped(net, pipe) as g, \
            dtls_client(net, '--interactive', '--source-port', 40001) as client:
        client.expect('^done 0$')
        pipe.begin()
        full = g.wait_for(lambda s: s['drop_ring_full'] > 1000)['drop_ring_full']
        others = 20 if SCALE == 1 else 5  # a core that is flooded and slow takes its time for each
        results = run_client(net, '--sessions', others, '--datagrams', 0)
        assert results['handshakes'] == others, results
        stats = g.stats()
        pipe.end()
        assert stats['drop_ring_full'] > full, stats
        assert stats['drop_ring_pending_full'] == stats['drop_ring_new_full'] == 0, stats
        client.say('echo 10')
        client.expect('^done 1$')
        client.say('close')
        assert client.results()['failed'] == 0
        g.stop()


def test_a_flood_of_one_client_does_not_keep_others_from_connecting() -> None:
    """It ends with the worker, so that every hello of the others finds room in the ring."""
    frames = [verified(packets.Flow('198.19.1.1', 30000 + n, GW4, PORT), n) for n in range(500)]
    for reason, options in (('drop_client_rate', {'client_rate': 1, 'client_burst': 20}),
                            ('drop_client_half_open', {'client_half_open': 20,
                                                       'handshake_timeout': 60})):
        with Net() as net, flooded(net, frames, **options) as g:
            before = g.wait_for(lambda s, r=reason: s[r] > 10000)
            results = run_client(net, '--sessions', 20)
            assert results['handshakes'] == 20, results
            after = g.wait_for(lambda s, r=reason, b=before: s[r] > b[r])
            # With each new token come as many as arrive before the core has taken one of them; of
            # handshakes in progress none ends meanwhile.
            if 'client_half_open' in options:
                assert after['drop_ring_new_full'] == before['drop_ring_new_full'], after
            g.stop()


# ---- limits, one by one

REFUSED_CLIENT_RATE = ('refused_client_rate', 'drop_client_rate')
REFUSED_CLIENT_HALF_OPEN = ('refused_client_half_open', 'drop_client_half_open')
USED = ('hello_again', 'drop_hello_used')


class Hellos:
    """Verified hellos out of nowhere, from any address, each with a random of its own."""

    def __init__(self, net: Net, g: Gateway) -> None:
        self.gateway = g
        self.raw = RawPort(net)
        self.begun = time.monotonic()
        self.sent = 0

    def send(self, source: str, count: int = 1) -> None:
        for _ in range(count):
            self.sent += 1
            self.raw.send(verified(packets.Flow(source, 20000 + self.sent,
                                                GW6 if ':' in source else GW4, PORT), self.sent))

    def settled(self) -> dict[str, int]:
        """The counters once every hello is accounted for, by the worker and by the core."""
        def all_told(s: dict[str, int]) -> bool:
            dropped = sum(v for k, v in s.items() if k.startswith('drop_'))
            refused = sum(v for k, v in s.items() if k.startswith('refused_'))
            core = s['hello_new'] + s['hello_beside'] + s['hello_again'] + s['records'] + refused
            return (s['cookie_valid'] == self.sent and s['forwarded'] == s['datagrams'] == core
                    and s['rx'] == s['tx'] + s['forwarded'] + dropped)
        return self.gateway.wait_for(all_told)

    def allowed(self, number: int, rate: float, since: float) -> None:
        """So many have begun a handshake, or more only as far as time has passed, which it does
        slowly."""
        stats = self.settled()
        more = stats['hello_new'] - number
        assert 0 <= more <= rate * (time.monotonic() - since) / SLOWER, (number, stats)


@contextlib.contextmanager
def asked(**options) -> Iterator[tuple[Clock, Gateway, Hellos]]:
    """A gateway that is sent hellos, and its clock."""
    with Net() as net, movable(net, {'echo': ECHO}, cookie_secret=SECRET_FILE,
                               port={'mac': FLOOD_MAC}, **options) as (g, clock):
        hellos = Hellos(net, g)
        with hellos.raw:
            yield clock, g, hellos


def count(stats: Mapping[str, int], names: Sequence[str]) -> int:
    return sum(stats[name] for name in names)


def test_client_rate() -> None:
    """client-burst at once, no more; then client-rate. Every address has its own."""
    with asked(client_rate=1, client_burst=3) as (clock, g, hellos):
        since = time.monotonic()
        hellos.send('198.18.0.10', 3)
        stats = hellos.settled()
        assert stats['hello_new'] == 3 and count(stats, REFUSED_CLIENT_RATE) == 0, stats
        hellos.send('198.18.0.10', 7)
        hellos.allowed(3, 1, since)
        hellos.send('198.18.0.11', 3)
        hellos.allowed(6, 1, since)
        clock.pass_by(2)
        hellos.send('198.18.0.10', 5)
        hellos.allowed(8, 1, since)
        stats = g.stats()
        assert count(stats, REFUSED_CLIENT_RATE) == hellos.sent - stats['hello_new'], stats
        g.stop()


def test_client_rate_of_an_ipv6_network() -> None:
    """All addresses of a /64 are one client, those of the next one are another."""
    with asked(client_rate=1, client_burst=3) as (_, g, hellos):
        since = time.monotonic()
        for host in range(10):
            hellos.send(f'2001:2:0:7:{host:x}::{host + 1:x}')
        hellos.allowed(3, 1, since)
        assert count(g.stats(), REFUSED_CLIENT_RATE) > 0
        hellos.send('2001:2:0:8::1', 3)
        hellos.allowed(6, 1, since)
        g.stop()


def test_client_rate_holds_over_workers_and_cores() -> None:
    """Two workers and two cores, and still one bucket: a client's handshakes are all on one core."""
    with Net(queues=2) as net, movable(net, {'echo': ECHO}, cookie_secret=SECRET_FILE,
                                       port={'mac': FLOOD_MAC}, handshake_cores=2, client_rate=1,
                                       client_burst=8) as (g, _):
        hellos = Hellos(net, g)
        with hellos.raw:
            hellos.send('198.18.0.10', 40)
            hellos.allowed(8, 1, hellos.begun)
            workers = [g.telemetry(f'/hellogate/worker,{n}') for n in (0, 1)]
            assert all(w['cookie_valid'] > 0 for w in workers), workers
            cores = [g.sessions()[f'core_{n}'] for n in (0, 1)]
            assert min(cores) == 0, cores
            for host in range(20, 40):  # all of them on one core: once in 2^19 runs
                hellos.send(f'198.18.0.{host}')
            hellos.settled()
            cores = [g.sessions()[f'core_{n}'] for n in (0, 1)]
            assert min(cores) > 0, cores
        g.stop()


def test_client_half_open() -> None:
    with asked(client_half_open=3, handshake_timeout=60) as (clock, g, hellos):
        hellos.send('198.18.0.10', 3)
        stats = hellos.settled()
        assert stats['hello_new'] == 3 and count(stats, REFUSED_CLIENT_HALF_OPEN) == 0, stats
        hellos.send('198.18.0.10', 2)
        stats = hellos.settled()
        assert stats['hello_new'] == 3 and count(stats, REFUSED_CLIENT_HALF_OPEN) == 2, stats
        hellos.send('198.18.0.11', 4)
        stats = hellos.settled()
        assert stats['hello_new'] == 6 and count(stats, REFUSED_CLIENT_HALF_OPEN) == 3, stats
        clock.pass_by(60)
        g.wait_for(lambda s: s['sessions_half_open_expired'] == 6)
        hellos.send('198.18.0.10', 4)
        stats = hellos.settled()
        assert stats['hello_new'] == 9 and count(stats, REFUSED_CLIENT_HALF_OPEN) == 4, stats
        g.stop()


def test_client_sessions() -> None:
    """So many sessions of one client, and one more when one ends; who comes back from a port with a
    session replaces it, and others are not concerned."""
    refused = ('refused_client_sessions', 'drop_client_sessions')
    with Net() as net, gateway(net, {'echo': ECHO}, client_sessions=3) as g, \
            dtls_client(net, '--sessions', 3, '--interactive', '--source-port', 42000) as client:
        client.expect('^done 0$')
        assert count(g.stats(), refused) == 0
        assert run_client(net, '--deadline', 1, expect=1)['handshakes'] == 0
        assert count(g.stats(), refused) > 0
        assert run_client(net, host=GW6)['handshakes'] == 1
        client.say('close')
        assert client.results()['failed'] == 0
        g.wait_for(lambda s: s['sessions'] == 0, command='/hellogate/sessions')
        for _ in range(3):
            assert run_client(net, '--leave')['handshakes'] == 1
        run_client(net, '--deadline', 1, expect=1)
        g.stop()
    with Net() as net, gateway(net, {'echo': ECHO}, client_sessions=1) as g:
        for _ in range(3):
            assert run_client(net, '--leave', '--source-port', 42000)['handshakes'] == 1
        assert count(g.stats(), refused) == 0
        g.stop()


def test_established_sessions_do_not_count_as_half_open() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}, client_half_open=1) as g:
        for _ in range(3):
            assert run_client(net, '--leave')['handshakes'] == 1
        g.wait_for(lambda s: s['sessions'] == 3 and s['half_open'] == 0,
                   command='/hellogate/sessions')
        g.stop()


def test_client_table() -> None:
    """Eight clients with handshakes in progress fill a table of eight; the ninth is refused, whoever
    is in the table is not."""
    with asked(client_half_open=9, client_table=8, handshake_timeout=60) as (clock, g, hellos):
        for host in range(8):
            hellos.send(f'198.18.0.{10 + host}')
        stats = hellos.settled()
        assert stats['hello_new'] == 8 and stats['refused_client_table'] == 0, stats
        hellos.send('198.18.0.30', 2)
        hellos.send('198.18.0.10')
        stats = hellos.settled()
        assert stats['hello_new'] == 9 and stats['refused_client_table'] == 2, stats
        clock.pass_by(60)
        g.wait_for(lambda s: s['sessions_half_open_expired'] == 9)
        hellos.send('198.18.0.30')
        stats = hellos.settled()
        assert stats['hello_new'] == 10 and stats['refused_client_table'] == 2, stats
        g.stop()


def test_handshake_rate() -> None:
    """So many in the first moment, whoever they are from; then so many a second."""
    with asked(handshake_rate=4) as (clock, g, hellos):
        since = time.monotonic()
        for host in range(20):
            hellos.send(f'198.18.0.{10 + host}')
        hellos.allowed(4, 4, since)
        assert g.stats()['refused_handshake_rate'] > 0
        clock.pass_by(1)
        for host in range(20):
            hellos.send(f'198.18.0.{100 + host}')
        hellos.allowed(8, 4, since)
        stats = g.stats()
        assert stats['refused_handshake_rate'] == hellos.sent - stats['hello_new'], stats
        g.stop()


def test_no_limit() -> None:
    with asked(handshake_rate=0) as (_, g, hellos):
        hellos.send('198.18.0.10', 100)
        assert hellos.settled()['hello_new'] == 100
        g.stop()


def test_a_refused_client_gets_in_by_sending_again() -> None:
    """A hello that was refused has not been used."""
    with Net() as net, gateway(net, {'echo': ECHO}, handshake_rate=1) as g:
        results = run_client(net, '--sessions', 3)
        assert results['handshakes'] == results['received'] == 3, results
        stats = g.stats()
        assert stats['refused_handshake_rate'] > 0 and count(stats, USED) == 0, stats
        g.stop()


def test_a_hello_for_which_the_table_has_no_room_is_not_used() -> None:
    """Nothing is taken before the session has its entry: the same hello gets in later."""
    preload = {'LD_PRELOAD': str(BUILD / 'tests' / 'e2e' / 'libfull_table.so')}
    with Net() as net:
        config = configuration(net, {'echo': ECHO}, port={'mac': FLOOD_MAC},
                               cookie_secret=SECRET_FILE, handshake_rate=1, client_rate=1,
                               client_burst=1)
        g = Gateway(config, netns=net.gateway, env={**preload, 'HG_FULL_TABLE': '2', **ASAN})
        with running(g, net):
            hellos, hello = Hellos(net, g), verified(packets.Flow('198.18.0.10', 20000, GW4, PORT))
            with hellos.raw:
                for n in (1, 2, 3, 4):
                    hellos.raw.send(hello)
                    hellos.sent = n
                    stats = hellos.settled()
                    assert stats['refused_sessions_full'] == min(n, 2), stats
                    assert stats['hello_new'] == stats['sessions_opened'] == (n > 2), stats
                    assert count(stats, USED) == (n > 3), stats
                    assert g.sessions()['sessions'] == (n > 2)
            g.stop()


def test_defaults_let_clients_in() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}, client_rate=None, client_half_open=None) as g:
        results = run_client(net, '--sessions', 5, '--datagrams', 20)
        assert results['handshakes'] == 5 and results['received'] == 100, results
        assert sum(v for k, v in g.stats().items() if k.startswith('refused_')) == 0
        g.stop()


def test_hvr_per_prefix() -> None:
    """So many answers for a /24 or a /48 at once; whoever has a cookie is not concerned."""
    with asked(hvr_per_prefix=10) as (clock, g, hellos):
        def ask(source: str) -> None:
            hellos.raw.send(framed(packets.Flow(source, 20000, GW6 if ':' in source else GW4, PORT),
                                   packets.Hello().datagram()))

        since = time.monotonic()
        for number, network in enumerate(('198.18.0.{}', '198.18.7.{}', '2001:2:0:{}::1',
                                          '2001:db9:0:{}::1')):
            for host in range(20, 40):
                ask(network.format(host))
            stats = g.wait_for(lambda s, n=20 * number + 20: s['cookie_none'] == n)
            more = stats['hvr'] - 10 * number - 10
            assert 0 <= more <= 10 * (time.monotonic() - since) / SLOWER * (number + 1), stats
            assert stats['hvr'] + stats['drop_hvr_prefix'] == stats['cookie_none'], stats
        assert stats['drop_hvr_prefix'] > 0, stats
        hellos.send('198.18.0.20', 3)
        assert hellos.settled()['hello_new'] == 3
        before = g.stats()
        clock.pass_by(1)
        for _ in range(20):
            ask('198.18.0.20')
        stats = g.wait_for(lambda s: s['cookie_none'] == before['cookie_none'] + 20)
        more = stats['hvr'] - before['hvr'] - 10
        assert 0 <= more <= 10 * (time.monotonic() - since) / SLOWER, (before, stats)
        g.stop()


# ---- no hello twice

def test_a_hello_a_million_times() -> None:
    """One handshake, also when it is long over."""
    times = 1000000 // SCALE
    frame = verified(packets.Flow('198.18.0.10', 30000, GW4, PORT))
    with Net() as net, flooded(net, [frame], handshake_timeout=1) as g:
        g.wait_for(lambda s: s['cookie_valid'] >= times)
        seen = g.wait_for(lambda s: s['sessions_half_open_expired'] == 1)['cookie_valid']
        g.wait_for(lambda s: s['cookie_valid'] >= seen + times)
        _, counters = g.stop()
        assert counters['hello_new'] == counters['sessions_opened'] == 1, counters
        assert counters['hello_beside'] == 0, counters
        again = ('hello_again', 'drop_hello_used', 'drop_ring_new_full')
        assert count(counters, again) == counters['cookie_valid'] - 1, counters
        assert counters['drop_hello_used'] >= times, counters  # seen by the worker


def second_hello(raw: RawPort) -> bytes:
    """What a client sends after the HelloVerifyRequest."""
    return raw.wait_for(lambda f: packets.parse(f).payload[13:14] == b'\x01'
                        and packets.parse(f).payload[17:19] == b'\x00\x01')


def test_the_hello_of_a_session_that_was_closed() -> None:
    """A second signature is not to be had for it, and its client is not shut out."""
    for binding in ('hello', 'parameters', 'address'):
        with Net() as net, gateway(net, {'echo': ECHO}, cookie_binding=binding) as g, \
                RawPort(net, outgoing=True) as raw:
            client = ('--source-port', 41000, '--datagrams', 3)
            assert run_client(net, *client)['received'] == 3
            hello = second_hello(raw)
            g.wait_for(lambda s: s['sessions_closed'] == 1)
            for _ in range(100):
                raw.send(hello)
            stats = g.wait_for(lambda s: count(s, USED) == 100)
            assert stats['sessions_opened'] == 1, stats
            # From the same port, within the second in which a cookie is the same.
            assert run_client(net, *client)['received'] == 3
            g.wait_for(lambda s: s['sessions_closed'] == 2)
            stats = g.stats()
            assert stats['handshakes'] == 2 and count(stats, USED) == 100, stats
            g.stop()


def test_a_hello_that_arrives_several_times() -> None:
    """While its handshake is in progress, and while its session lives: nobody notices."""
    with Net() as net, gateway(net, {'echo': ECHO}) as g, RawPort(net, outgoing=True) as raw, \
            dtls_client(net, '--interactive', '--datagrams', 3) as client:
        hello = second_hello(raw)
        for _ in range(5):
            raw.send(hello)
        client.expect('^done 0$')
        for _ in range(5):
            raw.send(hello)
        g.wait_for(lambda s: count(s, USED) == 10)
        client.say('echo 10')
        client.expect('^done 1$')
        client.say('close')
        assert client.results()['failed'] == 0
        stats = g.wait_for(lambda s: s['sessions_closed'] == 1)
        assert stats['sessions_opened'] == stats['handshakes'] == 1, stats
        g.stop()


def test_used_hellos_forgets_rather_than_refuses() -> None:
    with asked(used_hellos=8) as (_, g, hellos):
        hellos.send('198.18.0.10', 8)
        stats = hellos.settled()
        assert stats['hello_new'] == 8 and stats['used_forgotten'] == 0, stats
        hellos.send('198.18.0.10', 2)
        stats = hellos.settled()
        assert stats['hello_new'] == 10 and stats['used_forgotten'] == 2, stats
        g.stop()


def test_an_old_hello_does_not_push_out_a_newer_handshake() -> None:
    """A client has begun again from its port. What is left of its first try comes late."""
    with Net() as net, gateway(net, {'echo': ECHO}) as g, RawPort(net, outgoing=True) as raw:
        run_client(net, '--vanish', '--source-port', 41001, expect=None)
        old = second_hello(raw)
        with dtls_client(net, '--pause', '--source-port', 41001) as client:
            client.expect('^hvr$')
            client.say('go')
            raw.send(old)
            assert client.results()['handshakes'] == 1
        stats = g.wait_for(lambda s: count(s, USED) == 1)
        assert stats['sessions_opened'] == 2, stats
        g.stop()


run(globals())
