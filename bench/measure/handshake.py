#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Handshakes per second of one handshake core, beside bare OpenSSL; memory of a session.

A rate is handshakes per second of CPU time of the one thread that does them. For hellogate that is
the handshake core's thread, from the moment that verified ClientHellos are sent to the close_notify
of the last session: rings, timers, session table and all. For bare OpenSSL it is the server half of
the same handshakes in memory, from SSL_new() to SSL_free(), without any cookie, socket or packet.
Both have the CPU that is measured to themselves, one after the other; clients and the worker are on
another one, and what they cost does not count. Sessions begin and end by the hundred, so either
server always has work while it is timed; core_busy is the part of the time that the thread ran.

Memory is what the process has more of its own, resident, when so many sessions more are there.
DPDK's memory, which does not grow with sessions, is not in it.
"""
from __future__ import annotations

import argparse
import re

from bench import bed, result
from lab.pki import Pki
from lab.process import Process

KINDS = ('ecdsa', 'rsa', 'resumed')
HALF_OPEN = 16384
WARM = 128  # sessions that are there before memory is first looked at


def of_gateway(pair: str, kind: str, options: argparse.Namespace) -> list[dict]:
    other, measured = bed.cpus()
    with bed.Memif(bed.listener('bench', bed.PORT, pair), worker_cpu=other, core_cpu=measured,
                   far_cpu=other, half_open=HALF_OPEN) as link:
        threads = bed.threads(link.gateway.process.pid)
        with link.far_end('load/handshake_load', '--clients', options.clients,
                          '--rounds', options.rounds, '--core', threads['core'],
                          *(['--resume'] if kind == 'resumed' else [])) as load:
            rounds = bed.lines(load)
        link.gateway.stop()
    return rounds


def of_openssl(pair: str, kind: str, options: argparse.Namespace) -> list[dict]:
    _, measured = bed.cpus()
    process = Process([
        'taskset', '-c', str(measured), bed.program('peers/openssl_raw'), '--kind', kind,
        '--certificate', pair, '--key', pair.removesuffix('.pem') + '.key',
        '--clients', str(options.clients), '--rounds', str(options.rounds)])
    try:
        return bed.lines(process)
    finally:
        process.kill()


def measure(pairs: dict[str, str], options: argparse.Namespace) -> dict[str, object]:
    """Every kind in turn, again and again, so that what is compared is of the same minutes."""
    gateway: dict[str, list] = {kind: [] for kind in KINDS}
    raw: dict[str, list] = {kind: [] for kind in KINDS}
    for _ in range(options.repetitions):
        for kind in KINDS:
            gateway[kind] += of_gateway(pairs[kind], kind, options)
            raw[kind] += of_openssl(pairs[kind], kind, options)
    fields: dict[str, object] = {}
    for kind in KINDS:
        ours = [r['handshakes'] / r['core_ns'] * 1e9 for r in gateway[kind]]
        theirs = [r['handshakes'] / r['cpu_ns'] * 1e9 for r in raw[kind]]
        best = gateway[kind][ours.index(max(ours))]
        fields |= {
            f'{kind}_per_s': round(max(ours)),
            f'{kind}_raw_per_s': round(max(theirs)),
            f'{kind}_ratio': round(max(ours) / max(theirs), 3),
            f'{kind}_spread': result.spread(ours),
            f'{kind}_raw_spread': result.spread(theirs),
            f'{kind}_core_busy': round(best['core_ns'] / best['wall_ns'], 3),
        }
    fields['ratio'] = fields['ecdsa_ratio']
    return fields


def resident(pid: int) -> int:
    """Bytes that are the process's own: heap and stacks, not DPDK's memory, which is a file."""
    with open(f'/proc/{pid}/status', encoding='ascii') as status:
        return 1024 * int(re.search(r'^RssAnon:\s+(\d+)', status.read(), re.M).group(1))


def memory(pair: str, state: str, sessions: int) -> float:
    """Bytes for one more session in that state."""
    other, measured = bed.cpus()
    with bed.Memif(bed.listener('bench', bed.PORT, pair), worker_cpu=other, core_cpu=measured,
                   far_cpu=other, half_open=HALF_OPEN) as link:
        pid = link.gateway.process.pid
        sizes = []
        with link.far_end('load/handshake_load', '--clients', WARM + sessions, '--hold', state,
                          '--pause-at', WARM) as load:
            for total in (WARM, WARM + sessions):
                load.expect(f'"held": {total}}}')
                told = link.gateway.sessions()
                half_open = total if state == 'half-open' else 0
                if (told['sessions'], told['half_open']) != (total, half_open):
                    raise AssertionError(f'{total} sessions should be {state}: {told}')
                sizes.append(resident(pid))
                load.send('\n')
            bed.lines(load)
        link.gateway.stop()
    return (sizes[1] - sizes[0]) / sessions


def show(fields: dict[str, object], options: argparse.Namespace) -> None:
    rows = []
    for kind in KINDS:
        ours, theirs = fields[f'{kind}_spread'], fields[f'{kind}_raw_spread']
        rows.append([kind, result.count(ours['best']), result.count(theirs['best']),
                     f'{fields[f"{kind}_ratio"]:.2f}', f'{ours["median"] / theirs["median"]:.2f}'])
    result.table(['handshakes/s of CPU time', 'hellogate', 'bare OpenSSL', 'ratio', 'of medians'],
                 rows)
    print(f'\nmemory of {options.sessions} sessions, DPDK\'s not counted: '
          f'{fields["bytes_per_half_open"]:,} bytes half-open, '
          f'{fields["bytes_per_session"]:,} bytes established')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--clients', type=int, default=256, help='handshakes at once (256)')
    parser.add_argument('--rounds', type=int, default=12, help='of as many handshakes (12)')
    parser.add_argument('--repetitions', type=int, default=3, help='of everything (3)')
    parser.add_argument('--sessions', type=int, default=2048, help='to measure memory with (2048)')
    options = parser.parse_args()
    bed.prepare('load/handshake_load', 'peers/openssl_raw')

    pki = Pki()
    pairs = {'ecdsa': pki.leaf('ecdsa'), 'rsa': pki.leaf('rsa', 'rsa2048')}
    pairs['resumed'] = pairs['ecdsa']
    fields = measure(pairs, options)
    for state, name in (('half-open', 'half_open'), ('established', 'session')):
        fields[f'bytes_per_{name}'] = round(memory(pairs['ecdsa'], state, options.sessions))
    show(fields, options)
    result.write('handshake', fields, vars(options))


if __name__ == '__main__':
    main()
