#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Metrics over HTTP, as Prometheus reads them, the status page in a browser, and bad requests."""
from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import urllib.parse

from harness import (GW4, PATIENCE, PORT, SOURCE, Gateway, Net, Pki, check_config, configuration,
                     gateway, need, need_ipv6, process, run, run_client, running, slow, until)
from web import METRICS, Browser, ask, connect, flood, samples

PKI = Pki()
ECHO = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key')}
BEHIND = {**ECHO, 'bind': f'{GW4}:{PORT + 1}', 'upstream': '127.0.0.1:5683, [::1]:5683'}
WHERE = f'{METRICS[0]}:{METRICS[1]}'
RULES = SOURCE / 'app' / 'system' / 'prometheus-rules.yml'
DASHBOARD = SOURCE / 'app' / 'system' / 'grafana-dashboard.json'
GROUPS = {'drop_': ('drops', 'reason'), 'cookie_': ('cookies', 'verdict'),
          'refused_': ('refusals', 'reason'), 'ignored_': ('ignored_records', 'reason')}
OPEN = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5'


def sample_of(counter: str) -> str:
    for prefix, (name, label) in GROUPS.items():
        if counter.startswith(prefix):
            return f'hellogate_{name}_total{{{label}="{counter.removeprefix(prefix)}"}}'
    return f'hellogate_{counter}_total'


def histogram(told: dict[str, float], name: str) -> tuple[list[float], float, float]:
    """Buckets, count and sum."""
    buckets = [value for key, value in told.items()
               if key.startswith(f'hellogate_{name}_bucket{{le="')]
    return buckets, told[f'hellogate_{name}_count'], told[f'hellogate_{name}_sum']


def test_every_counter_is_a_metric() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}, metrics=WHERE, handshake_cores=2) as g:
        run_client(net, '--sessions', 3)
        stats = g.wait_for(lambda s: s['sessions_closed'] == 3)
        told = samples(ask(net).text)
        names = {sample_of(name): value for name, value in stats.items()}
        assert len(names) == len(stats) > 70 and set(names) <= set(told), set(names) - set(told)
        # Neighbours may still be talking; what belongs to sessions is over.
        for name in ('handshakes', 'hvr', 'cookie_valid', 'sessions_closed', 'records',
                     'drop_no_listener'):
            assert told[sample_of(name)] == stats[name], name
        assert told['hellogate_sessions'] == told['hellogate_sessions_half_open'] == 0
        assert told['hellogate_verified_ratio'] == 1, told
        g.stop()


def test_histograms_and_levels() -> None:
    earliest = time.time()
    with Net() as net, gateway(net, {'echo': ECHO}, metrics=WHERE) as g:
        before = samples(ask(net).text)
        assert histogram(before, 'handshake_seconds')[1:] == (0, 0), before
        run_client(net, '--sessions', 5)
        stats = g.wait_for(lambda s: s['sessions_closed'] == 5 and s['forwarded'] == s['datagrams']
                           and s['out_packets'] == s['session_rx'])
        assert stats['handshakes'] == 5 <= stats['cookie_valid'], stats  # more: repeated hellos
        told = samples(ask(net).text)
        for name, wanted in (('cookie_age_seconds', 'cookie_valid'),
                             ('handshake_seconds', 'handshakes')):
            buckets, count, total = histogram(told, name)
            assert buckets == sorted(buckets) and buckets[-1] == count == stats[wanted], name
        most = time.time() - earliest  # that anything may have taken
        assert 0 < total <= 5 * most, total
        assert histogram(told, 'cookie_age_seconds')[2] <= stats['cookie_valid'] * (most + 1)
        for thread in ('worker_busy_seconds_total{worker="0"}', 'core_busy_seconds_total{core="0"}'):
            assert before[f'hellogate_{thread}'] < told[f'hellogate_{thread}'] < most, thread
        for owner in ('pool="receive",owner="0"', 'pool="send",owner="0"'):
            free, size = (told[f'hellogate_pool_{what}_buffers{{{owner}}}']
                          for what in ('free', 'size'))
            assert 0 < free <= size, (owner, free, size)
        rings = {key: value for key, value in told.items() if key.startswith('hellogate_ring_pac')}
        assert len(rings) == 4 and set(rings.values()) == {0.0}, rings
        assert told['hellogate_port_link_up{port="wan"}'] == 1, told
        assert told['hellogate_port_link_held{port="wan"}'] == 0, told
        assert told['hellogate_port_missed_packets_total{port="wan"}'] == 0, told
        assert earliest - 1 <= told['hellogate_start_time_seconds'] <= time.time(), told
        g.stop()


