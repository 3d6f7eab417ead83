#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Handshakes of honest clients that DTLS servers complete while spoofed hellos flood them.

hellogen sends ClientHellos from addresses that are not there, at a rate that grows from step to step,
while new clients with addresses of their own begin a handshake so many times a second, each sending
again as OpenSSL does it. Who has not completed it by the deadline has failed. Every server is behind
a veth of the same kind and has one CPU, hellogate for its worker and its handshake core together;
flood and clients have another one. Every step has a fresh server.

A server with which nobody can complete a handshake, or no two clients at a time, is left out.

flood_pps is what went onto the veth, not what was asked for. The collapse of a server is the least
flood at which less than 90 % of the handshakes were completed.
"""
from __future__ import annotations

import argparse
import itertools
import json
import os
import pathlib
import re
import signal
import tempfile
import time

from bench import bed, result
from bench.peers import targets
from lab.netns import in_netns
from lab.pki import Pki
from lab.process import Process

STEPS = '0,1k,10k,100k,max'
STEP = r'0|max|[1-9]\d*(\.\d+)?[kM]?'
COLLAPSED = 0.9
LEAD = 0.5  # seconds of flood before the first client
_serial = itertools.count()


def steps(text: str) -> str:
    wrong = [s for s in text.split(',') if not re.fullmatch(STEP, s)]
    if wrong:
        raise argparse.ArgumentTypeError(f'there is no step {wrong[0]!r}: 0, 10k, 1.5M, max')
    return text


def flood(link: targets.Link, directory: pathlib.Path, step: str, seconds: float) -> Process:
    other, _ = bed.cpus()
    prefix = f'hgflood{os.getpid()}.{next(_serial)}'
    rate = [] if step == 'max' else ['--rate', step]
    return Process(
        [bed.program('hellogen/hellogen'), '--device', f'net_af_packet0,iface={link.client_if}',
         '--target', f'{targets.SERVER}:{targets.PORT}', '--dst-mac', bed.MAC, '--src',
         targets.SPOOFED, '--seconds', str(seconds), '--timeout', '100', '--quiet',
         '--json', str(directory / 'flood.json'), *rate, '--', '--no-huge', '--no-shconf',
         '--no-telemetry', '-m', '256', f'--file-prefix={prefix}',
         f'--lcores=0@{other},1@{other}'], link.clients, name='hellogen')


def clients(link: targets.Link, options: argparse.Namespace) -> Process:
    other, _ = bed.cpus()
    return Process(
        ['taskset', '-c', str(other), bed.program('load/dtls_clients'), '--target',
         f'{targets.SERVER}:{targets.PORT}', '--rate', str(options.rate), '--seconds',
         str(options.seconds), '--deadline', str(options.deadline)], link.clients)


def run(target: targets.Target, pki: Pki, step: str, options: argparse.Namespace,
        directory: pathlib.Path) -> dict[str, object]:
    """One step with one server."""
    _, measured = bed.cpus()
    with (targets.Link(target.kernel) as link,
          target.start(link, pki, targets.PORT, measured) as server):
        flooding = None
        try:
            if step != '0':
                total = LEAD + options.seconds + options.deadline
                flooding = flood(link, directory, step, total)
                wait_for_flood(link, flooding)
            told = bed.lines(load := clients(link, options), 60)[0]
            load.kill()
            fields = {'flood_pps': 0, **told}
            if flooding is not None:
                flooding.kill(signal.SIGTERM)
                report = json.loads((directory / 'flood.json').read_text())
                fields['flood_pps'] = report['packets_per_second']
                fields['hvr'] = report['counters']['hvr']
                fields['hvr_pps'] = round(report['counters']['hvr'] / report['seconds'])
            return {**fields, 'ended': not server.alive()}
        finally:
            if flooding is not None:
                flooding.kill()


def wait_for_flood(link: targets.Link, flooding: Process) -> None:
    """Until packets leave, and then for a moment."""
    before = sent(link)
    end = time.monotonic() + 90
    while sent(link) - before < 10:
        if not flooding.alive() or time.monotonic() > end:
            raise AssertionError(f'no flood\n{flooding.log()}')
        time.sleep(0.01)
    time.sleep(LEAD)


def sent(link: targets.Link) -> int:
    """Packets that have left the clients' end of the veth."""
    with in_netns(link.clients):
        text = pathlib.Path('/proc/thread-self/net/dev').read_text()
    return int(re.search(rf'^\s*{link.client_if}:(.*)$', text, re.M).group(1).split()[9])


def fields_of(target: targets.Target, steps: list[dict]) -> dict[str, object]:
    collapsed = [s['flood_pps'] for s in steps if s['completed'] < COLLAPSED * s['attempted']]
    return {'title': target.title, 'version': targets.version(target), 'steps': steps,
            'collapse_pps': min(collapsed, default=None)}


def show(fields: dict[str, dict]) -> None:
    rows = []
    for told in fields.values():
        for step in told['steps']:
            share = 100 * step['completed'] / step['attempted']
            rows.append([told['title'], result.count(step['flood_pps']), f'{share:.0f} %',
                         f'{step["p50_ms"]:.1f}', f'{step["p99_ms"]:.1f}',
                         'it ended' if step['ended'] else ''])
    result.table(['handshakes under a flood', 'hellos/s', 'completed', 'p50 ms', 'p99 ms', ''],
                 rows)
    for told in fields.values():
        at = told['collapse_pps']
        print(f'{told["title"]}: ' + ('never below 90 %' if at is None else
                                      f'below 90 % from {result.count(at)} hellos/s on'))


def kept(names: list[str]) -> dict[str, dict]:
    """What the file has of other targets, measured at the same commit."""
    try:
        content = json.loads((result.RESULTS / 'flood.json').read_text())
    except (OSError, ValueError):
        return {}
    if content['environment']['commit'] != result.environment()['commit']:
        return {}
    return {n: told for n, told in content['targets'].items() if n not in names}


def add_clients(parser: argparse.ArgumentParser) -> None:
    """Options on the honest clients."""
    parser.add_argument('--rate', type=result.positive, default=5,
                        help='handshakes begun a second (5)')
    parser.add_argument('--seconds', type=result.positive, default=5,
                        help='for which they are begun (5)')
    parser.add_argument('--deadline', type=result.positive, default=8,
                        help='seconds after which a handshake has failed (8)')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--steps', type=steps, default=STEPS,
                        help=f'hellos a second, with commas; max: all that can be sent ({STEPS})')
    add_clients(parser)
    parser.add_argument('--targets', default='', help='names with commas (all that are installed)')
    parser.add_argument('--keep', action='store_true',
                        help='keep the results of other targets, if the commit is the same')
    options = parser.parse_args()
    bed.prepare('hellogen/hellogen', 'load/dtls_clients')
    bed.go_first()
    chosen = {n: t for n, t in targets.choose(options.targets).items() if t.handshake and t.overlap}
    if not chosen:
        result.refuse('of these targets none completes handshakes of two clients at a time')
    pki = Pki()
    pki.leaf('server')
    fields: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as directory:
        for name, target in chosen.items():
            print(f'{name} ...', flush=True)
            fields[name] = fields_of(target, [run(target, pki, step, options,
                                                  pathlib.Path(directory))
                                              for step in options.steps.split(',')])
    show(fields)
    if options.keep:
        fields |= kept(list(fields))
    result.write('flood', {'targets': {n: fields[n] for n in targets.TARGETS if n in fields}},
                 vars(options))


if __name__ == '__main__':
    main()
