#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Frames bridged and hellos answered per second by one worker, and what a guard is worth to a server.

The bridge is two net_pcap ports with infinite_rx=1, beside testpmd in io mode on the same two: there
a frame comes in by either port, is copied into a fresh buffer by the driver, and leaves by the other,
where it is freed. testpmd looks at none of it. The bridge reads what comes from the clients: in one
case it is for addresses that no guard names, in the other for another port of the server.

Then a server with libhellogate (docs/examples/dtls_server.c) behind a bridge on veths, flooded with
spoofed hellos while honest clients connect: with a guard, and with the bridge alone, when the server
answers the flood by itself. Server, worker and everything else of the bridge share one CPU; flood and
clients have the other.
"""
from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import tempfile
import time
from typing import Iterator

from bench import bed, result
from bench.measure import flood, path
from bench.peers import targets
from bench.result import count
from lab.gateway import RUNTIME, Gateway, Telemetry
from lab.netns import kernel_ipv6
from lab.pki import Pki
from lab.process import BUILD, Process, command

ELSEWHERE = '203.0.113.1:5684'
CASES = {  # what is guarded, and whether frames come from the servers too
    'elsewhere': (ELSEWHERE, True),
    'same_server': (f'{path.hello_pcap.GATEWAY_V4}:{path.hello_pcap.PORT + 1}', True),
    'answered': (f'{path.hello_pcap.GATEWAY_V4}:{path.hello_pcap.PORT}', False)}
OFFLOADS = ('tx', 'off', 'rx', 'off', 'gso', 'off', 'tso', 'off', 'gro', 'off')


# ---- the bridge

def ports(bench: path.Bench, both: bool) -> list[str]:
    """The vdevs: packets for ever by the clients' port, and by the servers' too or never."""
    packets = bench.set_of('openssl')
    nothing = bench.directory / 'nothing.pcap'
    path.hello_pcap.pk.write_pcap(nothing, [])
    return [f'net_pcap0,rx_pcap={packets},infinite_rx=1',
            f'net_pcap1,rx_pcap={packets},infinite_rx=1' if both
            else f'net_pcap1,rx_pcap={nothing}']


def run_bridge(bench: path.Bench, bind: str, both: bool) -> path.Run:
    lines = ['[gateway]', 'cookie-secret = secret', 'workers = 1', 'poll = busy',
             'bridge = wan, lan']
    for name, device in zip(('wan', 'lan'), ports(bench, both)):
        lines += [f'[port {name}]', 'profile = bench.ini', f'device = {device}']
    lines += ['[listener server]', 'mode = guard', f'bind = {bind}', '']
    # net_pcap ignores the number, but keeps the whole set of packets in buffers.
    profile = re.sub(r'(?m)^rx-descriptors *=.*$', f'rx-descriptors = {bench.options.packets}',
                     bench.profile)
    gateway = Gateway('\n'.join(lines), files={'secret': path.SECRET.hex() + '\n',
                                               'bench.ini': profile})
    gateway.eal = [*bench.eal(), f'--file-prefix={gateway.prefix}', path.lcores(bench, 1)]

    def look() -> dict[str, float]:
        told = gateway.stats()
        return {**path.cpu_times(task), 'hvr': told['hvr'] - told['drop_tx_full'],
                'bridged': told['bridged_to_servers'] + told['bridged_to_clients']}
    with gateway:
        task = path.worker_task(gateway.process.pid)
        rates = bench.slices(look)
        gateway.stop()
    return rates


def run_testpmd(bench: path.Bench, buffers: int, cache: int, burst: int) -> path.Run:
    prefix = f'hgpmd{os.getpid()}'
    while buffers < 2 * bench.options.packets + 4 * burst + 2 * cache:
        buffers *= 2
    process = Process([
        'dpdk-testpmd', *bench.eal(), f'--file-prefix={prefix}',
        f'--lcores=0@{bench.aside},1@{bench.measured}',
        *(f'--vdev={device}' for device in ports(bench, True)), '--',
        '--forward-mode=io', '--nb-cores=1', '--auto-start', '--no-flush-rx',
        f'--total-num-mbufs={buffers}', f'--mbcache={cache}', f'--burst={burst}'])
    telemetry = None
    try:
        process.expect('Checking link statuses')
        telemetry = Telemetry(RUNTIME / prefix / 'dpdk_telemetry.v2')

        def sent() -> float:
            return sum(telemetry.ask(f'/ethdev/stats,{port}')['opackets'] for port in (0, 1))
        end = time.monotonic() + 90
        while not sent():
            if not process.alive() or time.monotonic() > end:
                raise SystemExit(f'guard: testpmd forwards nothing\n{process.log()}')
            time.sleep(0.02)
        task = path.worker_task(process.pid)
        return bench.slices(lambda: {**path.cpu_times(task), 'bridged': sent()})
    finally:
        if telemetry:
            telemetry.close()
        process.kill()
        shutil.rmtree(RUNTIME / prefix, ignore_errors=True)


def measure_bridge(bench: path.Bench) -> dict[str, object]:
    runs: dict[str, list[path.Run]] = {name: [] for name in CASES}
    testpmd: dict[tuple, list[path.Run]] = {}
    for _ in range(bench.options.repetitions):
        for name, (bind, both) in CASES.items():
            runs[name].append(run_bridge(bench, bind, both))
        for setting in path.TESTPMD:
            testpmd.setdefault(setting, []).append(run_testpmd(bench, *setting))

    def best(of: list[path.Run], what: str) -> int:
        return round(max(rates[what] for run in of for rates in run))
    pmd = {f'buffers {b}, cache {c}, burst {n}': best(of, 'bridged')
           for (b, c, n), of in testpmd.items()}
    bridge, io = best(runs['elsewhere'], 'bridged'), max(pmd.values())
    same = best(runs['same_server'], 'bridged')
    return {'bridge_pps': bridge, 'bridge_same_server_pps': same, 'testpmd_io_pps': io,
            'vs_testpmd_io': round(bridge / io, 3),
            'vs_testpmd_io_same_server': round(same / io, 3),
            'replies_per_s': best(runs['answered'], 'hvr'), 'testpmd': pmd}


# ---- the server

class Line(targets.Link):
    """A link with a bridge in between, in a namespace of its own."""

    def __init__(self) -> None:
        super().__init__(True)
        self.middle = self.clients[:-1] + 'm'
        self.wan_if, self.lan_if = (self.client_if.replace('hc', x) for x in ('hw', 'hl'))

    def namespaces(self) -> set[str]:
        return {*super().namespaces(), self.middle}

    def join(self) -> None:
        for interface, netns, other in ((self.client_if, self.clients, self.wan_if),
                                        (self.server_if, self.servers, self.lan_if)):
            command('ip', 'link', 'add', interface, 'netns', netns, 'type', 'veth', 'peer', 'name',
                    other, 'netns', self.middle)
            for one, where in ((interface, netns), (other, self.middle)):
                kernel_ipv6(where, one)
                command('ethtool', '-K', one, *OFFLOADS, netns=where)
                command('ip', '-n', where, 'link', 'set', one, 'up')
        command('ip', '-n', self.servers, 'link', 'set', self.server_if, 'address', bed.MAC)
        told = command('ip', '-n', self.clients, '-o', 'link', 'show', 'dev', self.client_if)
        self.client_mac = re.search(r'link/ether (\S+)', told).group(1)
        for netns, lines in (
                (self.clients, (f'addr add {targets.CLIENT}/17 dev {self.client_if}',
                                f'neigh replace {targets.SERVER} lladdr {bed.MAC} dev '
                                f'{self.client_if} nud permanent')),
                (self.servers, (f'addr add {targets.SERVER}/{targets.PREFIX} dev {self.server_if}',
                                f'neigh replace {targets.CLIENT} lladdr {self.client_mac} dev '
                                f'{self.server_if} nud permanent',
                                f'route add {targets.SPOOFED} via {targets.CLIENT}'))):
            for line in lines:
                command('ip', '-n', netns, *line.split())


@contextlib.contextmanager
def bridge(line: Line, guarded: bool) -> Iterator[Gateway]:
    _, measured = bed.cpus()
    text = (f'[gateway]\ncookie-secret = secret\nbridge = wan, lan\nworkers = 1\n'
            f'[port wan]\ndevice = net_af_packet0,iface={line.wan_if}\n'
            f'[port lan]\ndevice = net_af_packet1,iface={line.lan_if}\n')
    if guarded:
        text += f'[listener server]\nmode = guard\nbind = {targets.SERVER}:{targets.PORT}\n'
    gateway = Gateway(text, files={'secret': path.SECRET.hex() + '\n'}, netns=line.middle,
                      eal=[f'--lcores=0@{measured},1@{measured},2@{measured}'])
    with gateway:
        yield gateway
        gateway.stop()


@contextlib.contextmanager
def server(line: Line, pki: Pki) -> Iterator[Process]:
    _, measured = bed.cpus()
    secret = pki.directory / 'secret'
    secret.write_text(path.SECRET.hex() + '\n')
    process = Process(['taskset', '-c', str(measured), str(BUILD / 'docs/examples/dtls_server'),
                       targets.SERVER, str(targets.PORT), pki.path('server.pem'),
                       pki.path('server.key'), str(secret)], line.servers, name='dtls_server')
    try:
        process.expect('^dtls_server: ready')
        yield process
    finally:
        process.kill(signal.SIGTERM)


def cpu_seconds(process: Process) -> float:
    return path.cpu_times(pathlib.Path(f'/proc/{process.pid}'))['cpu']


def run_server(pki: Pki, guarded: bool, step: str, options: argparse.Namespace,
               directory: pathlib.Path) -> dict[str, object]:
    """Honest clients in a flood: how many completed, and what the server's CPU had to do."""
    with Line() as line, server(line, pki) as served, bridge(line, guarded):
        flooding = None
        try:
            if step != '0':
                total = flood.LEAD + options.seconds + options.deadline
                flooding = flood.flood(line, directory, step, total)
                flood.wait_for_flood(line, flooding)
            before, began = cpu_seconds(served), time.monotonic()
            told = bed.lines(load := flood.clients(line, options), 60)[0]
            load.kill()
            fields = {'flood_pps': 0, **told,
                      'server_cpu_seconds': round(cpu_seconds(served) - before, 3),
                      'seconds': round(time.monotonic() - began, 2)}
            fields['server_cpu_share'] = round(
                fields['server_cpu_seconds'] / fields['seconds'], 4)
            if flooding is not None:
                flooding.kill(signal.SIGTERM)
                report = json.loads((directory / 'flood.json').read_text())
                fields['flood_pps'] = report['packets_per_second']
        finally:
            if flooding is not None:
                flooding.kill()
        served.popen.send_signal(signal.SIGTERM)
        served.wait()
        counted = dict(re.findall(r'^(\w+) (\d+)$', served.stdout, re.M))
        # All that it was asked without a good cookie: the flood, and each client's first hello.
        fields['hellos_at_server'] = sum(int(v) for k, v in counted.items()
                                         if k.startswith('cookie_') and k != 'cookie_valid')
        return fields