def test_both_formats() -> None:
    upstreams = {'behind': {**ECHO, 'upstream': '127.0.0.1:5683, [::1]:5683'}}
    with Net() as net, gateway(net, upstreams, metrics=WHERE) as g:
        plain, opened = ask(net), ask(net, Accept=OPEN)
        for name in ('127.0.0.1:5683', '[::1]:5683'):
            told = samples(plain.text)
            assert told[f'hellogate_upstream_up{{upstream="{name}"}}'] == 1, told
            assert told[f'hellogate_upstream_sessions{{upstream="{name}"}}'] == 0, told
        assert plain.headers['content-type'] == 'text/plain; version=0.0.4; charset=utf-8'
        assert opened.headers['content-type'].startswith('application/openmetrics-text; version=1.')
        assert opened.text.endswith('\n# EOF\n') and '# EOF' not in plain.text
        assert set(samples(plain.text)) == set(samples(opened.text))
        for accept, kind in (('application/openmetrics-text;q=0', 'text/plain'), ('*/*', 'text/plain'),
                             ('application/openmetrics-text;q=0.1, text/plain', 'text/plain'),
                             ('application/*', 'application/openmetrics-text'),
                             ('Application/OpenMetrics-Text', 'application/openmetrics-text')):
            got = ask(net, Accept=accept).headers['content-type']
            assert got.startswith(kind), (accept, got)
        for text, name in ((plain.text, 'hellogate_rx_total'), (opened.text, 'hellogate_rx')):
            assert f'# TYPE {name} counter\n' in text and f'# HELP {name} packets rec' in text
            families = re.findall(r'(?m)^# TYPE (\S+) ', text)
            assert len(families) == len(set(families)), families
        need('promtool')
        done = subprocess.run(['promtool', 'check', 'metrics'], input=plain.text, text=True,
                              capture_output=True, timeout=slow(PATIENCE), check=False)
        assert done.returncode == 0 and not done.stdout + done.stderr, done
        g.stop()


# ---------------------------------------------------------------------------------------------
# Prometheus

def expressions() -> list[str]:
    """Of the dashboard's panels; those of the rules Prometheus evaluates itself."""
    found = []

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if 'expr' in node:
                found.append(node['expr'])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(json.loads(DASHBOARD.read_text(encoding='utf-8')))
    return [e.replace('$__rate_interval', '1m').replace('$instance', '.*') for e in found]


def test_prometheus_scrapes() -> None:
    need('prometheus')
    with Net() as net, tempfile.TemporaryDirectory() as name, \
            gateway(net, {'echo': ECHO, 'behind': BEHIND}, metrics=WHERE) as g:
        run_client(net, '--sessions', 3)
        g.wait_for(lambda s: s['sessions_closed'] == 3)
        where = pathlib.Path(name)
        (where / 'prometheus.yml').write_text(
            'global: {scrape_interval: 300ms, evaluation_interval: 300ms}\n'
            f'rule_files: [{RULES}]\nscrape_configs:\n'
            f'- {{job_name: hellogate, static_configs: [{{targets: ["{WHERE}"]}}]}}\n')

        def query(path: str, **arguments: str):
            told = ask(net, f'/api/v1/{path}?{urllib.parse.urlencode(arguments)}', api)
            answer = json.loads(told.text)
            assert answer['status'] == 'success', (arguments, answer)
            return answer['data']

        def wait_for(path: str, condition, **arguments: str):
            def holds() -> bool:
                assert server.alive(), server.log()
                with contextlib.suppress(OSError, ValueError):  # it begins to listen, or loads
                    return condition(query(path, **arguments))
                return False

            until(holds, server.log, 0.1)

        api = ('127.0.0.1', 9690)
        with process('prometheus', f'--config.file={where}/prometheus.yml',
                     f'--storage.tsdb.path={where}/data', f'--web.listen-address={api[0]}:{api[1]}',
                     netns=net.gateway) as server:
            for expression, value in (('up', '1'), ('hellogate_handshakes_total', '3'),
                                      ('hellogate_handshake_seconds_count', '3'),
                                      ('hellogate_cookies_total{verdict="valid"}', '3')):
                wait_for('query', lambda d: [r['value'][1] for r in d['result']] == [value],
                         query=expression)
            told = samples(ask(net).text)
            for expression in expressions():
                query('query', query=expression)
                for metric in re.findall(r'hellogate_\w+', expression):
                    assert any(re.split('[{]', key)[0] == metric for key in told), metric
            wait_for('rules', lambda d: d['groups'] and all(
                rule['health'] == 'ok' for group in d['groups'] for rule in group['rules']))
            server.popen.send_signal(signal.SIGTERM)
            server.wait(60)
        g.stop()


