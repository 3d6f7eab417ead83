#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""hellogatectl: what it shows, in words and as JSON, and what it refuses."""
from __future__ import annotations

import json
import os
import pty
import re
import select
import socket
import subprocess
import tempfile
import threading
import time

from harness import (CL4, CL6, GW4, GW6, PATIENCE, PORT, SOURCE, Gateway, Net, Pki,
                     die_with_parent, dtls_client, gateway, in_netns, need_ipv6, packets, run,
                     run_client, slow, until)
from web import flood

PKI = Pki()
ECHO = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key')}
TOOL = SOURCE / 'app' / 'show' / 'hellogatectl'


def ctl(g: Gateway | None, *words: object, expect: int = 0) -> str:
    """Its standard output, or on failure what it says on standard error."""
    where = ['--prefix', g.prefix] if g else []
    done = subprocess.run([str(TOOL), *where, *map(str, words)], capture_output=True, text=True,
                          timeout=slow(PATIENCE), check=False)
    assert done.returncode == expect, (words, done)
    assert bool(done.stderr) == bool(expect), (words, done)
    return done.stderr if expect else done.stdout


def told(g: Gateway, *words: object) -> dict:
    return json.loads(ctl(g, *words, '--json'))


def test_stats() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}) as g:
        run_client(net, '--sessions', 3)
        stats = g.wait_for(lambda s: s['sessions_closed'] == 3)
        assert told(g, 'stats', 'handshakes') == {'handshakes': 3}
        lines = dict(line.split() for line in ctl(g, 'stats').splitlines())
        assert set(lines) == set(stats) and lines['cookie_valid'] == '3', lines
        some = told(g, 'stats', '--nonzero', 'drop_*', 'hello_*', 'handshakes*')
        assert {'hello_new': 3, 'handshakes': 3}.items() <= some.items() and all(some.values())
        assert told(g, 'stats', '--worker', 0, 'cookie_valid') == {'cookie_valid': 3}
        assert 'no worker 7' in ctl(g, 'stats', '--worker', 7, expect=2)
        assert 'no counter hellos' in ctl(g, 'stats', 'hellos', expect=2)
        g.stop()


def test_sessions_one_by_one() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}) as g:
        assert told(g, 'sessions', '--list')['list'] == []
        with dtls_client(net, '--sessions', 70, '--interactive') as client:
            client.expect('^done 0$')
            answer = told(g, 'sessions', '--list')
            assert answer['sessions'] == answer['established'] == 70, answer
            rows = answer['list']
            assert len({row['client'] for row in rows}) == len(rows) == 70, rows
            assert all(row['client'].startswith(f'{CL4}:') and row['local'] == f'{GW4}:{PORT}' and
                       row['state'] == 'established' for row in rows), rows
            text = ctl(g, 'sessions', '--list', '--limit', 66)
            assert text.endswith('66 of 70 sessions\n') and text.count(f'{GW4}:{PORT}') == 66, text
            assert re.search(r'(?m)^established 70$', ctl(g, 'sessions')), text
            client.say('close')
            client.results()
        g.wait_for(lambda s: s['sessions'] == 0, command='/hellogate/sessions')
        assert told(g, 'sessions', '--list')['list'] == []
        g.stop()


def test_session_rows_of_ipv6_and_of_handshakes() -> None:
    need_ipv6()
    with Net() as net, gateway(net, {'echo': ECHO}, handshake_timeout=60) as g:
        with in_netns(net.client):
            client = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        with client:
            client.settimeout(slow(PATIENCE))
            client.connect((GW6, PORT))
            hello = packets.Hello()
            client.send(hello.datagram())
            cookie = client.recv(2048)[-20:]
            client.send(hello.with_(cookie=cookie).datagram())
            g.wait_for(lambda s: s['half_open'] == 1, command='/hellogate/sessions')
            row, = told(g, 'sessions', '--list')['list']
            assert row == {'client': f'[{CL6}]:{client.getsockname()[1]}',
                           'local': f'[{GW6}]:{PORT}', 'state': 'handshake'}, row
        assert not g.telemetry('/hellogate/session_list,x')
        assert g.telemetry('/hellogate/session_list,4294967295') == {'sessions': []}
        g.stop()


