#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Nanoseconds for a cookie's HMAC-SHA256: every kernel, beside OpenSSL and intel-ipsec-mb.

Messages of 51 bytes (IPv4, cookie-binding = hello) and 112 (IPv4, cookie-binding = parameters, as
OpenSSL's client speaks), in batches of 1 to 64. Timed is all that a message costs once its bytes
lie in memory: padding, what differs from job to job, the MAC, the tag in memory. Keys, contexts and
managers are ready before. The ways take turns every 40 microseconds; the least counts. Before, the
tags of all are compared.
"""
from __future__ import annotations

import json
import subprocess
import sys
from typing import Mapping

from bench import bed, result

MESSAGE, BATCH = 112, 32  # what the fields are about; the table has the rest
MAC, ONE_SHOT, IPSEC_MB = 'openssl EVP_MAC', 'openssl HMAC()', 'ipsec-mb '

Cells = dict[tuple[str, int, int], dict]  # by way, bytes, batch


def run(rounds: int, cpu: int) -> tuple[dict, Cells]:
    done = subprocess.run(
        ['taskset', '-c', str(cpu), bed.program('measure/hmac'), str(rounds)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, timeout=300, text=True)
    seen = json.loads(done.stdout)
    return seen, {(c['way'], c['bytes'], c['batch']): c for c in seen['cells']}


def fields_of(seen: Mapping[str, object], cells: Cells) -> dict[str, object]:
    def best(ways: list[str]) -> tuple[float, str]:
        return min((cells[way, MESSAGE, BATCH]['best_ns'], way) for way in ways)

    ways = list(dict.fromkeys(way for way, _, _ in cells))
    ours, kernel = best([w for w in ways if cells[w, MESSAGE, BATCH]['ours']])
    ipsec, tier = best([w for w in ways if w.startswith(IPSEC_MB)])
    mac, _ = best([MAC])
    one_shot, _ = best([ONE_SHOT])
    chosen = cells[seen['chosen'], MESSAGE, BATCH]['best_ns']
    return {
        'best_ns': ours, 'best_kernel': kernel,
        'chosen_kernel': seen['chosen'], 'chosen_ns': chosen,
        'openssl_mac_ns': mac, 'openssl_oneshot_ns': one_shot,
        'ipsec_mb_ns': ipsec, 'ipsec_mb_tier': tier.removeprefix(IPSEC_MB),
        'vs_openssl': round(mac / ours, 2),
        'vs_openssl_oneshot': round(one_shot / ours, 2),
        'vs_ipsec_mb': round(ipsec / ours, 2),
        'table': {f'{size} bytes': {
            way: {str(batch): {'best_ns': c['best_ns'], 'median_ns': c['median_ns']}
                  for (w, s, batch), c in cells.items() if (w, s) == (way, size)}
            for way in ways} for size in sorted({s for _, s, _ in cells})},
    }


def show(fields: Mapping[str, object]) -> None:
    for size, ways in fields['table'].items():
        batches = list(next(iter(ways.values())))
        rows = [[way, *(f'{cells[b]["best_ns"]:.1f}' for b in batches)]
                for way, cells in ways.items()]
        result.table([f'{size}: ns, batch of', *batches], rows)
        print()
    print(f'at {MESSAGE} bytes, batch {BATCH}:')
    for name in ('best_kernel', 'best_ns', 'chosen_kernel', 'chosen_ns', 'ipsec_mb_tier',
                 'ipsec_mb_ns', 'openssl_mac_ns', 'openssl_oneshot_ns', 'vs_ipsec_mb', 'vs_openssl',
                 'vs_openssl_oneshot'):
        print(f'{name:22}{fields[name]}')


def main() -> int:
    rounds, cpu = result.turns(__doc__, 600)
    seen, cells = run(rounds, cpu)
    fields = fields_of(seen, cells)
    show(fields)
    result.write('hmac', fields, {
        'rounds': seen['rounds'], 'slice_ns': seen['slice_ns'], 'cpu_measured': cpu,
        'message_bytes': MESSAGE, 'batch': BATCH})
    return 0


if __name__ == '__main__':
    sys.exit(main())