def test_alert_rules() -> None:
    need('promtool')
    text = RULES.read_text(encoding='utf-8')
    done = subprocess.run(['promtool', 'check', 'rules', str(RULES)], text=True,
                          capture_output=True, timeout=slow(PATIENCE), check=False)
    assert done.returncode == 0 and 'SUCCESS' in done.stdout, done
    counters = (SOURCE / 'docs' / 'operating.md').read_text(encoding='utf-8')
    for alert in re.findall(r'alert: (\w+)', text):
        assert f'`{alert}`' in counters, f'docs/operating.md does not tell {alert}'
    with tempfile.TemporaryDirectory() as name:
        test = pathlib.Path(name, 'test.yml')
        test.write_text(ALERTS.replace('RULES', str(RULES)))
        done = subprocess.run(['promtool', 'test', 'rules', str(test)], text=True,
                              capture_output=True, timeout=slow(PATIENCE), check=False)
        assert done.returncode == 0, done


ALERTS = r'''
rule_files: [RULES]
evaluation_interval: 1m
tests:
- interval: 1m
  input_series:
  - {series: 'up{job="hellogate", instance="a"}', values: '1x20'}
  - {series: 'up{job="hellogate", instance="b"}', values: '0x20'}
  - {series: 'hellogate_port_link_up{job="hellogate", instance="a", port="wan"}', values: '0x20'}
  - {series: 'hellogate_port_link_up{job="hellogate", instance="a", port="lan"}', values: '0x20'}
  - {series: 'hellogate_port_link_held{job="hellogate", instance="a", port="wan"}', values: '0x20'}
  - {series: 'hellogate_port_link_held{job="hellogate", instance="a", port="lan"}', values: '1x20'}
  - {series: 'hellogate_port_in_service{instance="c", port="wan"}', values: '1x20'}
  - {series: 'hellogate_port_in_service{instance="e", port="wan"}', values: '0x20'}
  - {series: 'hellogate_port_restarts_total{instance="c", port="wan"}', values: '0+0x10 1x10'}
  - {series: 'hellogate_port_restarts_total{instance="f", port="wan"}', values: '0+1x20'}
  - {series: 'hellogate_drops_total{instance="e", reason="bridge_full"}', values: '0+60x20'}
  - {series: 'hellogate_drops_total{instance="e", reason="bridge_refused"}', values: '0+60x20'}
  - {series: 'hellogate_drops_total{instance="f", reason="guard_full"}', values: '0+60x20'}
  - {series: 'hellogate_sessions{instance="a"}', values: '950x20'}
  - {series: 'hellogate_sessions_max{instance="a"}', values: '1000x20'}
  - {series: 'hellogate_sessions{instance="c"}', values: '850x20'}
  - {series: 'hellogate_sessions_max{instance="c"}', values: '1000x20'}
  - {series: 'hellogate_cookies_total{instance="a", verdict="none"}', values: '0+60000x20'}
  - {series: 'hellogate_cookies_total{instance="a", verdict="valid"}', values: '0+60x20'}
  - {series: 'hellogate_cookies_total{instance="c", verdict="none"}', values: '0+60000x20'}
  - {series: 'hellogate_cookies_total{instance="c", verdict="valid"}', values: '0+59000x20'}
  - {series: 'hellogate_worker_busy_seconds_total{instance="a", worker="0"}', values: '0+59x20'}
  - {series: 'hellogate_worker_busy_seconds_total{instance="c", worker="0"}', values: '0+30x20'}
  - {series: 'hellogate_cookies_total{instance="d", verdict="valid"}', values: '0+600x20'}
  - {series: 'hellogate_cookies_total{instance="d", verdict="expired"}', values: '0+6000x20'}
  - {series: 'hellogate_cookies_total{instance="d", verdict="wrong_tag"}', values: '0+6000x20'}
  - {series: 'hellogate_sessions_opened_total{instance="d"}', values: '0+600x20'}
  - {series: 'hellogate_sessions_failed_total{instance="d"}', values: '0+300x20'}
  - {series: 'hellogate_sessions_half_open_expired_total{instance="d"}', values: '0+200x20'}
  - {series: 'hellogate_core_busy_seconds_total{instance="d", core="0"}', values: '0+59x20'}
  - {series: 'hellogate_drops_total{instance="d", reason="tx_full"}', values: '0+60x20'}
  - {series: 'hellogate_port_missed_packets_total{instance="d", port="wan"}', values: '0+60x20'}
  - {series: 'hellogate_port_no_buffer_packets_total{instance="d", port="wan"}', values: '0x20'}
  - {series: 'hellogate_upstream_tx_dropped_total{instance="d"}', values: '0+60x20'}
  - {series: 'hellogate_upstream_errors_total{instance="d"}', values: '0x20'}
  - {series: 'hellogate_upstream_up{instance="c", upstream="192.0.2.1:5683"}', values: '1x20'}
  - {series: 'hellogate_upstream_up{instance="c", upstream="192.0.2.2:5683"}', values: '0x20'}
  promql_expr_test:
  - expr: sum by (alertname, instance) (ALERTS{alertstate="firing"})
    eval_time: 15m
    exp_samples:
    - {labels: '{alertname="HellogateDown", instance="b"}', value: 1}
    - {labels: '{alertname="HellogateLinkDown", instance="a"}', value: 1}
    - {labels: '{alertname="HellogatePortOutOfService", instance="e"}', value: 1}
    - {labels: '{alertname="HellogatePortRestarts", instance="f"}', value: 1}
    - {labels: '{alertname="HellogateSessionsNearlyFull", instance="a"}', value: 1}
    - {labels: '{alertname="HellogateFlood", instance="a"}', value: 1}
    - {labels: '{alertname="HellogateWorkerSaturated", instance="a"}', value: 1}
    - {labels: '{alertname="HellogateCookiesRefused", instance="d"}', value: 2}
    - {labels: '{alertname="HellogateHandshakesFail", instance="d"}', value: 1}
    - {labels: '{alertname="HellogateCoreSaturated", instance="d"}', value: 1}
    - {labels: '{alertname="HellogatePacketsLost", instance="d"}', value: 2}
    - {labels: '{alertname="HellogatePacketsLost", instance="e"}', value: 2}
    - {labels: '{alertname="HellogateGuardTableFull", instance="f"}', value: 1}
    - {labels: '{alertname="HellogateUpstreamDown", instance="c"}', value: 1}
    - {labels: '{alertname="HellogateUpstreamLost", instance="d"}', value: 1}
'''


