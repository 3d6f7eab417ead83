#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Cookieless hellos answered per second by one worker, beside testpmd, DTLSv1_listen and s_server.

The packets come from net_pcap with infinite_rx=1: it keeps the whole set in buffers, copies each
packet that it yields into a fresh buffer, and counts and frees what is sent. Rates are differences
of counters read by telemetry, over the monotonic clock at the same moments.

testpmd swaps addresses and ports (5tswap) on the same port and packets, and computes nothing: what
the driver and the buffers cost. DTLSv1_listen and s_server are OpenSSL's, see listen_mem.c.
s_server -listen has a kernel socket in a namespace of its own, and a flood that it cannot follow;
counted is what it sends, against the CPU time it uses.

The peers and the gateway take turns; of each, the best slice counts.
"""
from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Callable, Iterator, Mapping

from bench import bed, result
from bench.load import hello_pcap
from bench.result import count
from lab.gateway import EAL, RUNTIME, Gateway, Telemetry
from lab.netns import Net, in_netns
from lab.packets import CookieJar
from lab.process import SOURCE, Process, command

SECRET = bytes(range(1, 33))
ROTATION = 3600
MEMORY_MB = 512
SET_IN_POOL = 1100  # packets of a set for which net_pcap's profile leaves buffers enough
LOOK_NS_MAX = 20_000_000  # a look at the counters that took longer says too little about when
# Buffers, cache, burst.
TESTPMD = ((2048, 250, 32), (2048, 64, 32), (2048, 64, 16), (2048, 128, 64))


Run = list[dict[str, float]]  # of each slice, rates by name


@dataclasses.dataclass(frozen=True)
class Case:
    """One configuration of the gateway and the packets for it."""
    name: str
    packets: str = 'openssl'
    count: int = 0  # 0: --packets
    workers: int = 1
    binding: str = 'hello'


MAIN = Case('openssl')
VARIANTS = (
    Case('smallest', 'smallest'),
    Case('ipv6', 'ipv6'),
    Case('junk_half', 'junk'),
    Case('verified_tenth', 'verified'),
    Case('binding_parameters', binding='parameters'),
    Case('binding_address', binding='address'),
    Case('two_workers', workers=2),
    Case('packets_64', count=64),
    Case('packets_4096', count=4096),
)


class Bench:
    """The options, a directory for files, and where everybody runs."""

    def __init__(self, options: argparse.Namespace, directory: pathlib.Path) -> None:
        self.options = options
        self.directory = directory
        cpus = sorted(os.sched_getaffinity(0))
        self.cpus = cpus
        self.aside, self.measured = cpus[0], cpus[-1]
        self.kernel = ''
        self._sets: dict[tuple, pathlib.Path] = {}
        profile = (SOURCE / 'pmd-config' / 'net_pcap.ini').read_text()
        if options.burst:
            profile = re.sub(r'(?m)^burst *=.*$', f'burst = {options.burst}', profile)
        self.profile = profile

    def eal(self) -> list[str]:
        rest = [o for o in EAL if o != '--no-huge' or not self.options.huge]
        return ['-m', str(MEMORY_MB), *rest]

    def set_of(self, kind: str, n: int = 0, binding: str = 'hello') -> pathlib.Path:
        """The file of a packet set."""
        n = n or self.options.packets
        key = kind, n, binding
        if key not in self._sets:
            path = self.directory / f'{kind}-{n}-{binding}.pcap'
            hello_pcap.write(path, kind, n, self.options.seed, CookieJar(SECRET, ROTATION),
                             binding)
            self._sets[key] = path
        return self._sets[key]

    @contextlib.contextmanager
    def out_of_the_way(self) -> Iterator[None]:
        """This thread leaves the measured CPU alone meanwhile."""
        os.sched_setaffinity(0, {self.aside})
        try:
            yield
        finally:
            os.sched_setaffinity(0, self.cpus)

    def slices(self, look: Callable[[], Mapping[str, float]]) -> Run:
        """Rates per second of what `look` counts, for each slice of time."""
        rates = []
        with self.out_of_the_way():
            time.sleep(self.options.warm_up)
            before = timed(look)
            for _ in range(self.options.slices):
                time.sleep(self.options.seconds)
                after = timed(look)
                seconds = (after[0] - before[0]) / 1e9
                rates.append({name: (value - before[1][name]) / seconds
                              for name, value in after[1].items()})
                before = after
        return rates


def timed(look: Callable[[], Mapping[str, float]]) -> tuple[float, Mapping[str, float]]:
    """What it sees, and when: in nanoseconds, halfway between asking and knowing."""
    for _ in range(20):
        asked = time.monotonic_ns()
        seen = look()
        known = time.monotonic_ns()
        if known - asked < LOOK_NS_MAX:
            return (asked + known) / 2, seen
    raise SystemExit('path: the machine is too busy to read counters in time')


def cpu_times(task: pathlib.Path) -> dict[str, float]:
    """Seconds for which a thread has run, and waited for a CPU that somebody else had."""
    ran, waited = (task / 'schedstat').read_text().split()[:2]
    return {'cpu': int(ran) / 1e9, 'waited': int(waited) / 1e9}


def worker_task(pid: int) -> pathlib.Path:
    """The thread of lcore 1, which is the only or the first worker."""
    names = ('rte-worker-1', 'lcore-worker-1', 'dpdk-worker1')  # in different releases of DPDK
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        if (task / 'comm').read_text().strip() in names:
            return task
    raise SystemExit(f'path: DPDK has no thread {names[0]}')


# ---- the gateway

def configuration(bench: Bench, case: Case) -> str:
    path = bench.set_of(case.packets, case.count, case.binding)
    files = ','.join(f'rx_pcap={path}' for _ in range(case.workers))
    return f'''[gateway]
cookie-secret = secret
cookie-lifetime = {ROTATION}
key-rotation = {ROTATION}
cookie-binding = {case.binding}
workers = {case.workers}
handshake-cores = 1
poll = busy
hmac-kernel = {bench.options.hmac_kernel}
[port wan]
profile = bench.ini
device = net_pcap0,{files},infinite_rx=1
mac = {hello_pcap.GATEWAY_MAC}
address = {hello_pcap.GATEWAY_V4}/24, {hello_pcap.GATEWAY_V6}/48
[listener coap]
bind = {hello_pcap.GATEWAY_V4}:{hello_pcap.PORT}, [{hello_pcap.GATEWAY_V6}]:{hello_pcap.PORT}
certificate = server.pem
private-key = server.key
upstream = echo
'''


def descriptors(bench: Bench, packets: int) -> int:
    """The driver ignores them, but the gateway's pool of buffers has room for as many."""
    of_profile = int(re.search(r'(?m)^rx-descriptors *= *(\d+)', bench.profile).group(1))
    return of_profile if packets <= SET_IN_POOL else packets


