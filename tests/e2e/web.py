# SPDX-License-Identifier: BSD-3-Clause
"""Asking the gateway over HTTP: requests, the text of /metrics, and a browser."""
from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from typing import Any, Iterator, NamedTuple

from harness import GW4, PATIENCE, PORT, Net, die_with_parent, in_netns, packets, slow

METRICS = ('127.0.0.1', 9684)
SAMPLE = re.compile(r'(hellogate_[a-z0-9_]+)(?:\{([^}]*)\})? (\S+)')


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def connect(net: Net, where: tuple[str, int] | str = METRICS, source: str = '') -> socket.socket:
    """A connection to the gateway's HTTP server, from its own namespace."""
    with in_netns(net.gateway):
        one = socket.socket(socket.AF_UNIX if isinstance(where, str) else
                            socket.AF_INET6 if ':' in where[0] else socket.AF_INET)
    one.settimeout(slow(PATIENCE))
    if source:
        one.bind((source, 0))
    try:
        one.connect(where)
    except BaseException:
        one.close()
        raise
    return one


def ask(net: Net, path: str = '/metrics', where: tuple[str, int] | str = METRICS,
        method: str = 'GET', source: str = '', body: bytes | None = None,
        **headers: str) -> Answer:
    connection = http.client.HTTPConnection('gateway')
    connection.sock = connect(net, where, source)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        told = connection.getresponse()
        return Answer(told.status, {k.lower(): v for k, v in told.getheaders()}, told.read())


def samples(text: str) -> dict[str, float]:
    """Name and labels -> value, in the order of the text."""
    found = {}
    for line in text.splitlines():
        if line.startswith('#'):
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        key = match[1] + (f'{{{match[2]}}}' if match[2] else '')
        assert key not in found, f'{key} is there twice'
        found[key] = float(match[3])
    return found


@contextlib.contextmanager
def flood(net: Net, pause: float = 0.002) -> Iterator[None]:
    """Hellos without cookies from one socket, until the end."""
    end = threading.Event()
    with in_netns(net.client):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send() -> None:
        with sender:
            while not end.wait(pause):
                with contextlib.suppress(OSError):  # no room: a flood loses some
                    sender.sendto(packets.Hello().datagram(), (GW4, PORT))
                    sender.sendto(b'nothing of DTLS', (GW4, PORT))

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


class Browser:
    """Headless Chromium in a namespace, spoken to by its DevTools protocol over two pipes."""

    def __init__(self, netns: str) -> None:
        self.directory = tempfile.mkdtemp(prefix='hellogate-browser-')
        self.number = itertools.count(1)
        self.page = ''
        self.told: list[dict[str, Any]] = []  # events
        inward, self.write_end = os.pipe()
        self.read_end, outward = os.pipe()

        def prepare() -> None:
            die_with_parent()
            os.setsid()
            os.dup2(inward, 103)  # beyond all that is open, so that none covers the other
            os.dup2(outward, 104)
            os.dup2(103, 3)
            os.dup2(104, 4)

        self.process = subprocess.Popen(
            ['ip', 'netns', 'exec', netns, 'chromium', '--headless=new', '--no-sandbox',
             '--remote-debugging-pipe', '--disable-gpu', '--disable-dev-shm-usage',
             '--no-first-run', '--disable-background-networking', '--disable-extensions',
             '--disable-component-update', f'--user-data-dir={self.directory}', 'about:blank'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            close_fds=False, preexec_fn=prepare,
            env={**os.environ, 'HOME': self.directory, 'XDG_RUNTIME_DIR': self.directory})
        os.close(inward)
        os.close(outward)
        self.pending = b''

    def __enter__(self) -> Browser:
        try:
            targets = self.call('Target.getTargets')['targetInfos']
            target = next(t['targetId'] for t in targets if t['type'] == 'page')
            self.page = self.call('Target.attachToTarget', targetId=target,
                                  flatten=True)['sessionId']
            for domain in ('Page', 'Runtime', 'Log', 'Network'):
                self.call(f'{domain}.enable')
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.read_end)
        os.close(self.write_end)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _next(self, end: float) -> dict[str, Any]:
        while b'\0' not in self.pending:
            left = end - time.monotonic()
            assert left > 0 and select.select([self.read_end], [], [], left)[0], \
                'chromium gives no answer'
            data = os.read(self.read_end, 1 << 20)
            assert data, 'chromium has ended'
            self.pending += data
        message, self.pending = self.pending.split(b'\0', 1)
        return json.loads(message)

    def call(self, method: str, **params: object) -> dict[str, Any]:
        number = next(self.number)
        message = {'id': number, 'method': method, 'params': params}
        if self.page:
            message['sessionId'] = self.page
        os.write(self.write_end, json.dumps(message).encode() + b'\0')
        end = time.monotonic() + slow(PATIENCE)
        while True:
            answer = self._next(end)
            if answer.get('id') == number:
                assert 'error' not in answer, answer
                return answer['result']
            self.told.append(answer)

    def evaluate(self, expression: str) -> Any:
        result = self.call('Runtime.evaluate', expression=expression, returnByValue=True)
        assert 'exceptionDetails' not in result, result
        return result['result'].get('value')

    def wait_for(self, expression: str, deadline: float = PATIENCE) -> None:
        end = time.monotonic() + slow(deadline)
        while not self.evaluate(expression):
            assert time.monotonic() < end, (expression, self.evaluate('document.body.innerText'))
            time.sleep(0.05)

    def screenshot(self, path: str | os.PathLike, width: int, height: int, dark: bool) -> None:
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)
        self.call('Emulation.setEmulatedMedia', features=[
            {'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}])
        shot = self.call('Page.captureScreenshot', captureBeyondViewport=True)['data']
        pathlib.Path(path).write_bytes(base64.b64decode(shot))