# ---------------------------------------------------------------------------------------------
# The server

def test_it_has_no_privileges() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}, metrics=WHERE, seccomp='on') as g:
        assert ask(net).status == 200
        found = {}
        for task in pathlib.Path(f'/proc/{g.process.pid}/task').iterdir():
            text = (task / 'status').read_text()
            found[re.search(r'Name:\t(.*)', text)[1]] = dict(re.findall(r'(\w+):\t(.*)', text))
        thread = found['http']
        assert set(thread['Uid'].split()) == {'65534'} and thread['Seccomp'] == '2', thread
        assert int(thread['CapEff'], 16) == int(thread['CapPrm'], 16) == 0, thread
        g.stop()


def test_unix_socket_and_ipv6() -> None:
    need_ipv6()
    with Net() as net, tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o711)
        path = f'{name}/metrics'
        config = configuration(net, {'echo': ECHO}, metrics=f'unix:{path}')
        with running(Gateway(config, netns=net.gateway), net) as g:
            assert ask(net, where=path).text.startswith('# HELP hellogate_rx_total ')
            assert os.stat(path).st_mode & 0o777 == 0o666
            other = Gateway(config, netns=net.gateway)
            assert other.spawn().wait(30) == 2, other.log()
            assert f'cannot listen on unix:{path}' in other.process.stderr, other.log()
            other.close()
            g.kill()  # and its file stays
        assert os.path.exists(path)
        with running(Gateway(config, netns=net.gateway), net) as g:
            assert ask(net, where=path).status == 200
            g.stop()
        there = pathlib.Path(path)
        there.unlink(missing_ok=True)
        there.write_text('mine')
        code, _, stderr, _ = check_config(config, (), netns=net.gateway)
        assert code == 2 and 'in use' in stderr and there.read_text() == 'mine', stderr
        with gateway(net, {'echo': ECHO}, metrics='[::1]:9684') as g:
            assert ask(net, where=('::1', 9684)).status == 200
            g.stop()