def measure_server(options: argparse.Namespace) -> dict[str, object]:
    pki = Pki()
    pki.leaf('server')
    fields: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as directory:
        for name, guarded in (('with', True), ('without', False)):
            steps = []
            for step in options.steps.split(','):
                print(f'{name} a guard, flood {step} ...', flush=True)
                steps.append(run_server(pki, guarded, step, options, pathlib.Path(directory)))
            idle, most = steps[0], max(steps, key=lambda s: s['flood_pps'])
            fields[name] = {
                'completed': most['completed'], 'attempted': most['attempted'],
                'flood_pps': most['flood_pps'], 'p99_ms': most['p99_ms'],
                'server_cpu_idle': idle['server_cpu_share'],
                'server_cpu_flood': most['server_cpu_share'], 'steps': steps}
    return fields


def show(fields: dict[str, object]) -> None:
    result.table(('one worker', 'per second'), [
        (name, count(fields[name])) for name in (
            'bridge_pps', 'bridge_same_server_pps', 'testpmd_io_pps', 'replies_per_s')])
    print(f'bridge / testpmd io: {fields["vs_testpmd_io"]}, for the address of a guarded server '
          f'{fields["vs_testpmd_io_same_server"]}\n')
    rows = []
    for name in ('with', 'without'):
        for step in fields[name]['steps']:
            rows.append((f'{name} a guard', count(step['flood_pps']),
                         f'{step["completed"]} of {step["attempted"]}', f'{step["p99_ms"]:.1f}',
                         f'{100 * step["server_cpu_share"]:.1f} %',
                         count(step['hellos_at_server'])))
    result.table(('server', 'hellos/s', 'completed', 'p99 ms', 'CPU',
                  'hellos without a valid cookie'), rows)


