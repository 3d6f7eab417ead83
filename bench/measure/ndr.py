#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Hellos per second that one worker answers without loss (NDR) and with 0.5 % of it (PDR), by memif.

The terms are those of RFC 2544: hellogen offers a constant load for the time of a trial, counts the
HelloVerifyRequests that come back, each of them checked, and a binary search finds the highest load
whose loss is no more than allowed. The device under test is hellogate; its worker has a CPU of its
own.

Deviations: trials are short, and a trial that loses too much is repeated, since on a shared machine
a CPU that was taken away looks like a loss; all trials are in the result. A load that hellogen could
not offer fails too. Latency is the time from hello to HVR at 10, 50 and 90 % of the PDR.
"""
from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil

from bench import bed, result
from lab.gateway import RUNTIME
from lab.pki import Pki
from lab.process import Process

SETS = {'openssl': 205, 'smallest': 61}
RATES = {'ndr': 0.0, 'pdr': 0.005}
SHARES = (10, 50, 90)
OFFERED = 0.99  # of the load, or hellogen was too slow for the trial
SOURCES = '198.18.128.0/17'
_serial = itertools.count()


def hellos(text: str) -> str:
    unknown = [name for name in text.split(',') if name not in SETS]
    if unknown:
        raise argparse.ArgumentTypeError(f'there is no hello {unknown[0]!r}: {", ".join(SETS)}')
    return text


class Trials:
    """A gateway, and loads for it."""

    def __init__(self, memif: bed.Memif, hello: str, options: argparse.Namespace) -> None:
        self.memif = memif
        self.hello = hello
        self.options = options
        self.log: list[dict[str, float]] = []

    def load(self, rate: float = 0) -> dict[str, object]:
        """hellogen's report of one trial; without a rate, as much as it can."""
        far = self.memif.far_cpu
        prefix = f'hgndr{os.getpid()}.{next(_serial)}'
        report = self.memif.directory / 'report.json'
        process = Process(
            [bed.program('hellogen/hellogen'), '--device', f'{self.memif.device},role=client',
             '--target', f'{bed.ADDRESS}:{bed.PORT}', '--dst-mac', bed.MAC, '--src', SOURCES,
             '--hello', self.hello, '--seconds', str(self.options.seconds), '--timeout', '200',
             '--quiet', '--json', str(report), *(['--rate', f'{rate:.0f}'] if rate else []),
             '--', '--no-huge', '--no-shconf', '--no-pci', '--no-telemetry', '-m', '256',
             f'--file-prefix={prefix}', f'--lcores=0@{far},1@{far}'])
        try:
            if process.wait(60) != 0:
                raise AssertionError(f'hellogen failed\n{process.log()}')
        finally:
            process.kill()
            shutil.rmtree(RUNTIME / prefix, ignore_errors=True)
        return json.loads(report.read_text())

    def trial(self, rate: float) -> dict[str, float]:
        told = self.load(rate)
        hellos, hvr = told['counters']['flood_hellos'], told['counters']['hvr']
        seen = {'rate': round(rate), 'offered_pps': told['packets_per_second'], 'sent': hellos,
                'lost': hellos - hvr, 'loss': round(1 - hvr / hellos, 6)}
        self.log.append(seen)
        return seen

    def passes(self, rate: float, allowed: float) -> bool:
        for _ in range(self.options.tries):
            seen = self.trial(rate)
            if seen['loss'] <= allowed and seen['offered_pps'] >= OFFERED * rate:
                return True
        return False

    def search(self, low: float, highest: float, allowed: float) -> int:
        """The highest load that loses no more than allowed; low is known to."""
        high = max(low, highest)
        while high - low > self.options.precision * highest:
            middle = (low + high) / 2
            if self.passes(middle, allowed):
                low = middle
            else:
                high = middle
        return round(low)


def measure(trials: Trials) -> dict[str, object]:
    overload = max((trials.load() for _ in range(trials.options.tries)),
                   key=lambda told: told['packets_per_second'])
    highest = overload['packets_per_second']
    found = 0
    fields: dict[str, object] = {
        'bytes': SETS[trials.hello],
        'overload': {'offered_pps': highest,
                     'answered_pps': round(overload['counters']['hvr'] / overload['seconds'])}}
    for name, allowed in RATES.items():
        found = trials.search(found, highest, allowed)  # without loss is within 0.5 %, too
        fields[f'{name}_pps'] = found
        # 38: what Ethernet, its preamble and its gap add to an IP packet.
        fields[f'{name}_gbps'] = round(
            fields[f'{name}_pps'] * 8 * (SETS[trials.hello] + 28 + 38) / 1e9, 2)
    fields['latency'] = {}
    for share in SHARES:
        if fields['pdr_pps']:
            rtt = trials.load(fields['pdr_pps'] * share / 100)['rtt_us']['hvr']
            fields['latency'][f'{share}%'] = {f'{k}_us': rtt[k] for k in ('p50', 'p99', 'p999')}
    fields['trials'] = trials.log
    return fields


def show(sets: dict[str, dict]) -> None:
    result.table(['hello', 'bytes', 'NDR /s', 'Gbit/s', 'PDR /s', 'overload /s', 'answered /s'],
                 [[name, s['bytes'], result.count(s['ndr_pps']), s['ndr_gbps'],
                   result.count(s['pdr_pps']), result.count(s['overload']['offered_pps']),
                   result.count(s['overload']['answered_pps'])] for name, s in sets.items()])
    if not all(s['latency'] for s in sets.values()):
        return
    print()
    result.table(['latency in us at', *(f'{share} % of the PDR' for share in SHARES)],
                 [[f'{name} {quantile}', *(f'{told[f"{quantile}_us"]:.1f}'
                                           for told in s['latency'].values())]
                  for name, s in sets.items() for quantile in ('p50', 'p99')])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--seconds', type=result.positive, default=1,
                        help='of a trial (1)')
    parser.add_argument('--tries', type=int, default=3, choices=range(1, 100),
                        metavar='N', help='of a trial that loses (3)')
    parser.add_argument('--precision', type=result.positive, default=0.03,
                        help='of the search, a share of the highest load (0.03)')
    parser.add_argument('--hellos', type=hellos, default=','.join(SETS),
                        help='with commas (openssl,smallest)')
    options = parser.parse_args()
    bed.prepare('hellogen/hellogen')
    bed.go_first()
    other, measured = bed.cpus()
    pair = Pki().leaf('server')
    sets = {}
    for hello in options.hellos.split(','):
        with bed.Memif(bed.listener('bench', bed.PORT, pair), worker_cpu=measured, core_cpu=other,
                       far_cpu=other, poll='busy') as memif:
            # It has nothing to do here, and the generator's CPU to do it on.
            core = bed.threads(memif.gateway.process.pid)['core']
            os.sched_setscheduler(core, os.SCHED_IDLE, os.sched_param(0))
            sets[hello] = measure(Trials(memif, hello, options))
            memif.gateway.stop()
    show(sets)
    result.write('ndr', {'sets': sets, 'ndr_pps': sets[options.hellos.split(',')[0]]['ndr_pps'],
                         'pdr_pps': sets[options.hellos.split(',')[0]]['pdr_pps']}, vars(options))


if __name__ == '__main__':
    main()
