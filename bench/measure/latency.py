#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""How long a HelloVerifyRequest takes at 10, 50 and 90 % of the highest rate without loss.

Hellogate and the probe are two processes with net_memif between them: the worker alone on one CPU,
always polling, the probe on the other. The handshake core has nothing to do here, but it looks in
now and then on the probe's CPU; the kernel is told to run it only when that CPU is free.

cpu_share is the part of the time that the probe and the worker had their CPUs, whichever had less:
below 1, other work on the machine is in the figures.
"""
from __future__ import annotations

import argparse
import os

from bench import bed, result
from lab.pki import Pki

PERCENT = (10, 50, 90)
FIGURES = ('p50_us', 'p99_us', 'p999_us')


def measure(options: argparse.Namespace) -> list[dict]:
    other, measured = bed.cpus()
    pair = Pki().leaf('server')
    with bed.Memif(bed.listener('bench', bed.PORT, pair), worker_cpu=measured, core_cpu=other,
                   far_cpu=other, poll='busy') as link:
        threads = bed.threads(link.gateway.process.pid)
        os.sched_setscheduler(threads['core'], os.SCHED_IDLE, os.sched_param(0))
        with link.far_end('load/latency_probe', '--worker', threads['worker'],
                          '--search', options.search, '--seconds', options.seconds,
                          '--repetitions', options.repetitions,
                          '--rates', ','.join(str(p / 100) for p in PERCENT)) as probe:
            told = bed.lines(probe)
        link.gateway.stop()
    return told


def step(percent: int, trials: list[dict]) -> dict[str, object]:
    """One rate: the repetition with the best p99, and how the others differ."""
    best = min(trials, key=lambda t: t['p99_us'])
    return {**{key: best[key] for key in ('percent', 'offered_pps', *FIGURES, 'max_us',
                                          'cpu_share')},
            'lost': best['lost'], 'lost_in_all': sum(t['lost'] for t in trials),
            'spread': {key: result.spread([t[key] for t in trials], min) for key in FIGURES},
            'repetitions': trials}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--search', type=float, default=0.2,
                        help='seconds of each trial of the search (0.2)')
    parser.add_argument('--seconds', type=float, default=1, help='at each rate (1)')
    parser.add_argument('--repetitions', type=int, default=8, help='of every rate (8)')
    options = parser.parse_args()
    bed.prepare('load/latency_probe')

    told = measure(options)
    capacity = told[0]['capacity_pps']
    steps = [step(p, [t for t in told[1:] if t['percent'] == p]) for p in PERCENT]
    print(f'highest rate without loss: {capacity:,} hellos/s\n')
    result.table(['load', 'hellos/s', 'p50 us', 'p99 us', 'p99.9 us', 'lost', 'median p99 us',
                  'CPU share'],
                 [[f'{s["percent"]} %', result.count(s['offered_pps']),
                   *(f'{s[key]:.2f}' for key in FIGURES), s['lost'],
                   f'{s["spread"]["p99_us"]["median"]:.2f}', f'{s["cpu_share"]:.3f}']
                  for s in steps])
    result.write('latency', {'capacity_pps': capacity, 'steps': steps}, vars(options))


if __name__ == '__main__':
    main()
