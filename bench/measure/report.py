#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""One HTML page of all results in bench/results: plots, tables, where they were measured."""
from __future__ import annotations

import argparse
import html
import json
import pathlib
from typing import Mapping, Sequence

from bench import result
from bench.result import count

STYLE = '''
:root { color-scheme: light dark;
  --ground: #fbfbf9; --card: #ffffff; --ink: #1c2126; --soft: #5d6770; --grid: #dfe3e6;
  --ours: #0b7a6f; --peer: #8d99a6; --warn: #c2410c; --good: #d9f0ec; --bad: #fde3d5;
  --series1: #2f6fb7; --series2: #b7791f; --series3: #7c51a8; --series4: #b03a6b;
  --series5: #4d7c0f; --series6: #64748b; --series7: #0e7490; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #14181b; --card: #1c2226; --ink: #e8ecee; --soft: #9aa6af; --grid: #343d44;
  --ours: #34d0bd; --peer: #74828f; --warn: #fb8a4c; --good: #143b37; --bad: #4a2716;
  --series1: #77aef0; --series2: #e0b155; --series3: #bb98e6; --series4: #ee86b4;
  --series5: #a3cf5b; --series6: #94a3b8; --series7: #5cc8e0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 64rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: clamp(1.7rem, 5vw, 2.5rem); line-height: 1.15; margin: 0 0 .4rem;
  letter-spacing: -.02em; }
h2 { font-size: 1.3rem; line-height: 1.25; margin: 0 0 .35rem; letter-spacing: -.01em; }
p { margin: 0 0 .9rem; max-width: 48rem; }
.soft, figcaption, .where { color: var(--soft); font-size: .9rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.6rem, 1fr)); gap: .9rem;
  margin: 1.6rem 0 2rem; }
.tile { background: var(--card); border: 1px solid var(--grid); border-radius: .7rem;
  padding: .9rem 1rem; }
.tile b { display: block; font-size: 1.75rem; line-height: 1.15; color: var(--ours);
  letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
.tile span { display: block; font-size: .88rem; color: var(--soft); line-height: 1.35;
  margin-top: .3rem; }
section { background: var(--card); border: 1px solid var(--grid); border-radius: .7rem;
  padding: 1.25rem 1.25rem 1rem; margin: 0 0 1.3rem; }
figure { margin: .9rem 0 .4rem; }
.scroll { overflow-x: auto; }
figure svg { display: block; width: 100%; min-width: 30rem; height: auto; }
table { border-collapse: collapse; font-size: .84rem; width: 100%; margin: .6rem 0 .8rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .32rem .45rem; text-align: right; border-bottom: 1px solid var(--grid);
  white-space: nowrap; }
th { font-weight: 600; color: var(--soft); }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0;
  background: var(--card); }
tr.ours td:first-child { color: var(--ours); font-weight: 600; }
td.good { background: var(--good); } td.bad { background: var(--bad); }
code { font-size: .92em; }
'''


def text(value: object) -> str:
    return html.escape(str(value))


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], ours: str = 'hellogate',
          mark=None) -> str:
    """mark(row, column, cell) yields the class of a cell."""
    head = ''.join(f'<th>{text(h)}</th>' for h in headings)
    lines = []
    for number, row in enumerate(rows):
        cells = ''
        for column, cell in enumerate(row):
            kind = mark(number, column, cell) if mark else ''
            cells += f'<td{f" class={kind}" if kind else ""}>{text(cell)}</td>'
        lines.append(f'<tr{" class=ours" if row[0] == ours else ""}>{cells}</tr>')
    return (f'<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>'
            + '\n'.join(lines) + '</tbody></table></div>')


def figure(drawing: str, caption: str) -> str:
    return (f'<figure><div class=scroll>{drawing}</div>'
            f'<figcaption>{text(caption)}</figcaption></figure>')


def section(title: str, body: str, results: Sequence[Mapping]) -> str:
    where = '; '.join(f'<code>bench/run.sh {text(r["bench"])}</code>, commit '
                      f'{text(r["environment"]["commit"])}, {text(r["date"][:10])}'
                      for r in results)
    return f'<section><h2>{text(title)}</h2>{body}<p class=where>{where}</p></section>'


