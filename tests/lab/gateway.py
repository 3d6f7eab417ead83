# SPDX-License-Identifier: BSD-3-Clause
"""Runs a hellogate for a test: starts it, asks it by telemetry, stops it and checks its books.

    with Gateway(CONFIG, files={'server.pem': PEM}, eal=['--vdev=...'], netns='hg12a') as gateway:
        gateway.wait_for(lambda s: s['hvr'] == 1)
        code, counters = gateway.stop()

Environment: that of process.py, and HG_WRAP (a command in front of the daemon that becomes it:
valgrind).
"""
from __future__ import annotations

import atexit
import itertools
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import tempfile
import time
from typing import Callable, Mapping, Sequence

from lab.process import BUILD, PATIENCE, Process, slow

RUNTIME = pathlib.Path('/var/run/dpdk')
EAL = ['--no-huge', '--no-shconf', '--no-pci']
_serial = itertools.count()
_running: list[Gateway] = []


def asked(counters: Mapping[str, int]) -> int:
    """How many hellos without a cookie were answered: each of them, which may be more than there are
    clients, for one that hears nothing for a second says hello again."""
    assert counters['hvr'] == counters['cookie_none'], counters
    return counters['hvr']


def hellogate(build: str | os.PathLike | None = None) -> pathlib.Path:
    """The daemon's path."""
    return pathlib.Path(build or BUILD) / 'app' / 'hellogate'


class Telemetry:
    """DPDK's telemetry socket, version 2: one JSON object per command."""

    def __init__(self, path: str | os.PathLike) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(slow(PATIENCE))
        try:
            self.socket.connect(str(path))
            self.info = json.loads(self.socket.recv(4096))
        except BaseException:
            self.socket.close()
            raise

    def ask(self, command: str):
        self.socket.send(command.encode())
        answer = json.loads(self.socket.recv(self.info['max_output_len']))
        return answer[command.split(',')[0]]

    def close(self) -> None:
        self.socket.close()


class Gateway:
    """One hellogate. Its configuration and files live in a directory of its own."""

    def __init__(self, config_text: str, eal: Sequence[str] = (), netns: str | None = None,
                 build: str | os.PathLike | None = None,
                 files: Mapping[str, str | bytes] | None = None,
                 env: Mapping[str, str] | None = None, memory: int = 256) -> None:
        self.binary = hellogate(build)
        self.netns = netns
        self.env = env
        self.prefix = f'hg{os.getpid()}.{next(_serial)}'
        self.runtime = RUNTIME / self.prefix
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='hellogate-test-'))
        self.config = self.directory / 'hellogate.conf'
        self.config.write_text(config_text)
        for name, content in (files or {}).items():
            self.write(name, content)
        self.eal = ['-m', str(memory), *EAL, f'--file-prefix={self.prefix}', *eal]
        self.process: Process | None = None
        self.counters: dict[str, int] = {}
        self._telemetry: Telemetry | None = None
        _running.append(self)

    def write(self, name: str, content: str | bytes) -> pathlib.Path:
        """Puts a file beside the configuration."""
        path = self.directory / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def argv(self, *options: str) -> list[str]:
        wrap = shlex.split(os.environ.get('HG_WRAP', ''))
        return [*wrap, str(self.binary), '-c', str(self.config), *options, '--', *self.eal]

    def spawn(self, *options: str) -> Process:
        """Runs the daemon without waiting for anything."""
        self.process = Process(self.argv(*options), self.netns, self.directory, self.env,
                               'hellogate')
        return self.process

    def start(self, deadline: float = PATIENCE) -> Gateway:
        """Runs the daemon and waits until it is ready to receive."""
        self.spawn().expect(r'^hellogate: ready.*\n', deadline, 'out')
        return self

    def telemetry(self, command: str):
        """The answer to one telemetry command: '/hellogate/stats', '/hellogate/worker,0'."""
        if self._telemetry is None:
            self._telemetry = Telemetry(self.runtime / 'dpdk_telemetry.v2')
        try:
            return self._telemetry.ask(command)
        except (OSError, ValueError):
            self._telemetry.close()
            self._telemetry = None
            raise

    def stats(self) -> dict[str, int]:
        """Every counter, summed over workers and handshake cores."""
        return self.telemetry('/hellogate/stats')

    def sessions(self) -> dict[str, int]:
        return self.telemetry('/hellogate/sessions')

    def wait_for(self, condition: Callable[[dict[str, int]], object], deadline: float = PATIENCE,
                 command: str = '/hellogate/stats') -> dict[str, int]:
        """Polls a telemetry command until the condition holds for its answer, which is returned."""
        end = time.monotonic() + slow(deadline)
        while True:
            answer = self.telemetry(command)
            if condition(answer):
                return answer
            if time.monotonic() >= end:
                told = {k: v for k, v in answer.items() if v}
                raise AssertionError(f'{command} did not get there in {slow(deadline):g} s: {told}')
            time.sleep(0.02)

    def stop(self, sig: int = signal.SIGTERM, deadline: float = PATIENCE,
             expect: int | None = 0) -> tuple[int, dict[str, int]]:
        """Stops the daemon: its exit code and its final counters, checked for consistency."""
        self._hang_up()
        if self.process.alive():
            self.process.popen.send_signal(sig)
        code = self.process.wait(deadline)
        told = re.findall(r'^([a-z][a-z0-9_]*) (\d+)$', self.process.stdout, re.MULTILINE)
        self.counters = {name: int(value) for name, value in told}
        if expect is not None and code != expect:
            raise AssertionError(f'hellogate ended with {code}, not {expect}\n{self.log()}')
        check_sanitizers(self.process.stderr)
        if code == 0:
            check_books(self.counters)
        return code, self.counters

    def kill(self) -> None:
        """Ends the daemon without ceremony (power cut)."""
        self._hang_up()
        if self.process:
            self.process.kill()

    def close(self) -> None:
        """Ends what still runs and removes what was made, by name."""
        if self.process and self.process.alive():
            self._hang_up()
            self.process.kill(signal.SIGTERM)
        self._hang_up()
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.rmtree(self.runtime, ignore_errors=True)
        if self in _running:
            _running.remove(self)

    def log(self) -> str:
        """What it has written, without the counters that are 0."""
        log = self.process.log() if self.process else ''
        return re.sub(r'^.* [a-z0-9_]+ 0\n', '', log, flags=re.MULTILINE)

    def _hang_up(self) -> None:
        if self._telemetry:
            self._telemetry.close()
            self._telemetry = None

    def __enter__(self) -> Gateway:
        try:
            return self.start() if self.process is None else self
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_) -> None:
        self.close()


