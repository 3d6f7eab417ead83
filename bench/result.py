# SPDX-License-Identifier: BSD-3-Clause
"""What the benchmarks share: where a result was measured, the file it goes to, tables, best of N.

    result.write(NAME, {'best_ns': 51.3}, {'rounds': 400})        # bench/results/NAME.json

HG_RESULTS names another directory for results.
"""
from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import pathlib
import re
import shlex
import shutil
import statistics
import subprocess
import sys
from typing import Mapping, NoReturn, Sequence

from lab.process import BUILD, SOURCE

SCHEMA = 1
RESULTS = pathlib.Path(os.environ.get('HG_RESULTS') or SOURCE / 'bench' / 'results')
UNKNOWN = 'unknown'


def refuse(why: str) -> NoReturn:
    """Ends the benchmark, with a sentence for who asked for what cannot be."""
    print(f'{pathlib.Path(sys.argv[0]).stem}: {why}', file=sys.stderr)
    sys.exit(2)


def need(*programs: str) -> None:
    """Ends the benchmark if one of these, of Debian packages, is not there."""
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        refuse(f'{", ".join(missing)} is not installed: as root bench/run.sh installs what is needed')


def positive(text: str) -> float:
    """For argparse: a number above 0."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f'must be a number above 0: {text}')
    return value


def turns(about: str | None, default: int) -> tuple[int, int]:
    """The command line of a benchmark of one program that compares ways by turns, on one CPU: how many
    turns, and the CPU. Whoever else runs on this machine waits from now on."""
    parser = argparse.ArgumentParser(description=about,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=default,
                        help=f'turns of each (default {default})')
    options = parser.parse_args()
    if not 0 < options.rounds <= 10000:
        parser.error('--rounds must be 1 to 10000')
    if os.geteuid() == 0:
        os.setpriority(os.PRIO_PROCESS, 0, -20)
    return options.rounds, max(os.sched_getaffinity(0))


def _told(*argv: str) -> str:
    """The first line of what a command prints, or UNKNOWN."""
    try:
        done = subprocess.run(argv, cwd=SOURCE, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    return done.stdout.partition('\n')[0].strip() or UNKNOWN


def _cpu() -> str:
    try:
        text = pathlib.Path('/proc/cpuinfo').read_text()
    except OSError:
        return UNKNOWN
    found = dict(re.findall(r'^(model name|cpu family|model|stepping)\s*: (.*)$', text, re.M))
    if 'model name' not in found:
        return UNKNOWN
    numbers = [f'{key[4:] if key == "cpu family" else key} {found[key]}'
               for key in ('cpu family', 'model', 'stepping') if key in found]
    return f'{found["model name"]} ({", ".join(numbers)})'


def _compiler() -> str:
    """The compiler of the build tree, with the level it optimises at."""
    try:
        commands = json.loads((BUILD / 'compile_commands.json').read_text())
        words = shlex.split(commands[0]['command'])
    except (OSError, ValueError, LookupError):
        return UNKNOWN
    level = next((w for w in reversed(words) if re.fullmatch('-O.?', w)), '-O0')
    name = next(w for w in words if not w.endswith('ccache'))
    return f'{_told(name, "--version")} {level}'


def _hugepages() -> dict[str, int]:
    text = pathlib.Path('/proc/meminfo').read_text()
    found = dict(re.findall(r'^(HugePages_Total|HugePages_Free|Hugepagesize):\s+(\d+)', text, re.M))
    return {'total': int(found.get('HugePages_Total', 0)),
            'free': int(found.get('HugePages_Free', 0)),
            'size_kb': int(found.get('Hugepagesize', 0))}


def environment() -> dict[str, object]:
    return {
        'cpu': _cpu(),
        'cpus': os.cpu_count(),
        'kernel': os.uname().release,
        'dpdk': _told('pkg-config', '--modversion', 'libdpdk'),
        'openssl': _told('openssl', 'version'),
        'compiler': _compiler(),
        'commit': _told('git', 'describe', '--always', '--dirty'),
        'hugepages': _hugepages(),
    }


def write(bench: str, fields: Mapping[str, object],
          parameters: Mapping[str, object]) -> pathlib.Path:
    """Writes bench/results/BENCH.json: the fields of that benchmark, and how they came about."""
    now = datetime.datetime.now(datetime.timezone.utc)
    content = {'schema': SCHEMA, 'bench': bench, 'date': now.isoformat(timespec='seconds'),
               'environment': environment(), 'parameters': dict(parameters), **fields}
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f'{bench}.json'
    new = path.with_suffix('.new')
    new.write_text(json.dumps(content, indent=2) + '\n')
    new.replace(path)
    print(f'\n{path.relative_to(SOURCE) if path.is_relative_to(SOURCE) else path}')
    return path


def spread(values: Sequence[float], best=max) -> dict[str, object]:
    """Of repeated measurements: the best (which max or min finds), the others beside it."""
    return {'best': best(values), 'median': statistics.median(values),
            'worst': min(values) if best is max else max(values), 'n': len(values)}


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints columns: the first to the left, numbers to the right."""
    cells = [[str(c) for c in row] for row in (headings, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headings))]
    for row in cells:
        print('  '.join(c.ljust(w) if i == 0 else c.rjust(w)
                        for i, (c, w) in enumerate(zip(row, widths))).rstrip(), flush=True)


def count(value: float) -> str:
    """1234567 as '1,234,567'."""
    return f'{value:,.0f}'
