#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Datagrams per second and latency of established sessions, beside a plain OpenSSL server.

The same client sends over the same kind of veth to hellogate and to a DTLS server that uses OpenSSL
and kernel sockets the way OpenSSL's documentation says. Each answers by itself (echo) or passes the
datagrams on to a UDP server on its own host, and the answers back (upstream).
Either has one CPU, hellogate for both of its threads unless --layout says otherwise; client and
upstream have the other. What is not being measured is stopped.

CPU time is that of the threads, per datagram that came back. A thread of hellogate that has nothing
to do stays awake for a while, so its figures mean something for cases that keep it busy only.
"""
from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import signal
from typing import Iterator

from bench import bed, result
from lab.gateway import Gateway
from lab.netns import Namespaces, kernel_ipv6
from lab.pki import Pki
from lab.process import Process, command

# Sessions, datagrams of each under way, bytes in each.
CASES = ((1, 1, 64), (1, 1, 1024), (1, 32, 64), (1, 32, 1024), (16, 8, 64), (16, 8, 1024),
         (128, 1, 64), (1024, 1, 64))
MODES = ('echo', 'upstream')
ECHO_PORT, UPSTREAM_PORT, UDP_PORT = 5684, 5685, 5683
PLAIN = '198.18.2.1'
# CPUs of worker and handshake core: 0 is the client's, 1 the one that the plain server has alone.
LAYOUTS = {'together': (1, 1), 'split': (1, 0), 'crossed': (0, 1)}
DRIVERS = ('af_xdp', 'af_packet')


class Net(Namespaces):
    """Servers in one namespace, clients in the other, a veth for each server."""

    def __init__(self) -> None:
        self.servers = f'hgb{os.getpid()}s'
        self.clients = f'hgb{os.getpid()}c'
        self.gateway_if = f'hgg{os.getpid()}'

    def namespaces(self) -> set[str]:
        return {self.servers, self.clients}

    def join(self) -> None:
        self._veth(self.gateway_if, f'hgh{os.getpid()}', None, '198.18.0.2/24')
        self._veth(f'hgp{os.getpid()}', f'hgq{os.getpid()}', f'{PLAIN}/24', '198.18.2.2/24')

    def _veth(self, server_if: str, client_if: str, server: str | None, client: str) -> None:
        command('ip', 'link', 'add', server_if, 'netns', self.servers, 'type', 'veth',
                'peer', 'name', client_if, 'netns', self.clients)
        for interface, netns in ((server_if, self.servers), (client_if, self.clients)):
            kernel_ipv6(netns, interface)
            command('ip', '-n', netns, 'link', 'set', interface, 'up')
        # A veth hands partial checksums over as they are.
        command('ethtool', '-K', client_if, 'tx', 'off', netns=self.clients)
        if server is not None:
            command('ip', '-n', self.servers, 'addr', 'add', server, 'dev', server_if)
        command('ip', '-n', self.clients, 'addr', 'add', client, 'dev', client_if)


class Peer:
    """A server that can be measured: its processes, and its threads with their names."""

    def __init__(self, address: str, pids: list[int], threads: dict[str, int]) -> None:
        self.address = address
        self.pids = pids
        self.threads = threads

    def run(self) -> None:
        for pid in self.pids:
            os.kill(pid, signal.SIGCONT)

    def rest(self) -> None:
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)


@contextlib.contextmanager
def program(net: Net, cpu: int, name: str, *options: object) -> Iterator[Process]:
    process = Process(['taskset', '-c', str(cpu), bed.program(name), *map(str, options)],
                          net.servers, name=name)
    try:
        process.expect('ready', stream='out')
        yield process
    finally:
        process.kill()


@contextlib.contextmanager
def hellogate(net: Net, pair: str, layout: str, driver: str) -> Iterator[Gateway]:
    cpus = bed.cpus()
    worker, core = (cpus[i] for i in LAYOUTS[layout])
    listeners = (bed.listener('echo', ECHO_PORT, pair)
                 + bed.listener('upstream', UPSTREAM_PORT, pair, f'127.0.0.1:{UDP_PORT}'))
    gateway = Gateway(
        bed.configuration(f'net_{driver}', f'net_{driver}0,iface={net.gateway_if}', listeners),
        eal=[f'--lcores=0@{cpus[0]},1@{worker},2@{core}'], netns=net.servers)
    try:
        gateway.start()
        yield gateway
        os.kill(gateway.process.pid, signal.SIGCONT)
        gateway.stop()
    finally:
        if gateway.process:
            gateway.process.kill(signal.SIGKILL)
        gateway.close()


def client(net: Net, peer: Peer, mode: str, case: tuple[int, int, int], seconds: float) -> dict:
    """One case with one server: rates, latency, CPU time of each thread per datagram."""
    sessions, window, size = case
    port = ECHO_PORT if mode == 'echo' else UPSTREAM_PORT
    watched = [o for t in peer.threads.values() for o in ('--watch', str(t))]
    process = Process(
        ['taskset', '-c', str(bed.cpus()[0]), bed.program('load/relay_load'),
         '--target', f'{peer.address}:{port}', '--sessions', str(sessions),
         '--window', str(window), '--size', str(size), '--seconds', str(seconds), *watched],
        net.clients)
    try:
        told = bed.lines(process)[0]
    finally:
        process.kill()
    done = max(told['datagrams'], 1)
    return {'datagrams_per_s': told['datagrams'] / told['seconds'], 'p50_us': told['p50_us'],
            'p99_us': told['p99_us'], 'lost': told['lost'],
            'cpu_us': {name: ns / done / 1000
                       for name, ns in zip(peer.threads, told['cpu_ns'])}}


def best(trials: list[dict]) -> dict[str, object]:
    """The repetition with the highest rate, and how the others differ."""
    top = max(trials, key=lambda t: t['datagrams_per_s'])
    return {
        'datagrams_per_s': round(top['datagrams_per_s']),
        'p50_us': min(t['p50_us'] for t in trials),
        'p99_us': min(t['p99_us'] for t in trials),
        'lost': sum(t['lost'] for t in trials),
        'cpu_us': {name: round(min(t['cpu_us'][name] for t in trials), 2)
                   for name in top['cpu_us']},
        'spread': {key: result.spread([t[key] for t in trials],
                                      max if key == 'datagrams_per_s' else min)
                   for key in ('datagrams_per_s', 'p50_us', 'p99_us')},
    }


def measure(net: Net, pair: str, options: argparse.Namespace) -> list[dict]:
    other, measured = bed.cpus()
    pem = ('--certificate', pair, '--key', pair.removesuffix('.pem') + '.key')
    trials: dict[tuple, list] = {}
    with program(net, other, 'load/udp_echo', UDP_PORT), \
            program(net, measured, 'peers/openssl_echo', '--bind', f'{PLAIN}:{ECHO_PORT}',
                    *pem) as echo, \
            program(net, measured, 'peers/openssl_echo', '--bind', f'{PLAIN}:{UPSTREAM_PORT}',
                    *pem, '--upstream', f'127.0.0.1:{UDP_PORT}') as relay, \
            hellogate(net, pair, options.layout, options.driver) as gateway:
        threads = bed.threads(gateway.process.pid)
        ours = Peer(bed.ADDRESS, [gateway.process.pid],
                    {name: threads[name] for name in ('worker', 'core')})
        theirs = {mode: Peer(PLAIN, [p.pid], {'server': p.pid})
                  for mode, p in zip(MODES, (echo, relay))}
        ours.rest()
        for _ in range(options.repetitions):
            for mode, case in itertools.product(MODES, CASES):
                for name, peer in (('hellogate', ours), ('openssl', theirs[mode])):
                    peer.run()
                    trials.setdefault((mode, case, name), []).append(
                        client(net, peer, mode, case, options.seconds))
                    if peer is ours:
                        peer.rest()
    found = []
    for mode, case in itertools.product(MODES, CASES):
        entry = {'upstream': mode, 'sessions': case[0], 'window': case[1], 'bytes': case[2],
                 **{name: best(trials[mode, case, name]) for name in ('hellogate', 'openssl')}}
        entry['ratio'] = round(entry['hellogate']['datagrams_per_s']
                               / entry['openssl']['datagrams_per_s'], 3)
        found.append(entry)
    return found


def show(cases: list[dict]) -> None:
    rows = []
    for case in cases:
        ours, plain = case['hellogate'], case['openssl']
        rows.append([
            f'{case["upstream"]}, {case["sessions"]} x {case["window"]} of {case["bytes"]} bytes',
            result.count(ours['datagrams_per_s']), result.count(plain['datagrams_per_s']),
            f'{case["ratio"]:.2f}', f'{ours["p50_us"]:.0f}', f'{plain["p50_us"]:.0f}',
            f'{ours["p99_us"]:.0f}', f'{plain["p99_us"]:.0f}',
            f'{ours["cpu_us"]["worker"]:.1f}', f'{ours["cpu_us"]["core"]:.1f}',
            f'{plain["cpu_us"]["server"]:.1f}'])
    result.table(['datagrams/s', 'hellogate', 'plain', 'ratio', 'p50 us', 'plain', 'p99 us',
                  'plain', 'CPU us: worker', 'core', 'plain'], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--seconds', type=float, default=0.6, help='of each case (0.6)')
    parser.add_argument('--repetitions', type=int, default=3, help='of everything (3)')
    parser.add_argument('--driver', choices=DRIVERS, default=DRIVERS[0],
                        help='that hellogate takes packets with (af_xdp)')
    parser.add_argument('--layout', choices=LAYOUTS, default='together',
                        help='both threads where the plain server is (together), the handshake '
                             'core with the client (split), or the worker (crossed)')
    options = parser.parse_args()
    bed.prepare('load/relay_load', 'peers/openssl_echo', 'load/udp_echo')
    pair = Pki().leaf('server')
    with Net() as net:
        cases = measure(net, pair, options)
    show(cases)
    result.write('relay', {'lowest_ratio': min(c['ratio'] for c in cases), 'cases': cases},
                 vars(options))


if __name__ == '__main__':
    main()