def test_keys() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}, cookie_lifetime=50, key_rotation=2592000) as g:
        answer = told(g, 'keys')
        age, left = answer['age_seconds'], answer['rotates_in_seconds']
        assert age + left == 2592000 and answer['accepted_for_seconds'] == left + 50, answer
        assert answer['previous_accepted_for_seconds'] == max(50 - age, 0), answer
        text = ctl(g, 'keys')
        assert re.search(rf'(?m)^current +{answer["epoch"]} ', text), text
        assert re.search(rf'(?m)^previous +{answer["epoch"] - 1} ', text), text
        assert 'random' in text and not re.search(r'[0-9a-f]{16}', text), text
        g.stop()


def test_ports() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}) as g:
        run_client(net)
        answer = told(g, 'ports')
        assert set(answer) == {'wan'}, answer
        assert answer['wan']['received'] > 3 and answer['wan']['sent'] > 3, answer
        assert answer['wan']['missed'] == 0, answer
        text = ctl(g, 'ports')
        assert re.search(rf'(?m)^wan +up +- +1 +- +{answer["wan"]["mac"]} +\d+', text), text
        g.stop()


def test_top_as_json_shows_a_flood() -> None:
    """In one look or another: a busy machine may not let it flow in each."""
    with Net() as net, gateway(net, {'echo': ECHO}) as g, flood(net):
        def flows() -> bool:
            lines = ctl(g, '--json', 'top', '--count', 2, '--interval', 0.5).splitlines()
            assert len(lines) == 2, lines
            for line in map(json.loads, lines):
                assert line['rates']['handshakes'] == 0, line
                assert set(line['busy']) == {'worker_0', 'core_0'}, line
                assert 0 <= line['busy']['worker_0'] <= 1, line
                assert line['sessions']['sessions'] == 0 and line['seconds'] > 0.4, line
            return all(line['rates']['hvr'] > 0 and line['busy']['worker_0'] > 0
                       for line in map(json.loads, lines))

        def is_drawn() -> bool:
            text = ctl(g, 'top', '--count', 1, '--interval', 0.5)
            assert '\x1b' not in text, text
            return bool(re.search(r'(?m)^HelloVerifyRequests +[1-9].*/s .*[█▏▎▍▌▋▊▉]', text))

        g.wait_for(lambda s: s['hvr'] > 0)
        until(flows, g.log)
        until(is_drawn, g.log)


def read_until(fd: int, pattern: bytes, data: bytes = b'') -> bytes:
    end = time.monotonic() + slow(PATIENCE)
    while not re.search(pattern, data):
        assert time.monotonic() < end, data
        try:
            data += os.read(fd, 65536)
        except OSError:  # the other end is closed
            raise AssertionError(f'no {pattern!r} in {data!r}') from None
    return data


def test_top_on_a_terminal() -> None:
    """A flood is there with the second picture at the latest, and there is one each second."""
    with Net() as net, gateway(net, {'echo': ECHO}) as g:
        fd, terminal = pty.openpty()
        argv = [str(TOOL), '--prefix', g.prefix, 'top']
        with subprocess.Popen(argv, stdin=terminal, stdout=terminal, stderr=terminal,
                              env={**os.environ, 'COLUMNS': '60', 'LINES': '24'},
                              preexec_fn=die_with_parent) as process:
            os.close(terminal)
            try:
                data = read_until(fd, rb'no drops')
                assert data.startswith(b'\x1b[?1049h'), data
                with flood(net):
                    g.wait_for(lambda s: s['hvr'] > 50)
                    while select.select([fd], [], [], 0)[0]:
                        os.read(fd, 65536)  # what was drawn before
                    data = read_until(fd, rb'HelloVerifyRequests +[1-9]')
                    until = data[:re.search(rb'HelloVerifyRequests +[1-9]', data).start()]
                    assert until.count(b'\x1b[H') <= 2, data
                os.write(fd, b'q')
                read_until(fd, rb'\x1b\[\?1049l')  # the terminal is as it was
                assert process.wait(slow(PATIENCE)) == 0
            finally:
                process.kill()
                os.close(fd)
        g.stop()