def test_an_address_in_use() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}, metrics=WHERE) as g:
        config = configuration(net, {'echo': ECHO}, metrics=WHERE)
        code, _, stderr, _ = check_config(config, (), netns=net.gateway)
        assert code == 2 and f'cannot listen on {WHERE}: Address already in use' in stderr, stderr
        assert ask(net).status == 200
        g.stop()


def raw(net: Net, data: bytes, source: str = '127.0.0.9') -> bytes:
    """What comes back before the server closes the connection."""
    with connect(net, source=source) as one:
        with contextlib.suppress(OSError):  # it need not read all of it
            one.sendall(data)
        got = b''
        with contextlib.suppress(ConnectionResetError):
            while part := one.recv(65536):
                got += part
        return got


def test_bad_requests() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}, metrics=WHERE) as g:
        assert ask(net, '/nothing').status == 404
        posted = ask(net, method='POST', body=b'x' * 100)
        assert posted.status == 405 and posted.headers['allow'] == 'GET, HEAD', posted
        head = ask(net, method='HEAD')
        assert head.status == 200 and head.body == b'' and int(head.headers['content-length']) > 9
        for data in (b'GET\r\n\r\n', b'\x16\xfe\xfd\n\n' * 40, b'GET / HTTP/9.9\r\n\r\n',
                     b'GET /metrics HTTP/1.1\r\nHost: a\r\n' + b'A: ' + b'b' * 60000 + b'\r\n\r\n',
                     b'GET /' + b'a' * 60000 + b' HTTP/1.1\r\nHost: a\r\n\r\n',
                     # RFC 9112 3.2: one field Host. A path with a zero byte is another path.
                     b'GET /metrics HTTP/1.1\r\n\r\n',
                     b'GET /metrics HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n',
                     b'GET /metrics%00 HTTP/1.1\r\nHost: a\r\n\r\n',
                     b'GET /metrics%00.png HTTP/1.1\r\nHost: a\r\n\r\n',
                     b'GET http://a/metrics%00 HTTP/1.1\r\nHost: a\r\n\r\n',
                     b'GET /metrics\0 HTTP/1.1\r\nHost: a\r\n\r\n',
                     b'GET /metrics\0x HTTP/1.1\r\nHost: a\r\n\r\n',
                     b'GET http://a HTTP/1.1\r\n\r\n', b'GET httpx://a/metrics HTTP/1.0\r\n\r\n'):
            assert b' 200 ' not in raw(net, data), data[:40]
        # RFC 9112 3.2, 5.1, 6.3: whose host, and where the end is, have to be the same for everybody.
        for lines in (b'Host: a b\r\n', b'Host: a/b\r\n', b'Host: a\xc3\xa4\r\n', b'Host: a@b\r\n',
                      b'Host : a\r\n', b'Host: a\r\nA : b\r\n',
                      b'Host: a\r\nContent-Length: 0\r\nContent-Length: 1\r\n',
                      b'Host: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n',
                      b'Host: a\r\nTransfer-Encoding: gzip\r\n', b'Host: a\r\nContent-Length: +0\r\n'):
            got = raw(net, b'GET /metrics HTTP/1.1\r\n' + lines + b'Connection: close\r\n\r\n')
            # RFC 9112 6.1: 501 for a coding that is not known, as later releases of libmicrohttpd say.
            assert b' 400 ' in got or b'gzip' in lines and b' 501 ' in got, (lines, got[:100])
        for lines in (b'Host:\r\n', b'Host: [::1]:80\r\n', b'host: a_b.c%2D:\r\nContent-Length: 0\r\n',
                      b'Host: a\r\nTransfer-Encoding: Chunked\r\n'):
            got = raw(net, b'GET /metrics HTTP/1.1\r\n' + lines + b'Connection: close\r\n\r\n')
            assert b' 200 ' in got, (lines, got[:100])
        # RFC 9112 3.2.2: the absolute form, as proxies send it.
        for target, words in (('http://gateway.test/metrics', b'hellogate_rx_total'),
                              ('HTTP://[::1]:80/metrics', b'hellogate_rx_total'),
                              ('/%6Detrics', b'hellogate_rx_total'), ('/metrics?x=1', b'hellogate_rx'),
                              ('http://gateway.test', b'<!DOCTYPE html>'),
                              ('http://gateway.test/', b'<!DOCTYPE html>')):
            got = raw(net, f'GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'.encode())
            assert b' 200 ' in got and words.lower() in got.lower(), (target, got[:200])
        assert b' 200 ' in raw(net, b'GET /metrics HTTP/1.0\r\n\r\n')
        assert b' 400 ' in raw(net, b'GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n')
        # Silent connections from one address, more than it may have, keep nobody else out.
        with contextlib.ExitStack() as stack:
            for number in range(100):
                with contextlib.suppress(OSError):
                    one = stack.enter_context(connect(net, source='127.0.0.3'))
                    one.sendall(b'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n' * 20 if number % 2 else
                                b'GET / HT'[number % 9:])
            assert ask(net, source='127.0.0.2').status == 200
            assert ask(net, source='127.0.0.3').status == 200, 'nor itself'
            run_client(net, '--sessions', 2)
        g.wait_for(lambda s: s['sessions_closed'] == 2)
        def let_in() -> bool:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return ask(net, source='127.0.0.3').status == 200
            return False

        until(let_in, lambda: 'that address stays shut out', 0.05)  # it has seen that they are closed
        g.stop()


