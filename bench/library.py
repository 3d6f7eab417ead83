#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Nanoseconds of one DTLSv1_listen() with the library's cookie callbacks, beside usual ones.

A cookieless hello of OpenSSL's client is answered, or one with its cookie is accepted, in memory, with
one SSL for all. The library binds to the hello or to addresses alone, and is told the addresses each
time; hmac is HMAC() with SHA-1 over address and port, as in the sample servers; nothing is a fixed
cookie, so what OpenSSL itself takes. The ways take turns, 256 hellos each; the least counts.
"""
from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import hello_pcap
import result
from result import BUILD

WAYS = ('library_hello', 'library_address', 'hmac', 'nothing')


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=2000, help='turns of each (default 2000)')
    options = parser.parse_args()
    if not 0 < options.rounds <= 10000:
        parser.error('--rounds must be 1 to 10000')
    if os.geteuid() == 0:
        os.setpriority(os.PRIO_PROCESS, 0, -20)  # whoever else runs on this machine waits
    cpu = max(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix='hellogate-bench-') as directory:
        file = pathlib.Path(directory) / 'hellos.pcap'
        hello_pcap.write(file, 'openssl', 256)
        done = subprocess.run(
            ['taskset', '-c', str(cpu), BUILD / 'bench' / 'listen_library', file,
             str(options.rounds)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, timeout=300, text=True)
    fields = json.loads(done.stdout)
    for what in ('answer', 'accept'):
        fields[f'vs_hmac_{what}'] = round(
            fields[f'hmac_{what}_ns'] / fields[f'library_hello_{what}_ns'], 2)
    result.table(['callbacks', 'ns, answered', 'ns, accepted'],
                 [[way, str(fields[f'{way}_answer_ns']), str(fields[f'{way}_accept_ns'])]
                  for way in WAYS])
    result.write('library', fields, {'rounds': options.rounds, 'cpu_measured': cpu})
    return 0


if __name__ == '__main__':
    sys.exit(main())
