# SPDX-License-Identifier: BSD-3-Clause
"""Clocks that a test moves (moved_clock.c): nothing is waited for, and nothing runs out meanwhile.

A gateway with such a clock has the real time of day, and a steady clock sixteen times slower than the
real one: time-outs of a minute last for a quarter of an hour, unless the test moves the clock. What it
would send again after a second is late, too.
"""
from __future__ import annotations

import contextlib
import os
import pathlib
import struct
import tempfile
import time
from typing import Iterator, Mapping

from harness import BUILD, Gateway, Net, configuration, running, until

KEYS = '/hellogate/keys'


class Clock:
    """Of one gateway, or of all programs that have its environment. of_day_alone: their steady clocks
    are the real ones."""

    def __init__(self, of_day_alone: bool = False) -> None:
        file, name = tempfile.mkstemp(prefix='hellogate-clock-')
        os.close(file)
        self.path = pathlib.Path(name)
        self.path.chmod(0o644)
        self.of_day = self.steady = 0  # by how many seconds they are off
        self._write()
        self.env = {'LD_PRELOAD': str(BUILD / 'tests' / 'e2e' / 'libmoved_clock.so'),
                    'HG_MOVED_CLOCK': name,
                    **({} if of_day_alone else {'HG_SLOW_TSC': '1'}),
                    'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':verify_asan_link_order=0'}

    def _write(self) -> None:
        with open(self.path, 'r+b') as file:  # in place: it is mapped
            file.write(struct.pack('=qq', self.of_day, self.steady))

    def pass_by(self, seconds: int) -> None:
        """So much time passes: what was to happen within it happens now."""
        self.steady += seconds
        self._write()

    def now(self) -> float:
        """The time of day."""
        return time.time() + self.of_day

    def set(self, seconds: int, *gateways: Gateway) -> None:
        """The time of day is so far from the real one; waits until the gateways know."""
        self.of_day = seconds
        self._write()
        for g in gateways:
            until(lambda g=g: self._known(g), lambda: f'the clock is off by {seconds} s: '
                  f'{g.telemetry(KEYS)}')

    def _known(self, g: Gateway) -> bool:
        earliest = int(self.now())
        told = g.telemetry(KEYS)
        known = told['epoch'] * told['rotation_seconds'] + told['age_seconds']
        return earliest - 1 <= known <= self.now()

    def close(self) -> None:
        self.path.unlink(missing_ok=True)


@contextlib.contextmanager
def movable(net: Net, listeners: Mapping[str, Mapping[str, object]], of_day_alone: bool = False,
            **options) -> Iterator[tuple[Gateway, Clock]]:
    """A running gateway and its clock."""
    clock = Clock(of_day_alone)
    try:
        g = Gateway(configuration(net, listeners, **options), netns=net.gateway, env=clock.env)
        with running(g, net):
            yield g, clock
    finally:
        clock.close()
