#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The benchmarks that compare servers, and their report: short ones, whose figures say nothing. What
is asserted is what they write, and what does not depend on the machine."""
from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import tempfile
from typing import Iterator, Mapping

from harness import BUILD, SOURCE, Process, Skip, need, run

ENVIRONMENT = {'cpu', 'cpus', 'kernel', 'dpdk', 'openssl', 'compiler', 'commit', 'hugepages'}


def bench(name: str, *options: object, results: pathlib.Path, expect: int = 0) -> Process:
    """A benchmark to its end. Those who run this machine keep their results."""
    p = Process(['/usr/bin/python3', '-P', SOURCE / 'bench' / 'measure' / f'{name}.py', *options],
                env={'HG_RESULTS': str(results), 'HG_BUILD': str(BUILD), 'HG_SOURCE': str(SOURCE),
                     'PYTHONPATH': str(SOURCE)}, name=name)
    try:
        assert p.wait(900) == expect, p.log()
    finally:
        p.kill()
    return p


@contextlib.contextmanager
def directory() -> Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory(prefix='hellogate-bench-') as name:
        yield pathlib.Path(name)


def measured(name: str, *options: object, results: pathlib.Path) -> Mapping:
    """What a benchmark writes."""
    if (os.cpu_count() or 1) < 2:
        raise Skip('needs two CPUs')
    bench(name, *options, results=results)
    content = json.loads((results / f'{name}.json').read_text())
    assert content['schema'] == 1 and content['bench'] == name, content
    assert content['environment'].keys() == ENVIRONMENT, content['environment']
    return content


def report(results: pathlib.Path, *sections: str) -> str:
    """The page: whole, with these sections, and without anything from elsewhere."""
    if os.system("/usr/bin/python3 -c 'import matplotlib' 2>/dev/null"):
        raise Skip('python3-matplotlib not installed')
    bench('report', results=results)
    page = (results / 'report.html').read_text()
    titles = re.findall(r'<h2>(.*?)</h2>', page)
    assert titles == [*sections, 'Where this was measured'], titles
    elsewhere = re.sub(r'xmlns(:xlink)?="http://www\.w3\.org/[^"]*"', '', page)
    assert not re.search(r'https?:|//\w|<(link|script|img|iframe)\b|@import|url\((?!#)', elsewhere)
    assert not re.search(r'#0[0-9a]0[0-7]0[0-7]\b', page), 'a colour that stands for another'
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids)), 'an id twice'
    missing = set(re.findall(r'(?:href="|url\()#([^")]+)', page)) - set(ids)
    assert not missing, missing
    assert page.endswith('</html>\n'), page[-100:]
    return page


def test_amplification() -> None:
    """No hello makes hellogate send more than 0.79 of its bytes, or more packets than it is. Of
    another server the same hellos show that it amplifies."""
    need('coap-server-gnutls')
    with directory() as results:
        told = measured('amplification', '--seconds', 1.5, '--targets',
                        'hellogate,coap_gnutls', results=results)
        ours, other = told['targets']['hellogate'], told['targets']['coap_gnutls']
        kinds = {'smallest', 'typical', 'largest', 'malformed', 'fragmented', 'multi-record',
                 'resumption'}
        assert ours['classes'].keys() == other['classes'].keys() == kinds, ours['classes'].keys()
        assert 48 / 61 - 1e-3 < ours['baf_max'] <= 0.79, ours
        assert ours['baf_typical'] == round(48 / 205, 4), ours
        assert ours['paf_max'] == 1.0 and ours['ended'] == 0, ours
        assert ours['proven']['baf'] > 1, ours
        assert other['baf_max'] == other['classes']['fragmented']['baf'] > 1, other
        page = report(results, 'Amplification')
        assert 'Above 1 in some class: coap-server-gnutls.' in page


def test_flood() -> None:
    """A handshake under a few hellos, and none with a server that serves whoever is first."""
    with directory() as results:
        told = measured('flood', '--steps', '0,200', '--rate', 4, '--seconds', 0.5, '--deadline',
                        3, '--targets', 'hellogate,s_server', results=results)
        assert told['targets'].keys() == {'hellogate', 's_server'}, told
        for target in told['targets'].values():
            quiet, flooded = target['steps']
            assert quiet['flood_pps'] == 0 < flooded['flood_pps'], target
            for step in target['steps']:
                assert 0 <= step['completed'] <= step['attempted'] == 2, step
                assert 0 <= step['p50_ms'] <= step['p99_ms'], step
            # A busy machine may be too late for a deadline, so both outcomes are right.
            collapsed = [s['flood_pps'] for s in target['steps'] if s['completed'] < 2]
            assert target['collapse_pps'] == min(collapsed, default=None), target
        assert told['targets']['hellogate']['steps'][1]['hvr'] > 0, told
        assert told['targets']['s_server']['steps'][1]['completed'] == 0, told
        assert told['targets']['s_server']['collapse_pps'] is not None, told
        report(results, 'Honest clients under a flood')


def test_ndr() -> None:
    """Every trial and the search's results; nothing of how fast it was."""
    with directory() as results:
        told = measured('ndr', '--seconds', 0.1, '--tries', 1, '--precision', 0.3, '--hellos',
                        'smallest', results=results)
        smallest = told['sets']['smallest']
        highest = smallest['overload']['offered_pps']
        assert smallest['overload']['answered_pps'] > 0 < highest, smallest
        for name in ('ndr_pps', 'pdr_pps'):
            assert told[name] == smallest[name], told
        assert 0 <= told['ndr_pps'] <= told['pdr_pps'] < highest, told
        assert len(smallest['trials']) >= 2, smallest['trials']
        for trial in smallest['trials']:
            assert 0 <= trial['lost'] <= trial['sent'] and trial['offered_pps'] > 0, trial
        report(results, 'Throughput and latency')


