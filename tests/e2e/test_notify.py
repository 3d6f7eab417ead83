#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a service manager is told: ready, stopping, and signs of life while every lcore has some."""
from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import socket
import tempfile
import time
from typing import Iterator

from clock import Clock
from harness import (BUILD, PATIENCE, SANITIZERS, Gateway, Net, Pki, Process, Skip, configuration, run,
                     running, slow, until)

PKI = Pki()
ECHO = {'certificate': PKI.leaf('server'), 'private_key': PKI.path('server.key')}
INTERVAL = 3600  # seconds between signs of life; the clock is moved


class Manager:
    """The end of the socket that a service manager has: root's alone, in a directory of root."""

    def __init__(self) -> None:
        self.directory = tempfile.TemporaryDirectory(prefix='hellogate-notify-')
        self.stuck = pathlib.Path(self.directory.name) / 'stuck'
        self.stuck.write_text('-')
        self.address = f'{self.directory.name}/socket'
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address)
        self.heard: list[dict[str, str]] = []  # NAME=VALUE
        self.clock = Clock()

    def env(self, **more: str) -> dict[str, str]:
        return {'NOTIFY_SOCKET': self.address, **more}

    def watched(self) -> dict[str, str]:
        return {**self.env(WATCHDOG_USEC=str(INTERVAL * 2000000)), **self.clock.env}

    def next(self, deadline: float) -> dict[str, str] | None:
        """The next message; None if there is none for so long."""
        self.socket.settimeout(deadline)
        try:
            text = self.socket.recv(4096).decode()
        except TimeoutError:
            return None
        told = dict(line.split('=', 1) for line in text.split('\n'))
        self.heard.append(told)
        return told

    def expect(self, key: str, value: str = '1') -> dict[str, str]:
        end = time.monotonic() + slow(PATIENCE)
        while time.monotonic() < end:
            told = self.next(max(end - time.monotonic(), 0.01))
            if told and told.get(key) == value:
                return told
        raise AssertionError(f'no {key}={value}: {self.heard}')

    def stick(self, whom: bytes) -> None:
        """Tells tests/e2e/trouble.c, which has the file mapped, who shall not come back."""
        with self.stuck.open('r+b', buffering=0) as file:
            file.write(whom)

    def close(self) -> None:
        self.socket.close()
        self.clock.close()
        self.directory.cleanup()


@contextlib.contextmanager
def manager() -> Iterator[Manager]:
    m = Manager()
    try:
        yield m
    finally:
        m.close()


def made(net: Net, env: dict[str, str], **settings: object) -> Gateway:
    return Gateway(configuration(net, {'echo': ECHO}, **settings), netns=net.gateway, env=env)


def test_ready_and_stopping() -> None:
    with Net() as net, manager() as m, running(made(net, m.env())) as g:
        told = m.expect('READY')
        assert re.fullmatch('ready: 1 ports, [0-9]+ workers, .*', told['STATUS']), told
        g.stop()
        told = m.expect('STOPPING')
        assert told['STATUS'] == 'draining' and int(told['EXTEND_TIMEOUT_USEC']) > 0, told
        assert m.next(0.01) is None, m.heard
        assert not any('WATCHDOG' in told for told in m.heard), m.heard  # nobody wanted any


def test_reload() -> None:
    """What is told around a reload, also around one that is refused."""
    with Net() as net, manager() as m, running(made(net, m.env(), user='root')) as g:
        m.expect('READY')
        good = g.config.read_text()
        for text, status in ((good, 'reloaded'), ('[nonsense]\n', 'not reloaded, see the log')):
            g.config.write_text(text)
            before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            g.process.popen.send_signal(signal.SIGHUP)
            told = m.expect('RELOADING')
            assert int(told['MONOTONIC_USEC']) >= before, told
            assert m.expect('READY')['STATUS'] == status, (m.heard, g.log())
        g.stop()


def test_signs_of_life_come_in_time() -> None:
    """One for each interval that passes, and none before."""
    with Net() as net, manager() as m, running(made(net, m.watched(), user='root')) as g:
        m.expect('READY')
        m.expect('WATCHDOG')
        for _ in range(4):
            m.clock.pass_by(INTERVAL - 600)
            looked(m, g)
            m.clock.pass_by(600)
            m.expect('WATCHDOG')
        g.stop()
        m.expect('STOPPING')
        assert sum('WATCHDOG' in told for told in m.heard) == 5, m.heard


def looked(m: Manager, g: Gateway) -> None:
    """Main has looked at its clock since, and said nothing of life."""
    signs = sum('WATCHDOG' in told for told in m.heard)
    for _ in range(2):  # the second one is begun after what was to be said with the first
        g.process.popen.send_signal(signal.SIGHUP)
        m.expect('RELOADING')
        m.expect('READY')
    assert sum('WATCHDOG' in told for told in m.heard) == signs, m.heard