def check_sanitizers(text: str) -> None:
    """Asserts that no sanitizer has complained: UBSan alone does not change the exit code."""
    if re.search(r'runtime error: |Sanitizer: ', text):
        raise AssertionError(f'a sanitizer found a defect:\n{text}')


def check_books(c: Mapping[str, int]) -> None:
    """Asserts what holds for the counters of every hellogate that has drained (app/gateway/stats.h)."""
    def equal(left: str, left_value: int, right: str, right_value: int) -> None:
        if left_value != right_value:
            told = {k: v for k, v in c.items() if v}
            raise AssertionError(f'{left} = {left_value}, but {right} = {right_value}: {told}')

    def named(prefix: str) -> int:
        return sum(v for k, v in c.items() if k.startswith(prefix))

    drops = named('drop_')
    bridged = c['bridged_to_servers'] + c['bridged_to_clients']
    equal('rx', c['rx'], 'tx + forwarded + to_kernel + bridged_* + drop_*',
          c['tx'] + c['forwarded'] + c['to_kernel'] + bridged + drops)
    equal('to_kernel', c['to_kernel'],
          'kernel_tx + kernel_tx_dropped', c['kernel_tx'] + c['kernel_tx_dropped'])
    equal('kernel_rx', c['kernel_rx'],
          'from_kernel + kernel_rx_dropped', c['from_kernel'] + c['kernel_rx_dropped'])
    equal('from_kernel', c['from_kernel'],
          'from_kernel_tx + from_kernel_tx_*', named('from_kernel_tx'))
    equal('answers built', c['hvr'] + c['arp_replies'] + c['neighbour_adverts'] + c['echo_replies'],
          'tx + drop_tx_*', c['tx'] + named('drop_tx_'))
    equal('session_rx', c['session_rx'],
          'session_tx + session_tx_*', named('session_tx'))
    equal('forwarded', c['forwarded'], 'datagrams', c['datagrams'])
    equal('datagrams', c['datagrams'], 'hello_* + records + refused_*',
          c['hello_new'] + c['hello_beside'] + c['hello_again'] + c['records']
          + sum(v for k, v in c.items() if k.startswith('refused_')))
    ends = ('failed', 'half_open_expired', 'replaced', 'closed', 'broken', 'idle', 'evicted', 'removed',
            'drained')
    equal('sessions_opened', c['sessions_opened'],
          'ended sessions', sum(c[f'sessions_{end}'] for end in ends))


def check_config(config_text: str, options: Sequence[str] = ('--check',), eal: Sequence[str] = (),
                 files: Mapping[str, str | bytes] | None = None, netns: str | None = None,
                 memory: int = 256, deadline: float = PATIENCE) -> tuple[int, str, str, Gateway]:
    """Runs hellogate to its end: exit code, stdout, stderr, and the Gateway (already closed)."""
    gateway = Gateway(config_text, eal, netns, files=files, memory=memory)
    try:
        process = gateway.spawn(*options)
        code = process.wait(deadline)
        check_sanitizers(process.stderr)
        return code, process.stdout, process.stderr, gateway
    finally:
        gateway.close()


def kill_all() -> None:
    """For a test that was told to end: what runs is killed and what was made is removed, at once."""
    for gateway in list(_running):
        if gateway.process:
            gateway.process.popen.kill()
            gateway.process.popen.wait()
        shutil.rmtree(gateway.directory, ignore_errors=True)
        shutil.rmtree(gateway.runtime, ignore_errors=True)
        _running.remove(gateway)


@atexit.register
def _close_all() -> None:
    for gateway in list(_running):
        gateway.close()
