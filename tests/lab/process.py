# SPDX-License-Identifier: BSD-3-Clause
"""Programs that run beside a test or a benchmark: their output as it comes, their end, deadlines.

Environment: HG_BUILD (build directory), HG_SOURCE (source directory), HG_SLOW (factor on every
deadline, for sanitizers and emulators).
"""
from __future__ import annotations

import ctypes
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import threading
import time
from typing import Callable, Mapping, Sequence

SOURCE = pathlib.Path(os.environ.get('HG_SOURCE') or pathlib.Path(__file__).resolve().parents[2])
BUILD = pathlib.Path(os.environ.get('HG_BUILD') or SOURCE / 'build')

# Seconds until a test gives up what it waits for. It only says how long a failure takes: with ten
# others on its CPU a gateway starts in as many seconds.
PATIENCE = 90
PASSES = 100  # over the pipes of a process that never stops writing


def sanitizers() -> set[str]:
    """What the build tree was configured with. The environment does not tell: later releases of Meson
    set ASAN_OPTIONS and its like for every test."""
    told = BUILD / 'meson-info/intro-buildoptions.json'
    options = json.loads(told.read_text('utf-8')) if told.exists() else [
        {'name': 'b_sanitize', 'value': 'none'}]
    value, = (option['value'] for option in options if option['name'] == 'b_sanitize')
    return set(value.split(',') if isinstance(value, str) else value) - {'none'}


SANITIZERS = sanitizers()
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def slow(seconds: float) -> float:
    """A deadline in seconds, stretched by HG_SLOW."""
    return seconds * float(os.environ.get('HG_SLOW') or 1)


def until(condition: Callable[[], object], told: Callable[[], object] = lambda: 'not in time',
          pace: float = 0.02) -> None:
    """Waits until the condition holds. It asks again after so many seconds: a pace, not a wait."""
    end = time.monotonic() + slow(PATIENCE)
    while not condition():
        assert time.monotonic() < end, told()
        time.sleep(pace)


def die_with_parent() -> None:
    """For preexec_fn: no child outlives a test that was killed."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Process:
    """A child whose output is collected line by line while it runs."""

    def __init__(self, argv: Sequence[str], netns: str | None = None,
                 cwd: str | os.PathLike | None = None, env: Mapping[str, str] | None = None,
                 name: str | None = None) -> None:
        self.argv = [str(a) for a in argv]
        self.name = name or os.path.basename(self.argv[0])
        if netns:
            self.argv = ['ip', 'netns', 'exec', netns, *self.argv]
        self.lines: list[tuple[str, str]] = []  # (stream, line without its newline)
        self._partial = {'out': '', 'err': ''}
        self._news = threading.Condition()
        self.popen = subprocess.Popen(
            self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            cwd=cwd, env={**os.environ, **(env or {})}, preexec_fn=die_with_parent)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        """Until both pipes are at their end. What was written before a line, to either of them, is there
        when the line is: nothing is shown before both have been found empty."""
        pipes = {'out': self.popen.stdout.fileno(), 'err': self.popen.stderr.fileno()}
        poll = select.poll()
        for pipe in pipes.values():
            os.set_blocking(pipe, False)
            poll.register(pipe, select.POLLIN)
        while pipes:
            poll.poll()
            news = []
            for _ in range(PASSES):
                before = len(news)
                for stream, pipe in list(pipes.items()):
                    try:
                        data = os.read(pipe, 65536)
                    except BlockingIOError:
                        continue
                    news.append((stream, data))
                    if not data:
                        poll.unregister(pipes.pop(stream))
                if len(news) == before:
                    break
            self._show(news)

    def _show(self, news: list[tuple[str, bytes]]) -> None:
        with self._news:
            for stream, data in news:
                text = self._partial[stream] + data.decode(errors='replace')
                *whole, self._partial[stream] = text.split('\n')
                self.lines += [(stream, line) for line in whole]
                if not data and self._partial[stream]:
                    self.lines.append((stream, self._partial[stream]))
                    self._partial[stream] = ''
            self._news.notify_all()

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def stdout(self) -> str:
        return self.output('out')

    @property
    def stderr(self) -> str:
        return self.output('err')

    def output(self, stream: str | None = None) -> str:
        """What it has written until now, an unfinished line included."""
        with self._news:
            text = ''.join(line + '\n' for s, line in self.lines if stream in (None, s))
            return text + ''.join(p for s, p in self._partial.items() if stream in (None, s))

    def alive(self) -> bool:
        """Has it not ended? Of one that has, all that it has written is there."""
        if self.popen.poll() is None:
            return True
        self._join()
        return False

    def send(self, text: str | bytes) -> None:
        """Writes to its standard input."""
        self.popen.stdin.write(text.encode() if isinstance(text, str) else text)
        self.popen.stdin.flush()

    def end_input(self) -> None:
        try:
            self.popen.stdin.close()
        except BrokenPipeError:
            pass

    def expect(self, pattern: str, deadline: float = PATIENCE, stream: str | None = None) -> re.Match:
        """Waits until its output matches the regular expression."""
        regex = re.compile(pattern, re.MULTILINE)
        end = time.monotonic() + slow(deadline)
        while True:
            running = self.alive()
            match = regex.search(self.output(stream))
            if match:
                return match
            left = end - time.monotonic()
            if not running or left <= 0:
                why = f'ended with {self.popen.returncode}' if not running else 'said nothing of it'
                raise AssertionError(f'{self.name}: no match for {pattern!r} in time: {why}\n'
                                     f'{self.log()}')
            with self._news:
                self._news.wait(min(left, 0.05))

    def wait(self, deadline: float = PATIENCE) -> int:
        """Waits for its end and yields its exit code (negative: by a signal)."""
        try:
            self.popen.wait(slow(deadline))
        except subprocess.TimeoutExpired:
            raise AssertionError(f'{self.name}: still runs after {slow(deadline):g} s\n'
                                 f'{self.log()}') from None
        self._join()
        return self.popen.returncode

    def kill(self, sig: int = signal.SIGKILL) -> None:
        """Ends it for certain; harmless when it has ended."""
        if self.alive():
            self.popen.send_signal(sig)
            try:
                self.popen.wait(slow(PATIENCE))
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        self._join()

    def _join(self) -> None:
        self._reader.join(slow(PATIENCE))
        self.end_input()
        self.popen.stdout.close()
        self.popen.stderr.close()

    def log(self) -> str:
        with self._news:
            lines = [f'  {self.name} {s}: {line}' for s, line in self.lines[-200:]]
        return '\n'.join(lines)


def command(*argv: str, netns: str | None = None, check: bool = True, **kwargs) -> str:
    """Runs a command to its end and yields its output."""
    if netns:
        argv = ('ip', 'netns', 'exec', netns, *argv)
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors='replace', stdin=subprocess.DEVNULL, timeout=slow(PATIENCE), **kwargs)
    if check and done.returncode:
        raise AssertionError(f'{" ".join(argv)} ended with {done.returncode}:\n{done.stdout}')
    return done.stdout