def test_a_gateway_that_is_not_there() -> None:
    assert 'nobody answers' in ctl(None, '--prefix', f'none{os.getpid()}', 'stats', expect=1)
    with tempfile.TemporaryDirectory() as directory, \
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
        path = f'{directory}/socket'
        other.bind(path)
        assert 'refused' in ctl(None, '--socket', path, 'keys', expect=1)
        other.listen(1)
        thread = threading.Thread(target=lambda: other.accept()[0].send(b'hello'), daemon=True)
        thread.start()
        assert 'does not speak' in ctl(None, '--socket', path, 'keys', expect=1)
        thread.join()


def test_upstreams() -> None:
    many = ', '.join(f'127.0.0.1:{port}' for port in range(1, 13))
    listeners = {f'l{n}': {**ECHO, 'bind': f'{GW4}:{PORT + n}',
                           'upstream': many.replace('127.0.0.1', f'127.0.0.{n}')}
                 for n in range(1, 7)}  # more than fit into one answer
    begun = time.monotonic()
    with Net() as net, gateway(net, listeners) as g:
        rows = told(g, 'upstreams')
        assert {row['upstream'] for row in rows} == {
            f'127.0.0.{n}:{port}' for n in range(1, 7) for port in range(1, 13)}, rows
        assert len(rows) == 72 and all(
            (row['state'], row['sessions'], row['reason']) == ('up', 0, '-') and
            row['seconds'] <= time.monotonic() - begun for row in rows), rows
        text = ctl(g, 'upstreams').splitlines()
        assert text[0].split() == ['upstream', 'state', 'sessions', 'seconds', 'reason'], text
        assert len(text) == 73 and re.fullmatch(r'127\S+ +up +0 +\d+ +-', text[1]), text
        g.stop()
    with Net() as net, gateway(net, {'echo': ECHO}) as g:
        assert told(g, 'upstreams') == [] and 'no upstream' in ctl(g, 'upstreams')
        g.stop()


def test_words_that_it_does_not_know() -> None:
    for words in (['status'], ['stats', '--all'], ['top', '--interval', '0'], ['keys', 'x'],
                  ['sessions', '--limit', 'x'], ['top', '--count', '0'], []):
        assert 'hellogatectl: error: ' in ctl(None, *words, expect=2).replace(
            'hellogatectl top', 'hellogatectl').replace('hellogatectl sessions', 'hellogatectl')


def completions(*words: str, prefix: str | None = None) -> set[str]:
    script = SOURCE / 'app' / 'system' / 'hellogatectl.bash'
    more = ['--prefix', prefix] if prefix else []
    program = (f'. {script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _hellogatectl; '
               'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(['bash', '-c', program, 'bash', 'hellogatectl', *more, *words],
                          capture_output=True, text=True, timeout=slow(PATIENCE), check=True,
                          env={**os.environ, 'PATH': f'{TOOL.parent}:{os.environ["PATH"]}'})
    assert not done.stderr, done.stderr
    return set(done.stdout.split())


def test_completion() -> None:
    text = subprocess.run([str(TOOL), '--help'], capture_output=True, text=True, check=True).stdout
    names = set(re.findall(r'(?m)^    (\w+) ', text))
    assert {'stats', 'top'} < names <= completions(''), (names, completions(''))
    for name in names:
        text = subprocess.run([str(TOOL), name, '--help'], capture_output=True, text=True,
                              check=True).stdout
        options = set(re.findall(r'(?m)^  (?:-h, )?(--\w+)', text))
        assert options == completions(name, '-'), (name, options)
    assert completions('se') == {'sessions'}
    with Net() as net, gateway(net, {'echo': ECHO}) as g:
        assert completions('stats', 'handshakes', prefix=g.prefix) == {'handshakes',
                                                                     'handshakes_resumed'}
        assert g.prefix in completions('--prefix', 'hg')
        g.stop()


run(globals())