class Report:
    """What there is of results, by benchmark, and the parts of the page that they make."""

    def __init__(self, results: Mapping[str, Mapping]) -> None:
        from bench.measure import plots  # needs matplotlib, which only this benchmark does
        self.plots = plots
        self.results = results

    def kernels(self, r: Mapping) -> str:
        size = f'{r["parameters"]["message_bytes"]} bytes'
        body = (f'<p>A cookie is an HMAC-SHA256 over what identifies a hello, {text(size)} over '
                f'IPv4. In batches of {r["parameters"]["batch"]} the kernel that this CPU is given '
                f'takes <b>{r["chosen_ns"]:.1f} ns</b>: {r["vs_openssl"]:.1f} times as fast as '
                f'OpenSSL\'s EVP_MAC, {r["vs_ipsec_mb"]:.1f} times as fast as intel-ipsec-mb at '
                'its best.</p>')
        ways = r['table'][size]
        return section('What a cookie costs', body + figure(
            self.plots.kernels(ways, r['chosen_kernel']),
            'Both axes are logarithmic. Dashed: the libraries beside which it is measured.'), [r])

    def path(self, r: Mapping) -> str:
        p = self.plots
        bars = [('hellogate, one worker', r['replies_per_s'], p.OURS),
                ('DTLSv1_listen in memory, tuned', r['listen_mem_best_per_s'], p.PEER),
                ('DTLSv1_listen in memory', r['listen_mem_per_s'], p.PEER)]
        if 'listen_socket_per_s' in r:
            bars.append(('openssl s_server -listen', r['listen_socket_per_s'], p.PEER))
        bars.append(('testpmd, no cookie at all', r['testpmd_5tswap_pps'], p.GRID))
        body = (f'<p>One worker answers <b>{r["replies_per_s"] / 1e6:.1f} million</b> hellos a '
                f'second, {r["ns_per_packet"]:.0f} ns each, from parsing to the checksum of the '
                f'answer; that is {r["vs_listen_mem"]:.0f} times what DTLSv1_listen does in '
                'memory' + (f' and {r["vs_listen_socket"]:.0f} times what s_server does on a '
                            'kernel socket' if 'vs_listen_socket' in r else '') + '.</p>')
        return section('Answers of one core', body + figure(
            p.replies(bars), 'testpmd swaps addresses on the same driver and packets and computes '
            'nothing: it is what the driver costs. The driver is net_pcap.'), [r])

    def amplification(self, r: Mapping) -> str:
        targets = r['targets']
        kinds = list(next(iter(targets.values()))['classes'])
        above = [t['title'] for t in targets.values() if t['baf_max'] > 1]
        ours = targets.get('hellogate')
        body = '<p>'
        if ours:
            body += (f'For one byte of a spoofed hello, hellogate sends at most '
                     f'<b>{ours["baf_max"]:.2f}</b> bytes to the victim, and '
                     f'{ours["paf_max"]:.2f} packets for one, whatever the hello is. ')
        if above:
            body += f'Above 1 in some class: {text(", ".join(above))}.'
        body += '</p>'
        rows = [[t['title'], *(f'{t["classes"][k]["baf"]:.2f}' for k in kinds),
                 f'{t["baf_wire_max"]:.2f}', f'{t["paf_max"]:.2f}'] for t in targets.values()]

        def mark(_, column: int, cell: object) -> str:
            return '' if column == 0 or float(cell) == 0 else 'bad' if float(cell) > 1 else 'good'

        body += figure(self.plots.amplification(targets, kinds),
                       'Of each class the hello that amplifies most; nobody ever answers, and what '
                       f'comes within {r["parameters"]["seconds"]:.0f} s counts. In the table, wire '
                       'counts whole Ethernet frames with preamble and gap, PAF packets.')
        body += table(['BAF', *kinds, 'wire', 'PAF'], rows, mark=mark)
        return section('Amplification', body, [r])

    def flood(self, r: Mapping) -> str:
        targets = r['targets']
        body = '<p>'
        if 'hellogate' in targets:
            steps = targets['hellogate']['steps']
            most = max(steps, key=lambda s: s['flood_pps'])
            body += (f'Under {count(most["flood_pps"])} spoofed hellos a second, the most that '
                     'this machine made, hellogate completed <b>'
                     f'{100 * most["completed"] / most["attempted"]:.0f} %</b> of the handshakes '
                     'of honest clients. ')
        body += ('Every server had one CPU and the same veth; flood and clients had the other CPU.'
                 '</p>')
        body += figure(self.plots.completion(targets), 'Handshakes completed within '
                       f'{r["parameters"]["deadline"]:.0f} s, of {steps_of(r)} a step.')
        body += figure(self.plots.p99(targets), 'Of those that were completed; hollow where they '
                       'were less than 90 %, and a line ends where there were none. A hello that '
                       'is lost is sent again after one second.')
        rows = [[t['title'], 'never' if t['collapse_pps'] is None else count(t['collapse_pps']),
                 *(f'{100 * s["completed"] / s["attempted"]:.0f} %' for s in t['steps'])]
                for t in targets.values()]
        names = r['parameters']['steps'].split(',')

        def mark(_, column: int, cell: str) -> str:
            return '' if column < 2 else 'good' if float(cell[:-2]) >= 90 else 'bad'

        body += table(['completed at hellos/s', 'collapse at', *names], rows, mark=mark)
        return section('Honest clients under a flood', body, [r])

    def ndr(self, r: Mapping) -> str:
        body = ('<p>NDR: the highest load of which nothing is lost. PDR: with 0.5 % of loss (RFC '
                '2544). Offered by <code>hellogen</code> over memif; both ends check '
                'every packet.</p>' + figure(self.plots.throughput(r['sets']), 'Trials of '
                f'{r["parameters"]["seconds"]:g} s.'))
        rows = [[f'{name}, {load} of the PDR', *(f'{told[f"{q}_us"]:.1f}' for q in
                                                 ('p50', 'p99', 'p999'))]
                for name, s in r['sets'].items() for load, told in s['latency'].items()]
        body += table(['hello to HVR, us', 'p50', 'p99', 'p99.9'], rows)
        return section('Throughput and latency', body, [r])

    def latency(self, r: Mapping) -> str:
        rows = [[f'{s["percent"]} %', count(s['offered_pps']),
                 *(f'{s[f"{q}_us"]:.1f}' for q in ('p50', 'p99', 'p999'))] for s in r['steps']]
        body = ('<p>From hello to HelloVerifyRequest over memif, at shares of '
                f'{count(r["capacity_pps"])} hellos a second, the highest rate without a loss.</p>')
        body += table(['load', 'hellos/s', 'p50 us', 'p99 us', 'p99.9 us'], rows)
        return section('Delay of an answer', body, [r])

    def handshake(self, r: Mapping) -> str:
        rows = [[name, count(r[f'{kind}_per_s']), count(r[f'{kind}_raw_per_s']),
                 f'{r[f"{kind}_ratio"]:.2f}']
                for kind, name in (('ecdsa', 'ECDSA P-256'), ('rsa', 'RSA-2048'),
                                   ('resumed', 'resumed by ticket'))]
        body = table(['handshakes a second of CPU', 'hellogate', 'bare OpenSSL', 'ratio'], rows)
        body += ('<p class=soft>A half-open session takes '
                 f'{count(r["bytes_per_half_open"])} bytes, an established one {count(r["bytes_per_session"])}.</p>')
        return section('Handshakes after the cookie', body, [r])

    def relay(self, r: Mapping) -> str:
        rows = [[f'{c["sessions"]} x {c["window"]}, {c["bytes"]} bytes, {c["upstream"]}',
                 count(c['hellogate']['datagrams_per_s']), count(c['openssl']['datagrams_per_s']),
                 f'{c["ratio"]:.2f}'] for c in r['cases']]
        return section('Established sessions', table(
            ['sessions x datagrams under way', 'hellogate /s', 'plain OpenSSL server /s', 'ratio'],
            rows), [r])

    def guard(self, r: Mapping) -> str:
        most = {name: max(r[name]['steps'], key=lambda s: s['flood_pps'])
                for name in ('with', 'without')}
        body = (f'<p>A bridge of one worker passes on <b>{r["bridge_pps"] / 1e6:.1f} million</b> '
                f'frames a second that are for nobody whom it guards, {r["vs_testpmd_io"]:.2f} times '
                'what testpmd does, which looks at none. '
                f'Under {count(most["with"]["flood_pps"])} spoofed hellos a second, a server took '
                f'{share(most["with"]["server_cpu_share"])} of a CPU behind a guard; under '
                f'{count(most["without"]["flood_pps"])}, without one, '
                f'{share(most["without"]["server_cpu_share"])}.</p>')
        body += table(['one worker', 'per second', 'of testpmd io'], [
            ['bridged, for addresses that nobody guards', count(r['bridge_pps']),
             f'{r["vs_testpmd_io"]:.2f}'],
            ['bridged, for another port of a guarded server', count(r['bridge_same_server_pps']),
             f'{r["vs_testpmd_io_same_server"]:.2f}'],
            ['testpmd io', count(r['testpmd_io_pps']), ''],
            ['hellos answered for a guarded server', count(r['replies_per_s']), '']])
        body += figure(self.plots.server_cpu(r['with']['steps'], r['without']['steps']),
                       'Server, worker and everything else of the bridge shared one CPU; flood and '
                       'clients had the other.')
        rows = [[f'{title} guard', count(s['flood_pps']),
                 f'{100 * s["completed"] / s["attempted"]:.0f} %', f'{s["p99_ms"]:.1f}',
                 share(s['server_cpu_share']), count(s['hellos_at_server'])]
                for name, title in (('with', 'with a'), ('without', 'without a'))
                for s in r[name]['steps']]
        body += table(['server', 'hellos/s', 'completed', 'p99 ms', 'CPU',
                       'hellos without a valid cookie'], rows)
        return section('Guarding a server', body, [r])

    def library(self, r: Mapping) -> str:
        names = {'library_hello': 'the library, bound to the hello',
                 'library_address': 'the library, bound to addresses',
                 'hmac': 'HMAC() with SHA-1 over address and port',
                 'nothing': 'a fixed cookie: OpenSSL itself'}
        body = ('<p>One DTLSv1_listen() on a hello of OpenSSL, in memory. With the cookies of '
                f'libhellogate it takes <b>{r["library_hello_answer_ns"]:.0f} ns</b> to answer and '
                f'{r["library_hello_accept_ns"]:.0f} to accept: {r["vs_hmac_answer"]:.1f} and '
                f'{r["vs_hmac_accept"]:.1f} times as fast as with the callbacks of the sample '
                'servers.</p>')
        body += table(['cookie callbacks', 'ns, answered', 'ns, accepted'], [
            [title, *(f'{r[f"{way}_{what}_ns"]:.0f}' for what in ('answer', 'accept'))]
            for way, title in names.items()])
        return section('Cookies of the library', body, [r])

    def tiles(self) -> str:
        seen = self.results
        tiles = []
        if 'path' in seen:
            tiles.append((f'{seen["path"]["replies_per_s"] / 1e6:.1f} M/s',
                          'hellos answered by one core'))
        if 'hmac' in seen:
            tiles.append((f'{seen["hmac"]["chosen_ns"]:.1f} ns',
                          f'for a cookie, {seen["hmac"]["vs_openssl"]:.1f} times faster than '
                          'EVP_MAC'))
        if 'hellogate' in seen.get('amplification', {}).get('targets', {}):
            told = seen['amplification']['targets']['hellogate']
            tiles.append((f'{told["baf_max"]:.2f}',
                          'bytes out per spoofed byte in, at the worst'))
        if 'hellogate' in seen.get('flood', {}).get('targets', {}):
            most = max(seen['flood']['targets']['hellogate']['steps'],
                       key=lambda s: s['flood_pps'])
            tiles.append((f'{100 * most["completed"] / most["attempted"]:.0f} %',
                          'of honest handshakes completed under '
                          f'{self.plots.short(most["flood_pps"])} spoofed hellos/s on one CPU'))
        if 'ndr' in seen:
            tiles.append((f'{seen["ndr"]["ndr_pps"] / 1e6:.1f} M/s',
                          'without a single loss, over memif'))
        return '<div class=tiles>' + ''.join(
            f'<div class=tile><b>{text(b)}</b><span>{text(s)}</span></div>'
            for b, s in tiles) + '</div>'

    def place(self) -> str:
        """Machines, commits and days of all results, in a line."""
        def several(values) -> str:
            return text(', '.join(dict.fromkeys(str(v) for v in values)))

        told = [r['environment'] for r in self.results.values()]
        return (several(f'{e["cpu"]}, {e["cpus"]} CPUs' for e in told)
                + f' &middot; commit {several(e["commit"] for e in told)} &middot; '
                + several(r['date'][:10] for r in self.results.values()))

    def environment(self) -> str:
        rows = []
        for name, r in self.results.items():
            e = r['environment']
            rows.append([name, e['commit'], r['date'][:16].replace('T', ' '), e['cpus'], e['cpu'],
                         e['kernel'], e['dpdk'], e['openssl'].split(' ')[1], e['compiler']])
        body = table(['', 'commit', 'UTC', 'CPUs', 'CPU', 'Linux', 'DPDK', 'OpenSSL', 'compiler'],
                     rows)
        versions = {t['title']: t['version'] for r in self.results.values()
                    for t in r.get('targets', {}).values() if t.get('version')}
        if versions:
            body += '<p class=soft>' + text('; '.join(f'{k}: {v}' for k, v in versions.items()))
            body += ' (versions of Debian\'s packages)</p>'
        body += ('<p class=soft>No network card: packets go through files, shared memory and veth '
                 'pairs. Only ratios within one run mean anything on a shared machine. '
                 'docs/benchmarking.md says how each figure comes about and how to measure on two '
                 'machines.</p>')
        return f'<section><h2>Where this was measured</h2>{body}</section>'

    def page(self) -> str:
        parts = [getattr(self, {'hmac': 'kernels'}.get(name, name))(self.results[name])
                 for name in ('path', 'amplification', 'flood', 'guard', 'ndr', 'latency', 'hmac',
                              'handshake', 'relay', 'library')
                 if name in self.results]
        return ('<!doctype html><html lang=en><head><meta charset=utf-8>'
                '<meta name=viewport content="width=device-width, initial-scale=1">'
                f'<title>hellogate: benchmarks</title><style>{STYLE}</style></head><body><main>'
                '<h1>hellogate: benchmarks</h1>'
                '<p class=soft>A DTLS gateway that keeps nothing of a client until its cookie has '
                'proved its address, measured beside the servers that it stands in front of.</p>'
                f'<p class=where>{self.place()}</p>'
                f'{self.tiles()}{"".join(parts)}{self.environment()}</main></body></html>\n')


def share(of_one: float) -> str:
    return f'{100 * of_one:.1f} %'


def steps_of(r: Mapping) -> str:
    n = next(iter(r['targets'].values()))['steps'][0]['attempted']
    return str(n)


def read(directory: pathlib.Path) -> dict[str, dict]:
    found = {}
    for path in sorted(directory.glob('*.json')):
        try:
            content = json.loads(path.read_text())
        except ValueError as why:
            result.refuse(f'{path} is no JSON: {why}')
        if not isinstance(content, dict) or content.get('schema') != result.SCHEMA or 'bench' not in content:
            result.refuse(f'{path} is no result of this version')
        found[content['bench']] = content
    if not found:
        result.refuse(f'{directory} has no results: run some benchmark first')
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--results', type=pathlib.Path, default=result.RESULTS,
                        help='directory (bench/results)')
    options = parser.parse_args()
    page = options.results / 'report.html'
    page.write_text(Report(read(options.results)).page())
    print(page)


if __name__ == '__main__':
    main()
