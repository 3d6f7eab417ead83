#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Nanoseconds of one DTLSv1_listen() with the library's cookie callbacks, beside usual ones.

A cookieless hello of OpenSSL's client is answered, or one with its cookie is accepted, in memory, with
one SSL for all. The library binds to the hello or to addresses alone, and is told the addresses each
time; hmac is HMAC() with SHA-1 over address and port, as in the sample servers; nothing is a fixed
cookie, so what OpenSSL itself takes. The ways take turns, 256 hellos each; the least counts.
"""
from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import tempfile

from bench import bed, result
from bench.load import hello_pcap

WAYS = ('library_hello', 'library_address', 'hmac', 'nothing')


def main() -> int:
    rounds, cpu = result.turns(__doc__, 2000)
    with tempfile.TemporaryDirectory(prefix='hellogate-bench-') as directory:
        file = pathlib.Path(directory) / 'hellos.pcap'
        hello_pcap.write(file, 'openssl', 256)
        done = subprocess.run(
            ['taskset', '-c', str(cpu), bed.program('measure/listen_library'), file,
             str(rounds)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, timeout=300, text=True)
    fields = json.loads(done.stdout)
    for what in ('answer', 'accept'):
        fields[f'vs_hmac_{what}'] = round(
            fields[f'hmac_{what}_ns'] / fields[f'library_hello_{what}_ns'], 2)
    result.table(['callbacks', 'ns, answered', 'ns, accepted'],
                 [[way, str(fields[f'{way}_answer_ns']), str(fields[f'{way}_accept_ns'])]
                  for way in WAYS])
    result.write('library', fields, {'rounds': rounds, 'cpu_measured': cpu})
    return 0


if __name__ == '__main__':
    sys.exit(main())
