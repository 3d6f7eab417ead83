#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""How long a HelloVerifyRequest takes at 10, 50 and 90 % of the highest rate without loss.

Hellogate and the probe are two processes with net_memif between them: the worker alone on one CPU,
always polling, the probe on the other. The handshake core has nothing to do here, but it looks in
now and then on the probe's CPU; the kernel is told to run it only when that CPU is free.
"""
from __future__ import annotations

import argparse
import os

import bed
import result

PERCENT = (10, 50, 90)
SETTINGS = ('p50_us', 'p99_us', 'p999_us')


def measure(options: argparse.Namespace) -> list[dict]:
    other, measured = bed.cpus()
    pair = bed.Pki().leaf('server')
    with bed.Memif(bed.listener('bench', bed.PORT, pair), worker_cpu=measured, core_cpu=other,
                   far_cpu=other, poll='busy') as link:
        core = bed.threads(link.gateway.process.pid)['core']
        os.sched_setscheduler(core, os.SCHED_IDLE, os.sched_param(0))
        with link.far_end('latency_probe', '--search', options.search, '--seconds', options.seconds,
                          '--repetitions', options.repetitions,
                          '--rates', ','.join(str(p / 100) for p in PERCENT)) as probe:
            told = bed.lines(probe)
        link.gateway.stop()
    return told


def step(percent: int, trials: list[dict]) -> dict[str, object]:
    """One rate: the repetition with the best p99, and how the others differ."""
    best = min(trials, key=lambda t: t['p99_us'])
    return {**{key: best[key] for key in ('percent', 'offered_pps', *SETTINGS, 'max_us')},
            'lost': best['lost'], 'lost_in_all': sum(t['lost'] for t in trials),
            'spread': {key: result.spread([t[key] for t in trials], min) for key in SETTINGS},
            'repetitions': trials}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--search', type=float, default=0.4,
                        help='seconds of each trial of the search (0.4)')
    parser.add_argument('--seconds', type=float, default=2, help='at each rate (2)')
    parser.add_argument('--repetitions', type=int, default=5, help='of every rate (5)')
    options = parser.parse_args()
    bed.prepare('latency_probe')

    told = measure(options)
    capacity = told[0]['capacity_pps']
    steps = [step(p, [t for t in told[1:] if t['percent'] == p]) for p in PERCENT]
    print(f'highest rate without loss: {capacity:,} hellos/s\n')
    result.table(['load', 'hellos/s', 'p50 us', 'p99 us', 'p99.9 us', 'lost', 'median p99 us'],
                 [[f'{s["percent"]} %', result.count(s['offered_pps']),
                   *(f'{s[key]:.2f}' for key in SETTINGS), s['lost'],
                   f'{s["spread"]["p99_us"]["median"]:.2f}'] for s in steps])
    result.write('latency', {'capacity_pps': capacity, 'steps': steps}, vars(options))


if __name__ == '__main__':
    main()