def test_shutdown_with_open_connections() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}, metrics=WHERE) as g:
        with connect(net) as idle, connect(net) as half:
            half.sendall(b'GET /metrics HTTP/1.1\r\n')
            assert ask(net).status == 200
            g.stop()
            assert idle.recv(1) == b''


# ---------------------------------------------------------------------------------------------
# The status page

def test_page_stands_alone() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}, metrics=WHERE) as g:
        page = ask(net, '/')
        assert page.headers['content-type'] == 'text/html; charset=utf-8', page.headers
        assert "default-src 'none'" in page.headers['content-security-policy'], page.headers
        sent = (SOURCE / 'app' / 'show' / 'status.html').read_bytes()
        assert page.body == sent
        links = re.findall(r'(?:src|href)="([^"]*)"|(https?://[^\s"\']+)', sent.decode())
        assert {a or b for a, b in links} <= {'data:,', 'http://www.w3.org/2000/svg'}, links
        g.stop()


def test_page_shows_a_flood() -> None:
    """HG_SHOTS names a directory for pictures, to be looked at by people."""
    need('chromium')
    with Net() as net, gateway(net, {'echo': ECHO, 'behind': BEHIND}, metrics=WHERE) as g, \
            Browser(net.gateway) as browser:
        browser.call('Page.navigate', url=f'http://{WHERE}/')
        browser.wait_for("document.getElementById('state')?.textContent === 'live'")
        browser.wait_for("document.getElementById('replies').textContent === '0'")
        run_client(net, '--sessions', 2)
        browser.wait_for("document.querySelector('[data-rate=handshakes] .quiet')"
                         ".textContent === '2 in all'")
        # How often the page had asked when it showed the flood first, and when that had begun.
        assert 'PERIOD = 1000' in (SOURCE / 'app' / 'show' / 'status.html').read_text(encoding='utf-8')
        asked = "performance.getEntriesByType('resource').length"
        browser.evaluate(f'''{{
            const shows = document.getElementById('replies');
            new MutationObserver(() => {{
                if (window.shown === undefined && parseFloat(shows.textContent) > 1)
                    window.shown = {asked};
            }}).observe(shows, {{childList: true, characterData: true, subtree: true}}) }}''')
        with flood(net):
            g.wait_for(lambda s: s['hvr'] > 50)
            begun = browser.evaluate(asked)
            browser.wait_for('window.shown !== undefined')
            assert browser.evaluate('window.shown') <= begun + 2, begun
            for name in ('hellos', 'replies'):
                browser.wait_for(f"parseFloat(document.getElementById('{name}').textContent) > 1")
            browser.wait_for("/record type/.test(document.getElementById('drops').innerText)")
            browser.wait_for("document.querySelector('[data-causes=drops] .line').getAttribute('d')"
                             ".length > 20")
            shots = os.environ.get('HG_SHOTS')
            for width, height in ((1280, 900), (390, 844)) if shots else ():
                for dark in (False, True):
                    browser.screenshot(f'{shots}/page-{width}-{"dark" if dark else "light"}.png',
                                       width, height, dark)
        shown = browser.evaluate("document.getElementById('upstreams').innerText").split('\n')
        assert sorted(shown) == ['127.0.0.1:5683\tup, 0 sessions',
                                 '[::1]:5683\tup, 0 sessions'], shown
        hidden = "document.getElementById('bridge').closest('section').hidden"
        assert browser.evaluate(hidden) is True
        # What a bridge would say a second later.
        assert browser.evaluate('''(() => {
            const values = parse(['bridged_to_servers_total 7', 'bridged_to_clients_total 0',
                'guard_hellos_total 5', 'guard_datagrams_total 0', 'port_link_up{port="wan"} 1',
                'port_link_held{port="wan"} 0', 'port_link_up{port="lan"} 0',
                'port_link_held{port="lan"} 1'].map((line) => `hellogate_${line}`).join('\\n'));
            showBridge({bridged: [3, 0, 4, 0]}, counters(values), 1, values);
            return document.getElementById('bridge').innerText; })()''').split('\n') == [
                'frames to the servers\t4/s', 'frames to the clients\t0/s',
                'verified hellos for guarded servers\t1/s',
                'other datagrams for guarded servers\t0/s', 'link of wan\tup',
                'link of lan\theld down']
        assert browser.evaluate("document.getElementById('ports').closest('section').hidden") is True
        assert browser.evaluate('''(() => {
            showPorts(parse('hellogate_port_in_service{port="wan"} 0\\n' +
                'hellogate_port_in_service{port="lan"} 1'));
            return document.getElementById('ports').innerText; })()''') == 'wan\tout of service'
        for width in (1280, 390, 320):
            browser.call('Emulation.setDeviceMetricsOverride', width=width, height=800,
                         deviceScaleFactor=1, mobile=width < 600)
            assert browser.evaluate('document.documentElement.scrollWidth <= innerWidth'), width
        g.stop()
        browser.wait_for("document.getElementById('state').textContent === 'no answer'")
        logged = [e for e in browser.told if e.get('method') in (
            'Runtime.exceptionThrown', 'Log.entryAdded')]
        urls = {e['params']['request']['url'] for e in browser.told
                if e.get('method') == 'Network.requestWillBeSent'}
        assert urls <= {f'http://{WHERE}/', f'http://{WHERE}/metrics', 'data:,'}, urls
        assert not [e for e in logged if 'ERR_CONNECTION_REFUSED' not in json.dumps(e)], logged


run(globals())