def test_no_sign_of_life_for_another_process() -> None:
    with Net() as net, manager() as m:
        env = {**m.watched(), 'WATCHDOG_PID': '1'}
        with running(made(net, env, user='root')) as g:
            m.expect('READY')
            for _ in range(3):
                m.clock.pass_by(INTERVAL)
                looked(m, g)
            g.stop()


def stuck(whom: bytes, name: str) -> None:
    """Signs of life end when a thread does not come back, and go on when it does."""
    if SANITIZERS:
        raise Skip('a sanitizer wants to be the first of the preloaded libraries')
    with Net() as net, manager() as m:
        env = {**m.watched(), 'HG_STUCK': str(m.stuck)}
        env['LD_PRELOAD'] += f':{BUILD}/tests/e2e/libtrouble.so'
        with running(made(net, env)) as g:
            def missed() -> int:
                return g.process.stderr.count(f'no sign of life: {name} is stuck')

            m.expect('READY')
            m.expect('WATCHDOG')
            m.stick(whom)
            while not missed():
                m.clock.pass_by(INTERVAL)
                m.next(0.2)  # it comes back until it rests
                assert len(m.heard) < 400, m.heard
            told = len(m.heard)
            for _ in range(4):
                before = missed()
                m.clock.pass_by(INTERVAL)
                until(lambda before=before: missed() > before, g.log)
            m.stick(b'-')
            m.expect('WATCHDOG')
            assert len(m.heard) == told + 1, m.heard
            m.clock.pass_by(INTERVAL)
            m.expect('WATCHDOG')
            g.stop()


def test_a_stuck_worker_gives_no_sign_of_life() -> None:
    stuck(b'w', 'worker 0')


def test_a_stuck_handshake_core_gives_no_sign_of_life() -> None:
    stuck(b'c', 'handshake core 0')


def refused(env: dict[str, str], sentence: str) -> None:
    with Net() as net:
        g = made(net, env)
        try:
            p = g.spawn()
            assert p.wait() == 2, p.log()
            assert re.search(f'^hellogate: {sentence}', p.stderr, re.M), p.log()
        finally:
            g.close()


def test_a_manager_that_is_not_there_is_refused() -> None:
    refused({'NOTIFY_SOCKET': '/nonexistent/socket'},
            'cannot connect to NOTIFY_SOCKET=/nonexistent/socket: No such file')
    refused({'NOTIFY_SOCKET': 'socket'}, 'NOTIFY_SOCKET=socket is no address')


def test_a_wrong_interval_is_refused() -> None:
    with manager() as m:
        for wrong in ('soon', '-1', '0', '1s', ''):
            refused(m.env(WATCHDOG_USEC=wrong), f'WATCHDOG_USEC={wrong} is not a number')


def test_priorities_for_the_journal() -> None:
    """Only if stderr is what the journal reads; DPDK's messages are ours then, and told once."""
    script = 'exec 2>"$1"; shift; JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2) exec "$@"'
    with tempfile.TemporaryDirectory(prefix='hellogate-journal-') as name, Net() as net:
        said = pathlib.Path(name) / 'said'
        config = configuration(net, {'echo': ECHO})

        def spawn(text: str) -> Gateway:
            g = Gateway(text, netns=net.gateway)
            g.process = Process(['sh', '-c', script, 'sh', str(said), *g.argv()], net.gateway,
                                g.directory, name='hellogate')
            return g

        g = spawn(config)
        try:
            g.process.expect('^hellogate: ready', stream='out')
            os.kill(g.process.pid, signal.SIGHUP)  # as nobody: refused
            until(lambda: 'not reloaded' in said.read_text(), said.read_text)
            g.stop()
        finally:
            g.close()
        lines = said.read_text().splitlines()
        assert all(re.match('<[0-7]>', line) for line in lines), lines
        for start in ('<5>hellogate: port wan: link up', '<3>hellogate: not reloaded: ',
                      '<5>hellogate: signal 15: draining'):
            assert len([line for line in lines if line.startswith(start)]) == 1, (start, lines)
        for wrong, sentence in ((config.replace('workers', 'no-workers'), r'<3>hellogate: /.*:2: '),
                                (config.replace('net_af_packet0', 'net_none0'),
                                 r'<3>hellogate: port wan: DPDK cannot create device [^<>]+')):
            g = spawn(wrong)
            try:
                assert g.process.wait() == 2, g.log()
            finally:
                g.close()
            assert re.fullmatch(sentence + '.*\n', said.read_text()), said.read_text()
        g = Gateway(config.replace('workers', 'no-workers'), env={'JOURNAL_STREAM': '1:2'})
        try:
            assert g.spawn().wait() == 2 and g.process.stderr.startswith('hellogate: '), g.log()
        finally:
            g.close()


run(globals())