def profile_for(bench: Bench, case: Case) -> str:
    n = descriptors(bench, case.count or bench.options.packets)
    return re.sub(r'(?m)^rx-descriptors *=.*$', f'rx-descriptors = {n}', bench.profile)


def lcores(bench: Bench, workers: int) -> str:
    """Main and the handshake core aside, workers from the other end."""
    places = [bench.aside] + [bench.cpus[-1 - i % len(bench.cpus)] for i in range(workers)]
    return '--lcores=' + ','.join(f'{i}@{cpu}' for i, cpu in enumerate(places + [bench.aside]))


def run_gateway(bench: Bench, case: Case) -> Run:
    gateway = Gateway(configuration(bench, case), files={
        'secret': SECRET.hex() + '\n', 'bench.ini': profile_for(bench, case),
        'server.pem': (bench.directory / 'server.pem').read_text(),
        'server.key': (bench.directory / 'server.key').read_text()})
    gateway.eal = [*bench.eal(), f'--file-prefix={gateway.prefix}', lcores(bench, case.workers)]
    with gateway:
        bench.kernel = re.search(r'hmac kernel (.+)', gateway.process.stdout).group(1)
        task = worker_task(gateway.process.pid)
        rates = bench.slices(lambda: {**cpu_times(task), **told(gateway.stats())})
        gateway.stop()
    return rates


def told(stats: Mapping[str, int]) -> dict[str, int]:
    """Of all counters those that say what a worker does."""
    names = ('rx', 'tx', 'forwarded', 'session_tx', 'handshakes')
    dropped = sum(v for k, v in stats.items() if k.startswith('drop_'))
    return {**{n: stats[n] for n in names}, 'dropped': dropped,
            'ring_full': sum(v for k, v in stats.items() if k.startswith('drop_ring_')),
            'tx_full': stats['drop_tx_full']}


# ---- testpmd

