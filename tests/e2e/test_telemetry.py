#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the gateway tells of itself: telemetry and the final counters."""
from __future__ import annotations

import re

from harness import (SOURCE, GW4, Gateway, Net, Pki, configuration, dtls_client, gateway,
                     run, run_client, running, until)

PKI = Pki()
ECHO = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key')}
SECRET = 'c0ffee' * 10 + 'face'
SECRET_FILE = PKI.directory / 'cookie.secret'
SECRET_FILE.write_text(SECRET + '\n')


def header_names() -> set[str]:
    """Every counter that app/gateway/stats.h and lib/base/verdict.h name."""
    stats = (SOURCE / 'app' / 'gateway' / 'stats.h').read_text(encoding='utf-8')
    verdicts = (SOURCE / 'lib' / 'base' / 'verdict.h').read_text(encoding='utf-8')
    names = set(re.findall(r'^\tX\(([a-z_]+), "', stats, re.MULTILINE))
    return names | {f'drop_{n}' for n in re.findall(r'^\tX\([A-Z0-9_]+, ([a-z0-9_]+), "', verdicts,
                                                    re.MULTILINE)}


def test_stats_hold_every_counter() -> None:
    names = header_names()
    assert len(names) > 70
    with Net() as net, gateway(net, {'echo': ECHO}) as g:
        stats = g.stats()
        assert names <= set(stats), names - set(stats)
        assert all(isinstance(v, int) and v >= 0 for v in stats.values()), stats
        run_client(net, '--datagrams', 3)
        after = g.wait_for(lambda s: s['sessions_closed'] == 1)
        assert all(after[n] >= stats[n] for n in names), 'a counter went backwards'
        _, counters = g.stop()
        assert names <= set(counters), names - set(counters)
        assert all(counters[n] >= after[n] for n in names), 'a counter went backwards'


def test_workers_add_up() -> None:
    with Net(queues=2) as net, gateway(net, {'echo': ECHO}, handshake_cores=2) as g:
        run_client(net, '--sessions', 20)
        g.wait_for(lambda s: s['sessions_closed'] == 20)
        told: list[object] = []

        def add_up() -> bool:
            """Unless one more packet came between the questions."""
            workers = [g.telemetry(f'/hellogate/worker,{n}') for n in (0, 1)]
            stats = g.stats()
            told[:] = [(name, [w[name] for w in workers], stats[name]) for name in (
                'rx', 'tx', 'hvr', 'forwarded', 'cookie_valid', 'rx_bytes', 'session_tx')]
            return all(sum(parts) == whole for _, parts, whole in told)

        until(add_up, lambda: str(told))
        assert not g.telemetry('/hellogate/worker,2')
        assert not g.telemetry('/hellogate/worker,x')
        assert not g.telemetry('/hellogate/worker')
        g.stop()


def test_sessions() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}) as g:
        told = g.sessions()
        assert told['sessions'] == told['half_open'] == 0, told
        with dtls_client(net, '--sessions', 7, '--interactive') as client:
            client.expect('^done 0$')
            told = g.sessions()
            assert told['sessions'] == 7 and told['half_open'] == 0, told
            client.say('close')
            client.results()
        g.wait_for(lambda s: s['sessions'] == 0, command='/hellogate/sessions')
        g.stop()


def test_keys_tell_ages_and_no_key() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}, cookie_secret=SECRET_FILE) as g:
        told = g.telemetry('/hellogate/keys')
        assert told and all(isinstance(v, (int, str)) for v in told.values()), told
        text = str(told).lower()
        assert not re.search(r'[0-9a-f]{16}', text), text
        config = str(g.telemetry('/hellogate/config')).lower()
        assert SECRET[:16] not in config, config
        g.stop()
        assert SECRET[:16] not in g.process.output().lower()


def test_config_tells_what_takes_effect() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}, cookie_lifetime=42) as g:
        told = g.telemetry('/hellogate/config')
        assert told['gateway']['cookie_lifetime'] == '42', told
        assert told['gateway']['max_sessions'] == '65536', told
        assert GW4 in told['port/wan']['address'], told
        assert told['listener/echo']['upstream'] == 'echo', told
        g.stop()


def test_commands_are_listed_with_help() -> None:
    with Net() as net, gateway(net, {'echo': ECHO}) as g:
        listed = g.telemetry('/')
        for name in ('stats', 'worker', 'sessions', 'keys', 'config', 'ports', 'buffers'):
            assert f'/hellogate/{name}' in listed, listed
            told = g.telemetry(f'/help,/hellogate/{name}')
            assert len(str(told)) > len(name) + 20, told
        g.stop()


def test_ready_comes_first_and_counters_last() -> None:
    with Net() as net:
        config = configuration(net, {'echo': ECHO})
        with running(Gateway(config, netns=net.gateway), net) as g:
            run_client(net)
            g.wait_for(lambda s: s['sessions_closed'] == 1)
            g.stop()
            out = g.process.stdout.splitlines()
            ready = next(n for n, line in enumerate(out) if line.startswith('hellogate: ready'))
            numbers = [n for n, line in enumerate(out) if re.fullmatch(r'[a-z0-9_]+ \d+', line)]
            assert numbers and min(numbers) > ready, out


run(globals())