def steps(text: str) -> str:
    if flood.steps(text).split(',')[0] != '0':
        raise argparse.ArgumentTypeError(f'the first step must be 0: {text}')
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--packets', type=int, default=512, help='in the set (512)')
    parser.add_argument('--slice', type=result.positive, default=0.5,
                        help='seconds of a slice (0.5)')
    parser.add_argument('--slices', type=int, default=3, help='of one run (3)')
    parser.add_argument('--repetitions', type=int, default=3, help='of the bridge (3)')
    parser.add_argument('--steps', type=steps, default='0,10k,100k,max',
                        help='hellos a second of the flood, 0 first (0,10k,100k,max)')
    flood.add_clients(parser)
    options = parser.parse_args()
    result.need('dpdk-testpmd')
    bed.prepare('hellogen/hellogen', 'load/dtls_clients', '../docs/examples/dtls_server')
    bed.go_first()
    directory = pathlib.Path(tempfile.mkdtemp(prefix='hellogate-bench-'))
    of_bridge = argparse.Namespace(
        packets=options.packets, seconds=options.slice, slices=options.slices, burst=None,
        repetitions=options.repetitions, huge=False, seed=1, warm_up=0.2, hmac_kernel='auto')
    try:
        fields = measure_bridge(path.Bench(of_bridge, directory))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    fields |= measure_server(options)
    show(fields)
    result.write('guard', fields, {**vars(options), 'frame_bytes': 247})


if __name__ == '__main__':
    main()