def run_testpmd(bench: Bench, buffers: int, cache: int, burst: int) -> Run:
    prefix = f'hgpmd{os.getpid()}'
    while buffers < bench.options.packets + 2 * burst + 2 * cache:
        buffers *= 2
    process = Process([
        'dpdk-testpmd', *bench.eal(), f'--file-prefix={prefix}',
        f'--lcores=0@{bench.aside},1@{bench.measured}',
        f'--vdev=net_pcap0,rx_pcap={bench.set_of("openssl")},infinite_rx=1', '--',
        '--forward-mode=5tswap', '--nb-cores=1', '--auto-start', '--no-flush-rx',
        f'--total-num-mbufs={buffers}', f'--mbcache={cache}', f'--burst={burst}'])
    telemetry = None
    try:
        process.expect('Checking link statuses', 30)  # its own telemetry is there from before
        telemetry = Telemetry(RUNTIME / prefix / 'dpdk_telemetry.v2')
        end = time.monotonic() + 30
        while telemetry.ask('/ethdev/stats,0')['opackets'] == 0:
            if not process.alive() or time.monotonic() > end:
                raise SystemExit(f'path: testpmd forwards nothing\n{process.log()}')
            time.sleep(0.02)
        task = worker_task(process.pid)
        return bench.slices(lambda: {**cpu_times(task),
                                     'tx': telemetry.ask('/ethdev/stats,0')['opackets']})
    finally:
        if telemetry:
            telemetry.close()
        process.kill()
        shutil.rmtree(RUNTIME / prefix, ignore_errors=True)


# ---- OpenSSL

