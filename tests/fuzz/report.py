#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Prints what tests/fuzz.sh reached: report.py BUILD TARGET...

A table from the logs of libFuzzer, the lines that the corpora reach of the files that each target is
about, and the findings.
"""
from __future__ import annotations

import json
import pathlib
import re
import shutil
import subprocess
import sys

ABOUT = {
    'packet': ('lib/net/packet.c', 'lib/net/answer.c', 'lib/net/path.c', 'lib/net/sum.c',
               'lib/net/sum_avx512.c'),
    'hello': ('lib/wire/hello.c', 'lib/wire/hvr.c'),
    'record': ('lib/tls/record.c', 'lib/tls/flight.c'),
    'cookie': ('lib/cookie/batch.c', 'lib/cookie/batch.h', 'lib/cookie/keys.c', 'lib/hmac/hmac.c',
               'lib/hmac/scalar.c', 'lib/hmac/shani.c', 'lib/hmac/interleave.h', 'lib/hmac/avx2.c',
               'lib/hmac/avx512.c', 'lib/hmac/wide.c'),
    'config': ('app/config/config.c', 'app/config/gateway.c', 'app/config/port.c', 'app/config/listener.c',
               'app/config/bridge.c', 'app/config/ini.c', 'app/config/setting.c', 'app/config/profile.c',
               'app/config/address.c', 'app/config/locate.c', 'lib/base/text.c', 'lib/tls/context.c',
               'lib/tls/psk.c'),
    'worker': ('app/worker/loop.c', 'app/worker/classify.c', 'app/worker/recent.c', 'app/worker/hvr_cap.c', 'app/gateway/used.c',
               'app/gateway/clients.c', 'lib/net/packet.c', 'lib/net/answer.c', 'lib/wire/hello.c',
               'lib/wire/hvr.c', 'lib/cookie/batch.c'),
    'guard': ('app/worker/bridge.c', 'app/worker/proved.c', 'lib/net/find.c', 'lib/wire/hello.c'),
}


def tool(name: str) -> str:
    """LLVM's, of clang's version, as Debian names it."""
    return shutil.which(f'{name}-14') or shutil.which(name) or name


def last(pattern: str, text: str) -> str:
    found = re.findall(pattern, text)
    return found[-1] if found else '-'


def coverage(build: pathlib.Path, target: str) -> dict[str, tuple[int, int]]:
    """File -> lines covered, lines, as the replay of the corpora left them."""
    raw, merged = (build / 'log' / f'{target}.{kind}' for kind in ('profraw', 'profdata'))
    subprocess.run([tool('llvm-profdata'), 'merge', '-o', merged, raw], check=True)
    program = build / 'coverage/tests/fuzz' / f'fuzz_{target}'
    done = subprocess.run([tool('llvm-cov'), 'export', '-summary-only', '-instr-profile', merged,
                           program], check=True, capture_output=True, text=True)
    lines = {entry['filename']: entry['summary']['lines']
             for entry in json.loads(done.stdout)['data'][0]['files']}
    return {name: (found['covered'], found['count']) for name in ABOUT[target]
            for path, found in lines.items() if path.endswith(f'/{name}')}


def main() -> int:
    build = pathlib.Path(sys.argv[1])
    targets = sys.argv[2:]
    findings = sorted((build / 'findings').iterdir())
    print(f'\n{"target":8} {"executions":>12} {"per second":>10} {"edges":>6} {"corpus":>7} '
          f'{"findings":>8}')
    broken = 0
    for target in targets:
        log = (build / 'log' / target).read_text(errors='replace')
        own = [path for path in findings if path.name.startswith(f'{target}-')]
        print(f'{target:8} {last("number_of_executed_units: +([0-9]+)", log):>12} '
              f'{last("average_exec_per_sec: +([0-9]+)", log):>10} '
              f'{last("cov: ([0-9]+)", log):>6} '
              f'{len(list((build / "corpus" / target).iterdir())):>7} {len(own):>8}')
        if not own and 'number_of_executed_units' not in log:
            print(f'{target}: did not run to its end, see {build}/log/{target}')
            broken += 1
    print(f'\n{"lines reached by":16} {"file":26} {"of":>11} {"":>6}')
    for target in targets:
        try:
            reached = coverage(build, target)
        except (OSError, subprocess.CalledProcessError, KeyError, ValueError) as error:
            print(f'{target:16} no figures: {error}')
            broken += 1
            continue
        reached['all'] = tuple(map(sum, zip(*reached.values())))
        for name, (covered, count) in reached.items():
            print(f'{target:16} {name:26} {covered:>5}/{count:<5} {100 * covered / count:>5.1f}%')
    for path in findings:
        print(f'finding: {path}')
    if not findings and not broken:
        print('fuzz: ok')
        return 0
    print(f'fuzz: {len(findings) + broken} findings')
    return 1


if __name__ == '__main__':
    sys.exit(main())
