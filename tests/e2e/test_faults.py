#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What fails around a gateway, and what becomes of its sessions meanwhile (docs/operating.md)."""
from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import socket
import sys
from typing import Iterator

from clock import movable
from harness import (BUILD, GW4, PORT, EchoServer, Gateway, Net, Pki, Process, RawPort, asked,
                     command, configuration, dtls_client, gateway, in_netns, neighbour, packets,
                     process, run, run_client, running, until)

PKI = Pki()
ECHO = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key')}
SECRET_FILE = PKI.directory / 'cookie.secret'
SECRET_FILE.write_text(bytes(range(32)).hex() + '\n')
LIBRARIES = BUILD / 'tests' / 'e2e'
ASAN = {'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':verify_asan_link_order=0'}
SESSIONS, KEYS = '/hellogate/sessions', '/hellogate/keys'


@contextlib.contextmanager
def live(net: Net, g: Gateway, *options: object) -> Iterator[LiveSession]:
    """A session that must outlast whatever happens, and be as good as before in the end."""
    with dtls_client(net, '--interactive', *options) as client:
        client.expect('^done 0$')
        session = LiveSession(g, client)
        yield session
        session.echo(20)
        client.say('close')
        results = client.results()
        assert results['handshakes'] == 1 and results['failed'] == results['closed'] == 0, results
        g.wait_for(lambda s: s['sessions_closed'] >= 1)


class LiveSession:
    def __init__(self, g: Gateway, client) -> None:
        self.gateway, self.client, self.series = g, client, 0

    def echo(self, count: int) -> None:
        """Each datagram after the echo of the one before. None may be lost."""
        self._series('echo', count)

    def send(self, count: int) -> None:
        """Whether they come back or not."""
        self._series('send', count)

    def send_and_wait(self, count: int) -> None:
        """Until the gateway has decrypted them."""
        before = self.gateway.stats()['client_datagrams']
        self.send(count)
        self.gateway.wait_for(lambda s: s['client_datagrams'] == before + count)

    def _series(self, word: str, count: int) -> None:
        self.series += 1
        self.client.say(f'{word} {count}')
        self.client.expect(f'^done {self.series}$')


def upstream(address: str, port: int) -> dict[str, dict[str, object]]:
    return {'echo': {**ECHO, 'upstream': f'{address}:{port}'}}


# ---- upstream

def test_upstream_that_is_silent() -> None:
    """It is there and does not read: the kernel's business, which tells nobody."""
    with Net() as net, contextlib.ExitStack() as later:
        with in_netns(net.gateway):
            silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            silent.bind(('127.0.0.1', 0))
        port = silent.getsockname()[1]
        with silent, gateway(net, upstream('127.0.0.1', port)) as g, \
                live(net, g, '--datagrams', 0) as session:
            for _ in range(10):
                session.send_and_wait(100)
            stats = g.wait_for(lambda s: s['upstream_tx'] == 1000)
            assert stats['upstream_tx_dropped'] == stats['upstream_rx'] == 0, stats
            silent.close()
            server = later.enter_context(EchoServer(net.gateway, port=port))
            session.echo(20)
            assert server.count == 20


def test_upstream_without_a_route() -> None:
    """The session has no socket and loses what is for it, until there is a way. The way may go and
    come back."""
    address = '198.51.100.1'
    with Net() as net, contextlib.ExitStack() as later, \
            gateway(net, upstream(address, 7)) as g:
        def route(change: str) -> None:
            command('ip', '-n', net.gateway, 'addr', change, f'{address}/32', 'dev', 'lo')

        with live(net, g, '--datagrams', 0) as session:
            assert g.wait_for(lambda s: s['handshakes'] == 1)['upstream_errors'] == 1
            session.send_and_wait(3)
            stats = g.wait_for(lambda s: s['upstream_tx_dropped'] == 3)
            assert stats['upstream_errors'] == 4 and stats['upstream_tx'] == 0, stats
            route('add')
            server = later.enter_context(EchoServer(net.gateway, address, 7))
            session.echo(20)
            assert server.count == 20 and len(server.peers) == 1
            route('del')
            session.send_and_wait(5)
            stats = g.wait_for(lambda s: s['upstream_tx_dropped'] == 8)
            assert stats['upstream_tx'] == 20, stats
            route('add')
            session.echo(20)
        _, counters = g.stop()
        assert counters['upstream_errors'] == 4 and counters['upstream_tx'] == 60, counters


# ---- load

def spoofed(mac: bytes, gateway_mac: str, count: int) -> list[bytes]:
    hello = packets.Hello().datagram()
    return [packets.ether(gateway_mac, mac.hex(':'), packets.ETHER_IPV4, packets.ipv4(
        source, GW4, packets.UDP, packets.udp(source, GW4, 1024 + n, PORT, hello)))
        for n in range(count) for source in [f'198.19.{n >> 8}.{n & 255}']]


def overloaded(driver: str) -> None:
    """More packets at once than port and worker can hold, as the whole gateway stands still. The
    kernel loses the rest, and of its drivers af_packet tells with DPDK 25.11."""
    with Net(driver) as net, gateway(net, {'echo': ECHO}) as g, RawPort(net) as raw:
        # The kernel may lose an echo, too, behind the answers to all these on their way.
        with live(net, g, '--resend', 500) as session:
            frames = spoofed(raw.mac, neighbour(net, GW4), 1000)
            before = g.stats()
            os.kill(g.process.pid, signal.SIGSTOP)
            for frame in frames * 10:
                raw.send(frame)
            os.kill(g.process.pid, signal.SIGCONT)
            # Behind all that was held, on the same queue.
            g.wait_for(lambda s: s['rx'] > before['rx'] + 100)
            session.echo(20)
            after = g.stats()
            told = {k: after[k] - before[k] for k in after}
            assert 100 < told['hvr'] == told['cookie_none'] < 10000, told
            assert told['handshakes'] == told['drop_ring_full'] == told['out_dropped'] == 0, told
            missed = g.telemetry('/ethdev/stats,0')['imissed']
            assert missed == 0 or missed + told['rx'] >= 10000, (missed, told)
        g.stop()


def test_more_packets_than_a_worker_can_take_af_packet() -> None:
    overloaded('af_packet')


def test_more_packets_than_a_worker_can_take_af_xdp() -> None:
    overloaded('af_xdp')


@contextlib.contextmanager
def flood(net: Net, rate: int) -> Iterator[Process]:
    """Spoofed hellos and junk, so many packets a second."""
    with process(sys.executable, str(pathlib.Path(__file__).with_name('flood.py')), net.client_if,
                 neighbour(net, GW4), netns=net.client, name='flood') as p:
        p.expect('^flood: ready$')
        p.send(f'{rate}\n')
        p.expect('^sent 0$')
        yield p


def test_sigterm_in_a_flood() -> None:
    """A million packets a second are more than arrive. They do not end, and the drain does not wait
    for that."""
    with Net() as net, gateway(net, {'echo': ECHO}) as g, \
            dtls_client(net, '--sessions', 10, '--interactive') as client:
        client.expect('^done 0$')
        with flood(net, 1000000):
            before = g.stats()['hvr']
            g.wait_for(lambda s: s['hvr'] > before + 10000)
            _, counters = g.stop()
        assert counters['sessions_drained'] == 10, counters


# ---- memory

@contextlib.contextmanager
def without_buffers(net: Net, pools: str) -> Iterator[Gateway]:
    """A gateway some of whose pools fail between one SIGURG and the next."""
    g = Gateway(configuration(net, {'echo': ECHO}), netns=net.gateway,
                eal=['--mbuf-pool-ops-name=hg_failing'],
                env={'LD_PRELOAD': str(LIBRARIES / 'libfailing_pools.so'),
                     'HG_FAILING_POOLS': pools, **ASAN})
    with running(g, net):
        yield g
        g.wait_for(lambda s: s['sessions'] == 0, command=SESSIONS)
        g.wait_for(lambda s: not any(s.values()), command='/hellogate/buffers')
        g.stop()


def pools(g: Gateway, state: str) -> None:
    """Lets the pools fail, or work again, and waits until they do."""
    os.kill(g.process.pid, signal.SIGURG)
    g.process.expect(f'^pools {state}$', stream='err')


def test_no_buffers_to_send() -> None:
    """What cannot be sent is lost and counted; handshakes are late by a retransmission."""
    with Net() as net, without_buffers(net, 'send-') as g:
        with live(net, g) as session:
            before = g.stats()
            pools(g, 'fail')
            sent = 0
            while g.stats()['out_dropped'] < 100:
                assert sent < 5000, g.stats()
                session.send_and_wait(100)
                sent += 100
            with dtls_client(net, '--interactive') as other:
                dropped = g.stats()['out_dropped']
                g.wait_for(lambda s: s['hello_new'] == 2 and s['out_dropped'] > dropped)
                stats = g.stats()
                told = {k: stats[k] - before[k] for k in stats}
                assert told['out_packets'] + told['out_dropped'] >= sent, told
                assert told['upstream_rx'] + told['upstream_rx_dropped'] == sent, told
                assert told['upstream_rx_dropped'] >= 100 and told['handshakes'] == 0, told
                pools(g, 'work')
                other.expect('^done 0$')
                other.say('close')
                assert other.results()['failed'] == 0


def test_no_buffers_to_receive() -> None:
    """Packets wait in the kernel's ring."""
    with Net() as net, without_buffers(net, 'receive-') as g:
        with live(net, g) as session:
            before = g.stats()['client_datagrams']
            pools(g, 'fail')
            session.send(400)
            g.process.expect('^pool receive-.* refuses$', stream='err')  # it receives no more
            stats = g.stats()
            assert stats['client_datagrams'] < before + 400, stats
            pools(g, 'work')
            g.wait_for(lambda s: s['client_datagrams'] == before + 400)


# ---- time

def step(seconds: int) -> None:
    """The clock is set between HelloVerifyRequest and second hello, and by so much that the cookie
    is no good any more: that client has to begin anew, no other notices."""
    with Net() as net, movable(net, {'echo': ECHO}, handshake_timeout=60) as (g, clock):
        with live(net, g) as session, dtls_client(net, '--pause') as paused:
            paused.expect('^hvr$')
            run_client(net, '--vanish', expect=None)
            g.wait_for(lambda s: s['half_open'] == 1, command=SESSIONS)
            clock.set(seconds, g)
            session.echo(20)
            paused.say('go')
            stats = g.wait_for(lambda s: s['cookie_unknown_epoch'] + s['cookie_expired'] >= 1)
            assert stats['cookie_valid'] == 2, stats
            paused.say('go')
            g.wait_for(lambda s: s['drop_hello_seq'] >= 1)
            assert run_client(net, '--datagrams', 5)['received'] == 5
            # Neither sooner nor later for the time of day: their time is another.
            assert g.stats()['sessions_half_open_expired'] == 0
            clock.pass_by(60)
            g.wait_for(lambda s: s['sessions_half_open_expired'] == 1)
        stats = g.stats()
        assert stats['sessions_idle'] == stats['sessions_failed'] == 0, stats
        assert stats['sessions_half_open_expired'] == 1, stats
        g.stop()


def test_clock_set_back() -> None:
    step(-3600)


def test_clock_set_forward() -> None:
    step(3600)


def test_clock_set_back_and_forward_a_little() -> None:
    """By less than clocks of several gateways may differ: nobody notices."""
    with Net() as net, movable(net, {'echo': ECHO}) as (g, clock), live(net, g):
        for seconds in (-3, 0):
            with dtls_client(net, '--pause') as client:
                client.expect('^hvr$')
                clock.set(seconds, g)
                client.say('go')
                assert client.results()['hvr'] == 1
        stats = g.stats()
        assert stats['cookie_valid'] >= 3 and asked(stats) >= 3, stats


# ---- output

TALKATIVE = {'key_rotation': 1, 'cookie_lifetime': 1}


def said_to(g: Gateway, script: str) -> None:
    """Runs the daemon, which is "$@", by a script of bash; $0 is a directory."""
    argv = ['bash', '-c', script, str(g.directory), *g.argv()]
    g.process = Process(argv, g.netns, g.directory, name='hellogate')


def ready_by_telemetry(g: Gateway) -> None:
    def told() -> bool:
        assert g.process.alive(), g.process.log()
        with contextlib.suppress(OSError, KeyError):
            return g.telemetry(SESSIONS) is not None
        return False

    until(told, g.process.log)


def mute(net: Net, g: Gateway) -> None:
    """Whatever it has to say, nobody hears it: it serves, and ends as it should."""
    with live(net, g) as session:
        first = g.telemetry(KEYS)['epoch']
        g.process.popen.send_signal(signal.SIGHUP)
        g.wait_for(lambda s: s['epoch'] > first + 1, command=KEYS)  # said each time
        session.echo(20)
        assert run_client(net)['handshakes'] == 1
    g.process.popen.send_signal(signal.SIGTERM)
    assert g.process.wait() == 0, g.process.log()


def test_output_to_a_full_disk() -> None:
    """The file system is the daemon's alone: ip-netns(8) gives it a mount namespace."""
    with Net() as net:
        g = Gateway(configuration(net, {'echo': ECHO}, **TALKATIVE), netns=net.gateway)
        try:
            said_to(g, 'mkdir "$0/disk" && mount -t tmpfs -o size=4k none "$0/disk" && '
                       '{ cat /dev/zero >"$0/disk/full"; exec "$@" >"$0/disk/log" 2>&1; }')
            ready_by_telemetry(g)
            disk = pathlib.Path(f'/proc/{g.process.pid}/root{g.directory}/disk')
            assert os.statvfs(disk).f_bfree == 0 and (disk / 'log').stat().st_size == 0
            mute(net, g)
        finally:
            g.close()


def test_output_that_nobody_reads_any_more() -> None:
    with Net() as net:
        g = Gateway(configuration(net, {'echo': ECHO}, **TALKATIVE), netns=net.gateway)
        try:
            said_to(g, 'exec "$@" > >(exec head -n 1) 2> >(exec true)')
            g.process.expect('^hellogate: ready')
            mute(net, g)
        finally:
            g.close()


# ---- death

def killed_and_started_again(driver: str) -> None:
    """With the same secret, the same --file-prefix and all that the first has left behind."""
    with Net(driver) as net:
        g = Gateway(configuration(net, {'echo': ECHO}, cookie_secret=SECRET_FILE),
                    netns=net.gateway)
        g.eal.remove('--no-shconf')
        with running(g, net), dtls_client(net, '--pause', '--datagrams', 5) as paused, \
                dtls_client(net, '--interactive') as orphan:
            paused.expect('^hvr$')
            orphan.expect('^done 0$')
            g.kill()
            left = {path.name for path in g.runtime.iterdir()}
            assert {'config', 'dpdk_telemetry.v2'} <= left, left
            g.start()
            orphan.say('send 3')
            g.wait_for(lambda s: s['drop_no_session'] == 3)
            paused.say('go')
            assert paused.results()['received'] == 5
            stats = g.wait_for(lambda s: s['sessions_closed'] == 1)
            assert stats['hvr'] == 0 and stats['cookie_valid'] == 1, stats
            assert stats['tx'] == stats['arp_replies'] + stats['neighbour_adverts'], stats
            g.stop()


def test_killed_and_started_again_af_packet() -> None:
    killed_and_started_again('af_packet')


def test_killed_and_started_again_af_xdp() -> None:
    killed_and_started_again('af_xdp')


run(globals())