def test_guard() -> None:
    """A moment of each bridge, and a server with a guard and without: only then it hears a flood."""
    need('dpdk-testpmd')
    with directory() as results:
        told = measured('guard', '--packets', 64, '--slice', 0.1, '--slices', 1, '--repetitions',
                        1, '--steps', '0,200', '--rate', 4, '--seconds', 0.5, '--deadline', 3,
                        results=results)
        for name in ('bridge_pps', 'bridge_same_server_pps', 'testpmd_io_pps', 'replies_per_s'):
            assert told[name] > 0, told
        for name, rate in (('vs_testpmd_io', 'bridge_pps'),
                           ('vs_testpmd_io_same_server', 'bridge_same_server_pps')):
            assert told[name] == round(told[rate] / told['testpmd_io_pps'], 3), told
        assert told['testpmd_io_pps'] == max(told['testpmd'].values()), told
        for name in ('with', 'without'):
            quiet, flooded = told[name]['steps']
            assert quiet['flood_pps'] == 0 < flooded['flood_pps'] == told[name]['flood_pps'], told
            for step in told[name]['steps']:
                assert 0 <= step['completed'] <= step['attempted'] == 2, step
                assert 0 <= step['server_cpu_share'] <= 1, step
            assert told[name]['server_cpu_idle'] == quiet['server_cpu_share'], told
            assert told[name]['server_cpu_flood'] == flooded['server_cpu_share'], told
            for field in ('completed', 'attempted', 'p99_ms'):
                assert told[name][field] == flooded[field], told
        assert [s['hellos_at_server'] for s in told['with']['steps']] == [0, 0], told
        assert told['without']['steps'][1]['hellos_at_server'] > 10, told
        page = report(results, 'Guarding a server')
        assert page.count('>with a guard</td>') == page.count('>without a guard</td>') == 2, page


def written(results: pathlib.Path, name: str, **fields: object) -> None:
    content = {'schema': 1, 'bench': name, 'date': '2026-01-02T03:04:05+00:00',
               'environment': {**{key: f'the {key}' for key in ENVIRONMENT},
                               'openssl': 'OpenSSL 3.0.0', 'cpu': 'a <b> CPU'}, **fields}
    (results / f'{name}.json').write_text(json.dumps(content))