def run_listen_mem(bench: Bench) -> dict[str, float]:
    """Answers per second, by way."""
    done = subprocess.run(
        ['taskset', '-c', str(bench.measured), bed.program('peers/listen_mem'),
         bench.set_of('openssl'), str(bench.options.listen_rounds)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, timeout=120, text=True)
    seen = json.loads(done.stdout)
    return {k: v for k, v in seen.items() if k not in ('answers', 'bytes')}


def sent_packets(netns: str, interface: str) -> int:
    with in_netns(netns):
        text = pathlib.Path('/proc/thread-self/net/dev').read_text()
    return int(re.search(rf'^\s*{interface}:(.*)$', text, re.M).group(1).split()[9])




def let_answers_leave(net: Net) -> None:
    """The server's answers to spoofed addresses all go to the client's end, which drops them."""
    with in_netns(net.client):
        text = command('ip', '-o', 'link', 'show', 'dev', net.client_if)
    mac = re.search(r'link/ether (\S+)', text).group(1)
    inside = '198.18.0.2'
    for line in (f'addr add {hello_pcap.GATEWAY_V4}/24 dev {net.gateway_if}',
                 f'neigh replace {inside} lladdr {mac} dev {net.gateway_if} nud permanent',
                 f'route add 198.18.128.0/17 via {inside}'):
        command('ip', '-n', net.gateway, *line.split())
    command('ip', '-n', net.gateway, 'link', 'set', net.gateway_if, 'address',
            hello_pcap.GATEWAY_MAC)


def run_listen_socket(bench: Bench) -> Run:
    """Answers per CPU second of s_server, and how much of a CPU it used."""
    with Net('af_packet') as net:
        let_answers_leave(net)
        server = Process(
            ['taskset', '-c', str(bench.measured), 'openssl', 's_server', '-dtls1_2', '-listen',
             '-accept', f'{hello_pcap.GATEWAY_V4}:{hello_pcap.PORT}',
             '-cert', str(bench.directory / 'server.pem'),
             '-key', str(bench.directory / 'server.key')], net.gateway)
        flood = None
        try:
            server.expect('^ACCEPT', 20)
            total = bench.options.warm_up + bench.options.slices * bench.options.seconds + 5
            flood = Process(
                ['nice', '-n', '25', 'taskset', '-c', str(bench.aside), bed.program('load/replay'),
                 net.client_if, bench.set_of('openssl'), str(int(total * 1000))], net.client)
            task = pathlib.Path(f'/proc/{server.pid}')
            rates = bench.slices(lambda: {'tx': sent_packets(net.gateway, net.gateway_if),
                                          **cpu_times(task)})
            if not flood.alive():
                raise SystemExit(f'path: the flood ended too early\n{flood.log()}')
        finally:
            server.kill()
            if flood:
                flood.kill()
    if min(r['cpu'] + r['waited'] for r in rates) < 0.9:
        print('\npath: s_server had CPU time to spare: the flood was too thin', file=sys.stderr)
    return [{'tx': r['tx'] / r['cpu'], 'wall': r['tx'], 'cpu': r['cpu']} for r in rates]


# ---- all of it

def make_certificate(directory: pathlib.Path) -> None:
    command('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
            '-nodes', '-keyout', str(directory / 'server.key'),
            '-out', str(directory / 'server.pem'), '-subj', '/CN=bench', '-days', '3')


def cpu_ns(runs: list[Run], what: str) -> float:
    """Nanoseconds of CPU time for each: over a whole run, as the kernel's clock is coarse."""
    return round(min(1e9 * sum(r['cpu'] for r in run) / sum(r[what] for r in run)
                     for run in runs), 2)


class Measured:
    """What the repetitions gave."""

    def __init__(self) -> None:
        self.cases: dict[str, list[Run]] = {}
        self.testpmd: dict[tuple, list[Run]] = {}
        self.memory: list[dict[str, float]] = []
        self.socket: Run = []

    def best_testpmd(self) -> tuple:
        """By CPU time: what else ran in the first turn shall not choose."""
        return min(self.testpmd, key=lambda setting: cpu_ns(self.testpmd[setting], 'tx'))


def measure(bench: Bench) -> Measured:
    options = bench.options
    seen = Measured()
    for repetition in range(options.repetitions):
        def note(what: str) -> None:
            print(f'\r{repetition + 1}/{options.repetitions} {what:40}', end='', file=sys.stderr,
                  flush=True)

        note('gateway')
        seen.cases.setdefault(MAIN.name, []).append(run_gateway(bench, MAIN))
        # All of testpmd's settings once, then the best of them.
        for setting in TESTPMD if repetition == 0 else (seen.best_testpmd(),):
            note(f'testpmd {setting}')
            seen.testpmd.setdefault(setting, []).append(run_testpmd(bench, *setting))
        note('DTLSv1_listen')
        seen.memory.append(run_listen_mem(bench))
        if not options.no_socket:
            note('s_server')
            seen.socket += run_listen_socket(bench)
        for case in VARIANTS if options.variants is None else options.variants:
            note(case.name)
            seen.cases.setdefault(case.name, []).append(run_gateway(bench, case))
    print(f'\r{"":60}\r', end='', file=sys.stderr, flush=True)
    return seen


def summary(runs: list[Run]) -> dict[str, object]:
    """Of a case: the rates of the best slice, the CPU that the (first) worker had in it."""
    slices = [rates for run in runs for rates in run]
    best = max(slices, key=lambda rates: rates['rx'])
    return {**{f'{k}_per_s': round(v) for k, v in best.items() if k not in ('cpu', 'waited')},
            'cpu_share': round(best['cpu'], 3),
            'ns_per_packet': round(1e9 / best['rx'], 2),
            'spread': result.spread([round(rates['rx']) for rates in slices])}


def fields_of(bench: Bench, seen: Measured) -> dict[str, object]:
    cases = {name: summary(runs) for name, runs in seen.cases.items()}
    replies = cases[MAIN.name]['tx_per_s']
    pmd = {f'buffers {b}, cache {c}, burst {n}':
           result.spread([round(r['tx']) for run in runs for r in run])
           for (b, c, n), runs in seen.testpmd.items()}
    testpmd = max(v['best'] for v in pmd.values())
    memory = {k: round(max(m[k] for m in seen.memory)) for k in seen.memory[0]}
    fields: dict[str, object] = {
        'replies_per_s': replies,
        'ns_per_packet': round(1e9 / replies, 2),
        'cpu_ns_per_packet': cpu_ns(seen.cases[MAIN.name], 'tx'),
        'cpu_share': cases[MAIN.name]['cpu_share'],
        'hmac_kernel': bench.kernel,
        'testpmd_5tswap_pps': testpmd,
        'testpmd_cpu_ns_per_packet': cpu_ns(seen.testpmd[seen.best_testpmd()], 'tx'),
        'listen_mem_per_s': memory['memory_one_shot'],
        'listen_mem_best_per_s': max(memory.values()),
        'vs_5tswap': round(replies / testpmd, 3),
        'vs_listen_mem': round(replies / memory['memory_one_shot'], 2),
        'vs_listen_mem_best': round(replies / max(memory.values()), 2),
    }
    if seen.socket:
        per_cpu = [round(r['tx']) for r in seen.socket]
        fields['listen_socket_per_s'] = max(per_cpu)
        fields['vs_listen_socket'] = round(replies / max(per_cpu), 2)
        fields['listen_socket'] = {
            'per_cpu_second': result.spread(per_cpu),
            'per_s': result.spread([round(r['wall']) for r in seen.socket]),
            'cpu_used': round(max(r['cpu'] for r in seen.socket), 3)}
    if 'two_workers' in cases:
        fields['two_worker_scaling'] = round(cases['two_workers']['tx_per_s'] / replies, 3)
    return {**fields, 'variants': cases, 'testpmd': pmd, 'listen_mem': memory}


def show(fields: Mapping[str, object]) -> None:
    rows = []
    for name, v in fields['variants'].items():
        rows.append((f'hellogate, {name}', count(v['rx_per_s']), count(v['tx_per_s']),
                     v['ns_per_packet'], count(v['spread']['median']), v['cpu_share']))
    for name, v in fields['testpmd'].items():
        rows.append((f'testpmd 5tswap, {name}', count(v['best']), count(v['best']),
                     round(1e9 / v['best'], 2), count(v['median']), ''))
    for name, v in fields['listen_mem'].items():
        rows.append((f'DTLSv1_listen in memory, {name}', count(v), count(v), round(1e9 / v, 1),
                     '', ''))
    if 'listen_socket' in fields:
        v = fields['listen_socket']['per_cpu_second']
        rows.append(('s_server -listen, per CPU second', '', count(v['best']),
                     round(1e9 / v['best'], 1), count(v['median']),
                     fields['listen_socket']['cpu_used']))
    result.table(('best slice', 'packets/s', 'replies/s', 'ns/packet', 'median', 'CPU'), rows)
    print(f'\nhmac kernel {fields["hmac_kernel"]}')
    for name in ('cpu_ns_per_packet', 'testpmd_cpu_ns_per_packet',
                 'vs_5tswap', 'vs_listen_mem', 'vs_listen_mem_best', 'vs_listen_socket',
                 'two_worker_scaling'):
        if name in fields:
            print(f'{name:28}{fields[name]}')
    if fields['cpu_share'] < 0.97:
        share = format(fields['cpu_share'], '.0%')
        print(f'\nThe worker had {share} of its CPU at best: somebody else is busy here.\n'
              'The rates are too low, and only the CPU times mean something.')


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--packets', type=int, default=1024, help='in a set (default 1024)')
    parser.add_argument('--seconds', type=float, default=0.5, help='of a slice (default 0.5)')
    parser.add_argument('--slices', type=int, default=3, help='of one run (default 3)')
    parser.add_argument('--repetitions', type=int, default=3, help='of everything (default 3)')
    parser.add_argument('--burst', type=int, help="packets (default: the profile's)")
    parser.add_argument('--hmac-kernel', default='auto')
    parser.add_argument('--huge', action='store_true', help='hugepages, for gateway and testpmd')
    parser.add_argument('--variants', help='names, comma separated, or none (default: all): '
                        + ', '.join(c.name for c in VARIANTS))
    parser.add_argument('--no-socket', action='store_true', help='leave s_server out')
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args()
    if not 0 < options.packets <= 8192:
        parser.error('--packets must be 1 to 8192')
    if options.variants is not None:
        names = [n for n in options.variants.split(',') if n and n != 'none']
        known = {c.name: c for c in VARIANTS}
        if unknown := [n for n in names if n not in known]:
            parser.error(f'unknown variant {unknown[0]}')
        options.variants = [known[n] for n in names]
    options.warm_up = 0.2
    options.listen_rounds = 15
    if len(os.sched_getaffinity(0)) < 2:
        parser.error('needs two CPUs: one for the worker alone')
    if os.geteuid() != 0:
        parser.error('needs root: DPDK, network namespaces')
    result.need('ip', 'ethtool', 'openssl', 'dpdk-testpmd')
    free = result.environment()['hugepages']
    if options.huge and (free['free'] * free['size_kb'] < MEMORY_MB * 1024
                         or ' hugetlbfs ' not in pathlib.Path('/proc/mounts').read_text()):
        parser.error(f'--huge needs {MEMORY_MB} MB of free hugepages, and hugetlbfs mounted')
    return options


def main() -> int:
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # Whoever else runs on this machine waits, for the gateway as for the peers.
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    directory = pathlib.Path(tempfile.mkdtemp(prefix='hellogate-bench-'))
    try:
        make_certificate(directory)
        bench = Bench(options, directory)
        fields = fields_of(bench, measure(bench))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    show(fields)
    burst = re.search(r'(?m)^burst *= *(\d+)', bench.profile).group(1)
    result.write('path', fields, {
        'packets': options.packets, 'payload_bytes': 205, 'frame_bytes': 247, 'seed': options.seed,
        'seconds': options.seconds, 'slices': options.slices, 'repetitions': options.repetitions,
        'burst': int(burst), 'rx_descriptors': descriptors(bench, options.packets),
        'memory': 'hugepages' if options.huge else 'no-huge', 'memory_mb': MEMORY_MB,
        'cpu_measured': bench.measured, 'cpu_aside': bench.aside,
        'key_rotation': ROTATION, 'poll': 'busy'})
    return 0


if __name__ == '__main__':
    sys.exit(main())
