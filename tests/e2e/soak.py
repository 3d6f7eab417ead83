#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A gateway for hours: a flood, junk, clients that come and go, and sessions that stay. What it
holds must not grow.

usage: soak.py HOURS [RATE]         (tests/soak.sh builds and runs it)

Without RATE there is as much traffic as fits. With it the flood has so many packets a second, and
clients rest between their sessions, on a machine that has something else to do.

Time is divided into cycles. In each there is traffic, and then a pause, in which buffers, sessions,
file descriptors and memory must be back at where they were. The first two are for warming up: their
end is the mark. Samples are taken every few seconds, and go to soak.csv in HG_BUILD. Ends with
`soak: ok` or `soak: failed: REASON`.
"""
from __future__ import annotations

import contextlib
import csv
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time
from typing import Callable, Iterator

from harness import (BUILD, GW4, PATIENCE, Client, EchoServer, Gateway, Net, Pki, Process,
                     configuration, dtls_client, end_cleanly, hellogate, neighbour, process,
                     run_client, running, slow)

LIVE = 8            # sessions that stay
COMING = 6          # clients that connect, talk and leave, again and again
REST = 100          # milliseconds, between sessions, if they are to rest
HALF_OPEN = 20      # clients a cycle that vanish after their second hello
# Their first port, below those that the kernel gives. What they leave sends its flight again and again,
# and a client that came to such a port would take it for an answer to its own hello.
HALF_OPEN_PORT = 20000
MAX_SESSIONS = 256  # tables so small that warming up touches every page of them
RATES = [1000 * 2 ** n for n in range(1, 9)]  # of the flood, to choose from; packets a second
MODEST = 4          # of them, if others are to have a CPU, too
WARM = 2            # cycles
GROWTH = 0.01       # of resident memory
QUIET = '/hellogate/sessions'
FIELDS = ['second', 'cycle', 'phase', 'rss_kb', 'files', 'threads', 'receive_used', 'send_used',
          'sessions', 'half_open', 'handshakes', 'rx', 'hvr', 'client_datagrams', 'drops', 'lost',
          'echo_p50_us', 'echo_p99_us']
# What is dropped for want of room or time, not because it is wrong.
LOST = ('drop_tx_full', 'session_tx_full', 'out_dropped', 'drop_ring_full',
        'drop_ring_pending_full', 'drop_ring_new_full', 'upstream_tx_dropped',
        'upstream_rx_dropped', 'refused_half_open', 'refused_sessions_full', 'refused_no_memory')


class Failed(Exception):
    """What has grown or was lost, and in which sample."""


def sanitized() -> bool:
    """Sanitizers keep freed memory for long: it says nothing then."""
    told = subprocess.run(['ldd', hellogate()], stdout=subprocess.PIPE, text=True, check=True)
    return re.search('lib[at]san', told.stdout) is not None


class Soak:
    def __init__(self, net: Net, g: Gateway, seconds: float, rate: int, patience: int,
                 out: Callable[[str], None], table: csv.DictWriter, modest: bool) -> None:
        self.net, self.gateway, self.seconds, self.out, self.table = net, g, seconds, out, table
        self.begun = time.monotonic()
        self.cycles = max(3, min(12, round(seconds / 20)))
        self.interval = min(5.0, max(1.0, seconds / 60))
        self.patience, self.rate, self.rest = patience, rate, REST if rate or modest else 0
        self.rates = RATES[:MODEST] if modest else RATES
        self.cycle = self.series = self.completed = self.resent = self.slowest = 0
        self.echoes: dict[str, list[tuple[int, int]]] = {'traffic': [], 'pause': []}
        self.flooded, self.flooded_for = 0, 0.0
        self.mark: dict[str, object] = {}
        self.watch_memory = not sanitized()

    # ---- samples

    def sample(self, phase: str) -> dict[str, object]:
        g = self.gateway
        status = pathlib.Path(f'/proc/{g.process.pid}/status').read_text()
        stats, sessions = g.stats(), g.sessions()
        buffers = g.telemetry('/hellogate/buffers')
        row = {
            'second': round(time.monotonic() - self.begun, 1), 'cycle': self.cycle, 'phase': phase,
            'rss_kb': sum(int(n) for n in re.findall(r'Rss(?:Anon|Shmem):\s+(\d+)', status)),
            'files': len(os.listdir(f'/proc/{g.process.pid}/fd')),
            'threads': int(re.search(r'Threads:\s+(\d+)', status).group(1)),
            'receive_used': buffers['receive_0'], 'send_used': buffers['send_0'],
            **{key: sessions[key] for key in ('sessions', 'half_open')},
            **{key: stats[key] for key in ('handshakes', 'rx', 'hvr', 'client_datagrams')},
            'drops': sum(v for k, v in stats.items() if k.startswith('drop_')),
            'lost': sum(stats[key] for key in LOST),
            **dict(zip(('echo_p50_us', 'echo_p99_us'), echo := self.echo()))}
        if phase in self.echoes:
            self.echoes[phase].append(echo)
        self.table.writerow(row)
        return row

    def echo(self, count: int = 50) -> tuple[int, int]:
        """How long datagrams of live sessions take to come back: median and 99th percentile."""
        self.series += 1
        self.live.say(f'echo {count}')
        self.live.expect(f'^done {self.series}$')
        self.live.say('times')
        told = self.live.expect(rf'^done {self.series}\ntimes \d+ (\d+) (\d+)\n')
        return int(told[1]), int(told[2])

    def check(self, row: dict[str, object]) -> None:
        """Against the mark. While there is traffic, sessions come and go, and with them sockets."""
        def fail(what: str) -> None:
            raise Failed(f'second {row["second"]}, {row["phase"]}: {what}: {row}')

        mark = self.mark
        if not mark:
            return
        if self.watch_memory and row['rss_kb'] > mark['rss_kb'] * (1 + GROWTH):
            fail(f'memory was {mark["rss_kb"]} KB')
        if row['threads'] != mark['threads']:
            fail(f'there were {mark["threads"]} threads')
        if row['files'] > mark['files'] + row['sessions'] - LIVE + COMING:
            fail(f'there were {mark["files"]} files')
        if row['phase'] == 'pause':
            for key, before in (('files', mark['files']), ('receive_used', 0), ('send_used', 0)):
                if row[key] != before:
                    fail(f'{key} was {before}')

    # ---- traffic

    def measure(self) -> None:
        """The flood: half of the highest rate that reaches the gateway whole."""
        best = 0
        for rate in self.rates:
            self.echo(1)
            before = self.gateway.stats()['rx']
            sent = self.flood.at(rate)
            time.sleep(slow(0.5))
            sent = self.flood.at(0) - sent
            self.settle()
            if self.gateway.stats()['rx'] - before < sent * 0.999:
                break
            best = sent / slow(0.5)
        self.rate = max(1000, int(best / 2))
        self.out(f'soak: a flood of {self.rate} packets/s: half of {best:.0f}, received whole')

    def settle(self) -> None:
        """Until the port is empty."""
        last = -1
        while (rx := self.gateway.stats()['rx']) != last:
            last = rx
            time.sleep(0.1)

    @contextlib.contextmanager
    def clients(self) -> Iterator[None]:
        """Some make full handshakes, some resume. Every handshake must complete."""
        half = ('--sessions', COMING // 2, '--endless', '--datagrams', 3, '--resend', 500,
                '--rest', self.rest, '--deadline', int(self.seconds + slow(120)))
        with dtls_client(self.net, *half) as full, \
                dtls_client(self.net, *half, '--resume') as resuming:
            yield
            for client in (full, resuming):
                client.say('stop')
            self.attend(lambda: not (full.process.alive() or resuming.process.alive()), 40,
                        'clients that do not end')
            for client in (full, resuming):
                told = client.results(expect=None)
                self.completed += told['handshakes']
                self.resent += told['resent']
                self.slowest = max(self.slowest, told['slowest_ms'])
                if told['failed'] or told['unfinished'] or told['wrong']:
                    raise Failed(f'cycle {self.cycle}: clients had trouble: {told}\n'
                                 f'{client.process.log()}')

    def traffic(self, until: float) -> None:
        sent, begun = self.flood.at(self.rate), time.monotonic()
        with self.clients():
            run_client(self.net, '--sessions', HALF_OPEN, '--vanish',
                       '--source-port', HALF_OPEN_PORT, expect=None)
            while True:
                row = self.sample('traffic')
                self.check(row)
                if self.cycle % 3 == 1:
                    self.show(row)
                enough = row['handshakes'] > min(self.cycle, WARM) * 2 * MAX_SESSIONS
                if time.monotonic() >= until and enough:
                    break
                time.sleep(min(self.interval, max(0.0, until - time.monotonic()) or 0.2))
        self.flooded += self.flood.at(0) - sent
        self.flooded_for += time.monotonic() - begun

    def pause(self) -> None:
        self.attend(self.calm, 2 * self.patience + 30, 'sessions that nobody has any more')
        self.settle()
        row = self.sample('pause')
        self.show(row)
        if self.cycle == WARM:
            self.mark = row
        self.check(row)

    def calm(self) -> bool:
        told = self.gateway.sessions()
        return told['sessions'] == LIVE and told['half_open'] == 0

    def attend(self, done: Callable[[], bool], deadline: float, otherwise: str) -> None:
        """Waits; the sessions that stay must not be idle meanwhile."""
        end = time.monotonic() + slow(deadline + PATIENCE)
        while not done():
            if time.monotonic() > end:
                raise Failed(f'cycle {self.cycle}: {otherwise}: {self.gateway.sessions()}')
            self.echo(1)
            time.sleep(0.1)

    def show(self, row: dict[str, object]) -> None:
        self.out(' '.join(f'{row[key]!s:>{max(7, len(key))}}' for key in FIELDS))

    def run(self) -> None:
        with self.staying() as self.live, self.flooding() as self.flood:
            self.show(dict(zip(FIELDS, FIELDS)))
            self.show(self.sample('idle'))
            if not self.rate:
                self.measure()
            for self.cycle in range(1, self.cycles + 1):
                self.traffic(self.begun + self.seconds * self.cycle / self.cycles)
                self.pause()
            self.live.say('close')
            told = self.live.results()
            if told['failed'] or told['closed'] or told['handshakes'] != LIVE:
                raise Failed(f'the sessions that were to stay: {told}')
        self.gateway.wait_for(lambda s: s['sessions'] == 0, command=QUIET)
        _, counters = self.gateway.stop()
        # Those that vanish after their second hello are the only ones that do not complete.
        if counters['handshakes'] != 1 + LIVE + self.completed:
            raise Failed(f'{self.completed} handshakes of clients, but {counters["handshakes"]}')
        self.out(f'soak: {self.completed} handshakes of clients begun, 100 % of them completed, '
                 f'the slowest in {self.slowest} ms')
        for phase, name in (('pause', 'in pauses'), ('traffic', 'under the flood')):
            p50, p99 = (statistics.median(series) for series in zip(*self.echoes[phase]))
            self.out(f'soak: echo of a live session {name}: p50 {p50:.0f} us, p99 {p99:.0f} us '
                     '(medians of the samples)')
        lost = ', '.join(f'{key} {counters[key]}' for key in LOST if counters[key])
        self.out(f'soak: {self.flooded / self.flooded_for:.0f} packets/s of the flood were sent')
        self.out(f'soak: {counters["rx"]} packets, {counters["hvr"]} HelloVerifyRequests, '
                 f'{counters["handshakes"]} handshakes, '
                 f'{counters["client_datagrams"]} datagrams, {self.resent} sent again; '
                 f'{lost or "nothing"} lost')

    @contextlib.contextmanager
    def staying(self) -> Iterator[Client]:
        with dtls_client(self.net, '--sessions', LIVE, '--interactive', '--resend', 500,
                         '--deadline', int(self.seconds * 2 + slow(300))) as client:
            client.expect('^done 0$')
            yield client

    @contextlib.contextmanager
    def flooding(self) -> Iterator[Flood]:
        with process(sys.executable, str(pathlib.Path(__file__).with_name('flood.py')),
                     self.net.client_if, neighbour(self.net, GW4), netns=self.net.client,
                     name='flood') as p:
            p.expect('^flood: ready$')
            yield Flood(p)


class Flood:
    def __init__(self, p: Process) -> None:
        self.process, self.changes = p, 0

    def at(self, rate: int) -> int:
        """Sets the rate; how many were sent until now."""
        self.changes += 1
        self.process.send(f'{rate}\n')
        end = time.monotonic() + slow(PATIENCE)
        while len(told := re.findall(r'^sent (\d+)$', self.process.stdout,
                                     re.MULTILINE)) < self.changes:
            if time.monotonic() > end:
                raise AssertionError(f'the flood does not answer\n{self.process.log()}')
            time.sleep(0.01)
        return int(told[-1])


def soak(seconds: float, rate: int, path: pathlib.Path, out: Callable[[str], None],
         modest: bool = False) -> None:
    """So many seconds of traffic and pauses, modest if others want a CPU, too. Raises Failed."""
    pki = Pki()
    # For a handshake. Twice that, and a session ends whose close_notify was lost.
    patience = int(max(10, min(60, seconds / 3)))
    listener = {'certificate': pki.leaf('server'), 'private_key': pki.path('server.key')}
    with Net() as net, EchoServer(net.gateway) as server, open(path, 'w', 1, newline='') as file:
        table = csv.DictWriter(file, FIELDS)
        table.writeheader()
        config = configuration(
            net, {'echo': {**listener, 'upstream': f'127.0.0.1:{server.port}',
                           'idle_timeout': 2 * patience}},
            max_sessions=MAX_SESSIONS, used_hellos=1024, cookie_lifetime=patience,
            key_rotation=max(patience, int(seconds / 4)), handshake_timeout=patience)
        with running(Gateway(config, netns=net.gateway), net) as g:
            run_client(net)  # makes the neighbours known to each other
            g.wait_for(lambda s: s['sessions_closed'] == 1)
            try:
                Soak(net, g, seconds, rate, patience, out, table, modest).run()
            except (Failed, AssertionError):
                if g.process.alive():
                    out(f'soak: counters: {({k: v for k, v in g.stats().items() if v})}')
                raise


def main() -> None:
    try:
        hours, rate = float(sys.argv[1]), int((sys.argv[2:] or ['0'])[0])
    except (IndexError, ValueError):
        sys.exit(f'usage: {sys.argv[0]} HOURS [RATE]')
    path = BUILD / 'soak.csv'
    end_cleanly()
    try:
        soak(hours * 3600, rate, path, lambda line: print(line, flush=True))
    except (Failed, AssertionError) as failure:
        print(f'soak: failed: {failure}')
        sys.exit(1)
    print(f'soak: samples are in {path}')
    print('soak: ok')


if __name__ == '__main__':
    main()