def test_report_of_the_others() -> None:
    """The sections of benchmarks that need a machine of their own."""
    ways = {way: {str(n): {'best_ns': 900 / n ** share} for n in (1, 4, 8, 16, 32, 64)}
            for way, share in (('scalar', 0), ('avx2', 0.5), ('openssl EVP_MAC', 0.1),
                               ('ipsec-mb avx2', 0.3), ('ipsec-mb sse', 0.2))}
    both = {'datagrams_per_s': 100.0}
    with directory() as results:
        written(results, 'hmac', parameters={'message_bytes': 112, 'batch': 32}, table={
            '112 bytes': ways}, chosen_kernel='avx2', chosen_ns=159.1, vs_openssl=4.0,
            vs_ipsec_mb=2.0)
        written(results, 'path', replies_per_s=12e6, ns_per_packet=83.0, testpmd_5tswap_pps=4e7,
                listen_mem_per_s=6e5, listen_mem_best_per_s=3e6, vs_listen_mem=20.0)
        written(results, 'latency', capacity_pps=9500000, steps=[
            {'percent': 50, 'offered_pps': 4750000, 'p50_us': 0.6, 'p99_us': 18.3,
             'p999_us': 217.4}])
        written(results, 'handshake', bytes_per_half_open=51670, bytes_per_session=45244,
                **{f'{kind}{field}': 7.0 for kind in ('ecdsa', 'rsa', 'resumed')
                   for field in ('_per_s', '_raw_per_s', '_ratio')})
        written(results, 'relay', cases=[{'sessions': 16, 'window': 8, 'bytes': 64, 'upstream':
                                          'echo', 'hellogate': both, 'openssl': both, 'ratio': 1.0}])
        written(results, 'library', vs_hmac_answer=2.3, vs_hmac_accept=2.2,
                **{f'{way}_{what}_ns': 605.4
                   for way in ('library_hello', 'library_address', 'hmac', 'nothing')
                   for what in ('answer', 'accept')})
        page = report(results, 'Answers of one core', 'Delay of an answer', 'What a cookie costs',
                      'Handshakes after the cookie', 'Established sessions',
                      'Cookies of the library')
        for told in ('<b>12.0 million</b>', '>4,750,000<', '<b>159.1 ns</b>', '51,670 bytes',
                     '16 x 8, 64 bytes, echo', 'a &lt;b&gt; CPU', 'commit the commit',
                     '<b>605 ns</b>', '2.3 and 2.2 times', 'OpenSSL itself</td><td>605</td>'):
            assert told in page, told


def refused(name: str, *options: object, results: pathlib.Path) -> str:
    """The sentence with which a benchmark refuses what it was told to do."""
    p = bench(name, *options, results=results, expect=2)
    assert p.stdout == '' and 'Traceback' not in p.stderr, p.log()
    return p.stderr.splitlines()[-1]


def test_no_results() -> None:
    with directory() as results:
        assert 'has no results' in refused('report', results=results)
        assert 'has no results' in refused('report', '--results', '/none', results=results)
        (results / 'path.json').write_text('{"schema": 0, "bench": "path"}')
        assert 'path.json is no result of this version' in refused('report', results=results)
        (results / 'path.json').write_text('{')
        assert 'path.json is no JSON' in refused('report', results=results)
        assert not (results / 'report.html').exists()


def test_options() -> None:
    """--help of each; one sentence and exit code 2 for what is no option, and for no value of one."""
    with directory() as results:
        for name in ('amplification', 'flood', 'guard', 'ndr', 'report'):
            text = bench(name, '--help', results=results).stdout
            assert text.startswith(f'usage: {name}.py'), text
            said = refused(name, '--none', results=results)
            assert 'unrecognized arguments: --none' in said, said
        for name, option, value, reason in (
                ('amplification', '--seconds', '0', 'must be a number above 0: 0'),
                ('amplification', '--targets', 'hellogate,none', 'there is no target none'),
                ('flood', '--steps', '0,many', "there is no step 'many'"),
                ('flood', '--rate', 'x', 'argument --rate'),
                ('flood', '--targets', 'gnutls_nocookie', 'none completes handshakes'),
                ('guard', '--steps', '10k', 'the first step must be 0: 10k'),
                ('guard', '--steps', '0,many', "there is no step 'many'"),
                ('guard', '--deadline', '0', 'must be a number above 0: 0'),
                ('ndr', '--hellos', 'none', "there is no hello 'none'"),
                ('ndr', '--tries', '0', 'argument --tries')):
            said = refused(name, option, value, results=results)
            assert reason in said, said
        assert not list(results.iterdir())


run(globals())
